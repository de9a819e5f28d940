"""What became of a batch of credits, in kg CO2e, and of its serials."""

from dataclasses import dataclass
from enum import StrEnum

from ledger_service.domain.bilingual import Words


@dataclass(frozen=True, slots=True)
class BalanceSheet:
    """A batch's credits by what became of them: all but the last two add up to what was issued (SPEC C9)."""

    issued: int
    tradable: int
    """Held by anyone but the buffer."""
    buffer: int
    retired: int
    cancelled: int
    reversed: int
    shortfall: int
    """Lost and not covered by buffers, in all."""
    made_good: int
    """What of the shortfall was made good."""


class SerialState(StrEnum):
    """What became of an interval of serials."""

    ISSUED = "issued"
    """签发：the whole batch."""
    RETIRED = "retired"
    """注销：used, with a certificate."""
    CANCELLED = "cancelled"
    """取消：destroyed for a reason, or to make a shortfall good."""
    TRADABLE = "tradable"
    """流通：outstanding, in somebody's hands."""
    BUFFER = "buffer"
    """缓冲：outstanding, in the buffer."""
    REVERSED = "reversed"
    """逆转：taken back because the forest lost them."""

    @property
    def words(self) -> Words:
        return _WORDS[self]


_WORDS = {
    SerialState.ISSUED: Words("签发", "issued"),
    SerialState.RETIRED: Words("注销", "retired"),
    SerialState.CANCELLED: Words("取消", "cancelled"),
    SerialState.TRADABLE: Words("流通", "tradable"),
    SerialState.BUFFER: Words("缓冲", "buffer"),
    SerialState.REVERSED: Words("逆转", "reversed"),
}
