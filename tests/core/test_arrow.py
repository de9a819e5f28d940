"""Columns that come from Arrow and go to it, through its PyCapsule interface: where they are, not copied."""

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray

import pyo3_core
from pyo3_core import Column, Register, RegisterWriter, shares

ACCOUNTS: list[bytes] = [bytes([number]) * 20 for number in range(1, 10)]
WEIGHTS = [5, 0, 7, 11, 13, 17, 19, 23, 2**63]


def u64(values: list[int]) -> NDArray[np.uint64]:
    return np.array(values, np.uint64)


def table(accounts: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(accounts), np.uint8).reshape(-1, 20)


@pytest.mark.parametrize("closed", [False, True])
def test_array_and_slice_are_columns(closed: bool) -> None:
    expected = shares(10**6 + 7, u64(WEIGHTS), closed=closed).tolist()
    middle = shares(10**6 + 7, u64(WEIGHTS[2:5]), closed=closed).tolist()
    array = pa.array(WEIGHTS, pa.uint64())
    series = pl.Series(WEIGHTS, dtype=pl.UInt64)
    for column in (array, series, pa.chunked_array([array])):
        assert shares(10**6 + 7, column, closed=closed).tolist() == expected
        assert shares(10**6 + 7, column[2:5], closed=closed).tolist() == middle


def test_array_is_read_where_it_is() -> None:
    memory = u64([1, 2, 3])
    array = pa.array(memory)
    assert array.buffers()[1].address == memory.ctypes.data
    with pytest.raises(ValueError, match="the output overlaps an input"):
        shares(6, array, closed=True, out=memory)
    before = pa.total_allocated_bytes()
    assert shares(6, array, closed=True).tolist() == [1, 2, 3]
    assert pa.total_allocated_bytes() == before


def test_output_never_lies_over_an_input() -> None:
    memory = np.zeros(8, np.uint64)
    array = pa.array(memory)
    names = pa.array(memory.view(np.uint32))
    numbers = np.arange(8, dtype=np.uint64)
    with pytest.raises(ValueError, match="overlaps"):
        pyo3_core.shares_ragged(u64([1]), u64([0, 8]), array, closed=True, out=memory)
    with pytest.raises(ValueError, match="overlaps"):
        pyo3_core.split_receipts(array, np.zeros(8, np.uint32), [[10_000]], out=memory)
    with pytest.raises(ValueError, match="overlaps"):
        pyo3_core.waterfall(u64([1]), u64([0, 8]), np.zeros(8, np.uint8), array, numbers, out=(memory, u64([0])))
    with pytest.raises(ValueError, match="overlaps"):
        pyo3_core.net(names, np.zeros(16, np.int64), 4, out=memory.reshape(2, 4))


def test_nulls_are_refused_and_only_where_they_are_read() -> None:
    for column in (pa.array([1, None, 3, None], pa.uint64()), pl.Series([1, None, 3, None], dtype=pl.UInt64)):
        with pytest.raises(pyo3_core.NullsInColumn, match="the column has 2 nulls") as refused:
            shares(6, column, closed=True)
        assert refused.value.count == 2
        with pytest.raises(pyo3_core.NullsInColumn, match="1 null"):
            shares(6, column[1:3], closed=True)
        assert shares(6, column[2:3], closed=True).tolist() == [6]
    with pytest.raises(pyo3_core.NullsInColumn):
        Register(pa.array([ACCOUNTS[0], None], pa.binary(20)), u64([1, 1]))


@pytest.mark.parametrize(
    "wrong",
    [
        pa.array([1, 2], pa.int64()),
        pa.array([1.0]),
        pa.array(["1"]),
        pa.array([1, 2], pa.uint64()).dictionary_encode(),
        pa.record_batch({"weight": pa.array([1], pa.uint64())}),
        pl.Series([1], dtype=pl.Int64),
        pl.DataFrame({"weight": [1]}),
    ],
)
def test_array_of_another_type_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="expected an Arrow array of format"):
        shares(1, wrong, closed=True)


def test_accounts_of_another_width_are_refused() -> None:
    with pytest.raises(TypeError, match="w:20"):
        Register(pa.array([bytes(19)], pa.binary(19)), u64([1]))
    with pytest.raises(TypeError, match="expected an Arrow array of format"):
        Register(pl.Series([[1] * 20], dtype=pl.Array(pl.UInt16, 20)), u64([1]))


@pytest.mark.parametrize("closed", [False, True])
def test_chunks_are_shards(closed: bool) -> None:
    chunks = [WEIGHTS[:2], [], WEIGHTS[2:7], WEIGHTS[7:]]
    expected = shares(2**64 - 1, u64(WEIGHTS), closed=closed).tolist()
    chunked = pa.chunked_array([pa.array(chunk, pa.uint64()) for chunk in chunks])
    series = pl.concat([pl.Series(chunk, dtype=pl.UInt64) for chunk in chunks], rechunk=False)
    assert series.n_chunks() > 1
    out = np.zeros(len(WEIGHTS), np.uint64)
    for column in (chunked, series):
        assert shares(2**64 - 1, column, closed=closed).tolist() == expected
        assert np.shares_memory(shares(2**64 - 1, column, closed=closed, out=out), out)
        assert out.tolist() == expected
    with pytest.raises(pyo3_core.WeightAboveTotal):
        shares(5, chunked, closed=closed, total=sum(WEIGHTS) - 1)
    with pytest.raises(pyo3_core.LengthMismatch):
        shares(5, chunked, closed=closed, out=out[1:])
    with pytest.raises(pyo3_core.TotalIsZero):
        shares(5, pa.chunked_array([], pa.uint64()), closed=closed)


def test_column_that_must_be_in_one_piece_says_so() -> None:
    chunked = pa.chunked_array([pa.array([1, 2], pa.uint64()), pa.array([3], pa.uint64())])
    with pytest.raises(TypeError, match="expected one chunk, got 2"):
        pyo3_core.allocate(6, chunked)
    assert pyo3_core.allocate(6, chunked.combine_chunks()).tolist() == [1, 2, 3]


def test_accounts_are_fixed_size_binary_or_lists() -> None:
    expected = Register(table(ACCOUNTS), u64(WEIGHTS))
    binary = pa.array(ACCOUNTS, pa.binary(20))
    lists = pl.Series([list(account) for account in ACCOUNTS], dtype=pl.Array(pl.UInt8, 20))
    weights = pa.array(WEIGHTS, pa.uint64())
    for accounts in (binary, lists):
        assert Register(accounts, weights).root == expected.root
        part = Register(accounts[3:8], weights[3:8])
        assert part.root == Register(table(ACCOUNTS[3:8]), u64(WEIGHTS[3:8])).root
        assert part.leaf(0) == (ACCOUNTS[3], WEIGHTS[3])


def test_register_keeps_the_arrays_it_reads_from() -> None:
    accounts, weights = pa.array(ACCOUNTS * 10_000, pa.binary(20)), pa.array(WEIGHTS * 10_000, pa.uint64())
    held = pa.total_allocated_bytes()
    register = Register(accounts, weights)
    proof = register.proof(77_777)
    del accounts, weights
    gc.collect()
    assert pa.total_allocated_bytes() >= held
    assert register.proof(77_777) == proof
    assert register.audit()
    del register
    gc.collect()
    assert pa.total_allocated_bytes() < held - 1_000_000


def test_chunks_that_end_at_different_rows_are_written_alike(tmp_path: Path) -> None:
    accounts = pa.chunked_array([pa.array(ACCOUNTS[:4], pa.binary(20)), pa.array(ACCOUNTS[4:], pa.binary(20))])
    weights = pa.chunked_array([pa.array(WEIGHTS[:7], pa.uint64()), pa.array(WEIGHTS[7:], pa.uint64())])
    writer = RegisterWriter(tmp_path / "register", len(WEIGHTS))
    with pytest.raises(pyo3_core.LengthMismatch):
        writer.append(accounts, weights[1:])
    writer.append(accounts, weights)
    register = writer.finish()
    assert register.root == Register(table(ACCOUNTS), u64(WEIGHTS)).root
    assert register.audit()


# OUT OF IT


def test_column_is_handed_out_where_it_is() -> None:
    shared = shares(10**9, u64(WEIGHTS), closed=True)
    address, values = shared.ctypes.data, shared.tolist()
    column = Column(shared)
    array, series = pa.array(column), pl.Series(column)
    assert array.type == pa.uint64()
    assert array.buffers()[1].address == address
    assert series.to_numpy(allow_copy=False).ctypes.data == address
    assert len(column) == len(values)
    with pytest.raises(ValueError, match="read-only"):
        shared[0] = 1
    del shared, column
    gc.collect()
    assert array.to_pylist() == series.to_list() == values


def test_accounts_are_handed_out_as_fixed_size_binary() -> None:
    accounts = table(ACCOUNTS).copy()
    array = pa.array(Column(accounts))
    assert array.type == pa.binary(20)
    assert array.buffers()[1].address == accounts.ctypes.data
    assert array.to_pylist() == ACCOUNTS
    assert pa.schema([pa.field("account", pa.binary(20))]).field(0).type == array.type


def test_array_is_let_go_when_nobody_holds_it() -> None:
    shared = shares(10**9, u64(WEIGHTS), closed=True)
    gone = weakref.ref(shared)
    array = pa.array(Column(shared))
    del shared
    gc.collect()
    assert gone() is not None
    del array
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros((2, 19), np.uint8), np.zeros(6, np.uint64)[::2], [1, 2]])
def test_other_array_is_not_handed_out(wrong: Any) -> None:
    with pytest.raises(TypeError, match="expected a C-contiguous column of uint64"):
        Column(wrong)


# INTO A COLUMN THAT IS THERE


def test_every_column_is_written_where_it_is_wanted() -> None:
    weights, offsets = u64([1, 1, 1, 5]), u64([0, 3, 4])
    out = np.full(4, 9, np.uint64)
    ragged = pyo3_core.shares_ragged(u64([100, 7]), offsets, weights, closed=True, out=out)
    assert np.shares_memory(ragged, out)
    assert out.tolist() == [33, 33, 34, 7]
    with pytest.raises(pyo3_core.LengthMismatch):
        pyo3_core.shares_ragged(u64([100, 7]), offsets, weights, closed=True, out=out[1:])

    split = pyo3_core.split_receipts(u64([10, 11]), np.zeros(2, np.uint32), [[5_000, 5_000]], out=out)
    assert np.shares_memory(split, out)
    assert out.tolist() == [5, 5, 5, 6]
    for wrong in (np.zeros(3, np.uint64), np.zeros(5, np.uint64)):
        with pytest.raises(pyo3_core.LengthMismatch):
            pyo3_core.split_receipts(u64([10, 11]), np.zeros(2, np.uint32), [[5_000, 5_000]], out=wrong)

    rest = np.full(2, 9, np.uint64)
    rank, due = np.array([1, 0, 1, 0], np.uint8), u64([10, 7, 20, 5])
    pool = u64([12, 9]), offsets, rank, due, u64([100, 100, 5, 100])
    taken, left = pyo3_core.waterfall(*pool, out=(out, rest))
    assert np.shares_memory(taken, out)
    assert np.shares_memory(left, rest)
    assert (out.tolist(), rest.tolist()) == ([3, 7, 2, 5], [0, 4])
    with pytest.raises(pyo3_core.LengthMismatch):
        pyo3_core.waterfall(*pool, out=(out, rest[1:]))

    nets = np.full((2, 3), 9, np.uint64)
    netted = pyo3_core.net(np.array([0, 2, 0], np.uint32), np.array([1, -2, 3]), 3, out=nets)
    assert np.shares_memory(netted, nets)
    assert nets.tolist() == [[4, 0, 2**64 - 2], [0, 0, 2**64 - 1]]
    with pytest.raises(pyo3_core.LengthMismatch):
        pyo3_core.net(np.array([0], np.uint32), np.array([1]), 2, out=nets)
