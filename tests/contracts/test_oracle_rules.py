"""The rules of a feed, who may report to it, and anchored evidence."""

import pytest
from brownie import web3
from eth_abi import encode
from eth_utils.crypto import keccak

from outcomes import announced, refused, silent
from world import (
    CARBON,
    CARBON_RULES,
    DELIVERED,
    NOTHING,
    REMOTE,
    SENSORS,
    VERIFIERS,
    ZERO,
    digest,
    text32,
)

METHANE = text32("methane-kg")

# RULES


@pytest.mark.parametrize(
    "contradiction",
    [
        {"quorum": 0},
        {"minimumValue": 1, "maximumValue": 0},
        {"crossCheckFeed": METHANE},
        {"requiredGroups": 1 << 0},
        {"requiredGroups": 1 << 5},
        {"requiredGroups": 1 << 7 | 1 << SENSORS},
    ],
    ids=str,
)
def test_rules_that_contradict_themselves_are_refused(oracle, committee, contradiction):
    with refused("FeedMalformed", feed=METHANE):
        oracle.configureFeed(METHANE, CARBON_RULES._replace(**contradiction), {"from": committee})


def test_a_feed_without_a_name_is_refused(oracle, committee):
    with refused("FeedMalformed", feed=NOTHING):
        oracle.configureFeed(NOTHING, CARBON_RULES, {"from": committee})


def test_rules_are_refused_from_whoever_is_not_the_committee(oracle, operator):
    with refused("AccessManagedUnauthorized", caller=operator):
        oracle.configureFeed(METHANE, CARBON_RULES, {"from": operator})


@pytest.mark.parametrize(
    "limit",
    [
        {"quorum": 1},
        {"quorum": 255},
        {"minimumValue": 7, "maximumValue": 7},
        {"minimumValue": -(2**127), "maximumValue": 2**127 - 1},
        {"requiredGroups": 0},
        {"requiredGroups": 0b11110},
        {"crossCheckFeed": NOTHING},
    ],
    ids=str,
)
def test_rules_at_their_limits_are_accepted(oracle, committee, limit):
    rules = CARBON_RULES._replace(**limit)
    oracle.configureFeed(METHANE, rules, {"from": committee})

    known = oracle.feedOf(METHANE)
    assert tuple(known)[:6] == rules[:6]
    assert bytes(known["crossCheckFeed"]) == rules.crossCheckFeed
    assert tuple(known)[7:] == rules[7:]


def test_rules_are_announced_with_their_digest(oracle, committee):
    change = oracle.configureFeed(METHANE, CARBON_RULES, {"from": committee})
    announced(
        change,
        "FeedConfigured",
        feed=METHANE,
        config=CARBON_RULES,
        configDigest=oracle.configDigest(METHANE),
        by=committee,
    )


def test_digest_binds_chain_contract_feed_rules_and_their_number(oracle, committee):
    oracle.configureFeed(METHANE, CARBON_RULES, {"from": committee})
    first = keccak(
        encode(
            [
                "uint256",
                "address",
                "bytes32",
                "(uint8,uint8,uint32,uint32,uint32,uint16,bytes32,int128,int128)",
                "uint256",
            ],
            [web3.eth.chain_id, oracle.address, METHANE, tuple(CARBON_RULES), 1],
        )
    )
    assert bytes(oracle.configDigest(METHANE)) == first


def test_setting_the_same_rules_again_renews_the_digest(oracle, committee):
    before = oracle.configDigest(CARBON)
    oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})
    assert oracle.configDigest(CARBON) != before


def test_rules_of_one_feed_leave_the_digest_of_another(oracle, committee):
    before = oracle.configDigest(REMOTE)
    oracle.configureFeed(CARBON, CARBON_RULES, {"from": committee})
    assert oracle.configDigest(REMOTE) == before


# SIGNERS


def test_adding_a_signer_fails_for_an_unknown_feed(oracle, committee, auditor):
    with refused("UnknownFeed", feed=METHANE):
        oracle.addSigner(METHANE, auditor, VERIFIERS, {"from": committee})


@pytest.mark.parametrize("group", [0, 5, 255])
def test_adding_a_signer_fails_for_a_group_out_of_range(oracle, committee, auditor, group):
    with refused("GroupOutOfRange", group=group):
        oracle.addSigner(CARBON, auditor, group, {"from": committee})


def test_adding_nobody_as_a_signer_fails(oracle, committee):
    with refused("UnknownSigner", feed=CARBON, signer=ZERO):
        oracle.addSigner(CARBON, ZERO, SENSORS, {"from": committee})


def test_adding_a_signer_fails_for_whoever_is_not_the_committee(oracle, guardian, auditor):
    with refused("AccessManagedUnauthorized", caller=guardian):
        oracle.addSigner(CARBON, auditor, VERIFIERS, {"from": guardian})


@pytest.mark.parametrize("group", [1, 2, 3, 4])
def test_committee_adds_a_signer_to_a_group(oracle, committee, auditor, group):
    before = oracle.configDigest(CARBON)
    change = oracle.addSigner(CARBON, auditor, group, {"from": committee})

    assert oracle.groupOf(CARBON, auditor) == group
    assert oracle.groupOf(DELIVERED, auditor) == 0
    assert oracle.configDigest(CARBON) != before
    announced(
        change,
        "SignerChanged",
        feed=CARBON,
        signer=auditor,
        oldGroup=0,
        newGroup=group,
        configDigest=oracle.configDigest(CARBON),
        by=committee,
    )


def test_committee_moves_a_signer_to_another_group(oracle, committee, verifier):
    change = oracle.addSigner(CARBON, verifier, SENSORS, {"from": committee})

    assert oracle.groupOf(CARBON, verifier) == SENSORS
    assert (change.events["SignerChanged"]["oldGroup"], change.events["SignerChanged"]["newGroup"]) == (2, 1)


def test_a_group_takes_no_more_than_255_signers(oracle, committee, guardian, auditor, sensors):
    oracle.configureFeed(METHANE, CARBON_RULES, {"from": committee})
    crowd = [f"0x{number:040x}" for number in range(1, 256)]
    for member in crowd:
        oracle.addSigner(METHANE, member, SENSORS, {"from": committee})
    with refused("GroupFull", feed=METHANE, group=SENSORS):
        oracle.addSigner(METHANE, auditor, SENSORS, {"from": committee})
    oracle.addSigner(METHANE, crowd[0], SENSORS, {"from": committee})
    oracle.addSigner(METHANE, auditor, VERIFIERS, {"from": committee})
    with refused("GroupFull", feed=METHANE, group=SENSORS):
        oracle.addSigner(METHANE, auditor, SENSORS, {"from": committee})

    oracle.removeSigner(METHANE, crowd[1], {"from": guardian})
    oracle.addSigner(METHANE, auditor, SENSORS, {"from": committee})
    with refused("GroupFull", feed=METHANE, group=SENSORS):
        oracle.addSigner(METHANE, sensors, SENSORS, {"from": committee})
    oracle.addSigner(METHANE, auditor, VERIFIERS, {"from": committee})
    oracle.addSigner(METHANE, sensors, SENSORS, {"from": committee})


def test_removing_a_signer_fails_if_it_is_none(oracle, guardian, auditor):
    with refused("UnknownSigner", feed=CARBON, signer=auditor):
        oracle.removeSigner(CARBON, auditor, {"from": guardian})


def test_removing_a_signer_fails_for_whoever_is_not_the_guardian(oracle, committee, verifier):
    with refused("AccessManagedUnauthorized", caller=committee):
        oracle.removeSigner(CARBON, verifier, {"from": committee})


def test_guardian_removes_a_signer_at_once(oracle, guardian, verifier):
    before = oracle.configDigest(CARBON)
    change = oracle.removeSigner(CARBON, verifier, {"from": guardian})

    assert oracle.groupOf(CARBON, verifier) == 0
    assert oracle.configDigest(CARBON) != before
    announced(
        change,
        "SignerChanged",
        feed=CARBON,
        signer=verifier,
        oldGroup=VERIFIERS,
        newGroup=0,
        configDigest=oracle.configDigest(CARBON),
        by=guardian,
    )


def test_no_old_digest_becomes_current_again(oracle, committee, guardian, verifier):
    seen = [oracle.configDigest(CARBON)]
    for _ in range(2):
        oracle.removeSigner(CARBON, verifier, {"from": guardian})
        seen.append(oracle.configDigest(CARBON))
        oracle.addSigner(CARBON, verifier, VERIFIERS, {"from": committee})
        seen.append(oracle.configDigest(CARBON))
    assert len(set(map(str, seen))) == 5


# EVIDENCE


def test_anchoring_fails_for_nothing(oracle, sensors):
    with refused("EmptyRoot"):
        oracle.anchor(NOTHING, {"from": sensors})


def test_anyone_anchors_a_root_at_the_time_of_its_block(oracle, clock, relayer):
    root = digest("raw data of today")
    assert oracle.anchoredAt(root) == 0
    moment = clock.now() + 5
    clock.at(moment)
    anchoring = oracle.anchor(root, {"from": relayer})

    assert oracle.anchoredAt(root) == moment
    announced(anchoring, "Anchored", root=root, at=moment, by=relayer)


def test_anchoring_again_changes_nothing(oracle, clock, relayer, sensors):
    root = digest("raw data of today")
    oracle.anchor(root, {"from": relayer})
    first = oracle.anchoredAt(root)
    clock.after(1)
    again = oracle.anchor(root, {"from": sensors})

    assert oracle.anchoredAt(root) == first
    assert silent(again, "Anchored")
