"""Several models on the same tables, and single things that a subject is made of."""

from typing import Any

import cloudpickle
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Array, Subject
from xrai_widgets.models.asking import first_line
from xrai_widgets.runtime import assess

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
Y = (X[:, 0] > 0).astype(int)
TREE, LINE = DecisionTreeClassifier(max_depth=3).fit(X, Y), LogisticRegression().fit(X, Y)


def several(models: Any, **words: Any) -> dict[str, Subject]:
    found: Any = Subject.of(models, X, Y, **words)
    assert isinstance(found, dict)
    return found


def test_a_dict_of_models_becomes_a_dict_of_subjects() -> None:
    found = several({"DT": TREE, "LR": LINE}, X_train=X, y_train=Y, ids=[f"r{i}" for i in range(90)])
    assert list(found) == ["DT", "LR"]
    for key, model in (("DT", TREE), ("LR", LINE)):
        assert found[key].name == key
        assert np.allclose(found[key].predict(found[key].X), model.predict_proba(X))
        assert found[key].fingerprint != Subject.of(model, X, Y).fingerprint  # it has training samples and names
    assert found["DT"].parts == found["LR"].parts
    assert several({"DT": TREE}, name="credit")["DT"].name == "credit DT"


@pytest.mark.parametrize(
    ("models", "names"),
    [
        ([TREE, LINE], ["DecisionTreeClassifier", "LogisticRegression"]),
        ((TREE, LINE, TREE), ["DecisionTreeClassifier 1", "LogisticRegression", "DecisionTreeClassifier 2"]),
        ([("tree", TREE), ("line", LINE)], ["tree", "line"]),
        ({1: TREE, 2: LINE}, ["1", "2"]),
    ],
    ids=["list", "tuple", "pairs", "numbers"],
)
def test_models_without_names_are_called_by_their_kind(models: Any, names: list[str]) -> None:
    assert list(several(models)) == names


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({}, "the models must be at least one, got an empty dict"),
        ([], "the models must be at least one, got an empty list"),
        ([("a", TREE), ("a", LINE)], "must have different names, got 'a' twice"),
        ([TREE, 3], "each of several models must be a fitted model, got 3"),
        ({"a": TREE, "b": DecisionTreeClassifier()}, "the model 'b': the model must be fitted"),
    ],
    ids=str,
)
def test_what_is_wrong_with_one_of_them_is_said_with_its_name(models: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        Subject.of(models, X, Y)


def test_a_single_test_sample_is_enough_for_what_asks_about_it() -> None:
    for model in (LINE, TREE, lambda rows: LINE.predict_proba(rows)):
        subject = Subject.of(model, X[:1], Y[:1], X_train=X, y_train=Y)
        assert subject.predict(subject.X).shape == (1, 2)
        outcome = assess(subject, "explanations.cem", n_samples=2)
        assert outcome.status in ("ok", "not applicable"), outcome.reason
    with pytest.raises(ValueError, match="y must hold at least two classes"):
        Subject.of(LINE, X[:2], [0, 0])
    with pytest.raises(ValueError, match=r"the model gives 0 alone: pass classes="):
        Subject.of(lambda rows: np.zeros(len(rows), int), X[:1], [0])


class OneVsRest(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Independent shares that do not sum to 1."""

    def fit(self, X: Any, y: Any) -> "OneVsRest":
        self.classes_ = np.unique(y)
        self.parts_ = [LogisticRegression().fit(X, y == label) for label in self.classes_]
        return self

    def predict_proba(self, X: Any) -> Array:
        return np.column_stack([part.predict_proba(X)[:, 1] for part in self.parts_])

    def predict(self, X: Any) -> Any:
        return self.classes_[self.predict_proba(X).argmax(1)]


def test_one_vs_rest_shares_of_an_estimator_are_normalised_where_it_is_said() -> None:
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    model = OneVsRest().fit(X, three)
    with pytest.raises(ValueError, match="class probabilities must be ≥ 0 and sum to 1 in each row"):
        Subject.of(model, X, three)
    subject = Subject.of(model, X, three, X_train=X, y_train=three, outputs="one-vs-rest")
    raw = model.predict_proba(X)
    assert np.allclose(subject.predict(subject.X), raw / raw.sum(axis=1, keepdims=True))
    assert subject.fit is not None
    assert np.allclose(subject.fit(subject.X, subject.y, seed=0)(subject.X), subject.predict(subject.X))


def script(kind: str) -> tuple[Any, Any]:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).eval()
    if kind == "traced":
        return torch.jit.trace(net, torch.zeros(1, 4)), net
    scripted = torch.jit.script(net)
    return (torch.jit.freeze(scripted) if kind == "frozen" else scripted), net


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
@pytest.mark.parametrize("kind", ["scripted", "traced", "frozen"])
def test_torchscript_modules_are_subjects(kind: str) -> None:
    torch = pytest.importorskip("torch")
    module, net = script(kind)
    subject = Subject.of(module, X, Y)
    expected = torch.softmax(net(torch.as_tensor(X, dtype=torch.float32)), 1).detach().numpy()
    assert np.allclose(subject.predict(subject.X), expected, atol=1e-6)
    same = Subject.of(net, X, Y)
    assert subject.gradient is not None
    assert same.gradient is not None
    assert np.allclose(subject.gradient(subject.X, subject.y), same.gradient(same.X, same.y), atol=1e-5)
    again = cloudpickle.loads(cloudpickle.dumps(subject.predict))
    assert np.allclose(again(subject.X), expected, atol=1e-6)
    assert all(parameter.requires_grad for parameter in module.parameters())  # the user's own is as it was


def test_nets_that_return_several_things_are_named_with_the_function_to_write() -> None:
    torch = pytest.importorskip("torch")

    class Two(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.last = torch.nn.Linear(4, 2)

        def forward(self, rows: Any) -> Any:
            return self.last(rows), rows

    class Words(Two):
        def forward(self, rows: Any) -> Any:
            return {"logits": self.last(rows), "hidden": rows}

    for net, way in ((Two().eval(), "[0]"), (Words().eval(), '["logits"]')):
        with pytest.raises(ValueError, match=r"the module must return a tensor, got a .* of 2 from") as told:
            Subject.of(net, X, Y)
        code = str(told.value).splitlines()
        names = {"torch": torch, "net": net}
        exec("\n".join(code[1:4]), names)
        one: Any = names["One"]
        function = eval(code[5], names)
        assert way in code[5]
        first = net(torch.as_tensor(X, dtype=torch.float32))
        expected = torch.softmax(first[0] if isinstance(first, tuple) else first["logits"], 1).detach().numpy()
        for model in (one(net), function):
            subject = Subject.of(model, X, Y)
            assert np.allclose(subject.predict(subject.X), expected, atol=1e-6)


TRACES = {
    "[12:00:01] /workspace/src/data.cc:12: Check failed: a == b: too few columns\nStack trace:\n  [bt] (0) lib.so": (
        "[12:00:01] /workspace/src/data.cc:12: Check failed: a == b: too few columns"
    ),
    "expected scalar type Float\nException raised from check at /pytorch/c10:1\nframe #0: c10::Error": (
        "expected scalar type Float"
    ),
    "The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript (most recent call last):"
    '\n  File "x", line 3\nRuntimeError: mat1 and mat2 shapes cannot be multiplied': (
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied"
    ),
    "The feature names should match.\nFeature names unseen at fit time:\n- a": (
        "The feature names should match. Feature names unseen at fit time: - a"
    ),
}


@pytest.mark.parametrize("said", TRACES)
def test_of_a_list_of_calls_in_cpp_only_the_reason_is_said(said: str) -> None:
    assert first_line(said) == TRACES[said]


def test_a_model_that_fails_in_cpp_is_told_in_one_line() -> None:
    def failing(rows: Any) -> Any:
        raise RuntimeError("Check failed: too few columns\nStack trace:\n" + "  [bt] (0) lib.so\n" * 30)

    with pytest.raises(ValueError, match=r"^the model cannot predict for X: RuntimeError: .*too few columns$"):
        Subject.of(failing, X, Y)
