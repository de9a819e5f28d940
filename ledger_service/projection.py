"""What each event does to the books: the one place that decides it.

Vouchers (ERC-20) and credits (ERC-1155) are posted as they move. A second set of postings explains whom the vouchers in
`Revenue` belong to: income is credited to legs by the open rule, the fen that the rule holds back to the pot's dust;
closing a period moves the dust to the legs by the closed rule; a claim moves what it pays from its leg to the holder
and the holder's lenders, into a fund, or to a child agreement as its income. A third follows the funds, a fourth the
loans, a fifth what batches of credits are short of. So the books work out by themselves, from the receipts and the
agreements alone, what every leg is owed, and reconciliation can compare that with what the contract says.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ledger_service.chain.events import (
    AgreementPublished,
    Claimed,
    Collected,
    CostsCharged,
    CreditsCancelled,
    CreditsRetired,
    CreditsReversed,
    DebtForgiven,
    Disbursed,
    Emitted,
    Forwarded,
    FundFilled,
    FundSpent,
    IncomeReceived,
    PeriodClosed,
    Repayment,
    RepaymentHandedOver,
    RepaymentKept,
    SetAside,
    ShortfallMadeGood,
    ShortfallRecorded,
    Transfer,
    TransferBatch,
    TransferSingle,
    Withdrawn,
    emitted_of,
)
from ledger_service.chain.lines import line_id
from ledger_service.domain.agreements import AgreementUnknown, Fund, Line, Pot, leg_income
from ledger_service.domain.books import CNY, Account, AccountKind, Asset, Entry, Posting, Record, credit_of
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import ZERO_ADDRESS, Address, text_of
from ledger_service.domain.units import Period

REMEMBERED = tuple(event.__name__ for event in (AgreementPublished, IncomeReceived, PeriodClosed))
"""The events that later ones cannot be understood without."""


class LineNeverPaid(LedgerError):
    """A claim names a line that has received nothing: events are missing."""

    def __init__(self, line: bytes) -> None:
        self.line = line
        super().__init__(
            f"领取所指的分成期 0x{line.hex()} 从未有入账，事件不完整 · "
            f"a claim names the line 0x{line.hex()}, which never received income: events are missing"
        )


class Projection:
    """Turns events into entries, in their order, and remembers what later events refer to."""

    def __init__(self, remembered: Iterable[Record] = ()) -> None:
        """Starts after earlier events, of which it needs those in `REMEMBERED`."""
        self._shares: dict[tuple[str, int], tuple[int, ...]] = {}
        self._received: dict[Pot, int] = {}
        self._closed: set[tuple[str, Period]] = set()
        self._lines: dict[bytes, Line] = {}
        for record in remembered:
            self.entry_of(emitted_of(record))

    def entry_of(self, emitted: Emitted[Any]) -> Entry | None:
        """The entry that an event makes, if it moves anything."""
        postings = tuple(self._postings(emitted.event))
        return Entry(emitted.id, postings) if postings else None

    @property
    def pots(self) -> tuple[Pot, ...]:
        """Every pot that has received income."""
        return tuple(sorted(self._received))

    def received(self, pot: Pot) -> int:
        """What a pot has received so far, in fen."""
        return self._received.get(pot, 0)

    def is_closed(self, pot: Pot) -> bool:
        """Whether the income of a pot is complete."""
        return (pot.agreement, pot.period) in self._closed

    def line(self, identifier: bytes) -> Line:
        """The line that events name by its hash."""
        try:
            return self._lines[identifier]
        except KeyError:
            raise LineNeverPaid(identifier) from None

    def lines(self, pot: Pot) -> tuple[Line, ...]:
        """The lines of a pot, one for each leg."""
        return tuple(Line(pot, leg) for leg in range(len(self._shares_of(pot))))

    def line_income(self, line: Line) -> int:
        """What a line is owed so far, paid or not, in fen.

        Raises:
            AgreementUnknown: Its agreement has no such version.
        """
        return self._leg_income(line, self.received(line.pot), closed=self.is_closed(line.pot))

    def _leg_income(self, line: Line, received: int, *, closed: bool) -> int:
        return leg_income(received, self._shares_of(line.pot), line.leg, closed=closed)

    def _shares_of(self, pot: Pot) -> tuple[int, ...]:
        try:
            return self._shares[pot.agreement, pot.version]
        except KeyError:
            raise AgreementUnknown(f"{pot.agreement}/{pot.version}") from None

    def _postings(self, event: Any) -> Iterator[Posting]:
        match event:
            case Transfer():
                yield from _moved(CNY, event.value, debit=_vouchers(event.from_), credit=_vouchers(event.to))
            case TransferSingle():
                yield from _credits_moved(event.id, event.from_, event.to, event.value)
            case TransferBatch():
                for batch, value in zip(event.ids, event.values, strict=True):
                    yield from _credits_moved(batch, event.from_, event.to, value)
            case CreditsRetired():
                retired = Account(AccountKind.RETIRED, str(event.certificate), event.holder)
                yield from _used_up(event.batch, event.quantity, retired)
            case CreditsCancelled():
                yield from _used_up(event.batch, event.quantity, Account(AccountKind.CANCELLED, owner=event.holder))
            case CreditsReversed():
                yield from _used_up(event.batch, event.quantity, Account(AccountKind.REVERSED))
            case ShortfallRecorded():
                short, lost = Account(AccountKind.SHORTFALL), Account(AccountKind.LOST)
                yield from _moved(credit_of(event.batch), event.quantity, debit=short, credit=lost)
            case ShortfallMadeGood():
                cancelled = Account(AccountKind.CANCELLED, owner=event.holder)
                yield from _used_up(event.source, event.quantity, cancelled)
                made_good = Account(AccountKind.MADE_GOOD, owner=event.holder)
                short = Account(AccountKind.SHORTFALL)
                yield from _moved(credit_of(event.batch), event.quantity, debit=made_good, credit=short)
            case AgreementPublished():
                agreement = text_of(event.agreement)
                self._shares[agreement, event.version] = tuple(leg.bps for leg in event.legs)
            case IncomeReceived():
                pot = Pot(text_of(event.agreement), event.version, Period(event.period))
                yield from self._income(pot, event.received - event.amount, event.received)
            case PeriodClosed():
                yield from self._close(text_of(event.agreement), Period(event.period))
            case Claimed():
                yield from self._paid(event.line, event.index, event.account, event.amount, event.diverted)
            case Collected():
                yield from self._paid(event.line, 0, event.account, event.amount, event.diverted)
            case Forwarded():
                line = self.line(event.line)
                yield from _moved(
                    CNY,
                    event.amount,
                    debit=Account(AccountKind.LEG, str(line)),
                    credit=Account(AccountKind.FORWARDED, f"{line}/0", text_of(event.child)),
                )
            case FundFilled():
                fund = str(Fund(text_of(event.agreement), event.leg))
                yield from _moved(
                    CNY,
                    event.amount,
                    debit=Account(AccountKind.FILLED, fund),
                    credit=Account(AccountKind.FUND, fund),
                )
            case FundSpent():
                fund = str(Fund(text_of(event.agreement), event.leg))
                yield from _moved(
                    CNY,
                    event.amount,
                    debit=Account(AccountKind.FUND, fund),
                    credit=Account(AccountKind.SPENT, fund, event.payee),
                )
            case SetAside():
                yield from _moved(
                    CNY,
                    event.amount,
                    debit=Account(AccountKind.BOUNCED, owner=event.account),
                    credit=Account(AccountKind.SET_ASIDE, owner=event.account),
                )
            case Withdrawn():
                yield from _moved(
                    CNY,
                    event.amount,
                    debit=Account(AccountKind.SET_ASIDE, owner=event.account),
                    credit=Account(AccountKind.BOUNCED, owner=event.account),
                )
            case Disbursed():
                pledge = text_of(event.pledge)
                yield from _moved(
                    CNY,
                    event.principal,
                    debit=Account(AccountKind.PRINCIPAL, pledge),
                    credit=Account(AccountKind.LENT, pledge),
                )
            case Repayment():
                pledge = text_of(event.pledge)
                repaid = Account(AccountKind.REPAID, pledge, event.by)
                yield from _moved(CNY, event.to_principal, debit=repaid, credit=Account(AccountKind.PRINCIPAL, pledge))
                yield from _moved(CNY, event.to_interest, debit=repaid, credit=Account(AccountKind.INTEREST, pledge))
                yield from _moved(CNY, event.to_costs, debit=repaid, credit=Account(AccountKind.COSTS, pledge))
            case CostsCharged():
                pledge = text_of(event.pledge)
                costs, charged = Account(AccountKind.COSTS, pledge), Account(AccountKind.CHARGED, pledge)
                yield from _moved(CNY, event.amount, debit=costs, credit=charged)
            case DebtForgiven():
                # Interest is booked when it is paid: what was waived of it was never in the books.
                pledge = text_of(event.pledge)
                forgiven = Account(AccountKind.FORGIVEN, pledge)
                yield from _moved(CNY, event.principal, debit=forgiven, credit=Account(AccountKind.PRINCIPAL, pledge))
                yield from _moved(CNY, event.costs, debit=forgiven, credit=Account(AccountKind.COSTS, pledge))
            case RepaymentKept():
                bounced, kept = (Account(kind, owner=event.account) for kind in (AccountKind.BOUNCED, AccountKind.KEPT))
                yield from _moved(CNY, event.amount, debit=bounced, credit=kept)
            case RepaymentHandedOver():
                bounced, kept = (Account(kind, owner=event.account) for kind in (AccountKind.BOUNCED, AccountKind.KEPT))
                yield from _moved(CNY, event.amount, debit=kept, credit=bounced)

    def _income(self, pot: Pot, before: int, received: int) -> Iterator[Posting]:
        """SPEC S1 and S3: each leg's step of its open figure, and the dust."""
        self._received[pot] = received
        yield from _posted(Account(AccountKind.RECEIVED, str(pot)), received - before)
        held_back = received - before
        for line in self.lines(pot):
            self._lines[line_id(line)] = line
            step = self._leg_income(line, received, closed=False) - self._leg_income(line, before, closed=False)
            held_back -= step
            yield from _posted(Account(AccountKind.LEG, str(line)), -step)
        yield from _posted(Account(AccountKind.DUST, str(pot)), -held_back)

    def _close(self, agreement: str, period: Period) -> Iterator[Posting]:
        """SPEC S2 and S3: the dust goes to the legs."""
        self._closed.add((agreement, period))
        for pot in self.pots:
            if (pot.agreement, pot.period) != (agreement, period):
                continue
            dust = 0
            for line in self.lines(pot):
                step = self.line_income(line) - self._leg_income(line, self._received[pot], closed=False)
                dust += step
                yield from _posted(Account(AccountKind.LEG, str(line)), -step)
            yield from _posted(Account(AccountKind.DUST, str(pot)), dust)

    def _paid(self, identifier: bytes, index: int, account: Address, amount: int, diverted: int) -> Iterator[Posting]:
        line = self.line(identifier)
        leaf = f"{line}/{index}"
        yield from _posted(Account(AccountKind.LEG, str(line)), amount)
        yield from _posted(Account(AccountKind.HOLDER, leaf, account), diverted - amount)
        yield from _posted(Account(AccountKind.LENDERS, leaf, account), -diverted)


def _vouchers(address: Address) -> Account:
    if address == ZERO_ADDRESS:
        return Account(AccountKind.BANK)
    return Account(AccountKind.VOUCHER, owner=address)


def _credits_moved(batch: int, from_: Address, to: Address, value: int) -> Iterator[Posting]:
    """Credits come out of what was measured; where burned ones go is said by the event beside it."""
    minted, burned = from_ == ZERO_ADDRESS, to == ZERO_ADDRESS
    debit = Account(AccountKind.MEASURED) if minted else Account(AccountKind.CREDITS, owner=from_)
    credit = Account(AccountKind.USED_UP) if burned else Account(AccountKind.CREDITS, owner=to)
    yield from _moved(credit_of(batch), value, debit=debit, credit=credit)


def _used_up(batch: int, quantity: int, account: Account) -> Iterator[Posting]:
    yield from _moved(credit_of(batch), quantity, debit=Account(AccountKind.USED_UP), credit=account)


def _moved(asset: Asset, amount: int, *, debit: Account, credit: Account) -> Iterator[Posting]:
    yield from _posted(debit, amount, asset)
    yield from _posted(credit, -amount, asset)


def _posted(account: Account, amount: int, asset: Asset = CNY) -> Iterator[Posting]:
    """A posting, unless there is nothing to post."""
    if amount:
        yield Posting(account, asset, amount)
