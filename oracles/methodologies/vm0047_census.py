"""Verra VM0047 v1.1, census-based approach: every planting unit is counted, a sample of them is measured.

`C = Σ N (1 − M) · mean(B) · (1 + R) · CF · 44/12` over the groups of planting units, N planted, M the mortality found
in the sample, B the above-ground biomass of the sampled units that live.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oracles.errors import InvalidReading, NothingMeasured, TooFewPlots
from oracles.explanation import Step
from oracles.methodologies.methodology import digest_of
from oracles.methodologies.sampling import (
    Estimate,
    Observation,
    StratumMean,
    StratumSample,
    stratified_mean,
    t_two_sided_90,
)
from oracles.methodologies.stocks import CO2_PER_CARBON, Z_TWO_SIDED_90
from oracles.readings import KILOGRAMS_PER_TONNE

KEY, VERSION = "vm0047-census", "1.1"
CARBON_FRACTION = 0.47
TOLERATED_HALF_WIDTH = 0.10
NO_CREDIT_ABOVE = 1.00
LEAST_BUFFER = 0.12
HALF_WIDTH_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class CensusGroup:
    """Planting units of one kind: how many were planted, and what the sampled ones weigh above ground, kg d.m.

    A sampled unit that is dead is None. `units` are their ids, in the same order, and `diameters_cm` their diameters.
    """

    name: str
    planted: int
    root_shoot: float
    sampled_kg: tuple[float | None, ...]
    units: tuple[str, ...] = ()
    diameters_cm: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        if any(len(column) not in (0, len(self.sampled_kg)) for column in (self.units, self.diameters_cm)):
            raise InvalidReading("抽样株", "sampled units", len(self.units), str(len(self.sampled_kg)))
        if self.planted < len(self.sampled_kg):
            raise InvalidReading("栽植株数", "planted units", self.planted, f"≥ {len(self.sampled_kg)} sampled")
        if len(self.alive) < 2:
            raise TooFewPlots(stratum=self.name, plots=len(self.alive))

    @property
    def alive(self) -> tuple[float, ...]:
        return tuple(kilograms for kilograms in self.sampled_kg if kilograms is not None)

    @property
    def mortality(self) -> float:
        """The part of the sampled units that is dead."""
        return 1 - len(self.alive) / len(self.sampled_kg)

    @property
    def mean_kg(self) -> float:
        return math.fsum(self.alive) / len(self.alive)

    @property
    def stock_tco2e(self) -> float:
        """`N (1 − M) · mean(B) · (1 + R) · CF · 44/12`."""
        return self.tco2e_if_each(self.mean_kg) * len(self.alive) / len(self.sampled_kg)

    def tco2e_if_each(self, kilograms: float) -> float:
        """What the group would hold if each planted unit weighed as much above ground."""
        return self.planted * kilograms * (1 + self.root_shoot) * CARBON_FRACTION * CO2_PER_CARBON / KILOGRAMS_PER_TONNE

    @property
    def half_width_fraction(self) -> float:
        """`sqrt((t · SE / mean)² + U_M²)` at two-sided 90 %."""
        n = len(self.alive)
        if self.mean_kg == 0:
            raise NothingMeasured(f"“{self.name}”的生物量为零", f"the biomass of “{self.name}” is zero")
        variance = math.fsum((kilograms - self.mean_kg) ** 2 for kilograms in self.alive) / (n - 1)
        size = t_two_sided_90(n - 1) * math.sqrt(variance / n) / self.mean_kg
        return math.hypot(size, mortality_half_width(self.mortality, len(self.sampled_kg)))


@dataclass(frozen=True, slots=True)
class Census:
    """The stock of a census, and what of it counts; credits are whole tonnes, rounded down."""

    stock_tco2e: float
    half_width_percent: float
    discounted_stock_tco2e: float
    whole_tonnes: int
    sampled: int
    groups: int
    explanation: Step


def mortality_half_width(mortality: float, sampled: int) -> float:
    """The relative half-width that mortality brings: `U_M = t · sqrt(M (1 − M) / (n − 1)) / (1 − M)`."""
    return t_two_sided_90(sampled - 1) * math.sqrt(mortality * (1 - mortality) / (sampled - 1)) / (1 - mortality)


def deduction(half_width: float) -> float:
    """`min(1, max(0, HW − 10 %))`, and everything where the half-width is above 100 %."""
    rounded = round(half_width, HALF_WIDTH_DECIMALS)
    if rounded > NO_CREDIT_ABOVE:
        return 1.0
    return min(1.0, max(0.0, rounded - TOLERATED_HALF_WIDTH))


def buffer_share(risk_rating: float) -> float:
    """The part of a change that goes to the buffer: the project's risk rating, at least 12 %."""
    if not 0 <= risk_rating <= 1:
        raise InvalidReading("风险评级", "risk rating", risk_rating, "0–1")
    return max(risk_rating, LEAST_BUFFER)


def stock(groups: Sequence[CensusGroup]) -> Census:
    """The stock over all groups; the half-widths of groups, which are sampled independently, add up in squares."""
    total = math.fsum(group.stock_tco2e for group in groups)
    half_width = math.hypot(*(group.stock_tco2e * group.half_width_fraction for group in groups)) / total
    deducted = deduction(half_width)
    counted = total * (1 - deducted)
    return Census(
        stock_tco2e=total,
        half_width_percent=100 * half_width,
        discounted_stock_tco2e=counted,
        whole_tonnes=math.floor(counted),
        sampled=sum(len(group.sampled_kg) for group in groups),
        groups=len(groups),
        explanation=Step(
            "可计入",
            "what counts",
            counted,
            "tCO2e",
            f"{total:,.6g} × (1 − {deducted:.6f}); half-width {100 * half_width:.4f} %, 10 % tolerated",
            tuple(
                Step(
                    group.name,
                    f"{len(group.alive)} of {len(group.sampled_kg)} sampled units live",
                    group.stock_tco2e,
                    "tCO2e",
                    f"{group.planted:,} × (1 − {group.mortality:.6g}) × {group.mean_kg:,.6g} kg"
                    f" × (1 + {group.root_shoot:g}) × {CARBON_FRACTION} × 44/12 / 1000;"
                    f" half-width {100 * group.half_width_fraction:.4f} %",
                )
                for group in groups
            ),
        ),
    )


def change(first: Sequence[CensusGroup], second: Sequence[CensusGroup], hectares: Mapping[str, float]) -> Estimate:
    """The change of every group per hectare of its land, and of all groups together, between two independent surveys.

    Half-widths, those of stocks, add up in squares: `sqrt(Σ (HW₁ C₁)² + (HW₂ C₂)²)`. A group whose sample grew more
    certain does not make the earlier one so.
    """
    later = {group.name: group for group in second}
    area = math.fsum(hectares[group.name] for group in first)
    means, widths = [], []
    for group in first:
        other = later[group.name]
        width = math.hypot(group.stock_tco2e * group.half_width_fraction, other.stock_tco2e * other.half_width_fraction)
        own = hectares[group.name]
        means.append(
            StratumMean(
                group.name,
                own,
                len(group.sampled_kg) + len(other.sampled_kg),
                (other.stock_tco2e - group.stock_tco2e) / own,
                (width / own / Z_TWO_SIDED_90) ** 2,
                2,
            )
        )
        widths.append(width)
    degrees = sum(mean.plots - mean.means for mean in means)
    total = math.fsum(mean.mean * mean.area_hectares for mean in means)
    return Estimate(total / area, math.hypot(*widths) / area, t_two_sided_90(degrees), degrees, area, tuple(means))


def is_same_units(first: Sequence[CensusGroup], second: Sequence[CensusGroup]) -> bool:
    """Whether every group was sampled in the same units at both dates."""
    later = {group.name: sorted(group.units) for group in second}
    return all(group.units and sorted(group.units) == later[group.name] for group in first)


def change_of_same_units(
    first: Sequence[CensusGroup], second: Sequence[CensusGroup], hectares: Mapping[str, float]
) -> Estimate:
    """The same change where the same units were measured again: the mean over units of what each gained.

    A unit that is dead weighs nothing, so the figure is that of two surveys; its half-width is that of the gains, which
    differ less than the units do. A unit that was dead and lives again was planted anew, and counts as it is.
    """
    later = {group.name: dict(zip(group.units, group.sampled_kg, strict=True)) for group in second}
    return stratified_mean(
        [
            StratumSample(
                group.name,
                hectares[group.name],
                tuple(
                    Observation(
                        unit,
                        group.tco2e_if_each((later[group.name][unit] or 0.0) - (kilograms or 0.0))
                        / hectares[group.name],
                    )
                    for unit, kilograms in zip(group.units, group.sampled_kg, strict=True)
                ),
            )
            for group in first
        ]
    )


def digest(**choices: str) -> bytes:
    """The hash of version, parameters and of the choices made, such as the biomass equation."""
    return digest_of(
        {
            "choices": choices,
            "key": KEY,
            "parameters": {
                "carbon_fraction": CARBON_FRACTION,
                "co2_per_carbon": "44/12",
                "half_width_decimals": HALF_WIDTH_DECIMALS,
                "least_buffer": LEAST_BUFFER,
                "no_credit_above": NO_CREDIT_ABOVE,
                "tolerated_half_width": TOLERATED_HALF_WIDTH,
            },
            "version": VERSION,
        }
    )
