"""Monitoring data from a service over HTTP: fetched with patience, hashed as they came, numbers exact."""

import json
import re
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import httpx
import numpy as np

from ledger_service.domain.bilingual import Words
from oracles.errors import InvalidRequest, NotATable, SourceUnavailable
from oracles.evidence import RawFile

MOST_BYTES = 50_000_000
MOST_DEPTH = 100
"""Python's own parser crashes on brackets that nest without end, if some library has raised the recursion limit."""
ATTEMPTS = 5
FIRST_WAIT_SECONDS = 0.5
MOST_WAIT_SECONDS = 60.0
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be better later."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_OPENING, _CLOSING = (np.frombuffer(brackets, dtype=np.uint8) for brackets in (b"[{", b"]}"))


def fetch_json(
    url: str,
    *,
    name: str,
    client: httpx.Client,
    sleep: Callable[[float], None] = time.sleep,
    attempts: int = ATTEMPTS,
) -> tuple[RawFile, Any]:
    """Fetches a JSON document: the bytes as evidence under `name`, and the content, numbers as `Decimal`.

    A server that is busy, or does not answer, is asked again after half a second, then twice as long each time, or
    when it says (`Retry-After`). Any other refusal is final. Nothing partial is ever returned.
    """
    reason = Words.alike("")
    for attempt in range(attempts):
        wait = min(FIRST_WAIT_SECONDS * 2**attempt, MOST_WAIT_SECONDS)
        try:
            with client.stream("GET", url) as answer:
                if answer.status_code == httpx.codes.OK:
                    return _parsed(url, name, _body(url, answer))
                reason = Words.alike(f"HTTP {answer.status_code}")
                if answer.status_code not in RETRIED:
                    raise SourceUnavailable(url, reason)
                wait = _retry_after(answer, wait)
        except httpx.TransportError as failure:
            reason = _reason_of(failure)
        if attempt < attempts - 1:
            sleep(wait)
    raise SourceUnavailable(url, Words(f"{reason.zh}，已试 {attempts} 次", f"{reason.en}, tried {attempts} times"))


def table_of(
    name: str, content: Any, rows: str, columns: Sequence[str]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of the records under `rows` (a path such as `data.items`, empty for the document itself).

    A column is written `name=path`. Numbers keep their digits, null is an empty cell. A record without a field, or with
    something that is no single value there, is refused: what is missing must be said to be missing.
    """
    wanted = []
    for column in columns:
        title, equals, path = column.partition("=")
        if not (title and equals and path):
            raise InvalidRequest(f"列应写作 名=字段：{column}", f"a column is written name=field: {column}")
        wanted.append((title, path))
    records = _at(name, content, rows) if rows else content
    if not isinstance(records, list):
        raise NotATable(
            f"{rows or '文档'} 不是记录的列表", f"{rows or 'the document'} is no list of records", file=name
        )
    table = []
    for row, record in enumerate(records, start=1):
        cells = []
        for _, path in wanted:
            value = _at(name, record, path, row=row)
            if isinstance(value, dict | list):
                raise NotATable("不是单个值", "not a single value", file=name, row=row, column=path)
            cells.append("" if value is None else str(value).lower() if isinstance(value, bool) else str(value))
        table.append(tuple(cells))
    return tuple(title for title, _ in wanted), table


def _at(name: str, content: Any, path: str, *, row: int | None = None) -> Any:
    for part in path.split("."):
        if not isinstance(content, dict) or part not in content:
            raise NotATable("没有这个字段", "has no such field", file=name, row=row, column=path)
        content = content[part]
    return content


def _reason_of(failure: httpx.TransportError) -> Words:
    """Why no answer came; what is rare keeps the library's own name."""
    match failure:
        case httpx.ConnectTimeout() | httpx.ReadTimeout():
            return Words("等待超时", "it took too long to answer")
        case httpx.ConnectError():
            return Words("连不上", "no connection")
        case httpx.RemoteProtocolError() | httpx.ReadError():
            return Words("连接中断", "the connection broke off")
        case httpx.UnsupportedProtocol():
            return Words("地址应以 http:// 或 https:// 开头", "the address must begin with http:// or https://")
        case _:
            return Words.alike(type(failure).__name__)


def _body(url: str, answer: httpx.Response) -> bytes:
    """The whole body; a connection that breaks off raises, so that half a document is never taken for one."""
    body = bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > MOST_BYTES:
            raise SourceUnavailable(url, Words(f"超过 {MOST_BYTES:,} 字节", f"over {MOST_BYTES:,} bytes"))
    return bytes(body)


def _retry_after(answer: httpx.Response, otherwise: float) -> float:
    header = answer.headers.get("retry-after", "")
    return min(float(header), MOST_WAIT_SECONDS) if header.isascii() and header.isdigit() else otherwise


def _parsed(url: str, name: str, body: bytes) -> tuple[RawFile, Any]:
    outside = _STRING.sub(b"", body)
    brackets = np.frombuffer(outside, dtype=np.uint8)
    depth = np.cumsum(np.isin(brackets, _OPENING).astype(np.int64) - np.isin(brackets, _CLOSING))
    if len(depth) and int(depth.max()) > MOST_DEPTH:
        raise SourceUnavailable(
            url, Words(f"不是 JSON：嵌套超过 {MOST_DEPTH} 层", f"not JSON: it nests more than {MOST_DEPTH} deep")
        )

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        content = json.loads(body, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse)
    except (ValueError, RecursionError) as failure:
        raise SourceUnavailable(url, Words("不是 JSON", "not JSON")) from failure
    return RawFile(name, body), content
