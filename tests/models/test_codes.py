"""Whole numbers that are codes: found where the model says so, declared where it does not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

import xrai_widgets as xw
from xrai_widgets.core import Array, Constraint, Subject

RNG = np.random.default_rng(0)
N = 240
CODES = [10, 20, 70, 99]
FRAME = pd.DataFrame({"branch": RNG.choice(CODES, N), "x": RNG.normal(size=N)})
Y = (FRAME.branch.isin([20, 99]) * 2 + FRAME.x + RNG.normal(size=N) > 1).astype(int).to_numpy()
REST = (StandardScaler(), ["x"])


def encoded(encoder: Any, columns: Any = ("branch",)) -> Any:
    taken = list(columns) if isinstance(columns, tuple) else columns
    return make_pipeline(make_column_transformer((encoder, taken), REST), LogisticRegression())


def by_place() -> Any:
    return make_pipeline(make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough"), LogisticRegression())


def onehot() -> Any:
    return encoded(OneHotEncoder())


MODELS: dict[str, Any] = {
    "one-hot": onehot(),
    "ordinal": encoded(OrdinalEncoder()),
    "target": encoded(TargetEncoder()),
    "imputed before": encoded(make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())),
    "columns by type": encoded(OneHotEncoder(), make_column_selector(dtype_include="integer")),
    "columns by place": encoded(OneHotEncoder(), [0]),
    "columns by a mask": encoded(OneHotEncoder(), [True, False]),
    "columns by a slice": encoded(OneHotEncoder(), slice("branch", "branch")),
    "a search": GridSearchCV(onehot(), {"logisticregression__C": [1.0]}, cv=2),
    "a vote": VotingClassifier([("a", onehot()), ("b", onehot())], voting="soft"),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=5, categorical_features=["branch"]),
}


def check(subject: Subject, model: Any, frame: Any) -> None:
    """The column is a category of the four codes; the model is asked for them."""
    assert subject.constraints[0] == Constraint("category", ("10", "20", "70", "99"))
    assert subject.constraints[1].kind == "continuous"
    assert subject.bounds is not None
    assert subject.bounds[:, 0].tolist() == [0, 3]
    assert np.allclose(subject.predict(subject.X), model.predict_proba(frame))
    assert subject.decode is not None
    assert subject.decode(subject.X).iloc[:, 0].tolist() == np.asarray(frame)[:, 0].tolist()


@pytest.mark.usefixtures("without_controls")
def test_attacks_and_explanations_propose_only_codes_that_exist() -> None:
    model = onehot().fit(FRAME, Y)  # its encoder refuses any other
    for samples in (FRAME, FRAME.to_numpy()):
        fitted = model if samples is FRAME else by_place().fit(samples, Y)
        subject = Subject.of(fitted, samples, Y)
        few = {"robustness.evasion": {"max_iter": 1}, "explanations.cem": {"max_iter": 20, "binary_steps": 3}}
        for name, params in few.items():
            assert xw.assess(subject, name, n_samples=2, strict=True, **params).status == "ok"


@pytest.mark.filterwarnings("ignore:.*TargetEncoder.*:FutureWarning")  # a refit sets every random_state
@pytest.mark.parametrize("name", MODELS)
def test_a_column_that_the_model_encodes_is_a_category(name: str) -> None:
    model = MODELS[name].fit(FRAME, Y)
    subject = Subject.of(model, FRAME, Y, X_train=FRAME, y_train=Y)
    check(subject, model, FRAME)
    assert subject.fit is not None
    assert subject.fit(subject.X, subject.y, seed=0)(subject.X).shape == (N, 2)


def test_an_array_whose_columns_the_model_encodes_has_categories_too() -> None:
    X = FRAME.to_numpy()
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough"), LogisticRegression()
    )
    model.fit(X, Y)
    check(Subject.of(model, X, Y), model, X)


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost", "catboost"])
def test_boosting_libraries_say_which_columns_are_categories(kind: str) -> None:
    library = pytest.importorskip(kind)
    X = FRAME.to_numpy() if kind != "catboost" else FRAME
    if kind == "lightgbm":
        model = library.LGBMClassifier(n_estimators=5, verbosity=-1).fit(X, Y, categorical_feature=[0])
    elif kind == "catboost":
        model = library.CatBoostClassifier(iterations=5, verbose=0, cat_features=["branch"], allow_writing_files=False)
        model.fit(X, Y)
    else:
        model = library.XGBClassifier(n_estimators=5, enable_categorical=True, feature_types=["c", "q"]).fit(X, Y)
    check(Subject.of(model, X, Y), model, X)


def test_a_code_that_only_the_encoder_knows_exists_too() -> None:
    model = onehot().fit(FRAME, Y)
    few = FRAME[FRAME.branch != 99]
    subject = Subject.of(model, few, Y[FRAME.branch != 99])
    assert subject.constraints[0].categories == ("10", "20", "70", "99")


def test_a_scaled_column_stays_a_number() -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, Y)
    subject = Subject.of(model, FRAME, Y)
    assert [constraint.kind for constraint in subject.constraints] == ["integer", "continuous"]
    assert subject.gradient is not None


DECLARED = [
    {"categories": CODES},
    {"kind": "category", "categories": CODES},
    {"kind": "category"},
    {"categories": np.array(CODES)},
    Constraint("category", categories=tuple(CODES)),
]


@pytest.mark.parametrize("said", DECLARED, ids=str)
@pytest.mark.parametrize("array", [False, True], ids=["frame", "array"])
def test_codes_are_declared_where_the_model_does_not_say_them(said: Any, array: bool) -> None:
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(FRAME.to_numpy(), Y)
    samples: Any = FRAME.to_numpy() if array else FRAME
    names = {"feature_names": ["branch", "x"]} if array else {}
    subject = Subject.of(model, samples, Y, constraints={"branch": said}, **names)
    assert subject.constraints[0] == Constraint("category", ("10", "20", "70", "99"))
    assert np.allclose(subject.predict(subject.X), model.predict_proba(FRAME.to_numpy()))
    assert subject.regions is None
    if isinstance(said, dict):
        later = xw.constrained(Subject.of(model, samples, Y, **names), {"branch": said})
        assert later.constraints == subject.constraints
        assert np.array_equal(later.X, subject.X)
        assert np.array_equal(later.predict(later.X), subject.predict(subject.X))


def test_other_limits_of_the_column_are_kept() -> None:
    model = onehot().fit(FRAME, Y)
    subject = Subject.of(model, FRAME, Y, constraints={"branch": {"categories": CODES, "immutable": True}})
    assert subject.constraints[0] == Constraint("category", ("10", "20", "70", "99"), immutable=True)


def test_words_for_0_1_and_so_on_stay_what_they_were() -> None:
    X = np.c_[np.arange(N) % 2, RNG.normal(size=N)]
    model = LogisticRegression().fit(X, Y)
    subject = Subject.of(model, X, Y, constraints={"x0": {"kind": "category", "categories": ["a", "b"]}})
    assert subject.constraints[0].categories == ("a", "b")
    assert np.array_equal(subject.predict(subject.X), model.predict_proba(X))


def test_a_distance_between_codes_is_none_between_numbers() -> None:
    def model(rows: pd.DataFrame) -> Array:
        assert set(rows.branch) <= set(CODES)  # nothing between them is ever asked
        return np.where(rows.branch == 99, 0.9, 0.1)

    subject = Subject.of(model, FRAME, (FRAME.branch == 99).astype(int), constraints={"branch": {"categories": CODES}})
    outcome = xw.assess(subject, "robustness.evasion", n_samples=20, strict=True)
    assert outcome.finding.values["found_share"] == 1.0


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"categories": [10, 20, 70]}, "'branch' must hold the categories 10, 20, 70, got 99 in X"),
        ({"categories": [10, 10, 20, 70, 99]}, "categories of 'branch' must be at least two numbers that differ"),
        ({"categories": [10]}, "at least two numbers that differ"),
        ({"categories": [10, float("nan")]}, "at least two numbers that differ"),
        ({"categories": CODES, "range": (10, 99)}, "'branch' is a category, which has no range"),
    ],
    ids=str,
)
def test_codes_that_do_not_fit_are_named(said: Any, message: str) -> None:
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(FRAME.to_numpy(), Y)
    subject = Subject.of(model, FRAME, Y)
    with pytest.raises(ValueError, match=message):
        xw.constrained(subject, {"branch": said})
    with pytest.raises(ValueError, match=message):
        Subject.of(model, FRAME, Y, constraints={"branch": said})


def test_codes_of_the_model_cannot_be_amounts_again_nor_others() -> None:
    subject = Subject.of(onehot().fit(FRAME, Y), FRAME, Y)
    with pytest.raises(ValueError, match="kind of 'branch', which holds codes, must be category, got 'integer'"):
        xw.constrained(subject, {"branch": {"kind": "integer"}})
    with pytest.raises(ValueError, match="categories of 'branch' are 10, 20, 70, 99, by the data and the model"):
        xw.constrained(subject, {"branch": {"categories": [1, 2]}})
    assert xw.constrained(subject, {"branch": {"immutable": True}}).constraints[0].immutable
