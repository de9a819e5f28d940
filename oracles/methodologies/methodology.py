"""A methodology is a versioned parameter set, whose hash goes into every report: a figure names the rules it was made by."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from eth_utils.crypto import keccak

Parameter = float | str | tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Methodology:
    """What decides a figure besides the measurements. The functions that use the parameters are in the module of the methodology."""

    key: str
    version: str
    title: str
    source: str
    parameters: Mapping[str, Parameter]

    def digest(self, **choices: str) -> bytes:
        """Keccak-256 of the canonical JSON of key, version, parameters and the choices made, such as the biomass equation.

        Canonical: UTF-8, keys sorted, no spaces, numbers in their shortest round-trip form.
        """
        content = {"choices": choices, "key": self.key, "parameters": dict(self.parameters), "version": self.version}
        return keccak(text=json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
