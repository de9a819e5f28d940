"""Reporters at work: each has a keystore of its own and signs what it measured; somebody carries it to the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from gongsheng.cast import CROSS_CHECKER, REPORTERS
from gongsheng.county import CHALLENGE_WINDOW, advance
from ledger_service.chain.client import Chain
from ledger_service.domain.identifiers import bytes32_of
from oracles.keys import create_keystore, load_keystore, read_passphrase
from oracles.reports import Report, oracle_domain, sign

YEAR = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Measured:
    """What a quorum is to agree on. Times are UTC seconds, value and uncertainty are in the unit of the feed."""

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
    qc_flags: int
    """What the quality checks found in the data, as bits of `oracles.quality.Flag`."""


def open_keystores(folder: Path) -> Mapping[str, LocalAccount]:
    """Opens each reporter's encrypted keystore with its passphrase file; makes both first if they are not there."""
    folder.mkdir(parents=True, exist_ok=True)
    accounts = {}
    for name in (*REPORTERS, CROSS_CHECKER):
        keystore, passphrase = folder / f"{name}.json", folder / f"{name}.passphrase"
        if not keystore.exists():
            passphrase.write_text(f"passphrase of {name} in an embedded county\n", "utf-8")
            passphrase.chmod(0o600)
            create_keystore(keystore, Account.create(), passphrase=read_passphrase(passphrase), fast=True)
        accounts[name] = load_keystore(keystore, passphrase_file=passphrase)
    return accounts


def anchor(chain: Chain, roots: Sequence[bytes], carrier: LocalAccount) -> None:
    """Fixes evidence in time."""
    for root in roots:
        chain.send(chain.contract("MonitoringOracle").functions.anchor(root), carrier)


def report_by(chain: Chain, measured: Measured, signer: LocalAccount) -> tuple[Report, bytes]:
    """One reporter's report of `measured`, next in its own sequence, with its signature."""
    oracle = chain.contract("MonitoringOracle")
    feed = bytes32_of(measured.feed)
    report = Report(
        feed=feed,
        subject=bytes32_of(measured.subject),
        period_start=measured.period_start,
        period_end=measured.period_end,
        observed_at=measured.observed_at,
        valid_until=measured.observed_at + YEAR,
        seq=chain.call(oracle.functions.lastSeq(feed, signer.address)) + 1,
        value=measured.value,
        uncertainty=measured.uncertainty,
        share_root=measured.share_root,
        share_count=measured.share_count,
        evidence_root=measured.evidence_root,
        methodology=measured.methodology,
        qc_flags=measured.qc_flags,
        config_digest=chain.call(oracle.functions.configDigest(feed)),
    )
    domain = oracle_domain(chain_id=chain.chain_id, verifying_contract=oracle.address)
    return report, sign(report, domain, signer)


def submit(chain: Chain, measured: Measured, signers: Sequence[LocalAccount], carrier: LocalAccount) -> bytes:
    """Carries the reports of `signers` to the chain in one transaction.

    Returns:
        The round's id.
    """
    return submit_metered(chain, measured, signers, carrier)[0]


def submit_metered(
    chain: Chain, measured: Measured, signers: Sequence[LocalAccount], carrier: LocalAccount
) -> tuple[bytes, int]:
    """Does the same, and says what gas it took."""
    oracle = chain.contract("MonitoringOracle").functions
    signed = [report_by(chain, measured, signer) for signer in signers]
    messages = [tuple(report.message().values()) for report, _ in signed]
    receipt = chain.send(oracle.submitMany(messages, [signature for _, signature in signed]), carrier)
    first = signed[0][0]
    round_id: bytes = chain.call(oracle.roundId(first.feed, first.subject, first.period_start, first.period_end))
    return round_id, int(receipt["gasUsed"])


def finalise(chain: Chain, rounds: Sequence[bytes], carrier: LocalAccount) -> None:
    """Waits for the challenge window, then makes the rounds final."""
    advance(chain, CHALLENGE_WINDOW)
    for round_id in rounds:
        chain.send(chain.contract("MonitoringOracle").functions.finalise(round_id), carrier)
