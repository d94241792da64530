"""Whatever the table and the model: no explanation and no attack breaks a constraint."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier

from tests.engines.test_space import spaces
from xrai_widgets.core import Array, Constraint, Subject
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations import cem
from xrai_widgets.engines.robustness import evasion
from xrai_widgets.models.adapted import softmax


class Curved:
    """Logits that are a bent function of standardised columns, with their exact derivative."""

    def __init__(self, space: Space, seed: int) -> None:
        rng, d = np.random.default_rng(seed), space.bounds.shape[1]
        self.low, self.span = space.bounds[0], np.maximum(np.ptp(space.bounds, axis=0), 1e-9)
        self.weights, self.bend = rng.normal(0, 2, (d, 3)), rng.normal(0, 2, (d, 3))

    def logits(self, X: Array) -> Array:
        u = (X - self.low) / self.span
        return u @ self.weights + np.sin(3 * u) @ self.bend

    def predict(self, X: Array) -> Array:
        return softmax(self.logits(X))

    def gradient(self, X: Array, y: Array) -> Array:
        u = (X - self.low) / self.span
        flow = self.predict(X)
        flow[np.arange(len(X)), y] -= 1
        turned: Array = (flow @ self.weights.T + 3 * np.cos(3 * u) * (flow @ self.bend.T)) / self.span
        return turned


def allowed(space: Space, origins: Array, points: Array) -> Array:
    """Return for each point whether it is an allowed change of its origin; both (…, d)."""
    origins, points = np.broadcast_arrays(origins, points)
    # a value outside its range may stay or come nearer
    low, high = np.minimum(space.bounds[0], origins), np.maximum(space.bounds[1], origins)
    good = ((points >= low - 1e-12) & (points <= high + 1e-12)).all(axis=-1)
    names: dict[str, list[int]] = {}
    for column, kind in enumerate(space.constraints):
        value = points[..., column]
        change = value - origins[..., column]
        if kind.kind in ("integer", "category"):
            good &= value == np.rint(value)
        if kind.kind == "category":
            good &= (value >= 0) & (value < len(kind.categories))
        if kind.immutable:
            good &= change == 0
        good &= change * kind.monotone >= 0
        if kind.group:
            names.setdefault(kind.group, []).append(column)
    for columns in names.values():
        good &= (np.sort(points[..., columns], axis=-1)[..., :-1] == 0).all(axis=-1)
        good &= points[..., columns].sum(axis=-1) == 1
    return good


def check(space: Space, origins: Array, points: Array) -> None:
    """Assert everything that a constraint can say."""
    assert allowed(space, origins, points).all()


Case = tuple[Space, Array, Array]
few, many = (settings(max_examples=n, deadline=None) for n in (150, 2000))
cases = given(
    spaces(),
    st.integers(0, 1000),
    st.sampled_from([None, False, True]),
    st.sampled_from(["gradient", "finite differences", "coordinate"]),
)
attacks = given(
    spaces(),
    st.integers(0, 1000),
    st.sampled_from(["pgd", "hop_skip_jump"]),
    st.sampled_from(["l2", "linf"]),
)


def explained_within(case: Case, seed: int, classic: bool | None, search: str) -> None:
    space, origins, _ = case
    model = Curved(space, seed)
    numbers = all(kind.kind != "category" for kind in space.constraints)
    smooth = search == "gradient" and numbers
    abilities: dict[str, Any] = {"logits": model.logits, "gradient": model.gradient} if smooth else {}
    finding = cem(
        model.predict,
        origins,
        model.predict(origins).argmax(axis=1),
        space.bounds,
        tuple(space.constraints),
        **abilities,
        search="automatic" if search == "gradient" else search,  # type: ignore[arg-type]  # drawn
        classic=classic,
        scale=space.scale,
        kappa=0.01,
        max_iter=30,
        binary_steps=3,
        noise=0.1,
    )
    arrays = finding.arrays
    # near a tie the softmax rounds differences away that the logits still have
    labels = (model.logits if smooth else model.predict)(arrays["original"]).argmax(axis=1)
    for mode in ("pn", "pp"):
        check(space, arrays["original"], arrays[mode])  # the nearest attempts, too
        done = arrays[f"{mode}_found"]
        same = model.predict(arrays[mode]).argmax(axis=1) == labels
        assert (same == (mode == "pp"))[done].all()
    check(space, arrays["original"], arrays["baseline"])
    low, high = (side(arrays["baseline"], arrays["original"]) for side in (np.minimum, np.maximum))
    assert (arrays["pp"] >= low - 1e-12).all()
    assert (arrays["pp"] <= high + 1e-12).all()


def attacked_within(case: Case, seed: int, attack: str, norm: str, implementation: str) -> None:
    """Whatever an attack asks the model, what it reports and what it only tries, is an allowed change of a sample."""
    space, origins, _ = case
    model = Curved(space, seed)
    asked: list[Array] = []

    def predict(X: Array) -> Array:
        asked.append(X.copy())
        return model.predict(X)

    if any(kind.kind == "category" for kind in space.constraints):
        attack = "hop_skip_jump"
    evasion(
        predict,
        origins,
        model.predict(origins).argmax(axis=1),
        space.bounds,
        tuple(space.constraints),
        gradient=model.gradient,
        n_samples=len(origins),
        attack=attack,  # type: ignore[arg-type]  # drawn
        norm=norm,  # type: ignore[arg-type]  # drawn
        scale=space.scale,
        implementation=implementation,  # type: ignore[arg-type]  # drawn
        **({"steps": 5, "restarts": 1} if attack == "pgd" else {"max_iter": 2, "init_eval": 10, "init_size": 10}),
    )
    assert allowed(space, origins[:, None], np.vstack(asked)).any(axis=0).all()


@few
@cases
def test_no_explanation_breaks_a_constraint(case: Case, seed: int, classic: bool | None, search: str) -> None:
    explained_within(case, seed, classic, search)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@many
@cases
def test_no_explanation_of_thousands_breaks_a_constraint(
    case: Case, seed: int, classic: bool | None, search: str
) -> None:
    explained_within(case, seed, classic, search)


@settings(few, max_examples=320)
@attacks
def test_no_adversarial_sample_breaks_a_constraint(case: Case, seed: int, attack: str, norm: str) -> None:
    attacked_within(case, seed, attack, norm, "native")


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # ART divides by a distance of 0
@settings(few, max_examples=30)
@attacks
def test_no_adversarial_sample_of_art_breaks_a_constraint(case: Case, seed: int, attack: str, norm: str) -> None:
    attacked_within(case, seed, attack, norm, "art")


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # ART divides by a distance of 0
@pytest.mark.slow
@pytest.mark.timeout(1800)
@many
@attacks
def test_no_adversarial_sample_of_thousands_breaks_a_constraint(case: Case, seed: int, attack: str, norm: str) -> None:
    attacked_within(case, seed, attack, norm, "native")
    attacked_within(case, seed, attack, norm, "art")


def test_the_check_itself_notices_every_breach() -> None:
    kinds = [
        Constraint(),
        Constraint("integer"),
        Constraint("category", ("a", "b")),
        Constraint(immutable=True),
        Constraint(monotone=1),
        Constraint("integer", group="g"),
        Constraint("integer", group="g"),
    ]
    space = Space(np.array([[0.0, 0, 0, 0, 0, 0, 0], [1.0, 5, 1, 1, 1, 1, 1]]), kinds)
    good = np.array([[0.5, 2, 1, 0.3, 0.5, 1, 0]])
    check(space, good, good)
    for column, value in ((0, 1.5), (1, 2.5), (2, 2.0), (3, 0.4), (4, 0.4), (5, 0.0)):
        bad = good.copy()
        bad[0, column] = value
        try:
            check(space, good, bad)
        except AssertionError:
            continue
        raise AssertionError(f"column {column} = {value} was not noticed")


def test_the_leaves_of_a_tree_are_crossed_within_the_constraints_and_no_search_does_better() -> None:
    rng = np.random.default_rng(1)
    member = rng.integers(0, 3, 300)
    X = np.column_stack([rng.random(300), rng.integers(0, 9, 300), np.eye(3)[member], rng.random(300), rng.random(300)])
    y = ((X[:, 0] + X[:, 1] / 9 + X[:, 3] + X[:, 5] * X[:, 6]) > 1.4).astype(int)
    kinds = {
        "x1": Constraint("integer", monotone=1),
        **{f"x{column}": Constraint("integer", group="g") for column in (2, 3, 4)},
        "x5": Constraint(immutable=True),
    }
    tree = DecisionTreeClassifier(random_state=0, min_samples_leaf=3).fit(X, y)
    subject = Subject.of(tree, X[:60], y[:60], X_train=X, y_train=y, constraints=kinds)
    assert subject.regions is not None
    assert subject.bounds is not None
    messages = []
    for regions in (subject.regions, None):
        finding = cem(
            subject.predict,
            subject.X,
            subject.y,
            subject.bounds,
            subject.constraints,
            subject.X_train,
            regions=regions,
            n_samples=60,
            noise=0.0,
        )
        for mode in ("pn", "pp"):
            check(Space(subject.bounds, subject.constraints), finding.arrays["original"], finding.arrays[mode])
        messages.append(finding.tables["samples"][["pn_objective", "pp_objective"]].fillna(np.inf).to_numpy())
    exact, searched = messages
    assert np.isfinite(exact[:, 0]).sum() > 30
    assert (exact <= searched + 1e-6).all()
    both = np.isfinite(searched[:, 0])
    assert both.sum() >= 0.95 * np.isfinite(exact[:, 0]).sum()
    assert np.median(searched[both, 0] / exact[both, 0]) < 1.3
