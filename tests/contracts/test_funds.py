"""Earmarked funds: filled by anyone, spent by two, on one purpose, against evidence that is good once."""

import pytest

from outcomes import announced, facts, refused
from world import (
    CARBON_POOL,
    DAY,
    DECEMBER,
    ECOLOGY,
    FUND,
    JANUARY,
    NOTHING,
    ONE_PRODUCT,
    U64,
    ZERO,
    Leg,
    Line,
    Proposal,
    digest,
    text32,
)

FUND_LINE = Line(CARBON_POOL, 1, DECEMBER, 0)
MEDICAL = text32("medical-subsidy")
SUBSIDY = text32("subsidy-of-visits")
LIFETIME = 30 * DAY
PROPOSED, SPENT, RETRACTED = 1, 2, 3
INVOICE = digest("invoice")


@pytest.fixture
def filled(county, revenue, relayer):
    """The ecology fund holds ¥2.00."""
    county.receive(CARBON_POOL, DECEMBER, 1_000)
    return revenue.collect(FUND_LINE, {"from": relayer})


@pytest.fixture
def clinic(county, city, committee, revenue, relayer):
    """A fund that pays 20 % of bills, with ¥100.00 in it."""
    leg = Leg(FUND, 10_000, str(city), SUBSIDY, payoutBps=2_000)
    revenue.publish(MEDICAL, [leg], 0, {"from": committee})
    county.receive(MEDICAL, DECEMBER, 10_000)
    revenue.collect(Line(MEDICAL, 1, DECEMBER, 0), {"from": relayer})


@pytest.fixture
def wish(cooperative):
    """50 fen for the cooperative, which looks after the forest."""
    return Proposal(CARBON_POOL, 0, ECOLOGY, str(cooperative), 50)


@pytest.fixture
def propose(funds, operator):
    return lambda proposal: funds.propose(proposal, {"from": operator})


@pytest.fixture
def proposed(filled, propose, wish):
    return propose(wish).return_value


# IN


def test_filling_fails_for_everybody_but_revenue(funds, treasurer):
    with refused("NotRevenue", caller=treasurer):
        funds.fill(CARBON_POOL, 0, 1, {"from": treasurer})


def test_anyone_brings_the_share_of_a_fund_into_it(filled, revenue, funds, voucher):
    assert filled.return_value == 200
    assert funds.balanceOf(CARBON_POOL, 0) == voucher.balanceOf(funds) == 200
    assert revenue.paidOf(FUND_LINE, 0) == 200
    line = revenue.lineId(FUND_LINE)
    announced(filled, "Collected", line=line, account=funds, amount=200, diverted=0, paid=200)
    announced(filled, "FundFilled", agreement=CARBON_POOL, leg=0, amount=200, balance=200)
    with refused("NothingToCollect", line=line):
        revenue.collect(FUND_LINE, {"from": funds.address})


def test_a_fund_holds_what_all_periods_and_versions_brought(county, filled, revenue, funds, relayer, clock, committee):
    legs = revenue.versionOf(CARBON_POOL, 1)[1]
    changed = [(*legs[0][:1], 5_000, *legs[0][2:]), (*legs[1][:1], 5_000, *legs[1][2:])]
    revenue.publish(CARBON_POOL, changed, clock.now(), {"from": committee})
    county.receive(CARBON_POOL, JANUARY, 1_000)
    second = revenue.collect(Line(CARBON_POOL, 2, JANUARY, 0), {"from": relayer})
    announced(second, "FundFilled", agreement=CARBON_POOL, leg=0, amount=500, balance=700)
    assert funds.balanceOf(CARBON_POOL, 0) == 700


def test_no_lien_takes_anything_out_of_what_a_fund_is_owed(county, revenue, funds, city, relayer):
    """Not even the fund's own keeper can pledge it."""
    with refused("LegOfAnother", agreement=CARBON_POOL, leg=0, kind=FUND, account=city):
        county.commit(county.terms(holder=str(city), agreement=CARBON_POOL, leg=0, bps=10_000), city)
    county.receive(CARBON_POOL, DECEMBER, 1_000)
    revenue.collect(FUND_LINE, {"from": relayer})
    assert funds.balanceOf(CARBON_POOL, 0) == 200


def test_the_terms_of_a_fund_can_be_asked(clinic, revenue):
    assert tuple(map(bytes, revenue.fundOf(CARBON_POOL, 0)[:1])) == (ECOLOGY,)
    assert [revenue.fundOf(agreement, 0)[1] for agreement in (CARBON_POOL, MEDICAL)] == [0, 2_000]
    with refused("WrongLegKind", given=1, expected=FUND):
        revenue.fundOf(ONE_PRODUCT, 0)


# PROPOSING


def test_proposing_fails_for_whoever_is_not_the_operator(filled, funds, treasurer, wish):
    with refused("AccessManagedUnauthorized", caller=treasurer):
        funds.propose(wish, {"from": treasurer})


def test_proposing_fails_for_another_purpose(filled, propose, wish):
    for other in (text32("a-new-car"), NOTHING):
        with refused("PurposeOfOther", given=other, purpose=ECOLOGY):
            propose(wish._replace(purpose=other))


@pytest.mark.parametrize(
    ("agreement", "leg", "kind"), [(CARBON_POOL, 1, 3), (ONE_PRODUCT, 0, 1), (text32("none"), 0, 0)]
)
def test_proposing_fails_for_a_leg_that_is_no_fund(filled, propose, wish, agreement, leg, kind):
    with refused("WrongLegKind", given=kind, expected=FUND):
        propose(wish._replace(agreement=agreement, leg=leg))


def test_proposing_fails_without_evidence(filled, propose, wish):
    with refused("EvidenceMissing"):
        propose(wish._replace(evidence=NOTHING))


def test_proposing_nothing_fails(filled, propose, wish):
    with refused("AmountZero"):
        propose(wish._replace(amount=0))


def test_proposing_fails_for_a_payee_in_whom_money_would_be_lost(filled, propose, wish, funds, revenue):
    for payee in (ZERO, funds, revenue):
        with refused("PayeeOutOfRange", payee=payee):
            propose(wish._replace(payee=str(payee)))


def test_a_fund_that_pays_by_amount_takes_no_bill(filled, propose, wish):
    with refused("NotShareOfBill", amount=50, bill=1, payoutBps=0):
        propose(wish._replace(bill=1))


@pytest.mark.parametrize(("bill", "amount"), [(5_004, 1_001), (5_004, 999), (0, 1), (2**128 - 1, 1_000)])
def test_a_fund_that_pays_a_share_of_bills_pays_no_other_share(clinic, propose, cooperative, bill, amount):
    proposal = Proposal(MEDICAL, 0, SUBSIDY, str(cooperative), amount, bill)
    with refused("NotShareOfBill", amount=amount, bill=bill, payoutBps=2_000):
        propose(proposal)


def test_operator_proposes(filled, propose, funds, wish, operator, clock):
    proposal = propose(wish)
    expires_at = clock.now() + LIFETIME
    assert proposal.return_value == funds.spendingCount() == 1
    announced(
        proposal,
        "SpendingProposed",
        spending=1,
        agreement=CARBON_POOL,
        leg=0,
        proposal=wish,
        expiresAt=expires_at,
        by=operator,
    )
    known = funds.spendingOf(1)
    assert facts(dict(zip(Proposal._fields, known[0], strict=True))) == facts(wish._asdict())
    assert tuple(known[1:]) == (operator, expires_at, PROPOSED)
    assert funds.balanceOf(CARBON_POOL, 0) == 200


# TAKING BACK


def test_only_whoever_proposed_takes_back(proposed, funds, treasurer, auditor):
    for somebody in (treasurer, auditor):
        with refused("NotProposer", spending=proposed, caller=somebody):
            funds.retract(proposed, {"from": somebody})


def test_what_was_never_proposed_is_not_taken_back(funds, operator):
    with refused("NotProposed", spending=1, state=0):
        funds.retract(1, {"from": operator})


def test_what_was_taken_back_is_not_spent(proposed, funds, operator, treasurer):
    retraction = funds.retract(proposed, {"from": operator})
    announced(retraction, "SpendingRetracted", spending=proposed, agreement=CARBON_POOL, leg=0, by=operator)
    with refused("NotProposed", spending=proposed, state=RETRACTED):
        funds.spend(proposed, {"from": treasurer})
    with refused("NotProposed", spending=proposed, state=RETRACTED):
        funds.retract(proposed, {"from": operator})


def test_evidence_is_good_again_when_its_proposal_was_taken_back(proposed, funds, operator, treasurer, propose, wish):
    funds.retract(proposed, {"from": operator})
    funds.spend(propose(wish).return_value, {"from": treasurer})
    assert funds.isEvidenceUsed(CARBON_POOL, 0, INVOICE)


# SPENDING


def test_spending_fails_for_whoever_is_not_the_treasurer(proposed, funds, operator, committee):
    for somebody in (operator, committee):
        with refused("AccessManagedUnauthorized", caller=somebody):
            funds.spend(proposed, {"from": somebody})


def test_nobody_spends_alone_even_with_both_roles(county, proposed, funds, treasurer, committee, operator):
    county.authority.grantRole(3, operator, 0, {"from": committee})
    with refused("SecondPersonNeeded", spending=proposed, caller=operator):
        funds.spend(proposed, {"from": operator})
    # Nor in the name of the Authority, which carries out anybody's calls.
    spend = funds.spend.encode_input(proposed)
    with refused("AccessManagedUnauthorized", caller=county.authority):
        county.authority.execute(funds, spend, {"from": operator})
    funds.spend(proposed, {"from": treasurer})


def test_what_was_never_proposed_is_not_spent(filled, funds, treasurer):
    with refused("NotProposed", spending=1, state=0):
        funds.spend(1, {"from": treasurer})


def test_a_proposal_is_spent_until_its_last_second(proposed, funds, treasurer, clock):
    expires_at = funds.spendingOf(proposed)["expiresAt"]
    clock.stand_at(expires_at + 1)
    with refused("SpendingExpired", spending=proposed, expiresAt=expires_at, runningTime=expires_at + 1):
        funds.spend(proposed, {"from": treasurer})


def test_a_proposal_is_good_in_its_last_second(proposed, funds, treasurer, clock):
    clock.stand_at(funds.spendingOf(proposed)["expiresAt"])
    funds.spend(proposed, {"from": treasurer})


def test_nothing_is_spent_during_a_pause_and_the_pause_costs_no_time(
    county, proposed, funds, revenue, treasurer, guardian, committee, clock, relayer
):
    pause = funds.pause(text32("audit"), {"from": guardian})
    with refused("Paused", since=pause.timestamp):
        funds.spend(proposed, {"from": treasurer})
    county.receive(CARBON_POOL, DECEMBER, 1_000)
    revenue.collect(FUND_LINE, {"from": relayer})  # Claims and income never look at a pause.
    clock.after(100 * DAY)
    funds.resume(text32("audited"), {"from": committee})
    clock.after(LIFETIME)
    funds.spend(proposed, {"from": treasurer})


def test_never_more_is_spent_than_the_fund_holds(filled, propose, funds, treasurer, wish):
    too_much = propose(wish._replace(amount=201)).return_value
    with refused("FundTooSmall", agreement=CARBON_POOL, leg=0, balance=200, amount=201):
        funds.spend(too_much, {"from": treasurer})
    all_of_it = propose(wish._replace(amount=200)).return_value
    funds.spend(all_of_it, {"from": treasurer})
    last = propose(wish._replace(amount=1, evidence=digest("another invoice"))).return_value
    with refused("FundTooSmall", agreement=CARBON_POOL, leg=0, balance=0, amount=1):
        funds.spend(last, {"from": treasurer})


def test_one_fund_does_not_pay_out_of_another(filled, clinic, propose, funds, voucher, treasurer, wish):
    assert voucher.balanceOf(funds) == 10_200
    too_much = propose(wish._replace(amount=201)).return_value
    with refused("FundTooSmall", agreement=CARBON_POOL, leg=0, balance=200, amount=201):
        funds.spend(too_much, {"from": treasurer})


def test_a_payee_who_is_not_admitted_is_not_paid(filled, propose, funds, treasurer, wish, household):
    spending = propose(wish._replace(payee=str(household))).return_value
    with refused("NotAdmitted", account=household):
        funds.spend(spending, {"from": treasurer})
    assert funds.balanceOf(CARBON_POOL, 0) == 200
    assert funds.spendingOf(spending)["state"] == PROPOSED


def test_a_proposal_is_spent_once(proposed, funds, treasurer):
    funds.spend(proposed, {"from": treasurer})
    with refused("NotProposed", spending=proposed, state=SPENT):
        funds.spend(proposed, {"from": treasurer})


def test_one_bill_is_paid_once(filled, propose, funds, treasurer, wish):
    first, twin = propose(wish).return_value, propose(wish._replace(amount=51)).return_value
    funds.spend(first, {"from": treasurer})
    with refused("EvidenceUsed", agreement=CARBON_POOL, leg=0, evidence=INVOICE):
        funds.spend(twin, {"from": treasurer})
    with refused("EvidenceUsed", agreement=CARBON_POOL, leg=0, evidence=INVOICE):
        propose(wish)


def test_operator_and_treasurer_spend_together(proposed, funds, voucher, operator, treasurer, cooperative):
    spending = funds.spend(proposed, {"from": treasurer})
    assert voucher.balanceOf(cooperative) == 50
    assert funds.balanceOf(CARBON_POOL, 0) == voucher.balanceOf(funds) == 150
    announced(
        spending,
        "FundSpent",
        spending=proposed,
        agreement=CARBON_POOL,
        leg=0,
        purpose=ECOLOGY,
        payee=cooperative,
        amount=50,
        evidence=INVOICE,
        balance=150,
        proposedBy=operator,
        by=treasurer,
    )


def test_a_patient_gets_a_fifth_of_the_bill(clinic, propose, funds, voucher, treasurer, cooperative):
    proposal = Proposal(MEDICAL, 0, SUBSIDY, str(cooperative), 1_000, 5_004, digest("salted bill"))
    funds.spend(propose(proposal).return_value, {"from": treasurer})
    assert voucher.balanceOf(cooperative) == 1_000  # 20 % of ¥50.04 are ¥10.008, rounded down.
    assert funds.balanceOf(MEDICAL, 0) == 9_000


def test_the_largest_fund_is_spent_to_the_last_fen(county, revenue, funds, propose, treasurer, clinic, cooperative):
    county.receive(MEDICAL, JANUARY, U64 - 10_000)
    revenue.collect(Line(MEDICAL, 1, JANUARY, 0), {"from": treasurer})
    proposal = Proposal(MEDICAL, 0, SUBSIDY, str(cooperative), U64, 5 * U64)
    funds.spend(propose(proposal).return_value, {"from": treasurer})
    assert funds.balanceOf(MEDICAL, 0) == 0
