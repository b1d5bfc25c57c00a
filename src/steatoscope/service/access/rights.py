"""Roles and their rights: whatever is not listed here is refused.

A person may hold several roles (an administrator who also reads scans is ``admin`` and ``clinician``); the rights add
up, except that identity is shown only where a role allows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What a person is to the service."""

    VIEWER = "viewer"
    CLINICIAN = "clinician"
    RESEARCHER = "researcher"
    ADMIN = "admin"


class Right(StrEnum):
    """One thing that a person or a token may do; the values are also the scopes of API tokens."""

    READ = "read"  # studies, reports, pictures, jobs
    IDENTITY = "identity"  # names and numbers of patients, where identity mode keeps them
    UPLOAD = "upload"
    CANCEL_OWN = "cancel"  # cancel and retry one's own jobs
    CORRECT = "correct"  # liver masks
    SIGN = "sign"
    COHORT = "cohort"  # dashboard, bulk runs
    EXPORT = "export"  # pseudonymised tables
    USERS = "users"
    MODELS = "models"
    SETTINGS = "settings"  # settings, storage, health
    AUDIT = "audit"
    ERASE = "erase"  # export and erase all that is kept of one patient


RIGHTS: Final[Mapping[Role, frozenset[Right]]] = MappingProxyType(
    {
        Role.VIEWER: frozenset({Right.READ, Right.IDENTITY}),
        Role.CLINICIAN: frozenset(
            {Right.READ, Right.IDENTITY, Right.UPLOAD, Right.CANCEL_OWN, Right.CORRECT, Right.SIGN}
        ),
        Role.RESEARCHER: frozenset({Right.READ, Right.UPLOAD, Right.CANCEL_OWN, Right.COHORT, Right.EXPORT}),
        Role.ADMIN: frozenset({Right.USERS, Right.MODELS, Right.SETTINGS, Right.AUDIT, Right.ERASE}),
    }
)


def rights_of(roles: Iterable[str]) -> frozenset[Right]:
    """All rights of somebody with these roles; unknown roles give none."""
    known = {role.value: role for role in Role}
    return frozenset(right for role in roles if role in known for right in RIGHTS[known[role]])
