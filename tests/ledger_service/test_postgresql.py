"""The books in PostgreSQL: what holds in SQLite holds there too.

A private cluster is started for these tests, in a folder of its own and without a port. They are skipped where
PostgreSQL is not installed (`apt-get install postgresql`).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from ledger_service.indexer import sync
from ledger_service.store.books import Books, BooksUnusable, open_books
from tests.ledger_service.test_indexer import (
    content,
    test_a_chain_that_became_shorter_is_followed_back,
    test_a_reorganisation_while_a_range_is_read_is_noticed,
    test_running_again_changes_nothing,
    test_the_length_of_a_range_changes_nothing,
    test_two_indexers_at_once_write_every_event_once,
    test_what_a_reorganisation_undid_is_taken_back,
    undisturbed,
)
from tests.ledger_service.test_store import (
    FIRST,
    Identity,
    add,
    state,
    test_a_range_is_refused_when_somebody_else_wrote_meanwhile,
    test_a_range_that_is_interrupted_leaves_nothing_half_written,
    test_a_reader_sees_one_state_while_somebody_writes,
    test_an_event_is_never_kept_twice,
    test_balances_are_told_apart_by_kind_subject_owner_and_asset,
    test_books_of_another_deployment_are_refused_and_named,
    test_forgetting_a_block_forgets_everything_that_came_from_it,
    test_forgetting_every_block_empties_the_books,
    test_numbers_of_an_event_keep_all_their_digits,
    test_of_two_writers_at_once_one_waits_and_then_sees_what_the_other_wrote,
    test_postings_of_an_owner_come_newest_first_and_in_pages,
    test_records_can_be_asked_for_by_name,
    test_the_largest_amount_is_kept_and_added,
    test_what_was_written_is_there_when_the_books_are_opened_again,
)

OPENS = """
import sys
from tests.ledger_service.test_store import Identity
from ledger_service.store.books import open_books

open_books(sys.argv[1], Identity()).close()
"""
WRITER_LOCK = 0x676F6E67
"""What the store asks for; a test holds it to make writers wait."""

SHARED = (
    undisturbed,
    test_a_chain_that_became_shorter_is_followed_back,
    test_a_reorganisation_while_a_range_is_read_is_noticed,
    test_running_again_changes_nothing,
    test_the_length_of_a_range_changes_nothing,
    test_two_indexers_at_once_write_every_event_once,
    test_what_a_reorganisation_undid_is_taken_back,
    test_a_range_is_refused_when_somebody_else_wrote_meanwhile,
    test_a_range_that_is_interrupted_leaves_nothing_half_written,
    test_a_reader_sees_one_state_while_somebody_writes,
    test_an_event_is_never_kept_twice,
    test_balances_are_told_apart_by_kind_subject_owner_and_asset,
    test_books_of_another_deployment_are_refused_and_named,
    test_forgetting_a_block_forgets_everything_that_came_from_it,
    test_forgetting_every_block_empties_the_books,
    test_numbers_of_an_event_keep_all_their_digits,
    test_of_two_writers_at_once_one_waits_and_then_sees_what_the_other_wrote,
    test_postings_of_an_owner_come_newest_first_and_in_pages,
    test_records_can_be_asked_for_by_name,
    test_the_largest_amount_is_kept_and_added,
    test_what_was_written_is_there_when_the_books_are_opened_again,
)
"""Tests of SQLite that run here again: pytest finds them by name, with the fixtures of this file."""


def _programs() -> Path | None:
    """Where PostgreSQL's programs are: on the path, or where Debian puts them; the newest."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    candidates = [*([Path(found).resolve().parent] if found else []), *reversed(folders)]
    return next((folder for folder in candidates if (folder / "pg_ctl").exists()), None)


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL that nobody else knows of."""

    programs: Path
    folder: Path
    prefix: tuple[str, ...]
    """Turns root into somebody else: PostgreSQL refuses to run as root."""
    numbers: "count[int]"

    def run(self, program: str, *arguments: str) -> None:
        command = [*self.prefix, str(self.programs / program), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    def start(self) -> None:
        self.run("initdb", "--pgdata=data", "--username=books", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c fsync=off -k {self.folder}"
        # The server would keep our pipes open: it writes into a file.
        self.run("pg_ctl", "start", "--pgdata=data", "--wait", "--log=log", f"--options={options}")

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "--pgdata=data", "--mode=immediate", "--wait")

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"books{next(self.numbers)}"
        self.run("createdb", f"--host={self.folder}", "--username=books", name)
        return f"postgresql+psycopg://books@/{name}?host={self.folder}"


def _other_user() -> tuple[str, ...]:
    """What root puts before a command to run it as somebody else."""
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    if shutil.which("runuser"):
        return ("runuser", "-u", user, "--")
    if shutil.which("setpriv"):
        return ("setpriv", f"--reuid={user}", "--clear-groups", "--")
    pytest.skip("PostgreSQL does not run as root, and neither runuser nor setpriv is there")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    prefix = _other_user() if os.geteuid() == 0 else ()
    # Pytest's own folders are closed to other users, and a socket's path is short.
    with tempfile.TemporaryDirectory(prefix="books-") as name:
        folder = Path(name)
        if prefix:
            user = prefix[2] if prefix[0] == "runuser" else prefix[1].removeprefix("--reuid=")
            shutil.chown(folder, user)
        started = Cluster(programs, folder, prefix, count(1))
        started.start()
        try:
            yield started
        finally:
            started.stop()


# WHAT THE SHARED TESTS RUN ON


@pytest.fixture
def url(cluster: Cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def county(county: Any, cluster: Cluster) -> Any:
    """The county, whose books are in PostgreSQL whenever they are opened."""
    moved, urls = copy(county), dict[str, str]()

    def open_by_name(name: str) -> Books:
        if name not in urls:
            urls[name] = cluster.new_database()
        return open_books(urls[name], county.chain.deployment)

    object.__setattr__(moved, "open_books", open_by_name)
    return moved


@pytest.fixture
def books(request: pytest.FixtureRequest) -> Iterator[Books]:
    """Empty books for tests of the store; for those of the indexer the county's, up to date."""
    if "county" in request.fixturenames:
        county = request.getfixturevalue("county")
        with county.open_books("books") as opened:
            sync(county.chain, opened)
            yield opened
    else:
        with open_books(request.getfixturevalue("url"), Identity()) as opened:
            yield opened


# OF POSTGRESQL ITSELF


def test_the_books_hold_in_postgresql_what_they_hold_in_sqlite(county: Any, books: Books) -> None:
    with type(county).open_books(county, "in sqlite") as in_sqlite:
        sync(county.chain, in_sqlite)
        assert content(books) == content(in_sqlite)


def test_the_migrations_make_exactly_the_tables_of_the_models_in_postgresql(url: str) -> None:
    open_books(url, Identity()).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    engine.dispose()


def test_books_that_many_open_at_once_for_the_first_time_are_made_once(url: str) -> None:
    engine = create_engine(url)
    # They all come while somebody else is still at it.
    with engine.connect() as first:
        first.exec_driver_sql(f"SELECT pg_advisory_lock({WRITER_LOCK})")
        others = [
            subprocess.Popen([sys.executable, "-c", OPENS, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(3)
        ]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        for _ in range(600):
            if first.exec_driver_sql(waiting).scalar() == len(others):
                break
            time.sleep(0.1)
        else:
            raise AssertionError("nobody waits for the writer's lock")
    engine.dispose()
    said = [other.communicate(timeout=60)[1].decode() for other in others]
    assert [other.returncode for other in others] == [0, 0, 0], said
    with open_books(url, Identity()) as books:
        add(books, FIRST)
        assert state(books)[0] == FIRST


def test_a_server_that_stopped_is_named_without_its_password(cluster: Cluster) -> None:
    absent = f"postgresql+psycopg://treasurer:secret@/books?host={cluster.folder / 'nowhere'}"
    with pytest.raises(BooksUnusable) as refused:
        open_books(absent, Identity())
    assert "nowhere" in refused.value.reason
    assert "secret" not in str(refused.value)


def test_the_shared_tests_are_those_that_run_here() -> None:
    assert all(globals()[each.__name__ if hasattr(each, "__name__") else "undisturbed"] is each for each in SHARED)
