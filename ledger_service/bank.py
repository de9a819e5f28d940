"""The settlement bank as files: its statement, which is only ever added to, and the payments it is asked to make.

A statement is a CSV file in UTF-8 with the columns `booked_at,direction,amount_yuan,reference,counterparty`. Amounts
are yuan with exactly two decimals; a reference is good for one line. Assumption: one process at a time writes it.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from eth_utils.crypto import keccak

from ledger_service.domain.bilingual import Words
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import Address, bytes32_of, is_short_text
from ledger_service.domain.units import Fen
from ledger_service.files import write_whole

STATEMENT_COLUMNS = ("booked_at", "direction", "amount_yuan", "reference", "counterparty")
PAYMENT_COLUMNS = ("redemption", "holder", "amount_yuan", "payee")
_AMOUNT = re.compile(r"(0|[1-9][0-9]*)\.[0-9]{2}")
_BREAKS = {"Cc", "Zl", "Zp"}
"""Unicode categories that would break a line apart."""


class Direction(StrEnum):
    """Which way money went."""

    IN = "in"
    """入：the settlement account received it."""
    OUT = "out"
    """出：the settlement account paid it."""


class MovementInvalid(LedgerError):
    """Something cannot be a movement of the account."""

    def __init__(self, problem: Words) -> None:
        self.problem = problem
        super().__init__(str(problem))


class StatementMalformed(LedgerError):
    """A line of a statement cannot be read. Nothing of the statement is used."""

    def __init__(self, source: str, line: int, problem: Words) -> None:
        self.source = source
        self.line = line
        self.problem = problem
        super().__init__(
            f"银行流水 {source} 第 {line} 行：{problem.zh} · bank statement {source}, line {line}: {problem.en}"
        )


class BankReferenceTaken(LedgerError):
    """A reference stands in the statement already, with other facts."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(
            f"银行流水号“{reference}”已用于另一笔 · bank reference “{reference}” is used for another line already"
        )


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement of the settlement account."""

    booked_at: datetime
    direction: Direction
    amount: Fen
    reference: str
    counterparty: str

    def __post_init__(self) -> None:
        if self.booked_at.tzinfo is None:
            raise MovementInvalid(Words("时间缺少时区", "the time has no zone"))
        if self.amount == Fen(0):
            raise MovementInvalid(Words("金额须大于零", "the amount is zero"))
        if not self.reference or self.reference != self.reference.strip():
            raise MovementInvalid(
                Words("流水号缺失或首尾有空格", "the reference is missing, or begins or ends with a space")
            )
        if any(unicodedata.category(each) in _BREAKS for each in self.reference + self.counterparty):
            raise MovementInvalid(Words("文字含换行或控制字符", "text holds line breaks or control characters"))


@dataclass(frozen=True, slots=True)
class Statement:
    """All movements of the settlement account since it was opened, in the bank's order."""

    lines: tuple[StatementLine, ...] = ()

    @property
    def balance(self) -> int:
        """What is in the account, in fen; below zero when the bank paid more than it received."""
        return sum(line.amount.value if line.direction is Direction.IN else -line.amount.value for line in self.lines)


@dataclass(frozen=True, slots=True)
class Payment:
    """What the bank is asked to pay for one redemption."""

    redemption: int
    holder: Address
    amount: Fen
    payee: bytes
    """Salted commitment to the bank account: who knows the account can check it, nobody else can read it."""


def reference_bytes32(reference: str) -> bytes:
    """A bank reference as the contracts carry it: itself if it is at most 31 bytes of UTF-8, else its Keccak hash."""
    if is_short_text(reference):
        return bytes32_of(reference)
    return keccak(text=reference)


def read_statement(path: Path) -> Statement:
    """Reads a statement. One that does not exist yet is empty."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Statement()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + 1
        raise StatementMalformed(path.name, line, Words("不是 UTF-8 文本", "is not UTF-8 text")) from None
    return Statement(tuple(_unique(path.name, _parsed(path.name, text))))


def append_to_statement(path: Path, lines: Sequence[StatementLine]) -> Statement:
    """Adds movements to a statement: all of them, on disk, or none. One that stands there already is not added again.

    Returns:
        The statement with them.

    Raises:
        BankReferenceTaken: A reference stands there with other facts.
    """
    statement = read_statement(path)
    by_reference = {line.reference: line for line in statement.lines}
    for line in lines:
        if by_reference.setdefault(line.reference, line) != line:
            raise BankReferenceTaken(line.reference)
    if len(by_reference) > len(statement.lines):
        statement = Statement(tuple(by_reference.values()))
        rows = (
            (
                line.booked_at.isoformat(),
                line.direction.value,
                f"{line.amount.yuan:f}",
                line.reference,
                line.counterparty,
            )
            for line in statement.lines
        )
        _write_table(path, STATEMENT_COLUMNS, rows)
    return statement


def write_payments(path: Path, payments: Iterable[Payment]) -> None:
    """Writes a payment file: one line for each redemption."""
    rows = (
        (str(payment.redemption), payment.holder, f"{payment.amount.yuan:f}", "0x" + payment.payee.hex())
        for payment in payments
    )
    _write_table(path, PAYMENT_COLUMNS, rows)


def _parsed(source: str, text: str) -> Iterator[tuple[int, StatementLine]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if tuple(header) != STATEMENT_COLUMNS:
            expected = ",".join(STATEMENT_COLUMNS)
            raise StatementMalformed(source, 1, Words(f"表头须为 {expected}", f"the header must be {expected}"))
        for row in reader:
            yield reader.line_num, _line(source, reader.line_num, row)
    except csv.Error as wrong:
        problem = Words(f"不是 CSV（{wrong}）", f"is not CSV ({wrong})")
        raise StatementMalformed(source, reader.line_num, problem) from None


def _line(source: str, number: int, row: Sequence[str]) -> StatementLine:
    def malformed(zh: str, en: str) -> StatementMalformed:
        return StatementMalformed(source, number, Words(zh, en))

    if len(row) != len(STATEMENT_COLUMNS):
        columns = len(STATEMENT_COLUMNS)
        raise malformed(f"应有 {columns} 栏，实有 {len(row)} 栏", f"has {len(row)} columns, not {columns}")
    booked_at, direction, amount, reference, counterparty = row
    try:
        moment = datetime.fromisoformat(booked_at)
    except ValueError:
        raise malformed(f"时间“{booked_at}”无效", f"“{booked_at}” is no time like 2019-01-31T09:30:00+08:00") from None
    if direction not in set(Direction):
        raise malformed(f"方向“{direction}”须为 in 或 out", f"direction “{direction}” is neither in nor out")
    if not _AMOUNT.fullmatch(amount):
        raise malformed(f"金额“{amount}”须为两位小数的元", f"“{amount}” is no amount in yuan with two decimals")
    try:
        return StatementLine(moment, Direction(direction), Fen.from_yuan(Decimal(amount)), reference, counterparty)
    except MovementInvalid as wrong:
        raise StatementMalformed(source, number, wrong.problem) from None


def _unique(source: str, lines: Iterable[tuple[int, StatementLine]]) -> Iterator[StatementLine]:
    first_line: dict[str, int] = {}
    for number, line in lines:
        first = first_line.setdefault(line.reference, number)
        if first != number:
            problem = Words(
                f"流水号“{line.reference}”与第 {first} 行重复",
                f"reference “{line.reference}” stands in line {first} already",
            )
            raise StatementMalformed(source, number, problem)
        yield line


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a CSV file that is there whole or not at all, also when the machine stops."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_whole(path, text.getvalue())
