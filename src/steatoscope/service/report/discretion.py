"""Keeps paths out of the report's words: a file or folder name may name the patient."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from steatoscope.core.report import Report
from steatoscope.service.report.formatting import clip, singular

_SHORTEST_PATH: Final = 3
_SHORTEST_NAME: Final = 5
_SHORTEST_NUMBER: Final = 5
_OWN_WORDS: Final = frozenset({"ultrasound", "dicom", "nifti", "dixon", "pdff", "mri", "liver", "spleen", "images"})
_ABSOLUTE: Final = re.compile(r"(?<![\w/])(?:/[^\s/'\",;:]+){2,}/?|\b[A-Za-z]:\\[^\s'\",;]+")


@dataclass(frozen=True, slots=True)
class Discretion:
    """Says a text without the names of the study's files; ``hidden`` are the names to replace, longest first."""

    hidden: tuple[str, ...]

    @classmethod
    def of(cls, report: Report) -> Discretion:
        """The discretion that a report needs: its input paths, their file names and the path of its error."""
        paths = {part.path for part in report.inputs}
        if report.error is not None and report.error.path:
            paths.add(report.error.path)
        names = {name for path in paths for name in _names(path)}
        return cls(tuple(sorted(names, key=lambda name: (-len(name), name))))

    def __call__(self, text: str) -> str:
        """The text on one line, clipped, with file names and absolute paths replaced by ``[file]``."""
        for name in self.hidden:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "[file]", text)
        text = text.replace(">=", "≥").replace("<=", "≤")
        return singular(clip(_ABSOLUTE.sub("[file]", text)))


def _names(path: str) -> set[str]:
    last = {PurePosixPath(path).name, PureWindowsPath(path).name}
    names = {path, *(name for name in last if len(name) >= _SHORTEST_NAME)}
    return {name for name in names if _tells(name)}


def _tells(name: str) -> bool:
    """Whether a name could tell who somebody is; hiding ".", "12" or "liver" would only garble the report."""
    if len(name) < _SHORTEST_PATH or name.casefold() in _OWN_WORDS or (name.isalpha() and name.islower()):
        return False
    return any(map(str.isalpha, name)) or sum(map(str.isdigit, name)) >= _SHORTEST_NUMBER
