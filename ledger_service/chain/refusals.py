"""What a contract's refusal means, in words its reader knows. The sentences are in `refusals.toml`."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from eth_utils.address import to_checksum_address

from ledger_service.chain.deployment import ROLES
from ledger_service.domain.bilingual import Words
from ledger_service.domain.identifiers import ZERO_ADDRESS, text_of
from ledger_service.domain.pledges import PledgeState
from ledger_service.domain.units import WHOLE_BPS, Period, tonnes_text, yuan_text

KIND_OF: Final = {
    name: kind
    for kind, names in {
        "money": "allowance amount arrears balance bill debt left maximum needed owed paid principal raised scheduled",
        "credits": "quantity shortfall",
        "share": "bps maximumLtvBps payoutBps pledged requested spreadBps",
        "month": "fromPeriod period toPeriod",
        "time": "anchoredAt createdAt deadline disburseBy dueAt earliest effectiveFrom expiry finalEnd finalStart "
        "graceUntil lastDue latest observedAt oldestAccepted periodEnd periodStart since timestamp to validUntil",
        "running": "disputedUntil expiresAt finalFrom freshUntil holderMayFrom runningTime until",
        "duration": "delay",
        "number": "batch bits certificate dispute group index leg number panel redemption spending tokenId",
        "role": "roleId",
        "verdict": "verdict",
    }.items()
    for name in names.split()
}
"""What an integer parameter is, where its name alone says it; the others are plain counts and figures of feeds."""

ENUMERATIONS: Final[Mapping[str, Sequence[Words]]] = {
    "round_state": (
        Words("未达法定数", "open"),
        Words("候选", "candidate"),
        Words("最终", "final"),
        Words("质疑中", "disputed"),
        Words("作废", "void"),
    ),
    "verdict": (Words("无", "none"), Words("维持", "upheld"), Words("作废", "void"), Words("更正", "restated")),
    "pledge_state": [state.words for state in PledgeState],
    "redemption_state": (
        Words("不存在", "none"),
        Words("待付款", "requested"),
        Words("已付款", "paid"),
        Words("已退回", "returned"),
    ),
    "spending_state": (
        Words("不存在", "none"),
        Words("已提出", "proposed"),
        Words("已支出", "spent"),
        Words("已撤回", "retracted"),
    ),
    "leg_kind": (
        Words("无", "none"),
        Words("账户", "account"),
        Words("专项资金", "fund"),
        Words("份额登记册", "register"),
        Words("下级协议", "agreement"),
    ),
    "participant_kind": (
        Words("无", "none"),
        Words("农户", "household"),
        Words("合作社", "cooperative"),
        Words("银行", "bank"),
        Words("买方", "buyer"),
        Words("运营方", "operator"),
        Words("财务与结算行", "treasury"),
        Words("协议合约", "protocol"),
    ),
}
"""The members of the contracts' enumerations, in their order."""

_ROLE_WORDS: Final = {
    0: Words("管理员", "administrator"),
    ROLES["committee"]: Words("委员会", "committee"),
    ROLES["operator"]: Words("运营方", "operator"),
    ROLES["treasurer"]: Words("财务", "treasurer"),
    ROLES["guardian"]: Words("监护人", "guardian"),
}
_NONE: Final = Words("无", "none")
_REVERSAL: Final = 2**256 - 1
"""What `CarbonCredits.batchOfRound` says of a round that is a reversal."""
_UNDECIDED: Final = 2**64 - 1
"""From when on `MonitoringPanel` lets somebody challenge again whose challenge is open."""
_UNITS_OF_TIME: Final = ((86_400, "天", "day(s)"), (3_600, "小时", "hour(s)"), (60, "分钟", "minute(s)"))


def explain(name: str, facts: Mapping[str, Any]) -> str:
    """One line, Chinese then English, that names what is wrong and its value.

    Args:
        name: The custom error.
        facts: Its parameters, in the order in which it declares them.
    """
    sentence = sentences().get(f"{name}({', '.join(facts)})")
    if sentence is None:  # An error of other contracts than ours: what its numbers count is not known.
        listed = ", ".join(f"{key}={_by_type(value).en}" for key, value in facts.items())
        return f"合约拒绝 · the contract refused: {name}({listed})"
    return str(
        Words(
            _Telling(lambda words: words.zh).vformat(sentence.zh, (), facts),
            _Telling(lambda words: words.en).vformat(sentence.en, (), facts),
        )
    )


@cache
def sentences() -> Mapping[str, Words]:
    """What every error means, by its name and parameters, as a template of both languages."""
    contracts = tomllib.loads(files(__package__).joinpath("refusals.toml").read_text("utf-8"))
    return {
        error: Words(*sentence.split("\n")) for declared in contracts.values() for error, sentence in declared.items()
    }


class _Telling(string.Formatter):
    """Fills a template in one language: `{amount}` by what its name means, `{value:money}` as it says."""

    def __init__(self, choose: Callable[[Words], str]) -> None:
        self._choose = choose

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        value, key = super().get_field(field_name, args, kwargs)
        return (field_name, value), key

    def format_field(self, value: Any, format_spec: str) -> str:
        name, fact = value
        return self._choose(shown(name, fact, format_spec))


def shown(name: str, value: Any, kind: str = "") -> Words:
    """A parameter as a person reads it, by its `kind`, or else by what its name and type say that it is."""
    if not kind and type(value) is int:
        kind = KIND_OF.get(name, "")
    if kind in ENUMERATIONS:
        members = ENUMERATIONS[kind]
        return members[value] if value < len(members) else Words.alike(str(value))
    return _SHOWN[kind](value) if kind else _by_type(value)


def _by_type(value: Any) -> Words:
    if isinstance(value, bool):
        return Words("是", "yes") if value else Words("否", "no")
    if isinstance(value, int):
        return Words.alike(f"{value:,}")
    if isinstance(value, bytes):
        text = _whole(value)
        return Words.alike(f"{text.en[:18]}…") if text.en == "0x" + value.hex() and len(value) == 32 else text
    if isinstance(value, (tuple, list)):
        members = [_by_type(member) for member in value]
        return Words("、".join(each.zh for each in members), ", ".join(each.en for each in members))
    if len(value) == 42 and value.startswith("0x"):
        return _NONE if value == ZERO_ADDRESS else Words.alike(to_checksum_address(value))
    return Words.alike(value)


def _whole(value: bytes) -> Words:
    """Short text, or a hash with all its digits, for what its reader has to look up."""
    if not any(value):
        return _NONE
    return Words.alike(text_of(value) if len(value) == 32 else "0x" + value.hex())


def _share(bps: int) -> Words:
    whole, part = divmod(bps, 100)
    return Words.alike(f"{whole:,}.{part:02}".rstrip("0").rstrip(".") + " %")


def _moment(timestamp: int) -> Words:
    if timestamp == 0:
        return _NONE
    try:
        return Words.alike(datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))
    except (OverflowError, OSError, ValueError):  # Milliseconds, taken for seconds.
        return Words("9999 年之后", "after the year 9999")


def _running(running_time: int) -> Words:
    """A moment of running time (SPEC P2): in UTC it is later by what the contract was paused."""
    if running_time == 0:
        return _NONE
    if running_time == _UNDECIDED:
        return Words("裁定之后", "once that is decided")
    moment = _moment(running_time)
    return Words(f"{moment.zh} 加暂停时长", f"{moment.en} plus time paused")


def _duration(seconds: int) -> Words:
    for length, zh, en in _UNITS_OF_TIME:
        if seconds and seconds % length == 0:
            return Words(f"{seconds // length:,} {zh}", f"{seconds // length:,} {en}")
    return Words(f"{seconds:,} 秒", f"{seconds:,} second(s)")


def _batch(number: int) -> Words:
    return Words("逆转", "a reversal") if number == _REVERSAL else Words(f"批次 {number}", f"batch {number}")


_SHOWN: Final[Mapping[str, Callable[[Any], Words]]] = {
    "money": lambda fen: Words.alike(yuan_text(fen)),
    "credits": lambda kg: Words.alike(tonnes_text(kg)),
    "share": _share,
    "rest": lambda bps: _share(WHOLE_BPS - bps),
    "month": lambda period: Words.alike(str(Period(period))),
    "time": _moment,
    "running": _running,
    "duration": _duration,
    "count": _by_type,
    "number": lambda number: Words.alike(str(number)),
    "nth": lambda index: Words.alike(str(index + 1)),
    "whole": _whole,
    "batch": _batch,
    "role": lambda role: _ROLE_WORDS.get(role, Words.alike(str(role))),
}
"""How each kind is shown. Money is in fen, credits in kg, shares in basis points, times in seconds."""
