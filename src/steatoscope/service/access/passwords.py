"""Passwords by Argon2id (RFC 9106, 2021); secrets of tokens and sessions by SHA-256 of 256 random bits."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
TOKEN_PREFIX: Final = "sts_"
_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))


def hash_password(password: str) -> str:
    """The encoded Argon2id hash of a password; raises ValueError where it is too short or too long."""
    if not SHORTEST <= len(password) <= 200:
        raise ValueError(f"a password has {SHORTEST} to 200 characters")
    return _HASHER.hash(password)


def verify_password(encoded: str | None, password: str) -> bool:
    """Whether a password fits; takes the same time where there is no such user (``encoded`` None)."""
    try:
        _HASHER.verify(encoded or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return encoded is not None


def new_password() -> str:
    """A random password of 120 bits that can be read aloud in groups."""
    raw = secrets.token_hex(15)
    return "-".join(raw[i : i + 6] for i in range(0, 30, 6))


def new_secret(prefix: str = "") -> str:
    """A random secret of 256 bits, for a token or a session."""
    return prefix + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What the database keeps of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
