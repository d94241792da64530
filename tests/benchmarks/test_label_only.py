"""Speed of the label-only boundary distance on a forest, against the Adversarial Robustness Toolbox in the same run."""

import numpy as np
import pytest

import xrai_widgets as xw
from tests.benchmarks.table import alone, show, timed

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]

BUDGET = {"attack": "boundary distance", "n_samples": 10, "max_iter": 15, "init_eval": 50}


def test_the_boundary_distance_on_a_forest_is_five_times_cheaper_than_arts_and_no_further() -> None:
    subject = xw.examples.load("breast_cancer_forest")

    def measure(implementation: str) -> xw.Finding:
        outcome = alone(subject, "privacy.label_only", implementation=implementation, **BUDGET)
        assert outcome.finding is not None, outcome.reason
        return outcome.finding

    measure("native")  # the libraries are loaded
    (ours, our_time), (theirs, their_time) = (timed(lambda n=name: measure(n)) for name in ("native", "art"))
    near, far = (finding.tables["samples"]["distance"].to_numpy() for finding in (ours, theirs))
    both = np.isfinite(near) & np.isfinite(far) & (near > 0)
    rows = [
        {"": "ART", "CPU s": their_time.cpu, "wall s": their_time.wall, "median distance": float(np.median(far[both]))},
        {"": "ours", "CPU s": our_time.cpu, "wall s": our_time.wall, "median distance": float(np.median(near[both]))},
        {"": "ratio", "CPU s": their_time.cpu / our_time.cpu, "wall s": their_time.wall / our_time.wall},
    ]
    show("label-only boundary distance, forest of 100 trees, 10 members and 10 non-members", rows)
    assert np.median(near[both]) <= np.median(far[both])
    assert their_time.cpu / our_time.cpu >= 5
