"""Double-entry books of chain events: an entry that exists is balanced."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType, Protocol

from ledger_service.domain.errors import LedgerError

MAX_POSTING = 2**63 - 1
"""What a database keeps in a signed 64-bit column: 92 quadrillion yuan, or 9 quadrillion tonnes of CO2e."""

Asset = NewType("Asset", str)
"""What is counted: fen, or the credits of one batch. Every entry is balanced in each of its assets."""

CNY = Asset("CNY")
"""Money in fen."""


def credit_of(batch: int) -> Asset:
    """The credits of `batch`, in kg CO2e."""
    return Asset(f"kg:{batch}")


def batch_of(asset: Asset) -> int:
    """The batch whose credits an asset counts."""
    return int(asset.removeprefix("kg:"))


class AccountKind(StrEnum):
    """What an account counts. A positive balance is what somebody has to give, a negative one whom it is owed to.

    Six groups balance in themselves: vouchers against the bank, income against those it belongs to, funds against what
    came into them, loans against what was lent, credits against what was measured, and what batches are short of
    against what was lost and made good.
    """

    BANK = "bank"
    """结算账户：the settlement account at the treasurer's bank."""
    VOUCHER = "voucher"
    """结算凭证：vouchers of `owner`."""
    RECEIVED = "received"
    """入账：income of the pot `subject`."""
    LEG = "leg"
    """分成待付：what the line `subject` is owed and was not paid."""
    DUST = "dust"
    """尾差：what the pot `subject` holds back while it is open, less than one fen for each leg."""
    FORWARDED = "forwarded"
    """转入：what the line of leaf `subject` brought to the agreement `owner` as income."""
    FILLED = "filled"
    """专项资金收入：what came into the fund `subject`, a leg of an agreement."""
    FUND = "fund"
    """专项资金：what the fund `subject` holds."""
    SPENT = "spent"
    """专项支出：what `owner` was paid out of the fund `subject`."""
    HOLDER = "holder"
    """持有人已付：what `owner` was paid as leaf `subject` (line and index)."""
    LENDERS = "lenders"
    """出借人已付：what the lenders of `owner` were paid out of leaf `subject`."""
    BOUNCED = "bounced"
    """退付：what could not be paid to `owner` when it was due."""
    SET_ASIDE = "set-aside"
    """代存：what is kept for `owner` because it could not be paid."""
    PRINCIPAL = "principal"
    """未偿本金：outstanding principal of the pledge `subject`."""
    LENT = "lent"
    """放款：principal lent under the pledge `subject`."""
    REPAID = "repaid"
    """还款：what `owner` repaid under the pledge `subject`."""
    INTEREST = "interest"
    """已收利息：interest paid under the pledge `subject`."""
    COSTS = "costs"
    """未付费用：enforcement costs charged under the pledge `subject` and not paid."""
    CHARGED = "charged"
    """计收费用：enforcement costs that were charged under the pledge `subject`."""
    FORGIVEN = "forgiven"
    """豁免：principal and costs of the pledge `subject` that its lender waived."""
    KEPT = "kept"
    """代存还款：repayments that `Pledges` keeps for the lender `owner`, who could not be paid."""
    MEASURED = "measured"
    """监测量：credits that were issued, whatever became of them."""
    CREDITS = "credits"
    """碳汇量：credits of `owner`."""
    USED_UP = "used-up"
    """销毁中：credits that were burned, until the event beside it says why; zero after every transaction."""
    RETIRED = "retired"
    """注销：credits that `owner` used, by the certificate `subject`."""
    CANCELLED = "cancelled"
    """取消：credits that `owner` destroyed for a reason, or to make a shortfall good."""
    REVERSED = "reversed"
    """逆转：credits that were taken back from the buffer because the forest lost them."""
    SHORTFALL = "shortfall"
    """缺口：credits that lost their carbon, are covered by no buffer and were not made good."""
    LOST = "lost"
    """损失：what was recorded as shortfall in all."""
    MADE_GOOD = "made-good"
    """补足：what of the shortfall `owner` made good."""


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """An account by what it counts, about what, and whose."""

    kind: AccountKind
    subject: str = ""
    owner: str = ""

    def __str__(self) -> str:
        return ":".join(filter(None, (self.kind.value, self.subject, self.owner)))


class PostingOutOfRange(LedgerError):
    """An amount is zero, or does not fit into the books."""

    def __init__(self, account: Account, amount: int) -> None:
        self.account = account
        self.amount = amount
        super().__init__(
            f"科目 {account} 的金额 {amount} 为零或超出账簿上限 {MAX_POSTING} · "
            f"amount {amount} of account {account} is zero or beyond what the books hold, {MAX_POSTING}"
        )


class Unbalanced(LedgerError):
    """The postings of an entry do not add up to zero in every asset."""

    def __init__(self, totals: Mapping[Asset, int]) -> None:
        self.totals = dict(totals)
        listed = ", ".join(f"{asset} {total:+}" for asset, total in totals.items())
        super().__init__(f"分录借贷不平：{listed} · the entry is not balanced: {listed}")


class EntryEmpty(LedgerError):
    """An entry has no postings: an event without an effect has no entry."""

    def __init__(self, source: "EventId") -> None:
        self.source = source
        super().__init__(f"事件 {source} 的分录为空 · the entry of event {source} has no postings")


@dataclass(frozen=True, slots=True)
class EventId:
    """Where an event stands, for good: a block's hash is never reused, so nothing is ever counted twice."""

    chain_id: int
    block_hash: str
    log_index: int

    def __str__(self) -> str:
        return f"{self.chain_id}:{self.block_hash}:{self.log_index}"


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an entry."""

    account: Account
    asset: Asset
    amount: int

    def __post_init__(self) -> None:
        if self.amount == 0 or abs(self.amount) > MAX_POSTING:
            raise PostingOutOfRange(self.account, self.amount)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one event did to the books. It cannot be made unbalanced."""

    source: EventId
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        if not self.postings:
            raise EntryEmpty(self.source)
        totals: Counter[Asset] = Counter()
        for posting in self.postings:
            totals[posting.asset] += posting.amount
        if unbalanced := {asset: total for asset, total in totals.items() if total}:
            raise Unbalanced(unbalanced)


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """A block that was read. Another hash at its number means that the chain was reorganised."""

    number: int
    hash: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Record:
    """One event as the books keep it: its name, and its values as JSON in which every number is text."""

    id: EventId
    block: Block
    transaction: str
    contract: str
    name: str
    values: Mapping[str, Any]


class Identity(Protocol):
    """What tells one deployment from every other. Books belong to exactly one."""

    @property
    def chain_id(self) -> int: ...
    @property
    def genesis_hash(self) -> str: ...
    @property
    def first_block(self) -> int: ...
    @property
    def contracts(self) -> Mapping[str, str]: ...
