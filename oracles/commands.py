"""`gongsheng oracle …`: what a forester, a verifier or an auditor runs. It translates and decides nothing."""

import json
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, fields, replace
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table

from ledger_service.domain.errors import LedgerError
from ledger_service.domain.units import feed_text
from oracles.bundle import LineProof, make_job, prove_line, reproduce, run
from oracles.errors import InvalidBundle, InvalidRequest, OracleError
from oracles.evidence import read_raw
from oracles.explanation import Step
from oracles.findings import CLOUD_SHARE, FLAGS_BY_NAME, Policy, of_laboratory, of_plots, of_zones
from oracles.methodologies import vm0047_census
from oracles.methodologies.allometry import Allometry, allometry
from oracles.methodologies.heights import HeightModel, fill, model_of
from oracles.methodologies.methodology import Methodology
from oracles.methodologies.montecarlo import MeasurementErrors, propagate
from oracles.methodologies.registry import methodology
from oracles.methodologies.stocks import Covariate, Stock
from oracles.quality import Flag, Limits, fill_gaps
from oracles.quality_report import render
from oracles.readings import area_text
from oracles.reporting import Outcome, Reporter, open_signer, read_settings, reporter_at, to_mapping
from oracles.sources import fia
from oracles.sources.census import read_census
from oracles.sources.covariates import Anything, covariate_of_raster
from oracles.sources.csv_trees import (
    Inventory,
    read_covariate,
    read_densities,
    read_inventory,
    read_places,
    with_densities,
)
from oracles.sources.http_json import fetch_json, table_of
from oracles.sources.mqtt import Collector, Journal, Verdict, read_devices
from oracles.sources.parcels import looks_like_shapes, read_parcel_shapes
from oracles.sources.raster import zonal_means
from oracles.sources.sensors import check_all, read_frame_series, read_series, read_stations
from oracles.sources.tables import write_csv
from oracles.times import utc_date

BAD_INPUT = 2
TELL_SECONDS = 30.0

app = typer.Typer(help="监测预言机 · From measured trees to a defensible number.", no_args_is_help=True)


class Source(StrEnum):
    """Where an inventory comes from."""

    FIA = "fia"
    """Tables of the FIA DataMart, one folder per state."""
    CSV = "csv"
    """A table of trees and one of strata, CSV or Excel."""
    CENSUS = "census"
    """A sample of planting units and the groups they were counted in, for vm0047-census."""


@app.callback()
def oracle() -> None:
    """监测预言机 · From measured trees to a defensible number."""


class HeightChoice(StrEnum):
    """Where the heights come from that nobody measured."""

    NONE = "none"
    """Nowhere: a missing height is refused."""
    BEST = "best"
    """The form that fits this file's own heights best."""
    LOG1 = "log1"
    LOG2 = "log2"
    WEIBULL = "weibull"
    MICHAELIS = "michaelis"
    CHAVE_2014_EQ6A = "chave2014-eq6a"
    """The published pan-tropical curve for a place with --environment E."""


@app.command()
def estimate(
    source: Annotated[Source, typer.Option(help="数据来源 · where the inventory comes from")],
    path: Annotated[Path | None, typer.Option(help="FIA 表所在文件夹 · folder of the FIA tables")] = None,
    year: Annotated[int | None, typer.Option(help="FIA 评估年份 · year of the FIA evaluation")] = None,
    trees: Annotated[Path | None, typer.Option(help="树木表 CSV/Excel · table of trees")] = None,
    strata: Annotated[
        Path | None, typer.Option(help="分层表（普查为分组表）· table of strata, or of census groups")
    ] = None,
    methodology_key: Annotated[str, typer.Option("--methodology", help="方法学 · methodology")] = "ar-tool14",
    equation: Annotated[str, typer.Option(help="生物量方程 · biomass equation")] = "chave2014-eq4",
    equations: Annotated[
        Path | None, typer.Option(help="方程表，配 --equation file · equations a·D^b·H^c by species")
    ] = None,
    heights: Annotated[
        HeightChoice, typer.Option(help="树高模型，补缺测树高 · model that fills in missing heights")
    ] = HeightChoice.NONE,
    environment: Annotated[
        float | None, typer.Option(help="环境胁迫指数 E（Chave 2014）· environmental stress E")
    ] = None,
    covariate: Annotated[
        Path | None, typer.Option(help="协变量表，双重抽样 · covariate of the larger sample, for double sampling")
    ] = None,
    raster: Annotated[
        Path | None,
        typer.Option(help="影像 GeoTIFF 作协变量，配 --parcels --plots · raster as the covariate"),
    ] = None,
    clouds: Annotated[Path | None, typer.Option(help="云掩膜 GeoTIFF，非零为云 · mask, not zero is cloud")] = None,
    parcels: Annotated[Path | None, typer.Option(help="小班图 GeoJSON/GeoPackage · parcels as shapes")] = None,
    plots: Annotated[
        Path | None, typer.Option(help="样地位置 plot_id,longitude,latitude · where the plots are")
    ] = None,
    post_strata: Annotated[
        str | None,
        typer.Option(help="按协变量事后分层的界限，如 50,120 · limits of classes for post-stratification"),
    ] = None,
    laboratory: Annotated[
        Path | None, typer.Option(help="木材密度化验表 species,wood_density · densities from a laboratory")
    ] = None,
    laboratory_signature: Annotated[
        Path | None, typer.Option(help="实验室对该表的 Ed25519 签名 · the laboratory's signature of it")
    ] = None,
    laboratory_key: Annotated[Path | None, typer.Option(help="实验室公钥 · the laboratory's public key")] = None,
    parameters: Annotated[Path | None, typer.Option(help="未核实方法学的参数 TOML · parameters, unverified")] = None,
    allow_unverified: Annotated[
        bool, typer.Option("--allow-unverified", help="允许未核实的方法学 · allow an unverified methodology")
    ] = False,
    monte_carlo: Annotated[
        int | None, typer.Option(help="蒙特卡洛误差传播的抽取次数 · draws of Monte Carlo error propagation")
    ] = None,
    seed: Annotated[int, typer.Option(help="随机种子 · seed of the draws")] = 0,
    dbh_error: Annotated[
        float | None, typer.Option(help="胸径误差 cm，不给则按 Chave 2004 · diameter error, default Chave et al. 2004")
    ] = None,
    height_error: Annotated[float, typer.Option(help="实测树高相对误差 · relative error of measured heights")] = 0.0,
    density_error: Annotated[float, typer.Option(help="木材密度误差 g/cm³ · error of wood densities")] = 0.0,
    explain: Annotated[bool, typer.Option("--explain", help="打印每一步及其数字 · print every step")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="只输出一个 JSON 对象 · one JSON object, nothing else")
    ] = False,
) -> None:
    """估计一次调查的森林蓄积与碳储量 · Estimates the standing stock of one inventory, with its uncertainty."""
    with refusals_in_one_line():
        if source is Source.FIA:
            _estimate_fia(path, year, as_json=as_json)
            return
        if trees is None or strata is None:
            raise InvalidRequest(
                f"--source {source.value} 需要 --trees 和 --strata",
                f"--source {source.value} needs --trees and --strata",
            )
        biomass = allometry(
            equation,
            environment=environment,
            equations=None if equations is None else read_raw(equations),
        )
        if source is Source.CENSUS:
            _estimate_census(trees, strata, biomass, explain=explain, as_json=as_json)
            return
        if methodology_key == vm0047_census.KEY:
            raise InvalidRequest(
                f"{methodology_key} 按株普查，请用 --source census", f"{methodology_key} is a census: --source census"
            )
        rules = methodology(
            methodology_key,
            parameters=None if parameters is None else read_raw(parameters),
            allow_unverified=allow_unverified,
        )
        inventory = read_inventory(read_raw(trees), read_raw(strata))
        if laboratory is not None:
            _require_signed(laboratory, laboratory_signature, laboratory_key)
            densities = read_densities(read_raw(laboratory))
            inventory = replace(inventory, visits=with_densities(inventory.visits, densities))
        _estimate_csv(
            inventory,
            rules,
            biomass,
            model_of(heights.value, inventory.visits, environment),
            _covariate(inventory, covariate, raster, clouds, parcels, plots, post_strata),
            None
            if monte_carlo is None
            else (monte_carlo, seed, MeasurementErrors(dbh_error, height_error, density_error)),
            explain=explain,
            as_json=as_json,
        )


SettingsOption = Annotated[Path, typer.Option(help="监测方设置 TOML · settings of the reporter")]


@app.command()
def report(
    settings: SettingsOption,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只计算，不签名不上链 · computes only, signs and publishes nothing")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="只输出 JSON · JSON only")] = False,
) -> None:
    """计算、签名并上链各轮监测结果；重复运行无害 · Computes, signs and publishes every round; harmless to repeat."""
    if dry_run:
        _preview(settings, as_json=as_json)
        return
    with refusals_in_one_line(), _reporter(settings) as reporter:
        outcomes = [reporter.report(one) for one in reporter.settings.rounds]
        if as_json:
            _print_json([to_mapping(outcome) for outcome in outcomes])
            return
        for outcome in outcomes:
            _tell(outcome)
        _next(
            "status 看各轮情况；run 在质疑期满后定案",
            "`status` shows how the rounds stand; `run` makes them final after the challenge window",
        )


@app.command(name="run")
def run_schedule(
    settings: SettingsOption,
    every: Annotated[float, typer.Option(help="间隔秒数 · seconds between rounds of work", min=0.1)] = 3_600.0,
    times: Annotated[int | None, typer.Option(help="做几遍后停止，不给则一直做 · stop after so many", min=1)] = None,
) -> None:
    """按计划报告、锚定昨日证据、到期定案，直到 Ctrl-C · Reports, anchors and finalises on a schedule until Ctrl-C."""
    with refusals_in_one_line(), _reporter(settings) as reporter:
        typer.echo(f"每 {every:g} 秒一遍，Ctrl-C 停止 · every {every:g} seconds, until Ctrl-C", err=True)
        done = 0
        while True:
            for one in reporter.settings.rounds:
                try:
                    outcome = reporter.report(one)
                except (OracleError, LedgerError) as refusal:  # One round that is refused must not stop the others.
                    typer.echo(f"{one.feed}: {refusal}", err=True)
                else:
                    if not outcome.was_there:
                        _tell(outcome)
            try:
                if reporter.settings.evidence is not None:
                    yesterday = utc_date(int(time.time())) - timedelta(days=1)
                    if (reporter.settings.evidence / yesterday.isoformat()).is_dir():
                        reporter.anchor_day(yesterday)
                nominated, finalised = reporter.advance()
                if nominated:
                    typer.echo(f"提名 {nominated} 轮 · {nominated} rounds nominated")
                if finalised:
                    typer.echo(f"定案 {finalised} 轮 · {finalised} rounds made final")
            except (OracleError, LedgerError) as refusal:
                typer.echo(str(refusal), err=True)
            done += 1
            if times is not None and done >= times:
                break
            time.sleep(every)
        _next("status 看各轮情况", "`status` shows how the rounds stand")


@app.command()
def anchor(
    settings: SettingsOption,
    day: Annotated[str, typer.Option(help="哪一天（UTC，2025-06-30）· which day")],
) -> None:
    """把某日全部证据的 RFC 6962 根锚定上链 · Anchors the root over all evidence of a day."""
    with refusals_in_one_line():
        try:
            chosen = date.fromisoformat(day)
        except ValueError as failure:
            raise InvalidRequest(f"不是日期：{day}", f"not a day: {day}") from failure
        with _reporter(settings) as reporter:
            root, files, was_needed = reporter.anchor_day(chosen)
        known = "已锚定 · anchored" if was_needed else "早已锚定 · was anchored already"
        typer.echo(f"0x{root.hex()} {files} 个文件 files, {known}")
        _next(
            "原样保存当日文件夹，任何人都能重算这个根",
            "keep the folder of the day as it is: anyone can compute this root again",
        )


@app.command()
def status(settings: SettingsOption) -> None:
    """这个监测方在链上的情况 · How this reporter stands on chain."""
    with refusals_in_one_line(), _reporter(settings) as reporter:
        typer.echo(f"监测方 reporter {reporter.signer.address}")
        if (flight := reporter.carrier.in_flight()) is not None:
            typer.echo(f"在途交易 in flight: nonce {flight['nonce']}, 已发 sent {len(flight['sent'])} ×")
        for one in reporter.status():
            typer.echo(f"{one.feed} {one.kind} {one.subject}: 组 group {one.group}, 序号 last seq {one.last_seq}")
            for line in one.reported:
                typer.echo(f"  {line}")
        _next(
            "report 报告缺的各轮；run 到期提名、定案",
            "`report` reports what is missing; `run` nominates and makes final in time",
        )


@app.command(name="reproduce")
def reproduce_bundle(
    bundle: Annotated[Path, typer.Argument(help="证据包 · the archive")],
    root: Annotated[str | None, typer.Option(help="报告里的证据根 0x… · evidence root of the report")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="只输出 JSON · JSON only")] = False,
) -> None:
    """从证据包重算，摘要须一致 · Computes a report again from its archive; the digest must be identical."""
    with refusals_in_one_line():
        result = reproduce(read_raw(bundle).content, name=bundle.name)
        if root is not None and _bytes32(root) != result.evidence_root:
            raise InvalidBundle(
                bundle.name,
                f"不是这个报告的证据包（算得 0x{result.evidence_root.hex()}）",
                f"is not the archive of this report (its root is 0x{result.evidence_root.hex()})",
            )
        content = {**result.to_mapping(), "digest": f"0x{result.digest.hex()}", "refusal": result.refusal}
        if as_json:
            _print_json(content)
            return
        for name, value in content.items():
            if value is not None:
                typer.echo(f"{name} {value}")
        _next(
            "与链上报告核对（--root 核对证据根）；prove 证明其中某一行",
            "compare it with the report on chain (--root checks the evidence root); `prove` shows that a line is in it",
        )


@app.command()
def prove(
    bundle: Annotated[Path, typer.Argument(help="证据包 · the archive")],
    file: Annotated[str, typer.Option(help="包内文件，如 first_trees/trees.csv · file in the archive")],
    line: Annotated[int, typer.Option(help="行号，表头为 1 · line, the header being 1")],
) -> None:
    """证明报告依据了某文件的某一行 · Proves that a line of a file is under the evidence root of a report."""
    with refusals_in_one_line():
        typer.echo(prove_line(read_raw(bundle).content, file, line, name=bundle.name).to_json())
        _next(
            "存为文件交给对方，用 verify --root 核对",
            "save it; whoever has the report checks it with `verify --root`",
            err=True,
        )


@app.command()
def verify(
    proof: Annotated[Path, typer.Argument(help="prove 的输出 · what `prove` wrote")],
    root: Annotated[str, typer.Option(help="报告里的证据根 0x… · evidence root of the report")],
) -> None:
    """核对行证明 · Checks a proof of a line against the evidence root of a report."""
    with refusals_in_one_line():
        try:
            text = read_raw(proof).content.decode("utf-8")
        except UnicodeDecodeError as failure:
            raise InvalidBundle(proof.name, "不是行证明", "not a proof of a line") from failure
        known = LineProof.from_json(text, name=proof.name)
        if not known.holds(_bytes32(root)):
            raise InvalidBundle(proof.name, "不成立", "does not hold for this root")
        typer.echo(f"成立 holds: {known.file} 第 {known.line} 行 line {known.line}")
        typer.echo(known.content.decode("utf-8", "replace"))
        _next(
            "确认此根就是链上报告的：服务 /batches/编号 的 evidence_root",
            "see that this root is the one on chain: `evidence_root` at /batches/{number} of the service",
        )


@app.command()
def collect(
    devices: Annotated[Path, typer.Option(help="设备表 device,key（Ed25519 公钥十六进制）· devices and their keys")],
    evidence: Annotated[Path, typer.Option(help="证据文件夹，每日一个 · evidence folder, one per day")],
    host: Annotated[str, typer.Option(help="MQTT 服务器 · broker")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="端口 · its port")] = 1883,
    topic: Annotated[str, typer.Option(help="主题 · topic")] = "gongsheng/frames/#",
    client_id: Annotated[str, typer.Option(help="会话标识，重启须不变 · keep it when restarting")] = "gongsheng",
) -> None:
    """接收传感器签名帧，直到 Ctrl-C；随时可杀可重启 · Takes signed frames until Ctrl-C; may be killed and restarted."""
    with refusals_in_one_line():
        journal = Journal(evidence, read_devices(read_raw(devices)))
        zh, en = ("检查点之后", "after its checkpoint") if journal.is_from_checkpoint else ("整个日志", "all of it")
        typer.echo(
            f"启动读{zh} {journal.lines_read:,} 行 · {journal.lines_read:,} lines of the journal read, {en}", err=True
        )
        collector = Collector(journal, host=host, port=port, client_id=client_id, topic=topic, now=time.time)
        told = [time.monotonic()]

        def tell() -> bool:
            """Says how it goes every half minute; never a reason to stop."""
            if time.monotonic() - told[0] >= TELL_SECONDS:
                told[0] = time.monotonic()
                kept = journal.verdicts[Verdict.KEPT]
                typer.echo(f"已收 {kept:,} 帧 · {kept:,} frames kept", err=True)
            return False

        try:
            collector.run(tell)
        except KeyboardInterrupt:
            collector.close()
        finally:
            journal.close()
        for verdict, count in journal.verdicts.items():
            typer.echo(f"{verdict.value}: {count:,}")
        _next("quality --frames 检查收到的帧", "`quality --frames` checks what came", err=True)


@app.command()
def quality(
    out: Annotated[Path, typer.Option(help="HTML 质量报告 · where the page goes")],
    least: Annotated[float, typer.Option(help="物理下限 · physical least")],
    most: Annotated[float, typer.Option(help="物理上限 · physical most")],
    interval: Annotated[int, typer.Option(help="读数间隔秒 · seconds between readings", min=1)],
    resolution: Annotated[float, typer.Option(help="传感器末位 · last digit of the sensor")],
    readings: Annotated[Path | None, typer.Option(help="传感器读数 CSV · readings of sensors")] = None,
    frames: Annotated[
        Path | None, typer.Option(help="签名帧日志，配 --devices --quantity · journal of signed frames")
    ] = None,
    devices: Annotated[Path | None, typer.Option(help="设备表 device,key · devices and their keys")] = None,
    quantity: Annotated[str, typer.Option(help="帧里的哪个量 · which quantity of the frames")] = "value",
    stations: Annotated[
        Path | None,
        typer.Option(help="测站表 device,longitude,latitude,calibrated_until · where devices are registered"),
    ] = None,
    fill: Annotated[
        int, typer.Option(help="直线插补至多几个缺测时刻 · fills gaps of up to so many moments", min=0)
    ] = 0,
    filled: Annotated[Path | None, typer.Option(help="可用及插补读数 CSV · usable and filled readings")] = None,
) -> None:
    """检查传感器读数，写出可读的质量报告 · Checks readings and writes a page that says what was refused and why."""
    with refusals_in_one_line():
        if (readings is None) == (frames is None) or (frames is None) != (devices is None):
            raise InvalidRequest(
                "--readings 与 --frames+--devices 二选一", "either --readings, or --frames and --devices"
            )
        if bool(fill) != (filled is not None):
            raise InvalidRequest("--fill 与 --filled 要一起用", "--fill and --filled go together")
        limits = Limits(least, most, interval, resolution)
        source = readings or frames
        assert source is not None
        with _busy(source.name):
            series = (
                read_series(read_raw(source))
                if devices is None
                else read_frame_series(read_raw(source), read_raw(devices), quantity)
            )
            checked = check_all(series, limits, {} if stations is None else read_stations(read_raw(stations)))
        out.write_text(render(checked, title=source.name), encoding="utf-8", newline="\n")
        for one in checked:
            refused = int((~one.usable).sum())
            flags = int(one.summary())
            typer.echo(
                f"{one.series.device}: {len(one.series):,} 读数 readings, 拒用 refused {refused:,}, qcFlags {flags:#x}"
            )
        if filled is not None:
            rows = []
            for one in checked:
                done = fill_gaps(one, limits, most_moments=fill)
                cells = zip(done.series.times.tolist(), done.series.values.tolist(), done.flags.tolist(), strict=True)
                rows += [(one.series.device, moment, repr(value), flags) for moment, value, flags in cells]
            write_csv(filled, ("device", "time", "value", "flags"), rows)
            typer.echo(f"已写 {len(rows):,} 个可用读数 · {len(rows):,} usable readings in {filled}")
        typer.echo(f"请打开 {out} 看被拒的读数及原因 · open {out} to see what was refused and why")


@app.command()
def zonal(
    raster: Annotated[Path, typer.Option(help="影像 GeoTIFF（生物量、NDVI 等）· biomass, NDVI or other raster")],
    parcels: Annotated[Path, typer.Option(help="小班图 GeoJSON/GeoPackage · parcels as shapes")],
    out: Annotated[Path, typer.Option(help="结果 CSV · where the table goes")],
    clouds: Annotated[Path | None, typer.Option(help="云掩膜 GeoTIFF，非零为云 · mask, not zero is cloud")] = None,
    cloud_share: Annotated[
        float, typer.Option(help="云量上限，超过则标注 · more under clouds than this is flagged", min=0.0, max=1.0)
    ] = CLOUD_SHARE,
) -> None:
    """各小班的影像均值、无数据与云量份额 · The mean of a raster over each parcel, what lacks data, what is cloudy."""
    with refusals_in_one_line():
        raw = read_raw(parcels)
        if not looks_like_shapes(raw):
            raise InvalidRequest(f"{parcels.name} 不是小班图", f"{parcels.name} holds no shapes")
        shapes = read_parcel_shapes(raw, strata=Anything(), holders=Anything())
        with _busy(f"{len(shapes):,} 个小班 parcels"):
            zones = zonal_means(read_raw(raster), shapes, clouds=None if clouds is None else read_raw(clouds))
        policy = Policy(cloud_share=cloud_share)
        rows = []
        for shape, zone in zip(shapes, zones, strict=True):
            flags = [FLAG_NAME[finding.flag] for finding in of_zones(raster.name, [zone], policy)]
            mean = "" if zone.mean is None else f"{zone.mean:.10g}"
            shares = (f"{zone.pixels:.6g}", f"{zone.nodata_share:.6f}", f"{zone.cloud_share:.6f}", " ".join(flags))
            rows.append((zone.parcel, shape.parcel.stratum, mean, *shares))
        write_csv(out, ("parcel_id", "stratum", "mean", "pixels", "nodata_share", "cloud_share", "flags"), rows)
        typer.echo(f"{len(zones):,} 个小班写入 {out} · {len(zones):,} parcels written")
        for finding in of_zones(raster.name, zones, policy):
            typer.echo(str(finding))
        _next(
            "estimate --raster 作协变量，或在报告设置里用 raster_first、raster_second 交叉核对",
            "`estimate --raster`, or raster_first and raster_second in a reporter's settings",
        )


@app.command()
def laboratory(
    report: Annotated[Path, typer.Option(help="化验报告 · the laboratory's report")],
    signature: Annotated[Path, typer.Option(help="Ed25519 签名，64 字节或十六进制 · signature, 64 bytes or hex")],
    key: Annotated[Path, typer.Option(help="实验室公钥，32 字节或十六进制 · public key, 32 bytes or hex")],
) -> None:
    """核对化验报告的签名 · Checks that a laboratory signed exactly this report."""
    with refusals_in_one_line():
        _require_signed(report, signature, key)
        typer.echo(f"{report.name}：签名有效 · the laboratory has signed {report.name}")
        _next(
            "用作 estimate --laboratory，或报告设置里的 laboratory",
            "use it as `estimate --laboratory`, or as laboratory in a reporter's settings",
        )


@app.command()
def fetch(
    url: Annotated[str, typer.Argument(help="返回 JSON 的地址 · where the JSON is")],
    out: Annotated[Path, typer.Option(help="原始字节存到哪里，作为证据 · where the bytes go, as evidence")],
    rows: Annotated[str, typer.Option(help="记录在哪个字段，如 data.items · which field holds the records")] = "",
    column: Annotated[
        list[str] | None, typer.Option(help="列名=字段，可重复，如 dbh_cm=tree.dbh · column=field, repeatable")
    ] = None,
    table: Annotated[Path | None, typer.Option(help="转成的 CSV · the CSV made of the records")] = None,
    timeout: Annotated[float, typer.Option(help="每次等待秒数 · seconds to wait each time", min=0.1)] = 30.0,
) -> None:
    """从 HTTP 服务取 JSON，忙时重试 · Fetches JSON from a service, patiently, as evidence and as a table."""
    with refusals_in_one_line():
        if (table is not None) != bool(column):
            raise InvalidRequest("--table 与 --column 要一起用", "--table and --column go together")
        with _busy(url), httpx.Client(timeout=timeout, follow_redirects=False) as client:
            raw, content = fetch_json(url, name=out.name, client=client)
        made = None if table is None else table_of(raw.name, content, rows, column or [])
        out.write_bytes(raw.content)
        size, digest = f"{len(raw.content):,}", raw.sha256.hex()
        typer.echo(f"{out}：{size} 字节，sha256 {digest} · {size} bytes")
        if table is None or made is None:
            _next("加 --table 与 --column 转成表", "make a table of it with --table and --column")
            return
        write_csv(table, *made)
        typer.echo(f"{table}：{len(made[1]):,} 行 · {len(made[1]):,} rows")
        _next(f"{table} 可用作其他命令的输入", f"{table} is ready for the other commands")


FLAG_NAME = {flag: name for name, flag in FLAGS_BY_NAME.items()}


def _bytes32(text: str) -> bytes:
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != 32:
        raise InvalidRequest(f"不是 32 字节的十六进制：{text}", f"not 32 bytes of hex: {text}")
    return value


def _reporter(path: Path) -> AbstractContextManager[Reporter]:
    settings = read_settings(path)
    return reporter_at(settings, open_signer(settings, _prompt))


def _prompt(keystore: Path) -> str:
    return str(typer.prompt(f"口令 passphrase {keystore}", hide_input=True, err=True))


def _next(zh: str, en: str, *, err: bool = False) -> None:
    """What a person can do after this; on the error channel where the output is for a machine."""
    typer.echo(f"下一步：{zh} · next: {en}", err=err)


def _tell(outcome: Outcome) -> None:
    done = "已在链上 · was there" if outcome.was_there else "已上链 · reported"
    value = feed_text(outcome.feed, outcome.result.value)
    typer.echo(
        f"{outcome.feed} 0x{outcome.round_id.hex()[:16]}… {done}: {value} (序号 seq {outcome.seq}),"
        f" digest 0x{outcome.result.digest.hex()}"
    )
    for finding in outcome.result.findings:
        typer.echo(f"  {finding}")


@contextmanager
def refusals_in_one_line() -> Iterator[None]:
    """Turns a refusal into one line on the error channel and code 2."""
    try:
        yield
    except (OracleError, LedgerError) as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(BAD_INPUT) from refusal


def _covariate(
    inventory: Inventory,
    table: Path | None,
    raster: Path | None,
    clouds: Path | None,
    parcels: Path | None,
    plots: Path | None,
    post_strata: str | None,
) -> Covariate | None:
    """The covariate from a table or from a raster; with limits, for post-stratification."""
    if table is not None and raster is not None:
        raise InvalidRequest("--covariate 与 --raster 二选一", "--covariate and --raster are one or the other")
    if raster is None and (clouds is not None or parcels is not None or plots is not None):
        raise InvalidRequest(
            "--clouds、--parcels、--plots 要配 --raster", "--clouds, --parcels and --plots go with --raster"
        )
    limits = _limits(post_strata)
    if table is not None:
        return replace(read_covariate(read_raw(table)), limits=limits)
    if raster is None:
        if limits:
            raise InvalidRequest(
                "--post-strata 需要 --covariate 或 --raster", "--post-strata needs --covariate or --raster"
            )
        return None
    if parcels is None or plots is None:
        raise InvalidRequest("--raster 需要 --parcels 和 --plots", "--raster needs --parcels and --plots")
    strata = {stratum.name for stratum in inventory.strata}
    shapes = read_parcel_shapes(read_raw(parcels), strata=strata, holders=Anything())
    mask = None if clouds is None else read_raw(clouds)
    with _busy("影像 · raster"):
        found = covariate_of_raster(
            read_raw(raster), shapes, inventory.visits, read_places(read_raw(plots)), clouds=mask
        )
    refusal = Policy().refusal(of_zones(raster.name, found.parcels, Policy()))
    if refusal is not None:
        typer.echo(refusal, err=True)
    return replace(found.covariate, limits=limits)


def _limits(text: str | None) -> tuple[float, ...]:
    """Limits of classes, ascending: `50,120`."""
    if text is None:
        return ()
    try:
        limits = tuple(float(part) for part in text.split(","))
    except ValueError:
        limits = ()
    if not limits or not all(map(math.isfinite, limits)) or list(limits) != sorted(set(limits)):
        raise InvalidRequest(f"界限应递增，如 50,120：{text}", f"limits must ascend, such as 50,120: {text}")
    return limits


def _require_signed(report: Path, signature: Path | None, key: Path | None) -> None:
    found = of_laboratory(
        read_raw(report),
        None if signature is None else read_raw(signature),
        None if key is None else read_raw(key),
    )
    if (refusal := Policy().refusal(found)) is not None:
        zh, _, en = refusal.partition(" · ")
        raise InvalidRequest(zh, en)


def _preview(path: Path, *, as_json: bool) -> None:
    """Computes every round of the settings, without a key and without a chain."""
    with refusals_in_one_line():
        rows = []
        for one in read_settings(path).rounds:
            with _busy(f"{one.feed} {one.kind}"):
                result, _ = run(make_job(one.kind, one.settings, one.paths))
            rows.append(
                {
                    "feed": one.feed,
                    "kind": one.kind,
                    "result": result.to_mapping(),
                    "digest": f"0x{result.digest.hex()}",
                    "findings": [str(finding) for finding in result.findings],
                    "refusal": result.refusal,
                }
            )
            if as_json:
                continue
            value = feed_text(one.feed, result.value)
            typer.echo(f"{one.feed} {one.kind} {result.subject}: {value}, qcFlags {result.qc_flags:#x}")
            for finding in result.findings:
                typer.echo(f"  {finding}")
            typer.echo(f"  {result.refusal or '可以报告：去掉 --dry-run · it can be reported: leave out --dry-run'}")
        if as_json:
            _print_json(rows)


@contextmanager
def _busy(what: str) -> Iterator[None]:
    """Shows a person that work is going on; a machine sees nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"正在计算 {what} · working"):
        yield


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
    ):
        table.add_row(label, f"{figure.mean:,.2f}", f"{figure.sampling_error_percent:.2f} %")
    area = result.forest_area_hectares
    table.add_row("森林面积（总计）· forest area in all", area_text(area.mean), f"{area.sampling_error_percent:.2f} %")
    _print_table(
        table,
        f"{result.sampled_plots} 个样地，{result.forest_plots} 个有林地，{result.plots} 个测到活立木；"
        "抽样误差为一个标准误 · plots sampled, with forest land, with live trees; one standard error",
    )
    _next('报告设置里用 kind = "fia" 估计变化', 'kind = "fia" in a reporter\'s settings estimates the change')


def _estimate_census(trees: Path, groups: Path, equation: Allometry, *, explain: bool, as_json: bool) -> None:
    result = vm0047_census.stock(read_census(read_raw(trees), read_raw(groups), equation))
    content = {field.name: getattr(result, field.name) for field in fields(result) if field.name != "explanation"}
    if as_json:
        _print_json({**content, "explanation": result.explanation.lines()} if explain else content)
        return
    table = Table(title=f"{vm0047_census.KEY} {vm0047_census.VERSION}, {equation.key}")
    table.add_column("项目 · figure")
    table.add_column("数值 · value", justify="right")
    for label, shown in (
        ("碳储量 · stock", f"{result.stock_tco2e:,.3f} tCO2e"),
        ("90 % 半宽 · half-width", f"{result.half_width_percent:.3f} %"),
        ("折扣后 · discounted", f"{result.discounted_stock_tco2e:,.3f} tCO2e"),
        ("整吨 · whole tonnes", f"{result.whole_tonnes:,}"),
        ("抽样株 · sampled units", f"{result.sampled:,}"),
    ):
        table.add_row(label, shown)
    _print_table(table, "半宽超过 10 % 的部分要扣除 · the half-width beyond 10 % is deducted")
    if explain:
        _print_lines(result.explanation)
    _next("下次抽同一批植株，变化估得更准", "sample the same units again: their change is estimated best")


def _estimate_csv(
    inventory: Inventory,
    rules: Methodology,
    equation: Allometry,
    heights: HeightModel | None,
    covariate: Covariate | None,
    draws: tuple[int, int, MeasurementErrors] | None,
    *,
    explain: bool,
    as_json: bool,
) -> None:
    visits = inventory.visits if heights is None else fill(inventory.visits, heights)
    for finding in of_plots(inventory.file, visits, twins=0):
        if finding.flag is not Flag.GAP_FILLED:
            typer.echo(str(finding), err=True)
    result = rules.stock(visits, inventory.strata, equation, heights=heights, covariate=covariate)
    drawn = None
    if draws is not None:
        count, seed, errors = draws
        drawn = propagate(
            rules.rules,
            visits,
            inventory.strata,
            equation,
            errors=errors,
            draws=count,
            seed=seed,
            heights=heights,
            covariate=covariate,
        )
    if as_json:
        content: dict[str, object] = {
            field.name: getattr(result, field.name) for field in fields(result) if field.name != "explanation"
        }
        if heights is not None:
            content["height_model"] = {**asdict(heights), "form": heights.form.value, "correction": heights.correction}
        if drawn is not None:
            content["monte_carlo"] = asdict(drawn)
        if explain:
            content["explanation"] = result.explanation.lines()
        _print_json(content)
        return
    title = f"{rules.key} {rules.version}, {equation.key.partition('@')[0]}"
    table = _stock_table(result, title if rules.verified else f"{title}, 未经核实 · UNVERIFIED")
    if heights is not None:
        table.add_row("树高模型 · height model", heights.describe())
    if drawn is not None:
        table.add_row(f"蒙特卡洛均值 · mean of {drawn.draws:,} draws", f"{drawn.mean_tco2e:,.3f} tCO2e")
        table.add_row("标准差 · standard deviation", f"{drawn.sd_tco2e:,.3f} tCO2e")
        table.add_row("90 % 单侧下限 · one-sided lower bound", f"{drawn.lower_bound_90_tco2e:,.3f} tCO2e")
    _print_table(table, _next_step(result))
    if inventory.twins:
        typer.echo(
            f"{inventory.twins} 行与同样地另一行逐格相同，按此精度属巧合，各算一株"
            f" · {inventory.twins} rows are like another of their plot in every cell:"
            " chance at this precision, each counts as a tree"
        )
    if explain:
        _print_lines(result.explanation)


def _print_lines(explanation: Step) -> None:
    for line in explanation.lines():
        typer.echo(line)


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
