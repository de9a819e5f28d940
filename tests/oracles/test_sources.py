"""Excel, shapes, rasters and HTTP: what is refused, then what is read."""

import io
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import httpx
import numpy as np
import openpyxl
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from oracles.errors import (
    Contradiction,
    Duplicate,
    EmptyFile,
    MissingColumn,
    MissingValue,
    NotANumber,
    NotARaster,
    NotAShape,
    NotATable,
    SourceUnavailable,
    UnknownReference,
)
from oracles.evidence import RawFile
from oracles.readings import SQUARE_METRES_PER_MU
from oracles.sources.csv_trees import read_inventory
from oracles.sources.http_json import fetch_json
from oracles.sources.parcels import ParcelShape, read_parcel_shapes
from oracles.sources.raster import zonal_means

pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rasterio 1.4 does.

# --- Excel ----------------------------------------------------------------------------------------

TREES = (
    ("plot_id", "stratum", "plot_area_m2", "tree_id", "species", "dbh_cm", "height_m", "wood_density"),
    ("009", "松林", 400, 1, "马尾松", 20.1, 15, 0.45),
    ("009", "松林", 400.0, 2, "马尾松", 20.1, None, 0.45),
    ("P2", "松林", 400, 3, "马尾松", 30, 17.25, 0.45),
)


def workbook(rows: tuple[tuple[object, ...], ...]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def read_workbook(rows: tuple[tuple[object, ...], ...]):
    return read_inventory(
        RawFile("trees.xlsx", workbook(rows)), RawFile("strata.csv", "stratum,area_mu\n松林,15\n".encode())
    )


def test_a_workbook_of_trees_is_read_like_csv() -> None:
    inventory = read_workbook(TREES)
    assert [visit.plot for visit in inventory.visits] == ["009", "P2"]
    assert [(tree.row, tree.dbh_cm, tree.height_m) for tree in inventory.visits[0].trees] == [
        (2, 20.1, 15.0),
        (3, 20.1, None),
    ]
    assert inventory.visits[0].trees[0].label.startswith("009/1")


def test_a_workbook_names_the_row_and_column_of_a_fault() -> None:
    with pytest.raises(NotANumber) as refused:
        read_workbook((*TREES, ("P3", "松林", 400, 4, "马尾松", "twenty", 15, 0.45)))
    assert (refused.value.row, refused.value.column) == (5, "dbh_cm")


def test_a_formula_without_a_stored_result_is_refused() -> None:
    with pytest.raises(NotATable, match="recalculate") as refused:
        read_workbook((*TREES, ("P3", "松林", 400, 4, "马尾松", "=10+10", 15, 0.45)))
    assert (refused.value.row, refused.value.column) == (5, "F")


@pytest.mark.parametrize("content", [b"PK\x03\x04 but not a workbook", workbook(TREES)[:500]])
def test_something_else_is_not_a_workbook(content: bytes) -> None:
    with pytest.raises(NotATable, match="workbook"):
        read_inventory(RawFile("trees.xlsx", content), RawFile("s.csv", b"stratum,area_ha\na,1\n"))


def test_an_empty_workbook_is_refused() -> None:
    with pytest.raises(EmptyFile):
        read_workbook(())


def test_dates_of_a_workbook_are_days() -> None:
    from oracles.sources.workbooks import workbook_as_csv

    assert workbook_as_csv(RawFile("d.xlsx", workbook((("day",), (date(2025, 1, 31),))))) == b"day\n2025-01-31\n"


# --- Parcels as shapes ----------------------------------------------------------------------------

SQUARE = [[102.0, 25.0], [102.01, 25.0], [102.01, 25.01], [102.0, 25.01], [102.0, 25.0]]
SQUARE_M2 = 1_118_026
"""0.01° by 0.01° at 25° N on the ellipsoid: 1,009.6 m by 1,107.9 m, within a permille."""


def feature(id_: object, ring: list[list[float]], **properties: object) -> dict[str, object]:
    return {
        "type": "Feature",
        "properties": {"parcel_id": id_, "stratum": "pine", "holder": "hh-1", **properties},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def geojson(*features: dict[str, object], crs: str | None = None) -> RawFile:
    content: dict[str, object] = {"type": "FeatureCollection", "features": list(features)}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    return RawFile("parcels.geojson", json.dumps(content).encode())


def shifted(dx: float, dy: float = 0.0) -> list[list[float]]:
    return [[x + dx, y + dy] for x, y in SQUARE]


def shapes(raw: RawFile) -> tuple[ParcelShape, ...]:
    return read_parcel_shapes(raw, strata={"pine"}, holders={"hh-1"})


def test_the_area_is_geodesic_and_whole_square_metres() -> None:
    (one,) = shapes(geojson(feature("A", SQUARE)))
    assert one.parcel.area_m2 == pytest.approx(SQUARE_M2, rel=0.001)
    assert isinstance(one.parcel.area_m2, int)


def test_cgcs2000_in_degrees_and_in_a_zone_have_the_same_area() -> None:
    (plain,) = shapes(geojson(feature("A", SQUARE)))
    (degrees,) = shapes(geojson(feature("A", SQUARE), crs="urn:ogc:def:crs:EPSG::4490"))
    to_zone = Transformer.from_crs("EPSG:4490", "EPSG:4543", always_xy=True)  # 3-degree zone, 102° E.
    ring = [list(to_zone.transform(x, y)) for x, y in SQUARE]
    (zone,) = shapes(geojson(feature("A", ring), crs="urn:ogc:def:crs:EPSG::4543"))
    assert degrees.parcel.area_m2 == pytest.approx(plain.parcel.area_m2, abs=1)
    assert zone.parcel.area_m2 == pytest.approx(plain.parcel.area_m2, rel=1e-5)


@pytest.mark.parametrize("crs", ["urn:ogc:def:crs:EPSG::4610", "urn:ogc:def:crs:EPSG::4214"])
def test_older_chinese_datums_are_not_converted(crs: str) -> None:
    with pytest.raises(NotAShape, match="only WGS 84 and CGCS2000"):
        shapes(geojson(feature("A", SQUARE), crs=crs))


def test_a_geopackage_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "p.gpkg"
    pyogrio.raw.write(
        path,
        np.array([shapely.to_wkb(shapely.Polygon(SQUARE))]),
        [np.array(["A"], dtype=object), np.array(["pine"], dtype=object), np.array(["hh-1"], dtype=object)],
        ["parcel_id", "stratum", "holder"],
        geometry_type="Polygon",
        crs="EPSG:4326",
    )
    (one,) = shapes(RawFile("p.gpkg", path.read_bytes()))
    assert one.parcel.area_m2 == pytest.approx(SQUARE_M2, rel=0.001)


def test_two_parcels_that_claim_one_piece_of_land_are_refused() -> None:
    with pytest.raises(Contradiction, match="parcels A and B overlap by"):
        shapes(geojson(feature("A", SQUARE), feature("B", shifted(0.005))))
    with pytest.raises(Contradiction, match="overlap"):
        shapes(geojson(feature("A", SQUARE), feature("B", SQUARE)))


def test_neighbours_and_slivers_are_not_overlaps() -> None:
    assert len(shapes(geojson(feature("A", SQUARE), feature("B", shifted(0.01))))) == 2
    sliver = 5e-9  # Half a millimetre along one kilometre.
    assert len(shapes(geojson(feature("A", SQUARE), feature("B", shifted(0.01 - sliver))))) == 2


@pytest.mark.parametrize(("factor", "fits"), [(1.0, True), (1.019, True), (0.981, True), (1.03, False), (0.0, False)])
@pytest.mark.parametrize("column", ["area_mu", "area_ha", "area_m2"])
def test_a_declared_area_must_be_that_of_the_shape(column: str, factor: float, fits: bool) -> None:
    (one,) = shapes(geojson(feature("A", SQUARE)))
    unit = {"area_mu": float(SQUARE_METRES_PER_MU), "area_ha": 10_000, "area_m2": 1}[column]
    raw = geojson(feature("A", SQUARE, **{column: round(one.parcel.area_m2 / unit * factor, 4)}))
    if fits:
        assert shapes(raw)[0].parcel.area_m2 == one.parcel.area_m2
    else:
        with pytest.raises(Contradiction, match="not that of its shape"):
            shapes(raw)


BOW_TIE = [[102.0, 25.0], [102.01, 25.01], [102.01, 25.0], [102.0, 25.01], [102.0, 25.0]]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (RawFile("p.geojson", b"parcel_id,stratum\n"), NotAShape),
        (RawFile("p.geojson", b""), NotAShape),
        (geojson(feature("A", BOW_TIE)), NotAShape),
        (geojson({**feature("A", SQUARE), "geometry": {"type": "Point", "coordinates": [102, 25]}}), NotAShape),
        (geojson({**feature("A", SQUARE), "geometry": None}), NotAShape),
        (geojson(feature("A", [[x * 1_000, y] for x, y in SQUARE])), NotAShape),
        (geojson(feature("A", SQUARE), feature("A", shifted(0.1))), Duplicate),
        (geojson(feature("A", SQUARE, stratum="oak")), UnknownReference),
        (geojson(feature("A", SQUARE, holder="nobody")), UnknownReference),
        (geojson(feature("", SQUARE)), MissingValue),
        (geojson({**feature("A", SQUARE), "properties": {"parcel_id": "A"}}), MissingColumn),
        (geojson(feature("A", SQUARE, area_mu=1, area_ha=1)), Contradiction),
    ],
)
def test_shapes_that_cannot_be_parcels_are_refused(raw: RawFile, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        shapes(raw)


# --- Rasters --------------------------------------------------------------------------------------


def tiff(data: np.ndarray, *, nodata: float | None = -9999.0, crs: str | None = "EPSG:4326") -> RawFile:
    """Pixels of 0.001° from 102° E, 25.02° N."""
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=data.shape[1],
            height=data.shape[0],
            count=1,
            dtype=data.dtype,
            nodata=nodata,
            crs=crs,
            transform=from_origin(102.0, 25.02, 0.001, 0.001),
        ) as image:
            image.write(data, 1)
        return RawFile("biomass.tif", memory.read())


def ramp() -> np.ndarray:
    """Values grow to the east: column c holds c."""
    return np.tile(np.arange(30, dtype=np.float32), (30, 1))


def zone(raster: RawFile, ring: list[list[float]] = SQUARE, **more: RawFile):
    return zonal_means(raster, shapes(geojson(feature("A", ring))), **more)[0]


def test_the_mean_over_a_parcel_of_whole_pixels() -> None:
    """The square covers columns 0 to 9."""
    found = zone(tiff(ramp()))
    assert found.mean == pytest.approx(4.5)
    assert (found.pixels, found.nodata_share, found.cloud_share) == (pytest.approx(100), 0, 0)


def test_pixels_on_a_boundary_count_by_the_part_inside() -> None:
    """Half of columns 0 and 10: (0/2 + 1 + … + 9 + 10/2) / 10 = 5."""
    assert zone(tiff(ramp()), shifted(0.0005)).mean == pytest.approx(5.0)


def test_pixels_without_data_are_not_zero() -> None:
    data = ramp()
    data[:, :5] = -9999
    found = zone(tiff(data))
    assert found.mean == pytest.approx(7.0)
    assert found.nodata_share == pytest.approx(0.5)
    data[:, 5:] = np.nan
    assert zone(tiff(data)).mean is None


def test_what_lies_outside_the_image_is_without_data() -> None:
    found = zone(tiff(ramp()), shifted(-0.005))
    assert found.nodata_share == pytest.approx(0.5)
    assert found.mean == pytest.approx(2.0)
    assert zone(tiff(ramp()), shifted(5.0)).mean is None


def test_what_is_under_clouds_does_not_count() -> None:
    clouds = np.zeros((30, 30), dtype=np.uint8)
    clouds[:, :3] = 1
    found = zone(tiff(ramp()), clouds=tiff(clouds, nodata=None))
    assert found.mean == pytest.approx(6.0)
    assert (found.cloud_share, found.nodata_share) == (pytest.approx(0.3), 0)


def test_a_raster_in_a_zone_is_laid_over_parcels_in_degrees() -> None:
    to_zone = Transformer.from_crs("EPSG:4326", "EPSG:4543", always_xy=True)
    x, y = to_zone.transform(102.0, 25.0)
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=300,
            height=300,
            count=1,
            dtype="float32",
            crs="EPSG:4543",
            transform=from_origin(x - 500, y + 2_500, 10, 10),
        ) as image:
            image.write(np.full((300, 300), 7.5, dtype=np.float32), 1)
        raw = RawFile("b.tif", memory.read())
    found = zone(raw)
    assert found.mean == pytest.approx(7.5)
    assert found.pixels * 100 == pytest.approx(SQUARE_M2, rel=0.002)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_an_image_that_is_none_or_lies_nowhere_is_refused() -> None:
    with pytest.raises(NotARaster, match="GeoTIFF"):
        zone(RawFile("b.tif", b"II*\x00 nothing"))
    with pytest.raises(NotARaster, match="no coordinates"):
        zone(tiff(ramp(), crs=None))
    with pytest.raises(NotARaster, match="elsewhere"):
        zone(tiff(ramp()), clouds=tiff(np.zeros((29, 30), dtype=np.uint8), nodata=None))


def test_rasterio_is_the_library_that_reads_it() -> None:
    assert rasterio.__version__


# --- HTTP -----------------------------------------------------------------------------------------


def fetch(*answers: Callable[[], httpx.Response]) -> tuple[object, list[float], int]:
    """Fetches from a server that gives these answers in turn; what came, how long it waited, how often it asked."""
    waits: list[float] = []
    asked = [0]

    def handle(_: httpx.Request) -> httpx.Response:
        asked[0] += 1
        return answers[min(asked[0], len(answers)) - 1]()

    with httpx.Client(transport=httpx.MockTransport(handle)) as client:
        try:
            came: object = fetch_json("https://data.example/t", name="t.json", client=client, sleep=waits.append)
        except SourceUnavailable as refused:
            came = refused
    return came, waits, asked[0]


def answer(status: int, text: str = "", **headers: str) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(status, text=text, headers=headers)


def broken() -> httpx.Response:
    raise httpx.ReadTimeout("slow")


def test_a_document_comes_with_its_bytes_and_exact_numbers() -> None:
    (raw, content), waits, _ = fetch(answer(200, '{"kg": 0.1, "n": 12345678901234567890}'))  # type: ignore[misc]
    assert content == {"kg": Decimal("0.1"), "n": Decimal("12345678901234567890")}
    assert raw == RawFile("t.json", b'{"kg": 0.1, "n": 12345678901234567890}')
    assert waits == []


def test_a_busy_server_is_asked_again_after_longer_and_longer() -> None:
    came, waits, asked = fetch(answer(503), broken, answer(429, **{"retry-after": "7"}), answer(200, "[]"))
    assert isinstance(came, tuple)
    assert (waits, asked) == ([0.5, 1.0, 7.0], 4)


def test_a_server_that_stays_busy_is_given_up() -> None:
    came, waits, asked = fetch(answer(503))
    assert "HTTP 503，已试 5 次" in str(came)
    assert (waits, asked) == ([0.5, 1.0, 2.0, 4.0], 5)
    assert "等待超时" in str(fetch(broken)[0])


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 501])
def test_a_refusal_is_not_asked_again(status: int) -> None:
    came, _, asked = fetch(answer(status))
    assert isinstance(came, SourceUnavailable)
    assert asked == 1


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a": Infinity}', "<html>", "[" * 100_000])
def test_what_is_not_json_is_refused(text: str) -> None:
    came, _, _ = fetch(answer(200, text))
    assert isinstance(came, SourceUnavailable)
    assert "not JSON" in str(came)
