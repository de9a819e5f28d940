"""What a loan owes, held against the specification and the vectors that all languages share."""

import json
from pathlib import Path

import model
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.domain.pledges import Loan, PledgeReason, PledgeState

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "liens.json"
HISTORIES = json.loads(VECTORS.read_text("utf-8"))["loans"]


@pytest.mark.parametrize("history", HISTORIES, ids=range(len(HISTORIES)))
def test_a_loan_owes_what_the_vectors_say(history) -> None:
    lent = int(history["principal"])
    schedule = tuple((int(each["due_at"]), int(each["amount"])) for each in history["instalments"])
    loan = Loan(lent, int(history["rate_bps"]), int(history["start"]), schedule, int(history["overdue_rate_bps"]))
    for step in history["steps"]:
        at = int(step["at"])
        now = loan.at(at)
        assert (now.interest, now.debt) == (int(step["interest"]), int(step["debt"]))
        assert (now.arrears, now.due) == (int(step["arrears"]), int(step["due"]))
        loan = _repaid(loan.charged(at, int(step["charged"])), int(step["repaid"]), at)
        assert (loan.accrued, loan.billed) == (int(step["accrued_scaled"]), int(step["billed"]))
        assert (loan.interest_paid, loan.costs) == (int(step["interest_paid"]), int(step["costs"]))
        assert lent - loan.principal == int(step["principal_repaid"])


def _repaid(loan: Loan, amount: int, at: int) -> Loan:
    """Pays as the contract does: costs, billed interest, overdue principal, other interest, other principal."""
    loan = loan.at(at)
    billed = max(0, loan.billed - loan.interest_paid)
    parts = (
        loan.costs,
        billed,
        loan.overdue_principal,
        loan.interest - billed,
        loan.principal - loan.overdue_principal,
    )
    paid = []
    for part in parts:
        paid.append(min(part, amount))
        amount -= paid[-1]
    return loan.after(at, to_costs=paid[0], to_interest=paid[1] + paid[3], to_principal=paid[2] + paid[4])


@given(
    principal=st.integers(1, 10**15),
    rate_bps=st.integers(0, 10_000),
    overdue_rate_bps=st.integers(0, 10_000),
    instalments=st.lists(st.tuples(st.integers(1, 3 * 10**8), st.integers(0, 10**15)), max_size=4),
    steps=st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 1_000), st.integers(0, 10_000)), max_size=8),
)
def test_a_loan_owes_what_the_specification_says(principal, rate_bps, overdue_rate_bps, instalments, steps) -> None:
    schedule = tuple(sorted(instalments))
    loan = Loan(principal, rate_bps, 0, schedule, overdue_rate_bps)
    expected = model.Loan(principal, rate_bps, tuple(model.Instalment(*each) for each in schedule), 0, overdue_rate_bps)
    now = 0
    for seconds, costs, part in steps:
        now += seconds
        loan, expected = loan.charged(now, costs), model.charge(expected, costs, now)
        amount = model.debt(expected, now) * part // 10_000
        loan, expected = _repaid(loan, amount, now), model.repay(expected, amount, now)
        owed = model.parts(expected, now)
        assert (loan.debt, loan.due, loan.arrears) == (owed.total, owed.due, owed.arrears)


def test_every_state_has_its_words_in_both_languages() -> None:
    for state in PledgeState:
        assert state.words.en.isascii()
        assert not state.words.zh.isascii()


def test_every_reason_has_its_words_in_both_languages() -> None:
    for reason in PledgeReason:
        assert reason.words.en.isascii()
        assert not reason.words.zh.isascii()
    assert PledgeReason(0).words.en == "good"
    assert (PledgeReason.DELINQUENT | PledgeReason.DISPUTED).words.en == "delinquent, disputed"
