"""Write ``tests/vectors/eip712.json``: what reporters, borrowers, lenders and holders sign, and its digests.

eth-account computes them, which knows nothing of our code: the contracts and every client that signs are checked
against them. Run without arguments to write the file, with ``--check`` to learn whether it is fresh: the exit status is
1 if it is not. Numbers are decimal strings, because JSON readers round large ones, and bytes are hexadecimal strings.
What looks random is hashed from a label, so the file does not change unless a type or this script changes.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

FILE: Final = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "eip712.json"

RULE: Final = (
    "E1 digest = keccak256(0x19 ‖ 0x01 ‖ domain separator ‖ struct hash), EIP-712. "
    "The domain has a name, a version, a chain id and the address of the contract that the signature is meant for. "
    "E2 the struct hash of Terms is the pledge's id. "
    "E3 a signature is r 32 ‖ s 32 ‖ v 1, s in the lower half of the order; it is made with the key "
    "keccak256(the vector's key label)."
)

TYPES: Final = {
    "Report": [
        ("feed", "bytes32"),
        ("subject", "bytes32"),
        ("periodStart", "uint64"),
        ("periodEnd", "uint64"),
        ("observedAt", "uint64"),
        ("validUntil", "uint64"),
        ("seq", "uint64"),
        ("value", "int128"),
        ("uncertainty", "uint128"),
        ("shareRoot", "bytes32"),
        ("shareCount", "uint64"),
        ("evidenceRoot", "bytes32"),
        ("methodology", "bytes32"),
        ("qcFlags", "uint64"),
        ("configDigest", "bytes32"),
    ],
    "Instalment": [("dueAt", "uint64"), ("principal", "uint128")],
    "Conditions": [
        ("disburseBy", "uint64"),
        ("grace", "uint32"),
        ("remediation", "uint32"),
        ("overdueRateBps", "uint16"),
        ("costsCap", "uint128"),
        ("value", "uint128"),
        ("maximumLtvBps", "uint16"),
    ],
    "Terms": [
        ("holder", "address"),
        ("lender", "address"),
        ("agreement", "bytes32"),
        ("leg", "uint8"),
        ("fromPeriod", "uint32"),
        ("toPeriod", "uint32"),
        ("bps", "uint16"),
        ("principal", "uint128"),
        ("annualRateBps", "uint16"),
        ("schedule", "Instalment[]"),
        ("conditions", "Conditions"),
        ("certificate", "bytes32"),
        ("nonce", "uint256"),
        ("deadline", "uint64"),
    ],
    "RedemptionOrder": [
        ("holder", "address"),
        ("amount", "uint256"),
        ("payee", "bytes32"),
        ("nonce", "uint256"),
        ("deadline", "uint256"),
    ],
}
CONTRACT_OF: Final = {"Report": "MonitoringOracle", "Terms": "Pledges", "RedemptionOrder": "CnyVoucher"}
"""Which contract a signed type is meant for; its domain is named after it."""

U16: Final = 2**16 - 1
U32: Final = 2**32 - 1
U64: Final = 2**64 - 1
U128: Final = 2**128 - 1
U256: Final = 2**256 - 1
DAY: Final = 86_400

Json = dict[str, Any]


def text32(text: str) -> bytes:
    """Short text as the contracts keep it."""
    return text.encode().ljust(32, b"\0")


def hashed(label: str) -> bytes:
    """32 bytes that look random and are the same everywhere."""
    return keccak(text=f"eip712 {label}")


def account(label: str) -> str:
    """An address that nobody has the key of."""
    return to_checksum_address(hashed(label)[12:])


def types_of(primary: str) -> dict[str, list[dict[str, str]]]:
    """``primary`` and the types that its fields name."""
    named = [primary, *(kind.removesuffix("[]") for _, kind in TYPES[primary] if kind.removesuffix("[]") in TYPES)]
    return {name: [{"name": field, "type": kind} for field, kind in TYPES[name]] for name in named}


def reports() -> list[Json]:
    """An ordinary report, a measured decrease without holders, and every number at its end."""
    ordinary = {
        "feed": text32("carbon-kg"),
        "subject": text32("carbon-pool-1"),
        "periodStart": 1_735_689_600,
        "periodEnd": 1_767_225_600,
        "observedAt": 1_767_312_000,
        "validUntil": 1_798_761_600,
        "seq": 1,
        "value": 38_456_789,
        "uncertainty": 2_345_678,
        "shareRoot": hashed("share root"),
        "shareCount": 2_143,
        "evidenceRoot": hashed("evidence root"),
        "methodology": hashed("methodology"),
        "qcFlags": 0,
        "configDigest": hashed("config digest"),
    }
    no_holders = {"shareRoot": bytes(32), "shareCount": 0}
    decrease = no_holders | {"seq": 2, "value": -1, "uncertainty": 0, "qcFlags": 5}
    lowest = no_holders | {"value": -(2**127), "uncertainty": U128}
    highest = {
        "periodStart": U64 - 3,
        "periodEnd": U64 - 2,
        "observedAt": U64 - 1,
        "validUntil": U64,
        "seq": U64,
        "value": 2**127 - 1,
        "uncertainty": U128,
        "shareCount": U64,
        "qcFlags": U64,
    }
    return [ordinary, ordinary | decrease, ordinary | lowest, ordinary | highest]


def terms() -> list[Json]:
    """A loan in twelve instalments, one in a single instalment, an empty schedule, and every number at its end."""
    monthly = [
        {"dueAt": 1_767_225_600 + 30 * DAY * i, "principal": 4_166_666 + (8 if i == 12 else 0)} for i in range(1, 13)
    ]
    ordinary: Json = {
        "holder": account("cooperative"),
        "lender": account("bank"),
        "agreement": text32("carbon-pool"),
        "leg": 1,
        "fromPeriod": 671,
        "toPeriod": 695,
        "bps": 6_000,
        "principal": 50_000_000,
        "annualRateBps": 435,
        "schedule": monthly,
        "conditions": {
            "disburseBy": 1_767_830_400,
            "grace": 10 * DAY,
            "remediation": 30 * DAY,
            "overdueRateBps": 218,
            "costsCap": 1_000_000,
            "value": 100_000_000,
            "maximumLtvBps": 5_000,
        },
        "certificate": bytes(32),
        "nonce": 1,
        "deadline": 1_767_225_600,
    }
    nothing = dict.fromkeys(ordinary["conditions"], 0)
    certificate = text32("data-asset-1")
    single = {
        "principal": 1,
        "schedule": [{"dueAt": 1, "principal": 1}],
        "conditions": nothing,
        "certificate": certificate,
        "nonce": 2,
    }
    highest = {
        "leg": 255,
        "fromPeriod": U32,
        "toPeriod": U32,
        "bps": U16,
        "principal": U128,
        "annualRateBps": U16,
        "schedule": [{"dueAt": U64, "principal": U128}, {"dueAt": 0, "principal": 0}],
        "conditions": {
            "disburseBy": U64,
            "grace": U32,
            "remediation": U32,
            "overdueRateBps": U16,
            "costsCap": U128,
            "value": U128,
            "maximumLtvBps": U16,
        },
        "certificate": b"\xff" * 32,
        "nonce": U256,
        "deadline": U64,
    }
    return [ordinary, ordinary | single, ordinary | {"schedule": []}, ordinary | highest]


def orders() -> list[Json]:
    """A redemption of an amount, and one of everything that never expires."""
    ordinary = {
        "holder": account("household"),
        "amount": 123_456,
        "payee": hashed("payee"),
        "nonce": 1,
        "deadline": 1_767_225_600,
    }
    return [
        ordinary,
        ordinary | {"amount": U256, "nonce": U256, "deadline": U256},
        ordinary | {"amount": 0, "nonce": 0},
    ]


def shown(value: object) -> object:
    """A value as it stands in the file."""
    match value:
        case int():
            return str(value)
        case bytes():
            return "0x" + value.hex()
        case dict():
            return {key: shown(item) for key, item in value.items()}
        case list():
            return [shown(item) for item in value]
    return value


def vector(primary: str, number: int, chain_id: int, message: Json) -> Json:
    """One message with everything that is computed on the way to its signature."""
    domain = {
        "name": f"Gongsheng {CONTRACT_OF[primary]}",
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": account(f"{CONTRACT_OF[primary]} on {chain_id}"),
    }
    signable = encode_typed_data(domain, types_of(primary), message)
    key_label = f"eip712 {primary} {number}"
    signed = Account.sign_message(signable, keccak(text=key_label))
    return {
        "type": primary,
        "domain": domain,
        "message": message,
        "domain_separator": bytes(signable.header),
        "struct_hash": bytes(signable.body),
        "digest": bytes(signed.message_hash),
        "key_label": key_label,
        "signer": Account.from_key(keccak(text=key_label)).address,
        "signature": bytes(signed.signature),
    }


def rendered() -> str:
    """The whole file."""
    vectors = [
        vector(primary, number, chain_id, message)
        for primary, messages in (("Report", reports()), ("Terms", terms()), ("RedemptionOrder", orders()))
        for number, message in enumerate(messages)
        for chain_id in ((31_337, 1) if number == 0 else (31_337,))
    ]
    types = {name: [{"name": field, "type": kind} for field, kind in fields] for name, fields in TYPES.items()}
    return json.dumps({"rule": RULE, "types": types, "vectors": shown(vectors)}, ensure_ascii=False, indent=1) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, or say that it is stale."""
    parser = argparse.ArgumentParser(description="Write the EIP-712 vectors, computed by eth-account.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the file differs")
    parser.add_argument("--file", type=Path, default=FILE, help="where it is (default: %(default)s)")
    options = parser.parse_args(arguments)
    file: Path = options.file

    if file.exists() and file.read_text(encoding="utf-8") == rendered():
        return 0
    if options.check:
        print(f"{file.name} is not what eth-account computes", file=sys.stderr)
        return 1
    file.write_text(rendered(), encoding="utf-8")
    print(f"{file.name} written", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
