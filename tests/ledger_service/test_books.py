"""An entry that exists is balanced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.domain.books import (
    CNY,
    MAX_POSTING,
    Account,
    AccountKind,
    Asset,
    Entry,
    EntryEmpty,
    EventId,
    Posting,
    PostingOutOfRange,
    Unbalanced,
    batch_of,
    credit_of,
)

SOURCE = EventId(1, "0xb1", 0)
BANK = Account(AccountKind.BANK)
HOLDER = Account(AccountKind.VOUCHER, owner="0xa1")


def test_entry_whose_postings_do_not_add_up_is_refused() -> None:
    with pytest.raises(Unbalanced) as refused:
        Entry(SOURCE, (Posting(HOLDER, CNY, -100), Posting(BANK, CNY, 99)))
    assert refused.value.totals == {CNY: -1}


def test_entry_that_balances_only_across_assets_is_refused() -> None:
    with pytest.raises(Unbalanced) as refused:
        Entry(SOURCE, (Posting(HOLDER, CNY, -100), Posting(BANK, credit_of(1), 100)))
    assert refused.value.totals == {CNY: -100, credit_of(1): 100}


def test_entry_without_postings_is_refused() -> None:
    with pytest.raises(EntryEmpty) as refused:
        Entry(SOURCE, ())
    assert refused.value.source == SOURCE


@pytest.mark.parametrize("amount", [0, MAX_POSTING + 1, -MAX_POSTING - 1])
def test_posting_of_nothing_or_of_more_than_the_books_hold_is_refused(amount: int) -> None:
    with pytest.raises(PostingOutOfRange) as refused:
        Posting(BANK, CNY, amount)
    assert (refused.value.account, refused.value.amount) == (BANK, amount)


@pytest.mark.parametrize("amount", [1, -1, MAX_POSTING, -MAX_POSTING])
def test_posting_at_the_limit_is_kept(amount: int) -> None:
    assert Posting(BANK, CNY, amount).amount == amount


_amounts = st.integers(-(10**12), 10**12).filter(bool)
_assets = st.sampled_from([CNY, credit_of(1), credit_of(2)])


@given(st.lists(st.tuples(_assets, _amounts), min_size=1, max_size=8))
def test_an_entry_exists_exactly_when_it_balances(amounts: list[tuple[Asset, int]]) -> None:
    postings = tuple(Posting(BANK, asset, amount) for asset, amount in amounts)
    totals = {asset: sum(amount for of, amount in amounts if of == asset) for asset, _ in amounts}
    if any(totals.values()):
        with pytest.raises(Unbalanced) as refused:
            Entry(SOURCE, postings)
        assert refused.value.totals == {asset: total for asset, total in totals.items() if total}
    else:
        assert Entry(SOURCE, postings).postings == postings


def test_an_account_reads_from_what_it_counts_to_whose_it_is() -> None:
    assert str(BANK) == "bank"
    assert (
        str(Account(AccountKind.HOLDER, "carbon-pool/1/2018-12/1/0", "0xa1")) == "holder:carbon-pool/1/2018-12/1/0:0xa1"
    )


def test_an_asset_of_credits_knows_its_batch() -> None:
    assert batch_of(credit_of(12)) == 12
