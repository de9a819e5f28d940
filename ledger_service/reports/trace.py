"""What an auditor asks: where does this fen come from? Walked back from a payment to what the reporters signed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ledger_service.chain.events import (
    Anchored,
    BatchIssued,
    Challenged,
    Claimed,
    Collected,
    CreditsRetired,
    Emitted,
    Forwarded,
    IncomeReceived,
    Judged,
    RedemptionPaid,
    RedemptionRequested,
    Restated,
    Verdict,
    emitted_of,
)
from ledger_service.domain.agreements import Line, Pot
from ledger_service.domain.bilingual import Words
from ledger_service.domain.books import EventId, Record
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import Address, text_of
from ledger_service.domain.units import Bps, Kg, Period, feed_text, yuan_text
from ledger_service.facts import agreements, batch_numbered, certificate_numbered, emitted, final_rounds
from ledger_service.projection import REMEMBERED, Projection
from ledger_service.settlement import RegisterFolder, open_register
from ledger_service.store.books import Reader


class RedemptionUnknown(LedgerError):
    """Nobody asked for a redemption with this number."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"没有编号为 {number} 的兑付 · there is no redemption {number}")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a step shows."""

    name: Words
    value: str


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow of the path, walked backwards."""

    title: Words
    facts: tuple[Fact, ...]
    event: EventId
    transaction: str
    """Where anyone can look it up."""


def trace_redemption(reader: Reader, registers: RegisterFolder, number: int) -> tuple[Step, ...]:
    """Walks back from a redemption: the bank's payment, then every claim that the holder's vouchers can come from.

    Vouchers are alike, so the claims are all that the holder was paid before it asked, the newest first. What two
    claims have in common is shown once.

    Raises:
        RedemptionUnknown: There is no such redemption.
        RegisterMissing: A register that the holder was paid from is not there.
    """
    requests = {each.event.redemption: each for each in emitted(reader, RedemptionRequested)}
    if number not in requests:
        raise RedemptionUnknown(number)
    requested = requests[number]
    steps = [_payment(each) for each in emitted(reader, RedemptionPaid) if each.event.redemption == number]
    steps.append(_redemption(requested))
    holder = requested.event.holder
    claims = [each for each in claims_of(reader, holder) if _place(each) < _place(requested)]
    for claim in reversed(claims):
        steps += trace_claim(reader, registers, claim)
    return tuple(dict.fromkeys(steps))


def trace_certificate(reader: Reader, number: int) -> tuple[Step, ...]:
    """Walks back from a retirement certificate: its batch, the round, the reports, the raw data about the trees.

    Raises:
        CertificateUnknown: There is no such certificate.
    """
    retired = certificate_numbered(reader, number)
    issued = batch_numbered(reader, retired.event.batch)
    return (_retirement(retired), _batch(issued), *trace_round(reader, issued.event.round))


def claims_of(reader: Reader, holder: Address) -> tuple[Emitted[Any], ...]:
    """Every claim that paid a holder, oldest first: from registers, and as the account of a leg."""
    claims = map(emitted_of, reader.records(Claimed.__name__, Collected.__name__))
    return tuple(claim for claim in claims if claim.event.account == holder)


def trace_claim(reader: Reader, registers: RegisterFolder, claim: Emitted[Any]) -> tuple[Step, ...]:
    """Walks back from a claim: line, receipts, agreement, and for a register its leaf, round, evidence and signers.

    Args:
        reader: The books.
        registers: Where the register is kept.
        claim: A `Claimed` or `Collected` event.

    Raises:
        RegisterMissing: The register is not there.
    """
    projection = Projection(record for record in reader.records(*REMEMBERED) if _place(record) < _place(claim))
    line = projection.line(claim.event.line)
    return (
        _claim(claim, projection, line),
        *_receipts(reader, projection, line.pot, _place(claim)),
        _agreement(reader, line),
        *(_register(reader, registers, claim, line) if isinstance(claim.event, Claimed) else ()),
    )


def _receipts(reader: Reader, projection: Projection, pot: Pot, before: tuple[int, int]) -> Iterator[Step]:
    """What a pot received: from the bank, or from a parent agreement, whose own receipts follow."""
    forwarded = {each.event.internal_reference: each for each in emitted(reader, Forwarded)}
    for each in emitted(reader, IncomeReceived):
        if _pot(each) != pot or _place(each) >= before:
            continue
        source = forwarded.get(each.event.bank_reference)
        if source is None:
            yield _receipt(each)
            continue
        parent = projection.line(source.event.line)
        yield _forwarding(source, parent)
        yield from _receipts(reader, projection, parent.pot, _place(source))
        yield _agreement(reader, parent)


def _place(each: Emitted[Any] | Record) -> tuple[int, int]:
    return each.block.number, each.id.log_index


def _pot(receipt: Emitted[IncomeReceived]) -> Pot:
    return Pot(text_of(receipt.event.agreement), receipt.event.version, Period(receipt.event.period))


def _step(each: Emitted[Any], title: Words, *facts: tuple[str, str, object]) -> Step:
    at = _moment(each.block.timestamp)
    shown = (*facts, ("时间", "time", at), ("区块", "block", each.block.number))
    return Step(title, tuple(Fact(Words(zh, en), str(value)) for zh, en, value in shown), each.id, each.transaction)


def _payment(each: Emitted[RedemptionPaid]) -> Step:
    return _step(
        each,
        Words("银行付款", "bank payment"),
        ("付款流水号", "payment reference", text_of(each.event.payment_reference)),
        ("金额", "amount", yuan_text(each.event.amount)),
        ("确认人", "confirmed by", each.event.by),
    )


def _redemption(each: Emitted[RedemptionRequested]) -> Step:
    return _step(
        each,
        Words("凭证兑付", "redemption of vouchers"),
        ("编号", "number", each.event.redemption),
        ("持有人", "holder", each.event.holder),
        ("金额", "amount", yuan_text(each.event.amount)),
        ("收款账户承诺", "commitment to the bank account", _hex(each.event.payee)),
    )


def _claim(each: Emitted[Any], projection: Projection, line: Line) -> Step:
    return _step(
        each,
        Words("领取分成", "claim"),
        ("持有人", "holder", each.event.account),
        ("金额", "amount", yuan_text(each.event.amount)),
        ("其中付给出借人", "of which to lenders", yuan_text(each.event.diverted)),
        ("累计已付", "paid in all", yuan_text(each.event.paid)),
        ("分成", "line", line),
        ("分成当时应付", "income of the line then", yuan_text(projection.line_income(line))),
        ("当时已关账", "closed then", "是 yes" if projection.is_closed(line.pot) else "否 no"),
    )


def _receipt(each: Emitted[IncomeReceived]) -> Step:
    return _step(
        each,
        Words("银行入账", "receipt"),
        ("银行流水号", "bank reference", text_of(each.event.bank_reference)),
        ("金额", "amount", yuan_text(each.event.amount)),
        ("累计入账", "received in all", yuan_text(each.event.received)),
        ("记账人", "recorded by", each.event.by),
    )


def _forwarding(each: Emitted[Forwarded], line: Line) -> Step:
    return _step(
        each,
        Words("上级协议转入", "from a parent agreement"),
        ("分成", "line", line),
        ("金额", "amount", yuan_text(each.event.amount)),
        ("累计转入", "forwarded in all", yuan_text(each.event.paid)),
        ("内部流水号", "internal reference", _hex(each.event.internal_reference)),
    )


def _agreement(reader: Reader, line: Line) -> Step:
    published = agreements(reader)[line.pot.agreement][line.pot.version - 1]
    legs = published.event.legs
    return _step(
        published,
        Words("分配协议", "agreement"),
        ("协议", "agreement", line.pot.agreement),
        ("版本", "version", published.event.version),
        ("生效", "in force from", _moment(published.event.effective_from)),
        ("各分成", "legs", " + ".join(str(Bps(leg.bps)) for leg in legs)),
        ("本分成", "this leg", f"{line.leg}: {Bps(legs[line.leg].bps)} {legs[line.leg].kind.name.lower()}"),
        ("发布人", "published by", published.event.by),
    )


def _register(reader: Reader, registers: RegisterFolder, claim: Emitted[Claimed], line: Line) -> Iterator[Step]:
    opened = open_register(reader, line)
    register = registers.load(opened.event.root)
    index = claim.event.index
    _, weight = register.leaf(index)
    yield _step(
        opened,
        Words("份额登记册", "share register"),
        ("根", "root", _hex(opened.event.root)),
        ("总权重", "total", f"{register.total:,}"),
        ("户数", "holders", f"{register.count:,}"),
        ("本户序号", "index", index),
        ("本户权重", "weight", f"{weight:,}"),
        ("之前权重合计", "weight before it", f"{register.before(index):,}"),
    )
    for issued in emitted(reader, BatchIssued):
        if issued.event.round == opened.event.round:
            yield _batch(issued)
    yield from trace_round(reader, opened.event.round)


def _retirement(each: Emitted[CreditsRetired]) -> Step:
    event = each.event
    return _step(
        each,
        Words("注销证书", "retirement certificate"),
        ("证书", "certificate", event.certificate),
        ("持有人", "holder", event.holder),
        ("注销量", "retired", Kg(event.quantity)),
        ("序列号", "serials", f"{event.serial_start:,}–{event.serial_start + event.quantity - 1:,}"),
        ("用途", "purpose", text_of(event.purpose)),
        ("受益人承诺", "commitment to the beneficiary", _hex(event.beneficiary)),
    )


def _batch(each: Emitted[BatchIssued]) -> Step:
    event = each.event
    return _step(
        each,
        Words("碳汇批次", "batch of credits"),
        ("批次", "batch", event.batch),
        ("项目", "project", text_of(event.project)),
        ("签发量", "issued", Kg(event.issued)),
        ("其中缓冲", "of which buffer", Kg(event.buffered)),
        ("序列号", "serials", f"{event.serial_start:,}–{event.serial_start + event.issued - 1:,}"),
    )


def trace_round(reader: Reader, identifier: bytes) -> Iterator[Step]:
    """Walks back from a final round: what a panel had to say of it, the signed reports, the evidence."""
    measured = final_rounds(reader)[identifier]
    result, final = measured.result, measured.finalised.event
    feed = text_of(final.feed)
    yield _step(
        measured.finalised,
        Words("监测轮次", "monitoring round"),
        ("轮次", "round", _hex(identifier)),
        ("监测项", "feed", feed),
        ("对象", "subject", text_of(final.subject)),
        ("数值", "value", feed_text(feed, result.value)),
        ("不确定度", "uncertainty", feed_text(feed, result.uncertainty)),
        ("方法学", "methodology", _hex(result.methodology)),
    )
    yield from _dispute(reader, identifier, feed)
    for report in measured.reports:
        signed = report.event.report
        yield _step(
            report,
            Words("监测报告", "signed report"),
            ("监测方", "signer", report.event.signer),
            ("组别", "group", report.event.group),
            ("序号", "sequence", signed.seq),
            ("监测期", "period", f"{_moment(signed.period_start)} – {_moment(signed.period_end)}"),
            ("观测于", "observed at", _moment(signed.observed_at)),
        )
    for anchored in emitted(reader, Anchored):
        if anchored.event.root == result.evidence_root:
            root = ("证据根", "evidence root", _hex(result.evidence_root))
            yield _step(anchored, Words("原始数据锚定", "raw data"), root)


def _dispute(reader: Reader, identifier: bytes, feed: str) -> Iterator[Step]:
    """Who challenged the round, what the panel decided, and what it put in its place or beside it."""
    for challenged in emitted(reader, Challenged):
        if challenged.event.round == identifier:
            yield _step(
                challenged,
                Words("质疑", "challenge"),
                ("质疑人", "challenger", challenged.event.challenger),
                ("理由", "reason", text_of(challenged.event.reason)),
                ("证据", "evidence", _hex(challenged.event.evidence)),
            )
    for judged in emitted(reader, Judged):
        if judged.event.round == identifier:
            yield _step(
                judged,
                Words("裁定", "verdict"),
                ("裁定", "verdict", VERDICTS[judged.event.verdict]),
                ("争议", "dispute", judged.event.dispute),
            )
    for restated in emitted(reader, Restated):
        if restated.event.round == identifier:
            yield _step(
                restated,
                Words("更正", "restatement"),
                ("原数值", "value before", feed_text(feed, restated.event.old_value)),
                ("更正值", "restated value", feed_text(feed, restated.event.figures.value)),
                ("不确定度", "uncertainty", feed_text(feed, restated.event.figures.uncertainty)),
                ("证据根", "evidence root", _hex(restated.event.figures.evidence_root)),
            )


VERDICTS = {
    Verdict.UPHELD: "维持 upheld",
    Verdict.VOID: "作废 void",
    Verdict.RESTATED: "更正 restated",
}


def _moment(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
