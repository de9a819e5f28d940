"""What a reporter signs about a round, field by field: the one list that oracles sign and the ledger reads."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """One reporter's figures for one round (feed, subject, period), in the order of the contract's struct.

    Times are UTC seconds, the period is half-open. `value` and `uncertainty` are in the unit of the feed, kg CO2e for
    carbon.
    """

    feed: bytes
    subject: bytes
    period_start: int
    period_end: int
    observed_at: int
    valid_until: int
    seq: int
    value: int
    uncertainty: int
    share_root: bytes
    share_count: int
    evidence_root: bytes
    methodology: bytes
    qc_flags: int
    config_digest: bytes
