"""Contrastive explanations against closed forms, brute force, the models' own answers, and AIX360."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import xrai_widgets as xw
from xrai_widgets.core import Array, Constraint, Names, Subject
from xrai_widgets.engines.explanations import cem
from xrai_widgets.models.adapted import softmax
from xrai_widgets.models.differentiable import Differentiable as Layers

pytestmark = pytest.mark.usefixtures("without_controls")

REFERENCE = Path(__file__).parent / "cem_reference.npz"
KEEP: dict[str, Any] = {"noise": 0.0}
IDS = ["PN", "PP"]


def explain(subject: Subject, **params: object) -> xw.Finding:
    outcome = xw.assess(subject, "explanations.cem", strict=True, **(KEEP | params))
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def bare(predict: Callable[[Array], Array], X: Array, **others: Any) -> xw.Finding:
    """Explain a function on the unit cube."""
    bounds = np.repeat([[0.0], [1.0]], X.shape[1], axis=1)
    return cem(predict, X, predict(X).argmax(axis=1), **({"bounds": bounds} | KEEP | others))


def iris() -> Subject:
    X, y = load_iris(return_X_y=True)
    X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    return xw.Subject.of(LogisticRegression(C=10).fit(X, y), X, y, X_train=X, y_train=y, bounds=(0.0, 1.0))


def crossing(normal: Array, need: float, low: Array, high: Array, beta: float) -> float:
    """The smallest β‖δ‖₁ + ‖δ‖₂² that gains ``need``: the multiplier of the plane found by bisection."""

    def change(c: float) -> Array:
        size = np.maximum(np.abs(c * normal) - beta, 0) / 2
        return np.clip(np.sign(normal) * size, low, high)

    if need <= 0:
        return 0.0
    if normal @ np.where(normal > 0, high, low) < need:
        return np.inf
    c = brentq(lambda c: float(normal @ change(c)) - need, 0, 1e9, xtol=1e-14, rtol=1e-14)
    delta = change(c)
    return float(beta * np.abs(delta).sum() + (delta**2).sum())


@pytest.mark.parametrize("beta", [0.0, 0.1, 1.0])
def test_the_pn_of_a_linear_model_is_the_closed_form(beta: float) -> None:
    subject = iris()
    finding = explain(subject, n_samples=150, mode="PN", beta=beta, kappa=0.5)
    weights, bias = subject.model.coef_, subject.model.intercept_  # type: ignore[attr-defined]
    scores = subject.X @ weights.T + bias
    samples = finding.tables["samples"].set_index("id")
    for row, x in enumerate(subject.X):
        label = scores[row].argmax()
        wanted = min(
            crossing(weights[j] - weights[label], 0.5 + scores[row, label] - scores[row, j], -x, 1 - x, beta)
            for j in range(3)
            if j != label
        )
        assert samples.loc[row, "pn_objective"] == pytest.approx(wanted, rel=1e-6, abs=1e-7)


def test_the_pp_of_a_linear_model_of_two_classes_is_the_closed_form(logistic: Subject) -> None:
    finding = explain(logistic, n_samples=40, mode="PP", kappa=0.3)
    assert logistic.logits is not None
    weights = logistic.model.coef_[0]  # type: ignore[attr-defined]
    origins, X = finding.arrays["baseline"], finding.arrays["original"]
    scores, start = logistic.logits(X), logistic.logits(origins)
    found = finding.tables["samples"]
    for row, x in enumerate(X):
        label = scores[row].argmax()
        normal = weights if label == 1 else -weights
        low, high = np.minimum(0, x - origins[row]), np.maximum(0, x - origins[row])
        wanted = crossing(normal, 0.3 - (start[row, label] - start[row, 1 - label]), low, high, 0.1)
        got = found.loc[row, "pp_objective"] if found.loc[row, "pp_status"] == "found" else np.inf
        assert got == pytest.approx(wanted, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("mode", IDS)
def test_gradients_find_what_is_optimal_for_a_linear_model(mode: str, logistic: Subject) -> None:
    subject = iris() if mode == "PN" else logistic
    key = f"{mode.lower()}_objective"
    exact = explain(subject, n_samples=60, mode=mode).tables["samples"][key]
    descent = explain(subject, n_samples=60, mode=mode, search="gradient", max_iter=200).tables["samples"][key]
    assert exact.notna().sum() >= 50
    assert np.allclose(descent, exact, rtol=1e-4, atol=1e-6, equal_nan=True)


def test_the_pn_and_pp_of_a_tree_are_the_best_of_all_points() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random((300, 2)), rng.integers(0, 6, 300)]).astype(np.float64)
    y = ((X[:, 0] > 0.4) ^ (X[:, 1] > 0.6) ^ (X[:, 2] > 2)).astype(int)
    tree = DecisionTreeClassifier(max_depth=5, random_state=0).fit(X, y)
    whole = {"x2": Constraint("integer")}
    subject = xw.Subject.of(tree, X[:30], y[:30], X_train=X, y_train=y, constraints=whole)
    assert subject.regions is not None
    finding = explain(subject, n_samples=30, kappa=0.0)
    assert subject.bounds is not None
    span = np.ptp(subject.bounds, axis=0)
    marks = [tree.tree_.threshold[tree.tree_.feature == c] for c in range(3)]
    marks = [np.r_[m - 1e-6, m + 1e-6] for m in marks[:2]] + [np.arange(6.0)]
    arrays, table = finding.arrays, finding.tables["samples"]
    for row, x in enumerate(arrays["original"]):
        label = subject.predict(x[None]).argmax()
        for mode, origin in (("pn", x), ("pp", arrays["baseline"][row])):
            # brute force: every combination of values beside the thresholds, and the origin's and the instance's own
            grid = np.array(list(product(*[np.r_[m, origin[c], x[c]] for c, m in enumerate(marks)])))
            low, high = subject.bounds if mode == "pn" else (np.minimum(origin, x), np.maximum(origin, x))
            grid = grid[((grid >= low) & (grid <= high)).all(axis=1)]
            good = grid[(subject.predict(grid).argmax(axis=1) == label) == (mode == "pp")]
            size = np.abs(good - origin) / span
            best = (0.1 * size + size**2).sum(axis=1).min()
            assert table.loc[row, f"{mode}_objective"] == pytest.approx(best, abs=2e-5)


@pytest.fixture(scope="module")
def boosted() -> Subject:
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(X, y)
    return xw.Subject.of(model, X, y, X_train=X, y_train=y)


@pytest.mark.parametrize("name", ["logistic", "forest", "credit", "digits", "boosted"])
def test_every_pn_changes_the_answer_and_every_pp_keeps_it(name: str, request: pytest.FixtureRequest) -> None:
    subject: Subject = request.getfixturevalue(name)
    finding = explain(subject, n_samples=10, max_iter=50)
    answer = subject.predict(finding.arrays["original"]).argmax(axis=1)
    names = [str(label) for label in subject.classes]
    for mode in ("pn", "pp"):
        done = finding.arrays[f"{mode}_found"]
        assert done.sum() >= 8
        becomes = subject.predict(finding.arrays[mode]).argmax(axis=1)
        assert ((becomes == answer)[done] == (mode == "pp")).all()
        said = finding.tables["samples"].loc[done, f"{mode}_class"]
        assert said.tolist() == [names[c] for c in becomes[done]]
    assert finding.values["validity"] == 1.0


def test_the_answer_leads_by_kappa(digits: Subject) -> None:
    assert digits.logits is not None
    finding = explain(digits, n_samples=10, max_iter=50, kappa=2.0)
    original = digits.logits(finding.arrays["original"]).argmax(axis=1)
    rows = np.arange(len(original))
    for mode, sign in (("pn", 1), ("pp", -1)):
        scores = digits.logits(finding.arrays[mode])
        own = scores[rows, original]
        scores[rows, original] = -np.inf
        lead = sign * (scores.max(axis=1) - own)
        done = finding.arrays[f"{mode}_found"]
        assert done.sum() >= 8
        assert (lead[done] >= 2.0).all()
        assert np.allclose(finding.tables["samples"][f"{mode}_margin"], lead)


@pytest.mark.parametrize("name", ["digits", "credit", "forest"])
def test_a_pp_lies_between_the_baseline_and_the_instance(name: str, request: pytest.FixtureRequest) -> None:
    arrays = explain(request.getfixturevalue(name), n_samples=8, mode="PP", max_iter=50, kappa=0.2).arrays
    low, high = (side(arrays["baseline"], arrays["original"]) for side in (np.minimum, np.maximum))
    assert (arrays["pp"] >= low).all()
    assert (arrays["pp"] <= high).all()
    assert (arrays["pp"] != arrays["original"]).any()


def test_in_classic_mode_a_pn_only_adds(digits: Subject) -> None:
    adding = explain(digits, n_samples=8, mode="PN", max_iter=50, kappa=0.2).arrays
    free = explain(digits, n_samples=8, mode="PN", max_iter=50, kappa=0.2, classic=False).arrays
    assert (adding["pn"] >= adding["original"] - 1e-9).all()
    assert (free["pn"] < free["original"] - 0.01).any()


@pytest.mark.parametrize("mode", IDS)
def test_the_objective_is_that_of_aix360_or_lower(mode: str) -> None:
    given = np.load(REFERENCE)
    layers = Layers(
        tuple(given[f"w{i}"].astype(float) for i in range(3)),
        tuple(given[f"b{i}"].astype(float) for i in range(3)),
        "relu",
    )
    X, labels, key = given["X"].reshape(-1, 1, 8, 8), given["labels"], mode.lower()
    finding = cem(
        lambda Z: softmax(layers.logits(Z)),
        X,
        labels,
        np.repeat([[0.0], [1.0]], 64, axis=1),
        logits=layers.logits,
        gradient=layers.gradient,
        mode=mode,  # type: ignore[arg-type]
        n_samples=len(X),
        kappa=float(given["kappa"]),
        beta=float(given["beta"]),
        c=float(given["c"]),
        max_iter=int(given["max_iter"]),
        binary_steps=int(given["binary_steps"]),
        noise=0.0,
    )
    theirs = given[key] - (given["X"] if mode == "PN" else 0.0)
    ours = finding.arrays[key].reshape(len(X), -1) - (given["X"] if mode == "PN" else 0.0)
    told = [0.1 * np.abs(delta).sum(axis=1) + (delta**2).sum(axis=1) for delta in (ours, theirs)]
    answers = layers.logits(finding.arrays[key]).argmax(axis=1)
    assert ((answers == labels) == (mode == "PP")).all()
    assert np.allclose(told[0], finding.tables["samples"][f"{key}_objective"])
    assert np.allclose(told[1], given[f"{key}_objective"])
    ratio = told[0] / told[1]
    assert np.median(ratio) <= 1.0
    assert np.mean(ratio <= (1.10 if mode == "PN" else 1.05)) >= 0.95


@pytest.mark.parametrize("search", ["automatic", "coordinate"])
def test_only_features_that_the_model_reads_are_named(search: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.random((60, 8))

    def predict(Z: Array) -> Array:
        lead = 6 * (Z[:, 2] * Z[:, 5] - 0.25)
        return softmax(np.column_stack([np.zeros(len(Z)), lead]))

    finding = bare(predict, X, n_samples=60, search=search)
    assert finding.values["pn_share"] == 1.0
    assert set(finding.tables["features"]["feature"]) == {"x2", "x5"}
    assert set(finding.tables["rows"]["feature"]) == {"x2", "x5"}


def test_a_model_with_one_answer_has_no_pn_and_no_distance() -> None:
    X = np.random.default_rng(0).random((20, 4))
    finding = bare(lambda Z: np.tile([0.9, 0.1], (len(Z), 1)), X)
    samples = finding.tables["samples"]
    assert finding.values["pn_share"] == 0.0
    assert finding.values["pp_share"] == 1.0
    assert "median_pn_distance" not in finding.values
    assert (samples["pn_status"] == "not found").all()
    assert samples[["pn_distance", "pn_objective", "pn_changed"]].isna().all(axis=None)
    assert any("for all samples looked at" in note for note in finding.notes)
    assert any("nearest attempt" in note for note in finding.notes)


def test_not_found_within_the_ranges_keeps_the_nearest_attempt() -> None:
    X = np.column_stack([np.linspace(0, 0.4, 9), np.full(9, 0.5)])

    def predict(Z: Array) -> Array:
        return softmax(np.column_stack([np.zeros(len(Z)), 10 * (Z[:, 0] - 0.7)]))

    wide = bare(predict, X, mode="PN")
    tight = bare(predict, X, mode="PN", bounds=np.array([[0.0, 0.0], [0.45, 1.0]]))
    assert wide.values["pn_share"] == 1.0
    assert tight.values["pn_share"] == 0.0
    assert np.allclose(tight.arrays["pn"][:, 0], 0.45), "as near to the other answer as the range allows"
    assert (tight.tables["samples"]["pn_margin"] < 0).all()


def test_an_id_that_no_sample_has_is_named(credit: Subject) -> None:
    chosen = [str(name) for name in credit.ids[[3, 1]]]
    finding = explain(credit, instances=", ".join(chosen), mode="PP")
    assert finding.tables["samples"]["id"].tolist() == chosen
    with pytest.raises(ValueError, match=r"instances must be ids of the samples, such as applicant-.*got 'nobody'"):
        explain(credit, instances="nobody")


def test_a_constraint_of_an_unknown_column_is_named() -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    with pytest.raises(ValueError, match="constraints name the column 'petal'; allowed: sepal length"):
        xw.Subject.of(model, X, y, constraints={"petal": Constraint(immutable=True)})


def test_a_class_that_the_model_never_answers_is_named() -> None:
    X = np.random.default_rng(0).random((30, 3))

    def predict(Z: Array) -> Array:
        return softmax(np.column_stack([4 * Z[:, 0], 2 * np.ones(len(Z)), np.full(len(Z), -9.0)]))

    bounds = np.repeat([[0.0], [1.0]], 3, axis=1)
    finding = cem(predict, X, np.full(30, 2), bounds, naming=Names(classes=("a", "b", "c")), noise=0.0)
    assert any("predicts 'c' for none of the samples" in note for note in finding.notes)
    assert set(finding.tables["samples"]["answer"]) == {"a", "b"}
    assert finding.values["validity"] == 1.0


def test_noise_of_no_consequence_leaves_the_changed_features_alone(logistic: Subject) -> None:
    finding = explain(logistic, n_samples=20, mode="PN", noise=1e-6)
    table = finding.tables["stability"]
    assert finding.values["stability"] == 1.0
    assert table["same"].all()
    wild = explain(logistic, n_samples=20, mode="PN", noise=0.3)
    assert wild.values["stability"] < 1.0
    assert set(wild.tables["stability"]["status"]) <= {"compared", "the noise alone changes the answer", "not found"}


def test_an_answer_that_the_noise_alone_changes_is_not_compared() -> None:
    X = np.linspace(0.49, 0.51, 40)[:, None] * [1.0, 0.3]

    def predict(Z: Array) -> Array:
        return softmax(np.column_stack([np.zeros(len(Z)), 20 * (Z[:, 0] - 0.5)]))

    finding = bare(predict, X, n_samples=40, mode="PN", noise=0.02)
    table = finding.tables["stability"]
    turned = table["status"] == "the noise alone changes the answer"
    assert 5 < turned.sum() < 35
    assert table["overlap"].isna().equals(turned)
    assert finding.counts["stability"] == 40 - turned.sum()


@pytest.mark.parametrize("name", ["forest", "credit"])
def test_no_single_change_of_a_sparse_search_can_be_taken_back(name: str, request: pytest.FixtureRequest) -> None:
    subject: Subject = request.getfixturevalue(name)
    finding = explain(subject, n_samples=12, mode="PN", kappa=0.0)
    original, changed = finding.arrays["original"], finding.arrays["pn"]
    several = 0
    for before, after in zip(original, changed, strict=True):
        different = np.flatnonzero(before != after)
        less = np.tile(after, (len(different), 1))
        less[np.arange(len(different)), different] = before[different]
        answers = subject.predict(np.vstack([before, less])).argmax(axis=1)
        assert (answers[1:] == answers[0]).all()
        several += len(different) > 1
    assert several >= 2


def test_the_descent_alone_comes_close_to_the_optimum_of_a_linear_model(monkeypatch: pytest.MonkeyPatch) -> None:
    search = importlib.import_module("xrai_widgets.engines.explanations.cem.search")
    subject = iris()
    exact = explain(subject, n_samples=60, mode="PN").tables["samples"]["pn_objective"]
    for name in ("approach", "polish", "trim"):
        monkeypatch.setattr(search, name, lambda *_, **__: None)
    descent = explain(subject, n_samples=60, mode="PN", search="gradient").tables["samples"]["pn_objective"]
    assert np.median(descent / exact) < 1.01
    assert np.quantile(descent / exact, 0.9) < 1.05


@pytest.mark.parametrize("name", ["digits", "forest"])
def test_a_few_samples_at_a_time_are_explained_as_all_at_once(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject: Subject = request.getfixturevalue(name)
    params = {"n_samples": 5, "max_iter": 40, "kappa": 0.2}
    whole = explain(subject, **params).tables["samples"]
    engine = importlib.import_module("xrai_widgets.engines.explanations.cem.cem")
    means, parts = engine.Means, []

    def narrow(**fields: Any) -> Any:
        parts.append(fields["rows"])
        return means(**fields | {"rows": 18, "budget": replace(fields["budget"], rows=1000)})

    monkeypatch.setattr(engine, "Means", narrow)
    pieces = explain(subject, **params).tables["samples"]
    assert parts[0] > 1000
    numbers = whole.select_dtypes("number").columns
    assert np.allclose(pieces[numbers], whole[numbers], rtol=1e-5, atol=1e-8, equal_nan=True)
    assert pieces["pn_class"].equals(whole["pn_class"])


def test_a_cancelled_search_keeps_what_it_found(forest: Subject) -> None:
    outcome = xw.assess(forest, "explanations.cem", n_samples=100, max_queries=60_000)
    assert outcome.status == "cancelled"
    assert outcome.finding is not None
    samples = outcome.finding.tables["samples"]
    found = samples[samples["pn_status"] == "found"]
    assert len(found)
    assert (found["pn_distance"] > 0).all()
    untouched = samples[samples["pp_status"] == "not looked for"]
    assert len(untouched)
    assert outcome.finding.counts["pn_share"] == (samples["pn_status"] != "not looked for").sum()


def test_gradient_and_coordinate_search_agree_on_what_is_near(digits: Subject) -> None:
    smooth, black = (
        explain(digits, n_samples=6, mode="PN", kappa=0.2, max_iter=100, search=search).tables["samples"]
        for search in ("gradient", "coordinate")
    )
    assert (black["pn_status"] == "found").all()
    assert (smooth["pn_objective"] <= black["pn_objective"] * 1.02).mean() >= 0.8


def test_a_larger_beta_changes_fewer_features(digits: Subject) -> None:
    few, many = (
        explain(digits, n_samples=8, mode="PN", kappa=0.2, max_iter=100, beta=beta).values["pn_sparsity"]
        for beta in (1.0, 0.01)
    )
    assert few < 0.7 * many


def test_the_rows_speak_the_users_units_and_say_what_the_arrays_say(credit: Subject) -> None:
    finding = explain(credit, n_samples=6, mode="PN")
    assert credit.decode is not None
    before, after = (credit.decode(finding.arrays[name]) for name in ("original", "pn"))
    samples, rows = finding.tables["samples"], finding.tables["rows"]
    for number, sample in enumerate(samples["id"]):
        said = rows[rows["id"] == sample].set_index("feature")
        different = [name for name in before if before[name].iloc[number] != after[name].iloc[number]]
        assert set(said.index) == set(different)
        assert len(different) == samples["pn_changed"].iloc[number]
        for name in different:
            assert said.loc[name, "from"] == str(before[name].iloc[number])
            assert said.loc[name, "to"] == str(after[name].iloc[number])
    assert {"age", "personal_status_sex", "foreign_worker"}.isdisjoint(rows["feature"])


def test_the_values_are_means_of_the_contributions(credit: Subject) -> None:
    finding = explain(credit, n_samples=6)
    shares = finding.tables["contributions"]
    for key in ("pn_share", "pp_share"):
        assert finding.values[key] == pytest.approx(shares[key].mean())
    assert isinstance(shares, pd.DataFrame)


def test_the_nearest_attempt_stands_in_the_rows_and_is_called_one() -> None:
    def predict(X: Array) -> Array:
        second = 0.2 + 0.2 * X[:, 0]
        return np.column_stack([1 - second, second])

    finding = bare(predict, np.array([[0.25, 0.5], [0.5, 0.5]]), mode="PN", n_samples=2)
    rows = finding.tables["rows"]
    assert finding.tables["samples"]["pn_status"].tolist() == ["not found"] * 2
    assert rows["status"].tolist() == ["not found"] * 2
    assert rows["feature"].tolist() == ["x0", "x0"]
    assert rows["to"].astype(float).tolist() == pytest.approx([1.0, 1.0])
    assert rows["original"].tolist() == rows["from"].tolist() == ["0.25", "0.5"]


def test_the_sizes_of_changes_add_up_to_the_distances(credit: Subject) -> None:
    finding = explain(credit, n_samples=6, seed=1)
    samples = finding.tables["samples"]
    for key in ("pn", "pp"):
        sizes = finding.arrays[f"{key}_change"]
        done = finding.arrays[f"{key}_found"]
        assert (sizes > 0).sum(axis=1)[done].tolist() == samples[f"{key}_changed"][done].tolist()
        assert np.allclose(np.linalg.norm(sizes, axis=1)[done], samples[f"{key}_distance"][done], atol=1e-6)
    rows = finding.tables["rows"]
    kept = rows[rows["mode"] == "PP"]
    assert set(kept["status"]) == {"found"}
    own = [str(name) for name in kept["original"]]
    assert credit.decode is not None
    frame = credit.decode(finding.arrays["original"]).set_index(samples["id"].to_numpy())
    assert own == [str(frame.loc[row["id"], row["feature"]]) for _, row in kept.iterrows()]
