"""Speed of CEM: against what AIX360 took for the same network, and on forests."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from tests.benchmarks.table import show, timed
from xrai_widgets.core import Array, Subject
from xrai_widgets.data import examples
from xrai_widgets.engines.explanations import cem
from xrai_widgets.models.adapted import softmax

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]
REFERENCE = Path(__file__).parent.parent / "engines" / "explanations" / "cem_reference.npz"


def inputs(subject: Subject) -> dict[str, object]:
    names = ("predict", "X", "y", "bounds", "constraints", "X_train", "logits", "gradient", "decode", "classes")
    names += ("linear", "regions", "thresholds")
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


@pytest.mark.parametrize("kind", ["network", "kernel machine"])
def test_finite_differences_lower_the_objective_for_less_than_twice_the_questions(kind: str) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    network = MLPClassifier((32, 16), max_iter=2000, random_state=0).fit(X[::2], y[::2])
    kernels = SVC(C=3, random_state=0).fit(X[::2], y[::2])
    questions = 0

    def lead(Z: Array) -> Array:
        nonlocal questions
        questions += len(Z)
        if kind == "network":
            return network.predict_proba(Z)
        return softmax(np.column_stack([np.zeros(len(Z)), 5 * kernels.decision_function(Z)]))

    subject = Subject.of(lead, X[1::2], y[1::2], X_train=X[::2], y_train=y[::2])
    rows, by_name = [], {}
    for search in ("coordinate", "automatic"):
        questions = 0
        finding, ours = timed(lambda search=search: cem(**inputs(subject), n_samples=50, noise=0.0, search=search))  # type: ignore[arg-type,misc]  # from a list
        by_name[search] = questions, finding.tables["samples"]["pn_objective"].to_numpy()
        rows.append(
            {"": search, "CPU s": ours.cpu, "questions": questions, "median": float(np.median(by_name[search][1]))}
        )
    show(f"CEM, PN and PP of 50 samples, {kind} given as a function", rows)
    assert (by_name["automatic"][1] <= by_name["coordinate"][1] + 1e-9).all()
    assert np.median(by_name["automatic"][1]) < np.median(by_name["coordinate"][1])
    assert by_name["automatic"][0] < 2 * by_name["coordinate"][0]
