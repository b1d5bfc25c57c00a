"""Whether images are simulated: by the words that the phantom writer leaves in them, or by a truth file beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from steatoscope.imaging.io.sniff import first_bytes

REMARK: Final = "Simulated image"
MAKER: Final = "Steatoscope phantom"
_TRUTH_KEYS: Final = frozenset({"simulated", "simulator", "pdff_percent"})
_MAX_TRUTH_BYTES: Final = 1 << 20


def files_are_simulated(files: Sequence[Path]) -> bool:
    """Whether any file holds the writer's remark near its start, or it or its folder has a ``PATH.truth.json``."""
    if any(REMARK.encode() in first_bytes(file) for file in files):
        return True
    places = dict.fromkeys(place for file in files for place in (file, file.parent))
    return any(_is_truth(place.with_name(f"{place.name}.truth.json")) for place in places if place.name)


def _is_truth(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > _MAX_TRUTH_BYTES:
            return False
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and not _TRUTH_KEYS.isdisjoint(fields)
