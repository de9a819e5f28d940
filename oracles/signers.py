"""Who signs: a key in this process, or one elsewhere (a hardware module, a remote service) behind one interface."""

from collections.abc import Mapping
from typing import Any, Protocol

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import is_same_address, to_checksum_address

from oracles.errors import SignerError
from oracles.reports import Report, report_typed_data, sign, signer_of

REMOTE_SECONDS = 120.0
"""A person may have to press a button."""


class Signer(Protocol):
    """One key, wherever it is."""

    @property
    def address(self) -> str: ...

    def sign_report(self, report: Report, domain: Mapping[str, Any]) -> bytes:
        """The EIP-712 signature of a report, 65 bytes."""

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The signed transaction, ready to send."""


class LocalSigner:
    """A key that was opened from a keystore."""

    def __init__(self, key: LocalAccount) -> None:
        self._key = key

    @property
    def address(self) -> str:
        return str(self._key.address)

    def sign_report(self, report: Report, domain: Mapping[str, Any]) -> bytes:
        return sign(report, domain, self._key)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        return bytes(self._key.sign_transaction(dict(transaction)).raw_transaction)


class RemoteSigner:
    """A key behind JSON-RPC: `eth_signTypedData_v4` and `eth_signTransaction`, as Clef and Web3Signer speak it.

    What comes back is not trusted: a signature by another key is refused.
    """

    def __init__(self, url: str, address: str, *, client: httpx.Client | None = None) -> None:
        self.url = url
        self._address = to_checksum_address(address)
        self._client = client or httpx.Client(timeout=REMOTE_SECONDS)

    @property
    def address(self) -> str:
        return self._address

    def sign_report(self, report: Report, domain: Mapping[str, Any]) -> bytes:
        signature = self._bytes(self._ask("eth_signTypedData_v4", [self.address, report_typed_data(report, domain)]))
        if len(signature) != 65 or not is_same_address(signer_of(report, domain, signature), self.address):
            raise SignerError(self.url, "签名不是这个账户的", f"the signature is not of {self.address}")
        return signature

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        fields = {name: hex(value) if isinstance(value, int) else value for name, value in transaction.items()}
        answer = self._ask("eth_signTransaction", [{**fields, "from": self.address}])
        raw = self._bytes(answer["raw"] if isinstance(answer, dict) and "raw" in answer else answer)
        try:
            by = Account.recover_transaction(raw)
        except Exception as failure:
            raise SignerError(self.url, "不是已签名的交易", "not a signed transaction") from failure
        if not is_same_address(by, self.address):
            raise SignerError(self.url, "交易不是这个账户签的", f"the transaction is not signed by {self.address}")
        return raw

    def _ask(self, method: str, parameters: list[Any]) -> Any:
        try:
            answer = self._client.post(
                self.url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
            ).json()
        except (httpx.HTTPError, ValueError) as failure:
            raise SignerError(
                self.url, f"没有回答（{type(failure).__name__}）", f"does not answer ({type(failure).__name__})"
            ) from failure
        if not isinstance(answer, dict) or "result" not in answer:
            reason = answer.get("error", answer) if isinstance(answer, dict) else answer
            raise SignerError(self.url, f"拒绝签名：{reason}", f"refuses to sign: {reason}")
        return answer["result"]

    def _bytes(self, answer: object) -> bytes:
        try:
            return bytes.fromhex(str(answer).removeprefix("0x"))
        except ValueError as failure:
            raise SignerError(self.url, "回答不是十六进制", "answers with something that is not hex") from failure
