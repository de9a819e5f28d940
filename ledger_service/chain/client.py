"""A connection to one deployment: contracts by name, transactions that either happened or say why not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any, cast

from eth_account.signers.local import LocalAccount
from eth_utils.abi import abi_to_signature, function_signature_to_4byte_selector
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError, ContractLogicError
from web3.types import TxParams, TxReceipt

from ledger_service.chain.artefacts import CONTRACTS, load_artefact
from ledger_service.chain.deployment import Deployment
from ledger_service.chain.refusals import explain
from ledger_service.domain.errors import LedgerError


class Refused(LedgerError):
    """A contract refused a call. `name` and `arguments` are its custom error."""

    def __init__(self, name: str, arguments: Mapping[str, Any]) -> None:
        self.name = name
        self.arguments = dict(arguments)
        super().__init__(explain(name, self.arguments))


class ChainUnreachable(LedgerError):
    """No node answers at the URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(f"无法连接区块链节点 {url} · no chain node answers at {url}")


def connect(url: str) -> Web3:
    """Opens a connection and makes sure that a node answers."""
    w3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 60}))
    if not w3.is_connected():
        raise ChainUnreachable(url)
    return w3


@cache
def _errors_by_selector() -> Mapping[bytes, dict[str, Any]]:
    return {
        function_signature_to_4byte_selector(abi_to_signature(item)): item  # type: ignore[arg-type]
        for name in CONTRACTS
        for item in load_artefact(name).abi
        if item["type"] == "error"
    }


class Chain:
    """One deployment on one node."""

    def __init__(self, w3: Web3, deployment: Deployment) -> None:
        deployment.require_present(w3)
        self.w3 = w3
        self.deployment = deployment
        self._contracts: dict[str, Contract] = {}

    @cached_property
    def chain_id(self) -> int:
        return self.w3.eth.chain_id

    def contract(self, name: str) -> Contract:
        """The contract `name` of this deployment, with its full ABI."""
        if name not in self._contracts:
            address = Web3.to_checksum_address(self.deployment.contracts[name])
            self._contracts[name] = self.w3.eth.contract(address=address, abi=load_artefact(name).abi)
        return self._contracts[name]

    def send(self, call: ContractFunction, sender: LocalAccount) -> TxReceipt:
        """Signs and sends `call`, and waits until it is in a block.

        Raises:
            Refused: The contract refused; nothing has happened.
        """
        nonce = self.w3.eth.get_transaction_count(sender.address, "pending")
        try:
            gas = call.estimate_gas({"from": sender.address})
        except (ContractCustomError, ContractLogicError) as refusal:
            raise self.refusal(refusal) from None
        # What a call needs can grow a little between the estimate and its block, when other calls come first.
        transaction: TxParams = call.build_transaction({"from": sender.address, "nonce": nonce, "gas": gas * 5 // 4})
        signed = sender.sign_transaction(cast("dict[str, Any]", transaction))
        receipt = self.w3.eth.wait_for_transaction_receipt(
            self.w3.eth.send_raw_transaction(signed.raw_transaction), timeout=120, poll_latency=0.01
        )
        if receipt["status"] != 1:
            self._replay(call, sender, receipt)
        return receipt

    def call(self, call: ContractFunction, sender: str | None = None) -> Any:
        """Asks a view, or tries a call without sending it."""
        try:
            return call.call({"from": Web3.to_checksum_address(sender)} if sender else {})
        except (ContractCustomError, ContractLogicError) as refusal:
            raise self.refusal(refusal) from None

    def _replay(self, call: ContractFunction, sender: LocalAccount, receipt: TxReceipt) -> None:
        self.call(call, sender.address)
        raise Refused("TransactionFailed", {"transaction": receipt["transactionHash"].to_0x_hex()})

    def refusal(self, raised: ContractLogicError) -> Refused:
        """The custom error behind what the node answered."""
        data = raised.data if isinstance(raised.data, str) and raised.data.startswith("0x") else "0x"
        payload = HexBytes(data)
        item = _errors_by_selector().get(bytes(payload[:4]))
        if item is None:
            return Refused("Reverted", {"reason": raised.message or "", "data": data})
        values = self.w3.codec.decode([_type_of(entry) for entry in item["inputs"]], bytes(payload[4:]))
        return Refused(
            item["name"], {entry["name"]: value for entry, value in zip(item["inputs"], values, strict=True)}
        )

    def timestamp(self) -> int:
        """UTC seconds of the newest block."""
        return self.w3.eth.get_block("latest")["timestamp"]


def _type_of(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    inner = ",".join(_type_of(part) for part in entry["components"])
    return f"({inner}){entry['type'][len('tuple') :]}"
