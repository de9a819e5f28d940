"""The compiled core against the executable specification, on numbers that nobody chose."""

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import model
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import pyo3_core

U64 = 2**64 - 1
U128 = 2**128 - 1


def numbers(largest: int) -> st.SearchStrategy[int]:
    """Numbers of every size up to ``largest``, its neighbours and the powers of two among them."""
    bits = largest.bit_length()
    edges = [0, 1, largest - 1, largest, *(2**bit for bit in (31, 32, 63, 64, 65, 127) if bit < bits)]
    sized = st.integers(1, bits).flatmap(lambda size: st.integers(0, 2**size - 1))
    return st.one_of(st.sampled_from(edges), sized)


NARROW = numbers(U64)
WIDE = numbers(U128)
ANY = st.one_of(WIDE, st.sampled_from([-1, -U128, U128 + 1, 2**200]))
WEIGHTS = st.lists(NARROW, max_size=30)
LEAVES = st.lists(st.tuples(st.binary(min_size=20, max_size=20), NARROW), min_size=1, max_size=12).filter(
    lambda leaves: any(weight for _, weight in leaves) and all(any(account) for account, _ in leaves)
)


def outcome(rule: Callable[[], Any]) -> Any:
    """The answer of ``rule``, or the name and the facts of its refusal."""
    try:
        return rule()
    except (model.Refused, pyo3_core.CoreError) as refused:
        facts = {name: fact for name, fact in vars(refused).items() if name != "__notes__"}
        return type(refused).__name__, facts


def column(weights: list[int]) -> Any:
    return np.array(weights, np.uint64)


def registers(leaves: list[tuple[bytes, int]]) -> tuple[pyo3_core.Register, model.Register]:
    table = np.frombuffer(b"".join(account for account, _ in leaves), np.uint8).reshape(-1, 20)
    specified = model.Register([model.Leaf(account, weight) for account, weight in leaves])
    return pyo3_core.Register(table, column([weight for _, weight in leaves])), specified


@settings(max_examples=1_000)
@given(income=ANY, weight=ANY, total=ANY)
def test_open_figure_or_its_refusal_is_the_specified_one(income: int, weight: int, total: int) -> None:
    answer = outcome(lambda: pyo3_core.entitled_open(income, weight, total))
    assert answer == outcome(lambda: model.entitled_open(income, weight, total))


@settings(max_examples=1_000)
@given(income=ANY, before=ANY, weight=ANY, total=ANY)
def test_closed_figure_or_its_refusal_is_the_specified_one(income: int, before: int, weight: int, total: int) -> None:
    answer = outcome(lambda: pyo3_core.entitled_closed(income, before, weight, total))
    assert answer == outcome(lambda: model.entitled_closed(income, before, weight, total))


@settings(max_examples=1_000)
@given(income=WIDE, total=WIDE.filter(bool), data=st.data())
def test_figures_of_a_slice_are_the_specified_ones(income: int, total: int, data: st.DataObject) -> None:
    before = data.draw(st.integers(0, total))
    weight = data.draw(st.integers(0, total - before))
    entitled = pyo3_core.entitled_open(income, weight, total)
    final = pyo3_core.entitled_closed(income, before, weight, total)
    assert entitled == model.entitled_open(income, weight, total)
    assert final == model.entitled_closed(income, before, weight, total)
    assert entitled <= final <= entitled + 1


@settings(max_examples=500)
@given(income=NARROW, weights=WEIGHTS)
def test_shares_of_a_column_are_the_specified_ones(income: int, weights: list[int]) -> None:
    def specified() -> tuple[list[int], list[int]]:
        total = sum(weights)
        model.require_amounts(income)
        if total == 0:
            raise model.TotalIsZero
        slices = zip(weights, accumulate(weights), strict=True)
        return (
            [model.entitled_open(income, weight, total) for weight in weights],
            [model.entitled_closed(income, end - weight, weight, total) for weight, end in slices],
        )

    def computed() -> tuple[list[int], list[int]]:
        return (
            pyo3_core.shares(income, column(weights), closed=False).tolist(),
            pyo3_core.shares(income, column(weights), closed=True).tolist(),
        )

    assert outcome(computed) == outcome(specified)


@given(weights=WEIGHTS.filter(any), receipts=st.lists(st.integers(0, 2**60), max_size=6), data=st.data())
def test_open_shares_never_fall_and_do_not_depend_on_how_income_arrived(
    weights: list[int], receipts: list[int], data: st.DataObject
) -> None:
    """Everyone is paid what is new after each receipt, in whatever order and pieces the same income comes."""
    income = sum(receipts)
    cuts = sorted(data.draw(st.lists(st.integers(0, income), max_size=6)))
    expected = [model.entitled_open(income, weight, sum(weights)) for weight in weights]
    for steps in (accumulate(receipts), accumulate(data.draw(st.permutations(receipts))), [*cuts, income]):
        paid = np.zeros(len(weights), np.uint64)
        for received in steps:
            entitled = pyo3_core.shares(received, column(weights), closed=False)
            assert (entitled >= paid).all()
            paid += entitled - paid
        assert paid.tolist() == expected
    final = pyo3_core.shares(income, column(weights), closed=True)
    assert (final >= paid).all()
    assert sum(final.tolist()) == income


@settings(max_examples=500)
@given(amount=NARROW, weights=WEIGHTS)
def test_allocation_is_the_specified_one(amount: int, weights: list[int]) -> None:
    answer = outcome(lambda: pyo3_core.allocate(amount, column(weights)).tolist())
    assert answer == outcome(lambda: model.allocate(amount, weights))


@given(amount=st.integers(0, 100), weights=st.lists(st.sampled_from([0, 1, 2, 3]), max_size=12))
def test_allocation_with_many_ties_is_the_specified_one(amount: int, weights: list[int]) -> None:
    answer = outcome(lambda: pyo3_core.allocate(amount, column(weights)).tolist())
    assert answer == outcome(lambda: model.allocate(amount, weights))


@settings(max_examples=500)
@given(before=WIDE, after=WIDE, liens=st.lists(st.tuples(st.integers(0, 4_000), WIDE, WIDE), max_size=5))
def test_diversion_or_its_refusal_is_the_specified_one(
    before: int, after: int, liens: list[tuple[int, int, int]]
) -> None:
    answer = outcome(lambda: pyo3_core.divert(before, after, liens))
    assert answer == outcome(lambda: model.divert(before, after, liens))


@given(leaves=LEAVES, income=NARROW)
def test_register_is_the_specified_one(leaves: list[tuple[bytes, int]], income: int) -> None:
    computed, specified = registers(leaves)
    assert (computed.root, computed.total, computed.count) == (specified.root, specified.total, len(leaves))
    for index, leaf in enumerate(leaves):
        assert computed.leaf(index) == leaf
        assert computed.before(index) == specified.before(index)
        assert computed.proof(index) == specified.proof(index)
    for closed in (False, True):
        assert computed.statements(income, closed=closed).tolist() == specified.statements(income, closed=closed)


@settings(max_examples=300)
@given(leaves=LEAVES, data=st.data())
def test_claim_with_anything_changed_has_the_specified_outcome(
    leaves: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    register, _ = registers(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    account, weight = leaves[index]
    proof = register.proof(index)
    changed = data.draw(st.sampled_from(["root", "count", "index", "account", "weight", "proof", "sum", "length"]))
    claim: dict[str, Any] = {"root": register.root, "count": len(leaves), "index": index, "proof": proof}
    match changed:
        case "root":
            claim["root"] = data.draw(st.binary(min_size=32, max_size=32))
        case "count" | "index":
            claim[changed] = data.draw(st.one_of(st.integers(0, 16), NARROW))
        case "account":
            account = data.draw(st.binary(min_size=20, max_size=20))
        case "weight":
            weight = data.draw(WIDE)
        case "proof" if proof:
            at = data.draw(st.integers(0, len(proof) - 1))
            claim["proof"] = proof[:at] + bytes([proof[at] ^ data.draw(st.integers(1, 255))]) + proof[at + 1 :]
        case "sum" if proof:
            claim["proof"] = proof[:32] + data.draw(WIDE).to_bytes(16, "big") + proof[48:]
        case _:
            claim["proof"] = data.draw(st.binary(max_size=200))

    answer = outcome(lambda: pyo3_core.verify(**claim, account=account, weight=weight))
    assert answer == outcome(lambda: model.verify(**claim, leaf=model.Leaf(account, weight)))


@given(leaves=LEAVES, data=st.data())
def test_no_leaf_is_proven_where_it_is_not(leaves: list[tuple[bytes, int]], data: st.DataObject) -> None:
    register, _ = registers(leaves)
    everyone = st.integers(0, len(leaves) - 1)
    index, proven, claimed = data.draw(everyone), data.draw(everyone), data.draw(everyone)
    weight = data.draw(st.one_of(WIDE, st.just(leaves[claimed][1])))
    leaf = leaves[claimed][0], weight
    assume(leaves[index] != leaf)
    answer = outcome(lambda: pyo3_core.verify(register.root, len(leaves), index, *leaf, register.proof(proven)))
    assert answer[0] == "ProofRefused"
