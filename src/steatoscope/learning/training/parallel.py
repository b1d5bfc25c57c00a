"""A training step divided among processes, with the gradient of one process.

Each process takes its rows of the batch through the network, the answers are put together, and every process computes
the loss of the whole batch: so a loss that is not a mean over rows (Dice pooled over a batch, class weights) stays what
it is. Batch statistics are taken over all rows, and dropout draws the mask of the whole batch. What is left is the
order of floating-point sums. DistributedDataParallel adds the gradients.

A loss that does not go through ``network(...)`` (detectors draw their own samples) is taken of each process's rows and
averaged by their number, which is the usual data-parallel approximation.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from steatoscope.learning.training.processes import rank, world_size

LossOf = Callable[..., Tensor]


@dataclass(frozen=True, slots=True)
class Share:
    """This process's rows ``start`` to ``stop`` of ``rows``; ``divided`` is False where all processes take all rows."""

    rows: int
    start: int
    stop: int
    divided: bool = True

    def of(self, part: Any) -> Any:
        """The own rows of a tensor."""
        return part[self.start : self.stop]


def share_of(rows: int, number: int, count: int) -> Share:
    """Rows as even as can be; a batch with fewer rows than processes is not divided."""
    if rows < count:
        return Share(rows, 0, rows, divided=False)
    least, more = divmod(rows, count)
    start = number * least + min(number, more)
    return Share(rows, start, start + least + (number < more))


@contextmanager
def shared_loss(network: nn.Module, loss_of: LossOf, *, by_rows: bool = False) -> Iterator[LossOf]:
    """``loss(*batch)`` whose gradient is that of all processes together; in one process ``loss_of(network, *batch)``.

    Every process must call it with the same whole batch. ``by_rows``: the loss does not go through ``network(...)``.
    """
    if world_size() == 1:
        yield partial(loss_of, network)
        return
    step: nn.Module = _RowLoss(network, loss_of) if by_rows else _WholeLoss(network, loss_of)
    device = next(network.parameters()).device
    parallel = DistributedDataParallel(
        step, device_ids=[device] if device.type == "cuda" else None, find_unused_parameters=by_rows
    )

    def loss(*batch: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="find_unused_parameters=True")
            found: Tensor = parallel(*batch)
        return found

    yield loss


class _RowLoss(nn.Module):
    """The loss of this process's rows, weighed so that the mean over processes is the mean over rows."""

    def __init__(self, network: nn.Module, loss_of: LossOf) -> None:
        super().__init__()
        self.network, self.loss_of = network, loss_of

    def forward(self, *batch: Tensor) -> Tensor:
        share = share_of(len(batch[0]), rank(), world_size())
        weight = (share.stop - share.start) / share.rows * world_size() if share.divided else 1.0
        return self.loss_of(self.network, *(share.of(part) for part in batch)) * weight


class _WholeLoss(nn.Module):
    """The loss of the whole batch, whose gradient flows through this process's rows alone.

    DistributedDataParallel takes the mean over processes where the sum is meant: hence the factor, which changes the
    gradient and not the value.
    """

    def __init__(self, network: nn.Module, loss_of: LossOf) -> None:
        super().__init__()
        self.network, self.loss_of = network, loss_of

    def forward(self, *batch: Tensor) -> Tensor:
        share = share_of(len(batch[0]), rank(), world_size())
        if not share.divided:
            return self.loss_of(self.network, *batch)
        loss = self.loss_of(_Divided(self.network, share), *batch)
        return loss * world_size() - loss.detach() * (world_size() - 1)


class _Divided(nn.Module):
    """A network of whose batch this process computes its own rows; the others' come in without gradient."""

    def __init__(self, network: nn.Module, share: Share) -> None:
        super().__init__()
        self.network, self.share = network, share

    def forward(self, *inputs: Any) -> Any:
        own = [self.share.of(part) if isinstance(part, Tensor) else part for part in inputs]
        with _over_the_whole_batch(self.network, self.share):
            return _gathered(self.network(*own), self.share)


def _gathered(found: Any, share: Share) -> Any:
    """Answers of all rows: tensors, or tuples and mappings of them."""
    if isinstance(found, Tensor):
        return _rows_of_all(found, share)
    if isinstance(found, dict):
        return {name: _gathered(part, share) for name, part in found.items()}
    if isinstance(found, tuple | list):
        return type(found)(_gathered(part, share) for part in found)
    return found


def _rows_of_all(own: Tensor, share: Share) -> Tensor:
    times = len(own) // (share.stop - share.start)
    place = slice(times * share.start, times * share.stop)
    whole = torch.zeros((times * share.rows, *own.shape[1:]), device=own.device)
    whole[place] = own.detach().float()
    dist.all_reduce(whole)
    joined = whole.to(own.dtype)
    joined[place] = own
    return joined


@contextmanager
def _over_the_whole_batch(network: nn.Module, share: Share) -> Iterator[None]:
    """Batch norm with the statistics of all processes' rows, dropout with the whole batch's mask."""
    changed: list[nn.Module] = []
    for module in network.modules():
        if isinstance(module, _BatchNorm) and module.training:
            module.forward = partial(_normalised, module)  # type: ignore[method-assign]
        elif type(module) is nn.Dropout and module.training:
            module.forward = partial(_dropped, module, share)  # type: ignore[method-assign]
        else:
            continue
        changed.append(module)
    try:
        yield
    finally:
        for module in changed:
            del module.forward


def _dropped(module: nn.Dropout, share: Share, x: Tensor) -> Tensor:
    times = len(x) // (share.stop - share.start)
    mask = F.dropout(x.new_ones((times * share.rows, *x.shape[1:])), module.p, training=True)
    return x * mask[times * share.start : times * share.stop]


def _normalised(norm: _BatchNorm, x: Tensor) -> Tensor:
    """Batch normalisation (Ioffe and Szegedy 2015) by mean and variance over the rows of all processes."""
    axes = [0, *range(2, x.ndim)]
    shape = [1, -1, *[1] * (x.ndim - 2)]
    values = x.float()
    count = _summed(torch.tensor(float(x.numel() // x.shape[1]), device=x.device))
    mean = _summed(values.sum(axes)) / count
    centred = values - mean.reshape(shape)
    variance = _summed((centred**2).sum(axes)) / count
    _remember(norm, mean.detach(), (variance * count / (count - 1.0)).detach())
    scaled = centred * torch.rsqrt(variance + norm.eps).reshape(shape)
    if norm.weight is not None:
        scaled = scaled * norm.weight.reshape(shape) + norm.bias.reshape(shape)
    return scaled.to(x.dtype)


def _remember(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics as torch does."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked.add_(1)
    share = 1.0 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), share)
    norm.running_var.lerp_(variance.to(norm.running_var.dtype), share)


class _Sum(torch.autograd.Function):
    """Sum over processes, in both directions: each process's part of the loss depends on every process's rows."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        whole = part.clone()
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        whole = gradient.clone()
        dist.all_reduce(whole)
        return whole


def _summed(part: Tensor) -> Tensor:
    found: Tensor = _Sum.apply(part)  # type: ignore[no-untyped-call]
    return found
