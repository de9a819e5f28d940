"""Attacks on carbon registries that happened to others, or that somebody would try here: each is refused."""

from itertools import pairwise

import pytest
from brownie import web3
from eth_abi import encode
from eth_utils.crypto import keccak

from outcomes import plain, refused
from world import (
    CARBON,
    DECEMBER,
    DELIVERED,
    FEBRUARY,
    FOREST,
    JANUARY,
    NOTHING,
    ONE_PRODUCT,
    PROJECT,
    SUPPLIERS_LEG,
    TEA,
    Holders,
    Kind,
    Project,
    Use,
    digest,
    first_second,
    month,
    person,
    text32,
)

USE = Use()
TRIAL = text32("trial")
ERROR = text32("issued in error")
LAST_YEAR = {"start": month(2024, 1), "after": month(2025, 1)}


@pytest.fixture(scope="module")
def holders(cooperative):
    """Who earned 1,000 kg."""
    return Holders([(cooperative, 1_000)])


@pytest.fixture(scope="module")
def batch(county, holders):
    """850 kg in the pool, 150 kg in the buffer."""
    return county.issue(holders)


@pytest.fixture
def receiver(CreditReceiver, participants, operator):
    """A buyer that is a contract and does something of its own when it is paid."""
    receiver = CreditReceiver.deploy({"from": operator})
    participants.admit(receiver, Kind.BUYER, digest("papers of a contract"), {"from": operator})
    return receiver


def refusal_of(name, types, *values):
    """What a contract sees of a custom error."""
    return plain(keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, [plain_of(each) for each in values]))


def plain_of(value):
    return str(value) if hasattr(value, "address") else value


# TOUCAN: OVERLAPPING SERIAL RANGES, RANGE LENGTH ≠ QUANTITY


def intervals(*transactions):
    """The serials that events name."""
    named = ("CreditsRetired", "CreditsCancelled", "CreditsReversed", "ShortfallMadeGood")
    return [
        (event["serialStart"], event["serialStart"] + event["quantity"])
        for transaction in transactions
        for event in transaction.events
        if event.name in named
    ]


def test_serial_ranges_never_overlap_and_are_as_long_as_what_they_stand_for(county, credits, batch, pool):
    second = county.issue(Holders([(person("cooperative"), 500)]), **LAST_YEAR)
    done = [
        credits.retire(pool, batch, 10, USE, {"from": pool}),
        credits.cancel(pool, batch, 20, ERROR, {"from": pool}),
        credits.retire(pool, second, 30, USE, {"from": pool}),
        county.lose(300, start=JANUARY, after=FEBRUARY),
        credits.makeGood(pool, second, batch, 40, {"from": pool}),
        credits.retire(pool, batch, 50, USE, {"from": pool}),
    ]
    taken = sorted(intervals(*done))
    assert taken == [(1, 11), (11, 31), (31, 71), (71, 121), (851, 1_001), (1_001, 1_031), (1_426, 1_501)]
    assert all(before[1] <= after[0] for before, after in pairwise(taken))
    for number, used in ((batch, 120 + 150), (second, 30 + 75)):
        sheet = county.sheet(number)
        assert sheet["retired"] + sheet["cancelled"] + sheet["reversed"] == used
        assert sheet["issued"] == credits.serialsOf(number)["end"] - credits.serialsOf(number)["start"]


# GUARDIAN: MINT MULTIPLIED, OR PARTIAL BUT REPORTED FULL


def test_a_mint_is_neither_multiplied_nor_partial(county, credits, holders, pool, buffer, relayer):
    round_ = county.measure(holders, **LAST_YEAR)
    issuance = credits.issue(PROJECT, round_, {"from": relayer})
    number = issuance.return_value
    minted = [event["value"] for event in issuance.events if event.name == "TransferSingle"]
    value = county.oracle.finalRound(round_)["value"]
    assert sum(minted) == value == issuance.events["BatchIssued"]["issued"] == credits.batchOf(number)["issued"]
    assert credits.balanceOf(pool, number) + credits.balanceOf(buffer, number) == value
    for _ in range(2):
        with refused("AlreadyIssued", round=round_, batch=number):
            credits.issue(PROJECT, round_, {"from": relayer})


def test_a_mint_whose_pool_takes_nothing_mints_nothing(
    county, credits, committee, cooperative, pool, buffer, receiver, relayer
):
    terms = Project(DELIVERED, TEA, ONE_PRODUCT, SUPPLIERS_LEG, receiver.address, str(buffer), 1_500, 10**9)
    credits.registerProject(TRIAL, terms, {"from": committee})
    receiver.setAnswer(1, {"from": pool})
    round_ = county.weigh(Holders([(cooperative, 100)]), DECEMBER)
    count = credits.batchCount()
    with refused("ERC1155InvalidReceiver", receiver=receiver):
        credits.issue(TRIAL, round_, {"from": relayer})
    assert (credits.batchCount(), credits.batchOfRound(round_)) == (count, 0)
    assert credits.balanceOf(buffer, count + 1) == 0


# GUARDIAN: ANYONE CAN RETIRE


@pytest.mark.parametrize("attacker", ["auditor", "committee", "operator", "guardian", "buyer", "relayer"])
def test_anyone_cannot_retire_cancel_or_make_good_for_another(credits, batch, pool, attacker):
    attacker = person(attacker)
    for use_up in (
        lambda: credits.retire(pool, batch, 1, USE, {"from": attacker}),
        lambda: credits.cancel(pool, batch, 1, ERROR, {"from": attacker}),
    ):
        with refused("ERC1155MissingApprovalForAll", operator=attacker, owner=pool):
            use_up()
    assert credits.balanceOf(pool, batch) == 850


def test_an_approval_by_one_holder_is_none_by_another(credits, batch, pool, buyer, relayer):
    credits.setApprovalForAll(relayer, True, {"from": buyer})
    with refused("ERC1155MissingApprovalForAll", operator=relayer, owner=pool):
        credits.retire(pool, batch, 1, USE, {"from": relayer})


# NORI: THE ZERO ID BYPASSES THE DUPLICATE CHECK


def test_the_zero_id_bypasses_no_check(credits, certificates, batch, pool, relayer):
    for take in (credits.issue, credits.reverse):
        with refused("NotFinal", round=NOTHING, state=0):
            take(PROJECT, NOTHING, {"from": relayer})
        with refused("UnknownProject", project=NOTHING):
            take(NOTHING, NOTHING, {"from": relayer})
    with refused("UnknownBatch", batch=0):
        credits.retire(pool, 0, 1, USE, {"from": pool})
    with refused("UnknownBatch", batch=0):
        credits.cancel(pool, 0, 1, ERROR, {"from": pool})
    with refused("UnknownBatch", batch=0):
        credits.makeGood(pool, 0, 0, 0, {"from": pool})
    with refused("ERC721NonexistentToken", tokenId=0):
        certificates.ownerOf(0)
    assert credits.batchOfRound(NOTHING) == 0
    assert batch == 1


# A PARCEL-PERIOD ISSUED TWICE


def test_a_parcel_period_is_not_issued_twice_by_an_overlapping_round(county, credits, holders, batch):
    """The oracle makes no second round final that shares a second with one that is."""
    start, end = month(2025, 12), month(2026, 1)
    with refused(
        "PeriodOverlapsFinal",
        periodStart=first_second(start),
        periodEnd=first_second(end),
        finalStart=first_second(month(2025, 1)),
        finalEnd=first_second(JANUARY),
    ):
        county.measure(holders, start=start, after=end)


def test_a_parcel_period_is_not_issued_twice_through_another_project_or_feed(credits, committee, city, buffer, batch):
    for feed in (CARBON, DELIVERED):
        again = Project(feed, FOREST, ONE_PRODUCT, SUPPLIERS_LEG, str(city), str(buffer), 0, 10**9)
        with refused("SubjectTaken", feed=feed, subject=FOREST, project=PROJECT):
            credits.registerProject(TRIAL, again, {"from": committee})


# RE-ENTRANCY THROUGH THE RECEIVER'S HOOK


def test_a_receiver_cannot_retire_in_the_hook_and_keep_what_it_retired(county, credits, batch, pool, receiver):
    """In its hook it holds what it was sent, and may use it once like everybody else."""
    receiver.setCall(credits, credits.retire.encode_input(receiver, batch, 100, USE), {"from": pool})
    credits.safeTransferFrom(pool, receiver, batch, 100, b"", {"from": pool})
    assert receiver.refusal() == "0x"
    assert credits.balanceOf(receiver, batch) == 0
    assert (county.sheet(batch)["retired"], county.sheet(batch)["tradable"]) == (100, 750)
    with refused("ERC1155InsufficientBalance", sender=receiver, balance=0, needed=1, tokenId=batch):
        receiver.act(credits, credits.retire.encode_input(receiver, batch, 1, USE), {"from": pool})


def test_a_receiver_cannot_take_the_sale_twice_in_the_hook(credits, batch, pool, receiver):
    again = credits.safeTransferFrom.encode_input(pool, receiver, batch, 100, b"")
    receiver.setCall(credits, again, {"from": pool})
    credits.safeTransferFrom(pool, receiver, batch, 100, b"", {"from": pool})
    assert receiver.refusal() == refusal_of(
        "ERC1155MissingApprovalForAll", ["address", "address"], receiver.address, str(pool)
    )
    assert credits.balanceOf(receiver, batch) == 100


def test_a_receiver_cannot_use_more_in_the_hook_of_a_batch_transfer_than_it_was_sent(credits, batch, pool, receiver):
    receiver.setCall(credits, credits.cancel.encode_input(receiver, batch, 14, ERROR), {"from": pool})
    credits.safeBatchTransferFrom(pool, receiver, [batch, batch], [6, 7], b"", {"from": pool})
    assert receiver.refusal() == refusal_of(
        "ERC1155InsufficientBalance", ["address", "uint256", "uint256", "uint256"], receiver.address, 13, 14, batch
    )
    assert credits.balanceOf(receiver, batch) == 13


def test_a_pool_cannot_issue_the_round_again_in_the_hook(
    county, credits, committee, cooperative, pool, buffer, receiver, relayer
):
    terms = Project(DELIVERED, TEA, ONE_PRODUCT, SUPPLIERS_LEG, receiver.address, str(buffer), 1_500, 10**9)
    credits.registerProject(TRIAL, terms, {"from": committee})
    round_ = county.weigh(Holders([(cooperative, 100)]), DECEMBER)
    receiver.setCall(credits, credits.issue.encode_input(TRIAL, round_), {"from": pool})
    number = credits.issue(TRIAL, round_, {"from": relayer}).return_value
    assert receiver.refusal() == refusal_of("AlreadyIssued", ["bytes32", "uint256"], round_, number)
    assert credits.balanceOf(receiver, number) == 85
    assert credits.batchCount() == number


def test_a_pool_cannot_sell_in_the_hook_what_a_deficit_takes(
    county, credits, committee, cooperative, buyer, pool, buffer, receiver, relayer
):
    """The shortfall that a new batch takes over stands before the pool is given its credits."""
    rules = county.oracle.feedOf(DELIVERED).dict() | {"minimumValue": -(10**9)}
    county.oracle.configureFeed(DELIVERED, tuple(rules.values()), {"from": committee})
    terms = Project(DELIVERED, TEA, ONE_PRODUCT, SUPPLIERS_LEG, receiver.address, str(buffer), 1_500, 10**9)
    credits.registerProject(TRIAL, terms, {"from": committee})
    loss = county.report(DELIVERED, TEA, first_second(DECEMBER - 1), first_second(DECEMBER), value=-20)
    county.submit(loss, person("weighbridge"))
    credits.reverse(TRIAL, county.finalise(loss), {"from": relayer})

    round_ = county.weigh(Holders([(cooperative, 100)]), DECEMBER)
    number = credits.batchCount() + 1
    sale = credits.safeTransferFrom.encode_input(receiver, buyer, number, 85, b"")
    receiver.setCall(credits, sale, {"from": pool})
    credits.issue(TRIAL, round_, {"from": relayer})
    assert receiver.refusal() == refusal_of("SalesBlocked", ["uint256", "uint128"], number, 5)
    assert (credits.balanceOf(receiver, number), credits.balanceOf(buyer, number)) == (85, 0)


# OTHERS


def test_a_quantity_that_does_not_fit_is_refused_and_never_cut(credits, batch, pool):
    """Excess precision and excess size are refused where they arrive: 2¹²⁸ + 1 is not 1."""
    selector = credits.retire.encode_input(pool, batch, 1, USE)[:10]
    types = ["address", "uint256", "uint256", "bytes32", "uint64", "uint64", "bytes32"]

    def retire(quantity):
        data = selector + encode(types, [str(pool), batch, quantity, *USE]).hex()
        return int.from_bytes(web3.eth.call({"from": str(pool), "to": credits.address, "data": data}))

    assert retire(1) == 1
    for quantity in (2**128, 2**128 + 1):
        with pytest.raises(ValueError, match="execution reverted"):
            retire(quantity)


def test_a_loss_is_not_escaped_by_blocking_the_buffer_or_pausing(
    county, credits, participants, operator, guardian, batch, buffer
):
    participants.setBlocked(buffer, True, digest("court order"), {"from": operator})
    credits.pause(text32("storm"), {"from": guardian})
    county.lose(10, **LAST_YEAR)
    assert county.sheet(batch)["reversed"] == 10


def test_a_shortfall_is_not_made_good_by_the_buffer_or_twice_by_the_same_credits(county, credits, batch, pool, buffer):
    county.lose(250, **LAST_YEAR)
    with refused("BufferLocked", buffer=buffer):
        credits.makeGood(buffer, batch, batch, 1, {"from": buffer})
    credits.makeGood(pool, batch, batch, 60, {"from": pool})
    with refused("AboveShortfall", batch=batch, quantity=60, shortfall=40):
        credits.makeGood(pool, batch, batch, 60, {"from": pool})
    sheet = county.sheet(batch)
    assert (sheet["tradable"], sheet["cancelled"], sheet["madeGood"]) == (790, 60, 60)
