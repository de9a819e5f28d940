"""What holders and accounts are paid: never a fen more, in the end not a fen less."""

from random import Random

import pytest
from brownie.exceptions import VirtualMachineError

import model
from outcomes import announced, refused, silent
from signing import Instalment
from world import (
    ACCOUNT,
    CARBON_POOL,
    DAY,
    DECEMBER,
    JANUARY,
    ONE_PRODUCT,
    PROCESSED,
    PROCESSORS_LEG,
    REGISTER,
    SUPPLIERS_LEG,
    TECH_ENCLAVE,
    U64,
    ZERO,
    Holders,
    Leg,
    Line,
    Run,
    digest,
    person,
    text32,
)

SUPPLIERS = Line(ONE_PRODUCT, 1, DECEMBER, SUPPLIERS_LEG)
PROCESSORS = Line(ONE_PRODUCT, 1, DECEMBER, PROCESSORS_LEG)
CITY = Line(ONE_PRODUCT, 1, DECEMBER, 0)
LEGS = [3_000, 4_000, 3_000]
STEP = 48


@pytest.fixture(scope="module")
def suppliers(cooperative, household, village):
    """Who delivered how much: the village has delivered nothing."""
    return Holders(
        [(cooperative, 5_000), (household, 2_999), (village, 0), (person("farm"), 1), (person("orchard"), 7)]
    )


@pytest.fixture(scope="module")
def processors(cooperative, city):
    return Holders([(city, 1), (cooperative, 2)])


@pytest.fixture
def opened(county, revenue, suppliers, processors, relayer):
    """Both registers of December are open."""
    for leg, feed, holders in (
        (SUPPLIERS_LEG, "delivered-fen", suppliers),
        (PROCESSORS_LEG, "processed-kg", processors),
    ):
        round_ = county.weigh(holders, DECEMBER, feed=text32(feed))
        revenue.openRegister(ONE_PRODUCT, leg, round_, {"from": relayer})


@pytest.fixture
def received(county, opened):
    """¥1,234,567.89 came in for December."""
    county.receive(ONE_PRODUCT, DECEMBER, 123_456_789)


@pytest.fixture
def block(participants, operator):
    def block(account, blocked=True):
        participants.setBlocked(account, blocked, digest("court order"), {"from": operator})

    return block


def entitled(holders, index, received, *, leg=SUPPLIERS_LEG, closed):
    """What the executable specification says."""
    weights = [leaf.weight for leaf in holders.leaves()]
    return model.holder_income(received, LEGS, leg, weights, index, closed=closed)


# NOTHING TO CLAIM


def test_claiming_fails_for_a_line_that_does_not_exist(received, county, suppliers):
    for line in (
        SUPPLIERS._replace(version=2),
        SUPPLIERS._replace(leg=3),
        SUPPLIERS._replace(agreement=text32("none")),
    ):
        with refused("LineUnknown", line=line):
            county.claim(line, suppliers, 0)


def test_claiming_fails_without_a_register(county, suppliers):
    county.receive(ONE_PRODUCT, DECEMBER, 100)
    with refused("RegisterMissing", agreement=ONE_PRODUCT, leg=SUPPLIERS_LEG, period=DECEMBER):
        county.claim(SUPPLIERS, suppliers, 0)


def test_claiming_fails_in_a_leg_that_is_an_account(received, county, suppliers):
    with refused("RegisterMissing", agreement=ONE_PRODUCT, leg=0, period=DECEMBER):
        county.claim(CITY, suppliers, 0)


def test_claiming_fails_before_there_is_income(opened, county, revenue, suppliers):
    with refused("NothingToClaim", line=revenue.lineId(SUPPLIERS), index=0):
        county.claim(SUPPLIERS, suppliers, 0)


def test_claiming_fails_if_already_paid(received, county, revenue, suppliers):
    county.claim(SUPPLIERS, suppliers, 0)
    with refused("NothingToClaim", line=revenue.lineId(SUPPLIERS), index=0):
        county.claim(SUPPLIERS, suppliers, 0)


def test_claiming_fails_for_a_holder_without_weight(received, county, revenue, suppliers):
    with refused("NothingToClaim", line=revenue.lineId(SUPPLIERS), index=2):
        county.claim(SUPPLIERS, suppliers, 2)


def test_claiming_fails_below_the_first_fen(opened, county, revenue, suppliers):
    county.receive(ONE_PRODUCT, DECEMBER, 3)  # The leg has 1 fen, of which the largest supplier has 5,000/8,007.
    with refused("NothingToClaim", line=revenue.lineId(SUPPLIERS), index=0):
        county.claim(SUPPLIERS, suppliers, 0)


# PROOFS


@pytest.fixture
def present(revenue, relayer):
    """Somebody presents a leaf with a proof."""
    return lambda leaf, proof, line=SUPPLIERS: revenue.claim(line, leaf, proof, {"from": relayer})


def leads_to(holders, leaf, proof, count=None):
    """The root that the executable specification finds at the end of a proof."""
    with pytest.raises(model.ProofRefused) as refusal:
        model.verify(
            holders.root,
            count or holders.count,
            leaf.index,
            model.Leaf(bytes.fromhex(leaf.account[2:]), leaf.weight),
            proof,
        )
    assert refusal.value.reason == "root"
    return refusal.value.value


@pytest.mark.parametrize(
    "change",
    [
        lambda leaf: leaf._replace(weight=leaf.weight + 1),
        lambda leaf: leaf._replace(weight=leaf.weight - 1),
        lambda leaf: leaf._replace(weight=0),
        lambda leaf: leaf._replace(index=leaf.index - 1),
        lambda leaf: leaf._replace(index=leaf.index + 1),
        lambda leaf: leaf._replace(account="0x" + 40 * "5"),
        lambda leaf: leaf._replace(account=ZERO),
    ],
    ids=["more weight", "less weight", "no weight", "index before", "index after", "another account", "nobody"],
)
def test_a_proof_for_another_leaf_is_refused(received, present, suppliers, change):
    forged = change(suppliers.leaf(1))
    computed = leads_to(suppliers, forged, suppliers.proof(1))
    with refused("ProofRefused", computed=computed, root=suppliers.root):
        present(forged, suppliers.proof(1))


def test_a_proof_of_another_leg_is_refused(received, present, suppliers, cooperative):
    same_size = Holders([(cooperative, 1_000 + i) for i in range(suppliers.count)])
    computed = leads_to(suppliers, same_size.leaf(0), same_size.proof(0))
    with refused("ProofRefused", computed=computed, root=suppliers.root):
        present(same_size.leaf(0), same_size.proof(0))


def test_a_proof_of_another_period_is_refused(received, county, present, revenue, suppliers, cooperative, relayer):
    january = Holders([(cooperative, 9_000 + i) for i in range(suppliers.count)])
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(january, JANUARY), {"from": relayer})
    county.receive(ONE_PRODUCT, JANUARY, 1_000_000)
    computed = leads_to(suppliers, january.leaf(0), january.proof(0))
    with refused("ProofRefused", computed=computed, root=suppliers.root):
        present(january.leaf(0), january.proof(0))
    present(january.leaf(0), january.proof(0), SUPPLIERS._replace(period=JANUARY))


@pytest.mark.parametrize("index", [5, 6, 2**64 - 1])
def test_an_index_outside_the_register_is_refused(received, present, suppliers, index):
    with refused("IndexOutsideRegister", index=index, count=5):
        present(suppliers.leaf(4)._replace(index=index), suppliers.proof(4))


@pytest.mark.parametrize(
    ("cut", "given", "expected"),
    [
        (lambda proof: proof[:0], 0, 3 * STEP),
        (lambda proof: proof[:-1], 3 * STEP - 1, 3 * STEP),
        (lambda proof: proof[:-STEP], 2 * STEP, 3 * STEP),
        (lambda proof: proof + b"\0", 3 * STEP + 1, 3 * STEP),
        (lambda proof: proof + proof[-STEP:], 4 * STEP, 3 * STEP),
    ],
    ids=["empty", "a byte short", "a step short", "a byte long", "a step long"],
)
def test_a_proof_of_another_length_is_refused(received, present, suppliers, cut, given, expected):
    with refused("ProofLength", given=given, expected=expected):
        present(suppliers.leaf(0), cut(suppliers.proof(0)))


def test_a_proof_that_duplicates_a_promoted_leaf_is_refused(received, present, suppliers):
    promoted = suppliers.leaf(4)
    twin = model.leaf_node(suppliers.register.leaves[4])
    step = twin.hash + twin.sum.to_bytes(16, "big")
    with refused("ProofLength", given=3 * STEP, expected=STEP):
        present(promoted, step * 2 + suppliers.proof(4))


def test_an_inner_node_presented_as_a_leaf_is_refused(received, present, suppliers):
    inner = suppliers.register.levels[1][0]
    forged = suppliers.leaf(0)._replace(account="0x" + inner.hash[12:].hex(), weight=inner.sum)
    with refused("ProofLength", given=2 * STEP, expected=3 * STEP):
        present(forged, suppliers.proof(0)[STEP:])
    computed = leads_to(suppliers, forged, suppliers.proof(0))
    with refused("ProofRefused", computed=computed, root=suppliers.root):
        present(forged, suppliers.proof(0))


def test_a_sum_above_128_bits_is_refused(received, present, suppliers):
    proof = suppliers.proof(0)
    overflowing = proof[:32] + b"\xff" * 16 + proof[STEP:]
    with refused("SumOverflow", sum=2**128 - 1 + suppliers.total - suppliers.leaf(1).weight):
        present(suppliers.leaf(0), overflowing)


def test_a_changed_sibling_is_refused(received, present, suppliers):
    proof = suppliers.proof(0)
    for position in (0, 31, 32, 47, STEP, 3 * STEP - 1):
        changed = proof[:position] + bytes([proof[position] ^ 1]) + proof[position + 1 :]
        computed = leads_to(suppliers, suppliers.leaf(0), changed)
        with refused("ProofRefused", computed=computed, root=suppliers.root):
            present(suppliers.leaf(0), changed)


@pytest.mark.parametrize("signed", [8_006, 8_008, 1])
def test_a_register_whose_signed_total_is_not_its_sum_pays_nobody(county, revenue, suppliers, relayer, signed):
    round_ = county.weigh(suppliers, DECEMBER, value=signed)
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, round_, {"from": relayer})
    county.receive(ONE_PRODUCT, DECEMBER, 1_000_000)
    with refused("RegisterTotal", computed=8_007, total=signed):
        county.claim(SUPPLIERS, suppliers, 0)
    with refused("RegisterTotal", computed=8_007, total=signed):
        revenue.claimMany(SUPPLIERS, suppliers.all(), {"from": relayer})


@pytest.mark.parametrize("count", [4, 6])
def test_a_register_whose_signed_count_is_not_its_own_refuses_its_last_leaf(
    county, revenue, present, suppliers, relayer, count
):
    round_ = county.weigh(suppliers, DECEMBER, shareCount=count)
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, round_, {"from": relayer})
    county.receive(ONE_PRODUCT, DECEMBER, 1_000_000)
    with (
        refused("IndexOutsideRegister", index=4, count=4)
        if count == 4
        else refused("ProofLength", given=STEP, expected=2 * STEP)
    ):
        present(suppliers.leaf(4), suppliers.proof(4))


# PAID


def test_anyone_claims_and_the_money_goes_to_the_holder(
    received, county, revenue, voucher, suppliers, cooperative, relayer
):
    owed = entitled(suppliers, 0, 123_456_789, closed=False)
    claim = county.claim(SUPPLIERS, suppliers, 0)

    assert claim.return_value == owed == 30_837_214
    assert voucher.balanceOf(cooperative) == owed
    assert voucher.balanceOf(relayer) == 0
    assert revenue.paidOf(SUPPLIERS, 0) == owed
    announced(
        claim,
        "Claimed",
        line=revenue.lineId(SUPPLIERS),
        account=cooperative,
        index=0,
        amount=owed,
        diverted=0,
        paid=owed,
    )


def test_a_household_that_was_never_admitted_is_paid(received, county, voucher, participants, suppliers, household):
    assert not participants.isAdmitted(household)
    county.claim(SUPPLIERS, suppliers, 1)
    assert voucher.balanceOf(household) == entitled(suppliers, 1, 123_456_789, closed=False)


def test_who_is_entitled_to_what_can_be_asked_before_and_after(received, county, revenue, suppliers):
    owed = entitled(suppliers, 0, 123_456_789, closed=False)
    assert revenue.entitledOf(SUPPLIERS, suppliers.leaf(0), suppliers.proof(0)) == owed
    county.claim(SUPPLIERS, suppliers, 0)
    assert revenue.entitledOf(SUPPLIERS, suppliers.leaf(0), suppliers.proof(0)) == owed


def test_the_register_of_one_holder_needs_no_proof(county, revenue, voucher, household, relayer):
    alone = Holders([(household, 1)])
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(alone, DECEMBER), {"from": relayer})
    county.receive(ONE_PRODUCT, DECEMBER, 10)
    revenue.claim(SUPPLIERS, alone.leaf(0), b"", {"from": relayer})
    assert voucher.balanceOf(household) == 4


def test_a_holder_in_two_leaves_is_paid_for_both(county, revenue, voucher, household, village, relayer):
    twice = Holders([(household, 1), (village, 1), (household, 2)])
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(twice, DECEMBER), {"from": relayer})
    county.receive(ONE_PRODUCT, DECEMBER, 1_000)
    county.claim(SUPPLIERS, twice, 0)
    county.claim(SUPPLIERS, twice, 2)
    assert voucher.balanceOf(household) == 100 + 200


def test_one_claim_collects_any_number_of_receipts(opened, county, voucher, suppliers, cooperative):
    for amount in (1, 10, 100, 1_000, 10_000):
        county.receive(ONE_PRODUCT, DECEMBER, amount)
    county.claim(SUPPLIERS, suppliers, 0)
    assert voucher.balanceOf(cooperative) == entitled(suppliers, 0, 11_111, closed=False)


def test_late_receipts_in_several_chunks_equal_one(opened, county, voucher, suppliers, cooperative):
    """Rounding theft by chunked deposits: claiming after each small receipt gains nothing and loses nothing."""
    received = 0
    for amount in (1, 1, 1, 2, 3, 1, 7, 1, 1, 20, 3, 1):
        county.receive(ONE_PRODUCT, DECEMBER, amount)
        received += amount
        owed = entitled(suppliers, 0, received, closed=False)
        if owed > voucher.balanceOf(cooperative):
            county.claim(SUPPLIERS, suppliers, 0)
        assert voucher.balanceOf(cooperative) == owed
    assert voucher.balanceOf(cooperative) == entitled(suppliers, 0, 42, closed=False)


def test_a_late_receipt_pays_those_who_have_claimed_and_those_who_have_not(
    received, county, voucher, suppliers, cooperative, household
):
    county.claim(SUPPLIERS, suppliers, 0)
    county.receive(ONE_PRODUCT, DECEMBER, 1_000_001)
    county.claim(SUPPLIERS, suppliers, 0)
    county.claim(SUPPLIERS, suppliers, 1)
    for index, holder in ((0, cooperative), (1, household)):
        assert voucher.balanceOf(holder) == entitled(suppliers, index, 124_456_790, closed=False)


def test_the_figures_of_a_leg_do_not_depend_on_the_other_legs(
    received, county, revenue, voucher, suppliers, processors, city
):
    before = revenue.lineIncome(PROCESSORS)
    county.claim(SUPPLIERS, suppliers, 0)
    assert revenue.lineIncome(PROCESSORS) == before
    county.claim(PROCESSORS, processors, 0)
    assert voucher.balanceOf(city) == entitled(processors, 0, 123_456_789, leg=PROCESSORS_LEG, closed=False)


# COMPLETE


def test_when_all_is_claimed_from_a_closed_period_not_a_fen_is_left(
    received, county, revenue, voucher, suppliers, processors, relayer
):
    county.claim(SUPPLIERS, suppliers, 0)
    county.close(ONE_PRODUCT, DECEMBER)
    for line, holders in ((SUPPLIERS, suppliers), (PROCESSORS, processors)):
        revenue.claimMany(line, holders.all(), {"from": relayer})
        paid = [revenue.paidOf(line, index) for index in range(holders.count)]
        assert paid == [entitled(holders, i, 123_456_789, leg=line.leg, closed=True) for i in range(holders.count)]
        assert sum(paid) == revenue.lineIncome(line)
    revenue.collect(CITY, {"from": relayer})

    assert voucher.balanceOf(revenue) == 0
    assert voucher.totalSupply() == 123_456_789


def test_the_odd_fen_of_open_periods_are_paid_when_they_close(opened, county, revenue, voucher, suppliers, relayer):
    county.receive(ONE_PRODUCT, DECEMBER, 5)
    revenue.claimMany(SUPPLIERS, suppliers.all(), {"from": relayer})
    open_figures = [entitled(suppliers, i, 5, closed=False) for i in range(suppliers.count)]
    closed_figures = [entitled(suppliers, i, 5, closed=True) for i in range(suppliers.count)]
    assert (open_figures, closed_figures) == ([1, 0, 0, 0, 0], [1, 0, 0, 0, 1])
    assert [voucher.balanceOf(account) for account in suppliers.accounts] == open_figures

    county.close(ONE_PRODUCT, DECEMBER)
    revenue.claimMany(SUPPLIERS, suppliers.all(), {"from": relayer})
    assert [voucher.balanceOf(account) for account in suppliers.accounts] == closed_figures


@pytest.mark.parametrize("seed", range(8))
def test_random_registers_and_receipts_are_paid_as_the_specification_says(county, revenue, voucher, relayer, seed):
    random = Random(seed)
    largest = random.choice([1, 10, 10_000, 2**64, 2**120])
    weights = [random.choice([0, 1, random.randint(0, largest)]) for _ in range(random.randint(1, 9))] + [1]
    holders = Holders([(person(f"holder {seed} {index}"), weight) for index, weight in enumerate(weights)])
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(holders, DECEMBER), {"from": relayer})
    processed = county.weigh(holders, DECEMBER, feed=PROCESSED)
    revenue.openRegister(ONE_PRODUCT, PROCESSORS_LEG, processed, {"from": relayer})

    received = 0
    for _ in range(random.randint(1, 4)):
        amount = random.choice([1, 2, 3, 99, random.randint(1, 10**9), random.randint(1, U64 // 8)])
        county.receive(ONE_PRODUCT, DECEMBER, amount)
        received += amount
        for index in random.sample(range(holders.count), random.randint(0, min(2, holders.count))):
            owed = entitled(holders, index, received, closed=False)
            assert revenue.entitledOf(SUPPLIERS, holders.leaf(index), holders.proof(index)) == owed
            if owed > voucher.balanceOf(holders.accounts[index]):
                county.claim(SUPPLIERS, holders, index)
            assert voucher.balanceOf(holders.accounts[index]) == owed

    county.close(ONE_PRODUCT, DECEMBER)
    revenue.claimMany(SUPPLIERS, holders.all(), {"from": relayer})
    paid = [voucher.balanceOf(account) for account in holders.accounts]
    assert paid == [entitled(holders, index, received, closed=True) for index in range(holders.count)]
    assert sum(paid) == model.leg_income(received, LEGS, SUPPLIERS_LEG, closed=True)


def test_the_largest_income_is_shared_to_the_fen(county, revenue, voucher, household, village, relayer):
    holders = Holders([(household, 2**126), (village, 2**126 - 1)])
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(holders, DECEMBER), {"from": relayer})
    revenue.openRegister(
        ONE_PRODUCT, PROCESSORS_LEG, county.weigh(holders, DECEMBER, feed=PROCESSED), {"from": relayer}
    )
    county.receive(ONE_PRODUCT, DECEMBER, U64)
    county.close(ONE_PRODUCT, DECEMBER)
    for line in (SUPPLIERS, PROCESSORS):
        revenue.claimMany(line, holders.all(), {"from": relayer})
    revenue.collect(CITY, {"from": relayer})
    assert voucher.balanceOf(revenue) == 0


# MANY AT ONCE


def test_claiming_fails_for_a_run_of_nobody(received, revenue, suppliers, relayer):
    with refused("RunOutsideRegister", first=1, length=0, count=5):
        revenue.claimMany(SUPPLIERS, [Run(1, [], suppliers.proof(1))], {"from": relayer})


def test_claiming_fails_for_a_run_that_reaches_beyond_the_register(received, revenue, suppliers, relayer):
    first, holders, proof = suppliers.run(3, 2)
    for beyond in (first + 1, 2**64 - 1):
        with refused("RunOutsideRegister", first=beyond, length=2, count=5):
            revenue.claimMany(SUPPLIERS, [Run(beyond, holders, proof)], {"from": relayer})


@pytest.mark.parametrize("change", [-STEP, -1, 1, STEP])
def test_claiming_fails_for_a_run_with_a_proof_of_another_length(received, revenue, suppliers, relayer, change):
    first, holders, proof = suppliers.run(1, 2)
    wrong = proof[:change] if change < 0 else proof + bytes(change)
    with refused("ProofLength", given=len(proof) + change, expected=len(proof)):
        revenue.claimMany(SUPPLIERS, [Run(first, holders, wrong)], {"from": relayer})


@pytest.mark.parametrize(("first", "length"), [(first, length) for first in range(5) for length in range(1, 6 - first)])
def test_a_run_pays_each_what_a_claim_of_its_own_would(received, revenue, voucher, suppliers, relayer, first, length):
    claims = revenue.claimMany(SUPPLIERS, [suppliers.run(first, length)], {"from": relayer})

    run = range(first, first + length)
    owed = [entitled(suppliers, i, 123_456_789, closed=False) if i in run else 0 for i in range(suppliers.count)]
    assert [voucher.balanceOf(account) for account in suppliers.accounts] == owed
    assert claims.return_value == sum(owed)


@pytest.mark.parametrize("how", ["exchanged", "of somebody else", "heavier"])
def test_claiming_fails_for_a_run_of_others_than_the_registers(
    received, revenue, voucher, suppliers, auditor, relayer, how
):
    first, holders, proof = suppliers.run(1, 3)
    changed = {
        "exchanged": holders[::-1],
        "of somebody else": [holders[0]._replace(account=str(auditor)), *holders[1:]],
        "heavier": [holders[0], holders[1]._replace(weight=holders[1].weight + 1), holders[2]],
    }[how]
    leaves = [model.Leaf(bytes.fromhex(holder.account[2:]), holder.weight) for holder in changed]
    with pytest.raises(model.ProofRefused) as refusal:
        model.verify_run(suppliers.root, suppliers.count, first, leaves, proof)
    with refused("ProofRefused", computed=refusal.value.value, root=suppliers.root):
        revenue.claimMany(SUPPLIERS, [Run(first, changed, proof)], {"from": relayer})
    assert voucher.balanceOf(auditor) == 0


def test_claiming_for_many_passes_over_those_who_are_owed_nothing(
    received, county, revenue, voucher, suppliers, cooperative, relayer
):
    county.claim(SUPPLIERS, suppliers, 0)
    already = voucher.balanceOf(cooperative)
    claims = revenue.claimMany(SUPPLIERS, suppliers.all(), {"from": relayer})

    assert [event["index"] for event in claims.events["Claimed"]] == [1, 3, 4]
    assert claims.return_value == sum(entitled(suppliers, i, 123_456_789, closed=False) for i in (1, 3, 4))
    assert voucher.balanceOf(cooperative) == already


def test_claiming_for_one_holder_twice_at_once_pays_once(received, revenue, voucher, suppliers, cooperative, relayer):
    revenue.claimMany(SUPPLIERS, [suppliers.run(0, 1), suppliers.run(0, 2), suppliers.run(0, 1)], {"from": relayer})
    assert voucher.balanceOf(cooperative) == entitled(suppliers, 0, 123_456_789, closed=False)


def test_one_wrong_proof_refuses_all(received, revenue, voucher, suppliers, cooperative, relayer):
    wrong = suppliers.proof(0)
    computed = leads_to(suppliers, suppliers.leaf(1), wrong)
    with refused("ProofRefused", computed=computed, root=suppliers.root):
        runs = [suppliers.run(0, 1), suppliers.run(1, 1)._replace(proof=wrong)]
        revenue.claimMany(SUPPLIERS, runs, {"from": relayer})
    assert voucher.balanceOf(cooperative) == 0


def test_claiming_for_nobody_pays_nobody(received, revenue, relayer):
    assert revenue.claimMany(SUPPLIERS, [], {"from": relayer}).return_value == 0


# MANY PERIODS OF ONE HOLDER


@pytest.fixture
def a_quarter(county, revenue, suppliers, relayer):
    """Income and registers of three months; in the second, the cooperative stands at another place."""
    periods = [DECEMBER - 1, DECEMBER, JANUARY]
    registers = [
        suppliers,
        Holders([*zip(suppliers.accounts[1:], (9, 8, 7, 6), strict=True), (suppliers.accounts[0], 5)]),
    ]
    registers.append(suppliers)
    for period, holders in zip(periods, registers, strict=True):
        round_ = county.weigh(holders, period)
        revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, round_, {"from": relayer})
        county.receive(ONE_PRODUCT, period, 200_000 + period)
    places = (0, 4, 0)
    return [
        (SUPPLIERS._replace(period=period), holders.leaf(index), holders.proof(index))
        for period, holders, index in zip(periods, registers, places, strict=True)
    ]


def test_many_periods_are_claimed_with_one_transfer(a_quarter, revenue, voucher, cooperative, relayer):
    owed = [revenue.entitledOf(*claim) for claim in a_quarter]
    claims = revenue.claimFor(cooperative, a_quarter, {"from": relayer})

    assert claims.return_value == sum(owed) == voucher.balanceOf(cooperative)
    assert [event["amount"] for event in claims.events["Claimed"]] == owed
    announced(claims, "Transfer", **{"from": revenue, "to": cooperative, "value": sum(owed)})
    assert [revenue.paidOf(line, leaf.index) for line, leaf, _ in a_quarter] == owed


def test_claiming_for_a_holder_fails_with_the_leaf_of_another(a_quarter, revenue, cooperative, household, relayer):
    with refused("LeafOfOther", account=cooperative, expected=household):
        revenue.claimFor(household, a_quarter, {"from": relayer})


def test_claiming_many_periods_passes_over_what_was_paid_and_pays_one_period_once(
    a_quarter, county, revenue, voucher, suppliers, cooperative, relayer
):
    owed = [revenue.entitledOf(*claim) for claim in a_quarter]
    county.claim(a_quarter[0][0], suppliers, 0)
    claims = revenue.claimFor(cooperative, [*a_quarter, *a_quarter], {"from": relayer})
    assert claims.return_value == sum(owed[1:])
    assert voucher.balanceOf(cooperative) == sum(owed)
    again = revenue.claimFor(cooperative, a_quarter, {"from": relayer})
    assert (again.return_value, silent(again, "Transfer")) == (0, True)


def test_one_wrong_proof_refuses_all_periods(a_quarter, revenue, suppliers, cooperative, relayer):
    line, leaf, _ = a_quarter[2]
    wrong = suppliers.proof(1)
    computed = leads_to(suppliers, leaf, wrong)
    with refused("ProofRefused", computed=computed, root=suppliers.root):
        revenue.claimFor(cooperative, [*a_quarter[:2], (line, leaf, wrong)], {"from": relayer})


def test_claiming_no_periods_pays_nobody(revenue, cooperative, relayer):
    assert revenue.claimFor(cooperative, [], {"from": relayer}).return_value == 0


def test_a_blocked_holder_of_many_periods_is_set_aside_once(a_quarter, revenue, block, cooperative, relayer):
    owed = sum(revenue.entitledOf(*claim) for claim in a_quarter)
    block(cooperative)
    claims = revenue.claimFor(cooperative, a_quarter, {"from": relayer})
    announced(claims, "SetAside", account=cooperative, amount=owed, balance=owed)


@pytest.mark.parametrize(("days", "arrears"), [(29, 0), (30, U64)], ids=["interest is due", "all is in arrears"])
def test_liens_take_their_share_of_each_period_and_each_lender_is_paid_once(
    a_quarter, county, clock, revenue, voucher, cooperative, bank, second_bank, relayer, days, arrears
):
    """The first lien covers December only, the second both months from December, the third, of the first bank, all."""
    principal = 10**8  # Its interest of 29 days is more than the liens are offered.
    schedule = [Instalment(clock.now() + 30 * DAY, principal)]
    terms = county.terms(fromPeriod=DECEMBER, toPeriod=DECEMBER, bps=1_000, principal=principal, schedule=schedule)
    county.lend(terms)
    county.lend(terms._replace(lender=str(second_bank), toPeriod=JANUARY, bps=2_000, nonce=10**6), second_bank)
    county.lend(terms._replace(fromPeriod=DECEMBER - 1, toPeriod=JANUARY, bps=3_000, nonce=10**6 + 1))
    clock.after(days * DAY)
    held = {account: voucher.balanceOf(account) for account in (cooperative, bank, second_bank)}
    owed = [revenue.entitledOf(*claim) for claim in a_quarter]
    claims = revenue.claimFor(cooperative, a_quarter, {"from": relayer})

    first, second, third = ((bps, U64, arrears) for bps in (1_000, 2_000, 3_000))
    liens = ([third], [first, second, third], [second, third])
    taken = [model.divert(0, income, of_period)[0] for income, of_period in zip(owed, liens, strict=True)]
    to_second_bank = taken[1][1] + taken[2][0]
    to_bank = sum(map(sum, taken)) - to_second_bank
    got = {account: voucher.balanceOf(account) - held[account] for account in held}
    assert got == {bank: to_bank, second_bank: to_second_bank, cooperative: sum(owed) - to_bank - to_second_bank}
    assert len(claims.events["Transfer"]) == 3
    assert [event["diverted"] for event in claims.events["Claimed"]] == list(map(sum, taken))


# RESERVED


@pytest.mark.parametrize("name", ["revenue", "voucher", "pledges", "funds"])
def test_a_leaf_that_names_a_contract_of_the_protocol_is_set_aside(county, revenue, voucher, household, relayer, name):
    contract = getattr(county, name)
    holders = Holders([(contract.address, 1), (household, 1)])
    revenue.openRegister(ONE_PRODUCT, SUPPLIERS_LEG, county.weigh(holders, DECEMBER), {"from": relayer})
    county.receive(ONE_PRODUCT, DECEMBER, 1_000)
    claims = revenue.claimMany(SUPPLIERS, holders.all(), {"from": relayer})

    announced(claims, "SetAside", account=contract, amount=200, balance=200)
    assert voucher.balanceOf(household) == 200
    assert voucher.balanceOf(revenue) == 800
    with refused("AccountReserved", account=contract):
        revenue.withdraw(contract, {"from": relayer})


# SET ASIDE


def test_a_blocked_holder_is_set_aside_and_blocks_nobody(
    received, revenue, voucher, suppliers, block, household, cooperative, relayer
):
    block(household)
    claims = revenue.claimMany(SUPPLIERS, suppliers.all(), {"from": relayer})

    owed = entitled(suppliers, 1, 123_456_789, closed=False)
    assert voucher.balanceOf(household) == 0
    assert revenue.setAsideOf(household) == owed
    assert revenue.paidOf(SUPPLIERS, 1) == owed
    assert voucher.balanceOf(cooperative) == entitled(suppliers, 0, 123_456_789, closed=False)
    announced(claims, "SetAside", account=household, amount=owed, balance=owed)


def test_what_is_set_aside_adds_up(received, county, revenue, suppliers, block, household):
    block(household)
    county.claim(SUPPLIERS, suppliers, 1)
    county.receive(ONE_PRODUCT, DECEMBER, 10_000)
    second = county.claim(SUPPLIERS, suppliers, 1)

    owed = entitled(suppliers, 1, 123_466_789, closed=False)
    assert revenue.setAsideOf(household) == owed
    assert second.events["SetAside"]["balance"] == owed


def test_withdrawing_fails_while_the_account_is_blocked(
    received, county, revenue, suppliers, block, household, relayer
):
    block(household)
    county.claim(SUPPLIERS, suppliers, 1)
    kept = revenue.setAsideOf(household)
    with refused("AccountBlocked", account=household):
        revenue.withdraw(household, {"from": relayer})
    assert revenue.setAsideOf(household) == kept


def test_withdrawing_fails_if_nothing_is_set_aside(revenue, household):
    with refused("NothingSetAside", account=household):
        revenue.withdraw(household, {"from": household})


def test_anyone_withdraws_for_an_account_that_is_free_again(
    received, county, revenue, voucher, suppliers, block, household, relayer
):
    block(household)
    county.claim(SUPPLIERS, suppliers, 1)
    owed = revenue.setAsideOf(household)
    block(household, False)
    withdrawal = revenue.withdraw(household, {"from": relayer})

    assert withdrawal.return_value == owed
    assert voucher.balanceOf(household) == owed
    assert revenue.setAsideOf(household) == 0
    announced(withdrawal, "Withdrawn", account=household, amount=owed)
    with refused("NothingSetAside", account=household):
        revenue.withdraw(household, {"from": relayer})


def test_too_little_gas_never_sets_a_holder_aside(received, revenue, suppliers, cooperative, relayer):
    leaf, proof = suppliers.leaf(0), suppliers.proof(0)
    enough = revenue.claim.estimate_gas(SUPPLIERS, leaf, proof, {"from": relayer})
    for gas in range(enough - 60_000, enough, 1_500):
        try:
            claim = revenue.claim(SUPPLIERS, leaf, proof, {"from": relayer, "gas_limit": gas})
        except VirtualMachineError:
            assert revenue.setAsideOf(cooperative) == 0
            continue
        assert silent(claim, "SetAside")
        break


# ACCOUNTS AND FUNDS


def test_collecting_fails_for_a_register(county, revenue, relayer):
    county.receive(ONE_PRODUCT, DECEMBER, 1_000)
    with refused("WrongLegKind", given=REGISTER, expected=ACCOUNT):
        revenue.collect(SUPPLIERS, {"from": relayer})


def test_collecting_fails_for_a_line_that_does_not_exist(revenue, relayer):
    line = Line(TECH_ENCLAVE, 2, DECEMBER, 0)
    with refused("LineUnknown", line=line):
        revenue.collect(line, {"from": relayer})


def test_collecting_fails_if_nothing_is_owed(county, revenue, relayer):
    line = Line(TECH_ENCLAVE, 1, DECEMBER, 0)
    with refused("NothingToCollect", line=revenue.lineId(line)):
        revenue.collect(line, {"from": relayer})
    county.receive(TECH_ENCLAVE, DECEMBER, 10)
    revenue.collect(line, {"from": relayer})
    with refused("NothingToCollect", line=revenue.lineId(line)):
        revenue.collect(line, {"from": relayer})


def test_many_lines_are_collected_at_once_and_those_that_owe_nothing_passed_over(
    county, revenue, voucher, funds, laboratory, city, relayer
):
    county.receive(TECH_ENCLAVE, DECEMBER, 11)
    county.receive(CARBON_POOL, DECEMBER, 1_000)
    laboratory_line = Line(TECH_ENCLAVE, 1, DECEMBER, 0)
    lines = [laboratory_line, Line(TECH_ENCLAVE, 1, DECEMBER, 1), laboratory_line, Line(CARBON_POOL, 1, DECEMBER, 0)]
    assert revenue.collectMany(lines, {"from": relayer}).return_value == 6 + 4 + 200
    assert [voucher.balanceOf(each) for each in (laboratory, city, funds)] == [6, 4, 200]
    assert revenue.collectMany(lines, {"from": relayer}).return_value == 0


def test_a_register_among_the_lines_refuses_all(county, revenue, relayer):
    county.receive(ONE_PRODUCT, DECEMBER, 1_000)
    with refused("WrongLegKind", given=REGISTER, expected=ACCOUNT):
        revenue.collectMany([CITY, SUPPLIERS], {"from": relayer})


def test_anyone_collects_for_the_account_of_a_leg(county, revenue, voucher, laboratory, relayer):
    line = Line(TECH_ENCLAVE, 1, DECEMBER, 0)
    county.receive(TECH_ENCLAVE, DECEMBER, 11)
    collection = revenue.collect(line, {"from": relayer})

    assert collection.return_value == 6
    assert voucher.balanceOf(laboratory) == 6
    announced(collection, "Collected", line=revenue.lineId(line), account=laboratory, amount=6, diverted=0, paid=6)


def test_collecting_in_chunks_equals_collecting_once(county, revenue, voucher, laboratory, city, relayer):
    received = 0
    lines = [Line(TECH_ENCLAVE, 1, DECEMBER, leg) for leg in (0, 1)]
    for amount in (1, 1, 1, 1, 3, 5, 7):
        county.receive(TECH_ENCLAVE, DECEMBER, amount)
        received += amount
        for line, bps in zip(lines, (6_000, 4_000), strict=True):
            if revenue.lineIncome(line) > revenue.paidOf(line, 0):
                revenue.collect(line, {"from": relayer})
            assert revenue.paidOf(line, 0) == received * bps // 10_000
    county.close(TECH_ENCLAVE, DECEMBER)
    for line in lines:
        if revenue.lineIncome(line) > revenue.paidOf(line, 0):
            revenue.collect(line, {"from": relayer})
    assert voucher.balanceOf(laboratory) + voucher.balanceOf(city) == 19
    assert voucher.balanceOf(revenue) == 0


def test_a_blocked_account_is_set_aside(county, revenue, voucher, block, city, relayer):
    block(city)
    county.receive(TECH_ENCLAVE, DECEMBER, 10)
    revenue.collect(Line(TECH_ENCLAVE, 1, DECEMBER, 1), {"from": relayer})
    assert (voucher.balanceOf(city), revenue.setAsideOf(city)) == (0, 4)


def test_each_version_pays_by_its_own_shares(county, revenue, voucher, committee, clock, laboratory, city, relayer):
    county.receive(TECH_ENCLAVE, DECEMBER, 100)
    shares = [Leg(ACCOUNT, 1_000, str(laboratory)), Leg(ACCOUNT, 9_000, str(city))]
    revenue.publish(TECH_ENCLAVE, shares, clock.now() + DAY, {"from": committee})
    clock.after(DAY)
    county.receive(TECH_ENCLAVE, DECEMBER, 100)
    for version in (1, 2):
        revenue.collect(Line(TECH_ENCLAVE, version, DECEMBER, 0), {"from": relayer})
    assert voucher.balanceOf(laboratory) == 60 + 10


def test_the_share_of_a_fund_stays_for_its_purpose(county, revenue, voucher, household, relayer):
    county.receive(CARBON_POOL, DECEMBER, 1_000)
    holders = Holders([(household, 12)])
    revenue.openRegister(CARBON_POOL, 1, county.measure(holders), {"from": relayer})
    county.close(CARBON_POOL, DECEMBER)
    county.claim(Line(CARBON_POOL, 1, DECEMBER, 1), holders, 0)

    assert voucher.balanceOf(household) == 800
    assert voucher.balanceOf(revenue) == revenue.lineIncome(Line(CARBON_POOL, 1, DECEMBER, 0)) == 200


def test_a_register_pays_in_the_version_of_each_receipt(
    county, revenue, voucher, committee, clock, household, city, relayer
):
    holders = Holders([(household, 12)])
    revenue.openRegister(CARBON_POOL, 1, county.measure(holders), {"from": relayer})
    county.receive(CARBON_POOL, DECEMBER, 1_000)
    legs = revenue.versionOf(CARBON_POOL, 1)[1]
    changed = [(*legs[0][:1], 5_000, *legs[0][2:]), (*legs[1][:1], 5_000, *legs[1][2:])]
    revenue.publish(CARBON_POOL, changed, clock.now(), {"from": committee})
    county.receive(CARBON_POOL, DECEMBER, 1_000)
    for version in (1, 2):
        county.claim(Line(CARBON_POOL, version, DECEMBER, 1), holders, 0)
    assert voucher.balanceOf(household) == 800 + 500
