"""Where every serial of every batch is: what a registry, a buyer or an auditor checks, to the kilogram."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger_service.chain.events import (
    BatchIssued,
    CreditsCancelled,
    CreditsRetired,
    CreditsReversed,
    Emitted,
    ShortfallMadeGood,
)
from ledger_service.domain.bilingual import Words
from ledger_service.domain.credits import SerialState
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import text_of
from ledger_service.domain.units import Kg
from ledger_service.facts import emitted
from ledger_service.store.books import Reader

HEADER = (
    Words("项目", "project"),
    Words("批次", "batch"),
    Words("状态", "state"),
    Words("起始序列号", "first serial"),
    Words("终止序列号", "last serial"),
    Words("吨二氧化碳当量", "tCO2e"),
    Words("证书", "certificate"),
    Words("账户", "account"),
    Words("用途或原因", "purpose or reason"),
    Words("使用期起", "period start"),
    Words("使用期止（不含）", "period end (exclusive)"),
    Words("受益人承诺", "beneficiary commitment"),
    Words("交易", "transaction"),
)
"""Columns of an exported row."""

_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula."""


class SerialsBroken(LedgerError):
    """The intervals of a batch leave a gap or overlap: events are missing, or the contract is wrong."""

    def __init__(self, batch: int, expected: int, found: int) -> None:
        self.batch = batch
        self.expected = expected
        self.found = found
        super().__init__(
            f"批次 {batch} 的序列号不连续：应从 {expected} 开始，实为 {found} · "
            f"the serials of batch {batch} are broken: {expected} should come next, and {found} does"
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """Serials [start, end) of one batch, and what became of them."""

    project: str
    batch: int
    state: SerialState
    start: int
    end: int
    source: Emitted[Any]
    """The event that made them what they are: for outstanding ones the issuance."""

    @property
    def quantity(self) -> Kg:
        """One serial is one kilogram."""
        return Kg(self.end - self.start)

    @property
    def cells(self) -> tuple[str, ...]:
        """As exported, in the order of `HEADER`."""
        event = self.source.event
        certificate = account = why = period_start = period_end = beneficiary = ""
        match event:
            case CreditsRetired():
                certificate, account, why = str(event.certificate), event.holder, _text(event.purpose)
                period_start, period_end = _moment(event.period_start), _moment(event.period_end)
                beneficiary = "0x" + event.beneficiary.hex()
            case CreditsCancelled():
                account, why = event.holder, _text(event.reason)
            case ShortfallMadeGood():
                account = event.holder
                why = str(Words(f"补足批次 {event.batch} 的缺口", f"makes batch {event.batch} good"))
            case CreditsReversed():
                why = str(Words("监测轮次", "monitoring round")) + f" 0x{event.round.hex()}"
        return (
            self.project,
            str(self.batch),
            str(self.state.words),
            str(self.start),
            str(self.end - 1),
            str(self.quantity.tonnes),
            certificate,
            account,
            why,
            period_start,
            period_end,
            beneficiary,
            self.source.transaction,
        )


def serial_intervals(reader: Reader) -> Iterator[tuple[Emitted[BatchIssued], tuple[Interval, ...]]]:
    """Every batch with the intervals that its serials are divided into, from the first serial to the last.

    Raises:
        SerialsBroken: They do not follow each other without a gap from the batch's first serial to its last.
    """
    used = _used(reader)
    for issued in emitted(reader, BatchIssued):
        intervals = tuple(_intervals(issued, used.get(issued.event.batch, [])))
        end = issued.event.serial_start
        for interval in intervals:
            if interval.start != end:
                raise SerialsBroken(issued.event.batch, end, interval.start)
            end = interval.end
        if end != issued.event.serial_start + issued.event.issued:
            raise SerialsBroken(issued.event.batch, issued.event.serial_start + issued.event.issued, end)
        yield issued, intervals


def write_serials(reader: Reader, path: Path) -> int:
    """Writes the intervals of every batch as CSV, each batch as a whole before its parts.

    Returns:
        How many intervals there are, the whole batches not counted.
    """
    count = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    # Spreadsheets take a file for UTF-8 by its mark only.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(str(column) for column in HEADER)
        for issued, intervals in serial_intervals(reader):
            event = issued.event
            end = event.serial_start + event.issued
            rows.writerow(_interval(issued, SerialState.ISSUED, event.serial_start, end, issued).cells)
            rows.writerows(interval.cells for interval in intervals)
            count += len(intervals)
    return count


def _used(reader: Reader) -> Mapping[int, list[tuple[int, int, SerialState, Emitted[Any]]]]:
    """What is no longer as it was issued, by batch: start, end, state and event."""
    used: dict[int, list[tuple[int, int, SerialState, Emitted[Any]]]] = {}
    for kind, state in (
        (CreditsRetired, SerialState.RETIRED),
        (CreditsCancelled, SerialState.CANCELLED),
        (ShortfallMadeGood, SerialState.CANCELLED),
        (CreditsReversed, SerialState.REVERSED),
    ):
        for each in emitted(reader, kind):
            event: Any = each.event
            batch = event.source if isinstance(event, ShortfallMadeGood) else event.batch
            end = event.serial_start + event.quantity
            used.setdefault(batch, []).append((event.serial_start, end, state, each))
    return used


def _intervals(
    issued: Emitted[BatchIssued], used: list[tuple[int, int, SerialState, Emitted[Any]]]
) -> Iterator[Interval]:
    """SPEC C8: what is used up from the low end, the tradable, the buffer, what is reversed from the high end."""
    event = issued.event
    buffer_start = event.serial_start + event.issued - event.buffered
    low = sorted((each for each in used if each[2] is not SerialState.REVERSED), key=lambda each: each[0])
    high = sorted((each for each in used if each[2] is SerialState.REVERSED), key=lambda each: each[0])
    tradable_start = low[-1][1] if low else event.serial_start
    reversed_start = high[0][0] if high else event.serial_start + event.issued
    for start, end, state, source in low:
        yield _interval(issued, state, start, end, source)
    if tradable_start < buffer_start:
        yield _interval(issued, SerialState.TRADABLE, tradable_start, buffer_start, issued)
    if buffer_start < reversed_start:
        yield _interval(issued, SerialState.BUFFER, buffer_start, reversed_start, issued)
    for start, end, state, source in high:
        yield _interval(issued, state, start, end, source)


def _interval(issued: Emitted[BatchIssued], state: SerialState, start: int, end: int, source: Emitted[Any]) -> Interval:
    return Interval(text_of(issued.event.project), issued.event.batch, state, start, end, source)


def _text(value: bytes) -> str:
    """Text that anybody may have chosen: never a formula."""
    text = text_of(value)
    return "0x" + value.hex() if text.startswith(_FORMULA) else text


def _moment(timestamp: int) -> str:
    """A holder may write any 64-bit number; what the calendar does not have stays a number."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return str(timestamp)
