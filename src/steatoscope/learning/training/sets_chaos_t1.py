"""CHAOS T1 in-phase slices with livers, augmented copies without subject ids, grouped by subject or by look."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from steatoscope.learning.training.features_cache import key_of
from steatoscope.learning.training.sets import Sample, TrainingSet
from steatoscope.learning.training.sets_audit import audit
from steatoscope.learning.training.sets_liver_png import CHAOS_CITATION, LICENCE, read_pairs
from steatoscope.learning.training.twins import SLICE_THRESHOLD, groups_of, remembered, slice_similarity

KNOWN_SET: Final = "95241df731e7e9c4d1a88e855db9bd6378e6e0770e44bbefa99787106e3ba5f5"
"""Hash of the sorted hashes of the 500 slices whose subjects were told apart."""
_STARTS: Final = (0, 61, 88, 108, 143, 180, 223, 259, 302, 324, 358, 384, 412, 442, 469)
"""Numbers of the files at which another subject begins. The files are in the order of subjects, slices sorted by
name within; read by eye from the slices in order, undecided borders left out, so that a block holds one subject or
two. Of the 409 pairs of slices with a correlation above 0.86 none lies in two blocks."""


def load_chaos_t1(folder: Path) -> TrainingSet:
    """Slices in ``Data/`` with livers of the same name in ``Ground/`` (above 127); many masks are empty.

    The known 500 slices are grouped by subject; in any other folder a group is what looks alike, which keeps copies of
    a slice together but not all slices of a subject. Raises as :func:`~.sets_liver_png.load_pairs`.
    """
    samples = read_pairs(folder / "Data", folder / "Ground", lambda path: path.stem, modality="mr")
    hashes = [sample.sha256 for sample in samples]
    known = key_of(sorted(hashes)) == KNOWN_SET
    if known:
        groups = [f"block-{bisect_right(_STARTS, _number(sample)) - 1:02d}" for sample in samples]
    else:
        groups = [f"look-alike-{group:03d}" for group in remembered(hashes, "slices", lambda: _groups(samples))]
    samples = [replace(sample, subject=group, group=group) for sample, group in zip(samples, groups, strict=True)]
    warnings = () if known else ("Subjects are unknown: slices are grouped by their look only.",)
    read = TrainingSet("chaos_t1_png", folder, tuple(samples), LICENCE, CHAOS_CITATION, warnings)
    return audit(read, masks=("liver",))


def _groups(samples: Sequence[Sample]) -> list[int]:
    return groups_of(slice_similarity([sample.image() for sample in samples]), SLICE_THRESHOLD)


def _number(sample: Sample) -> int:
    return int(re.findall(r"\d+", sample.path.stem)[-1])
