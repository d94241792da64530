"""LiRA against sacroml's: the same data, the same estimator, as many reference models, in one run.

sacroml is no dependency of this project: make an environment for it, ``python -m venv DIR``, ``DIR/bin/pip install
sacroml``, and set ``XRAI_SACROML=DIR/bin/python``.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from tests.benchmarks.table import alone, show, timed
from xrai_widgets.core import Array, Subject

pytestmark = pytest.mark.benchmark
REFERENCES = 16
SACROML = os.environ.get("XRAI_SACROML", "")
SCRIPT = Path(__file__).with_name("lira_sacroml.py")
ESTIMATORS: dict[str, Any] = {
    "forest": RandomForestClassifier(100, random_state=0),
    "tree": DecisionTreeClassifier(random_state=0),
    "logistic": LogisticRegression(max_iter=200),
}


def breast_cancer() -> tuple[Array, Array]:
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return (X - X.mean(axis=0))[order] / X.std(axis=0), y[order]


def made_up() -> tuple[Array, Array]:
    X, y = make_classification(4000, 20, n_informative=8, flip_y=0.1, random_state=0)
    return X, y


def theirs(folder: Path, estimator: str) -> dict[str, list[float]]:
    command = [SACROML, str(SCRIPT), str(folder), str(REFERENCES), estimator, "online-carlini"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800)
    seconds: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return seconds


@pytest.mark.skipif(not SACROML, reason="XRAI_SACROML does not name the python of an environment with sacroml")
@pytest.mark.parametrize("data", [breast_cancer, made_up], ids=["569 samples", "4,000 samples"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_lira_is_twice_as_fast_as_sacroml_per_reference_model(data: Any, estimator: str, tmp_path: Path) -> None:
    X, y = data()
    half = len(X) // 2
    np.savez(tmp_path / "data.npz", X_train=X[:half], y_train=y[:half], X=X[half:], y=y[half:])
    sacroml = theirs(tmp_path, estimator)
    model = ESTIMATORS[estimator].fit(X[:half], y[:half])
    subject = Subject.of(model, X[half:], y[half:], X_train=X[:half], y_train=y[:half])
    options = {"attack": "online LiRA", "n_references": REFERENCES}
    _, serial = timed(lambda: alone(subject, "privacy.lira", **options))
    with joblib.parallel_config(backend="loky", n_jobs=2):
        alone(subject, "privacy.lira", **(options | {"n_references": 4}))  # start the workers
        _, spread = timed(lambda: alone(subject, "privacy.lira", **options))
    per = 1000 / REFERENCES
    rows = [
        {"": f"sacroml: {part}", "wall ms": wall * per, "CPU ms": cpu * per} for part, (wall, cpu) in sacroml.items()
    ]
    rows += [
        {"": "xrai_widgets", "wall ms": serial.wall * per, "CPU ms": serial.cpu * per},
        {"": "xrai_widgets, 2 workers", "wall ms": spread.wall * per},
    ]
    wall, cpu = sacroml["all"]
    best = min(serial.wall, spread.wall)
    rows.append({"": "ratio", "wall ms": wall / best, "CPU ms": cpu / serial.cpu})
    show(f"LiRA per reference model, {estimator}, {len(X):,} samples, {REFERENCES} reference models", rows)
    assert wall / best >= 2
