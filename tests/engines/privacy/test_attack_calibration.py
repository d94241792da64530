"""Do the attacks stay quiet where nothing is memorised? 200 seeded models each, for every attack and both tasks."""

import numpy as np
import pytest

import xrai_widgets as xw
from tests.benchmarks.table import alone
from xrai_widgets.core import Array, Subject

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

REPEATS = 200
ENOUGH = 180  # of 200
N = 250  # members, and as many others
ATTACKS = ("threshold", "random forest", "gradient boosting", "logistic regression", "neural network")
SLOPES = np.array([1.0, -1.0, 0.5, 0.0])


def known_rule(X: Array) -> Array:
    """A classifier that has seen no data at all."""
    one = 1 / (1 + np.exp(-X @ SLOPES))
    return np.column_stack([1 - one, one])


def known_line(X: Array) -> Array:
    """A regression that has seen no data at all."""
    line: Array = X @ SLOPES
    return line


def subject(seed: int, task: str) -> Subject:
    # in default_rng(0 … 199) even the exact Mann–Whitney test of these residuals is wrong in 22 of 200 cases, and in 5
    # to 8 in the next four draws of 200
    rng = np.random.default_rng([1, seed])
    X = rng.normal(size=(2 * N, 4))
    if task == "regression":
        y, model = known_line(X) + rng.normal(size=2 * N), known_line
    else:
        y, model = (rng.random(2 * N) < known_rule(X)[:, 1]).astype(int), known_rule
    return Subject.of(model, X[N:], y[N:], X_train=X[:N], y_train=y[:N], task=task)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_where_nothing_is_memorised_nothing_is_found(attack: str, task: str) -> None:
    auc = advantage = quiet = low = 0
    for seed in range(REPEATS):
        outcome = alone(subject(seed, task), "privacy.membership_inference", attack=attack, repeats=2, seed=seed)
        assert outcome.finding is not None
        intervals = outcome.finding.intervals
        auc += intervals["auc"][0] <= 0.5 <= intervals["auc"][1]
        advantage += intervals["advantage"][0] <= 0 <= intervals["advantage"][1]
        low += intervals["tpr_at_fpr_1pct"][0] <= 0.01 <= intervals["tpr_at_fpr_1pct"][1]
        checks = {check.key: check.status for check in outcome.verdict(xw.Policy.default()).checks}
        quiet += "fail" not in checks.values()
    assert min(auc, advantage, quiet, low) >= ENOUGH, (auc, advantage, quiet, low)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_interval_of_a_trained_attack_would_be_too_short_over_all_samples(task: str) -> None:
    """The reason for `Attack.share`: without it this attack's interval covers chance too rarely."""
    from xrai_widgets.engines import _statistics as statistics

    held = 0
    for seed in range(REPEATS):
        finding = alone(
            subject(seed, task), "privacy.membership_inference", attack="logistic regression", repeats=2, seed=seed
        ).finding
        assert finding is not None
        samples = finding.tables["samples"]
        member = (samples["is"] == "member").to_numpy()
        chance = samples["member probability"].to_numpy()
        _, low, high = statistics.auc(chance[member], chance[~member])
        held += low <= 0.5 <= high
    assert held < ENOUGH
