"""Whatever does not fit ends in a message that names the thing, the allowed and the got."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import IsolationForest, RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

from xrai_widgets.core import Constraint, Subject

N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = (X[:, 0] > 0).astype(int)
BOTH = np.column_stack([Y, X[:, 1] > 0]).astype(int)
TEXTS = ["a good day", "the bad night"] * (N // 2)
FRAME = pd.DataFrame(
    {"age": RNG.integers(18, 80, N), "income": RNG.normal(size=N), "job": RNG.choice(["cook", "nurse", "smith"], N)}
)
HALF = np.tile([0.5, 0.5], (N, 1))


@cache
def logistic() -> LogisticRegression:
    return LogisticRegression().fit(X, Y)


@cache
def forest() -> Pipeline:
    encode = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    return make_pipeline(encode, RandomForestClassifier(5, random_state=0)).fit(FRAME, Y)


@cache
def linear() -> LinearRegression:
    return LinearRegression().fit(X, X[:, 0])


def half(rows: Any) -> Any:
    return np.tile([0.5, 0.5], (len(rows), 1))


def answering(out: Callable[[Any], Any]) -> Callable[[], Subject]:
    return lambda: Subject.of(out, X, Y)


def with_cell(value: float) -> Any:
    changed = X.copy()
    changed[3, 1] = value
    return changed


Case = tuple[str, Callable[[], Any], str]

TEXT = "^text models are not supported: {}; allowed: "
TEXT_CASES: list[Case] = [
    (
        "a list of texts",
        lambda: Subject.of(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, Y), TEXTS, Y),
        TEXT.format("X holds one string per sample") + re.escape("a table (n, d) or images"),
    ),
    (
        "a Series of texts",
        lambda: Subject.of(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, Y), pd.Series(TEXTS), Y),
        TEXT.format("X holds one string per sample"),
    ),
    (
        "an array of texts",
        lambda: Subject.of(half, np.array(TEXTS, dtype=object), Y),
        TEXT.format("X holds one string per sample"),
    ),
    (
        "lists of words",
        lambda: Subject.of(half, [text.split() + ["today"] * (i % 2) for i, text in enumerate(TEXTS)], Y),
        TEXT.format("X holds one list of words per sample"),
    ),
    (
        "a column of texts",
        lambda: Subject.of(
            make_pipeline(
                ColumnTransformer([("words", CountVectorizer(), "t"), ("more", CountVectorizer(), "s")]),
                LogisticRegression(max_iter=1000),
            ).fit(pd.DataFrame({"t": TEXTS, "s": TEXTS}), Y),
            pd.DataFrame({"t": TEXTS, "s": TEXTS}),
            Y,
        ),
        TEXT.format("the model holds a CountVectorizer"),
    ),
    (
        "a union of word counts",
        lambda: Subject.of(
            make_pipeline(FeatureUnion([("words", HashingVectorizer(n_features=8))]), LogisticRegression()).fit(
                TEXTS, Y
            ),
            pd.DataFrame({"t": TEXTS}),
            Y,
        ),
        TEXT.format("the model holds a HashingVectorizer"),
    ),
    (
        "a search over a text pipeline",
        lambda: Subject.of(
            GridSearchCV(make_pipeline(TfidfVectorizer(), LogisticRegression()), {}, cv=2).fit(TEXTS, Y),
            pd.DataFrame({"t": TEXTS}),
            Y,
        ),
        TEXT.format("the model holds a TfidfVectorizer"),
    ),
    (
        "a vote of text pipelines",
        lambda: Subject.of(
            VotingClassifier([("a", make_pipeline(TfidfVectorizer(), LogisticRegression()))]).fit(TEXTS, Y),
            pd.DataFrame({"t": TEXTS}),
            Y,
        ),
        TEXT.format("the model holds a TfidfVectorizer"),
    ),
]

SEVERAL = "^(multi-label and )?multi-output models are not supported: "
SEVERAL_CASES: list[Case] = [
    ("labels in two columns", lambda: Subject.of(logistic(), X, BOTH), SEVERAL + "y has 2 columns; allowed: one label"),
    ("labels in a frame", lambda: Subject.of(logistic(), X, pd.DataFrame(BOTH)), SEVERAL + "y has 2 columns"),
    ("one-hot labels", lambda: Subject.of(logistic(), X, np.eye(2)[Y]), SEVERAL + r".* \(use argmax\(axis=1\) on one"),
    ("sparse labels", lambda: Subject.of(logistic(), X, sparse.csr_matrix(BOTH)), SEVERAL + "y has 2 columns"),
    (
        "training labels in two columns",
        lambda: Subject.of(logistic(), X, Y, X_train=X, y_train=BOTH),
        SEVERAL + "y_train has 2 columns",
    ),
    (
        "lists of labels",
        lambda: Subject.of(logistic(), X, [["a"], ["a", "b"]] * (N // 2)),
        SEVERAL + "y holds rows of different lengths",
    ),
    (
        "a Series of lists",
        lambda: Subject.of(logistic(), X, pd.Series([["a"], ["a", "b"]] * (N // 2))),
        SEVERAL + r"y holds several labels per sample, such as \['a'\]",
    ),
    ("sets of labels", lambda: Subject.of(logistic(), X, [{"a"}] * N), SEVERAL + "y holds several labels per sample"),
    ("values in two columns", lambda: Subject.of(linear(), X, X[:, :2]), SEVERAL + "y has 2 columns"),
    (
        "a MultiOutputClassifier",
        lambda: Subject.of(MultiOutputClassifier(LogisticRegression()).fit(X, BOTH), X, Y),
        SEVERAL + "MultiOutputClassifier predicts several outputs; allowed: one label or value per sample",
    ),
    (
        "a MultiOutputRegressor",
        lambda: Subject.of(MultiOutputRegressor(LinearRegression()).fit(X, X), X, X[:, 0]),
        SEVERAL + "MultiOutputRegressor predicts several outputs",
    ),
    (
        "a forest for two labels",
        lambda: Subject.of(RandomForestClassifier(3).fit(X, BOTH), X, Y),
        SEVERAL + "RandomForestClassifier predicts several",
    ),
    (
        "neighbours for two labels",
        lambda: Subject.of(KNeighborsClassifier().fit(X, BOTH), X, Y),
        SEVERAL + "KNeighborsClassifier predicts several",
    ),
    (
        "a network for two labels",
        lambda: Subject.of(MLPClassifier((3,), tol=1, random_state=0).fit(X, BOTH), X, Y),
        SEVERAL + "MLPClassifier predicts several",
    ),
    (
        "a label-only model for two labels",
        lambda: Subject.of(RidgeClassifier().fit(X, BOTH), X, Y),
        SEVERAL + "RidgeClassifier predicts several",
    ),
    (
        "a pipeline for two labels",
        lambda: Subject.of(make_pipeline(StandardScaler(), RandomForestClassifier(3)).fit(X, BOTH), X, Y),
        SEVERAL + "RandomForestClassifier predicts several",
    ),
    (
        "a tree for two values",
        lambda: Subject.of(DecisionTreeRegressor().fit(X, X[:, :2]), X, X[:, 0]),
        SEVERAL + "DecisionTreeRegressor predicts several",
    ),
    (
        "a network for two values",
        lambda: Subject.of(MLPRegressor(hidden_layer_sizes=(3,), tol=1).fit(X, X[:, :2]), X, X[:, 0]),
        SEVERAL + "MLPRegressor predicts several",
    ),
    (
        "a linear model for two values",
        lambda: Subject.of(LinearRegression().fit(X, X[:, :2]), X, X[:, 0]),
        SEVERAL + "the model gives 2 outputs per sample; allowed: one",
    ),
    (
        "a function for two values",
        lambda: Subject.of(lambda rows: rows[:, :2], X, X[:, 0]),
        SEVERAL + re.escape("got outputs of shape (n, 2); allowed: (n,)"),
    ),
]

SHAPE_CASES: list[Case] = [
    (
        "X of one dimension",
        lambda: Subject.of(logistic(), X[:, 0], Y),
        rf"^X must be rows \(n, d\) .* got shape \({N},\)",
    ),
    ("X as a Series", lambda: Subject.of(logistic(), pd.Series(X[:, 0]), Y), r"^X must be rows \(n, d\) or images"),
    ("X as a number", lambda: Subject.of(logistic(), 5, Y), r"^X must be rows \(n, d\) .* got shape \(\)"),
    ("no X", lambda: Subject.of(logistic(), None, Y), "^X must be a DataFrame or an array, got None"),
    ("no y", lambda: Subject.of(logistic(), X, None), "^y must hold one label per sample, got None"),
    ("ragged rows", lambda: Subject.of(half, [[1, 2], [3]], [0, 1]), "^X must hold rows of equal length .* different"),
    (
        "five dimensions",
        lambda: Subject.of(half, np.zeros((4, 1, 1, 2, 2)), [0, 1] * 2),
        r"^X must be rows .* \(4, 1, 1,",
    ),
    (
        "fewer labels",
        lambda: Subject.of(logistic(), X, Y[:-1]),
        rf"^y must have {N} entries, one per row .* got {N - 1}",
    ),
    (
        "fewer training labels",
        lambda: Subject.of(logistic(), X, Y, X_train=X, y_train=Y[:-2]),
        rf"^y_train must have {N} entries, one per row of its samples, got {N - 2}",
    ),
    ("fewer groups", lambda: Subject.of(logistic(), X, Y, groups=Y[:5]), rf"^groups must have {N} entries.* got 5"),
    ("fewer ids", lambda: Subject.of(logistic(), X, Y, ids=[1, 2]), rf"^ids must have {N} entries.* got 2"),
    (
        "groups in two columns",
        lambda: Subject.of(half, X, Y, groups=BOTH),
        "^groups must hold one group per sample, but",
    ),
    ("a narrower X", lambda: Subject.of(logistic(), X[:, :2], Y), "^X must have 3 features, those the model .* got 2"),
    (
        "a narrower frame",
        lambda: Subject.of(logistic(), FRAME[["age", "income"]], Y),
        "^X must have 3 features, those the model was fitted on, got 2",
    ),
    (
        "a narrower X_train",
        lambda: Subject.of(logistic(), X, Y, X_train=X[:, :2], y_train=Y),
        r"^each sample of X_train must have shape \(3,\), as in X, got \(2,\)",
    ),
    (
        "X_train with another column",
        lambda: Subject.of(forest(), FRAME, Y, X_train=FRAME.rename(columns={"age": "years"}), y_train=Y),
        r"^X_train must have the column\(s\) 'age' \(as in X\), got 'years', 'income', 'job'",
    ),
    (
        "X_new with one column more",
        lambda: Subject.of(forest(), FRAME, Y, X_new=FRAME.assign(z=1)),
        "^X_new must have only the columns 'age', 'income', 'job' .*, got also 'z': drop them",
    ),
    (
        "X_train as an array",
        lambda: Subject.of(forest(), FRAME, Y, X_train=FRAME.to_numpy(), y_train=Y),
        "^X_train must be a DataFrame, as X is, got ndarray",
    ),
    (
        "X_train as a frame",
        lambda: Subject.of(half, X, Y, X_train=pd.DataFrame(X), y_train=Y),
        "^X_train must be an array, as X is, got DataFrame",
    ),
    (
        "channels last in flat rows",
        lambda: Subject.of(half, np.zeros((4, 192)), [0, 1] * 2, image_shape=(8, 8, 3)),
        r"^image_shape must be \(channels, .* got \(8, 8, 3\): reshape X to \(n, 8, 8, 3\) if its channels stand last",
    ),
    (
        "another number of pixels",
        lambda: Subject.of(half, np.zeros((4, 65)), [0, 1] * 2, image_shape=(8, 8)),
        r"got X of shape \(4, 65\) with image_shape \(8, 8\)",
    ),
    (
        "an image shape of words",
        lambda: Subject.of(half, np.zeros((4, 64)), [0, 1] * 2, image_shape="ab"),  # type: ignore[arg-type]
        "got X of shape .* with image_shape 'ab'",
    ),
    (
        "negative sides",
        lambda: Subject.of(half, np.zeros((4, 64)), [0, 1] * 2, image_shape=(-8, -8)),
        r"with image_shape \(-8, -8\)",
    ),
    (
        "an image shape for a frame",
        lambda: Subject.of(half, FRAME, Y, image_shape=(1, 3)),
        r"^image_shape goes with arrays, got a DataFrame: pass X.to_numpy\(\)",
    ),
    (
        "too few feature names",
        lambda: Subject.of(half, X, Y, feature_names=["a"]),
        "^feature_names must name 3 .* got 1",
    ),
    (
        "feature names as a number",
        lambda: Subject.of(half, X, Y, feature_names=3),
        "^feature_names must be a list of 3",
    ),  # type: ignore[arg-type]
    (
        "feature names in one word",
        lambda: Subject.of(half, X, Y, feature_names="abc"),
        "^feature_names must .* got 'abc'",
    ),
    (
        "an image shape of one number",
        lambda: Subject.of(half, np.zeros((4, 64)), [0, 1] * 2, image_shape=8),  # type: ignore[arg-type]
        "got X of shape .* with image_shape 8",
    ),
    (
        "ragged rows for a model fitted on a frame",
        lambda: Subject.of(forest(), [[1, 2, 3], [1, 2]], [0, 1]),
        "^X must hold rows of equal length",
    ),
    (
        "feature names twice",
        lambda: Subject.of(half, X, Y, feature_names=["a", "a", "b"]),
        r"^feature_names must differ from each other, got \['a', 'a', 'b'\]",
    ),
]

VALUE_CASES: list[Case] = [
    (
        "a pixel beyond float32",
        lambda: Subject.of(half, np.full((4, 2, 2), 1e39), [0, 1] * 2),
        "^pixels of X must be at most 3.4e38, the largest float32, got 1e\\+39",
    ),
    (
        "a model that takes no NaN in X",
        lambda: Subject.of(logistic(), with_cell(np.nan), Y),
        r"^the model cannot predict for X, in which numbers are missing \(empty cells: 1\): ValueError: Input X "
        r"contains NaN; pass the whole pipeline, with the imputer",
    ),
    (
        "an infinite cell",
        lambda: Subject.of(logistic(), with_cell(np.inf), Y),
        r"^X must hold finite numbers or NaN, got 1 infinite, the first at \(3, 1\)",
    ),
    (
        "an infinite cell in X_train",
        lambda: Subject.of(logistic(), X, Y, X_train=with_cell(-np.inf), y_train=Y),
        "^X_train must hold finite numbers or NaN, got 1 infinite",
    ),
    (
        "an infinite cell of a table",
        lambda: Subject.of(forest(), FRAME.assign(income=with_cell(np.inf)[:, 1]), Y),
        r"^column 'income' of X must hold finite numbers or missing ones, got 1 infinite \(rows \[3\]\): replace",
    ),
    (
        "many infinite cells",
        lambda: Subject.of(forest(), FRAME, Y, X_new=FRAME.assign(income=np.inf)),
        rf"^column 'income' of X_new must hold finite numbers or missing ones, got {N} infinite \(rows \[0, 1, 2\], …",
    ),
    (
        "a missing pixel",
        lambda: Subject.of(half, np.full((4, 2, 2), np.nan), [0, 1] * 2),
        "^pixels of X must be finite numbers, got 16 NaN: fill them",
    ),
    (
        "a masked cell",
        lambda: Subject.of(logistic(), np.ma.masked_array(X, X > 2.0), Y),
        r"^X must have no masked entries, got \d+: fill them",
    ),
    (
        "NaN in y",
        lambda: Subject.of(logistic(), X, np.where(Y == 1, np.nan, 0)),
        r"^y must have no missing entries, got",
    ),
    ("None in y", lambda: Subject.of(logistic(), X, [None, "a"] * (N // 2)), "^y must have no missing entries, got 30"),
    (
        "NA in y",
        lambda: Subject.of(logistic(), X, pd.Series([pd.NA, 1] * (N // 2), dtype="Int64")),
        "^y must have no missing entries, got 30",
    ),
    (
        "a masked label",
        lambda: Subject.of(logistic(), X, np.ma.masked_array(Y, Y == 1)),
        "^y must have no missing entries, got ",
    ),
    (
        "infinity in y",
        lambda: Subject.of(logistic(), X, np.where(Y == 1, np.inf, 0)),
        "^y must hold finite numbers, got",
    ),
    ("infinite values", lambda: Subject.of(linear(), X, with_cell(np.inf)[:, 1]), "^y must hold finite numbers, got 1"),
    ("empty ids", lambda: Subject.of(logistic(), X, Y, ids=[None] * N), f"^ids must have no missing entries, got {N}"),
    (
        "an integer that float64 does not hold",
        lambda: Subject.of(half, FRAME.assign(age=2**63 - 1), Y),
        r"^column 'age' of X must hold integers between -2\*\*53 and 2\*\*53, .* got about 9223372036854775",
    ),
]

LABEL_CASES: list[Case] = [
    (
        "one class",
        lambda: Subject.of(logistic(), X, Y * 0),
        r"^y must hold at least two classes of \[0, 1\], got only 0",
    ),
    (
        "one class in training",
        lambda: Subject.of(logistic(), X, Y, X_train=X, y_train=Y * 0 + 1),
        r"^y_train must hold at least two classes of \[0, 1\], got only 1",
    ),
    (
        "a model fitted on one class",
        lambda: Subject.of(RandomForestClassifier(3).fit(X, Y * 0), X, Y),
        r"^the model must know at least two classes, got only \(0,\)",
    ),
    (
        "unseen labels",
        lambda: Subject.of(logistic(), X, Y + 1),
        r"^y must hold labels that the model knows, \[0, 1\], got \[2\]",
    ),
    (
        "unseen training labels",
        lambda: Subject.of(logistic(), X, Y, X_train=X, y_train=Y * 5),
        r"^y_train must hold labels that the model knows, \[0, 1\], got \[5\]",
    ),
    (
        "unseen labels of a batch",
        lambda: Subject.of(logistic(), X, Y, X_new=X, y_new=Y - 1),
        r"^y_new must hold labels that the model knows, \[0, 1\], got \[-1\]",
    ),
    (
        "text labels for a model of numbers",
        lambda: Subject.of(logistic(), X, Y.astype(str)),
        r"^y must hold .*\[0, 1\], got \['0', '1'\] \(text where the model knows numbers\)",
    ),
    (
        "numbers for a model of text labels",
        lambda: Subject.of(LogisticRegression().fit(X, Y.astype(str)), X, Y),
        r"^y must hold .*\['0', '1'\], got \[0, 1\] \(not text as the model knows it\)",
    ),
    (
        "fractions as labels",
        lambda: Subject.of(logistic(), X, X[:, 0]),
        r"^y must hold labels .* \[0, 1\], got \[-\d.*in all\)",
    ),
    (
        "classes in another order than the model's",
        lambda: Subject.of(logistic(), X, Y, classes=[1, 0]),
        r"^classes must be the model's own, in its order, \[0, 1\], got \[1, 0\]",
    ),
    (
        "classes renamed",
        lambda: Subject.of(logistic(), X, np.array(["no", "yes"])[Y], classes=["no", "yes"]),
        r"^classes must be the model's own, in its order, \[0, 1\], got \['no', 'yes'\]",
    ),
    (
        "one class twice",
        lambda: Subject.of(half, X, Y, classes=[1, 1]),
        r"^classes must be at least two labels that differ, got \[1, 1\]",
    ),
    (
        "too many classes",
        lambda: Subject.of(half, X, Y, classes=[0, 1, 2]),
        r"^classes must name the model's 2 output columns, got 3: \[0, 1, 2\]",
    ),
    (
        "classes in lists",
        lambda: Subject.of(half, X, Y, classes=[[0], [1]]),
        r"^classes must be at least two labels that differ, got \[\[0\], \[1\]\]",
    ),
    ("classes as text", lambda: Subject.of(half, X, Y, classes="01"), "^classes must be a list of labels, got '01'"),
    ("classes as a number", lambda: Subject.of(half, X, Y, classes=2), "^classes must be a list of labels, got 2"),  # type: ignore[arg-type]
    (
        "classes of a regression",
        lambda: Subject.of(linear(), X, X[:, 0], classes=[0, 1]),
        r"^classes go with a classification, got \[0, 1\] for a regression",
    ),
    (
        "words without classes",
        lambda: Subject.of(half, X, np.array(["no", "yes"])[Y]),
        r"^labels must be 0…1, .* 2 output columns, got \['no', 'yes'\]: pass classes=\[…\]",
    ),
    (
        "more labels than columns",
        lambda: Subject.of(half, X, np.arange(N) % 3),
        r"^labels must be 0…1, the numbers of the model's 2 output columns, got \[0, 1, 2\]: pass classes",
    ),
    (
        "other kinds of labels in training",
        lambda: Subject.of(half, X, Y, X_train=X, y_train=Y.astype(str)),
        r"^labels must be 0…1, .* got \[0, '0', 1, '1'\]",
    ),
    (
        "words as values",
        lambda: Subject.of(linear(), X, ["low"] * N),
        "^y of a regression must hold numbers, got <U3 such as 'low'",
    ),
    (
        "numbers in quotes as values",
        lambda: Subject.of(linear(), X, X[:, 0].astype(str)),
        "^y of a regression must hold numbers, got <U32 such as '0.12",
    ),
    (
        "dates as values",
        lambda: Subject.of(linear(), X, pd.date_range("2020", periods=N)),
        "^y of a regression must hold numbers, got datetime64",
    ),
]

COLUMN_CASES: list[Case] = [
    (
        "a missing column",
        lambda: Subject.of(forest(), FRAME.drop(columns="age"), Y),
        r"^X must have the column\(s\) 'age' \(those the model was fitted on\), got 'income', 'job'",
    ),
    (
        "a column too many",
        lambda: Subject.of(forest(), FRAME.assign(z=1), Y),
        r"^X must have only the columns 'age', 'income', 'job' \(those the model was fitted on\), got also 'z'",
    ),
    (
        "a column twice",
        lambda: Subject.of(forest(), pd.concat([FRAME, FRAME[["age"]]], axis=1), Y),
        "^the columns of X must have different names, got 'age' more than once",
    ),
    (
        "a column twice in training",
        lambda: Subject.of(forest(), FRAME, Y, X_train=pd.concat([FRAME, FRAME[["age"]]], axis=1), y_train=Y),
        "^the columns of X_train must have different names, got 'age' more than once",
    ),
    (
        "names that are the same in writing",
        lambda: Subject.of(half, pd.DataFrame({1: X[:, 0], "1": X[:, 1]}), Y),
        "^the columns of X must have different names, got '1' more than once",
    ),
    (
        "text in a numeric column",
        lambda: Subject.of(forest(), FRAME.assign(age=["forty", *FRAME["age"].astype(str)[1:]]), Y),
        r"^the model cannot predict for X: ValueError: could not convert .* \(the column 'age' holds 'forty'\)",
    ),
    (
        "numbers in a text column",
        lambda: Subject.of(forest(), FRAME.assign(job=1.5), Y),
        r"^the model cannot predict for X: .* \(columns of text: none; of numbers: age, income, job\)",
    ),
    (
        "text in X, numbers in X_train",
        lambda: Subject.of(forest(), FRAME, Y, X_train=FRAME.assign(job=1.5), y_train=Y),
        "^column 'job' must hold either numbers or text in all samples, got .* in X, float64 such as 1.5 in X_train",
    ),
    (
        "numbers in X, text in X_train",
        lambda: Subject.of(forest(), FRAME, Y, X_train=FRAME.assign(age="old"), y_train=Y),
        "^column 'age' must hold either numbers or text .* int64 such as .* in X, .* such as 'old' in X_train",
    ),
    (
        "dates",
        lambda: Subject.of(forest(), FRAME.assign(age=pd.Timestamp("2020")), Y),
        r"^the model cannot predict for X: TypeError.*'Timestamp'.*of text: job; of numbers: income; held.*: age",
    ),
    (
        "dates in time zones",
        lambda: Subject.of(forest(), FRAME.assign(age=pd.Timestamp("2020", tz="UTC")), Y),
        r"^the model cannot predict for X: TypeError.*'Timestamp'.*held as they are: age",
    ),
    (
        "dates among objects",
        lambda: Subject.of(forest(), FRAME.assign(age=pd.Series([pd.Timestamp("2020")] * N, dtype=object)), Y),
        r"^the model cannot predict for X: TypeError.*'Timestamp'.*held as they are: age",
    ),
    (
        "durations",
        lambda: Subject.of(forest(), FRAME.assign(age=pd.Timedelta("1D")), Y),
        r"^the model cannot predict for X: TypeError.*'Timedelta'.*held as they are: age",
    ),
    (
        "periods",
        lambda: Subject.of(forest(), FRAME.assign(age=pd.period_range("2020", periods=N, freq="D")), Y),
        r"^the model cannot predict for X: TypeError.*'Period'.*held as they are: age",
    ),
    (
        "intervals",
        lambda: Subject.of(forest(), FRAME.assign(age=pd.cut(FRAME["age"], 3)), Y),
        r"^the model cannot predict for X: TypeError.*Interval'.*of text: age, job",
    ),
    (
        "complex numbers in a frame",
        lambda: Subject.of(forest(), FRAME.assign(income=1j), Y),
        "^column 'income' of X must hold numbers or text, got complex128: convert or drop it",
    ),
    (
        "complex numbers in an array",
        lambda: Subject.of(logistic(), X * 1j, Y),
        "^X must hold real numbers, got complex128: split it into two columns",
    ),
    (
        "lists as cells",
        lambda: Subject.of(forest(), FRAME.assign(job=[["cook"]] * N), Y),
        r"^column 'job' of X must hold numbers or text, got list such as \['cook'\]",
    ),
    (
        "mappings as cells of training",
        lambda: Subject.of(forest(), FRAME, Y, X_train=FRAME.assign(job=[{}] * N), y_train=Y),
        "^column 'job' of X_train must hold numbers or text, got dict such as {}",
    ),
    (
        "no rows",
        lambda: Subject.of(forest(), FRAME[:0], Y[:0]),
        r"^X must hold at least one row and one column, .*\(0, 3\)",
    ),
    (
        "no columns",
        lambda: Subject.of(half, FRAME[[]], Y),
        r"^X must hold at least one row and one column, .*\(60, 0\)",
    ),
    ("an empty array", lambda: Subject.of(logistic(), X[:0], Y[:0]), r"^X must hold at least one row .*\(0, 3\)"),
    ("an empty list", lambda: Subject.of(logistic(), [], []), r"^X must be rows \(n, d\) .* got shape \(0,\)"),
    (
        "no training rows",
        lambda: Subject.of(logistic(), X, Y, X_train=X[:0], y_train=Y[:0]),
        r"^X_train must hold at least one row and one column, got shape \(0, 3\)",
    ),
    (
        "a sparse matrix",
        lambda: Subject.of(logistic(), sparse.csr_matrix(X), Y),
        r"^X must be a dense array or DataFrame, got csr_matrix: pass X.toarray\(\)",
    ),
    (
        "rows of words",
        lambda: Subject.of(half, [["a", "b"]] * N, Y),
        "^X must hold real numbers, got <U1: pass a table with text as a DataFrame",
    ),
]

OPTION_CASES: list[Case] = [
    ("X_train alone", lambda: Subject.of(logistic(), X, Y, X_train=X), "^X_train needs y_train: pass both or neither"),
    ("y_train alone", lambda: Subject.of(logistic(), X, Y, y_train=Y), "^y_train needs X_train: pass both or neither"),
    ("y_new alone", lambda: Subject.of(logistic(), X, Y, y_new=Y), "^y_new needs X_new: pass both, or X_new alone"),
    (
        "train_ids alone",
        lambda: Subject.of(logistic(), X, Y, train_ids=range(N)),
        "^train_ids needs X_train: pass both",
    ),
    ("new_ids alone", lambda: Subject.of(logistic(), X, Y, new_ids=range(N)), "^new_ids needs X_new: pass both"),
    (
        "repeated ids",
        lambda: Subject.of(logistic(), X, Y, ids=[7] * N),
        f"^ids must differ from each other, got {N - 1} rep",
    ),
    (
        "a repeated index",
        lambda: Subject.of(forest(), FRAME.set_axis([1] * N), Y),
        r"^ids must differ .*: they are the index of the DataFrame; pass ids=, or reset_index\(drop=True\)",
    ),
    (
        "a repeated index of training",
        lambda: Subject.of(forest(), FRAME, Y, X_train=FRAME.set_axis([1] * N), y_train=Y),
        "^train_ids must differ .* pass train_ids=",
    ),
    (
        "unknown column",
        lambda: Subject.of(forest(), FRAME, Y, constraints={"agee": Constraint()}),
        r"^constraints name the column 'agee'; allowed: age, income, job; did you mean 'age'\?",
    ),
    (
        "a constraint as a word",
        lambda: Subject.of(forest(), FRAME, Y, constraints={"age": "immutable"}),  # type: ignore[dict-item]
        r"^constraints must map column names to Constraint\(…\), got {'age': 'immutable'}",
    ),
    (
        "constraints as a list",
        lambda: Subject.of(forest(), FRAME, Y, constraints=["age"]),  # type: ignore[arg-type]
        r"^constraints must map column names to Constraint\(…\), got \['age'\]",
    ),
    (
        "a category without categories",
        lambda: Subject.of(half, X, Y, constraints={"x1": Constraint(kind="category")}),
        "^'x1' can only be a category if it holds at most 200 whole numbers, got ",
    ),
    (
        "cells that are no codes of their category",
        lambda: Subject.of(half, X * 9, Y, constraints={"x1": Constraint(kind="category", categories=("a", "b"))}),
        r"^X must lie within the codes of its category: column 'x1' must lie in \[0, 1\], got ",
    ),
    (
        "an unknown task",
        lambda: Subject.of(half, X, Y, task="clustering"),  # type: ignore[arg-type]
        "^task must be one of classification, regression, got 'clustering'",
    ),
    (
        "a task that the model contradicts",
        lambda: Subject.of(logistic(), X, Y, task="regression"),
        "^task must be 'classification' for a LogisticRegression, got 'regression'",
    ),
    (
        "classification by a regressor",
        lambda: Subject.of(linear(), X, X[:, 0], task="classification"),
        "^task must be 'regression' for a LinearRegression, got 'classification'",
    ),
    *(
        (
            f"bounds {bounds!r}",
            lambda bounds=bounds: Subject.of(half, X, Y, bounds=bounds),
            r"^bounds must be \(low, high\), two numbers or two arrays of length 3, got ",
        )
        for bounds in [(0,), 5, ("a", "b"), (0, 1, 2), (np.zeros(2), np.ones(2)), [[0, 1]] * 3, "low", {}]
    ),
    (
        "bounds upside down",
        lambda: Subject.of(half, X, Y, bounds=(1, 0)),
        r"^bounds must be finite with low ≤ high, got \(1",
    ),
    ("bounds of NaN", lambda: Subject.of(half, X, Y, bounds=(0, np.nan)), "^bounds must be finite with low ≤ high"),
    ("infinite bounds", lambda: Subject.of(half, X, Y, bounds=(0, np.inf)), "^bounds must be finite with low ≤ high"),
    (
        "bounds that X leaves",
        lambda: Subject.of(half, X, Y, bounds=(0, 1)),
        r"^X must lie within bounds: column 'x1' must lie in \[0, 1\], got -0.13",
    ),
]


def late(rows: Any) -> Any:
    if len(rows) > 64:
        raise KeyError("late")
    return half(rows)


def changing_its_mind() -> Callable[[Any], Any]:
    calls: list[int] = []

    def answer(rows: Any) -> Any:
        calls.append(1)
        return half(rows) if len(calls) == 1 else half(rows)[:3]

    return answer


def boom(rows: Any) -> Any:
    raise RuntimeError("boom")


FUNCTION_CASES: list[Case] = [
    ("it raises", answering(boom), "^the model cannot predict for X: RuntimeError: boom"),
    (
        "it raises for many rows",
        lambda: Subject.of(late, np.zeros((300, 3)), [0, 1] * 150),
        "^the model .* KeyError: 'late'",
    ),
    (
        "it returns nothing",
        answering(lambda _: None),
        r"^the function must return one row per sample, got shape \(\)",
    ),
    (
        "it returns one number",
        answering(lambda _: 0.5),
        r"^the function must return one row per sample, got shape \(\)",
    ),
    (
        "it returns too few rows",
        answering(lambda rows: half(rows)[:3]),
        r"^the function must .* got shape \(3, 2\) for 60",
    ),
    ("it returns cubes", answering(lambda rows: np.zeros((len(rows), 2, 2))), r"^the function must .* \(60, 2, 2\)"),
    ("it returns no columns", answering(lambda rows: np.zeros((len(rows), 0))), r"^the function must .* \(60, 0\)"),
    (
        "it changes its mind",
        answering(changing_its_mind()),
        r"^the model must give one row per sample, got shape \(3, 2\)",
    ),
    (
        "rows that sum to 2",
        answering(lambda rows: np.ones((len(rows), 2))),
        r"^class probabilities must be ≥ 0 and sum to 1 in each row, got values in \[1, 1\] with row sums in \[2, 2\]",
    ),
    (
        "negative probabilities",
        answering(lambda rows: np.tile([2.0, -1.0], (len(rows), 1))),
        r"^class probabilities must be ≥ 0 .* got values in \[-1, 2\] with row sums in \[1, 1\]",
    ),
    ("scores for probabilities", answering(lambda rows: rows[:, :2]), "^class probabilities must be ≥ 0 and sum to 1"),
    (
        "text for probabilities",
        answering(lambda rows: np.full((len(rows), 2), "x")),
        "^the model's outputs must be numbers",
    ),
    (
        "NaN",
        answering(lambda rows: half(rows) * np.nan),
        "^the model's outputs must be finite, got 120 NaN or infinite in 60",
    ),
    (
        "infinity",
        answering(lambda rows: np.tile([np.inf, -np.inf], (len(rows), 1))),
        "^the model's outputs must be finite",
    ),
    (
        "NaN among labels",
        answering(lambda rows: np.where(rows[:, 0] > 0, 1.0, np.nan)),
        "^the model's outputs must be finite",
    ),
    (
        "NaN among values",
        lambda: Subject.of(lambda rows: np.where(rows[:, 0] > 0, 1.0, np.nan), X, X[:, 0]),
        "^the model's outputs must be finite",
    ),
    (
        "text for values",
        lambda: Subject.of(lambda rows: np.full(len(rows), "x"), X, X[:, 0]),
        r"^the model's outputs must be numbers, got <U1 such as \['x'\]",
    ),
    (
        "NaN for a late sample",
        lambda: Subject.of(
            lambda rows: half(rows) * np.where(np.arange(len(rows)) == 200, np.nan, 1.0)[:, None],
            np.zeros((300, 3)),
            [0, 1] * 150,
        ),
        "^the model's outputs must be finite, got 2 NaN or infinite in 300 rows",
    ),
    (
        "other labels than those of y",
        answering(lambda rows: np.where(rows[:, 0] > 0, "yes", "no")),
        r"^the model must give the labels in y, \[0, 1\], got \['no', 'yes'\]",
    ),
    (
        "labels that classes do not name",
        lambda: Subject.of(lambda rows: np.where(rows[:, 0] > 0, 1, 5), X, Y, classes=[0, 1]),
        r"^the model's labels must hold labels that the model knows, \[0, 1\], got \[5\]",
    ),
    (
        "scores for labels",
        answering(lambda rows: rows[:, 0] * 10),
        r"^the function must return class probabilities \(n, k\), P\(class 1\) in \[0, 1\], or labels, got numbers in",
    ),
    (
        "P(class 1) for labels of text",
        lambda: Subject.of(lambda rows: 1 / (1 + np.exp(-rows[:, 0])), X, np.array(["no", "yes"])[Y]),
        r"^a function that returns P\(class 1\) needs the labels 0 and 1, or classes=\[.* got .* \['no', 'yes'\]",
    ),
]

TABLE_CASES: list[Case] = [
    (
        "no probabilities",
        lambda: Subject.of(None, X, Y),
        r"^without a model X is the table of class probabilities: they must be ≥ 0 and sum to 1 .* got values in \[-",
    ),
    (
        "no probabilities in training",
        lambda: Subject.of(None, HALF, Y, X_train=X[:, :2], y_train=Y),
        "^without a model X_train is the table of class probabilities: they must be ≥ 0",
    ),
    (
        "one column of probabilities",
        lambda: Subject.of(None, Y * 0.8, Y),
        r"^a table of probabilities must have one column per class, got one column: pass np.column_stack\(\[1 - p, p",
    ),
    (
        "several columns of values",
        lambda: Subject.of(None, X, X[:, 0]),
        "^a table of predicted values must have one column, got 3",
    ),
    (
        "text",
        lambda: Subject.of(None, pd.DataFrame({0: ["x", "y"] * 30, 1: ["y", "x"] * 30}), Y),
        "^a table of outputs must hold numbers, got text in the column '0'",
    ),
    (
        "columns that are no labels",
        lambda: Subject.of(None, pd.DataFrame(HALF, columns=["p_no", "p_yes"]), np.array(["no", "yes"])[Y]),
        r"^the columns of the table must be named by the labels, got the columns \['p_no', 'p_yes'\] and the labels "
        r"\['no', 'yes'\]: rename the columns, or pass classes=",
    ),
    ("NaN", lambda: Subject.of(None, HALF * np.nan, Y), "^X must hold finite numbers, got 120 NaN: without a model"),
    (
        "more labels than columns",
        lambda: Subject.of(None, HALF, np.arange(N) % 3),
        "^labels must be 0…1, .* pass classes",
    ),
]

KIND = "^the model must be a fitted scikit-learn classifier .*, an ONNX model or session, a function .*, or None"
MODEL_CASES: list[Case] = [
    (
        "not fitted",
        lambda: Subject.of(LogisticRegression(), X, Y),
        "^the model must be fitted, got a LogisticRegression that",
    ),
    (
        "a pipeline that is not fitted",
        lambda: Subject.of(make_pipeline(StandardScaler(), LogisticRegression()), X, Y),
        "^the model must be fitted, got a Pipeline that is not: call fit first",
    ),
    (
        "a search that is not fitted",
        lambda: Subject.of(GridSearchCV(LogisticRegression(), {}), X, Y),
        "^the model must be fitted, got a GridSearchCV that is not: call fit first",
    ),
    (
        "a class",
        lambda: Subject.of(LogisticRegression, X, Y),
        "^the model must be a fitted estimator, got the class LogisticRegression: call it, then fit",
    ),
    ("a class of anything", lambda: Subject.of(dict, X, Y), KIND + " for a table of probabilities, got the class dict"),
    (
        "clusters",
        lambda: Subject.of(KMeans(2, n_init=1).fit(X), X, Y),
        "^the model must be .* detector, got KMeans",
    ),
    (
        "outliers",
        lambda: Subject.of(IsolationForest(n_estimators=3).fit(X), X, Y),
        r"^y beside an outlier detector must hold 1 for inliers and -1 for outliers, .*got \[0, 1\]: where 1 marks",
    ),
    (
        "novelties",
        lambda: Subject.of(LocalOutlierFactor(novelty=True).fit(X), X, Y),
        r"^y beside an outlier detector must hold 1 for inliers and -1 for outliers, .*got \[0, 1\]: where 1 marks",
    ),
    (
        "only a scaler",
        lambda: Subject.of(make_pipeline(StandardScaler()).fit(X), X, Y),
        KIND + ".* got a Pipeline that cannot",
    ),
    ("a path", lambda: Subject.of("model.skops", X, Y), KIND + " .* got an object of type str"),
    ("a number", lambda: Subject.of(5, X, Y), KIND + " .* got an object of type int"),
    (
        "a mapping of words",
        lambda: Subject.of({"model": "logistic"}, X, Y),
        "^each of several models must be a fitted model, got 'logistic'",
    ),
]


def check(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        make()
    assert len(str(caught.value)) < 400


def cases(found: list[Case]) -> Any:
    return pytest.mark.parametrize(("make", "message"), [c[1:] for c in found], ids=[c[0] for c in found])


@cases(TEXT_CASES)
def test_a_text_model_is_refused_by_name(make: Callable[[], Any], message: str) -> None:
    check(make, message)


@cases(SEVERAL_CASES)
def test_a_multi_label_or_multi_output_model_is_refused_by_name(make: Callable[[], Any], message: str) -> None:
    check(make, message)


@cases(SHAPE_CASES)
def test_a_wrong_shape_is_named_with_the_right_one(make: Callable[[], Any], message: str) -> None:
    check(make, message)


@cases(VALUE_CASES)
def test_missing_and_infinite_values_are_counted_and_located(make: Callable[[], Any], message: str) -> None:
    check(make, message)


@cases(LABEL_CASES)
def test_labels_that_do_not_go_with_the_model_are_named(make: Callable[[], Any], message: str) -> None:
    check(make, message)


@cases(COLUMN_CASES)
def test_a_column_that_does_not_fit_is_named(make: Callable[[], Any], message: str) -> None:
    check(make, message)


@cases(OPTION_CASES)
def test_an_option_that_does_not_fit_is_named_with_what_is_allowed(make: Callable[[], Any], message: str) -> None:
    check(make, message)


@cases(FUNCTION_CASES)
def test_a_function_that_answers_nonsense_is_refused(make: Callable[[], Any], message: str) -> None:
    check(make, message)


@cases(TABLE_CASES)
def test_a_table_that_holds_no_such_outputs_is_refused(make: Callable[[], Any], message: str) -> None:
    check(make, message)


@cases(MODEL_CASES)
def test_an_object_that_is_no_fitted_model_is_refused_by_name(make: Callable[[], Any], message: str) -> None:
    check(make, message)


def test_a_model_without_probabilities_is_no_error() -> None:
    subject = Subject.of(LinearSVC().fit(X, Y), X, Y)
    assert subject.outputs == "labels"
    assert np.array_equal(subject.predict(subject.X), np.eye(2)[LinearSVC().fit(X, Y).predict(X)])
    assert subject.fit is None


def test_a_batch_to_be_judged_may_hold_one_class_or_none() -> None:
    subject = Subject.of(logistic(), X, Y, X_new=X[:4], y_new=[1, 1, 1, 1])
    assert subject.y_new is not None
    assert subject.y_new.tolist() == [1, 1, 1, 1]
    assert Subject.of(logistic(), X, Y, X_new=X[:4]).y_new is None


def test_a_failed_subject_leaves_the_users_data_alone() -> None:
    rows, labels = X.copy(), Y.copy()
    with pytest.raises(ValueError, match="boom"):
        Subject.of(boom, rows, labels, X_train=rows, y_train=labels)
    assert np.array_equal(rows, X)
    assert rows.flags.writeable
    assert labels.flags.writeable
