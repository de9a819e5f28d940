"""Tiers of cumulative income: what arrives is split by where it lies in all that ever came, however it was cut."""

from random import Random

import pytest

import model
from outcomes import announced, facts, refused
from world import ACCOUNT, DAY, DECEMBER, JANUARY, REGISTER, TECH_ENCLAVE, U64, Leg, Line, Tier, text32

COURSE = text32("course-creators")
BOUNDS = [0, 5_000_000, 10_000_000]
FEES = [0, 1_500, 1_000]


@pytest.fixture
def tiers(laboratory, city):
    """A platform's fee: nothing below 50,000 yuan, 15 % from there to 100,000, 10 % above."""
    return lambda *rates: [
        Tier(bound, [Leg(ACCOUNT, fee, str(city)), Leg(ACCOUNT, 10_000 - fee, str(laboratory))]) for bound, fee in rates
    ]


@pytest.fixture
def publish_tiers(revenue, committee):
    return lambda tiers, effective_from=0, agreement=COURSE: revenue.publishTiers(
        agreement, tiers, effective_from, {"from": committee}
    )


@pytest.fixture
def course(tiers, publish_tiers):
    publish_tiers(tiers(*zip(BOUNDS, FEES, strict=True)))


def received(revenue, period=DECEMBER, versions=(1, 2, 3)):
    return [revenue.receivedOf(COURSE, version, period) for version in versions]


# PUBLISHING


def test_publishing_tiers_fails_for_whoever_is_not_the_committee(revenue, tiers, operator):
    with refused("AccessManagedUnauthorized", caller=operator):
        revenue.publishTiers(COURSE, tiers((0, 0)), 0, {"from": operator})


@pytest.mark.parametrize("count", [0, 9])
def test_publishing_fails_without_tiers_and_with_too_many(publish_tiers, tiers, count):
    with refused("TierCount", agreement=COURSE, tiers=count):
        publish_tiers(tiers(*((i, 0) for i in range(count))))


def test_eight_tiers_are_published(publish_tiers, tiers, revenue):
    publish_tiers(tiers(*((i, 0) for i in range(8))))
    assert revenue.versionCount(COURSE) == 8


@pytest.mark.parametrize(
    ("bounds", "tier", "bound"), [([1], 0, 1), ([0, 0], 1, 0), ([0, 7, 7], 2, 7), ([0, 7, 6], 2, 6)]
)
def test_tiers_that_do_not_ascend_from_zero_are_refused(publish_tiers, tiers, bounds, tier, bound):
    with refused("TierNotAscending", **{"agreement": COURSE, "tier": tier, "from": bound}):
        publish_tiers(tiers(*((each, 0) for each in bounds)))


def test_tiers_have_the_same_legs(publish_tiers, tiers, city, laboratory):
    first, second = tiers((0, 0), (1, 0))
    with refused("LegCount", agreement=COURSE, legs=1):
        publish_tiers([first, second._replace(legs=second.legs[:1])])
    with refused("LegCount", agreement=COURSE, legs=3):
        publish_tiers([first, second._replace(legs=[*second.legs, Leg(ACCOUNT, 0, str(city))])])
    changed = [Leg(ACCOUNT, 0, str(laboratory)), second.legs[1]]
    with refused("LegChanged", agreement=COURSE, leg=0):
        publish_tiers([first, second._replace(legs=changed)])


def test_shares_of_every_tier_are_the_whole(publish_tiers, tiers):
    first, second = tiers((0, 0), (1, 0))
    short = [second.legs[0], second.legs[1]._replace(bps=9_999)]
    with refused("SharesDoNotAddUp", agreement=COURSE, bps=9_999):
        publish_tiers([first, second._replace(legs=short)])


def test_a_plain_agreement_does_not_become_tiered(publish_tiers, tiers, clock):
    with refused("NotTiered", agreement=TECH_ENCLAVE):
        publish_tiers(tiers((0, 0)), clock.now(), agreement=TECH_ENCLAVE)


def test_tiers_do_not_look_back(course, publish_tiers, tiers, clock):
    now = clock.now()
    with refused("EffectiveOutOfRange", effectiveFrom=now - 1, earliest=now, latest=now + 366 * DAY):
        publish_tiers(tiers((0, 0)), clock.now() - 1)


def test_each_tier_is_a_version(publish_tiers, tiers, revenue, committee):
    publication = publish_tiers(tiers(*zip(BOUNDS, FEES, strict=True)), 7)
    assert publication.return_value == 1
    assert revenue.versionCount(COURSE) == 3
    assert [tuple(revenue.tierOf(COURSE, version)) for version in (1, 2, 3)] == list(enumerate(BOUNDS))
    for version, event in enumerate(publication.events["AgreementPublished"], start=1):
        legs = tiers(*zip(BOUNDS, FEES, strict=True))[version - 1].legs
        assert facts(dict(event)) == facts(
            {
                "agreement": COURSE,
                "version": version,
                "effectiveFrom": 7,
                "tier": version - 1,
                "incomeFrom": BOUNDS[version - 1],
                "legs": legs,
                "by": committee,
            }
        )


def test_the_version_in_force_is_the_first_tier_of_its_set(course, publish_tiers, tiers, revenue, clock):
    now = clock.now()
    publish_tiers(tiers((0, 0), (1, 0)), now + 10)
    publish_tiers(tiers((0, 0)), now + 20)
    assert [revenue.versionAt(COURSE, now + at) for at in (0, 9, 10, 19, 20)] == [1, 1, 4, 4, 6]


# INCOME


def test_a_tier_that_is_full_takes_nothing_of_the_next_receipt(course, county):
    county.receive(COURSE, DECEMBER, BOUNDS[1])
    receipt = county.receive(COURSE, DECEMBER, 1)
    parts = [(event["version"], event["amount"]) for event in receipt.events["IncomeReceived"]]
    assert parts == [(2, 1)]


@pytest.mark.parametrize(
    ("amount", "parts"),
    [
        (1, [1, 0, 0]),
        (4_999_999, [4_999_999, 0, 0]),
        (5_000_000, [5_000_000, 0, 0]),
        (5_000_001, [5_000_000, 1, 0]),
        (10_000_000, [5_000_000, 5_000_000, 0]),
        (10_000_001, [5_000_000, 5_000_000, 1]),
        (U64, [5_000_000, 5_000_000, U64 - 10_000_000]),
    ],
)
def test_a_receipt_is_cut_where_the_tiers_are(course, county, revenue, voucher, amount, parts):
    receipt = county.receive(COURSE, DECEMBER, amount)
    assert received(revenue) == parts == list(model.tier_parts(0, amount, BOUNDS))
    assert revenue.cumulativeOf(COURSE) == voucher.balanceOf(revenue) == amount
    assert [event["amount"] for event in receipt.events["IncomeReceived"]] == [part for part in parts if part]
    assert len({str(event["bankReference"]) for event in receipt.events["IncomeReceived"]}) == 1


def test_income_of_all_periods_counts_in_the_order_of_arrival(course, county, revenue):
    county.receive(COURSE, JANUARY, 4_999_999)
    county.receive(COURSE, DECEMBER, 3)
    county.receive(COURSE, JANUARY, 5_000_000)
    assert received(revenue, JANUARY) == [4_999_999, 4_999_998, 2]
    assert received(revenue, DECEMBER) == [1, 2, 0]


def test_receiving_nothing_fails_and_counts_nothing(course, revenue, treasurer):
    with refused("AmountZero"):
        revenue.receiveIncome(COURSE, DECEMBER, 0, text32("bank 1"), {"from": treasurer})
    assert revenue.cumulativeOf(COURSE) == 0


def test_a_plain_agreement_counts_nothing(county, revenue):
    county.receive(TECH_ENCLAVE, DECEMBER, 5)
    assert revenue.cumulativeOf(TECH_ENCLAVE) == 0


def test_a_closed_period_takes_no_income_in_any_tier(course, county):
    county.receive(COURSE, DECEMBER, 1)
    county.close(COURSE, DECEMBER)
    with refused("ClosedAlready", agreement=COURSE, period=DECEMBER):
        county.receive(COURSE, DECEMBER, 10_000_000)


def test_fees_change_after_six_months_and_what_came_before_counts(
    publish_tiers, tiers, county, revenue, voucher, clock, city, laboratory, relayer
):
    """20 % in the first six months; then by what the course has earned in all."""
    change = clock.now() + 180 * DAY
    publish_tiers(tiers((0, 2_000)))
    publish_tiers(tiers(*zip(BOUNDS, FEES, strict=True)), change)
    clock.stand_at(change - 1)
    county.receive(COURSE, DECEMBER, 4_000_000)
    clock.stand_at(change)
    county.receive(COURSE, DECEMBER, 7_000_000)
    assert received(revenue, versions=(1, 2, 3, 4)) == [4_000_000, 1_000_000, 5_000_000, 1_000_000]

    county.close(COURSE, DECEMBER)
    revenue.collectMany(
        [Line(COURSE, version, DECEMBER, leg) for version in (1, 2, 3, 4) for leg in (0, 1)], {"from": relayer}
    )
    fee = 800_000 + 0 + 750_000 + 100_000
    assert (voucher.balanceOf(city), voucher.balanceOf(laboratory)) == (fee, 11_000_000 - fee)
    assert voucher.balanceOf(revenue) == 0


def test_a_plain_version_of_a_tiered_agreement_is_one_tier_and_counts_on(
    course, county, revenue, committee, clock, city, laboratory
):
    county.receive(COURSE, DECEMBER, 6_000_000)
    legs = [Leg(ACCOUNT, 5_000, str(city)), Leg(ACCOUNT, 5_000, str(laboratory))]
    revenue.publish(COURSE, legs, clock.now(), {"from": committee})
    county.receive(COURSE, DECEMBER, 6_000_000)
    assert received(revenue, versions=(1, 2, 3, 4)) == [5_000_000, 1_000_000, 0, 6_000_000]
    assert revenue.cumulativeOf(COURSE) == 12_000_000


def test_a_closed_period_needs_the_registers_of_all_tiers_that_received(publish_tiers, county):
    legs = [Leg(REGISTER, 10_000, feed=text32("delivered-fen"), subject=text32("mountain-tea"))]
    publish_tiers([Tier(0, legs), Tier(100, legs)])
    county.receive(COURSE, DECEMBER, 101)
    with refused("RegisterMissing", agreement=COURSE, leg=0, period=DECEMBER):
        county.close(COURSE, DECEMBER)


@pytest.mark.parametrize("seed", range(4))
def test_random_tiers_and_receipts_are_shared_as_the_specification_says(
    publish_tiers, tiers, county, revenue, voucher, city, laboratory, relayer, seed
):
    random = Random(seed)
    bounds = [0, *sorted(random.sample(range(1, 1_000), random.randint(0, 7)))]
    fees = [random.randint(0, 10_000) for _ in bounds]
    publish_tiers(tiers(*zip(bounds, fees, strict=True)))
    cumulative, parts = 0, {DECEMBER: [0] * len(bounds), JANUARY: [0] * len(bounds)}
    for _ in range(12):
        period, amount = random.choice([DECEMBER, JANUARY]), random.randint(1, 200)
        county.receive(COURSE, period, amount)
        for tier, part in enumerate(model.tier_parts(cumulative, amount, bounds)):
            parts[period][tier] += part
        cumulative += amount
    versions = range(1, len(bounds) + 1)
    fee = 0
    for period, expected in parts.items():
        assert received(revenue, period, versions) == expected
        county.close(COURSE, period)
        revenue.collectMany(
            [Line(COURSE, version, period, leg) for version in versions for leg in (0, 1)], {"from": relayer}
        )
        fee += sum(part * bps // 10_000 for part, bps in zip(expected, fees, strict=True))
    assert voucher.balanceOf(city) == fee  # Rounded down per tier and period, in favour of the creator.
    assert voucher.balanceOf(laboratory) == cumulative - fee
    assert voucher.balanceOf(revenue) == 0
    announced(
        county.receive(COURSE, JANUARY + 1, 1), "Transfer", **{"from": "0x" + 40 * "0", "to": revenue, "value": 1}
    )
    assert cumulative < U64
