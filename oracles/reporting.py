"""A reporter at work: one key, one sequence, one folder of state, and a chain that is the truth.

A reporter may be killed anywhere and started again. What it signed for a round lies in its outbox before it is sent;
what is in flight lies in the carrier's journal; whether a report arrived is asked of the chain, never remembered. So
nothing is reported twice, no sequence number is left out, and no second result is ever signed for one round, unless a
panel voided the first.
"""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime
from errno import ENOENT
from pathlib import Path
from typing import Any

from ledger_service.chain.carrier import Carrier, patiently
from ledger_service.chain.client import Chain, Refused, connect
from ledger_service.chain.deployment import Deployment
from ledger_service.chain.events import RoundState
from ledger_service.domain.bilingual import SYSTEM_ERRORS, Words, reason_of
from ledger_service.domain.identifiers import bytes32_of
from ledger_service.domain.units import feed_text
from ledger_service.files import only_one, write_whole
from oracles.bundle import KINDS, Result, evidence_entries, make_job, run
from oracles.errors import (
    InvalidParameters,
    InvalidRequest,
    MissingFile,
    NothingToReport,
    WouldEquivocate,
)
from oracles.evidence import RawFile, merkle_root
from oracles.keys import open_keystore, read_passphrase
from oracles.reports import Report, oracle_domain
from oracles.signers import LocalSigner, RemoteSigner, Signer
from oracles.sources import fia
from oracles.times import utc_seconds

DAY_SECONDS = 86_400
DEFAULT_VALID_DAYS = 366
FIA_FOLDER = "tables"
"""In `[rounds.files]`, the folder of an inventory's eight tables instead of each of them."""
FIGURES = ("value", "uncertainty", "share_root", "share_count", "evidence_root", "methodology")
"""What of a report is the result; the round and the rules are the rest of it."""
NOT_YET = frozenset(
    {
        "QuorumMissing",
        "CrossCheckMissing",
        "CrossCheckApart",
        "StaleConfig",
        "AlreadyCandidate",
        "AlreadyFinal",
        "NotCandidate",
        "ChallengeWindowOpen",
        "Paused",
        "ResultVoided",
    }
)
"""Refusals of a step that has to wait, or that somebody else has made."""


def _no_step(step: str) -> None:
    """Nobody watches."""
    del step


@dataclass(frozen=True, slots=True)
class RoundSettings:
    """What to compute and to which feed it goes."""

    feed: str
    kind: str
    settings: Mapping[str, str | int]
    paths: Mapping[str, Path]
    valid_days: int


@dataclass(frozen=True, slots=True)
class ReporterSettings:
    """A reporter, as its TOML file describes it. Roles differ by feed and kind only."""

    chain: str
    deployment: Path
    keystore: Path | None
    passphrase_file: Path | None
    signer_url: str | None
    signer_address: str | None
    state: Path
    evidence: Path | None
    rounds: tuple[RoundSettings, ...]


def read_settings(path: Path) -> ReporterSettings:
    """Reads a reporter's settings; paths are relative to the file.

    `chain`, `deployment`, `state`; either `keystore` with an optional `passphrase_file`, or `signer` and `address`;
    optionally `evidence`, the folder with a folder per day; and `[[rounds]]` with `feed`, `kind`, optionally
    `valid_days`, the settings of the kind, and `[rounds.files]`. Dates stand for the first second of their day in UTC.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise MissingFile(file=str(path), reason=reason_of(failure)) from failure
    except ValueError as failure:
        raise InvalidParameters(str(path), f"不是 TOML：{failure}", f"not TOML: {failure}") from failure
    home = path.resolve().parent
    known = {"chain", "deployment", "keystore", "passphrase_file", "signer", "address", "state", "evidence", "rounds"}
    if unknown := sorted(given.keys() - known):
        raise InvalidParameters(str(path), f"不认识的设置 {unknown[0]}", f"an unknown setting {unknown[0]}")

    def text(name: str, *, of: Mapping[str, Any] = given, needed: bool = True) -> str | None:
        value = of.get(name)
        if value is None:
            if needed:
                raise InvalidParameters(str(path), f"缺少设置 {name}", f"setting {name} is missing")
            return None
        if not isinstance(value, str) or not value:
            raise InvalidParameters(
                str(path), f"设置 {name} 应是文字，不是 {value!r}", f"setting {name} must be text, not {value!r}"
            )
        return value

    def place(name: str, *, of: Mapping[str, Any] = given, needed: bool = True) -> Path | None:
        value = text(name, of=of, needed=needed)
        return None if value is None else home / value

    has_keystore, has_signer = "keystore" in given, "signer" in given and "address" in given
    if has_keystore == has_signer:
        raise InvalidParameters(
            str(path), "keystore 与 signer+address 二选一", "either keystore, or signer and address, must be given"
        )
    rounds = []
    for one in given.get("rounds", []):
        files = {role: place(role, of=one.get("files", {})) for role in one.get("files", {})}
        if (tables := files.pop(FIA_FOLDER, None)) is not None:
            files |= fia.table_paths(tables)
        settings = {
            name: utc_seconds(value) if isinstance(value, date) and not isinstance(value, datetime) else value
            for name, value in one.items()
            if name not in ("feed", "kind", "files", "valid_days")
        }
        kind = text("kind", of=one) or ""
        if kind not in KINDS:
            raise InvalidParameters(str(path), f"没有 {kind} 这种计算", f"there is no computation {kind}")
        valid_days = one.get("valid_days", DEFAULT_VALID_DAYS)
        if type(valid_days) is not int or not 1 <= valid_days <= 3_660:
            raise InvalidParameters(
                str(path),
                f"valid_days 应为 1 至 3660 的整数，不是 {valid_days!r}",
                f"valid_days must be 1 to 3,660, not {valid_days!r}",
            )
        rounds.append(
            RoundSettings(
                feed=text("feed", of=one) or "",
                kind=kind,
                settings=settings,
                paths={role: found for role, found in files.items() if found is not None},
                valid_days=valid_days,
            )
        )
    deployment, state = place("deployment"), place("state")
    assert deployment is not None
    assert state is not None
    return ReporterSettings(
        chain=text("chain") or "",
        deployment=deployment,
        keystore=place("keystore", needed=False),
        passphrase_file=place("passphrase_file", needed=False),
        signer_url=text("signer", needed=False),
        signer_address=text("address", needed=False),
        state=state,
        evidence=place("evidence", needed=False),
        rounds=tuple(rounds),
    )


def open_signer(settings: ReporterSettings, ask: Callable[[Path], str]) -> Signer:
    """The signer of the settings; `ask` prompts a person for the passphrase when no file holds it."""
    if settings.keystore is None:
        assert settings.signer_url is not None
        assert settings.signer_address is not None
        return RemoteSigner(settings.signer_url, settings.signer_address)
    passphrase = (
        ask(settings.keystore) if settings.passphrase_file is None else read_passphrase(settings.passphrase_file)
    )
    return LocalSigner(open_keystore(settings.keystore, passphrase=passphrase))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a round stands after this reporter did its part."""

    round_id: bytes
    feed: str
    result: Result
    was_there: bool
    seq: int


@dataclass(frozen=True, slots=True)
class RoundStatus:
    """A round as the chain knows it, without computing anything."""

    feed: str
    kind: str
    subject: str
    last_seq: int
    group: int
    reported: tuple[str, ...]


class Reporter:
    """One key that reports to one deployment. Use it through `reporter_at`, which makes sure that it is alone."""

    def __init__(
        self, settings: ReporterSettings, chain: Chain, signer: Signer, *, on_step: Callable[[str], None] = _no_step
    ) -> None:
        self.settings = settings
        self.chain = chain
        self.signer = signer
        self.on_step = on_step
        self.oracle = chain.contract("MonitoringOracle")
        self.carrier = Carrier(chain, signer, settings.state / "in-flight.json", on_step=on_step)

    def report(self, wanted: RoundSettings) -> Outcome:
        """Computes a round, signs its result and brings it to the chain, unless it is there already.

        Raises:
            NothingToReport: The computation says that nothing may be issued.
            WouldEquivocate: This reporter signed another result for the round.
            Refused: The panel voided these figures.
        """
        self.carrier.settle()
        result, archive = run(make_job(wanted.kind, wanted.settings, wanted.paths))
        if result.refusal is not None:
            raise NothingToReport(result.refusal)
        feed, subject = bytes32_of(wanted.feed), bytes32_of(result.subject)
        period = (result.period_start, result.period_end)
        round_id = bytes(self._ask(self.oracle.functions.roundId(feed, subject, *period)))
        report = self._report(wanted, result, feed, subject)
        result_id = bytes(self._ask(self.oracle.functions.resultId(report.as_tuple())))

        outbox = self.settings.state / "outbox" / f"{round_id.hex()}.json"
        stands = self._ask(self.oracle.functions.roundOf(round_id))
        state = stands[0]
        on_chain = self._reported(round_id)
        for signed, signed_id in (*_in_outbox(outbox), *on_chain):
            # Under other rules the same figures are signed anew, and others only where the panel voided them.
            is_renewed = signed.config_digest != report.config_digest
            is_allowed = is_renewed and (state == RoundState.VOID or _figures(signed) == _figures(report))
            if signed_id != result_id and not is_allowed:
                raise WouldEquivocate(round_id, signed_id.hex(), result_id.hex())
        for signed, _ in on_chain:
            if signed.config_digest == report.config_digest or state not in (RoundState.NONE, RoundState.VOID):
                return Outcome(round_id, wanted.feed, result, True, signed.seq)

        if state == RoundState.VOID and _figures(report) == _figures_of_round(stands):
            # Signing them would only stand in the way of the figures that are right.
            raise Refused("ResultVoided", {"round": round_id})
        bundle = self.settings.state / "bundles" / f"{result.evidence_root.hex()}.tar"
        if not bundle.exists():
            write_whole(bundle, archive)
        self.on_step("bundle written")
        self.anchor_root(result.evidence_root)
        signature = self.signer.sign_report(report, self._domain())
        write_whole(
            outbox,
            json.dumps(
                {
                    "report": {
                        field.name: value.hex() if isinstance(value := getattr(report, field.name), bytes) else value
                        for field in fields(report)
                    },
                    "result_digest": result.digest.hex(),
                    "result_id": result_id.hex(),
                    "signature": signature.hex(),
                }
            ),
        )
        self.on_step("outbox written")
        self.carrier.send(self.oracle.functions.submit(report.as_tuple(), signature))
        self.on_step("reported")
        return Outcome(round_id, wanted.feed, result, False, report.seq)

    def anchor_root(self, root: bytes) -> bool:
        """Anchors a root, unless it is anchored. Returns whether it had to."""
        if self._ask(self.oracle.functions.anchoredAt(root)):
            return False
        self.carrier.send(self.oracle.functions.anchor(root))
        self.on_step("anchored")
        return True

    def anchor_day(self, day: date) -> tuple[bytes, int, bool]:
        """Anchors the root over everything in the evidence folder of a day: the root, the files, and whether it had to.

        A day whose folder is still filling has another root tomorrow: anchor it when it is over.
        """
        self.carrier.settle()
        files = read_day(self.settings.evidence, day)
        root = day_root(files)
        return root, len(files), self.anchor_root(root)

    def advance(self) -> tuple[int, int]:
        """Brings the rounds that this reporter has signed as far as they can come.

        A round whose quorum was there before its cross-check is nominated once both are, and a candidate is made final
        when its challenge window is over. Others may do the same first, which is as well.

        Returns:
            How many were nominated, and how many made final.
        """
        self.carrier.settle()
        nominated = finalised = 0
        for outbox in sorted((self.settings.state / "outbox").glob("*.json")):
            round_id = bytes.fromhex(outbox.stem)
            report = _report_in(outbox)
            state, final_from = self._ask(self.oracle.functions.roundOf(round_id))[:2]
            if state in (RoundState.NONE, RoundState.VOID) and self._try(
                self.oracle.functions.nominate(report.as_tuple())
            ):
                nominated += 1
            elif state == RoundState.CANDIDATE and final_from <= self._ask(self.oracle.functions.runningTime()):
                finalised += self._try(self.oracle.functions.finalise(round_id))
        return nominated, finalised

    def _try(self, call: Any) -> bool:
        """Makes a call that may have to wait, or that somebody else may have made; whether it was made now."""
        try:
            self.carrier.send(call)
        except Refused as refusal:
            if refusal.name not in NOT_YET:
                raise
            return False
        return True

    def status(self) -> tuple[RoundStatus, ...]:
        """How every round of the settings stands on chain, without computing it."""
        found = []
        for one in self.settings.rounds:
            feed = bytes32_of(one.feed)
            logs = self._logs({"signer": self.signer.address})
            found.append(
                RoundStatus(
                    feed=one.feed,
                    kind=one.kind,
                    subject=str(one.settings.get("subject", "")),
                    last_seq=self._ask(self.oracle.functions.lastSeq(feed, self.signer.address)),
                    group=self._ask(self.oracle.functions.groupOf(feed, self.signer.address)),
                    reported=tuple(
                        self._standing(one.feed, log["args"]) for log in logs if log["args"]["report"]["feed"] == feed
                    ),
                )
            )
        return tuple(found)

    def _standing(self, feed: str, reported: Mapping[str, Any]) -> str:
        """A reported round in a line; of one that is still open, what it waits for."""
        report = reported["report"]
        state = self._ask(self.oracle.functions.roundOf(reported["round"]))[0]
        value = feed_text(feed, report["value"])
        line = f"{STATES[state]} 序号 seq {report['seq']} 数值 value {value} qcFlags {report['qcFlags']:#x}"
        if state == RoundState.NONE:
            try:
                self._ask(self.oracle.functions.nominate(tuple(report.values())))
            except Refused as refusal:
                line += f" ({refusal})"
        return line

    def _report(self, wanted: RoundSettings, result: Result, feed: bytes, subject: bytes) -> Report:
        return Report(
            feed=feed,
            subject=subject,
            period_start=result.period_start,
            period_end=result.period_end,
            observed_at=result.observed_at,
            valid_until=result.observed_at + wanted.valid_days * DAY_SECONDS,
            seq=self._ask(self.oracle.functions.lastSeq(feed, self.signer.address)) + 1,
            value=result.value,
            uncertainty=result.uncertainty,
            share_root=result.share_root,
            share_count=result.share_count,
            evidence_root=result.evidence_root,
            methodology=result.methodology,
            qc_flags=result.qc_flags,
            config_digest=bytes(self._ask(self.oracle.functions.configDigest(feed))),
        )

    def _reported(self, round_id: bytes) -> list[tuple[Report, bytes]]:
        """What this reporter brought to a round, and the identifiers of the results."""
        return [
            (Report(*log["args"]["report"].values()), bytes(log["args"]["result"]))
            for log in self._logs({"round": round_id, "signer": self.signer.address})
        ]

    def _logs(self, arguments: dict[str, Any]) -> Sequence[Any]:
        event = self.oracle.events.Reported()
        return patiently(
            lambda: list(event.get_logs(from_block=self.chain.deployment.first_block, argument_filters=arguments))
        )

    def _domain(self) -> dict[str, Any]:
        return oracle_domain(chain_id=self.chain.chain_id, verifying_contract=self.oracle.address)

    def _ask(self, call: Any) -> Any:
        return patiently(lambda: self.chain.call(call))


def _in_outbox(outbox: Path) -> Iterator[tuple[Report, bytes]]:
    """What was signed for a round last, and the identifier of its result."""
    if outbox.exists():
        content = json.loads(outbox.read_text("utf-8"))
        kinds = {field.name: field.type for field in fields(Report)}
        named: dict[str, Any] = {
            name: bytes.fromhex(value) if kinds[name] in (bytes, "bytes") else value
            for name, value in content["report"].items()
        }
        yield Report(**named), bytes.fromhex(content["result_id"])


def _report_in(outbox: Path) -> Report:
    """The report that lies in an outbox."""
    ((report, _),) = _in_outbox(outbox)
    return report


STATES: Mapping[int, Words] = {
    RoundState.NONE: Words("未达法定数", "open"),
    RoundState.CANDIDATE: Words("候选", "candidate"),
    RoundState.FINAL: Words("最终", "final"),
    RoundState.DISPUTED: Words("质疑中", "disputed"),
    RoundState.VOID: Words("作废", "void"),
}


def _figures(report: Report) -> tuple[Any, ...]:
    return tuple(getattr(report, name) for name in FIGURES)


def _figures_of_round(stands: Any) -> tuple[Any, ...]:
    """The figures of a round as `roundOf` tells them, in the order of `FIGURES`."""
    _, _, _, _, _, _, _, _, _, _, count, value, uncertainty, _, _, root, evidence, methodology, *_ = stands
    return (value, uncertainty, root, count, evidence, methodology)


@contextmanager
def reporter_at(
    settings: ReporterSettings, signer: Signer, *, on_step: Callable[[str], None] = _no_step
) -> Iterator[Reporter]:
    """A reporter, alone in its folder of state for the length of the block. The system frees it however it dies."""
    with only_one(settings.state):
        if not settings.deployment.exists():
            raise MissingFile(file=str(settings.deployment), reason=SYSTEM_ERRORS[ENOENT])
        chain = Chain(patiently(lambda: connect(settings.chain)), Deployment.load(settings.deployment))
        yield Reporter(settings, chain, signer, on_step=on_step)


# --- Daily evidence -------------------------------------------------------------------------------


def read_day(evidence: Path | None, day: date) -> tuple[RawFile, ...]:
    """Every file in the evidence folder of a day, `2025-06-30/…`, in the order of their names."""
    if evidence is None:
        raise InvalidRequest("设置里没有 evidence 文件夹", "the settings name no evidence folder")
    folder = evidence / day.isoformat()
    if not folder.is_dir():
        raise MissingFile(file=str(folder), reason=SYSTEM_ERRORS[ENOENT])
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise InvalidRequest(f"{folder} 是空的", f"{folder} is empty")
    return tuple(
        RawFile(f"{day.isoformat()}/{path.relative_to(folder).as_posix()}", path.read_bytes()) for path in paths
    )


def day_root(files: Sequence[RawFile]) -> bytes:
    """The RFC 6962 root of a day: two leaves for each file, its content and its lines."""
    return merkle_root([entry for _, entry in evidence_entries(files)])


def to_mapping(outcome: Outcome) -> dict[str, Any]:
    """An outcome for a machine."""
    return {
        "digest": f"0x{outcome.result.digest.hex()}",
        "feed": outcome.feed,
        "result": outcome.result.to_mapping(),
        "round": f"0x{outcome.round_id.hex()}",
        "seq": outcome.seq,
        "was_there": outcome.was_there,
    }
