"""A training function of the user's own, for models that cannot be cloned."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB

from xrai_widgets.core import Array, Subject
from xrai_widgets.models.code import code_digest
from xrai_widgets.runtime import assess

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
ROOT = Path(__file__).parents[2]


def network(outputs: int = 2) -> Any:
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, outputs))


def train(X: Array, y: Array, seed: int) -> Any:
    """A small network; all chance by the seed, and torch's global state is left alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = network(1 if y.dtype.kind == "f" else 2)
        optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
        samples, target = torch.as_tensor(X), torch.as_tensor(y)
        loss = torch.nn.functional.mse_loss if y.dtype.kind == "f" else torch.nn.functional.cross_entropy
        for _ in range(30):
            optimizer.zero_grad()
            out = module(samples)
            loss(out[:, 0] if y.dtype.kind == "f" else out, target).backward()
            optimizer.step()
    return module


@pytest.fixture(scope="module")
def cancer() -> tuple[Array, Array]:
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :6]
    return ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32), y


def subject_of(cancer: tuple[Array, Array], fit: Any, **more: Any) -> Subject:
    X, y = cancer
    module = train(X[60:160], y[60:160], 0)
    return Subject.of(module, X[:60], y[:60], X_train=X[60:160], y_train=y[60:160], fit=fit, **more)


def test_a_module_is_trained_anew_in_its_own_float_type_and_answers_with_probabilities(
    cancer: tuple[Array, Array],
) -> None:
    got: list[Any] = []

    def noted(X: Array, y: Array, seed: int) -> Any:
        got.append((X.dtype, X.shape, y.dtype.kind, seed))
        return train(X, y, seed)

    subject = subject_of(cancer, noted)
    assert subject.fit is not None
    assert subject.X_train is not None
    again = subject.fit(subject.X_train, subject.y_train, seed=0)
    assert got == [(np.dtype("float32"), (100, 6), "i", 0)]
    assert again(subject.X) == pytest.approx(subject.predict(subject.X), abs=1e-6)
    other = subject.fit(subject.X_train, subject.y_train, seed=1)
    assert np.abs(other(subject.X) - again(subject.X)).max() > 1e-3


@pytest.mark.usefixtures("without_controls")
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_pdtp_of_a_network_uses_fresh_seeds_in_both_arms_also_on_workers(
    backend: str, cancer: tuple[Array, Array]
) -> None:
    subject = subject_of(cancer, train)
    options = {"n_samples": 5, "repeats": 1, "null_draws": 5, "strict": True}
    alone = assess(subject, "privacy.pdtp", **options).finding
    assert alone is not None
    assert alone.notes[0].startswith("Randomised learner")
    assert alone.tables["samples"]["null"].min() > 0  # one seed in both arms would give 0
    with joblib.parallel_config(backend=backend, n_jobs=2):
        spread = assess(subject, "privacy.pdtp", **options).finding
    assert spread is not None
    assert spread.tables["samples"].equals(alone.tables["samples"])


def test_one_training_at_a_time_has_the_generators_that_all_threads_share(cancer: tuple[Array, Array]) -> None:
    inside: list[int] = []
    most: list[int] = []

    def slow(X: Array, y: Array, seed: int) -> Any:
        inside.append(seed)
        most.append(len(inside))
        time.sleep(0.02)
        inside.remove(seed)
        return GaussianNB().fit(X, y)

    subject = subject_of(cancer, slow)
    fit = subject.fit
    assert fit is not None
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: fit(subject.X_train, subject.y_train, seed=seed), range(8)))
    assert max(most) == 1


def test_seeds_are_fresh_in_both_arms(cancer: tuple[Array, Array]) -> None:
    seeds: dict[int, list[int]] = {99: [], 100: []}

    def noted(X: Array, y: Array, seed: int) -> Any:
        seeds[len(X)].append(seed)
        return GaussianNB().fit(X + np.random.default_rng(seed).normal(size=X.shape), y)

    subject = subject_of(cancer, noted)
    assess(subject, "privacy.pdtp", n_samples=4, repeats=2, null_draws=5, strict=True)
    everything, without = seeds[100][-12:], seeds[99]
    assert (len(set(everything)), len(set(without))) == (12, 8)
    assert not set(everything) & set(without)


def test_without_a_training_function_a_module_is_not_applicable_and_the_message_says_what_to_pass(
    cancer: tuple[Array, Array],
) -> None:
    outcome = assess(subject_of(cancer, None), "privacy.pdtp")
    assert outcome.status == "not applicable"
    assert "for other models pass fit= to Subject.of" in outcome.reason


def test_a_regression_and_other_kinds_of_answers() -> None:
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:120, :6].astype(np.float32) * 20, y[:120] / 100
    values = Subject.of(train(X, y, 0), X, y, X_train=X, y_train=y, fit=train, task="regression")
    assert values.fit is not None
    assert values.fit(values.X, values.y, seed=0)(values.X) == pytest.approx(values.predict(values.X), abs=1e-5)
    ridge = Ridge().fit(X, y)
    for made in (always(ridge), always(ridge.predict)):
        own = Subject.of(ridge.predict, X, y, X_train=X, y_train=y, fit=made)
        assert own.fit is not None
        assert own.fit(own.X, own.y, seed=0)(own.X) == pytest.approx(ridge.predict(own.X), abs=1e-6)


def test_labels_are_the_users_own_and_a_class_may_be_missing(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(90, 3)), np.array(["a", "b", "c"])[np.arange(90) % 3]
    model = LogisticRegression().fit(X, y)
    seen: list[Any] = []

    def fit(X: Array, y: Array, *, seed: int) -> Any:
        seen.append(sorted(set(y.tolist())))
        return LogisticRegression().fit(X, y)

    subject = Subject.of(model.predict_proba, X, y, X_train=X, y_train=y, fit=fit, classes=["a", "b", "c"])
    assert subject.fit is not None
    rows = subject.y != 1
    out = subject.fit(subject.X[rows], subject.y[rows], seed=3)(subject.X)
    assert seen == [["a", "c"]]
    assert (out[:, 1] == 0).all()
    assert out.sum(axis=1) == pytest.approx(1)
    binary = Subject.of(_quarter, X, (y == "a").astype(int), fit=always(_quarter))
    assert binary.fit is not None
    assert binary.fit(binary.X, binary.y, seed=0)(binary.X)[0].tolist() == [0.75, 0.25]


def _seedless(X: Array, y: Array) -> None: ...


def always(made: Any) -> Any:
    """A training function that trains nothing."""

    def fit(X: Array, y: Array, seed: int) -> Any:
        return made

    return fit


def _quarter(X: Array) -> Array:
    return np.full(len(X), 0.25)


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        (3, r"fit must be a function \(X, y, seed\) .*, got 3"),
        (GaussianNB, "fit must be a function"),
        (_seedless, r"got one that takes \(X, y\)"),
    ],
    ids=["a number", "a class", "no seed"],
)
def test_what_is_no_training_function_is_refused(fit: Any, said: str, cancer: tuple[Array, Array]) -> None:
    with pytest.raises(TypeError, match=said):
        subject_of(cancer, fit)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "returned NoneType"),
        (lambda X: np.ones((len(X), 3)) / 3, r"must return shape \(100, 2\), got \(100, 3\)"),
        (lambda X: np.ones((len(X), 2)), "must be ≥ 0 and sum to 1"),
    ],
    ids=["nothing", "three classes", "no probabilities"],
)
def test_what_the_training_function_returns_is_checked(made: Any, said: str, cancer: tuple[Array, Array]) -> None:
    subject = subject_of(cancer, always(made))
    assert subject.fit is not None
    with pytest.raises((TypeError, ValueError), match=said):
        subject.fit(subject.X_train, subject.y_train, seed=0)(subject.X_train)
    outcome = assess(subject, "privacy.pdtp", n_samples=3)
    assert outcome.status == "error"
    assert outcome.reason


def test_sample_weights_and_a_table_without_a_model_are_refused(cancer: tuple[Array, Array]) -> None:
    subject = subject_of(cancer, train)
    assert subject.fit is not None
    with pytest.raises(ValueError, match="takes no sample weights"):
        subject.fit(subject.X_train, subject.y_train, seed=0, sample_weight=np.ones(100))
    with pytest.raises(ValueError, match="fit needs a model"):
        Subject.of(None, np.full((4, 2), 0.5), [0, 1, 0, 1], fit=train)


HEAD = "RATE = {rate}\ndef helper(x):\n    return x * {factor}\ndef fit(X, y, seed, rate=RATE):\n"
BODY = "    words = X in {{'b', 'a', 'c'}}\n    return lambda rows: helper(RATE) + {constant}\n"


def made_of(rate: float = 0.1, factor: int = 2, constant: int = 1) -> Any:
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(HEAD.format(rate=rate, factor=factor) + BODY.format(constant=constant), space)
    return space["fit"]


def test_the_fingerprint_knows_the_training_function(cancer: tuple[Array, Array]) -> None:
    assert subject_of(cancer, train).fingerprint == subject_of(cancer, train).fingerprint
    others = [made_of(), made_of(rate=0.2), made_of(factor=3), made_of(constant=2)]
    prints = [subject_of(cancer, fit).fingerprint for fit in (None, train, *others)]
    assert len(set(prints)) == len(prints)


def test_the_digest_of_a_function_is_the_same_in_another_process() -> None:
    code = "from tests.models.test_training import made_of, train\nfrom xrai_widgets.models.code import code_digest\n"
    code += "print(code_digest(made_of()), code_digest(train))"
    # another order of sets and dictionaries of text than here
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
    ).stdout.split()
    assert said == [code_digest(made_of()), code_digest(train)]
