"""What a loan owes, held against the specification and the vectors that all languages share."""

import json
from pathlib import Path

import model
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.domain.pledges import Loan, PledgeState

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "liens.json"
HISTORIES = json.loads(VECTORS.read_text("utf-8"))["loans"]


@pytest.mark.parametrize("history", HISTORIES, ids=range(len(HISTORIES)))
def test_a_loan_owes_what_the_vectors_say(history) -> None:
    lent, scheduled = int(history["principal"]), history["instalments"]
    loan = Loan(lent, int(history["rate_bps"]), int(history["start"]))
    for step in history["steps"]:
        at, repaid = int(step["at"]), int(step["repaid"])
        now = loan.at(at)
        fallen_due = sum(int(each["amount"]) for each in scheduled if int(each["due_at"]) <= at)
        assert now.interest == int(step["interest"])
        assert now.principal + now.interest == int(step["debt"])
        assert now.due(lent, fallen_due) == int(step["due"])
        to_interest = min(repaid, now.interest)
        loan = loan.after(at, to_interest=to_interest, to_principal=repaid - to_interest)
        assert (loan.accrued, loan.interest_paid) == (int(step["accrued_scaled"]), int(step["interest_paid"]))
        assert lent - loan.principal == int(step["principal_repaid"])


@given(
    principal=st.integers(1, 10**15),
    rate_bps=st.integers(0, 10_000),
    steps=st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10_000)), max_size=8),
)
def test_a_loan_owes_what_the_specification_says(principal: int, rate_bps: int, steps: list[tuple[int, int]]) -> None:
    loan, expected, now = Loan(principal, rate_bps, 0), model.Loan(principal, rate_bps, (), 0), 0
    for seconds, part in steps:
        now += seconds
        amount = model.debt(expected, now) * part // 10_000
        to_interest = min(amount, loan.at(now).interest)
        loan = loan.after(now, to_interest=to_interest, to_principal=amount - to_interest)
        expected = model.repay(expected, amount, now)
        assert (loan.principal, loan.interest) == (model.outstanding(expected), model.interest(expected))


def test_every_state_has_its_words_in_both_languages() -> None:
    for state in PledgeState:
        assert state.words.en.isascii()
        assert not state.words.zh.isascii()
