"""Means of stratified samples and their uncertainty: what every methodology here is built on.

Sums are `math.fsum`, which rounds once and does not depend on the order or the processor, so that reporters on
different machines get the same figure to the last bit.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from oracles.errors import InvalidReading, NothingMeasured, TooFewPlots, UselessCovariate


@dataclass(frozen=True, slots=True)
class Observation:
    """What one plot contributes: a figure per hectare of plot, and the share of it that lies in what is estimated.

    The share is 1 unless a plot straddles the edge of the forest.
    """

    plot: str
    value: float
    share: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise InvalidReading("样地数值", "plot figure", self.value, "finite")
        if not 0 < self.share <= 1:
            raise InvalidReading("样地所占份额", "share of a plot", self.share, "> 0, ≤ 1")


@dataclass(frozen=True, slots=True)
class StratumSample:
    """The plots of one stratum, each an independent unit of the sample."""

    stratum: str
    area_hectares: float
    observations: tuple[Observation, ...]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.area_hectares) and self.area_hectares > 0):
            raise InvalidReading("分层面积", "stratum area", self.area_hectares, "> 0 ha")
        if len(self.observations) < 2:
            raise TooFewPlots(stratum=self.stratum, plots=len(self.observations))


@dataclass(frozen=True, slots=True)
class StratumMean:
    """The mean of a stratum per hectare, and the variance of that mean."""

    stratum: str
    area_hectares: float
    plots: int
    mean: float
    variance_of_mean: float
    means: int = 1
    """How many means were estimated from the plots, one for each post-stratum: so many degrees of freedom are gone."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean per hectare over all strata, with the half-width of its two-sided 90 % confidence interval."""

    mean: float
    half_width: float
    t: float
    degrees_of_freedom: int
    area_hectares: float
    strata: tuple[StratumMean, ...]

    @property
    def total(self) -> float:
        """The mean times the area."""
        return self.mean * self.area_hectares

    @property
    def half_width_fraction(self) -> float:
        """The half-width relative to the mean, without sign: the `u` of AR-TOOL14."""
        if self.mean == 0:
            raise NothingMeasured(
                "均值为零，无法说明相对不确定度", "the mean is zero, so no relative uncertainty can be stated"
            )
        return self.half_width / abs(self.mean)

    @property
    def plots(self) -> int:
        return sum(stratum.plots for stratum in self.strata)


def t_two_sided_90(degrees_of_freedom: int) -> float:
    """Student's t such that 90 % lie between −t and +t."""
    return float(stdtrit(degrees_of_freedom, 0.95))


def stratum_mean(sample: StratumSample) -> StratumMean:
    """The mean of one stratum per hectare, and its variance.

    With whole plots this is the sample mean and s²/n, s² with n − 1. Plots that straddle the edge enter as a ratio of
    means, Σy/Σx, whose variance is that of the residuals y − r·x divided by the squared mean share (Cochran 1977,
    Sampling Techniques, section 2.11). A mean of per-plot ratios would let the smallest slivers of forest speak
    loudest.
    """
    observations = sample.observations
    n = len(observations)
    shares = math.fsum(observation.share for observation in observations)
    mean = math.fsum(observation.value for observation in observations) / shares
    residuals = math.fsum((observation.value - mean * observation.share) ** 2 for observation in observations)
    mean_share = shares / n
    return StratumMean(sample.stratum, sample.area_hectares, n, mean, residuals / (n - 1) / n / mean_share**2)


@dataclass(frozen=True, slots=True)
class CovariateSample:
    """What a cheap measurement, such as a raster, says of one stratum: of its plots, and of a much larger sample.

    `at_plots` is in the order of the observations. `larger_size` counts the larger sample, which contains the plots.
    """

    at_plots: tuple[float, ...]
    larger_mean: float
    larger_size: int


def double_sampled_mean(sample: StratumSample, covariate: CovariateSample) -> StratumMean:
    """The mean of a stratum by double sampling with a covariate x, and its variance.

    `b + β (x̄' − x̄)` with `β = ρ s_y / s_x`; the variance of the plots shrinks to `s² (1 − (1 − α) ρ²)`, α being the
    plots as a part of the larger sample (CDM AR-TOOL14 v04.2, double sampling; Cochran 1977, section 12.6). A sample
    of whole plots only. A covariate that does not vary says nothing and is refused.
    """
    observations = sample.observations
    n = len(observations)
    xs = covariate.at_plots
    if len(xs) != n or n < 3 or covariate.larger_size < n or any(one.share != 1 for one in observations):
        raise UselessCovariate(
            sample.stratum,
            f"样地 {n} 个、协变量 {len(xs)} 个、大样本 {covariate.larger_size} 个，不合双重抽样（至少 3 个整样地）",
            f"{n} plots, {len(xs)} covariates and a larger sample of {covariate.larger_size} make no double sample"
            " (of at least 3 whole plots)",
        )
    if not all(map(math.isfinite, (*xs, covariate.larger_mean))):
        raise UselessCovariate(sample.stratum, "协变量不是有限的数", "a covariate is not finite")
    plain = stratum_mean(sample)
    mean_x = math.fsum(xs) / n
    s_xx = math.fsum((x - mean_x) ** 2 for x in xs)
    if s_xx == 0:
        raise UselessCovariate(sample.stratum, "各样地的协变量都一样", "the covariate is the same on every plot")
    s_yy = math.fsum((one.value - plain.mean) ** 2 for one in observations)
    s_xy = math.fsum((x - mean_x) * (one.value - plain.mean) for x, one in zip(xs, observations, strict=True))
    rho_squared = 0.0 if s_yy == 0 else min(s_xy**2 / (s_xx * s_yy), 1.0)
    return StratumMean(
        sample.stratum,
        sample.area_hectares,
        n,
        plain.mean + s_xy / s_xx * (covariate.larger_mean - mean_x),
        plain.variance_of_mean * (1 - (1 - n / covariate.larger_size) * rho_squared),
    )


def post_stratified_mean(sample: StratumSample, classes: Sequence[int], weights: Mapping[int, float]) -> StratumMean:
    """The mean of a stratum whose plots fell into classes by chance, each class with a known share of the area.

    `Σ W ȳ_h` with the variance `1/n Σ W s_h² + 1/n² Σ (1 − W) s_h²` (Cochran 1977, section 5A.9; Bechtold & Patterson
    2005, chapter 4): the second sum is the price of numbers of plots that nobody chose. Whole plots only, at least two
    in every class, so that each has a variance.
    """
    n = len(sample.observations)
    members: dict[int, list[float]] = {name: [] for name, weight in weights.items() if weight > 0}
    for name, observation in zip(classes, sample.observations, strict=True):
        members.setdefault(name, []).append(observation.value)
    for name, values in sorted(members.items()):
        if len(values) < 2 or not weights.get(name) or any(one.share != 1 for one in sample.observations):
            raise UselessCovariate(
                sample.stratum,
                f"第 {name + 1} 层有 {len(values)} 个样地、面积份额 {weights.get(name, 0.0):.4f}；"
                "每层至少 2 个整样地且有面积，请换界限",
                f"class {name + 1} has {len(values)} plot(s) and {weights.get(name, 0.0):.4f} of the area; each needs"
                " at least 2 whole plots and some area, choose other limits",
            )
    means = {name: math.fsum(values) / len(values) for name, values in members.items()}
    spreads = {
        name: math.fsum((value - means[name]) ** 2 for value in values) / (len(values) - 1)
        for name, values in members.items()
    }
    variance = math.fsum(spreads[name] * (weights[name] / n + (1 - weights[name]) / n**2) for name in sorted(members))
    mean = math.fsum(weights[name] * means[name] for name in members)
    return StratumMean(sample.stratum, sample.area_hectares, n, mean, variance, len(members))


def stratified_mean(samples: Sequence[StratumSample]) -> Estimate:
    """The mean over all strata, weighted by area: `Σ w b`, half-width `t · sqrt(Σ w² s²/n)`.

    CDM AR-TOOL14 v04.2, stratified random sampling; t two-sided 90 %, degrees of freedom = plots − strata.
    """
    return combine(tuple(stratum_mean(sample) for sample in samples))


def combine(strata: tuple[StratumMean, ...]) -> Estimate:
    """The mean over strata whose own means are known, however they were had."""
    area = math.fsum(stratum.area_hectares for stratum in strata)
    mean = math.fsum(stratum.area_hectares / area * stratum.mean for stratum in strata)
    variance = math.fsum((stratum.area_hectares / area) ** 2 * stratum.variance_of_mean for stratum in strata)
    degrees = sum(stratum.plots - stratum.means for stratum in strata)
    t = t_two_sided_90(degrees)
    return Estimate(mean, t * math.sqrt(variance), t, degrees, area, strata)
