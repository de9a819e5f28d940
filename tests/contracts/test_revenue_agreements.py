"""Agreements and their versions, registers, income and its completion."""

import pytest
from eth_abi import encode
from eth_utils.crypto import keccak

from outcomes import announced, facts, refused, silent
from world import (
    ACCOUNT,
    CARBON,
    CARBON_LEG,
    CARBON_POOL,
    DAY,
    DECEMBER,
    DELIVERED,
    ECOLOGY,
    FEBRUARY,
    FOREST,
    FUND,
    GENESIS,
    JANUARY,
    NONE,
    NOTHING,
    ONE_PRODUCT,
    PROCESSED,
    PROCESSORS_LEG,
    PROJECT,
    REGISTER,
    SUPPLIERS_LEG,
    TEA,
    TECH_ENCLAVE,
    U64,
    U128,
    U256,
    ZERO,
    Holders,
    Leg,
    Line,
    first_second,
    month,
    text32,
)

LAB_FEES = text32("lab-fees")
PERSON = "0x" + 40 * "7"


@pytest.fixture
def publish(revenue, committee):
    return lambda agreement, legs, effective_from=0: revenue.publish(
        agreement, legs, effective_from, {"from": committee}
    )


@pytest.fixture(scope="module")
def holders(cooperative, household):
    return Holders([(cooperative, 700), (household, 300)])


def accounts_of(*shares):
    return [Leg(ACCOUNT, bps, PERSON) for bps in shares]


# PUBLISHING


def test_publishing_fails_for_whoever_is_not_the_committee(revenue, operator):
    with refused("AccessManagedUnauthorized", caller=operator):
        revenue.publish(LAB_FEES, accounts_of(10_000), 0, {"from": operator})


def test_publishing_fails_without_a_name(publish):
    with refused("AgreementUnknown", agreement=NOTHING):
        publish(NOTHING, accounts_of(10_000))


@pytest.mark.parametrize("legs", [0, 17])
def test_publishing_fails_without_legs_and_with_too_many(publish, legs):
    with refused("LegCount", agreement=LAB_FEES, legs=legs):
        publish(LAB_FEES, accounts_of(*[1] * legs))


@pytest.mark.parametrize("legs", [1, 16])
def test_publishing_works_with_one_leg_and_with_sixteen(publish, revenue, legs):
    publish(LAB_FEES, accounts_of(*[1] * (legs - 1), 10_001 - legs))
    assert len(revenue.versionOf(LAB_FEES, 1)[1]) == legs


@pytest.mark.parametrize(("shares", "sum_"), [([9_999], 9_999), ([5_000, 4_999], 9_999), ([0], 0)])
def test_publishing_fails_below_the_whole(publish, shares, sum_):
    with refused("SharesDoNotAddUp", agreement=LAB_FEES, bps=sum_):
        publish(LAB_FEES, accounts_of(*shares))


@pytest.mark.parametrize(
    ("shares", "sum_"),
    [([10_001], 10_001), ([5_000, 5_001], 10_001), ([65_535, 44_001], 65_535), ([10_000, 1], 10_001)],
)
def test_publishing_fails_above_the_whole(publish, shares, sum_):
    with refused("SharesDoNotAddUp", agreement=LAB_FEES, bps=sum_):
        publish(LAB_FEES, accounts_of(*shares))


@pytest.mark.parametrize(
    "malformed",
    [
        Leg(NONE, 10_000, PERSON),
        Leg(ACCOUNT, 10_000, ZERO),
        Leg(ACCOUNT, 10_000, PERSON, purpose=ECOLOGY),
        Leg(ACCOUNT, 10_000, PERSON, feed=CARBON, subject=FOREST),
        Leg(ACCOUNT, 10_000, PERSON, feed=CARBON),
        Leg(ACCOUNT, 10_000, PERSON, subject=FOREST),
        Leg(FUND, 10_000, ZERO, purpose=ECOLOGY),
        Leg(FUND, 10_000, PERSON),
        Leg(FUND, 10_000, PERSON, purpose=ECOLOGY, feed=CARBON, subject=FOREST),
        Leg(REGISTER, 10_000, feed=CARBON),
        Leg(REGISTER, 10_000, subject=FOREST),
        Leg(REGISTER, 10_000),
        Leg(REGISTER, 10_000, PERSON, feed=CARBON, subject=FOREST),
        Leg(REGISTER, 10_000, purpose=ECOLOGY, feed=CARBON, subject=FOREST),
    ],
    ids=[
        "no kind",
        "an account of nobody",
        "an account with a purpose",
        "an account with a feed and subject",
        "an account with a feed",
        "an account with a subject",
        "a fund of nobody",
        "a fund without purpose",
        "a fund with a feed",
        "a register without subject",
        "a register without feed",
        "a register of nothing",
        "a register with an account",
        "a register with a purpose",
    ],
)
def test_publishing_fails_with_a_malformed_leg(publish, malformed):
    with refused("LegMalformed", agreement=LAB_FEES, leg=0):
        publish(LAB_FEES, [malformed])
    with refused("LegMalformed", agreement=LAB_FEES, leg=1):
        publish(LAB_FEES, [Leg(ACCOUNT, 0, PERSON), malformed])


@pytest.mark.parametrize("effective_from", [0, GENESIS, GENESIS + DAY])
def test_the_first_version_may_look_back_and_ahead(publish, revenue, committee, effective_from):
    legs = [
        Leg(ACCOUNT, 2_000, PERSON),
        Leg(FUND, 3_000, PERSON, ECOLOGY),
        Leg(REGISTER, 5_000, feed=CARBON, subject=FOREST),
    ]
    publication = publish(LAB_FEES, legs, effective_from)

    assert publication.return_value == 1
    assert revenue.versionCount(LAB_FEES) == 1
    since, known = revenue.versionOf(LAB_FEES, 1)
    assert since == effective_from
    assert [facts(dict(zip(Leg._fields, leg, strict=True))) for leg in known] == [facts(leg._asdict()) for leg in legs]
    announced(
        publication,
        "AgreementPublished",
        agreement=LAB_FEES,
        version=1,
        effectiveFrom=effective_from,
        tier=0,
        incomeFrom=0,
        legs=legs,
        by=committee,
    )


# VERSIONS


def test_a_later_version_does_not_look_back(publish, clock):
    now = clock.now()
    with refused("EffectiveOutOfRange", effectiveFrom=now - 1, earliest=now, latest=now + 366 * DAY):
        publish(TECH_ENCLAVE, accounts_of(6_000, 4_000), clock.now() - 1)


def test_a_later_version_does_not_come_into_force_before_an_earlier_one(publish, clock, laboratory, city):
    legs = [Leg(ACCOUNT, 5_000, laboratory), Leg(ACCOUNT, 5_000, city)]
    announced_for = clock.now() + DAY
    publish(TECH_ENCLAVE, legs, announced_for)
    for effective_from in (announced_for - 1, announced_for):
        latest = clock.now() + 366 * DAY
        with refused("EffectiveOutOfRange", effectiveFrom=effective_from, earliest=announced_for + 1, latest=latest):
            publish(TECH_ENCLAVE, legs, effective_from)
    publish(TECH_ENCLAVE, legs, announced_for + 1)


def test_two_versions_do_not_come_into_force_in_one_second(publish, clock, laboratory, city):
    legs, now = [Leg(ACCOUNT, 5_000, laboratory), Leg(ACCOUNT, 5_000, city)], clock.now()
    assert publish(TECH_ENCLAVE, legs, now).timestamp == now
    with refused("EffectiveOutOfRange", effectiveFrom=now, earliest=now + 1, latest=now + 366 * DAY):
        publish(TECH_ENCLAVE, legs, now)


def test_no_version_is_announced_more_than_a_year_ahead(publish, revenue, clock, laboratory, city):
    """Later ones take effect later still: after a date in milliseconds none could ever follow."""
    legs, latest = [Leg(ACCOUNT, 5_000, laboratory), Leg(ACCOUNT, 5_000, city)], clock.now() + 366 * DAY
    for agreement, earliest in ((TECH_ENCLAVE, clock.now()), (LAB_FEES, 0)):
        for too_late in (latest + 1, 1_000 * clock.now(), 2**64 - 1):
            with refused("EffectiveOutOfRange", effectiveFrom=too_late, earliest=earliest, latest=latest):
                publish(agreement, legs, too_late)
    publish(TECH_ENCLAVE, legs, latest)
    assert revenue.versionOf(TECH_ENCLAVE, 2)[0] == latest


def test_a_later_version_does_not_drop_a_leg(publish, clock, laboratory):
    with refused("LegCount", agreement=TECH_ENCLAVE, legs=1):
        publish(TECH_ENCLAVE, [Leg(ACCOUNT, 10_000, laboratory)], clock.now())


@pytest.mark.parametrize(
    ("leg", "changes"),
    [
        (0, {"account": PERSON}),
        (0, {"kind": FUND, "purpose": ECOLOGY}),
        (1, {"feed": PROCESSED}),
        (1, {"subject": FOREST}),
        (1, {"kind": ACCOUNT, "account": PERSON, "feed": NOTHING, "subject": NOTHING}),
    ],
    ids=["an account", "an account into a fund", "a feed", "a subject", "a register into an account"],
)
def test_a_later_version_does_not_change_what_a_leg_is(publish, clock, city, leg, changes):
    legs = [
        Leg(ACCOUNT, 3_000, city),
        Leg(REGISTER, 4_000, feed=DELIVERED, subject=TEA),
        Leg(REGISTER, 3_000, feed=PROCESSED, subject=TEA),
    ]
    legs[leg] = legs[leg]._replace(**changes)
    with refused("LegChanged", agreement=ONE_PRODUCT, leg=leg):
        publish(ONE_PRODUCT, legs, clock.now())


def test_a_later_version_does_not_change_the_purpose_of_a_fund(publish, clock, city):
    legs = [Leg(FUND, 2_000, city, text32("roads")), Leg(REGISTER, 8_000, feed=CARBON, subject=FOREST)]
    with refused("LegChanged", agreement=CARBON_POOL, leg=0):
        publish(CARBON_POOL, legs, clock.now())


def test_a_later_version_changes_shares_and_adds_legs(publish, revenue, clock, laboratory, city):
    legs = [Leg(ACCOUNT, 0, laboratory), Leg(ACCOUNT, 4_000, city), Leg(ACCOUNT, 6_000, PERSON)]
    assert publish(TECH_ENCLAVE, legs, clock.now()).return_value == 2

    assert revenue.versionCount(TECH_ENCLAVE) == 2
    assert [leg[1] for leg in revenue.versionOf(TECH_ENCLAVE, 1)[1]] == [6_000, 4_000]
    assert [leg[1] for leg in revenue.versionOf(TECH_ENCLAVE, 2)[1]] == [0, 4_000, 6_000]


def test_a_version_that_was_never_published_is_unknown(revenue):
    for version in (0, 2):
        with refused("AgreementUnknown", agreement=TECH_ENCLAVE):
            revenue.versionOf(TECH_ENCLAVE, version)
    with refused("AgreementUnknown", agreement=LAB_FEES):
        revenue.versionAt(LAB_FEES, 0)


def test_no_version_is_in_force_before_the_first(publish, revenue):
    publish(LAB_FEES, accounts_of(10_000), GENESIS + DAY)
    with refused("AgreementNotInForce", agreement=LAB_FEES, effectiveFrom=GENESIS + DAY, timestamp=GENESIS + DAY - 1):
        revenue.versionAt(LAB_FEES, GENESIS + DAY - 1)
    assert revenue.versionAt(LAB_FEES, GENESIS + DAY) == 1


def test_the_version_in_force_is_the_newest_that_has_begun(publish, revenue, laboratory, city):
    legs = [Leg(ACCOUNT, 5_000, laboratory), Leg(ACCOUNT, 5_000, city)]
    publish(TECH_ENCLAVE, legs, GENESIS + 10)
    publish(TECH_ENCLAVE, legs, GENESIS + 20)

    assert [revenue.versionAt(TECH_ENCLAVE, GENESIS + at) for at in (0, 9, 10, 19, 20, 21)] == [1, 1, 2, 2, 3, 3]


# REGISTERS


@pytest.fixture
def open_register(revenue, relayer):
    return lambda agreement, leg, round_: revenue.openRegister(agreement, leg, round_, {"from": relayer})


def test_opening_a_register_fails_for_an_unknown_agreement(county, open_register, holders):
    round_ = county.weigh(holders, DECEMBER)
    with refused("AgreementUnknown", agreement=LAB_FEES):
        open_register(LAB_FEES, 0, round_)


def test_opening_a_register_fails_for_a_leg_that_does_not_exist(county, open_register, holders):
    round_ = county.weigh(holders, DECEMBER)
    for leg in (3, 255):
        with refused("WrongLegKind", given=NONE, expected=REGISTER):
            open_register(ONE_PRODUCT, leg, round_)


@pytest.mark.parametrize(("agreement", "kind"), [(ONE_PRODUCT, ACCOUNT), (CARBON_POOL, FUND)], ids=["account", "fund"])
def test_opening_a_register_fails_for_another_kind_of_leg(county, open_register, holders, agreement, kind):
    round_ = county.weigh(holders, DECEMBER)
    with refused("WrongLegKind", given=kind, expected=REGISTER):
        open_register(agreement, 0, round_)


def test_opening_a_register_fails_before_the_round_is_final(county, open_register, holders, weighbridge):
    report = county.report(DELIVERED, TEA, first_second(DECEMBER), first_second(JANUARY), holders=holders)
    county.submit(report, weighbridge)
    with refused("NotFinal", round=county.round_of(report), state=1):
        open_register(ONE_PRODUCT, SUPPLIERS_LEG, county.round_of(report))


def test_opening_a_register_fails_with_a_round_of_another_feed_or_subject(county, open_register, holders):
    round_ = county.weigh(holders, DECEMBER)
    with refused("RoundOfOtherSubject", feed=DELIVERED, subject=TEA):
        open_register(ONE_PRODUCT, PROCESSORS_LEG, round_)
    with refused("RoundOfOtherSubject", feed=DELIVERED, subject=TEA):
        open_register(CARBON_POOL, CARBON_LEG, round_)


@pytest.mark.parametrize("value", [-7, 0, 7])
def test_opening_a_register_fails_if_it_holds_nobody_or_nothing(county, open_register, value):
    round_ = county.measure(None, value=value)
    with refused("RegisterEmpty", round=round_, value=value, count=0):
        open_register(CARBON_POOL, CARBON_LEG, round_)


def test_opening_a_register_fails_if_another_round_opened_it(county, open_register, holders, weighbridge):
    noon = first_second(DECEMBER) + DAY // 2
    rounds = []
    for start, end in ((first_second(DECEMBER), noon), (noon, first_second(JANUARY))):
        report = county.report(DELIVERED, TEA, start, end, holders=holders)
        county.submit(report, weighbridge)
        rounds.append(county.finalise(report))
    open_register(ONE_PRODUCT, SUPPLIERS_LEG, rounds[0])
    with refused("RegisterOpenAlready", agreement=ONE_PRODUCT, leg=SUPPLIERS_LEG, period=DECEMBER, round=rounds[0]):
        open_register(ONE_PRODUCT, SUPPLIERS_LEG, rounds[1])


def test_a_register_opens_in_a_closed_period_that_received_nothing(county, revenue, open_register, holders):
    round_ = county.weigh(holders, DECEMBER)
    county.close(ONE_PRODUCT, DECEMBER)
    open_register(ONE_PRODUCT, SUPPLIERS_LEG, round_)
    assert revenue.registerOf(ONE_PRODUCT, SUPPLIERS_LEG, DECEMBER)["round"] == "0x" + round_.hex()
    with refused("ClosedAlready", agreement=ONE_PRODUCT, period=DECEMBER):
        county.receive(ONE_PRODUCT, DECEMBER, 1)
    line = Line(ONE_PRODUCT, 1, DECEMBER, SUPPLIERS_LEG)
    with refused("NothingToClaim", line=revenue.lineId(line), index=0):
        county.claim(line, holders, 0)


def test_a_round_in_a_month_that_was_closed_empty_is_issued(county, revenue, credits, holders, relayer):
    round_ = county.measure(holders)
    county.close(CARBON_POOL, DECEMBER)
    credits.issue(PROJECT, round_, {"from": relayer})
    assert revenue.registerOf(CARBON_POOL, CARBON_LEG, DECEMBER)["count"] == 2


def test_anyone_opens_a_register_for_the_month_in_which_the_round_ended(county, revenue, holders, auditor):
    round_ = county.weigh(holders, DECEMBER)
    opening = revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, round_, {"from": auditor})

    assert facts(revenue.registerOf(ONE_PRODUCT, SUPPLIERS_LEG, DECEMBER)) == facts(
        {"root": holders.root, "total": 1_000, "count": 2, "round": round_}
    )
    announced(
        opening,
        "RegisterOpened",
        agreement=ONE_PRODUCT,
        leg=SUPPLIERS_LEG,
        period=DECEMBER,
        round=round_,
        root=holders.root,
        total=1_000,
        count=2,
        by=auditor,
    )


@pytest.mark.parametrize(
    ("start", "end", "period"),
    [
        (month(2025, 1), JANUARY, DECEMBER),
        (DECEMBER, JANUARY, DECEMBER),
        (JANUARY, FEBRUARY, JANUARY),
        (month(2024, 2), month(2024, 3), month(2024, 2)),
    ],
)
def test_a_period_that_ends_with_a_month_belongs_to_that_month(
    county, revenue, open_register, holders, weighbridge, start, end, period
):
    report = county.report(DELIVERED, TEA, first_second(start), first_second(end), holders=holders)
    county.submit(report, weighbridge)
    open_register(ONE_PRODUCT, SUPPLIERS_LEG, county.finalise(report))
    assert revenue.registerOf(ONE_PRODUCT, SUPPLIERS_LEG, period)["count"] == 2


def test_a_period_that_ends_in_the_first_second_of_a_month_belongs_to_that_month(
    county, revenue, open_register, holders, weighbridge
):
    report = county.report(DELIVERED, TEA, first_second(DECEMBER), first_second(JANUARY) + 1, holders=holders)
    county.submit(report, weighbridge)
    open_register(ONE_PRODUCT, SUPPLIERS_LEG, county.finalise(report))
    assert revenue.registerOf(ONE_PRODUCT, SUPPLIERS_LEG, DECEMBER)["count"] == 0
    assert revenue.registerOf(ONE_PRODUCT, SUPPLIERS_LEG, JANUARY)["count"] == 2


def test_opening_the_same_register_again_does_nothing(county, open_register, holders):
    round_ = county.weigh(holders, DECEMBER)
    open_register(ONE_PRODUCT, SUPPLIERS_LEG, round_)
    assert "RegisterOpened" not in open_register(ONE_PRODUCT, SUPPLIERS_LEG, round_).events


# INCOME


def test_receiving_fails_for_whoever_is_not_the_treasurer(revenue, committee):
    with refused("AccessManagedUnauthorized", caller=committee):
        revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, 1, text32("bank 1"), {"from": committee})


def test_receiving_fails_for_an_unknown_agreement(revenue, treasurer):
    with refused("AgreementUnknown", agreement=LAB_FEES):
        revenue.receiveIncome(LAB_FEES, DECEMBER, 1, text32("bank 1"), {"from": treasurer})


def test_receiving_fails_before_the_agreement_is_in_force(revenue, publish, treasurer, clock):
    publish(LAB_FEES, accounts_of(10_000), clock.now() + 1)
    with refused("AgreementNotInForce", agreement=LAB_FEES, effectiveFrom=clock.now() + 1, timestamp=clock.now()):
        revenue.receiveIncome(LAB_FEES, DECEMBER, 1, text32("bank 1"), {"from": treasurer})


def test_receiving_fails_for_a_period_that_has_not_begun(revenue, treasurer, clock):
    with refused("PeriodInFuture", period=FEBRUARY + 1, current=FEBRUARY):
        revenue.receiveIncome(TECH_ENCLAVE, FEBRUARY + 1, 1, text32("bank 1"), {"from": treasurer})
    clock.stand_at(first_second(FEBRUARY + 1))
    revenue.receiveIncome(TECH_ENCLAVE, FEBRUARY + 1, 1, text32("bank 1"), {"from": treasurer})


def test_receiving_fails_for_a_closed_period(county, revenue, treasurer):
    county.close(TECH_ENCLAVE, DECEMBER)
    with refused("ClosedAlready", agreement=TECH_ENCLAVE, period=DECEMBER):
        revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, 1, text32("bank 1"), {"from": treasurer})


def test_receiving_nothing_fails(revenue, treasurer):
    with refused("AmountZero"):
        revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, 0, text32("bank 1"), {"from": treasurer})


@pytest.mark.parametrize("amount", [U64 + 1, U128 + 1, U256])
def test_receiving_more_than_64_bits_of_fen_fails(revenue, treasurer, amount):
    with refused("AmountTooLarge", amount=amount, maximum=U64):
        revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, amount, text32("bank 1"), {"from": treasurer})


def test_an_amount_above_256_bits_together_with_what_came_before_is_refused_by_its_name(county, revenue, treasurer):
    county.receive(TECH_ENCLAVE, DECEMBER, 5)
    with refused("AmountTooLarge", amount=U256, maximum=U64):
        revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, U256, text32("bank 1"), {"from": treasurer})


def test_one_month_never_receives_more_than_64_bits_even_of_vouchers_that_were_redeemed(
    county, revenue, voucher, treasurer, relayer, laboratory, city
):
    """Otherwise what one month was paid would reach into the next, with which it shares a slot."""
    county.receive(TECH_ENCLAVE, DECEMBER, U64)
    lines = [Line(TECH_ENCLAVE, 1, DECEMBER, leg) for leg in (0, 1)]
    revenue.collectMany(lines, {"from": relayer})
    for number, account in enumerate((laboratory, city), start=1):
        voucher.requestRedemption(voucher.balanceOf(account), text32("payee"), {"from": account})
        voucher.confirmPayments([number], [county.new("payment")], {"from": treasurer})
    assert voucher.totalSupply() < 2
    with refused("AmountTooLarge", amount=U64 + 1, maximum=U64):
        county.receive(TECH_ENCLAVE, DECEMBER, 1)
    county.receive(TECH_ENCLAVE, JANUARY, 5)
    january = lines[0]._replace(period=JANUARY)
    revenue.collect(january, {"from": relayer})
    paid = [revenue.paidOf(line, 0) for line in (lines[0], january, lines[0]._replace(period=DECEMBER - 1))]
    assert paid == [U64 * 6 // 10, 3, 0]


def test_receiving_fails_without_a_bank_reference(revenue, treasurer):
    with refused("ReferenceMissing"):
        revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, 1, NOTHING, {"from": treasurer})


def test_a_bank_reference_is_good_once_for_all_agreements(revenue, treasurer):
    revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, 1, text32("bank 1"), {"from": treasurer})
    for agreement, period in ((TECH_ENCLAVE, DECEMBER), (TECH_ENCLAVE, JANUARY), (ONE_PRODUCT, DECEMBER)):
        with refused("ReferenceUsed", bankReference=text32("bank 1")):
            revenue.receiveIncome(agreement, period, 1, text32("bank 1"), {"from": treasurer})


def test_treasurer_records_income(revenue, voucher, treasurer):
    revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, 100, text32("bank 1"), {"from": treasurer})
    receipt = revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, 23, text32("bank 2"), {"from": treasurer})

    assert revenue.receivedOf(TECH_ENCLAVE, 1, DECEMBER) == 123
    assert voucher.balanceOf(revenue) == voucher.totalSupply() == 123
    announced(
        receipt,
        "IncomeReceived",
        agreement=TECH_ENCLAVE,
        period=DECEMBER,
        bankReference=text32("bank 2"),
        version=1,
        amount=23,
        received=123,
        by=treasurer,
    )
    assert silent(receipt, "Minted")


def test_a_receipt_is_split_by_the_version_in_force_when_it_arrived(county, revenue, publish, clock, laboratory, city):
    county.receive(TECH_ENCLAVE, DECEMBER, 1_000)
    change = clock.now() + DAY
    publish(TECH_ENCLAVE, [Leg(ACCOUNT, 1_000, laboratory), Leg(ACCOUNT, 9_000, city)], change)
    clock.stand_at(change - 1)
    county.receive(TECH_ENCLAVE, DECEMBER, 100)
    clock.stand_at(change)
    county.receive(TECH_ENCLAVE, DECEMBER, 10)

    assert [revenue.receivedOf(TECH_ENCLAVE, version, DECEMBER) for version in (1, 2)] == [1_100, 10]
    assert revenue.lineIncome(Line(TECH_ENCLAVE, 1, DECEMBER, 0)) == 660
    assert revenue.lineIncome(Line(TECH_ENCLAVE, 2, DECEMBER, 0)) == 1


# CLOSING


def test_closing_fails_for_whoever_is_not_the_treasurer(revenue, committee):
    with refused("AccessManagedUnauthorized", caller=committee):
        revenue.closePeriod(TECH_ENCLAVE, DECEMBER, {"from": committee})


def test_closing_fails_for_an_unknown_agreement(revenue, treasurer):
    with refused("AgreementUnknown", agreement=LAB_FEES):
        revenue.closePeriod(LAB_FEES, DECEMBER, {"from": treasurer})


def test_closing_fails_twice(county):
    county.close(TECH_ENCLAVE, DECEMBER)
    with refused("ClosedAlready", agreement=TECH_ENCLAVE, period=DECEMBER):
        county.close(TECH_ENCLAVE, DECEMBER)


@pytest.fixture
def processed_nothing(county, open_register, holders):
    """Tea was delivered in December and nothing processed, and ¥100.00 came in."""
    open_register(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(holders, DECEMBER))
    county.receive(ONE_PRODUCT, DECEMBER, 10_000)
    return county.weigh(None, DECEMBER, feed=PROCESSED)


def test_a_month_that_got_no_register_in_a_year_is_given_another_one(
    processed_nothing, county, revenue, clock, committee, holders, open_register
):
    """Else the share of its holders would stay in the contract for ever."""
    with refused("RegisterEmpty", round=processed_nothing, value=0, count=0):
        open_register(ONE_PRODUCT, PROCESSORS_LEG, processed_nothing)
    with refused("RegisterMissing", agreement=ONE_PRODUCT, leg=PROCESSORS_LEG, period=DECEMBER):
        county.close(ONE_PRODUCT, DECEMBER)
    january = county.weigh(holders, JANUARY, feed=PROCESSED)
    clock.stand_at(first_second(DECEMBER + 13))
    line = (ONE_PRODUCT, PROCESSORS_LEG, DECEMBER)
    opened = revenue.openMissingRegister(*line, january, {"from": committee})
    announced(
        opened,
        "RegisterOpened",
        agreement=ONE_PRODUCT,
        leg=PROCESSORS_LEG,
        period=DECEMBER,
        round=january,
        root=holders.root,
        total=holders.total,
        count=holders.count,
        by=committee,
    )
    county.close(ONE_PRODUCT, DECEMBER)
    claimed = sum(county.claim(Line(ONE_PRODUCT, 1, DECEMBER, PROCESSORS_LEG), holders, i).return_value for i in (0, 1))
    assert claimed == revenue.lineIncome(Line(ONE_PRODUCT, 1, DECEMBER, PROCESSORS_LEG)) == 3_000
    # January has its own still to come, and what is open stays as it is.
    assert revenue.registerOf(ONE_PRODUCT, PROCESSORS_LEG, JANUARY)["count"] == 0
    other = county.weigh(Holders([(PERSON, 5)]), FEBRUARY, feed=PROCESSED)
    with refused("RegisterOpenAlready", agreement=line[0], leg=line[1], period=line[2], round=january):
        revenue.openMissingRegister(*line, other, {"from": committee})


def test_a_register_that_may_still_come_is_waited_for(
    processed_nothing, county, revenue, clock, committee, holders, treasurer
):
    line = (ONE_PRODUCT, PROCESSORS_LEG, DECEMBER)
    january, tea = county.weigh(holders, JANUARY, feed=PROCESSED), county.weigh(holders, JANUARY)
    clock.stand_at(first_second(DECEMBER + 13) - 2)
    with refused("RegisterAwaited", period=DECEMBER, until=DECEMBER + 12):
        revenue.openMissingRegister(*line, january, {"from": committee})
    clock.stand_at(first_second(DECEMBER + 13))
    with refused("AccessManagedUnauthorized", caller=treasurer):
        revenue.openMissingRegister(*line, january, {"from": treasurer})
    with refused("RoundOfOtherSubject", feed=DELIVERED, subject=TEA):
        revenue.openMissingRegister(*line, tea, {"from": committee})
    with refused("RegisterEmpty", round=processed_nothing, value=0, count=0):
        revenue.openMissingRegister(*line, processed_nothing, {"from": committee})
    with refused("WrongLegKind", given=ACCOUNT, expected=REGISTER):
        revenue.openMissingRegister(ONE_PRODUCT, 0, DECEMBER, january, {"from": committee})
    revenue.openMissingRegister(*line, january, {"from": committee})


def test_a_leg_that_has_no_share_any_more_needs_no_register_to_close(publish, county, revenue, open_register, holders):
    """A leg cannot be dropped, so its share becomes nothing when what it was measured by comes to an end."""
    legs = [
        Leg(REGISTER, 10_000, feed=DELIVERED, subject=TEA),
        Leg(REGISTER, 0, feed=PROCESSED, subject=TEA),
    ]
    publish(LAB_FEES, legs, 0)
    county.receive(LAB_FEES, DECEMBER, 1_000)
    with refused("RegisterMissing", agreement=LAB_FEES, leg=0, period=DECEMBER):
        county.close(LAB_FEES, DECEMBER)
    open_register(LAB_FEES, 0, county.weigh(holders, DECEMBER))
    county.close(LAB_FEES, DECEMBER)
    assert revenue.lineIncome(Line(LAB_FEES, 1, DECEMBER, 0)) == 1_000
    assert revenue.lineIncome(Line(LAB_FEES, 1, DECEMBER, 1)) == 0


def test_closing_fails_while_a_register_with_income_is_missing(county, open_register, holders):
    county.receive(ONE_PRODUCT, DECEMBER, 1)
    with refused("RegisterMissing", agreement=ONE_PRODUCT, leg=SUPPLIERS_LEG, period=DECEMBER):
        county.close(ONE_PRODUCT, DECEMBER)
    open_register(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(holders, DECEMBER))
    with refused("RegisterMissing", agreement=ONE_PRODUCT, leg=PROCESSORS_LEG, period=DECEMBER):
        county.close(ONE_PRODUCT, DECEMBER)
    open_register(ONE_PRODUCT, PROCESSORS_LEG, county.weigh(holders, DECEMBER, feed=PROCESSED))
    county.close(ONE_PRODUCT, DECEMBER)


def test_closing_fails_for_a_period_that_has_not_begun(county):
    with refused("PeriodInFuture", period=FEBRUARY + 1, current=FEBRUARY):
        county.close(TECH_ENCLAVE, FEBRUARY + 1)
    county.close(TECH_ENCLAVE, FEBRUARY)


def test_treasurer_closes_a_period(county, revenue, treasurer):
    closing = county.close(TECH_ENCLAVE, DECEMBER)

    assert revenue.isClosed(TECH_ENCLAVE, DECEMBER)
    assert not revenue.isClosed(TECH_ENCLAVE, JANUARY)
    announced(closing, "PeriodClosed", agreement=TECH_ENCLAVE, period=DECEMBER, by=treasurer)


# LINES


def test_revenue_says_with_which_contracts_it_works(county, revenue):
    assert (revenue.participants(), revenue.voucher()) == (county.participants, county.voucher)
    assert (revenue.oracle(), revenue.pledges(), revenue.funds()) == (county.oracle, county.pledges, county.funds)


def test_a_line_that_does_not_exist_has_no_income(revenue):
    for line in (
        Line(LAB_FEES, 1, DECEMBER, 0),
        Line(TECH_ENCLAVE, 0, DECEMBER, 0),
        Line(TECH_ENCLAVE, 2, DECEMBER, 0),
        Line(TECH_ENCLAVE, 1, DECEMBER, 2),
    ):
        with refused("LineUnknown", line=line):
            revenue.lineIncome(line)


def test_a_line_is_named_by_the_hash_of_its_parts(revenue):
    line = Line(TECH_ENCLAVE, 1, DECEMBER, 1)
    named = keccak(encode(["bytes32", "uint16", "uint32", "uint8"], list(line)))
    assert bytes(revenue.lineId(line)) == named


def test_odd_fen_of_the_legs_appear_when_the_period_closes(county, revenue, publish):
    publish(LAB_FEES, accounts_of(3_333, 3_333, 3_334))
    county.receive(LAB_FEES, DECEMBER, 2)
    lines = [Line(LAB_FEES, 1, DECEMBER, leg) for leg in range(3)]
    assert [revenue.lineIncome(line) for line in lines] == [0, 0, 0]

    county.close(LAB_FEES, DECEMBER)
    assert [revenue.lineIncome(line) for line in lines] == [0, 1, 1]
