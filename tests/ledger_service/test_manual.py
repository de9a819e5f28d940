"""The manual of the service, `/docs`, in a real browser, which never needs the internet for it."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from ledger_service.api.app import create_app
from ledger_service.api.manual import SWAGGER_UI, add_manual
from ledger_service.chain.embedded import free_port
from tests.browser import Browser, opened_browser

OPERATIONS = (
    "return [...document.querySelectorAll('.opblock-summary-path')].map(e => e.innerText.replace(/\\u200b/g, ''))"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[FastAPI, str]]:
    """The service on a port of its own. Its manual needs neither chain nor books."""
    nothing: Any = None
    app, port = create_app(nothing, nothing, nothing), free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield app, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_manual_shows_every_operation_and_loads_nothing_from_elsewhere(
    browser: Browser, service: tuple[FastAPI, str], width: int
) -> None:
    app, url = service
    browser.open(f"{url}/docs", width=width)
    shown: list[str] = []
    for _ in range(200):
        if shown := browser.run(OPERATIONS):
            break
        time.sleep(0.1)
    assert shown == list(app.openapi()["paths"])
    assert browser.run("return document.title") == "共生账本 · Gongsheng Ledger"
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []
    loaded = browser.run("return performance.getEntriesByType('resource').map(e => e.name)")
    assert any(name.endswith("swagger-ui-bundle.js") for name in loaded)
    assert [name for name in loaded if not name.startswith((url, "data:"))] == []


def get(app: FastAPI, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_without_the_npm_packages_the_manual_leads_to_the_description_for_machines(tmp_path: Path) -> None:
    app = FastAPI(docs_url=None)
    add_manual(app, tmp_path / "nothing")
    assert get(app, "/docs").headers["location"] == "/openapi.json"
    assert get(app, "/openapi.json").json()["paths"] == {}


def test_the_page_that_would_load_scripts_of_others_is_gone() -> None:
    nothing: Any = None
    app = create_app(nothing, nothing, nothing)
    assert get(app, "/redoc").status_code == 404
    assert SWAGGER_UI.is_dir()
    assert "https://" not in get(app, "/docs").text
