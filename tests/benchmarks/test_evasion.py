"""Speed of HopSkipJump on a forest, against the Adversarial Robustness Toolbox in the same run."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

import xrai_widgets as xw
from tests.benchmarks.table import show, timed

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]

N = 10
BUDGET = {"max_iter": 50, "max_eval": 10_000, "init_eval": 100, "init_size": 100}


def test_hop_skip_jump_on_a_forest_is_ten_times_cheaper_than_arts_and_no_worse() -> None:
    from art import __version__ as version
    from art.attacks.evasion import HopSkipJump
    from art.estimators.classification import SklearnClassifier

    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, _ = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
    scaler = MinMaxScaler().fit(X_train)
    X_train = scaler.transform(X_train).astype(np.float32)
    X_test = np.clip(scaler.transform(X_test), 0, 1).astype(np.float32)[:N]
    model = RandomForestClassifier(100, random_state=0).fit(X_train, y_train)
    outputs = model.predict(X_test)

    art = HopSkipJump(SklearnClassifier(model, clip_values=(0.0, 1.0)), verbose=False, **BUDGET)
    points, theirs = timed(lambda: art.generate(X_test))
    broken = model.predict(points) != outputs
    far = np.where(broken, np.linalg.norm(points - X_test, axis=1), np.inf)

    subject = xw.Subject.of(model, X_test, outputs, bounds=(0.0, 1.0))  # every answer counts as right: all are attacked

    def attack() -> xw.Outcome:
        return xw.assess(subject, "robustness.evasion", n_samples=N, **BUDGET)

    outcome, ours = timed(attack, repeats=2)
    assert outcome.finding is not None
    samples = outcome.finding.tables["samples"]
    near = samples["distance"].to_numpy()
    ratio = theirs.cpu / ours.cpu
    medians = [float(np.median(distance)) for distance in (far[broken], near[broken], far, near)]
    columns = ("", "wall s", "CPU s", "found", "median L2 where ART found", "of all")
    lines = [
        (f"ART {version}", *theirs, int(broken.sum()), medians[0], medians[2]),
        ("xrai_widgets", *ours, int(np.isfinite(near).sum()), medians[1], medians[3]),
        ("ratio", theirs.wall / ours.wall, ratio, "", medians[1] / medians[0], medians[3] / medians[2]),
    ]
    show(
        f"HopSkipJump, forest of 100 trees, {N} samples, ART's defaults",
        [dict(zip(columns, line, strict=True)) for line in lines],
    )
    again = attack()
    assert again.finding is not None
    assert again.finding.tables["samples"].equals(samples)
    assert np.isfinite(near).all()
    assert medians[1] <= medians[0]
    assert medians[3] <= medians[2]
    assert ratio >= 10
