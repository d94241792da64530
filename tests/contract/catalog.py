"""The engines and the subjects of the contract, and one run for each pair of them."""

import random
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from tests.subjects import small_credit, small_digits
from xrai_widgets.core import Assessment, Outcome, Subject, registered
from xrai_widgets.core.undefended import Undefended
from xrai_widgets.data import examples
from xrai_widgets.runtime import RunStep, run

CATALOG = [entry for entry in registered().values() if entry.family != "custom"]
NAMES = [entry.name for entry in CATALOG]
SMALL: dict[str, dict[str, Any]] = {
    "explanations.cem": {"n_samples": 4, "max_iter": 20, "binary_steps": 3},
    "ood.ensemble": {"n_estimators": 10},
    "ood.isolation_forest": {"n_estimators": 10},
    "ood.shuffle_forest": {"n_estimators": 10},
    "ood.vae": {"epochs": 2, "hidden": 16, "latent": 2},
    "privacy.lira": {"n_references": 4, "repeats": 2},
    "privacy.attribute_inference": {"n_samples": 60, "repeats": 1, "attack_model": "linear"},
    "privacy.label_only": {"n_samples": 60, "copies": 3, "repeats": 2},
    "privacy.pdtp": {"n_samples": 4, "repeats": 1, "null_draws": 5},
    "robustness.certified": {"n_samples": 12, "max_iter": 3, "effort": 20_000},
    "robustness.clever": {"n_samples": 8, "n_blocks": 10, "block_size": 16},
    "robustness.confidence_detection": {"n_samples": 6, "epsilon": 1.0, "steps": 8, "restarts": 1, "rounds": 6},
    "robustness.corruptions": {"n_samples": 60},
    "robustness.empirical_robustness": {"n_samples": 8, "queries": 1000},
    "robustness.defence": {"n_samples": 4, "queries": 100, "max_iter": 1, "steps": 5, "restarts": 1},
    "robustness.evasion": {"n_samples": 12, "max_iter": 3, "queries": 4_000},
    "robustness.expectations": {"n_samples": 60},
    "robustness.smoothing": {"n_samples": 12, "draws": 100},
    "robustness.iaside": {"n_samples": 40},
}
REGRESSION: dict[str, dict[str, Any]] = {  # what a regression must be asked
    "explanations.cem": {"above": 200.0},
    "robustness.evasion": {"tolerance": 50.0},
}
BARE = {"robustness.certified": ("linear",)}  # of several fields that see inside the model it needs one
GAPS = "boosting_with_missing_cells"
WITH_BATCH = (GAPS, "diabetes_tree")  # one of each task
SUBJECTS = ("breast_cancer_logistic", "small_credit_forest", "small_digits_network", "diabetes_tree", GAPS)


@cache
def load(name: str) -> Subject:
    """Return an example, a small subject of its kind, or the subject with missing cells; defended, by nothing."""
    subject = MADE_HERE[name]() if name in MADE_HERE else examples.load(name)
    if name in WITH_BATCH:
        assert subject.X_train is not None
        assert subject.y_train is not None
        subject = replace(
            subject,
            X_new=subject.X_train[:60],
            y_new=subject.y_train[:60],
            new_ids=np.arange(60) + 900,
            foreign=np.arange(60) < 20,
        )
    return replace(subject, undefended=Undefended.of(subject, "nothing"))


def with_gaps(model: Any) -> Subject:
    """Return a model trained and judged on a table in which a quarter of two numeric columns is missing."""
    rng = np.random.default_rng(0)
    n, half = 240, 140
    table = pd.DataFrame({name: rng.normal(size=n) for name in ("debt", "rate", "score")})
    table["age"] = rng.integers(18, 80, n).astype(float)
    y = (table["debt"] + table["score"] + table["age"] / 30 + 0.5 * rng.normal(size=n) > 1.6).astype(int).to_numpy()
    for column in ("debt", "age"):
        table.loc[rng.choice(n, n // 4, replace=False), column] = np.nan
    model.fit(table[:half], y[:half])
    return Subject.of(model, table[half:], y[half:], X_train=table[:half], y_train=y[:half], name=GAPS)


MADE_HERE: dict[str, Callable[[], Subject]] = {
    "small_credit_forest": small_credit,
    "small_digits_network": small_digits,
    GAPS: lambda: with_gaps(HistGradientBoostingClassifier(max_iter=10)),
}
every_engine = pytest.mark.parametrize("entry", CATALOG, ids=NAMES)
every_pair = pytest.mark.parametrize(
    ("entry", "name"),
    [(entry, name) for entry in CATALOG for name in SUBJECTS],
    ids=[f"{entry.name}-{name}" for entry in CATALOG for name in SUBJECTS],
)


def small(entry: Assessment, name: str = "") -> dict[str, Any]:
    """Return parameters with which the engine takes a second or two, and applies to the subject of that name."""
    asked = REGRESSION.get(entry.name, {}) if name and load(name).task == "regression" else {}
    return {**SMALL.get(entry.name, {}), **asked}


def judged(entry: Assessment, name: str) -> set[str]:
    """Return the measures of an engine in the task of a subject."""
    return {measure.key for measure in entry.measures if measure.task in (None, load(name).task)}


def examples_of(entry: Assessment) -> list[str]:
    """Return the first subject of each task that the engine serves."""
    return [example_for(entry, [name for name in SUBJECTS if load(name).task == task]) for task in sorted(entry.tasks)]


def example_for(entry: Assessment, names: Iterable[str] = SUBJECTS) -> str:
    """Return the name of the first subject that the engine applies to.

    Raises
    ------
    LookupError
        naming the fields that the subjects lack.
    """
    gaps = {}
    for name in names:
        gap = entry.gap(load(name))
        if gap is None:
            return name
        missing = [field for field in entry.needs if getattr(load(name), field) is None]
        gaps[name] = f"lacks {', '.join(missing)}" if missing else gap.reason
    reasons = "; ".join(f"{name} {why}" for name, why in gaps.items())
    raise LookupError(f"no subject of the contract fits {entry.name}: {reasons}. Add one to SUBJECTS in {__name__}")


def subject_for(entry: Assessment) -> Subject:
    """Return the first subject that the engine applies to."""
    return load(example_for(entry))


@dataclass(frozen=True)
class Run:
    """One run of an engine, and what was seen beside it.

    Parameters
    ----------
    outcome : Outcome
    progress : list of float
        The shares that were said to be done.
    changed : list of str
        Arrays of the subject that are others than before.
    moved : list of str
        Global random states that are others than before.
    """

    outcome: Outcome
    progress: list[float]
    changed: list[str]
    moved: list[str]


def watched(subject: Subject, entry: Assessment, params: dict[str, Any], seed: int) -> Run:
    """Run an engine, every global random state set by ``seed`` before; they are put back afterwards."""
    shares: list[float] = []
    step = RunStep(listen=lambda progress: shares.append(progress.done))
    step._reported = -1.0
    kept, before = _states(), _arrays(subject)
    try:
        _seed(seed)
        states = _states()
        outcome = run(subject, entry, params, step=step)
        moved = [name for name, state in _states().items() if name in states and not _same(state, states[name])]
    finally:
        _put_back(kept)
    changed = [name for name, array in before.items() if not _equal(array, getattr(subject, name))]
    return Run(outcome, shares, changed, moved)


@cache
def first(entry: Assessment, name: str) -> Run:
    """Return the one run of a pair that all tests of the pair look at."""
    return watched(load(name), entry, small(entry, name), seed=1)


@cache
def second(entry: Assessment, name: str) -> Run:
    """Return its one repetition, with other global random states."""
    return watched(load(name), entry, small(entry, name), seed=2)


def _arrays(subject: Subject) -> dict[str, np.ndarray[Any, Any]]:
    held = {f.name: getattr(subject, f.name) for f in fields(Subject)}
    return {name: np.array(value) for name, value in held.items() if isinstance(value, np.ndarray)}


def _states() -> dict[str, Any]:
    states: dict[str, Any] = {"numpy": np.random.get_state(), "random": random.getstate()}  # noqa: NPY002 - judged here
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].random.get_rng_state().numpy().copy()
    return states


def _seed(seed: int) -> None:
    np.random.seed(seed)  # noqa: NPY002 - what no engine may do
    random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _put_back(states: dict[str, Any]) -> None:
    np.random.set_state(states["numpy"])  # noqa: NPY002 - as it was
    random.setstate(states["random"])
    if "torch" in states:
        torch = sys.modules["torch"]
        torch.random.set_rng_state(torch.as_tensor(states["torch"]))


def _equal(a: Any, b: Any) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return bool(np.array_equal(a, b))
