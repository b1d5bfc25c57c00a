"""Reading a folder laid out as Byra 2018: what is right, and a named error for everything that is not."""

from __future__ import annotations

import hashlib
import shutil

import cv2
import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.inference.byra2018_data import read_byra2018


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in (1, 2):
        home = tmp_path / f"patient_{number:02d}"
        home.mkdir()
        for frame in (1, 2):
            cv2.imwrite(str(home / f"frame_{frame:02d}.png"), rng.integers(0, 255, (140, 150)).astype(np.uint8))
    (tmp_path / "labels.csv").write_text("patient_id,fat_percent,class\n1,3,0\n2,40,1\n")
    return tmp_path


def code_of(folder):
    with pytest.raises(SteatoscopeError) as caught:
        read_byra2018(folder)
    return caught.value.code


def test_patients_come_with_frames_labels_and_hashes(folder):
    (folder / "hepatorenal_rois.csv").write_text(
        "patient_id,frame,liver_x,liver_y,kidney_x,kidney_y\n2,1,10,20,30,40\n"
    )
    one, two = read_byra2018(folder)
    assert (one.name, one.fat, two.fat) == ("patient_01", 3.0, 40.0)
    assert one.frames.shape == (2, 140, 150)
    assert two.boxes == {1: ((10.0, 20.0), (30.0, 40.0))}
    assert one.boxes == {}
    content = (folder / "patient_01" / "frame_01.png").read_bytes()
    assert one.sha256[0] == hashlib.sha256(content).hexdigest()


def test_missing_labels(folder):
    (folder / "labels.csv").unlink()
    assert code_of(folder) == "E_PATH"


def test_unlabelled_patient(folder):
    (folder / "labels.csv").write_text("patient_id,fat_percent\n1,3\n")
    assert code_of(folder) == "E_LABEL"


def test_labelled_patient_without_folder_or_frames(folder):
    for file in (folder / "patient_02").glob("*"):
        file.unlink()
    assert code_of(folder) == "E_EMPTY"
    shutil.rmtree(folder / "patient_02")
    assert code_of(folder) == "E_EMPTY"


@pytest.mark.parametrize("row", ["2,101", "2,-1", "2,nan", "2,", "x,5", "1,5"])
def test_labels_that_cannot_be(folder, row):
    (folder / "labels.csv").write_text(f"patient_id,fat_percent\n1,3\n{row}\n")
    assert code_of(folder) == "E_LABEL"


def test_labels_without_rows(folder):
    (folder / "labels.csv").write_text("patient_id,fat_percent\n")
    assert code_of(folder) == "E_EMPTY"


def test_unreadable_and_unequal_frames(folder):
    cv2.imwrite(str(folder / "patient_01" / "frame_02.png"), np.zeros((130, 150), np.uint8))
    assert code_of(folder) == "E_SIZE"
    (folder / "patient_01" / "frame_02.png").write_bytes(b"no picture")
    assert code_of(folder) == "E_FORMAT"
