"""``steatoscope doctor``: is this installation fit to work?"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from steatoscope import __version__
from steatoscope.apps.cli.output import emit

_PACKAGES = ("numpy", "scipy", "numba", "pydicom", "nibabel", "scikit-image", "opencv-python-headless", "reportlab")
_DECODERS = {
    "RLE, JPEG lossless": ("numba",),
    "JPEG": ("pillow",),
    "JPEG-LS": ("pyjpegls",),
    "JPEG 2000": ("pylibjpeg-openjpeg",),
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor(as_json: bool) -> int:
    """Check Python, packages, decoders, models, memory and disk; exit 1 where something is missing."""
    checks = [_checked(name, check) for name, check in _CHECKS.items()]
    healthy = all(check["ok"] for check in checks)
    if as_json:
        emit({"ok": healthy, "version": __version__, "checks": checks})
    else:
        for check in checks:
            click.echo(f"{'ok ' if check['ok'] else 'BAD'}  {check['name']:10} {check['detail']}")
    return 0 if healthy else 1


def _checked(name: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"name": name, "ok": True, "detail": check()}
    except Exception as fault:
        return {"name": name, "ok": False, "detail": f"{type(fault).__name__}: {fault}"}


def _python() -> str:
    return f"{platform.python_version()} on {platform.machine()}"


def _packages() -> str:
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)


def _decoders() -> str:
    for packages in _DECODERS.values():
        for package in packages:
            importlib.metadata.version(package)
    return ", ".join(_DECODERS)


def _models() -> str:
    from steatoscope.learning.catalogue import verify_models

    results = verify_models()
    bad = [result["name"] for result in results if not result["ok"]]
    if bad:
        raise RuntimeError(f"hash differs: {', '.join(bad)}")
    return f"{len(results)} verified"


def _memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    if total < 3.5:
        raise RuntimeError(f"{total:.1f} GiB; at least 4 GiB are needed for large volumes")
    return f"{total:.1f} GiB, {os.cpu_count()} cores"


def _disk() -> str:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "probe").write_bytes(b"ok")
        free = shutil.disk_usage(folder).free / 2**30
    if free < 1.0:
        raise RuntimeError(f"{free:.1f} GiB free in the temporary folder; at least 1 GiB is needed")
    return f"{free:.0f} GiB free in the temporary folder"


def _training() -> str:
    present = importlib.util.find_spec("torch") is not None
    return "torch is installed" if present else "torch is not installed (only training needs it)"


_CHECKS: dict[str, Callable[[], str]] = {
    "python": _python,
    "packages": _packages,
    "decoders": _decoders,
    "models": _models,
    "memory": _memory,
    "disk": _disk,
    "training": _training,
}
