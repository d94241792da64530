"""Controls beside the user's model: they sit where they must, and a split that leaks by itself is said."""

import json
import pickle
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest

from xrai_widgets.core import (
    Array,
    Control,
    Finding,
    Measure,
    Outcome,
    Predict,
    Range,
    Step,
    Subject,
    assessment,
    quiet,
)
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict
from xrai_widgets.reporting.compose import report
from xrai_widgets.results.policy import judge
from xrai_widgets.runtime import Meter, RunStep, assess, run
from xrai_widgets.runtime.control_models import Learner, keys
from xrai_widgets.runtime.control_subjects import control_subject, fewer

MIA, SHAPR, PDTP = "privacy.membership_inference", "privacy.shapr", "privacy.pdtp"
KINDS = ("constant", "memorising", "chance", "shuffled", "blind")


@pytest.fixture(autouse=True)
def forgetting() -> Iterator[None]:
    """Take what a test registers out of the catalog."""
    yield
    sys.modules["xrai_widgets.core.assessment"]._registry.pop("custom.blunt", None)  # type: ignore[attr-defined]


def fair(seed: int = 0, n: int = 400, **changed: Any) -> Subject:
    """A model that learnt from no sample, and parts of one distribution unless something is changed."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(2 * n, 3)), rng.integers(0, 3, 2 * n)
    given = {"X": X[n:], "y": y[n:], "X_train": X[:n], "y_train": y[:n]} | changed
    return Subject.of(known, given.pop("X"), given.pop("y"), name="fair", classes=(0, 1, 2), **given)


def known(X: Array) -> Array:
    logits = np.column_stack([X[:, 0], X[:, 1], -X[:, 0]])
    shares = np.exp(logits)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def value(outcome: Outcome, control: str, measure: str = "advantage") -> float:
    table = outcome.table("controls").set_index(["control", "measure"])
    return float(table.loc[(control, measure), "value"])


def warnings(outcome: Outcome) -> str:
    assert outcome.finding is not None
    return " ".join(note for note in outcome.finding.notes if "Control" in note or "stand in the training" in note)


def test_each_control_of_membership_sits_where_it_must(credit: Subject) -> None:
    outcome = assess(credit, MIA)
    table = outcome.table("controls")
    assert list(table["control"].unique()) == [
        "your model",
        "constant model",
        "memorising model",
        "members dealt at random",
        "no model, the data alone",
    ]
    own = table[(table["control"] == "your model") & (table["measure"] == "advantage")].iloc[0]
    assert (own["value"], own["n"]) == (outcome.table().loc["advantage", "value"], 1000)
    assert value(outcome, "memorising model") == 1.0
    for control in ("constant model", "members dealt at random", "no model, the data alone"):
        row = table[(table["control"] == control) & (table["measure"] == "advantage")].iloc[0]
        assert row["low"] <= 0 <= row["high"], control
        assert row["n"] == 900, "500 members at most, and the 400 others"
        assert row["note"] == "should be near 0"
    assert warnings(outcome) == ""


def test_a_regression_has_the_same_controls(regression: Subject) -> None:
    outcome = assess(regression, MIA)
    assert value(outcome, "memorising model", "auc") == 1.0
    assert abs(value(outcome, "constant model")) < 0.1
    shift = assess(regression, PDTP, n_samples=20)
    key = "worst_excess_shift"
    assert value(shift, "memorising model", key) > 5 * value(shift, "constant model", key)


def test_leaving_one_out_moves_a_constant_model_hardly_and_a_memorising_one_fully(digits: Subject) -> None:
    small = replace(digits, X_train=digits.X_train[:200], y_train=digits.y_train[:200], train_ids=np.arange(200))  # type: ignore[index]
    few = {"n_samples": 3, "repeats": 1, "null_draws": 5, "samples": "7, 190"}
    outcome = assess(replace(small, fit=Learner(False, 10)), PDTP, **few)
    assert value(outcome, "constant model", "worst_excess") < 0.1
    assert value(outcome, "memorising model", "worst_excess") > 2
    assert warnings(outcome) == ""


def test_a_memorising_model_need_not_be_high_in_shapr_and_the_view_says_so(credit: Subject) -> None:
    outcome = assess(credit, SHAPR)
    table = outcome.table("controls").set_index(["control", "measure"])
    assert table.loc[("memorising model", "shapr_p99"), "value"] < table.loc[("your model", "shapr_p99"), "value"]
    assert "need not be high" in table.loc[("memorising model", "shapr_p99"), "note"]
    shares = np.bincount(credit.y_train) / len(credit.y_train)  # type: ignore[arg-type]
    assert value(outcome, "constant model", "knn_accuracy") == pytest.approx(float((shares**2).sum()), abs=0.01)
    assert value(outcome, "labels dealt at random", "knn_accuracy") < value(outcome, "your model", "knn_accuracy")


def test_labels_that_are_distributed_differently_are_found_by_the_constant_model() -> None:
    y = np.repeat([0, 1, 2], [300, 50, 50])
    outcome = assess(fair(y_train=y, y=y[::-1].copy().clip(1)), MIA)
    assert "Control failed: constant model, advantage 0.7" in warnings(outcome)
    assert "distributed differently in X_train and X" in warnings(outcome)


def test_samples_that_are_distributed_differently_are_found_without_any_model() -> None:
    clean = fair()
    assert clean.X_train is not None
    outcome = assess(fair(X_train=clean.X_train + np.array([0, 0, 1.5])), MIA)  # a column that the model never reads
    assert "Control failed: no model, the data alone" in warnings(outcome)
    assert "constant model" not in warnings(outcome)
    assert judge(outcome).checks[0].key == "advantage"
    assert abs(outcome.table().loc["advantage", "value"]) < 0.1


def test_held_out_samples_that_were_trained_on_are_counted() -> None:
    clean = fair()
    X, y = clean.X.copy(), clean.y.copy()
    X[:60], y[:60] = clean.X_train[100:160], clean.y_train[100:160]  # type: ignore[index]
    outcome = assess(fair(X=X, y=y), MIA)
    assert "60 of 400 held-out samples stand in the training samples, too" in warnings(outcome)
    assert value(outcome, "memorising model") == pytest.approx(1 - 60 / 400, abs=0.05)


def test_fair_splits_are_not_called_unfair() -> None:
    assert [warnings(assess(fair(seed, n=60), MIA)) for seed in range(4)] == [""] * 4


@pytest.mark.slow
def test_fair_splits_are_rarely_called_unfair() -> None:
    """200 subjects with three controls each that find nothing; each one errs in fewer than 1 of 300 runs."""
    assert sum(warnings(assess(fair(seed, n=150), MIA)) != "" for seed in range(200)) <= 5


def test_an_attack_that_cannot_find_a_memorising_model_says_that_it_shows_nothing() -> None:
    outcome = assess(fair(), _blunt(Control("memorising", "leak")))
    assert "even a model that knows its training samples by heart is not found" in warnings(outcome)


def test_an_attack_that_finds_what_is_not_there_is_caught_by_chance() -> None:
    outcome = assess(fair(), _blunt(Control("chance", "no leak")), offset=0.3)
    assert "the assessment itself finds too much" in warnings(outcome)


def test_a_control_that_fails_says_so_in_its_row_and_the_others_stay() -> None:
    name = _blunt(Control("constant", "no leak", params={"broken": True}), Control("memorising", "leak"))
    outcome = assess(fair(), name)
    table = outcome.table("controls").set_index("control")
    assert outcome.status == "ok"
    assert table.loc["constant model", "note"].startswith("failed (error ")
    assert np.isnan(table.loc["constant model", "value"])
    assert table.loc["memorising model", "value"] == 0


def _blunt(*controls: Control) -> str:
    @assessment(title="Blunt", measures=[Measure("leak", "lower", 0.0)], controls=controls)
    def blunt(
        predict: Predict,
        X_train: Array,
        y_train: Array,
        X: Array,
        y: Array,
        *,
        offset: Annotated[float, Range(0, 1), "found in any case"] = 0.0,
        broken: Annotated[bool, "raise"] = False,
        step: Step = quiet,
    ) -> Finding:
        """Measure nothing."""
        if broken:
            raise ValueError(f"row {X[0]}")
        return Finding({"leak": offset}, {"leak": (offset - 0.1, offset + 0.1)}, {"leak": len(X)})

    return "custom.blunt"


@pytest.mark.parametrize("kind", KINDS)
def test_a_control_can_be_sent_to_a_worker_and_answers_the_same_there(kind: Any, credit: Subject) -> None:
    made = control_subject(credit, Control(kind, "no leak"), seed=0)
    sent = pickle.loads(pickle.dumps(made.predict))
    assert np.array_equal(sent(made.X), made.predict(made.X))
    assert np.allclose(made.predict(made.X).sum(axis=1), 1)
    if kind in ("constant", "memorising"):
        assert made.fit is not None
        fresh = pickle.loads(pickle.dumps(made.fit))(made.X_train, made.y_train, seed=5)
        assert np.array_equal(fresh(made.X), made.predict(made.X))


def test_a_memorising_model_knows_its_samples_and_nothing_else() -> None:
    X, y = np.array([[0.0], [1.0], [1.0], [2.0]]), np.array([0, 1, 0, 2])
    predict = Learner(True, 3)(X, y)
    assert predict(np.array([[0.0], [-0.0], [1.0], [9.0]])).tolist() == [
        [1, 0, 0],
        [1, 0, 0],
        [0.5, 0.5, 0],
        [0.5, 0.25, 0.25],
    ]
    assert Learner(True, 3, labels=True)(X, y)(np.array([[2.0], [9.0]])).tolist() == [[0, 0, 1], [1, 0, 0]]
    weighted = Learner(True, 3)(X, y, sample_weight=np.array([0, 1, 1, 2.0]))
    assert weighted(np.array([[0.0], [2.0]])).tolist() == [[0.25, 0.25, 0.5], [0, 0, 1]]
    assert Learner(True, 0)(X, np.array([1.0, 2, 4, 5]))(np.array([[1.0], [9.0]])).tolist() == [3, 3]
    assert predict(X[:0]).shape == (0, 3)


def test_equal_samples_have_equal_keys_whatever_their_type() -> None:
    rows = np.array([[[[0.5, -0.0]]], [[[0.0, 1.0]]]], dtype=np.float32)
    assert keys(rows) == keys(np.abs(rows).astype(np.float64))
    assert len(keys(rows)[0]) == 16


def test_members_dealt_at_random_are_the_same_samples() -> None:
    subject = fair(n=50)
    dealt = control_subject(subject, Control("chance", "no leak"), seed=1)
    assert dealt.X_train is not None
    assert subject.X_train is not None
    pairs = [
        sorted(map(tuple, np.column_stack([np.concatenate([s.X_train, s.X]), np.concatenate([s.y_train, s.y])])))  # type: ignore[list-item]
        for s in (subject, dealt)
    ]
    assert pairs[0] == pairs[1]
    assert not np.array_equal(dealt.X_train, subject.X_train)
    assert dealt.predict is subject.predict


def test_a_label_only_model_has_label_only_controls() -> None:
    labels = replace(fair(), outputs="labels")
    for kind in ("constant", "memorising"):
        answers = control_subject(labels, Control(kind, "no leak"), seed=0).predict(labels.X)  # type: ignore[arg-type]
        assert set(np.unique(answers)) <= {0.0, 1.0}


def test_controls_that_do_not_ask_the_model_are_not_counted() -> None:
    subject = fair(n=100)
    outcome = assess(subject, MIA)
    assert outcome.queries == 2 * 200, "once for the finding, once for the members dealt at random"


def test_cancel_between_controls_keeps_the_whole_finding() -> None:
    meter = Meter()
    seen: list[float] = []

    def listen(progress: Any) -> None:
        seen.append(progress.done)
        if "members dealt" in progress.note:
            meter.cancel.set()

    step = RunStep(meter, listen)
    step._reported = -1.0
    outcome = run(fair(), MIA, step=_every(step))
    assert outcome.status == "cancelled"
    assert "the controls are not complete" in outcome.reason
    assert outcome.finding is not None
    assert outcome.finding.values["advantage"] == assess(fair(), MIA).finding.values["advantage"]  # type: ignore[union-attr]
    assert list(outcome.table("controls")["control"].unique()) == ["your model", "constant model", "memorising model"]
    assert seen == sorted(seen)


def _every(step: RunStep) -> RunStep:
    """Let each word of progress through, however fast they follow."""
    real = step.__class__.__call__

    class Talkative(RunStep):
        def __call__(self, *args: Any) -> None:
            self._reported = -1.0
            real(self, *args)

    step.__class__ = Talkative
    return step


def test_partial_findings_of_the_subject_are_shown_and_those_of_controls_are_not() -> None:
    shown: list[Finding] = []
    step = _every(RunStep(listen=lambda progress: shown.append(progress.partial) if progress.partial else None))
    inner = _every(step.within(0.0, 0.9, main=True))
    inner(0.1, "", Finding({"a": 1.0}))
    assert [finding.values["a"] for finding in shown] == [1.0]
    other = _every(step.within(0.9, 1.0))
    threading.Event().wait(1.05)
    other(0.1, "", Finding({"a": 2.0}))
    assert len(shown) == 1


def test_the_table_and_the_chart_are_in_json_and_in_every_report(credit: Subject) -> None:
    outcome = assess(credit, MIA)
    back = outcome_from_dict(json.loads(json.dumps(outcome_to_dict(outcome))))
    pd.testing.assert_frame_equal(back.table("controls"), outcome.table("controls"), check_dtype=False)
    assert back.finding is not None
    assert back.finding.charts[-1].only == "advantage"
    made = report([outcome])
    assert "this model among the controls" in made.to_html()
    assert "memorising model" in made.to_html()
    assert "no model, the data alone" in made.to_html()
    assert "should be far from 0" in made.to_json()


def test_the_chart_has_one_row_per_control(credit: Subject) -> None:
    outcome = assess(credit, MIA)
    axes = outcome.figure(len(outcome.finding.charts) - 1).axes[0]  # type: ignore[union-attr]
    assert [tick.get_text() for tick in axes.get_yticklabels()][:2] == ["your model", "constant model"]
    assert len(axes.get_yticklabels()) == 5


def test_a_control_that_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"kind of a Control must be one of constant, .*got 'dummy'"):
        Control("dummy", "leak")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="so it must say what a reader should see"):
        Control("constant", "anything")
    with pytest.raises(TypeError, match="first measure must say which value is chance"):

        @assessment(title="No measure", controls=[Control("constant", "no leak")])
        def unmeasured(predict: Predict, X_train: Array, y_train: Array, *, step: Step = quiet) -> Finding:
            """Measure nothing."""
            raise NotImplementedError

    with pytest.raises(TypeError, match="made of X_train and y_train, which the engine does not ask for"):

        @assessment(title="No data", measures=[Measure("a", "lower", 0)], controls=[Control("memorising", "leak")])
        def without(predict: Predict, X: Array, y: Array, *, step: Step = quiet) -> Finding:
            """Measure nothing."""
            raise NotImplementedError


def test_controls_are_made_without_the_new_samples(forest: Subject) -> None:
    batch = {"new_ids": np.arange(9), "foreign": np.zeros(9, dtype=bool)}
    given = replace(forest, X_new=forest.X[:9], y_new=forest.y[:9], **batch)
    few = fewer(given, 0)
    assert few.X_new is few.y_new is few.new_ids is few.foreign is None
    assert given.X_new is not None
