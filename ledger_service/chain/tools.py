"""Programs that the ledger runs, and how to get one that is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

from ledger_service.domain.bilingual import Words
from ledger_service.domain.errors import LedgerError

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: contracts, build folder and node_modules lie here."""

HOW_TO_GET = {
    "anvil": Words(
        "运行 npm ci（Linux x86-64），或安装 Foundry 1.7", "run `npm ci` (Linux x86-64), or install Foundry 1.7"
    ),
    "node": Words("安装 Node.js 20 或更高版本", "install Node.js 20 or newer"),
    "solc": Words("运行 make setup", "run `make setup`"),
}


class ToolMissing(LedgerError):
    """A program that is needed is not installed."""

    def __init__(self, tool: str) -> None:
        self.tool = tool
        how = HOW_TO_GET[tool]
        super().__init__(f"缺少程序 {tool}：请{how.zh} · {tool} is missing: {how.en}")


def find_tool(tool: str) -> Path:
    """Where `tool` is: among the locked npm packages first, then on PATH."""
    local = ROOT / "node_modules" / ".bin" / tool
    if local.exists():
        return local
    if found := shutil.which(tool):
        return Path(found)
    raise ToolMissing(tool)
