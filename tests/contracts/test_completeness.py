"""Nothing of the contracts goes untested or unexplained: every function is used and every error is expected somewhere
here, and whatever an interface or a library declares has NatSpec that says what it is."""

import re
from pathlib import Path

import pytest

from ledger_service.chain.artefacts import CONTRACTS, load_artefact
from ledger_service.chain.compiler import sources

TESTS = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("*.py") if path != Path(__file__))

UNREACHABLE = {
    "AccessManagedRequiredDelay": "the interface declares it, nothing of OpenZeppelin 5 throws it",
    "ERC20InvalidSender": "nobody sends from the zero address",
    "ERC1155InvalidApprover": "nobody approves from the zero address",
    "ERC1155InvalidSender": "the zero address approves nobody, which is refused first",
    "ERC721IncorrectOwner": "a certificate that exists is bound, which is refused first",
    "ERC721InsufficientApproval": "a certificate that exists is bound, which is refused first",
    "ERC721InvalidApprover": "nobody is approved for certificates, which is refused first",
    "ERC721InvalidOperator": "nobody is approved for certificates, which is refused first",
    "ERC721InvalidSender": "certificates are numbered by a count, so none is made twice",
    "InvalidShortString": "the names of the signing domains are constants",
    "StringsInsufficientHexLength": "hex is as long as the 32 bytes that it shows",
    "StringTooLong": "the names of the signing domains are constants",
}
"""Errors in an interface that no call can be refused with, and why."""

INHERITED = {
    "ApprovalForAll",
    "Approval",
    "AuthorityUpdated",
    "EIP712DomainChanged",
    "Transfer",
    "TransferBatch",
    "TransferSingle",
    "URI",
}
"""Events of OpenZeppelin."""

DECLARATION = re.compile(
    r"((?:^ *///.*\n)*)^ *(enum|error|event|function|struct) (\w+)([^;{]*)[;{](?=([^}]*))", re.MULTILINE
)
"""NatSpec, kind, name and head of a declaration, and what follows it up to the next brace: the members of a struct."""

TELLS = {
    "enum": "@notice ",
    "error": "@notice Thrown ",
    "event": "@notice Emitted ",
    "function": "@(notice|return|dev) ",
    "struct": "@(notice|param) ",
}
"""What the NatSpec of each kind has to say."""

DECLARED = {
    f"{kind} {path.stem}.{name}": (natspec, kind, head, members)
    for path in sources()
    for natspec, kind, name, head, members in DECLARATION.findall(path.read_text("utf-8"))
    # A contract's own functions inherit theirs, and what is private explains itself.
    if kind == "error" or path.parent.name in ("interfaces", "libraries")
}


def of_kind(*kinds):
    return sorted(name for name, (_, kind, _, _) in DECLARED.items() if kind in kinds)


def declared(kind):
    """Names of what our contracts have; Authority is OpenZeppelin's as it is."""
    contracts = [name for name in CONTRACTS if name != "Authority"]
    return sorted({item["name"] for name in contracts for item in load_artefact(name).abi if item["type"] == kind})


@pytest.mark.parametrize("function", declared("function"))
def test_a_test_uses_the_function(function):
    """Calls it, encodes its call, or hands it over: with its arguments, or as one of the contract before it."""
    called = rf"\.{function}(\.encode_input)?\("
    handed_over = rf"\(\w+\.{function}, \(|(\w+), \2\.{function}\)"
    assert re.search(f"{called}|{handed_over}", TESTS)


@pytest.mark.parametrize("error", [error for error in declared("error") if error not in UNREACHABLE])
def test_a_test_expects_the_error(error):
    assert re.search(rf'refused\(\s*"{error}"', TESTS)


@pytest.mark.parametrize("event", [event for event in declared("event") if event not in INHERITED])
def test_a_test_expects_the_event(event):
    assert re.search(rf'announced\(\s*\w+,\s*"{event}"', TESTS)


def test_what_is_called_unreachable_is_declared_and_not_expected():
    assert set(UNREACHABLE) <= set(declared("error"))
    assert not [error for error in UNREACHABLE if re.search(rf'refused\(\s*"{error}"', TESTS)]


@pytest.mark.parametrize("name", of_kind(*TELLS))
def test_natspec_says_what_it_is(name):
    natspec, kind, _, _ = DECLARED[name]
    assert re.search(TELLS[kind], natspec)


@pytest.mark.parametrize("name", of_kind("struct"))
def test_natspec_says_what_every_member_is(name):
    natspec, _, _, members = DECLARED[name]
    assert re.findall(r"@param (\w+)", natspec) == re.findall(r"(\w+);", members)


@pytest.mark.parametrize("name", [name for name in of_kind("function") if " returns (" in DECLARED[name][2]])
def test_natspec_says_what_is_returned(name):
    natspec, _, head, _ = DECLARED[name]
    returned = re.search(r" returns \(([^)]*)\)", " ".join(head.split())).group(1)
    assert len(re.findall("@return ", natspec)) == len(returned.split(","))
