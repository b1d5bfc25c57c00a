"""torchvision and timm beside the CPU build of torch: the only module that imports them.

torchvision's compiled operators are linked to CUDA and do not load beside the CPU wheel, so that its import stops at
the missing ``nms``. Where they are missing, plain torch takes their place: greedy non-maximum suppression, and RoIAlign
by bilinear ``grid_sample`` with two samples a bin side (He et al. 2017; ``aligned=False``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SAMPLES = 2
_LIBRARY: torch.library.Library | None = None


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Indices of boxes (n, 4; x0, y0, x1, y1) kept by greedy suppression, highest score first."""
    order = torch.argsort(scores, descending=True, stable=True)
    one = boxes[order]
    areas = (one[:, 2] - one[:, 0]) * (one[:, 3] - one[:, 1])
    low, high = torch.maximum(one[:, None, :2], one[None, :, :2]), torch.minimum(one[:, None, 2:], one[None, :, 2:])
    inner = (high - low).clamp(min=0).prod(dim=2)
    # One matrix and a loop over its rows in numpy: a loop of small torch calls would cost more than the network.
    near = (inner / (areas[:, None] + areas[None] - inner) > iou_threshold).cpu().numpy()
    alive = np.ones(len(one), dtype=np.bool_)
    for i in range(len(one)):
        if alive[i]:
            alive[i + 1 :] &= ~near[i, i + 1 :]
    return order[torch.from_numpy(np.flatnonzero(alive)).to(order.device)]


def roi_align(
    features: Tensor,
    boxes: Tensor | list[Tensor],
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = SAMPLES,
    aligned: bool = False,
) -> Tensor:
    """RoIAlign of maps (n, c, h, w) at boxes: values (k, c, rows, columns).

    ``boxes`` is (k, 5; map number, x0, y0, x1, y1), or one (k_i, 4) a map.
    """
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    if isinstance(boxes, list):
        numbers = [torch.full((len(part), 1), float(i), device=features.device) for i, part in enumerate(boxes)]
        boxes = torch.cat([torch.cat([n, part], 1) for n, part in zip(numbers, boxes, strict=True)])
    sides = sampling_ratio if sampling_ratio > 0 else SAMPLES
    if not len(boxes):
        return features.new_zeros((0, features.shape[1], rows, columns))
    parts = [
        _aligned(features[i : i + 1], boxes[boxes[:, 0] == i, 1:], rows, columns, spatial_scale, sides, aligned)
        for i in range(len(features))
    ]
    order = torch.cat([torch.nonzero(boxes[:, 0] == i)[:, 0] for i in range(len(features))])
    return torch.cat(parts)[torch.argsort(order)]


def _aligned(
    feature: Tensor, boxes: Tensor, rows: int, columns: int, scale: float, sides: int, aligned: bool
) -> Tensor:
    channels, height, width = feature.shape[1:]
    if not len(boxes):
        return feature.new_zeros((0, channels, rows, columns))
    shift = 0.5 if aligned else 0.0
    x0, y0, x1, y1 = (boxes * scale - shift).unbind(1)
    if not aligned:
        x1, y1 = torch.maximum(x1, x0 + 1.0), torch.maximum(y1, y0 + 1.0)
    x = _positions(x0, x1, columns * sides).clamp(0.0, width - 1.0)
    y = _positions(y0, y1, rows * sides).clamp(0.0, height - 1.0)
    grid = torch.stack(
        [
            (2.0 * x / max(width - 1, 1) - 1.0)[:, None, :].expand(-1, y.shape[1], -1),
            (2.0 * y / max(height - 1, 1) - 1.0)[:, :, None].expand(-1, -1, x.shape[1]),
        ],
        dim=-1,
    )
    stacked = grid.reshape(1, -1, x.shape[1], 2).to(feature.dtype)
    values = F.grid_sample(feature, stacked, mode="bilinear", padding_mode="border", align_corners=True)
    values = values.reshape(channels, len(boxes), rows, sides, columns, sides).mean(dim=(3, 5))
    return values.permute(1, 0, 2, 3)


def _positions(low: Tensor, high: Tensor, count: int) -> Tensor:
    steps = (torch.arange(count, device=low.device, dtype=low.dtype) + 0.5) / count
    return low[:, None] + (high - low)[:, None] * steps[None]


def _load() -> tuple[Any, Any, bool]:
    global _LIBRARY  # noqa: PLW0603  torch drops the operators with the library object
    compiled = True
    try:
        torch.ops.load_library(_extension())  # type: ignore[no-untyped-call]
    except (OSError, ImportError):
        compiled = False
        _LIBRARY = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            _LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
            _LIBRARY.impl(name, nms, "CPU")  # type: ignore[no-untyped-call]
    import timm
    import torchvision
    import torchvision.models.detection

    if not compiled:
        # torchvision's own wrapper asks for the compiled operators before it calls them.
        torchvision.ops.nms = torchvision.ops.boxes.nms = nms
        torchvision.ops.poolers.roi_align = roi_align
        torchvision.models.detection.roi_heads.roi_align = roi_align
    return torchvision, timm, compiled


def _extension() -> str:
    from importlib.util import find_spec
    from pathlib import Path

    found = find_spec("torchvision")
    if found is None or found.origin is None:
        raise ImportError("torchvision is not installed")
    candidates = sorted(Path(found.origin).parent.glob("_C*.so")) + sorted(Path(found.origin).parent.glob("_C*.pyd"))
    if not candidates:
        raise ImportError("torchvision has no compiled operators")
    return str(candidates[0])


torchvision, timm, COMPILED = _load()
