"""Where every serial is: whole, without a gap, to the kilogram."""

import csv
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gongsheng.cli import app
from gongsheng.serials import NoCounty, export
from ledger_service.chain.deployment import Deployment
from ledger_service.chain.embedded import CHAIN_ID
from ledger_service.domain.credits import SerialState
from ledger_service.domain.units import Kg
from ledger_service.facts import BatchUnknown, CertificateUnknown, balance_sheet
from ledger_service.reports.serials import HEADER, SerialsBroken, serial_intervals, write_serials
from ledger_service.reports.trace import trace_certificate


def exported(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def column(en: str) -> str:
    (words,) = (words for words in HEADER if words.en == en)
    return str(words)


@pytest.fixture
def rows(books, tmp_path: Path) -> list[dict[str, str]]:
    with books.reading() as reader:
        assert write_serials(reader, tmp_path / "export" / "serials.csv") == 6
    return exported(tmp_path / "export" / "serials.csv")


def test_every_column_is_named_in_both_languages(rows) -> None:
    assert list(rows[0]) == [str(words) for words in HEADER]
    assert all(not words.zh.isascii() and words.en.isascii() for words in HEADER)


def test_a_batch_stands_whole_before_its_parts_which_follow_one_another(rows) -> None:
    shown = [(row[column("state")], int(row[column("first serial")]), int(row[column("last serial")])) for row in rows]
    assert shown == [
        ("签发 · issued", 1, 1_123_458),
        ("注销 · retired", 1, 500),
        ("取消 · cancelled", 501, 534),
        ("注销 · retired", 535, 600),
        ("取消 · cancelled", 601, 10_600),
        ("流通 · tradable", 10_601, 1_011_113),
        ("逆转 · reversed", 1_011_114, 1_123_458),
    ]


def test_tonnes_have_three_decimals_and_are_conserved(rows) -> None:
    whole, *parts = (Decimal(row[column("tCO2e")]) for row in rows)
    assert [row[column("tCO2e")] for row in rows[:3]] == ["1123.458", "0.500", "0.034"]
    assert sum(parts) == whole
    for row in rows:
        serials = int(row[column("last serial")]) - int(row[column("first serial")]) + 1
        assert Decimal(row[column("tCO2e")]) * 1_000 == serials


def test_a_retirement_names_certificate_purpose_period_and_commitment(county, rows) -> None:
    retired = rows[1]
    assert [retired[column(each)] for each in ("certificate", "account", "purpose or reason")] == [
        "1",
        county.buyer.address,
        "fair of 2018",
    ]
    assert retired[column("period start")] == "2018-01-01 00:00:00 UTC"
    assert retired[column("period end (exclusive)")] == "2019-01-01 00:00:00 UTC"
    assert retired[column("beneficiary commitment")].startswith("0x")
    assert rows[2][column("purpose or reason")] == "sold in error"
    assert rows[4][column("purpose or reason")] == "补足批次 1 的缺口 · makes batch 1 good"
    assert "monitoring round 0x" in rows[6][column("purpose or reason")]
    assert rows[5][column("account")] == rows[0][column("certificate")] == ""


def test_a_purpose_that_is_a_formula_is_shown_as_digits(rows) -> None:
    assert rows[3][column("purpose or reason")] == "0x" + b"=1+1".hex().ljust(64, "0")


def test_intervals_are_the_terms_of_the_balance_sheet(books) -> None:
    with books.reading() as reader:
        ((_, intervals),) = serial_intervals(reader)
        sheet = balance_sheet(reader, 1)
    for state in SerialState:
        quantity = sum(each.quantity.value for each in intervals if each.state is state)
        assert quantity == (0 if state is SerialState.ISSUED else getattr(sheet, state.value))


def test_a_period_beyond_the_calendar_stays_a_number(county, books) -> None:
    with closing(sqlite3.connect(county.folder / "books.sqlite")) as connection:
        far = "UPDATE event SET event_values = replace(event_values, '1546300800', '18446744073709551615')"
        connection.execute(f"{far} WHERE name = 'CreditsRetired'")
        connection.commit()
    with books.reading() as reader:
        ((_, intervals),) = serial_intervals(reader)
    assert intervals[0].cells[10] == "18446744073709551615"


@pytest.mark.parametrize(
    ("change", "expected", "found"),
    [
        ("name = 'Locked' WHERE name = 'CreditsCancelled'", 501, 535),
        ("event_values = replace(event_values, '\"66\"', '\"67\"') WHERE name = 'CreditsRetired'", 602, 601),
        (
            "event_values = replace(event_values, '\"10000\"', '\"1010514\"') WHERE name = 'ShortfallMadeGood'",
            1_011_115,
            1_011_114,
        ),
        (
            "event_values = replace(event_values, '\"112345\"', '\"112344\"') WHERE name = 'CreditsReversed'",
            1_123_459,
            1_123_458,
        ),
    ],
    ids=["a gap", "an overlap", "more than was tradable", "less than the batch"],
)
def test_serials_that_are_not_the_whole_batch_are_refused(
    county, books, change: str, expected: int, found: int
) -> None:
    with closing(sqlite3.connect(county.folder / "books.sqlite")) as connection:
        connection.execute(f"UPDATE event SET {change}")
        connection.commit()
    with books.reading() as reader, pytest.raises(SerialsBroken) as refused:
        list(serial_intervals(reader))
    assert refused.value.batch == 1
    assert (refused.value.expected, refused.value.found) == (expected, found)


def test_what_does_not_exist_is_refused(books) -> None:
    with books.reading() as reader:
        with pytest.raises(BatchUnknown):
            balance_sheet(reader, 2)
        with pytest.raises(CertificateUnknown) as refused:
            trace_certificate(reader, 3)
    assert refused.value.number == 3


def test_a_certificate_is_traced_back_to_the_raw_data(county, books) -> None:
    with books.reading() as reader:
        first, *others = trace_certificate(reader, 1)
    facts = {fact.name.en: fact.value for fact in first.facts}
    assert (facts["holder"], facts["retired"], facts["serials"]) == (county.buyer.address, "0.500 tCO2e", "1–500")
    assert others[-1].title.en == "raw data"


@pytest.mark.usefixtures("books")
def test_a_folder_without_books_is_refused_and_one_with_books_exported(county, tmp_path: Path) -> None:
    output = tmp_path / "serials.csv"
    with pytest.raises(NoCounty):
        export(tmp_path / "nowhere", output)
    with pytest.raises(NoCounty):
        export(county.folder, output)
    county.chain.deployment.save(Deployment.path(county.folder, CHAIN_ID))
    assert export(county.folder, output) == 6
    assert len(exported(output)) == 7


@pytest.mark.usefixtures("books")
def test_the_command_writes_the_file_and_says_how_much(county, tmp_path: Path) -> None:
    county.chain.deployment.save(Deployment.path(county.folder, CHAIN_ID))
    output = tmp_path / "serials.csv"
    run = CliRunner().invoke(app, ["serials", "export", "--folder", str(county.folder), "--output", str(output)])
    assert run.exit_code == 0, run.output
    assert "6 intervals" in run.output.replace("\n", " ")
    assert len(exported(output)) == 7


def test_tonnes_are_exact_whatever_their_size() -> None:
    assert str(Kg(1).tonnes) == "0.001"
    assert str(Kg(0).tonnes) == "0.000"
    assert str(Kg(2**128 - 1).tonnes) == "340282366920938463463374607431768211.455"
