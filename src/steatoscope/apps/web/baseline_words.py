"""Words of healthy references and of follow-up that pages translate: quantities, readings, cautions and verdicts."""

from __future__ import annotations

from typing import Final

from steatoscope.pipeline.baseline_doubt import POOR_PLACES
from steatoscope.pipeline.baselines import TWO_MEASURES
from steatoscope.pipeline.follow_up import FACTS, WORDS
from steatoscope.pipeline.us_kidney import ODD_PLACES
from steatoscope.science.clinical.change import FALLING, NO_TREND, RISING, UNCERTAIN
from steatoscope.service.report.baseline_strips import LABELS

BASELINE_TEXTS: Final = (
    *LABELS.values(),
    *(text for text in WORDS.values() if "{" not in text),
    *FACTS.values(),
    RISING, FALLING, NO_TREND, UNCERTAIN,
    TWO_MEASURES, POOR_PLACES, ODD_PLACES,
    "Each quantity on its own scale", "Quantity", "Standing", "End of the healthy range", "Reading", "Trend", "Caution",
    "Basis of the repeatability", "Called a change only above",
    "It is no healthy reference.", "It is no reference of healthy people only.",
    "The percentile rises with fat; z is of the attenuation in HU and falls with fat.",
    "There is no reference population on the scale of this fat value.",
    "The reference is not split by age or sex.", "Above every published limit.",
    "Height and weight are not known, so that no expected volume can be given.",
    "Robust z: median and scaled median deviation of the biopsy-normal patients.",
    "The patient's age is not known.", "The patient's sex is not known.", "The patient's age and sex are not known.",
    "The patient's sex is not known; the reference of both sexes was used.",
    "The patient's age and sex are not known; the reference of both sexes was used.",
    "not comparable: simulated and real images are never compared",
    "not comparable: the content of the earlier report does not match its digest",
    "not comparable: every report given as earlier is of a later day than this study",
)  # fmt: skip
BASELINE_PATTERNS: Final = (
    "The acquisition differs between visits: {facts}.",
    "Compared with {n_people} {group} of the site's own reference.",
    "Caution: the median of this reference, {n_median} %, lies above the published healthy limit of {n_limit} %.",
    "Caution: the median of this reference, {n_median} HU, lies below the published healthy limit of {n_limit} HU.",
    "Caution: the 95th percentile of this reference, {n_end} %, lies far above the published healthy limit of "
    "{n_limit} %.",
    "It is {place} the published healthy limit of {n_limit} %.",
    "unreliable: {reason}; it is not compared.",
    "{feature} (places doubtful)",
    "{method}; more than the model's validation error of {n_error} points",
    "The patient's sex and age are not known: the more general group was used.",
    "The patient's sex is not known: the more general group was used.",
    "The patient's age is not known: the more general group was used.",
    "Below {n_passed} of {n_all} published limits.",
    "Mean {n_mean}, SD {n_sd} %.",
    "{n_slope} points a year ({n_level} % interval {n_low} to {n_high}) over {n_visits} visits: {verdict}.",
    "{n_share} % further",
    "A fat fraction of {n_value} % is higher than in about {n_share} of 100 people of the reference ({name}).",
    "It is {place} the 95th percentile of {n_limit} %.",
    "Its fat values are on the scale {scale}, this one on {other}.",
)
