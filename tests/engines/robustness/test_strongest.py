"""All attacks that fit within a budget: none sees another, the union is what it says, what does not fit says why."""

import importlib
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import xrai_widgets as xw
from xrai_widgets.core import Array, Subject, find
from xrai_widgets.engines.robustness import evasion
from xrai_widgets.engines.robustness.evasion.attacks import ATTACKS, fixed_list
from xrai_widgets.engines.robustness.evasion.ground import Kind

pytestmark = pytest.mark.usefixtures("without_controls")
gate = importlib.import_module("xrai_widgets.engines.robustness.evasion.attacks")
KINDS: tuple[Kind, ...] = get_args(Kind)


@pytest.fixture(scope="module")
def network() -> Subject:
    """Four classes, gradients, no closed form."""
    X, y = make_classification(
        300, 6, n_informative=5, n_redundant=0, n_classes=4, n_clusters_per_class=1, random_state=0
    )
    model = MLPClassifier((16,), max_iter=2000, random_state=0).fit(X[:200], y[:200])
    return Subject.of(model, X[200:], y[200:], X_train=X[:200], y_train=y[:200])


@pytest.fixture(scope="module")
def forest_of_ten() -> Subject:
    X, y = make_classification(300, 8, n_informative=6, n_redundant=0, random_state=1)
    model = RandomForestClassifier(10, max_depth=5, random_state=0).fit(X[:200], y[:200])
    return Subject.of(model, X[200:], y[200:], X_train=X[:200], y_train=y[:200])


def attack(subject: Subject, **params: Any) -> xw.Finding:
    outcome = xw.assess(subject, "robustness.evasion", strict=True, **{"n_samples": 8, "queries": 5_000, **params})
    assert outcome.finding is not None, outcome.reason
    return outcome.finding


def rows(finding: xw.Finding) -> pd.DataFrame:
    return finding.tables["attacks"].set_index("attack")


def distances(finding: xw.Finding) -> Array:
    table = finding.tables["samples"]
    return table[table["status"] != "answered wrongly before"]["distance"].fillna(np.inf).to_numpy(float)


def test_the_choices_of_the_signature_are_the_attacks_of_the_gate() -> None:
    (parameter,) = [p for p in find("robustness.evasion").parameters if p.name == "attack"]
    names = {attack.name for attack in ATTACKS} - {"searches"}
    assert set(parameter.choices) == names | {"strongest"}
    assert parameter.default == "strongest"
    steep = {attack.name for attack in ATTACKS if "gradient" in attack.needs}
    assert {mark.choice for mark in parameter.requires if mark.field == "gradient"} == steep


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_of_each_kind_goes_from_cheap_to_dear_and_shares_no_more_than_the_budget(kind: Kind) -> None:
    listed = fixed_list(kind)
    assert len(listed) >= 2
    assert sum(attack.shares[kind] for attack in listed) <= 1
    assert [attack.rank for attack in listed] == sorted(attack.rank for attack in listed)
    assert not any(attack.through_art for attack in listed)
    numbers = [attack.number for attack in ATTACKS if attack.number]
    assert len(numbers) == len(set(numbers))


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Array]:
    """What each attack of a run finds, by its title."""
    module = importlib.import_module("xrai_widgets.engines.robustness.evasion.strongest")
    found: dict[str, Array] = {}
    plain = module.Tally.ran

    def ran(self: Any, title: str, share: float, spent: Array, distance: Array) -> None:
        found[title] = distance
        plain(self, title, share, spent, distance)

    monkeypatch.setattr(module.Tally, "ran", ran)
    return found


@pytest.mark.parametrize("which", ["network", "forest_of_ten"])
def test_leaving_one_attack_out_changes_no_other(
    which: str, request: pytest.FixtureRequest, kept: dict[str, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = request.getfixturevalue(which)
    finding = attack(subject)
    every, table = dict(kept), rows(finding)
    assert len(every) >= 3
    for title in every:
        kept.clear()
        monkeypatch.setattr(gate, "ATTACKS", tuple(a for a in ATTACKS if a.title != title))
        fewer = attack(subject)
        assert set(kept) == set(every) - {title}
        for other, distance in kept.items():
            assert np.array_equal(distance, every[other]), (title, other)
            assert rows(fewer).loc[other, "queries"] == table.loc[other, "queries"]
        assert (distances(fewer) >= distances(finding) * (1 - 0.05)).all()


@pytest.mark.parametrize("which", ["network", "forest_of_ten"])
@pytest.mark.parametrize("norm", ["l2", "linf", "l1", "l0"])
def test_the_union_is_the_nearest_of_all_and_the_table_counts_it(
    which: str, norm: str, request: pytest.FixtureRequest, kept: dict[str, Array]
) -> None:
    epsilon = {"l2": 0.15, "linf": 0.08, "l1": 0.25, "l0": 1.0}[norm]
    finding = attack(request.getfixturevalue(which), norm=norm, epsilon=epsilon)
    distance, table = distances(finding), rows(finding)
    every = np.stack([*kept.values()])
    assert (distance <= every.min(axis=0) * (1 + 1e-9)).all()
    ran = table.loc[[*kept]]
    assert ran["won"].sum() == np.isfinite(every.min(axis=0)).sum()
    for title, found in kept.items():
        assert ran.loc[title, "broken"] == (found <= epsilon).sum()
        others = np.delete(every, list(kept).index(title), axis=0)
        alone = (found <= epsilon) & (others > epsilon).all(axis=0)
        assert ran.loc[title, "alone"] == alone.sum()
    assert table.loc["all together", "broken"] == (distance <= epsilon).sum()
    assert table.loc["all together", "queries"] == pytest.approx(
        table["queries"].iloc[1:-1].sum()
    )  # the first row is what was asked beforehand
    assert (table.loc[table["status"] == "not run", "reason"] != "").all()
    n = len(finding.tables["samples"])
    assert finding.values["robust_accuracy"] == pytest.approx((distance > epsilon).sum() / n)


def test_the_default_is_no_farther_than_each_attack_by_its_name(network: Subject) -> None:
    union = distances(attack(network, queries=20_000))
    for name in ("pgd", "hop_skip_jump", "fmn", "fab_t"):
        assert np.median(union / distances(attack(network, attack=name))) <= 1.001, name
        assert (union / distances(attack(network, attack=name))).max() <= 1.02, name


def test_one_step_and_equal_steps_are_settings_of_the_one_loop(network: Subject) -> None:
    """With every step there is the fast sign is that of the gradient: checked against the formula."""
    subject = replace(network, thresholds=None)
    assert subject.gradient is not None
    assert subject.bounds is not None
    labels = subject.predict(subject.X).argmax(axis=1)
    low, high = subject.bounds
    settings: dict[str, Any] = {"norm": "linf", "epsilons": (0.2,), "epsilon": 0.2}
    fast = attack(subject, attack="fgsm", n_samples=100, **settings)
    slope = subject.gradient(subject.X, labels)
    moved = np.clip(subject.X + 0.2 * (high - low) * np.sign(slope), low, high)
    broken = (subject.predict(moved).argmax(axis=1) != labels) & (labels == subject.y)
    assert rows(fast).loc["fast gradient sign", "found"] == broken.sum() > 5
    many = attack(subject, attack="bim", n_samples=100, **settings)
    assert rows(many).loc["basic iterative method", "found"] >= broken.sum() - 1


def test_what_does_not_fit_is_listed_with_the_reason_and_refused_by_name(network: Subject) -> None:
    table = rows(attack(network, norm="l1"))
    reason = table.loc["HopSkipJump", "reason"]
    assert reason.startswith("does not know the norm l1 (l2, linf only: its steps")
    assert "searches near the sample do" in reason
    assert table.loc["Square", "reason"] == "needs images, and these samples are rows of a table"
    outcome = xw.assess(network, "robustness.evasion", attack="square")
    assert outcome.status == "not applicable"
    assert "needs images" in outcome.reason
    assert outcome.instead == "attack='hop_skip_jump'"
    X, y = make_classification(200, 4, n_informative=4, n_redundant=0, random_state=0)
    two = Subject.of(MLPClassifier((8,), max_iter=2000, random_state=0).fit(X, y), X, y)
    refused = xw.assess(two, "robustness.evasion", attack="apgd_t")
    assert (refused.status, refused.instead) == ("not applicable", "attack='apgd_ce'")
    assert "needs four classes or more, and there are 2" in refused.reason


def test_an_attack_that_does_not_know_the_norm_counts_by_its_size_in_it(network: Subject) -> None:
    finding = attack(network, attack="hop_skip_jump", norm="l1")
    assert any("does not know the norm l1" in note and "It ran in l2" in note for note in finding.notes)
    table, nearest = finding.tables["samples"], finding.arrays["nearest"]
    assert network.bounds is not None
    change = np.abs(nearest - network.X[finding.arrays["index"]]) / (network.bounds[1] - network.bounds[0])
    assert table["distance"].to_numpy() == pytest.approx(change.sum(axis=1), rel=1e-9, nan_ok=True)


def test_a_budget_of_nothing_leaves_the_accuracy_and_says_what_is_needed(network: Subject) -> None:
    finding = attack(network, queries=1)
    assert set(finding.values) == {"accuracy"}
    assert any("a budget of 1 queries" in note.lower() for note in finding.notes)
    assert (rows(finding)["status"].iloc[1:-1] == "not run").all()
    least = int(finding.notes[-1].rpartition("queries=")[2].rstrip("."))
    assert "robust_accuracy" in attack(network, queries=least).values
    assert "robust_accuracy" not in attack(network, queries=least - 1).values


def test_a_small_budget_spends_less_and_says_so(network: Subject) -> None:
    little, much = attack(network, queries=1_000), attack(network, queries=6_000)
    few, many = rows(little), rows(much)
    both = (few["status"] == "run") & (many["status"] == "run") & few["share"].notna()
    assert both.sum() >= 2
    assert (few["queries"][both] <= many["queries"][both] + 1).all()
    assert any("too small for" in note for note in little.notes)
    assert not any("too small for" in note for note in much.notes)


@pytest.mark.parametrize("name", ["pgd", "fmn", "apgd_ce", "apgd_t", "fab_t"])
def test_no_attack_spends_more_than_its_share(name: str, network: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = next(attack for attack in ATTACKS if attack.name == name)
    for queries in (2_000, 8_000):
        monkeypatch.setattr(gate, "ATTACKS", (listed,))
        spent = rows(attack(network, queries=queries)).loc[listed.title]
        if spent["status"] == "run":
            assert 0 < spent["most"] <= spent["budget"] == int(listed.shares["gradients"] * queries)


def test_a_regression_gets_the_attacks_that_make_sense_and_no_class_to_aim_at() -> None:
    def height(X: Array) -> Array:
        return np.asarray((X**2).sum(axis=1))

    X = np.random.default_rng(0).uniform(size=(200, 4))
    plain = Subject.of(height, X, height(X), task="regression", bounds=(-5.0, 5.0))
    subject = replace(plain, gradient=lambda rows, _: 2 * rows)
    finding = attack(subject, tolerance=0.3, scale="raw")
    ran = rows(finding)
    assert (ran.loc[["FMN", "projected gradient descent", "searches near the sample"], "found"] == 8).all()
    nearest, index = finding.arrays["nearest"], finding.arrays["index"]
    assert (np.abs(height(nearest) - height(X[index])) > 0.3).all()
    exact = np.sqrt(height(X[index]) + 0.3) - np.sqrt(height(X[index]))  # straight out is nearer than in
    assert distances(finding) == pytest.approx(exact, rel=1e-3)
    refused = xw.assess(subject, "robustness.evasion", tolerance=0.3, target="1")
    assert (refused.status, refused.instead) == ("not applicable", "target=''")
    nothing = xw.assess(subject, "robustness.evasion", tolerance=0.3, queries=1)
    assert nothing.status == "not applicable"
    assert nothing.instead.startswith("queries=")


def test_labels_only_leave_out_what_needs_scores() -> None:
    X, y = make_classification(200, 5, n_informative=5, n_redundant=0, random_state=1)
    model = LinearSVC(random_state=0).fit(X[:150], y[:150])
    subject = replace(Subject.of(model, X[150:], y[150:]), linear=None, gradient=None)
    assert subject.outputs == "labels"
    assert set(rows(attack(subject)).index) >= {"searches near the sample", "HopSkipJump"}
    refused = xw.assess(subject, "robustness.evasion", attack="zoo")
    assert (refused.status, refused.instead) == ("not applicable", "attack='hop_skip_jump'")
    assert "gives labels only" in refused.reason


def test_a_range_narrower_than_the_data_is_named() -> None:
    X, y = make_classification(200, 4, n_informative=4, n_redundant=0, random_state=1)
    frame = pd.DataFrame(X, columns=["age", "income", "debt", "rate"])
    model = LogisticRegression().fit(frame[:150], y[:150])
    subject = Subject.of(model, frame[150:], y[150:], bounds={"debt": (-0.5, 0.5)})
    (note,) = [note for note in attack(subject).notes if "lie outside of the range" in note]
    assert "debt (changes reach -0.5 to 0.5" in note
    assert "income" not in note
    plain = Subject.of(model, frame[150:], y[150:])
    assert not any("lie outside" in note for note in attack(plain).notes)


def test_images_beyond_their_range_are_noticed(digits: Subject) -> None:
    assert digits.bounds is not None
    wide = replace(digits, X=3.0 * digits.X)
    finding = attack(wide, n_samples=4, queries=1_000)
    assert any("images have values outside of the range that changes may reach" in note for note in finding.notes)


@pytest.mark.parametrize("epsilons", [(-0.1, 0.2), (0.0, 0.1), (), (np.nan,)])
def test_sizes_that_are_none_are_refused(network: Subject, epsilons: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="epsilons must be"):
        evasion(network.predict, network.X, network.y, network.bounds, epsilons=epsilons)  # type: ignore[arg-type]  # bounds are there


def test_gradients_that_mislead_are_noticed(network: Subject) -> None:
    """A gradient of rounded inputs, say, is 0 nearly everywhere."""
    lost = replace(network, gradient=lambda X, _: np.zeros_like(X), logit_gradient=None, logits=None)
    finding = attack(lost, epsilon=0.3, n_samples=20)
    assert any("without gradients and by no attack that follows them" in note for note in finding.notes)
    assert not any("without gradients" in note for note in attack(network, epsilon=0.3, n_samples=20).notes)


def test_an_accuracy_that_rises_with_the_size_is_noticed() -> None:
    """Outside of a small ball the slope leads back: what is broken at a small size withstands a large one."""

    def predict(X: Array) -> Array:
        other = np.abs(np.abs(X[:, 0] - 0.5) - 0.1) < 0.05
        return np.eye(2)[other.astype(int)]

    def gradient(X: Array, _y: Array) -> Array:
        return np.column_stack([np.sign(X[:, 0] - 0.5 + 1e-9), np.zeros(len(X))])

    X = np.column_stack([np.full(20, 0.5), np.linspace(0, 1, 20)])
    bounds = np.array([[0.0, 0.0], [1.0, 1.0]])
    settings: dict[str, Any] = {"attack": "pgd", "epsilons": (0.1, 0.45), "steps": 3, "restarts": 1}
    finding = evasion(predict, X, np.zeros(20, dtype=int), bounds, gradient=gradient, n_samples=20, **settings)
    assert any(note.startswith("Accuracy rises with ε: ") for note in finding.notes)

    def beyond(X: Array) -> Array:
        return np.eye(2)[(X[:, 0] > 0.55).astype(int)]

    finding = evasion(beyond, X, np.zeros(20, dtype=int), bounds, gradient=gradient, n_samples=20, **settings)
    assert not any(note.startswith("Accuracy rises with ε: ") for note in finding.notes)


def test_a_single_tree_is_exact_before_any_attack_is_run() -> None:
    X, y = make_classification(200, 4, n_informative=4, n_redundant=0, random_state=1)
    subject = Subject.of(DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, y), X, y)
    finding = attack(subject, queries=1)
    assert finding.bounds["robust_accuracy"] == "exact"
    assert "attacks" not in finding.tables
