"""Search of hyper-parameters by Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), kept in SQLite.

A search that was broken off goes on where it was and ends as one that was not: what is tried next depends on the seed
and on the finished trials alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from steatoscope.core.errors import UsageError

RANDOM_TRIALS: Final = 6
Values = Mapping[str, float]
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from ``low`` to ``high``; ``log`` draws their logarithm evenly."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few numbers."""

    options: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """One trial: its values and the loss they had, None where training with them came to no finite loss."""

    values: dict[str, float]
    loss: float | None
    seconds: float


Space = Mapping[str, Span | OneOf]


def search(
    storage: Path,
    name: str,
    space: Space,
    loss_of: Callable[[Values], float],
    *,
    trials: int,
    first: Values,
    seed: int = 0,
    told: Told | None = None,
) -> list[Tried]:
    """``trials`` trials of the study ``name`` in the file ``storage``, those that are there included.

    The values ``first`` are tried first, so that what is chosen is never worse than they are by this loss. Raises
    UsageError where the file holds a search of that name in another space or with another seed.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage.parent.mkdir(parents=True, exist_ok=True)
    kept = optuna.storages.RDBStorage(f"sqlite:///{storage}", engine_kwargs={"connect_args": {"timeout": 60}})
    try:
        study = optuna.create_study(storage=kept, study_name=name, load_if_exists=True)
        _claim(study, storage, space, first, seed)
        while (number := len(_finished(study))) < trials:
            tried = _try(study, space, loss_of, first if number == 0 else None, seed + number)
            if told is not None:
                told(f"{name}, trial {number + 1} of {trials}: {_words(tried)}")
        return [_tried(trial) for trial in _finished(study)[:trials]]
    finally:
        kept.remove_session()
        kept.engine.dispose()


def best(tried: list[Tried]) -> Tried:
    """The trial with the smallest loss, the earliest of equal ones. Raises UsageError where none had a finite loss."""
    known = [(one.loss, place) for place, one in enumerate(tried) if one.loss is not None]
    if not known:
        raise UsageError("no trial came to a finite loss: narrow the space, or look at the data")
    return tried[min(known)[1]]


def _claim(study: Any, storage: Path, space: Space, first: Values, seed: int) -> None:
    """Mark a new study as this search; close what a killed process left open."""
    from optuna.trial import TrialState

    words = json.dumps({"space": {k: asdict(v) for k, v in space.items()}, "first": dict(first), "seed": seed})
    if study.user_attrs.get("search", words) != words:
        raise UsageError(f"{storage} holds a search of {study.study_name} with another space, plan or seed")
    study.set_user_attr("search", words)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _try(study: Any, space: Space, loss_of: Callable[[Values], float], first: Values | None, seed: int) -> Tried:
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    study.sampler = TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS)
    if first is not None and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(dict(first))
    trial, began = study.ask(_distributions(space)), time.perf_counter()
    try:
        loss: float | None = loss_of(dict(trial.params))
    except FloatingPointError:
        loss = None
    trial.set_user_attr("seconds", round(time.perf_counter() - began, 2))
    if loss is None:
        return _tried(study.tell(trial, state=TrialState.PRUNED))
    return _tried(study.tell(trial, loss))


def _distributions(space: Space) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        name: CategoricalDistribution(one.options) if isinstance(one, OneOf)
        else FloatDistribution(one.low, one.high, log=one.log)
        for name, one in space.items()
    }  # fmt: skip


def _finished(study: Any) -> list[Any]:
    from optuna.trial import TrialState

    done = (TrialState.COMPLETE, TrialState.PRUNED)
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state in done]


def _tried(trial: Any) -> Tried:
    return Tried(dict(trial.params), trial.value, float(trial.user_attrs.get("seconds", 0.0)))


def _words(tried: Tried) -> str:
    values = ", ".join(f"{name} {value:.3g}" for name, value in tried.values.items())
    return f"loss {'not finite' if tried.loss is None else format(tried.loss, '.4f')} ({values})"
