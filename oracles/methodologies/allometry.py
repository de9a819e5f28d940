"""From measured trees to biomass, by published equations.

Every function names its equation and its units; nothing rounds.
"""

import math
from collections.abc import Callable

from oracles.errors import MissingMeasurement, UnknownAllometry
from oracles.readings import PlotVisit, Tree

Allometry = Callable[[Tree, str], float]
"""Above-ground biomass in kg dry matter of one tree; the text is the file the tree came from, for the error."""

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


def chave2014_eq4(tree: Tree, file: str) -> float:
    """The above-ground biomass of a tally-sheet tree by Chave et al. 2014 eq. 4.

    A tree without height or wood density is refused.
    """
    if tree.height_m is None:
        raise MissingMeasurement(
            file=file,
            row=tree.row,
            column="height_m",
            tree=tree.label,
            advice_zh="此方程需要树高；树高—胸径模型（--height-model）尚未提供",
            advice_en="this equation needs the height; height–diameter models (--height-model) are not available yet",
        )
    if tree.wood_density_g_cm3 is None:
        raise MissingMeasurement(
            file=file,
            row=tree.row,
            column="wood_density",
            tree=tree.label,
            advice_zh="此方程需要木材密度（g/cm³）；不按树种猜测，请填写，或直接给出 above_ground_kg",
            advice_en="this equation needs the wood density (g/cm³), which is not guessed from the species;"
            " fill it in, or give above_ground_kg",
        )
    return chave2014_eq4_kg(dbh_cm=tree.dbh_cm, height_m=tree.height_m, wood_density_g_cm3=tree.wood_density_g_cm3)


ALLOMETRIES: dict[str, Allometry] = {"chave2014-eq4": chave2014_eq4}


def allometry(key: str) -> Allometry:
    """The biomass equation of that key."""
    if key not in ALLOMETRIES:
        raise UnknownAllometry(key, tuple(ALLOMETRIES))
    return ALLOMETRIES[key]


def above_ground_t_per_hectare(visit: PlotVisit, equation: Allometry) -> float:
    """Above-ground biomass of a plot, t dry matter per hectare of horizontal area.

    A tree's own `above_ground_kg`, where the inventory gives one, precedes the equation.
    """
    kilograms = (
        tree.above_ground_kg if tree.above_ground_kg is not None else equation(tree, visit.source)
        for tree in visit.trees
    )
    return math.fsum(kilograms) / 1000 / visit.area_hectares
