"""Runs migrations on the connection that `open_books` hands over, inside its transaction: all of them or none."""

from alembic import context
from sqlmodel import SQLModel

from ledger_service.store import tables  # noqa: F401 - fills the metadata.

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
