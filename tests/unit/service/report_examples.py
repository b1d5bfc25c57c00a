"""Outcomes as an analysis would hand them over, on drawn images, for the tests of the report."""

from __future__ import annotations

from typing import Any

import numpy as np

from steatoscope.core.report import (
    BaselinePart,
    CategoryPart,
    ChangePart,
    ClinicalPart,
    CodePart,
    Contribution,
    ErrorPart,
    ExplanationPart,
    FatPart,
    FattyAreaPart,
    InputPart,
    IntervalPart,
    MeasurementPart,
    ModelPart,
    PdffEquivalent,
    ProvenancePart,
    QualityPart,
    RegionPart,
    Report,
    SegmentationPart,
    SegmentPart,
    SteatosisPart,
    report_digest,
)
from steatoscope.pipeline.outcome import Outcome, Picture
from steatoscope.science.clinical.baseline import ct_baseline, pdff_baseline
from steatoscope.science.clinical.grades import grade_part

SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PRIVATE_PATH = "/archive/hospital/Smith_John_1961/very/long/folder/" + "series-name-" * 12 + "/IM0001.dcm"
INJECTION = '<script>alert("x")</script> & <b>Müller</b>'


def _ellipse(shape: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 <= 1.0


def body_picture(title: str = "Axial slice 14 of 30", **changes: Any) -> Picture:
    """A body section with liver, spleen, kidney and a map of local fat."""
    shape = (160, 200)
    body = _ellipse(shape, (80, 100), (70, 92))
    liver = _ellipse(shape, (68, 60), (36, 42))
    spleen = _ellipse(shape, (90, 160), (24, 16))
    kidney = _ellipse(shape, (112, 130), (13, 10))
    noise = np.random.default_rng(1).normal(0.0, 7.0, shape)
    level = np.where(body, 90, 8) + 45 * liver + 70 * spleen + 60 * kidney
    heat = np.where(liver, 14 + 10 * np.sin(np.arange(shape[1]) / 25.0)[None, :] + noise / 4, np.nan)
    values: dict[str, Any] = {
        "title": title,
        "grey": np.clip(level + noise, 0, 255).astype(np.uint8),
        "liver": liver,
        "spleen": spleen,
        "kidney": kidney,
        "heat": heat.astype(np.float32),
        "heat_title": "Local fat fraction (%)",
        "boxes": (("fatty", (30, 50, 60, 80), 0.91), ("spared", (72, 40, 90, 62), 0.64)),
    }
    return Picture(**{**values, **changes})


def sector_picture(title: str = "Frame 4 of 10, hepatorenal view") -> Picture:
    """An ultrasound sector with speckle."""
    shape = (434, 636)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    depth = np.hypot(rows + 20, columns - 318)
    inside = (depth > 50) & (depth < 430) & (np.abs(np.arctan2(columns - 318, rows + 20)) < 0.65)
    speckle = np.random.default_rng(2).rayleigh(1.0, shape)
    grey = np.where(inside, np.clip(60 * speckle * np.exp(-depth / 600), 0, 255), 0).astype(np.uint8)
    liver = inside & _ellipse(shape, (190, 290), (110, 130))
    kidney = inside & _ellipse(shape, (320, 400), (50, 70))
    return Picture(title=title, grey=grey, liver=liver, kidney=kidney)


def _measure(name: str, value: float | None, unit: str, method: str, **more: Any) -> MeasurementPart:
    return MeasurementPart(name=name, value=value, unit=unit, method=method, quality=more.pop("quality", "ok"), **more)


def _report(**parts: Any) -> Report:
    values: dict[str, Any] = {
        "subject": "S-7F3A",
        "inputs": [InputPart(path=PRIVATE_PATH, sha256=SHA, kind="DICOM", frames=30)],
        "fat": None,
        "steatosis": None,
        "grade": None,
        "fatty_area": None,
        "segmentation": SegmentationPart(),
        "regions": [],
        "lesion": None,
        "measurements": [],
        "baseline": None,
        "change": None,
        "clinical": None,
        "explanation": None,
        "quality": QualityPart(status="ok", codes=[]),
        "models": [],
        "provenance": ProvenancePart(
            version="0.1.0",
            config={"level": 0.9, "profile": "pooled2024", "ct": {"erosion_mm": 5.0, "window_hu": [-50, 150]}},
            seeds={"analysis": 0},
            report_digest="",
            created="2026-11-21T10:30:00+00:00",
        ),
        "timings_ms": {"read": 210.0},
    }
    report = Report(**{**values, **parts})
    facts = report.provenance.model_copy(update={"report_digest": report_digest(report.document())})
    return report.model_copy(update={"provenance": facts})


def _ct_measurements() -> list[MeasurementPart]:
    around = IntervalPart(low=40.4, high=43.9, level=0.9)
    return [
        _measure("liver_hu", 42.2, "HU", "median of the eroded liver", interval=around),
        _measure("spleen_hu", 49.0, "HU", "median of the eroded spleen"),
        _measure("liver_minus_spleen_hu", -6.8, "HU", "difference of medians"),
        _measure("liver_spleen_ratio", 0.861, "1", "ratio of medians", quality="warn"),
        _measure("liver_volume", None, "ml", "needs the whole liver", quality="poor"),
    ]


def _segments() -> SegmentationPart:
    return SegmentationPart(
        liver=SegmentPart(mask="mask-liver.nii.gz", volume_ml=1432.0, method="intensity, position and morphology"),
        spleen=SegmentPart(mask="mask-spleen.nii.gz", volume_ml=211.0, method="intensity, position and morphology"),
    )


def ct_outcome(**changes: Any) -> Outcome:
    """An unenhanced CT with remarks, regions and a change since an earlier report."""
    value, interval = 13.7, IntervalPart(low=8.9, high=18.6, level=0.9)
    parts: dict[str, Any] = {
        "modality": "CT",
        "fat": FatPart(
            value_percent=value,
            scale="ct_pdff_equiv",
            interval=interval,
            method="pickhardt2018: −0.58 × HU + 38.2 (120 kVp, unenhanced)",
            statistic="median HU of the eroded liver",
        ),
        "grade": grade_part(value, 2.95, "pooled2024"),
        "steatosis": SteatosisPart(probability=0.997, threshold=0.5, positive=True),
        "fatty_area": FattyAreaPart(percent_of_liver=83.44, threshold=5.5, method="voxels of the eroded liver"),
        "segmentation": _segments(),
        "regions": [
            RegionPart(kind="fatty", box=(30, 50, 60, 80, 13), score=0.912, size_ml=31.2, detector="local-fat"),
            RegionPart(kind="spared", box=(72, 40, 90, 62, 13), score=0.64, size_mm2=412.0, detector="local-fat"),
        ],
        "measurements": _ct_measurements(),
        "baseline": ct_baseline(42.2, value),
        "change": ChangePart(
            previous="3a91c0de77aa",
            delta_points=-6.3,
            relative_percent=-31.5,
            repeatability_points=4.0,
            verdict="improved, >= 30 % relative decline",
        ),
        "quality": QualityPart(
            status="warn",
            codes=[
                CodePart(code="W_BORDERLINE", message="The value lies close to a grade limit. Borderline S1/S2."),
                CodePart(code="W_PARTIAL", message=f"The liver is only partly covered; no volume. {PRIVATE_PATH}"),
            ],
        ),
        "models": [ModelPart(name="pickhardt2018", version="1", sha256=SHA, card="cards/pickhardt2018.md")],
    }
    return Outcome(_report(**{**parts, **changes}), (body_picture(),), None)


def refused_outcome(**changes: Any) -> Outcome:
    """A contrast-enhanced CT: no fat value, but attenuations and a category."""
    parts: dict[str, Any] = {
        "modality": "CT",
        "error": ErrorPart(
            code="E_CONTRAST",
            message="The CT is contrast-enhanced.",
            cause="The aorta measures 148 HU and the portal vein 161 HU (portal venous phase).",
            remedy="Use the unenhanced series of the study.",
            path=PRIVATE_PATH,
        ),
        "category": CategoryPart(label="indeterminate", rule="portal venous: liver 80 to 89 HU (Pickhardt 2024)"),
        "segmentation": _segments(),
        "measurements": _ct_measurements()[:3],
        "quality": QualityPart(
            status="refused", codes=[CodePart(code="E_CONTRAST", message="The CT is contrast-enhanced.")]
        ),
    }
    return Outcome(_report(**{**parts, **changes}), (body_picture(),), None)


def mr_outcome(**changes: Any) -> Outcome:
    """A multi-echo MR with clean quality and two pictures."""
    value = 4.2
    parts: dict[str, Any] = {
        "modality": "MR",
        "fat": FatPart(
            value_percent=value,
            scale="pdff",
            interval=IntervalPart(low=3.1, high=5.3, level=0.9),
            method="complex multi-peak fit with R2* (hamilton2011_6)",
            statistic="|sum F| / (|sum W| + |sum F|) over the eroded liver",
        ),
        "grade": grade_part(value, 0.67, "pooled2024"),
        "steatosis": SteatosisPart(probability=0.026, threshold=0.5, positive=False),
        "segmentation": _segments(),
        "measurements": [_measure("r2star", 38.4, "1/s", "median of the eroded liver")],
        "baseline": pdff_baseline(value),
        "models": [ModelPart(name="hamilton2011_6", version="1", sha256=SHA, card="cards/hamilton2011_6.md")],
    }
    pictures = (body_picture("Slice 9 of 20"), body_picture("Slice 12 of 20", flip=(True, False)))
    return Outcome(_report(**{**parts, **changes}), pictures, None)


def us_outcome(**changes: Any) -> Outcome:
    """An ultrasound study on the histology scale with contributions, scores and a z-score baseline."""
    value, interval = 38.0, IntervalPart(low=17.0, high=59.0, level=0.9)
    equivalent = PdffEquivalent(
        value_percent=16.2,
        interval=IntervalPart(low=9.7, high=19.3, level=0.9),
        conversion="Piecewise linear through pooled cut points; approximate.",
    )
    features = {"depth_slope_db_per_cm": 1.8, "nakagami_m": 0.62, "glcm_contrast": 14.7, "far_near_ratio": 0.41}
    effects = (9.4, -3.1, 5.2, 1.7)
    parts: dict[str, Any] = {
        "modality": "US",
        "fat": FatPart(
            value_percent=value,
            scale="histology",
            interval=interval,
            method="us-steatosis first model (classical features, ridge)",
            statistic="the model's patient estimate over 10 frames",
            pdff_equivalent=equivalent,
        ),
        "grade": grade_part(value, 12.8, "histology_nash"),
        "steatosis": SteatosisPart(probability=0.94, threshold=0.5, positive=True),
        "segmentation": SegmentationPart(
            liver=SegmentPart(mask="mask-liver.png", fraction_of_view=0.31, method="sector and depth"),
        ),
        "measurements": [
            _measure("hepatorenal_index", 1.62, "1", "mean grey of liver over cortex"),
            _measure("attenuation_slope", 0.874, "dB/cm/MHz", "log-linear fit along the beam"),
        ],
        "baseline": BaselinePart(
            reference="biopsy-normal patients of the training set (obese surgical cohort, n = 10)",
            percentile=None,
            z=2.7,
            healthy_upper_limit=5.0,
            text="The image features lie 2.7 robust SD above the middle of the biopsy-normal training patients.",
        ),
        "clinical": ClinicalPart(
            scores=[
                {
                    "name": "FLI",
                    "value": 71.3,
                    "cutoffs": {"low": 30, "high": 60},
                    "interpretation": "steatosis likely",
                },
                {"name": "FIB-4", "value": None, "cutoffs": [1.3, 2.67], "interpretation": "platelets are missing"},
            ],
            masld={"criteria_met": ["BMI ≥ 25 kg/m²", "triglycerides ≥ 150 mg/dL"], "missing": ["HDL"]},
        ),
        "explanation": ExplanationPart(
            heatmap=None,
            contributions=[
                Contribution(feature=name, value=number, effect_points=effect)
                for (name, number), effect in zip(features.items(), effects, strict=True)
            ],
        ),
        "quality": QualityPart(
            status="warn",
            codes=[CodePart(code="W_FIRSTMODEL", message="First ultrasound model: classical features, 40 patients.")],
        ),
        "models": [ModelPart(name="us-steatosis", version="0.1.0", sha256=SHA, card="cards/us-steatosis.md")],
    }
    return Outcome(_report(**{**parts, **changes}), (sector_picture(),), None)


ALL = {"ct": ct_outcome, "refused": refused_outcome, "mr": mr_outcome, "us": us_outcome}
