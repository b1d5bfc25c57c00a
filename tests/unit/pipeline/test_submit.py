"""Files as they arrive become the files of one study: attacks, names, what is left out."""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pydicom
import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.sniff import sniff
from steatoscope.pipeline.submit import Rules, Staged, Submission, prepare
from upload_kit import HTML, SVG, ct_slice, png, zipped

PNG, PNG2 = png(1), png(2)


def code_of(patient_id: str) -> str:
    return f"P-{patient_id[::-1]}"


class Desk:
    """Takes files in, as a sender names them."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.root, self.stack = root, stack
        self.inbox, self.scratch = root / "inbox", root / "scratch"
        self.inbox.mkdir()
        self.scratch.mkdir()

    def take(self, files: Mapping[str, bytes], *, modality: str | None = None, keep: bool = False) -> Submission:
        staged = []
        for number, (name, content) in enumerate(files.items()):
            path = self.inbox / f"{number}"
            path.write_bytes(content)
            staged.append(Staged(name, path))
        rules = Rules(self.scratch, modality, None if keep else code_of)  # type: ignore[arg-type]
        return prepare(staged, rules, self.stack)

    def code(self, files: Mapping[str, bytes], **more: str) -> str:
        with pytest.raises(SteatoscopeError) as caught:
            self.take(files, **more)  # type: ignore[arg-type]
        assert str(self.root) not in str(caught.value.document())
        return caught.value.code


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(tmp_path, stack)


def names(made: Submission) -> list[str]:
    return [file.name for file in made.files]


def test_named_files_must_be_images(desk: Desk) -> None:
    assert desk.code({"a.png": PNG, "notes.txt": b"hello"}) == "E_FORMAT"
    assert desk.code({"a.png": PNG, "b.html": HTML}) == "E_FORMAT"
    assert desk.code({"a.png": PNG, "b.png": b""}) == "E_EMPTY"


def test_other_files_of_a_folder_are_left_out(desk: Desk) -> None:
    files = {"s/a.png": PNG, "s/readme.html": HTML, "s/x.svg": SVG, "s/in.zip": zipped({"b.png": PNG}), "s/e": b""}
    made = desk.take({**files, "s/.DS_Store": b"x"})
    assert names(made) == ["s/a.png"]
    assert sorted(one.name for one in made.left_out) == ["s/e", "s/in.zip", "s/readme.html", "s/x.svg"]


def test_a_zip_is_the_folder_that_it_holds(desk: Desk) -> None:
    made = desk.take(
        {"study.zip": zipped({"x/a.png": PNG, "x/b.png": PNG2, "x/notes.txt": b"hi", "__MACOSX/._a": b"m"})}
    )
    assert names(made) == ["x/a.png", "x/b.png"]
    assert [one.name for one in made.left_out] == ["x/notes.txt"]
    assert made.files[0].path.read_bytes() == PNG


def test_several_zips_have_a_folder_each(desk: Desk) -> None:
    made = desk.take({"one.zip": zipped({"a.png": PNG}), "two.zip": zipped({"a.png": PNG2})})
    assert names(made) == ["one/a.png", "two/a.png"]


def bomb(size: int) -> bytes:
    sink = io.BytesIO()
    with (
        zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.png", "w", force_zip64=True) as out,
    ):
        for _ in range(size >> 20):
            out.write(bytes(1 << 20))
    return sink.getvalue()


def test_a_bomb_is_refused_by_its_ratio(desk: Desk) -> None:
    assert desk.code({"bomb.zip": bomb(100 << 20)}) == "E_BOMB"
    assert not list(desk.scratch.iterdir())


def test_a_bomb_is_refused_by_its_announced_size(desk: Desk) -> None:
    content = bytearray(zipped({"a.png": PNG}))
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 0xF0000000)
    assert desk.code({"bomb.zip": bytes(content)}) == "E_BOMB"


def test_a_bomb_that_understates_its_size_is_refused(desk: Desk) -> None:
    content = bytearray(zipped({"a.bin": bytes(1 << 20)}))
    for magic, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = content.rindex(magic)
        content[at + offset : at + offset + 4] = struct.pack("<I", 100)
    assert desk.code({"bomb.zip": bytes(content)}) in ("E_ARCHIVE", "E_BOMB")


def test_an_archive_of_very_many_entries_is_refused(desk: Desk) -> None:
    assert desk.code({"many.zip": zipped({f"{n}": b"" for n in range(20_001)})}) == "E_ARCHIVE"


def test_nested_bombs_stay_packed(desk: Desk) -> None:
    inner = zipped({"b.zip": zipped({"c.png": PNG})})
    made = desk.take({"outer.zip": zipped({"a.png": PNG, "inner.zip": inner})})
    assert names(made) == ["a.png"]
    assert [one.name for one in made.left_out] == ["inner.zip"]


@pytest.mark.parametrize("name", ["../a.png", "..\\a.png", "/etc/a.png", "C:\\a.png", "x/../../a.png"])
def test_entries_outside_the_archive_are_refused(desk: Desk, name: str) -> None:
    assert desk.code({"a.zip": zipped({name: PNG, "ok.png": PNG})}) == "E_ARCHIVE"


def test_links_in_archives_are_refused(desk: Desk) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.png", PNG)
    assert desk.code({"a.zip": sink.getvalue()}) == "E_ARCHIVE"


def test_names_cannot_leave_the_study(desk: Desk) -> None:
    files = {"../../a.png": PNG, "/etc/b.png": PNG, "C:\\c.png": PNG, "d\x00\n.png": PNG, "A.PNG": PNG2, "a.png": PNG}
    made = desk.take(files)
    assert names(made) == ["a.png", "etc/b.png", "c.png", "d.png", "A-2.PNG", "2-a.png"]
    assert made.given["../../a.png"] == "a.png"


@pytest.mark.parametrize("tail", [HTML, zipped({"x.html": HTML}), b"%PDF-1.7", b"MZ" + bytes(64)])
def test_an_image_with_something_behind_it_is_that_image(desk: Desk, tail: bytes) -> None:
    made = desk.take({"both.html": PNG + tail})
    assert (names(made), made.kinds, made.modality) == (["both.html"], frozenset({"png"}), "US")


@pytest.mark.parametrize("head", [b"MZ\x90" + bytes(125), HTML.ljust(128)[:128], b"II*\x00" + bytes(124)])
@pytest.mark.parametrize("keep", [True, False])
def test_a_dicom_preamble_that_is_something_else_is_emptied(desk: Desk, head: bytes, keep: bool) -> None:
    made = desk.take({"a.dcm": head + ct_slice()[128:]}, keep=keep)
    content = made.files[0].path.read_bytes()
    assert content[:132] == bytes(128) + b"DICM"
    assert sniff(made.files[0].path) == "dicom"


def test_the_content_decides(desk: Desk) -> None:
    made = desk.take({"scan.jpg": ct_slice(), "picture.dcm": ct_slice(2)})
    assert (made.modality, made.kinds) == ("CT", frozenset({"dicom"}))


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.dcm": ct_slice(Rows=60000, Columns=60000)}, "E_BOMB"),
        ({"a.dcm": ct_slice(NumberOfFrames=1000000)}, "E_BOMB"),
        ({"a.dcm": ct_slice(side=16)}, "E_SIZE"),
        ({"a.dcm": ct_slice()[:-20]}, "E_TRUNCATED"),
        ({"a.dcm": bytes(128) + b"DICM" + bytes(100)}, "E_FORMAT"),
        ({"a.dcm": ct_slice(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")}, "E_NOPIXELS"),
        ({"a.nii": b"\x5c\x01\x00\x00" + bytes(340) + b"n+1\x00" + bytes(8)}, "E_FORMAT"),
        ({"a.mp4": b"\x00\x00\x00\x18ftypmp42" + bytes(16)}, "E_TRUNCATED"),
        ({"a.avi": b"RIFF\xff\xff\xff\x00AVI " + bytes(100)}, "E_TRUNCATED"),
    ],
)
def test_damage_is_seen_at_once(desk: Desk, files: dict[str, bytes], code: str) -> None:
    assert desk.code(files) == code


def test_a_header_of_endless_items_is_a_bomb(desk: Desk) -> None:
    meta = pydicom.dcmread(io.BytesIO(ct_slice()), stop_before_pixels=True)
    del meta.PixelSpacing
    sink = io.BytesIO()
    pydicom.dcmwrite(sink, meta, enforce_file_format=False)
    items = b"\x32\x00\x64\x10SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 500_000
    assert desk.code({"a.dcm": sink.getvalue() + items}) == "E_BOMB"


def test_a_study_of_small_and_large_images_is_taken(desk: Desk) -> None:
    assert len(desk.take({"s/thumb.png": png(side=64), "s/a.png": PNG}).files) == 2
    assert desk.code({"s/a.png": png(side=64), "s/b.png": png(side=32)}) == "E_SIZE"


def test_a_small_slice_is_large_enough_for_ct(desk: Desk) -> None:
    assert desk.take({"a.png": png(side=64)}, modality="CT").files


def test_sidecars_are_kept_without_the_person(desk: Desk) -> None:
    fields = {"EchoTime": 0.0023, "PatientName": "Doe^Jane", "PatientPosition": "HFS", "AccessionNumber": "1",
              "InstitutionName": "Clinic", "deep": [{"PatientID": "4711", "b": 1}]}  # fmt: skip
    made = desk.take({"a.png": PNG, "a.json": json.dumps(fields).encode()})
    kept = json.loads(next(file for file in made.files if file.name == "a.json").path.read_text())
    assert kept == {"EchoTime": 0.0023, "PatientPosition": "HFS", "deep": [{"b": 1}]}


def test_the_person_leaves_file_names(desk: Desk) -> None:
    made = desk.take({"Doe Jane (4711)/ct_4711_1.dcm": ct_slice(), "Doe Jane (4711)/47110.dcm": ct_slice(2)})
    assert names(made) == ["P-1174 P-1174 (P-1174)/ct_P-1174_1.dcm", "P-1174 P-1174 (P-1174)/47110.dcm"]
    assert made.given["Doe Jane (4711)/47110.dcm"] == names(made)[1]
    kept = desk.take({"Doe/4711.dcm": ct_slice()}, keep=True)
    assert names(kept) == ["Doe/4711.dcm"]


def test_facts_of_the_study(desk: Desk) -> None:
    made = desk.take({"1": ct_slice(1), "2": ct_slice(2), "3": ct_slice(3, SeriesInstanceUID="1.9")})
    assert (made.person.patient_id, made.person.name, made.person.sex) == ("4711", "Doe Jane", "F")
    assert str(made.acquired_on) == "2024-02-20"
    assert [(one.uid, one.files) for one in made.series] == [("1.2.3.2", 2), ("1.9", 1)]
