"""The arithmetic of the Gongsheng Ledger in Rust: sharing, share registers, allocation, liens.

Units. Amounts are whole fen, weights and allocated amounts whole units of whatever is shared (kilograms, basis
points). There are no floats, and every division rounds down; where something is left over, the function says who gets
it.

Widths. A single number is a Python integer of up to 128 bits, a column is a one-dimensional, C-contiguous NumPy array
of ``uint64``, and an income or amount that is shared over a column has up to 64 bits. Columns are read where they
are, without a copy and without the interpreter lock: do not change them in another thread meanwhile.

Errors. An argument of another type, dtype, dimension or memory layout is a ``TypeError``. Everything else that is
refused is a ``CoreError`` named by what is wrong, with the wrong values as attributes. Nothing wraps and nothing is
clamped.

The rules (S, R, A, L) and their numbers are those of ``tests/model.py``.
"""

from collections.abc import Sequence
from typing import Final, Literal, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AmountIsNegative",
    "AmountTooLarge",
    "CoreError",
    "IncomeFell",
    "LengthMismatch",
    "NoSuchLeaf",
    "PledgedAboveWhole",
    "ProofRefused",
    "Register",
    "SumOverflow",
    "TotalIsZero",
    "WeightAboveTotal",
    "ZeroAccount",
    "__version__",
    "allocate",
    "divert",
    "entitled_closed",
    "entitled_open",
    "shares",
    "verify",
]

__version__: Final[str]

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
    """``what`` (``account``, ``root`` or ``weights``) has not the length it must have, in bytes or in rows."""

    what: str
    expected: int
    actual: int

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

def shares(income: int, weights: NDArray[np.uint64], *, closed: bool) -> NDArray[np.uint64]:
    """S1 or S2 for a whole column: what the owner of each of ``weights`` is entitled to of ``income``.

    The slices follow each other in the order of the column and fill its total. Open, up to ``len(weights) - 1`` fen
    are held back; closed, the result adds up to exactly ``income``. With basis points as weights this shares an
    agreement among its legs.

    Raises ``TotalIsZero``, ``AmountIsNegative``, ``AmountTooLarge`` (``income`` has more than 64 bits).
    """

def allocate(amount: int, weights: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A1: divide ``amount`` by largest remainder.

    Everyone gets their part rounded down, then the odd units go, one each, to the largest remainders, and among equal
    remainders to the lowest index. The result adds up to exactly ``amount``. Bring the weights in an order that
    everyone can repeat, for parcels by parcel id.

    Raises ``TotalIsZero``, ``AmountIsNegative``, ``AmountTooLarge`` (``amount`` has more than 64 bits).
    """

def divert(before: int, after: int, liens: Sequence[tuple[int, int]]) -> tuple[list[int], int]:
    """L1: what liens take of one claim, in order of registration, and what is left for the holder.

    The claim brings the holder's cumulative figure in one line from ``before`` to ``after``. A lien is ``(bps,
    due)``: it is offered ``floor(after * bps / 10000) - floor(before * bps / 10000)``, and takes no more than is due
    to it and no more than earlier liens have left. What is taken and what is left add up to exactly ``after -
    before``.

    Raises ``IncomeFell``, ``PledgedAboveWhole``, ``AmountIsNegative``, ``AmountTooLarge``.
    """

@final
class Register:
    """A share register: a Merkle-sum tree of accounts and weights, kept in memory with all its nodes.

    It does not change once built, and threads may share it.
    """

    def __new__(cls, accounts: NDArray[np.uint8], weights: NDArray[np.uint64]) -> Register:
        """Build the register of ``accounts``, a C-contiguous table of shape ``(n, 20)``, and ``n`` weights, in their
        order.

        A weight may be zero, an account may stand in several rows, but not the zero account.

        Raises ``LengthMismatch``, ``ZeroAccount``, ``TotalIsZero`` (also of no rows at all).
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

    def statements(self, leg_income: int, *, closed: bool) -> NDArray[np.uint64]:
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
