"""Biomass equations: published ones by hand, families loaded from data."""

import math

import pytest

from oracles.errors import (
    Contradiction,
    Duplicate,
    InvalidRequest,
    MissingMeasurement,
    MissingValue,
    NotANumber,
    OutOfRange,
    UnknownReference,
)
from oracles.evidence import RawFile
from oracles.methodologies.allometry import allometry, chave2014_eq4, chave2014_eq7_kg, read_equations
from oracles.methodologies.ipcc2006 import bcef, root_shoot
from oracles.readings import Tree

HEADER = "species,kind,a,b,c,sigma_ln,trees,wood_density,bef,source\n"
PINE = Tree("P1/1", 2, "马尾松", 20.0, 15.0, 0.45)


def equations(*rows: str):
    return read_equations(RawFile("equations.csv", (HEADER + "\n".join(rows)).encode()))


def test_the_equation_with_environmental_stress_by_hand() -> None:
    """D = 20, ρ = 0.5, E = 0.1; ln 20 = 2.995732: exp(−1.803 − 0.0976 − 0.676511 + 8.007593 − 0.268333) = 174.6 kg."""
    logarithm = math.log(20)
    expected = math.exp(-1.803 - 0.0976 + 0.976 * math.log(0.5) + 2.673 * logarithm - 0.0299 * logarithm**2)
    assert expected == pytest.approx(174.6, abs=0.2)
    assert chave2014_eq7_kg(dbh_cm=20, wood_density_g_cm3=0.5, environment=0.1) == pytest.approx(expected)
    equation = allometry("chave2014-eq7", environment=0.1)
    assert equation(Tree("t", 2, "x", 20.0, None, 0.5), "f") == pytest.approx(expected)


@pytest.mark.parametrize("environment", [None, math.nan])
def test_the_equation_with_environmental_stress_needs_it(environment: float | None) -> None:
    with pytest.raises(InvalidRequest, match="--environment"):
        allometry("chave2014-eq7", environment=environment)


def test_a_file_of_equations_and_the_key_file_go_together() -> None:
    with pytest.raises(InvalidRequest, match="go together"):
        allometry("file")
    with pytest.raises(InvalidRequest, match="go together"):
        allometry("chave2014-eq4", equations=RawFile("e.csv", b""))


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (UnknownReference, "马尾松,carbon,0.1,2,1,,,,,x"),
        (MissingValue, "马尾松,volume,0.00006,1.9,0.9,,,0.45,,x"),
        (Contradiction, "马尾松,biomass,0.1,2,1,,,0.45,,x"),
        (Contradiction, "马尾松,biomass,0.1,2,1,,,,1.2,x"),
        (MissingValue, "马尾松,biomass,0.1,2,1,,,,,"),
        (MissingValue, "马尾松,biomass,,2,1,,,,,x"),
        (NotANumber, "马尾松,biomass,0.1,two,1,,,,,x"),
        (OutOfRange, "马尾松,biomass,-0.1,2,1,,,,,x"),
        (OutOfRange, "马尾松,biomass,0.1,9,1,,,,,x"),
        (Duplicate, "马尾松,biomass,0.1,2,1,,,,,x\n马尾松,biomass,0.1,2,1,,,,,x"),
    ],
)
def test_an_equation_that_cannot_be_right_is_refused(kind: type[Exception], row: str) -> None:
    with pytest.raises(kind):
        equations(row)


def test_a_species_without_an_equation_is_named() -> None:
    with pytest.raises(UnknownReference, match=r"杉木.*no equation for this species") as refused:
        equations("马尾松,biomass,0.1,2,1,,,,,x")(Tree("P1/2", 7, "杉木", 20.0, 15.0), "trees.csv")
    assert (refused.value.file, refused.value.row) == ("trees.csv", 7)


def test_a_power_law_of_diameter_and_height() -> None:
    family = equations("马尾松,biomass,0.05,2.1,0.8,0.2,400,,,textbook", "*,biomass,0.1,2.5,0,,,,,textbook")
    assert family(PINE, "f") == pytest.approx(0.05 * 20**2.1 * 15**0.8)
    assert family(Tree("t", 2, "杉木", 20.0), "f") == pytest.approx(0.1 * 20**2.5)
    with pytest.raises(MissingMeasurement, match="height"):
        family(Tree("t", 2, "马尾松", 20.0), "f")
    own = family.of(PINE, "f")
    assert (own.sigma_ln, own.sigma_mean_ln) == (0.2, pytest.approx(0.2 / 20))


def test_a_volume_becomes_biomass_by_wood_density_and_expansion() -> None:
    """V = 6e-5 · 20^1.9 · 15^0.9 m³, times the equation's own or the tree's wood density, times BEF 1.3."""
    volume = 6e-5 * 20**1.9 * 15**0.9
    family = equations("马尾松,volume,0.00006,1.9,0.9,,,0.38,1.3,二元立木材积表", "*,volume,0.00006,1.9,0.9,,,,1.3,x")
    assert family(PINE, "f") == pytest.approx(volume * 380 * 1.3)
    assert family(Tree("t", 2, "杉木", 20.0, 15.0, 0.31), "f") == pytest.approx(volume * 310 * 1.3)
    with pytest.raises(MissingMeasurement, match="wood density"):
        family(Tree("t", 2, "杉木", 20.0, 15.0), "f")


def test_the_key_of_a_file_of_equations_names_its_content() -> None:
    one, other = equations("*,biomass,0.1,2,1,,,,,x"), equations("*,biomass,0.2,2,1,,,,,x")
    assert one.key != other.key


def test_the_vector_form_is_the_scalar_form() -> None:
    assert chave2014_eq4(PINE, "f") == pytest.approx(float(chave2014_eq4.kilograms(20.0, 15.0, 0.45)))


@pytest.mark.parametrize(
    ("forest", "stock", "factor"),
    [
        ("hardwoods", 20, 3.0),
        ("hardwoods", 20.1, 1.7),
        ("hardwoods", 201, 0.8),
        ("pines", 40, 1.0),
        ("pines", 100.5, 0.7),
        ("conifers", 100, 1.0),
        ("conifers", 200, 0.75),
    ],
)
def test_expansion_factors_are_those_of_the_ipcc_table(forest: str, stock: float, factor: float) -> None:
    assert bcef(forest, stock) == factor


@pytest.mark.parametrize(
    ("forest", "biomass", "ratio"),
    [
        ("conifers", 49.9, 0.40),
        ("conifers", 50, 0.29),
        ("conifers", 150, 0.29),
        ("conifers", 150.1, 0.20),
        ("oak", 70, 0.46),
        ("oak", 70.1, 0.30),
        ("eucalyptus", 49, 0.44),
        ("eucalyptus", 151, 0.20),
        ("broadleaf", 74.9, 0.46),
        ("broadleaf", 75, 0.23),
        ("broadleaf", 151, 0.24),
    ],
)
def test_root_shoot_ratios_are_those_of_the_ipcc_table(forest: str, biomass: float, ratio: float) -> None:
    assert root_shoot(forest, biomass) == ratio


def test_an_unknown_forest_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="bamboo"):
        bcef("bamboo", 10)
