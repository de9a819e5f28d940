"""A pause stops what takes on new risk, and never a repayment or a claim."""

import pytest

from outcomes import announced, refused
from world import DAY, NOTHING, PROJECT, Holders, text32

STORM = text32("storm")
OVER = text32("storm is over")


@pytest.fixture(params=["pledges", "credits", "funds", "assets", "oracle"])
def paused_one(county, request):
    return getattr(county, request.param)


def test_pausing_fails_without_a_reason(paused_one, guardian):
    with refused("PauseReasonMissing"):
        paused_one.pause(NOTHING, {"from": guardian})


def test_pausing_fails_for_whoever_is_not_the_guardian(paused_one, committee):
    with refused("AccessManagedUnauthorized", caller=committee):
        paused_one.pause(STORM, {"from": committee})


def test_pausing_fails_during_a_pause(paused_one, guardian):
    paused_one.pause(STORM, {"from": guardian})
    with refused("PausedAlready", isPaused=True):
        paused_one.pause(STORM, {"from": guardian})


def test_resuming_fails_while_running(paused_one, committee):
    with refused("PausedAlready", isPaused=False):
        paused_one.resume(OVER, {"from": committee})


def test_resuming_fails_without_a_reason(paused_one, guardian, committee):
    paused_one.pause(STORM, {"from": guardian})
    with refused("PauseReasonMissing"):
        paused_one.resume(NOTHING, {"from": committee})


def test_running_time_stands_still_during_a_pause(paused_one, guardian, committee, clock):
    pause = paused_one.pause(STORM, {"from": guardian})
    announced(pause, "PauseChanged", isPaused=True, reason=STORM, pausedSeconds=0, by=guardian)
    assert paused_one.pausedSince() == pause.timestamp
    assert paused_one.runningTime() == pause.timestamp

    clock.after(3 * DAY)
    assert paused_one.runningTime() == pause.timestamp
    resumed = paused_one.resume(OVER, {"from": committee})
    length = resumed.timestamp - pause.timestamp
    announced(resumed, "PauseChanged", isPaused=False, reason=OVER, pausedSeconds=length, by=committee)
    assert paused_one.pausedSince() == 0

    clock.after(DAY)
    again = paused_one.pause(STORM, {"from": guardian})
    announced(again, "PauseChanged", isPaused=True, reason=STORM, pausedSeconds=length, by=guardian)
    assert paused_one.runningTime() == again.timestamp - length


def test_nothing_is_issued_during_a_pause(county, household, guardian, relayer):
    round_ = county.measure(Holders([(household, 307)]))
    pause = county.credits.pause(STORM, {"from": guardian})
    with refused("Paused", since=pause.timestamp):
        county.credits.issue(PROJECT, round_, {"from": relayer})


def test_no_loan_begins_during_a_pause(county, guardian, bank, relayer):
    terms, other = county.terms(), county.terms(bps=100)
    pledge, perfected = county.commit(terms), county.commit(other)
    county.perfect(perfected)
    pause = county.pledges.pause(STORM, {"from": guardian})
    with refused("Paused", since=pause.timestamp):
        county.commit(county.terms(bps=1))
    with refused("Paused", since=pause.timestamp):
        county.perfect(pledge)
    with refused("Paused", since=pause.timestamp):
        county.pledges.disburse(perfected, {"from": bank})


def test_a_loan_is_repaid_during_a_pause(county, guardian, bank, cooperative):
    pledge = county.lend(county.terms())
    county.pledges.pause(STORM, {"from": guardian})
    county.voucher.approve(county.pledges, 1, {"from": cooperative})
    county.pledges.repay(pledge, 1, {"from": cooperative})
    assert county.pledges.debtOf(pledge)["principal"] == 99_999
