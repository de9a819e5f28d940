"""What an agreement received, and what became of it, period by period and leg by leg."""

from dataclasses import dataclass

from ledger_service.chain.events import Emitted, RegisterOpened
from ledger_service.domain.agreements import Line, Pot
from ledger_service.domain.books import Account, AccountKind
from ledger_service.domain.units import Fen
from ledger_service.facts import open_registers
from ledger_service.projection import REMEMBERED, Projection
from ledger_service.store.books import Reader


@dataclass(frozen=True, slots=True)
class LineIncome:
    """What a line is owed, and what of it was not paid yet."""

    line: Line
    income: Fen
    unpaid: Fen
    register: Emitted[RegisterOpened] | None


@dataclass(frozen=True, slots=True)
class PotIncome:
    """What a pot received, and how it is shared."""

    pot: Pot
    received: Fen
    dust: Fen
    """Held back while the pot is open."""
    is_closed: bool
    lines: tuple[LineIncome, ...]


def pot_incomes(reader: Reader, agreement: str) -> tuple[PotIncome, ...]:
    """Every pot of an agreement that received income, by version and period."""
    projection = Projection(reader.records(*REMEMBERED))
    registers = open_registers(reader)
    return tuple(
        PotIncome(
            pot=pot,
            received=Fen(projection.received(pot)),
            dust=Fen(-reader.balance(Account(AccountKind.DUST, str(pot)))),
            is_closed=projection.is_closed(pot),
            lines=tuple(
                LineIncome(
                    line=line,
                    income=Fen(projection.line_income(line)),
                    unpaid=Fen(-reader.balance(Account(AccountKind.LEG, str(line)))),
                    register=registers.get((pot.agreement, line.leg, pot.period)),
                )
                for line in projection.lines(pot)
            ),
        )
        for pot in projection.pots
        if pot.agreement == agreement
    )
