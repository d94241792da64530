"""Scores of trust: their slopes against finite differences, their order, and the calibrated threshold's guarantee."""

import numpy as np
import pytest

from xrai_widgets.core import Array
from xrai_widgets.engines._confidence import SCORES, calibrated_threshold

every_score = pytest.mark.parametrize("name", SCORES)


def softmax(z: Array) -> Array:
    weight = np.exp(z - z.max(axis=1, keepdims=True))
    p: Array = weight / weight.sum(axis=1, keepdims=True)
    return p


def value_of_logits(name: str, z: Array) -> Array:
    return SCORES[name].value(z if SCORES[name].of_logits else softmax(z))


@every_score
@pytest.mark.parametrize("k", [2, 3, 150])
def test_a_slope_is_what_finite_differences_say(name: str, k: int) -> None:
    z = np.random.default_rng(k).normal(size=(20, k)) * 2
    slope = SCORES[name].slope(z if SCORES[name].of_logits else softmax(z))
    for column in range(k):
        ahead, back = z.copy(), z.copy()
        ahead[:, column] += 1e-5
        back[:, column] -= 1e-5
        numeric = (value_of_logits(name, ahead) - value_of_logits(name, back)) / 2e-5
        assert np.allclose(slope[:, column], numeric, atol=1e-6)


@every_score
def test_a_sure_prediction_scores_higher_than_an_unsure_one(name: str) -> None:
    z = np.array([[5.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    value = value_of_logits(name, z)
    assert value[0] > value[1] > value[2]


def test_scores_are_the_closed_forms() -> None:
    p = np.array([[0.7, 0.2, 0.1]])
    assert SCORES["confidence"].value(p) == pytest.approx(0.7)
    assert SCORES["margin"].value(p) == pytest.approx(0.5)
    assert SCORES["entropy"].value(p) == pytest.approx(0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1))
    assert SCORES["GEN"].value(p) == pytest.approx(-sum((q * (1 - q)) ** 0.1 for q in (0.7, 0.2, 0.1)))
    assert SCORES["energy"].value(np.array([[1.0, 2.0, 3.0]])) == pytest.approx(np.log(np.exp([1, 2, 3]).sum()))


@every_score
def test_extreme_outputs_give_finite_scores_and_slopes(name: str) -> None:
    z = np.array([[800.0, 0.0, -800.0], [40.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    read = z if SCORES[name].of_logits else softmax(z)
    assert np.isfinite(SCORES[name].value(read)).all()
    assert np.isfinite(SCORES[name].slope(read)).all()
    assert np.isfinite(SCORES[name].slope(np.eye(3))).all()


@pytest.mark.parametrize("ties", [False, True])
def test_false_alarms_keep_to_alpha_on_average(ties: bool) -> None:
    alpha, rates, n = 0.05, [], 60
    for seed in range(300):
        rng = np.random.default_rng(seed)
        clean, new = rng.beta(4, 1, n), rng.beta(4, 1, 400)
        if ties:
            clean, new = np.round(clean, 1), np.round(new, 1)
        rates.append(float((new < calibrated_threshold(clean, alpha)).mean()))
    se = np.std(rates) / np.sqrt(len(rates))
    assert np.mean(rates) <= alpha + 2 * se
    if not ties:  # and no more careful than it must be: k / (n + 1) exactly
        assert abs(np.mean(rates) - 3 / 61) <= 3 * se


def test_too_few_samples_have_no_threshold() -> None:
    scores = np.linspace(0.5, 1.0, 19)
    assert calibrated_threshold(scores[1:], 0.05) == -np.inf
    assert calibrated_threshold(scores, 0.05) == 0.5
    assert calibrated_threshold(np.array([]), 0.5) == -np.inf
    assert calibrated_threshold(scores[:9], 0.1) == scores[0], "0.1 · 10 is 1, whatever rounding makes of it"


def test_where_all_scores_are_equal_nothing_is_flagged() -> None:
    scores = np.full(200, 0.9)
    assert not (scores < calibrated_threshold(scores, 0.05)).any()
