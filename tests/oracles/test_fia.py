"""The FIA reader and estimator: faults in the tables, then the published figure."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from oracles.errors import (
    Contradiction,
    Duplicate,
    DuplicateTree,
    InvalidRequest,
    InventoryError,
    MissingColumn,
    MissingFile,
    MissingValue,
    NoSuchEvaluation,
    NotANumber,
    NothingMeasured,
    OutOfRange,
    UnknownReference,
    UnsupportedDesign,
)
from oracles.findings import of_inventory
from oracles.monitoring import monitor_fia
from oracles.quality import Flag
from oracles.sources.fia import HECTARES_PER_ACRE, Basis, estimate, forest_hectares, read_fia, remeasured

SQUARE_METRES_PER_SQUARE_FOOT = 0.09290304
POUNDS_PER_SHORT_TON = 2000
KILOGRAMS_PER_POUND = 0.45359237

TABLES = {
    "PLOT": """CN,PREV_PLT_CN,INVYR,STATECD,UNITCD,COUNTYCD,PLOT,MEASYEAR,MEASMON,MEASDAY,MACRO_BREAKPOINT_DIA
1,,2013,44,1,3,101,2013,6,1,
2,,2013,44,1,3,102,2013,6,2,
3,,2013,44,1,3,103,2013,6,3,24
4,,2013,44,1,3,104,2013,6,4,
11,1,2018,44,1,3,101,2018,6,1,
12,2,2018,44,1,3,102,2018,6,2,
13,3,2018,44,1,3,103,2018,6,3,24
14,4,2018,44,1,3,104,2018,6,4,
""",
    "COND": """PLT_CN,CONDID,COND_STATUS_CD,CONDPROP_UNADJ,PROP_BASIS
1,1,1,1.0,SUBP
2,1,1,0.5,SUBP
2,2,2,0.5,SUBP
3,1,1,1.0,SUBP
4,1,2,1.0,SUBP
11,1,1,1.0,SUBP
12,1,1,0.5,SUBP
12,2,2,0.5,SUBP
13,1,1,1.0,MACR
14,1,2,1.0,SUBP
""",
    "TREE": """CN,PLT_CN,SUBP,TREE,CONDID,STATUSCD,DIA,TPA_UNADJ,DRYBIO_AG,CARBON_AG,CARBON_BG
101,1,1,1,1,1,10.0,6.0,500,250,50
102,2,1,1,1,1,10.0,6.0,500,250,50
103,3,1,1,1,1,10.0,6.0,500,250,50
111,11,1,1,1,1,11.0,6.0,600,300,60
112,11,2,1,1,1,2.0,75.0,8,4,1
113,12,1,1,1,1,11.0,6.0,600,300,60
114,12,1,2,2,1,30.0,6.0,9000,4500,900
115,12,1,3,1,2,12.0,6.0,700,350,70
116,13,1,1,1,1,24.0,1.0,4000,2000,400
117,13,1,2,1,1,23.9,6.0,3900,1950,390
118,13,1,3,1,1,0.9,75.0,1,1,1
119,11,1,9,1,1,12.0,,700,350,70
""",
    "POP_EVAL": """CN,EVALID,END_INVYR,ESTN_METHOD
"E18",441801,2018,"Post-Stratification"
"E18A",441800,2018,"Post-Stratification"
""",
    "POP_EVAL_TYP": "EVAL_CN,EVAL_TYP\nE18,EXPVOL\nE18,EXPCURR\nE18A,EXPALL\n",
    "POP_ESTN_UNIT": "CN,EVAL_CN,ESTN_UNIT,ESTN_UNIT_DESCR,AREA_USED,P1PNTCNT_EU\nU1,E18,1,Unit,1000,100\n",
    "POP_STRATUM": (
        "CN,ESTN_UNIT_CN,STRATUMCD,STRATUM_DESCR,P1POINTCNT,P2POINTCNT,ADJ_FACTOR_MACR,ADJ_FACTOR_SUBP,ADJ_FACTOR_MICR\n"
        "S1,U1,1,Dense,75,2,0,1.0,1.1\nS2,U1,2,Open,25,2,1.2,1.0,1.0\n"
    ),
    "POP_PLOT_STRATUM_ASSGN": "STRATUM_CN,PLT_CN\nS1,11\nS1,12\nS2,13\nS2,14\n",
}


@pytest.fixture
def fia_folder(tmp_path: Path) -> Callable[..., Path]:
    """A state of four plots, measured twice; a table can be changed before it is written."""

    def write(table: str = "PLOT", old: str = "", new: str = "") -> Path:
        assert old in TABLES[table]
        for name, text in TABLES.items():
            content = text.replace(old, new, 1) if name == table else text
            (tmp_path / f"XX_{name}.csv").write_text(content, encoding="utf-8")
        return tmp_path

    return write


# --- Faults --------------------------------------------------------------------------------------


def test_a_folder_without_tables_or_with_two_states_is_refused(fia_folder: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="not a folder"):
        read_fia(tmp_path / "nowhere")
    with pytest.raises(MissingFile, match=r"XX_PLOT\.csv"):
        read_fia(tmp_path)
    (fia_folder() / "YY_PLOT.csv").write_text("CN\n")
    with pytest.raises(InvalidRequest, match="XX, YY"):
        read_fia(tmp_path)


def test_a_missing_table_is_named(fia_folder: Callable[..., Path]) -> None:
    folder = fia_folder()
    (folder / "XX_COND.csv").unlink()
    with pytest.raises(MissingFile, match=r"XX_COND\.csv"):
        read_fia(folder)


@pytest.mark.parametrize(
    ("table", "old", "new", "kind", "fact"),
    [
        ("TREE", "TPA_UNADJ", "TPA", MissingColumn, (1, "TPA_UNADJ", None)),
        ("TREE", "11.0,6.0,600", "-11.0,6.0,600", OutOfRange, (5, "DIA", "-11.0")),
        ("TREE", "11.0,6.0,600", "eleven,6.0,600", NotANumber, (5, "DIA", "eleven")),
        ("TREE", "113,12,1,1,", "111,12,1,1,", DuplicateTree, (7, "CN", "111")),
        ("TREE", "114,12,1,2,2", "114,12,1,1,2", DuplicateTree, (8, "CN", "114")),
        ("TREE", "114,12,1,2,2", "114,99,1,2,2", UnknownReference, (8, "PLT_CN", "99")),
        ("TREE", "114,12,1,2,2", "114,12,1,2,7", UnknownReference, (8, "CONDID", "7")),
        ("TREE", "6.0,600,300,60", "6.0,600,,60", MissingValue, (5, "DRYBIO_AG/CARBON", "")),
        ("PLOT", "2018,6,2,", "2018,13,2,", NotANumber, (7, "MEASYEAR/MEASMON/MEASDAY", "2018/13/2")),
        ("PLOT", "11,1,2018", "11,1,2018x", NotANumber, (6, "INVYR", "2018x")),
        ("PLOT", "12,2,2018", "11,2,2018", Duplicate, (7, "CN", "11")),
        ("COND", "12,1,1,0.5", "12,1,1,1.5", OutOfRange, (8, "CONDPROP_UNADJ", "1.5")),
        ("COND", "12,1,1,0.5", "77,1,1,0.5", UnknownReference, (8, "PLT_CN", "77")),
        ("POP_PLOT_STRATUM_ASSGN", "S2,14", "S9,14", UnknownReference, (5, "STRATUM_CN", "S9")),
        ("POP_STRATUM", "S2,U1", "S2,U9", UnknownReference, (3, "ESTN_UNIT_CN", "U9")),
    ],
)
def test_a_fault_in_a_table_is_named_by_file_row_column_and_value(
    fia_folder: Callable[..., Path],
    table: str,
    old: str,
    new: str,
    kind: type[InventoryError],
    fact: tuple[object, ...],
) -> None:
    with pytest.raises(kind) as refused:
        read_fia(fia_folder(table, old, new))
    error = refused.value
    assert (error.file, error.row, error.column, error.value) == (f"XX_{table}.csv", *fact)


def test_a_plot_that_is_missing_from_its_stratum_is_noticed(fia_folder: Callable[..., Path]) -> None:
    with pytest.raises(Contradiction, match="should have 2 plots, the assignment table has 1") as refused:
        read_fia(fia_folder("POP_PLOT_STRATUM_ASSGN", "S2,14\n", ""))
    assert (refused.value.file, refused.value.row, refused.value.column) == ("XX_POP_STRATUM.csv", 3, "P2POINTCNT")


def test_another_estimation_method_is_not_treated_as_post_stratification(fia_folder: Callable[..., Path]) -> None:
    with pytest.raises(UnsupportedDesign, match=r"441801.*Double Sampling"):
        read_fia(fia_folder("POP_EVAL", "Post-Stratification", "Double Sampling for Stratification"))


def test_a_year_without_evaluation_lists_those_there_are(fia_folder: Callable[..., Path]) -> None:
    with pytest.raises(NoSuchEvaluation, match="there are: 2018") as refused:
        estimate(read_fia(fia_folder()), 2011)
    assert refused.value.available == (2018,)


def test_two_volume_evaluations_of_a_year_are_not_chosen_between(fia_folder: Callable[..., Path]) -> None:
    folder = fia_folder("POP_EVAL_TYP", "E18A,EXPALL", "E18A,EXPVOL")
    (folder / "XX_POP_ESTN_UNIT.csv").write_text(TABLES["POP_ESTN_UNIT"] + "U2,E18A,1,Unit,1000,100\n")
    with pytest.raises(UnsupportedDesign, match="441801, 441800"):
        estimate(read_fia(folder), 2018)


def test_an_evaluation_without_forest_has_no_figures_per_hectare_of_forest(fia_folder: Callable[..., Path]) -> None:
    folder = fia_folder("COND", "11,1,1,1.0", "11,1,2,1.0")
    for old, new in (("12,1,1,", "12,1,2,"), ("13,1,1,", "13,1,2,")):
        path = folder / "XX_COND.csv"
        path.write_text(path.read_text().replace(old, new))
    with pytest.raises(NothingMeasured):
        estimate(read_fia(folder), 2018)


# --- Reading -------------------------------------------------------------------------------------


def test_rows_repeated_identically_are_kept_once_and_r_writes_na(fia_folder: Callable[..., Path]) -> None:
    plain = estimate(read_fia(fia_folder()), 2018)
    repeated = fia_folder("PLOT", "14,4,2018,44,1,3,104,2018,6,4,\n", "14,4,2018,44,1,3,104,2018,6,4,NA\n" * 2)
    assert estimate(read_fia(repeated), 2018) == plain


def test_trees_stand_on_the_part_of_the_plot_where_they_were_tallied(fia_folder: Callable[..., Path]) -> None:
    visits = read_fia(fia_folder()).visits
    assert {basis: live.count for basis, live in visits["11"].live.items()} == {Basis.SUBPLOT: 1, Basis.MICROPLOT: 1}
    assert {basis: live.count for basis, live in visits["13"].live.items()} == {Basis.MACROPLOT: 1, Basis.SUBPLOT: 1}
    assert visits["12"].trees == 1
    assert visits["12"].forest_share == 0.5
    assert visits["14"].forest_share == 0


def test_units_are_metric_past_the_reader(fia_folder: Callable[..., Path]) -> None:
    live = read_fia(fia_folder()).visits["12"].live[Basis.SUBPLOT]
    assert live.trees_per_hectare == pytest.approx(6 / 0.40468564224)
    assert live.basal_area_m2_per_hectare == pytest.approx(6 / 0.40468564224 * math.pi / 4 * (11 * 0.0254) ** 2)
    assert live.above_ground_carbon_t_per_hectare == pytest.approx(6 / 0.40468564224 * 300 * 0.45359237 / 1000)


def test_re_measured_pairs_are_forest_at_both_visits_and_in_the_window(fia_folder: Callable[..., Path]) -> None:
    inventory = read_fia(fia_folder())
    assert [(one.cn, other.cn) for one, other in remeasured(inventory, 2018, 2018)] == [
        ("1", "11"),
        ("2", "12"),
        ("3", "13"),
    ]
    assert remeasured(inventory, 2014, 2017) == ()


# --- Estimation ----------------------------------------------------------------------------------


def test_four_plots_by_hand(fia_folder: Callable[..., Path]) -> None:
    """GTR SRS-80 chapter 4 with numbers small enough for paper: W = 3/4 and 1/4, two plots in each, A = 1000 acres.

    Trees per acre, adjusted: 6 + 75 · 1.1 = 88.5 and 6 | 1 · 1.2 + 6 = 7.2 and 0. Forest: 1 and 0.5 | 1 · 1.2 and 0.
    """
    y = {1: (88.5, 6.0), 2: (7.2, 0.0)}
    x = {1: (1.0, 0.5), 2: (1.2, 0.0)}
    weight = {1: 0.75, 2: 0.25}

    def covariance(a: tuple[float, float], b: tuple[float, float]) -> float:
        return (a[0] - a[1]) * (b[0] - b[1]) / 4

    factor = {h: (weight[h] * 2 + (1 - weight[h]) * 2 / 4) / 4 for h in (1, 2)}
    total_y = sum(weight[h] * sum(y[h]) / 2 for h in (1, 2))
    total_x = sum(weight[h] * sum(x[h]) / 2 for h in (1, 2))
    ratio = total_y / total_x
    variance = sum(
        factor[h] * (covariance(y[h], y[h]) + ratio**2 * covariance(x[h], x[h]) - 2 * ratio * covariance(y[h], x[h]))
        for h in (1, 2)
    )
    area_variance = sum(factor[h] * covariance(x[h], x[h]) for h in (1, 2))

    inventory = read_fia(fia_folder())
    result = estimate(inventory, 2018)
    assert result.trees_per_hectare.mean == pytest.approx(ratio / HECTARES_PER_ACRE)
    assert result.trees_per_hectare.sampling_error_percent == pytest.approx(100 * math.sqrt(variance) / total_x / ratio)
    assert result.forest_area_hectares.mean == pytest.approx(1000 * total_x * HECTARES_PER_ACRE)
    assert result.forest_area_hectares.sampling_error_percent == pytest.approx(100 * math.sqrt(area_variance) / total_x)
    assert (result.plots, result.forest_plots, result.sampled_plots) == (3, 3, 4)

    (unit,) = inventory.evaluation(2018).units
    assert forest_hectares(inventory, unit, unit.strata[1]) == pytest.approx(250 * 0.6 * HECTARES_PER_ACRE)


def test_rhode_island_2018_is_the_published_figure(fia_ri: Path) -> None:
    """The evaluation of 2018, live trees of 1 inch and more on forest land (ratio of means).

    426.7 trees per acre with a sampling error of 6.63 %, 122.1 square feet of basal area per acre with 3.06 %.
    """
    result = estimate(read_fia(fia_ri), 2018)
    assert result.trees_per_hectare.mean * HECTARES_PER_ACRE == pytest.approx(426.7, abs=0.05)
    assert result.trees_per_hectare.sampling_error_percent == pytest.approx(6.63, abs=0.005)
    square_feet_per_acre = result.basal_area_m2_per_hectare.mean * HECTARES_PER_ACRE / SQUARE_METRES_PER_SQUARE_FOOT
    assert square_feet_per_acre == pytest.approx(122.1, abs=0.05)
    assert result.basal_area_m2_per_hectare.sampling_error_percent == pytest.approx(3.06, abs=0.005)
    assert result.above_ground_carbon_t_per_hectare.mean == pytest.approx(
        result.above_ground_biomass_t_per_hectare.mean / 2, rel=1e-6
    )


def test_rhode_island_2018_agrees_with_rfia_in_every_printed_digit(fia_ri: Path) -> None:
    """The README of the R package rFIA prints for `tpa()` of its most recent Rhode Island subset:

    TPA 426.7119, BAA 122.1143, TPA_SE 6.631549, BAA_SE 3.057083, nPlots_TREE 126, nPlots_AREA 127. FIA rounds the
    square feet in a square inch of diameter, pi/576, to 0.005454.
    """
    result = estimate(read_fia(fia_ri), 2018)
    square_feet_per_acre = result.basal_area_m2_per_hectare.mean * HECTARES_PER_ACRE / SQUARE_METRES_PER_SQUARE_FOOT
    assert result.trees_per_hectare.mean * HECTARES_PER_ACRE == pytest.approx(426.7119, abs=5e-5)
    assert square_feet_per_acre * 0.005454 / (math.pi / 576) == pytest.approx(122.1143, abs=5e-5)
    assert result.trees_per_hectare.sampling_error_percent == pytest.approx(6.631549, abs=5e-7)
    assert result.basal_area_m2_per_hectare.sampling_error_percent == pytest.approx(3.057083, abs=5e-7)
    assert (result.plots, result.forest_plots, result.sampled_plots) == (126, 127, 225)


@pytest.mark.parametrize(
    ("first_year", "pairs", "short_tons_per_acre", "half_width_percent"),
    [(2009, 165, 1.52, 41), (2013, 106, 0.82, 104)],
)
def test_a_plain_mean_of_the_differences_of_pairs_is_as_computed_apart(
    fia_ri: Path, first_year: int, pairs: int, short_tons_per_acre: float, half_width_percent: float
) -> None:
    """Short tons of carbon per acre, above and below ground, and the 90 % half-width; no weights, no strata."""
    found = remeasured(read_fia(fia_ri), first_year, 2018)
    short_tons = HECTARES_PER_ACRE * 1000 / KILOGRAMS_PER_POUND / POUNDS_PER_SHORT_TON
    changes = [(later.carbon_t_per_hectare - earlier.carbon_t_per_hectare) * short_tons for earlier, later in found]
    mean = sum(changes) / len(changes)
    deviation = math.sqrt(sum((change - mean) ** 2 for change in changes) / (len(changes) - 1))
    assert len(found) == pairs
    assert mean == pytest.approx(short_tons_per_acre, abs=0.005)
    assert 100 * 1.654 * deviation / math.sqrt(pairs) / mean == pytest.approx(half_width_percent, abs=1)


# --- What the quality checks look at ---------------------------------------------------------------


def test_trees_are_kept_one_by_one_for_the_quality_checks(fia_folder: Callable[..., Path]) -> None:
    folder = fia_folder("COND", "11,1,1,1.0,SUBP\n", "11,1,1,0.9,SUBP\n11,2,5,0.1,SUBP\n")
    more = {"111": "101,316,40,93,12.5,1,1", "113": "102,316,,,,0,4", "116": "103,131,50,10,20.0,,"}
    header, *rows = TABLES["TREE"].splitlines()
    lines = [f"{header},PREV_TRE_CN,SPCD,HT,AZIMUTH,DIST,DIACHECK,HTCD"]
    lines += [f"{row},{more.get(row.split(',')[0], ',,,,,,')}" for row in rows]
    (folder / "XX_TREE.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    visits = read_fia(folder).visits
    tree, sapling = visits["11"].tallied
    assert (tree.cn, tree.previous_cn, tree.species, tree.spot) == ("111", "101", "316", ("1", "93", "12.5"))
    assert (tree.dbh_cm, tree.height_m) == pytest.approx((11 * 2.54, 40 * 0.3048))
    assert (tree.is_computed, sapling.is_computed, sapling.height_m, sapling.spot) == (True, False, None, ())
    assert [one.is_computed for one in visits["12"].tallied] == [True], "its height is modelled"
    assert (visits["11"].not_sampled, visits["12"].not_sampled) == (0.1, 0.0)
    assert visits["11"].followed == {"101"}
    flags = {finding.flag for finding in of_inventory("XX", remeasured(read_fia(folder), 2018, 2018))}
    assert flags == {Flag.MISSING, Flag.GAP_FILLED, Flag.RANGE}, "tree 103 became 14 inches thicker in five years"


def test_tables_without_the_columns_of_the_checks_are_read(fia_folder: Callable[..., Path]) -> None:
    inventory = read_fia(fia_folder())
    assert [tree.cn for tree in inventory.visits["11"].tallied] == ["111", "112"], "what counts, and nothing else"
    assert inventory.visits["11"].followed is None
    assert of_inventory("XX", remeasured(inventory, 2018, 2018)) == []


def test_what_the_checks_find_stands_in_the_report_or_refuses_it(
    fia_ri: Path, accounts: tuple[str, ...], tmp_path: Path
) -> None:
    monitored = monitor_fia(fia_ri, accounts=accounts, seed=1)
    assert (monitored.qc_flags, monitored.refusal) == (Flag.MISSING | Flag.RANGE | Flag.DUPLICATE, None)
    policy = tmp_path / "policy.toml"
    policy.write_text('refuse = ["range"]\n', "utf-8")
    refused = monitor_fia(fia_ri, accounts=accounts, seed=1, policy=policy)
    assert refused.refusal is not None
    assert "became thinner" in refused.refusal
    assert refused.evidence_root != monitored.evidence_root
