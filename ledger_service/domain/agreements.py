"""Agreements: published rules that split income into legs, and the lines in which money is owed."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib.resources import files
from typing import Any

from ledger_service.domain.bilingual import Words
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import bytes32_of, is_short_text
from ledger_service.domain.units import WHOLE_BPS, Bps, Fen, Period
from pyo3_core import entitled_closed, entitled_open


class LegKind(IntEnum):
    """What a leg is, numbered as `IRevenue.LegKind`."""

    ACCOUNT = 1
    """账户：one account collects it."""
    FUND = 2
    """专项资金：an earmarked fund, kept on chain for one purpose."""
    REGISTER = 3
    """份额登记册：the holders of a share register claim it."""
    AGREEMENT = 4
    """下级协议：it is income of another agreement, the child."""


class LegMalformed(LedgerError):
    """A leg says too much or too little for what it is."""

    def __init__(self, key: str, kind: LegKind) -> None:
        self.key = key
        self.kind = kind
        super().__init__(
            f"分成“{key}”与其类型 {kind.name} 不符 · leg “{key}” has not exactly the facts that its kind, "
            f"{kind.name}, needs"
        )


class SharesDoNotAddUp(LedgerError):
    """The legs of an agreement do not add up to the whole."""

    def __init__(self, key: str, total_bps: int) -> None:
        self.key = key
        self.total_bps = total_bps
        super().__init__(
            f"协议“{key}”各分成合计 {total_bps} 基点，应为 {WHOLE_BPS} · "
            f"the legs of “{key}” add up to {total_bps} basis points, not to {WHOLE_BPS}"
        )


class AgreementUnknown(LedgerError):
    """No agreement has this key."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"没有名为“{key}”的分配协议 · there is no agreement “{key}”")


class StageMalformed(LedgerError):
    """A later stage of an agreement does not follow the ones before, or its tiers do not ascend from zero."""

    def __init__(self, key: str, after_months: int) -> None:
        self.key = key
        self.after_months = after_months
        super().__init__(
            f"协议“{key}”第 {after_months} 个月起的阶段无效：阶段须依次后移，档位须自 0 起递增 · "
            f"the stage of “{key}” after {after_months} months is not valid: stages follow one another, "
            "and tiers ascend from zero"
        )


@dataclass(frozen=True, slots=True)
class Leg:
    """One part of an agreement.

    An account or fund names its payee, a fund its purpose, a register its feed, an agreement its child. A fund may pay
    a share of bills.
    """

    key: str
    name: Words
    kind: LegKind
    share: Bps
    payee: str | None = None
    purpose: str | None = None
    feed: str | None = None
    child: str | None = None
    payout: Bps | None = None
    """The share of a bill that a fund pays; nothing where it pays by amount."""

    def __post_init__(self) -> None:
        facts = (self.payee, self.purpose, self.feed, self.child)
        named = tuple(fact is not None for fact in facts)
        expected = {
            LegKind.ACCOUNT: (True, False, False, False),
            LegKind.FUND: (True, True, False, False),
            LegKind.REGISTER: (False, False, True, False),
            LegKind.AGREEMENT: (False, False, False, True),
        }[self.kind]
        texts = filter(None, (self.purpose, self.feed, self.child))
        pays_bills = self.payout is not None and self.payout.value > 0
        if (
            named != expected
            or not all(map(is_short_text, texts))
            or (self.payout is not None and not (pays_bills and self.kind is LegKind.FUND))
        ):
            raise LegMalformed(self.key, self.kind)


@dataclass(frozen=True, slots=True)
class Tier:
    """How income is shared from some cumulative income of the agreement on, up to the next tier."""

    income_from: Fen
    shares: tuple[Bps, ...]
    """One for each leg."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What applies some months after an agreement came into force."""

    after_months: int
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A rule of the catalogue, before anybody publishes it."""

    key: str
    name: Words
    income: Words
    legs: tuple[Leg, ...]
    stages: tuple[Stage, ...] = ()
    """Later stages. An agreement that has any counts its income over all periods, from the first fen on."""

    def __post_init__(self) -> None:
        bytes32_of(self.key)
        shares = [tuple(leg.share for leg in self.legs)]
        shares += [tier.shares for stage in self.stages for tier in stage.tiers]
        for each in shares:
            if len(each) != len(self.legs) or (total := sum(share.value for share in each)) != WHOLE_BPS:
                raise SharesDoNotAddUp(self.key, total if len(each) == len(self.legs) else 0)
        before = 0
        for stage in self.stages:
            bounds = [tier.income_from.value for tier in stage.tiers]
            if stage.after_months <= before or bounds[:1] != [0] or bounds != sorted(set(bounds)):
                raise StageMalformed(self.key, stage.after_months)
            before = stage.after_months


@dataclass(frozen=True, slots=True, order=True)
class Pot:
    """What one version of an agreement received for one period: the unit in which income is counted and closed."""

    agreement: str
    version: int
    period: Period

    def __str__(self) -> str:
        return f"{self.agreement}/{self.version}/{self.period}"


@dataclass(frozen=True, slots=True, order=True)
class Fund:
    """An earmarked fund: a leg of an agreement, in all its versions and periods."""

    agreement: str
    leg: int

    def __str__(self) -> str:
        return f"{self.agreement}/{self.leg}"


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One leg of a pot: the unit in which money is owed and paid."""

    pot: Pot
    leg: int

    def __str__(self) -> str:
        return f"{self.pot}/{self.leg}"


def leg_income(received: int, shares_bps: Sequence[int], leg: int, *, closed: bool) -> int:
    """SPEC S3: what leg `leg` is owed of what its pot `received`, in fen, while open and once closed."""
    return slice_income(received, sum(shares_bps[:leg]), shares_bps[leg], WHOLE_BPS, closed=closed)


def tier_parts(cumulative: int, amount: int, bounds: Sequence[int]) -> tuple[int, ...]:
    """SPEC T2: how much of an `amount` that comes on top of `cumulative` lies in each tier, in fen.

    Args:
        cumulative: What the agreement received before.
        amount: What it receives now.
        bounds: Where each tier begins, the first at zero.
    """
    after = cumulative + amount
    ends = (*bounds[1:], after)
    return tuple(max(0, min(end, after) - max(begin, cumulative)) for begin, end in zip(bounds, ends, strict=True))


def slice_income(income: int, before: int, weight: int, total: int, *, closed: bool) -> int:
    """SPEC S1 and S2: what the slice [before, before + weight) of `total` is owed of an income, in fen."""
    return entitled_closed(income, before, weight, total) if closed else entitled_open(income, weight, total)


@cache
def catalogue() -> Mapping[str, Agreement]:
    """The agreements that the ledger ships, by key."""
    text = files(__package__).joinpath("agreements.toml").read_text("utf-8")
    return {key: _agreement(key, table) for key, table in tomllib.loads(text).items()}


def agreement_named(key: str) -> Agreement:
    """The agreement of the catalogue with this key."""
    try:
        return catalogue()[key]
    except KeyError:
        raise AgreementUnknown(key) from None


def _agreement(key: str, table: Mapping[str, Any]) -> Agreement:
    return Agreement(
        key=key,
        name=Words(**table["name"]),
        income=Words(**table["income"]),
        legs=tuple(_leg(**leg) for leg in table["legs"]),
        stages=tuple(_stage(**stage) for stage in table.get("stages", ())),
    )


def _leg(*, key: str, name: Mapping[str, str], kind: str, bps: int, payout_bps: int | None = None, **facts: str) -> Leg:
    payout = None if payout_bps is None else Bps(payout_bps)
    return Leg(key=key, name=Words(**name), kind=LegKind[kind.upper()], share=Bps(bps), payout=payout, **facts)


def _stage(*, after_months: int, tiers: Sequence[Mapping[str, Any]]) -> Stage:
    return Stage(
        after_months,
        tuple(Tier(Fen(tier["income_from_fen"]), tuple(map(Bps, tier["bps"]))) for tier in tiers),
    )
