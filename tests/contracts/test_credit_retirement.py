"""What becomes of credits that were bought: retired with a certificate, or cancelled; each with its serials, once."""

import base64
import json

import pytest

from outcomes import announced, facts, refused
from world import (
    DAY,
    FEBRUARY,
    JANUARY,
    NOTHING,
    PROJECT,
    ZERO,
    Holders,
    Kind,
    Use,
    digest,
    first_second,
    person,
    text32,
)

ERROR = text32("issued in error")
USE = Use()


@pytest.fixture(scope="module")
def holders(cooperative, household):
    """Who earned 1,007 kg."""
    return Holders([(cooperative, 700), (household, 307)])


@pytest.fixture(scope="module")
def batch(county, holders, credits, pool, buyer):
    """Batch 1: 100 kg sold to the buyer, 756 kg in the pool, 151 kg in the buffer."""
    batch = county.issue(holders)
    credits.safeTransferFrom(pool, buyer, batch, 100, b"", {"from": pool})
    return batch


@pytest.fixture
def retire(credits, batch, buyer):
    """The buyer retires."""
    return lambda quantity, use=USE, batch=batch: credits.retire(buyer, batch, quantity, use, {"from": buyer})


@pytest.fixture
def cancel(credits, batch, buyer):
    """The buyer cancels."""
    return lambda quantity, reason=ERROR, batch=batch: credits.cancel(buyer, batch, quantity, reason, {"from": buyer})


# RETIREMENT


@pytest.mark.parametrize(
    "missing",
    [{"purpose": NOTHING}, {"beneficiary": NOTHING}, {"periodStart": 5, "periodEnd": 5}, {"periodEnd": 0}],
    ids=["no purpose", "no beneficiary", "an empty period", "a period that ends before it begins"],
)
def test_a_retirement_that_does_not_say_what_for_is_refused(retire, missing):
    use = USE._replace(**missing)
    with refused("RetirementMalformed", **use._asdict()):
        retire(1, use)


def test_nothing_is_not_retired(retire, batch):
    with refused("QuantityZero", batch=batch):
        retire(0)


@pytest.mark.parametrize("unknown", [0, 2])
def test_credits_of_no_batch_are_not_retired(retire, unknown):
    with refused("UnknownBatch", batch=unknown):
        retire(1, batch=unknown)


def test_more_than_is_held_is_not_retired(retire, buyer, batch):
    with refused("ERC1155InsufficientBalance", sender=buyer, balance=100, needed=101, tokenId=batch):
        retire(101)


def test_nobody_retires_what_another_holds(credits, batch, buyer, pool):
    with refused("ERC1155MissingApprovalForAll", operator=pool, owner=buyer):
        credits.retire(buyer, batch, 1, USE, {"from": pool})


def test_a_blocked_holder_retires_nothing(participants, operator, retire, buyer):
    participants.setBlocked(buyer, True, digest("court order"), {"from": operator})
    with refused("NotAdmitted", account=buyer):
        retire(1)


def test_the_buffer_retires_nothing(credits, batch, buffer):
    with refused("BufferLocked", buffer=buffer):
        credits.retire(buffer, batch, 1, USE, {"from": buffer})


def test_a_holder_retires_and_is_given_a_certificate(credits, certificates, county, clock, retire, buyer, batch):
    retirement = retire(30)

    assert retirement.return_value == 1
    assert certificates.certificateCount() == 1
    assert certificates.ownerOf(1) == buyer
    assert credits.balanceOf(buyer, batch) == 70
    assert county.sheet(batch)["retired"] == 30
    made = certificates.certificateOf(1).dict()
    assert facts(dict(made.pop("use"))) == facts(USE._asdict())
    assert made == {"batch": batch, "retiredAt": clock.now(), "serialStart": 1, "quantity": 30}
    announced(
        retirement,
        "CreditsRetired",
        certificate=1,
        batch=batch,
        holder=buyer,
        quantity=30,
        serialStart=1,
        **USE._asdict(),
        retired=30,
        by=buyer,
    )
    announced(retirement, "Locked", certificate=1)


def test_each_retirement_takes_the_serials_after_the_last(credits, certificates, retire, cancel, county, batch):
    retire(30)
    cancellation = cancel(5)
    last = retire(65)
    assert [certificates.certificateOf(number)["serialStart"] for number in (1, 2)] == [1, 36]
    assert cancellation.events["CreditsCancelled"]["serialStart"] == 31
    assert last.events["CreditsRetired"]["retired"] == 95
    assert facts(credits.serialsOf(batch)) == {
        "start": 1,
        "tradableStart": 101,
        "bufferStart": 857,
        "reversedStart": 1_008,
        "end": 1_008,
    }
    assert county.sheet(batch) == {
        "issued": 1_007,
        "tradable": 756,
        "buffer": 151,
        "retired": 95,
        "cancelled": 5,
        "reversed": 0,
        "shortfall": 0,
        "madeGood": 0,
    }


def test_serials_of_a_later_batch_begin_where_the_batch_does(county, credits, certificates, pool, batch, holders):
    second = county.issue(holders, start=JANUARY, after=FEBRUARY)
    credits.retire(pool, second, 3, USE, {"from": pool})
    assert certificates.certificateOf(1)["serialStart"] == 1_008


def test_a_broker_whom_the_holder_approved_retires_for_it(credits, certificates, batch, buyer, relayer):
    credits.setApprovalForAll(relayer, True, {"from": buyer})
    retirement = credits.retire(buyer, batch, 7, USE, {"from": relayer})
    assert certificates.ownerOf(1) == buyer
    assert retirement.events["CreditsRetired"]["by"] == relayer

    credits.setApprovalForAll(relayer, False, {"from": buyer})
    with refused("ERC1155MissingApprovalForAll", operator=relayer, owner=buyer):
        credits.retire(buyer, batch, 7, USE, {"from": relayer})


def test_retiring_cancelling_and_reversing_never_pause(county, credits, guardian, retire, cancel, batch):
    credits.pause(text32("storm"), {"from": guardian})
    retire(1)
    cancel(1)
    county.lose(1, start=JANUARY, after=FEBRUARY)
    sheet = county.sheet(batch)
    assert (sheet["retired"], sheet["cancelled"], sheet["reversed"]) == (1, 1, 1)


def test_the_pool_retires_all_that_was_not_sold(county, credits, pool, batch):
    credits.retire(pool, batch, 756, USE, {"from": pool})
    assert county.sheet(batch)["tradable"] == 100


# CANCELLATION


def test_a_cancellation_needs_a_reason(cancel, batch):
    with refused("CancellationReasonMissing", batch=batch):
        cancel(1, reason=NOTHING)


def test_nothing_is_not_cancelled(cancel, batch):
    with refused("QuantityZero", batch=batch):
        cancel(0)


@pytest.mark.parametrize("unknown", [0, 2])
def test_credits_of_no_batch_are_not_cancelled(cancel, unknown):
    with refused("UnknownBatch", batch=unknown):
        cancel(1, batch=unknown)


def test_more_than_is_held_is_not_cancelled(cancel, buyer, batch):
    with refused("ERC1155InsufficientBalance", sender=buyer, balance=100, needed=101, tokenId=batch):
        cancel(101)


def test_nobody_cancels_what_another_holds(credits, batch, buyer, pool):
    with refused("ERC1155MissingApprovalForAll", operator=pool, owner=buyer):
        credits.cancel(buyer, batch, 1, ERROR, {"from": pool})


def test_the_buffer_cancels_nothing(credits, batch, buffer):
    with refused("BufferLocked", buffer=buffer):
        credits.cancel(buffer, batch, 1, ERROR, {"from": buffer})


def test_a_blocked_holder_cancels_nothing(participants, operator, cancel, buyer):
    participants.setBlocked(buyer, True, digest("court order"), {"from": operator})
    with refused("NotAdmitted", account=buyer):
        cancel(1)


def test_a_holder_cancels_all_it_has(county, credits, certificates, cancel, buyer, batch):
    cancel(60)
    cancellation = cancel(40)
    assert credits.balanceOf(buyer, batch) == 0
    assert certificates.certificateCount() == 0
    assert county.sheet(batch)["cancelled"] == 100
    announced(
        cancellation,
        "CreditsCancelled",
        batch=batch,
        holder=buyer,
        reason=ERROR,
        quantity=40,
        serialStart=61,
        cancelled=100,
        by=buyer,
    )


# CERTIFICATES


def test_nobody_but_the_credits_makes_certificates(certificates, committee):
    with refused("NotCredits", caller=committee):
        certificates.mint(committee, 1, 1, 1, USE, {"from": committee})


def test_a_certificate_does_not_move(certificates, retire, buyer, pool):
    retire(1)
    with refused("CertificateBound", certificate=1):
        certificates.transferFrom(buyer, pool, 1, {"from": buyer})
    with refused("CertificateBound", certificate=1):
        certificates.safeTransferFrom(buyer, pool, 1, {"from": buyer})
    with refused("CertificateBound", certificate=1):
        certificates.safeTransferFrom(buyer, pool, 1, b"", {"from": buyer})
    with refused("ERC721InvalidReceiver", receiver=ZERO):
        certificates.transferFrom(buyer, ZERO, 1, {"from": buyer})
    assert certificates.ownerOf(1) == buyer


def test_nobody_is_approved_to_move_a_certificate(certificates, retire, buyer, pool):
    retire(1)
    with refused("CertificateBound", certificate=1):
        certificates.approve(pool, 1, {"from": buyer})
    with refused("BrokerRefused", operator=pool):
        certificates.setApprovalForAll(pool, True, {"from": buyer})
    assert certificates.getApproved(1) == ZERO
    assert not certificates.isApprovedForAll(buyer, pool)


def test_a_certificate_that_does_not_exist_is_nobodys(certificates, pool, relayer):
    for ask in (certificates.ownerOf, certificates.locked, certificates.tokenURI, certificates.getApproved):
        with refused("ERC721NonexistentToken", tokenId=1):
            ask(1)
    with refused("ERC721NonexistentToken", tokenId=1):
        certificates.transferFrom(pool, relayer, 1, {"from": pool})
    assert certificates.certificateOf(1)["quantity"] == 0


def test_nobody_has_no_certificates(certificates):
    with refused("ERC721InvalidOwner", owner=ZERO):
        certificates.balanceOf(ZERO)


def test_certificates_of_an_owner_are_counted_and_locked(certificates, retire, buyer, pool):
    retire(1)
    retire(2)
    assert (certificates.balanceOf(buyer), certificates.balanceOf(pool)) == (2, 0)
    assert certificates.locked(1)
    assert certificates.locked(2)


@pytest.mark.parametrize(
    ("interface", "supported"),
    [
        ("0x01ffc9a7", True),
        ("0x80ac58cd", True),
        ("0x5b5e139f", True),
        ("0xb45a3c0e", True),
        ("0xffffffff", False),
        ("0xd9b67a26", False),
    ],
    ids=["ERC-165", "ERC-721", "ERC-721 metadata", "ERC-5192 locked", "none", "ERC-1155"],
)
def test_certificates_name_the_interfaces_they_have(certificates, interface, supported):
    assert certificates.supportsInterface(interface) is supported


def test_a_certificate_describes_itself_without_a_server(certificates, clock, retire, batch):
    retire(10)
    retire(25, USE._replace(purpose=text32('","owner":"me')))
    kind, _, content = certificates.tokenURI(2).partition(",")
    assert kind == "data:application/json;base64"
    described = json.loads(base64.b64decode(content))
    assert described["name"] == "Retirement certificate 2"
    assert set(described) == {"name", "attributes"}
    assert {each["trait_type"]: each["value"] for each in described["attributes"]} == {
        "project": "0x" + PROJECT.hex(),
        "batch": str(batch),
        "first serial": "11",
        "last serial": "35",
        "kg CO2e": "25",
        "purpose": "0x" + text32('","owner":"me').hex(),
        "period start": str(USE.periodStart),
        "period end": str(USE.periodEnd),
        "beneficiary commitment": "0x" + USE.beneficiary.hex(),
        "retired at": str(clock.now()),
    }


def test_certificates_have_a_name_and_a_maker(county, certificates, credits):
    assert (certificates.name(), certificates.symbol()) == ("Gongsheng Retirement Certificate", "GSRC")
    assert certificates.credits() == credits
    assert credits.certificates() == certificates
    assert (credits.participants(), credits.oracle(), credits.revenue()) == (
        county.participants,
        county.oracle,
        county.revenue,
    )


# HOLDERS THAT ARE CONTRACTS


@pytest.fixture
def receiver(CreditReceiver, participants, operator):
    """A contract that holds credits, admitted."""
    receiver = CreditReceiver.deploy({"from": operator})
    participants.admit(receiver, Kind.BUYER, digest("papers of a contract"), {"from": operator})
    return receiver


ACCEPT, DECLINE, FAIL = range(3)


def test_a_contract_that_accepts_credits_receives_them_one_batch_or_many(credits, batch, pool, receiver):
    credits.safeTransferFrom(pool, receiver, batch, 5, b"", {"from": pool})
    credits.safeBatchTransferFrom(pool, receiver, [batch, batch], [6, 7], b"", {"from": pool})
    assert (credits.balanceOf(receiver, batch), receiver.receipts()) == (18, 2)


def test_a_contract_that_declines_credits_receives_none(credits, batch, pool, receiver):
    receiver.setAnswer(DECLINE, {"from": pool})
    with refused("ERC1155InvalidReceiver", receiver=receiver):
        credits.safeTransferFrom(pool, receiver, batch, 5, b"", {"from": pool})
    with refused("ERC1155InvalidReceiver", receiver=receiver):
        credits.safeBatchTransferFrom(pool, receiver, [batch, batch], [6, 7], b"", {"from": pool})
    assert credits.balanceOf(receiver, batch) == 0


def test_a_contract_that_fails_says_itself_why(credits, batch, pool, receiver):
    receiver.setAnswer(FAIL, {"from": pool})
    with refused("Unwanted", batch=batch):
        credits.safeTransferFrom(pool, receiver, batch, 5, b"", {"from": pool})


def test_a_transfer_of_nothing_moves_nothing(county, credits, batch, pool, buyer):
    before = county.sheet(batch)
    credits.safeTransferFrom(pool, buyer, batch, 0, b"", {"from": pool})
    credits.safeBatchTransferFrom(pool, buyer, [], [], b"", {"from": pool})
    credits.safeTransferFrom(pool, buyer, 0, 0, b"", {"from": pool})
    assert county.sheet(batch) == before
    assert credits.balanceOfBatch([pool, buyer], [batch, batch]) == (756, 100)
    assert credits.balanceOf(buyer, 0) == 0


def test_credits_of_no_batch_do_not_move(credits, pool, buyer):
    with refused("ERC1155InsufficientBalance", sender=pool, balance=0, needed=1, tokenId=0):
        credits.safeTransferFrom(pool, buyer, 0, 1, b"", {"from": pool})


def test_a_contract_that_receives_no_certificates_retires_all_the_same(credits, certificates, batch, pool, receiver):
    """Nobody is asked: a hook that fails would block the retirement."""
    credits.safeTransferFrom(pool, receiver, batch, 5, b"", {"from": pool})
    receiver.setAnswer(FAIL, {"from": pool})
    receiver.act(credits, credits.retire.encode_input(receiver, batch, 5, USE), {"from": pool})
    assert certificates.ownerOf(1) == receiver
    assert credits.balanceOf(receiver, batch) == 0


def test_the_period_of_use_may_lie_ahead(retire, certificates, clock):
    """Tickets are sold, and their travel made good, before the journey."""
    ahead = USE._replace(periodStart=first_second(FEBRUARY + 1), periodEnd=first_second(FEBRUARY + 2))
    assert ahead.periodStart > clock.now() + DAY
    retire(1, ahead)
    assert certificates.certificateOf(1)["use"]["periodStart"] == ahead.periodStart


def test_credits_that_are_used_are_nobodys(credits, retire, batch):
    retire(100)
    assert credits.balanceOf(person("buyer"), batch) == 0
    with refused("ERC1155InsufficientBalance", sender=person("buyer"), balance=0, needed=1, tokenId=batch):
        retire(1)
