"""Quantities: what cannot be does not exist."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.domain.units import (
    MAX_QUANTITY,
    Bps,
    Fen,
    Kg,
    Period,
    PeriodInvalid,
    QuantityInvalid,
    SquareMetres,
    YuanNotWholeFen,
    feed_text,
    period_of,
    tonnes_text,
    yuan_text,
)


@pytest.mark.parametrize("value", [-1, MAX_QUANTITY + 1, 1.0, True, "1", None])
def test_fen_that_are_no_whole_number_in_range_are_refused(value: object) -> None:
    with pytest.raises(QuantityInvalid) as refused:
        Fen(value)  # type: ignore[arg-type]
    assert (refused.value.unit, refused.value.value) == ("fen", value)


def test_fen_hold_what_the_contracts_can_share() -> None:
    assert (Fen(0).value, Fen(MAX_QUANTITY).value) == (0, 2**128 - 1)


def test_more_basis_points_than_the_whole_are_refused() -> None:
    with pytest.raises(QuantityInvalid):
        Bps(10_001)
    assert Bps(10_000).value == 10_000


def test_taking_more_than_there_is_is_refused() -> None:
    with pytest.raises(QuantityInvalid):
        Fen(1) - Fen(2)
    assert Fen(2) - Fen(2) == Fen(0)
    assert Fen(2) + Fen(3) == Fen(5)


def test_units_cannot_be_mixed() -> None:
    with pytest.raises(TypeError):
        Fen(1) + Kg(1)  # type: ignore[operator]
    with pytest.raises(TypeError):
        Fen(1) < Kg(2)  # type: ignore[operator]  # noqa: B015
    assert Fen(1) != Kg(1)


@pytest.mark.parametrize("yuan", ["0.001", "NaN", "Infinity", "-0.01"])
def test_yuan_that_are_no_whole_fen_are_refused(yuan: str) -> None:
    with pytest.raises((YuanNotWholeFen, QuantityInvalid)):
        Fen.from_yuan(Decimal(yuan))


@given(st.integers(0, MAX_QUANTITY))
def test_fen_survive_the_way_over_yuan_at_any_size(value: int) -> None:
    assert Fen.from_yuan(Fen(value).yuan) == Fen(value)


@given(st.integers(0, MAX_QUANTITY))
def test_the_text_of_fen_keeps_every_digit(value: int) -> None:
    assert int(str(Fen(value)).translate(str.maketrans("", "", "¥,."))) == value


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (Fen(0), "¥0.00"),
        (Fen(5), "¥0.05"),
        (Fen(123_456_789), "¥1,234,567.89"),
        (Kg(999), "0.999 tCO2e"),
        (Kg(1_234_567), "1,234.567 tCO2e"),
        (SquareMetres(10_000), "15.0000 亩 · 1.0000 ha"),
        (Bps(0), "0 %"),
        (Bps(5), "0.05 %"),
        (Bps(1_234), "12.34 %"),
        (Bps(10_000), "100 %"),
        (Period(0), "1970-01"),
        (Period(587), "2018-12"),
        (Period(2**32 - 1), "357915911-04"),
    ],
)
def test_quantities_read_as_people_write_them(shown: object, text: str) -> None:
    assert str(shown) == text


def test_differences_may_be_negative() -> None:
    assert (yuan_text(-5), yuan_text(-100_000)) == ("-¥0.05", "-¥1,000.00")
    assert tonnes_text(-1) == "-0.001 tCO2e"


@pytest.mark.parametrize(
    ("feed", "text"),
    [
        ("carbon-kg", "-1.234 tCO2e"),
        ("carbon-kg-remote", "-1.234 tCO2e"),
        ("delivered-value-fen", "-¥12.34"),
        ("processed-volume-kg", "-1,234 kg"),
        ("soil-moisture", "-1,234"),
    ],
)
def test_a_figure_of_a_feed_has_the_unit_that_its_name_says(feed: str, text: str) -> None:
    assert feed_text(feed, -1_234) == text


@pytest.mark.parametrize("text", ["2018-13", "2018-00", "2018-1", "1969-12", "18-12", "2018-12 ", "", "2018/12"])
def test_text_that_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(PeriodInvalid):
        Period.parse(text)


@given(st.integers(0, 12 * 8_000))
def test_a_period_survives_its_text_and_its_own_seconds(months: int) -> None:
    period = Period(months)
    assert Period.parse(str(period)) == period
    assert period_of(period.starts_at) == period_of(period.ends_at - 1) == period


def test_a_period_ends_where_the_next_begins() -> None:
    december = Period.parse("2018-12")
    assert december.starts_at == int(datetime(2018, 12, 1, tzinfo=UTC).timestamp())
    assert december.ends_at == int(datetime(2019, 1, 1, tzinfo=UTC).timestamp())
    assert period_of(december.ends_at) == Period.parse("2019-01")
