"""How much of the contracts Brownie's tests run: lines and branches, file by file, with every gap.

    python -m scripts.contract_coverage            runs the tests under the tracer (some minutes), then reports
    python -m scripts.contract_coverage --report   reports what the last run saw
    python -m scripts.contract_coverage --check    fails below 95 % of the lines or 90 % of the branches

A line is a line on which a statement begins. A branch is one outcome of a condition (of `if`, `?:`, `require` or a part
of `&&` and `||`); both outcomes count. Code of OpenZeppelin and of `contracts/mocks` is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
STEPS = ROOT / "build" / "coverage"
BUILDS = ROOT / "build" / "brownie" / "contracts"
LEAST_LINES, LEAST_BRANCHES = 95.0, 90.0


@dataclass
class Source:
    """One file of contracts: what it has, and what was run of it. Offsets are characters."""

    path: str
    lines: dict[int, bool] = field(default_factory=lambda: defaultdict(bool))
    branches: dict[tuple[int, int, bool], bool] = field(default_factory=lambda: defaultdict(bool))

    def __post_init__(self) -> None:
        text = (ROOT / self.path).read_text("utf-8")
        self._starts = [0, *(i + 1 for i, character in enumerate(text) if character == "\n")]

    def line_of(self, offset: int) -> int:
        return bisect_right(self._starts, offset)


def run() -> None:
    """The whole suite, in two processes, each of which leaves its steps in `STEPS`."""
    for old in STEPS.glob("*.json"):
        old.unlink()
    environment = os.environ | {"GONGSHENG_COVERAGE": str(STEPS)}
    subprocess.run([str(ROOT / "scripts" / "test_contracts")], env=environment, check=True)


def seen_steps() -> dict[str, tuple[set[int], set[str]]]:
    """Program counters and outcomes of jumps by contract, of all processes."""
    seen: dict[str, tuple[set[int], set[str]]] = defaultdict(lambda: (set(), set()))
    for path in STEPS.glob("*.json"):
        for name, steps in json.loads(path.read_text("utf-8")).items():
            seen[name][0].update(steps["pcs"])
            seen[name][1].update(steps["jumps"])
    return seen


def measured() -> list[Source]:
    """Every source file with what was run of it, in any contract that it was compiled into."""
    seen = seen_steps()
    sources: dict[str, Source] = {}
    for path in sorted(BUILDS.glob("*.json")):
        build = json.loads(path.read_text("utf-8"))
        if not build.get("pcMap"):
            continue
        pcs, jumps = seen[build["contractName"]]
        for number, name in build["allSourcePaths"].items():
            if name.startswith("contracts/") and not name.startswith(("contracts/mocks/", "contracts/interfaces/")):
                _count(sources.setdefault(name, Source(name)), build, number, pcs, jumps)
    return [sources[name] for name in sorted(sources)]


def _count(source: Source, build: dict[str, Any], number: str, pcs: set[int], jumps: set[str]) -> None:
    statements = {
        int(key): offsets
        for of_function in build["coverageMap"]["statements"].get(number, {}).values()
        for key, offsets in of_function.items()
    }
    branches = {
        int(key): (start, stop)
        for of_function in build["coverageMap"]["branches"].get(number, {}).values()
        for key, (start, stop, _) in of_function.items()
    }
    for start, _ in statements.values():
        source.lines[source.line_of(start)] |= False
    for start, stop in branches.values():
        for outcome in (False, True):
            source.branches[start, stop, outcome] |= False
    for key, step in build["pcMap"].items():
        if step.get("path") != number:
            continue
        if step.get("statement") in statements and int(key) in pcs:
            source.lines[source.line_of(statements[step["statement"]][0])] = True
        if step.get("branch") in branches and step["op"] == "JUMPI":
            for outcome in (False, True):
                if f"{key}:{int(outcome)}" in jumps:
                    source.branches[*branches[step["branch"]], outcome] = True


def percent(run_of: dict[Any, bool]) -> float:
    return 100.0 * sum(run_of.values()) / len(run_of) if run_of else 100.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="do not run the tests again")
    parser.add_argument("--check", action="store_true", help="fail below the least")
    arguments = parser.parse_args()
    if not arguments.report:
        run()
    sources = [source for source in measured() if source.lines]
    table = Table("文件 · file", "行 · lines", "分支 · branches", "未覆盖 · gaps (line)")
    for source in sources:
        gaps = sorted(line for line, was_run in source.lines.items() if not was_run)
        half = sorted({source.line_of(start) for (start, _, _), was_run in source.branches.items() if not was_run})
        table.add_row(
            source.path.removeprefix("contracts/"),
            f"{percent(source.lines):.1f} %",
            f"{percent(source.branches):.1f} %",
            ", ".join([*map(str, gaps), *(f"{line} (branch)" for line in half)]),
        )
    lines = {(source.path, key): value for source in sources for key, value in source.lines.items()}
    branches = {(source.path, key): value for source in sources for key, value in source.branches.items()}
    table.add_row("全部 · all", f"{percent(lines):.1f} %", f"{percent(branches):.1f} %", "")
    Console(width=160).print(table)
    if arguments.check and (percent(lines) < LEAST_LINES or percent(branches) < LEAST_BRANCHES):
        print(f"覆盖率不足 · coverage is below {LEAST_LINES} % and {LEAST_BRANCHES} %", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
