"""The model card of a network of recipe R4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steatoscope.learning.training.hmrs_study import HmrsStudy

if TYPE_CHECKING:
    from steatoscope.learning.training.hmrs_pack import Trained

_VIEWS = {
    "AR": "frames of the oblique subcostal view (AR)",
    "HR": "frames of the liver with the right kidney (HR)",
    "both": "pairs of frames, one of each view (AR and HR)",
    "real": "frames of liver and kidney",
}
_LIMITS = (
    "- Research use only; not a medical device.",
    "- The publication gives no kernel size, padding or width of the dense layer: 3x3, 'same' and 64 were chosen here.",
    "- The published errors (RMSE 1.11 to 1.45) are of 10 hand-picked patients with frames counted as samples.",
)
_SIMULATED = "- Learnt from simulated images only: on patients its values are untested and mean nothing yet."
_OWN = "- Untested on other devices, centres and patients than these."
_REAL = "- 40 patients, one scanner, biopsy fat in percent of hepatocytes: not a fat fraction, other devices untested."


def card(name: str, version: str, trained: Trained, study: HmrsStudy) -> str:
    """The card in Markdown: what it reads, what it learnt from, figures with intervals, limits."""
    label = " (simulated)" if study.simulated else ""
    kind = "simulated subjects" if study.cohort else f"patients{label} ({_source(study)})"
    lines = [
        f"# {name} {version}: fat percentage by a five-layer CNN{label}",
        "",
        f"Recipe R4 (Colantonio et al.): {_VIEWS[trained.branch]}, cut to their centre of 360 x 360, to fat in percent "
        f"on the {study.scale} scale; the answer is the mean over at most {trained.most_frames} frames.",
        "",
        f"- Learnt from {len(study.names)} {kind}, {study.frame_count} frames; {trained.length}.",
        f"- Start weights: {trained.weights.get('source')}.",
        f"- 90 % interval: {_interval(trained.half_width)}.",
        "",
        f"## Figures{label}",
        "",
        *_figures(trained),
        "",
        "## Limits",
        "",
        *([_SIMULATED] if study.simulated else []),
        *([] if study.cohort else [_REAL if _is_byra(study) else _OWN]),
        *_LIMITS,
        "",
    ]
    return "\n".join(lines)


def _is_byra(study: HmrsStudy) -> bool:
    return study.source is not None and study.source.name == "byra2018"


def _source(study: HmrsStudy) -> str:
    return "Byra 2018, CC BY 4.0" if _is_byra(study) else "your own images"


def _interval(half: float | None) -> str:
    if half is None:
        return "unknown (no cross-validation was run), so 0 to 100 %"
    return f"value +- {half:.2f} points, from residuals of left-out subjects"


def _figures(trained: Trained) -> Iterator[str]:
    figures = trained.figures
    if not figures:
        yield "None: no cross-validation was run."
        return
    yield "Of networks trained alike, on left-out subjects (4 folds); intervals: 95 %, bootstrap of subjects."
    yield ""
    yield "| figure | value | 95 % interval |"
    yield "|---|---|---|"
    for name, value in figures.items():
        if not name.endswith("_ci"):
            span = figures.get(f"{name}_ci")
            yield f"| {name} | {value:.3f} | {f'{span[0]:.3f} to {span[1]:.3f}' if span else '-'} |"
