"""Stratified means and their half-widths, against textbook formulas and numpy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.errors import InvalidReading, NothingMeasured, TooFewPlots, UselessCovariate
from oracles.methodologies.sampling import (
    CovariateSample,
    Observation,
    StratumSample,
    double_sampled_mean,
    stratified_mean,
    stratum_mean,
    t_two_sided_90,
)


def sample(
    values: list[float], *, name: str = "pine", area: float = 1.0, shares: list[float] | None = None
) -> StratumSample:
    pairs = zip(values, shares or [1.0] * len(values), strict=True)
    return StratumSample(
        name, area, tuple(Observation(f"P{number}", value, share) for number, (value, share) in enumerate(pairs))
    )


@pytest.mark.parametrize("plots", [0, 1])
def test_a_stratum_with_fewer_than_two_plots_has_no_variance_and_is_refused(plots: int) -> None:
    with pytest.raises(TooFewPlots, match=rf"分层“oak”只有 {plots} 个样地.*too few for a variance") as refused:
        sample([1.0] * plots, name="oak")
    assert (refused.value.stratum, refused.value.plots) == ("oak", plots)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.0000001, math.nan])
def test_a_plot_cannot_lie_outside_or_more_than_wholly_inside_the_forest(share: float) -> None:
    with pytest.raises(InvalidReading):
        Observation("P1", 1.0, share)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_figure_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(InvalidReading):
        Observation("P1", value)


@pytest.mark.parametrize("area", [0.0, -1.0, math.nan])
def test_a_stratum_without_area_is_refused(area: float) -> None:
    with pytest.raises(InvalidReading):
        sample([1.0, 2.0], area=area)


def test_a_mean_of_zero_has_no_relative_half_width() -> None:
    with pytest.raises(NothingMeasured):
        _ = stratified_mean([sample([0.0, 0.0])]).half_width_fraction


@pytest.mark.parametrize(("degrees", "t"), [(1, 6.314), (5, 2.015), (10, 1.812), (30, 1.697), (120, 1.658)])
def test_student_t_is_that_of_the_printed_tables(degrees: int, t: float) -> None:
    assert t_two_sided_90(degrees) == pytest.approx(t, abs=5e-4)


def test_two_strata_by_hand() -> None:
    """w = 3/4 and 1/4; means 12 and 30; s²/n = 4/2 and 9/3; half-width t(3) · sqrt(9/16 · 2 + 1/16 · 3)."""
    estimate = stratified_mean(
        [
            sample([12 - math.sqrt(2), 12 + math.sqrt(2)], name="pine", area=30),
            sample([27.0, 30.0, 33.0], name="oak", area=10),
        ]
    )
    assert estimate.mean == pytest.approx(0.75 * 12 + 0.25 * 30)
    assert estimate.degrees_of_freedom == 3
    assert estimate.half_width == pytest.approx(2.353363 * math.sqrt(9 / 16 * 2 + 1 / 16 * 3))
    assert estimate.total == pytest.approx(16.5 * 40)


def test_plots_that_straddle_the_edge_count_by_their_share() -> None:
    """Two whole plots of 10 and a half plot that holds 5 in its half: every hectare of forest has 10."""
    mean = stratum_mean(sample([10.0, 10.0, 5.0], shares=[1.0, 1.0, 0.5]))
    assert mean.mean == pytest.approx(10)
    assert mean.variance_of_mean == pytest.approx(0, abs=1e-20)


def test_a_sliver_of_forest_does_not_speak_louder_than_a_whole_plot() -> None:
    mean = stratum_mean(sample([10.0, 10.0, 2.0], shares=[1.0, 1.0, 0.05]))
    assert mean.mean == pytest.approx(22 / 2.05)
    assert mean.mean < (10 + 10 + 2 / 0.05) / 3


VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)


@given(VALUES)
def test_whole_plots_have_the_mean_and_variance_of_numpy(values: list[float]) -> None:
    mean = stratum_mean(sample(values))
    assert mean.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert mean.variance_of_mean == pytest.approx(np.var(values, ddof=1) / len(values), rel=1e-6, abs=1e-9)


@given(VALUES, st.randoms())
def test_the_order_of_plots_does_not_change_a_single_bit(values: list[float], random) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    one, other = stratum_mean(sample(values)), stratum_mean(sample(shuffled))
    assert (one.mean, one.variance_of_mean) == (other.mean, other.variance_of_mean)


@given(VALUES, st.floats(0.1, 1e4))
def test_one_stratum_does_not_care_how_large_it_is(values: list[float], area: float) -> None:
    small, large = stratified_mean([sample(values)]), stratified_mean([sample(values, area=area)])
    assert large.mean == pytest.approx(small.mean)
    assert large.half_width == pytest.approx(small.half_width)


# --- Double sampling ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "covariate",
    [
        CovariateSample((1.0, 1.0, 1.0), 2.0, 30),
        CovariateSample((1.0, 2.0), 2.0, 30),
        CovariateSample((1.0, 2.0, 3.0), 2.0, 2),
        CovariateSample((1.0, 2.0, math.nan), 2.0, 30),
        CovariateSample((1.0, 2.0, 3.0), math.inf, 30),
    ],
)
def test_a_covariate_that_says_nothing_is_refused(covariate: CovariateSample) -> None:
    with pytest.raises(UselessCovariate, match="pine"):
        double_sampled_mean(sample([1.0, 2.0, 3.0]), covariate)


def test_double_sampling_by_hand() -> None:
    """x = 1, 2, 3; y = 10, 14, 12: β = 1, ρ² = 1/4, x̄' = 2.5, α = 3/12: mean 12.5, variance 4/3 · (1 − 3/4 · 1/4)."""
    mean = double_sampled_mean(sample([10.0, 14.0, 12.0]), CovariateSample((1.0, 2.0, 3.0), 2.5, 12))
    assert mean.mean == pytest.approx(12.5)
    assert mean.variance_of_mean == pytest.approx(4 / 3 * (1 - 0.75 * 0.25))


def test_a_covariate_of_the_plots_alone_adds_nothing() -> None:
    values = [10.0, 14.0, 12.0, 17.0]
    plain, double = (
        stratum_mean(sample(values)),
        double_sampled_mean(sample(values), CovariateSample((1.0, 2.0, 3.0, 4.0), 2.5, 4)),
    )
    assert (double.mean, double.variance_of_mean) == pytest.approx((plain.mean, plain.variance_of_mean))


def test_a_perfect_covariate_of_everything_leaves_next_to_no_variance() -> None:
    double = double_sampled_mean(sample([2.0, 4.0, 6.0]), CovariateSample((1.0, 2.0, 3.0), 5.0, 1_000_000))
    assert double.mean == pytest.approx(10)
    assert double.variance_of_mean == pytest.approx(0, abs=1e-5)
