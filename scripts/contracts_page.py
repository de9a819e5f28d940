"""The parts of `contracts/README.md` that are generated: roles, gas and what slither finds.

Run without arguments to write them, with `--check` to learn whether they are fresh: the exit status is 1 if not.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from ledger_service.chain.deployment import ROLE_TABLE
from ledger_service.chain.tools import ROOT
from scripts.slither import Triage

PAGE: Final = ROOT / "contracts" / "README.md"
SNAPSHOT: Final = ROOT / "tests" / "gas-snapshot.json"
TARGETS: Final = ROOT / "scripts" / "gas-targets.toml"


class MarkerMissing(Exception):
    """The page has no place for a part."""

    def __init__(self, part: str) -> None:
        self.part = part
        super().__init__(f"contracts/README.md has no markers for “{part}”")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def roles() -> str:
    """Who may call what."""
    delays = {"committee": "委员会的延迟 · the committee's"}
    rows = ((f"`{contract}`", f"`{function}`", role, delays.get(role, "–")) for contract, function, role in ROLE_TABLE)
    return table(("合约 · contract", "函数 · function", "角色 · role", "延迟 · delay"), rows)


@dataclass(frozen=True, slots=True)
class Goal:
    """What an operation should cost at most, in gas, and what others spend."""

    target: int
    peer: str


@cache
def goals() -> Mapping[str, Goal]:
    """By operation."""
    return {operation: Goal(**goal) for operation, goal in tomllib.loads(TARGETS.read_text("utf-8")).items()}


def gas() -> str:
    """The committed snapshot, beside what was aimed at and what others spend."""
    snapshot: dict[str, int] = json.loads(SNAPSHOT.read_text("utf-8"))
    header = ("操作 · operation", "gas", "目标 · target", "达标 · holds", "同类 · peers")
    return table(header, (_beside_its_goal(operation, used) for operation, used in snapshot.items()))


def _beside_its_goal(operation: str, used: int) -> Sequence[str]:
    goal = goals().get(operation)
    if goal is None:
        return (operation, f"{used:,}", "–", "–", "–")
    holds = "是 · yes" if used <= goal.target else "**否 · no**"
    return (operation, f"{used:,}", f"≤ {goal.target:,}", holds, goal.peer)


def slither() -> str:
    """Why findings stay."""
    triage = Triage.load()
    house = ((f"`{detector}`", "全部 · everywhere", each["zh"], each["en"]) for detector, each in triage.house.items())
    here = (
        (
            f"`{each.detector}`",
            f"`{each.where}`" + (f": `{each.says}`" if each.says else ""),
            each.zh,
            each.en,
        )
        for each in triage.explanations
    )
    return table(("检测器 · detector", "何处 · where", "缘由", "why it stays"), (*house, *here))


PARTS: Final[dict[str, Callable[[], str]]] = {"roles": roles, "gas": gas, "slither": slither}


def rendered(page: str) -> str:
    """The page with its generated parts as they should be."""
    for part, render in PARTS.items():
        markers = re.compile(rf"(<!-- {part}: [^>]*-->\n).*?(<!-- end of {part} -->)", re.DOTALL)
        content = render()
        page, found = markers.subn(lambda match, text=content: f"{match[1]}\n{text}\n\n{match[2]}", page)  # type: ignore[misc]
        if found != 1:
            raise MarkerMissing(part)
    return page


def write(page: Path = PAGE) -> None:
    """Brings the page up to date."""
    page.write_text(rendered(page.read_text("utf-8")), "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the generated parts of contracts/README.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page is not fresh")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    current = PAGE.read_text("utf-8")
    if rendered(current) == current:
        return 0
    print(
        "contracts/README.md 已过期,运行 · is not fresh, run `python -m scripts.contracts_page`",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
