"""The executable specification itself: its refusals, its examples, and its hash against those of others."""

import hashlib
from itertools import pairwise

import model
import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

COOPERATIVE = b"\xc0" * 20
HOUSEHOLD = b"\x40" * 20
WIDOW = b"\x33" * 20

DAY = 86_400
SIGNED = 1_735_689_600


@pytest.fixture
def village() -> model.Register:
    """Three holders, so the last is promoted once."""
    return model.Register([model.Leaf(COOPERATIVE, 60), model.Leaf(HOUSEHOLD, 0), model.Leaf(WIDOW, 40)])


@pytest.fixture
def loan() -> model.Loan:
    """100,000.00 yuan at 4.35 % a year, a quarter of it due after 90 days and the rest after a year."""
    instalments = (model.Instalment(SIGNED + 90 * DAY, 2_500_000), model.Instalment(SIGNED + 365 * DAY, 7_500_000))
    return model.Loan(10_000_000, 435, instalments, SIGNED)


# SHARING


@pytest.mark.parametrize(
    ("numbers", "wrong"), [((-1, 0, 1, 1), -1), ((1, -2, 1, 1), -2), ((1, 0, -3, 1), -3), ((1, 0, 1, -4), -4)]
)
def test_negative_number_is_refused(numbers: tuple[int, int, int, int], wrong: int) -> None:
    with pytest.raises(model.AmountIsNegative) as refused:
        model.entitled_closed(*numbers)
    assert refused.value.value == wrong


def test_number_above_128_bits_is_refused_and_the_largest_is_not() -> None:
    with pytest.raises(model.AmountTooLarge) as refused:
        model.entitled_open(model.MAX_AMOUNT + 1, 1, 1)
    assert refused.value.value == model.MAX_AMOUNT + 1
    assert model.entitled_open(model.MAX_AMOUNT, model.MAX_AMOUNT, model.MAX_AMOUNT) == model.MAX_AMOUNT


def test_sharing_with_nobody_is_refused() -> None:
    with pytest.raises(model.TotalIsZero):
        model.entitled_open(100, 0, 0)
    with pytest.raises(model.TotalIsZero):
        model.entitled_closed(100, 0, 0, 0)


def test_slice_that_ends_above_its_total_is_refused() -> None:
    with pytest.raises(model.WeightAboveTotal) as refused:
        model.entitled_closed(100, 3, 2, 4)
    assert (refused.value.before, refused.value.weight, refused.value.total) == (3, 2, 4)
    assert model.entitled_closed(100, 2, 2, 4) == 50


@pytest.mark.parametrize("legs", [[], [9_999], [10_001], [3_000, 4_000, 3_001]])
def test_legs_that_are_not_the_whole_are_refused(legs: list[int]) -> None:
    with pytest.raises(model.LegsNotWhole) as refused:
        model.leg_income(100, legs, 0, closed=False)
    assert refused.value.total_bps == sum(legs)


def test_odd_fen_of_the_product_sale_wait_while_open_and_are_paid_once_closed() -> None:
    legs = [3_000, 4_000, 3_000]
    assert [model.leg_income(123_456_789, legs, leg, closed=False) for leg in range(3)] == [
        37_037_036,
        49_382_715,
        37_037_036,
    ]
    assert [model.leg_income(123_456_789, legs, leg, closed=True) for leg in range(3)] == [
        37_037_036,
        49_382_716,
        37_037_037,
    ]


@given(
    received=st.integers(0, 2**70),
    cuts=st.lists(st.integers(0, 10_000), max_size=3),
    weights=st.lists(st.integers(0, 2**66), min_size=1, max_size=6).filter(any),
    data=st.data(),
)
def test_figure_of_a_holder_never_falls_on_the_way_to_the_close(
    received: int, cuts: list[int], weights: list[int], data: st.DataObject
) -> None:
    ends = [0, *sorted(cuts), 10_000]
    legs = [end - begin for begin, end in pairwise(ends)]
    leg = data.draw(st.integers(0, len(legs) - 1))
    leg_closed = model.leg_income(received, legs, leg, closed=True)
    for holder, weight in enumerate(weights):
        figures = [
            model.holder_income(received, legs, leg, weights, holder, closed=False),
            model.entitled_open(leg_closed, weight, sum(weights)),
            model.holder_income(received, legs, leg, weights, holder, closed=True),
        ]
        assert figures == sorted(figures)


# REGISTERS


def test_account_of_another_length_is_refused() -> None:
    with pytest.raises(model.LengthMismatch) as refused:
        model.Leaf(b"\x01" * 19, 1)
    assert (refused.value.what, refused.value.expected, refused.value.actual) == ("account", 20, 19)


def test_leaf_of_nobody_is_refused() -> None:
    with pytest.raises(model.ZeroAccount) as refused:
        model.Register([model.Leaf(HOUSEHOLD, 1), model.Leaf(bytes(20), 1)])
    assert refused.value.index == 1


def test_register_without_weight_is_refused() -> None:
    with pytest.raises(model.TotalIsZero):
        model.Register([])
    with pytest.raises(model.TotalIsZero):
        model.Register([model.Leaf(HOUSEHOLD, 0), model.Leaf(WIDOW, 0)])


def test_register_whose_total_has_129_bits_is_refused() -> None:
    with pytest.raises(model.SumOverflow) as refused:
        model.Register([model.Leaf(HOUSEHOLD, 2**127), model.Leaf(WIDOW, 2**127)])
    assert (refused.value.left, refused.value.right) == (2**127, 2**127)
    assert model.Register([model.Leaf(HOUSEHOLD, 2**127), model.Leaf(WIDOW, 2**127 - 1)]).total == model.MAX_AMOUNT


@pytest.mark.parametrize("index", [3, -1])
def test_proof_of_a_leaf_that_is_not_there_is_refused(village: model.Register, index: int) -> None:
    with pytest.raises(model.NoSuchLeaf) as refused:
        village.proof(index)
    assert (refused.value.index, refused.value.count) == (index, 3)


@pytest.mark.parametrize(("first", "length", "named"), [(3, 1, 3), (-1, 2, -1), (0, 0, -1), (2, 2, 3), (0, 4, 3)])
def test_proof_of_a_run_that_is_not_all_there_is_refused(
    village: model.Register, first: int, length: int, named: int
) -> None:
    with pytest.raises(model.NoSuchLeaf) as refused:
        village.run_proof(first, length)
    assert (refused.value.index, refused.value.count) == (named, 3)


def test_total_of_zero_is_refused_even_with_a_proof() -> None:
    leaf = model.Leaf(HOUSEHOLD, 0)
    with pytest.raises(model.TotalIsZero):
        model.verify(model.leaf_node(leaf).hash, 1, 0, leaf, b"")


def test_root_of_a_single_leaf_is_its_hash_and_its_proof_is_empty() -> None:
    leaf = model.Leaf(HOUSEHOLD, 7)
    register = model.Register([leaf])
    assert register.root == model.leaf_node(leaf).hash
    assert model.verify(register.root, 1, 0, leaf, register.proof(0)) == (0, 7)


def test_promoted_leaf_has_a_proof_of_one_step(village: model.Register) -> None:
    assert [len(village.proof(index)) for index in range(3)] == [96, 96, 48]
    assert model.verify(village.root, 3, 2, village.leaves[2], village.proof(2)) == (60, 100)


def test_register_is_not_the_one_with_its_last_leaf_duplicated(village: model.Register) -> None:
    duplicated = model.Register([*village.leaves, village.leaves[-1]])
    assert duplicated.root != village.root


def test_statements_of_a_closed_register_add_up_to_the_income(village: model.Register) -> None:
    assert village.statements(99, closed=False) == [59, 0, 39]
    assert village.statements(99, closed=True) == [59, 0, 40]


# ALLOCATION


def test_allocating_among_nobody_is_refused() -> None:
    with pytest.raises(model.TotalIsZero):
        model.allocate(0, [0, 0])


def test_odd_kilogram_goes_to_the_largest_remainder() -> None:
    assert model.allocate(10, [15, 15, 70]) == [2, 1, 7]
    assert model.allocate(11, [10, 20, 25]) == [2, 4, 5]


# LIENS AND LOANS


def test_claim_that_lowers_the_figure_is_refused() -> None:
    with pytest.raises(model.IncomeFell) as refused:
        model.divert(2, 1, [])
    assert (refused.value.before, refused.value.after) == (2, 1)


def test_pledging_the_same_income_twice_is_refused() -> None:
    with pytest.raises(model.PledgedAboveWhole) as refused:
        model.divert(0, 100, [(6_000, 1, 1), (6_000, 1, 1)])
    assert refused.value.bps == 12_000


def test_junior_lien_takes_what_the_senior_one_is_not_due() -> None:
    assert model.divert(0, 100, [(6_000, 10, 10), (4_000, 100, 100)]) == ([10, 40], 50)


def test_junior_lien_gets_nothing_while_a_senior_one_is_in_arrears() -> None:
    """The senior is offered 10 and owed 50; the junior is offered 40 and owed 30."""
    assert model.divert(0, 100, [(1_000, 50, 0), (4_000, 30, 30)]) == ([10, 30], 60)
    assert model.divert(0, 100, [(1_000, 50, 20), (4_000, 30, 30)]) == ([20, 30], 50)
    assert model.divert(0, 100, [(1_000, 50, 50), (4_000, 30, 30)]) == ([50, 0], 50)


@given(
    claimed=st.integers(0, 10**6),
    liens=st.lists(st.tuples(st.integers(0, 1_250), st.integers(0, 10**6), st.integers(0, 10**6)), max_size=8),
)
def test_whoever_is_served_has_no_senior_in_arrears(claimed: int, liens: list[tuple[int, int, int]]) -> None:
    taken, rest = model.divert(0, claimed, liens)
    assert sum(taken) + rest == claimed
    for rank, amount in enumerate(taken):
        in_arrears = [min(due, arrears) > got for (_, due, arrears), got in zip(liens, taken, strict=True)]
        assert amount == 0 or not any(in_arrears[:rank])


@given(
    cuts=st.lists(st.integers(0, 10**12), min_size=2, max_size=12).map(sorted),
    bps=st.integers(0, 10_000),
)
def test_only_lien_gets_the_same_from_one_claim_as_from_many(cuts: list[int], bps: int) -> None:
    lien = [(bps, model.MAX_AMOUNT, 0)]
    taken = sum(model.divert(before, after, lien)[0][0] for before, after in pairwise(cuts))
    assert taken == model.divert(cuts[0], cuts[-1], lien)[0][0]


@given(
    before=st.integers(0, 10**9),
    claimed=st.integers(0, 10**6),
    shares=st.lists(st.integers(0, 10_000 // 8), min_size=1, max_size=8),
)
def test_liens_go_short_by_less_than_a_fen_each(before: int, claimed: int, shares: list[int]) -> None:
    liens = [(bps, model.MAX_AMOUNT, 0) for bps in shares]
    offered = [model.divert(before, before + claimed, [lien])[0][0] for lien in liens]
    taken, rest = model.divert(before, before + claimed, liens)
    assert sum(taken) + rest == claimed
    assert 0 <= sum(offered) - sum(taken) < len(liens)


def test_time_that_runs_back_is_refused(loan: model.Loan) -> None:
    with pytest.raises(model.TimeRunsBack) as refused:
        model.due(loan, SIGNED - 1)
    assert (refused.value.accrued_until, refused.value.now) == (SIGNED, SIGNED - 1)


def test_repayment_above_the_debt_is_refused(loan: model.Loan) -> None:
    with pytest.raises(model.RepaidAboveDebt) as refused:
        model.repay(loan, 10_000_001, SIGNED)
    assert (refused.value.amount, refused.value.debt) == (10_000_001, 10_000_000)
    assert model.debt(model.repay(loan, 10_000_000, SIGNED), SIGNED) == 0


def test_instalment_is_due_at_its_second_and_not_before(loan: model.Loan) -> None:
    assert model.due(loan, SIGNED + 90 * DAY - 1) == 107_260
    assert model.due(loan, SIGNED + 90 * DAY) == 107_260 + 2_500_000


def test_repayment_goes_to_the_interest_first(loan: model.Loan) -> None:
    repaid = model.repay(loan, 107_261, SIGNED + 90 * DAY)
    assert (repaid.interest_paid, repaid.principal_repaid) == (107_260, 1)
    assert model.due(repaid, SIGNED + 90 * DAY) == 2_499_999


def test_interest_of_a_year_is_the_annual_rate(loan: model.Loan) -> None:
    assert model.interest(model.accrue(loan, SIGNED + 365 * DAY)) == 435_000


def test_what_is_due_is_never_more_than_the_debt() -> None:
    overscheduled = model.Loan(100, 0, (model.Instalment(SIGNED, 150),), SIGNED)
    assert model.due(overscheduled, SIGNED) == 100


@given(steps=st.lists(st.tuples(st.integers(0, 400 * DAY), st.integers(0, 3_000_000)), max_size=8))
def test_interest_does_not_depend_on_how_often_it_is_looked_at(steps: list[tuple[int, int]]) -> None:
    looked_at = untouched = model.Loan(10_000_000, 435, (), SIGNED)
    now, repaid = SIGNED, 0
    for seconds, offered in steps:
        for second in range(now, now + seconds, max(1, seconds // 3)):
            looked_at = model.accrue(looked_at, second)
        now += seconds
        amount = min(offered, model.debt(untouched, now))
        looked_at, untouched = model.repay(looked_at, amount, now), model.repay(untouched, amount, now)
        repaid += amount
    assert looked_at == untouched
    assert untouched.interest_paid + untouched.principal_repaid == repaid


def test_periods_that_end_before_they_begin_are_refused() -> None:
    with pytest.raises(model.PeriodsReversed) as refused:
        model.free_bps([], 661, 660)
    assert (refused.value.first, refused.value.last) == (661, 660)


def test_liens_that_already_hold_more_than_the_whole_are_refused() -> None:
    with pytest.raises(model.PledgedAboveWhole) as refused:
        model.free_bps([(6_000, 660, 671), (4_001, 671, 680)], 660, 680)
    assert refused.value.bps == 10_001


def test_same_sixty_per_cent_cannot_be_pledged_twice_but_can_afterwards() -> None:
    liens = [(6_000, 660, 671)]
    assert model.free_bps(liens, 660, 671) == 4_000
    assert model.free_bps(liens, 671, 680) == 4_000
    assert model.free_bps(liens, 672, 680) == 10_000


# CREDITS


@pytest.fixture
def grove() -> model.CarbonProject:
    """1,000 kg in two batches, 10 % of each in the buffer."""
    project = model.CarbonProject(buffer_bps=1_000, yearly_maximum=365)
    project.issue(600, 600 * DAY)
    project.issue(400, 400 * DAY)
    return project


def test_a_round_above_what_the_land_can_gain_is_refused(grove: model.CarbonProject) -> None:
    with pytest.raises(model.Implausible) as refused:
        grove.issue(32, 32 * DAY - 1)
    assert (refused.value.value, refused.value.maximum) == (32, 31)


def test_more_than_is_tradable_is_not_used_up(grove: model.CarbonProject) -> None:
    with pytest.raises(model.AboveTradable) as refused:
        grove.batches[0].use_up(541, model.RETIRED)
    assert (refused.value.quantity, refused.value.tradable) == (541, 540)
    assert grove.batches[0].use_up(540, model.RETIRED) == 1


def test_more_than_is_short_is_not_made_good(grove: model.CarbonProject) -> None:
    first, second = grove.batches
    grove.reverse(105)
    with pytest.raises(model.AboveShortfall) as refused:
        grove.make_good(second, first, 6)
    assert (refused.value.quantity, refused.value.shortfall) == (6, 5)
    assert grove.make_good(second, first, 5) == 1
    assert (first.count(model.CANCELLED), second.open_shortfall) == (5, 0)


@given(steps=st.lists(st.tuples(st.integers(1, 200), st.integers(0, 500)), max_size=6))
def test_a_loss_is_conserved_and_falls_on_no_credit_twice(steps: list[tuple[int, int]]) -> None:
    project = model.CarbonProject(buffer_bps=1_000, yearly_maximum=10**6)
    for value, loss in steps:
        batch = project.issue(value, 365 * DAY)
        batch.use_up(1, model.RETIRED)
        project.reverse(loss)
    borne = [batch.count(model.REVERSED) + batch.shortfall for batch in project.batches]
    assert sum(borne) + project.deficit == sum(loss for _, loss in steps)
    assert all(lost <= len(batch.serials) for lost, batch in zip(borne, project.batches, strict=True))


# KECCAK


@given(st.binary(max_size=300))
def test_sponge_with_the_other_padding_is_sha3(data: bytes) -> None:
    assert model.sponge256(data, suffix=0x06) == hashlib.sha3_256(data).digest()


@given(st.binary(max_size=300))
def test_keccak_is_the_hash_of_ethereum(data: bytes) -> None:
    assert model.keccak256(data) == keccak(data)


def test_keccak_of_nothing_is_the_published_hash() -> None:
    assert model.keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
