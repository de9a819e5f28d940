"""What a refusal says: every custom error of the compiled contracts has a sentence, and every parameter its words."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ledger_service.chain.artefacts import CONTRACTS, load_artefact
from ledger_service.chain.compiler import compile_contracts, sources
from ledger_service.chain.refusals import ENUMERATIONS, KIND_OF, explain, sentences, shown
from oracles.reporting import NOT_YET

HOUSEHOLD = "0xd8da6bf26964af9d7eed9e03e53415d37aa96045"
PLEDGE = bytes.fromhex("0123456789abcdef" * 4)
ROUND = bytes.fromhex("fedcba9876543210" * 4)
AGREEMENT = b"carbon-pool".ljust(32, b"\0")
AT = 1_547_510_400
"""2019-01-15 00:00:00 UTC."""
OF_NO_CONTRACT = {
    "ResultVoided(round)",
    "TransactionFailed(transaction)",
    "TransactionFailed(attempts)",
    "Reverted(reason, data)",
}
"""What Python refuses in the words of a contract."""
DECLARED = re.compile(r"enum (\w+) \{([^}]*)\}")


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    compile_contracts()


def _errors() -> Mapping[str, list[dict[str, Any]]]:
    """The inputs of every custom error of the compiled contracts, by its name and their names."""
    return {
        f"{item['name']}({', '.join(entry['name'] for entry in item['inputs'])})": item["inputs"]
        for contract in CONTRACTS
        for item in load_artefact(contract).abi
        if item["type"] == "error"
    }


def _placeholders(template: str) -> set[str]:
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def _extremes(entry: Mapping[str, Any]) -> Iterator[Any]:
    """The least and the greatest value that a parameter can have."""
    kind = entry["type"]
    if kind.startswith("tuple"):
        members = [tuple(_extremes(part)) for part in entry["components"]]
        yield from zip(*members, strict=True)
    elif kind.endswith("]"):
        count = int(kind[kind.index("[") + 1 : -1])
        for each in _extremes({"type": kind[: kind.index("[")]}):
            yield (each,) * count
    elif kind == "address":
        yield from ("0x" + "00" * 20, "0x" + "ff" * 20)
    elif kind == "bool":
        yield from (False, True)
    elif kind == "string":
        yield from ("", "名" * 40)
    elif kind.startswith("bytes"):
        yield from (bytes(int(kind[5:])), b"\xff" * int(kind[5:]))
    elif kind.startswith("uint"):
        yield from (0, 2 ** int(kind[4:]) - 1)
    else:
        assert kind.startswith("int"), kind
        yield from (-(2 ** (int(kind[3:]) - 1)), 2 ** (int(kind[3:]) - 1) - 1)


def test_every_error_of_the_contracts_has_a_sentence() -> None:
    assert sorted(_errors().keys() - sentences().keys()) == []


def test_no_sentence_is_left_of_an_error_that_is_gone() -> None:
    assert sentences().keys() - _errors().keys() == OF_NO_CONTRACT


def test_every_sentence_tells_every_parameter_in_both_languages() -> None:
    for error, sentence in sentences().items():
        parameters = set(filter(None, error[error.index("(") + 1 : -1].split(", ")))
        assert _placeholders(sentence.zh) == parameters, error
        assert _placeholders(sentence.en) == parameters, error


def test_every_sentence_can_be_told_of_the_least_and_the_greatest_values() -> None:
    for error, inputs in _errors().items():
        name = error[: error.index("(")]
        values = [tuple(_extremes(entry)) for entry in inputs]
        for each in zip(*values, strict=True) if values else [()]:
            told = explain(name, dict(zip((entry["name"] for entry in inputs), each, strict=True)))
            assert "{" not in told, told
            assert name not in told, told
            chinese, english = told.split(" · ")
            assert re.search(r"[\u4e00-\u9fff]", chinese), told
            assert not re.search(r"[\u4e00-\u9fff]", english.replace("名", "")), told


def test_every_state_is_shown_by_its_word_and_every_period_as_a_month() -> None:
    for error, inputs in _errors().items():
        for entry in inputs:
            declared = entry.get("internalType", "").split(" ")[0]
            if declared not in ("enum", "Period"):
                continue
            expected = ENUMERATIONS.keys() if declared == "enum" else {"month"}
            for template in (sentences()[error].zh, sentences()[error].en):
                kinds = {kind for _, name, kind, _ in string.Formatter().parse(template) if name == entry["name"]}
                assert {kind or KIND_OF.get(entry["name"]) for kind in kinds} <= expected, error


def test_words_of_enumerations_are_as_many_as_the_contracts_have_members() -> None:
    members = {
        f"{path.stem}.{name}": [member.strip() for member in body.split(",")]
        for path in sources()
        for name, body in DECLARED.findall(path.read_text("utf-8"))
    }
    for kind, enumeration in {
        "round_state": "IMonitoringOracle.State",
        "verdict": "IMonitoringOracle.Verdict",
        "pledge_state": "IPledges.State",
        "redemption_state": "ICnyVoucher.State",
        "spending_state": "IFunds.State",
        "leg_kind": "IRevenue.LegKind",
        "participant_kind": "IParticipants.Kind",
    }.items():
        assert len(ENUMERATIONS[kind]) == len(members[enumeration]), enumeration


def test_a_reporter_is_told_why_it_has_to_wait() -> None:
    known = {error[: error.index("(")] for error in sentences()}
    assert known >= NOT_YET


@pytest.mark.parametrize(
    ("name", "facts", "chinese", "english"),
    [
        (
            "FundTooSmall",
            {"agreement": AGREEMENT, "leg": 0, "balance": 123_456, "amount": 1_000_000},
            "专项资金（carbon-pool 第 0 分成）余额 ¥1,234.56，不足 ¥10,000.00",
            "the fund (leg 0 of carbon-pool) holds ¥1,234.56, ¥10,000.00 is needed",
        ),
        (
            "NotShareOfBill",
            {"amount": 2_001, "bill": 10_000, "payoutBps": 2_050},
            "金额 ¥20.01 不是账单 ¥100.00 的规定比例 20.5 %",
            "¥20.01 is not the fund's share, 20.5 %, of a bill of ¥100.00",
        ),
        (
            "ERC20InsufficientBalance",
            {"sender": HOUSEHOLD, "balance": 5, "needed": 100},
            "账户 0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 的凭证余额 ¥0.05，不足 ¥1.00",
            "account 0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 holds ¥0.05 in vouchers, ¥1.00 is needed",
        ),
        (
            "SalesBlocked",
            {"batch": 1_024, "shortfall": 1_234_567},
            "批次 1024 有缺口 1,234.567 tCO2e，补足之前碳汇池不能出售",
            "batch 1024 is short of 1,234.567 tCO2e: its pool sells nothing of it until that is made good",
        ),
        (
            "NothingToReverse",
            {"round": ROUND, "value": -1_500},
            "轮次 0xfedcba9876543210… 的监测值为 -1.500 tCO2e，没有损失可逆转",
            "round 0xfedcba9876543210… shows -1.500 tCO2e: there is no loss to reverse",
        ),
        (
            "PeriodTooEarly",
            {"agreement": AGREEMENT, "period": 587, "first": 588},
            "carbon-pool 自 2019-01 起才接受收入，下级协议已关账 2018-12",
            "carbon-pool takes income from 2019-01 on: a child agreement had closed 2018-12",
        ),
        (
            "EvidenceNotAnchored",
            {"evidenceRoot": ROUND, "anchoredAt": 0, "latest": AT},
            "证据根 0xfedcba9876543210… 须在 2019-01-15 00:00:00 UTC 前锚定，实际锚定时间：无",
            "evidence root 0xfedcba9876543210… had to be anchored by 2019-01-15 00:00:00 UTC; anchored at: none",
        ),
        (
            "ChallengeWindowOpen",
            {"round": ROUND, "finalFrom": AT},
            "轮次 0xfedcba9876543210… 的质疑期未满，到 2019-01-15 00:00:00 UTC 加暂停时长为止",
            "the challenge window of round 0xfedcba9876543210… is open until 2019-01-15 00:00:00 UTC plus time paused",
        ),
        (
            "WrongState",
            {"pledge": PLEDGE, "state": 9},
            "质押 0x0123456789abcdef… 的状态为“强制执行”，不能执行此操作",
            "pledge 0x0123456789abcdef… is enforcing: this cannot be done now",
        ),
        (
            "AssetPledged",
            {"certificate": b"DEX-2026-000001".ljust(32, b"\0"), "pledge": PLEDGE},
            f"登记证书 DEX-2026-000001 正由质押 0x{PLEDGE.hex()} 质押，须先解除",
            f"certificate DEX-2026-000001 is pledged by 0x{PLEDGE.hex()}, which must end first",
        ),
        (
            "LineUnknown",
            {"line": (AGREEMENT, 2, 587, 1)},
            "carbon-pool 第 2 版没有第 1 分成（2018-12）",
            "version 2 of carbon-pool has no leg 1 (2018-12)",
        ),
    ],
)
def test_a_refusal_speaks_of_things_as_people_know_them(
    name: str, facts: Mapping[str, Any], chinese: str, english: str
) -> None:
    assert explain(name, facts) == f"{chinese} · {english}"


def test_errors_that_share_a_name_have_words_of_their_own() -> None:
    assert "is candidate" in explain("NotDisputed", {"round": ROUND, "state": 1})
    assert "last dispute lasted until" in explain("NotDisputed", {"pledge": PLEDGE, "until": AT})
    assert "appraisal of certificate" in explain("NotDisputed", {"certificate": AGREEMENT})


def test_whoever_has_a_challenge_open_waits_for_its_verdict() -> None:
    told = explain("ChallengerMustWait", {"challenger": HOUSEHOLD, "from": 2**64 - 1})
    assert "可再次质疑的时间：裁定之后" in told
    assert "may challenge again from: once that is decided" in told


def test_an_error_of_others_is_shown_as_it_came() -> None:
    assert explain("SomethingNew", {"amount": 1_000}) == "合约拒绝 · the contract refused: SomethingNew(amount=1,000)"


@pytest.mark.parametrize(
    ("seconds", "english"),
    [(0, "0 second(s)"), (59, "59 second(s)"), (60, "1 minute(s)"), (90_000, "25 hour(s)"), (172_800, "2 day(s)")],
)
def test_a_delay_is_told_in_the_largest_unit_that_divides_it(seconds: int, english: str) -> None:
    assert shown("delay", seconds).en == english


def test_milliseconds_are_no_moment() -> None:
    assert shown("effectiveFrom", AT * 1_000).en == "after the year 9999"
