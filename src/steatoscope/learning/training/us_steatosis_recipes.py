"""Which readings the steatosis model's heads use.

Detection (fat >= 5 %) rests on liver against cortex and on the depth profile, severity on the levelled depth profile,
the beams through free parenchyma, and deep network features. Penalties were fixed beforehand; the members of the
severity stack and its stretch were chosen by looking at nested figures of ``VARIANTS``, which the benchmark prints,
with a choice made inside the loop beside them.
"""

from __future__ import annotations

from dataclasses import replace
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

BRIGHTNESS = VIEW + LIVER + KIDNEY
STRETCH = 2.5


def _levelled(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    return tuple(block for block in blocks if block[0].startswith("level"))


_NETWORK_CONTRAST = MemberSpec("liver against cortex, network", (CONTRAST,), 5, 1.0)
_FREE = MemberSpec("free parenchyma", FREE, None, 10.0)
_DEEP = (
    MemberSpec("liver, deep network, components", (("deep_liver",),), 15, 0.3),
    MemberSpec("liver, deep network, ridge", (("deep_liver",),), None, 300.0),
)

RECIPES = {
    WITH_KIDNEY: Recipe(
        detection=(
            MemberSpec("brightness", BRIGHTNESS, None, 100.0),
            _NETWORK_CONTRAST,
            MemberSpec("liver against cortex, grey", (("plain_difference",),), None, 1.0),
        ),
        severity=(MemberSpec("levelled brightness", _levelled(BRIGHTNESS), None, 30.0), _FREE, *_DEEP),
        stretch=STRETCH,
    ),
    WITHOUT_KIDNEY: Recipe(
        detection=(
            MemberSpec("brightness", VIEW + LIVER, None, 100.0),
            MemberSpec("free parenchyma", FREE, None, 30.0),
            MemberSpec("liver, network", (("middle_liver",),), 5, 1.0),
        ),
        severity=(MemberSpec("levelled brightness", _levelled(VIEW + LIVER), None, 30.0), _FREE, *_DEEP),
        stretch=STRETCH,
    ),
}


def _variants() -> dict[str, Recipe]:
    best = RECIPES[WITH_KIDNEY]
    plain = MemberSpec("brightness", BRIGHTNESS, None, 30.0)
    contrast = replace(_NETWORK_CONTRAST, penalty=0.3)
    levelled, free, deep, ridge = best.severity
    return {
        "first stack": replace(best, severity=(plain, contrast, deep), stretch=1.0),
        "with free parenchyma": replace(best, severity=(plain, free, contrast, deep), stretch=1.0),
        "stretch 0": replace(best, stretch=0.0),
        "stretch 1": replace(best, stretch=1.0),
        "plain and levelled brightness": replace(best, severity=(plain, free, deep, ridge)),
        "network contrast in severity": replace(best, severity=(levelled, free, contrast, deep, ridge)),
        "levelled free parenchyma": replace(
            best, severity=(levelled, replace(free, blocks=_levelled(FREE)), deep, ridge)
        ),
        "severity from patients with steatosis": replace(best, positives_only=True),
        "brightness only": replace(best, detection=best.detection[:1], severity=(levelled, free)),
        "network only": replace(best, detection=best.detection[1:2], severity=(deep, ridge)),
        "grey difference detects alone": replace(best, detection=best.detection[2:]),
    }


VARIANTS = _variants()
CHOICES = ("first stack", "with free parenchyma", "stretch 1", "plain and levelled brightness")
