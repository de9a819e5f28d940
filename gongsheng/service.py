"""The processes that run until Ctrl-C.

`gongsheng up` is embedded chain, indexer and HTTP service in one; `gongsheng index` is the indexer alone, beside a
service over any chain and any books.
"""

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
from ledger_service.indexer import run_indexer, sync
from ledger_service.settings import Settings
from ledger_service.settlement import RegisterFolder
from ledger_service.store.books import open_books

HOST, PORT, CHAIN_PORT = "127.0.0.1", 8_000, 8_545
POLL_SECONDS = 1.0
SERVE = ".venv/bin/uvicorn --factory ledger_service.api.app:app_from_environment"


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


def index(settings: Settings, *, finality_blocks: int, console: Console) -> None:
    """Follows the chain of `settings` into their books.

    Killed anywhere, it goes on from there; two at once do no harm.
    """
    deployment = Deployment.load(settings.deployment_file)
    chain = Chain(connect(settings.chain_url), deployment)
    with open_books(settings.database_url, deployment) as books:
        try:
            with console.status("正在读链 · reading the chain") as status:
                reached = sync(
                    chain,
                    books,
                    finality_blocks=finality_blocks,
                    on_progress=lambda block, last: status.update(f"区块 block {block:,} / {last:,}"),
                )
            console.print(
                f"账簿已到区块 {reached:,}，继续跟随；停止：Ctrl-C · "
                f"the books are at block {reached:,} and follow the chain; stop: Ctrl-C\n"
                f"下一步，另开终端启动服务 · next, in another terminal: {SERVE}\n"
                "其 GONGSHENG_CHAIN_URL、GONGSHENG_DEPLOYMENT_FILE、GONGSHENG_DATABASE_URL 须与此相同 · "
                "chain, deployment and books in its environment must be these",
                highlight=False,
                soft_wrap=True,
            )
            run_indexer(
                chain, books, poll_seconds=POLL_SECONDS, stop=threading.Event(), finality_blocks=finality_blocks
            )
        except KeyboardInterrupt:
            console.print("已停止，账簿完整 · stopped; the books are whole", highlight=False)


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
