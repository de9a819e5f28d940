"""Mutation run over the rules of money: changes one thing at a time in the contracts and expects a test to fail.

    python -m scripts.mutate_contracts                    every mutant of every rule; hours on two cores
    python -m scripts.mutate_contracts --rule Shares      of one file's rules
    python -m scripts.mutate_contracts --every 3          every third of them
    python -m scripts.mutate_contracts --list             what would be changed

Each mutant is compiled and tested in a copy of the checkout, never in the checkout itself. Survivors are printed and
written to `build/mutants.json`, and must each be explained in `tests/contracts/surviving-mutants.json`: an unexplained
one fails the run.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ledger_service.chain.artefacts import ARTEFACTS
from ledger_service.chain.compiler import SETTINGS, SOLC_FOLDER, SOLC_VERSION
from scripts.workshop import ROOT, Workshop

REPORT = ROOT / "build" / "mutants.json"
BROWNIE = ROOT / "build" / "brownie" / "contracts"
EXPLAINED = ROOT / "tests" / "contracts" / "surviving-mutants.json"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is changed, and who is asked about it."""

    path: str
    contracts: tuple[str, ...]
    """The files whose code has it in it."""
    tests: tuple[str, ...]
    """What pytest chooses them by, in turn: those that are the quickest to fail first."""
    functions: tuple[str, ...] = ()
    """All of the file where none is named."""


RULES: dict[str, Rule] = {
    "Shares": Rule(
        "contracts/libraries/Shares.sol",
        ("contracts/Revenue.sol", "contracts/mocks/LibraryHarness.sol"),
        ("vectors", "revenue_claims or differential"),
    ),
    "MerkleSum": Rule(
        "contracts/libraries/MerkleSum.sol",
        ("contracts/Revenue.sol", "contracts/mocks/LibraryHarness.sol"),
        ("vectors", "revenue_claims or differential"),
    ),
    "Months": Rule(
        "contracts/libraries/Months.sol",
        ("contracts/Revenue.sol", "contracts/Workouts.sol", "contracts/mocks/LibraryHarness.sol"),
        ("vectors", "months or differential or workouts"),
    ),
    "Loans": Rule(
        "contracts/libraries/Loans.sol",
        ("contracts/Pledges.sol", "contracts/mocks/LoanHarness.sol"),
        ("vectors and loans", "loan or vectors or pledge or workouts"),
    ),
    "Valuation": Rule(
        "contracts/libraries/Valuation.sol",
        ("contracts/DataAssets.sol", "contracts/mocks/LibraryHarness.sol"),
        ("covenants", "data_assets"),
    ),
    "Revenue": Rule(
        "contracts/Revenue.sol",
        ("contracts/Revenue.sol",),
        ("revenue_claims", "revenue or loan or agreements or claim"),
        (
            "receiveIncome",
            "closePeriod",
            "_claim",
            "collect",
            "withdraw",
            "_divert",
            "_payOut",
            "_pay",
            "_owedTo",
            "_entitled",
        ),
    ),
    "Pledges": Rule(
        "contracts/Pledges.sol",
        ("contracts/Pledges.sol",),
        ("pledge_loans or pledge_terms", "pledge or workouts or loan"),
        ("_requireFree", "_requireFreeIn", "_covers", "divert", "_smallest", "repay", "_pay", "release", "_removeLien"),
    ),
    "Workouts": Rule("contracts/Workouts.sol", ("contracts/Workouts.sol",), ("workouts", "pause or pledge")),
    "CnyVoucher": Rule(
        "contracts/CnyVoucher.sol",
        ("contracts/CnyVoucher.sol",),
        ("voucher",),
        ("_mintAgainst", "_useReference", "_request", "confirmPayments", "returnRedemption", "_requested", "_update"),
    ),
    "Funds": Rule("contracts/Funds.sol", ("contracts/Funds.sol",), ("funds", "agreements")),
    "CarbonCredits": Rule(
        "contracts/CarbonCredits.sol", ("contracts/CarbonCredits.sol",), ("carbon_credits", "credit")
    ),
    "DataAssets": Rule("contracts/DataAssets.sol", ("contracts/DataAssets.sol",), ("data_assets",)),
    "MonitoringOracle": Rule(
        "contracts/MonitoringOracle.sol",
        ("contracts/MonitoringOracle.sol",),
        ("oracle_rounds or oracle_rules", "oracle"),
    ),
}

OPERATORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"(?<![+\-=<>*/|&!^])\+(?![+=])", ("-",)),
    (r"(?<![+\-=<>*/|&!^])-(?![-=>])", ("+",)),
    (r"(?<![*/])\*(?![*/=])", ("/",)),
    (r"(?<![*/])/(?![*/=])", ("*",)),
    (r"\+=", ("-=", "=")),
    (r"-=", ("+=",)),
    (r"(?<![<>=!])<(?![<=])", ("<=", ">")),
    (r"(?<![<>=!])>(?![>=])", (">=", "<")),
    (r"<=", ("<",)),
    (r">=", (">",)),
    (r"==", ("!=",)),
    (r"!=", ("==",)),
    (r"&&", ("||",)),
    (r"\|\|", ("&&",)),
    (r"(?<![\w.])0(?![\w.])", ("1",)),
    (r"(?<![\w.])1(?![\w.])", ("0", "2")),
    (r"\bcontinue;", ("",)),
    (r"\bmin\b", ("max",)),
    (r"\badd\(", ("sub(",)),
    (r"\blt\(", ("gt(",)),
    (r"\bshr\(", ("shl(",)),
)
"""What is changed, and into what. A statement that assigns is also left out as a whole."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one place."""

    rule: str
    path: str
    line: int
    start: int
    stop: int
    put: str
    was: str

    @property
    def name(self) -> str:
        return f"{self.path}: {self.was.strip()} -> {self.put.strip() or 'nothing'} @ {self.text}"

    @property
    def text(self) -> str:
        """The line that is changed, by which an explanation finds it when lines move."""
        source = (ROOT / self.path).read_text("utf-8")
        begin = source.rfind("\n", 0, self.start) + 1
        return f"{source[begin : source.find(chr(10), self.start)].strip()} [{self.start - begin}]"


def spans(source: str, functions: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the bodies of the functions lie; all bodies where none is named."""
    for match in re.finditer(r"\bfunction (\w+)\s*\([^{;]*\{", source):
        if functions and match[1] not in functions:
            continue
        depth, at = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(source[at], 0)
            at += 1
        yield match.end(), at


def mutants_of(rule: str) -> list[Mutant]:
    path, functions = RULES[rule].path, RULES[rule].functions
    source = (ROOT / path).read_text("utf-8")
    # Comments and strings keep their length and lose what could be changed in them.
    blank = re.sub(r"//[^\n]*|\"[^\"\n]*\"", lambda match: "·" * len(match[0]), source)
    found = []
    for begin, end in spans(blank, functions):
        for pattern, replacements in OPERATORS:
            for match in re.finditer(pattern, blank[begin:end]):
                start, stop = begin + match.start(), begin + match.end()
                for put in replacements:
                    found.append((start, stop, put))
        for match in re.finditer(
            r"(?<=[;{}\n])\s*[\w.\[\]()]+ (?:[+\-]?=) [^;{}]*;|\n\s*require\([^;]*;|\n\s*emit [^;]*;", blank[begin:end]
        ):
            found.append((begin + match.start(), begin + match.end(), ""))
    return [
        Mutant(rule, path, source.count("\n", 0, start) + 1, start, stop, put, source[start:stop])
        for start, stop, put in sorted(found)
    ]


def compiled(rule: Rule, source: str) -> dict[str, dict[str, str]] | None:
    """Code of the contracts that have the rule in them, with `source` as its file; None if it does not compile."""
    given = {path: (ROOT / path).read_text("utf-8") for path in rule.contracts} | {rule.path: source}
    request = {
        "language": "Solidity",
        "sources": {path: {"content": text} for path, text in given.items()},
        "settings": {
            **SETTINGS,
            "outputSelection": {
                path: {Path(path).stem: ["evm.bytecode.object", "evm.deployedBytecode.object"]}
                for path in rule.contracts
            },
        },
    }
    command = [str(SOLC_FOLDER / f"solc-v{SOLC_VERSION}"), "--standard-json", "--base-path", ".", "--allow-paths", "."]
    ended = subprocess.run(command, cwd=ROOT, input=json.dumps(request), capture_output=True, text=True, check=True)
    output = json.loads(ended.stdout)
    if any(error["severity"] == "error" for error in output.get("errors", ())):
        return None
    return {Path(path).stem: output["contracts"][path][Path(path).stem]["evm"] for path in rule.contracts}


def is_killed(workshop: Workshop, mutant: Mutant) -> bool:
    """Whether the code does not compile any more, or a test fails."""
    original = (ROOT / mutant.path).read_text("utf-8")
    mutated = original[: mutant.start] + mutant.put + original[mutant.stop :]
    return not passes(workshop, mutant.rule, mutated, RULES[mutant.rule].tests)


def passes(workshop: Workshop, name: str, source: str, asked: Sequence[str]) -> bool:
    """Whether these tests of the rule pass with `source` in place of its file.

    Only the contracts that have it in them are compiled, and put among what was compiled before: to compile everything
    takes longer than most tests.
    """
    rule = RULES[name]
    code = compiled(rule, source)
    if code is None:
        return False
    files: dict[str, str] = {}
    for contract, evm in code.items():
        for folder, runtime in ((BROWNIE, "deployedBytecode"), (ARTEFACTS, "runtime")):
            path = folder / f"{contract}.json"
            if not path.exists():  # Only tests deploy it.
                continue
            artefact = json.loads(path.read_text("utf-8"))
            prefix = "0x" if artefact["bytecode"].startswith("0x") else ""
            artefact["bytecode"] = prefix + evm["bytecode"]["object"]  # type: ignore[index]
            artefact[runtime] = prefix + evm["deployedBytecode"]["object"]  # type: ignore[index]
            files[str(path.relative_to(ROOT))] = json.dumps(artefact)
    return all(
        workshop.succeeds(files, ["scripts/test_contracts", "-x", "-q", "-k", tests], limit=900) for tests in asked
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rule", action="append", choices=sorted(RULES), help="only these files' rules")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="try every N-th mutant only")
    arguments = parser.parse_args()
    mutants = [mutant for rule in arguments.rule or RULES for mutant in mutants_of(rule)][:: arguments.every]
    if arguments.list:
        for mutant in mutants:
            print(f"{mutant.path}:{mutant.line}: {mutant.was.strip()!r} -> {mutant.put!r}")
        print(len(mutants))
        return 0
    explained = json.loads(EXPLAINED.read_text("utf-8")) if EXPLAINED.exists() else {}
    survivors: list[str] = []
    began = time.monotonic()
    # Compiles what is stale, because mutants are put among it. Tests that fail anyway would kill every mutant.
    asked = " or ".join(f"({tests})" for rule in arguments.rule or RULES for tests in RULES[rule].tests)
    subprocess.run([str(ROOT / "scripts" / "test_contracts"), "-x", "-q", "-k", asked], check=True)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        workshop = Workshop(Path(folder), arguments.jobs, compiled=True)
        for rule in arguments.rule or RULES:
            # Neither may compiling and putting it there be what fails.
            if not passes(workshop, rule, (ROOT / RULES[rule].path).read_text("utf-8"), RULES[rule].tests[:1]):
                print(f"{rule}: 未改动的代码也未通过测试 · the tests fail without any change", file=sys.stderr)
                return 2
        for number, (mutant, killed) in enumerate(
            zip(mutants, pool.map(partial(is_killed, workshop), mutants), strict=True), start=1
        ):
            if not killed:
                survivors.append(mutant.name)
                print(f"\r存活 · survived {mutant.path}:{mutant.line}: {mutant.name}", flush=True)
            print(f"\r{number}/{len(mutants)} {time.monotonic() - began:.0f} s", end="", file=sys.stderr, flush=True)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps({"tried": len(mutants), "survivors": survivors}, indent=1) + "\n", "utf-8")
    unexplained = [name for name in survivors if name not in explained]
    print(
        f"\n{len(mutants)} 个变异，存活 {len(survivors)}，未说明 {len(unexplained)} · "
        f"{len(mutants)} mutants, {len(survivors)} survived, {len(unexplained)} of them unexplained"
    )
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
