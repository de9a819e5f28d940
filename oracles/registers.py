"""From a pool's whole number to parcels and holders, conserved to the last unit, and to the leaves of a register."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from eth_utils.address import to_checksum_address
from numpy.typing import NDArray

from oracles.errors import Contradiction, InvalidMonitoring, UnknownReference
from oracles.readings import Holder, Parcel, Tenure
from oracles.times import utc_date
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
class ParcelShare:
    """What one holder gets of one parcel's credits, in whole kg CO2e."""

    parcel: str
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


def share_by_tenure(
    credits: Sequence[ParcelCredit], tenures: Sequence[Tenure], *, period_start: int, period_end: int, source: str
) -> tuple[ParcelShare, ...]:
    """Divides each parcel's credits among those who held it, by share and by the seconds they held it in the period.

    A parcel without tenures belongs to its holder alone, all the time. At every second of the period the shares of a
    parcel are exactly one: a gap or an overlap is refused, never spread. Each share is rounded down, left-over
    kilograms go to the largest remainders, ties to the first holder by name; a parcel's kilograms are conserved.
    """
    by_parcel: dict[str, list[Tenure]] = {}
    for tenure in tenures:
        by_parcel.setdefault(tenure.parcel, []).append(tenure)
    if unknown := sorted(by_parcel.keys() - {credit.parcel for credit in credits}):
        raise UnknownReference(
            "没有这个小班", "tenures of a parcel that is not listed", file=source, column="parcel_id", value=unknown[0]
        )
    shares = []
    for credit in credits:
        held = by_parcel.get(credit.parcel)
        if held is None:
            shares.append(ParcelShare(credit.parcel, credit.holder, credit.credited_kg))
            continue
        weights = _seconds_held(credit.parcel, held, period_start, period_end, source)
        total = period_end - period_start
        exact = {holder: credit.credited_kg * weight / total for holder, weight in sorted(weights.items())}
        whole = {holder: math.floor(share) for holder, share in exact.items()}
        left = credit.credited_kg - sum(whole.values())
        for holder in sorted(exact, key=lambda name: (whole[name] - exact[name], name))[:left]:
            whole[holder] += 1
        assert sum(whole.values()) == credit.credited_kg
        shares += [ParcelShare(credit.parcel, holder, share) for holder, share in whole.items()]
    return tuple(shares)


def _seconds_held(
    parcel: str, tenures: Sequence[Tenure], period_start: int, period_end: int, source: str
) -> dict[str, Fraction]:
    """Share × seconds of each holder within the period; refuses any second at which the shares are not one."""
    inside = [
        (
            period_start if tenure.start is None else max(tenure.start, period_start),
            period_end if tenure.end is None else min(tenure.end, period_end),
            tenure,
        )
        for tenure in tenures
    ]
    inside = [entry for entry in inside if entry[0] < entry[1]]
    marks = sorted({period_start, period_end, *(mark for start, end, _ in inside for mark in (start, end))})
    weights: dict[str, Fraction] = {}
    for begin, finish in pairwise(marks):
        held = [tenure for start, end, tenure in inside if start <= begin < end]
        together = sum((tenure.share for tenure in held), Fraction(0))
        if together != 1:
            raise Contradiction(
                f"小班 {parcel} 自 {utc_date(begin)} 起的份额合计 {together}，应为 1",
                f"the shares of parcel {parcel} from {utc_date(begin)} add up to {together}, not to 1",
                file=source,
                column="share",
            )
        for tenure in held:
            weights[tenure.holder] = weights.get(tenure.holder, Fraction(0)) + tenure.share * (finish - begin)
    return weights


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
