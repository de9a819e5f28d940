"""Pledges: where one stands, and what its loan owes."""

from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from typing import Final

from ledger_service.domain.bilingual import Words
from ledger_service.domain.units import WHOLE_BPS

SCALE: Final = WHOLE_BPS * 365 * 86_400
"""SPEC L2: fen × basis points × seconds in one fen of interest."""


class PledgeState(IntEnum):
    """Where a pledge stands, numbered as `IPledges.State`."""

    NONE = 0
    """不存在：there is no such pledge."""
    COMMITTED = 1
    """已承诺：both have signed, the income is reserved."""
    PERFECTED = 2
    """已登记：entered in the statutory register."""
    ACTIVE = 3
    """生效：disbursed; income is diverted to the lender."""
    REPAID = 4
    """已清偿：nothing is owed any more."""
    RELEASED = 5
    """已解除：the income is free again."""
    CANCELLED = 6
    """已取消：given up before disbursement."""
    DELINQUENT = 7
    """逾期：in arrears for longer than the grace."""
    REMEDIATION = 8
    """催告整改：the lender has given notice of enforcement."""
    ENFORCING = 9
    """强制执行：the whole debt is called in and diverted."""
    WRITTEN_OFF = 10
    """已核销：the lender no longer counts on it, and keeps claim and lien."""
    CLOSED = 11
    """已终结：the lender waived the rest; the income is free again."""
    EXPIRED = 12
    """已失效：not disbursed in time; the income is free again."""

    @property
    def words(self) -> Words:
        return _STATE_WORDS[self]


_STATE_WORDS = {
    PledgeState.NONE: Words("不存在", "none"),
    PledgeState.COMMITTED: Words("已承诺", "committed"),
    PledgeState.PERFECTED: Words("已登记", "perfected"),
    PledgeState.ACTIVE: Words("生效", "active"),
    PledgeState.REPAID: Words("已清偿", "repaid"),
    PledgeState.RELEASED: Words("已解除", "released"),
    PledgeState.CANCELLED: Words("已取消", "cancelled"),
    PledgeState.DELINQUENT: Words("逾期", "delinquent"),
    PledgeState.REMEDIATION: Words("催告整改", "remediation"),
    PledgeState.ENFORCING: Words("强制执行", "enforcing"),
    PledgeState.WRITTEN_OFF: Words("已核销", "written off"),
    PledgeState.CLOSED: Words("已终结", "closed"),
    PledgeState.EXPIRED: Words("已失效", "expired"),
}


class PledgeReason(IntFlag):
    """Why a pledge is not good, in the bits of `IWorkouts.Reason`."""

    NOT_LIVE = 1
    """不存续：it encumbers nothing, or nothing is owed."""
    NOT_PERFECTED = 2
    """未登记：not in the statutory register."""
    REGISTRATION_EXPIRED = 4
    """登记到期：no longer in the statutory register."""
    NOT_DISBURSED = 8
    """逾期未放款：not disbursed in time."""
    DELINQUENT = 16
    """逾期：in arrears for longer than the grace, or on the way to enforcement."""
    WRITTEN_OFF = 32
    """已核销：its lender no longer counts on it."""
    DISPUTED = 64
    """有争议：a party objects."""
    PERIODS_OVER = 128
    """期间已过：all pledged months are over."""
    SENIOR_IN_ARREARS = 256
    """先顺位欠付：a lien before it takes what it is offered."""
    COVENANT_BROKEN = 512
    """违反数据资产约定：the data asset is stale, or counts for too little for what is owed."""

    @property
    def words(self) -> Words:
        """All reasons in one line."""
        if not self:
            return Words("良好", "good")
        zh, en = zip(*((_REASON_WORDS[bit].zh, _REASON_WORDS[bit].en) for bit in self), strict=True)
        return Words("、".join(zh), ", ".join(en))


_REASON_WORDS = {
    PledgeReason.NOT_LIVE: Words("不存续", "not live"),
    PledgeReason.NOT_PERFECTED: Words("未登记", "not registered"),
    PledgeReason.REGISTRATION_EXPIRED: Words("登记到期", "registration expired"),
    PledgeReason.NOT_DISBURSED: Words("逾期未放款", "not disbursed in time"),
    PledgeReason.DELINQUENT: Words("逾期", "delinquent"),
    PledgeReason.WRITTEN_OFF: Words("已核销", "written off"),
    PledgeReason.DISPUTED: Words("有争议", "disputed"),
    PledgeReason.PERIODS_OVER: Words("期间已过", "periods over"),
    PledgeReason.SENIOR_IN_ARREARS: Words("先顺位欠付", "a senior lien is in arrears"),
    PledgeReason.COVENANT_BROKEN: Words("违反数据资产约定", "data covenant broken"),
}


@dataclass(frozen=True, slots=True)
class Loan:
    """A loan and its simple interest, kept without division: small steps gain nothing (SPEC L2, L3, L11)."""

    principal: int
    """What is outstanding, in fen."""
    annual_rate_bps: int
    accrued_at: int
    schedule: tuple[tuple[int, int], ...]
    """Instalments that have not come yet: when, and how much principal."""
    overdue_rate_bps: int = 0
    overdue_principal: int = 0
    """What instalments have asked for and was not repaid, in fen."""
    prepaid: int = 0
    """What was repaid before an instalment asked for it, in fen."""
    accrued: int = 0
    """Interest since disbursement up to `accrued_at`, in fen × basis points × seconds."""
    billed: int = 0
    """Interest up to the last instalment that has come; after the last of all, up to `accrued_at`. In fen."""
    interest_paid: int = 0
    costs: int = 0
    """Enforcement costs that were charged and not paid, in fen."""

    @property
    def interest(self) -> int:
        """Accrued and unpaid interest in fen, rounded down."""
        return self.accrued // SCALE - self.interest_paid

    @property
    def arrears(self) -> int:
        """SPEC L3: what should have been paid at an instalment that has come, and costs, in fen."""
        return self.costs + max(0, self.billed - self.interest_paid) + self.overdue_principal

    @property
    def due(self) -> int:
        """SPEC L3: costs, all interest, and principal whose instalment has come, in fen."""
        return self.costs + self.interest + self.overdue_principal

    @property
    def debt(self) -> int:
        """All that is owed, in fen."""
        return self.costs + self.interest + self.principal

    def at(self, timestamp: int) -> "Loan":
        """The same loan with its interest accrued up to `timestamp`, and the instalments that have come by then."""
        loan = self
        while loan.schedule and loan.schedule[0][0] <= timestamp:
            (due_at, amount), *later = loan.schedule
            loan = loan._grown(max(due_at, loan.accrued_at))
            used = min(loan.prepaid, amount)
            asked = min(amount - used, loan.principal - loan.overdue_principal)
            loan = replace(
                loan,
                schedule=tuple(later),
                prepaid=loan.prepaid - used,
                overdue_principal=loan.overdue_principal + asked,
                billed=loan.accrued // SCALE,
            )
        loan = loan._grown(timestamp)
        return loan if loan.schedule else replace(loan, billed=loan.accrued // SCALE)

    def _grown(self, timestamp: int) -> "Loan":
        per_second = self.principal * self.annual_rate_bps + self.overdue_principal * self.overdue_rate_bps
        return replace(self, accrued=self.accrued + per_second * (timestamp - self.accrued_at), accrued_at=timestamp)

    def charged(self, timestamp: int, amount: int) -> "Loan":
        """The loan after enforcement costs were added."""
        loan = self.at(timestamp)
        return replace(loan, costs=loan.costs + amount)

    def after(self, timestamp: int, *, to_costs: int, to_interest: int, to_principal: int) -> "Loan":
        """The loan after a repayment."""
        loan = self.at(timestamp)
        to_overdue = min(to_principal, loan.overdue_principal)
        return replace(
            loan,
            costs=loan.costs - to_costs,
            interest_paid=loan.interest_paid + to_interest,
            principal=loan.principal - to_principal,
            overdue_principal=loan.overdue_principal - to_overdue,
            prepaid=loan.prepaid + to_principal - to_overdue,
        )
