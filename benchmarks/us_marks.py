"""How surely marks burned in over the tissue of ultrasound are warned of, and how often where there are none.

Run with ``python benchmarks/us_marks.py DATA OUT`` (minutes on one core); DATA holds ``us/byra2018`` and ``us/aul``.
Words and callipers are painted into every second patient of Byra 2018 and every second simulated scan, those that the
limits were not tuned on; ``--tuned`` takes the other half. Untouched pictures of both, and 100 of ``aul``, tell the
share warned of without painting; what is warned of there is written to OUT as pictures, to be looked at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Clip
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.preprocess.us_clean import marks_mask
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector
from steatoscope.imaging.preprocess.us_words import BurnedMarks, burned_marks
from steatoscope.learning.evaluation.trust_explanation_cases import Case
from steatoscope.learning.inference.byra2018_data import read_byra2018
from steatoscope.science.uncertainty.reliability import share_interval

Grey = NDArray[np.uint8]
KINDS = ("long word", "short word", "upright callipers", "slanted callipers")
LONG = ("LIVER RT 12:34", "RT LOBE", "LIVER", "Dist 4.52 cm", "12.4 mm", "Segment VII")
SHORT = ("GB", "RK", "S7", "IVC")
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
SIZES, GREYS, TRIES = (0.35, 0.5, 0.8), (180, 220, 255), 6
SIMULATED, SAMPLE, SEED = 16, 100, 0


@dataclass(frozen=True, eq=False)
class Scan:
    """A patient, simulated scan or picture: grey frames (n, rows, columns) and its sector."""

    name: str
    frames: Grey
    sector: Sector


def real_scans(data: Path, half: int) -> Iterator[Scan]:
    """Every second patient of Byra 2018."""
    for patient in read_byra2018(data / "us" / "byra2018")[half::2]:
        yield from _scan(patient.name, patient.frames)


def simulated_scans(half: int) -> Iterator[Scan]:
    """Every second of 16 simulated scans, PDFF 2 to 35 %, of both kinds of probe."""
    for number, fat in list(enumerate(np.linspace(2.0, 35.0, SIMULATED)))[half::2]:
        probe = "sector" if number % 4 < 2 else "curvilinear"
        yield from _scan(f"simulated {number}", simulate_us(float(fat), number, probe=probe).clip.frames)


def other_scans(data: Path, half: int) -> Iterator[Scan]:
    """A seeded sample of 100 pictures of ``aul``; the other half is another 100."""
    paths = sorted((data / "us" / "aul" / "images").glob("*.jpg"))
    order = np.random.default_rng(SEED).permutation(len(paths))[half * SAMPLE : (half + 1) * SAMPLE]
    for path in (paths[place] for place in order):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if grey is not None:
            yield from _scan(path.stem, np.asarray(grey, dtype=np.uint8)[None])


def _scan(name: str, frames: Grey) -> Iterator[Scan]:
    sector = find_sector(Clip(frames))
    if sector is not None:
        yield Scan(name, frames, sector)


def draw(shape: tuple[int, ...], kind: str, size: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Ink (0-1) of a mark that fits a picture of this shape, cut to its box; smooth or hard edges by chance."""
    ink = np.zeros(shape, np.uint8)
    edge = cv2.LINE_AA if rng.integers(2) else cv2.LINE_8
    if "word" in kind:
        word = str(rng.choice(LONG if kind == "long word" else SHORT))
        cv2.putText(ink, word, (4, 40), FONTS[rng.integers(len(FONTS))], size, 255, 1, edge)
    else:
        arm, dx, dy = round(10 * size), int(rng.integers(40, 120)), int(rng.integers(0, 60))
        ends = ((arm, 0), (0, arm)) if kind == "upright callipers" else ((arm, arm), (arm, -arm))
        for x, y in ((20, 20), (20 + dx, 20 + dy)):
            for u, v in ends:
                cv2.line(ink, (x - u, y - v), (x + u, y + v), 255, 1, edge)
    rows, columns = np.nonzero(ink)
    return ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] / 255.0


def placed(ink: NDArray[np.float64], scan: Scan, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """The ink (rows, columns) somewhere wholly within the sector, or None where it does not fit."""
    rows, columns = ink.shape
    mask = np.pad(scan.sector.mask, 1).astype(np.uint8)
    free = cv2.erode(mask, np.ones((rows + 12, columns + 12), np.uint8), anchor=(6, 6))[1:-1, 1:-1]
    places = np.argwhere(free > 0)
    if not len(places):
        return None
    y, x = places[rng.integers(len(places))]
    whole = np.zeros(scan.sector.mask.shape)
    if y + rows > whole.shape[0] or x + columns > whole.shape[1]:
        return None
    whole[y : y + rows, x : x + columns] = ink
    return whole


def found_new(before: BurnedMarks, after: BurnedMarks, ink: NDArray[np.float64]) -> bool:
    """Whether ink of the painting, and not only what was there before, is told."""
    return bool((after.ink & ~before.ink & (ink > 0.3)).any())


def paintings(scans: list[Scan], frames: int) -> list[dict[str, Any]]:
    """One row per painted picture: kind, size, grey, whether told, and the share of its ink that was masked anyway."""
    rng, rows = np.random.default_rng(SEED), []
    for scan in scans:
        grey = scan.frames[:frames]
        before = burned_marks(grey, scan.sector)
        for number in range(TRIES * len(KINDS)):
            kind, size = KINDS[number % len(KINDS)], float(rng.choice(SIZES))
            level = int(rng.choice(GREYS))
            ink = placed(draw(scan.sector.mask.shape, kind, size, rng), scan, rng)
            if ink is None:
                continue
            painted = np.round(grey * (1.0 - ink) + level * ink).astype(np.uint8)
            masked = float(marks_mask(painted, scan.sector)[ink > 0.5].mean()) if (ink > 0.5).any() else 0.0
            told = found_new(before, burned_marks(painted, scan.sector), ink)
            rows.append({"case": scan.name, "kind": kind, "size": size, "grey": level, "told": told, "masked": masked})
    return rows


def explanation_words(scans: list[Scan]) -> dict[str, Any]:
    """Share told of the words that the explanation benchmark paints."""
    told = 0
    for scan in scans:
        frame = scan.frames[0]
        painted, ink = Case(scan.name, False, frame, frame, scan.sector, scan.sector.mask).with_text()
        told += found_new(burned_marks(frame[None], scan.sector), burned_marks(painted[None], scan.sector), ink * 1.0)
    return share(told, len(scans))


def share(hits: int, n: int) -> dict[str, Any]:
    """Share in percent with its exact 95 % binomial interval (Clopper and Pearson, 1934)."""
    interval = share_interval(hits, n)
    return {
        "n": n,
        "hits": hits,
        "percent": [round(100 * float(v), 1) for v in (hits / n, interval.low, interval.high)],
    }


def by(rows: list[dict[str, Any]], key: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Shares told by group."""
    groups: dict[str, list[bool]] = {}
    for row in rows:
        groups.setdefault(str(key(row)), []).append(row["told"])
    return {name: share(sum(told), len(told)) for name, told in sorted(groups.items())}


def tables(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares told by kind, size, grey, and whether the tissue mask leaves out less than half of the ink."""
    return {
        "kind": by(rows, lambda row: row["kind"]),
        "size": by(rows, lambda row: row["size"]),
        "grey": by(rows, lambda row: row["grey"]),
        "measured as tissue": by([row for row in rows if row["masked"] < 0.5], lambda row: row["kind"]),
    }


def untouched(scans: list[Scan], out: Path | None) -> dict[str, Any]:
    """Share of pictures warned of as they are, with their names; a picture of each with boxes goes to ``out``."""
    warned = []
    for scan in scans:
        marks = burned_marks(scan.frames, scan.sector)
        if not marks:
            continue
        warned.append(scan.name)
        if out is not None:
            shown = cv2.cvtColor(scan.frames[0], cv2.COLOR_GRAY2BGR)
            for x0, y0, x1, y1 in (*marks.words, *marks.crosses):
                cv2.rectangle(shown, (x0 - 4, y0 - 4), (x1 + 4, y1 + 4), (0, 200, 255), 1)
            cv2.imwrite(str(out / f"{scan.name}.png"), shown)
    return {**share(len(warned), len(scans)), "warned": warned}


def main() -> None:
    """Write ``us_marks.json`` and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tuned", action="store_true", help="the half that the limits were tuned on")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    half = 0 if given.tuned else 1
    real, simulated = list(real_scans(given.data, half)), list(simulated_scans(half))
    first = [Scan(scan.name, scan.frames[:1], scan.sector) for scan in real]
    document = {
        "real, one frame": tables(paintings(real, 1)),
        "real, eight frames": by(paintings(real, 8), lambda row: row["kind"]),
        "simulated": tables(paintings(simulated, 1)),
        "explanation words, real": explanation_words(real),
        "explanation words, simulated": explanation_words(simulated),
        "untouched byra2018, one frame": untouched(first, given.out),
        "untouched byra2018, all frames": untouched(real, given.out),
        "untouched simulated": untouched(simulated, given.out),
        "untouched aul": untouched(list(other_scans(given.data, half)), given.out),
    }
    text = json.dumps(document, indent=1)
    (given.out / "us_marks.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
