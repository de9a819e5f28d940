"""Deploys the protocol with Brownie: `brownie run deploy --network <any>`.

The demo and the service deploy with the same function, `ledger_service.chain.deployment.deploy`. On a development
network its first accounts pay and hold the roles. On any other, the environment says who does:

    GONGSHENG_DEPLOYER         who pays, and keeps no role: an account that Brownie knows (`brownie accounts list`; its
                               password is asked for), or the address of an account that the node has unlocked
    GONGSHENG_COMMITTEE, GONGSHENG_OPERATOR, GONGSHENG_TREASURER, GONGSHENG_GUARDIAN
                               addresses of those who hold the roles
    GONGSHENG_COMMITTEE_DELAY  seconds between what the committee announces and what it can do; two days if not given
    GONGSHENG_DEPLOYMENT_FILE  where the deployment is recorded; var/deployments/<chain id>.json if not given

A deployment that is recorded and stands is left as it is: asking twice is asking once.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # Brownie's own environment has no project package in it.

from brownie import accounts, network, rpc, web3  # type: ignore[import-not-found]  # noqa: E402
from eth_account import Account  # noqa: E402
from eth_utils.address import is_address, to_checksum_address  # noqa: E402
from web3 import Web3  # noqa: E402
from web3.middleware import SignAndSendRawMiddlewareBuilder  # noqa: E402

from ledger_service.chain.compiler import compile_contracts  # noqa: E402
from ledger_service.chain.deployment import ROLES, Deployment, Officers, OtherDeployment, deploy  # noqa: E402
from ledger_service.domain.errors import LedgerError  # noqa: E402

TWO_DAYS = 2 * 24 * 60 * 60


class SettingMissing(LedgerError):
    """On a network that is not for development, the environment has to say who pays and who holds the roles."""

    def __init__(self, name: str, found: str) -> None:
        self.name = name
        self.found = found
        super().__init__(
            f"请设置环境变量 {name}（现为 {found!r}），说明见 scripts/deploy.py · "
            f"set {name} in the environment (it is {found!r}); scripts/deploy.py says to what"
        )


def main() -> None:
    """Deploys to the active network, records it and says what to do next."""
    try:
        record = deploy_to_active_network(os.environ)
    except LedgerError as failure:
        sys.exit(str(failure))
    shown = record.relative_to(ROOT) if record.is_relative_to(ROOT) else record
    print(f"部署记录 · the deployment is recorded in {shown}")
    url = getattr(web3.provider, "endpoint_uri", "…")
    if rpc.is_child():
        print(
            f"此链随 Brownie 结束；要保留它，请先在 {url} 启动 anvil，再部署 · "
            f"this chain ends with Brownie; to keep one, start anvil at {url} first and deploy again"
        )
    else:
        settings = f"GONGSHENG_CHAIN_URL={url} GONGSHENG_DEPLOYMENT_FILE={shown}"
        print(
            f"下一步 · next: {settings} .venv/bin/gongsheng index\n"
            f"再另开终端 · then, in another terminal: {settings} "
            ".venv/bin/uvicorn --factory ledger_service.api.app:app_from_environment"
        )


def deploy_to_active_network(environment: Mapping[str, str]) -> Path:
    """Deploys unless the recorded deployment stands, and returns where it is recorded."""
    connection = Web3(web3.provider)
    record = record_of(connection.eth.chain_id, environment)
    if record.exists():
        try:
            Deployment.load(record).require_present(connection)
        except OtherDeployment:
            if not is_for_development():
                raise
            # The chain that the record speaks of ended with the program that ran it.
        else:
            return record

    deployer = deployer_of(environment)
    if key := getattr(deployer, "private_key", None):
        connection.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(Account.from_key(key)), layer=0)
    officers = officers_of(environment)
    compile_contracts()
    deploy(connection, str(deployer), officers).save(record)
    return record


def record_of(chain_id: int, environment: Mapping[str, str]) -> Path:
    """Where the deployment on a chain is recorded."""
    return Path(environment.get("GONGSHENG_DEPLOYMENT_FILE", Deployment.path(ROOT / "var", chain_id)))


def is_for_development() -> bool:
    """Whether the active network is a node that Brownie runs itself."""
    return "cmd" in network.main.CONFIG.active_network


def deployer_of(environment: Mapping[str, str]) -> Any:
    """The Brownie account that pays."""
    name = environment.get("GONGSHENG_DEPLOYER")
    if name is None:
        if is_for_development():
            return accounts[0]
        raise SettingMissing("GONGSHENG_DEPLOYER", "")
    if not is_address(name):
        return accounts.load(name)
    if to_checksum_address(name) not in accounts:
        raise SettingMissing("GONGSHENG_DEPLOYER", name)
    return accounts.at(name)


def officers_of(environment: Mapping[str, str]) -> Officers:
    """Who holds the roles: on a development network the accounts after the deployer's, unless it is said."""
    names = {role: f"GONGSHENG_{role.upper()}" for role in ROLES}
    addresses = {
        role: environment.get(name, str(accounts[ROLES[role]]) if is_for_development() else "")
        for role, name in names.items()
    }
    for role, address in addresses.items():
        if not is_address(address):
            raise SettingMissing(names[role], address)
    delay = environment.get("GONGSHENG_COMMITTEE_DELAY", str(TWO_DAYS))
    if not delay.isdecimal():
        raise SettingMissing("GONGSHENG_COMMITTEE_DELAY", delay)
    return Officers(
        **{role: to_checksum_address(address) for role, address in addresses.items()}, committee_delay=int(delay)
    )
