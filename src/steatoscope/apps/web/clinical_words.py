"""Words of the report's clinical tables that pages translate where they show them."""

from __future__ import annotations

from typing import Final

from steatoscope.core.clinical_names import CLINICAL_NAMES
from steatoscope.science.clinical.masld import CRITERIA
from steatoscope.science.clinical.scores import SCORE_RULES
from steatoscope.service.report import clinical_rows

_READINGS: Final = (
    "Fatty liver is unlikely.", "Fatty liver is likely.", "Indeterminate.",
    "Valid only without insulin treatment, which is not stated.",
    "Above the limit of people without risk factors; from blood values, not from the images.",
    "Not above the limit of people without risk factors; from blood values, not from the images.",
    "Higher goes with insulin resistance; compare within one cohort only.", "Advanced fibrosis is unlikely.",
    "Indeterminate; a second test such as elastography is usual.", "Advanced fibrosis is possible.",
    "Not valid under 35 years: the value is not read.",
    "The lower limit is the raised one for 65 years and older.", "The limits are those of hepatitis C.",
    "Significant fibrosis is unlikely.", "Significant fibrosis is possible.", "The limits come from hepatitis C.",
    "Steatohepatitis with fibrosis is unlikely.", "Steatohepatitis with fibrosis is possible.",
    "The coefficients could not be verified against the publication.", "Usual in fatty liver.",
    "Between the limits.", "Seen in alcohol-related disease and in advanced fibrosis.", "For adults only.",
    "Not valid in patients treated with insulin.", "none that hold generally",
)  # fmt: skip
_CRITERIA: Final = (
    "Criteria", "Steatosis", "Missing", "Alcohol intake", "A clinician classifies.", "met", "not met", "not known",
    "Not classifiable: the alcohol intake, or the sex that its limits depend on, is not known.",
    "Not classifiable: no risk factor is met by what was given, and others are not known.",
    "Steatosis is not known, as the images gave no fat value: the criteria cannot be applied.",
    "If steatosis is present: not classifiable: the alcohol intake, or the sex that its limits depend on, is "
    "not known.",
    "If steatosis is present: not classifiable: no risk factor is met by what was given, and others are not known.",
    "No value besides age and sex was found in the Bundle.",
    "BMI or waist", "glucose, HbA1c or diabetes", "blood pressure or its treatment",
    "triglycerides or lipid treatment", "HDL or lipid treatment", "The age differs.", "The sex differs.",
)  # fmt: skip
_COMBINED: Final = (
    "Combined estimate", "Measured on the images", "Expected from clinical values alone",
    "Expected without any value", "Values not given", "Effect of all others together", "the image",
    "diabetes", "The measured value above is unchanged.",
    "The model was fitted on a simulated cohort, not on patients: this is a demonstration, and no decision may rest "
    "on it.",
    "Scores of liver fat follow a change poorly.", "A missing value is never filled in.",
)  # fmt: skip
_NOT_PRESENT: Final = frozenset({"uncertain", "no_sld"})
CLINICAL_PATTERNS: Final = (
    "More than six months from the day of the images: {listed}.",
    "More than six months before the newest value: {listed}.",
    "Of unknown day: {listed}.",
    "Not taken, no number: {listed}.",
    "Not taken, a bound ({bound}): {listed}.",
    "Not taken, a bound: {listed}.",
    "Not taken, status {status}: {listed}.",
    "{name} ({n_count} months)",
    "{name} ({n_count} years)",
    "Missing: {listed}.",
    "Risk factor: {name}",
    "Effect of {name}",
    "{value} % ({level} interval {low} to {high} %)",
    "Steatosis is not known, as the images gave no fat value ({code}): the criteria cannot be applied.",
    "present by imaging ({grade}, profile {profile})",
    "absent by imaging ({grade}, profile {profile})",
    "present by imaging ({grade}, profile {profile}); not certain, the grade may be {grades}",
    "absent by imaging ({grade}, profile {profile}); not certain, the grade may be {grades}",
    "{sign} {n_low} unlikely, {other} {n_high} likely",
    "{sign} {n_low} likely",
    "{sign} {n_low} % raised ({source})",
    "{sign} {n_low} low, {other} {n_high} high",
    "{sign} {n_low} low, {other} {n_high} high; {n_zone} to {n_end} cirrhosis zone",
)


def clinical_texts() -> tuple[str, ...]:
    """Whole texts of the clinical tables."""
    rules = [text for rule in SCORE_RULES for text in (f"{rule.name}, {rule.title}", rule.name)]
    criteria = [f"{text[:1].upper()}{text[1:]}." for text in CRITERIA.values()]
    criteria += [f"If steatosis is present: {CRITERIA[kind]}." for kind in CRITERIA if kind not in _NOT_PRESENT]
    titles = (clinical_rows.SIMULATED_TITLE, clinical_rows.COMBINED_TITLE, clinical_rows.NOT_COMPUTED)
    bands = clinical_rows.BANDS.values()
    return (*rules, *_READINGS, *_CRITERIA, *criteria, *titles, *bands, *_COMBINED, *CLINICAL_NAMES.values())
