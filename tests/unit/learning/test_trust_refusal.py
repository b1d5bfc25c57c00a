"""The benchmark of refusals: exact intervals, what counts as wrong, foreign images that repeat themselves."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.evaluation import trust_refusal
from steatoscope.learning.evaluation.report import take_evidence
from steatoscope.learning.evaluation.report_markdown import markdown
from steatoscope.learning.evaluation.trust_refusal import all_cases, codes, exact_interval, refusal_document
from steatoscope.learning.evaluation.trust_refusal_cases import Case, Verdict, in_place, judge
from steatoscope.learning.evaluation.trust_refusal_ct import ct_kinds
from steatoscope.learning.evaluation.trust_refusal_mr import mr_kinds
from steatoscope.learning.evaluation.trust_refusal_pictures import PACKAGE_PICTURES, package_picture
from steatoscope.learning.evaluation.trust_refusal_sources import Sources
from steatoscope.learning.evaluation.trust_refusal_us import TUNED, tiles_shuffled, us_foreign, us_kinds


def case(kind: str = "noise", **changes: Any) -> Case:
    return Case("US", kind, "one", in_place(Path("x.png")), **changes)


def answered(code: str, value: float | None = None) -> Any:
    """An analysis that answers with a refused report, or with a value."""
    error = SimpleNamespace(code=code, cause="why") if code else None
    fat = None if value is None else SimpleNamespace(value_percent=value)
    quality = SimpleNamespace(codes=[SimpleNamespace(code="W_OOD"), SimpleNamespace(code=code or "W_AGE")])
    return lambda paths, options: SimpleNamespace(report=SimpleNamespace(error=error, fat=fat, quality=quality))


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(20, 20, 0.025 ** (1 / 20), 1.0), (0, 150, 0.0, 1.0 - 0.025 ** (1 / 150)), (1, 10, 0.002529, 0.445016)],
)
def test_the_interval_is_that_of_clopper_and_pearson(count, n, low, high):
    assert exact_interval(count, n) == pytest.approx([low, high], abs=1e-6)  # closed forms; 1 of 10 by tables


@pytest.mark.parametrize(
    ("analyse", "code", "refused"),
    [(answered("E_OOD"), "E_OOD", True), (answered("", 12.0), "", False)],
)
def test_a_refused_report_and_a_value_are_told_apart(analyse, code, refused):
    found = judge(case(), analyse)
    assert (found.code, found.refused) == (code, refused)
    assert "W_OOD" in found.warnings


@pytest.mark.parametrize(
    ("fault", "code"), [(SteatoscopeError("E_SIZE"), "E_SIZE"), (UsageError("say what it is"), "usage")]
)
def test_invalid_input_and_wrong_usage_are_refusals_too(fault, code):
    def analyse(paths: Any, options: Any) -> Any:
        raise fault

    assert judge(case(), analyse).code == code


def test_a_fault_of_the_program_is_no_refusal():
    def analyse(paths: Any, options: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        judge(case(), analyse)


def test_rows_count_refusals_false_refusals_and_right_ones():
    foreign = [Verdict(case(tuned=True), "E_OOD", ""), Verdict(case(tuned=True), "", "", value_percent=3.0)]
    real = [
        Verdict(case("livers", subject="a"), "E_OOD", "far"),
        Verdict(case("livers", subject="b"), "", "", ("W_OOD",), 4.0),
        Verdict(case("enhanced", subject="c", expected=("E_CONTRAST",)), "E_CONTRAST", ""),
        Verdict(case("enhanced", subject="d", expected=("E_CONTRAST",)), "E_OOD", ""),
    ]
    document, evidence = take_evidence(refusal_document(foreign, [], real, words="made-up"))
    rows = document["results"]
    assert rows["foreign US: noise (tuned)"]["refused_share"] == 0.5
    assert rows["foreign US, all kinds tuned"]["n"] == 2
    assert rows["real US: livers"]["falsely_refused"] == 0.5
    assert rows["real US: livers"]["warned_ood"] == 0.5
    assert rows["real US, to be refused: enhanced"]["rightly_refused"] == 0.5
    assert [(one["kind"], one["code"]) for one in document["cases"]] == [
        ("noise", "measured"),
        ("livers", "E_OOD"),
        ("enhanced", "E_OOD"),
    ]
    assert "E_OOD 1, none 1" in markdown(document, evidence)


def test_codes_are_told_most_frequent_first():
    found = [Verdict(case(), code, "") for code in ("E_OOD", "", "E_OOD")]
    assert codes(found) == "E_OOD 2, none 1"


def test_every_modality_has_at_least_twelve_kinds_and_most_are_held_out():
    sources = Sources(None)
    assert min(len(us_kinds(sources)), len(ct_kinds(sources)), len(mr_kinds(sources))) >= 12
    assert set(us_kinds(sources)) >= TUNED
    assert len(us_kinds(sources)) - len(TUNED) >= 12


def test_the_same_seed_gives_the_same_pictures(tmp_path):
    drawn = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        chosen = [one for one in us_foreign(Sources(None), 1, seed=4) if one.kind in ("face", "test object", "noise")]
        drawn.append([one.write(tmp_path / name)[0].read_bytes() for one in chosen])
    assert drawn[0] == drawn[1]


def test_every_kind_of_picture_can_be_read(tmp_path):
    for one in us_foreign(Sources(None), 1, seed=2):
        path = one.write(tmp_path)[0]
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert min(picture.size) >= 32, one.kind


def test_pictures_of_the_package_are_there_without_a_download():
    for names in PACKAGE_PICTURES.values():
        for name in names:
            assert package_picture(name).size > 10_000


def test_shuffled_tiles_keep_every_pixel():
    picture = np.arange(3600, dtype=np.uint16).reshape(60, 60)
    mixed = tiles_shuffled(picture.astype(np.uint8), np.random.default_rng(0))
    kept = picture.astype(np.uint8)[: mixed.shape[0], : mixed.shape[1]]
    assert not np.array_equal(mixed, kept)
    assert np.bincount(mixed.ravel(), minlength=256).sum() == mixed.size == kept.size
    assert np.array_equal(np.sort(mixed.ravel()), np.sort(kept.ravel()))


def test_without_data_nothing_real_is_scored():
    foreign, simulated, real = all_cases(None, 0, quick=True)
    assert real == []
    assert {one.modality for one in foreign} == {one.modality for one in simulated} == {"US", "CT", "MR"}
    assert not any(one.subject for one in foreign)
    assert all(one.subject for one in simulated)


def test_a_quick_run_says_so_in_both_documents(monkeypatch):
    monkeypatch.setattr(trust_refusal, "all_cases", lambda data, seed, *, quick: ([case()], [], []))
    document, evidence = take_evidence(trust_refusal.run_refusal(None, answered("E_OOD"), seed=4, quick=True))
    assert document["configuration"] == {"quick": True, "seed": 4}
    assert "Quick run: a small configuration" in markdown(document, evidence)
