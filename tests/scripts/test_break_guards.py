"""The guards of the invariants. Removing them is `make mutants`; here is what that relies on."""

import re

import pytest

from ledger_service.chain.tools import ROOT
from scripts.break_guards import Guard, guards

INVARIANTS = re.findall(
    r"function (invariant_\w+)\(", (ROOT / "tests" / "forge" / "Invariants.t.sol").read_text("utf-8")
)
NUMBERED = sorted({number for name in INVARIANTS for number in re.findall(r"I[0-9]+(?=_)", name)})


def test_every_invariant_has_a_guard() -> None:
    assert sorted({guard.invariant for guard in guards()}) == NUMBERED


@pytest.mark.parametrize("guard", guards(), ids=lambda guard: guard.invariant)
def test_every_guard_stands_where_it_is_removed_and_is_looked_for_by_its_invariant(guard: Guard) -> None:
    assert (ROOT / guard.file).read_text("utf-8").count(guard.remove) == 1
    assert guard.put != guard.remove
    found = [name for name in INVARIANTS if re.search(guard.test, f"{name}()")]
    assert found
    assert all(f"{guard.invariant}_" in name for name in found)
