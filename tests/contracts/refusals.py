"""Why a contract refused, to the last value."""

from collections.abc import Iterator, Mapping
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
def errors_by_selector() -> Mapping[bytes, Mapping[str, Any]]:
    """Every custom error of the compiled project."""
    (compiled,) = project.get_loaded_projects()
    items = [item for container in compiled for item in container.abi if item["type"] == "error"]
    return {function_signature_to_4byte_selector(abi_to_signature(item)): item for item in (*BUILT_IN, *items)}


def refusal_of(failure: VirtualMachineError) -> Refusal:
    """What a failed call or transaction was refused with."""
    data = bytes.fromhex(_revert_data(failure).removeprefix("0x"))
    item = errors_by_selector().get(data[:4])
    if item is None:
        return Refusal("", {"data": "0x" + data.hex()})
    values = decode([collapse_if_tuple(entry) for entry in item["inputs"]], data[4:])
    return Refusal(item["name"], {entry["name"]: plain(value) for entry, value in zip(item["inputs"], values, strict=True)})


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
        refusal = refusal_of(failure)
    else:
        raise AssertionError(f"{name} was expected, but nothing was refused")
    assert refusal == Refusal(name, {key: plain(value) for key, value in values.items()})
