"""CDM AR-TOOL14 v04.2: carbon stocks and change in carbon stocks of trees and shrubs in A/R project activities.

The chain: trees → plots (t dry matter per hectare, roots included) → stratum means → project mean with its half-width
→ carbon dioxide.

The root-shoot ratio is applied **to each plot**: the tool multiplies every tree's biomass by (1 + R) before trees are
summed to plots, and R depends on the above-ground biomass *per hectare*, which a single tree does not have; the plot
is the smallest thing that does, and stands of that size are what the ratio was fitted on (Cairns et al. 1997). So the
variance between plots includes that of their roots, and the difference of a re-measured plot is a difference of whole
trees.
"""

import math
from dataclasses import dataclass

from oracles.errors import NothingMeasured
from oracles.methodologies.allometry import ROOT_INTERCEPT, ROOT_SLOPE, below_ground_t_per_hectare
from oracles.methodologies.methodology import Methodology
from oracles.methodologies.stocks import StockRules

CARBON_FRACTION = 0.47
"""t C per t dry matter, the tool's default (IPCC 2006, volume 4, table 4.3)."""

DISCOUNT_STEPS = ((0.10, 0.0), (0.15, 0.25), (0.20, 0.50), (0.30, 0.75))
"""Up to and including this relative half-width, this part of it is subtracted; beyond the last step, all of it."""

DISCOUNT_BEYOND = 1.0

HALF_WIDTH_DECIMALS = 12
"""Half-widths are rounded to so many decimals before they meet the steps: the last bit decides nothing."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A figure and what of it a project may count.

    The next period starts from the undiscounted figure, so both are kept.
    """

    undiscounted: float
    half_width_fraction: float

    @property
    def discount(self) -> float:
        """The part of the half-width that is subtracted."""
        return discount_of_half_width(self.half_width_fraction)

    @property
    def factor(self) -> float:
        """The discounted as a fraction of the undiscounted figure; at or below zero nothing of an increase is left."""
        return 1 - self.discount * self.half_width_fraction

    @property
    def discounted(self) -> float:
        """What may be counted of a project's stock or increase: `figure − discount · u · |figure|`.

        A loss is counted larger.
        """
        return self.undiscounted - self.discount * self.half_width_fraction * abs(self.undiscounted)


def tco2e_per_hectare(above_ground_t_per_hectare: float) -> float:
    """Whole trees of a plot in t CO2e per hectare: `44/12 · CF · b · (1 + R)`, b above ground in t d.m. per hectare."""
    return RULES.tco2e_per_hectare(above_ground_t_per_hectare)


def discount_of_half_width(u: float) -> float:
    """The part of the half-width to subtract for a relative half-width `u` (0.10 is 10 %). Upper ends are inclusive.

    AR-TOOL14 v04.2, discount factors for uncertainty: 60 ± 9 is u = 15 %, so a quarter of 9 is subtracted and 57.75
    remains.
    """
    rounded = round(u, HALF_WIDTH_DECIMALS)
    for upper, part in DISCOUNT_STEPS:
        if rounded <= upper:
            return part
    return DISCOUNT_BEYOND


def change_between_surveys(first: Counted, second: Counted) -> Counted:
    """The change between two independent surveys: `u = sqrt((u1 C1)² + (u2 C2)²) / |C2 − C1|`, C undiscounted.

    For plots that were measured twice take the mean of the plots' own differences, whose half-width is smaller.
    """
    change = second.undiscounted - first.undiscounted
    if change == 0:
        raise NothingMeasured(
            "两次调查没有差别，无法说明相对不确定度",
            "the two surveys do not differ, so no relative uncertainty can be stated",
        )
    half_width = math.hypot(
        first.half_width_fraction * first.undiscounted, second.half_width_fraction * second.undiscounted
    )
    return Counted(change, half_width / abs(change))


RULES = StockRules(
    carbon_fraction=CARBON_FRACTION,
    below_ground_t_per_hectare=below_ground_t_per_hectare,
    remaining=lambda u: Counted(1.0, u).factor,
    roots="exp(-1.085 + 0.9256 ln b) per plot",
    deduction="AR-TOOL14 part of the half-width",
)

METHODOLOGY = Methodology(
    key="ar-tool14",
    version="04.2",
    title="Estimation of carbon stocks and change in carbon stocks of trees and shrubs in A/R CDM project activities",
    source="UNFCCC, CDM Executive Board, AR-TOOL14 version 04.2",
    parameters={
        "carbon_fraction": CARBON_FRACTION,
        "co2_per_carbon": "44/12",
        "confidence": "90 % two-sided, degrees of freedom = plots - strata",
        "discount_beyond": DISCOUNT_BEYOND,
        "discount_steps": DISCOUNT_STEPS,
        "half_width_decimals": HALF_WIDTH_DECIMALS,
        "root_intercept": ROOT_INTERCEPT,
        "root_level": "plot",
        "root_slope": ROOT_SLOPE,
    },
    rules=RULES,
)
