"""One monitoring period of one pool: from plots that were measured twice to the whole kilograms that reporters sign.

Measured quantities are floats until `credited_kg`, which is rounded down once; from there on everything is a whole
number and adds up.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from ledger_service.domain.units import tonnes_text
from oracles.errors import InvalidMonitoring, InvalidRequest, NothingMeasured
from oracles.evidence import RawFile, evidence_root
from oracles.findings import Finding, Policy, flags_of
from oracles.methodologies.methodology import Methodology
from oracles.methodologies.sampling import Estimate, Observation, StratumMean, StratumSample, stratified_mean
from oracles.methodologies.stocks import Change
from oracles.readings import KILOGRAMS_PER_TONNE, SQUARE_METRES_PER_HECTARE, Holder, Parcel, Tenure, area_text
from oracles.registers import (
    MICROGRAMS_PER_KILOGRAM,
    HolderWeight,
    ParcelCredit,
    ParcelShare,
    RegisterColumns,
    divide,
    register_columns,
    share_by_tenure,
    sum_by_holder,
)
from oracles.times import utc_date


@dataclass(frozen=True, slots=True)
class VisitFigure:
    """What one visit to one plot found, per hectare of plot.

    `source` is the visit's number or the file of the campaign.
    """

    source: str
    on: date
    trees: int
    tco2e_per_hectare: float
    basal_area_m2_per_hectare: float


@dataclass(frozen=True, slots=True)
class PlotChange:
    """One plot that was measured again, once or several times.

    `share` is the part of it that is forest, the mean of its visits.
    """

    plot: str
    stratum: str
    share: float
    pairs: tuple[tuple[VisitFigure, VisitFigure], ...]

    @property
    def change_tco2e_per_hectare(self) -> float:
        """The change from one visit to the next, per hectare of plot; pairs are averaged, as a plot counts once."""
        return math.fsum(second.tco2e_per_hectare - first.tco2e_per_hectare for first, second in self.pairs) / len(
            self.pairs
        )

    @property
    def basal_area_growth_m2_per_hectare(self) -> float:
        """The same for basal area, which needs diameters only."""
        growth = (second.basal_area_m2_per_hectare - first.basal_area_m2_per_hectare for first, second in self.pairs)
        return math.fsum(growth) / len(self.pairs)


@dataclass(frozen=True, slots=True)
class StratumChange:
    """A stratum's mean change per hectare, and the rate its parcels share the pool by."""

    stratum: str
    area_hectares: float
    plots: int
    mean_tco2e_per_hectare: float
    standard_error_tco2e_per_hectare: float
    rate_micrograms_per_m2: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a holder's kilograms come from: a parcel, its stratum, and the plots that were measured in it.

    `credited_kg` is what the holder gets of the parcel: all of it, unless others held it too.
    """

    parcel: ParcelCredit
    credited_kg: int
    stratum: StratumChange
    plots: tuple[PlotChange, ...]


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The result of one monitoring period. Times are UTC seconds; the period is half-open.

    `credited_kg` is the discounted change less leakage, rounded down. `uncertainty_kg` is the half-width of the 90 %
    interval of the undiscounted change, rounded up. `cross_check_kg` is an independent figure for `credited_kg`, from
    remote sensing or a stand-in for it: `explain()` says what it was computed from; where nothing independent was
    measured, `is_cross_checked` is false. `refusal` says why nothing may be issued; then nothing is credited and there
    are no holders. `findings` are what the quality checks found; `qc_flags` of the report are their bits.
    """

    subject: str
    period_start: int
    period_end: int
    observed_at: int
    estimate: Estimate
    change: Change
    leakage_kg: int
    strata: tuple[StratumChange, ...]
    plots: tuple[PlotChange, ...] = field(repr=False)
    credited_kg: int
    uncertainty_kg: int
    cross_check_kg: int
    parcels: tuple[ParcelCredit, ...] = field(repr=False)
    shares: tuple[ParcelShare, ...] = field(repr=False)
    holders: tuple[HolderWeight, ...] = field(repr=False)
    evidence: tuple[RawFile, ...] = field(repr=False)
    evidence_root: bytes
    methodology: str
    methodology_digest: bytes
    refusal: str | None
    notes: tuple[str, ...] = field(repr=False)
    deduction: str
    findings: tuple[Finding, ...] = ()
    is_cross_checked: bool = True

    @property
    def qc_flags(self) -> int:
        """The bits that stand in the report."""
        return flags_of(self.findings)

    def __post_init__(self) -> None:
        if not self.period_start < self.period_end <= self.observed_at:
            raise InvalidMonitoring(
                f"监测期 {self.period_start} 至 {self.period_end}、观测于 {self.observed_at}（UTC 秒）不合理",
                "the period must start before it ends, and end before it is observed:"
                f" {self.period_start} to {self.period_end}, observed at {self.observed_at}, UTC seconds",
            )
        if self.credited_kg < 0 or (self.refusal is not None and self.credited_kg):
            raise InvalidMonitoring("拒绝签发时不能有碳汇量", "a refused period credits nothing")
        if (
            not self.credited_kg
            == sum(parcel.credited_kg for parcel in self.parcels)
            == sum(share.credited_kg for share in self.shares)
            == sum(leaf.weight for leaf in self.holders)
        ):
            raise InvalidMonitoring("小班、持有人与总量不符", "parcels, holders and total do not add up")

    def register_columns(self) -> RegisterColumns:
        """The holders as the Rust core takes them, in the order of accounts."""
        return register_columns(self.holders)

    def plots_of(self, parcel: str) -> tuple[PlotChange, ...]:
        """The plots measured in the stratum of a parcel: with tree counts and figures of every visit."""
        stratum = self._parcel(parcel).stratum
        return tuple(plot for plot in self.plots if plot.stratum == stratum)

    def origin(self, holder: str) -> tuple[Origin, ...]:
        """A holder's kilograms walked back to parcels, strata and plots."""
        strata = {stratum.stratum: stratum for stratum in self.strata}
        parcels = {parcel.parcel: parcel for parcel in self.parcels}
        found = tuple(
            Origin(
                parcels[share.parcel],
                share.credited_kg,
                strata[parcels[share.parcel].stratum],
                self.plots_of(share.parcel),
            )
            for share in self.shares
            if share.holder == holder
        )
        if not found:
            raise InvalidRequest(f"没有持有人“{holder}”的小班", f"no parcel belongs to holder “{holder}”")
        return found

    def explain(self) -> tuple[str, ...]:
        """The numbers of every step, a line each, for a person."""
        estimate, change, u = self.estimate, self.change, 100 * self.change.half_width_fraction
        start, end = utc_date(self.period_start), utc_date(self.period_end)
        lines = [f"监测期 {start} 至 {end}（不含）· period from {start} to {end} (exclusive)", *self.notes]
        for stratum in self.strata:
            figures = (
                f"{area_text(stratum.area_hectares)}, n = {stratum.plots}, "
                f"{stratum.mean_tco2e_per_hectare:+.3f} ± {stratum.standard_error_tco2e_per_hectare:.3f} tCO2e/ha"
            )
            lines.append(f"分层 {stratum.stratum}：{figures}（均值 ± 标准误 · mean ± standard error）")
        lines += [
            f"全部 {area_text(estimate.area_hectares)}，{estimate.plots} 个样地：平均变化 {estimate.mean:+.4f} tCO2e/ha"
            f" · mean change of {estimate.plots} plots over all strata",
            f"t({estimate.degrees_of_freedom}) = {estimate.t:.4f}，90 % 半宽 {estimate.half_width:.4f} tCO2e/ha，"
            f"u = {u:.2f} % · half-width of the 90 % interval, and relative to the change",
            f"× {change.factor:.6f}：{change.undiscounted:,.3f} → {change.discounted:,.3f} tCO2e（{self.deduction}）"
            f" · {100 * (1 - change.factor):.4g} % is deducted",
            f"计入 {tonnes_text(self.credited_kg)}，已扣泄漏 {tonnes_text(self.leakage_kg)}"
            " · credited, rounded down, less leakage",
            f"不确定度 {tonnes_text(self.uncertainty_kg)}，交叉核对 {tonnes_text(self.cross_check_kg)}"
            " · uncertainty, cross-check",
            f"{len(self.parcels)} 个小班，{len(self.holders)} 位持有人 · parcels and the holders who share in them",
        ]
        lines += [str(finding) for finding in self.findings]
        if self.refusal is not None:
            lines.append(self.refusal)
        return tuple(lines)

    def _parcel(self, id_: str) -> ParcelCredit:
        for parcel in self.parcels:
            if parcel.parcel == id_:
                return parcel
        raise InvalidRequest(f"没有小班“{id_}”", f"no parcel “{id_}”")


# --- From plots to a period --------------------------------------------------------------------------------


def assemble(
    *,
    subject: str,
    period_start: int,
    period_end: int,
    plots: tuple[PlotChange, ...],
    areas: Mapping[str, float],
    parcels: Sequence[Parcel],
    holders: Mapping[str, Holder],
    leakage_kg: int,
    cross_check_tco2e: float | None,
    evidence: tuple[RawFile, ...],
    methodology: Methodology,
    methodology_digest: bytes,
    notes: tuple[str, ...],
    height_half_width: float = 0.0,
    findings: Sequence[Finding] = (),
    policy: Policy | None = None,
    tenures: Sequence[Tenure] = (),
    tenures_source: str = "",
) -> Monitoring:
    """Estimates, discounts, decides whether anything may be issued, and divides it.

    `height_half_width`, in tCO2e per hectare, is what heights that nobody measured add to the half-width.
    """
    estimate = stratified(plots, areas, lambda plot: plot.change_tco2e_per_hectare)
    estimate = replace(estimate, half_width=math.hypot(estimate.half_width, height_half_width))
    return conclude(
        subject=subject,
        period_start=period_start,
        period_end=period_end,
        estimate=estimate,
        plots=plots,
        parcels=parcels,
        holders=holders,
        leakage_kg=leakage_kg,
        cross_check_tco2e=cross_check_tco2e,
        evidence=evidence,
        methodology=methodology.key,
        remaining=methodology.rules.remaining,
        deduction=methodology.rules.deduction,
        methodology_digest=methodology_digest,
        notes=notes,
        findings=findings,
        policy=policy,
        tenures=tenures,
        tenures_source=tenures_source,
    )


def conclude(
    *,
    subject: str,
    period_start: int,
    period_end: int,
    estimate: Estimate,
    plots: tuple[PlotChange, ...],
    parcels: Sequence[Parcel],
    holders: Mapping[str, Holder],
    leakage_kg: int,
    cross_check_tco2e: float | None,
    evidence: tuple[RawFile, ...],
    methodology: str,
    remaining: Callable[[float], float],
    deduction: str,
    methodology_digest: bytes,
    notes: tuple[str, ...],
    findings: Sequence[Finding],
    policy: Policy | None,
    tenures: Sequence[Tenure] = (),
    tenures_source: str = "",
    whole_kg: int = 1,
) -> Monitoring:
    """From an estimated change, however it was estimated, to whole kilograms and their holders.

    `whole_kg` is the smallest quantity that the methodology credits: 1,000 where it is a tonne.
    """
    if leakage_kg < 0:
        raise InvalidRequest(f"泄漏不能为负：{leakage_kg} kg", f"leakage cannot be negative: {leakage_kg} kg")
    change = Change(estimate.total, estimate.half_width_fraction, remaining(estimate.half_width_fraction))
    remaining_kg = math.floor(change.discounted * KILOGRAMS_PER_TONNE) - leakage_kg
    remaining_kg -= remaining_kg % whole_kg
    strata = tuple(_stratum_change(stratum, change.factor) for stratum in estimate.strata)
    refusal = (policy or Policy()).refusal(findings) or _refusal(change, remaining_kg, strata)
    credited_kg = 0 if refusal else remaining_kg
    credits = divide(credited_kg, parcels, {stratum.stratum: stratum.rate_micrograms_per_m2 for stratum in strata})
    shares = share_by_tenure(credits, tenures, period_start=period_start, period_end=period_end, source=tenures_source)
    return Monitoring(
        subject=subject,
        period_start=period_start,
        period_end=period_end,
        observed_at=period_end,
        estimate=estimate,
        change=change,
        leakage_kg=leakage_kg,
        strata=strata,
        plots=plots,
        credited_kg=credited_kg,
        uncertainty_kg=math.ceil(estimate.half_width * estimate.area_hectares * KILOGRAMS_PER_TONNE),
        cross_check_kg=0
        if refusal or cross_check_tco2e is None
        else math.floor(cross_check_tco2e * change.factor * KILOGRAMS_PER_TONNE) - leakage_kg,
        parcels=credits,
        shares=shares,
        holders=sum_by_holder([(share.holder, share.credited_kg) for share in shares], holders),
        evidence=evidence,
        evidence_root=evidence_root(evidence),
        methodology=methodology,
        methodology_digest=methodology_digest,
        refusal=refusal,
        notes=notes,
        deduction=deduction,
        findings=tuple(findings),
        is_cross_checked=cross_check_tco2e is not None,
    )


def _refusal(change: Change, remaining_kg: int, strata: Sequence[StratumChange]) -> str | None:
    """Why nothing may be issued, or None. A negative change is a reversal, never an issuance."""
    u = 100 * change.half_width_fraction
    if change.undiscounted < 0:
        fall = f"{-change.undiscounted:,.3f} tCO2e"
        return f"碳储量减少 {fall}，这是逆转，不签发 · the stock fell by {fall}: a reversal, nothing is issued"
    if change.discounted <= 0:
        return (
            f"变化不显著：90 % 半宽是均值的 {u:.1f} %，折扣后没有剩余，不签发"
            f" · the change is not significant: its 90 % half-width is {u:.1f} % of it,"
            " nothing is left after the discount, nothing is issued"
        )
    if remaining_kg <= 0 or not any(stratum.rate_micrograms_per_m2 for stratum in strata):
        return "扣除泄漏后不足以分配，不签发 · too little is left after leakage to divide, nothing is issued"
    return None


def _stratum_change(stratum: StratumMean, factor: float) -> StratumChange:
    discounted = stratum.mean * factor if stratum.mean > 0 and factor > 0 else 0.0
    return StratumChange(
        stratum=stratum.stratum,
        area_hectares=stratum.area_hectares,
        plots=stratum.plots,
        mean_tco2e_per_hectare=stratum.mean,
        standard_error_tco2e_per_hectare=math.sqrt(stratum.variance_of_mean),
        rate_micrograms_per_m2=math.floor(
            discounted * KILOGRAMS_PER_TONNE / SQUARE_METRES_PER_HECTARE * MICROGRAMS_PER_KILOGRAM
        ),
    )


def stratified(
    plots: Sequence[PlotChange], areas: Mapping[str, float], value: Callable[[PlotChange], float]
) -> Estimate:
    """The stratified mean of some figure of each plot, per hectare of forest."""
    observed: dict[str, list[Observation]] = {name: [] for name in areas}
    for plot in plots:
        observed[plot.stratum].append(Observation(plot.plot, value(plot), plot.share))
    return stratified_mean([StratumSample(name, area, tuple(observed[name])) for name, area in areas.items()])


def basal_area_cross_check(plots: Sequence[PlotChange], areas: Mapping[str, float]) -> tuple[float, str]:
    """The change in tCO2e that diameters alone suggest: basal area growth times a stand-level ratio of stock to it.

    The ratio is that of both visits together, so that land which was bare at the first has one too. It stands in for
    remote sensing; it is independent of heights, wood densities and biomass equations of the *change*, but not of the
    plots.
    """

    def mean(value: Callable[[VisitFigure], float]) -> float:
        return stratified(
            plots,
            areas,
            lambda plot: math.fsum(value(visit) for pair in plot.pairs for visit in pair) / len(plot.pairs),
        ).mean

    stock, basal_area = mean(lambda visit: visit.tco2e_per_hectare), mean(lambda visit: visit.basal_area_m2_per_hectare)
    if basal_area == 0:
        raise NothingMeasured("两次调查都没有胸高断面积", "neither visit found any basal area")
    growth = stratified(plots, areas, lambda plot: plot.basal_area_growth_m2_per_hectare)
    ratio = stock / basal_area
    return growth.total * ratio, (
        f"交叉核对（代替遥感）：断面积增长 {growth.mean:+.4f} m²/ha × {ratio:.3f} tCO2e/m²"
        f" = {growth.total * ratio:,.3f} tCO2e"
        " · cross-check in place of remote sensing: basal area growth (diameters only) times a stand-level ratio"
    )
