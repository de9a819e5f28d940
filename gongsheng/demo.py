"""The whole path on an embedded chain, from measured trees to a reconciled bank statement, in one command."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from rich.console import Console
from rich.table import Table

from gongsheng import lending, measuring
from gongsheng.cast import CROSS_CHECKER, REPORTERS, Cast
from gongsheng.county import (
    BUFFER_BPS,
    CARBON_AGREEMENT,
    CARBON_CROSS_CHECK_FEED,
    CARBON_FEED,
    CARBON_HOLDERS_LEG,
    CARBON_PROJECT,
    CITY_LEG,
    DAY,
    DELIVERED_FEED,
    PROCESSED_FEED,
    PROCESSORS_LEG,
    PRODUCT_AGREEMENT,
    SUPPLIERS_LEG,
    admit,
    advance,
    deploy_protocol,
    fund_with_gas,
    open_county,
)
from gongsheng.measuring import Measured
from ledger_service.bank import (
    Direction,
    StatementLine,
    append_to_statement,
    read_statement,
    reference_bytes32,
    write_payments,
)
from ledger_service.chain.client import Chain, Refused, connect
from ledger_service.chain.deployment import Deployment
from ledger_service.chain.embedded import embedded_chain
from ledger_service.chain.events import RedemptionRequested, Reported
from ledger_service.chain.lines import line_tuple
from ledger_service.chain.typed_data import ALL, RedemptionOrder, sign_order
from ledger_service.domain.agreements import Line, Pot
from ledger_service.domain.bilingual import Words
from ledger_service.domain.identifiers import Address, bytes32_of, text_of
from ledger_service.domain.units import Bps, Fen, Kg, SquareMetres, period_of
from ledger_service.facts import certificates, emitted
from ledger_service.files import LOCK_FILE, only_one
from ledger_service.indexer import sync
from ledger_service.reports.encumbrance import HEADER as LIEN_HEADER
from ledger_service.reports.encumbrance import encumbrance
from ledger_service.reports.reconciliation import HEADER, reconcile
from ledger_service.reports.serials import write_serials
from ledger_service.reports.trace import trace_certificate, trace_redemption
from ledger_service.settlement import RegisterFolder, claims, owing, payments_due, send_claims
from ledger_service.store.books import Books, open_books
from oracles.findings import Finding
from oracles.monitoring import Monitoring, monitor_csv, monitor_fia
from oracles.quality import FLAG_NAMES, Flag
from oracles.sources.synthetic import lose_labels, write_county
from oracles.supply import Role, SupplyWeights, repeat_a_slip, weigh_supply, write_slips
from pyo3_core import Register

T = TypeVar("T")

SEED = 20_260
HOLDERS = 300
SUPPLIERS, PROCESSORS = 40, 12
RETIRED_FOR = "emissions of the period"
CARBON_SALE, PRODUCT_SALE = Fen(800_000_000), Fen(123_456_789)
PLEDGED = Bps(6_000)
CARBON_SUBJECT, PRODUCT_SUBJECT = "carbon-pool-1", "mountain-tea"
ORDERS_PER_TRANSACTION = 50
COUNTY_FOLDER = "county"


class Outcome(Enum):
    """How a demonstration ended."""

    AGREES = auto()
    """Chain, books and bank agree in every figure."""
    DIFFERS = auto()
    """Some figure differs, and was shown."""
    NOTHING_ISSUED = auto()
    """Nothing may be issued from the period: nothing was deployed, and the folder holds no county of this run."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What every act of the demo works with."""

    folder: Path
    cast: Cast
    chain: Chain
    books: Books
    registers: RegisterFolder
    console: Console

    @property
    def statement(self) -> Path:
        return self.folder / "bank" / "statement.csv"

    def tell(self, text: str) -> None:
        self.console.print(f"   {text}", highlight=False)

    def who(self, name: str) -> LocalAccount:
        return self.cast.account(name)

    def bank_books(self, direction: Direction, movements: Sequence[tuple[Fen, str, str]]) -> None:
        """What the bank does on its own: it books movements (amount, reference, counterparty) in its statement."""
        at = datetime.fromtimestamp(self.chain.timestamp(), UTC)
        append_to_statement(self.statement, [StatementLine(at, direction, *movement) for movement in movements])


@dataclass(frozen=True, slots=True)
class Rounds:
    """The final rounds of the demo, and the registers that they name."""

    carbon: bytes
    delivered: bytes
    processed: bytes


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines in which the demo pays."""

    carbon: Line
    suppliers: Line
    processors: Line
    city: Line

    @property
    def registers(self) -> tuple[Line, ...]:
        return (self.carbon, self.suppliers, self.processors)


# MEASURING


def measure(folder: Path, inventory: Path | None, cast: Cast, first_year: int, last_year: int) -> Monitoring:
    """What the forest did: from the tables of a real inventory, or from a generated county."""
    accounts = [holder.address for holder in cast.holders]
    if inventory is not None:
        return monitor_fia(inventory, accounts=accounts, seed=cast.seed, first_year=first_year, last_year=last_year)
    county = write_county(folder / COUNTY_FOLDER, seed=cast.seed, accounts=accounts)
    lose_labels(county)
    return monitor_csv(
        county.first_trees,
        county.second_trees,
        county.strata,
        county.parcels,
        county.holders,
        subject=CARBON_SUBJECT,
        period_start=county.period_start,
        period_end=county.period_end,
        canopy=county.canopy,
    )


def weigh(folder: Path, cast: Cast, period_end: int) -> tuple[SupplyWeights, SupplyWeights]:
    """What suppliers delivered and processors processed in the half year before `period_end`, from generated slips."""
    accounts = [holder.address for holder in cast.holders[-SUPPLIERS:] + cast.holders[1 : PROCESSORS + 1]]
    last_day = datetime.fromtimestamp(period_end - DAY, UTC).date()
    files = write_slips(
        folder / "supply",
        seed=cast.seed,
        accounts=accounts,
        suppliers=SUPPLIERS,
        processors=PROCESSORS,
        last_day=last_day,
    )
    repeat_a_slip(files)
    supplied, processed = (
        weigh_supply(files.slips, files.holders, subject=PRODUCT_SUBJECT, role=role)
        for role in (Role.SUPPLIER, Role.PROCESSOR)
    )
    return supplied, processed


def agree(
    stage: Stage,
    monitoring: Monitoring,
    supply: tuple[SupplyWeights, SupplyWeights],
    reporters: Mapping[str, LocalAccount],
) -> Rounds:
    """Reporters sign the identical result of each round, the cross-check confirms, and the challenge window passes."""
    quorum = [reporters[name] for name in REPORTERS]
    relayer = stage.who("relayer")
    measuring.anchor(stage.chain, [monitoring.evidence_root, *(weights.evidence_root for weights in supply)], relayer)

    columns = monitoring.register_columns()
    register = stage.registers.save(columns.accounts, columns.weights)
    carbon = Measured(
        feed=CARBON_FEED,
        subject=CARBON_SUBJECT,
        period_start=monitoring.period_start,
        period_end=monitoring.period_end,
        observed_at=monitoring.observed_at,
        value=monitoring.credited_kg,
        uncertainty=monitoring.uncertainty_kg,
        share_root=register.root,
        share_count=len(register),
        evidence_root=monitoring.evidence_root,
        methodology=monitoring.methodology_digest,
        qc_flags=monitoring.qc_flags,
    )
    cross_check = Measured(
        feed=CARBON_CROSS_CHECK_FEED,
        subject=CARBON_SUBJECT,
        period_start=monitoring.period_start,
        period_end=monitoring.period_end,
        observed_at=monitoring.observed_at,
        value=monitoring.cross_check_kg,
        uncertainty=0,
        share_root=bytes(32),
        share_count=0,
        evidence_root=monitoring.evidence_root,
        methodology=keccak(text="stand-in for remote sensing"),
        qc_flags=monitoring.qc_flags,
    )
    measuring.submit(stage.chain, cross_check, [reporters[CROSS_CHECKER]], relayer)
    rounds = [measuring.submit(stage.chain, carbon, quorum, relayer)]
    for feed, weights in zip((DELIVERED_FEED, PROCESSED_FEED), supply, strict=True):
        rows = weights.register_columns()
        holders = stage.registers.save(rows.accounts, rows.weights)
        measured = Measured(
            feed=feed,
            subject=PRODUCT_SUBJECT,
            period_start=weights.period_start,
            period_end=weights.period_end,
            observed_at=weights.observed_at,
            value=weights.total,
            uncertainty=0,
            share_root=holders.root,
            share_count=len(holders),
            evidence_root=weights.evidence_root,
            methodology=weights.methodology_digest,
            qc_flags=weights.qc_flags,
        )
        rounds.append(measuring.submit(stage.chain, measured, quorum, relayer))
    measuring.finalise(stage.chain, rounds, relayer)
    stage.tell(
        f"{len(REPORTERS)} 个监测方（两组）与交叉核对签名一致，质疑期满，{len(rounds)} 个轮次成为最终 · "
        f"{len(REPORTERS)} reporters of two groups and the cross-check agree; {len(rounds)} rounds are final"
    )
    tell_quality(stage, [*monitoring.findings, *(finding for weights in supply for finding in weights.findings)])
    return Rounds(*rounds)


def tell_quality(stage: Stage, findings: Sequence[Finding]) -> None:
    """What the quality checks found in the data, and the flags that stand in the signed reports on chain."""
    for finding in findings:
        stage.tell(f"质量检查发现 · quality check：{finding}")
    sync(stage.chain, stage.books)
    with stage.books.reading() as reader:
        reports = [each.event.report for each in emitted(reader, Reported)]
    for feed in dict.fromkeys(report.feed for report in reports):
        signed = [Flag(report.qc_flags) for report in reports if report.feed == feed]
        told = [flag for flag in Flag if any(flag in flags for flags in signed)]
        zh, en = ("、".join(FLAG_NAMES[flag][0] for flag in told), ", ".join(FLAG_NAMES[flag][1] for flag in told))
        stage.tell(
            f"{text_of(feed)}：{len(signed)} 份签名报告的质量标志 qcFlags"
            f" {'、'.join(sorted({f'{flags:#x}' for flags in signed}))}（{zh or '无'}）"
            f" · quality flags of {len(signed)} signed report(s): {en or 'none'}"
        )


def issue(stage: Stage, rounds: Rounds) -> int:
    """Issues the batch of the carbon round, and opens the registers of the product."""
    credits, revenue = stage.chain.contract("CarbonCredits").functions, stage.chain.contract("Revenue").functions
    relayer = stage.who("relayer")
    stage.chain.send(credits.issue(bytes32_of(CARBON_PROJECT), rounds.carbon), relayer)
    for leg, round_id in ((SUPPLIERS_LEG, rounds.delivered), (PROCESSORS_LEG, rounds.processed)):
        stage.chain.send(revenue.openRegister(bytes32_of(PRODUCT_AGREEMENT), leg, round_id), relayer)

    batch: int = stage.chain.call(credits.batchOfRound(rounds.carbon))
    _, _, issued, buffered, serial, _ = stage.chain.call(credits.batchOf(batch))
    stage.tell(
        f"批次 {batch}：签发 {Kg(issued)}，其中缓冲 {Kg(buffered)}（{Bps(BUFFER_BPS)}）· "
        f"序列号 serials {serial:,}–{serial + issued - 1:,}"
    )
    return batch


# LENDING


def lend(stage: Stage, monitoring: Monitoring, line: Line) -> tuple[bytes, LocalAccount]:
    """A cooperative pledges its coming income for a loan. The same income cannot be pledged again."""
    leaf = next(holder for holder in monitoring.holders if holder.holder.startswith("coop"))
    holder, bank = stage.cast.holder_by_address[leaf.address], stage.who("bank")
    admit(stage.chain, stage.who("operator"), holder.address, "cooperative", leaf.holder)
    fund_with_gas(stage.chain.w3, [holder])
    # The bank lends what the pledged share of a year's sale at the budgeted price would bring, in whole thousands.
    expected = CARBON_SALE.value * 8 // 10 * leaf.weight // monitoring.credited_kg
    thousand_yuan = 100_000
    principal = max(1, -(-expected * PLEDGED.value // 10_000 // thousand_yuan)) * thousand_yuan

    terms = lending.terms_for(
        stage.chain,
        holder=holder,
        lender=bank,
        agreement=CARBON_AGREEMENT,
        leg=line.leg,
        first_period=line.pot.period.value,
        bps=PLEDGED.value,
        principal=principal,
        nonce=1,
    )
    pledge = lending.commit(stage.chain, terms, holder, bank, stage.who("relayer"))
    stage.bank_books(Direction.IN, [(Fen(principal), "LOAN-0001", "bank")])
    stage.chain.send(
        stage.chain.contract("CnyVoucher").functions.mint(bank.address, principal, reference_bytes32("LOAN-0001")),
        stage.who("treasurer"),
    )
    lending.perfect_and_disburse(stage.chain, pledge, terms, bank, "REG-2019-000001")
    stage.tell(
        f"{leaf.holder} 质押 {PLEDGED} 的未来收益，借款 {Fen(principal)} 已到账 · "
        f"{leaf.holder} pledged {PLEDGED} of its coming income and was paid a loan of {Fen(principal)}"
    )
    try:
        lending.commit(stage.chain, lending.again(terms), holder, bank, stage.who("relayer"))
    except Refused as refusal:
        stage.tell(f"再次质押被拒 · the second pledge is refused: {refusal}")
    else:
        raise AssertionError("the same income was pledged twice")
    ask_as_bank(stage, holder, line)
    return pledge, holder


# SELLING, CLAIMING, PAYING


def sell(stage: Stage, batch: int, lines: Lines) -> None:
    """Two sales arrive in the bank; the treasurer records them, and the contract splits them."""
    credits, revenue = stage.chain.contract("CarbonCredits").functions, stage.chain.contract("Revenue").functions
    pool, buyer = stage.who("pool"), stage.who("buyer")
    tradable = stage.chain.call(credits.balanceOf(pool.address, batch))
    stage.chain.send(credits.safeTransferFrom(pool.address, buyer.address, batch, tradable, b""), pool)
    for line, amount, reference, payer in (
        (lines.carbon, CARBON_SALE, "SALE-CARBON-0001", "buyer of credits"),
        (lines.city, PRODUCT_SALE, "SALE-PRODUCT-0001", "buyer of tea"),
    ):
        stage.bank_books(Direction.IN, [(amount, reference, payer)])
        agreement, _, period, _ = line_tuple(line)
        stage.chain.send(
            revenue.receiveIncome(agreement, period, amount.value, reference_bytes32(reference)),
            stage.who("treasurer"),
        )
        stage.tell(f"{amount} → {line.pot.agreement} {line.pot.period} · {reference}")


def retire(stage: Stage, batch: int, monitoring: Monitoring) -> None:
    """The buyer uses half of what it bought for the emissions of the monitored period, and is given a certificate."""
    credits, buyer = stage.chain.contract("CarbonCredits").functions, stage.who("buyer")
    quantity = stage.chain.call(credits.balanceOf(buyer.address, batch)) // 2
    beneficiary = keccak(text="salt of the demo, the buyer's name")
    use = (bytes32_of(RETIRED_FOR), monitoring.period_start, monitoring.period_end, beneficiary)
    stage.chain.send(credits.retire(buyer.address, batch, quantity, use), buyer)
    sync(stage.chain, stage.books)
    with stage.books.reading() as reader:
        certificate = max(certificates(reader))
        steps = trace_certificate(reader, certificate)
        count = write_serials(reader, stage.folder / "serials.csv")
    stage.tell(
        f"证书 {certificate}：注销 {Kg(quantity)}，{len(steps)} 步追溯至原始数据 · "
        f"certificate {certificate} traces back to the raw data in {len(steps)} steps"
    )
    stage.tell(f"{count} 个序列号区间写入 serials.csv · {count} intervals of serials are written to serials.csv")


def claim_all(stage: Stage, lines: Lines) -> int:
    """Claims for every holder who is owed something, and for the city.

    Returns:
        How many holders were paid.
    """
    sync(stage.chain, stage.books)
    relayer = stage.who("relayer")
    paid = 0
    with stage.books.reading() as reader:
        due = [(line, register_of(stage, line), owing(reader, stage.registers, line)) for line in lines.registers]
    for line, register, indices in due:
        for batch in claims(register, line, indices):
            send_claims(stage.chain, batch, relayer)
        paid += len(indices)
    revenue, city = stage.chain.contract("Revenue").functions, line_tuple(lines.city)
    collected = stage.chain.call(revenue.paidOf(city, 0))
    if stage.chain.call(revenue.lineIncome(city)) > collected:
        stage.chain.send(revenue.collect(city), relayer)
    return paid


def register_of(stage: Stage, line: Line) -> Register:
    agreement, _, period, leg = line_tuple(line)
    opened = stage.chain.call(stage.chain.contract("Revenue").functions.registerOf(agreement, leg, period))
    return stage.registers.load(bytes(opened[0]))


def redeem_all(stage: Stage, run: int) -> Fen:
    """Every holder of vouchers signs an order; the bank pays; the treasurer confirms, and the vouchers are burned.

    Returns:
        What the bank paid.
    """
    voucher = stage.chain.contract("CnyVoucher").functions
    owners = [*stage.cast.holders, stage.who("bank"), stage.who("city")]
    deadline = stage.chain.timestamp() + DAY
    orders = [
        RedemptionOrder(owner.address, ALL, keccak(text=f"salted account of {owner.address}"), run, deadline)
        for owner in owners
        if stage.chain.call(voucher.balanceOf(owner.address))
    ]
    keys: dict[str, LocalAccount] = {owner.address: owner for owner in owners}
    for chunk in _chunks(orders, ORDERS_PER_TRANSACTION):
        signatures = [sign_order(stage.chain, order, keys[order.holder]) for order in chunk]
        stage.chain.send(
            voucher.requestRedemptionsFor([order.as_tuple() for order in chunk], signatures), stage.who("relayer")
        )
    sync(stage.chain, stage.books)
    with stage.books.reading() as reader:
        payments = payments_due(reader)
    write_payments(stage.folder / "bank" / f"payments-{run}.csv", payments)
    references = {payment.redemption: f"PAY-{run}-{payment.redemption:06d}" for payment in payments}
    stage.bank_books(
        Direction.OUT,
        [(payment.amount, references[payment.redemption], payment.holder) for payment in payments],
    )
    for some in _chunks(payments, ORDERS_PER_TRANSACTION):
        stage.chain.send(
            voucher.confirmPayments(
                [payment.redemption for payment in some],
                [reference_bytes32(references[payment.redemption]) for payment in some],
            ),
            stage.who("treasurer"),
        )
    return Fen(sum(payment.amount.value for payment in payments))


def _chunks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


# THE PATH


def run_demo(
    folder: Path, *, console: Console, inventory: Path | None = None, first_year: int = 2009, last_year: int = 2018
) -> Outcome:
    """Runs the whole path in a clean `folder`.

    Args:
        folder: Where chain, books, bank and keystores lie. What an earlier run left there is removed first.
        console: Where progress and results are shown.
        inventory: Folder of FIA tables; a generated county if none is given.
        first_year: First year of later visits, for a real inventory.
        last_year: Last year of later visits, for a real inventory.

    Returns:
        How it ended.
    """
    cast = Cast(seed=SEED, holder_count=HOLDERS)
    with only_one(folder):
        with act(console, "监测 · measuring the forest"):
            monitoring = measure(folder, inventory, cast, first_year, last_year)
            for line in monitoring.explain():
                console.print(f"   {line}", highlight=False)
        if monitoring.refusal is not None:
            console.print("\n不签发，演示到此为止 · Nothing is issued, and the demonstration ends here.")
            return Outcome.NOTHING_ISSUED
        # Whatever is wrong with the input was found by now, before an earlier run is removed.
        clear(folder, keep=(LOCK_FILE, *([COUNTY_FOLDER] if inventory is None else [])))
        supply = weigh(folder, cast, monitoring.period_end)

        clock = max(monitoring.observed_at, *(weights.observed_at for weights in supply)) + 10 * DAY
        with (
            embedded_chain(folder=folder / "chain", timestamp=clock) as url,
            _open_stage(folder, url, cast, console) as stage,
        ):
            return Outcome.AGREES if _play(stage, monitoring, supply) else Outcome.DIFFERS


def clear(folder: Path, *, keep: Sequence[str]) -> None:
    """Removes what an earlier run left, except what is named in `keep`."""
    for old in folder.iterdir():
        if old.name in keep:
            continue
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()


@contextmanager
def _open_stage(folder: Path, url: str, cast: Cast, console: Console) -> Iterator[Stage]:
    with act(console, "部署 · deploying the contracts"):
        w3 = connect(url)
        fund_with_gas(w3, cast.senders())
        deployment = deploy_protocol(w3, cast)
        deployment.save(Deployment.path(folder, deployment.chain_id))
        console.print(f"   链 chain {deployment.chain_id}，区块 first block {deployment.first_block}", highlight=False)
    with open_books(f"sqlite:///{folder / 'books.sqlite'}", deployment) as books:
        yield Stage(folder, cast, Chain(connect(url), deployment), books, RegisterFolder(folder / "registers"), console)


def _play(stage: Stage, monitoring: Monitoring, supply: tuple[SupplyWeights, SupplyWeights]) -> bool:
    console = stage.console
    with act(console, "开账 · opening the county"):
        reporters = measuring.open_keystores(stage.folder / "keystores")
        open_county(
            stage.chain,
            stage.cast,
            carbon_subject=CARBON_SUBJECT,
            product_subject=PRODUCT_SUBJECT,
            reporters={name: account.address for name, account in reporters.items()},
            on_progress=stage.tell,
        )
    with act(console, "联签 · the quorum signs"):
        rounds = agree(stage, monitoring, supply, reporters)
    with act(console, "签发 · issuing the batch"):
        batch = issue(stage, rounds)
    carbon_pot = Pot(CARBON_AGREEMENT, 1, period_of(monitoring.period_end - 1))
    product_pot = Pot(PRODUCT_AGREEMENT, 1, period_of(supply[0].period_end - 1))
    lines = Lines(
        carbon=Line(carbon_pot, CARBON_HOLDERS_LEG),
        suppliers=Line(product_pot, SUPPLIERS_LEG),
        processors=Line(product_pot, PROCESSORS_LEG),
        city=Line(product_pot, CITY_LEG),
    )
    with act(console, "质押借款 · a loan against coming income"):
        pledge, borrower = lend(stage, monitoring, lines.carbon)
    with act(console, "销售入账 · two sales arrive"):
        sell(stage, batch, lines)
    with act(console, "注销 · the buyer retires credits"):
        retire(stage, batch, monitoring)
    with act(console, "领取 · claiming for every holder"):
        advance(stage.chain, lending.FIRST_DUE_DAYS * DAY)
        pledges, voucher = stage.chain.contract("Pledges").functions, stage.chain.contract("CnyVoucher").functions
        before = [stage.chain.call(voucher.balanceOf(each.address)) for each in (stage.who("bank"), borrower)]
        holders = claim_all(stage, lines)
        after = [stage.chain.call(voucher.balanceOf(each.address)) for each in (stage.who("bank"), borrower)]
        to_bank, to_borrower = (Fen(new - old) for new, old in zip(after, before, strict=True))
        stage.tell(f"{holders} 位持有人已领取 · {holders} holders were paid, each by the contract's own figure")
        stage.tell(
            f"其中借款人的收益 {to_bank + to_borrower}：{to_bank} 在领取中直接到银行，{to_borrower} 到本人 · "
            f"of the borrower's income {to_bank} reached the bank inside the claim, {to_borrower} the borrower"
        )
        rest = lending.repay_rest(stage.chain, pledge, borrower)
        stage.chain.send(pledges.release(pledge), stage.who("bank"))
        stage.tell(f"借款人还清 {Fen(rest)}，质押解除 · the borrower repaid {Fen(rest)}, the lien is released")
    with act(console, "兑付 · redeeming vouchers"):
        stage.tell(f"银行支付 the bank paid {redeem_all(stage, 1)}")
    with act(console, "关账 · closing the periods"):
        for pot in (carbon_pot, product_pot):
            revenue = stage.chain.contract("Revenue").functions
            stage.chain.send(revenue.closePeriod(bytes32_of(pot.agreement), pot.period.value), stage.who("treasurer"))
        holders = claim_all(stage, lines)
        stage.tell(
            f"{holders} 位持有人领到最后的分 · {holders} holders claimed the last fen；"
            f"银行支付 the bank paid {redeem_all(stage, 2)}"
        )
    with act(console, "银行问：这份收益还有担保吗？· the bank asks: is this income free?"):
        ask_as_bank(stage, borrower, lines.carbon)
    with act(console, "审计问：这一分钱从哪来？· the auditor asks: where does this fen come from?"):
        ask_as_auditor(stage, monitoring)
    with act(console, "对账 · reconciling"):
        return show_reconciliation(stage)


def ask_as_bank(stage: Stage, holder: LocalAccount, line: Line) -> None:
    """Is this income free, and who holds liens on it?"""
    answer = encumbrance(stage.chain, Address(holder.address), line.pot.agreement, line.leg, line.pot.period)
    stage.tell(str(answer.answer))
    if answer.liens:
        stage.console.print(whole_table(LIEN_HEADER, answer.rows))


def ask_as_auditor(stage: Stage, monitoring: Monitoring) -> None:
    """Where does the last fen of a household come from? Back to the bank's receipt, the signers, and the plots."""
    sync(stage.chain, stage.books)
    household = next(holder for holder in monitoring.holders if not holder.holder.startswith("coop"))
    with stage.books.reading() as reader:
        numbers = [
            each.event.redemption
            for each in emitted(reader, RedemptionRequested)
            if each.event.holder == household.address
        ]
        steps = trace_redemption(reader, stage.registers, numbers[-1])
    for step in steps:
        facts = "；".join(f"{fact.name.zh} {fact.value}" for fact in step.facts)
        stage.tell(f"← {step.title}：{facts}")
    for origin in monitoring.origin(household.holder):
        stage.tell(
            f"← 小班 parcel {origin.parcel.parcel}（{SquareMetres(origin.parcel.area_m2)}）："
            f"{Kg(origin.credited_kg)}，分层 stratum {origin.stratum.stratum}，"
            f"{len(origin.plots)} 个样地 plots：{', '.join(plot.plot for plot in origin.plots[:5])} …"
        )


def show_reconciliation(stage: Stage) -> bool:
    """Compares chain, books, bank and core in every figure, and shows a row per check.

    Returns:
        Whether all agree.
    """
    sync(stage.chain, stage.books)
    result = reconcile(stage.chain, stage.books, read_statement(stage.statement), stage.registers)
    stage.console.print(whole_table(HEADER, result.summary))
    for row in result.differences:
        stage.console.print(f"[red]{' | '.join(row.cells)}[/red]", highlight=False)
    return not result.differs


def whole_table(header: Iterable[Words], rows: Iterable[Sequence[str]]) -> Table:
    """A table whose figures go on in the next line where a window is narrow, and are never cut."""
    table = Table()
    for column in header:
        table.add_column(str(column), overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


@contextmanager
def act(console: Console, title: str) -> Iterator[None]:
    """One act of the demo: its title before, its time after."""
    console.print(f"[bold]▸ {title}[/bold]")
    started = time.monotonic()
    with console.status(title):
        yield
    console.print(f"   [dim]{time.monotonic() - started:.1f} s[/dim]")
