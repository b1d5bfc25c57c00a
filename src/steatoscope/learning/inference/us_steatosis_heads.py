"""Linear heads of the steatosis model: stacks of linear members on a view's readings.

Each member is linear in columns of the readings; standardisation and principal components, where the fit used them, are
folded into the weights. A stack is the plain mean of its members, nothing learned; one stack says whether there is
steatosis, another how much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Block = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Member:
    """One linear member: ``blocks`` name readings, or a pair whose difference is read; arrays are (features,)."""

    name: str
    blocks: tuple[Block, ...]
    means: Values
    weights: Values
    intercept: float

    def values(self, readings: Mapping[str, Values]) -> Values:
        """The member's columns (..., features) from readings (..., size); missing values become the training mean."""
        found = stacked(self.blocks, readings)
        return np.where(np.isfinite(found), found, self.means)

    def score(self, readings: Mapping[str, Values]) -> Values:
        """The member's score (...)."""
        return np.asarray((self.values(readings) - self.means) @ self.weights + self.intercept)

    def document(self) -> dict[str, Any]:
        """The member as JSON."""
        return {
            "name": self.name,
            "blocks": [list(block) for block in self.blocks],
            "means": self.means.round(7).tolist(),
            "weights": self.weights.round(9).tolist(),
            "intercept": round(self.intercept, 7),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Member:
        """The member from its JSON."""
        return cls(
            str(document["name"]),
            tuple(tuple(block) for block in document["blocks"]),
            np.asarray(document["means"], dtype=np.float64),
            np.asarray(document["weights"], dtype=np.float64),
            float(document["intercept"]),
        )


@dataclass(frozen=True, eq=False)
class Stack:
    """Members, and a line put through their mean: ``score = middle + stretch * (mean of members - middle)``."""

    members: tuple[Member, ...]
    middle: float = 0.0
    stretch: float = 1.0

    def score(self, readings: Mapping[str, Values]) -> Values:
        """The stack's score (...) from readings (..., size)."""
        mean = np.mean([member.score(readings) for member in self.members], axis=0)
        return np.asarray(self.middle + self.stretch * (mean - self.middle))

    def parts(self, readings: Mapping[str, Values]) -> dict[str, tuple[float, float]]:
        """By reading its value and what it adds to the score; vectors of a network count as one reading."""
        factor = self.stretch / len(self.members)
        found: dict[str, tuple[float, float]] = {}
        for member in self.members:
            gaps = (member.values(readings) - member.means) * member.weights * factor
            for block, cut in zip(member.blocks, spans(member.blocks), strict=True):
                share, name = float(gaps[cut].sum()), " - ".join(block)
                value = float(np.asarray(readings[block[0]])[0]) if size_of(block[0]) == 1 else share
                found[name] = (value, found.get(name, (0.0, 0.0))[1] + share)
        return found

    @property
    def base(self) -> float:
        """The score where every reading has its training mean; ``parts`` add up to the rest."""
        mean = float(np.mean([member.intercept for member in self.members]))
        return self.middle + self.stretch * (mean - self.middle)

    @property
    def readings(self) -> tuple[str, ...]:
        """The readings that enter the score, each once."""
        blocks = (block for member in self.members for block in member.blocks)
        return tuple(dict.fromkeys(reading for block in blocks for reading in block))

    @property
    def means(self) -> list[tuple[Block, Values]]:
        """Training means (size,) of the blocks, those of single readings first."""
        cuts = [(m, b, cut) for m in self.members for b, cut in zip(m.blocks, spans(m.blocks), strict=True)]
        return sorted(((block, member.means[cut]) for member, block, cut in cuts), key=lambda pair: len(pair[0]))

    def weights_of(self, reading: str) -> Values:
        """Weights (size,) with which a reading enters the score; zeros where it does not."""
        total = np.zeros(size_of(reading))
        for member in self.members:
            for block, cut in zip(member.blocks, spans(member.blocks), strict=True):
                if reading in block:
                    sign = 1.0 if block[0] == reading else -1.0
                    total += sign * member.weights[cut] * self.stretch / len(self.members)
        return total

    def document(self) -> dict[str, Any]:
        """The stack as JSON."""
        return {
            "members": [member.document() for member in self.members],
            "middle": round(self.middle, 7),
            "stretch": round(self.stretch, 7),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Stack:
        """The stack from its JSON."""
        members = tuple(Member.read(member) for member in document["members"])
        return cls(members, float(document["middle"]), float(document["stretch"]))


MAP_SIZES = {"middle": 112, "deep": 320}


def spans(blocks: Sequence[Block]) -> list[slice]:
    """The columns of every block of a member."""
    ends = np.cumsum([size_of(block[0]) for block in blocks])
    return [slice(int(end) - size_of(block[0]), int(end)) for block, end in zip(blocks, ends, strict=True)]


def size_of(reading: str) -> int:
    """Columns of a reading: the channels of a network's map, else 1."""
    return MAP_SIZES.get(reading.split("_", maxsplit=1)[0], 1)


def stacked(blocks: Sequence[Block], readings: Mapping[str, Values]) -> Values:
    """Columns (..., features) of blocks: a reading, or the first reading of a pair minus the second."""
    parts = []
    for block in blocks:
        first = np.asarray(readings[block[0]], dtype=np.float64)
        parts.append(first - readings[block[1]] if len(block) > 1 else first)
    return np.concatenate(parts, axis=-1)
