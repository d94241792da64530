"""What the data tell without a model is no leak of the model: a number that this explains is not judged."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Control, Finding, Outcome, Subject, find
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.runtime import assess
from xrai_widgets.runtime.control_warnings import wrong_of
from xrai_widgets.runtime.controls import split_leak

MIA = "privacy.membership_inference"
BLIND = Control("blind", "no leak")


def shifted(shift: float, model: object) -> Subject:
    """Training rows that lie beside the held-out ones in a column of no use."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(800, 4)), rng.integers(0, 2, 800)
    X[:400, 3] += shift
    fitted = model.fit(X[:400], y[:400])  # type: ignore[attr-defined]
    return Subject.of(fitted, X[400:], y[400:], X_train=X[:400], y_train=y[:400])


def outcome(low: float, high: float, blind: tuple[float, float], key: str = "advantage") -> Outcome:
    """An outcome as the runtime makes it where the control without a model finds ``blind``."""
    entry = find(MIA)
    chance = next(measure.chance for measure in entry.measures if measure.key == key)
    assert chance is not None
    own = Finding({"advantage": 0.0} | {key: (low + high) / 2}, {key: (low, high)})
    beyond = (blind[0] - chance, blind[1] - chance)
    ends = {"advantage": beyond, key: blind}
    its = Finding({name: sum(both) / 2 for name, both in ends.items()}, ends)
    rows = [{"control": "no model, the data alone", "measure": key, "low": blind[0], "high": blind[1]}]
    results = [(BLIND, its, "")]
    unjudged = split_leak(own, results, wrong_of(results, entry), entry)
    full = replace(own, tables={"controls": pd.DataFrame(rows)}, unjudged=unjudged)
    return Outcome(MIA, "a", "a", {}, "ok", full)


@pytest.mark.parametrize(
    ("interval", "status"),
    [
        ((0.25, 0.35), "not judged"),  # explained by the split
        ((0.41, 0.55), "not judged"),  # beyond the split's end, and within the limit beyond that
        ((0.49, 0.60), "not judged"),  # not wholly beyond end and limit
        ((0.51, 0.60), "fail"),
        ((0.00, 0.05), "not judged"),  # a split that differs can hide a leak, too
    ],
)
def test_a_number_is_judged_only_where_it_lies_beyond_limit_and_split(
    interval: tuple[float, float], status: str
) -> None:
    verdict = judge(outcome(*interval, blind=(0.3, 0.4)))
    check = next(check for check in verdict.checks if check.key == "advantage")
    assert check.status == verdict.status == status
    if status == "not judged":
        assert check.reason == (
            "the split leaks by itself: without any model the data tell members from others with "
            "advantage 0.35 [0.3, 0.4]"
        )
    else:
        assert check.reason == ""


def test_what_the_split_explains_is_counted_from_chance() -> None:
    policy = Policy.parse('["privacy.membership_inference"]\nauc = { max = 0.6 }')
    for low, status in ((0.74, "not judged"), (0.81, "fail")):
        made = outcome(low, 0.9, blind=(0.6, 0.7), key="auc")
        assert judge(made, policy).status == status


def test_a_control_that_finds_nothing_leaves_the_verdict_alone() -> None:
    made = outcome(0.2, 0.3, blind=(-0.02, 0.1))
    assert made.finding is not None
    assert made.finding.unjudged == {}
    assert judge(made).status == "fail"
    assert judge(outcome(0.0, 0.05, blind=(-0.02, 0.1))).status == "pass"


def test_a_value_that_nobody_may_judge_for_another_reason_stays_so() -> None:
    made = outcome(0.8, 0.9, blind=(0.3, 0.4))
    assert made.finding is not None
    other = replace(made, finding=replace(made.finding, unjudged={"advantage": "the attack found too much by chance"}))
    assert judge(other).status == "not judged"


def test_a_harmless_model_on_a_split_that_leaks_is_not_judged() -> None:
    made = assess(shifted(1.5, LogisticRegression(C=1e-4)), MIA)
    assert made.finding is not None
    assert set(made.finding.unjudged) == {"advantage", "auc", "balanced_accuracy", "tpr_at_fpr_1pct"}
    verdict = judge(made)
    assert verdict.status == "not judged"
    assert verdict.reason.startswith("the split leaks by itself")


def test_a_model_that_memorises_fails_although_the_split_leaks() -> None:
    made = assess(shifted(0.8, DecisionTreeClassifier(random_state=0)), "privacy.membership_inference")
    assert made.finding is not None
    assert made.finding.unjudged["auc"].startswith("the split leaks by itself")
    table = made.finding.tables["controls"].set_index(["control", "measure"])
    end = table.loc[("no model, the data alone", "advantage"), "high"]
    low = made.finding.intervals["advantage"][0]
    assert judge(made, Policy.default().with_threshold(MIA, "advantage", low - end - 0.01)).status == "fail"
    assert judge(made, Policy.default().with_threshold(MIA, "advantage", low - end + 0.01)).status == "not judged"


def test_a_fair_split_judges_as_ever() -> None:
    made = assess(shifted(0.0, LogisticRegression(C=1e-4)), MIA)
    assert made.finding is not None
    assert made.finding.unjudged == {}
    assert judge(made).status in ("pass", "warn")
