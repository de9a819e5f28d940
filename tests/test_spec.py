"""SPEC.md tells the truth: every rule names tests that exist, and its table of roles is the deployed one."""

from __future__ import annotations

import re
from pathlib import Path

from ledger_service.chain.deployment import ROLE_TABLE, Officers

ROOT = Path(__file__).resolve().parents[1]
SPEC = (ROOT / "SPEC.md").read_text("utf-8")
RULE = re.compile(r"^- \*\*([A-Z][0-9]+)\*\* (.*?)(?=^- |^#|\Z)", re.MULTILINE | re.DOTALL)
TEST = re.compile(r"\[`(test_[a-z0-9_]+)`\]\((tests/[a-z0-9_/]+\.py)\)")
ROW = re.compile(r"^\| (\w+) \| (\w+) \| (\w+) \| ([^|]*) \|$", re.MULTILINE)
DELAYS = {0: "none", 172_800: "the committee's"}


def test_every_rule_names_tests_and_each_of_them_exists() -> None:
    rules = dict(RULE.findall(SPEC))
    assert len(rules) >= 40
    for rule, text in rules.items():
        assert TEST.search(text), f"{rule} names no test"
    for name, path in TEST.findall(SPEC):
        assert f"def {name}(" in (ROOT / path).read_text("utf-8"), f"{path} has no {name}"


def test_rules_are_numbered_without_gap_or_repetition() -> None:
    numbers: dict[str, list[int]] = {}
    for rule, _ in RULE.findall(SPEC):
        numbers.setdefault(rule[0], []).append(int(rule[1:]))
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values()), numbers


def test_the_table_of_roles_is_the_one_of_the_deployment() -> None:
    officers = Officers("committee", "operator", "treasurer", "guardian", committee_delay=172_800)
    deployed = [(contract, name, role, DELAYS[officers.delay_of(role)]) for contract, name, role in ROLE_TABLE]
    listed = [row for row in ROW.findall(SPEC) if row[0] != "contract"]
    assert sorted(listed) == sorted(deployed)
