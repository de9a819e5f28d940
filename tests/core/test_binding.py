"""What Python sees of the compiled core: its refusals by name and value, its shapes and types, its manual."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import model
import numpy as np
import pytest
from numpy.typing import NDArray

import pyo3_core
from pyo3_core import Register, allocate, divert, entitled_closed, entitled_open, shares, verify

COOPERATIVE = b"\xc0" * 20
HOUSEHOLD = b"\x40" * 20
WIDOW = b"\x33" * 20

U64 = 2**64 - 1
U128 = 2**128 - 1


def weights(*numbers: int) -> NDArray[np.uint64]:
    return np.array(numbers, np.uint64)


def accounts(*owners: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(owners), np.uint8).reshape(-1, 20)


@pytest.fixture
def village() -> Register:
    """Three holders, so the last is promoted once."""
    return Register(accounts(COOPERATIVE, HOUSEHOLD, WIDOW), weights(60, 0, 40))


# NUMBERS


@pytest.mark.parametrize(
    "call",
    [
        lambda wrong: entitled_open(wrong, 1, 1),
        lambda wrong: entitled_open(1, wrong, 1),
        lambda wrong: entitled_open(1, 1, wrong),
        lambda wrong: entitled_closed(wrong, 0, 1, 1),
        lambda wrong: entitled_closed(1, wrong, 1, 1),
        lambda wrong: entitled_closed(1, 0, wrong, 1),
        lambda wrong: entitled_closed(1, 0, 1, wrong),
        lambda wrong: divert(wrong, 1, []),
        lambda wrong: divert(0, wrong, []),
        lambda wrong: divert(0, 1, [(1, wrong, 0)]),
        lambda wrong: verify(bytes(32), 1, 0, HOUSEHOLD, wrong, b""),
    ],
)
def test_number_outside_128_bits_is_refused(call: Callable[[int], object]) -> None:
    with pytest.raises(pyo3_core.AmountIsNegative, match="-1 is negative") as negative:
        call(-1)
    assert negative.value.value == -1
    with pytest.raises(pyo3_core.AmountTooLarge, match="340282366920938463463374607431768211456") as large:
        call(U128 + 1)
    assert large.value.value == U128 + 1


@pytest.mark.parametrize(
    "call",
    [
        lambda _, wrong: shares(wrong, weights(1), closed=True),
        lambda _, wrong: allocate(wrong, weights(1)),
        lambda _, wrong: divert(0, 1, [(wrong, 1, 1)]),
        lambda _, wrong: verify(bytes(32), wrong, 0, HOUSEHOLD, 1, b""),
        lambda _, wrong: verify(bytes(32), 1, wrong, HOUSEHOLD, 1, b""),
        lambda village, wrong: village.leaf(wrong),
        lambda village, wrong: village.before(wrong),
        lambda village, wrong: village.proof(wrong),
        lambda village, wrong: village.statements(wrong, closed=False),
    ],
)
def test_number_outside_64_bits_is_refused(call: Callable[[Register, int], object], village: Register) -> None:
    with pytest.raises(pyo3_core.AmountIsNegative, match="-1 is negative") as negative:
        call(village, -1)
    assert negative.value.value == -1
    with pytest.raises(pyo3_core.AmountTooLarge, match="18446744073709551616 does not fit in 64 bits") as large:
        call(village, U64 + 1)
    assert large.value.value == U64 + 1


@pytest.mark.parametrize("number", [1.0, "1", None, b"1"])
def test_what_is_not_an_integer_is_refused(number: Any) -> None:
    with pytest.raises(TypeError):
        entitled_open(number, 1, 1)
    with pytest.raises(TypeError):
        shares(number, weights(1), closed=True)


def test_largest_numbers_are_answered() -> None:
    assert entitled_open(U128, U128, U128) == U128
    assert entitled_closed(U128, U128 - 1, 1, U128) == 1
    assert shares(U64, weights(U64), closed=True).tolist() == [U64]
    assert allocate(U64, weights(U64, U64)).tolist() == [2**63, 2**63 - 1]


# COLUMNS


@pytest.mark.parametrize(
    ("column", "given"),
    [
        (np.array([1, 2], np.int64), "a C-contiguous 1-dimensional array of int64"),
        (np.array([1, 2], np.float64), "a C-contiguous 1-dimensional array of float64"),
        (np.array([1, 2], ">u8"), "a C-contiguous 1-dimensional array of >u8"),
        (np.array([[1, 2]], np.uint64), "a C-contiguous 2-dimensional array of uint64"),
        (np.array([1, 2, 3, 4], np.uint64)[::2], "a scattered 1-dimensional array of uint64"),
        ([1, 2], "<class 'list'>"),
    ],
)
def test_column_of_another_kind_is_refused(column: Any, given: str) -> None:
    expected = f"expected a C-contiguous 1-dimensional array of uint64, got {given}"
    for call in (
        lambda: shares(100, column, closed=True),
        lambda: allocate(100, column),
        lambda: Register(accounts(HOUSEHOLD, WIDOW), column),
    ):
        with pytest.raises(TypeError) as refused:
            call()
        assert str(refused.value) == expected


def test_transposed_accounts_are_refused_and_not_read_in_the_wrong_order() -> None:
    table = np.asfortranarray(accounts(HOUSEHOLD, WIDOW))
    with pytest.raises(TypeError, match="got a scattered 2-dimensional array of uint8"):
        Register(table, weights(1, 2))


def test_columns_that_may_not_be_written_are_read() -> None:
    column = weights(1, 2)
    column.flags.writeable = False
    assert shares(3, column, closed=True).tolist() == [1, 2]


def test_stage_must_be_named(village: Register) -> None:
    with pytest.raises(TypeError):
        shares(1, weights(1), True)  # type: ignore[misc]
    with pytest.raises(TypeError):
        village.statements(1, True)  # type: ignore[misc]
    with pytest.raises(TypeError):
        shares(1, weights(1))  # type: ignore[call-arg]


@pytest.mark.parametrize("column", [weights(), weights(0), weights(0, 0)])
def test_sharing_with_nobody_is_refused(column: NDArray[np.uint64]) -> None:
    for call in (
        lambda: shares(100, column, closed=False),
        lambda: shares(100, column, closed=True),
        lambda: allocate(100, column),
        lambda: entitled_open(100, 0, 0),
        lambda: entitled_closed(100, 0, 0, 0),
    ):
        with pytest.raises(pyo3_core.TotalIsZero, match="the total of the weights is zero"):
            call()


def test_slice_that_ends_above_its_total_is_refused() -> None:
    with pytest.raises(pyo3_core.WeightAboveTotal) as refused:
        entitled_closed(100, 3, 2, 4)
    assert (refused.value.before, refused.value.weight, refused.value.total) == (3, 2, 4)
    with pytest.raises(pyo3_core.WeightAboveTotal) as refused:
        entitled_open(100, 5, 4)
    assert (refused.value.before, refused.value.weight, refused.value.total) == (0, 5, 4)
    assert entitled_closed(100, 2, 2, 4) == 50


def test_shares_and_allocated_amounts_are_columns_of_uint64() -> None:
    column = weights(1, 1, 1)
    for amounts in (shares(100, column, closed=False), shares(100, column, closed=True), allocate(100, column)):
        assert amounts.dtype == np.uint64
        assert amounts.shape == (3,)
    assert shares(100, column, closed=False).tolist() == [33, 33, 33]
    assert shares(100, column, closed=True).tolist() == [33, 33, 34]
    assert allocate(100, column).tolist() == [34, 33, 33]


# LIENS


def test_claim_that_lowers_the_figure_is_refused() -> None:
    with pytest.raises(pyo3_core.IncomeFell) as refused:
        divert(2, 1, [])
    assert (refused.value.before, refused.value.after) == (2, 1)


def test_pledging_the_same_income_twice_is_refused() -> None:
    with pytest.raises(pyo3_core.PledgedAboveWhole) as refused:
        divert(0, 100, [(6_000, 1, 1), (4_001, 1, 1)])
    assert refused.value.bps == 10_001


def test_senior_lien_is_served_first_and_the_rest_goes_to_the_holder() -> None:
    assert divert(0, 100, [(6_000, 60, 0), (4_000, 30, 0)]) == ([60, 30], 10)


# REGISTERS


def test_register_of_accounts_of_another_length_is_refused() -> None:
    with pytest.raises(pyo3_core.LengthMismatch) as refused:
        Register(np.ones((2, 21), np.uint8), weights(1, 2))
    assert (refused.value.what, refused.value.expected, refused.value.actual) == ("account", 20, 21)


def test_register_with_fewer_weights_than_accounts_is_refused() -> None:
    with pytest.raises(pyo3_core.LengthMismatch) as refused:
        Register(accounts(HOUSEHOLD, WIDOW), weights(1))
    assert (refused.value.what, refused.value.expected, refused.value.actual) == ("weights", 2, 1)


def test_register_with_a_leaf_of_nobody_is_refused() -> None:
    with pytest.raises(pyo3_core.ZeroAccount) as refused:
        Register(accounts(HOUSEHOLD, bytes(20)), weights(1, 2))
    assert refused.value.index == 1


@pytest.mark.parametrize("owners", [(), (HOUSEHOLD,), (HOUSEHOLD, WIDOW)])
def test_register_without_weight_is_refused(owners: tuple[bytes, ...]) -> None:
    with pytest.raises(pyo3_core.TotalIsZero):
        Register(accounts(*owners), weights(*(0 for _ in owners)))


def test_leaf_just_behind_the_last_is_refused(village: Register) -> None:
    for call in (village.leaf, village.before, village.proof):
        with pytest.raises(pyo3_core.NoSuchLeaf) as refused:
            call(3)
        assert (refused.value.index, refused.value.count) == (3, 3)
    assert village.leaf(2) == (WIDOW, 40)


@pytest.mark.parametrize(("first", "length"), [(0, 0), (3, 0), (0, 4), (1, 3), (3, 1), (2**64 - 1, 1), (1, 2**64 - 1)])
def test_run_that_is_not_all_in_the_register_is_refused(village: Register, first: int, length: int) -> None:
    with pytest.raises(pyo3_core.NoSuchLeaf) as refused:
        village.run_proof(first, length)
    assert refused.value.count == 3


def test_proof_of_all_is_empty_and_that_of_one_is_its_own(village: Register) -> None:
    assert village.run_proof(0, 3) == b""
    assert [village.run_proof(index, 1) for index in range(3)] == [village.proof(index) for index in range(3)]


def test_register_cannot_be_changed(village: Register) -> None:
    with pytest.raises(AttributeError):
        village.total = 1  # type: ignore[misc]


def test_register_does_not_follow_its_columns_when_they_change() -> None:
    column = weights(60, 0, 40)
    register = Register(accounts(COOPERATIVE, HOUSEHOLD, WIDOW), column)
    column[0] = 99
    assert register.leaf(0) == (COOPERATIVE, 60)
    assert register.total == 100


def test_register_proves_each_of_its_leaves(village: Register) -> None:
    assert (len(village), village.count, village.total) == (3, 3, 100)
    assert [village.before(index) for index in range(3)] == [0, 60, 60]
    assert [len(village.proof(index)) for index in range(3)] == [96, 96, 48]
    for index in range(3):
        account, weight = village.leaf(index)
        before, total = verify(village.root, 3, index, account, weight, village.proof(index))
        assert (before, total) == (village.before(index), 100)


def test_statements_are_columns_of_uint64(village: Register) -> None:
    held_back, paid = village.statements(99, closed=False), village.statements(99, closed=True)
    assert (held_back.dtype, paid.dtype) == (np.uint64, np.uint64)
    assert held_back.tolist() == [59, 0, 39]
    assert paid.tolist() == [59, 0, 40]


# PROOFS


@pytest.mark.parametrize(
    ("changes", "reason", "value"),
    [
        ({"count": 0}, "count", 0),
        ({"count": 2**63 + 1}, "count", 2**63 + 1),
        ({"index": 3}, "index", 3),
        ({"proof": b""}, "length", 0),
        ({"proof": bytes(95)}, "length", 95),
        ({"proof": bytes(97)}, "length", 97),
        ({"proof": bytes(144)}, "length", 144),
        ({"proof": bytes(32) + b"\xff" * 16 + bytes(48)}, "sum", U128),
    ],
)
def test_proof_is_refused_for_its_reason(village: Register, changes: dict[str, Any], reason: str, value: int) -> None:
    claim: dict[str, Any] = {
        "root": village.root,
        "count": 3,
        "index": 0,
        "account": COOPERATIVE,
        "weight": 60,
        "proof": village.proof(0),
    }
    with pytest.raises(pyo3_core.ProofRefused) as refused:
        verify(**claim | changes)
    assert (refused.value.reason, refused.value.value) == (reason, value)
    assert str(refused.value) == f"the proof is refused for its {reason}: {value}"


def test_proof_that_leads_elsewhere_is_refused_with_where_it_leads(village: Register) -> None:
    twin = Register(accounts(COOPERATIVE, HOUSEHOLD, WIDOW), weights(60, 1, 40))
    with pytest.raises(pyo3_core.ProofRefused) as refused:
        verify(village.root, 3, 2, WIDOW, 40, twin.proof(2))
    assert (refused.value.reason, refused.value.value) == ("root", twin.root)
    assert twin.root.hex() in str(refused.value)


@pytest.mark.parametrize(("what", "expected"), [("root", 32), ("account", 20)])
@pytest.mark.parametrize("excess", [-1, 1])
def test_root_or_account_of_another_length_is_refused(village: Register, what: str, expected: int, excess: int) -> None:
    claim: dict[str, Any] = {"root": village.root, "account": WIDOW} | {what: bytes(expected + excess)}
    with pytest.raises(pyo3_core.LengthMismatch) as refused:
        verify(count=3, index=2, weight=40, proof=village.proof(2), **claim)
    assert (refused.value.what, refused.value.expected, refused.value.actual) == (what, expected, expected + excess)


def test_total_of_zero_is_refused_even_with_a_proof() -> None:
    leaf = model.leaf_node(model.Leaf(HOUSEHOLD, 0))
    with pytest.raises(pyo3_core.TotalIsZero):
        verify(leaf.hash, 1, 0, HOUSEHOLD, 0, b"")


def test_weights_above_64_bits_are_verified() -> None:
    register = model.Register([model.Leaf(COOPERATIVE, U128 - 1), model.Leaf(HOUSEHOLD, 1)])
    assert verify(register.root, 2, 1, HOUSEHOLD, 1, register.proof(1)) == (U128 - 1, U128)


# THE MODULE


def test_every_refusal_of_the_core_has_the_name_it_has_in_the_specification() -> None:
    classes = {name: getattr(pyo3_core, name) for name in pyo3_core.__all__ if name[0].isupper()}
    refusals = {name for name, each in classes.items() if issubclass(each, pyo3_core.CoreError)} - {"CoreError"}
    assert refusals
    for name in refusals - {"NotARegister", "NullsInColumn"}:  # The specification knows no files, and no Arrow.
        assert issubclass(getattr(model, name), model.Refused)


def test_version_is_that_of_the_package() -> None:
    assert pyo3_core.__version__ == version("pyo3-core")


def test_stub_tells_the_truth() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "pyo3_core"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def unhurried_interpreter() -> Iterator[None]:
    """Threads are switched only when one lets the interpreter go by itself."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1_000)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("unhurried_interpreter")
@pytest.mark.parametrize("work", ["build", "shares", "statements", "allocate"])
def test_volume_is_done_without_the_interpreter(work: str) -> None:
    table = np.ones((100_000, 20), np.uint8)
    column = np.arange(1, 100_001, dtype=np.uint64)
    long_column = np.arange(1, 1_000_001, dtype=np.uint64)
    register = Register(table, column)
    call = {
        "build": lambda: Register(table, column),
        "shares": lambda: shares(U64, long_column, closed=True),
        "statements": lambda: [register.statements(U64, closed=True) for _ in range(10)],
        "allocate": lambda: allocate(U64, long_column),
    }[work]
    working = threading.Event()

    def worker() -> None:
        working.set()
        call()
        working.clear()

    # The main thread can run while the worker works only if the core lets the interpreter go.
    def seen_at_work() -> bool:
        thread = threading.Thread(target=worker)
        thread.start()
        seen = working.is_set()
        thread.join()
        return seen

    assert any(seen_at_work() for _ in range(20))
