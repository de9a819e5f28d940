"""One monitoring period of one pool: from plots that were measured twice to the whole kilograms that reporters sign.

Measured quantities are floats until `credited_kg`, which is rounded down once; from there on everything is a whole number and adds up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from pyo3_core import allocate

from oracles.errors import InvalidMonitoring, InvalidRequest, NothingMeasured, OutOfRange, UnknownReference
from oracles.evidence import RawFile, evidence_root, read_raw
from oracles.methodologies import ar_tool14
from oracles.methodologies.allometry import above_ground_t_per_hectare, allometry
from oracles.methodologies.ar_tool14 import CO2_PER_CARBON, Counted
from oracles.methodologies.sampling import Estimate, Observation, StratumMean, StratumSample, stratified_mean
from oracles.readings import SQUARE_METRES_PER_HECTARE, Holder, Parcel
from oracles.registers import (
    MICROGRAMS_PER_KILOGRAM,
    HolderWeight,
    ParcelCredit,
    RegisterColumns,
    divide,
    register_columns,
    sum_by_holder,
)
from oracles.sources import fia
from oracles.sources.csv_trees import (
    Inventory,
    read_accounts,
    read_canopy,
    read_holders,
    read_inventory,
    read_parcels,
)
from oracles.sources.synthetic import lots, name_holders

KILOGRAMS_PER_TONNE = 1000


@dataclass(frozen=True, slots=True)
class VisitFigure:
    """What one visit to one plot found, per hectare of plot. `source` is the visit's number or the file of the campaign."""

    source: str
    on: date
    trees: int
    tco2e_per_hectare: float
    basal_area_m2_per_hectare: float


@dataclass(frozen=True, slots=True)
class PlotChange:
    """One plot that was measured again, once or several times. `share` is the part of it that is forest, the mean of its visits."""

    plot: str
    stratum: str
    share: float
    pairs: tuple[tuple[VisitFigure, VisitFigure], ...]

    @property
    def change_tco2e_per_hectare(self) -> float:
        """The change from one visit to the next, per hectare of plot: the mean of its pairs, so that a plot counts once."""
        return math.fsum(second.tco2e_per_hectare - first.tco2e_per_hectare for first, second in self.pairs) / len(self.pairs)

    @property
    def basal_area_growth_m2_per_hectare(self) -> float:
        """The same for basal area, which needs diameters only."""
        growth = (second.basal_area_m2_per_hectare - first.basal_area_m2_per_hectare for first, second in self.pairs)
        return math.fsum(growth) / len(self.pairs)


@dataclass(frozen=True, slots=True)
class StratumChange:
    """A stratum's mean change per hectare, what of it may be counted, and the rate its parcels share the pool by."""

    stratum: str
    area_hectares: float
    plots: int
    mean_tco2e_per_hectare: float
    standard_error_tco2e_per_hectare: float
    discounted_tco2e_per_hectare: float
    rate_micrograms_per_m2: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a holder's kilograms come from: a parcel, its stratum, and the plots that were measured in it."""

    parcel: ParcelCredit
    stratum: StratumChange
    plots: tuple[PlotChange, ...]


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The result of one monitoring period. Times are UTC seconds; the period is half-open.

    `credited_kg` is the discounted change less leakage, rounded down. `uncertainty_kg` is the half-width of the 90 % interval of the
    undiscounted change, rounded up. `cross_check_kg` is an independent figure for `credited_kg`, a stand-in for remote sensing: `explain()`
    says what it was computed from. `refusal` says why nothing may be issued; then nothing is credited and there are no holders.
    """

    subject: str
    period_start: int
    period_end: int
    observed_at: int
    estimate: Estimate
    change: Counted
    leakage_kg: int
    strata: tuple[StratumChange, ...]
    plots: tuple[PlotChange, ...] = field(repr=False)
    credited_kg: int
    uncertainty_kg: int
    cross_check_kg: int
    parcels: tuple[ParcelCredit, ...] = field(repr=False)
    holders: tuple[HolderWeight, ...] = field(repr=False)
    evidence: tuple[RawFile, ...] = field(repr=False)
    evidence_root: bytes
    methodology: str
    methodology_digest: bytes
    refusal: str | None
    notes: tuple[str, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.period_start < self.period_end <= self.observed_at:
            raise InvalidMonitoring("监测期的起止和观测时间不合理", "the period must start before it ends, and end before it is observed")
        if self.credited_kg < 0 or (self.refusal is not None and self.credited_kg):
            raise InvalidMonitoring("拒绝签发时不能有碳汇量", "a refused period credits nothing")
        if not self.credited_kg == sum(parcel.credited_kg for parcel in self.parcels) == sum(leaf.weight for leaf in self.holders):
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
        found = tuple(
            Origin(parcel, strata[parcel.stratum], self.plots_of(parcel.parcel)) for parcel in self.parcels if parcel.holder == holder
        )
        if not found:
            raise InvalidRequest(f"没有持有人“{holder}”的小班", f"no parcel belongs to holder “{holder}”")
        return found

    def explain(self) -> tuple[str, ...]:
        """The numbers of every step, a line each, for a person."""
        estimate, change = self.estimate, self.change
        lines = [
            f"监测期 {_day(self.period_start)} 至 {_day(self.period_end)}（不含）· period {_day(self.period_start)} to {_day(self.period_end)} (exclusive)",
            *self.notes,
            *(
                f"分层 {s.stratum}：{s.area_hectares:,.1f} ha，{s.plots} 样地，{s.mean_tco2e_per_hectare:+.3f} ± {s.standard_error_tco2e_per_hectare:.3f} tCO2e/ha"
                f" · stratum {s.stratum}: {s.area_hectares:,.1f} ha, {s.plots} plots, mean and standard error"
                for s in self.strata
            ),
            f"面积 {estimate.area_hectares:,.1f} ha，{estimate.plots} 样地，平均变化 {estimate.mean:+.4f} tCO2e/ha"
            f" · {estimate.plots} plots, mean change over the area",
            f"t = {estimate.t:.4f}（自由度 {estimate.degrees_of_freedom}），90 % 半宽 {estimate.half_width:.4f} tCO2e/ha，u = {100 * change.half_width_fraction:.2f} %"
            f" · t at {estimate.degrees_of_freedom} degrees of freedom, half-width, u",
            f"折扣 {100 * change.discount:.0f} % 的半宽：{change.undiscounted:,.1f} → {change.discounted:,.1f} tCO2e"
            f" · {100 * change.discount:.0f} % of the half-width is subtracted",
            f"泄漏 {self.leakage_kg:,} kg；计入 {self.credited_kg:,} kg；不确定度 {self.uncertainty_kg:,} kg；交叉核对 {self.cross_check_kg:,} kg"
            f" · leakage, credited (rounded down), uncertainty (rounded up), cross-check",
            f"{len(self.parcels)} 个小班，{len(self.holders)} 位持有人分享 · {len(self.parcels)} parcels, {len(self.holders)} holders share it",
        ]
        if self.refusal is not None:
            lines.append(self.refusal)
        return tuple(lines)

    def _parcel(self, id_: str) -> ParcelCredit:
        for parcel in self.parcels:
            if parcel.parcel == id_:
                return parcel
        raise InvalidRequest(f"没有小班“{id_}”", f"no parcel “{id_}”")
