"""Several training processes under torchrun, and the device that a network is trained on.

``torchrun --nproc-per-node N -m steatoscope.apps.cli.main train ...`` starts N processes that run the same command.
Each goes through the same steps; the first one's folder is the run's, the others work in a copy that is thrown away, so
that no file has two writers and all resume from the same state.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from steatoscope.core.errors import UsageError

DEVICE: Final = "STEATOSCOPE_DEVICE"
CHOICES: Final = ("auto", "cpu", "cuda")
LONGEST_WAIT: Final = timedelta(hours=2)
T = TypeVar("T")


def world_size() -> int:
    """Number of processes that train together; 1 where this one is alone."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """This process's number, 0 for the first or only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def training_device() -> torch.device:
    """What ``STEATOSCOPE_DEVICE`` names: ``auto`` (the default) is the GPU where there is one, this process's own.

    Raises UsageError for another word, and for ``cuda`` where torch finds no GPU.
    """
    wanted = os.environ.get(DEVICE, "").strip().lower() or "auto"
    if wanted not in CHOICES:
        raise UsageError(f"{DEVICE} is {wanted!r}; choose from {', '.join(CHOICES)}")
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise UsageError(
            f"cuda was asked for by --device or {DEVICE}, but torch {torch.__version__} finds no GPU: take auto or cpu"
        )
    if wanted == "cpu" or not there:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


@contextmanager
def joined(out: Path) -> Iterator[Path]:
    """Join the processes that torchrun started; gives the folder that this one may write in.

    That is ``out`` for the first process, for the others a copy of it in the temporary folder. Processes of one machine
    or with ``out`` on shared storage.
    """
    device = training_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    store, number, count = _meeting()
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
        store=store,
        rank=number,
        world_size=count,
        timeout=LONGEST_WAIT,
    )
    try:
        with _own_folder(out) as folder:
            yield folder
            dist.barrier()
    finally:
        dist.destroy_process_group()


def _meeting() -> tuple[Store, int, int]:
    """Where the processes find one another, this one's rank and their count.

    torchrun may keep one store over restarts. Under a name of its own each attempt never finds the addresses of
    processes that have died, which it would wait for.
    """
    store, number, count = next(rendezvous("env://", timeout=LONGEST_WAIT))
    return PrefixStore(f"attempt-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store), number, count


@contextmanager
def _own_folder(out: Path) -> Iterator[Path]:
    if rank() == 0:
        dist.barrier()  # the others have their copies: from here on the folder may change
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="steatoscope-process-") as place:
        own = Path(place) / out.name
        if out.is_dir():
            shutil.copytree(out, own)
        dist.barrier()
        yield own


def from_first(value: T) -> T:
    """The first process's value, in every process; ``value`` itself where this one is alone."""
    if world_size() == 1:
        return value
    box: list[Any] = [value]
    dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    found: T = box[0]
    return found
