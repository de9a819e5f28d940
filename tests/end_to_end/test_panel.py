"""A county as `gongsheng demo` and `gongsheng up` open it: a bank challenges, and any two of three decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from gongsheng import measuring
from gongsheng.cast import CROSS_CHECKER, OFFICERS, OTHERS, PANEL, REPORTERS, Cast
from gongsheng.county import (
    CARBON_CROSS_CHECK_FEED,
    CARBON_FEED,
    CARBON_PROJECT,
    CHALLENGE_WINDOW,
    DAY,
    PAYEES,
    advance,
    deploy_protocol,
    fund_with_gas,
    open_county,
)
from gongsheng.measuring import Measured
from ledger_service.chain.client import Chain, Refused, connect
from ledger_service.chain.embedded import embedded_chain
from ledger_service.domain.identifiers import bytes32_of

SUBJECT = "pool-in-dispute"
END = 1_751_328_000
"""2025-07-01."""
NONE, CANDIDATE, FINAL, DISPUTED, VOID = range(5)
UPHELD, VOIDED = 1, 2
EVIDENCE = keccak(text="every file of the round")


@dataclass(frozen=True)
class County:
    """A county, and a candidate in it that says a million kilograms."""

    chain: Chain
    cast: Cast
    round: bytes

    @property
    def state(self) -> int:
        return int(self.chain.call(self.chain.contract("MonitoringOracle").functions.roundOf(self.round))[0])

    def challenge(self, name: str) -> None:
        panel = self.chain.contract("MonitoringPanel").functions
        call = panel.challenge(self.round, bytes32_of("a plot was felled"), keccak(text="photographs"))
        self.chain.send(call, self.cast.account(name))

    def vote(self, name: str, verdict: int) -> None:
        panel = self.chain.contract("MonitoringPanel").functions
        self.chain.send(panel.vote(self.round, verdict), self.cast.account(name))

    def finalise(self) -> None:
        measuring.finalise(self.chain, [self.round], self.cast.account("relayer"))

    def issue(self) -> None:
        credits = self.chain.contract("CarbonCredits").functions
        self.chain.send(credits.issue(bytes32_of(CARBON_PROJECT), self.round), self.cast.account("relayer"))


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    cast = Cast(seed=5, holder_count=3)
    with embedded_chain(folder=tmp_path, timestamp=END + 10 * DAY, keep_state=False) as url:
        w3 = connect(url)
        fund_with_gas(w3, cast.senders())
        chain = Chain(connect(url), deploy_protocol(w3, cast))
        reporters = {name: cast.account(name) for name in (*REPORTERS, CROSS_CHECKER)}
        open_county(
            chain,
            cast,
            carbon_subject=SUBJECT,
            product_subject="tea",
            reporters={name: account.address for name, account in reporters.items()},
        )
        measured = Measured(
            feed=CARBON_FEED,
            subject=SUBJECT,
            period_start=END - 365 * DAY,
            period_end=END,
            observed_at=END,
            value=1_000_000,
            uncertainty=0,
            share_root=keccak(text="who has a share"),
            share_count=3,
            evidence_root=EVIDENCE,
            methodology=bytes(31) + b"\1",
            qc_flags=0,
        )
        seen = replace(measured, feed=CARBON_CROSS_CHECK_FEED, share_root=bytes(32), share_count=0)
        relayer = cast.account("relayer")
        measuring.anchor(chain, [EVIDENCE], relayer)
        measuring.submit(chain, seen, [reporters[CROSS_CHECKER]], relayer)
        round_id = measuring.submit(chain, measured, [reporters[name] for name in REPORTERS], relayer)
        yield County(chain, cast, round_id)


def test_nobody_on_the_panel_reports_holds_an_office_or_gains(county: County) -> None:
    cast, participants = county.cast, county.chain.contract("Participants").functions
    members = {cast.account(name).address for name in PANEL}
    others = {cast.account(name).address for name in (*OFFICERS, *OTHERS, *REPORTERS, CROSS_CHECKER, *PAYEES, "buffer")}
    others |= {holder.address for holder in cast.holders}
    assert len(members) == 3
    assert not members & others
    assert not any(county.chain.call(participants.isAdmitted(member)) for member in members)


def test_a_candidate_that_two_of_three_find_wrong_is_void_and_issues_nothing(county: County) -> None:
    assert county.state == CANDIDATE
    county.challenge("bank")
    assert county.state == DISPUTED
    first, second, third = PANEL
    with pytest.raises(Refused):
        county.vote("relayer", VOIDED)
    county.vote(first, VOIDED)
    county.vote(second, UPHELD)
    assert county.state == DISPUTED, "one against one"
    county.vote(third, VOIDED)
    assert county.state == VOID
    for step in (county.finalise, county.issue):
        with pytest.raises(Refused):
            step()


def test_a_candidate_that_two_of_three_uphold_becomes_final_and_is_issued(county: County) -> None:
    county.challenge("buyer")
    advance(county.chain, CHALLENGE_WINDOW)
    with pytest.raises(Refused):
        county.finalise()
    first, second, _ = PANEL
    county.vote(second, UPHELD)
    county.vote(first, UPHELD)
    assert county.state == CANDIDATE
    county.finalise()
    assert county.state == FINAL
    county.issue()
