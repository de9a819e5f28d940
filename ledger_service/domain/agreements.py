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
from ledger_service.domain.units import WHOLE_BPS, Bps, Period
from pyo3_core import entitled_closed, entitled_open


class LegKind(IntEnum):
    """What a leg is, numbered as `IRevenue.LegKind`."""

    ACCOUNT = 1
    """账户：one account collects it."""
    FUND = 2
    """专项资金：an earmarked fund, kept on chain for one purpose."""
    REGISTER = 3
    """份额登记册：the holders of a share register claim it."""


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


@dataclass(frozen=True, slots=True)
class Leg:
    """One part of an agreement. An account or fund names its payee, a fund its purpose, a register its feed."""

    key: str
    name: Words
    kind: LegKind
    share: Bps
    payee: str | None = None
    purpose: str | None = None
    feed: str | None = None

    def __post_init__(self) -> None:
        named = (self.payee is not None, self.purpose is not None, self.feed is not None)
        expected = {
            LegKind.ACCOUNT: (True, False, False),
            LegKind.FUND: (True, True, False),
            LegKind.REGISTER: (False, False, True),
        }[self.kind]
        if named != expected or not all(map(is_short_text, filter(None, (self.purpose, self.feed)))):
            raise LegMalformed(self.key, self.kind)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A rule of the catalogue, before anybody publishes it."""

    key: str
    name: Words
    income: Words
    legs: tuple[Leg, ...]

    def __post_init__(self) -> None:
        bytes32_of(self.key)
        if (total := sum(leg.share.value for leg in self.legs)) != WHOLE_BPS:
            raise SharesDoNotAddUp(self.key, total)


@dataclass(frozen=True, slots=True, order=True)
class Pot:
    """What one version of an agreement received for one period: the unit in which income is counted and closed."""

    agreement: str
    version: int
    period: Period

    def __str__(self) -> str:
        return f"{self.agreement}/{self.version}/{self.period}"


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
    )


def _leg(*, key: str, name: Mapping[str, str], kind: str, bps: int, **facts: str) -> Leg:
    return Leg(key=key, name=Words(**name), kind=LegKind[kind.upper()], share=Bps(bps), **facts)
