"""Settings of the service: from the command line and the environment, with an embedded default for each."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What one installation is made of.

    ``database_url``, ``storage_url`` and ``broker_url`` default to SQLite, a folder and the job table itself.
    ``most_upload_bytes`` bounds one request and one study, ``part_bytes`` one part of a resumable upload.
    ``identity_mode`` keeps names and numbers of patients; without it only a pseudonym is kept. ``secure_cookies`` is
    for servers behind TLS. ``baseline`` is the file of a site's own healthy reference, ``clinical_model``
    that of its combined model. Times are in seconds.
    """

    data_dir: Path
    database_url: str
    storage_url: str
    broker_url: str = ""
    identity_mode: bool = False
    secure_cookies: bool = False
    behind_proxy: bool = False
    most_upload_bytes: int = 1 * GIB
    part_bytes: int = 16 * MIB
    workers: int = 1
    session_idle_s: int = 30 * 60
    session_longest_s: int = 12 * 3600
    lease_s: float = 15.0
    heartbeat_s: float = 3.0
    most_attempts: int = 3
    job_longest_s: float = 1800.0
    baseline: str = ""
    clinical_model: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""

    @property
    def inbox(self) -> Path:
        """Folder of uploads that are not yet studies."""
        return self.data_dir / "inbox"

    @property
    def scratch(self) -> Path:
        """Folder where workers unpack studies and write results before these are stored."""
        return self.data_dir / "scratch"


def service_settings(
    data_dir: Path, environment: Mapping[str, str] | None = None, **overrides: object
) -> ServiceSettings:
    """Settings for a data folder; ``STEATOSCOPE_*`` variables overrule defaults, ``overrides`` overrule both.

    Raises ValueError where a variable is no number.
    """
    given = os.environ if environment is None else environment
    data_dir = data_dir.expanduser().resolve()
    values: dict[str, object] = {
        "data_dir": data_dir,
        "database_url": given.get("STEATOSCOPE_DATABASE_URL") or f"sqlite:///{data_dir / 'steatoscope.db'}",
        "storage_url": given.get("STEATOSCOPE_STORAGE_URL") or str(data_dir / "files"),
        "broker_url": given.get("STEATOSCOPE_BROKER_URL", ""),
        "baseline": given.get("STEATOSCOPE_BASELINE", ""),
        "clinical_model": given.get("STEATOSCOPE_CLINICAL_MODEL", ""),
        "oidc_issuer": given.get("STEATOSCOPE_OIDC_ISSUER", ""),
        "oidc_client_id": given.get("STEATOSCOPE_OIDC_CLIENT_ID", ""),
        "oidc_client_secret": given.get("STEATOSCOPE_OIDC_CLIENT_SECRET", ""),
        "identity_mode": _flag(given, "STEATOSCOPE_IDENTITY_MODE"),
        "secure_cookies": _flag(given, "STEATOSCOPE_SECURE_COOKIES"),
        "behind_proxy": _flag(given, "STEATOSCOPE_BEHIND_PROXY"),
    }
    for name in ("most_upload_bytes", "workers", "session_idle_s", "session_longest_s", "most_attempts"):
        if text := given.get(f"STEATOSCOPE_{name.upper()}"):
            values[name] = int(text)
    for name in ("lease_s", "heartbeat_s", "job_longest_s"):
        if text := given.get(f"STEATOSCOPE_{name.upper()}"):
            values[name] = float(text)
    values.update({name: value for name, value in overrides.items() if value is not None})
    return ServiceSettings(**values)  # type: ignore[arg-type]


def _flag(given: Mapping[str, str], name: str) -> bool:
    return given.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def secret_key(settings: ServiceSettings) -> str:
    """The installation's own secret, made on first use and kept in the data folder with mode 600.

    It signs cookies and keys pseudonyms; ``STEATOSCOPE_SECRET_KEY`` overrules it where several hosts share it.
    """
    if given := os.environ.get("STEATOSCOPE_SECRET_KEY"):
        return given
    path = settings.data_dir / "secret.key"
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    return path.read_text(encoding="ascii").strip()
