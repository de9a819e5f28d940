"""Registers as files, statements, and claims."""

from pathlib import Path

import model
import numpy as np
import polars as pl
import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.domain.agreements import Line, Pot
from ledger_service.domain.books import AccountKind
from ledger_service.domain.identifiers import Address
from ledger_service.domain.units import Fen, Period
from ledger_service.indexer import sync
from ledger_service.settlement import (
    Claims,
    RegisterCorrupt,
    RegisterFolder,
    RegisterMissing,
    RegisterNotOpen,
    claims,
    open_register,
    owing,
    paid_by_leaf,
    payments_due,
    statements,
)

ACCOUNTS = np.array([[number] * 20 for number in (1, 2, 1)], np.uint8)
WEIGHTS = np.array([3, 0, 2**63], np.uint64)


@pytest.fixture
def folder(tmp_path: Path) -> RegisterFolder:
    return RegisterFolder(tmp_path / "registers")


def test_a_register_that_nobody_kept_is_missing(folder: RegisterFolder) -> None:
    with pytest.raises(RegisterMissing) as refused:
        folder.load(b"\7" * 32)
    assert (refused.value.root, refused.value.folder) == (b"\7" * 32, folder.path)


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"account": [b"\1" * 20, b"\2" * 20], "weight": pl.Series([3, 1], dtype=pl.UInt64)}),
        pl.DataFrame({"account": [b"\1" * 20], "weight": pl.Series([3], dtype=pl.Int64)}),
        pl.DataFrame({"account": [b"\1" * 19], "weight": pl.Series([3], dtype=pl.UInt64)}),
        pl.DataFrame({"account": [b"\1" * 20], "weight": pl.Series([0], dtype=pl.UInt64)}),
        pl.DataFrame({"holder": ["x"]}),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(folder: RegisterFolder, frame: pl.DataFrame) -> None:
    root = folder.save(ACCOUNTS, WEIGHTS).root
    path = folder.path / f"0x{root.hex()}.parquet"
    frame.write_parquet(path)
    with pytest.raises(RegisterCorrupt) as refused:
        folder.load(root)
    assert (refused.value.root, refused.value.path) == (root, path)


def test_a_file_that_is_no_parquet_is_refused(folder: RegisterFolder) -> None:
    root = folder.save(ACCOUNTS, WEIGHTS).root
    (folder.path / f"0x{root.hex()}.parquet").write_bytes(b"cut off")
    with pytest.raises(RegisterCorrupt):
        folder.load(root)


def test_a_register_that_was_kept_is_found_by_its_root(folder: RegisterFolder) -> None:
    saved = folder.save(ACCOUNTS, WEIGHTS)
    assert folder.save(ACCOUNTS, WEIGHTS).root == saved.root
    loaded = RegisterFolder(folder.path).load(saved.root)
    assert (loaded.root, loaded.total, loaded.count) == (saved.root, 2**63 + 3, 3)
    assert loaded.leaf(2) == (b"\1" * 20, 2**63)
    assert [path.name for path in folder.path.iterdir()] == [f"0x{saved.root.hex()}.parquet"]


def test_an_account_finds_all_its_leaves(folder: RegisterFolder) -> None:
    root = folder.save(ACCOUNTS, WEIGHTS).root
    leaves = [folder.leaves_of(root, Address("0x" + digits * 20)) for digits in ("01", "02", "03")]
    assert leaves == [(0, 2), (1,), ()]


@given(count=st.integers(1, 12), leaves_per_claim=st.integers(1, 5))
def test_claims_carry_every_leaf_once_with_a_proof_of_it(count: int, leaves_per_claim: int) -> None:
    accounts = [keccak(text=str(number))[:20] for number in range(count)]
    register = _register(accounts)
    line = Line(Pot("rule", 1, Period(587)), 0)
    batches = list(claims(register, line, range(count), leaves_per_claim=leaves_per_claim))
    assert [carried(batch) for batch in batches[:-1]] == [leaves_per_claim] * (len(batches) - 1)
    assert sum(map(carried, batches)) == count
    end = 0
    for run in (run for batch in batches for run in batch.runs):
        assert run.first == end
        end += len(run.holders)
        leaves = [model.Leaf(bytes.fromhex(account[2:]), weight) for account, weight in run.holders]
        before, total = model.verify_run(register.root, count, run.first, leaves, run.proof)
        assert (before, total) == (register.before(run.first), register.total)


def carried(batch: Claims) -> int:
    """How many leaves a transaction has."""
    return sum(len(run.holders) for run in batch.runs)


@given(st.sets(st.integers(0, 11)))
def test_leaves_beside_each_other_have_one_proof(indices: set[int]) -> None:
    register = _register([keccak(text=str(number))[:20] for number in range(12)])
    line = Line(Pot("rule", 1, Period(587)), 0)
    runs = [run for batch in claims(register, line, sorted(indices)) for run in batch.runs]
    assert [run.first + place for run in runs for place in range(len(run.holders))] == sorted(indices)
    assert [run.first for run in runs] == [index for index in sorted(indices) if index - 1 not in indices]


def _register(accounts: list[bytes]):
    from pyo3_core import Register

    table = np.array([list(account) for account in accounts], np.uint8)
    return Register(table, np.arange(1, len(accounts) + 1, dtype=np.uint64))


def test_a_line_without_register_has_no_statements(county, books) -> None:
    with books.reading() as reader, pytest.raises(RegisterNotOpen) as refused:
        statements(reader, county.registers, county.maintenance)
    assert refused.value.line == county.maintenance


def test_statements_are_what_the_contract_would_pay(county, books) -> None:
    revenue = county.of("Revenue")
    for line in (county.carbon, county.suppliers, county.processors):
        with books.reading() as reader:
            owed = statements(reader, county.registers, line)
            register = county.registers.load(open_register(reader, line).event.root)
        (batch,) = claims(register, line, range(len(register)))
        (run,) = batch.runs
        for index, (account, weight) in enumerate(run.holders):
            pot = line.pot
            key = (pot.agreement.encode().ljust(32, b"\0"), pot.version, pot.period.value, line.leg)
            assert revenue.entitledOf(key, (index, account, weight), register.proof(index)).call() == owed[index]


def test_the_statements_of_a_closed_line_are_exactly_its_income(county, books) -> None:
    with books.reading() as reader:
        assert sum(statements(reader, county.registers, county.carbon).tolist()) == 64_000_004


def test_only_who_was_paid_less_than_is_owed_is_owed_something(county, books) -> None:
    with books.reading() as reader:
        assert owing(reader, county.registers, county.carbon) == ()
        assert owing(reader, county.registers, county.suppliers) == ()
        assert owing(reader, county.registers, county.processors) == (0, 1)
        paid = paid_by_leaf(reader, county.processors)
    assert paid == {}


def test_after_new_income_everybody_is_owed_again_until_they_are_paid(county, books) -> None:
    county.receive(county.suppliers.pot, 700, "SALE-4")
    county.claim(county.suppliers, [1])
    sync(county.chain, books)
    with books.reading() as reader:
        assert owing(reader, county.registers, county.suppliers) == (0, 2)
    county.claim_what_is_owed(books, county.suppliers)
    sync(county.chain, books)
    with books.reading() as reader:
        assert owing(reader, county.registers, county.suppliers) == ()
        paid = paid_by_leaf(reader, county.suppliers)
        assert list(statements(reader, county.registers, county.suppliers)) == [paid[index] for index in range(3)]


def test_diverted_fen_are_the_ones_the_loan_was_repaid_with(county, books) -> None:
    revenue = county.chain.deployment.contracts["Revenue"]
    with books.reading() as reader:
        lenders = -sum(reader.balances(AccountKind.LENDERS).values())
        repaid = sum(reader.balances(AccountKind.REPAID, owner=revenue).values())
    assert lenders == repaid > 0


def test_only_redemptions_that_are_neither_paid_nor_returned_are_due(county, books) -> None:
    with books.reading() as reader:
        (payment,) = payments_due(reader)
    assert payment.redemption == 3
    assert payment.holder == county.holders[4].address
    assert payment.amount == Fen(57)
    assert payment.payee == keccak(text=f"bank account of {payment.holder}")
