"""What administrators change while the service runs: kept in the settings table, with the start-up value as default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.wiring.settings import MIB, ServiceSettings
from steatoscope.service.storage.configuration import set_setting
from steatoscope.service.storage.tables_system import Setting

_PREFIX: Final = "preferences."


@dataclass(frozen=True, slots=True)
class Preferences:
    """The settings in force. ``default_profile`` is "" where each scale's own profile answers.

    ``retention_days`` 0 keeps studies for ever. ``most_upload_bytes`` can only be lower than the start-up limit.
    """

    site_name: str = ""
    default_profile: str = ""
    retention_days: int = 0
    session_idle_s: int = 1800
    session_longest_s: int = 43200
    most_upload_bytes: int = 1024 * MIB


_LIMITS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "retention_days": (0, 36500),
        "session_idle_s": (60, 86400),
        "session_longest_s": (300, 30 * 86400),
        "most_upload_bytes": (MIB, 1 << 40),
    }
)


def preferences(session: Session, settings: ServiceSettings) -> Preferences:
    """The settings in force: what administrators chose, else the start-up value."""
    base = Preferences(
        session_idle_s=settings.session_idle_s,
        session_longest_s=settings.session_longest_s,
        most_upload_bytes=settings.most_upload_bytes,
    )
    rows = session.scalars(select(Setting).where(Setting.key.startswith(_PREFIX, autoescape=True)))
    known = {field.name for field in fields(Preferences)}
    chosen = {row.key.removeprefix(_PREFIX): row.value["value"] for row in rows}
    found = replace(base, **{key: value for key, value in chosen.items() if key in known})
    return replace(found, most_upload_bytes=min(found.most_upload_bytes, settings.most_upload_bytes))


def change_preferences(session: Session, settings: ServiceSettings, changes: Mapping[str, Any], by: str) -> list[str]:
    """Set some settings; returns the names of those that changed. Raises ValueError where a value is not allowed."""
    if int(changes.get("most_upload_bytes", 0)) > settings.most_upload_bytes:
        raise ValueError(f"uploads are limited to {settings.most_upload_bytes} bytes when the service starts")
    before = asdict(preferences(session, settings))
    changed = [key for key, value in changes.items() if _checked(key, value) != before[key]]
    for key in changed:
        set_setting(session, _PREFIX + key, _checked(key, changes[key]), by)
    return changed


def _checked(key: str, value: Any) -> Any:
    if key == "site_name":
        text = " ".join(str(value).split())
        if len(text) > 80:
            raise ValueError("the name of the site has at most 80 characters")
        return text
    if key == "default_profile":
        return _profile(str(value))
    if key not in _LIMITS:
        raise ValueError(f"there is no setting {key!r} that can be changed while the service runs")
    low, high = _LIMITS[key]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{key} is a whole number from {low} to {high}")
    return value


def _profile(name: str) -> str:
    from steatoscope.science.clinical.grades import PROFILES

    if name and name not in PROFILES:
        raise ValueError(f"there is no profile {name!r}; profiles are {', '.join(PROFILES)}")
    return name
