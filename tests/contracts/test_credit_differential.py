"""Random issues, sales, retirements, losses and cures: contract and specification agree at each step."""

from random import Random

import pytest

import model
from outcomes import refused
from world import (
    SCALES_RULES,
    SENSORS,
    YEAR,
    Holders,
    Leg,
    Project,
    Use,
    first_second,
    person,
    text32,
)

STEPS = 90
YEARLY_MAXIMUM = 600
STATES = (model.TRADABLE, model.BUFFER, model.RETIRED, model.CANCELLED, model.REVERSED)
USED = {
    "CreditsRetired": model.RETIRED,
    "CreditsCancelled": model.CANCELLED,
    "ShortfallMadeGood": model.CANCELLED,
    "CreditsReversed": model.REVERSED,
}
GROVE, BAMBOO, ORCHARD, REGISTER = text32("grove"), text32("bamboo-kg"), text32("orchard"), 3


class Orchard:
    """A project that its scales measure, beside what the specification says of it."""

    def __init__(self, county, random, buffer_bps):
        self.county, self.credits, self.random = county, county.credits, random
        self.holders = [person(name) for name in ("pool", "buyer", "bank", "city")]
        self.held = {}
        self.named = {}
        """What events said of each serial."""
        self.month = 200
        self.specified = model.CarbonProject(buffer_bps, YEARLY_MAXIMUM)

        committee = {"from": person("committee")}
        rules = SCALES_RULES._replace(minimumValue=-(10**6), maximumLag=60 * YEAR)
        county.oracle.configureFeed(BAMBOO, rules, committee)
        county.oracle.addSigner(BAMBOO, person("weighbridge"), SENSORS, committee)
        county.revenue.publish(ORCHARD, [Leg(REGISTER, 10_000, feed=BAMBOO, subject=GROVE)], 0, committee)
        terms = Project(
            BAMBOO, GROVE, ORCHARD, 0, str(person("pool")), str(person("buffer")), buffer_bps, YEARLY_MAXIMUM
        )
        self.credits.registerProject(ORCHARD, terms, committee)

    def round(self, value):
        """The scales say what a month brought; months follow one another."""
        self.month += 1
        start, end = first_second(self.month), first_second(self.month + 1)
        holders = Holders([(person("cooperative"), value)]) if value > 0 else None
        report = self.county.report(BAMBOO, GROVE, start, end, holders=holders, value=value)
        self.county.submit(report, person("weighbridge"))
        return self.county.finalise(report), end - start

    def step(self):
        acts = [self.issue, *[self.retire] * 3, *[self.move] * 4, self.cancel, self.lose, *[self.cure] * 2]
        transaction = self.random.choice(acts)()
        if transaction is not None:
            self.listen(transaction)
        self.compare()

    # WHAT PEOPLE DO

    def issue(self):
        value = self.random.randint(1, 60)
        round_, seconds = self.round(value)
        try:
            batch = self.specified.issue(value, seconds)
        except model.Implausible as above:
            with refused("ValueImplausible", round=round_, value=above.value, maximum=above.maximum):
                self.credits.issue(ORCHARD, round_, {"from": person("relayer")})
            return None
        number = len(self.specified.batches)
        for holder in self.holders:
            self.held[holder, number] = 0
        # What is reversed at once comes from the buffer, so the pool is given the rest whatever was lost before.
        self.held[self.holders[0], number] = batch.count(model.TRADABLE)
        return self.credits.issue(ORCHARD, round_, {"from": person("relayer")})

    def lose(self):
        loss = self.random.choice([1, self.random.randint(1, 9), self.random.randint(1, 99)])
        round_, _ = self.round(-loss)
        self.specified.reverse(loss)
        return self.credits.reverse(ORCHARD, round_, {"from": person("relayer")})

    def retire(self):
        return self.use_up(model.RETIRED, lambda *some: self.credits.retire(*some, Use(), {"from": some[0]}))

    def cancel(self):
        return self.use_up(
            model.CANCELLED, lambda *some: self.credits.cancel(*some, text32("a reason"), {"from": some[0]})
        )

    def use_up(self, state, call):
        holder, number = self.somebody()
        if number is None:
            return None
        batch, held = self.specified.batches[number - 1], self.held[holder, number]
        quantity = self.random.randint(1, held + 1)
        if state == model.RETIRED and holder == self.holders[0] and batch.open_shortfall:
            with refused("SalesBlocked", batch=number, shortfall=batch.open_shortfall):
                call(holder, number, quantity)
            return None
        if quantity > held:
            self.refused_above(holder, number, quantity, lambda: call(holder, number, quantity))
            return None
        batch.use_up(quantity, state)
        self.held[holder, number] -= quantity
        return call(holder, number, quantity)

    def move(self):
        holder, number = self.somebody()
        if number is None:
            return None
        batch, held, to = self.specified.batches[number - 1], self.held[holder, number], self.holders[1]
        quantity = self.random.randint(1, held + 1)

        def call():
            return self.credits.safeTransferFrom(holder, to, number, quantity, b"", {"from": holder})

        if holder == self.holders[0] and batch.open_shortfall:
            with refused("SalesBlocked", batch=number, shortfall=batch.open_shortfall):
                call()
            return None
        if quantity > held:
            self.refused_above(holder, number, quantity, call)
            return None
        self.held[holder, number] -= quantity
        self.held[to, number] += quantity
        return call()

    def cure(self):
        short = [i for i, batch in enumerate(self.specified.batches, start=1) if batch.open_shortfall]
        holder, source = self.somebody()
        if not short or source is None:
            return None
        number = self.random.choice(short)
        batch, held = self.specified.batches[number - 1], self.held[holder, source]
        quantity = self.random.randint(1, batch.open_shortfall + 1)

        def call():
            return self.credits.makeGood(holder, number, source, quantity, {"from": holder})

        if quantity > batch.open_shortfall:
            with refused("AboveShortfall", batch=number, quantity=quantity, shortfall=batch.open_shortfall):
                call()
            return None
        if quantity > held:
            self.refused_above(holder, source, quantity, call)
            return None
        self.specified.make_good(batch, self.specified.batches[source - 1], quantity)
        self.held[holder, source] -= quantity
        return call()

    def somebody(self):
        holding = [place for place, amount in self.held.items() if amount]
        return self.random.choice(holding) if holding else (None, None)

    def refused_above(self, holder, number, quantity, call):
        held = self.held[holder, number]
        with refused("ERC1155InsufficientBalance", sender=holder, balance=held, needed=quantity, tokenId=number):
            call()

    # WHAT THE CHAIN SAYS

    def listen(self, transaction):
        """No event names a serial that another one named before."""
        for event in transaction.events:
            if event.name in USED:
                for serial in range(event["serialStart"], event["serialStart"] + event["quantity"]):
                    assert serial not in self.named
                    self.named[serial] = USED[event.name]

    def compare(self):
        assert self.credits.deficitOf(ORCHARD) == self.specified.deficit
        for number, batch in enumerate(self.specified.batches, start=1):
            sheet = self.county.sheet(number)
            assert {state: sheet[state] for state in STATES} == {state: batch.count(state) for state in STATES}
            assert (sheet["shortfall"], sheet["madeGood"]) == (batch.shortfall, batch.made_good)
            holders = [*self.holders, person("buffer")]
            *balances, buffer = self.credits.balanceOfBatch(holders, [number] * len(holders))
            assert balances == [self.held[holder, number] for holder in self.holders]
            assert (sum(balances), buffer) == (sheet["tradable"], sheet["buffer"])

    def partition(self):
        """Events and boundaries of the chain give every serial the state that the specification gives it."""
        first = 1
        for number, batch in enumerate(self.specified.batches, start=1):
            serials = self.credits.serialsOf(number)
            assert (serials["start"], serials["end"]) == (first, first + len(batch.serials))
            first = serials["end"]
            shown = {}
            for serial in range(serials["start"], serials["end"]):
                if serials["tradableStart"] <= serial < serials["reversedStart"]:
                    assert serial not in self.named
                    shown[serial] = model.TRADABLE if serial < serials["bufferStart"] else model.BUFFER
                else:
                    shown[serial] = self.named[serial]
            assert list(shown.values()) == batch.serials


@pytest.mark.parametrize(("seed", "buffer_bps"), [(1, 1_000), (2, 3_333)])
def test_random_lives_of_batches_are_as_the_specification_says(county, seed, buffer_bps):
    orchard = Orchard(county, Random(seed), buffer_bps)
    states, deficits = set(), set()
    for _ in range(STEPS):
        orchard.step()
        states |= {state for batch in orchard.specified.batches for state in batch.serials}
        deficits.add(orchard.specified.deficit > 0)
    orchard.partition()
    assert states == set(STATES)
    assert sum(batch.made_good for batch in orchard.specified.batches) > 0
    assert deficits == {False, True}
