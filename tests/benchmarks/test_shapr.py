"""Speed and memory of SHAPr, against the Adversarial Robustness Toolbox in the same run."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from tests.benchmarks.table import show, timed
from xrai_widgets.engines.privacy import shapr

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]

LARGE = """
import json, re, time
from pathlib import Path
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from xrai_widgets.engines.privacy import shapr

X, y = make_classification(60_000, 30, n_informative=10, flip_y=0.05, random_state=0)
model = LogisticRegression(max_iter=1000).fit(X[:50_000], y[:50_000])
wall, cpu = time.perf_counter(), time.process_time()
finding = shapr(model.predict_proba, X[:50_000], y[:50_000], X[50_000:], y[50_000:], memory_limit=1.0)
print(json.dumps({
    "wall": time.perf_counter() - wall,
    "cpu": time.process_time() - cpu,
    "peak": int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024 / 1e9,
    "mean": finding.tables["samples"]["shapr"].mean(),
    "knn_accuracy": finding.values["knn_accuracy"],
}))
"""


@pytest.mark.parametrize(("n", "m", "wanted"), [(2_000, 2_000, 50), (10_000, 2_500, 40)])
def test_shapr_is_many_times_faster_than_art(n: int, m: int, wanted: float) -> None:
    from art import __version__ as version
    from art.estimators.classification import SklearnClassifier
    from art.metrics import SHAPr

    X, y = make_classification(n + m, 30, n_informative=10, flip_y=0.05, random_state=0)
    model = LogisticRegression(max_iter=1000).fit(X[:n], y[:n])
    arrays = X[:n], y[:n], X[n:], y[n:]
    finding, ours = timed(lambda: shapr(model.predict_proba, *arrays, permutations=0), repeats=3)
    _, shown = timed(lambda: shapr(model.predict_proba, *arrays))
    values, theirs = timed(lambda: SHAPr(SklearnClassifier(model), *arrays))
    ratio = theirs.cpu / ours.cpu
    show(
        f"SHAPr, {n:,} training × {m:,} test samples, logistic regression",
        [
            {"": f"ART {version}", "wall s": theirs.wall, "CPU s": theirs.cpu},
            {"": "xrai_widgets", "wall s": ours.wall, "CPU s": ours.cpu},
            {"": "xrai_widgets with 20 permutations", "wall s": shown.wall, "CPU s": shown.cpu},
            {"": "ratio", "wall s": theirs.wall / ours.wall, "CPU s": ratio},
        ],
    )
    scores = finding.tables["samples"]["shapr"].to_numpy()
    assert np.median(np.abs(values - scores)) < 1e-4 * np.abs(scores).max()
    assert ratio >= wanted


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from Linux's /proc")
def test_shapr_of_fifty_thousand_samples_stays_under_a_gigabyte() -> None:
    # VmHWM and not ru_maxrss, which counts what this process held when it started the child
    child = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    result = json.loads(child.stdout.splitlines()[-1])
    show(
        "SHAPr, 50,000 training × 10,000 test samples, memory_limit=1.0",
        [{"wall s": result["wall"], "CPU s": result["cpu"], "peak of the whole process, GB": result["peak"]}],
    )
    assert result["mean"] == pytest.approx(result["knn_accuracy"], abs=1e-9)
    assert result["peak"] < 1.0
