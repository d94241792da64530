"""On models that memorise nothing, is a leak found as rarely as the intervals promise? Long simulations, with seeds."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import xrai_widgets as xw
from xrai_widgets.core import Array, Finding
from xrai_widgets.engines.privacy import lira

pytestmark = pytest.mark.slow

REPEATS = 200
ENOUGH = 180  # of 200; an interval of exactly 95 % fails this once in 900 seeds
ATTACKS = ("RMIA", "online LiRA", "offline LiRA")


def rule(X: Array) -> Array:
    """A model that has seen no data at all."""
    one = 1 / (1 + np.exp(-X @ np.array([1.5, -1.0])))
    return np.column_stack([1 - one, one])


def train(X: Array, y: Array, *, seed: int) -> Callable[[Array], Array]:
    return LogisticRegression().fit(X, y).predict_proba  # type: ignore[no-any-return]


def found(seed: int, members: int, others: int, fitted: bool) -> Finding:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(members + others, 2))
    y = (rng.random(len(X)) < rule(X)[:, 1]).astype(int)
    parts = (X[:members], y[:members], X[members:], y[members:])
    predict = train(*parts[:2], seed=0) if fitted else rule
    return lira(predict, *parts, train, n_references=8, seed=seed)


@pytest.fixture(scope="module", params=[False, True], ids=["known rule", "logistic regression"])
def findings(request: pytest.FixtureRequest) -> list[Finding]:
    """A rule that was never trained, and a linear model with 1,000 members per coefficient."""
    size = (3000, 300) if request.param else (400, 400)
    return [found(seed, *size, request.param) for seed in range(REPEATS)]


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_interval_of_the_auc_covers_chance_where_nothing_is_memorised(findings: list[Finding], attack: str) -> None:
    rows = [finding.tables["scores"].set_index("score").loc[attack] for finding in findings]
    assert sum(row["low"] <= 0.5 <= row["high"] for row in rows) >= ENOUGH


def test_a_model_that_memorises_nothing_is_rarely_judged_a_leak(findings: list[Finding]) -> None:
    most = xw.Policy.default().thresholds["privacy.lira"]["advantage"].max
    assert most is not None
    assert sum(finding.intervals["advantage"][0] <= most for finding in findings) >= ENOUGH
    covered = [finding.intervals["advantage"] for finding in findings]
    assert sum(low <= 0 <= high for low, high in covered) >= ENOUGH
