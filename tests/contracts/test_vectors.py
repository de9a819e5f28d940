"""The contracts against the shared vectors, which Rust and Python read too. See `tests/vectors`."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random
from typing import Any

import pytest
from brownie.exceptions import VirtualMachineError
from eth_utils.address import to_checksum_address

from outcomes import OVERFLOW, refused
from signing import VECTORS, Instalment, unhex
from world import (
    ACCOUNT,
    DAY,
    DECEMBER,
    ONE_PRODUCT,
    SCALES_RULES,
    SENSORS,
    SUPPLIERS_LEG,
    U64,
    U128,
    WHOLE,
    YEAR,
    County,
    Holders,
    Leg,
    Perfection,
    Project,
    Tier,
    Use,
    dated,
    first_second,
    month,
    person,
    text32,
)

STEP = 48
SCALE = WHOLE * 365 * DAY


@dataclass(frozen=True)
class Bench:
    """Contracts set up so that one rule at a time can be asked."""

    libraries: Any
    county: County
    """Its pledges take claims from `teller` and lend vouchers without end."""
    open_loan: Callable[..., Any]
    teller: Any


@pytest.fixture(scope="module")
def bench(county, LibraryHarness, LoanHarness, Pledges, BottomlessVoucher, Teller, relayer):
    teller = Teller.deploy({"from": relayer})
    voucher = BottomlessVoucher.deploy({"from": relayer})
    # Liens are taken in and served as everywhere; nothing here is disputed or enforced.
    pledges = Pledges.deploy(county.authority, teller, voucher, county.pledge_terms, county.workouts, {"from": relayer})
    return Bench(
        libraries=LibraryHarness.deploy({"from": relayer}),
        county=replace(county, pledges=pledges, voucher=voucher),
        open_loan=lambda *terms: LoanHarness.deploy(*terms, {"from": relayer}),
        teller=teller,
    )


def numbers(vector, *keys):
    return [int(vector[key]) for key in keys]


def integers(texts):
    return [int(text) for text in texts]


# SHARING


def check_open(bench, vector):
    income, weight, total, entitled = numbers(vector, "income", "weight", "total", "entitled")
    assert bench.libraries.entitledOpenDown(income, weight, total) == entitled


def check_closed(bench, vector):
    income, before, weight, total, entitled = numbers(vector, "income", "before", "weight", "total", "entitled")
    assert bench.libraries.entitledClosed(income, before, weight, total) == entitled


def slices(weights):
    """Where each weight begins, its weight, and the total."""
    return [(end - weight, weight, sum(weights)) for weight, end in zip(weights, accumulate(weights), strict=True)]


def check_column(bench, vector):
    income, weights = int(vector["income"]), integers(vector["weights"])
    shares = slices(weights)
    assert [bench.libraries.entitledOpenDown(income, w, t) for _, w, t in shares] == integers(vector["open"])
    closed = [bench.libraries.entitledClosed(income, *share) for share in shares]
    assert closed == integers(vector["closed"])
    assert sum(closed) == income


def check_agreement(bench, vector):
    check_column(bench, {"income": vector["received"], "weights": vector["legs"], **vector})
    assert sum(integers(vector["legs"])) == WHOLE


def check_holders(bench, vector):
    received, leg = numbers(vector, "received", "leg")
    legs, weights = integers(vector["legs"]), integers(vector["weights"])
    before, bps, whole = slices(legs)[leg]
    open_income = bench.libraries.entitledOpenDown(received, bps, whole)
    assert [bench.libraries.entitledOpenDown(open_income, w, t) for _, w, t in slices(weights)] == integers(
        vector["open"]
    )
    closed_income = bench.libraries.entitledClosed(received, before, bps, whole)
    assert [bench.libraries.entitledClosed(closed_income, *share) for share in slices(weights)] == integers(
        vector["closed"]
    )


def check_refused_slice(bench, vector):
    income, before, weight, total = numbers(vector, "income", "before", "weight", "total")
    if before + weight <= total != 0:
        # Only an amount above 128 bits is refused by the specification alone. The library has room for it, and the
        # types of its callers keep it out.
        assert vector["error"] == "AmountTooLarge"
        exact = income * (before + weight) // total - income * before // total
        assert bench.libraries.entitledClosed(income, before, weight, total) == exact
        return
    with refused("SliceOutsideTotal", before=before, weight=weight, total=total):
        bench.libraries.entitledClosed(income, before, weight, total)
    if before == 0:
        with refused("SliceOutsideTotal", before=0, weight=weight, total=total):
            bench.libraries.entitledOpenDown(income, weight, total)


def check_refused_legs(bench, vector):
    name, shares = text32("refused"), integers(vector["legs"])
    above = next((end for end in accumulate(shares) if end > WHOLE), sum(shares))
    expected = (
        refused("SharesDoNotAddUp", agreement=name, bps=above)
        if shares
        else refused("LegCount", agreement=name, legs=0)
    )
    with expected:
        legs = [Leg(ACCOUNT, bps, str(person("city"))) for bps in shares]
        bench.county.revenue.publish(name, legs, 0, {"from": person("committee")})


# REGISTERS


def check_keccak(bench, vector):
    assert bench.libraries.hash(unhex(vector["data"])) == vector["hash"]


def check_leaf(bench, vector):
    assert bench.libraries.hashLeaf(to_checksum_address(vector["account"]), int(vector["weight"])) == vector["hash"]


def check_node(bench, vector):
    left_sum, right_sum, sum_ = numbers(vector, "left_sum", "right_sum", "sum")
    assert bench.libraries.hashNode(vector["left"], left_sum, vector["right"], right_sum) == vector["hash"]
    assert left_sum + right_sum == sum_


def check_refused_node(bench, vector):
    """A leaf of the left sum cannot have a sibling of the right sum."""
    left_sum, right_sum = numbers(vector, "left_sum", "right_sum")
    sibling = unhex(vector["right"]) + right_sum.to_bytes(16, "big")
    with refused("SumOverflow", sum=left_sum + right_sum):
        bench.libraries.verify(bytes(32), 2, 0, str(person("city")), left_sum, sibling)


def verify(bench, claim):
    index, count, weight = numbers(claim, "index", "count", "weight")
    account = to_checksum_address(claim["account"])
    return bench.libraries.verify(claim["root"], count, index, account, weight, unhex(claim["proof"]))


def check_register(bench, vector):
    for proof in vector["proofs"]:
        index = int(proof["index"])
        leaf = {"account": vector["accounts"][index], "weight": vector["weights"][index]}
        assert tuple(verify(bench, {**vector, **leaf, **proof})) == (int(proof["before"]), int(vector["total"]))


def check_refused_claim(bench, vector):
    index, count, weight = numbers(vector, "index", "count", "weight")
    given = (len(vector["proof"]) - 2) // 2
    reason = vector["reason"]
    if reason == "root":
        expected = refused("ProofRefused", computed=vector["value"], root=vector["root"])
    elif reason == "sum":
        expected = refused("SumOverflow", sum=weight + sum(sums_in(vector["proof"])))
    elif reason == "index" or count == 0:
        expected = refused("IndexOutsideRegister", index=index, count=count)
    else:
        # A register of more than 2^63 leaves is not refused as such: no proof is long enough for it.
        needed = STEP * steps(index, count)
        expected = refused("ProofLength", given=given, expected=needed)
    with expected:
        verify(bench, vector)


def sums_in(proof):
    """The sums of the steps of a proof."""
    steps = unhex(proof)
    return [int.from_bytes(steps[at + 32 : at + STEP], "big") for at in range(0, len(steps), STEP)]


def verify_run(bench, vector):
    first, count = numbers(vector, "first", "count")
    accounts = [to_checksum_address(account) for account in vector["accounts"]]
    weights, proof = integers(vector["weights"]), unhex(vector["proof"])
    return bench.libraries.verifyRun(vector["root"], count, first, accounts, weights, proof)


def check_run(bench, vector):
    register = vectors("register", "registers")[int(vector["register"])]
    first, length = numbers(vector, "first", "length")
    shown = {key: register[key][first : first + length] for key in ("accounts", "weights")}
    before, total = verify_run(bench, {**register, **vector, **shown})
    assert (before, total) == (int(vector["before"]), int(register["total"]))


def check_refused_run(bench, vector):
    first, count = numbers(vector, "first", "count")
    length, weights = len(vector["accounts"]), integers(vector["weights"])
    reason = vector["reason"]
    if reason == "root":
        expected = refused("ProofRefused", computed=vector["value"], root=vector["root"])
    elif reason == "sum":
        expected = refused("SumOverflow", sum=sum(weights) + sum(sums_in(vector["proof"])))
    elif reason == "length":
        needed = STEP * steps_beside(first, length, count)
        expected = refused("ProofLength", given=len(unhex(vector["proof"])), expected=needed)
    else:
        expected = refused("RunOutsideRegister", first=first, length=length, count=count)
    with expected:
        verify_run(bench, vector)


def steps_beside(first, length, count):
    """How many nodes stand beside `length` leaves from `first` on, on their way to the root."""
    found, last = 0, first + length - 1
    while count > 1:
        found += (first % 2 == 1) + (last % 2 == 0 and last + 1 < count)
        first, last, count = first // 2, last // 2, (count + 1) // 2
    return found


def steps(index, count):
    """How many siblings leaf `index` of `count` has on its way to the root."""
    found = 0
    while count > 1:
        found += index % 2 == 1 or index + 1 < count
        index, count = index // 2, (count + 1) // 2
    return found


# LIENS AND LOANS


def lend(bench, bps, due, arrears):
    """A disbursed lien to which, a year later, `due` is due, `arrears` of it in arrears.

    The arrears are principal that was due at once. The rest is the interest of a year at 100 % on a principal as large
    as the rest; what of it is not overdue falls due long after.
    """
    now, interest = bench.county.clock.now(), due - arrears
    principal = max(interest, arrears, 1)
    schedule = [Instalment(now, arrears), Instalment(U64, principal - arrears)]
    assert interest == 0 or interest >= arrears
    rate_bps = WHOLE if interest else 0
    terms = bench.county.terms(bps=bps, principal=principal, schedule=schedule, annualRateBps=rate_bps)
    pledge = bench.county.commit(terms)
    perfection = Perfection(bench.county.new("register"), expiry=U64)
    bench.county.pledges.perfect(pledge, perfection, {"from": person("bank")})
    bench.county.pledges.disburse(pledge, {"from": person("bank")})
    return pledge


def divert(bench, before, after):
    cooperative = person("cooperative")
    arguments = (bench.county.pledges, cooperative, ONE_PRODUCT, SUPPLIERS_LEG, month(2025, 12), before, after)
    return bench.teller.divert(*arguments, {"from": person("relayer")})


def check_diversion(bench, vector):
    before, after = numbers(vector, "before", "after")
    # A lien on nothing takes nothing and cannot be registered.
    liens = [
        (lien, taken)
        for lien, taken in zip(vector["liens"], integers(vector["taken"]), strict=True)
        if lien["bps"] != "0"
    ]
    for lien, _ in liens:
        lend(bench, *numbers(lien, "bps", "due", "arrears"))
    bench.county.clock.after(YEAR)
    payments = divert(bench, before, after).return_value
    assert [payment[1] for payment in payments] == [taken for _, taken in liens]
    assert after - before - sum(payment[1] for payment in payments) == int(vector["rest"])


def check_refused_diversion(bench, vector):
    before, after = numbers(vector, "before", "after")
    if vector["error"] == "AmountTooLarge":
        # The contract has room for it; no supply of vouchers has.
        assert after > U128
        assert len(divert(bench, before, after).return_value) == 0
        return
    pledged = 0
    for lien in vector["liens"]:
        bps, due, arrears = numbers(lien, "bps", "due", "arrears")
        if bps > WHOLE:
            with refused("BpsOutOfRange", bps=bps):
                lend(bench, bps, due, arrears)
            return
        if pledged + bps > WHOLE:
            with already_pledged(month(2025, 12), pledged, bps):
                lend(bench, bps, due, arrears)
            return
        lend(bench, bps, due, arrears)
        pledged += bps
    assert vector["error"] == "IncomeFell"
    with refused("Panic", code=OVERFLOW):
        divert(bench, before, after)


def already_pledged(period, pledged, requested):
    return refused(
        "IncomeAlreadyPledged",
        holder=person("cooperative"),
        agreement=ONE_PRODUCT,
        leg=SUPPLIERS_LEG,
        period=period,
        pledged=pledged,
        requested=requested,
    )


def check_loan(bench, vector):
    clock, start = bench.county.clock, int(vector["start"])
    shift = clock.now() - start
    schedule = [(int(instalment["due_at"]) + shift, int(instalment["amount"])) for instalment in vector["instalments"]]
    principal, rate_bps = numbers(vector, "principal", "rate_bps")
    loan = bench.open_loan(principal, rate_bps, int(vector["overdue_rate_bps"]), schedule)
    for step in vector["steps"]:
        at, interest, arrears, due, debt = numbers(step, "at", "interest", "arrears", "due", "debt")
        if at + shift != clock.now():
            clock.stand_at(at + shift)
        parts, *sums = loan.owed()
        assert parts["overdueInterest"] + parts["currentInterest"] == interest
        assert parts["overduePrincipal"] + parts["laterPrincipal"] + interest + parts["costs"] == debt
        assert sums == [arrears, due, debt]
        loan.charge(step["charged"], {"from": person("relayer")})
        loan.pay(step["repaid"], {"from": person("relayer")})
        left = loan.loan()
        assert (left["accrued"], left["interestPaid"]) == tuple(numbers(step, "accrued_scaled", "interest_paid"))
        assert (left["billed"], left["costs"]) == tuple(numbers(step, "billed", "costs"))
        since = int(step["arrears_since"])
        assert left["arrearsSince"] == (since and since + shift)
        assert left["accruedAt"] == at + shift
        assert principal - left["principal"] == int(step["principal_repaid"])
        assert left["interestPaid"] * SCALE <= left["accrued"]


def reserve(bench, vector):
    for lien in vector["liens"]:
        bps, first, last = numbers(lien, "bps", "first", "last")
        bench.county.commit(bench.county.terms(bps=bps, fromPeriod=first, toPeriod=last))


def check_free(bench, vector):
    """All that is free can be pledged, and not a basis point more."""
    reserve(bench, vector)
    free, first, last = numbers(vector, "free_bps", "first", "last")
    begins = [first, *(int(lien["first"]) for lien in vector["liens"] if first < int(lien["first"]) <= last)]
    fullest = next((period for period in begins if encumbrance(bench, period)[1] == free), None)
    assert fullest is not None
    with already_pledged(fullest, WHOLE - free, free + 1) if free < WHOLE else refused("BpsOutOfRange", bps=WHOLE + 1):
        bench.county.commit(bench.county.terms(bps=free + 1, fromPeriod=first, toPeriod=last))
    if free:
        bench.county.commit(bench.county.terms(bps=free, fromPeriod=first, toPeriod=last))
    assert min(encumbrance(bench, period)[1] for period in range(first, last + 1)) == 0


def encumbrance(bench, period):
    return bench.county.pledges.encumbrance(person("cooperative"), ONE_PRODUCT, SUPPLIERS_LEG, period)


def check_refused_free(bench, vector):
    ranges = [*((lien["first"], lien["last"]) for lien in vector["liens"]), (vector["first"], vector["last"])]
    reverse = [(int(first), int(last)) for first, last in ranges if int(last) < int(first)]
    if vector["error"] == "PeriodsReversed":
        ((first, last),) = reverse
        with refused("PeriodsOutOfRange", fromPeriod=first, toPeriod=last):
            bench.county.commit(bench.county.terms(bps=1, fromPeriod=first, toPeriod=last))
        return
    with already_pledged(671, 6_000, 4_001):
        reserve(bench, vector)


# DATA ASSETS


def check_figure(bench, vector):
    value, uncertainty, lendable = numbers(vector, "value", "uncertainty", "lendable")
    assert bench.libraries.lendableDown(value, uncertainty) == lendable


def check_standing(bench, vector):
    value, previous, disputed, stale = numbers(vector, "value", "previous", "disputed", "stale")
    stale_bps, maximum_ltv_bps, debt = numbers(vector, "stale_bps", "maximum_ltv_bps", "debt")
    counts, short = numbers(vector, "counts", "short")
    assert bench.libraries.countsDown(value, previous, disputed == 1, stale == 1, stale_bps) == counts
    assert bench.libraries.isShort(counts, maximum_ltv_bps, debt) == (short == 1)


# TIERS


def check_receipt(bench, vector):
    cumulative, amount = numbers(vector, "cumulative", "amount")
    revenue, name, city = bench.county.revenue, bench.county.new("tiers"), str(person("city"))
    tiers = [Tier(bound, [Leg(ACCOUNT, WHOLE, city)]) for bound in integers(vector["bounds"])]
    revenue.publishTiers(name, tiers, 0, {"from": person("committee")})

    def received():
        return [revenue.receivedOf(name, version, DECEMBER) for version in range(1, len(tiers) + 1)]

    if cumulative:
        bench.county.receive(name, DECEMBER, cumulative)
    before = received()
    bench.county.receive(name, DECEMBER, amount)
    assert [after - was for was, after in zip(before, received(), strict=True)] == integers(vector["parts"])


# CREDITS


def check_history(bench, vector):
    history = CreditHistory(bench.county, *numbers(vector, "buffer_bps", "yearly_maximum"))
    for step in vector["steps"]:
        history.take(step)


class CreditHistory:
    """A project of its own, measured by scales."""

    FEED, GROVE, REGISTER = text32("bamboo-kg"), text32("grove"), 3

    def __init__(self, county, buffer_bps, yearly_maximum):
        self.county, self.credits = county, county.credits
        self.name = county.new("project")
        committee = {"from": person("committee")}
        county.oracle.configureFeed(
            self.FEED, SCALES_RULES._replace(minimumValue=-U64, maximumLag=60 * YEAR), committee
        )
        county.oracle.addSigner(self.FEED, person("weighbridge"), SENSORS, committee)
        county.revenue.publish(self.name, [Leg(self.REGISTER, WHOLE, feed=self.FEED, subject=self.GROVE)], 0, committee)
        pool, buffer = str(person("pool")), str(person("buffer"))
        self.credits.registerProject(
            self.name,
            Project(self.FEED, self.GROVE, self.name, 0, pool, buffer, buffer_bps, yearly_maximum),
            committee,
        )

    def measure(self, value, start, end):
        holders = Holders([(person("cooperative"), value)]) if value > 0 else None
        report = self.county.report(self.FEED, self.GROVE, start, end, holders=holders, value=value)
        self.county.submit(report, person("weighbridge"))
        return self.county.finalise(report)

    def take(self, step):
        done = getattr(self, step["act"])(step)
        if "serial_start" in step:
            assert done == int(step["serial_start"])
        assert self.credits.deficitOf(self.name) == int(step["deficit"])
        for number, batch in enumerate(step["batches"], start=1):
            sheet = self.county.sheet(number)
            assert {key: str(sheet["madeGood" if key == "made_good" else key]) for key in batch} == batch
        if step["act"] == "issue" and "error" in step:
            assert self.credits.batchCount() == len(step["batches"])

    def issue(self, step):
        round_ = self.measure(*numbers(step, "value", "start", "end"))

        def call():
            return self.credits.issue(self.name, round_, {"from": person("relayer")})

        if "error" in step:
            with refused("ValueImplausible", round=round_, value=int(step["value"]), maximum=int(step["maximum"])):
                call()
            return None
        call()
        return self.credits.serialsOf(self.credits.batchCount())["start"]

    def reverse(self, step):
        value, start, end = numbers(step, "value", "start", "end")
        self.credits.reverse(self.name, self.measure(-value, start, end), {"from": person("relayer")})

    def sell(self, step):
        batch, quantity = numbers(step, "batch", "quantity")
        pool = person("pool")
        self.credits.safeTransferFrom(pool, person("buyer"), batch, quantity, b"", {"from": pool})

    def retire(self, step):
        by = person(step["by"])
        retired = self.credits.retire(by, *numbers(step, "batch", "quantity"), Use(), {"from": by})
        return retired.events["CreditsRetired"]["serialStart"]

    def cancel(self, step):
        by = person(step["by"])
        cancelled = self.credits.cancel(by, *numbers(step, "batch", "quantity"), text32("a reason"), {"from": by})
        return cancelled.events["CreditsCancelled"]["serialStart"]

    def make_good(self, step):
        by = person(step["by"])
        batch, source, quantity = numbers(step, "batch", "source", "quantity")

        def call():
            return self.credits.makeGood(by, batch, source, quantity, {"from": by})

        if "error" in step:
            with refused("AboveShortfall", batch=batch, quantity=quantity, shortfall=int(step["shortfall"])):
                call()
            return None
        return call().events["ShortfallMadeGood"]["serialStart"]


# ALL OF THEM

CHECKS: dict[str, tuple[str, Callable[[Bench, Any], None]]] = {
    "sharing": {
        "open": check_open,
        "closed": check_closed,
        "columns": check_column,
        "agreements": check_agreement,
        "registers": check_holders,
        "refused": check_refused_slice,
        "refused_legs": check_refused_legs,
    },
    "register": {
        "registers": check_register,
        "runs": check_run,
        "refused": check_refused_claim,
        "refused_runs": check_refused_run,
    },
    "hashes": {"keccak256": check_keccak, "leaves": check_leaf, "nodes": check_node, "refused": check_refused_node},
    "liens": {
        "diversions": check_diversion,
        "refused_diversions": check_refused_diversion,
        "loans": check_loan,
        "free": check_free,
        "refused_free": check_refused_free,
    },
    "covenants": {"figures": check_figure, "standings": check_standing},
    "tiers": {"receipts": check_receipt},
    "credits": {"histories": check_history},
}
"""How the contracts answer each kind of vector, by file and kind."""

ELSEWHERE = {
    ("register", "refused_registers"),
    ("allocation", "allocations"),
    ("allocation", "refused"),
    ("sharing", "nets"),
    ("liens", "waterfalls"),
}
"""No contract builds a register, divides credits among parcels, nets an account's lines or serves lenders by rank."""


def vectors(file, kind):
    return json.loads((VECTORS / f"{file}.json").read_text("utf-8"))[kind]


ALL = [
    pytest.param(file, kind, number, id=f"{file}-{kind}-{number}")
    for file, checks in CHECKS.items()
    for kind in checks
    for number in (range(len(vectors(file, kind))) if file in {"liens", "tiers", "credits"} else ["all"])
]
"""Liens, loans, receipts and credits leave their traces on the chain, so each of their vectors is a test of its own."""


@pytest.mark.parametrize(("file", "kind", "number"), ALL)
def test_contracts_agree_with(bench, file, kind, number):
    for vector in vectors(file, kind) if number == "all" else [vectors(file, kind)[number]]:
        CHECKS[file][kind](bench, vector)


def test_every_kind_of_vector_is_checked_or_not_the_business_of_contracts():
    kinds = {
        (path.stem, kind)
        for path in VECTORS.glob("*.json")
        for kind in json.loads(path.read_text("utf-8"))
        if kind != "rule" and path.stem != "eip712"
    }
    assert kinds == ELSEWHERE | {(file, kind) for file, checks in CHECKS.items() for kind in checks}


def another_byte(value):
    """The same with its last byte changed; of a list, its last element."""
    if isinstance(value, list):
        return [*value[:-1], another_byte(value[-1])]
    if isinstance(value, dict):
        last = next(reversed(value))
        return value | {last: another_byte(value[last])}
    return value[:-1] + ("1" if value[-1] == "0" else "0")


@pytest.mark.parametrize(
    ("file", "kind", "number", "field"),
    [
        ("sharing", "open", 8, "income"),
        ("sharing", "open", 8, "entitled"),
        ("sharing", "closed", 8, "before"),
        ("sharing", "closed", 8, "entitled"),
        ("sharing", "columns", 4, "weights"),
        ("sharing", "columns", 4, "open"),
        ("sharing", "columns", 4, "closed"),
        ("sharing", "agreements", 1, "received"),
        ("sharing", "agreements", 1, "closed"),
        ("sharing", "registers", 0, "received"),
        ("sharing", "registers", 0, "closed"),
        ("sharing", "refused", 4, "weight"),
        ("sharing", "refused_legs", 1, "legs"),
        ("register", "registers", 7, "root"),
        ("register", "registers", 7, "total"),
        ("register", "registers", 7, "weights"),
        ("register", "registers", 7, "accounts"),
        ("register", "registers", 7, "proofs"),
        ("register", "runs", 150, "before"),
        ("register", "runs", 150, "proof"),
        ("register", "runs", 150, "first"),
        ("register", "refused_runs", 4, "value"),
        ("register", "refused_runs", 4, "weights"),
        ("register", "refused", 17, "value"),
        ("register", "refused", 17, "proof"),
        ("hashes", "keccak256", 2, "data"),
        ("hashes", "keccak256", 2, "hash"),
        ("hashes", "leaves", 1, "account"),
        ("hashes", "leaves", 1, "weight"),
        ("hashes", "leaves", 1, "hash"),
        ("hashes", "nodes", 1, "left"),
        ("hashes", "nodes", 1, "right_sum"),
        ("hashes", "nodes", 1, "hash"),
        ("hashes", "refused", 0, "right_sum"),
        ("liens", "diversions", 5, "after"),
        ("liens", "diversions", 5, "taken"),
        ("liens", "refused_diversions", 0, "before"),
        ("liens", "loans", 1, "principal"),
        ("liens", "loans", 1, "steps"),
        ("liens", "free", 1, "free_bps"),
        ("liens", "refused_free", 0, "error"),
        ("covenants", "figures", 9, "lendable"),
        ("covenants", "standings", 4, "counts"),
        ("covenants", "standings", 4, "short"),
        ("tiers", "receipts", 5, "parts"),
        ("tiers", "receipts", 5, "bounds"),
        ("credits", "histories", 2, "steps"),
        ("credits", "histories", 1, "yearly_maximum"),
    ],
)
def test_contracts_do_not_agree_with_a_changed_byte_in(bench, file, kind, number, field):
    vector = vectors(file, kind)[number]
    with pytest.raises((AssertionError, VirtualMachineError)):
        CHECKS[file][kind](bench, vector | {field: another_byte(vector[field])})


# MONTHS


def test_a_month_contains_its_first_and_its_last_second(bench):
    for period in (0, 1, 2, 359, 360, 361, 587, 671, 672, 673, 1_561, 4_000):
        for second, expected in (
            (first_second(period), period),
            (first_second(period + 1) - 1, period),
            (first_second(period + 1), period + 1),
        ):
            assert bench.libraries.monthContaining(second) == expected


@pytest.mark.parametrize("year", [1970, 1972, 1999, 2000, 2024, 2026, 2099, 2100, 2101, 2400])
def test_the_months_of_a_year_are_those_of_the_calendar(bench, year):
    random = Random(year)
    for _ in range(10):
        second = random.randrange(first_second(month(year, 1)), first_second(month(year + 1, 1)))
        moment = dated(second)
        assert bench.libraries.monthContaining(second) == month(moment.year, moment.month)
    leap_day = first_second(month(year, 3)) - 1
    assert bench.libraries.monthContaining(leap_day) == month(year, 2)
