"""Is one class given away more than the others, and is that more than chance?"""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from xrai_widgets.core import Array, Names
from xrai_widgets.engines.privacy import membership_inference
from xrai_widgets.engines.privacy.attacks.class_gaps import class_table, largest_gap
from xrai_widgets.engines.privacy.attacks.threshold import Attack

NAMES = [str(code) for code in range(10)]


def attacked(seed: int, n: int, classes: int, leak: float = 0.0) -> tuple[Array, Array, tuple[Array, Array]]:
    """Scores of members and others of as many classes; in the last one members score higher by ``leak``."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) % classes, rng.integers(0, classes, n)
    members = rng.normal(size=n) + leak * (groups[0] == classes - 1)
    return members, rng.normal(size=n), groups


def calls(members: Array, others: Array) -> Attack:
    return Attack((members > 0).astype(float), (others > 0).astype(float))


@pytest.mark.parametrize("classes", [2, 10])
def test_the_simultaneous_interval_of_the_largest_gap_covers_no_gap(classes: int) -> None:
    held = 0
    for seed in range(100):
        members, others, groups = attacked(seed, 200, classes)
        gap = largest_gap(class_table(members, others, groups, NAMES[:classes], calls(members, others)))
        assert gap is not None
        held += gap.low <= 0 <= gap.high
    assert held >= 95


def test_one_class_that_is_given_away_stands_out() -> None:
    members, others, groups = attacked(0, 600, 5, leak=2.0)
    table = class_table(members, others, groups, NAMES[:5], calls(members, others))
    gap = largest_gap(table)
    assert gap is not None
    assert gap.value == table["gap"].iloc[-1]
    assert gap.low > 0.2
    assert table["advantage_low"].iloc[-1] > 0.3
    assert (table["gap_low"].iloc[:-1] < 0).all()


def test_the_gap_is_the_auc_within_minus_that_among_all_others() -> None:
    members, others, groups = attacked(1, 300, 3, leak=1.0)
    row = class_table(members, others, groups, NAMES[:3], calls(members, others)).iloc[1]
    scores, which = np.r_[members, others], np.r_[groups[0], groups[1]]
    member = np.r_[np.ones(300), np.zeros(300)]
    own, rest = (roc_auc_score(member[part], scores[part]) for part in (which == 1, which != 1))
    assert row["auc"] == pytest.approx(own)
    assert row["gap"] == pytest.approx(own - rest)
    mine = scores[which == 1] > 0
    assert row["advantage"] == pytest.approx(
        mine[member[which == 1] == 1].mean() - mine[member[which == 1] == 0].mean()
    )


def test_a_class_of_few_samples_gets_an_interval_that_says_so() -> None:
    rng = np.random.default_rng(2)
    members, others = np.r_[rng.normal(size=200), 5.0, 5.1], np.r_[rng.normal(size=200), -5.0, -5.1]
    groups = np.r_[np.zeros(200, int), 1, 1]
    table = class_table(members, others, (groups, groups), NAMES[:2], calls(members, others))
    assert table["auc"].iloc[1] == 1
    assert table["low"].iloc[1] < 0.5


def test_one_class_has_no_gap_and_the_reader_is_told() -> None:
    rng = np.random.default_rng(3)

    def predict(X: Array) -> Array:
        return np.column_stack([1 - X[:, 0], X[:, 0]])

    arrays = rng.uniform(size=(60, 1)), np.ones(60, int), rng.uniform(size=(50, 1)), np.ones(50, int)
    finding = membership_inference(predict, *arrays, naming=Names(classes=("no", "yes")))
    assert "largest_class_gap" not in finding.values
    assert finding.tables["classes"]["class"].tolist() == ["yes"]
    assert "All samples are of class yes: there are no numbers for the others." in finding.notes
