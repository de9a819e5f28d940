"""Deploys the protocol and remembers where.

One deployer for every door: the command line, the demo and `brownie run deploy`.

This module needs web3 and nothing else of the service, so that Brownie's own environment can import it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from eth_utils.abi import abi_to_signature, function_signature_to_4byte_selector
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import TxReceipt

from ledger_service.chain.artefacts import CONTRACTS, Artefact, load_artefact
from ledger_service.domain.bilingual import Words, reason_of
from ledger_service.domain.errors import LedgerError
from ledger_service.files import write_whole

Role = Literal["committee", "operator", "treasurer", "guardian"]

ROLES: Mapping[Role, int] = {"committee": 1, "operator": 2, "treasurer": 3, "guardian": 4}
"""Role ids in the Authority; 0 is its own administrator."""

ROLE_TABLE: tuple[tuple[str, str, Role], ...] = (
    ("Participants", "admit", "operator"),
    ("Participants", "setBlocked", "operator"),
    ("MonitoringOracle", "configureFeed", "committee"),
    ("MonitoringOracle", "addSigner", "committee"),
    ("MonitoringOracle", "removeSigner", "guardian"),
    ("MonitoringPanel", "electPanel", "committee"),
    ("MonitoringOracle", "pause", "guardian"),
    ("MonitoringOracle", "resume", "committee"),
    ("CnyVoucher", "mint", "treasurer"),
    ("CnyVoucher", "confirmPayments", "treasurer"),
    ("CnyVoucher", "returnRedemption", "treasurer"),
    ("Revenue", "publish", "committee"),
    ("Revenue", "publishTiers", "committee"),
    ("Revenue", "receiveIncome", "treasurer"),
    ("Revenue", "closePeriod", "treasurer"),
    ("Revenue", "openMissingRegister", "committee"),
    ("Pledges", "pause", "guardian"),
    ("Pledges", "resume", "committee"),
    ("CarbonCredits", "registerProject", "committee"),
    ("CarbonCredits", "pause", "guardian"),
    ("CarbonCredits", "resume", "committee"),
    ("Funds", "propose", "operator"),
    ("Funds", "spend", "treasurer"),
    ("Funds", "pause", "guardian"),
    ("Funds", "resume", "committee"),
    ("DataAssets", "register", "operator"),
    ("DataAssets", "pause", "guardian"),
    ("DataAssets", "resume", "committee"),
)
"""Who may call what. Every other function of the protocol is open to anyone, or to the party that it concerns."""


@dataclass(frozen=True, slots=True)
class Officers:
    """Who holds the roles."""

    committee: str
    operator: str
    treasurer: str
    guardian: str
    committee_delay: int
    """Seconds between what the committee announces and when it can do it, also as administrator."""

    def delay_of(self, role: Role) -> int:
        """Seconds for which `role` has to announce what it does; 0 if it may do it at once."""
        return self.committee_delay if role == "committee" else 0


class OtherDeployment(LedgerError):
    """The chain is not the one on which the deployment was recorded."""

    def __init__(self, what: Words, expected: str, found: Words) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f"{what.zh} 属于另一个部署：记录为 {expected}，链上为 {found.zh}；请查节点地址与部署记录 · "
            f"{what.en} belongs to another deployment: recorded {expected}, found {found.en};"
            " check the node's URL and the record"
        )


class DeploymentUnreadable(LedgerError):
    """There is no record of a deployment where one was expected."""

    def __init__(self, path: Path, reason: Words) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"部署记录 {path} 读不到（{reason.zh}）：请先部署，或另指记录文件 · "
            f"the record of the deployment {path} cannot be read ({reason.en}): deploy first, or name another file"
        )


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the protocol stands on one chain."""

    chain_id: int
    genesis_hash: str
    """Hash of the block that holds the first deployment transaction: it tells two chains with one id apart."""
    first_block: int
    """That block's number; no event of the protocol is older."""
    contracts: Mapping[str, str]
    """Checksum address by contract name."""

    @staticmethod
    def path(folder: Path, chain_id: int) -> Path:
        """Where the record of a chain's deployment lies among others: by chain id."""
        return folder / "deployments" / f"{chain_id}.json"

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Reads a record.

        Raises:
            DeploymentUnreadable: There is none, or the file is something else.
        """
        try:
            return cls(**json.loads(path.read_text("utf-8")))
        except OSError as failure:
            raise DeploymentUnreadable(path, reason_of(failure)) from failure
        except (ValueError, TypeError) as failure:
            raise DeploymentUnreadable(path, Words("不是部署记录", "it is no record of a deployment")) from failure

    def save(self, path: Path) -> None:
        """Writes the record; it is there whole or not at all."""
        write_whole(path, json.dumps(asdict(self), indent=2) + "\n")

    def require_present(self, w3: Web3) -> None:
        """Refuses a chain on which this deployment does not stand."""
        if w3.eth.chain_id != self.chain_id:
            raise OtherDeployment(Words("链号", "the chain id"), str(self.chain_id), Words.alike(str(w3.eth.chain_id)))
        height = w3.eth.block_number
        if height < self.first_block:
            found = Words(f"只到区块 {height}", f"no block after {height}")
            raise OtherDeployment(Words("首个区块", "the first block"), str(self.first_block), found)
        digest = w3.eth.get_block(self.first_block)["hash"].to_0x_hex()
        if digest != self.genesis_hash:
            what = Words(f"区块 {self.first_block}", f"block {self.first_block}")
            raise OtherDeployment(what, self.genesis_hash, Words.alike(digest))
        for name, address in self.contracts.items():
            if not w3.eth.get_code(to_checksum_address(address)):
                raise OtherDeployment(Words.alike(name), address, Words("没有代码", "no code"))


def created_address(sender: str, nonce: int) -> str:
    """The address of the contract that `sender` creates with transaction `nonce` (RLP of both, hashed)."""
    encoded_nonce = b"\x80" if nonce == 0 else nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    if len(encoded_nonce) > 1 or encoded_nonce[0] > 0x80:
        encoded_nonce = bytes([0x80 + len(encoded_nonce)]) + encoded_nonce
    body = b"\x94" + bytes.fromhex(sender[2:]) + encoded_nonce
    return to_checksum_address(keccak(bytes([0xC0 + len(body)]) + body)[12:])


def deploy(w3: Web3, deployer: str, officers: Officers) -> Deployment:
    """Deploys all contracts from their artefacts, hands every role to its officer and keeps none.

    Args:
        w3: A connection that can send transactions from `deployer` (an unlocked account, or a signing middleware).
        deployer: Address that pays; it holds no role afterwards.
        officers: Who holds the roles.
    """
    artefacts = {name: load_artefact(name) for name in CONTRACTS}
    first_nonce = w3.eth.get_transaction_count(to_checksum_address(deployer))
    # The contracts name each other in immutable variables: their addresses are worked out before the first is deployed.
    at = {name: created_address(deployer, first_nonce + i) for i, name in enumerate(CONTRACTS)}
    arguments: Mapping[str, Sequence[str]] = {
        "Authority": (to_checksum_address(deployer),),
        "Participants": (at["Authority"], at["Revenue"]),
        "MonitoringOracle": (at["Authority"], at["MonitoringPanel"]),
        "MonitoringPanel": (at["Authority"], at["MonitoringOracle"], at["Participants"]),
        "CnyVoucher": (at["Authority"], at["Participants"], at["Revenue"], at["Pledges"]),
        "Revenue": (
            at["Authority"],
            at["Participants"],
            at["CnyVoucher"],
            at["MonitoringOracle"],
            at["Pledges"],
            at["Funds"],
        ),
        "PledgeTerms": (at["Revenue"], at["DataAssets"]),
        "Pledges": (at["Authority"], at["Revenue"], at["CnyVoucher"], at["PledgeTerms"], at["Workouts"]),
        "Workouts": (at["Pledges"], at["DataAssets"]),
        "CarbonCredits": (
            at["Authority"],
            at["Participants"],
            at["MonitoringOracle"],
            at["Revenue"],
            at["RetirementCertificates"],
        ),
        "Funds": (at["Authority"], at["Revenue"], at["CnyVoucher"]),
        "RetirementCertificates": (at["CarbonCredits"],),
        "DataAssets": (at["Authority"], at["Participants"], at["MonitoringOracle"], at["Pledges"]),
    }

    receipts = [_create(w3, deployer, artefacts[name], arguments[name], at[name]) for name in CONTRACTS]
    _hand_over(w3, deployer, artefacts, at, officers)
    return Deployment(
        chain_id=w3.eth.chain_id,
        genesis_hash=receipts[0]["blockHash"].to_0x_hex(),
        first_block=receipts[0]["blockNumber"],
        contracts=at,
    )


def _create(w3: Web3, deployer: str, artefact: Artefact, arguments: Sequence[str], expected: str) -> TxReceipt:
    contract = w3.eth.contract(abi=artefact.abi, bytecode=artefact.bytecode)
    receipt = _mined(w3, contract.constructor(*arguments).transact({"from": to_checksum_address(deployer)}))
    if receipt["contractAddress"] != expected:
        raise OtherDeployment(Words.alike(artefact.name), expected, Words.alike(str(receipt["contractAddress"])))
    return receipt


def _hand_over(
    w3: Web3, deployer: str, artefacts: Mapping[str, Artefact], at: Mapping[str, str], officers: Officers
) -> None:
    authority = w3.eth.contract(address=to_checksum_address(at["Authority"]), abi=artefacts["Authority"].abi)
    calls: list[Any] = []
    for contract in sorted({row[0] for row in ROLE_TABLE}):
        for role, role_id in ROLES.items():
            selectors = [
                selector_of(artefacts[contract], function)
                for table_contract, function, table_role in ROLE_TABLE
                if (table_contract, table_role) == (contract, role)
            ]
            if selectors:
                calls.append(authority.functions.setTargetFunctionRole(at[contract], selectors, role_id))
    for role, role_id in ROLES.items():
        holder, delay = to_checksum_address(getattr(officers, role)), officers.delay_of(role)
        calls.append(authority.functions.labelRole(role_id, role))
        calls.append(authority.functions.grantRole(role_id, holder, delay))
    calls.append(authority.functions.grantRole(0, to_checksum_address(officers.committee), officers.committee_delay))
    calls.append(authority.functions.renounceRole(0, to_checksum_address(deployer)))
    for call in calls:
        _mined(w3, call.transact({"from": to_checksum_address(deployer)}))


def selector_of(artefact: Artefact, function: str) -> bytes:
    """The 4-byte selector of the function named `function`."""
    (item,) = (entry for entry in artefact.abi if entry["type"] == "function" and entry["name"] == function)
    return function_signature_to_4byte_selector(abi_to_signature(item))  # type: ignore[arg-type]


def _mined(w3: Web3, transaction: Any) -> TxReceipt:
    receipt = w3.eth.wait_for_transaction_receipt(transaction, timeout=120, poll_latency=0.02)
    if receipt["status"] != 1:
        raise LedgerError(f"部署交易失败 · a deployment transaction failed: {transaction.to_0x_hex()}")
    return receipt
