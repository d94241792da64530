"""Missing cells in the arithmetic of the engines: held sample by sample, or a value of their own."""

import itertools
from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Constraint, quiet
from xrai_widgets.core.subject import Array
from xrai_widgets.engines import _hop_skip_jump as hsj
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._search.boxes import negative_box
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations import cem
from xrai_widgets.engines.explanations.protodash.contents import Contents, feature_similarity
from xrai_widgets.engines.explanations.protodash.groups import Group
from xrai_widgets.engines.explanations.protodash.kernel import make_kernel
from xrai_widgets.engines.privacy.attribute_inference import attack as attacker
from xrai_widgets.engines.privacy.attribute_inference.withheld import withhold
from xrai_widgets.engines.robustness import evasion

RNG = np.random.default_rng(3)
BOUNDS = np.array([[-2.0, 0.0, -1.0, 0.0], [2.0, 9.0, 1.0, 2.0]])
KINDS = (Constraint(), Constraint("integer"), Constraint(), Constraint("category", categories=("a", "b", "c")))


def samples(n: int = 60, share: float = 0.3) -> Array:
    X = np.column_stack([RNG.uniform(-2, 2, n), RNG.integers(0, 10, n), RNG.uniform(-1, 1, n), RNG.integers(0, 3, n)])
    X = X.astype(float)
    X[:, :3][RNG.random((n, 3)) < share] = np.nan
    return X


def answers(X: Array) -> Array:
    """Split by columns 0 to 2; a missing one sends a sample elsewhere."""
    gone = np.isnan(X)
    score = np.where(gone, 0.4, X / np.array([2.0, 9.0, 1.0, 2.0]))[:, :3] @ np.array([1.0, -0.7, 0.6]) + 0.1
    p = 1 / (1 + np.exp(-4 * score))
    return np.column_stack([1 - p, p])


def marked(bounds: Array = BOUNDS, n: int = 60) -> tuple[Array, Array, Blanks, Space]:
    X = samples(n)
    blanks = Blanks.of(bounds, X)
    assert blanks is not None
    return X, blanks.fill(X), blanks, Space(bounds, KINDS, blanks=blanks)


def test_marks_are_told_from_every_number_also_after_rounding() -> None:
    for bounds in (BOUNDS, BOUNDS * 1e12, BOUNDS * 1e-12, BOUNDS + 1e9, np.full((2, 4), 5.0), np.zeros((2, 4))):
        X = np.where(np.isnan(samples()), np.nan, bounds[0] + RNG.random((60, 4)) * (bounds[1] - bounds[0]))
        blanks = Blanks.of(bounds, X)
        assert blanks is not None
        filled = blanks.fill(X)
        assert np.isfinite(filled).all()
        assert np.array_equal(blanks.empty(filled), X, equal_nan=True)
        assert np.array_equal(blanks.marked(filled), np.isnan(X))
        space = Space(bounds, (), blanks=blanks)
        there = space.to_coordinates(filled)
        assert np.array_equal(blanks.empty(space.to_samples(there, filled)), X, equal_nan=True) or bounds.std() < 1e-9
    assert Blanks.of(BOUNDS, samples(share=0.0)) is None
    beyond = np.array([[-50.0, np.nan, 0.0, 1.0]])  # a sample outside the bounds is no mark
    blanks = Blanks.of(BOUNDS, beyond)
    assert blanks is not None
    assert blanks.marked(blanks.fill(beyond)).tolist() == [[False, True, False, False]]


def test_whatever_is_proposed_missing_cells_stay_and_none_is_made() -> None:
    X, filled, blanks, space = marked()
    width = space.to_coordinates(filled).shape[1]
    for points in (
        RNG.normal(size=(60, width)) * 5,
        space.to_coordinates(filled[::-1]),
        np.full((60, width), 0.5),
    ):
        made = blanks.empty(space.to_samples(points, filled))
        assert np.array_equal(np.isnan(made), np.isnan(X))
        assert np.isfinite(made[~np.isnan(X)]).all()


def test_a_cell_that_another_sample_lacks_keeps_its_own_value() -> None:
    X, filled, blanks, space = marked()
    other = np.roll(filled, 1, axis=0)
    made = blanks.empty(space.to_samples(space.to_coordinates(other), filled))
    lacks = np.isnan(np.roll(X, 1, axis=0)) & ~np.isnan(X)
    assert lacks.any()
    assert np.array_equal(made[lacks], X[lacks])
    held = space.held(space.to_coordinates(other), space.to_coordinates(filled))
    again = blanks.empty(space.to_samples(held, filled))
    assert np.array_equal(made, again, equal_nan=True)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_distances_are_those_over_the_columns_that_are_there(norm: Any) -> None:
    X, filled, _, space = marked()
    width = space.to_coordinates(filled).shape[1]
    made = space.to_samples(RNG.uniform(-0.5, 1.5, (60, width)), filled)
    told = space.distance(made, filled, norm)
    span = BOUNDS[1] - BOUNDS[0]
    for row in range(60):
        there = ~np.isnan(X[row])
        change = np.abs(made[row] - X[row])[there] / span[there]
        if there[3]:
            change[-1] = float(made[row, 3] != X[row, 3])
        wanted = change.max() if norm == "linf" else np.linalg.norm(change)
        assert told[row] == pytest.approx(wanted, abs=1e-12)


def test_the_box_of_a_sample_has_no_room_along_what_is_missing() -> None:
    X, filled, _, space = marked()
    low, high = negative_box(filled, space, None)
    gone = np.isnan(X)
    assert np.array_equal(low[gone], high[gone])
    assert (low[~gone] <= X[~gone]).all()
    assert (high[~gone] >= X[~gone]).all()
    assert (high - low)[:, 0][~gone[:, 0]].min() >= 4.0
    origins = space.to_coordinates(filled)
    low, high = space.box_around(origins)
    assert np.array_equal(low[:, :3][gone[:, :3]], high[:, :3][gone[:, :3]])
    assert (low[:, :3][~gone[:, :3]] == 0).all()


def test_hop_skip_jump_moves_nothing_that_is_missing_not_even_on_its_way() -> None:
    X, filled, blanks, space = marked()
    asked: list[Array] = []

    def watching(rows: Array) -> Array:
        asked.append(rows)
        return answers(rows)

    predict = blanks.asking(watching)
    labels = predict(filled).argmax(axis=1)
    problem = Problem(predict, space, filled, labels, np.arange(60), (4,), "l2", 500)
    best = Best.nothing(problem)
    hsj.hop_skip_jump(problem, best, filled, labels, hsj.Settings(5, 200, 30, 20), 0, quiet)
    assert best.success.mean() > 0.9
    gone = {tuple(row) for row in np.isnan(X).tolist()}
    assert {tuple(row) for row in np.isnan(np.concatenate(asked)).tolist()} <= gone
    numbers = np.isnan(X[:, :3])
    assert np.array_equal(best.points[:, :3][numbers], problem.origins[:, :3][numbers])


def brute_force(X: Array, label: int, grid: int = 41) -> float:
    """Return the distance to the nearest other answer over a grid of the columns that are there."""
    axes = [np.linspace(BOUNDS[0, c], BOUNDS[1, c], grid) if c != 1 else np.arange(10.0) for c in range(3)]
    axes = [np.array([np.nan]) if np.isnan(X[c]) else axis for c, axis in enumerate(axes)]
    points = np.array(list(itertools.product(*axes)))
    flips = points[answers(np.column_stack([points, np.full(len(points), X[3])])).argmax(axis=1) != label]
    change = np.where(np.isnan(flips), 0.0, np.abs(flips - X[:3])) / (BOUNDS[1] - BOUNDS[0])[:3]
    return float(np.linalg.norm(change, axis=1).min()) if len(flips) else np.inf


def test_evasion_finds_what_brute_force_over_the_other_columns_finds() -> None:
    X = samples(24, share=0.4)
    y = answers(X).argmax(axis=1)
    found = evasion(answers, X, y, BOUNDS, KINDS, n_samples=24)
    nearest, index = found.arrays["nearest"], found.arrays["index"]
    told = found.tables["samples"]
    assert np.array_equal(index, np.arange(24))
    turned = (told["status"] == "found").to_numpy()
    assert np.array_equal(np.isnan(nearest[turned]), np.isnan(X[turned]))
    checked = 0
    for row in range(24):
        wanted = brute_force(X[row], y[row])
        if not np.isfinite(wanted):
            continue  # a grid proves nothing
        assert turned[row]
        assert told["distance"][row] <= wanted + 1e-6
        assert answers(nearest[[row]]).argmax() != y[row]
        there = ~np.isnan(X[row])
        size = np.abs(nearest[row] - X[row])[there] / (BOUNDS[1] - BOUNDS[0])[there]
        size[-1] = float(nearest[row, 3] != X[row, 3])
        assert told["distance"][row] == pytest.approx(np.linalg.norm(size), abs=1e-9)
        checked += np.isnan(X[row]).any()
    assert checked >= 8
    assert any("samples lack numbers: these cells stay missing" in note for note in found.notes)


def test_gradients_lead_nowhere_along_what_is_missing() -> None:
    weights = np.array([1.0, 0.0, 1.0, 0.0])
    bounds, X = BOUNDS.copy(), samples(30, share=0.4)

    def slope(rows: Array, labels: Array) -> Array:
        p = answers_of(rows)
        return (p[:, 1] - (labels == 1))[:, None] * np.where(np.isnan(rows), np.nan, weights)

    def answers_of(rows: Array) -> Array:
        p = 1 / (1 + np.exp(-np.where(np.isnan(rows), 0.0, rows) @ weights))
        return np.column_stack([1 - p, p])

    y = answers_of(X).argmax(axis=1)
    found = evasion(answers_of, X, y, bounds, (), gradient=slope, attack="pgd", n_samples=30)
    turned = (found.tables["samples"]["status"] == "found").to_numpy()
    assert turned.sum() > 15
    nearest = found.arrays["nearest"]
    assert np.array_equal(np.isnan(nearest[turned]), np.isnan(X[turned]))
    for row in np.flatnonzero(turned & ~np.isnan(X[:, [0, 2]]).any(axis=1) & np.isnan(X[:, 1])):
        scaled = weights[[0, 2]] * (bounds[1] - bounds[0])[[0, 2]]
        exact = abs(X[row, [0, 2]].sum()) / np.linalg.norm(scaled)  # where the box leaves room
        assert found.tables["samples"]["distance"][row] >= exact - 1e-9


@pytest.mark.parametrize("mode", ["PN", "PP"])
def test_explanations_leave_missing_cells_missing(mode: Any) -> None:
    X = samples(12, share=0.4)
    y = answers(X).argmax(axis=1)
    found = cem(answers, X, y, BOUNDS, KINDS, mode=mode, n_samples=12, max_iter=50, noise=0.01 if mode == "PN" else 0.0)
    gone = np.isnan(X[found.arrays["index"]])
    assert np.array_equal(np.isnan(found.arrays["original"]), gone)
    assert np.array_equal(np.isnan(found.arrays[mode.lower()]), gone)
    assert (found.arrays[f"{mode.lower()}_change"][gone] == 0).all()
    if mode == "PP":
        assert np.array_equal(np.isnan(found.arrays["baseline"]), gone)
        numbers = np.nanmedian(X[:, [0, 2]], axis=0)
        base = found.arrays["baseline"][:, [0, 2]]
        assert np.allclose(base[~np.isnan(base)], np.broadcast_to(numbers, base.shape)[~np.isnan(base)])
    done = found.arrays[f"{mode.lower()}_found"]
    assert done.sum() >= 8
    same = answers(found.arrays[mode.lower()][done]).argmax(axis=1) == y[found.arrays["index"][done]]
    assert (same == (mode == "PP")).all()
    if mode == "PN":
        span, distance = BOUNDS[1] - BOUNDS[0], found.tables["samples"]["pn_distance"].to_numpy()
        for row in np.flatnonzero(done):
            there = ~np.isnan(X[found.arrays["index"][row]])
            change = np.abs(found.arrays["pn"][row] - found.arrays["original"][row])[there] / span[there]
            change[-1] = float(change[-1] > 0)
            assert distance[row] == pytest.approx(np.linalg.norm(change))


def test_an_autoencoder_of_samples_with_gaps_is_trained() -> None:
    pytest.importorskip("torch")
    X = samples(80, share=0.2)[:, :3]

    def three(rows: Array) -> Array:
        return answers(np.column_stack([rows, np.zeros(len(rows))]))

    y = three(X).argmax(axis=1)
    found = cem(three, X, y, BOUNDS[:, :3], autoencoder=True, n_samples=4, max_iter=20, binary_steps=2, noise=0.0)
    errors = found.tables["samples"]["pn_ae_error"].dropna()
    assert len(errors)
    assert (errors < 10).all()


def test_missing_is_as_far_from_a_number_as_two_numbers_are_in_the_mean() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(50, 10, 4000), rng.normal(size=4000)])
    X[:1000, 0] = np.nan
    kernel = make_kernel("gaussian", 1.0, True, X, [], 0)
    points = kernel.embed(X)
    assert points.shape == (4000, 3)
    gone, there = points[:1000][:, [0, 2]], points[1000:][:, [0, 2]]
    assert np.ptp(gone, axis=0).tolist() == [0.0, 0.0]  # equal ones are at distance 0
    across = ((gone[0] - there) ** 2).sum(axis=1).mean()
    among = ((there[:1500] - there[1500:]) ** 2).sum(axis=1).mean()
    assert across == pytest.approx(2.0, abs=0.01)
    assert among == pytest.approx(2.0, abs=0.15)
    scale = X[1000:, 0].std()
    assert np.allclose(there[:, 0], (X[1000:, 0] - X[1000:, 0].mean()) / scale)


def test_a_kernel_without_gaps_is_what_it_was_and_with_gaps_is_positive() -> None:
    whole = RNG.normal(size=(30, 3))
    assert make_kernel("gaussian", None, True, whole, [], 0).width == 3
    X = whole.copy()
    X[RNG.random(X.shape) < 0.3] = np.nan
    for kind in ("gaussian", "linear"):
        kernel = make_kernel(kind, None, True, X, [], 0)  # type: ignore[arg-type]  # both are kinds
        points = kernel.embed(X)
        assert np.isfinite(points).all()
        assert np.linalg.eigvalsh(kernel.matrix(points, points)).min() > -1e-9
    only_explained = make_kernel("gaussian", 1.0, True, whole, [], 0, X)
    assert np.isfinite(only_explained.embed(X)).all()


def test_features_are_alike_where_both_are_missing_and_unlike_where_one_is() -> None:
    X = np.array([[np.nan, 1.0], [np.nan, 1.0]])
    train = np.array([[np.nan, 1.0], [3.0, 2.0], [5.0, 4.0]])
    shown = Contents(X, train, (), (), None, 0)
    group = Group("all", np.arange(2), np.arange(3))
    table = feature_similarity([(group, np.array([0, 1]), np.array([0.5, 0.5]))], shown)
    assert table["1"].tolist() == [1.0, 1.0]
    assert table["2"].tolist()[0] == 0.0


def test_who_lacks_a_feature_is_not_guessed_about_it_and_is_known_to_lack_the_others() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    X[rng.random(200) < 0.3, 0] = np.nan
    member = np.arange(200) < 100
    one = withhold("x0", (0,), X, member, ())
    assert not isinstance(one, str)
    assert np.array_equal(one.rows, np.flatnonzero(~np.isnan(X[:, 0])))
    assert np.isfinite(one.candidates).all()
    order = np.argsort(X[one.rows, 0])
    assert (np.diff(one.target[order]) > 0).all()
    other = withhold("x1", (1,), X, member, ())
    assert not isinstance(other, str)
    known = attacker.background_knowledge(X, other, (), None)
    assert known.shape == (200, 3)  # the number, whether it is missing, and the third column
    assert np.isfinite(known).all()
    assert len(np.unique(known[np.isnan(X[:, 0]), 1])) == 1
    X[95:, 0] = np.nan
    few = withhold("x0", (0,), X, member, ())
    assert few == "fewer than 10 members or 10 non-members have it, it is missing in the others"


def test_weights_hold_in_rows_with_gaps_if_the_model_puts_constants_there_and_not_if_it_does_not() -> None:
    """A subject made by hand may hold the weights of a model that fills the gaps before."""
    weights = (np.array([[0.0, 0.0, 0.0], [1.0, 0.2, 1.0]]), np.array([0.0, -0.3]))

    def linear(rows: Array) -> Array:
        filler = 0.5 if constant else np.nan_to_num(rows[:, [0]]) ** 2
        p = 1 / (1 + np.exp(-(np.where(np.isnan(rows), filler, rows) @ weights[0][1] - 0.3)))
        return np.column_stack([1 - p, p])

    constant = True
    X, bounds = samples(20, share=0.0)[:, :3], BOUNDS[:, :3]
    y = linear(X).argmax(axis=1)
    whole = evasion(linear, X, y, bounds, linear=weights, n_samples=20)
    assert whole.bounds == {"robust_accuracy": "exact", "median_distance": "exact"}
    X[0, 1] = np.nan
    y = linear(X).argmax(axis=1)
    gaps = evasion(linear, X, y, bounds, linear=weights, n_samples=20)
    assert gaps.bounds == whole.bounds
    assert gaps.tables["samples"]["distance"][1:].equals(whole.tables["samples"]["distance"][1:])
    constant = False
    gaps = evasion(linear, X, linear(X).argmax(axis=1), bounds, linear=weights, n_samples=20)
    assert gaps.bounds == {}
    by = gaps.tables["samples"]["found_by"]
    assert by[0] != "exact"
    assert set(by[1:]) == {"exact"}
    found = (gaps.tables["samples"]["status"] == "found").to_numpy()
    assert np.array_equal(np.isnan(gaps.arrays["nearest"][found]), np.isnan(X[found]))
