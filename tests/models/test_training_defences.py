"""Models trained anew: on attacks, and so that the score may only rise or fall with a column."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import xrai_widgets as xw
from xrai_widgets.core import Cancelled, Step, Subject
from xrai_widgets.models.attack_loop import Reach
from xrai_widgets.models.networks import mlp
from xrai_widgets.results.as_code import expression
from xrai_widgets.results.compare import compare
from xrai_widgets.runtime import assess

QUICK: dict[str, Any] = {"epochs": 3, "steps": 2}


# --- monotone constraints ---------------------------------------------------------------------------------------------


def noisy_table() -> tuple[pd.DataFrame, Any]:
    """More income raises, and more debt lowers, the chance, in a sample so noisy that trees see bumps."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"income": rng.uniform(0, 10, 400), "debt": rng.uniform(0, 10, 400), "town": rng.choice(["a", "b"], 400)}
    )
    y = (X["income"] - X["debt"] + rng.normal(0, 4, 400) > 0).astype(int).to_numpy()
    return X, y


def boosted(library: str, name: str, **words: Any) -> Any:
    return lambda: getattr(pytest.importorskip(library), name)(n_estimators=30, random_state=0, **words)


def encoded(model: Any) -> Any:
    return make_pipeline(
        make_column_transformer((OneHotEncoder(), ["town"]), (StandardScaler(), ["debt"]), remainder="passthrough"),
        model,
    )


MODELS: dict[str, Any] = {
    "HistGradientBoosting": lambda: HistGradientBoostingClassifier(max_iter=30, random_state=0),
    "forest": lambda: RandomForestClassifier(20, random_state=0),
    "XGBoost": boosted("xgboost", "XGBClassifier", max_depth=4),
    "LightGBM": boosted("lightgbm", "LGBMClassifier", verbosity=-1),
    "CatBoost": boosted("catboost", "CatBoostClassifier", verbose=0, allow_writing_files=False, thread_count=1),
}


@pytest.mark.parametrize(
    ("name", "piped"),
    [
        ("HistGradientBoosting", True),
        ("XGBoost", False),
        ("LightGBM", False),
        ("CatBoost", False),
        *(pytest.param(name, name != "HistGradientBoosting", marks=pytest.mark.slow) for name in MODELS),
    ],
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_directions_are_violated_before_and_by_nobody_after(name: str, piped: bool) -> None:
    X, y = noisy_table()
    model = encoded(MODELS[name]()) if piped else MODELS[name]()
    X = X if piped else X[["income", "debt"]]
    model.fit(X[:200], y[:200])
    subject = Subject.of(model, X[200:], y[200:], X_train=X[:200], y_train=y[:200], name="credit")
    made = xw.defended(subject, "monotone constraints", rising="income", falling="debt")
    asked = {"rising": "income", "falling": "debt", "tolerance": 1e-6, "n_samples": 100}
    before, after = (assess(one, "robustness.expectations", strict=True, **asked) for one in (subject, made))

    def violations(outcome: Any) -> float:
        table = outcome.finding.tables["expectations"]
        return float(table.loc[table["expectation"].str.contains("not (?:fall|rise)"), "share"].max())

    assert violations(before) > 0.2
    assert violations(after) == 0
    table = compare(before, after).table()
    assert table.loc[table["subject"] == made.name, "reading"].iloc[0] == "lower, better"
    again = eval(expression(made.origin), {"xw": xw, "subject": subject})
    assert again.fingerprint == made.fingerprint
    assert made.fit is not None
    assert np.array_equal(made.fit(made.X_train, made.y_train, seed=None)(made.X), made.predict(made.X))
    params = model.get_params()
    assert all(not np.any(params[key]) for key in params if "monoton" in key and params[key] is not None), (
        "the user's own"
    )


def test_a_direction_beside_a_column_of_words_that_catboost_takes_itself() -> None:
    kind = pytest.importorskip("catboost").CatBoostClassifier
    X, y = noisy_table()
    words = {"verbose": 0, "allow_writing_files": False, "thread_count": 1, "random_state": 0}
    model = kind(iterations=20, cat_features=["town"], **words).fit(X[:200], y[:200])
    subject = Subject.of(model, X[200:], y[200:], X_train=X[:200], y_train=y[:200])
    made = xw.defended(subject, "monotone constraints", rising="income")
    grid = np.repeat(subject.X[:20], 30, axis=0)
    grid[:, 0] = np.tile(np.linspace(0, 10, 30), 20)
    falls = [np.diff(one.predict(grid)[:, 1].reshape(20, 30), axis=1).min() for one in (subject, made)]
    assert falls[0] < -0.01
    assert falls[1] >= -1e-12


def test_the_inside_of_a_constrained_forest_is_its_own() -> None:
    X, y = noisy_table()
    X = X[["income", "debt"]]
    subject = Subject.of(
        RandomForestClassifier(5, random_state=0).fit(X[:200], y[:200]),
        X[200:],
        y[200:],
        X_train=X[:200],
        y_train=y[:200],
    )
    made = xw.defended(subject, "monotone constraints", rising="income")
    assert made.thresholds is not None
    assert subject.thresholds is not None
    assert not np.array_equal(made.thresholds[0], subject.thresholds[0])
    finding = assess(made, "robustness.defence", strict=True, n_samples=10, max_iter=1, queries=100).finding
    assert finding is not None
    assert finding.notes[0].startswith("Monotone in income: ")


def test_a_regression_rises_too() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (300, 2))
    y = X[:, 0] + rng.normal(0, 1, 300)
    model = HistGradientBoostingRegressor(max_iter=30, random_state=0).fit(X[:200], y[:200])
    subject = Subject.of(model, X[200:], y[200:], X_train=X[:200], y_train=y[:200])
    made = xw.defended(subject, "monotone constraints", rising="x0")
    grid = np.column_stack([np.linspace(0, 1, 200), np.full(200, 0.5)])
    assert np.diff(subject.predict(grid)).min() < 0
    assert np.diff(made.predict(grid)).min() >= 0


def test_a_column_that_enters_upside_down_gets_the_other_sign() -> None:
    X, y = noisy_table()
    X = X[["income", "debt"]]
    turned = make_pipeline(
        FunctionTransformer(np.negative), HistGradientBoostingClassifier(max_iter=20, random_state=0)
    )
    subject = Subject.of(turned.fit(X[:200], y[:200]), X[200:], y[200:], X_train=X[:200], y_train=y[:200])
    made = xw.defended(subject, "monotone constraints", rising="income")
    grid = np.column_stack([np.linspace(0, 10, 200), np.full(200, 5.0)])
    score = made.predict(grid)[:, 1]
    assert np.diff(score).min() >= 0
    assert score[-1] > score[0] + 0.2, "with the wrong sign it would not move at all"


def test_what_cannot_be_constrained_is_named() -> None:
    X, y = noisy_table()
    rows = slice(0, 200)
    words = {"X_train": X[rows], "y_train": y[rows], "name": "credit"}
    made = Subject.of(
        encoded(HistGradientBoostingClassifier(max_iter=5)).fit(X[rows], y[rows]), X[200:], y[200:], **words
    )
    with pytest.raises(ValueError, match=r"must name columns such as income, debt, town, got 'incom'"):
        xw.defended(made, "monotone constraints", rising="incom")
    with pytest.raises(ValueError, match="'town' holds categories"):
        xw.defended(made, "monotone constraints", rising="town")
    with pytest.raises(ValueError, match="'debt' is named in rising and in falling"):
        xw.defended(made, "monotone constraints", rising="debt", falling="debt")
    with pytest.raises(ValueError, match="no column is named"):
        xw.defended(made, "monotone constraints")
    bent = make_pipeline(FunctionTransformer(lambda X: (X - 5) ** 2), HistGradientBoostingClassifier(max_iter=5))
    numbers = X[["income", "debt"]]
    other = Subject.of(bent.fit(numbers[rows], y[rows]), numbers[200:], y[200:], X_train=numbers[rows], y_train=y[rows])
    with pytest.raises(ValueError, match="'debt' does not enter the trees as one number that rises or falls with it"):
        xw.defended(other, "monotone constraints", rising="debt")
    straight = LogisticRegression().fit(numbers[rows], y[rows])
    linear = Subject.of(straight, numbers[200:], y[200:], X_train=numbers[rows], y_train=y[rows])
    with pytest.raises(ValueError, match="are for trees, forests and boosting"):
        xw.defended(linear, "monotone constraints", rising="debt")
    three = HistGradientBoostingClassifier(max_iter=5).fit(numbers[rows], y[rows] + (numbers["debt"][rows] > 5))
    many = Subject.of(
        three, numbers[200:], y[200:], X_train=numbers[rows], y_train=y[rows] + (numbers["debt"][rows] > 5)
    )
    with pytest.raises(ValueError, match="this model tells 3 classes apart"):
        xw.defended(many, "monotone constraints", rising="debt")


# --- adversarial training ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits() -> Subject:
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = (X[order] / 16).astype(np.float32), y[order]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = mlp(64, [32], 10, standardize=False)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
        rows, labels = torch.as_tensor(X[:800]), torch.as_tensor(y[:800])
        for _ in range(20):
            for batch in torch.randperm(800).split(64):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(net(rows[batch]), labels[batch]).backward()
                optimizer.step()
    words = {"X_train": X[:800], "y_train": y[:800], "bounds": (0.0, 1.0), "image_shape": (8, 8), "name": "net"}
    return Subject.of(net.eval(), X[1200:], y[1200:], **words)


def test_training_on_attacks_really_gains_and_the_price_is_shown(digits: Subject) -> None:
    made = xw.defended(digits, "adversarial training", epsilon=0.12, epochs=10, steps=3)
    params = {
        "norm": "linf",
        "epsilon": 0.12,
        "n_samples": 40,
        "max_iter": 1,
        "restarts": 1,
        "queries": 300,
        "steps": 20,
    }
    finding = assess(made, "robustness.defence", strict=True, **params).finding
    assert finding is not None
    assert finding.intervals["gain"][0] > 0.05
    low, high = finding.intervals["accuracy_cost"]
    right = [(one.predict(one.X).argmax(axis=1) == one.y).mean() for one in (digits, made)]
    assert low < right[0] - right[1] < high
    assert finding.values["accuracy_cost"] == pytest.approx(right[0] - right[1])
    assert made.gradient is not None
    assert made.notes == digits.notes, "its gradient is its own"


def test_training_in_the_norm_of_the_attack_gains_most_there(digits: Subject) -> None:
    """A training in l2 of the same size in the mean gains more in l2 than in the largest change."""
    words = {"epochs": 8, "steps": 3, "norm": "l2"}
    made = xw.defended(digits, "adversarial training", epsilon=0.8, **words)
    assert made.name == "net · adversarially trained, ε 0.8 (l2), 8 epochs, seed 0"
    before, after = (l2_stands(one, 0.8) for one in (digits, made))
    assert after > before + 0.15


def l2_stands(subject: Subject, epsilon: float) -> float:
    """Return the share of samples that plain steps along the gradient, of length 1, leave right."""
    assert subject.gradient is not None
    X, y = subject.X[:150], subject.y[:150]
    points = X.copy()
    for _ in range(15):
        slope = subject.gradient(points, y).reshape(len(X), -1)
        change = (points - X).reshape(len(X), -1) + epsilon / 5 * slope / np.linalg.norm(slope, axis=1, keepdims=True)
        change *= np.minimum(1, epsilon / np.linalg.norm(change, axis=1, keepdims=True))
        points = np.clip(X + change.reshape(X.shape), 0, 1).astype(X.dtype)
    return float((subject.predict(points).argmax(axis=1) == y).mean())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_what_a_training_makes_of_samples_lies_in_the_ball_and_in_the_limits(norm: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (40, 5)) * [1, 10, 1, 1, 1]
    y = (X[:, 0] > 0.5).astype(int)
    limits = {"x2": {"immutable": True}, "x3": {"monotone": 1}, "x1": {"range": (0, 10)}}
    subject = Subject.of(LogisticRegression().fit(X, y), X, y, constraints=limits)
    assert subject.bounds is not None
    reach = Reach.of(subject, 0.2, norm)
    weights = np.array([1.0, -0.02, 2.0, -0.1, 0.5])
    made = reach.attacked(lambda rows, _: np.tile(weights, (len(rows), 1)), X, y, 8, rng)
    change = (made - X) / (subject.bounds[1] - subject.bounds[0])
    size = np.abs(change).max(axis=1) if norm == "linf" else np.linalg.norm(change, axis=1)
    assert size.max() <= 0.2 + 1e-9
    assert (change[:, 2] == 0).all()
    assert (change[:, 3] >= 0).all()
    assert ((made >= subject.bounds[0] - 1e-9) & (made <= subject.bounds[1] + 1e-9)).all()
    # of a linear loss the best change is known, where no limit is in its way
    steep = weights * (subject.bounds[1] - subject.bounds[0]) * [1, 1, 0, 0, 1]
    best = 0.2 * (np.sign(steep) if norm == "linf" else steep / np.linalg.norm(steep))
    if norm == "linf":
        low, high = subject.bounds
        exact = np.clip(X + best * (high - low), low, high)
        assert np.allclose(made[:, [0, 1, 4]], exact[:, [0, 1, 4]])
    else:
        free = (np.abs(X / [1, 10, 1, 1, 1] - 0.5) < 0.25).all(axis=1)
        assert (change @ steep)[free].min() >= 0.97 * best @ steep


def test_the_training_is_seeded_leaves_the_generators_and_the_users_module_alone(digits: Subject) -> None:
    before = digits.predict(digits.X)
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    one, same = (xw.defended(digits, "adversarial training", **QUICK) for _ in range(2))
    other = xw.defended(digits, "adversarial training", **QUICK, seed=1)
    assert torch.equal(state, torch.random.get_rng_state())
    assert np.array_equal(digits.predict(digits.X), before)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    fit = pickle.loads(pickle.dumps(one.fit))
    assert np.allclose(fit(one.X_train, one.y_train, seed=0)(one.X), one.predict(one.X)), "refits are trained alike"
    few = fit(one.X_train[:100], one.y_train[:100], seed=0)  # type: ignore[index]
    assert not np.allclose(few(one.X), one.predict(one.X)), "and know nothing of other samples"


def test_the_training_can_be_cancelled_and_says_how_far_it_is(digits: Subject) -> None:
    class Stops(Step):
        shares: list[float] = []  # noqa: RUF012 - of this one test

        def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
            self.shares.append(done)
            if done > 0.3:
                raise Cancelled("enough")

    with pytest.raises(Cancelled):
        xw.defended(digits, "adversarial training", step=Stops(), **QUICK)
    assert Stops.shares == sorted(Stops.shares)
    assert len(Stops.shares) > 10


@pytest.mark.parametrize("piped", [pytest.param(False, marks=pytest.mark.slow), True], ids=["alone", "behind a scaler"])
def test_an_mlp_is_trained_on_attacks_too(digits: Subject, piped: bool) -> None:
    assert digits.X_train is not None
    assert digits.y_train is not None
    X, y = digits.X_train[:400], digits.y_train[:400]
    flat, held = X.reshape(len(X), -1).astype(float), digits.X.reshape(len(digits.X), -1).astype(float)
    net = MLPClassifier((32,), max_iter=300, tol=1e-2, n_iter_no_change=3, random_state=0)
    model = make_pipeline(StandardScaler(with_std=False), net) if piped else net
    words = {"X_train": flat, "y_train": y, "bounds": (0.0, 1.0), "name": "net"}
    limits = {f"x{i}": {"kind": "continuous"} for i in range(64)}
    subject = Subject.of(model.fit(flat, y), held, digits.y, constraints=limits, **words)
    made = xw.defended(subject, "adversarial training", epsilon=0.1, epochs=15, steps=3, learning_rate=0.01)
    stands = [pgd_stands(one, 0.1) for one in (subject, made)]
    assert stands[1] > stands[0] + 0.15
    assert made.fit is not None
    again = pickle.loads(pickle.dumps(made.fit))(made.X_train, made.y_train, seed=0)
    assert np.allclose(again(made.X), made.predict(made.X))
    assert np.allclose(subject.predict(held), model.predict_proba(held)), "the user's own is as it was"


def pgd_stands(subject: Subject, epsilon: float) -> float:
    """Return the share of samples that plain steps along the sign of the gradient leave right."""
    assert subject.gradient is not None
    X, y = subject.X[:150], subject.y[:150]
    points = X.copy()
    for _ in range(15):
        points = np.clip(points + epsilon / 5 * np.sign(subject.gradient(points, y)), X - epsilon, X + epsilon)
        points = np.clip(points, 0, 1)
    return float((subject.predict(points).argmax(axis=1) == y).mean())


def test_what_cannot_be_trained_on_attacks_is_named(digits: Subject, logistic: Subject) -> None:
    with pytest.raises(ValueError, match="is for torch modules and MLPs that classify"):
        xw.defended(logistic, "adversarial training")
    rows, labels = logistic.X[:100], logistic.y[:100]
    whole = MLPClassifier((2,), solver="lbfgs", max_iter=1000).fit(rows, labels)
    at_once = Subject.of(whole, rows, labels, X_train=rows, y_train=labels)
    with pytest.raises(ValueError, match="needs 'adam' or 'sgd'"):
        xw.defended(at_once, "adversarial training")

    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.last = torch.nn.Parameter(torch.ones(64)), torch.nn.Linear(64, 10)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.last(rows.flatten(1) * self.weight)
            return made

    words = {"X_train": digits.X_train, "y_train": digits.y_train}
    odd = Subject.of(Scaled(), digits.X, digits.y, **words)
    with pytest.raises(ValueError, match="the weights of Scaled cannot be drawn anew: it has no reset_parameters"):
        xw.defended(odd, "adversarial training")
    alone = Subject.of(mlp(64, [8], 10, standardize=False).eval(), digits.X, digits.y)
    with pytest.raises(ValueError, match="needs the training samples"):
        xw.defended(alone, "adversarial training")
