"""Every code of the contract is in the catalogue with the right exit code."""

import pytest

from steatoscope.core.errors import CATALOGUE, WARNINGS, SteatoscopeError, warning

REFUSED = [
    "E_NOLIVER",
    "E_CONTRAST",
    "E_PHASE",
    "E_KVP",
    "E_SWAP",
    "E_OOD",
    "E_TE",
    "E_IRON",
    "E_NOISE",
    "E_AGE",
    "E_LEAK",
]
INVALID = [
    "E_PATH",
    "E_EMPTY",
    "E_FORMAT",
    "E_TRUNCATED",
    "E_NOPIXELS",
    "E_ARCHIVE",
    "E_BOMB",
    "E_SIZE",
    "E_NAN",
    "E_MIXED",
    "E_MODALITY",
    "E_SCALE",
    "E_DEPTH",
    "E_SLICES",
    "E_WEIGHTS",
    "E_LABEL",
    "E_LABELSCALE",
    "E_ANNOTATION",
    "E_DUPLICATE",
    "E_SUBJECTS",
    "E_REPEATED",
    "E_VIEW",
    "E_FEW",
]


@pytest.mark.parametrize("code", REFUSED)
def test_refusals_exit_with_four(code: str) -> None:
    assert SteatoscopeError(code).exit_code == 4


@pytest.mark.parametrize("code", INVALID)
def test_invalid_input_exits_with_three(code: str) -> None:
    assert SteatoscopeError(code).exit_code == 3


def test_catalogue_holds_nothing_else() -> None:
    assert set(CATALOGUE) == set(REFUSED) | set(INVALID)


def test_document_has_the_contract_keys_and_words() -> None:
    document = SteatoscopeError("E_PATH", path="a/b").document()
    assert list(document) == ["code", "message", "cause", "remedy", "path"]
    assert all(document.values())


def test_own_cause_replaces_the_default() -> None:
    assert SteatoscopeError("E_SIZE", cause="It has 8 rows.").document()["cause"] == "It has 8 rows."


def test_warning_adds_detail() -> None:
    assert warning("W_KVP", "Seen: none.").message == f"{WARNINGS['W_KVP']} Seen: none."
