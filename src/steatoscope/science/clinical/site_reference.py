"""A site's own healthy cohort as a reference: a fit a quantity, split by sex and age where people are enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.science.clinical.normality import FEWEST as FEWEST_OF_SET
from steatoscope.science.clinical.normality import Normality, fit_normality
from steatoscope.science.clinical.reference import FEWEST, Fit, fit_reference

FEWEST_OF_GROUP: Final = 40
AGE_BANDS: Final = ((18.0, 40.0), (40.0, 60.0), (60.0, 121.0))
SEXES: Final = ("F", "M")
UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fat": "%",
        "liver_hu": "HU",
        "spleen_hu": "HU",
        "liver_minus_spleen_hu": "HU",
        "heterogeneity": "",
        "liver_volume": "mL",
        "spleen_volume": "mL",
        "r2star": "1/s",
        "hepatorenal_index": "1",
    }
)
_SKEWED: Final = frozenset({"fat", "liver_volume", "spleen_volume", "r2star", "heterogeneity"})
_LEAST: Final = 0.1
_PEOPLE: Final = {"F": "women", "M": "men", None: "people"}


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a patient or of one person of a cohort: ``sex`` "F" or "M", age in years, size in cm and kg."""

    sex: str | None = None
    age_years: float | None = None
    height_cm: float | None = None
    weight_kg: float | None = None


@dataclass(frozen=True, eq=False)
class Group:
    """A fit in one sex (None: both) and one span of ages in years, upper end exclusive (None: all)."""

    sex: str | None
    ages: tuple[float, float] | None
    fit: Fit

    def holds(self, person: Person) -> bool:
        """Whether a person is known to belong to the group."""
        if self.sex is not None and person.sex != self.sex:
            return False
        age = person.age_years
        return self.ages is None or (age is not None and self.ages[0] <= age < self.ages[1])

    @property
    def people(self) -> str:
        """Whom the group holds, such as "women of 40 to 59 years"."""
        ages = "" if self.ages is None else f" of {self.ages[0]:.0f} to {self.ages[1] - 1:.0f} years"
        return f"{_PEOPLE[self.sex]}{ages}"

    @property
    def words(self) -> str:
        """The group with its size, such as "women of 40 to 59 years, n = 52"."""
        return f"{self.people}, n = {self.fit.n}"


@dataclass(frozen=True, eq=False)
class QuantityReference:
    """The groups of one quantity, everybody first; ``scale`` is that of fat, "" for all else."""

    quantity: str
    unit: str
    scale: str
    groups: tuple[Group, ...]

    def group_of(self, person: Person) -> Group:
        """The narrowest group that holds a person: sex and age, then sex, then age, then everybody."""
        held = [group for group in self.groups if group.holds(person)]
        return max(held, key=lambda group: (group.sex is not None, group.ages is not None))

    def missing(self, person: Person) -> str:
        """Which of sex and age would have chosen a narrower group but is not known, as words; "" for none."""
        by_sex = any(group.sex is not None for group in self.groups) and person.sex not in SEXES
        by_age = any(group.ages is not None for group in self.groups) and person.age_years is None
        return " and ".join(word for word, lacks in (("sex", by_sex), ("age", by_age)) if lacks)


@dataclass(frozen=True, eq=False)
class SiteReference:
    """A named reference: quantities by name, the card's facts (who, dates, scanner, ...), and the healthy set."""

    name: str
    quantities: Mapping[str, QuantityReference]
    facts: Mapping[str, str] = field(default_factory=dict)
    normality: Normality | None = None
    sha256: str = ""

    @property
    def scale(self) -> str:
        """The scale of its fat values, "" where it has none."""
        return self.quantities["fat"].scale if "fat" in self.quantities else ""


@dataclass(frozen=True, eq=False)
class Cohort:
    """Healthy people: one :class:`Person` each, and by quantity the values (n,), NaN where not measured."""

    people: tuple[Person, ...]
    values: Mapping[str, NDArray[np.float64]]
    scale: str = ""


def fit_site(cohort: Cohort, name: str, facts: Mapping[str, str], *, seed: int = 0) -> SiteReference:
    """Fit every quantity that at least 20 people have; raises ValueError where none is."""
    found = {quantity: _quantity(cohort, quantity, seed) for quantity in cohort.values}
    kept = {quantity: part for quantity, part in found.items() if part is not None}
    if not kept:
        raise ValueError(f"no quantity has the {FEWEST} people that percentiles need")
    return SiteReference(name, kept, dict(facts), _normality(cohort, tuple(kept)))


def _quantity(cohort: Cohort, quantity: str, seed: int) -> QuantityReference | None:
    values = cohort.values[quantity]
    known = np.isfinite(values)
    if int(known.sum()) < FEWEST:
        return None
    groups = [Group(None, None, fit_reference(values[known], seed=seed))]
    for sex, ages in product((None, *SEXES), (None, *AGE_BANDS)):
        inside = known & _members(cohort.people, sex, ages)
        if (sex or ages) and int(inside.sum()) >= FEWEST_OF_GROUP:
            groups.append(Group(sex, ages, fit_reference(values[inside], seed=seed)))
    return QuantityReference(quantity, UNITS[quantity], cohort.scale if quantity == "fat" else "", tuple(groups))


def _members(people: Sequence[Person], sex: str | None, ages: tuple[float, float] | None) -> NDArray[np.bool_]:
    return np.array(
        [
            (sex is None or one.sex == sex)
            and (ages is None or (one.age_years is not None and ages[0] <= one.age_years < ages[1]))
            for one in people
        ],
        dtype=np.bool_,
    )


def _normality(cohort: Cohort, quantities: tuple[str, ...]) -> Normality | None:
    """The healthy set over quantities that two thirds of the people have; None for fewer than two or too few people."""
    names = tuple(name for name in quantities if np.isfinite(cohort.values[name]).mean() >= 2.0 / 3.0)
    if len(names) < 2:
        return None
    table = np.column_stack([evened(name, cohort.values[name]) for name in names])
    table = table[np.isfinite(table).all(axis=1)]
    return fit_normality(names, table) if table.shape[0] >= max(FEWEST, FEWEST_OF_SET) else None


def evened(quantity: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values as the healthy set holds them: skewed quantities as logarithms, cut at 0.1."""
    return np.log(np.maximum(values, _LEAST)) if quantity in _SKEWED else np.asarray(values, dtype=np.float64)


def document_of(reference: SiteReference) -> dict[str, Any]:
    """The reference as JSON, without its schema."""
    return {
        "name": reference.name,
        "facts": dict(reference.facts),
        "quantities": {
            name: {
                "unit": part.unit,
                "scale": part.scale,
                "groups": [
                    {"sex": group.sex, "ages": list(group.ages) if group.ages else None, **group.fit.document()}
                    for group in part.groups
                ],
            }
            for name, part in reference.quantities.items()
        },
        "normality": None if reference.normality is None else reference.normality.document(),
    }


def reference_of(document: Mapping[str, Any], sha256: str = "") -> SiteReference:
    """The reference from its JSON; raises KeyError, TypeError or ValueError where it is none."""
    quantities = {}
    for name, part in document["quantities"].items():
        groups = tuple(
            Group(row["sex"], (float(row["ages"][0]), float(row["ages"][1])) if row["ages"] else None, Fit.read(row))
            for row in part["groups"]
        )
        if name not in UNITS or not groups or groups[0].sex is not None or groups[0].ages is not None:
            raise ValueError(f"the quantity {name!r} is not known, or has no group of everybody")
        quantities[str(name)] = QuantityReference(str(name), UNITS[name], str(part["scale"]), groups)
    facts = {str(key): str(value) for key, value in document["facts"].items()}
    normality = None if document["normality"] is None else Normality.read(document["normality"])
    return SiteReference(str(document["name"]), quantities, facts, normality, sha256)
