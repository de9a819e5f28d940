"""Attacks that happened to others, tried here. Each test is named after its attack."""

from random import Random

import pytest
from eth_abi import encode
from eth_utils.crypto import keccak

import model
from outcomes import announced, refused
from world import (
    ACCOUNT,
    AGREEMENT,
    DAY,
    DECEMBER,
    JANUARY,
    ONE_PRODUCT,
    PROCESSED,
    PROCESSORS_LEG,
    SUPPLIERS_LEG,
    TECH_ENCLAVE,
    Holders,
    Leg,
    Line,
    Tier,
    digest,
    person,
    text32,
)

STEP = 48
LEGS = [3_000, 4_000, 3_000]
SUPPLIERS = Line(ONE_PRODUCT, 1, DECEMBER, SUPPLIERS_LEG)
PROCESSORS = Line(ONE_PRODUCT, 1, DECEMBER, PROCESSORS_LEG)
COURSE = text32("course-creators")


@pytest.fixture(scope="module")
def suppliers(cooperative, household, village):
    return Holders([(cooperative, 5), (household, 3), (village, 2), (person("farm"), 1), (person("orchard"), 1)])


@pytest.fixture
def opened(county, revenue, suppliers, relayer):
    """The registers of both legs are open, with the same holders; no money has arrived."""
    for leg, feed in ((SUPPLIERS_LEG, text32("delivered-fen")), (PROCESSORS_LEG, PROCESSED)):
        revenue.openRegister(ONE_PRODUCT, leg, county.weigh(suppliers, DECEMBER, feed=feed), {"from": relayer})


@pytest.fixture
def block(participants, operator):
    return lambda account: participants.setBlocked(account, True, digest("court order"), {"from": operator})


# ROUNDING


@pytest.mark.parametrize("seed", range(3))
def test_rounding_theft_by_chunked_deposits_of_a_token_with_two_decimals(
    opened, county, revenue, voucher, suppliers, relayer, seed
):
    """0xSplits M-02: whoever triggers a payout after each fen makes the others' shares round to nothing.

    Here the thief, who may cut a sale of 60 fen as it likes, and claims for whom and when it likes, changes nothing.
    """
    random = Random(seed)
    received = 0
    while received < 60:
        amount = min(random.choice([1, 1, 1, 2, 3]), 60 - received)
        county.receive(ONE_PRODUCT, DECEMBER, amount)
        received += amount
        if random.random() < 0.7:
            thief = random.randrange(suppliers.count)
            revenue.claimMany(SUPPLIERS, [suppliers.run(thief, 1)] * 2, {"from": relayer})
    county.close(ONE_PRODUCT, DECEMBER)
    revenue.claimMany(SUPPLIERS, suppliers.all(), {"from": relayer})
    weights = [leaf.weight for leaf in suppliers.leaves()]
    for index, account in enumerate(suppliers.accounts):
        assert voucher.balanceOf(account) == model.holder_income(60, LEGS, SUPPLIERS_LEG, weights, index, closed=True)


@pytest.mark.parametrize("chunks", [[1] * 30, [7] * 4 + [2], [29, 1], [30]])
def test_rounding_theft_by_chunked_sales_below_and_above_a_tier(
    county, revenue, voucher, committee, city, laboratory, relayer, chunks
):
    """A creator who cuts its sales into fen, so that each fee rounds down to nothing, pays the same fee."""
    tiers = [
        Tier(bound, [Leg(ACCOUNT, fee, str(city)), Leg(ACCOUNT, 10_000 - fee, str(laboratory))])
        for bound, fee in ((0, 0), (5, 1_500), (20, 1_000))
    ]
    revenue.publishTiers(COURSE, tiers, 0, {"from": committee})
    lines = [Line(COURSE, version, DECEMBER, leg) for version in (1, 2, 3) for leg in (0, 1)]
    for amount in chunks:
        county.receive(COURSE, DECEMBER, amount)
        revenue.collectMany(lines, {"from": relayer})
    county.close(COURSE, DECEMBER)
    revenue.collectMany(lines, {"from": relayer})
    assert (voucher.balanceOf(city), voucher.balanceOf(laboratory)) == (15 * 15 // 100 + 10 // 10, 30 - 3)


def test_rounding_theft_by_forwarding_after_each_fen(county, revenue, voucher, committee, city, laboratory, relayer):
    revenue.publish(
        COURSE, [Leg(ACCOUNT, 4_000, str(city)), Leg(AGREEMENT, 6_000, child=TECH_ENCLAVE)], 0, {"from": committee}
    )
    lines = [Line(COURSE, 1, DECEMBER, 1), Line(TECH_ENCLAVE, 1, DECEMBER, 0), Line(COURSE, 1, DECEMBER, 0)]
    for _ in range(11):
        county.receive(COURSE, DECEMBER, 1)
        revenue.collectMany(lines, {"from": relayer})
    assert revenue.receivedOf(TECH_ENCLAVE, 1, DECEMBER) == 11 * 6 // 10
    assert (voucher.balanceOf(laboratory), voucher.balanceOf(city)) == (6 * 6 // 10, 11 * 4 // 10)


# PAYEES WHO STOP THE OTHERS


def test_one_reverting_payee_blocks_everyone(opened, county, revenue, voucher, ContractWallet, household, relayer):
    """A payee that is a contract without any function is never called, so it has nothing to revert with."""
    silent_contract = ContractWallet.deploy({"from": relayer})
    holders = Holders([(silent_contract.address, 1), (household, 1)])
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(holders, JANUARY), {"from": relayer})
    county.receive(ONE_PRODUCT, JANUARY, 100)
    line = SUPPLIERS._replace(period=JANUARY)
    revenue.claimMany(line, holders.all(), {"from": relayer})
    assert [voucher.balanceOf(each) for each in (silent_contract, household)] == [20, 20]


def test_one_blocked_payee_blocks_everyone(opened, county, revenue, voucher, suppliers, block, household, relayer):
    county.receive(ONE_PRODUCT, DECEMBER, 1_200)
    block(household)
    revenue.claimMany(SUPPLIERS, suppliers.all(), {"from": relayer})
    assert [voucher.balanceOf(account) for account in suppliers.accounts] == [200, 0, 80, 40, 40]
    assert revenue.setAsideOf(household) == 120


def test_one_blocked_lender_blocks_the_other_periods_and_payees(
    opened, county, revenue, voucher, suppliers, block, cooperative, bank, relayer
):
    county.lend(county.terms(bps=5_000))
    county.clock.after(60 * DAY)
    before = voucher.balanceOf(cooperative)
    county.receive(ONE_PRODUCT, DECEMBER, 1_200)
    block(bank)
    claims = revenue.claimFor(cooperative, [(SUPPLIERS, suppliers.leaf(0), suppliers.proof(0))], {"from": relayer})
    announced(claims, "SetAside", account=bank, amount=100, balance=100)
    assert voucher.balanceOf(cooperative) == before + 100


def test_one_blocked_account_blocks_the_collection_of_all(county, revenue, voucher, block, city, laboratory, relayer):
    county.receive(TECH_ENCLAVE, DECEMBER, 100)
    block(laboratory)
    revenue.collectMany([Line(TECH_ENCLAVE, 1, DECEMBER, leg) for leg in (0, 1)], {"from": relayer})
    assert (voucher.balanceOf(city), revenue.setAsideOf(laboratory)) == (40, 60)


def test_fee_on_transfer_token(opened, county, revenue, voucher, suppliers, relayer):
    """Revenue is bound to one voucher at deployment, which moves exactly what it says; no other token comes in."""
    county.receive(ONE_PRODUCT, DECEMBER, 1_201)
    for index, account in enumerate(suppliers.accounts):
        before = voucher.balanceOf(revenue)
        paid = county.claim(SUPPLIERS, suppliers, index).return_value
        assert (voucher.balanceOf(account), before - voucher.balanceOf(revenue)) == (paid, paid)
    assert revenue.voucher() == voucher.address
    assert not [item for item in revenue.abi if "token" in item.get("name", "").lower()]


# PROOFS


@pytest.fixture
def present(revenue, relayer):
    return lambda leaf, proof, line=SUPPLIERS: revenue.claim(line, leaf, proof, {"from": relayer})


@pytest.fixture
def received(opened, county):
    county.receive(ONE_PRODUCT, DECEMBER, 1_200)


def test_second_preimage_by_a_leaf_of_64_bytes(received, present, suppliers):
    """A node's preimage is 97 bytes and begins with another byte than a leaf's 37: neither is ever the other."""
    left, right = suppliers.register.levels[0][:2]
    assert suppliers.register.levels[1][0].hash == keccak(
        b"\x01" + left.hash + left.sum.to_bytes(16, "big") + right.hash + right.sum.to_bytes(16, "big")
    )
    inner = suppliers.register.levels[1][0]
    for account in (inner.hash[:20], inner.hash[12:]):
        forged = suppliers.leaf(0)._replace(account="0x" + account.hex(), weight=inner.sum)
        with refused("ProofLength", given=2 * STEP, expected=3 * STEP):
            present(forged, suppliers.proof(0)[STEP:])
    assert keccak(encode(["bytes32", "bytes32"], [left.hash, right.hash])) != inner.hash


def test_duplicated_odd_leaf(received, present, revenue, suppliers):
    """CVE-2012-2459: the last leaf of an odd level hashed with itself would count twice."""
    last = suppliers.count - 1
    for index in (suppliers.count, suppliers.count + 1):
        with refused("IndexOutsideRegister", index=index, count=suppliers.count):
            present(suppliers.leaf(last)._replace(index=index), suppliers.proof(last))
    twin = model.leaf_node(suppliers.register.leaves[last])
    own = twin.hash + twin.sum.to_bytes(16, "big")
    with refused("ProofLength", given=2 * STEP, expected=STEP):
        present(suppliers.leaf(last), own + suppliers.proof(last))
    present(suppliers.leaf(last), suppliers.proof(last))
    with refused("NothingToClaim", line=revenue.lineId(SUPPLIERS), index=last):
        present(suppliers.leaf(last), suppliers.proof(last))


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize("change", [-STEP, -1, 1, STEP])
def test_wrong_length_proof(received, present, suppliers, index, change):
    proof = suppliers.proof(index)
    wrong = proof[:change] if change < 0 else proof + bytes(change)
    with refused("ProofLength", given=len(proof) + change, expected=len(proof)):
        present(suppliers.leaf(index), wrong)


@pytest.mark.parametrize("level", range(3))
def test_sum_overflow_in_a_merkle_sum_node(received, present, suppliers, level):
    """A sum that wraps around would make a small total, and so a large share."""
    proof = suppliers.proof(0)
    at = level * STEP + 32
    sums = [int.from_bytes(proof[i * STEP + 32 : (i + 1) * STEP], "big") for i in range(3) if i != level]
    weight = suppliers.leaf(0).weight + sum(sums)
    for sibling in (2**128 - weight, 2**128 - 1):
        with refused("SumOverflow", sum=weight + sibling):
            present(suppliers.leaf(0), proof[:at] + sibling.to_bytes(16, "big") + proof[at + 16 :])


# COUNTED TWICE


def test_unclaimed_income_counted_twice(received, county, revenue, voucher, suppliers, relayer):
    """Debt DAO: income that nobody had claimed yet was distributed again with the next deposit."""
    county.claim(SUPPLIERS, suppliers, 0)
    county.receive(ONE_PRODUCT, DECEMBER, 1_200)
    revenue.claimMany(SUPPLIERS, suppliers.all(), {"from": relayer})
    revenue.claimMany(SUPPLIERS, suppliers.all(), {"from": relayer})
    assert [voucher.balanceOf(account) for account in suppliers.accounts] == [400, 240, 160, 80, 80]
    assert voucher.balanceOf(revenue) == 2_400 - 960


def test_set_aside_money_counted_as_income(received, county, revenue, voucher, suppliers, block, household, relayer):
    block(household)
    county.claim(SUPPLIERS, suppliers, 1)
    county.receive(ONE_PRODUCT, DECEMBER, 10)
    assert revenue.lineIncome(SUPPLIERS) == 1_210 * 4 // 10
    county.claim(SUPPLIERS, suppliers, 0)
    assert revenue.setAsideOf(household) == 120


def test_calls_for_someone_else_that_block_the_victim(
    received, county, revenue, voucher, suppliers, auditor, cooperative
):
    """Whoever claims for a holder, early, in part or again, the holder can still claim all of it."""
    revenue.claim(SUPPLIERS, suppliers.leaf(0), suppliers.proof(0), {"from": auditor})
    revenue.claimMany(SUPPLIERS, [suppliers.run(0, 1)] * 3, {"from": auditor})
    revenue.claimFor(cooperative, [(SUPPLIERS, suppliers.leaf(0), suppliers.proof(0))] * 3, {"from": auditor})
    county.receive(ONE_PRODUCT, DECEMBER, 1_200)
    revenue.claim(SUPPLIERS, suppliers.leaf(0), suppliers.proof(0), {"from": cooperative})
    assert voucher.balanceOf(cooperative) == 400
    assert voucher.balanceOf(auditor) == 0


def test_replay_of_a_bank_reference(county, revenue, voucher, treasurer, committee, city, cooperative, relayer):
    """The same bank line as income twice, as a deposit, as a payment, or as what an agreement forwarded."""
    revenue.publish(COURSE, [Leg(AGREEMENT, 10_000, child=TECH_ENCLAVE)], 0, {"from": committee})
    reference = text32("bank line 7")
    revenue.receiveIncome(COURSE, DECEMBER, 100, reference, {"from": treasurer})
    for agreement, period in ((COURSE, DECEMBER), (COURSE, JANUARY), (TECH_ENCLAVE, DECEMBER)):
        with refused("ReferenceUsed", bankReference=reference):
            revenue.receiveIncome(agreement, period, 100, reference, {"from": treasurer})
    with refused("ReferenceUsed", bankReference=reference):
        voucher.mint(cooperative, 100, reference, {"from": treasurer})
    revenue.collect(Line(COURSE, 1, DECEMBER, 0), {"from": relayer})
    with refused("NothingToCollect", line=revenue.lineId(Line(COURSE, 1, DECEMBER, 0))):
        revenue.collect(Line(COURSE, 1, DECEMBER, 0), {"from": relayer})
    assert voucher.totalSupply() == revenue.receivedOf(TECH_ENCLAVE, 1, DECEMBER) == 100


# THE WRONG REGISTER (I17)


def test_register_of_another_leg_used_for_a_claim(county, revenue, present, household, village, relayer):
    mine, others = Holders([(household, 1), (village, 9)]), Holders([(household, 9), (village, 1)])
    for leg, feed, holders in ((SUPPLIERS_LEG, text32("delivered-fen"), mine), (PROCESSORS_LEG, PROCESSED, others)):
        revenue.openRegister(ONE_PRODUCT, leg, county.weigh(holders, DECEMBER, feed=feed), {"from": relayer})
    county.receive(ONE_PRODUCT, DECEMBER, 1_000)
    with pytest.raises(model.ProofRefused) as refusal:
        model.verify(mine.root, 2, 0, others.register.leaves[0], others.proof(0))
    with refused("ProofRefused", computed=refusal.value.value, root=mine.root):
        present(others.leaf(0), others.proof(0))
    with refused("ProofRefused", computed=refusal.value.value, root=mine.root):
        revenue.claimFor(household, [(SUPPLIERS, others.leaf(0), others.proof(0))], {"from": relayer})


def test_register_of_another_period_used_for_a_claim(received, county, revenue, present, suppliers, household, relayer):
    january = Holders([(household, 1)])
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(january, JANUARY), {"from": relayer})
    with refused("ProofLength", given=0, expected=3 * STEP):
        present(january.leaf(0), b"")
    with refused("RegisterMissing", agreement=ONE_PRODUCT, leg=SUPPLIERS_LEG, period=JANUARY + 1):
        present(january.leaf(0), b"", SUPPLIERS._replace(period=JANUARY + 1))
    with refused("IndexOutsideRegister", index=1, count=1):
        present(suppliers.leaf(1), suppliers.proof(1), SUPPLIERS._replace(period=JANUARY))


def test_the_same_leaf_in_two_legs_is_paid_from_each_by_its_own_income(
    received, county, voucher, suppliers, cooperative
):
    county.claim(SUPPLIERS, suppliers, 0)
    county.claim(PROCESSORS, suppliers, 0)
    assert voucher.balanceOf(cooperative) == 1_200 * 4 * 5 // 120 + 1_200 * 3 * 5 // 120
