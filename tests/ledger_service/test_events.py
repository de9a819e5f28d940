"""Every event of the contracts, typed."""

import json
from dataclasses import fields

import pytest

from ledger_service.chain.artefacts import CONTRACTS, load_artefact
from ledger_service.chain.client import Chain, ChainUnreachable, connect
from ledger_service.chain.compiler import compile_contracts
from ledger_service.chain.events import (
    EVENTS,
    RENAMED,
    NodeRefused,
    UnknownEvent,
    block_at,
    emitted_of,
    head_number,
    read,
    record_of,
)
from ledger_service.chain.snapshot import Snapshot
from ledger_service.domain.books import Block


def test_an_event_that_this_version_does_not_know_is_refused(county) -> None:
    topic = county.surprise()
    head = head_number(county.chain)
    with pytest.raises(UnknownEvent) as refused:
        read(county.chain, 0, head)
    assert (refused.value.contract, refused.value.topic) == ("Participants", "0x" + topic.hex())
    assert refused.value.block_number == head


def test_a_node_that_does_not_answer_is_named(county) -> None:
    chain = Chain(connect(county.chain.w3.provider.endpoint_uri), county.chain.deployment)
    chain.w3.provider.endpoint_uri = "http://127.0.0.1:9"
    for ask in (lambda: head_number(chain), lambda: block_at(chain, 1), lambda: read(chain, 1, 2)):
        with pytest.raises(ChainUnreachable) as refused:
            ask()
        assert refused.value.url == "http://127.0.0.1:9"


def test_a_node_that_answers_with_an_error_is_quoted(county) -> None:
    beyond = head_number(county.chain) + 1_000
    with pytest.raises(NodeRefused) as refused:
        Snapshot(county.chain, Block(beyond, "0x", 0)).voucher_supply()
    assert str(beyond) in refused.value.reason


def test_there_is_no_block_beyond_the_newest(county) -> None:
    head = head_number(county.chain)
    assert block_at(county.chain, head + 1) is None
    assert block_at(county.chain, head).number == head


def test_every_event_of_every_contract_has_its_type() -> None:
    compile_contracts()
    emitted = {
        RENAMED.get((name, item["name"]), item["name"]): item
        for name in CONTRACTS
        for item in load_artefact(name).abi
        if item["type"] == "event"
    }
    expected = {name: {entry["name"] for entry in item["inputs"]} for name, item in emitted.items()}
    typed = {name: {_camel(field.name) for field in fields(event)} for name, event in EVENTS.items()}
    assert typed == expected


def _camel(name: str) -> str:
    first, *rest = name.removesuffix("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def test_what_happened_survives_the_way_into_the_books_and_back(county) -> None:
    reading = read(county.chain, county.chain.deployment.first_block, head_number(county.chain))
    for emitted in reading.emitted:
        record = record_of(emitted)
        assert emitted_of(record) == emitted
        assert json.loads(json.dumps(record.values)) == record.values
    assert {type(emitted.event).__name__ for emitted in reading.emitted} >= {
        *("Admitted", "BlockedChanged", "FeedConfigured", "SignerChanged", "Anchored", "Reported", "CandidateReached"),
        *("Finalised", "ProjectRegistered", "BatchIssued", "TransferSingle", "Minted", "Transfer", "Approval"),
        *("RedemptionRequested", "RedemptionPaid", "RedemptionReturned", "AgreementPublished", "RegisterOpened"),
        *("IncomeReceived", "PeriodClosed", "Claimed", "Collected", "SetAside", "Withdrawn", "Committed", "Perfected"),
        *("CreditsRetired", "CreditsCancelled", "CreditsReversed", "ShortfallRecorded", "ShortfallMadeGood"),
        *("RoundReversed", "DeficitChanged", "Locked", "CertificateTransfer"),
        *("Disbursed", "Repayment", "StateChanged", "RoleGranted", "TargetFunctionRoleUpdated"),
    }


def test_events_come_in_the_order_of_the_chain_with_their_blocks(county) -> None:
    head = head_number(county.chain)
    reading = read(county.chain, county.chain.deployment.first_block, head)
    places = [(emitted.block.number, emitted.id.log_index) for emitted in reading.emitted]
    assert places == sorted(places)
    assert len({emitted.id for emitted in reading.emitted}) == len(places)
    assert reading.blocks[-1] == block_at(county.chain, head)
    assert {emitted.block for emitted in reading.emitted} <= set(reading.blocks)
