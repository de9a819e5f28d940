"""Agreements and lines as `Revenue` takes and names them."""

from collections.abc import Mapping

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from ledger_service.domain.agreements import Agreement, Line
from ledger_service.domain.identifiers import ZERO_ADDRESS, Address, bytes32_of

LineTuple = tuple[bytes, int, int, int]
"""`IRevenue.Line`: agreement, version, period, leg."""
LegTuple = tuple[int, int, str, bytes, bytes, bytes]
"""`IRevenue.Leg`: kind, bps, account, purpose, feed, subject."""


def line_tuple(line: Line) -> LineTuple:
    """The line as functions of `Revenue` take it."""
    return (bytes32_of(line.pot.agreement), line.pot.version, line.pot.period.value, line.leg)


def line_id(line: Line) -> bytes:
    """The line as events of `Revenue` name it: `Revenue.lineId`."""
    return keccak(encode(["bytes32", "uint16", "uint32", "uint8"], line_tuple(line)))


def leg_tuples(agreement: Agreement, *, payees: Mapping[str, Address], subject: str) -> list[LegTuple]:
    """The legs of an agreement of the catalogue as `Revenue.publish` takes them.

    Args:
        agreement: The agreement.
        payees: Address by payee's name in the catalogue.
        subject: What the registers of its legs are measured on: a pool of parcels, a product line.
    """
    none = bytes(32)
    return [
        (
            leg.kind,
            leg.share.value,
            payees[leg.payee] if leg.payee else ZERO_ADDRESS,
            bytes32_of(leg.purpose) if leg.purpose else none,
            bytes32_of(leg.feed) if leg.feed else none,
            bytes32_of(subject) if leg.feed else none,
        )
        for leg in agreement.legs
    ]
