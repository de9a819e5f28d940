"""The command line: one JSON object or one line of refusal, nothing else."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from oracles.commands import app

CSV_KEYS = [
    "above_ground_biomass_t_per_hectare",
    "half_width_percent",
    "stock_tco2e_per_hectare",
    "discounted_stock_tco2e_per_hectare",
    "stock_tco2e",
    "discounted_stock_tco2e",
    "plots",
    "strata",
]
FIA_KEYS = [
    "trees_per_hectare",
    "basal_area_m2_per_hectare",
    "above_ground_biomass_t_per_hectare",
    "above_ground_carbon_t_per_hectare",
    "forest_area_hectares",
    "plots",
]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def files(csv_file: Callable[[str, str], Path], trees_text: str, strata_text: str) -> tuple[object, ...]:
    trees, strata = csv_file("T.csv", trees_text), csv_file("S.csv", strata_text)
    return ("estimate", "--source", "csv", "--trees", trees, "--strata", strata)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--source", "fia"), "needs --path and --year"),
        (("--source", "fia", "--path", "nowhere", "--year", "2018"), "not a folder"),
        (("--source", "csv", "--trees", "nowhere.csv"), "needs --trees and --strata"),
        (("--source", "csv", "--trees", "nowhere.csv", "--strata", "s.csv"), "nowhere.csv"),
        (("--source", "csv", "--trees", "t", "--strata", "s", "--methodology", "ccer-14-001"), "is unverified"),
        (("--source", "csv", "--trees", "t", "--strata", "s", "--allometry", "guess"), "no biomass equation"),
    ],
)
def test_bad_input_is_one_bilingual_line_on_the_error_channel_and_code_2(
    arguments: tuple[str, ...], message: str
) -> None:
    result = run("estimate", *arguments, "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert " · " in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_unknown_source_lists_those_there_are() -> None:
    result = run("estimate", "--source", "astrology")
    assert result.exit_code == 2
    assert "'fia'" in result.stderr


def test_csv_as_json_is_one_object_and_nothing_else(files: tuple[object, ...]) -> None:
    result = run(*files, "--methodology", "ar-tool14", "--allometry", "chave2014-eq4", "--json")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1
    content = json.loads(result.stdout)
    assert list(content) == CSV_KEYS
    assert content["stock_tco2e"] == pytest.approx(40 * content["stock_tco2e_per_hectare"])
    assert (content["plots"], content["strata"]) == (5, 2)


def test_csv_for_a_person_says_what_to_do_next(files: tuple[object, ...]) -> None:
    result = run(*files)
    assert result.exit_code == 0
    assert "地上生物量" in result.stdout
    assert "ar-tool14 04.2" in result.stdout
    assert "多设样地" in result.stdout.replace("\n", "")


def test_rhode_island_as_json_is_the_published_figure(fia_ri: Path) -> None:
    result = run("estimate", "--source", "fia", "--path", fia_ri, "--year", 2018, "--json")
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    assert list(content) == FIA_KEYS
    assert content["plots"] == 126
    figure = content["trees_per_hectare"]
    assert figure["mean"] * 0.40468564224 == pytest.approx(426.7, abs=0.05)
    assert figure["sampling_error_percent"] == pytest.approx(6.63, abs=0.005)
    assert all(set(content[key]) == {"mean", "sampling_error_percent"} for key in FIA_KEYS[:-1])


def test_rhode_island_for_a_person_counts_its_plots(fia_ri: Path) -> None:
    result = run("estimate", "--source", "fia", "--path", fia_ri, "--year", 2018)
    assert result.exit_code == 0
    assert "1,054.43" in result.stdout
    assert "225 个样地" in result.stdout
