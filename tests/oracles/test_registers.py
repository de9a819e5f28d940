"""A pool divided among parcels and holders: nothing is lost, nothing invented."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.errors import InvalidMonitoring
from oracles.readings import Holder, Parcel
from oracles.registers import HolderWeight, divide, register_columns, sum_by_holder
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
