"""`brownie run deploy`: the other door to the one deployer."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from brownie import accounts, web3
from brownie.project.scripts import run

import deploy as script
from ledger_service.chain.artefacts import CONTRACTS, load_artefact
from ledger_service.chain.deployment import ROLES, Deployment
from ledger_service.chain.embedded import embedded_chain
from world import DAY, person

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def record(tmp_path):
    return tmp_path / "records" / "deployment.json"


@pytest.fixture
def environment(record):
    return {"GONGSHENG_DEPLOYMENT_FILE": str(record)}


def officers_on_chain(deployment):
    """Who holds each role, and after which delay it acts."""
    authority = web3.eth.contract(address=deployment.contracts["Authority"], abi=load_artefact("Authority").abi)
    return {
        role: next(
            (str(account), authority.functions.hasRole(number, str(account)).call()[1])
            for account in (*accounts, *map(person, ROLES))
            if authority.functions.hasRole(number, str(account)).call()[0]
        )
        for role, number in ROLES.items()
    }


def test_the_first_accounts_of_a_development_network_hold_the_roles(environment, record):
    assert script.deploy_to_active_network(environment) == record

    deployment = Deployment.load(record)
    deployment.require_present(web3)
    assert set(deployment.contracts) == set(CONTRACTS)
    assert officers_on_chain(deployment) == {
        "committee": (accounts[1], 2 * DAY),
        "operator": (accounts[2], 0),
        "treasurer": (accounts[3], 0),
        "guardian": (accounts[4], 0),
    }


def test_the_environment_says_who_pays_and_who_holds_the_roles(environment, record):
    officers = {f"GONGSHENG_{role.upper()}": str(person(role)) for role in ROLES}
    payer = {"GONGSHENG_DEPLOYER": str(accounts[5]), "GONGSHENG_COMMITTEE_DELAY": "60"}
    script.deploy_to_active_network(environment | officers | payer)

    assert web3.eth.get_transaction_count(str(accounts[5])) > len(CONTRACTS)
    assert officers_on_chain(Deployment.load(record)) == {
        role: (person(role), 60 if role == "committee" else 0) for role in ROLES
    }


def test_a_key_that_brownie_holds_signs_for_itself(environment, record):
    accounts[0].transfer(person("deployer"), "1 ether")
    script.deploy_to_active_network(environment | {"GONGSHENG_DEPLOYER": person("deployer").address})

    assert web3.eth.get_transaction_count(person("deployer").address) > len(CONTRACTS)
    Deployment.load(record).require_present(web3)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("GONGSHENG_TREASURER", "the city's bank"),
        ("GONGSHENG_COMMITTEE", ""),
        ("GONGSHENG_COMMITTEE_DELAY", "two days"),
        ("GONGSHENG_DEPLOYER", "0x" + 40 * "9"),
    ],
)
def test_a_setting_that_cannot_be_is_named(environment, record, setting, value):
    with pytest.raises(script.SettingMissing) as missing:
        script.deploy_to_active_network(environment | {setting: value})
    assert (missing.value.name, missing.value.found) == (setting, value)
    assert setting in str(missing.value)
    assert not record.exists()


def test_a_record_is_named_after_its_chain_unless_the_environment_says_where(environment, record):
    assert script.record_of(20_260, {}) == ROOT / "var" / "deployments" / "20260.json"
    assert script.record_of(20_260, environment) == record


def test_asking_twice_is_asking_once(environment, record):
    script.deploy_to_active_network(environment)
    written, height = record.read_text("utf-8"), web3.eth.block_number
    assert script.deploy_to_active_network(environment) == record

    assert record.read_text("utf-8") == written
    assert web3.eth.block_number == height


def test_the_record_of_a_development_chain_that_has_ended_is_replaced(environment, record):
    script.deploy_to_active_network(environment)
    ended = json.loads(record.read_text("utf-8")) | {"genesis_hash": "0x" + 64 * "1"}
    record.write_text(json.dumps(ended), "utf-8")
    script.deploy_to_active_network(environment)
    Deployment.load(record).require_present(web3)


def test_brownie_runs_the_script_and_says_what_is_next(environment, record, monkeypatch, capsys):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    run("deploy")

    told = capsys.readouterr().out
    assert f"部署记录 · the deployment is recorded in {record}" in told
    assert "this chain ends with Brownie" in told
    assert record.exists()


# A NETWORK THAT BROWNIE DOES NOT RUN


@pytest.fixture
def elsewhere(tmp_path, environment):
    """Runs Brownie against a node of somebody else, from a home of its own that knows the node's address."""
    home = tmp_path / "home"
    known = home / ".brownie" / "network-config.yaml"
    known.parent.mkdir(parents=True)
    with embedded_chain(folder=tmp_path / "chain", chain_id=20_260, keep_state=False) as url:
        node = {"name": "the city's node", "id": "city", "host": url, "chainid": 20_260}
        known.write_text(yaml.safe_dump({"live": [{"name": "City", "networks": [node]}], "development": []}), "utf-8")

        def brownie(**settings):
            return subprocess.run(
                [shutil.which("brownie", path=Path(sys.executable).parent), "run", "deploy", "--network", "city"],
                cwd=ROOT,
                env={**os.environ, "HOME": str(home), **environment, **settings},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

        yield brownie


def test_on_another_network_the_script_deploys_and_overwrites_no_record_of_another_chain(elsewhere, record):
    other = {"chain_id": 20_260, "genesis_hash": "0x" + 64 * "1", "first_block": 0, "contracts": {}}
    record.parent.mkdir()
    record.write_text(json.dumps(other), "utf-8")
    refused = elsewhere()
    assert refused.returncode == 1
    assert "属于另一个部署" in refused.stderr
    assert json.loads(record.read_text("utf-8")) == other

    record.unlink()
    officers = {f"GONGSHENG_{role.upper()}": str(person(role)) for role in ROLES}
    deployed = elsewhere(GONGSHENG_DEPLOYER=str(accounts[0]), **officers)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert "下一步 · next: GONGSHENG_CHAIN_URL=http://127.0.0.1:" in deployed.stdout
    assert f"GONGSHENG_DEPLOYMENT_FILE={record} .venv/bin/gongsheng index\n" in deployed.stdout
    assert Deployment.load(record).chain_id == 20_260
