"""Which of several CT series to measure: unenhanced, soft kernel, thinnest complete; and why not the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steatoscope.core.image import CTFacts
from steatoscope.imaging.io.dicom_ct import ct_facts
from steatoscope.imaging.io.dicom_geometry import MIN_SLICES, Stack
from steatoscope.imaging.io.dicom_plane import Plane
from steatoscope.imaging.io.dicom_tags import text
from steatoscope.imaging.io.dicom_voxels import MIN_BITS, MIN_SIDE

ENTERAL = re.compile(r"\b(oral|rectal|po|enteric|enema)\b", re.IGNORECASE)
ENTERAL_WORDS = re.compile(r"(\bwith\s+|\bw/\s*)?\b(oral|rectal|enteric)\b(\s+contrast)?", re.IGNORECASE)
PLAIN = re.compile(
    r"(un-?enhanced|non-?\s?contrast|\bnon?-?con\b|without|\bw/?o\b|\bnativ\w*|\bohne\b|\bsans\b|\bplain\b"
    r"|\bpre-?\s?contrast|\bNC(CT)?\b)(\s+(iv\s+)?contrast|\s+KM)?",
    re.IGNORECASE,
)
ENHANCED = re.compile(
    r"contrast|\bw/|\bwith\b|\bKM\b|\bC\+|\+C\b|\bCE\b|portal|venous|arterial|\bart\b|\bven\b|delayed|late phase"
    r"|angio|\bCTA\b|omnipaque|ultravist|iopamiro|isovue|visipaque|iomeron|optiray|xenetix|\bpost\b|enhanced|nephro",
    re.IGNORECASE,
)
SHARP = re.compile(
    r"\b[BUHQ][a-z]?[5-9]\d[a-z]?\b|bone|lung|edge|sharp|\bFC(3|5|8)\d\b|\b(YB|YC|YD|YE|D|E|L)\b|detail", re.IGNORECASE
)
SECONDARY_KINDS = frozenset({"LOCALIZER", "SCOUT", "TOPOGRAM", "SCREEN SAVE", "DOSE_INFO", "DOSE", "REPORT"})
MADE_KINDS = frozenset({"MPR", "MIP", "MINIP", "PROJECTION IMAGE", "CSA MPR", "REFORMATTED", "VRT", "AVERAGE"})
NO_AGENT = frozenset({"NONE", "NO", "N"})
KVP_RANGE = (118.0, 122.0)
COMPLETE_SHARE = 0.8
AXIAL_COSINE = 0.8


@dataclass(frozen=True, slots=True)
class Rank:
    """How well a series can be measured (higher is better), and what speaks against it."""

    score: tuple[Any, ...]
    reasons: tuple[str, ...]


def rank_ct(stack: Stack, longest_mm: float) -> Rank:
    """Rank a CT stack beside others, the longest of which covers ``longest_mm``."""
    facts = ct_facts(stack.lead)
    marks = {
        "localizer or report": not is_secondary(stack.lead),
        "fewer than 12 bits": stack.lead.layout.bits_stored >= MIN_BITS and stack.lead.layout.samples == 1,
        "too small": min(stack.lead.layout.rows, stack.lead.layout.columns) >= MIN_SIDE,
        "derived": not is_derived(stack.lead),
        "not axial": is_axial(stack.lead),
        "contrast-enhanced": contrast_of(facts) is not True,
        "no word of being unenhanced": contrast_of(facts) is False,
        "not 120 kV": facts.kvp is None or KVP_RANGE[0] <= facts.kvp <= KVP_RANGE[1],
        "sharp kernel": not SHARP.search(facts.kernel or ""),
        "incomplete": is_complete(stack, longest_mm),
    }
    thickness = facts.slice_thickness_mm or stack.step_mm
    score = (*marks.values(), -round(thickness, 2), len(stack.planes), _order(stack.lead))
    return Rank(score, tuple(reason for reason, good in marks.items() if not good))


def _order(plane: Plane) -> tuple[int, ...]:
    """A last, stable word: the series UID, the smaller first."""
    return tuple(-ord(letter) for letter in plane.series)


def contrast_of(facts: CTFacts) -> bool | None:
    """Whether the header says intravenous contrast (True), none (False), or nothing clear (None).

    A named agent outweighs the text; a text that names both, as of a whole examination, decides nothing.
    """
    enteral = bool(ENTERAL.search(f"{facts.contrast_route or ''} {facts.contrast_agent or ''}"))
    agent = (facts.contrast_agent or "").strip().upper()
    if agent and agent not in NO_AGENT and not enteral:
        return True
    plain = bool(PLAIN.search(facts.series_text))
    enhanced = bool(ENHANCED.search(PLAIN.sub("", ENTERAL_WORDS.sub("", facts.series_text))))
    return None if plain == enhanced else enhanced


def is_secondary(plane: Plane) -> bool:
    """Whether the plane is a localizer, a dose page or a screen copy."""
    words = f"{text(plane.header, 'SeriesDescription') or ''}".upper()
    named = re.search(r"LOCALI[SZ]ER|SCOUT|TOPOGRAM|SURVIEW|DOSE (INFO|REPORT)", words)
    return bool(SECONDARY_KINDS.intersection(plane.image_type)) or named is not None


def is_derived(plane: Plane) -> bool:
    """Whether the plane was computed from other images."""
    made = bool(MADE_KINDS.intersection(plane.image_type))
    return made or (bool(plane.image_type) and plane.image_type[0] == "DERIVED")


def is_axial(plane: Plane) -> bool:
    """Whether slices run along the body, as far as the orientation is known."""
    return plane.normal is None or bool(abs(float(np.asarray(plane.normal)[2])) >= AXIAL_COSINE)


def is_complete(stack: Stack, longest_mm: float) -> bool:
    """Whether a stack has no gap and covers most of what the longest one covers."""
    return not stack.gappy and len(stack.planes) >= MIN_SLICES and stack.extent_mm >= COMPLETE_SHARE * longest_mm


def order_ct(stacks: Sequence[Stack]) -> list[tuple[Stack, Rank]]:
    """Stacks with their ranks, the best first."""
    axial = [s.extent_mm for s in stacks if is_axial(s.lead) and not is_secondary(s.lead)]
    ranked = [(stack, rank_ct(stack, max(axial, default=0.0))) for stack in stacks]
    return sorted(ranked, key=lambda pair: pair[1].score, reverse=True)
