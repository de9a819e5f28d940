"""Errors as HTTP answers (RFC 9457): the one place where an error becomes a status code."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ledger_service.chain.addresses import NotAnAddress
from ledger_service.chain.client import ChainUnreachable
from ledger_service.chain.events import NodeRefused
from ledger_service.domain.agreements import AgreementUnknown
from ledger_service.domain.bilingual import Words
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import NotAnIdentifier
from ledger_service.facts import BatchUnknown, CertificateUnknown, PledgeUnknown
from ledger_service.reports.data_assets import DataAssetUnknown
from ledger_service.reports.funds import FundUnknown
from ledger_service.settlement import RegisterMissing
from ledger_service.store.books import BooksUnusable

_log = logging.getLogger(__name__)

STATUS: Mapping[type[LedgerError], HTTPStatus] = {
    AgreementUnknown: HTTPStatus.NOT_FOUND,
    BatchUnknown: HTTPStatus.NOT_FOUND,
    CertificateUnknown: HTTPStatus.NOT_FOUND,
    PledgeUnknown: HTTPStatus.NOT_FOUND,
    FundUnknown: HTTPStatus.NOT_FOUND,
    DataAssetUnknown: HTTPStatus.NOT_FOUND,
    NotAnAddress: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotAnIdentifier: HTTPStatus.UNPROCESSABLE_ENTITY,
    BooksUnusable: HTTPStatus.SERVICE_UNAVAILABLE,
    ChainUnreachable: HTTPStatus.SERVICE_UNAVAILABLE,
    NodeRefused: HTTPStatus.SERVICE_UNAVAILABLE,
    RegisterMissing: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What is not named here is our own fault."""

_OUR_FAULT = Words("服务暂时无法回答，详情见服务日志", "the service cannot answer now; its log says why")


class Problem(BaseModel):
    """What went wrong."""

    title: str
    """Name of the error, the same in every language."""
    status: int
    detail: str
    """Chinese, then English."""


def add_handlers(app: FastAPI) -> None:
    """Makes every error of the app a problem document."""

    @app.exception_handler(LedgerError)
    def _(_: Request, error: LedgerError) -> JSONResponse:
        status = STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _problem(type(error).__name__, status, str(error))
        # It may name files and hosts of the service, which are nobody's business outside.
        _log.error("%s", error, exc_info=error)
        return _problem(type(error).__name__, status, str(_OUR_FAULT))

    @app.exception_handler(RequestValidationError)
    def _(_: Request, error: RequestValidationError) -> JSONResponse:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        detail = str(Words("请求参数无效", "the request is not valid"))
        return _problem("RequestInvalid", HTTPStatus.UNPROCESSABLE_ENTITY, f"{detail}: {wrong}")

    @app.exception_handler(HTTPException)
    def _(_: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        return _problem(status.phrase.replace(" ", ""), status, str(Words("服务没有这个请求", str(error.detail))))


def _problem(title: str, status: HTTPStatus, detail: str) -> JSONResponse:
    problem = Problem(title=title, status=status, detail=detail)
    return JSONResponse(problem.model_dump(), status, media_type="application/problem+json")
