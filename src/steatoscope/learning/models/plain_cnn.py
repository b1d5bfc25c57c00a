"""The ladder's first rung of recipe R3: five convolutions from scratch with two heads."""

from __future__ import annotations

from torch import Tensor, nn

from steatoscope.learning.models.grading import TwoHeads
from steatoscope.learning.models.hmrs_cnn import FILTERS, HmrsCNN


class PlainCNN(nn.Module):
    """The five convolutions of the H-MRS network, pooled, with two heads: the ladder's first rung, from scratch.

    Frames (n, 1, 112, 112) with values 0-1 to grade logits (n, 4) and fat percent (n, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = HmrsCNN(1).features
        self.heads = TwoHeads(FILTERS[-1])

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and percent."""
        found: tuple[Tensor, Tensor] = self.heads(self.features(frames).mean(dim=(2, 3)))
        return found
