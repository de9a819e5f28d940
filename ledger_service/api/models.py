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
PeriodText = Annotated[str, Field(description="月份（UTC） · Month, UTC.", examples=["2018-12"])]


class Answer(BaseModel):
    """The base of all answers."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Text(Answer):
    """同一句话的中文和英文 · The same in Chinese and English."""

    zh: str
    en: str

    @classmethod
    def of(cls, words: Words) -> Self:
        return cls(zh=words.zh, en=words.en)


class Money(Answer):
    """金额 · An amount of money."""

    fen: Annotated[Integer, Field(examples=["123456789"])]
    """整数分（0.01 元） · Integer fen (0.01 yuan)."""
    text: Annotated[str, Field(examples=["¥1,234,567.89"])]

    @classmethod
    def of(cls, fen: int) -> Self:
        return cls(fen=str(fen), text=yuan_text(fen))


class Carbon(Answer):
    """碳汇量 · An amount of credits."""

    kg: Annotated[Integer, Field(examples=["1123458"])]
    """整数千克 CO2e · Integer kg CO2e."""
    text: Annotated[str, Field(examples=["1,123.458 tCO2e"])]

    @classmethod
    def of(cls, kg: int) -> Self:
        return cls(kg=str(kg), text=tonnes_text(kg))


class Share(Answer):
    """份额 · A share of a whole."""

    bps: int
    """基点：10,000 为全部 · Basis points: 10,000 are all of it."""
    text: Annotated[str, Field(examples=["80 %"])]

    @classmethod
    def of(cls, bps: int) -> Self:
        return cls(bps=bps, text=str(Bps(bps)))


class Source(Answer):
    """出自哪个链上事件 · The event on chain that says so."""

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
    """清单的一页 · Some of a list."""

    items: list[T]
    total: int
    """总条数 · How many there are in all."""
    limit: int
    offset: int

    @classmethod
    def of(cls, everything: Sequence[T], limit: int, offset: int) -> Self:
        return cls(items=list(everything[offset : offset + limit]), total=len(everything), limit=limit, offset=offset)


class Health(Answer):
    """账簿是否跟上链 · Whether the books keep up with the chain."""

    status: Literal["ok", "behind"]
    chain_id: int
    genesis_hash: Hex32
    """首笔部署交易所在区块，区分链号相同的两条链 ·
    The block of the first deployment transaction: it tells two chains with one id apart.
    """
    contracts: dict[str, AddressText]
    chain_head: int
    indexed_head: int | None
    """尚未读入任何区块时为空 · Nothing before the first block was read."""
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
    """协议的一份分成 · One part of an agreement."""

    index: int
    name: Text | None
    """协议不在目录中时为空 · Nothing when the agreement is not in the catalogue."""
    kind: Literal["account", "fund", "register", "agreement"]
    share: Share
    account: AddressText | None
    """分成账户，或专项资金的负责账户 · Who collects an account, or answers for a fund."""
    purpose: str | None
    """专项资金只能用于什么 · What a fund may be spent on."""
    feed: str | None
    """测定登记册持有人权重的监测项 · The oracle feed that measures the holders of a register."""
    subject: str | None
    """监测的对象 · What it measures there."""
    child: str | None
    """下级协议：这份分成是它的收入 · The agreement whose income a nested leg is."""
    payout: Share | None
    """专项资金支付账单的份额；按金额支付时为空 ·
    The share of a bill that a fund pays; nothing where it pays by amount.
    """

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
    """已发布的版本：拆分 `effective_from` 起到账的收入 ·
    A published version: it splits what arrives from `effective_from` on.
    """

    version: int
    effective_from: datetime
    tier: int
    """同时发布的第几档；不分档为 0 · Which of the tiers that were published together; 0 for a plain version."""
    income_from: Money
    """协议累计收入达到此数起用本档，直到下一档 ·
    Cumulative income of the agreement from which the tier applies, up to the next tier.
    """
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
    """一份分成在一期内分得的收入 · What a leg was given in a period."""

    leg: int
    income: Money
    unpaid: Money
    register_root: Hex32 | None
    """尚不知由谁分享时为空 · Nothing while nobody is known to share it."""
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
    """协议的一个版本在一期内的收入 · What one version of an agreement received for one period."""

    version: int
    period: PeriodText
    received: Money
    held_back: Money
    """关账前留存的零头分 · Odd fen, until the period is closed."""
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
    """协议及其最后发布的版本 · An agreement, with the version that was published last."""

    key: Annotated[str, Field(examples=["carbon-pool"])]
    name: Text | None
    """不在目录中时为空 · Nothing when it is not in the catalogue."""
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
    """协议的全部版本与收入 · An agreement with all its versions and its income."""

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
    """一笔专项支出的提议及其结果 · What somebody proposed to spend a fund on, and what became of it."""

    spending: int
    payee: AddressText
    amount: Money
    bill: Money | None
    """专项资金按份额支付的账单；按金额支付时为空 ·
    The bill of which the fund pays its share; nothing where it pays by amount.
    """
    evidence: Hex32
    """用途证明的哈希 · Hash of what shows the purpose."""
    state: Literal["proposed", "spent", "retracted"]
    state_text: Text
    proposed_by: AddressText
    spent_by: AddressText | None
    """与提议人必不相同 · Never the same as who proposed it."""
    source: Source
    """最近一个相关事件 · The newest event that says so."""

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
    """专项资金：协议的一份分成，专款专用 · An earmarked fund: a leg of an agreement, kept for one purpose."""

    agreement: str
    leg: int
    purpose: str
    payout: Share | None
    """支付账单的份额；按金额支付时为空 · The share of a bill that it pays; nothing where it pays by amount."""
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
    """专项资金及其全部支出 · A fund with all its spendings."""

    fund: FundSummary
    spendings: Page[FundSpending]

    @classmethod
    def of(cls, statement: FundStatement, limit: int, offset: int) -> Self:
        spendings = [FundSpending.of(number, each) for number, each in statement.spendings.items()]
        return cls(fund=FundSummary.of(statement), spendings=Page[FundSpending].of(spendings, limit, offset))


# CREDITS


class BatchSummary(Answer):
    """由一个最终轮次签发的碳汇量 · Credits issued from one final round."""

    batch: int
    project: str
    issued: Carbon
    buffered: Carbon
    serials: Annotated[str, Field(examples=["1-1123458"])]
    """项目内的首末序列号 · First and last serial number within the project."""
    period_start: datetime
    period_end: datetime
    """左闭右开：期后第一秒 · Half-open: the first second after it."""
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
    """一个账户持有的碳汇量 · Credits of one account."""

    account: AddressText
    credits: Carbon


class Signer(Answer):
    """本轮签名的监测方 · A reporter who signed the round."""

    account: AddressText
    group: int
    """1：运营方传感器；2：独立核查方 · 1: the operator's sensors; 2: independent verifiers."""
    source: Source


class BatchSheet(Answer):
    """批次去向：除末两项外，各项合计等于签发量 ·
    What became of a batch: all but the last two add up to what was issued.
    """

    issued: Carbon
    tradable: Carbon
    """缓冲账户以外各方持有 · Held by anyone but the buffer."""
    buffer: Carbon
    retired: Carbon
    """已使用，每次一张证书 · Used, each by one certificate."""
    cancelled: Carbon
    """因故销毁，或用于补足缺口 · Destroyed for a reason, or to make a shortfall good."""
    reversed: Carbon
    """森林失碳，从缓冲收回 · Taken back from the buffer because the forest lost them."""
    shortfall: Carbon
    """森林失碳而缓冲不足的累计缺口 · Lost by the forest and not covered by buffers, in all."""
    made_good: Carbon
    """缺口中已补足的部分；未补足前碳汇池不得出售本批次 ·
    What of the shortfall was made good; while it is less, the pool sells nothing of the batch.
    """

    @classmethod
    def of(cls, sheet: BalanceSheet) -> Self:
        return cls(**{term: Carbon.of(kg) for term, kg in asdict(sheet).items()})


class BatchDetail(Answer):
    """批次的去向、持有人与监测方 · A batch, what became of it, who holds it, and who measured it."""

    batch: BatchSummary
    sheet: BatchSheet
    holdings: list[Holding]
    uncertainty: Carbon
    """90 % 区间的半宽 · Half-width of the 90 % interval."""
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
    """路径一步中的一项事实 · One thing that a step of a path shows."""

    name: Text
    value: str


class PathStep(Answer):
    """从所查事项回溯到原始数据途中的一个事件 · One event on the way back from what is asked about to the raw data."""

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
    """已使用的碳汇量、用途与来源林木 · Credits that were used, what for, and the trees that they come from."""

    certificate: int
    holder: AddressText
    """注销人；证书不能转让 · Who retired; the certificate stays there."""
    project: str
    batch: int
    credits: Carbon
    serials: Annotated[str, Field(examples=["1-1000"])]
    """项目内的首末序列号 · First and last serial number within the project."""
    purpose: str
    use_start: Integer
    """所抵排放期的第一秒（UTC） · First UTC second of the period whose emissions they stand for."""
    use_end: Integer
    """期后第一秒 · The first second after it."""
    beneficiary: Hex32
    """加盐承诺：知道名称与盐的人可以核对 · A salted commitment: whoever knows the name and the salt can check it."""
    source: Source
    path: list[PathStep]
    """证书、批次、轮次、签名报告、原始数据 · Certificate, batch, round, signed reports, raw data."""

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
    """持有人账户的一笔记账；持有人增加为正 ·
    One posting to an account of the holder, above zero when the holder has more after it.
    """

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
    """在份额登记册中的位置：占总数的 [before, before + weight) ·
    The holder's place in a share register: its slice is [before, before + weight) of total.
    """

    root: Hex32
    index: int
    count: int
    weight: Integer
    before: Integer
    total: Integer
    proof: str
    """`Revenue.claim` 所需的证明：每步 48 字节 · What `Revenue.claim` wants: 48 bytes for each step."""


class HolderEarning(Answer):
    """持有人在一份分成、一期内的收益 · What the holder earns in one leg of an agreement in one period."""

    agreement: str
    version: int
    period: PeriodText
    leg: int
    is_closed: bool
    leg_income: Money
    entitled: Money
    """至今应得总额，含已付 · Owed in all so far, paid or not."""
    paid: Money
    paid_to_lenders: Money
    unpaid: Money
    leaf: RegisterPlace | None
    """以账户身份领取时为空 · Nothing when the holder collects the leg as its account."""

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
    """正在兑付到持有人银行账户的凭证 · Vouchers on their way to the holder's bank account."""

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
    """一个批次的碳汇量 · Credits of one batch."""

    batch: int
    credits: Carbon


class Statement(Answer):
    """账簿所知的一位持有人的全部情况 · Everything the books know of one holder."""

    holder: AddressText
    as_of_block: int | None
    as_of: datetime | None
    vouchers: Money
    set_aside: Money
    """付不出而由 `Revenue` 或 `Pledges` 代存 · Kept by `Revenue` or `Pledges` because it could not be paid."""
    credits: list[HolderCredits]
    earnings: list[HolderEarning]
    pledges: list[Hex32]
    """该持有人出质的质押 · Those that the holder gave."""
    redemptions: list[HolderRedemption]
    movements: Page[Movement]
    """新的在前 · Newest first."""

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
    """使质押可对抗第三人的登记 · What makes the lien good against third parties."""

    number: str
    expires_at: datetime


class ScheduledPrincipal(Answer):
    """到期本金 · Principal that falls due."""

    due_at: datetime
    principal: Money


class PledgeRepayment(Answer):
    """一笔还款：领取时扣付，或由他人支付 · A payment towards the debt, out of a claim or by somebody."""

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
    """截至账簿最新区块的欠款 · What is owed at the newest block in the books."""

    principal: Money
    interest: Money
    costs: Money
    """执行费用 · Enforcement costs."""
    due: Money
    """三项中已到期的部分 · What of all three is due."""
    arrears: Money
    """其中已过分期还款日仍未付的部分；宣布提前到期后为全部欠款 ·
    What of it should have been paid at an instalment that has come; all of the debt once it is called in.
    """
    as_of: datetime


class PledgeDispute(Answer):
    """一方提出的争议：暂停解除与强制执行，至多 30 天 ·
    A party's objection: it stops release and enforcement for up to 30 days.
    """

    by: AddressText
    reason: Hex32
    source: Source

    @classmethod
    def of(cls, opened: Emitted[DisputeOpened]) -> Self:
        return cls(by=opened.event.by, reason=_hex(opened.event.reason), source=Source.of(opened))


class PledgeDetail(Answer):
    """未来收益上的质押及其担保的贷款 · A lien on coming income, and the loan it secures."""

    pledge: Hex32
    holder: AddressText
    lender: AddressText
    agreement: str
    leg: int
    from_period: PeriodText
    to_period: PeriodText
    """含本期 · Inclusive."""
    share: Share
    rank: int
    """登记时的顺位，1 为第一顺位 · 1 is the first lien at the time of registration."""
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
    """质押办妥登记前为空 · Nothing before the lien is perfected."""
    debt: DebtNow | None
    """放款前，以及出借人免除余债后为空 · Nothing before the loan is disbursed, and after its lender waived the rest."""
    dispute: PledgeDispute | None
    """双方尚未了结的最近一次争议；到期自动失效 ·
    The last objection of a party that both have not settled. It lapses by itself.
    """
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
    """数据资产的一个版本。数据不在链上：`content` 是加盐承诺 ·
    A version of a data asset. The data are never here: `content` is a salted commitment.
    """

    number: int
    content: Hex32
    records: Integer
    period_start: datetime
    period_end: datetime
    """左闭右开：期后第一秒 · Half-open: the first second after it."""
    created_at: datetime
    quality_round: Hex32 | None
    """测定其质量的监测轮次 · The oracle round that measured its quality."""
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
    """谁可以使用数据、作何用途。许可编号即其付款流水号 ·
    Who may use the data, and what for. Its number is the reference of its payment.
    """

    licence: Annotated[str, Field(examples=["LIC-2026-0001"])]
    licensee: AddressText
    purpose: str
    fee: Money
    terms: Hex32
    """对合同的加盐承诺 · Salted commitment to the contract."""
    begins_at: datetime | None
    ends_at: datetime | None
    """左闭右开。起止超出日历范围时为空 · Half-open. Nothing for either when it is further away than calendars go."""
    ended_by: AddressText | None
    """提前结束人，如有 · Who ended it, if somebody did."""
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
    """对该资产不利的一项原因 · One thing that holds against the asset."""

    key: Literal["stale", "shortfall", "never_appraised", "appraisal_out_of_date", "disputed"]
    text: Text

    @classmethod
    def of(cls, reason: Reason) -> Self:
        return cls.model_validate({"key": str(reason.name).lower(), "text": Text.of(reason.words)})


class AssetCovenant(Answer):
    """资产在现行质押下的状态，截至账簿最新区块 ·
    Where the asset stands under its live pledge, at the newest block in the books.
    """

    pledge: Hex32
    lender: AddressText
    """现出借人：质权可能已转让 · Who lends now: the lien may have been transferred."""
    standing: Literal["fresh", "stale", "shortfall"]
    standing_text: Text
    reasons: list[AssetReason]
    value: Money
    """现计价值：有争议时取低者，过期时按约定比例 ·
    What it counts for now: the lower one while disputed, the agreed part while stale.
    """
    debt: Money
    freshness_seconds: int
    """每个版本制成后保持新鲜的时长 · How long a version stays fresh after it was made."""
    fresh_until: datetime | None
    """若此前没有暂停；没有可计版本时为空 · If nothing is paused until then; nothing when no version counts."""
    stale_share: Share
    largest_debt: Share
    """占价值的比例 · Of the value."""
    valuation_feed: str
    quality_feed: str | None
    """只计由它测定的版本；全部都计时为空 · Only versions measured by it count; nothing when every version does."""
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
                "largest_debt": Share.of(terms.maximum_ltv_bps),
                "valuation_feed": text_of(terms.valuation_feed),
                "quality_feed": text_of(terms.quality_feed) if any(terms.quality_feed) else None,
                "as_of": _moment(report.as_of),
                "source": Source.of(agreed),
            }
        )


class DataAssetSummary(Answer):
    """已登记的数据集 · A registered data set."""

    certificate: Annotated[str, Field(examples=["DEX-2026-000001"])]
    steward: AddressText
    agreement: str
    leg: int
    """许可收入经由协议的这份分成到账 · The leg of the agreement through which licence income arrives."""
    papers: Hex32
    """对证书材料的加盐承诺 · Salted commitment to the certificate's papers."""
    newest_version: AssetVersion | None
    licences: int
    """已授予的许可数 · How many were granted."""
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
    """数据资产的版本、许可与约定 · A data asset with its versions, licences and covenant."""

    asset: DataAssetSummary
    covenant: AssetCovenant | None
    """没有现行质押，或双方尚未约定时为空 · Nothing without a live pledge, or before steward and lender have agreed."""
    versions: Page[AssetVersion]
    """新的在前 · Newest first."""
    licences: Page[AssetLicence]
    """新的在前 · Newest first."""

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
