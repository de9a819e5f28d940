"""Redemptions that a holder signed and somebody else carries."""

import pytest

from outcomes import announced, facts, refused
from signing import RedemptionOrder, digest_of, malleated, sign
from world import DAY, U88, U256, digest, person

PAYEE = digest("salted bank account of the cooperative")
REQUESTED = 1


@pytest.fixture
def order(county, clock, cooperative):
    """The cooperative holds ¥1.00 and orders ¥0.60 of it to be redeemed within a day."""
    county.fund(cooperative, 100)
    return RedemptionOrder(str(cooperative), 60, PAYEE, nonce=1, deadline=clock.now() + DAY)


@pytest.fixture
def carry(county, voucher, relayer):
    """Somebody carries orders with the signatures of their holders, or with others."""

    def carry(*orders, signatures=None):
        signatures = signatures or [county.sign(order, person("cooperative")) for order in orders]
        return voucher.requestRedemptionsFor(orders, signatures, {"from": relayer})

    return carry


def test_orders_without_as_many_signatures_are_refused(order, voucher, county, cooperative, relayer):
    with refused("LengthMismatch", left=1, right=0):
        voucher.requestRedemptionsFor([order], [], {"from": relayer})
    with refused("LengthMismatch", left=0, right=1):
        voucher.requestRedemptionsFor([], [county.sign(order, cooperative)], {"from": relayer})


def test_an_expired_order_is_refused(order, carry, clock):
    clock.stand_at(order.deadline + 1)
    with refused("OrderExpired", deadline=order.deadline, timestamp=order.deadline + 1):
        carry(order)


def test_an_order_is_good_in_its_last_second(order, carry, clock, voucher):
    clock.stand_at(order.deadline)
    carry(order)
    assert voucher.redemptionCount() == 1


def test_an_order_that_another_signed_is_refused(order, carry, county, voucher, bank):
    with refused("OrderSignatureInvalid", holder=order.holder, digest=digest_of(order, voucher)):
        carry(order, signatures=[county.sign(order, bank)])


@pytest.mark.parametrize(
    "changes",
    [{"amount": 61}, {"payee": digest("the thief's account")}, {"nonce": 2}, {"deadline": 2**40}],
    ids=lambda changes: next(iter(changes)),
)
def test_an_order_changed_after_it_was_signed_is_refused(order, carry, county, voucher, cooperative, changes):
    forged = order._replace(**changes)
    with refused("OrderSignatureInvalid", holder=order.holder, digest=digest_of(forged, voucher)):
        carry(forged, signatures=[county.sign(order, cooperative)])


def test_an_order_for_another_holder_is_refused(order, carry, county, voucher, cooperative, bank):
    county.fund(bank, 100)
    forged = order._replace(holder=str(bank))
    with refused("OrderSignatureInvalid", holder=bank, digest=digest_of(forged, voucher)):
        carry(forged, signatures=[county.sign(order, cooperative)])


@pytest.mark.parametrize(
    "other_domain",
    [{"chainId": 1}, {"verifyingContract": "0x" + 40 * "1"}, {"name": "Gongsheng Pledges"}, {"version": "2"}],
    ids=str,
)
def test_an_order_signed_for_another_domain_is_refused(order, carry, voucher, cooperative, other_domain):
    with refused("OrderSignatureInvalid", holder=order.holder, digest=digest_of(order, voucher)):
        carry(order, signatures=[sign(order, cooperative, voucher, **other_domain)])


@pytest.mark.parametrize("length", [0, 64, 66])
def test_an_order_with_a_signature_of_another_length_is_refused(order, carry, county, voucher, cooperative, length):
    signature = (county.sign(order, cooperative) * 2)[:length]
    with refused("OrderSignatureInvalid", holder=order.holder, digest=digest_of(order, voucher)):
        carry(order, signatures=[signature])


def test_an_order_with_a_malleated_signature_is_refused(order, carry, county, voucher, cooperative):
    with refused("OrderSignatureInvalid", holder=order.holder, digest=digest_of(order, voucher)):
        carry(order, signatures=[malleated(county.sign(order, cooperative))])


def test_an_order_is_carried_once(order, carry):
    carry(order)
    with refused("OrderUsed", holder=order.holder, nonce=1):
        carry(order)


def test_an_order_is_not_carried_twice_in_one_transaction(order, carry, voucher):
    with refused("OrderUsed", holder=order.holder, nonce=1):
        carry(order, order)
    assert voucher.redemptionCount() == 0


def test_a_number_serves_one_order_only(order, carry):
    carry(order)
    with refused("OrderUsed", holder=order.holder, nonce=1):
        carry(order._replace(amount=40))


def test_an_order_of_nothing_is_refused(order, carry):
    with refused("AmountZero"):
        carry(order._replace(amount=0))


def test_an_order_of_more_than_held_is_refused(order, carry):
    with refused("ERC20InsufficientBalance", sender=order.holder, balance=100, needed=101):
        carry(order._replace(amount=101))


@pytest.mark.parametrize("amount", [U88 + 1, U256 - 1])
def test_an_order_of_more_than_88_bits_is_refused(order, carry, amount):
    with refused("AmountTooLarge", amount=amount, maximum=U88):
        carry(order._replace(amount=amount))


def test_an_order_of_a_blocked_holder_is_refused(order, carry, participants, operator, cooperative):
    participants.setBlocked(cooperative, True, digest("court order"), {"from": operator})
    with refused("AccountBlocked", account=cooperative):
        carry(order)


def test_anyone_carries_an_order(order, carry, voucher, cooperative, relayer):
    carried = carry(order)

    assert facts(voucher.redemptionOf(1)) == facts(
        {"holder": cooperative, "amount": 60, "state": REQUESTED, "payee": PAYEE}
    )
    assert voucher.balanceOf(cooperative) == 40
    announced(carried, "RedemptionRequested", redemption=1, holder=cooperative, amount=60, payee=PAYEE, by=relayer)


def test_an_order_of_everything_takes_the_balance_of_its_moment(order, carry, county, voucher, cooperative):
    everything = order._replace(amount=U256)
    county.fund(cooperative, 23)
    carry(everything)
    assert voucher.redemptionOf(1)["amount"] == 123
    assert voucher.balanceOf(cooperative) == 0


def test_an_order_of_everything_is_refused_when_nothing_is_there(order, carry):
    carry(order._replace(amount=100))
    with refused("AmountZero"):
        carry(order._replace(amount=U256, nonce=2))


def test_one_bad_order_refuses_all(order, carry, county, voucher, cooperative, bank):
    second = order._replace(nonce=2, amount=40)
    with refused("OrderSignatureInvalid", holder=order.holder, digest=digest_of(second, voucher)):
        carry(order, second, signatures=[county.sign(order, cooperative), county.sign(second, bank)])
    assert voucher.redemptionCount() == 0


def test_orders_of_many_holders_are_carried_at_once(order, carry, county, voucher, cooperative, bank):
    county.fund(bank, 7)
    second = order._replace(holder=str(bank), amount=U256)
    carry(order, second, signatures=[county.sign(order, cooperative), county.sign(second, bank)])

    assert [voucher.redemptionOf(i)["amount"] for i in (1, 2)] == [60, 7]
    assert voucher.balanceOf(voucher) == 67


def test_a_holder_that_is_a_contract_signs_in_its_own_way(
    order, carry, county, participants, voucher, operator, ContractWallet
):
    wallet = ContractWallet.deploy({"from": operator})
    participants.admit(wallet, 2, digest("papers of a contract"), {"from": operator})
    county.fund(wallet, 5)
    of_wallet = order._replace(holder=wallet.address, amount=5)
    with refused("OrderSignatureInvalid", holder=wallet, digest=digest_of(of_wallet, voucher)):
        carry(of_wallet, signatures=[b""])

    wallet.approve(digest_of(of_wallet, voucher), {"from": operator})
    carry(of_wallet, signatures=[b""])
    assert voucher.redemptionOf(1)["holder"] == wallet
