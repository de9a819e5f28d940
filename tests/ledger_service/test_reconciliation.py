"""Chain = books = bank: agreed in every figure, and loud about any that is not."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger_service.bank import Direction, Statement, StatementLine, read_statement
from ledger_service.chain.events import ChainMoved
from ledger_service.domain.units import Fen
from ledger_service.indexer import sync
from ledger_service.reports.reconciliation import HEADER, BooksEmpty, Check, Reconciliation, Row, reconcile
from ledger_service.settlement import RegisterFolder, RegisterMissing

NOW = datetime(2019, 4, 5, tzinfo=UTC)


def report(county, books, statement: Statement | None = None) -> Reconciliation:
    return reconcile(county.chain, books, statement or read_statement(county.statement), county.registers)


def tampered(county, books, statement: str) -> Reconciliation:
    """What the reconciliation says after somebody changed the database by hand."""
    with closing(sqlite3.connect(county.folder / "books.sqlite")) as connection:
        changed = connection.execute(statement)
        assert changed.rowcount == 1
        connection.commit()
    return report(county, books)


def checks(reconciliation: Reconciliation) -> set[Check]:
    return {row.check for row in reconciliation.differences}


def test_books_that_were_never_synced_are_refused(county) -> None:
    with county.open_books("empty") as books, pytest.raises(BooksEmpty):
        report(county, books)


def test_books_behind_a_reorganisation_are_refused(county, books) -> None:
    reorganise = county.undoes(2)
    sync(county.chain, books)
    reorganise()
    with pytest.raises(ChainMoved):
        report(county, books)
    sync(county.chain, books)
    assert report(county, books).block.number > 0


def test_without_a_register_the_core_has_no_opinion_and_nothing_is_reconciled(county, books, tmp_path: Path) -> None:
    with pytest.raises(RegisterMissing):
        reconcile(county.chain, books, read_statement(county.statement), RegisterFolder(tmp_path / "nowhere"))


def test_a_receipt_that_only_the_bank_knows_is_shown(county, books) -> None:
    stray = StatementLine(NOW, Direction.IN, Fen(500), "STRAY", "somebody")
    result = report(county, books, Statement((*read_statement(county.statement).lines, stray)))
    assert result.differs
    assert {(row.check, row.difference) for row in result.differences} == {
        (Check.VOUCHER_SUPPLY, 500),
        (Check.BANK_REFERENCE, 500),
    }


def test_a_payment_that_the_bank_made_with_another_amount_is_shown(county, books) -> None:
    *lines, payment = read_statement(county.statement).lines
    assert payment.direction is Direction.OUT
    less = StatementLine(NOW, Direction.OUT, payment.amount - Fen(1), payment.reference, payment.counterparty)
    result = report(county, books, Statement((*lines, less)))
    (row,) = (row for row in result.differences if row.check is Check.BANK_REFERENCE)
    assert (row.subject, row.books, row.bank) == ("PAY-1", -payment.amount.value, 1 - payment.amount.value)


def test_a_receipt_that_the_bank_does_not_know_is_shown(county, books) -> None:
    first, *rest = read_statement(county.statement).lines
    result = report(county, books, Statement(tuple(rest)))
    (row,) = (row for row in result.differences if row.check is Check.BANK_REFERENCE)
    assert (row.subject, row.books, row.bank) == (first.reference, first.amount.value, 0)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("bank", Check.VOUCHER_SUPPLY),
        ("voucher", Check.VOUCHER_BALANCE),
        ("set-aside", Check.SET_ASIDE),
        ("dust", Check.REVENUE_BALANCE),
        ("received", Check.RECEIVED),
        ("leg", Check.LEG),
        ("holder", Check.HOLDER),
        ("lenders", Check.HOLDER),
        ("principal", Check.PRINCIPAL),
        ("credits", Check.CREDITS),
        ("measured", Check.BATCH),
        ("used-up", Check.BATCH),
        ("retired", Check.CERTIFICATE),
        ("cancelled", Check.BATCH),
        ("reversed", Check.DEFICIT),
        ("shortfall", Check.BATCH),
        ("lost", Check.DEFICIT),
        ("made-good", Check.BATCH),
    ],
)
def test_one_fen_changed_in_the_books_is_shown(county, books, kind: str, check: Check) -> None:
    one = f"SELECT rowid FROM posting WHERE kind = '{kind}' LIMIT 1"
    result = tampered(county, books, f"UPDATE posting SET amount = amount + 1 WHERE rowid = ({one})")
    assert check in checks(result)
    assert {row.difference for row in result.differences} == {1}


def test_interest_that_was_booked_wrong_is_shown(county, books) -> None:
    county.wait(90 * 86_400)
    sync(county.chain, books)
    assert not report(county, books).differs
    last = "SELECT max(rowid) FROM event WHERE name = 'Repayment'"
    changed = f"UPDATE event SET event_values = replace(event_values, '107260', '107259') WHERE rowid = ({last})"
    assert Check.INTEREST in checks(tampered(county, books, changed))


def test_the_county_agrees_in_every_figure(county, books) -> None:
    result = report(county, books)
    assert not result.differs
    assert {row.check for row in result.rows} == set(Check)
    figures = {(row.check, row.subject): row for row in result.rows}
    supply = figures[Check.VOUCHER_SUPPLY, "CnyVoucher"]
    assert supply.chain == supply.books == supply.bank == read_statement(county.statement).balance
    assert figures[Check.RECEIVED, "carbon-pool/1/2018-12"].chain == 80_000_004
    assert figures[Check.LEG, "carbon-pool/1/2018-12/1"].core == 64_000_004
    assert figures[Check.REVENUE_BALANCE, "Revenue"].chain == 16_000_000 + 37_037_036 + 2 + 2
    assert {row.subject: row.books for row in result.rows if row.check is Check.BATCH} == {
        "1/issued": 1_123_458,
        "1/tradable": 1_000_513,
        "1/buffer": 0,
        "1/retired": 566,
        "1/cancelled": 10_034,
        "1/reversed": 112_345,
        "1/shortfall": 87_655 + 922_858 + 566,
        "1/made_good": 10_000,
        "1/unexplained": 0,
        "1/open_shortfall": 1_001_079,
    }
    assert {row.subject: row.chain for row in result.rows if row.check is Check.CERTIFICATE} == {"1": 500, "2": 66}
    assert figures[Check.DEFICIT, "project-1"].books == 2_200_000 - 112_345 - 1_011_079
    paid = [row for row in result.rows if row.check is Check.HOLDER and row.subject.startswith("carbon-pool/")]
    assert sum(row.core for row in paid) == 64_000_004


def test_vouchers_that_are_set_aside_are_reconciled_too(county, books) -> None:
    participants, blocked = county.of("Participants"), county.holders[1].address
    county.receive(county.suppliers.pot, 1_000, "SALE-4")
    county.send(participants.setBlocked(blocked, True, b"\1" * 32), county.operator)
    county.claim_what_is_owed(books, county.suppliers)
    sync(county.chain, books)
    result = report(county, books)
    assert not result.differs
    kept = {row.subject: row.chain for row in result.rows if row.check is Check.SET_ASIDE}
    assert kept[blocked] == 172


def test_closing_the_last_period_leaves_no_dust(county, books) -> None:
    county.close(county.city_share.pot)
    county.claim_what_is_owed(books, county.suppliers, county.processors)
    sync(county.chain, books)
    result = report(county, books)
    assert not result.differs
    closed = {row.subject: row.chain for row in result.rows if row.check is Check.CLOSED_WHOLE}
    assert closed == {"carbon-pool/1/2018-12": 80_000_004, "one-product/1/2018-12": 123_456_789}


def test_a_row_is_as_wide_as_its_header_and_reads_in_yuan_or_tonnes() -> None:
    row = Row(Check.HOLDER, "line/0", chain=5, books=4)
    assert row.difference == 1
    assert row.cells == (str(Check.HOLDER.value), "line/0", "¥0.05", "¥0.04", "", "", "¥0.01")
    assert len(row.cells) == len(HEADER)
    assert Row(Check.BATCH, "1", chain=1_000, books=1_000).cells[2] == "1.000 tCO2e"


def test_the_summary_has_one_row_for_each_check_with_sums(county, books) -> None:
    result = report(county, books)
    assert [cells[0] for cells in result.summary] == [str(check.value) for check in Check]
    assert {len(cells) for cells in result.summary} == {len(HEADER)}
    assert result.summary[0][2:5] == (Fen(198_051_029).__str__(),) * 3
    assert {cells[-1] for cells in result.summary} == {"¥0.00", "0.000 tCO2e"}
