"""Every model of the zoo is taken as it is: its answers are its own, and the assessments end."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io

from tests.models.zoo import species
from xrai_widgets.core import Array, Subject, find
from xrai_widgets.core.decision import labels
from xrai_widgets.io.model_files import read_model
from xrai_widgets.runtime import run

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:sklearn"),
    pytest.mark.filterwarnings("ignore::UserWarning:sklearn"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
X, Y, VALUES = species.tables()
SEEN, HELD = slice(None, species.TRAIN), slice(species.TRAIN, None)
CLASSIFIERS = {
    **species.estimators("classifier"),
    **species.searches(),
    **species.boosters("Classifier"),
    **species.others(),
}
REGRESSORS = species.estimators("regressor") | species.boosters("Regressor")
SETTINGS: dict[str, dict[str, Any]] = {
    "privacy.membership_inference": {},
    "robustness.evasion": {"n_samples": 3, "max_iter": 1},
    "explanations.protodash": {},
}
TRAINING: dict[str, dict[str, Any]] = {
    "privacy.pdtp": {"n_samples": 3, "repeats": 1, "null_draws": 5},
    "privacy.lira": {"n_references": 4, "repeats": 2},
}
CONTRASTS = {"n_samples": 2, "max_iter": 20, "binary_steps": 2, "noise": 0.0}
CONTRASTED = (  # a kind each of what CEM looks into: weights, leaves, thresholds, slopes, labels of a rule
    "LogisticRegression",
    "DecisionTreeClassifier",
    "GradientBoostingClassifier",
    "GaussianNB",
    "MLPClassifier",
    "FixedThresholdClassifier",
    "Ridge",
    "DecisionTreeRegressor",
    "KNeighborsRegressor",
)
CERTIFIED = {  # each kind that a certificate reads
    *("DecisionTreeClassifier", "ExtraTreeClassifier", "ExtraTreesClassifier", "RandomForestClassifier"),
    *("GradientBoostingClassifier", "HistGradientBoostingClassifier", "LGBMClassifier", "XGBClassifier"),
    *("LinearDiscriminantAnalysis", "LinearSVC", "LogisticRegression", "LogisticRegressionCV", "Perceptron"),
    *("PassiveAggressiveClassifier", "RidgeClassifier", "RidgeClassifierCV", "SGDClassifier", "MLPClassifier"),
}
_OF_OTHERS = "a model of other models, into which nothing looks"
_CURVED = "no sum of planes or boxes"
NOT_CERTIFIED = {  # every other kind, and why
    **dict.fromkeys(("AdaBoostClassifier", "BaggingClassifier", "CalibratedClassifierCV", "OneVsOneClassifier",
                     "OneVsRestClassifier", "OutputCodeClassifier", "SelfTrainingClassifier", "StackingClassifier",
                     "VotingClassifier", "VotingClassifier, hard", "GridSearchCV", "RandomizedSearchCV",
                     "imbalanced-learn: sampler and tree", "imbalanced-learn: balanced forest"), _OF_OTHERS),
    **dict.fromkeys(("FixedThresholdClassifier", "TunedThresholdClassifierCV"), "a threshold around another model"),
    **dict.fromkeys(("BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB", "MultinomialNB",
                     "QuadraticDiscriminantAnalysis", "GaussianProcessClassifier", "SVC", "NuSVC"), _CURVED),
    **dict.fromkeys(("KNeighborsClassifier", "RadiusNeighborsClassifier", "NearestCentroid", "LabelPropagation",
                     "LabelSpreading"), "distances to samples"),
    "DummyClassifier": "nothing enters it",
    "CatBoostClassifier": "its trees are not read",
    "skorch": "its layers are not read",
}  # fmt: skip
WITHOUT_FILE = ("CatBoost", "LGBM", "XGB", "imbalanced", "skorch")  # not scikit-learn's own: skops has no list for them


@dataclass
class Log:
    """What became of the models so far: which were taken, and why others were not."""

    taken: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


PYTHON, FILES = Log(), Log()


@cache
def fitted(name: str) -> Any:
    target = Y if name in CLASSIFIERS else VALUES
    made: Callable[[], Any] = (CLASSIFIERS if name in CLASSIFIERS else REGRESSORS)[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = X.astype(np.float32) if name == "skorch" else X
        return made().fit(inputs[SEEN], target[SEEN])


_OF_VALUES = ("regression", "robustness.evasion")


def subject_of(name: str, model: Any) -> Subject:
    target = Y if name in CLASSIFIERS else VALUES
    inputs = X.astype(np.float32) if name == "skorch" else X
    return Subject.of(model, inputs[HELD], target[HELD], X_train=inputs[SEEN], y_train=target[SEEN])


def labels_of(subject: Subject, rows: Array) -> Array:
    return labels(subject.predict, subject.decide, rows)


def check(name: str, subject: Subject, model: Any) -> None:
    """Its answers are those of the model's own predict on every row."""
    for rows in (subject.X, subject.X_train):
        assert rows is not None
        given = rows.astype(np.float32) if name == "skorch" else rows
        own = np.asarray(model.predict(given)).reshape(len(rows))
        if subject.task == "regression":
            assert subject.predict(rows) == pytest.approx(own, rel=1e-6)
        else:
            assert np.array_equal(labels_of(subject, rows), own.astype(int))


def endings(subject: Subject) -> dict[str, str]:
    """How the assessments ended that did not end well."""
    by_name = {}
    for engine, settings in SETTINGS.items():
        entry = find(engine)
        if subject.task not in entry.tasks:
            continue
        if subject.outputs == "labels" and not entry.labels_suffice:
            continue
        asked = {"tolerance": float(np.std(subject.y)) / 10} if (subject.task, engine) == _OF_VALUES else {}
        outcome = run(subject, replace(entry, controls=()), {**settings, **asked})
        if outcome.status != "ok":
            by_name[engine] = f"{outcome.status}: {outcome.reason}"
    return by_name


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_a_model_is_taken_as_it_is_and_assessed(name: str) -> None:
    model = fitted(name)
    try:
        subject = subject_of(name, model)
    except (ValueError, TypeError) as error:
        PYTHON.refused[name] = str(error)
        return
    check(name, subject, model)
    assert endings(subject) == {}
    PYTHON.taken.append(name)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_no_certified_distance_is_above_what_the_attack_finds(name: str) -> None:
    try:
        subject = subject_of(name, fitted(name))
    except (ValueError, TypeError):
        assert name not in CERTIFIED
        return
    inside = (subject.linear, subject.trees, subject.layers)
    words = {"n_samples": 12, "max_iter": 2, "effort": 20_000}
    outcome = run(subject, replace(find("robustness.certified"), controls=()), words)
    if all(part is None for part in inside) or outcome.status == "not applicable":
        assert outcome.status == "not applicable"
        assert "no certificate reads this model" in outcome.reason or "activation" in outcome.reason
        assert name in NOT_CERTIFIED
        return
    assert name in CERTIFIED
    assert outcome.status == "ok", outcome.reason
    assert outcome.finding is not None
    table = outcome.finding.tables["samples"]
    low, high = table["distance_lower"], table["distance_upper"]
    assert not (low > high * (1 + 1e-9)).any()
    assert (low > 0).any()


@pytest.mark.parametrize("name", CONTRASTED)
def test_answers_of_some_of_each_kind_are_explained(name: str) -> None:
    subject = subject_of(name, fitted(name))
    limit = {} if subject.task == "classification" else {"above": float(np.median(subject.y))}
    outcome = run(subject, replace(find("explanations.cem"), controls=()), {**CONTRASTS, **limit})
    assert outcome.status == "ok", outcome.reason
    assert outcome.finding is not None
    assert outcome.finding.values["validity"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("engine", TRAINING)
@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_attacks_that_train_anew_end_well_or_say_why_they_cannot(name: str, engine: str) -> None:
    """A model that cannot be trained anew, or gives labels alone, is not applicable; nothing ends in an error."""
    try:
        subject = subject_of(name, fitted(name))
    except (ValueError, TypeError):
        pytest.skip("refused: see the default tests")
    entry = find(engine)
    gap = entry.gap(subject, entry.check(TRAINING[engine]))
    outcome = run(subject, replace(entry, controls=()), TRAINING[engine])
    if gap is not None:
        assert outcome.status == "not applicable"
        assert subject.fit is None or subject.outputs == "labels", outcome.reason
        return
    if outcome.status == "not applicable":
        # of four reference models none may be lost; one that has not seen a category cannot be asked about it
        assert "trained anew" in outcome.reason or "reference models could not be trained" in outcome.reason
        print(f"{name}, {engine}: {outcome.reason}")
        return
    assert outcome.status == "ok", outcome.reason


@pytest.mark.parametrize("name", [name for name in (*CLASSIFIERS, *REGRESSORS) if not name.startswith(WITHOUT_FILE)])
def test_a_model_from_a_file_answers_as_the_one_that_was_saved(name: str, tmp_path: Path) -> None:
    model = fitted(name)
    skops.io.dump(model, tmp_path / "model.skops")
    try:
        again = read_model(tmp_path / "model.skops")
    except (ValueError, TypeError) as error:
        FILES.refused[name] = str(error)
        return
    check(name, subject_of(name, again), model)
    FILES.taken.append(name)


@pytest.mark.parametrize(
    "name",
    [
        "LogisticRegression",
        "RandomForestClassifier",
        "GradientBoostingClassifier",
        "SVC",
        "MLPClassifier",
        "KNeighborsClassifier",
    ],
)
def test_an_onnx_export_answers_as_its_model_and_is_assessed(name: str, tmp_path: Path) -> None:
    to_onnx = pytest.importorskip("skl2onnx").to_onnx
    rows, model = X.astype(np.float32), species.estimators("classifier")[name]()
    model.fit(rows[SEEN], Y[SEEN])
    (tmp_path / "model.onnx").write_bytes(to_onnx(model, rows[:1]).SerializeToString())
    read = read_model(tmp_path / "model.onnx")
    subject = Subject.of(read, rows[HELD], Y[HELD], X_train=rows[SEEN], y_train=Y[SEEN])
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # several threads add in another order, and a tie falls otherwise
    session = runtime.InferenceSession(tmp_path / "model.onnx", options)
    own = session.run(None, {session.get_inputs()[0].name: rows[HELD]})[0]
    assert np.array_equal(labels_of(subject, subject.X), own)
    assert endings(subject) == {}


def test_a_torch_module_answers_as_itself_and_is_assessed() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()
    rows = X.astype(np.float32)
    subject = Subject.of(module, rows[HELD], Y[HELD], X_train=rows[SEEN], y_train=Y[SEEN])
    own = module(torch.as_tensor(rows[HELD])).argmax(dim=1).numpy()
    assert np.array_equal(labels_of(subject, subject.X), own)
    assert endings(subject) == {}


@pytest.mark.parametrize(("log", "least"), [(PYTHON, 0.95), (FILES, 0.85)], ids=["python", "file"])
def test_nearly_all_are_taken_and_the_rest_say_why(log: Log, least: float) -> None:
    if not log.taken:
        pytest.skip("the models of the zoo were not tried in this process")
    for name, reason in log.refused.items():
        print(f"{name}: {reason}")
    assert all(len(reason) > 20 for reason in log.refused.values())
    assert len(log.taken) >= least * (len(log.taken) + len(log.refused)), log.refused
