"""Brings a database to the tables of this version, and back."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from steatoscope.service.storage.database import normalised_url

_HERE = Path(__file__).parent / "migrations"


def alembic_config(url: str) -> Config:
    """Alembic's configuration for one database; no file is needed."""
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = normalised_url(url)
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up to a revision (default: the newest)."""
    command.upgrade(alembic_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Migrate down to a revision ("base": no tables)."""
    command.downgrade(alembic_config(url), revision)
