"""A cohort's table: one row a study, with a dictionary of its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

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


def _codes(report: Mapping[str, Any]) -> str:
    return " ".join(dict.fromkeys(code["code"] for code in report["quality"]["codes"]))


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
    ("steatosis_probability", "1", "Probability of any steatosis", _dig("steatosis", "probability")),
    ("category", "", "What may be said of a refused CT", _dig("category", "label")),
    ("fatty_area_percent", "%", "Share of the liver above the first limit", _dig("fatty_area", "percent_of_liver")),
    ("percentile", "1", "Percentile in the reference population", _dig("baseline", "percentile")),
    ("liver_volume_ml", "mL", "Volume of the liver mask", _dig("segmentation", "liver", "volume_ml")),
    ("liver_hu", "[hnsf'U]", "Median liver attenuation", _measured("liver_hu")),
    ("spleen_hu", "[hnsf'U]", "Median spleen attenuation", _measured("spleen_hu")),
    ("liver_minus_spleen_hu", "[hnsf'U]", "Difference of the two", _measured("liver_minus_spleen_hu")),
    ("r2star", "1/s", "Median R2* in the liver", _measured("r2star")),
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
