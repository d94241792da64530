"""Square: random search by squares, from scores alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.engines.robustness.attacked import Linear, digits_cnn, problem_of
from xrai_widgets.core import NotApplicable, quiet
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines.robustness.evasion.auto_attack.room import size
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import Ran, Slopes
from xrai_widgets.engines.robustness.evasion.auto_attack.square import Settings, side, square
from xrai_widgets.engines.robustness.evasion.auto_attack.squares import Draws, bumps, stripes, with_bumps, with_square

both_norms = pytest.mark.parametrize("norm", ["l2", "linf"])
RADIUS = {"linf": 0.12, "l2": 0.7}


def attack(problem: Problem, settings: Settings, best: Best | None = None) -> tuple[Best, Ran]:
    best = best or Best.nothing(problem)
    return best, square(problem, best, Slopes(problem, None, digits_cnn().logits), settings, 0, quiet)


@both_norms
def test_it_breaks_more_images_than_noise_of_the_same_size_and_stays_within_it(norm: Any) -> None:
    problem, radius = problem_of(digits_cnn(), norm, 50), RADIUS[norm]
    best, ran = attack(problem, Settings(radius, 150))
    assert ((best.distance <= radius * (1 + 1e-9)) | np.isinf(best.distance)).all()
    owner = np.flatnonzero(best.success)
    changed = problem.space.to_samples(best.points[owner], problem.samples[owner])
    assert (problem.classes(changed) != problem.labels[owner]).all()
    assert (changed >= 0).all()
    assert (changed <= 1).all()
    rng, noise = np.random.default_rng(0), np.zeros(50, dtype=bool)
    for _ in range(150):
        way = np.sign(rng.normal(size=problem.samples.shape))
        points = np.clip(problem.origins + radius * way / (1 if norm == "linf" else 8), 0, 1)
        noise |= problem.adversarial(points, np.arange(50))
    assert len(owner) > noise.sum() + 5
    assert len(owner) < 50
    assert ran.spent.max() <= 150 + 20
    standing = ~best.success
    assert (ran.spent[standing] == 150).all()


@both_norms
def test_an_image_is_attacked_alike_whichever_others_are_attacked_with_it(norm: Any) -> None:
    problem, some = problem_of(digits_cnn(), norm, 30), np.array([3, 4, 17, 22])
    alone = replace(
        problem, samples=problem.samples[some], labels=problem.labels[some], numbers=problem.numbers[some], rows=3
    )
    settings = Settings(RADIUS[norm], 300)  # more than is drawn ahead
    together, _ = attack(problem, settings)
    apart, _ = attack(alone, settings)
    assert np.allclose(together.distance[some], apart.distance, rtol=1e-4)


def test_samples_that_are_broken_within_the_radius_are_left_alone() -> None:
    problem = problem_of(digits_cnn(), "linf", 10)
    best = Best.nothing(problem)
    best.distance[::2] = 0.01
    _, ran = attack(problem, Settings(0.05, 20), best)
    assert (ran.spent[::2] == 0).all()
    assert (ran.spent[1::2] > 0).all()


def test_tables_and_other_norms_are_refused() -> None:
    model = Linear(3)
    with pytest.raises(NotApplicable, match="images"):
        attack(model.problem("l2"), Settings(0.1))
    with pytest.raises(NotApplicable, match="l1"):
        attack(problem_of(digits_cnn(), "l1", 3), Settings(0.1))


def test_squares_shrink_from_most_of_the_image_to_a_pixel() -> None:
    sides = [side(t, 1000, 0.8, (1, 8, 8)) for t in range(1000)]
    assert sides[0] == 7
    assert sides[-1] == 1
    assert (np.diff(sides) <= 0).all()


def test_what_is_tried_has_the_radius_and_one_square_differs() -> None:
    shape, origins = (3, 9, 7), np.zeros((4, 189))
    draws = Draws([np.random.default_rng(i) for i in range(4)], shape)
    lines = stripes(draws, 0.1).reshape(4, *shape)
    assert np.allclose(np.abs(lines), 0.1)
    assert (lines == lines[:, :, :1]).all()
    moved = with_square(lines.reshape(4, -1), draws, 3, 0.1).reshape(4, *shape) - lines
    for image in moved:
        rows, columns = np.flatnonzero(image.any(axis=(0, 2))), np.flatnonzero(image.any(axis=(0, 1)))
        assert np.ptp(rows) == np.ptp(columns) == 2
        assert np.allclose(np.abs(image[:, rows[0] : rows[0] + 3, columns[0] : columns[0] + 3]), 0.2)
    change = bumps(draws, shape, 0.5)
    assert np.allclose(size(change, "l2"), 0.5)
    for _ in range(20):
        change = with_bumps(change, origins, draws, 3, 0.5)
        assert (size(change, "l2") <= 0.5 + 1e-9).all()
        assert (size(change, "l2") > 0.4).all()  # a bump and what stood there may cancel out in a channel
