"""One image of every foreign kind through the analysis as it is wired: none gets a fat value, each gets a reason."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from steatoscope.apps.wiring.refusal import wired_analysis
from steatoscope.core.errors import CATALOGUE
from steatoscope.learning.evaluation.trust_refusal_cases import Case, Verdict, judge
from steatoscope.learning.evaluation.trust_refusal_ct import ct_foreign
from steatoscope.learning.evaluation.trust_refusal_mr import mr_foreign
from steatoscope.learning.evaluation.trust_refusal_simulated import simulated_cases
from steatoscope.learning.evaluation.trust_refusal_sources import Sources
from steatoscope.learning.evaluation.trust_refusal_us import us_foreign

SOURCES = Sources(None)
PICTURES = us_foreign(SOURCES, 1, seed=11)
VOLUMES = [
    one
    for one in (*ct_foreign(SOURCES, 1, seed=11), *mr_foreign(SOURCES, 1, seed=11))
    if one.kind in ("water cylinder", "blank or even", "photograph", "pydicom's examples")
]
TEST_OBJECTS = {"even cylinder in fat": 0, "disc in a cylinder": 1}


def named(cases: list[Case]) -> dict[str, object]:
    return {"argvalues": cases, "ids": [f"{one.modality} {one.name}" for one in cases]}


def checked(found: Verdict) -> Verdict:
    assert found.refused, f"{found.case.name}: {found.value_percent}"
    assert found.code in CATALOGUE
    assert found.cause
    return found


@pytest.mark.parametrize("case", **named(PICTURES))
def test_a_foreign_picture_is_refused_with_a_reason(case):
    checked(judge(case, wired_analysis))


@pytest.mark.parametrize("case", **named(VOLUMES))
def test_a_foreign_volume_is_refused_with_a_reason(case):
    checked(judge(case, wired_analysis))


def test_a_refused_picture_is_shown_with_the_number_and_a_remedy(tmp_path: Path):
    from steatoscope.imaging.io.write import write_png
    from steatoscope.learning.evaluation.trust_refusal_pictures import in_sector, package_picture
    from steatoscope.pipeline.options import AnalyseOptions

    write_png(tmp_path / "photo.png", in_sector(package_picture("coins.png"), np.random.default_rng(0)))
    outcome = wired_analysis([tmp_path / "photo.png"], AnalyseOptions())
    report = outcome.report
    assert report.error is not None
    assert report.error.code == "E_OOD"
    assert " times the largest" in report.error.cause
    assert report.error.remedy.startswith("Send a grey B-mode picture of the liver")
    assert (report.fat, report.grade, report.measurements) == (None, None, [])
    assert "us-gate" in [model.name for model in report.models]
    assert report.provenance.config["foreignness"]["0"] > 1.0
    assert len(outcome.pictures) == 1


@pytest.mark.parametrize("kind", ["even cylinder in fat", "disc in a cylinder"])
def test_a_test_object_with_a_liver_s_density_is_refused_for_its_missing_bone(kind, tmp_path: Path):
    from steatoscope.pipeline.options import AnalyseOptions

    case = next(one for one in ct_foreign(SOURCES, 2, seed=0) if one.name == f"{kind} {TEST_OBJECTS[kind]:03d}")
    paths = case.write(tmp_path)
    report = wired_analysis(paths, AnalyseOptions()).report
    assert report.error is not None
    assert report.error.code == "E_OOD"
    assert "is in 0 of 8 slices" in report.error.cause
    assert (report.fat, report.grade, report.measurements) == (None, None, [])
    assert "W_MASK" not in [note.code for note in report.quality.codes]


def test_a_picture_too_dark_to_be_read_names_the_number_and_the_gain(tmp_path: Path):
    from steatoscope.imaging.io.write import write_png
    from steatoscope.imaging.phantoms.us import simulate_us
    from steatoscope.pipeline.options import AnalyseOptions

    frame = simulate_us(10.0, seed=1).clip.frames[0]
    write_png(tmp_path / "dark.png", np.round(frame * 0.2).astype(np.uint8))
    report = wired_analysis([tmp_path / "dark.png"], AnalyseOptions()).report
    assert report.error is not None
    assert report.error.code == "E_OOD"
    assert re.search(r"varies by \d+\.\d\d of 255 grey levels \(at least \d\)", report.error.cause)
    assert "gain" in report.error.remedy
    assert not [note.message for note in report.quality.codes if "widened" in note.message or "doubled" in note.message]
    assert {value.quality for value in report.measurements} <= {"poor"}


@pytest.mark.parametrize("case", **named([one for one in simulated_cases(2, 0) if one.modality == "US"]))
def test_simulated_ultrasound_is_measured_and_labelled_once(case):
    found = judge(case, wired_analysis)
    assert not found.refused, found.cause
    assert "W_SIMULATED" in found.warnings


@pytest.mark.realdata
def test_held_out_livers_of_other_scanners_are_measured_with_a_warning(data_dir):
    from steatoscope.learning.evaluation.trust_refusal_real import real_cases

    cases = [one for one in real_cases(data_dir, 3, quick=True) if one.modality == "US"]
    found = [judge(one, wired_analysis) for one in cases]
    assert not [one.cause for one in found if one.refused]
    assert all("W_OOD" in one.warnings for one in found if one.case.kind.startswith("aul"))


def test_the_command_runs_the_benchmark_over_the_wired_analysis(monkeypatch, tmp_path, capsys):
    from steatoscope.apps.cli.main import run
    from steatoscope.learning.evaluation import trust_refusal

    seen = {}

    def made_up(data, analyse, *, seed, quick):
        seen.update(data=data, analyse=analyse, seed=seed, quick=quick)
        return trust_refusal.refusal_document([Verdict(PICTURES[0], "E_OOD", "")], [], [], words="made-up")

    monkeypatch.setattr(trust_refusal, "run_refusal", made_up)
    assert run(["benchmark", "refusal", "--out", str(tmp_path / "out"), "--seed", "3", "--quick", "--json"]) == 0
    assert seen == {"data": None, "analyse": wired_analysis, "seed": 3, "quick": True}
    assert '"refused_share": 1.0' in (tmp_path / "out" / "benchmark.json").read_text()
    assert '"name": "refusal"' in capsys.readouterr().out
