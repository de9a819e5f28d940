"""Brownie's tests of the contracts: `scripts/test_contracts` runs them.

The chain has a port of its own and starts at a fixed moment, so that neither another node nor the clock of this machine
makes a difference.
"""

import gc
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GAS_LIMIT = 10_000_000
"""Of every transaction: more than any needs, so that Brownie need not ask for the block's."""

sys.path[:0] = [str(ROOT / "tests" / "contracts"), str(ROOT / "tests"), str(ROOT / "scripts"), str(ROOT)]

if find_spec("brownie") is None:  # Brownie has an environment of its own.
    collect_ignore_glob = ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    if find_spec("brownie") is None:
        return
    from brownie._config import CONFIG

    from ledger_service.chain.compiler import compile_contracts
    from world import GENESIS

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    network = CONFIG.networks["development"]
    network["cmd"] = f"anvil --timestamp {GENESIS}"
    # Traces of every step are for coverage; without it they would triple the time of a refusal.
    network["cmd_settings"] |= {"port": port, "steps_tracing": "GONGSHENG_COVERAGE" in os.environ}
    compile_contracts()
    if folder := os.environ.get("GONGSHENG_COVERAGE"):
        from step_tracer import StepTracer

        config.pluginmanager.register(StepTracer(Path(folder)), "step-tracer")
    if pipes := os.environ.get("GONGSHENG_MUTANTS"):
        from mutant_worker import MutantWorker

        config.pluginmanager.register(MutantWorker(*map(int, pipes.split())), "mutant-worker")
    # Brownie collects garbage after every test; the compiled project is none.
    gc.freeze()


# THE CHAIN


@pytest.fixture(scope="session", autouse=True)
def _chain_ends_with_this_process() -> Iterator[None]:
    """Stops the chain when this process dies without a word; when it ends as it should, Brownie stops the chain."""
    from brownie import rpc

    watch = subprocess.Popen(
        ["sh", "-c", 'read -r _ || kill "$0"', str(rpc.process.pid)], stdin=subprocess.PIPE, start_new_session=True
    )
    yield
    watch.communicate(b"done\n")


@pytest.fixture(scope="session", autouse=True)
def _receipts_first(request: pytest.FixtureRequest) -> None:
    """anvil counts a transaction a moment before it shows the receipt, and Brownie would take that for a lost one."""
    from brownie import network, web3
    from web3.middleware import Web3Middleware

    class ReceiptsFirst(Web3Middleware):
        def wrap_make_request(self, make_request: Any) -> Any:
            def middleware(method: Any, parameters: Any) -> Any:
                response = make_request(method, parameters)
                if method in ("eth_sendTransaction", "eth_sendRawTransaction") and "result" in response:
                    while make_request("eth_getTransactionReceipt", [response["result"]])["result"] is None:
                        time.sleep(0.001)
                return response

            return middleware

    web3.middleware_onion.inject(ReceiptsFirst, layer=0)
    if tracer := request.config.pluginmanager.get_plugin("step-tracer"):
        tracer.install()
    network.gas_limit(GAS_LIMIT)


@pytest.fixture(scope="session", autouse=True)
def _no_undo_buffer() -> Iterator[None]:
    """Nobody undoes single transactions here.

    Brownie's thread behind every transaction would take snapshots while tests take and revert their own, and read the
    environment while pytest changes it, which now and then fails a test.
    """
    from brownie.network.state import Chain

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Chain, "_add_to_undo_buffer", lambda *_: None)
        yield


@pytest.fixture(autouse=True)
def _isolation(module_isolation: None) -> Iterator[None]:
    """What a test did is undone.

    Brownie's own `fn_isolation` does the same, and looks through the whole call stack three times, which takes longer
    than most tests.
    """
    from brownie import history, web3

    snapshot = web3.provider.make_request("evm_snapshot", [])["result"]
    yield
    web3.provider.make_request("evm_revert", [snapshot])
    history.clear()  # Brownie counts nonces by it.


@pytest.fixture(scope="module")
def deployed(module_isolation: None) -> Any:
    """The protocol with nothing in it."""
    from world import deployed

    return deployed()


@pytest.fixture(scope="module")
def county(deployed: Any) -> Any:
    """The protocol in use: participants, feeds, agreements and a project."""
    from world import settle

    settle(deployed)
    return deployed


@pytest.fixture(scope="module")
def clock(deployed: Any) -> Any:
    return deployed.clock


@pytest.fixture(scope="module")
def participants(county: Any) -> Any:
    return county.participants


@pytest.fixture(scope="module")
def oracle(county: Any) -> Any:
    return county.oracle


@pytest.fixture(scope="module")
def panel(county: Any) -> Any:
    return county.panel


@pytest.fixture(scope="module")
def voucher(county: Any) -> Any:
    return county.voucher


@pytest.fixture(scope="module")
def revenue(county: Any) -> Any:
    return county.revenue


@pytest.fixture(scope="module")
def pledges(county: Any) -> Any:
    return county.pledges


@pytest.fixture(scope="module")
def pledge_terms(county: Any) -> Any:
    return county.pledge_terms


@pytest.fixture(scope="module")
def workouts(county: Any) -> Any:
    return county.workouts


@pytest.fixture(scope="module")
def credits(county: Any) -> Any:
    return county.credits


@pytest.fixture(scope="module")
def funds(county: Any) -> Any:
    return county.funds


@pytest.fixture(scope="module")
def certificates(county: Any) -> Any:
    return county.certificates


# PEOPLE


def _person(name: str) -> Any:
    @pytest.fixture(scope="session", name=name.replace("-", "_"))
    def account() -> Iterator[Any]:
        from world import person

        return person(name)

    return account


committee = _person("committee")
operator = _person("operator")
treasurer = _person("treasurer")
guardian = _person("guardian")
auditor = _person("auditor")
relayer = _person("relayer")
cooperative = _person("cooperative")
household = _person("household")
village = _person("village")
city = _person("city")
laboratory = _person("laboratory")
bank = _person("bank")
second_bank = _person("second-bank")
buyer = _person("buyer")
pool = _person("pool")
buffer = _person("buffer")
sensors = _person("sensors")
second_sensors = _person("second-sensors")
verifier = _person("verifier")
remote_sensing = _person("remote-sensing")
weighbridge = _person("weighbridge")
forester = _person("forester")
statistician = _person("statistician")
judge = _person("judge")
