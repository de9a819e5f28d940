"""From the files of an inventory to one monitoring period: the same plots, measured twice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from oracles.errors import Contradiction, NothingMeasured, UnknownReference
from oracles.evidence import RawFile, read_raw
from oracles.methodologies import ar_tool14
from oracles.methodologies.allometry import Allometry, above_ground_t_per_hectare, allometry
from oracles.methodologies.stocks import CO2_PER_CARBON
from oracles.periods import Monitoring, PlotChange, VisitFigure, assemble, basal_area_cross_check
from oracles.readings import SQUARE_METRES_PER_HECTARE, Parcel, PlotVisit, Tenure
from oracles.sources import fia
from oracles.sources.csv_trees import Inventory, read_canopy, read_holders, read_inventory, read_parcels, read_tenures
from oracles.sources.parcels import looks_like_shapes, read_parcel_shapes
from oracles.sources.synthetic import Land, name_holders, share_out
from oracles.times import utc_date, utc_seconds

__all__ = ["Monitoring", "monitor_csv", "monitor_fia"]


def monitor_csv(
    first_trees: Path,
    second_trees: Path,
    strata: Path,
    parcels: Path,
    holders: Path,
    *,
    subject: str,
    period_start: int,
    period_end: int,
    canopy: Path | None = None,
    tenures: Path | None = None,
    leakage_kg: int = 0,
    equation: str = "chave2014-eq4",
) -> Monitoring:
    """The change between two visits to the same plots, in the plain CSV format, shared by parcels and holders.

    The cross-check is a canopy index of every parcel at both dates if `canopy` is given, else basal area growth.
    `parcels` is a table, or shapes in GeoJSON or GeoPackage. `tenures` says who held which share of a parcel from when
    to when; a parcel that it does not name belongs to its holder alone.
    """
    raws = {
        role: read_raw(path, role=role)
        for role, path in {
            "first": first_trees,
            "second": second_trees,
            "strata": strata,
            "parcels": parcels,
            "holders": holders,
        }.items()
    }
    before = read_inventory(raws["first"], raws["strata"])
    after = read_inventory(raws["second"], raws["strata"])
    owners = read_holders(raws["holders"])
    names = {stratum.name for stratum in before.strata}
    if looks_like_shapes(raws["parcels"]):
        shapes = read_parcel_shapes(raws["parcels"], strata=names, holders=owners)
        land = tuple(shape.parcel for shape in shapes)
    else:
        land = read_parcels(raws["parcels"], strata=names, holders=owners)
    held: tuple[Tenure, ...] = ()
    if tenures is not None:
        raws["tenures"] = read_raw(tenures, role="tenures")
        held = read_tenures(raws["tenures"], holders=owners)
    _check_land(before, land, raws["parcels"].name)
    plots = _csv_plots(before, after, equation, start=utc_date(period_start), end=utc_date(period_end - 1))
    areas = {stratum.name: stratum.area_hectares for stratum in before.strata}

    if canopy is None:
        cross_check, cross_note = basal_area_cross_check(plots, areas)
    else:
        raws["canopy"] = read_raw(canopy, role="canopy")
        cross_check, cross_note = _canopy_cross_check(plots, areas, land, raws["canopy"])
    return assemble(
        subject=subject,
        period_start=period_start,
        period_end=period_end,
        plots=plots,
        areas=areas,
        parcels=land,
        holders=owners,
        leakage_kg=leakage_kg,
        cross_check_tco2e=cross_check,
        evidence=tuple(raws.values()),
        methodology_digest=ar_tool14.METHODOLOGY.digest(biomass=equation, plots="re-measured"),
        notes=(
            f"样地两次实测：{before.trees} 株与 {after.trees} 株 · the same plots at two visits: trees tallied",
            f"逐格相同而各算一株的行：{before.twins} 与 {after.twins}"
            " · rows alike in every cell, each taken for a tree of its own",
            f"单株生物量 {equation}，根茎比按样地 · biomass of a tree by {equation}, root-shoot ratio by plot",
            cross_note,
        ),
        tenures=held,
        tenures_source=raws["tenures"].name if held else "",
    )


def monitor_fia(
    path: Path,
    *,
    accounts: Sequence[str],
    seed: int,
    first_year: int = 2009,
    last_year: int = 2018,
    leakage_kg: int = 0,
) -> Monitoring:
    """The change of live tree carbon on the re-measured plots of one state, later visits in these inventory years.

    Carbon is FIA's own, above and below ground. Plots, post-strata and forest areas are those of the evaluation that
    ends with `last_year`. A parcel is an estimation unit's post-stratum; its lots and holders are generated from the
    seed, because an inventory names no owners.
    """
    inventory = fia.read_fia(path)
    evaluation = inventory.evaluation(last_year)
    pairs = fia.remeasured(inventory, first_year, last_year)
    posts = _posts(inventory, evaluation, pairs)
    if not any(post.plots for post in posts):
        raise NothingMeasured(
            f"{first_year}–{last_year} 年没有两次都是森林的复测样地",
            f"no plot re-measured in {first_year}–{last_year} was forest at both visits",
        )
    groups = _merge_small(posts)
    plots = tuple(
        PlotChange(plot.plot, name, plot.share, plot.pairs)
        for name, members in groups.items()
        for post in members
        for plot in post.plots
    )
    areas = {name: math.fsum(post.hectares for post in members) for name, members in groups.items()}
    holders = name_holders(accounts)
    land = [
        Land(f"{inventory.state}-{post.key.replace('/', '-')}", name, int(post.hectares * SQUARE_METRES_PER_HECTARE))
        for name, members in groups.items()
        for post in members
        if post.hectares * SQUARE_METRES_PER_HECTARE >= 1
    ]
    cross_check, cross_note = basal_area_cross_check(plots, areas)
    used = [pair for plot in plots for pair in plot.pairs]
    return assemble(
        subject=f"fia-{inventory.state.lower()}",
        period_start=utc_seconds(min(earlier.on for earlier, _ in used)),
        period_end=utc_seconds(max(later.on for _, later in used) + timedelta(days=1)),
        plots=plots,
        areas=areas,
        parcels=share_out(land, holders, seed=seed),
        holders={holder.id: holder for holder in holders},
        leakage_kg=leakage_kg,
        cross_check_tco2e=cross_check,
        evidence=inventory.files,
        methodology_digest=ar_tool14.METHODOLOGY.digest(biomass="fia-carbon-ag-bg", plots="re-measured"),
        notes=(
            f"后一次调查在 {first_year}–{last_year} 年、两次都是森林的复测共 {len(pairs)} 对，"
            f"用 {len(used)} 对、{len(plots)} 个样地"
            f" · {len(pairs)} pairs of visits, of which {len(used)} on {len(plots)} plots are used",
            f"其余 {len(pairs) - len(used)} 对的样地不在评估 {evaluation.evalid} 内 · the others are not in it",
            f"平均间隔 {_mean_years(used):.2f} 年；同一样地取各对平均，只算一个间隔的变化"
            " · mean interval in years; pairs of one plot are averaged: the change is that of one interval",
            "碳量取清查自带的 CARBON_AG + CARBON_BG · carbon is the inventory's own, above and below ground",
            f"因样地太少而合并的分层：{_merged(groups) or '无 · none'} · strata merged for lack of plots",
            f"小班 = 估计单元 × 分层；地块与 {len(holders)} 位持有人由种子 {seed} 生成，并非真实权属"
            f" · parcel = estimation unit × stratum; lots and holders are generated from seed {seed}, not real",
            cross_note,
        ),
    )


# --- Plain CSV ------------------------------------------------------------------------------------


def _csv_plots(before: Inventory, after: Inventory, equation: str, *, start: date, end: date) -> tuple[PlotChange, ...]:
    """The plots of both campaigns, which must be the same plots on the same ground."""
    biomass = allometry(equation)
    later = {visit.plot: visit for visit in after.visits}
    earlier = {visit.plot: visit for visit in before.visits}
    for names, others, file in ((earlier, later, after.file), (later, earlier, before.file)):
        if missing := sorted(names.keys() - others.keys()):
            raise UnknownReference(
                f"缺少另一次调查的 {len(missing)} 个样地，如 {missing[0]}（空样地也要写一行）",
                f"lacks {len(missing)} plot(s) of the other visit, such as {missing[0]}"
                " (a plot without trees needs a row too)",
                file=file,
                column="plot_id",
                value=missing[0],
            )
    changes = []
    for name, first in earlier.items():
        second = later[name]
        for column, one, other in (
            ("stratum", first.stratum, second.stratum),
            ("plot_area_m2", first.area_m2, second.area_m2),
        ):
            if one != other:
                raise Contradiction(
                    f"样地 {name} 两次调查不一致（首次 {one}）",
                    f"plot {name} differs from the first visit ({one})",
                    file=second.source,
                    row=second.row,
                    column=column,
                    value=str(other),
                )
        pair = (_csv_figure(first, biomass, on=start), _csv_figure(second, biomass, on=end))
        changes.append(PlotChange(name, first.stratum, 1.0, (pair,)))
    return tuple(changes)


def _csv_figure(visit: PlotVisit, biomass: Allometry, *, on: date) -> VisitFigure:
    return VisitFigure(
        source=visit.source,
        on=on,
        trees=len(visit.trees),
        tco2e_per_hectare=ar_tool14.tco2e_per_hectare(above_ground_t_per_hectare(visit, biomass)),
        basal_area_m2_per_hectare=visit.basal_area_m2_per_hectare,
    )


def _check_land(inventory: Inventory, land: Sequence[Parcel], file: str) -> None:
    """The parcels of a stratum are all of its area, but for the last square metre of each, lost to rounding."""
    for stratum in inventory.strata:
        areas = [parcel.area_m2 for parcel in land if parcel.stratum == stratum.name]
        if abs(sum(areas) - stratum.area_m2) > max(len(areas), 1):
            listed, known = f"{sum(areas):,} m²", f"{float(stratum.area_m2):,.0f} m²"
            raise Contradiction(
                f"分层“{stratum.name}”的小班合计 {listed}，分层表为 {known}",
                f"the parcels of stratum “{stratum.name}” add up to {listed}, the strata table says {known}",
                file=file,
                column="area",
                value=str(sum(areas)),
            )


def _canopy_cross_check(
    plots: Sequence[PlotChange], areas: Mapping[str, float], land: Sequence[Parcel], raw: RawFile
) -> tuple[float, str]:
    """The change in tCO2e that a canopy index of every parcel suggests: a stratum's first stock × growth of its index.

    It uses no tree of the second visit. Where the index is itself generated, it is a stand-in, and the file's folder
    says so.
    """
    index = read_canopy(raw)
    stocks: dict[str, list[float]] = {name: [] for name in areas}
    for plot in plots:
        stocks[plot.stratum].extend(first.tco2e_per_hectare for first, _ in plot.pairs)
    totals = {name: [0.0, 0.0] for name in areas}
    for parcel in land:
        if parcel.id not in index:
            raise UnknownReference(
                f"冠层指数表里没有小班 {parcel.id}",
                f"parcel {parcel.id} has no canopy index",
                file=raw.name,
                column="parcel_id",
                value=parcel.id,
            )
        for visit, value in enumerate(index[parcel.id]):
            totals[parcel.stratum][visit] += parcel.area_m2 * value
    change = 0.0
    for name, (first, second) in totals.items():
        if first == 0:
            raise NothingMeasured(
                f"分层“{name}”首期冠层指数为零", f"the first canopy index of stratum “{name}” is zero"
            )
        change += areas[name] * math.fsum(stocks[name]) / len(stocks[name]) * (second / first - 1)
    return change, (
        f"交叉核对：{len(land)} 个小班的冠层指数推出 {change:,.1f} tCO2e"
        f" · cross-check: a canopy index of {len(land)} parcels at both dates suggests {change:,.1f} tCO2e"
    )


# --- The FIA inventory ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Post:
    """A post-stratum of an estimation unit, its forest area and the re-measured plots in it; `key` is unit/stratum."""

    unit: str
    key: str
    hectares: float
    plots: tuple[PlotChange, ...]


def _posts(
    inventory: fia.FiaInventory, evaluation: fia.Evaluation, pairs: Sequence[tuple[fia.FiaVisit, fia.FiaVisit]]
) -> list[_Post]:
    """The post-strata of an evaluation in the order of their codes.

    Those without forest and without re-measured plots are left out.
    """
    by_place: dict[str, list[tuple[fia.FiaVisit, fia.FiaVisit]]] = {}
    for pair in pairs:
        by_place.setdefault(pair[1].place, []).append(pair)
    posts = []
    for unit in evaluation.units:
        for stratum in unit.strata:
            key = f"{unit.code}/{stratum.code}"
            places = sorted(inventory.visits[cn].place for cn in stratum.plots)
            plots = tuple(_fia_plot(key, by_place[place]) for place in places if place in by_place)
            hectares = fia.forest_hectares(inventory, unit, stratum)
            if plots or hectares > 0:
                posts.append(_Post(unit.code, key, hectares, plots))
    return posts


def _mean_years(pairs: Sequence[tuple[VisitFigure, VisitFigure]]) -> float:
    return math.fsum((later.on - earlier.on).days for earlier, later in pairs) / len(pairs) / 365.25


def _merged(groups: Mapping[str, Sequence[_Post]]) -> str:
    return ", ".join(name for name, members in groups.items() if len(members) > 1)


def _fia_plot(stratum: str, pairs: Sequence[tuple[fia.FiaVisit, fia.FiaVisit]]) -> PlotChange:
    shares = [visit.forest_share for pair in pairs for visit in pair]
    figures = tuple((_fia_figure(earlier), _fia_figure(later)) for earlier, later in pairs)
    share = min(math.fsum(shares) / len(shares), 1.0)  # Published to six decimals, shares may add up to 1.000001.
    return PlotChange(pairs[0][1].place, stratum, share, figures)


def _fia_figure(visit: fia.FiaVisit) -> VisitFigure:
    return VisitFigure(
        source=visit.cn,
        on=visit.measured_on,
        trees=visit.trees,
        tco2e_per_hectare=CO2_PER_CARBON * visit.carbon_t_per_hectare,
        basal_area_m2_per_hectare=visit.basal_area_m2_per_hectare,
    )


def _merge_small(posts: Sequence[_Post]) -> dict[str, list[_Post]]:
    """Joins post-strata until each group has two re-measured plots and some forest, so that each has a variance.

    In the order of codes, which is the order of canopy cover, a post-stratum that is too small is joined with the
    next of its estimation unit, the last with the one before it; a whole unit that is too small is joined with the
    next unit in the same way. The name of a group lists its members, `2/1+2/2`.
    """
    units: dict[str, list[_Post]] = {}
    for post in posts:
        units.setdefault(post.unit, []).append(post)
    within = [group for listed in units.values() for group in _joined([[post] for post in listed])]
    return {"+".join(post.key for post in group): group for group in _joined(within)}


def _joined(groups: Sequence[list[_Post]]) -> list[list[_Post]]:
    """Joins each group that is too small with the next, and a last one that is too small with the one before."""
    joined: list[list[_Post]] = []
    waiting: list[_Post] = []
    for group in groups:
        waiting = [*waiting, *group]
        if _is_enough(waiting):
            joined.append(waiting)
            waiting = []
    if waiting and joined:
        joined[-1] = [*joined[-1], *waiting]
    elif waiting:
        joined.append(waiting)
    return joined


def _is_enough(group: Sequence[_Post]) -> bool:
    return sum(len(post.plots) for post in group) >= 2 and sum(post.hectares for post in group) > 0
