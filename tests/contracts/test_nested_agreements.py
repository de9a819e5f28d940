"""Agreements within agreements: no fen is minted twice, none is lost, and children close after their parents."""

from random import Random

import pytest
from eth_abi import encode
from eth_utils.crypto import keccak

import model
from outcomes import announced, refused, silent
from world import (
    ACCOUNT,
    AGREEMENT,
    CARBON_POOL,
    DAY,
    DECEMBER,
    FEBRUARY,
    FUND,
    JANUARY,
    ONE_PRODUCT,
    SUPPLIERS_LEG,
    TECH_ENCLAVE,
    ZERO,
    Holders,
    Leg,
    Line,
    text32,
)

UMBRELLA, TOURISM, TICKETS, STALL = (text32(name) for name in ("umbrella", "tourism", "tickets", "stall"))
PERSON = "0x" + 40 * "7"


def nested(child, bps=10_000):
    return Leg(AGREEMENT, bps, child=child)


@pytest.fixture
def publish(revenue, committee, clock):
    def publish(agreement, *legs, effective_from=0):
        return revenue.publish(agreement, list(legs), effective_from, {"from": committee})

    return publish


@pytest.fixture
def umbrella(publish, city):
    """40 % to the city, 60 % are income of the technology enclave, which gives 60 % to the laboratory."""
    publish(UMBRELLA, Leg(ACCOUNT, 4_000, str(city)), nested(TECH_ENCLAVE, 6_000))


@pytest.fixture
def collect(revenue, relayer):
    return lambda agreement, leg, version=1, period=DECEMBER: revenue.collect(
        Line(agreement, version, period, leg), {"from": relayer}
    )


# PUBLISHING


@pytest.mark.parametrize(
    "malformed",
    [
        Leg(AGREEMENT, 10_000),
        Leg(AGREEMENT, 10_000, PERSON, child=TECH_ENCLAVE),
        Leg(AGREEMENT, 10_000, purpose=UMBRELLA, child=TECH_ENCLAVE),
        Leg(AGREEMENT, 10_000, feed=UMBRELLA, subject=UMBRELLA, child=TECH_ENCLAVE),
        Leg(ACCOUNT, 10_000, PERSON, child=TECH_ENCLAVE),
        Leg(AGREEMENT, 10_000, child=TECH_ENCLAVE, payoutBps=1),
        Leg(ACCOUNT, 10_000, PERSON, payoutBps=1),
        Leg(FUND, 10_000, PERSON, UMBRELLA, payoutBps=10_001),
    ],
    ids=[
        "no child",
        "a child with an account",
        "a child with a purpose",
        "a child with a feed",
        "an account with a child",
        "a child that pays bills",
        "an account that pays bills",
        "a fund that pays more than the bill",
    ],
)
def test_publishing_fails_with_a_leg_that_says_too_much_or_too_little(publish, malformed):
    with refused("LegMalformed", agreement=UMBRELLA, leg=0):
        publish(UMBRELLA, malformed)


def test_publishing_fails_with_a_child_that_does_not_exist(publish):
    with refused("AgreementUnknown", agreement=TOURISM):
        publish(UMBRELLA, nested(TOURISM))


def test_an_agreement_is_not_its_own_child(publish):
    with refused("AgreementUnknown", agreement=UMBRELLA):
        publish(UMBRELLA, nested(UMBRELLA))


def test_a_cycle_cannot_come_about(publish, umbrella, clock, laboratory, city):
    """A later version adds no agreement, so children are always older than their parents."""
    legs = [Leg(ACCOUNT, 6_000, str(laboratory)), Leg(ACCOUNT, 4_000, str(city)), nested(UMBRELLA, 0)]
    with refused("NestedTooLate", agreement=TECH_ENCLAVE, leg=2):
        publish(TECH_ENCLAVE, *legs, effective_from=clock.now())


def test_a_later_version_does_not_change_the_child(publish, umbrella, clock, city):
    changed = [Leg(ACCOUNT, 4_000, str(city)), nested(CARBON_POOL, 6_000)]
    with refused("LegChanged", agreement=UMBRELLA, leg=1):
        publish(UMBRELLA, *changed, effective_from=clock.now())


def test_four_levels_and_no_more(publish):
    for parent, child in ((STALL, TECH_ENCLAVE), (TICKETS, STALL), (TOURISM, TICKETS)):
        publish(parent, nested(child))
    with refused("NestedTooDeep", agreement=UMBRELLA, child=TOURISM):
        publish(UMBRELLA, nested(TECH_ENCLAVE, 5_000), nested(TOURISM, 5_000))
    publish(UMBRELLA, nested(TICKETS))


def test_sixteen_parents_and_no_more(publish):
    publish(UMBRELLA, *[nested(TECH_ENCLAVE, 625)] * 16)
    with refused("TooManyParents", child=TECH_ENCLAVE, parents=16):
        publish(TOURISM, nested(TECH_ENCLAVE))


def test_the_child_of_a_leg_can_be_asked(umbrella, revenue):
    account, nested_leg = revenue.versionOf(UMBRELLA, 1)[1]
    assert bytes(nested_leg[6]) == TECH_ENCLAVE
    assert not any(account[6])


@pytest.mark.parametrize("contract", ["revenue", "voucher", "pledges", "funds"])
@pytest.mark.parametrize("kind", [ACCOUNT, FUND])
def test_no_leg_names_a_contract_in_which_money_would_be_lost(publish, county, contract, kind):
    account = str(getattr(county, contract))
    with refused("AccountReserved", account=account):
        publish(UMBRELLA, Leg(kind, 10_000, account, UMBRELLA if kind == FUND else bytes(32)))


# FORWARDING


def test_nothing_is_forwarded_before_there_is_income(umbrella, revenue, collect):
    with refused("NothingToCollect", line=revenue.lineId(Line(UMBRELLA, 1, DECEMBER, 1))):
        collect(UMBRELLA, 1)


def test_anyone_forwards_income_to_the_child_and_nothing_is_minted(
    umbrella, county, revenue, voucher, collect, laboratory, relayer
):
    county.receive(UMBRELLA, DECEMBER, 1_000)
    forwarding = collect(UMBRELLA, 1)
    line = bytes(revenue.lineId(Line(UMBRELLA, 1, DECEMBER, 1)))
    reference = keccak(encode(["bytes32", "uint256"], [line, 600]))

    assert forwarding.return_value == 600
    assert voucher.totalSupply() == voucher.balanceOf(revenue) == 1_000
    assert revenue.receivedOf(TECH_ENCLAVE, 1, DECEMBER) == 600
    assert not voucher.isReferenceUsed(reference)
    assert silent(forwarding, "Transfer")
    announced(
        forwarding,
        "Forwarded",
        line=line,
        child=TECH_ENCLAVE,
        internalReference=reference,
        amount=600,
        paid=600,
        by=relayer,
    )
    announced(
        forwarding,
        "IncomeReceived",
        agreement=TECH_ENCLAVE,
        period=DECEMBER,
        bankReference=reference,
        version=1,
        amount=600,
        received=600,
        by=relayer,
    )
    with refused("NothingToCollect", line=line):
        collect(UMBRELLA, 1)
    collect(TECH_ENCLAVE, 0)
    assert voucher.balanceOf(laboratory) == 360


def test_what_is_forwarded_in_steps_has_references_of_its_own_and_equals_one_sum(umbrella, county, revenue, collect):
    seen, received = set(), 0
    for amount in (1, 2, 1, 1, 5, 7, 100):
        county.receive(UMBRELLA, DECEMBER, amount)
        received += amount
        if revenue.lineIncome(Line(UMBRELLA, 1, DECEMBER, 1)) > revenue.receivedOf(TECH_ENCLAVE, 1, DECEMBER):
            seen.add(str(collect(UMBRELLA, 1).events["Forwarded"]["internalReference"]))
        assert revenue.receivedOf(TECH_ENCLAVE, 1, DECEMBER) == received * 6_000 // 10_000
    assert len(seen) == 6


def test_the_childs_version_that_is_in_force_when_it_is_forwarded_splits_it(
    umbrella, county, publish, revenue, collect, clock, laboratory, city
):
    county.receive(UMBRELLA, DECEMBER, 100)
    publish(
        TECH_ENCLAVE, Leg(ACCOUNT, 1_000, str(laboratory)), Leg(ACCOUNT, 9_000, str(city)), effective_from=clock.now()
    )
    collect(UMBRELLA, 1)
    assert [revenue.receivedOf(TECH_ENCLAVE, version, DECEMBER) for version in (1, 2)] == [0, 60]


def test_a_child_that_is_not_in_force_yet_waits(publish, county, revenue, collect, clock):
    publish(TOURISM, Leg(ACCOUNT, 10_000, PERSON), effective_from=clock.now() + DAY)
    publish(UMBRELLA, nested(TOURISM))
    county.receive(UMBRELLA, DECEMBER, 100)
    start = clock.now() + DAY
    with refused("AgreementNotInForce", agreement=TOURISM, effectiveFrom=start, timestamp=clock.now()):
        collect(UMBRELLA, 0)
    clock.after(DAY)
    collect(UMBRELLA, 0)
    assert revenue.receivedOf(TOURISM, 1, DECEMBER) == 100


def test_no_lien_on_a_nested_leg_takes_anything_and_one_on_the_childs_leg_takes_its_share(
    umbrella, county, voucher, collect, laboratory, bank, operator
):
    terms = county.terms(holder=str(laboratory), fromPeriod=DECEMBER, toPeriod=DECEMBER)
    county.participants.admit(laboratory, 1, text32("papers"), {"from": operator})
    with refused("LegOfAnother", agreement=UMBRELLA, leg=1, kind=AGREEMENT, account=ZERO):
        county.commit(terms._replace(agreement=UMBRELLA, leg=1, bps=10_000), laboratory)
    county.lend(terms._replace(agreement=TECH_ENCLAVE, leg=0, bps=5_000, nonce=10**6), borrower=laboratory)
    county.clock.after(60 * DAY)  # All is due.
    before = voucher.balanceOf(bank)
    county.receive(UMBRELLA, DECEMBER, 1_000)
    collect(UMBRELLA, 1)
    assert voucher.balanceOf(bank) == before
    collect(TECH_ENCLAVE, 0)
    assert voucher.balanceOf(bank) == before + 180


# CLOSING


def test_a_child_does_not_close_before_its_parent(umbrella, county):
    with refused("ParentOpen", agreement=TECH_ENCLAVE, period=DECEMBER, parent=UMBRELLA):
        county.close(TECH_ENCLAVE, DECEMBER)
    county.close(UMBRELLA, DECEMBER)
    county.close(TECH_ENCLAVE, DECEMBER)


def test_a_child_does_not_close_before_all_that_is_owed_to_it_was_forwarded(umbrella, county, revenue, collect):
    county.receive(UMBRELLA, DECEMBER, 4)
    collect(UMBRELLA, 1)
    county.close(UMBRELLA, DECEMBER)  # The odd fen is the nested leg's: 4 · 60 % are 2.4, of a slice that ends at 4.
    line = revenue.lineId(Line(UMBRELLA, 1, DECEMBER, 1))
    with refused("NotForwarded", line=line, owed=3, paid=2):
        county.close(TECH_ENCLAVE, DECEMBER)
    collect(UMBRELLA, 1)
    county.close(TECH_ENCLAVE, DECEMBER)


def test_every_version_of_the_parent_must_be_forwarded(umbrella, publish, county, revenue, collect, clock, city):
    publish(UMBRELLA, Leg(ACCOUNT, 0, str(city)), nested(TECH_ENCLAVE), effective_from=clock.now())
    county.receive(UMBRELLA, DECEMBER, 100)
    county.close(UMBRELLA, DECEMBER)
    line = revenue.lineId(Line(UMBRELLA, 2, DECEMBER, 1))
    with refused("NotForwarded", line=line, owed=100, paid=0):
        county.close(TECH_ENCLAVE, DECEMBER)
    collect(UMBRELLA, 1, version=2)
    county.close(TECH_ENCLAVE, DECEMBER)


def test_a_parent_takes_no_income_for_what_its_child_had_closed(publish, county, revenue, treasurer):
    county.close(TECH_ENCLAVE, DECEMBER)
    publish(UMBRELLA, nested(TECH_ENCLAVE))
    publish(TOURISM, nested(UMBRELLA))
    for agreement in (UMBRELLA, TOURISM):
        assert revenue.firstPeriodOf(agreement) == JANUARY
        with refused("PeriodTooEarly", agreement=agreement, period=DECEMBER, first=JANUARY):
            county.receive(agreement, DECEMBER, 1)
    county.receive(TOURISM, JANUARY, 1)


def test_an_older_period_of_the_child_closes_without_the_parent(publish, county):
    county.close(TECH_ENCLAVE, DECEMBER)
    publish(UMBRELLA, nested(TECH_ENCLAVE))
    county.close(TECH_ENCLAVE, DECEMBER - 1)
    with refused("ParentOpen", agreement=TECH_ENCLAVE, period=JANUARY, parent=UMBRELLA):
        county.close(TECH_ENCLAVE, JANUARY)


def test_closing_an_older_period_does_not_lower_what_a_parent_may_take(publish, county, revenue):
    for period in (JANUARY, DECEMBER):
        county.close(TECH_ENCLAVE, period)
    publish(UMBRELLA, nested(TECH_ENCLAVE))
    assert revenue.firstPeriodOf(UMBRELLA) == FEBRUARY


# CONSERVED


@pytest.mark.parametrize("seed", range(4))
def test_random_nested_income_is_shared_as_the_specification_says(
    publish, county, revenue, voucher, collect, relayer, household, village, city, seed
):
    """Three levels: tourism → umbrella → one product, whose suppliers share in a register. Not a fen is left over."""
    random = Random(seed)
    bps = random.randint(0, 10_000)
    publish(UMBRELLA, Leg(ACCOUNT, 10_000 - bps, PERSON), nested(ONE_PRODUCT, bps))
    publish(TOURISM, Leg(ACCOUNT, 3_333, str(city)), nested(UMBRELLA, 6_667))
    holders = Holders([(household, random.randint(1, 99)), (village, random.randint(0, 99))])
    for leg, feed in ((SUPPLIERS_LEG, "delivered-fen"), (2, "processed-kg")):
        round_ = county.weigh(holders, DECEMBER, feed=text32(feed))
        revenue.openRegister(ONE_PRODUCT, leg, round_, {"from": relayer})
    lines = [Line(agreement, 1, DECEMBER, 1) for agreement in (TOURISM, UMBRELLA)]
    everything = [Line(agreement, 1, DECEMBER, 0) for agreement in (TOURISM, UMBRELLA, ONE_PRODUCT)]

    total = 0
    for _ in range(6):
        amount = random.choice([1, 2, 3, 5, 97, random.randint(1, 10**9)])
        county.receive(random.choice([TOURISM, TOURISM, UMBRELLA]), DECEMBER, amount)
        total += amount
        if random.random() < 0.5:
            revenue.collectMany(lines, {"from": relayer})
    for agreement in (TOURISM, UMBRELLA, ONE_PRODUCT):
        county.close(agreement, DECEMBER)
        revenue.collectMany(lines, {"from": relayer})
    tourism, umbrella, product = (revenue.receivedOf(each, 1, DECEMBER) for each in (TOURISM, UMBRELLA, ONE_PRODUCT))
    assert product == model.leg_income(umbrella, [10_000 - bps, bps], 1, closed=True)
    assert umbrella - model.leg_income(tourism, [3_333, 6_667], 1, closed=True) == total - tourism
    revenue.collectMany(everything, {"from": relayer})
    for leg in (SUPPLIERS_LEG, 2):
        line = Line(ONE_PRODUCT, 1, DECEMBER, leg)
        revenue.claimMany(line, holders.all(), {"from": relayer})
    assert voucher.balanceOf(revenue) == 0
    assert voucher.totalSupply() == total
