"""The model gets the type of numbers that the user gave."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.core import Array, Subject
from xrai_widgets.runtime import assess

RNG = np.random.default_rng(0)
N = 60
Y = np.arange(N) % 2


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "int32", "uint8", "bool"])
def test_a_function_gets_the_type_that_was_given(dtype: str) -> None:
    X = RNG.integers(0, 2 if dtype == "bool" else 90, size=(N, 3)).astype(dtype)
    seen: set[str] = set()

    def model(rows: Array) -> Array:
        seen.add(str(rows.dtype))
        return np.tile([0.5, 0.5], (len(rows), 1))

    subject = Subject.of(model, X, Y, X_train=X, y_train=Y)
    assert subject.X.dtype == np.float64
    assert np.array_equal(subject.X, X.astype(float))
    subject.predict(subject.X + (0.3 if dtype.startswith("float") else 0.0))
    assert seen == {dtype}
    whole = "continuous" if dtype.startswith("float") else "integer"
    assert {constraint.kind for constraint in subject.constraints} == {whole}


def test_two_types_become_the_one_that_holds_both() -> None:
    seen: set[str] = set()

    def model(rows: Array) -> Array:
        seen.add(str(rows.dtype))
        return np.tile([0.5, 0.5], (len(rows), 1))

    X = RNG.normal(size=(N, 3)).astype("float32")
    Subject.of(model, X, Y, X_train=X.astype("float64"), y_train=Y)
    assert seen == {"float64"}


def test_changed_whole_numbers_are_rounded_and_stay_within_their_type() -> None:
    got: list[Array] = []

    def model(rows: Array) -> Array:
        got.append(rows)
        return np.tile([0.5, 0.5], (len(rows), 1))

    subject = Subject.of(model, RNG.integers(0, 255, size=(N, 2)).astype("uint8"), Y)
    subject.predict(np.array([[0.6, 300.0], [-4.0, 2.4]]))
    assert got[-1].tolist() == [[1, 255], [0, 2]]


def test_an_object_array_reaches_the_model_as_one() -> None:
    X = np.array([["cook", 1.5], ["smith", 2.5]] * 30, dtype=object)
    seen: list[Any] = []

    def model(rows: Any) -> Array:
        seen.append(rows)
        return (rows[:, 0] == "cook").astype(float) * 0.5 + 0.25

    subject = Subject.of(model, X, Y)
    assert [c.kind for c in subject.constraints] == ["category", "continuous"]
    assert seen[0].dtype == object
    assert seen[0].tolist() == X.tolist()
    words = np.array([["a", "b"], ["c", "b"]] * 30)
    of_words = Subject.of(lambda rows: (rows[:, 0] == "a") * 0.5 + 0.25, words, Y)
    assert np.allclose(of_words.predict(of_words.X)[:, 1], np.tile([0.75, 0.25], 30))


def test_catboost_takes_whole_numbers_words_and_its_columns_of_codes() -> None:
    catboost = pytest.importorskip("catboost")
    for X in (
        np.c_[Y, np.arange(N) % 3].astype(np.int64),
        np.array([[f"w{i % 2}", i % 3] for i in range(N)], dtype=object),
    ):
        model = catboost.CatBoostClassifier(iterations=5, verbose=0, cat_features=[0], allow_writing_files=False)
        model.fit(X, Y)
        subject = Subject.of(model, X, Y, X_train=X, y_train=Y)
        assert np.allclose(subject.predict(subject.X), model.predict_proba(X))
        assert assess(subject, "robustness.evasion", n_samples=5, max_iter=2, strict=True).status == "ok"


def test_a_function_around_a_float32_net_is_asked_in_float32() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Softmax(1)).eval()
    X = RNG.normal(size=(N, 4)).astype(np.float32)
    subject = Subject.of(lambda rows: net(torch.from_numpy(rows)).detach().numpy(), X, Y)
    assert np.allclose(subject.predict(subject.X), net(torch.from_numpy(X)).detach().numpy())
    assert assess(subject, "robustness.evasion", n_samples=5, max_iter=2, strict=True).status == "ok"


def test_embeddings_quantised_nets_and_nets_without_parameters_are_subjects() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    codes = RNG.integers(0, 5, size=(N, 3))
    embedding = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 2)).eval()
    expected = torch.softmax(embedding(torch.as_tensor(codes)), 1).detach().numpy()
    for X in (codes, codes.astype(float)):
        subject = Subject.of(embedding, X, Y)
        assert np.allclose(subject.predict(subject.X), expected, atol=1e-6)
        assert subject.gradient is None
        assert subject.embed is not None

    class Fixed(nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, rows: Any) -> Any:
            return torch.stack([rows[:, 0], rows.mean(1)], 1)

    rows = RNG.normal(size=(N, 4))
    for dtype in (np.float64, np.float32):
        subject = Subject.of(Fixed(), rows.astype(dtype), Y)
        expected = torch.softmax(Fixed()(torch.as_tensor(rows.astype(dtype))), 1).numpy()
        assert np.allclose(subject.predict(subject.X), expected, atol=1e-12 if dtype is np.float64 else 1e-6)
        assert subject.gradient is not None


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_net_is_a_subject_without_gradients() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    torch.backends.quantized.engine = next(e for e in torch.backends.quantized.supported_engines if e != "none")
    plain = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    quantised = torch.ao.quantization.quantize_dynamic(plain, {nn.Linear}, dtype=torch.qint8)
    X = RNG.normal(size=(N, 4))
    subject = Subject.of(quantised, X, Y)
    expected = torch.softmax(quantised(torch.as_tensor(X, dtype=torch.float32)), 1).detach().numpy()
    assert np.allclose(subject.predict(subject.X), expected, atol=1e-6)
    assert subject.gradient is None


def test_an_onnx_session_of_whole_numbers_gets_them_rounded() -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from xrai_widgets.models.onnx_session import OnnxModel

    kinds, helper = onnx.TensorProto, onnx.helper
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=kinds.FLOAT),
        helper.make_node("Softmax", ["f"], ["p"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kinds.INT64, [None, 2])],
        [helper.make_tensor_value_info("p", kinds.FLOAT, [None, 2])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    X = RNG.integers(0, 4, size=(N, 2))
    subject = Subject.of(OnnxModel(proto.SerializeToString()), X, Y)
    expected = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    assert np.allclose(subject.predict(subject.X - 0.4), expected, atol=1e-6)


def test_an_estimator_that_wants_float32_gets_it() -> None:
    class Strict(DecisionTreeClassifier):  # as skorch's nets
        def predict_proba(self, X: Any, check_input: bool = True) -> Any:
            assert X.dtype == np.float32
            return super().predict_proba(X, check_input)

    X = RNG.normal(size=(N, 3)).astype(np.float32)
    model = Strict(max_depth=3).fit(X, Y)
    subject = Subject.of(model, X, Y, X_train=X, y_train=Y)
    assert np.allclose(subject.predict(subject.X), model.predict_proba(X))
    assert subject.fit is not None
    assert subject.fit(subject.X, subject.y, seed=0)(subject.X).shape == (N, 2)


def test_a_tree_on_truth_values_keeps_its_leaves() -> None:
    X = RNG.integers(0, 2, size=(N, 4)).astype(bool)
    tree = DecisionTreeClassifier(random_state=0).fit(X, X[:, 2])
    subject = Subject.of(tree, X, X[:, 2].astype(int))
    assert subject.regions is not None
    assert subject.regions.shape[1] == 2
    assert (subject.regions[0][:, 2].tolist(), subject.regions[1][:, 2].tolist()) in (([-np.inf, 1], [0, np.inf]),)


def test_a_frame_keeps_its_types() -> None:
    frame = pd.DataFrame({"a": RNG.normal(size=N).astype("float32"), "b": np.arange(N, dtype="int8")})
    seen: list[Any] = []

    def model(rows: Any) -> Array:
        seen.append(rows.dtypes.astype(str).tolist())
        return np.tile([0.5, 0.5], (len(rows), 1))

    Subject.of(model, frame, Y)
    assert seen[0] == ["float32", "int8"]
