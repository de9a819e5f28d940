"""A methodology: a versioned parameter set with functions; its hash goes into every report, to name the rules."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from eth_utils.crypto import keccak

from oracles.methodologies.allometry import Allometry
from oracles.readings import PlotVisit, Stratum

Parameter = float | str | tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Stock:
    """The standing stock of one campaign: what a project holds, and what of it the methodology lets it count.

    Biomass is above ground, t dry matter per hectare; the half-width is that of the stock, relative, at 90 %; carbon
    dioxide is that of whole trees, roots included.
    """

    above_ground_biomass_t_per_hectare: float
    half_width_percent: float
    stock_tco2e_per_hectare: float
    discounted_stock_tco2e_per_hectare: float
    stock_tco2e: float
    discounted_stock_tco2e: float
    plots: int
    strata: int


@dataclass(frozen=True, slots=True)
class Methodology:
    """What decides a figure besides the measurements: parameters, and `stock`, the function that applies them."""

    key: str
    version: str
    title: str
    source: str
    parameters: Mapping[str, Parameter]
    stock: Callable[[Sequence[PlotVisit], Sequence[Stratum], Allometry], Stock]

    def digest(self, **choices: str) -> bytes:
        """The hash of key, version, parameters and of the choices made, such as the biomass equation."""
        return digest_of(
            {"choices": choices, "key": self.key, "parameters": dict(self.parameters), "version": self.version}
        )


def digest_of(rules: Mapping[str, object]) -> bytes:
    """Keccak-256 of the canonical JSON: UTF-8, keys sorted, no spaces, numbers in their shortest round-trip form."""
    return keccak(text=json.dumps(rules, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
