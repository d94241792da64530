"""No pass from a bound on the favourable side, whatever the policy: over the whole catalog."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.neighbors import KNeighborsClassifier

import xrai_widgets as xw
from xrai_widgets.core import Assessment, Finding, Measure, Outcome, registered
from xrai_widgets.results.policy import Policy, Verdict, judge

CATALOG = [entry for name, entry in registered().items() if not name.startswith("custom.") and entry.measures]
# what a search found: a longer search can only make the model look worse
SEARCHED = {
    ("robustness.evasion", "robust_accuracy"),
    ("robustness.evasion", "median_distance"),
    ("explanations.cem", "pn_share"),
    ("explanations.cem", "median_pn_distance"),
}


def lenient(entry: Assessment) -> Policy:
    """Return limits at which every value would pass."""
    policy = Policy()
    for measure in entry.measures:
        policy = policy.with_threshold(entry.name, measure.key, 1e9 if measure.better == "lower" else -1e9)
    return policy


def favourable(measure: Measure, finding: Finding) -> bool:
    bound = finding.bounds.get(measure.key, measure.bound)
    return bound == ("lower" if measure.better == "lower" else "upper")


def check(verdict: Verdict, entry: Assessment, finding: Finding) -> None:
    flattered = {measure.key for measure in entry.measures if favourable(measure, finding)}
    for status, key in [
        *((checked.status, checked.key) for checked in verdict.checks if checked.threshold),
        *((group.status, group.key) for group in verdict.groups),
        *((group.together, group.key) for group in verdict.groups),
    ]:
        assert status == ("not refuted" if key in flattered else "pass"), key


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
@pytest.mark.parametrize("bound", [None, "upper", "lower", "exact"])
def test_no_bound_on_the_favourable_side_passes(entry: Assessment, bound: str | None) -> None:
    keys = [measure.key for measure in entry.measures]
    rows = [
        {"group": group, "measure": key, "value": 0.5, "low": 0.4, "high": 0.6, "n": 50, "note": ""}
        for key in keys
        for group in "ab"
    ]
    finding = Finding(
        values=dict.fromkeys(keys, 0.5),
        intervals=dict.fromkeys(keys, (0.4, 0.6)),
        tables={"subgroups": pd.DataFrame(rows)},
        bounds={} if bound is None else dict.fromkeys(keys, bound),  # type: ignore[arg-type]
    )
    check(judge(Outcome(entry.name, "f" * 64, "m", {}, "ok", finding), lenient(entry)), entry, finding)


def test_what_a_search_finds_is_declared_a_bound_that_can_only_be_too_good() -> None:
    nothing = Finding({})
    names = {(entry.name, m.key) for entry in CATALOG for m in entry.measures if favourable(m, nothing)}
    assert names >= SEARCHED


def test_what_one_attacker_gets_is_said_to_be_that() -> None:
    for entry in CATALOG:
        if entry.stronger:
            assert entry.stronger in registered()
            assert registered()[entry.stronger].family == entry.family
            assert all(measure.attacker for measure in entry.measures)
        for measure in entry.measures:
            assert not (measure.attacker and measure.bound), f"{entry.name} {measure.key}"


def test_an_attack_on_a_real_model_does_not_pass_it() -> None:
    X, y = make_classification(120, 4, random_state=0)
    model = KNeighborsClassifier(3).fit(X[:60], y[:60])  # nothing exact is known of it
    subject = xw.Subject.of(model, X[60:], y[60:], X_train=X[:60], y_train=y[:60], groups=np.arange(60) % 2)
    for name, params in (
        ("robustness.evasion", {"n_samples": 20, "max_iter": 2}),
        ("explanations.cem", {"n_samples": 5}),
    ):
        outcome = xw.assess(subject, name, **params)
        assert outcome.finding is not None, outcome.reason
        verdict = judge(outcome, lenient(registered()[name]))
        assert verdict.status == "not refuted"
        check(verdict, registered()[name], outcome.finding)
