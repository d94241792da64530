"""Random changes of the size of given ones, and the controls that are made of them, where chance is known."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from xrai_widgets.core import Array, Constraint, Control, Finding, NotApplicable, Subject, find, quiet
from xrai_widgets.data import examples
from xrai_widgets.engines._random_change import RandomChange, turned_by_chance
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations import cem
from xrai_widgets.engines.explanations.cem.random_explanation import random_explanation
from xrai_widgets.engines.explanations.protodash.random_prototypes import random_prototypes
from xrai_widgets.engines.robustness import evasion
from xrai_widgets.engines.robustness.evasion.random_direction import random_direction
from xrai_widgets.runtime import assess
from xrai_widgets.runtime.control_subjects import control_subject
from xrai_widgets.runtime.control_warnings import wrong_of

COLUMNS = (
    Constraint(),
    Constraint(),
    Constraint("integer"),
    Constraint("category", categories=("a", "b", "c")),
    Constraint("category", categories=("d", "e")),
    Constraint("integer", group="g"),
    Constraint("integer", group="g"),
    Constraint("integer", group="g"),
    Constraint(immutable=True),
)
BOUNDS = np.array([[0.0, -4, 0, 0, 0, 0, 0, 0, 0], [1, 4, 20, 2, 1, 1, 1, 1, 1]])


def mixed(n: int, seed: int = 0) -> tuple[Array, Array]:
    """Samples, and changes of two numbers, one category and the group."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [
            rng.uniform(0.4, 0.6, n),
            rng.uniform(-1, 1, n),
            rng.integers(8, 12, n),
            rng.integers(0, 3, n),
            rng.integers(0, 2, n),
            np.eye(3)[rng.integers(0, 3, n)],
            rng.uniform(size=n),
        ]
    ).astype(np.float64)
    changed = X.copy()
    changed[:, 0] += 0.2
    changed[:, 1] -= 0.8
    changed[:, 3] = (changed[:, 3] + 1) % 3
    changed[:, 5:8] = np.roll(changed[:, 5:8], 1, axis=1)
    return X, changed


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("sparse", [True, False])
def test_a_random_change_is_allowed_and_of_the_given_size_and_kind(norm: Literal["l2", "linf"], sparse: bool) -> None:
    X, changed = mixed(300)
    space = Space(BOUNDS, COLUMNS)
    drawn = RandomChange(space, norm, sparse=sparse).draw(X, changed, np.random.default_rng(1))
    assert np.allclose(space.to_samples(space.to_coordinates(drawn), X), drawn), "every draw may exist"
    share = space.share(drawn, X)
    assert (share[:, 8] == 0).all(), "the immutable column stays"
    assert ((share[:, 3:5] > 0).sum(axis=1) == 1).all(), "one category, as in the change"
    assert {*np.unique(share[:, 4])} == {0, 1}, "but not always the same one"
    assert (drawn[:, 5:8].sum(axis=1) == 1).all()
    assert (share[:, 5:8].sum(axis=1) == 2).all(), "the one group turns"
    moved = (share[:, :3] > 1e-9).sum(axis=1)
    assert moved.max() == (2 if sparse else 3)
    size = space.distance(drawn, X, norm)
    wanted = space.distance(changed, X, norm)
    assert (size <= wanted * (1 + 1e-9)).all()
    if sparse:
        whole = (share[:, 2] == 0) & (moved == 2)  # two free numbers moved: nothing was rounded
        assert whole.any()
        assert np.allclose(size[whole], wanted[whole])
    assert not np.shares_memory(drawn, X)


def test_directions_are_uniform() -> None:
    space = Space(np.array([[-1e3, -1e3], [1e3, 1e3]]), (), "raw")
    X = np.zeros((4000, 2))
    drawn = RandomChange(space, "l2", sparse=False).draw(X, X + np.array([3.0, 4.0]), np.random.default_rng(0))
    assert np.allclose(np.linalg.norm(drawn, axis=1), 5)
    quarter = np.histogram(np.arctan2(drawn[:, 1], drawn[:, 0]), bins=8, range=(-np.pi, np.pi))[0]
    assert (np.abs(quarter - 500) < 5 * np.sqrt(500)).all()
    sparse = RandomChange(space, "l2", sparse=True).draw(X, X + np.array([5.0, 0.0]), np.random.default_rng(0))
    assert ((sparse != 0).sum(axis=1) == 1).all()
    assert 0.45 < (sparse[:, 0] != 0).mean() < 0.55


def half_plane(X: Array) -> Array:
    return np.eye(2)[(X[:, 0] > 0).astype(int)]


@pytest.mark.parametrize(("times", "share"), [(1.0, 0.0), (np.sqrt(2), 0.25), (2.0, 1 / 3), (100.0, 0.4968)])
def test_the_share_that_chance_turns_is_that_of_the_circle_beyond_the_boundary(times: float, share: float) -> None:
    """Of a circle of ``times`` the distance to a line, arccos(1 / times) / π lies beyond the line."""
    X = np.column_stack([np.full(3000, -1.0), np.zeros(3000)])
    change = RandomChange(Space(np.array([[-1e4] * 2, [1e4] * 2]), (), "raw"), "l2", sparse=False)
    turned = turned_by_chance(half_plane, (2,), X, X + np.array([times + 1e-9, 0.0]), change, 0, quiet)
    assert turned.mean() == pytest.approx(share, abs=0.01)


def test_the_given_change_itself_is_no_chance() -> None:
    """With one category of two there is no other change of one category."""
    kinds = (Constraint("category", categories=("a", "b")), Constraint())
    X, changed = np.zeros((50, 2)), np.tile([1.0, 0.0], (50, 1))
    change = RandomChange(Space(np.array([[0.0, 0], [1, 1]]), kinds), "l2", sparse=False)
    assert np.isnan(turned_by_chance(half_plane, (2,), X, changed, change, 0, quiet)).all()


def test_a_single_column_has_no_other_direction() -> None:
    change = RandomChange(Space(np.array([[0.0], [1]]), ()), "l2", sparse=False)
    with pytest.raises(NotApplicable, match="no other direction"):
        turned_by_chance(half_plane, (1,), np.zeros((2, 1)), np.ones((2, 1)), change, 0, quiet)


def uniform(n: int = 60, d: int = 2) -> tuple[Array, Array]:
    X = np.random.default_rng(3).uniform(size=(n, d))
    return X, np.repeat([[0.0], [1.0]], d, axis=1)


def line(X: Array) -> Array:
    return np.eye(2)[(X[:, 0] > 0.5).astype(int)]


def farther(finding: Finding, X: Array, times: float) -> Finding:
    """The same finding of an attack that stopped ``times`` as far away."""
    index = finding.arrays["index"]
    nearest = X[index] + times * (finding.arrays["nearest"] - X[index])
    samples = finding.tables["samples"].assign(distance=finding.tables["samples"]["distance"] * times)
    tables = {**finding.tables, "samples": samples}
    return Finding(finding.values, tables=tables, arrays={"index": index, "nearest": nearest})


def test_an_attack_that_stops_far_from_the_boundary_comes_out_wrong_and_a_good_one_does_not() -> None:
    X, _ = uniform()
    wide = np.array([[-9.0, -9], [9, 9]])
    finding = evasion(line, X, line(X).argmax(axis=1), wide, scale="raw", n_samples=60)
    given: dict[str, Any] = {"norm": "l2", "epsilon": 0.1, "scale": "raw", "seed": 0, "step": quiet}
    good = random_direction(finding, line, X, wide, **given)
    assert good.values["turned_share"] < 0.1
    assert good.values["robust_accuracy"] > finding.values["robust_accuracy"] + 0.1
    poor = random_direction(farther(finding, X, 3.0), line, X, wide, **given)
    assert poor.intervals["turned_share"][0] > 0.25, "arccos(1/3) / π = 39 %"


def test_robust_accuracy_by_chance_counts_only_changes_within_epsilon() -> None:
    X, bounds = uniform()
    finding = evasion(line, X, line(X).argmax(axis=1), bounds, n_samples=60)
    far = farther(finding, X, 1.0)
    given: dict[str, Any] = {"norm": "l2", "scale": "range", "seed": 0, "step": quiet}
    assert random_direction(far, line, X, bounds, epsilon=0.0, **given).values["robust_accuracy"] == 1.0

    def everywhere(rows: Array) -> Array:
        """Answers every sample of X as `line` and everything else otherwise: chance turns all."""
        known = (np.abs(rows[:, None] - X[None]).max(axis=2) < 1e-12).any(axis=1)
        return np.where(known[:, None], line(rows), 1 - line(rows))

    inside = (finding.tables["samples"]["distance"] <= 0.2).mean()
    by_chance = random_direction(far, everywhere, X, bounds, epsilon=0.2, **given)
    assert by_chance.values["turned_share"] > 0.7, "all but those that cross the line"
    assert by_chance.values["robust_accuracy"] == pytest.approx(1 - inside, abs=0.3 * inside + 0.01)


def test_random_explanations_hardly_ever_turn_an_answer_where_the_search_is_exact() -> None:
    X, bounds = uniform(d=6)
    finding = cem(line, X, line(X).argmax(axis=1), bounds, n_samples=20, mode="PN", noise=0.0)
    by_chance = random_explanation(finding, line, X, bounds, scale="range", seed=0, step=quiet)
    assert finding.values["pn_share"] == 1
    assert by_chance.values["pn_share"] < 0.1, (
        "the one column of six, in one of two directions: 1 of 12, less what is cut"
    )
    assert by_chance.counts == {"pn_share": 20, "turned_share": 20}


@pytest.mark.parametrize("name", ["breast_cancer_logistic", "digits_network"])
def test_a_constant_model_is_asked_on_the_same_path_as_the_users_own(name: str) -> None:

    subject = examples.load(name)
    made = control_subject(subject, Control("constant", "no leak"), 0)
    for field in ("gradient", "logits", "linear", "thresholds", "regions"):
        assert (getattr(made, field) is None) == (getattr(subject, field) is None), field
    assert made.gradient is not None
    assert (made.gradient(made.X[:3], made.y[:3]) == np.zeros(made.X[:3].shape)).all()
    if made.logits is not None:
        shares = np.exp(made.logits(made.X[:3]))
        assert np.allclose(shares / shares.sum(axis=1, keepdims=True), made.predict(made.X[:3]))


def test_a_constant_model_of_a_tree_or_a_linear_one_has_no_boundary_inside() -> None:

    plain = examples.load("breast_cancer_logistic")
    d = plain.X.shape[1]
    fields = {"linear": (np.ones((2, d)), np.ones(2)), "thresholds": (np.ones(3),) * d, "regions": np.zeros((2, 5, d))}
    made = control_subject(replace(plain, **fields), Control("constant", "no leak"), 0)  # type: ignore[arg-type]  # fields by name
    assert made.linear is not None
    assert made.thresholds is not None
    assert made.regions is not None
    weights, intercepts = made.linear
    assert weights.shape == (2, d)
    assert not weights.any()
    assert np.argmax(intercepts) == made.predict(made.X[:1]).argmax()
    assert [len(values) for values in made.thresholds] == [0] * d
    assert made.regions.shape == (2, 1, d)
    assert (made.regions[0] < made.regions[1]).all()


def test_prototypes_that_random_draws_beat_are_called_wrong() -> None:

    entry = find("explanations.protodash")
    outcome = assess(examples.load("breast_cancer_logistic"), entry.name, n_prototypes=5)
    table = outcome.table("controls").set_index(["control", "measure"])
    own, drawn = (float(table.loc[(who, "mmd2"), "value"]) for who in ("your model", "random prototypes"))
    assert own < float(table.loc[("random prototypes", "mmd2"), "low"]) < drawn
    assert table.loc[("constant model", "agreement"), "value"] == 1.0
    luck = table.loc[("answers dealt at random", "agreement")]
    assert luck["low"] < 0.6
    assert not any("Control failed" in note for note in outcome.finding.notes)  # type: ignore[union-attr]
    finding = outcome.finding
    assert finding is not None
    worse = finding.tables["curve"].copy()
    worse.loc[worse["chosen by"] == "ProtoDash", "mmd2"] = 9.0
    control = entry.controls[0]
    its = random_prototypes(Finding(finding.values, counts=finding.counts, tables={"curve": worse}), step=quiet)
    assert [one.control for one in wrong_of([(control, its, "")], entry)] == [control]


def test_random_prototypes_of_several_classes_are_weighed_like_the_chosen_ones(credit: Subject) -> None:
    outcome = assess(credit, "explanations.protodash", per_class=True, n_prototypes=4)
    finding = outcome.finding
    assert finding is not None
    sizes = finding.arrays["sizes"]
    assert sizes.sum() == len(credit.X)
    curve = finding.tables["curve"]
    drawn = curve[(curve["chosen by"] == "random draws") & (curve["n"] == 4)]["mmd2"].to_numpy()
    table = outcome.table("controls").set_index(["control", "measure"])
    assert table.loc[("random prototypes", "mmd2"), "value"] == pytest.approx(float(sizes @ drawn / sizes.sum()))
    explained = table.loc[("random prototypes", "explained")]
    assert explained["low"] <= explained["value"] <= explained["high"] < finding.values["explained"]
