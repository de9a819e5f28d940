"""`/docs`, the manual of the service for people: Swagger UI out of the locked npm packages.

FastAPI's own page loads scripts from a content network, in whatever version that has today: without the internet it is
blank, and with it somebody else's script runs in it.
"""

from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from ledger_service.chain.tools import ROOT

SWAGGER_UI = ROOT / "node_modules" / "swagger-ui-dist"
FILES = "/docs/files"


def add_manual(app: FastAPI, assets: Path = SWAGGER_UI) -> None:
    """Adds the page. Where the npm packages are not installed it leads to the description that machines read."""
    is_installed = assets.is_dir()

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        if not is_installed:
            return RedirectResponse("/openapi.json")
        page = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=f"{FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{FILES}/swagger-ui.css",
            swagger_favicon_url=f"{FILES}/favicon-32x32.png",
        )
        return HTMLResponse(bytes(page.body).replace(b"<html>", b'<html lang="zh-CN">', 1))

    if is_installed:
        app.mount(FILES, StaticFiles(directory=assets))
