"""The report's tables: measurements, regions, change, clinical values, methods and provenance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

from steatoscope.core.report import MeasurementPart, RegionPart, Report, SegmentPart
from steatoscope.pipeline.ports import SECTOR_METHOD
from steatoscope.service.report import clinical_rows, wording
from steatoscope.service.report.comparison_rows import baseline_rows, change_rows
from steatoscope.service.report.discretion import Discretion
from steatoscope.service.report.formatting import compact, fixed, interval_text, loose, quantity, share, signed, spoken

MOST_ROWS: Final = 24
FOCAL_DETECTOR: Final = "us-localiser"


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of strings; ``code_column`` is set in a fixed-width font. ``group`` places it in the report."""

    group: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    code_column: int | None = None
    note: str = ""


def all_tables(report: Report, say: Discretion) -> tuple[Table, ...]:
    """The tables that have rows, in order of reading."""
    tables = (
        _measurements(report, say),
        _fatty_area(report, say),
        _organs(report, say),
        _regions(report, say),
        _baseline(report, say),
        _change(report, say),
        _scores(report, say),
        _masld(report, say),
        _combined(report, say),
        _error_budget(report, say),
        _acquisition(report, say),
        _methods(report, say),
        _models(report, say),
        _inputs(report, say),
        _provenance(report, say),
    )
    return tuple(_short(table) for table in tables if table.rows)


def _short(table: Table) -> Table:
    if len(table.rows) <= MOST_ROWS:
        return table
    left = len(table.rows) - MOST_ROWS
    note = f"{table.note} {left} further rows are in report.json.".strip()
    return Table(table.group, table.title, table.head, table.rows[:MOST_ROWS], table.widths, table.code_column, note)


def _measurements(report: Report, say: Discretion) -> Table:
    head = ("Measurement", "Value", "Interval", "Method", "Quality")
    rows = [_measurement(part, say) for part in report.measurements]
    return Table("findings", "Measurements", head, _told_once(rows, head.index("Method")), (0.26, 0.16, 0.2, 0.28, 0.1))


def _told_once(rows: list[tuple[str, ...]], column: int) -> tuple[tuple[str, ...], ...]:
    """The rows with a text that repeats the one above it replaced by "as above"."""
    told = []
    for index, row in enumerate(rows):
        again = index > 0 and row[column] == rows[index - 1][column] and row[column]
        told.append((*row[:column], wording.AS_ABOVE, *row[column + 1 :]) if again else row)
    return tuple(told)


def _measurement(part: MeasurementPart, say: Discretion) -> tuple[str, ...]:
    name = wording.MEASUREMENTS.get(part.name, spoken(part.name).capitalize())
    return (
        say(name),
        quantity(part.value, part.unit, part.name),
        interval_text(part.interval, part.unit, part.name) or "–",
        say(part.method),
        "–" if part.value is None and part.quality == "ok" else say(part.quality),
    )


def _fatty_area(report: Report, say: Discretion) -> Table:
    part = report.fatty_area
    rows: tuple[tuple[str, ...], ...] = ()
    if part is not None and report.fat is not None:
        above = f"local fat ≥ {compact(part.threshold)} %"
        rows = ((f"{fixed(part.percent_of_liver)} % of the liver", above, say(part.method)),)
    return Table("findings", "Fatty area", ("Share", "Threshold", "Method"), rows, (0.26, 0.26, 0.48))


def _organs(report: Report, say: Discretion) -> Table:
    found = report.segmentation
    parts = {"Liver": found.liver, "Spleen": found.spleen, "Kidney": found.kidney}
    rows = tuple(_organ(name, part, say) for name, part in parts.items() if part is not None)
    return Table("findings", "Organs outlined", ("Organ", "Size", "Found by"), rows, (0.3, 0.26, 0.44))


def _organ(name: str, part: SegmentPart, say: Discretion) -> tuple[str, str, str]:
    if part.method == SECTOR_METHOD:
        return wording.SECTOR, "–", "the whole scan sector was read"
    return name, _size(part), say(part.method)


def _size(part: SegmentPart) -> str:
    sizes = []
    if part.volume_ml is not None:
        sizes.append(f"{fixed(part.volume_ml, 0)} mL")
    if part.area_mm2 is not None:
        sizes.append(f"{fixed(part.area_mm2 / 100.0)} cm²")
    if part.fraction_of_view is not None:
        sizes.append(f"{share(part.fraction_of_view)} of the view")
    return ", ".join(sizes) or wording.NOT_MEASURED


def _regions(report: Report, say: Discretion) -> Table:
    rows = [_region(part, say) for part in report.regions]
    if report.lesion is not None:
        shares = ", ".join(f"{name} {share(p)}" for name, p in report.lesion.probabilities.items())
        rows.append(("Class of the focal region", report.lesion.label, "–", shares, "–"))
    head = ("Region", "Score", "Size", "Place", "Found by")
    focal = report.modality == "US" and any(part.detector.startswith(FOCAL_DETECTOR) for part in report.regions)
    note = wording.FOCAL_SCORE_US if focal else ""
    return Table("findings", "Regions", head, tuple(rows), (0.2, 0.12, 0.16, 0.3, 0.22), note=note)


def _region(part: RegionPart, say: Discretion) -> tuple[str, ...]:
    x0, y0, x1, y1, layer = part.box
    sizes = (part.size_ml, "cm³"), (part.size_mm2, "mm2"), (part.size_px, "pixels")
    size = next((quantity(float(value), unit) for value, unit in sizes if value is not None), wording.NOT_MEASURED)
    place = f"x {x0}–{x1}, y {y0}–{y1}, image {layer + 1}"
    return wording.REGION_KINDS[part.kind], fixed(part.score, 2), size, place, say(part.detector)


def _baseline(report: Report, say: Discretion) -> Table:
    head = ("Quantity", "Value", "Standing", "End of the healthy range", "Reading")
    rows = baseline_rows(report, say)
    return Table("baseline", "Each quantity on its own scale", head, rows, (0.17, 0.13, 0.13, 0.2, 0.37))


def _change(report: Report, say: Discretion) -> Table:
    rows = change_rows(report.change, say) if report.change else ()
    return Table("comparison", "Change since earlier", ("", ""), rows, (0.36, 0.64))


def _points(value: float | None, *, with_sign: bool = False) -> str:
    if value is None:
        return "–"
    return f"{signed(value) if with_sign else fixed(value)} points of fat"


def _scores(report: Report, say: Discretion) -> Table:
    rows = clinical_rows.score_rows(report.clinical) if report.clinical else ()
    head = ("Score", "Value", "Cut-offs", "Interpretation")
    told = tuple(tuple(map(say, row)) for row in rows)
    return Table("comparison", "Clinical scores", head, told, (0.24, 0.12, 0.26, 0.38), note=clinical_rows.SCORES_NOTE)


def _masld(report: Report, say: Discretion) -> Table:
    masld = (report.clinical.masld if report.clinical else None) or {}
    rows = tuple(tuple(map(say, row)) for row in clinical_rows.criteria_rows(masld)) if masld else ()
    return Table("comparison", "MASLD criteria", ("", ""), rows, (0.36, 0.64))


def _combined(report: Report, say: Discretion) -> Table:
    part = report.clinical.combined if report.clinical else None
    if part is None:
        return Table("comparison", clinical_rows.COMBINED_TITLE, (), (), ())
    rows = tuple(tuple(map(say, row)) for row in clinical_rows.combined_rows(report, part))
    title = clinical_rows.SIMULATED_TITLE if part.simulated else clinical_rows.COMBINED_TITLE
    note = clinical_rows.SIMULATED_NOTE if part.simulated else f"{say(part.source)} {clinical_rows.COMBINED_NOTE}"
    return Table("comparison", title, ("", ""), rows, (0.36, 0.64), note=note)


def _error_budget(report: Report, say: Discretion) -> Table:
    """The errors behind the interval, largest first, and what they make together."""
    head = ("Source of error", "Size (SD)", "Added up")
    widths = (0.5, 0.2, 0.3)
    fat = report.fat
    if fat is None or not fat.error_budget:
        return Table("methods", wording.ERROR_BUDGET, head, (), widths)
    parts = sorted(fat.error_budget, key=lambda part: -part.sd_points)
    rows = [(say(part.source), _size_of(part.sd_points), wording.ADDED_UP[part.added]) for part in parts]
    squares = math.hypot(*(part.sd_points for part in parts if part.added == "squares"))
    total = squares + sum(part.sd_points for part in parts if part.added == "plain")
    half = NormalDist().inv_cdf(0.5 + fat.interval.level / 2.0) * total
    rows.append((wording.ALL_ERRORS, _size_of(total), f"± {fixed(half)} points at {share(fat.interval.level)}"))
    return Table("methods", wording.ERROR_BUDGET, head, tuple(rows), widths, note=wording.ERROR_BUDGET_NOTE)


def _size_of(sd_points: float) -> str:
    """An SD with two decimals: the smallest sources are hundredths of a point."""
    return f"{fixed(sd_points, 2)} points of fat"


def _acquisition(report: Report, say: Discretion) -> Table:
    config = report.provenance.config
    rows = tuple(
        (label, say(f"{_fact(key, config[key])} {unit}".strip()))
        for key, (label, unit) in wording.ACQUISITION.items()
        if config.get(key) not in (None, "")
    )
    return Table("methods", "Acquisition", ("", ""), rows, (0.2, 0.8))


def _fact(key: str, value: Any) -> str:
    text = loose(float(f"{value:.3g}") if isinstance(value, float) else value)
    if key == "study_date" and len(text) == 8 and text.isdecimal():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def _methods(report: Report, say: Discretion) -> Table:
    rows: list[tuple[str, str]] = []
    if report.fat is not None:
        rows += [("Fat value", say(report.fat.method)), ("Statistic", say(report.fat.statistic))]
    if report.grade is not None:
        limits = " / ".join(f"{limit:g}" for limit in report.grade.limits)
        rows.append(("Grade", f"profile {report.grade.profile}, limits {limits} %"))
    return Table("methods", "Methods", ("", ""), tuple(rows), (0.2, 0.8))


def _models(report: Report, say: Discretion) -> Table:
    rows = tuple((say(m.name), say(m.version), say(m.sha256)) for m in report.models)
    return Table("methods", "Models and equations", ("Name", "Version", "SHA-256"), rows, (0.28, 0.12, 0.6), 2)


def _inputs(report: Report, say: Discretion) -> Table:
    rows = tuple(
        (f"{index}", say(part.kind), f"{part.frames}", say(part.view or "–"), say(part.sha256))
        for index, part in enumerate(report.inputs, start=1)
    )
    head = ("No.", "Kind", "Images", "View", "SHA-256")
    note = "Inputs are told by their content hashes; file names are not printed, as they may name the patient."
    return Table("provenance", "Inputs", head, rows, (0.06, 0.16, 0.09, 0.09, 0.6), 4, note)


def _provenance(report: Report, say: Discretion) -> Table:
    facts = report.provenance
    seeds = ", ".join(f"{name} {seed}" for name, seed in sorted(facts.seeds.items()))
    rows = [
        ("Report digest", say(facts.report_digest)),
        ("Software version", f"{wording.PRODUCT} {say(facts.version)}; schema {report.schema_}"),
        ("Created", say(facts.created)),
        ("Seeds", say(seeds) or "–"),
        ("Configuration", say(", ".join(_flat(facts.config))) or "–"),
    ]
    return Table("provenance", "Provenance", ("", ""), tuple(rows), (0.2, 0.8), 1)


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted(config):
        value = config[key]
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={loose(value)}"
