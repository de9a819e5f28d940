"""Parcels as shapes: GeoJSON and GeoPackage, in WGS 84 or CGCS2000 (geographic, or any of its Gauss–Krüger zones).

Properties: `parcel_id, stratum, holder`, and optionally one declared area, `area_ha`, `area_m2` or `area_mu`, which
must agree with the shape. Areas are geodesic, on the ellipsoid of the coordinates, rounded down to whole square metres.
"""

import math
from collections.abc import Container
from dataclasses import dataclass
from fractions import Fraction
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import pyogrio
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from oracles.errors import (
    Contradiction,
    Duplicate,
    EmptyFile,
    MissingColumn,
    MissingValue,
    NotAShape,
    OutOfRange,
    UnknownReference,
)
from oracles.evidence import RawFile
from oracles.readings import Parcel
from oracles.sources.csv_trees import AREA_UNITS

DECLARED_TOLERANCE = 0.02
"""A declared area may differ by this part from that of the shape: measured with tape and compass, on slopes."""
OVERLAP_TOLERANCE_M2 = 1.0
"""Neighbours digitised by hand overlap by slivers; more than this, per pair, is refused."""
GEOGRAPHIC = {"EPSG:4326", "OGC:CRS84", "EPSG:4490"}
"""WGS 84 and CGCS2000 in degrees."""
CGCS2000_DATUM = "China 2000"


@dataclass(frozen=True, slots=True)
class ParcelShape:
    """A parcel and its boundary in degrees, longitude first."""

    parcel: Parcel
    boundary: BaseGeometry


def looks_like_shapes(raw: RawFile) -> bool:
    """Whether a file holds shapes rather than a table: JSON, or the SQLite database that a GeoPackage is."""
    return raw.content.lstrip()[:1] == b"{" or raw.content.startswith(b"SQLite format 3")


def read_parcel_shapes(raw: RawFile, *, strata: Container[str], holders: Container[str]) -> tuple[ParcelShape, ...]:
    """Reads parcels in the order of their ids; refuses shapes that are broken, overlap, or contradict their area."""
    try:
        with NamedTemporaryFile(suffix=".gpkg" if raw.content.startswith(b"SQLite") else ".geojson") as file:
            file.write(raw.content)
            file.flush()
            meta, _, geometries, columns = pyogrio.raw.read(file.name)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as failure:
        raise NotAShape(
            "读不懂（应为 GeoJSON 或 GeoPackage）", "cannot be understood (GeoJSON or GeoPackage)", file=raw.name
        ) from failure
    table = {str(name): column for name, column in zip(meta["fields"].tolist(), columns, strict=True)}
    for name in ("parcel_id", "stratum", "holder"):
        if name not in table:
            raise MissingColumn(file=raw.name, table="小班图", column=name, present=tuple(table))
    declared = [name for name in AREA_UNITS if name in table]
    if len(declared) > 1:
        raise Contradiction(
            "面积只能写在一列里", "areas must stand in one column only", file=raw.name, column=declared[1]
        )
    if len(geometries) == 0:
        raise EmptyFile(file=raw.name)
    crs = _crs(raw, meta["crs"])
    geod = crs.get_geod() or Geod(ellps="WGS84")
    shapes: list[ParcelShape] = []
    first: dict[str, int] = {}
    for index, wkb in enumerate(geometries):
        row = index + 1
        cells = {name: _text(raw, row, name, table[name][index]) for name in ("parcel_id", "stratum", "holder")}
        id_ = cells["parcel_id"]
        if id_ in first:
            raise Duplicate(
                "这个小班出现了两次",
                "this parcel stands there twice",
                file=raw.name,
                row=row,
                first_row=first[id_],
                column="parcel_id",
                value=id_,
            )
        first[id_] = row
        for column, known in (("stratum", strata), ("holder", holders)):
            if cells[column] not in known:
                raise UnknownReference(
                    f"小班 {id_} 指向没有登记的对象",
                    f"parcel {id_} points to something that is not listed",
                    file=raw.name,
                    row=row,
                    column=column,
                    value=cells[column],
                )
        boundary = _boundary(raw, row, id_, wkb, crs)
        area_m2 = abs(geod.geometry_area_perimeter(boundary)[0])
        if area_m2 < 1:
            raise OutOfRange(
                "小班不到 1 m²", "a parcel of less than 1 m²", file=raw.name, row=row, column="parcel_id", value=id_
            )
        if declared:
            _check_declared(raw, row, id_, declared[0], table[declared[0]][index], area_m2)
        parcel = Parcel(id_, cells["stratum"], math.floor(area_m2), cells["holder"])
        shapes.append(ParcelShape(parcel, boundary))
    shapes.sort(key=lambda shape: shape.parcel.id)
    _refuse_overlaps(raw, shapes, geod)
    return tuple(shapes)


def _crs(raw: RawFile, text: str | None) -> CRS:
    """WGS 84 or CGCS2000; anything else, such as Xian 1980 or a web map's offset coordinates, is not converted."""
    try:
        crs = CRS.from_user_input(text) if text else None
    except CRSError:
        crs = None
    geodetic = crs.geodetic_crs if crs is not None else None
    datum = geodetic.datum.name if geodetic is not None and geodetic.datum is not None else ""
    if crs is None or not (text in GEOGRAPHIC or CGCS2000_DATUM in datum or "World Geodetic System 1984" in datum):
        raise NotAShape(
            f"坐标系 {text or '没有写明'} 不接受，只接受 WGS 84 或 CGCS2000",
            f"coordinates in {text or 'an unnamed system'} are not accepted, only WGS 84 and CGCS2000",
            file=raw.name,
        )
    return crs


def _boundary(raw: RawFile, row: int, id_: str, wkb: bytes | None, crs: CRS) -> BaseGeometry:
    shape = None if wkb is None else shapely.from_wkb(wkb)
    if shape is None or shape.is_empty or shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise NotAShape(
            f"小班 {id_} 不是面", f"parcel {id_} is not a polygon", file=raw.name, row=row, column="geometry"
        )
    if not shape.is_valid:
        reason = shapely.is_valid_reason(shape)
        raise NotAShape(
            f"小班 {id_} 的边界不合法（{reason}）",
            f"the boundary of parcel {id_} is broken ({reason})",
            file=raw.name,
            row=row,
            column="geometry",
        )
    if crs.is_projected:
        geodetic = crs.geodetic_crs
        assert geodetic is not None
        shape = reprojected(shape, Transformer.from_crs(crs, geodetic, always_xy=True))
    west, south, east, north = shape.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise NotAShape(
            f"小班 {id_} 的坐标不是经纬度",
            f"the coordinates of parcel {id_} are no degrees",
            file=raw.name,
            row=row,
            column="geometry",
        )
    return shape


def reprojected(shape: BaseGeometry, transformer: Transformer) -> BaseGeometry:
    """The same shape in other coordinates."""
    return shapely.transform(shape, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])))


def _check_declared(raw: RawFile, row: int, id_: str, column: str, cell: Any, area_m2: float) -> None:
    try:
        declared = float(Fraction(str(cell)) * AREA_UNITS[column])
    except (ValueError, ZeroDivisionError):
        declared = math.nan
    if not abs(declared - area_m2) <= DECLARED_TOLERANCE * area_m2:
        shown = f"{area_m2 / float(AREA_UNITS[column]):,.4f}"
        raise Contradiction(
            f"小班 {id_} 的面积与图形不符（图形为 {shown}）",
            f"the area of parcel {id_} is not that of its shape ({shown})",
            file=raw.name,
            row=row,
            column=column,
            value=str(cell),
        )


def _refuse_overlaps(raw: RawFile, shapes: list[ParcelShape], geod: Geod) -> None:
    """Refuses land that two parcels claim: it would be paid twice."""
    tree = shapely.STRtree([shape.boundary for shape in shapes])
    for one, other in tree.query([shape.boundary for shape in shapes], predicate="intersects").T.tolist():
        if one >= other:
            continue
        both = shapely.intersection(shapes[one].boundary, shapes[other].boundary)
        area_m2 = sum(
            abs(geod.geometry_area_perimeter(part)[0])
            for part in getattr(both, "geoms", [both])
            if part.geom_type in ("Polygon", "MultiPolygon")
        )
        if area_m2 > OVERLAP_TOLERANCE_M2:
            names = shapes[one].parcel.id, shapes[other].parcel.id
            raise Contradiction(
                f"小班 {names[0]} 与 {names[1]} 重叠 {area_m2:,.1f} m²",
                f"parcels {names[0]} and {names[1]} overlap by {area_m2:,.1f} m²",
                file=raw.name,
                column="geometry",
            )


def _text(raw: RawFile, row: int, column: str, cell: Any) -> str:
    text = "" if cell is None else str(cell).strip()
    if not text:
        raise MissingValue(
            "空着，必须填写", "is empty and must not be", file=raw.name, row=row, column=column, value=""
        )
    return text
