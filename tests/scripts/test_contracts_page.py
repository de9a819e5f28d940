"""contracts/README.md tells the truth: its roles, gas and findings are the ones of the code."""

import json
import re
from pathlib import Path

import pytest

from ledger_service.chain.artefacts import CONTRACTS
from ledger_service.chain.deployment import ROLE_TABLE
from scripts import contracts_page
from scripts.contracts_page import PAGE, SNAPSHOT, MarkerMissing, goals, rendered, table

TEXT = PAGE.read_text("utf-8")


def test_the_page_is_fresh() -> None:
    assert rendered(TEXT) == TEXT
    assert contracts_page.main(["--check"]) == 0


def test_the_page_lists_every_role_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\w+) \| ", TEXT, re.MULTILINE)
    assert rows == list(ROLE_TABLE)


def test_the_page_shows_the_gas_of_the_snapshot() -> None:
    for operation, used in json.loads(SNAPSHOT.read_text("utf-8")).items():
        assert f"| {operation} | {used:,} |" in TEXT


def test_the_page_says_which_targets_are_missed() -> None:
    told = re.findall(r"^\| ([^|]+) \| ([\d,]+) \| ≤ ([\d,]+) \| (\S+) · ", TEXT, re.MULTILINE)
    assert [operation for operation, *_ in told] == [
        each for each in json.loads(SNAPSHOT.read_text("utf-8")) if each in goals()
    ]
    for _, used, target, holds in told:
        assert (holds == "是") == (int(used.replace(",", "")) <= int(target.replace(",", "")))


def test_every_goal_is_of_an_operation_that_is_measured() -> None:
    assert goals().keys() <= json.loads(SNAPSHOT.read_text("utf-8")).keys()


def test_the_page_names_every_contract_in_the_diagram_and_in_the_table() -> None:
    diagram = TEXT.split("```mermaid")[1].split("```")[0]
    for name in CONTRACTS:
        assert f'["{name}<br/>' in diagram, name
        assert f"| `{name}` |" in TEXT, name


def test_a_stale_page_is_noticed_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "README.md"
    page.write_text(TEXT.replace("| `Participants` | `admit` |", "| `Participants` | `adopt` |"), "utf-8")
    monkeypatch.setattr(contracts_page, "PAGE", page)
    assert contracts_page.main(["--check"]) == 1
    assert "not fresh" in capsys.readouterr().err
    contracts_page.write(page)
    assert page.read_text("utf-8") == TEXT


def test_a_page_without_a_place_for_a_part_is_refused() -> None:
    with pytest.raises(MarkerMissing) as refused:
        rendered(TEXT.replace("<!-- end of gas -->", ""))
    assert refused.value.part == "gas"


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |"
