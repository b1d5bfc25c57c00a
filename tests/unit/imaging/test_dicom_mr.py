"""MR: multi-echo trains from many layouts, fat-fraction maps of all scales, enhanced objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_factory import disk, mr_slice, put, set_pixels, write
from dicom_mr_factory import SLICES, TIMES, all_parts, enhanced, fat, map_slice, part_slice, signal

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import MRScan, Study
from steatoscope.imaging.io.dicom_study import read_dicom_study
from steatoscope.imaging.io.options import ReadOptions


def read(paths: list[Path], **options: Any) -> Study:
    return read_dicom_study(paths, ReadOptions(**options))


def mr(study: Study) -> MRScan:
    assert isinstance(study.scan, MRScan)
    return study.scan


def refused(paths: list[Path]) -> str:
    with pytest.raises(SteatoscopeError) as caught:
        read(paths)
    return caught.value.code


def check(scan: MRScan, kind: str) -> None:
    assert scan.echoes is not None
    assert scan.echoes.kind == kind
    np.testing.assert_allclose(scan.echoes.echo_times_s, np.array(TIMES) / 1000)
    assert scan.echoes.field_strength_t == 1.5
    truth = signal() if kind == "complex" else np.abs(signal())
    assert float(np.abs(scan.echoes.data - truth).max()) < 1500 * 2 * np.pi / 4096 + 1
    assert scan.anatomy.data.shape == (SLICES, 32, 32)
    np.testing.assert_allclose(scan.echoes.geometry.spacing, (4.0, 0.8, 0.7))


@pytest.mark.parametrize("parts", ["MP", "RI", "M", "MPRI"])
def test_trains_in_one_series(tmp_path: Path, parts: str) -> None:
    study = read(write(tmp_path, *reversed(all_parts(parts))))
    check(mr(study), "magnitude" if parts == "M" else "complex")
    assert study.inputs[0].kind == "dicom-mr"


@pytest.mark.parametrize("by", ["echo", "part", "both"])
def test_trains_over_several_series(tmp_path: Path, by: str) -> None:
    sets = all_parts("MP")
    for ds in sets:
        echo = TIMES.index(float(ds.EchoTime)) if by != "part" else 0
        part = "MP".index(ds.ImageType[2]) if by != "echo" else 0
        ds.SeriesInstanceUID, ds.SeriesNumber = f"1.2.{echo}.{part + 1}", 2 * echo + part
    check(mr(read(write(tmp_path, *sets))), "complex")
    check(mr(read(write(tmp_path, *sets), series=sets[-1].SeriesInstanceUID)), "complex")


def test_a_repeated_acquisition_is_another_train(tmp_path: Path) -> None:
    first, second = all_parts("MP"), all_parts("MP")
    for number, sets in enumerate((first, second)):
        for ds in sets:
            ds.SeriesInstanceUID = f"1.2.{number}.{'MP'.index(ds.ImageType[2]) + 1}"
            ds.SeriesNumber = 10 * number + "MP".index(ds.ImageType[2])
    study = read(write(tmp_path, *first, *second))
    check(mr(study), "complex")
    assert len(study.source["other_series"]) == 1


@pytest.mark.parametrize("implicit", [False, True])
def test_ge_private_component(tmp_path: Path, implicit: bool) -> None:
    sets = all_parts("RI")
    for ds in sets:
        component = {"R": 2, "I": 3}[ds.ImageType[2]]
        ds.ImageType, ds.Manufacturer = ["ORIGINAL", "PRIMARY", "OTHER"], "GE MEDICAL SYSTEMS"
        block = ds.private_block(0x0043, "GEMS_PARM_01", create=True)
        block.add_new(0x2F, "SS", component)
        if implicit:
            ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    check(mr(read(write(tmp_path, *sets))), "complex")


@pytest.mark.parametrize("form", ["siemens", "philips", "ge", "signed12", "radians"])
def test_phase_formats(tmp_path: Path, form: str) -> None:
    sets = all_parts("MP")
    for ds in sets:
        if ds.ImageType[2] != "P":
            continue
        echo, index = TIMES.index(float(ds.EchoTime)), int(float(ds.ImagePositionPatient[2]) / 4)
        turn = (np.angle(signal()[echo, index]) + np.pi) / (2 * np.pi)
        steps = np.floor(turn * 4096).clip(0, 4095)
        if form == "philips":
            set_pixels(ds, np.rint(turn * 4095).astype(np.uint16), 12)
            ds.RescaleSlope, ds.RescaleIntercept = round(2 * 3142 / 4095, 5), -3142
        elif form == "ge":
            set_pixels(ds, np.rint(2000 * np.pi * turn - 1000 * np.pi).astype(np.int16))
            del ds.RescaleSlope, ds.RescaleIntercept
        elif form == "signed12":
            set_pixels(ds, (steps - 2048).astype(np.int16), 12)
            del ds.RescaleSlope, ds.RescaleIntercept
        elif form == "radians":
            set_pixels(ds, steps.astype(np.uint16), 12)
            ds.RescaleSlope, ds.RescaleIntercept = "0.001533981", "-3.141592654"
    check(mr(read(write(tmp_path, *sets))), "complex")


@pytest.mark.parametrize(
    ("tags", "field"),
    [
        ({"MagneticFieldStrength": 15000}, 1.5),
        ({"MagneticFieldStrength": None, "ImagingFrequency": 63.866}, 1.5),
        ({"MagneticFieldStrength": 2.89}, 2.89),
    ],
)
def test_field_strength(tmp_path: Path, tags: dict[str, Any], field: float) -> None:
    sets = [part_slice(e, z, "M", **tags) for e in range(3) for z in range(SLICES)]
    echoes = mr(read(write(tmp_path, *sets))).echoes
    assert echoes is not None
    assert echoes.field_strength_t == pytest.approx(field, rel=1e-3)


def test_unknown_field_or_echo_times_are_refused(tmp_path: Path) -> None:
    sets = [part_slice(e, z, "M", MagneticFieldStrength=None) for e in range(3) for z in range(SLICES)]
    assert refused(write(tmp_path / "field", *sets)) == "E_TE"
    for missing in (None, 2.3):
        sets = [part_slice(e, z, "M", EchoNumbers=e + 1) for e in range(3) for z in range(SLICES)]
        for ds in sets:
            put(ds, {"EchoTime": missing})
        assert refused(write(tmp_path / f"times{missing}", *sets)) == "E_TE"


def test_echoes_with_different_slices_are_refused(tmp_path: Path) -> None:
    sets = [part_slice(e, z, "M") for e in range(3) for z in range(SLICES) if (e, z) != (1, 2)]
    assert refused(write(tmp_path, *sets)) == "E_SLICES"


def test_two_point_and_plain_series(tmp_path: Path) -> None:
    pair = [part_slice(e, z, "M") for e in (0, 1) for z in range(SLICES)]
    for ds in pair:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "OUT_PHASE" if float(ds.EchoTime) == TIMES[0] else "IN_PHASE"]
    scan = mr(read(write(tmp_path / "pair", *pair)))
    assert scan.echoes is not None
    assert (scan.echoes.kind, scan.echoes.data.shape[0]) == ("magnitude", 2)
    plain = mr(read(write(tmp_path / "plain", *(mr_slice(z) for z in range(SLICES)))))
    assert plain.echoes is None
    assert plain.pdff is None
    assert plain.anatomy.unit == "au"


@pytest.mark.parametrize(
    ("top", "tags"),
    [
        (1000, {}),
        (100, {}),
        (1000, {"RescaleSlope": 0.1, "RescaleIntercept": 0}),
        (1000, {"RescaleSlope": 0.001, "RescaleIntercept": 0}),
        (100, {"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "%"}),
        (4095, {"RescaleSlope": "0.0244200244", "RescaleIntercept": 0}),
        (4095, {"RescaleSlope": "0.0002442002", "RescaleIntercept": 0}),
    ],
)
def test_fat_fraction_maps_of_all_scales(tmp_path: Path, top: float, tags: dict[str, Any]) -> None:
    scan = mr(read(write(tmp_path, *(map_slice(z, fat(top), **tags) for z in range(SLICES)))))
    assert scan.pdff is not None
    assert scan.echoes is None
    assert scan.pdff.unit == "percent"
    np.testing.assert_allclose(scan.pdff.data[2], fat(100), atol=0.6)


@pytest.mark.parametrize("top", [100, 1000])
def test_a_masked_lean_liver_does_not_decide_the_scale(tmp_path: Path, top: float) -> None:
    masked = np.zeros((32, 32))
    masked[8:16, 8:16] = 0.07 * top
    assert refused(write(tmp_path, *(map_slice(z, masked) for z in range(SLICES)))) == "E_SCALE"


def test_a_scale_that_the_values_contradict_is_refused(tmp_path: Path) -> None:
    tags = {"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "%"}
    assert refused(write(tmp_path, *(map_slice(z, fat(1000), **tags) for z in range(SLICES)))) == "E_SCALE"


def test_the_map_is_shown_on_the_water_image_beside_it(tmp_path: Path) -> None:
    maps = [map_slice(z, fat(1000), SeriesInstanceUID="1.2.9") for z in range(SLICES)]
    water = [mr_slice(z, ImageType=["DERIVED", "PRIMARY", "WATER"]) for z in range(SLICES)]
    study = read(write(tmp_path, *maps, *water))
    assert study.source["series"]["uid"] == "1.2.9"
    np.testing.assert_array_equal(mr(study).anatomy.data[0], disk(high=2000, low=10))


def test_enhanced_mr(tmp_path: Path) -> None:
    order = [(e, z, part) for z in range(SLICES) for part in "PM" for e in (2, 0, 1)]
    ds = enhanced(order)
    study = read(write(tmp_path, ds))
    check(mr(study), "complex")
    assert study.inputs[0].frames == len(order)


def test_survey_in_three_orientations_is_plain(tmp_path: Path) -> None:
    sets = [mr_slice(z) for z in range(3)]
    sets += [
        mr_slice(z, ImageOrientationPatient=[1, 0, 0, 0, 0, -1], ImagePositionPatient=[0, 9 * z, 0]) for z in range(5)
    ]
    study = read(write(tmp_path, *sets))
    assert mr(study).echoes is None
    assert mr(study).anatomy.data.shape[0] == 3
    assert len(study.source["other_series"]) == 1


def test_eight_bit_mr_is_refused(tmp_path: Path) -> None:
    ds = mr_slice()
    set_pixels(ds, disk(high=200).astype(np.uint8))
    assert refused(write(tmp_path, ds)) == "E_DEPTH"
