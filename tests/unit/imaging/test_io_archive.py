"""Zip archives: safe ones are read, unsafe ones refused."""

from __future__ import annotations

import io
import stat
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.archive import unpacked
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions


def png_bytes(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (140, 160), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def code_of(path: Path, **options: object) -> str:
    with pytest.raises(SteatoscopeError) as caught:
        load_study([path], ReadOptions(**options))
    assert str(path) in (caught.value.path or "")
    return caught.value.code


def test_a_zip_is_read_like_its_folder(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"c.png": png_bytes(2)}).read_bytes()
    entries = {"s/a.png": png_bytes(0), "s/b.png": png_bytes(1), "s/notes.txt": b"words", "inner.zip": inner}
    study = load_study([zipped(tmp_path / "a.zip", entries)], ReadOptions())
    assert study.scan.views[0].clip.frames.shape == (2, 140, 160)
    assert study.inputs[0].path == str(tmp_path / "a.zip" / "s")
    assert study.source["ignored"] == ["inner.zip", "s/notes.txt"]


def test_the_temporary_folder_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    load_study([zipped(tmp_path / "a.zip", {"a.png": png_bytes()})], ReadOptions())
    assert code_of(zipped(tmp_path / "b.zip", {"a.png": png_bytes()[:200]})) == "E_TRUNCATED"
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/evil.png", "C:\\evil.png", "a\\..\\..\\e.png"])
def test_entries_outside_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "a.zip", {"good.png": png_bytes(), name: png_bytes()})
    assert code_of(path) == "E_ARCHIVE"
    assert not (tmp_path / "evil.png").exists()


def test_symbolic_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert code_of(tmp_path / "a.zip") == "E_ARCHIVE"


def test_encrypted_archives_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": png_bytes()})
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    for place in (6, directory + 8):
        (flags,) = struct.unpack_from("<H", content, place)
        struct.pack_into("<H", content, place, flags | 1)
    path.write_bytes(content)
    with pytest.raises(SteatoscopeError, match="encrypted") as caught:
        load_study([path], ReadOptions())
    assert caught.value.code == "E_ARCHIVE"


def test_damaged_and_cut_archives_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": png_bytes()})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert code_of(path) == "E_TRUNCATED"
    damaged = bytearray(whole)
    damaged[2000:2100] = bytes(100)
    path.write_bytes(damaged)
    assert code_of(path) == "E_ARCHIVE"


def test_bombs_are_judged_by_the_directory(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": png_bytes(), "zeros.bin": bytes(80 * 1024**2)})
    assert code_of(path) == "E_BOMB"
    small = zipped(tmp_path / "b.zip", {"a.png": png_bytes(0), "b.png": png_bytes(1)})
    assert code_of(small, max_bytes=30_000) == "E_BOMB"


def test_a_lying_directory_is_caught_while_unpacking(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.bin": bytes(1_000_000)})
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, directory + 24, 1000)
    path.write_bytes(content)
    with pytest.raises(SteatoscopeError) as caught, unpacked(path):
        pass
    assert caught.value.code in ("E_BOMB", "E_ARCHIVE")


def test_empty_archives_are_empty(tmp_path: Path) -> None:
    assert code_of(zipped(tmp_path / "a.zip", {})) == "E_EMPTY"


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    assert code_of(zipped(tmp_path / "a.zip", {f"{n}.txt": b"x" for n in range(20_001)})) == "E_ARCHIVE"
