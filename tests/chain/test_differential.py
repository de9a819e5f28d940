"""One rule in three languages: Solidity, the specification in Python and the Rust core, on the same random cases.

The seed of a run is printed with a failure; `GONGSHENG_SEED` repeats it.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from eth_utils.address import to_checksum_address

import pyo3_core
from ledger_service.chain.client import connect
from ledger_service.chain.compiler import SOLC_FOLDER, SOLC_VERSION, compile_contracts, standard_input
from ledger_service.chain.embedded import embedded_chain
from ledger_service.chain.tools import ROOT

sys.path.append(str(ROOT / "tests"))

import model

SEED = int(os.environ.get("GONGSHENG_SEED", "20261122"))
REFUSED = 2**256 - 1
MAX = model.MAX_AMOUNT
PER_CALL = 500
COUNTS = {"open": 3_000, "closed": 3_000, "chunked": 3_000, "leaves": 1_500, "liens": 1_500}


class Slice(NamedTuple):
    """`LibraryHarness.Slice`."""

    income: int
    before: int
    weight: int
    total: int


class Presented(NamedTuple):
    """`LibraryHarness.Presented`."""

    root: bytes
    count: int
    index: int
    account: str
    weight: int
    proof: bytes


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The libraries' own functions on a chain."""
    os.environ["SOLCX_BINARY_PATH"] = str(SOLC_FOLDER)  # solcx looks here when it is imported.
    import solcx

    compile_contracts()
    path = "contracts/mocks/LibraryHarness.sol"
    asked = standard_input()
    asked["sources"][path] = {"content": (ROOT / path).read_text("utf-8")}
    asked["settings"]["outputSelection"] = {path: {"LibraryHarness": ["abi", "evm.bytecode.object"]}}
    solcx.set_solc_version(SOLC_VERSION)
    output = solcx.compile_standard(asked, base_path=str(ROOT), allow_paths=[str(ROOT)])
    compiled = output["contracts"][path]["LibraryHarness"]
    folder: Path = tmp_path_factory.mktemp("differential")
    with embedded_chain(folder=folder, keep_state=False) as url:
        w3 = connect(url)
        contract = w3.eth.contract(abi=compiled["abi"], bytecode=compiled["evm"]["bytecode"]["object"])
        receipt = w3.eth.wait_for_transaction_receipt(contract.constructor().transact({"from": w3.eth.accounts[0]}))
        assert receipt["contractAddress"] is not None
        yield w3.eth.contract(address=receipt["contractAddress"], abi=compiled["abi"]).functions


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Random:
    print(f"seed {SEED}")
    return Random(f"{SEED} {request.node.name}")


def chunks(cases: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (cases[start : start + PER_CALL] for start in range(0, len(cases), PER_CALL))


def said(rule: Callable[..., int], *case: int) -> int:
    """What a rule answers, or that it refused."""
    try:
        return rule(*case)
    except (model.Refused, pyo3_core.CoreError):
        return REFUSED


def amount(random: Random) -> int:
    """Any amount: nothing, a few fen, a county's year, and close to 2^128."""
    return random.choice(
        [
            random.randint(0, 3),
            random.randint(0, 10**6),
            random.randint(0, 10**12),
            2 ** random.randint(0, 127) + random.randint(-1, 1),
            random.randint(0, MAX),
            MAX - random.randint(0, 3),
        ]
    )


def slice_of(random: Random) -> Slice:
    """A slice, sometimes of nothing, of everything, or beyond its total."""
    total = amount(random)
    before = random.choice([0, random.randint(0, total)])
    weight = random.choice([0, total - before, random.randint(0, total - before), random.randint(0, total - before)])
    if random.random() < 0.1:
        weight = min(MAX, weight + random.randint(1, 3))
    return Slice(amount(random), before, weight, total)


def test_open_shares_are_the_same_in_all_three(harness, random: Random) -> None:
    cases = [slice_of(random) for _ in range(COUNTS["open"])]
    answers = [answer for some in chunks(cases) for answer in harness.entitledMany(some, False).call()]
    refused = 0
    for case, answer in zip(cases, answers, strict=True):
        asked = (case.income, case.weight, case.total)
        assert answer == said(model.entitled_open, *asked) == said(pyo3_core.entitled_open, *asked), case
        refused += answer == REFUSED
    assert 0 < refused < len(cases) // 2


def test_closed_shares_are_the_same_in_all_three(harness, random: Random) -> None:
    cases = [slice_of(random) for _ in range(COUNTS["closed"])]
    answers = [answer for some in chunks(cases) for answer in harness.entitledMany(some, True).call()]
    refused = 0
    for case, answer in zip(cases, answers, strict=True):
        assert answer == said(model.entitled_closed, *case) == said(pyo3_core.entitled_closed, *case), case
        refused += answer == REFUSED
    assert 0 < refused < len(cases) // 2


def test_income_in_chunks_of_fen_is_shared_as_one_sum_in_all_three(harness, random: Random) -> None:
    """Receipts of a few fen into three legs, of which one has holders, some of them without weight, some alone."""
    asked: list[tuple[bool, Slice]] = []
    expected: list[int] = []
    paid: list[tuple[int, int]] = []
    while len(asked) < COUNTS["chunked"]:
        cuts = sorted(random.randint(0, 10_000) for _ in range(2))
        legs = [cuts[0], cuts[1] - cuts[0], 10_000 - cuts[1]]
        weights = [random.choice([0, 1, random.randint(0, 9), amount(random)]) for _ in range(random.randint(1, 5))]
        weights[random.randrange(len(weights))] += 1
        if sum(weights) > MAX:
            continue
        befores = [end - weight for end, weight in zip(accumulate(weights), weights, strict=True)]
        received, leg_before, total = random.choice([0, 10**30]), legs[0], sum(weights)
        index = random.randrange(len(weights))
        for step in range(8):
            received += random.choice([1, 1, 2, 3, 7])
            closed = step == 7
            leg = model.leg_income(received, legs, 1, closed=closed)
            asked.append((closed, Slice(received, leg_before, legs[1], 10_000)))
            expected.append(leg)
            asked.append((closed, Slice(leg, befores[index], weights[index], total)))
            expected.append(model.holder_income(received, legs, 1, weights, index, closed=closed))
        holders = [
            pyo3_core.entitled_closed(leg, before, weight, total)
            for before, weight in zip(befores, weights, strict=True)
        ]
        paid.append((sum(holders), leg))
    for closed in (False, True):
        rows = [row for row, (is_closed, _) in enumerate(asked) if is_closed is closed]
        cases = [asked[row][1] for row in rows]
        answers = [answer for some in chunks(cases) for answer in harness.entitledMany(some, closed).call()]
        for row, case, answer in zip(rows, cases, answers, strict=True):
            core = (
                pyo3_core.entitled_closed(*case)
                if closed
                else pyo3_core.entitled_open(case.income, case.weight, case.total)
            )
            assert answer == expected[row] == core, case
    assert all(shared == income for shared, income in paid)


def test_leaves_of_registers_are_proved_the_same_in_all_three(harness, random: Random) -> None:
    """Registers of any shape, up to a total of 2^128 − 1; a part of the proofs has one bit changed."""
    cases: list[Presented] = []
    expected: list[tuple[int, int]] = []
    while len(cases) < COUNTS["leaves"]:
        count = random.choice([1, 2, 3, 5, 8, 13])
        most = random.choice([1, 9, 2**64 - 1, MAX // count])
        weights = [random.choice([0, most, random.randint(0, most)]) for _ in range(count)]
        if not any(weights):
            weights[0] = most
        if most == MAX // count:
            weights[-1] = MAX - sum(weights[:-1])
        accounts = [random.randbytes(20) for _ in range(count)]
        register = model.Register([model.Leaf(*leaf) for leaf in zip(accounts, weights, strict=True)])
        for index in range(count):
            for is_forged in (False, False, random.random() < 0.5):
                account, weight, proof = accounts[index], weights[index], register.proof(index)
                place = random.randrange(len(proof) * 8 + 128)
                if is_forged and place < 128:
                    weight ^= 1 << place
                elif is_forged:
                    changed = int.from_bytes(proof, "big") ^ 1 << (place - 128)
                    proof = changed.to_bytes(len(proof), "big")
                cases.append(
                    Presented(register.root, count, index, to_checksum_address("0x" + account.hex()), weight, proof)
                )
                try:
                    expected.append(model.verify(register.root, count, index, model.Leaf(account, weight), proof))
                except model.Refused:
                    expected.append((REFUSED, REFUSED))
    answers = [answer for some in chunks(cases) for answer in zip(*harness.verifyMany(some).call(), strict=True)]
    for case, said_, answer in zip(cases, expected, answers, strict=True):
        assert answer == said_, case
        account = bytes.fromhex(case.account[2:])
        try:
            core = pyo3_core.verify(case.root, case.count, case.index, account, case.weight, case.proof)
        except pyo3_core.CoreError:
            core = (REFUSED, REFUSED)
        assert core == said_, case
    refused = expected.count((REFUSED, REFUSED))
    assert 0 < refused < len(cases) // 2


def test_liens_are_served_the_same_by_the_specification_and_the_core(random: Random) -> None:
    """SPEC L1 and L12 with up to 8 liens. `Pledges` is held against the specification by its own random claims."""
    for _ in range(COUNTS["liens"]):
        cuts = sorted(random.randint(0, 10_000) for _ in range(random.randint(0, 8)))
        shares = [after - before for before, after in zip([0, *cuts], cuts, strict=False)]
        before, step = amount(random), random.choice([0, 1, random.randint(0, 100), amount(random)])
        after = min(MAX, before + step)
        dues = [amount(random) for _ in shares]
        liens = [
            (bps, due, random.choice([0, random.randint(0, due), due])) for bps, due in zip(shares, dues, strict=True)
        ]
        expected = model.divert(before, after, liens)
        assert pyo3_core.divert(before, after, liens) == expected
        taken, rest = expected
        assert sum(taken) + rest == after - before
