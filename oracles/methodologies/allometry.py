"""From measured trees to biomass, by published equations.

Every function names its equation and its units; nothing rounds.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from oracles.errors import (
    Contradiction,
    Duplicate,
    InvalidRequest,
    MissingMeasurement,
    MissingValue,
    UnknownAllometry,
    UnknownReference,
)
from oracles.evidence import RawFile
from oracles.readings import KILOGRAMS_PER_TONNE, WOOD_DENSITY, PlotVisit, Quantity, Tree
from oracles.sources.tables import read_table

Array = Any
"""A float, or an array of floats: the equations serve single trees and draws of thousands."""

_COEFFICIENT = Quantity("系数", "coefficient", "", most=1e6)
_EXPONENT = Quantity("指数", "exponent", "", most=5)
_EXPONENT_OR_NONE = Quantity("指数", "exponent", "", most=5, zero_is_possible=True)
_SIGMA = Quantity("残差标准误", "residual error of the logarithm", "", most=2, zero_is_possible=True)
_SAMPLE = Quantity("样本数", "sample size", "", most=1e9)
_BEF = Quantity("生物量扩展因子", "biomass expansion factor", "", most=10)


class Allometry(Protocol):
    """Above-ground biomass in kg dry matter of one tree; the text is the file the tree came from, for the error."""

    @property
    def key(self) -> str:
        """What names it in the methodology digest."""

    def __call__(self, tree: Tree, file: str) -> float: ...

    def of(self, tree: Tree, file: str) -> "Equation":
        """The equation that applies to this tree."""


ROOT_INTERCEPT, ROOT_SLOPE = -1.085, 0.9256


def chave2014_eq4_kg(*, dbh_cm: float, height_m: float, wood_density_g_cm3: float) -> float:
    """Above-ground biomass of a tropical tree: `0.0673 · (ρ H D²)^0.976` kg dry matter; ρ g/cm³, H m, D cm.

    Chave et al. 2014, Global Change Biology 20, 3177–3190, eq. 4; residual standard error 0.357 of the logarithm.
    """
    return float(0.0673 * (wood_density_g_cm3 * height_m * dbh_cm**2) ** 0.976)


def below_ground_t_per_hectare(above_ground_t_per_hectare: float) -> float:
    """Root biomass of a stand: `exp(−1.085 + 0.9256 ln b)`, both in t dry matter per hectare, b above ground.

    Cairns et al. 1997, Oecologia 111, 1–11; in AR-TOOL14 v04.2 as the default root-shoot ratio `R = exp(−1.085
    + 0.9256 ln b)/b`. A stand without trees has no roots.
    """
    if above_ground_t_per_hectare == 0:
        return 0.0
    return math.exp(ROOT_INTERCEPT + ROOT_SLOPE * math.log(above_ground_t_per_hectare))


def chave2014_eq7_kg(*, dbh_cm: float, wood_density_g_cm3: float, environment: float) -> float:
    """Above-ground biomass without height, kg d.m.: `exp(−1.803 − 0.976 E + 0.976 ln ρ + 2.673 ln D − 0.0299 (ln D)²)`.

    Chave et al. 2014, Global Change Biology 20, 3177–3190, eq. 7; E is the environmental stress of the place, the
    residual standard error of the logarithm 0.413.
    """
    return float(_chave2014_eq7(dbh_cm, wood_density_g_cm3, environment))


def _chave2014_eq7(dbh_cm: Array, density: Array, environment: float) -> Array:
    logarithm = np.log(dbh_cm)
    return np.exp(-1.803 - 0.976 * environment + 0.976 * np.log(density) + 2.673 * logarithm - 0.0299 * logarithm**2)


@dataclass(frozen=True, slots=True)
class Equation:
    """A biomass equation: above-ground kg of dry matter of one tree, and how far single trees lie from it.

    `kilograms` takes arrays of diameter (cm), height (m) and wood density (g/cm³); those that the equation does not
    need may be NaN. `sigma_ln` is the residual standard error of the logarithm, already corrected for in the mean;
    `sigma_mean_ln` that of the equation itself, which all trees share.
    """

    key: str
    needs_height: bool
    needs_density: bool
    kilograms: Callable[[Array, Array, Array], Array]
    sigma_ln: float
    sigma_mean_ln: float

    def __call__(self, tree: Tree, file: str) -> float:
        """The biomass of a tally-sheet tree. A tree without what the equation needs is refused, with its row."""
        return float(self.kilograms(*self.require(tree, file)))

    def of(self, tree: Tree, file: str) -> "Equation":
        """The equation for this tree: of its species, where equations differ by species."""
        del tree, file
        return self

    def require(self, tree: Tree, file: str) -> tuple[float, float, float]:
        """Diameter, height and wood density of a tree, NaN for what is not needed; refuses one that lacks any."""
        if self.needs_height and tree.height_m is None:
            raise MissingMeasurement(
                file=file,
                row=tree.row,
                column="height_m",
                tree=tree.label,
                advice_zh="此方程需要树高；补测，或用 --heights 由胸径推算",
                advice_en="this equation needs the height; measure it, or let --heights fill it in",
            )
        if self.needs_density and tree.wood_density_g_cm3 is None:
            raise MissingMeasurement(
                file=file,
                row=tree.row,
                column="wood_density",
                tree=tree.label,
                advice_zh="此方程需要木材密度（g/cm³）；不按树种猜测，请填写，或直接给出 above_ground_kg",
                advice_en="this equation needs the wood density (g/cm³), which is not guessed from the species;"
                " fill it in, or give above_ground_kg",
            )
        height = tree.height_m if self.needs_height and tree.height_m is not None else math.nan
        density = tree.wood_density_g_cm3 if self.needs_density and tree.wood_density_g_cm3 is not None else math.nan
        return tree.dbh_cm, height, density


CHAVE_2014_TREES = 4_004
"""Harvested trees behind both equations; the error that all trees share is at least σ/√n."""


chave2014_eq4 = Equation(
    "chave2014-eq4",
    needs_height=True,
    needs_density=True,
    kilograms=lambda dbh, height, density: 0.0673 * (density * height * dbh**2) ** 0.976,
    sigma_ln=0.357,
    sigma_mean_ln=0.357 / math.sqrt(CHAVE_2014_TREES),
)
"""Chave et al. 2014 eq. 4; needs height and wood density."""


def chave2014_eq7(environment: float) -> Equation:
    """Chave et al. 2014 eq. 7, the variant with environmental stress E in place of height."""
    return Equation(
        f"chave2014-eq7(E={environment!r})",
        needs_height=False,
        needs_density=True,
        kilograms=lambda dbh, _height, density: _chave2014_eq7(dbh, density, environment),
        sigma_ln=0.413,
        sigma_mean_ln=0.413 / math.sqrt(CHAVE_2014_TREES),
    )


@dataclass(frozen=True, slots=True)
class EquationsBySpecies:
    """Equations loaded from data, one per species, `*` for all others. `digest` is that of the file."""

    key: str
    by_species: Mapping[str, Equation]
    file: str

    def __call__(self, tree: Tree, file: str) -> float:
        return self.of(tree, file)(tree, file)

    def of(self, tree: Tree, file: str) -> Equation:
        found = self.by_species.get(tree.species) or self.by_species.get("*")
        if found is None:
            raise UnknownReference(
                f"方程表 {self.file} 里没有这个树种，也没有 *（{tree.label}）",
                f"{self.file} has no equation for this species, and none for * ({tree.label})",
                file=file,
                row=tree.row,
                column="species",
                value=tree.species,
            )
        return found


def read_equations(raw: RawFile) -> EquationsBySpecies:
    """Reads equations `a · D^b · H^c` from a CSV: `species, kind, a, b, c, sigma_ln, trees, wood_density, bef, source`.

    `kind` is `biomass` (kg above ground) or `volume` (m³ of stem, which becomes `V · wood density · BEF`; an empty
    wood density means the tree's own). `c` 0 means without height. D in cm, H in m. `sigma_ln` and `trees`, the
    residual error and the size of the sample behind it, may be empty for 0: no error known. A `source` is mandatory,
    because an equation without one cannot be defended.
    """
    columns = ("species", "kind", "a", "b", "c", "source")
    optional = ("sigma_ln", "trees", "wood_density", "bef")
    table = read_table(raw, zh="方程表", required=columns, optional=optional)
    table.text("source")
    absent: list[float | None] = [None] * len(table)

    def numbers(column: str, quantity: Quantity) -> list[float | None]:
        return table.optional_numbers(column, quantity) if column in table else absent

    rows = zip(
        table.rows,
        table.text("species"),
        table.text("kind"),
        table.numbers("a", _COEFFICIENT),
        table.numbers("b", _EXPONENT),
        table.numbers("c", _EXPONENT_OR_NONE),
        numbers("sigma_ln", _SIGMA),
        numbers("trees", _SAMPLE),
        numbers("wood_density", WOOD_DENSITY),
        numbers("bef", _BEF),
        strict=True,
    )
    found: dict[str, Equation] = {}
    first: dict[str, int] = {}
    for row, species, kind, a, b, c, sigma, trees, density, bef in rows:
        if species in found:
            raise Duplicate(
                "这个树种有两个方程",
                "this species has two equations",
                file=raw.name,
                row=row,
                first_row=first[species],
                column="species",
                value=species,
            )
        if kind not in ("biomass", "volume"):
            raise UnknownReference(
                "种类只能是 biomass 或 volume",
                "a kind is biomass or volume",
                file=raw.name,
                row=row,
                column="kind",
                value=kind,
            )
        if kind == "volume" and bef is None:
            raise MissingValue(
                "材积方程需要生物量扩展因子 bef",
                "an equation of volume needs the biomass expansion factor bef",
                file=raw.name,
                row=row,
                column="bef",
                value="",
            )
        if kind == "biomass" and (bef is not None or density is not None):
            raise Contradiction(
                "生物量方程不用 bef 和 wood_density",
                "an equation of biomass has no bef and no wood_density",
                file=raw.name,
                row=row,
                column="bef" if bef is not None else "wood_density",
                value=str(bef if bef is not None else density),
            )
        first[species] = row
        found[species] = Equation(
            key=f"{raw.name}#{species}",
            needs_height=c != 0,
            needs_density=kind == "volume" and density is None,
            kilograms=_power_law(a, b, c, density, None if kind == "biomass" else bef),
            sigma_ln=sigma or 0.0,
            sigma_mean_ln=(sigma or 0.0) / math.sqrt(trees) if trees else 0.0,
        )
    return EquationsBySpecies(f"{raw.name}@{raw.sha256.hex()}", found, raw.name)


def _power_law(
    a: float, b: float, c: float, density: float | None, bef: float | None
) -> Callable[[Array, Array, Array], Array]:
    def kilograms(dbh: Array, height: Array, own_density: Array) -> Array:
        quantity = a * dbh**b * (height**c if c else 1.0)
        if bef is None:
            return quantity
        return quantity * KILOGRAMS_PER_TONNE * bef * (own_density if density is None else density)

    return kilograms


ENVIRONMENTAL = "chave2014-eq7"

ALLOMETRIES: dict[str, Allometry] = {"chave2014-eq4": chave2014_eq4}


def allometry(key: str, *, environment: float | None = None, equations: RawFile | None = None) -> Allometry:
    """The biomass equation of that key; `equations` is the file behind `file`, `environment` the E of eq. 7."""
    if (key == "file") != (equations is not None):
        raise InvalidRequest(
            "方程文件（--equations）与 --equation file 要一起用", "--equations and --equation file go together"
        )
    if equations is not None:
        return read_equations(equations)
    if key == ENVIRONMENTAL:
        if environment is None or not math.isfinite(environment):
            raise InvalidRequest(
                f"{key} 需要环境胁迫指数 --environment", f"{key} needs the environmental stress E, --environment"
            )
        return chave2014_eq7(environment)
    if key not in ALLOMETRIES:
        raise UnknownAllometry(key, (*ALLOMETRIES, ENVIRONMENTAL, "file"))
    return ALLOMETRIES[key]


def above_ground_t_per_hectare(visit: PlotVisit, equation: Allometry) -> float:
    """Above-ground biomass of a plot, t dry matter per hectare of horizontal area.

    A tree's own `above_ground_kg`, where the inventory gives one, precedes the equation.
    """
    kilograms = (
        tree.above_ground_kg if tree.above_ground_kg is not None else equation(tree, visit.source)
        for tree in visit.trees
    )
    return math.fsum(kilograms) / KILOGRAMS_PER_TONNE / visit.area_hectares
