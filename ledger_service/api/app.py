"""The HTTP service over the books of one deployment."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.routing import APIRouter

from ledger_service.api.errors import Problem, add_handlers
from ledger_service.api.models import (
    AgreementDetail,
    AgreementSummary,
    BatchDetail,
    BatchSummary,
    Health,
    Movement,
    Page,
    PledgeDetail,
    PledgeRepayment,
    Statement,
)
from ledger_service.chain.addresses import address_of
from ledger_service.chain.client import Chain, connect
from ledger_service.chain.deployment import Deployment
from ledger_service.chain.events import BatchIssued, Repayment, head_number
from ledger_service.domain.books import AccountKind, credit_of
from ledger_service.domain.identifiers import bytes32_of
from ledger_service.facts import (
    agreements,
    batch_numbered,
    emitted,
    final_rounds,
    pledge_named,
    published_versions,
)
from ledger_service.reports.income import pot_incomes
from ledger_service.reports.statement import holder_statement
from ledger_service.settings import Settings
from ledger_service.settlement import RegisterFolder
from ledger_service.store.books import Books, Reader, open_books

DESCRIPTION = """
共生账本的只读查询服务：每个数字都能从链上事件重新推导，金额以整数“分”表示，碳汇量以整数千克表示，均为十进制文本。

Read-only service of the Gongsheng Ledger. Every figure can be derived again from events on chain. Money is integer fen,
credits are integer kg CO2e, both as decimal text, with the text that people read beside it. Errors are problem documents
(RFC 9457).
"""

PROBLEMS = {
    code: {"model": Problem, "content": {"application/problem+json": {}}, "description": description}
    for code, description in (
        (404, "没有这个对象 · there is no such thing"),
        (422, "请求无效 · the request is not valid"),
        (503, "暂时无法回答 · cannot be answered now"),
    )
}

Limit = Annotated[int, Query(ge=1, le=1_000, description="本页最多条数 · how many at most")]
Offset = Annotated[int, Query(ge=0, description="跳过条数 · how many to leave out")]

router = APIRouter()


def create_app(chain: Chain, books: Books, registers: RegisterFolder) -> FastAPI:
    """The service over parts that are open already; whoever opened them closes them."""
    app = FastAPI(
        title="共生账本 · Gongsheng Ledger", version="0.1.0", description=DESCRIPTION, responses=dict(PROBLEMS)
    )
    app.state.chain, app.state.books, app.state.registers = chain, books, registers
    app.include_router(router)
    add_handlers(app)
    return app


def app_from_environment() -> FastAPI:
    """The service as `uvicorn --factory ledger_service.api.app:app_from_environment` runs it."""
    settings = Settings()
    deployment = Deployment.load(settings.deployment_file)
    books = open_books(settings.database_url, deployment)
    app = create_app(Chain(connect(settings.chain_url), deployment), books, RegisterFolder(settings.registers_folder))
    app.router.lifespan_context = lambda _: closing(books)
    return app
