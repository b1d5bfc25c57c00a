"""Look-alikes in sets without subject ids: images so alike that they are of one subject form one group.

Finds copies and neighbouring views, not two different views of one subject: a split by these groups is better than
one by image, and still not one by subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from steatoscope.core.image import Mask
from steatoscope.learning.training.features_cache import FeatureCache, cache_folder, key_of
from steatoscope.learning.training.twins_views import Vectors, body_poses, moved, posed, speckle_view, unit_vectors

Similarity = NDArray[np.float32]
FRAME_THRESHOLD: Final = 0.45
"""Of all pairs of ``aul`` mirrored against each other, which cannot be twins, none exceeds 0.43; pairs above 0.45 show
one subject by eye, of those from 0.40 to 0.45 about one in eight."""
SLICE_THRESHOLD: Final = 0.82
"""Of 683 pairs of ``chaos_t1_png`` above it, 16 join two of the subjects that the file order shows (slices of the
heart), above 0.86 none of 409; the lower one is taken because copies that are missed leak and pairs too many do not."""
_VERSION: Final = "2"


def frame_similarity(images: Sequence[NDArray[Any]], sectors: Sequence[Mask]) -> Similarity:
    """Correlation, (images, images), of the fine structure inside the scan sectors, over small shifts and zooms."""
    views = [speckle_view(image, sector) for image, sector in zip(images, sectors, strict=True)]
    return _best(unit_vectors(views), moved(views))


def slice_similarity(images: Sequence[NDArray[Any]]) -> Similarity:
    """Correlation, (images, images), of body slices brought to one pose, over small turns, scales and mirroring."""
    return _best(posed(list(images)), body_poses(list(images)))


def groups_of(similarity: Similarity, threshold: float) -> list[int]:
    """The connected groups of images more alike than ``threshold``, numbered by first appearance."""
    joined = csr_array(similarity > threshold)
    _, parts = connected_components(joined, directed=False)
    order: dict[int, int] = {}
    return [order.setdefault(int(part), len(order)) for part in parts]


def remembered(hashes: Iterable[str], step: str, compute: Callable[[], list[int]]) -> list[int]:
    """Groups of the images with these hashes, from the cache where they were computed before."""
    cache = FeatureCache(cache_folder() / "twins", f"{step} {_VERSION}")
    key = key_of(hashes)
    found = cache.get(key)
    if found is None:
        found = {"groups": np.asarray(compute(), dtype=np.int64)}
        cache.put(key, found)
    return [int(group) for group in found["groups"]]


def _best(base: Vectors, variants: Iterable[Vectors]) -> Similarity:
    best = np.full((len(base), len(base)), -1.0, np.float32)
    for vectors in variants:
        np.maximum(best, base @ vectors.T, out=best)
    return np.maximum(best, best.T)
