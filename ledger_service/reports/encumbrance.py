"""What a bank clerk asks before lending: is this income free, and who holds liens on it?"""

from dataclasses import dataclass

from ledger_service.chain.client import Chain
from ledger_service.chain.events import block_at, head_number
from ledger_service.chain.snapshot import Debt, Lien, Snapshot
from ledger_service.domain.bilingual import Words
from ledger_service.domain.books import Block
from ledger_service.domain.identifiers import Address
from ledger_service.domain.pledges import PledgeReason
from ledger_service.domain.units import Bps, Period, yuan_text


@dataclass(frozen=True, slots=True)
class Encumbrance:
    """All live liens on a holder's income from one leg in one period, in order of rank, and what is free of it."""

    holder: Address
    agreement: str
    leg: int
    period: Period
    block: Block
    liens: tuple[tuple[Lien, Debt, PledgeReason], ...]
    free: Bps

    @property
    def is_free(self) -> bool:
        """Whether nobody holds a lien on it."""
        return not self.liens

    @property
    def answer(self) -> Words:
        """One sentence for the clerk."""
        income_zh = f"{self.holder} 在 {self.agreement} 第 {self.leg} 分成 {self.period} 的收益"
        income_en = f"the income of {self.holder} from leg {self.leg} of {self.agreement} in {self.period}"
        if self.is_free:
            return Words(f"{income_zh}未设担保，可质押 {self.free}", f"{income_en} is free: nobody holds a lien on it")
        return Words(
            f"{income_zh}已有 {len(self.liens)} 项担保，可质押 {self.free}",
            f"{income_en} carries {len(self.liens)} lien(s): {self.free} is free",
        )

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The liens as a person reads them, in the order of `HEADER`."""
        return tuple(
            (
                str(rank),
                lien.lender,
                str(Bps(lien.bps)),
                str(lien.state.words),
                yuan_text(debt.principal),
                yuan_text(debt.interest),
                yuan_text(debt.due),
                str(reasons.words),
                "0x" + lien.pledge.hex(),
            )
            for rank, (lien, debt, reasons) in enumerate(self.liens, start=1)
        )


HEADER = (
    Words("顺位", "rank"),
    Words("出借人", "lender"),
    Words("份额", "share"),
    Words("状态", "state"),
    Words("未偿本金", "principal"),
    Words("应计利息", "interest"),
    Words("到期应付", "due"),
    Words("情况", "condition"),
    Words("质押编号", "pledge"),
)
"""Columns of a rendered lien."""


def encumbrance(chain: Chain, holder: Address, agreement: str, leg: int, period: Period) -> Encumbrance:
    """Asks the contracts, at the newest block: a lien stands there from the moment it is registered.

    Raises:
        ChainMoved: The block was reorganised meanwhile.
    """
    block = block_at(chain, head_number(chain))
    assert block is not None, "the newest block exists"
    snapshot = Snapshot(chain, block)
    liens, free_bps = snapshot.encumbrance(holder, agreement, leg, period)
    debts, reasons = snapshot.debts([lien.pledge for lien in liens]), snapshot.reasons([lien.pledge for lien in liens])
    snapshot.require_current()
    return Encumbrance(
        holder, agreement, leg, period, block, tuple(zip(liens, debts, reasons, strict=True)), Bps(free_bps)
    )
