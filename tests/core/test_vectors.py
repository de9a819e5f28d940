"""The shared vectors, against the executable specification and against the compiled core.

Every case must hold as it is written, and must not hold with one byte of what it promises changed: a test that cannot
fail proves nothing.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import model
import numpy as np
import pytest

import pyo3_core

ROOT = Path(__file__).resolve().parent.parent.parent
VECTORS = ROOT / "tests" / "vectors"
U64 = 2**64 - 1

Case = dict[str, Any]


def read(value: Any) -> Any:
    """What a text of a file stands for: a number, bytes, or itself."""
    if isinstance(value, dict):
        return {key: read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [read(item) for item in value]
    if value.startswith("0x"):
        return bytes.fromhex(value[2:])
    return int(value) if value.isdecimal() else value


def changed(value: Any) -> Any:
    """The value with its last byte changed; an empty byte string gets a byte, and an empty list gets a number."""
    if isinstance(value, list):
        return [*value[:-1], changed(value[-1])] if value else ["0"]
    if value == "0x":
        return "0x00"
    return value[:-1] + ("1" if value[-1] == "0" else "0")


# THE TWO THAT ANSWER


class Model:
    """The executable specification."""

    entitled_open = staticmethod(model.entitled_open)
    entitled_closed = staticmethod(model.entitled_closed)
    allocate = staticmethod(model.allocate)
    divert = staticmethod(model.divert)
    net = staticmethod(model.net)
    waterfall = staticmethod(model.waterfall)

    @staticmethod
    def shares(income: int, weights: list[int], *, closed: bool) -> list[int]:
        if closed:
            slices = zip(weights, accumulate(weights), strict=True)
            return [model.entitled_closed(income, end - weight, weight, sum(weights)) for weight, end in slices]
        return [model.entitled_open(income, weight, sum(weights)) for weight in weights]

    @staticmethod
    @lru_cache
    def register(accounts: tuple[bytes, ...], weights: tuple[int, ...]) -> model.Register:
        return model.Register([model.Leaf(*leaf) for leaf in zip(accounts, weights, strict=True)])

    @staticmethod
    def verify(root: bytes, count: int, index: int, account: bytes, weight: int, proof: bytes) -> tuple[int, int]:
        return model.verify(root, count, index, model.Leaf(account, weight), proof)

    verify_run = staticmethod(model.verify_run)


class Core:
    """The compiled core."""

    entitled_open = staticmethod(pyo3_core.entitled_open)
    entitled_closed = staticmethod(pyo3_core.entitled_closed)
    divert = staticmethod(pyo3_core.divert)
    verify = staticmethod(pyo3_core.verify)

    @staticmethod
    def shares(income: int, weights: list[int], *, closed: bool) -> list[int]:
        return pyo3_core.shares(income, np.array(weights, np.uint64), closed=closed).tolist()

    @staticmethod
    def waterfall(available: int, pledges: list[tuple[int, int, int]]) -> tuple[list[int], int]:
        rank, due, cap = (list(column) for column in zip(*pledges, strict=True)) if pledges else ([], [], [])
        taken, rest = pyo3_core.waterfall(
            np.array([available], np.uint64),
            np.array([0, len(pledges)], np.uint64),
            np.array(rank, np.uint8),
            np.array(due, np.uint64),
            np.array(cap, np.uint64),
        )
        return taken.tolist(), rest.item()

    @staticmethod
    def net(lines: list[tuple[int, int]], accounts: int) -> list[int]:
        names, amounts = (list(column) for column in zip(*lines, strict=True)) if lines else ([], [])
        low, high = pyo3_core.net(np.array(names, np.uint32), np.array(amounts, np.int64), accounts)
        return [(top << 64) + bottom for top, bottom in zip(high.view(np.int64).tolist(), low.tolist(), strict=True)]

    @staticmethod
    def allocate(amount: int, weights: list[int]) -> list[int]:
        return pyo3_core.allocate(amount, np.array(weights, np.uint64)).tolist()

    @staticmethod
    def register(accounts: tuple[bytes, ...], weights: tuple[int, ...]) -> pyo3_core.Register:
        table = np.frombuffer(b"".join(accounts), np.uint8).reshape(-1, 20)
        return pyo3_core.Register(table, np.array(weights, np.uint64))


# WHAT THEY ANSWER


def open_slice(rules: Any, case: Case) -> Case:
    return {"entitled": rules.entitled_open(case["income"], case["weight"], case["total"])}


def closed_slice(rules: Any, case: Case) -> Case:
    return {"entitled": rules.entitled_closed(case["income"], case["before"], case["weight"], case["total"])}


def column(rules: Any, case: Case) -> Case:
    income, weights = case["income"], case["weights"]
    return {
        "open": rules.shares(income, weights, closed=False),
        "closed": rules.shares(income, weights, closed=True),
    }


def legs(rules: Any, case: Case) -> Case:
    received, legs = case["received"], case["legs"]
    slices = zip(legs, accumulate(legs), strict=True)
    return {
        "open": [rules.entitled_open(received, bps, 10_000) for bps in legs],
        "closed": [rules.entitled_closed(received, end - bps, bps, 10_000) for bps, end in slices],
    }


def agreement(_: Any, case: Case) -> Case:
    model.require_whole(case["legs"])
    received, legs = case["received"], case["legs"]
    return {
        "open": [model.leg_income(received, legs, leg, closed=False) for leg in range(len(legs))],
        "closed": [model.leg_income(received, legs, leg, closed=True) for leg in range(len(legs))],
    }


def leg_register(rules: Any, case: Case) -> Case:
    register = rules.register((b"\x01" * 20,) * len(case["weights"]), tuple(case["weights"]))

    def statements(*, closed: bool) -> list[int]:
        leg_income = rules.shares(case["received"], case["legs"], closed=closed)[case["leg"]]
        return list(register.statements(leg_income, closed=closed))

    return {"open": statements(closed=False), "closed": statements(closed=True)}


def holders(_: Any, case: Case) -> Case:
    line = case["received"], case["legs"], case["leg"], case["weights"]
    everyone = range(len(case["weights"]))
    return {
        "open": [model.holder_income(*line, holder, closed=False) for holder in everyone],
        "closed": [model.holder_income(*line, holder, closed=True) for holder in everyone],
    }


def register(rules: Any, case: Case) -> Case:
    built = rules.register(tuple(case["accounts"]), tuple(case["weights"]))
    return {"root": built.root, "total": built.total}


def proof(rules: Any, case: Case) -> Case:
    built = rules.register(tuple(case["accounts"]), tuple(case["weights"]))
    return {"proof": built.proof(case["index"]), "before": built.before(case["index"])}


def claim(rules: Any, case: Case) -> Case:
    presented = (case[key] for key in ("root", "count", "index", "account", "weight", "proof"))
    return dict(zip(("before", "total"), rules.verify(*presented), strict=True))


def run(rules: Any, case: Case) -> Case:
    built = rules.register(tuple(case["accounts"]), tuple(case["weights"]))
    first, length = case["first"], case["length"]
    return {"proof": built.run_proof(first, length), "before": built.before(first)}


def run_presented(rules: Any, case: Case) -> Case:
    leaves = [model.Leaf(*leaf) for leaf in zip(case["accounts"], case["weights"], strict=True)]
    leaves = leaves[case["first"] :][: case["length"]] if "length" in case else leaves
    before, total = rules.verify_run(case["root"], case["count"], case["first"], leaves, case["proof"])
    return {"before": before, "total": total}


def text_hash(_: Any, case: Case) -> Case:
    return {"hash": model.keccak256(case["data"])}


def leaf_hash(_: Any, case: Case) -> Case:
    return {"hash": model.leaf_node(model.Leaf(case["account"], case["weight"])).hash}


def node_hash(_: Any, case: Case) -> Case:
    left, right = model.Node(case["left"], case["left_sum"]), model.Node(case["right"], case["right_sum"])
    parent = model.parent_node(left, right)
    return {"hash": parent.hash, "sum": parent.sum}


def allocation(rules: Any, case: Case) -> Case:
    return {"allocated": rules.allocate(case["amount"], case["weights"])}


def served(rules: Any, case: Case) -> Case:
    pledges = [(each["rank"], each["due"], each["cap"]) for each in case["pledges"]]
    taken, rest = rules.waterfall(case["available"], pledges)
    return {"taken": taken, "rest": rest}


def netted(rules: Any, case: Case) -> Case:
    lines = [(int(each["account"]), int(each["amount"])) for each in case["lines"]]
    return {"nets": [str(net) if net < 0 else net for net in rules.net(lines, len(case["nets"]))]}


def diversion(rules: Any, case: Case) -> Case:
    liens = [(lien["bps"], lien["due"], lien["arrears"]) for lien in case["liens"]]
    taken, rest = rules.divert(case["before"], case["after"], liens)
    return {"taken": taken, "rest": rest}


def loan(_: Any, case: Case) -> Case:
    instalments = tuple(model.Instalment(each["due_at"], each["amount"]) for each in case["instalments"])
    loan = model.Loan(
        case["principal"], case["rate_bps"], instalments, case["start"], overdue_rate_bps=case["overdue_rate_bps"]
    )
    steps: list[Case] = []
    for step in case["steps"]:
        at, charged, repaid = step["at"], step["charged"], step["repaid"]
        owed = model.parts(loan, at)
        interest = model.interest(model.accrue(loan, at))
        before = {
            "interest": interest,
            "arrears": owed.arrears,
            "due": model.due(loan, at),
            "debt": model.debt(loan, at),
        }
        loan = model.repay(model.charge(loan, charged, at), repaid, at)
        after = {
            "accrued_scaled": loan.accrued_scaled,
            "billed": loan.billed,
            "interest_paid": loan.interest_paid,
            "principal_repaid": loan.principal_repaid,
            "costs": loan.costs,
            "arrears_since": loan.arrears_since,
        }
        steps.append({"at": at, "charged": charged, "repaid": repaid} | before | after)
    return {"steps": steps}


def free(_: Any, case: Case) -> Case:
    liens = [(lien["bps"], lien["first"], lien["last"]) for lien in case["liens"]]
    return {"free_bps": model.free_bps(liens, case["first"], case["last"])}


def figure(_: Any, case: Case) -> Case:
    return {"lendable": model.lendable(int(case["value"]), case["uncertainty"])}


def standing(_: Any, case: Case) -> Case:
    disputed, stale = case["disputed"] == 1, case["stale"] == 1
    counted = model.counts(case["value"], case["previous"], case["stale_bps"], disputed=disputed, stale=stale)
    return {"counts": counted, "short": int(model.is_short(counted, case["maximum_ltv_bps"], case["debt"]))}


def outcome(answer: Callable[[Any, Case], Case], rules: Any, case: Case) -> Case:
    """What is answered, or how it is refused."""
    try:
        return answer(rules, case)
    except (model.ProofRefused, pyo3_core.ProofRefused) as refused:
        return {"error": type(refused).__name__, "reason": refused.reason, "value": refused.value}
    except (model.Refused, pyo3_core.CoreError) as refused:
        return {"error": type(refused).__name__}


# THE CHECK


def cases_of(file: str, kind: str) -> list[Case]:
    cases: list[Case] = json.loads((VECTORS / file).read_text(encoding="utf-8"))[kind]
    return cases


def nothing_before(cases: Iterable[Case]) -> Iterator[Case]:
    """The slices at the beginning of their total."""
    return (case for case in cases if case["before"] == "0")


def proofs(cases: Iterable[Case]) -> Iterator[Case]:
    """Each proof of each register, with all that belongs to it."""
    for case in cases:
        for each in case["proofs"]:
            index = int(each["index"])
            yield case | each | {"account": case["accounts"][index], "weight": case["weights"][index]}


def runs(cases: Iterable[Case]) -> Iterator[Case]:
    """Each run of neighbours, with the register that it stands in."""
    registers = cases_of("register.json", "registers")
    return (registers[int(case["register"])] | case for case in cases)


@dataclass(frozen=True)
class Kind:
    """A kind of vectors and who answers it."""

    file: str
    kind: str
    answer: Callable[[Any, Case], Case]
    promises: tuple[str, ...]
    by: tuple[type, ...] = (Model, Core)
    each: Callable[[list[Case]], Iterable[Case]] = iter
    columns: bool = False
    """Whether the core answers only what fits in its columns of 64 bits."""

    def cases(self, rules: type) -> list[Case]:
        cases = list(self.each(cases_of(self.file, self.kind)))
        if self.columns and rules is Core:
            return [case for case in cases if all(int(weight) <= U64 for weight in case["weights"])]
        return cases

    def holds(self, rules: type, case: Case) -> bool:
        case = read(case)
        return all(case.get(key) == value for key, value in outcome(self.answer, rules, case).items())


ENTITLED = ("entitled",)
STAGES = ("open", "closed")
ERROR = ("error",)
REFUSAL = ("error", "reason", "value")
REGISTER = ("accounts", "weights", "root", "total")
CLAIM = ("root", "index", "account", "weight", "proof", "before", "total")
NODE = ("left", "left_sum", "right", "right_sum", "hash", "sum")
KINDS = [
    Kind("sharing.json", "refused", closed_slice, ERROR),
    Kind("sharing.json", "refused", open_slice, ERROR, each=nothing_before),
    Kind("sharing.json", "open", open_slice, ENTITLED),
    Kind("sharing.json", "closed", closed_slice, ENTITLED),
    Kind("sharing.json", "columns", column, STAGES),
    Kind("sharing.json", "agreements", legs, STAGES),
    Kind("sharing.json", "agreements", agreement, STAGES, by=(Model,)),
    Kind("sharing.json", "nets", netted, ("nets",)),
    Kind("sharing.json", "refused_legs", agreement, ERROR, by=(Model,)),
    Kind("sharing.json", "registers", leg_register, STAGES),
    Kind("sharing.json", "registers", holders, STAGES, by=(Model,)),
    Kind("register.json", "refused", claim, REFUSAL),
    Kind("register.json", "refused_registers", register, ERROR, columns=True),
    Kind("register.json", "registers", register, REGISTER, columns=True),
    Kind("register.json", "registers", proof, ("index", "before", "proof"), each=proofs, columns=True),
    Kind("register.json", "registers", claim, CLAIM, each=proofs),
    Kind("register.json", "runs", run, ("before", "proof"), each=runs, columns=True),
    Kind("register.json", "runs", run_presented, ("before", "proof", "total"), by=(Model,), each=runs),
    Kind("register.json", "refused_runs", run_presented, REFUSAL, by=(Model,)),
    Kind("hashes.json", "keccak256", text_hash, ("data", "hash"), by=(Model,)),
    Kind("hashes.json", "leaves", leaf_hash, ("account", "weight", "hash"), by=(Model,)),
    Kind("hashes.json", "nodes", node_hash, NODE, by=(Model,)),
    Kind("hashes.json", "refused", node_hash, ERROR, by=(Model,)),
    Kind("allocation.json", "refused", allocation, ERROR),
    Kind("allocation.json", "allocations", allocation, ("allocated",)),
    Kind("liens.json", "refused_diversions", diversion, ERROR),
    Kind("liens.json", "diversions", diversion, ("taken", "rest")),
    Kind("liens.json", "waterfalls", served, ("taken", "rest")),
    Kind("liens.json", "loans", loan, (), by=(Model,)),
    Kind("liens.json", "refused_free", free, ERROR, by=(Model,)),
    Kind("liens.json", "free", free, ("free_bps",), by=(Model,)),
    Kind("covenants.json", "figures", figure, ("lendable",), by=(Model,)),
    Kind("covenants.json", "standings", standing, ("counts", "short"), by=(Model,)),
]

every_kind = pytest.mark.parametrize(
    ("kind", "rules"),
    [
        pytest.param(kind, rules, id=f"{kind.kind} of {kind.file} as {kind.answer.__name__} by {rules.__name__}")
        for kind in KINDS
        for rules in kind.by
    ],
)


@every_kind
def test_vectors_fail_with_one_byte_changed(kind: Kind, rules: type) -> None:
    for case in kind.cases(rules):
        for promise in kind.promises:
            tampered = case | {promise: changed(case[promise])}
            assert not kind.holds(rules, tampered), (promise, tampered)


@every_kind
def test_vectors_hold(kind: Kind, rules: type) -> None:
    cases = kind.cases(rules)
    assert cases
    for case in cases:
        assert kind.holds(rules, case), case


@pytest.mark.parametrize("figure", ["interest", "due", "debt", "accrued_scaled", "interest_paid", "principal_repaid"])
def test_loans_fail_with_one_byte_of_a_figure_changed(figure: str) -> None:
    kind = next(kind for kind in KINDS if kind.kind == "loans")
    for case in kind.cases(Model):
        for step in case["steps"]:
            tampered_steps = [
                each | {figure: changed(each[figure])} if each is step else each for each in case["steps"]
            ]
            assert not kind.holds(Model, case | {"steps": tampered_steps})


def test_every_kind_of_vector_is_checked() -> None:
    checked = {(kind.file, kind.kind) for kind in KINDS}
    for file in {kind.file for kind in KINDS}:
        written = json.loads((VECTORS / file).read_text(encoding="utf-8"))
        assert {key for key in written if (file, key) not in checked} == {"rule"}


# FRESHNESS


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "scripts" / "generate_vectors.py")
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)


def test_stale_vectors_are_named(tmp_path: Path) -> None:
    assert generate("--directory", str(tmp_path)).returncode == 0
    stale = tmp_path / "register.json"
    stale.write_text(stale.read_text(encoding="utf-8").replace("a", "b", 1), encoding="utf-8")
    (tmp_path / "liens.json").unlink()

    checked = generate("--check", "--directory", str(tmp_path))

    assert checked.returncode == 1
    assert "register.json is not what the specification says" in checked.stderr
    assert "liens.json is not what the specification says" in checked.stderr
    assert "sharing.json" not in checked.stderr
    assert not (tmp_path / "liens.json").exists()


def test_vectors_are_what_the_specification_says() -> None:
    checked = generate("--check")
    assert checked.returncode == 0, checked.stderr
