"""Words of reports that pages translate where they show them; the report itself stays English.

``WORDS`` are whole texts. ``PATTERNS`` hold places in braces: what stands there is translated in its turn, a place
named ``n_...`` takes a number only, and ``grades`` is a list joined by "or".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from steatoscope.apps.web.baseline_words import BASELINE_PATTERNS, BASELINE_TEXTS
from steatoscope.apps.web.clinical_words import CLINICAL_PATTERNS, clinical_texts
from steatoscope.apps.web.names import PROFILES
from steatoscope.apps.web.refusal_words import REFUSAL_PATTERNS, REFUSAL_TEXTS
from steatoscope.core.report import INTENDED_USE
from steatoscope.service.report import wording

#: texts of the catalogue that speak of the command line, and what a page says instead
PAGE_TEXTS: Final = {
    "The path does not exist.": "The file does not exist.",
    "Nothing was found at the given path.": "Nothing was found under this name.",
    "Check the spelling of the path.": "Check the name of the file.",
    "The path cannot be opened.": "The file cannot be opened.",
    "Unpack it yourself and give the folder, or send a plain zip.": "Unpack it yourself and upload "
    "the folder, or a plain zip file.",
    "The path holds several patients.": "The files belong to several patients.",
    "Give one patient's study at a time.": "Upload one patient's study at a time.",
    "The path holds several studies.": "The files belong to several studies.",
    "Give one patient's folder, name views with --view, or measure many patients with the command batch.": "Upload "
    "one patient's study at a time, and name the views where there are several.",
    "The images are not ultrasound, CT or MR, or not what --modality says.": "The images are not ultrasound, CT "
    "or MR, or not of the modality that was chosen.",
    "Check the series, or the --modality option.": "Check the series, or the modality that was chosen.",
    "Check that the liver is in view, or give --liver-mask.": "Check that the liver is in view, or draw its "
    "outline on the page of the study.",
}
_TITLES: Final = (
    "Measurements", "Fatty area", "Organs outlined", "Regions", "Change since earlier", "Clinical scores",
    "MASLD criteria", "Acquisition", "Methods", "Models and equations", "Inputs", "Provenance",
)  # fmt: skip
_HEADS: Final = (
    "Measurement", "Value", "Interval", "Method", "Quality", "Share", "Threshold", "Organ", "Size", "Found by",
    "Region", "Score", "Place", "Cut-offs", "Interpretation", "Name", "Version", "No.", "Kind", "Images", "View",
    "Verdict", "Difference", "Relative change", "Repeatability coefficient of the method", "Earlier report",
    "Fat value", "Statistic", "Grade", "Report digest", "Software version", "Created", "Seeds", "Configuration",
    "Liver", "Spleen", "Kidney", "Class of the focal region",
)  # fmt: skip
_TEXTS: Final = (
    "No fat value was measured.", "What could still be measured is listed below; it is not a fat value.",
    "Nothing else could be measured.", "Not graded", "the whole scan sector was read", "as liver", "median of voxels",
    "median absolute deviation", "lower quartile", "upper quartile", "difference of medians", "ratio of medians",
    "median of the eroded liver", "median HU of the eroded liver without vessels", "1.4826 MAD in the eroded liver",
    "range of octant medians", "voxels of the whole mask", "voxels used", "interquartile range of voxels",
    "first echo in the liver", "voxels that a nearly as good solution exchanges",
    "classical: attenuation, position and morphology", "classical: robust z of the smoothed fat map",
    "the model's patient estimate, mean over views", "unenhanced", "enhanced", "ok", "warn", "refused", "at or above",
    "below", "more than 99 of 100", "less than 1 of 100", "present", "absent", "or",
    "robust slope of grey against depth along the beams, common to all beams", "liver", "kidney", "mild", "moderate",
    "normal", "severe", "Check the marked places on the picture.",
    "the liver place lies in the kidney outline", "the liver place lies outside the liver outline",
    "the cortex place lies in the liver outline",
    "It covers part of what was outlined as kidney: check it on the overlay.",
    "Inputs are told by their content hashes; file names are not printed, as they may name the patient.",
    "UK middle-aged general population, not healthy-only", "US middle-aged CT screening population, not healthy-only",
    "biopsy-normal patients of the model's training set (an obese surgical cohort)",
)  # fmt: skip
SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_MORE: Final = (
    "given mask", "liver minus kidney", "JPEG coding.", "Video coding.", "No B-mode scan sector was found.",
    "The given mask holds no tissue.", "no kidney in view", "portal_venous", "arterial", "delayed",
    "The given mask limits the further measurements; the fat model reads the whole sector.",
    "classical: signal, fat map, position and morphology",
    "co-occurrence at 32 levels, 1, 2 and 4 px, four angles; median over patches in 20-75 % of the depth",
    "entropy of 32 levels within a disk of 5 px, median", "mean grey of tissue in 20-75 % of the depth",
    "|sum F| / (|sum W| + |sum F|) of complex sums over the eroded liver", "Normal (S0)", "Name", "Organ",
    "The spacing is unknown.", "Slices are missing.", "The liver reaches the end of the stack.",
    "The series has one echo or none that can be told apart.", "No voxel of the liver mask has a fat value.",
    "Too few echoes for a fit, and none in phase and opposed phase.", "No fitted voxel lies in the liver mask.",
    "The two-point estimate is negative: R2* outweighs the fat.",
    "The pixel size of the ultrasound image is unknown.", "No files were sent.",
    "An archive inside an archive is not unpacked.", "The content cannot be decoded.", "Frames are missing.",
    "Reading it is not permitted.", "The DICOM header is damaged.", "The CT has no Hounsfield units.",
    "Some slices of the series have no position.", "The slices do not lie behind one another.",
    "The liver mask leaves too few voxels of plausible attenuation.", "Not found or too small.",
    "The network found no liver here; the whole scan sector was measured.",
    "The model was trained on simulated images.", "Save the images without annotations.",
    "The fat value may be wrong because of them.", "They were left out of what is measured.",
    wording.ERROR_BUDGET, wording.ALL_ERRORS, *wording.ADDED_UP.values(),
    *SENTENCE_END.split(wording.ERROR_BUDGET_NOTE), "Source of error", "Size (SD)", "Added up",
    "scatter of patients about the equation",
    "disagreement of published equations", "noise and unevenness of the liver", "unknown tube voltage",
    "repeatability between examinations", "slope against spectroscopy", "choice of the fat spectrum",
    "magnitude instead of complex fit", "sum against median of voxels", "half of the T1 correction",
    "two-point Dixon against PDFF", "approximate, the two-point fraction taken as PDFF; for display only",
    "approximate, 0.97 times the fraction by spectroscopy; for display only",
    "the model's value where every reading is the mean of its training patients",
    "the fat fraction of the fit, before the correction for T1 bias",
)  # fmt: skip
PATTERNS: Final = (
    "Place in pixels: {places}.",
    "{n_count} frames with colour were left out.",
    "1 frame with colour was left out.",
    "1 frame with colour were left out.",
    "{model}, with a kidney in view",
    "{model}, without a kidney in view",
    "mean over SD of the envelope, windows of {n_size} px, dynamic range taken as {n_range} dB",
    "moments of the envelope, windows of {n_size} px, dynamic range taken as {n_range} dB",
    "{equation}, unenhanced {n_kvp} kV",
    "portal-venous liver {where} {n_limit} HU ({reference})",
    "complex {spectrum}, magnitude discrimination",
    "The stated age is {n_age} years.",
    "The noise in the liver is {n_noise} HU (limit 40).",
    "The series was taken at {n_kvp} kV; the conversion holds for 120 kV.",
    "It was found by a classical method, confidence {n_share}%.",
    "No liver outline was accepted.",
    "The network outlined something (confidence {n_share}%) that the classical finder does not confirm.",
    "The classical finder outlined something in which the network sees no liver.",
    "The network and {finder} disagree (Dice {n_dice}).",
    "It holds {n_share}% of the scan sector and may be only a part of the liver.",
    "{n_slices} slices; at least {n_fewest} are needed for a volume.",
    "Slices lie {n_gap} mm apart.",
    "{n_value} HU in the liver.",
    "{n_value} HU (unenhanced 35 to 60).",
    "{n_files} files, {n_series} series.",
    "{n_size} mL is small for a liver.",
    "{n_count} view(s) unlike the training data were left out.",
    "{level} interval {low} to {high} %",
    "{low} to {high} ({level})",
    "{equation} at {mean} HU, the mean of the {reference}",
    "{n_value} times as much fat",
    "{n_share} % of the liver",
    "{volume}, {share} of the view",
    "{share} of the view",
    "{n_value} grey levels",
    "{n_value} grey levels/px",
    "{n_value} points of fat",
    "± {n_half} points at {level}",
    "SD of the value by {n_count} members of the model",
    "A fat fraction of {value} % is higher than in {place} people of the reference population ({reference}; median "
    "{median} %).",
    "It is {where} the healthy upper limit of {limit} %.",
    "A liver attenuation of {value} HU is lower than in {place} people of the reference population ({reference}; mean "
    "{mean}, SD {spread} HU).",
    "The fat estimate is {where} the healthy upper limit of {limit} %; CT cannot exclude mild steatosis.",
    "The fat estimate is {where} the healthy upper limit of {limit} %.",
    "about {n_count} of 100",
    "The score of the image features lies {z} robust standard deviations from that of the biopsy-normal patients of "
    "the training set; more fat gives a higher score.",
    "Approximate PDFF equivalent, for display only: {value} % ({low} to {high} %). {conversion}",
    "approximate, piecewise linear through {points}; for display only",
    "Probability of any steatosis {share} (called {verdict} at a threshold of {threshold}).",
    "The computed value is {value} %; the scale runs from 0 to 100 %.",
    "Grades kept by a set that holds the true one in {level} of cases: {grades}.",
    "This grade alone reaches {level} probability.",
    "Not certain: {grades} together reach {level} probability.",
    "The value lies in {value}; the most probable grade is {grade} ({share}).",
    "The hepatorenal index is unreliable: {reason}.",
    "{method}; read at places that the outlines contradict",
    "Limits {limits} % on the {scale}; profile {profile} ({source}).",
    "Reference: {reference}",
    "profile {profile}, limits {limits} %",
    "x {x}, y {y}, image {image}",
    "local fat ≥ {limit} %",
    "Borderline {classes} (limit {limit} %).",
    "The interval was widened by {factor} on the square root of fat.",
    "median after {size} mm erosion, vessels out",
    "CT fat map, {profile}",
    "fat map, {profile}",
    "{method}, not clamped",
    "Network features (deep): {name}",
    "Network features (middle): {name}",
    "{feature}, levelled",
    "{feature}, free parenchyma",
    "Depth band {range} % minus sector mean",
    "Liver beams, depth {range} %",
    "Free parenchyma, depth {range} %",
    "Ring, depth {range} %",
    "automatic: mean grey of liver over renal cortex, at the places found by the model; quality {n_quality}",
    "from R2* (Hernando 2023); class {name}",
    "{n_count} further rows are in report.json.",
    "{sign} {n_low} and {other} {n_high} %",
    *CLINICAL_PATTERNS,
    *REFUSAL_PATTERNS,
    *BASELINE_PATTERNS,
)
_NUMBER: Final = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?![\d.])")
_PLAIN: Final = re.compile(r"[−+<>≥≤≈ ]*\d+\.\d+(?: [^\s.]+){0,2}")


@cache
def words() -> tuple[str, ...]:
    """Every whole text, once."""
    grades = [f"{name.lower()} ({wording.GRADE_CODES[label]})" for label, name in wording.GRADES.items()]
    grades += [f"{name} ({wording.GRADE_CODES[label]})" for label, name in wording.GRADES.items()]
    found = [
        *_vocabulary(),
        *wording.SHARED_CONFOUNDERS,
        *_TITLES,
        *_HEADS,
        *_TEXTS,
        *_MORE,
        *PAGE_TEXTS.values(),
        *clinical_texts(),
        *REFUSAL_TEXTS,
        *BASELINE_TEXTS,
        *grades,
        INTENDED_USE,
    ]
    return tuple(dict.fromkeys(found))


def _vocabulary() -> Iterator[str]:
    """All texts of the report's own vocabulary but units."""
    for name in ("MODALITIES", "STATUS", "CATEGORIES", "SCALES", "SHORT_SCALES", "SCALE_NOTES", "MEASUREMENTS",
                 "FEATURES", "REGION_KINDS"):  # fmt: skip
        yield from getattr(wording, name).values()
    yield from (label for label, _unit in wording.ACQUISITION.values())
    for texts in wording.CONFOUNDERS.values():
        yield from texts
    yield from (wording.SIMULATED, wording.SECTOR, wording.NOT_MEASURED, wording.AS_ABOVE, wording.NO_LESIONS)
    yield from (wording.SOUGHT_LESIONS, wording.MARKED_REGIONS, wording.FOCAL_SCORE_US)


@cache
def _compiled() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((pattern, re.compile(_expression(pattern))) for pattern in PATTERNS)


def _expression(pattern: str) -> str:
    parts = re.split(r"\{(\w+)\}", pattern)
    made = [re.escape(part) if place % 2 == 0 else _group(part) for place, part in enumerate(parts)]
    return "".join(made)


def _group(name: str) -> str:
    kinds = {"sign": "[<>≤≥]", "other": "[<>≤≥]"}
    inner = r"[−+]?\d[\d.,]*" if name.startswith("n_") else kinds.get(name, ".+?")
    return f"(?P<{name}>{inner})"


def matched(text: str) -> tuple[str, dict[str, Any]] | None:
    """The pattern that a text follows, with what stands in its places; None where it follows none."""
    for pattern, expression in _compiled():
        if found := expression.fullmatch(text):
            return pattern, found.groupdict()
    return None


_CODES: Final = re.compile(r"\b(" + "|".join(PROFILES) + r")\b")


def for_page(text: str) -> str:
    """The text without words of the command line, and with names of profiles instead of their codes."""
    for words_of_command, words_of_page in PAGE_TEXTS.items():
        text = text.replace(words_of_command, words_of_page)
    return _CODES.sub(lambda found: PROFILES[found[1]], text)


def is_plain(text: str) -> bool:
    """Whether a text is a number with its unit."""
    return _PLAIN.fullmatch(text) is not None


def with_comma(text: str) -> str:
    """The text with decimal commas; versions such as 1.0.0 stay as they are."""
    return _NUMBER.sub(r"\1,\2", text)
