"""Keeps the end of the audit chain in a file outside the database, for the next check to compare with."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from steatoscope.service.storage.audit import Anchor


def read_anchor(path: Path) -> Anchor | None:
    """The anchor in a file; None where there is no file. Raises ValueError where it holds no anchor."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Anchor(seq=int(document["seq"]), hash=str(document["hash"]))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError) as fault:
        raise ValueError(f"{path.name} holds no anchor") from fault


def write_anchor(path: Path, anchor: Anchor) -> None:
    """Replace the anchor in a file."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(asdict(anchor)), encoding="utf-8")
    fresh.replace(path)
