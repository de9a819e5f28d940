"""Who takes part."""

import pytest

from outcomes import announced, refused
from world import NOTHING, ZERO, Kind, digest

PAPERS = digest("papers of household")
COURT_ORDER = digest("court order")


def test_admission_fails_for_nobody(participants, operator):
    with refused("IncompleteParticipant", account=ZERO, kind=Kind.HOUSEHOLD, identity=PAPERS):
        participants.admit(ZERO, Kind.HOUSEHOLD, PAPERS, {"from": operator})


def test_admission_fails_without_a_kind(participants, operator, household):
    with refused("IncompleteParticipant", account=household, kind=Kind.UNKNOWN, identity=PAPERS):
        participants.admit(household, Kind.UNKNOWN, PAPERS, {"from": operator})


def test_admission_fails_without_papers(participants, operator, household):
    with refused("IncompleteParticipant", account=household, kind=Kind.HOUSEHOLD, identity=NOTHING):
        participants.admit(household, Kind.HOUSEHOLD, NOTHING, {"from": operator})


def test_admission_fails_for_whoever_is_not_the_operator(participants, committee, household):
    with refused("AccessManagedUnauthorized", caller=committee):
        participants.admit(household, Kind.HOUSEHOLD, PAPERS, {"from": committee})


def test_nobody_is_a_participant_before_admission(participants, household):
    assert participants.participant(household) == (Kind.UNKNOWN, False, "0x" + NOTHING.hex())
    assert not participants.isAdmitted(household)
    assert not participants.isBlocked(household)


@pytest.mark.parametrize("kind", range(Kind.HOUSEHOLD, Kind.PROTOCOL + 1))
def test_operator_admits_every_kind_of_participant(participants, operator, household, kind):
    admission = participants.admit(household, kind, PAPERS, {"from": operator})

    assert participants.participant(household) == (kind, False, "0x" + PAPERS.hex())
    assert participants.isAdmitted(household)
    announced(admission, "Admitted", account=household, kind=kind, identity=PAPERS, by=operator)


def test_admission_can_be_renewed(participants, operator, household):
    participants.admit(household, Kind.HOUSEHOLD, PAPERS, {"from": operator})
    renewed = digest("papers of the household, renewed")
    participants.admit(household, Kind.COOPERATIVE, renewed, {"from": operator})

    assert participants.participant(household) == (Kind.COOPERATIVE, False, "0x" + renewed.hex())


def test_renewing_an_admission_frees_nobody_from_a_block(participants, operator, cooperative):
    participants.setBlocked(cooperative, True, COURT_ORDER, {"from": operator})
    participants.admit(cooperative, Kind.COOPERATIVE, PAPERS, {"from": operator})

    assert participants.isBlocked(cooperative)
    assert not participants.isAdmitted(cooperative)


def test_blocking_fails_for_whoever_is_not_the_operator(participants, guardian, cooperative):
    with refused("AccessManagedUnauthorized", caller=guardian):
        participants.setBlocked(cooperative, True, COURT_ORDER, {"from": guardian})


def test_blocking_fails_if_already_blocked(participants, operator, cooperative):
    participants.setBlocked(cooperative, True, COURT_ORDER, {"from": operator})
    with refused("BlockedAlready", account=cooperative, blocked=True):
        participants.setBlocked(cooperative, True, COURT_ORDER, {"from": operator})


def test_freeing_fails_if_not_blocked(participants, operator, cooperative):
    with refused("BlockedAlready", account=cooperative, blocked=False):
        participants.setBlocked(cooperative, False, COURT_ORDER, {"from": operator})


def test_operator_blocks_and_frees_a_participant(participants, operator, cooperative):
    block = participants.setBlocked(cooperative, True, COURT_ORDER, {"from": operator})
    assert participants.isBlocked(cooperative)
    assert not participants.isAdmitted(cooperative)
    announced(block, "BlockedChanged", account=cooperative, blocked=True, reason=COURT_ORDER, by=operator)

    participants.setBlocked(cooperative, False, COURT_ORDER, {"from": operator})
    assert not participants.isBlocked(cooperative)
    assert participants.isAdmitted(cooperative)


def test_revenue_knows_of_a_block_in_the_same_transaction(participants, revenue, operator, cooperative, household):
    participants.setBlocked(household, True, COURT_ORDER, {"from": operator})
    assert revenue.standingOf(household)["isBlocked"]
    assert not revenue.standingOf(cooperative)["isBlocked"]

    participants.setBlocked(household, False, COURT_ORDER, {"from": operator})
    assert not revenue.standingOf(household)["isBlocked"]


def test_nobody_but_participants_tells_revenue_of_a_block(revenue, operator, cooperative):
    with refused("NotParticipants", caller=operator):
        revenue.noteBlocked(cooperative, True, {"from": operator})
    assert not revenue.standingOf(cooperative)["isBlocked"]


def test_an_account_can_be_blocked_before_it_is_admitted(participants, operator, household):
    participants.setBlocked(household, True, COURT_ORDER, {"from": operator})
    assert participants.isBlocked(household)
    participants.admit(household, Kind.HOUSEHOLD, PAPERS, {"from": operator})
    assert not participants.isAdmitted(household)
