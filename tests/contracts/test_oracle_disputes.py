"""Challenges, the panel of three, what it may decide, and what is lent on meanwhile."""

import pytest
from eth_abi import encode
from eth_utils.crypto import keccak

from outcomes import announced, facts, refused, silent
from world import (
    CARBON,
    CARBON_RULES,
    DAY,
    DECEMBER,
    DELIVERED,
    FOREST,
    GENESIS,
    JANUARY,
    NOTHING,
    PANEL,
    PROJECT,
    REMOTE,
    SENSORS,
    TEA,
    U64,
    U128,
    ZERO,
    Figures,
    Holders,
    RoundState,
    Verdict,
    deployed,
    digest,
    first_second,
    month,
    person,
    text32,
)

START, END = first_second(month(2025, 1)), first_second(JANUARY)
REASON, EVIDENCE = text32("plot 7 burned"), digest("photographs")
PANEL_TIME, DISMISSED_WAIT = 14 * DAY, 30 * DAY
NO_FIGURES = Figures(0, 0, NOTHING, 0, NOTHING, NOTHING)
FINAL_FROM = GENESIS + CARBON_RULES.challengeWindow
"""Of a candidate that is reached in the first second."""


@pytest.fixture(scope="module")
def holders(cooperative, household):
    return Holders([(cooperative, 700), (household, 300)])


@pytest.fixture(scope="module")
def fewer(cooperative, household):
    """The register that a panel finds instead."""
    return Holders([(cooperative, 500), (household, 100)])


@pytest.fixture
def report(county, holders):
    return county.report(CARBON, FOREST, START, END, holders=holders)


@pytest.fixture
def candidate(county, report, remote_sensing, sensors, second_sensors, verifier):
    """1,000 kg, confirmed and in its challenge window."""
    county.submit(county.report(REMOTE, FOREST, START, END, value=1_000), remote_sensing)
    county.submit(report, sensors, second_sensors, verifier)
    return county.round_of(report)


@pytest.fixture
def disputed(county, candidate):
    county.challenge(candidate)
    return candidate


@pytest.fixture
def final(county, holders):
    return county.measure(holders)


@pytest.fixture
def state(oracle):
    return lambda round_: oracle.roundOf(round_)["state"]


# ELECTION


@pytest.mark.parametrize("wrong", [0, 1, 2], ids=["first and second", "first and third", "second and third"])
def test_a_panel_of_two_is_refused(panel, committee, wrong):
    members = [str(person(name)) for name in PANEL]
    (same, other) = ((0, 1), (0, 2), (1, 2))[wrong]
    members[other] = members[same]
    with refused("PanelMalformed", members=members):
        panel.electPanel(*members, {"from": committee})


@pytest.mark.parametrize("seat", [0, 1, 2])
def test_a_panel_with_an_empty_seat_is_refused(panel, committee, seat):
    members = [str(person(name)) for name in PANEL]
    members[seat] = ZERO
    with refused("PanelMalformed", members=members):
        panel.electPanel(*members, {"from": committee})


def test_panels_are_numbered_and_stay_readable(panel, committee, forester, statistician, auditor):
    before = [str(person(name)) for name in PANEL]
    election = panel.electPanel(forester, statistician, auditor, {"from": committee})

    assert panel.panel() == 2
    assert list(panel.panelOf(1)) == before
    assert list(panel.panelOf(2)) == [forester, statistician, auditor]
    announced(election, "PanelElected", panel=2, members=[forester, statistician, auditor], by=committee)


def test_nothing_is_challenged_before_there_is_a_panel(committee, weighbridge, holders):
    fresh = deployed()
    rules = CARBON_RULES._replace(quorum=1, requiredGroups=0, crossCheckFeed=NOTHING)
    fresh.oracle.configureFeed(DELIVERED, rules, {"from": committee})
    fresh.oracle.addSigner(DELIVERED, weighbridge, SENSORS, {"from": committee})
    report = fresh.report(DELIVERED, TEA, START, END, holders=holders)
    fresh.submit(report, weighbridge)
    with refused("NoPanel"):
        fresh.challenge(fresh.round_of(report), weighbridge)


def test_oracle_and_panel_name_each_other(county, oracle, panel, participants):
    assert (oracle.panel(), panel.oracle(), panel.participants()) == (panel, oracle, participants)


# CHALLENGE


@pytest.mark.parametrize(("reason", "evidence"), [(NOTHING, EVIDENCE), (REASON, NOTHING)])
def test_a_challenge_without_reason_or_evidence_is_refused(panel, candidate, cooperative, reason, evidence):
    with refused("ChallengeUnfounded", reason=reason, evidence=evidence):
        panel.challenge(candidate, reason, evidence, {"from": cooperative})


@pytest.mark.parametrize("name", ["auditor", "household", "weighbridge", "forester"])
def test_a_challenge_of_whoever_is_neither_participant_nor_signer_is_refused(panel, candidate, name):
    with refused("NotEntitled", challenger=person(name)):
        panel.challenge(candidate, REASON, EVIDENCE, {"from": person(name)})


def test_a_challenge_of_a_blocked_participant_is_refused(panel, participants, candidate, operator, cooperative):
    participants.setBlocked(cooperative, True, digest("court order"), {"from": operator})
    with refused("NotEntitled", challenger=cooperative):
        panel.challenge(candidate, REASON, EVIDENCE, {"from": cooperative})


@pytest.mark.parametrize("name", ["cooperative", "bank", "sensors", "remote-sensing"])
def test_participants_and_signers_of_the_feed_or_its_cross_check_challenge(panel, oracle, candidate, clock, name):
    challenge = panel.challenge(candidate, REASON, EVIDENCE, {"from": person(name)})

    deadline = clock.now() + PANEL_TIME
    announced(
        challenge,
        "Challenged",
        round=candidate,
        dispute=1,
        challenger=person(name),
        result=oracle.roundOf(candidate)["result"],
        reason=REASON,
        evidence=EVIDENCE,
        panel=1,
        deadline=deadline,
    )
    assert oracle.roundOf(candidate)["state"] == RoundState.DISPUTED
    number, details = panel.disputeOf(candidate)
    assert (number, tuple(details)) == (1, (deadline, 1, person(name)))
    assert panel.mayChallengeFrom(person(name)) == U64


def test_a_round_that_is_no_candidate_cannot_be_challenged(panel, county, report, cooperative):
    with refused("NotCandidate", round=county.round_of(report), state=RoundState.NONE):
        panel.challenge(county.round_of(report), REASON, EVIDENCE, {"from": cooperative})


def test_a_final_round_cannot_be_challenged(panel, final, cooperative):
    with refused("NotCandidate", round=final, state=RoundState.FINAL):
        panel.challenge(final, REASON, EVIDENCE, {"from": cooperative})


def test_a_dispute_cannot_be_challenged_again(panel, disputed, bank):
    with refused("NotCandidate", round=disputed, state=RoundState.DISPUTED):
        panel.challenge(disputed, REASON, EVIDENCE, {"from": bank})


def test_a_challenge_is_possible_in_the_last_second_of_the_window(panel, candidate, clock, state, cooperative):
    clock.stand_at(FINAL_FROM - 1)
    panel.challenge(candidate, REASON, EVIDENCE, {"from": cooperative})
    assert state(candidate) == RoundState.DISPUTED


def test_a_challenge_is_refused_once_the_window_is_over(panel, candidate, clock, cooperative):
    clock.stand_at(FINAL_FROM)
    with refused("ChallengeWindowOver", round=candidate, finalFrom=FINAL_FROM):
        panel.challenge(candidate, REASON, EVIDENCE, {"from": cooperative})


def test_nobody_has_two_challenges_open(panel, county, disputed, holders, weighbridge, committee, oracle, cooperative):
    rules = CARBON_RULES._replace(quorum=1, requiredGroups=0, crossCheckFeed=NOTHING)
    oracle.configureFeed(DELIVERED, rules, {"from": committee})
    other = county.report(DELIVERED, TEA, first_second(DECEMBER), END, holders=holders)
    county.submit(other, weighbridge)
    with refused("ChallengerMustWait", challenger=cooperative, **{"from": U64}):
        panel.challenge(county.round_of(other), REASON, EVIDENCE, {"from": cooperative})

    county.judge(disputed, Verdict.VOID)
    county.challenge(county.round_of(other))


def test_whoever_challenged_for_nothing_waits_thirty_days(panel, county, disputed, clock, oracle, cooperative):
    county.judge(disputed, Verdict.UPHELD)
    again_from = clock.now() + DISMISSED_WAIT
    assert panel.mayChallengeFrom(cooperative) == again_from

    clock.stand_at(again_from - 1)
    with refused("ChallengerMustWait", challenger=cooperative, **{"from": again_from}):
        panel.challenge(disputed, REASON, EVIDENCE, {"from": cooperative})
    clock.stand_at(again_from)
    with refused("ChallengeWindowOver", round=disputed, finalFrom=FINAL_FROM):
        panel.challenge(disputed, REASON, EVIDENCE, {"from": cooperative})


def test_a_result_is_judged_once(panel, county, disputed, bank):
    county.judge(disputed, Verdict.UPHELD)
    with refused("JudgedAlready", round=disputed, verdict=Verdict.UPHELD):
        panel.challenge(disputed, REASON, EVIDENCE, {"from": bank})


def test_a_disputed_round_is_not_final_when_its_window_ends(oracle, disputed, clock, relayer):
    clock.stand_at(FINAL_FROM)
    with refused("NotCandidate", round=disputed, state=RoundState.DISPUTED):
        oracle.finalise(disputed, {"from": relayer})


def test_a_disputed_round_takes_votes_but_no_other_candidate(county, oracle, disputed, report, relayer, sensors):
    county.submit(report, sensors)
    with refused("AlreadyCandidate", round=disputed):
        oracle.nominate(report, {"from": relayer})


# VOTES


def test_a_vote_where_nothing_is_disputed_is_refused(panel, county, candidate, forester, fewer):
    with refused("NoDispute", round=candidate):
        panel.vote(candidate, Verdict.UPHELD, {"from": forester})
    with refused("NoDispute", round=candidate):
        panel.voteRestated(candidate, county.figures(holders=fewer), {"from": forester})


@pytest.mark.parametrize("name", ["committee", "guardian", "cooperative", "sensors", "auditor"])
def test_only_the_panel_votes(panel, county, disputed, name, fewer):
    with refused("NotOnPanel", caller=person(name), panel=1):
        panel.vote(disputed, Verdict.UPHELD, {"from": person(name)})
    with refused("NotOnPanel", caller=person(name), panel=1):
        panel.voteRestated(disputed, county.figures(holders=fewer), {"from": person(name)})


@pytest.mark.parametrize("verdict", [Verdict.NONE, Verdict.RESTATED])
def test_a_vote_for_nothing_is_refused(panel, disputed, forester, verdict):
    with refused("VerdictImpossible", verdict=verdict, state=RoundState.DISPUTED):
        panel.vote(disputed, verdict, {"from": forester})


def test_a_member_votes_once(panel, county, disputed, forester, fewer, state):
    panel.vote(disputed, Verdict.VOID, {"from": forester})
    for again in (Verdict.VOID, Verdict.UPHELD):
        with refused("VotedAlready", dispute=1, member=forester):
            panel.vote(disputed, again, {"from": forester})
    with refused("VotedAlready", dispute=1, member=forester):
        panel.voteRestated(disputed, county.figures(holders=fewer), {"from": forester})
    assert state(disputed) == RoundState.DISPUTED


def test_a_member_does_not_judge_its_own_challenge(panel, participants, candidate, operator, county, judge):
    participants.admit(judge, 2, digest("papers"), {"from": operator})
    county.challenge(candidate, judge)
    with refused("PartyToDispute", member=judge):
        panel.vote(candidate, Verdict.VOID, {"from": judge})


@pytest.mark.parametrize("feed", [CARBON, REMOTE])
def test_a_member_who_reports_to_the_feed_or_its_cross_check_does_not_judge(
    panel, oracle, disputed, committee, judge, feed
):
    oracle.addSigner(feed, judge, SENSORS, {"from": committee})
    with refused("PartyToDispute", member=judge):
        panel.vote(disputed, Verdict.UPHELD, {"from": judge})


def test_a_vote_is_announced_and_alone_decides_nothing(panel, disputed, forester, state):
    vote = panel.vote(disputed, Verdict.VOID, {"from": forester})
    announced(vote, "PanelVoted", round=disputed, dispute=1, member=forester, verdict=Verdict.VOID, figures=NO_FIGURES)
    assert silent(vote, "Judged")
    assert state(disputed) == RoundState.DISPUTED
    assert bytes(panel.choiceOf(1, forester)) != NOTHING


def test_three_different_verdicts_decide_nothing(panel, county, disputed, fewer, state):
    county.judge(disputed, Verdict.VOID, "forester")
    county.judge(disputed, Verdict.UPHELD, "statistician")
    county.restate(disputed, county.figures(holders=fewer), "judge")
    assert state(disputed) == RoundState.DISPUTED


def test_restatements_that_differ_do_not_add_up(county, disputed, fewer, state):
    county.restate(disputed, county.figures(holders=fewer), "forester")
    county.restate(disputed, county.figures(holders=fewer, uncertainty=1), "statistician")
    assert state(disputed) == RoundState.DISPUTED


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2)])
def test_any_two_members_decide(county, disputed, state, pair):
    verdict = county.judge(disputed, Verdict.UPHELD, *(PANEL[i] for i in pair))
    announced(
        verdict,
        "Judged",
        round=disputed,
        dispute=1,
        verdict=Verdict.UPHELD,
        state=RoundState.CANDIDATE,
        by=person(PANEL[pair[1]]),
    )
    assert state(disputed) == RoundState.CANDIDATE


def test_two_members_decide_against_the_first(county, disputed, state):
    county.judge(disputed, Verdict.UPHELD, "forester")
    county.judge(disputed, Verdict.VOID, "statistician", "judge")
    assert state(disputed) == RoundState.VOID


def test_a_vote_after_the_verdict_is_refused(panel, county, disputed, judge):
    county.judge(disputed, Verdict.UPHELD)
    with refused("NoDispute", round=disputed):
        panel.vote(disputed, Verdict.UPHELD, {"from": judge})


def test_a_new_panel_does_not_take_over_an_open_dispute(panel, county, disputed, committee, forester, auditor, bank):
    panel.electPanel(forester, auditor, bank, {"from": committee})
    with refused("NotOnPanel", caller=auditor, panel=1):
        panel.vote(disputed, Verdict.UPHELD, {"from": auditor})
    assert panel.disputeOf(disputed)[1]["panel"] == 1
    county.judge(disputed, Verdict.UPHELD, "statistician", "judge")


# UPHELD


def test_an_upheld_candidate_becomes_final(county, oracle, disputed, report):
    county.judge(disputed, Verdict.UPHELD)
    assert oracle.roundOf(disputed)["verdict"] == Verdict.UPHELD
    county.finalise(report)
    assert oracle.finalRound(disputed)["value"] == 1_000


def test_an_upheld_candidate_waits_for_its_window(county, oracle, disputed, clock, relayer):
    county.judge(disputed, Verdict.UPHELD)
    clock.stand_at(FINAL_FROM - 1)
    with refused("ChallengeWindowOpen", round=disputed, finalFrom=FINAL_FROM):
        oracle.finalise(disputed, {"from": relayer})
    clock.stand_at(FINAL_FROM)
    oracle.finalise(disputed, {"from": relayer})


# VOID


def test_a_void_round_renews_the_digest_of_its_feed(county, oracle, disputed, report, sensors):
    before, result = oracle.configDigest(CARBON), oracle.roundOf(disputed)["result"]
    verdict = county.judge(disputed, Verdict.VOID)

    after = oracle.configDigest(CARBON)
    assert after != before
    announced(verdict, "VotesVoided", feed=CARBON, round=disputed, result=result, configDigest=after)
    with refused("StaleConfig", given=report.configDigest, current=after):
        county.submit(report, sensors)


def test_void_figures_never_come_back(county, oracle, disputed, report, sensors, committee, relayer):
    county.judge(disputed, Verdict.VOID)
    for _ in range(2):
        again = report._replace(configDigest=bytes(oracle.configDigest(CARBON)))
        figures = Figures(
            *(again.value, again.uncertainty, again.shareRoot),
            *(again.shareCount, again.evidenceRoot, again.methodology),
        )
        with refused("ResultVoided", round=disputed, figures=figures_id(figures)):
            county.submit(again, sensors)
        oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})


def figures_id(figures):
    return keccak(encode(["(int128,uint128,bytes32,uint64,bytes32,bytes32)"], [tuple(figures)]))


def test_a_void_round_is_reported_anew_under_fresh_votes(
    county, oracle, disputed, report, fewer, state, sensors, second_sensors, verifier, remote_sensing, committee
):
    county.judge(disputed, Verdict.VOID)
    assert facts(oracle.roundOf(disputed))["value"] == 1_000
    oracle.configureFeed(CARBON, CARBON_RULES._replace(spreadBps=9_000), {"from": committee})
    anew = county.report(CARBON, FOREST, START, END, holders=fewer)
    county.submit(anew, sensors, second_sensors)
    assert state(disputed) == RoundState.VOID
    county.submit(anew, verifier)

    round_ = oracle.roundOf(disputed)
    assert (round_["state"], round_["value"], round_["verdict"]) == (RoundState.CANDIDATE, 600, Verdict.NONE)
    county.finalise(anew)
    assert oracle.finalRound(disputed)["value"] == 600


def test_a_void_round_is_not_final(county, oracle, disputed, clock, relayer):
    county.judge(disputed, Verdict.VOID)
    clock.stand_at(FINAL_FROM)
    with refused("NotCandidate", round=disputed, state=RoundState.VOID):
        oracle.finalise(disputed, {"from": relayer})
    with refused("NotFinal", round=disputed, state=RoundState.VOID):
        oracle.finalRound(disputed)


# RESTATED


def test_restated_figures_become_those_of_the_round(county, oracle, credits, disputed, report, fewer, relayer):
    before = oracle.roundOf(disputed)
    figures = county.figures(holders=fewer, uncertainty=40)
    verdict = county.restate(disputed, figures)

    after = oracle.roundOf(disputed)
    assert (after["state"], after["verdict"]) == (RoundState.CANDIDATE, Verdict.RESTATED)
    assert facts(after) == facts(before) | facts(figures._asdict()) | {
        "verdict": Verdict.RESTATED,
        "result": facts({"x": after["result"]})["x"],
        "state": RoundState.CANDIDATE,
    }
    announced(
        verdict,
        "Restated",
        round=disputed,
        oldResult=before["result"],
        newResult=after["result"],
        oldValue=1_000,
        oldUncertainty=0,
        figures=figures,
    )
    county.finalise(report)
    batch = credits.issue(PROJECT, disputed, {"from": relayer}).return_value
    assert credits.batchOf(batch)["issued"] == 600


@pytest.mark.parametrize("value", [CARBON_RULES.minimumValue - 1, CARBON_RULES.maximumValue + 1])
def test_a_restatement_obeys_the_bounds_of_the_feed(county, disputed, value):
    with refused("ValueOutOfBounds", value=value, minimum=CARBON_RULES.minimumValue, maximum=CARBON_RULES.maximumValue):
        county.restate(disputed, county.figures(value=value), "forester")


@pytest.mark.parametrize("value", [CARBON_RULES.minimumValue, CARBON_RULES.maximumValue])
def test_a_restatement_may_reach_the_bounds_of_the_feed(county, oracle, disputed, value):
    county.restate(disputed, county.figures(value=value))
    assert oracle.roundOf(disputed)["value"] == value


@pytest.mark.parametrize(
    "changes",
    [{"shareCount": 0}, {"shareRoot": NOTHING}, {"value": 0}, {"value": -1}],
    ids=["a root without leaves", "leaves without a root", "a register of nothing", "a register of a loss"],
)
def test_a_restatement_obeys_the_rules_of_registers(county, disputed, fewer, changes):
    figures = county.figures(holders=fewer, **changes)
    with refused("RegisterMalformed", shareRoot=figures.shareRoot, shareCount=figures.shareCount, value=figures.value):
        county.restate(disputed, figures, "forester")


def test_a_restatement_needs_evidence_that_is_anchored(county, disputed, fewer, clock):
    figures = county.figures(holders=fewer, evidenceRoot=digest("unseen"))
    with refused("EvidenceNotAnchored", evidenceRoot=digest("unseen"), anchoredAt=0, latest=clock.now()):
        county.restate(disputed, figures, "forester")


def test_a_restatement_rests_on_the_panel_and_is_not_lost_with_a_vote(
    county, oracle, disputed, report, fewer, verifier, state
):
    county.restate(disputed, county.figures(holders=fewer))
    equivocation = county.submit(report._replace(value=999), verifier)
    assert silent(equivocation, "CandidateLost")
    assert state(disputed) == RoundState.CANDIDATE


def test_a_restatement_needs_no_cross_check(county, oracle, disputed, report, fewer):
    county.restate(disputed, county.figures(holders=fewer))
    county.finalise(report)
    assert oracle.finalRound(disputed)["value"] == 600


def test_a_restated_candidate_is_not_withdrawn_for_its_cross_check(county, oracle, disputed, fewer, relayer):
    """Two of the panel stand for the figures: that they are far from the cross-check says nothing any more."""
    county.restate(disputed, county.figures(holders=fewer))
    cross_check = oracle.roundOf(disputed)["crossCheckRound"]
    with refused("CrossCheckStands", round=disputed, crossCheckRound=cross_check):
        oracle.withdraw(disputed, {"from": relayer})


# TIME


def test_a_vote_counts_in_the_last_second_of_the_panels_time(panel, county, disputed, clock, state):
    clock.stand_at(GENESIS + PANEL_TIME - 1)
    county.judge(disputed, Verdict.UPHELD)
    assert state(disputed) == RoundState.CANDIDATE


def test_a_vote_after_the_panels_time_is_refused(panel, county, disputed, clock, forester, fewer):
    deadline = panel.disputeOf(disputed)[1]["deadline"]
    clock.stand_at(deadline)
    with refused("PanelTooLate", round=disputed, deadline=deadline):
        panel.vote(disputed, Verdict.UPHELD, {"from": forester})
    with refused("PanelTooLate", round=disputed, deadline=deadline):
        panel.voteRestated(disputed, county.figures(holders=fewer), {"from": forester})


def test_a_dispute_does_not_lapse_a_second_early(panel, disputed, clock, relayer):
    deadline = panel.disputeOf(disputed)[1]["deadline"]
    clock.stand_at(deadline - 1)
    with refused("PanelInTime", round=disputed, deadline=deadline):
        panel.lapse(disputed, {"from": relayer})


def test_nothing_lapses_where_nothing_is_disputed(panel, candidate, relayer):
    with refused("NoDispute", round=candidate):
        panel.lapse(candidate, {"from": relayer})


def test_a_dispute_that_the_panel_leaves_undecided_voids(panel, county, oracle, disputed, clock, relayer, cooperative):
    county.judge(disputed, Verdict.UPHELD, "forester")
    digest_before = oracle.configDigest(CARBON)
    clock.stand_at(panel.disputeOf(disputed)[1]["deadline"])
    lapse = panel.lapse(disputed, {"from": relayer})

    announced(lapse, "DisputeLapsed", round=disputed, dispute=1, state=RoundState.VOID, by=relayer)
    assert oracle.roundOf(disputed)["state"] == RoundState.VOID
    assert oracle.configDigest(CARBON) != digest_before
    assert panel.mayChallengeFrom(cooperative) == 0
    assert panel.disputeOf(disputed)[0] == 0


# PAUSE


def test_nothing_becomes_final_during_a_pause(oracle, candidate, clock, guardian, relayer):
    clock.stand_at(FINAL_FROM)
    pause = oracle.pause(text32("storm"), {"from": guardian})
    with refused("Paused", since=pause.timestamp):
        oracle.finalise(candidate, {"from": relayer})


def test_a_pause_moves_the_challenge_window(
    county, oracle, panel, candidate, clock, guardian, committee, relayer, cooperative
):
    clock.stand_at(FINAL_FROM - DAY)
    oracle.pause(text32("storm"), {"from": guardian})
    clock.after(7 * DAY)
    oracle.resume(text32("over"), {"from": committee})
    clock.stand_at(FINAL_FROM + 7 * DAY - 1)
    with refused("ChallengeWindowOpen", round=candidate, finalFrom=FINAL_FROM):
        oracle.finalise(candidate, {"from": relayer})
    clock.stand_at(FINAL_FROM + 7 * DAY)
    with refused("ChallengeWindowOver", round=candidate, finalFrom=FINAL_FROM):
        panel.challenge(candidate, REASON, EVIDENCE, {"from": cooperative})
    oracle.finalise(candidate, {"from": relayer})


def test_a_pause_moves_the_panels_time(panel, oracle, county, disputed, clock, guardian, committee, relayer):
    deadline = panel.disputeOf(disputed)[1]["deadline"]
    clock.stand_at(deadline - 1)
    oracle.pause(text32("storm"), {"from": guardian})
    clock.after(9 * DAY)
    with refused("PanelInTime", round=disputed, deadline=deadline):
        panel.lapse(disputed, {"from": relayer})
    oracle.resume(text32("over"), {"from": committee})
    county.judge(disputed, Verdict.UPHELD)


def test_reports_challenges_and_votes_go_on_during_a_pause(
    county, oracle, report, guardian, state, remote_sensing, sensors, second_sensors, verifier, clock
):
    oracle.pause(text32("storm"), {"from": guardian})
    clock.after(DAY)
    county.submit(county.report(REMOTE, FOREST, START, END, value=1_000), remote_sensing)
    county.submit(report, sensors, second_sensors, verifier)
    round_ = county.round_of(report)
    assert oracle.roundOf(round_)["finalFrom"] == oracle.runningTime() + CARBON_RULES.challengeWindow
    county.challenge(round_)
    county.judge(round_, Verdict.UPHELD)
    assert state(round_) == RoundState.CANDIDATE


def test_a_change_of_the_challenge_window_leaves_what_was_announced(oracle, candidate, clock, committee, relayer):
    oracle.configureFeed(CARBON, CARBON_RULES._replace(challengeWindow=90 * DAY), {"from": committee})
    clock.stand_at(FINAL_FROM)
    oracle.finalise(candidate, {"from": relayer})


# A FINAL ROUND


def test_a_final_round_is_restated_beside_the_original(county, oracle, panel, final, fewer, clock):
    original = oracle.finalRound(final)
    figures = county.figures(holders=fewer, uncertainty=40)
    first = county.restate(final, figures, "forester")
    deadline = clock.now() + PANEL_TIME
    announced(first, "Reopened", round=final, dispute=1, by=person("forester"), panel=1, deadline=deadline)
    announced(
        first,
        "PanelVoted",
        round=final,
        dispute=1,
        member=person("forester"),
        verdict=Verdict.RESTATED,
        figures=figures,
    )
    assert bytes(panel.restatementOf(final)[1]) == NOTHING
    second = county.restate(final, figures, "judge")

    found, result = panel.restatementOf(final)
    assert facts(found) == facts(figures._asdict())
    announced(
        second,
        "Restated",
        round=final,
        oldResult=original["result"],
        newResult=result,
        oldValue=1_000,
        oldUncertainty=0,
        figures=figures,
    )
    announced(
        second,
        "Judged",
        round=final,
        dispute=1,
        verdict=Verdict.RESTATED,
        state=RoundState.FINAL,
        by=person("judge"),
    )
    assert oracle.finalRound(final) == original


def test_credits_and_registers_read_the_original_of_a_restated_round(county, credits, final, fewer, relayer):
    county.restate(final, county.figures(holders=fewer))
    batch = credits.issue(PROJECT, final, {"from": relayer}).return_value
    assert credits.batchOf(batch)["issued"] == 1_000


def test_a_final_round_is_restated_once(county, final, fewer, forester):
    county.restate(final, county.figures(holders=fewer))
    with refused("RestatedAlready", round=final):
        county.restate(final, county.figures(holders=fewer, uncertainty=1), "judge")


def test_a_final_round_is_never_voided(county, panel, final, fewer, judge):
    county.restate(final, county.figures(holders=fewer), "forester")
    with refused("VerdictImpossible", verdict=Verdict.VOID, state=RoundState.FINAL):
        panel.vote(final, Verdict.VOID, {"from": judge})


def test_only_the_present_panel_reopens(county, panel, final, fewer, committee, auditor, bank, buyer, forester):
    panel.electPanel(auditor, bank, buyer, {"from": committee})
    with refused("NotOnPanel", caller=forester, panel=2):
        county.restate(final, county.figures(holders=fewer), "forester")


def test_a_member_who_reports_to_the_feed_does_not_reopen(county, oracle, final, fewer, committee, forester):
    oracle.addSigner(CARBON, forester, SENSORS, {"from": committee})
    with refused("PartyToDispute", member=forester):
        county.restate(final, county.figures(holders=fewer), "forester")


def test_a_member_reopens_a_round_once(county, panel, oracle, final, fewer, forester, state):
    county.restate(final, county.figures(holders=fewer), "forester")
    county.judge(final, Verdict.UPHELD, "statistician", "judge")
    assert state(final) == RoundState.FINAL
    with refused("ReopenedAlready", round=final, member=forester):
        county.restate(final, county.figures(holders=fewer), "forester")
    county.restate(final, county.figures(holders=fewer), "judge")


def test_a_final_round_stands_when_the_panel_leaves_it_undecided(
    county, panel, oracle, final, fewer, clock, relayer, state
):
    county.restate(final, county.figures(holders=fewer), "forester")
    clock.stand_at(panel.disputeOf(final)[1]["deadline"])
    lapse = panel.lapse(final, {"from": relayer})
    announced(lapse, "DisputeLapsed", round=final, dispute=1, state=RoundState.FINAL, by=relayer)
    assert bytes(panel.restatementOf(final)[1]) == NOTHING
    # Nobody refuted the lower figure: it goes on to bound what is lent.
    assert oracle.lendingValue(CARBON, FOREST) == 600


# LENDING


@pytest.fixture
def weighed(county, holders):
    """A year ago: 1,000 ± 100, which lends 800. What is newer comes for the same subject."""
    return county.weigh(holders, month(2025, 11), uncertainty=100)


@pytest.fixture
def newer(county, oracle, weighed, committee, weighbridge, cooperative):
    """A candidate of the next month with a challenge window."""
    rules = CARBON_RULES._replace(
        quorum=1, requiredGroups=0, crossCheckFeed=NOTHING, maximumLag=10 * 365 * DAY, minimumValue=-(10**9)
    )
    oracle.configureFeed(DELIVERED, rules, {"from": committee})

    def newer(value, uncertainty=0, period=DECEMBER):
        register = Holders([(cooperative, value)]) if value > 0 else None
        report = county.report(
            *(DELIVERED, TEA, first_second(period), first_second(period + 1)),
            holders=register,
            value=value,
            uncertainty=uncertainty,
        )
        county.submit(report, weighbridge)
        return county.round_of(report)

    return newer


def test_nothing_is_lent_on_a_subject_without_a_final_round(oracle):
    with refused("NotFresh", feed=DELIVERED, subject=TEA, validUntil=0):
        oracle.lendingValue(DELIVERED, TEA)


def test_nothing_is_lent_on_a_stale_figure(county, oracle, clock, holders):
    until = clock.now() + 100 * DAY
    county.weigh(holders, DECEMBER, validUntil=until)
    clock.stand_at(until - 1)
    assert oracle.lendingValue(DELIVERED, TEA) == 1_000
    clock.stand_at(until)
    with refused("NotFresh", feed=DELIVERED, subject=TEA, validUntil=until):
        oracle.lendingValue(DELIVERED, TEA)


@pytest.mark.parametrize(("uncertainty", "lendable"), [(0, 1_000), (499, 2), (500, 0), (501, 0), (U128, 0)], ids=str)
def test_the_value_less_twice_its_uncertainty_is_lent_on(county, oracle, holders, uncertainty, lendable):
    county.weigh(holders, DECEMBER, uncertainty=uncertainty)
    assert oracle.lendingValue(DELIVERED, TEA) == lendable


def test_the_largest_value_is_lent_on(county, oracle, cooperative):
    county.weigh(Holders([(cooperative, 2**127 - 1)]), DECEMBER)
    assert oracle.lendingValue(DELIVERED, TEA) == 2**127 - 1


@pytest.mark.parametrize(("value", "lendable"), [(500, 500), (799, 799), (800, 800), (801, 800), (900, 800), (-5, 0)])
def test_while_a_newer_round_is_disputed_the_lower_figure_is_lent_on(county, oracle, newer, value, lendable):
    round_ = newer(value)
    assert oracle.lendingValue(DELIVERED, TEA) == lendable
    county.challenge(round_)
    assert oracle.lendingValue(DELIVERED, TEA) == lendable


def test_a_newer_final_figure_is_lent_on_whether_lower_or_higher(county, oracle, newer, clock, relayer):
    for value, period in ((500, DECEMBER), (1_200, JANUARY)):
        round_ = newer(value, period=period)
        clock.after(CARBON_RULES.challengeWindow)
        oracle.finalise(round_, {"from": relayer})
        assert oracle.lendingValue(DELIVERED, TEA) == value


def test_an_older_round_that_comes_later_changes_nothing_that_is_lent_on(county, oracle, newer):
    newer(5, period=month(2025, 9))
    assert oracle.lendingValue(DELIVERED, TEA) == 800


def test_a_newer_round_lost_to_equivocation_does_not_bring_the_better_figure_back(
    county, oracle, newer, holders, weighbridge, state
):
    round_ = newer(500)
    times = (first_second(DECEMBER), first_second(JANUARY))
    county.submit(county.report(DELIVERED, TEA, *times, holders=holders), weighbridge)
    assert state(round_) == RoundState.NONE
    assert oracle.lendingValue(DELIVERED, TEA) == 500


def test_a_proposal_for_the_newest_round_bounds_what_is_lent_on_until_it_is_refuted(county, oracle, panel, weighed):
    assert panel.lendableAtMost(weighed) == U128
    county.restate(weighed, county.figures(value=300, uncertainty=10), "forester")
    assert oracle.lendingValue(DELIVERED, TEA) == 280
    county.restate(weighed, county.figures(value=250), "judge")
    assert oracle.lendingValue(DELIVERED, TEA) == 250
    assert panel.lendableAtMost(weighed) == 250
    county.judge(weighed, Verdict.UPHELD, "statistician")
    assert oracle.lendingValue(DELIVERED, TEA) == 250


def test_an_upheld_final_round_is_lent_on_as_before(county, oracle, weighed):
    county.restate(weighed, county.figures(value=300), "forester")
    assert oracle.lendingValue(DELIVERED, TEA) == 300
    county.judge(weighed, Verdict.UPHELD, "statistician", "judge")
    assert oracle.lendingValue(DELIVERED, TEA) == 800


@pytest.mark.parametrize(("restated", "lendable"), [(300, 300), (799, 799), (801, 800), (5_000, 800), (0, 0)])
def test_after_a_restatement_the_lower_figure_is_lent_on(county, oracle, weighed, restated, lendable):
    county.restate(weighed, county.figures(value=restated))
    assert oracle.lendingValue(DELIVERED, TEA) == lendable
    assert oracle.requireFresh(DELIVERED, TEA)["value"] == 1_000


def test_a_restatement_of_the_old_round_does_not_bound_the_next_one(county, oracle, newer, weighed, clock, relayer):
    county.restate(weighed, county.figures(value=1))
    round_ = newer(900)
    clock.after(CARBON_RULES.challengeWindow)
    oracle.finalise(round_, {"from": relayer})
    assert oracle.lendingValue(DELIVERED, TEA) == 900


def test_a_newer_round_restated_lower_bounds_what_is_lent_on_before_it_is_final(county, oracle, newer):
    round_ = newer(700)
    county.challenge(round_)
    county.restate(round_, county.figures(value=650))
    assert oracle.lendingValue(DELIVERED, TEA) == 650


# VERDICTS COME FROM THE PANEL


def test_nobody_but_the_panels_contract_gives_verdicts(county, oracle, panel, disputed, committee, fewer):
    caller = {"from": committee}
    figures = county.figures(holders=fewer)
    for call in (
        lambda: oracle.dispute(disputed, caller),
        lambda: oracle.settle(disputed, Verdict.UPHELD, caller),
        lambda: oracle.restate(disputed, digest("result"), figures, caller),
        lambda: oracle.exclude(disputed, CARBON, person("sensors"), digest("one"), digest("two"), caller),
    ):
        with refused("NotThePanel", caller=committee):
            call()
    with refused("NotTheOracle", caller=committee):
        panel.moot(disputed, caller)


def test_figures_are_possible_only_where_something_can_be_restated(county, oracle, candidate, fewer):
    with refused("NotDisputed", round=candidate, state=RoundState.CANDIDATE):
        oracle.requirePossible(candidate, county.figures(holders=fewer))
