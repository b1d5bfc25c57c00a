"""Ultrasound: calibration, grey and colour, clips and views, secondary captures."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_factory import SC_CLASS, base, disk, encode, recode, region, us_image, write
from pydicom import uid
from pydicom.pixels import convert_color_space
from pydicom.sequence import Sequence

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Study, USScan, USView
from steatoscope.imaging.io.dicom_study import read_dicom_study
from steatoscope.imaging.io.options import ReadOptions

GREY = disk(160, 0, 220).astype(np.uint8)


def read(paths: list[Path], **options: Any) -> Study:
    return read_dicom_study(paths, ReadOptions(**options))


def view(study: Study) -> USView:
    assert isinstance(study.scan, USScan)
    assert len(study.scan.views) == 1
    return study.scan.views[0]


def codes(study: Study) -> list[str]:
    return [note.code for note in study.notes]


def refused(paths: list[Path], **options: Any) -> str:
    with pytest.raises(SteatoscopeError) as caught:
        read(paths, **options)
    return caught.value.code


def test_single_image_with_its_region(tmp_path: Path) -> None:
    study = read(write(tmp_path, us_image(Manufacturer="ACME", DepthOfScanField=160)))
    clip = view(study).clip
    np.testing.assert_array_equal(clip.frames, GREY[None])
    assert clip.pixel_mm == pytest.approx((0.4, 0.4))
    assert clip.region == (10, 5, 150, 155)
    facts = view(study).facts
    assert (facts.transducer_frequency_mhz, facts.depth_mm, facts.manufacturer) == (3.5, 160.0, "ACME")
    assert codes(study) == []
    assert (study.inputs[0].kind, study.inputs[0].frames) == ("dicom-us", 1)


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ([{"RegionSpatialFormat": 2}], None),
        ([{"RegionDataType": 2}], None),
        ([{"PhysicalUnitsXDirection": 4}], None),
        ([{"PhysicalDeltaX": -0.04, "PhysicalDeltaY": -0.05}], (0.5, 0.4)),
        ([{"PhysicalDeltaX": 0}], None),
        ([{"RegionLocationMaxX1": 40}, {"PhysicalDeltaX": 0.02, "PhysicalDeltaY": 0.02}], (0.2, 0.2)),
        ([{"RegionFlags": 1}, {"RegionLocationMaxX1": 90, "PhysicalDeltaX": 0.03, "PhysicalDeltaY": 0.03}], (0.3, 0.3)),
        ([{"RegionLocationMaxX1": 5000}], (0.4, 0.4)),
        ([{"RegionLocationMinX0": 149, "RegionLocationMaxX1": 10}], None),
    ],
)
def test_regions(tmp_path: Path, regions: list[dict[str, Any]], expected: tuple[float, float] | None) -> None:
    ds = us_image(SequenceOfUltrasoundRegions=Sequence([region(**tags) for tags in regions]))
    clip = view(read(write(tmp_path, ds))).clip
    assert clip.pixel_mm == (None if expected is None else pytest.approx(expected))
    assert (clip.region is None) == (expected is None)


def test_pixel_spacing_stands_in_and_must_agree(tmp_path: Path) -> None:
    alone = us_image(SequenceOfUltrasoundRegions=None, PixelSpacing=[0.3, 0.31])
    assert view(read(write(tmp_path / "a", alone))).clip.pixel_mm == (0.3, 0.31)
    agree = read(write(tmp_path / "b", us_image(PixelSpacing=[0.402, 0.4])))
    assert codes(agree) == []
    apart = read(write(tmp_path / "c", us_image(PixelSpacing=[0.41, 0.4])))
    assert codes(apart) == ["W_SPACING"]
    assert view(apart).clip.pixel_mm == pytest.approx((0.4, 0.4))


def rgb() -> np.ndarray:
    image = np.repeat(GREY[..., None], 3, axis=-1)
    image[20:40, 20:60] = (200, 30, 30)
    return image


@pytest.mark.parametrize("form", ["RGB", "planar", "YBR_FULL", "YBR_FULL_422", "RLE"])
def test_colour_becomes_grey_with_its_share(tmp_path: Path, form: str) -> None:
    image = rgb()
    ds = us_image(image)
    if form == "planar":
        ds.PlanarConfiguration, ds.PixelData = 1, image.transpose(2, 0, 1).tobytes()
    elif form.startswith("YBR"):
        ybr = convert_color_space(image, "RGB", "YBR_FULL")
        ds.PhotometricInterpretation, ds.PixelData = form, ybr.tobytes()
        if form == "YBR_FULL_422":
            pairs = ybr.reshape(160, 80, 2, 3)
            packed = np.stack([pairs[:, :, 0, 0], pairs[:, :, 1, 0], pairs[:, :, 0, 1], pairs[:, :, 0, 2]], axis=-1)
            ds.PixelData = packed.tobytes()
    elif form == "RLE":
        ds = recode(ds, uid.RLELossless)
    clip = view(read(write(tmp_path, ds))).clip
    assert clip.coloured is not None
    assert float(clip.coloured[0]) == pytest.approx(800 / 25600, abs=2e-3)
    assert abs(int(clip.frames[0, 30, 40]) - 81) <= 2
    outside = np.ones((160, 160), bool)
    outside[19:41, 18:62] = False
    assert np.abs(clip.frames[0][outside].astype(int) - GREY[outside]).max() <= 2


def test_inverted_and_palette(tmp_path: Path) -> None:
    inverted = us_image(PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(view(read(write(tmp_path / "a", inverted))).clip.frames[0], 255 - GREY)
    palette = us_image(PhotometricInterpretation="PALETTE COLOR")
    ramp = (np.arange(256) // 2).astype(np.uint8).tobytes()
    for name in ("Red", "Green", "Blue"):
        setattr(palette, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 8])
        setattr(palette, f"{name}PaletteColorLookupTableData", ramp)
    np.testing.assert_array_equal(view(read(write(tmp_path / "b", palette))).clip.frames[0], GREY // 2)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_grey_keeps_its_ratios(tmp_path: Path, bits: int) -> None:
    deep = GREY.astype(np.uint16) << (bits - 8)
    clip = view(read(write(tmp_path, us_image(deep, BitsStored=bits, HighBit=bits - 1)))).clip
    np.testing.assert_array_equal(clip.frames[0], GREY)


def test_eight_bit_values_in_sixteen_bits(tmp_path: Path) -> None:
    clip = view(read(write(tmp_path, us_image(GREY.astype(np.uint16))))).clip
    np.testing.assert_array_equal(clip.frames[0], GREY)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLSLossless])
def test_cine(tmp_path: Path, syntax: str) -> None:
    frames = np.stack([GREY, GREY // 2, GREY // 3])
    ds = us_image(frames, FrameTime=40)
    ds = ds if syntax == uid.ExplicitVRLittleEndian else recode(ds, syntax)
    clip = view(read(write(tmp_path, ds))).clip
    np.testing.assert_array_equal(clip.frames, frames)
    assert clip.frame_time_ms == 40.0


def test_single_frames_of_one_study_are_one_clip(tmp_path: Path) -> None:
    sets = [us_image(GREY // (n + 1), InstanceNumber=n) for n in (2, 0, 1)]
    clip = view(read(write(tmp_path, *sets))).clip
    np.testing.assert_array_equal(clip.frames, np.stack([GREY, GREY // 2, GREY // 3]))


def test_other_sizes_are_other_views(tmp_path: Path) -> None:
    study = read(write(tmp_path, us_image(), us_image(), us_image(disk(200, 0, 220).astype(np.uint8))))
    assert isinstance(study.scan, USScan)
    assert [v.clip.frames.shape for v in study.scan.views] == [(2, 160, 160), (1, 200, 200)]
    assert [i.frames for i in study.inputs] == [2, 1]


def test_secondary_capture_is_ultrasound_with_a_warning(tmp_path: Path) -> None:
    ds = base(SC_CLASS, "OT", rgb())
    ds.LossyImageCompression = "01"
    study = read(write(tmp_path, ds))
    assert codes(study) == ["W_SECONDARY", "W_LOSSY"]
    assert view(study).facts.secondary_capture
    assert view(study).facts.lossy
    assert refused(write(tmp_path, ds), modality="CT") == "E_DEPTH"


def test_wrong_modality_and_size(tmp_path: Path) -> None:
    assert refused(write(tmp_path / "a", us_image()), modality="CT") == "E_MODALITY"
    assert refused(write(tmp_path / "b", us_image(disk(100).astype(np.uint8)))) == "E_SIZE"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize(
    "syntax",
    [
        uid.ExplicitVRLittleEndian,
        uid.RLELossless,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
        uid.DeflatedExplicitVRLittleEndian,
    ],
)
def test_cut_files_are_truncated(tmp_path: Path, syntax: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (160, 160), dtype=np.uint8)
    ds = us_image(noise)
    content = encode(ds if syntax == uid.ExplicitVRLittleEndian else recode(ds, syntax))
    path = tmp_path / "cut.dcm"
    path.write_bytes(content[: int(len(content) * share)])
    assert refused([path]) == "E_TRUNCATED"


def test_jpeg_baseline(tmp_path: Path) -> None:
    from io import BytesIO

    from PIL import Image
    from pydicom.encaps import encapsulate

    buffer = BytesIO()
    Image.fromarray(GREY).save(buffer, "JPEG", quality=95)
    ds = us_image()
    ds.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    ds.PixelData = encapsulate([buffer.getvalue()])
    ds["PixelData"].is_undefined_length = True
    study = read(write(tmp_path, ds))
    assert codes(study) == ["W_LOSSY"]
    assert np.abs(view(study).clip.frames[0].astype(int) - GREY).mean() < 2.0


def test_codestream_of_another_size_is_a_fault(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate, generate_frames

    big = recode(us_image(disk(400).astype(np.uint8)), uid.JPEG2000Lossless)
    ds = recode(us_image(), uid.JPEG2000Lossless)
    ds.PixelData = encapsulate(list(generate_frames(big.PixelData, number_of_frames=1)))
    assert refused(write(tmp_path, ds)) == "E_BOMB"


def test_deflate_bomb(tmp_path: Path) -> None:
    import zlib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = encode(recode(us_image(), uid.DeflatedExplicitVRLittleEndian))
    start = content.index(b"1.2.840.10008.1.2.1.99")
    end = 132 + 12 + int.from_bytes(content[140:144], "little")
    assert start < end
    header = zlib.decompress(content[end:], -15)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(header) + b"".join(packer.compress(bytes(2**20)) for _ in range(80)) + packer.flush()
    path = tmp_path / "bomb.dcm"
    path.write_bytes(content[:end] + body)
    assert refused([path]) == "E_BOMB"
