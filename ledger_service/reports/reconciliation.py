"""Chain = books = bank, figure by figure, with the settlement core as an independent fourth opinion."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ledger_service.bank import Direction, Statement, reference_bytes32
from ledger_service.chain.client import Chain
from ledger_service.chain.events import (
    Claimed,
    Collected,
    Emitted,
    Forwarded,
    IncomeReceived,
    Minted,
    RedemptionPaid,
    emitted_of,
)
from ledger_service.chain.snapshot import Snapshot
from ledger_service.domain.agreements import Line, tier_parts
from ledger_service.domain.bilingual import Words
from ledger_service.domain.books import Account, AccountKind, Asset, Block, batch_of, credit_of
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import Address, text_of
from ledger_service.domain.units import tonnes_text, yuan_text
from ledger_service.facts import agreements, balance_sheets, deficits, emitted, open_registers, pledges
from ledger_service.projection import REMEMBERED, Projection
from ledger_service.reports.funds import fund_statements
from ledger_service.settlement import RegisterFolder, open_register, paid_by_leaf
from ledger_service.store.books import Books, Reader


class BooksEmpty(LedgerError):
    """Nothing was read from the chain yet."""

    def __init__(self) -> None:
        super().__init__("账簿尚未同步 · nothing was read from the chain into the books yet")


class Check(Enum):
    """What is compared. The order is that of the report."""

    VOUCHER_SUPPLY = Words("凭证总额 = 结算账户余额", "voucher supply = balance of the settlement account")
    """Chain, books and bank: the promise that every voucher is a fen in the bank."""
    BANK_REFERENCE = Words("银行流水逐笔", "each bank reference")
    """Books and bank, line by line; payments are negative."""
    VOUCHER_BALANCE = Words("凭证余额逐户", "vouchers of each account")
    """Chain and books."""
    REVENUE_BALANCE = Words(
        "收益合约余额 = 未付分成 + 尾差 + 代存", "vouchers in Revenue = unpaid legs + dust + set aside"
    )
    """Chain, and the books' own account of whom those vouchers belong to."""
    FUND = Words("专项资金逐项", "each earmarked fund")
    """Chain and books."""
    FUNDS_BALANCE = Words("专项资金合约余额 = 各专项合计", "vouchers in Funds = all funds")
    """Chain, and the books' own account of what each fund holds."""
    SET_ASIDE = Words("代存逐户", "set aside for each account")
    """Chain and books."""
    KEPT = Words("代存还款逐户", "repayments kept for each lender")
    """Chain and books."""
    RECEIVED = Words("入账（协议·版本·期）", "income of each agreement, version and period")
    """Chain and books."""
    VERSION = Words("入账归入生效版本与档位", "income by the version and tier in force")
    """Chain, books, and the core: worked out from the receipts, their times and what was published."""
    LEG = Words("分成应付", "income of each leg")
    """Chain, books, and the core: by the receipts, and once a register's period is closed the sum over all holders."""
    CLOSED_WHOLE = Words("关账后各分成合计 = 入账", "legs of a closed period = its income")
    """Chain and books: no fen is lost, none invented."""
    HOLDER = Words("持有人已付", "paid to each holder")
    """Chain, books, and the core's figure at the time of the holder's last claim; lenders included."""
    PRINCIPAL = Words("质押贷款未偿本金", "outstanding principal of each pledge")
    """Chain and books."""
    INTEREST = Words("质押贷款应计利息", "accrued interest of each pledge")
    """Chain, and the books' own calculation."""
    BATCH = Words("批次去向逐项", "what became of each batch, term by term")
    """Chain and books; what was burned without a reason must be nothing."""
    CERTIFICATE = Words("注销证书逐张", "credits of each retirement certificate")
    """Chain, and what the books retired."""
    DEFICIT = Words("项目亏损", "deficit of each project")
    """Chain, and the books' own: losses less what the batches bore."""
    COSTS = Words("质押贷款未付费用", "unpaid costs of each pledge")
    """Chain and books."""
    CREDITS = Words("碳汇量余额逐户", "credits of each account and batch")
    """Chain and books."""

    @property
    def shows_credits(self) -> bool:
        """Whether its figures are kg CO2e; all others are fen."""
        return self in (Check.BATCH, Check.CERTIFICATE, Check.DEFICIT, Check.CREDITS)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure as everybody who has an opinion of it says it, in fen or kg CO2e."""

    check: Check
    subject: str
    chain: int | None = None
    books: int | None = None
    bank: int | None = None
    core: int | None = None

    @property
    def difference(self) -> int:
        """How far the highest opinion lies above the lowest."""
        opinions = [figure for figure in (self.chain, self.books, self.bank, self.core) if figure is not None]
        return max(opinions) - min(opinions)

    @property
    def cells(self) -> tuple[str, ...]:
        """As a person reads it, in the order of `HEADER`."""
        return _cells(self.check, self.subject, (self.chain, self.books, self.bank, self.core), self.difference)


HEADER = (
    Words("核对", "check"),
    Words("对象", "subject"),
    Words("链上", "chain"),
    Words("账簿", "books"),
    Words("银行", "bank"),
    Words("核心", "core"),
    Words("差额", "difference"),
)
"""Columns of a rendered row."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Every figure that was compared, at one block."""

    block: Block
    rows: tuple[Row, ...]

    @property
    def differences(self) -> tuple[Row, ...]:
        """The rows on which not everybody agrees."""
        return tuple(row for row in self.rows if row.difference)

    @property
    def differs(self) -> bool:
        """Whether any figure differs."""
        return bool(self.differences)

    @property
    def summary(self) -> tuple[tuple[str, ...], ...]:
        """One rendered row for each check, in the order of `HEADER`: how many figures, their sums, the differences."""
        return tuple(_summed(check, rows) for check in Check if (rows := [r for r in self.rows if r.check is check]))


def _summed(check: Check, rows: Sequence[Row]) -> tuple[str, ...]:
    def total(source: Callable[[Row], int | None]) -> int | None:
        figures = [figure for row in rows if (figure := source(row)) is not None]
        return sum(figures) if figures else None

    count = len(rows)
    sums = (
        total(lambda row: row.chain),
        total(lambda row: row.books),
        total(lambda row: row.bank),
        total(lambda row: row.core),
    )
    return _cells(check, f"{count} 项 · {count} in all", sums, sum(row.difference for row in rows))


def _cells(check: Check, subject: str, figures: Iterable[int | None], difference: int) -> tuple[str, ...]:
    shown = tonnes_text if check.shows_credits else yuan_text
    return (
        str(check.value),
        subject,
        *("" if figure is None else shown(figure) for figure in figures),
        shown(difference),
    )


def reconcile(chain: Chain, books: Books, statement: Statement, registers: RegisterFolder) -> Reconciliation:
    """Compares what the contracts, the books, the bank and the settlement core say, at the newest block in the books.

    Args:
        chain: The contracts.
        books: Their books, synced.
        statement: The bank's own statement.
        registers: The registers of the lines that were paid from.

    Raises:
        BooksEmpty: The books were never synced.
        ChainMoved: The books are behind a reorganisation: sync them again.
        RegisterMissing: A register that somebody was paid from is not there, so the core has no opinion.
    """
    with books.reading() as reader:
        head = reader.head()
        if head is None:
            raise BooksEmpty
        snapshot = Snapshot(chain, head)
        snapshot.require_current()
        rows = (
            *_vouchers(snapshot, reader, statement),
            *_references(reader, statement),
            *_income(snapshot, reader, registers),
            *_versions(snapshot, reader),
            *_holders(snapshot, reader, registers),
            *_loans(snapshot, reader),
            *_credits(snapshot, reader),
        )
        snapshot.require_current()
    order = list(Check)
    return Reconciliation(head, tuple(sorted(rows, key=lambda row: order.index(row.check))))


def _vouchers(snapshot: Snapshot, reader: Reader, statement: Statement) -> Iterator[Row]:
    yield Row(
        Check.VOUCHER_SUPPLY,
        "CnyVoucher",
        chain=snapshot.voucher_supply(),
        books=reader.balance(Account(AccountKind.BANK)),
        bank=statement.balance,
    )
    (in_revenue,) = snapshot.vouchers([Address(snapshot.chain.deployment.contracts["Revenue"])])
    yield Row(
        Check.REVENUE_BALANCE,
        "Revenue",
        chain=in_revenue,
        books=-sum(
            sum(reader.balances(kind).values()) for kind in (AccountKind.LEG, AccountKind.DUST, AccountKind.SET_ASIDE)
        ),
    )
    funds = {each.fund: each.balance.value for each in fund_statements(reader)}
    for fund, on_chain in zip(funds, snapshot.funds(list(funds)), strict=True):
        yield Row(Check.FUND, str(fund), chain=on_chain, books=funds[fund])
    (in_funds,) = snapshot.vouchers([Address(snapshot.chain.deployment.contracts["Funds"])])
    yield Row(Check.FUNDS_BALANCE, "Funds", chain=in_funds, books=sum(funds.values()))
    yield from _by_owner(Check.VOUCHER_BALANCE, reader.balances(AccountKind.VOUCHER), snapshot.vouchers)
    yield from _by_owner(Check.SET_ASIDE, reader.balances(AccountKind.SET_ASIDE), snapshot.set_aside)
    yield from _by_owner(Check.KEPT, reader.balances(AccountKind.KEPT), snapshot.repayments_kept)


def _by_owner(
    check: Check,
    balances: Mapping[tuple[Account, Asset], int],
    on_chain: Callable[[Sequence[Address]], Sequence[int]],
) -> Iterator[Row]:
    owed = {Address(account.owner): -balance for (account, _), balance in balances.items()}
    for owner, figure in zip(owed, on_chain(list(owed)), strict=True):
        yield Row(check, owner, chain=figure, books=owed[owner])


def _references(reader: Reader, statement: Statement) -> Iterator[Row]:
    minted: Counter[bytes] = Counter()
    # A tiered receipt is announced once for each tier that it reaches.
    for each in emitted(reader, Minted):
        minted[each.event.bank_reference] += each.event.amount
    for received in emitted(reader, IncomeReceived):
        minted[received.event.bank_reference] += received.event.amount
    for forwarded in emitted(reader, Forwarded):
        minted[forwarded.event.internal_reference] -= forwarded.event.amount
    booked = dict(+minted) | {
        each.event.payment_reference: -each.event.amount for each in emitted(reader, RedemptionPaid)
    }
    stated = {reference_bytes32(line.reference): line for line in statement.lines}
    for reference in booked | stated:
        line = stated.get(reference)
        sign = -1 if line and line.direction is Direction.OUT else 1
        yield Row(
            Check.BANK_REFERENCE,
            line.reference if line else text_of(reference),
            books=booked.get(reference, 0),
            bank=sign * line.amount.value if line else 0,
        )


def _income(snapshot: Snapshot, reader: Reader, registers: RegisterFolder) -> Iterator[Row]:
    projection = Projection(reader.records(*REMEMBERED))
    opened = open_registers(reader)
    for pot, received in zip(projection.pots, snapshot.received(projection.pots), strict=True):
        booked = reader.balance(Account(AccountKind.RECEIVED, str(pot)))
        yield Row(Check.RECEIVED, str(pot), chain=received, books=booked)

        lines = projection.lines(pot)
        incomes = snapshot.line_income(lines)
        for line, income in zip(lines, incomes, strict=True):
            unpaid = -reader.balance(Account(AccountKind.LEG, str(line)))
            register = opened.get((pot.agreement, line.leg, pot.period))
            core = projection.line_income(line)
            if register is not None and projection.is_closed(pot):
                core = int(registers.load(register.event.root).statements(core, closed=True).sum())
            yield Row(
                Check.LEG, str(line), chain=income, books=unpaid + sum(paid_by_leaf(reader, line).values()), core=core
            )
        if projection.is_closed(pot):
            yield Row(Check.CLOSED_WHOLE, str(pot), chain=sum(incomes), books=booked)


def _versions(snapshot: Snapshot, reader: Reader) -> Iterator[Row]:
    projection = Projection(reader.records(*REMEMBERED))
    on_chain: Counter[tuple[str, int]] = Counter()
    booked: Counter[tuple[str, int]] = Counter()
    for pot, received in zip(projection.pots, snapshot.received(projection.pots), strict=True):
        on_chain[pot.agreement, pot.version] += received
        booked[pot.agreement, pot.version] += reader.balance(Account(AccountKind.RECEIVED, str(pot)))
    core = _income_by_version(reader)
    for agreement, version in sorted(on_chain | booked | core):
        of = agreement, version
        yield Row(Check.VERSION, f"{agreement}/{version}", chain=on_chain[of], books=booked[of], core=core[of])


def _income_by_version(reader: Reader) -> Counter[tuple[str, int]]:
    """SPEC I1 and T2: which version and tier each receipt belongs to, by its time and what came before it."""
    published = agreements(reader)
    expected: Counter[tuple[str, int]] = Counter()
    cumulative: Counter[str] = Counter()

    def receipt(each: Emitted[IncomeReceived]) -> tuple[str, bytes, int]:
        return text_of(each.event.agreement), each.event.bank_reference, each.block.timestamp

    # What a receipt brought to several tiers was announced at once.
    for (agreement, _, timestamp), parts in groupby(emitted(reader, IncomeReceived), key=receipt):
        amount = sum(part.event.amount for part in parts)
        versions = [each.event for each in published[agreement]]
        newest = max(each.effective_from for each in versions if each.effective_from <= timestamp)
        tiers = [each for each in versions if each.effective_from == newest]
        split = tier_parts(cumulative[agreement], amount, [each.income_from for each in tiers])
        for tier, part in zip(tiers, split, strict=True):
            expected[agreement, tier.version] += part
        cumulative[agreement] += amount
    return +expected


def _holders(snapshot: Snapshot, reader: Reader, registers: RegisterFolder) -> Iterator[Row]:
    entitled = _entitled_when_paid(reader, registers)
    booked = {
        (line, index): amount
        for line in sorted({line for line, _ in entitled})
        for index, amount in paid_by_leaf(reader, line).items()
    }
    for leaf, paid in zip(booked, snapshot.paid(list(booked)), strict=True):
        line, index = leaf
        yield Row(Check.HOLDER, f"{line}/{index}", chain=paid, books=booked[leaf], core=entitled[leaf])


def _entitled_when_paid(reader: Reader, registers: RegisterFolder) -> Mapping[tuple[Line, int], int]:
    """What each paid leaf was entitled to when it was paid last: from receipts, agreement and register alone."""
    projection = Projection()
    statements: dict[tuple[Line, int, bool], NDArray[np.uint64]] = {}
    entitled: dict[tuple[Line, int], int] = {}
    for record in reader.records(*REMEMBERED, Claimed.__name__, Collected.__name__, Forwarded.__name__):
        each = emitted_of(record)
        match event := each.event:
            case Claimed():
                line = projection.line(event.line)
                income, is_closed = projection.line_income(line), projection.is_closed(line.pot)
                if (line, income, is_closed) not in statements:
                    register = registers.load(open_register(reader, line).event.root)
                    statements[line, income, is_closed] = register.statements(income, closed=is_closed)
                entitled[line, event.index] = int(statements[line, income, is_closed][event.index])
            case Collected() | Forwarded():
                line = projection.line(event.line)
                entitled[line, 0] = projection.line_income(line)
            case _:
                projection.entry_of(each)
    return entitled


def _loans(snapshot: Snapshot, reader: Reader) -> Iterator[Row]:
    found = pledges(reader)
    for (identifier, pledge), debt in zip(found.items(), snapshot.debts(list(found)), strict=True):
        name = text_of(identifier)
        owed = reader.balance(Account(AccountKind.PRINCIPAL, name))
        yield Row(Check.PRINCIPAL, name, chain=debt.principal, books=owed)
        accrued = 0 if pledge.loan is None else pledge.loan.at(snapshot.block.timestamp).interest
        yield Row(Check.INTEREST, name, chain=debt.interest, books=accrued)
        costs = reader.balance(Account(AccountKind.COSTS, name))
        yield Row(Check.COSTS, name, chain=debt.costs, books=costs)


def _credits(snapshot: Snapshot, reader: Reader) -> Iterator[Row]:
    held = {
        (Address(account.owner), batch_of(asset)): -balance
        for (account, asset), balance in reader.balances(AccountKind.CREDITS).items()
    }
    booked = balance_sheets(reader)
    for batch, sheet in enumerate(snapshot.balance_sheets(), start=1):
        for term, figure in asdict(sheet).items():
            yield Row(Check.BATCH, f"{batch}/{term}", chain=figure, books=getattr(booked[batch], term))
        burned = reader.balance(Account(AccountKind.USED_UP), credit_of(batch))
        yield Row(Check.BATCH, f"{batch}/unexplained", chain=0, books=burned)
        short = reader.balance(Account(AccountKind.SHORTFALL), credit_of(batch))
        yield Row(Check.BATCH, f"{batch}/open_shortfall", chain=sheet.shortfall - sheet.made_good, books=short)
    retired = {account.subject: -balance for (account, _), balance in reader.balances(AccountKind.RETIRED).items()}
    for number, quantity in enumerate(snapshot.certified(), start=1):
        yield Row(Check.CERTIFICATE, str(number), chain=quantity, books=retired.get(str(number), 0))
    lost = deficits(reader)
    for project, deficit in zip(lost, snapshot.deficits(list(lost)), strict=True):
        yield Row(Check.DEFICIT, text_of(project), chain=deficit, books=lost[project])
    for (owner, batch), on_chain in zip(held, snapshot.credits_of(list(held)), strict=True):
        yield Row(Check.CREDITS, f"{batch}/{owner}", chain=on_chain, books=held[owner, batch])
