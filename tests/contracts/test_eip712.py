"""What people sign: the contracts against eth-account and against the vectors that every client is tested with."""

import pytest
from brownie import web3
from brownie.exceptions import VirtualMachineError
from eth_account import Account
from eth_utils.crypto import keccak

import generate_eip712_vectors
from signing import (
    EIP712,
    Conditions,
    Instalment,
    RedemptionOrder,
    Report,
    Terms,
    digest_of,
    domain_of,
    signable,
    unhex,
)

MESSAGES = {"Report": Report, "Terms": Terms, "RedemptionOrder": RedemptionOrder}
EVERY = EIP712["vectors"]
HERE = [vector for vector in EVERY if int(vector["domain"]["chainId"]) == 31_337]
"""Those that are signed for a chain with the id of this one."""


def each(vectors):
    def name(vector):
        return f"{vector['type']} on chain {vector['domain']['chainId']}: {vector['digest'][:8]}"

    return pytest.mark.parametrize("vector", vectors, ids=name)


def read(value, kind):
    """A value of the file as the contracts take it."""
    if kind == "Instalment[]":
        fields = EIP712["types"]["Instalment"]
        return [Instalment(*(read(item[f["name"]], f["type"]) for f in fields)) for item in value]
    if kind == "Conditions":
        return Conditions(*(read(value[f["name"]], f["type"]) for f in EIP712["types"][kind]))
    if kind == "bytes32":
        return unhex(value)
    return value if kind == "address" else int(value)


def message_of(vector):
    fields = EIP712["types"][vector["type"]]
    return MESSAGES[vector["type"]](*(read(vector["message"][field["name"]], field["type"]) for field in fields))


@pytest.fixture(scope="module")
def signed_at(oracle, voucher, pledges):
    """For each type the contract it is signed for and the function that computes its digest."""
    return {
        "Report": (oracle, oracle.reportDigest),
        "Terms": (pledges, pledges.termsDigest),
        "RedemptionOrder": (voucher, voucher.orderDigest),
    }


def test_the_vectors_are_what_eth_account_computes():
    assert generate_eip712_vectors.main(["--check"]) == 0


@pytest.mark.parametrize("name", MESSAGES)
def test_the_types_are_the_structs_of_the_contracts(signed_at, name):
    _, digest = signed_at[name]
    (struct,) = digest.abi["inputs"]
    declared = [(field["name"], field["type"]) for field in EIP712["types"][name]]
    inner = {"schedule": "Instalment", "conditions": "Conditions"}

    def kind(field):
        return field["type"].replace("tuple", inner.get(field["name"], ""))

    assert declared == [(field["name"], kind(field)) for field in struct["components"]]
    assert MESSAGES[name]._fields == tuple(field for field, _ in declared)
    for field in struct["components"]:
        if field["name"] in inner:
            parts = [(part["name"], part["type"]) for part in field["components"]]
            assert parts == [(part["name"], part["type"]) for part in EIP712["types"][inner[field["name"]]]]


@pytest.mark.parametrize("name", MESSAGES)
def test_each_contract_names_its_domain(signed_at, name):
    contract, _ = signed_at[name]
    domain = domain_of(contract)
    fields, *named = contract.eip712Domain()[:5]
    assert fields == "0x0f"
    assert named == [domain["name"], domain["version"], domain["chainId"], domain["verifyingContract"]]


@each(EVERY)
def test_the_parts_of_a_vector_belong_together(vector):
    digest = keccak(b"\x19\x01" + unhex(vector["domain_separator"]) + unhex(vector["struct_hash"]))
    assert digest == unhex(vector["digest"])
    key = keccak(text=vector["key_label"])
    assert Account.from_key(key).address == vector["signer"]
    assert Account._recover_hash(digest, signature=unhex(vector["signature"])) == vector["signer"]


@each(EVERY)
def test_the_struct_hash_is_what_the_deployed_contract_signs(signed_at, vector):
    """The digest of the deployed contract is made of its own separator and the vector's struct hash."""
    contract, digest = signed_at[vector["type"]]
    message = message_of(vector)
    expected = keccak(b"\x19\x01" + signable(message, contract).header + unhex(vector["struct_hash"]))
    assert bytes(digest(message)) == expected
    assert digest_of(message, contract) == expected


@each(HERE)
def test_a_contract_at_the_address_of_the_vector_computes_its_digest(signed_at, vector):
    contract, digest = signed_at[vector["type"]]
    code = web3.eth.get_code(contract.address).to_0x_hex()
    there = vector["domain"]["verifyingContract"]
    answer = web3.eth.call(
        {"to": there, "data": digest.encode_input(message_of(vector))}, "latest", {there: {"code": code}}
    )
    assert bytes(answer) == unhex(vector["digest"])


@each([vector for vector in EVERY if vector["type"] == "Terms"])
def test_the_id_of_a_pledge_is_the_struct_hash_of_its_terms(pledges, vector):
    assert bytes(pledges.pledgeId(message_of(vector))) == unhex(vector["struct_hash"])


@pytest.mark.parametrize("name", MESSAGES)
def test_a_changed_byte_in_any_field_changes_the_digest(signed_at, name):
    _, digest = signed_at[name]
    message = message_of(next(vector for vector in EVERY if vector["type"] == name))
    digests = {bytes(digest(message))}
    for field, value in message._asdict().items():
        changed = [value[0]._replace(principal=1), *value[1:]] if field == "schedule" else another(value)
        for one in changed if isinstance(value, Conditions) else [changed]:
            digests.add(bytes(digest(message._replace(**{field: one}))))
    inner = len(Conditions._fields) - 1 if name == "Terms" else 0
    assert len(digests) == 1 + len(message._fields) + inner


def another(value):
    if isinstance(value, Conditions):
        return [value._replace(**{field: another(part)}) for field, part in value._asdict().items()]
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return value[:-1] + ("0" if value[-1] != "0" else "1") if isinstance(value, str) else value ^ 1


@pytest.mark.parametrize("name", MESSAGES)
def test_a_signature_with_a_changed_byte_is_not_the_signers(name):
    vector = next(vector for vector in EVERY if vector["type"] == name)
    signature = unhex(vector["signature"])
    forged = signature[:40] + bytes([signature[40] ^ 1]) + signature[41:]
    assert Account._recover_hash(unhex(vector["digest"]), signature=forged) != vector["signer"]
    with pytest.raises(AssertionError):
        test_the_parts_of_a_vector_belong_together(vector | {"signature": "0x" + forged.hex()})


def test_numbers_that_do_not_fit_are_not_signed(oracle, signed_at):
    _, digest = signed_at["Report"]
    message = message_of(EVERY[0])
    with pytest.raises((OverflowError, ValueError, VirtualMachineError)):
        digest(message._replace(value=2**127))
