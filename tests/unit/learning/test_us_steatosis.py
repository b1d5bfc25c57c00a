"""The shipped steatosis model: what it answers, what it refuses, and that it repeats itself."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_sector import find_sector, polar_coordinates
from steatoscope.learning.catalogue import SHIPPED
from steatoscope.learning.evaluation.byra2018 import score_byra2018
from steatoscope.learning.inference.session import WeightsError
from steatoscope.learning.inference.us_steatosis import load_us_steatosis, read_us_steatosis

SHAPE = (434, 636)
RADIUS, ANGLE = polar_coordinates(SHAPE, (317.5, 7.0))
INSIDE = (RADIUS > 4) & (RADIUS < 360) & (np.abs(ANGLE) < 0.916)


def picture(seed=0, gain=0.0, shape=SHAPE):
    speckle = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 30, SHAPE), (0, 0), 1.0)
    grey = 95.0 + gain - 40 * (RADIUS - 180) / 360 + speckle
    found = np.where(INSIDE, np.clip(grey, 5, 250), 0).astype(np.uint8)
    return found if shape == SHAPE else cv2.resize(found, shape[::-1], interpolation=cv2.INTER_LINEAR)


def answer(*frames):
    stack = np.stack(frames)
    sector = find_sector(Clip(stack))
    assert sector is not None
    return load_us_steatosis().predict(stack, sector)


@pytest.fixture(scope="module")
def three():
    return answer(*(picture(seed) for seed in range(3)))


def test_an_answer_is_whole(three):
    assert 0.0 <= three.interval.low <= three.value_percent <= three.interval.high <= 100.0
    assert three.positive == (three.value_percent >= 5.0) == (three.probability >= three.threshold)
    assert sum(three.grade_probabilities.values()) == pytest.approx(1.0)
    assert three.grade_probabilities["normal"] == pytest.approx(1.0 - three.probability, abs=1e-3)
    assert set(three.grade_set) <= set(three.grade_probabilities)
    assert len(three.located) == 3
    assert three.heatmap.shape == SHAPE
    assert not three.heatmap[:3].any()
    assert (three.hepatorenal_index is None) == (not three.kidney_in_view)
    assert 0.0 <= three.index_quality <= 1.0
    assert "score" in three.healthy_z


def test_the_same_frames_give_the_same_answer(three):
    again = answer(*(picture(seed) for seed in range(3)))
    assert again.value_percent == three.value_percent
    assert np.array_equal(again.heatmap, three.heatmap)


def test_boxes_come_back_on_a_picture_of_another_size():
    one, other = answer(picture()), answer(picture(shape=(868, 1272)))
    assert np.allclose(np.array(other.located[0].liver) / 2.0, one.located[0].liver, atol=14.0)
    assert other.heatmap.shape == (868, 1272)


def test_effects_add_up_to_the_value_over_the_training_mean(three):
    model = load_us_steatosis()
    path = model.path(kidney=three.kidney_in_view)
    base = path.judge.value(path.detection.base, path.severity.base)
    plain = path.account  # the effects are those of the unwidened answer
    assert callable(plain)
    if not three.unusual:
        assert sum(effect.effect_points for effect in three.effects) == pytest.approx(
            three.value_percent - base, abs=1e-6
        )
    assert all(np.isfinite(effect.effect_points) for effect in three.effects)


def test_a_clip_is_read_at_four_frames():
    clip = np.stack([picture(seed) for seed in range(9)])
    found = answer(*clip)
    assert [one.frame for one in found.located] == [0, 3, 5, 8]


def test_a_blank_or_flat_picture_is_out_of_distribution():
    flat = np.where(INSIDE, 90, 0).astype(np.uint8)
    assert answer(flat).out_of_distribution


def test_the_path_without_a_kidney_has_its_own_heads():
    model = load_us_steatosis()
    path = model.path(kidney=False)
    members = (*path.detection.members, *path.severity.members)
    names = {name for member in members for block in member.blocks for name in block}
    assert not [name for name in names if "kidney" in name or "difference" in name or "sinus" in name]
    assert model.path(kidney=False).judge.adjustment != model.path(kidney=True).judge.adjustment


def test_one_frame_warm_takes_under_a_second():
    answer(picture())
    frame = np.stack([picture()])
    sector = find_sector(Clip(frame))
    began = time.process_time()
    load_us_steatosis().predict(frame, sector)
    assert time.process_time() - began < 2.0


def test_a_changed_byte_is_refused(tmp_path):
    shutil.copytree(SHIPPED / "us-steatosis", tmp_path / "copy")
    heads = tmp_path / "copy" / "heads.json"
    heads.write_bytes(heads.read_bytes().replace(b'"kidney_threshold":0.', b'"kidney_threshold":1.'))
    with pytest.raises(WeightsError):
        read_us_steatosis(tmp_path / "copy")


def test_predicting_needs_no_torch():
    code = (
        "import sys, numpy as np\n"
        "from steatoscope.learning.inference.us_steatosis import load_us_steatosis\n"
        "load_us_steatosis()\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'timm')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_card_and_manifest_say_what_was_used():
    folder = SHIPPED / "us-steatosis"
    text = (folder / "card.md").read_text(encoding="utf-8")
    for word in ("CC BY 4.0", "Byra", "Zenodo 1009146", "leave-one-patient-out", "AUC"):
        assert word in text
    manifest = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    patients = [row for row in manifest["data"] if row["subject"].startswith("patient_")]
    assert len({row["subject"] for row in patients}) == 40
    assert len(patients) == 400
    assert len(manifest["data"]) > 1000
    assert sum(file.stat().st_size for file in folder.iterdir()) < 16_000_000


@pytest.mark.realdata
def test_training_patients_are_refused_and_read_as_fitted(data_dir):
    folder = data_dir / "us" / "byra2018"
    with pytest.raises(SteatoscopeError) as caught:
        score_byra2018(folder, load_us_steatosis())
    assert caught.value.code == "E_LEAK"
    with (folder / "labels.csv").open(newline="") as handle:
        fat = {int(row["patient_id"]): float(row["fat_percent"]) for row in csv.DictReader(handle)}
    chosen = [min(fat, key=lambda n: fat[n]), max(fat, key=lambda n: fat[n])]
    values = []
    for number in chosen:
        files = sorted((folder / f"patient_{number:02d}").glob("*.png"))[:4]
        found = answer(*(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files))
        values.append(found.value_percent)
        assert found.kidney_in_view
        assert not found.out_of_distribution
    assert values[0] < 10.0 < 35.0 < values[1]
