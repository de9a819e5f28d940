"""What came of a transaction: why it was refused, or what it announced, to the last value."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from brownie import project, web3
from brownie.exceptions import VirtualMachineError
from eth_abi import decode
from eth_utils.abi import abi_to_signature, collapse_if_tuple, function_signature_to_4byte_selector
from eth_utils.address import is_address, to_checksum_address

BUILT_IN = (
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
    {"type": "error", "name": "Error", "inputs": [{"name": "reason", "type": "string"}]},
)
"""What the compiler itself reverts with."""

OVERFLOW = 0x11
"""The panic of an arithmetic operation whose result does not fit."""


class Refusal(NamedTuple):
    """A custom error as a contract raised it."""

    name: str
    values: Mapping[str, Any]


@cache
def errors_by_selector() -> Mapping[bytes, Sequence[Mapping[str, Any]]]:
    """Every custom error of the compiled project. Contracts may name the values of one error differently."""
    (compiled,) = project.get_loaded_projects()
    items = [item for container in compiled for item in container.abi if item["type"] == "error"]
    errors: dict[bytes, list[Mapping[str, Any]]] = {}
    for item in (*BUILT_IN, *items):
        known = errors.setdefault(function_signature_to_4byte_selector(abi_to_signature(item)), [])
        if item not in known:
            known.append(item)
    return errors


def refusals_of(failure: VirtualMachineError) -> list[Refusal]:
    """What a failed call or transaction was refused with, under every name that its values have."""
    data = bytes.fromhex(_revert_data(failure).removeprefix("0x"))
    refusals = []
    for item in errors_by_selector().get(data[:4], ()):
        values = decode([collapse_if_tuple(entry) for entry in item["inputs"]], data[4:])
        named = zip((entry["name"] for entry in item["inputs"]), map(plain, values), strict=True)
        refusals.append(Refusal(item["name"], dict(named)))
    return refusals or [Refusal("", {"data": "0x" + data.hex()})]


def _revert_data(failure: VirtualMachineError) -> str:
    if failure.txid:
        trace = web3.provider.make_request("debug_traceTransaction", [failure.txid, {"tracer": "callTracer"}])
        return str(trace["result"].get("output", "0x"))
    return str(failure.args[0].args[0]["data"])


def plain(value: Any) -> Any:
    """A value so that it can be compared, whoever made it: Brownie, web3, eth-abi or the test."""
    if isinstance(value, bytes | bytearray):
        return "0x" + bytes(value).hex()
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    text = str(getattr(value, "address", value))
    if is_address(text):
        return to_checksum_address(text)
    return text.lower() if text.startswith("0x") else text


@contextmanager
def refused(name: str, /, **values: Any) -> Iterator[None]:
    """Expects that what happens inside is refused with the error `name` and exactly these values."""
    __tracebackhide__ = True
    try:
        yield
    except VirtualMachineError as failure:
        refusals = refusals_of(failure)
    else:
        raise AssertionError(f"{name} was expected, but nothing was refused")
    expected = Refusal(name, facts(values))
    assert expected in refusals, f"{expected} was expected, it was refused with {refusals[0]}"


def announced(transaction: Any, name: str, /, **values: Any) -> None:
    """Expects that the transaction emitted the event `name` once, with exactly these values."""
    __tracebackhide__ = True
    events = [event for event in transaction.events if event.name == name]
    assert len(events) == 1, f"{name} was announced {len(events)} times"
    seen, expected = facts(dict(events[0])), facts(values)
    assert seen == expected, f"{name} was expected with {expected}, it was announced with {seen}"


def facts(struct: Any) -> dict[str, Any]:
    """A struct that a contract returned, or what it should be, so that the two can be compared."""
    return {key: plain(value) for key, value in (struct if isinstance(struct, dict) else struct.dict()).items()}


def silent(transaction: Any, name: str) -> bool:
    """Whether the transaction did not emit the event `name`."""
    return name not in transaction.events
