"""What the checks find in tally sheets, laboratory reports, images and slips, and what a policy makes of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from oracles.errors import InvalidParameters
from oracles.evidence import RawFile
from oracles.findings import (
    FLAGS_BY_NAME,
    REFUSED_BY_DEFAULT,
    Finding,
    Policy,
    flags_of,
    of_growth,
    of_inventory,
    of_laboratory,
    of_plots,
    of_slips,
    of_zones,
    read_policy,
)
from oracles.quality import Flag
from oracles.readings import PlotVisit, Tree
from oracles.sources.csv_trees import read_inventory
from oracles.sources.fia import FiaTree, FiaVisit, read_fia, remeasured
from oracles.sources.raster import Zone
from oracles.sources.synthetic import write_county
from oracles.supply import Role, weigh_supply


def visit(plot: str, diameters: list[float], *, modelled: bool = False) -> PlotVisit:
    trees = tuple(
        Tree(f"{plot}/{number} Pinus", number, "Pinus", dbh, 10.0, 0.45, None, modelled)
        for number, dbh in enumerate(diameters, start=1)
    )
    return PlotVisit("t.csv", 2, plot, "pine", 400.0, trees)


def finding(flag: Flag) -> Finding:
    return Finding(flag, "f", 1, "中", "en")


# --- Policies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("refuse = [", "not TOML"),
        ('refuse = ["bad-weather"]', "no flag bad-weather"),
        ("cloud_share = 1.5", "between 0 and 1, not 1.5"),
        ("least_usable_share = true", "between 0 and 1, not True"),
        ("forgive = 1", "unknown setting forgive"),
    ],
)
def test_a_policy_that_cannot_be_right_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidParameters, match=message):
        read_policy(RawFile("policy.toml", text.encode()))


def test_a_policy_names_the_flags_that_refuse_a_report() -> None:
    assert read_policy(RawFile("p", b"")).refuse == REFUSED_BY_DEFAULT
    policy = read_policy(RawFile("p", b'refuse = ["spike", "manual-override"]\ncloud_share = 0.05\n'))
    assert (policy.refuse, policy.cloud_share) == (Flag.SPIKE | Flag.MANUAL_OVERRIDE, 0.05)
    assert set(FLAGS_BY_NAME.values()) == set(Flag)


@pytest.mark.parametrize("flag", list(Flag))
def test_by_default_data_that_nobody_can_believe_refuse_a_report_and_the_rest_is_told(flag: Flag) -> None:
    refusal = Policy().refusal([finding(flag)])
    assert (refusal is not None) == bool(flag & REFUSED_BY_DEFAULT)
    assert Policy(Flag(0)).refusal([finding(flag)]) is None
    assert flags_of([finding(flag), finding(Flag.SPIKE)]) == flag | Flag.SPIKE


# --- Tally sheets ---------------------------------------------------------------------------------


def test_a_plot_copied_from_another_is_too_regular_whatever_the_order_of_its_trees() -> None:
    copied = [visit("P1", [10, 11, 12, 13, 14.5]), visit("P2", [14.5, 11, 10, 13, 12])]
    assert flags_of(of_plots("t", copied, twins=0)) == Flag.TOO_REGULAR
    assert of_plots("t", [copied[0], visit("P2", [14.5, 11, 10, 13, 12.1])], twins=0) == []


@pytest.mark.parametrize(("trees", "is_found"), [(4, False), (5, True)])
def test_a_few_trees_may_be_alike_by_chance(trees: int, is_found: bool) -> None:
    sheets = [visit(plot, [float(10 + tree) for tree in range(trees)]) for plot in ("P1", "P2")]
    assert bool(of_plots("t", sheets, twins=0)) == is_found


@pytest.mark.parametrize(("dbh_cm", "is_found"), [(3.3, True), (3.4, False), (100.0, False), (101.0, True)])
def test_a_height_that_no_such_tree_has_points_to_a_wrong_unit(dbh_cm: float, is_found: bool) -> None:
    """The trees are 10 m tall: 300 and 10 times as tall as thick."""
    assert flags_of(of_plots("t", [visit("P1", [dbh_cm])], twins=0)) == (Flag.RANGE if is_found else Flag(0))
    assert of_plots("t", [visit("P1", [101.0], modelled=True)], twins=0)[0].flag is Flag.GAP_FILLED


def test_heights_from_a_model_and_twins_are_told() -> None:
    assert flags_of(of_plots("t", [visit("P1", [10.0], modelled=True)], twins=0)) == Flag.GAP_FILLED
    assert flags_of(of_plots("t", [visit("P1", [10.0])], twins=3)) == Flag.DUPLICATE


DIAMETERS = [9.3 + 0.7 * number + 0.1 * (number**2 % 7) for number in range(24)]


@pytest.mark.parametrize("grown", [lambda d: round(1.1 * d, 1), lambda d: round(d + 1.5, 1)])
def test_a_second_visit_computed_from_the_first_is_too_regular(grown: Callable[[float], float]) -> None:
    before, after = visit("P1", DIAMETERS), visit("P1", [grown(dbh) for dbh in DIAMETERS])
    assert flags_of(of_growth("t", [before], [after])) == Flag.TOO_REGULAR
    few = [replace(one, trees=one.trees[:19]) for one in (before, after)]
    assert of_growth("t", [few[0]], [few[1]]) == []


def test_trees_that_hardly_grew_do_not_look_computed() -> None:
    assert of_growth("t", [visit("P1", DIAMETERS)], [visit("P1", [dbh + 0.1 for dbh in DIAMETERS])]) == []


def test_clean_counties_raise_no_alarm(tmp_path: Path) -> None:
    """Twelve generated counties, 1,440 plots measured twice, some 40,000 trees: not one false alarm."""
    trees = 0
    for seed in range(12):
        county = write_county(
            tmp_path / str(seed), seed=seed, accounts=[f"0x{n:040x}" for n in range(1, 21)], parcels=40, plots=120
        )
        strata = RawFile("s", county.strata.read_bytes())
        before, after = (
            read_inventory(RawFile("t", path.read_bytes()), strata)
            for path in (county.first_trees, county.second_trees)
        )
        trees += before.trees
        assert of_plots("t", before.visits, twins=before.twins) == []
        assert of_plots("t", after.visits, twins=after.twins) == []
        assert of_growth("t", before.visits, after.visits) == []
    assert trees > 40_000


# --- The FIA inventory ----------------------------------------------------------------------------


def stem(number: int, dbh_cm: float, *, visit: int, height_m: float | None = 10.0, check: str = "") -> FiaTree:
    return FiaTree(
        cn=f"{visit}-{number}",
        previous_cn=f"{visit - 1}-{number}",
        species="316",
        dbh_cm=dbh_cm,
        height_m=height_m,
        spot=("1", str(number), "10.0"),
        diameter_check=check,
        height_method="1",
    )


def fia_visit(plot: str, number: int, tallied: Sequence[FiaTree], *, followed: bool = True) -> FiaVisit:
    return FiaVisit(
        cn=f"{plot}-{number}",
        place=plot,
        inventory_year=2005 + 5 * number,
        measured_on=date(2005 + 5 * number, 7, 1),
        previous_cn=f"{plot}-{number - 1}",
        forest={},
        live={},
        not_sampled=0.0,
        tallied=tuple(tallied),
        followed=frozenset(tree.previous_cn for tree in tallied) if followed else None,
    )


FIRST = [stem(number, dbh, visit=1) for number, dbh in enumerate(DIAMETERS)]
GREW = [0.3 + 0.2 * (number % 9) for number in range(24)]
SECOND = [stem(number, dbh + grew, visit=2) for number, (dbh, grew) in enumerate(zip(DIAMETERS, GREW, strict=True))]


def found_in(first: Sequence[FiaTree], second: Sequence[FiaTree]) -> dict[Flag, int]:
    pair = fia_visit("1-1-1-1", 1, first), fia_visit("1-1-1-1", 2, second)
    return {finding.flag: finding.count for finding in of_inventory("XX", [pair])}


def changed(trees: Sequence[FiaTree], number: int, **facts: object) -> list[FiaTree]:
    return [*trees[:number], replace(trees[number], **facts), *trees[number + 1 :]]  # type: ignore[arg-type]


def test_a_plot_that_grew_as_trees_do_raises_no_alarm() -> None:
    assert found_in(FIRST, SECOND) == {}


@pytest.mark.parametrize(
    ("dbh_cm", "is_found"), [(DIAMETERS[9] - 1.0, False), (DIAMETERS[9] - 1.01, True), (DIAMETERS[9], False)]
)
def test_a_living_tree_does_not_shrink_by_more_than_a_centimetre(dbh_cm: float, is_found: bool) -> None:
    assert found_in(FIRST, changed(SECOND, 9, dbh_cm=dbh_cm)) == ({Flag.RANGE: 1} if is_found else {})
    assert found_in(FIRST, changed(SECOND, 9, dbh_cm=dbh_cm, diameter_check="2")) == {}, "measured elsewhere"


def test_a_thick_tree_may_lose_bark() -> None:
    thick = changed(FIRST, 9, dbh_cm=60.0, height_m=20.0)
    assert found_in(thick, changed(SECOND, 9, dbh_cm=57.1, height_m=20.0)) == {}
    assert found_in(thick, changed(SECOND, 9, dbh_cm=56.9, height_m=20.0)) == {Flag.RANGE: 1}


@pytest.mark.parametrize(("grown_cm", "is_found"), [(24.9, False), (25.1, True)])
def test_no_tree_grows_more_than_five_centimetres_a_year(grown_cm: float, is_found: bool) -> None:
    assert found_in(FIRST, changed(SECOND, 9, dbh_cm=DIAMETERS[9] + grown_cm)) == ({Flag.RANGE: 1} if is_found else {})


def test_a_height_in_another_unit_is_told() -> None:
    assert found_in(FIRST, changed(SECOND, 9, height_m=3.048)) == {}
    assert found_in(FIRST, changed(SECOND, 9, height_m=1.0)) == {Flag.RANGE: 1}
    assert found_in(FIRST, changed(SECOND, 9, height_m=100.0)) == {Flag.RANGE: 1}


@pytest.mark.parametrize("facts", [{"diameter_check": "1"}, {"diameter_check": "5"}, {"height_method": "4"}])
def test_what_was_estimated_or_modelled_is_told(facts: dict[str, object]) -> None:
    assert found_in(changed(FIRST, 3, **facts), SECOND) == {Flag.GAP_FILLED: 1}


def test_a_tree_of_which_the_next_visit_says_nothing_is_missing() -> None:
    assert found_in(FIRST, SECOND[1:]) == {Flag.MISSING: 1}
    pair = fia_visit("1-1-1-1", 1, FIRST), fia_visit("1-1-1-1", 2, SECOND[1:], followed=False)
    assert of_inventory("XX", [pair]) == [], "tables that name no earlier trees cannot say it"


def test_a_plot_of_which_a_part_was_not_entered_is_told() -> None:
    pair = fia_visit("1-1-1-1", 1, FIRST), replace(fia_visit("1-1-1-1", 2, SECOND), not_sampled=0.25)
    (finding,) = of_inventory("XX", [pair])
    assert (finding.flag, finding.source, finding.count) == (Flag.MISSING, "XX_COND.csv", 1)


def test_a_tree_entered_under_two_numbers_is_told() -> None:
    again = replace(SECOND[0], cn="2-99", previous_cn="")
    assert found_in(FIRST, [*SECOND, again]) == {Flag.DUPLICATE: 1}
    unplaced = [replace(tree, spot=()) for tree in (*SECOND, again)]
    assert found_in(FIRST, unplaced) == {}, "nobody wrote down where they stand"
    for facts in ({"dbh_cm": 9.9}, {"species": "833"}, {"spot": ("1", "0", "10.1")}, {"spot": ()}):
        assert found_in(FIRST, [*SECOND, replace(again, **facts)]) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize("grown", [lambda d: 1.1 * d, lambda d: d + 1.5])
def test_a_second_visit_of_the_inventory_computed_from_the_first_is_too_regular(
    grown: Callable[[float], float],
) -> None:
    inches = [round(dbh / 2.54, 1) for dbh in DIAMETERS]
    first = [stem(number, 2.54 * inch, visit=1) for number, inch in enumerate(inches)]
    second = [stem(n, 2.54 * round(grown(2.54 * inch) / 2.54, 1), visit=2) for n, inch in enumerate(inches)]
    assert found_in(first, second) == {Flag.TOO_REGULAR: 1}
    assert found_in(first[:19], second[:19]) == {}


def test_a_visit_or_a_plot_that_was_copied_is_too_regular() -> None:
    copied = [replace(tree, cn=f"2-{n}", previous_cn=tree.cn) for n, tree in enumerate(FIRST)]
    assert found_in(FIRST, copied) == {Flag.TOO_REGULAR: 1}
    assert found_in(FIRST[:4], copied[:4]) == {}
    pairs = [(fia_visit(plot, 1, FIRST), fia_visit(plot, 2, SECOND)) for plot in ("1-1-1-1", "1-1-1-2")]
    assert [(finding.flag, finding.count) for finding in of_inventory("XX", pairs)] == [(Flag.TOO_REGULAR, 2)]


def test_on_a_real_inventory_hardly_anything_is_found(fia_ri: Path) -> None:
    """Rhode Island 2009–2018: 165 pairs of visits, 3,876 trees measured twice."""
    pairs = remeasured(read_fia(fia_ri), 2009, 2018)
    found = [(finding.flag, finding.source, finding.count) for finding in of_inventory("RI", pairs)]
    assert found == [
        (Flag.MISSING, "RI_COND.csv", 18),  # True: the crew could not enter a part of them.
        (Flag.RANGE, "RI_TREE.csv", 6),  # Diameters that fell by 1.5 to 3 cm, more than 5 %, in five years.
        (Flag.DUPLICATE, "RI_TREE.csv", 1),  # A false alarm: two stems of one clump.
    ]
    again = sum(
        len({tree.previous_cn for tree in two.tallied} & {tree.cn for tree in one.tallied}) for one, two in pairs
    )
    assert (len(pairs), again) == (165, 3_876)


# --- Laboratories, images, slips ------------------------------------------------------------------


def test_a_laboratory_report_counts_with_a_signature_in_bytes_or_in_hex() -> None:
    key = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
    report = RawFile("lab.csv", b"species,wood_density\nPinus,0.46\n")
    signature, public = key.sign(report.content), key.public_key().public_bytes_raw()
    good = RawFile("s", signature), RawFile("k", public)
    assert of_laboratory(report, *good) == []
    written = RawFile("s", signature.hex().encode() + b"\n"), RawFile("k", b"0x" + public.hex().encode())
    assert of_laboratory(report, *written) == []
    for signed, by in (
        (None, good[1]),
        (good[0], None),
        (RawFile("s", b"\xff\xfe not a signature"), good[1]),
        (RawFile("s", key.sign(b"another report")), good[1]),
    ):
        assert flags_of(of_laboratory(report, signed, by)) == Flag.UNSIGNED_LABORATORY


@pytest.mark.parametrize(
    ("zone", "flags"),
    [
        (Zone("A", 4.0, 100.0, 0.0, 0.0), Flag(0)),
        (Zone("A", 4.0, 100.0, 0.0, 0.20), Flag(0)),
        (Zone("A", 4.0, 100.0, 0.0, 0.21), Flag.CLOUD),
        (Zone("A", 4.0, 100.0, 0.1, 0.0), Flag.MISSING),
        (Zone("A", None, 100.0, 0.0, 1.0), Flag.CLOUD | Flag.MISSING),
    ],
)
def test_a_parcel_that_an_image_hardly_shows_is_told(zone: Zone, flags: Flag) -> None:
    assert flags_of(of_zones("i.tif", [zone], Policy())) == flags


def test_slips_alike_in_all_but_their_number_are_told(csv_file: Callable[[str, str], Path]) -> None:
    assert of_slips("s", [("2025-06-01", "farm", 5), ("2025-06-02", "farm", 5)]) == []
    row = "2025-06-01,farm,supplier,12.5,8\n"
    slips = csv_file("slips.csv", f"slip_id,date,holder,role,quantity_kg,price_yuan_per_kg\nD1,{row}D2,{row}")
    holders = csv_file("holders.csv", f"holder,account\nfarm,0x{'aa' * 20}\n")
    assert weigh_supply(slips, holders, subject="tea", role=Role.SUPPLIER).qc_flags == Flag.DUPLICATE
