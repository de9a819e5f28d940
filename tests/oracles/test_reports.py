"""What is signed: every field within its type, the digest of EIP-712, and a signature that names its signer."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_keys.datatypes import Signature
from eth_utils.crypto import keccak

from ledger_service.domain.identifiers import bytes32_of
from oracles.errors import InvalidReport
from oracles.reports import REPORT_TYPE, Report, digest, oracle_domain, sign

KEY = Account.from_key(b"\x11" * 32)
CONTRACT = "0x" + "5f" * 20
DOMAIN = oracle_domain(chain_id=31337, verifying_contract=CONTRACT)
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
REPORT = Report(
    feed=bytes32_of("carbon-kg"),
    subject=bytes32_of("fia-ri"),
    period_start=1_090_800_000,
    period_end=1_553_040_000,
    observed_at=1_553_040_000,
    valid_until=1_600_000_000,
    seq=1,
    value=908_121_418,
    uncertainty=1_044_218_075,
    share_root=b"\x01" * 32,
    share_count=300,
    evidence_root=b"\x02" * 32,
    methodology=b"\x03" * 32,
    qc_flags=0,
    config_digest=b"\x04" * 32,
)


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("valid_until", 2**64 - 1),
        ("seq", 2**64 - 1),
        ("share_count", 2**64 - 1),
        ("qc_flags", 2**64 - 1),
        ("uncertainty", 2**128 - 1),
        ("value", 2**127 - 1),
    ],
)
def test_a_number_beyond_its_type_is_refused(field: str, most: int) -> None:
    replace(REPORT, **{field: most})
    with pytest.raises(InvalidReport, match=field):
        replace(REPORT, **{field: most + 1})


def test_a_value_may_be_negative_an_uncertainty_may_not() -> None:
    assert replace(REPORT, value=-(2**127)).value < 0
    for field, value in (("value", -(2**127) - 1), ("uncertainty", -1), ("seq", -1)):
        with pytest.raises(InvalidReport):
            replace(REPORT, **{field: value})


@pytest.mark.parametrize("field", ["feed", "subject", "share_root", "evidence_root", "methodology", "config_digest"])
@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_word_that_is_not_32_bytes_is_refused(field: str, length: int) -> None:
    with pytest.raises(InvalidReport, match="32 bytes"):
        replace(REPORT, **{field: bytes(length)})


def test_a_period_ends_after_it_starts_is_observed_when_over_and_valid_later() -> None:
    for changes in (
        {"period_end": REPORT.period_start},
        {"observed_at": REPORT.period_end - 1},
        {"valid_until": REPORT.observed_at},
    ):
        with pytest.raises(InvalidReport):
            replace(REPORT, **changes)


def test_the_digest_is_that_of_eip_712_computed_by_hand() -> None:
    assert REPORT_TYPE == (
        "Report(bytes32 feed,bytes32 subject,uint64 periodStart,uint64 periodEnd,uint64 observedAt,uint64 validUntil,"
        "uint64 seq,int128 value,uint128 uncertainty,bytes32 shareRoot,uint64 shareCount,bytes32 evidenceRoot,"
        "bytes32 methodology,uint64 qcFlags,bytes32 configDigest)"
    )
    domain_type = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    separator = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [keccak(text=domain_type), keccak(text="Gongsheng MonitoringOracle"), keccak(text="1"), 31337, CONTRACT],
        )
    )
    types = [part.split()[0] for part in REPORT_TYPE.removeprefix("Report(").removesuffix(")").split(",")]
    struct = keccak(encode(["bytes32", *types], [keccak(text=REPORT_TYPE), *REPORT.as_tuple()]))
    assert digest(REPORT, DOMAIN) == keccak(b"\x19\x01" + separator + struct)


def test_the_digest_is_bound_to_every_field_to_chain_and_contract() -> None:
    fields = ["seq", "value", "uncertainty", "share_count", "qc_flags", "valid_until"]
    digests = {digest(replace(REPORT, **{field: getattr(REPORT, field) + 1}), DOMAIN) for field in fields}
    digests |= {
        digest(REPORT, DOMAIN),
        digest(REPORT, oracle_domain(chain_id=1, verifying_contract=CONTRACT)),
        digest(REPORT, oracle_domain(chain_id=31337, verifying_contract="0x" + "60" * 20)),
    }
    assert len(digests) == len(fields) + 3


def test_a_signature_is_65_bytes_of_low_s_and_names_its_signer() -> None:
    signature = sign(REPORT, DOMAIN, KEY)
    assert len(signature) == 65
    assert int.from_bytes(signature[32:64]) <= HALF_ORDER
    assert signature[64] in (27, 28)
    assert signature == sign(REPORT, DOMAIN, KEY)
    parts = Signature(signature[:64] + bytes([signature[64] - 27]))
    signer = parts.recover_public_key_from_msg_hash(digest(REPORT, DOMAIN))
    assert signer.to_checksum_address() == KEY.address
