"""What an earmarked fund took in, what it was spent on, and what is proposed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from ledger_service.chain.events import Emitted, FundSpent, SpendingProposed, SpendingRetracted
from ledger_service.domain.agreements import Fund, LegKind
from ledger_service.domain.bilingual import Words
from ledger_service.domain.books import Account, AccountKind
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import text_of
from ledger_service.domain.units import Fen
from ledger_service.facts import agreements, emitted
from ledger_service.store.books import Reader


class FundUnknown(LedgerError):
    """No published agreement has such a fund."""

    def __init__(self, fund: Fund) -> None:
        self.fund = fund
        super().__init__(f"没有专项资金 {fund} · there is no earmarked fund {fund}")


class SpendingState(StrEnum):
    """Where a spending stands."""

    PROPOSED = "proposed"
    """已提出：waits for the treasurer; it lapses after 30 days."""
    SPENT = "spent"
    """已支出：paid out of the fund."""
    RETRACTED = "retracted"
    """已撤回：taken back by whoever proposed it."""

    @property
    def words(self) -> Words:
        return _STATE_WORDS[self]


_STATE_WORDS = {
    SpendingState.PROPOSED: Words("已提出", "proposed"),
    SpendingState.SPENT: Words("已支出", "spent"),
    SpendingState.RETRACTED: Words("已撤回", "retracted"),
}


@dataclass(frozen=True, slots=True)
class Spending:
    """What somebody proposed to spend a fund on, and what became of it."""

    proposed: Emitted[SpendingProposed]
    state: SpendingState = SpendingState.PROPOSED
    spent: Emitted[FundSpent] | None = None


@dataclass(frozen=True, slots=True)
class FundStatement:
    """Everything the books know of one fund."""

    fund: Fund
    purpose: str
    payout_bps: int
    """The share of a bill that it pays; 0 where it pays by amount."""
    filled: Fen
    """What came in so far."""
    spent: Fen
    balance: Fen
    spendings: Mapping[int, Spending]
    """By number."""


def fund_statements(reader: Reader) -> tuple[FundStatement, ...]:
    """Every fund of the published agreements, by agreement and leg."""
    spendings = _spendings(reader)
    found = []
    for key, versions in sorted(agreements(reader).items()):
        for index, leg in enumerate(versions[-1].event.legs):
            if leg.kind is not LegKind.FUND:
                continue
            fund = Fund(key, index)
            filled = Fen(reader.balance(Account(AccountKind.FILLED, str(fund))))
            balance = Fen(-reader.balance(Account(AccountKind.FUND, str(fund))))
            mine = {number: each for number, each in spendings.items() if _fund_of(each) == fund}
            statement = FundStatement(
                fund, text_of(leg.purpose), leg.payout_bps, filled, filled - balance, balance, mine
            )
            found.append(statement)
    return tuple(found)


def fund_statement(reader: Reader, fund: Fund) -> FundStatement:
    """The statement of one fund.

    Raises:
        FundUnknown: No published agreement has it.
    """
    for statement in fund_statements(reader):
        if statement.fund == fund:
            return statement
    raise FundUnknown(fund)


def _fund_of(spending: Spending) -> Fund:
    return Fund(text_of(spending.proposed.event.agreement), spending.proposed.event.leg)


def _spendings(reader: Reader) -> Mapping[int, Spending]:
    found = {each.event.spending: Spending(each) for each in emitted(reader, SpendingProposed)}
    for spent in emitted(reader, FundSpent):
        number = spent.event.spending
        found[number] = replace(found[number], state=SpendingState.SPENT, spent=spent)
    for retracted in emitted(reader, SpendingRetracted):
        number = retracted.event.spending
        found[number] = replace(found[number], state=SpendingState.RETRACTED)
    return found
