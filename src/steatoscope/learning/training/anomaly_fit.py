"""Out-of-fold classes and final linear models of the anomaly classifier, with the comparison that decides its claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.inference.anomaly import CLASSES
from steatoscope.learning.inference.linear import LinearModel
from steatoscope.learning.training.splits import Split
from steatoscope.science.metrics.classification import confusion_matrix
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

INNER_FOLDS = 3
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)
LEAST_IN_STRATUM, LEAST_OF_CLASS = 60, 8
RESAMPLES = 1000
Labels = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Table:
    """Features (n, k) by name with labels (n,) and groups of look-alikes (n,)."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    labels: Labels
    groups: NDArray[np.str_]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, float]], labels: Sequence[str], groups: Sequence[str]) -> Table:
        """One row an image; all rows have the same names."""
        names = tuple(rows[0])
        values = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
        return cls(names, values, np.array([CLASSES.index(one) for one in labels]), np.array(groups))

    def only(self, prefixes: Sequence[str]) -> Table:
        """Without the features whose names contain one of the words."""
        kept = [i for i, name in enumerate(self.names) if not any(word in name for word in prefixes)]
        return Table(tuple(self.names[i] for i in kept), self.values[:, kept], self.labels, self.groups)


def fitted(table: Table, rows: NDArray[np.intp], *, seed: int) -> Any:
    """A scikit-learn pipeline whose regularisation is chosen in inner folds of whole groups.

    Raises E_SUBJECTS where a class has fewer groups than there are inner folds.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    x, y, groups = table.values[rows], table.labels[rows], table.groups[rows]
    pipeline = Pipeline(
        [
            ("fill", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("last", LogisticRegression(class_weight="balanced", max_iter=3000)),
        ]
    )
    _require_groups(y, groups)
    folds = StratifiedGroupKFold(INNER_FOLDS, shuffle=True, random_state=seed)
    search = GridSearchCV(pipeline, {"last__C": list(STRENGTHS)}, cv=folds, scoring="f1_macro", n_jobs=1)
    return search.fit(x, y, groups=groups).best_estimator_


def _require_groups(labels: Labels, groups: NDArray[Any]) -> None:
    for label in np.unique(labels):
        count = len(np.unique(groups[labels == label]))
        if count < INNER_FOLDS:
            cause = f"The class '{CLASSES[label]}' has {count} look-alike groups for {INNER_FOLDS} inner folds."
            raise SteatoscopeError("E_SUBJECTS", cause=cause)


def out_of_fold_labels(table: Table, splits: Sequence[Split], *, seed: int) -> Labels:
    """Predicted label (n,) of every row by a model that has seen nothing of its group."""
    found = np.full(len(table.labels), -1, dtype=np.intp)
    for split in splits:
        found[split.test] = fitted(table, split.train, seed=seed).predict(table.values[split.test])
    return found


def linear_model(table: Table, *, seed: int) -> LinearModel:
    """The model fitted on every row, as plain numbers."""
    pipeline = fitted(table, np.arange(len(table.labels)), seed=seed)
    last = pipeline.named_steps["last"]
    return LinearModel(
        classes=tuple(CLASSES[k] for k in last.classes_),
        names=table.names,
        median=np.asarray(pipeline.named_steps["fill"].statistics_, dtype=np.float64),
        mean=np.asarray(pipeline.named_steps["scale"].mean_, dtype=np.float64),
        scale=np.asarray(pipeline.named_steps["scale"].scale_, dtype=np.float64),
        coefficients=np.asarray(last.coef_, dtype=np.float64),
        intercept=np.asarray(last.intercept_, dtype=np.float64),
    )


def comparison(
    labels: Labels, tissue: Labels, control: Labels, groups: NDArray[np.str_], strata: NDArray[np.str_]
) -> dict[str, Any]:
    """Macro F1 of tissue and control, overall and within strata, and their paired difference, with intervals.

    ``within`` is the mean over the strata that are large enough to hold their classes, weighted by their images.
    """
    used = matched_strata(labels, strata)
    figures = bootstrap_intervals(
        lambda rows: _figures(labels[rows], tissue[rows], control[rows], strata[rows], used),
        groups,
        resamples=RESAMPLES,
    )
    whole = _figures(labels, tissue, control, strata, used)
    return {"strata": list(used)} | {
        name: {"value": value, "ci95": [figures[name].low, figures[name].high] if name in figures else None}
        for name, value in whole.items()
    }


def matched_strata(labels: Labels, strata: NDArray[np.str_]) -> dict[str, list[int]]:
    """Strata with at least 60 images and two classes of 8 images or more, and those classes, which alone are scored."""
    found = {}
    for name in np.unique(strata):
        counts = np.bincount(labels[strata == name], minlength=len(CLASSES))
        held = [k for k in range(len(CLASSES)) if counts[k] >= LEAST_OF_CLASS]
        if counts.sum() >= LEAST_IN_STRATUM and len(held) >= 2:
            found[str(name)] = held
    return found


def beats(compared: Mapping[str, Any]) -> bool:
    """Whether tissue beats the control within strata: the paired 95 % interval lies above 0."""
    span = compared["difference_within"]["ci95"]
    return bool(span is not None and span[0] > 0.0)


def _figures(
    labels: Labels, tissue: Labels, control: Labels, strata: NDArray[np.str_], used: Mapping[str, Sequence[int]]
) -> dict[str, float]:
    everything = range(len(CLASSES))
    figures = {"tissue": _f1(labels, tissue, everything), "control": _f1(labels, control, everything)}
    parts = {name: strata == name for name in used}
    weights = [float(part.sum()) for part in parts.values()]
    for kind, found in (("tissue", tissue), ("control", control)):
        each = {name: _f1(labels[part], found[part], used[name]) for name, part in parts.items()}
        figures |= {f"{kind}_{name}": value for name, value in each.items()}
        figures[f"{kind}_within"] = float(np.average(list(each.values()), weights=weights)) if sum(weights) else np.nan
    figures["difference"] = figures["tissue"] - figures["control"]
    figures["difference_within"] = figures["tissue_within"] - figures["control_within"]
    return figures


def _f1(labels: Labels, found: Labels, classes: Sequence[int]) -> float:
    """Mean F1 of the given classes, the same ones in every resample; NaN for no case."""
    if not len(labels):
        return float("nan")
    counts = confusion_matrix(labels, found, len(CLASSES))
    totals = counts.sum(axis=0) + counts.sum(axis=1)
    return float(np.mean([2.0 * counts[k, k] / totals[k] if totals[k] else 0.0 for k in classes]))
