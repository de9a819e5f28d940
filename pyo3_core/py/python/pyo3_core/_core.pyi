"""The arithmetic of the Gongsheng Ledger in Rust: sharing, share registers, allocation, liens, netting.

Units. Amounts are whole fen, weights and allocated amounts whole units of whatever is shared (kilograms, basis
points). There are no floats, and every division rounds down; where something is left over, the function says who gets
it.

Widths. A single number is a Python integer of up to 128 bits, a column is a one-dimensional, C-contiguous NumPy array
of ``uint64``, and an income or amount that is shared over a column has up to 64 bits. Columns are read where they
are, without a copy and without the interpreter lock: do not change them in another thread meanwhile. A column of names
is ``uint32``, of signed amounts ``int64``, of ranks ``uint8``; accounts are a table of ``uint8`` with 20 in a row.

Arrow. Whatever offers the Arrow PyCapsule interface (pyarrow, polars, DuckDB, …) is taken in place of a NumPy array,
also without a copy: an array or a slice of one of the same type, for accounts fixed-size binary or lists of 20 bytes.
Nulls are refused. A column in chunks must be one chunk, but for the weights of ``shares`` and what
``RegisterWriter.append`` takes. ``Column`` hands results to Arrow.

Outputs. An ``out`` is written to and returned. It never lies over an input; after a refusal it means nothing.

Speed. Hashes are computed eight, four or one at a time, whatever the processor has (``lanes``), sharing does not
divide, and ``threads`` says how many threads work on one call. No result depends on either.

Errors. An argument of another type, dtype, dimension or memory layout is a ``TypeError``. Everything else that is
refused is a ``CoreError`` named by what is wrong, with the wrong values as attributes. Nothing wraps and nothing is
clamped.

The rules (S, R, A, L) and their numbers are those of ``tests/model.py``.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Final, Literal, Protocol, TypeAlias, final, type_check_only

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AmountIsNegative",
    "AmountTooLarge",
    "Column",
    "CoreError",
    "IncomeFell",
    "LegsNotWhole",
    "LengthMismatch",
    "NoSuchLeaf",
    "NotARegister",
    "NullsInColumn",
    "OutOfRange",
    "PledgedAboveWhole",
    "ProofRefused",
    "Register",
    "RegisterWriter",
    "Shard",
    "StandardTree",
    "SumOverflow",
    "TotalIsZero",
    "WeightAboveTotal",
    "ZeroAccount",
    "__version__",
    "allocate",
    "divert",
    "entitled_closed",
    "entitled_open",
    "lanes",
    "net",
    "shares",
    "shares_ragged",
    "split_receipts",
    "verify",
    "verify_standard",
    "waterfall",
]

__version__: Final[str]

@type_check_only
class ArrowArray(Protocol):
    """An array of Arrow, whosever it is."""

    def __arrow_c_array__(self, requested_schema: Any = None, /) -> tuple[Any, Any]: ...

@type_check_only
class ArrowStream(Protocol):
    """A column of Arrow in chunks, whosever it is."""

    def __arrow_c_stream__(self, requested_schema: Any = None, /) -> Any: ...

_Arrow: TypeAlias = ArrowArray | ArrowStream

@final
class Column:
    """A column of ``uint64``, or a table of accounts, for Arrow to take without a copy: ``pa.array(Column(shares))``.

    Nobody can write to the array from then on.
    """

    def __new__(cls, array: NDArray[np.uint64] | NDArray[np.uint8]) -> Column: ...
    def __len__(self) -> int:
        """The number of rows."""

    def __arrow_c_schema__(self) -> object:
        """``uint64``, or fixed-size binary of 20 bytes."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """The schema and the array. Another type that is asked for is for the caller to cast to."""

class CoreError(ValueError):
    """What the world may do and the core does not answer. The message names the wrong values."""

class AmountIsNegative(CoreError):
    """A number is below zero."""

    value: int

class AmountTooLarge(CoreError):
    """A number does not fit in 128 bits, or in 64 bits where a column is concerned."""

    value: int

class TotalIsZero(CoreError):
    """There is nobody to share with: the weights add up to zero."""

class WeightAboveTotal(CoreError):
    """A slice ends behind the total it is a slice of."""

    before: int
    weight: int
    total: int

class SumOverflow(CoreError):
    """Two weights of a register add up to more than 128 bits.

    Columns of 64-bit weights are never that heavy; the name is shared with the other languages.
    """

    left: int
    right: int

class ZeroAccount(CoreError):
    """The leaf at ``index`` belongs to the zero account."""

    index: int

class LengthMismatch(CoreError):
    """``what`` (``account``, ``root``, ``weights``, …) has not the length it must have, in bytes or in rows."""

    what: str
    expected: int
    actual: int

class NotARegister(CoreError):
    """A file does not begin like one of a register, or was not finished."""

class NullsInColumn(CoreError):
    """An Arrow array has ``count`` nulls."""

    count: int

class LegsNotWhole(CoreError):
    """The legs of an agreement add up to ``total_bps``, not to 10,000 basis points."""

    total_bps: int

class OutOfRange(CoreError):
    """Row ``index`` names the ``what`` (``account``, ``agreement``, ``offset`` or ``rank``) ``value``, which is not
    below ``limit``.
    """

    what: str
    index: int
    value: int
    limit: int

class NoSuchLeaf(CoreError):
    """The register has only ``count`` leaves."""

    index: int
    count: int

class ProofRefused(CoreError):
    """A proof does not show that the leaf is in the register.

    ``value`` is what was wrong: the ``count`` that no register has, the ``index`` of no leaf, the ``length`` of the
    proof in bytes, the sibling's ``sum`` that does not fit in 128 bits with the others, or the ``root`` the proof
    leads to.
    """

    reason: Literal["count", "index", "length", "sum", "root"]
    value: int | bytes

class IncomeFell(CoreError):
    """A cumulative figure is lower after a claim than before."""

    before: int
    after: int

class PledgedAboveWhole(CoreError):
    """Liens on one income add up to ``bps``, which is more than 10,000."""

    bps: int

def entitled_open(income: int, weight: int, total: int) -> int:
    """S1: what the owner of ``weight`` of ``total`` is entitled to of ``income`` while more may arrive.

    ``floor(income * weight / total)``, up to 128 bits each. It never falls when ``income`` grows.

    Raises ``TotalIsZero``, ``WeightAboveTotal``, ``AmountIsNegative``, ``AmountTooLarge``.
    """

def entitled_closed(income: int, before: int, weight: int, total: int) -> int:
    """S2: what the owner of the slice ``[before, before + weight)`` of ``total`` is entitled to once ``income`` is
    complete.

    ``floor(income * (before + weight) / total) - floor(income * before / total)``, up to 128 bits each. It is never
    below ``entitled_open``, and slices that cover the total add up to exactly ``income``.

    Raises ``TotalIsZero``, ``WeightAboveTotal``, ``AmountIsNegative``, ``AmountTooLarge``.
    """

def shares(
    income: int,
    weights: NDArray[np.uint64] | _Arrow,
    *,
    closed: bool,
    total: int | None = None,
    before: int | None = None,
    threads: int = 1,
    out: NDArray[np.uint64] | None = None,
) -> NDArray[np.uint64]:
    """S1 or S2 for a whole column: what the owner of each of ``weights`` is entitled to of ``income``.

    The slices follow each other in the order of the column and fill its total. Open, up to ``len(weights) - 1`` fen
    are held back; closed, the result adds up to exactly ``income``. With basis points as weights this shares an
    agreement among its legs.

    With ``total``, the weights are not added up first. With ``total`` and ``before``, they are one shard of a longer
    column, whose first slice begins at ``before``: the shards' results, one after the other, are the column's. Weights
    in chunks are shards that follow each other; one thread shares them.

    Raises ``TotalIsZero``, ``WeightAboveTotal`` (the slices end above ``total``), ``LengthMismatch`` (``out``),
    ``AmountIsNegative``, ``AmountTooLarge`` (``income`` has more than 64 bits, ``total`` or ``before`` more than 128).
    """

def shares_ragged(
    incomes: NDArray[np.uint64] | _Arrow,
    offsets: NDArray[np.uint64] | _Arrow,
    weights: NDArray[np.uint64] | _Arrow,
    *,
    closed: bool,
    out: NDArray[np.uint64] | None = None,
) -> NDArray[np.uint64]:
    """S1 or S2 for many receipts, each with holders of its own.

    Receipt ``i`` is shared among ``weights[offsets[i]:offsets[i + 1]]``, and the shares stand where the weights do.
    There is one offset more than there are ``incomes``; they rise from 0 to ``len(weights)``.

    Raises ``LengthMismatch``, ``OutOfRange``, ``TotalIsZero`` (of any one receipt).
    """

def split_receipts(
    amounts: NDArray[np.uint64] | _Arrow,
    agreement: NDArray[np.uint32] | _Arrow,
    legs: Sequence[Sequence[int]],
    *,
    out: NDArray[np.uint64] | None = None,
) -> NDArray[np.uint64]:
    """S2 and S3 for many receipts: split each of ``amounts`` among the legs of its agreement.

    ``legs[agreement[i]]`` are basis points that add up to 10,000. The result has the legs of the first receipt, then
    of the second, and so on; those of one receipt add up to exactly its amount.

    Raises ``LegsNotWhole``, ``LengthMismatch``, ``OutOfRange`` (no such agreement).
    """

def waterfall(
    available: NDArray[np.uint64] | _Arrow,
    offsets: NDArray[np.uint64] | _Arrow,
    rank: NDArray[np.uint8] | _Arrow,
    due: NDArray[np.uint64] | _Arrow,
    cap: NDArray[np.uint64] | _Arrow,
    *,
    out: tuple[NDArray[np.uint64], NDArray[np.uint64]] | None = None,
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """L10: serve the pledges of many pools, rank by rank, and return ``(taken, rest)``.

    The pledges of pool ``i``, which has ``available[i]`` fen, are the rows from ``offsets[i]`` to ``offsets[i + 1]``,
    in order of registration. A pledge asks for what is ``due``, at most its ``cap``. Rank 0 is served first, 7 last;
    a rank whose asks fit is served in full, the first that does not fit shares what is left in proportion to the asks
    (S2), and those behind it get nothing. ``taken`` has a row for each pledge, ``rest`` one for each pool, and
    together they are what was available.

    Raises ``LengthMismatch``, ``OutOfRange`` (an offset or a rank).
    """

def net(
    account: NDArray[np.uint32] | _Arrow,
    amounts: NDArray[np.int64] | _Arrow,
    accounts: int,
    *,
    out: NDArray[np.uint64] | None = None,
) -> NDArray[np.uint64]:
    """S7: add up the signed ``amounts`` of book lines by ``account``, each below ``accounts``.

    The result has shape ``(2, accounts)``: the low words of the nets, then the high words; together they are 128 bits,
    two's complement. No sum of lines that fit in memory is too large.

    Raises ``LengthMismatch``, ``OutOfRange``.
    """

def allocate(amount: int, weights: NDArray[np.uint64] | _Arrow) -> NDArray[np.uint64]:
    """A1: divide ``amount`` by largest remainder.

    Everyone gets their part rounded down, then the odd units go, one each, to the largest remainders, and among equal
    remainders to the lowest index. The result adds up to exactly ``amount``. Bring the weights in an order that
    everyone can repeat, for parcels by parcel id.

    Raises ``TotalIsZero``, ``AmountIsNegative``, ``AmountTooLarge`` (``amount`` has more than 64 bits).
    """

def divert(before: int, after: int, liens: Sequence[tuple[int, int, int]]) -> tuple[list[int], int]:
    """L1, L12: what liens take of one claim, in order of rank, and what is left for the holder.

    The claim brings the holder's cumulative figure in one line from ``before`` to ``after``. A lien is ``(bps, due,
    arrears)``: it is offered ``floor(after * bps / 10000) - floor(before * bps / 10000)`` and takes what is due out of
    it; as far as it is in arrears, it also takes what the liens behind it are offered. What is taken and what is left
    add up to exactly ``after - before``.

    Raises ``IncomeFell``, ``PledgedAboveWhole``, ``AmountIsNegative``, ``AmountTooLarge``.
    """

@final
class Register:
    """A share register: a Merkle-sum tree of accounts and weights, kept in memory with all its nodes.

    It does not change once built, and threads may share it.
    """

    def __new__(
        cls,
        accounts: NDArray[np.uint8] | _Arrow,
        weights: NDArray[np.uint64] | _Arrow,
        *,
        threads: int = 1,
        lanes: str | None = None,
    ) -> Register:
        """Build the register of ``accounts``, a C-contiguous table of shape ``(n, 20)``, and ``n`` weights, in their
        order.

        A weight may be zero, an account may stand in several rows, but not the zero account. Arrays that nobody can
        write to are kept as they are, others are copied. ``lanes`` forces one of ``lanes()``.

        Raises ``LengthMismatch``, ``ZeroAccount``, ``TotalIsZero`` (also of no rows at all).
        """

    @staticmethod
    def open(path: str | PathLike[str]) -> Register:
        """Map a file that ``save`` or ``RegisterWriter`` wrote into memory. Nothing is read before it is asked for.

        The nodes are believed; ``audit`` computes them again. Do not change the file while the register lives.

        Raises ``NotARegister``, ``LengthMismatch`` (the file is longer or shorter than it says), ``OSError``.
        """

    def save(self, path: str | PathLike[str]) -> None:
        """Write the register to a file.

        Raises ``OSError``.
        """

    @property
    def root(self) -> bytes:
        """The 32 bytes that stand for the whole register. They do not tell the number of leaves."""

    @property
    def total(self) -> int:
        """The sum of all weights, which is above zero."""

    @property
    def count(self) -> int:
        """The number of leaves."""

    def __len__(self) -> int:
        """The number of leaves."""

    def leaf(self, index: int) -> tuple[bytes, int]:
        """The account, 20 bytes, and the weight at ``index``, which counts from 0 and never from the end.

        Raises ``NoSuchLeaf``, ``AmountIsNegative``, ``AmountTooLarge``.
        """

    def before(self, index: int) -> int:
        """The sum of all earlier weights: where the slice of leaf ``index`` begins.

        Raises ``NoSuchLeaf``, ``AmountIsNegative``, ``AmountTooLarge``.
        """

    def proof(self, index: int) -> bytes:
        """R5: the proof of leaf ``index``: its siblings from the leaf up, 48 bytes each (hash 32, sum 16, big
        endian).

        A level where the node has no sibling adds nothing, so the proof of a single leaf is empty.

        Raises ``NoSuchLeaf``, ``AmountIsNegative``, ``AmountTooLarge``.
        """

    def run_proof(self, first: int, length: int) -> bytes:
        """R8: the proof of ``length`` leaves from ``first`` on: the nodes beside them, level by level from the leaves,
        48 bytes each, the left one before the right one.

        Of one leaf it is its proof; of all leaves it is empty. About as long for any number of leaves.

        Raises ``NoSuchLeaf``, also for no leaves, ``AmountIsNegative``, ``AmountTooLarge``.
        """

    def proofs(self, indices: NDArray[np.uint64] | _Arrow) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
        """The proofs of many leaves, one after the other, and where each begins; the end of the last is there as well.

        Raises ``NoSuchLeaf``.
        """

    def replaced(
        self,
        indices: NDArray[np.uint64] | _Arrow,
        accounts: NDArray[np.uint8] | _Arrow,
        weights: NDArray[np.uint64] | _Arrow,
    ) -> Register:
        """A register with other leaves at ``indices``; of equal indices the last counts. Only the nodes above them are
        hashed, the others are copied. This register stays as it is.

        Raises ``NoSuchLeaf``, ``LengthMismatch``, ``ZeroAccount``, ``TotalIsZero``.
        """

    def audit(self, *, threads: int = 1, lanes: str | None = None) -> bool:
        """Compute every node again from the leaves, and tell whether they are the ones that are kept.

        Raises ``ZeroAccount``, ``TotalIsZero`` of leaves in a file that no register has.
        """

    def statements(self, leg_income: int, *, closed: bool, threads: int = 1) -> NDArray[np.uint64]:
        """What every leaf is entitled to of the register's ``leg_income``, in fen, in the order of the leaves.

        Open, each figure is ``entitled_open`` of the open leg; closed, ``entitled_closed`` of the closed leg, and
        together they are exactly ``leg_income``.

        Raises ``AmountIsNegative``, ``AmountTooLarge`` (``leg_income`` has more than 64 bits).
        """

def verify(root: bytes, count: int, index: int, account: bytes, weight: int, proof: bytes) -> tuple[int, int]:
    """R5: check that ``account`` with ``weight`` is leaf ``index`` of the register, and return ``(before, total)``.

    ``root`` and ``count`` must come from whoever vouches for the register, never from the holder. The weight may have
    128 bits, which is more than a register built here can hold.

    Raises ``ProofRefused``, ``LengthMismatch`` (``root`` is not 32 or ``account`` not 20 bytes), ``TotalIsZero``,
    ``AmountIsNegative``, ``AmountTooLarge``.
    """

@final
class RegisterWriter:
    """Builds a register in a file from leaves that come in batches of any size, in memory that hardly grows with them:
    a few megabytes, and less than a byte for each leaf.

    The file is no register until ``finish``.
    """

    def __new__(
        cls, path: str | PathLike[str], count: int, *, threads: int = 1, lanes: str | None = None
    ) -> RegisterWriter:
        """Begin a register that will have ``count`` leaves; a file at ``path`` is written over.

        Raises ``TotalIsZero`` (of no leaves), ``NoSuchLeaf`` (of more than any memory holds), ``OSError``.
        """

    def append(self, accounts: NDArray[np.uint8] | _Arrow, weights: NDArray[np.uint64] | _Arrow) -> None:
        """Take the next leaves. Chunks of both columns may end at different rows.

        Raises ``LengthMismatch`` (also of more leaves than were announced), ``ZeroAccount``, ``OSError``, and
        ``ValueError`` once finished.
        """

    def finish(self) -> Register:
        """Write what is left, and open the register.

        Raises ``LengthMismatch`` (leaves are missing), ``TotalIsZero``, ``OSError``, and ``ValueError`` once finished.
        """

@final
class Shard:
    """A run of leaves that was hashed by itself. Neighbours merge, in any grouping, into the register of all."""

    def __new__(
        cls,
        start: int,
        accounts: NDArray[np.uint8] | _Arrow,
        weights: NDArray[np.uint64] | _Arrow,
        *,
        threads: int = 1,
        lanes: str | None = None,
    ) -> Shard:
        """Hash the leaves from leaf ``start`` of the register on.

        Raises ``LengthMismatch``, ``ZeroAccount``, ``NoSuchLeaf`` (beyond what a register can have).
        """

    def merged(self, next: Shard) -> Shard:
        """This shard and the one that begins where it ends.

        Raises ``LengthMismatch`` (``next`` begins elsewhere).
        """

    def finish(self) -> tuple[bytes, int, int]:
        """The root, the total and the number of leaves of a register that has no others.

        Raises ``LengthMismatch`` (leaves before these are missing), ``TotalIsZero``.
        """

@final
class StandardTree:
    """The ``standard-v1`` tree of ``@openzeppelin/merkle-tree``, of ``["address", "uint256"]`` values."""

    def __new__(
        cls, accounts: NDArray[np.uint8] | _Arrow, weights: NDArray[np.uint64] | _Arrow, *, lanes: str | None = None
    ) -> StandardTree:
        """Build the tree of ``accounts``, shape ``(n, 20)``, and ``n`` weights.

        Raises ``LengthMismatch``, ``TotalIsZero`` (of no rows), ``NoSuchLeaf`` (of more than 2^31 - 1).
        """

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""

    def __len__(self) -> int:
        """The number of values."""

    def proof(self, index: int) -> list[bytes]:
        """The siblings of the value at ``index``, as it was given, from the leaf up.

        Raises ``NoSuchLeaf``.
        """

def verify_standard(root: bytes, account: bytes, weight: int, proof: Sequence[bytes]) -> None:
    """Check that ``account`` with ``weight`` is a value of the standard tree with this ``root``.

    Raises ``ProofRefused``, ``LengthMismatch``.
    """

def lanes() -> list[str]:
    """The ways this processor has to hash at once: some of ``scalar``, ``avx2`` and ``avx512``, the widest last."""
