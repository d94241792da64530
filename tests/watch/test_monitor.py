from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import xrai_widgets as xw

_rng = np.random.default_rng(0)
X = _rng.normal(size=(2600, 3))
Y = (X[:, 0] > 0).astype(int) ^ (_rng.random(2600) < 0.05)
MODEL = LogisticRegression().fit(X[:500], Y[:500])


def test_a_monitor_tells_a_fall_and_the_history_has_every_number(tmp_path: Path) -> None:
    store = xw.Store(tmp_path / "store.sqlite")
    plan = ["monitoring.performance"]
    monitor = xw.ModelMonitor(MODEL, (X[500:1600], Y[500:1600]), plan=plan, store=store)
    fine = monitor.look(X[1600:2200], Y[1600:2200])
    assert fine.status == "pass"
    assert fine.problems == ()
    flipped = np.where(_rng.random(400) < 0.3, 1 - Y[2200:], Y[2200:])
    fallen = monitor.look(X[2200:], flipped)
    assert fallen.status == "fail"
    assert "fall of the accuracy" in fallen.problems[0].text
    table = xw.history(store, monitor.outcomes[0].series)
    falls = table[table["measure"] == "accuracy_fall"]
    assert falls["verdict"].tolist() == ["pass", "fail"]
    finding = monitor.outcomes[0].finding
    assert finding is not None
    assert falls["value"].iloc[1] == finding.values["accuracy_fall"]
    assert (falls["low"].iloc[1], falls["high"].iloc[1]) == finding.intervals["accuracy_fall"]
    assert store.load(int(falls["number"].iloc[1])).finding is not None


def test_a_threshold_is_a_share_and_a_plan_is_checked_at_once() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        xw.ModelMonitor(MODEL, (X, Y), threshold=10)
    with pytest.raises(ValueError, match=r"monitoring\.performance"):
        xw.ModelMonitor(MODEL, (X, Y), plan=["monitoring.performence"])


def test_a_history_needs_a_name() -> None:
    with pytest.raises(ValueError, match="name a series"):
        xw.history(xw.Store("sqlite://"))


def test_of_a_regression_the_performance_is_said_not_to_be_judged() -> None:
    rng = np.random.default_rng(0)
    X, Z = rng.normal(size=(80, 2)), rng.normal(size=(60, 2))
    model = LinearRegression().fit(X, X[:, 0])
    judged = xw.ModelMonitor(model, (X, X[:, 0]), plan=["monitoring.performance"]).look(Z, Z[:, 0] + 100)
    assert judged.status == "not judged"
    assert judged.notes == ("monitoring.performance: measured and not judged, as the policy has no limit for it",)
