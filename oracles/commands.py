"""`gongsheng oracle …`: what a forester, a verifier or an auditor runs. It translates and decides nothing."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from oracles.errors import InvalidRequest, OracleError
from oracles.evidence import read_raw
from oracles.methodologies.allometry import allometry
from oracles.methodologies.methodology import Stock
from oracles.methodologies.registry import methodology
from oracles.sources import fia
from oracles.sources.csv_trees import read_inventory

BAD_INPUT = 2

app = typer.Typer(help="监测预言机 · From measured trees to a defensible number.", no_args_is_help=True)


class Source(StrEnum):
    """Where an inventory comes from."""

    FIA = "fia"
    """Tables of the FIA DataMart, one folder per state."""
    CSV = "csv"
    """A plain CSV of trees and one of strata."""


@app.callback()
def oracle() -> None:
    """监测预言机 · From measured trees to a defensible number."""


@app.command()
def estimate(
    source: Annotated[Source, typer.Option(help="数据来源 · where the inventory comes from")],
    path: Annotated[Path | None, typer.Option(help="FIA 表所在文件夹 · folder of the FIA tables")] = None,
    year: Annotated[int | None, typer.Option(help="FIA 评估年份 · year of the FIA evaluation")] = None,
    trees: Annotated[Path | None, typer.Option(help="树木表 · CSV of trees")] = None,
    strata: Annotated[Path | None, typer.Option(help="分层表 · CSV of strata with areas")] = None,
    methodology_key: Annotated[str, typer.Option("--methodology", help="方法学 · methodology")] = "ar-tool14",
    allometry_key: Annotated[str, typer.Option("--allometry", help="生物量方程 · biomass equation")] = "chave2014-eq4",
    as_json: Annotated[
        bool, typer.Option("--json", help="只输出一个 JSON 对象 · one JSON object, nothing else")
    ] = False,
) -> None:
    """估计一次调查的森林蓄积与碳储量 · Estimates the standing stock of one inventory, with its uncertainty."""
    try:
        if source is Source.FIA:
            _estimate_fia(path, year, as_json=as_json)
        else:
            _estimate_csv(trees, strata, methodology_key, allometry_key, as_json=as_json)
    except OracleError as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(BAD_INPUT) from refusal


def _estimate_fia(path: Path | None, year: int | None, *, as_json: bool) -> None:
    if path is None or year is None:
        raise InvalidRequest("--source fia 需要 --path 和 --year", "--source fia needs --path and --year")
    result = fia.estimate(fia.read_fia(path), year)
    if as_json:
        content = asdict(result)
        del content["forest_plots"], content["sampled_plots"]
        _print_json(content)
        return
    table = Table(title=f"FIA {year}：胸径 ≥ 2.54 cm 活立木，林地 · live trees ≥ 1 inch on forest land")
    table.add_column("每公顷森林 · per hectare of forest")
    table.add_column("估计 · estimate", justify="right")
    table.add_column("抽样误差 · sampling error", justify="right")
    for label, figure in (
        ("株数 · trees", result.trees_per_hectare),
        ("胸高断面积 · basal area, m²", result.basal_area_m2_per_hectare),
        ("地上生物量 · above-ground biomass, t", result.above_ground_biomass_t_per_hectare),
        ("地上碳 · above-ground carbon, t C", result.above_ground_carbon_t_per_hectare),
        ("森林面积（总计）· forest area in all, ha", result.forest_area_hectares),
    ):
        table.add_row(label, f"{figure.mean:,.2f}", f"{figure.sampling_error_percent:.2f} %")
    _print_table(
        table,
        f"{result.sampled_plots} 个样地，{result.forest_plots} 个有林地，{result.plots} 个测到活立木；"
        "抽样误差为一个标准误 · plots sampled, with forest land, with live trees; one standard error",
    )


def _estimate_csv(
    trees: Path | None, strata: Path | None, methodology_key: str, allometry_key: str, *, as_json: bool
) -> None:
    if trees is None or strata is None:
        raise InvalidRequest("--source csv 需要 --trees 和 --strata", "--source csv needs --trees and --strata")
    rules, equation = methodology(methodology_key), allometry(allometry_key)
    inventory = read_inventory(read_raw(trees), read_raw(strata))
    result = rules.stock(inventory.visits, inventory.strata, equation)
    if as_json:
        _print_json(asdict(result))
        return
    _print_table(_stock_table(result, f"{rules.key} {rules.version}, {allometry_key}"), _next_step(result))
    if inventory.twins:
        typer.echo(
            f"{inventory.twins} 行与同样地另一行逐格相同，按此精度属巧合，各算一株"
            f" · {inventory.twins} rows are like another of their plot in every cell:"
            " chance at this precision, each counts as a tree"
        )


def _stock_table(result: Stock, title: str) -> Table:
    table = Table(title=title)
    table.add_column("项目 · figure")
    table.add_column("数值 · value", justify="right")
    for label, value, unit in (
        ("地上生物量 · above-ground biomass", result.above_ground_biomass_t_per_hectare, "t/ha"),
        ("90 % 半宽 · half-width", result.half_width_percent, "%"),
        ("每公顷碳储量 · stock per hectare", result.stock_tco2e_per_hectare, "tCO2e/ha"),
        ("折扣后 · discounted", result.discounted_stock_tco2e_per_hectare, "tCO2e/ha"),
        ("总碳储量 · stock", result.stock_tco2e, "tCO2e"),
        ("折扣后 · discounted", result.discounted_stock_tco2e, "tCO2e"),
    ):
        table.add_row(label, f"{value:,.3f} {unit}")
    table.add_row("样地 · plots", str(result.plots))
    table.add_row("分层 · strata", str(result.strata))
    return table


def _next_step(result: Stock) -> str:
    if result.discounted_stock_tco2e < result.stock_tco2e:
        return (
            "半宽超过 10 %，打了折扣；在方差大的分层多设样地可减少折扣"
            " · the half-width is over 10 %, so the stock is discounted: more plots where they vary most help"
        )
    return "没有折扣；下一次复测同一批样地，即可估计变化 · no discount; measure the same plots again to estimate change"


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False, allow_nan=False))


def _print_table(table: Table, note: str) -> None:
    console = Console()
    console.print(table)
    console.print(note)
