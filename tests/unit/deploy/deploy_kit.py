"""Where the deployment files are, and the tools that judge them."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"


def tool(name: str) -> str:
    """The path of a checking program beside this Python or on the search path; skips where there is none."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (development extras)")
    return found


def instructions(path: Path) -> list[tuple[str, str]]:
    """Instructions of a Dockerfile in order, continued lines joined, comments left out."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines)).splitlines()
    pairs = [line.strip().partition(" ") for line in joined if line.strip()]
    return [(word.upper(), rest.strip()) for word, _, rest in pairs]


def yaml_of(path: Path) -> dict[str, Any]:
    """The only document of a YAML file."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def pinned(image: str) -> bool:
    """Whether an image is named with a version of at least two numbers, or by digest."""
    if "@sha256:" in image:
        return True
    tag = image.rpartition("/")[2].partition(":")[2]
    return re.match(r"v?\d+\.\d+", tag) is not None
