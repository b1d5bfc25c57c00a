"""The use case before ``analyse``: files as they arrive become the files of one study, judged, named and cleaned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Modality
from steatoscope.imaging.io.archive import unpacked
from steatoscope.imaging.io.dicom_strip import write_stripped
from steatoscope.imaging.io.judge import is_sidecar, judge_file, too_small
from steatoscope.imaging.io.options import MAX_BYTES
from steatoscope.imaging.io.safe_names import is_hidden, safe_name, unique_names
from steatoscope.imaging.io.sniff import sniff
from steatoscope.pipeline.submit_facts import HeaderFacts, Person, SeriesSeen, all_series, header_facts, one_person
from steatoscope.pipeline.submit_names import parts_of, without_person, write_clean_sidecar

Pseudonym = Callable[[str], str]
_NO_IMAGE: Final = frozenset({"E_EMPTY", "E_FORMAT", "E_NOPIXELS"})


@dataclass(frozen=True, slots=True)
class Staged:
    """A file: its name (as its sender calls it, or safe), and where its bytes lie."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that does not become part of the study, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """How a study is taken in: the modality that its sender states, and the pseudonym of a PatientID.

    ``pseudonym`` None keeps identity in headers (identity mode).
    """

    scratch: Path
    modality: Modality | None = None
    pseudonym: Pseudonym | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """The files of one study with safe names, and what their headers tell; ``given`` maps the sender's names to them.

    Cleaned copies lie in the scratch folder, those of zips as long as the caller's stack lives.
    """

    files: tuple[Staged, ...]
    given: Mapping[str, str]
    left_out: tuple[LeftOut, ...]
    person: Person
    modality: Modality | None
    acquired_on: date | None
    series: tuple[SeriesSeen, ...]
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Image:
    file: Staged
    kind: str
    modality: Modality | None
    small: bool
    facts: HeaderFacts | None


@dataclass
class _Sorted:
    images: list[_Image] = field(default_factory=list)
    sidecars: list[Staged] = field(default_factory=list)
    faults: dict[str, SteatoscopeError] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)


def prepare(staged: Sequence[Staged], rules: Rules, stack: ExitStack) -> Submission:
    """Judge the files of one study and make clean copies; zips are unpacked for as long as ``stack`` lives.

    A file that its sender names alone must be an image, or a JSON sidecar; inside folders and zips, other files are
    left out and listed, as ``analyze`` does. Raises E_EMPTY, E_FORMAT, E_ARCHIVE, E_BOMB, E_TRUNCATED, E_NOPIXELS,
    E_SIZE, E_NAN with the file's name as path.
    """
    if not staged:
        raise SteatoscopeError(
            "E_EMPTY",
            message="There are no files.",
            cause="No files were sent.",
            remedy="Choose at least one file and send again.",
        )
    found = _Sorted()
    for number, (original, file, named) in enumerate(_named(staged, rules, stack)):
        found.given.setdefault(original, file.name)
        try:
            _sort(file, rules, found, number)
        except SteatoscopeError as fault:
            own = _with_path(fault, file.name)
            if fault.code not in _NO_IMAGE or (named and len(staged) > 1):
                raise own from fault
            found.faults[original] = own
    _check(found, staged)
    return _submission(found, rules)


def _sort(file: Staged, rules: Rules, found: _Sorted, number: int) -> None:
    kind = sniff(file.path)
    target = rules.scratch / f"clean-{number}"
    if kind == "unknown" and is_sidecar(file.path):
        if rules.pseudonym is not None:
            write_clean_sidecar(file.path, target)
            file = Staged(file.name, target)
        found.sidecars.append(file)
        return
    if kind == "zip":
        raise SteatoscopeError("E_FORMAT", path=file.name, cause="An archive inside an archive is not unpacked.")
    judged = judge_file(file.path, rules.modality)
    small, facts = too_small(judged, rules.modality), None
    if judged.head is not None:
        facts = header_facts(judged.head.dataset)
        write_stripped(judged.head, target, rules.pseudonym)
        file = Staged(file.name, target)
    found.images.append(_Image(file, judged.kind, judged.modality, small, facts))


def _named(staged: Sequence[Staged], rules: Rules, stack: ExitStack) -> Iterator[tuple[str, Staged, bool]]:
    """(sender's name, file under its safe name, whether it was named alone) of every file, those in zips included."""
    wanted = [(file, named) for file, named in _expanded(staged, rules, stack) if named or not is_hidden(file.name)]
    names = unique_names(safe_name(file.name) for file, _ in wanted)
    for (file, named), name in zip(wanted, names, strict=True):
        yield file.name, Staged(name, file.path), named


def _expanded(staged: Sequence[Staged], rules: Rules, stack: ExitStack) -> Iterator[tuple[Staged, bool]]:
    for file in staged:
        named = "/" not in file.name.replace("\\", "/")
        if sniff(file.path) != "zip" or not (named or len(staged) == 1):
            yield file, named
            continue
        try:
            folder = stack.enter_context(unpacked(file.path, max_bytes=MAX_BYTES, within=rules.scratch))
        except SteatoscopeError as fault:
            raise _with_path(fault, safe_name(file.name)) from fault
        top = "" if len(staged) == 1 else f"{Path(safe_name(file.name)).with_suffix('').as_posix()}/"
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            yield Staged(top + path.relative_to(folder).as_posix(), path), False


def _with_path(fault: SteatoscopeError, name: str) -> SteatoscopeError:
    return SteatoscopeError(fault.code, path=name, message=fault.message, cause=fault.cause, remedy=fault.remedy)


def _check(found: _Sorted, staged: Sequence[Staged]) -> None:
    if not found.images:
        if found.faults:
            raise next(iter(found.faults.values()))
        cause = "There is no image among the files."
        raise SteatoscopeError("E_FORMAT", path=safe_name(staged[0].name), cause=cause)
    if all(image.small for image in found.images):
        raise SteatoscopeError("E_SIZE", path=found.images[0].file.name)


def _submission(found: _Sorted, rules: Rules) -> Submission:
    facts = [image.facts for image in found.images if image.facts is not None]
    person = one_person(facts)
    modalities = Counter(image.modality for image in found.images if image.modality is not None).most_common(1)
    made = Submission(
        files=(*(image.file for image in found.images), *found.sidecars),
        given=found.given,
        left_out=tuple(LeftOut(name, fault.message) for name, fault in found.faults.items()),
        person=person,
        modality=modalities[0][0] if modalities else None,
        acquired_on=next((fact.day for fact in facts if fact.day is not None), None),
        series=all_series(facts),
        kinds=frozenset(image.kind for image in found.images),
    )
    return made if rules.pseudonym is None else _nameless(made, rules.pseudonym)


def _nameless(made: Submission, pseudonym: Pseudonym) -> Submission:
    """The same without the patient's number and name in file names."""
    parts = parts_of(made.person)
    instead = pseudonym(made.person.patient_id) if made.person.patient_id else "P"
    names = [without_person(file.name, parts, instead) for file in made.files]
    fresh = dict(zip([file.name for file in made.files], unique_names(map(safe_name, names)), strict=True))
    return replace(
        made,
        files=tuple(Staged(fresh[file.name], file.path) for file in made.files),
        given={given: fresh[name] for given, name in made.given.items() if name in fresh},
        left_out=tuple(LeftOut(without_person(one.name, parts, instead), one.reason) for one in made.left_out),
    )
