"""What a contract's refusal means, in words its reader knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_utils.address import to_checksum_address


def _text(value: Any) -> str:
    if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
        return str(to_checksum_address(value))
    if isinstance(value, bytes):
        stripped = value.rstrip(b"\0")
        if len(value) == 32 and stripped and stripped.isascii() and stripped.decode("ascii").isprintable():
            return stripped.decode("ascii")
        return "0x" + value.hex()
    if isinstance(value, bool) or not isinstance(value, int):
        return str(value)
    return f"{value:,}"


def _month(value: Any) -> str:
    return f"{1970 + value // 12}-{value % 12 + 1:02d}"


def _percent(value: Any) -> str:
    return f"{value / 100:g} %"


def _income_already_pledged(facts: Mapping[str, Any]) -> str:
    month, pledged, asked = _month(facts["period"]), _percent(facts["pledged"]), _percent(facts["requested"])
    free = _percent(10_000 - facts["pledged"])
    agreement = _text(facts["agreement"])
    return (
        f"{agreement} 第 {facts['leg']} 分成 {month} 的收益已质押 {pledged}，只剩 {free} 可质押，不能再质押 {asked} · "
        f"the income of {month} from leg {facts['leg']} of {agreement} is pledged to {pledged} already: "
        f"{free} is free, {asked} was asked for"
    )


_EXPLANATIONS: Mapping[str, tuple[str, str]] = {
    "AccessManagedUnauthorized": ("{caller} 无权执行此操作", "{caller} may not do this"),
    "AccessManagerNotReady": ("操作 {operationId} 的等待期未满", "the delay of operation {operationId} is not over"),
    "AccessManagerNotScheduled": (
        "操作 {operationId} 须先由委员会排期",
        "operation {operationId} must be scheduled by the committee first",
    ),
    "ReferenceUsed": ("银行流水号 {bankReference} 已入账", "bank reference {bankReference} was recorded before"),
    "ReferenceMissing": ("缺少银行流水号", "the bank reference is missing"),
    "ClosedAlready": ("{agreement} 的该期已关账", "that period of {agreement} is closed"),
    "AgreementUnknown": ("没有名为 {agreement} 的分配协议", "there is no agreement {agreement}"),
    "PeriodTooEarly": (
        "{agreement} 的该期早于下级协议已关账的期",
        "a child agreement of {agreement} had closed that period",
    ),
    "ParentOpen": (
        "须先关账上级协议 {parent}，再关账 {agreement}",
        "the parent agreement {parent} must be closed before {agreement}",
    ),
    "NotForwarded": (
        "上级协议应转入 {owed} 分，仅转入 {paid} 分：请先收取",
        "a parent agreement owes {owed} fen and has forwarded {paid}: collect the rest first",
    ),
    "NothingToCollect": ("该分成目前没有可收取的款项", "the line is owed nothing now"),
    "PurposeOfOther": ("专项资金用途为 {purpose}，不是 {given}", "the fund is for {purpose}, not for {given}"),
    "FundTooSmall": (
        "专项资金余额 {balance} 分，不足 {amount} 分",
        "the fund holds {balance} fen, {amount} are needed",
    ),
    "SecondPersonNeeded": (
        "支出须由另一人批准，{caller} 已提出",
        "somebody else must approve: {caller} proposed the spending",
    ),
    "SpendingExpired": ("支出申请 {spending} 已过期", "the proposed spending {spending} has expired"),
    "EvidenceUsed": ("该凭据已用于一笔支出", "the fund was spent on this evidence before"),
    "NotShareOfBill": (
        "金额 {amount} 分不是账单 {bill} 分的规定比例",
        "{amount} fen are not the fund's share of a bill of {bill} fen",
    ),
    "NothingToClaim": ("该持有人目前没有可领取的收益", "the holder is owed nothing now"),
    "ProofRefused": ("份额证明与登记册不符", "the proof does not belong to the register"),
    "NotAdmitted": ("账户 {account} 未登记为参与方", "account {account} is not an admitted participant"),
    "AccountBlocked": ("账户 {account} 已被冻结", "account {account} is blocked"),
    "ChallengeWindowOpen": ("监测轮次的质疑期未满", "the challenge window of the round is still open"),
    "WrongSequence": (
        "监测员 {signer} 的报告序号为 {given},应为 {expected}",
        "reporter {signer} sent report {given}, expected {expected}",
    ),
    "UnknownSigner": ("{signer} 不是 {feed} 的监测员", "{signer} is no reporter of {feed}"),
    "CrossCheckApart": (
        "监测值 {value} 与独立核对值 {crossCheck} 相差过大",
        "value {value} and cross-check {crossCheck} lie too far apart",
    ),
    "EvidenceNotAnchored": ("原始数据未及时存证", "the raw data was not anchored in time"),
    "AlreadyIssued": ("该监测轮次已签发批次 {batch}", "batch {batch} was issued from this round already"),
    "NothingToIssue": ("监测值为 {value},没有可签发的碳汇量", "the value is {value}: there is nothing to issue"),
    "ERC20InsufficientBalance": (
        "凭证余额 {balance} 分,不足 {needed} 分",
        "the balance is {balance} fen, {needed} fen are needed",
    ),
    "ERC20InsufficientAllowance": (
        "授权额度 {allowance} 分,不足 {needed} 分",
        "the allowance is {allowance} fen, {needed} fen are needed",
    ),
}


def explain(name: str, facts: Mapping[str, Any]) -> str:
    """One line, Chinese then English, that names what is wrong and its value."""
    if name == "IncomeAlreadyPledged":
        return _income_already_pledged(facts)
    shown = {key: _text(value) for key, value in facts.items()}
    if texts := _EXPLANATIONS.get(name):
        chinese, english = (text.format(**shown) for text in texts)
        return f"{chinese} · {english}"
    listed = ", ".join(f"{key}={value}" for key, value in shown.items())
    return f"合约拒绝 · the contract refused: {name}({listed})"
