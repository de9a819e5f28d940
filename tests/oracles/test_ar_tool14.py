"""AR-TOOL14 against its published examples, on both sides of every edge, and against a forest computed by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.errors import (
    MissingMeasurement,
    NothingMeasured,
    TooFewPlots,
    UnknownAllometry,
    UnknownMethodology,
    UnverifiedMethodology,
)
from oracles.evidence import RawFile
from oracles.methodologies.allometry import (
    allometry,
    below_ground_t_per_hectare,
    chave2014_eq4,
    chave2014_eq4_kg,
)
from oracles.methodologies.ar_tool14 import (
    METHODOLOGY,
    Counted,
    change_between_surveys,
    discount_of_half_width,
    tco2e_per_hectare,
)
from oracles.methodologies.registry import methodology
from oracles.methodologies.sampling import t_two_sided_90
from oracles.methodologies.stocks import Stock
from oracles.sources.csv_trees import read_inventory

DIGEST = "2701e0fb640350036eaaef28be89eb1135607fd49340f66f31a8eca8c7681bce"
HEADER = "plot_id,stratum,plot_area_m2,species,dbh_cm,height_m,wood_density,above_ground_kg\n"


def stock_of(trees: str, strata: str) -> Stock:
    inventory = read_inventory(RawFile("trees.csv", trees.encode()), RawFile("strata.csv", strata.encode()))
    return METHODOLOGY.stock(inventory.visits, inventory.strata, chave2014_eq4)


# --- Refusals ------------------------------------------------------------------------------------


def test_a_tree_without_height_is_named_and_no_height_is_invented() -> None:
    with pytest.raises(MissingMeasurement, match=r"--heights") as refused:
        stock_of(HEADER + "P1,pine,400,Pinus,20,15,0.45,\nP2,pine,400,Pinus,21,,0.45,\n", "stratum,area_ha\npine,3\n")
    error = refused.value
    assert (error.file, error.row, error.column, error.tree) == ("trees.csv", 3, "height_m", "P2/#3 Pinus")


def test_a_tree_without_wood_density_is_named_and_none_is_looked_up() -> None:
    with pytest.raises(MissingMeasurement, match=r"not guessed from the species") as refused:
        stock_of(HEADER + "P1,pine,400,Pinus,20,15,,\nP2,pine,400,Pinus,21,15,0.45,\n", "stratum,area_ha\npine,3\n")
    assert (refused.value.row, refused.value.column) == (2, "wood_density")


def test_a_stratum_with_one_plot_is_refused_by_name() -> None:
    trees = HEADER + "P1,pine,400,Pinus,20,15,0.45,\nP2,pine,400,Pinus,21,15,0.45,\nP3,oak,400,Quercus,21,15,0.6,\n"
    with pytest.raises(TooFewPlots, match="“oak” has 1 plot"):
        stock_of(trees, "stratum,area_ha\npine,3\noak,1\n")


def test_a_forest_without_a_single_tree_has_no_relative_uncertainty() -> None:
    with pytest.raises(NothingMeasured):
        stock_of(HEADER + "P1,bare,400,,,,,\nP2,bare,400,,,,,\n", "stratum,area_ha\nbare,3\n")


def test_a_methodology_nobody_verified_is_refused() -> None:
    with pytest.raises(UnverifiedMethodology, match="CCER-14-001-V01 的参数待主管部门正式文本核对"):
        methodology("ccer-14-001")


def test_an_unknown_methodology_or_equation_lists_those_that_are_known() -> None:
    with pytest.raises(UnknownMethodology, match="known: ar-tool14"):
        methodology("vm9999")
    with pytest.raises(UnknownAllometry, match="known: chave2014-eq4"):
        allometry("wishful-thinking")


def test_two_surveys_that_do_not_differ_have_no_relative_uncertainty() -> None:
    with pytest.raises(NothingMeasured):
        change_between_surveys(Counted(100, 0.1), Counted(100, 0.2))


# --- Published figures ---------------------------------------------------------------------------


def test_sixty_plus_minus_nine_counts_as_fifty_seven_point_seven_five() -> None:
    """AR-TOOL14 v04.2, the example of the discount: 9/60 is 15 %, a quarter of 9 is subtracted."""
    assert Counted(60, 9 / 60).discounted == pytest.approx(57.75, abs=1e-12)


def test_a_mean_of_45_328_from_34_plots_has_an_uncertainty_of_8_18_percent() -> None:
    """AR-TOOL14 v04.2, the example of the mean: n 34, s 12.776."""
    u = t_two_sided_90(33) * 12.776 / math.sqrt(34) / 45.328
    assert 100 * u == pytest.approx(8.18, abs=5e-3)
    assert Counted(45.328, u).discounted == 45.328


def test_chave_2014_equation_4() -> None:
    """0.0673 · (0.6 · 20 · 30²)^0.976, by logarithms: ln = ln 0.0673 + 0.976 · ln 10,800 = 6.36581."""
    assert chave2014_eq4_kg(dbh_cm=30, height_m=20, wood_density_g_cm3=0.6) == pytest.approx(581.6164, abs=1e-4)


def test_roots_of_cairns_1997() -> None:
    """exp(−1.085 + 0.9256 ln 100) = 23.99 t per hectare, R = 0.240; and a stand without trees has no roots."""
    assert below_ground_t_per_hectare(100) == pytest.approx(23.99, abs=0.01)
    assert below_ground_t_per_hectare(0) == 0


@pytest.mark.parametrize(
    ("upper", "below", "above"), [(0.10, 0.0, 0.25), (0.15, 0.25, 0.50), (0.20, 0.50, 0.75), (0.30, 0.75, 1.0)]
)
def test_the_upper_end_of_every_discount_step_is_inclusive(upper: float, below: float, above: float) -> None:
    assert discount_of_half_width(upper - 1e-9) == below
    assert discount_of_half_width(upper) == below
    assert discount_of_half_width(upper + 1e-9) == above


def test_the_last_bit_of_a_division_decides_nothing() -> None:
    assert 3 * 0.05 > 0.15
    assert discount_of_half_width(3 * 0.05) == discount_of_half_width(0.15)


# --- What must hold ------------------------------------------------------------------------------


def test_change_between_independent_surveys_adds_their_half_widths_in_quadrature() -> None:
    """100 ± 6 and 140 ± 8: the change is 40 ± 10, u = 25 %, of which three quarters are subtracted."""
    change = change_between_surveys(Counted(100, 0.06), Counted(140, 8 / 140))
    assert change.undiscounted == pytest.approx(40)
    assert change.half_width_fraction == pytest.approx(0.25)
    assert change.discounted == pytest.approx(40 - 7.5)


def test_a_loss_is_counted_larger_not_smaller() -> None:
    assert Counted(-40, 0.25).discounted == pytest.approx(-47.5)


@given(st.floats(0, 3), st.floats(0, 3))
def test_a_less_certain_figure_never_counts_for_more(u: float, v: float) -> None:
    low, high = sorted((u, v))
    assert Counted(100, high).discounted <= Counted(100, low).discounted + 1e-9


@given(st.floats(0, 1e6), st.floats(0, 3))
def test_discounted_never_exceeds_undiscounted(figure: float, u: float) -> None:
    assert Counted(figure, u).discounted <= figure


def test_a_forest_by_hand(trees_text: str, strata_text: str) -> None:
    """Five plots in two strata; the plot figures in t per hectare were computed with bc, to 12 decimals."""
    above = {"P1": 4.283984548413, "P2": 10.980862446519, "P3": 7.352677916825}
    whole = {plot: 44 / 12 * 0.47 * (b + math.exp(-1.085 + 0.9256 * math.log(b))) for plot, b in above.items()}
    pine, oak = (whole["P1"] + whole["P2"]) / 2, 2 * whole["P3"] / 3
    variance_pine = (whole["P1"] - whole["P2"]) ** 2 / 2
    variance_oak = whole["P3"] ** 2 / 3
    mean = 0.75 * pine + 0.25 * oak
    half_width = 2.3533634348 * math.sqrt(0.75**2 * variance_pine / 2 + 0.25**2 * variance_oak / 3)

    result = stock_of(trees_text, strata_text)
    above_ground = 0.75 * (above["P1"] + above["P2"]) / 2 + 0.25 * 2 * above["P3"] / 3
    assert result.above_ground_biomass_t_per_hectare == pytest.approx(above_ground, rel=1e-11)
    assert result.stock_tco2e_per_hectare == pytest.approx(mean)
    assert result.half_width_percent == pytest.approx(100 * half_width / mean, rel=1e-6)
    assert result.half_width_percent > 30
    assert result.discounted_stock_tco2e_per_hectare == pytest.approx(mean - half_width, rel=1e-6)
    assert result.stock_tco2e == pytest.approx(40 * mean)
    assert result.discounted_stock_tco2e == pytest.approx(40 * (mean - half_width), rel=1e-6)
    assert (result.plots, result.strata) == (5, 2)


def test_a_weighed_tree_needs_no_equation_and_precedes_it() -> None:
    trees = HEADER + "P1,pine,1000,Pinus,20,,,500\nP2,pine,1000,Pinus,20,15,0.45,700\n"
    result = stock_of(trees, "stratum,area_ha\npine,1\n")
    assert result.above_ground_biomass_t_per_hectare == pytest.approx(6)
    assert result.stock_tco2e == pytest.approx((tco2e_per_hectare(5) + tco2e_per_hectare(7)) / 2)


def test_the_same_forest_in_mu_hectares_and_square_metres_has_the_same_stock(trees_text: str) -> None:
    in_hectares = stock_of(trees_text, "stratum,area_ha\npine,30\noak,10\n")
    assert stock_of(trees_text, "stratum,area_m2\npine,300000\noak,100000\n") == in_hectares
    assert stock_of(trees_text, "stratum,area_mu\npine,450\noak,150\n") == in_hectares


def test_the_digest_names_the_parameters_and_the_choices() -> None:
    """A change here changes what reporters sign: it is a new version of the methodology, not a refactoring."""
    assert METHODOLOGY.digest(biomass="chave2014-eq4", plots="re-measured").hex() == DIGEST
    assert METHODOLOGY.digest(biomass="fia-carbon-ag-bg", plots="re-measured").hex() != DIGEST
    assert methodology("ar-tool14") is METHODOLOGY
