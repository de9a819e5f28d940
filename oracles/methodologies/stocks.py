"""The standing stock of one campaign, from plots to carbon dioxide, under the rules of a methodology.

The chain is the same everywhere: trees → plots (t dry matter per hectare, roots included) → stratum means → mean with
its half-width → carbon dioxide → what of it counts. Methodologies differ in carbon fraction, roots and deduction.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from oracles.errors import UnknownReference
from oracles.explanation import Step
from oracles.methodologies.allometry import Allometry, above_ground_t_per_hectare
from oracles.methodologies.heights import HeightModel
from oracles.methodologies.sampling import (
    CovariateSample,
    Estimate,
    Observation,
    StratumMean,
    StratumSample,
    combine,
    double_sampled_mean,
    post_stratified_mean,
    stratum_mean,
)
from oracles.readings import KILOGRAMS_PER_TONNE, PlotVisit, Stratum

CO2_PER_CARBON = 44 / 12
"""t CO2 per t C."""

Z_TWO_SIDED_90 = 1.6448536269514722
"""The normal quantile such that 90 % lie between −z and +z."""


@dataclass(frozen=True, slots=True)
class StockRules:
    """Where methodologies differ. `remaining` is what counts of a stock whose relative half-width is u, as a factor."""

    carbon_fraction: float
    below_ground_t_per_hectare: Callable[[float], float]
    remaining: Callable[[float], float]
    roots: str
    deduction: str

    def tco2e_per_hectare(self, above_ground: float) -> float:
        """Whole trees of a plot in t CO2e per hectare: `44/12 · CF · (above + below ground)`."""
        return CO2_PER_CARBON * self.carbon_fraction * (above_ground + self.below_ground_t_per_hectare(above_ground))


@dataclass(frozen=True, slots=True)
class Change:
    """A change, its relative half-width, and the factor of it that the methodology lets a project count.

    The next period starts from the undiscounted figure, so both are kept.
    """

    undiscounted: float
    half_width_fraction: float
    factor: float

    @property
    def discounted(self) -> float:
        """What may be counted; a loss is counted larger."""
        return self.undiscounted - (1 - self.factor) * abs(self.undiscounted)


@dataclass(frozen=True, slots=True)
class Covariate:
    """A covariate of every plot and, per stratum, the mean and size of a larger sample of it."""

    source: str
    at_plots: Mapping[str, float]
    larger: Mapping[str, tuple[float, int]]
    values: Mapping[str, Sequence[float]] = field(default_factory=dict, repr=False)
    """The larger sample itself, by stratum; classes need it."""
    limits: tuple[float, ...] = ()
    """If there are any, strata are post-stratified into classes between these values, upper ends inclusive."""

    def class_of(self, value: float) -> int:
        """The class of a value, counted from 0."""
        return bisect_left(self.limits, value)

    def weights(self, stratum: str) -> dict[int, float]:
        """The share of a stratum's larger sample in each class."""
        listed = self.values[stratum]
        return {name: count / len(listed) for name, count in Counter(map(self.class_of, listed)).items()}


@dataclass(frozen=True, slots=True)
class Stock:
    """The standing stock of one campaign: what a project holds, and what of it the methodology lets it count.

    Biomass is above ground, t dry matter per hectare; the half-width is that of the stock, relative, at 90 %; carbon
    dioxide is that of whole trees, roots included.
    """

    above_ground_biomass_t_per_hectare: float
    half_width_percent: float
    stock_tco2e_per_hectare: float
    discounted_stock_tco2e_per_hectare: float
    stock_tco2e: float
    discounted_stock_tco2e: float
    plots: int
    strata: int
    explanation: Step = field(repr=False)


def stock(
    rules: StockRules,
    visits: Sequence[PlotVisit],
    strata: Sequence[Stratum],
    equation: Allometry,
    *,
    heights: HeightModel | None = None,
    covariate: Covariate | None = None,
) -> Stock:
    """The stock of a campaign: `C = 44/12 · CF · A · b`, b the mean of whole trees per hectare.

    If the `heights` of some trees come from a model, its error widens the half-width. With a `covariate`, means are
    those of double sampling.
    """
    above_ground = {visit.plot: above_ground_t_per_hectare(visit, equation) for visit in visits}
    biomass = _mean(visits, strata, above_ground, None)
    whole = {plot: rules.tco2e_per_hectare(figure) for plot, figure in above_ground.items()}
    estimate = _mean(visits, strata, whole, covariate)
    height_half_width = (
        0.0 if heights is None else Z_TWO_SIDED_90 * height_error(rules, visits, strata, equation, heights)
    )
    half_width = math.hypot(estimate.half_width, height_half_width)
    u = half_width / abs(estimate.mean) if estimate.mean else estimate.half_width_fraction
    factor = rules.remaining(u)
    return Stock(
        above_ground_biomass_t_per_hectare=biomass.mean,
        half_width_percent=100 * u,
        stock_tco2e_per_hectare=estimate.mean,
        discounted_stock_tco2e_per_hectare=estimate.mean * factor,
        stock_tco2e=estimate.total,
        discounted_stock_tco2e=estimate.total * factor,
        plots=estimate.plots,
        strata=len(estimate.strata),
        explanation=_explain(rules, estimate, biomass, u, factor, equation, heights, height_half_width, covariate),
    )


def height_error(
    rules: StockRules,
    visits: Sequence[PlotVisit],
    strata: Sequence[Stratum],
    equation: Allometry,
    model: HeightModel,
) -> float:
    """The standard error, in t CO2e per hectare, that guessed heights bring to the mean over all strata.

    First-order propagation: every tree's own deviation from the curve is independent, the error of the curve itself is
    shared by all trees. Trees with a measured height, or with a biomass of their own, bring none.
    """
    return _height_error(model, [_height_slopes(rules, visits, strata, equation)])


def height_error_of_change(
    rules: StockRules,
    before: Sequence[PlotVisit],
    after: Sequence[PlotVisit],
    strata: Sequence[Stratum],
    equation: Allometry,
    model: HeightModel,
) -> float:
    """The same of the change between two visits: what the shared curve gets wrong at both cancels, the rest adds up."""
    first, second = (_height_slopes(rules, visits, strata, equation) for visits in (before, after))
    return _height_error(model, [(first[0], [-slope for slope in first[1]]), second])


def _height_slopes(
    rules: StockRules, visits: Sequence[PlotVisit], strata: Sequence[Stratum], equation: Allometry
) -> tuple[list[float], list[float]]:
    """The diameter of every tree whose height was guessed, and what a metre more of it adds to the mean."""
    area = math.fsum(stratum.area_hectares for stratum in strata)
    plots = {stratum.name: sum(visit.stratum == stratum.name for visit in visits) for stratum in strata}
    shares = {stratum.name: stratum.area_hectares / area / plots[stratum.name] for stratum in strata}
    diameters: list[float] = []
    slopes: list[float] = []
    for visit in visits:
        guessed = [tree for tree in visit.trees if tree.height_is_modelled and tree.above_ground_kg is None]
        if not guessed:
            continue
        above_ground = above_ground_t_per_hectare(visit, equation)
        step = max(above_ground, 1e-6) * 1e-6
        marginal = (rules.tco2e_per_hectare(above_ground + step) - rules.tco2e_per_hectare(above_ground)) / step
        weight = shares[visit.stratum] * marginal / KILOGRAMS_PER_TONNE / visit.area_hectares
        for tree in guessed:
            dbh, height, density = equation.of(tree, visit.source).require(tree, visit.source)
            if math.isnan(height):
                continue
            near = 1e-5 * height
            kilograms = equation.of(tree, visit.source).kilograms
            rise = float(kilograms(dbh, height + near, density)) - float(kilograms(dbh, height - near, density))
            diameters.append(dbh)
            slopes.append(weight * rise / (2 * near))
    return diameters, slopes


def _height_error(model: HeightModel, parts: Sequence[tuple[list[float], list[float]]]) -> float:
    diameters = [dbh for part, _ in parts for dbh in part]
    slopes = [slope for _, part in parts for slope in part]
    if not diameters:
        return 0.0
    dbh_cm, slope = np.array(diameters), np.array(slopes)
    variance = math.fsum(((slope * model.residuals_m(dbh_cm)) ** 2).tolist())
    if model.covariance:
        shared = np.array([math.fsum(column.tolist()) for column in (model.gradient(dbh_cm) * slope[:, None]).T])
        variance += float(shared @ np.array(model.covariance) @ shared)
    return math.sqrt(variance)


def _mean(
    visits: Sequence[PlotVisit],
    strata: Sequence[Stratum],
    figures: Mapping[str, float],
    covariate: Covariate | None,
) -> Estimate:
    means: list[StratumMean] = []
    for stratum in strata:
        members = [visit for visit in visits if visit.stratum == stratum.name]
        sample = StratumSample(
            stratum.name,
            stratum.area_hectares,
            tuple(Observation(visit.plot, figures[visit.plot]) for visit in members),
        )
        if covariate is None:
            means.append(stratum_mean(sample))
            continue
        for visit in members:
            if visit.plot not in covariate.at_plots:
                raise UnknownReference(
                    "样地没有协变量", "a plot without a covariate", file=covariate.source, value=visit.plot
                )
        if stratum.name not in covariate.larger:
            raise UnknownReference(
                "分层没有协变量的大样本",
                "a stratum without a larger sample of the covariate",
                file=covariate.source,
                value=stratum.name,
            )
        xs = tuple(covariate.at_plots[visit.plot] for visit in members)
        if covariate.limits:
            classes = [covariate.class_of(x) for x in xs]
            means.append(post_stratified_mean(sample, classes, covariate.weights(stratum.name)))
            continue
        means.append(double_sampled_mean(sample, CovariateSample(xs, *covariate.larger[stratum.name])))
    return combine(tuple(means))


def _by(covariate: Covariate | None) -> str:
    if covariate is None:
        return ""
    if covariate.limits:
        return f" by post-stratification at {', '.join(f'{limit:g}' for limit in covariate.limits)}"
    return " by double sampling"


def _explain(
    rules: StockRules,
    estimate: Estimate,
    biomass: Estimate,
    u: float,
    factor: float,
    equation: Allometry,
    heights: HeightModel | None,
    height_half_width: float,
    covariate: Covariate | None,
) -> Step:
    unit = "tCO2e/ha"
    strata = tuple(
        Step(
            f"分层 {one.stratum}",
            f"mean of stratum {one.stratum}, {one.plots} plots on {one.area_hectares:,.4g} ha{_by(covariate)}",
            one.mean,
            unit,
            f"weight {one.area_hectares / estimate.area_hectares:.6g},"
            f" standard error {math.sqrt(one.variance_of_mean):.6g}",
            (
                Step(
                    "地上生物量",
                    f"above-ground biomass by {equation.key.partition('@')[0]}",
                    above.mean,
                    "t/ha",
                    f"roots: {rules.roots}; × {rules.carbon_fraction:g} × 44/12",
                ),
            ),
        )
        for one, above in zip(estimate.strata, biomass.strata, strict=True)
    )
    mean = Step("面积加权平均", "mean weighted by area", estimate.mean, unit, "Σ w·b", strata)
    widths = [
        Step(
            "抽样",
            "sampling",
            estimate.half_width,
            unit,
            f"t({estimate.degrees_of_freedom}) {estimate.t:.6g} × {estimate.half_width / estimate.t:.6g}",
        )
    ]
    if heights is not None:
        widths.append(
            Step(
                "树高模型",
                "height model",
                height_half_width,
                unit,
                f"{Z_TWO_SIDED_90:.4f} × standard error; {heights.describe()}",
            )
        )
    half_width = Step(
        "90 % 半宽",
        "half-width of the 90 % interval",
        u * abs(estimate.mean),
        unit,
        f"{100 * u:.4f} % of the mean",
        tuple(widths),
    )
    total = Step(
        "碳储量",
        "stock",
        estimate.total,
        "tCO2e",
        f"{estimate.mean:,.6g} × {estimate.area_hectares:,.6g} ha",
        (mean, half_width),
    )
    return Step(
        "可计入",
        "what counts",
        estimate.total * factor,
        "tCO2e",
        f"{estimate.total:,.6g} × {factor:.6f} ({rules.deduction})",
        (total,),
    )
