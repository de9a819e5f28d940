"""A headless Chromium, told what to do over WebDriver (W3C): JSON over HTTP, so no client library is needed."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger_service.chain.embedded import free_port


class Browser:
    """One window."""

    def __init__(self, driver: httpx.Client, session: str) -> None:
        self._driver = driver
        self._session = session

    def open(self, page: str, *, width: int, height: int = 900) -> None:
        """Opens an address in a window of that width, a telephone's below 600 pixels; waits until it is loaded."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("goog/cdp/execute", cmd="Emulation.setDeviceMetricsOverride", params=metrics)
        self._ask("url", url=page)

    def run(self, script: str) -> Any:
        """What the script, the body of a function, returns from within the page."""
        return self._ask("execute/sync", script=script, args=[])

    def complaints(self) -> list[str]:
        """What the browser wrote to its console since it was asked last."""
        return [entry["message"] for entry in self._ask("se/log", type="browser")]

    def _ask(self, command: str, **what: Any) -> Any:
        answer = self._driver.post(f"/session/{self._session}/{command}", json=what).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer


@contextmanager
def opened_browser(profile: Path) -> Iterator[Browser]:
    """Starts a Chromium with a profile of its own. Without one the test fails, unless GONGSHENG_NO_BROWSER is 1."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        if os.environ.get("GONGSHENG_NO_BROWSER") == "1":
            pytest.skip("GONGSHENG_NO_BROWSER is 1: pages are not looked at in a browser")
        pytest.fail(
            "no Chromium to look at pages with: apt-get install chromium chromium-driver, or set GONGSHENG_NO_BROWSER=1"
        )
    port = free_port()
    running = subprocess.Popen(
        [chromedriver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    options = {
        "binary": chromium,
        "args": ["--headless", "--no-sandbox", "--disable-dev-shm-usage", f"--user-data-dir={profile}"],
    }
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as driver:
            _wait_for(driver)
            started = driver.post("/session", json={"capabilities": {"alwaysMatch": wanted}}).json()["value"]
            assert "sessionId" in started, started
            yield Browser(driver, started["sessionId"])
            driver.delete(f"/session/{started['sessionId']}")
    finally:
        running.terminate()
        running.wait(20)


def _wait_for(driver: httpx.Client) -> None:
    for _ in range(200):
        try:
            driver.get("/status")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("chromedriver does not start")
