"""People and things: accounts, a forest small enough to compute by hand, and the real inventory where it is at hand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from eth_utils.crypto import keccak
from web3.middleware import SignAndSendRawMiddlewareBuilder

from ledger_service.chain.client import Chain, connect
from ledger_service.chain.deployment import Deployment, Officers, deploy
from ledger_service.chain.embedded import embedded_chain
from ledger_service.domain.identifiers import bytes32_of
from oracles.evidence import RawFile
from tests.inventory import ABSENT, INVENTORY
from tests.oracles.reporters import FEED, KEYS, NAMES, NOW, WINDOW

TREES = """plot_id,stratum,plot_area_m2,species,dbh_cm,height_m,wood_density
P1,pine,400,Pinus,20.0,15.0,0.45
P1,pine,400,Pinus,10.0,8.0,0.45
P2,pine,400,Pinus,30.0,20.0,0.45
P3,oak,500,Quercus,25.0,18.0,0.60
P4,oak,500,Quercus,25.0,18.0,0.60
P5,oak,500,,,,
"""
STRATA = "stratum,area_ha\npine,30\noak,10\n"


@pytest.fixture
def fia_ri() -> Path:
    """The Rhode Island inventory."""
    if not INVENTORY.is_dir():
        pytest.skip(ABSENT)
    return INVENTORY


@pytest.fixture
def accounts() -> tuple[str, ...]:
    """Two hundred and ten accounts that belong to nobody."""
    return tuple(f"0x{keccak(text=f'holder {number}')[-20:].hex()}" for number in range(210))


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes text to a file of that name."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write


@pytest.fixture
def trees_text() -> str:
    """Two strata, five plots, one of them without trees."""
    return TREES


@pytest.fixture
def strata_text() -> str:
    return STRATA


@pytest.fixture
def raw() -> Callable[[str, str], RawFile]:
    """A file as it was delivered, without a disk."""
    return lambda name, text: RawFile(name, text.encode())


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Deployment]]:
    """anvil with the protocol, one feed that needs two of three signers, and three signers in two groups."""
    with embedded_chain(folder=tmp_path_factory.mktemp("chain"), timestamp=NOW, keep_state=False) as url:
        w3 = connect(url)
        for key in KEYS.values():
            w3.provider.make_request("anvil_setBalance", [key.address, hex(10**24)])  # type: ignore[arg-type]
        w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(KEYS["deployer"]), layer=0)
        committee = KEYS["committee"]
        officers = Officers(committee.address, committee.address, committee.address, committee.address, 0)
        deployment = deploy(w3, KEYS["deployer"].address, officers)
        chain = Chain(connect(url), deployment)
        oracle = chain.contract("MonitoringOracle").functions
        rules = (2, 0b110, WINDOW, 20 * 366 * 86_400, 20 * 366 * 86_400, 0, bytes(32), 0, 10**15)
        chain.send(oracle.configureFeed(bytes32_of(FEED), rules), committee)
        for name, group in NAMES.items():
            chain.send(oracle.addSigner(bytes32_of(FEED), KEYS[name].address, group), committee)
        yield url, deployment
