"""The books: deployment, blocks, events, postings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("chain_id", sa.BigInteger, nullable=False),
        sa.Column("genesis_hash", sa.String, nullable=False),
        sa.Column("first_block", sa.BigInteger, nullable=False),
        sa.Column("contracts", sa.JSON, nullable=False),
        sa.CheckConstraint("id = 1", name="only_one"),
    )
    op.create_table(
        "block",
        sa.Column("hash", sa.String, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("block_hash", sa.String, primary_key=True),
        sa.Column("log_index", sa.Integer, primary_key=True),
        sa.Column("transaction_hash", sa.String, nullable=False),
        sa.Column("contract", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("event_values", sa.JSON, nullable=False),
        sa.ForeignKeyConstraint(["block_hash"], ["block.hash"], name="event_block", ondelete="CASCADE"),
    )
    op.create_index("event_name", "event", ["name"])
    op.create_table(
        "posting",
        sa.Column("block_hash", sa.String, primary_key=True),
        sa.Column("log_index", sa.Integer, primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("asset", sa.String, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["block_hash", "log_index"],
            ["event.block_hash", "event.log_index"],
            name="posting_event",
            ondelete="CASCADE",
        ),
    )
    op.create_index("posting_account", "posting", ["kind", "subject", "owner"])
    op.create_index("posting_owner", "posting", ["owner"])


def downgrade() -> None:
    for table in ("posting", "event", "block", "deployment"):
        op.drop_table(table)
