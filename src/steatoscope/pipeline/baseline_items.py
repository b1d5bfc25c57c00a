"""Items of the baseline: how one is made, organ size, and what to say where age, sex or size is not known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from steatoscope.core.report import BaselineItem
from steatoscope.science.clinical.healthy_limits import Limits
from steatoscope.science.clinical.site_reference import Person
from steatoscope.science.clinical.volumes import (
    DEFAULT_EQUATION,
    ENLARGED_RATIO,
    EQUATIONS,
    MEAN_SPLEEN_ML,
    SPLEEN_RANGE_ML,
    SPLEEN_SOURCE,
    USUAL_RATIO,
    bsa_mosteller,
    expected_liver_ml,
    ratio_reading,
)


@dataclass(frozen=True, slots=True)
class Patient:
    """What is compared: values by quantity with their units, the scale of fat, the modality and the person."""

    values: Mapping[str, float]
    units: Mapping[str, str]
    scale: str
    modality: str
    person: Person
    simulated: bool = False


def make_item(
    quantity: str,
    patient: Patient,
    reference: str,
    limits: Limits,
    *,
    text: str,
    z: float | None = None,
    quantiles: list[tuple[float, float]] | None = None,
) -> BaselineItem:
    """An item by the Normal score ``z`` where there is one; the first of ``limits`` is the one that counts.

    Quantiles of fat are shown from 0 % on: a Normal of CT reaches below, which no liver does.
    """
    least = 0.0 if quantity == "fat" else -math.inf
    head = limits[0] if limits else (None, None)
    return BaselineItem(
        quantity=quantity,
        value=round(patient.values[quantity], 4),
        unit=patient.units[quantity],
        reference=reference,
        percentile=None if z is None else round(100.0 * NormalDist().cdf(z), 1),
        z=None if z is None else round(z, 3),
        upper_limit=None if head[0] is None else round(head[0], 3),
        upper_limit_source=head[1],
        limits=[(round(value, 3), source) for value, source in limits],
        quantiles=[(p, round(max(v, least), 3)) for p, v in quantiles or ()],
        text=text,
    )


def person_words(person: Person, *, general: bool = False) -> str:
    """A sentence that names what is not known of age and sex, with a leading space; "" where both are.

    ``general``: the sex would have chosen a narrower reference.
    """
    lacking = [name for name, value in (("age", person.age_years), ("sex", person.sex)) if value is None]
    if not lacking:
        return ""
    verb = "are" if len(lacking) > 1 else "is"
    more = "; the reference of both sexes was used" if general and person.sex is None else ""
    return f" The patient's {' and '.join(lacking)} {verb} not known{more}."


def volume_items(values: Mapping[str, float], person: Person) -> list[BaselineItem]:
    """Liver volume beside what body surface area lets expect, spleen volume beside its published range."""
    found = []
    if "liver_volume" in values:
        found.append(_liver(values["liver_volume"], person))
    if "spleen_volume" in values:
        found.append(_spleen(values["spleen_volume"]))
    return found


def _liver(volume: float, person: Person) -> BaselineItem:
    if person.height_cm is None or person.weight_kg is None:
        text = "Height and weight are not known, so that no expected volume can be given."
        return BaselineItem(quantity="liver_volume", value=round(volume, 1), unit="mL", reference="none", text=text)
    expected = expected_liver_ml(person.height_cm, person.weight_kg)
    main, equation = expected[DEFAULT_EQUATION], EQUATIONS[DEFAULT_EQUATION]
    ratio, (low, high) = volume / main, USUAL_RATIO
    others = ", ".join(
        f"{EQUATIONS[name].source} {value:.0f} mL, ratio {volume / value:.2f}"
        for name, value in expected.items()
        if name != DEFAULT_EQUATION and value > 0.0
    )
    text = (
        f"Expected {main:.0f} mL at a body surface of {bsa_mosteller(person.height_cm, person.weight_kg):.2f} m2 "
        f"({equation.source}); ratio {ratio:.2f}: {ratio_reading(ratio)}. Others: {others}."
    )
    return BaselineItem(
        quantity="liver_volume_for_size",
        value=round(volume, 1),
        unit="mL",
        reference=equation.source,
        quantiles=[(0.0, round(low * main, 1)), (50.0, round(main, 1)), (100.0, round(high * main, 1))],
        upper_limit=round(ENLARGED_RATIO * main, 1),
        upper_limit_source=f"{ENLARGED_RATIO:g} times the expected volume (rule of this product)",
        limits=[(round(ENLARGED_RATIO * value, 1), EQUATIONS[name].source) for name, value in expected.items()],
        text=text,
    )


def _spleen(volume: float) -> BaselineItem:
    low, high = SPLEEN_RANGE_ML
    place = "below" if volume < low else "above" if volume > high else "within"
    return BaselineItem(
        quantity="spleen_volume",
        value=round(volume, 1),
        unit="mL",
        reference=SPLEEN_SOURCE,
        upper_limit=high,
        upper_limit_source=SPLEEN_SOURCE,
        limits=[(high, SPLEEN_SOURCE)],
        quantiles=[(0.0, low), (50.0, MEAN_SPLEEN_ML), (100.0, high)],
        text=(
            f"Mean {MEAN_SPLEEN_ML:g} mL, range {low:g} to {high:g} mL, whatever age, sex and size; "
            f"this spleen lies {place} it."
        ),
    )
