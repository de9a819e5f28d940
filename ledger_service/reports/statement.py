"""What a holder asks: what did I earn, why exactly that much, and what became of it?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ledger_service.domain.agreements import LegKind, Line, slice_income
from ledger_service.domain.books import Account, AccountKind, Block, batch_of
from ledger_service.domain.identifiers import Address
from ledger_service.domain.units import Fen, Kg
from ledger_service.facts import Pledge, Redemption, agreements, open_registers, pledges, redemptions
from ledger_service.projection import REMEMBERED, Projection
from ledger_service.settlement import RegisterFolder
from ledger_service.store.books import Reader


@dataclass(frozen=True, slots=True)
class Leaf:
    """A holder's place in a share register: its slice is [before, before + weight) of the total."""

    root: bytes
    index: int
    weight: int
    before: int
    total: int
    count: int
    proof: bytes


@dataclass(frozen=True, slots=True)
class Earning:
    """What a holder earns in one line."""

    line: Line
    leaf: Leaf | None
    """Nothing when the holder is the account of the leg."""
    is_closed: bool
    line_income: Fen
    entitled: Fen
    """What the holder is owed in all so far, paid or not: the core's figure."""
    paid: Fen
    """What the holder was paid."""
    paid_to_lenders: Fen
    """What the holder's lenders were paid out of it."""

    @property
    def unpaid(self) -> Fen:
        """What a claim would pay now."""
        return self.entitled - self.paid - self.paid_to_lenders


@dataclass(frozen=True, slots=True)
class HolderStatement:
    """Everything the books know of one holder."""

    holder: Address
    block: Block | None
    vouchers: Fen
    set_aside: Fen
    credits: Mapping[int, Kg]
    """By batch."""
    earnings: tuple[Earning, ...]
    pledges: Mapping[bytes, Pledge]
    """Those that the holder gave, by id."""
    redemptions: Mapping[int, Redemption]
    """By number."""


def holder_statement(reader: Reader, registers: RegisterFolder, holder: Address) -> HolderStatement:
    """The statement of a holder. Somebody nobody ever paid has an empty one.

    Raises:
        RegisterMissing: The file of an open register is not there.
    """
    credits_ = reader.balances(AccountKind.CREDITS, owner=holder)
    return HolderStatement(
        holder=holder,
        block=reader.head(),
        vouchers=Fen(-reader.balance(Account(AccountKind.VOUCHER, owner=holder))),
        set_aside=Fen(
            -sum(reader.balance(Account(kind, owner=holder)) for kind in (AccountKind.SET_ASIDE, AccountKind.KEPT))
        ),
        credits={batch_of(asset): Kg(-balance) for (_, asset), balance in credits_.items()},
        earnings=tuple(_earnings(reader, registers, holder)),
        pledges={key: each for key, each in pledges(reader).items() if each.committed.event.holder == holder},
        redemptions={
            number: each for number, each in redemptions(reader).items() if each.requested.event.holder == holder
        },
    )


def _earnings(reader: Reader, registers: RegisterFolder, holder: Address) -> Iterator[Earning]:
    projection = Projection(reader.records(*REMEMBERED))
    published = agreements(reader)
    opened = open_registers(reader)
    paid = {account.subject: -sum_ for (account, _), sum_ in reader.balances(AccountKind.HOLDER, owner=holder).items()}
    lent = {account.subject: -sum_ for (account, _), sum_ in reader.balances(AccountKind.LENDERS, owner=holder).items()}

    def earning(line: Line, index: int, leaf: Leaf | None, entitled: int) -> Earning:
        subject = f"{line}/{index}"
        return Earning(
            line=line,
            leaf=leaf,
            is_closed=projection.is_closed(line.pot),
            line_income=Fen(projection.line_income(line)),
            entitled=Fen(entitled),
            paid=Fen(paid.get(subject, 0)),
            paid_to_lenders=Fen(lent.get(subject, 0)),
        )

    for pot in projection.pots:
        legs = published[pot.agreement][pot.version - 1].event.legs
        for line, leg in zip(projection.lines(pot), legs, strict=True):
            income = projection.line_income(line)
            register = opened.get((pot.agreement, line.leg, pot.period))
            if leg.kind is LegKind.ACCOUNT and leg.account == holder:
                yield earning(line, 0, None, income)
            elif register is not None:
                for leaf in _leaves(registers, register.event.root, holder):
                    entitled = slice_income(
                        income, leaf.before, leaf.weight, leaf.total, closed=projection.is_closed(pot)
                    )
                    yield earning(line, leaf.index, leaf, entitled)


def _leaves(registers: RegisterFolder, root: bytes, holder: Address) -> Iterator[Leaf]:
    register = registers.load(root)
    for index in registers.leaves_of(root, holder):
        _, weight = register.leaf(index)
        yield Leaf(root, index, weight, register.before(index), register.total, register.count, register.proof(index))
