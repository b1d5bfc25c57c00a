"""Two outlines of one liver: how far they agree, and what to say where they do not."""

from __future__ import annotations

from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.image import Mask

AGREED_DICE = 0.7


def overlap(one: Mask | None, other: Mask | None) -> float | None:
    """Dice of two masks of one shape; None where one of them is missing."""
    from steatoscope.science.metrics.overlap import dice

    return None if one is None or other is None else float(dice(one, other))


def rejected(said: str) -> QualityCode:
    """``W_MASK`` where an outline was found and not measured, and why."""
    return QualityCode("W_MASK", f"No liver outline was accepted. {said}")


def unconfirmed(confidence: float, classical: str) -> QualityCode:
    """The remark on a network's outline that stands alone."""
    return rejected(f"The network outlined something (confidence {confidence:.0%}) that {classical} does not confirm.")


def disagreement(agreed: float | None, classical: str) -> tuple[QualityCode, ...]:
    """``W_MASK`` where the classical outline lies elsewhere, or is missing; none where both agree."""
    if agreed is None:
        return (warning("W_MASK", f"Only the network found the liver; {classical} found none."),)
    if agreed < AGREED_DICE:
        return (warning("W_MASK", f"The network and {classical} disagree (Dice {agreed:.2f})."),)
    return ()
