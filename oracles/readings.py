"""What foresters measure: trees, plots, strata, parcels. An object that exists is valid.

Units are metric and part of every name. Measured quantities are floats, which is right inside an estimator and
nowhere else; areas that end up in a register are whole square metres.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from ledger_service.domain.units import SquareMetres
from oracles.errors import InvalidReading

KILOGRAMS_PER_TONNE = 1_000
SQUARE_METRES_PER_HECTARE = 10_000
SQUARE_METRES_PER_MU = Fraction(10_000, 15)
"""One mu (亩) is a fifteenth of a hectare; it is shown and read, never stored."""


def area_text(hectares: float) -> str:
    """An area as a person reads it, in 亩 and hectares, to the square metre."""
    return str(SquareMetres(round(hectares * SQUARE_METRES_PER_HECTARE)))


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that is measured, with the limits beyond which a figure is a mistake, not a measurement."""

    zh: str
    en: str
    unit: str
    most: float
    zero_is_possible: bool = False

    @property
    def limits(self) -> str:
        """The limits in one phrase, for a message."""
        return f"{'≥' if self.zero_is_possible else '>'} 0, ≤ {self.most:g} {self.unit}".strip()

    def holds(self, value: float) -> bool:
        """Whether `value` is finite and within the limits."""
        return math.isfinite(value) and (value > 0 or (self.zero_is_possible and value == 0)) and value <= self.most

    def check(self, value: float) -> None:
        """Refuses a value outside the limits."""
        if not self.holds(value):
            raise InvalidReading(self.zh, self.en, value, self.limits)


DIAMETER = Quantity("胸径", "diameter at breast height", "cm", most=1_500)
"""The stoutest tree on record (Árbol del Tule) measures about 1,160 cm."""
HEIGHT = Quantity("树高", "height", "m", most=130)
"""The tallest tree on record (Hyperion) measures about 116 m."""
WOOD_DENSITY = Quantity("木材密度", "wood density", "g/cm³", most=1.5)
"""Balsa is near 0.1, lignum vitae near 1.26; a figure such as 520 is in kg/m³."""
ABOVE_GROUND_MASS = Quantity("地上生物量", "above-ground biomass", "kg", most=2_000_000, zero_is_possible=True)
PLOT_AREA = Quantity("样地面积", "plot area", "m²", most=1_000_000)
AREA = Quantity("面积", "area", "", most=1e13)
CANOPY_INDEX = Quantity("冠层指数", "canopy index", "", most=1_000_000, zero_is_possible=True)
COVARIATE = Quantity("协变量", "covariate", "", most=1e9, zero_is_possible=True)


@dataclass(frozen=True, slots=True)
class Tree:
    """One living tree of one plot visit.

    `label` names it to a person who holds the tally sheet, `row` is its row there. `height_is_modelled` marks a height
    that nobody measured.
    """

    label: str
    row: int
    species: str
    dbh_cm: float
    height_m: float | None = None
    wood_density_g_cm3: float | None = None
    above_ground_kg: float | None = None
    height_is_modelled: bool = False

    def __post_init__(self) -> None:
        DIAMETER.check(self.dbh_cm)
        if self.height_m is not None:
            HEIGHT.check(self.height_m)
        if self.wood_density_g_cm3 is not None:
            WOOD_DENSITY.check(self.wood_density_g_cm3)
        if self.above_ground_kg is not None:
            ABOVE_GROUND_MASS.check(self.above_ground_kg)

    @property
    def basal_area_m2(self) -> float:
        """The cross-section of the stem at breast height."""
        return math.pi / 4 * (self.dbh_cm / 100) ** 2


@dataclass(frozen=True, slots=True)
class PlotVisit:
    """One visit to one sample plot: every living tree on its horizontal area. No trees is a finding, not a gap.

    `source` is the file it was read from, `row` where the plot first stands there.
    """

    source: str
    row: int
    plot: str
    stratum: str
    area_m2: float
    trees: tuple[Tree, ...]

    def __post_init__(self) -> None:
        PLOT_AREA.check(self.area_m2)

    @property
    def area_hectares(self) -> float:
        return self.area_m2 / SQUARE_METRES_PER_HECTARE

    @property
    def basal_area_m2_per_hectare(self) -> float:
        return math.fsum(tree.basal_area_m2 for tree in self.trees) / self.area_hectares


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of the project area whose forest is alike.

    Its area is exact, so that mu lose nothing before the estimate.
    """

    name: str
    area_m2: Fraction

    def __post_init__(self) -> None:
        AREA.check(float(self.area_m2))

    @property
    def area_hectares(self) -> float:
        return float(self.area_m2 / SQUARE_METRES_PER_HECTARE)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A piece of forest with one holder (小班), in whole square metres."""

    id: str
    stratum: str
    area_m2: int
    holder: str

    def __post_init__(self) -> None:
        if self.area_m2 < 1:
            raise InvalidReading("小班面积", "parcel area", self.area_m2, "≥ 1 m²")


@dataclass(frozen=True, slots=True)
class Holder:
    """Someone who is paid: an id that people use, and the account on chain (20 bytes). Personal data stay elsewhere."""

    id: str
    account: bytes

    def __post_init__(self) -> None:
        if len(self.account) != 20 or not any(self.account):
            raise InvalidReading("账户", "account", f"0x{self.account.hex()}", "20 bytes, not zero")


@dataclass(frozen=True, slots=True)
class Tenure:
    """A holder's share of a parcel for a time, in UTC seconds, half-open. None is before, or after, every period."""

    parcel: str
    holder: str
    share: Fraction
    start: int | None
    end: int | None

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InvalidReading("份额", "share", self.share, "> 0, ≤ 1")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise InvalidReading("持有期", "end of a tenure", self.end, f"> {self.start}")
