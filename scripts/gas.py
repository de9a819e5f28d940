"""Gas of what the ledger does often, each in a transaction of its own, at 1,048,576 holders.

Writes `build/gas.json`, a list of {"operation", "gas", "target", "holds"}, with the targets of `gas-targets.toml`.
`--check` compares with the committed snapshot `tests/gas-snapshot.json` instead, and fails when a figure changed;
`--update` writes it, and the table in contracts/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from rich.console import Console
from rich.table import Table

from gongsheng import lending, measuring
from gongsheng.cast import CROSS_CHECKER, REPORTERS, Cast
from gongsheng.county import (
    CARBON_AGREEMENT,
    CARBON_CROSS_CHECK_FEED,
    CARBON_FEED,
    CARBON_HOLDERS_LEG,
    CARBON_PROJECT,
    DAY,
    PRODUCT_AGREEMENT,
    admit,
    advance,
    committee_decides,
    deploy_protocol,
    fund_with_gas,
    open_county,
)
from gongsheng.measuring import Measured
from ledger_service.chain.client import Chain, connect
from ledger_service.chain.embedded import embedded_chain
from ledger_service.chain.tools import ROOT
from ledger_service.domain.identifiers import bytes32_of
from ledger_service.domain.units import Period, period_of
from pyo3_core import Register
from scripts import contracts_page
from scripts.contracts_page import goals

SNAPSHOT = ROOT / "tests" / "gas-snapshot.json"
REPORT = ROOT / "build" / "gas.json"
HOLDERS = 1 << 20
BLOCK_HOLDERS = 50
BLOCK_SECONDS = 12
SUBJECT, PRODUCT = "gas-pool", "gas-product"
CLOCK = 1_798_761_600
"""2027-01-01: where the embedded chain's clock begins."""
FIRST_PERIOD = Period.parse("2025-11")


def evidence_of(period: Period) -> bytes:
    """The root of a month's data; one piece of evidence serves one round."""
    return period.value.to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class Figure:
    """Gas of one operation; no target where only the figure is asked for."""

    operation: str
    gas: int
    is_exact: bool = True
    """Whether every run gives the same figure: signatures by keys of their own differ in their zero bytes."""

    @property
    def target(self) -> int | None:
        """None where it is reported only."""
        goal = goals().get(self.operation)
        return None if goal is None else goal.target

    @property
    def holds(self) -> bool:
        return self.target is None or self.gas <= self.target


class Bench:
    """A county with registers of 1,048,576 holders in its carbon pool."""

    def __init__(self, chain: Chain, cast: Cast, reporters: dict[str, LocalAccount]) -> None:
        self.chain = chain
        self.cast = cast
        self.reporters = reporters
        self.relayer = cast.account("relayer")
        self.figures: list[Figure] = []
        self.receipts = 0
        self.pledges = 0
        self.quorum_gas = 0
        rng = np.random.default_rng(20_260)
        accounts = rng.integers(1, 256, size=(HOLDERS, 20), dtype=np.uint8)
        self.borrowers = {index: Account.from_key(rng.bytes(32)) for index in (7, 8)}
        for index, account in self.borrowers.items():
            accounts[index] = np.frombuffer(bytes.fromhex(account.address[2:]), dtype=np.uint8)
        self.register = Register(accounts, rng.integers(1, 10_000, size=HOLDERS, dtype=np.uint64))

    def send(self, call: Any, sender: LocalAccount | None = None) -> int:
        # In the second of the one before it, bringing a loan up to date would write what stands there already.
        advance(self.chain, BLOCK_SECONDS)
        return int(self.chain.send(call, sender or self.relayer)["gasUsed"])

    def record(self, operation: str, gas: int, *, is_exact: bool = True) -> None:
        self.figures.append(Figure(operation, gas, is_exact))

    def round(self, period: Period) -> bytes:
        """A final carbon round of one month, with the big register."""
        common: dict[str, Any] = {
            "subject": SUBJECT,
            "period_start": period.starts_at,
            "period_end": period.ends_at,
            "observed_at": CLOCK - DAY,
            "value": self.register.total,
            "uncertainty": 0,
            "evidence_root": evidence_of(period),
            "methodology": b"\2" * 32,
            "qc_flags": 0,
        }
        none: dict[str, Any] = {"share_root": bytes(32), "share_count": 0}
        some: dict[str, Any] = {"share_root": self.register.root, "share_count": len(self.register)}
        crossed = Measured(feed=CARBON_CROSS_CHECK_FEED, **common, **none)
        measuring.submit(self.chain, crossed, [self.reporters[CROSS_CHECKER]], self.relayer)
        measured = Measured(feed=CARBON_FEED, **common, **some)
        signers = [self.reporters[name] for name in REPORTERS]
        round_id, self.quorum_gas = measuring.submit_metered(self.chain, measured, signers, self.relayer)
        return round_id

    def income(self, agreement: str, period: Period, key: bytes | None = None) -> int:
        self.receipts += 1
        reference = f"GAS-{self.receipts:06d}".encode().ljust(32, b"\0")
        call = self.chain.contract("Revenue").functions.receiveIncome(
            key or bytes32_of(agreement), period.value, 800_000_000, reference
        )
        return self.send(call, self.cast.account("treasurer"))

    def line(self, period: Period) -> tuple[bytes, int, int, int]:
        return (bytes32_of(CARBON_AGREEMENT), 1, period.value, CARBON_HOLDERS_LEG)

    def leaf(self, index: int) -> tuple[int, bytes, int]:
        account, weight = self.register.leaf(index)
        return (index, account, weight)

    def claim(self, period: Period, index: int) -> int:
        revenue = self.chain.contract("Revenue").functions
        return self.send(revenue.claim(self.line(period), self.leaf(index), self.register.proof(index)))

    def claim_many(self, period: Period, runs: list[range]) -> int:
        """Claims of holders in one transaction: each run of neighbours has one proof."""
        presented = [
            (
                run.start,
                [(account, weight) for _, account, weight in map(self.leaf, run)],
                self.register.run_proof(run.start, len(run)),
            )
            for run in runs
        ]
        return self.send(self.chain.contract("Revenue").functions.claimMany(self.line(period), presented))

    def claim_periods(self, periods: list[Period], index: int) -> int:
        """Everything that one holder is owed in some periods, in one transaction."""
        revenue = self.chain.contract("Revenue").functions
        claims = [(self.line(period), self.leaf(index), self.register.proof(index)) for period in periods]
        return self.send(revenue.claimFor(to_checksum_address(self.leaf(index)[1]), claims))

    def collect_many(self, accounts: int, period: Period) -> int:
        """A receipt is paid out to some accounts at once, which hold vouchers already."""
        revenue = self.chain.contract("Revenue").functions
        agreement = bytes32_of(f"gas-{accounts}-accounts")
        named = [Account.from_key(keccak(text=f"account {i}")).address for i in range(accounts)]
        whole, rest = divmod(10_000, accounts)
        legs = [(1, whole + (rest if i == 0 else 0), each, *[bytes(32)] * 4, 0) for i, each in enumerate(named)]
        committee_decides(
            self.chain,
            self.cast.account("committee"),
            [revenue.publish(agreement, legs, self.chain.timestamp() + 10 * DAY)],
        )
        advance(self.chain, 10 * DAY)
        lines = [(agreement, 1, period.value, leg) for leg in range(accounts)]
        for _ in range(2):
            self.income("", period, agreement)
            gas = self.send(revenue.collectMany(lines))
        return gas

    def pledge(self, borrower: LocalAccount, period: Period, bps: int) -> None:
        self.pledges += 1
        bank, treasurer = self.cast.account("bank"), self.cast.account("treasurer")
        terms = lending.terms_for(
            self.chain,
            holder=borrower,
            lender=bank,
            agreement=CARBON_AGREEMENT,
            leg=CARBON_HOLDERS_LEG,
            first_period=period.value,
            bps=bps,
            principal=10_000_000,
            nonce=self.pledges,
        )
        pledge = lending.commit(self.chain, terms, borrower, bank, self.relayer)
        number = f"GAS-LOAN-{self.pledges}"
        self.send(
            self.chain.contract("CnyVoucher").functions.mint(bank.address, 10_000_000, bytes32_of(number)), treasurer
        )
        lending.perfect_and_disburse(self.chain, pledge, terms, bank, f"GAS-REG-{self.pledges}")
        advance(self.chain, (lending.FIRST_DUE_DAYS + 1) * DAY)


@contextmanager
def open_bench() -> Iterator[Bench]:
    cast = Cast(seed=1, holder_count=0)
    with TemporaryDirectory() as folder, embedded_chain(folder=Path(folder), timestamp=CLOCK, keep_state=False) as url:
        w3 = connect(url)
        fund_with_gas(w3, cast.senders())
        chain = Chain(connect(url), deploy_protocol(w3, cast))
        reporters = dict(measuring.open_keystores(Path(folder) / "keystores"))
        addresses = {name: account.address for name, account in reporters.items()}
        open_county(chain, cast, carbon_subject=SUBJECT, product_subject=PRODUCT, reporters=addresses)
        yield Bench(chain, cast, reporters)


def measure(bench: Bench, tell: Callable[[str], None]) -> None:
    """Runs every operation of the table."""
    credits, revenue = bench.chain.contract("CarbonCredits").functions, bench.chain.contract("Revenue").functions
    periods = [Period(FIRST_PERIOD.value + month) for month in range(13)]
    tell("13 个轮次 · 13 rounds")
    measuring.anchor(bench.chain, [evidence_of(period) for period in periods], bench.relayer)
    rounds = [bench.round(period) for period in periods]
    measuring.finalise(bench.chain, rounds, bench.relayer)
    issued = [bench.send(credits.issue(bytes32_of(CARBON_PROJECT), round_id)) for round_id in rounds]
    bench.record("verify a quorum of 3 signatures, with its storage", bench.quorum_gas, is_exact=False)
    bench.record("issue a batch with its register", issued[-1])

    tell("入账与领取 · income and claims")
    period, current = periods[0], period_of(CLOCK)
    bench.income(CARBON_AGREEMENT, period)
    bench.record("record income, two legs, one of them a register", bench.income(CARBON_AGREEMENT, period))
    bench.income(PRODUCT_AGREEMENT, current)
    bench.record("record income, three legs, two of them registers", bench.income(PRODUCT_AGREEMENT, current))
    bench.record("claim, depth 20, first", bench.claim(period, 123_456))
    bench.income(CARBON_AGREEMENT, period)
    bench.record("claim, depth 20, repeated", bench.claim(period, 123_456))
    for _ in range(12):
        bench.income(CARBON_AGREEMENT, period)
    bench.record("collect 12 receipts of one period: one claim", bench.claim(period, 123_456))

    tell("批量 · many at once")
    neighbours = [range(500_001, 500_001 + BLOCK_HOLDERS)]
    strangers = [range(index, index + 1) for index in range(7_001, HOLDERS, HOLDERS // BLOCK_HOLDERS)][:BLOCK_HOLDERS]
    for named, block in (("neighbours", neighbours), ("strangers", strangers)):
        first = bench.claim_many(period, block)
        bench.record(f"claims of 50 {named} in one transaction, first, per holder", first // BLOCK_HOLDERS)
        bench.income(CARBON_AGREEMENT, period)
        again = bench.claim_many(period, block)
        bench.record(f"claims of 50 {named} in one transaction, repeated, per holder", again // BLOCK_HOLDERS)

    tell("担保 · liens")
    for index, liens in ((7, 1), (8, 8)):
        borrower = bench.borrowers[index]
        admit(bench.chain, bench.cast.account("operator"), borrower.address, "cooperative", f"borrower {index}")
        fund_with_gas(bench.chain.w3, [borrower])
        for _ in range(liens):
            bench.pledge(borrower, period, 1_000)
        bench.claim(period, index)
        bench.income(CARBON_AGREEMENT, period)
        bench.record(f"diverted claim, {liens} lien(s), repeated", bench.claim(period, index))

    for each in periods[1:]:
        bench.income(CARBON_AGREEMENT, each)
    bench.record(
        "collect 12 periods of one holder, in one transaction, first",
        bench.claim_periods(periods[:12], 765_432),
    )
    separate = sum(bench.claim(each, 654_321) for each in periods[1:])
    bench.record("collect 12 periods of one holder, in 12 transactions", separate)
    for each in periods[1:]:
        bench.income(CARBON_AGREEMENT, each)
    bench.record(
        "collect 12 periods of one holder, in one transaction, repeated", bench.claim_periods(periods[:12], 765_432)
    )
    for accounts in (3, 10):
        gas = bench.collect_many(accounts, period)
        bench.record(f"pay a receipt out to {accounts} accounts at once, repeated", gas)

    tell("注销 · retirement")
    pool = bench.cast.account("pool")
    use = (b"\1" * 32, period.starts_at, period.ends_at, b"\2" * 32)
    retired = [bench.send(credits.retire(pool.address, 1, 1_000, use), pool) for _ in range(2)]
    bench.record("retire credits, with a certificate, repeated", retired[-1])
    assert bench.chain.call(revenue.isClosed(bytes32_of(CARBON_AGREEMENT), period.value)) is False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when a figure differs from the snapshot")
    parser.add_argument("--update", action="store_true", help="write the snapshot")
    arguments = parser.parse_args()

    console = Console(stderr=True)
    with open_bench() as bench:
        measure(bench, lambda text: console.print(f"· {text}"))
    rows = [
        {"operation": figure.operation, "gas": figure.gas, "target": figure.target, "holds": figure.holds}
        for figure in bench.figures
    ]
    table = Table("操作 · operation", "gas", "目标 · target", "达标 · holds")
    for figure in bench.figures:
        target = "" if figure.target is None else f"{figure.target:,}"
        table.add_row(figure.operation, f"{figure.gas:,}", target, "" if figure.target is None else str(figure.holds))
    Console().print(table)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")

    snapshot = {figure.operation: figure.gas for figure in bench.figures if figure.is_exact}
    if arguments.update:
        SNAPSHOT.write_text(json.dumps(snapshot, indent=1) + "\n", "utf-8")
        contracts_page.write()
    elif arguments.check and snapshot != (committed := json.loads(SNAPSHOT.read_text("utf-8"))):
        for operation in sorted(snapshot.keys() | committed.keys()):
            was, now = committed.get(operation), snapshot.get(operation)
            if was != now:
                print(f"{operation}: 快照 · snapshot {was}, 现在 · now {now}", file=sys.stderr)
        print("gas 与快照不同 · gas differs from tests/gas-snapshot.json", file=sys.stderr)
        print("若有意更改，运行 · if intended, run `python -m scripts.gas --update`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
