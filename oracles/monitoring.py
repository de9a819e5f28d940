"""From the files of an inventory to one monitoring period: the same plots, measured twice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from ledger_service.domain.units import SquareMetres
from oracles.errors import Contradiction, InvalidRequest, NothingMeasured, UnknownReference
from oracles.evidence import RawFile, read_raw
from oracles.findings import (
    Finding,
    Policy,
    of_diameters,
    of_growth,
    of_inventory,
    of_laboratory,
    of_plots,
    of_zones,
    read_policy,
)
from oracles.methodologies import ar_tool14, registry, vm0047_census
from oracles.methodologies.allometry import (
    ENVIRONMENTAL,
    Allometry,
    above_ground_t_per_hectare,
    allometry,
)
from oracles.methodologies.heights import NO_HEIGHTS, fill, model_of
from oracles.methodologies.stocks import CO2_PER_CARBON, Z_TWO_SIDED_90, StockRules, height_error_of_change
from oracles.periods import Monitoring, PlotChange, VisitFigure, assemble, basal_area_cross_check, conclude
from oracles.readings import KILOGRAMS_PER_TONNE, SQUARE_METRES_PER_HECTARE, Holder, Parcel, PlotVisit, Stratum
from oracles.sources import fia
from oracles.sources.census import read_census
from oracles.sources.csv_trees import (
    Inventory,
    read_canopy,
    read_densities,
    read_holders,
    read_inventory,
    read_parcels,
    read_tenures,
    with_densities,
)
from oracles.sources.parcels import ParcelShape, looks_like_shapes, read_parcel_shapes
from oracles.sources.raster import zonal_means
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
    raster_first: Path | None = None,
    raster_second: Path | None = None,
    clouds_first: Path | None = None,
    clouds_second: Path | None = None,
    equations: Path | None = None,
    parameters: Path | None = None,
    laboratory: Path | None = None,
    laboratory_signature: Path | None = None,
    laboratory_key: Path | None = None,
    policy: Path | None = None,
    leakage_kg: int = 0,
    methodology: str = ar_tool14.METHODOLOGY.key,
    equation: str = "chave2014-eq4",
    heights: str = NO_HEIGHTS,
    environment: str = "",
    allow_unverified: int = 0,
) -> Monitoring:
    """The change between two visits to the same plots, in the plain CSV format, shared by parcels and holders.

    The cross-check is a canopy index of every parcel at both dates if there is one, as a table (`canopy`) or as two
    rasters, else basal area growth. `parcels` is a table, or shapes in GeoJSON or GeoPackage, which rasters need.
    `tenures` says who held which share of a parcel from when to when; a parcel that it does not name belongs to its
    holder alone.

    Args:
        methodology: Under `vm0047-census` the trees are sampled planting units, and the strata their groups.
        equation: A biomass equation; `file` takes it from `equations`, `chave2014-eq7` needs `environment`.
        heights: The model that fills in heights nobody measured, fitted to those of both visits together: one curve,
            so that two fits cannot make trees grow.
        laboratory: Wood densities by species, for trees without; signed by the laboratory that has the key.
        policy: Which quality flags refuse the report.
    """
    given = {
        "canopy": canopy,
        "clouds_first": clouds_first,
        "clouds_second": clouds_second,
        "equations": equations,
        "laboratory": laboratory,
        "laboratory_key": laboratory_key,
        "laboratory_signature": laboratory_signature,
        "parameters": parameters,
        "policy": policy,
        "raster_first": raster_first,
        "raster_second": raster_second,
        "tenures": tenures,
    }
    raws = {
        role: read_raw(path, role=role)
        for role, path in {
            "first": first_trees,
            "second": second_trees,
            "strata": strata,
            "parcels": parcels,
            "holders": holders,
            **{role: path for role, path in given.items() if path is not None},
        }.items()
    }
    _refuse_half_given(raws)
    rules = Policy() if policy is None else read_policy(raws["policy"])
    stress = _environment(environment)
    biomass = allometry(
        equation,
        environment=stress if equation == ENVIRONMENTAL else None,
        equations=raws.get("equations"),
    )
    owners = read_holders(raws["holders"])
    findings: list[Finding] = []
    densities: dict[str, float] = {}
    if laboratory is not None:
        densities = read_densities(raws["laboratory"])
        findings += of_laboratory(raws["laboratory"], raws.get("laboratory_signature"), raws.get("laboratory_key"))
    if methodology == vm0047_census.KEY:
        for role in ("canopy", "raster_first", "parameters", "laboratory"):
            if role in raws:
                raise InvalidRequest(f"{methodology} 不用 {role}", f"{methodology} has no {role}")
        if heights != NO_HEIGHTS or allow_unverified:
            raise InvalidRequest(f"{methodology} 不推算树高", f"{methodology} fills in no heights")
        return _monitor_census(
            raws,
            biomass,
            owners,
            subject=subject,
            period_start=period_start,
            period_end=period_end,
            leakage_kg=leakage_kg,
            policy=rules,
        )
    method = registry.methodology(
        methodology, parameters=raws.get("parameters"), allow_unverified=bool(allow_unverified)
    )
    before, after = (read_inventory(raws[visit], raws["strata"]) for visit in ("first", "second"))
    before, after = (replace(one, visits=with_densities(one.visits, densities)) for one in (before, after))
    model = model_of(heights, (*before.visits, *after.visits), stress)
    if model is not None:
        before, after = (replace(one, visits=fill(one.visits, model)) for one in (before, after))
    for one in (before, after):
        findings += of_plots(one.file, one.visits, twins=one.twins)
    findings += of_growth(after.file, before.visits, after.visits)

    names = {stratum.name for stratum in before.strata}
    shapes: tuple[ParcelShape, ...] = ()
    if looks_like_shapes(raws["parcels"]):
        shapes = read_parcel_shapes(raws["parcels"], strata=names, holders=owners)
        land = tuple(shape.parcel for shape in shapes)
    else:
        land = read_parcels(raws["parcels"], strata=names, holders=owners)
    held = read_tenures(raws["tenures"], holders=owners) if "tenures" in raws else ()
    _check_land(before.strata, land, raws["parcels"].name)
    plots = _csv_plots(before, after, biomass, method.rules, start=utc_date(period_start), end=utc_date(period_end - 1))
    areas = {stratum.name: stratum.area_hectares for stratum in before.strata}

    if raster_first is not None:
        index, found = _raster_index(raws, shapes, rules)
        findings += found
        cross_check, cross_note = _canopy_cross_check(plots, areas, land, raws["raster_first"].name, index)
    elif canopy is not None:
        index = dict(read_canopy(raws["canopy"]))
        cross_check, cross_note = _canopy_cross_check(plots, areas, land, raws["canopy"].name, index)
    else:
        cross_check, cross_note = basal_area_cross_check(plots, areas)
    choices = {"biomass": biomass.key, "plots": "re-measured"}
    notes = [
        f"样地两次实测：{before.trees} 株与 {after.trees} 株 · the same plots at two visits: trees tallied",
        f"逐格相同而各算一株的行：{before.twins} 与 {after.twins}"
        " · rows alike in every cell, each taken for a tree of its own",
        f"{method.key} {method.version}：单株生物量 {biomass.key.partition('@')[0]}，根茎比按样地"
        " · biomass of a tree by this equation, root-shoot ratio by plot",
        cross_note,
    ]
    height_half_width = 0.0
    if model is not None:
        choices["heights"] = f"{heights}, both visits" + (f", E = {environment}" if environment else "")
        notes.append(f"树高模型 {model.describe()} · heights that nobody measured are those of this model")
        height_half_width = Z_TWO_SIDED_90 * height_error_of_change(
            method.rules, before.visits, after.visits, before.strata, biomass, model
        )
    if densities:
        choices["wood_density"] = "laboratory"
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
        methodology=method,
        methodology_digest=method.digest(**choices),
        notes=tuple(notes),
        height_half_width=height_half_width,
        findings=findings,
        policy=rules,
        tenures=held,
        tenures_source=raws["tenures"].name if held else "",
    )


def _refuse_half_given(raws: Mapping[str, RawFile]) -> None:
    """Files that come in pairs, and files that mean one thing twice."""
    for one, other in (
        ("raster_first", "raster_second"),
        ("raster_second", "raster_first"),
        ("clouds_first", "raster_first"),
        ("clouds_second", "raster_second"),
        ("laboratory_signature", "laboratory"),
        ("laboratory_key", "laboratory"),
    ):
        if one in raws and other not in raws:
            raise InvalidRequest(f"给了 {one} 就要给 {other}", f"{one} needs {other}")
    if "canopy" in raws and "raster_first" in raws:
        raise InvalidRequest("canopy 与 raster 二选一", "canopy and rasters are one or the other")


def _environment(text: str) -> float | None:
    """The environmental stress E of a place, which settings carry as text so that it is exact."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidRequest(f"环境胁迫指数不是数字：{text}", f"the environmental stress is no number: {text}")
    return value


def _monitor_census(
    raws: Mapping[str, RawFile],
    biomass: Allometry,
    owners: Mapping[str, Holder],
    *,
    subject: str,
    period_start: int,
    period_end: int,
    leakage_kg: int,
    policy: Policy,
) -> Monitoring:
    """VM0047 by census: the sample of planting units at two dates, parcels sharing by the change of their group.

    Where every group was sampled in the same units at both dates, by their ids, the change is that of the units;
    otherwise the two samples are independent, and their half-widths add up in squares. A parcel's stratum is its group;
    credits are whole tonnes.
    """
    first, second = (read_census(raws[visit], raws["strata"], biomass) for visit in ("first", "second"))
    names = {group.name for group in first}
    if looks_like_shapes(raws["parcels"]):
        shapes = read_parcel_shapes(raws["parcels"], strata=names, holders=owners)
        land = tuple(shape.parcel for shape in shapes)
    else:
        land = read_parcels(raws["parcels"], strata=names, holders=owners)
    held = read_tenures(raws["tenures"], holders=owners) if "tenures" in raws else ()
    hectares = {
        name: sum(parcel.area_m2 for parcel in land if parcel.stratum == name) / SQUARE_METRES_PER_HECTARE
        for name in names
    }
    if empty := sorted(name for name, area in hectares.items() if not area):
        raise UnknownReference(
            "这个分组没有小班", "a group without parcels", file=raws["strata"].name, column="group", value=empty[0]
        )
    is_same = vm0047_census.is_same_units(first, second)
    estimated = vm0047_census.change_of_same_units if is_same else vm0047_census.change
    kind = "same units" if is_same else "independent surveys"
    findings: list[Finding] = []
    for group, other in zip(first, second, strict=True) if is_same else ():
        findings += of_diameters(raws["second"].name, _diameters_of_both(group, other))
    return conclude(
        subject=subject,
        period_start=period_start,
        period_end=period_end,
        estimate=estimated(first, second, hectares),
        plots=(),
        parcels=land,
        holders=owners,
        leakage_kg=leakage_kg,
        cross_check_tco2e=None,
        evidence=tuple(raws.values()),
        methodology=vm0047_census.KEY,
        remaining=lambda u: 1 - vm0047_census.deduction(u),
        deduction="VM0047: half-width beyond 10 % is deducted",
        methodology_digest=vm0047_census.digest(biomass=biomass.key, change=kind),
        notes=(
            f"普查：{sum(len(group.sampled_kg) for group in first)} 与 {sum(len(group.sampled_kg) for group in second)}"
            " 株抽样 · a census of planting units, sampled at both dates",
            "两次抽样为同一批植株，按每株变化估计 · the same units at both dates: the change is that of each unit"
            if is_same
            else "两次抽样相互独立，半宽平方相加 · independent samples: their half-widths add up in squares",
        ),
        findings=findings,
        policy=policy,
        tenures=held,
        tenures_source=raws["tenures"].name if held else "",
        whole_kg=KILOGRAMS_PER_TONNE,
    )


def _diameters_of_both(
    first: vm0047_census.CensusGroup, second: vm0047_census.CensusGroup
) -> list[tuple[float, float]]:
    """The diameters of the units that lived at both dates."""
    later = dict(zip(second.units, second.diameters_cm, strict=True))
    pairs = [(dbh, later[unit]) for unit, dbh in zip(first.units, first.diameters_cm, strict=True)]
    return [(before, after) for before, after in pairs if before is not None and after is not None]


def monitor_fia(
    path: Path,
    *,
    accounts: Sequence[str],
    seed: int,
    first_year: int = 2009,
    last_year: int = 2018,
    leakage_kg: int = 0,
    policy: Path | None = None,
) -> Monitoring:
    """The change of live tree carbon on the re-measured plots of one state, later visits in these inventory years.

    Carbon is FIA's own, above and below ground. Plots, post-strata and forest areas are those of the evaluation that
    ends with `last_year`. A parcel is an estimation unit's post-stratum; its lots and holders are generated from the
    seed, because an inventory names no owners. `policy` says which quality flags refuse the report.
    """
    rules = () if policy is None else (read_raw(policy, role="policy"),)
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
    places = {plot.plot for plot in plots}
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
        evidence=(*inventory.files, *rules),
        methodology=ar_tool14.METHODOLOGY,
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
        findings=of_inventory(inventory.state, [pair for pair in pairs if pair[1].place in places]),
        policy=read_policy(rules[0]) if rules else None,
    )


# --- Plain CSV ------------------------------------------------------------------------------------


def _csv_plots(
    before: Inventory, after: Inventory, biomass: Allometry, rules: StockRules, *, start: date, end: date
) -> tuple[PlotChange, ...]:
    """The plots of both campaigns, which must be the same plots on the same ground."""
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
        pair = (_csv_figure(first, biomass, rules, on=start), _csv_figure(second, biomass, rules, on=end))
        changes.append(PlotChange(name, first.stratum, 1.0, (pair,)))
    return tuple(changes)


def _csv_figure(visit: PlotVisit, biomass: Allometry, rules: StockRules, *, on: date) -> VisitFigure:
    return VisitFigure(
        source=visit.source,
        on=on,
        trees=len(visit.trees),
        tco2e_per_hectare=rules.tco2e_per_hectare(above_ground_t_per_hectare(visit, biomass)),
        basal_area_m2_per_hectare=visit.basal_area_m2_per_hectare,
    )


def _check_land(strata: Sequence[Stratum], land: Sequence[Parcel], file: str) -> None:
    """The parcels of a stratum are all of its area, but for the last square metre of each, lost to rounding."""
    for stratum in strata:
        areas = [parcel.area_m2 for parcel in land if parcel.stratum == stratum.name]
        if abs(sum(areas) - stratum.area_m2) > max(len(areas), 1):
            listed, known = SquareMetres(sum(areas)), SquareMetres(round(stratum.area_m2))
            raise Contradiction(
                f"分层“{stratum.name}”的小班合计 {listed}，分层表为 {known}",
                f"the parcels of stratum “{stratum.name}” add up to {listed}, the strata table says {known}",
                file=file,
                column="area",
            )


def _raster_index(
    raws: Mapping[str, RawFile], shapes: Sequence[ParcelShape], policy: Policy
) -> tuple[dict[str, tuple[float, float] | None], list[Finding]]:
    """The mean of each parcel in the images of both dates; None where one of them shows nothing of it."""
    if not shapes:
        raise InvalidRequest(
            "影像需要小班图（GeoJSON 或 GeoPackage）", "rasters need parcels as shapes, GeoJSON or GeoPackage"
        )
    findings: list[Finding] = []
    images = []
    for visit in ("first", "second"):
        raster = raws[f"raster_{visit}"]
        zones = zonal_means(raster, shapes, clouds=raws.get(f"clouds_{visit}"))
        findings += of_zones(raster.name, zones, policy)
        images.append(zones)
    index: dict[str, tuple[float, float] | None] = {}
    for first, second in zip(*images, strict=True):
        index[first.parcel] = None if first.mean is None or second.mean is None else (first.mean, second.mean)
    return index, findings


def _canopy_cross_check(
    plots: Sequence[PlotChange],
    areas: Mapping[str, float],
    land: Sequence[Parcel],
    source: str,
    index: Mapping[str, tuple[float, float] | None],
) -> tuple[float, str]:
    """The change in tCO2e that a canopy index of every parcel suggests: a stratum's first stock × growth of its index.

    It uses no tree of the second visit. Parcels that the images do not show count at neither date. Where the index is
    itself generated, it is a stand-in, and the file's folder says so.
    """
    stocks: dict[str, list[float]] = {name: [] for name in areas}
    for plot in plots:
        stocks[plot.stratum].extend(first.tco2e_per_hectare for first, _ in plot.pairs)
    totals = {name: [0.0, 0.0] for name in areas}
    for parcel in land:
        if parcel.id not in index:
            raise UnknownReference(
                f"冠层指数表里没有小班 {parcel.id}",
                f"parcel {parcel.id} has no canopy index",
                file=source,
                column="parcel_id",
                value=parcel.id,
            )
        for visit, value in enumerate(index[parcel.id] or ()):
            totals[parcel.stratum][visit] += parcel.area_m2 * value
    change = 0.0
    for name, (first, second) in totals.items():
        if first <= 0:
            raise NothingMeasured(
                f"分层“{name}”首期冠层指数为零或负", f"the first canopy index of stratum “{name}” is not above zero"
            )
        change += areas[name] * math.fsum(stocks[name]) / len(stocks[name]) * (second / first - 1)
    return change, (
        f"交叉核对：{len(land)} 个小班的冠层指数推出 {change:,.3f} tCO2e"
        f" · cross-check: a canopy index of {len(land)} parcels at both dates suggests {change:,.3f} tCO2e"
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
