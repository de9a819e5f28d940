"""Loans that do not run as planned, and what their parties change by consent."""

from random import Random

import pytest

import model
from outcomes import announced, facts, refusals_of, refused
from signing import Instalment
from world import (
    DAY,
    DECEMBER,
    FEBRUARY,
    HOUR,
    JANUARY,
    NOTHING,
    ONE_PRODUCT,
    SUPPLIERS_LEG,
    TECH_ENCLAVE,
    WHOLE,
    YEAR,
    ZERO,
    Holders,
    Line,
    Perfection,
    State,
    digest,
    first_second,
    person,
    text32,
)

SUPPLIERS = Line(ONE_PRODUCT, 1, FEBRUARY, SUPPLIERS_LEG)
NAMES = {name.title().replace("_", ""): value for name, value in vars(State).items() if name.isupper()}
"""The states by the names that the executable specification gives them."""
NOTICE, BILL, LOSS, WAIVER = (digest(what) for what in ("notice", "bill", "loss", "waiver"))
LIVE = {"Committed", "Perfected", "Active", "Delinquent", "Remediation", "Enforcing", "WrittenOff", "Repaid"}
(
    NOT_LIVE,
    NOT_PERFECTED,
    REGISTRATION_EXPIRED,
    NOT_DISBURSED,
    LATE,
    LOST,
    DISPUTED,
    PERIODS_OVER,
    SENIOR_IN_ARREARS,
) = (1 << bit for bit in range(9))


@pytest.fixture
def active(county):
    return county.bring(State.ACTIVE)


@pytest.fixture
def delinquent(county):
    return county.bring(State.DELINQUENT)


@pytest.fixture
def remediation(county):
    return county.bring(State.REMEDIATION)


@pytest.fixture
def enforcing(county):
    return county.bring(State.ENFORCING)


# THE STATES


def actions(county, pledge):
    """Every action as (function, arguments, who does it)."""
    bank = person("bank")
    perfection = Perfection(county.new("register"), expiry=county.clock.now() + 10 * YEAR)
    pledges, workouts = county.pledges, county.workouts
    return {
        "perfect": (pledges.perfect, (pledge, perfection), bank),
        "cancel": (pledges.cancel, (pledge,), bank),
        "expire": (pledges.expire, (pledge,), person("relayer")),
        "disburse": (pledges.disburse, (pledge,), bank),
        "mark delinquent": (workouts.markDelinquent, (pledge,), person("relayer")),
        "remediate": (workouts.remediate, (pledge, NOTICE), bank),
        "enforce": (workouts.enforce, (pledge,), bank),
        "charge costs": (workouts.chargeCosts, (pledge, 1, BILL), bank),
        "write off": (workouts.writeOff, (pledge, LOSS), bank),
        "close": (workouts.close, (pledge, WAIVER), bank),
        "release": (pledges.release, (pledge,), bank),
        "repay arrears": (pledges.repay, (pledge, 1), person("buyer")),
        "repay all": (pledges.repay, (pledge, 1_000_000), person("buyer")),
    }


def prepare(county, pledge, action):
    """What has to be so that only the state can stand against the action."""
    terms, clock = county.pledges.termsOf(pledge), county.clock
    if action == "expire":
        clock.stand_at(terms["conditions"][0] + 1)
    elif action == "disburse":
        county.fund(person("bank"), terms["principal"])
        county.voucher.approve(county.pledges, terms["principal"], {"from": person("bank")})
    elif action == "mark delinquent":
        clock.stand_at(terms["schedule"][0][0] + terms["conditions"][1] + 1)
    elif action == "enforce":
        clock.after(terms["conditions"][2] + 1)
    elif action.startswith("repay"):
        county.fund(person("buyer"), 1_000_000)
        county.voucher.approve(county.pledges, 1_000_000, {"from": person("buyer")})


@pytest.mark.parametrize(("state", "action"), model.TRANSITIONS, ids=lambda name: name.replace(" ", "-"))
def test_an_action_leads_where_the_specification_says(county, pledges, cooperative, state, action):
    pledge = county.bring(NAMES[state])
    prepare(county, pledge, action)
    function, arguments, by = actions(county, pledge)[action]
    if action == "repay arrears":
        debt = pledges.debtOf(pledge)
        total = debt["principal"] + debt["interest"] + debt["costs"]
        arguments = (pledge, min(max(debt["arrears"], 1), total - 1))
    function(*arguments, {"from": by})

    after = model.TRANSITIONS[state, action]
    assert pledges.stateOf(pledge) == NAMES[after]
    free = pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, FEBRUARY)[1]
    assert free == (4_000 if after in LIVE else WHOLE)
    assert list(pledges.liensOf(cooperative, ONE_PRODUCT, SUPPLIERS_LEG)) == (
        ["0x" + pledge.hex()] if after in LIVE else []
    )


@pytest.mark.parametrize("state", NAMES)
def test_every_other_action_is_refused(county, state):
    pledge = county.bring(NAMES[state])
    for action, (function, arguments, by) in actions(county, pledge).items():
        if (state, action) in model.TRANSITIONS:
            continue
        with pytest.raises(Exception) as failure:  # noqa: PT011 - what it is refused with is looked at below.
            function.call(*arguments, {"from": by})
        expected = {"WrongState"} | ({"NotParty"} if state == "None" else set())
        assert {refusal.name for refusal in refusals_of(failure.value)} <= expected, action


def test_states_are_those_of_the_specification():
    named = {state for state, _ in model.TRANSITIONS} | set(model.TRANSITIONS.values())
    assert named | {"None"} == set(NAMES)


# BEFORE DISBURSEMENT


def test_a_pledge_expires_a_second_after_the_last_for_disbursement(county, pledges, clock, relayer):
    terms = county.terms()
    pledge = county.commit(terms)
    clock.stand_at(terms.conditions.disburseBy)
    with refused("DisbursementStillPossible", pledge=pledge, disburseBy=terms.conditions.disburseBy):
        pledges.expire(pledge, {"from": relayer})
    clock.after(1)
    expiry = pledges.expire(pledge, {"from": relayer})
    announced(expiry, "StateChanged", pledge=pledge, **{"from": State.COMMITTED, "to": State.EXPIRED}, by=relayer)


def test_a_loan_is_disbursed_in_its_last_second_and_not_later(county, pledges, clock, bank):
    terms = county.terms()
    pledge = county.commit(terms)
    county.perfect(pledge)
    prepare(county, pledge, "disburse")
    clock.stand_at(terms.conditions.disburseBy + 1)
    with refused("DisbursementTooLate", pledge=pledge, disburseBy=terms.conditions.disburseBy):
        pledges.disburse(pledge, {"from": bank})
    on_time = county.terms(bps=1_000)
    other = county.commit(on_time)
    county.perfect(other)
    clock.stand_at(on_time.conditions.disburseBy)
    pledges.disburse(other, {"from": bank})


def test_a_loan_is_not_disbursed_when_its_registration_has_lapsed(county, pledges, clock, bank):
    now = clock.now()
    late, in_time = [
        county.commit(county.terms(bps=bps, schedule=[Instalment(now + DAY, 100_000)])) for bps in (6_000, 1_000)
    ]
    for pledge in (late, in_time):
        pledges.perfect(pledge, Perfection(county.new("register"), expiry=now + DAY), {"from": bank})
    prepare(county, in_time, "disburse")
    clock.stand_at(now + DAY)
    pledges.disburse(in_time, {"from": bank})
    prepare(county, late, "disburse")
    clock.after(1)
    with refused("RegistrationExpired", pledge=late, expiry=now + DAY):
        pledges.disburse(late, {"from": bank})


def test_income_that_does_not_exist_is_not_pledged(county, city):
    with refused("LegUnknown", agreement=text32("nothing"), leg=0):
        county.commit(county.terms(agreement=text32("nothing"), leg=0))
    with refused("LegUnknown", agreement=ONE_PRODUCT, leg=3):
        county.commit(county.terms(leg=3))
    with refused("LegOfAnother", agreement=ONE_PRODUCT, leg=0, kind=1, account=city):
        county.commit(county.terms(leg=0))
    with refused("LegOfAnother", agreement=text32("carbon-pool"), leg=0, kind=2, account=city):
        county.commit(county.terms(agreement=text32("carbon-pool"), leg=0))


# DATA ASSETS


ASSET = text32("asset 1")


@pytest.fixture
def certify(county, operator):
    """The data exchange certified an asset whose licence income arrives in a leg."""

    def certify(asset, steward, agreement=ONE_PRODUCT, leg=SUPPLIERS_LEG):
        county.assets.register(asset, steward, digest("papers"), agreement, leg, {"from": operator})

    return certify


def test_a_certificate_that_nobody_registered_is_not_pledged(county):
    with refused("UnknownCertificate", certificate=ASSET):
        county.commit(county.terms(certificate=ASSET))


def test_a_certificate_stands_for_the_income_that_is_pledged(county, certify, cooperative, bank):
    for asset, (steward, agreement, leg) in {
        text32("another's"): (bank, ONE_PRODUCT, SUPPLIERS_LEG),
        text32("of another agreement"): (cooperative, TECH_ENCLAVE, SUPPLIERS_LEG),
        text32("of another leg"): (cooperative, ONE_PRODUCT, 2),
    }.items():
        certify(asset, steward, agreement, leg)
        with refused("CertificateOfAnother", certificate=asset, steward=steward, agreement=agreement, leg=leg):
            county.commit(county.terms(certificate=asset))


def test_a_data_asset_is_pledged_once_at_a_time(county, certify, pledges, cooperative):
    certify(ASSET, cooperative)
    first = county.commit(county.terms(certificate=ASSET, bps=1_000))
    assert bytes(pledges.livePledgeOf(ASSET)) == first
    again = county.terms(certificate=ASSET, bps=1_000)
    with refused("CertificatePledged", certificate=ASSET, pledge=first):
        county.commit(again)
    certify(text32("asset 2"), cooperative)
    county.commit(county.terms(certificate=text32("asset 2"), bps=1_000))
    county.commit(county.terms(bps=1_000))
    pledges.cancel(first, {"from": cooperative})
    assert pledges.livePledgeOf(ASSET) == "0x" + NOTHING.hex()
    assert county.commit(again) == bytes(pledges.livePledgeOf(ASSET)) != first


@pytest.mark.parametrize("state", sorted(NAMES.keys() - {"None"}))
def test_a_data_asset_is_free_when_its_pledge_has_ended_and_not_before(county, certify, pledges, cooperative, state):
    certify(ASSET, cooperative)
    pledge = county.bring(NAMES[state], county.terms(certificate=ASSET))
    assert bytes(pledges.livePledgeOf(ASSET)) == (pledge if state in LIVE else NOTHING)
    if state in LIVE:
        with refused("AssetPledged", certificate=ASSET, pledge=pledge):
            county.assets.repoint(ASSET, ONE_PRODUCT, 2, {"from": cooperative})
    else:
        county.assets.repoint(ASSET, ONE_PRODUCT, 2, {"from": cooperative})


# DELINQUENCY


def test_a_loan_is_delinquent_a_second_after_its_grace(county, active, workouts, pledges, clock, relayer):
    terms = pledges.termsOf(active)
    first, grace = terms["schedule"][0][0], terms["conditions"][1]
    clock.stand_at(first + grace)
    with refused("NotDelinquent", pledge=active, graceUntil=first + grace):
        workouts.markDelinquent(active, {"from": relayer})
    assert workouts.deadlinesOf(active)[1] == first + grace
    clock.after(1)
    workouts.markDelinquent(active, {"from": relayer})


def test_grace_begins_again_when_arrears_were_paid(county, active, workouts, pledges, clock, relayer):
    terms = pledges.termsOf(active)
    (first, _), (second, _) = terms["schedule"]
    clock.stand_at(first + HOUR)
    county.repay(active, pledges.debtOf(active)["arrears"])
    clock.stand_at(second + terms["conditions"][1])
    assert pledges.debtOf(active)["arrearsSince"] == second
    with refused("NotDelinquent", pledge=active, graceUntil=second + terms["conditions"][1]):
        workouts.markDelinquent(active, {"from": relayer})


def test_a_part_of_the_arrears_cures_nothing(county, delinquent, pledges):
    arrears = pledges.debtOf(delinquent)["arrears"]
    county.repay(delinquent, arrears - 1)
    assert pledges.stateOf(delinquent) == State.DELINQUENT
    cure = county.repay(delinquent, 1)
    assert pledges.stateOf(delinquent) == State.ACTIVE
    change = {"from": State.DELINQUENT, "to": State.ACTIVE}
    announced(cure, "StateChanged", pledge=delinquent, **change, by=person("buyer"))


# REMEDIATION AND ENFORCEMENT


def test_remediation_needs_a_notice_and_is_the_lenders(delinquent, workouts, cooperative, bank):
    with refused("NotParty", pledge=delinquent, caller=cooperative):
        workouts.remediate(delinquent, NOTICE, {"from": cooperative})
    with refused("DocumentMissing", pledge=delinquent):
        workouts.remediate(delinquent, NOTHING, {"from": bank})


def test_enforcement_is_impossible_at_the_deadline_and_possible_a_second_later(delinquent, workouts, clock, bank):
    begun = workouts.remediate(delinquent, NOTICE, {"from": bank})
    until = clock.now() + 30 * DAY
    announced(begun, "RemediationBegun", pledge=delinquent, notice=NOTICE, until=until, by=bank)
    assert workouts.deadlinesOf(delinquent)[2] == until
    clock.stand_at(until)
    with refused("RemediationNotOver", pledge=delinquent, until=until):
        workouts.enforce(delinquent, {"from": bank})
    clock.after(1)
    workouts.enforce(delinquent, {"from": bank})
    assert workouts.deadlinesOf(delinquent)[2] == 0


def test_only_the_lender_enforces(remediation, workouts, clock, relayer):
    clock.after(YEAR)
    with refused("NotParty", pledge=remediation, caller=relayer):
        workouts.enforce(remediation, {"from": relayer})


def test_all_of_the_debt_is_due_once_it_is_called_in(enforcing, pledges, clock):
    debt = pledges.debtOf(enforcing)
    assert debt["due"] == debt["arrears"] == debt["principal"] + debt["interest"]


def test_costs_are_charged_up_to_the_signed_cap(delinquent, workouts, pledges, county, bank, cooperative):
    with refused("NotParty", pledge=delinquent, caller=cooperative):
        workouts.chargeCosts(delinquent, 1, BILL, {"from": cooperative})
    with refused("AmountZero"):
        workouts.chargeCosts(delinquent, 0, BILL, {"from": bank})
    with refused("DocumentMissing", pledge=delinquent):
        workouts.chargeCosts(delinquent, 1, NOTHING, {"from": bank})
    with refused("CostsAboveCap", pledge=delinquent, amount=5_001, left=5_000):
        workouts.chargeCosts(delinquent, 5_001, BILL, {"from": bank})
    workouts.chargeCosts(delinquent, 4_000, BILL, {"from": bank})
    county.repay(delinquent, 3_000)
    charge = workouts.chargeCosts(delinquent, 1_000, BILL, {"from": bank})
    announced(
        charge, "CostsCharged", pledge=delinquent, amount=1_000, costs=2_000, charged=5_000, evidence=BILL, by=bank
    )
    assert (pledges.debtOf(delinquent)["costs"], workouts.costsCharged(delinquent)) == (2_000, 5_000)
    with refused("CostsAboveCap", pledge=delinquent, amount=2**255, left=0):
        workouts.chargeCosts(delinquent, 2**255, BILL, {"from": bank})


def test_a_debt_written_off_is_owed_as_before(enforcing, workouts, pledges, bank):
    debt = pledges.debtOf(enforcing)
    with refused("DocumentMissing", pledge=enforcing):
        workouts.writeOff(enforcing, NOTHING, {"from": bank})
    loss = workouts.writeOff(enforcing, LOSS, {"from": bank})
    amounts = {key: debt[key] for key in ("principal", "interest", "costs")}
    announced(loss, "DebtWrittenOff", pledge=enforcing, **amounts, reason=LOSS, by=bank)
    assert pledges.debtOf(enforcing) == debt


def test_a_lender_that_closes_waives_the_rest(enforcing, workouts, pledges, county, bank):
    county.repay(enforcing, 40_000)
    debt = pledges.debtOf(enforcing)
    with refused("DocumentMissing", pledge=enforcing):
        workouts.close(enforcing, NOTHING, {"from": bank})
    closing = workouts.close(enforcing, WAIVER, {"from": bank})
    amounts = {key: debt[key] for key in ("principal", "interest", "costs")}
    announced(closing, "DebtForgiven", pledge=enforcing, **amounts, reason=WAIVER, by=bank)
    assert pledges.debtOf(enforcing) == (0, 0, 0, 0, 0, 0)


def test_only_workouts_changes_a_pledge(active, pledges, workouts, bank):
    for function, arguments in (
        (pledges.enter, (active, State.CLOSED, bank)),
        (pledges.charge, (active, 1)),
        (pledges.amend, (active, 1, DECEMBER, FEBRUARY, bank)),
        (pledges.exchange, (active, 0)),
    ):
        with refused("NotWorkouts", caller=bank):
            function(*arguments, {"from": bank})
    assert pledges.workouts() == workouts


# DIVERSION


@pytest.fixture(scope="module")
def suppliers(cooperative, household):
    return Holders([(cooperative, 600), (household, 400)])


def income_for(entitled):
    """A receipt of which the cooperative is entitled to `entitled`."""
    assert entitled % 6 == 0
    return entitled * 10 // 4 * 10 // 6


@pytest.fixture
def opened(county, revenue, suppliers, relayer):
    """The register of December is open."""
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(suppliers, DECEMBER), {"from": relayer})
    return SUPPLIERS._replace(period=DECEMBER)


@pytest.mark.parametrize(
    ("state", "takes_all"),
    [(State.DELINQUENT, False), (State.REMEDIATION, False), (State.ENFORCING, True), (State.WRITTEN_OFF, True)],
)
def test_a_claim_pays_what_the_state_of_the_pledge_asks_for(
    opened, county, pledges, voucher, suppliers, bank, state, takes_all
):
    terms = county.terms()
    later = [Instalment(terms.schedule[0].dueAt, 30_000), Instalment(terms.schedule[0].dueAt + YEAR, 70_000)]
    pledge = county.bring(state, terms._replace(schedule=later))
    debt = pledges.debtOf(pledge)
    before = voucher.balanceOf(bank)
    county.receive(ONE_PRODUCT, DECEMBER, income_for(600_000))
    county.claim(opened, suppliers, 0)
    all_of_it = debt["principal"] + debt["interest"]
    assert debt["due"] == (all_of_it if takes_all else 30_000 + debt["interest"])
    assert voucher.balanceOf(bank) - before == debt["due"]
    assert pledges.stateOf(pledge) == (State.REPAID if takes_all else State.ACTIVE)


def test_a_junior_gets_nothing_while_a_senior_is_in_arrears(
    opened, county, clock, pledges, voucher, suppliers, bank, second_bank, cooperative
):
    now = clock.now()
    senior = county.lend(county.terms(bps=1_000, annualRateBps=0, schedule=[Instalment(now + 1, 100_000)]))
    junior_terms = county.terms(
        bps=5_000, lender=str(second_bank), annualRateBps=0, schedule=[Instalment(now + 1, 100_000)]
    )
    junior = county.lend(junior_terms, second_bank)
    clock.after(1)
    county.receive(ONE_PRODUCT, DECEMBER, income_for(150_000))
    county.claim(opened, suppliers, 0)
    assert model.divert(0, 150_000, [(1_000, 100_000, 100_000), (5_000, 100_000, 100_000)]) == ([90_000, 0], 60_000)
    assert (voucher.balanceOf(bank), voucher.balanceOf(second_bank)) == (90_000, 0)
    assert voucher.balanceOf(cooperative) == 200_000 + 60_000

    county.receive(ONE_PRODUCT, DECEMBER, income_for(150_000))
    county.claim(opened, suppliers, 0)
    assert (voucher.balanceOf(bank), voucher.balanceOf(second_bank)) == (100_000, 75_000)
    assert (pledges.stateOf(senior), pledges.stateOf(junior)) == (State.REPAID, State.ACTIVE)


def test_a_lien_in_arrears_takes_nothing_of_months_that_it_is_not_on(
    opened, county, clock, voucher, suppliers, bank, second_bank
):
    due = [Instalment(clock.now() + 1, 100_000)]
    terms = county.terms(annualRateBps=0, schedule=due)
    county.lend(terms._replace(bps=1_000, fromPeriod=JANUARY))
    county.lend(terms._replace(bps=5_000, lender=str(second_bank), nonce=terms.nonce + 1_000), second_bank)
    clock.after(1)
    county.receive(ONE_PRODUCT, DECEMBER, income_for(150_000))
    county.claim(opened, suppliers, 0)
    assert (voucher.balanceOf(bank), voucher.balanceOf(second_bank)) == (0, 75_000)


@pytest.mark.parametrize("seed", range(3))
def test_random_claims_and_repayments_over_several_liens_are_kept_as_the_specification_says(
    opened, county, clock, revenue, pledges, workouts, voucher, suppliers, bank, cooperative, relayer, seed
):
    random = Random(seed)
    loans, called_in = {}, set()
    for bps in random.choice([(5_000, 5_000), (3_333, 1, 6_666), (1_250,) * 5]):
        principal, now = random.randint(1, 50_000), clock.now()
        dues = sorted(random.sample(range(1, 200 * DAY), 3))
        parts = [principal // 3, principal // 3, principal - 2 * (principal // 3)]
        schedule = [Instalment(now + due, part) for due, part in zip(dues, parts, strict=True)]
        conditions = county.conditions(overdueRateBps=random.choice([0, 500, 9_000]), grace=1, remediation=1)
        rate = random.randint(0, 4_000)
        pledge = county.lend(
            county.terms(bps=bps, principal=principal, schedule=schedule, annualRateBps=rate, conditions=conditions)
        )
        instalments = tuple(model.Instalment(*each) for each in schedule)
        loans[pledge] = (bps, model.Loan(principal, rate, instalments, clock.now(), conditions.overdueRateBps))
    leaf, proof = suppliers.leaf(0), suppliers.proof(0)
    before = 0
    for _ in range(7):
        clock.after(random.randint(1, 60 * DAY))
        now = clock.now()
        chosen = random.choice(list(loans))
        state = pledges.stateOf(chosen)
        bps, loan = loans[chosen]
        owed = model.parts(loan, now)
        if state == State.ACTIVE and owed.arrears and now > model.accrue(loan, now).arrears_since + 1:
            workouts.markDelinquent(chosen, {"from": relayer})
        elif state == State.DELINQUENT and random.random() < 0.7:
            workouts.chargeCosts(chosen, 7, BILL, {"from": bank})
            loans[chosen] = (bps, model.charge(loan, 7, now))
            workouts.remediate(chosen, NOTICE, {"from": bank})
        elif state == State.REMEDIATION:
            workouts.enforce(chosen, {"from": bank})
            called_in.add(chosen)
        elif state != State.REPAID and owed.total:
            amount = random.randint(1, owed.total)
            county.repay(chosen, amount)
            loans[chosen] = (bps, model.repay(loan, amount, now))

        county.receive(ONE_PRODUCT, DECEMBER, random.randint(5, 60_000))
        entitled = revenue.entitledOf(opened, leaf, proof)
        if entitled > before:
            asks = []
            for pledge, (bps, loan) in loans.items():
                owed = model.parts(loan, now)
                both = (owed.total, owed.total) if pledge in called_in else (owed.due, owed.arrears)
                asks.append((bps, *both) if owed.total else (bps, 0, 0))
            held = voucher.balanceOf(bank), voucher.balanceOf(cooperative)
            county.claim(opened, suppliers, 0)
            taken, rest = divert_unless_repaid(before, entitled, asks)
            assert voucher.balanceOf(bank) - held[0] == sum(taken)
            assert voucher.balanceOf(cooperative) - held[1] == rest
            for pledge, amount in zip(loans, taken, strict=True):
                bps, loan = loans[pledge]
                loans[pledge] = (bps, model.repay(loan, amount, now) if amount else loan)
            before = entitled
        for pledge, (_, loan) in loans.items():
            owed, debt = model.parts(loan, now), pledges.debtOf(pledge)
            assert (debt["principal"], debt["costs"]) == (model.outstanding(loan), owed.costs)
            assert debt["interest"] == owed.overdue_interest + owed.current_interest
            if pledge not in called_in:
                assert (debt["due"], debt["arrears"]) == (owed.due, owed.arrears)
            assert (pledges.stateOf(pledge) == State.REPAID) == (owed.total == 0)


def divert_unless_repaid(before, after, asks):
    """A repaid pledge is offered nothing: it takes no part."""
    taken, rest = model.divert(before, after, [ask for ask in asks if ask[1]])
    left = iter(taken)
    return [next(left) if ask[1] else 0 for ask in asks], rest


# PARTIAL RELEASE


def test_a_part_is_released_while_the_rest_is_worth_enough(county, pledges, workouts, cooperative, bank):
    """¥3,000.00 on 60 % of December to February; in February a third is left, and 80 % of it may be lent."""
    pledge = county.bring(State.ACTIVE)
    county.repay(pledge, 52_000)
    # 48,000 are owed: 100,000 are left of the value, of which 60,000 must stay.
    with refused("LtvExceeded", pledge=pledge, debt=48_000, value=59_983, maximumLtvBps=8_000):
        workouts.releasePart(pledge, 3_599, DECEMBER, FEBRUARY, {"from": bank})
    release = workouts.releasePart(pledge, 3_600, DECEMBER, FEBRUARY, {"from": bank})

    before = (State.ACTIVE, False, 6_000, DECEMBER, FEBRUARY, str(bank))
    after = (State.ACTIVE, False, 3_600, DECEMBER, FEBRUARY, str(bank))
    announced(release, "PartReleased", pledge=pledge, before=before, afterwards=after, by=bank)
    assert tuple(pledges.standingOf(pledge)) == after
    assert pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, FEBRUARY)[1] == 6_400
    assert model.partial_value(300_000, (6_000, DECEMBER, FEBRUARY), (3_600, DECEMBER, FEBRUARY), FEBRUARY) == 60_000
    assert model.partial_value(300_000, (6_000, DECEMBER, FEBRUARY), (3_599, DECEMBER, FEBRUARY), FEBRUARY) == 59_983


def test_periods_are_released_from_either_end(county, pledges, workouts, cooperative, bank):
    pledge = county.bring(State.ACTIVE, county.terms(toPeriod=FEBRUARY + 3))
    county.repay(pledge, 90_000)
    workouts.releasePart(pledge, 6_000, FEBRUARY, FEBRUARY + 2, {"from": bank})
    free = [pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, FEBRUARY + i)[1] for i in range(-1, 4)]
    assert free == [10_000, 4_000, 4_000, 4_000, 10_000]


@pytest.mark.parametrize("months", [(JANUARY, FEBRUARY + 3), (DECEMBER, FEBRUARY + 2)], ids=["first", "last"])
def test_a_month_at_one_end_alone_is_released(county, pledges, workouts, bank, months):
    pledge = county.bring(State.ACTIVE, county.terms(toPeriod=FEBRUARY + 3))
    county.repay(pledge, 90_000)
    workouts.releasePart(pledge, 6_000, *months, {"from": bank})
    assert tuple(pledges.standingOf(pledge))[2:5] == (6_000, *months)


def test_each_month_that_is_kept_counts(county, pledges, workouts, bank):
    """¥3,000.00 on 60 % of three months to come: two of them on 30 % are worth a third."""
    first = FEBRUARY + 1
    pledge = county.bring(State.ACTIVE, county.terms(fromPeriod=first, toPeriod=first + 2))
    county.repay(pledge, 20_000)
    debt = pledges.debtOf(pledge)["principal"] + pledges.debtOf(pledge)["interest"]
    assert debt == 80_000
    with refused("LtvExceeded", pledge=pledge, debt=debt, value=99_966, maximumLtvBps=8_000):
        workouts.releasePart(pledge, 2_999, first, first + 1, {"from": bank})
    workouts.releasePart(pledge, 3_000, first, first + 1, {"from": bank})
    assert model.partial_value(300_000, (6_000, first, first + 2), (3_000, first, first + 1), FEBRUARY) == 100_000


def test_months_that_are_over_secure_nothing(county, pledges, workouts, clock, bank):
    pledge = county.bring(State.ACTIVE, county.terms(schedule=[Instalment(clock.now() + 400 * DAY, 100_000)]))
    county.repay(pledge, 99_000)
    clock.stand_at(first_second(FEBRUARY + 1))
    debt = pledges.debtOf(pledge)["principal"] + pledges.debtOf(pledge)["interest"]
    with refused("LtvExceeded", pledge=pledge, debt=debt, value=0, maximumLtvBps=8_000):
        workouts.releasePart(pledge, 5_999, DECEMBER, FEBRUARY, {"from": bank})


def test_all_months_count_before_the_first_of_them(county, pledges, workouts, bank):
    """¥3,000.00 on 60 % of three months to come: one of them on half of it is worth a sixth."""
    first = FEBRUARY + 1
    pledge = county.bring(State.ACTIVE, county.terms(fromPeriod=first, toPeriod=first + 2))
    county.repay(pledge, 59_000)
    debt = pledges.debtOf(pledge)["principal"] + pledges.debtOf(pledge)["interest"]
    with refused("LtvExceeded", pledge=pledge, debt=debt, value=50_000, maximumLtvBps=8_000):
        workouts.releasePart(pledge, 3_000, first, first, {"from": bank})
    workouts.releasePart(pledge, 3_600, first, first, {"from": bank})
    assert model.partial_value(300_000, (6_000, first, first + 2), (3_600, first, first), FEBRUARY) == 60_000


@pytest.mark.parametrize(
    "part",
    [
        (6_000, DECEMBER, FEBRUARY),
        (6_001, DECEMBER, FEBRUARY),
        (0, DECEMBER, FEBRUARY),
        (6_000, DECEMBER - 1, FEBRUARY),
        (6_000, DECEMBER, FEBRUARY + 1),
        (1, FEBRUARY, JANUARY),
    ],
)
def test_what_is_not_a_part_is_not_released(active, workouts, bank, part):
    bps, first, last = part
    with refused("NotAPart", pledge=active, bps=bps, fromPeriod=first, toPeriod=last):
        workouts.releasePart(active, *part, {"from": bank})


def test_nothing_is_released_in_arrears(county, active, workouts, pledges, clock, bank):
    clock.stand_at(pledges.termsOf(active)["schedule"][0][0])
    with refused("InArrears", pledge=active, arrears=pledges.debtOf(active)["arrears"]):
        workouts.releasePart(active, 5_999, DECEMBER, FEBRUARY, {"from": bank})


def test_every_lender_on_the_leg_consents_to_a_partial_release(county, workouts, pledges, bank, second_bank, auditor):
    first = county.bring(State.ACTIVE)
    county.repay(first, 90_000)
    county.commit(county.terms(bps=1_000, lender=str(second_bank)), lender=second_bank)
    part = (first, 5_000, DECEMBER, FEBRUARY)
    with refused("NotParty", pledge=first, caller=auditor):
        workouts.releasePart(*part, {"from": auditor})
    consent = workouts.releasePart(*part, {"from": bank})
    proposal = consent.events["Consented"]["proposal"]
    call = workouts.releasePart.encode_input(*part)
    announced(consent, "Consented", pledge=first, proposal=proposal, call=call, by=bank)
    assert pledges.standingOf(first)["bps"] == 6_000

    withdrawal = workouts.withdrawConsent(proposal, {"from": bank})
    announced(withdrawal, "ConsentWithdrawn", proposal=proposal, by=bank)
    with refused("NotConsented", proposal=proposal, by=bank):
        workouts.withdrawConsent(proposal, {"from": bank})
    workouts.releasePart(*part, {"from": second_bank})
    assert pledges.standingOf(first)["bps"] == 6_000
    workouts.releasePart(*part, {"from": bank})
    assert pledges.standingOf(first)["bps"] == 5_000


# TRANSFER AND SUBORDINATION


def test_a_lien_goes_to_a_lender_that_takes_it(county, active, workouts, pledges, voucher, bank, second_bank, auditor):
    for nobody in (ZERO, str(bank), pledges.termsOf(active)["holder"]):
        with refused("PartiesOutOfRange", holder=person("cooperative"), lender=nobody):
            workouts.transferLien(active, nobody, {"from": bank})
    with refused("NotParty", pledge=active, caller=auditor):
        workouts.transferLien(active, second_bank, {"from": auditor})
    workouts.transferLien(active, second_bank, {"from": bank})
    assert pledges.standingOf(active)["lender"] == bank
    transfer = workouts.transferLien(active, second_bank, {"from": second_bank})
    announced(transfer, "LienTransferred", pledge=active, **{"from": bank, "to": second_bank})

    county.repay(active, 1_000)
    assert (voucher.balanceOf(bank), voucher.balanceOf(second_bank)) == (0, 1_000)
    assert pledges.termsOf(active)["lender"] == bank


def test_a_lien_is_not_transferred_before_disbursement(county, workouts, bank, second_bank):
    pledge = county.bring(State.PERFECTED)
    with refused("WrongState", pledge=pledge, state=State.PERFECTED):
        workouts.transferLien(pledge, second_bank, {"from": bank})


def test_a_lien_gives_its_place_to_the_next_when_both_lenders_agree(county, workouts, pledges, bank, second_bank):
    cooperative = person("cooperative")
    first = county.commit(county.terms(bps=1_000))
    second = county.commit(county.terms(bps=1_000, lender=str(second_bank)), lender=second_bank)
    third = county.commit(county.terms(bps=1_000))
    for junior in (third, first, NOTHING):
        with refused("NotNextInRank", pledge=first, junior=junior):
            workouts.subordinate(first, junior, {"from": bank})
    with refused("NotNextInRank", pledge=third, junior=NOTHING):
        workouts.subordinate(third, NOTHING, {"from": bank})
    with refused("NotParty", pledge=first, caller=cooperative):
        workouts.subordinate(first, second, {"from": cooperative})
    workouts.subordinate(first, second, {"from": second_bank})
    change = workouts.subordinate(first, second, {"from": bank})
    announced(change, "Subordinated", pledge=first, junior=second, rank=0)
    liens = pledges.liensOf(cooperative, ONE_PRODUCT, SUPPLIERS_LEG)
    assert [bytes(lien) for lien in liens] == [second, first, third]


def test_the_last_but_one_gives_its_place_to_the_last(county, workouts, pledges, bank, cooperative):
    """Of three and then of two; what is no lien any more has no place to give."""
    first, second, third = (county.commit(county.terms(bps=1_000)) for _ in range(3))
    change = workouts.subordinate(second, third, {"from": bank})
    announced(change, "Subordinated", pledge=second, junior=third, rank=1)

    pledges.cancel(first, {"from": cooperative})
    with refused("NotNextInRank", pledge=first, junior=third):
        workouts.subordinate(first, third, {"from": bank})
    workouts.subordinate(third, second, {"from": bank})
    liens = pledges.liensOf(cooperative, ONE_PRODUCT, SUPPLIERS_LEG)
    assert [bytes(lien) for lien in liens] == [second, third]


# DISPUTES


def test_a_dispute_stops_release_and_enforcement_and_nothing_else(
    county, remediation, workouts, clock, bank, cooperative
):
    with refused("DocumentMissing", pledge=remediation):
        workouts.dispute(remediation, NOTHING, {"from": cooperative})
    with refused("NotParty", pledge=remediation, caller=person("auditor")):
        workouts.dispute(remediation, digest("reason"), {"from": person("auditor")})
    clock.after(30 * DAY + 1)
    opened = workouts.dispute(remediation, digest("reason"), {"from": cooperative})
    until = clock.now() + 30 * DAY
    announced(opened, "DisputeOpened", pledge=remediation, reason=digest("reason"), until=until, by=cooperative)
    for function, arguments in ((workouts.enforce, ()), (workouts.chargeCosts, (1, BILL))):
        with refused("Disputed", pledge=remediation, until=until):
            function(remediation, *arguments, {"from": bank})
    county.repay(remediation, 1)
    clock.stand_at(until - 1)
    with refused("Disputed", pledge=remediation, until=until):
        workouts.enforce(remediation, {"from": bank})
    clock.stand_at(until)
    workouts.enforce(remediation, {"from": bank})


def test_a_dispute_stops_full_and_partial_release(county, workouts, pledges, bank, cooperative):
    active, repaid = (
        county.bring(State.ACTIVE, county.terms(bps=1_000)),
        county.bring(State.REPAID, county.terms(bps=1_000)),
    )
    for pledge in (active, repaid):
        workouts.dispute(pledge, digest("reason"), {"from": cooperative})
    until = workouts.disputedUntil(repaid)
    with refused("Disputed", pledge=repaid, until=until):
        pledges.release(repaid, {"from": bank})
    with refused("Disputed", pledge=active, until=until):
        workouts.releasePart(active, 1, DECEMBER, FEBRUARY, {"from": bank})


def test_both_parties_end_a_dispute(active, workouts, clock, bank, cooperative):
    with refused("NotDisputed", pledge=active, until=0):
        workouts.settleDispute(active, {"from": bank})
    workouts.dispute(active, digest("reason"), {"from": bank})
    workouts.settleDispute(active, {"from": bank})
    assert workouts.disputedUntil(active) > clock.now()
    settlement = workouts.settleDispute(active, {"from": cooperative})
    announced(settlement, "DisputeSettled", pledge=active, by=cooperative)
    assert facts(workouts.disputeOf(active)) == facts(
        {"until": clock.now(), "by": bank, "holderHas": False, "lenderHas": True}
    )


def test_nobody_disputes_what_is_not_disbursed(county, workouts, bank):
    pledge = county.bring(State.PERFECTED)
    with refused("WrongState", pledge=pledge, state=State.PERFECTED):
        workouts.dispute(pledge, digest("reason"), {"from": bank})


# GOOD


def good(workouts, pledge):
    is_good, reasons = workouts.good(pledge)
    assert is_good == (reasons == 0)
    return reasons


@pytest.mark.parametrize(
    ("state", "reasons"),
    [
        (State.NONE, NOT_LIVE),
        (State.COMMITTED, NOT_PERFECTED),
        (State.PERFECTED, 0),
        (State.ACTIVE, 0),
        (State.DELINQUENT, LATE),
        (State.REMEDIATION, LATE),
        (State.ENFORCING, LATE),
        (State.WRITTEN_OFF, LATE | LOST),
        (State.REPAID, NOT_LIVE),
        (State.RELEASED, NOT_LIVE),
        (State.CANCELLED, NOT_LIVE),
        (State.CLOSED, NOT_LIVE),
        (State.EXPIRED, NOT_LIVE),
    ],
)
def test_a_clerk_learns_in_one_word_whether_a_pledge_is_good(county, workouts, state, reasons):
    pledge = county.bring(state, county.terms(toPeriod=FEBRUARY + 24))
    assert good(workouts, pledge) == reasons


def test_everything_that_is_amiss_has_its_bit(county, workouts, pledges, clock, bank, second_bank, cooperative):
    now = clock.now()
    long = {"toPeriod": FEBRUARY + 24}
    senior = county.lend(county.terms(bps=1_000, schedule=[Instalment(now + DAY, 100_000)], **long))
    terms = county.terms(bps=1_000, lender=str(second_bank), **long)
    junior, waiting = county.commit(terms, lender=second_bank), county.commit(county.terms(bps=1_000, **long))
    pledges.perfect(junior, Perfection(county.new("register"), expiry=now + 60 * DAY), {"from": second_bank})
    assert good(workouts, senior) == good(workouts, junior) == 0
    clock.stand_at(now + DAY)
    assert good(workouts, senior) == 0
    assert good(workouts, junior) == SENIOR_IN_ARREARS
    clock.stand_at(now + 11 * DAY)
    assert good(workouts, senior) == 0
    clock.after(1)
    assert good(workouts, senior) == LATE
    county.repay(senior, 200_000)
    assert good(workouts, junior) == 0
    clock.stand_at(terms.conditions.disburseBy + 1)
    assert good(workouts, junior) == NOT_DISBURSED
    assert good(workouts, waiting) == NOT_DISBURSED | NOT_PERFECTED
    clock.stand_at(now + 60 * DAY)
    assert good(workouts, junior) == NOT_DISBURSED
    clock.after(1)
    assert good(workouts, junior) == NOT_DISBURSED | REGISTRATION_EXPIRED
    clock.stand_at(first_second(FEBRUARY + 25) - 1)
    assert not good(workouts, junior) & PERIODS_OVER
    clock.after(1)
    assert good(workouts, junior) & PERIODS_OVER


@pytest.mark.parametrize(
    ("begins", "ends", "reasons"),
    [
        (DECEMBER, FEBRUARY, NOT_PERFECTED),
        (DECEMBER, FEBRUARY + 1, NOT_PERFECTED | SENIOR_IN_ARREARS),
        (FEBRUARY + 12, FEBRUARY + 24, NOT_PERFECTED | SENIOR_IN_ARREARS),
        (FEBRUARY + 13, FEBRUARY + 24, NOT_PERFECTED),
    ],
)
def test_a_senior_in_arrears_matters_for_the_months_of_both(
    county, workouts, clock, second_bank, begins, ends, reasons
):
    now = clock.now()
    due = [Instalment(now + DAY, 100_000)]
    senior = county.lend(county.terms(bps=1_000, schedule=due, fromPeriod=begins, toPeriod=ends))
    months = {"fromPeriod": FEBRUARY + 1, "toPeriod": FEBRUARY + 12}
    junior = county.commit(county.terms(bps=1_000, lender=str(second_bank), **months), lender=second_bank)
    clock.stand_at(now + DAY)
    assert county.pledges.debtOf(senior)["arrears"] != 0
    assert good(workouts, junior) == reasons


def test_a_pledge_says_from_when_its_holder_can_release_it(county, workouts, pledges):
    active = county.bring(State.ACTIVE)
    assert workouts.deadlinesOf(active)[3] == 0
    county.repay(active, 200_000)
    assert workouts.deadlinesOf(active)[3] == pledges.datesOf(active)["repaidAt"] + 10 * DAY


def test_a_dispute_is_told_while_it_stands(active, workouts, clock, bank):
    workouts.dispute(active, digest("reason"), {"from": bank})
    assert good(workouts, active) & DISPUTED
    clock.after(30 * DAY)
    assert not good(workouts, active) & DISPUTED


# PAUSES


def test_a_pause_moves_every_deadline_by_its_length(county, workouts, pledges, clock, guardian, committee, bank):
    """Due dates stay where the parties have signed them; what is counted here stands still."""
    one = {"bps": 1_000}
    committed, active = (
        county.bring(State.COMMITTED, county.terms(**one)),
        county.bring(State.ACTIVE, county.terms(**one)),
    )
    repaid = county.bring(State.REPAID, county.terms(**one))
    (first, _), _ = pledges.termsOf(active)["schedule"]
    disburse_by = workouts.deadlinesOf(committed)[0]
    workouts.dispute(active, digest("reason"), {"from": bank})
    disputed = workouts.disputedUntil(active)
    releasable = workouts.deadlinesOf(repaid)[3]

    pledges.pause(text32("storm"), {"from": guardian})
    clock.after(7 * DAY)
    pledges.resume(text32("over"), {"from": committee})
    assert workouts.deadlinesOf(committed)[0] == disburse_by + 7 * DAY
    clock.stand_at(first)
    assert pledges.debtOf(active)["arrearsSince"] == first
    assert workouts.deadlinesOf(active)[1] == first + 10 * DAY + 7 * DAY
    # These are kept in running time, which is seven days behind.
    assert pledges.runningTime() == clock.now() - 7 * DAY
    assert (workouts.disputedUntil(active), workouts.deadlinesOf(repaid)[3]) == (disputed, releasable)
    assert tuple(pledges.datesOf(committed)) == (0, 0)
    later = county.commit(county.terms(**one))
    assert tuple(pledges.datesOf(later)) == (7 * DAY, 0)


def test_a_pause_before_a_pledge_moves_none_of_its_deadlines(county, workouts, pledges, clock, guardian, committee):
    pledges.pause(text32("storm"), {"from": guardian})
    clock.after(7 * DAY)
    pledges.resume(text32("over"), {"from": committee})
    active = county.bring(State.ACTIVE)
    (first, _), _ = pledges.termsOf(active)["schedule"]
    clock.stand_at(first)
    assert workouts.deadlinesOf(active)[1] == first + 10 * DAY


def test_no_step_against_a_borrower_is_taken_during_a_pause(county, workouts, pledges, guardian, bank, clock):
    pledge = county.bring(State.DELINQUENT)
    pause = pledges.pause(text32("storm"), {"from": guardian})
    for function, arguments in (
        (workouts.markDelinquent, ()),
        (workouts.remediate, (NOTICE,)),
        (workouts.enforce, ()),
        (workouts.chargeCosts, (1, BILL)),
    ):
        with refused("Paused", since=pause.timestamp):
            function(pledge, *arguments, {"from": bank})
    county.repay(pledge, pledges.debtOf(pledge)["arrears"])
    assert pledges.stateOf(pledge) == State.ACTIVE


# WHAT CAN BE SIGNED


def test_anyone_asks_which_terms_are_acceptable(county, pledges, pledge_terms, revenue, cooperative, bank):
    terms = county.terms()
    pledge = county.pledge_id(terms)
    assert bytes(pledge_terms.hashOf(terms)) == bytes(pledge_terms.requireAcceptable(terms)) == pledge
    assert (pledge_terms.revenue(), pledges.pledgeTerms()) == (revenue, pledge_terms)
    signatures = [county.sign(terms, party) for party in (cooperative, bank)]
    digest_ = pledges.termsDigest(terms)
    pledge_terms.requireSigned(pledge, digest_, cooperative, signatures[0], bank, signatures[1])
    with refused("SignatureInvalid", pledge=pledge, signer=bank):
        pledge_terms.requireSigned(pledge, digest_, cooperative, signatures[0], bank, signatures[0])
