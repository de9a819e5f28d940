"""`gongsheng demo`: the whole path, twice, killed half way, and on a real inventory."""

from __future__ import annotations

import csv
import io
import re
import signal
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from gongsheng.demo import whole_table
from ledger_service.domain.units import tonnes_text
from ledger_service.reports.reconciliation import HEADER
from tests.end_to_end.conftest import Run, anvils_of, eventually
from tests.inventory import INVENTORY, needs_inventory
from tests.oracles.test_fia import TABLES


def _statement(folder: Path) -> list[dict[str, str]]:
    with (folder / "bank" / "statement.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _tonnes(serials: Path) -> list[Decimal]:
    """Of the batch, then of each interval of its serials."""
    with serials.open(encoding="utf-8-sig", newline="") as file:
        return [Decimal(row["吨二氧化碳当量 · tCO2e"]) for row in csv.DictReader(file)]


def _paid(output: str) -> list[str]:
    return re.findall(r"¥[0-9,]+\.[0-9]{2}", output)


def test_no_figure_is_cut_in_a_narrow_window() -> None:
    """A figure that ends in "…" is no figure."""
    figure = tonnes_text(1_020_645_123)
    console = Console(width=60, file=io.StringIO(), record=True)
    console.print(whole_table(HEADER, [[figure] * len(HEADER)]))
    shown = console.export_text()
    assert "…" not in shown
    assert sum(map(str.isdigit, shown)) == len(HEADER) * sum(map(str.isdigit, figure))


def test_demo_refuses_an_inventory_that_is_not_there_and_leaves_the_last_run_alone(
    gongsheng: Run, tmp_path: Path
) -> None:
    kept = tmp_path / "demo" / "kept.txt"
    kept.parent.mkdir()
    kept.write_text("an earlier run")
    refused = gongsheng("demo", "--folder", tmp_path / "demo", "--inventory", tmp_path / "nowhere")
    assert refused.returncode == 2
    assert "nowhere" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert kept.read_text() == "an earlier run"


def test_nothing_comes_next_when_nothing_was_deployed(gongsheng: Run, tmp_path: Path) -> None:
    """Three plots say too little. What an earlier run left in the folder is not this one's either."""
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    for name, text in TABLES.items():
        (inventory / f"XX_{name}.csv").write_text(text, encoding="utf-8")
    run = gongsheng("demo", "--folder", tmp_path / "demo", "--inventory", inventory)
    assert run.returncode == 0, run.stderr
    assert "Nothing is issued" in run.stdout
    assert "下一步 · next" not in run.stdout
    assert not (tmp_path / "demo" / "chain").exists()


@needs_inventory
def test_a_window_without_a_significant_change_issues_nothing_and_says_why(gongsheng: Run, tmp_path: Path) -> None:
    run = gongsheng(
        "demo", "--folder", tmp_path / "demo", "--inventory", INVENTORY, "--first-year", "2013", "--last-year", "2018"
    )
    assert run.returncode == 0, run.stderr
    assert "Nothing is issued" in run.stdout
    assert not (tmp_path / "demo" / "chain").exists()


def test_demo_agrees_in_every_figure_and_does_the_same_again_after_it_was_killed(
    gongsheng: Run, started, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    killed = started("demo", "--folder", folder)
    for line in killed.stdout:
        if "two sales arrive" in line:
            break
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert eventually(lambda: not anvils_of(folder)), "the embedded chain outlived the demo"

    first = gongsheng("demo", "--folder", folder)
    assert first.returncode == 0, first.stdout + first.stderr
    statement = _statement(folder)
    second = gongsheng("demo", "--folder", folder)
    assert second.returncode == 0, second.stdout + second.stderr
    assert f"下一步 · next: gongsheng up --folder {folder}" in second.stdout
    assert _paid(second.stdout) == _paid(first.stdout)
    assert [row["amount_yuan"] for row in _statement(folder)] == [row["amount_yuan"] for row in statement]
    assert not anvils_of(folder)

    received = {row["reference"]: row["amount_yuan"] for row in statement if row["direction"] == "in"}
    assert received["SALE-CARBON-0001"] == "8000000.00"
    assert received["SALE-PRODUCT-0001"] == "1234567.89"
    payments = [row for row in statement if row["direction"] == "out"]
    assert len({row["counterparty"] for row in payments}) >= 200
    assert "60 % was asked for" in first.stdout
    said = " ".join(first.stdout.split())
    assert "县审计局 county audit office" in said
    assert (
        "carbon-kg：3 份签名报告的质量标志 qcFlags 0x20（重复） · quality flags of 3 signed report(s): duplicate"
        in said
    )
    assert (
        "processed-volume-kg：3 份签名报告的质量标志 qcFlags 0x0（无） · quality flags of 3 signed report(s): none"
        in said
    )
    assert "slips alike in everything but their number" in said
    assert "certificate 1 traces back to the raw data" in said
    whole, *parts = _tonnes(folder / "serials.csv")
    assert whole == sum(parts) > 0


def test_two_demos_do_not_work_in_one_folder(gongsheng: Run, started, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    first = started("demo", "--folder", folder)
    assert eventually((folder / "chain").exists)
    second = gongsheng("demo", "--folder", folder)
    assert second.returncode == 2
    assert "another process works in" in second.stderr
    first.send_signal(signal.SIGINT)
    first.wait(timeout=30)
    assert eventually(lambda: not anvils_of(folder)), "Ctrl-C left the embedded chain behind"


@needs_inventory
def test_demo_agrees_on_a_real_inventory(gongsheng: Run, tmp_path: Path) -> None:
    run = gongsheng("demo", "--folder", tmp_path / "demo", "--inventory", INVENTORY)
    assert run.returncode == 0, run.stdout + run.stderr
