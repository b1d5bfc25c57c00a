"""What R2* says about iron in the liver."""

from __future__ import annotations

from typing import Final, Literal

IronClass = Literal["normal", "mild", "moderate", "severe"]
_CLASSES: Final[tuple[IronClass, ...]] = ("normal", "mild", "moderate", "severe")
_LIMITS_1T5: Final = (65.0, 224.0, 475.0)
_LIMITS_3T: Final = (119.0, 435.0, 952.0)
_REFUSE_1T5: Final = 400.0
_REFUSE_3T: Final = 700.0
_MIDDLE_T: Final = 2.2


def liver_iron_mg_g(r2star: float, field_t: float) -> float:
    """Liver iron in mg per g dry tissue from R2* (1/s): -0.16 + 0.02603 R2* at 1.5 T (Hernando, Radiology 2023).

    R2* at another field is first scaled to 1.5 T in proportion to the field.
    """
    return -0.16 + 0.02603 * r2star * 1.5 / field_t


def iron_class(r2star: float, field_t: float) -> IronClass:
    """Iron class by R2* (1/s): 65, 224, 475 at 1.5 T and 119, 435, 952 at 3 T are the upper limits (PMC8528353)."""
    limits = _LIMITS_1T5 if field_t < _MIDDLE_T else _LIMITS_3T
    return _CLASSES[sum(r2star > limit for limit in limits)]


def iron_code(r2star: float, field_t: float, first_echo_s: float) -> str | None:
    """``E_IRON`` where the fat fraction is unreliable, ``W_IRON`` where R2* is raised, else None.

    Refused above 400 1/s at 1.5 T, 700 at 3 T, or where T2* is shorter than the first echo time (consensus).
    """
    refuse = _REFUSE_1T5 if field_t < _MIDDLE_T else _REFUSE_3T
    if r2star > refuse or r2star * first_echo_s > 1.0:
        return "E_IRON"
    return None if iron_class(r2star, field_t) == "normal" else "W_IRON"
