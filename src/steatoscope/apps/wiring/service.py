"""What web pages, workers and commands of one installation share: settings, database, files, secret."""

from __future__ import annotations

from dataclasses import dataclass

from steatoscope.apps.wiring.reference import site_clinical_model, site_reference
from steatoscope.apps.wiring.settings import ServiceSettings, secret_key
from steatoscope.service.storage.blobs import BlobStore, open_blobs
from steatoscope.service.storage.database import Database
from steatoscope.service.storage.migrate import upgrade


@dataclass(frozen=True, eq=False)
class Service:
    """An open installation."""

    settings: ServiceSettings
    database: Database
    blobs: BlobStore
    secret: str


def open_service(settings: ServiceSettings, *, migrate: bool = True) -> Service:
    """Open (and on first use make) an installation; ``migrate`` brings the database to this version's tables.

    Raises E_PATH or E_FORMAT where the healthy reference or the combined model of the settings is none.
    """
    site_reference(settings.baseline)
    site_clinical_model(settings.clinical_model)
    for folder in (settings.data_dir, settings.inbox, settings.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    settings.data_dir.chmod(0o700)
    if migrate:
        upgrade(settings.database_url)
    return Service(
        settings=settings,
        database=Database(settings.database_url),
        blobs=open_blobs(settings.storage_url),
        secret=secret_key(settings),
    )
