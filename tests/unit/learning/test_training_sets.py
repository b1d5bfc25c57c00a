"""Readers of training folders: values of whole folders, a named error for every broken one, counts of the real sets."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import training_folders as made

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.sets_aul import load_aul
from steatoscope.learning.training.sets_byra2018 import load_byra2018
from steatoscope.learning.training.sets_chaos_t1 import load_chaos_t1
from steatoscope.learning.training.sets_liver_png import load_msd_liver, load_pairs
from steatoscope.learning.training.sets_manifest import load_manifest
from steatoscope.learning.training.twins import FRAME_THRESHOLD, frame_similarity, groups_of


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEATOSCOPE_CACHE", str(tmp_path_factory.mktemp("cache")))


def _code(load: Any, *arguments: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(SteatoscopeError) as caught:
        load(*arguments, **options)
    assert caught.value.path
    return caught.value.code, f"{caught.value.path} {caught.value.cause}"


def test_aul_gives_classes_outlines_and_masks(tmp_path: Path) -> None:
    made.aul_folder(tmp_path)
    read = load_aul(tmp_path)
    assert [sample.labels.finding for sample in read.samples] == ["benign"] * 2 + ["malignant"] * 2 + ["normal"] * 2
    assert len(set(read.groups)) == 6
    mass = read.samples[0].mask("mass")
    assert mass.shape == (96, 128)
    assert mass.sum() == 231, "area 200, 60 points on the rim: 200 + 60 / 2 + 1 by Pick's theorem"
    assert read.records()[0]["path"] == "images/benign_001.jpg"
    assert len(read.without(frozenset({read.samples[0].sha256}))) == 5


def test_aul_puts_shifted_copies_in_one_group(tmp_path: Path) -> None:
    made.aul_folder(tmp_path, ("normal", "benign", "malignant") * 3)
    original = made.picture(1)
    made.write(tmp_path / "images" / "benign_004.jpg", np.roll(original, (2, -3), (0, 1)))
    read = load_aul(tmp_path)
    groups = {sample.subject: sample.group for sample in read.samples}
    assert groups["benign_001"] == groups["benign_004"]
    assert len(set(groups.values())) == 8
    assert list(load_aul(tmp_path).groups) == list(read.groups)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"class": None}, "E_LABEL", "no finding"),
        ({"class": "cyst"}, "E_LABEL", "'cyst'"),
        ({"mass": None}, "E_ANNOTATION", "no mass"),
        ({"mass": [[1, 2], [3, 4]]}, "E_ANNOTATION", "polygon"),
        ({"mass": [[500, 500], [510, 500], [505, 520]]}, "E_ANNOTATION", "off the image"),
        ({"width": 64}, "E_ANNOTATION", "64 x 96"),
        ({"height": None}, "E_ANNOTATION", "width, height"),
    ],
)
def test_aul_refuses_an_unfit_entry(tmp_path: Path, change: dict[str, Any], code: str, words: str) -> None:
    entries = made.aul_folder(tmp_path)
    entries["benign_001"] |= change
    made.annotate(tmp_path, entries)
    found = _code(load_aul, tmp_path)
    assert found[0] == code
    assert words in found[1]
    assert "benign_001" in found[1]


def test_aul_refuses_what_is_missing_or_damaged(tmp_path: Path) -> None:
    made.aul_folder(tmp_path)
    image = tmp_path / "images" / "normal_000.jpg"
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    assert _code(load_aul, tmp_path)[0] == "E_TRUNCATED"
    image.write_bytes(b"not an image at all")
    assert _code(load_aul, tmp_path)[0] == "E_FORMAT"
    image.write_bytes(b"")
    assert _code(load_aul, tmp_path)[0] == "E_EMPTY"
    image.unlink()
    assert _code(load_aul, tmp_path)[0] == "E_PATH"
    (tmp_path / "annotations.json").write_text("{", encoding="utf-8")
    assert _code(load_aul, tmp_path)[0] == "E_ANNOTATION"
    (tmp_path / "annotations.json").unlink()
    assert _code(load_aul, tmp_path)[0] == "E_ANNOTATION"


def test_a_class_of_look_alikes_only_is_one_subject(tmp_path: Path) -> None:
    made.aul_folder(tmp_path)
    made.write(tmp_path / "images" / "benign_004.jpg", np.roll(made.picture(1), 2, 0))
    assert _code(load_aul, tmp_path)[0] == "E_SUBJECTS"


def test_a_class_with_one_subject_is_refused(tmp_path: Path) -> None:
    made.aul_folder(tmp_path, ("normal", "normal", "benign", "malignant", "malignant"))
    code, words = _code(load_aul, tmp_path)
    assert code == "E_SUBJECTS"
    assert "benign" in words


def test_byra_gives_fat_grade_and_boxes(tmp_path: Path) -> None:
    made.byra_folder(tmp_path)
    row = {"patient_id": 2, "frame": 1, "liver_x": 5, "liver_y": 6, "kidney_x": 50, "kidney_y": 60, "size": 28}
    made.table(tmp_path / "hepatorenal_rois.csv", [row])
    read = load_byra2018(tmp_path)
    assert [sample.labels.grade for sample in read.samples[::2]] == ["normal", "mild", "moderate", "severe"]
    assert {sample.labels.scale for sample in read.samples} == {"histology"}
    assert read.samples[2].boxes == {"liver": (5, 6, 33, 34), "kidney": (50, 60, 78, 88)}
    assert not read.samples[3].boxes


def test_byra_refuses_contradictions(tmp_path: Path) -> None:
    made.byra_folder(tmp_path)
    labels = tmp_path / "labels.csv"
    whole = labels.read_text()
    labels.write_text(whole.replace("2,20,1", "2,20,0"))
    assert _code(load_byra2018, tmp_path)[0] == "E_LABEL"
    labels.write_text(whole.replace("2,20,1", "2,many,1"))
    assert _code(load_byra2018, tmp_path)[0] == "E_LABEL"
    labels.write_text(whole.replace("2,20,1", "1,20,1"))
    assert "twice" in _code(load_byra2018, tmp_path)[1]
    labels.write_text(whole.replace("2,20,1\n", ""))
    assert "patient_02" in _code(load_byra2018, tmp_path)[1]
    labels.write_text(whole.replace("fat_percent", "fat"))
    assert _code(load_byra2018, tmp_path)[0] == "E_ANNOTATION"
    labels.write_text(whole + "9,20,1\n")
    assert _code(load_byra2018, tmp_path)[0] == "E_EMPTY"


def test_one_image_under_two_patients_is_refused_and_within_one_is_a_warning(tmp_path: Path) -> None:
    made.byra_folder(tmp_path)
    pixels = made.picture(11)
    made.write(tmp_path / "patient_01" / "frame_02.png", pixels)
    assert "patient_01/frame_02.png" in load_byra2018(tmp_path).warnings[0]
    made.write(tmp_path / "patient_03" / "frame_02.png", pixels)
    code, words = _code(load_byra2018, tmp_path)
    assert code == "E_DUPLICATE"
    assert "patient_03" in words
    assert "patient_01" in words


def _pairs(folder: Path) -> None:
    for number in range(3):
        name = f"flipped_{100 + number}_{number}.png"
        made.write(folder / "images" / name, made.picture(number))
        made.write(folder / "masks" / name, made.disc())


def test_pairs_name_ragged_and_doubled_slices(tmp_path: Path) -> None:
    _pairs(tmp_path)
    assert load_msd_liver(tmp_path).warnings == ()
    striped = made.disc()
    striped[:, ::2] = 0
    made.write(tmp_path / "masks" / "flipped_101_1.png", striped)
    made.write(tmp_path / "images" / "mirrored_100_0.png", made.picture(0)[:, ::-1].copy())
    made.write(tmp_path / "masks" / "mirrored_100_0.png", made.disc(radius=3))
    read = load_msd_liver(tmp_path)
    assert sorted(set(read.subjects)) == ["100", "101", "102"]
    doubled, ragged, tiny = read.warnings
    assert "100_0" in doubled
    assert "flipped_101_1.png" in ragged
    assert "mirrored_100_0.png" in tiny


def test_pairs_refuse_masks_that_are_absent_lonely_or_of_other_size(tmp_path: Path) -> None:
    _pairs(tmp_path)
    arguments = (tmp_path / "images", tmp_path / "masks", lambda path: path.stem)
    mask = made.write(tmp_path / "masks" / "flipped_101_1.png", made.disc((48, 64)))
    assert "64 x 48" in _code(load_pairs, *arguments, modality="ct")[1]
    mask.rename(mask.with_name("other.png"))
    assert "no mask" in _code(load_pairs, *arguments, modality="ct")[1]
    made.write(mask, made.disc())
    assert "no image" in _code(load_pairs, *arguments, modality="ct")[1]


def test_manifest_gives_samples(tmp_path: Path) -> None:
    manifest = made.table(tmp_path / "set.csv", made.manifest_rows(tmp_path))
    read = load_manifest(manifest, label="grade", masks=True)
    assert [sample.labels.grade for sample in read.samples] == ["normal", "severe"] * 2
    assert read.samples[1].labels.fat_percent == 23
    assert np.array_equal(read.samples[0].mask(), made.disc() > 0)
    assert read.samples[0].view == "AR"


@pytest.mark.parametrize(
    ("column", "values", "options", "code"),
    [
        ("label_grade", ["normal", "", "normal", "severe"], {"label": "grade"}, "E_LABEL"),
        ("label_grade", ["normal", "S3", "normal", "severe"], {"label": "grade"}, "E_LABEL"),
        ("label_grade", ["normal", "severe", "normal", "normal"], {"label": "grade"}, "E_SUBJECTS"),
        ("label_fat_percent", ["3", "", "4", "5"], {"label": "fat_percent"}, "E_LABEL"),
        ("label_scale", ["pdff", "pdff", "histology", "pdff"], {"label": "fat_percent"}, "E_LABELSCALE"),
        ("label_scale", ["pdff", "", "pdff", "pdff"], {"label": "fat_percent"}, "E_LABELSCALE"),
        ("view", ["AR", "HR", "", "AR"], {"views": ("AR", "HR")}, "E_VIEW"),
        ("view", ["AR", "HR", "XX", "AR"], {"views": ("AR", "HR")}, "E_VIEW"),
        ("view", ["AR", "HR", "AR", "HR"], {"views": ("AR", "HR")}, "E_VIEW"),
        ("subject", ["a", "", "c", "d"], {}, "E_ANNOTATION"),
        ("mask_path", ["mask_0.png", "gone.png", "mask_2.png", "mask_3.png"], {}, "E_ANNOTATION"),
        ("mask_path", ["mask_0.png", "", "mask_2.png", "mask_3.png"], {"masks": True}, "E_ANNOTATION"),
        ("path", ["image_0.png", "gone.png", "image_2.png", "image_3.png"], {}, "E_PATH"),
        ("path", ["image_0.png", "image_0.png", "image_2.png", "image_3.png"], {}, "E_DUPLICATE"),
    ],
)
def test_manifest_faults_are_named(
    tmp_path: Path, column: str, values: list[str], options: dict[str, Any], code: str
) -> None:
    rows = [row | {column: value} for row, value in zip(made.manifest_rows(tmp_path), values, strict=True)]
    assert _code(load_manifest, made.table(tmp_path / "set.csv", rows), **options)[0] == code


def test_manifest_needs_its_columns_and_masks_that_hold_something(tmp_path: Path) -> None:
    rows = made.manifest_rows(tmp_path)
    bare = made.table(tmp_path / "bare.csv", [{"path": row["path"], "subject": row["subject"]} for row in rows])
    assert "label_grade" in _code(load_manifest, bare, label="grade")[1]
    made.write(tmp_path / "mask_1.png", np.zeros((96, 128), np.uint8))
    whole = made.table(tmp_path / "set.csv", rows)
    code, words = _code(load_manifest, whole)
    assert (code, "mask_1.png" in words) == ("E_ANNOTATION", True)
    assert len(load_manifest(whole, empty_masks=True)) == 4


def test_both_views_of_every_subject_pass(tmp_path: Path) -> None:
    rows = [row | {"subject": f"s{n // 2}"} for n, row in enumerate(made.manifest_rows(tmp_path))]
    read = load_manifest(made.table(tmp_path / "set.csv", rows), views=("AR", "HR"))
    assert len(set(read.subjects)) == 2
    assert "carry several labels" in read.warnings[0]


def test_a_folder_in_a_manifest_is_all_its_images(tmp_path: Path) -> None:
    for frame in range(3):
        made.write(tmp_path / "clip" / f"f_{frame}.png", made.picture(frame))
        made.write(tmp_path / "drawn" / f"f_{frame}.png", made.disc(radius=10 + frame))
    row = {"path": "clip", "subject": "a", "mask_path": "drawn"}
    read = load_manifest(made.table(tmp_path / "set.csv", [row]))
    assert [int(sample.mask().sum()) for sample in read.samples] == sorted(
        int((made.disc(radius=10 + frame) > 0).sum()) for frame in range(3)
    )


@pytest.fixture(scope="module")
def aul(data_dir: Path) -> TrainingSet:
    """The real set, every image a group of its own."""
    return load_aul(data_dir / "us" / "aul", twins=False)


@pytest.mark.realdata
def test_real_ultrasound_sets_have_their_published_counts(data_dir: Path, aul: TrainingSet) -> None:
    entries = json.loads((data_dir / "us" / "aul" / "annotations.json").read_text())
    assert Counter(sample.labels.finding for sample in aul.samples) == {"normal": 85, "benign": 170, "malignant": 375}
    assert sum("mass" in sample.polygons for sample in aul.samples) == sum(
        "mass" in entry for entry in entries.values()
    )
    byra = load_byra2018(data_dir / "us" / "byra2018")
    assert (len(byra), len(set(byra.subjects))) == (400, 40)
    assert sum(bool(sample.boxes) for sample in byra.samples) == 399
    assert "5 images repeat" in byra.warnings[0]


@pytest.mark.realdata
def test_real_slice_sets_have_their_counts(data_dir: Path) -> None:
    msd = load_msd_liver(data_dir / "ct" / "msd_liver_jpg")
    assert (len(msd), len(set(msd.subjects))) == (529, 102)
    assert "17 slices are there in two orientations" in msd.warnings[0]
    chaos = load_chaos_t1(data_dir / "mr" / "chaos_t1_png" / "train")
    assert (len(chaos), len(set(chaos.groups))) == (500, 15)
    assert sum(not sample.mask().any() for sample in chaos.samples) == 162


@pytest.mark.realdata
def test_real_twins_of_the_ultrasound_set_share_their_class(aul: TrainingSet) -> None:
    names = ("benign_176", "benign_183", "malignant_080", "malignant_226", "benign_019", "normal_074")
    chosen = [sample for name in names for sample in aul.samples if sample.subject == name]
    similarity = frame_similarity([s.image() for s in chosen], [s.mask("outline") for s in chosen])
    assert groups_of(similarity, FRAME_THRESHOLD) == [0, 0, 1, 1, 2, 3]
