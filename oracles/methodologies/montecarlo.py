"""Error propagation by Monte Carlo: from the errors of single trees to the error of the stock.

Each draw measures every tree again with the errors it may have had: diameter, measured height, guessed height (its own
deviation and a shared error of the curve), wood density, the equation's residual (per tree) and its mean (shared), and
finally which plots were sampled. The result is a function of the data and of the seed alone: draws come from the raw
stream of PCG64, which numpy promises to keep, through inverse distribution functions; results are rounded to
`SIGNIFICANT_DIGITS`, so that the last bits of another processor's logarithm decide nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from oracles.errors import InvalidReading
from oracles.methodologies.allometry import Allometry, Equation
from oracles.methodologies.heights import HeightModel
from oracles.methodologies.stocks import Covariate, StockRules, stock
from oracles.readings import KILOGRAMS_PER_TONNE, PlotVisit, Stratum, Tree

Array = NDArray[np.float64]

LEAST_DRAWS, MOST_DRAWS = 100, 1_000_000
SIGNIFICANT_DIGITS = 10
CELLS_AT_ONCE = 1_000_000
"""Trees × draws that are held in memory at a time."""

GROSS_ERROR_SHARE, GROSS_ERROR_CM = 0.05, 4.64
LEAST_DBH_CM, LEAST_HEIGHT_M = 0.1, 0.1
WOOD_DENSITY_RANGE = (0.08, 1.39)
"""The least and the most in the Global Wood Density Database, g/cm³."""


@dataclass(frozen=True, slots=True)
class MeasurementErrors:
    """Standard deviations of what was measured.

    `dbh_cm` None is the error model of Chave et al. 2004 (Phil. Trans. R. Soc. B 359, 409–420): 0.0062 D + 0.0904 cm
    for most trees, 4.64 cm for one in twenty. `height_fraction` is relative to a measured height, `wood_density` is in
    g/cm³.
    """

    dbh_cm: float | None = None
    height_fraction: float = 0.0
    wood_density: float = 0.0

    def __post_init__(self) -> None:
        for name, value, most in (
            ("dbh_cm", self.dbh_cm, 50.0),
            ("height_fraction", self.height_fraction, 1.0),
            ("wood_density", self.wood_density, 1.0),
        ):
            if value is not None and not 0 <= value <= most:
                raise InvalidReading("测量误差", f"error of {name}", value, f"0–{most:g}")


@dataclass(frozen=True, slots=True)
class Propagated:
    """What the draws say of the stock, in t CO2e. The bound is one-sided: with 90 % confidence there is more."""

    draws: int
    seed: int
    mean_tco2e: float
    sd_tco2e: float
    sd_without_sampling_tco2e: float
    lower_bound_90_tco2e: float


@dataclass(frozen=True, slots=True)
class _Trees:
    """All trees of a campaign as columns, in the order of plots; those with a biomass of their own are fixed."""

    dbh: Array
    height: Array
    density: Array
    fixed_kg: Array
    sigma: Array
    sigma_mean: Array
    guessed: NDArray[np.bool_]
    groups: tuple[tuple[Equation, NDArray[np.intp]], ...]
    plot: NDArray[np.intp]


def propagate(
    rules: StockRules,
    visits: Sequence[PlotVisit],
    strata: Sequence[Stratum],
    equation: Allometry,
    *,
    errors: MeasurementErrors,
    draws: int,
    seed: int,
    heights: HeightModel | None = None,
    covariate: Covariate | None = None,
) -> Propagated:
    """Draws the stock `draws` times. Trees whose height is missing must have been filled in by `heights`."""
    if not LEAST_DRAWS <= draws <= MOST_DRAWS:
        raise InvalidReading("抽取次数", "number of draws", draws, f"{LEAST_DRAWS}–{MOST_DRAWS}")
    if not 0 <= seed < 1 << 64:
        raise InvalidReading("种子", "seed", seed, "0–2⁶⁴−1")
    estimate = stock(rules, visits, strata, equation, covariate=covariate)
    trees = _columns(visits, equation)
    stream = np.random.PCG64(seed)
    counts = {stratum.name: sum(visit.stratum == stratum.name for visit in visits) for stratum in strata}
    hectares = {stratum.name: stratum.area_hectares for stratum in strata}
    weights = np.array([hectares[visit.stratum] / counts[visit.stratum] for visit in visits])
    plot_hectares = np.array([visit.area_hectares for visit in visits])
    at_once = max(1, CELLS_AT_ONCE // max(len(trees.dbh), 1))
    totals: list[float] = []
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        plots = _plots(trees, _draw(trees, stream, count, errors, heights), len(visits))
        above = plots / KILOGRAMS_PER_TONNE / plot_hectares
        below = np.array([[rules.tco2e_per_hectare(figure) for figure in row] for row in above.tolist()])
        totals += [math.fsum(row) for row in (below * weights).tolist()]
    # A covariate shifts the mean; the draws lie about the estimate that was reported.
    plain = stock(rules, visits, strata, equation).stock_tco2e if covariate is not None else estimate.stock_tco2e
    deviations = np.array(totals) + (estimate.stock_tco2e - plain)
    degrees = estimate.plots - estimate.strata
    sampling_se = estimate.half_width_percent / 100 * abs(estimate.stock_tco2e) / float(stdtrit(degrees, 0.95))
    sampled = deviations + sampling_se * stdtrit(degrees, _uniforms(stream, (draws,)))
    return Propagated(
        draws=draws,
        seed=seed,
        mean_tco2e=_rounded(math.fsum(sampled.tolist()) / draws),
        sd_tco2e=_rounded(_sd(sampled)),
        sd_without_sampling_tco2e=_rounded(_sd(deviations)),
        lower_bound_90_tco2e=_rounded(float(np.quantile(sampled, 0.10))),
    )


def _columns(visits: Sequence[PlotVisit], equation: Allometry) -> _Trees:
    listed: list[tuple[int, Tree, PlotVisit]] = [
        (index, tree, visit) for index, visit in enumerate(visits) for tree in visit.trees
    ]
    count = len(listed)
    dbh, height, density = np.empty(count), np.full(count, np.nan), np.full(count, np.nan)
    fixed, sigma, shared = np.full(count, np.nan), np.zeros(count), np.zeros(count)
    members: dict[str, tuple[Equation, list[int]]] = {}
    for index, (_, tree, visit) in enumerate(listed):
        dbh[index] = tree.dbh_cm
        if tree.above_ground_kg is not None:
            fixed[index] = tree.above_ground_kg
            continue
        own = equation.of(tree, visit.source)
        _, height[index], density[index] = own.require(tree, visit.source)
        sigma[index], shared[index] = own.sigma_ln, own.sigma_mean_ln
        members.setdefault(own.key, (own, []))[1].append(index)
    return _Trees(
        dbh=dbh,
        height=height,
        density=density,
        fixed_kg=fixed,
        sigma=sigma,
        sigma_mean=shared,
        guessed=np.array([tree.height_is_modelled for _, tree, _ in listed], dtype=bool),
        groups=tuple((own, np.array(indices, dtype=np.intp)) for own, indices in members.values()),
        plot=np.array([index for index, _, _ in listed], dtype=np.intp),
    )


def _draw(
    trees: _Trees, stream: np.random.PCG64, count: int, errors: MeasurementErrors, heights: HeightModel | None
) -> Array:
    """Above-ground kg of every tree in `count` draws, a row each."""
    shape = (count, len(trees.dbh))
    dbh = _draw_dbh(trees.dbh, stream, shape, errors)
    height = np.broadcast_to(trees.height, shape)
    if errors.height_fraction:
        measured = height * np.maximum(1 + errors.height_fraction * _normals(stream, shape), 0.0)
        height = np.where(trees.guessed, height, np.maximum(measured, LEAST_HEIGHT_M))
    if heights is not None and trees.guessed.any():
        height = height.copy()
        height[:, trees.guessed] = _draw_heights(heights, dbh[:, trees.guessed], stream)
    density = np.broadcast_to(trees.density, shape)
    if errors.wood_density:
        density = np.clip(density + errors.wood_density * _normals(stream, shape), *WOOD_DENSITY_RANGE)
    kilograms = np.broadcast_to(trees.fixed_kg, shape).copy()
    own_deviation = _normals(stream, shape)
    for own, indices in trees.groups:
        sigma, shared = trees.sigma[indices[0]], trees.sigma_mean[indices[0]]
        about = sigma * own_deviation[:, indices] - sigma**2 / 2
        about += shared * _normals(stream, (count, 1)) - shared**2 / 2
        figures = own.kilograms(dbh[:, indices], height[:, indices], density[:, indices])
        kilograms[:, indices] = figures * np.exp(about)
    return kilograms


def _draw_dbh(dbh: Array, stream: np.random.PCG64, shape: tuple[int, int], errors: MeasurementErrors) -> Array:
    """Diameters as they may have been, never below a millimetre: normal, cut off there."""
    if errors.dbh_cm == 0:
        return np.broadcast_to(dbh, shape)
    if errors.dbh_cm is not None:
        return _cut_normal(dbh, np.full_like(dbh, errors.dbh_cm), _uniforms(stream, shape))
    usual = 0.0062 * dbh + 0.0904
    gross = _uniforms(stream, shape) < GROSS_ERROR_SHARE
    uniforms = _uniforms(stream, shape)
    return np.where(
        gross,
        _cut_normal(dbh, np.full_like(dbh, GROSS_ERROR_CM), uniforms),
        _cut_normal(dbh, usual, uniforms),
    )


def _cut_normal(mean: Array, sd: Array, uniforms: Array) -> Array:
    below = ndtr((LEAST_DBH_CM - mean) / sd)
    return np.asarray(np.maximum(mean + sd * ndtri(below + uniforms * (1 - below)), LEAST_DBH_CM))


def _draw_heights(model: HeightModel, dbh: Array, stream: np.random.PCG64) -> Array:
    """Heights that the curve may stand for: another curve in every draw, and each tree about it."""
    count = dbh.shape[0]
    shared = np.zeros((count, len(model.coefficients)))
    if model.covariance:
        root = np.linalg.cholesky(np.array(model.covariance))
        shared = _normals(stream, (count, len(model.coefficients))) @ root.T
    curve = np.empty_like(dbh)
    for index in range(count):
        curve[index] = model.heights_m(dbh[index]) + (
            model.gradient(dbh[index]) @ shared[index] if model.covariance else 0.0
        )
    own = _normals(stream, (count, dbh.shape[1]))
    if model.residual_ln is not None:
        drawn = curve * np.exp(model.residual_ln * own - model.residual_ln**2 / 2)
    else:
        assert model.residual_m is not None
        drawn = curve + model.residual_m * own
    return np.asarray(np.maximum(drawn, LEAST_HEIGHT_M))


def _plots(trees: _Trees, kilograms: Array, plots: int) -> Array:
    """Sums over the trees of each plot, which stand next to each other; a plot without trees has none."""
    sums = np.zeros((kilograms.shape[0], plots))
    if kilograms.shape[1]:
        present, starts = np.unique(trees.plot, return_index=True)
        sums[:, present] = np.add.reduceat(kilograms, starts, axis=1)
    return sums


def _uniforms(stream: np.random.PCG64, shape: tuple[int, ...]) -> Array:
    """Numbers in the open interval (0, 1), 53 bits each."""
    raw = stream.random_raw(math.prod(shape))
    return ((raw >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54).reshape(shape)


def _normals(stream: np.random.PCG64, shape: tuple[int, ...]) -> Array:
    return np.asarray(ndtri(_uniforms(stream, shape)))


def _sd(values: Array) -> float:
    mean = math.fsum(values.tolist()) / len(values)
    return math.sqrt(math.fsum(((values - mean) ** 2).tolist()) / (len(values) - 1))


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
