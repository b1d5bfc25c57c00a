"""One image of the benchmark ``refusal``, and what the analysis said of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.image import Modality
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.outcome import Outcome

Analyse = Callable[[Sequence[Path], AnalyseOptions], Outcome]
Write = Callable[[Path], Sequence[Path]]


@dataclass(frozen=True, eq=False)
class Case:
    """One study: its kind (a row of the table), how its files come into a folder, and how it is analysed.

    ``modality`` is the path it goes; ``tuned`` says that its kind was looked at while limits were set; ``expected``
    the codes that are the right answer on a real study, none where it should be measured; ``subject`` its unit.
    """

    modality: Modality
    kind: str
    name: str
    write: Write
    options: AnalyseOptions = field(default_factory=AnalyseOptions)
    tuned: bool = False
    expected: tuple[str, ...] = ()
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of one case: the code of its refusal (empty where a fat value was given), and warnings."""

    case: Case
    code: str
    cause: str
    warnings: tuple[str, ...] = ()
    value_percent: float | None = None

    @property
    def refused(self) -> bool:
        """Whether no fat value was given."""
        return bool(self.code)


def judged(cases: Iterable[Case], analyse: Analyse) -> list[Verdict]:
    """Every case written to a folder of its own, analysed, and removed again."""
    return [judge(case, analyse) for case in cases]


def judge(case: Case, analyse: Analyse) -> Verdict:
    """The verdict on one case; both exits without a value, invalid (3) and refused (4), count as refusals."""
    with tempfile.TemporaryDirectory(prefix="steatoscope-refusal-") as name:
        paths = case.write(Path(name))
        try:
            report = analyse(paths, case.options).report
        except SteatoscopeError as fault:
            return Verdict(case, fault.code, fault.cause)
        except UsageError as fault:
            return Verdict(case, "usage", str(fault))
    warnings = tuple(dict.fromkeys(code.code for code in report.quality.codes if code.code.startswith("W_")))
    if report.error is not None:
        return Verdict(case, report.error.code, report.error.cause or "", warnings)
    return Verdict(case, "", "", warnings, None if report.fat is None else report.fat.value_percent)


def pydicom_file(name: str, folder: Path) -> list[Path]:
    """A copy of one of pydicom's own example files."""
    import pydicom

    source = Path(pydicom.__file__).parent / "data" / "test_files" / name
    return [Path(shutil.copy(source, folder / Path(name).name))]


def in_place(*paths: Path) -> Write:
    """A case whose files lie where they are."""
    return lambda folder: list(paths)
