"""Which reports are refused. Every limit is tested below, at and above it."""

import pytest
from eth_abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from outcomes import announced, refused
from signing import HALF_ORDER, digest_of, malleated, sign
from world import (
    CARBON,
    CARBON_RULES,
    DAY,
    DELIVERED,
    FOREST,
    GENESIS,
    JANUARY,
    NOTHING,
    REMOTE,
    Holders,
    digest,
    first_second,
    month,
    text32,
)

START, END = first_second(month(2025, 1)), first_second(JANUARY)


@pytest.fixture(scope="module")
def holders(cooperative, household):
    return Holders([(cooperative, 700), (household, 300)])


@pytest.fixture
def report(county, holders):
    """A report that is good in every way."""
    return county.report(CARBON, FOREST, START, END, holders=holders)


@pytest.fixture
def hand_in(county, oracle, relayer, sensors):
    """Signs a report, unless it comes with a signature, and carries it to the oracle."""

    def hand_in(report, signature=None, signer=sensors):
        return oracle.submit(report, signature or county.sign(report, signer), {"from": relayer})

    return hand_in


# RULES


def test_a_report_to_an_unknown_feed_is_refused(hand_in, report):
    with refused("UnknownFeed", feed=text32("methane-kg")):
        hand_in(report._replace(feed=text32("methane-kg")))


def test_a_report_signed_under_other_rules_is_refused(hand_in, report, oracle, committee):
    oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})
    with refused("StaleConfig", given=report.configDigest, current=oracle.configDigest(CARBON)):
        hand_in(report)


def test_a_report_with_the_digest_of_another_feed_is_refused(hand_in, report, oracle):
    other = bytes(oracle.configDigest(DELIVERED))
    with refused("StaleConfig", given=other, current=report.configDigest):
        hand_in(report._replace(configDigest=other))


# TIME


@pytest.mark.parametrize("end", [START, START - 1])
def test_a_period_that_does_not_begin_before_it_ends_is_refused(hand_in, report, end):
    with refused("PeriodEmpty", periodStart=START, periodEnd=end):
        hand_in(report._replace(periodEnd=end))


def test_a_period_of_one_second_is_accepted(hand_in, report):
    hand_in(report._replace(periodEnd=START + 1))


def test_a_report_observed_before_its_period_was_over_is_refused(hand_in, report):
    with refused("PeriodNotOver", periodEnd=END, observedAt=END - 1):
        hand_in(report._replace(observedAt=END - 1))


def test_a_report_observed_when_its_period_was_over_is_accepted(hand_in, report, clock):
    assert clock.now() - END <= CARBON_RULES.maximumLag
    hand_in(report._replace(periodEnd=report.observedAt))


def test_a_report_from_the_future_is_refused(hand_in, report, clock):
    with refused("ObservedInFuture", observedAt=clock.now() + 1, timestamp=clock.now()):
        hand_in(report._replace(observedAt=clock.now() + 1))


def test_a_report_from_this_second_is_accepted(hand_in, report, clock):
    hand_in(report._replace(observedAt=clock.now()))


def test_a_report_a_second_older_than_the_maximum_lag_is_refused(hand_in, report, clock):
    clock.after(CARBON_RULES.maximumLag + 1)
    with refused("ReportTooOld", observedAt=report.observedAt, oldestAccepted=report.observedAt + 1):
        hand_in(report)


def test_a_report_as_old_as_the_maximum_lag_is_accepted(hand_in, report, clock):
    report = report._replace(validUntil=report.observedAt + 2 * CARBON_RULES.maximumLag)
    clock.after(CARBON_RULES.maximumLag)
    hand_in(report)


def test_a_lag_longer_than_the_clock_refuses_no_report(hand_in, report, oracle, committee):
    oracle.configureFeed(CARBON, CARBON_RULES._replace(maximumLag=2**32 - 1), {"from": committee})
    hand_in(report._replace(configDigest=bytes(oracle.configDigest(CARBON))))


def test_a_report_whose_validity_ends_now_is_refused(hand_in, report, clock):
    with refused("ReportExpired", validUntil=clock.now(), timestamp=clock.now()):
        hand_in(report._replace(validUntil=clock.now()))


def test_a_report_that_is_valid_for_one_more_second_is_accepted(hand_in, report, clock):
    hand_in(report._replace(validUntil=clock.now() + 1))


def test_an_observation_a_second_too_long_after_its_period_is_refused(hand_in, report):
    latest = report.observedAt - 1
    early = report._replace(periodStart=0, periodEnd=latest - CARBON_RULES.maximumLag)
    with refused("ObservedTooLate", observedAt=report.observedAt, latest=latest):
        hand_in(early)


def test_an_observation_as_long_after_its_period_as_the_lag_is_accepted(hand_in, report):
    hand_in(report._replace(periodStart=0, periodEnd=report.observedAt - CARBON_RULES.maximumLag))


# FIGURES


@pytest.mark.parametrize("value", [CARBON_RULES.minimumValue - 1, CARBON_RULES.maximumValue + 1])
def test_a_value_outside_the_physical_bounds_is_refused_and_never_clamped(hand_in, report, value):
    with refused("ValueOutOfBounds", value=value, minimum=CARBON_RULES.minimumValue, maximum=CARBON_RULES.maximumValue):
        hand_in(report._replace(value=value))


@pytest.mark.parametrize("value", [CARBON_RULES.minimumValue, CARBON_RULES.maximumValue])
def test_a_value_at_the_physical_bounds_is_accepted_as_it_is(hand_in, report, value):
    at_bound = report._replace(value=value, shareRoot=NOTHING, shareCount=0)
    assert hand_in(at_bound).events["Reported"]["report"]["value"] == value


@pytest.mark.parametrize(
    "changes",
    [{"shareCount": 0}, {"shareRoot": NOTHING}, {"value": 0}, {"value": -1}],
    ids=["a root without leaves", "leaves without a root", "a register of nothing", "a register of a loss"],
)
def test_a_malformed_register_is_refused(hand_in, report, changes):
    malformed = report._replace(**changes)
    with refused(
        "RegisterMalformed",
        shareRoot=malformed.shareRoot,
        shareCount=malformed.shareCount,
        value=malformed.value,
    ):
        hand_in(malformed)


@pytest.mark.parametrize("value", [-1, 0, 1])
def test_a_figure_without_a_register_is_accepted(hand_in, report, value):
    hand_in(report._replace(value=value, shareRoot=NOTHING, shareCount=0))


# EVIDENCE


def test_a_report_on_evidence_that_was_never_anchored_is_refused(hand_in, report):
    latest = report.observedAt + CARBON_RULES.anchorLag
    with refused("EvidenceNotAnchored", evidenceRoot=digest("unseen"), anchoredAt=0, latest=latest):
        hand_in(report._replace(evidenceRoot=digest("unseen")))


def test_a_report_on_evidence_anchored_a_second_late_is_refused(hand_in, report, county, clock):
    latest = report.observedAt + CARBON_RULES.anchorLag
    clock.stand_at(latest + 1)
    late = county.anchored()
    with refused("EvidenceNotAnchored", evidenceRoot=late, anchoredAt=latest + 1, latest=latest):
        hand_in(report._replace(evidenceRoot=late))


def test_a_report_on_evidence_anchored_in_the_last_second_is_accepted(hand_in, report, county, clock):
    clock.stand_at(report.observedAt + CARBON_RULES.anchorLag)
    hand_in(report._replace(evidenceRoot=county.anchored()))


def test_evidence_older_than_its_last_observation_is_refused(hand_in, report, clock):
    anchored = clock.now()
    clock.after(1)
    with refused("EvidenceTooEarly", evidenceRoot=report.evidenceRoot, anchoredAt=anchored, observedAt=anchored + 1):
        hand_in(report._replace(observedAt=anchored + 1))
    hand_in(report._replace(observedAt=anchored))


def test_evidence_of_another_round_of_the_subject_is_refused(hand_in, report, county, holders, sensors):
    used = county.measure(holders, evidenceRoot=report.evidenceRoot)
    earlier = report._replace(periodStart=START - DAY, periodEnd=START)
    with refused("EvidenceReused", evidenceRoot=report.evidenceRoot, round=used):
        hand_in(county.numbered(earlier, sensors))
    hand_in(county.numbered(earlier._replace(subject=text32("forest-2")), sensors))


# SIGNATURES


@pytest.mark.parametrize("length", [0, 1, 64, 66, 130])
def test_a_signature_of_another_length_is_refused(hand_in, report, county, oracle, sensors, length):
    signature = (county.sign(report, sensors) * 2)[:length]
    with refused("SignatureMalformed", digest=digest_of(report, oracle)):
        oracle.submit(report, signature, {"from": sensors})


def test_a_malleated_signature_is_refused(hand_in, report, county, oracle, sensors):
    signature = county.sign(report, sensors)
    twin = malleated(signature)
    assert int.from_bytes(signature[32:64], "big") <= HALF_ORDER < int.from_bytes(twin[32:64], "big")
    assert Account._recover_hash(digest_of(report, oracle), signature=twin) == sensors.address
    with refused("SignatureMalformed", digest=digest_of(report, oracle)):
        hand_in(report, twin)


@pytest.mark.parametrize(
    "signature",
    [
        bytes(65),
        bytes(64) + b"\x1b",
        b"\x01" * 64 + b"\x00",
        b"\x01" * 64 + b"\x1d",
        b"\xff" * 32 + b"\x01" * 32 + b"\x1b",
    ],
    ids=["all zero", "r and s zero", "v zero", "v 29", "r not on the curve"],
)
def test_a_signature_that_recovers_nobody_is_refused(hand_in, report, oracle, signature):
    with refused("SignatureMalformed", digest=digest_of(report, oracle)):
        hand_in(report, signature)


def test_a_report_of_a_stranger_is_refused(hand_in, report, auditor):
    with refused("UnknownSigner", feed=CARBON, signer=auditor):
        hand_in(report, signer=auditor)


def test_a_report_of_another_feeds_reporter_is_refused(hand_in, report, remote_sensing):
    with refused("UnknownSigner", feed=CARBON, signer=remote_sensing):
        hand_in(report, signer=remote_sensing)


def test_a_report_of_a_removed_signer_is_refused(hand_in, report, oracle, guardian, sensors):
    oracle.removeSigner(CARBON, sensors, {"from": guardian})
    with refused("UnknownSigner", feed=CARBON, signer=sensors):
        hand_in(report._replace(configDigest=bytes(oracle.configDigest(CARBON))))


@pytest.mark.parametrize(
    "other_domain",
    [
        {"chainId": 1},
        {"verifyingContract": "0x" + 40 * "1"},
        {"name": "Gongsheng Pledges"},
        {"version": "2"},
    ],
    ids=str,
)
def test_a_report_signed_for_another_domain_is_refused(hand_in, report, oracle, sensors, other_domain):
    signature = sign(report, sensors, oracle, **other_domain)
    stranger = Account._recover_hash(digest_of(report, oracle), signature=signature)
    with refused("UnknownSigner", feed=CARBON, signer=stranger):
        hand_in(report, signature)


@pytest.mark.parametrize(
    "changes",
    [
        {"periodEnd": END - 1},
        {"observedAt": GENESIS - 1},
        {"validUntil": END + 365 * DAY},
        {"seq": 2},
        {"value": 1_001},
        {"uncertainty": 1},
        {"shareRoot": digest("another register")},
        {"shareCount": 3},
        {"methodology": digest("another methodology")},
        {"qcFlags": 1},
        {"subject": text32("forest-2")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_report_changed_after_it_was_signed_is_refused(hand_in, report, oracle, county, sensors, changes):
    signature = county.sign(report, sensors)
    forged = report._replace(**changes)
    stranger = Account._recover_hash(digest_of(forged, oracle), signature=signature)
    assert stranger != sensors.address
    with refused("UnknownSigner", feed=CARBON, signer=stranger):
        hand_in(forged, signature)


# SEQUENCE


@pytest.mark.parametrize("given", [0, 2])
def test_the_first_report_of_a_signer_must_be_its_first(hand_in, report, sensors, given):
    with refused("WrongSequence", signer=sensors, given=given, expected=1):
        hand_in(report._replace(seq=given))


def test_a_replayed_report_is_refused(hand_in, report, sensors):
    hand_in(report)
    with refused("WrongSequence", signer=sensors, given=1, expected=2):
        hand_in(report)


def test_a_report_that_skips_a_number_is_refused(hand_in, report, sensors):
    hand_in(report)
    with refused("WrongSequence", signer=sensors, given=3, expected=2):
        hand_in(report._replace(seq=3))


def test_each_signer_counts_its_own_reports_to_each_feed(
    hand_in, report, oracle, sensors, verifier, remote_sensing, county
):
    hand_in(report)
    hand_in(report._replace(seq=2))
    hand_in(report, signer=verifier)
    remote = county.report(REMOTE, FOREST, START, END, value=1_000)
    hand_in(remote, signer=remote_sensing)

    assert oracle.lastSeq(CARBON, sensors) == 2
    assert oracle.lastSeq(CARBON, verifier) == 1
    assert oracle.lastSeq(REMOTE, remote_sensing) == 1
    assert oracle.lastSeq(REMOTE, sensors) == 0


def test_a_refused_report_takes_no_number(hand_in, report, oracle, sensors):
    with refused("ValueOutOfBounds", value=10**12, minimum=-(10**9), maximum=10**9):
        hand_in(report._replace(value=10**12))
    assert oracle.lastSeq(CARBON, sensors) == 0
    hand_in(report)
    assert oracle.lastSeq(CARBON, sensors) == 1


# PERIODS THAT ARE FINAL


@pytest.fixture
def final(county, holders):
    """2025 is final."""
    return county.measure(holders)


def test_a_report_on_a_final_round_is_refused(final, hand_in, county, holders, sensors):
    again = county.numbered(county.report(CARBON, FOREST, START, END, holders=holders), sensors)
    with refused("AlreadyFinal", round=final):
        hand_in(again)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (START - DAY, END),
        (START, END + DAY),
        (START + 1, END),
        (START, END - 1),
        (START - DAY, END + DAY),
        (START + DAY, END - DAY),
        (START - DAY, START + 1),
        (END - 1, END + DAY),
    ],
    ids=[
        "begins earlier",
        "ends later",
        "begins later",
        "ends earlier",
        "contains it",
        "lies within it",
        "overlaps its first second",
        "overlaps its last second",
    ],
)
def test_a_period_that_overlaps_a_final_one_is_refused(final, hand_in, county, clock, holders, sensors, start, end):
    clock.after(DAY)
    overlapping = county.numbered(county.report(CARBON, FOREST, start, end, holders=holders), sensors)
    with refused("PeriodOverlapsFinal", periodStart=start, periodEnd=end, finalStart=START, finalEnd=END):
        hand_in(overlapping)


@pytest.mark.parametrize(("start", "end"), [(START - DAY, START), (END, END + DAY)], ids=["before", "after"])
def test_a_period_that_touches_a_final_one_is_accepted(final, hand_in, county, holders, sensors, start, end):
    hand_in(county.numbered(county.report(CARBON, FOREST, start, end, holders=holders), sensors))


def test_the_final_period_of_another_subject_does_not_matter(final, hand_in, county, holders, sensors):
    elsewhere = county.report(CARBON, text32("forest-2"), START, END, holders=holders)
    hand_in(county.numbered(elsewhere, sensors))


# ACCEPTED


def test_a_good_report_is_announced(hand_in, report, county, oracle, sensors):
    submission = hand_in(report)

    round_ = county.round_of(report)
    assert bytes(submission.return_value) == round_
    announced(
        submission,
        "Reported",
        round=round_,
        signer=sensors,
        result=oracle.resultId(report),
        group=1,
        report=report,
    )


def test_round_and_result_are_hashes_of_what_they_name(report, oracle):
    round_ = keccak(encode(["bytes32", "bytes32", "uint64", "uint64"], [CARBON, FOREST, START, END]))
    assert bytes(oracle.roundId(CARBON, FOREST, START, END)) == round_
    result = keccak(
        encode(
            ["bytes32", "bytes32", "int128", "uint128", "bytes32", "uint64", "bytes32", "bytes32"],
            [
                round_,
                report.configDigest,
                report.value,
                report.uncertainty,
                report.shareRoot,
                report.shareCount,
                report.evidenceRoot,
                report.methodology,
            ],
        )
    )
    assert bytes(oracle.resultId(report)) == result


def test_many_reports_without_as_many_signatures_are_refused(oracle, county, report, sensors, relayer):
    with refused("LengthMismatch", reports=1, signatures=0):
        oracle.submitMany([report], [], {"from": relayer})
    with refused("LengthMismatch", reports=0, signatures=1):
        oracle.submitMany([], [county.sign(report, sensors)], {"from": relayer})


def test_one_refused_report_refuses_all(oracle, county, report, sensors, auditor, relayer):
    signatures = [county.sign(report, signer) for signer in (sensors, auditor)]
    with refused("UnknownSigner", feed=CARBON, signer=auditor):
        oracle.submitMany([report, report], signatures, {"from": relayer})
    assert oracle.lastSeq(CARBON, sensors) == 0


def test_many_reports_are_handed_in_at_once(oracle, county, report, sensors, verifier, relayer):
    signatures = [county.sign(report, signer) for signer in (sensors, verifier)]
    submission = oracle.submitMany([report, report], signatures, {"from": relayer})

    assert [event["signer"] for event in submission.events["Reported"]] == [sensors, verifier]
