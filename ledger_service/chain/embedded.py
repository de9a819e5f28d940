"""anvil as the embedded chain: started on a port of its own, state in a file, never left behind."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from web3 import HTTPProvider, Web3

from ledger_service.chain.tools import find_tool
from ledger_service.domain.errors import LedgerError

CHAIN_ID = 31_337
HOST = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_START_SECONDS = 30.0


class PortInUse(LedgerError):
    """Another program listens on the port."""

    def __init__(self, port: int, option: str) -> None:
        self.port = port
        self.option = option
        super().__init__(
            f"端口 {port} 已被占用:请停止占用它的程序,或用 {option} 另选一个 · "
            f"port {port} is in use: stop the program that holds it, or choose another with {option}"
        )


class ChainDidNotStart(LedgerError):
    """anvil ended, or did not answer."""

    def __init__(self, log: Path, tail: str) -> None:
        self.log = log
        super().__init__(f"内嵌链未能启动,见 {log} · the embedded chain did not start, see {log}\n{tail}")


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int, option: str) -> None:
    """Refuses a port on which another program listens; `option` is how the person who runs us chooses another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as taken:
            raise PortInUse(port, option) from taken


def _die_with_parent() -> None:
    """Asks Linux to stop the child when this process dies, however it dies. Elsewhere only a clean exit stops it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def embedded_chain(
    *,
    folder: Path,
    port: int | None = None,
    timestamp: int | None = None,
    chain_id: int = CHAIN_ID,
    keep_state: bool = True,
) -> Iterator[str]:
    """Runs anvil for the length of the block.

    Args:
        folder: Where its log and state file lie.
        port: Its port; a free one if none is given.
        timestamp: UTC seconds of its first block, when there is no state yet; now if none is given.
        chain_id: Its chain id.
        keep_state: Whether blocks survive this block of code, in `folder/chain.json`. The file is written every few
            seconds and at the end.

    Yields:
        The URL of its JSON-RPC.
    """
    chosen = free_port() if port is None else port
    require_free(chosen, "--chain-port")
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "anvil.log"
    state = folder / "chain.json"
    command = [
        str(find_tool("anvil")),
        *("--host", HOST, "--port", str(chosen), "--chain-id", str(chain_id)),
        *("--hardfork", "cancun", "--base-fee", "0", "--gas-limit", "100000000", "--order", "fifo"),
        *("--accounts", "10", "--balance", "1000000"),
    ]
    if keep_state:
        command += ["--state", str(state), "--state-interval", "5", "--preserve-historical-states"]
    if timestamp is not None and not state.exists():
        command += ["--timestamp", str(timestamp)]

    url = f"http://{HOST}:{chosen}"
    with log.open("w", encoding="utf-8") as output:
        # A session of its own: Ctrl-C reaches us first, and we stop it after our last word to it.
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        try:
            _wait_until_answering(process, url, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_answering(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    probe = Web3(HTTPProvider(url, request_kwargs={"timeout": 2}))
    deadline = time.monotonic() + _START_SECONDS
    while not probe.is_connected():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ChainDidNotStart(log, log.read_text("utf-8", errors="replace")[-2_000:])
        time.sleep(0.05)
