"""The contracts' own figures at one block, to be held against the books at the same block."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from web3.contract.contract import ContractFunction

from ledger_service.chain.client import Chain
from ledger_service.chain.events import ChainMoved, block_at, reaching
from ledger_service.chain.lines import line_tuple
from ledger_service.domain.agreements import Fund, Line, Pot
from ledger_service.domain.books import Block
from ledger_service.domain.credits import BalanceSheet
from ledger_service.domain.identifiers import Address, bytes32_of
from ledger_service.domain.pledges import PledgeReason, PledgeState
from ledger_service.domain.units import Period

_CALLS_PER_REQUEST = 500


@dataclass(frozen=True, slots=True)
class Debt:
    """What a pledge owes, in fen."""

    principal: int
    interest: int
    costs: int
    due: int
    arrears: int
    arrears_since: int
    """Since when there are arrears, UTC seconds; 0 while there are none."""


@dataclass(frozen=True, slots=True)
class Lien:
    """One lien on an income, first rank first."""

    pledge: bytes
    lender: Address
    bps: int
    state: PledgeState


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What views of the contracts answer at one block. Nodes are asked by its number, so check it before and after."""

    chain: Chain
    block: Block

    def require_current(self) -> None:
        """Refuses a block that is no longer part of the chain.

        Raises:
            ChainMoved: It was reorganised.
        """
        if block_at(self.chain, self.block.number) != self.block:
            raise ChainMoved(self.block.number)

    def voucher_supply(self) -> int:
        """All vouchers, in fen."""
        return int(self._ask(self._of("CnyVoucher").totalSupply()))

    def vouchers(self, accounts: Sequence[Address]) -> list[int]:
        """Vouchers of each account, in fen."""
        return self._ask_all(map(self._of("CnyVoucher").balanceOf, accounts))

    def received(self, pots: Sequence[Pot]) -> list[int]:
        """Income of each pot, in fen."""
        received_of = self._of("Revenue").receivedOf
        return self._ask_all(received_of(bytes32_of(pot.agreement), pot.version, pot.period.value) for pot in pots)

    def line_income(self, lines: Sequence[Line]) -> list[int]:
        """What each line is owed so far, paid or not, in fen."""
        return self._ask_all(self._of("Revenue").lineIncome(line_tuple(line)) for line in lines)

    def paid(self, leaves: Sequence[tuple[Line, int]]) -> list[int]:
        """What each leaf (line and index) has received, in fen."""
        return self._ask_all(self._of("Revenue").paidOf(line_tuple(line), index) for line, index in leaves)

    def funds(self, funds: Sequence[Fund]) -> list[int]:
        """What each fund holds, in fen."""
        balance_of = self._of("Funds").balanceOf
        return self._ask_all(balance_of(bytes32_of(fund.agreement), fund.leg) for fund in funds)

    def set_aside(self, accounts: Sequence[Address]) -> list[int]:
        """What `Revenue` keeps for each account, in fen."""
        return self._ask_all(map(self._of("Revenue").setAsideOf, accounts))

    def repayments_kept(self, lenders: Sequence[Address]) -> list[int]:
        """What `Pledges` keeps for each lender, in fen."""
        return self._ask_all(map(self._of("Pledges").setAsideOf, lenders))

    def reasons(self, pledges: Sequence[bytes]) -> list[PledgeReason]:
        """What is amiss with each pledge: nothing where it is good."""
        return [PledgeReason(answer[1]) for answer in self._ask_all(map(self._of("Workouts").good, pledges))]

    def debts(self, pledges: Sequence[bytes]) -> list[Debt]:
        """What each pledge owes at the time of the block."""
        return [Debt(*answer) for answer in self._ask_all(map(self._of("Pledges").debtOf, pledges))]

    def balance_sheets(self) -> list[BalanceSheet]:
        """What became of each batch from number 1."""
        credits_ = self._of("CarbonCredits")
        count = self._ask(credits_.batchCount())
        return [BalanceSheet(*sheet) for sheet in self._ask_all(map(credits_.balanceSheet, range(1, count + 1)))]

    def certified(self) -> list[int]:
        """Credits of each retirement certificate from number 1, in kg CO2e."""
        certificates = self._of("RetirementCertificates")
        count = self._ask(certificates.certificateCount())
        made = self._ask_all(map(certificates.certificateOf, range(1, count + 1)))
        return [int(quantity) for _, _, _, quantity, _ in made]

    def deficits(self, projects: Sequence[bytes]) -> list[int]:
        """What each project lost beyond its credits, in kg CO2e."""
        return self._ask_all(map(self._of("CarbonCredits").deficitOf, projects))

    def credits_of(self, holdings: Sequence[tuple[Address, int]]) -> list[int]:
        """Credits of each (account, batch), in kg CO2e."""
        return self._ask_all(self._of("CarbonCredits").balanceOf(*holding) for holding in holdings)

    def encumbrance(self, holder: Address, agreement: str, leg: int, period: Period) -> tuple[tuple[Lien, ...], int]:
        """The liens on an income, first rank first, and the basis points of it that are free."""
        view = self._of("Pledges").encumbrance
        liens, free_bps = self._ask(view(holder, bytes32_of(agreement), leg, period.value))
        return tuple(
            Lien(bytes(pledge), Address(lender), bps, PledgeState(state)) for pledge, lender, bps, state in liens
        ), free_bps

    def _of(self, contract: str) -> Any:
        return self.chain.contract(contract).functions

    def _ask(self, call: ContractFunction) -> Any:
        with reaching(self.chain):
            return call.call(block_identifier=self.block.number)

    def _ask_all(self, calls: Iterable[ContractFunction]) -> list[Any]:
        asked = list(calls)
        answers: list[Any] = []
        for start in range(0, len(asked), _CALLS_PER_REQUEST):
            with reaching(self.chain), self.chain.w3.batch_requests() as batch:
                for call in asked[start : start + _CALLS_PER_REQUEST]:
                    batch.add(call.call(block_identifier=self.block.number))
                answers += batch.execute()
        return answers
