"""Raster images and folders of frames."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import CTScan, MRScan, Study, USScan
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions


def speckle(rows: int = 140, columns: int = 160, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns), dtype=np.uint8)


def save(path: Path, array: np.ndarray, **parameters: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **parameters)
    return path


def frames_of(study: Study) -> np.ndarray:
    assert isinstance(study.scan, USScan)
    return study.scan.views[0].clip.frames


def read(*paths: Path, **options: object) -> Study:
    return load_study(paths, ReadOptions(**options))


def code_of(*paths: Path, **options: object) -> str:
    with pytest.raises(SteatoscopeError) as caught:
        read(*paths, **options)
    assert caught.value.path
    return caught.value.code


def test_grey_png_is_read_unchanged(tmp_path: Path) -> None:
    pixels = speckle()
    study = read(save(tmp_path / "a.png", pixels))
    assert np.array_equal(frames_of(study)[0], pixels)
    assert study.inputs[0].kind == "png-frames"
    assert study.notes == ()
    assert study.scan.views[0].clip.pixel_mm is None


def test_a_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    file = save(tmp_path / "a.png", speckle()).rename(tmp_path / "a.dcm")
    assert frames_of(read(file)).shape == (1, 140, 160)


def test_grey_rgb_keeps_its_values_and_has_no_colour(tmp_path: Path) -> None:
    pixels = speckle()
    study = read(save(tmp_path / "a.png", np.stack([pixels] * 3, axis=-1)))
    assert np.array_equal(frames_of(study)[0], pixels)
    assert study.scan.views[0].clip.coloured[0] == 0.0


def test_coloured_share_counts_pixels_beyond_twenty_levels(tmp_path: Path) -> None:
    rgb = np.full((200, 200, 3), 100, dtype=np.uint8)
    rgb[:50, :, 0] = 121
    rgb[50:100, :, 2] = 80
    assert read(save(tmp_path / "a.png", rgb)).scan.views[0].clip.coloured[0] == pytest.approx(0.25)


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "CMYK", "1"])
def test_other_modes_give_grey_frames(tmp_path: Path, mode: str) -> None:
    pixels = (speckle() > 127).astype(np.uint8) * 255
    name = "a.tif" if mode == "CMYK" else "a.png"
    Image.fromarray(pixels).convert("RGB" if mode == "CMYK" else "L").convert(mode).save(tmp_path / name)
    assert np.abs(frames_of(read(tmp_path / name))[0].astype(int) - pixels).max() <= 1


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    rgba = np.full((140, 160, 4), 200, dtype=np.uint8)
    rgba[:70, :, 3] = 0
    rgba[70:, :, 3] = 255
    frame = frames_of(read(save(tmp_path / "a.png", rgba)))[0]
    assert frame[:70].max() == 0
    assert frame[70:].min() == 200


@pytest.mark.parametrize("white", [255, 1023, 4095, 65535])
def test_sixteen_bits_are_scaled_by_their_depth(tmp_path: Path, white: int) -> None:
    deep = (speckle().astype(np.float64) / 255.0 * white).round().astype(np.uint16)
    deep[0, 0] = white
    frame = frames_of(read(save(tmp_path / "a.png", deep)))[0]
    assert np.abs(frame - deep * (255.0 / white)).max() <= 0.51


def test_jpeg_is_marked_lossy_and_turned_by_exif(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 200).astype(np.uint8), (140, 1))
    exif = Image.Exif()
    exif[0x0112] = 6
    study = read(save(tmp_path / "a.jpg", ramp, quality=95, exif=exif))
    frame = frames_of(study)[0]
    assert frame.shape == (200, 140)
    assert frame[-1].mean() - frame[0].mean() > 240
    assert [note.code for note in study.notes] == ["W_LOSSY"]
    assert study.scan.views[0].facts.lossy


def test_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    frames = [speckle(seed=seed) for seed in range(3)]
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(tmp_path / "a.tif", save_all=True, append_images=others)
    assert np.array_equal(frames_of(read(tmp_path / "a.tif")), frames)


def test_a_folder_is_one_clip_in_natural_order(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        save(tmp_path / f"frame_{number}.png", np.full((140, 160), number, np.uint8) + speckle() // 4)
    study = read(tmp_path)
    order = frames_of(study)[:, 0, 0].astype(int)
    assert np.array_equal(np.diff(order), [1, 8])
    assert study.inputs[0].frames == 3
    assert study.inputs[0].path == str(tmp_path)


def test_hash_of_a_folder_depends_on_content_only(tmp_path: Path) -> None:
    for folder, names in (("a", "xy"), ("b", "yz")):
        for seed, name in enumerate(names):
            save(tmp_path / folder / f"{name}.png", speckle(seed=seed))
    assert read(tmp_path / "a").inputs[0].sha256 == read(tmp_path / "b").inputs[0].sha256


def test_frames_of_another_size_masks_and_text_are_left_out(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"f{number}.png", speckle(seed=number))
    save(tmp_path / "big.png", speckle(300, 300))
    save(tmp_path / "f0_liver.png", (speckle() > 100).astype(np.uint8) * 255)
    save(tmp_path / "LiverROI.png", speckle())
    (tmp_path / "notes.txt").write_text("free text")
    study = read(tmp_path)
    assert frames_of(study).shape == (3, 140, 160)
    assert study.source["ignored"] == ["big.png", "f0_liver.png", "LiverROI.png", "notes.txt"]
    assert [note.code for note in study.notes] == ["W_IGNORED"]


def test_views_are_named(tmp_path: Path) -> None:
    first, second = save(tmp_path / "a.png", speckle()), save(tmp_path / "b" / "b.png", speckle(200, 150))
    study = load_study([], ReadOptions(views={"AR": first, "HR": second.parent}))
    assert [(view.name, view.clip.frames.shape) for view in study.scan.views] == [
        ("AR", (1, 140, 160)),
        ("HR", (1, 200, 150)),
    ]
    assert [file.view for file in study.inputs] == ["AR", "HR"]


def test_wrong_rasters_have_codes(tmp_path: Path) -> None:
    good = save(tmp_path / "good.png", speckle()).read_bytes()
    (tmp_path / "cut.png").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("not an image")
    save(tmp_path / "small.png", speckle(127, 300))
    assert code_of(tmp_path / "cut.png") == "E_TRUNCATED"
    assert code_of(tmp_path / "empty.png") == "E_EMPTY"
    assert code_of(tmp_path / "text.png") == "E_FORMAT"
    assert code_of(tmp_path / "small.png") == "E_SIZE"
    assert code_of(tmp_path / "absent.png") == "E_PATH"
    (tmp_path / "folder").mkdir()
    assert code_of(tmp_path / "folder") == "E_EMPTY"
    (tmp_path / "folder" / "a.txt").write_text("words")
    assert code_of(tmp_path / "folder") == "E_FORMAT"


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95, 0.999])
def test_cut_jpeg_and_tiff_are_truncated(tmp_path: Path, share: float) -> None:
    for name in ("a.jpg", "a.tif"):
        whole = save(tmp_path / name, speckle()).read_bytes()
        (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
        assert code_of(tmp_path / name) == "E_TRUNCATED"


@pytest.mark.parametrize("missing", [5, 20, 60, 110, 180])
def test_a_tiff_whose_directory_is_cut_is_truncated(tmp_path: Path, missing: int) -> None:
    Image.fromarray(speckle()).save(tmp_path / "a.tif", compression="tiff_lzw")
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[:-missing])
    assert code_of(tmp_path / "a.tif") == "E_TRUNCATED"


def test_eight_bit_ct_and_mr_are_refused_unless_allowed(tmp_path: Path) -> None:
    eight, deep = save(tmp_path / "a.png", speckle()), save(tmp_path / "b.png", speckle().astype(np.uint16) * 200)
    assert code_of(eight, modality="CT") == "E_DEPTH"
    assert code_of(eight, modality="MR") == "E_DEPTH"
    assert code_of(deep, modality="CT") == "E_DEPTH"
    allowed = read(eight, modality="CT", allow_eight_bit=True).scan
    assert isinstance(allowed, CTScan)
    assert allowed.volume.unit == "au"
    plain = read(deep, modality="MR").scan
    assert isinstance(plain, MRScan)
    assert plain.echoes is None
    assert plain.pdff is None


def png_bomb(path: Path, side: int) -> Path:
    """A valid PNG of side x side black pixels in a few hundred kilobytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packer = zlib.compressobj(9)
    row = b"\x00" + bytes((side + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return path


def test_a_png_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    bomb = png_bomb(tmp_path / "bomb.png", 50_000)
    start = time.perf_counter()
    assert code_of(bomb) == "E_BOMB"
    assert time.perf_counter() - start < 1.0
    assert code_of(png_bomb(tmp_path / "wide.png", 4097)) == "E_BOMB"


@pytest.mark.realdata
def test_real_frames(data_dir: Path) -> None:
    study = read(data_dir / "us" / "byra2018" / "patient_07")
    assert frames_of(study).shape == (10, 434, 636)
    assert study.scan.views[0].clip.coloured.max() == 0.0
