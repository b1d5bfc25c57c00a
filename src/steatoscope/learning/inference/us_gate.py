"""Is this an ultrasound picture of a liver at all? Distance of frozen network features from those of real ones.

The features are the two maps of the steatosis model's EfficientNet-lite0 on the common canvas, mean and spread over the
tissue. A picture's distance has two parts: how far it lies along the directions in which liver pictures differ
(Mahalanobis), and how much of it those directions do not explain. The larger of the two, each over the limit that
left-out pictures of livers of the reference set gave it, is the score: above 1 the picture is refused. Simulated livers
have a reference of their own, so that they pass and can be labelled.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.inference.session import open_model, session
from steatoscope.learning.inference.us_steatosis_deep import network_input
from steatoscope.learning.inference.us_steatosis_view import on_canvas
from steatoscope.learning.model_folder import ModelFolder

NAME, ARRAYS = "us-gate", "reference.npz"
NETWORK, GRAPH = "us-steatosis", "lite0.onnx"
REAL, SIMULATED = "real", "simulated"
PARTS = ("centre", "spread", "directions", "variances", "limits")
_LEAST_SHARE = 0.25

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GateReference:
    """Where liver pictures lie: ``centre`` and ``spread`` (n,), ``directions`` (k, n), ``variances`` (k,).

    ``within_limit`` and ``beyond_limit`` are the largest distances that are let pass.
    """

    centre: Values
    spread: Values
    directions: Values
    variances: Values
    within_limit: float = 1.0
    beyond_limit: float = 1.0

    def distances(self, embedding: Values) -> tuple[float, float]:
        """Distance along the reference's directions and beyond them, each 1 for a usual picture."""
        z = (embedding - self.centre) / self.spread
        along = self.directions @ z
        rest = z - self.directions.T @ along
        within = float(np.sqrt(np.mean(along**2 / self.variances)))
        return within, float(np.sqrt(np.mean(rest**2)))

    def score(self, embedding: Values) -> float:
        """The larger of the distances over their limits: above 1 the picture is foreign."""
        if not np.isfinite(embedding).all():
            return float("inf")
        within, beyond = self.distances(embedding)
        return max(within / self.within_limit, beyond / self.beyond_limit)

    def arrays(self) -> dict[str, Values]:
        """The parts as arrays of a file."""
        return {
            "centre": self.centre,
            "spread": self.spread,
            "directions": self.directions,
            "variances": self.variances,
            "limits": np.array([self.within_limit, self.beyond_limit]),
        }

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[np.generic]]) -> GateReference:
        """The parts from the arrays of a file."""
        centre, spread, directions, variances, limits = (np.asarray(arrays[name], dtype=np.float64) for name in PARTS)
        return cls(centre, spread, directions, variances, float(limits[0]), float(limits[1]))


@dataclass(frozen=True, slots=True)
class GateScore:
    """How foreign a picture is: ``score`` above 1 is refused. ``simulated``: it lies nearer to simulated livers."""

    score: float
    simulated: bool


@dataclass(frozen=True, eq=False)
class USGate:
    """The gate of a model folder: its references by name, and the network that gives the features."""

    folder: ModelFolder
    references: Mapping[str, GateReference]
    network: ModelFolder

    @property
    def training_sha256(self) -> frozenset[str]:
        """Hashes of the real pictures that the reference was made from."""
        return self.folder.training_sha256

    def score(self, frame: NDArray[np.uint8], sector: Sector, tissue: Mask) -> GateScore:
        """The score of one frame (rows, columns) with its tissue: that of the reference that it is nearer to."""
        return self.of_embedding(embedding(frame, sector, tissue, self.network))

    def of_embedding(self, found: Values) -> GateScore:
        """The score of features (864,)."""
        real, simulated = (self.references[name].score(found) for name in (REAL, SIMULATED))
        return GateScore(min(real, simulated), simulated < real)


def read_us_gate(folder: ModelFolder | None = None) -> USGate:
    """The shipped gate, or that of a folder. Raises WeightsError where a file was changed."""
    return _shipped() if folder is None else _read(folder)


@lru_cache(maxsize=1)
def _shipped() -> USGate:
    return _read(open_model(NAME))


def _read(folder: ModelFolder) -> USGate:
    with np.load(io.BytesIO(folder.file(ARRAYS)), allow_pickle=False) as arrays:
        references = {
            name: GateReference.read({part: arrays[f"{name}_{part}"] for part in PARTS}) for name in (REAL, SIMULATED)
        }
    return USGate(folder, references, open_model(NETWORK))


def packed(references: Mapping[str, GateReference]) -> bytes:
    """The references as the bytes of one file."""
    buffer = io.BytesIO()
    arrays = {
        f"{name}_{part}": values.astype(np.float32)
        for name, reference in references.items()
        for part, values in reference.arrays().items()
    }
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def embedding(frame: NDArray[np.uint8], sector: Sector, tissue: Mask, network: ModelFolder) -> Values:
    """Features (864,) of a frame (rows, columns): mean and spread of the network's two maps over the tissue."""
    canvas = on_canvas(frame[None], sector, tissue)
    shown = network_input(canvas.frames[0].astype(np.float64), canvas.tissue)
    found = session(network, GRAPH).run(grey=shown[None])
    return pooled_maps((found["middle"][0], found["deep"][0]), canvas.tissue)


def pooled_maps(maps: tuple[Floats, Floats], tissue: Mask) -> Values:
    """Mean and spread over tissue cells of maps (channels, rows, columns); NaN where no cell is tissue."""
    parts = []
    for one in maps:
        size = (one.shape[2], one.shape[1])
        inside = cv2.resize(tissue.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= _LEAST_SHARE
        values = one[:, inside].astype(np.float64)
        if values.shape[1] == 0:
            values = np.full((one.shape[0], 1), np.nan)
        parts += [values.mean(axis=1), values.std(axis=1)]
    return np.concatenate(parts)
