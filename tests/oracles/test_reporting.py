"""Reporters on a real chain: refusals, kills at every step, three processes of which one lies."""

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import pytest
from click.testing import Result as Ran
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account.messages import encode_typed_data
from typer.testing import CliRunner

from ledger_service.chain.carrier import Carrier, NotMined
from ledger_service.chain.client import Chain, Refused, connect
from ledger_service.chain.deployment import Deployment
from ledger_service.domain.identifiers import bytes32_of
from ledger_service.files import FolderInUse
from oracles.commands import app
from oracles.errors import (
    InvalidParameters,
    MissingFile,
    NothingToReport,
    SignerError,
    WouldEquivocate,
)
from oracles.evidence import merkle_root
from oracles.keys import create_keystore
from oracles.quality import Flag
from oracles.reporting import open_signer, read_settings, reporter_at
from oracles.reports import Report, oracle_domain
from oracles.signers import LocalSigner, RemoteSigner
from oracles.sources.mqtt import Journal, Verdict, sign_frame
from oracles.sources.synthetic import write_county
from tests.oracles.reporters import FEED, KEYS, WINDOW

REPOSITORY = Path(__file__).resolve().parents[2]


class Died(BaseException):
    """A process that is killed; nothing catches it."""


@pytest.fixture
def chain(node: tuple[str, Deployment]) -> Iterator[Chain]:
    """The chain as it was: what a test does there is undone."""
    chain = Chain(connect(node[0]), node[1])
    snapshot = chain.w3.provider.make_request("evm_snapshot", [])["result"]  # type: ignore[arg-type]
    yield chain
    chain.w3.provider.make_request("anvil_setAutomine", [True])  # type: ignore[arg-type]
    chain.w3.provider.make_request("evm_revert", [snapshot])  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of a small generated county."""
    accounts = [f"0x{number:040x}" for number in range(1, 41)]
    files = write_county(tmp_path_factory.mktemp("county"), seed=5, accounts=accounts, parcels=60, plots=60)
    return {
        "first_trees": files.first_trees,
        "second_trees": files.second_trees,
        "strata": files.strata,
        "parcels": files.parcels,
        "holders": files.holders,
    }


@pytest.fixture
def make(tmp_path: Path, node: tuple[str, Deployment], county: dict[str, Path]) -> Callable[..., Path]:
    """Writes a reporter's settings, keystore and passphrase; `files` replaces some of the county's."""
    node[1].save(tmp_path / "deployment.json")

    def write(name: str, *, files: dict[str, Path] | None = None, extra: str = "", head: str = "") -> Path:
        keystore, passphrase = tmp_path / f"{name}.json", tmp_path / f"{name}.passphrase"
        if not keystore.exists():
            passphrase.write_text("correct horse\n", "utf-8")
            create_keystore(keystore, KEYS[name], passphrase="correct horse", fast=True)
        listed = "\n".join(f'{role} = "{path}"' for role, path in {**county, **(files or {})}.items())
        settings = tmp_path / f"{name}.toml"
        settings.write_text(
            f'chain = "{node[0]}"\ndeployment = "deployment.json"\nkeystore = "{name}.json"\n'
            f'passphrase_file = "{name}.passphrase"\nstate = "{name}-state"\n{head}'
            f'[[rounds]]\nfeed = "{FEED}"\nkind = "carbon"\nsubject = "pool-1"\n'
            f"period_start = 2020-07-01\nperiod_end = 2025-07-01\n{extra}[rounds.files]\n{listed}\n",
            "utf-8",
        )
        return settings

    return write


def exaggerated(county: dict[str, Path], folder: Path) -> Path:
    """The second tally sheet with every diameter a tenth larger: a lie."""
    header, *rows = county["second_trees"].read_text("utf-8").splitlines()
    column = header.split(",").index("dbh_cm")
    lied = []
    for row in rows:
        cells = row.split(",")
        if cells[column]:
            cells[column] = f"{float(cells[column]) * 1.1:.1f}"
        lied.append(",".join(cells))
    path = folder / "lie" / county["second_trees"].name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *lied]) + "\n", "utf-8")
    return path


def working(settings: Path, **more: Any) -> Any:
    read = read_settings(settings)
    return reporter_at(read, open_signer(read, lambda _: "no"), **more)


def reports_of(chain: Chain, name: str) -> list[Any]:
    event = chain.contract("MonitoringOracle").events.Reported()
    return list(
        event.get_logs(from_block=chain.deployment.first_block, argument_filters={"signer": KEYS[name].address})
    )


def run_command(*arguments: object) -> Ran:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


# --- Settings and signers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("chain = ", "chains = ", "unknown setting chains"),
        ('keystore = "operator-1.json"\n', "", "either keystore"),
        ('kind = "carbon"', 'kind = "magic"', "no computation magic"),
        ('state = "operator-1-state"', "state = 3", "state must be text"),
        ("[[rounds]]", "[[rounds]]\nvalid_days = 0", "valid_days must be 1 to 3,660, not 0"),
        ("[[rounds]]", "[[rounds", "not TOML"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(make: Callable[..., Path], old: str, new: str, message: str) -> None:
    path = make("operator-1")
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(InvalidParameters, match=message):
        read_settings(path)


def test_missing_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"nowhere\.toml"):
        read_settings(tmp_path / "nowhere.toml")


def test_a_passphrase_may_be_typed(make: Callable[..., Path]) -> None:
    settings = replace(read_settings(make("operator-1")), passphrase_file=None)
    assert open_signer(settings, lambda _: "correct horse").address == KEYS["operator-1"].address


class Remote(BaseHTTPRequestHandler):
    """A signer elsewhere, as Clef answers; `wrong` makes it sign with another key."""

    key = KEYS["operator-1"]
    broken: str | None = None

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        (*_, content) = request["params"]
        if self.broken:
            answer: dict[str, Any] = json.loads(self.broken)
        elif request["method"] == "eth_signTypedData_v4":
            answer = {"result": self.key.sign_message(encode_typed_data(full_message=content)).signature.to_0x_hex()}
        else:
            fields = {name: value for name, value in content.items() if name != "from"}
            answer = {"result": {"raw": self.key.sign_transaction(fields).raw_transaction.to_0x_hex()}}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def remote() -> Iterator[tuple[str, type[Remote]]]:
    handler = type("Handler", (Remote,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def test_a_remote_signer_reports_like_a_key_at_hand(
    make: Callable[..., Path], chain: Chain, remote: tuple[str, type[Remote]]
) -> None:
    settings = read_settings(make("operator-1"))
    with reporter_at(settings, RemoteSigner(remote[0], KEYS["operator-1"].address)) as reporter:
        assert reporter.report(settings.rounds[0]).seq == 1
    assert len(reports_of(chain, "operator-1")) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "not of 0x"),
        ('{"error": "denied by the person"}', "refuses to sign: denied"),
        ('{"result": "0xzz"}', "not hex"),
        ('{"result": "0x00"}', "not of 0x"),
        ("[]", "refuses to sign"),
    ],
)
def test_a_remote_signer_that_signs_something_else_is_refused(
    make: Callable[..., Path], chain: Chain, remote: tuple[str, type[Remote]], answer: str | None, message: str
) -> None:
    remote[1].broken = answer
    settings = read_settings(make("operator-1"))
    with reporter_at(settings, LocalSigner(KEYS["operator-1"])) as reporter:
        reporter.report(settings.rounds[0])
    (sent,) = reports_of(chain, "operator-1")
    report = Report(*sent["args"]["report"].values())
    domain = oracle_domain(chain_id=chain.chain_id, verifying_contract=reporter.oracle.address)
    with pytest.raises(SignerError, match=message):
        RemoteSigner(remote[0], KEYS["verifier"].address).sign_report(report, domain)


def test_a_signer_that_does_not_answer_is_said_to() -> None:
    with pytest.raises(SignerError, match="does not answer"):
        RemoteSigner("http://127.0.0.1:9", KEYS["verifier"].address).sign_transaction({"nonce": 1})


# --- One reporter ---------------------------------------------------------------------------------


def test_a_round_is_reported_once_however_often_it_is_asked(make: Callable[..., Path], chain: Chain) -> None:
    with working(make("operator-1")) as reporter:
        first, second = (reporter.report(reporter.settings.rounds[0]) for _ in range(2))
    assert (first.was_there, second.was_there) == (False, True)
    assert first.result == second.result
    assert [log["args"]["report"]["seq"] for log in reports_of(chain, "operator-1")] == [1]


def test_a_lost_state_folder_does_not_make_a_second_report(make: Callable[..., Path], chain: Chain) -> None:
    settings = make("operator-1")
    with working(settings) as reporter:
        reporter.report(reporter.settings.rounds[0])
    elsewhere = replace(read_settings(settings), state=settings.parent / "new-state")
    with reporter_at(elsewhere, LocalSigner(KEYS["operator-1"])) as reporter:
        assert reporter.report(elsewhere.rounds[0]).was_there
    assert len(reports_of(chain, "operator-1")) == 1


STEPS = ("bundle written", "journal written", "broadcast", "journal cleared", "anchored", "outbox written", "reported")
TWICE = ("journal written", "broadcast", "journal cleared")
"""Steps of each of the two transactions of a report: evidence is anchored first."""


@pytest.mark.parametrize("occurrence", [1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_started_again_there_is_no_double_and_no_gap(
    make: Callable[..., Path], chain: Chain, step: str, occurrence: int
) -> None:
    settings, seen = make("operator-1"), [0]

    def kill(done: str) -> None:
        seen[0] += done == step
        if done == step and seen[0] == occurrence:
            raise Died

    comes = occurrence == 1 or step in TWICE
    with pytest.raises(Died) if comes else nullcontext(), working(settings, on_step=kill) as reporter:
        reporter.report(reporter.settings.rounds[0])
    with working(settings) as reporter:
        outcome = reporter.report(reporter.settings.rounds[0])
        assert reporter.carrier.in_flight() is None
    assert [log["args"]["report"]["seq"] for log in reports_of(chain, "operator-1")] == [1]
    assert outcome.seq == 1


def test_another_result_for_a_signed_round_is_never_signed(
    make: Callable[..., Path], chain: Chain, county: dict[str, Path], tmp_path: Path
) -> None:
    def kill(done: str) -> None:
        if done == "outbox written":
            raise Died

    with pytest.raises(Died), working(make("operator-1"), on_step=kill) as reporter:
        reporter.report(reporter.settings.rounds[0])
    changed = make("operator-1", files={"second_trees": exaggerated(county, tmp_path)})
    with working(changed) as reporter, pytest.raises(WouldEquivocate):
        reporter.report(reporter.settings.rounds[0])
    with working(make("operator-1")) as reporter:
        reporter.report(reporter.settings.rounds[0])
    changed = make("operator-1", files={"second_trees": exaggerated(county, tmp_path)})
    lost = replace(read_settings(changed), state=tmp_path / "new-state")
    with reporter_at(lost, LocalSigner(KEYS["operator-1"])) as reporter, pytest.raises(WouldEquivocate):
        reporter.report(lost.rounds[0])
    assert len(reports_of(chain, "operator-1")) == 1


def test_a_period_that_issues_nothing_is_not_reported(
    make: Callable[..., Path], chain: Chain, county: dict[str, Path]
) -> None:
    """The same trees at both visits, shrunk a little: a reversal."""
    with (
        working(
            make("operator-1", files={"second_trees": county["first_trees"], "first_trees": county["second_trees"]})
        ) as reporter,
        pytest.raises(NothingToReport, match="逆转"),
    ):
        reporter.report(reporter.settings.rounds[0])
    assert reports_of(chain, "operator-1") == []


def committee_calls(chain: Chain, call: Any) -> None:
    chain.send(call, KEYS["committee"])


def let_pass(chain: Chain, seconds: int) -> None:
    chain.w3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]
    chain.w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]


@pytest.fixture
def candidate(make: Callable[..., Path], chain: Chain) -> bytes:
    """A round that two reporters agree on."""
    assert chain.w3.is_connected()
    for name in ("operator-1", "verifier"):
        with working(make(name)) as reporter:
            round_id = reporter.report(reporter.settings.rounds[0]).round_id
    return bytes(round_id)


@pytest.fixture
def voided(chain: Chain, candidate: bytes) -> bytes:
    """The round was challenged by a reporter, and two of the panel found it wrong."""
    panel = chain.contract("MonitoringPanel").functions
    members = [KEYS["committee"], KEYS["deployer"]]
    committee_calls(chain, panel.electPanel(*(key.address for key in members), "0x" + 40 * "3"))
    chain.send(panel.challenge(candidate, b"\1" * 32, b"\2" * 32), KEYS["operator-2"])
    for key in members:
        chain.send(panel.vote(candidate, 2), key)
    return candidate


def test_the_status_says_that_a_round_is_disputed(make: Callable[..., Path], chain: Chain, candidate: bytes) -> None:
    panel = chain.contract("MonitoringPanel").functions
    members = (KEYS["committee"].address, KEYS["deployer"].address, "0x" + 40 * "3")
    committee_calls(chain, panel.electPanel(*members))
    chain.send(panel.challenge(candidate, b"\1" * 32, b"\2" * 32), KEYS["operator-2"])
    assert "质疑中 · disputed 序号 seq 1" in run_command("status", "--settings", make("operator-1")).stdout
    let_pass(chain, WINDOW)
    with working(make("operator-1")) as reporter:
        assert reporter.advance()[1] == 0


@pytest.mark.usefixtures("voided")
def test_the_status_says_that_a_round_is_void(make: Callable[..., Path]) -> None:
    assert "作废 · void 序号 seq 1" in run_command("status", "--settings", make("operator-1")).stdout


@pytest.mark.usefixtures("voided")
def test_a_void_round_is_reported_anew_and_its_void_figures_never(
    make: Callable[..., Path], chain: Chain, county: dict[str, Path], tmp_path: Path
) -> None:
    with working(make("operator-1")) as reporter, pytest.raises(Refused) as refused:
        reporter.report(reporter.settings.rounds[0])
    assert refused.value.name == "ResultVoided"
    corrected = make("operator-1", files={"second_trees": exaggerated(county, tmp_path)})
    with working(corrected) as reporter:
        assert reporter.report(reporter.settings.rounds[0]).seq == 2
        assert reporter.report(reporter.settings.rounds[0]).was_there
    with working(make("operator-1")) as reporter, pytest.raises(WouldEquivocate):
        reporter.report(reporter.settings.rounds[0])
    assert len(reports_of(chain, "operator-1")) == 2


def test_the_same_figures_are_signed_anew_under_new_rules_and_no_others(
    make: Callable[..., Path], chain: Chain, county: dict[str, Path], tmp_path: Path
) -> None:
    settings = make("operator-1")
    with working(settings) as reporter:
        reporter.report(reporter.settings.rounds[0])
    oracle = chain.contract("MonitoringOracle").functions
    committee_calls(chain, oracle.removeSigner(bytes32_of(FEED), KEYS["operator-2"].address))
    changed = make("operator-1", files={"second_trees": exaggerated(county, tmp_path)})
    with working(changed) as reporter, pytest.raises(WouldEquivocate):
        reporter.report(reporter.settings.rounds[0])
    with working(make("operator-1")) as reporter:
        assert reporter.report(reporter.settings.rounds[0]).seq == 2
        assert reporter.report(reporter.settings.rounds[0]).was_there
    assert len(reports_of(chain, "operator-1")) == 2


@pytest.mark.usefixtures("candidate")
def test_a_candidate_of_older_rules_needs_no_second_report(make: Callable[..., Path], chain: Chain) -> None:
    oracle = chain.contract("MonitoringOracle").functions
    committee_calls(chain, oracle.removeSigner(bytes32_of(FEED), KEYS["operator-2"].address))
    with working(make("operator-1")) as reporter:
        assert reporter.report(reporter.settings.rounds[0]).was_there
        let_pass(chain, WINDOW)
        assert reporter.advance()[1] == 1
        assert reporter.report(reporter.settings.rounds[0]).was_there


@pytest.mark.usefixtures("candidate")
def test_nothing_is_made_final_during_a_pause(make: Callable[..., Path], chain: Chain) -> None:
    oracle = chain.contract("MonitoringOracle").functions
    let_pass(chain, WINDOW)
    committee_calls(chain, oracle.pause(b"\1" * 32))
    with working(make("operator-1")) as reporter:
        assert reporter.advance()[1] == 0
        committee_calls(chain, oracle.resume(b"\1" * 32))
        assert reporter.advance()[1] == 1


@pytest.mark.usefixtures("chain")
def test_a_stranger_is_refused_by_the_contract(make: Callable[..., Path]) -> None:
    settings = read_settings(make("operator-1"))
    with reporter_at(settings, LocalSigner(KEYS["committee"])) as reporter, pytest.raises(Refused) as refused:
        reporter.report(settings.rounds[0])
    assert refused.value.name == "UnknownSigner"


def test_two_processes_in_one_folder_are_refused(make: Callable[..., Path]) -> None:
    settings = make("operator-1")
    with working(settings), pytest.raises(FolderInUse, match="state"), working(settings):
        pass


def test_a_transaction_that_waits_is_sent_again_with_a_higher_fee(chain: Chain, tmp_path: Path) -> None:
    """Nothing is mined: the fee rises by a quarter each time. When blocks come again, it is mined once."""
    request = chain.w3.provider.make_request
    request("evm_setAutomine", [False])  # type: ignore[arg-type]
    carrier = Carrier(
        chain, LocalSigner(KEYS["operator-1"]), tmp_path / "flight.json", patience_seconds=0.1, attempts=3
    )
    anchor = chain.contract("MonitoringOracle").functions.anchor
    with pytest.raises(NotMined):
        carrier.send(anchor(b"\x07" * 32))
    flight = carrier.in_flight()
    assert flight is not None
    assert len(flight["sent"]) == 3
    assert flight["maxPriorityFeePerGas"] > 1.5 * 10**9
    request("evm_setAutomine", [True])  # type: ignore[arg-type]
    request("evm_mine", [])  # type: ignore[arg-type]
    again = Carrier(chain, LocalSigner(KEYS["operator-1"]), tmp_path / "flight.json", patience_seconds=5)
    again.send(anchor(b"\x08" * 32))
    assert again.settle() is None
    anchored_at = chain.contract("MonitoringOracle").functions.anchoredAt
    assert all(chain.call(anchored_at(bytes([byte]) * 32)) for byte in (7, 8))
    assert chain.w3.eth.get_transaction_count(KEYS["operator-1"].address) == flight["nonce"] + 2


def test_what_a_dead_process_left_in_flight_goes_before_anything_new(chain: Chain, tmp_path: Path) -> None:
    """The node forgot it, too. Its nonce is not given to the next transaction: that one would take its place."""
    request = chain.w3.provider.make_request
    request("evm_setAutomine", [False])  # type: ignore[arg-type]
    signer, journal = LocalSigner(KEYS["operator-1"]), tmp_path / "flight.json"
    anchor = chain.contract("MonitoringOracle").functions.anchor
    with pytest.raises(NotMined):
        Carrier(chain, signer, journal, patience_seconds=0.1, attempts=2).send(anchor(b"\x07" * 32))
    request("anvil_dropAllTransactions", [])  # type: ignore[arg-type]
    request("evm_setAutomine", [True])  # type: ignore[arg-type]
    Carrier(chain, signer, journal, patience_seconds=5).send(anchor(b"\x08" * 32))
    anchored_at = chain.contract("MonitoringOracle").functions.anchoredAt
    assert all(chain.call(anchored_at(bytes([byte]) * 32)) for byte in (7, 8))


def test_evidence_of_a_day_is_anchored_once(make: Callable[..., Path], chain: Chain, tmp_path: Path) -> None:
    settings = make("operator-1", head='evidence = "evidence"\n')
    refused = run_command("anchor", "--settings", settings, "--day", "2025-06-30")
    assert refused.exit_code == 2
    assert "没有这个文件或文件夹" in refused.stderr
    assert "not a day" in run_command("anchor", "--settings", settings, "--day", "yesterday").stderr
    (tmp_path / "evidence" / "2025-06-30" / "sensors").mkdir(parents=True)
    (tmp_path / "evidence" / "2025-06-30" / "sensors" / "a.frames").write_bytes(b"one\ntwo\n")
    first = run_command("anchor", "--settings", settings, "--day", "2025-06-30")
    assert first.exit_code == 0, first.stderr
    assert "anchored" in first.stdout
    root = bytes.fromhex(first.stdout.split()[0][2:])
    content = b"2025-06-30/sensors/a.frames\x00" + hashlib.sha256(b"one\ntwo\n").digest()
    lines = b"2025-06-30/sensors/a.frames#rows\x00" + merkle_root([b"one", b"two"])
    assert root == merkle_root([content, lines])
    assert chain.call(chain.contract("MonitoringOracle").functions.anchoredAt(root)) > 0
    assert "was anchored already" in run_command("anchor", "--settings", settings, "--day", "2025-06-30").stdout


def test_a_bundle_of_a_report_is_reproduced_and_proves_its_lines(
    make: Callable[..., Path], chain: Chain, tmp_path: Path
) -> None:
    settings = make("operator-1")
    reported = json.loads(run_command("report", "--settings", settings, "--json").stdout)[0]
    (sent,) = reports_of(chain, "operator-1")
    root = sent["args"]["report"]["evidenceRoot"].hex()
    (bundle,) = (tmp_path / "operator-1-state" / "bundles").glob("*.tar")
    again = run_command("reproduce", bundle, "--root", f"0x{root}", "--json")
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout)["digest"] == reported["digest"]
    assert run_command("reproduce", bundle, "--root", "0x" + "11" * 32).exit_code == 2
    proof = run_command("prove", bundle, "--file", "second_trees/trees-2025.csv", "--line", 5)
    (tmp_path / "proof.json").write_text(proof.stdout, "utf-8")
    assert "holds" in run_command("verify", tmp_path / "proof.json", "--root", root).stdout
    assert "does not hold" in run_command("verify", tmp_path / "proof.json", "--root", "11" * 32).stderr
    assert "not 32 bytes" in run_command("verify", tmp_path / "proof.json", "--root", "0x11").stderr
    status = run_command("status", "--settings", settings)
    assert "last seq 1" in status.stdout


# --- Quality flags --------------------------------------------------------------------------------


def with_a_copied_plot(county: dict[str, Path], folder: Path) -> Path:
    """The second tally sheet, in which one plot has the trees of another: one sample shown as two."""
    header, *rows = county["second_trees"].read_text("utf-8").splitlines()
    sheets: dict[str, list[str]] = {}
    for row in rows:
        sheets.setdefault(row.split(",")[0], []).append(row)
    strata = {plot: listed[0].split(",")[1] for plot, listed in sheets.items()}
    one, other = next(
        (one, other) for one in sheets for other in sheets if one < other and strata[one] == strata[other]
    )
    sheets[other] = [row.replace(one, other, 1) for row in sheets[one]]
    path = folder / "copied" / county["second_trees"].name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *(row for listed in sheets.values() for row in listed)]) + "\n", "utf-8")
    return path


def test_a_copied_plot_refuses_the_report_or_sets_its_bit_as_the_policy_says(
    make: Callable[..., Path], chain: Chain, county: dict[str, Path], tmp_path: Path
) -> None:
    copied = {"second_trees": with_a_copied_plot(county, tmp_path)}
    with working(make("operator-1", files=copied)) as reporter, pytest.raises(NothingToReport, match="too regular"):
        reporter.report(reporter.settings.rounds[0])
    assert reports_of(chain, "operator-1") == []
    policy = tmp_path / "policy.toml"
    policy.write_text('refuse = ["moved"]\n', "utf-8")
    settings = make("operator-1", files={**copied, "policy": policy})
    assert "too regular" in run_command("report", "--settings", settings, "--dry-run").stdout
    assert reports_of(chain, "operator-1") == []
    with working(settings) as reporter:
        reporter.report(reporter.settings.rounds[0])
    (sent,) = reports_of(chain, "operator-1")
    assert sent["args"]["report"]["qcFlags"] == Flag.TOO_REGULAR


def test_clean_plots_are_reported_without_a_flag(make: Callable[..., Path], chain: Chain) -> None:
    with working(make("operator-1")) as reporter:
        reporter.report(reporter.settings.rounds[0])
    (sent,) = reports_of(chain, "operator-1")
    assert sent["args"]["report"]["qcFlags"] == 0


def test_faults_in_frames_arrive_as_bits_in_the_report_on_chain(
    make: Callable[..., Path], chain: Chain, tmp_path: Path
) -> None:
    """Two sensors over two days; of one, two frames never came and one says what soil cannot be."""
    start = 1_751_241_600
    keys = {name: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number, name in ((1, "A"), (2, "B"))}
    random = Random(4)
    journal = Journal(tmp_path / "journal", {name: key.public_key().public_bytes_raw() for name, key in keys.items()})
    for number in range(96):
        for name, key in keys.items():
            moisture = 0.3 + 0.05 * math.sin(number / 9) + random.gauss(0, 0.01)
            if name == "A" and number in (40, 41):
                continue
            if name == "A" and number == 60:
                moisture = 7.0
            at = start + 1_800 * number
            sent = sign_frame(key, device=name, seq=number + 1, at=at, values={"soil": round(moisture, 3)})
            assert journal.take(sent, arrived=at + 5) is Verdict.KEPT
    journal.close()
    frames = tmp_path / "two-days.frames"
    frames.write_bytes(b"".join(path.read_bytes() for path in sorted((tmp_path / "journal").glob("*/*"))))
    devices, limits = tmp_path / "devices.csv", tmp_path / "limits.toml"
    devices.write_text(
        "device,key\n" + "".join(f"{name},{key.public_key().public_bytes_raw().hex()}\n" for name, key in keys.items())
    )
    limits.write_text("least = 0.0\nmost = 1.0\ninterval = 1800\nresolution = 0.001\n")
    settings = make("operator-1")
    head = settings.read_text("utf-8").partition("[[rounds]]")[0]
    settings.write_text(
        f'{head}[[rounds]]\nfeed = "{FEED}"\nkind = "sensors"\nsubject = "soil-1"\nquantity = "soil"\nfill = 3\n'
        f"period_start = {start}\nperiod_end = {start + 2 * 86_400}\n"
        '[rounds.files]\nframes = "two-days.frames"\ndevices = "devices.csv"\nlimits = "limits.toml"\n'
    )
    told = run_command("report", "--settings", settings)
    assert told.exit_code == 0, told.stderr
    assert "gap in the sequence" in told.stdout
    (sent,) = reports_of(chain, "operator-1")
    report = sent["args"]["report"]
    expected = Flag.MISSING | Flag.RANGE | Flag.SEQUENCE_GAP | Flag.GAP_FILLED
    assert report["qcFlags"] & expected == expected
    assert not report["qcFlags"] & (Flag.MOVED | Flag.TOO_REGULAR | Flag.CLOCK_DRIFT)
    assert 250 < report["value"] < 350
    (bundle,) = (tmp_path / "operator-1-state" / "bundles").glob("*.tar")
    again = json.loads(run_command("reproduce", bundle, "--json").stdout)
    assert again["qc_flags"] == report["qcFlags"]


# --- Three processes, one of them lying -----------------------------------------------------------


def process(*arguments: object, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "oracles", *map(str, arguments)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def test_of_three_reporters_one_lies_and_is_outvoted(
    make: Callable[..., Path], chain: Chain, county: dict[str, Path], tmp_path: Path
) -> None:
    liar = make("operator-1", files={"second_trees": exaggerated(county, tmp_path)})
    honest = [make("operator-2"), make("verifier")]
    started = [process("report", "--settings", settings, "--json") for settings in (liar, *honest)]
    answers = []
    for one in started:
        out, err = one.communicate(timeout=120)
        assert one.returncode == 0, err
        answers.append(json.loads(out)[0])
    lie, truth, same = answers
    assert truth["digest"] == same["digest"]
    assert int(lie["result"]["value"]) > 1.1 * int(truth["result"]["value"])

    oracle = chain.contract("MonitoringOracle").functions
    round_id = bytes.fromhex(truth["round"][2:])
    assert lie["round"] == truth["round"]
    assert chain.call(oracle.roundOf(round_id))[0] == 1
    chain.w3.provider.make_request("evm_increaseTime", [WINDOW])  # type: ignore[arg-type]
    chain.w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]

    scheduled = process("run", "--settings", honest[1], "--times", 1)
    out, err = scheduled.communicate(timeout=120)
    assert scheduled.returncode == 0, err
    assert "1 rounds made final" in out
    final = chain.call(oracle.finalRound(round_id))
    assert int(truth["result"]["value"]) in final
    finalised = chain.contract("MonitoringOracle").events.Finalised().get_logs(from_block=chain.deployment.first_block)
    assert [event["args"]["value"] for event in finalised] == [int(truth["result"]["value"])]

    # The liar's files differ in one of five: whoever reproduces the bundle sees which.
    (bundle,) = (tmp_path / "operator-1-state" / "bundles").glob("*.tar")
    assert json.loads(run_command("reproduce", bundle, "--json").stdout)["digest"] == lie["digest"]


def test_a_process_that_is_killed_at_random_moments_reports_once(make: Callable[..., Path], chain: Chain) -> None:
    settings = make("verifier")
    for delay in (1.5, 3.0):
        running = process("run", "--settings", settings, "--every", "0.1")
        time.sleep(delay)
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
    last = process("report", "--settings", settings)
    _, err = last.communicate(timeout=120)
    assert last.returncode == 0, err
    assert [log["args"]["report"]["seq"] for log in reports_of(chain, "verifier")] == [1]
