"""Data assets: what one counts for, and where it stands towards the covenant of its pledge."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from ledger_service.domain.bilingual import Words
from ledger_service.domain.units import WHOLE_BPS


class Standing(IntEnum):
    """Where a data asset stands, numbered as `IDataAssets.Standing`."""

    NONE = 0
    """无约定：no live pledge, or no covenant agreed."""
    FRESH = 1
    """有效：the newest version is as new as agreed."""
    STALE = 2
    """过期：no version came in time."""
    SHORTFALL = 3
    """不足：the debt is above what may be lent on the asset."""

    @property
    def words(self) -> Words:
        return _STANDING_WORDS[self]


_STANDING_WORDS = {
    Standing.NONE: Words("无约定", "no covenant"),
    Standing.FRESH: Words("有效", "fresh"),
    Standing.STALE: Words("过期", "stale"),
    Standing.SHORTFALL: Words("担保不足", "shortfall"),
}


class Reason(IntFlag):
    """Why it stands there, bit by bit as in `IDataAssets.Status`."""

    STALE = 1
    """过期：the newest version is older than agreed."""
    SHORTFALL = 2
    """不足：the debt is above the agreed part of what the asset counts for."""
    NEVER_APPRAISED = 4
    """未评估：no figure was recorded."""
    APPRAISAL_OUT_OF_DATE = 8
    """评估过期：the figure is no longer fresh."""
    DISPUTED = 16
    """评估有争议：the lender disputes the figure."""

    @property
    def words(self) -> Words:
        """What one bit means."""
        return _REASON_WORDS[self]


_REASON_WORDS = {
    Reason.STALE: Words("数据版本过期", "the newest version is too old"),
    Reason.SHORTFALL: Words("担保价值不足", "the debt is too high for the value"),
    Reason.NEVER_APPRAISED: Words("尚未评估", "never appraised"),
    Reason.APPRAISAL_OUT_OF_DATE: Words("评估已过期", "the appraisal is out of date"),
    Reason.DISPUTED: Words("评估存在争议", "the appraisal is disputed"),
}


@dataclass(frozen=True, slots=True)
class CovenantTerms:
    """What steward and lender agreed on."""

    freshness_seconds: int
    stale_bps: int
    maximum_ltv_bps: int


@dataclass(frozen=True, slots=True)
class Appraisal:
    """The last figure that was recorded, and the one before; times are running time."""

    value: int
    previous: int
    valid_until: int
    disputed_until: int = 0

    def is_disputed(self, running_time: int) -> bool:
        """Whether the lender disputes it."""
        return running_time < self.disputed_until

    def followed_by(self, lendable: int, valid_until: int, running_time: int) -> "Appraisal":
        """What the next figure makes of it: during a dispute, what stood before the disputed one stays."""
        previous = self.previous if self.is_disputed(running_time) else self.value
        return Appraisal(lendable, previous, valid_until, self.disputed_until)


@dataclass(frozen=True, slots=True)
class Status:
    """Where an asset stands, and the figures that decide it, in fen."""

    standing: Standing
    reasons: Reason
    value: int
    debt: int
    fresh_until: int
    """Running time; 0 when no version counts."""


def counts_down(value: int, previous: int, stale_bps: int, *, disputed: bool, stale: bool) -> int:
    """SPEC D10: what an appraised value counts for, rounded down."""
    figure = min(value, previous) if disputed else value
    return figure * stale_bps // WHOLE_BPS if stale else figure


def is_short(value: int, maximum_ltv_bps: int, debt: int) -> bool:
    """SPEC D11: whether a debt is above the part of a value that may be lent on it."""
    return debt * WHOLE_BPS > value * maximum_ltv_bps


def status_of(
    terms: CovenantTerms, appraisal: Appraisal | None, *, fresh_as_of: int, debt: int, running_time: int
) -> Status:
    """Where an asset stands at a second of running time, as `DataAssets.covenantOf` says it (SPEC D8 to D11)."""
    fresh_until = fresh_as_of + terms.freshness_seconds if fresh_as_of else 0
    reasons = Reason(0)
    if running_time > fresh_until:
        reasons |= Reason.STALE
    if appraisal is None:
        reasons |= Reason.NEVER_APPRAISED
    else:
        if running_time >= appraisal.valid_until:
            reasons |= Reason.APPRAISAL_OUT_OF_DATE
        if appraisal.is_disputed(running_time):
            reasons |= Reason.DISPUTED
    value = counts_down(
        appraisal.value if appraisal else 0,
        appraisal.previous if appraisal else 0,
        terms.stale_bps,
        disputed=Reason.DISPUTED in reasons,
        stale=bool(reasons & (Reason.STALE | Reason.APPRAISAL_OUT_OF_DATE)),
    )
    if is_short(value, terms.maximum_ltv_bps, debt):
        reasons |= Reason.SHORTFALL
    standing = Standing.FRESH
    if Reason.STALE in reasons:
        standing = Standing.STALE
    if Reason.SHORTFALL in reasons:
        standing = Standing.SHORTFALL
    return Status(standing, reasons, value, debt, fresh_until)
