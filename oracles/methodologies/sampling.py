"""Means of stratified samples and their uncertainty: what every methodology here is built on.

Sums are `math.fsum`, which rounds once and does not depend on the order or the processor, so that reporters on
different machines get the same figure to the last bit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from oracles.errors import InvalidReading, NothingMeasured, TooFewPlots


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


def stratified_mean(samples: Sequence[StratumSample]) -> Estimate:
    """The mean over all strata, weighted by area: `Σ w b`, half-width `t · sqrt(Σ w² s²/n)`.

    CDM AR-TOOL14 v04.2, stratified random sampling; t two-sided 90 %, degrees of freedom = plots − strata.
    """
    strata = tuple(stratum_mean(sample) for sample in samples)
    area = math.fsum(stratum.area_hectares for stratum in strata)
    mean = math.fsum(stratum.area_hectares / area * stratum.mean for stratum in strata)
    variance = math.fsum((stratum.area_hectares / area) ** 2 * stratum.variance_of_mean for stratum in strata)
    degrees = sum(stratum.plots for stratum in strata) - len(strata)
    t = t_two_sided_90(degrees)
    return Estimate(mean, t * math.sqrt(variance), t, degrees, area, strata)
