"""Fits the gate for ultrasound pictures: where pictures of livers lie among frozen network features.

Reference: ``byra2018`` (two frames of every patient) and the look-alike groups of ``aul`` that a hash of their name
does not hold out, so that the held-out part can show the rate of false refusals. Simulated livers have a reference of
their own: they are labelled, not refused. Limits come from left-out groups; no foreign picture enters the fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.catalogue import open_model
from steatoscope.learning.inference.us_gate import (
    ARRAYS,
    GRAPH,
    NAME,
    NETWORK,
    REAL,
    SIMULATED,
    Values,
    embedding,
    packed,
)
from steatoscope.learning.training.features_cache import FeatureCache, cache_folder
from steatoscope.learning.training.pack import write_model
from steatoscope.learning.training.sets import Sample
from steatoscope.learning.training.sets_aul import load_aul
from steatoscope.learning.training.sets_byra2018 import load_byra2018
from steatoscope.learning.training.us_gate_card import gate_card
from steatoscope.learning.training.us_gate_fit import fitted

VERSION: Final = "1.0.0"
DIRECTIONS: Final = {REAL: 32, SIMULATED: 12}
FRAMES: Final = (2, 7)
HELD_OUT_TENTHS: Final = 3
SIMULATIONS: Final = 96
FAT_PERCENT: Final = (0.0, 3.0, 6.0, 10.0, 15.0, 20.0, 30.0, 40.0)


@dataclass(frozen=True, eq=False)
class Reference:
    """Embeddings (n, features) with the group of each row and the rows of the training manifest."""

    embeddings: Values
    groups: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]


def train_us_gate(data: Path, out: Path, *, seed: int, steps: int | None, resume: bool) -> Mapping[str, Any]:
    """Fit the gate on ``data`` (the folder of all sets) and pack it in ``out/model``; returns its figures.

    ``steps`` and ``resume`` have no use here: the fit has a closed form. Raises what the readers of the sets raise.
    """
    del steps, resume
    real, simulated = real_reference(data), simulated_reference(seed)
    references, figures = {}, {}
    for name, found in ((REAL, real), (SIMULATED, simulated)):
        references[name], figures[name] = fitted(found.embeddings, found.groups, DIRECTIONS[name], seed)
    target = out / "model"
    target.mkdir(parents=True, exist_ok=True)
    (target / ARRAYS).write_bytes(packed(references))
    folder = write_model(
        target,
        name=NAME,
        version=VERSION,
        modality="US",
        task="admission",
        files={ARRAYS: target / ARRAYS},
        settings={"features": f"{NETWORK}/{GRAPH}", "directions": dict(DIRECTIONS)},
        card=gate_card(figures, len(real.rows), len(set(real.groups)), len(simulated.groups)),
        training={"recipe": NAME, "seed": seed, "data": list(real.rows), "split": SPLIT, "metrics": figures},
    )
    return {"model": str(folder.folder), "figures": figures}


SPLIT: Final = "by patient (byra2018) and look-alike group (aul); three tenths of the groups of aul are held out"


def held_out(group: str) -> bool:
    """Whether a look-alike group is kept for testing: three tenths, by the hash of its name."""
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % 10 < HELD_OUT_TENTHS


def real_reference(data: Path) -> Reference:
    """The reference of real livers from ``us/byra2018`` and ``us/aul``."""
    byra = [sample for sample in load_byra2018(data / "us" / "byra2018").samples if _frame(sample) in FRAMES]
    aul = [sample for sample in load_aul(data / "us" / "aul").samples if not held_out(str(sample.group))]
    chosen = [*((f"byra2018/{one.subject}", one) for one in byra), *((f"aul/{one.group}", one) for one in aul)]
    cache = FeatureCache(cache_folder() / "us-gate", f"{open_model(NETWORK).sha256} 1")
    found = cache.compute([one.sha256 for _, one in chosen], partial(_embedded, [one for _, one in chosen]))
    kept = [k for k, arrays in enumerate(found) if arrays["embedding"].size]
    return Reference(
        np.stack([found[k]["embedding"] for k in kept]),
        tuple(chosen[k][0] for k in kept),
        tuple({"path": chosen[k][1].path.name, "sha256": chosen[k][1].sha256, "subject": chosen[k][0]} for k in kept),
    )


def _frame(sample: Sample) -> int:
    """The number of a frame among its patient's, from 0, by the file's name."""
    return int(sample.path.stem.rsplit("_", 1)[1]) - 1


def _embedded(samples: Sequence[Sample], missing: Sequence[int]) -> list[dict[str, NDArray[Any]]]:
    return [{"embedding": _embedding(np.asarray(samples[k].image(), dtype=np.uint8))} for k in missing]


def _embedding(picture: NDArray[np.uint8]) -> Values:
    """The features of a picture by the steps of the analysis; empty where it shows no sector."""
    clip = Clip(picture[None])
    sector = find_sector(clip)
    if sector is None:
        return np.zeros(0)
    return embedding(picture, sector, tissue_mask(clip.frames, sector), open_model(NETWORK))


def simulated_reference(seed: int) -> Reference:
    """The reference of simulated livers, both views and probes, 0 to 40 % fat; every one is its own group."""
    rows = []
    for k in range(SIMULATIONS):
        view: Literal["HR", "AR"] = "HR" if k % 2 else "AR"
        probe: Literal["curvilinear", "sector"] = "curvilinear" if k % 3 else "sector"
        phantom = simulate_us(FAT_PERCENT[k % len(FAT_PERCENT)], 50_000 + 1000 * seed + k, view=view, probe=probe)
        rows.append(_embedding(phantom.clip.frames[0]))
    kept = [row for row in rows if row.size]
    if len(kept) < SIMULATIONS // 2:
        raise SteatoscopeError("E_SUBJECTS", cause="Too few simulated pictures show a sector.")
    return Reference(np.stack(kept), tuple(f"simulated/{k}" for k in range(len(kept))), ())
