"""What people sign (EIP-712). eth-account computes every digest: it knows nothing of the contracts.

The types stand in `tests/vectors/eip712.json`, which every language reads.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from brownie import web3
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils.crypto import keccak

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
EIP712 = json.loads((VECTORS / "eip712.json").read_text("utf-8"))
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER = 2 * HALF_ORDER + 1
"""Of secp256k1. A signature (r, s) is as good as (r, ORDER - s): the contracts take only the lower s."""


class Report(NamedTuple):
    """What a reporter signs; see `IMonitoringOracle.Report`."""

    feed: bytes
    subject: bytes
    periodStart: int
    periodEnd: int
    observedAt: int
    validUntil: int
    seq: int
    value: int
    uncertainty: int
    shareRoot: bytes
    shareCount: int
    evidenceRoot: bytes
    methodology: bytes
    qcFlags: int
    configDigest: bytes


class Instalment(NamedTuple):
    """Principal that falls due; see `IPledges.Instalment`."""

    dueAt: int
    principal: int


class Conditions(NamedTuple):
    """What happens when a loan does not run as planned; see `IPledges.Conditions`."""

    disburseBy: int
    grace: int
    remediation: int
    overdueRateBps: int
    costsCap: int
    value: int
    maximumLtvBps: int


class Terms(NamedTuple):
    """What holder and lender sign; see `IPledges.Terms`."""

    holder: str
    lender: str
    agreement: bytes
    leg: int
    fromPeriod: int
    toPeriod: int
    bps: int
    principal: int
    annualRateBps: int
    schedule: list[Instalment]
    conditions: Conditions
    certificate: bytes
    nonce: int
    deadline: int


class RedemptionOrder(NamedTuple):
    """What a holder signs to have its vouchers redeemed; see `ICnyVoucher.RedemptionOrder`."""

    holder: str
    amount: int
    payee: bytes
    nonce: int
    deadline: int


def unhex(text: str) -> bytes:
    """Bytes as the vectors show them."""
    return bytes.fromhex(text.removeprefix("0x"))


Signed = Report | Terms | RedemptionOrder


def types_of(primary: str) -> dict[str, Any]:
    """`primary` and the types that its fields name."""
    fields = EIP712["types"][primary]
    named = {field["type"].removesuffix("[]") for field in fields} & set(EIP712["types"])
    return {name: EIP712["types"][name] for name in (primary, *named)}


def domain_of(contract: Any) -> dict[str, Any]:
    """The domain in which a deployed contract checks signatures."""
    return {
        "name": f"Gongsheng {contract._name}",
        "version": "1",
        "chainId": web3.eth.chain_id,
        "verifyingContract": contract.address,
    }


def signable(message: Signed, contract: Any, **other_domain: Any) -> SignableMessage:
    """`message` as it is signed for `contract`."""
    content = message._asdict()
    if isinstance(message, Terms):
        content["schedule"] = [instalment._asdict() for instalment in message.schedule]
        content["conditions"] = message.conditions._asdict()
    return encode_typed_data(domain_of(contract) | other_domain, types_of(type(message).__name__), content)


def digest_of(message: Signed, contract: Any) -> bytes:
    """What exactly is signed."""
    prepared = signable(message, contract)
    return keccak(b"\x19" + prepared.version + prepared.header + prepared.body)


def sign(message: Signed, signer: Any, contract: Any, **other_domain: Any) -> bytes:
    """The signature of `signer`, r ‖ s ‖ v; in another domain than the contract's if one is given."""
    return bytes(Account.sign_message(signable(message, contract, **other_domain), signer.private_key).signature)


def malleated(signature: bytes) -> bytes:
    """The other signature of the same message by the same key, which nobody needed the key to make."""
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    return r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
