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
        (("--source", "csv", "--trees", "t", "--strata", "s", "--equation", "guess"), "no biomass equation"),
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
    result = run(*files, "--methodology", "ar-tool14", "--equation", "chave2014-eq4", "--json")
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


# --- Models, equations, methodologies and draws ---------------------------------------------------


@pytest.fixture
def gaps(csv_file: Callable[[str, str], Path]) -> tuple[object, ...]:
    """Four plots of ten trees each; every second height was not measured."""
    rows = ["plot_id,stratum,plot_area_m2,tree_id,species,dbh_cm,height_m,wood_density"]
    for plot in range(4):
        for tree in range(10):
            dbh = 8 + 3 * tree + plot
            height = "" if tree % 2 else f"{40 * dbh / (25 + dbh) + (tree % 3) / 10:.1f}"
            rows.append(f"P{plot},pine,400,{tree},Pinus,{dbh},{height},0.45")
    trees = csv_file("gaps.csv", "\n".join(rows) + "\n")
    return (
        "estimate",
        "--source",
        "csv",
        "--trees",
        trees,
        "--strata",
        csv_file("pine.csv", "stratum,area_ha\npine,9\n"),
    )


@pytest.mark.parametrize("model", ["best", "log1", "log2", "weibull", "michaelis"])
def test_missing_heights_are_filled_by_the_model_that_was_asked_for(gaps: tuple[object, ...], model: str) -> None:
    assert "--heights" in run(*gaps).stderr
    result = run(*gaps, "--heights", model, "--explain", "--json")
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    assert list(content) == [*CSV_KEYS, "height_model", "explanation"]
    assert content["height_model"]["trees"] == 20
    assert model in ("best", content["height_model"]["form"])
    assert any("height model" in line for line in content["explanation"])


def test_the_pantropical_curve_needs_the_environment(gaps: tuple[object, ...]) -> None:
    assert "--environment" in run(*gaps, "--heights", "chave2014-eq6a").stderr
    assert run(*gaps, "--heights", "chave2014-eq6a", "--environment", "0.1", "--json").exit_code == 0


def test_draws_are_the_same_for_the_same_seed(gaps: tuple[object, ...]) -> None:
    options = ("--heights", "michaelis", "--monte-carlo", "200", "--seed", "7", "--json")
    one, other = run(*gaps, *options), run(*gaps, *options)
    assert one.exit_code == 0, one.stderr
    assert one.stdout == other.stdout
    assert json.loads(one.stdout)["monte_carlo"]["seed"] == 7


def test_a_person_sees_model_draws_and_every_step(gaps: tuple[object, ...]) -> None:
    result = run(*gaps, "--heights", "michaelis", "--monte-carlo", "200", "--explain")
    assert result.exit_code == 0, result.stderr
    for words in ("树高模型", "蒙特卡洛", "└─", "half-width of the 90 % interval"):
        assert words in result.stdout


def test_equations_from_a_file_under_gs_403(files: tuple[object, ...], csv_file: Callable[[str, str], Path]) -> None:
    equations = csv_file("e.csv", "species,kind,a,b,c,wood_density,bef,source\n*,volume,0.00006,1.9,0.9,0.3,1.1,GS\n")
    result = run(*files, "--methodology", "gs-403", "--equation", "file", "--equations", equations, "--json")
    assert result.exit_code == 0, result.stderr


def test_ccer_reports_only_with_parameters_and_permission(
    files: tuple[object, ...], csv_file: Callable[[str, str], Path]
) -> None:
    parameters = csv_file(
        "p.toml",
        "carbon_fraction=0.47\nroot_shoot=0.25\ndeduction_steps=[[0.1,0.0]]\ndeduction_beyond=0.1\n",
    )
    asked = (*files, "--methodology", "ccer-14-001", "--parameters", parameters)
    assert run(*asked).exit_code == 2
    result = run(*asked, "--allow-unverified")
    assert result.exit_code == 0, result.stderr
    assert "UNVERIFIED" in result.stdout.replace("\n", "")


def test_double_sampling_narrows_the_half_width(gaps: tuple[object, ...], csv_file: Callable[[str, str], Path]) -> None:
    rows = [f"pine,P{plot},{100 + 12 * plot}" for plot in range(4)] + [f"pine,,{100 + n % 40}" for n in range(200)]
    covariate = csv_file("c.csv", "stratum,plot_id,covariate\n" + "\n".join(rows) + "\n")
    plain = json.loads(run(*gaps, "--heights", "log1", "--json").stdout)
    result = run(*gaps, "--heights", "log1", "--covariate", covariate, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["half_width_percent"] < plain["half_width_percent"] / 2


def test_a_plot_without_a_covariate_is_named(gaps: tuple[object, ...], csv_file: Callable[[str, str], Path]) -> None:
    covariate = csv_file("c.csv", "stratum,plot_id,covariate\npine,P0,1\npine,P1,2\npine,P2,3\npine,,3\n")
    assert "P3" in run(*gaps, "--heights", "log1", "--covariate", covariate).stderr


def test_a_census_as_json_and_for_a_person(csv_file: Callable[[str, str], Path]) -> None:
    units = csv_file("u.csv", "unit_id,group,species,dbh_cm,above_ground_kg\n1,a,x,10,30\n2,a,x,11,32\n3,a,x,9,31\n")
    groups = csv_file("g.csv", "group,planted,root_shoot\na,10000,0.25\n")
    asked = ("estimate", "--source", "census", "--trees", units, "--strata", groups)
    content = json.loads(run(*asked, "--json").stdout)
    assert content["stock_tco2e"] == pytest.approx(10_000 * 0.031 * 1.25 * 0.47 * 44 / 12)
    assert content["whole_tonnes"] == int(content["discounted_stock_tco2e"])
    assert "整吨" in run(*asked, "--explain").stdout
