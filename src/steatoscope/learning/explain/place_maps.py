"""Maps of any ONNX network in the unit of its answer: its last maps, each place moved from a reference to what it is.

The graph is cut at the last maps that everything passes through. What a place adds is its share of the path from the
reference's maps to the picture's (Aumann and Shapley 1974; Sundararajan, ICML 2017, for networks): the shares add up to
the answer less the reference's. Behind a global mean and a linear head this is the class activation map (Zhou, CVPR
2016); it needs no gradient, so that any head will do. A place sees its neighbourhood, so that the map is coarse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.learning.explain.onnx_graph import Graph
from steatoscope.learning.inference.session import OnnxSession, session_of_bytes

Values = NDArray[np.float64]
Feeds = Mapping[str, Floats]
Answer = Callable[[Mapping[str, NDArray[Any]]], Values]
"""From a graph's outputs to one number for each row, or a single one for all rows."""

STEPS: Final = 8
_MOST_FLOATS: Final = 8_000_000
_LATE: Final = 40


@dataclass(frozen=True, eq=False)
class SplitGraph:
    """A graph in two: ``front`` answers the last maps, ``head`` goes on from them; ``cuts`` are the maps' names."""

    front: OnnxSession
    head: OnnxSession
    cuts: tuple[str, ...]

    def maps(self, feeds: Feeds) -> dict[str, Floats]:
        """The last maps (rows, channels, rows of the map, columns) by name."""
        return self.front.run(**{name: feeds[name] for name in self.front.input_names})

    def answer(self, maps: Feeds, feeds: Feeds) -> dict[str, NDArray[Any]]:
        """The outputs for given maps; ``feeds`` are the inputs that the head still takes."""
        return self.head.run(**maps, **{name: feeds[name] for name in self.head.input_names if name not in self.cuts})


@dataclass(frozen=True, eq=False)
class PlaceMaps:
    """By name of the maps what each place adds (rows, rows of the map, columns), and the reference's own answer.

    ``remainder`` is what the shares lack of the whole change: the error of the path's steps.
    """

    effects: Mapping[str, Values]
    start: Values
    remainder: Values


def split_graph(model: bytes, outputs: Sequence[str], example: Feeds) -> SplitGraph:
    """Cut a model's bytes at the last maps before its ``outputs``; ``example`` inputs tell which values are maps.

    Raises ValueError where an input has no maps that all of it passes through.
    """
    graph = Graph.read(model)
    pictures = [name for name, value in example.items() if np.ndim(value) >= 4]
    gates = {name: [gate for gate in graph.gates(name, outputs) if gate not in outputs] for name in pictures}
    every = tuple(dict.fromkeys(gate for found in gates.values() for gate in found[-_LATE:]))
    taps = graph.tapped(every)
    shapes = {
        gate: value.shape for gate, value in _session(taps).run(**{name: example[name] for name in taps.inputs}).items()
    }
    last = [_last_maps(name, gates[name][-_LATE:], shapes) for name in pictures]
    cuts = tuple(dict.fromkeys(last))
    return SplitGraph(_session(graph.tapped(cuts)), _session(graph.cut(cuts, outputs)), cuts)


def place_maps(
    split: SplitGraph, feeds: Feeds, reference: Feeds, answer: Answer, *, steps: int = STEPS, together: bool = False
) -> PlaceMaps:
    """What each place adds to the answer for ``feeds`` over that for ``reference`` (the same shapes).

    Rows are answered one by one, or ``together`` (views of one patient). The change of a place is taken about the
    middle of each of ``steps`` stretches of the path.
    """
    own, start = split.maps(feeds), split.maps(reference)
    walk = _Walk(split, own, start, feeds, answer, together)
    first, last = (answer(split.answer(maps, feeds)) for maps in (start, own))
    effects = {name: np.zeros((len(maps), *maps.shape[2:])) for name, maps in own.items()}
    for middle in (np.arange(steps) + 0.5) / steps:
        for name, found in effects.items():
            found += walk.changes(name, float(middle), 0.5 / steps)
    added = [found.sum() if together else found.sum(axis=(1, 2)) for found in effects.values()]
    return PlaceMaps(effects, first, np.asarray(last - first - np.sum(added, axis=0)))


@dataclass(frozen=True, eq=False)
class _Walk:
    """The straight way from the reference's maps to the picture's."""

    split: SplitGraph
    own: Feeds
    start: Feeds
    feeds: Feeds
    answer: Answer
    together: bool

    def changes(self, name: str, share: float, reach: float) -> Values:
        """What the answer changes where one place of the maps ``name`` goes from ``share - reach`` to ``+ reach``."""
        here = {key: self.start[key] + np.float32(share) * (own - self.start[key]) for key, own in self.own.items()}
        rows, _, height, width = here[name].shape
        places = np.arange(height * width)
        if self.together:
            found = [self._pair(name, here, [place], [row], reach) for row in range(rows) for place in places]
            return np.asarray(found, dtype=np.float64).reshape(rows, height, width)
        batch = max(1, _MOST_FLOATS // max(sum(maps.size for maps in here.values()), 1))
        cuts = [places[k : k + batch] for k in range(0, places.size, batch)]
        found = [self._pair(name, here, list(cut), list(range(rows)), reach).reshape(len(cut), rows) for cut in cuts]
        return np.concatenate(found).T.reshape(rows, height, width)

    def _pair(self, name: str, here: Feeds, places: Sequence[int], rows: Sequence[int], reach: float) -> Values:
        up, down = (self._moved(name, here, places, rows, sign * reach) for sign in (1.0, -1.0))
        return up - down

    def _moved(self, name: str, here: Feeds, places: Sequence[int], rows: Sequence[int], step: float) -> Values:
        """The answers with one place of the rows moved, for each of ``places`` in turn."""
        count = len(places)
        maps = {key: np.tile(value, (count, 1, 1, 1)) for key, value in here.items()}
        gap = self.own[name] - self.start[name]
        for turn, place in enumerate(places):
            y, x = divmod(int(place), gap.shape[3])
            for row in rows:
                maps[name][turn * len(gap) + row, :, y, x] += np.float32(step) * gap[row, :, y, x]
        feeds = self.feeds if self.together else {k: np.tile(v, (count, *[1] * (v.ndim - 1))) for k, v in self._left()}
        return self.answer(self.split.answer(maps, feeds))

    def _left(self) -> list[tuple[str, Floats]]:
        """The inputs that the head still takes."""
        return [(key, value) for key, value in self.feeds.items() if key in self.split.head.input_names]


def _last_maps(name: str, gates: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> str:
    found = [gate for gate in gates if len(shapes[gate]) == 4 and min(shapes[gate][2:]) > 1]
    if not found:
        raise ValueError(f"the input {name!r} has no maps that all of it passes through")
    return found[-1]


def _session(graph: Graph) -> OnnxSession:
    return session_of_bytes(graph.document())
