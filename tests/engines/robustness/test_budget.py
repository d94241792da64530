"""The budget of queries holds for each sample, whatever the model, and every row that a model is asked for counts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

import xrai_widgets as xw
from tests.engines.robustness.attacked import digits_cnn
from xrai_widgets.core import Array, Subject
from xrai_widgets.engines._meter import Meter
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.evasion import attacks as gate_module
from xrai_widgets.engines.robustness.evasion.noise import near_hits

pytestmark = pytest.mark.usefixtures("without_controls")
NORMS = ("l2", "linf", "l1", "l0")
N = 5


class Counted:
    """A function of the model, and for how many rows it was asked, weighted as the budget weights them."""

    def __init__(self, ask: Callable[..., Array], asked: list[int], each: int) -> None:
        self.ask, self.asked, self.each = ask, asked, each
        self.steerable = bool(getattr(ask, "steerable", False))

    def __call__(self, X: Array, *others: Any) -> Array:
        self.asked[0] += (self.each + any(callable(other) for other in others)) * len(X)
        return self.ask(X, *others)


def counted(subject: Subject, asked: list[int]) -> Subject:
    kinds = {"predict": 1, "decide": 1, "logits": 1, "gradient": 2, "logit_gradient": 2}
    present = {name: getattr(subject, name) for name in kinds if getattr(subject, name) is not None}
    return replace(subject, **{name: Counted(ask, asked, kinds[name]) for name, ask in present.items()})


@pytest.fixture(scope="module")
def subjects() -> dict[str, Subject]:
    X, y = make_classification(
        300, 6, n_informative=5, n_redundant=0, n_classes=4, n_clusters_per_class=1, random_state=0
    )
    data = {"X_train": X[:200], "y_train": y[:200]}
    forest = RandomForestClassifier(10, max_depth=5, random_state=0).fit(X[:200], y[:200])
    network = MLPClassifier((16,), solver="lbfgs", max_iter=2000, random_state=0).fit(X[:200], y[:200])
    return {
        "forest": Subject.of(forest, X[200:], y[200:], **data),
        "splits": replace(Subject.of(forest, X[200:], y[200:], **data), trees=None),
        "network": Subject.of(network, X[200:], y[200:], **data),
        "images": digits_cnn(),
        "scores": Subject.of(network.predict_proba, X[200:], y[200:], **data),
        "labels": Subject.of(network.predict, X[200:], y[200:], **data),
    }


KINDS = ("forest", "splits", "network", "images", "scores", "labels")


def attack(subject: Subject, **params: Any) -> xw.Finding:
    outcome = xw.assess(subject, "robustness.evasion", strict=True, **{"n_samples": N, **params})
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def _attacked(subject: Subject) -> int:
    samples = attack(subject, queries=500).tables["samples"]
    return int((samples["status"] != "answered wrongly before").sum())


@pytest.mark.parametrize("queries", [50, 500, 5_000])
@pytest.mark.parametrize("kind", KINDS)
def test_no_sample_is_asked_about_more_often_than_the_budget_says(
    kind: str, queries: int, subjects: dict[str, Subject]
) -> None:
    asked = [0]
    subject = counted(subjects[kind], asked)
    attack(subject, queries=1)
    without, asked[0] = asked[0], 0
    finding = attack(subject, queries=queries)
    table = finding.tables["attacks"].set_index("attack")
    ran = table[table["budget"].notna() & table["queries"].notna()]
    assert (ran["most"] <= ran["budget"]).all()
    assert (ran["queries"] <= ran["most"]).all()
    assert table.loc["all together", "budget"] == queries
    assert ran["budget"].drop("all together").sum() <= queries
    # what becomes of the samples, and whether differences make sense, is asked about none of them
    attacked = table.loc["all together", "queries"] * _attacked(subjects[kind])
    assert asked[0] - without <= attacked + N + 100
    if queries == 5_000:
        assert table.loc["all together", "queries"] > 500
        assert "robust_accuracy" in finding.values


def test_a_budget_of_nothing_is_refused(subjects: dict[str, Subject]) -> None:
    with pytest.raises(ValueError, match=r"queries must lie in \[1, .*got 0"):
        xw.assess(subjects["network"], "robustness.evasion", queries=0, strict=True)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_in_every_norm_a_native_attack_finds_something_and_the_others_say_what_does(
    kind: str, norm: str, subjects: dict[str, Subject]
) -> None:
    finding = attack(subjects[kind], queries=1_200 if kind == "images" else 2_000, norm=norm)
    table = finding.tables["attacks"].set_index("attack")
    titles = {one.title: one for one in gate_module.ATTACKS}
    own = [title for title in table.index[table["status"] == "run"] if title in titles]
    assert any(norm in titles[title].norms for title in own)
    size = int((finding.tables["samples"]["status"] != "answered wrongly before").sum())
    assert table.loc["all together", "found"] == size
    strange = [title for title in titles if title in table.index and norm not in titles[title].norms]
    for title in strange:
        reason = table.loc[title, "reason"]
        assert table.loc[title, "status"] == "not run"
        if "does not know the norm" in reason:
            named = [other.title for other in titles.values() if norm in other.norms and not other.through_art]
            assert all(name in reason for name in named)


def test_a_meter_grants_the_first_rows_of_each_sample_alone() -> None:
    meter = Meter.of(3)
    assert meter.grant(np.array([0, 1, 1])).all()
    meter.open(5)
    granted = meter.grant(np.array([0, 1, 0, 0, 1]), 2)
    assert granted.tolist() == [True, True, True, False, True]
    assert meter.spent.tolist() == [4, 4, 0]
    assert meter.refused.tolist() == [True, False, False]
    part = meter.part(np.array([2, 0, 2]))
    assert part.grant(np.array([0, 1, 2, 1])).tolist() == [True, True, True, False]
    assert meter.spent.tolist() == [5, 4, 2]
    assert part.numbers(np.array([1, 2])).tolist() == [0, 2]


def test_a_sample_is_attacked_alike_whichever_others_are_attacked_with_it(subjects: dict[str, Subject]) -> None:
    """A budget that runs out for one sample must not run out for another."""
    subject = subjects["forest"]
    every = attack(subject, queries=800, n_samples=12).tables["samples"].set_index("id")
    some = list(every.index[every["status"] == "found"])[:2]
    alone = attack(subject, queries=800, samples=", ".join(map(str, some))).tables["samples"].set_index("id")
    pd.testing.assert_series_equal(alone.loc[some, "distance"], every.loc[some, "distance"])


def test_what_could_not_be_asked_proves_nothing(subjects: dict[str, Subject]) -> None:
    """Few splits in reach are all tried, and the distance is exact; not so where the budget ends before."""
    X = np.random.default_rng(0).uniform(size=(200, 2))
    y = (X.sum(axis=1) > 1).astype(int)
    forest = RandomForestClassifier(12, max_depth=4, random_state=0).fit(X, y)
    subject = Subject.of(forest, X, y)
    rich, poor = (attack(subject, queries=queries, n_samples=10) for queries in (50_000, 320))
    assert rich.bounds.get("robust_accuracy") == "exact"
    assert poor.bounds.get("robust_accuracy") != "exact"


def test_plain_noise_costs_a_sample_the_same_however_many_fit_at_once() -> None:
    def near_zero(X: Array) -> Array:
        return np.column_stack([np.abs(X).max(axis=1) < 0.3, np.abs(X).max(axis=1) >= 0.3]).astype(float)

    numbers = np.arange(6)
    samples = np.linspace(-0.25, 0.25, 12).reshape(6, 2)
    space = Space(np.array([[-1.0, -1.0], [1.0, 1.0]]), (), "raw")
    found = []
    for rows in (1, 7, 50, 1000):
        meter = Meter.of(6)
        problem = Problem(near_zero, space, samples, np.zeros(6, dtype=np.intp), numbers, (2,), "l2", rows, meter=meter)
        meter.open(40)
        best = Best.nothing(problem)
        near_hits(problem, best, 0.25, 20, 0)
        found.append(best.distance)
        assert (meter.spent <= 40).all()
        assert meter.refused.any()
    for distance in found[1:]:
        np.testing.assert_array_equal(distance, found[0])
    assert np.isfinite(found[0]).any()
