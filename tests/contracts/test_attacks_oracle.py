"""Attacks that happened to others, each of them tried on the oracle."""

import pytest
from brownie import web3
from eth_abi import encode
from eth_abi.packed import encode_packed
from eth_account import Account
from eth_utils.crypto import keccak

from outcomes import refused
from signing import digest_of, malleated, sign
from world import (
    CARBON,
    CARBON_RULES,
    DAY,
    DECEMBER,
    DELIVERED,
    FOREST,
    JANUARY,
    NOTHING,
    REMOTE,
    SCALES_RULES,
    SENSORS,
    TEA,
    ZERO,
    Holders,
    Kind,
    RoundState,
    Verdict,
    digest,
    first_second,
    month,
    person,
    text32,
)

START, END = first_second(month(2025, 1)), first_second(JANUARY)
PANEL_TIME = 14 * DAY


@pytest.fixture(scope="module")
def holders(cooperative, household):
    return Holders([(cooperative, 700), (household, 300)])


@pytest.fixture
def report(county, holders):
    return county.report(CARBON, FOREST, START, END, holders=holders)


@pytest.fixture
def candidate(county, report, remote_sensing, sensors, second_sensors, verifier):
    county.submit(county.report(REMOTE, FOREST, START, END, value=1_000), remote_sensing)
    county.submit(report, sensors, second_sensors, verifier)
    return county.round_of(report)


@pytest.fixture
def submit(oracle, relayer):
    return lambda report, signature: oracle.submit(report, signature, {"from": relayer})


# STAKE-WEIGHTED ARBITER BOUGHT


def test_stake_weighted_arbiter_bought(county, participants, oracle, panel, candidate, operator, forester, buyer, bank):
    """Polymarket's disputes were decided by whoever held most UMA. Here one member is bought, and holds most money."""
    participants.admit(forester, Kind.BUYER, digest("papers"), {"from": operator})
    county.challenge(candidate, bank)
    for account in (forester, buyer, bank):
        county.fund(account, 10**15)

    panel.vote(candidate, Verdict.VOID, {"from": forester})
    with refused("VotedAlready", dispute=1, member=forester):
        panel.vote(candidate, Verdict.VOID, {"from": forester})
    for rich in (buyer, bank):
        with refused("NotOnPanel", caller=rich, panel=1):
            panel.vote(candidate, Verdict.VOID, {"from": rich})
    county.judge(candidate, Verdict.UPHELD, "statistician", "judge")
    assert oracle.roundOf(candidate)["state"] == RoundState.CANDIDATE


def test_arbiters_replaced_in_the_middle_of_a_dispute(
    county, oracle, panel, candidate, committee, buyer, bank, auditor
):
    county.challenge(candidate, bank)
    panel.electPanel(buyer, bank, auditor, {"from": committee})
    for new in (buyer, auditor):
        with refused("NotOnPanel", caller=new, panel=1):
            panel.vote(candidate, Verdict.UPHELD, {"from": new})


# DISPUTE FALLS BACK TO AN OLDER, BETTER VALUE


@pytest.fixture
def better(county, oracle, weighbridge, committee, holders):
    """November was 1,000 and is final; December is 400, and hurts somebody who wants to borrow."""
    county.weigh(holders, month(2025, 11))
    oracle.configureFeed(DELIVERED, SCALES_RULES._replace(challengeWindow=3 * DAY), {"from": committee})
    assert oracle.lendingValue(DELIVERED, TEA) == 1_000


@pytest.fixture
def worse(county, better, weighbridge, cooperative):
    report = county.report(
        *(DELIVERED, TEA, first_second(DECEMBER), END), holders=Holders([(cooperative, 400)]), uncertainty=0
    )
    county.submit(report, weighbridge)
    return county.round_of(report)


@pytest.mark.parametrize("end", ["open", "lapsed", "void", "upheld"])
def test_dispute_falls_back_to_an_older_better_value(county, oracle, panel, worse, clock, relayer, end):
    """UMA and Tellor: who disputes the newest value makes consumers read the one before it."""
    county.challenge(worse)
    if end == "lapsed":
        clock.after(PANEL_TIME)
        panel.lapse(worse, {"from": relayer})
    elif end != "open":
        county.judge(worse, {"void": Verdict.VOID, "upheld": Verdict.UPHELD}[end])
    assert oracle.lendingValue(DELIVERED, TEA) == 400
    clock.after(60 * DAY)
    assert oracle.lendingValue(DELIVERED, TEA) == 400


def test_many_disputes_do_not_raise_the_value_step_by_step(county, oracle, worse, cooperative, weighbridge):
    for number, value in enumerate((600, 800)):
        county.challenge(worse)
        county.judge(worse, Verdict.VOID)
        again = county.report(
            *(DELIVERED, TEA, first_second(DECEMBER), END), holders=Holders([(cooperative, value)]), uncertainty=number
        )
        county.submit(again, weighbridge)
        assert oracle.lendingValue(DELIVERED, TEA) == 400


def test_a_reporter_who_destroys_its_own_bad_news_keeps_the_bad_value(county, oracle, worse, holders, weighbridge):
    """Who equivocates on purpose loses the candidate, not what it said."""
    county.submit(county.report(DELIVERED, TEA, first_second(DECEMBER), END, holders=holders), weighbridge)
    assert oracle.roundOf(worse)["state"] == RoundState.NONE
    assert oracle.lendingValue(DELIVERED, TEA) == 400


def test_a_stale_value_is_not_lent_on_however_good(county, oracle, worse, clock):
    until = oracle.requireFresh(DELIVERED, TEA)["validUntil"]
    clock.stand_at(until)
    with refused("NotFresh", feed=DELIVERED, subject=TEA, validUntil=until):
        oracle.lendingValue(DELIVERED, TEA)


# FEED CLAMPED AT ITS BOUNDS


@pytest.mark.parametrize("value", [CARBON_RULES.minimumValue - 1, CARBON_RULES.maximumValue + 1, -(2**127), 2**127 - 1])
def test_feed_clamped_at_its_bounds(county, oracle, report, submit, sensors, value):
    """LUNA fell below the lowest price that a feed could show, and was lent on at that price. Here nothing is shown."""
    beyond = report._replace(value=value, shareRoot=NOTHING, shareCount=0)
    with refused("ValueOutOfBounds", value=value, minimum=CARBON_RULES.minimumValue, maximum=CARBON_RULES.maximumValue):
        submit(beyond, county.sign(beyond, sensors))
    with refused("NotFresh", feed=CARBON, subject=FOREST, validUntil=0):
        oracle.lendingValue(CARBON, FOREST)


def test_a_panel_does_not_clamp_either(county, candidate):
    county.challenge(candidate)
    value = CARBON_RULES.maximumValue + 1
    with refused("ValueOutOfBounds", value=value, minimum=CARBON_RULES.minimumValue, maximum=CARBON_RULES.maximumValue):
        county.restate(candidate, county.figures(value=value), "forester")


# EDITED DATES AND ONE-OFF SAMPLING SHOWN AS MONTHLY


def test_one_off_sampling_shown_as_monthly(county, oracle, submit, holders, weighbridge):
    """One visit in January is to be twelve months of monitoring."""
    visit = county.weigh(holders, DECEMBER)
    evidence = oracle.finalRound(visit)["evidenceRoot"]
    for period in (month(2025, 11), month(2025, 10)):
        start, end = first_second(period), first_second(period + 1)
        copied = county.report(DELIVERED, TEA, start, end, holders=holders, evidenceRoot=bytes(evidence))
        numbered = county.numbered(copied, weighbridge)
        with refused("EvidenceReused", evidenceRoot=evidence, round=visit):
            submit(numbered, county.sign(numbered, weighbridge))


def test_one_off_sampling_under_twelve_roots_is_too_late_for_old_months(county, submit, holders, sensors, clock):
    """The same visit, hashed anew for each month: what was observed now says nothing of a month long past."""
    long_ago = month(2024, 11)
    copied = county.report(CARBON, FOREST, first_second(long_ago), first_second(long_ago + 1), holders=holders)
    latest = first_second(long_ago + 1) + CARBON_RULES.maximumLag
    with refused("ObservedTooLate", observedAt=copied.observedAt, latest=latest):
        submit(copied, county.sign(copied, sensors))


def test_an_observation_dated_back_into_its_month(county, submit, report, sensors):
    """The data was made today; its date is edited to two months ago."""
    evidence = county.anchored()
    edited = report._replace(observedAt=END, evidenceRoot=evidence)
    anchored = report.observedAt
    with refused(
        "EvidenceNotAnchored", evidenceRoot=evidence, anchoredAt=anchored, latest=END + CARBON_RULES.anchorLag
    ):
        submit(edited, county.sign(edited, sensors))


def test_an_old_observation_dated_forward_to_look_fresh(county, submit, report, sensors, clock):
    """The data was anchored a month ago; its date is edited to today."""
    anchored = report.observedAt
    clock.after(30 * DAY)
    edited = report._replace(observedAt=anchored + 30 * DAY)
    with refused(
        "EvidenceTooEarly", evidenceRoot=report.evidenceRoot, anchoredAt=anchored, observedAt=anchored + 30 * DAY
    ):
        submit(edited, county.sign(edited, sensors))


# ECRECOVER RETURNING ZERO


@pytest.mark.parametrize(
    "signature",
    [bytes(65), bytes(64) + b"\x1b", b"\x01" * 64 + b"\x00", b"\xff" * 32 + b"\x01" * 32 + b"\x1c"],
    ids=["all zero", "r and s zero", "v zero", "r not on the curve"],
)
def test_ecrecover_returning_zero(oracle, panel, submit, report, committee, auditor, signature):
    with refused("UnknownSigner", feed=CARBON, signer=ZERO):
        oracle.addSigner(CARBON, ZERO, SENSORS, {"from": committee})
    with refused("SignatureMalformed", digest=digest_of(report, oracle)):
        submit(report, signature)
    other = report._replace(value=1_001)
    with refused("SignatureMalformed", digest=digest_of(report, oracle)):
        panel.proveEquivocation(report, signature, other, signature, {"from": auditor})


# MALLEABLE S


def test_malleable_s(county, oracle, submit, report, sensors):
    """The other root of the same signature: neither a second vote, nor a vote at all."""
    signature = county.sign(report, sensors)
    twin = malleated(signature)
    assert Account._recover_hash(digest_of(report, oracle), signature=twin) == sensors.address
    with refused("SignatureMalformed", digest=digest_of(report, oracle)):
        submit(report, twin)
    submit(report, signature)
    again = county.numbered(report, sensors)
    with refused("SignatureMalformed", digest=digest_of(again, oracle)):
        submit(again, malleated(county.sign(again, sensors)))


def test_one_report_signed_twice_is_no_equivocation(county, oracle, panel, report, sensors, auditor):
    signature = county.sign(report, sensors)
    with refused("NoEquivocation", first=oracle.resultId(report), second=oracle.resultId(report)):
        panel.proveEquivocation(report, signature, report, malleated(signature), {"from": auditor})


# PACKED-ENCODING COLLISION


def test_packed_encoding_collision(oracle):
    """Bytes that two texts share when they are glued together must not make one round of two."""
    first = (b"carbon".ljust(31, b"\0") + b"1", text32("pool"), 1, 0x0102)
    shifted = (b"carbon".ljust(31, b"\0") + b"1", text32("pool"), 0x0101, 0x02)
    assert encode_packed(["uint8", "uint16"], [1, 0x0102]) == encode_packed(["uint16", "uint8"], [0x0101, 2])
    assert oracle.roundId(*first) != oracle.roundId(*shifted)
    assert bytes(oracle.roundId(*first)) == keccak(encode(["bytes32", "bytes32", "uint64", "uint64"], list(first)))
    assert bytes(oracle.roundId(*first)) != keccak(
        encode_packed(["bytes32", "bytes32", "uint64", "uint64"], list(first))
    )


def test_figures_that_share_their_digits_are_different_results(oracle, report):
    """Value and uncertainty, root and count: moved across a border they hash to something else."""
    some = report._replace(value=12, uncertainty=3)
    others = [
        report._replace(value=1, uncertainty=23),
        report._replace(value=3, uncertainty=12),
        some._replace(shareRoot=some.evidenceRoot, evidenceRoot=some.shareRoot),
        some._replace(evidenceRoot=some.methodology, methodology=some.evidenceRoot),
    ]
    assert len({bytes(oracle.resultId(each)) for each in (some, *others)}) == 5


# SIGNATURE NOT BOUND TO CONTRACT, CHAIN OR SUBJECT


@pytest.mark.parametrize("other_domain", [{"verifyingContract": "0x" + 40 * "1"}, {"chainId": 1}], ids=str)
def test_signature_not_bound_to_contract_or_chain(
    county, oracle, panel, submit, report, sensors, auditor, other_domain
):
    elsewhere = sign(report, sensors, oracle, **other_domain)
    stranger = Account._recover_hash(digest_of(report, oracle), signature=elsewhere)
    assert stranger != sensors.address
    with refused("UnknownSigner", feed=CARBON, signer=stranger):
        submit(report, elsewhere)
    here = county.sign(report._replace(value=1_001), sensors)
    with refused("SignersDiffer", first=stranger, second=sensors):
        panel.proveEquivocation(report, elsewhere, report._replace(value=1_001), here, {"from": auditor})


def test_signature_not_bound_to_subject(county, oracle, submit, report, sensors):
    signature = county.sign(report, sensors)
    elsewhere = report._replace(subject=text32("forest-2"))
    stranger = Account._recover_hash(digest_of(elsewhere, oracle), signature=signature)
    with refused("UnknownSigner", feed=CARBON, signer=stranger):
        submit(elsewhere, signature)


def test_a_signature_for_the_oracle_of_a_fork_with_the_same_rules_is_worthless(oracle, report):
    """The digest of the rules names chain and contract as well."""
    rules = "(uint8,uint8,uint32,uint32,uint32,uint16,bytes32,int128,int128)"
    here = [web3.eth.chain_id, oracle.address, CARBON, tuple(CARBON_RULES), 4]
    types = ["uint256", "address", "bytes32", rules, "uint256"]
    assert keccak(encode(types, here)) == report.configDigest
    for position, other in ((0, 1), (1, "0x" + 40 * "1")):
        assert keccak(encode(types, [*here[:position], other, *here[position + 1 :]])) != report.configDigest


# A KEY THAT WAS ROTATED OUT


def test_a_rotated_keys_old_reports_are_worthless(county, oracle, submit, report, committee, guardian, sensors):
    """Signed before the key was stolen, or after: no date of a report helps it."""
    signature = county.sign(report, sensors)
    oracle.removeSigner(CARBON, sensors, {"from": guardian})
    with refused("StaleConfig", given=report.configDigest, current=oracle.configDigest(CARBON)):
        submit(report, signature)
    anew = report._replace(configDigest=bytes(oracle.configDigest(CARBON)))
    with refused("UnknownSigner", feed=CARBON, signer=sensors):
        submit(anew, county.sign(anew, sensors))

    oracle.addSigner(CARBON, sensors, SENSORS, {"from": committee})
    for old in (report, anew):
        with refused("StaleConfig", given=old.configDigest, current=oracle.configDigest(CARBON)):
            submit(old, county.sign(old, sensors))


def test_a_rotated_keys_pending_vote_does_not_complete_a_quorum(
    county, oracle, report, committee, guardian, remote_sensing, sensors, second_sensors, verifier
):
    county.submit(county.report(REMOTE, FOREST, START, END, value=1_000), remote_sensing)
    county.submit(report, sensors, second_sensors)
    oracle.removeSigner(CARBON, sensors, {"from": guardian})
    oracle.addSigner(CARBON, person("new-sensors"), SENSORS, {"from": committee})
    anew = report._replace(configDigest=bytes(oracle.configDigest(CARBON)))
    county.submit(anew, verifier, person("new-sensors"))
    assert oracle.roundOf(county.round_of(report))["state"] == RoundState.NONE
    county.submit(anew, second_sensors)
    assert oracle.roundOf(county.round_of(report))["state"] == RoundState.CANDIDATE


def test_a_void_results_signatures_are_not_carried_again(county, oracle, submit, candidate, report, sensors):
    county.challenge(candidate)
    kept = county.numbered(report._replace(uncertainty=1), sensors)
    signature = county.sign(kept, sensors)
    county.judge(candidate, Verdict.VOID)
    with refused("StaleConfig", given=report.configDigest, current=oracle.configDigest(CARBON)):
        submit(kept, signature)


def test_a_challenge_is_no_way_to_stop_a_feed_for_ever(county, oracle, panel, candidate, clock, bank, report):
    """Spam: one open challenge each, none soon after one for nothing, and none at all of what was judged."""
    county.challenge(candidate, bank)
    county.judge(candidate, Verdict.UPHELD)
    with refused("ChallengerMustWait", challenger=bank, **{"from": panel.mayChallengeFrom(bank)}):
        panel.challenge(candidate, text32("again"), digest("nothing"), {"from": bank})
    county.finalise(report)
    assert oracle.finalRound(candidate)["value"] == 1_000
