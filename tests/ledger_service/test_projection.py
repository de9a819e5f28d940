"""What each event does to the books, held against the specification."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import model
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.chain.events import (
    AgreementPublished,
    Approval,
    Claimed,
    CreditsCancelled,
    CreditsRetired,
    CreditsReversed,
    Emitted,
    IncomeReceived,
    PeriodClosed,
    PublishedLeg,
    ShortfallMadeGood,
    ShortfallRecorded,
    Transfer,
    TransferBatch,
    TransferSingle,
)
from ledger_service.chain.lines import line_id
from ledger_service.domain.agreements import AgreementUnknown, LegKind, Line, Pot
from ledger_service.domain.books import CNY, Account, AccountKind, Asset, Block, EventId, credit_of
from ledger_service.domain.identifiers import ZERO_ADDRESS, Address, bytes32_of
from ledger_service.domain.units import Period
from ledger_service.projection import LineNeverPaid, Projection

ALICE, BOB, CLERK = (Address("0x" + digit * 40) for digit in "abc")
POT = Pot("rule", 1, Period.parse("2018-12"))


@dataclass
class Ledger:
    """Events in, balances out."""

    projection: Projection = field(default_factory=Projection)
    balances: Counter[tuple[Account, Asset]] = field(default_factory=Counter)
    count: int = 0

    def on(self, event: Any) -> None:
        self.count += 1
        emitted = Emitted(EventId(1, "0xb1", self.count), Block(1, "0xb1", 0), "0xtx", "Any", event)
        entry = self.projection.entry_of(emitted)
        if entry is not None:
            for posting in entry.postings:
                self.balances[posting.account, posting.asset] += posting.amount

    def publish(self, shares: list[int], version: int = 1) -> None:
        legs = tuple(PublishedLeg(LegKind.ACCOUNT, bps, CLERK, b"", b"", b"", b"", 0) for bps in shares)
        self.on(AgreementPublished(bytes32_of("rule"), version, 0, 0, 0, legs, CLERK))

    def receive(self, amount: int, pot: Pot = POT) -> None:
        received = self.projection.received(pot) + amount
        reference = bytes32_of(f"R-{self.count}")
        self.on(IncomeReceived(bytes32_of("rule"), pot.period.value, reference, pot.version, amount, received, CLERK))

    def close(self) -> None:
        self.on(PeriodClosed(bytes32_of("rule"), POT.period.value, CLERK))

    def owed(self, leg: int, pot: Pot = POT) -> int:
        return -self.balances[Account(AccountKind.LEG, str(Line(pot, leg))), CNY]

    def dust(self, pot: Pot = POT) -> int:
        return -self.balances[Account(AccountKind.DUST, str(pot)), CNY]


_shares = st.lists(st.integers(1, 9_999), max_size=4, unique=True).map(
    lambda cuts: [after - before for before, after in zip([0, *sorted(cuts)], [*sorted(cuts), 10_000], strict=True)]
)


def test_a_claim_from_a_line_that_never_received_income_is_refused() -> None:
    with pytest.raises(LineNeverPaid) as refused:
        Ledger().on(Claimed(b"\7" * 32, ALICE, 0, 1, 0, 1))
    assert refused.value.line == b"\7" * 32


def test_a_version_nobody_published_is_refused() -> None:
    ledger = Ledger()
    ledger.publish([10_000])
    with pytest.raises(AgreementUnknown) as refused:
        ledger.projection.line_income(Line(Pot("rule", 2, POT.period), 0))
    assert refused.value.key == "rule/2"


@given(shares=_shares, receipts=st.lists(st.integers(1, 10**12), max_size=8), closes=st.booleans())
def test_legs_are_credited_with_what_the_specification_says(
    shares: list[int], receipts: list[int], closes: bool
) -> None:
    ledger = Ledger()
    ledger.publish(shares)
    for amount in receipts:
        ledger.receive(amount)
    if closes:
        ledger.close()
    received = sum(receipts)
    owed = [ledger.owed(leg) for leg in range(len(shares))]
    assert owed == [model.leg_income(received, shares, leg, closed=closes) for leg in range(len(shares))]
    assert ledger.dust() == received - sum(owed)
    assert ledger.balances[Account(AccountKind.RECEIVED, str(POT)), CNY] == received


@given(shares=_shares, receipts=st.lists(st.integers(1, 10**6), min_size=1, max_size=6))
def test_chunks_of_income_leave_the_same_balances_as_one_sum(shares: list[int], receipts: list[int]) -> None:
    chunked, whole = Ledger(), Ledger()
    for ledger, amounts in ((chunked, receipts), (whole, [sum(receipts)])):
        ledger.publish(shares)
        for amount in amounts:
            ledger.receive(amount)
    assert +chunked.balances == +whole.balances
    assert -chunked.balances == -whole.balances


def test_closing_gives_the_dust_of_every_version_to_its_own_legs() -> None:
    ledger = Ledger()
    second = Pot("rule", 2, POT.period)
    other_month = Pot("rule", 1, Period.parse("2019-01"))
    ledger.publish([3_333, 6_667])
    ledger.receive(10)
    ledger.receive(10, other_month)
    ledger.publish([5_000, 5_000], version=2)
    ledger.receive(7, second)
    assert (ledger.dust(), ledger.dust(second), ledger.dust(other_month)) == (1, 1, 1)
    ledger.close()
    assert (ledger.dust(), ledger.dust(second), ledger.dust(other_month)) == (0, 0, 1)
    assert [ledger.owed(leg) for leg in (0, 1)] == [3, 7]
    assert [ledger.owed(leg, second) for leg in (0, 1)] == [3, 4]
    assert ledger.projection.is_closed(second)
    assert not ledger.projection.is_closed(other_month)


def test_a_claim_moves_its_amount_to_the_holder_and_the_lenders() -> None:
    ledger = Ledger()
    line = Line(POT, 1)
    ledger.publish([2_000, 8_000])
    ledger.receive(1_000)
    ledger.on(Claimed(line_id(line), ALICE, 3, 500, 300, 500))
    assert ledger.owed(1) == 300
    assert ledger.balances[Account(AccountKind.HOLDER, f"{line}/3", ALICE), CNY] == -200
    assert ledger.balances[Account(AccountKind.LENDERS, f"{line}/3", ALICE), CNY] == -300


def test_vouchers_come_from_the_bank_and_go_back_to_it() -> None:
    ledger = Ledger()
    bank, alice, bob = Account(AccountKind.BANK), *(Account(AccountKind.VOUCHER, owner=each) for each in (ALICE, BOB))
    ledger.on(Transfer(ZERO_ADDRESS, ALICE, 10))
    ledger.on(Transfer(ALICE, BOB, 4))
    ledger.on(Transfer(BOB, ZERO_ADDRESS, 3))
    assert [ledger.balances[account, CNY] for account in (bank, alice, bob)] == [7, -6, -1]


def test_several_batches_move_in_one_event() -> None:
    ledger = Ledger()
    ledger.on(TransferBatch(CLERK, ZERO_ADDRESS, ALICE, (1, 2, 1), (5, 7, 1)))
    ledger.on(TransferBatch(CLERK, ALICE, BOB, (1,), (2,)))
    held = {
        (owner, batch): -ledger.balances[Account(AccountKind.CREDITS, owner=owner), credit_of(batch)]
        for owner in (ALICE, BOB)
        for batch in (1, 2)
    }
    assert held == {(ALICE, 1): 4, (ALICE, 2): 7, (BOB, 1): 2, (BOB, 2): 0}
    assert ledger.balances[Account(AccountKind.MEASURED), credit_of(1)] == 6


def test_what_is_used_up_is_explained_and_every_batch_stays_whole() -> None:
    ledger = Ledger()
    hash_ = b"\1" * 32

    def burns(batch: int, owner: Address, quantity: int) -> None:
        ledger.on(TransferSingle(CLERK, owner, ZERO_ADDRESS, batch, quantity))

    for batch in (1, 2):
        ledger.on(TransferSingle(CLERK, ZERO_ADDRESS, ALICE, batch, 100))
        ledger.on(TransferSingle(CLERK, ZERO_ADDRESS, BOB, batch, 20))
    burns(1, ALICE, 10)
    assert ledger.balances[Account(AccountKind.USED_UP), credit_of(1)] == -10
    ledger.on(CreditsRetired(7, 1, ALICE, 10, 1, hash_, 0, 1, hash_, 10, ALICE))
    burns(1, ALICE, 5)
    ledger.on(CreditsCancelled(1, ALICE, hash_, 5, 11, 5, ALICE))
    ledger.on(CreditsReversed(1, hash_, hash_, 20, 101, 20, CLERK))
    burns(1, BOB, 20)
    ledger.on(ShortfallRecorded(1, hash_, hash_, 30, 30, 0, CLERK))
    burns(2, ALICE, 12)
    ledger.on(ShortfallMadeGood(1, 2, ALICE, 12, 1, 30, 12, 12, ALICE))

    def balance(kind: AccountKind, batch: int = 1, subject: str = "", owner: str = "") -> int:
        return ledger.balances[Account(kind, subject, owner), credit_of(batch)]

    assert balance(AccountKind.RETIRED, subject="7", owner=ALICE) == -10
    assert [balance(AccountKind.CANCELLED, batch, owner=ALICE) for batch in (1, 2)] == [-5, -12]
    assert (balance(AccountKind.REVERSED), balance(AccountKind.CREDITS, owner=ALICE)) == (-20, -85)
    assert (balance(AccountKind.SHORTFALL), balance(AccountKind.LOST)) == (18, -30)
    assert balance(AccountKind.MADE_GOOD, owner=ALICE) == 12
    assert [balance(AccountKind.USED_UP, batch) for batch in (1, 2)] == [0, 0]
    assert [balance(AccountKind.MEASURED, batch) for batch in (1, 2)] == [120, 120]


@pytest.mark.parametrize("event", [Transfer(ALICE, BOB, 0), Approval(ALICE, BOB, 2**256 - 1)])
def test_an_event_that_moves_nothing_makes_no_entry(event: Any) -> None:
    emitted = Emitted(EventId(1, "0xb1", 0), Block(1, "0xb1", 0), "0xtx", "CnyVoucher", event)
    assert Projection().entry_of(emitted) is None


def test_a_transfer_to_oneself_changes_no_balance() -> None:
    ledger = Ledger()
    ledger.on(Transfer(ALICE, ALICE, 5))
    assert set(ledger.balances.values()) == {0}
