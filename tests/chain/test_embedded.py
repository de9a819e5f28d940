"""The embedded chain and the tools it needs: what is missing is named, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger_service.chain import tools
from ledger_service.chain.artefacts import ArtefactMissing, load_artefact
from ledger_service.chain.client import Chain, ChainUnreachable, Refused, connect
from ledger_service.chain.compiler import compile_contracts
from ledger_service.chain.deployment import Deployment, Officers, OtherDeployment, created_address, deploy
from ledger_service.chain.embedded import ChainDidNotStart, PortInUse, embedded_chain, free_port
from ledger_service.chain.refusals import explain
from ledger_service.chain.tools import ToolMissing, find_tool

STARTED = 1_547_510_400


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    compile_contracts()


def _deploy(url: str) -> Deployment:
    w3 = connect(url)
    deployer, committee, operator, treasurer, guardian = w3.eth.accounts[:5]
    return deploy(w3, deployer, Officers(committee, operator, treasurer, guardian, committee_delay=172_800))


def test_a_missing_tool_is_named_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="anvil is missing: run `npm ci`") as refused:
        find_tool("anvil")
    assert refused.value.tool == "anvil"


def test_a_contract_that_was_not_compiled_is_named_with_the_command_that_compiles_it(tmp_path: Path) -> None:
    with pytest.raises(ArtefactMissing, match=r"Revenue\.json is missing, run `make setup`"):
        load_artefact("Revenue", tmp_path)


def test_compiling_again_does_nothing_until_a_source_changes(tmp_path: Path) -> None:
    assert compile_contracts(tmp_path)
    assert not compile_contracts(tmp_path)
    (tmp_path / "sources.sha256").write_text("of other sources")
    assert compile_contracts(tmp_path)


def test_a_port_in_use_is_refused_and_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(PortInUse, match=f"port {port} is in use") as refused,
            embedded_chain(folder=tmp_path, port=port),
        ):
            pass
    assert (refused.value.port, refused.value.option) == (port, "--chain-port")
    assert not (tmp_path / "chain.json").exists()


def test_a_chain_that_does_not_start_shows_why(tmp_path: Path) -> None:
    (tmp_path / "chain.json").write_text("this is no state")
    with pytest.raises(ChainDidNotStart, match=r"anvil\.log"), embedded_chain(folder=tmp_path):
        pass


def test_no_node_at_the_url_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ChainUnreachable, match=url):
        connect(url)


def test_the_chain_stops_with_its_block_and_keeps_its_state(tmp_path: Path) -> None:
    with embedded_chain(folder=tmp_path, timestamp=STARTED) as url:
        deployment = _deploy(url)
        assert connect(url).eth.get_block(0)["timestamp"] == STARTED
    with pytest.raises(ChainUnreachable):
        connect(url)
    with embedded_chain(folder=tmp_path) as again:
        assert Chain(connect(again), deployment).contract("CnyVoucher").functions.decimals().call() == 2


def test_the_chain_dies_with_a_process_that_is_killed(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux stops a child whose parent was killed")
    program = (
        "import sys, time; from pathlib import Path; from ledger_service.chain.embedded import embedded_chain\n"
        "with embedded_chain(folder=Path(sys.argv[1])) as url:\n    print(url, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert connect(url)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            connect(url)
        except ChainUnreachable:
            return
        time.sleep(0.1)
    pytest.fail("the embedded chain outlived its parent")


def test_a_deployment_is_refused_on_another_chain(tmp_path: Path) -> None:
    with embedded_chain(folder=tmp_path / "one", keep_state=False) as url:
        deployment = _deploy(url)
    with embedded_chain(folder=tmp_path / "two", keep_state=False, timestamp=STARTED) as url:
        with pytest.raises(OtherDeployment, match="no block after 0"):
            Chain(connect(url), deployment)
        _deploy(url)
        with pytest.raises(OtherDeployment) as refused:
            Chain(connect(url), deployment)
        assert refused.value.expected == deployment.genesis_hash
    with embedded_chain(folder=tmp_path / "three", keep_state=False, chain_id=7) as url, pytest.raises(OtherDeployment):
        Chain(connect(url), deployment)


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    record = Deployment(1, "0x" + "11" * 32, 3, {"Revenue": "0x" + "22" * 20})
    record.save(tmp_path / "deployments" / "1.json")
    assert Deployment.load(tmp_path / "deployments" / "1.json") == record
    assert json.loads((tmp_path / "deployments" / "1.json").read_text())["first_block"] == 3


@pytest.mark.parametrize(
    ("nonce", "address"),
    [
        # The example of the Ethereum community for the account 0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0.
        (0, "0xcd234A471b72ba2F1Ccf0A70FCABA648a5eeCD8d"),
        (1, "0x343c43A37D37dfF08AE8C4A11544c718AbB4fCF8"),
        (2, "0xf778B86FA74E846c4f0a1fBd1335FE81c00a0C91"),
        (3, "0xffFd933A0bC612844eaF0C6Fe3E5b8E9B6C1d19c"),
    ],
)
def test_the_address_of_a_contract_is_known_before_it_is_created(nonce: int, address: str) -> None:
    assert created_address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0", nonce) == address


def test_a_refusal_is_told_in_both_languages_with_its_values(tmp_path: Path) -> None:
    facts = {
        "holder": "0x" + "11" * 20,
        "agreement": b"carbon-pool".ljust(32, b"\0"),
        "leg": 1,
        "period": 587,
        "pledged": 6_000,
        "requested": 6_000,
    }
    told = explain("IncomeAlreadyPledged", facts)
    assert "2018-12" in told
    assert "40 % is free, 60 % was asked for" in told
    assert "只剩 40 %" in told
    assert "SomethingNew(amount=1,000)" in explain("SomethingNew", {"amount": 1_000})
    with embedded_chain(folder=tmp_path, keep_state=False) as url:
        chain = Chain(connect(url), _deploy(url))
        with pytest.raises(Refused, match="无权") as refused:
            chain.call(chain.contract("CnyVoucher").functions.mint(chain.w3.eth.accounts[9], 1, b"1" * 32))
        assert refused.value.name == "AccessManagedUnauthorized"
