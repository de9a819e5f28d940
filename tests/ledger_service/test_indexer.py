"""The indexer: every event once, whatever happens on the way."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from web3.middleware import Web3Middleware

from ledger_service.chain.client import Chain, ChainUnreachable, connect
from ledger_service.chain.events import ChainMoved, head_number
from ledger_service.domain.books import AccountKind, Record
from ledger_service.domain.units import Period
from ledger_service.indexer import MOVES_BORNE, run_indexer, sync
from ledger_service.store.books import Books

KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from ledger_service.chain.client import Chain, connect
from ledger_service.chain.deployment import Deployment
from ledger_service.domain.units import Period
from ledger_service.indexer import sync
from ledger_service.store.books import open_books

url, record, books = sys.argv[1:]
inserted = 0

@event.listens_for(Engine, "after_cursor_execute")
def kill(connection, cursor, statement, *_):
    global inserted
    inserted += statement.startswith("INSERT INTO event")
    if inserted == 4:
        os.kill(os.getpid(), signal.SIGKILL)

deployment = Deployment.load(Path(record))
sync(Chain(connect(url), deployment), open_books(books, deployment), blocks_per_step=9)
"""


def content(books: Books) -> tuple[list[Record], dict[Any, int]]:
    """All that the books hold, however its blocks were cut into ranges."""
    with books.reading() as reader:
        balances = {key: total for kind in AccountKind for key, total in reader.balances(kind).items()}
        return list(reader.records()), balances


@pytest.fixture
def undisturbed(county) -> Callable[[], tuple[list[Record], dict[Any, int]]]:
    """What new books of the chain hold after one undisturbed run."""
    number = count()

    def index() -> tuple[list[Record], dict[Any, int]]:
        with county.open_books(f"undisturbed {next(number)}") as books:
            sync(county.chain, books)
            return content(books)

    return index


def disturbed(county, method: str, disturb: Callable[[], None]) -> Chain:
    """The county's chain through a connection that is disturbed whenever the node has answered to `method`."""

    class Disturbance(Web3Middleware):
        def response_processor(self, answered: Any, response: Any) -> Any:
            if answered == method:
                disturb()
            return response

    w3 = connect(county.chain.w3.provider.endpoint_uri)
    chain = Chain(w3, county.chain.deployment)
    w3.middleware_onion.inject(Disturbance, layer=0)  # type: ignore[arg-type]
    return chain


def once(act: Callable[[], object]) -> Callable[[], None]:
    """Does it the first time it is asked, and never again."""
    left = [act]

    def do() -> None:
        if left:
            left.pop()()

    return do


def test_a_run_that_is_killed_inside_a_range_is_taken_up_where_the_last_range_ended(county, undisturbed) -> None:
    county.chain.deployment.save(county.folder / "deployment.json")
    url, books_url = county.chain.w3.provider.endpoint_uri, f"sqlite:///{county.folder / 'killed.sqlite'}"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_THE_MIDDLE, url, str(county.folder / "deployment.json"), books_url],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with county.open_books("killed") as books:
        with books.reading() as reader:
            head = reader.head()
        assert head is not None
        assert head.number < head_number(county.chain)
        sync(county.chain, books)
        assert content(books) == undisturbed()


def test_a_run_whose_progress_cannot_be_shown_loses_nothing(county, undisturbed) -> None:
    def fail(reached: int, last: int) -> None:
        raise BrokenPipeError(f"{reached} of {last}")

    with county.open_books("books") as books:
        for _ in range(3):
            with pytest.raises(BrokenPipeError):
                sync(county.chain, books, blocks_per_step=20, on_progress=fail)
        sync(county.chain, books)
        assert content(books) == undisturbed()


def test_running_again_changes_nothing(county, books) -> None:
    before = content(books)
    assert sync(county.chain, books) == sync(county.chain, books) == head_number(county.chain)
    assert content(books) == before


@pytest.mark.parametrize("blocks_per_step", [1, 7, 10_000])
def test_the_length_of_a_range_changes_nothing(county, undisturbed, blocks_per_step: int) -> None:
    with county.open_books("books") as books:
        sync(county.chain, books, blocks_per_step=blocks_per_step)
        assert content(books) == undisturbed()


def test_progress_rises_to_the_last_block(county) -> None:
    told: list[tuple[int, int]] = []
    with county.open_books("books") as books:
        reached = sync(county.chain, books, blocks_per_step=20, on_progress=lambda *told_now: told.append(told_now))
    head = head_number(county.chain)
    assert reached == head
    assert [last for _, last in told] == [head] * len(told)
    assert [at for at, _ in told] == sorted({at for at, _ in told})
    assert told[-1] == (head, head)


def test_the_newest_blocks_are_left_alone_until_they_are_final(county) -> None:
    head = head_number(county.chain)
    with county.open_books("books") as books:
        assert sync(county.chain, books, finality_blocks=5) == head - 5
        with books.reading() as reader:
            assert reader.head().number == head - 5
        assert sync(county.chain, books, finality_blocks=0) == head
        assert sync(county.chain, books, finality_blocks=5) == head


def test_nothing_is_read_before_the_first_block_is_final(county) -> None:
    with county.open_books("books") as books:
        assert sync(county.chain, books, finality_blocks=10**6) < county.chain.deployment.first_block
        assert content(books) == ([], {})


@pytest.mark.parametrize("depth", [1, 4, 40])
def test_what_a_reorganisation_undid_is_taken_back(county, books, undisturbed, depth: int) -> None:
    reorganise = county.undoes(depth)
    sync(county.chain, books)
    before = content(books)
    reorganise()
    sync(county.chain, books)
    assert content(books) != before
    assert content(books) == undisturbed()


def test_a_chain_that_became_shorter_is_followed_back(county, books, undisturbed) -> None:
    reorganise = county.undoes(20)
    sync(county.chain, books)
    reorganise()
    assert sync(county.chain, books) == head_number(county.chain)
    assert content(books) == undisturbed()
    with books.reading() as reader:
        assert reader.head().number == head_number(county.chain)


def test_a_reorganisation_between_ranges_is_noticed(county, undisturbed) -> None:
    reorganise = once(county.undoes(30))
    with county.open_books("books") as books:
        sync(county.chain, books, blocks_per_step=100, on_progress=lambda *_: reorganise())
        assert content(books) == undisturbed()


@pytest.mark.parametrize("blocks_per_step", [100, 10_000])
def test_a_reorganisation_while_a_range_is_read_is_noticed(county, undisturbed, blocks_per_step: int) -> None:
    moving = disturbed(county, "eth_getLogs", once(county.undoes(30)))
    with county.open_books("books") as books:
        sync(moving, books, blocks_per_step=blocks_per_step)
        assert content(books) == undisturbed()


def test_a_reorganisation_below_a_range_while_it_is_read_is_noticed(county, undisturbed) -> None:
    undo = county.undoes(3)
    receipts_end = head_number(county.chain)
    county.rpc("anvil_mine", hex(20))

    def reorganise_when_the_empty_blocks_are_read() -> None:
        if reached and reached[-1] == receipts_end:
            reached.append(0)
            undo()
            county.rpc("anvil_mine", hex(60))

    reached: list[int] = []
    moving = disturbed(county, "eth_getLogs", reorganise_when_the_empty_blocks_are_read)
    before = receipts_end - county.chain.deployment.first_block + 1
    with county.open_books("books") as books:
        sync(moving, books, blocks_per_step=before, on_progress=lambda at, _: reached.append(at))
        assert 0 in reached
        assert content(books) == undisturbed()


def test_income_that_was_undone_is_forgotten_when_its_period_is_closed(county, books, undisturbed) -> None:
    january = replace(county.carbon.pot, period=Period.parse("2019-01"))
    snapshot = county.rpc("evm_snapshot")
    county.receive(january, 1, "UNDONE")
    sync(county.chain, books)
    county.rpc("evm_revert", snapshot)
    county.close(january)
    county.wait(1)
    sync(county.chain, books)
    assert content(books) == undisturbed()


def test_a_node_that_keeps_contradicting_itself_is_given_up(county) -> None:
    moves = count(1)
    snapshots = [county.rpc("evm_snapshot")]
    county.receive(county.city_share.pot, 1, "AT-FIRST")

    def contradict() -> None:
        county.rpc("evm_revert", snapshots.pop())
        snapshots.append(county.rpc("evm_snapshot"))
        county.receive(county.city_share.pot, 1, f"AFTER-MOVE-{next(moves)}")

    with county.open_books("books") as books:
        with pytest.raises(ChainMoved):
            sync(disturbed(county, "eth_getLogs", contradict), books)
        assert next(moves) == MOVES_BORNE + 2
        assert content(books) == ([], {})


def test_two_indexers_at_once_write_every_event_once(county, undisturbed) -> None:
    with county.open_books("books") as books, county.open_books("books") as others:
        contested = disturbed(county, "eth_getLogs", once(lambda: sync(county.chain, others, blocks_per_step=30)))
        sync(contested, books, blocks_per_step=50)
        assert content(books) == content(others) == undisturbed()


def test_a_node_that_does_not_answer_stops_one_run(county, books) -> None:
    before = content(books)
    chain = disturbed(county, "eth_blockNumber", lambda: None)
    chain.w3.provider.endpoint_uri = "http://127.0.0.1:9"
    with pytest.raises(ChainUnreachable):
        sync(chain, books)
    assert content(books) == before


def test_the_background_indexer_asks_a_silent_node_again_and_stops_when_told(county, undisturbed) -> None:
    stop, silences = threading.Event(), count()

    def be_silent_twice() -> None:
        if next(silences) < 2:
            raise ConnectionError("the node does not answer")
        if next(silences) > 6:
            stop.set()

    with county.open_books("books") as books:
        run_indexer(disturbed(county, "eth_blockNumber", be_silent_twice), books, poll_seconds=0.01, stop=stop)
        assert content(books) == undisturbed()


def test_the_background_indexer_complains_once_about_what_it_cannot_read_and_goes_on(county, books, caplog) -> None:
    before = content(books)
    county.surprise()
    stop, polls = threading.Event(), count()
    watched = disturbed(county, "eth_blockNumber", lambda: stop.set() if next(polls) > 5 else None)
    run_indexer(watched, books, poll_seconds=0.01, stop=stop)
    assert content(books) == before
    (complaint,) = caplog.messages
    assert "Participants" in complaint
