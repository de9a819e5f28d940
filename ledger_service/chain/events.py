"""Every event of the protocol, typed, and how it is read from the chain.

A field is named as in the contract's interface, which is its manual, in snake case (`from` is `from_`). Identifiers
stay 32 bytes here; `domain.identifiers.text_of` shows them.
"""

import keyword
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from enum import IntEnum
from functools import cache
from typing import Any, Generic, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

from eth_abi.abi import decode
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic
from eth_utils.address import to_checksum_address
from web3.exceptions import BlockNotFound, Web3RPCError
from web3.types import LogReceipt

from ledger_service.chain.artefacts import load_artefact
from ledger_service.chain.client import Chain, ChainUnreachable
from ledger_service.domain.agreements import LegKind
from ledger_service.domain.books import Block, EventId, Record
from ledger_service.domain.errors import LedgerError
from ledger_service.domain.identifiers import Address
from ledger_service.domain.pledges import PledgeState
from ledger_service.domain.rounds import Report

E = TypeVar("E")

EVENTS: dict[str, type[Any]] = {}
"""Every event by its name. Contracts that share a name share its fields, but for those in `RENAMED`."""

RENAMED: Mapping[tuple[str, str], str] = {
    ("RetirementCertificates", "Transfer"): "CertificateTransfer",
    ("RetirementCertificates", "Approval"): "CertificateApproval",
    ("RetirementCertificates", "ApprovalForAll"): "CertificateApprovalForAll",
}
"""What an event is called here whose name means something else in another contract, by contract and name."""


class UnknownEvent(LedgerError):
    """A contract of the deployment emitted what this version cannot read. Passing over it would be wrong."""

    def __init__(self, contract: str, topic: str, block_number: int) -> None:
        self.contract = contract
        self.topic = topic
        self.block_number = block_number
        super().__init__(
            f"区块 {block_number} 中合约 {contract} 发出未知事件 {topic}，请升级账本 · "
            f"{contract} emitted the unknown event {topic} in block {block_number}: upgrade the ledger"
        )


class NodeRefused(LedgerError):
    """The node answered with an error, such as for a block whose state it no longer keeps."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"节点拒绝应答：{reason} · the node refused to answer: {reason}")


class ChainMoved(LedgerError):
    """The chain was reorganised while it was read. Reading again gives the new state."""

    def __init__(self, block_number: int) -> None:
        self.block_number = block_number
        super().__init__(
            f"读取过程中区块 {block_number} 被重组 · block {block_number} was reorganised while it was read"
        )


@dataclass_transform(frozen_default=True)
def _event(of: type[E]) -> type[E]:
    made = dataclass(frozen=True, slots=True)(of)
    EVENTS[made.__name__] = made
    return made


# ROLES


@_event
class AuthorityUpdated:
    authority: Address


@_event
class OperationScheduled:
    operation_id: bytes
    nonce: int
    schedule: int
    caller: Address
    target: Address
    data: bytes


@_event
class OperationExecuted:
    operation_id: bytes
    nonce: int


@_event
class OperationCanceled:
    operation_id: bytes
    nonce: int


@_event
class RoleLabel:
    role_id: int
    label: str


@_event
class RoleGranted:
    role_id: int
    account: Address
    delay: int
    since: int
    new_member: bool


@_event
class RoleRevoked:
    role_id: int
    account: Address


@_event
class RoleAdminChanged:
    role_id: int
    admin: int


@_event
class RoleGuardianChanged:
    role_id: int
    guardian: int


@_event
class RoleGrantDelayChanged:
    role_id: int
    delay: int
    since: int


@_event
class TargetClosed:
    target: Address
    closed: bool


@_event
class TargetFunctionRoleUpdated:
    target: Address
    selector: bytes
    role_id: int


@_event
class TargetAdminDelayUpdated:
    target: Address
    delay: int
    since: int


@_event
class EIP712DomainChanged:
    pass


@_event
class PauseChanged:
    is_paused: bool
    reason: bytes
    paused_seconds: int
    by: Address


# PARTICIPANTS


class ParticipantKind(IntEnum):
    """What a participant is, numbered as `IParticipants.Kind`."""

    UNKNOWN = 0
    """未知：nobody."""
    HOUSEHOLD = 1
    """农户."""
    COOPERATIVE = 2
    """合作社."""
    BANK = 3
    """银行."""
    BUYER = 4
    """买方."""
    OPERATOR = 5
    """运营方."""
    TREASURY = 6
    """财务与结算行."""
    PROTOCOL = 7
    """协议合约."""


@_event
class Admitted:
    account: Address
    kind: ParticipantKind
    identity: bytes
    by: Address


@_event
class BlockedChanged:
    account: Address
    blocked: bool
    reason: bytes
    by: Address


# MONITORING


@dataclass(frozen=True, slots=True)
class Feed:
    """The rules of one feed."""

    quorum: int
    required_groups: int
    challenge_window: int
    maximum_lag: int
    anchor_lag: int
    spread_bps: int
    cross_check_feed: bytes
    minimum_value: int
    maximum_value: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a panel restates a round with."""

    value: int
    uncertainty: int
    share_root: bytes
    share_count: int
    evidence_root: bytes
    methodology: bytes


class RoundState(IntEnum):
    """Where a round stands, numbered as `IMonitoringOracle.State`."""

    NONE = 0
    """未达法定数：no result has its quorum."""
    CANDIDATE = 1
    """候选：a quorum agrees, and the challenge window runs."""
    FINAL = 2
    """最终：never overwritten."""
    DISPUTED = 3
    """质疑中：a panel decides."""
    VOID = 4
    """作废：to be reported anew."""


class Verdict(IntEnum):
    """What a panel decides, numbered as `IMonitoringOracle.Verdict`."""

    NONE = 0
    """未裁定：nothing yet."""
    UPHELD = 1
    """维持：the result stands."""
    VOID = 2
    """作废：the result never comes back."""
    RESTATED = 3
    """更正：other figures take its place, or stand beside it."""


@_event
class FeedConfigured:
    feed: bytes
    config: Feed
    config_digest: bytes
    by: Address


@_event
class SignerChanged:
    feed: bytes
    signer: Address
    old_group: int
    new_group: int
    config_digest: bytes
    by: Address


@_event
class Anchored:
    root: bytes
    at: int
    by: Address


@_event
class Reported:
    round: bytes
    signer: Address
    result: bytes
    group: int
    report: Report


@_event
class Equivocated:
    round: bytes
    signer: Address
    first: bytes
    second: bytes


@_event
class CandidateReached:
    round: bytes
    feed: bytes
    subject: bytes
    result: bytes
    value: int
    uncertainty: int
    share_root: bytes
    share_count: int
    evidence_root: bytes
    methodology: bytes
    final_from: int


@_event
class CandidateLost:
    round: bytes
    result: bytes
    signer: Address


@_event
class VotesVoided:
    feed: bytes
    round: bytes
    result: bytes
    config_digest: bytes


@_event
class Restated:
    round: bytes
    old_result: bytes
    new_result: bytes
    old_value: int
    old_uncertainty: int
    figures: Figures


@_event
class PanelElected:
    panel: int
    members: tuple[Address, ...]
    by: Address


@_event
class Challenged:
    round: bytes
    dispute: int
    challenger: Address
    result: bytes
    reason: bytes
    evidence: bytes
    panel: int
    deadline: int


@_event
class Reopened:
    round: bytes
    dispute: int
    by: Address
    panel: int
    deadline: int


@_event
class PanelVoted:
    round: bytes
    dispute: int
    member: Address
    verdict: Verdict
    figures: Figures


@_event
class Judged:
    round: bytes
    dispute: int
    verdict: Verdict
    state: RoundState
    by: Address


@_event
class DisputeLapsed:
    round: bytes
    dispute: int
    state: RoundState
    by: Address


@_event
class DisputeMoot:
    round: bytes
    dispute: int


@_event
class Finalised:
    round: bytes
    feed: bytes
    subject: bytes
    result: bytes
    value: int


# CREDITS


@dataclass(frozen=True, slots=True)
class Project:
    """The terms of one project."""

    feed: bytes
    subject: bytes
    agreement: bytes
    leg: int
    pool: Address
    buffer: Address
    buffer_bps: int
    yearly_maximum: int


@_event
class ProjectRegistered:
    project: bytes
    terms: Project
    by: Address


@_event
class BatchIssued:
    batch: int
    project: bytes
    round: bytes
    period_start: int
    period_end: int
    issued: int
    buffered: int
    serial_start: int
    methodology: bytes
    evidence_root: bytes
    by: Address


@_event
class TransferSingle:
    operator: Address
    from_: Address
    to: Address
    id: int
    value: int


@_event
class TransferBatch:
    operator: Address
    from_: Address
    to: Address
    ids: tuple[int, ...]
    values: tuple[int, ...]


@_event
class ApprovalForAll:
    account: Address
    operator: Address
    approved: bool


@_event
class URI:
    value: str
    id: int


@_event
class CreditsRetired:
    certificate: int
    batch: int
    holder: Address
    quantity: int
    serial_start: int
    purpose: bytes
    period_start: int
    period_end: int
    beneficiary: bytes
    retired: int
    by: Address


@_event
class CreditsCancelled:
    batch: int
    holder: Address
    reason: bytes
    quantity: int
    serial_start: int
    cancelled: int
    by: Address


@_event
class CreditsReversed:
    batch: int
    project: bytes
    round: bytes
    quantity: int
    serial_start: int
    reversed: int
    by: Address


@_event
class ShortfallRecorded:
    batch: int
    project: bytes
    round: bytes
    quantity: int
    shortfall: int
    made_good: int
    by: Address


@_event
class ShortfallMadeGood:
    batch: int
    source: int
    holder: Address
    quantity: int
    serial_start: int
    shortfall: int
    made_good: int
    cancelled: int
    by: Address


@_event
class RoundReversed:
    round: bytes
    project: bytes
    loss: int
    from_buffer: int
    shortfall: int
    by: Address


@_event
class DeficitChanged:
    project: bytes
    round: bytes
    old_deficit: int
    new_deficit: int
    by: Address


@_event
class Locked:
    certificate: int


@_event
class CertificateTransfer:
    from_: Address
    to: Address
    token_id: int


@_event
class CertificateApproval:
    owner: Address
    approved: Address
    token_id: int


@_event
class CertificateApprovalForAll:
    owner: Address
    operator: Address
    approved: bool


# VOUCHERS


@_event
class Minted:
    bank_reference: bytes
    to: Address
    amount: int
    by: Address


@_event
class RedemptionRequested:
    redemption: int
    holder: Address
    amount: int
    payee: bytes
    by: Address


@_event
class RedemptionPaid:
    redemption: int
    holder: Address
    amount: int
    payment_reference: bytes
    by: Address


@_event
class RedemptionReturned:
    redemption: int
    holder: Address
    amount: int
    reason: bytes
    by: Address


@_event
class Transfer:
    from_: Address
    to: Address
    value: int


@_event
class Approval:
    owner: Address
    spender: Address
    value: int


# REVENUE


@dataclass(frozen=True, slots=True)
class PublishedLeg:
    """One leg of a published version."""

    kind: LegKind
    bps: int
    account: Address
    purpose: bytes
    feed: bytes
    subject: bytes
    child: bytes
    payout_bps: int


@_event
class AgreementPublished:
    agreement: bytes
    version: int
    effective_from: int
    tier: int
    income_from: int
    legs: tuple[PublishedLeg, ...]
    by: Address


@_event
class RegisterOpened:
    agreement: bytes
    leg: int
    period: int
    round: bytes
    root: bytes
    total: int
    count: int
    by: Address


@_event
class IncomeReceived:
    agreement: bytes
    period: int
    bank_reference: bytes
    version: int
    amount: int
    received: int
    by: Address


@_event
class PeriodClosed:
    agreement: bytes
    period: int
    by: Address


@_event
class Claimed:
    line: bytes
    account: Address
    index: int
    amount: int
    diverted: int
    paid: int


@_event
class Collected:
    line: bytes
    account: Address
    amount: int
    diverted: int
    paid: int


@_event
class Forwarded:
    line: bytes
    child: bytes
    internal_reference: bytes
    amount: int
    paid: int
    by: Address


@_event
class SetAside:
    account: Address
    amount: int
    balance: int


@_event
class Withdrawn:
    account: Address
    amount: int


# FUNDS


@dataclass(frozen=True, slots=True)
class SpendingProposal:
    """What the operator proposes to spend a fund on."""

    agreement: bytes
    leg: int
    purpose: bytes
    payee: Address
    amount: int
    bill: int
    evidence: bytes


@_event
class FundFilled:
    agreement: bytes
    leg: int
    amount: int
    balance: int


@_event
class SpendingProposed:
    spending: int
    agreement: bytes
    leg: int
    proposal: SpendingProposal
    expires_at: int
    by: Address


@_event
class SpendingRetracted:
    spending: int
    agreement: bytes
    leg: int
    by: Address


@_event
class FundSpent:
    spending: int
    agreement: bytes
    leg: int
    purpose: bytes
    payee: Address
    amount: int
    evidence: bytes
    balance: int
    proposed_by: Address
    by: Address


# PLEDGES


@dataclass(frozen=True, slots=True)
class Instalment:
    """Principal that falls due."""

    due_at: int
    principal: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holder and lender signed for the case that the loan does not run as planned."""

    disburse_by: int
    grace: int
    remediation: int
    overdue_rate_bps: int
    costs_cap: int
    value: int
    maximum_ltv_bps: int


@dataclass(frozen=True, slots=True)
class PledgeTerms:
    """What holder and lender signed."""

    holder: Address
    lender: Address
    agreement: bytes
    leg: int
    from_period: int
    to_period: int
    bps: int
    principal: int
    annual_rate_bps: int
    schedule: tuple[Instalment, ...]
    conditions: Conditions
    certificate: bytes
    nonce: int
    deadline: int


@dataclass(frozen=True, slots=True)
class Perfection:
    """What makes a lien good against third parties."""

    register_number: bytes
    expiry: int
    collection_account: bytes
    debtor_notice: bytes


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a pledge's terms can change."""

    state: PledgeState
    is_called_in: bool
    bps: int
    from_period: int
    to_period: int
    lender: Address


@_event
class Committed:
    pledge: bytes
    holder: Address
    lender: Address
    rank: int
    terms: PledgeTerms
    by: Address


@_event
class Perfected:
    pledge: bytes
    perfection: Perfection
    by: Address


@_event
class Disbursed:
    pledge: bytes
    holder: Address
    principal: int
    by: Address


@_event
class Repayment:
    pledge: bytes
    lender: Address
    by: Address
    to_costs: int
    to_interest: int
    to_principal: int
    principal: int
    interest: int
    costs: int


@_event
class StateChanged:
    pledge: bytes
    from_: PledgeState
    to: PledgeState
    by: Address


@_event
class Revoked:
    pledge: bytes
    by: Address


# WORKOUTS


@_event
class RepaymentKept:
    account: Address
    amount: int
    balance: int


@_event
class RepaymentHandedOver:
    account: Address
    amount: int


@_event
class RemediationBegun:
    pledge: bytes
    notice: bytes
    until: int
    by: Address


@_event
class CostsCharged:
    pledge: bytes
    amount: int
    costs: int
    charged: int
    evidence: bytes
    by: Address


@_event
class DebtWrittenOff:
    pledge: bytes
    principal: int
    interest: int
    costs: int
    reason: bytes
    by: Address


@_event
class DebtForgiven:
    pledge: bytes
    principal: int
    interest: int
    costs: int
    reason: bytes
    by: Address


@_event
class PartReleased:
    pledge: bytes
    before: Standing
    afterwards: Standing
    by: Address


@_event
class LienTransferred:
    pledge: bytes
    from_: Address
    to: Address


@_event
class Subordinated:
    pledge: bytes
    junior: bytes
    rank: int


@_event
class Consented:
    pledge: bytes
    proposal: bytes
    call: bytes
    by: Address


@_event
class ConsentWithdrawn:
    proposal: bytes
    by: Address


@_event
class DisputeOpened:
    pledge: bytes
    reason: bytes
    until: int
    by: Address


@_event
class DisputeSettled:
    pledge: bytes
    by: Address


# DATA ASSETS


@dataclass(frozen=True, slots=True)
class DataVersion:
    """One version of a data asset."""

    content: bytes
    round: bytes
    records: int
    period_start: int
    period_end: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Licence:
    """Who may use a data asset, for what and until when."""

    licensee: Address
    from_: int
    to: int
    fee: int
    terms: bytes
    purpose: bytes


@dataclass(frozen=True, slots=True)
class Covenant:
    """What steward and lender of a pledged data asset agree on."""

    freshness_period: int
    stale_bps: int
    max_ltv_bps: int
    valuation_feed: bytes
    quality_feed: bytes


@_event
class DataAssetRegistered:
    certificate: bytes
    steward: Address
    papers: bytes
    agreement: bytes
    leg: int
    by: Address


@_event
class VersionAppended:
    certificate: bytes
    number: int
    version: DataVersion
    fresh_as_of: int
    by: Address


@_event
class LicenceGranted:
    certificate: bytes
    licence: bytes
    terms: Licence
    by: Address


@_event
class LicenceEnded:
    certificate: bytes
    licence: bytes
    by: Address


@_event
class StewardshipOffered:
    certificate: bytes
    old: Address
    to: Address
    by: Address


@_event
class StewardshipChanged:
    certificate: bytes
    from_: Address
    to: Address


@_event
class IncomeRepointed:
    certificate: bytes
    old_agreement: bytes
    old_leg: int
    agreement: bytes
    leg: int
    by: Address


@_event
class CovenantProposed:
    certificate: bytes
    pledge: bytes
    covenant: Covenant
    by: Address


@_event
class CovenantAgreed:
    certificate: bytes
    pledge: bytes
    old: Covenant
    covenant: Covenant
    by: Address


@_event
class Appraised:
    certificate: bytes
    pledge: bytes
    result: bytes
    value: int
    uncertainty: int
    previous: int
    lendable: int
    valid_until: int
    by: Address


@_event
class AppraisalDisputed:
    certificate: bytes
    pledge: bytes
    number: int
    disputed_until: int
    reason: bytes
    by: Address


@_event
class AppraisalDisputeEnded:
    certificate: bytes
    pledge: bytes
    number: int
    by: Address


@_event
class MarkedStale:
    certificate: bytes
    pledge: bytes
    fresh_until: int
    by: Address


@_event
class FreshAgain:
    certificate: bytes
    pledge: bytes
    number: int
    by: Address


# READING


@dataclass(frozen=True, slots=True)
class Emitted(Generic[E]):
    """An event, and where it stands."""

    id: EventId
    block: Block
    transaction: str
    contract: str
    event: E


@dataclass(frozen=True, slots=True)
class Reading:
    """What a range of blocks says: its events in order, and the blocks that a later reading can be checked against."""

    blocks: tuple[Block, ...]
    """Those with events, and always the last of the range."""
    emitted: tuple[Emitted[Any], ...]


def head_number(chain: Chain) -> int:
    """Number of the newest block."""
    with reaching(chain):
        return chain.w3.eth.block_number


def block_at(chain: Chain, number: int) -> Block | None:
    """The block with this number, or nothing beyond the newest one."""
    with reaching(chain):
        try:
            block = chain.w3.eth.get_block(number)
        except BlockNotFound:
            return None
    return Block(block["number"], block["hash"].to_0x_hex(), block["timestamp"])


def read(chain: Chain, first: int, last: int) -> Reading:
    """All events of the deployment in the blocks from `first` to `last`.

    Raises:
        ChainMoved: The chain was reorganised meanwhile; nothing that was read may be used.
        UnknownEvent: A contract emitted what this version cannot read.
    """
    with reaching(chain):
        addresses = {address: name for name, address in chain.deployment.contracts.items()}
        logs = chain.w3.eth.get_logs(
            {"fromBlock": first, "toBlock": last, "address": [to_checksum_address(each) for each in addresses]}
        )
    blocks: dict[int, Block] = {}
    for number in sorted({last, *(log["blockNumber"] for log in logs)}):
        block = block_at(chain, number)
        if block is None:
            raise ChainMoved(number)
        blocks[number] = block

    emitted = []
    for log in sorted(logs, key=lambda log: (log["blockNumber"], log["logIndex"])):
        block = blocks[log["blockNumber"]]
        if log["blockHash"].to_0x_hex() != block.hash:
            raise ChainMoved(block.number)
        contract = addresses[log["address"]]
        emitted.append(
            Emitted(
                id=EventId(chain.deployment.chain_id, block.hash, log["logIndex"]),
                block=block,
                transaction=log["transactionHash"].to_0x_hex(),
                contract=contract,
                event=_decoded(contract, log),
            )
        )
    return Reading(tuple(blocks.values()), tuple(emitted))


def record_of(emitted: Emitted[Any]) -> Record:
    """The event as the books keep it."""
    return Record(
        id=emitted.id,
        block=emitted.block,
        transaction=emitted.transaction,
        contract=emitted.contract,
        name=type(emitted.event).__name__,
        values=_json(emitted.event),
    )


def emitted_of(record: Record) -> Emitted[Any]:
    """The event that the books kept."""
    return Emitted(
        id=record.id,
        block=record.block,
        transaction=record.transaction,
        contract=record.contract,
        event=_typed(EVENTS[record.name], record.values),
    )


@contextmanager
def reaching(chain: Chain) -> Iterator[None]:
    try:
        yield
    except Web3RPCError as refused:
        raise NodeRefused(str(refused)) from refused
    except OSError as broken:  # Whatever the HTTP client raises is one.
        raise ChainUnreachable(str(getattr(chain.w3.provider, "endpoint_uri", ""))) from broken


@dataclass(frozen=True, slots=True)
class _Layout:
    """How one event lies in a log."""

    name: str
    topics: Mapping[str, str]
    """ABI type by field, of what is indexed."""
    data: Mapping[str, str]
    """ABI type by field, of what is not."""


@cache
def _layouts(contract: str) -> Mapping[bytes, _Layout]:
    layouts = {}
    for item in load_artefact(contract).abi:
        if item["type"] != "event":
            continue
        types = {_snake(entry["name"]): (entry["indexed"], collapse_if_tuple(entry)) for entry in item["inputs"]}
        layouts[event_abi_to_log_topic(item)] = _Layout(  # type: ignore[arg-type]
            name=RENAMED.get((contract, item["name"]), item["name"]),
            topics={name: abi_type for name, (indexed, abi_type) in types.items() if indexed},
            data={name: abi_type for name, (indexed, abi_type) in types.items() if not indexed},
        )
    return layouts


def _snake(name: str) -> str:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return snake + "_" if keyword.iskeyword(snake) else snake


def _decoded(contract: str, log: LogReceipt) -> Any:
    topic, *indexed = log["topics"]
    layout = _layouts(contract).get(bytes(topic))
    if layout is None or layout.name not in EVENTS:
        raise UnknownEvent(contract, topic.to_0x_hex(), log["blockNumber"])
    values = {
        name: decode([abi_type], bytes(word))[0]
        for (name, abi_type), word in zip(layout.topics.items(), indexed, strict=True)
    }
    values |= zip(layout.data, decode(list(layout.data.values()), bytes(log["data"])), strict=True)
    return _typed(EVENTS[layout.name], values)


@cache
def _hints(of: type) -> Mapping[str, Any]:
    hints = get_type_hints(of)
    return {field.name: hints[field.name] for field in fields(of)}


def _typed(hint: Any, value: Any) -> Any:
    """A value of the type `hint`, out of what the ABI decoder or the books' JSON has for it."""
    if isinstance(hint, type) and is_dataclass(hint):
        hints = _hints(hint)
        named = value if isinstance(value, Mapping) else dict(zip(hints, value, strict=True))
        return hint(**{name: _typed(each, named[name]) for name, each in hints.items()})
    if get_origin(hint) is tuple:
        return tuple(_typed(get_args(hint)[0], each) for each in value)
    if hint is bytes:
        return bytes.fromhex(value[2:]) if isinstance(value, str) else bytes(value)
    if hint is Address:
        return to_checksum_address(value)
    if hint is int or (isinstance(hint, type) and issubclass(hint, IntEnum)):
        return hint(int(value))
    return value


def _json(value: Any) -> Any:
    """JSON in which every number is text: a reader in any language keeps all its digits."""
    if is_dataclass(value):
        return {field.name: _json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return value if isinstance(value, bool | str) else str(int(value))
