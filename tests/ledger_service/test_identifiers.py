"""Names in 32 bytes, and addresses as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.chain.addresses import NotAnAddress, address_of
from ledger_service.domain.identifiers import NotAnIdentifier, bytes32_of, text_of

ADDRESS = "0xd2103535bfc62bC5DBa62524872E489438507A7c"


@pytest.mark.parametrize("text", ["", "x" * 32, "碳" * 11, "line\nbreak", "nul\0", "0x" + "g" * 64])
def test_text_that_cannot_stand_on_chain_is_refused(text: str) -> None:
    with pytest.raises(NotAnIdentifier) as refused:
        bytes32_of(text)
    assert refused.value.text == text


def test_short_text_stands_as_itself_padded_on_the_right() -> None:
    assert bytes32_of("carbon-pool") == b"carbon-pool" + bytes(21)
    assert bytes32_of("x" * 31) == b"x" * 31 + b"\0"
    assert bytes32_of("碳" * 10) == ("碳" * 10).encode() + bytes(2)


@given(st.binary(min_size=32, max_size=32))
def test_any_32_bytes_survive_their_text(value: bytes) -> None:
    assert bytes32_of(text_of(value)) == value


@pytest.mark.parametrize("value", [bytes(32), b"x" * 32, b"a\0b" + bytes(29), b"\xff" + bytes(31), b"a\n" + bytes(30)])
def test_bytes_that_are_no_short_text_are_shown_as_digits(value: bytes) -> None:
    assert text_of(value) == "0x" + value.hex()


@pytest.mark.parametrize(
    "text", ["", "0x12", ADDRESS[2:], ADDRESS.replace("D", "d"), "0x" + "g" * 40, ADDRESS + "0", " " + ADDRESS]
)
def test_a_mistyped_address_is_refused(text: str) -> None:
    with pytest.raises(NotAnAddress) as refused:
        address_of(text)
    assert refused.value.text == text


def test_an_address_is_taken_with_its_checksum_or_without_any() -> None:
    assert address_of(ADDRESS) == address_of(ADDRESS.lower()) == address_of("0x" + ADDRESS[2:].upper()) == ADDRESS
