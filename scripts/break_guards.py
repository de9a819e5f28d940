"""Shows that every invariant can fail: removes its guard, and expects forge to find it.

    python -m scripts.break_guards            every guard of tests/forge/guards.toml
    python -m scripts.break_guards I6 I15     those of these invariants

Each guard is removed in a copy of the checkout. A guard that does not stand in its file once is an error: it moved.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.workshop import ROOT, Workshop

GUARDS = ROOT / "tests" / "forge" / "guards.toml"


@dataclass(frozen=True, slots=True)
class Guard:
    """What holds an invariant, and how it is broken."""

    invariant: str
    file: str
    remove: str
    put: str
    why: str
    test: str
    """What forge chooses the test by that has to fail."""


def guards() -> list[Guard]:
    """As they are listed."""
    return [Guard(**guard) for guard in tomllib.loads(GUARDS.read_text("utf-8"))["guard"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("invariants", nargs="*", help="as named in guards.toml; all if none is named")
    arguments = parser.parse_args()
    held = []
    with TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        for guard in guards():
            if arguments.invariants and guard.invariant not in arguments.invariants:
                continue
            source = (ROOT / guard.file).read_text("utf-8")
            if source.count(guard.remove) != 1:
                print(f"{guard.file}: 找不到 · not there once: {guard.remove!r}", file=sys.stderr)
                return 2
            broken = source.replace(guard.remove, guard.put)
            forge = ("node_modules/.bin/forge", "test", "--no-match-contract", "Everything")
            command = [*forge, "--match-test", guard.test]
            passed, output = workshop.run({guard.file: broken}, command, limit=900)
            if "[FAIL" not in output and not passed:
                print(f"{guard.invariant}: 无法编译 · does not even compile\n{output[-2000:]}", file=sys.stderr)
                return 2
            verdict = "未发现 · not noticed" if passed else "已发现 · noticed"
            print(f"{guard.invariant}: {verdict} — {guard.why}", flush=True)
            if passed:
                held.append(guard.invariant)
    return 1 if held else 0


if __name__ == "__main__":
    sys.exit(main())
