"""What the forest lost is taken back: from the buffers, then as a shortfall that blocks sales until it is made good."""

import pytest

from outcomes import announced, refused, silent
from world import (
    CANDIDATE,
    CARBON,
    DECEMBER,
    DELIVERED,
    FOREST,
    NOTHING,
    ONE_PRODUCT,
    PROJECT,
    REMOTE,
    SUPPLIERS_LEG,
    TEA,
    Holders,
    Project,
    Use,
    digest,
    first_second,
    month,
    person,
    text32,
)

USE = Use()
ERROR = text32("issued in error")
TRIAL = text32("trial")

FIRST = {"start": month(2025, 1), "after": month(2025, 4)}
SECOND = {"start": month(2025, 4), "after": month(2025, 7)}
BAD = {"start": month(2025, 7), "after": month(2025, 10)}
WORSE = {"start": month(2025, 10), "after": month(2026, 1)}


@pytest.fixture(scope="module")
def holders(cooperative):
    """Who earned 1,000 kg."""
    return Holders([(cooperative, 1_000)])


@pytest.fixture(scope="module")
def batches(county, credits, holders, pool, buyer):
    """Two batches of 850 kg for sale and 150 kg in the buffer; 100 kg of the first are sold."""
    batches = (county.issue(holders, **FIRST), county.issue(holders, **SECOND))
    credits.safeTransferFrom(pool, buyer, batches[0], 100, b"", {"from": pool})
    return batches


@pytest.fixture
def short(county, batches):
    """The forest lost 500 kg: the buffers had 300, the second batch is short of 200."""
    county.lose(500, **BAD)
    return batches[1]


# ROUNDS


def test_reversing_fails_for_an_unknown_project(county, credits, batches, relayer):
    round_ = county.measure(None, value=-1, **BAD)
    with refused("UnknownProject", project=TRIAL):
        credits.reverse(TRIAL, round_, {"from": relayer})


def test_reversing_fails_for_a_round_that_does_not_exist(credits, batches, relayer):
    with refused("NotFinal", round=NOTHING, state=0):
        credits.reverse(PROJECT, NOTHING, {"from": relayer})


def test_reversing_fails_before_the_round_is_final(county, credits, batches, relayer, remote_sensing):
    times = (first_second(BAD["start"]), first_second(BAD["after"]))
    county.submit(county.report(REMOTE, FOREST, *times, value=-100), remote_sensing)
    report = county.report(CARBON, FOREST, *times, value=-100)
    county.submit(report, person("sensors"), person("second-sensors"), person("verifier"))
    with refused("NotFinal", round=county.round_of(report), state=CANDIDATE):
        credits.reverse(PROJECT, county.round_of(report), {"from": relayer})


def test_reversing_fails_for_a_round_of_another_subject(county, credits, batches, cooperative, relayer):
    round_ = county.weigh(Holders([(cooperative, 5)]), DECEMBER)
    with refused("RoundOfOtherSubject", feed=DELIVERED, subject=TEA):
        credits.reverse(PROJECT, round_, {"from": relayer})


@pytest.mark.parametrize("value", [0, 1])
def test_a_round_without_a_loss_is_not_reversed(county, credits, batches, relayer, value):
    round_ = county.measure(None, value=value, **BAD)
    with refused("NothingToReverse", round=round_, value=value):
        credits.reverse(PROJECT, round_, {"from": relayer})


def test_a_round_is_reversed_once(county, credits, batches, relayer):
    round_ = county.measure(None, value=-1, **BAD)
    credits.reverse(PROJECT, round_, {"from": relayer})
    with refused("AlreadyReversed", round=round_):
        credits.reverse(PROJECT, round_, {"from": relayer})
    assert credits.batchOfRound(round_) == 2**256 - 1
    with refused("AlreadyIssued", round=round_, batch=2**256 - 1):
        credits.issue(PROJECT, round_, {"from": relayer})


def test_a_round_that_was_issued_is_not_reversed(county, credits, batches, holders, relayer):
    round_ = county.measure(holders, **BAD)
    credits.issue(PROJECT, round_, {"from": relayer})
    with refused("NothingToReverse", round=round_, value=1_000):
        credits.reverse(PROJECT, round_, {"from": relayer})


# BUFFERS


def test_a_loss_is_taken_from_the_buffer_of_the_newest_batch_first(county, credits, batches, buffer, relayer):
    round_ = county.measure(None, value=-60, **BAD)
    reversal = credits.reverse(PROJECT, round_, {"from": relayer})

    assert [credits.balanceOf(buffer, batch) for batch in batches] == [150, 90]
    assert [county.sheet(batch)["reversed"] for batch in batches] == [0, 60]
    announced(
        reversal,
        "CreditsReversed",
        batch=2,
        project=PROJECT,
        round=round_,
        quantity=60,
        serialStart=1_941,
        reversed=60,
        by=relayer,
    )
    announced(reversal, "RoundReversed", round=round_, project=PROJECT, loss=60, fromBuffer=60, shortfall=0, by=relayer)
    assert silent(reversal, "ShortfallRecorded")
    assert silent(reversal, "DeficitChanged")


def test_a_second_loss_takes_the_serials_below_the_first(county, credits, batches):
    county.lose(60, **BAD)
    reversal = county.lose(40, **WORSE)
    assert reversal.events["CreditsReversed"]["serialStart"] == 1_901
    assert reversal.events["CreditsReversed"]["reversed"] == 100
    serials = credits.serialsOf(2)
    assert (serials["bufferStart"], serials["reversedStart"], serials["end"]) == (1_851, 1_901, 2_001)


@pytest.mark.parametrize(
    ("loss", "reversed_", "shortfalls"),
    [
        (149, [0, 149], [0, 0]),
        (150, [0, 150], [0, 0]),
        (151, [1, 150], [0, 0]),
        (300, [150, 150], [0, 0]),
        (301, [150, 150], [0, 1]),
        (1_150, [150, 150], [0, 850]),
        (1_151, [150, 150], [1, 850]),
        (2_000, [150, 150], [850, 850]),
    ],
)
def test_a_loss_goes_through_buffers_then_shortfalls(county, credits, batches, loss, reversed_, shortfalls):
    county.lose(loss, **BAD)
    sheets = [county.sheet(batch) for batch in batches]
    assert [sheet["reversed"] for sheet in sheets] == reversed_
    assert [sheet["shortfall"] for sheet in sheets] == shortfalls
    assert credits.deficitOf(PROJECT) == 0


def test_a_loss_is_taken_although_the_buffer_is_blocked(county, participants, operator, batches, buffer):
    participants.setBlocked(buffer, True, digest("court order"), {"from": operator})
    county.lose(60, **BAD)
    assert county.sheet(2)["reversed"] == 60


def test_another_projects_buffer_covers_nothing(
    county, credits, committee, batches, cooperative, pool, buffer, relayer
):
    trial = Project(DELIVERED, TEA, ONE_PRODUCT, SUPPLIERS_LEG, str(pool), str(buffer), 10_000, 10**9)
    credits.registerProject(TRIAL, trial, {"from": committee})
    credits.issue(TRIAL, county.weigh(Holders([(cooperative, 500)]), DECEMBER), {"from": relayer})
    county.lose(301, **BAD)
    assert county.sheet(3)["buffer"] == 500
    assert county.sheet(2)["shortfall"] == 1


# SHORTFALLS


def test_what_no_buffer_covers_is_recorded(county, credits, batches, relayer):
    round_ = county.measure(None, value=-500, **BAD)
    reversal = credits.reverse(PROJECT, round_, {"from": relayer})
    announced(
        reversal,
        "ShortfallRecorded",
        batch=2,
        project=PROJECT,
        round=round_,
        quantity=200,
        shortfall=200,
        madeGood=0,
        by=relayer,
    )
    announced(
        reversal, "RoundReversed", round=round_, project=PROJECT, loss=500, fromBuffer=300, shortfall=200, by=relayer
    )


def test_the_pool_sells_nothing_of_a_batch_that_is_short(credits, batches, short, pool, buyer, relayer):
    with refused("SalesBlocked", batch=short, shortfall=200):
        credits.safeTransferFrom(pool, buyer, short, 1, b"", {"from": pool})
    with refused("SalesBlocked", batch=short, shortfall=200):
        credits.safeBatchTransferFrom(pool, buyer, [batches[0], short], [1, 1], b"", {"from": pool})
    credits.setApprovalForAll(relayer, True, {"from": pool})
    with refused("SalesBlocked", batch=short, shortfall=200):
        credits.safeTransferFrom(pool, buyer, short, 1, b"", {"from": relayer})


def test_the_pool_does_not_sell_by_retiring_for_the_buyer(credits, short, pool):
    with refused("SalesBlocked", batch=short, shortfall=200):
        credits.retire(pool, short, 1, USE, {"from": pool})


def test_a_shortfall_of_one_batch_does_not_block_another(credits, batches, short, pool, buyer):
    credits.safeTransferFrom(pool, buyer, batches[0], 1, b"", {"from": pool})
    assert credits.balanceOf(buyer, batches[0]) == 101


def test_whoever_bought_before_keeps_sells_and_retires(county, credits, participants, operator, batches, pool, buyer):
    credits.safeTransferFrom(pool, buyer, 2, 50, b"", {"from": pool})
    county.lose(500, **BAD)
    credits.safeTransferFrom(buyer, person("bank"), 2, 20, b"", {"from": buyer})
    credits.retire(buyer, 2, 30, USE, {"from": buyer})
    assert county.sheet(2)["retired"] == 30


def test_retired_credits_fall_short_too(county, credits, batches, pool):
    """They were used; the claim that was made with them has lost its carbon."""
    credits.retire(pool, 2, 850, USE, {"from": pool})
    county.lose(400, **BAD)
    assert county.sheet(2)["shortfall"] == 100


def test_cancelled_credits_do_not_fall_short(county, credits, batches, pool):
    credits.cancel(pool, 2, 850, ERROR, {"from": pool})
    county.lose(400, **BAD)
    assert [county.sheet(batch)["shortfall"] for batch in batches] == [100, 0]


def test_a_kilogram_does_not_fall_short_twice(county, batches):
    county.lose(1_100, **BAD)
    county.lose(100, **WORSE)
    assert [county.sheet(batch)["shortfall"] for batch in batches] == [50, 850]


def test_a_batch_whose_credits_were_cancelled_below_its_shortfall_falls_no_shorter(county, credits, batches, pool):
    county.lose(1_150, **BAD)
    credits.cancel(pool, 2, 1, ERROR, {"from": pool})
    county.lose(10, **WORSE)
    assert [county.sheet(batch)["shortfall"] for batch in batches] == [10, 850]


# MAKING GOOD


def test_more_than_is_short_is_not_made_good(credits, short, pool):
    with refused("AboveShortfall", batch=short, quantity=201, shortfall=200):
        credits.makeGood(pool, short, short, 201, {"from": pool})


def test_nothing_is_not_made_good(credits, short, pool):
    with refused("QuantityZero", batch=short):
        credits.makeGood(pool, short, short, 0, {"from": pool})


@pytest.mark.parametrize("unknown", [0, 3])
def test_a_batch_that_does_not_exist_is_not_made_good(credits, short, pool, unknown):
    with refused("UnknownBatch", batch=unknown):
        credits.makeGood(pool, unknown, short, 1, {"from": pool})
    with refused("BatchOfOtherProject", batch=unknown, project=NOTHING):
        credits.makeGood(pool, short, unknown, 1, {"from": pool})


def test_credits_of_another_project_make_nothing_good(
    county, credits, committee, cooperative, short, pool, buffer, relayer
):
    trial = Project(DELIVERED, TEA, ONE_PRODUCT, SUPPLIERS_LEG, str(pool), str(buffer), 1_000, 10**9)
    credits.registerProject(TRIAL, trial, {"from": committee})
    credits.issue(TRIAL, county.weigh(Holders([(cooperative, 500)]), DECEMBER), {"from": relayer})
    with refused("BatchOfOtherProject", batch=3, project=TRIAL):
        credits.makeGood(pool, short, 3, 1, {"from": pool})


def test_nobody_makes_good_with_what_another_holds(credits, batches, short, buyer, relayer):
    with refused("ERC1155MissingApprovalForAll", operator=relayer, owner=buyer):
        credits.makeGood(buyer, short, batches[0], 1, {"from": relayer})


def test_the_buffer_makes_nothing_good(credits, short, buffer):
    with refused("BufferLocked", buffer=buffer):
        credits.makeGood(buffer, short, short, 1, {"from": buffer})


def test_more_than_is_held_makes_nothing_good(credits, batches, short, buyer):
    with refused("ERC1155InsufficientBalance", sender=buyer, balance=100, needed=101, tokenId=batches[0]):
        credits.makeGood(buyer, short, batches[0], 101, {"from": buyer})


def test_any_holder_makes_a_shortfall_good(county, credits, batches, short, buyer):
    cure = credits.makeGood(buyer, short, batches[0], 100, {"from": buyer})

    assert credits.balanceOf(buyer, batches[0]) == 0
    assert county.sheet(batches[0])["cancelled"] == 100
    assert (county.sheet(short)["shortfall"], county.sheet(short)["madeGood"]) == (200, 100)
    announced(
        cure,
        "ShortfallMadeGood",
        batch=short,
        source=batches[0],
        holder=buyer,
        quantity=100,
        serialStart=1,
        shortfall=200,
        madeGood=100,
        cancelled=100,
        by=buyer,
    )


def test_sales_go_on_when_all_is_made_good_and_not_a_kilogram_earlier(credits, short, pool, buyer):
    credits.makeGood(pool, short, short, 199, {"from": pool})
    with refused("SalesBlocked", batch=short, shortfall=1):
        credits.safeTransferFrom(pool, buyer, short, 1, b"", {"from": pool})
    credits.makeGood(pool, short, short, 1, {"from": pool})
    credits.safeTransferFrom(pool, buyer, short, 650, b"", {"from": pool})
    assert credits.balanceOf(buyer, short) == 650


def test_what_was_made_good_may_fall_short_again(county, credits, short, pool):
    credits.makeGood(pool, short, short, 200, {"from": pool})
    county.lose(10, **WORSE)
    sheet = county.sheet(short)
    assert (sheet["shortfall"], sheet["madeGood"], sheet["cancelled"]) == (210, 200, 200)


# DEFICITS


def test_a_loss_beyond_all_credits_is_the_projects_deficit(county, credits, batches, relayer):
    round_ = county.measure(None, value=-2_005, **BAD)
    reversal = credits.reverse(PROJECT, round_, {"from": relayer})
    assert credits.deficitOf(PROJECT) == 5
    announced(reversal, "DeficitChanged", project=PROJECT, round=round_, oldDeficit=0, newDeficit=5, by=relayer)
    announced(
        reversal,
        "RoundReversed",
        round=round_,
        project=PROJECT,
        loss=2_005,
        fromBuffer=300,
        shortfall=1_700,
        by=relayer,
    )
    county.lose(7, **WORSE)
    assert credits.deficitOf(PROJECT) == 12
