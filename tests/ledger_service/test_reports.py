"""What a bank clerk, an auditor and a holder ask."""

import pytest
from eth_utils.crypto import keccak

from ledger_service.chain.events import CandidateLost, Claimed, Equivocated
from ledger_service.domain.identifiers import bytes32_of
from ledger_service.domain.pledges import PledgeReason, PledgeState
from ledger_service.domain.units import Bps, Fen, Kg, Period
from ledger_service.facts import emitted, final_rounds, pledges
from ledger_service.indexer import sync
from ledger_service.reports.encumbrance import HEADER, encumbrance
from ledger_service.reports.statement import holder_statement
from ledger_service.reports.trace import RedemptionUnknown, claims_of, trace_claim, trace_redemption, trace_round
from ledger_service.settlement import RegisterFolder, RegisterMissing

DECEMBER = Period.parse("2018-12")
PLACE = ("weight before it", "weight", "total")


def facts(step) -> dict[str, str]:
    return {fact.name.en: fact.value for fact in step.facts}


# THE BANK CLERK


def test_a_pledged_income_shows_its_liens_in_order_and_what_is_free(county) -> None:
    answer = encumbrance(county.chain, county.cooperative.address, "carbon-pool", 1, DECEMBER)
    ((lien, debt, reasons),) = answer.liens
    assert str(reasons.words) == str(PledgeReason(0).words)
    assert not answer.is_free
    assert answer.free == Bps(4_000)
    assert (lien.lender, lien.bps, lien.state) == (county.bank.address, 6_000, PledgeState.ACTIVE)
    assert debt.principal == 14_107_260
    assert "40 %" in answer.answer.zh
    assert "1 lien(s)" in answer.answer.en
    ((rank, lender, share, *_),) = answer.rows
    assert (rank, lender, share) == ("1", county.bank.address, "60 %")
    assert len(answer.rows[0]) == len(HEADER)


@pytest.mark.parametrize("period", ["2018-11", "2020-01"])
def test_an_income_outside_the_pledged_periods_is_free(county, period: str) -> None:
    answer = encumbrance(county.chain, county.cooperative.address, "carbon-pool", 1, Period.parse(period))
    assert answer.is_free
    assert answer.free == Bps(10_000)
    assert answer.rows == ()
    assert "nobody holds a lien" in answer.answer.en


def test_the_income_of_somebody_else_is_free(county) -> None:
    assert encumbrance(county.chain, county.holders[1].address, "carbon-pool", 1, DECEMBER).is_free


# THE AUDITOR


def test_a_redemption_nobody_asked_for_cannot_be_traced(county, books) -> None:
    with books.reading() as reader, pytest.raises(RedemptionUnknown) as refused:
        trace_redemption(reader, county.registers, 99)
    assert refused.value.number == 99


def test_a_trace_without_the_register_is_refused(books, tmp_path) -> None:
    with books.reading() as reader, pytest.raises(RegisterMissing):
        trace_redemption(reader, RegisterFolder(tmp_path), 1)


def test_a_payment_is_walked_back_to_what_the_reporters_signed(county, books) -> None:
    with books.reading() as reader:
        steps = trace_redemption(reader, county.registers, 1)
    titles = [step.title.en for step in steps]
    assert titles == [
        *("bank payment", "redemption of vouchers"),
        *("claim", "receipt", "receipt", "agreement", "share register", "batch of credits", "monitoring round"),
        *("signed report", "signed report", "signed report", "raw data"),
        "claim",  # An earlier one of the same line: what it has in common is shown above.
        *("claim", "receipt", "agreement", "share register", "monitoring round"),
        *("signed report", "signed report", "signed report", "raw data"),
    ]
    payment, redemption, claim, first, second, agreement, register, batch, measured, report, *_ = map(facts, steps)
    assert payment["payment reference"] == "PAY-1"
    assert redemption["holder"] == claim["holder"] == county.holders[1].address
    assert (claim["line"], claim["closed then"]) == ("carbon-pool/1/2018-12/1", "是 yes")
    assert (first["bank reference"], first["amount"]) == ("SALE-1", "¥100,000.03")
    assert (second["bank reference"], second["received in all"]) == ("SALE-3", "¥800,000.04")
    assert (agreement["version"], agreement["legs"]) == ("1", "20 % + 80 %")
    assert (register["index"], register["weight"], register["weight before it"]) == ("1", "250,000", "700,001")
    assert register["total"] == "1,123,458"
    assert batch["serials"] == "1–1,123,458"
    assert (measured["feed"], measured["subject"], measured["value"]) == ("carbon-kg", "pool-1", "1,123.458 tCO2e")
    assert {facts(step)["signer"] for step in steps if step.title.en == "signed report"} == {
        reporter.address for reporter, _ in county.reporters
    }
    assert report["period"] == "2018-01-01 00:00:00 UTC – 2019-01-01 00:00:00 UTC"


def test_what_a_trace_shows_lets_anyone_compute_the_claim_again(county, books) -> None:
    with books.reading() as reader:
        claim, *_ = reversed(claims_of(reader, county.holders[1].address))
        shown = {step.title.en: facts(step) for step in trace_claim(reader, county.registers, claim)}
    income = 64_000_004
    assert shown["claim"]["income of the line then"] == str(Fen(income))
    before, weight, total = (int(shown["share register"][name].replace(",", "")) for name in PLACE)
    assert claim.event.paid == income * (before + weight) // total - income * before // total


def test_a_claim_is_traced_to_the_receipts_before_it_only(county, books) -> None:
    with books.reading() as reader:
        first, *_ = (each for each in emitted(reader, Claimed) if each.event.account == county.cooperative.address)
        steps = trace_claim(reader, county.registers, first)
    assert [facts(step)["bank reference"] for step in steps if step.title.en == "receipt"] == ["SALE-1"]
    assert facts(steps[0])["of which to lenders"] == "¥29,907.70"


def test_an_account_that_collected_its_leg_is_traced_to_the_agreement(county, books) -> None:
    with books.reading() as reader:
        (collected,) = claims_of(reader, county.city.address)
        steps = trace_claim(reader, county.registers, collected)
    assert [step.title.en for step in steps] == ["claim", "receipt", "agreement"]


def test_every_step_names_the_transaction_to_look_up(county, books) -> None:
    with books.reading() as reader:
        for step in trace_redemption(reader, county.registers, 1):
            receipt = county.chain.w3.eth.get_transaction_receipt(step.transaction)
            assert receipt["blockHash"].to_0x_hex() == step.event.block_hash


def test_a_signer_who_said_two_things_stands_behind_neither(county, books) -> None:
    oracle, two_faced, register = county.of("MonitoringOracle"), county.operator, county.register([5, 6])
    county.send(oracle.addSigner(bytes32_of("carbon-kg"), two_faced.address, 1), county.committee)
    for changed in ({}, {"value": 12}):
        report, signature = county.report(two_faced, "carbon-kg", "pool-2", register, **changed)
        county.send(oracle.submit(report, signature), county.relayer)
    identifier = county.measure("carbon-kg", "pool-2", register)
    sync(county.chain, books)
    with books.reading() as reader:
        measured = final_rounds(reader)[identifier]
    assert measured.candidate.event.value == 11
    assert {report.event.signer for report in measured.reports} == {each.address for each, _ in county.reporters}


@pytest.fixture
def judged(county):
    """A candidate of another pool, two of a panel to judge it, and figures that they may find instead."""
    panel, oracle = county.of("MonitoringPanel"), county.of("MonitoringOracle")
    members = (county.committee, county.operator, county.relayer)
    county.send(panel.electPanel(*(each.address for each in members)), county.committee)
    register = county.register([5, 6])
    county.send(oracle.anchor(keccak(text="raw data of carbon-kg")), county.relayer)
    signed = [
        county.report(reporter, "carbon-kg", "pool-2", register, evidenceRoot=keccak(text="raw data of carbon-kg"))
        for reporter, _ in county.reporters
    ]
    county.send(oracle.submitMany(*zip(*signed, strict=True)), county.relayer)
    report = signed[0][0]
    identifier = oracle.roundId(*report[:4]).call()
    county.send(oracle.anchor(keccak(text="drone survey")), county.relayer)
    figures = (9, 1, b"\3" * 32, 2, keccak(text="drone survey"), keccak(text="a methodology"))
    return identifier, members[:2], figures


def test_a_trace_shows_who_challenged_and_what_the_panel_put_in_its_place(county, books, judged) -> None:
    identifier, members, figures = judged
    panel = county.of("MonitoringPanel")
    county.send(
        panel.challenge(identifier, bytes32_of("plot 7 burned"), keccak(text="photographs")), county.cooperative
    )
    for member in members:
        county.send(panel.voteRestated(identifier, figures), member)
    county.wait(2 * 86_400)
    county.send(county.of("MonitoringOracle").finalise(identifier), county.relayer)
    sync(county.chain, books)
    with books.reading() as reader:
        measured = final_rounds(reader)[identifier]
        steps = list(trace_round(reader, identifier))
    assert (measured.candidate.event.value, measured.result.value, measured.result.uncertainty) == (11, 9, 1)
    assert measured.restatement is None
    shown = {step.title.en: facts(step) for step in steps}
    assert shown["monitoring round"]["value"] == "0.009 tCO2e"
    assert (shown["challenge"]["challenger"], shown["challenge"]["reason"]) == (
        county.cooperative.address,
        "plot 7 burned",
    )
    assert shown["verdict"]["verdict"] == "更正 restated"
    restated = shown["restatement"]
    assert (restated["value before"], restated["restated value"]) == ("0.011 tCO2e", "0.009 tCO2e")
    assert shown["raw data"]["evidence root"] == "0x" + figures[4].hex()
    assert len([step for step in steps if step.title.en == "signed report"]) == len(county.reporters)


def test_a_restatement_stands_beside_the_final_figures(county, books, judged) -> None:
    identifier, members, figures = judged
    county.wait(2 * 86_400)
    county.send(county.of("MonitoringOracle").finalise(identifier), county.relayer)
    for member in members:
        county.send(county.of("MonitoringPanel").voteRestated(identifier, figures), member)
    sync(county.chain, books)
    with books.reading() as reader:
        measured = final_rounds(reader)[identifier]
        titles = [step.title.en for step in trace_round(reader, identifier)]
    assert measured.result.value == 11
    assert measured.restatement is not None
    assert measured.restatement.event.figures.value == 9
    assert titles[:3] == ["monitoring round", "verdict", "restatement"]


def test_a_proof_of_reports_that_were_never_sent_is_read(county, books, judged) -> None:
    identifier, _, _ = judged
    two_faced, _ = county.reporters[0]
    register = county.register([5, 6])
    reports = [
        county.report(two_faced, "carbon-kg", "pool-2", register, value=value, evidenceRoot=b"\7" * 32)
        for value in (12, 13)
    ]
    (first, second), signatures = zip(*reports, strict=True)
    county.send(
        county.of("MonitoringPanel").proveEquivocation(first, signatures[0], second, signatures[1]), county.relayer
    )
    sync(county.chain, books)
    with books.reading() as reader:
        assert [each.event.round for each in emitted(reader, CandidateLost)] == [identifier]
        assert [each.event.signer for each in emitted(reader, Equivocated)] == [two_faced.address]


# THE HOLDER


def test_somebody_nobody_ever_paid_has_an_empty_statement(county, books) -> None:
    with books.reading() as reader:
        statement = holder_statement(reader, county.registers, county.committee.address)
    assert statement.vouchers == statement.set_aside == Fen(0)
    for nothing in (statement.earnings, statement.pledges, statement.redemptions, statement.credits):
        assert len(nothing) == 0


def test_a_statement_says_what_was_earned_and_what_became_of_it(county, books) -> None:
    with books.reading() as reader:
        statement = holder_statement(reader, county.registers, county.cooperative.address)
    carbon, supplied, processed = statement.earnings
    assert (carbon.line, carbon.is_closed) == (county.carbon, True)
    assert carbon.entitled == carbon.paid + carbon.paid_to_lenders == Fen(39_876_939)
    assert carbon.unpaid == Fen(0)
    assert carbon.leaf is not None
    assert (carbon.leaf.weight, carbon.leaf.before, carbon.leaf.total) == (700_001, 0, 1_123_458)
    assert (supplied.entitled, supplied.unpaid) == (Fen(21_164_020), Fen(0))
    assert (processed.paid, processed.unpaid) == (Fen(0), Fen(12_345_678))
    assert statement.vouchers == Fen(county.of("CnyVoucher").balanceOf(county.cooperative.address).call())
    assert len(statement.pledges) == 1


def test_a_statement_covers_legs_credits_and_redemptions(county, books) -> None:
    with books.reading() as reader:
        (collected,) = holder_statement(reader, county.registers, county.city.address).earnings
        buyer = holder_statement(reader, county.registers, county.buyer.address)
        redeemer = holder_statement(reader, county.registers, county.holders[3].address)
    assert (collected.line, collected.leaf) == (county.city_share, None)
    assert collected.paid == collected.entitled == Fen(37_037_036)
    assert buyer.credits == {1: Kg(1_234 - 600)}
    assert {number: each.state.value for number, each in redeemer.redemptions.items()} == {2: "returned"}


# THE LENDER


def test_the_books_work_out_the_debt_by_themselves(county, books) -> None:
    for days in (0, 45, 250):
        county.wait(days * 86_400)
        sync(county.chain, books)
        with books.reading() as reader:
            ((identifier, pledge),) = pledges(reader).items()
            head = reader.head()
        loan, due = pledge.loan.at(head.timestamp), pledge.due(head.timestamp)
        on_chain = county.of("Pledges").debtOf(identifier).call(block_identifier=head.number)
        assert [loan.principal, loan.interest, loan.costs, due, loan.arrears] == list(on_chain)[:5]


def test_a_pledge_that_is_repaid_and_released_frees_the_income(county, books) -> None:
    ((lien, debt, _),) = encumbrance(county.chain, county.cooperative.address, "carbon-pool", 1, DECEMBER).liens
    pledges_address = county.chain.deployment.contracts["Pledges"]
    county.send(county.of("CnyVoucher").approve(pledges_address, 2**255), county.cooperative)
    county.send(county.of("Pledges").repay(lien.pledge, debt.principal * 2), county.cooperative)
    county.send(county.of("Pledges").release(lien.pledge), county.bank)
    sync(county.chain, books)
    with books.reading() as reader:
        pledge = pledges(reader)[lien.pledge]
        assert pledge.state is PledgeState.RELEASED
        assert (pledge.loan.principal, pledge.due(reader.head().timestamp)) == (0, 0)
    assert encumbrance(county.chain, county.cooperative.address, "carbon-pool", 1, DECEMBER).is_free
