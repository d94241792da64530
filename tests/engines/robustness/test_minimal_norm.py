"""FAB and FMN: the nearest change, in every norm."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.engines.robustness.attacked import Linear, Stops, digits_cnn, problem_of
from xrai_widgets.core import Array, Constraint, quiet
from xrai_widgets.core.step import Cancelled
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._search.planes import smallest_change, smallest_cube
from xrai_widgets.engines.robustness.evasion.auto_attack import fab as fabs
from xrai_widgets.engines.robustness.evasion.auto_attack import fmn as fmns
from xrai_widgets.engines.robustness.evasion.auto_attack.fab import fab, smallest_sum
from xrai_widgets.engines.robustness.evasion.auto_attack.fmn import fmn
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import Ran, Slopes

norms = pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
both = pytest.mark.parametrize("name", ["fab", "fmn"])


def attack(name: str, model: Linear, problem: Problem, settings: Any = None) -> tuple[Best, Ran]:
    best, slopes = Best.nothing(problem), Slopes(problem, model.gradient, model.logits, model.logit_gradient)
    if name == "fab":
        return best, fab(problem, best, slopes, settings or fabs.Settings(15), 0, quiet)
    return best, fmn(problem, best, slopes, settings or fmns.Settings(60, rivals=model.k - 1), 0, quiet)


def fewest(model: Linear, end: float) -> Array:
    """Closed form for l0: the coordinates that gain most are moved to their ends until the rival leads."""
    scores, least = model.logits(model.X), np.full(len(model.X), np.inf)
    for i, label in enumerate(scores.argmax(axis=1)):
        for rival in range(model.k):
            if rival != label:
                slope = model.weights[rival] - model.weights[label]
                gain = np.abs(slope) * (end - np.sign(slope) * model.X[i])
                reached = np.cumsum(np.sort(gain)[::-1]) >= scores[i, label] - scores[i, rival]
                least[i] = min(least[i], reached.argmax() + 1 if reached.any() else np.inf)
    return least


@both
@norms
@pytest.mark.parametrize("k", [2, 5])
def test_of_a_linear_model_the_distance_is_that_of_the_closed_form(name: str, norm: str, k: int) -> None:
    model = Linear(k)
    best, _ = attack(name, model, model.problem(norm))
    ratio = best.distance / model.distances(norm)
    assert ratio.min() >= 1
    assert ratio.max() <= 1.01


@both
@norms
def test_in_a_narrow_box_it_is_that_of_the_plane_cut_by_the_box(name: str, norm: str) -> None:
    model = Linear(2, n=40)
    model.X, end = np.clip(model.X, -1.0, 1.0), 1.2
    slope = model.weights[1] - model.weights[0]
    lead = (model.X @ model.weights.T + model.bias) @ np.array([1.0, -1.0])
    normal = slope * np.sign(lead)[:, None]
    corners = (normal, np.abs(lead), -end - model.X, end - model.X)
    if norm == "l1":
        change = smallest_sum(*corners)
        reached = (change * normal).sum(axis=1) >= np.abs(lead) - 1e-9
    else:
        change, reached = smallest_cube(*corners) if norm == "linf" else smallest_change(*corners, beta=0.0)
    far = np.linalg.norm(change, ord={"l1": 1, "l2": 2, "linf": np.inf}[norm], axis=1)
    assert reached.sum() > 5
    best, _ = attack(name, model, model.problem(norm, end=end), fmns.Settings(300) if name == "fmn" else None)
    assert (best.success <= reached).all()
    ratio = best.distance[reached] / far[reached]
    assert ratio.min() >= 1 - 1e-9
    assert np.quantile(ratio, 0.9) <= 1.01
    assert ratio.max() <= (1.01 if name == "fab" else 1.2)


def test_in_l0_fmn_changes_as_few_numbers_as_can_be() -> None:
    model, end = Linear(3, width=12, n=40), 1.0
    model.X, model.bias = np.clip(model.X, -1.0, 1.0), np.array([8.0, 0.0, -4.0])
    model.weights = np.sign(model.weights) + 0.2 * model.weights
    least = fewest(model, end)
    assert len(np.unique(least[np.isfinite(least)])) > 2
    best, _ = attack("fmn", model, model.problem("l0", end=end), fmns.Settings(100, rivals=2))
    assert (best.distance >= least).all()
    assert (best.distance == least).mean() >= 0.9


def test_the_smallest_sum_is_that_of_linear_programming() -> None:
    from scipy.optimize import linprog

    rng = np.random.default_rng(2)
    normal, need = rng.normal(size=(20, 5)), rng.uniform(0, 2, 20)
    low, high = -rng.uniform(0, 1, (20, 5)), rng.uniform(0, 1, (20, 5))
    ours = smallest_sum(normal, need, low, high)
    for i in range(20):
        up_and_down = np.r_[-normal[i], normal[i]]
        ends = [(0, end) for end in np.r_[high[i], -low[i]]]
        best = linprog(np.ones(10), A_ub=up_and_down[None], b_ub=[-need[i]], bounds=ends)
        if best.success:
            assert np.isclose(np.abs(ours[i]).sum(), best.fun)
            assert ours[i] @ normal[i] >= need[i] - 1e-9


@both
def test_what_is_spent_is_what_the_model_was_asked_and_a_budget_is_kept(name: str) -> None:
    module: Any = {"fab": fabs, "fmn": fmns}[name]
    for queries in (60, 400, 3000):
        model = Linear(5)
        problem = model.problem("l2")
        _, ran = attack(name, model, problem, module.Settings.within(queries, 5))
        assert ran.spent.sum() == model.asked
        assert ran.spent.max() <= queries


@both
@norms
def test_a_sample_is_attacked_alike_whichever_others_are_attacked_with_it(name: str, norm: str) -> None:
    model = Linear(4)
    problem, some = model.problem(norm), np.array([2, 3, 19])
    alone = replace(
        problem, samples=problem.samples[some], labels=problem.labels[some], numbers=problem.numbers[some], rows=2
    )
    settings = fabs.Settings(8, 2) if name == "fab" else fmns.Settings(20, 2, 1)
    together, _ = attack(name, model, problem, settings)
    apart, _ = attack(name, model, alone, settings)
    assert np.allclose(together.distance[some], apart.distance, rtol=1e-6)


def test_with_a_radius_fab_leaves_alone_what_is_broken_within_it() -> None:
    model = Linear(4)
    problem = model.problem("l2")
    best = Best.nothing(problem)
    best.distance[::2] = 0.1
    slopes = Slopes(problem, model.gradient, model.logits, model.logit_gradient)
    ran = fab(problem, best, slopes, fabs.Settings(10, radius=0.2), 0, quiet)
    assert (ran.spent[::2] == 0).all()
    far = model.distances("l2")
    assert (best.distance[1::2] <= 1.01 * np.maximum(far[1::2], 0.2)).all()
    quick = np.flatnonzero(far < 0.1)
    slow = np.flatnonzero(far > 0.2)
    whole = fab(problem, Best.nothing(problem), slopes, fabs.Settings(10, radius=0.2), 0, quiet)
    assert whole.spent[quick].max() < whole.spent[slow].min()


@both
def test_constraints_hold(name: str) -> None:
    kinds = (
        *(Constraint(immutable=True), Constraint(monotone=1), Constraint(monotone=-1), Constraint(kind="integer")),
        *[Constraint()] * 4,
    )
    model = Linear(3)
    model.X[:, 3] = np.rint(model.X[:, 3])
    problem = model.problem("l2", kinds)
    best, _ = attack(name, model, problem)
    owner = np.flatnonzero(best.success)
    assert len(owner) > 15
    changed, before = problem.space.to_samples(best.points[owner], problem.samples[owner]), problem.samples[owner]
    assert (problem.classes(changed) != problem.labels[owner]).all()
    assert (changed[:, 0] == before[:, 0]).all()
    assert (changed[:, 1] >= before[:, 1]).all()
    assert (changed[:, 2] <= before[:, 2]).all()
    assert (changed[:, 3] == np.rint(changed[:, 3])).all()
    assert np.allclose(np.linalg.norm(changed - before, axis=1), best.distance[owner])


@both
def test_a_cancelled_attack_keeps_what_it_has(name: str) -> None:
    model = Linear(5)
    problem = model.problem("l2")
    best, slopes = Best.nothing(problem), Slopes(problem, model.gradient, model.logits, model.logit_gradient)
    start: Any = fab if name == "fab" else fmn
    settings = fabs.Settings() if name == "fab" else fmns.Settings()
    with pytest.raises(Cancelled):
        start(problem, best, slopes, settings, 0, Stops(25))
    assert best.success.any()


@norms
def test_on_a_network_both_find_a_change_of_every_image_and_nearly_the_same_distance(norm: Any) -> None:
    subject = digits_cnn()
    problem = problem_of(subject, norm, 40)
    near = []
    for name in ("fab", "fmn"):
        best, slopes = Best.nothing(problem), Slopes(problem, subject.gradient, subject.logits, subject.logit_gradient)
        if name == "fab":
            fab(problem, best, slopes, fabs.Settings(15, 1, 5), 0, quiet)
        else:
            fmn(problem, best, slopes, fmns.Settings(60, 1, 2), 0, quiet)
        assert best.success.all()
        near.append(best.distance)
    assert 0.9 < np.median(near[0] / near[1]) < 1.1
