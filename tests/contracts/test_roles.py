"""Who may do what, and after which delay: the table of roles against the deployment, and the other way round."""

from typing import Any

import pytest
from brownie import accounts
from brownie.exceptions import VirtualMachineError
from eth_utils.abi import abi_to_signature, function_signature_to_4byte_selector

from ledger_service.chain.deployment import ROLE_TABLE, ROLES
from outcomes import announced, refusals_of, refused
from world import CARBON, CARBON_RULES, DAY, GENESIS, ZERO, Kind, digest, person, text32

DELAY = 2 * DAY
ADMINISTRATOR = 0
WEEK = 7 * DAY
"""How long a scheduled operation can be done once its delay is over; OpenZeppelin's."""


@pytest.fixture(scope="module")
def deployed(module_isolation: None) -> Any:
    """The protocol as it runs in a county: whatever the committee does, it announces two days before."""
    from world import deployed

    return deployed(committee_delay=DELAY)


@pytest.fixture(scope="module")
def authority(deployed):
    return deployed.authority


@pytest.fixture(scope="module")
def contracts(deployed):
    return {
        "Participants": deployed.participants,
        "MonitoringOracle": deployed.oracle,
        "MonitoringPanel": deployed.panel,
        "CnyVoucher": deployed.voucher,
        "Revenue": deployed.revenue,
        "PledgeTerms": deployed.pledge_terms,
        "Pledges": deployed.pledges,
        "Workouts": deployed.workouts,
        "CarbonCredits": deployed.credits,
        "Funds": deployed.funds,
        "RetirementCertificates": deployed.certificates,
        "DataAssets": deployed.assets,
    }


def writing_functions(contract):
    """Everything of a contract that can change something."""
    return {
        item["name"]: item
        for item in contract.abi
        if item["type"] == "function" and item["stateMutability"] not in ("view", "pure")
    }


def selector(item):
    return function_signature_to_4byte_selector(abi_to_signature(item))


def nothing_of(entry):
    """An argument that says nothing, for a call of which only the permission matters."""
    kind = entry["type"]
    if kind.endswith("[]"):
        return []
    if kind == "tuple":
        return tuple(nothing_of(component) for component in entry["components"])
    if kind == "address":
        return ZERO
    if kind.startswith("bytes"):
        return bytes(int(kind[5:] or 0))
    return False if kind == "bool" else 0


def is_refused_for_its_caller(contract, item, caller):
    """Whether `caller` may not even try."""
    arguments = [nothing_of(entry) for entry in item["inputs"]]
    try:
        getattr(contract, item["name"]).call(*arguments, {"from": caller})
    except VirtualMachineError as failure:
        refusal = refusals_of(failure)[0]
        return refusal == ("AccessManagedUnauthorized", {"caller": str(caller)})
    return False


# THE TABLE


@pytest.mark.parametrize("row", ROLE_TABLE, ids=lambda row: f"{row[0]}.{row[1]}")
def test_an_outsider_is_refused(contracts, auditor, row):
    contract, function, _ = row
    item = writing_functions(contracts[contract])[function]
    arguments = [nothing_of(entry) for entry in item["inputs"]]
    with refused("AccessManagedUnauthorized", caller=auditor):
        getattr(contracts[contract], function)(*arguments, {"from": auditor})


@pytest.mark.parametrize("row", ROLE_TABLE, ids=lambda row: f"{row[0]}.{row[1]}")
def test_only_the_officer_of_the_table_may(authority, contracts, row):
    contract, function, role = row
    target, item = contracts[contract], writing_functions(contracts[contract])[function]
    assert authority.getTargetFunctionRole(target, selector(item)) == ROLES[role]
    for officer in ROLES:
        may_at_once, delay = authority.canCall(person(officer), target, selector(item))
        if officer != role:
            assert (may_at_once, delay) == (False, 0)
            assert is_refused_for_its_caller(target, item, person(officer))
        elif role == "committee":
            assert (may_at_once, delay) == (False, DELAY)
        else:
            assert (may_at_once, delay) == (True, 0)
            assert not is_refused_for_its_caller(target, item, person(officer))


def test_the_table_names_every_restricted_function_and_no_other(contracts, auditor):
    restricted = {
        (name, item["name"])
        for name, contract in contracts.items()
        for item in writing_functions(contract).values()
        if is_refused_for_its_caller(contract, item, auditor) and item["name"] != "setAuthority"
    }
    assert restricted == {(contract, function) for contract, function, _ in ROLE_TABLE}


def test_functions_outside_the_table_have_no_role(authority, contracts):
    listed = {(contract, function) for contract, function, _ in ROLE_TABLE}
    for name, contract in contracts.items():
        for item in writing_functions(contract).values():
            if (name, item["name"]) not in listed:
                assert authority.getTargetFunctionRole(contract, selector(item)) == ADMINISTRATOR


def test_nobody_stands_above_the_parties_of_a_pledge(contracts):
    assert "setAuthority" not in writing_functions(contracts["Pledges"])


def test_nobody_stands_above_the_certificates(contracts):
    assert "setAuthority" not in {item.get("name") for item in contracts["RetirementCertificates"].abi}


def test_nobody_hands_a_contract_to_another_authority(authority, contracts, committee):
    for name, contract in contracts.items():
        if name in ("PledgeTerms", "Workouts", "RetirementCertificates"):
            continue  # Nothing of them is restricted.
        assert contract.authority() == authority
        with refused("AuthorityFixed", authority=authority):
            contract.setAuthority(committee, {"from": committee})


def test_no_contract_is_closed_and_no_administration_is_hidden(authority, contracts):
    for contract in contracts.values():
        assert not authority.isTargetClosed(contract)
        assert authority.getTargetAdminDelay(contract) == 0
    for role in ROLES.values():
        assert authority.getRoleAdmin(role) == ADMINISTRATOR
        assert authority.getRoleGuardian(role) == ADMINISTRATOR


def test_every_role_has_its_one_officer_with_its_delay(authority):
    for role, number in ROLES.items():
        for officer in ROLES:
            expected = (officer == role, DELAY if officer == role == "committee" else 0)
            assert tuple(authority.hasRole(number, person(officer))) == expected


def test_the_deployer_keeps_nothing(authority):
    for role in (ADMINISTRATOR, *ROLES.values()):
        assert tuple(authority.hasRole(role, accounts[0])) == (False, 0)


# ADMINISTRATION


def test_an_outsider_hands_out_no_roles(authority, auditor):
    for role in (ADMINISTRATOR, *ROLES.values()):
        with refused("AccessManagerUnauthorizedAccount", msgsender=auditor, roleId=ADMINISTRATOR):
            authority.grantRole(role, auditor, 0, {"from": auditor})


@pytest.mark.parametrize("officer", ["operator", "treasurer", "guardian"])
def test_officers_hand_out_no_roles(authority, officer):
    with refused("AccessManagerUnauthorizedAccount", msgsender=person(officer), roleId=ADMINISTRATOR):
        authority.grantRole(ROLES["treasurer"], person(officer), 0, {"from": person(officer)})


def test_the_committee_changes_officers_only_after_its_delay(authority, clock, committee, auditor):
    change = authority.grantRole.encode_input(ROLES["guardian"], auditor, 0)
    operation = authority.hashOperation(committee, authority, change)
    with refused("AccessManagerNotScheduled", operationId=operation):
        authority.grantRole(ROLES["guardian"], auditor, 0, {"from": committee})

    authority.schedule(authority, change, 0, {"from": committee})
    ready = clock.now() + DELAY
    clock.stand_at(ready - 1)
    with refused("AccessManagerNotReady", operationId=operation):
        authority.grantRole(ROLES["guardian"], auditor, 0, {"from": committee})
    clock.stand_at(ready)
    authority.grantRole(ROLES["guardian"], auditor, 0, {"from": committee})
    assert tuple(authority.hasRole(ROLES["guardian"], auditor)) == (True, 0)


def test_the_committee_cannot_hand_a_contract_to_another_authority_after_its_delay(
    authority, deployed, clock, committee
):
    change = authority.updateAuthority.encode_input(deployed.revenue, deployed.voucher)
    authority.schedule(authority, change, 0, {"from": committee})
    clock.after(DELAY)
    with refused("AuthorityFixed", authority=authority):
        authority.updateAuthority(deployed.revenue, deployed.voucher, {"from": committee})
    assert deployed.revenue.authority() == authority
    assert deployed.revenue.isConsumingScheduledOp() == "0x00000000"


def test_no_contract_is_governed_by_an_account_without_code(deployed, auditor, Participants):
    with refused("AccessManagedInvalidAuthority", authority=auditor):
        Participants.deploy(auditor, deployed.revenue, {"from": auditor})


# DELAY


@pytest.fixture
def rules(deployed):
    """What the committee decides: rules of a feed."""
    return deployed.oracle.configureFeed.encode_input(CARBON, CARBON_RULES)


@pytest.fixture
def operation(authority, deployed, committee, rules):
    return authority.hashOperation(committee, deployed.oracle, rules)


def test_the_committee_does_nothing_that_it_did_not_announce(deployed, committee, operation):
    with refused("AccessManagerNotScheduled", operationId=operation):
        deployed.oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})


def test_the_committee_does_not_announce_what_it_does_sooner(authority, deployed, committee, rules):
    with refused("AccessManagerUnauthorizedCall", caller=committee, target=deployed.oracle, selector=rules[:10]):
        authority.schedule(deployed.oracle, rules, GENESIS + DELAY - 1, {"from": committee})


def test_an_outsider_announces_nothing(authority, deployed, auditor, rules):
    with refused("AccessManagerUnauthorizedCall", caller=auditor, target=deployed.oracle, selector=rules[:10]):
        authority.schedule(deployed.oracle, rules, 0, {"from": auditor})


def test_what_was_announced_waits_for_its_delay(authority, deployed, clock, committee, rules, operation):
    announcement = authority.schedule(deployed.oracle, rules, 0, {"from": committee})
    ready = clock.now() + DELAY
    announced(
        announcement,
        "OperationScheduled",
        operationId=operation,
        nonce=1,
        schedule=ready,
        caller=committee,
        target=deployed.oracle,
        data=rules,
    )
    clock.stand_at(ready - 1)
    with refused("AccessManagerNotReady", operationId=operation):
        deployed.oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})

    clock.stand_at(ready)
    deployed.oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})
    assert deployed.oracle.feedOf(CARBON)["quorum"] == CARBON_RULES.quorum


def test_what_was_announced_is_done_once(authority, deployed, clock, committee, rules, operation):
    authority.schedule(deployed.oracle, rules, 0, {"from": committee})
    clock.after(DELAY)
    deployed.oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})
    with refused("AccessManagerNotScheduled", operationId=operation):
        deployed.oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})


def test_something_else_than_was_announced_is_not_done(authority, deployed, clock, committee, rules):
    authority.schedule(deployed.oracle, rules, 0, {"from": committee})
    clock.after(DELAY)
    others = CARBON_RULES._replace(quorum=1)
    operation = authority.hashOperation(
        committee, deployed.oracle, deployed.oracle.configureFeed.encode_input(CARBON, others)
    )
    with refused("AccessManagerNotScheduled", operationId=operation):
        deployed.oracle.configureFeed(CARBON, others, {"from": committee})


def test_what_was_announced_lapses_after_a_week(authority, deployed, clock, committee, rules, operation):
    authority.schedule(deployed.oracle, rules, 0, {"from": committee})
    clock.after(DELAY + WEEK)
    with refused("AccessManagerExpired", operationId=operation):
        deployed.oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})


def test_what_was_announced_can_be_taken_back(authority, deployed, clock, committee, rules, operation):
    authority.schedule(deployed.oracle, rules, 0, {"from": committee})
    authority.cancel(committee, deployed.oracle, rules, {"from": committee})
    clock.after(DELAY)
    with refused("AccessManagerNotScheduled", operationId=operation):
        deployed.oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})


def test_a_signer_joins_after_the_delay_and_leaves_at_once(authority, deployed, clock, committee, guardian, auditor):
    oracle = deployed.oracle
    joining = oracle.addSigner.encode_input(CARBON, auditor, 2)
    for decision in (oracle.configureFeed.encode_input(CARBON, CARBON_RULES), joining):
        authority.schedule(oracle, decision, 0, {"from": committee})
    ready = clock.now() + DELAY
    clock.stand_at(ready - 1)
    with refused("AccessManagerNotReady", operationId=authority.hashOperation(committee, oracle, joining)):
        oracle.addSigner(CARBON, auditor, 2, {"from": committee})
    clock.stand_at(ready)
    oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})
    oracle.addSigner(CARBON, auditor, 2, {"from": committee})
    assert oracle.groupOf(CARBON, auditor) == 2
    oracle.removeSigner(CARBON, auditor, {"from": guardian})
    assert oracle.groupOf(CARBON, auditor) == 0


def test_operator_and_treasurer_act_at_once(deployed, operator, treasurer, cooperative):
    deployed.participants.admit(cooperative, Kind.COOPERATIVE, digest("papers"), {"from": operator})
    deployed.voucher.mint(cooperative, 1, text32("bank 1"), {"from": treasurer})
    assert deployed.voucher.balanceOf(cooperative) == 1


def test_nobody_acts_in_the_name_of_the_authority(authority, deployed, clock, operator, committee, rules, cooperative):
    """Its `execute` carries out calls as itself: events would name it, and nobody could be told apart from another."""
    admit = deployed.participants.admit.encode_input(cooperative, Kind.COOPERATIVE, digest("papers"))
    with refused("AccessManagedUnauthorized", caller=authority):
        authority.execute(deployed.participants, admit, {"from": operator})
    authority.schedule(deployed.oracle, rules, 0, {"from": committee})
    clock.after(DELAY)
    with refused("AccessManagedUnauthorized", caller=authority):
        authority.execute(deployed.oracle, rules, {"from": committee})
    deployed.oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})
