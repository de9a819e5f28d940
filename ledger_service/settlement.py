"""Settlement: who shares a line, what each is owed, and the claims that bring it to them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import polars as pl
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from numpy.typing import NDArray

from ledger_service.bank import Payment
from ledger_service.chain.client import Chain
from ledger_service.chain.events import Emitted, RegisterOpened
from ledger_service.chain.lines import line_tuple
from ledger_service.domain.agreements import Line
from ledger_service.domain.books import AccountKind
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import Address
from ledger_service.domain.units import Fen
from ledger_service.facts import RedemptionState, open_registers, redemptions
from ledger_service.projection import REMEMBERED, Projection
from ledger_service.store.books import Reader
from pyo3_core import CoreError, Register

LEAVES_PER_CLAIM = 50
"""Holders of one transaction: beyond that, the fixed cost of a transaction hardly matters any more."""
REGISTERS_IN_MEMORY = 16
"""A register of a million holders takes about 40 MB: 12 of nodes, 28 of accounts and weights."""


class RegisterMissing(LedgerError):
    """There is no file for a register, so nobody can prove a share of it."""

    def __init__(self, root: bytes, folder: Path) -> None:
        self.root = root
        self.folder = folder
        super().__init__(
            f"文件夹 {folder} 中没有份额登记册 0x{root.hex()} · there is no share register 0x{root.hex()} in {folder}"
        )


class RegisterCorrupt(LedgerError):
    """A register's file is not what its name says."""

    def __init__(self, root: bytes, path: Path, found: str) -> None:
        self.root = root
        self.path = path
        self.found = found
        super().__init__(
            f"份额登记册文件 {path} 与其名称不符：{found} · "
            f"the share register in {path} is not what its name says: {found}"
        )


class RegisterNotOpen(LedgerError):
    """A line has no holders yet, or never will: its leg is no register."""

    def __init__(self, line: Line) -> None:
        self.line = line
        super().__init__(f"{line} 没有开放的份额登记册 · {line} has no open share register")


class RegisterFolder:
    """Share registers as Parquet files of accounts and weights, each named by its root.

    A file is checked against its name when it is read, so what comes from here is what the oracle's quorum signed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept = lru_cache(maxsize=REGISTERS_IN_MEMORY)(self._read)

    def save(self, accounts: NDArray[np.uint8], weights: NDArray[np.uint64]) -> Register:
        """Builds the register of `accounts`, uint8[n, 20], and `weights`, uint64[n], and keeps it."""
        register = Register(accounts, weights)
        self.path.mkdir(parents=True, exist_ok=True)
        target = self._file(register.root)
        partial = target.with_suffix(".partial")
        frame = pl.DataFrame(
            {"account": [account.tobytes() for account in accounts], "weight": weights},
            schema={"account": pl.Binary, "weight": pl.UInt64},
        )
        frame.write_parquet(partial)
        partial.replace(target)
        return register

    def load(self, root: bytes) -> Register:
        """The register with this root.

        Raises:
            RegisterMissing: There is no such file.
            RegisterCorrupt: The file holds something else.
        """
        return self._kept(root)[0]

    def leaves_of(self, root: bytes, account: Address) -> tuple[int, ...]:
        """The leaves of an account in the register with this root."""
        wanted = np.frombuffer(bytes.fromhex(account[2:]), np.uint8)
        return tuple(int(index) for index in np.flatnonzero((self._kept(root)[1] == wanted).all(axis=1)))

    def _file(self, root: bytes) -> Path:
        return self.path / f"0x{root.hex()}.parquet"

    def _read(self, root: bytes) -> tuple[Register, NDArray[np.uint8]]:
        path = self._file(root)
        try:
            frame = pl.read_parquet(path)
            accounts = np.frombuffer(b"".join(frame["account"].to_list()), np.uint8).reshape(-1, 20)
            register = Register(accounts, frame["weight"].to_numpy())
        except FileNotFoundError:
            raise RegisterMissing(root, self.path) from None
        except (pl.exceptions.PolarsError, CoreError, TypeError, ValueError) as wrong:
            raise RegisterCorrupt(root, path, str(wrong)) from wrong
        if register.root != root:
            raise RegisterCorrupt(root, path, f"0x{register.root.hex()}")
        return register, accounts


@dataclass(frozen=True, slots=True)
class Run:
    """Leaves beside each other in a register, with one proof for all of them (SPEC R8)."""

    first: int
    """Index of the first of them."""
    holders: tuple[tuple[Address, int], ...]
    """Account and weight of each."""
    proof: bytes


@dataclass(frozen=True, slots=True)
class Claims:
    """Leaves of one line, as one transaction carries them."""

    line: Line
    runs: tuple[Run, ...]


def open_register(reader: Reader, line: Line) -> Emitted[RegisterOpened]:
    """The register that shares a line.

    Raises:
        RegisterNotOpen: It has none.
    """
    opened = open_registers(reader).get((line.pot.agreement, line.leg, line.pot.period))
    if opened is None:
        raise RegisterNotOpen(line)
    return opened


def paid_by_leaf(reader: Reader, line: Line) -> Mapping[int, int]:
    """What each leaf of a line was paid, in fen, its lenders included; without those that were paid nothing.

    A line that is no register has leaf 0, which also counts what it brought to a child agreement.
    """
    prefix = f"{line}/"
    paid: dict[int, int] = {}
    for kind in (AccountKind.HOLDER, AccountKind.LENDERS, AccountKind.FORWARDED):
        for (account, _), balance in reader.balances(kind, subject_prefix=prefix).items():
            index = int(account.subject.removeprefix(prefix))
            paid[index] = paid.get(index, 0) - balance
    return paid


def statements(reader: Reader, registers: RegisterFolder, line: Line) -> NDArray[np.uint64]:
    """What every leaf of a line is owed in all so far, in fen, in the order of the register: the core's own figures."""
    projection = Projection(reader.records(*REMEMBERED))
    register = registers.load(open_register(reader, line).event.root)
    return register.statements(projection.line_income(line), closed=projection.is_closed(line.pot))


def owing(reader: Reader, registers: RegisterFolder, line: Line) -> tuple[int, ...]:
    """The leaves of a line that are owed something now."""
    paid = paid_by_leaf(reader, line)
    owed = statements(reader, registers, line)
    return tuple(int(index) for index in np.flatnonzero(owed) if owed[index] > paid.get(int(index), 0))


def claims(
    register: Register, line: Line, indices: Iterable[int], *, leaves_per_claim: int = LEAVES_PER_CLAIM
) -> Iterator[Claims]:
    """Claims for some leaves of a line, in as many transactions as it takes."""
    rest = iter(indices)
    while chunk := tuple(islice(rest, leaves_per_claim)):
        yield Claims(line=line, runs=tuple(_runs(register, chunk)))


def _runs(register: Register, indices: Iterable[int]) -> Iterator[Run]:
    """The leaves as runs: a leaf goes on with the run of the one before it where it stands right behind that."""
    for _, places in groupby(enumerate(indices), key=lambda place: place[1] - place[0]):
        run = [index for _, index in places]
        yield Run(
            first=run[0],
            holders=tuple(_leaf(register, index) for index in run),
            proof=register.run_proof(run[0], len(run)),
        )


def send_claims(chain: Chain, batch: Claims, sender: LocalAccount) -> None:
    """Sends one transaction of claims. Whoever sends it, holders and lenders are paid."""
    revenue = chain.contract("Revenue").functions
    runs = [(run.first, list(run.holders), run.proof) for run in batch.runs]
    chain.send(revenue.claimMany(line_tuple(batch.line), runs), sender)


def payments_due(reader: Reader) -> Sequence[Payment]:
    """What the bank is to pay: every redemption that was requested and is neither paid nor returned."""
    return [
        Payment(
            redemption=number,
            holder=redemption.requested.event.holder,
            amount=Fen(redemption.requested.event.amount),
            payee=redemption.requested.event.payee,
        )
        for number, redemption in redemptions(reader).items()
        if redemption.state is RedemptionState.REQUESTED
    ]


def _leaf(register: Register, index: int) -> tuple[Address, int]:
    account, weight = register.leaf(index)
    return Address(to_checksum_address(account)), weight
