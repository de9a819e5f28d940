"""What the service answers. An amount is a decimal string, so that no reader rounds it, beside the text for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ledger_service.chain.events import (
    AgreementPublished,
    BatchIssued,
    CreditsRetired,
    DisputeOpened,
    Emitted,
    PublishedLeg,
    Repayment,
    VersionAppended,
)
from ledger_service.domain.agreements import LegKind, catalogue
from ledger_service.domain.assets import Reason
from ledger_service.domain.bilingual import Words
from ledger_service.domain.books import CNY, Block, Identity, Record
from ledger_service.domain.credits import BalanceSheet
from ledger_service.domain.identifiers import Address, text_of
from ledger_service.domain.units import Bps, tonnes_text, yuan_text
from ledger_service.facts import Pledge, Redemption, Round
from ledger_service.reports.data_assets import CovenantReport, DataAsset, DataLicence
from ledger_service.reports.funds import FundStatement, Spending
from ledger_service.reports.income import LineIncome, PotIncome
from ledger_service.reports.statement import Earning, HolderStatement
from ledger_service.reports.trace import Step
from ledger_service.store.books import Booked

T = TypeVar("T")

EXAMPLE_ADDRESS = "0xd2103535bfc62bC5DBa62524872E489438507A7c"

Hex32 = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$", examples=["0x" + "0" * 63 + "1"])]
AddressText = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$", examples=[EXAMPLE_ADDRESS])]
Integer = Annotated[str, Field(pattern="^-?[0-9]+$")]
PeriodText = Annotated[str, Field(description="Month, UTC.", examples=["2018-12"])]


class Answer(BaseModel):
    """The base of all answers."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Text(Answer):
    """The same in Chinese and English."""

    zh: str
    en: str

    @classmethod
    def of(cls, words: Words) -> Self:
        return cls(zh=words.zh, en=words.en)


class Money(Answer):
    """An amount of money."""

    fen: Annotated[Integer, Field(examples=["123456789"])]
    """Integer fen (0.01 yuan)."""
    text: Annotated[str, Field(examples=["¥1,234,567.89"])]

    @classmethod
    def of(cls, fen: int) -> Self:
        return cls(fen=str(fen), text=yuan_text(fen))


class Carbon(Answer):
    """An amount of credits."""

    kg: Annotated[Integer, Field(examples=["1123458"])]
    """Integer kg CO2e."""
    text: Annotated[str, Field(examples=["1,123.458 tCO2e"])]

    @classmethod
    def of(cls, kg: int) -> Self:
        return cls(kg=str(kg), text=tonnes_text(kg))


class Share(Answer):
    """A share of a whole."""

    bps: int
    """Basis points: 10,000 are all of it."""
    text: Annotated[str, Field(examples=["80 %"])]

    @classmethod
    def of(cls, bps: int) -> Self:
        return cls(bps=bps, text=str(Bps(bps)))


class Source(Answer):
    """The event on chain that says so."""

    block: int
    block_hash: Hex32
    log_index: int
    transaction: Hex32
    at: datetime

    @classmethod
    def of(cls, event: Emitted[Any] | Record) -> Self:
        return cls(
            block=event.block.number,
            block_hash=event.block.hash,
            log_index=event.id.log_index,
            transaction=event.transaction,
            at=_moment(event.block.timestamp),
        )


class Page(Answer, Generic[T]):
    """Some of a list."""

    items: list[T]
    total: int
    """How many there are in all."""
    limit: int
    offset: int

    @classmethod
    def of(cls, everything: Sequence[T], limit: int, offset: int) -> Self:
        return cls(items=list(everything[offset : offset + limit]), total=len(everything), limit=limit, offset=offset)


class Health(Answer):
    """Whether the books keep up with the chain."""

    status: Literal["ok", "behind"]
    chain_id: int
    genesis_hash: Hex32
    """The block of the first deployment transaction: it tells two chains with one id apart."""
    contracts: dict[str, AddressText]
    chain_head: int
    indexed_head: int | None
    """Nothing before the first block was read."""
    blocks_behind: int

    @classmethod
    def of(cls, deployment: Identity, *, chain_head: int, indexed: Block | None) -> Self:
        behind = chain_head - (indexed.number if indexed else deployment.first_block - 1)
        return cls(
            status="behind" if behind > 0 else "ok",
            chain_id=deployment.chain_id,
            genesis_hash=deployment.genesis_hash,
            contracts=dict(deployment.contracts),
            chain_head=chain_head,
            indexed_head=indexed.number if indexed else None,
            blocks_behind=max(0, behind),
        )


# AGREEMENTS


class Leg(Answer):
    """One part of an agreement."""

    index: int
    name: Text | None
    """Nothing when the agreement is not in the catalogue."""
    kind: Literal["account", "fund", "register", "agreement"]
    share: Share
    account: AddressText | None
    """Who collects an account, or answers for a fund."""
    purpose: str | None
    """What a fund may be spent on."""
    feed: str | None
    """The oracle feed that measures the holders of a register."""
    subject: str | None
    """What it measures there."""
    child: str | None
    """The agreement whose income a nested leg is."""
    payout: Share | None
    """The share of a bill that a fund pays; nothing where it pays by amount."""

    @classmethod
    def of(cls, agreement: str, index: int, leg: PublishedLeg) -> Self:
        shipped = catalogue().get(agreement)
        is_register = leg.kind is LegKind.REGISTER
        has_account = leg.kind in (LegKind.ACCOUNT, LegKind.FUND)
        return cls(
            index=index,
            name=Text.of(shipped.legs[index].name) if shipped and index < len(shipped.legs) else None,
            kind=leg.kind.name.lower(),
            share=Share.of(leg.bps),
            account=leg.account if has_account else None,
            purpose=text_of(leg.purpose) if leg.kind is LegKind.FUND else None,
            feed=text_of(leg.feed) if is_register else None,
            subject=text_of(leg.subject) if is_register else None,
            child=text_of(leg.child) if leg.kind is LegKind.AGREEMENT else None,
            payout=Share.of(leg.payout_bps) if leg.payout_bps else None,
        )


class Version(Answer):
    """A published version: it splits what arrives from `effective_from` on."""

    version: int
    effective_from: datetime
    tier: int
    """Which of the tiers that were published together; 0 for a plain version."""
    income_from: Money
    """Cumulative income of the agreement from which the tier applies, up to the next tier."""
    legs: list[Leg]
    source: Source

    @classmethod
    def of(cls, published: Emitted[AgreementPublished]) -> Self:
        event = published.event
        return cls(
            version=event.version,
            effective_from=_moment(event.effective_from),
            tier=event.tier,
            income_from=Money.of(event.income_from),
            legs=[Leg.of(text_of(event.agreement), index, leg) for index, leg in enumerate(event.legs)],
            source=Source.of(published),
        )


class LegIncome(Answer):
    """What a leg was given in a period."""

    leg: int
    income: Money
    unpaid: Money
    register_root: Hex32 | None
    """Nothing while nobody is known to share it."""
    holders: int | None

    @classmethod
    def of(cls, line: LineIncome) -> Self:
        register = line.register.event if line.register else None
        return cls(
            leg=line.line.leg,
            income=Money.of(line.income.value),
            unpaid=Money.of(line.unpaid.value),
            register_root=_hex(register.root) if register else None,
            holders=register.count if register else None,
        )


class Income(Answer):
    """What one version of an agreement received for one period."""

    version: int
    period: PeriodText
    received: Money
    held_back: Money
    """Odd fen, until the period is closed."""
    is_closed: bool
    legs: list[LegIncome]

    @classmethod
    def of(cls, income: PotIncome) -> Self:
        return cls(
            version=income.pot.version,
            period=str(income.pot.period),
            received=Money.of(income.received.value),
            held_back=Money.of(income.dust.value),
            is_closed=income.is_closed,
            legs=[LegIncome.of(line) for line in income.lines],
        )


class AgreementSummary(Answer):
    """An agreement, with the version that was published last."""

    key: Annotated[str, Field(examples=["carbon-pool"])]
    name: Text | None
    """Nothing when it is not in the catalogue."""
    income_from: Text | None
    latest: Version

    @classmethod
    def of(cls, key: str, versions: Sequence[Emitted[AgreementPublished]]) -> Self:
        shipped = catalogue().get(key)
        return cls(
            key=key,
            name=Text.of(shipped.name) if shipped else None,
            income_from=Text.of(shipped.income) if shipped else None,
            latest=Version.of(versions[-1]),
        )


class AgreementDetail(Answer):
    """An agreement with all its versions and its income."""

    agreement: AgreementSummary
    versions: list[Version]
    income: list[Income]

    @classmethod
    def of(cls, key: str, versions: Sequence[Emitted[AgreementPublished]], income: Sequence[PotIncome]) -> Self:
        return cls(
            agreement=AgreementSummary.of(key, versions),
            versions=[Version.of(version) for version in versions],
            income=[Income.of(pot) for pot in income],
        )


# FUNDS


class FundSpending(Answer):
    """What somebody proposed to spend a fund on, and what became of it."""

    spending: int
    payee: AddressText
    amount: Money
    bill: Money | None
    """The bill of which the fund pays its share; nothing where it pays by amount."""
    evidence: Hex32
    """Hash of what shows the purpose."""
    state: Literal["proposed", "spent", "retracted"]
    state_text: Text
    proposed_by: AddressText
    spent_by: AddressText | None
    """Never the same as who proposed it."""
    source: Source
    """The newest event that says so."""

    @classmethod
    def of(cls, number: int, spending: Spending) -> Self:
        event = spending.proposed.event
        return cls(
            spending=number,
            payee=event.proposal.payee,
            amount=Money.of(event.proposal.amount),
            bill=Money.of(event.proposal.bill) if event.proposal.bill else None,
            evidence=_hex(event.proposal.evidence),
            state=spending.state.value,
            state_text=Text.of(spending.state.words),
            proposed_by=event.by,
            spent_by=spending.spent.event.by if spending.spent else None,
            source=Source.of(spending.spent or spending.proposed),
        )


class FundSummary(Answer):
    """An earmarked fund: a leg of an agreement, kept for one purpose."""

    agreement: str
    leg: int
    purpose: str
    payout: Share | None
    """The share of a bill that it pays; nothing where it pays by amount."""
    filled: Money
    spent: Money
    balance: Money

    @classmethod
    def of(cls, statement: FundStatement) -> Self:
        return cls(
            agreement=statement.fund.agreement,
            leg=statement.fund.leg,
            purpose=statement.purpose,
            payout=Share.of(statement.payout_bps) if statement.payout_bps else None,
            filled=Money.of(statement.filled.value),
            spent=Money.of(statement.spent.value),
            balance=Money.of(statement.balance.value),
        )


class FundDetail(Answer):
    """A fund with all its spendings."""

    fund: FundSummary
    spendings: Page[FundSpending]

    @classmethod
    def of(cls, statement: FundStatement, limit: int, offset: int) -> Self:
        spendings = [FundSpending.of(number, each) for number, each in statement.spendings.items()]
        return cls(fund=FundSummary.of(statement), spendings=Page[FundSpending].of(spendings, limit, offset))


# CREDITS


class BatchSummary(Answer):
    """Credits issued from one final round."""

    batch: int
    project: str
    issued: Carbon
    buffered: Carbon
    serials: Annotated[str, Field(examples=["1-1123458"])]
    """First and last serial number within the project."""
    period_start: datetime
    period_end: datetime
    """Half-open: the first second after it."""
    round: Hex32
    methodology: Hex32
    evidence_root: Hex32
    source: Source

    @classmethod
    def of(cls, issued: Emitted[BatchIssued]) -> Self:
        event = issued.event
        return cls(
            batch=event.batch,
            project=text_of(event.project),
            issued=Carbon.of(event.issued),
            buffered=Carbon.of(event.buffered),
            serials=f"{event.serial_start}-{event.serial_start + event.issued - 1}",
            period_start=_moment(event.period_start),
            period_end=_moment(event.period_end),
            round=_hex(event.round),
            methodology=_hex(event.methodology),
            evidence_root=_hex(event.evidence_root),
            source=Source.of(issued),
        )


class Holding(Answer):
    """Credits of one account."""

    account: AddressText
    credits: Carbon


class Signer(Answer):
    """A reporter who signed the round."""

    account: AddressText
    group: int
    """1: the operator's sensors; 2: independent verifiers."""
    source: Source


class BatchSheet(Answer):
    """What became of a batch: all but the last two add up to what was issued."""

    issued: Carbon
    tradable: Carbon
    """Held by anyone but the buffer."""
    buffer: Carbon
    retired: Carbon
    """Used, each by one certificate."""
    cancelled: Carbon
    """Destroyed for a reason, or to make a shortfall good."""
    reversed: Carbon
    """Taken back from the buffer because the forest lost them."""
    shortfall: Carbon
    """Lost by the forest and not covered by buffers, in all."""
    made_good: Carbon
    """What of the shortfall was made good; while it is less, the pool sells nothing of the batch."""

    @classmethod
    def of(cls, sheet: BalanceSheet) -> Self:
        return cls(**{term: Carbon.of(kg) for term, kg in asdict(sheet).items()})


class BatchDetail(Answer):
    """A batch, what became of it, who holds it, and who measured it."""

    batch: BatchSummary
    sheet: BatchSheet
    holdings: list[Holding]
    uncertainty: Carbon
    """Half-width of the 90 % interval."""
    signers: list[Signer]

    @classmethod
    def of(
        cls, issued: Emitted[BatchIssued], measured: Round, holdings: Mapping[Address, int], sheet: BalanceSheet
    ) -> Self:
        return cls(
            batch=BatchSummary.of(issued),
            sheet=BatchSheet.of(sheet),
            holdings=[Holding(account=account, credits=Carbon.of(kg)) for account, kg in holdings.items()],
            uncertainty=Carbon.of(measured.result.uncertainty),
            signers=[
                Signer(account=report.event.signer, group=report.event.group, source=Source.of(report))
                for report in measured.reports
            ],
        )


class PathFact(Answer):
    """One thing that a step of a path shows."""

    name: Text
    value: str


class PathStep(Answer):
    """One event on the way back from what is asked about to the raw data."""

    title: Text
    facts: list[PathFact]
    transaction: Hex32

    @classmethod
    def of(cls, step: Step) -> Self:
        return cls(
            title=Text.of(step.title),
            facts=[PathFact(name=Text.of(fact.name), value=fact.value) for fact in step.facts],
            transaction=step.transaction,
        )


class CertificateDetail(Answer):
    """Credits that were used, what for, and the trees that they come from."""

    certificate: int
    holder: AddressText
    """Who retired; the certificate stays there."""
    project: str
    batch: int
    credits: Carbon
    serials: Annotated[str, Field(examples=["1-1000"])]
    """First and last serial number within the project."""
    purpose: str
    use_start: Integer
    """First UTC second of the period whose emissions they stand for."""
    use_end: Integer
    """The first second after it."""
    beneficiary: Hex32
    """A salted commitment: whoever knows the name and the salt can check it."""
    source: Source
    path: list[PathStep]
    """Certificate, batch, round, signed reports, raw data."""

    @classmethod
    def of(cls, retired: Emitted[CreditsRetired], issued: Emitted[BatchIssued], path: Sequence[Step]) -> Self:
        event = retired.event
        return cls(
            certificate=event.certificate,
            holder=event.holder,
            project=text_of(issued.event.project),
            batch=event.batch,
            credits=Carbon.of(event.quantity),
            serials=f"{event.serial_start}-{event.serial_start + event.quantity - 1}",
            purpose=text_of(event.purpose),
            use_start=str(event.period_start),
            use_end=str(event.period_end),
            beneficiary=_hex(event.beneficiary),
            source=Source.of(retired),
            path=[PathStep.of(step) for step in path],
        )


# HOLDERS


class Movement(Answer):
    """One posting to an account of the holder, above zero when the holder has more after it."""

    account: Annotated[str, Field(examples=["holder:carbon-pool/1/2018-12/1/0"])]
    asset: Annotated[str, Field(examples=["CNY", "kg:1"])]
    amount: Integer
    text: str
    event: Annotated[str, Field(examples=["Claimed"])]
    source: Source

    @classmethod
    def of(cls, booked: Booked) -> Self:
        posting = booked.posting
        account = ":".join(filter(None, (posting.account.kind.value, posting.account.subject)))
        # The books show what they owe to a holder below zero.
        amount, shown = -posting.amount, yuan_text if posting.asset == CNY else tonnes_text
        return cls(
            account=account,
            asset=posting.asset,
            amount=str(amount),
            text=shown(amount),
            event=booked.record.name,
            source=Source.of(booked.record),
        )


class RegisterPlace(Answer):
    """The holder's place in a share register: its slice is [before, before + weight) of total."""

    root: Hex32
    index: int
    count: int
    weight: Integer
    before: Integer
    total: Integer
    proof: str
    """What `Revenue.claim` wants: 48 bytes for each step."""


class HolderEarning(Answer):
    """What the holder earns in one leg of an agreement in one period."""

    agreement: str
    version: int
    period: PeriodText
    leg: int
    is_closed: bool
    leg_income: Money
    entitled: Money
    """Owed in all so far, paid or not."""
    paid: Money
    paid_to_lenders: Money
    unpaid: Money
    leaf: RegisterPlace | None
    """Nothing when the holder collects the leg as its account."""

    @classmethod
    def of(cls, earning: Earning) -> Self:
        pot = earning.line.pot
        leaf = earning.leaf
        return cls(
            agreement=pot.agreement,
            version=pot.version,
            period=str(pot.period),
            leg=earning.line.leg,
            is_closed=earning.is_closed,
            leg_income=Money.of(earning.line_income.value),
            entitled=Money.of(earning.entitled.value),
            paid=Money.of(earning.paid.value),
            paid_to_lenders=Money.of(earning.paid_to_lenders.value),
            unpaid=Money.of(earning.unpaid.value),
            leaf=leaf
            and RegisterPlace(
                root=_hex(leaf.root),
                index=leaf.index,
                count=leaf.count,
                weight=str(leaf.weight),
                before=str(leaf.before),
                total=str(leaf.total),
                proof=_hex(leaf.proof),
            ),
        )


class HolderRedemption(Answer):
    """Vouchers on their way to the holder's bank account."""

    number: int
    amount: Money
    state: Literal["requested", "paid", "returned"]
    state_text: Text
    payment_reference: str | None
    source: Source

    @classmethod
    def of(cls, number: int, redemption: Redemption) -> Self:
        requested, reference = redemption.requested, redemption.payment_reference
        return cls(
            number=number,
            amount=Money.of(requested.event.amount),
            state=redemption.state.value,
            state_text=Text.of(redemption.state.words),
            payment_reference=text_of(reference) if reference else None,
            source=Source.of(requested),
        )


class HolderCredits(Answer):
    """Credits of one batch."""

    batch: int
    credits: Carbon


class Statement(Answer):
    """Everything the books know of one holder."""

    holder: AddressText
    as_of_block: int | None
    as_of: datetime | None
    vouchers: Money
    set_aside: Money
    """付不出而由 `Revenue` 或 `Pledges` 代存 · Kept by `Revenue` or `Pledges` because it could not be paid."""
    credits: list[HolderCredits]
    earnings: list[HolderEarning]
    pledges: list[Hex32]
    """Those that the holder gave."""
    redemptions: list[HolderRedemption]
    movements: Page[Movement]
    """Newest first."""

    @classmethod
    def of(cls, statement: HolderStatement, movements: Page[Movement]) -> Self:
        block, held = statement.block, statement.credits.items()
        return cls(
            holder=statement.holder,
            as_of_block=block.number if block else None,
            as_of=_moment(block.timestamp) if block else None,
            vouchers=Money.of(statement.vouchers.value),
            set_aside=Money.of(statement.set_aside.value),
            credits=[HolderCredits(batch=batch, credits=Carbon.of(kg.value)) for batch, kg in held],
            earnings=[HolderEarning.of(earning) for earning in statement.earnings],
            pledges=[_hex(pledge) for pledge in statement.pledges],
            redemptions=[HolderRedemption.of(number, each) for number, each in statement.redemptions.items()],
            movements=movements,
        )


# PLEDGES


class Registration(Answer):
    """What makes the lien good against third parties."""

    number: str
    expires_at: datetime


class ScheduledPrincipal(Answer):
    """Principal that falls due."""

    due_at: datetime
    principal: Money


class PledgeRepayment(Answer):
    """A payment towards the debt, out of a claim or by somebody."""

    by: AddressText
    to_costs: Money
    to_interest: Money
    to_principal: Money
    principal_left: Money
    source: Source

    @classmethod
    def of(cls, repayment: Emitted[Repayment]) -> Self:
        event = repayment.event
        return cls(
            by=event.by,
            to_costs=Money.of(event.to_costs),
            to_interest=Money.of(event.to_interest),
            to_principal=Money.of(event.to_principal),
            principal_left=Money.of(event.principal),
            source=Source.of(repayment),
        )


class DebtNow(Answer):
    """What is owed at the newest block in the books."""

    principal: Money
    interest: Money
    costs: Money
    """Enforcement costs."""
    due: Money
    """What of all three is due."""
    arrears: Money
    """其中已过分期还款日仍未付的部分；宣布提前到期后为全部欠款 ·
    What of it should have been paid at an instalment that has come; all of the debt once it is called in.
    """
    as_of: datetime


class PledgeDispute(Answer):
    """A party's objection: it stops release and enforcement for up to 30 days."""

    by: AddressText
    reason: Hex32
    source: Source

    @classmethod
    def of(cls, opened: Emitted[DisputeOpened]) -> Self:
        return cls(by=opened.event.by, reason=_hex(opened.event.reason), source=Source.of(opened))


class PledgeDetail(Answer):
    """A lien on coming income, and the loan it secures."""

    pledge: Hex32
    holder: AddressText
    lender: AddressText
    agreement: str
    leg: int
    from_period: PeriodText
    to_period: PeriodText
    """Inclusive."""
    share: Share
    rank: int
    """1 is the first lien at the time of registration."""
    state: Literal[
        "committed",
        "perfected",
        "active",
        "repaid",
        "released",
        "cancelled",
        "delinquent",
        "remediation",
        "enforcing",
        "written_off",
        "closed",
        "expired",
    ]
    state_text: Text
    principal: Money
    annual_rate: Share
    schedule: list[ScheduledPrincipal]
    registration: Registration | None
    """Nothing before the lien is perfected."""
    debt: DebtNow | None
    """Nothing before the loan is disbursed, and after its lender waived the rest."""
    dispute: PledgeDispute | None
    """The last objection of a party that both have not settled. It lapses by itself."""
    repayments: Page[PledgeRepayment]
    source: Source

    @classmethod
    def of(cls, pledge: Pledge, as_of: int, repayments: Page[PledgeRepayment]) -> Self:
        committed, terms = pledge.committed, pledge.committed.event.terms
        registration = pledge.perfection
        return cls(
            pledge=_hex(committed.event.pledge),
            holder=terms.holder,
            lender=pledge.lender,
            agreement=text_of(terms.agreement),
            leg=terms.leg,
            from_period=str(pledge.from_period),
            to_period=str(pledge.to_period),
            share=Share.of(pledge.bps),
            rank=committed.event.rank + 1,
            state=pledge.state.name.lower(),
            state_text=Text.of(pledge.state.words),
            principal=Money.of(terms.principal),
            annual_rate=Share.of(terms.annual_rate_bps),
            schedule=[
                ScheduledPrincipal(due_at=_moment(each.due_at), principal=Money.of(each.principal))
                for each in terms.schedule
            ],
            registration=registration
            and Registration(number=text_of(registration.register_number), expires_at=_moment(registration.expiry)),
            debt=_debt(pledge, as_of),
            dispute=pledge.dispute and PledgeDispute.of(pledge.dispute),
            repayments=repayments,
            source=Source.of(committed),
        )


def _debt(pledge: Pledge, as_of: int) -> DebtNow | None:
    if pledge.loan is None:
        return None
    loan = pledge.loan.at(as_of)
    return DebtNow(
        principal=Money.of(loan.principal),
        interest=Money.of(loan.interest),
        costs=Money.of(loan.costs),
        due=Money.of(pledge.due(as_of)),
        arrears=Money.of(loan.debt if pledge.is_called_in else loan.arrears),
        as_of=_moment(as_of),
    )


# DATA ASSETS


class AssetVersion(Answer):
    """A version of a data asset. The data are never here: `content` is a salted commitment."""

    number: int
    content: Hex32
    records: Integer
    period_start: datetime
    period_end: datetime
    """Half-open: the first second after it."""
    created_at: datetime
    quality_round: Hex32 | None
    """The oracle round that measured its quality."""
    source: Source

    @classmethod
    def of(cls, appended: Emitted[VersionAppended]) -> Self:
        version = appended.event.version
        return cls(
            number=appended.event.number,
            content=_hex(version.content),
            records=str(version.records),
            period_start=_moment(version.period_start),
            period_end=_moment(version.period_end),
            created_at=_moment(version.created_at),
            quality_round=_hex(version.round) if any(version.round) else None,
            source=Source.of(appended),
        )


class AssetLicence(Answer):
    """Who may use the data, and what for. Its number is the reference of its payment."""

    licence: Annotated[str, Field(examples=["LIC-2026-0001"])]
    licensee: AddressText
    purpose: str
    fee: Money
    terms: Hex32
    """Salted commitment to the contract."""
    begins_at: datetime | None
    ends_at: datetime | None
    """Half-open. Nothing for either when it is further away than calendars go."""
    ended_by: AddressText | None
    """Who ended it, if somebody did."""
    source: Source

    @classmethod
    def of(cls, licence: DataLicence) -> Self:
        event = licence.granted.event
        return cls(
            licence=text_of(event.licence),
            licensee=event.terms.licensee,
            purpose=text_of(event.terms.purpose),
            fee=Money.of(event.terms.fee),
            terms=_hex(event.terms.terms),
            begins_at=_distant(event.terms.from_),
            ends_at=_distant(event.terms.to),
            ended_by=licence.ended.event.by if licence.ended else None,
            source=Source.of(licence.granted),
        )


class AssetReason(Answer):
    """One thing that holds against the asset."""

    key: Literal["stale", "shortfall", "never_appraised", "appraisal_out_of_date", "disputed"]
    text: Text

    @classmethod
    def of(cls, reason: Reason) -> Self:
        return cls.model_validate({"key": str(reason.name).lower(), "text": Text.of(reason.words)})


class AssetCovenant(Answer):
    """Where the asset stands under its live pledge, at the newest block in the books."""

    pledge: Hex32
    lender: AddressText
    """Who lends now: the lien may have been transferred."""
    standing: Literal["fresh", "stale", "shortfall"]
    standing_text: Text
    reasons: list[AssetReason]
    value: Money
    """What it counts for now: the lower one while disputed, the agreed part while stale."""
    debt: Money
    freshness_seconds: int
    """How long a version stays fresh after it was made."""
    fresh_until: datetime | None
    """If nothing is paused until then; nothing when no version counts."""
    stale_share: Share
    largest_debt: Share
    """Of the value."""
    valuation_feed: str
    quality_feed: str | None
    """Only versions measured by it count; nothing when every version does."""
    as_of: datetime
    source: Source

    @classmethod
    def of(cls, report: CovenantReport) -> Self:
        terms, status, agreed = report.covenant.terms, report.status, report.covenant.agreed
        return cls.model_validate(
            {
                "pledge": _hex(agreed.event.pledge),
                "lender": report.lender,
                "standing": status.standing.name.lower(),
                "standing_text": Text.of(status.standing.words),
                "reasons": [AssetReason.of(reason) for reason in status.reasons],
                "value": Money.of(status.value),
                "debt": Money.of(status.debt),
                "freshness_seconds": terms.freshness_period,
                "fresh_until": None if report.fresh_until is None else _moment(report.fresh_until),
                "stale_share": Share.of(terms.stale_bps),
                "largest_debt": Share.of(terms.max_ltv_bps),
                "valuation_feed": text_of(terms.valuation_feed),
                "quality_feed": text_of(terms.quality_feed) if any(terms.quality_feed) else None,
                "as_of": _moment(report.as_of),
                "source": Source.of(agreed),
            }
        )


class DataAssetSummary(Answer):
    """A registered data set."""

    certificate: Annotated[str, Field(examples=["DEX-2026-000001"])]
    steward: AddressText
    agreement: str
    leg: int
    """The leg of the agreement through which licence income arrives."""
    papers: Hex32
    """Salted commitment to the certificate's papers."""
    newest_version: AssetVersion | None
    licences: int
    """How many were granted."""
    source: Source

    @classmethod
    def of(cls, asset: DataAsset) -> Self:
        event = asset.registered.event
        return cls(
            certificate=text_of(event.certificate),
            steward=asset.steward,
            agreement=text_of(asset.agreement),
            leg=asset.leg,
            papers=_hex(event.papers),
            newest_version=AssetVersion.of(asset.versions[-1]) if asset.versions else None,
            licences=len(asset.licences),
            source=Source.of(asset.registered),
        )


class DataAssetDetail(Answer):
    """A data asset with its versions, licences and covenant."""

    asset: DataAssetSummary
    covenant: AssetCovenant | None
    """Nothing without a live pledge, or before steward and lender have agreed."""
    versions: Page[AssetVersion]
    """Newest first."""
    licences: Page[AssetLicence]
    """Newest first."""

    @classmethod
    def of(cls, asset: DataAsset, covenant: CovenantReport | None, limit: int, offset: int) -> Self:
        versions = [AssetVersion.of(each) for each in reversed(asset.versions)]
        licences = [AssetLicence.of(each) for each in reversed(list(asset.licences.values()))]
        return cls(
            asset=DataAssetSummary.of(asset),
            covenant=covenant and AssetCovenant.of(covenant),
            versions=Page.of(versions, limit, offset),
            licences=Page.of(licences, limit, offset),
        )


_LAST_MOMENT = int(datetime.max.replace(tzinfo=UTC).timestamp())


def _distant(timestamp: int) -> datetime | None:
    return _moment(timestamp) if timestamp <= _LAST_MOMENT else None


def _moment(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
