"""CT series: Hounsfield units, order, geometry, choice of series."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_factory import ct_slice, disk, put, set_pixels, write
from pydicom import uid

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import CTScan, Study
from steatoscope.imaging.io.dicom_study import read_dicom_study
from steatoscope.imaging.io.options import ReadOptions


def read(paths: list[Path], **options: Any) -> Study:
    return read_dicom_study(paths, ReadOptions(**options))


def ct(study: Study) -> CTScan:
    assert isinstance(study.scan, CTScan)
    return study.scan


def codes(study: Study) -> list[str]:
    return [note.code for note in study.notes]


def refused(paths: list[Path], **options: Any) -> str:
    with pytest.raises(SteatoscopeError) as caught:
        read(paths, **options)
    return caught.value.code


def test_series_is_sorted_by_position_and_placed(tmp_path: Path) -> None:
    paths = write(tmp_path, *(ct_slice(i, InstanceNumber=99 - i) for i in (4, 1, 3, 0, 2)))
    study = read(paths)
    volume = ct(study).volume
    assert volume.unit == "HU"
    np.testing.assert_array_equal(volume.data, np.stack([disk(high=60 + i, low=-1000) for i in range(5)]))
    expected = [[0.7, 0, 0, -10], [0, 0.8, 0, -20], [0, 0, 3, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(volume.geometry.affine, expected)
    assert volume.geometry.known
    assert codes(study) == []
    assert study.source["gappy"] is False


def test_hash_does_not_depend_on_order_or_names(tmp_path: Path) -> None:
    slices = [ct_slice(i) for i in range(5)]
    first = read(write(tmp_path / "a", *slices))
    random.Random(1).shuffle(slices)
    second = read(write(tmp_path / "b", *slices, stem="other"))
    assert first.inputs[0].sha256 == second.inputs[0].sha256
    assert (first.inputs[0].kind, first.inputs[0].frames) == ("dicom-ct", 5)


def test_slope_and_intercept_are_per_slice_and_fractional(tmp_path: Path) -> None:
    stored = np.full((32, 32), 2048, np.uint16)
    slices = []
    for i, (slope, intercept) in enumerate([(0.5, -1000), (0.53125, -1024.5), (1, 0), (0.25, -1000), (1, -1000)]):
        ds = ct_slice(i, RescaleSlope=slope, RescaleIntercept=intercept)
        set_pixels(ds, stored)
        slices.append(ds)
    data = ct(read(write(tmp_path, *slices))).volume.data
    np.testing.assert_allclose(data[:, 0, 0], [24.0, 63.5, 2048.0, -488.0, 1048.0])


def test_padding_becomes_air(tmp_path: Path) -> None:
    hu = disk(high=60, low=-900).astype(np.int16)
    hu[0, :4] = [-2000, -3024, -1025, -1024]
    ds = put(ct_slice(), {"RescaleIntercept": 0, "PixelPaddingValue": -2000})
    set_pixels(ds, hu)
    data = ct(read(write(tmp_path, ds))).volume.data
    assert data[0, 0, :4].tolist() == [-1024.0] * 4
    assert data[0, 0, 4] == hu[0, 4]


def test_padding_value_within_the_range_of_tissue(tmp_path: Path) -> None:
    hu = disk(high=60, low=-900)
    stored = (hu + 1024).astype(np.uint16)
    stored[0, 0] = 63536
    ds = ct_slice()
    set_pixels(ds, stored)
    ds.add_new("PixelPaddingValue", "US", 63536)
    assert ct(read(write(tmp_path, ds))).volume.data[0, 0, 0] == -1024.0


@pytest.mark.parametrize(("stored", "high"), [(12, 11), (12, 13), (12, 15)])
def test_unused_bits_are_removed_and_the_sign_extended(tmp_path: Path, stored: int, high: int) -> None:
    hu = np.clip(disk(high=60, low=-1000), -2048, 2047).astype(np.int16)
    shift = high + 1 - stored
    noisy = ((hu.astype(np.uint16) & 0x0FFF) << shift).astype(np.uint16)
    if high < 15:
        noisy[::2] |= 1 << 15
    ds = ct_slice(RescaleIntercept=0)
    set_pixels(ds, noisy)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = stored, high, 1
    np.testing.assert_array_equal(ct(read(write(tmp_path, ds))).volume.data[0], hu)


@pytest.mark.parametrize(
    "syntax",
    [
        uid.ImplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.RLELossless,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
    ],
)
def test_transfer_syntaxes_give_the_same_values(tmp_path: Path, syntax: str) -> None:
    from dicom_factory import recode

    plain = ct(read(write(tmp_path / "plain", *(ct_slice(i) for i in range(2))))).volume.data
    coded = ct(read(write(tmp_path / "coded", *(recode(ct_slice(i), syntax) for i in range(2))))).volume.data
    np.testing.assert_array_equal(plain, coded)


def test_big_endian(tmp_path: Path) -> None:
    from dicom_factory import CT_CLASS, base, place

    hu = disk(high=60, low=-1000)
    ds = base(CT_CLASS, "CT", (hu + 1024).astype(np.uint16), uid.ExplicitVRBigEndian)
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    place(ds, 0, 3.0)
    np.testing.assert_array_equal(ct(read(write(tmp_path, ds))).volume.data[0], hu)


def test_gantry_tilt_stays_in_the_affine(tmp_path: Path) -> None:
    shear = np.tan(np.radians(15.0))
    slices = [ct_slice(i, ImagePositionPatient=[-10, -20 + 3 * i * shear, 3 * i]) for i in range(6)]
    study = read(write(tmp_path, *slices))
    assert ct(study).volume.geometry.affine[1, 2] == pytest.approx(3 * shear)
    assert study.source["tilt_deg"] == pytest.approx(15.0)
    assert ct(study).facts.gantry_tilt_deg == pytest.approx(15.0)
    assert ct(study).volume.geometry.voxel_ml == pytest.approx(0.7 * 0.8 * 3 / 1000)


@pytest.mark.parametrize(
    ("places", "gappy", "uneven"),
    [
        ((0, 1, 2, 3, 4, 5), False, False),
        ((0, 1, 2, 4, 5, 6), True, True),
        ((0, 1, 2), True, False),
        ((0, 1, 2, 3.2, 4.2, 5.2), False, True),
    ],
)
def test_gaps_withhold_the_volume(tmp_path: Path, places: tuple[float, ...], gappy: bool, uneven: bool) -> None:
    slices = [ct_slice(i, ImagePositionPatient=[-10, -20, 3 * z]) for i, z in enumerate(places)]
    study = read(write(tmp_path, *slices))
    assert (study.source["gappy"], study.source["uneven"]) == (gappy, uneven)
    assert ("W_PARTIAL" in codes(study)) == gappy
    assert ct(study).volume.geometry.spacing[0] == pytest.approx(3.0)


def test_identical_copies_are_dropped(tmp_path: Path) -> None:
    slices = [ct_slice(i) for i in (0, 1, 2, 3, 4, 2)]
    study = read(write(tmp_path, *slices))
    assert ct(study).volume.data.shape[0] == 5
    assert study.source["duplicates"] == 1


def test_different_images_at_one_place_contradict(tmp_path: Path) -> None:
    slices = [ct_slice(i) for i in range(5)] + [ct_slice(9, ImagePositionPatient=[-10, -20, 6])]
    assert refused(write(tmp_path, *slices)) == "E_SLICES"


def test_a_stray_slice_contradicts(tmp_path: Path) -> None:
    slices = [ct_slice(i) for i in range(6)]
    slices[3].ImagePositionPatient = [30, -20, 9]
    assert refused(write(tmp_path, *slices)) == "E_SLICES"


def test_a_series_with_some_positions_missing_is_refused(tmp_path: Path) -> None:
    slices = [ct_slice(i) for i in range(6)]
    del slices[3].ImagePositionPatient
    assert refused(write(tmp_path, *slices)) == "E_SLICES"


def test_phases_in_one_series_are_told_apart_by_acquisition(tmp_path: Path) -> None:
    early = [ct_slice(i, AcquisitionNumber=1) for i in range(5)]
    late = [ct_slice(i, disk(high=150, low=-1000), AcquisitionNumber=2) for i in range(5)]
    study = read(write(tmp_path, *early, *late))
    assert ct(study).volume.data.shape[0] == 5
    assert len(study.source["other_series"]) == 1


def test_without_positions_the_geometry_is_unknown(tmp_path: Path) -> None:
    names = ("ImagePositionPatient", "ImageOrientationPatient")
    slices = [ct_slice(i, InstanceNumber=i + 1, **dict.fromkeys(names)) for i in (3, 1, 0, 2)]
    volume = ct(read(write(tmp_path, *slices))).volume
    assert not volume.geometry.known
    np.testing.assert_array_equal(volume.data, np.stack([disk(high=60 + i, low=-1000) for i in range(4)]))


def test_series_uids_that_differ_slice_by_slice_are_one_volume(tmp_path: Path) -> None:
    slices = [ct_slice(i, SeriesInstanceUID=f"1.2.{i}", StudyInstanceUID=f"1.3.{i}") for i in range(6)]
    assert ct(read(write(tmp_path, *slices))).volume.data.shape[0] == 6


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"SeriesDescription": "abd native"}, {"ContrastBolusAgent": "Ultravist", "ContrastBolusRoute": "IV"}),
        ({"SeriesDescription": "abdomen w/o"}, {"SeriesDescription": "abdomen portal venous"}),
        ({"SeriesDescription": "abdomen without contrast"}, {"SeriesDescription": "abdomen with contrast"}),
        (
            {"StudyDescription": "CT ABD W/O & W CONTRAST"},
            {"StudyDescription": "CT ABD W/O & W CONTRAST", "ContrastBolusAgent": "Omnipaque"},
        ),
        ({"SeriesDescription": "abdomen with oral contrast"}, {"SeriesDescription": "abdomen with contrast"}),
        ({"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f"}),
        ({"ConvolutionKernel": "STANDARD"}, {"ConvolutionKernel": "LUNG"}),
        ({"SliceThickness": 1}, {"SliceThickness": 5}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}, {"ImageType": ["DERIVED", "SECONDARY", "MPR"]}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}, {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
        ({"KVP": 120}, {"KVP": 80}),
        ({"ContrastBolusAgent": "Gastrografin", "ContrastBolusRoute": "ORAL"}, {"ContrastBolusAgent": "Iomeron"}),
    ],
)
@pytest.mark.parametrize("swap", [False, True])
def test_the_measurable_series_is_chosen(
    tmp_path: Path, better: dict[str, Any], worse: dict[str, Any], swap: bool
) -> None:
    uids = ("1.2.2", "1.2.1") if swap else ("1.2.1", "1.2.2")
    good = [ct_slice(i, SeriesInstanceUID=uids[0], **better) for i in range(6)]
    bad = [ct_slice(i, SeriesInstanceUID=uids[1], **worse) for i in range(6)]
    study = read(write(tmp_path, *good, *bad))
    assert study.source["series"]["uid"] == uids[0]
    assert study.source["other_series"][0]["uid"] == uids[1]
    assert study.source["other_series"][0]["reason"]
    assert "W_IGNORED" in codes(study)
    chosen = read(write(tmp_path, *good, *bad), series=uids[1])
    assert chosen.source["series"]["uid"] == uids[1]


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"RescaleSlope": "nan"}, "E_NAN"),
        ({"RescaleIntercept": "inf"}, "E_NAN"),
        ({"RescaleSlope": 0}, "E_SCALE"),
        ({"RescaleIntercept": -9000}, "E_SCALE"),
        ({"RescaleSlope": None, "RescaleIntercept": None}, "E_SCALE"),
        ({"RescaleSlope": "1e300"}, "E_FORMAT"),
        ({"Rows": None}, "E_FORMAT"),
        ({"Rows": 33}, "E_TRUNCATED"),
        ({"Rows": 16}, "E_SIZE"),
        ({"Columns": 60000}, "E_BOMB"),
        ({"NumberOfFrames": 2**30}, "E_BOMB"),
        ({"NumberOfFrames": 2**31 - 1, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "E_BOMB"),
        ({"Modality": "NM", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.20"}, "E_MODALITY"),
        ({"PixelData": None}, "E_NOPIXELS"),
        ({"BitsStored": 17}, "E_FORMAT"),
        ({"BitsStored": 8, "HighBit": 7}, "E_DEPTH"),
        ({"SamplesPerPixel": 4}, "E_FORMAT"),
    ],
)
def test_bad_headers_are_coded(tmp_path: Path, tags: dict[str, Any], code: str) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = ct_slice(**tags)
        paths = write(tmp_path, ds)
    assert refused(paths) == code


def test_eight_bit_ct_is_refused_unless_asked_for(tmp_path: Path) -> None:
    ds = ct_slice()
    set_pixels(ds, disk(high=200).astype(np.uint8))
    paths = write(tmp_path, ds)
    assert refused(paths) == "E_DEPTH"
    assert ct(read(paths, allow_eight_bit=True)).volume.data.shape == (1, 32, 32)


def test_facts_are_read_and_empty_tags_are_none(tmp_path: Path) -> None:
    full = ct_slice(
        ContrastBolusAgent="Iomeron",
        ContrastBolusRoute="IV",
        ConvolutionKernel="B30f",
        SeriesDescription="venous",
        ProtocolName="abd",
        StudyDescription="CT",
        PatientAge="045Y",
        PatientSex="F",
        GantryDetectorTilt=0,
    )
    study = read(write(tmp_path / "full", full))
    facts = ct(study).facts
    assert (facts.kvp, facts.contrast_agent, facts.contrast_route) == (120.0, "Iomeron", "IV")
    assert (facts.series_text, facts.kernel, facts.slice_thickness_mm) == ("venous abd", "B30f", 3.0)
    assert (study.patient.age_years, study.patient.sex, study.patient.patient_id) == (45.0, "F", "P1")
    empty = ct_slice(KVP="", ContrastBolusAgent="", ConvolutionKernel="", PatientID="", PatientAge="", PatientSex="")
    study = read(write(tmp_path / "empty", empty))
    facts = ct(study).facts
    assert (facts.kvp, facts.contrast_agent, facts.kernel, facts.series_text) == (None, None, None, "")
    assert (study.patient.age_years, study.patient.sex, study.patient.patient_id) == (None, None, None)


@pytest.mark.parametrize(
    ("tags", "age"),
    [
        ({"PatientAge": "006M"}, 0.5),
        ({"PatientBirthDate": "19740501"}, 50.0),
        ({"PatientAge": "999Y"}, None),
        ({"PatientAge": "old"}, None),
        ({"PatientBirthDate": "19741301"}, None),
    ],
)
def test_age(tmp_path: Path, tags: dict[str, Any], age: float | None) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = write(tmp_path, ct_slice(**tags))
    assert read(paths).patient.age_years == pytest.approx(age, abs=0.01)
