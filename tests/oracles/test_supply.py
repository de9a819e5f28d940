"""Delivery slips to supply-chain weights: fen of value, kilograms of volume."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.errors import (
    Contradiction,
    Duplicate,
    InvalidMonitoring,
    InvalidRequest,
    InventoryError,
    MissingValue,
    NotANumber,
    NothingMeasured,
    OutOfRange,
    UnknownReference,
    UnknownUnit,
)
from oracles.evidence import RawFile
from oracles.quality import Flag
from oracles.supply import Role, Slip, SupplyWeights, read_slips, repeat_a_slip, weigh_supply, write_slips

HEADER = "slip_id,date,holder,role,quantity_kg,price_yuan_per_kg\n"
SLIPS = HEADER + (
    "D1,2025-01-31,farm-01,supplier,10.5,3.33\n"
    "D2,2025-02-01,farm-02,supplier,100,0.019\n"
    "D3,2025-01-05,farm-01,supplier,0.001,0.5\n"
    "D4,2025-03-01,mill-01,processor,99.9,\n"
    "D5,2025-03-02,mill-01,processor,0.9,\n"
)
HOLDERS = "holder,account\n" + "".join(
    f"{name},0x{byte * 20}\n" for name, byte in (("farm-01", "bb"), ("farm-02", "aa"), ("mill-01", "cc"))
)


@pytest.fixture
def weigh(csv_file: Callable[[str, str], Path]) -> Callable[..., SupplyWeights]:
    def weights(role: Role, *, slips: str = SLIPS, holders: str = HOLDERS) -> SupplyWeights:
        paths = (csv_file("slips.csv", slips), csv_file("holders.csv", holders))
        return weigh_supply(*paths, subject="mountain-tea", role=role)

    return weights


@pytest.mark.parametrize(
    ("row", "kind", "fact"),
    [
        ("D1,2025-02-03,farm-01,supplier,1,1", Duplicate, (7, "slip_id", "D1")),
        ("D6,2025-02-30,farm-01,supplier,1,1", OutOfRange, (7, "date", "2025-02-30")),
        ("D6,20250203,farm-01,supplier,1,1", OutOfRange, (7, "date", "20250203")),
        ("D6,2025-02-03,farm-01,buyer,1,1", UnknownReference, (7, "role", "buyer")),
        ("D6,2025-02-03,farm-01,supplier,1,", MissingValue, (7, "price_yuan_per_kg", "")),
        ("D6,2025-02-03,mill-01,processor,1,1", Contradiction, (7, "price_yuan_per_kg", "1")),
        ("D6,2025-02-03,farm-01,supplier,-1,1", OutOfRange, (7, "quantity_kg", "-1")),
        ("D6,2025-02-03,farm-01,supplier,1,0", OutOfRange, (7, "price_yuan_per_kg", "0")),
        ("D6,2025-02-03,farm-01,supplier,NaN,1", NotANumber, (7, "quantity_kg", "NaN")),
        ("D6,2025-02-03,farm-01,supplier,1_0,1", NotANumber, (7, "quantity_kg", "1_0")),
        ("D6,2025-02-03,farm-01,supplier,,1", MissingValue, (7, "quantity_kg", "")),
        ("D6,2025-02-03,,supplier,1,1", MissingValue, (7, "holder", "")),
    ],
)
def test_a_fault_in_a_slip_is_named(row: str, kind: type[InventoryError], fact: tuple[object, ...]) -> None:
    with pytest.raises(kind) as refused:
        read_slips(RawFile("slips.csv", f"{SLIPS}{row}\n".encode()))
    error = refused.value
    assert (error.row, error.column, error.value) == fact


def test_tonnes_are_not_taken_for_kilograms() -> None:
    with pytest.raises(UnknownUnit, match="quantity_t"):
        read_slips(RawFile("slips.csv", SLIPS.replace("quantity_kg", "quantity_t").encode()))


def test_a_holder_without_an_account_is_refused(weigh: Callable[..., SupplyWeights]) -> None:
    with pytest.raises(UnknownReference, match="slip D2") as refused:
        weigh(Role.SUPPLIER, holders=HOLDERS.replace("farm-02", "farm-09"))
    assert (refused.value.row, refused.value.value) == (3, "farm-02")


def test_a_role_without_slips_has_no_weights(weigh: Callable[..., SupplyWeights]) -> None:
    with pytest.raises(NothingMeasured, match="processor"):
        weigh(Role.PROCESSOR, slips=HEADER + "D1,2025-01-31,farm-01,supplier,10.5,3.33\n")


def test_weights_that_do_not_add_up_cannot_exist(weigh: Callable[..., SupplyWeights]) -> None:
    with pytest.raises(InvalidMonitoring):
        replace(weigh(Role.SUPPLIER), total=1)


def test_suppliers_weigh_by_fen_of_value_rounded_down_per_slip(weigh: Callable[..., SupplyWeights]) -> None:
    """10.5 kg at 3.33 yuan is 3,496.5 fen: 3,496. 100 kg at 0.019 yuan is 190 fen. 1 g at half a yuan is nothing."""
    weights = weigh(Role.SUPPLIER)
    assert [(leaf.holder, leaf.weight) for leaf in weights.holders] == [("farm-02", 190), ("farm-01", 3_496)]
    assert (weights.total, weights.slips, weights.role.unit) == (3_686, 3, "fen")


def test_processors_weigh_by_kilograms_rounded_down_per_slip(weigh: Callable[..., SupplyWeights]) -> None:
    weights = weigh(Role.PROCESSOR)
    assert [(leaf.holder, leaf.weight) for leaf in weights.holders] == [("mill-01", 99)]
    assert weights.role.unit == "kg"
    assert weights.methodology_digest != weigh(Role.SUPPLIER).methodology_digest


def test_the_period_runs_from_the_first_slip_to_the_day_after_the_last(weigh: Callable[..., SupplyWeights]) -> None:
    weights = weigh(Role.SUPPLIER)
    assert (weights.period_start, weights.period_end) == (1_736_035_200, 1_738_454_400)
    assert weights.observed_at == weights.period_end
    assert "2025-01-05" in weights.explain()[0]
    assert "2025-02-02" in weights.explain()[0]


@given(st.decimals("0.001", 10**6, places=3, allow_nan=False), st.decimals("0.01", 10**4, places=2, allow_nan=False))
def test_a_slip_loses_less_than_a_fen(quantity: Decimal, price: Decimal) -> None:
    slip = Slip(2, "D1", date(2025, 1, 1), "farm-01", Role.SUPPLIER, quantity, price)
    assert 0 <= Fraction(quantity) * Fraction(price) * 100 - slip.weight < 1


def test_generated_slips_are_labelled_and_the_same_for_a_seed(tmp_path: Path, accounts: tuple[str, ...]) -> None:
    one = write_slips(tmp_path / "one", seed=3, accounts=accounts[:52])
    two = write_slips(tmp_path / "two", seed=3, accounts=accounts[:52])
    assert one.slips.read_bytes() == two.slips.read_bytes()
    assert "SYNTHETIC" in one.readme.read_text(encoding="utf-8")
    assert hashlib.sha256(one.slips.read_bytes()).hexdigest()[:16] == "02cc2e24a7c5707a"
    suppliers = weigh_supply(one.slips, one.holders, subject="mountain-tea", role=Role.SUPPLIER)
    processors = weigh_supply(one.slips, one.holders, subject="mountain-tea", role=Role.PROCESSOR)
    assert (len(suppliers.holders), len(processors.holders)) == (40, 12)
    assert suppliers.evidence_root == processors.evidence_root
    for weights in (suppliers, processors):
        assert weights.period_end == 1_751_328_000, "2025-07-01, the day after the last day"
    columns = suppliers.register_columns()
    assert columns.accounts.shape == (40, 20)
    assert int(columns.weights.sum()) == suppliers.total


def test_generated_slips_need_an_account_for_everybody(tmp_path: Path, accounts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest, match="52 accounts are needed, 51 are given"):
        write_slips(tmp_path, seed=3, accounts=accounts[:51])


def test_a_delivery_in_two_equal_halves_is_found_and_changes_no_weight(
    tmp_path: Path, accounts: tuple[str, ...]
) -> None:
    files = write_slips(tmp_path, seed=3, accounts=accounts[:52])

    def weigh() -> SupplyWeights:
        return weigh_supply(files.slips, files.holders, subject="mountain-tea", role=Role.SUPPLIER)

    clean = weigh()
    repeat_a_slip(files)
    faulty = weigh()
    assert (clean.qc_flags, faulty.qc_flags) == (0, Flag.DUPLICATE)
    assert faulty.slips == clean.slips + 1
    assert faulty.holders == clean.holders
    assert faulty.refusal is None
    policy = tmp_path / "policy.toml"
    policy.write_text('refuse = ["duplicate"]\n', encoding="utf-8")
    refused = weigh_supply(files.slips, files.holders, subject="mountain-tea", role=Role.SUPPLIER, policy=policy)
    assert refused.explain() == (*faulty.explain(), refused.refusal)
    assert refused.holders == faulty.holders
