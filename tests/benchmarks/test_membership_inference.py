"""Speed of membership inference: the default run, and trained attacks against ART's on the same deals."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from tests.benchmarks.table import show, timed
from xrai_widgets.engines.privacy import membership_inference

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]


def case(n: int, features: int = 20) -> tuple[Any, ...]:
    """Outputs of a logistic regression, ready to be looked up."""
    X, y = make_classification(2 * n, features, n_informative=8, flip_y=0.1, random_state=0)
    model = LogisticRegression(max_iter=1000).fit(X[:n], y[:n])
    return model.predict_proba, X[:n], y[:n], X[n:], y[n:]


def test_the_default_attack_on_ten_thousand_members_and_others_takes_under_half_a_second() -> None:
    arrays = case(10_000)
    finding, ours = timed(lambda: membership_inference(*arrays), repeats=3)
    show(
        "Membership inference by a threshold, 10,000 + 10,000 samples",
        [{"": "xrai_widgets", "wall s": ours.wall, "CPU s": ours.cpu}],
    )
    low, high = finding.intervals["auc"]
    assert low < 0.5 < high
    assert ours.cpu < 0.5


@pytest.mark.parametrize(
    ("attack", "least"),
    [("random forest", 1.5), ("gradient boosting", 1.2), ("logistic regression", 0.6), ("neural network", 10.0)],
)
def test_a_trained_attack_is_about_as_fast_as_arts_or_faster(attack: str, least: float) -> None:
    arrays, seconds, values = case(2_000), {}, {}
    run = partial(membership_inference, *arrays, attack=attack, repeats=1)  # type: ignore[arg-type]  # a parameter of the test
    for implementation in ("native", "art"):
        finding, seconds[implementation] = timed(partial(run, implementation=implementation), repeats=3)  # type: ignore[arg-type]  # one of a list
        values[implementation] = finding.values["auc"]
    ratio = seconds["art"].wall / seconds["native"].wall
    show(
        f"Membership inference, {attack}, 2,000 + 2,000 samples, both halves in turn",
        [
            {"": name, "wall s": seconds[key].wall, "CPU s": seconds[key].cpu, "AUC": values[key]}
            for key, name in (("art", "ART"), ("native", "xrai_widgets"))
        ]
        + [{"": "ratio", "wall s": ratio}],
    )
    assert np.isfinite(list(values.values())).all()
    assert ratio >= least
