"""A tiny run of recipe R4 for tests: kept frames, three networks a fold, one frame a clip."""

from __future__ import annotations

import sys
from pathlib import Path

from steatoscope.learning.evaluation.hmrs import HmrsPlan, run_hmrs

TINY = HmrsPlan("tiny", subjects=28, frames=1, epochs=2, bf16=False)

if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    run_hmrs(TINY, None, Path(sys.argv[1]), resume=True)
