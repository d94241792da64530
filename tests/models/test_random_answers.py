"""Models that answer at random are noticed before anything is attacked."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from xrai_widgets.core import Array, Subject
from xrai_widgets.models.steadiness import steadiness
from xrai_widgets.runtime import assess

X = np.random.default_rng(1).normal(size=(100, 3))
Y = (X[:, 0] > 0).astype(int)


def share(rows: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-rows[:, 0])))


class Noisy:
    """Answers with noise from a generator of its own."""

    def __init__(self, scale: float, seed: int = 0) -> None:
        self.scale, self.rng = scale, np.random.default_rng(seed)

    def __call__(self, rows: Array) -> Array:
        p = 1 / (1 + np.exp(-rows[:, 0] + self.scale * self.rng.normal(size=len(rows))))
        return np.c_[1 - p, p]


def test_the_same_rows_with_different_answers_are_told_with_the_size() -> None:
    subject = Subject.of(Noisy(1.0), X, Y)
    # 64 rows, three draws each: the largest difference of two logistic-normal answers lies well within these
    assert 0.3 < subject.unstable < 1.0
    assert subject.notes == (f"the same rows get different predictions: they differ by up to {subject.unstable:.3g}",)
    assert subject.notes[0] in subject.describe()


def test_the_fingerprint_does_not_change_with_the_noise() -> None:
    subject = Subject.of(Noisy(1.0), X, Y)
    assert subject.fingerprint == Subject.of(Noisy(1.0, seed=5), X, Y).fingerprint
    assert subject.state is not None
    model = Noisy(1.0)
    assert Subject.of(model, X, Y).fingerprint == Subject.of(model, X, Y).fingerprint
    assert subject.fingerprint != Subject.of(Noisy(2.0), X, Y).fingerprint
    assert subject.fingerprint != Subject.of(Noisy(1.0), X + 1, Y).fingerprint


def test_what_an_attack_would_find_by_chance_is_not_counted() -> None:
    outcome = assess(Subject.of(Noisy(1.0), X, Y), "robustness.evasion", n_samples=20, strict=True)
    assert set(outcome.finding.values) == {"accuracy"}
    assert "The same rows get different predictions: they differ by up to" in outcome.finding.notes[0]
    assert "Nothing was attacked" in outcome.finding.notes[0]


def test_a_little_noise_is_said_and_the_attack_goes_on() -> None:
    subject = Subject.of(Noisy(0.005), X, Y)
    assert 0 < subject.unstable < 0.01
    outcome = assess(subject, "robustness.evasion", n_samples=10, max_iter=3, strict=True)
    assert "found_share" in outcome.finding.values
    assert "The same rows get different predictions" in outcome.finding.notes[0]


def test_labels_at_random_are_noticed_too() -> None:
    rng = np.random.default_rng(0)
    subject = Subject.of(lambda rows: (rows[:, 0] + 0.5 * rng.normal(size=len(rows)) > 0).astype(int), X, Y)
    assert (subject.outputs, subject.unstable) == ("labels", 1.0)


def test_values_of_a_regression_count_as_shares_of_their_range() -> None:
    rng = np.random.default_rng(0)
    subject = Subject.of(lambda rows: 1000 * rows[:, 0] + rng.uniform(-1, 1, len(rows)), X, X[:, 0])
    assert 0.0001 < subject.unstable < 2 / (1000 * np.ptp(X[:64, 0]))


def test_an_answer_that_hangs_on_the_batch_is_noticed() -> None:
    def ranked(rows: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-(rows[:, 0] - rows[:, 0].mean()))))

    subject = Subject.of(ranked, X, Y)
    assert "a row gets another prediction alone than among others" in subject.notes[0]
    expected = np.abs(ranked(X[:64])[:8] - 0.5).max()
    assert subject.unstable == pytest.approx(expected)


def test_an_answer_that_hangs_on_the_place_in_the_batch_is_noticed() -> None:
    subject = Subject.of(lambda rows: np.linspace(0.2, 0.8, len(rows)), X, Y)
    assert subject.unstable > 0.3


def test_a_net_that_drops_out_in_forward_is_noticed_and_one_in_evaluation_is_not() -> None:
    torch = pytest.importorskip("torch")

    class Always(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.last = torch.nn.Linear(3, 2)

        def forward(self, rows: Any) -> Any:
            return self.last(torch.nn.functional.dropout(rows, 0.5, training=True))

    assert Subject.of(Always(), X, Y).unstable > 0.01
    calm = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
    assert Subject.of(calm, X, Y).unstable == 0.0


def test_steady_models_are_steady() -> None:
    for model in (LogisticRegression().fit(X, Y), share, lambda rows: share(rows).astype(np.float32)):
        subject = Subject.of(model, X, Y)
        assert (subject.unstable, subject.notes) == (0.0, ())


def test_the_parts_of_the_measure() -> None:
    found = steadiness(lambda rows: np.c_[share(rows), 1 - share(rows)], X)
    assert (found.twice, found.alone, found.rows, found.notes) == (0.0, 0.0, 64, ())
