"""Four square parcels in a row, and images that cover them."""

import json
from pathlib import Path

import numpy as np
from rasterio import Affine
from rasterio.io import MemoryFile

from oracles.evidence import RawFile
from oracles.sources.covariates import Anything
from oracles.sources.parcels import read_parcel_shapes

HOLDERS = (("A", "pine", "coop-01"), ("B", "pine", "hh-0001"), ("C", "oak", "hh-0002"), ("D", "oak", "coop-01"))
WEST, SOUTH, SIDE, PIXEL = 102.0, 25.0, 0.01, 0.0005
"""Degrees. A parcel is 20 × 20 pixels."""


def squares(owners: tuple[tuple[str, str, str], ...] = HOLDERS) -> str:
    """Parcels in GeoJSON, side by side from west to east."""
    features = [
        {
            "type": "Feature",
            "properties": {"parcel_id": id_, "stratum": stratum, "holder": holder},
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [
                        [WEST + SIDE * (column + x), SOUTH + SIDE * y]
                        for x, y in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
                    ]
                ],
            },
        }
        for column, (id_, stratum, holder) in enumerate(owners)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


def areas_m2(text: str) -> dict[str, int]:
    """The area of every stratum, as the shapes have it on the ellipsoid."""
    shapes = read_parcel_shapes(RawFile("p.geojson", text.encode()), strata=Anything(), holders=Anything())
    areas: dict[str, int] = {}
    for shape in shapes:
        areas[shape.parcel.stratum] = areas.get(shape.parcel.stratum, 0) + shape.parcel.area_m2
    return areas


def image(path: Path, columns: list[float] | np.ndarray, *, nodata: float | None = -9999.0) -> Path:
    """A GeoTIFF over the parcels, in which every column of pixels has one value; a row per parcel column of 20."""
    values = np.asarray(columns, dtype=np.float32)
    data = np.tile(values, (24, 1))
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=data.shape[1],
            height=data.shape[0],
            count=1,
            dtype="float32",
            nodata=nodata,
            crs="EPSG:4326",
            transform=Affine(PIXEL, 0, WEST, 0, -PIXEL, SOUTH + 22 * PIXEL),
        ) as written:
            written.write(data, 1)
        path.write_bytes(memory.read())
    return path
