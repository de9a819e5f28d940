"""The books of one deployment, in a database: SQLite by default, PostgreSQL by URL."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Engine, delete, event, func, insert
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, NoSuchModuleError
from sqlmodel import Session, col, create_engine, select

from ledger_service.domain.books import (
    CNY,
    Account,
    AccountKind,
    Asset,
    Block,
    Entry,
    EventId,
    Identity,
    Posting,
    Record,
)
from ledger_service.domain.errors import LedgerError
from ledger_service.store.tables import BlockRow, DeploymentRow, EventRow, PostingRow

_MIGRATIONS = Path(__file__).parent / "migrations"
_NEWEST_FIRST = select(BlockRow).order_by(col(BlockRow.number).desc())
_WRITING = "gongsheng_writing"
_WRITER_LOCK = 0x676F6E67
"""Of PostgreSQL: one number that every writer of a database of books asks for."""


class OtherBooks(LedgerError):
    """The database keeps the books of another deployment."""

    def __init__(self, url: str, kept: Identity, wanted: Identity) -> None:
        self.url = url
        self.kept = kept
        self.wanted = wanted
        super().__init__(
            f"数据库 {url} 属于另一个部署：账簿为 {_named(kept)}，当前为 {_named(wanted)}；请另选数据库 · "
            f"database {url} keeps the books of another deployment: {_named(kept)}, not {_named(wanted)}; "
            "choose another database"
        )


class BooksUnusable(LedgerError):
    """The database cannot be opened, does not answer, or this version cannot read it."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"账簿 {url} 无法使用：{reason} · the books at {url} cannot be used: {reason}")


class BooksMoved(LedgerError):
    """Somebody else wrote into the books meanwhile. Nothing was written; looking again shows what is left to do."""

    def __init__(self, expected: Block | None, found: Block | None) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f"账簿已被另一进程更新至 {found}（预期 {expected}）· "
            f"another process brought the books to {found}, expected {expected}"
        )


@dataclass(frozen=True, slots=True)
class Booked:
    """A posting, and the event that made it."""

    record: Record
    posting: Posting


class Reader:
    """One consistent view of the books: nothing changes while it is read."""

    def __init__(self, session: Session, chain_id: int) -> None:
        self._session = session
        self._chain_id = chain_id

    def head(self) -> Block | None:
        """The newest block that was read."""
        row = self._session.exec(_NEWEST_FIRST.limit(1)).first()
        return None if row is None else _block(row)

    def blocks_from_newest(self) -> Iterator[Block]:
        """The blocks that are kept, newest first."""
        # Whoever asks stops early, and a cursor that is left open is the server's trouble.
        with self._session.exec(_NEWEST_FIRST, execution_options={"yield_per": 100}) as rows:
            yield from map(_block, rows)

    def records(self, *names: str) -> Iterator[Record]:
        """Events in the order of the chain: those with one of these names, or all."""
        query = select(EventRow, BlockRow).join(BlockRow).order_by(col(BlockRow.number), col(EventRow.log_index))
        if names:
            query = query.where(col(EventRow.name).in_(names))
        for event_row, block_row in self._session.exec(query):
            yield self._record(event_row, block_row)

    def balance(self, account: Account, asset: Asset = CNY) -> int:
        """What all postings to an account add up to."""
        return self.balances(account.kind, subject=account.subject, owner=account.owner).get((account, asset), 0)

    def balances(
        self,
        kind: AccountKind,
        *,
        subject: str | None = None,
        subject_prefix: str | None = None,
        owner: str | None = None,
    ) -> dict[tuple[Account, Asset], int]:
        """What the postings to each account of a kind add up to, of some subjects or one owner if they are given."""
        query = (
            select(PostingRow.subject, PostingRow.owner, PostingRow.asset, func.sum(PostingRow.amount))
            .where(PostingRow.kind == kind.value)
            .group_by(PostingRow.subject, PostingRow.owner, PostingRow.asset)
        )
        if subject is not None:
            query = query.where(PostingRow.subject == subject)
        if subject_prefix is not None:
            # LIKE would take capital letters for small ones.
            query = query.where(func.substr(PostingRow.subject, 1, len(subject_prefix)) == subject_prefix)
        if owner is not None:
            query = query.where(PostingRow.owner == owner)
        return {
            (Account(kind, subject_, owner_), Asset(asset)): int(total)
            for subject_, owner_, asset, total in self._session.exec(query)
        }

    def count_booked(self, owner: str) -> int:
        """How many postings the accounts of an owner have."""
        return self._session.exec(select(func.count()).where(PostingRow.owner == owner)).one()

    def booked(self, owner: str, *, limit: int, offset: int = 0) -> list[Booked]:
        """Postings to the accounts of an owner, newest first."""
        query = (
            select(PostingRow, EventRow, BlockRow)
            .select_from(BlockRow)
            .join(EventRow)
            .join(PostingRow)
            .where(PostingRow.owner == owner)
            .order_by(col(BlockRow.number).desc(), col(PostingRow.log_index).desc(), col(PostingRow.line).desc())
            .limit(limit)
            .offset(offset)
        )
        return [
            Booked(
                self._record(event_row, block_row),
                Posting(Account(AccountKind(row.kind), row.subject, row.owner), Asset(row.asset), row.amount),
            )
            for row, event_row, block_row in self._session.exec(query)
        ]

    def _record(self, event_row: EventRow, block_row: BlockRow) -> Record:
        return Record(
            id=EventId(self._chain_id, event_row.block_hash, event_row.log_index),
            block=_block(block_row),
            transaction=event_row.transaction_hash,
            contract=event_row.contract,
            name=event_row.name,
            values=event_row.values,
        )


class Books:
    """The books of one deployment. Use as a context manager, or close."""

    def __init__(self, engine: Engine, identity: Identity) -> None:
        self._engine = engine
        self.identity = identity

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """One read transaction."""
        with self._answering(), Session(self._engine) as session:
            yield Reader(session, self.identity.chain_id)

    def record(
        self,
        *,
        expected_head: Block | None,
        fork: Block | None,
        blocks: Sequence[Block],
        records: Iterable[Record],
        entries: Iterable[Entry],
    ) -> None:
        """Forgets what came after `fork` and writes what came instead, in one transaction.

        Args:
            expected_head: The newest block in the books when the caller looked.
            fork: The newest of their blocks that is still part of the chain; the same as `expected_head` unless the
                chain was reorganised.
            blocks: New blocks.
            records: Their events.
            entries: What the events did.

        Raises:
            BooksMoved: Somebody else wrote meanwhile.
            BooksUnusable: The database does not answer.
        """
        with self._answering(), Session(_writing(self._engine)) as session:
            found = Reader(session, self.identity.chain_id).head()
            if found != expected_head:
                raise BooksMoved(expected_head, found)
            if fork != found:
                kept = fork.number if fork else -1
                session.exec(delete(BlockRow).where(col(BlockRow.number) > kept))
            try:
                _insert(session, BlockRow, [_block_values(block) for block in blocks])
                _insert(session, EventRow, [_event_values(record) for record in records])
                _insert(session, PostingRow, [values for entry in entries for values in _posting_values(entry)])
                session.commit()
            except IntegrityError as taken:
                session.rollback()
                raise BooksMoved(expected_head, Reader(session, self.identity.chain_id).head()) from taken

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as failure:
            shown = self._engine.url.render_as_string(hide_password=True)
            raise BooksUnusable(shown, str(failure.orig)) from failure


def open_books(url: str, identity: Identity) -> Books:
    """Opens the books of a deployment, and creates or migrates their tables first.

    Args:
        url: An SQLAlchemy URL, such as "sqlite:///var/books.sqlite".
        identity: The deployment whose books they are.

    Raises:
        OtherBooks: The database keeps the books of another deployment. Nothing was changed.
        BooksUnusable: The database cannot be opened, or is newer than this version.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as refused:
        raise BooksUnusable(url, str(refused)) from refused
    shown = parsed.render_as_string(hide_password=True)
    try:
        engine = _engine(parsed)
    except (NoSuchModuleError, ModuleNotFoundError) as refused:
        raise BooksUnusable(shown, str(refused)) from refused
    try:
        with _writing(engine).begin() as connection:
            _migrate(connection)
            _require_same(connection, shown, identity)
    except OtherBooks:
        engine.dispose()
        raise
    except (CommandError, DatabaseError) as refused:
        engine.dispose()
        reason = refused.orig if isinstance(refused, DatabaseError) else refused
        raise BooksUnusable(shown, str(reason)) from refused
    return Books(engine, identity)


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return _server_engine(url)
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # Python itself would begin only before rows change, and leave changes of tables out of the transaction.
        # A writer takes its lock at once: it would be refused if it asked after somebody else has written.
        writes = connection.get_execution_options().get(_WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _server_engine(url: URL) -> Engine:
    # A reader sees one state of the books, as it does in SQLite.
    engine = create_engine(url, isolation_level="REPEATABLE READ")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        if connection.get_execution_options().get(_WRITING, False):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")

    return engine


def _writing(engine: Engine) -> Engine:
    """The engine for transactions that write: one at a time, and each sees all that the one before it wrote."""
    options: dict[str, Any] = {_WRITING: True}
    if engine.dialect.name != "sqlite":
        # REPEATABLE READ would show a writer that had to wait what stood there before it waited.
        options["isolation_level"] = "READ COMMITTED"
    return engine.execution_options(**options)


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _require_same(connection: Connection, url: str, identity: Identity) -> None:
    with Session(connection) as session:
        kept = session.get(DeploymentRow, 1)
        if kept is None:
            session.add(
                DeploymentRow(
                    chain_id=identity.chain_id,
                    genesis_hash=identity.genesis_hash,
                    first_block=identity.first_block,
                    contracts=dict(identity.contracts),
                )
            )
            session.commit()
        elif _facts(kept) != _facts(identity):
            raise OtherBooks(url, kept, identity)


def _facts(identity: Identity) -> tuple[int, str, int, dict[str, str]]:
    return identity.chain_id, identity.genesis_hash, identity.first_block, dict(identity.contracts)


def _named(identity: Identity) -> str:
    return f"chain {identity.chain_id}, genesis {identity.genesis_hash}, Revenue {identity.contracts.get('Revenue')}"


def _insert(session: Session, table: type[BlockRow | EventRow | PostingRow], rows: list[dict[str, Any]]) -> None:
    if rows:
        session.exec(insert(table), params=rows)


def _block(row: BlockRow) -> Block:
    return Block(row.number, row.hash, row.timestamp)


def _block_values(block: Block) -> dict[str, Any]:
    return {"hash": block.hash, "number": block.number, "timestamp": block.timestamp}


def _event_values(record: Record) -> dict[str, Any]:
    return {
        "block_hash": record.id.block_hash,
        "log_index": record.id.log_index,
        "transaction_hash": record.transaction,
        "contract": record.contract,
        "name": record.name,
        "values": record.values,
    }


def _posting_values(entry: Entry) -> Iterator[dict[str, Any]]:
    for line, posting in enumerate(entry.postings):
        yield {
            "block_hash": entry.source.block_hash,
            "log_index": entry.source.log_index,
            "line": line,
            "kind": posting.account.kind.value,
            "subject": posting.account.subject,
            "owner": posting.account.owner,
            "asset": posting.asset,
            "amount": posting.amount,
        }
