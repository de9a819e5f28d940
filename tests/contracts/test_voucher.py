"""Vouchers: one unit is one fen in the bank, minted against what came in and burned against what went out."""

import pytest

from outcomes import announced, facts, refused
from world import DECEMBER, NOTHING, TECH_ENCLAVE, U64, U88, U256, ZERO, Kind, digest, text32

PAYEE = digest("salted bank account of the cooperative")
NO_REDEMPTION, REQUESTED, PAID, RETURNED = range(4)


@pytest.fixture
def funded(county, cooperative):
    """The cooperative holds ¥1.00."""
    county.fund(cooperative, 100)


@pytest.fixture
def requested(funded, voucher, cooperative):
    """¥0.60 of it wait in escrow as redemption 1."""
    voucher.requestRedemption(60, PAYEE, {"from": cooperative})


@pytest.fixture
def block(participants, operator):
    return lambda account: participants.setBlocked(account, True, digest("court order"), {"from": operator})


def test_the_voucher_has_two_decimals(voucher):
    assert (voucher.name(), voucher.symbol(), voucher.decimals()) == ("Gongsheng CNY voucher", "CNYV", 2)


# IN


def test_minting_fails_for_whoever_is_not_the_treasurer(voucher, operator, cooperative):
    with refused("AccessManagedUnauthorized", caller=operator):
        voucher.mint(cooperative, 1, text32("bank 1"), {"from": operator})


def test_minting_nothing_fails(voucher, treasurer, cooperative):
    with refused("AmountZero"):
        voucher.mint(cooperative, 0, text32("bank 1"), {"from": treasurer})


def test_minting_fails_without_a_bank_reference(voucher, treasurer, cooperative):
    with refused("ReferenceMissing"):
        voucher.mint(cooperative, 1, NOTHING, {"from": treasurer})


def test_a_bank_reference_mints_once(voucher, treasurer, cooperative, bank):
    voucher.mint(cooperative, 1, text32("bank 1"), {"from": treasurer})
    with refused("ReferenceUsed", bankReference=text32("bank 1")):
        voucher.mint(bank, 2, text32("bank 1"), {"from": treasurer})


def test_minting_fails_to_a_stranger(voucher, treasurer, auditor):
    with refused("NotAdmitted", account=auditor):
        voucher.mint(auditor, 1, text32("bank 1"), {"from": treasurer})


def test_minting_fails_to_a_blocked_participant(voucher, treasurer, cooperative, block):
    block(cooperative)
    with refused("NotAdmitted", account=cooperative):
        voucher.mint(cooperative, 1, text32("bank 1"), {"from": treasurer})


def test_nobody_stops_all_minting_with_a_block_of_the_zero_account(voucher, treasurer, cooperative, block):
    block(ZERO)
    voucher.mint(cooperative, 100, text32("bank 1"), {"from": treasurer})
    assert voucher.balanceOf(cooperative) == 100


def test_minting_fails_to_nobody(voucher, treasurer):
    with refused("ERC20InvalidReceiver", receiver=ZERO):
        voucher.mint(ZERO, 1, text32("bank 1"), {"from": treasurer})


def test_minting_fails_to_the_voucher_and_to_revenue(voucher, revenue, treasurer):
    for contract in (voucher, revenue):
        with refused("NotAdmitted", account=contract):
            voucher.mint(contract, 1, text32("bank 1"), {"from": treasurer})


def test_the_supply_never_exceeds_64_bits(voucher, treasurer, cooperative, bank):
    voucher.mint(bank, U64 - 1, text32("bank 1"), {"from": treasurer})
    with refused("AmountTooLarge", amount=U64 + 1, maximum=U64):
        voucher.mint(cooperative, 2, text32("bank 2"), {"from": treasurer})
    voucher.mint(cooperative, 1, text32("bank 2"), {"from": treasurer})
    assert voucher.totalSupply() == U64


def test_treasurer_mints_what_the_bank_received(voucher, treasurer, cooperative):
    deposit = voucher.mint(cooperative, 100, text32("bank 1"), {"from": treasurer})

    assert voucher.balanceOf(cooperative) == voucher.totalSupply() == 100
    assert voucher.isReferenceUsed(text32("bank 1"))
    assert not voucher.isReferenceUsed(text32("bank 2"))
    announced(deposit, "Minted", bankReference=text32("bank 1"), to=cooperative, amount=100, by=treasurer)


def test_minting_income_fails_for_everybody_but_revenue(voucher, treasurer):
    with refused("NotRevenue", caller=treasurer):
        voucher.mintIncome(1, text32("bank 1"), {"from": treasurer})


def test_income_and_deposits_share_one_list_of_references(voucher, revenue, treasurer, cooperative):
    revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, 10, text32("bank 1"), {"from": treasurer})
    with refused("ReferenceUsed", bankReference=text32("bank 1")):
        voucher.mint(cooperative, 10, text32("bank 1"), {"from": treasurer})
    voucher.mint(cooperative, 10, text32("bank 2"), {"from": treasurer})
    with refused("ReferenceUsed", bankReference=text32("bank 2")):
        revenue.receiveIncome(TECH_ENCLAVE, DECEMBER, 10, text32("bank 2"), {"from": treasurer})


# BETWEEN PARTICIPANTS


def test_vouchers_move_to_participants_only(funded, voucher, cooperative, auditor):
    with refused("NotAdmitted", account=auditor):
        voucher.transfer(auditor, 1, {"from": cooperative})


def test_nothing_can_be_sent_to_the_voucher_itself(funded, voucher, cooperative):
    with refused("NotAdmitted", account=voucher):
        voucher.transfer(voucher, 1, {"from": cooperative})


def test_nothing_can_be_sent_to_revenue(funded, voucher, revenue, cooperative):
    with refused("NotAdmitted", account=revenue):
        voucher.transfer(revenue, 1, {"from": cooperative})


def test_nothing_can_be_sent_to_a_contract_that_was_admitted_by_mistake(
    funded, participants, voucher, revenue, cooperative, operator
):
    for contract in (voucher, revenue):
        participants.admit(contract, Kind.PROTOCOL, digest("a mistake"), {"from": operator})
        with refused("NotAdmitted", account=contract):
            voucher.transfer(contract, 1, {"from": cooperative})


def test_nothing_can_be_sent_to_pledges(funded, voucher, pledges, cooperative):
    with refused("NotAdmitted", account=pledges):
        voucher.transfer(pledges, 1, {"from": cooperative})


def test_nothing_can_be_sent_to_nobody(funded, voucher, cooperative):
    with refused("ERC20InvalidReceiver", receiver=ZERO):
        voucher.transfer(ZERO, 1, {"from": cooperative})


def test_a_blocked_participant_sends_nothing(funded, voucher, cooperative, bank, block):
    block(cooperative)
    with refused("AccountBlocked", account=cooperative):
        voucher.transfer(bank, 1, {"from": cooperative})


def test_a_blocked_participant_receives_nothing(funded, voucher, cooperative, bank, block):
    block(bank)
    with refused("NotAdmitted", account=bank):
        voucher.transfer(bank, 1, {"from": cooperative})


def test_more_than_held_does_not_move(funded, voucher, cooperative, bank):
    with refused("ERC20InsufficientBalance", sender=cooperative, balance=100, needed=101):
        voucher.transfer(bank, 101, {"from": cooperative})


def test_participants_pay_each_other(funded, voucher, cooperative, bank):
    voucher.transfer(bank, 100, {"from": cooperative})
    assert (voucher.balanceOf(cooperative), voucher.balanceOf(bank)) == (0, 100)


def test_more_than_approved_is_not_taken(funded, voucher, cooperative, bank):
    voucher.approve(bank, 9, {"from": cooperative})
    with refused("ERC20InsufficientAllowance", spender=bank, allowance=9, needed=10):
        voucher.transferFrom(cooperative, bank, 10, {"from": bank})


def test_what_is_approved_can_be_taken_once(funded, voucher, cooperative, bank):
    voucher.approve(bank, 10, {"from": cooperative})
    voucher.transferFrom(cooperative, bank, 10, {"from": bank})
    assert voucher.allowance(cooperative, bank) == 0
    assert voucher.balanceOf(bank) == 10


def test_an_approval_replaces_the_one_before(funded, voucher, cooperative, bank):
    voucher.approve(bank, 10, {"from": cooperative})
    approval = voucher.approve(bank, 4, {"from": cooperative})
    assert voucher.allowance(cooperative, bank) == 4
    announced(approval, "Approval", owner=cooperative, spender=bank, value=4)
    with refused("ERC20InsufficientAllowance", spender=bank, allowance=4, needed=5):
        voucher.transferFrom(cooperative, bank, 5, {"from": bank})


def test_an_approval_without_limit_is_not_used_up(funded, voucher, cooperative, bank):
    voucher.approve(bank, U256, {"from": cooperative})
    voucher.transferFrom(cooperative, bank, 60, {"from": bank})
    assert voucher.allowance(cooperative, bank) == U256


def test_an_approval_moves_nothing_to_a_stranger(funded, voucher, cooperative, bank, auditor):
    voucher.approve(bank, 10, {"from": cooperative})
    with refused("NotAdmitted", account=auditor):
        voucher.transferFrom(cooperative, auditor, 10, {"from": bank})
    assert voucher.allowance(cooperative, bank) == 10


def test_moving_nothing_is_a_transfer_like_any_other(funded, voucher, cooperative, bank, household):
    for transfer in (
        voucher.transfer(bank, 0, {"from": cooperative}),
        voucher.transferFrom(cooperative, bank, 0, {"from": household}),
    ):
        assert transfer.return_value is True
        announced(transfer, "Transfer", **{"from": cooperative, "to": bank, "value": 0})
    assert (voucher.balanceOf(cooperative), voucher.balanceOf(bank)) == (100, 0)


def test_a_transfer_to_oneself_changes_nothing(funded, voucher, cooperative):
    transfer = voucher.transfer(cooperative, 100, {"from": cooperative})
    announced(transfer, "Transfer", **{"from": cooperative, "to": cooperative, "value": 100})
    assert voucher.balanceOf(cooperative) == 100
    with refused("ERC20InsufficientBalance", sender=cooperative, balance=100, needed=101):
        voucher.transfer(cooperative, 101, {"from": cooperative})


def test_nobody_approves_nobody(funded, voucher, cooperative):
    with refused("ERC20InvalidSpender", spender=ZERO):
        voucher.approve(ZERO, 1, {"from": cooperative})
    with refused("ERC20InvalidApprover", approver=ZERO):
        voucher.transferFrom(ZERO, cooperative, 0, {"from": cooperative})


# OUT


def test_redeeming_nothing_fails(funded, voucher, cooperative):
    with refused("AmountZero"):
        voucher.requestRedemption(0, PAYEE, {"from": cooperative})


@pytest.mark.parametrize("amount", [101, U88])
def test_redeeming_more_than_held_fails(funded, voucher, cooperative, amount):
    with refused("ERC20InsufficientBalance", sender=cooperative, balance=100, needed=amount):
        voucher.requestRedemption(amount, PAYEE, {"from": cooperative})


@pytest.mark.parametrize("amount", [U88 + 1, U256])
def test_redeeming_more_than_88_bits_fails(funded, voucher, cooperative, amount):
    with refused("AmountTooLarge", amount=amount, maximum=U88):
        voucher.requestRedemption(amount, PAYEE, {"from": cooperative})


def test_the_whole_supply_is_redeemed(voucher, treasurer, bank):
    voucher.mint(bank, U64, text32("bank 1"), {"from": treasurer})
    voucher.requestRedemption(U64, PAYEE, {"from": bank})
    assert voucher.redemptionOf(1)["amount"] == U64


def test_a_blocked_holder_does_not_redeem(funded, voucher, cooperative, block):
    block(cooperative)
    with refused("AccountBlocked", account=cooperative):
        voucher.requestRedemption(1, PAYEE, {"from": cooperative})


def test_a_redemption_waits_in_escrow(funded, voucher, cooperative):
    request = voucher.requestRedemption(60, PAYEE, {"from": cooperative})

    assert request.return_value == 1
    assert voucher.redemptionCount() == 1
    assert facts(voucher.redemptionOf(1)) == facts(
        {"holder": cooperative, "amount": 60, "state": REQUESTED, "payee": PAYEE}
    )
    assert voucher.balanceOf(cooperative) == 40
    assert voucher.balanceOf(voucher) == 60
    assert voucher.totalSupply() == 100
    announced(request, "RedemptionRequested", redemption=1, holder=cooperative, amount=60, payee=PAYEE, by=cooperative)


def test_a_holder_who_was_never_admitted_redeems_what_revenue_paid(county, voucher, revenue, laboratory):
    county.receive(TECH_ENCLAVE, DECEMBER, 10)
    revenue.collect((TECH_ENCLAVE, 1, DECEMBER, 0), {"from": laboratory})
    voucher.requestRedemption(6, PAYEE, {"from": laboratory})
    assert voucher.redemptionOf(1)["holder"] == laboratory


def test_confirming_fails_for_whoever_is_not_the_treasurer(requested, voucher, cooperative):
    with refused("AccessManagedUnauthorized", caller=cooperative):
        voucher.confirmPayments([1], [text32("payment 1")], {"from": cooperative})


def test_confirming_fails_without_as_many_references(requested, voucher, treasurer):
    with refused("LengthMismatch", left=1, right=2):
        voucher.confirmPayments([1], [text32("payment 1"), text32("payment 2")], {"from": treasurer})


def test_confirming_fails_for_a_redemption_that_nobody_requested(requested, voucher, treasurer):
    for redemption in (0, 2):
        with refused("NotRequested", redemption=redemption, state=NO_REDEMPTION):
            voucher.confirmPayments([redemption], [text32("payment 1")], {"from": treasurer})


def test_confirming_fails_without_a_payment_reference(requested, voucher, treasurer):
    with refused("ReferenceMissing"):
        voucher.confirmPayments([1], [NOTHING], {"from": treasurer})


def test_confirming_fails_with_a_reference_that_came_in(requested, voucher, treasurer, bank):
    voucher.mint(bank, 1, text32("bank 1"), {"from": treasurer})
    with refused("ReferenceUsed", bankReference=text32("bank 1")):
        voucher.confirmPayments([1], [text32("bank 1")], {"from": treasurer})


def test_a_payment_reference_confirms_once(requested, voucher, treasurer, cooperative):
    voucher.requestRedemption(40, PAYEE, {"from": cooperative})
    with refused("ReferenceUsed", bankReference=text32("payment 1")):
        voucher.confirmPayments([1, 2], [text32("payment 1")] * 2, {"from": treasurer})
    assert voucher.redemptionOf(1)["state"] == REQUESTED


def test_a_payment_reference_does_not_come_in_later(requested, voucher, treasurer, cooperative):
    voucher.confirmPayments([1], [text32("payment 1")], {"from": treasurer})
    with refused("ReferenceUsed", bankReference=text32("payment 1")):
        voucher.mint(cooperative, 60, text32("payment 1"), {"from": treasurer})


def test_a_paid_redemption_is_neither_paid_again_nor_returned(requested, voucher, treasurer):
    voucher.confirmPayments([1], [text32("payment 1")], {"from": treasurer})
    with refused("NotRequested", redemption=1, state=PAID):
        voucher.confirmPayments([1], [text32("payment 2")], {"from": treasurer})
    with refused("NotRequested", redemption=1, state=PAID):
        voucher.returnRedemption(1, digest("account closed"), {"from": treasurer})


def test_what_the_bank_paid_is_burned(requested, voucher, treasurer, cooperative):
    confirmation = voucher.confirmPayments([1], [text32("payment 1")], {"from": treasurer})

    assert voucher.redemptionOf(1)["state"] == PAID
    assert voucher.totalSupply() == voucher.balanceOf(cooperative) == 40
    assert voucher.balanceOf(voucher) == 0
    announced(
        confirmation,
        "RedemptionPaid",
        redemption=1,
        holder=cooperative,
        amount=60,
        paymentReference=text32("payment 1"),
        by=treasurer,
    )


def test_many_payments_are_confirmed_at_once(requested, voucher, treasurer, cooperative):
    voucher.requestRedemption(40, PAYEE, {"from": cooperative})
    voucher.confirmPayments([2, 1], [text32("payment 1"), text32("payment 2")], {"from": treasurer})
    assert voucher.totalSupply() == 0


def test_returning_fails_for_whoever_is_not_the_treasurer(requested, voucher, cooperative):
    with refused("AccessManagedUnauthorized", caller=cooperative):
        voucher.returnRedemption(1, digest("account closed"), {"from": cooperative})


def test_returning_fails_for_a_redemption_that_nobody_requested(voucher, treasurer):
    with refused("NotRequested", redemption=1, state=NO_REDEMPTION):
        voucher.returnRedemption(1, digest("account closed"), {"from": treasurer})


def test_what_the_bank_could_not_pay_is_given_back(requested, voucher, treasurer, cooperative):
    reason = digest("account closed")
    returned = voucher.returnRedemption(1, reason, {"from": treasurer})

    assert voucher.balanceOf(cooperative) == voucher.totalSupply() == 100
    announced(returned, "RedemptionReturned", redemption=1, holder=cooperative, amount=60, reason=reason, by=treasurer)
    with refused("NotRequested", redemption=1, state=RETURNED):
        voucher.returnRedemption(1, reason, {"from": treasurer})
    with refused("NotRequested", redemption=1, state=RETURNED):
        voucher.confirmPayments([1], [text32("payment 1")], {"from": treasurer})


def test_a_redemption_is_given_back_to_a_holder_who_was_blocked_meanwhile(
    requested, voucher, treasurer, cooperative, block
):
    block(cooperative)
    voucher.returnRedemption(1, digest("account closed"), {"from": treasurer})
    assert voucher.balanceOf(cooperative) == 100


def test_an_admitted_household_is_paid_like_anybody(county, voucher, participants, operator, household):
    participants.admit(household, Kind.HOUSEHOLD, digest("papers"), {"from": operator})
    county.fund(household, 5)
    assert voucher.balanceOf(household) == 5
