"""The tables of the books. Nothing in them is a balance: what can be added up is not stored.

An amount is a signed 64-bit integer, so that the database can add; `domain.books.Posting` refuses what does not fit.
The values of an event are JSON in which every number is text, so that they keep all their digits.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel


class DeploymentRow(SQLModel, table=True):
    """Whose books these are: one row."""

    __tablename__ = "deployment"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: int = Field(default=1, primary_key=True)
    chain_id: int = Field(sa_type=BigInteger)
    genesis_hash: str
    first_block: int = Field(sa_type=BigInteger)
    contracts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class BlockRow(SQLModel, table=True):
    """A block that was read. Whatever came from it goes with it when the chain is reorganised."""

    __tablename__ = "block"

    hash: str = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger, unique=True)
    timestamp: int = Field(sa_type=BigInteger)


class EventRow(SQLModel, table=True):
    """An event. Its block and its place in it are its identity, so no event is kept twice."""

    __tablename__ = "event"
    __table_args__ = (
        ForeignKeyConstraint(["block_hash"], ["block.hash"], name="event_block", ondelete="CASCADE"),
        Index("event_name", "name"),
    )

    block_hash: str = Field(primary_key=True)
    log_index: int = Field(primary_key=True)
    transaction_hash: str
    contract: str
    name: str
    values: dict[str, Any] = Field(sa_column=Column("event_values", JSON, nullable=False))


class PostingRow(SQLModel, table=True):
    """One line of the entry that an event made. The entry is all postings of the event."""

    __tablename__ = "posting"
    __table_args__ = (
        ForeignKeyConstraint(
            ["block_hash", "log_index"],
            ["event.block_hash", "event.log_index"],
            name="posting_event",
            ondelete="CASCADE",
        ),
        Index("posting_account", "kind", "subject", "owner"),
        Index("posting_owner", "owner"),
    )

    block_hash: str = Field(primary_key=True)
    log_index: int = Field(primary_key=True)
    line: int = Field(primary_key=True)
    kind: str
    subject: str
    owner: str
    asset: str
    amount: int = Field(sa_type=BigInteger)
