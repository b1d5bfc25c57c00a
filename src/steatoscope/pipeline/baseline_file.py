"""A site's own reference as a JSON file: fitted to a table of healthy people, written and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.baseline_health import CAUTION, SIMULATED, cautions_of
from steatoscope.pipeline.baseline_table import read_cohort
from steatoscope.science.clinical.site_reference import SiteReference, document_of, fit_site, reference_of

SCHEMA: Final = "steatoscope.baseline/1"


def fit_file(
    path: Path, *, scale: str | None = None, name: str = "", facts: Mapping[str, str] | None = None, seed: int = 0
) -> SiteReference:
    """Fit the cohort of a CSV table; raises the errors of :func:`read_cohort`, and E_FEW for too few people."""
    cohort, found = read_cohort(path, scale)
    told = {**{key: value for key, value in (facts or {}).items() if value}, **found}
    given = name or f"own healthy cohort, n = {len(cohort.people)}"
    named = f"{given} (simulated)" if SIMULATED in found and "simulated" not in given.lower() else given
    try:
        return _with_cautions(fit_site(cohort, named, told, seed=seed))
    except ValueError as fault:
        counts = ", ".join(f"{k}: {int(np.isfinite(v).sum())}" for k, v in cohort.values.items())
        raise SteatoscopeError(
            "E_FEW", path=str(path), cause=f"{str(fault).capitalize()}; values by quantity: {counts}."
        ) from fault


def _with_cautions(reference: SiteReference) -> SiteReference:
    """The reference with what speaks against its people being healthy on its card."""
    found = " ".join(cautions_of(reference).values())
    return replace(reference, facts={**reference.facts, CAUTION: found}) if found else reference


def write_baseline(reference: SiteReference, path: Path) -> dict[str, Any]:
    """Write the reference as JSON; returns the document."""
    document = {"schema": SCHEMA, "created": datetime.now(UTC).date().isoformat(), **document_of(reference)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return document


def read_baseline(path: Path) -> SiteReference:
    """The reference of a JSON file; raises E_PATH or E_FORMAT."""
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path))
    return parse_baseline(path.read_bytes(), path=str(path))


def parse_baseline(content: bytes, *, path: str | None = None) -> SiteReference:
    """The reference of a JSON document; raises E_FORMAT where it is none."""
    try:
        document = json.loads(content.decode("utf-8"))
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"it is not a {SCHEMA} document")
        return reference_of(document, hashlib.sha256(content).hexdigest())
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as fault:
        raise SteatoscopeError(
            "E_FORMAT",
            path=path,
            message="The file is not a healthy reference.",
            cause=f"{type(fault).__name__}: {fault}.",
            remedy="Give a file that 'steatoscope baseline fit' wrote.",
        ) from fault
