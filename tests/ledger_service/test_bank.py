"""The settlement bank as files."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from ledger_service.bank import (
    BankReferenceTaken,
    Direction,
    MovementInvalid,
    Payment,
    Statement,
    StatementLine,
    StatementMalformed,
    append_to_statement,
    read_statement,
    reference_bytes32,
    write_payments,
)
from ledger_service.domain.identifiers import Address
from ledger_service.domain.units import Fen

HEADER = "booked_at,direction,amount_yuan,reference,counterparty\n"
GOOD = "2019-01-31T09:30:00+08:00,in,8000000.00,SALE-1,买方\n"
AT = datetime(2019, 1, 31, 1, 30, tzinfo=UTC)
SALE = StatementLine(AT, Direction.IN, Fen(800_000_000), "SALE-1", "买方")
PAYMENT = StatementLine(AT, Direction.OUT, Fen(1), "PAY-1", "农户")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank" / "statement.csv"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "header"),
        ("booked_at,direction,amount,reference,counterparty\n", 1, "header"),
        (HEADER + GOOD.replace(",in,", ",IN,"), 2, "direction"),
        (HEADER + GOOD.replace("8000000.00", "8,000,000.00"), 2, "columns"),
        (HEADER + GOOD.replace("8000000.00", "8000000.0"), 2, "two decimals"),
        (HEADER + GOOD.replace("8000000.00", "8000000"), 2, "two decimals"),
        (HEADER + GOOD.replace("8000000.00", "-1.00"), 2, "two decimals"),
        (HEADER + GOOD.replace("8000000.00", "1e3"), 2, "two decimals"),
        (HEADER + GOOD.replace("8000000.00", "0.00"), 2, "zero"),
        (HEADER + GOOD.replace("+08:00", ""), 2, "zone"),
        (HEADER + GOOD.replace("2019-01-31", "31.1.2019"), 2, "time"),
        (HEADER + GOOD.replace("SALE-1", ""), 2, "missing"),
        (HEADER + GOOD.replace("SALE-1", " SALE-1"), 2, "space"),
        (HEADER + GOOD.replace("买方", '"a\nb"'), 3, "line breaks"),
        (HEADER + GOOD + "\n" + GOOD, 3, "columns"),
        (HEADER + GOOD + GOOD, 3, "stands in line 2"),
        (HEADER + GOOD.replace("买方", '"open'), 2, "CSV"),
    ],
)
def test_a_statement_with_a_bad_line_is_refused_as_a_whole(path: Path, text: str, line: int, problem: str) -> None:
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    with pytest.raises(StatementMalformed) as refused:
        read_statement(path)
    assert refused.value.line == line
    assert problem in refused.value.problem.en


def test_a_statement_that_is_no_utf_8_is_refused_with_its_line(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes((HEADER + GOOD).encode("gb18030"))
    with pytest.raises(StatementMalformed) as refused:
        read_statement(path)
    assert (refused.value.source, refused.value.line) == ("statement.csv", 2)


def test_a_movement_without_zone_or_amount_is_refused() -> None:
    with pytest.raises(MovementInvalid):
        StatementLine(AT.replace(tzinfo=None), Direction.IN, Fen(1), "A", "")
    with pytest.raises(MovementInvalid):
        StatementLine(AT, Direction.IN, Fen(0), "A", "")


def test_a_reference_with_other_facts_is_refused_and_nothing_is_written(path: Path) -> None:
    append_to_statement(path, [SALE])
    before = path.read_bytes()
    other = StatementLine(AT, Direction.IN, Fen(800_000_001), "SALE-1", "买方")
    with pytest.raises(BankReferenceTaken) as refused:
        append_to_statement(path, [PAYMENT, other])
    assert refused.value.reference == "SALE-1"
    assert path.read_bytes() == before


def test_a_statement_that_does_not_exist_is_empty(path: Path) -> None:
    assert read_statement(path) == Statement()
    assert Statement().balance == 0


def test_what_is_appended_is_read_again_in_order(path: Path) -> None:
    append_to_statement(path, [SALE])
    assert append_to_statement(path, [PAYMENT]) == read_statement(path) == Statement((SALE, PAYMENT))
    assert read_statement(path).balance == 799_999_999
    assert path.read_text("utf-8").splitlines()[1] == "2019-01-31T01:30:00+00:00,in,8000000.00,SALE-1,买方"


def test_appending_twice_is_the_same_as_appending_once(path: Path) -> None:
    append_to_statement(path, [SALE, PAYMENT])
    before = path.read_bytes()
    assert append_to_statement(path, [PAYMENT, SALE]) == Statement((SALE, PAYMENT))
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["statement.csv"]


def test_a_killed_append_leaves_the_old_statement(path: Path) -> None:
    append_to_statement(path, [SALE])
    (path.parent / "statement.csv.partial").write_text("half a li", "utf-8")
    assert append_to_statement(path, [PAYMENT]) == Statement((SALE, PAYMENT))


def test_a_payment_file_has_one_line_for_each_redemption(tmp_path: Path) -> None:
    holder = Address("0xd2103535bfc62bC5DBa62524872E489438507A7c")
    write_payments(tmp_path / "payments.csv", [Payment(7, holder, Fen(12_345), b"\1" * 32)])
    with (tmp_path / "payments.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["redemption", "holder", "amount_yuan", "payee"],
            ["7", holder, "123.45", "0x" + "01" * 32],
        ]


def test_a_long_reference_stands_on_chain_as_its_hash() -> None:
    assert reference_bytes32("x" * 31) == b"x" * 31 + b"\0"
    assert reference_bytes32("x" * 32) == keccak(text="x" * 32)
    assert reference_bytes32("流水" * 6) == keccak(text="流水" * 6)
