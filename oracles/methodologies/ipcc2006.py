"""Temperate defaults of the IPCC 2006 Guidelines, volume 4, chapter 4: table 4.5 (BCEF) and table 4.4 (root to shoot).

Upper ends of the classes are inclusive, but for the lowest class of a root-to-shoot ratio, which ends below its figure.
"""

import math

from oracles.errors import InvalidRequest

_BEYOND = float("inf")

BCEF_S: dict[str, tuple[tuple[float, float], ...]] = {
    "hardwoods": ((20, 3.0), (40, 1.7), (100, 1.4), (200, 1.05), (_BEYOND, 0.8)),
    "pines": ((20, 1.8), (40, 1.0), (100, 0.75), (200, 0.7), (_BEYOND, 0.7)),
    "conifers": ((20, 3.0), (40, 1.4), (100, 1.0), (200, 0.75), (_BEYOND, 0.7)),
}
"""Above-ground t d.m. per m³ of growing stock, by growing stock in m³/ha; `conifers` are those other than pines."""

ROOT_SHOOT: dict[str, tuple[tuple[float, float], ...]] = {
    "conifers": ((math.nextafter(50, 0), 0.40), (150, 0.29), (_BEYOND, 0.20)),
    "oak": ((70, 0.46), (_BEYOND, 0.30)),
    "eucalyptus": ((math.nextafter(50, 0), 0.44), (150, 0.28), (_BEYOND, 0.20)),
    "broadleaf": ((math.nextafter(75, 0), 0.46), (150, 0.23), (_BEYOND, 0.24)),
}
"""Root to shoot by above-ground t d.m./ha. Oak below 70 t/ha, which the table leaves out, counts as other broadleaf."""


def bcef(forest: str, growing_stock_m3_per_hectare: float) -> float:
    """Above-ground biomass of one m³ of growing stock, t dry matter."""
    return _lookup(BCEF_S, forest, growing_stock_m3_per_hectare)


def root_shoot(forest: str, above_ground_t_per_hectare: float) -> float:
    """Below-ground as a part of above-ground biomass."""
    return _lookup(ROOT_SHOOT, forest, above_ground_t_per_hectare)


def _lookup(tables: dict[str, tuple[tuple[float, float], ...]], forest: str, quantity: float) -> float:
    if forest not in tables:
        raise InvalidRequest(
            f"IPCC 表里没有森林类型“{forest}”（有：{', '.join(tables)}）",
            f"the IPCC table has no forest “{forest}” (it has: {', '.join(tables)})",
        )
    return next(value for most, value in tables[forest] if quantity <= most)
