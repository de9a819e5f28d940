"""What the forest lost before anything was issued is taken from the first batches: growing back is not growing."""

import pytest

from outcomes import announced, refused
from world import PROJECT, Holders, month

BAD = {"start": month(2025, 1), "after": month(2025, 5)}
WORSE = {"start": month(2025, 5), "after": month(2025, 9)}
GOOD = {"start": month(2025, 9), "after": month(2026, 1)}


@pytest.fixture(scope="module")
def holders(cooperative):
    """Who earned 1,000 kg."""
    return Holders([(cooperative, 1_000)])


def test_the_next_batch_takes_over_the_deficit_buffer_first(county, credits, holders, pool, buyer, relayer):
    """The forest lost 200 kg before anything was issued: that much of the next 1,000 kg is only growing back."""
    county.lose(200, **BAD)
    assert credits.deficitOf(PROJECT) == 200
    round_ = county.measure(holders, **GOOD)
    issuance = credits.issue(PROJECT, round_, {"from": relayer})

    assert credits.deficitOf(PROJECT) == 0
    sheet = county.sheet(1)
    assert (sheet["issued"], sheet["buffer"], sheet["reversed"], sheet["shortfall"]) == (1_000, 0, 150, 50)
    announced(issuance, "DeficitChanged", project=PROJECT, round=round_, oldDeficit=200, newDeficit=0, by=relayer)
    assert issuance.events["CreditsReversed"]["round"] == issuance.events["BatchIssued"]["round"]
    with refused("SalesBlocked", batch=1, shortfall=50):
        credits.safeTransferFrom(pool, buyer, 1, 1, b"", {"from": pool})
    credits.makeGood(pool, 1, 1, 50, {"from": pool})
    credits.safeTransferFrom(pool, buyer, 1, 800, b"", {"from": pool})


def test_a_deficit_above_a_whole_batch_waits_for_the_one_after(county, credits, holders):
    county.lose(1_001, **BAD)
    county.issue(holders, **WORSE)
    assert credits.deficitOf(PROJECT) == 1
    assert county.sheet(1)["shortfall"] == 850
    county.issue(holders, **GOOD)
    assert credits.deficitOf(PROJECT) == 0
    assert county.sheet(2)["reversed"] == 1


def test_a_batch_that_does_not_exist_has_an_empty_sheet(county, credits):
    assert set(county.sheet(1).values()) == {0}
    assert set(credits.serialsOf(1).dict().values()) == {0}
