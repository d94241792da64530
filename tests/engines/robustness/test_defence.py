"""What a defence is worth: nothing where it only hides the gradient, what it saves where it saves something."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

import xrai_widgets as xw
from xrai_widgets.core import Array, Finding, Gradient, Subject
from xrai_widgets.core.undefended import Undefended
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._space import Space
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.robustness.defence.finding import sentence
from xrai_widgets.engines.robustness.evasion import gradient_descent as pgd
from xrai_widgets.results.compare import compare
from xrai_widgets.runtime import RunStep, assess, run
from xrai_widgets.runtime.guard import Meter

SMALL: dict[str, Any] = {"n_samples": 30, "queries": 300, "max_iter": 2, "steps": 20, "restarts": 1, "norm": "linf"}


@pytest.fixture(scope="module")
def net() -> Subject:
    """A small network on five numbers."""
    return made_of(MLPClassifier((16,), solver="lbfgs", alpha=0.1, max_iter=2000, random_state=0))


def made_of(model: Any, d: int = 5) -> Subject:
    X, y = make_classification(500, d, n_informative=d - 1, n_redundant=0, flip_y=0.02, random_state=1)
    X = (X - X.min(axis=0)) / (X.max(axis=0) - X.min(axis=0))
    model.fit(X[:300], y[:300])
    return Subject.of(model, X[300:], y[300:], X_train=X[:300], y_train=y[:300], name="model", bounds=(0.0, 1.0))


def measured(subject: Subject, **params: Any) -> Finding:
    outcome = assess(subject, "robustness.defence", strict=True, **{**SMALL, **params})
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def drawn(subject: Subject, finding: Finding) -> Array:
    """Return the rows of X that were attacked."""
    names = finding.tables["samples"]["id"].astype(str)
    return np.array([np.flatnonzero(subject.ids.astype(str) == name)[0] for name in names])


def plain_pgd_stands(subject: Subject, rows: Array, epsilon: float, gradient: Gradient) -> Array:
    """Return which samples plain PGD leaves, that follows a gradient and does nothing else."""
    assert subject.bounds is not None
    right = rows[subject.predict(subject.X[rows]).argmax(axis=1) == subject.y[rows]]
    problem = Problem(
        predict=subject.predict,
        space=Space(subject.bounds, subject.constraints),
        samples=subject.X[right],
        labels=subject.y[right],
        numbers=right,
        shape=(subject.X.shape[1],),
        norm="linf",
        rows=1000,
    )
    best = Best.nothing(problem)
    settings = pgd.Settings((epsilon,), 20, 1)
    pgd.projected_gradient_descent(problem, best, gradient, settings, 0, xw.Step())
    return np.isin(rows, right[best.distance > epsilon])


def test_rounding_that_only_masks_the_gradient_gains_nothing(net: Subject) -> None:
    epsilon = 0.1
    squeezed = xw.defended(net, "feature squeezing", bits=8)
    finding = measured(squeezed, epsilon=epsilon)
    # the true gradient of the squeezed model is 0 everywhere
    plain = plain_pgd_stands(squeezed, drawn(net, finding), epsilon, lambda X, _: np.zeros_like(X)).mean()
    plain -= finding.values["robust_accuracy_before"]
    assert plain > 0.3, "what the gradient alone says"
    assert abs(finding.values["gain"]) <= 0.05
    low, high = finding.intervals["gain"]
    assert low <= 0 <= high
    assert "No gain is shown." in finding.notes[0]


def test_a_defence_that_lies_about_its_gradient_is_unmasked_by_those_who_do_not_follow_it(net: Subject) -> None:
    """The same labels, outputs without a slope, and a gradient that leads back to where the sample is safe."""
    assert net.gradient is not None
    true, ask = net.gradient, net.predict

    def sure(X: Array) -> Array:
        return np.eye(2)[ask(X).argmax(axis=1)] * 0.98 + 0.01

    masked = net.answering(
        sure, gradient=lambda X, y: -true(X, y), state="masked", undefended=Undefended.of(net, "masking")
    )
    finding = measured(masked, epsilon=0.1)
    attacks = finding.tables["attacks"].set_index("attack")
    before = finding.values["robust_accuracy_before"]
    assert {"gradients", "labels only", "transfer"} <= set(attacks.index)
    lie = masked.gradient
    assert lie is not None
    plain = plain_pgd_stands(masked, drawn(net, finding), 0.1, lie).mean()
    assert plain - before > 0.3, "what its own gradient says"
    assert attacks.loc["labels only", "standing_after"] <= before + 0.1
    assert attacks.loc["transfer", "standing_after"] <= before + 0.1
    assert abs(finding.values["gain"]) <= 0.05
    assert finding.intervals["gain"][0] <= 0
    assert finding.values["robust_accuracy"] <= attacks["standing_after"].min()
    assert "No gain is shown." in finding.notes[0]


def test_a_regression_is_refused_with_what_serves() -> None:
    subject = xw.examples.load("diabetes_tree")
    outcome = assess(replace(subject, undefended=Undefended.of(subject, "nothing")), "robustness.defence")
    assert outcome.status == "not applicable"
    assert "regression" in outcome.reason
    assert "robustness.evasion" in outcome.instead


def test_a_defence_that_does_nothing_gains_and_costs_nothing(net: Subject) -> None:
    finding = measured(replace(net, undefended=Undefended.of(net, "nothing")))
    assert finding.values["gain"] == finding.values["accuracy_cost"] == finding.values["calibration_cost"] == 0
    assert finding.values["robust_accuracy"] == finding.values["robust_accuracy_before"]
    low, high = finding.intervals["calibration_cost"]
    assert -0.2 < low <= 0 <= high < 0.2


def test_squeezing_that_no_change_of_size_epsilon_can_cross_saves_every_right_sample() -> None:
    """Features are 0 or 1 and keep one bit: up to 0.5 nothing changes, just above it everything may."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (300, 6)).astype(float)
    y = (X @ np.array([3, 2, 2, 1, 1, 1]) > 5).astype(int)
    model = LogisticRegression(C=100).fit(X[:150], y[:150])
    subject = Subject.of(
        model, X[150:], y[150:], bounds=(0.0, 1.0), constraints={f"x{i}": {"kind": "continuous"} for i in range(6)}
    )
    squeezed = xw.defended(subject, "feature squeezing", bits=1)
    safe = measured(squeezed, epsilon=0.49)
    assert safe.values["robust_accuracy"] == 1.0
    assert safe.values["gain"] == 1 - safe.values["robust_accuracy_before"] > 0.5
    assert safe.intervals["gain"][0] > 0
    assert "No gain" not in safe.notes[0]
    assert safe.values["accuracy_cost"] == 0
    broken = measured(squeezed, epsilon=0.51)
    assert broken.values["robust_accuracy"] == 0.0


def test_a_squeezed_linear_model_stands_as_often_as_its_worst_case_says() -> None:
    """Of squeezed features each reaches a known range, and a linear score is least at one of its ends."""
    subject = made_of(LogisticRegression(C=10))
    assert subject.linear is not None
    bits, epsilon = 3, 0.12
    finding = measured(xw.defended(subject, "feature squeezing", bits=bits), epsilon=epsilon)
    rows = np.array([np.flatnonzero(subject.ids == name)[0] for name in finding.tables["samples"]["id"]])
    X, steps = subject.X[rows], 2**bits - 1
    weights, bias = subject.linear
    w, b = (weights[1] - weights[0], bias[1] - bias[0]) if len(weights) == 2 else (weights[0], bias[0])
    sign = np.where(subject.y[rows] == 1, 1.0, -1.0)[:, None]
    low, high = (np.rint(np.clip(X + way * epsilon, 0, 1) * steps) / steps for way in (-1, 1))
    worst = np.minimum(sign * w * low, sign * w * high).sum(axis=1) + sign[:, 0] * b
    exact = float((worst > 0).mean())
    assert exact < finding.values["robust_accuracy"] + 1e-9, "an attack is an upper bound"
    assert finding.values["robust_accuracy"] <= exact + 0.05


def test_what_breaks_the_undefended_model_breaks_one_whose_outputs_alone_are_defended(net: Subject) -> None:
    finding = measured(xw.defended(net, "rounding", decimals=1), epsilon=0.1)
    attacks = finding.tables["attacks"].set_index("attack")
    assert "gradients" not in attacks.index
    assert attacks.loc["transfer", "standing_after"] <= finding.values["robust_accuracy_before"] + 0.05
    assert abs(finding.values["gain"]) <= 0.05
    assert any("No gradients after the defence" in note for note in finding.notes)
    assert any("none of the other attacks was run" in note for note in finding.notes) == (
        "strongest" not in attacks.index
    )


def test_the_price_is_that_of_all_held_out_samples(net: Subject) -> None:
    squeezed = xw.defended(net, "feature squeezing", bits=1)
    finding = measured(squeezed, n_samples=10)
    before, after = (one.predict(net.X).argmax(axis=1) == net.y for one in (net, squeezed))
    assert finding.values["accuracy_cost"] == pytest.approx(before.mean() - after.mean())
    assert finding.counts["accuracy_cost"] == len(net.X)
    assert finding.counts["gain"] == 10
    low, high = finding.intervals["accuracy_cost"]
    assert low < before.mean() - after.mean() < high


def test_a_smoothed_model_is_attacked_along_the_mean_of_its_draws(net: Subject) -> None:
    finding = measured(xw.defended(net, "smoothing", sigma=0.05, draws=4), epsilon=0.15)
    attacks = finding.tables["attacks"].set_index("attack")
    assert attacks.loc["gradients", "standing_after"] < 0.5
    assert finding.values["robust_accuracy"] <= attacks["standing_after"].min()


def test_two_defences_are_compared_in_pairs(net: Subject) -> None:
    runs = [assess(xw.defended(net, "feature squeezing", bits=bits), "robustness.defence", **SMALL) for bits in (8, 1)]
    table = compare(*runs).table()
    rows = table[(table["subject"] != table["subject"].iloc[0]) & table["difference"].notna()].set_index("measure")
    assert rows.loc["gain", "pairs"] == 30
    assert rows.loc["accuracy_cost", "pairs"] == len(net.X)
    value = runs[1].table().loc["accuracy_cost", "value"] - runs[0].table().loc["accuracy_cost", "value"]
    assert rows.loc["accuracy_cost", "difference"] == pytest.approx(value)


def test_one_sentence_says_what_it_is_worth_and_what_it_costs() -> None:
    estimates = {"gain": Estimate(0.03, -0.01, 0.08), "accuracy_cost": Estimate(0.02, 0.0, 0.05)}
    assert sentence("squeezed to 4 bits", estimates) == (
        "Squeezed to 4 bits: 3 more of 100 samples (−1 to 8) withstand the attack; it costs 2 of 100 right predictions "
        "(0 to 5). No gain is shown."
    )
    worse = {"gain": Estimate(-0.03, -0.08, 0.01), "accuracy_cost": Estimate(-0.02, -0.05, 0.0)}
    assert sentence("d", worse).startswith(
        "D: 3 fewer of 100 samples (−1 to 8) withstand the attack; it brings 2 of 100"
    )


def test_queries_of_the_model_before_are_counted_and_end_where_the_run_is_cancelled(net: Subject) -> None:
    asked = {"before": 0, "after": 0}

    def counting(name: str) -> Any:
        def predict(rows: Array) -> Array:
            asked[name] += len(rows)
            return net.predict(rows)

        return predict

    before = Undefended(defence="nothing", predict=counting("before"))
    subject = net.answering(counting("after"), state="counted", undefended=before)
    step = RunStep()
    subject.fingerprint  # noqa: B018 - asks the model, which is no query of the run
    asked |= {"before": 0, "after": 0}
    outcome = run(subject, "robustness.defence", SMALL, step=step)
    assert outcome.status == "ok"
    assert asked["before"] > 1000
    assert outcome.queries == asked["before"] + asked["after"]
    few = run(subject, "robustness.defence", SMALL, step=RunStep(Meter(max_queries=300)))
    assert few.status == "cancelled"


def test_the_model_before_follows_when_columns_become_categories() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=200), rng.choice([10.0, 20.0, 70.0], 200)])
    model = LogisticRegression().fit(X, X[:, 1] > 15)
    subject = Subject.of(model, X, (X[:, 1] > 15).astype(int))
    made = xw.constrained(xw.defended(subject, "feature squeezing", bits=6), {"x1": {"categories": [10, 20, 70]}})
    assert made.X[:, 1].max() == 2
    assert made.undefended is not None
    assert np.allclose(made.undefended.predict(made.X), model.predict_proba(X))
    assert made.undefended.linear is made.undefended.gradient is None


def test_a_model_that_is_not_defended_has_nothing_to_compare(net: Subject) -> None:
    outcome = assess(net, "robustness.defence")
    assert outcome.status == "not applicable"
    assert "xw.defended" in outcome.reason
