"""Brownie and py-solc-x compile the same code: what is tested here is what is deployed elsewhere."""

import json

import pytest
from brownie import project

from ledger_service.chain.artefacts import CONTRACTS, load_artefact
from ledger_service.chain.compiler import standard_input

LIMIT = 24_576
"""Bytes of code that a contract may have (EIP-170)."""
ROOM = 768


@pytest.fixture(scope="module")
def compiled():
    """What Brownie compiled, as it keeps it on disk."""
    (loaded,) = project.get_loaded_projects()
    builds = loaded._build_path / "contracts"
    return {name: json.loads((builds / f"{name}.json").read_text("utf-8")) for name in CONTRACTS}


@pytest.mark.parametrize("name", CONTRACTS)
def test_brownie_creates_the_contract_of_the_artefact(compiled, name):
    assert "0x" + compiled[name]["bytecode"].removeprefix("0x") == load_artefact(name).bytecode


@pytest.mark.parametrize("name", CONTRACTS)
def test_brownie_runs_the_contract_of_the_artefact(compiled, name):
    assert "0x" + compiled[name]["deployedBytecode"].removeprefix("0x") == load_artefact(name).runtime


@pytest.mark.parametrize("name", CONTRACTS)
def test_brownie_speaks_the_interface_of_the_artefact(compiled, name):
    interfaces = (compiled[name]["abi"], load_artefact(name).abi)
    brownies, artefacts = (json.dumps(interface, sort_keys=True) for interface in interfaces)
    assert brownies == artefacts


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_leaves_room_below_the_limit_of_its_size(name):
    assert len(bytes.fromhex(load_artefact(name).runtime[2:])) <= LIMIT - ROOM


def test_nothing_that_only_tests_deploy_is_among_the_artefacts():
    assert not [path for path in standard_input()["sources"] if "mocks" in path]
