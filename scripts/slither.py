"""Slither over the contracts: fails on a finding that `contracts/slither.toml` does not explain.

It also fails on an explanation that nothing needs any more. Findings are known by detector and name, never by line, so
code may move. What passed once is not analysed again until it changes. Needs `.venv-slither` (scripts/setup --brownie)
and the compiler in build/solc; forge compiles into `build/slither`, so nobody else's output is touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TRIAGE = ROOT / "contracts" / "slither.toml"
FOLDER = ROOT / "build" / "slither"
SLITHER = ROOT / ".venv-slither" / "bin" / "slither"
PASSED = FOLDER / "passed.sha256"
SETTINGS = ("slither.config.json", "foundry.toml", "package-lock.json", "uv.lock", "scripts/slither.py")
"""Files beside the contracts on which the findings depend."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What slither says of one place."""

    detector: str
    where: str
    """Contract.function or Contract.variable, or the name of a free function."""
    says: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why findings stay."""

    detector: str
    where: str
    says: str
    zh: str
    en: str

    def explains(self, finding: Finding) -> bool:
        """Whether the finding is one of those."""
        return (
            self.detector == finding.detector and fnmatchcase(finding.where, self.where) and self.says in finding.says
        )


@dataclass(frozen=True, slots=True)
class Triage:
    """What was looked at and stays."""

    house: Mapping[str, Mapping[str, str]]
    """Detectors that are excluded everywhere, with the reason in both languages."""
    explanations: tuple[Explanation, ...]

    @classmethod
    def load(cls, path: Path = TRIAGE) -> Triage:
        read = tomllib.loads(path.read_text("utf-8"))
        return cls(read["house"], tuple(Explanation(**{"says": "", **each}) for each in read["finding"]))

    def unexplained(self, findings: Iterable[Finding]) -> list[Finding]:
        """Findings that nothing explains."""
        return [each for each in findings if not any(reason.explains(each) for reason in self.explanations)]

    def needless(self, findings: Sequence[Finding]) -> list[Explanation]:
        """Explanations of nothing that was found."""
        return [reason for reason in self.explanations if not any(map(reason.explains, findings))]


def place_of(element: Mapping[str, Any]) -> str:
    """What slither's first element of a finding is called here: the function of a statement, not the statement."""
    kind, parent = element["type"], element.get("type_specific_fields", {}).get("parent") or {}
    if kind == "node" or (kind == "variable" and parent.get("type") == "function"):
        return place_of(parent)
    if parent.get("type") == "contract":
        return f"{parent['name']}.{element['name']}"
    return str(element["name"])


def findings_of(report: Mapping[str, Any]) -> list[Finding]:
    """The findings of slither's own report."""
    return [
        Finding(each["check"], place_of(each["elements"][0]), each["description"])
        for each in report["results"].get("detectors", [])
    ]


def run(house: Iterable[str]) -> Mapping[str, Any]:
    """Slither's report on the contracts as they are."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "report.json"
    path.unlink(missing_ok=True)
    environment = os.environ | {
        "PATH": os.pathsep.join((str(ROOT / "node_modules" / ".bin"), os.environ["PATH"])),
        "FOUNDRY_OUT": "build/slither/out",
        "FOUNDRY_CACHE_PATH": "build/slither/cache",
        "HOME": str(ROOT / ".home"),  # forge and solc-select keep their files there.
    }
    command = [str(SLITHER), ".", "--exclude", ",".join(house), "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    report = json.loads(path.read_text("utf-8")) if path.exists() else {"success": False, "error": done.stderr}
    if not report["success"]:
        sys.exit(f"slither 无法分析 · slither could not analyse the contracts:\n{report['error']}")
    return dict(report)


def fingerprint() -> str:
    """A hash of everything that the findings depend on."""
    digest = hashlib.sha256()
    contracts = (path for path in (ROOT / "contracts").rglob("*") if path.suffix in (".sol", ".toml"))
    for path in (*sorted(contracts), *(ROOT / name for name in SETTINGS)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()} {len(content)} ".encode() + content)
    return digest.hexdigest()


def main() -> int:
    if not SLITHER.exists():
        sys.exit(
            "缺少 .venv-slither:请运行 scripts/setup --brownie · .venv-slither is missing: run scripts/setup --brownie"
        )
    current = fingerprint()
    if PASSED.exists() and PASSED.read_text("utf-8") == current:
        return 0
    triage = Triage.load()
    findings = findings_of(run(triage.house))
    unexplained, needless = triage.unexplained(findings), triage.needless(findings)
    for finding in unexplained:
        print(f"{finding.detector} · {finding.where}\n{finding.says}", file=sys.stderr)
    for reason in needless:
        print(f"{reason.detector} · {reason.where}: 已无此项 · nothing to explain any more", file=sys.stderr)
    if unexplained or needless:
        print(
            f"新发现 {len(unexplained)} 项，多余说明 {len(needless)} 项，见 contracts/slither.toml · "
            f"{len(unexplained)} new finding(s), {len(needless)} needless explanation(s), see contracts/slither.toml",
            file=sys.stderr,
        )
        return 1
    PASSED.write_text(current, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
