"""Simple learners on fixed features, out of fold: what a learned model must beat.

Grey-level co-occurrence with a support vector machine (Haralick, 1973; Andrade, 2012) and a random forest on texture
and intensity, for whole images or patients, and linear models for shortcut controls. Their settings are chosen inside
each training part with folds of whole groups, so that no test case takes part in any choice.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Task = Literal["classification", "regression"]
Learner = Literal["svm", "forest", "linear"]
Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Row numbers for training and for testing."""

GLCM_SVM: Final = "baseline: GLCM + SVM"
FOREST: Final = "baseline: random forest"
_INNER: Final = 3
_TREES: Final = 100


def group_folds(groups: ArrayLike, count: int, seed: int, strata: ArrayLike | None = None) -> list[Fold]:
    """``count`` folds of whole groups (n,), as even as groups allow, balanced by ``strata`` (n,) where given.

    Raises ValueError for fewer groups than folds.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    names = np.asarray(groups)
    if np.unique(names).size < count:
        raise ValueError(f"{np.unique(names).size} groups do not make {count} folds")
    rows = np.zeros((names.size, 1))
    if strata is None:
        splits = GroupKFold(count, shuffle=True, random_state=seed).split(rows, groups=names)
    else:
        splits = StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(rows, np.asarray(strata), names)
    with warnings.catch_warnings():  # a rare stratum cannot be in every fold, and callers know
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        return [(np.asarray(train), np.asarray(test)) for train, test in splits]


def out_of_fold(
    learner: Learner,
    task: Task,
    features: NDArray[np.float64],
    target: ArrayLike,
    groups: ArrayLike,
    folds: Sequence[Fold],
    *,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Predictions for the test rows of each fold by a learner that was fitted and tuned on its training rows.

    ``features`` (n, k) may hold NaN, which becomes the training median. For regression the answer is (n,), in the unit
    of ``target``; for classification (n, classes), scores in the order of the sorted labels, the largest is the choice.
    Rows in no test part are NaN. Raises ValueError where a group is in both parts of a fold.
    """
    values, names = np.asarray(target), np.asarray(groups)
    labels = np.unique(values)
    shape = (len(values),) if task == "regression" else (len(values), labels.size)
    answer = np.full(shape, np.nan)
    for train, test in folds:
        if np.intersect1d(names[train], names[test]).size:
            raise ValueError("a group is in the training and in the test part of a fold")
        one = fitted(learner, task, features[train], values[train], names[train], seed)
        answer[test] = one.predict(features[test]) if task == "regression" else _scores(one, features[test], labels)
    return answer


def fitted(
    learner: Learner, task: Task, features: NDArray[np.float64], target: NDArray[Any], groups: NDArray[Any], seed: int
) -> Any:
    """The learner with the settings that do best in inner folds; with its first settings where none can be made.

    A scikit-learn pipeline: ``fill`` (median), ``scale``, ``last``.
    """
    from sklearn.model_selection import GridSearchCV

    pipeline, grid = _pipeline(learner, task, seed)
    splits = _inner_folds(task, target, groups, seed)
    if not splits:
        return pipeline.fit(features, target)
    metric = "neg_mean_absolute_error" if task == "regression" else "balanced_accuracy"
    return GridSearchCV(pipeline, grid, cv=splits, scoring=metric, n_jobs=1).fit(features, target).best_estimator_


def _inner_folds(task: Task, target: NDArray[Any], groups: NDArray[Any], seed: int) -> list[Fold]:
    """Folds of whole groups; none where groups are few or a class would be missing in a part."""
    if np.unique(groups).size < _INNER:
        return []
    if task == "classification" and np.unique(target, return_counts=True)[1].max() < _INNER:
        return []
    folds = group_folds(groups, _INNER, seed, None if task == "regression" else target)
    classes = np.unique(target).size
    whole = task == "regression" or all(np.unique(target[part]).size == classes for fold in folds for part in fold)
    return folds if whole else []


def _pipeline(learner: Learner, task: Task, seed: int) -> tuple[Any, Mapping[str, Sequence[Any]]]:
    """A pipeline and the settings to choose from."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR

    whole = task == "regression"
    learners: dict[Learner, tuple[Any, Mapping[str, Sequence[Any]]]] = {
        "svm": (
            SVR() if whole else SVC(class_weight="balanced", decision_function_shape="ovr", random_state=seed),
            {"last__C": [1.0, 10.0, 100.0] if whole else [0.3, 3.0, 30.0], "last__gamma": ["scale", 0.01]},
        ),
        "forest": (
            RandomForestRegressor(_TREES, random_state=seed)
            if whole
            else RandomForestClassifier(_TREES, class_weight="balanced", random_state=seed),
            {"last__min_samples_leaf": [1, 3]},
        ),
        "linear": (
            Ridge() if whole else LogisticRegression(class_weight="balanced", max_iter=2000),
            {"last__alpha": [1.0, 10.0, 100.0]} if whole else {"last__C": [0.01, 0.1, 1.0]},
        ),
    }
    last, grid = learners[learner]
    steps = [("fill", SimpleImputer(strategy="median", keep_empty_features=True)), ("scale", StandardScaler())]
    return Pipeline([*steps, ("last", last)]), grid


def _scores(found_by: Any, features: NDArray[np.float64], labels: NDArray[Any]) -> NDArray[np.float64]:
    """Scores (n, classes) over all ``labels``; a class that the training part lacks is never chosen."""
    if hasattr(found_by, "predict_proba"):
        found = np.asarray(found_by.predict_proba(features), dtype=np.float64)
    else:
        margin = np.asarray(found_by.decision_function(features), dtype=np.float64)
        found = np.column_stack([-margin, margin]) if margin.ndim == 1 else margin
    answer = np.full((len(features), labels.size), found.min() - 1.0 if found.min() < 0.0 else 0.0)
    answer[:, np.searchsorted(labels, found_by.classes_)] = found
    return answer
