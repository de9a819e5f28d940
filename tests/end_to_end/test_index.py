"""`gongsheng index`: the books of a service beside a chain that somebody else runs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongsheng.cast import Cast
from gongsheng.county import admit, deploy_protocol, fund_with_gas
from ledger_service.chain.client import Chain, connect
from ledger_service.chain.embedded import embedded_chain
from ledger_service.chain.events import Admitted, head_number
from ledger_service.facts import emitted
from ledger_service.store.books import Books, open_books
from tests.end_to_end.conftest import Run, eventually

CAST = Cast(seed=1, holder_count=2)


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[tuple[Chain, Path]]:
    """A chain with the protocol on it, and the record of the deployment."""
    with embedded_chain(folder=tmp_path / "chain", keep_state=False) as url:
        w3 = connect(url)
        fund_with_gas(w3, CAST.senders())
        deployment = deploy_protocol(w3, CAST)
        record = tmp_path / "deployment.json"
        deployment.save(record)
        yield Chain(connect(url), deployment), record


def _admitted(books: Books) -> list[str]:
    with books.reading() as reader:
        return [each.event.account for each in emitted(reader, Admitted)]


def _is_at_head(chain: Chain, books: Books) -> bool:
    with books.reading() as reader:
        head = reader.head()
    return head is not None and head.number == head_number(chain)


def test_index_refuses_a_record_that_is_not_there(gongsheng: Run, tmp_path: Path) -> None:
    refused = gongsheng("index", "--deployment", tmp_path / "nowhere.json")
    assert refused.returncode == 2
    assert "nowhere.json 读不到（没有这个文件或文件夹）" in refused.stderr
    assert refused.stderr.count("\n") == 1
    (tmp_path / "other.json").write_text("[1]")
    refused = gongsheng("index", "--deployment", tmp_path / "other.json")
    assert refused.returncode == 2
    assert "it is no record of a deployment" in refused.stderr


def test_index_refuses_a_chain_that_does_not_answer(gongsheng: Run, deployed: tuple[Chain, Path]) -> None:
    refused = gongsheng("index", "--deployment", deployed[1], "--chain", "http://127.0.0.1:9")
    assert refused.returncode == 2
    assert "no chain node answers at http://127.0.0.1:9" in refused.stderr


def test_index_follows_a_chain_into_the_books_and_goes_on_where_it_was_killed(
    started, deployed: tuple[Chain, Path], tmp_path: Path
) -> None:
    chain, record = deployed
    database = f"sqlite:///{tmp_path / 'books' / 'books.sqlite'}"
    url = str(chain.w3.provider.endpoint_uri)  # type: ignore[attr-defined]
    arguments = ("index", "--chain", url, "--deployment", record, "--books", database)
    operator, (one, other) = CAST.account("operator"), CAST.holders

    killed = started(*arguments)
    with open_books(database, chain.deployment) as books:
        assert eventually(lambda: _is_at_head(chain, books))
        admit(chain, operator, one.address, "household", "one")
        assert eventually(lambda: _admitted(books) == [one.address])
        killed.send_signal(signal.SIGKILL)
        killed.wait()

        admit(chain, operator, other.address, "household", "other")
        again = started(*arguments)
        assert eventually(lambda: _admitted(books) == [one.address, other.address])
    again.send_signal(signal.SIGINT)
    assert again.wait(timeout=30) == 0
    told = again.stdout.read()
    assert "下一步" in told
    assert "the books are whole" in told
