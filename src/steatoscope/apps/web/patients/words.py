"""What verdicts, cautions and obstacles are called on pages."""

from __future__ import annotations

from typing import Final

from flask_babel import gettext, lazy_gettext

from steatoscope.pipeline.timeline import SAME_DAY
from steatoscope.science.clinical.change import FALLING, NO_TREND, RISING, UNCERTAIN

CAUTIONS: Final = {
    "modalities": lazy_gettext("The visits come from different modalities."),
    "scales": lazy_gettext(
        "The values lie on different scales: each has its own chart, and no change is computed across."
    ),
    "methods": lazy_gettext("The visits were measured by different methods: a change across them is not assessed."),
    "models": lazy_gettext("The models or their versions differ between visits: a change can come from the software."),
    "scanners": lazy_gettext("The visits come from different scanners: only larger changes count as real."),
    "protocols": lazy_gettext(
        "The acquisition differs between visits (such as tube voltage, kernel, field strength or echoes): a change can "
        "come from it."
    ),
    "scanner_unknown": lazy_gettext(
        "Not every scanner is known; they are taken to be the same. Another scanner or protocol can look like a change."
    ),
    "simulated": lazy_gettext("Some studies are simulated: they stand apart from real ones."),
    "uploaded": lazy_gettext(
        "Some images name no day of acquisition: they stand under the day of their upload, marked as uploaded."
    ),
    "same_day": lazy_gettext("Some visits are of the same day: between them there is a difference, but no trend."),
}
OBSTACLES: Final = {
    "patients": lazy_gettext("The studies belong to different subjects: no verdict on change is given."),
    "value": lazy_gettext("At least one of the studies has no fat value."),
    "simulated": lazy_gettext("One study is simulated and the other is not."),
    "scale": lazy_gettext("The values lie on different scales and are not subtracted."),
    "method": lazy_gettext("The values come from different methods or versions."),
}
HINDRANCES: Final = {
    "missing": lazy_gettext("only on one side"),
    "neither": lazy_gettext("on neither side"),
    "unit": lazy_gettext("different units"),
    "modality": lazy_gettext("different modalities"),
    "scale": lazy_gettext("different scales"),
    "method": lazy_gettext("different methods"),
}
VERDICTS: Final = {
    "no measurable change": lazy_gettext("no measurable change"),
    SAME_DAY: lazy_gettext("two measurements of one day"),
    "improved": lazy_gettext("improved"),
    "improved, >= 30 % relative decline": lazy_gettext("improved, relative decline of 30 percent or more"),
    "worsened": lazy_gettext("worsened"),
    UNCERTAIN: lazy_gettext("not certain: more than images of one session differ, less than the model's error"),
    "not assessable: the repeatability of this method is not known": lazy_gettext(
        "not assessable: the repeatability of this method is not known"
    ),
}
TRENDS: Final = {
    RISING: lazy_gettext("rising"),
    FALLING: lazy_gettext("falling"),
    NO_TREND: lazy_gettext("no measurable trend"),
}
TREND_CLASSES: Final = {RISING: "badge-refused", FALLING: "badge-ok"}
FACTS: Final = {
    "fat_percent": lazy_gettext("Fat"),
    "steatosis_probability": lazy_gettext("Probability of any steatosis"),
    "fatty_area_percent": lazy_gettext("Fatty share of the liver"),
    "liver_volume_ml": lazy_gettext("Liver volume"),
}
# what pipeline/modality_agreement.py says, named here so that translators see it
AGREEMENT: Final = (
    lazy_gettext("none: one scale"),
    lazy_gettext("none: both are proton density fat fractions, by imaging and by spectroscopy"),
    lazy_gettext("CT attenuation to PDFF by the equation named in each report"),
    lazy_gettext("histology counts liver cells that hold fat, the other counts protons; no conversion is exact"),
    lazy_gettext("a two-point Dixon fraction has no R2* and multi-peak correction and is no PDFF"),
    lazy_gettext("the ultrasound model answers on a scale of its own"),
)
CLASSES: Final = {"improved": "badge-ok", "worsened": "badge-refused"}


def verdict_words(verdict: str) -> str:
    """A verdict in the language of the page; the reason of one that cannot be given stays as the report says it."""
    return str(VERDICTS.get(verdict) or gettext(verdict))


def verdict_class(verdict: str) -> str:
    """The class of a verdict's badge."""
    return CLASSES.get(verdict.partition(",")[0], "")
