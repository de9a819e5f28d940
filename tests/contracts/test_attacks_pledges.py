"""Attacks that happened to others, tried on pledges and loans. Each test is named after one of them."""

import pytest

import model
from outcomes import refused
from signing import Instalment, sign
from world import (
    CARBON_POOL,
    DAY,
    DECEMBER,
    FEBRUARY,
    NOTHING,
    ONE_PRODUCT,
    SUPPLIERS_LEG,
    WHOLE,
    YEAR,
    Holders,
    Line,
    Perfection,
    State,
    digest,
    person,
    text32,
)

DECEMBERS = Line(ONE_PRODUCT, 1, DECEMBER, SUPPLIERS_LEG)
NOTICE, REASON = digest("notice"), digest("reason")


@pytest.fixture(scope="module")
def suppliers(cooperative, household):
    return Holders([(cooperative, 600), (household, 400)])


@pytest.fixture
def opened(county, revenue, suppliers, relayer):
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(suppliers, DECEMBER), {"from": relayer})


def test_a_pledge_order_is_not_valid_after_withdrawal(
    opened, county, pledges, clock, voucher, suppliers, bank, cooperative
):
    """XCarnival: the pledged thing was taken back, and the order to lend on it was still good."""
    terms = county.terms()
    signatures = county.sign(terms, cooperative), county.sign(terms, bank)
    pledge = county.commit(terms)
    county.perfect(pledge)
    county.fund(bank, 100_000)
    voucher.approve(pledges, 100_000, {"from": bank})
    pledges.cancel(pledge, {"from": cooperative})

    with refused("WrongState", pledge=pledge, state=State.CANCELLED):
        pledges.disburse(pledge, {"from": bank})
    with refused("PledgeExists", pledge=pledge, state=State.CANCELLED):
        pledges.commit(terms, *signatures, {"from": bank})
    county.receive(ONE_PRODUCT, DECEMBER, 600_000)
    clock.after(YEAR)
    county.claim(DECEMBERS, suppliers, 0)
    assert voucher.balanceOf(bank) == 100_000


def test_a_consent_is_not_valid_after_the_pledge_has_changed(county, workouts, pledges, relayer, bank, second_bank):
    """The same with a lien: who agreed to take over a loan in order does not get a delinquent one."""
    pledge = county.bring(State.ACTIVE)
    workouts.transferLien(pledge, second_bank, {"from": second_bank})
    due_at, grace = pledges.termsOf(pledge)["schedule"][0][0], pledges.termsOf(pledge)["conditions"][1]
    county.clock.stand_at(due_at + grace + 1)
    workouts.markDelinquent(pledge, {"from": relayer})
    workouts.transferLien(pledge, second_bank, {"from": bank})
    assert pledges.standingOf(pledge)["lender"] == bank


def test_an_unregistered_income_source_does_not_starve_the_lender(county, city):
    """Debt DAO: the lender was to be paid from income that never came by. Here it must be able to reach the holder."""
    with refused("LegUnknown", agreement=text32("income of mine"), leg=0):
        county.commit(county.terms(agreement=text32("income of mine"), leg=0))
    with refused("LegOfAnother", agreement=ONE_PRODUCT, leg=0, kind=1, account=city):
        county.commit(county.terms(leg=0))
    with refused("LegOfAnother", agreement=CARBON_POOL, leg=0, kind=2, account=city):
        county.commit(county.terms(agreement=CARBON_POOL, leg=0))


def test_closing_an_unknown_id_marks_nothing_repaid(county, pledges, workouts, cooperative, bank):
    """Debt DAO: closing an id that did not exist counted down the loans that were left."""
    pledge = county.bring(State.ACTIVE)
    for unknown in (NOTHING, digest("no such pledge")):
        with refused("NotParty", pledge=unknown, caller=bank):
            workouts.close(unknown, REASON, {"from": bank})
        with refused("WrongState", pledge=unknown, state=State.NONE):
            pledges.release(unknown, {"from": bank})
        with refused("WrongState", pledge=unknown, state=State.NONE):
            pledges.repay(unknown, 1, {"from": bank})
        with refused("WrongState", pledge=unknown, state=State.NONE):
            pledges.expire(unknown, {"from": bank})
    assert pledges.stateOf(pledge) == State.ACTIVE
    assert [bytes(lien) for lien in pledges.liensOf(cooperative, ONE_PRODUCT, SUPPLIERS_LEG)] == [pledge]


def test_the_head_of_the_queue_is_not_confused(opened, county, pledges, clock, voucher, suppliers, bank, second_bank):
    """Debt DAO: when the first loan was repaid, the queue lost its order. Here the next ones move up."""
    now, lenders = clock.now(), [bank, second_bank, bank]
    queue = []
    for lender in lenders:
        due_at_once = [Instalment(now + 1, 600)]
        terms = county.terms(bps=2_000, principal=600, schedule=due_at_once, annualRateBps=0, lender=str(lender))
        queue.append(county.lend(terms, lender))
    county.repay(queue[0], 600)
    pledges.release(queue[0], {"from": bank})
    clock.after(1)
    before = voucher.balanceOf(bank)
    county.receive(ONE_PRODUCT, DECEMBER, 10_000)  # 2,400 for the cooperative: 480 for each lien.
    county.claim(DECEMBERS, suppliers, 0)
    assert model.divert(0, 2_400, [(2_000, 600, 600), (2_000, 600, 600)])[0] == [600, 360]
    assert (voucher.balanceOf(second_bank), voucher.balanceOf(bank) - before) == (600, 360)
    assert [pledges.stateOf(each) for each in queue] == [State.RELEASED, State.REPAID, State.ACTIVE]


def test_an_over_repayment_underflows_nothing(county, pledges, voucher, buyer):
    """Debt DAO: who paid more than the debt brought it below zero."""
    pledge = county.bring(State.ENFORCING)
    debt = pledges.debtOf(pledge)
    owed = debt["principal"] + debt["interest"]
    county.fund(buyer, 2**60)
    voucher.approve(pledges, 2**256 - 1, {"from": buyer})
    payment = pledges.repay(pledge, 2**256 - 1, {"from": buyer})
    assert payment.return_value == owed
    assert voucher.balanceOf(buyer) == 2**60 - owed
    assert pledges.debtOf(pledge) == (0, 0, 0, 0, 0, 0)


def test_unclaimed_income_is_not_counted_twice(opened, county, workouts, pledges, voucher, suppliers, bank):
    """Debt DAO: income that waited to be claimed counted as security and as a payment.

    Here it is neither before a claim, and months that have come are no security any more.
    """
    pledge = county.bring(State.ACTIVE)
    county.repay(pledge, 15_000)
    debt = pledges.debtOf(pledge)["principal"]
    county.receive(ONE_PRODUCT, DECEMBER, 10_000_000)
    assert pledges.debtOf(pledge)["principal"] == debt == 85_000
    # December to February are signed as 300,000; in February no more than a third of it is to come.
    value = 100_000 * 5_999 // 6_000
    with refused("LtvExceeded", pledge=pledge, debt=debt, value=value, maximumLtvBps=8_000):
        workouts.releasePart(pledge, 5_999, DECEMBER, FEBRUARY, {"from": bank})
    county.claim(DECEMBERS, suppliers, 0)
    paid = voucher.balanceOf(bank)
    with refused("NothingToClaim", line=county.revenue.lineId(DECEMBERS), index=0):
        county.claim(DECEMBERS, suppliers, 0)
    assert voucher.balanceOf(bank) == paid


def test_the_ltv_inequality_is_not_inverted(county, workouts, pledges, bank):
    """A debt at the limit passes, one fen above it does not, and one without any value pledged never."""
    pledge = county.bring(State.ACTIVE)
    county.repay(pledge, 100_000 - 40_001)
    half = (pledge, 3_000, DECEMBER, FEBRUARY)
    with refused("LtvExceeded", pledge=pledge, debt=40_001, value=50_000, maximumLtvBps=8_000):
        workouts.releasePart(*half, {"from": bank})
    county.repay(pledge, 1)
    workouts.releasePart(*half, {"from": bank})
    debt = pledges.debtOf(pledge)
    assert (debt["principal"] + debt["interest"]) * WHOLE <= 50_000 * 8_000
    worthless = county.bring(State.ACTIVE, county.terms(bps=100, conditions=county.conditions(value=0)))
    with refused("LtvExceeded", pledge=worthless, debt=100_000, value=0, maximumLtvBps=8_000):
        workouts.releasePart(worthless, 99, DECEMBER, FEBRUARY, {"from": bank})


def test_the_remediation_time_check_is_not_inverted(county, workouts, clock, bank):
    """MIP21: the sign of the comparison was wrong, so enforcement worked during the remediation and never after it."""
    pledge = county.bring(State.REMEDIATION)
    until = workouts.deadlinesOf(pledge)[2]
    for second in (clock.now(), until - 1, until):
        clock.stand_at(second)
        with refused("RemediationNotOver", pledge=pledge, until=until):
            workouts.enforce(pledge, {"from": bank})
    clock.stand_at(until + 1)
    workouts.enforce(pledge, {"from": bank})


@pytest.mark.parametrize("state", [State.ACTIVE, State.DELINQUENT])
def test_a_check_does_not_pass_when_its_clock_was_never_started(county, workouts, pledges, clock, bank, relayer, state):
    """MIP21: zero plus a period is long over."""
    later = [Instalment(clock.now() + 2 * YEAR, 100_000)]
    pledge = county.bring(state, county.terms(schedule=later) if state == State.ACTIVE else None)
    clock.after(YEAR)
    with refused("WrongState", pledge=pledge, state=state):
        workouts.enforce(pledge, {"from": bank})
    if state == State.ACTIVE:
        with refused("NotDelinquent", pledge=pledge, graceUntil=0):
            workouts.markDelinquent(pledge, {"from": relayer})


def test_a_remediation_that_was_cured_does_not_count_for_the_next(county, workouts, pledges, clock, bank, relayer):
    """The clock of an earlier remediation is long over when the next one begins."""
    pledge = county.bring(State.REMEDIATION)
    county.repay(pledge, pledges.debtOf(pledge)["arrears"])
    assert (pledges.stateOf(pledge), workouts.deadlinesOf(pledge)[2]) == (State.ACTIVE, 0)
    clock.after(YEAR)
    workouts.markDelinquent(pledge, {"from": relayer})
    with refused("WrongState", pledge=pledge, state=State.DELINQUENT):
        workouts.enforce(pledge, {"from": bank})
    workouts.remediate(pledge, NOTICE, {"from": bank})
    with refused("RemediationNotOver", pledge=pledge, until=clock.now() + 30 * DAY):
        workouts.enforce(pledge, {"from": bank})


def test_impairment_moves_no_due_dates(county, workouts, pledges, guardian, committee, clock, bank):
    """Tinlake: writing a loan down changed when it was due. Nothing does, neither a write-off nor a pause."""
    terms = county.terms(conditions=county.conditions(overdueRateBps=300))
    pledge = county.bring(State.DELINQUENT, terms)
    begun = terms.schedule[0].dueAt - 30 * DAY
    instalments = tuple(model.Instalment(*each) for each in terms.schedule)
    specified = model.Loan(100_000, 500, instalments, begun, 300)
    workouts.writeOff(pledge, REASON, {"from": bank})
    pledges.pause(text32("storm"), {"from": guardian})
    for second in (terms.schedule[1].dueAt - 1, terms.schedule[1].dueAt, terms.schedule[1].dueAt + YEAR):
        clock.stand_at(second)
        owed, debt = model.parts(specified, second), pledges.debtOf(pledge)
        assert (debt["due"], debt["arrears"]) == (owed.due, owed.arrears)
        assert debt["arrearsSince"] == terms.schedule[0].dueAt
    pledges.resume(text32("over"), {"from": committee})
    assert [tuple(each) for each in pledges.termsOf(pledge)["schedule"]] == [tuple(each) for each in terms.schedule]


def test_a_write_off_unlocks_no_collateral_and_a_recovery_erases_no_claim(
    opened, county, workouts, pledges, voucher, suppliers, cooperative, bank
):
    """Tinlake: a loan that was written off to nothing could be closed for nothing, and recoveries were lost."""
    pledge = county.bring(State.WRITTEN_OFF)
    for party in (cooperative, bank):
        with refused("WrongState", pledge=pledge, state=State.WRITTEN_OFF):
            pledges.release(pledge, {"from": party})
        with refused("WrongState", pledge=pledge, state=State.WRITTEN_OFF):
            pledges.cancel(pledge, {"from": party})
    with refused("NotParty", pledge=pledge, caller=cooperative):
        workouts.close(pledge, REASON, {"from": cooperative})
    assert pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, FEBRUARY)[1] == 4_000

    before = pledges.debtOf(pledge)
    county.receive(ONE_PRODUCT, DECEMBER, 50_000)
    county.claim(DECEMBERS, suppliers, 0)
    after = pledges.debtOf(pledge)
    assert voucher.balanceOf(bank) == 7_200
    assert after["principal"] + after["interest"] == before["principal"] + before["interest"] - 7_200
    assert pledges.stateOf(pledge) == State.WRITTEN_OFF


def test_a_write_off_does_not_call_in_what_is_not_due(county, workouts, pledges, bank):
    """Nor does it spare the lender notice and remediation."""
    pledge = county.bring(State.DELINQUENT)
    debt = pledges.debtOf(pledge)
    workouts.writeOff(pledge, REASON, {"from": bank})
    assert pledges.debtOf(pledge) == debt
    assert 50_000 <= debt["arrears"] <= debt["due"] < debt["principal"]
    assert not pledges.standingOf(pledge)["isCalledIn"]


@pytest.mark.parametrize("state", [State.DELINQUENT, State.REMEDIATION])
def test_the_flag_is_reset_after_repayment(county, workouts, pledges, relayer, clock, bank, state):
    """A borrower who has paid the arrears was still treated as one who had not."""
    pledge = county.bring(state)
    county.repay(pledge, pledges.debtOf(pledge)["arrears"])
    assert pledges.stateOf(pledge) == State.ACTIVE
    assert pledges.debtOf(pledge)["arrearsSince"] == 0
    for step, arguments in (
        (workouts.enforce, ()),
        (workouts.remediate, (NOTICE,)),
        (workouts.chargeCosts, (1, NOTICE)),
    ):
        with refused("WrongState", pledge=pledge, state=State.ACTIVE):
            step(pledge, *arguments, {"from": bank})
    with refused("NotDelinquent", pledge=pledge, graceUntil=0):
        workouts.markDelinquent(pledge, {"from": relayer})


def test_a_pause_is_not_followed_by_instant_liquidation(
    county, workouts, pledges, clock, guardian, committee, bank, relayer
):
    """Aave, Compound: whoever could not act during the pause was liquidated in its last second."""
    active = county.bring(State.ACTIVE, county.terms(bps=1_000))
    (first, _), _ = pledges.termsOf(active)["schedule"]
    remediation = county.bring(State.REMEDIATION, county.terms(bps=1_000))
    until = workouts.deadlinesOf(remediation)[2]
    county.repay(active, pledges.debtOf(active)["arrears"])
    clock.stand_at(first + 29 * DAY)
    pledges.pause(text32("storm"), {"from": guardian})
    clock.after(YEAR)
    pledges.resume(text32("over"), {"from": committee})

    second = pledges.termsOf(active)["schedule"][1][0]
    assert clock.now() > second + 10 * DAY
    with refused("NotDelinquent", pledge=active, graceUntil=second + 10 * DAY + YEAR):
        workouts.markDelinquent(active, {"from": relayer})
    with refused("RemediationNotOver", pledge=remediation, until=until):
        workouts.enforce(remediation, {"from": bank})
    clock.stand_at(until + YEAR + 1)
    workouts.enforce(remediation, {"from": bank})


def test_a_signature_is_bound_to_contract_chain_and_subject(county, pledges, cooperative, bank, relayer):
    """A signature for another contract, chain, or pledge, or by another signer, is none."""
    terms = county.terms()
    pledge, good = county.pledge_id(terms), county.sign(terms, bank)
    other = county.sign(county.terms(nonce=10**6), cooperative)
    for domain in ({"chainId": 1}, {"verifyingContract": str(county.workouts)}, {"name": "Gongsheng Workouts"}):
        with refused("SignatureInvalid", pledge=pledge, signer=cooperative):
            pledges.commit(terms, sign(terms, cooperative, pledges, **domain), good, {"from": relayer})
    for signature in (other, good, b""):
        with refused("SignatureInvalid", pledge=pledge, signer=cooperative):
            pledges.commit(terms, signature, good, {"from": relayer})


def test_calls_for_someone_else_do_not_block_the_victim(county, pledges, workouts, clock, voucher, bank, second_bank):
    """Nobody uses up another lender's register number, revokes its terms, or ends its pledge."""
    number = text32("register 2026-77")
    accomplice = county.commit(county.terms(bps=100, lender=str(second_bank)), lender=second_bank)
    pledges.perfect(accomplice, Perfection(number, expiry=clock.now() + YEAR), {"from": second_bank})
    terms = county.terms(bps=100)
    stranger = {"from": person("auditor")}
    pledges.revoke(county.pledge_id(terms), stranger)
    victim = county.commit(terms)
    pledges.perfect(victim, Perfection(number, expiry=clock.now() + YEAR), {"from": bank})
    with refused("DisbursementStillPossible", pledge=victim, disburseBy=terms.conditions.disburseBy):
        pledges.expire(victim, stranger)
    county.fund(bank, 100_000)
    voucher.approve(pledges, 100_000, {"from": bank})
    pledges.disburse(victim, {"from": bank})
    county.repay(victim, 1)
    with refused("NotDelinquent", pledge=victim, graceUntil=0):
        workouts.markDelinquent(victim, stranger)
    county.repay(victim, 100_000)
    pledges.release(victim, {"from": bank})


def test_a_lien_is_not_disputed_for_ever(county, workouts, pledges, clock, bank, second_bank, cooperative):
    """Each side has one dispute, also when the lien goes from hand to hand."""
    pledge = county.bring(State.ACTIVE)
    workouts.dispute(pledge, REASON, {"from": bank})
    workouts.transferLien(pledge, second_bank, {"from": bank})
    workouts.transferLien(pledge, second_bank, {"from": second_bank})
    clock.after(30 * DAY)
    with refused("DisputeSpent", pledge=pledge, by=second_bank):
        workouts.dispute(pledge, REASON, {"from": second_bank})
    county.repay(pledge, 200_000)
    workouts.dispute(pledge, REASON, {"from": cooperative})
    with refused("Disputed", pledge=pledge, until=clock.now() + 30 * DAY):
        workouts.dispute(pledge, REASON, {"from": cooperative})
    clock.after(30 * DAY)
    with refused("DisputeSpent", pledge=pledge, by=cooperative):
        workouts.dispute(pledge, REASON, {"from": cooperative})
    pledges.release(pledge, {"from": cooperative})
