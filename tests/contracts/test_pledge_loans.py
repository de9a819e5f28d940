"""Loans on pledged income: disbursed, repaid out of claims and by anyone, released."""

from random import Random

import pytest

import model
from outcomes import announced, refused, silent
from signing import Instalment
from world import (
    DAY,
    DECEMBER,
    FEBRUARY,
    JANUARY,
    NOTHING,
    ONE_PRODUCT,
    SUPPLIERS_LEG,
    TECH_ENCLAVE,
    WHOLE,
    YEAR,
    Holders,
    Line,
    State,
    digest,
    person,
)

UNSIGNED, COMMITTED, PERFECTED, ACTIVE = State.NONE, State.COMMITTED, State.PERFECTED, State.ACTIVE
REPAID, RELEASED = State.REPAID, State.RELEASED
SUPPLIERS = Line(ONE_PRODUCT, 1, DECEMBER, SUPPLIERS_LEG)
RELEASE_PERIOD = 10 * DAY


@pytest.fixture
def loan(county):
    """¥1,000.00 at 5 %, due in two halves after 30 and 60 days; 60 % of three months are pledged."""
    return county.lend(county.terms())


@pytest.fixture
def repay(county, pledges, voucher):
    """Somebody pays into the settlement account and repays."""

    def repay(pledge, amount, payer="cooperative"):
        county.fund(person(payer), amount)
        voucher.approve(pledges, amount, {"from": person(payer)})
        return pledges.repay(pledge, amount, {"from": person(payer)})

    return repay


def owed(pledges, pledge):
    debt = pledges.debtOf(pledge)
    return debt["principal"], debt["interest"], debt["due"]


def loan_of(terms, disbursed_at):
    """The same loan in the executable specification."""
    instalments = tuple(model.Instalment(*instalment) for instalment in terms.schedule)
    return model.Loan(terms.principal, terms.annualRateBps, instalments, accrued_until=disbursed_at)


# DISBURSEMENT


@pytest.fixture
def perfected(county):
    pledge = county.commit(county.terms())
    county.perfect(pledge)
    return pledge


def test_disbursing_fails_for_whoever_is_not_the_lender(perfected, pledges, cooperative):
    with refused("NotParty", pledge=perfected, caller=cooperative):
        pledges.disburse(perfected, {"from": cooperative})


def test_disbursing_fails_before_the_pledge_is_perfected(county, pledges, bank):
    pledge = county.commit(county.terms())
    with refused("WrongState", pledge=pledge, state=COMMITTED):
        pledges.disburse(pledge, {"from": bank})


def test_disbursing_fails_twice(loan, pledges, bank):
    with refused("WrongState", pledge=loan, state=ACTIVE):
        pledges.disburse(loan, {"from": bank})


def test_disbursing_fails_without_approval(perfected, county, pledges, bank):
    county.fund(bank, 100_000)
    with refused("ERC20InsufficientAllowance", spender=pledges, allowance=0, needed=100_000):
        pledges.disburse(perfected, {"from": bank})
    assert pledges.stateOf(perfected) == PERFECTED


def test_disbursing_fails_without_the_money(perfected, county, pledges, voucher, bank):
    county.fund(bank, 99_999)
    voucher.approve(pledges, 100_000, {"from": bank})
    with refused("ERC20InsufficientBalance", sender=bank, balance=99_999, needed=100_000):
        pledges.disburse(perfected, {"from": bank})


def test_disbursing_fails_to_a_blocked_holder(
    perfected, county, pledges, participants, voucher, operator, bank, cooperative
):
    county.fund(bank, 100_000)
    voucher.approve(pledges, 100_000, {"from": bank})
    participants.setBlocked(cooperative, True, digest("court order"), {"from": operator})
    with refused("NotAdmitted", account=cooperative):
        pledges.disburse(perfected, {"from": bank})


def test_disbursing_moves_the_principal_from_lender_to_holder(perfected, county, pledges, voucher, bank, cooperative):
    county.fund(bank, 100_001)
    voucher.approve(pledges, 100_000, {"from": bank})
    disbursement = pledges.disburse(perfected, {"from": bank})

    assert pledges.stateOf(perfected) == ACTIVE
    assert (voucher.balanceOf(bank), voucher.balanceOf(cooperative)) == (1, 100_000)
    assert owed(pledges, perfected) == (100_000, 0, 0)
    announced(disbursement, "Disbursed", pledge=perfected, holder=cooperative, principal=100_000, by=bank)
    announced(disbursement, "StateChanged", pledge=perfected, **{"from": PERFECTED, "to": ACTIVE}, by=bank)


# WHAT IS OWED


def test_interest_grows_by_the_second_and_is_rounded_down(loan, pledges, clock):
    began = clock.now()
    one_fen = -(-WHOLE * YEAR // (100_000 * 500))
    clock.stand_at(began + one_fen - 1)
    assert owed(pledges, loan) == (100_000, 0, 0)
    clock.stand_at(began + one_fen)
    assert owed(pledges, loan) == (100_000, 1, 1)
    clock.stand_at(began + YEAR)
    assert owed(pledges, loan) == (100_000, 5_000, 105_000)


def test_principal_falls_due_in_the_second_of_its_instalment(loan, pledges, clock):
    schedule = pledges.termsOf(loan)["schedule"]
    for position, (due_at, _) in enumerate(schedule):
        clock.stand_at(due_at - 1)
        _, interest, due = owed(pledges, loan)
        assert due - interest == 50_000 * position
        clock.stand_at(due_at)
        _, interest, due = owed(pledges, loan)
        assert due - interest == 50_000 * (position + 1)


def test_a_loan_without_interest_owes_none(county, pledges, clock):
    pledge = county.lend(county.terms(annualRateBps=0))
    clock.after(YEAR)
    assert owed(pledges, pledge) == (100_000, 0, 100_000)


# REPAYMENT


def test_repaying_nothing_fails(loan, pledges, cooperative):
    with refused("AmountZero"):
        pledges.repay(loan, 0, {"from": cooperative})


def test_repaying_fails_before_disbursement(perfected, pledges, cooperative):
    with refused("WrongState", pledge=perfected, state=PERFECTED):
        pledges.repay(perfected, 1, {"from": cooperative})


def test_repaying_fails_for_a_pledge_that_does_not_exist(pledges, cooperative):
    with refused("WrongState", pledge=NOTHING, state=UNSIGNED):
        pledges.repay(NOTHING, 1, {"from": cooperative})


def test_repaying_fails_without_approval(loan, pledges, cooperative):
    with refused("ERC20InsufficientAllowance", spender=pledges, allowance=0, needed=1):
        pledges.repay(loan, 1, {"from": cooperative})
    assert owed(pledges, loan) == (100_000, 0, 0)


def test_what_a_blocked_lender_cannot_receive_is_kept_for_it(
    loan, county, pledges, participants, voucher, operator, bank, buyer, relayer
):
    participants.setBlocked(bank, True, digest("court order"), {"from": operator})
    county.fund(buyer, 300)
    voucher.approve(pledges, 300, {"from": buyer})
    pledges.repay(loan, 100, {"from": buyer})
    second = pledges.repay(loan, 200, {"from": buyer})

    announced(second, "RepaymentKept", account=bank, amount=200, balance=300)
    assert owed(pledges, loan) == (99_700, 0, 0)
    assert (voucher.balanceOf(buyer), voucher.balanceOf(pledges), pledges.setAsideOf(bank)) == (0, 300, 300)
    with refused("NotAdmitted", account=bank):
        pledges.withdraw(bank, {"from": relayer})

    participants.setBlocked(bank, False, digest("court order lifted"), {"from": operator})
    payment = pledges.withdraw(bank, {"from": relayer})
    announced(payment, "RepaymentHandedOver", account=bank, amount=300)
    assert (voucher.balanceOf(bank), voucher.balanceOf(pledges)) == (300, 0)
    with refused("NothingSetAside", account=bank):
        pledges.withdraw(bank, {"from": relayer})


def test_nobody_sends_vouchers_to_pledges(loan, county, pledges, voucher, buyer):
    county.fund(buyer, 1)
    with refused("NotAdmitted", account=pledges):
        voucher.transfer(pledges, 1, {"from": buyer})
    assert voucher.pledges() == pledges


def test_a_repayment_goes_to_interest_first(loan, pledges, clock, voucher, repay, bank, cooperative):
    clock.after(YEAR)
    part = repay(loan, 4_999)
    assert owed(pledges, loan) == (100_000, 1, 100_001)
    announced(
        part,
        "Repayment",
        pledge=loan,
        lender=bank,
        by=cooperative,
        toCosts=0,
        toInterest=4_999,
        toPrincipal=0,
        principal=100_000,
        interest=1,
        costs=0,
    )
    both = repay(loan, 11)
    assert owed(pledges, loan) == (99_990, 0, 99_990)
    announced(
        both,
        "Repayment",
        pledge=loan,
        lender=bank,
        by=cooperative,
        toCosts=0,
        toInterest=1,
        toPrincipal=10,
        principal=99_990,
        interest=0,
        costs=0,
    )
    assert voucher.balanceOf(bank) == 5_010


def test_anyone_repays(loan, pledges, voucher, repay, bank, buyer):
    assert repay(loan, 60_000, payer="buyer").return_value == 60_000
    assert owed(pledges, loan) == (40_000, 0, 0)
    assert (voucher.balanceOf(bank), voucher.balanceOf(buyer)) == (60_000, 0)


def test_repaying_early_counts_for_the_coming_instalments(loan, pledges, clock, repay):
    began = clock.now()
    repay(loan, 49_999)
    clock.stand_at(began + 30 * DAY)
    _, interest, due = owed(pledges, loan)
    assert due - interest == 1


def test_an_over_payment_takes_only_the_debt(loan, pledges, clock, voucher, repay, bank, buyer):
    clock.after(YEAR)
    repayment = repay(loan, 200_000, payer="buyer")

    assert repayment.return_value == 105_000
    assert (voucher.balanceOf(bank), voucher.balanceOf(buyer)) == (105_000, 95_000)
    assert pledges.stateOf(loan) == REPAID


def test_a_fen_less_than_the_debt_leaves_the_loan_active(loan, pledges, repay):
    repay(loan, 99_999)
    assert pledges.stateOf(loan) == ACTIVE
    assert owed(pledges, loan) == (1, 0, 0)


def test_the_last_fen_repays_the_loan(loan, pledges, repay, buyer):
    repay(loan, 99_999)
    last = repay(loan, 1, payer="buyer")
    assert owed(pledges, loan) == (0, 0, 0)
    announced(last, "StateChanged", pledge=loan, **{"from": ACTIVE, "to": REPAID}, by=buyer)


def test_repaying_fails_once_repaid(loan, pledges, repay, cooperative):
    repay(loan, 100_000)
    with refused("WrongState", pledge=loan, state=REPAID):
        pledges.repay(loan, 1, {"from": cooperative})


def test_a_repaid_loan_bears_no_interest(loan, pledges, clock, repay):
    repay(loan, 100_000)
    clock.after(YEAR)
    assert owed(pledges, loan) == (0, 0, 0)


def test_interest_paid_in_small_steps_is_interest_paid_at_once(county, pledges, clock, repay):
    """Whoever pays the interest fen by fen pays as much as who pays it at the end of the year."""
    late = [Instalment(clock.now() + 2 * YEAR, 100_000)]
    first, second = (county.lend(county.terms(bps=1_000, schedule=late)) for _ in range(2))
    began, paid = clock.now(), 0
    for step in range(1, 25):
        clock.stand_at(began + step * 15 * DAY + step * 7_777)
        interest = pledges.debtOf(first)["interest"]
        if interest:
            paid += repay(first, interest).return_value
    clock.stand_at(began + YEAR)
    paid += repay(first, pledges.debtOf(first)["interest"]).return_value
    assert paid == pledges.debtOf(second)["interest"] == 5_000
    assert pledges.debtOf(first)["principal"] == pledges.debtOf(second)["principal"] == 100_000


@pytest.mark.parametrize("seed", range(4))
def test_random_repayments_are_kept_as_the_specification_says(county, pledges, clock, repay, seed):
    random = Random(seed)
    principal = random.randint(1, 10**12)
    halves = [principal // 2, principal - principal // 2]
    terms = county.terms(principal=principal, annualRateBps=random.randint(0, 3_000))
    dues = sorted(random.sample(range(1, 3 * YEAR), 2))
    terms = terms._replace(
        schedule=[Instalment(clock.now() + due, half) for due, half in zip(dues, halves, strict=True)]
    )
    pledge = county.lend(terms)
    specified = loan_of(terms, clock.now())
    for _ in range(8):
        clock.after(random.randint(1, YEAR // 2))
        now = clock.now()
        accrued = model.accrue(specified, now)
        assert owed(pledges, pledge) == (
            model.outstanding(specified),
            model.interest(accrued),
            model.due(specified, now),
        )
        amount = random.choice([1, model.debt(specified, now) // 3 + 1, random.randint(1, model.debt(specified, now))])
        assert repay(pledge, amount).return_value == amount
        specified = model.repay(specified, amount, now)
        if model.debt(specified, now) == 0:
            assert pledges.stateOf(pledge) == REPAID
            break
        assert pledges.stateOf(pledge) == ACTIVE


# DIVERSION


@pytest.fixture(scope="module")
def suppliers(cooperative, household):
    return Holders([(cooperative, 600), (household, 400)])


@pytest.fixture
def opened(county, revenue, suppliers, relayer):
    """The registers of December and January are open."""
    for period in (DECEMBER, JANUARY):
        revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(suppliers, period), {"from": relayer})


def income_for(entitled):
    """A receipt of which the cooperative is entitled to `entitled`: 40 % of it go to the leg, 60 % of those to it."""
    assert entitled % 6 == 0
    return entitled * 10 // 4 * 10 // 6


def test_diverting_fails_for_everybody_but_revenue(pledges, cooperative, bank):
    with refused("NotRevenue", caller=bank):
        pledges.divert(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, DECEMBER, 0, 100, {"from": bank})


def test_nobody_but_pledges_says_who_pledged(revenue, cooperative, bank):
    with refused("NotPledges", caller=bank):
        revenue.notePledge(cooperative, {"from": bank})
    assert not revenue.standingOf(cooperative)["hasPledged"]


def test_whoever_pledged_once_is_asked_for_liens_ever_after(county, pledges, revenue, cooperative, bank):
    pledge = county.commit(county.terms())
    assert revenue.standingOf(cooperative)["hasPledged"]
    assert not revenue.standingOf(bank)["hasPledged"]
    pledges.cancel(pledge, {"from": cooperative})
    assert len(pledges.liensOf(cooperative, ONE_PRODUCT, SUPPLIERS_LEG)) == 0
    assert revenue.standingOf(cooperative)["hasPledged"]


def test_what_was_claimed_before_the_first_pledge_changes_nothing_for_it(
    opened, county, clock, pledges, voucher, suppliers, bank, cooperative
):
    """The step that a lien is offered begins where the last claim ended, lien or not."""
    county.receive(ONE_PRODUCT, DECEMBER, income_for(60_000))
    assert silent(county.claim(SUPPLIERS, suppliers, 0), "Repayment")
    pledge = county.commit(county.terms())
    county.perfect(pledge)
    county.fund(bank, 100_000)
    voucher.approve(pledges, 100_000, {"from": bank})
    pledges.disburse(pledge, {"from": bank})
    clock.after(YEAR)
    county.receive(ONE_PRODUCT, DECEMBER, income_for(60_000))
    assert county.claim(SUPPLIERS, suppliers, 0).events["Claimed"]["diverted"] == 36_000
    assert voucher.balanceOf(bank) == 36_000


def test_before_anything_is_due_a_claim_pays_the_holder_alone(
    loan, opened, county, voucher, suppliers, bank, cooperative
):
    county.receive(ONE_PRODUCT, DECEMBER, income_for(60_000))
    claim = county.claim(SUPPLIERS, suppliers, 0)
    assert claim.events["Claimed"]["diverted"] == 0
    assert silent(claim, "Repayment")
    assert voucher.balanceOf(bank) == 0
    assert voucher.balanceOf(cooperative) == 160_000


def test_before_disbursement_a_claim_pays_the_holder_alone(perfected, opened, county, clock, voucher, suppliers, bank):
    clock.after(YEAR)
    county.receive(ONE_PRODUCT, DECEMBER, income_for(60_000))
    county.claim(SUPPLIERS, suppliers, 0)
    assert voucher.balanceOf(bank) == 0


def test_the_pledged_share_reaches_the_lender_inside_the_claim(
    loan, opened, county, clock, pledges, revenue, voucher, suppliers, bank, cooperative, relayer
):
    clock.stand_at(pledges.termsOf(loan)["schedule"][0][0])
    interest = pledges.debtOf(loan)["interest"]
    county.receive(ONE_PRODUCT, DECEMBER, income_for(60_000))
    claim = county.claim(SUPPLIERS, suppliers, 0)

    assert claim.return_value == 60_000
    assert voucher.balanceOf(bank) == 36_000
    assert voucher.balanceOf(cooperative) == 100_000 + 24_000
    assert owed(pledges, loan) == (100_000 - 36_000 + interest, 0, 50_000 - 36_000 + interest)
    announced(
        claim,
        "Claimed",
        line=revenue.lineId(SUPPLIERS),
        account=cooperative,
        index=0,
        amount=60_000,
        diverted=36_000,
        paid=60_000,
    )
    announced(
        claim,
        "Repayment",
        pledge=loan,
        lender=bank,
        by=revenue,
        toCosts=0,
        toInterest=interest,
        toPrincipal=36_000 - interest,
        principal=64_000 + interest,
        interest=0,
        costs=0,
    )


def test_no_more_is_diverted_than_is_due(loan, opened, county, clock, pledges, voucher, suppliers, bank, cooperative):
    clock.stand_at(pledges.termsOf(loan)["schedule"][0][0])
    due = pledges.debtOf(loan)["due"]
    county.receive(ONE_PRODUCT, DECEMBER, income_for(600_000))
    county.claim(SUPPLIERS, suppliers, 0)

    assert voucher.balanceOf(bank) == due
    assert voucher.balanceOf(cooperative) == 100_000 + 600_000 - due
    assert owed(pledges, loan) == (50_000, 0, 0)


def test_what_is_repaid_out_of_claims_can_repay_all(loan, opened, county, clock, pledges, voucher, suppliers, bank):
    clock.after(YEAR)
    county.receive(ONE_PRODUCT, DECEMBER, income_for(600_000))
    claim = county.claim(SUPPLIERS, suppliers, 0)

    assert pledges.stateOf(loan) == REPAID
    assert voucher.balanceOf(bank) == 105_000
    assert claim.events["StateChanged"]["to"] == REPAID


def test_a_repaid_loan_diverts_nothing(loan, opened, county, clock, pledges, voucher, repay, suppliers, bank):
    repay(loan, 100_000)
    clock.after(YEAR)
    county.receive(ONE_PRODUCT, DECEMBER, income_for(600_000))
    county.claim(SUPPLIERS, suppliers, 0)
    assert voucher.balanceOf(bank) == 100_000


def test_income_of_other_holders_and_of_other_periods_is_not_diverted(
    opened, county, clock, revenue, voucher, suppliers, bank, household, relayer
):
    pledge = county.lend(county.terms(fromPeriod=JANUARY, toPeriod=JANUARY))
    clock.after(YEAR)
    for period in (DECEMBER, JANUARY):
        county.receive(ONE_PRODUCT, period, income_for(60_000))
    county.claim(SUPPLIERS, suppliers, 0)
    county.claim(SUPPLIERS._replace(period=JANUARY), suppliers, 1)
    assert voucher.balanceOf(bank) == 0
    assert voucher.balanceOf(household) == 40_000
    county.claim(SUPPLIERS._replace(period=JANUARY), suppliers, 0)
    assert voucher.balanceOf(bank) == 36_000
    assert county.pledges.stateOf(pledge) == ACTIVE


def test_income_of_an_account_leg_is_diverted_when_it_is_collected(
    county, clock, revenue, voucher, participants, operator, laboratory, bank, relayer
):
    participants.admit(laboratory, 2, digest("papers"), {"from": operator})
    terms = county.terms(holder=str(laboratory), agreement=TECH_ENCLAVE, leg=0, bps=5_000)
    pledge = county.commit(terms, holder=laboratory)
    county.perfect(pledge)
    county.fund(bank, 100_000)
    voucher.approve(county.pledges, 100_000, {"from": bank})
    county.pledges.disburse(pledge, {"from": bank})
    clock.after(YEAR)
    county.receive(TECH_ENCLAVE, DECEMBER, 1_000)
    line = Line(TECH_ENCLAVE, 1, DECEMBER, 0)
    collection = revenue.collect(line, {"from": relayer})

    assert voucher.balanceOf(bank) == 300
    assert voucher.balanceOf(laboratory) == 100_300
    announced(
        collection, "Collected", line=revenue.lineId(line), account=laboratory, amount=600, diverted=300, paid=600
    )


def test_liens_are_paid_in_the_order_of_their_registration(
    opened, county, clock, pledges, voucher, suppliers, bank, second_bank, cooperative
):
    """The junior registered second, though it was disbursed first and is owed more."""
    senior_terms = county.terms(
        bps=3_000, principal=1_000, schedule=[Instalment(clock.now() + 1, 1_000)], annualRateBps=0
    )
    senior = county.commit(senior_terms)
    junior_terms = county.terms(
        bps=7_000,
        lender=str(second_bank),
        principal=90_000,
        schedule=[Instalment(clock.now() + 1, 90_000)],
        annualRateBps=0,
    )
    junior = county.lend(junior_terms, lender=second_bank)
    county.perfect(senior)
    county.fund(bank, 1_000)
    voucher.approve(pledges, 1_000, {"from": bank})
    pledges.disburse(senior, {"from": bank})
    clock.after(1)
    county.receive(ONE_PRODUCT, DECEMBER, income_for(6_000))
    claim = county.claim(SUPPLIERS, suppliers, 0)

    taken, rest = model.divert(0, 6_000, [(3_000, 1_000, 1_000), (7_000, 90_000, 90_000)])
    assert (taken, rest) == ([1_000, 4_200], 800)
    assert [bytes(event["pledge"]) for event in claim.events["Repayment"]] == [senior, junior]
    assert [voucher.balanceOf(lender) for lender in (bank, second_bank)] == taken
    assert voucher.balanceOf(cooperative) == 91_000 + rest
    assert pledges.stateOf(senior) == REPAID


@pytest.mark.parametrize("seed", range(4))
def test_random_claims_are_diverted_as_the_specification_says(
    opened, county, clock, revenue, pledges, voucher, suppliers, bank, second_bank, seed
):
    random = Random(seed)
    shares = random.choice([(5_000, 5_000), (3_333, 6_667), (1, 9_999), (2_500, 2_500)])
    lenders = (bank, second_bank)
    dues = [random.choice([1, 50, 1_000, 100_000]) for _ in shares]
    for bps, due, lender in zip(shares, dues, lenders, strict=True):
        schedule = [Instalment(clock.now() + 1, due)]
        terms = county.terms(bps=bps, lender=str(lender), principal=due, schedule=schedule, annualRateBps=0)
        county.lend(terms, lender=lender)
    clock.after(1)

    leaf, proof = suppliers.leaf(0), suppliers.proof(0)
    before = 0
    for _ in range(6):
        county.receive(ONE_PRODUCT, DECEMBER, random.choice([7, 13, 100, random.randint(5, 50_000)]))
        entitled = revenue.entitledOf(SUPPLIERS, leaf, proof)
        if entitled == before:
            continue
        balances = [voucher.balanceOf(account) for account in (*lenders, leaf.account)]
        county.claim(SUPPLIERS, suppliers, 0)
        taken, rest = model.divert(before, entitled, list(zip(shares, dues, dues, strict=True)))
        moved = [voucher.balanceOf(account) for account in (*lenders, leaf.account)]
        assert moved == [old + more for old, more in zip(balances, (*taken, rest), strict=True)]
        dues = [due - part for due, part in zip(dues, taken, strict=True)]
        before = entitled


def test_claiming_in_small_steps_diverts_as_much_as_claiming_once(
    opened, county, clock, pledges, voucher, suppliers, bank
):
    county.lend(county.terms(bps=3_333))
    clock.after(YEAR)
    for _ in range(8):
        county.receive(ONE_PRODUCT, DECEMBER, 5)  # 1.2 fen for the cooperative.
        county.claim(SUPPLIERS, suppliers, 0)
    assert voucher.balanceOf(bank) == 9 * 3_333 // WHOLE


def test_a_blocked_lender_is_set_aside_and_blocks_nobody(
    loan,
    opened,
    county,
    clock,
    pledges,
    participants,
    revenue,
    voucher,
    operator,
    suppliers,
    bank,
    cooperative,
    relayer,
):
    clock.after(YEAR)
    participants.setBlocked(bank, True, digest("court order"), {"from": operator})
    county.receive(ONE_PRODUCT, DECEMBER, income_for(60_000))
    county.claim(SUPPLIERS, suppliers, 0)

    assert revenue.setAsideOf(bank) == 36_000
    assert voucher.balanceOf(cooperative) == 124_000
    assert owed(pledges, loan)[:2] == (69_000, 0)
    participants.setBlocked(bank, False, digest("court order lifted"), {"from": operator})
    revenue.withdraw(bank, {"from": relayer})
    assert voucher.balanceOf(bank) == 36_000


def test_a_blocked_holder_is_set_aside_and_its_lender_is_paid(
    loan, opened, county, clock, participants, revenue, voucher, operator, suppliers, bank, cooperative
):
    clock.after(YEAR)
    participants.setBlocked(cooperative, True, digest("court order"), {"from": operator})
    county.receive(ONE_PRODUCT, DECEMBER, income_for(60_000))
    county.claim(SUPPLIERS, suppliers, 0)
    assert voucher.balanceOf(bank) == 36_000
    assert revenue.setAsideOf(cooperative) == 24_000


def test_a_claim_for_many_diverts_for_those_who_pledged(
    loan, opened, county, clock, revenue, voucher, suppliers, bank, household, relayer
):
    clock.after(YEAR)
    county.receive(ONE_PRODUCT, DECEMBER, income_for(60_000))
    revenue.claimMany(SUPPLIERS, suppliers.all(), {"from": relayer})
    assert voucher.balanceOf(bank) == 36_000
    assert voucher.balanceOf(household) == 40_000


# RELEASE


@pytest.fixture
def repaid(loan, repay):
    repay(loan, 100_000)
    return loan


def test_releasing_fails_before_the_debt_is_repaid(loan, pledges, bank, cooperative):
    for party in (bank, cooperative):
        with refused("WrongState", pledge=loan, state=ACTIVE):
            pledges.release(loan, {"from": party})


def test_releasing_fails_for_a_stranger(repaid, pledges, clock, auditor):
    clock.after(RELEASE_PERIOD)
    with refused("NotParty", pledge=repaid, caller=auditor):
        pledges.release(repaid, {"from": auditor})


def test_a_repaid_pledge_encumbers_the_income_until_it_is_released(repaid, pledges, cooperative):
    liens, free = pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, FEBRUARY)
    assert [(bytes(lien[0]), lien[3]) for lien in liens] == [(repaid, REPAID)]
    assert free == 4_000


def test_holder_does_not_release_a_second_before_the_tenth_day_is_over(repaid, pledges, clock, cooperative):
    may_from = clock.now() + RELEASE_PERIOD
    clock.stand_at(may_from - 1)
    with refused("ReleaseTooEarly", pledge=repaid, holderMayFrom=may_from):
        pledges.release(repaid, {"from": cooperative})


def test_holder_releases_when_the_tenth_day_is_over(repaid, pledges, clock, cooperative):
    clock.stand_at(clock.now() + RELEASE_PERIOD)
    release = pledges.release(repaid, {"from": cooperative})

    assert pledges.stateOf(repaid) == RELEASED
    assert pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, DECEMBER) == ((), 10_000)
    announced(release, "StateChanged", pledge=repaid, **{"from": REPAID, "to": RELEASED}, by=cooperative)


def test_lender_releases_at_once(repaid, county, pledges, bank):
    pledges.release(repaid, {"from": bank})
    assert pledges.stateOf(repaid) == RELEASED
    county.commit(county.terms(bps=10_000))


def test_a_released_pledge_is_not_released_again(repaid, pledges, bank):
    pledges.release(repaid, {"from": bank})
    with refused("WrongState", pledge=repaid, state=RELEASED):
        pledges.release(repaid, {"from": bank})


def test_limits_of_the_protocol_can_be_read(pledges, pledge_terms, workouts, funds):
    assert pledges.MAXIMUM_LIENS() == 8
    assert pledge_terms.MAXIMUM_INSTALMENTS() == 40
    assert workouts.DISPUTE_PERIOD() == 30 * DAY
    assert pledges.RELEASE_PERIOD() == RELEASE_PERIOD
    assert funds.LIFETIME() == 30 * DAY
