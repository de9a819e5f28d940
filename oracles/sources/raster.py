"""GeoTIFF: the mean of a raster, such as biomass or a vegetation index, over each parcel, and what is missing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.features import rasterize
from rasterio.io import MemoryFile

from oracles.errors import NotARaster
from oracles.evidence import RawFile
from oracles.sources.parcels import ParcelShape, reprojected

SUPERSAMPLING = 8
"""Pixels are cut into so many by so many, to weigh those on a boundary by the part that lies inside."""
WGS84 = CRS.from_epsg(4326)


@dataclass(frozen=True, slots=True)
class Zone:
    """What a raster says of one parcel.

    `mean` is over the valid part, None if there is none. Shares are of the parcel: without data (or outside the
    image), and under clouds.
    """

    parcel: str
    mean: float | None
    pixels: float
    nodata_share: float
    cloud_share: float


@dataclass(frozen=True, slots=True)
class _Patch:
    """The pixels that a shape touches: the part of each inside, its value, and whether it may be used."""

    total: float
    weight: NDArray[np.float64]
    data: NDArray[np.float64]
    clear: NDArray[np.bool_]
    cloudy: NDArray[np.bool_]


def zonal_means(raster: RawFile, shapes: Sequence[ParcelShape], *, clouds: RawFile | None = None) -> tuple[Zone, ...]:
    """The mean of band 1 over each parcel, pixels weighted by the part of them inside.

    `clouds` is a mask of the same size and place, in which a value other than zero is a cloud; what is under a cloud
    does not count. Pixels without data are never taken for zero.
    """
    patches = _patches(raster, shapes, clouds)
    return tuple(_zone(shape, patch) for shape, patch in zip(shapes, patches, strict=True))


def pixels_inside(
    raster: RawFile, shapes: Sequence[ParcelShape], *, clouds: RawFile | None = None
) -> tuple[tuple[float, ...], ...]:
    """The values of the pixels of each parcel that lie inside by half or more, have data, and are not under clouds."""
    patches = _patches(raster, shapes, clouds)
    return tuple(tuple(patch.data[(patch.weight >= 0.5) & patch.clear].tolist()) for patch in patches)


def _patches(raster: RawFile, shapes: Sequence[ParcelShape], clouds: RawFile | None) -> tuple[_Patch, ...]:
    with MemoryFile(raster.content) as memory, _open(raster, memory) as image:
        values = image.read(1, masked=True)
        valid = ~np.ma.getmaskarray(values) & np.isfinite(values.filled(np.nan).astype(np.float64))
        data = values.filled(0).astype(np.float64)
        cloudy = np.zeros(valid.shape, dtype=bool) if clouds is None else _clouds(clouds, image)
        transformer = Transformer.from_crs(WGS84, CRS.from_wkt(image.crs.to_wkt()), always_xy=True)
        return tuple(_patch(shape, image.transform, data, valid, cloudy, transformer) for shape in shapes)


def _open(raw: RawFile, memory: MemoryFile) -> rasterio.io.DatasetReader:
    try:
        image = memory.open()
    except (RasterioError, RasterioIOError) as failure:
        raise NotARaster("读不懂（应为 GeoTIFF）", "cannot be understood (GeoTIFF)", file=raw.name) from failure
    if image.crs is None or image.transform.is_identity:
        raise NotARaster("没有坐标系，不知道在哪里", "has no coordinates, nobody knows where it is", file=raw.name)
    return image


def _clouds(clouds: RawFile, image: rasterio.io.DatasetReader) -> NDArray[np.bool_]:
    with MemoryFile(clouds.content) as memory, _open(clouds, memory) as mask:
        if (mask.shape, mask.transform, mask.crs) != (image.shape, image.transform, image.crs):
            raise NotARaster(
                "云掩膜与影像的大小或位置不同", "the mask of clouds lies elsewhere than the image", file=clouds.name
            )
        return np.asarray(mask.read(1) != 0)


def _zone(shape: ParcelShape, patch: _Patch) -> Zone:
    total = patch.total
    if total == 0:
        return Zone(shape.parcel.id, None, 0.0, 1.0, 0.0)
    used = math.fsum(patch.weight[patch.clear].tolist())
    clouded = math.fsum(patch.weight[patch.cloudy].tolist())
    mean = math.fsum((patch.weight * patch.data)[patch.clear].tolist()) / used if used else None
    # The shares are differences of sums: what is left of a billionth is nothing.
    nodata = round(1 - (used + clouded) / total, 9)
    return Zone(shape.parcel.id, mean, total, max(0.0, nodata), clouded / total)


def _patch(
    shape: ParcelShape,
    transform: rasterio.Affine,
    data: NDArray[np.float64],
    valid: NDArray[np.bool_],
    cloudy: NDArray[np.bool_],
    transformer: Transformer,
) -> _Patch:
    place = reprojected(shape.boundary, transformer)
    west, south, east, north = place.bounds
    corners = [~transform @ corner for corner in ((west, north), (east, south), (west, south), (east, north))]
    left, right = math.floor(min(c for c, _ in corners)), math.ceil(max(c for c, _ in corners))
    top, bottom = math.floor(min(r for _, r in corners)), math.ceil(max(r for _, r in corners))
    height, width = max(bottom - top, 1), max(right - left, 1)
    fine = transform @ rasterio.Affine.translation(left, top) @ rasterio.Affine.scale(1 / SUPERSAMPLING)
    inside = rasterize(
        [(place, 1)], out_shape=(height * SUPERSAMPLING, width * SUPERSAMPLING), transform=fine, dtype=np.uint8
    )
    weights = (
        inside.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING).sum(axis=(1, 3)).astype(np.float64)
        / SUPERSAMPLING**2
    )
    total = float(weights.sum())  # Sixty-fourths: exact in any order.
    rows, columns = np.indices(weights.shape)
    rows, columns = rows + top, columns + left
    in_image = (rows >= 0) & (rows < data.shape[0]) & (columns >= 0) & (columns < data.shape[1])
    at = rows[in_image], columns[in_image]
    weight = weights[in_image]
    return _Patch(total, weight, data[at], valid[at] & ~cloudy[at], cloudy[at])
