"""Who takes part in a county that runs on the embedded chain.

Keys come from a seed: they are worth nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

OFFICERS = ("committee", "operator", "treasurer", "guardian")
REPORTERS = {"reporter-sensors-1": 1, "reporter-sensors-2": 1, "reporter-verifier": 2}
"""Group by name: 1 is the operator's sensors, 2 the independent verifiers."""
CROSS_CHECKER = "reporter-remote-sensing"
CROSS_CHECK_GROUP = 3
PANEL = {
    "panel-surveyor": "林业调查规划院 forest survey institute",
    "panel-auditor": "县审计局 county audit office",
    "panel-villager": "村务监督委员会 village supervisory committee",
}
"""Who decides disputes: people that neither report, nor hold an office or a share, nor buy or lend."""
OTHERS = ("deployer", "relayer", "pool", "buyer", "bank")


@dataclass(frozen=True)
class Cast:
    """Everybody's key, derived from one seed."""

    seed: int
    holder_count: int

    def account(self, name: str) -> LocalAccount:
        """The key of `name`; the same seed always gives the same one."""
        account: LocalAccount = Account.from_key(keccak(text=f"gongsheng embedded county {self.seed} {name}"))
        return account

    @cached_property
    def holders(self) -> tuple[LocalAccount, ...]:
        """Households and cooperatives, in the order in which a county's files name them."""
        return tuple(self.account(f"holder {i}") for i in range(self.holder_count))

    @cached_property
    def holder_by_address(self) -> dict[str, LocalAccount]:
        return {holder.address: holder for holder in self.holders}

    def senders(self) -> Iterable[LocalAccount]:
        """Everybody who sends transactions and so needs gas. Reporters and holders only sign."""
        return (self.account(name) for name in (*OFFICERS, *PANEL, *OTHERS))
