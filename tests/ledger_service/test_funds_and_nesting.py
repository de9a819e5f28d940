"""Funds, nested income and tiers on their way from the chain through the books to the reports."""

import asyncio
import sqlite3
from contextlib import closing

import httpx
import pytest
from eth_utils.crypto import keccak
from fastapi import FastAPI

from ledger_service.api.app import create_app
from ledger_service.bank import read_statement
from ledger_service.chain.events import Collected, Forwarded, IncomeReceived
from ledger_service.chain.lines import line_tuple
from ledger_service.domain.agreements import Fund, Line, Pot
from ledger_service.domain.books import Account, AccountKind
from ledger_service.domain.identifiers import ZERO_ADDRESS, Address, bytes32_of, text_of
from ledger_service.domain.units import Fen, Period
from ledger_service.facts import emitted
from ledger_service.indexer import sync
from ledger_service.reports.funds import FundUnknown, SpendingState, fund_statement, fund_statements
from ledger_service.reports.reconciliation import Check, reconcile
from ledger_service.reports.statement import holder_statement
from ledger_service.reports.trace import trace_claim
from ledger_service.store.books import Books

JANUARY = Period.parse("2019-01")
MAINTENANCE = Fund("carbon-pool", 0)
NOTHING = bytes(32)


def account_leg(bps: int, account: Address) -> tuple[object, ...]:
    return (1, bps, account, NOTHING, NOTHING, NOTHING, NOTHING, 0)


def nested_leg(bps: int, child: str) -> tuple[object, ...]:
    return (4, bps, ZERO_ADDRESS, NOTHING, NOTHING, NOTHING, bytes32_of(child), 0)


@pytest.fixture
def spent(county, books) -> Fund:
    """The maintenance fund was filled; of two spendings one was paid and one taken back, and a third waits."""
    revenue, funds = county.of("Revenue"), county.of("Funds")
    county.send(revenue.collect(line_tuple(county.maintenance)), county.relayer)
    for number, amount in enumerate((1_000, 2_000, 3_000), start=1):
        evidence = keccak(text=f"invoice {number}")
        proposal = (bytes32_of("carbon-pool"), 0, bytes32_of("core-area-maintenance"), county.city.address)
        county.send(funds.propose((*proposal, amount, 0, evidence)), county.operator)
    county.send(funds.spend(1), county.treasurer)
    county.send(funds.retract(2), county.operator)
    sync(county.chain, books)
    return MAINTENANCE


@pytest.fixture
def forwarded(county, books) -> Line:
    """An umbrella's income went to `one-product`, in two steps; the city collected its share of it."""
    revenue = county.of("Revenue")
    legs = [account_leg(3_333, Address(county.bank.address)), nested_leg(6_667, "one-product")]
    county.send(revenue.publish(bytes32_of("umbrella"), legs, 0), county.committee)
    line = Line(Pot("umbrella", 1, JANUARY), 1)
    for number, amount in enumerate((1_001, 500_000)):
        county.receive(line.pot, amount, f"UMBRELLA-{number}")
        county.send(revenue.collect(line_tuple(line)), county.relayer)
    county.send(revenue.collect(line_tuple(Line(Pot("one-product", 1, JANUARY), 0))), county.relayer)
    sync(county.chain, books)
    return line


@pytest.fixture
def tiered(county, books) -> str:
    """A course with a fee of 0, 15 and 10 %, that sold for ¥120,000.00 in two receipts."""
    revenue = county.of("Revenue")
    city, creator = Address(county.city.address), Address(county.bank.address)
    tiers = [
        (bound, [account_leg(fee, city), account_leg(10_000 - fee, creator)])
        for bound, fee in ((0, 0), (5_000_000, 1_500), (10_000_000, 1_000))
    ]
    county.send(revenue.publishTiers(bytes32_of("course-7"), tiers, 0), county.committee)
    for number, amount in enumerate((3_000_000, 9_000_000)):
        county.receive(Pot("course-7", 1, JANUARY), amount, f"COURSE-{number}")
    county.send(
        revenue.collectMany([line_tuple(Line(Pot("course-7", v, JANUARY), leg)) for v in (1, 2, 3) for leg in (0, 1)]),
        county.relayer,
    )
    sync(county.chain, books)
    return "course-7"


def reconciled(county, books):
    return reconcile(county.chain, books, read_statement(county.statement), county.registers)


def get(app: FastAPI, path: str) -> httpx.Response:
    """What a client over HTTP is answered."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get(path)

    return asyncio.run(ask())


# FUNDS


def test_a_fund_that_nobody_published_is_unknown(books: Books) -> None:
    with books.reading() as reader, pytest.raises(FundUnknown) as refused:
        fund_statement(reader, Fund("carbon-pool", 1))
    assert refused.value.fund == Fund("carbon-pool", 1)


def test_a_fund_that_was_never_filled_is_empty(books: Books) -> None:
    with books.reading() as reader:
        (statement,) = fund_statements(reader)
    assert (statement.fund, statement.purpose) == (MAINTENANCE, "core-area-maintenance")
    assert (statement.filled, statement.spent, statement.balance) == (Fen(0), Fen(0), Fen(0))
    assert not statement.spendings


def test_the_statement_of_a_fund_shows_what_came_in_and_what_it_was_spent_on(county, books, spent: Fund) -> None:
    with books.reading() as reader:
        statement = fund_statement(reader, spent)
        paid = reader.balance(Account(AccountKind.SPENT, str(spent), county.city.address))
    assert statement.filled == Fen((10_000_003 + 70_000_001) * 2_000 // 10_000)
    assert (statement.spent, statement.balance) == (Fen(1_000), statement.filled - Fen(1_000))
    assert paid == -1_000
    states = {number: each.state for number, each in statement.spendings.items()}
    assert states == {1: SpendingState.SPENT, 2: SpendingState.RETRACTED, 3: SpendingState.PROPOSED}


@pytest.mark.usefixtures("spent")
def test_chain_and_books_agree_on_funds(county, books) -> None:
    result = reconciled(county, books)
    assert not result.differs
    rows = {row.check: row for row in result.rows if row.check in (Check.FUND, Check.FUNDS_BALANCE)}
    assert rows[Check.FUND].chain == rows[Check.FUND].books == rows[Check.FUNDS_BALANCE].chain > 0


@pytest.mark.usefixtures("spent")
def test_a_fund_and_its_spendings_are_served(county, books) -> None:
    app = create_app(county.chain, books, county.registers)
    (summary,) = get(app, "/funds").json()["items"]
    detail = get(app, "/funds/carbon-pool/0").json()
    assert detail["fund"] == summary
    assert (summary["purpose"], summary["spent"]["text"], summary["payout"]) == (
        "core-area-maintenance",
        "¥10.00",
        None,
    )
    first, second, third = detail["spendings"]["items"]
    assert (first["state"], first["proposed_by"], first["spent_by"]) == (
        "spent",
        county.operator.address,
        county.treasurer.address,
    )
    assert [each["state_text"]["zh"] for each in (first, second, third)] == ["已支出", "已撤回", "已提出"]
    missing = get(app, "/funds/carbon-pool/1")
    assert (missing.status_code, missing.json()["title"]) == (404, "FundUnknown")


# NESTED INCOME


def test_nested_income_is_booked_once_and_agrees_everywhere(county, books, forwarded: Line) -> None:
    result = reconciled(county, books)
    assert not result.differs
    figures = {(row.check, row.subject): row for row in result.rows}
    to_child = 501_001 * 6_667 // 10_000
    leg = figures[Check.LEG, str(forwarded)]
    assert leg.chain == leg.books == leg.core == to_child
    assert figures[Check.HOLDER, f"{forwarded}/0"].core == to_child
    assert figures[Check.RECEIVED, "one-product/1/2019-01"].books == to_child
    references = {row.subject for row in result.rows if row.check is Check.BANK_REFERENCE}
    assert {"UMBRELLA-0", "UMBRELLA-1"} <= references
    with books.reading() as reader:
        assert not references & {text_of(each.event.internal_reference) for each in emitted(reader, Forwarded)}
        brought = reader.balance(Account(AccountKind.FORWARDED, f"{forwarded}/0", "one-product"))
    assert brought == -to_child


@pytest.mark.usefixtures("forwarded")
def test_an_internal_reference_hides_no_receipt_from_the_bank(county, books) -> None:
    """A treasurer records a receipt that the bank never saw, under the reference of a transfer between agreements."""
    with books.reading() as reader:
        first, *_ = emitted(reader, Forwarded)
    reference = first.event.internal_reference
    call = county.of("Revenue").receiveIncome(bytes32_of("one-product"), JANUARY.value, 5, reference)
    county.send(call, county.treasurer)
    sync(county.chain, books)
    differences = {(row.check, row.difference) for row in reconciled(county, books).differences}
    assert differences == {(Check.VOUCHER_SUPPLY, 5), (Check.BANK_REFERENCE, 5)}


@pytest.mark.usefixtures("forwarded")
def test_a_payment_is_traced_through_the_agreement_above(county, books) -> None:
    with books.reading() as reader:
        collected = [each for each in emitted(reader, Collected) if each.event.account == county.city.address][-1]
        steps = trace_claim(reader, county.registers, collected)
    titles = [step.title.en for step in steps]
    assert titles[:4] == ["claim", "from a parent agreement", "receipt", "agreement"]
    assert titles.count("from a parent agreement") == 2
    banked = {fact.value for step in steps if step.title.en == "receipt" for fact in step.facts}
    assert {"UMBRELLA-0", "UMBRELLA-1"} <= banked
    assert steps[1].title.zh == "上级协议转入"


@pytest.mark.usefixtures("forwarded")
def test_a_nested_leg_is_served_with_its_child(county, books) -> None:
    app = create_app(county.chain, books, county.registers)
    (version,) = get(app, "/agreements/umbrella").json()["versions"]
    nested = version["legs"][1]
    assert (nested["kind"], nested["child"], nested["account"]) == ("agreement", "one-product", None)


# TIERS


def test_tiers_are_booked_by_the_receipts_and_agree_everywhere(county, books, tiered: str) -> None:
    result = reconciled(county, books)
    assert not result.differs
    received = {row.subject: row.books for row in result.rows if row.check is Check.RECEIVED}
    assert [received[f"{tiered}/{version}/2019-01"] for version in (1, 2, 3)] == [5_000_000, 5_000_000, 2_000_000]
    references = {row.subject: row for row in result.rows if row.check is Check.BANK_REFERENCE}
    assert references["COURSE-1"].books == references["COURSE-1"].bank == 9_000_000
    tiers = {row.subject: (row.chain, row.core) for row in result.rows if row.check is Check.VERSION}
    assert [tiers[f"{tiered}/{version}"] for version in (1, 2, 3)] == [
        (5_000_000, 5_000_000),
        (5_000_000, 5_000_000),
        (2_000_000, 2_000_000),
    ]


def test_a_receipt_in_the_wrong_tier_is_shown(county, books, tiered: str) -> None:
    """As if the contract had put one fen of the second receipt into another tier: receipts alone say where it is."""
    with books.reading() as reader:
        parts = [each.event for each in emitted(reader, IncomeReceived) if text_of(each.event.agreement) == tiered]
    assert [part.amount for part in parts] == [3_000_000, 2_000_000, 5_000_000, 2_000_000]
    last = "SELECT max(rowid) FROM event WHERE name = 'IncomeReceived'"
    changed = f"UPDATE event SET event_values = replace(event_values, '2000000', '1999999') WHERE rowid = ({last})"
    with closing(sqlite3.connect(county.folder / "books.sqlite")) as connection:
        assert connection.execute(changed).rowcount == 1
        connection.commit()
    assert Check.VERSION in {row.check for row in reconciled(county, books).differences}


def test_tiers_are_served_with_where_they_begin(county, books, tiered: str) -> None:
    app = create_app(county.chain, books, county.registers)
    versions = get(app, f"/agreements/{tiered}").json()["versions"]
    assert [(each["tier"], each["income_from"]["text"]) for each in versions] == [
        (0, "¥0.00"),
        (1, "¥50,000.00"),
        (2, "¥100,000.00"),
    ]


def test_a_creator_sees_what_each_tier_earned(county, books, tiered: str) -> None:
    with books.reading() as reader:
        statement = holder_statement(reader, county.registers, Address(county.bank.address))
    earned = [each.entitled.value for each in statement.earnings if each.line.pot.agreement == tiered]
    assert earned == [5_000_000, 4_250_000, 1_800_000]
