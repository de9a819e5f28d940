"""From a pool's whole number to parcels and holders, conserved to the last unit, and to the leaves of a register."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from eth_utils.address import to_checksum_address
from numpy.typing import NDArray

from oracles.errors import InvalidMonitoring
from oracles.readings import Holder, Parcel
from pyo3_core import allocate

MICROGRAMS_PER_KILOGRAM = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ParcelCredit:
    """What one parcel contributes to the pool, in whole kg CO2e."""

    parcel: str
    stratum: str
    area_m2: int
    holder: str
    credited_kg: int


@dataclass(frozen=True, slots=True)
class HolderWeight:
    """One leaf of a share register.

    The weight is kg CO2e for carbon, fen of delivered value or kg of processed volume for a supply chain.
    """

    holder: str
    account: bytes
    weight: int

    @property
    def address(self) -> str:
        """The account as people and tools write it."""
        return to_checksum_address(self.account)


@dataclass(frozen=True, slots=True)
class RegisterColumns:
    """The leaves of a register in order, as the Rust core takes them: accounts `uint8[n, 20]`, weights `uint64[n]`."""

    accounts: NDArray[np.uint8]
    weights: NDArray[np.uint64]


def divide(
    credited_kg: int, parcels: Sequence[Parcel], rates_micrograms_per_m2: Mapping[str, int]
) -> tuple[ParcelCredit, ...]:
    """Divides a pool among parcels by area × rate of the stratum: floor, then one kg to each of the largest remainders.

    Parcels are taken in the order of their ids, which decides ties. The credits add up to exactly `credited_kg`.
    """
    ordered = sorted(parcels, key=lambda parcel: parcel.id)
    weights = [parcel.area_m2 * rates_micrograms_per_m2[parcel.stratum] for parcel in ordered]
    if credited_kg and sum(weights) >= 1 << 64:
        raise InvalidMonitoring(
            "小班面积之和超出登记册的范围", "the parcels together are larger than a register can hold"
        )
    shares = allocate(credited_kg, np.array(weights, dtype=np.uint64)).tolist() if credited_kg else [0] * len(ordered)
    assert sum(shares) == credited_kg
    return tuple(
        ParcelCredit(parcel.id, parcel.stratum, parcel.area_m2, parcel.holder, share)
        for parcel, share in zip(ordered, shares, strict=True)
    )


def sum_by_holder(parts: Sequence[tuple[str, int]], holders: Mapping[str, Holder]) -> tuple[HolderWeight, ...]:
    """One leaf per holder with a weight, in the order of accounts.

    A holder whose weight is zero owns nothing and has no leaf.
    """
    sums: dict[str, int] = {}
    for holder, weight in parts:
        sums[holder] = sums.get(holder, 0) + weight
    leaves = (HolderWeight(holder, holders[holder].account, weight) for holder, weight in sums.items() if weight)
    return tuple(sorted(leaves, key=lambda leaf: leaf.account))


def register_columns(leaves: Sequence[HolderWeight]) -> RegisterColumns:
    """The leaves as the buffers the Rust core reads without copying."""
    accounts = np.frombuffer(b"".join(leaf.account for leaf in leaves), dtype=np.uint8).reshape(len(leaves), 20)
    return RegisterColumns(accounts, np.array([leaf.weight for leaf in leaves], dtype=np.uint64))
