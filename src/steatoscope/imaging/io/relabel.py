"""Names of temporary folders replaced by the archive that was unpacked there, so that results stay reproducible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from steatoscope.core.errors import QualityCode, SteatoscopeError
from steatoscope.core.image import Study


def relabelled_error(fault: SteatoscopeError, names: Mapping[str, str], default: str) -> SteatoscopeError:
    """The same error with the caller's own path: the default where it names none."""
    return SteatoscopeError(
        fault.code,
        path=_text(fault.path or default, names),
        message=_text(fault.message, names),
        cause=_text(fault.cause, names),
        remedy=fault.remedy,
    )


def relabelled_study(study: Study, names: Mapping[str, str]) -> Study:
    """The same study with the caller's own paths in inputs, notes and source."""
    if not names:
        return study
    return replace(
        study,
        inputs=tuple(replace(file, path=_text(file.path, names)) for file in study.inputs),
        notes=tuple(QualityCode(note.code, _text(note.message, names)) for note in study.notes),
        source=_any(study.source, names),
    )


def _text(text: str, names: Mapping[str, str]) -> str:
    for folder, archive in names.items():
        text = text.replace(folder, archive)
    return text


def _any(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _text(value, names)
    if isinstance(value, Mapping):
        return {_any(key, names): _any(one, names) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_any(one, names) for one in value)
    return value
