"""Tries one changed contract after the other: a pytest plugin for `python -m scripts.mutate_contracts`.

Everything is imported, loaded and collected once. For each mutant the process divides: the child puts the changed code
in place of what was compiled, starts a chain of its own and runs the tests until the first that fails.
"""

import dataclasses
import json
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, NoReturn, TextIO

import pytest

RECENT = 12
"""So many of the tests that failed last are asked first."""


class MutantWorker:
    """Answers each `{"code", "limit", "order"}` with `{"failed": test or null}`."""

    def __init__(self, asked: int, answer: int) -> None:
        """Reads from the one pipe and writes into the other."""
        self._asked: TextIO = os.fdopen(asked, encoding="utf-8")
        self._answer: TextIO = os.fdopen(answer, "w", encoding="utf-8")
        self._failed: list[str] = []
        """Tests that failed, the last first."""
        self._tell = -1

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for line in self._asked:
            asked = json.loads(line)
            listen, self._tell = os.pipe()
            # The chain keeps states there, by the gigabyte, and leaves them behind when it is stopped.
            home = mkdtemp()
            child = os.fork()
            if child == 0:
                os.close(listen)
                os.environ["HOME"] = home
                self._become(asked["code"])
                self._failed_first(items, asked["order"])
                return
            os.close(self._tell)
            failed = self._wait(child, listen, asked["limit"])
            rmtree(home, ignore_errors=True)
            if failed in self._failed:
                self._failed.remove(failed)
            if failed is not None:
                self._failed = [failed, *self._failed][:RECENT]
            print(json.dumps({"failed": failed}), file=self._answer, flush=True)
        os._exit(0)

    @staticmethod
    def _wait(child: int, listen: int, limit: float) -> str | None:
        """What failed first, if anything did."""
        end = time.monotonic() + limit
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                os.close(listen)
                return f"no end within {limit:.0f} s"
            time.sleep(0.02)
        with os.fdopen(listen) as heard:
            failed = heard.read()
        if ended[1] and not failed:
            # It is not the mutant that failed, and whoever asked is to know: this process ends.
            raise RuntimeError(f"测试未能开始 · the tests ended with {ended[1]} before any of them failed")
        return failed if ended[1] else None

    # IN THE CHILD

    def _become(self, code: Mapping[str, Mapping[str, str]]) -> None:
        from brownie import project
        from brownie._config import CONFIG

        from ledger_service.chain import deployment

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            CONFIG.networks["development"]["cmd_settings"]["port"] = probe.getsockname()[1]

        (compiled,) = project.get_loaded_projects()
        for name, changed in code.items():
            container = compiled[name]
            prefix = "0x" if container._build["bytecode"].startswith("0x") else ""
            container.bytecode = container._build["bytecode"] = prefix + changed["bytecode"]
            container._build["deployedBytecode"] = prefix + changed["runtime"]

        load = deployment.load_artefact

        def load_changed(name: str) -> Any:
            artefact = load(name)
            if name not in code:
                return artefact
            changed = {part: f"0x{text}" for part, text in code[name].items()}
            return dataclasses.replace(artefact, **changed)

        deployment.load_artefact = load_changed  # type: ignore[assignment]

    def _failed_first(self, items: list[pytest.Item], order: Sequence[str]) -> None:
        """Then those with the first word of `order` in their names, of these the random walks, which go everywhere.

        Modules stay together: each has its own county.
        """
        place = {test: number for number, test in enumerate(self._failed)}
        modules: dict[str, int] = {}
        for test, number in place.items():
            modules.setdefault(test.partition("::")[0], number)
        last = len(place)
        items.sort(
            key=lambda item: (
                modules.get(item.nodeid.partition("::")[0], last) if item.nodeid in place else last,
                place.get(item.nodeid, last),
                next((number for number, word in enumerate(order) if word in item.nodeid.lower()), len(order)),
                "random" not in item.nodeid,
            )
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self._tell, report.nodeid.encode())
            self._end(1)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        from brownie import rpc

        rpc.kill()
        self._end(int(exitstatus))

    def _end(self, status: int) -> NoReturn:
        # Before the end of the session the chain ends when this process does. Brownie's notes are not for changed code.
        os._exit(status)
