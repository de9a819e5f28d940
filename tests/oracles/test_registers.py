"""A pool divided among parcels and holders: nothing is lost, nothing invented."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.errors import Contradiction, InvalidMonitoring, InvalidReading, OutOfRange, UnknownReference
from oracles.evidence import RawFile
from oracles.readings import Holder, Parcel, Tenure
from oracles.registers import (
    HolderWeight,
    ParcelCredit,
    ParcelShare,
    divide,
    register_columns,
    share_by_tenure,
    sum_by_holder,
)
from oracles.sources.csv_trees import read_tenures
from pyo3_core import Register

PARCELS = st.lists(
    st.tuples(st.sampled_from(["pine", "oak"]), st.integers(1, 10**7), st.sampled_from(["a", "b", "c"])),
    min_size=1,
    max_size=30,
)
ACCOUNTS = {name: Holder(name, bytes([index]) * 20) for name, index in (("a", 3), ("b", 1), ("c", 2))}


def parcels(drawn: list[tuple[str, int, str]]) -> list[Parcel]:
    return [Parcel(f"P{number:03d}", stratum, area, holder) for number, (stratum, area, holder) in enumerate(drawn)]


def test_parcels_too_large_for_a_register_are_refused() -> None:
    with pytest.raises(InvalidMonitoring):
        divide(1, [Parcel("A", "pine", 10**13, "a")], {"pine": 10**9})


def test_the_odd_kilogram_goes_to_the_largest_remainder_and_a_tie_to_the_first_id() -> None:
    land = [Parcel("C", "pine", 1, "a"), Parcel("A", "pine", 1, "b"), Parcel("B", "pine", 1, "c")]
    credited = {credit.parcel: credit.credited_kg for credit in divide(10, land, {"pine": 1})}
    assert credited == {"A": 4, "B": 3, "C": 3}
    thirds = [Parcel("A", "pine", 1, "a"), Parcel("B", "pine", 2, "b")]
    assert [credit.credited_kg for credit in divide(4, thirds, {"pine": 1})] == [1, 3]


def test_parcels_of_a_stratum_that_lost_carbon_get_nothing() -> None:
    land = [Parcel("A", "pine", 500, "a"), Parcel("B", "oak", 500, "b")]
    assert [credit.credited_kg for credit in divide(7, land, {"pine": 3, "oak": 0})] == [7, 0]


def test_a_refused_pool_divides_into_zeros() -> None:
    assert [credit.credited_kg for credit in divide(0, [Parcel("A", "pine", 500, "a")], {"pine": 0})] == [0]


@given(PARCELS, st.integers(1, 10**15))
def test_parcels_and_holders_add_up_to_the_pool(drawn: list[tuple[str, int, str]], pool: int) -> None:
    credits = divide(pool, parcels(drawn), {"pine": 1_517_986_821, "oak": 352_110_337})
    leaves = sum_by_holder([(credit.holder, credit.credited_kg) for credit in credits], ACCOUNTS)
    assert sum(credit.credited_kg for credit in credits) == pool
    assert sum(leaf.weight for leaf in leaves) == pool


@given(PARCELS, st.integers(1, 10**12))
def test_no_parcel_is_a_whole_kilogram_from_its_exact_share(drawn: list[tuple[str, int, str]], pool: int) -> None:
    rates = {"pine": 7, "oak": 3}
    land = parcels(drawn)
    total = sum(parcel.area_m2 * rates[parcel.stratum] for parcel in land)
    for credit in divide(pool, land, rates):
        assert abs(credit.credited_kg * total - pool * credit.area_m2 * rates[credit.stratum]) < total


@given(PARCELS, st.integers(1, 10**12), st.randoms())
def test_the_order_of_parcels_does_not_matter(drawn: list[tuple[str, int, str]], pool: int, random) -> None:
    land = parcels(drawn)
    shuffled = list(land)
    random.shuffle(shuffled)
    assert divide(pool, shuffled, {"pine": 7, "oak": 3}) == divide(pool, land, {"pine": 7, "oak": 3})


def test_a_holder_has_one_leaf_in_the_order_of_accounts_and_none_for_nothing() -> None:
    leaves = sum_by_holder([("a", 1), ("b", 5), ("a", 2), ("c", 0)], ACCOUNTS)
    assert leaves == (HolderWeight("b", b"\x01" * 20, 5), HolderWeight("a", b"\x03" * 20, 3))
    assert leaves[0].address == "0x" + "01" * 20


def test_the_columns_make_a_register_of_the_core() -> None:
    columns = register_columns(sum_by_holder([("a", 1), ("b", 5)], ACCOUNTS))
    assert (columns.accounts.shape, columns.accounts.dtype, columns.weights.dtype) == ((2, 20), np.uint8, np.uint64)
    register = Register(columns.accounts, columns.weights)
    assert register.total == 6
    assert len(register) == 2


# --- Joint holders and transfers ------------------------------------------------------------------

DAY = 86_400
START, END = 100 * DAY, 200 * DAY


def shared(kilograms: int, *tenures: Tenure) -> dict[str, int]:
    credits = (ParcelCredit("A", "pine", 1, "a", kilograms),)
    shares = share_by_tenure(credits, tenures, period_start=START, period_end=END, source="tenures.csv")
    assert sum(share.credited_kg for share in shares) == kilograms
    return {share.holder: share.credited_kg for share in shares}


def tenure(holder: str, share: str = "1", start: int | None = None, end: int | None = None) -> Tenure:
    return Tenure("A", holder, Fraction(share), start and start * DAY, end and end * DAY)


@pytest.mark.parametrize(
    ("tenures", "together"),
    [
        ((tenure("a", "1/2"),), "1/2"),
        ((tenure("a", "2/3"), tenure("b", "2/3")), "4/3"),
        ((tenure("a", end=150), tenure("b", start=151)), "0"),
        ((tenure("a", end=151), tenure("b", start=150)), "2"),
        ((tenure("a", start=101),), "0"),
        ((tenure("a", end=199),), "0"),
        ((tenure("a", end=50),), "0"),
    ],
)
def test_shares_that_are_not_one_at_every_second_are_refused(tenures: tuple[Tenure, ...], together: str) -> None:
    with pytest.raises(Contradiction, match=rf"parcel A from .* add up to {together}, not to 1"):
        shared(100, *tenures)


def test_a_tenure_of_a_parcel_that_is_not_listed_is_refused() -> None:
    with pytest.raises(UnknownReference, match="Z"):
        shared(100, Tenure("Z", "a", Fraction(1), None, None))


@pytest.mark.parametrize("wrong", [{"share": Fraction(0)}, {"share": Fraction(4, 3)}, {"start": 5, "end": 5}])
def test_an_impossible_tenure_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidReading):
        Tenure(**{"parcel": "A", "holder": "a", "share": Fraction(1), "start": None, "end": None, **wrong})  # type: ignore[arg-type]


def test_joint_holders_get_their_shares_and_the_odd_kilogram_goes_to_the_first_by_name() -> None:
    thirds = [tenure(name, "1/3") for name in ("c", "a", "b")]
    assert shared(100, *thirds) == {"a": 34, "b": 33, "c": 33}
    assert shared(5, tenure("a", "0.4"), tenure("b", "0.6")) == {"a": 2, "b": 3}


def test_a_transfer_divides_by_time_to_the_second() -> None:
    assert shared(100, tenure("a", end=125), tenure("b", start=125)) == {"a": 25, "b": 75}
    halfway = (tenure("a", end=150), tenure("b", "1/4", start=150), tenure("a", "3/4", start=150))
    assert shared(800, *halfway) == {"a": 700, "b": 100}


def test_a_transfer_before_or_after_the_period_changes_nothing() -> None:
    assert shared(100, tenure("b", end=100), tenure("a", start=100, end=200), tenure("c", start=200)) == {"a": 100}


def test_a_parcel_without_tenures_belongs_to_its_holder() -> None:
    assert shared(100) == {"a": 100}


@given(
    st.integers(0, 10**12),
    st.lists(st.integers(1, 50), min_size=1, max_size=6),
    st.lists(st.integers(101, 199), max_size=4, unique=True),
)
def test_kilograms_are_conserved_whatever_the_shares_and_transfers(
    kilograms: int, weights: list[int], transfers: list[int]
) -> None:
    """`shared` asserts the sum; every stretch of time has its own joint holders."""
    marks = [None, *sorted(transfers), None]
    tenures = [
        tenure(f"{index}-{number}", f"{weight}/{sum(weights)}", start, end)
        for index, (start, end) in enumerate(pairwise(marks))
        for number, weight in enumerate(weights)
    ]
    shares = shared(kilograms, *tenures)
    assert all(share >= 0 for share in shares.values())


TENURES = "parcel_id,holder,share,from,until\n"


def read(text: str) -> tuple[Tenure, ...]:
    return read_tenures(RawFile("tenures.csv", text.encode()), holders={"a", "b"})


def test_tenures_are_read_exactly() -> None:
    assert read(TENURES + "A,a,1/3,,2025-01-02\nA,b,0.25,1970-01-02,\n") == (
        Tenure("A", "a", Fraction(1, 3), None, 1_735_776_000),
        Tenure("A", "b", Fraction(1, 4), DAY, None),
    )


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("A,c,1,,", UnknownReference),
        ("A,a,0,,", OutOfRange),
        ("A,a,3/2,,", OutOfRange),
        ("A,a,half,,", OutOfRange),
        ("A,a,1/0,,", OutOfRange),
        ("A,a,1,2025-13-01,", OutOfRange),
        ("A,a,1,2025-02-01,2025-02-01", Contradiction),
    ],
)
def test_a_tenure_that_cannot_be_is_refused(row: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        read(TENURES + row + "\n")


def test_shares_name_parcel_and_holder() -> None:
    credits = (ParcelCredit("A", "pine", 1, "a", 9), ParcelCredit("B", "pine", 1, "b", 4))
    assert share_by_tenure(credits, [tenure("b")], period_start=START, period_end=END, source="t") == (
        ParcelShare("A", "b", 9),
        ParcelShare("B", "b", 4),
    )
