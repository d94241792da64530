"""Speed of CEM: against what AIX360 took for the same network, and on forests."""

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.table import show, timed
from xrai_widgets.core import Subject
from xrai_widgets.data import examples
from xrai_widgets.engines.explanations import cem

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]
REFERENCE = Path(__file__).parent.parent / "engines" / "explanations" / "cem_reference.npz"


def inputs(subject: Subject) -> dict[str, object]:
    names = ("predict", "X", "y", "bounds", "constraints", "X_train", "logits", "gradient", "decode", "classes")
    return {name: getattr(subject, name) for name in names}


@pytest.mark.parametrize("mode", ["PN", "PP"])
def test_a_hundred_digits_take_less_than_a_hundredth_of_aix360s_time_each(mode: str) -> None:
    # CPU seconds of AIX360 0.3.0 with one thread of TensorFlow, measured by make_cem_reference.py on 20 digits
    theirs = float(np.load(REFERENCE)["cpu_seconds"][:, ["PN", "PP"].index(mode)].mean())
    subject = examples.load("digits_network")
    finding, ours = timed(
        lambda: cem(**inputs(subject), mode=mode, n_samples=100, kappa=0.2, noise=0.0)  # type: ignore[arg-type]
    )
    each = ours.cpu / 100
    show(
        f"CEM, {mode} of 100 digits, network 64-64-32-10, 1000 iterations × 9 values of c",
        [
            {"": "AIX360 0.3.0, per instance", "CPU s": theirs},
            {"": "xrai_widgets, per instance", "CPU s": each, "wall s": ours.wall / 100},
            {"": "ratio", "CPU s": theirs / each},
        ],
    )
    assert finding.values[f"{mode.lower()}_share"] == 1.0
    assert finding.values["validity"] == 1.0
    assert theirs / each >= 100


@pytest.mark.parametrize("name", ["breast_cancer_forest", "german_credit_forest"])
def test_a_hundred_pertinent_negatives_of_a_forest_take_less_than_thirty_seconds(name: str) -> None:
    subject = examples.load(name)
    finding, ours = timed(
        lambda: cem(**inputs(subject), mode="PN", n_samples=100, noise=0.0)  # type: ignore[arg-type]
    )
    show(f"CEM, 100 PNs of {name}", [{"": "xrai_widgets", "wall s": ours.wall, "CPU s": ours.cpu}])
    assert finding.values["validity"] == 1.0
    assert ours.cpu < 30
