"""Terms that holder and lender sign, and the income they reserve."""

import pytest

from outcomes import announced, facts, plain, refused
from signing import Conditions, Instalment, digest_of, malleated, sign
from world import (
    CARBON_LEG,
    CARBON_POOL,
    DECEMBER,
    FEBRUARY,
    JANUARY,
    NOTHING,
    ONE_PRODUCT,
    SUPPLIERS_LEG,
    U128,
    WHOLE,
    YEAR,
    ZERO,
    Perfection,
    State,
    month,
    person,
    text32,
)

UNSIGNED, COMMITTED, PERFECTED, ACTIVE = State.NONE, State.COMMITTED, State.PERFECTED, State.ACTIVE
CANCELLED, EXPIRED = State.CANCELLED, State.EXPIRED


@pytest.fixture
def terms(county):
    return county.terms()


@pytest.fixture
def commit(county, pledges, relayer, cooperative, bank):
    """Somebody carries terms with the signatures of both parties, or with others."""

    def commit(terms, of_holder=None, of_lender=None):
        return pledges.commit(
            terms,
            county.sign(terms, cooperative) if of_holder is None else of_holder,
            county.sign(terms, bank) if of_lender is None else of_lender,
            {"from": relayer},
        )

    return commit


def one(due_at, principal):
    return [Instalment(due_at, principal)]


# TERMS


def test_terms_are_refused_a_second_after_their_deadline(terms, commit, clock):
    clock.stand_at(terms.deadline + 1)
    with refused("TermsExpired", deadline=terms.deadline, timestamp=terms.deadline + 1):
        commit(terms)


def test_terms_are_good_in_their_last_second(terms, commit, clock, county, pledges):
    clock.stand_at(terms.deadline)
    commit(terms)
    assert pledges.stateOf(county.pledge_id(terms)) == COMMITTED


@pytest.mark.parametrize("missing", ["holder", "lender"])
def test_terms_without_a_party_are_refused(terms, commit, missing):
    terms = terms._replace(**{missing: ZERO})
    with refused("PartiesOutOfRange", holder=terms.holder, lender=terms.lender):
        commit(terms)


def test_terms_with_oneself_are_refused(terms, commit):
    with refused("PartiesOutOfRange", holder=terms.holder, lender=terms.holder):
        commit(terms._replace(lender=terms.holder))


@pytest.mark.parametrize("bps", [0, WHOLE + 1, 65_535])
def test_a_share_out_of_range_is_refused(terms, commit, bps):
    with refused("BpsOutOfRange", bps=bps):
        commit(terms._replace(bps=bps))


@pytest.mark.parametrize("bps", [1, WHOLE])
def test_a_share_at_its_limits_is_accepted(terms, commit, county, pledges, bps):
    commit(terms._replace(bps=bps))
    free = pledges.encumbrance(terms.holder, ONE_PRODUCT, SUPPLIERS_LEG, DECEMBER)[1]
    assert free == WHOLE - bps


def test_periods_in_reverse_are_refused(terms, commit):
    with refused("PeriodsOutOfRange", fromPeriod=JANUARY, toPeriod=DECEMBER):
        commit(terms._replace(fromPeriod=JANUARY, toPeriod=DECEMBER))


def test_a_single_period_is_accepted(terms, commit):
    commit(terms._replace(fromPeriod=JANUARY, toPeriod=JANUARY))


@pytest.mark.parametrize("instalments", [0, 41])
def test_a_schedule_that_is_empty_or_too_long_is_refused(terms, commit, instalments):
    schedule = [Instalment(terms.deadline + i, 1) for i in range(instalments)]
    with refused("ScheduleLength", instalments=instalments):
        commit(terms._replace(schedule=schedule, principal=max(instalments, 1)))


@pytest.mark.parametrize("instalments", [1, 40])
def test_a_schedule_at_its_limits_is_accepted(terms, commit, county, pledges, instalments):
    schedule = [Instalment(terms.deadline + i, 1) for i in range(instalments)]
    terms = terms._replace(schedule=schedule, principal=instalments)
    commit(terms)
    assert len(pledges.termsOf(county.pledge_id(terms))["schedule"]) == instalments


@pytest.mark.parametrize("second", [100, 99])
def test_a_schedule_that_does_not_ascend_is_refused(terms, commit, second):
    with refused("ScheduleNotAscending", instalment=1, dueAt=second):
        commit(terms._replace(schedule=[Instalment(100, 50_000), Instalment(second, 50_000)]))


@pytest.mark.parametrize("scheduled", [99_999, 100_001])
def test_a_schedule_that_is_not_the_principal_is_refused(terms, commit, scheduled):
    with refused("ScheduleDoesNotAddUp", scheduled=scheduled, principal=100_000):
        commit(terms._replace(schedule=one(100, scheduled)))


def test_a_schedule_that_overflows_to_the_principal_is_refused(terms, commit):
    schedule = [Instalment(1, U128), Instalment(2, U128), Instalment(3, 2 + 100_000)]
    with refused("ScheduleDoesNotAddUp", scheduled=2 * U128 + 2 + 100_000, principal=100_000):
        commit(terms._replace(schedule=schedule))


def test_a_loan_of_nothing_is_refused(terms, commit):
    with refused("ScheduleDoesNotAddUp", scheduled=0, principal=0):
        commit(terms._replace(principal=0, schedule=one(100, 0)))


# SIGNATURES


def test_terms_that_the_holder_did_not_sign_are_refused(terms, commit, county, bank, auditor):
    for signature in (county.sign(terms, bank), county.sign(terms, auditor), b""):
        with refused("SignatureInvalid", pledge=county.pledge_id(terms), signer=terms.holder):
            commit(terms, of_holder=signature)


def test_terms_that_the_lender_did_not_sign_are_refused(terms, commit, county, cooperative, auditor):
    for signature in (county.sign(terms, cooperative), county.sign(terms, auditor), b""):
        with refused("SignatureInvalid", pledge=county.pledge_id(terms), signer=terms.lender):
            commit(terms, of_lender=signature)


@pytest.mark.parametrize(
    "changes",
    [
        {"holder": "0x" + 40 * "5"},
        {"lender": "0x" + 40 * "5"},
        {"agreement": CARBON_POOL},
        {"leg": 2},
        {"fromPeriod": DECEMBER + 1},
        {"toPeriod": FEBRUARY + 1},
        {"bps": 6_001},
        {"annualRateBps": 501},
        {"nonce": 10**9},
        {"deadline": 2**40},
        {"principal": 100_001, "schedule": [Instalment(1, 100_001)]},
        {"schedule": [Instalment(1, 100_000)]},
        {"conditions": Conditions(1, 2, 3, 4, 5, 6, 7)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_terms_changed_after_they_were_signed_are_refused(terms, commit, county, cooperative, bank, changes):
    forged = terms._replace(**changes)
    with refused("SignatureInvalid", pledge=county.pledge_id(forged), signer=forged.holder):
        commit(forged, county.sign(terms, cooperative), county.sign(terms, bank))


@pytest.mark.parametrize(
    "other_domain",
    [
        {"chainId": 1},
        {"verifyingContract": "0x" + 40 * "1"},
        {"name": "Gongsheng CnyVoucher"},
        {"version": "2"},
    ],
    ids=str,
)
def test_terms_signed_for_another_domain_are_refused(terms, commit, county, pledges, cooperative, bank, other_domain):
    pledge = county.pledge_id(terms)
    with refused("SignatureInvalid", pledge=pledge, signer=cooperative):
        commit(terms, of_holder=sign(terms, cooperative, pledges, **other_domain))
    with refused("SignatureInvalid", pledge=pledge, signer=bank):
        commit(terms, of_lender=sign(terms, bank, pledges, **other_domain))


def test_malleated_signatures_are_refused(terms, commit, county, cooperative, bank):
    pledge = county.pledge_id(terms)
    with refused("SignatureInvalid", pledge=pledge, signer=cooperative):
        commit(terms, of_holder=malleated(county.sign(terms, cooperative)))
    with refused("SignatureInvalid", pledge=pledge, signer=bank):
        commit(terms, of_lender=malleated(county.sign(terms, bank)))


def test_terms_are_committed_once(terms, commit, county):
    commit(terms)
    with refused("PledgeExists", pledge=county.pledge_id(terms), state=COMMITTED):
        commit(terms)


def test_cancelled_terms_are_not_committed_again(terms, commit, county, pledges, cooperative):
    commit(terms)
    pledges.cancel(county.pledge_id(terms), {"from": cooperative})
    with refused("PledgeExists", pledge=county.pledge_id(terms), state=CANCELLED):
        commit(terms)


def test_a_lender_that_is_a_contract_signs_in_its_own_way(terms, commit, county, pledges, operator, ContractWallet):
    wallet = ContractWallet.deploy({"from": operator})
    terms = terms._replace(lender=wallet.address)
    with refused("SignatureInvalid", pledge=county.pledge_id(terms), signer=wallet):
        commit(terms, of_lender=b"")
    wallet.approve(digest_of(terms, pledges), {"from": operator})
    commit(terms, of_lender=b"")
    assert pledges.stateOf(county.pledge_id(terms)) == COMMITTED


# REVOCATION


@pytest.mark.parametrize("party", ["cooperative", "bank"])
def test_terms_that_a_party_revoked_are_refused(terms, commit, county, pledges, party):
    pledge = county.pledge_id(terms)
    revocation = pledges.revoke(pledge, {"from": person(party)})

    announced(revocation, "Revoked", pledge=pledge, by=person(party))
    with refused("TermsRevoked", pledge=pledge, by=person(party)):
        commit(terms)


def test_a_stranger_revokes_nothing_for_the_parties(terms, commit, county, pledges, auditor):
    pledges.revoke(county.pledge_id(terms), {"from": auditor})
    commit(terms)
    assert pledges.stateOf(county.pledge_id(terms)) == COMMITTED


def test_revoking_fails_once_the_terms_are_committed(terms, commit, county, pledges, bank):
    commit(terms)
    with refused("PledgeExists", pledge=county.pledge_id(terms), state=COMMITTED):
        pledges.revoke(county.pledge_id(terms), {"from": bank})


# COMMITMENT


def test_anyone_commits_what_both_have_signed(terms, commit, county, pledges, relayer):
    commitment = commit(terms)

    pledge = county.pledge_id(terms)
    assert bytes(commitment.return_value) == pledge
    assert pledges.stateOf(pledge) == COMMITTED
    assert plain(pledges.termsOf(pledge)) == plain(terms)
    announced(
        commitment,
        "Committed",
        pledge=pledge,
        holder=terms.holder,
        lender=terms.lender,
        rank=0,
        terms=terms,
        by=relayer,
    )
    announced(commitment, "StateChanged", pledge=pledge, **{"from": UNSIGNED, "to": COMMITTED}, by=relayer)


def test_equal_terms_with_another_number_are_another_pledge(terms, commit, county):
    half = terms._replace(bps=5_000)
    commit(half)
    commit(half._replace(nonce=half.nonce + 1))
    assert county.pledge_id(half) != county.pledge_id(half._replace(nonce=half.nonce + 1))


def test_a_pledge_that_does_not_exist_says_so(pledges):
    assert pledges.stateOf(NOTHING) == UNSIGNED
    assert pledges.debtOf(NOTHING) == (0, 0, 0, 0, 0, 0)
    assert facts(pledges.perfectionOf(NOTHING)) == facts(
        {"registerNumber": NOTHING, "expiry": 0, "collectionAccount": NOTHING, "debtorNotice": NOTHING}
    )


# THE SAME INCOME


def taken(terms, period, pledged):
    return refused(
        "IncomeAlreadyPledged",
        holder=terms.holder,
        agreement=terms.agreement,
        leg=terms.leg,
        period=period,
        pledged=pledged,
        requested=terms.bps,
    )


def test_the_same_income_is_not_pledged_twice(county, commit):
    commit(county.terms(bps=6_000))
    again = county.terms(bps=6_000)
    with taken(again, DECEMBER, 6_000):
        commit(again)


def test_pledges_may_add_up_to_all_of_the_income_and_not_to_more(county, commit, pledges, cooperative):
    commit(county.terms(bps=6_000))
    above = county.terms(bps=4_001)
    with taken(above, DECEMBER, 6_000):
        commit(above)
    commit(county.terms(bps=4_000))
    assert pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, DECEMBER)[1] == 0
    one_more = county.terms(bps=1)
    with taken(one_more, DECEMBER, 10_000):
        commit(one_more)


def test_the_same_share_of_other_periods_is_free(county, commit):
    commit(county.terms(bps=10_000, fromPeriod=DECEMBER, toPeriod=JANUARY))
    commit(county.terms(bps=10_000, fromPeriod=FEBRUARY, toPeriod=FEBRUARY))
    commit(county.terms(bps=10_000, fromPeriod=month(2025, 1), toPeriod=DECEMBER - 1))


@pytest.mark.parametrize(
    ("first", "last", "fullest"),
    [
        (DECEMBER, DECEMBER, DECEMBER),
        (JANUARY, JANUARY, JANUARY),
        (month(2025, 1), DECEMBER, DECEMBER),
        (JANUARY, month(2027, 1), JANUARY),
        (month(2025, 1), month(2027, 1), DECEMBER),
    ],
    ids=["its first", "its last", "until its first", "from its last", "around it"],
)
def test_a_period_in_common_is_enough_to_be_refused(county, commit, first, last, fullest):
    commit(county.terms(bps=6_000, fromPeriod=DECEMBER, toPeriod=JANUARY))
    overlapping = county.terms(bps=4_001, fromPeriod=first, toPeriod=last)
    with taken(overlapping, fullest, 6_000):
        commit(overlapping)
    commit(county.terms(bps=4_000, fromPeriod=first, toPeriod=last))


def test_liens_that_do_not_meet_do_not_add_up(county, commit):
    commit(county.terms(bps=6_000, fromPeriod=DECEMBER, toPeriod=DECEMBER))
    commit(county.terms(bps=6_000, fromPeriod=FEBRUARY, toPeriod=FEBRUARY))
    commit(county.terms(bps=4_000, fromPeriod=DECEMBER, toPeriod=FEBRUARY))
    commit(county.terms(bps=6_000, fromPeriod=JANUARY, toPeriod=JANUARY))
    over = county.terms(bps=1, fromPeriod=DECEMBER, toPeriod=FEBRUARY)
    with taken(over, DECEMBER, 10_000):
        commit(over)


def test_liens_that_meet_later_in_the_range_are_found(county, commit):
    commit(county.terms(bps=5_000, fromPeriod=DECEMBER, toPeriod=FEBRUARY))
    commit(county.terms(bps=5_000, fromPeriod=FEBRUARY, toPeriod=FEBRUARY + 3))
    over = county.terms(bps=1, fromPeriod=DECEMBER, toPeriod=FEBRUARY + 9)
    with taken(over, FEBRUARY, 10_000):
        commit(over)


def test_income_of_another_leg_agreement_or_holder_is_free(county, commit, cooperative, village):
    commit(county.terms(bps=10_000))
    commit(county.terms(bps=10_000, leg=2))
    commit(county.terms(bps=10_000, agreement=CARBON_POOL, leg=CARBON_LEG))
    of_village = county.terms(bps=10_000, holder=str(village))
    commit(of_village, of_holder=county.sign(of_village, village))


def test_a_ninth_lien_is_refused(county, commit, pledges, cooperative):
    for _ in range(8):
        commit(county.terms(bps=1_000))
    ninth = county.terms(bps=1_000)
    with refused("TooManyLiens", holder=cooperative, agreement=ONE_PRODUCT, leg=SUPPLIERS_LEG, liens=8):
        commit(ninth)

    first = pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, DECEMBER)[0][0]
    pledges.cancel(first[0], {"from": cooperative})
    commit(ninth)


def test_who_holds_liens_is_told_in_their_order(county, commit, pledges, cooperative, bank, second_bank):
    first = county.terms(bps=3_000, toPeriod=JANUARY)
    second = county.terms(bps=2_000, lender=str(second_bank))
    third = county.terms(bps=1_000, fromPeriod=FEBRUARY)
    commit(first)
    commit(second, of_lender=county.sign(second, second_bank))
    assert commit(third).events["Committed"]["rank"] == 2

    def encumbrance(period):
        liens, free = pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, period)
        return [tuple(lien) for lien in liens], free

    told = {
        terms.nonce: ("0x" + county.pledge_id(terms).hex(), terms.lender, terms.bps, COMMITTED)
        for terms in (first, second, third)
    }
    assert encumbrance(DECEMBER) == ([told[first.nonce], told[second.nonce]], 5_000)
    assert encumbrance(FEBRUARY) == ([told[second.nonce], told[third.nonce]], 7_000)
    assert encumbrance(FEBRUARY + 1) == ([], 10_000)
    assert encumbrance(DECEMBER - 1) == ([], 10_000)


# GIVING UP


@pytest.mark.parametrize("party", ["cooperative", "bank"])
@pytest.mark.parametrize("perfected", [False, True])
def test_either_party_gives_up_a_pledge_before_it_is_disbursed(county, pledges, cooperative, party, perfected):
    pledge = county.commit(county.terms())
    if perfected:
        county.perfect(pledge)
    cancellation = pledges.cancel(pledge, {"from": person(party)})

    assert pledges.stateOf(pledge) == CANCELLED
    assert pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, DECEMBER) == ((), 10_000)
    before = PERFECTED if perfected else COMMITTED
    announced(cancellation, "StateChanged", pledge=pledge, **{"from": before, "to": CANCELLED}, by=person(party))
    county.commit(county.terms(bps=10_000))


def test_a_stranger_gives_up_nothing(county, pledges, auditor):
    pledge = county.commit(county.terms())
    with refused("NotParty", pledge=pledge, caller=auditor):
        pledges.cancel(pledge, {"from": auditor})


def test_a_pledge_that_does_not_exist_cannot_be_given_up(pledges, bank):
    with refused("WrongState", pledge=NOTHING, state=UNSIGNED):
        pledges.cancel(NOTHING, {"from": bank})


def test_a_pledge_is_given_up_once(county, pledges, bank):
    pledge = county.commit(county.terms())
    pledges.cancel(pledge, {"from": bank})
    with refused("WrongState", pledge=pledge, state=CANCELLED):
        pledges.cancel(pledge, {"from": bank})


def test_a_disbursed_pledge_cannot_be_given_up(county, pledges, cooperative):
    pledge = county.lend(county.terms())
    with refused("WrongState", pledge=pledge, state=ACTIVE):
        pledges.cancel(pledge, {"from": cooperative})


def test_giving_up_a_senior_lien_keeps_the_order_of_the_others(county, pledges, cooperative, bank):
    liens = [county.commit(county.terms(bps=1_000)) for _ in range(4)]
    pledges.cancel(liens[1], {"from": bank})
    left = pledges.encumbrance(cooperative, ONE_PRODUCT, SUPPLIERS_LEG, DECEMBER)[0]
    assert [bytes(lien[0]) for lien in left] == [liens[0], liens[2], liens[3]]


# PERFECTION


@pytest.fixture
def committed(county):
    return county.commit(county.terms())


@pytest.fixture
def perfection(clock):
    return Perfection(text32("register 2026-1"), expiry=clock.now() + YEAR)


def test_perfecting_fails_for_whoever_is_not_the_lender(committed, perfection, pledges, cooperative, second_bank):
    for stranger in (cooperative, second_bank):
        with refused("NotParty", pledge=committed, caller=stranger):
            pledges.perfect(committed, perfection, {"from": stranger})


def test_perfecting_fails_for_a_pledge_that_does_not_exist(perfection, pledges, bank):
    with refused("NotParty", pledge=NOTHING, caller=bank):
        pledges.perfect(NOTHING, perfection, {"from": bank})


def test_perfecting_fails_without_a_register_number(committed, perfection, pledges, bank):
    with refused("RegisterNumberMissing", pledge=committed):
        pledges.perfect(committed, perfection._replace(registerNumber=NOTHING), {"from": bank})


def test_a_register_number_perfects_one_pledge_only(county, committed, perfection, pledges, bank):
    other = county.commit(county.terms(bps=1_000))
    pledges.perfect(committed, perfection, {"from": bank})
    with refused("RegisterNumberUsed", registerNumber=perfection.registerNumber, pledge=committed):
        pledges.perfect(other, perfection, {"from": bank})


def test_a_register_number_stays_used_when_its_pledge_is_given_up(county, committed, perfection, pledges, bank):
    other = county.commit(county.terms(bps=1_000))
    pledges.perfect(committed, perfection, {"from": bank})
    pledges.cancel(committed, {"from": bank})
    with refused("RegisterNumberUsed", registerNumber=perfection.registerNumber, pledge=committed):
        pledges.perfect(other, perfection, {"from": bank})


def test_perfecting_fails_if_the_registration_lapses_before_the_last_instalment(committed, perfection, pledges, bank):
    last = pledges.termsOf(committed)["schedule"][-1][0]
    with refused("RegistrationTooShort", expiry=last - 1, lastDue=last):
        pledges.perfect(committed, perfection._replace(expiry=last - 1), {"from": bank})
    pledges.perfect(committed, perfection._replace(expiry=last), {"from": bank})


def test_perfecting_fails_twice(county, committed, perfection, pledges, bank):
    pledges.perfect(committed, perfection, {"from": bank})
    with refused("WrongState", pledge=committed, state=PERFECTED):
        pledges.perfect(committed, perfection._replace(registerNumber=text32("another")), {"from": bank})


def test_lender_perfects_a_pledge(committed, perfection, pledges, bank):
    registration = pledges.perfect(committed, perfection, {"from": bank})

    assert pledges.stateOf(committed) == PERFECTED
    assert facts(pledges.perfectionOf(committed)) == facts(perfection._asdict())
    announced(registration, "Perfected", pledge=committed, perfection=perfection, by=bank)
    announced(registration, "StateChanged", pledge=committed, **{"from": COMMITTED, "to": PERFECTED}, by=bank)
