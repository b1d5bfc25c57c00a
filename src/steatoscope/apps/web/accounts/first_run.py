"""First run: the one administrator that is made with the code that ``serve`` prints."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from steatoscope.apps.wiring.service import Service
from steatoscope.service.access.passwords import hash_password
from steatoscope.service.access.rights import Role
from steatoscope.service.storage import users
from steatoscope.service.storage.tables_people import User


def setup_code(service: Service) -> str | None:
    """The code that opens ``/setup``: 80 bits from the installation's secret; None once there is a user."""
    with service.database.reading() as session:
        return None if has_users(session) else _code(service)


def _code(service: Service) -> str:
    raw = hmac.digest(service.secret.encode(), b"steatoscope first run", hashlib.sha256)[:10]
    word = b32encode(raw).decode("ascii")
    return "-".join(word[i : i + 4] for i in range(0, 16, 4))


def has_users(session: Session) -> bool:
    """Whether the installation has any user."""
    return session.scalars(select(User.id).limit(1)).first() is not None


def code_fits(service: Service, given: str) -> bool:
    """Whether a typed code is the right one, however it is grouped; compared in constant time."""
    typed = "".join(given.split()).replace("-", "").upper()
    return hmac.compare_digest(typed.encode(), _code(service).replace("-", "").encode())


def make_first_admin(session: Session, name: str, password: str, *, reads_scans: bool) -> User | None:
    """The first administrator; None where somebody was quicker.

    The transaction holds a lock on the table (SQLite has one writer anyway), so of two at once only one succeeds.
    Raises ValueError for an unfit name or password.
    """
    encoded = hash_password(password)
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))
    if has_users(session):
        return None
    roles = [Role.ADMIN, Role.CLINICIAN] if reads_scans else [Role.ADMIN]
    return users.add_user(session, name, roles, password_hash=encoded)
