"""`gongsheng up`: embedded chain, indexer and HTTP service in one process, until Ctrl-C."""

from __future__ import annotations

import threading
from pathlib import Path

import uvicorn
from rich.console import Console

from gongsheng import measuring
from gongsheng.cast import Cast
from gongsheng.county import deploy_protocol, fund_with_gas, open_county
from gongsheng.demo import CARBON_SUBJECT, HOLDERS, PRODUCT_SUBJECT, SEED
from ledger_service.api.app import create_app
from ledger_service.chain.client import Chain, connect
from ledger_service.chain.deployment import Deployment
from ledger_service.chain.embedded import CHAIN_ID, embedded_chain, require_free
from ledger_service.files import only_one
from ledger_service.indexer import run_indexer
from ledger_service.settlement import RegisterFolder
from ledger_service.store.books import open_books

HOST, PORT, CHAIN_PORT = "127.0.0.1", 8_000, 8_545
POLL_SECONDS = 1.0


def run(folder: Path, *, port: int, chain_port: int, console: Console) -> None:
    """Serves what stands in `folder`; a county is opened there first if nothing does."""
    with only_one(folder):
        require_free(port, "--port")
        with embedded_chain(folder=folder / "chain", port=chain_port) as url:
            record = Deployment.path(folder, CHAIN_ID)
            deployment = Deployment.load(record) if record.exists() else _open(folder, url, record, console)
            chain = Chain(connect(url), deployment)
            with open_books(f"sqlite:///{folder / 'books.sqlite'}", deployment) as books:
                stop = threading.Event()
                indexer = threading.Thread(
                    target=run_indexer,
                    args=(Chain(connect(url), deployment), books),
                    kwargs={"poll_seconds": POLL_SECONDS, "stop": stop},
                    name="indexer",
                )
                indexer.start()
                try:
                    console.print(
                        f"链 chain {url}\n服务 service http://{HOST}:{port}/docs\n停止 stop: Ctrl-C", highlight=False
                    )
                    app = create_app(chain, books, RegisterFolder(folder / "registers"))
                    uvicorn.run(app, host=HOST, port=port, log_level="warning", lifespan="off")
                finally:
                    stop.set()
                    indexer.join()
                console.print(f"已停止，状态在 {folder} · stopped; state is kept in {folder}", highlight=False)


def _open(folder: Path, url: str, record: Path, console: Console) -> Deployment:
    """Deploys and opens a county without income. The record is written last: a run that is killed starts again."""
    cast = Cast(seed=SEED, holder_count=HOLDERS)
    w3 = connect(url)
    fund_with_gas(w3, cast.senders())
    deployment = deploy_protocol(w3, cast)
    reporters = measuring.open_keystores(folder / "keystores")
    open_county(
        Chain(connect(url), deployment),
        cast,
        carbon_subject=CARBON_SUBJECT,
        product_subject=PRODUCT_SUBJECT,
        reporters={name: account.address for name, account in reporters.items()},
        on_progress=lambda text: console.print(text, highlight=False),
    )
    deployment.save(record)
    return deployment
