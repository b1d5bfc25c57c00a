"""Training on several processes (torchrun) and on a chosen device, as the commands see them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from steatoscope.apps.cli.extras import require_train

DEVICE: Final = "STEATOSCOPE_DEVICE"


def first_process() -> bool:
    """Whether this process is the only one or torchrun's first: the one that prints and whose files stay."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def together(out: Path) -> Iterator[Path]:
    """The folder to work in: ``out``, or a copy of it in torchrun's further processes; they wait for one another."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield out
        return
    require_train("training on several processes")
    from steatoscope.learning.training.processes import joined

    with joined(out) as own:
        yield own


def device_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--device`` for a command that trains; it is the setting ``STEATOSCOPE_DEVICE`` for this run."""
    return click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        expose_value=False,
        callback=_chosen,
        help="Where networks are trained: auto takes a GPU where there is one.  [default: STEATOSCOPE_DEVICE, or auto]",
    )(command)


def check_device() -> None:
    """Raise UsageError where a GPU is asked for and torch finds none: before any image is read. Needs torch."""
    if os.environ.get(DEVICE, "").strip():
        from steatoscope.learning.training.processes import training_device

        training_device()


def _chosen(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    context.call_on_close(partial(_restore, os.environ.get(DEVICE)))
    os.environ[DEVICE] = value


def _restore(before: str | None) -> None:
    """The setting as it was: the option is for one command, and a process may run several."""
    os.environ.pop(DEVICE, None)
    if before is not None:
        os.environ[DEVICE] = before
