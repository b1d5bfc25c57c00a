"""One study from files, folders and zips, whatever their format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from steatoscope.core.errors import SteatoscopeError, UsageError, warning
from steatoscope.core.image import Study
from steatoscope.imaging.io.gather import Found, Gathered, gather
from steatoscope.imaging.io.given import check_given, check_one_subject, check_used
from steatoscope.imaging.io.names import names_a_mask, summary
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.relabel import relabelled_error, relabelled_study
from steatoscope.imaging.io.simulated import files_are_simulated
from steatoscope.imaging.io.sniff import CLIPS, RASTERS, Kind
from steatoscope.imaging.io.views import with_views

Reader = Callable[[list[Found], ReadOptions], Study]


def load_study(paths: Sequence[Path], options: ReadOptions) -> Study:
    """Read one study from ``paths`` and the named ultrasound views of ``options.views``.

    Content decides on the format, never a name. Where a path holds several kinds, DICOM comes before MAT, NIfTI,
    clips and rasters; the rest is listed in ``Study.source["ignored"]`` with W_IGNORED. Raises :class:`UsageError`
    for NIfTI without a modality or several MAT files, else :class:`SteatoscopeError` with the contract's codes.
    """
    if not paths and not options.views:
        raise UsageError("No path was given.")
    own = _load_paths(paths, replace(options, views={})) if paths else None
    if not options.views:
        assert own is not None
        return own
    if options.modality not in (None, "US"):
        raise UsageError("Views are named for ultrasound only.")
    named = {
        name: _load_paths([path], replace(options, views={}, modality="US")) for name, path in options.views.items()
    }
    return with_views(own, named)


def _load_paths(paths: Sequence[Path], options: ReadOptions) -> Study:
    with ExitStack() as stack:
        names: dict[str, str] = {}
        try:
            found = gather(paths, options, stack)
            names = found.unpacked
            chosen, reader = _choose(found.images)
            check_given(paths, found.images, chosen)
            if chosen[0].kind in CLIPS | RASTERS:
                check_one_subject(chosen)
            study = reader(chosen, options)
            check_used(study, chosen, options)
            study = _marked(_with_ignored(study, chosen, found), chosen)
        except SteatoscopeError as fault:
            raise relabelled_error(fault, names, str(paths[0])) from fault
        return relabelled_study(study, names)


def _choose(images: Sequence[Found]) -> tuple[list[Found], Reader]:
    for kinds, reader in _READERS:
        chosen = [one for one in images if one.kind in kinds]
        if chosen:
            return chosen, reader
    raise AssertionError("gather returns known kinds only")


def _with_ignored(study: Study, chosen: Sequence[Found], found: Gathered) -> Study:
    """List everything that was left out, by its name relative to what the caller gave."""
    relative = {str(one.path): one.relative for one in found.images}
    listed = [entry if isinstance(entry, Mapping) else {"path": entry} for entry in study.source.get("ignored", ())]
    reasons = {relative.get(str(one["path"]), str(one["path"])): one.get("reason") for one in listed}
    unused = [one.relative for one in found.images if one not in chosen]
    names = {*found.others, *unused, *reasons}
    ignored, phrase = summary(names, len(names & set(relative.values())))
    source = {**study.source, "ignored": ignored, "ignored_reasons": {k: v for k, v in reasons.items() if v}}
    if not ignored:
        return replace(study, source=source)
    others = len(study.source.get("other_series", ()))
    phrase = f"{phrase} Other series: {others}." if others else phrase
    notes = (*(note for note in study.notes if note.code != "W_IGNORED"), warning("W_IGNORED", phrase))
    return replace(study, notes=notes, source=source)


def _marked(study: Study, chosen: Sequence[Found]) -> Study:
    """The study with W_SIMULATED where its files are simulated; DICOM readers look at the headers."""
    known = any(note.code == "W_SIMULATED" for note in study.notes)
    if known or not files_are_simulated([one.path for one in chosen]):
        return study
    return replace(study, notes=(*study.notes, warning("W_SIMULATED")))


def _read_dicom(files: list[Found], options: ReadOptions) -> Study:
    from steatoscope.imaging.io.dicom_study import read_dicom_study

    return read_dicom_study([one.path for one in files], options)


def _read_mat(files: list[Found], options: ReadOptions) -> Study:
    from steatoscope.imaging.io.mat import read_mat_study

    if len(files) > 1:
        raise UsageError("The path holds several MAT files; name the one to read.")
    return read_mat_study(files[0].path, options)


def _read_nifti(files: list[Found], options: ReadOptions) -> Study:
    from steatoscope.imaging.io.nifti_ct import read_nifti_ct
    from steatoscope.imaging.io.nifti_mr import read_nifti_mr

    if options.modality is None:
        raise UsageError("NIfTI does not say what it holds: add --modality ct or --modality mr.")
    if options.modality == "US":
        cause = "NIfTI is read as CT or MR, not as ultrasound."
        raise SteatoscopeError("E_MODALITY", path=str(files[0].path), cause=cause)
    read = read_nifti_ct if options.modality == "CT" else read_nifti_mr
    return read([one.path for one in files], options)


def _read_clips(files: list[Found], options: ReadOptions) -> Study:
    from steatoscope.imaging.io.video import read_clip

    studies = [read_clip(one.path, options) for one in files]
    return with_views(studies[0], {}, studies[1:])


def _read_rasters(files: list[Found], options: ReadOptions) -> Study:
    from steatoscope.imaging.io.frames import read_frames

    images = [one for one in files if one.named or not names_a_mask(one.relative)] or files
    folders: dict[Path, list[Found]] = defaultdict(list)
    for one in images:
        folders[Path() if one.named else one.path.parent].append(one)
    most = max(folders.values(), key=len)
    study = read_frames([one.path for one in most], options, named=frozenset(one.path for one in most if one.named))
    others = [str(one.path) for one in files if one not in most]
    source: Mapping[str, Any] = {**study.source, "ignored": [*study.source["ignored"], *others]}
    return replace(study, source=source)


_READERS: Final[tuple[tuple[frozenset[Kind], Reader], ...]] = (
    (frozenset[Kind]({"dicom"}), _read_dicom),
    (frozenset[Kind]({"mat"}), _read_mat),
    (frozenset[Kind]({"nifti"}), _read_nifti),
    (CLIPS, _read_clips),
    (RASTERS, _read_rasters),
)
