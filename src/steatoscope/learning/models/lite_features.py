"""EfficientNet-lite0 with ImageNet weights, frozen and cut off: feature maps for pooling (Tan and Le, ICML 2019)."""

from __future__ import annotations

from torch import Tensor, nn

from steatoscope.learning.models.lite_unet import lite0

MIDDLE_STAGE = 4
MAPS = {"middle": (112, 16), "deep": (320, 32)}


class LiteFeatures(nn.Module):
    """Grey pictures (n, rows, columns), already normalised, to the maps after blocks 10 and 15.

    ``middle`` has 112 channels at stride 16, ``deep`` 320 at stride 32. Weights stay as they are.
    """

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        whole = lite0(pretrained=pretrained)
        self.stem = nn.Sequential(whole.conv_stem, whole.bn1)
        self.first = nn.Sequential(*list(whole.blocks)[: MIDDLE_STAGE + 1])
        self.second = nn.Sequential(*list(whole.blocks)[MIDDLE_STAGE + 1 :])
        self.requires_grad_(False)
        self.eval()

    def forward(self, grey: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (n, 112, rows / 16, columns / 16) and (n, 320, rows / 32, columns / 32), rounded up."""
        middle = self.first(self.stem(grey[:, None].expand(-1, 3, -1, -1)))
        return middle, self.second(middle)
