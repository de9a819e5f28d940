"""The oracle against the executable specification: what is refused, where every round stands, and what is lent on."""

import random

from brownie.exceptions import VirtualMachineError

import model
from outcomes import refusals_of, refused
from world import (
    CARBON_RULES,
    DAY,
    DELIVERED,
    NOTHING,
    PANEL,
    SENSORS,
    TEA,
    Figures,
    Verdict,
    digest,
    first_second,
    month,
    person,
    text32,
)

STATES = ("none", "candidate", "final", "disputed", "void")
VERDICTS = {"none": Verdict.NONE, "upheld": Verdict.UPHELD, "void": Verdict.VOID, "restated": Verdict.RESTATED}
WINDOW = 3 * DAY
SIGNERS = ("weighbridge", "second-weighbridge", "third-weighbridge", "fourth-weighbridge")
CHALLENGERS = ("cooperative", "bank", "buyer", "city")
PERIODS = range(month(2025, 3), month(2026, 2))
FIGURES = tuple(model.Measured(value, uncertainty) for value in (300, 500, 700) for uncertainty in (0, 30))
STEPS_A_PERIOD = 20

TRANSITIONS = {
    ("none", "candidate"),
    ("candidate", "none"),
    ("candidate", "final"),
    ("candidate", "disputed"),
    ("disputed", "candidate"),
    ("disputed", "void"),
    ("disputed", "none"),
    ("void", "candidate"),
}
"""Every way on which a round goes from one state to another."""

MOVES = {
    "none": ("report", "report", "report", "report", "nominate"),
    "void": ("report", "report", "report", "report", "nominate"),
    "candidate": ("challenge", "challenge", "finalise", "prove", "nominate"),
    "disputed": ("vote", "vote", "vote", "vote", "restate", "restate", "lapse", "prove"),
    "final": ("restate", "restate", "vote", "lapse"),
}
"""What is most likely tried in each state; one step in four is anything."""


class Both:
    """The contract and the model, one step at a time."""

    def __init__(self, county):
        self.county = county
        self.oracle, self.panel, self.clock = county.oracle, county.panel, county.clock
        committee = {"from": person("committee")}
        self.rules = CARBON_RULES._replace(
            quorum=2, requiredGroups=0, challengeWindow=WINDOW, crossCheckFeed=NOTHING, maximumLag=2**32 - 1
        )
        self.oracle.configureFeed(DELIVERED, self.rules, committee)
        for name in SIGNERS:
            self.oracle.addSigner(DELIVERED, person(name), SENSORS, committee)
        self.model = model.MonitoredSubject(quorum=2, window=WINDOW, panel=PANEL, now=self.clock.now())
        self.anchored_at = self.clock.now()
        self.evidence = {(period, each): county.anchored() for period in PERIODS for each in FIGURES}
        self.done = set()
        self.near = PERIODS[:2]

    def report(self, period, figures):
        return self.county.report(
            *(DELIVERED, TEA, first_second(period), first_second(period + 1)),
            value=figures.value,
            uncertainty=figures.uncertainty,
            evidenceRoot=self.evidence[period, figures],
            observedAt=self.anchored_at,
            validUntil=2**63,
        )

    def round(self, period):
        return bytes(self.oracle.roundId(DELIVERED, TEA, first_second(period), first_second(period + 1)))

    def figures(self, period, figures):
        return Figures(
            *(figures.value, figures.uncertainty, NOTHING, 0),
            *(self.evidence[period, figures], digest("methodology")),
        )

    def steps(self, chance):
        """One step as the model and as the contract takes it."""
        period, figures, other = chance.choice(self.near), chance.choice(FIGURES), chance.choice(FIGURES)
        round_ = self.round(period)
        signer, member = chance.choice(SIGNERS), chance.choice((*3 * PANEL, "auditor"))
        challenger, verdict = (
            chance.choice(CHALLENGERS),
            chance.choice(("upheld", "upheld", "upheld", "void", "restated")),
        )
        by = {"from": person("relayer")}
        # Honest signers agree more often than not, or nothing would ever become a candidate.
        agreed = figures if chance.random() < 0.1 else FIGURES[(self.model.epoch + period) % len(FIGURES)]
        likely = MOVES[self.model.round(period).state]
        anything = (*(move for moves in MOVES.values() for move in moves), "pause", "renew")
        if self.model.paused_since is not None:
            anything = ("pause",)
        match chance.choice(anything if chance.random() < 0.25 else likely):
            case "report":
                return (
                    lambda: self.model.report(period, signer, agreed),
                    lambda: self.county.submit(self.report(period, agreed), person(signer)),
                )
            case "nominate":
                return (
                    lambda: self.model.nominate(period, figures),
                    lambda: self.oracle.nominate(self.report(period, figures), by),
                )
            case "prove":
                pair = [self.report(period, each) for each in (figures, other)]
                signed = [self.county.sign(each, person(signer)) for each in pair]
                return (
                    lambda: self.model.prove(period, signer, figures, other),
                    lambda: self.panel.proveEquivocation(pair[0], signed[0], pair[1], signed[1], by),
                )
            case "finalise":
                return lambda: self.model.finalise(period), lambda: self.oracle.finalise(round_, by)
            case "challenge":
                return (
                    lambda: self.model.challenge(period, challenger),
                    lambda: self.county.challenge(round_, person(challenger)),
                )
            case "vote":
                return (
                    lambda: self.model.vote(period, member, verdict),
                    lambda: self.panel.vote(round_, VERDICTS[verdict], {"from": person(member)}),
                )
            case "restate":
                restated = FIGURES[0] if chance.random() < 0.7 else figures
                return (
                    lambda: self.model.restate(period, member, restated),
                    lambda: self.county.restate(round_, self.figures(period, restated), member),
                )
            case "lapse":
                return lambda: self.model.lapse(period), lambda: self.panel.lapse(round_, by)
            case "pause" if self.model.paused_since is None:
                return self.model.pause, lambda: self.oracle.pause(text32("storm"), {"from": person("guardian")})
            case "pause":
                return self.model.resume, lambda: self.oracle.resume(text32("over"), {"from": person("committee")})
        return self.model.renew, lambda: self.oracle.configureFeed(DELIVERED, self.rules, {"from": person("committee")})

    def step(self, chance):
        wait = chance.choice((*12 * (0,), DAY, WINDOW - 1, WINDOW, model.PANEL_SECONDS))
        self.clock.after(wait)
        self.model.now = self.clock.now()
        before = {period: self.model.round(period).state for period in self.near}
        expected, happens = self.steps(chance)
        try:
            expected()
            reason = None
        except model.RoundRefused as refusal:
            reason = refusal.reason
        try:
            happens()
            seen = {None}
        except VirtualMachineError as failure:
            seen = {refusal.name for refusal in refusals_of(failure)}
        assert reason in seen
        for period in self.near:
            self.done.add((before[period], self.model.round(period).state))
            self.compare(self.model.round(period))
        self.compare_lending()

    def compare(self, expected):
        round_ = self.round(expected.period)
        seen = self.oracle.roundOf(round_)
        assert STATES[seen["state"]] == expected.state
        assert seen["verdict"] == VERDICTS[expected.verdict]
        if expected.figures is not None:
            assert (seen["value"], seen["uncertainty"]) == (expected.figures.value, expected.figures.uncertainty)
            assert seen["finalFrom"] == expected.final_from
        assert (self.panel.disputeOf(round_)[0] != 0) == (expected.dispute is not None)
        if expected.restatement is not None:
            assert self.panel.restatementOf(round_)[0]["value"] == expected.restatement.value

    def compare_lending(self):
        try:
            expected = self.model.lending_value()
        except model.RoundRefused:
            with refused("NotFresh", feed=DELIVERED, subject=TEA, validUntil=0):
                self.oracle.lendingValue(DELIVERED, TEA)
        else:
            assert self.oracle.lendingValue(DELIVERED, TEA) == expected


def test_random_steps_are_taken_or_refused_as_the_specification_says(county):
    both, chance = Both(county), random.Random(2)
    for first in range(len(PERIODS) - 1):
        both.near = PERIODS[first : first + 2]
        for _ in range(STEPS_A_PERIOD):
            both.step(chance)
    moved = {(before, after) for before, after in both.done if before != after}
    assert moved == TRANSITIONS
