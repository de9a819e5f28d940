"""What holders and lenders sign (EIP-712): pledge terms and redemption orders.

Reporters' signatures are in `oracles.reports`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from ledger_service.chain.client import Chain

ALL = 2**256 - 1
"""The amount of a redemption order that means the holder's whole balance."""

TERMS_TYPES: Mapping[str, Sequence[Mapping[str, str]]] = {
    "Terms": [
        {"name": "holder", "type": "address"},
        {"name": "lender", "type": "address"},
        {"name": "agreement", "type": "bytes32"},
        {"name": "leg", "type": "uint8"},
        {"name": "fromPeriod", "type": "uint32"},
        {"name": "toPeriod", "type": "uint32"},
        {"name": "bps", "type": "uint16"},
        {"name": "principal", "type": "uint128"},
        {"name": "annualRateBps", "type": "uint16"},
        {"name": "schedule", "type": "Instalment[]"},
        {"name": "conditions", "type": "Conditions"},
        {"name": "certificate", "type": "bytes32"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint64"},
    ],
    "Conditions": [
        {"name": "disburseBy", "type": "uint64"},
        {"name": "grace", "type": "uint32"},
        {"name": "remediation", "type": "uint32"},
        {"name": "overdueRateBps", "type": "uint16"},
        {"name": "costsCap", "type": "uint128"},
        {"name": "value", "type": "uint128"},
        {"name": "maximumLtvBps", "type": "uint16"},
    ],
    "Instalment": [{"name": "dueAt", "type": "uint64"}, {"name": "principal", "type": "uint128"}],
}
ORDER_TYPES: Mapping[str, Sequence[Mapping[str, str]]] = {
    "RedemptionOrder": [
        {"name": "holder", "type": "address"},
        {"name": "amount", "type": "uint256"},
        {"name": "payee", "type": "bytes32"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ],
}


@dataclass(frozen=True, slots=True)
class Instalment:
    """Principal that falls due."""

    dueAt: int  # noqa: N815 - the fields are named as the contract names them, because their names are signed.
    principal: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds when a loan does not run as planned. See `IPledges.Conditions` for the units."""

    disburseBy: int  # noqa: N815
    grace: int
    remediation: int
    overdueRateBps: int  # noqa: N815
    costsCap: int  # noqa: N815
    value: int
    maximumLtvBps: int  # noqa: N815

    def as_tuple(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holder and lender of a pledge both sign. See `IPledges.Terms` for the units."""

    holder: str
    lender: str
    agreement: bytes
    leg: int
    fromPeriod: int  # noqa: N815
    toPeriod: int  # noqa: N815
    bps: int
    principal: int
    annualRateBps: int  # noqa: N815
    schedule: tuple[Instalment, ...]
    conditions: Conditions
    certificate: bytes
    """Of the data asset whose licence income is pledged; 32 zeros for other income."""
    nonce: int
    deadline: int

    def as_tuple(self) -> tuple[Any, ...]:
        """As the contract's functions take it."""
        schedule = [(instalment.dueAt, instalment.principal) for instalment in self.schedule]
        nested = {"schedule": schedule, "conditions": self.conditions.as_tuple()}
        return tuple(nested.get(name) or getattr(self, name) for name in self.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class RedemptionOrder:
    """What a holder signs so that somebody else carries its redemption. See `ICnyVoucher.RedemptionOrder`."""

    holder: str
    amount: int
    payee: bytes
    nonce: int
    deadline: int

    def as_tuple(self) -> tuple[Any, ...]:
        return (self.holder, self.amount, self.payee, self.nonce, self.deadline)


def domain(chain: Chain, contract: str) -> dict[str, Any]:
    """The signing domain of `contract`: a signature is good for one contract on one chain."""
    return {
        "name": f"Gongsheng {contract}",
        "version": "1",
        "chainId": chain.chain_id,
        "verifyingContract": chain.deployment.contracts[contract],
    }


def sign_terms(chain: Chain, terms: Terms, signer: LocalAccount) -> bytes:
    message = asdict(terms) | {"schedule": [asdict(instalment) for instalment in terms.schedule]}
    return _sign(domain(chain, "Pledges"), TERMS_TYPES, message, signer)


def sign_order(chain: Chain, order: RedemptionOrder, signer: LocalAccount) -> bytes:
    return _sign(domain(chain, "CnyVoucher"), ORDER_TYPES, asdict(order), signer)


def _sign(
    of: Mapping[str, Any],
    types: Mapping[str, Sequence[Mapping[str, str]]],
    message: Mapping[str, Any],
    signer: LocalAccount,
) -> bytes:
    signable = encode_typed_data(dict(of), {name: list(fields) for name, fields in types.items()}, dict(message))
    return bytes(Account.sign_message(signable, signer.key).signature)
