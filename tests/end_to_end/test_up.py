"""`gongsheng up`: chain, indexer and service, killed and started again."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import httpx

from tests.end_to_end.conftest import Run, anvils_of, eventually


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def test_up_refuses_a_port_in_use_and_names_it(gongsheng: Run, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option in ("--port", "--chain-port"):
            refused = gongsheng("up", "--folder", tmp_path / "up", option, str(port))
            assert refused.returncode == 2
            assert f"port {port} is in use" in refused.stderr
            assert refused.stderr.rstrip().endswith(f"choose another with {option}")


def test_up_serves_and_goes_on_where_it_was_killed(started, free_port, tmp_path: Path) -> None:
    folder, port, chain_port = tmp_path / "up", free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ("up", "--folder", folder, "--port", str(port), "--chain-port", str(chain_port))

    killed = started(*arguments)
    assert eventually(lambda: _healthy(url), seconds=60)
    assert eventually(lambda: len(httpx.get(f"{url}/agreements").json()["items"]) >= 8)
    deployment = (folder / "deployments" / "31337.json").read_text()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert eventually(lambda: not anvils_of(folder)), "the embedded chain outlived the service"

    again = started(*arguments)
    assert eventually(lambda: _healthy(url), seconds=60)
    assert (folder / "deployments" / "31337.json").read_text() == deployment
    assert len(httpx.get(f"{url}/agreements").json()["items"]) >= 8
    assert httpx.get(f"{url}/openapi.json").json()["info"]["title"]
    again.send_signal(signal.SIGINT)
    assert again.wait(timeout=30) == 0
    assert eventually(lambda: not anvils_of(folder)), "Ctrl-C left the embedded chain behind"


def test_up_refuses_the_chain_of_another_deployment(gongsheng: Run, started, free_port, tmp_path: Path) -> None:
    folder, port = tmp_path / "up", free_port()
    first = started("up", "--folder", folder, "--port", str(port), "--chain-port", str(free_port()))
    assert eventually(lambda: _healthy(f"http://127.0.0.1:{port}"), seconds=60)
    first.send_signal(signal.SIGINT)
    first.wait(timeout=30)

    record = folder / "deployments" / "31337.json"
    deployment = json.loads(record.read_text())
    record.write_text(json.dumps(deployment | {"genesis_hash": "0x" + "11" * 32}))
    refused = gongsheng("up", "--folder", folder, "--port", str(port), "--chain-port", str(free_port()))
    assert refused.returncode == 2
    assert "another deployment" in refused.stderr
    record.write_text(json.dumps(deployment))
