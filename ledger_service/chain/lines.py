"""Agreements and lines as `Revenue` takes and names them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from ledger_service.domain.agreements import Agreement, Line
from ledger_service.domain.identifiers import ZERO_ADDRESS, Address, bytes32_of
from ledger_service.domain.units import Bps, Period

LineTuple = tuple[bytes, int, int, int]
"""`IRevenue.Line`: agreement, version, period, leg."""
LegTuple = tuple[int, int, str, bytes, bytes, bytes, bytes, int]
"""`IRevenue.Leg`: kind, bps, account, purpose, feed, subject, child, payoutBps."""


def line_tuple(line: Line) -> LineTuple:
    """The line as functions of `Revenue` take it."""
    return (bytes32_of(line.pot.agreement), line.pot.version, line.pot.period.value, line.leg)


def line_id(line: Line) -> bytes:
    """The line as events of `Revenue` name it: `Revenue.lineId`."""
    return keccak(encode(["bytes32", "uint16", "uint32", "uint8"], line_tuple(line)))


def leg_tuples(
    agreement: Agreement, *, payees: Mapping[str, Address], subject: str, shares: Sequence[Bps] | None = None
) -> list[LegTuple]:
    """The legs of an agreement of the catalogue as `Revenue.publish` takes them.

    Args:
        agreement: The agreement.
        payees: Address by payee's name in the catalogue.
        subject: What the registers of its legs are measured on: a pool of parcels, a product line.
        shares: Shares of the legs other than those they begin with.
    """
    none = bytes(32)
    return [
        (
            leg.kind,
            share.value,
            payees[leg.payee] if leg.payee else ZERO_ADDRESS,
            bytes32_of(leg.purpose) if leg.purpose else none,
            bytes32_of(leg.feed) if leg.feed else none,
            bytes32_of(subject) if leg.feed else none,
            bytes32_of(leg.child) if leg.child else none,
            leg.payout.value if leg.payout else 0,
        )
        for leg, share in zip(agreement.legs, shares or [leg.share for leg in agreement.legs], strict=True)
    ]


def publications(
    revenue: Any,
    agreement: Agreement,
    *,
    payees: Mapping[str, Address],
    subject: str,
    effective_from: int,
    key: str | None = None,
) -> list[Any]:
    """The calls of `Revenue` that publish an agreement of the catalogue with all its stages, in their order.

    Args:
        revenue: Functions of the contract.
        agreement: The agreement.
        payees: Address by payee's name in the catalogue.
        subject: What the registers of its legs are measured on.
        effective_from: When it comes into force, in UTC seconds.
        key: Its key on chain, if it is one of many of its kind, such as a course.
    """
    named = bytes32_of(key or agreement.key)
    legs = leg_tuples(agreement, payees=payees, subject=subject)
    if not agreement.stages:
        return [revenue.publish(named, legs, effective_from)]
    calls = [revenue.publishTiers(named, [(0, legs)], effective_from)]
    for stage in agreement.stages:
        tiers = [
            (tier.income_from.value, leg_tuples(agreement, payees=payees, subject=subject, shares=tier.shares))
            for tier in stage.tiers
        ]
        calls.append(revenue.publishTiers(named, tiers, months_after(effective_from, stage.after_months)))
    return calls


def months_after(timestamp: int, months: int) -> int:
    """The same moment of the same day some months later; of the last day of that month if it is shorter."""
    moment = datetime.fromtimestamp(timestamp, UTC)
    later = Period((moment.year - 1970) * 12 + moment.month - 1 + months)
    second_of_day = timestamp % 86_400
    last_day = (later.ends_at - later.starts_at) // 86_400
    return later.starts_at + (min(moment.day, last_day) - 1) * 86_400 + second_of_day
