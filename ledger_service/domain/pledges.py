"""Pledges: where one stands, and what its loan owes."""

from dataclasses import dataclass, replace
from enum import IntEnum
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
}


@dataclass(frozen=True, slots=True)
class Loan:
    """Outstanding principal and its simple interest, kept without division: small steps gain nothing (SPEC L2)."""

    principal: int
    annual_rate_bps: int
    accrued_at: int
    accrued: int = 0
    """Interest since disbursement up to `accrued_at`, in fen × basis points × seconds."""
    interest_paid: int = 0

    @property
    def interest(self) -> int:
        """Accrued and unpaid interest in fen, rounded down."""
        return self.accrued // SCALE - self.interest_paid

    def due(self, principal_lent: int, principal_scheduled: int) -> int:
        """SPEC L3: the interest, and what was scheduled by now and was not repaid, in fen; never more than the debt."""
        arrears = max(0, principal_scheduled - (principal_lent - self.principal))
        return self.interest + min(arrears, self.principal)

    def at(self, timestamp: int) -> "Loan":
        """The same loan with its interest accrued up to `timestamp`."""
        grown = self.principal * self.annual_rate_bps * (timestamp - self.accrued_at)
        return replace(self, accrued=self.accrued + grown, accrued_at=timestamp)

    def after(self, timestamp: int, *, to_interest: int, to_principal: int) -> "Loan":
        """The loan after a repayment."""
        loan = self.at(timestamp)
        return replace(loan, interest_paid=loan.interest_paid + to_interest, principal=loan.principal - to_principal)
