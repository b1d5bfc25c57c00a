"""Trains R5 on all simulated CT foci and packs it as ONNX for eight-bit slices. It claims no class of a real lesion."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from steatoscope.learning.inference.slice_anomaly import KEY, MODEL
from steatoscope.learning.models.anomaly_nets import AnomalyNet
from steatoscope.learning.models.build import build
from steatoscope.learning.training.export import export_onnx
from steatoscope.learning.training.pack import write_model
from steatoscope.learning.training.r5_fit import AnomalyHeads, MapBank, fit_heads, map_bank
from steatoscope.learning.training.r5_pictures import CENTRE, CLASSES, SPREAD, FindingSet
from steatoscope.learning.training.sets_liver_png import LICENCE, MSD_CITATION

NAME: Final = "r5-ct-anomaly"
VERSION: Final = "1.0.0"
CLAIM: Final = "simulated truth only: foci painted into real slices and phantoms; no claim about real lesions"
OWN_LICENCE: Final = "Apache-2.0"


def pack_r5(
    data: FindingSet,
    out: Path,
    *,
    architecture: str,
    weights: str,
    side: int,
    copies: int,
    steps: int,
    seed: int,
    resume: bool,
) -> dict[str, Any]:
    """Train the heads on every picture, export the whole network and write the model's folder."""
    bank = map_bank(data, architecture, weights, side=side, copies=copies)
    heads = fit_heads(bank, np.arange(len(data)), steps=steps, seed=seed, out=out / "run", resume=resume)
    network = whole_network(architecture, bank, heads)
    example = (torch.zeros(1, 1, side, side),)
    difference = export_onnx(network, example, out / MODEL, input_names=["image"], output_names=["finding", "mask"])
    model = write_model(
        out,
        name=NAME,
        version=VERSION,
        modality="CT",
        task="normal, benign or malignant with mask and heat map on CT slices (trained on simulated foci)",
        files={MODEL: out / MODEL},
        settings={
            KEY: {
                "side": side,
                "classes": list(CLASSES),
                "centre": CENTRE,
                "spread": SPREAD,
                "architecture": architecture,
            },
            "claim": False,
            "truth": "simulated",
            "claim_words": CLAIM,
        },
        card=_card(data, architecture, bank, steps),
        training={
            "recipe": NAME,
            "seed": seed,
            "steps": steps,
            "split": "trained on every picture; figures from folds by volume: benchmark r5-ct-anomaly",
            "truth": "simulated",
            "weights": bank.record,
            "pictures": len(data),
            "facts": dict(data.facts),
            "data": [dict(row) for row in data.sources],
        },
        licence=LICENCE if data.sources else OWN_LICENCE,
    )  # fmt: skip
    return {"model": model.name, "pictures": len(data), "difference": difference, "truth": "simulated", "claim": False}


def whole_network(architecture: str, bank: MapBank, heads: AnomalyHeads) -> AnomalyNet:
    """The architecture with the bank's encoder and trained heads: pictures in, findings and mask out."""
    network = build(architecture)
    if not isinstance(network, AnomalyNet):
        raise TypeError(f"{architecture} is no anomaly network")
    network.encoder.load_state_dict(bank.network.state_dict())
    network.load_state_dict(heads.state_dict(), strict=False)
    return network.eval()


def _card(data: FindingSet, architecture: str, bank: MapBank, steps: int) -> str:
    sources = f"Slices: {MSD_CITATION}, {LICENCE}." if data.sources else "Phantoms only, no real slice."
    return (
        f"# {NAME}\n\n**{CLAIM}.** Reports show regions and a heat map; `lesion` stays null.\n\n"
        f"{architecture}: encoder frozen ({bank.record['source']}), heads trained for {steps} steps on {len(data)} "
        "pictures with painted foci: none, benign (cysts, focal fat, sparing) or malignant (a solid lesion).\n\n"
        f"{sources}\n\nFigures by volume: `steatoscope benchmark r5-ct-anomaly`.\n"
    )
