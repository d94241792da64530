"""Speed of certificates, and how near their bounds and the tree attack come to the exact distances."""

import itertools
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from tests.benchmarks.table import show
from xrai_widgets.core import Array, Subject
from xrai_widgets.core.inside import Layers
from xrai_widgets.core.step import quiet
from xrai_widgets.engines._leaves import Leaves, nearest_other_leaf
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.certified import bounds
from xrai_widgets.engines.robustness.certified.bounds import Certified, Form, certify
from xrai_widgets.engines.robustness.certified.crown import certified_radius
from xrai_widgets.engines.robustness.evasion.tree_attack import Settings, tree_attack

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]

N = 200
EFFORT = 300_000


def _kinds() -> dict[str, Any]:
    from lightgbm import LGBMClassifier
    from xgboost import XGBClassifier

    return {
        "XGBoost, depth 8": XGBClassifier(n_estimators=100, max_depth=8, n_jobs=1),
        "scikit-learn, depth 3": GradientBoostingClassifier(n_estimators=100, random_state=0),
        "LightGBM": LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1),
        "RandomForest, depth 8": RandomForestClassifier(100, max_depth=8, random_state=0),
    }


def _subject(kind: str, n: int) -> Subject:
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=n, random_state=0, stratify=y)
    model = _kinds()[kind].fit(X_train, y_train)
    return Subject.of(model, X_test, y_test, X_train=X_train, y_train=y_train)


def _attacked(subject: Subject, norm: Any = "linf") -> tuple[Best, float]:
    assert subject.bounds is not None
    assert subject.X_train is not None
    n, space = len(subject.X), Space(subject.bounds, subject.constraints)
    labels = subject.predict(subject.X).argmax(axis=1)
    problem = Problem(subject.predict, space, subject.X, labels, np.arange(n), subject.X.shape[1:], norm, 100_000)
    best, pool = Best.nothing(problem), subject.X_train
    began = time.process_time()
    known = (subject.thresholds, subject.trees)
    tree_attack(problem, best, pool, problem.outputs(pool), *known, Settings(), 0, quiet)
    return best, time.process_time() - began


def _certified(subject: Subject, seen: Array, effort: int = EFFORT) -> tuple[Certified, float]:
    assert subject.bounds is not None
    assert subject.trees is not None
    space, trees = Space(subject.bounds, subject.constraints), subject.trees
    labels = subject.predict(subject.X).argmax(axis=1)

    def changed(i: int, sample: Array) -> float:
        same = subject.predict(sample[None]).argmax() == labels[i]
        return np.inf if same else float(space.distance(sample[None], subject.X[i][None], "linf")[0])

    result = Certified(np.zeros(len(labels)), seen.copy(), np.zeros(len(labels), dtype=bool))
    reach, form = Reach.of(space, subject.X, "linf"), Form(None, trees, None)
    began = time.process_time()
    certify(form, "sum of trees", reach, labels, seen, changed, (effort, 1.0), False, quiet, result)
    return result, time.process_time() - began


class _Absent:
    """The optional package is not installed."""

    @classmethod
    def of(cls, *_: Any) -> None:
        """Return none."""


def _line(kind: str, result: Certified, cpu: float) -> dict[str, Any]:
    share = result.low / result.high
    return {
        "": kind,
        "CPU s": cpu,
        "exact": float((share > 1 - 1e-6).mean()),
        "gap <= 1 %": float((share >= 0.99).mean()),
        "bound / upper, median": float(np.median(share)),
    }


def test_boosting_is_exact_in_ten_seconds_and_the_native_bound_near_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("veritas")
    lines, ratios = [], {}
    for kind in ("XGBoost, depth 8", "scikit-learn, depth 3", "LightGBM"):
        subject, none = _subject(kind, N), np.full(N, np.inf)
        exact, cpu = _certified(subject, none)
        lines.append(_line(kind, exact, cpu))
        few = replace(subject, X=subject.X[:30], y=subject.y[:30], ids=subject.ids[:30])
        with monkeypatch.context() as without:
            without.setattr(bounds, "Solver", _Absent)
            native, slower = _certified(few, exact.high[:30])
        ratios[kind] = float(np.median(native.low / exact.high[:30]))
        lines.append(_line(f"{kind}, native, 30 samples", native, slower))
    show(f"Certified distances of {N} samples, 100 trees", lines)
    for line in lines[::2]:
        assert line["exact"] == 1.0, line
        assert line["CPU s"] < 10, line
    assert min(ratios.values()) >= 0.9, ratios


def test_the_tree_attack_is_within_five_percent_of_exact() -> None:
    pytest.importorskip("veritas")
    lines = []
    for kind in _kinds():
        subject = _subject(kind, 20)
        best, cpu = _attacked(subject)
        exact, _ = _certified(subject, best.distance)
        ratio = best.distance / exact.low
        lines.append({"": kind, "CPU s a sample": cpu / 20, "median": float(np.median(ratio)), "worst": ratio.max()})
    show("Tree attack, distance over the certified one (exact for boosting)", lines)
    assert all(line["median"] <= 1.05 for line in lines), lines


@pytest.mark.parametrize("package", [True, False], ids=["with veritas", "without"])
def test_a_forests_bound_is_within_one_percent_for_most(package: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if package:
        pytest.importorskip("veritas")
    else:
        monkeypatch.setattr(bounds, "Solver", _Absent)
    subject = _subject("RandomForest, depth 8", 40)
    best, attack = _attacked(subject)
    result, cpu = _certified(subject, best.distance)
    line = _line(f"RandomForest, depth 8, {'with' if package else 'without'} veritas", result, cpu + attack)
    show("Certified distances of 40 samples, the attack included", [line])
    assert line["CPU s"] < 300 * 40 / 200
    assert line["gap <= 1 %"] >= 0.9


def test_a_single_trees_distances_take_half_a_second() -> None:
    X, y = make_classification(21_000, 20, n_informative=12, flip_y=0.2, random_state=0)
    model = DecisionTreeClassifier(max_leaf_nodes=500, random_state=0).fit(X[:20_000], y[:20_000])
    subject = Subject.of(model, X[20_000:], y[20_000:])
    assert subject.bounds is not None
    assert subject.trees is not None
    reach = Reach.of(Space(subject.bounds, subject.constraints), subject.X, "linf")
    labels = subject.predict(subject.X).argmax(axis=1)
    began = time.process_time()
    leaves = Leaves.of(subject.trees, reach, 1.0)
    far = nearest_other_leaf(leaves, reach, labels, quiet)
    cpu = time.process_time() - began
    show("Exact distances of 1,000 samples, a tree", [{"leaves": len(leaves.tree), "CPU s": cpu}])
    assert len(leaves.tree) == 500
    assert np.isfinite(far).all()
    assert cpu < 0.5


def test_crown_takes_half_a_second() -> None:
    rng, widths = np.random.default_rng(0), (64, 32, 32, 10)
    pairs = list(itertools.pairwise(widths))
    layers = Layers(tuple(rng.normal(size=p) / np.sqrt(p[0]) for p in pairs),
                    tuple(0.1 * rng.normal(size=p[1]) for p in pairs), "relu")  # fmt: skip
    X = rng.random((98, 64))
    state = X
    for number, (weight, bias) in enumerate(zip(layers.weights, layers.biases, strict=True)):
        state = (np.maximum(state, 0) if number else state) @ weight + bias
    reach = Reach.of(Space(np.array([[0.0] * 64, [1.0] * 64]), ()), X, "linf")
    began = time.process_time()
    radius = certified_radius(layers, reach, state.argmax(axis=1))
    cpu = time.process_time() - began
    show("CROWN, 98 rows of a 64-32-32-10 network", [{"CPU s": cpu, "median radius": float(np.median(radius))}])
    assert (radius > 0).mean() > 0.9
    assert cpu < 0.5
