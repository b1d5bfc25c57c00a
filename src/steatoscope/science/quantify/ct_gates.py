"""Whether a CT may be converted to a fat fraction: contrast phase first, then tube voltage.

Pure decisions on acquisition facts and organ attenuations. Iodine raises the liver by 36 to 47 HU (Pickhardt, 2024), so
an unenhanced equation on an enhanced scan errs by 20 to 27 points of fat towards "healthy".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import CTFacts
from steatoscope.core.report import CategoryPart
from steatoscope.science.quantify.ct_header import HeaderPhase, phase_from_header, portal_venous_text

Phase = Literal["unenhanced", "arterial", "portal_venous", "enhanced"]
Vote = Literal["enhanced", "unenhanced"]

UNENHANCED_AT_MOST_HU: Final = {"aorta": 60.0, "spleen": 65.0, "kidney": 60.0}
ENHANCED_ABOVE_HU: Final = {"aorta": 100.0, "spleen": 85.0, "kidney": 85.0, "portal": 90.0}
ARTERIAL_AORTA_HU: Final = 200.0
PORTAL_VENOUS_HU: Final = 100.0
ENHANCED_LIVER_HU: Final = 90.0
LONE_ORGAN_MARGIN_HU: Final = 5.0
KVP_LIMITS: Final = (118.0, 122.0)
LIKELY_BELOW_HU: Final = 80.0
UNLIKELY_FROM_HU: Final = 90.0


@dataclass(frozen=True, slots=True)
class OrganHU:
    """Median attenuation of organs in view, in HU; None where an organ is not in view or was not found."""

    aorta: float | None = None
    spleen: float | None = None
    kidney: float | None = None
    portal: float | None = None
    liver: float | None = None


@dataclass(frozen=True, eq=False)
class GateResult:
    """Outcome of the gates: a refusal or none, the phase as far as known, remarks, and whether the kVp was stated."""

    refusal: SteatoscopeError | None
    phase: Phase | None
    notes: tuple[QualityCode, ...]
    kvp_known: bool


def phase_from_organs(organs: OrganHU) -> Phase | None:
    """Contrast phase by organ attenuation; None where the organs in view do not decide.

    Unenhanced: every organ in view is low (aorta <= 60, spleen <= 65, kidney <= 60 HU); a spleen or kidney alone needs
    a margin of 5 HU. An aorta above 200 HU is arterial; an aorta of 100-200 with a portal vein of at least 100 HU is
    portal venous. Values between the limits, as noise gives them, do not vote. A dense spleen between low vessels and
    kidneys is iron, not iodine; a dense liver counts as enhanced only where no other organ votes; a dark portal vein
    says nothing, as it is dark in the arterial phase too.
    """
    if organs.aorta is not None and organs.aorta > ARTERIAL_AORTA_HU:
        return "arterial"
    votes = _votes(organs)
    enhanced = [organ for organ, vote in votes.items() if vote == "enhanced"]
    low = [organ for organ, vote in votes.items() if vote == "unenhanced"]
    if enhanced and not _contradicted(enhanced, low):
        return _enhanced_phase(organs)
    if low and (not enhanced or enhanced == ["spleen"]):
        return "unenhanced" if _enough(organs, low) else None
    if not votes and organs.liver is not None and organs.liver > ENHANCED_LIVER_HU:
        return "enhanced"
    return None


def _votes(organs: OrganHU) -> dict[str, Vote]:
    votes: dict[str, Vote] = {}
    for organ, limit in ENHANCED_ABOVE_HU.items():
        value: float | None = getattr(organs, organ)
        if value is None or not math.isfinite(value):
            continue
        if value > limit:
            votes[organ] = "enhanced"
        elif value <= UNENHANCED_AT_MOST_HU.get(organ, -math.inf):
            votes[organ] = "unenhanced"
    return votes


def _contradicted(enhanced: list[str], low: list[str]) -> bool:
    return len(enhanced) <= len(low)


def _enough(organs: OrganHU, low: list[str]) -> bool:
    """Whether the low organs suffice, and no organ in view lies between the limits without a low aorta."""
    spleen_counts = "aorta" not in low  # a dense spleen beside a low aorta holds iron
    in_view = [
        organ
        for organ in UNENHANCED_AT_MOST_HU
        if getattr(organs, organ) is not None and (organ != "spleen" or spleen_counts or "spleen" in low)
    ]
    undecided = len(in_view) - len(low)
    if "aorta" in low or len(low) >= 2:
        return undecided == 0 or len(low) > undecided
    lone = low[0]
    return undecided == 0 and getattr(organs, lone) <= UNENHANCED_AT_MOST_HU[lone] - LONE_ORGAN_MARGIN_HU


def _enhanced_phase(organs: OrganHU) -> Phase:
    venous = organs.aorta is not None and organs.aorta >= PORTAL_VENOUS_HU
    if venous and organs.portal is not None and organs.portal >= PORTAL_VENOUS_HU:
        return "portal_venous"
    return "enhanced"


def decide_phase(header: HeaderPhase | None, organs: Phase | None) -> Phase | None:
    """The phase that counts: the header's intravenous contrast always, else the organs, else the header.

    Organs overrule a header that says unenhanced, never one that says intravenous contrast.
    """
    if header == "enhanced":
        return organs if organs not in (None, "unenhanced") else "enhanced"
    return organs if organs is not None else header


def kvp_gate(kvp: float | None) -> Literal["ok", "unknown", "refused"]:
    """Whether the tube voltage in kV allows conversion: 118 to 122, or unstated (converted as 120, with a warning)."""
    if kvp is None or not math.isfinite(kvp) or kvp <= 0.0:
        return "unknown"
    return "ok" if KVP_LIMITS[0] <= kvp <= KVP_LIMITS[1] else "refused"


def check_gates(facts: CTFacts, organs: OrganHU) -> GateResult:
    """All gates in order: phase (``E_CONTRAST``, ``E_PHASE``), then tube voltage (``E_KVP``, ``W_KVP``)."""
    header = phase_from_header(facts)
    phase = decide_phase(header, phase_from_organs(organs))
    if phase == "enhanced" and portal_venous_text(facts):
        phase = "portal_venous"
    voltage = kvp_gate(facts.kvp)
    notes = (warning("W_KVP"),) if voltage == "unknown" and phase == "unenhanced" else ()
    return GateResult(_refusal(phase, header, organs, facts.kvp, voltage), phase, notes, voltage != "unknown")


def _refusal(
    phase: Phase | None, header: HeaderPhase | None, organs: OrganHU, kvp: float | None, voltage: str
) -> SteatoscopeError | None:
    if phase is None:
        return SteatoscopeError("E_PHASE", cause=f"Neither the header nor the organs decide ({_words(organs)}).")
    if phase != "unenhanced":
        source = "The header names intravenous contrast" if header == "enhanced" else "The organs in view are enhanced"
        return SteatoscopeError(
            "E_CONTRAST",
            cause=f"{source}; organs, as the contrast check reads them with edges and vessels: "
            f"{_words(organs)}. The unenhanced equation would hide fat.",
        )
    if voltage == "refused":
        return SteatoscopeError("E_KVP", cause=f"The series was taken at {kvp:g} kV; the conversion holds for 120 kV.")
    return None


def _words(organs: OrganHU) -> str:
    names = ("aorta", "portal", "spleen", "kidney", "liver")
    known = [f"{name} {value:.0f} HU" for name in names if (value := getattr(organs, name)) is not None]
    return ", ".join(known) or "no organ in view"


def category(liver_hu: float | None, phase: Phase | None) -> CategoryPart:
    """What may still be said of a refused CT: moderate or more steatosis likely, unlikely, or indeterminate.

    The published limits hold for the portal-venous phase (n = 1676, Pickhardt, 2024): liver < 80 HU (sensitivity
    85.6 %, specificity 89.6 %) and < 90 HU (94.9 and 74.7 %) against < 40 HU unenhanced. All else is indeterminate.
    """
    if phase != "portal_venous" or liver_hu is None:
        words = "no liver attenuation" if liver_hu is None else f"phase {phase or 'unknown'}"
        return CategoryPart(label="indeterminate", rule=f"published limits are portal-venous; {words}")
    if liver_hu < LIKELY_BELOW_HU:
        return CategoryPart(label="likely_moderate_or_more", rule="portal-venous liver < 80 HU (Pickhardt 2024)")
    if liver_hu >= UNLIKELY_FROM_HU:
        return CategoryPart(label="unlikely", rule="portal-venous liver >= 90 HU (Pickhardt 2024)")
    return CategoryPart(label="indeterminate", rule="portal-venous liver 80 to 90 HU (Pickhardt 2024)")
