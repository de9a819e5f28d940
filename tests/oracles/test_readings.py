"""A value that exists is valid."""

import math

import pytest

from oracles.errors import InvalidReading
from oracles.readings import DIAMETER, WOOD_DENSITY, Holder, Parcel, PlotVisit, Tree


@pytest.mark.parametrize("dbh_cm", [0.0, -1.0, math.nan, math.inf, 1500.01])
def test_an_impossible_tree_cannot_exist(dbh_cm: float) -> None:
    with pytest.raises(InvalidReading, match="胸径"):
        Tree("P1/1", 2, "Pinus", dbh_cm)


@pytest.mark.parametrize(
    "measured", [{"height_m": 0.0}, {"height_m": 131.0}, {"wood_density_g_cm3": 1.6}, {"above_ground_kg": -1.0}]
)
def test_an_impossible_measurement_cannot_exist(measured: dict[str, float]) -> None:
    with pytest.raises(InvalidReading):
        Tree("P1/1", 2, "Pinus", 20.0, **measured)


@pytest.mark.parametrize("area_m2", [0.0, -400.0, math.nan])
def test_a_plot_has_an_area(area_m2: float) -> None:
    with pytest.raises(InvalidReading):
        PlotVisit("trees.csv", 2, "P1", "pine", area_m2, ())


def test_a_parcel_has_at_least_a_square_metre() -> None:
    with pytest.raises(InvalidReading):
        Parcel("A", "pine", 0, "hh-1")


@pytest.mark.parametrize("account", [b"", bytes(20), b"\x01" * 19, b"\x01" * 21])
def test_an_account_is_twenty_bytes_and_not_zero(account: bytes) -> None:
    with pytest.raises(InvalidReading):
        Holder("hh-1", account)


def test_limits_are_inclusive_above_and_exclusive_at_zero() -> None:
    assert DIAMETER.holds(1500)
    assert not DIAMETER.holds(0)
    assert WOOD_DENSITY.limits == "> 0, ≤ 1.5 g/cm³"


def test_basal_area_is_the_cross_section_at_breast_height() -> None:
    visit = PlotVisit("trees.csv", 2, "P1", "pine", 500.0, (Tree("1", 2, "", 20.0), Tree("2", 3, "", 40.0)))
    assert visit.basal_area_m2_per_hectare == pytest.approx(math.pi * (0.1**2 + 0.2**2) / 0.05)
