"""A stream of days: seeded, clean before its onset, and found out after it."""

from dataclasses import replace

import numpy as np
import pytest

from xrai_widgets.core import Subject
from xrai_widgets.data.stream import Day, drifting_stream
from xrai_widgets.engines.monitoring import data_checks, data_drift, performance


def at(subject: Subject, day: Day) -> Subject:
    X = day.X.to_numpy()
    return replace(subject, X_new=X, y_new=day.y, new_ids=day.X.index.to_numpy())


def test_days_are_the_same_each_time_and_clean_before_the_onset() -> None:
    subject, days = drifting_stream(4, 100, onset=2, seed=3, baseline=300)
    _, again = drifting_stream(4, 100, onset=9, seed=3, baseline=300)
    first, second = list(days), list(again)
    assert [day.drifted for day in first] == [False, False, True, True]
    assert not any(day.drifted for day in second)
    for one, other in zip(first[:2], second[:2], strict=True):
        assert one.X.equals(other.X)
        assert np.array_equal(one.y, other.y)
    assert first[2].X["mean texture"].mean() > second[2].X["mean texture"].mean() + 1
    names = [name for day in first for name in day.X.index] + subject.ids.tolist()
    assert len(set(names)) == len(names)
    assert [day.day.isoformat() for day in first] == ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]


def test_what_is_wrong_is_found_by_each_engine_that_looks_at_it() -> None:
    subject, days = drifting_stream(2, 400, onset=1, flipped=0.3, baseline=1500)
    clean, drifted = (at(subject, day) for day in days)
    found = {}
    for name, one in (("clean", clean), ("drifted", drifted)):
        assert one.X_new is not None
        assert one.y_new is not None
        drift = data_drift(one.X, one.X_new, one.constraints, one.naming, joint=False)
        fall = performance(one.predict, one.X, one.y, one.X_new, one.y_new, one.decide)
        checks = data_checks(one.X, one.X_new, one.X_train, one.constraints, one.naming)
        found[name] = (drift.values["drifted_share"], fall.intervals["accuracy_fall"][0])
        assert checks.values["leak_excess"] == checks.values["seen_share"] == checks.values["broken_columns"] == 0.0
    assert found["clean"][0] == 0.0
    assert found["drifted"][0] == pytest.approx(1 / 6)
    assert found["clean"][1] < 0.05
    assert found["drifted"][1] > 0.1
