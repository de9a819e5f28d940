"""Agreements as data, and the rule that shares them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import model
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.chain.lines import leg_tuples, line_id, line_tuple, months_after, publications
from ledger_service.domain.agreements import (
    Agreement,
    AgreementUnknown,
    Leg,
    LegKind,
    LegMalformed,
    Line,
    Pot,
    SharesDoNotAddUp,
    Stage,
    StageMalformed,
    Tier,
    agreement_named,
    catalogue,
    leg_income,
    tier_parts,
)
from ledger_service.domain.bilingual import Words
from ledger_service.domain.identifiers import Address, bytes32_of
from ledger_service.domain.units import Bps, Fen, Period

NAME = Words("名", "name")
VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "tiers.json"
CITY = Address("0xd2103535bfc62bC5DBa62524872E489438507A7c")


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (LegKind.ACCOUNT, {}),
        (LegKind.ACCOUNT, {"payee": "city", "purpose": "roads"}),
        (LegKind.FUND, {"payee": "city"}),
        (LegKind.FUND, {"purpose": "roads"}),
        (LegKind.FUND, {"payee": "city", "purpose": "roads " * 6}),
        (LegKind.REGISTER, {"payee": "city", "feed": "carbon-kg"}),
        (LegKind.REGISTER, {}),
        (LegKind.AGREEMENT, {}),
        (LegKind.AGREEMENT, {"child": "one-product", "payee": "city"}),
        (LegKind.AGREEMENT, {"child": "one-product" * 3}),
        (LegKind.ACCOUNT, {"payee": "city", "child": "one-product"}),
        (LegKind.ACCOUNT, {"payee": "city", "payout": Bps(1)}),
        (LegKind.FUND, {"payee": "city", "purpose": "roads", "payout": Bps(0)}),
    ],
)
def test_a_leg_that_says_too_much_or_too_little_is_refused(kind: LegKind, facts: dict[str, Any]) -> None:
    with pytest.raises(LegMalformed) as refused:
        Leg("leg", NAME, kind, Bps(1), **facts)
    assert (refused.value.key, refused.value.kind) == ("leg", kind)


@pytest.mark.parametrize("second", [4_999, 5_001])
def test_legs_that_are_not_the_whole_are_refused(second: int) -> None:
    legs = tuple(Leg("leg", NAME, LegKind.ACCOUNT, Bps(bps), payee="city") for bps in (5_000, second))
    with pytest.raises(SharesDoNotAddUp) as refused:
        Agreement("rule", NAME, NAME, legs)
    assert refused.value.total_bps == 5_000 + second


def test_an_agreement_nobody_ships_is_refused() -> None:
    with pytest.raises(AgreementUnknown) as refused:
        agreement_named("no-such-rule")
    assert refused.value.key == "no-such-rule"


def stage(months: int, *tiers: tuple[int, list[int]]) -> Stage:
    return Stage(months, tuple(Tier(Fen(bound), tuple(map(Bps, shares))) for bound, shares in tiers))


WHOLE = [10_000]


@pytest.mark.parametrize(
    ("stages", "months"),
    [
        ([stage(0, (0, WHOLE))], 0),
        ([stage(6, (0, WHOLE)), stage(6, (0, WHOLE))], 6),
        ([stage(6)], 6),
        ([stage(6, (1, WHOLE))], 6),
        ([stage(6, (0, WHOLE), (5, WHOLE), (5, WHOLE))], 6),
        ([stage(6, (0, WHOLE), (5, WHOLE), (4, WHOLE))], 6),
    ],
    ids=["at once", "at the same time", "no tiers", "not from zero", "a tier twice", "descending"],
)
def test_a_stage_that_does_not_follow_or_ascend_is_refused(stages: list[Stage], months: int) -> None:
    with pytest.raises(StageMalformed) as refused:
        Agreement("rule", NAME, NAME, (Leg("leg", NAME, LegKind.ACCOUNT, Bps(10_000), payee="city"),), tuple(stages))
    assert (refused.value.key, refused.value.after_months) == ("rule", months)


@pytest.mark.parametrize(("shares", "total"), [([9_999], 9_999), ([5_000, 5_000], 0)])
def test_a_tier_that_does_not_share_all_among_all_legs_is_refused(shares: list[int], total: int) -> None:
    with pytest.raises(SharesDoNotAddUp) as refused:
        Agreement(
            "rule",
            NAME,
            NAME,
            (Leg("leg", NAME, LegKind.ACCOUNT, Bps(10_000), payee="city"),),
            (stage(6, (0, shares)),),
        )
    assert refused.value.total_bps == total


def test_the_catalogue_ships_every_agreement() -> None:
    shares = {key: [leg.share.value for leg in agreement.legs] for key, agreement in catalogue().items()}
    assert shares == {
        "carbon-pool": [2_000, 8_000],
        "one-product": [3_000, 4_000, 3_000],
        "tech-enclave": [6_000, 4_000],
        "shared-lab": [3_000, 7_000],
        "school-fees": [10_000],
        "reservoir-water": [1_000, 9_000],
        "biomass-energy": [10_000],
        "tax-share": [2_000, 8_000],
        "medical-subsidy": [10_000],
        "course-creators": [2_000, 8_000],
        "data-exchange": [500, 9_500],
    }
    (subsidy,) = catalogue()["medical-subsidy"].legs
    assert (subsidy.kind, subsidy.payout) == (LegKind.FUND, Bps(2_000))
    (later,) = catalogue()["course-creators"].stages
    assert later.after_months == 6
    assert [(str(tier.income_from), [share.value for share in tier.shares]) for tier in later.tiers] == [
        ("¥0.00", [0, 10_000]),
        ("¥50,000.00", [1_500, 8_500]),
        ("¥100,000.00", [1_000, 9_000]),
    ]


def test_every_agreement_of_the_catalogue_is_published_from_the_one_file(county) -> None:
    """Under keys of their own, because the county has published two of them already."""
    revenue = county.of("Revenue")
    payees = dict.fromkeys(
        (leg.payee for agreement in catalogue().values() for leg in agreement.legs if leg.payee), CITY
    )
    now = county.chain.timestamp()
    for key, agreement in catalogue().items():
        named = f"{key}-again"
        for call in publications(revenue, agreement, payees=payees, subject="somewhere", effective_from=now, key=named):
            county.send(call, county.committee)
        tiers = 1 + sum(len(each.tiers) for each in agreement.stages)
        assert revenue.versionCount(bytes32_of(named)).call() == tiers
        effective_from, legs = revenue.versionOf(bytes32_of(named), 1).call()
        assert effective_from == now
        assert [tuple(leg) for leg in legs] == leg_tuples(agreement, payees=payees, subject="somewhere")
    course = bytes32_of("course-creators-again")
    assert [revenue.tierOf(course, version).call() for version in (1, 2, 3, 4)] == [
        [0, 0],
        [0, 0],
        [1, 5_000_000],
        [2, 10_000_000],
    ]
    assert revenue.versionOf(course, 2).call()[0] == months_after(now, 6)
    assert [leg[1] for leg in revenue.versionOf(course, 3).call()[1]] == [1_500, 8_500]


@pytest.mark.parametrize(
    ("moment", "months", "later"),
    [
        ("2026-01-15T12:34:56", 6, "2026-07-15T12:34:56"),
        ("2026-08-31T00:00:00", 6, "2027-02-28T00:00:00"),
        ("2023-08-31T23:59:59", 6, "2024-02-29T23:59:59"),
        ("2026-12-31T00:00:01", 1, "2027-01-31T00:00:01"),
    ],
)
def test_months_after_a_moment_keep_its_day_where_there_is_one(moment: str, months: int, later: str) -> None:
    before, after = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (moment, later))
    assert months_after(int(before.timestamp()), months) == int(after.timestamp())


def test_tiers_take_what_the_vectors_say() -> None:
    receipts = json.loads(VECTORS.read_text("utf-8"))["receipts"]
    for receipt in receipts:
        cumulative, amount = int(receipt["cumulative"]), int(receipt["amount"])
        bounds, parts = ([int(each) for each in receipt[key]] for key in ("bounds", "parts"))
        assert tier_parts(cumulative, amount, bounds) == tuple(parts)
        assert sum(parts) == amount
    assert len(receipts) > 30


@given(
    cumulative=st.integers(0, 2**100),
    amounts=st.lists(st.integers(0, 10**8), min_size=1, max_size=6),
    cuts=st.lists(st.integers(1, 10**8), max_size=6, unique=True).map(sorted),
)
def test_tiers_take_what_the_specification_says_however_income_is_cut(
    cumulative: int, amounts: list[int], cuts: list[int]
) -> None:
    bounds = [0, *cuts]
    parts, before = [0] * len(bounds), cumulative
    for amount in amounts:
        step = tier_parts(before, amount, bounds)
        assert step == model.tier_parts(before, amount, bounds)
        assert sum(step) == amount
        before += amount
        parts = [part + each for part, each in zip(parts, step, strict=True)]
    assert tuple(parts) == tier_parts(cumulative, sum(amounts), bounds)


def test_legs_of_the_catalogue_become_what_the_contract_takes() -> None:
    fund, register = leg_tuples(agreement_named("carbon-pool"), payees={"city": CITY}, subject="pool-1")
    nothing = bytes(32)
    assert fund == (2, 2_000, CITY, bytes32_of("core-area-maintenance"), nothing, nothing, nothing, 0)
    feed, subject = bytes32_of("carbon-kg"), bytes32_of("pool-1")
    assert register == (3, 8_000, "0x" + "0" * 40, nothing, feed, subject, nothing, 0)


def test_a_line_reads_from_the_agreement_down_to_the_leg() -> None:
    line = Line(Pot("carbon-pool", 2, Period.parse("2018-12")), 1)
    assert str(line) == "carbon-pool/2/2018-12/1"
    assert line_tuple(line) == (bytes32_of("carbon-pool"), 2, 587, 1)


def test_a_line_is_named_as_the_contract_names_it(county) -> None:
    line = Line(Pot("one-product", 65_535, Period(2**32 - 1)), 255)
    assert line_id(line) == county.of("Revenue").lineId(line_tuple(line)).call()


@given(
    received=st.integers(0, 2**128 - 1),
    cuts=st.lists(st.integers(1, 9_999), max_size=6, unique=True).map(sorted),
    closed=st.booleans(),
)
def test_a_leg_is_owed_what_the_specification_says(received: int, cuts: list[int], closed: bool) -> None:
    shares = [after - before for before, after in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    owed = [leg_income(received, shares, leg, closed=closed) for leg in range(len(shares))]
    assert owed == [model.leg_income(received, shares, leg, closed=closed) for leg in range(len(shares))]
    dust = received - sum(owed)
    assert dust == 0 if closed else 0 <= dust < len(shares)
