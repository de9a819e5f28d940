"""A small county on a real chain: everything that can happen to a fen has happened to some fen in it."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from hypothesis import settings
from web3.middleware import SignAndSendRawMiddlewareBuilder

from ledger_service.bank import Direction, StatementLine, append_to_statement, reference_bytes32
from ledger_service.chain.client import Chain, connect
from ledger_service.chain.compiler import compile_contracts
from ledger_service.chain.deployment import Officers, deploy
from ledger_service.chain.embedded import embedded_chain
from ledger_service.chain.lines import leg_tuples, line_tuple
from ledger_service.chain.typed_data import (
    ALL,
    Conditions,
    Instalment,
    RedemptionOrder,
    Terms,
    domain,
    sign_order,
    sign_terms,
)
from ledger_service.domain.agreements import Line, Pot, catalogue
from ledger_service.domain.identifiers import Address, bytes32_of
from ledger_service.domain.units import Fen, Period
from ledger_service.indexer import sync
from ledger_service.settlement import RegisterFolder, claims, owing, send_claims
from ledger_service.store.books import Books, open_books
from pyo3_core import Register

sys.path.append(str(Path(__file__).resolve().parents[1]))
"""Lets the tests of this folder `import model`, the executable specification, which lives in no package."""

# The specification hashes slowly on purpose; how long an example takes says nothing.
settings.register_profile("ledger", deadline=None)
settings.load_profile("ledger")

YEAR_BEGAN = int(datetime(2018, 1, 1, tzinfo=UTC).timestamp())
YEAR_ENDED = int(datetime(2019, 1, 1, tzinfo=UTC).timestamp())
DAY = 86_400
YEAR = 365 * DAY
DECEMBER = Period.parse("2018-12")

CARBON_WEIGHTS = (700_001, 250_000, 49_999, 123_457, 1)
SUPPLIER_WEIGHTS = (3, 3, 1)
PROCESSOR_WEIGHTS = (10, 20)

REPORT_TYPES = {
    "Report": [
        {"name": name, "type": of}
        for name, of in (
            ("feed", "bytes32"),
            ("subject", "bytes32"),
            ("periodStart", "uint64"),
            ("periodEnd", "uint64"),
            ("observedAt", "uint64"),
            ("validUntil", "uint64"),
            ("seq", "uint64"),
            ("value", "int128"),
            ("uncertainty", "uint128"),
            ("shareRoot", "bytes32"),
            ("shareCount", "uint64"),
            ("evidenceRoot", "bytes32"),
            ("methodology", "bytes32"),
            ("qcFlags", "uint64"),
            ("configDigest", "bytes32"),
        )
    ]
}


def account(name: str) -> LocalAccount:
    made: LocalAccount = Account.from_key(keccak(text=f"tests of the ledger: {name}"))
    return made


def raw_data_of(feed: str, period_start: int) -> bytes:
    """The evidence of one round; the same for another period is refused."""
    return keccak(text=f"raw data of {feed}" if period_start == YEAR_BEGAN else f"raw data of {feed}, {period_start}")


@dataclass(frozen=True)
class County:
    """The people of the county, and what they can do."""

    chain: Chain
    registers: RegisterFolder
    statement: Path
    folder: Path

    # PEOPLE

    committee = account("committee")
    operator = account("operator")
    treasurer = account("treasurer")
    relayer = account("relayer")
    city = account("city")
    pool = account("pool")
    buffer = account("buffer")
    buyer = account("buyer")
    bank = account("bank")
    holders = tuple(account(f"holder {i}") for i in range(len(CARBON_WEIGHTS)))
    cooperative = holders[0]
    """Pledges its income."""
    blocked = holders[2]
    """Cannot be paid when the first claim is made."""
    reporters = ((account("sensors 1"), 1), (account("sensors 2"), 1), (account("verifier"), 2))

    # WHAT THEY SHARE

    carbon = Line(Pot("carbon-pool", 1, DECEMBER), 1)
    """Closed, and every holder was paid."""
    maintenance = Line(Pot("carbon-pool", 1, DECEMBER), 0)
    """A fund."""
    city_share = Line(Pot("one-product", 1, DECEMBER), 0)
    """Collected by the city."""
    suppliers = Line(Pot("one-product", 1, DECEMBER), 1)
    """Open, and every holder was paid what is owed so far."""
    processors = Line(Pot("one-product", 1, DECEMBER), 2)
    """Open, and nobody was paid."""

    # TOOLS

    def send(self, call: Any, sender: LocalAccount) -> None:
        self.chain.send(call, sender)

    def of(self, contract: str) -> Any:
        return self.chain.contract(contract).functions

    def rpc(self, method: str, *parameters: Any) -> Any:
        answer = self.chain.w3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer.get("result")

    def wait(self, seconds: int) -> None:
        self.rpc("evm_increaseTime", seconds)
        self.rpc("evm_mine")

    def undoes(self, depth: int) -> Callable[[], None]:
        """Lets `depth` receipts arrive. What it returns undoes them, and lets another one arrive instead."""
        snapshot = self.rpc("evm_snapshot")
        for number in range(depth):
            self.receive(self.city_share.pot, 7, f"UNDONE-{number}")

        def reorganise() -> None:
            self.rpc("evm_revert", snapshot)
            self.receive(self.city_share.pot, 77, "DONE-INSTEAD")

        return reorganise

    def surprise(self) -> bytes:
        """A contract emits what nobody knows. Returns the topic."""
        topic = keccak(text="Surprise()")
        code = "0x7f" + topic.hex() + "60006000a100"  # LOG1 with that topic, then STOP.
        self.rpc("anvil_setCode", self.chain.deployment.contracts["Participants"], code)
        self.send(self.of("Participants").admit(self.city.address, 5, b"\1" * 32), self.operator)
        return topic

    def open_books(self, name: str) -> Books:
        return open_books(f"sqlite:///{self.folder / name}.sqlite", self.chain.deployment)

    # VERBS

    def open(self) -> None:
        for each in (
            self.committee,
            self.operator,
            self.treasurer,
            self.relayer,
            self.pool,
            self.buyer,
            self.bank,
            *self.holders,
        ):
            self.rpc("anvil_setBalance", each.address, hex(10**24))
        for kind, each in ((5, self.city), (5, self.pool), (5, self.buffer), (4, self.buyer), (3, self.bank)):
            self.send(self.of("Participants").admit(each.address, kind, keccak(text="papers")), self.operator)
        self.send(self.of("Participants").admit(self.cooperative.address, 2, keccak(text="papers")), self.operator)
        for feed in ("carbon-kg", "delivered-value-fen", "processed-volume-kg"):
            rules = (3, 0b110, DAY, 2_000 * DAY, 400 * DAY, 0, bytes(32), -(10**15), 10**15)
            self.send(self.of("MonitoringOracle").configureFeed(bytes32_of(feed), rules), self.committee)
            for reporter, group in self.reporters:
                call = self.of("MonitoringOracle").addSigner(bytes32_of(feed), reporter.address, group)
                self.send(call, self.committee)
        payees = {"city": Address(self.city.address)}
        for key, subject in (("carbon-pool", "pool-1"), ("one-product", "tea")):
            legs = leg_tuples(catalogue()[key], payees=payees, subject=subject)
            self.send(self.of("Revenue").publish(bytes32_of(key), legs, YEAR_ENDED), self.committee)
        project = (
            *(bytes32_of("carbon-kg"), bytes32_of("pool-1"), bytes32_of("carbon-pool"), self.carbon.leg),
            *(self.pool.address, self.buffer.address, 1_000, 10**9),
        )
        self.send(self.of("CarbonCredits").registerProject(bytes32_of("project-1"), project), self.committee)

    def report(
        self, reporter: LocalAccount, feed: str, subject: str, register: Register, **changed: Any
    ) -> tuple[tuple[Any, ...], bytes]:
        """What a reporter says of a year, and its signature."""
        oracle = self.of("MonitoringOracle")
        report = {
            "feed": bytes32_of(feed),
            "subject": bytes32_of(subject),
            "periodStart": YEAR_BEGAN,
            "periodEnd": YEAR_ENDED,
            "observedAt": YEAR_ENDED,
            "validUntil": YEAR_ENDED + 1_000 * DAY,
            "seq": oracle.lastSeq(bytes32_of(feed), reporter.address).call() + 1,
            "value": register.total,
            "uncertainty": 7,
            "shareRoot": register.root,
            "shareCount": register.count,
            "evidenceRoot": raw_data_of(feed, changed.get("periodStart", YEAR_BEGAN)),
            "methodology": keccak(text="a methodology"),
            "qcFlags": 0,
            "configDigest": oracle.configDigest(bytes32_of(feed)).call(),
            **changed,
        }
        signable = encode_typed_data(domain(self.chain, "MonitoringOracle"), REPORT_TYPES, report)
        return tuple(report.values()), bytes(Account.sign_message(signable, reporter.key).signature)

    def measure(self, feed: str, subject: str, register: Register) -> bytes:
        """A round that all reporters sign and that becomes final. Returns its id."""
        oracle = self.of("MonitoringOracle")
        self.send(oracle.anchor(raw_data_of(feed, YEAR_BEGAN)), self.relayer)
        signed = [self.report(reporter, feed, subject, register) for reporter, _ in self.reporters]
        self.send(oracle.submitMany(*zip(*signed, strict=True)), self.relayer)
        self.wait(DAY)
        identifier: bytes = oracle.roundId(bytes32_of(feed), bytes32_of(subject), YEAR_BEGAN, YEAR_ENDED).call()
        self.send(oracle.finalise(identifier), self.relayer)
        return identifier

    def lose(self, years: int, kilograms: int) -> None:
        """So many years before, the forest lost carbon; the round is final, and somebody says so to the credits."""
        oracle, (start, end) = self.of("MonitoringOracle"), (YEAR_BEGAN - years * YEAR, YEAR_BEGAN - (years - 1) * YEAR)
        lost = {"periodStart": start, "periodEnd": end, "value": -kilograms, "shareRoot": bytes(32), "shareCount": 0}
        register = self.register(CARBON_WEIGHTS)
        signed = [self.report(reporter, "carbon-kg", "pool-1", register, **lost) for reporter, _ in self.reporters]
        self.send(oracle.anchor(raw_data_of("carbon-kg", start)), self.relayer)
        self.send(oracle.submitMany(*zip(*signed, strict=True)), self.relayer)
        self.wait(DAY)
        identifier: bytes = oracle.roundId(bytes32_of("carbon-kg"), bytes32_of("pool-1"), start, end).call()
        self.send(oracle.finalise(identifier), self.relayer)
        self.send(self.of("CarbonCredits").reverse(bytes32_of("project-1"), identifier), self.relayer)

    def retire(self, quantity: int, purpose: bytes = bytes32_of("fair of 2018")) -> None:
        """The buyer uses some of its credits for its year."""
        use = (purpose, YEAR_BEGAN, YEAR_ENDED, keccak(text="salt and a name"))
        self.send(self.of("CarbonCredits").retire(self.buyer.address, 1, quantity, use), self.buyer)

    def register(self, weights: Sequence[int]) -> Register:
        """Saves the register of the first holders with these weights."""
        accounts = [list(bytes.fromhex(holder.address[2:])) for holder in self.holders[: len(weights)]]
        return self.registers.save(np.array(accounts, np.uint8), np.array(weights, np.uint64))

    def bank_books(self, direction: Direction, amount: int, reference: str) -> bytes:
        """The bank books a movement in its statement. Returns the reference as the chain carries it."""
        at = datetime.fromtimestamp(self.chain.timestamp(), UTC)
        append_to_statement(self.statement, [StatementLine(at, direction, Fen(amount), reference, "somebody")])
        return reference_bytes32(reference)

    def receive(self, pot: Pot, amount: int, reference: str) -> None:
        """Income arrives in the bank, and the treasurer records it."""
        booked = self.bank_books(Direction.IN, amount, reference)
        call = self.of("Revenue").receiveIncome(bytes32_of(pot.agreement), pot.period.value, amount, booked)
        self.send(call, self.treasurer)

    def claim(self, line: Line, indices: Sequence[int]) -> None:
        opened = self.of("Revenue").registerOf(*_register_key(line)).call()
        for batch in claims(self.registers.load(bytes(opened[0])), line, indices, leaves_per_claim=2):
            send_claims(self.chain, batch, self.relayer)

    def claim_what_is_owed(self, books: Books, *lines: Line) -> None:
        sync(self.chain, books)
        with books.reading() as reader:
            owed = {line: owing(reader, self.registers, line) for line in lines}
        for line, indices in owed.items():
            self.claim(line, indices)

    def close(self, pot: Pot) -> None:
        self.send(self.of("Revenue").closePeriod(bytes32_of(pot.agreement), pot.period.value), self.treasurer)

    def lend(self, principal: int, *, bps: int = 6_000, certificate: bytes = bytes(32), nonce: int = 1) -> bytes:
        """The cooperative pledges a part of its carbon income to the bank for a loan. Returns the pledge."""
        now = self.chain.timestamp()
        terms = Terms(
            holder=self.cooperative.address,
            lender=self.bank.address,
            agreement=bytes32_of("carbon-pool"),
            leg=self.carbon.leg,
            fromPeriod=DECEMBER.value,
            toPeriod=DECEMBER.value + 12,
            bps=bps,
            principal=principal,
            annualRateBps=435,
            schedule=(Instalment(now, principal // 2), Instalment(now + 300 * DAY, principal - principal // 2)),
            conditions=Conditions(now + DAY, 10 * DAY, 30 * DAY, 0, principal // 20, 2 * principal, 8_000),
            certificate=certificate,
            nonce=nonce,
            deadline=now + DAY,
        )
        signatures = [sign_terms(self.chain, terms, party) for party in (self.cooperative, self.bank)]
        self.send(self.of("Pledges").commit(terms.as_tuple(), *signatures), self.relayer)
        pledge: bytes = self.of("Pledges").pledgeId(terms.as_tuple()).call()
        perfection = (bytes32_of(f"REG-{nonce}"), now + 400 * DAY, keccak(text="account"), keccak(text="notice"))
        self.send(self.of("Pledges").perfect(pledge, perfection), self.bank)
        reference = self.bank_books(Direction.IN, principal, f"LOAN-{nonce}")
        self.send(self.of("CnyVoucher").mint(self.bank.address, principal, reference), self.treasurer)
        approved = self.chain.deployment.contracts["Pledges"]
        self.send(self.of("CnyVoucher").approve(approved, principal), self.bank)
        self.send(self.of("Pledges").disburse(pledge), self.bank)
        return pledge

    def redeem(self, holder: LocalAccount) -> int:
        """A holder asks for its vouchers in yuan. Returns the number of the redemption."""
        payee = keccak(text=f"bank account of {holder.address}")
        order = RedemptionOrder(holder.address, ALL, payee, self.chain.timestamp(), self.chain.timestamp() + DAY)
        signature = sign_order(self.chain, order, holder)
        self.send(self.of("CnyVoucher").requestRedemptionsFor([order.as_tuple()], [signature]), self.relayer)
        number: int = self.of("CnyVoucher").redemptionCount().call()
        return number

    def pay(self, redemption: int, reference: str) -> None:
        """The bank pays a redemption, and the treasurer confirms."""
        amount = self.of("CnyVoucher").redemptionOf(redemption).call()[1]
        booked = self.bank_books(Direction.OUT, amount, reference)
        self.send(self.of("CnyVoucher").confirmPayments([redemption], [booked]), self.treasurer)

    def register_asset(
        self, certificate: str, *, versions: int = 1, licences: Sequence[str] = (), ended: Sequence[str] = ()
    ) -> None:
        """The city has a data set certified, keeps it up to date and licenses it to the buyer, who ends some of it."""
        number, assets = bytes32_of(certificate), self.of("DataAssets")
        for each in (self.city, self.buyer):
            self.rpc("anvil_setBalance", each.address, hex(10**24))
        papers, agreement = keccak(text=f"papers of {certificate}"), bytes32_of("data-exchange")
        self.send(assets.register(number, self.city.address, papers, agreement, 1), self.operator)
        for version in range(versions):
            self.wait(DAY)
            now = self.chain.timestamp()
            content = keccak(text=f"content {version} of {certificate}")
            self.send(assets.append(number, (content, bytes(32), 1_000, now - DAY, now, now)), self.city)
        for licence in licences:
            now = self.chain.timestamp()
            terms = (self.buyer.address, now, now + 365 * DAY, 500_000, keccak(text=licence), bytes32_of("research"))
            self.send(assets.grantLicence(number, bytes32_of(licence), terms), self.city)
        for licence in ended:
            self.send(assets.endLicence(bytes32_of(licence)), self.buyer)

    def play(self) -> None:
        """Two years of events in one minute."""
        self.open()
        carbon_round = self.measure("carbon-kg", "pool-1", self.register(CARBON_WEIGHTS))
        self.send(self.of("CarbonCredits").issue(bytes32_of("project-1"), carbon_round), self.relayer)
        for line, feed, weights in (
            (self.suppliers, "delivered-value-fen", SUPPLIER_WEIGHTS),
            (self.processors, "processed-volume-kg", PROCESSOR_WEIGHTS),
        ):
            measured = self.measure(feed, "tea", self.register(weights))
            self.send(self.of("Revenue").openRegister(bytes32_of("one-product"), line.leg, measured), self.relayer)
        sold = self.of("CarbonCredits").safeTransferFrom(self.pool.address, self.buyer.address, 1, 1_234, b"")
        self.send(sold, self.pool)
        self.retire(500)
        credits_ = self.of("CarbonCredits")
        self.send(credits_.cancel(self.buyer.address, 1, 34, bytes32_of("sold in error")), self.buyer)
        self.retire(66, bytes32_of("=1+1"))
        self.lose(1, 200_000)
        self.send(credits_.makeGood(self.pool.address, 1, 1, 10_000), self.pool)
        self.lose(2, 2_000_000)

        pledge = self.lend(30_000_000)
        self.receive(self.carbon.pot, 10_000_003, "SALE-1")
        self.receive(self.city_share.pot, 123_456_789, "SALE-2, under a reference that is longer than 31 bytes")
        self.wait(30 * DAY)

        participants = self.of("Participants")
        self.send(participants.setBlocked(self.blocked.address, True, keccak(text="court order")), self.operator)
        self.claim(self.carbon, [0, 2])
        self.claim(self.suppliers, [0, 1, 2])
        self.send(self.of("Revenue").collect(line_tuple(self.city_share)), self.relayer)
        self.send(participants.setBlocked(self.blocked.address, False, keccak(text="court order")), self.operator)

        self.receive(self.carbon.pot, 70_000_001, "SALE-3")
        self.claim(self.carbon, [0, 1, 2, 3])
        self.send(self.of("Revenue").withdraw(self.blocked.address), self.relayer)
        self.close(self.carbon.pot)
        self.claim(self.carbon, [0, 1, 2, 3, 4])

        self.wait(60 * DAY)
        approved = self.chain.deployment.contracts["Pledges"]
        self.send(self.of("CnyVoucher").approve(approved, 1_000_000), self.cooperative)
        self.send(participants.setBlocked(self.bank.address, True, keccak(text="audit")), self.operator)
        self.send(self.of("Pledges").repay(pledge, 1_000_000), self.cooperative)
        self.send(participants.setBlocked(self.bank.address, False, keccak(text="audit")), self.operator)

        self.pay(self.redeem(self.holders[1]), "PAY-1")
        returned = self.redeem(self.holders[3])
        self.send(self.of("CnyVoucher").returnRedemption(returned, bytes32_of("account closed")), self.treasurer)
        self.redeem(self.holders[4])


def _register_key(line: Line) -> tuple[bytes, int, int]:
    agreement, _, period, leg = line_tuple(line)
    return agreement, leg, period


@pytest.fixture(scope="session")
def _played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    folder = tmp_path_factory.mktemp("county")
    compile_contracts()
    with embedded_chain(folder=folder / "chain", timestamp=YEAR_ENDED + DAY, keep_state=False) as url:
        w3 = connect(url)
        deployer = account("deployer")
        w3.provider.make_request("anvil_setBalance", [deployer.address, hex(10**24)])  # type: ignore[arg-type]
        w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(deployer), layer=0)
        officers = Officers(
            committee=County.committee.address,
            operator=County.operator.address,
            treasurer=County.treasurer.address,
            guardian=County.committee.address,
            committee_delay=0,
        )
        deployment = deploy(w3, deployer.address, officers)
        county = County(
            Chain(connect(url), deployment), RegisterFolder(folder / "registers"), folder / "statement.csv", folder
        )
        county.play()
        yield county


@pytest.fixture
def county(_played: County, tmp_path: Path) -> Iterator[County]:
    """The county after its two years. What a test does to it is undone afterwards."""
    snapshot = _played.rpc("evm_snapshot")
    statement = tmp_path / "statement.csv"
    statement.write_bytes(_played.statement.read_bytes())
    yield County(_played.chain, _played.registers, statement, tmp_path)
    _played.rpc("evm_revert", snapshot)


@pytest.fixture(scope="session")
def _synced(_played: County) -> Path:
    """The file of its books after the two years: reading them again for every test would only take time."""
    with _played.open_books("synced") as opened:
        sync(_played.chain, opened)
    return _played.folder / "synced.sqlite"


@pytest.fixture
def books(county: County, _synced: Path) -> Iterator[Books]:
    """The county's books, up to date."""
    shutil.copyfile(_synced, county.folder / "books.sqlite")
    with county.open_books("books") as opened:
        yield opened
