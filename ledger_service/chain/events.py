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
    """A contract has another authority from now on."""

    authority: Address


@_event
class OperationScheduled:
    """Somebody with a delay announced a call: it can be made from `schedule` on."""

    operation_id: bytes
    nonce: int
    schedule: int
    caller: Address
    target: Address
    data: bytes


@_event
class OperationExecuted:
    """An announced call was made."""

    operation_id: bytes
    nonce: int


@_event
class OperationCanceled:
    """An announced call was taken back, or stopped by a guardian of its role."""

    operation_id: bytes
    nonce: int


@_event
class RoleLabel:
    """A role was given a name."""

    role_id: int
    label: str


@_event
class RoleGranted:
    """An account was given a role, from `since` on and with this delay for its calls; or its delay was changed."""

    role_id: int
    account: Address
    delay: int
    since: int
    new_member: bool


@_event
class RoleRevoked:
    """An account lost a role, or gave it up."""

    role_id: int
    account: Address


@_event
class RoleAdminChanged:
    """Another role grants and revokes this one from now on."""

    role_id: int
    admin: int


@_event
class RoleGuardianChanged:
    """Another role may cancel announced calls of this one from now on."""

    role_id: int
    guardian: int


@_event
class RoleGrantDelayChanged:
    """From `since` on a grant of this role takes this long to come into force."""

    role_id: int
    delay: int
    since: int


@_event
class TargetClosed:
    """A contract was closed to every role, or opened again."""

    target: Address
    closed: bool


@_event
class TargetFunctionRoleUpdated:
    """A function may be called by another role from now on."""

    target: Address
    selector: bytes
    role_id: int


@_event
class TargetAdminDelayUpdated:
    """From `since` on changes of who may call this contract take this long."""

    target: Address
    delay: int
    since: int


@_event
class EIP712DomainChanged:
    """The domain of signatures changed: never emitted, as it is fixed (ERC-5267)."""


@_event
class PauseChanged:
    """A contract was paused, or resumed; `paused_seconds` is the length of all pauses that are over."""

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
    """The operator admitted a participant, or renewed what is known of it."""

    account: Address
    kind: ParticipantKind
    identity: bytes
    by: Address


@_event
class BlockedChanged:
    """A participant was blocked, or freed again; `reason` is the hash of a document."""

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
    """The committee set the rules of a feed; reports must carry `config_digest` from now on."""

    feed: bytes
    config: Feed
    config_digest: bytes
    by: Address


@_event
class SignerChanged:
    """A reporter joined a feed in a group, or left it (group 0)."""

    feed: bytes
    signer: Address
    old_group: int
    new_group: int
    config_digest: bytes
    by: Address


@_event
class Anchored:
    """A root of evidence was first seen."""

    root: bytes
    at: int
    by: Address


@_event
class Reported:
    """A report was accepted."""

    round: bytes
    signer: Address
    result: bytes
    group: int
    report: Report


@_event
class Equivocated:
    """A reporter was shown to have signed two results for one round: it no longer counts in it."""

    round: bytes
    signer: Address
    first: bytes
    second: bytes


@_event
class CandidateReached:
    """A round has its quorum; it can be final from `final_from` of running time on."""

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
    """A candidate lost its quorum to an equivocating signer, or its cross-check (then `signer` is zero)."""

    round: bytes
    result: bytes
    signer: Address


@_event
class VotesVoided:
    """A void result renewed the rules' digest of its feed: every vote that is no candidate is void."""

    feed: bytes
    round: bytes
    result: bytes
    config_digest: bytes


@_event
class Restated:
    """The panel restated a round: a candidate's figures become these, a final round's stay beside them."""

    round: bytes
    old_result: bytes
    new_result: bytes
    old_value: int
    old_uncertainty: int
    figures: Figures


@_event
class PanelElected:
    """The committee elected a panel; disputes that are open stay with theirs."""

    panel: int
    members: tuple[Address, ...]
    by: Address


@_event
class Challenged:
    """A candidate was challenged, and the panel is to decide by `deadline`."""

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
    """A member of the panel reopened a final round; its vote follows."""

    round: bytes
    dispute: int
    by: Address
    panel: int
    deadline: int


@_event
class PanelVoted:
    """A member of the panel voted; `figures` are empty unless it restates."""

    round: bytes
    dispute: int
    member: Address
    verdict: Verdict
    figures: Figures


@_event
class Judged:
    """Two members of the panel agreed: the round is in `state` from now on."""

    round: bytes
    dispute: int
    verdict: Verdict
    state: RoundState
    by: Address


@_event
class DisputeLapsed:
    """The panel did not decide in time: a candidate is void, a final round stands."""

    round: bytes
    dispute: int
    state: RoundState
    by: Address


@_event
class DisputeMoot:
    """The candidate in dispute lost its quorum: nothing is left to decide."""

    round: bytes
    dispute: int


@_event
class Finalised:
    """A round became final."""

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
    """The committee registered a project."""

    project: bytes
    terms: Project
    by: Address


@_event
class BatchIssued:
    """A batch was issued from a final round."""

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
    """Credits of one batch changed hands; from zero they were issued, to zero they are gone (ERC-1155)."""

    operator: Address
    from_: Address
    to: Address
    id: int
    value: int


@_event
class TransferBatch:
    """Credits of several batches changed hands in one call (ERC-1155)."""

    operator: Address
    from_: Address
    to: Address
    ids: tuple[int, ...]
    values: tuple[int, ...]


@_event
class ApprovalForAll:
    """A holder let an operator move all its credits, or no longer (ERC-1155)."""

    account: Address
    operator: Address
    approved: bool


@_event
class URI:
    """A batch's description has another address: never emitted, as it has none (ERC-1155)."""

    value: str
    id: int


@_event
class CreditsRetired:
    """A holder used credits, and was given a certificate; `retired` is all of the batch that is used now."""

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
    """A holder destroyed credits for a reason; `cancelled` is all of the batch that is cancelled now."""

    batch: int
    holder: Address
    reason: bytes
    quantity: int
    serial_start: int
    cancelled: int
    by: Address


@_event
class CreditsReversed:
    """A round that shows a loss took credits from the batch's buffer; `reversed` is all of the batch now."""

    batch: int
    project: bytes
    round: bytes
    quantity: int
    serial_start: int
    reversed: int
    by: Address


@_event
class ShortfallRecorded:
    """No buffer covered what the forest lost of the batch any more; `shortfall` is all that was recorded."""

    batch: int
    project: bytes
    round: bytes
    quantity: int
    shortfall: int
    made_good: int
    by: Address


@_event
class ShortfallMadeGood:
    """A holder destroyed credits of batch `source` for what batch `batch` is short of."""

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
    """A round was taken as a loss: so much from buffers, so much shortfall, the rest the project's deficit."""

    round: bytes
    project: bytes
    loss: int
    from_buffer: int
    shortfall: int
    by: Address


@_event
class DeficitChanged:
    """The loss changed that exceeds all credits of a project and waits for its next batch."""

    project: bytes
    round: bytes
    old_deficit: int
    new_deficit: int
    by: Address


@_event
class Locked:
    """A certificate was made: it can never be moved (ERC-5192)."""

    certificate: int


@_event
class CertificateTransfer:
    """A certificate was given to its holder; it happens once for each (ERC-721)."""

    from_: Address
    to: Address
    token_id: int


@_event
class CertificateApproval:
    """Somebody may move a certificate: never emitted, as certificates are locked (ERC-721)."""

    owner: Address
    approved: Address
    token_id: int


@_event
class CertificateApprovalForAll:
    """Somebody may move all certificates of an owner: never emitted, as they are locked (ERC-721)."""

    owner: Address
    operator: Address
    approved: bool


# VOUCHERS


@_event
class Minted:
    """Money that a participant paid in arrived in the bank, and became vouchers."""

    bank_reference: bytes
    to: Address
    amount: int
    by: Address


@_event
class RedemptionRequested:
    """A holder's vouchers went into escrow, to be paid by the bank."""

    redemption: int
    holder: Address
    amount: int
    payee: bytes
    by: Address


@_event
class RedemptionPaid:
    """The bank paid: the vouchers of a redemption are burned."""

    redemption: int
    holder: Address
    amount: int
    payment_reference: bytes
    by: Address


@_event
class RedemptionReturned:
    """The bank could not pay: the vouchers of a redemption are back with the holder."""

    redemption: int
    holder: Address
    amount: int
    reason: bytes
    by: Address


@_event
class Transfer:
    """Vouchers changed hands; from zero they were minted, to zero they are burned (ERC-20)."""

    from_: Address
    to: Address
    value: int


@_event
class Approval:
    """An owner let a spender take so many of its vouchers (ERC-20)."""

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
    """The committee published a version of an agreement; one for each of its tiers."""

    agreement: bytes
    version: int
    effective_from: int
    tier: int
    income_from: int
    legs: tuple[PublishedLeg, ...]
    by: Address


@_event
class RegisterOpened:
    """A leg has its holders for a period: the share register of a final round."""

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
    """A receipt was split, once per tier that it reaches; `received` is all of version and period."""

    agreement: bytes
    period: int
    bank_reference: bytes
    version: int
    amount: int
    received: int
    by: Address


@_event
class PeriodClosed:
    """The income of an agreement's period is complete."""

    agreement: bytes
    period: int
    by: Address


@_event
class Claimed:
    """A leaf of a register was paid what it had not received yet; `diverted` went to its lenders."""

    line: bytes
    account: Address
    index: int
    amount: int
    diverted: int
    paid: int


@_event
class Collected:
    """The account of a line was paid what it had not received yet; `diverted` went to its lenders."""

    line: bytes
    account: Address
    amount: int
    diverted: int
    paid: int


@_event
class Forwarded:
    """What a nested leg received became income of its child, under a reference of its own."""

    line: bytes
    child: bytes
    internal_reference: bytes
    amount: int
    paid: int
    by: Address


@_event
class SetAside:
    """A payment to an account failed and is kept for it; `balance` is all that is kept."""

    account: Address
    amount: int
    balance: int


@_event
class Withdrawn:
    """What was kept for an account was paid."""

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
    """Income came into a fund, which brings it to `balance`."""

    agreement: bytes
    leg: int
    amount: int
    balance: int


@_event
class SpendingProposed:
    """The operator proposed to spend a fund; it lapses at `expires_at`."""

    spending: int
    agreement: bytes
    leg: int
    proposal: SpendingProposal
    expires_at: int
    by: Address


@_event
class SpendingRetracted:
    """Whoever proposed a spending took it back."""

    spending: int
    agreement: bytes
    leg: int
    by: Address


@_event
class FundSpent:
    """The treasurer carried out a spending; `balance` is left in the fund."""

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
    """Holder and lender registered a pledge; `rank` 0 is the first lien."""

    pledge: bytes
    holder: Address
    lender: Address
    rank: int
    terms: PledgeTerms
    by: Address


@_event
class Perfected:
    """A lien was entered in the statutory register."""

    pledge: bytes
    perfection: Perfection
    by: Address


@_event
class Disbursed:
    """The principal of a loan reached the holder."""

    pledge: bytes
    holder: Address
    principal: int
    by: Address


@_event
class Repayment:
    """A debt was paid down, out of a claim or by somebody; principal, interest and costs are what remains."""

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
    """A pledge came from one state into another."""

    pledge: bytes
    from_: PledgeState
    to: PledgeState
    by: Address


@_event
class Revoked:
    """A party took back its signature under terms that are not committed yet."""

    pledge: bytes
    by: Address


# WORKOUTS


@_event
class RepaymentKept:
    """A lender could not be paid a repayment, and it is kept for it; `balance` is all that is kept."""

    account: Address
    amount: int
    balance: int


@_event
class RepaymentHandedOver:
    """What was kept for a lender was paid."""

    account: Address
    amount: int


@_event
class RemediationBegun:
    """The lender gave notice; enforcement is possible after `until` of running time."""

    pledge: bytes
    notice: bytes
    until: int
    by: Address


@_event
class CostsCharged:
    """The lender charged what enforcement cost it; `costs` is what is unpaid of them, `charged` all."""

    pledge: bytes
    amount: int
    costs: int
    charged: int
    evidence: bytes
    by: Address


@_event
class DebtWrittenOff:
    """The lender wrote a debt off in its own books; it is owed as before."""

    pledge: bytes
    principal: int
    interest: int
    costs: int
    reason: bytes
    by: Address


@_event
class DebtForgiven:
    """The lender waived what is left of a debt."""

    pledge: bytes
    principal: int
    interest: int
    costs: int
    reason: bytes
    by: Address


@_event
class PartReleased:
    """A part of the pledged income became free; `before` and `afterwards` differ in it alone."""

    pledge: bytes
    before: Standing
    afterwards: Standing
    by: Address


@_event
class LienTransferred:
    """A lien went to another lender."""

    pledge: bytes
    from_: Address
    to: Address


@_event
class Subordinated:
    """A pledge gave its place to `junior`, which stood behind it; `rank` is where `junior` stands now."""

    pledge: bytes
    junior: bytes
    rank: int


@_event
class Consented:
    """Somebody consented to what needs several; the last consent carries it out."""

    pledge: bytes
    proposal: bytes
    call: bytes
    by: Address


@_event
class ConsentWithdrawn:
    """Somebody took a consent back."""

    proposal: bytes
    by: Address


@_event
class DisputeOpened:
    """A party to a pledge objected; the dispute stands until `until` of running time."""

    pledge: bytes
    reason: bytes
    until: int
    by: Address


@_event
class DisputeSettled:
    """Both parties to a pledge agreed to end a dispute."""

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
    maximum_ltv_bps: int
    valuation_feed: bytes
    quality_feed: bytes


@_event
class DataAssetRegistered:
    """A data asset was registered for its steward, under the number of its certificate."""

    certificate: bytes
    steward: Address
    papers: bytes
    agreement: bytes
    leg: int
    by: Address


@_event
class VersionAppended:
    """A data asset has a new version, which counts as made at `fresh_as_of` of running time."""

    certificate: bytes
    number: int
    version: DataVersion
    fresh_as_of: int
    by: Address


@_event
class LicenceGranted:
    """The steward granted a licence; its number is the reference of its payment."""

    certificate: bytes
    licence: bytes
    terms: Licence
    by: Address


@_event
class LicenceEnded:
    """A licence is over: its steward said so at its end, or its licensee gave it up."""

    certificate: bytes
    licence: bytes
    by: Address


@_event
class StewardshipOffered:
    """The steward offered the asset to `to` instead of `old`; zero withdraws the offer."""

    certificate: bytes
    old: Address
    to: Address
    by: Address


@_event
class StewardshipChanged:
    """A data asset has a new steward."""

    certificate: bytes
    from_: Address
    to: Address


@_event
class IncomeRepointed:
    """Licence income arrives through another leg from now on."""

    certificate: bytes
    old_agreement: bytes
    old_leg: int
    agreement: bytes
    leg: int
    by: Address


@_event
class CovenantProposed:
    """One party to a pledge consented to a covenant; it waits for the other."""

    certificate: bytes
    pledge: bytes
    covenant: Covenant
    by: Address


@_event
class CovenantAgreed:
    """Both parties consented: `covenant` holds instead of `old`."""

    certificate: bytes
    pledge: bytes
    old: Covenant
    covenant: Covenant
    by: Address


@_event
class Appraised:
    """A figure of the oracle was recorded, of which `lendable` counts instead of `previous`."""

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
    """The lender disputes an appraisal, until `disputed_until` of running time at most."""

    certificate: bytes
    pledge: bytes
    number: int
    disputed_until: int
    reason: bytes
    by: Address


@_event
class AppraisalDisputeEnded:
    """The lender ended its dispute of an appraisal before its time."""

    certificate: bytes
    pledge: bytes
    number: int
    by: Address


@_event
class MarkedStale:
    """Somebody showed that no version came by `fresh_until` of running time."""

    certificate: bytes
    pledge: bytes
    fresh_until: int
    by: Address


@_event
class FreshAgain:
    """A new version ended what was marked stale."""

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
