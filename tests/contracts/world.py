"""A county on a chain of its own: who lives there, which rules it has published, and what its people do.

Everything starts on 1 February 2026 (UTC), and no second passes but by a test's will. Amounts are fen.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any, NamedTuple

from brownie import accounts, project, web3
from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3

import model
from ledger_service.chain.artefacts import CONTRACTS
from ledger_service.chain.deployment import Officers, deploy
from signing import Conditions, Instalment, RedemptionOrder, Report, Signed, Terms, sign

GENESIS = 1_769_904_000
"""2026-02-01T00:00:00Z, the first block."""
HOUR = 3_600
DAY = 24 * HOUR
YEAR = 365 * DAY
WHOLE = 10_000
U64, U88, U128, U256 = (2**bits - 1 for bits in (64, 88, 128, 256))
ZERO = "0x" + 40 * "0"
NOTHING = bytes(32)


def text32(text: str) -> bytes:
    """Short text as the contracts keep it."""
    return text.encode().ljust(32, b"\0")


def digest(text: str) -> bytes:
    """The hash of a document that nobody needs to read."""
    return keccak(text=text)


def month(year: int, number: int) -> int:
    """The period (months since January 1970) of a month."""
    return (year - 1970) * 12 + number - 1


def first_second(period: int) -> int:
    """When a period begins."""
    return calendar.timegm((1970 + period // 12, period % 12 + 1, 1, 0, 0, 0))


DECEMBER = month(2025, 12)
JANUARY = month(2026, 1)
FEBRUARY = month(2026, 2)
"""The period in which the tests begin."""

CARBON, REMOTE = text32("carbon-kg"), text32("carbon-remote-kg")
DELIVERED, PROCESSED = text32("delivered-fen"), text32("processed-kg")
FOREST, TEA = text32("forest-1"), text32("mountain-tea")
CARBON_POOL, ONE_PRODUCT, TECH_ENCLAVE = text32("carbon-pool"), text32("one-product"), text32("tech-enclave")
PROJECT = text32("project-1")
YEARLY_MAXIMUM = 10**9
"""Most kg that the forest can gain in a year of 365 days."""
ECOLOGY = text32("ecological-maintenance")
CARBON_LEG, SUPPLIERS_LEG, PROCESSORS_LEG = 1, 1, 2
SENSORS, VERIFIERS, REMOTE_SENSING = 1, 2, 3
"""Groups of reporters."""

NONE, ACCOUNT, FUND, REGISTER, AGREEMENT = range(5)
"""Kinds of legs."""
PANEL = ("forester", "statistician", "judge")
"""Who decides disputes."""

CANDIDATE = 1
"""The state of a round that reached its quorum; see `IMonitoringOracle.State`."""


class Kind:
    """Kinds of participants; see `IParticipants.Kind`."""

    UNKNOWN, HOUSEHOLD, COOPERATIVE, BANK, BUYER, OPERATOR, TREASURY, PROTOCOL = range(8)


class RoundState:
    """Where a round stands; see `IMonitoringOracle.State`."""

    NONE, CANDIDATE, FINAL, DISPUTED, VOID = range(5)


class Verdict:
    """What a panel may decide; see `IMonitoringOracle.Verdict`."""

    NONE, UPHELD, VOID, RESTATED = range(4)


class Rules(NamedTuple):
    """The rules of a feed; see `IMonitoringOracle.Feed`."""

    quorum: int
    requiredGroups: int
    challengeWindow: int
    maximumLag: int
    anchorLag: int
    spreadBps: int
    crossCheckFeed: bytes
    minimumValue: int
    maximumValue: int


class Figures(NamedTuple):
    """What a panel restates a round with; see `IMonitoringOracle.Figures`."""

    value: int
    uncertainty: int
    shareRoot: bytes
    shareCount: int
    evidenceRoot: bytes
    methodology: bytes


class Leg(NamedTuple):
    """A leg of an agreement; see `IRevenue.Leg`."""

    kind: int
    bps: int
    account: Any = ZERO
    purpose: bytes = NOTHING
    feed: bytes = NOTHING
    subject: bytes = NOTHING
    child: bytes = NOTHING
    payoutBps: int = 0


class Tier(NamedTuple):
    """Legs from some cumulative income on; see `IRevenue.Tier`."""

    incomeFrom: int
    legs: list[Leg]


class Proposal(NamedTuple):
    """What a fund is to be spent on; see `IFunds.Proposal`."""

    agreement: bytes
    leg: int
    purpose: bytes
    payee: Any
    amount: int
    bill: int = 0
    evidence: bytes = digest("invoice")


class Line(NamedTuple):
    """A leg of one version in one period; see `IRevenue.Line`."""

    agreement: bytes
    version: int
    period: int
    leg: int


class Leaf(NamedTuple):
    """A holder in a register; see `IRevenue.Leaf`."""

    index: int
    account: str
    weight: int


class Holder(NamedTuple):
    """A holder beside others; see `IRevenue.Holder`."""

    account: str
    weight: int


class Run(NamedTuple):
    """Holders beside each other in a register; see `IRevenue.Run`."""

    first: int
    holders: list[Holder]
    proof: bytes


class Project(NamedTuple):
    """The terms of a project; see `ICarbonCredits.Project`."""

    feed: bytes
    subject: bytes
    agreement: bytes
    leg: int
    pool: str
    buffer: str
    bufferBps: int
    yearlyMaximum: int


class Use(NamedTuple):
    """What credits are used for; see `IRetirementCertificates.Use`."""

    purpose: bytes = text32("fair of 2025")
    periodStart: int = first_second(month(2025, 1))
    periodEnd: int = first_second(month(2026, 1))
    beneficiary: bytes = digest("salt, and a name")


class Version(NamedTuple):
    """A version of a data asset; see `IDataAssets.Version`."""

    content: bytes
    round: bytes
    records: int
    periodStart: int
    periodEnd: int
    createdAt: int


class Licence(NamedTuple):
    """A licence to a data asset; see `IDataAssets.Licence`."""

    licensee: str
    from_: int
    to: int
    fee: int
    terms: bytes
    purpose: bytes


class Covenant(NamedTuple):
    """What steward and lender agree on; see `IDataAssets.Covenant`."""

    freshnessPeriod: int
    staleBps: int
    maximumLtvBps: int
    valuationFeed: bytes
    qualityFeed: bytes


class Perfection(NamedTuple):
    """A statutory registration; see `IPledges.Perfection`."""

    registerNumber: bytes
    expiry: int
    collectionAccount: bytes = digest("collection account")
    debtorNotice: bytes = digest("debtor notice")


class State:
    """Where a pledge stands; see `IPledges.State`."""

    NONE, COMMITTED, PERFECTED, ACTIVE, REPAID, RELEASED, CANCELLED = range(7)
    DELINQUENT, REMEDIATION, ENFORCING, WRITTEN_OFF, CLOSED, EXPIRED = range(7, 13)


CARBON_RULES = Rules(
    quorum=3,
    requiredGroups=1 << SENSORS | 1 << VERIFIERS,
    challengeWindow=3 * DAY,
    maximumLag=400 * DAY,
    anchorLag=DAY,
    spreadBps=1_000,
    crossCheckFeed=REMOTE,
    minimumValue=-(10**9),
    maximumValue=10**9,
)
REMOTE_RULES = CARBON_RULES._replace(
    quorum=1, requiredGroups=1 << REMOTE_SENSING, challengeWindow=0, spreadBps=0, crossCheckFeed=NOTHING
)
SCALES_RULES = Rules(
    quorum=1,
    requiredGroups=0,
    challengeWindow=0,
    maximumLag=10 * YEAR,
    anchorLag=DAY,
    spreadBps=0,
    crossCheckFeed=NOTHING,
    minimumValue=0,
    maximumValue=2**127 - 1,
)


@cache
def person(name: str) -> Any:
    """The account of `name`: its key is derived from the name."""
    return accounts.add(keccak(text=name))


class Holders:
    """A share register, as the executable specification builds it."""

    def __init__(self, weights: Sequence[tuple[Any, int]]) -> None:
        leaves = [model.Leaf(bytes.fromhex(str(account)[2:]), weight) for account, weight in weights]
        self.register = model.Register(leaves)
        self.accounts = [str(account) for account, _ in weights]
        self.root = self.register.root
        self.total = self.register.total
        self.count = len(leaves)

    def leaf(self, index: int) -> Leaf:
        return Leaf(index, self.accounts[index], self.register.leaves[index].weight)

    def proof(self, index: int) -> bytes:
        return self.register.proof(index)

    def run(self, first: int, length: int) -> Run:
        """Holders beside each other, with one proof for all of them."""
        leaves = self.register.leaves[first : first + length]
        holders = [Holder(self.accounts[first + place], leaf.weight) for place, leaf in enumerate(leaves)]
        return Run(first, holders, self.register.run_proof(first, length))

    def all(self) -> list[Run]:
        """All holders, for one claim."""
        return [self.run(0, self.count)]

    def leaves(self) -> list[Leaf]:
        return [self.leaf(index) for index in range(self.count)]

    def proofs(self) -> list[bytes]:
        return [self.proof(index) for index in range(self.count)]


class Clock:
    """The chain's time. It stands still until a test moves it."""

    def __init__(self) -> None:
        self._request("anvil_setBlockTimestampInterval", [0])

    def now(self) -> int:
        return int(web3.eth.get_block("latest")["timestamp"])

    def at(self, timestamp: int) -> None:
        """The next transaction happens at `timestamp`."""
        self._request("evm_setNextBlockTimestamp", [timestamp])

    def stand_at(self, timestamp: int) -> None:
        """It is `timestamp` now, for views too."""
        self.at(timestamp)
        self._request("evm_mine", [])

    def after(self, seconds: int) -> None:
        """`seconds` pass."""
        if seconds:
            self.stand_at(self.now() + seconds)

    @staticmethod
    def _request(method: str, parameters: list[Any]) -> None:
        answer = web3.provider.make_request(method, parameters)
        assert "error" not in answer, answer


@dataclass(frozen=True)
class County:
    """The deployed protocol and what people do with it."""

    clock: Clock
    authority: Any
    participants: Any
    oracle: Any
    panel: Any
    voucher: Any
    revenue: Any
    pledge_terms: Any
    pledges: Any
    workouts: Any
    credits: Any
    funds: Any
    certificates: Any
    assets: Any
    numbers: "count[int]"
    """For bank references, evidence and register numbers that must each be new."""

    # SIGNATURES

    def sign(self, message: Signed, signer: Any) -> bytes:
        contract = {Report: self.oracle, Terms: self.pledges, RedemptionOrder: self.voucher}[type(message)]
        return sign(message, signer, contract)

    def new(self, what: str) -> bytes:
        """A document or number of its own."""
        return text32(f"{what} {next(self.numbers)}")

    # MONITORING

    def anchored(self) -> bytes:
        """The root of some evidence that is anchored now."""
        root = self.new("evidence")
        self.oracle.anchor(root, {"from": person("sensors")})
        return root

    def report(
        self, feed: bytes, subject: bytes, start: int, end: int, *, holders: Holders | None = None, **changes: Any
    ) -> Report:
        """A report of what was observed until now. Without `holders` it names no register and says 0."""
        now = self.clock.now()
        report = Report(
            feed=feed,
            subject=subject,
            periodStart=start,
            periodEnd=end,
            observedAt=now,
            validUntil=now + YEAR,
            seq=1,
            value=holders.total if holders else 0,
            uncertainty=0,
            shareRoot=holders.root if holders else NOTHING,
            shareCount=holders.count if holders else 0,
            evidenceRoot=changes.pop("evidenceRoot", None) or self.anchored(),
            methodology=digest("methodology"),
            qcFlags=0,
            configDigest=bytes(self.oracle.configDigest(feed)),
        )
        return report._replace(**changes)

    def numbered(self, report: Report, signer: Any) -> Report:
        """The report with the signer's next number."""
        return report._replace(seq=self.oracle.lastSeq(report.feed, signer) + 1)

    def submit(self, report: Report, *signers: Any) -> Any:
        """Each signer signs the report under its next number; somebody carries it."""
        for signer in signers:
            numbered = self.numbered(report, signer)
            transaction = self.oracle.submit(numbered, self.sign(numbered, signer), {"from": person("relayer")})
        return transaction

    def round_of(self, report: Report) -> bytes:
        return bytes(self.oracle.roundId(report.feed, report.subject, report.periodStart, report.periodEnd))

    def finalise(self, report: Report) -> bytes:
        """The challenge window passes, and the round is made final."""
        round_ = self.round_of(report)
        self.clock.after(self.oracle.feedOf(report.feed)["challengeWindow"])
        self.oracle.finalise(round_, {"from": person("relayer")})
        return round_

    def weigh(self, holders: Holders, period: int, *, feed: bytes = DELIVERED, **changes: Any) -> bytes:
        """The weighbridge says who delivered how much in a month; the round is final at once."""
        report = self.report(feed, TEA, first_second(period), first_second(period + 1), holders=holders, **changes)
        self.submit(report, person("weighbridge"))
        return self.finalise(report)

    def measure(
        self, holders: Holders | None, start: int = month(2025, 1), after: int = JANUARY, **changes: Any
    ) -> bytes:
        """Reporters and the cross-check agree on what the forest did from `start` until `after` begins; it is final."""
        times = (first_second(start), first_second(after))
        report = self.report(CARBON, FOREST, *times, holders=holders, **changes)
        self.submit(self.report(REMOTE, FOREST, *times, value=report.value), person("remote-sensing"))
        self.submit(report, person("sensors"), person("second-sensors"), person("verifier"))
        return self.finalise(report)

    # CREDITS

    def issue(self, holders: Holders, **times: int) -> int:
        """A batch of the forest's credits, from a round of its own."""
        return int(
            self.credits.issue(PROJECT, self.measure(holders, **times), {"from": person("relayer")}).return_value
        )

    def lose(self, kilograms: int, **times: int) -> Any:
        """The forest loses some of its carbon, and somebody says so to the contract."""
        round_ = self.measure(None, value=-kilograms, **times)
        return self.credits.reverse(PROJECT, round_, {"from": person("relayer")})

    def sheet(self, batch: int) -> dict[str, int]:
        """What became of a batch; its credits are conserved whenever somebody looks."""
        sheet = self.credits.balanceSheet(batch).dict()
        parts = ("tradable", "buffer", "retired", "cancelled", "reversed")
        assert sum(sheet[part] for part in parts) == sheet["issued"]
        assert sheet["madeGood"] <= sheet["shortfall"]
        return dict(sheet)

    # DISPUTES

    def figures(self, *, holders: Holders | None = None, **changes: Any) -> Figures:
        """What the panel found instead, with evidence that is anchored now."""
        figures = Figures(
            value=holders.total if holders else 0,
            uncertainty=0,
            shareRoot=holders.root if holders else NOTHING,
            shareCount=holders.count if holders else 0,
            evidenceRoot=changes.pop("evidenceRoot", None) or self.anchored(),
            methodology=digest("methodology"),
        )
        return figures._replace(**changes)

    def challenge(self, round_: bytes, challenger: Any = None) -> Any:
        """Somebody, who is the cooperative unless it is said, has reason to challenge a candidate."""
        challenger = challenger or person("cooperative")
        return self.panel.challenge(round_, text32("plot 7 burned"), digest("photographs"), {"from": challenger})

    def judge(self, round_: bytes, verdict: int, *members: str) -> Any:
        """Members of the panel, two unless they are named, vote for one verdict."""
        for name in members or PANEL[:2]:
            transaction = self.panel.vote(round_, verdict, {"from": person(name)})
        return transaction

    def restate(self, round_: bytes, figures: Figures, *members: str) -> Any:
        """Members of the panel, two unless they are named, vote for the same figures."""
        for name in members or PANEL[:2]:
            transaction = self.panel.voteRestated(round_, figures, {"from": person(name)})
        return transaction

    # INCOME

    def receive(self, agreement: bytes, period: int, amount: int) -> Any:
        """The bank received `amount`, and the treasurer records it."""
        reference = self.new("receipt")
        return self.revenue.receiveIncome(agreement, period, amount, reference, {"from": person("treasurer")})

    def close(self, agreement: bytes, period: int) -> Any:
        return self.revenue.closePeriod(agreement, period, {"from": person("treasurer")})

    def claim(self, line: Line, holders: Holders, index: int) -> Any:
        """Anyone claims for a holder."""
        return self.revenue.claim(line, holders.leaf(index), holders.proof(index), {"from": person("relayer")})

    def fund(self, account: Any, amount: int) -> None:
        """`account` paid `amount` into the settlement account and holds vouchers for it."""
        self.voucher.mint(account, amount, self.new("deposit"), {"from": person("treasurer")})

    # LENDING

    def terms(self, **changes: Any) -> Terms:
        """60 % of the cooperative's tea income of three months for ¥1,000.00 at 5 %, due in two halves."""
        now = self.clock.now()
        terms = Terms(
            holder=str(person("cooperative")),
            lender=str(person("bank")),
            agreement=ONE_PRODUCT,
            leg=SUPPLIERS_LEG,
            fromPeriod=DECEMBER,
            toPeriod=FEBRUARY,
            bps=6_000,
            principal=100_000,
            annualRateBps=500,
            schedule=[Instalment(now + 30 * DAY, 50_000), Instalment(now + 60 * DAY, 50_000)],
            conditions=Conditions(
                disburseBy=now + 20 * DAY,
                grace=10 * DAY,
                remediation=30 * DAY,
                overdueRateBps=0,
                costsCap=5_000,
                value=300_000,
                maximumLtvBps=8_000,
            ),
            certificate=NOTHING,
            nonce=next(self.numbers),
            deadline=now + 10 * DAY,
        )
        return terms._replace(**changes)

    def conditions(self, **changes: Any) -> Conditions:
        """The usual conditions with some changes."""
        return self.terms().conditions._replace(**changes)

    def commit(self, terms: Terms, holder: Any = None, lender: Any = None) -> bytes:
        """Both parties sign, and somebody carries the terms to the chain."""
        signatures = (
            self.sign(terms, holder or person("cooperative")),
            self.sign(terms, lender or person("bank")),
        )
        self.pledges.commit(terms, *signatures, {"from": person("relayer")})
        return self.pledge_id(terms)

    def pledge_id(self, terms: Terms) -> bytes:
        return bytes(self.pledges.pledgeId(terms))

    def perfect(self, pledge: bytes, lender: Any = None) -> Any:
        perfection = Perfection(self.new("register"), expiry=self.clock.now() + 10 * YEAR)
        return self.pledges.perfect(pledge, perfection, {"from": lender or person("bank")})

    def lend(self, terms: Terms, lender: Any = None, *, borrower: Any = None) -> bytes:
        """The whole way to a disbursed loan."""
        lender = lender or person("bank")
        pledge = self.commit(terms, borrower, lender)
        self.perfect(pledge, lender)
        self.fund(lender, terms.principal)
        self.voucher.approve(self.pledges, terms.principal, {"from": lender})
        self.pledges.disburse(pledge, {"from": lender})
        return pledge

    def repay(self, pledge: bytes, amount: int, payer: Any = None) -> Any:
        """Somebody pays into the settlement account and repays."""
        payer = payer or person("buyer")
        self.fund(payer, amount)
        self.voucher.approve(self.pledges, amount, {"from": payer})
        return self.pledges.repay(pledge, amount, {"from": payer})

    def bring(self, state: int, terms: Terms | None = None) -> bytes:
        """A pledge of the cooperative to the bank that has come to `state`, on the shortest way."""
        terms = terms or self.terms()
        by_bank, someone = {"from": person("bank")}, {"from": person("relayer")}
        if state == State.NONE:
            return self.pledge_id(terms)
        if state in (State.COMMITTED, State.PERFECTED, State.CANCELLED, State.EXPIRED):
            pledge = self.commit(terms)
            if state == State.PERFECTED:
                self.perfect(pledge)
            elif state == State.CANCELLED:
                self.pledges.cancel(pledge, by_bank)
            elif state == State.EXPIRED:
                self.clock.stand_at(terms.conditions.disburseBy + 1)
                self.pledges.expire(pledge, someone)
            return pledge
        pledge = self.lend(terms)
        if state in (State.REPAID, State.RELEASED):
            self.repay(pledge, 2 * terms.principal)
            if state == State.RELEASED:
                self.pledges.release(pledge, by_bank)
        if state in (State.ACTIVE, State.REPAID, State.RELEASED):
            return pledge
        self.clock.stand_at(terms.schedule[0].dueAt + terms.conditions.grace + 1)
        self.workouts.markDelinquent(pledge, someone)
        if state == State.DELINQUENT:
            return pledge
        self.workouts.remediate(pledge, digest("notice"), by_bank)
        if state == State.REMEDIATION:
            return pledge
        self.clock.after(terms.conditions.remediation + 1)
        self.workouts.enforce(pledge, by_bank)
        if state in (State.WRITTEN_OFF, State.CLOSED):
            self.workouts.writeOff(pledge, digest("loss"), by_bank)
        if state == State.CLOSED:
            self.workouts.close(pledge, digest("waiver"), by_bank)
        return pledge


def deployed(committee_delay: int = 0) -> County:
    """The protocol as `ledger_service` deploys it, with nothing in it."""
    (compiled,) = project.get_loaded_projects()
    officers = Officers(
        committee=str(person("committee")),
        operator=str(person("operator")),
        treasurer=str(person("treasurer")),
        guardian=str(person("guardian")),
        committee_delay=committee_delay,
    )
    clock = Clock()
    connection = Web3(HTTPProvider(web3.provider.endpoint_uri))
    deployment = deploy(connection, str(accounts[0]), officers)
    at = {name: compiled[name].at(deployment.contracts[name]) for name in CONTRACTS}
    return County(
        clock=clock,
        authority=at["Authority"],
        participants=at["Participants"],
        oracle=at["MonitoringOracle"],
        panel=at["MonitoringPanel"],
        voucher=at["CnyVoucher"],
        revenue=at["Revenue"],
        pledge_terms=at["PledgeTerms"],
        pledges=at["Pledges"],
        workouts=at["Workouts"],
        credits=at["CarbonCredits"],
        funds=at["Funds"],
        certificates=at["RetirementCertificates"],
        assets=at["DataAssets"],
        numbers=count(1),
    )


def settle(county: County) -> None:
    """Admits the people, sets the rules and publishes the agreements that most tests need."""
    committee, operator = ({"from": person(name)} for name in ("committee", "operator"))
    for name, kind in (
        ("cooperative", Kind.COOPERATIVE),
        ("bank", Kind.BANK),
        ("second-bank", Kind.BANK),
        ("buyer", Kind.BUYER),
        ("pool", Kind.TREASURY),
        ("buffer", Kind.TREASURY),
        ("city", Kind.TREASURY),
    ):
        county.participants.admit(person(name), kind, digest(f"papers of {name}"), operator)

    for feed, rules, signers in (
        (CARBON, CARBON_RULES, {"sensors": SENSORS, "second-sensors": SENSORS, "verifier": VERIFIERS}),
        (REMOTE, REMOTE_RULES, {"remote-sensing": REMOTE_SENSING}),
        (DELIVERED, SCALES_RULES, {"weighbridge": SENSORS}),
        (PROCESSED, SCALES_RULES, {"weighbridge": SENSORS}),
    ):
        county.oracle.configureFeed(feed, rules, committee)
        for name, group in signers.items():
            county.oracle.addSigner(feed, person(name), group, committee)

    county.panel.electPanel(*map(person, PANEL), committee)

    city, laboratory = str(person("city")), str(person("laboratory"))
    for agreement, legs in (
        (CARBON_POOL, [Leg(FUND, 2_000, city, ECOLOGY), Leg(REGISTER, 8_000, feed=CARBON, subject=FOREST)]),
        (
            ONE_PRODUCT,
            [
                Leg(ACCOUNT, 3_000, city),
                Leg(REGISTER, 4_000, feed=DELIVERED, subject=TEA),
                Leg(REGISTER, 3_000, feed=PROCESSED, subject=TEA),
            ],
        ),
        (TECH_ENCLAVE, [Leg(ACCOUNT, 6_000, laboratory), Leg(ACCOUNT, 4_000, city)]),
    ):
        county.revenue.publish(agreement, legs, 0, committee)
    pool, buffer = str(person("pool")), str(person("buffer"))
    county.credits.registerProject(
        PROJECT,
        Project(CARBON, FOREST, CARBON_POOL, CARBON_LEG, pool, buffer, bufferBps=1_500, yearlyMaximum=YEARLY_MAXIMUM),
        committee,
    )


def dated(timestamp: int) -> datetime:
    """A moment as the calendar has it."""
    return datetime.fromtimestamp(timestamp, UTC)
