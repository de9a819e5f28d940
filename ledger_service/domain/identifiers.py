"""Names as the contracts carry them: 32 bytes that are short text, or 32 bytes that are a hash."""

from typing import Final, NewType

from ledger_service.domain.errors import LedgerError

Address = NewType("Address", str)
"""An account on chain as 0x and 40 hex digits with the EIP-55 checksum."""

ZERO_ADDRESS: Final = Address("0x" + "0" * 40)
"""Where minted units come from and burned units go."""

SHORT_TEXT_BYTES: Final = 31
"""Text of up to this many bytes stands on chain as itself; its last byte is zero, so it is not taken for a hash."""


class NotAnIdentifier(LedgerError):
    """Text cannot stand on chain in 32 bytes."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(
            f"“{text}”不能作为链上标识：须为 1 至 {SHORT_TEXT_BYTES} 字节的可见文字，或 0x 加 64 位十六进制 · "
            f"“{text}” cannot stand on chain: it must be 1 to {SHORT_TEXT_BYTES} bytes of visible text, "
            "or 0x and 64 hex digits"
        )


def bytes32_of(text: str) -> bytes:
    """The 32 bytes of short text, padded with zeros on the right, or of a hash written as 0x and 64 hex digits."""
    if len(text) == 66 and text.startswith("0x"):
        try:
            return bytes.fromhex(text[2:])
        except ValueError:
            raise NotAnIdentifier(text) from None
    if not is_short_text(text):
        raise NotAnIdentifier(text)
    return text.encode().ljust(32, b"\0")


def is_short_text(text: str) -> bool:
    """Whether text stands on chain as itself."""
    return text.isprintable() and 0 < len(text.encode()) <= SHORT_TEXT_BYTES


def text_of(value: bytes) -> str:
    """The inverse of `bytes32_of`: short text as it is, anything else as 0x and hex digits."""
    try:
        text = value.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return "0x" + value.hex()
    return text if is_short_text(text) else "0x" + value.hex()
