"""Monte Carlo error propagation: reproducible, quick, and right where the answer is known."""

import math
import time
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest

from oracles.errors import InvalidReading
from oracles.evidence import RawFile
from oracles.methodologies import ar_tool14, gs_403
from oracles.methodologies.allometry import chave2014_eq4, read_equations
from oracles.methodologies.heights import HeightForm, fill, fit, measured_heights
from oracles.methodologies.montecarlo import MeasurementErrors, Propagated, propagate
from oracles.methodologies.stocks import height_error
from oracles.readings import PlotVisit, Stratum, Tree

NONE = MeasurementErrors(dbh_cm=0.0)
STRATA = (Stratum("s", Fraction(100_000)),)


def forest(plots: int, per_plot: int, *, heights: bool = True) -> tuple[PlotVisit, ...]:
    random = Random(9)
    visits = []
    for plot in range(plots):
        trees = []
        for number in range(per_plot):
            dbh = 8 + 30 * random.random()
            height = 2 + 0.6 * dbh * (0.9 + 0.2 * random.random()) if heights or number % 2 else None
            trees.append(Tree(f"{plot}/{number}", number + 2, "x", dbh, height, 0.5))
        visits.append(PlotVisit("f", 2, f"P{plot}", "s", 400.0, tuple(trees)))
    return tuple(visits)


def draw(visits, *, errors=NONE, draws=1_000, seed=1, rules=gs_403.METHODOLOGY.rules, equation=chave2014_eq4, **more):
    return propagate(rules, visits, STRATA, equation, errors=errors, draws=draws, seed=seed, **more)


@pytest.mark.parametrize(
    "wrong", [{"dbh_cm": -0.1}, {"dbh_cm": math.nan}, {"height_fraction": 1.1}, {"wood_density": 2.0}]
)
def test_an_impossible_error_is_refused(wrong) -> None:
    with pytest.raises(InvalidReading):
        MeasurementErrors(**wrong)


@pytest.mark.parametrize("options", [{"draws": 99}, {"draws": 1_000_001}, {"seed": -1}, {"seed": 1 << 64}])
def test_too_few_draws_or_a_seed_out_of_range_are_refused(options) -> None:
    with pytest.raises(InvalidReading):
        draw(forest(4, 5), **options)


def test_a_seed_gives_the_same_bits_and_another_seed_others() -> None:
    visits = forest(6, 20)
    errors = MeasurementErrors(None, 0.05, 0.04)
    assert draw(visits, errors=errors) == draw(visits, errors=errors)
    assert draw(visits, errors=errors) != draw(visits, errors=errors, seed=2)


def test_the_published_figures_of_a_seed_stay() -> None:
    """A change of these figures is a change of what earlier reports say: bump the methodology instead."""
    assert draw(forest(6, 20), errors=MeasurementErrors(None, 0.05, 0.04)) == Propagated(1_000, 1, *FIGURES)


FIGURES = (2757.427143, 258.3206579, 131.9546645, 2449.73925)


def test_ten_thousand_trees_a_thousand_times_take_seconds() -> None:
    visits = forest(200, 50)
    started = time.process_time()
    result = draw(visits, errors=MeasurementErrors(None, 0.05, 0.04), rules=ar_tool14.RULES)
    assert time.process_time() - started < 20
    estimate = ar_tool14.METHODOLOGY.stock(visits, STRATA, chave2014_eq4)
    assert result.mean_tco2e == pytest.approx(estimate.stock_tco2e, rel=0.03)


def test_without_errors_only_sampling_and_the_equation_are_left() -> None:
    """An equation without error: every draw is the estimate, and the total is that of sampling."""
    exact = replace(chave2014_eq4, sigma_ln=0.0, sigma_mean_ln=0.0)
    visits = forest(12, 10)
    result = draw(visits, equation=exact, draws=4_000)
    estimate = gs_403.METHODOLOGY.stock(visits, STRATA, exact)
    assert result.sd_without_sampling_tco2e == pytest.approx(0, abs=1e-6)
    half_width = estimate.half_width_percent / 100 * estimate.stock_tco2e
    se = half_width / 1.795885
    assert result.sd_tco2e == pytest.approx(se * math.sqrt(11 / 9), rel=0.05)
    assert result.lower_bound_90_tco2e == pytest.approx(estimate.stock_tco2e - 1.363430 * se, rel=0.01)


def test_residual_error_of_the_equation_averages_out_and_its_mean_does_not() -> None:
    """n like trees with residual σ: relative error sqrt(e^σ² − 1)/√n; a shared error stays whole."""
    tree = Tree("t", 2, "x", 20.0, 15.0, 0.5)
    visits = tuple(PlotVisit("f", 2, f"P{plot}", "s", 400.0, (tree,) * 25) for plot in range(4))
    single = draw(visits, equation=replace(chave2014_eq4, sigma_mean_ln=0.0), draws=4_000)
    assert single.sd_without_sampling_tco2e / single.mean_tco2e == pytest.approx(
        math.sqrt(math.expm1(0.357**2)) / 10, rel=0.05
    )
    shared = draw(visits, equation=replace(chave2014_eq4, sigma_ln=0.0, sigma_mean_ln=0.1), draws=4_000)
    assert shared.sd_without_sampling_tco2e / shared.mean_tco2e == pytest.approx(math.sqrt(math.expm1(0.01)), rel=0.05)
    estimate = gs_403.METHODOLOGY.stock(visits, STRATA, chave2014_eq4)
    assert single.mean_tco2e == pytest.approx(estimate.stock_tco2e, rel=0.005)


def test_the_error_of_one_diameter_is_that_of_the_derivative() -> None:
    """B ~ D^1.952: a 1 % error of every diameter of 100 like trees moves the stock by 0.1952 %."""
    tree = Tree("t", 2, "x", 20.0, 15.0, 0.5)
    visits = tuple(PlotVisit("f", 2, f"P{plot}", "s", 400.0, (tree,) * 25) for plot in range(4))
    exact = replace(chave2014_eq4, sigma_ln=0.0, sigma_mean_ln=0.0)
    for errors, expected in (
        (MeasurementErrors(dbh_cm=0.2), 0.01 * 1.952 / 10),
        (MeasurementErrors(0.0, 0.10, 0.0), 0.10 * 0.976 / 10),
        (MeasurementErrors(0.0, 0.0, 0.05), 0.10 * 0.976 / 10),
    ):
        result = draw(visits, errors=errors, equation=exact, draws=4_000)
        assert result.sd_without_sampling_tco2e / result.mean_tco2e == pytest.approx(expected, rel=0.06), errors


def test_guessed_heights_widen_the_spread() -> None:
    gaps = forest(8, 20, heights=False)
    model = fit(HeightForm.LOG2, *measured_heights(gaps))
    filled = fill(gaps, model)
    exact = replace(chave2014_eq4, sigma_ln=0.0, sigma_mean_ln=0.0)
    assert draw(filled, equation=exact).sd_without_sampling_tco2e == pytest.approx(0, abs=1e-6)
    guessed = draw(filled, equation=exact, heights=model, draws=2_000)
    expected = height_error(gs_403.METHODOLOGY.rules, filled, STRATA, exact, model) * 10
    assert guessed.sd_without_sampling_tco2e == pytest.approx(expected, rel=0.1)


def test_trees_with_a_biomass_of_their_own_and_plots_without_trees_are_fixed() -> None:
    visits = (
        PlotVisit("f", 2, "A", "s", 400.0, (Tree("t", 2, "x", 20.0, None, None, 100.0),)),
        PlotVisit("f", 2, "B", "s", 400.0, ()),
    )
    result = draw(visits, errors=MeasurementErrors(None, 0.1, 0.1))
    assert result.sd_without_sampling_tco2e == pytest.approx(0, abs=1e-9)


def test_equations_by_species_are_drawn_each_with_its_own_error() -> None:
    family = read_equations(
        RawFile("e.csv", b"species,kind,a,b,c,sigma_ln,source\nx,biomass,0.1,2.4,0,0.3,p\n*,biomass,0.2,2.4,0,,p\n")
    )
    visits = tuple(PlotVisit("f", 2, f"P{n}", "s", 400.0, (Tree("a", 2, name, 20.0),)) for n, name in enumerate("xxyy"))
    result = draw(visits, equation=family, draws=4_000)
    unit = 0.1 * 20**2.4
    spread = unit * math.sqrt(math.expm1(0.09)) * math.sqrt(2) / (2 * unit + 4 * unit)
    estimate = gs_403.METHODOLOGY.stock(visits, STRATA, family)
    assert result.sd_without_sampling_tco2e / estimate.stock_tco2e == pytest.approx(spread, rel=0.05)
