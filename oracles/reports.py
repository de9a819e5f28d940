"""What a reporter signs: the EIP-712 report of one round, which the oracle contract reads field by field."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from ledger_service.domain import rounds
from oracles.errors import InvalidReport

DOMAIN_NAME = "Gongsheng MonitoringOracle"
DOMAIN_VERSION = "1"

_TYPES = {
    "feed": "bytes32",
    "subject": "bytes32",
    "periodStart": "uint64",
    "periodEnd": "uint64",
    "observedAt": "uint64",
    "validUntil": "uint64",
    "seq": "uint64",
    "value": "int128",
    "uncertainty": "uint128",
    "shareRoot": "bytes32",
    "shareCount": "uint64",
    "evidenceRoot": "bytes32",
    "methodology": "bytes32",
    "qcFlags": "uint64",
    "configDigest": "bytes32",
}

REPORT_TYPE = f"Report({','.join(f'{type_} {name}' for name, type_ in _TYPES.items())})"
"""The type string of EIP-712; its hash is a constant of the contract."""

_LIMITS = {
    "uint64": (0, (1 << 64) - 1),
    "uint128": (0, (1 << 128) - 1),
    "int128": (-(1 << 127), (1 << 127) - 1),
}


@dataclass(frozen=True, slots=True)
class Report(rounds.Report):
    """A report about to be signed. One that exists can be encoded, and does not contradict itself.

    Whether it is true is for the quorum to say.
    """

    def __post_init__(self) -> None:
        for field, type_ in zip(fields(self), _TYPES.values(), strict=True):
            value = getattr(self, field.name)
            if type_ == "bytes32":
                if len(value) != 32:
                    raise InvalidReport(field.name, f"0x{value.hex()}", "32 bytes")
            else:
                least, most = _LIMITS[type_]
                if not least <= value <= most:
                    raise InvalidReport(field.name, value, type_)
        if not self.period_start < self.period_end:
            raise InvalidReport("period_end", self.period_end, f"> period_start {self.period_start}")
        if not self.period_end <= self.observed_at:
            raise InvalidReport("observed_at", self.observed_at, f"≥ period_end {self.period_end}")
        if not self.observed_at < self.valid_until:
            raise InvalidReport("valid_until", self.valid_until, f"> observed_at {self.observed_at}")

    def message(self) -> dict[str, int | bytes]:
        """The fields under the names the contract has for them."""
        return dict(zip(_TYPES, self.as_tuple(), strict=True))

    def as_tuple(self) -> tuple[int | bytes, ...]:
        """The fields in order, as the contract's functions take them."""
        return tuple(getattr(self, field.name) for field in fields(self))


def oracle_domain(*, chain_id: int, verifying_contract: str) -> dict[str, Any]:
    """The EIP-712 domain of one oracle contract on one chain: a report signed for it is good nowhere else."""
    return {
        "name": DOMAIN_NAME,
        "version": DOMAIN_VERSION,
        "chainId": chain_id,
        "verifyingContract": to_checksum_address(verifying_contract),
    }


def digest(report: Report, domain: Mapping[str, Any]) -> bytes:
    """The 32 bytes that are signed: `keccak256(0x19 ‖ 0x01 ‖ domain separator ‖ struct hash)`."""
    signable = _signable(report, domain)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def sign(report: Report, domain: Mapping[str, Any], key: LocalAccount) -> bytes:
    """The signature of a report as the contract takes it: 65 bytes, r ‖ s ‖ v, s in the lower half, v 27 or 28."""
    return bytes(key.sign_message(_signable(report, domain)).signature)


def signer_of(report: Report, domain: Mapping[str, Any], signature: bytes) -> str:
    """The address whose key made a signature of a report."""
    return str(Account.recover_message(_signable(report, domain), signature=signature))


def report_typed_data(report: Report, domain: Mapping[str, Any]) -> dict[str, Any]:
    """A report as `eth_signTypedData_v4` takes it: whole numbers as text, bytes as hex."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Report": [{"name": name, "type": type_} for name, type_ in _TYPES.items()],
        },
        "primaryType": "Report",
        "domain": dict(domain),
        "message": {
            name: f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
            for name, value in report.message().items()
        },
    }


def _signable(report: Report, domain: Mapping[str, Any]) -> SignableMessage:
    return encode_typed_data(
        domain_data=dict(domain),
        message_types={"Report": [{"name": name, "type": type_} for name, type_ in _TYPES.items()]},
        message_data=report.message(),
    )
