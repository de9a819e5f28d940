"""Mutation run over the rules of money: changes one thing at a time in the contracts and expects a test to fail.

    python -m scripts.mutate_contracts                    every mutant of every rule; more than an hour on two cores
    python -m scripts.mutate_contracts --rule Shares      of one file's rules
    python -m scripts.mutate_contracts --every 3          every third of them
    python -m scripts.mutate_contracts --only 'x += y;'   those of such lines, to see that a new test notices them
    python -m scripts.mutate_contracts --list             what would be changed

No file is changed: mutants are compiled from memory and put in place of what Brownie loaded, in the processes of
`tests/contracts/mutant_worker.py`. `build/mutants.json` says which test failed first with each. Survivors are printed,
and must each be explained in `tests/contracts/surviving-mutants.json`: an unexplained one fails the run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile

from ledger_service.chain.compiler import SETTINGS, SOLC_VERSION
from ledger_service.chain.tools import ROOT

REPORT = ROOT / "build" / "mutants.json"
EXPLAINED = ROOT / "tests" / "contracts" / "surviving-mutants.json"
PATIENCE = 4
"""So many times what the unchanged code takes for its tests, a mutant may take before it counts as one without end."""

NOT_COMPILED = "the compiler"
"""What refuses a mutant before any test does."""

Code = Mapping[str, Mapping[str, str]]
"""The bytecode and the runtime of contracts, by name."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is changed, and who is asked about it."""

    path: str
    contracts: tuple[str, ...]
    """The files whose code has it in it."""
    tests: tuple[str, ...]
    """What pytest chooses them by; those of the first are asked first."""
    functions: tuple[str, ...] = ()
    """All of the file where none is named."""


RULES: dict[str, Rule] = {
    "Shares": Rule(
        "contracts/libraries/Shares.sol",
        ("contracts/Revenue.sol", "contracts/mocks/LibraryHarness.sol"),
        ("sharing", "revenue_claims", "differential"),
    ),
    "MerkleSum": Rule(
        "contracts/libraries/MerkleSum.sol",
        ("contracts/Revenue.sol", "contracts/mocks/LibraryHarness.sol"),
        ("register", "revenue_claims", "attacks_revenue"),
    ),
    "Months": Rule(
        "contracts/libraries/Months.sol",
        ("contracts/Revenue.sol", "contracts/Workouts.sol", "contracts/mocks/LibraryHarness.sol"),
        ("month", "revenue_agreements", "workouts"),
    ),
    "Loans": Rule(
        "contracts/libraries/Loans.sol",
        ("contracts/Pledges.sol", "contracts/mocks/LoanHarness.sol"),
        ("loan", "lien", "pledge", "workouts"),
    ),
    "Valuation": Rule(
        "contracts/libraries/Valuation.sol",
        (
            "contracts/DataAssets.sol",
            "contracts/MonitoringOracle.sol",
            "contracts/MonitoringPanel.sol",
            "contracts/mocks/LibraryHarness.sol",
        ),
        ("covenants", "data_assets", "oracle_disputes"),
    ),
    "Revenue": Rule(
        "contracts/Revenue.sol",
        ("contracts/Revenue.sol",),
        ("revenue_claims", "revenue", "nested", "tiered", "funds", "pledge_loans"),
        (
            "_announce",
            "openMissingRegister",
            "_open",
            "_receive",
            "_addIncome",
            "closePeriod",
            "_requireParentsDone",
            "claim",
            "claimMany",
            "_verifyRun",
            "claimFor",
            "_payTogether",
            "_claim",
            "_settle",
            "collect",
            "collectMany",
            "_collect",
            "withdraw",
            "notePledge",
            "noteBlocked",
            "_divert",
            "_payOut",
            "_pay",
            "_raisePaid",
            "_monthsOf",
            "_owed",
            "_entitled",
            "_verify",
            "_slice",
        ),
    ),
    "Pledges": Rule(
        "contracts/Pledges.sol",
        ("contracts/Pledges.sol",),
        ("pledge_loans", "pledge_terms", "pledge", "workouts"),
        (
            "commit",
            "_requireFree",
            "_requireFreeIn",
            "_covers",
            "disburse",
            "divert",
            "_take",
            "_smaller",
            "repay",
            "_pay",
            "withdraw",
            "release",
            "charge",
            "amend",
            "exchange",
            "_leave",
            "_loanNow",
            "debtOf",
            "encumbrance",
        ),
    ),
    "Workouts": Rule("contracts/Workouts.sol", ("contracts/Workouts.sol",), ("workouts", "pause", "pledge")),
    "CnyVoucher": Rule(
        "contracts/CnyVoucher.sol",
        ("contracts/CnyVoucher.sol",),
        ("voucher", "pledge_loans"),
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
        ("oracle_rounds", "oracle_rules", "oracle"),
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
    name: str
    """By the text of its line, so that an explanation finds it when lines move."""


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
    mutants = []
    named: Counter[str] = Counter()
    for start, stop, put in sorted(found):
        begin = source.rfind("\n", 0, start) + 1
        text = source[begin : source.find("\n", start)].strip()
        name = f"{path}: {source[start:stop].strip()} -> {put.strip() or 'nothing'} @ {text} [{start - begin}]"
        named[name] += 1
        if named[name] > 1:  # The same line stands in another function too.
            name += f" ({named[name]})"
        mutants.append(Mutant(rule, path, source.count("\n", 0, start) + 1, start, stop, put, source[start:stop], name))
    return mutants


class Compiler:
    """A compiler that stays loaded."""

    def __init__(self) -> None:
        command = ["node", "scripts/compile_server.cjs", f"node_modules/solc-{SOLC_VERSION}"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def code_of(self, rule: Rule, source: str) -> Code | None:
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
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        output = json.loads(self._process.stdout.readline())
        if any(error["severity"] == "error" for error in output.get("errors", ())):
            return None
        code = {name: output["contracts"][path][name]["evm"] for path in rule.contracts for name in [Path(path).stem]}
        return {
            name: {"bytecode": evm["bytecode"]["object"], "runtime": evm["deployedBytecode"]["object"]}
            for name, evm in code.items()
        }

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class Worker:
    """A process in which the tests of one rule are ready to be run on changed code."""

    def __init__(self, rule: Rule) -> None:
        asked, ask = os.pipe()
        answered, answer = os.pipe()
        self._log = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - Read when the process ends early.
        self._process = subprocess.Popen(
            [str(ROOT / "scripts" / "test_contracts"), "-k", " or ".join(rule.tests)],
            env=os.environ | {"GONGSHENG_MUTANTS": f"{asked} {answer}", "PYTHONDONTWRITEBYTECODE": "1"},
            pass_fds=(asked, answer),
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        for end in (asked, answer):
            os.close(end)
        self._ask = os.fdopen(ask, "w", encoding="utf-8")
        self._answered = os.fdopen(answered, encoding="utf-8")
        self._order = rule.tests

    def first_failure(self, code: Code, limit: float) -> str | None:
        """Which test fails first with this code, if one does; one that has not ended after `limit` seconds does."""
        print(json.dumps({"code": code, "limit": limit, "order": self._order}), file=self._ask, flush=True)
        if not (answer := self._answered.readline()):
            self._log.seek(0)
            raise RuntimeError(f"测试进程中断 · the process of the tests ended:\n{self._log.read()[-3000:]}")
        failed: str | None = json.loads(answer)["failed"]
        return failed

    def close(self) -> None:
        self._ask.close()
        self._answered.close()
        self._process.wait()
        self._log.close()


class UnchangedCodeFails(Exception):
    """Tests that fail anyway would kill every mutant."""


def failures_of(name: str, mutants: Sequence[Mutant], jobs: int) -> Iterator[tuple[Mutant, str | None]]:
    """Each mutant with the test that fails first, or None if all of its rule pass; in the order that they end in."""
    rule = RULES[name]
    source = (ROOT / rule.path).read_text("utf-8")
    rest = iter(mutants)
    known: SimpleQueue[tuple[Mutant, str | None] | Exception] = SimpleQueue()
    compiler, worker = Compiler(), Worker(rule)
    began = time.monotonic()
    unchanged = compiler.code_of(rule, source)
    failed = NOT_COMPILED if unchanged is None else worker.first_failure(unchanged, 3_600)
    if failed is not None:
        raise UnchangedCodeFails(f"{name}：未改动的代码也未通过 · the unchanged code fails too: {failed}")
    limit = PATIENCE * (time.monotonic() - began)

    def work(number: int) -> None:
        ours = (compiler, worker) if number == 0 else (Compiler(), Worker(rule))
        try:
            for mutant in rest:  # All jobs take from it, each mutant once.
                code = ours[0].code_of(rule, source[: mutant.start] + mutant.put + source[mutant.stop :])
                known.put((mutant, NOT_COMPILED if code is None else ours[1].first_failure(code, limit)))
        except Exception as failure:
            known.put(failure)
            for _ in rest:  # The other jobs end too.
                pass
        finally:
            for each in ours:
                each.close()

    with ThreadPoolExecutor(jobs) as pool:
        for number in range(jobs):
            pool.submit(work, number)
        for _ in mutants:
            answer = known.get()
            if isinstance(answer, Exception):
                raise answer
            yield answer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rule", action="append", choices=sorted(RULES), help="only these files' rules")
    parser.add_argument("--list", action="store_true", help="print the mutants and stop")
    parser.add_argument("--only", help="only mutants with this text in their names, such as a line's")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="try every N-th mutant only")
    arguments = parser.parse_args()
    rules = arguments.rule or list(RULES)
    chosen = {
        rule: [mutant for mutant in mutants_of(rule) if not arguments.only or arguments.only in mutant.name]
        for rule in rules
    }
    chosen = {rule: mutants[:: arguments.every] for rule, mutants in chosen.items() if mutants}
    total = sum(map(len, chosen.values()))
    if arguments.list:
        for mutant in (mutant for mutants in chosen.values() for mutant in mutants):
            print(f"{mutant.path}:{mutant.line}: {mutant.was.strip()!r} -> {mutant.put!r}")
        print(total)
        return 0
    explained = json.loads(EXPLAINED.read_text("utf-8")) if EXPLAINED.exists() else {}
    failures: dict[str, str | None] = {}
    began = time.monotonic()
    # Compiles what is stale, so that the workers find the same.
    subprocess.run([str(ROOT / "scripts" / "test_contracts"), "-k", "artefacts"], check=True, stdout=subprocess.DEVNULL)
    for rule, mutants in chosen.items():
        try:
            for mutant, failed in failures_of(rule, mutants, arguments.jobs):
                failures[mutant.name] = failed
                if failed is None:
                    print(f"\r存活 · survived {mutant.path}:{mutant.line}: {mutant.name}", flush=True)
                state = f"{rule} {len(failures)}/{total} {time.monotonic() - began:.0f} s"
                print(f"\r{state}", end="", file=sys.stderr, flush=True)
        except UnchangedCodeFails as failure:
            print(failure, file=sys.stderr)
            return 2
        REPORT.write_text(json.dumps(failures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    survivors = [name for name, failed in failures.items() if failed is None]
    unexplained = [name for name in survivors if name not in explained]
    print(
        f"\n{total} 个变异，存活 {len(survivors)}，未说明 {len(unexplained)} · "
        f"{total} mutants, {len(survivors)} survived, {len(unexplained)} of them unexplained"
    )
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
