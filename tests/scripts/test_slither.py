"""What slither finds is explained, finding by finding."""

import tomllib
from typing import Any

import pytest

from scripts import slither
from scripts.slither import TRIAGE, Explanation, Finding, Triage, findings_of, place_of

CONTRACT = {"type": "contract", "name": "Revenue"}
FUNCTION = {"type": "function", "name": "withdraw", "type_specific_fields": {"parent": CONTRACT}}
STATEMENT = {"type": "node", "name": "voucher.transfer()", "type_specific_fields": {"parent": FUNCTION}}


@pytest.mark.parametrize(
    ("element", "place"),
    [
        (FUNCTION, "Revenue.withdraw"),
        (STATEMENT, "Revenue.withdraw"),
        ({"type": "variable", "name": "_legs", "type_specific_fields": {"parent": CONTRACT}}, "Revenue._legs"),
        ({"type": "variable", "name": "to", "type_specific_fields": {"parent": FUNCTION}}, "Revenue.withdraw"),
        ({"type": "function", "name": "periodEquals", "type_specific_fields": {"parent": None}}, "periodEquals"),
        (CONTRACT, "Revenue"),
    ],
)
def test_a_finding_is_known_by_name_and_not_by_line(element: dict[str, Any], place: str) -> None:
    assert place_of(element) == place


def explanation(detector: str = "assembly", where: str = "*", says: str = "") -> Explanation:
    return Explanation(detector, where, says, "因", "why")


FOUND = Finding("assembly", "MerkleSum.verify", "MerkleSum.verify uses assembly")


@pytest.mark.parametrize(
    ("reason", "explains"),
    [
        (explanation(), True),
        (explanation(where="MerkleSum.verify"), True),
        (explanation(where="MerkleSum.*"), True),
        (explanation(where="merkleSum.*"), False),
        (explanation(where="MerkleSum"), False),
        (explanation(says="uses assembly"), True),
        (explanation(says="uses magic"), False),
        (explanation(detector="timestamp"), False),
    ],
)
def test_an_explanation_holds_for_its_detector_place_and_words(reason: Explanation, explains: bool) -> None:
    assert reason.explains(FOUND) is explains
    triage = Triage({}, (reason,))
    assert triage.unexplained([FOUND]) == ([] if explains else [FOUND])
    assert triage.needless([FOUND]) == ([] if explains else [reason])


def test_findings_are_read_from_the_report() -> None:
    report = {"results": {"detectors": [{"check": "unchecked-transfer", "elements": [STATEMENT], "description": "x"}]}}
    assert findings_of(report) == [Finding("unchecked-transfer", "Revenue.withdraw", "x")]
    assert findings_of({"results": {}}) == []


def test_every_explanation_says_why_in_both_languages() -> None:
    triage = Triage.load()
    reasons = [*triage.house.values(), *tomllib.loads(TRIAGE.read_text("utf-8"))["finding"]]
    for reason in reasons:
        assert not reason["zh"].isascii()
        assert len(reason["en"]) > 20


@pytest.mark.parametrize(
    ("found", "status"),
    [([FOUND], 0), ([FOUND, Finding("tx-origin", "Revenue.claim", "uses tx.origin")], 1), ([], 1)],
    ids=["all explained", "a new finding", "a needless explanation"],
)
def test_a_new_finding_and_a_needless_explanation_fail(
    found: list[Finding], status: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(slither, "SLITHER", TRIAGE)
    monkeypatch.setattr(slither, "PASSED", tmp_path / "passed")
    monkeypatch.setattr(Triage, "load", classmethod(lambda _: Triage({}, (explanation(),))))
    monkeypatch.setattr(slither, "run", lambda _: {})
    monkeypatch.setattr(slither, "findings_of", lambda _: found)
    assert slither.main() == status
    assert (tmp_path / "passed").exists() == (status == 0)
    if status:
        assert "1 new" in capsys.readouterr().err or not found
    # What passed is not analysed again; what failed is.
    monkeypatch.setattr(slither, "findings_of", lambda _: [FOUND, FOUND, Finding("x", "y", "z")])
    assert slither.main() == status
