"""Benchmark ``ct_liver``: liver masks on CT against reference masks, by volume.

``score_ct_liver`` scores a packed segmenter without torch; ``run_ct_liver`` cross-validates its recipe on slices. Where
HU exist, the classical segmenter stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.image import Mask, Volume
from steatoscope.learning.evaluation.ct_liver_data import (
    VolumeFiles,
    find_slices,
    find_volumes,
    lies_elsewhere,
    read_slice,
    read_volume,
)
from steatoscope.learning.evaluation.segmentation_scores_run import (
    FindSlices,
    FindVolume,
    Tally,
    score_slices,
    score_volume,
)
from steatoscope.learning.evaluation.unseen import unseen
from steatoscope.learning.training.sets import Sample
from steatoscope.learning.training.sets_liver_png import load_msd_liver

if TYPE_CHECKING:
    from steatoscope.learning.model_folder import ModelFolder

MODEL: Final = "ct-segmenter"
BASELINE: Final = "baseline: classical segmenter"


def score_ct_liver(
    data: Path,
    model: ModelFolder,
    *,
    out: Path,
    find_slices_liver: FindSlices | None = None,
    find_volume_liver: FindVolume | None = None,
    classical: FindVolume | None = None,
) -> dict[str, Any]:
    """Score a packed CT segmenter on all slices and volumes of ``data`` that it was not trained on.

    The finders default to the model's own and to the classical segmenter. Raises SteatoscopeError ``E_EMPTY`` where the
    folder has neither layout, ``E_LEAK`` where the model has seen everything.
    """
    slices, volumes = _found(data)
    slices, volumes, left_out = _unseen(slices, volumes, model)
    tally = Tally(pictured=frozenset({model.name}))
    doubtful: list[str] = []
    if slices:
        score_slices(tally, model.name, slices, read_slice, find_slices_liver or _slices_finder(model))
    for files in volumes:
        volume, truth = read_volume(files)
        doubtful += [files.subject] if lies_elsewhere(volume, truth) else []
        score_volume(tally, model.name, files.subject, volume, truth, find_volume_liver or _volume_finder(model))
        score_volume(tally, BASELINE, files.subject, volume, truth, classical or _classical)
    return document(slices, volumes, left_out, tally, doubtful)


def run_ct_liver(data: Path, *, seed: int, out: Path, quick: bool = False) -> dict[str, Any]:
    """Cross-validate the CT segmenter's recipe by volume on ``images/`` and ``masks/``; ``quick`` shows that it runs.

    Raises UsageError for a folder of whole volumes, which are for scoring a model.
    """
    from steatoscope.learning.evaluation.segmentation_scores_cv import Plan, cross_validate

    if not find_slices(data):
        raise UsageError("cross-validation needs images/ and masks/ of many volumes; score volumes with --model")
    images = load_msd_liver(data)
    tally, configuration = cross_validate(images, read_slice, "ct", Plan.of(quick), row=MODEL, seed=seed, out=out)
    return {**document(images.samples, (), 0, tally), "configuration": configuration}


def document(
    slices: Sequence[Sample], volumes: Sequence[VolumeFiles], left_out: int, tally: Tally, doubtful: Sequence[str] = ()
) -> dict[str, Any]:
    """The benchmark's document of all that was scored."""
    subjects = {sample.group for sample in slices} | {files.subject for files in volumes}
    results = tally.results()
    for figures in results.values():
        figures["assd_unit"] = "pixel" if slices else "mm"
    return {
        "name": "ct_liver",
        "data": _words(slices, volumes),
        "n_subjects": len(subjects),
        "n_images": len(slices) + sum(len(files.slices) for files in volumes),
        "left_out": left_out,
        "results": results,
        "cases": tally.cases(),
        "evidence": tally.evidence([*_notes(slices, volumes), *map(_doubt, doubtful)]),
    }


def _found(data: Path) -> tuple[list[Sample], list[VolumeFiles]]:
    slices = find_slices(data)
    volumes = [] if slices else find_volumes(data)
    if not slices and not volumes:
        cause = "There is neither images/ with masks/ nor DICOM_anon/ with Ground/ in it."
        raise SteatoscopeError("E_EMPTY", path=str(data), cause=cause)
    return slices, volumes


def _unseen(
    slices: list[Sample], volumes: list[VolumeFiles], model: ModelFolder
) -> tuple[list[Sample], list[VolumeFiles], int]:
    """What the model has not seen: of volumes, those of which it has seen no slice."""
    images = [sample.path for sample in slices] + [path for files in volumes for path in files.slices]
    kept = set(unseen(images, model)[0])
    new_slices = [sample for sample in slices if sample.path in kept]
    new_volumes = [files for files in volumes if kept.issuperset(files.slices)]
    if not new_slices and not new_volumes:
        raise SteatoscopeError("E_LEAK", path=str(images[0].parent))
    scored = len(new_slices) + sum(len(files.slices) for files in new_volumes)
    return new_slices, new_volumes, len(images) - scored


def _words(slices: Sequence[Sample], volumes: Sequence[VolumeFiles]) -> str:
    if slices:
        return "eight-bit CT slices with liver masks, by volume (the number in the name)"
    return f"CT volume{'s' if len(volumes) > 1 else ''} in HU with liver masks"


def _notes(slices: Sequence[Sample], volumes: Sequence[VolumeFiles]) -> list[str]:
    if slices:
        return [
            "Eight-bit slices hold no HU: there is no HU bias and no row of the classical segmenter. Their pixel size "
            "is unknown, so surface distances are in pixels, slice by slice, where both masks hold something."
        ]
    few = ["Fewer than two volumes: no interval over volumes can be given."] if len(volumes) < 2 else []
    return [*few, "Volumes are scored as a whole, in their stored grid."]


def _doubt(subject: str) -> str:
    return (
        f"The reference mask of {subject} holds HU that no liver has: it may be in another orientation than the images."
    )


def _slices_finder(model: ModelFolder) -> FindSlices:
    from steatoscope.learning.evaluation.segmentation_scores_model import slices_finder

    return slices_finder(model)


def _volume_finder(model: ModelFolder) -> FindVolume:
    from steatoscope.learning.evaluation.segmentation_scores_model import ct_volume_finder

    return ct_volume_finder(model)


def _classical(volume: Volume) -> Mask:
    from steatoscope.science.segment.ct import find_ct_organs

    liver = find_ct_organs(volume).liver
    return np.zeros(volume.data.shape, dtype=np.bool_) if liver is None else liver
