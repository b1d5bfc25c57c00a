"""Options that name an installation of the service, shared by the commands that work on one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from steatoscope.apps.cli.output import note
from steatoscope.core.errors import UsageError

if TYPE_CHECKING:
    from steatoscope.apps.wiring.service import Service
    from steatoscope.apps.wiring.settings import ServiceSettings

Command = TypeVar("Command", bound=Callable[..., Any])


def data_folder() -> Path:
    """The data folder where none is named: ``STEATOSCOPE_DATA_DIR``, else in the user's own data folder."""
    if named := os.environ.get("STEATOSCOPE_DATA_DIR"):
        return Path(named)
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "steatoscope" / "service"


def installation_options(command: Command) -> Command:
    """``--data-dir``, ``--database-url`` and ``--storage-url``."""
    for option in (
        click.option("--storage-url", help="Folder or URL of the stored files; default: STEATOSCOPE_STORAGE_URL."),
        click.option("--database-url", help="URL of the database; default: STEATOSCOPE_DATABASE_URL, else SQLite."),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path, file_okay=False),
            help="Folder of the installation; default: STEATOSCOPE_DATA_DIR, else ~/.local/share/steatoscope/service.",
        ),
    ):
        command = option(command)
    return command


def settings_for(data_dir: Path | None, **overrides: object) -> ServiceSettings:
    """The settings of the installation that the options name. Raises UsageError where a setting cannot be read."""
    from steatoscope.apps.wiring.settings import service_settings

    try:
        return service_settings(data_dir or data_folder(), None, **overrides)
    except ValueError as fault:
        raise UsageError(f"a setting is wrong: {fault}") from fault


@contextmanager
def opened(data_dir: Path | None, database_url: str | None, storage_url: str | None) -> Iterator[Service]:
    """The installation that the options name, its database migrated and closed at the end."""
    from steatoscope.apps.wiring.service import open_service

    settings = settings_for(data_dir, database_url=database_url, storage_url=storage_url)
    fresh = database_url is None and is_fresh(settings)
    with reachable(settings):
        service = open_service(settings)
        if fresh:
            note(f"A new installation was made in {settings.data_dir}.")
        try:
            yield service
        finally:
            service.database.dispose()


def is_fresh(settings: ServiceSettings) -> bool:
    """Whether the SQLite database that the settings name does not exist yet, so that opening it makes one."""
    from sqlalchemy.engine import make_url

    try:
        url = make_url(settings.database_url)
    except ValueError:  # what is wrong with it is told where it is opened
        return False
    named = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return named and not Path(str(url.database)).exists()


@contextmanager
def reachable(settings: ServiceSettings) -> Iterator[None]:
    """Say in plain words, and without the password, that the database or the file store cannot be used."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

    from steatoscope.service.storage.blobs_remote import StorageUnavailableError
    from steatoscope.service.storage.migrate import NewerDatabaseError

    try:
        yield
    except (ArgumentError, NoSuchModuleError) as fault:
        raise UsageError("--database-url is no URL of SQLite or PostgreSQL") from fault
    except OperationalError as fault:
        where = make_url(settings.database_url).render_as_string(hide_password=True)
        raise UsageError(f"the database {where} cannot be used: {fault.orig}") from fault
    except (StorageUnavailableError, NewerDatabaseError) as fault:
        raise UsageError(str(fault)) from fault
    except OSError as fault:
        raise UsageError(f"{fault.filename or settings.data_dir} cannot be used: {fault.strerror or fault}") from fault
