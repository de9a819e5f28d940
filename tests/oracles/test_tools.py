"""The smaller commands: images, laboratories, services, sensors; refusals first, then what they write."""

import csv
import json
import math
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from click.testing import Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from oracles.bundle import make_job, reproduce, run
from oracles.commands import app
from oracles.errors import UselessCovariate
from oracles.methodologies.sampling import Observation, StratumSample, combine, post_stratified_mean
from oracles.quality import Flag
from oracles.sources import fia
from tests.oracles.images import PIXEL, SOUTH, WEST, areas_m2, image, squares


def command(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


# --- Zonal means ----------------------------------------------------------------------------------


def test_a_table_is_no_map_of_parcels(csv_file: Callable[[str, str], Path], tmp_path: Path) -> None:
    result = command(
        "zonal",
        *("--raster", image(tmp_path / "i.tif", [1.0] * 80), "--out", tmp_path / "z.csv"),
        *("--parcels", csv_file("p.csv", "parcel_id,stratum,area_ha,holder\nA,pine,1,x\n")),
    )
    assert result.exit_code == 2
    assert "holds no shapes" in result.stderr


@pytest.mark.parametrize(("limit", "flagged"), [("0.24", True), ("0.26", False)])
def test_zonal_means_are_written_with_what_is_cloudy(
    csv_file: Callable[[str, str], Path], tmp_path: Path, limit: str, flagged: bool
) -> None:
    """A quarter of parcel B is under clouds, half of C is without data."""
    raster = image(tmp_path / "i.tif", [2.0] * 20 + [4.0] * 20 + [-9999.0] * 10 + [6.0] * 30)
    clouds = image(tmp_path / "c.tif", [0.0] * 20 + [1.0] * 5 + [0.0] * 55, nodata=None)
    parcels = csv_file("p.geojson", squares())
    out = tmp_path / "zones.csv"
    where = ("--raster", raster, "--clouds", clouds, "--parcels", parcels, "--out", out, "--cloud-share", limit)
    result = command("zonal", *where)
    assert result.exit_code == 0, result.stderr
    zones = {row["parcel_id"]: row for row in rows_of(out)}
    assert [float(zones[parcel]["mean"]) for parcel in "ABCD"] == pytest.approx([2, 4, 6, 6])
    assert float(zones["B"]["cloud_share"]) == pytest.approx(0.25, abs=1e-4)
    assert float(zones["C"]["nodata_share"]) == pytest.approx(0.5, abs=1e-4)
    assert [zones[parcel]["flags"] for parcel in "ABCD"] == ["", "cloud" if flagged else "", "missing", ""]
    assert ("too cloudy" in result.stdout) == flagged
    assert "下一步" in result.stdout


# --- A raster as covariate ------------------------------------------------------------------------

PLOTS = [(parcel, pixel) for parcel in range(4) for pixel in (2, 8, 14, 18)]
"""Four plots in each of the four parcels, by parcel and pixel column."""


@pytest.fixture
def survey(csv_file: Callable[[str, str], Path], tmp_path: Path) -> tuple[object, ...]:
    """Sixteen plots whose biomass follows an image: 100 · value + a little."""
    columns = [20 + 10 * math.sin(n / 6) + n / 8 for n in range(80)]
    trees, places = ["plot_id,stratum,plot_area_m2,species,dbh_cm,above_ground_kg"], ["plot_id,longitude,latitude"]
    for number, (parcel, pixel) in enumerate(PLOTS):
        column = 20 * parcel + pixel
        kilograms = 100 * columns[column] + 40 * (-1) ** number
        trees.append(f"P{number},{'pine' if parcel < 2 else 'oak'},400,x,20,{kilograms:.3f}")
        places.append(f"P{number},{WEST + PIXEL * (column + 0.5):.6f},{SOUTH + PIXEL * 10.5:.6f}")
    shapes = squares()
    strata = "stratum,area_m2\n" + "".join(f"{name},{area}\n" for name, area in areas_m2(shapes).items())
    return (
        *("estimate", "--source", "csv", "--json"),
        *("--trees", csv_file("t.csv", "\n".join(trees) + "\n"), "--strata", csv_file("s.csv", strata)),
        *("--raster", image(tmp_path / "i.tif", columns), "--parcels", csv_file("p.geojson", shapes)),
        *("--plots", csv_file("plots.csv", "\n".join(places) + "\n")),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("--parcels", None), "--raster needs --parcels and --plots"),
        (("--plots", None), "--raster needs --parcels and --plots"),
        (("--raster", None), "go with --raster"),
        (("--covariate", "c.csv"), "one or the other"),
        (("--post-strata", "5,5"), "must ascend"),
        (("--post-strata", "five"), "must ascend"),
        (("--post-strata", "16"), "choose other limits"),
    ],
)
def test_a_raster_that_is_half_given_is_refused(
    survey: tuple[object, ...], changes: tuple[str, str | None], message: str
) -> None:
    option, value = changes
    asked = list(survey)
    if option in asked:
        at = asked.index(option)
        del asked[at : at + 2]
    if value is not None:
        asked += [option, value]
    result = command(*asked)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_plot_without_a_place_or_outside_the_image_is_named(
    survey: tuple[object, ...], csv_file: Callable[[str, str], Path]
) -> None:
    at = survey.index("--plots") + 1
    text = Path(str(survey[at])).read_text("utf-8")
    for changed, name in (
        (text.replace("P3,", "P99,"), "P3"),
        (text.replace("P3,102", "P3,103"), "P3"),
        (text.replace("P3,102", "P3,x102"), "x102"),
        (text.replace("P3,102", "P3,902"), "902"),
    ):
        asked = [*survey[:at], csv_file("moved.csv", changed), *survey[at + 1 :]]
        result = command(*asked)
        assert result.exit_code == 2
        assert name in result.stderr


def test_double_sampling_with_a_raster_narrows_the_half_width(survey: tuple[object, ...]) -> None:
    plain = [part for index, part in enumerate(survey) if index < survey.index("--raster")]
    alone, doubled = (json.loads(command(*asked).stdout) for asked in (plain, survey))
    assert doubled["half_width_percent"] < alone["half_width_percent"] / 2
    assert list(doubled) == list(alone)


def test_post_stratification_with_a_raster_narrows_it_too(survey: tuple[object, ...]) -> None:
    """The image splits each stratum in two: five plots of pine lie below 25 and three above, of oak three and five."""
    plain = [part for index, part in enumerate(survey) if index < survey.index("--raster")]
    alone, classed = (json.loads(command(*asked).stdout) for asked in (plain, (*survey, "--post-strata", "25")))
    assert classed["half_width_percent"] < 0.8 * alone["half_width_percent"]
    assert classed["plots"] == 16


def test_post_stratification_by_hand() -> None:
    """n = 5, classes of 2 and 3 plots with 0.3 and 0.7 of the area: 0.3 · 11 + 0.7 · 22 = 18.7."""
    values = (10.0, 12.0, 20.0, 22.0, 24.0)
    sample = StratumSample("pine", 10.0, tuple(Observation(str(n), value) for n, value in enumerate(values)))
    found = post_stratified_mean(sample, (0, 0, 1, 1, 1), {0: 0.3, 1: 0.7})
    assert found.mean == pytest.approx(18.7)
    assert found.variance_of_mean == pytest.approx((0.3 * 2 + 0.7 * 4) / 5 + (0.7 * 2 + 0.3 * 4) / 25)
    assert (found.plots, found.means) == (5, 2)
    assert combine((found,)).degrees_of_freedom == 3
    for classes, weights in (((0, 1, 1, 1, 1), {0: 0.3, 1: 0.7}), ((0, 0, 1, 1, 1), {0: 1.0})):
        with pytest.raises(UselessCovariate, match="choose other limits"):
            post_stratified_mean(sample, classes, weights)


def test_post_stratification_from_a_table(csv_file: Callable[[str, str], Path]) -> None:
    """Two kinds of stands; knowing which is which takes most of the variance away."""
    trees = ["plot_id,stratum,plot_area_m2,species,dbh_cm,above_ground_kg"]
    covariate = ["stratum,plot_id,covariate"]
    for number in range(10):
        trees.append(f"P{number},pine,400,x,20,{(1_000 if number < 5 else 3_000) + 10 * number}")
        covariate.append(f"pine,P{number},{10 if number < 5 else 30}")
    covariate += [f"pine,,{10 if n % 2 else 30}" for n in range(90)]
    asked = (
        *("estimate", "--source", "csv", "--json", "--trees", csv_file("t.csv", "\n".join(trees) + "\n")),
        *("--strata", csv_file("s.csv", "stratum,area_ha\npine,9\n")),
    )
    plain = json.loads(command(*asked).stdout)
    result = command(
        *asked, "--covariate", csv_file("c.csv", "\n".join(covariate) + "\n"), "--post-strata", "20", "--explain"
    )
    assert result.exit_code == 0, result.stderr
    content = json.loads(result.stdout)
    assert content["half_width_percent"] < plain["half_width_percent"] / 5
    assert any("post-stratification at 20" in line for line in content["explanation"])
    assert command(*asked, "--post-strata", "20").exit_code == 2


# --- Laboratories ---------------------------------------------------------------------------------


@pytest.fixture
def signed(csv_file: Callable[[str, str], Path], tmp_path: Path) -> tuple[Path, Path, Path]:
    report = csv_file("lab.csv", "species,wood_density\nPinus,0.45\nQuercus,0.60\n")
    key = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
    (tmp_path / "lab.sig").write_bytes(key.sign(report.read_bytes()))
    (tmp_path / "lab.key").write_text(key.public_key().public_bytes_raw().hex(), "utf-8")
    return report, tmp_path / "lab.sig", tmp_path / "lab.key"


def test_a_laboratory_signature_is_checked(signed: tuple[Path, Path, Path]) -> None:
    report, signature, key = signed
    asked = ("laboratory", "--report", report, "--signature", signature, "--key", key)
    assert "签名有效" in command(*asked).stdout
    report.write_text(report.read_text().replace("0.45", "0.75"))
    result = command(*asked)
    assert result.exit_code == 2
    assert "unsigned laboratory report" in result.stderr
    assert result.stdout == ""


def test_densities_of_a_laboratory_fill_in_what_the_tally_sheet_lacks(
    signed: tuple[Path, Path, Path], csv_file: Callable[[str, str], Path], trees_text: str, strata_text: str
) -> None:
    report, signature, key = signed
    header, *rows = trees_text.splitlines()
    bare = "\n".join([header, *(row.rpartition(",")[0] + "," for row in rows)]) + "\n"
    strata = csv_file("s.csv", strata_text)
    asked = ("estimate", "--source", "csv", "--strata", strata, "--json", "--trees")
    assert "wood_density" in command(*asked, csv_file("bare.csv", bare)).stderr
    options = ("--laboratory", report, "--laboratory-signature", signature, "--laboratory-key", key)
    filled = command(*asked, csv_file("bare.csv", bare), *options)
    assert filled.exit_code == 0, filled.stderr
    assert filled.stdout == command(*asked, csv_file("t.csv", trees_text)).stdout
    unsigned = command(*asked, csv_file("bare.csv", bare), "--laboratory", report)
    assert unsigned.exit_code == 2
    assert "unsigned" in unsigned.stderr


# --- Services -------------------------------------------------------------------------------------

DOCUMENT = {"data": {"items": [{"id": "P1", "tree": {"dbh": 20.5}, "ok": True}, {"id": "P2", "tree": {"dbh": None}}]}}


@pytest.fixture
def service() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(DOCUMENT).encode()
            self.send_response(200 if self.path == "/trees" else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--column", "id=id"), "go together"),
        (("--rows", "data.items", "--column", "id"), "name=field"),
        (("--rows", "data", "--column", "id=id"), "no list of records"),
        (("--rows", "data.rows", "--column", "id=id"), "no such field"),
        (("--rows", "data.items", "--column", "t=tree"), "not a single value"),
        (("--rows", "data.items", "--column", "ok=ok"), "row 2, column ok"),
    ],
)
def test_a_document_of_another_shape_is_refused_and_nothing_is_kept(
    service: str, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    table = () if options[0] == "--column" else ("--table", tmp_path / "t.csv")
    result = command("fetch", f"{service}/trees", "--out", tmp_path / "raw.json", *table, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "raw.json").exists()


def test_a_service_becomes_evidence_and_a_table(service: str, tmp_path: Path) -> None:
    where = ("--out", tmp_path / "raw.json", "--table", tmp_path / "t.csv")
    columns = ("--column", "plot_id=id", "--column", "dbh_cm=tree.dbh")
    result = command("fetch", f"{service}/trees", *where, "--rows", "data.items", *columns)
    assert result.exit_code == 0, result.stderr
    assert json.loads((tmp_path / "raw.json").read_text()) == DOCUMENT
    assert (tmp_path / "t.csv").read_text() == "plot_id,dbh_cm\nP1,20.5\nP2,\n"
    assert "HTTP 404" in command("fetch", f"{service}/nothing", "--out", tmp_path / "x.json").stderr


# --- Sensors --------------------------------------------------------------------------------------


def test_usable_and_filled_readings_are_written_with_their_flags(
    csv_file: Callable[[str, str], Path], tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    values = [round(15 + 5 * math.sin(n / 8) + random.normal(0, 0.2), 1) for n in range(96)]
    values[50] = 99.0
    rows = [f"A,{1_800 * n},{value}" for n, value in enumerate(values) if n not in (20, 21)]
    readings = csv_file("r.csv", "device,time,value\n" + "\n".join(rows) + "\n")
    limits = ("--least", "-30", "--most", "50", "--interval", "1800", "--resolution", "0.1")
    asked = ("quality", "--readings", readings, "--out", tmp_path / "q.html", *limits)
    assert "go together" in command(*asked, "--fill", 2).stderr
    assert "either" in command(*asked, "--devices", readings).stderr
    result = command(*asked, "--fill", 2, "--filled", tmp_path / "f.csv")
    assert result.exit_code == 0, result.stderr
    written = rows_of(tmp_path / "f.csv")
    assert [int(row["time"]) for row in written] == [1_800 * n for n in range(96)]
    filled = [int(row["time"]) // 1_800 for row in written if int(row["flags"]) & Flag.GAP_FILLED]
    assert filled == [20, 21, 50]
    assert f"qcFlags {int(Flag.MISSING | Flag.RANGE):#x}" in result.stdout


# --- An inventory as a job ------------------------------------------------------------------------


def test_a_national_inventory_is_a_job_that_can_be_computed_again(fia_ri: Path, tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("account\n" + "".join(f"0x{n:040x}\n" for n in range(1, 61)), "utf-8")
    files = {**fia.table_paths(fia_ri), "accounts": accounts}
    result, archive = run(make_job("fia", {"seed": 7}, files))
    assert result.refusal is None
    assert (result.subject, result.share_count) == ("fia-ri", 60)
    assert reproduce(archive).digest == result.digest
    checked, _ = run(make_job("fia-cross-check", {"seed": 7}, files))
    assert checked.share_count == 0
    assert checked.value == pytest.approx(result.value, rel=0.3)
    nothing, _ = run(make_job("fia", {"seed": 7, "first_year": 2013}, files))
    assert nothing.refusal is not None
    assert "not significant" in nothing.refusal
    policy = tmp_path / "policy.toml"
    policy.write_text('refuse = ["range"]\n', "utf-8")
    refused, archive = run(make_job("fia", {"seed": 7}, {**files, "policy": policy}))
    assert refused.refusal is not None
    assert "became thinner" in refused.refusal
    assert reproduce(archive).digest == refused.digest
