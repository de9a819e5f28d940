"""Data assets: what they count for, and what the register says of them."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from ledger_service.chain.events import (
    AppraisalDisputed,
    AppraisalDisputeEnded,
    Appraised,
    CostsCharged,
    Covenant,
    CovenantAgreed,
    CovenantProposed,
    DataAssetRegistered,
    DataVersion,
    Emitted,
    Finalised,
    FreshAgain,
    IncomeRepointed,
    MarkedStale,
    PauseChanged,
    Repayment,
    StateChanged,
    StewardshipChanged,
    StewardshipOffered,
    VersionAppended,
    emitted_of,
    record_of,
)
from ledger_service.domain.assets import Appraisal, CovenantTerms, Reason, Standing, counts_down, is_short, status_of
from ledger_service.domain.books import Block, EventId
from ledger_service.domain.identifiers import bytes32_of
from ledger_service.domain.pledges import PledgeReason, PledgeState
from ledger_service.facts import pledges
from ledger_service.indexer import sync
from ledger_service.reports.data_assets import ENDED, DataAssetUnknown, covenant_report, data_asset, data_assets
from ledger_service.store.books import Books

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "covenants.json"
SOMEBODY = "0x" + "12" * 20
CERTIFICATE = bytes32_of("DEX-2026-000001")
DAY = 86_400
TERMS = CovenantTerms(freshness_seconds=30 * DAY, stale_bps=5_000, maximum_ltv_bps=6_000)
NOW = 1_000 * DAY
WORTH = Appraisal(value=100_000, previous=100_000, valid_until=NOW + DAY)


# WHAT AN ASSET COUNTS FOR


def test_what_counts_and_what_is_short_is_what_the_specification_says() -> None:
    cases = json.loads(VECTORS.read_text("utf-8"))["standings"]
    assert len(cases) > 30
    for case in cases:
        given = {key: int(value) for key, value in case.items()}
        counted = counts_down(
            given["value"],
            given["previous"],
            given["stale_bps"],
            disputed=given["disputed"] == 1,
            stale=given["stale"] == 1,
        )
        assert counted == given["counts"], case
        assert is_short(counted, given["maximum_ltv_bps"], given["debt"]) == (given["short"] == 1), case


@pytest.mark.parametrize(
    ("age", "appraisal", "debt", "standing", "reasons", "value"),
    [
        (30 * DAY, WORTH, 60_000, Standing.FRESH, Reason(0), 100_000),
        (30 * DAY, WORTH, 60_001, Standing.SHORTFALL, Reason.SHORTFALL, 100_000),
        (30 * DAY + 1, WORTH, 30_000, Standing.STALE, Reason.STALE, 50_000),
        (30 * DAY + 1, WORTH, 30_001, Standing.SHORTFALL, Reason.STALE | Reason.SHORTFALL, 50_000),
        (NOW, WORTH, 0, Standing.STALE, Reason.STALE, 50_000),
        (0, None, 0, Standing.FRESH, Reason.NEVER_APPRAISED, 0),
        (0, None, 1, Standing.SHORTFALL, Reason.NEVER_APPRAISED | Reason.SHORTFALL, 0),
        (0, replace(WORTH, valid_until=NOW), 0, Standing.FRESH, Reason.APPRAISAL_OUT_OF_DATE, 50_000),
        (0, replace(WORTH, valid_until=NOW + 1), 0, Standing.FRESH, Reason(0), 100_000),
        (0, replace(WORTH, previous=7, disputed_until=NOW + 1), 0, Standing.FRESH, Reason.DISPUTED, 7),
        (0, replace(WORTH, previous=7, disputed_until=NOW), 0, Standing.FRESH, Reason(0), 100_000),
    ],
)
def test_an_asset_stands_where_the_contract_says(
    age: int, appraisal: Appraisal | None, debt: int, standing: Standing, reasons: Reason, value: int
) -> None:
    status = status_of(TERMS, appraisal, fresh_as_of=NOW - age, debt=debt, running_time=NOW)
    assert (status.standing, status.reasons, status.value, status.debt) == (standing, reasons, value, debt)
    assert status.fresh_until == (NOW - age + 30 * DAY if age < NOW else 0)


def test_a_fall_during_a_dispute_does_not_lift_the_lower_figure() -> None:
    disputed = Appraisal(value=200, previous=100, valid_until=NOW, disputed_until=NOW)
    assert disputed.followed_by(150, NOW, NOW - 1).previous == 100
    assert disputed.followed_by(150, NOW, NOW).previous == 200


def test_every_standing_and_reason_has_words_in_both_languages() -> None:
    for words in (each.words for kind in (Standing, Reason) for each in kind):
        assert not words.zh.isascii()
        assert words.en.isascii()


# THE REGISTER


class Story:
    """What happens to an asset after the county's two years, one block after another."""

    def __init__(self, books: Books) -> None:
        self.books = books

    @property
    def head(self) -> Block:
        with self.books.reading() as reader:
            head = reader.head()
        assert head is not None
        return head

    def happen(self, *events: Any, after: int = 1, contract: str = "DataAssets") -> Block:
        """A block with these events."""
        head = self.head
        block = Block(head.number + 1, "0x" + keccak(text=f"{head.hash}").hex(), head.timestamp + after)
        records = [
            record_of(Emitted(EventId(1, block.hash, index), block, "0x" + "11" * 32, contract, event))
            for index, event in enumerate(events)
        ]
        self.books.record(expected_head=head, fork=head, blocks=[block], records=records, entries=[])
        return block

    def report(self) -> Any:
        with self.books.reading() as reader:
            return covenant_report(reader, CERTIFICATE)

    def reasons(self) -> Reason:
        return self.report().status.reasons


def appended(number: int, fresh_as_of: int, round_: bytes = bytes(32)) -> VersionAppended:
    version = DataVersion(keccak(text=f"content {number}"), round_, 10, 0, 1, fresh_as_of)
    return VersionAppended(CERTIFICATE, number, version, fresh_as_of, SOMEBODY)


@pytest.fixture
def pledge(books: Books) -> bytes:
    with books.reading() as reader:
        (disbursed,) = (emitted_of(record) for record in reader.records("Disbursed"))
    identifier: bytes = disbursed.event.pledge
    return identifier


@pytest.fixture
def covenant() -> Covenant:
    return Covenant(30 * DAY, 5_000, 6_000, bytes32_of("data-value-fen"), bytes(32))


@pytest.fixture
def story(county, books: Books, pledge: bytes, covenant: Covenant) -> Story:
    """An asset of the city, fresh, worth ¥1,000,000.00, pledged for the loan of the county."""
    told = Story(books)
    city, now = county.city.address, told.head.timestamp
    none = Covenant(0, 0, 0, bytes(32), bytes(32))
    told.happen(
        DataAssetRegistered(CERTIFICATE, city, b"\1" * 32, bytes32_of("data-exchange"), 1, county.operator.address),
        appended(1, now),
        CovenantProposed(CERTIFICATE, pledge, covenant, city),
        CovenantAgreed(CERTIFICATE, pledge, none, covenant, county.bank.address),
        Appraised(CERTIFICATE, pledge, b"\2" * 32, 10**8, 0, 0, 10**8, now + 400 * DAY, city),
    )
    return told


def test_a_certificate_that_is_not_registered_is_named(books: Books) -> None:
    with books.reading() as reader:
        assert data_assets(reader) == {}
        with pytest.raises(DataAssetUnknown) as refused:
            data_asset(reader, CERTIFICATE)
    assert refused.value.certificate == CERTIFICATE
    assert "DEX-2026-000001" in str(refused.value)


def test_an_asset_without_a_covenant_has_no_report(books: Books, county) -> None:
    Story(books).happen(DataAssetRegistered(CERTIFICATE, county.city.address, b"\1" * 32, b"\2" * 32, 1, SOMEBODY))
    assert Story(books).report() is None


def test_the_debt_of_the_pledge_is_held_against_what_the_asset_counts_for(story: Story, pledge: bytes) -> None:
    story.happen(after=DAY)
    report = story.report()
    assert report.status.standing is Standing.FRESH
    assert (report.status.value, report.as_of) == (10**8, story.head.timestamp)
    assert report.status.debt > 14_107_260  # The principal, and its interest.
    appraised = Appraised(CERTIFICATE, pledge, b"\3" * 32, 10**6, 0, 10**8, 10**6, report.as_of + DAY, SOMEBODY)
    story.happen(appraised)
    assert story.report().status.standing is Standing.SHORTFALL


def test_enforcement_costs_are_a_debt_too_until_they_are_paid(story: Story, pledge: bytes) -> None:
    before = story.report().status.debt
    charged = CostsCharged(pledge, 5_000, 5_000, 5_000, b"\1" * 32, SOMEBODY)
    story.happen(charged, contract="Workouts", after=0)
    assert story.report().status.debt == before + 5_000
    with story.books.reading() as reader:
        owed = pledges(reader)[pledge].loan
    assert owed is not None
    paid = Repayment(pledge, SOMEBODY, SOMEBODY, 5_000, 0, 1, owed.principal - 1, owed.interest, 0)
    story.happen(paid, contract="Pledges", after=0)
    assert story.report().status.debt == before - 1


def test_a_pause_of_the_register_moves_the_end_of_freshness_and_another_contracts_does_not(story: Story) -> None:
    until = story.report().fresh_until
    story.happen(PauseChanged(True, b"\1" * 32, 0, SOMEBODY), contract="Pledges")
    assert story.report().fresh_until == until
    story.happen(PauseChanged(True, b"\1" * 32, 0, SOMEBODY))
    story.happen(after=40 * DAY)
    assert story.reasons() == Reason(0)
    story.happen(PauseChanged(False, b"\1" * 32, 40 * DAY + 1, SOMEBODY))
    assert story.report().fresh_until == until + 40 * DAY + 1
    story.happen(after=31 * DAY)
    assert Reason.STALE in story.reasons()


def test_a_new_version_cures(story: Story, pledge: bytes) -> None:
    block = story.happen(after=31 * DAY)
    story.happen(MarkedStale(CERTIFICATE, pledge, block.timestamp - 1, SOMEBODY))
    assert Reason.STALE in story.reasons()
    story.happen(appended(2, block.timestamp), FreshAgain(CERTIFICATE, pledge, 2, SOMEBODY))
    assert Reason.STALE not in story.reasons()


def test_only_measured_versions_count_where_both_agreed_so(story: Story, pledge: bytes, covenant: Covenant) -> None:
    quality = bytes32_of("data-quality")
    story.happen(CovenantAgreed(CERTIFICATE, pledge, covenant, replace(covenant, quality_feed=quality), SOMEBODY))
    assert (story.reasons(), story.report().fresh_until) == (Reason.STALE, None)
    now = story.head.timestamp
    for number, (round_, feed) in enumerate(((b"\5" * 32, bytes32_of("else")), (b"\6" * 32, quality)), start=2):
        story.happen(Finalised(round_, feed, CERTIFICATE, round_, 98), contract="MonitoringOracle")
        story.happen(appended(number, now, round_))
        assert (Reason.STALE in story.reasons()) == (feed != quality)


def test_a_dispute_lets_the_lower_figure_count_until_it_ends(story: Story, pledge: bytes) -> None:
    valid_until = story.head.timestamp + 400 * DAY
    story.happen(Appraised(CERTIFICATE, pledge, b"\3" * 32, 2 * 10**8, 0, 10**8, 2 * 10**8, valid_until, SOMEBODY))
    disputed = AppraisalDisputed(CERTIFICATE, pledge, 2, story.head.timestamp + 20 * DAY, b"\1" * 32, SOMEBODY)
    story.happen(disputed)
    assert (story.reasons(), story.report().status.value) == (Reason.DISPUTED, 10**8)
    story.happen(AppraisalDisputeEnded(CERTIFICATE, pledge, 2, SOMEBODY))
    assert (story.reasons(), story.report().status.value) == (Reason(0), 2 * 10**8)
    story.happen(disputed)
    story.happen(after=21 * DAY)
    assert story.reasons() == Reason(0)


def test_a_figure_lives_on_under_an_amended_covenant_and_not_under_another_feed_or_pledge(
    story: Story, pledge: bytes, covenant: Covenant
) -> None:
    amended = replace(covenant, maximum_ltv_bps=1)
    story.happen(CovenantAgreed(CERTIFICATE, pledge, covenant, amended, SOMEBODY))
    assert story.reasons() == Reason.SHORTFALL
    other = replace(covenant, valuation_feed=b"\7" * 32)
    story.happen(CovenantAgreed(CERTIFICATE, pledge, amended, other, SOMEBODY))
    assert story.reasons() == Reason.NEVER_APPRAISED | Reason.SHORTFALL


@pytest.mark.parametrize("state", [each for each in PledgeState if each not in (*ENDED, PledgeState.NONE)])
def test_a_covenant_holds_while_its_pledge_encumbers_the_asset(story: Story, pledge: bytes, state: PledgeState) -> None:
    story.happen(StateChanged(pledge, PledgeState.ACTIVE, state, SOMEBODY), contract="Pledges")
    assert story.report() is not None


@pytest.mark.parametrize("over", ENDED)
def test_a_covenant_ends_with_its_pledge(story: Story, pledge: bytes, over: PledgeState) -> None:
    story.happen(StateChanged(pledge, PledgeState.REPAID, over, SOMEBODY), contract="Pledges")
    assert story.report() is None


def test_stewardship_and_income_are_where_they_went_last(story: Story, county) -> None:
    city, buyer = county.city.address, county.buyer.address
    story.happen(
        StewardshipOffered(CERTIFICATE, "0x" + "0" * 40, buyer, city),
        StewardshipChanged(CERTIFICATE, city, buyer),
        IncomeRepointed(CERTIFICATE, bytes32_of("data-exchange"), 1, bytes32_of("other"), 2, buyer),
    )
    with story.books.reading() as reader:
        asset = data_asset(reader, CERTIFICATE)
    assert (asset.steward, asset.agreement, asset.leg) == (buyer, bytes32_of("other"), 2)


# ON A CHAIN


def test_what_the_contract_registers_reaches_the_books(county, books: Books) -> None:
    county.register_asset("DEX-2026-000001", versions=2, licences=("LIC-1", "LIC-2"), ended=("LIC-1",))
    sync(county.chain, books)
    with books.reading() as reader:
        asset = data_asset(reader, CERTIFICATE)
    view = county.of("DataAssets")
    assert view.assetOf(CERTIFICATE).call()[0] == asset.steward == county.city.address
    assert [each.event.number for each in asset.versions] == [1, 2]
    assert view.versionOf(CERTIFICATE, 2).call()[0] == asset.versions[1].event.version.content
    assert [bool(each.ended) for each in asset.licences.values()] == [True, False]


def test_the_books_say_of_a_covenant_what_the_contract_says(county, books: Books, covenant: Covenant) -> None:
    """Through a sale of the lien, enforcement costs and the day on which the data become stale."""
    assets, workouts = county.of("DataAssets"), county.of("Workouts")
    cooperative, bank, buyer = county.cooperative, county.bank, county.buyer
    for each in (cooperative, bank, buyer):
        county.rpc("anvil_setBalance", each.address, hex(10**24))
    papers, agreement = keccak(text="papers"), bytes32_of("carbon-pool")
    county.send(
        assets.register(CERTIFICATE, cooperative.address, papers, agreement, county.carbon.leg), county.operator
    )
    pledge = county.lend(1_000_000, bps=1_000, certificate=CERTIFICATE, nonce=2)
    agreed = tuple(asdict(replace(covenant, valuation_feed=bytes32_of("carbon-kg"))).values())
    for party in (cooperative, bank):
        county.send(assets.agreeCovenant(CERTIFICATE, agreed), party)
    now = county.chain.timestamp()
    county.send(assets.append(CERTIFICATE, (keccak(text="content"), bytes(32), 1, now - DAY, now, now)), cooperative)

    def check(standing: Standing, lender: str) -> None:
        sync(county.chain, books)
        with books.reading() as reader:
            report, head = covenant_report(reader, CERTIFICATE), reader.head()
        assert report is not None
        assert head is not None
        on_chain, status = assets.covenantOf(CERTIFICATE).call(block_identifier=head.number), report.status
        assert (status.standing, status.reasons) == (on_chain[0], on_chain[1])
        assert (pledge, status.value, status.debt, status.fresh_until) == on_chain[2:]
        assert (status.standing, report.lender) == (standing, lender)
        assert bool(PledgeReason(workouts.good(pledge).call()[1]) & PledgeReason.COVENANT_BROKEN) == (
            standing in (Standing.STALE, Standing.SHORTFALL)
        )

    check(Standing.SHORTFALL, bank.address)
    county.measure("carbon-kg", "DEX-2026-000001", county.register([10**9]))
    county.send(assets.appraise(CERTIFICATE), county.relayer)
    check(Standing.FRESH, bank.address)
    for party in (bank, buyer):
        county.send(workouts.transferLien(pledge, buyer.address), party)
    check(Standing.FRESH, buyer.address)
    county.wait(11 * DAY)
    county.send(workouts.markDelinquent(pledge), county.relayer)
    county.send(workouts.chargeCosts(pledge, 50_000, keccak(text="bill")), buyer)
    check(Standing.FRESH, buyer.address)
    county.wait(30 * DAY)
    check(Standing.STALE, buyer.address)
