"""Compiled contracts as files: what is deployed, and what every reader of the chain decodes with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ledger_service.chain.tools import ROOT
from ledger_service.domain.errors import LedgerError

ARTEFACTS = ROOT / "build" / "artefacts"
CONTRACTS = (
    "Authority",
    "Participants",
    "MonitoringOracle",
    "MonitoringPanel",
    "CnyVoucher",
    "Revenue",
    "PledgeTerms",
    "Pledges",
    "Workouts",
    "CarbonCredits",
    "Funds",
    "RetirementCertificates",
    "DataAssets",
)
"""Every deployed contract, in the order of deployment."""


class ArtefactMissing(LedgerError):
    """A contract was not compiled."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"合约尚未编译,缺少 {path.name}:请运行 make setup · {path.name} is missing, run `make setup` to compile"
        )


@dataclass(frozen=True, slots=True)
class Artefact:
    """One compiled contract."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    """Creation code as 0x hex."""
    runtime: str
    """Deployed code as 0x hex; immutable variables are zero in it."""
    storage_layout: dict[str, Any]
    metadata: str
    """The compiler's own metadata: sources with their hashes, settings, NatSpec."""

    def save(self, folder: Path) -> None:
        (folder / f"{self.name}.json").write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n", "utf-8")


def load_artefact(name: str, folder: Path = ARTEFACTS) -> Artefact:
    """Reads one artefact; says how to make it when it is not there."""
    path = folder / f"{name}.json"
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ArtefactMissing(path) from None
    return Artefact(**json.loads(text))
