"""A tiny run of recipe R5 for tests: phantoms alone, one encoder with random weights, two folds."""

from __future__ import annotations

import sys
from pathlib import Path
from types import MappingProxyType

from steatoscope.learning.evaluation import r5

KILLED = r5.R5Plan("tiny", 64, 2, 100, 0, 2, 1, 2, real_ct=False)
PLANS = MappingProxyType({"small": KILLED})
ENCODERS = ("lite0-anomaly",)

if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    r5.PLANS, r5.ARCHITECTURES = dict(PLANS), ENCODERS  # type: ignore[misc,assignment]
    r5.run_r5("small", None, Path(sys.argv[1]), weights="random", resume=True)
