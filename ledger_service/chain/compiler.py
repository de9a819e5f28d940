"""Compiles `contracts/` with py-solc-x.

The settings are Brownie's, from brownie-config.yaml, so both give the same code.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger_service.chain.artefacts import ARTEFACTS, CONTRACTS, Artefact
from ledger_service.chain.tools import ROOT, ToolMissing
from ledger_service.domain.errors import LedgerError

SOLC_VERSION = "0.8.30"
SOLC_FOLDER = ROOT / "build" / "solc"
REMAPPING = "@openzeppelin/=node_modules/@openzeppelin/"
SETTINGS: dict[str, Any] = {
    "optimizer": {"enabled": True, "runs": 200},
    "evmVersion": "cancun",
    "remappings": [REMAPPING],
}
_STAMP = "sources.sha256"


class CompilationFailed(LedgerError):
    """The compiler refused the sources."""

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        super().__init__("合约编译失败 · the contracts do not compile:\n" + "\n".join(messages))


def sources() -> Iterator[Path]:
    """The project's own Solidity files, without those that only tests deploy."""
    return (path for path in sorted((ROOT / "contracts").rglob("*.sol")) if "mocks" not in path.parts)


def _fingerprint() -> str:
    digest = hashlib.sha256(json.dumps([SOLC_VERSION, SETTINGS, CONTRACTS], sort_keys=True).encode())
    for path in [*sources(), ROOT / "package-lock.json"]:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def standard_input() -> dict[str, Any]:
    """The compiler's standard JSON input."""
    return {
        "language": "Solidity",
        "sources": {path.relative_to(ROOT).as_posix(): {"content": path.read_text("utf-8")} for path in sources()},
        "settings": {
            **SETTINGS,
            "outputSelection": {
                f"contracts/{name}.sol": {
                    name: ["abi", "metadata", "storageLayout", "evm.bytecode.object", "evm.deployedBytecode.object"]
                }
                for name in CONTRACTS
            },
        },
    }


def compile_contracts(folder: Path = ARTEFACTS) -> bool:
    """Writes the artefacts of all deployed contracts into `folder`, unless they are there and fresh.

    Returns:
        Whether anything had to be compiled.
    """
    fingerprint = _fingerprint()
    stamp = folder / _STAMP
    if stamp.exists() and stamp.read_text("utf-8") == fingerprint:
        return False

    if shutil.which("node") is None:
        raise ToolMissing("node")
    if not (SOLC_FOLDER / f"solc-v{SOLC_VERSION}").exists():
        raise ToolMissing("solc")
    os.environ["SOLCX_BINARY_PATH"] = str(SOLC_FOLDER)  # solcx looks here when it is imported and when it runs.
    import solcx

    solcx.set_solc_version(SOLC_VERSION)
    try:
        output = solcx.compile_standard(standard_input(), base_path=str(ROOT), allow_paths=[str(ROOT)])
    except solcx.exceptions.SolcError as failure:
        errors = json.loads(failure.stdout_data or '{"errors": []}')["errors"]
        raise CompilationFailed([error["formattedMessage"] for error in errors] or [str(failure)]) from failure

    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)  # A run that is killed from here on leaves artefacts that count as stale.
    for name in CONTRACTS:
        compiled = output["contracts"][f"contracts/{name}.sol"][name]
        Artefact(
            name=name,
            abi=compiled["abi"],
            bytecode="0x" + compiled["evm"]["bytecode"]["object"],
            runtime="0x" + compiled["evm"]["deployedBytecode"]["object"],
            storage_layout=compiled["storageLayout"],
            metadata=compiled["metadata"],
        ).save(folder)
    stamp.write_text(fingerprint, "utf-8")
    return True
