"""The rules of the ledger in slow, obvious Python: the executable specification.

A rule changes here and in ``tests/vectors`` first; Rust, Solidity and SQL follow. Every rule has a number, and the
code that states it names it: ``S`` sharing, ``R`` registers, ``A`` allocation, ``C`` credits, ``L`` liens and loans,
``D`` data assets, ``O`` rounds. Only the standard library is used, so that every environment of the project can run
it. All numbers are integers: fen, kilograms, basis points, seconds.

A rule refuses what it cannot answer with an exception of its own, derived from ``Refused``, which carries the wrong
values. The compiled core and the vectors use the same names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

MAX_AMOUNT: Final = 2**128 - 1
"""The largest amount, weight or total."""

MAX_COUNT: Final = 2**63
"""The largest number of leaves of a register."""

WHOLE_BPS: Final = 10_000
"""The whole in basis points."""

RANKS: Final = 8
"""The number of ranks of a waterfall."""

YEAR_SECONDS: Final = 365 * 24 * 60 * 60
"""The year of an annual rate: 365 days, always."""

EMPTY_ACCOUNT: Final = bytes(20)
"""The account nobody owns."""


# REFUSALS


class Refused(ValueError):
    """What the world may do and a rule does not answer."""


class AmountIsNegative(Refused):
    """An amount, weight or total is below zero."""

    def __init__(self, value: int) -> None:
        super().__init__(f"{value} is negative")
        self.value = value


class AmountTooLarge(Refused):
    """An amount, weight or total does not fit in 128 bits."""

    def __init__(self, value: int) -> None:
        super().__init__(f"{value} is above {MAX_AMOUNT}")
        self.value = value


class TotalIsZero(Refused):
    """There is nobody to share with: the weights add up to zero."""

    def __init__(self) -> None:
        super().__init__("the total of the weights is zero")


class WeightAboveTotal(Refused):
    """A slice ends behind the total it is a slice of."""

    def __init__(self, before: int, weight: int, total: int) -> None:
        super().__init__(f"the slice of {weight} after {before} ends above the total {total}")
        self.before = before
        self.weight = weight
        self.total = total


class LegsNotWhole(Refused):
    """The legs of an agreement do not add up to 10,000 basis points."""

    def __init__(self, total_bps: int) -> None:
        super().__init__(f"the legs add up to {total_bps} basis points, not to {WHOLE_BPS}")
        self.total_bps = total_bps


class SumOverflow(Refused):
    """Two weights add up to more than 128 bits."""

    def __init__(self, left: int, right: int) -> None:
        super().__init__(f"{left} + {right} is above {MAX_AMOUNT}")
        self.left = left
        self.right = right


class ZeroAccount(Refused):
    """A leaf belongs to nobody."""

    def __init__(self, index: int) -> None:
        super().__init__(f"leaf {index} belongs to the zero account")
        self.index = index


class LengthMismatch(Refused):
    """Something has not the length it must have."""

    def __init__(self, what: str, expected: int, actual: int) -> None:
        super().__init__(f"{what}: expected {expected}, got {actual}")
        self.what = what
        self.expected = expected
        self.actual = actual


class NoSuchLeaf(Refused):
    """The register has fewer leaves."""

    def __init__(self, index: int, count: int) -> None:
        super().__init__(f"there is no leaf {index} among {count}")
        self.index = index
        self.count = count


class OutOfRange(Refused):
    """Row ``index`` names the ``what`` ``value``, which is not below ``limit``."""

    def __init__(self, what: str, index: int, value: int, limit: int) -> None:
        super().__init__(f"the {what} of row {index} is {value}, which is not below {limit}")
        self.what = what
        self.index = index
        self.value = value
        self.limit = limit


class ProofRefused(Refused):
    """A proof does not show that the leaf is in the register.

    ``reason`` is one of ``count``, ``index``, ``length``, ``sum`` and ``root``; ``value`` is what was wrong: the
    number of leaves, the index, the length of the proof in bytes, the sibling sum that overflowed, the root the proof
    leads to.
    """

    def __init__(self, reason: str, value: int | bytes) -> None:
        shown = f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
        super().__init__(f"the proof is refused for its {reason}: {shown}")
        self.reason = reason
        self.value = value


class IncomeFell(Refused):
    """A cumulative figure is lower after a claim than before."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(f"cumulative income fell from {before} to {after}")
        self.before = before
        self.after = after


class PledgedAboveWhole(Refused):
    """More than the whole of one income is pledged."""

    def __init__(self, bps: int) -> None:
        super().__init__(f"{bps} basis points of one income are pledged, the whole is {WHOLE_BPS}")
        self.bps = bps


class PeriodsReversed(Refused):
    """A range of periods ends before it begins."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(f"period {last} comes before period {first}")
        self.first = first
        self.last = last


class TimeRunsBack(Refused):
    """A loan was brought to a later time already."""

    def __init__(self, accrued_until: int, now: int) -> None:
        super().__init__(f"interest is accrued until {accrued_until}, which is after {now}")
        self.accrued_until = accrued_until
        self.now = now


class RepaidAboveDebt(Refused):
    """A repayment is larger than the debt."""

    def __init__(self, amount: int, debt: int) -> None:
        super().__init__(f"{amount} is more than the debt of {debt}")
        self.amount = amount
        self.debt = debt


class AboveTradable(Refused):
    """More credits would be used up than are tradable."""

    def __init__(self, quantity: int, tradable: int) -> None:
        super().__init__(f"{quantity} would be used up of {tradable} tradable credits")
        self.quantity = quantity
        self.tradable = tradable


class AboveShortfall(Refused):
    """More would be made good than is short."""

    def __init__(self, quantity: int, shortfall: int) -> None:
        super().__init__(f"{quantity} would be made good of a shortfall of {shortfall}")
        self.quantity = quantity
        self.shortfall = shortfall


class Implausible(Refused):
    """A round shows more than the land can gain in its period."""

    def __init__(self, value: int, maximum: int) -> None:
        super().__init__(f"{value} is above the plausible {maximum}")
        self.value = value
        self.maximum = maximum


def require_amounts(*values: int) -> None:
    """Refuse what is not an unsigned 128-bit number."""
    for value in values:
        if value < 0:
            raise AmountIsNegative(value)
        if value > MAX_AMOUNT:
            raise AmountTooLarge(value)


# SHARING


def _require_slice(before: int, weight: int, total: int) -> None:
    require_amounts(before, weight, total)
    if total == 0:
        raise TotalIsZero
    if before + weight > total:
        raise WeightAboveTotal(before, weight, total)


def entitled_open(income: int, weight: int, total: int) -> int:
    """S1: while a period is open, the owner of ``weight`` of ``total`` is entitled to its part, rounded down.

    The figure never falls when income grows, and the figures of all owners never add up to more than the income.
    """
    require_amounts(income)
    _require_slice(0, weight, total)
    return income * weight // total


def entitled_closed(income: int, before: int, weight: int, total: int) -> int:
    """S2: once a period is closed, a slice is entitled to the part at its end less the part at its beginning.

    The slice is ``[before, before + weight)`` of ``total``, and both parts are rounded down. The figure is never less
    than the open figure, and slices that cover the total add up to exactly the income.
    """
    require_amounts(income)
    _require_slice(before, weight, total)
    return income * (before + weight) // total - income * before // total


def require_whole(legs: Sequence[int]) -> None:
    """S3: the legs of an agreement add up to 10,000 basis points."""
    require_amounts(*legs)
    if sum(legs) != WHOLE_BPS:
        raise LegsNotWhole(sum(legs))


def leg_income(received: int, legs: Sequence[int], leg: int, *, closed: bool) -> int:
    """S3: the legs of an agreement are slices of 10,000 basis points; a leg begins where the earlier legs end."""
    require_whole(legs)
    if closed:
        return entitled_closed(received, sum(legs[:leg]), legs[leg], WHOLE_BPS)
    return entitled_open(received, legs[leg], WHOLE_BPS)


def holder_income(
    received: int, legs: Sequence[int], leg: int, weights: Sequence[int], holder: int, *, closed: bool
) -> int:
    """S4: a holder of a register owns a slice of its leg: of the open leg while open, of the closed leg once closed.

    Closing a period closes its legs first, then their registers, so a holder's figure never falls on the way.
    """
    income = leg_income(received, legs, leg, closed=closed)
    if closed:
        return entitled_closed(income, sum(weights[:holder]), weights[holder], sum(weights))
    return entitled_open(income, weights[holder], sum(weights))


def tier_parts(cumulative: int, amount: int, bounds: Sequence[int]) -> tuple[int, ...]:
    """SPEC T2: how much of ``amount``, which comes on top of ``cumulative``, lies in each tier.

    ``bounds`` are where the tiers begin, the first at zero. Fen by fen: each belongs to the last tier that has begun.
    """
    require_amounts(cumulative, amount, *bounds)
    ends = [*bounds[1:], max(cumulative + amount, bounds[-1])]
    below = [min(max(cumulative, begin), end) - begin for begin, end in zip(bounds, ends, strict=True)]
    after = [min(max(cumulative + amount, begin), end) - begin for begin, end in zip(bounds, ends, strict=True)]
    return tuple(now - before for before, now in zip(below, after, strict=True))


def net(lines: Sequence[tuple[int, int]], accounts: int) -> list[int]:
    """S7: the net of an account is the sum of its lines, each an account and a signed amount."""
    nets = [0] * accounts
    for row, (account, amount) in enumerate(lines):
        if not 0 <= account < accounts:
            raise OutOfRange("account", row, account, accounts)
        nets[account] += amount
    return nets


# REGISTERS


@dataclass(frozen=True, slots=True)
class Leaf:
    """One line of a register: an account and its weight. Two leaves may name the same account."""

    account: bytes
    weight: int

    def __post_init__(self) -> None:
        if len(self.account) != 20:
            raise LengthMismatch("account", 20, len(self.account))
        require_amounts(self.weight)


@dataclass(frozen=True, slots=True)
class Node:
    """A subtree of a register: its hash and the sum of the weights in it."""

    hash: bytes
    sum: int


def leaf_node(leaf: Leaf) -> Node:
    """R1: a leaf is ``keccak256(0x00 ‖ account ‖ weight)``: 20 bytes of account, 16 of weight, big endian."""
    return Node(keccak256(b"\x00" + leaf.account + leaf.weight.to_bytes(16, "big")), leaf.weight)


def parent_node(left: Node, right: Node) -> Node:
    """R2: a node is ``keccak256(0x01 ‖ left hash ‖ left sum ‖ right hash ‖ right sum)``; a sum takes 16 bytes.

    R4: the sum of a node that does not fit in 128 bits is refused.
    """
    if left.sum + right.sum > MAX_AMOUNT:
        raise SumOverflow(left.sum, right.sum)
    content = left.hash + left.sum.to_bytes(16, "big") + right.hash + right.sum.to_bytes(16, "big")
    return Node(keccak256(b"\x01" + content), left.sum + right.sum)


class Register:
    """A Merkle-sum tree of leaves, kept level by level from the leaves to the root."""

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        """Build every level.

        R3: the last node of a level with an odd number of nodes is promoted to the next level unchanged, never
        duplicated.

        R6: the total of a register is above zero, and no leaf belongs to the zero account; a leaf may weigh nothing.
        """
        for index, leaf in enumerate(leaves):
            if leaf.account == EMPTY_ACCOUNT:
                raise ZeroAccount(index)
        self.leaves = tuple(leaves)
        self.levels = [[leaf_node(leaf) for leaf in leaves]]
        while len(self.levels[-1]) > 1:
            level = self.levels[-1]
            parents = [parent_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
            promoted = level[-1:] if len(level) % 2 else []
            self.levels.append(parents + promoted)
        if self.total == 0:
            raise TotalIsZero

    @property
    def root(self) -> bytes:
        """The hash that stands for the whole register; of a single leaf, the leaf's hash."""
        return self.levels[-1][0].hash

    @property
    def total(self) -> int:
        """The sum of all weights."""
        return sum(leaf.weight for leaf in self.leaves)

    def before(self, index: int) -> int:
        """The sum of the weights of all earlier leaves: where the slice of leaf ``index`` begins."""
        return sum(leaf.weight for leaf in self.leaves[:index])

    def proof(self, index: int) -> bytes:
        """R5: the proof of a leaf is its siblings from the leaf up, 48 bytes each: 32 of hash, then 16 of sum.

        There is no step at a level where the node is promoted, so the proof of a single leaf is empty.
        """
        if not 0 <= index < len(self.leaves):
            raise NoSuchLeaf(index, len(self.leaves))
        steps = b""
        for level in self.levels[:-1]:
            sibling = index - 1 if index % 2 else index + 1
            if sibling < len(level):
                steps += level[sibling].hash + level[sibling].sum.to_bytes(16, "big")
            index //= 2
        return steps

    def run_proof(self, first: int, length: int) -> bytes:
        """R8: the proof of ``length`` leaves from ``first`` on: the nodes beside them, level by level, from the leaves.

        At each level the left neighbour of the first node, if that is a right child, then the right one of the last,
        if that is a left child and not promoted. Of one leaf it is its proof.
        """
        if not 0 <= first < len(self.leaves):
            raise NoSuchLeaf(first, len(self.leaves))
        if not 0 < length <= len(self.leaves) - first:
            raise NoSuchLeaf(first + length - 1, len(self.leaves))
        last = first + length - 1
        steps = b""
        for level in self.levels[:-1]:
            beside = [first - 1] if first % 2 else []
            if last % 2 == 0 and last + 1 < len(level):
                beside.append(last + 1)
            steps += b"".join(level[index].hash + level[index].sum.to_bytes(16, "big") for index in beside)
            first, last = first // 2, last // 2
        return steps

    def statements(self, income: int, *, closed: bool) -> list[int]:
        """S1 and S2 for every leaf: what each is entitled to of the leg's ``income``."""
        if closed:
            return [
                entitled_closed(income, self.before(index), leaf.weight, self.total)
                for index, leaf in enumerate(self.leaves)
            ]
        return [entitled_open(income, leaf.weight, self.total) for leaf in self.leaves]


def verify(root: bytes, count: int, index: int, leaf: Leaf, proof: bytes) -> tuple[int, int]:
    """R5: walk from the leaf to the root and return ``before`` and ``total``, added up on the way.

    Where a node has its sibling follows from ``index`` and ``count`` alone, never from the proof: an odd index has it
    on the left, an even index on the right, and the last node of an odd level has none. ``count`` must come from
    whoever vouches for the root, because a root does not tell how many leaves it stands for. R6: a total of zero is
    refused.
    """
    if not 0 < count <= MAX_COUNT:
        raise ProofRefused("count", count)
    if not 0 <= index < count:
        raise ProofRefused("index", index)
    if len(proof) != 48 * proof_steps(count, index):
        raise ProofRefused("length", len(proof))

    before = 0
    node = leaf_node(leaf)
    while count > 1:
        if index % 2 or index + 1 < count:
            sibling = Node(proof[:32], int.from_bytes(proof[32:48], "big"))
            proof = proof[48:]
            if node.sum + sibling.sum > MAX_AMOUNT:
                raise ProofRefused("sum", sibling.sum)
            if index % 2:
                before += sibling.sum
                node = parent_node(sibling, node)
            else:
                node = parent_node(node, sibling)
        index //= 2
        count = (count + 1) // 2

    if node.hash != root:
        raise ProofRefused("root", node.hash)
    if node.sum == 0:
        raise TotalIsZero
    return before, node.sum


def proof_steps(count: int, index: int) -> int:
    """R5: the proof of leaf ``index`` of ``count`` has a step for every level where the leaf's side has a sibling."""
    steps = 0
    while count > 1:
        if index % 2 or index + 1 < count:
            steps += 1
        index //= 2
        count = (count + 1) // 2
    return steps


def verify_run(root: bytes, count: int, first: int, leaves: Sequence[Leaf], proof: bytes) -> tuple[int, int]:
    """R8: fold the leaves from ``first`` on with the nodes beside them, and return ``before`` and ``total``."""
    if not 0 < count <= MAX_COUNT:
        raise ProofRefused("count", count)
    if not (leaves and first >= 0 and first + len(leaves) <= count):
        raise ProofRefused("index", first)

    last, width, sides = first + len(leaves) - 1, count, list[tuple[bool, bool]]()
    low, high = first, last
    while width > 1:
        sides.append((low % 2 == 1, high % 2 == 0 and high + 1 < width))
        low, high, width = low // 2, high // 2, (width + 1) // 2
    if len(proof) != 48 * sum(left + right for left, right in sides):
        raise ProofRefused("length", len(proof))

    before = 0
    row = [leaf_node(leaf) for leaf in leaves]

    def beside() -> Node:
        nonlocal proof
        step, proof = proof[:48], proof[48:]
        return Node(step[:32], int.from_bytes(step[32:], "big"))

    def joined(left: Node, right: Node) -> Node:
        if left.sum + right.sum > MAX_AMOUNT:
            raise ProofRefused("sum", right.sum)
        return parent_node(left, right)

    for has_left, has_right in sides:
        if has_left:
            row.insert(0, beside())
            before += row[0].sum
        if has_right:
            row.append(beside())
        promoted = row[-1:] if len(row) % 2 else []
        row = [joined(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)] + promoted

    if row[0].hash != root:
        raise ProofRefused("root", row[0].hash)
    if row[0].sum == 0:
        raise TotalIsZero
    return before, row[0].sum


# ALLOCATION


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """A1: divide ``amount`` in whole units by largest remainder.

    Everyone gets its part rounded down; the odd units go, one each, to the largest remainders, and among equal
    remainders to the lowest index. The caller brings the weights in an order that everyone can repeat, for parcels by
    parcel id.
    """
    require_amounts(amount, *weights)
    total = sum(weights)
    if total == 0:
        raise TotalIsZero
    allocated = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(amount * weights[index] % total), index))
    for index in by_remainder[: amount - sum(allocated)]:
        allocated[index] += 1
    return allocated


# LIENS AND LOANS


def divert(before: int, after: int, liens: Sequence[tuple[int, int, int]]) -> tuple[list[int], int]:
    """L1 and L12: what the liens take of one claim, in order of rank, and what is left for the holder.

    The claim brings the holder's cumulative figure in one line from ``before`` to ``after``. A lien ``(bps, due,
    arrears)`` is offered ``floor(after·bps/10000) − floor(before·bps/10000)``, so the offers of many small claims add
    up to the offer of one large claim. Out of its own offer it takes what is due. As far as it is in arrears, it also
    takes what the liens behind it are offered, so that a junior gets nothing while a senior is in arrears. What it
    leaves of its own offer is the holder's. All of them take no more than the claim: where the odd fen of several liens
    meet in one claim, the last liens go short by less than a fen per lien, and stay due.
    """
    require_amounts(before, after, *(number for lien in liens for number in lien))
    if after < before:
        raise IncomeFell(before, after)
    pledged = sum(bps for bps, _, _ in liens)
    if pledged > WHOLE_BPS:
        raise PledgedAboveWhole(pledged)
    offers = [after * bps // WHOLE_BPS - before * bps // WHOLE_BPS for bps, _, _ in liens]
    pool = min(sum(offers), after - before)
    taken = []
    for rank, (_, due, arrears) in enumerate(liens):
        wanted = max(min(due, offers[rank]), min(arrears, due))
        taken.append(min(wanted, pool))
        pool = min(pool - taken[-1], sum(offers[rank + 1 :]))
    return taken, after - before - sum(taken)


def waterfall(available: int, pledges: Sequence[tuple[int, int, int]]) -> tuple[list[int], int]:
    """L10: what each pledge ``(rank, due, cap)`` takes of a pool, in order of registration, and what is left.

    A pledge asks for what is due, at most its cap. Ranks are served from 0 to 7: one whose asks fit in full, the
    first that does not in proportion to the asks, as closed slices of what is left (S2), those behind it not at all.
    """
    require_amounts(available, *(amount for _, due, cap in pledges for amount in (due, cap)))
    for row, (rank, _, _) in enumerate(pledges):
        if not 0 <= rank < RANKS:
            raise OutOfRange("rank", row, rank, RANKS)
    asks = [min(due, cap) for _, due, cap in pledges]
    taken = [0] * len(pledges)
    left = available
    for rank in range(RANKS):
        rows = [row for row, pledge in enumerate(pledges) if pledge[0] == rank]
        asked = sum(asks[row] for row in rows)
        served = min(asked, left)
        before = 0
        for row in rows:
            if asks[row] > 0:
                taken[row] = served * (before + asks[row]) // asked - served * before // asked
            before += asks[row]
        left -= served
    return taken, left


@dataclass(frozen=True, slots=True)
class Instalment:
    """Principal that falls due at a time."""

    due_at: int
    amount: int


@dataclass(frozen=True, slots=True)
class Loan:
    """Principal lent at an annual rate and its schedule, and what became of both until ``accrued_until``."""

    principal: int
    rate_bps: int
    instalments: tuple[Instalment, ...]
    accrued_until: int
    overdue_rate_bps: int = 0
    """What overdue principal bears on top of the annual rate."""
    passed: int = 0
    """Instalments that have come."""
    accrued_scaled: int = 0
    """Interest since the beginning in units of ``1 / (10,000 × 31,536,000)`` fen."""
    billed: int = 0
    """Fen of interest up to the last instalment that has come; after the last of all, up to now."""
    interest_paid: int = 0
    principal_repaid: int = 0
    costs: int = 0
    """Enforcement costs that were charged and not paid."""
    arrears_since: int = 0
    """Since when there are arrears without a break; 0 while there are none."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A debt, cut in the order in which it is paid."""

    costs: int
    overdue_interest: int
    overdue_principal: int
    current_interest: int
    later_principal: int

    @property
    def arrears(self) -> int:
        return self.costs + self.overdue_interest + self.overdue_principal

    @property
    def due(self) -> int:
        return self.arrears + self.current_interest

    @property
    def total(self) -> int:
        return self.due + self.later_principal


def outstanding(loan: Loan) -> int:
    """The principal still owed."""
    return loan.principal - loan.principal_repaid


def overdue(loan: Loan) -> int:
    """The principal that instalments have asked for and that was not repaid."""
    scheduled = sum(instalment.amount for instalment in loan.instalments[: loan.passed])
    return min(outstanding(loan), max(0, scheduled - loan.principal_repaid))


def grown(loan: Loan, until: int) -> Loan:
    """L2: principal × basis points × seconds is added up as it is; only who reads the interest divides."""
    per_second = outstanding(loan) * loan.rate_bps + overdue(loan) * loan.overdue_rate_bps
    growth = per_second * (until - loan.accrued_until)
    return replace(loan, accrued_until=until, accrued_scaled=loan.accrued_scaled + growth)


def accrue(loan: Loan, now: int) -> Loan:
    """L2, L3: the loan as it is at a time. Each instalment that has come bills the interest until then.

    An instalment from before the loan began is due with its beginning. After the last one all interest is billed.
    """
    if now < loan.accrued_until:
        raise TimeRunsBack(loan.accrued_until, now)
    while loan.passed < len(loan.instalments) and loan.instalments[loan.passed].due_at <= now:
        loan = grown(loan, max(loan.accrued_until, loan.instalments[loan.passed].due_at))
        loan = replace(loan, passed=loan.passed + 1, billed=loan.accrued_scaled // (WHOLE_BPS * YEAR_SECONDS))
        if not loan.arrears_since and (loan.billed > loan.interest_paid or overdue(loan)):
            loan = replace(loan, arrears_since=loan.accrued_until)
    loan = grown(loan, now)
    if loan.passed == len(loan.instalments):
        loan = replace(loan, billed=loan.accrued_scaled // (WHOLE_BPS * YEAR_SECONDS))
    return loan


def interest(loan: Loan) -> int:
    """L2: the interest still owed is all interest so far, rounded down to a fen, less what was paid."""
    return loan.accrued_scaled // (WHOLE_BPS * YEAR_SECONDS) - loan.interest_paid


def parts(loan: Loan, now: int) -> Parts:
    """L3, L11: the whole debt at a time, in the order in which it is paid."""
    loan = accrue(loan, now)
    billed = max(0, loan.billed - loan.interest_paid)
    return Parts(loan.costs, billed, overdue(loan), interest(loan) - billed, outstanding(loan) - overdue(loan))


def debt(loan: Loan, now: int) -> int:
    """L3: the whole debt at a time: costs, interest and principal still owed."""
    return parts(loan, now).total


def due(loan: Loan, now: int) -> int:
    """L3: what is due at a time: costs, all interest so far, and the instalments due so far that were not repaid.

    It is never more than the debt, whatever the schedule says.
    """
    return parts(loan, now).due


def charge(loan: Loan, amount: int, now: int) -> Loan:
    """L15: enforcement costs join the debt. They bear no interest."""
    require_amounts(amount)
    loan = accrue(loan, now)
    return replace(loan, costs=loan.costs + amount)


def repay(loan: Loan, amount: int, now: int) -> Loan:
    """L11: costs, overdue interest, overdue principal, current interest, later principal; above the debt is refused."""
    require_amounts(amount)
    owed = parts(loan, now)
    if amount > owed.total:
        raise RepaidAboveDebt(amount, owed.total)
    left, paid = amount, []
    for part in (
        owed.costs,
        owed.overdue_interest,
        owed.overdue_principal,
        owed.current_interest,
        owed.later_principal,
    ):
        paid.append(min(left, part))
        left -= paid[-1]
    loan = accrue(loan, now)
    loan = replace(
        loan,
        costs=loan.costs - paid[0],
        interest_paid=loan.interest_paid + paid[1] + paid[3],
        principal_repaid=loan.principal_repaid + paid[2] + paid[4],
    )
    return loan if parts(loan, now).arrears else replace(loan, arrears_since=0)


def free_bps(liens: Sequence[tuple[int, int, int]], first: int, last: int) -> int:
    """L4: how much of one holder's income in one leg can still be pledged for all periods from ``first`` to ``last``.

    A live lien ``(bps, first, last)`` holds its part in each of its periods, both ends included. Periods are months
    since January 1970. In no period may the liens hold more than 10,000 basis points, so the fullest period of the
    range decides.
    """
    for lien_first, lien_last in [*((lien[1], lien[2]) for lien in liens), (first, last)]:
        if lien_last < lien_first:
            raise PeriodsReversed(lien_first, lien_last)
    fullest = 0
    for period in range(first, last + 1):
        held = sum(bps for bps, lien_first, lien_last in liens if lien_first <= period <= lien_last)
        fullest = max(fullest, held)
    if fullest > WHOLE_BPS:
        raise PledgedAboveWhole(fullest)
    return WHOLE_BPS - fullest


def partial_value(value: int, signed: tuple[int, int, int], left: tuple[int, int, int], current: int) -> int:
    """L16: what of a signed value falls on the share and the months that stay pledged and are not over, rounded down.

    A pledge is ``(bps, first, last)``, both periods included.
    """
    bps, first, last = left
    months = max(0, last - max(first, current) + 1)
    return value * bps * months // (signed[0] * (signed[2] - signed[1] + 1))


TRANSITIONS: Final = {
    ("Committed", "perfect"): "Perfected",
    ("Committed", "cancel"): "Cancelled",
    ("Committed", "expire"): "Expired",
    ("Perfected", "disburse"): "Active",
    ("Perfected", "cancel"): "Cancelled",
    ("Perfected", "expire"): "Expired",
    ("Active", "mark delinquent"): "Delinquent",
    ("Active", "repay all"): "Repaid",
    ("Active", "repay arrears"): "Active",
    ("Delinquent", "remediate"): "Remediation",
    ("Delinquent", "write off"): "WrittenOff",
    ("Delinquent", "repay arrears"): "Active",
    ("Delinquent", "repay all"): "Repaid",
    ("Delinquent", "charge costs"): "Delinquent",
    ("Remediation", "enforce"): "Enforcing",
    ("Remediation", "repay arrears"): "Active",
    ("Remediation", "repay all"): "Repaid",
    ("Remediation", "charge costs"): "Remediation",
    ("Enforcing", "write off"): "WrittenOff",
    ("Enforcing", "close"): "Closed",
    ("Enforcing", "repay arrears"): "Enforcing",
    ("Enforcing", "repay all"): "Repaid",
    ("Enforcing", "charge costs"): "Enforcing",
    ("WrittenOff", "close"): "Closed",
    ("WrittenOff", "repay arrears"): "WrittenOff",
    ("WrittenOff", "repay all"): "Repaid",
    ("WrittenOff", "charge costs"): "WrittenOff",
    ("Repaid", "release"): "Released",
}
"""L6: where each action brings a pledge from each state when its conditions are met. Every other pair is refused."""


# CREDITS

TRADABLE, BUFFER, RETIRED, CANCELLED, REVERSED = "tradable", "buffer", "retired", "cancelled", "reversed"
"""What a serial of a batch can be. It is always exactly one of them."""


class CreditBatch:
    """A batch of credits, serial by serial."""

    def __init__(self, first: int, issued: int, buffered: int) -> None:
        self.first = first
        self.serials = [TRADABLE] * (issued - buffered) + [BUFFER] * buffered
        self.shortfall = 0
        self.made_good = 0

    def count(self, state: str) -> int:
        """How many of the serials are in a state."""
        return self.serials.count(state)

    @property
    def open_shortfall(self) -> int:
        """What the batch is short of now."""
        return self.shortfall - self.made_good

    def use_up(self, quantity: int, state: str) -> int:
        """C7: the lowest serials that are tradable become retired or cancelled. Returns the first of them."""
        if quantity > self.count(TRADABLE):
            raise AboveTradable(quantity, self.count(TRADABLE))
        lowest = self.serials.index(TRADABLE)
        for position in range(lowest, lowest + quantity):
            assert self.serials[position] == TRADABLE
            self.serials[position] = state
        return self.first + lowest

    def take_from_buffer(self, loss: int) -> int:
        """C10: the highest serials of the buffer are reversed. Returns how many were."""
        taken = 0
        for position in reversed(range(len(self.serials))):
            if taken < loss and self.serials[position] == BUFFER:
                self.serials[position] = REVERSED
                taken += 1
        return taken

    def record_shortfall(self, loss: int) -> int:
        """C11: what is outstanding or retired and not short yet falls short. Returns how much."""
        outstanding = len(self.serials) - self.count(CANCELLED) - self.count(REVERSED)
        recorded = min(loss, max(0, outstanding - self.open_shortfall))
        self.shortfall += recorded
        return recorded


class CarbonProject:
    """A project's batches, oldest first, and what it lost beyond all their credits."""

    def __init__(self, buffer_bps: int, yearly_maximum: int) -> None:
        self.buffer_bps = buffer_bps
        self.yearly_maximum = yearly_maximum
        self.batches: list[CreditBatch] = []
        self.deficit = 0

    def issue(self, value: int, seconds: int) -> CreditBatch:
        """C1, C2, C6: a batch of ``value`` kg that grew in so many seconds; C12: a deficit is taken from it."""
        maximum = self.yearly_maximum * seconds // YEAR_SECONDS
        if value > maximum:
            raise Implausible(value, maximum)
        first = 1 + sum(len(batch.serials) for batch in self.batches)
        batch = CreditBatch(first, value, value * self.buffer_bps // WHOLE_BPS)
        self.batches.append(batch)
        self.deficit -= batch.take_from_buffer(self.deficit)
        self.deficit -= batch.record_shortfall(self.deficit)
        return batch

    def reverse(self, loss: int) -> None:
        """C10 to C12: buffers first, then shortfalls, the newest batch first; the rest is the deficit."""
        for batch in reversed(self.batches):
            loss -= batch.take_from_buffer(loss)
        for batch in reversed(self.batches):
            loss -= batch.record_shortfall(loss)
        self.deficit += loss

    def make_good(self, batch: CreditBatch, source: CreditBatch, quantity: int) -> int:
        """C13: credits of ``source`` are cancelled for what ``batch`` is short of. Returns their first serial."""
        if quantity > batch.open_shortfall:
            raise AboveShortfall(quantity, batch.open_shortfall)
        first = source.use_up(quantity, CANCELLED)
        batch.made_good += quantity
        return first


# DATA ASSETS


def lendable(value: int, uncertainty: int) -> int:
    """D9, O30: what may be lent on a figure with this half-width: it less twice the half-width, never below 0."""
    require_amounts(uncertainty)
    return max(0, value - 2 * uncertainty)


def counts(value: int, previous: int, stale_bps: int, *, disputed: bool, stale: bool) -> int:
    """D10: what an appraised value counts for.

    While the appraisal is disputed the lower one of it and the one before counts; of a stale or outdated one the agreed
    part, rounded down.
    """
    require_amounts(value, previous, stale_bps)
    if stale_bps > WHOLE_BPS:
        raise PledgedAboveWhole(stale_bps)
    figure = min(value, previous) if disputed else value
    return figure * stale_bps // WHOLE_BPS if stale else figure


def is_short(counted: int, maximum_ltv_bps: int, debt: int) -> bool:
    """D11: whether a debt is above the part of a value that may be lent on it."""
    require_amounts(counted, maximum_ltv_bps, debt)
    return debt * WHOLE_BPS > counted * maximum_ltv_bps


# ROUNDS

PANEL_SECONDS: Final = 14 * 24 * 60 * 60
"""How long a panel may take (O26)."""

DISMISSED_SECONDS: Final = 30 * 24 * 60 * 60
"""How long somebody waits whose challenge was dismissed (O24)."""

PANEL_MAJORITY: Final = 2
"""Equal votes that are a verdict (O25)."""


class RoundRefused(Refused):
    """A round does not take that step; ``reason`` is the name under which the contract refuses it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class Measured:
    """The figures of a round, as far as the rules of rounds look at them."""

    value: int
    uncertainty: int

    @property
    def lendable(self) -> int:
        return lendable(self.value, self.uncertainty)


class Dispute:
    """An open dispute over one round, and who voted for what."""

    def __init__(self, challenger: str | None, deadline: int) -> None:
        self.challenger = challenger
        self.deadline = deadline
        self.choices: dict[str, object] = {}


class MeasuredRound:
    """One round of a subject: ``none``, ``candidate``, ``disputed``, ``void`` or ``final``."""

    def __init__(self, period: int) -> None:
        self.period = period
        self.state = "none"
        self.figures: Measured | None = None
        self.verdict = "none"
        self.final_from = 0
        self.basis: tuple[int, Measured] | None = None
        self.votes: dict[int, dict[str, Measured]] = {}
        self.excluded: set[str] = set()
        self.voided: set[Measured] = set()
        self.dispute: Dispute | None = None
        self.reopened: set[str] = set()
        self.restatement: Measured | None = None
        self.limit: int | None = None


class MonitoredSubject:
    """O1, O5, O7 and O22 to O31 for one subject of one feed without cross-check, whose periods do not overlap.

    Time is what the caller says it is; deadlines are in running time, which stands still during a pause.
    """

    def __init__(self, *, quorum: int, window: int, panel: Sequence[str], now: int) -> None:
        self.quorum = quorum
        self.window = window
        self.panel = tuple(panel)
        self.now = now
        self.paused_since: int | None = None
        self.paused_seconds = 0
        self.epoch = 0
        self.rounds: dict[int, MeasuredRound] = {}
        self.caution: tuple[int, int] | None = None
        self.may_challenge_from: dict[str, int] = {}

    @property
    def running(self) -> int:
        return (self.now if self.paused_since is None else self.paused_since) - self.paused_seconds

    def round(self, period: int) -> MeasuredRound:
        return self.rounds.setdefault(period, MeasuredRound(period))

    def pause(self) -> None:
        if self.paused_since is not None:
            raise RoundRefused("PausedAlready")
        self.paused_since = self.now

    def resume(self) -> None:
        if self.paused_since is None:
            raise RoundRefused("PausedAlready")
        self.paused_seconds += self.now - self.paused_since
        self.paused_since = None

    def renew(self) -> None:
        """Rules or signers change: votes that are no candidate are void (O6)."""
        self.epoch += 1

    def report(self, period: int, signer: str, figures: Measured) -> None:
        one = self.round(period)
        if one.state == "final":
            raise RoundRefused("AlreadyFinal")
        if figures in one.voided:
            raise RoundRefused("ResultVoided")
        if signer in one.excluded:
            raise RoundRefused("SignerExcluded")
        votes = one.votes.setdefault(self.epoch, {})
        earlier = votes.setdefault(signer, figures)
        if earlier != figures:
            self._exclude(one, signer)
        elif one.state in ("none", "void") and self._support(one, self.epoch, figures) >= self.quorum:
            self._become_candidate(one, figures)

    def nominate(self, period: int, figures: Measured) -> None:
        one = self.round(period)
        if one.state == "final":
            raise RoundRefused("AlreadyFinal")
        if one.state in ("candidate", "disputed"):
            raise RoundRefused("AlreadyCandidate")
        if self._support(one, self.epoch, figures) < self.quorum:
            raise RoundRefused("QuorumMissing")
        self._become_candidate(one, figures)

    def prove(self, period: int, signer: str, first: Measured, second: Measured) -> None:
        one = self.round(period)
        if first == second:
            raise RoundRefused("NoEquivocation")
        if signer in one.excluded:
            raise RoundRefused("SignerExcluded")
        self._exclude(one, signer)

    def finalise(self, period: int) -> None:
        one = self.round(period)
        if self.paused_since is not None:
            raise RoundRefused("Paused")
        if one.state != "candidate":
            raise RoundRefused("NotCandidate")
        if self.running < one.final_from:
            raise RoundRefused("ChallengeWindowOpen")
        one.state = "final"
        if self.caution is not None and one.period >= self.caution[0]:
            self.caution = None

    def challenge(self, period: int, challenger: str) -> None:
        one = self.round(period)
        if self.running < self.may_challenge_from.get(challenger, 0):
            raise RoundRefused("ChallengerMustWait")
        if one.state != "candidate":
            raise RoundRefused("NotCandidate")
        if self.running >= one.final_from:
            raise RoundRefused("ChallengeWindowOver")
        if one.verdict != "none":
            raise RoundRefused("JudgedAlready")
        one.state = "disputed"
        one.dispute = Dispute(challenger, self.running + PANEL_SECONDS)
        self.may_challenge_from[challenger] = 2**64 - 1

    def vote(self, period: int, member: str, verdict: str) -> None:
        one = self.round(period)
        dispute = self._dispute_for(one, member)
        if verdict not in ("upheld", "void") or (verdict == "void" and one.state == "final"):
            raise RoundRefused("VerdictImpossible")
        dispute.choices[member] = verdict
        if list(dispute.choices.values()).count(verdict) < PANEL_MAJORITY:
            return
        self._close(one, dismissed=verdict == "upheld")
        if verdict == "void":
            self._void(one)
        elif one.state == "final":
            one.limit = None
        else:
            one.state, one.verdict = "candidate", "upheld"

    def restate(self, period: int, member: str, figures: Measured) -> None:
        one = self.round(period)
        opens = one.state == "final" and one.dispute is None
        if opens and one.restatement is not None:
            raise RoundRefused("RestatedAlready")
        if opens and member in one.reopened:
            raise RoundRefused("ReopenedAlready")
        if opens and member not in self.panel:
            raise RoundRefused("NotOnPanel")
        if not opens:
            self._dispute_for(one, member)
        if figures in one.voided:
            raise RoundRefused("ResultVoided")
        if opens:
            one.reopened.add(member)
            one.dispute = Dispute(None, self.running + PANEL_SECONDS)
        assert one.dispute is not None
        if one.state == "final":
            one.limit = figures.lendable if one.limit is None else min(one.limit, figures.lendable)
        one.dispute.choices[member] = figures
        if list(one.dispute.choices.values()).count(figures) < PANEL_MAJORITY:
            return
        self._close(one, dismissed=False)
        if one.state == "final":
            one.restatement, one.limit = figures, figures.lendable
        else:
            one.state, one.verdict, one.figures, one.basis = "candidate", "restated", figures, None
            self._be_careful(one)

    def lapse(self, period: int) -> None:
        one = self.round(period)
        if one.dispute is None:
            raise RoundRefused("NoDispute")
        if self.running < one.dispute.deadline:
            raise RoundRefused("PanelInTime")
        self._close(one, dismissed=False)
        if one.state == "disputed":
            self._void(one)

    def lending_value(self) -> int:
        final = [one for one in self.rounds.values() if one.state == "final"]
        if not final:
            raise RoundRefused("NotFresh")
        newest = max(final, key=lambda one: one.period)
        assert newest.figures is not None
        bounds = [newest.figures.lendable, newest.limit, None if self.caution is None else self.caution[1]]
        return min(bound for bound in bounds if bound is not None)

    def _support(self, one: MeasuredRound, epoch: int, figures: Measured) -> int:
        return list(one.votes.get(epoch, {}).values()).count(figures)

    def _become_candidate(self, one: MeasuredRound, figures: Measured) -> None:
        one.state, one.verdict, one.figures, one.basis = "candidate", "none", figures, (self.epoch, figures)
        one.final_from = self.running + self.window
        self._be_careful(one)

    def _be_careful(self, one: MeasuredRound) -> None:
        assert one.figures is not None
        if any(other.state == "final" and other.period >= one.period for other in self.rounds.values()):
            return
        period, bound = self.caution or (one.period, one.figures.lendable)
        self.caution = (max(period, one.period), min(bound, one.figures.lendable))

    def _exclude(self, one: MeasuredRound, signer: str) -> None:
        one.excluded.add(signer)
        for votes in one.votes.values():
            votes.pop(signer, None)
        if one.state in ("candidate", "disputed") and one.basis and self._support(one, *one.basis) < self.quorum:
            if one.dispute is not None:
                self._close(one, dismissed=False)
            one.state, one.figures, one.verdict = "none", None, "none"

    def _void(self, one: MeasuredRound) -> None:
        assert one.figures is not None
        one.state, one.verdict = "void", "void"
        one.voided.add(one.figures)
        self.renew()

    def _dispute_for(self, one: MeasuredRound, member: str) -> Dispute:
        if one.dispute is None:
            raise RoundRefused("NoDispute")
        if self.running >= one.dispute.deadline:
            raise RoundRefused("PanelTooLate")
        if member not in self.panel:
            raise RoundRefused("NotOnPanel")
        if member in one.dispute.choices:
            raise RoundRefused("VotedAlready")
        return one.dispute

    def _close(self, one: MeasuredRound, *, dismissed: bool) -> None:
        assert one.dispute is not None
        if one.dispute.challenger is not None:
            self.may_challenge_from[one.dispute.challenger] = self.running + DISMISSED_SECONDS if dismissed else 0
        one.dispute = None


# KECCAK

_RATE_BYTES = 136
_LANE = 2**64 - 1


def _rotate(lane: int, by: int) -> int:
    return ((lane << by) | (lane >> (64 - by))) & _LANE


def _round_constants() -> list[int]:
    """The constants of the 24 rounds from the shift register of FIPS 202, algorithm 5."""
    bits = []
    state = 1
    for _ in range(7 * 24):
        bits.append(state & 1)
        state <<= 1
        if state & 0x100:
            state ^= 0x171
    return [sum(bits[7 * step + j] << (2**j - 1) for j in range(7)) for step in range(24)]


def _rotations() -> list[int]:
    """How far step rho rotates lane ``x + 5y``: FIPS 202, algorithm 2."""
    rotations = [0] * 25
    x, y = 1, 0
    for t in range(24):
        rotations[x + 5 * y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return rotations


_ROUND_CONSTANTS: Final = _round_constants()
_ROTATIONS: Final = _rotations()


def keccak_f1600(lanes: list[int]) -> list[int]:
    """The permutation keccak-f[1600] on 25 lanes of 64 bits, lane (x, y) at ``x + 5y``: FIPS 202, section 3."""
    for constant in _ROUND_CONSTANTS:
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        effect = [columns[x - 1] ^ _rotate(columns[(x + 1) % 5], 1) for x in range(5)]
        moved = [0] * 25
        for i in range(25):
            x, y = i % 5, i // 5
            moved[y + 5 * ((2 * x + 3 * y) % 5)] = _rotate(lanes[i] ^ effect[x], _ROTATIONS[i])
        lanes = [
            moved[i] ^ (~moved[i - i % 5 + (i + 1) % 5] & moved[i - i % 5 + (i + 2) % 5] & _LANE) for i in range(25)
        ]
        lanes[0] ^= constant
    return lanes


def sponge256(data: bytes, suffix: int) -> bytes:
    """The 256-bit sponge over keccak-f[1600] with rate 1088: ``suffix`` 0x01 is Keccak, 0x06 is SHA3."""
    padded = bytearray(data) + bytes(_RATE_BYTES - len(data) % _RATE_BYTES)
    padded[len(data)] ^= suffix
    padded[-1] ^= 0x80
    lanes = [0] * 25
    for start in range(0, len(padded), _RATE_BYTES):
        for i in range(_RATE_BYTES // 8):
            lanes[i] ^= int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "little")
        lanes = keccak_f1600(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def keccak256(data: bytes) -> bytes:
    """The hash of Ethereum: Keccak as submitted to the SHA-3 competition, before NIST changed the padding."""
    return sponge256(data, suffix=0x01)
