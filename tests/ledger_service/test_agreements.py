"""Agreements as data, and the rule that shares them."""

import model
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_service.chain.lines import leg_tuples, line_id, line_tuple
from ledger_service.domain.agreements import (
    Agreement,
    AgreementUnknown,
    Leg,
    LegKind,
    LegMalformed,
    Line,
    Pot,
    SharesDoNotAddUp,
    agreement_named,
    catalogue,
    leg_income,
)
from ledger_service.domain.bilingual import Words
from ledger_service.domain.identifiers import Address, bytes32_of
from ledger_service.domain.units import Bps, Period

NAME = Words("名", "name")
CITY = Address("0xd2103535bfc62bC5DBa62524872E489438507A7c")


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (LegKind.ACCOUNT, {}),
        (LegKind.ACCOUNT, {"payee": "city", "purpose": "roads"}),
        (LegKind.FUND, {"payee": "city"}),
        (LegKind.FUND, {"purpose": "roads"}),
        (LegKind.FUND, {"payee": "city", "purpose": "roads " * 6}),
        (LegKind.REGISTER, {"payee": "city", "feed": "carbon-kg"}),
        (LegKind.REGISTER, {}),
    ],
)
def test_a_leg_that_says_too_much_or_too_little_is_refused(kind: LegKind, facts: dict[str, str]) -> None:
    with pytest.raises(LegMalformed) as refused:
        Leg("leg", NAME, kind, Bps(1), **facts)
    assert (refused.value.key, refused.value.kind) == ("leg", kind)


@pytest.mark.parametrize("second", [4_999, 5_001])
def test_legs_that_are_not_the_whole_are_refused(second: int) -> None:
    legs = tuple(Leg("leg", NAME, LegKind.ACCOUNT, Bps(bps), payee="city") for bps in (5_000, second))
    with pytest.raises(SharesDoNotAddUp) as refused:
        Agreement("rule", NAME, NAME, legs)
    assert refused.value.total_bps == 5_000 + second


def test_an_agreement_nobody_ships_is_refused() -> None:
    with pytest.raises(AgreementUnknown) as refused:
        agreement_named("no-such-rule")
    assert refused.value.key == "no-such-rule"


def test_the_catalogue_ships_what_can_be_said_so_far() -> None:
    shares = {key: [leg.share.value for leg in agreement.legs] for key, agreement in catalogue().items()}
    assert shares == {
        "carbon-pool": [2_000, 8_000],
        "one-product": [3_000, 4_000, 3_000],
        "tech-enclave": [6_000, 4_000],
        "shared-lab": [3_000, 7_000],
        "school-fees": [10_000],
        "reservoir-water": [1_000, 9_000],
        "biomass-energy": [10_000],
        "tax-share": [2_000, 8_000],
    }


def test_legs_of_the_catalogue_become_what_the_contract_takes() -> None:
    fund, register = leg_tuples(agreement_named("carbon-pool"), payees={"city": CITY}, subject="pool-1")
    assert fund == (2, 2_000, CITY, bytes32_of("core-area-maintenance"), bytes(32), bytes(32))
    assert register == (3, 8_000, "0x" + "0" * 40, bytes(32), bytes32_of("carbon-kg"), bytes32_of("pool-1"))


def test_a_line_reads_from_the_agreement_down_to_the_leg() -> None:
    line = Line(Pot("carbon-pool", 2, Period.parse("2018-12")), 1)
    assert str(line) == "carbon-pool/2/2018-12/1"
    assert line_tuple(line) == (bytes32_of("carbon-pool"), 2, 587, 1)


def test_a_line_is_named_as_the_contract_names_it(county) -> None:
    line = Line(Pot("one-product", 65_535, Period(2**32 - 1)), 255)
    assert line_id(line) == county.of("Revenue").lineId(line_tuple(line)).call()


@given(
    received=st.integers(0, 2**128 - 1),
    cuts=st.lists(st.integers(1, 9_999), max_size=6, unique=True).map(sorted),
    closed=st.booleans(),
)
def test_a_leg_is_owed_what_the_specification_says(received: int, cuts: list[int], closed: bool) -> None:
    shares = [after - before for before, after in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    owed = [leg_income(received, shares, leg, closed=closed) for leg in range(len(shares))]
    assert owed == [model.leg_income(received, shares, leg, closed=closed) for leg in range(len(shares))]
    dust = received - sum(owed)
    assert dust == 0 if closed else 0 <= dust < len(shares)
