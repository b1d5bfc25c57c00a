"""A cohort's table: one row a study, with a dictionary of its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from steatoscope.science.clinical.grades import LABELS

Column = tuple[str, str, str, Callable[[Mapping[str, Any]], Any]]


def _dig(*keys: str) -> Callable[[Mapping[str, Any]], Any]:
    def get(report: Mapping[str, Any]) -> Any:
        node: Any = report
        for key in keys:
            node = node.get(key) if isinstance(node, Mapping) else None
        return node

    return get


def _measured(name: str) -> Callable[[Mapping[str, Any]], Any]:
    def get(report: Mapping[str, Any]) -> Any:
        return next((m["value"] for m in report.get("measurements", []) if m["name"] == name), None)

    return get


def _score(key: str) -> Callable[[Mapping[str, Any]], Any]:
    def get(report: Mapping[str, Any]) -> Any:
        scores = (report.get("clinical") or {}).get("scores", [])
        return next((score["value"] for score in scores if score.get("key") == key), None)

    return get


def _codes(report: Mapping[str, Any]) -> str:
    return " ".join(dict.fromkeys(code["code"] for code in report["quality"]["codes"]))


def _grade_set(report: Mapping[str, Any]) -> str | None:
    grade = report.get("grade")
    return " ".join(grade["set"]) if grade else None


def _images(report: Mapping[str, Any]) -> int:
    return sum(item["frames"] for item in report["inputs"])


COLUMNS: Final[tuple[Column, ...]] = (
    ("subject", "", "Subject as given, or a pseudonym from the content", _dig("subject")),
    ("modality", "", "US, CT or MR", _dig("modality")),
    ("status", "", "Quality status: ok, warn or refused", _dig("quality", "status")),
    ("error_code", "", "Why a value was refused", _dig("error", "code")),
    ("codes", "", "All quality codes, separated by spaces", _codes),
    ("fat_percent", "%", "Fat content on the scale named beside it", _dig("fat", "value_percent")),
    ("fat_low", "%", "Lower bound of the interval", _dig("fat", "interval", "low")),
    ("fat_high", "%", "Upper bound of the interval", _dig("fat", "interval", "high")),
    ("interval_level", "1", "Level of the interval", _dig("fat", "interval", "level")),
    ("fat_scale", "", "Scale: histology, pdff, dixon_sff, ct_pdff_equiv; never mix scales", _dig("fat", "scale")),
    ("fat_method", "", "Equation, fit or model", _dig("fat", "method")),
    ("grade", "", "normal, mild, moderate or severe", _dig("grade", "label")),
    ("grade_index", "1", "0 to 3", _dig("grade", "index")),
    ("grade_profile", "", "Name of the grade limits", _dig("grade", "profile")),
    ("grade_set", "", "Grades that grade_level is reached with, separated by spaces", _grade_set),
    ("grade_level", "1", "Level of the set of grades", _dig("grade", "level")),
    *(
        (f"grade_{label}_probability", "1", f"Probability of the grade {label}", _dig("grade", "probabilities", label))
        for label in LABELS
    ),
    ("steatosis_probability", "1", "Probability of any steatosis", _dig("steatosis", "probability")),
    ("category", "", "What may be said of a refused CT", _dig("category", "label")),
    ("fatty_area_percent", "%", "Share of the liver above the first limit", _dig("fatty_area", "percent_of_liver")),
    (
        "percentile",
        "1",
        "Percentile in the reference population; more fat counts higher",
        _dig("baseline", "percentile"),
    ),
    (
        "baseline_z",
        "1",
        "Standard score in the reference population: of fat, but of the attenuation in CT, where fat makes it negative",
        _dig("baseline", "z"),
    ),
    ("baseline_reference", "", "The reference population that both are of", _dig("baseline", "reference")),
    ("liver_volume_ml", "mL", "Volume of the liver mask", _dig("segmentation", "liver", "volume_ml")),
    ("liver_hu", "[hnsf'U]", "Median liver attenuation", _measured("liver_hu")),
    ("spleen_hu", "[hnsf'U]", "Median spleen attenuation", _measured("spleen_hu")),
    ("liver_minus_spleen_hu", "[hnsf'U]", "Difference of the two", _measured("liver_minus_spleen_hu")),
    ("r2star", "1/s", "Median R2* in the liver", _measured("r2star")),
    ("fli", "1", "Fatty liver index, 0 to 100", _score("fli")),
    ("hsi", "1", "Hepatic steatosis index", _score("hsi")),
    ("nafld_lfs", "1", "NAFLD liver-fat score", _score("nafld_lfs")),
    ("blood_liver_fat_percent", "%", "Liver fat from blood values, MRS scale", _score("liver_fat_percent")),
    ("tyg", "1", "Triglyceride-glucose index", _score("tyg")),
    ("fib4", "1", "FIB-4", _score("fib4")),
    ("nfs", "1", "NAFLD fibrosis score", _score("nfs")),
    ("apri", "1", "AST to platelet ratio index", _score("apri")),
    ("fast", "1", "FAST score; coefficients not verified", _score("fast")),
    ("ast_alt", "1", "Ratio of AST to ALT", _score("ast_alt")),
    (
        "sld_class",
        "",
        "Class of steatotic liver disease whose criteria are met; uncertain where the grade may be normal or not",
        _dig("clinical", "masld", "class"),
    ),
    ("combined_fat_percent", "%", "Fat from image and clinical values", _dig("clinical", "combined", "value_percent")),
    ("combined_low", "%", "Lower bound of its interval", _dig("clinical", "combined", "interval", "low")),
    ("combined_high", "%", "Upper bound of its interval", _dig("clinical", "combined", "interval", "high")),
    (
        "combined_model",
        "",
        "Its model; combined-simulated-... is of simulated data",
        _dig("clinical", "combined", "model"),
    ),
    ("n_images", "1", "Slices or frames read", _images),
    ("report_digest", "", "Digest of the report", _dig("provenance", "report_digest")),
    ("version", "", "Software version", _dig("provenance", "version")),
)

KEYS: Final = (("path", "", "Path as given"), ("study", "", "Folder of the study's results"))


def result_row(report: Mapping[str, Any], *, path: str, study: str) -> dict[str, Any]:
    """One row of ``results.csv`` from a report document; a missing value is None, never 0."""
    return {"path": path, "study": study, **{name: get(report) for name, _, _, get in COLUMNS}}


def column_names() -> list[str]:
    """Names of the columns of ``results.csv``, in order."""
    return [name for name, _, _ in KEYS] + [name for name, _, _, _ in COLUMNS]


def data_dictionary() -> list[dict[str, str]]:
    """One row a column: its name, unit (UCUM) and meaning."""
    keys = [{"column": name, "unit": unit, "meaning": text} for name, unit, text in KEYS]
    return keys + [{"column": name, "unit": unit, "meaning": text} for name, unit, text, _ in COLUMNS]


FAILURE_COLUMNS: Final = ("path", "study", "code", "message", "cause", "remedy")


def failure_row(error: Mapping[str, Any], *, path: str, study: str) -> dict[str, Any]:
    """One row of ``failures.csv`` from an error document."""
    return {"path": path, "study": study, **{name: error.get(name) for name in FAILURE_COLUMNS[2:]}}


def tally(statuses: Sequence[str]) -> dict[str, int]:
    """How many studies ended as ok, warn, refused and failed."""
    return {name: statuses.count(name) for name in ("ok", "warn", "refused", "failed")}
