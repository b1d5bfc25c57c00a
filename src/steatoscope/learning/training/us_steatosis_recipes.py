"""Which readings the steatosis model's heads use, fixed before any fit from the physics and a published exploration.

Detection (fat >= 5 %) rests on liver against cortex and on the depth profile, severity on the depth profile, the beams
through free parenchyma, and deep network features; penalties follow the same exploration and are not tuned here.
"""

from __future__ import annotations

from itertools import pairwise

from steatoscope.learning.inference.us_steatosis import WITH_KIDNEY, WITHOUT_KIDNEY
from steatoscope.learning.inference.us_steatosis_features import BANDS
from steatoscope.learning.inference.us_steatosis_heads import Block
from steatoscope.learning.training.us_steatosis_fit import MemberSpec, Recipe

KINDS = ("plain", "level")
SPANS = tuple(f"{round(100 * a):02d}_{round(100 * b):02d}" for a, b in pairwise(BANDS))


def _named(*words: str) -> tuple[Block, ...]:
    return tuple((f"{kind}_{word}",) for kind in KINDS for word in words)


VIEW = (
    *_named(*(f"band_{span}" for span in SPANS), "contrast_low", "contrast_high", "contrast_spread"),
    ("plain_slope_near",),
    ("plain_slope_far",),
    ("plain_slope_all",),
    ("level_bend",),
)
LIVER = _named(*(f"beam_{span}" for span in SPANS), "liver", "liver_ring", "far_liver", "far_high", "liver_spread")
FREE = (*_named(*(f"free_{span}" for span in SPANS), "free_far_liver"), ("plain_slope_free",))
KIDNEY = _named("difference", "difference_sd", "kidney", "kidney_ring", "sinus_kidney", "sinus_liver", "darkest_liver")
CONTRAST: Block = ("middle_liver", "middle_kidney")

RECIPES = {
    WITH_KIDNEY: Recipe(
        detection=(
            MemberSpec("brightness", VIEW + LIVER + KIDNEY, None, 100.0),
            MemberSpec("liver against cortex, network", (CONTRAST,), 5, 1.0),
            MemberSpec("liver against cortex, grey", (("plain_difference",),), None, 1.0),
        ),
        severity=(
            MemberSpec("brightness", VIEW + LIVER + KIDNEY, None, 30.0),
            MemberSpec("free parenchyma", FREE, None, 10.0),
            MemberSpec("liver against cortex, network", (CONTRAST,), 5, 0.3),
            MemberSpec("liver, deep network", (("deep_liver",),), 15, 0.3),
        ),
    ),
    WITHOUT_KIDNEY: Recipe(
        detection=(
            MemberSpec("brightness", VIEW + LIVER, None, 100.0),
            MemberSpec("free parenchyma", FREE, None, 30.0),
            MemberSpec("liver, network", (("middle_liver",),), 5, 1.0),
        ),
        severity=(
            MemberSpec("brightness", VIEW + LIVER, None, 30.0),
            MemberSpec("free parenchyma", FREE, None, 10.0),
            MemberSpec("liver, network", (("middle_liver",),), 5, 0.3),
            MemberSpec("liver, deep network", (("deep_liver",),), 15, 0.3),
        ),
    ),
}
