"""The HTTP service over the books of one deployment."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.routing import APIRouter

from ledger_service.api.errors import Problem, add_handlers
from ledger_service.api.manual import add_manual
from ledger_service.api.models import (
    EXAMPLE_ADDRESS,
    AgreementDetail,
    AgreementSummary,
    BatchDetail,
    BatchSummary,
    CertificateDetail,
    DataAssetDetail,
    DataAssetSummary,
    FundDetail,
    FundSummary,
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
from ledger_service.domain.agreements import Fund
from ledger_service.domain.identifiers import bytes32_of
from ledger_service.facts import (
    agreements,
    balance_sheet,
    batch_numbered,
    certificate_numbered,
    credit_holdings,
    emitted,
    final_rounds,
    pledge_named,
    published_versions,
)
from ledger_service.reports.data_assets import covenant_report, data_asset, data_assets
from ledger_service.reports.funds import fund_statement, fund_statements
from ledger_service.reports.income import pot_incomes
from ledger_service.reports.statement import holder_statement
from ledger_service.reports.trace import trace_certificate
from ledger_service.settings import Settings
from ledger_service.settlement import RegisterFolder
from ledger_service.store.books import Books, Reader, open_books

DESCRIPTION = """
共生账本的只读查询服务：每个数字都能从链上事件重新推导，金额以整数“分”表示，碳汇量以整数千克表示，均为十进制文本。

Read-only service of the Gongsheng Ledger. Every figure can be derived again from events on chain. Money is integer fen,
credits are integer kg CO2e, both as decimal text, with the text that people read beside it. Errors are problem
documents (RFC 9457).
"""

Responses = dict[int | str, dict[str, Any]]
INVALID: Responses = {422: {"model": Problem, "description": "请求无效 · the request is not valid"}}
UNKNOWN: Responses = {404: {"model": Problem, "description": "没有这个对象 · there is no such thing"}}
UNAVAILABLE: Responses = {503: {"model": Problem, "description": "暂时无法回答 · cannot be answered now"}}

Limit = Annotated[int, Query(ge=1, le=1_000, description="本页最多条数 · how many at most")]
Offset = Annotated[int, Query(ge=0, description="跳过条数 · how many to leave out first")]


def _reading(request: Request) -> Iterator[Reader]:
    """One request is one read transaction: everything in an answer is as of one block."""
    with request.app.state.books.reading() as reader:
        yield reader


Reading = Annotated[Reader, Depends(_reading)]
router = APIRouter(responses=INVALID)


def create_app(chain: Chain, books: Books, registers: RegisterFolder) -> FastAPI:
    """The service over parts that are open already; whoever opened them closes them."""
    app = FastAPI(
        title="共生账本 · Gongsheng Ledger",
        version=version("gongsheng-ledger"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
    )
    app.state.chain, app.state.books, app.state.registers = chain, books, registers
    app.include_router(router)
    add_manual(app)
    add_handlers(app)
    return app


def app_from_environment() -> FastAPI:
    """The service by `Settings`, for `uvicorn --factory ledger_service.api.app:app_from_environment`."""
    settings = Settings()
    deployment = Deployment.load(settings.deployment_file)
    return create_app(
        Chain(connect(settings.chain_url), deployment),
        open_books(settings.database_url, deployment),
        RegisterFolder(settings.registers_folder),
    )


@router.get("/health", summary="服务状态 · Do the books keep up with the chain?", responses=UNAVAILABLE)
def health(request: Request, reader: Reading) -> Health:
    chain: Chain = request.app.state.chain
    deployment = chain.deployment
    return Health.of(deployment, chain_head=head_number(chain), indexed=reader.head())


@router.get("/agreements", summary="分配协议 · Published agreements")
def list_agreements(reader: Reading, limit: Limit = 100, offset: Offset = 0) -> Page[AgreementSummary]:
    published = sorted(agreements(reader).items())
    return Page.of([AgreementSummary.of(key, versions) for key, versions in published], limit, offset)


@router.get("/agreements/{key}", summary="协议与收益 · An agreement, its versions and its income", responses=UNKNOWN)
def get_agreement(
    reader: Reading, key: Annotated[str, Path(description="协议标识 · its key", examples=["carbon-pool"])]
) -> AgreementDetail:
    return AgreementDetail.of(key, published_versions(reader, key), pot_incomes(reader, key))


@router.get("/funds", summary="专项资金 · Earmarked funds")
def list_funds(reader: Reading, limit: Limit = 100, offset: Offset = 0) -> Page[FundSummary]:
    return Page.of([FundSummary.of(statement) for statement in fund_statements(reader)], limit, offset)


@router.get("/funds/{key}/{leg}", summary="专项资金 · A fund and what it was spent on", responses=UNKNOWN)
def get_fund(
    reader: Reading,
    key: Annotated[str, Path(description="协议标识 · key of its agreement", examples=["carbon-pool"])],
    leg: Annotated[int, Path(ge=0, le=255, description="分成序号 · number of its leg", examples=[0])],
    limit: Limit = 100,
    offset: Offset = 0,
) -> FundDetail:
    return FundDetail.of(fund_statement(reader, Fund(key, leg)), limit, offset)


@router.get("/batches", summary="碳汇批次 · Batches of credits")
def list_batches(reader: Reading, limit: Limit = 100, offset: Offset = 0) -> Page[BatchSummary]:
    return Page.of([BatchSummary.of(issued) for issued in emitted(reader, BatchIssued)], limit, offset)


@router.get("/batches/{number}", summary="批次 · A batch, who holds and who measured it", responses=UNKNOWN)
def get_batch(
    reader: Reading, number: Annotated[int, Path(ge=1, description="批次编号 · its number", examples=[1])]
) -> BatchDetail:
    issued = batch_numbered(reader, number)
    measured = final_rounds(reader)[issued.event.round]
    return BatchDetail.of(issued, measured, credit_holdings(reader, number), balance_sheet(reader, number))


@router.get(
    "/certificates/{number}",
    summary="注销证书 · A retirement certificate, and the way back to the raw data",
    responses=UNKNOWN,
)
def get_certificate(
    reader: Reading, number: Annotated[int, Path(ge=1, description="证书编号 · its number", examples=[1])]
) -> CertificateDetail:
    retired = certificate_numbered(reader, number)
    issued = batch_numbered(reader, retired.event.batch)
    return CertificateDetail.of(retired, issued, trace_certificate(reader, number))


@router.get(
    "/holders/{address}/statement", summary="持有人对账单 · What a holder earned, and why", responses=UNAVAILABLE
)
def get_statement(
    request: Request,
    reader: Reading,
    address: Annotated[str, Path(description="账户地址 · account", examples=[EXAMPLE_ADDRESS])],
    limit: Limit = 100,
    offset: Offset = 0,
) -> Statement:
    holder = address_of(address)
    statement = holder_statement(reader, request.app.state.registers, holder)
    booked = reader.booked(holder, limit=limit, offset=offset)
    movements = Page[Movement](
        items=[Movement.of(each) for each in booked], total=reader.count_booked(holder), limit=limit, offset=offset
    )
    return Statement.of(statement, movements)


@router.get("/pledges/{pledge}", summary="质押与贷款 · A pledge and its loan", responses=UNKNOWN)
def get_pledge(
    reader: Reading,
    pledge: Annotated[str, Path(description="质押编号 · its id", pattern="^0x[0-9a-fA-F]{64}$")],
    limit: Limit = 100,
    offset: Offset = 0,
) -> PledgeDetail:
    identifier = bytes32_of(pledge)
    found = pledge_named(reader, identifier)
    repayments = [each for each in emitted(reader, Repayment) if each.event.pledge == identifier]
    page = Page.of([PledgeRepayment.of(each) for each in repayments], limit, offset)
    head = reader.head()
    assert head is not None, "books that know a pledge have a head"
    return PledgeDetail.of(found, head.timestamp, page)


@router.get("/data-assets", summary="数据资产 · Registered data assets")
def list_data_assets(reader: Reading, limit: Limit = 100, offset: Offset = 0) -> Page[DataAssetSummary]:
    return Page.of([DataAssetSummary.of(asset) for asset in data_assets(reader).values()], limit, offset)


@router.get(
    "/data-assets/{certificate}",
    summary="数据资产、版本、许可与质押约定 · A data asset, its versions, licences and covenant",
    responses=UNKNOWN,
)
def get_data_asset(
    reader: Reading,
    certificate: Annotated[
        str,
        Path(description="登记证书编号,或其 0x 形式 · its certificate number, or 0x hex", examples=["DEX-2026-000001"]),
    ],
    limit: Limit = 100,
    offset: Offset = 0,
) -> DataAssetDetail:
    identifier = bytes32_of(certificate)
    asset = data_asset(reader, identifier)
    return DataAssetDetail.of(asset, covenant_report(reader, identifier), limit, offset)
