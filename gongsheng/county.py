"""Opens a county on the embedded chain: deployment, officers, participants, feeds, panel, agreements, the project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.middleware import SignAndSendRawMiddlewareBuilder

from gongsheng.cast import CROSS_CHECK_GROUP, CROSS_CHECKER, PANEL, REPORTERS, Cast
from ledger_service.chain.client import Chain
from ledger_service.chain.deployment import Deployment, Officers, deploy
from ledger_service.chain.lines import publications
from ledger_service.domain.agreements import agreement_named, catalogue
from ledger_service.domain.identifiers import Address, bytes32_of

DAY = 86_400
COMMITTEE_DELAY = 2 * DAY
CHALLENGE_WINDOW = 3 * DAY
MAXIMUM_LAG = 400 * DAY
ANCHOR_LAG = 120 * DAY
SPREAD_BPS = 3_000
BUFFER_BPS = 1_000
YEARLY_MAXIMUM_KG = 10**11
"""Most that the county's land can plausibly gain in a year: 100 million tonnes."""

CARBON_CROSS_CHECK_FEED = "carbon-kg-remote"
CARBON_AGREEMENT, CARBON_PROJECT = "carbon-pool", "carbon-pool-project"
PRODUCT_AGREEMENT = "one-product"
PAYEES = (
    "city",
    "research-team",
    "laboratory",
    "reservoir-operator",
    "county-treasury",
    "course-platform",
    "course-creator",
    "data-exchange",
    "data-steward",
)
"""Everybody whom the catalogue names as a payee."""

KIND = {"household": 1, "cooperative": 2, "bank": 3, "buyer": 4, "operator": 5, "treasury": 6}
BOUND = 10**15
"""Hard bounds of every feed, in its own unit: a trillion tonnes, 10 trillion yuan."""


def leg_of(agreement: str, key: str) -> int:
    """The number of the leg that the catalogue calls `key`."""
    return [leg.key for leg in agreement_named(agreement).legs].index(key)


def feed_of(agreement: str, leg: int) -> str:
    """The feed that measures the holders of a register leg."""
    feed = agreement_named(agreement).legs[leg].feed
    assert feed is not None, "only a register leg has a feed"
    return feed


CARBON_HOLDERS_LEG = leg_of(CARBON_AGREEMENT, "places")
CARBON_FEED = feed_of(CARBON_AGREEMENT, CARBON_HOLDERS_LEG)
CITY_LEG = leg_of(PRODUCT_AGREEMENT, "city")
SUPPLIERS_LEG, PROCESSORS_LEG = leg_of(PRODUCT_AGREEMENT, "suppliers"), leg_of(PRODUCT_AGREEMENT, "processors")
DELIVERED_FEED, PROCESSED_FEED = feed_of(PRODUCT_AGREEMENT, SUPPLIERS_LEG), feed_of(PRODUCT_AGREEMENT, PROCESSORS_LEG)


def fund_with_gas(w3: Web3, accounts: Iterable[LocalAccount]) -> None:
    """Gives everybody who sends transactions gas. For the embedded chain only."""
    for account in accounts:
        w3.provider.make_request("anvil_setBalance", [account.address, hex(10**24)])  # type: ignore[arg-type]


def advance(chain: Chain, seconds: int) -> None:
    """Lets time pass on the embedded chain."""
    chain.w3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]
    chain.w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]


def deploy_protocol(w3: Web3, cast: Cast) -> Deployment:
    """Deploys with a key of the cast and hands every role to its officer."""
    deployer = cast.account("deployer")
    w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(deployer), layer=0)
    return deploy(
        w3,
        deployer.address,
        Officers(
            committee=cast.account("committee").address,
            operator=cast.account("operator").address,
            treasurer=cast.account("treasurer").address,
            guardian=cast.account("guardian").address,
            committee_delay=COMMITTEE_DELAY,
        ),
    )


def committee_decides(chain: Chain, committee: LocalAccount, calls: Sequence[ContractFunction]) -> None:
    """Announces `calls`, waits for the committee's delay, and makes them."""
    authority = chain.contract("Authority")
    for call in calls:
        chain.send(authority.functions.schedule(call.address, call._encode_transaction_data(), 0), committee)
    advance(chain, COMMITTEE_DELAY)
    for call in calls:
        chain.send(call, committee)


def identity(name: str) -> bytes:
    """A salted commitment to somebody's papers; in an embedded county the papers are the name."""
    return keccak(text=f"embedded county, salt of {name}")


def admit(chain: Chain, operator: LocalAccount, account: str, kind: str, name: str) -> None:
    chain.send(chain.contract("Participants").functions.admit(account, KIND[kind], identity(name)), operator)


def feed_rules(quorum: int, groups: Sequence[int], cross_check: str | None) -> tuple[Any, ...]:
    """A feed's rules, as `MonitoringOracle.configureFeed` takes them."""
    return (
        quorum,
        sum(1 << group for group in groups),
        CHALLENGE_WINDOW,
        MAXIMUM_LAG,
        ANCHOR_LAG,
        SPREAD_BPS if cross_check else 0,
        bytes32_of(cross_check) if cross_check else bytes(32),
        -BOUND,
        BOUND,
    )


def open_county(
    chain: Chain,
    cast: Cast,
    *,
    carbon_subject: str,
    product_subject: str,
    reporters: Mapping[str, str],
    on_progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Admits the participants, and lets the committee set feeds, signers, panel, agreements and the carbon project.

    Args:
        chain: A fresh deployment.
        cast: Everybody's keys.
        carbon_subject: Subject of the carbon feeds.
        product_subject: Subject of the supply-chain feeds.
        reporters: Address by reporter's name, from their keystores.
        on_progress: Told what is being done.
    """
    operator, committee = cast.account("operator"), cast.account("committee")
    on_progress("参与方登记 · admitting participants")
    for name, kind in (
        ("treasurer", "treasury"),
        *((payee, "operator") for payee in PAYEES),
        ("pool", "operator"),
        ("buffer", "operator"),
        ("buyer", "buyer"),
        ("bank", "bank"),
    ):
        admit(chain, operator, cast.account(name).address, kind, name)

    on_progress("委员会排期并生效 · the committee announces, waits, decides")
    oracle = chain.contract("MonitoringOracle").functions
    revenue = chain.contract("Revenue").functions
    feeds = {
        CARBON_CROSS_CHECK_FEED: feed_rules(1, [CROSS_CHECK_GROUP], None),
        CARBON_FEED: feed_rules(3, [1, 2], CARBON_CROSS_CHECK_FEED),
        DELIVERED_FEED: feed_rules(3, [1, 2], None),
        PROCESSED_FEED: feed_rules(3, [1, 2], None),
    }
    now = chain.timestamp()
    calls = [oracle.configureFeed(bytes32_of(feed), rules) for feed, rules in feeds.items()]
    calls += [
        oracle.addSigner(bytes32_of(feed), reporters[name], group)
        for feed in (CARBON_FEED, DELIVERED_FEED, PROCESSED_FEED)
        for name, group in REPORTERS.items()
    ]
    calls.append(oracle.addSigner(bytes32_of(CARBON_CROSS_CHECK_FEED), reporters[CROSS_CHECKER], CROSS_CHECK_GROUP))
    members = [cast.account(name).address for name in PANEL]
    calls.append(chain.contract("MonitoringPanel").functions.electPanel(*members))
    payees = {name: Address(cast.account(name).address) for name in PAYEES}
    for agreement in catalogue().values():
        subject = carbon_subject if agreement.key == CARBON_AGREEMENT else product_subject
        calls += publications(revenue, agreement, payees=payees, subject=subject, effective_from=now)
    calls.append(
        chain.contract("CarbonCredits").functions.registerProject(
            bytes32_of(CARBON_PROJECT),
            (
                bytes32_of(CARBON_FEED),
                bytes32_of(carbon_subject),
                bytes32_of(CARBON_AGREEMENT),
                CARBON_HOLDERS_LEG,
                cast.account("pool").address,
                cast.account("buffer").address,
                BUFFER_BPS,
                YEARLY_MAXIMUM_KG,
            ),
        )
    )
    committee_decides(chain, committee, calls)
    on_progress(
        f"专家组三人，任意两人裁定争议：{'；'.join(PANEL.values())} · the panel is elected: any two of three decide"
    )
