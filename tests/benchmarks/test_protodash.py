"""Speed and memory of ProtoDash, against AIX360 in the same run."""

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.table import show, timed
from xrai_widgets.core import quiet
from xrai_widgets.engines._threads import one_blas_thread
from xrai_widgets.engines.explanations import protodash
from xrai_widgets.engines.explanations.protodash.kernel import make_kernel
from xrai_widgets.engines.explanations.protodash.search import Chosen, search
from xrai_widgets.engines.explanations.protodash.similarity import Rows, mean_similarity, within_similarity

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

LARGE = """
import json, re, sys, time
from pathlib import Path
import numpy as np
from xrai_widgets.engines.explanations import protodash

rng = np.random.default_rng(0)
centres = rng.normal(0, 1.5, (12, 30))
X, pool = (centres[rng.integers(0, 12, 100_000)] + rng.normal(size=(100_000, 30)) for _ in range(2))
X = pool if sys.argv[1] == "same" else X
wall, cpu = time.perf_counter(), time.process_time()
finding = protodash(X, pool, n_prototypes=20, memory_limit=0.5)
print(json.dumps({
    "wall": time.perf_counter() - wall,
    "cpu": time.process_time() - cpu,
    "peak": int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024 / 1e9,
    "explained": finding.values["explained"],
    "rising": bool((np.diff(finding.tables["curve"]["objective"][:20]) >= 0).all()),
}))
"""


@pytest.mark.parametrize(("kernel", "wanted"), [("linear", 100), ("gaussian", 10)])
def test_protodash_is_many_times_faster_than_aix360(kernel: Any, wanted: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = pytest.importorskip("aix360.algorithms.protodash").ProtodashExplainer()
    if kernel == "gaussian" and np.lib.NumpyVersion(np.__version__) >= "2.4.0":
        pytest.skip("AIX360's Gaussian kernel needs numpy<2.4")
    X = np.random.default_rng(4).normal(size=(5000, 30))
    X = X - X.min(axis=0) if kernel == "linear" else X

    def theirs() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kernel == "gaussian":
                return explainer.explain(X, X, m=50, kernelType="Gaussian", sigma=5.0)
            # its default solver refuses the 31st prototype of 30 columns
            return explainer.explain(X, X, m=50, kernelType="other", optimizer="osqp")

    def search_alone() -> Chosen:
        with one_blas_thread():
            rows = Rows(make_kernel(kernel, 5.0, False, X, (), 0), X, 1.0)
            means = mean_similarity(rows, rows, quiet, "") if kernel == "linear" else within_similarity(rows, quiet, "")
            search(rows, rows, means, 50, 1.0, chosen := Chosen(), quiet)
        return chosen

    chosen, ours = timed(search_alone, repeats=5)
    finding, whole = timed(lambda: protodash(X, X, n_prototypes=50, kernel=kernel, sigma=5.0), repeats=5)
    (_, rows, objective), peer = timed(theirs)
    ratio = peer.cpu / ours.cpu
    reached = chosen.objective[-1]
    show(
        f"ProtoDash, {kernel} kernel, 50 prototypes for and from 5,000 × 30",
        [
            {"": "AIX360", "wall s": peer.wall, "CPU s": peer.cpu, "objective": float(objective[-1])},
            {"": "xrai_widgets, the same", "wall s": ours.wall, "CPU s": ours.cpu, "objective": reached},
            {"": "ratio", "wall s": peer.wall / ours.wall, "CPU s": ratio},
            {"": "with intervals, criticisms, tables", "wall s": whole.wall, "CPU s": whole.cpu},
        ],
    )
    assert finding.arrays["indices"].tolist() == chosen.indices
    assert reached >= objective[-1] * (1 - 1e-6)
    assert chosen.indices[:10] == rows[:10].tolist()
    assert ratio >= wanted


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from Linux's /proc")
@pytest.mark.parametrize("which", ["same", "others"])
def test_protodash_of_a_hundred_thousand_samples_takes_a_minute_and_a_gigabyte(which: str) -> None:
    child = subprocess.run([sys.executable, "-c", LARGE, which], capture_output=True, text=True, check=True)
    result = json.loads(child.stdout.splitlines()[-1])
    show(
        f"ProtoDash, Gaussian, 20 prototypes from 100,000 × 30 for 100,000 ({which}), memory_limit=0.5",
        [{"wall s": result["wall"], "CPU s": result["cpu"], "peak of the whole process, GB": result["peak"]}],
    )
    assert result["rising"]
    assert result["explained"] > 0.5
    assert result["peak"] < 1.0
    assert result["wall"] < 60
