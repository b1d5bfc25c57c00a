"""The patient beside a site's own healthy cohort: percentiles by group, and the distance from the healthy set."""

from __future__ import annotations

from typing import Final

import numpy as np

from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.report import BaselineItem, BaselinePart
from steatoscope.pipeline.baseline_health import SIMULATED, caution_of, cautions_of, published
from steatoscope.pipeline.baseline_items import Patient, make_item
from steatoscope.science.clinical.healthy_limits import Limits
from steatoscope.science.clinical.site_reference import SiteReference, evened

_MODALITY_OF: Final = {"liver_hu": "CT", "spleen_hu": "CT", "liver_minus_spleen_hu": "CT", "hepatorenal_index": "US"}


def own_items(patient: Patient, reference: SiteReference) -> tuple[list[BaselineItem], tuple[QualityCode, ...]]:
    """Items by a site's own reference; fat only on its own scale, with a remark where that differs."""
    if SIMULATED in reference.facts and not patient.simulated:
        return [], (warning("W_BASELINE", "It is of simulated images, and this study is not."),)
    notes: tuple[QualityCode, ...] = ()
    found = []
    doubts = cautions_of(reference)
    for quantity, part in reference.quantities.items():
        if quantity not in patient.values or _MODALITY_OF.get(quantity, patient.modality) != patient.modality:
            continue
        if quantity == "fat" and part.scale != patient.scale:
            continue
        group, value = part.group_of(patient.person), patient.values[quantity]
        missing = part.missing(patient.person)
        verb = "are" if " and " in missing else "is"
        doubt = caution_of(quantity, part.scale, group) or doubts.get(quantity, "")
        words = f"Compared with {group.fit.n} {group.people} of the site's own reference."
        words += f" The patient's {missing} {verb} not known: the more general group was used." if missing else ""
        words += f" {doubt}" if doubt else ""
        limit = group.fit.at(95.0)
        limits: Limits = ((limit, f"95th percentile of {reference.name}"),) if not quantity.endswith("_hu") else ()
        limits = published(quantity, part.scale) if doubt and quantity == "fat" else limits
        item = make_item(quantity, patient, reference.name, limits, z=group.fit.z(value), text=words,
                     quantiles=[(p, v) for p, v, _, _ in group.fit.quantiles])  # fmt: skip
        found.append(item.model_copy(update={"percentile": round(group.fit.percentile(value), 1)}))
    found += _set_distance(patient, reference)
    if reference.scale and reference.scale != patient.scale:
        notes = (
            warning("W_BASELINE", f"Its fat values are on the scale {reference.scale}, this one on {patient.scale}."),
        )
    elif not found:
        notes = (warning("W_BASELINE", "It holds no quantity that was measured here."),)
    return found, notes


def _set_distance(patient: Patient, reference: SiteReference) -> list[BaselineItem]:
    """The learned distance from the site's healthy set, where all of its quantities were measured on its scale."""
    healthy = reference.normality
    if healthy is None or ("fat" in healthy.features and reference.scale != patient.scale):
        return []
    found = {name: float(evened(name, np.array([value]))[0]) for name, value in patient.values.items()}
    distance = healthy.distance(found)
    if distance is None:
        return []
    return [
        distance_item(distance, healthy.share_further(distance), healthy.features, reference.name, healthy.healthy.size)
    ]


def distance_item(distance: float, share: float, features: tuple[str, ...], reference: str, n: int) -> BaselineItem:
    """The normality score as an item: the distance, and what share of healthy people lie further."""
    return BaselineItem(
        quantity="normality_distance",
        value=round(distance, 4),
        unit="1",
        reference=reference,
        percentile=round(100.0 * (1.0 - share), 1),
        text=(
            f"Of healthy people {100.0 * share:.0f} in 100 lie at least as far from the middle of their set "
            f"(n = {n}, {len(features)} features); a small share means an unusual liver, not a fatty one."
        ),
    )


def own_head(own: list[BaselineItem], before: BaselinePart | None) -> BaselinePart | None:
    """The head of the baseline by the site's own fat reference; the one from before where it has none."""
    item = next((item for item in own if item.quantity == "fat"), None)
    if item is None:
        return before
    side = "at or above" if item.upper_limit is not None and item.value >= item.upper_limit else "below"
    own_end = (item.upper_limit_source or "").startswith("95th percentile of ")
    end = "95th percentile" if own_end else "published healthy limit"
    text = (
        f"A fat fraction of {max(item.value, 0.0):.1f} % is higher than in about {item.percentile:.0f} of 100 people "
        f"of the reference ({item.reference}). It is {side} the {end} of {item.upper_limit:.1f} %. "
        f"{item.text}"
    )
    return BaselinePart(
        reference=item.reference, percentile=item.percentile, z=item.z, healthy_upper_limit=item.upper_limit, text=text
    )
