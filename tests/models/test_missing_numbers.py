"""Missing numbers reach the model as they are, and are no number anywhere on the way."""

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from tests.core.test_subject import subject as plain_subject
from xrai_widgets.core import Finding, Predict, Step, Subject, assessment, find, quiet
from xrai_widgets.core.subject import Array
from xrai_widgets.data import examples
from xrai_widgets.models.constrained import constrained
from xrai_widgets.runtime import run

RNG = np.random.default_rng(0)
N = 200
FRAME = pd.DataFrame(
    {"debt": RNG.normal(size=N), "age": RNG.integers(18, 80, N).astype(float), "rate": RNG.uniform(1, 5, N)}
)
Y = (FRAME["debt"] + FRAME["age"] / 40 + RNG.normal(size=N) > 1.2).astype(int).to_numpy()
FRAME.loc[RNG.choice(N, 30, replace=False), "debt"] = np.nan
FRAME.loc[RNG.choice(N, 20, replace=False), "age"] = np.nan
HALF = 120
LATE = FRAME.iloc[np.argsort(FRAME.isna().any(axis=1).to_numpy(), kind="stable")]  # gaps come last
MODELS: dict[str, Any] = {
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=5),
    "imputed": lambda: make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1000)),
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "tree": lambda: DecisionTreeClassifier(max_depth=4, random_state=0),
}


def made(name: str = "boosting", data: Any = FRAME, **words: Any) -> tuple[Any, Subject]:
    model = MODELS[name]().fit(data[:HALF], Y[:HALF])
    subject = Subject.of(model, data[HALF:], Y[HALF:], X_train=data[:HALF], y_train=Y[:HALF], **words)
    return model, subject


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("bare", [False, True], ids=["DataFrame", "array"])
def test_the_model_answers_for_missing_cells_as_by_itself(name: str, bare: bool) -> None:
    data = FRAME.to_numpy() if bare else FRAME
    model, subject = made(name, data)
    assert np.allclose(subject.predict(subject.X), model.predict_proba(data[HALF:]), atol=1e-14)
    assert np.array_equal(subject.missing, np.isnan(FRAME.to_numpy()[HALF:]))
    assert np.array_equal(np.isnan(subject.X), subject.missing)
    assert any(note.startswith("empty cells: ") for note in subject.notes)
    assert "50" in " ".join(subject.notes) if bare else "debt 30, age 20" in " ".join(subject.notes)


@pytest.mark.parametrize("name", MODELS)
def test_one_row_is_answered_as_among_others(name: str) -> None:
    """Single rows take the fast way through a forest, which knows nothing of missing numbers that come late."""
    model = MODELS[name]().fit(FRAME, Y)
    subject = Subject.of(model, LATE, Y[LATE.index])
    assert not subject.missing[:64].any()
    alone = np.concatenate([subject.predict(row[None]) for row in subject.X])
    assert np.allclose(alone, model.predict_proba(LATE), atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_forms_that_speak_of_numbers_are_offered_where_they_say_what_becomes_of_gaps(name: str) -> None:
    model = MODELS[name]().fit(FRAME, Y)
    subject = Subject.of(model, LATE, Y[LATE.index])
    assert (subject.gradient, subject.logits) == (None, None)
    assert (subject.linear is not None) == (name == "imputed")
    assert (subject.regions is not None) == (name == "tree")
    if subject.regions is not None:
        low, high, comes = subject.regions[:, :, None]
        gone = np.isnan(subject.X)
        inside = np.where(gone, comes > 0, (low <= subject.X) & (high >= subject.X)).all(axis=2)
        assert (inside.sum(axis=0) == 1).all()  # each sample comes to one leaf
        leaf = model.apply(LATE)
        assert len({*zip(inside.argmax(axis=0).tolist(), leaf.tolist(), strict=True)}) == len(np.unique(leaf))
    if subject.linear is not None:
        (weights, bias), whole = subject.linear, ~subject.missing.any(axis=1)
        assert np.allclose((subject.X[whole] @ weights.T + bias)[:, 1], model.decision_function(LATE)[whole])
    if subject.thresholds is None:
        assert name == "imputed"
        return
    rows = subject.X[subject.missing.any(axis=1)]
    moved = rows.copy()
    for column, cuts in enumerate(subject.thresholds):  # anywhere between two neighbours the answer is the same
        edges = np.r_[-1e3, cuts, 1e3]
        place = np.clip(np.searchsorted(edges, rows[:, column]) - 1, 0, len(edges) - 2)
        inside = (edges[place] + edges[place + 1]) / 2
        if subject.constraints[column].kind == "continuous":
            moved[:, column] = np.where(np.isnan(rows[:, column]), np.nan, inside)
    assert np.allclose(subject.predict(moved), subject.predict(rows), atol=1e-12)


def test_bounds_are_those_of_the_numbers_that_there_are() -> None:
    _, subject = made()
    assert subject.bounds is not None
    assert np.array_equal(subject.bounds, [FRAME.min(), FRAME.max()])

    def calm(rows: Any) -> Any:
        return np.full((len(rows), 2), 0.5)

    subject = Subject.of(calm, FRAME.assign(rate=np.nan), Y)
    assert subject.bounds is not None
    assert subject.bounds[:, 2].tolist() == [0.0, 0.0]


def test_whole_numbers_with_gaps_are_whole_and_may_be_declared_fractions() -> None:
    _, subject = made()
    assert [kind.kind for kind in subject.constraints] == ["continuous", "integer", "continuous"]
    _, subject = made(constraints={"age": {"kind": "continuous"}})
    assert subject.constraints[1].kind == "continuous"
    assert subject.decode is not None
    assert subject.decode(np.array([[1.0, 30.5, 2.0]]))["age"].tolist() == [30.5]
    _, subject = made(data=FRAME.dropna().reindex(range(N), method="nearest"))
    assert subject.constraints[1].kind == "continuous"  # nothing is missing: the type says what it is
    nullable = FRAME.assign(age=FRAME["age"].astype("Int64"))
    _, subject = made(data=nullable)
    assert subject.constraints[1].kind == "integer"
    assert subject.decode is not None
    pd.testing.assert_frame_equal(subject.decode(subject.X), nullable[HALF:].reset_index(drop=True))


def test_all_bit_patterns_of_nan_give_one_fingerprint() -> None:
    odd = struct.unpack("<d", struct.pack("<Q", 0xFFF8000000000123))[0]
    first, second = FRAME.to_numpy().copy(), FRAME.to_numpy().copy()
    second[np.isnan(second)] = odd
    assert first.tobytes() != second.tobytes()
    model = MODELS["boosting"]().fit(first, Y)
    subjects = [Subject.of(model, data, Y) for data in (first, second)]
    assert subjects[0].fingerprint == subjects[1].fingerprint
    assert subjects[0].parts == subjects[1].parts
    other = first.copy()
    other[0, 2] = np.nan
    assert Subject.of(model, other, Y).fingerprint != subjects[0].fingerprint
    raw = replace(subjects[0], X=second)  # one who makes the subject by hand
    assert raw.fingerprint == subjects[0].fingerprint


def test_fingerprints_of_whole_tables_do_not_change() -> None:
    """As hashed before there were missing numbers: the bytes of the arrays themselves."""
    from xrai_widgets.core.fingerprint import _bytes_of
    from xrai_widgets.core.missing import one_nan

    X = examples.load("breast_cancer_logistic").X
    assert one_nan(X) is X
    assert _bytes_of("X", X).endswith(X.tobytes())


@pytest.mark.parametrize("declare", [False, True], ids=["told by the model", "declared"])
def test_a_missing_code_is_a_category_of_its_own(declare: bool) -> None:
    frame = pd.DataFrame({"branch": RNG.choice([10.0, 20.0, 70.0, np.nan], N), "debt": RNG.normal(size=N)})
    y = (frame["branch"].isin([20.0]) | frame["branch"].isna()).astype(int).to_numpy()
    if declare:
        model: Any = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5).fit(frame, y)
        subject = Subject.of(model, frame, y, constraints={"branch": {"categories": [10, 20, 70]}})
    else:
        from sklearn.compose import make_column_transformer

        encoder = make_column_transformer((OneHotEncoder(), ["branch"]), ("passthrough", ["debt"]))
        model = make_pipeline(encoder, LogisticRegression()).fit(frame, y)
        subject = Subject.of(model, frame, y)
    assert subject.constraints[0].categories == ("10", "20", "70", "missing")
    assert not subject.missing.any()
    assert np.array_equal(subject.predict(subject.X), model.predict_proba(frame))
    assert subject.decode is not None
    pd.testing.assert_frame_equal(subject.decode(subject.X), frame)


def test_limits_are_checked_against_the_numbers_that_there_are() -> None:
    _, subject = made()
    other = constrained(subject, {"age": {"range": (20, 60), "immutable": True}, "rate": {"monotone": 1}})
    assert np.array_equal(other.missing, subject.missing)
    assert other.bounds is not None
    assert other.bounds[:, 1].tolist() == [20.0, 60.0]
    with pytest.raises(ValueError, match="'rate' can only hold whole numbers if the"):
        constrained(subject, {"rate": {"kind": "integer"}})
    assert constrained(subject, {"age": {"kind": "continuous"}}).constraints[1].kind == "continuous"


def test_an_engine_of_ones_own_gets_finite_samples_unless_it_says_otherwise() -> None:
    _, subject = made()
    entry = find("privacy.shapr")
    outcome = run(subject, replace(entry, missing="refused"))
    assert outcome.status == "not applicable"
    assert outcome.reason.startswith("X_train holds missing numbers (in debt, age), and this assessment needs a number")
    assert "imputed first" in outcome.instead
    assert run(subject, replace(entry, missing="kept")).status == "ok"
    assert run(plain_subject(), replace(entry, missing="refused")).reason.find("missing numbers") < 0


def test_the_mark_of_an_engine_is_checked_when_it_is_registered() -> None:
    def odd(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
        """Do nothing."""
        return Finding({}, {}, {})

    with pytest.raises(ValueError, match=r"missing of custom.odd must be one of .*'kept'.*got 'ignored'"):
        assessment(title="Odd", missing="ignored")(odd)  # type: ignore[arg-type]  # what is refused


def test_only_the_parts_that_an_engine_asks_for_count() -> None:
    model = MODELS["boosting"]().fit(FRAME, Y)
    whole = FRAME.dropna()
    subject = Subject.of(model, whole, Y[whole.index], X_train=FRAME, y_train=Y)

    def looks(X: Array, *, step: Step = quiet) -> Finding:
        """Look at X alone."""
        return Finding({"value": float(X.sum())}, {"value": (-np.inf, np.inf)}, {"value": 1})

    entry = replace(
        find("privacy.shapr"), name="custom.looks", engine=looks, measures=(), controls=(), missing="refused"
    )
    assert entry.gap(subject) is None


def test_outputs_that_are_nan_are_still_errors() -> None:
    def careless(rows: pd.DataFrame) -> Any:
        p = 1 / (1 + np.exp(-rows["debt"].to_numpy()))
        return np.c_[1 - p, p]

    with pytest.raises(ValueError, match=r"the model's outputs must be finite, got \d+ NaN"):
        Subject.of(careless, FRAME, Y)
