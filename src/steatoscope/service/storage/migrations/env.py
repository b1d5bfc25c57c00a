"""Alembic's environment: one connection, all changes of one upgrade in one transaction."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, event

from steatoscope.service.storage.base import UTCDateTime
from steatoscope.service.storage.database import make_engine
from steatoscope.service.storage.tables import Base


def _plain(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Migrations name plain database types, so that they never change with the code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCDateTime) else False


def _loosen(connection: Any, _record: Any) -> None:
    """SQLite makes a table anew to change it; with foreign keys on, dropping the old one would empty its children."""
    connection.execute("PRAGMA foreign_keys=OFF")


def _check(connection: Connection) -> None:
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
        raise RuntimeError(f"the migration would leave {len(broken)} dangling references: nothing was changed")


def run() -> None:
    """Run the migrations on the database that the configuration names."""
    engine = make_engine(context.config.attributes["url"])
    sqlite = engine.dialect.name == "sqlite"
    if sqlite:
        event.listen(engine, "connect", _loosen)
    with engine.execution_options(writes=True).connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=sqlite,
            render_item=_plain,
            transactional_ddl=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
            if sqlite:
                _check(connection)
    engine.dispose()


run()
