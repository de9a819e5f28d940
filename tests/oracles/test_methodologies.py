"""GS 403, VM0047 and CCER-14-001: published examples, both sides of each edge, and what is refused."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from oracles.errors import (
    InvalidParameters,
    InvalidReading,
    InvalidRequest,
    NothingRefersToIt,
    OutOfRange,
    TooFewPlots,
    UnknownReference,
    UnverifiedMethodology,
)
from oracles.evidence import RawFile
from oracles.methodologies import gs_403, vm0047_census
from oracles.methodologies.allometry import read_equations
from oracles.methodologies.registry import methodology
from oracles.methodologies.sampling import t_two_sided_90
from oracles.methodologies.vm0047_census import CensusGroup, buffer_share, deduction, mortality_half_width
from oracles.sources.census import read_census
from oracles.sources.csv_trees import read_inventory

# --- GS 403 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("u", "left"), [(0.05, 1), (0.20, 1), (0.2000001, 0.9999999), (0.23, 0.97), (1.2, 0), (3, 0)])
def test_gs_403_deducts_what_is_beyond_twenty_percent(u: float, left: float) -> None:
    """The published example: 100 m³ at 23 % count as 97 m³."""
    assert gs_403.remaining(u) == pytest.approx(left, abs=1e-12)


def test_gs_403_turns_a_stem_volume_into_carbon_dioxide() -> None:
    """100 m³ · 1.1 · 0.3 t/m³ · 1.2 · 0.47 · 44/12 = 68.244 t."""
    assert gs_403.tco2e_of_volume(100) == pytest.approx(68.244)


def test_gs_403_on_a_volume_table_is_the_formula_of_the_methodology() -> None:
    """Two like plots of 400 m² with one stem of V m³ each: V/0.04 m³/ha on 3 ha."""
    family = read_equations(
        RawFile(
            "e.csv",
            b"species,kind,a,b,c,wood_density,bef,source\n*,volume,0.00006,1.9,0.9,0.3,1.1,GS 403 defaults\n",
        )
    )
    inventory = read_inventory(
        RawFile(
            "t.csv",
            b"plot_id,stratum,plot_area_m2,species,dbh_cm,height_m\nA,s,400,x,20,15\nB,s,400,x,20,15\n",
        ),
        RawFile("s.csv", b"stratum,area_ha\ns,3\n"),
    )
    result = methodology("gs-403").stock(inventory.visits, inventory.strata, family)
    volume = 6e-5 * 20**1.9 * 15**0.9 / 0.04 * 3
    assert result.stock_tco2e == pytest.approx(gs_403.tco2e_of_volume(volume))
    assert result.discounted_stock_tco2e == result.stock_tco2e


# --- VM0047 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("half_width", "deducted"),
    [(0.0, 0), (0.10, 0), (0.11, 0.01), (0.25, 0.15), (1.0, 0.9), (1.0000001, 1), (5, 1)],
)
def test_vm0047_deducts_what_is_beyond_ten_percent_and_all_beyond_a_hundred(half_width: float, deducted: float) -> None:
    assert deduction(half_width) == pytest.approx(deducted, abs=1e-9)


@pytest.mark.parametrize(("rating", "share"), [(0.0, 0.12), (0.12, 0.12), (0.121, 0.121), (0.3, 0.3)])
def test_vm0047_buffers_at_least_twelve_percent(rating: float, share: float) -> None:
    assert buffer_share(rating) == share


def test_vm0047_refuses_an_impossible_risk_rating() -> None:
    with pytest.raises(InvalidReading):
        buffer_share(1.1)


def test_vm0047_by_hand() -> None:
    """1,000 planted, 10 sampled, 2 dead; eight living ones of 90 or 110 kg: mean 100 kg, s² = 800/7."""
    group = CensusGroup("核桃", 1_000, 0.25, (90.0, 110.0) * 4 + (None, None))
    assert group.mortality == pytest.approx(0.2)
    assert group.stock_tco2e == pytest.approx(1_000 * 0.8 * 0.1 * 1.25 * 0.47 * 44 / 12)
    size = t_two_sided_90(7) * math.sqrt(800 / 7 / 8) / 100
    dead = t_two_sided_90(9) * math.sqrt(0.2 * 0.8 / 9) / 0.8
    assert mortality_half_width(0.2, 10) == pytest.approx(dead)
    assert group.half_width_fraction == pytest.approx(math.hypot(size, dead))
    census = vm0047_census.stock([group])
    counted = group.stock_tco2e * (1 - (math.hypot(size, dead) - 0.10))
    assert census.discounted_stock_tco2e == pytest.approx(counted)
    assert census.whole_tonnes == math.floor(counted)


def test_vm0047_adds_groups_and_their_half_widths_in_squares() -> None:
    group = CensusGroup("a", 1_000, 0.25, (90.0, 110.0) * 50)
    both = vm0047_census.stock([group, CensusGroup("b", 1_000, 0.25, group.sampled_kg)])
    assert both.stock_tco2e == pytest.approx(2 * group.stock_tco2e)
    assert both.half_width_percent == pytest.approx(100 * group.half_width_fraction / math.sqrt(2))
    assert "b · 100 of 100" in "\n".join(both.explanation.lines())


def twice(first: Sequence[float | None], second: Sequence[float | None]) -> tuple[CensusGroup, CensusGroup]:
    """One group of a thousand on ten hectares, measured twice; the second sheet lists the units backwards."""
    units = tuple(str(number) for number in range(len(first)))
    return (
        CensusGroup("a", 1_000, 0.25, tuple(first), units),
        CensusGroup("a", 1_000, 0.25, tuple(reversed(second)), tuple(reversed(units))),
    )


def test_a_census_of_the_same_units_has_the_half_width_of_what_each_gained() -> None:
    """By hand: gains of 2, 3, 4 and −10 kg (it died), mean −0.25, s² = 42.91667, t(3) = 2.353363."""
    before, after = twice((10.0, 20.0, 30.0, 10.0), (12.0, 23.0, 34.0, None))
    assert vm0047_census.is_same_units([before], [after])
    change = vm0047_census.change_of_same_units([before], [after], {"a": 10.0})
    factor = 1_000 * 1.25 * 0.47 * 44 / 12 / 1_000
    assert change.total == pytest.approx(-0.25 * factor)
    assert change.total == pytest.approx(after.stock_tco2e - before.stock_tco2e)
    assert change.half_width * 10 == pytest.approx(2.353363 * math.sqrt(42.916667 / 4) * factor, rel=1e-6)


def test_a_census_of_the_same_units_says_the_same_with_less_doubt_than_two_surveys() -> None:
    random = np.random.default_rng(4)
    first = random.lognormal(3, 0.5, 60)
    second = first * random.normal(1.3, 0.05, 60)
    pair = twice(first.tolist(), second.tolist())
    same, independent = (
        estimate([pair[0]], [pair[1]], {"a": 10.0})
        for estimate in (vm0047_census.change_of_same_units, vm0047_census.change)
    )
    assert same.total == pytest.approx(independent.total)
    assert same.half_width < independent.half_width / 4


def test_ninety_percent_of_the_intervals_of_same_units_hold_the_true_change() -> None:
    random, trials = np.random.default_rng(9), 2_000
    held = 0
    for _ in range(trials):
        first = random.lognormal(3, 0.3, 120)
        second = np.where(random.random(120) < 0.1, np.nan, first + random.normal(6, 2, 120))
        pair = twice(first.tolist(), [None if math.isnan(kg) else kg for kg in second])
        change = vm0047_census.change_of_same_units([pair[0]], [pair[1]], {"a": 1.0})
        true = 0.9 * (math.exp(3 + 0.045) + 6) - math.exp(3 + 0.045)
        held += abs(change.mean - pair[0].tco2e_if_each(true)) <= change.half_width
    assert 0.88 <= held / trials <= 0.92


@pytest.mark.parametrize("units", [("0", "1", "9"), ("0", "1"), ()])
def test_other_units_are_another_sample(units: tuple[str, ...]) -> None:
    group = CensusGroup("a", 1_000, 0.25, (10.0, 20.0, 30.0), ("0", "1", "2"))
    other = replace(group, sampled_kg=group.sampled_kg[: len(units) or 3], units=units)
    assert not vm0047_census.is_same_units([group], [other])
    assert not vm0047_census.is_same_units([other], [group])
    assert vm0047_census.is_same_units([group], [group])
    nameless = replace(group, units=())
    assert not vm0047_census.is_same_units([nameless], [nameless])


def test_ids_without_their_units_are_refused() -> None:
    with pytest.raises(InvalidReading):
        CensusGroup("a", 10, 0.25, (90.0, 80.0), ("1",))


def test_a_group_of_one_living_unit_has_no_variance() -> None:
    with pytest.raises(TooFewPlots):
        CensusGroup("a", 10, 0.25, (90.0, None))


UNITS = "unit_id,group,species,dbh_cm,above_ground_kg\n1,a,x,10,30\n2,a,x,11,40\n3,a,x,,\n"


def census(units: str = UNITS, groups: str = "group,planted,root_shoot\na,100,0.25\n") -> tuple[CensusGroup, ...]:
    family = read_equations(RawFile("e.csv", b"species,kind,a,b,c,source\n*,biomass,0.1,2.5,0,x\n"))
    return read_census(RawFile("units.csv", units.encode()), RawFile("groups.csv", groups.encode()), family)


def test_a_census_is_read_with_its_dead() -> None:
    (group,) = census()
    assert group == CensusGroup("a", 100, 0.25, (30.0, 40.0, None), ("1", "2", "3"), (10.0, 11.0, None))


def test_a_census_that_does_not_fit_together_is_refused() -> None:
    with pytest.raises(UnknownReference):
        census(UNITS + "4,b,x,10,30\n")
    with pytest.raises(NothingRefersToIt):
        census(groups="group,planted,root_shoot\na,100,0.25\nb,7,0.25\n")
    with pytest.raises(OutOfRange, match="fewer units were planted"):
        census(groups="group,planted,root_shoot\na,2,0.25\n")


# --- CCER-14-001 ----------------------------------------------------------------------------------

PARAMETERS = """carbon_fraction = 0.47
root_shoot = 0.25
deduction_steps = [[0.10, 0.0], [0.20, 0.06]]
deduction_beyond = 0.11
"""


@pytest.mark.parametrize(
    "options",
    [{}, {"allow_unverified": True}, {"parameters": RawFile("p.toml", PARAMETERS.encode())}],
)
def test_ccer_refuses_until_parameters_are_supplied_and_allowed(options) -> None:
    with pytest.raises(UnverifiedMethodology, match=r"--parameters.*--allow-unverified"):
        methodology("ccer-14-001", **options)


def test_a_verified_methodology_takes_no_parameters() -> None:
    with pytest.raises(InvalidRequest, match="fixed"):
        methodology("ar-tool14", allow_unverified=True)


@pytest.mark.parametrize(
    "wrong",
    [
        "carbon_fraction = ",
        "carbon_fraction = 0.47",
        PARAMETERS + "buffer = 0.1",
        PARAMETERS.replace("0.47", "47"),
        PARAMETERS.replace("root_shoot = 0.25", 'root_shoot = "guess"'),
        PARAMETERS.replace("[[0.10, 0.0], [0.20, 0.06]]", "[[0.20, 0.0], [0.10, 0.06]]"),
        PARAMETERS.replace("[[0.10, 0.0], [0.20, 0.06]]", "[0.1, 0.2]"),
        PARAMETERS.replace("0.11", "true"),
    ],
)
def test_parameters_that_cannot_be_right_are_refused(wrong: str) -> None:
    with pytest.raises(InvalidParameters, match=r"p\.toml"):
        methodology("ccer-14-001", parameters=RawFile("p.toml", wrong.encode()), allow_unverified=True)


def test_supplied_parameters_are_applied_at_their_edges_and_stand_in_the_digest() -> None:
    one = methodology("ccer-14-001", parameters=RawFile("p.toml", PARAMETERS.encode()), allow_unverified=True)
    assert not one.verified
    for u, left in ((0.10, 1.0), (0.100001, 0.94), (0.20, 0.94), (0.200001, 0.89)):
        assert one.rules.remaining(u) == pytest.approx(left)
    assert one.rules.tco2e_per_hectare(100) == pytest.approx(125 * 0.47 * 44 / 12)
    other = methodology(
        "ccer-14-001", parameters=RawFile("p.toml", PARAMETERS.replace("0.11", "0.12").encode()), allow_unverified=True
    )
    assert one.digest(biomass="x") != other.digest(biomass="x")


@pytest.mark.parametrize(("roots", "ratio"), [("ipcc2006-conifers", 0.29), ("ipcc2006-broadleaf", 0.23)])
def test_roots_may_be_those_of_the_ipcc(roots: str, ratio: float) -> None:
    text = PARAMETERS.replace("root_shoot = 0.25", f'root_shoot = "{roots}"')
    rules = methodology("ccer-14-001", parameters=RawFile("p.toml", text.encode()), allow_unverified=True).rules
    assert rules.below_ground_t_per_hectare(100) == pytest.approx(100 * ratio)
