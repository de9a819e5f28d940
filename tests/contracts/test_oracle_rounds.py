"""How a round becomes a candidate and final, and how it does not."""

import pytest

from outcomes import announced, facts, refused, silent
from signing import digest_of, malleated
from world import (
    CARBON,
    CARBON_RULES,
    DAY,
    DECEMBER,
    DELIVERED,
    FOREST,
    HOUR,
    JANUARY,
    NOTHING,
    REMOTE,
    REMOTE_SENSING,
    SENSORS,
    TEA,
    VERIFIERS,
    ZERO,
    Holders,
    Verdict,
    digest,
    first_second,
    month,
    person,
    text32,
)

START, END = first_second(month(2025, 1)), first_second(JANUARY)
NO_ROUND, CANDIDATE, FINAL = range(3)
NONE = "0x" + NOTHING.hex()


@pytest.fixture(scope="module")
def holders(cooperative, household):
    return Holders([(cooperative, 700), (household, 300)])


@pytest.fixture
def report(county, holders):
    """The result that reporters agree on: 1,000 kg."""
    return county.report(CARBON, FOREST, START, END, holders=holders)


@pytest.fixture
def remote(county, report, remote_sensing):
    """Remote sensing says the same, in time."""
    county.submit(county.report(REMOTE, FOREST, START, END, value=1_000), remote_sensing)


@pytest.fixture
def state(oracle, county, report):
    return lambda: oracle.roundOf(county.round_of(report))["state"]


@pytest.fixture
def nominate(oracle, relayer):
    return lambda report: oracle.nominate(report, {"from": relayer})


@pytest.fixture
def finalise(oracle, relayer):
    return lambda round_: oracle.finalise(round_, {"from": relayer})


# QUORUM


def test_a_round_without_votes_is_no_candidate(report, remote, county, oracle, nominate, state):
    with refused("QuorumMissing", round=county.round_of(report), result=oracle.resultId(report), votes=0, quorum=3):
        nominate(report)
    assert state() == NO_ROUND


def test_one_vote_below_the_quorum_makes_no_candidate(
    report, remote, county, oracle, nominate, state, sensors, verifier
):
    county.submit(report, sensors, verifier)

    assert state() == NO_ROUND
    with refused("QuorumMissing", round=county.round_of(report), result=oracle.resultId(report), votes=2, quorum=3):
        nominate(report)


def test_a_quorum_without_a_required_group_makes_no_candidate(county, oracle, committee, holders, nominate):
    for name in ("third-sensors", "fourth-sensors"):
        oracle.addSigner(CARBON, person(name), SENSORS, {"from": committee})
    county.submit(county.report(REMOTE, FOREST, START, END, value=1_000), person("remote-sensing"))
    report = county.report(CARBON, FOREST, START, END, holders=holders)
    county.submit(report, *map(person, ("sensors", "second-sensors", "third-sensors", "fourth-sensors")))

    round_ = county.round_of(report)
    assert oracle.roundOf(round_)["state"] == NO_ROUND
    with refused("QuorumMissing", round=round_, result=oracle.resultId(report), votes=4, quorum=3):
        nominate(report)

    county.submit(report, person("verifier"))
    assert oracle.roundOf(round_)["state"] == CANDIDATE


def test_the_quorum_makes_a_candidate(report, remote, county, oracle, clock, state, sensors, second_sensors, verifier):
    last = county.submit(report, sensors, second_sensors, verifier)

    assert state() == CANDIDATE
    announced(
        last,
        "CandidateReached",
        round=county.round_of(report),
        feed=CARBON,
        subject=FOREST,
        result=oracle.resultId(report),
        value=1_000,
        uncertainty=0,
        shareRoot=report.shareRoot,
        shareCount=2,
        evidenceRoot=report.evidenceRoot,
        methodology=report.methodology,
        finalFrom=clock.now() + CARBON_RULES.challengeWindow,
    )


def test_many_reports_in_one_transaction_make_a_candidate(
    report, remote, county, oracle, state, relayer, sensors, second_sensors, verifier
):
    signers = (sensors, second_sensors, verifier)
    oracle.submitMany([report] * 3, [county.sign(report, signer) for signer in signers], {"from": relayer})
    assert state() == CANDIDATE


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 1_001},
        {"uncertainty": 1},
        {"shareRoot": digest("another register")},
        {"shareCount": 3},
        {"methodology": digest("another methodology")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_votes_for_results_that_differ_do_not_add_up(
    report, remote, county, state, sensors, second_sensors, verifier, changes
):
    county.submit(report, sensors, second_sensors)
    county.submit(report._replace(**changes), verifier)
    assert state() == NO_ROUND


def test_votes_on_different_evidence_do_not_add_up(report, remote, county, state, sensors, second_sensors, verifier):
    county.submit(report, sensors, second_sensors)
    county.submit(report._replace(evidenceRoot=county.anchored()), verifier)
    assert state() == NO_ROUND


@pytest.mark.parametrize(
    "changes",
    [{"observedAt": END + 31 * DAY - HOUR}, {"validUntil": END + 100 * DAY}, {"qcFlags": 7}],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_no_part_of_the_result_may_differ(
    report, remote, county, state, sensors, second_sensors, verifier, changes
):
    county.submit(report, sensors, second_sensors)
    county.submit(report._replace(**changes), verifier)
    assert state() == CANDIDATE


def test_saying_the_same_again_counts_once(report, remote, county, oracle, state, nominate, sensors, verifier):
    county.submit(report, sensors, verifier, sensors, verifier, sensors)

    assert state() == NO_ROUND
    with refused("QuorumMissing", round=county.round_of(report), result=oracle.resultId(report), votes=2, quorum=3):
        nominate(report)


def test_a_candidate_carries_the_most_careful_times_of_its_signers(
    report, remote, county, oracle, clock, sensors, second_sensors, verifier
):
    early, late = report.observedAt - HOUR, report.observedAt
    county.submit(report._replace(observedAt=late, validUntil=late + 300 * DAY), sensors)
    county.submit(report._replace(observedAt=early, validUntil=late + 200 * DAY), second_sensors)
    county.submit(report._replace(observedAt=late, validUntil=late + 100 * DAY), verifier)

    assert facts(oracle.roundOf(county.round_of(report))) == facts(
        {
            "state": CANDIDATE,
            "finalFrom": clock.now() + CARBON_RULES.challengeWindow,
            "verdict": Verdict.NONE,
            "quorum": 3,
            "requiredGroups": CARBON_RULES.requiredGroups,
            "spreadBps": 1_000,
            "periodStart": START,
            "periodEnd": END,
            "observedAt": early,
            "validUntil": late + 100 * DAY,
            "shareCount": 2,
            "value": 1_000,
            "uncertainty": 0,
            "feed": CARBON,
            "subject": FOREST,
            "shareRoot": report.shareRoot,
            "evidenceRoot": report.evidenceRoot,
            "methodology": report.methodology,
            "result": oracle.resultId(report),
            "crossCheckRound": oracle.roundId(REMOTE, FOREST, START, END),
        }
    )


# CROSS-CHECK


@pytest.fixture
def voted(report, county, sensors, second_sensors, verifier):
    """All reporters have signed; remote sensing has not."""
    county.submit(report, sensors, second_sensors, verifier)


def test_a_quorum_without_its_cross_check_makes_no_candidate(voted, report, county, oracle, nominate, state):
    assert state() == NO_ROUND
    with refused("CrossCheckMissing", crossCheckRound=oracle.roundId(REMOTE, FOREST, START, END)):
        nominate(report)


def test_a_cross_check_of_another_period_does_not_count(voted, report, county, oracle, nominate, remote_sensing):
    county.submit(county.report(REMOTE, FOREST, START, END - 1, value=1_000), remote_sensing)
    with refused("CrossCheckMissing", crossCheckRound=oracle.roundId(REMOTE, FOREST, START, END)):
        nominate(report)


@pytest.mark.parametrize("cross_check", [899, 1_101, 0, -1_000])
def test_a_late_cross_check_too_far_away_makes_no_candidate(
    voted, report, county, nominate, state, remote_sensing, cross_check
):
    county.submit(county.report(REMOTE, FOREST, START, END, value=cross_check), remote_sensing)
    with refused("CrossCheckApart", value=1_000, crossCheck=cross_check, spreadBps=1_000):
        nominate(report)
    assert state() == NO_ROUND


@pytest.mark.parametrize("cross_check", [900, 1_000, 1_100])
def test_a_late_cross_check_near_enough_lets_anyone_nominate(
    voted, report, county, nominate, state, remote_sensing, cross_check
):
    county.submit(county.report(REMOTE, FOREST, START, END, value=cross_check), remote_sensing)
    assert state() == NO_ROUND
    nomination = nominate(report)

    assert state() == CANDIDATE
    assert nomination.events["CandidateReached"]["round"] == "0x" + county.round_of(report).hex()


@pytest.mark.parametrize(
    ("cross_check", "reached"),
    [(899, NO_ROUND), (900, CANDIDATE), (1_100, CANDIDATE), (1_101, NO_ROUND)],
)
def test_an_early_cross_check_decides_with_the_last_vote(
    report, county, state, remote_sensing, sensors, second_sensors, verifier, cross_check, reached
):
    county.submit(county.report(REMOTE, FOREST, START, END, value=cross_check), remote_sensing)
    county.submit(report, sensors, second_sensors, verifier)
    assert state() == reached


@pytest.mark.parametrize(
    ("value", "cross_check", "reached"),
    [
        (-1_000, -899, NO_ROUND),
        (-1_000, -900, CANDIDATE),
        (-1_000, -1_100, CANDIDATE),
        (-1_000, -1_101, NO_ROUND),
        (-1_000, 1_000, NO_ROUND),
        (0, 0, CANDIDATE),
        (0, 1, NO_ROUND),
        (0, -1, NO_ROUND),
    ],
)
def test_a_cross_check_confirms_losses_and_nothing_too(
    report, county, state, remote_sensing, sensors, second_sensors, verifier, value, cross_check, reached
):
    county.submit(county.report(REMOTE, FOREST, START, END, value=cross_check), remote_sensing)
    county.submit(report._replace(value=value, shareRoot=NOTHING, shareCount=0), sensors, second_sensors, verifier)
    assert state() == reached


@pytest.fixture
def lose(county, remote_sensing):
    """The only signer of a cross-check signs another one, and is excluded."""

    def lose(value=1_001):
        return county.submit(county.report(REMOTE, FOREST, START, END, value=value), remote_sensing)

    return lose


@pytest.fixture
def confirm_anew(county, oracle, committee):
    """Another remote-sensing firm confirms with a value of its own."""

    def confirm_anew(value):
        oracle.addSigner(REMOTE, person("second-remote-sensing"), REMOTE_SENSING, {"from": committee})
        county.submit(county.report(REMOTE, FOREST, START, END, value=value), person("second-remote-sensing"))

    return confirm_anew


def test_a_candidate_whose_cross_check_was_lost_is_not_final(candidate, oracle, clock, finalise, lose, state):
    lose()
    clock.after(CARBON_RULES.challengeWindow)
    with refused("CrossCheckMissing", crossCheckRound=oracle.roundId(REMOTE, FOREST, START, END)):
        finalise(candidate)
    assert state() == CANDIDATE


def test_a_candidate_whose_cross_check_is_confirmed_anew_becomes_final(
    candidate, clock, finalise, lose, confirm_anew, state
):
    lose()
    confirm_anew(1_100)
    clock.after(CARBON_RULES.challengeWindow)
    finalise(candidate)
    assert state() == FINAL


def test_a_candidate_whose_cross_check_now_lies_apart_is_not_final(candidate, clock, finalise, lose, confirm_anew):
    lose()
    confirm_anew(1_101)
    clock.after(CARBON_RULES.challengeWindow)
    with refused("CrossCheckApart", value=1_000, crossCheck=1_101, spreadBps=1_000):
        finalise(candidate)


def test_a_candidate_keeps_to_the_spread_under_which_it_became_one(
    candidate, oracle, clock, committee, finalise, lose, confirm_anew
):
    oracle.configureFeed(CARBON, CARBON_RULES._replace(spreadBps=10_000, crossCheckFeed=NOTHING), {"from": committee})
    lose()
    confirm_anew(1_101)
    clock.after(CARBON_RULES.challengeWindow)
    with refused("CrossCheckApart", value=1_000, crossCheck=1_101, spreadBps=1_000):
        finalise(candidate)


def test_a_disputed_cross_check_confirms_nothing(report, county, oracle, committee, nominate, relayer):
    oracle.configureFeed(
        REMOTE, CARBON_RULES._replace(quorum=1, requiredGroups=0, crossCheckFeed=NOTHING), {"from": committee}
    )
    cross_check = county.report(REMOTE, FOREST, START, END, value=1_000)
    county.submit(cross_check, person("remote-sensing"))
    round_ = county.round_of(cross_check)
    county.challenge(round_)
    county.submit(report, *map(person, ("sensors", "second-sensors", "verifier")))
    with refused("CrossCheckMissing", crossCheckRound=round_):
        nominate(report)

    county.judge(round_, Verdict.UPHELD)
    nominate(report)
    with refused("CrossCheckStands", round=county.round_of(report), crossCheckRound=round_):
        oracle.withdraw(county.round_of(report), {"from": relayer})


def test_a_candidate_is_not_withdrawn_while_its_cross_check_is_disputed(
    report, county, oracle, committee, relayer, sensors, second_sensors, verifier
):
    rules = CARBON_RULES._replace(quorum=1, requiredGroups=0, crossCheckFeed=NOTHING)
    oracle.configureFeed(REMOTE, rules, {"from": committee})
    cross_check = county.report(REMOTE, FOREST, START, END, value=1_000)
    county.submit(cross_check, person("remote-sensing"))
    county.submit(report, sensors, second_sensors, verifier)
    crossed, round_ = county.round_of(cross_check), county.round_of(report)
    county.challenge(crossed)
    with refused("CrossCheckStands", round=round_, crossCheckRound=crossed):
        oracle.withdraw(round_, {"from": relayer})

    county.judge(crossed, Verdict.VOID)
    withdrawal = oracle.withdraw(round_, {"from": relayer})
    announced(withdrawal, "CandidateLost", round=round_, result=oracle.resultId(report), signer=ZERO)


def test_a_candidate_that_needs_no_cross_check_is_not_withdrawn(county, oracle, holders, weighbridge, relayer):
    report = county.report(DELIVERED, TEA, first_second(DECEMBER), first_second(JANUARY), holders=holders)
    county.submit(report, weighbridge)
    round_ = county.round_of(report)
    with refused("CrossCheckStands", round=round_, crossCheckRound=NOTHING):
        oracle.withdraw(round_, {"from": relayer})


def test_only_a_candidate_is_withdrawn(county, oracle, holders, relayer):
    with refused("NotCandidate", round=NOTHING, state=NO_ROUND):
        oracle.withdraw(NOTHING, {"from": relayer})
    final = county.measure(holders)
    with refused("NotCandidate", round=final, state=FINAL):
        oracle.withdraw(final, {"from": relayer})


def test_anyone_withdraws_a_candidate_without_cross_check_and_it_comes_back_with_one(
    candidate, report, oracle, auditor, lose, confirm_anew, nominate, state
):
    lose()
    oracle.withdraw(candidate, {"from": auditor})
    assert state() == NO_ROUND
    confirm_anew(1_000)
    nominate(report)
    assert state() == CANDIDATE


def test_a_feed_without_cross_check_needs_none(county, oracle, holders, weighbridge):
    report = county.report(DELIVERED, TEA, first_second(DECEMBER), first_second(JANUARY), holders=holders)
    county.submit(report, weighbridge)
    assert oracle.roundOf(county.round_of(report))["state"] == CANDIDATE


# NOMINATION


def test_nominating_fails_for_an_unknown_feed(report, nominate):
    with refused("UnknownFeed", feed=text32("methane-kg")):
        nominate(report._replace(feed=text32("methane-kg")))


def test_nominating_fails_under_other_rules(voted, report, oracle, nominate, guardian, verifier):
    oracle.removeSigner(CARBON, verifier, {"from": guardian})
    with refused("StaleConfig", given=report.configDigest, current=oracle.configDigest(CARBON)):
        nominate(report)


def test_nominating_fails_for_a_result_that_nobody_signed(voted, remote, report, county, oracle, nominate):
    forged = report._replace(value=1_050)
    with refused("QuorumMissing", round=county.round_of(forged), result=oracle.resultId(forged), votes=0, quorum=3):
        nominate(forged)


def test_nominating_fails_for_a_candidate(report, remote, county, nominate, sensors, second_sensors, verifier):
    county.submit(report, sensors, second_sensors, verifier)
    with refused("AlreadyCandidate", round=county.round_of(report)):
        nominate(report)


def test_nominating_fails_for_a_final_round(county, holders, nominate):
    round_ = county.measure(holders)
    with refused("AlreadyFinal", round=round_):
        nominate(county.report(CARBON, FOREST, START, END, holders=holders))


# CHANGE OF RULES AND SIGNERS


@pytest.mark.parametrize("change", ["rules", "a signer joins", "a signer leaves"])
def test_a_change_voids_pending_votes(report, remote, county, oracle, committee, guardian, nominate, change):
    county.submit(report, person("sensors"), person("second-sensors"))
    if change == "rules":
        oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})
    elif change == "a signer joins":
        oracle.addSigner(CARBON, person("third-sensors"), SENSORS, {"from": committee})
    else:
        oracle.addSigner(CARBON, person("third-sensors"), SENSORS, {"from": committee})
        oracle.removeSigner(CARBON, person("third-sensors"), {"from": guardian})
    signed_anew = report._replace(configDigest=bytes(oracle.configDigest(CARBON)))
    county.submit(signed_anew, person("verifier"))

    round_ = county.round_of(report)
    assert oracle.roundOf(round_)["state"] == NO_ROUND
    with refused("QuorumMissing", round=round_, result=oracle.resultId(signed_anew), votes=1, quorum=3):
        nominate(signed_anew)

    county.submit(signed_anew, person("sensors"), person("second-sensors"))
    assert oracle.roundOf(round_)["state"] == CANDIDATE


def test_a_candidate_stays_one_when_signers_change(
    report, remote, county, oracle, guardian, finalise, state, sensors, second_sensors, verifier
):
    county.submit(report, sensors, second_sensors, verifier)
    oracle.removeSigner(CARBON, verifier, {"from": guardian})

    assert state() == CANDIDATE
    county.finalise(report)
    assert state() == FINAL


def test_a_round_does_not_take_a_second_candidate(
    report, remote, county, oracle, guardian, committee, state, sensors, second_sensors, verifier
):
    county.submit(report, sensors, second_sensors, verifier)
    first = oracle.roundOf(county.round_of(report))
    oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})
    other = report._replace(value=1_001, configDigest=bytes(oracle.configDigest(CARBON)))
    county.submit(other, sensors, second_sensors, verifier)

    assert oracle.roundOf(county.round_of(report)) == first


# EQUIVOCATION


@pytest.fixture
def other(report):
    """Another result for the same round."""
    return report._replace(value=1_001)


def test_a_signer_who_signs_two_results_is_excluded(report, other, county, oracle, sensors):
    county.submit(report, sensors)
    second = county.submit(other, sensors)

    announced(
        second,
        "Equivocated",
        round=county.round_of(report),
        signer=sensors,
        first=oracle.resultId(report),
        second=oracle.resultId(other),
    )
    for again in (report, other):
        with refused("SignerExcluded", round=county.round_of(report), signer=sensors):
            county.submit(again, sensors)


def test_the_votes_of_an_excluded_signer_are_taken_back(
    report, other, remote, county, oracle, state, nominate, sensors, second_sensors, verifier
):
    county.submit(report, sensors)
    county.submit(other, sensors)
    county.submit(report, second_sensors, verifier)

    assert state() == NO_ROUND
    for result in (report, other):
        votes = 2 if result == report else 0
        with refused(
            "QuorumMissing", round=county.round_of(report), result=oracle.resultId(result), votes=votes, quorum=3
        ):
            nominate(result)


def test_a_candidate_falls_back_when_one_of_its_signers_equivocates(
    report, other, remote, county, oracle, state, finalise, sensors, second_sensors, verifier
):
    county.submit(report, sensors, second_sensors, verifier)
    assert state() == CANDIDATE
    equivocation = county.submit(other, verifier)

    assert state() == NO_ROUND
    assert oracle.roundOf(county.round_of(report))["result"] == NONE
    announced(
        equivocation,
        "CandidateLost",
        round=county.round_of(report),
        result=oracle.resultId(report),
        signer=verifier,
    )
    with refused("NotCandidate", round=county.round_of(report), state=NO_ROUND):
        finalise(county.round_of(report))


@pytest.fixture
def fourth_signer(oracle, committee):
    oracle.addSigner(CARBON, person("second-verifier"), VERIFIERS, {"from": committee})
    return person("second-verifier")


@pytest.fixture
def report_of_four(fourth_signer, remote, county, holders):
    return county.report(CARBON, FOREST, START, END, holders=holders)


def test_a_lost_candidate_comes_back_with_another_vote(
    report_of_four, fourth_signer, county, oracle, sensors, second_sensors, verifier
):
    county.submit(report_of_four, sensors, second_sensors, verifier)
    county.submit(report_of_four._replace(value=1_001), verifier)
    county.submit(report_of_four, fourth_signer)

    round_ = oracle.roundOf(county.round_of(report_of_four))
    assert (round_["state"], round_["value"]) == (CANDIDATE, 1_000)


def test_a_candidate_with_a_vote_to_spare_stays_one(
    report_of_four, fourth_signer, county, oracle, sensors, second_sensors, verifier
):
    county.submit(report_of_four, sensors, second_sensors, verifier, fourth_signer)
    equivocation = county.submit(report_of_four._replace(value=1_001), verifier)

    assert oracle.roundOf(county.round_of(report_of_four))["state"] == CANDIDATE
    assert silent(equivocation, "CandidateLost")


def test_a_candidate_is_lost_with_the_last_vote_of_a_required_group(
    report_of_four, county, oracle, committee, sensors, second_sensors, verifier
):
    oracle.addSigner(CARBON, person("third-sensors"), SENSORS, {"from": committee})
    report = report_of_four._replace(configDigest=bytes(oracle.configDigest(CARBON)))
    county.submit(report, sensors, second_sensors, verifier, person("third-sensors"))
    equivocation = county.submit(report._replace(value=1_001), verifier)

    assert oracle.roundOf(county.round_of(report))["state"] == NO_ROUND
    assert equivocation.events["CandidateLost"]["signer"] == verifier


def test_an_excluded_signer_stays_excluded_when_rules_and_signers_change(
    report, other, county, oracle, committee, guardian, sensors
):
    county.submit(report, sensors)
    county.submit(other, sensors)
    oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})
    oracle.removeSigner(CARBON, sensors, {"from": guardian})
    oracle.addSigner(CARBON, sensors, VERIFIERS, {"from": committee})

    anew = report._replace(configDigest=bytes(oracle.configDigest(CARBON)))
    with refused("SignerExcluded", round=county.round_of(report), signer=sensors):
        county.submit(anew, sensors)
    county.submit(anew._replace(periodStart=START - DAY), sensors)


def test_the_proof_of_equivocation_stays_readable(report, other, county, oracle, sensors, verifier):
    county.submit(report, sensors)
    county.submit(other, sensors)
    round_ = county.round_of(report)
    assert tuple(oracle.equivocationOf(round_, sensors)) == (oracle.resultId(report), oracle.resultId(other))
    assert tuple(oracle.equivocationOf(round_, verifier)) == (NONE, NONE)


@pytest.fixture
def prove(county, panel, auditor):
    """Anyone who holds two signed reports hands them in."""

    def prove(first, second, signer, signer_of_second=None):
        signatures = county.sign(first, signer), county.sign(second, signer_of_second or signer)
        return panel.proveEquivocation(first, signatures[0], second, signatures[1], {"from": auditor})

    return prove


def test_two_signed_reports_prove_equivocation(report, other, county, oracle, prove, sensors):
    proof = prove(report, other, sensors)
    assert proof.return_value == sensors
    round_ = county.round_of(report)
    announced(
        proof, "Equivocated", round=round_, signer=sensors, first=oracle.resultId(report), second=oracle.resultId(other)
    )
    with refused("SignerExcluded", round=round_, signer=sensors):
        county.submit(report, sensors)
    with refused("SignerExcluded", round=round_, signer=sensors):
        prove(report, other, sensors)


def test_a_proof_takes_back_a_pending_vote(report, other, remote, county, prove, state, sensors):
    county.submit(report, sensors)
    prove(other, report, sensors)
    county.submit(report, person("second-sensors"), person("verifier"))
    assert state() == NO_ROUND


def test_a_proof_of_two_results_takes_back_a_vote_for_a_third(report, other, remote, county, prove, state, sensors):
    county.submit(report, sensors, person("second-sensors"), person("verifier"))
    assert state() == CANDIDATE
    proof = prove(other, report._replace(value=1_002), sensors)
    assert proof.events["CandidateLost"]["signer"] == sensors
    assert state() == NO_ROUND


def test_a_proof_against_a_removed_signer_takes_its_candidate_along(
    report, other, remote, county, oracle, guardian, prove, state, sensors, second_sensors, verifier
):
    county.submit(report, sensors, second_sensors, verifier)
    oracle.removeSigner(CARBON, verifier, {"from": guardian})
    prove(report, other, verifier)
    assert state() == NO_ROUND


def test_a_proof_against_a_signer_who_moved_group_counts_the_group_it_voted_in(
    report_of_four, fourth_signer, county, oracle, committee, prove, sensors, second_sensors, verifier
):
    """Four votes, two of them verifiers'. Counted in the wrong group, one more loss would look like none."""
    county.submit(report_of_four, sensors, second_sensors, verifier, fourth_signer)
    round_ = county.round_of(report_of_four)
    for moved in (verifier, fourth_signer):
        oracle.addSigner(CARBON, moved, SENSORS, {"from": committee})
    prove(report_of_four, report_of_four._replace(value=1_001), verifier)
    assert oracle.roundOf(round_)["state"] == CANDIDATE
    prove(report_of_four, report_of_four._replace(value=1_001), fourth_signer)
    assert oracle.roundOf(round_)["state"] == NO_ROUND


def test_a_candidate_answers_to_the_quorum_under_which_it_became_one(
    report, other, remote, county, oracle, committee, prove, state, sensors, second_sensors, verifier
):
    county.submit(report, sensors, second_sensors, verifier)
    oracle.configureFeed(CARBON, CARBON_RULES._replace(quorum=1, requiredGroups=0), {"from": committee})
    prove(report, other, sensors)
    assert state() == NO_ROUND


def test_a_stricter_quorum_does_not_undo_a_candidate_with_a_vote_to_spare(
    report_of_four, fourth_signer, county, oracle, committee, prove, sensors, second_sensors, verifier
):
    county.submit(report_of_four, sensors, second_sensors, verifier, fourth_signer)
    oracle.configureFeed(CARBON, CARBON_RULES._replace(quorum=9), {"from": committee})
    prove(report_of_four, report_of_four._replace(value=1_001), verifier)
    assert oracle.roundOf(county.round_of(report_of_four))["state"] == CANDIDATE


def test_a_proof_after_finality_is_kept_and_undoes_nothing(report, other, county, oracle, holders, prove, sensors):
    round_ = county.measure(holders)
    prove(report, other, sensors)
    assert oracle.finalRound(round_)["value"] == 1_000
    assert tuple(oracle.equivocationOf(round_, sensors)) == (oracle.resultId(report), oracle.resultId(other))


def test_a_proof_against_a_disputed_candidate_ends_the_dispute(
    candidate, report, other, county, panel, prove, state, sensors, cooperative, forester
):
    county.challenge(candidate)
    proof = prove(report, other, sensors)
    assert state() == NO_ROUND
    announced(proof, "DisputeMoot", round=candidate, dispute=1)
    assert panel.disputeOf(candidate)[0] == 0
    assert panel.mayChallengeFrom(cooperative) == 0
    with refused("NoDispute", round=candidate):
        panel.vote(candidate, Verdict.UPHELD, {"from": forester})


@pytest.mark.parametrize(
    "changes",
    [
        {"periodStart": START - 1, "value": 1_001},
        {"periodEnd": END - 1, "value": 1_001},
        {"subject": text32("forest-2"), "value": 1_001},
        {"feed": REMOTE, "value": 1_001},
        {"configDigest": digest("other rules"), "value": 1_001},
        {"observedAt": END, "validUntil": END + 1, "seq": 2, "qcFlags": 7},
    ],
    ids=["another start", "another end", "another subject", "another feed", "other rules", "the same result"],
)
def test_what_is_no_equivocation_proves_none(report, oracle, prove, sensors, changes):
    second = report._replace(**changes)
    with refused("NoEquivocation", first=oracle.resultId(report), second=oracle.resultId(second)):
        prove(report, second, sensors)


def test_reports_of_two_signers_prove_nothing(report, other, prove, sensors, verifier):
    with refused("SignersDiffer", first=sensors, second=verifier):
        prove(report, other, sensors, verifier)


def test_reports_of_a_stranger_prove_nothing(report, other, prove, auditor):
    with refused("UnknownSigner", feed=CARBON, signer=auditor):
        prove(report, other, auditor)


@pytest.mark.parametrize("forged", [0, 1])
def test_a_malleated_signature_proves_nothing(report, other, county, oracle, panel, sensors, auditor, forged):
    signatures = [county.sign(report, sensors), county.sign(other, sensors)]
    signatures[forged] = malleated(signatures[forged])
    with refused("SignatureMalformed", digest=digest_of((report, other)[forged], oracle)):
        panel.proveEquivocation(report, signatures[0], other, signatures[1], {"from": auditor})


def test_two_results_for_two_rounds_are_no_equivocation(report, county, oracle, sensors):
    county.submit(report, sensors)
    second = county.submit(report._replace(periodStart=START - DAY, value=1_001), sensors)
    assert silent(second, "Equivocated")


# FINALITY


@pytest.fixture
def candidate(report, remote, county, sensors, second_sensors, verifier):
    county.submit(report, sensors, second_sensors, verifier)
    return county.round_of(report)


def test_a_round_that_is_no_candidate_cannot_be_made_final(report, county, finalise):
    with refused("NotCandidate", round=county.round_of(report), state=NO_ROUND):
        finalise(county.round_of(report))


def test_a_candidate_is_not_final_a_second_before_its_challenge_window_ends(candidate, oracle, clock, finalise):
    final_from = clock.now() + CARBON_RULES.challengeWindow
    clock.stand_at(final_from - 1)
    with refused("ChallengeWindowOpen", round=candidate, finalFrom=final_from):
        finalise(candidate)
    with refused("NotFinal", round=candidate, state=CANDIDATE):
        oracle.finalRound(candidate)


def test_anyone_makes_a_candidate_final_when_its_challenge_window_ends(candidate, report, oracle, clock, auditor):
    clock.stand_at(clock.now() + CARBON_RULES.challengeWindow)
    finality = oracle.finalise(candidate, {"from": auditor})

    assert oracle.finalRound(candidate)["state"] == FINAL
    assert oracle.finalRound(candidate)["value"] == 1_000
    announced(
        finality,
        "Finalised",
        round=candidate,
        feed=CARBON,
        subject=FOREST,
        result=oracle.resultId(report),
        value=1_000,
    )


def test_a_final_round_cannot_be_made_final_again(county, holders, finalise):
    round_ = county.measure(holders)
    with refused("NotCandidate", round=round_, state=FINAL):
        finalise(round_)


def test_a_round_that_does_not_exist_is_not_final(oracle):
    with refused("NotFinal", round=NOTHING, state=NO_ROUND):
        oracle.finalRound(NOTHING)


def test_of_two_candidates_that_overlap_only_one_becomes_final(
    candidate, county, oracle, clock, finalise, holders, remote_sensing, sensors, second_sensors, verifier
):
    longer = (START, END + DAY)
    county.submit(county.report(REMOTE, FOREST, *longer, value=1_000), remote_sensing)
    rival = county.report(CARBON, FOREST, *longer, holders=holders)
    county.submit(rival, sensors, second_sensors, verifier)
    clock.after(CARBON_RULES.challengeWindow)
    finalise(candidate)

    with refused("PeriodOverlapsFinal", periodStart=START, periodEnd=END + DAY, finalStart=START, finalEnd=END):
        finalise(county.round_of(rival))


def test_periods_may_become_final_in_any_order_and_never_overlap(county, oracle, holders, weighbridge):
    october, november = month(2025, 10), month(2025, 11)
    for period in (DECEMBER, month(2025, 9), november, october):
        county.weigh(holders, period)

    for period in (month(2025, 9), october, november, DECEMBER):
        start, end = first_second(period), first_second(period + 1)
        overlapping = county.report(DELIVERED, TEA, start + 1, end, holders=holders)
        with refused("PeriodOverlapsFinal", periodStart=start + 1, periodEnd=end, finalStart=start, finalEnd=end):
            county.submit(overlapping, weighbridge)
    county.weigh(holders, month(2025, 8))
    county.weigh(holders, JANUARY)


# FRESHNESS


def test_a_subject_without_a_final_round_is_not_fresh(oracle):
    with refused("NotFresh", feed=DELIVERED, subject=TEA, validUntil=0):
        oracle.requireFresh(DELIVERED, TEA)


def test_a_figure_is_fresh_until_the_second_before_its_validity_ends(county, oracle, clock, holders):
    until = clock.now() + 100 * DAY
    round_ = county.weigh(holders, DECEMBER, validUntil=until)

    clock.stand_at(until - 1)
    assert oracle.requireFresh(DELIVERED, TEA) == oracle.roundOf(round_)
    clock.stand_at(until)
    with refused("NotFresh", feed=DELIVERED, subject=TEA, validUntil=until):
        oracle.requireFresh(DELIVERED, TEA)


def test_the_newest_period_counts_even_if_an_older_one_becomes_final_later(county, oracle, holders):
    newest = county.weigh(holders, JANUARY)
    county.weigh(holders, DECEMBER)
    assert oracle.requireFresh(DELIVERED, TEA) == oracle.roundOf(newest)
