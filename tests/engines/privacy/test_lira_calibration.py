"""On models that memorise nothing, is a leak found as rarely as the intervals promise? Long simulations, with seeds."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import xrai_widgets as xw
from xrai_widgets.core import Array, Finding
from xrai_widgets.engines.privacy import lira

pytestmark = pytest.mark.slow

REPEATS = 200
ENOUGH = 180  # of 200; an interval of exactly 95 % fails this once in 900 seeds


def rule(X: Array) -> Array:
    """A model that has seen no data at all."""
    one = 1 / (1 + np.exp(-X @ np.array([1.5, -1.0])))
    return np.column_stack([1 - one, one])


def train(X: Array, y: Array, *, seed: int) -> Callable[[Array], Array]:
    return LogisticRegression(solver="newton-cholesky").fit(X, y).predict_proba  # type: ignore[no-any-return]


def found(seed: int, members: int, others: int, fitted: bool) -> Finding:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(members + others, 2))
    y = (rng.random(len(X)) < rule(X)[:, 1]).astype(int)
    parts = (X[:members], y[:members], X[members:], y[members:])
    predict = train(*parts[:2], seed=0) if fitted else rule
    return lira(predict, *parts, train, seed=seed)


@pytest.fixture(scope="module")
def known() -> list[Finding]:
    """A rule that was never trained."""
    return [found(seed, 400, 400, False) for seed in range(REPEATS)]


@pytest.fixture(scope="module")
def linear() -> list[Finding]:
    """A linear model with 1,000 members per coefficient."""
    return [found(seed, 3000, 300, True) for seed in range(REPEATS)]


def scores_of(findings: list[Finding], attack: str) -> pd.DataFrame:
    return pd.DataFrame([finding.tables["scores"].set_index("score").loc[attack] for finding in findings])


def covering(findings: list[Finding], key: str, chance: float) -> int:
    intervals = [finding.intervals[key] for finding in findings]
    return sum(low <= chance <= high for low, high in intervals)


@pytest.mark.parametrize("attack", ["online LiRA", "offline LiRA", "RMIA"])
def test_no_attack_finds_members_of_a_rule_that_has_none(known: list[Finding], attack: str) -> None:
    scores = scores_of(known, attack)
    assert ((scores["low"] <= 0.5) & (scores["high"] >= 0.5)).sum() >= ENOUGH
    assert scores["auc"].mean() == pytest.approx(0.5, abs=0.006)


@pytest.mark.parametrize("kind", ["known", "linear"])
def test_a_model_that_memorises_nothing_is_rarely_called_a_leak(kind: str, request: pytest.FixtureRequest) -> None:
    findings: list[Finding] = request.getfixturevalue(kind)
    assert covering(findings, "auc", 0.5) >= ENOUGH
    assert covering(findings, "advantage", 0.0) >= ENOUGH
    thresholds = xw.Policy.default().thresholds["privacy.lira"]
    for key in ("advantage", "tpr_at_fpr_1pct"):
        most = thresholds[key].value
        assert sum(finding.intervals[key][0] <= most for finding in findings) >= ENOUGH


def test_rmia_sees_as_much_of_a_linear_model_as_its_coefficients_hold(linear: list[Finding]) -> None:
    """Leaving a sample out moves the fit by its leverage d/n: the trace that the docstring promises."""
    expected = 0.5 + 0.23 * np.sqrt(3 / 3000 + 3 / 300)
    assert scores_of(linear, "RMIA")["auc"].mean() == pytest.approx(expected, abs=0.006)
