"""The database of the books."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, event
from sqlmodel import SQLModel

from ledger_service.domain.books import (
    CNY,
    MAX_POSTING,
    Account,
    AccountKind,
    Block,
    Entry,
    EventId,
    Posting,
    Record,
    credit_of,
)
from ledger_service.store.books import Books, BooksMoved, BooksUnusable, OtherBooks, open_books

BANK = Account(AccountKind.BANK)
FIRST, SECOND = Block(5, "0xb5", 100), Block(8, "0xb8", 200)


@dataclass(frozen=True)
class Identity:
    chain_id: int = 31_337
    genesis_hash: str = "0xgenesis"
    first_block: int = 2
    contracts: dict[str, str] = field(default_factory=lambda: {"Revenue": "0xrevenue"})


def vouchers(owner: str) -> Account:
    return Account(AccountKind.VOUCHER, owner=owner)


class Interrupted(BaseException):
    """Stands for anything that ends a process between two statements."""


@contextmanager
def interrupted_at(statement: str) -> Iterator[None]:
    """Lets the database do `statement`, then interrupts."""

    def interrupt(*arguments: object) -> None:
        if " ".join(str(arguments[2]).split()).startswith(statement):
            raise Interrupted

    event.listen(Engine, "after_cursor_execute", interrupt)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", interrupt)


def happened(block: Block, index: int, *postings: tuple[Account, int], name: str = "Transfer") -> tuple[Record, Entry]:
    identifier = EventId(31_337, block.hash, index)
    record = Record(identifier, block, f"0xtx{block.number}", "CnyVoucher", name, {"value": str(2**128 - 1)})
    return record, Entry(identifier, tuple(Posting(account, CNY, amount) for account, amount in postings))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'var' / 'books.sqlite'}"


@pytest.fixture
def books(url: str):
    with open_books(url, Identity()) as opened:
        yield opened


def add(books: Books, *blocks: Block, amount: int = 100) -> None:
    """Each of these blocks brings a holder `amount` fen."""
    with books.reading() as reader:
        head = reader.head()
    events = [happened(block, 0, (BANK, amount), (vouchers("0xa1"), -amount)) for block in blocks]
    books.record(
        expected_head=head,
        fork=head,
        blocks=blocks,
        records=[record for record, _ in events],
        entries=[entry for _, entry in events],
    )


def state(books: Books) -> tuple[Block | None, list[Record], int]:
    with books.reading() as reader:
        return reader.head(), list(reader.records()), reader.balance(BANK)


@pytest.mark.parametrize(
    "other",
    [
        Identity(chain_id=1),
        Identity(genesis_hash="0xother"),
        Identity(first_block=3),
        Identity(contracts={"Revenue": "0xelsewhere"}),
    ],
)
def test_books_of_another_deployment_are_refused_and_named(url: str, other: Identity) -> None:
    open_books(url, Identity()).close()
    with pytest.raises(OtherBooks) as refused:
        open_books(url, other)
    assert refused.value.wanted == other
    for named in ("0xgenesis", other.genesis_hash, "0xrevenue", other.contracts["Revenue"], str(other.chain_id)):
        assert named in str(refused.value)
    open_books(url, Identity()).close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "books").write_text("a letter, not a database " * 100)
    with pytest.raises(BooksUnusable) as refused:
        open_books(f"sqlite:///{tmp_path / 'books'}", Identity())
    assert "not a database" in refused.value.reason
    assert (tmp_path / "books").read_text() == "a letter, not a database " * 100


@pytest.mark.parametrize("wrong", ["nonsense", "nosuchdatabase://host/books"])
def test_a_url_that_names_no_database_is_refused(wrong: str) -> None:
    with pytest.raises(BooksUnusable) as refused:
        open_books(wrong, Identity())
    assert refused.value.url == wrong


def test_a_password_is_never_shown() -> None:
    with pytest.raises(BooksUnusable) as refused:
        open_books("nosuchdatabase://treasurer:secret@host/books", Identity())
    assert "secret" not in str(refused.value)


def test_books_of_a_newer_version_are_refused(url: str, tmp_path: Path) -> None:
    open_books(url, Identity()).close()
    with sqlite3.connect(tmp_path / "var" / "books.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(BooksUnusable) as refused:
        open_books(url, Identity())
    assert "9999" in refused.value.reason


def test_a_migration_that_is_interrupted_leaves_nothing_half_made(url: str, tmp_path: Path) -> None:
    with pytest.raises(Interrupted), interrupted_at("CREATE TABLE posting"):
        open_books(url, Identity())
    with closing(sqlite3.connect(tmp_path / "var" / "books.sqlite")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    open_books(url, Identity()).close()


@pytest.mark.parametrize(
    "statement", ["DELETE FROM block", "INSERT INTO block", "INSERT INTO event", "INSERT INTO posting"]
)
def test_a_range_that_is_interrupted_leaves_nothing_half_written(books: Books, statement: str) -> None:
    add(books, FIRST)
    before = state(books)
    record, entry = happened(SECOND, 0, (BANK, 1), (vouchers("0xa1"), -1))
    with pytest.raises(Interrupted), interrupted_at(statement):
        books.record(expected_head=FIRST, fork=None, blocks=[SECOND], records=[record], entries=[entry])
    assert state(books) == before


def test_a_range_is_refused_when_somebody_else_wrote_meanwhile(books: Books) -> None:
    add(books, FIRST)
    before = state(books)
    with pytest.raises(BooksMoved) as refused:
        books.record(expected_head=None, fork=None, blocks=[SECOND], records=[], entries=[])
    assert (refused.value.expected, refused.value.found) == (None, FIRST)
    assert state(books) == before


def test_an_event_is_never_kept_twice(books: Books) -> None:
    record, entry = happened(FIRST, 0, (BANK, 1), (vouchers("0xa1"), -1))
    with pytest.raises(BooksMoved):
        books.record(expected_head=None, fork=None, blocks=[FIRST], records=[record, record], entries=[entry])
    assert state(books) == (None, [], 0)


def test_what_was_written_is_there_when_the_books_are_opened_again(url: str) -> None:
    with open_books(url, Identity()) as books:
        add(books, FIRST, SECOND)
        before = state(books)
    with open_books(url, Identity()) as books:
        assert state(books) == before
        assert state(books)[0] == SECOND


def test_numbers_of_an_event_keep_all_their_digits(books: Books) -> None:
    add(books, FIRST)
    with books.reading() as reader:
        (record,) = reader.records()
    assert record.values == {"value": "340282366920938463463374607431768211455"}


def test_forgetting_a_block_forgets_everything_that_came_from_it(books: Books) -> None:
    add(books, FIRST, SECOND)
    replacement = replace(SECOND, hash="0xc8")
    record, entry = happened(replacement, 3, (BANK, 7), (vouchers("0xa2"), -7))
    books.record(expected_head=SECOND, fork=FIRST, blocks=[replacement], records=[record], entries=[entry])
    head, records, balance = state(books)
    assert (head, balance) == (replacement, 107)
    assert [each.id.block_hash for each in records] == ["0xb5", "0xc8"]


def test_forgetting_every_block_empties_the_books(books: Books) -> None:
    add(books, FIRST, SECOND)
    books.record(expected_head=SECOND, fork=None, blocks=[], records=[], entries=[])
    assert state(books) == (None, [], 0)


def test_a_reader_sees_one_state_while_somebody_writes(books: Books) -> None:
    add(books, FIRST)
    with books.reading() as reader:
        assert reader.balance(BANK) == 100
        add(books, SECOND)
        assert reader.balance(BANK) == 100
        assert reader.head() == FIRST
    assert state(books)[2] == 200


def test_balances_are_told_apart_by_kind_subject_owner_and_asset(books: Books) -> None:
    leaf = Account(AccountKind.HOLDER, "carbon_pool/1/2018-12/1/0", "0xa1")
    lookalikes = (
        Account(AccountKind.HOLDER, "carbon-pool/1/2018-12/1/0", "0xa1"),
        Account(AccountKind.HOLDER, "Carbon_pool/1/2018-12/1/0", "0xa1"),
        Account(AccountKind.LENDERS, "carbon_pool/1/2018-12/1/0", "0xa1"),
    )
    identifier = EventId(31_337, FIRST.hash, 0)
    postings = (
        *(Posting(account, CNY, 10**index) for index, account in enumerate((leaf, *lookalikes))),
        Posting(BANK, CNY, -1_111),
        Posting(leaf, credit_of(1), 5),
        Posting(BANK, credit_of(1), -5),
    )
    record = Record(identifier, FIRST, "0xtx", "Revenue", "Claimed", {})
    books.record(expected_head=None, fork=None, blocks=[FIRST], records=[record], entries=[Entry(identifier, postings)])
    with books.reading() as reader:
        assert reader.balance(leaf) == 1
        assert reader.balance(leaf, credit_of(1)) == 5
        assert reader.balances(AccountKind.HOLDER, subject_prefix="carbon_pool/") == {
            (leaf, CNY): 1,
            (leaf, credit_of(1)): 5,
        }
        assert set(reader.balances(AccountKind.HOLDER, owner="0xa1")) == {
            (account, CNY) for account in (leaf, *lookalikes[:2])
        } | {(leaf, credit_of(1))}
        assert reader.balances(AccountKind.DUST) == {}


def test_the_largest_amount_is_kept_and_added(books: Books) -> None:
    record, entry = happened(FIRST, 0, (BANK, MAX_POSTING), (vouchers("0xa1"), -MAX_POSTING))
    books.record(expected_head=None, fork=None, blocks=[FIRST], records=[record], entries=[entry])
    assert state(books)[2] == MAX_POSTING


def test_postings_of_an_owner_come_newest_first_and_in_pages(books: Books) -> None:
    add(books, FIRST, amount=1)
    add(books, SECOND, amount=2)
    with books.reading() as reader:
        newest, oldest = reader.booked("0xa1", limit=2)
        assert (newest.posting.amount, oldest.posting.amount) == (-2, -1)
        assert newest.record.block == SECOND
        assert reader.booked("0xa1", limit=1, offset=1) == [oldest]
        assert reader.count_booked("0xa1") == 2
        assert reader.booked("0xa2", limit=5) == []


def test_records_can_be_asked_for_by_name(books: Books) -> None:
    records = [happened(FIRST, index, (BANK, 1), (BANK, -1), name=name)[0] for index, name in enumerate("ABA")]
    books.record(expected_head=None, fork=None, blocks=[FIRST], records=records, entries=[])
    with books.reading() as reader:
        assert [record.id.log_index for record in reader.records("A")] == [0, 2]
        assert [record.name for record in reader.records()] == ["A", "B", "A"]
        assert list(reader.records("C")) == []


def test_the_migrations_make_exactly_the_tables_of_the_models(url: str) -> None:
    open_books(url, Identity()).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    engine.dispose()
