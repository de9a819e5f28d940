"""Carries final blocks into the books: every event once, whatever happens on the way."""

import logging
import threading
from collections.abc import Callable

from ledger_service.chain import events
from ledger_service.chain.client import Chain
from ledger_service.domain.errors import LedgerError
from ledger_service.projection import REMEMBERED, Projection
from ledger_service.store.books import Books, BooksMoved

BLOCKS_PER_STEP = 2_000
"""Blocks of one transaction. A node answers for so many in one request."""
MOVES_BORNE = 10
"""How often chain or books may change under one run before it gives up."""

_log = logging.getLogger(__name__)


def sync(
    chain: Chain,
    books: Books,
    *,
    finality_blocks: int = 0,
    blocks_per_step: int = BLOCKS_PER_STEP,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Brings the books up to the newest final block, and takes back what a reorganisation undid.

    Each range of blocks is one transaction, so a run that is killed leaves whole ranges, and the next one goes on from
    there. Running twice, or two at once, has no second effect.

    Args:
        chain: The deployment to read.
        books: Its books.
        finality_blocks: How many of the newest blocks are left alone because they may still change.
        blocks_per_step: Blocks of one transaction.
        on_progress: Told the last block in the books and the last one to come, after every transaction.

    Returns:
        The number of the last block in the books.

    Raises:
        ChainMoved: The node keeps contradicting itself.
        ChainUnreachable: The node does not answer.
        NodeRefused: It answers with an error.
    """
    moves = 0
    while True:
        last = events.head_number(chain) - finality_blocks
        try:
            reached = _step(chain, books, last, blocks_per_step)
        except (events.ChainMoved, BooksMoved) as moved:
            moves += 1
            if moves > MOVES_BORNE:
                raise
            _log.info("%s", moved)
            continue
        if on_progress is not None:
            on_progress(reached, max(reached, last))
        if reached >= last:
            return reached


def run_indexer(
    chain: Chain, books: Books, *, poll_seconds: float, stop: threading.Event, finality_blocks: int = 0
) -> None:
    """Keeps the books up to date until `stop` is set.

    What goes wrong is logged once and tried again: a node may come back, and until then the service still answers.
    """
    complaint = None
    while not stop.is_set():
        try:
            sync(chain, books, finality_blocks=finality_blocks)
            complaint = None
        except LedgerError as error:
            if str(error) != complaint:
                complaint = str(error)
                _log.error("%s", complaint)
        stop.wait(poll_seconds)


def _step(chain: Chain, books: Books, last: int, blocks_per_step: int) -> int:
    """One transaction: forgets what is no longer part of the chain, and adds the next range of blocks up to `last`."""
    with books.reading() as reader:
        head = reader.head()
        fork = next(
            (block for block in reader.blocks_from_newest() if events.block_at(chain, block.number) == block), None
        )
        before = chain.deployment.first_block - 1 if fork is None else fork.number
        end = min(before + blocks_per_step, last)
        if fork == head and end <= before:
            return before
        reading = events.read(chain, before + 1, end) if end > before else events.Reading((), ())
        # Checked last: if this block is still part of the chain, so were all blocks before it while we read.
        if fork is not None and events.block_at(chain, fork.number) != fork:
            raise events.ChainMoved(fork.number)
        remembered = reader.records(*REMEMBERED) if reading.emitted else ()
        projection = Projection(record for record in remembered if record.block.number <= before)

    entries = [entry for emitted in reading.emitted if (entry := projection.entry_of(emitted)) is not None]
    books.record(
        expected_head=head,
        fork=fork,
        blocks=reading.blocks,
        records=[events.record_of(emitted) for emitted in reading.emitted],
        entries=entries,
    )
    return max(before, end)
