"""Alembic's environment: one connection, all changes of one upgrade in one transaction."""

from __future__ import annotations

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from steatoscope.service.storage.base import UTCDateTime
from steatoscope.service.storage.database import make_engine
from steatoscope.service.storage.tables import Base


def _plain(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Migrations name plain database types, so that they never change with the code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCDateTime) else False


def run() -> None:
    """Run the migrations on the database that the configuration names."""
    engine = make_engine(context.config.attributes["url"])
    with engine.execution_options(writes=True).connect() as connection:
        batch = connection.dialect.name == "sqlite"
        context.configure(
            connection=connection, target_metadata=Base.metadata, render_as_batch=batch, render_item=_plain
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
