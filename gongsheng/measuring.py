"""Reporters at work: each has a keystore of its own, signs what it measured, and somebody carries it to the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount

from gongsheng.cast import CROSS_CHECKER, REPORTERS, Cast
from gongsheng.county import CHALLENGE_WINDOW, advance
from ledger_service.chain.client import Chain
from ledger_service.chain.typed_data import domain
from oracles.keys import create_keystore, load_keystore
from oracles.reports import Report, short_bytes32, sign

YEAR = 366 * 86_400
_PASSPHRASE = "embedded county"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a quorum is to agree on."""

    feed: str
    subject: str
    period_start: int
    period_end: int
    observed_at: int
    value: int
    uncertainty: int
    share_root: bytes
    share_count: int
    evidence_root: bytes
    methodology: bytes


def open_keystores(folder: Path, cast: Cast) -> Mapping[str, LocalAccount]:
    """Writes an encrypted keystore for each reporter, and opens them again with the passphrase from a file."""
    folder.mkdir(parents=True, exist_ok=True)
    passphrase = folder / "passphrase"
    passphrase.write_text(_PASSPHRASE, "utf-8")
    passphrase.chmod(0o600)
    accounts = {}
    for name in (*REPORTERS, CROSS_CHECKER):
        path = folder / f"{name}.json"
        create_keystore(path, cast.account(name), passphrase=_PASSPHRASE, fast=True)
        accounts[name] = load_keystore(path, passphrase_file=passphrase)
    return accounts


def anchor(chain: Chain, roots: Sequence[bytes], carrier: LocalAccount) -> None:
    """Fixes the evidence in time."""
    for root in roots:
        chain.send(chain.contract("MonitoringOracle").functions.anchor(root), carrier)


def report_by(chain: Chain, measured: Measured, signer: LocalAccount) -> tuple[Report, bytes]:
    """One reporter's report of `measured`, next in its own sequence, with its signature."""
    oracle = chain.contract("MonitoringOracle").functions
    feed = short_bytes32(measured.feed)
    report = Report(
        feed=feed,
        subject=short_bytes32(measured.subject),
        period_start=measured.period_start,
        period_end=measured.period_end,
        observed_at=measured.observed_at,
        valid_until=measured.observed_at + YEAR,
        seq=chain.call(oracle.lastSeq(feed, signer.address)) + 1,
        value=measured.value,
        uncertainty=measured.uncertainty,
        share_root=measured.share_root,
        share_count=measured.share_count,
        evidence_root=measured.evidence_root,
        methodology=measured.methodology,
        qc_flags=0,
        config_digest=chain.call(oracle.configDigest(feed)),
    )
    return report, sign(report, domain(chain, "MonitoringOracle"), signer)


def submit(chain: Chain, measured: Measured, signers: Sequence[LocalAccount], carrier: LocalAccount) -> bytes:
    """Carries the reports of `signers` to the chain in one transaction.

    Returns:
        The round's id.
    """
    oracle = chain.contract("MonitoringOracle").functions
    signed = [report_by(chain, measured, signer) for signer in signers]
    chain.send(oracle.submitMany([report.as_tuple() for report, _ in signed], [sig for _, sig in signed]), carrier)
    first = signed[0][0]
    round_id: bytes = chain.call(oracle.roundId(first.feed, first.subject, first.period_start, first.period_end))
    return round_id


def finalise(chain: Chain, rounds: Sequence[bytes], carrier: LocalAccount) -> None:
    """Waits for the challenge window, then makes the rounds final."""
    advance(chain, CHALLENGE_WINDOW)
    for round_id in rounds:
        chain.send(chain.contract("MonitoringOracle").functions.finalise(round_id), carrier)
