"""The plain CSV of trees: what is refused, and how clearly; then what is read."""

from collections.abc import Callable
from fractions import Fraction
from random import Random

import pytest

from oracles.errors import (
    Contradiction,
    Duplicate,
    DuplicateTree,
    EmptyFile,
    InventoryError,
    MissingColumn,
    MissingFile,
    MissingValue,
    NotANumber,
    NotATable,
    NothingRefersToIt,
    NotUtf8,
    OutOfRange,
    UnknownReference,
    UnknownUnit,
)
from oracles.evidence import RawFile, read_raw
from oracles.readings import Parcel, Tree
from oracles.sources.csv_trees import (
    Inventory,
    read_holders,
    read_inventory,
    read_parcels,
    read_strata,
)
from tests.oracles.conftest import STRATA, TREES

Raw = Callable[[str, str], RawFile]
HEADER = "plot_id,stratum,plot_area_m2,species,dbh_cm,height_m,wood_density\n"
ONE_STRATUM = "stratum,area_ha\npine,30\n"


def parcels(text: str) -> tuple[Parcel, ...]:
    return read_parcels(RawFile("parcels.csv", text.encode()), strata={"pine"}, holders={"hh-1", "hh-2"})


def read(trees: str, strata: str = ONE_STRATUM) -> Inventory:
    return read_inventory(RawFile("trees.csv", trees.encode()), RawFile("strata.csv", strata.encode()))


def refusal(kind: type[InventoryError], trees: str, strata: str = ONE_STRATUM) -> InventoryError:
    with pytest.raises(kind) as refused:
        read(trees, strata)
    return refused.value


def facts(error: InventoryError) -> tuple[str, int | None, str | None, str | None]:
    return (error.file, error.row, error.column, error.value)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(MissingFile, match=r"trees\.csv.*读不到.*cannot be read \(no such file"):
        read_raw(tmp_path / "trees.csv")


@pytest.mark.parametrize("content", ["", "\n\n", HEADER, HEADER + ",,,,,,\n", "\ufeff"])
def test_a_file_without_a_record_is_refused(content: str) -> None:
    assert "文件是空的" in str(refusal(EmptyFile, content))


def test_a_missing_column_is_named_with_those_that_are_there() -> None:
    error = refusal(MissingColumn, "plot_id,stratum,plot_area_m2,species,height_m\nP1,pine,400,Pinus,3\n")
    assert facts(error) == ("trees.csv", 1, "dbh_cm", None)
    assert "树木表缺少列 dbh_cm" in str(error)
    assert "lacks column dbh_cm (it has: plot_id, stratum," in str(error)


@pytest.mark.parametrize(
    ("column", "wrong", "expected"),
    [
        ("dbh_cm", "dbh_in", "dbh_cm"),
        ("dbh_cm", "dbh", "dbh_cm"),
        ("dbh_cm", "dbh_furlong", "dbh_cm"),
        ("height_m", "height_ft", "height_m"),
        ("plot_area_m2", "plot_area_acres", "plot_area_m2"),
        ("wood_density", "wood_density_kg_m3", "wood_density"),
    ],
)
def test_a_quantity_in_an_unknown_unit_is_not_guessed(column: str, wrong: str, expected: str) -> None:
    error = refusal(UnknownUnit, HEADER.replace(column, wrong) + "P1,pine,400,Pinus,20,15,0.45\n")
    assert facts(error) == ("trees.csv", 1, wrong, None)
    assert expected in str(error)


def test_a_column_that_only_resembles_a_quantity_is_left_alone() -> None:
    assert read("height_class," + HEADER + "tall,P1,pine,400,Pinus,20,15,0.45\n").trees == 1


def test_strata_in_acres_are_refused() -> None:
    rows = HEADER + "P1,pine,400,Pinus,20,15,0.45\n"
    assert facts(refusal(UnknownUnit, rows, "stratum,area_acres\npine,30\n"))[:3] == ("strata.csv", 1, "area_acres")


def test_strata_without_an_area_or_with_two_are_refused() -> None:
    rows = HEADER + "P1,pine,400,Pinus,20,15,0.45\n"
    assert "area_ha / area_m2 / area_mu" in str(refusal(MissingColumn, rows, "stratum,kind\npine,x\n"))
    assert "one column only" in str(refusal(Contradiction, rows, "stratum,area_ha,area_mu\npine,2,30\n"))


@pytest.mark.parametrize("diameter", ["-3.5", "0", "-0.0", "1500.1", "9e9"])
def test_a_diameter_no_tree_can_have_is_refused(diameter: str) -> None:
    error = refusal(OutOfRange, HEADER + f"P1,pine,400,Pinus,20,15,0.45\nP1,pine,400,Pinus,{diameter},15,0.45\n")
    assert facts(error) == ("trees.csv", 3, "dbh_cm", diameter)
    assert "胸径不可能" in str(error)


def test_the_stoutest_possible_tree_is_read() -> None:
    assert read(HEADER + "P1,pine,400,Pinus,1500,15,0.45\n").visits[0].trees[0].dbh_cm == 1500


@pytest.mark.parametrize(
    "cell", ["twenty", "12,5", "12.3cm", "NaN", "inf", "-inf", "1e999", "１２", "NA", "0x10", "1_0"]
)
def test_a_cell_that_is_no_finite_number_is_refused(cell: str) -> None:
    error = refusal(NotANumber, HEADER + f'P1,pine,400,Pinus,"{cell}",15,0.45\n')
    assert facts(error) == ("trees.csv", 2, "dbh_cm", cell)


def test_wood_density_in_kilograms_per_cubic_metre_is_refused() -> None:
    error = refusal(OutOfRange, HEADER + "P1,pine,400,Pinus,20,15,450\n")
    assert facts(error) == ("trees.csv", 2, "wood_density", "450")


def test_an_exact_repetition_of_a_tree_is_refused_with_both_rows() -> None:
    row = "P1,pine,400,Pinus,20,15,0.45\n"
    error = refusal(DuplicateTree, HEADER + row + "P1,pine,400,Pinus,21,15,0.45\n" + row)
    assert facts(error) == ("trees.csv", 4, "dbh_cm", "20")
    assert isinstance(error, DuplicateTree)
    assert error.first_row == 2
    assert "tree_id" in str(error)


def coarse_inventory(plots: int, *, per_plot: int = 30, decimals: int = 0, seed: int = 5) -> list[str]:
    """Rows of a natural-looking inventory, measured to so many decimals."""
    random = Random(seed)
    rows = []
    for plot in range(plots):
        for _ in range(per_plot):
            dbh = 8 + 30 * random.random() ** 2
            height = 3 + 0.5 * dbh + 3 * random.random()
            rows.append(f"P{plot},pine,400,Pinus,{dbh:.{decimals}f},{height:.{decimals}f},0.45")
    return rows


def test_genuine_twins_of_a_coarse_inventory_are_accepted_and_counted() -> None:
    rows = coarse_inventory(100)
    twins = len(rows) - len(set(rows))
    assert twins > 50
    inventory = read(HEADER + "\n".join(rows))
    assert (inventory.trees, inventory.twins) == (3_000, twins)


def test_a_repeated_line_of_a_fine_inventory_is_refused_however_long_it_is() -> None:
    rows = coarse_inventory(20, per_plot=10, decimals=2)
    assert read(HEADER + "\n".join(rows)).twins == 0
    error = refusal(DuplicateTree, HEADER + "\n".join([*rows, rows[7]]))
    assert (error.row, error.value) == (202, rows[7].split(",")[4])
    assert "coincidences are expected" in str(error)


def test_a_repeated_line_does_not_excuse_itself() -> None:
    """However often it stands there, it counts once when the precision of the file is estimated."""
    refusal(DuplicateTree, HEADER + "P1,pine,400,Pinus,20,15,0.45\n" * 30 + "P1,pine,400,Pinus,21,14,0.45\n")


def test_a_mass_computed_from_the_other_cells_does_not_make_twins_less_likely() -> None:
    header = HEADER.replace("wood_density", "above_ground_kg")
    rows = [
        f"{row.rsplit(',', 1)[0]},{0.05 * float(row.split(',')[4]) ** 2 * float(row.split(',')[5]):.3f}"
        for row in coarse_inventory(100)
    ]
    assert read(header + "\n".join(rows)).twins > 50


def test_heights_that_follow_from_diameters_make_twins_likelier() -> None:
    """Alike in the diameter is alike in all then; the trees of other plots show it."""
    random = Random(3)
    dbhs = [[random.uniform(5, 35) for _ in range(25)] for _ in range(24)]
    rows = [
        f"P{n},pine,400,Pinus,{d:.1f},{1.3 + 1.4 * round(d, 1) ** 0.7:.1f},0.5" for n, p in enumerate(dbhs) for d in p
    ]
    twins = len(rows) - len(set(rows))
    assert twins > 0
    assert read(HEADER + "\n".join(rows)).twins == twins


def test_a_small_file_does_not_excuse_its_only_repeated_row() -> None:
    rows = [f"P{plot},pine,400,Pinus,{10 + tree},{8 + tree},0.45" for plot in range(4) for tree in range(6)]
    assert read(HEADER + "\n".join(rows)).twins == 0
    refusal(DuplicateTree, HEADER + "\n".join([*rows, rows[3]]))


def test_a_plot_or_a_file_that_was_pasted_twice_is_refused_however_coarse() -> None:
    rows = coarse_inventory(100)
    plot = list(dict.fromkeys(row for row in rows if row.startswith("P7,")))
    others = [row for row in rows if not row.startswith("P7,")]
    error = refusal(DuplicateTree, HEADER + "\n".join(others + plot + plot))
    assert "P7" in str(error)
    assert "pasted twice" in str(error)
    small = coarse_inventory(100, per_plot=4)
    assert "pasted twice" in str(refusal(DuplicateTree, HEADER + "\n".join(small + small)))


def test_twins_are_told_apart_by_tree_id_and_a_tree_id_is_good_once() -> None:
    header = HEADER.replace("species", "tree_id,species")
    twins = "P1,pine,400,1,Pinus,20,15,0.45\nP1,pine,400,2,Pinus,20,15,0.45\n"
    assert read(header + twins).trees == 2
    error = refusal(DuplicateTree, header + twins + "P1,pine,400,2,Pinus,23,15,0.45\n")
    assert facts(error) == ("trees.csv", 4, "tree_id", "2")


def test_the_same_tree_in_two_plots_is_two_trees() -> None:
    assert read(HEADER + "P1,pine,400,Pinus,20,15,0.45\nP2,pine,400,Pinus,20,15,0.45\n").trees == 2


def test_a_plot_without_stratum_is_named() -> None:
    error = refusal(MissingValue, HEADER + "P1,pine,400,Pinus,20,15,0.45\nP7,,400,Pinus,20,15,0.45\n")
    assert facts(error) == ("trees.csv", 3, "stratum", "")
    assert "样地 P7 没有分层" in str(error)


@pytest.mark.parametrize(
    ("second", "column"), [("P1,oak,400,Pinus,21,15,0.45", "stratum"), ("P1,pine,401,Pinus,21,15,0.45", "plot_area_m2")]
)
def test_a_plot_described_in_two_ways_is_refused(second: str, column: str) -> None:
    error = refusal(Contradiction, HEADER + f"P1,pine,400,Pinus,20,15,0.45\n{second}\n")
    assert (error.row, error.column) == (3, column)


def test_a_stratum_without_an_area_is_refused() -> None:
    error = refusal(UnknownReference, HEADER + "P1,bamboo,400,Pinus,20,15,0.45\n")
    assert facts(error) == ("trees.csv", 2, "stratum", "bamboo")
    assert "strata.csv" in str(error)


def test_a_stratum_nobody_measured_is_refused() -> None:
    strata = ONE_STRATUM + "oak,10\n"
    error = refusal(NothingRefersToIt, HEADER + "P1,pine,400,Pinus,20,15,0.45\n", strata)
    assert facts(error) == ("strata.csv", 3, "stratum", "oak")


def test_a_stratum_named_twice_is_refused() -> None:
    error = refusal(Duplicate, HEADER + "P1,pine,400,Pinus,20,15,0.45\n", ONE_STRATUM + "pine,3\n")
    assert facts(error) == ("strata.csv", 3, "stratum", "pine")


def test_text_as_excel_saves_it_in_china_is_refused_with_its_byte_offset() -> None:
    content = (HEADER + "P1,pine,400,Pinus,20,15,0.45\nP2,pine,400,").encode() + "马尾松,20,15,0.45\n".encode("gb18030")
    with pytest.raises(NotUtf8, match="GB18030") as refused:
        read_inventory(RawFile("trees.csv", content), RawFile("strata.csv", ONE_STRATUM.encode()))
    assert refused.value.row == 3
    assert content[refused.value.byte_offset :].startswith("马".encode("gb18030"))


def test_text_with_a_byte_order_mark_and_windows_line_ends_is_read() -> None:
    assert read("\ufeff" + (HEADER + "P1,pine,400,马尾松,20,15,0.45\n").replace("\n", "\r\n")).trees == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("P1,pine,400,Pinus,20,15", "has 6 cells, the header has 7"),
        ("P1,pine,400,Pinus", "has 4 cells"),
        ("P1,pine,400,Pinus,20,15,0.45,", "has 8 cells"),
        ('P1,pine,400,"Pinus,20,15,0.45', "never closed"),
    ],
)
def test_a_row_that_was_cut_off_is_not_taken_for_an_empty_plot(row: str, message: str) -> None:
    assert message in str(refusal(NotATable, HEADER + f"P0,pine,400,Pinus,20,15,0.45\n{row}\n"))


def test_columns_separated_by_semicolons_are_refused_in_so_many_words() -> None:
    assert "commas" in str(refusal(NotATable, (HEADER + "P1,pine,400,Pinus,20,15,0.45\n").replace(",", ";")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TREES.replace(",", ";").replace(".", ",").encode(), "decimals by a point"),
        (TREES.replace(",", "\t").encode(), "separated by commas"),
        (TREES.replace(",", "，").encode(), "separated by commas"),
        (TREES.encode("utf-16"), "UTF-16"),
        (TREES.replace("\n", "\r").encode(), "carriage return"),
    ],
)
def test_files_that_spreadsheets_write_elsewhere_are_refused_in_so_many_words(content: bytes, message: str) -> None:
    with pytest.raises(NotATable, match=message):
        read_inventory(RawFile("t.csv", content), RawFile("s.csv", STRATA.encode()))


def test_a_column_that_stands_there_twice_is_refused() -> None:
    error = refusal(NotATable, HEADER.replace("species", "dbh_cm") + "P1,pine,400,3,20,15,0.45\n")
    assert error.column == "dbh_cm"


def test_a_tree_without_a_diameter_is_not_an_empty_plot() -> None:
    error = refusal(MissingValue, HEADER + "P1,pine,400,Pinus,,15,0.45\n")
    assert facts(error) == ("trees.csv", 2, "dbh_cm", "")


def test_an_empty_plot_cannot_have_trees_or_be_recorded_twice() -> None:
    empty = "P1,pine,400,,,,\n"
    assert "yet has a tree in row 3" in str(refusal(Contradiction, HEADER + empty + "P1,pine,400,Pinus,20,15,0.45\n"))
    assert "twice" in str(refusal(Duplicate, HEADER + empty + empty))


def test_an_error_is_one_line_of_chinese_then_english_whatever_the_cell_holds() -> None:
    message = str(refusal(NotANumber, HEADER + 'P1,pine,400,Pinus,"2\n0\x1b[31m",15,0.45\n'))
    assert message.isprintable()
    assert message.index("数字") < message.index(" · ") < message.index("not a finite number")


def test_trees_are_read_with_their_plots(trees_text: str, strata_text: str) -> None:
    inventory = read(trees_text, strata_text)
    assert [visit.plot for visit in inventory.visits] == ["P1", "P2", "P3", "P4", "P5"]
    assert inventory.visits[0].trees[1] == Tree("P1/#3 Pinus", 3, "Pinus", 10.0, 8.0, 0.45, None)
    assert inventory.visits[4].trees == ()
    assert inventory.visits[4].area_m2 == 500


def test_optional_columns_may_be_absent_and_blank_rows_are_skipped() -> None:
    inventory = read(
        "plot_id,stratum,plot_area_m2,species,dbh_cm\n\nP1,pine,400,Pinus,20\n,,,,\nP2,pine,400,Pinus,30\n\n"
    )
    assert [visit.trees[0].row for visit in inventory.visits] == [3, 5]


@pytest.mark.parametrize(
    ("column", "cell", "square_metres"),
    [("area_ha", "1.5", Fraction(15_000)), ("area_m2", "123", Fraction(123)), ("area_mu", "1", Fraction(10_000, 15))],
)
def test_areas_are_exact_in_each_unit(raw: Raw, column: str, cell: str, square_metres: Fraction) -> None:
    (stratum,) = read_strata(raw("strata.csv", f"stratum,{column}\npine,{cell}\n"))
    assert stratum.area_m2 == square_metres


def test_parcels_are_whole_square_metres_rounded_down_in_the_order_of_their_ids() -> None:
    read_back = parcels("parcel_id,stratum,area_mu,holder\nB,pine,1,hh-2\nA,pine,15,hh-1\n")
    assert read_back == (Parcel("A", "pine", 10_000, "hh-1"), Parcel("B", "pine", 666, "hh-2"))


def test_a_parcel_smaller_than_a_square_metre_or_named_twice_is_refused() -> None:
    header = "parcel_id,stratum,area_m2,holder\n"
    with pytest.raises(OutOfRange, match="less than 1 m²"):
        parcels(header + "A,pine,0.9,hh-1\n")
    with pytest.raises(Duplicate, match="this parcel stands there twice"):
        parcels(header + "A,pine,5,hh-1\nA,pine,6,hh-1\n")


def test_an_account_is_an_address_and_belongs_to_one_holder(raw: Raw) -> None:
    one, other = "0x" + "1" * 40, "0x" + "2" * 40
    for wrong in ("0x123", "1" * 39, "0x" + "0" * 40, "0x" + "g" * 40):
        with pytest.raises(OutOfRange, match="not an account"):
            read_holders(raw("holders.csv", f"holder,account\nhh-1,{wrong}\n"))
    with pytest.raises(Duplicate, match="belongs to another holder") as refused:
        read_holders(raw("holders.csv", f"holder,account\nhh-1,{one}\nhh-2,{one}\n"))
    assert refused.value.first_row == 2
    assert list(read_holders(raw("holders.csv", f"holder,account\nhh-1,{one}\nhh-2,{other}\n"))) == ["hh-1", "hh-2"]
