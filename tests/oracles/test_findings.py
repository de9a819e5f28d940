"""What the checks find in tally sheets, laboratory reports, images and slips, and what a policy makes of it."""

from collections.abc import Callable
from dataclasses import replace
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
    of_laboratory,
    of_plots,
    of_slips,
    of_zones,
    read_policy,
)
from oracles.quality import Flag
from oracles.readings import PlotVisit, Tree
from oracles.sources.csv_trees import read_inventory
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
        ("cloud_share = 1.5", "between 0 and 1"),
        ("least_usable_share = true", "between 0 and 1"),
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
