"""What stands now: agreements, rounds, pledges, redemptions. Worked out from the events on reading, never stored."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from ledger_service.chain.events import (
    AgreementPublished,
    BatchIssued,
    CandidateReached,
    Committed,
    CostsCharged,
    CreditsRetired,
    DebtForgiven,
    Disbursed,
    DisputeOpened,
    DisputeSettled,
    Emitted,
    Equivocated,
    Figures,
    Finalised,
    LienTransferred,
    PartReleased,
    Perfected,
    Perfection,
    ProjectRegistered,
    RedemptionPaid,
    RedemptionRequested,
    RedemptionReturned,
    RegisterOpened,
    Repayment,
    Reported,
    Restated,
    RoundReversed,
    StateChanged,
    emitted_of,
)
from ledger_service.domain.agreements import AgreementUnknown
from ledger_service.domain.bilingual import Words
from ledger_service.domain.books import AccountKind, batch_of, credit_of
from ledger_service.domain.credits import BalanceSheet
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import Address, text_of
from ledger_service.domain.pledges import Loan, PledgeState
from ledger_service.domain.units import Period
from ledger_service.store.books import Reader

E = TypeVar("E")

_PLEDGE_EVENTS = (
    Committed,
    Perfected,
    Disbursed,
    Repayment,
    CostsCharged,
    DebtForgiven,
    StateChanged,
    PartReleased,
    LienTransferred,
    DisputeOpened,
    DisputeSettled,
)


class BatchUnknown(LedgerError):
    """No batch has this number."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"没有编号为 {number} 的批次 · there is no batch {number}")


class CertificateUnknown(LedgerError):
    """No certificate has this number."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"没有编号为 {number} 的注销证书 · there is no retirement certificate {number}")


class PledgeUnknown(LedgerError):
    """No pledge has this id."""

    def __init__(self, identifier: bytes) -> None:
        self.identifier = identifier
        super().__init__(f"没有质押 0x{identifier.hex()} · there is no pledge 0x{identifier.hex()}")


class RedemptionState(StrEnum):
    """Where a redemption stands."""

    REQUESTED = "requested"
    """待付：the vouchers wait in escrow for the bank."""
    PAID = "paid"
    """已付：the bank has paid, the vouchers are burned."""
    RETURNED = "returned"
    """退回：the bank could not pay, the vouchers are back."""

    @property
    def words(self) -> Words:
        return _REDEMPTION_WORDS[self]


_REDEMPTION_WORDS = {
    RedemptionState.REQUESTED: Words("待付", "requested"),
    RedemptionState.PAID: Words("已付", "paid"),
    RedemptionState.RETURNED: Words("退回", "returned"),
}


@dataclass(frozen=True, slots=True)
class Redemption:
    """A holder's vouchers on their way to its bank account."""

    requested: Emitted[RedemptionRequested]
    state: RedemptionState = RedemptionState.REQUESTED
    payment_reference: bytes | None = None


@dataclass(frozen=True, slots=True)
class Pledge:
    """A pledge, and what its loan owes according to the books."""

    committed: Emitted[Committed]
    lender: Address
    """Who is paid now: the lien may have been transferred."""
    bps: int
    """What is still pledged of the holder's income."""
    from_period: Period
    to_period: Period
    """Inclusive."""
    state: PledgeState = PledgeState.COMMITTED
    perfection: Perfection | None = None
    loan: Loan | None = None
    """As of its last repayment; nothing before disbursement and after it was forgiven."""
    is_called_in: bool = False
    """Whether the lender has called in the whole debt."""
    dispute: Emitted[DisputeOpened] | None = None
    """The last objection of a party, unless both have settled it."""

    def due(self, timestamp: int) -> int:
        """What of the debt is due at a time, in fen."""
        if self.loan is None:
            return 0
        loan = self.loan.at(timestamp)
        return loan.debt if self.is_called_in else loan.due


@dataclass(frozen=True, slots=True)
class Round:
    """A final round: its result, and the report of every signer who stood behind it when it became final."""

    finalised: Emitted[Finalised]
    candidate: Emitted[CandidateReached]
    reports: tuple[Emitted[Reported], ...]
    corrected: Emitted[Restated] | None = None
    """What the panel put in the place of the signers' figures before the round was final."""
    restatement: Emitted[Restated] | None = None
    """What the panel put beside the figures after the round was final; it changes none of them."""

    @property
    def result(self) -> CandidateReached | Figures:
        """The figures that became final."""
        return self.candidate.event if self.corrected is None else self.corrected.event.figures


def emitted(reader: Reader, kind: type[E]) -> Iterator[Emitted[E]]:
    """All events of one kind, in the order of the chain."""
    return _emitted_any(reader, kind)


def agreements(reader: Reader) -> Mapping[str, tuple[Emitted[AgreementPublished], ...]]:
    """The published versions of every agreement, oldest first."""
    published: dict[str, tuple[Emitted[AgreementPublished], ...]] = {}
    for version in emitted(reader, AgreementPublished):
        key = text_of(version.event.agreement)
        published[key] = (*published.get(key, ()), version)
    return published


def open_registers(reader: Reader) -> Mapping[tuple[str, int, Period], Emitted[RegisterOpened]]:
    """Every open register by agreement, leg and period."""
    return {
        (text_of(each.event.agreement), each.event.leg, Period(each.event.period)): each
        for each in emitted(reader, RegisterOpened)
    }


def redemptions(reader: Reader) -> Mapping[int, Redemption]:
    """Every redemption by its number."""
    found: dict[int, Redemption] = {}
    for each in _emitted_any(reader, RedemptionRequested, RedemptionPaid, RedemptionReturned):
        number = each.event.redemption
        match each.event:
            case RedemptionRequested():
                found[number] = Redemption(each)
            case RedemptionPaid(payment_reference=reference):
                found[number] = replace(found[number], state=RedemptionState.PAID, payment_reference=reference)
            case RedemptionReturned():
                found[number] = replace(found[number], state=RedemptionState.RETURNED)
    return found


def pledges(reader: Reader) -> Mapping[bytes, Pledge]:
    """Every pledge by its id, in the order of registration."""
    found: dict[bytes, Pledge] = {}
    for each in _emitted_any(reader, *_PLEDGE_EVENTS):
        identifier = each.event.pledge
        if isinstance(event := each.event, Committed):
            terms = event.terms
            periods = Period(terms.from_period), Period(terms.to_period)
            found[identifier] = Pledge(each, terms.lender, terms.bps, *periods)
        else:
            found[identifier] = _after(found[identifier], each)
    return found


def _after(pledge: Pledge, emitted: Emitted[Any]) -> Pledge:
    """The pledge after one of its events."""
    at = emitted.block.timestamp
    match event := emitted.event:
        case Perfected():
            return replace(pledge, perfection=event.perfection)
        case Disbursed():
            terms = pledge.committed.event.terms
            schedule = tuple((each.due_at, each.principal) for each in terms.schedule)
            overdue_rate_bps = terms.conditions.overdue_rate_bps
            loan = Loan(event.principal, terms.annual_rate_bps, at, schedule, overdue_rate_bps)
            return replace(pledge, loan=loan)
        case Repayment():
            assert pledge.loan is not None, "a repayment comes after the disbursement"
            paid = {"to_costs": event.to_costs, "to_interest": event.to_interest, "to_principal": event.to_principal}
            return replace(pledge, loan=pledge.loan.after(at, **paid))
        case CostsCharged():
            assert pledge.loan is not None, "costs come after the disbursement"
            return replace(pledge, loan=pledge.loan.charged(at, event.amount))
        case DebtForgiven():
            return replace(pledge, loan=None)
        case StateChanged():
            is_called_in = pledge.is_called_in or event.to is PledgeState.ENFORCING
            return replace(pledge, state=event.to, is_called_in=is_called_in)
        case PartReleased(afterwards=left):
            first, last = Period(left.from_period), Period(left.to_period)
            return replace(pledge, bps=left.bps, from_period=first, to_period=last)
        case LienTransferred():
            return replace(pledge, lender=event.to)
        case DisputeOpened():
            return replace(pledge, dispute=emitted)
    assert isinstance(event, DisputeSettled), "every event of a pledge is listed"
    return replace(pledge, dispute=None)


def published_versions(reader: Reader, agreement: str) -> tuple[Emitted[AgreementPublished], ...]:
    """The published versions of one agreement, oldest first.

    Raises:
        AgreementUnknown: Nobody published it.
    """
    try:
        return agreements(reader)[agreement]
    except KeyError:
        raise AgreementUnknown(agreement) from None


def batch_numbered(reader: Reader, number: int) -> Emitted[BatchIssued]:
    """The issuance of a batch.

    Raises:
        BatchUnknown: There is no such batch.
    """
    for issued in emitted(reader, BatchIssued):
        if issued.event.batch == number:
            return issued
    raise BatchUnknown(number)


def certificates(reader: Reader) -> Mapping[int, Emitted[CreditsRetired]]:
    """Every retirement by the number of its certificate."""
    return {each.event.certificate: each for each in emitted(reader, CreditsRetired)}


def certificate_numbered(reader: Reader, number: int) -> Emitted[CreditsRetired]:
    """The retirement that a certificate stands for.

    Raises:
        CertificateUnknown: There is no such certificate.
    """
    try:
        return certificates(reader)[number]
    except KeyError:
        raise CertificateUnknown(number) from None


def balance_sheets(reader: Reader) -> Mapping[int, BalanceSheet]:
    """What became of every batch according to the books, in the order of issuance."""

    def of_batches(kind: AccountKind) -> Counter[int]:
        totals: Counter[int] = Counter()
        for (_, asset), balance in reader.balances(kind).items():
            totals[batch_of(asset)] += balance
        return totals

    buffers = {each.event.project: each.event.terms.buffer for each in emitted(reader, ProjectRegistered)}
    in_hands = reader.balances(AccountKind.CREDITS)
    used = {kind: of_batches(kind) for kind in _TERMS}
    sheets = {}
    for issued in emitted(reader, BatchIssued):
        batch, asset = issued.event.batch, credit_of(issued.event.batch)
        held = {account.owner: -balance for (account, of), balance in in_hands.items() if of == asset}
        buffer = held.pop(buffers[issued.event.project], 0)
        sheets[batch] = BalanceSheet(
            issued=used[AccountKind.MEASURED][batch],
            tradable=sum(held.values()),
            buffer=buffer,
            retired=-used[AccountKind.RETIRED][batch],
            cancelled=-used[AccountKind.CANCELLED][batch],
            reversed=-used[AccountKind.REVERSED][batch],
            shortfall=-used[AccountKind.LOST][batch],
            made_good=used[AccountKind.MADE_GOOD][batch],
        )
    return sheets


_TERMS = (
    AccountKind.MEASURED,
    AccountKind.RETIRED,
    AccountKind.CANCELLED,
    AccountKind.REVERSED,
    AccountKind.LOST,
    AccountKind.MADE_GOOD,
)


def balance_sheet(reader: Reader, number: int) -> BalanceSheet:
    """What became of one batch according to the books.

    Raises:
        BatchUnknown: There is no such batch.
    """
    try:
        return balance_sheets(reader)[number]
    except KeyError:
        raise BatchUnknown(number) from None


def deficits(reader: Reader) -> Mapping[bytes, int]:
    """What every project lost beyond its credits: all losses, less what its batches bore of them."""
    project_of = {each.event.batch: each.event.project for each in emitted(reader, BatchIssued)}
    lost: Counter[bytes] = Counter({each.event.project: 0 for each in emitted(reader, ProjectRegistered)})
    for each in emitted(reader, RoundReversed):
        lost[each.event.project] += each.event.loss
    for batch, sheet in balance_sheets(reader).items():
        lost[project_of[batch]] -= sheet.reversed + sheet.shortfall
    return lost


def credit_holdings(reader: Reader, batch: int) -> Mapping[Address, int]:
    """Who holds how many credits of a batch, in kg CO2e."""
    return {
        Address(account.owner): -balance
        for (account, asset), balance in reader.balances(AccountKind.CREDITS).items()
        if asset == credit_of(batch) and balance
    }


def pledge_named(reader: Reader, identifier: bytes) -> Pledge:
    """A pledge by its id.

    Raises:
        PledgeUnknown: There is no such pledge.
    """
    try:
        return pledges(reader)[identifier]
    except KeyError:
        raise PledgeUnknown(identifier) from None


def final_rounds(reader: Reader) -> Mapping[bytes, Round]:
    """Every final round by its id."""
    candidates: dict[bytes, Emitted[CandidateReached]] = {}
    corrections: dict[bytes, Emitted[Restated]] = {}
    reports: dict[bytes, dict[bytes, dict[Address, Emitted[Reported]]]] = {}
    found: dict[bytes, Round] = {}
    for each in _emitted_any(reader, Reported, Equivocated, CandidateReached, Restated, Finalised):
        match event := each.event:
            case Reported():
                reports.setdefault(event.round, {}).setdefault(event.result, {})[event.signer] = each
            case Equivocated():
                # None of its votes in the round counts; the proof may be of reports that nobody handed in.
                for signed in reports.get(event.round, {}).values():
                    signed.pop(event.signer, None)
            case CandidateReached():
                candidates[event.round] = each
                corrections.pop(event.round, None)
            case Restated() if event.round in found:
                found[event.round] = replace(found[event.round], restatement=each)
            case Restated():
                corrections[event.round] = each
            case Finalised():
                candidate = candidates[event.round]
                signed = reports[event.round][candidate.event.result]
                correction = corrections.get(event.round)
                found[event.round] = Round(each, candidate, tuple(signed.values()), correction)
    return found


def _emitted_any(reader: Reader, *kinds: type[Any]) -> Iterator[Emitted[Any]]:
    return map(emitted_of, reader.records(*(kind.__name__ for kind in kinds)))
