"""The mutants of the money rules. Trying them is `make mutants`; here is what that relies on."""

import json
from collections import Counter

import pytest

from ledger_service.chain.tools import ROOT
from scripts.mutate_contracts import EXPLAINED, RULES, mutants_of

ALL = [mutant for rule in RULES for mutant in mutants_of(rule)]


def test_no_two_mutants_have_the_same_name() -> None:
    assert [name for name, times in Counter(mutant.name for mutant in ALL).items() if times > 1] == []


def test_every_explained_survivor_is_still_a_mutant() -> None:
    """An explanation of code that is gone would hide whatever is written in its place."""
    assert set(json.loads(EXPLAINED.read_text("utf-8"))) <= {mutant.name for mutant in ALL}


@pytest.mark.parametrize("rule", RULES)
def test_every_mutant_changes_code_and_no_comment(rule: str) -> None:
    source = (ROOT / RULES[rule].path).read_text("utf-8")
    for mutant in mutants_of(rule):
        assert source[mutant.start : mutant.stop] == mutant.was != mutant.put
        begins = mutant.stop - len(mutant.was.lstrip())
        before = source[source.rfind("\n", 0, begins) + 1 : begins]
        assert "//" not in before


@pytest.mark.parametrize("rule", RULES)
def test_every_function_that_is_named_is_there(rule: str) -> None:
    source = (ROOT / RULES[rule].path).read_text("utf-8")
    assert [name for name in RULES[rule].functions if f"function {name}(" not in source] == []
