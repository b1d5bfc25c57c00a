from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steatoscope.core.errors import warning
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTScan, InputFile, PatientFacts, Study, Volume
from steatoscope.core.measurement import Measurement
from steatoscope.core.report import SegmentationPart, SegmentPart
from steatoscope.pipeline.baselines import compared
from steatoscope.pipeline.findings import FatEstimate, Findings
from steatoscope.science.clinical.baseline import ct_baseline
from steatoscope.science.clinical.site_reference import Cohort, Person, SiteReference, fit_site

BODY = {"height_cm": 175.0, "weight_kg": 95.0}


def _study(**patient: object) -> Study:
    geometry = Geometry.from_spacing((5.0, 2.0, 2.0))
    scan = CTScan(Volume(np.zeros((2, 40, 40), dtype=np.float32), geometry, "HU"))
    return Study(scan, (InputFile("a", "0" * 64, "dicom", 2),), PatientFacts(**patient))  # type: ignore[arg-type]


def _findings(value: float = 12.0, scale: str = "ct_pdff_equiv", hu: float = 45.0) -> Findings:
    fat = FatEstimate(value, scale, value - 4, value + 4, 0.9, 2.4, "pickhardt2018", "median")
    part = SegmentPart(mask="m", volume_ml=2600.0, method="x")
    spleen = SegmentPart(mask="m", volume_ml=400.0, method="x")
    return Findings(
        fat=fat,
        measurements=(
            Measurement("liver_hu", hu, "HU", "median"),
            Measurement("liver_minus_spleen_hu", -4.0, "HU", "difference"),
            Measurement("spleen_hu", None, "HU", "as liver"),
        ),
        segmentation=SegmentationPart(liver=part, spleen=spleen),
        baseline=ct_baseline(hu, value),
    )


def _site(scale: str, factor: float = 1.0) -> SiteReference:
    rng = np.random.default_rng(0)
    people = tuple(Person("F" if k % 2 else "M", 45.0) for k in range(120))
    values = {"fat": factor * np.exp(rng.normal(0.8, 0.5, 120)), "liver_hu": rng.normal(58.0, 6.0, 120)}
    return fit_site(Cohort(people, values, scale), "Site X", {})


def test_each_quantity_stands_on_its_own_scale() -> None:
    part, notes = compared(_study(), _findings(), BODY | {"sex": "male", "age_years": 52.0}, None)
    assert part is not None
    assert notes == ()
    items = {item.quantity: item for item in part.items}
    assert items["fat"].z == pytest.approx((12.0 - 7.4) / 6.0, abs=1e-3)
    assert items["liver_hu"].z == pytest.approx(-1.0)
    assert items["liver_hu"].percentile == pytest.approx(15.9, abs=0.05)
    assert "below the range" in items["liver_minus_spleen_hu"].text
    assert "ratio 1.35: enlarged" in items["liver_volume_for_size"].text
    assert "Urata" in items["liver_volume_for_size"].text
    assert "above it" in items["spleen_volume"].text
    assert [source for _, source in items["fat"].limits if "Szczepaniak" in source]
    assert part.percentile == pytest.approx(84.1, abs=0.1)


def test_what_is_not_known_of_the_patient_is_said() -> None:
    part, _ = compared(_study(), _findings(), {}, None)
    assert part is not None
    texts = {item.quantity: item.text for item in part.items}
    assert "age and sex are not known; the reference of both sexes was used" in texts["fat"]
    assert "Height and weight are not known" in texts["liver_volume"]
    from_file, _ = compared(_study(sex="F", age_years=50.0), _findings(), {}, None)
    assert from_file is not None
    assert from_file.items[0].z == pytest.approx((12.0 - 5.8) / 5.7, abs=1e-3)


def test_an_own_reference_of_the_same_scale_takes_the_place_of_the_built_in_one() -> None:
    part, notes = compared(_study(sex="F", age_years=45.0), _findings(), {}, _site("ct_pdff_equiv"))
    assert part is not None
    assert notes == ()
    assert part.reference == "Site X"
    assert part.percentile is not None
    assert part.percentile > 97.0
    assert "Compared with 60 women of 40 to 59 years of the site's own reference." in part.text
    items = {item.quantity: item for item in part.items}
    assert items["fat"].reference == items["liver_hu"].reference == "Site X"
    assert items["normality_distance"].percentile > 90.0  # type: ignore[operator]
    assert part.healthy_upper_limit == pytest.approx(items["fat"].upper_limit)


def test_a_reference_of_another_scale_is_not_applied_to_fat_and_says_so() -> None:
    part, notes = compared(_study(), _findings(), {}, _site("pdff"))
    assert part is not None
    assert [note.code for note in notes] == ["W_BASELINE"]
    assert "pdff" in notes[0].message
    items = {item.quantity: item for item in part.items}
    assert items["fat"].reference != "Site X"
    assert "normality_distance" not in items
    assert items["liver_hu"].reference == "Site X"


def test_a_scale_without_any_reference_still_names_that() -> None:
    bare = replace(_findings(scale="dixon_sff"), baseline=None)
    part, _ = compared(_study(), bare, {}, None)
    assert part is not None
    assert part.percentile is part.z is None
    assert part.reference.startswith("none")


def test_a_fat_reference_brings_its_caution_and_the_published_limit() -> None:
    findings = replace(_findings(2.5, "pdff"), baseline=None)
    part, _ = compared(_study(sex="F", age_years=45.0), findings, {}, _site("pdff", 10.0))
    assert part is not None
    assert "It is no healthy reference." in part.text
    assert "below the published healthy limit of 5.5 %" in part.text
    assert part.healthy_upper_limit == 5.5


def test_a_simulated_reference_is_not_applied_to_real_images() -> None:
    made_up = replace(_site("ct_pdff_equiv"), facts={"simulated": "all"})
    part, notes = compared(_study(), _findings(), {}, made_up)
    assert part is not None
    assert "Site X" not in {item.reference for item in part.items}
    assert [note.code for note in notes] == ["W_BASELINE"]
    assert "simulated" in notes[0].message
    labelled = replace(_study(), notes=(warning("W_SIMULATED"),))
    alike, _ = compared(labelled, _findings(), {}, made_up)
    assert alike is not None
    assert alike.reference == "Site X"


def test_fat_quantiles_of_ct_begin_at_none_and_the_direction_of_z_is_told() -> None:
    part, _ = compared(_study(), _findings(), {}, None)
    assert part is not None
    fat = next(item for item in part.items if item.quantity == "fat")
    assert min(value for _, value in fat.quantiles) == 0.0
    assert "z is of the attenuation in HU and falls with fat" in part.text
