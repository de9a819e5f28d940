"""Errors as HTTP answers (RFC 9457): the one place where an error becomes a status code."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
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


MOST_SHOWN = 80
"""Characters of a request that an answer repeats."""


class Problem(BaseModel):
    """出了什么问题 · What went wrong."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    title: str
    """错误名称，各语言相同 · Name of the error, the same in every language."""
    status: int
    detail: str
    """先中文，后英文 · Chinese, then English."""


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
        wrong = [_wrong(each) for each in error.errors()]
        detail = Words(
            f"请求参数无效：{'；'.join(each.zh for each in wrong)}",
            f"the request is not valid: {'; '.join(each.en for each in wrong)}",
        )
        return _problem("RequestInvalid", HTTPStatus.UNPROCESSABLE_ENTITY, str(detail))

    @app.exception_handler(HTTPException)
    def _(request: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        asked = f"{request.method} {_shown(request.url.path)}"
        detail = Words(f"服务没有 {asked}；所有请求见 /docs", f"{asked}: {error.detail}; /docs lists what can be asked")
        return _problem(status.phrase.replace(" ", ""), status, str(detail))


def _wrong(found: Mapping[str, Any]) -> Words:
    """Which parameter is wrong, its value, and what it must be; what is rare keeps the words of the validator."""
    name, limits = ".".join(map(str, found["loc"])), found.get("ctx", {})
    match found["type"]:
        case "int_parsing" | "int_type" | "int_from_float":
            must = Words("应为整数", "must be a whole number")
        case "greater_than_equal":
            must = Words(f"不得小于 {limits['ge']}", f"must not be below {limits['ge']}")
        case "less_than_equal":
            must = Words(f"不得大于 {limits['le']}", f"must not be above {limits['le']}")
        case "string_pattern_mismatch":
            must = Words(f"应符合 {limits['pattern']}", f"must match {limits['pattern']}")
        case "missing":
            return Words(f"缺少 {name}", f"{name} is missing")
        case _:
            must = Words.alike(found["msg"])
    value = _shown(str(found["input"]))
    return Words(f"{name} “{value}” {must.zh}", f"{name} “{value}” {must.en}")


def _shown(text: str) -> str:
    """What was asked for on one line, shortened."""
    text = "".join(each if each.isprintable() else "␣" for each in text)
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


def _problem(title: str, status: HTTPStatus, detail: str) -> JSONResponse:
    problem = Problem(title=title, status=status, detail=detail)
    return JSONResponse(problem.model_dump(), status, media_type="application/problem+json")
