"""Addresses as people type them."""

from eth_utils.address import is_checksum_address, is_hex_address, to_checksum_address

from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import Address


class NotAnAddress(LedgerError):
    """Text is no address, or a letter of it is mistyped."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(
            f"“{text}”不是账户地址，或其校验大小写有误 · "
            f"“{text}” is no address, or its checksum shows a mistyped letter"
        )


def address_of(text: str) -> Address:
    """The address, checked where its letters carry a checksum: all small or all capital letters carry none."""
    if not is_hex_address(text) or not text.startswith("0x"):
        raise NotAnAddress(text)
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(text):
        raise NotAnAddress(text)
    return Address(to_checksum_address(text))
