"""A raster as the covariate of double sampling and post-stratification: at plots, and at every pixel of a stratum."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import Geod

from oracles.errors import UnknownReference
from oracles.evidence import RawFile
from oracles.methodologies.stocks import Covariate
from oracles.readings import Parcel, PlotVisit
from oracles.sources.parcels import ParcelShape
from oracles.sources.raster import Zone, pixels_inside, zonal_means

CORNERS = 32


class Anything:
    """A container that holds every name: for shapes whose strata and holders stand nowhere else."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


@dataclass(frozen=True, slots=True)
class RasterCovariate:
    """The covariate, and what the raster says of each parcel and plot."""

    covariate: Covariate
    parcels: tuple[Zone, ...]
    plots: tuple[Zone, ...]


def covariate_of_raster(
    raster: RawFile,
    shapes: Sequence[ParcelShape],
    visits: Sequence[PlotVisit],
    places: Mapping[str, tuple[float, float]],
    *,
    clouds: RawFile | None = None,
) -> RasterCovariate:
    """The mean of the raster over the circle of every plot, and the values of all pixels of the parcels by stratum.

    A plot without a place, or where the raster says nothing, is refused by name: leaving it out would choose plots.
    """
    for visit in visits:
        if visit.plot not in places:
            raise UnknownReference(
                "样地没有位置", "a plot without a place", file=visit.source, row=visit.row, value=visit.plot
            )
    circles = [_circle(visit, places[visit.plot]) for visit in visits]
    at_plots = zonal_means(raster, circles, clouds=clouds)
    for zone in at_plots:
        if zone.mean is None:
            raise UnknownReference(
                "样地处没有影像数据", "a plot where the raster has no data", file=raster.name, value=zone.parcel
            )
    values: dict[str, list[float]] = {}
    for shape, pixels in zip(shapes, pixels_inside(raster, shapes, clouds=clouds), strict=True):
        values.setdefault(shape.parcel.stratum, []).extend(pixels)
    covariate = Covariate(
        raster.name,
        {zone.parcel: zone.mean for zone in at_plots if zone.mean is not None},
        {name: (math.fsum(listed) / len(listed), len(listed)) for name, listed in values.items() if listed},
        {name: listed for name, listed in values.items() if listed},
    )
    return RasterCovariate(covariate, zonal_means(raster, shapes, clouds=clouds), at_plots)


def _circle(visit: PlotVisit, place: tuple[float, float]) -> ParcelShape:
    """A plot as a circle of its area about its place."""
    radius = math.sqrt(visit.area_m2 / math.pi)
    azimuths = np.linspace(0, 360, CORNERS, endpoint=False)
    longitudes, latitudes, _ = Geod(ellps="WGS84").fwd(
        np.full(CORNERS, place[0]), np.full(CORNERS, place[1]), azimuths, np.full(CORNERS, radius)
    )
    ring = shapely.Polygon(np.column_stack([longitudes, latitudes]))
    return ParcelShape(Parcel(visit.plot, visit.stratum, max(1, int(visit.area_m2)), visit.plot), ring)
