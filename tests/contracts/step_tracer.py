"""Which steps of the contracts the tests take: a pytest plugin for `python -m scripts.contract_coverage`.

Brownie's own coverage leaves out every contract with an immutable variable, and all of ours have some. This one asks
the node for the program counters of each transaction and call, after the test that made it; the map from a program
counter to the source is Brownie's.
"""

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TRACER = """{
  seen: {}, last: null,
  step: function(log) {
    var at = toHex(log.contract.getAddress()), pc = log.getPC();
    var own = this.seen[at] || (this.seen[at] = {pcs: {}, jumps: {}});
    if (this.last !== null && this.last.depth === log.getDepth()) {
      own.jumps[this.last.pc + (pc === this.last.pc + 1 ? ":0" : ":1")] = 1;
    }
    own.pcs[pc] = 1;
    this.last = log.op.toNumber() === 0x57 ? {pc: pc, depth: log.getDepth()} : null;
  },
  fault: function() { this.last = null; },
  result: function() { return this.seen; }
}"""
"""Runs inside the node: of each contract its program counters, and what each conditional jump did (0: fell through)."""


class StepTracer:
    """Collects what each contract ran, by the contract's name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._traced: set[str] = set()
        self._steps: dict[str, tuple[set[int], set[str]]] = {}
        self._is_tracing = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves out what Brownie fails on when the node keeps traces: it reads those of calls that ran out of gas."""
        for item in items:
            if item.name == "test_too_little_gas_never_sets_a_holder_aside":
                item.add_marker(pytest.mark.skip("Brownie cannot read the trace of a call that ran out of gas"))

    def install(self) -> None:
        """Traces calls as they are made: they leave nothing behind to be traced later."""
        from brownie import web3
        from web3.middleware import Web3Middleware

        tracer = self

        class Calls(Web3Middleware):
            def wrap_make_request(self, make_request: Any) -> Any:
                def middleware(method: Any, parameters: Any) -> Any:
                    if method == "eth_call" and not tracer._is_tracing:
                        call = [*parameters[:2], "latest"][:2]
                        traced = make_request("debug_traceCall", [*call, {"tracer": TRACER}])
                        tracer._keep(traced.get("result"), make_request)
                    return make_request(method, parameters)

                return middleware

        web3.middleware_onion.inject(Calls, layer=0)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        """Traces the transactions of a test and its fixtures before they are undone."""
        from brownie import web3

        try:
            return (yield)
        finally:
            ask = web3.provider.make_request
            for number in range(web3.eth.block_number, 0, -1):
                block = ask("eth_getBlockByNumber", [hex(number), False])["result"]
                if block["hash"] in self._traced:
                    break
                self._traced.add(block["hash"])
                for transaction in block["transactions"]:
                    self._keep(ask("debug_traceTransaction", [transaction, {"tracer": TRACER}]).get("result"), ask)

    def pytest_sessionfinish(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        lines = {name: {"pcs": sorted(pcs), "jumps": sorted(jumps)} for name, (pcs, jumps) in self._steps.items()}
        (self._folder / f"{worker}.json").write_text(json.dumps(lines), "utf-8")

    def _keep(self, seen: Any, ask: Any) -> None:
        for address, steps in (seen or {}).items():
            name = contract_with(ask("eth_getCode", [address, "latest"])["result"])
            if name is not None:
                pcs, jumps = self._steps.setdefault(name, (set(), set()))
                pcs.update(map(int, steps["pcs"]))
                jumps.update(steps["jumps"])


@cache
def contract_with(code: str) -> str | None:
    """Name of the compiled contract with this code; its immutable variables are zeros in what was compiled."""
    from brownie import project

    (compiled,) = project.get_loaded_projects()
    own = bytes.fromhex(code[2:])
    for container in compiled:
        build = bytes.fromhex(container._build["deployedBytecode"].replace("_", "0"))
        if len(build) == len(own) and build and all(b in (0, c) for b, c in zip(build, own, strict=True)):
            return str(container._name)
    return None
