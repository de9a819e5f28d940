"""Carries transactions of one account, one at a time, so that a process killed anywhere sends none twice.

Before a transaction leaves, it is written to a journal with its nonce. Whoever starts again first settles what the
journal holds: it is mined, or the same nonce is sent again, with a higher fee if it has waited too long. At most one
transaction of a nonce can be mined, so there is no double, and the next one waits, so there is no gap.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from eth_utils.crypto import keccak
from hexbytes import HexBytes
from requests.exceptions import RequestException
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError, ContractLogicError, TransactionNotFound, Web3RPCError
from web3.types import TxReceipt

from ledger_service.chain.client import Chain, Refused
from ledger_service.domain.errors import LedgerError
from ledger_service.files import write_whole

T = TypeVar("T")

GWEI = 10**9
BUMP_PERCENT = 125
"""A replacement costs a quarter more; nodes ask for at least a tenth."""
POLL_SECONDS = 0.05


class TransactionSigner(Protocol):
    """Whoever holds the key of the account."""

    @property
    def address(self) -> str: ...

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The signed transaction, ready to send."""


class NotMined(LedgerError):
    """A transaction that no block took in, although its fee was raised. It stays in the journal and is tried again."""

    def __init__(self, nonce: int, attempts: int) -> None:
        self.nonce = nonce
        super().__init__(
            f"交易（nonce {nonce}）提价 {attempts} 次仍未打包 · "
            f"the transaction with nonce {nonce} is not mined after {attempts} attempts"
        )


class NotTaken(LedgerError):
    """A node that does not take a transaction, such as for lack of funds."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"节点不接受交易：{reason} · the node does not take the transaction: {reason}")


class Carrier:
    """Sends the transactions of one account; one process at a time."""

    def __init__(
        self,
        chain: Chain,
        signer: TransactionSigner,
        journal: Path,
        *,
        patience_seconds: float = 60.0,
        attempts: int = 6,
        sleep: Callable[[float], None] = time.sleep,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        """
        Args:
            chain: Where to.
            signer: The account.
            journal: A file that holds the transaction in flight, if there is one.
            patience_seconds: How long a transaction may wait before its fee is raised.
            attempts: How often it is sent, or a node that does not answer is asked, before giving up.
            sleep: Waits.
            on_step: Told what was just done; a test kills the process there.
        """
        self.chain = chain
        self.signer = signer
        self.journal = journal
        self.patience_seconds = patience_seconds
        self.attempts = attempts
        self.sleep = sleep
        self.on_step = on_step

    def in_flight(self) -> dict[str, Any] | None:
        """The transaction in the journal: sent, or about to be, and not known to be mined."""
        if not self.journal.exists():
            return None
        content: dict[str, Any] = json.loads(self.journal.read_text("utf-8"))
        return content

    def settle(self) -> TxReceipt | None:
        """Brings the transaction of an earlier run into a block. Returns its receipt, if there was one to bring."""
        flight = self.in_flight()
        if flight is None:
            return None
        receipt = self._bring_home(flight)
        self.journal.unlink()
        self.on_step("journal cleared")
        return receipt

    def send(self, call: ContractFunction) -> TxReceipt:
        """Sends a call and waits until it is in a block.

        Raises:
            Refused: The contract refuses it; nothing was sent.
            NotMined: No block took it in; it stays in the journal.
        """
        self.settle()
        for _ in range(self.attempts - 1):
            receipt = self._send_once(call)
            if receipt is not None and receipt["status"] == 1:
                return receipt
            # It failed in its block: for a reason that the contract tells, or because others came first in that block
            # and made it cost more than was estimated. Then it is sent anew.
            self._patiently(lambda: self.chain.call(call, self.signer.address))
        raise Refused("TransactionFailed", {"attempts": self.attempts - 1})

    def _send_once(self, call: ContractFunction) -> TxReceipt | None:
        try:
            gas = self._patiently(lambda: call.estimate_gas({"from": self.signer.address}))
        except (ContractCustomError, ContractLogicError) as refusal:
            raise self.chain.refusal(refusal) from None
        nonce = self._patiently(lambda: self.chain.w3.eth.get_transaction_count(self.signer.address))  # type: ignore[arg-type]
        priority, most = self._patiently(self._fees)
        flight = {
            "to": call.address,
            "data": call._encode_transaction_data(),
            "nonce": nonce,
            "gas": gas * 2,
            "maxPriorityFeePerGas": priority,
            "maxFeePerGas": most,
            "sent": [],
        }
        self._sign(flight)
        receipt = self._bring_home(flight)
        self.journal.unlink()
        self.on_step("journal cleared")
        return receipt

    def _bring_home(self, flight: dict[str, Any]) -> TxReceipt | None:
        """Sends what is in flight until its nonce is used; None if another transaction used it."""
        for attempt in range(self.attempts):
            if attempt:
                for fee in ("maxPriorityFeePerGas", "maxFeePerGas"):
                    flight[fee] = flight[fee] * BUMP_PERCENT // 100 + 1
                self._sign(flight)
            self._broadcast(bytes.fromhex(flight["sent"][-1]))
            self.on_step("broadcast")
            waited = 0.0
            while waited <= self.patience_seconds:
                if receipt := self._mined(flight):
                    return receipt
                used = self._patiently(lambda: self.chain.w3.eth.get_transaction_count(self.signer.address))  # type: ignore[arg-type]
                if used > flight["nonce"]:
                    return self._mined(flight)
                self.sleep(POLL_SECONDS)
                waited += POLL_SECONDS
        raise NotMined(flight["nonce"], self.attempts)

    def _sign(self, flight: dict[str, Any]) -> None:
        fields = {key: value for key, value in flight.items() if key != "sent"}
        raw = self.signer.sign_transaction({**fields, "value": 0, "type": 2, "chainId": self.chain.chain_id})
        flight["sent"].append(raw.hex())
        write_whole(self.journal, json.dumps(flight))
        self.on_step("journal written")

    def _broadcast(self, raw: bytes) -> None:
        """A node that knows the transaction, or has mined its nonce, says so; both are well."""
        try:
            self._patiently(lambda: self.chain.w3.eth.send_raw_transaction(HexBytes(raw)))
        except (Web3RPCError, ValueError) as answer:
            text = str(answer).lower()
            if not any(word in text for word in ("already", "known", "nonce too low", "underpriced")):
                raise NotTaken(text) from answer

    def _mined(self, flight: Mapping[str, Any]) -> TxReceipt | None:
        for raw in reversed(flight["sent"]):
            digest = HexBytes(keccak(bytes.fromhex(raw)))
            try:
                return self._patiently(lambda digest=digest: self.chain.w3.eth.get_transaction_receipt(digest))  # type: ignore[misc]
            except TransactionNotFound:
                continue
        return None

    def _fees(self) -> tuple[int, int]:
        """A tip, and at most that on top of twice the base fee, so that the fee may double before the bump."""
        base = self.chain.w3.eth.get_block("latest").get("baseFeePerGas", 0)
        priority = max(self.chain.w3.eth.max_priority_fee, GWEI)
        return priority, 2 * base + priority

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Asks a node again that does not answer, waiting longer each time."""
        return patiently(ask, attempts=self.attempts, sleep=self.sleep)


def patiently(ask: Callable[[], T], *, attempts: int = 6, sleep: Callable[[float], None] = time.sleep) -> T:
    """Asks a node again that does not answer: after a quarter of a second, then twice as long each time."""
    for attempt in range(attempts - 1):
        try:
            return ask()
        except RequestException:
            sleep(0.25 * 2**attempt)
    return ask()
