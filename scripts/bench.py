"""How fast the settlement core is, as ratios to yardsticks and peers measured in the same process, round by round.

Every round has a fresh seed, which is printed. A yardstick runs before and after its subject (B1, B2, B5, B6, B8, B9);
a peer runs after it, and B3 and B4 have nothing but peers. The peer of B7, the npm library, is a process of its own.

What comes out is hashed and held to another answer: to the specification in big integers in a random hundredth of the
lines (B1, B2, B8, B9), or in the first tenth (B3, B4); to NumPy's 64-bit sums in every account (B5); to the roots of
the other lanes, with a hundredth of the proofs verified (B6); to the npm library's root of 3,000 leaves (B7). What is
shared is added up as well.

The table shows the median of the rounds, by which a row holds or not, and the worst quartile, losses as well;
``build/bench.json`` has the same. A row without a target is there to be read.
"""

import argparse
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

os.environ["POLARS_MAX_THREADS"] = "1"

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import pyo3_core

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import model  # noqa: E402 - the specification is found beside the tests.

RESULTS: Final = ROOT / "build" / "bench.json"

POOL: Final = ThreadPoolExecutor(2)
"""Two threads, for the rows and yardsticks of two."""

Column = NDArray[np.uint64]


def yardsticks() -> ModuleType:
    """Build and load the native yardsticks."""
    manifest = ROOT / "pyo3_core" / "Cargo.toml"
    command = ["cargo", "build", "--quiet", "--release", "--manifest-path", str(manifest), "-p", "gongsheng-yardsticks"]
    subprocess.run(command, check=True, env=os.environ | {"PYO3_BUILD_EXTENSION_MODULE": "1"})
    path = next((ROOT / "pyo3_core" / "target" / "release").glob("libyardsticks.*[!d]"))
    loader = importlib.machinery.ExtensionFileLoader("yardsticks", str(path))
    spec = importlib.util.spec_from_loader("yardsticks", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """How long ``work`` takes, and what comes out."""
    begun = time.perf_counter()
    out = work()
    return time.perf_counter() - begun, out


def against(yardstick: Callable[[], Any], subject: Callable[[], Any]) -> tuple[float, Any]:
    """The time of the subject in yardsticks, one of which runs before and one after it."""
    before, _ = seconds(yardstick)
    taken, out = seconds(subject)
    after, _ = seconds(yardstick)
    return taken / ((before + after) / 2), out


def together(*works: Callable[[], Any]) -> list[Any]:
    """Do all of it at once, each in a thread of its own: what is measured lets go of the interpreter."""
    return list(POOL.map(lambda work: work(), works))


def peer_over(subject: float, units: int, peer: Callable[[], Any], peer_units: int) -> tuple[float, Any]:
    """How many times faster the subject is, per unit."""
    taken, out = seconds(peer)
    return (taken / peer_units) / (subject / units), out


@dataclass(frozen=True)
class Target:
    """What a row promises: at most, or at least, so much; or nothing."""

    row: str
    what: str
    limit: float | None
    lane: str = "-"
    at_least: bool = False

    def holds(self, median: float) -> bool | None:
        """Whether it does; nothing where nothing is promised."""
        if self.limit is None:
            return None
        return median >= self.limit if self.at_least else median <= self.limit

    def __str__(self) -> str:
        return "–" if self.limit is None else f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass
class Measured:
    """The ratios of one row, and what the last run's output hashes to."""

    target: Target
    ratios: list[float]
    hashed: str = ""

    def line(self) -> dict[str, Any]:
        """The row as it is written."""
        quartiles = statistics.quantiles(self.ratios, n=4) if len(self.ratios) > 1 else self.ratios * 3
        median = statistics.median(self.ratios)
        return {
            "row": self.target.row,
            "what": self.target.what,
            "ratio": round(median, 3),
            "worst_quartile": round(quartiles[0] if self.target.at_least else quartiles[2], 3),
            "target": self.target.limit,
            "holds": self.target.holds(median),
            "lane": self.target.lane,
        }


Round = Iterator[tuple[Target, float, str]]


def digest(*columns: NDArray[Any]) -> str:
    """A hash over whole outputs."""
    hashed = hashlib.sha256()
    for column in columns:
        hashed.update(np.ascontiguousarray(column).data)
    return hashed.hexdigest()[:12]


def require(holds: bool, what: str) -> None:
    """A wrong output ends the measurement: its speed is worth nothing."""
    if not holds:
        raise SystemExit(f"wrong output: {what}")


def hundredth(rng: np.random.Generator, count: int) -> list[int]:
    """A random hundredth of the rows, at least one."""
    rows: list[int] = rng.integers(0, count, max(1, count // 100)).tolist()
    return rows


def total_of(column: Column) -> int:
    """The sum of a column without a limit."""
    return (int((column >> np.uint64(32)).sum()) << 32) + int((column & np.uint64(0xFFFF_FFFF)).sum())


def zipf(rng: np.random.Generator, exponent: float, count: int, largest: int) -> NDArray[np.int64]:
    """Numbers from 1 up with a tail like Zipf's."""
    tail = (1 - rng.random(count)) ** (-1 / (exponent - 1))
    return tail.clip(max=largest).astype(np.int64)


def weights_of(rng: np.random.Generator, count: int) -> Column:
    """Zipf weights, some of them zero."""
    weights = zipf(rng, 1.3, count, 10**7).astype(np.uint64)
    weights[rng.integers(0, count, count // 50)] = 0
    weights[0] = 1
    return weights


def check_column(rng: np.random.Generator, income: int, weights: Column, shared: Column) -> str:
    """The closed shares of a column against the specification."""
    ends = np.cumsum(weights)
    total = int(ends[-1])
    for row in hundredth(rng, len(weights)):
        weight = int(weights[row])
        expected = model.entitled_closed(income, int(ends[row]) - weight, weight, total)
        require(int(shared[row]) == expected, f"share {row}")
    require(total_of(shared) == income, "the shares do not add up to the income")
    return digest(shared)


# THE ROWS


def one_receipt(rng: np.random.Generator, _: ModuleType) -> Round:
    """B1."""
    count = 8_388_608
    what = "one receipt over 8,388,608 holders, closed"
    weights = weights_of(rng, count)
    total = total_of(weights)
    income = int(rng.integers(10**8, min(10**12, total)))
    out, copy = np.ones(count, np.uint64), np.ones(count, np.uint64)

    ratio, shared = against(
        lambda: np.copyto(copy, weights), lambda: pyo3_core.shares(income, weights, closed=True, total=total, out=out)
    )
    yield (
        Target("B1", f"{what}; output and memcpy into memory in use", 2.5),
        ratio,
        check_column(rng, income, weights, shared),
    )
    ratio, shared = against(weights.copy, lambda: pyo3_core.shares(income, weights, closed=True, total=total))
    yield Target("B1", f"{what}; both allocate their output", 2.5), ratio, check_column(rng, income, weights, shared)
    ratio, shared = against(weights.copy, lambda: pyo3_core.shares(income, weights, closed=True))
    yield (
        Target("B1", f"{what}; total added up first, both allocate", 2.5),
        ratio,
        check_column(rng, income, weights, shared),
    )
    ratio, shared = against(
        lambda: np.copyto(copy, weights), lambda: pyo3_core.shares(income, weights, closed=False, total=total, out=out)
    )
    total_open = total_of(shared)
    require(income - count < total_open <= income, "the open shares")
    yield Target("B1", "the same, open, into memory in use", 2.5), ratio, digest(shared)
    half = count // 2
    ratio, shared = against(
        lambda: together(
            lambda: np.copyto(copy[:half], weights[:half]), lambda: np.copyto(copy[half:], weights[half:])
        ),
        lambda: pyo3_core.shares(income, weights, closed=True, total=total, out=out, threads=2),
    )
    what = f"{what}; two threads over a memcpy of two, into memory in use"
    yield Target("B1", what, 2.5), ratio, check_column(rng, income, weights, shared)


def edges(rng: np.random.Generator, _: ModuleType) -> Round:
    """B1 where numbers are extreme: a total near 2^63, amounts 0 and 1, a single holder."""
    count = 1_000_000
    weights = rng.integers(0, 2**63 // count, count, dtype=np.uint64)
    copy = np.ones(count, np.uint64)
    for income in (0, 1, 2**64 - 1):
        shared = pyo3_core.shares(income, weights, closed=True)
        check_column(rng, income, weights, shared)
    require(pyo3_core.shares(2**64 - 1, np.array([7], np.uint64), closed=True).tolist() == [2**64 - 1], "one holder")
    out, total = np.ones(count, np.uint64), total_of(weights)
    ratio, shared = against(
        lambda: np.copyto(copy, weights),
        lambda: pyo3_core.shares(2**63 - 1, weights, closed=True, total=total, out=out),
    )
    yield (
        Target("B1", "one million holders, total and amount near 2^63", 2.5),
        ratio,
        check_column(rng, 2**63 - 1, weights, shared),
    )


def many_receipts(rng: np.random.Generator, _: ModuleType) -> Round:
    """B2."""
    count = 4_000_000
    legs = [[3_000, 4_000, 3_000], [2_000, 8_000], [6_000, 4_000], [3_000, 7_000]]
    amounts = rng.integers(0, 10**9, count, dtype=np.uint64)
    amounts[:2] = (0, 1)
    agreement = rng.integers(0, 4, count, dtype=np.uint32)
    like = pyo3_core.split_receipts(amounts, agreement, legs)
    ratio, split = against(like.copy, lambda: pyo3_core.split_receipts(amounts, agreement, legs))
    begins = np.concatenate([[0], np.cumsum(np.array([len(each) for each in legs])[agreement])])
    for row in hundredth(rng, count):
        which = legs[agreement[row]]
        expected = [model.leg_income(int(amounts[row]), which, leg, closed=True) for leg in range(len(which))]
        require(split[begins[row] : begins[row + 1]].tolist() == expected, f"receipt {row}")
    require(total_of(split) == total_of(amounts), "the legs do not add up to the receipts")
    yield Target("B2", "4 million receipts through four agreements; both allocate", 1.5), ratio, digest(split)

    cut = count // 2
    at = int(begins[cut])
    out, copy = np.ones_like(split), np.ones_like(split)
    ratio, _ = against(
        lambda: together(lambda: np.copyto(copy[:at], split[:at]), lambda: np.copyto(copy[at:], split[at:])),
        lambda: together(
            lambda: pyo3_core.split_receipts(amounts[:cut], agreement[:cut], legs, out=out[:at]),
            lambda: pyo3_core.split_receipts(amounts[cut:], agreement[cut:], legs, out=out[at:]),
        ),
    )
    require(bool((out == split).all()), "two shards of receipts")
    what = "4 million receipts in two shards; two threads over a memcpy of two, into memory in use"
    yield Target("B2", what, 1.5), ratio, digest(out)


def ragged(rng: np.random.Generator, receipts: int) -> tuple[Column, Column, Column]:
    """Receipts with very different numbers of holders; products need 70 bits and more, as kilograms times fen do."""
    lengths = np.minimum(rng.pareto(1.1, receipts) * 16 + 1, 100_000).astype(np.int64)
    lengths[0] = 1
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.uint64)
    weights = rng.integers(0, 10**7, int(offsets[-1]), dtype=np.uint64)
    weights[offsets[:-1].astype(np.int64)] += np.uint64(1)
    return rng.integers(0, 10**9, receipts, dtype=np.uint64), offsets, weights


def lengths_of(offsets: Column) -> NDArray[np.int64]:
    """How many holders each receipt has."""
    begins = offsets.astype(np.int64)
    return begins[1:] - begins[:-1]


def with_polars(incomes: Column, offsets: Column, weights: Column) -> Column:
    lengths = lengths_of(offsets)
    receipt = np.repeat(np.arange(len(incomes), dtype=np.uint32), lengths)
    frame = pl.LazyFrame({"r": receipt, "w": weights.view(np.int64), "a": np.repeat(incomes.view(np.int64), lengths)})
    end = pl.col("w").cum_sum().over("r")
    total = pl.col("w").sum().over("r")
    income = pl.col("a").cast(pl.Int128)
    shared = frame.with_columns(e=end, t=total).select(
        ((income * pl.col("e") // pl.col("t")) - (income * (pl.col("e") - pl.col("w")) // pl.col("t"))).cast(pl.UInt64)
    )
    return shared.collect().to_series().to_numpy()


def with_pandas(incomes: Column, offsets: Column, weights: Column) -> Column:
    lengths = lengths_of(offsets)
    receipt = np.repeat(np.arange(len(incomes)), lengths)
    frame = pd.DataFrame({"r": receipt, "w": weights.view(np.int64), "a": np.repeat(incomes.view(np.int64), lengths)})
    groups = frame.groupby("r", sort=False)["w"]
    end, total = groups.cumsum(), groups.transform("sum")
    income = frame["a"].astype(object)
    shared = income * end // total - income * (end - frame["w"]) // total
    answer: Column = shared.to_numpy().astype(np.uint64)
    return answer


def with_duckdb(incomes: Column, offsets: Column, weights: Column) -> Column:
    lengths = lengths_of(offsets)
    receipt = np.repeat(np.arange(len(incomes)), lengths)
    lines = pa.table(
        {
            "i": np.arange(len(weights)),
            "r": receipt,
            "w": weights.view(np.int64),
            "a": np.repeat(incomes.view(np.int64), lengths),
        }
    )
    database = duckdb.connect(config={"threads": 1})
    database.register("lines", lines)
    shared = database.sql(
        "select ((a * e // t) - (a * (e - w) // t))::ubigint as s from (select i, a::hugeint as a, w, "
        "sum(w) over (partition by r order by i) as e, sum(w) over (partition by r) as t from lines) order by i"
    )
    answer: Column = shared.fetchnumpy()["s"]
    return answer


def with_model(incomes: Column, offsets: Column, weights: Column) -> Column:
    """The rule as it is specified, line by line, in Python's integers."""
    shared = []
    column = weights.tolist()
    for income, begin, end in zip(incomes.tolist(), offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        run = column[begin:end]
        total, before = sum(run), 0
        for weight in run:
            shared.append(model.entitled_closed(income, before, weight, total))
            before += weight
    return np.array(shared, np.uint64)


def with_python(incomes: Column, offsets: Column, weights: Column) -> Column:
    """The least work that Python's integers can do it with: a running sum, one division for each line."""
    shared = []
    column = weights.tolist()
    for income, begin, end in zip(incomes.tolist(), offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        run = column[begin:end]
        total, before, paid = sum(run), 0, 0
        for weight in run:
            before += weight
            entitled = income * before // total
            shared.append(entitled - paid)
            paid = entitled
    return np.array(shared, np.uint64)


def fan_out(rng: np.random.Generator, _: ModuleType) -> Round:
    """B3."""
    incomes, offsets, weights = ragged(rng, 40_000)

    def subject() -> Column:
        return pyo3_core.shares_ragged(incomes, offsets, weights, closed=True)

    taken, shared = seconds(subject)
    few = int(offsets[4_000])
    some = incomes[:4_000], offsets[:4_001], weights[:few]
    require(total_of(shared) == total_of(incomes), "the lines do not add up to the receipts")
    expected = with_python(*some)
    require(bool((shared[:few] == expected).all()), "the first tenth of the lines")
    hashed = digest(shared)
    for name, peer, case, limit in (
        ("polars", with_polars, (incomes, offsets, weights), 15.0),
        ("pandas (a tenth of the receipts)", with_pandas, some, 100.0),
        ("DuckDB (a tenth of the receipts)", with_duckdb, some, 90.0),
        ("Python int, the rule as specified (a tenth of the receipts)", with_model, some, 500.0),
        ("Python int, one division a line (a tenth of the receipts)", with_python, some, 500.0),
    ):
        ratio, theirs = peer_over(taken, len(weights), lambda peer=peer, case=case: peer(*case), len(case[2]))  # type: ignore[misc]
        require(bool((theirs == shared[: len(theirs)]).all()), name)
        taken, _ = seconds(subject)
        yield Target("B3", f"40,000 receipts, ragged: times faster than {name}", limit, at_least=True), ratio, hashed


def pools(rng: np.random.Generator, _: ModuleType) -> Round:
    """B4."""
    count, many = 1_000_000, 10_000
    offsets = np.sort(np.concatenate([[0, count], rng.integers(0, count, many - 1)])).astype(np.uint64)
    rank = rng.integers(0, 8, count).astype(np.uint8)
    due = rng.integers(0, 10**6, count, dtype=np.uint64)
    cap = rng.integers(0, 10**6, count, dtype=np.uint64)
    available = rng.integers(0, 5 * 10**7, many, dtype=np.uint64)
    taken, (got, rest) = seconds(lambda: pyo3_core.waterfall(available, offsets, rank, due, cap))
    few = many // 10
    queues = [
        list(zip(rank[a:b].tolist(), due[a:b].tolist(), cap[a:b].tolist(), strict=True))
        for a, b in zip(offsets[:few].tolist(), offsets[1 : few + 1].tolist(), strict=True)
    ]
    pledges = int(offsets[few])
    ratio, answers = peer_over(
        taken,
        count,
        lambda: [model.waterfall(money, queue) for money, queue in zip(available[:few].tolist(), queues, strict=True)],
        pledges,
    )
    require(got[:pledges].tolist() == [each for answer, _ in answers for each in answer], "pledges")
    require(rest[:few].tolist() == [left for _, left in answers], "rests")
    require(total_of(got) + total_of(rest) == total_of(available), "pledges and rests do not add up")
    what = "1 million pledges in 10,000 pools: times faster than the model (a tenth of the pools)"
    yield Target("B4", what, 300.0, at_least=True), ratio, digest(got, rest)


def add_at(index: NDArray[np.intp], amounts: NDArray[np.int64], accounts: int) -> NDArray[np.int64]:
    nets = np.zeros(accounts, np.int64)
    np.add.at(nets, index, amounts)
    return nets


def add_at_in_two(index: NDArray[np.intp], amounts: NDArray[np.int64], accounts: int) -> NDArray[np.int64]:
    half = len(index) // 2
    one, other = together(
        lambda: add_at(index[:half], amounts[:half], accounts), lambda: add_at(index[half:], amounts[half:], accounts)
    )
    nets: NDArray[np.int64] = one + other
    return nets


def net_in_two(account: NDArray[np.uint32], amounts: NDArray[np.int64], accounts: int) -> Column:
    """Two shards of lines, whose nets of 128 bits are added up."""
    half = len(account) // 2
    one, other = together(
        lambda: pyo3_core.net(account[:half], amounts[:half], accounts),
        lambda: pyo3_core.net(account[half:], amounts[half:], accounts),
    )
    nets: Column = one
    nets[0] += other[0]
    nets[1] += other[1]
    nets[1] += nets[0] < other[0]
    return nets


def netting(rng: np.random.Generator, _: ModuleType) -> Round:
    """B5."""
    count, accounts = 16_000_000, 1_000_000
    amounts = rng.integers(-(10**9), 10**9, count)
    for spread in ("uniform", "Zipf"):
        named = rng.integers(0, accounts, count) if spread == "uniform" else zipf(rng, 1.2, count, accounts) - 1
        account, index = named.astype(np.uint32), named.astype(np.intp)

        before, nets = seconds(lambda index=index: add_at(index, amounts, accounts))  # type: ignore[misc]
        taken, (low, high) = seconds(lambda account=account: pyo3_core.net(account, amounts, accounts))  # type: ignore[misc]
        after, _again = seconds(lambda index=index: add_at(index, amounts, accounts))  # type: ignore[misc]
        require(bool((low.view(np.int64) == nets).all()), "nets")
        require(bool((high.view(np.int64) == np.where(nets < 0, -1, 0)).all()), "high words")
        what = f"16 million lines netted to 1 million accounts, {spread}: times faster than numpy add.at"
        yield Target("B5", what, 1.3, at_least=True), (before + after) / 2 / taken, digest(low, high)

        ratio, both = against(
            lambda index=index: add_at_in_two(index, amounts, accounts),  # type: ignore[misc]
            lambda account=account: net_in_two(account, amounts, accounts),  # type: ignore[misc]
        )
        require(bool((both[0] == low).all() and (both[1] == high).all()), "two shards of nets")
        what = f"16 million lines in two shards, {spread}, two threads: times faster than add.at in two threads"
        yield Target("B5", what, 1.3, at_least=True), 1 / ratio, digest(both)


def holders(rng: np.random.Generator, count: int) -> tuple[NDArray[np.uint8], Column]:
    """Accounts and weights that nobody writes to, as Arrow hands them over."""
    accounts = rng.integers(1, 256, (count, 20), dtype=np.uint8)
    weights = weights_of(rng, count)
    accounts.setflags(write=False)
    weights.setflags(write=False)
    return accounts, weights


def registers(rng: np.random.Generator, native: ModuleType) -> Round:
    """B6."""
    for count in (131_072, 1_048_576, 1_000_003):
        accounts, weights = holders(rng, count)
        roots = set()
        lanes = pyo3_core.lanes() if count == 131_072 else pyo3_core.lanes()[-1:]
        for lane in lanes:
            ratio, register = against(
                lambda lane=lane, count=count: native.permutations(lane, 2 * count - 1),  # type: ignore[misc]
                lambda lane=lane, accounts=accounts, weights=weights: pyo3_core.Register(accounts, weights, lanes=lane),  # type: ignore[misc]
            )
            roots.add(register.root)
            what = f"register of {count:,} leaves in bare permutations, nodes allocated and kept"
            yield Target("B6", what, 1.15, lane), ratio, register.root.hex()[:12]
            ratio, top = against(
                lambda lane=lane, count=count: native.permutations(lane, 2 * count - 1),  # type: ignore[misc]
                lambda lane=lane, accounts=accounts, weights=weights: pyo3_core.Shard(  # type: ignore[misc]
                    0, accounts, weights, lanes=lane
                ).finish(),
            )
            require(top == (register.root, register.total, count), "root of the shard")
            what = f"root and total of {count:,} leaves in bare permutations"
            yield Target("B6", what, 1.15, lane), ratio, register.root.hex()[:12]
            require(register.audit(lanes=lane), "audit")
        if count == 1_048_576:
            ratio, two = against(
                lambda count=count: together(*[lambda: native.permutations(pyo3_core.lanes()[-1], count)] * 2),  # type: ignore[misc]
                lambda accounts=accounts, weights=weights: pyo3_core.Register(accounts, weights, threads=2),  # type: ignore[misc]
            )
            roots.add(two.root)
            what = f"register of {count:,} leaves, two threads over bare permutations in two, nodes allocated and kept"
            yield Target("B6", what, 1.15, pyo3_core.lanes()[-1]), ratio, two.root.hex()[:12]
        require(len(roots) == 1, "roots differ between lanes")
        require(register.total == total_of(weights), "total")
        if count == 131_072:
            continue
        indices = rng.integers(0, count, 100_000, dtype=np.uint64)
        taken, (proofs, offsets) = seconds(lambda register=register, indices=indices: register.proofs(indices))  # type: ignore[misc]
        for row in hundredth(rng, len(indices)):
            index = int(indices[row])
            proof = proofs[int(offsets[row]) : int(offsets[row + 1])].tobytes()
            account, weight = register.leaf(index)
            before, total = pyo3_core.verify(register.root, count, index, account, weight, proof)
            require((before, total) == (int(weights[:index].sum()), register.total), f"proof {row}")
        what = f"100,000 proofs of {count:,} leaves, microseconds each"
        yield Target("B6", what, None), taken * 1e6 / len(indices), digest(proofs)


OPENZEPPELIN: Final = """
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const values = JSON.parse(require("fs").readFileSync(0, "utf8"));
const begun = process.hrtime.bigint();
const tree = StandardMerkleTree.of(values, ["address", "uint256"]);
const taken = Number(process.hrtime.bigint() - begun);
console.log(JSON.stringify({ taken, root: tree.root, proof: tree.getProof(1) }));
"""


def openzeppelin(accounts: NDArray[np.uint8], weights: Column) -> dict[str, Any]:
    """The npm library's tree of these leaves, and how long it took by its own clock."""
    values = [["0x" + account.tobytes().hex(), str(weight)] for account, weight in zip(accounts, weights, strict=True)]
    ran = subprocess.run(
        ["node", "-e", OPENZEPPELIN], input=json.dumps(values), capture_output=True, text=True, check=True, cwd=ROOT
    )
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def standard(rng: np.random.Generator, _: ModuleType) -> Round:
    """B7."""
    count, few = 1_048_576, 3_000
    accounts, weights = holders(rng, count)
    taken, tree = seconds(lambda: pyo3_core.StandardTree(accounts, weights))
    theirs = openzeppelin(accounts[:few], weights[:few])
    ours = pyo3_core.StandardTree(accounts[:few], weights[:few])
    require(theirs["root"] == "0x" + ours.root.hex(), "root of the npm library")
    require(theirs["proof"] == ["0x" + hash.hex() for hash in ours.proof(1)], "proof of the npm library")
    for row in hundredth(rng, 10_000):
        pyo3_core.verify_standard(tree.root, accounts[row].tobytes(), int(weights[row]), tree.proof(row))
    what = f"standard-v1 tree of 1,048,576 leaves: times faster than the npm library ({few:,} leaves)"
    ratio = (theirs["taken"] / 1e9 / few) / (taken / count)
    yield Target("B7", what, 700.0, pyo3_core.lanes()[-1], at_least=True), ratio, tree.root.hex()[:12]


def batches(path: Path) -> Iterator[tuple[NDArray[np.uint8], Column]]:
    """A Parquet file of holders, batch by batch, without a copy."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=131_072):
        account, weight = batch.column("account"), batch.column("weight")
        rows = np.frombuffer(account.buffers()[1], np.uint8)[20 * account.offset :][: 20 * len(account)]
        yield rows.reshape(-1, 20), weight.to_numpy()


def write_holders(path: Path, accounts: NDArray[np.uint8], weights: Column) -> None:
    """Holders as Parquet."""
    account = pa.FixedSizeBinaryArray.from_buffers(pa.binary(20), len(weights), [None, pa.py_buffer(accounts)])
    pq.write_table(pa.table({"account": account, "weight": pa.array(weights)}), path)


def register_of(path: Path, file: Path) -> pyo3_core.Register:
    """Streams a Parquet file of holders into a register file."""
    writer = pyo3_core.RegisterWriter(file, pq.ParquetFile(path).metadata.num_rows)
    for accounts, weights in batches(path):
        writer.append(accounts, weights)
    return writer.finish()


def pay(path: Path, accounts: NDArray[np.uint8], amounts: Column) -> None:
    """The payment file: account and fen of everyone who is owed something."""
    account = pa.FixedSizeBinaryArray.from_buffers(pa.binary(20), len(amounts), [None, pa.py_buffer(accounts)])
    paid = pa.table({"account": account, "amount_fen": pa.array(amounts)})
    pq.write_table(paid, path, compression="none", use_dictionary=False)


def end_to_end(rng: np.random.Generator, _: ModuleType) -> Round:
    """B8."""
    count, income = 1_000_000, 10**11 + 7
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        accounts, weights = holders(rng, count)
        write_holders(at / "holders.parquet", accounts, weights)

        def parts() -> float:
            reading, read = seconds(lambda: list(batches(at / "holders.parquet")))
            table = np.concatenate([each for each, _ in read])
            column = np.concatenate([each for _, each in read])
            building, register = seconds(lambda: pyo3_core.Register(table, column))
            stating, statements = seconds(lambda: register.statements(income, closed=True))
            writing, _ = seconds(lambda: pay(at / "parts.parquet", table, statements))
            return reading + building + stating + writing

        def whole() -> tuple[bytes, Column]:
            register = register_of(at / "holders.parquet", at / "register")
            statements = register.statements(income, closed=True)
            pay(at / "payments.parquet", accounts, statements)
            return register.root, statements

        before = parts()
        taken, (root, statements) = seconds(whole)
        after = parts()
        require(root == pyo3_core.Register(accounts, weights).root, "root of the stream")
        hashed = check_column(rng, income, weights, statements)
        what = (
            "1 million holders: Parquet, register file, statements, payment file; over the sum of its parts in memory"
        )
        yield Target("B8", what, 1.5), taken / ((before + after) / 2), hashed

        register = pyo3_core.Register.open(at / "register")
        indices = rng.integers(0, count, 2_000).tolist()
        taken, proofs = seconds(lambda: [register.proof(index) for index in indices])
        require(proofs[0] == pyo3_core.Register(accounts, weights).proof(indices[0]), "proof of the file")
        what = "one proof of a register file mapped into memory, microseconds"
        yield Target("B6", what, None), taken * 1e6 / len(indices), root.hex()[:12]


def binding(rng: np.random.Generator, native: ModuleType) -> Round:
    """B9."""
    count = 1_048_576
    weights = weights_of(rng, count)
    total, out = total_of(weights), np.ones(count, np.uint64)
    ratios = []
    for _ in range(9):
        first = native.timed_shares(10**8, weights, total, out)
        taken, shared = seconds(lambda: pyo3_core.shares(10**8, weights, closed=True, total=total, out=out))
        last = native.timed_shares(10**8, weights, total, out)
        ratios.append(taken * 1e9 / ((first + last) / 2))
    require(np.shares_memory(shared, out), "the output was copied")
    what = "sharing among 1,048,576 holders through the binding, over the native kernel"
    yield Target("B9", what, 1.02), statistics.median(ratios), check_column(rng, 10**8, weights, shared)


MEMORY: Final = """
import sys, numpy as np, pyo3_core
count, step = int(sys.argv[1]), 131_072
writer = pyo3_core.RegisterWriter(sys.argv[2], count)
for start in range(0, count, step):
    rows = min(step, count - start)
    accounts = np.full((rows, 20), 7, np.uint8)
    accounts[:, :8] = np.arange(start, start + rows, dtype=np.uint64).view(np.uint8).reshape(-1, 8)
    writer.append(accounts, np.arange(start + 1, start + rows + 1, dtype=np.uint64))
writer.finish()
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def memory(_: np.random.Generator, __: ModuleType) -> Round:
    """The most memory that streaming ten million holders takes, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", MEMORY, "10000000", f"{folder}/register"]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        register = pyo3_core.Register.open(f"{folder}/register")
        require(register.total == 10**7 * (10**7 + 1) // 2, "total of the stream")
        what = "10 million holders streamed into a register file: peak memory of the process in MiB"
        yield Target("B6", what, None), int(ran.stdout) / 1024, register.root.hex()[:12]


ROWS: Final[dict[str, tuple[Callable[[np.random.Generator, ModuleType], Round], ...]]] = {
    "B1": (one_receipt, edges),
    "B2": (many_receipts,),
    "B3": (fan_out,),
    "B4": (pools,),
    "B5": (netting,),
    "B6": (registers,),
    "B7": (standard,),
    "B8": (end_to_end,),
    "B9": (binding,),
}


def openssl_ratio(native: ModuleType) -> Measured:
    """How many times faster the widest lanes permute than OpenSSL hashes, per permutation."""
    data, blocks = bytes(136 * 20_000), 20_000
    ratios = []
    for _ in range(15):
        theirs, _out = seconds(lambda: hashlib.sha3_256(data).digest())
        ours, _out = seconds(lambda: native.permutations(pyo3_core.lanes()[-1], 8 * blocks))
        ratios.append((theirs / blocks) / (ours / (8 * blocks)))
    what = "the yardstick itself: permutations per second over OpenSSL's SHA3"
    return Measured(Target("-", what, 8.0, pyo3_core.lanes()[-1], at_least=True), ratios)


def instructions() -> str:
    """The instruction sets of this machine that matter here."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("flags", 1)[1].split("\n", 1)[0].split()
    except (OSError, IndexError):
        flags = []
    told = [flag for flag in flags if flag.startswith(("avx", "bmi", "sha", "vaes"))]
    return f"{platform.machine()}, {os.cpu_count()} processors, lanes {', '.join(pyo3_core.lanes())}; {' '.join(told)}"


def write(measured: dict[tuple[str, str], Measured]) -> list[dict[str, Any]]:
    """Write what is measured so far."""
    lines = [each.line() for each in measured.values()]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(lines, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return lines


HOLDS: Final = {True: "yes", False: "NO", None: "–"}


def markdown(lines: list[dict[str, Any]], measured: dict[tuple[str, str], Measured]) -> str:
    """The table of the README."""
    table = ["| row | what | lane | target | median | worst quartile | holds |", "|---|---|---|---|---|---|---|"]
    for line, each in zip(lines, measured.values(), strict=True):
        holds = "**no**" if line["holds"] is False else HOLDS[line["holds"]]
        numbers = f"{each.target} | {line['ratio']:g} | {line['worst_quartile']:g}"
        table.append(f"| {line['row']} | {line['what']} | {line['lane']} | {numbers} | {holds} |")
    return "\n".join(table)


def main() -> int:
    """Measure, print one table, write ``build/bench.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of every row (default: %(default)s)")
    parser.add_argument("--rows", default=",".join(ROWS), help="which rows (default: %(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print the table as pyo3_core/README.md has it")
    options = parser.parse_args()

    native = yardsticks()
    print(instructions())
    measured: dict[tuple[str, str], Measured] = {}
    for row in options.rows.split(","):
        for measure in ROWS[row]:
            seeds = [random.SystemRandom().randrange(2**32) for _ in range(options.rounds)]
            print(f"{row} {measure.__name__}: seeds {' '.join(map(str, seeds))}", flush=True)
            for seed in seeds:
                for target, ratio, hashed in measure(np.random.default_rng(seed), native):
                    each = measured.setdefault((target.what, target.lane), Measured(target, []))
                    each.ratios.append(ratio)
                    each.hashed = hashed
            write(measured)
    if "B6" in options.rows:
        for target, ratio, hashed in memory(np.random.default_rng(0), native):
            measured[target.what, target.lane] = Measured(target, [ratio], hashed)
        once = openssl_ratio(native)
        measured[once.target.what, once.target.lane] = once

    lines = write(measured)
    if options.markdown:
        print("\n" + markdown(lines, measured))
        return 0
    print(f"\n{'row':4}{'median':>10}{'worst q.':>10}{'target':>10}  {'holds':8}{'lane':8}what")
    for line, each in zip(lines, measured.values(), strict=True):
        print(
            f"{line['row']:4}{line['ratio']:>10}{line['worst_quartile']:>10}{each.target!s:>10}  "
            f"{HOLDS[line['holds']]:8}{line['lane']:8}{line['what']} [{each.hashed}]"
        )
    print(f"\n{RESULTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
