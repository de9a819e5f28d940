"""The columns of the compiled core against the executable specification, in more cases than anyone would write down."""

import json
import random
import subprocess
from collections.abc import Iterable
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any

import model
import numpy as np
import pytest
from numpy.typing import NDArray

import pyo3_core
from pyo3_core import Register, RegisterWriter, Shard, StandardTree

ROOT = Path(__file__).resolve().parent.parent.parent
U64 = 2**64 - 1
SEED = 20_260_101


def number(rng: random.Random, bits: int = 64) -> int:
    """A number of any size, the ends of the range more often than by chance."""
    if rng.random() < 0.1:
        return rng.choice([0, 1, 2**bits - 1, 2 ** (bits - 1), 2**32])
    return rng.getrandbits(rng.randint(1, bits))


def u64(values: Any) -> NDArray[np.uint64]:
    return np.array(values, np.uint64)


def flat(runs: Iterable[Iterable[Any]]) -> list[Any]:
    return list(chain.from_iterable(runs))


def closed(income: int, weights: list[int]) -> list[int]:
    """S2 for a column, once its total is known not to be zero."""
    ends = [0, *accumulate(weights)]
    return [income * end // ends[-1] - income * begin // ends[-1] for begin, end in pairwise(ends)]


def test_shares_are_the_specified_ones_in_a_hundred_thousand_cases() -> None:
    rng = random.Random(SEED)
    for case in range(100_000):
        bits = rng.choice([4, 16, 40, 64])
        income, weights = number(rng), [number(rng, bits) for _ in range(rng.randint(1, 6))]
        if not any(weights):
            weights[-1] = 1
        total, column = sum(weights), u64(weights)
        slices = zip(weights, accumulate(weights), strict=True)
        shared = pyo3_core.shares(income, column, closed=True).tolist()
        assert shared == [model.entitled_closed(income, end - each, each, total) for each, end in slices], case
        assert sum(shared) == income
        opened = pyo3_core.shares(income, column, closed=False).tolist()
        assert opened == [model.entitled_open(income, each, total) for each in weights], case


def test_receipts_of_one_call_are_shared_like_each_alone() -> None:
    rng = random.Random(SEED)
    for _ in range(300):
        runs = [[number(rng, 40) for _ in range(rng.randint(1, 30))] for _ in range(rng.randint(0, 30))]
        runs = [run if any(run) else [*run, 1] for run in runs]
        incomes = [number(rng) for _ in runs]
        offsets = u64([0, *accumulate(map(len, runs))])
        shared = pyo3_core.shares_ragged(u64(incomes), offsets, u64(flat(runs)), closed=True)
        each = [closed(income, run) for income, run in zip(incomes, runs, strict=True)]
        assert shared.tolist() == flat(each)


def test_receipts_are_split_among_the_legs_of_their_agreement() -> None:
    rng = random.Random(SEED)
    legs = [[3_000, 4_000, 3_000], [2_000, 8_000], [10_000], [0, 1, 9_998, 1], [1_000] * 10]
    for chosen in ([0, 1, 2, 3], [4], [0, 1, 2, 3, 4]):
        amounts = [number(rng) for _ in range(5_000)] + [2**50 - 1, 2**50, 2**50 + 1]
        agreement = [rng.randrange(len(chosen)) for _ in amounts]
        agreements = [legs[each] for each in chosen]
        split = pyo3_core.split_receipts(u64(amounts), np.array(agreement, np.uint32), agreements)
        each = [closed(amount, agreements[which]) for amount, which in zip(amounts, agreement, strict=True)]
        assert split.tolist() == flat(each)


def test_pools_are_served_as_specified() -> None:
    rng = random.Random(SEED)
    queues = [[(rng.randrange(8), number(rng), number(rng)) for _ in range(rng.randint(0, 12))] for _ in range(5_000)]
    available = [rng.choice([0, number(rng), sum(min(due, cap) for _, due, cap in q) & U64]) for q in queues]
    rank, due, cap = zip(*flat(queues), strict=True)
    offsets = u64([0, *accumulate(map(len, queues))])
    taken, rest = pyo3_core.waterfall(u64(available), offsets, np.array(rank, np.uint8), u64(due), u64(cap))
    served = [model.waterfall(*pool) for pool in zip(available, queues, strict=True)]
    assert taken.tolist() == flat(answer for answer, _ in served)
    assert rest.tolist() == [left for _, left in served]


def test_lines_are_netted_as_specified() -> None:
    rng = random.Random(SEED)
    lines = [(rng.randrange(50), number(rng) - 2**63) for _ in range(20_000)]
    account, amounts = zip(*lines, strict=True)
    low, high = pyo3_core.net(np.array(account, np.uint32), np.array(amounts, np.int64), 50)
    nets = [(top << 64) + bottom for top, bottom in zip(high.view(np.int64).tolist(), low.tolist(), strict=True)]
    assert nets == model.net(lines, 50)


# SHARDS AND THREADS


def holders(count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    rng = np.random.default_rng(SEED)
    return rng.integers(1, 256, (count, 20), dtype=np.uint8), rng.integers(0, 2**40, count, dtype=np.uint64)


@pytest.mark.parametrize("count", [1, 7, 1_024, 1_025, 10_007])
def test_result_does_not_depend_on_threads_lanes_or_shards(count: int) -> None:
    accounts, weights = holders(count)
    weights[0] = 1
    register = Register(accounts, weights)
    total, income = register.total, 10**12 + 7
    for closed in (False, True):
        expected = register.statements(income, closed=closed).tolist()
        for threads in (1, 2, 7):
            assert pyo3_core.shares(income, weights, closed=closed, threads=threads).tolist() == expected
            assert register.statements(income, closed=closed, threads=threads).tolist() == expected
        cut = count // 3
        before = int(weights[:cut].sum())
        first = pyo3_core.shares(income, weights[:cut], closed=closed, total=total, before=0)
        second = pyo3_core.shares(income, weights[cut:], closed=closed, total=total, before=before)
        assert [*first.tolist(), *second.tolist()] == expected
    for lane in pyo3_core.lanes():
        for threads in (1, 2, 7):
            assert Register(accounts, weights, threads=threads, lanes=lane).root == register.root
    shards = [
        Shard(begin, accounts[begin:end], weights[begin:end]) for begin, end in pairwise([0, cut, count // 2, count])
    ]
    left = shards[0].merged(shards[1]).merged(shards[2])
    right = shards[0].merged(shards[1].merged(shards[2]))
    assert left.finish() == right.finish() == (register.root, total, count)


def test_shard_that_ends_above_the_total_is_refused() -> None:
    with pytest.raises(pyo3_core.WeightAboveTotal):
        pyo3_core.shares(5, u64([3, 4]), closed=True, total=6)
    with pytest.raises(pyo3_core.WeightAboveTotal):
        pyo3_core.shares(5, u64([U64, 2]), closed=False, total=1)
    with pytest.raises(pyo3_core.WeightAboveTotal):
        pyo3_core.shares(5, u64([3]), closed=True, total=6, before=4)
    with pytest.raises(pyo3_core.LengthMismatch):
        pyo3_core.shares(5, u64([3]), closed=True, out=u64([1, 2]))
    with pytest.raises(ValueError, match="abacus"):
        Register(*holders(3), lanes="abacus")


def test_output_is_written_where_it_is_wanted() -> None:
    out = np.empty(3, np.uint64)
    shared = pyo3_core.shares(100, u64([1, 1, 1]), closed=True, out=out)
    assert np.shares_memory(shared, out)
    assert out.tolist() == [33, 33, 34]


def test_column_names_what_is_not_there() -> None:
    with pytest.raises(pyo3_core.LegsNotWhole) as legs:
        pyo3_core.split_receipts(u64([1]), np.array([0], np.uint32), [[9_999]])
    assert legs.value.total_bps == 9_999
    with pytest.raises(pyo3_core.OutOfRange) as named:
        pyo3_core.net(np.array([0, 9], np.uint32), np.array([1, 1]), 2)
    assert (named.value.what, named.value.index, named.value.value, named.value.limit) == ("account", 1, 9, 2)
    with pytest.raises(pyo3_core.OutOfRange, match="offset"):
        pyo3_core.shares_ragged(u64([1, 1]), u64([0, 5, 2]), u64([1, 1]), closed=True)


# REGISTERS


def test_register_is_saved_opened_and_streamed_alike(tmp_path: Path) -> None:
    accounts, weights = holders(70_001)
    register = Register(accounts, weights)
    register.save(tmp_path / "saved")
    writer = RegisterWriter(tmp_path / "streamed", 70_001)
    for begin in range(0, 70_001, 9_000):
        writer.append(accounts[begin : begin + 9_000], weights[begin : begin + 9_000])
    streamed = writer.finish()
    assert (tmp_path / "saved").read_bytes() == (tmp_path / "streamed").read_bytes()
    for opened in (streamed, Register.open(tmp_path / "saved")):
        assert (opened.root, opened.total, opened.count) == (register.root, register.total, 70_001)
        assert opened.proof(70_000) == register.proof(70_000)
        assert opened.audit()
    with pytest.raises(ValueError, match="finished"):
        writer.finish()


def test_file_that_is_none_or_was_changed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "register"
    RegisterWriter(path, 5)
    with pytest.raises(pyo3_core.NotARegister):
        Register.open(path)
    register = Register(*holders(40))
    register.save(path)
    content = bytearray(path.read_bytes())
    path.write_bytes(content + b"\0")
    with pytest.raises(pyo3_core.LengthMismatch):
        Register.open(path)
    content[64] ^= 1
    path.write_bytes(content)
    assert not Register.open(path).audit()


def test_register_with_new_leaves_is_the_one_built_of_them() -> None:
    accounts, weights = holders(3_000)
    register = Register(accounts, weights)
    indices = u64([2_999, 0, 1_500])
    replaced = register.replaced(indices, accounts[:3], u64([1, 2, 3]))
    changed = [accounts.copy(), weights.copy()]
    changed[0][[2_999, 0, 1_500]] = accounts[:3]
    changed[1][[2_999, 0, 1_500]] = [1, 2, 3]
    assert replaced.root == Register(*changed).root
    assert register.root == Register(accounts, weights).root
    with pytest.raises(pyo3_core.NoSuchLeaf):
        register.replaced(u64([3_000]), accounts[:1], u64([1]))


def test_register_does_not_change_with_the_arrays_it_was_built_from() -> None:
    accounts, weights = holders(100)
    register = Register(accounts, weights)
    proof = register.proof(7)
    accounts[:] = 9
    weights[:] = 9
    assert register.proof(7) == proof
    assert register.audit()


def test_proofs_of_many_are_those_of_each() -> None:
    register = Register(*holders(1_003))
    indices = u64([1_002, 0, 5, 5, 1_001])
    proofs, offsets = register.proofs(indices)
    each = [register.proof(index) for index in indices.tolist()]
    assert [proofs[begin:end].tobytes() for begin, end in pairwise(offsets.tolist())] == each
    with pytest.raises(pyo3_core.NoSuchLeaf):
        register.proofs(u64([1_003]))


# OPENZEPPELIN

LIBRARY = """
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const values = JSON.parse(require("fs").readFileSync(0, "utf8"));
const tree = StandardMerkleTree.of(values, ["address", "uint256"]);
console.log(JSON.stringify({ root: tree.root, proofs: values.map((_, i) => tree.getProof(i)) }));
"""


@pytest.mark.parametrize("count", [1, 2, 3, 16, 17, 60])
def test_standard_tree_is_that_of_the_npm_library(count: int) -> None:
    accounts, weights = holders(count)
    if count > 3:
        accounts[3], weights[3] = accounts[1], weights[1]
    values = [["0x" + account.tobytes().hex(), str(weight)] for account, weight in zip(accounts, weights, strict=True)]
    ran = subprocess.run(
        ["node", "-e", LIBRARY], input=json.dumps(values), capture_output=True, text=True, check=True, cwd=ROOT
    )
    theirs = json.loads(ran.stdout)
    tree = StandardTree(accounts, weights)
    assert "0x" + tree.root.hex() == theirs["root"]
    assert [["0x" + hash.hex() for hash in tree.proof(index)] for index in range(count)] == theirs["proofs"]
    for index in range(count):
        pyo3_core.verify_standard(tree.root, accounts[index].tobytes(), int(weights[index]), tree.proof(index))
        with pytest.raises(pyo3_core.ProofRefused):
            pyo3_core.verify_standard(tree.root, bytes(20), int(weights[index]), tree.proof(index))
