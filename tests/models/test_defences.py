"""Defended outputs: ART's where those are probabilities, and probabilities everywhere; nothing leaks past them."""

import pickle
from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from xrai_widgets.core import Array, Subject
from xrai_widgets.models.defences import DEFENCES, changed_predictions
from xrai_widgets.models.output_defences import OUTPUT_CHANGES
from xrai_widgets.results import as_code, run_as_code
from xrai_widgets.results.as_code import expression
from xrai_widgets.results.compare import compare
from xrai_widgets.runtime import assess

MIA = "privacy.membership_inference"
NAMES = tuple(OUTPUT_CHANGES)


@pytest.fixture(scope="module")
def outputs() -> Array:
    """Rows of probabilities: ordinary ones, sure ones, undecided ones."""
    rows = np.random.default_rng(0).dirichlet(np.full(4, 0.4), 200)
    return np.vstack([rows, np.eye(4), np.full((1, 4), 0.25)])


def change(name: str, outputs: Array, **params: Any) -> Array:
    X = np.arange(len(outputs), dtype=float)[:, None]
    return DEFENCES[name].change(outputs, X, **DEFENCES[name].check(params))


def art(name: str, **params: Any) -> Any:
    from art.defences import postprocessor

    return getattr(postprocessor, name)(**params)


@pytest.mark.parametrize("decimals", [1, 3])
def test_rounding_is_arts_brought_to_sum_1(outputs: Array, decimals: int) -> None:
    theirs = art("Rounded", decimals=decimals)(outputs)
    ours = change("rounding", outputs, decimals=decimals)
    assert (theirs.sum(axis=1) != 1).any()
    assert np.allclose(ours, theirs / theirs.sum(axis=1, keepdims=True))
    two = np.column_stack([outputs[:, 0], 1 - outputs[:, 0]])
    exact = art("Rounded", decimals=decimals)(two)
    even = np.isclose(exact.sum(axis=1), 1)  # 0.15 and 0.85 may both go up
    assert np.allclose(change("rounding", two, decimals=decimals)[even], exact[even])


@pytest.mark.parametrize("params", [{}, {"beta": 0.5, "gamma": 0.4}, {"beta": 3.0, "gamma": 2.0}])
def test_the_reverse_sigmoid_is_arts(outputs: Array, params: dict[str, float]) -> None:
    for rows in (outputs, np.column_stack([outputs[:, 0], 1 - outputs[:, 0]])):
        assert np.allclose(change("reverse sigmoid", rows, **params), art("ReverseSigmoid", **params)(rows))


def test_the_reverse_sigmoid_of_two_classes_keeps_the_answer_where_it_is_mild() -> None:
    p = np.linspace(0.501, 1, 500)
    rows = np.column_stack([p, 1 - p])
    for beta, gamma in ((1.0, 0.1), (0.5, 2.0), (1.0, 1.0)):
        assert (change("reverse sigmoid", rows, beta=beta, gamma=gamma)[:, 0] >= 0.5 - 1e-12).all()
    for beta, gamma in ((2.0, 0.4), (1.0, 2.0)):
        assert (change("reverse sigmoid", rows, beta=beta, gamma=gamma)[:, 0] < 0.49).any()


def test_high_confidence_is_arts_brought_to_sum_1(outputs: Array) -> None:
    theirs = art("HighConfidence", cutoff=0.2)(outputs)
    assert np.allclose(change("high confidence", outputs, cutoff=0.2), theirs / theirs.sum(axis=1, keepdims=True))
    assert change("high confidence", np.full((1, 4), 0.25), cutoff=0.5).tolist() == [[0.25] * 4]


def test_class_labels_are_arts_row_by_row(outputs: Array) -> None:
    theirs = art("ClassLabels")
    assert np.array_equal(change("class labels", outputs), np.vstack([theirs(row[None]) for row in outputs]))
    assert theirs(np.array([[0.9, 0.1], [0.2, 0.8]])).sum() == 4, "ART marks every class in every row"


def test_noise_is_normal_and_asking_again_does_not_take_it_away(outputs: Array) -> None:
    rows = np.full((4000, 2), 0.5)
    noisy = change("gaussian noise", rows, scale=0.05)
    assert np.array_equal(noisy, change("gaussian noise", rows, scale=0.05))
    assert not np.array_equal(noisy, change("gaussian noise", rows, scale=0.05, seed=1))
    # (½ + a) / (1 + a + b) ≈ ½ + (a − b)/2
    assert noisy[:, 0].mean() == pytest.approx(0.5, abs=0.002)
    assert noisy[:, 0].std() == pytest.approx(0.05 / np.sqrt(2), rel=0.05)
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    change("gaussian noise", outputs)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


@pytest.mark.parametrize("name", NAMES)
def test_defended_outputs_are_probabilities_whatever_comes(name: str, outputs: Array) -> None:
    many = np.full((3, 40), 1 / 40)  # rounded to one decimal, nothing is left of any of them
    for rows in (outputs, many):
        made = change(name, rows)
        assert np.allclose(made.sum(axis=1), 1)
        assert (made >= 0).all()
        assert np.isfinite(made).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_answered_alike_alone_and_among_others(name: str, credit: Subject) -> None:
    made = xw.defended(credit, name)
    together = made.predict(credit.X[:400])
    assert np.allclose(np.vstack([made.predict(credit.X[i : i + 1]) for i in range(5)]), together[:5], atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_defended_subject_is_another_one_and_travels_to_workers(name: str, credit: Subject) -> None:
    before = credit.X.copy(), credit.predict(credit.X)
    made = xw.defended(credit, name)
    sent = pickle.loads(pickle.dumps(made.predict))
    assert np.array_equal(sent(credit.X[:50]), made.predict(credit.X[:50]))
    assert made.fingerprint not in {
        credit.fingerprint,
        *(xw.defended(credit, n).fingerprint for n in NAMES if n != name),
    }
    assert made.name.startswith("german_credit_forest · ")
    assert made.parts == credit.parts
    assert np.array_equal(before[0], credit.X)
    assert np.array_equal(before[1], credit.predict(credit.X))
    assert np.array_equal(before[1].argmax(axis=1), credit.predict(credit.X).argmax(axis=1))


def test_other_parameters_are_another_subject_even_where_the_outputs_are_equal(credit: Subject) -> None:
    nine, eight = xw.defended(credit, "rounding", decimals=9), xw.defended(credit, "rounding", decimals=8)
    assert len({credit.fingerprint, nine.fingerprint, eight.fingerprint}) == 3
    assert nine.name == "german_credit_forest · rounded to 9 decimals"
    assert xw.defended(credit, "rounding").name == "german_credit_forest · rounded to 1 decimal"


def test_what_an_outsider_does_not_see_is_gone(logistic: Subject) -> None:
    made = xw.defended(logistic, "rounding")
    assert logistic.gradient is not None
    assert made.gradient is None
    assert made.logits is None
    assert not hasattr(made.model, "predict_proba"), "a closed form would look past the defence"
    outcome = assess(made, "privacy.pdtp", n_samples=3)
    assert "closed form" not in " ".join(outcome.finding.notes)  # type: ignore[union-attr]


def test_refits_are_defended_too(logistic: Subject) -> None:
    made = xw.defended(logistic, "rounding", decimals=1)
    assert made.fit is not None
    fresh = made.fit(made.X_train, made.y_train, seed=0, sample_weight=np.ones(len(made.y_train)))  # type: ignore[arg-type]
    assert set(np.unique(fresh(made.X).round(6))) <= set(np.linspace(0, 1, 11).round(6))
    assert pickle.loads(pickle.dumps(made.fit)).params == {"decimals": 1}


def test_labels_alone_make_a_label_only_model(credit: Subject) -> None:
    made = xw.defended(credit, "class labels")
    assert made.outputs == "labels"
    assert "labels only" in assess(made, MIA).reason
    assert changed_predictions(credit, made) == 0
    with pytest.raises(
        ValueError, match=r"german_credit_forest · labels only cannot be defended by rounding: .* gives labels only"
    ):
        xw.defended(made, "rounding")


def test_the_source_makes_the_defended_subject_again(credit: Subject) -> None:
    made = xw.defended(credit, "reverse sigmoid", beta=0.5)
    written = expression(made.origin)
    assert written.startswith('xw.defended(xw.examples.load("german_credit_forest"), ')
    again = eval(written, {"xw": xw})
    assert again.fingerprint == made.fingerprint
    assert again.name == made.name


def test_bad_input_is_named(credit: Subject, regression: Subject) -> None:
    with pytest.raises(ValueError, match=r"defence must be one of rounding, .*got 'roundin'; did you mean 'rounding'"):
        xw.defended(credit, "roundin")
    with pytest.raises(ValueError, match=r"decimals must lie in \[1, 9\], got 0"):
        xw.defended(credit, "rounding", decimals=0)
    with pytest.raises(
        ValueError, match=r"the defence 'rounding' has no parameter 'decimal'; .*did you mean 'decimals'"
    ):
        xw.defended(credit, "rounding", decimal=1)
    with pytest.raises(ValueError, match=r"diabetes_tree cannot be defended by rounding: .* this is a regression"):
        xw.defended(regression, "rounding")


def memorising() -> Subject:
    """Knows its training samples by heart: sure of them, and just as often right but less sure elsewhere."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(600, 2)), rng.integers(0, 2, 600)
    inside = {row.tobytes(): label for row, label in zip(X[:300], y[:300], strict=True)}
    right = dict(zip((row.tobytes() for row in X[300:]), y[300:], strict=True))

    def predict(rows: Array) -> Array:
        out = np.empty((len(rows), 2))
        for place, row in enumerate(np.asarray(rows)):
            key = row.tobytes()
            sure, label = (0.99, inside[key]) if key in inside else (0.9, right.get(key, 0))
            out[place, label], out[place, 1 - label] = sure, 1 - sure
        return out

    return Subject.of(predict, X[300:], y[300:], X_train=X[:300], y_train=y[:300], name="memorising")


def test_a_leak_by_confidence_alone_is_rounded_away_and_the_paired_difference_shows_it() -> None:
    subject = memorising()
    before, after = assess(subject, MIA), assess(xw.defended(subject, "rounding", decimals=1), MIA)
    finer = assess(xw.defended(subject, "rounding", decimals=2), MIA)
    assert before.table().loc["advantage", "value"] == 1.0
    assert finer.table().loc["advantage", "value"] == 1.0, "two digits still tell 0.99 from 0.9"
    assert after.table().loc["advantage", "value"] > 0.9, "one digit still tells 1.0 from 0.9"
    made = compare(before, assess(xw.defended(subject, "high confidence", cutoff=0.5), MIA)).table()
    row = made[(made["measure"] == "advantage") & (made["subject"] != "memorising")].iloc[0]
    assert row["reading"] == "lower, better"
    assert row["pairs"] == 600
    assert row["difference_high"] < -0.9


def test_a_leak_by_being_right_stays_when_confidence_is_hidden(credit: Subject) -> None:
    """Yeom's gap attack needs no confidence: the forest is right on members far more often than on others."""
    hidden = xw.defended(credit, "high confidence", cutoff=0.5)
    outcome = assess(hidden, MIA)
    assert credit.y_train is not None
    right = [
        (credit.predict(X).argmax(axis=1) == y).mean()
        for X, y in ((credit.X_train, credit.y_train), (credit.X, credit.y))
    ]  # type: ignore[arg-type]
    assert outcome.table().loc["advantage", "value"] == pytest.approx(right[0] - right[1], abs=0.02)
    made = compare(assess(credit, MIA), outcome).table()
    row = made[(made["measure"] == "advantage") & made["difference"].notna()].iloc[0]
    assert row["pairs"] == 1000
    assert row["difference_high"] < 0


def test_the_code_of_a_defended_outcome_runs_and_no_command_drops_the_defence(credit: Subject) -> None:
    outcome = assess(xw.defended(credit, "rounding"), "privacy.shapr")
    names: dict[str, Any] = {}
    exec(as_code.as_python(outcome), names)
    assert names["outcome"].finding.values == outcome.finding.values  # type: ignore[union-attr]
    for line in (as_code.as_command(outcome), run_as_code.run_as_command([outcome], xw.Policy.default())):
        assert "assess german_credit_forest --defend 'rounding = { decimals = 1 }' --run privacy.shapr" in line
