"""The shipped first ultrasound model: its arithmetic, its hash, what it refuses, and what it says of real patients."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest

from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_sector import find_sector, polar_coordinates
from steatoscope.learning.inference.session import WeightsError, open_model
from steatoscope.learning.inference.us_first import (
    fat_interval,
    fat_percent,
    grade_probabilities,
    load_us_first,
    points_per_root,
    read_model,
)

SHAPE = (434, 636)
RADIUS, ANGLE = polar_coordinates(SHAPE, (317.5, 7.0))
INSIDE = (RADIUS > 4) & (RADIUS < 360) & (np.abs(ANGLE) < 0.916)


def picture(slope=0.0, gain=0.0, seed=0, near=95.0):
    speckle = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 30, SHAPE), (0, 0), 1.0)
    grey = near + gain + slope * (RADIUS - 180) / 360 + speckle
    return np.where(INSIDE, np.clip(grey, 5, 250), 0).astype(np.uint8)


def predict(frame):
    frames = np.asarray(frame, dtype=np.uint8).reshape((-1, *SHAPE))
    sector = find_sector(Clip(frames))
    assert sector is not None
    return load_us_first().predict(frames, sector)


def test_effects_add_up_to_the_value():
    found = predict(picture(slope=-40))
    mean = load_us_first().document["regression"]["intercept"]
    total = sum(effect.effect_points for effect in found.effects)
    assert found.value_percent > 0
    assert fat_percent(mean) + total == pytest.approx(found.value_percent, abs=1e-6)


def test_darker_far_fields_read_as_more_fat_and_gain_as_nothing():
    values = [predict(picture(slope=slope)).value_percent for slope in (60, 0, -60)]
    assert values[0] < values[1] < values[2]
    assert predict(picture(gain=25)).value_percent == pytest.approx(predict(picture()).value_percent, abs=0.7)


def test_same_pixels_same_prediction_and_probabilities_sum_to_one():
    one, two = predict(picture(seed=4)), predict(picture(seed=4))
    assert one.value_percent == two.value_percent
    assert (one.heatmap == two.heatmap).all()
    assert sum(one.grade_probabilities.values()) == pytest.approx(1.0)
    assert one.grade_probabilities["normal"] == pytest.approx(1.0 - one.probability)
    assert one.interval.low <= one.value_percent <= one.interval.high


def test_heatmap_lies_on_the_sector_and_averages_to_the_effects():
    frame = picture(slope=-60)
    sector = find_sector(Clip(frame[None]))
    assert sector is not None
    found = load_us_first().predict(frame[None], sector)
    assert found.heatmap.shape == SHAPE
    assert found.heatmap.dtype == np.float32
    assert (found.heatmap[~sector.mask] == 0).all()
    strongest = max(found.effects, key=lambda effect: abs(effect.effect_points))
    low, high = (int(part) / 100 for part in strongest.name.split("_")[1:])
    share = (RADIUS - sector.inner_radius) / (sector.outer_radius - sector.inner_radius)
    band = (share > low + 0.01) & (share < high - 0.01) & (np.abs(ANGLE) < 0.65)
    assert found.heatmap[band].mean() == pytest.approx(strongest.effect_points, rel=0.35)


def test_interval_and_grades_closed_forms():
    assert fat_percent(3.0) == 9.0
    assert (fat_percent(-1.0), fat_percent(11.0)) == (0.0, 100.0)
    interval = fat_interval(4.0, 1.5)
    assert (interval.low, interval.high) == (6.25, 30.25)
    sure = grade_probabilities([-0.01, 0.0, 0.01], 7.0)
    assert max(sure, key=lambda name: sure[name]) == "moderate"
    assert points_per_root(5.0, 3.0) * 2.0 == pytest.approx(16.0)


@pytest.mark.parametrize(("limit", "under"), [(5.0, 1), (33.0, 2), (66.0, 3)])
@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_the_estimate_is_the_median_of_the_grades(limit, under, factor):
    lopsided = [-0.2, 0.1, 0.4, 1.5, 3.0]

    def below(value):
        return sum(list(grade_probabilities(lopsided, np.sqrt(value), factor).values())[:under])

    assert below(limit) == pytest.approx(0.5, abs=1e-12)
    assert below(limit - 0.1) > 0.5 > below(limit + 0.1)


def test_probability_and_value_agree_for_any_value():
    model = load_us_first()
    for value in np.linspace(0.0, 100.0, 401):
        for unusual in (False, True):
            probability = 1.0 - model.grades(value, unusual=unusual)["normal"]
            assert value == 5.0 or (probability >= 0.5) == (value > 5.0)


def test_unusual_pictures_have_wider_intervals():
    model = load_us_first()
    limits = model.document["distribution"]
    found = {name: part["median"] for name, part in model.document["healthy"].items() if name != "score"}
    heat = np.zeros((2, 2), dtype=np.float32)
    usual, unusual = (model._prediction(found, 5.0, {}, heat, limits["warn_at"] * f) for f in (0.9, 1.1))
    assert (usual.unusual, unusual.unusual, unusual.out_of_distribution) == (False, True, False)
    half = [np.sqrt(one.interval.high) - 5.0 for one in (usual, unusual)]
    assert half[1] == pytest.approx(1.5 * half[0])
    assert unusual.grade_probabilities["normal"] > usual.grade_probabilities["normal"]


@pytest.mark.parametrize("kind", ["noise", "flat", "ramp"])
def test_what_is_no_liver_is_out_of_distribution(kind):
    rng = np.random.default_rng(0)
    content = {
        "noise": rng.integers(0, 255, SHAPE),
        "flat": np.full(SHAPE, 80),
        "ramp": np.clip(200 - RADIUS * 0.4, 5, 255),
    }[kind]
    found = predict(np.where(INSIDE, content, 0))
    assert found.out_of_distribution
    assert found.ood_score > 1.0


def test_a_changed_byte_is_refused(tmp_path: Path):
    folder = shutil.copytree(str(resources.files("steatoscope.learning.weights") / "us-first"), tmp_path / "us-first")
    assert read_model(open_model(folder)).version == load_us_first().version
    content = bytearray((folder / "model.json").read_bytes())
    content[100] ^= 1
    (folder / "model.json").write_bytes(bytes(content))
    with pytest.raises(WeightsError, match=r"model\.json"):
        read_model(open_model(folder))


def test_inference_needs_no_scikit_learn():
    code = (
        "import sys, steatoscope.learning.inference.us_first as m; m.load_us_first(); print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def frames_of(folder: Path, count: int = 2):
    files = sorted(folder.glob("*.png"))[:count]
    return np.stack([np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), dtype=np.uint8) for file in files])


@pytest.mark.realdata
def test_training_patients_are_in_distribution_and_ranked(data_dir):
    folder = data_dir / "us" / "byra2018"
    with (folder / "labels.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))[::4]
    found = [predict(frames_of(folder / f"patient_{int(row['patient_id']):02d}")) for row in rows]
    assert not any(one.out_of_distribution or one.unusual for one in found)
    fat = np.array([float(row["fat_percent"]) for row in rows])
    values = np.array([one.value_percent for one in found])
    assert np.corrcoef(fat, values)[0, 1] > 0.5
    assert np.mean([one.interval.low <= f <= one.interval.high for one, f in zip(found, fat, strict=True)]) >= 0.7


@pytest.mark.realdata
def test_every_training_image_is_on_the_list_of_hashes(data_dir):
    files = sorted((data_dir / "us" / "byra2018").glob("patient_*/*.png"))
    listed = load_us_first().training_sha256
    assert {hashlib.sha256(file.read_bytes()).hexdigest() for file in files[::10]} <= listed
    aul = sorted((data_dir / "us" / "aul" / "images").glob("*.jpg"))[0]
    assert hashlib.sha256(aul.read_bytes()).hexdigest() not in listed


def test_card_names_the_weights_and_their_figures():
    folder = resources.files("steatoscope.learning.weights") / "us-first"
    card = (folder / "card.md").read_text(encoding="utf-8")
    document = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert open_model("us-first").files["model.json"] in card
    assert f"{document['metrics']['auc']['value']:.3f}" in card
    assert "CC BY 4.0" in card
