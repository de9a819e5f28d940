"""The forest inventory of the United States as the FIA DataMart publishes it: a CSV per table, `RI_TREE.csv` and so on.

Everything is metric from here on: the tables speak inches, feet, acres and pounds, and nothing past this reader does.
The estimator is the post-stratified one of Bechtold & Patterson (eds.) 2005, "The Enhanced Forest Inventory and
Analysis Program", USDA Forest Service GTR SRS-80, chapter 4 (Scott et al.), which is also what the R package rFIA
computes for `tpa()` and `biomass()` of one evaluation.
"""

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path

from ledger_service.domain.bilingual import Words
from oracles.errors import (
    Contradiction,
    Duplicate,
    DuplicateTree,
    InvalidRequest,
    MissingFile,
    MissingValue,
    NoSuchEvaluation,
    NotANumber,
    NothingMeasured,
    TooFewPlots,
    UnknownReference,
    UnsupportedDesign,
)
from oracles.evidence import RawFile, read_raw
from oracles.readings import Quantity
from oracles.sources.tables import Table, read_table

HECTARES_PER_ACRE = 0.40468564224
CENTIMETRES_PER_INCH = 2.54
METRES_PER_FOOT = 0.3048
KILOGRAMS_PER_POUND = 0.45359237

SMALLEST_INCHES = 1.0
"""Live trees from this diameter on are tallied."""
MICROPLOT_BELOW_INCHES = 5.0
"""Thinner trees are tallied on microplots only (four, 2.07 m radius), thicker ones on subplots (four, 7.32 m)."""

TABLES = (
    "plot",
    "cond",
    "tree",
    "pop_eval",
    "pop_eval_typ",
    "pop_estn_unit",
    "pop_stratum",
    "pop_plot_stratum_assgn",
)
"""What a state's inventory consists of; `tree` is the file `RI_TREE.csv`."""

FOREST, LIVE = "1", "1"
NOT_SAMPLED = "5"
"""The status of a condition that the crew could not enter: denied access, hazard."""

_DIAMETER = Quantity("胸径", "diameter", "in", most=600)
_PER_ACRE = Quantity("每英亩株数", "trees per acre", "", most=10_000, zero_is_possible=True)
_POUNDS = Quantity("单株质量", "mass of a tree", "lb", most=5_000_000, zero_is_possible=True)
_SHARE = Quantity("面积比例", "share of the plot", "", most=1.0, zero_is_possible=True)
_FACTOR = Quantity("调整系数", "adjustment factor", "", most=1_000, zero_is_possible=True)
_ACRES = Quantity("面积", "area", "acres", most=1e10)
_HEIGHT = Quantity("树高", "height", "ft", most=10_000, zero_is_possible=True)
"""Only the quality checks look at heights, so what no tree can be is told there and does not stop the reader."""
_COUNT = Quantity("点数", "count of points", "", most=1e12, zero_is_possible=True)


class Basis(Enum):
    """The part of a plot that something was tallied on; each has its own adjustment for what could not be sampled."""

    MICROPLOT = "MICR"
    """Trees under 5 inches."""
    SUBPLOT = "SUBP"
    """Trees of 5 inches and more, and the area of conditions."""
    MACROPLOT = "MACR"
    """The largest trees, in inventories that have a macroplot breakpoint diameter."""


@dataclass(frozen=True, slots=True)
class LiveTrees:
    """Live trees of 1 inch and more on forest land, on one basis: sums per hectare of plot, before adjustment."""

    count: int = 0
    trees_per_hectare: float = 0.0
    basal_area_m2_per_hectare: float = 0.0
    above_ground_biomass_t_per_hectare: float = 0.0
    above_ground_carbon_t_per_hectare: float = 0.0
    below_ground_carbon_t_per_hectare: float = 0.0


@dataclass(frozen=True, slots=True)
class FiaTree:
    """A live tree that counts, for the quality checks: what was measured, and how.

    `spot` is subplot, azimuth and distance, empty where the table does not say. `diameter_check` and `height_method`
    are the inventory's own codes (DIACHECK, HTCD), empty where it has none.
    """

    cn: str
    previous_cn: str
    species: str
    dbh_cm: float
    height_m: float | None
    spot: tuple[str, ...]
    diameter_check: str
    height_method: str

    @property
    def is_computed(self) -> bool:
        """Whether its diameter was estimated (DIACHECK 1) or modelled (5), or its height modelled (HTCD 4)."""
        return self.diameter_check in ("1", "5") or self.height_method == "4"

    @property
    def is_elsewhere(self) -> bool:
        """Whether its diameter was measured at another height of the stem than before (DIACHECK 2)."""
        return self.diameter_check == "2"


@dataclass(frozen=True, slots=True)
class FiaVisit:
    """One visit to one plot.

    `place` is the plot on the ground (state-unit-county-number), `cn` the visit, `previous_cn` the one before.
    `not_sampled` is the share of the plot that nobody could enter. `followed` are the trees of the visit before that
    this one accounts for, alive or not; None where the table does not name them.
    """

    cn: str
    place: str
    inventory_year: int
    measured_on: date
    previous_cn: str
    forest: Mapping[Basis, float]
    live: Mapping[Basis, LiveTrees]
    not_sampled: float
    tallied: tuple[FiaTree, ...] = field(repr=False)
    followed: frozenset[str] | None = field(repr=False)

    @property
    def forest_share(self) -> float:
        """The share of the plot that is forest, before adjustment."""
        return math.fsum(self.forest.values())

    @property
    def trees(self) -> int:
        return sum(live.count for live in self.live.values())

    @property
    def carbon_t_per_hectare(self) -> float:
        """Carbon of live trees above and below ground: FIA's own CARBON_AG + CARBON_BG, before adjustment."""
        return math.fsum(
            part
            for live in self.live.values()
            for part in (live.above_ground_carbon_t_per_hectare, live.below_ground_carbon_t_per_hectare)
        )

    @property
    def basal_area_m2_per_hectare(self) -> float:
        """Basal area of live trees per hectare of plot, before adjustment: diameters only."""
        return math.fsum(live.basal_area_m2_per_hectare for live in self.live.values())


@dataclass(frozen=True, slots=True)
class FiaStratum:
    """A post-stratum of an estimation unit: `weight` is its share of the unit's area, from remote sensing."""

    code: str
    description: str
    weight: float
    adjustment: Mapping[Basis, float]
    plots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EstimationUnit:
    """An area that is known exactly, with its post-strata."""

    code: str
    description: str
    area_hectares: float
    strata: tuple[FiaStratum, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The plots and weights of one published evaluation."""

    evalid: str
    year: int
    units: tuple[EstimationUnit, ...]


@dataclass(frozen=True, slots=True)
class FiaInventory:
    """One state's inventory. `files` are what it was read from."""

    state: str
    visits: Mapping[str, FiaVisit] = field(repr=False)
    evaluations: tuple[Evaluation, ...] = field(repr=False)
    files: tuple[RawFile, ...] = field(repr=False)

    def evaluation(self, year: int) -> Evaluation:
        """The evaluation of current volume that ends with that inventory year."""
        found = [evaluation for evaluation in self.evaluations if evaluation.year == year]
        if not found:
            raise NoSuchEvaluation(year=year, available=sorted({evaluation.year for evaluation in self.evaluations}))
        if len(found) > 1:
            names = ", ".join(evaluation.evalid for evaluation in found)
            raise UnsupportedDesign(
                f"{year} 年有多个蓄积评估（{names}），不知道取哪一个",
                f"{year} has several volume evaluations ({names}), and nothing says which one is meant",
            )
        return found[0]


@dataclass(frozen=True, slots=True)
class Figure:
    """An estimate and its sampling error: one standard error in percent of the estimate, as FIA publishes it."""

    mean: float
    sampling_error_percent: float


@dataclass(frozen=True, slots=True)
class FiaEstimate:
    """What one evaluation says of live trees of 1 inch and more on forest land, per hectare of forest.

    `plots` are the plots that tallied at least one such tree (rFIA's `nPlots_TREE`), `forest_plots` those with any
    forest land (`nPlots_AREA`), `sampled_plots` all plots of the evaluation; zeros count in every mean.
    """

    trees_per_hectare: Figure
    basal_area_m2_per_hectare: Figure
    above_ground_biomass_t_per_hectare: Figure
    above_ground_carbon_t_per_hectare: Figure
    forest_area_hectares: Figure
    plots: int
    forest_plots: int
    sampled_plots: int


def table_paths(folder: Path) -> dict[str, Path]:
    """The files of the eight tables of one state, by their names in `TABLES`."""
    state = _state(folder)
    return {name: folder / f"{state}_{name.upper()}.csv" for name in TABLES}


def read_fia(folder: Path) -> FiaInventory:
    """Reads the eight tables of one state.

    Rows that are repeated identically are kept once, except trees: a tree twice is refused.
    """
    state = _state(folder)
    files = {name: read_raw(folder / f"{state}_{name}.csv") for name in map(str.upper, TABLES)}
    visits = _read_visits(files["PLOT"], files["COND"], files["TREE"])
    evaluations = _read_evaluations(files, visits)
    return FiaInventory(state, visits, evaluations, tuple(files.values()))


def estimate(inventory: FiaInventory, year: int) -> FiaEstimate:
    """Live trees of 1 inch and more on forest land, per hectare of forest, as post-stratified ratios of means."""
    evaluation = inventory.evaluation(year)
    visits = [inventory.visits[cn] for unit in evaluation.units for stratum in unit.strata for cn in stratum.plots]

    def ratio(attribute: str) -> Figure:
        total = _total(inventory, evaluation, attribute)
        mean = total.y / total.x
        variance = (total.variance_y + mean**2 * total.variance_x - 2 * mean * total.covariance) / total.x**2
        return Figure(mean, 100 * math.sqrt(max(variance, 0.0)) / mean if mean else 0.0)

    area = _total(inventory, evaluation, "trees_per_hectare")
    if area.x == 0:
        raise NothingMeasured("评估范围内没有森林样地", "no plot of the evaluation has forest land")
    return FiaEstimate(
        trees_per_hectare=ratio("trees_per_hectare"),
        basal_area_m2_per_hectare=ratio("basal_area_m2_per_hectare"),
        above_ground_biomass_t_per_hectare=ratio("above_ground_biomass_t_per_hectare"),
        above_ground_carbon_t_per_hectare=ratio("above_ground_carbon_t_per_hectare"),
        forest_area_hectares=Figure(area.x, 100 * math.sqrt(area.variance_x) / area.x),
        plots=sum(visit.trees > 0 for visit in visits),
        forest_plots=sum(visit.forest_share > 0 for visit in visits),
        sampled_plots=len(visits),
    )


def forest_hectares(inventory: FiaInventory, unit: EstimationUnit, stratum: FiaStratum) -> float:
    """The forest area of one post-stratum: its area times the mean adjusted forest share of its plots."""
    shares = [_adjusted_forest(inventory.visits[cn], stratum) for cn in stratum.plots]
    return unit.area_hectares * stratum.weight * math.fsum(shares) / len(shares)


def remeasured(inventory: FiaInventory, first_year: int, last_year: int) -> tuple[tuple[FiaVisit, FiaVisit], ...]:
    """The pairs of visits whose later inventory year lies in the window, forest at both, by place and then by date.

    A plot that was forest at one of the visits only is a change of land use, not of stock, and is not among them.
    """
    pairs = (
        (inventory.visits[visit.previous_cn], visit)
        for visit in inventory.visits.values()
        if first_year <= visit.inventory_year <= last_year and visit.previous_cn in inventory.visits
    )
    forest = (pair for pair in pairs if all(visit.forest_share > 0 for visit in pair))
    return tuple(sorted(forest, key=lambda pair: (pair[1].place, pair[1].measured_on)))


# --- The estimator --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Total:
    """Totals over all estimation units of an attribute (y) and of forest area (x), with variances and covariance."""

    y: float
    x: float
    variance_y: float
    variance_x: float
    covariance: float


def _total(inventory: FiaInventory, evaluation: Evaluation, attribute: str) -> _Total:
    """GTR SRS-80, chapter 4: the post-stratified total `A Σ W ȳ` and its variance.

    `v = A²/n · [Σ W n_h v_h + Σ (1 − W) (n_h/n) v_h]` with `v_h = Σ(y − ȳ)²/(n_h (n_h − 1))`; the covariance is
    formed alike. The second sum is the price of strata whose number of plots was left to chance.
    """
    parts: list[tuple[float, float, float, float, float]] = []
    for unit in evaluation.units:
        n = sum(len(stratum.plots) for stratum in unit.strata)
        for stratum in unit.strata:
            visits = [inventory.visits[cn] for cn in stratum.plots]
            ys = [_adjusted(visit, stratum, attribute) for visit in visits]
            xs = [_adjusted_forest(visit, stratum) for visit in visits]
            n_h = len(visits)
            factor = (stratum.weight * n_h + (1 - stratum.weight) * n_h / n) / n * unit.area_hectares**2
            scale = unit.area_hectares * stratum.weight
            mean_y, mean_x = math.fsum(ys) / n_h, math.fsum(xs) / n_h
            parts.append(
                (
                    scale * mean_y,
                    scale * mean_x,
                    factor * _covariance_of_means(ys, ys, mean_y, mean_y),
                    factor * _covariance_of_means(xs, xs, mean_x, mean_x),
                    factor * _covariance_of_means(ys, xs, mean_y, mean_x),
                )
            )
    return _Total(*(math.fsum(column) for column in zip(*parts, strict=True)))


def _covariance_of_means(ys: Sequence[float], xs: Sequence[float], mean_y: float, mean_x: float) -> float:
    n = len(ys)
    return math.fsum((y - mean_y) * (x - mean_x) for y, x in zip(ys, xs, strict=True)) / (n * (n - 1))


def _adjusted(visit: FiaVisit, stratum: FiaStratum, attribute: str) -> float:
    return math.fsum(stratum.adjustment[basis] * getattr(live, attribute) for basis, live in visit.live.items())


def _adjusted_forest(visit: FiaVisit, stratum: FiaStratum) -> float:
    return math.fsum(stratum.adjustment[basis] * share for basis, share in visit.forest.items())


# --- Reading --------------------------------------------------------------------------------------


def _state(folder: Path) -> str:
    if not folder.is_dir():
        raise MissingFile(file=str(folder), reason=Words("不是文件夹", "not a folder"))
    states = sorted(
        match[1] for path in folder.iterdir() if (match := re.fullmatch(r"([A-Z]{2})_PLOT\.csv", path.name))
    )
    if not states:
        reason = Words(
            "没有 FIA 样地表；XX 为州代码，如 RI_PLOT.csv", "no FIA plot table; XX is the state, as in RI_PLOT.csv"
        )
        raise MissingFile(file=str(folder / "XX_PLOT.csv"), reason=reason)
    if len(states) > 1:
        raise InvalidRequest(
            f"{folder} 里有多个州的表（{', '.join(states)}），每个文件夹只放一个州",
            f"{folder} holds tables of several states ({', '.join(states)}); keep one state to a folder",
        )
    return states[0]


def _read_visits(plots: RawFile, conditions: RawFile, trees: RawFile) -> dict[str, FiaVisit]:
    plot_table = _read(
        plots,
        "样地表",
        "CN PREV_PLT_CN INVYR STATECD UNITCD COUNTYCD PLOT MEASYEAR MEASMON MEASDAY MACRO_BREAKPOINT_DIA",
    )
    kept = _kept_once(plot_table, ("CN",))
    index_of = {plot_table.columns["CN"][index]: index for index in kept}
    breakpoints = plot_table.optional_numbers("MACRO_BREAKPOINT_DIA", _DIAMETER)
    forest, status, not_sampled = _read_conditions(conditions, index_of)
    live, tallied, followed = _read_trees(trees, index_of, status, breakpoints)

    columns = {name: plot_table.text(name) for name in ("STATECD", "UNITCD", "COUNTYCD", "PLOT")}
    years = plot_table.integers("INVYR")
    return {
        cn: FiaVisit(
            cn=cn,
            place="-".join(column[index] for column in columns.values()),
            inventory_year=years[index],
            measured_on=_measured_on(plot_table, index),
            previous_cn=plot_table.columns["PREV_PLT_CN"][index],
            forest=forest.get(cn, {}),
            live=live.get(cn, {}),
            not_sampled=not_sampled.get(cn, 0.0),
            tallied=tuple(tallied.get(cn, ())),
            followed=None if followed is None else frozenset(followed.get(cn, ())),
        )
        for cn, index in index_of.items()
    }


def _measured_on(table: Table, index: int) -> date:
    year, month, day = (table.columns[name][index] for name in ("MEASYEAR", "MEASMON", "MEASDAY"))
    try:
        return date(int(year), int(month), int(day))
    except ValueError as failure:
        raise NotANumber(
            file=table.name, row=table.rows[index], column="MEASYEAR/MEASMON/MEASDAY", value=f"{year}/{month}/{day}"
        ) from failure


def _read_conditions(
    raw: RawFile, plots: Mapping[str, int]
) -> tuple[dict[str, dict[Basis, float]], dict[tuple[str, str], str], dict[str, float]]:
    """The forest share of each plot by basis, the status of each condition, and what share could not be sampled."""
    table = _read(raw, "地类表", "PLT_CN CONDID COND_STATUS_CD CONDPROP_UNADJ PROP_BASIS")
    cns, ids, statuses = table.text("PLT_CN"), table.text("CONDID"), table.text("COND_STATUS_CD")
    shares = table.numbers("CONDPROP_UNADJ", _SHARE)
    bases = table.text("PROP_BASIS", may_be_empty=True)
    parts: dict[str, dict[Basis, list[float]]] = {}
    status: dict[tuple[str, str], str] = {}
    not_sampled: dict[str, float] = {}
    for index in _kept_once(table, ("PLT_CN", "CONDID")):
        _must_know(table, index, "PLT_CN", plots, "样地表", "the plot table")
        status[cns[index], ids[index]] = statuses[index]
        if statuses[index] == FOREST:
            basis = Basis.MACROPLOT if bases[index] == Basis.MACROPLOT.value else Basis.SUBPLOT
            parts.setdefault(cns[index], {}).setdefault(basis, []).append(shares[index])
        elif statuses[index] == NOT_SAMPLED:
            not_sampled[cns[index]] = not_sampled.get(cns[index], 0.0) + shares[index]
    forest = {cn: {basis: math.fsum(listed) for basis, listed in by_basis.items()} for cn, by_basis in parts.items()}
    return forest, status, not_sampled


def _read_trees(
    raw: RawFile, plots: Mapping[str, int], status: Mapping[tuple[str, str], str], breakpoints: Sequence[float | None]
) -> tuple[dict[str, dict[Basis, LiveTrees]], dict[str, list[FiaTree]], dict[str, set[str]] | None]:
    """The live trees of 1 inch and more on forest conditions, by plot and basis, in metric units per hectare.

    Then the same trees one by one, by plot; and which trees of the visit before the rows of each plot name, whatever
    became of those.
    """
    table = _read(
        raw,
        "树木表",
        "CN PLT_CN SUBP TREE CONDID STATUSCD DIA TPA_UNADJ DRYBIO_AG CARBON_AG CARBON_BG",
        "PREV_TRE_CN SPCD HT AZIMUTH DIST DIACHECK HTCD",
    )
    cns, conditions, statuses = table.text("PLT_CN"), table.text("CONDID"), table.text("STATUSCD")
    diameters = table.optional_numbers("DIA", _DIAMETER)
    factors = table.optional_numbers("TPA_UNADJ", _PER_ACRE)
    masses = [table.optional_numbers(column, _POUNDS) for column in ("DRYBIO_AG", "CARBON_AG", "CARBON_BG")]
    absent = [""] * len(table)
    numbers, subplots = table.text("CN"), table.text("SUBP")
    previous, species, azimuths, distances, checks, methods = (
        table.text(name, may_be_empty=True) if name in table else absent
        for name in ("PREV_TRE_CN", "SPCD", "AZIMUTH", "DIST", "DIACHECK", "HTCD")
    )
    feet = table.optional_numbers("HT", _HEIGHT) if "HT" in table else [None] * len(table)
    _refuse_repeated_trees(table)

    tallied: dict[str, list[FiaTree]] = {}
    followed: dict[str, set[str]] | None = {} if "PREV_TRE_CN" in table else None
    tallies: dict[tuple[str, Basis], list[list[float]]] = {}
    for index, (cn, diameter, per_acre) in enumerate(zip(cns, diameters, factors, strict=True)):
        _must_know(table, index, "PLT_CN", plots, "样地表", "the plot table")
        condition = status.get((cn, conditions[index]))
        if condition is None:
            raise UnknownReference(
                "地类表里没有这棵树的地类",
                "a condition that the condition table does not have",
                file=table.name,
                row=table.rows[index],
                column="CONDID",
                value=conditions[index],
            )
        if followed is not None and previous[index]:
            followed.setdefault(cn, set()).add(previous[index])
        if statuses[index] != LIVE or condition != FOREST or diameter is None or diameter < SMALLEST_INCHES:
            continue
        if per_acre is None:
            continue  # A tree outside the design of this plot (TPA_UNADJ is empty) stands for no area.
        per_hectare = per_acre / HECTARES_PER_ACRE
        kilograms = [_pounds(table, index, column) * KILOGRAMS_PER_POUND for column in masses]
        stem_m2 = math.pi / 4 * (diameter * CENTIMETRES_PER_INCH / 100) ** 2
        basis = _basis(diameter, breakpoints[plots[cn]])
        tallies.setdefault((cn, basis), []).append(
            [per_hectare, per_hectare * stem_m2, *(per_hectare * mass / 1000 for mass in kilograms)]
        )
        height = feet[index]
        tallied.setdefault(cn, []).append(
            FiaTree(
                cn=numbers[index],
                previous_cn=previous[index],
                species=species[index],
                dbh_cm=diameter * CENTIMETRES_PER_INCH,
                height_m=None if height is None else height * METRES_PER_FOOT,
                spot=(subplots[index], azimuths[index], distances[index])
                if azimuths[index] and distances[index]
                else (),
                diameter_check=checks[index],
                height_method=methods[index],
            )
        )
    live: dict[str, dict[Basis, LiveTrees]] = {}
    for (cn, basis), trees in tallies.items():
        live.setdefault(cn, {})[basis] = LiveTrees(
            len(trees), *(math.fsum(column) for column in zip(*trees, strict=True))
        )
    return live, tallied, followed


def _basis(diameter_inches: float, breakpoint_inches: float | None) -> Basis:
    if diameter_inches < MICROPLOT_BELOW_INCHES:
        return Basis.MICROPLOT
    if breakpoint_inches is not None and diameter_inches >= breakpoint_inches:
        return Basis.MACROPLOT
    return Basis.SUBPLOT


def _read_evaluations(files: Mapping[str, RawFile], visits: Mapping[str, FiaVisit]) -> tuple[Evaluation, ...]:
    """The evaluations of current volume (type EXPVOL), with their estimation units, post-strata and plots."""
    typed = _read(files["POP_EVAL_TYP"], "评估类型表", "EVAL_CN EVAL_TYP")
    volume = {cn for cn, kind in zip(typed.text("EVAL_CN"), typed.text("EVAL_TYP"), strict=True) if kind == "EXPVOL"}

    table = _read(files["POP_EVAL"], "评估表", "CN EVALID END_INVYR ESTN_METHOD")
    years = table.integers("END_INVYR")
    units = _read_units(files, visits)
    evaluations = []
    for index in _kept_once(table, ("CN",)):
        cn, method = table.columns["CN"][index], table.columns["ESTN_METHOD"][index]
        if cn not in volume:
            continue
        if method != "Post-Stratification":
            raise UnsupportedDesign(
                f"评估 {table.columns['EVALID'][index]} 的估计方法是“{method}”，这里只有事后分层",
                f"evaluation {table.columns['EVALID'][index]} was estimated by “{method}”;"
                " only post-stratification is available",
            )
        if cn not in units:
            raise UnknownReference(
                "这个评估没有估计单元",
                "an evaluation without estimation units",
                file=table.name,
                row=table.rows[index],
                column="CN",
                value=cn,
            )
        evaluations.append(Evaluation(table.columns["EVALID"][index], years[index], units[cn]))
    return tuple(evaluations)


def _read_units(files: Mapping[str, RawFile], visits: Mapping[str, FiaVisit]) -> dict[str, tuple[EstimationUnit, ...]]:
    """The estimation units of every evaluation, in the order of their codes."""
    table = _read(files["POP_ESTN_UNIT"], "估计单元表", "CN EVAL_CN ESTN_UNIT ESTN_UNIT_DESCR AREA_USED P1PNTCNT_EU")
    acres, points = table.numbers("AREA_USED", _ACRES), table.numbers("P1PNTCNT_EU", _COUNT)
    strata = _read_strata(files, visits, {table.columns["CN"][index]: points[index] for index in range(len(table))})
    units: dict[str, list[EstimationUnit]] = {}
    for index in _kept_once(table, ("CN",)):
        unit = EstimationUnit(
            code=table.columns["ESTN_UNIT"][index],
            description=table.columns["ESTN_UNIT_DESCR"][index],
            area_hectares=acres[index] * HECTARES_PER_ACRE,
            strata=strata.get(table.columns["CN"][index], ()),
        )
        units.setdefault(table.columns["EVAL_CN"][index], []).append(unit)
    return {cn: tuple(sorted(listed, key=lambda unit: _as_number(unit.code))) for cn, listed in units.items()}


def _read_strata(
    files: Mapping[str, RawFile], visits: Mapping[str, FiaVisit], points_of_unit: Mapping[str, float]
) -> dict[str, tuple[FiaStratum, ...]]:
    """The post-strata of every estimation unit, in the order of their codes, each with the plots assigned to it."""
    table = _read(
        files["POP_STRATUM"],
        "层表",
        "CN ESTN_UNIT_CN STRATUMCD STRATUM_DESCR P1POINTCNT P2POINTCNT ADJ_FACTOR_MACR ADJ_FACTOR_SUBP ADJ_FACTOR_MICR",
    )
    points, plots = table.numbers("P1POINTCNT", _COUNT), table.integers("P2POINTCNT")
    adjustments = {basis: table.numbers(f"ADJ_FACTOR_{basis.value}", _FACTOR) for basis in Basis}
    kept = _kept_once(table, ("CN",))
    assigned = _read_assignments(
        files["POP_PLOT_STRATUM_ASSGN"], visits, {table.columns["CN"][index] for index in kept}
    )
    strata: dict[str, list[FiaStratum]] = {}
    for index in kept:
        cn, unit = table.columns["CN"][index], table.columns["ESTN_UNIT_CN"][index]
        _must_know(table, index, "ESTN_UNIT_CN", points_of_unit, "估计单元表", "the estimation unit table")
        members = tuple(assigned.get(cn, ()))
        if len(members) != plots[index]:
            raise Contradiction(
                f"应有 {plots[index]} 个样地，分配表里有 {len(members)} 个",
                f"should have {plots[index]} plots, the assignment table has {len(members)}",
                file=table.name,
                row=table.rows[index],
                column="P2POINTCNT",
                value=str(plots[index]),
            )
        code = table.columns["STRATUMCD"][index]
        if len(members) < 2:
            raise TooFewPlots(stratum=f"{table.columns['STRATUM_DESCR'][index]} ({code})", plots=len(members))
        adjustment = {basis: column[index] for basis, column in adjustments.items()}
        weight = points[index] / points_of_unit[unit]
        strata.setdefault(unit, []).append(
            FiaStratum(code, table.columns["STRATUM_DESCR"][index], weight, adjustment, members)
        )
    return {cn: tuple(sorted(listed, key=lambda stratum: _as_number(stratum.code))) for cn, listed in strata.items()}


def _read_assignments(raw: RawFile, visits: Mapping[str, FiaVisit], strata: set[str]) -> dict[str, list[str]]:
    table = _read(raw, "样地分层表", "STRATUM_CN PLT_CN")
    assigned: dict[str, list[str]] = {}
    for index in _kept_once(table, ("STRATUM_CN", "PLT_CN")):
        _must_know(table, index, "PLT_CN", visits, "样地表", "the plot table")
        _must_know(table, index, "STRATUM_CN", strata, "层表", "the stratum table")
        assigned.setdefault(table.columns["STRATUM_CN"][index], []).append(table.columns["PLT_CN"][index])
    return assigned


def _read(raw: RawFile, zh: str, columns: str, optional: str = "") -> Table:
    """A DataMart table; copies that went through R write `NA` for an empty cell."""
    return read_table(raw, zh=f"清查{zh}", required=columns.split(), optional=optional.split(), missing="NA")


def _kept_once(table: Table, key: tuple[str, ...]) -> list[int]:
    """The rows of a table without identical repetitions; rows that share a key and differ are refused."""
    first: dict[tuple[str, ...], int] = {}
    keys = zip(*(table.text(column) for column in key), strict=True)
    contents = list(zip(*table.columns.values(), strict=True))
    for index, identity in enumerate(keys):
        origin = first.setdefault(identity, index)
        if contents[origin] != contents[index]:
            raise Duplicate(
                "编号相同而内容不同",
                "has the same key and other content",
                file=table.name,
                row=table.rows[index],
                first_row=table.rows[origin],
                column=key[-1],
                value=identity[-1],
            )
    return list(first.values())


def _refuse_repeated_trees(table: Table) -> None:
    by_cn: dict[str, int] = {}
    by_number: dict[tuple[str, str, str], int] = {}
    numbers = zip(table.text("PLT_CN"), table.text("SUBP"), table.text("TREE"), strict=True)
    for index, (cn, number) in enumerate(zip(table.text("CN"), numbers, strict=True)):
        first = min(by_cn.setdefault(cn, index), by_number.setdefault(number, index))
        if first != index:
            raise DuplicateTree(
                f"样地 {number[0]} 样圆 {number[1]} 的 {number[2]} 号树重复",
                f"tree {number[2]} on subplot {number[1]} of plot {number[0]} was recorded twice",
                file=table.name,
                row=table.rows[index],
                first_row=table.rows[first],
                column="CN",
                value=cn,
            )


def _must_know(table: Table, index: int, column: str, known: Container[str], zh: str, en: str) -> None:
    value = table.columns[column][index]
    if value not in known:
        raise UnknownReference(
            f"{zh}里没有这个编号",
            f"{en} does not have this number",
            file=table.name,
            row=table.rows[index],
            column=column,
            value=value,
        )


def _pounds(table: Table, index: int, column: list[float | None]) -> float:
    pounds = column[index]
    if pounds is None:
        raise MissingValue(
            "活立木缺少生物量或碳",
            "a live tree without biomass or carbon",
            file=table.name,
            row=table.rows[index],
            column="DRYBIO_AG/CARBON",
            value="",
        )
    return pounds


def _as_number(code: str) -> tuple[int, str]:
    """Orders codes such as 2 and 10 as people do."""
    return (int(code), code) if code.isdigit() else (0, code)
