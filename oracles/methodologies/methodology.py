"""A methodology: a versioned parameter set with functions; its hash goes into every report, to name the rules."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eth_utils.crypto import keccak

from oracles.methodologies.allometry import Allometry
from oracles.methodologies.heights import HeightModel
from oracles.methodologies.stocks import Covariate, Stock, StockRules, stock
from oracles.readings import PlotVisit, Stratum

Parameter = float | str | tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Methodology:
    """What decides a figure besides the measurements: parameters, and `rules`, the functions that apply them.

    `verified` says whether the parameters were checked against the published text.
    """

    key: str
    version: str
    title: str
    source: str
    parameters: Mapping[str, Parameter]
    rules: StockRules
    verified: bool = True

    def stock(
        self,
        visits: Sequence[PlotVisit],
        strata: Sequence[Stratum],
        equation: Allometry,
        *,
        heights: HeightModel | None = None,
        covariate: Covariate | None = None,
    ) -> Stock:
        """The standing stock of one campaign; see `oracles.methodologies.stocks.stock`."""
        return stock(self.rules, visits, strata, equation, heights=heights, covariate=covariate)

    def digest(self, **choices: str) -> bytes:
        """The hash of key, version, parameters and of the choices made, such as the biomass equation."""
        return digest_of(
            {"choices": choices, "key": self.key, "parameters": dict(self.parameters), "version": self.version}
        )


def digest_of(rules: Mapping[str, object]) -> bytes:
    """Keccak-256 of the canonical JSON: UTF-8, keys sorted, no spaces, numbers in their shortest round-trip form."""
    return keccak(text=json.dumps(rules, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
