"""The gate's model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steatoscope.learning.training.sets_aul import CITATION as AUL
from steatoscope.learning.training.sets_byra2018 import CITATION as BYRA


def gate_card(figures: Mapping[str, Mapping[str, Any]], pictures: int, groups: int, simulated: int) -> str:
    """The card as Markdown, with the figures of the fit."""
    rows = "\n".join(
        f"| {name} | {found['pictures']} | {found['groups']} | {found['left_out_refused']:.3f} | "
        f"{found['left_out_score_median']:.2f} | {found['left_out_score_99']:.2f} |"
        for name, found in figures.items()
    )
    return f"""# us-gate: is this an ultrasound picture of a liver?

Refuses pictures of anything else before anything is measured on them. It says nothing about fat or disease.

- Method: features of the steatosis model's frozen EfficientNet-lite0 (two maps, mean and spread over the tissue, 864
  values), principal directions of liver pictures, Mahalanobis distance along them and unexplained rest beyond them.
  The larger of the two over its limit is the score; above 1 the picture is refused. Simulated livers have a reference
  of their own.
- Reference: {pictures} real pictures of {groups} patients or groups of look-alikes (byra2018, two frames a patient;
  seven tenths of the groups of aul), {simulated} simulated pictures. No picture can be told from the file: it holds
  means and directions.
- Limits: the 99.5 % quantile of pictures whose group a fit has not seen (five folds), times 1.1. No foreign picture
  enters the fit.
- Licence: Apache-2.0; fitted on CC BY 4.0 data. Citations: {BYRA}. {AUL}.

| reference | pictures | groups | left-out pictures refused | median score | 99 % of scores below |
|---|---|---|---|---|---|
{rows}

Left-out figures use the limits that they set, so they are too good by a little: `docs/results/refusal.md` has held-out
pictures and foreign kinds.

Known limits: it knows curved and phased probes on adult livers. A picture of another abdominal organ that shares the
look of liver ultrasound may pass; that a liver is in view is the segmenter's and the reader's to say.
"""
