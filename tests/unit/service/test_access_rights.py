"""Roles, passwords and secrets."""

from __future__ import annotations

import re

import pytest

from steatoscope.service.access import passwords
from steatoscope.service.access.rights import RIGHTS, Right, Role, rights_of


def test_the_rights_of_the_roles_are_those_of_the_contract() -> None:
    assert rights_of(["viewer"]) == {Right.READ, Right.IDENTITY}
    own = {Right.READ, Right.IDENTITY, Right.UPLOAD, Right.CANCEL_OWN, Right.CORRECT, Right.SIGN}
    assert rights_of(["clinician"]) == own
    assert rights_of(["researcher"]) == {Right.READ, Right.UPLOAD, Right.CANCEL_OWN, Right.COHORT, Right.EXPORT}
    assert rights_of(["admin"]) == {Right.USERS, Right.MODELS, Right.SETTINGS, Right.AUDIT, Right.ERASE}
    assert set(RIGHTS) == set(Role)


def test_rights_of_several_roles_add_up_and_unknown_roles_give_none() -> None:
    assert rights_of(["admin", "viewer"]) == rights_of(["admin"]) | rights_of(["viewer"])
    assert rights_of(["root", ""]) == frozenset()


def test_a_password_is_kept_as_argon2id_and_fits_only_itself() -> None:
    encoded = passwords.hash_password("correct horse battery")
    assert encoded.startswith("$argon2id$")
    assert encoded != passwords.hash_password("correct horse battery")
    assert passwords.verify_password(encoded, "correct horse battery")
    assert not passwords.verify_password(encoded, "correct horse batterx")
    assert not passwords.verify_password(None, "correct horse battery")
    assert not passwords.verify_password("no hash", "correct horse battery")


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 201])
def test_unfit_passwords_are_refused(password: str) -> None:
    with pytest.raises(ValueError, match="12 to 200"):
        passwords.hash_password(password)


def test_secrets_are_long_and_never_twice_the_same() -> None:
    assert len({passwords.new_secret("sts_") for _ in range(200)}) == 200
    assert re.fullmatch(r"sts_[\w-]{43}", passwords.new_secret("sts_"))
    assert re.fullmatch(r"([0-9a-f]{6}-){4}[0-9a-f]{6}", passwords.new_password())
    passwords.hash_password(passwords.new_password())


def test_a_digest_is_the_sha256() -> None:
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert passwords.digest_of("abc") == known
