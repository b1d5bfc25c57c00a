import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.catalogue import open_model
from steatoscope.learning.evaluation.aul import score_aul
from steatoscope.learning.evaluation.aul_read import outlined_boxes, result_of
from steatoscope.learning.evaluation.report import take_evidence
from steatoscope.learning.inference.detector import Detection
from steatoscope.learning.inference.detector_us import reported_mass
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.sets import Labels, Sample

SIZE = (300, 400)
MASS = [[170.0, 120.0], [230.0, 120.0], [230.0, 170.0], [170.0, 170.0]]


def picture(seed: int, *, mass: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.indices(SIZE)
    radius, angle = np.hypot(x - 200, y + 60), np.arctan2(x - 200, y + 60)
    sector = (radius > 90) & (radius < 340) & (np.abs(angle) < 0.6)
    grey = 95 + cv2.GaussianBlur(rng.normal(0, 60, SIZE), (0, 0), 1.5)
    if mass:
        grey = grey - 55 * (((x - 200) / 30) ** 2 + ((y - 145) / 25) ** 2 < 1)
    return np.clip(np.where(sector, grey, 0), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    data = tmp_path_factory.mktemp("aul")
    (data / "images").mkdir()
    entries = {}
    for number, finding in enumerate(["normal", "benign", "malignant"] * 2):
        name = f"{finding}_{number}"
        cv2.imwrite(str(data / "images" / f"{name}.jpg"), picture(number, mass=finding != "normal"))
        entries[name] = {"width": SIZE[1], "height": SIZE[0], "class": finding, "source_size": [800, 600],
                         "liver": [[140, 60], [260, 60], [300, 220], [100, 220]]}  # fmt: skip
        if finding != "normal":
            entries[name]["mass"] = MASS
    (data / "annotations.json").write_text(json.dumps(entries), encoding="utf-8")
    return data


def test_the_shipped_models_are_scored_on_a_new_folder(folder, tmp_path):
    document, evidence = take_evidence(score_aul(folder, open_model("us-localiser"), out=tmp_path))
    assert (document["n_images"], document["left_out"]) == (6, 0)
    row = document["results"]["us-localiser"]
    assert {"ap50", "recall_at_1_fp", "false_masses_on_normal", "liver_dice", "mass_dice"} <= set(row)
    assert all(0.0 <= value <= 1.0 for name, value in row.items() if not name.endswith(("_ci", "image")))
    assert len(document["cases"]) == 6
    assert document["operating_points"][0]["recall"] >= document["operating_points"][-1]["recall"]
    assert any("scanner" in note for note in evidence.notes)


def test_training_images_are_left_out(folder, tmp_path, monkeypatch):
    model = open_model("us-localiser")
    from steatoscope.imaging.io.hashing import sha256_file

    known = {sha256_file(path) for path in (folder / "images").iterdir()}
    monkeypatch.setattr(ModelFolder, "training_sha256", property(lambda _: frozenset(known)))
    with pytest.raises(SteatoscopeError) as fault:
        score_aul(folder, model, out=tmp_path)
    assert fault.value.code == "E_LEAK"


def test_other_models_are_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="no masses"):
        score_aul(folder, open_model("us-first"), out=tmp_path)


def test_regions_are_compared_with_outlines_in_pixels():
    sample = Sample(Path("a.jpg"), "a", "g", "us", Labels(finding="benign"), size=SIZE,
                    polygons={"mass": np.array(MASS, np.float32)})  # fmt: skip
    assert outlined_boxes(sample).tolist() == [[170.0, 120.0, 230.0, 170.0]]
    mask = np.zeros(SIZE, dtype=np.bool_)
    mask[120:171, 170:201] = True
    region = Detection((170.0, 120.0, 201.0, 171.0), 0.6, "mass", mask, np.zeros(3, np.float32))
    result = result_of(sample, [region], None, operating=0.5)
    assert result.mass == (31 * 51, 31 * 51, 61 * 51)
    assert result.reported == 1
    assert result_of(sample, [region], None, operating=0.7).mass == (0, 0, 61 * 51)
    assert reported_mass([region], SIZE, 0.5)[1] == 0.6
    assert not reported_mass([region], SIZE, 0.7)[0].any()


def test_scoring_a_model_imports_no_torch():
    code = (
        "import sys, steatoscope.learning.evaluation.aul; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
