"""ONNX models against the scikit-learn and torch models that they were made of."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from xrai_widgets.core import Subject
from xrai_widgets.models.onnx_session import OnnxModel
from xrai_widgets.runtime import assess

onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")
onnx = pytest.importorskip("onnx")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype(np.float32)
TWO = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
FRAME = pd.DataFrame({"n": X[:, 0], "job": RNG.choice(["cook", "smith"], 120)})
CLOSE = {"atol": 1e-5}


def converted(model: Any, zipmap: bool = True, **options: Any) -> OnnxModel:
    words = {"options": {id(model): {"zipmap": zipmap}}} if hasattr(model, "predict_proba") else {}
    return OnnxModel(skl2onnx.to_onnx(model, X[:1], **words, **options).SerializeToString())


def made(nodes: list[Any], outputs: list[Any], inputs: list[Any] | None = None, weights: Any = ()) -> OnnxModel:
    """A graph made by hand: what no converter gives."""
    inputs = inputs or [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 4])]
    graph = onnx.helper.make_graph(nodes, "g", inputs, outputs, initializer=list(weights))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    return OnnxModel(model.SerializeToString())


def value(name: str, kind: int, shape: list[Any]) -> Any:
    return onnx.helper.make_tensor_value_info(name, kind, shape)


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("y", [TWO, THREE, THREE + 7], ids=["words", "0…2", "7…9"])
def test_probabilities_are_those_of_the_original(zipmap: bool, y: Any) -> None:
    model = RandomForestClassifier(10, random_state=0).fit(X, y)
    subject = Subject.of(converted(model, zipmap), X, y)
    assert subject.classes == tuple(model.classes_.tolist())
    assert np.allclose(subject.predict(subject.X), model.predict_proba(X), **CLOSE)


def test_an_open_session_is_a_model_too() -> None:
    model = LogisticRegression().fit(X, TWO)
    session = onnxruntime.InferenceSession(converted(model).content)
    subject = Subject.of(session, X, TWO, X_train=X, y_train=TWO)
    assert np.allclose(subject.predict(subject.X), model.predict_proba(X), **CLOSE)
    assert assess(subject, "privacy.membership_inference").status == "ok"


def test_a_pipeline_on_a_table_takes_its_columns_by_name() -> None:
    encode = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(FRAME, TWO)
    kinds = skl2onnx.common.data_types
    types = [("n", kinds.FloatTensorType([None, 1])), ("job", kinds.StringTensorType([None, 1]))]
    file = OnnxModel(skl2onnx.to_onnx(model, initial_types=types).SerializeToString())
    subject = Subject.of(file, FRAME[["job", "n"]], TWO)
    assert np.allclose(subject.predict(subject.X), model.predict_proba(FRAME), **CLOSE)
    with pytest.raises(ValueError, match=r"must have the column\(s\) 'job' .* got 'n', 'jobs'"):
        Subject.of(file, FRAME.rename(columns={"job": "jobs"}), TWO)
    with pytest.raises(ValueError, match="got also 'age': drop them"):
        Subject.of(file, FRAME.assign(age=1), TWO)
    with pytest.raises(ValueError, match="takes the columns 'n', 'job' by name: pass a DataFrame, got an array"):
        Subject.of(file, X[:, :2], TWO)


def test_a_regression_gives_values() -> None:
    model = LinearRegression().fit(X, X[:, 0] * 2)
    subject = Subject.of(converted(model), X, X[:, 0] * 2)
    assert subject.task == "regression"
    assert np.allclose(subject.predict(subject.X), X[:, 0] * 2, atol=1e-4)


def test_logits_become_probabilities() -> None:
    torch = pytest.importorskip("torch")
    weight, bias = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=3).astype(np.float32)
    parts = [onnx.numpy_helper.from_array(weight, "w"), onnx.numpy_helper.from_array(bias, "b")]
    node = onnx.helper.make_node("Gemm", ["x", "w", "b"], ["out"])
    subject = Subject.of(made([node], [value("out", onnx.TensorProto.FLOAT, [None, 3])], weights=parts), X, THREE)
    expected = torch.softmax(torch.as_tensor(X @ weight + bias), 1).numpy()
    assert np.allclose(subject.predict(subject.X), expected, **CLOSE)
    assert subject.logits is not None
    assert np.allclose(subject.logits(subject.X), X @ weight + bias, **CLOSE)


def test_a_model_that_gives_labels_only_is_said_to() -> None:
    nodes = [onnx.helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0)]
    y = X.argmax(axis=1)
    subject = Subject.of(made(nodes, [value("label", onnx.TensorProto.INT64, [None])]), X, y)
    assert subject.outputs == "labels"
    assert (subject.predict(subject.X).argmax(axis=1) == y).all()


def test_one_column_of_shares_is_the_second_class() -> None:
    total = [
        onnx.helper.make_node("ReduceSum", ["x"], ["s"], keepdims=1),
        onnx.helper.make_node("Sigmoid", ["s"], ["p"]),
    ]
    parts = [onnx.numpy_helper.from_array(np.array([1]), "axes")]
    total[0].input.append("axes")
    file = made(total, [value("p", onnx.TensorProto.FLOAT, [None, 1])], weights=parts)
    subject = Subject.of(file, X, (X.sum(axis=1) > 0).astype(int))
    assert np.allclose(subject.predict(subject.X)[:, 1], 1 / (1 + np.exp(-X.sum(axis=1))), **CLOSE)
    with pytest.raises(ValueError, match=r"one column must give P\(class 1\) in \[0, 1\] for the labels 0 and 1"):
        Subject.of(file, X, TWO)


@pytest.mark.parametrize("batch", [1, 7, 120, 500])
def test_a_model_for_batches_of_one_size_answers_for_any_number(batch: int) -> None:
    node = onnx.helper.make_node("Softmax", ["x"], ["p"], axis=1)
    shape = [batch, 4]
    file = made([node], [value("p", onnx.TensorProto.FLOAT, shape)], [value("x", onnx.TensorProto.FLOAT, shape)])
    subject = Subject.of(file, X, X.argmax(axis=1))
    assert np.allclose(subject.predict(subject.X), np.exp(X) / np.exp(X).sum(axis=1, keepdims=True), **CLOSE)
    assert subject.predict(subject.X[:3]).shape == (3, 4)


def test_images_keep_their_shape() -> None:
    nodes = [onnx.helper.make_node("Flatten", ["x"], ["f"]), onnx.helper.make_node("Softmax", ["f"], ["p"], axis=1)]
    shape = value("x", onnx.TensorProto.FLOAT, [None, 1, 2, 2])
    file = made(nodes, [value("p", onnx.TensorProto.FLOAT, [None, 4])], [shape])
    for samples, words in ((X.reshape(-1, 1, 2, 2), {}), (X, {"image_shape": (2, 2)}), (X, {})):
        subject = Subject.of(file, samples, X.argmax(axis=1), **words)
        assert (subject.predict(subject.X).argmax(axis=1) == subject.y).all()


REFUSED: dict[str, tuple[Any, str]] = {
    "too few features": (X[:, :3], "X must have 4 features, those of the model, got 3"),
    "words": (FRAME.assign(a=1.0, b=2.0), r"takes one array of numbers, but the column\(s\) 'job' hold text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_samples_that_do_not_fit_are_refused(case: str) -> None:
    samples, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        Subject.of(converted(LogisticRegression().fit(X, TWO)), samples, TWO)


def test_several_outputs_that_are_no_classes_are_refused() -> None:
    node = onnx.helper.make_node("Sigmoid", ["x"], ["p"])
    file = made([node], [value("p", onnx.TensorProto.FLOAT, [None, 4])])
    with pytest.raises(ValueError, match="class probabilities must sum to 1 in each row, or be logits"):
        Subject.of(file, X, X.argmax(axis=1))


def test_labels_that_contradict_the_scores_are_refused() -> None:
    nodes = [
        onnx.helper.make_node("Softmax", ["x"], ["p"], axis=1),
        onnx.helper.make_node("ArgMin", ["x"], ["label"], axis=1, keepdims=0),
    ]
    out = [value("label", onnx.TensorProto.INT64, [None]), value("p", onnx.TensorProto.FLOAT, [None, 4])]
    with pytest.raises(ValueError, match="do not go together: pass classes="):
        Subject.of(made(nodes, out), X, X.argmax(axis=1))


def test_labels_beside_a_pair_of_scores_are_the_answers_and_the_scores_are_not_asked() -> None:
    zero, cut = onnx.numpy_helper.from_array(np.array([0]), "zero"), np.array([[0.3]], dtype=np.float32)
    nodes = [
        onnx.helper.make_node("Gather", ["x", "zero"], ["s"], axis=1),
        onnx.helper.make_node("Neg", ["s"], ["minus"]),
        onnx.helper.make_node("Concat", ["minus", "s"], ["pair"], axis=1),
        onnx.helper.make_node("Greater", ["s", "cut"], ["beyond"]),
        onnx.helper.make_node("Cast", ["beyond"], ["whole"], to=onnx.TensorProto.INT64),
        onnx.helper.make_node("Squeeze", ["whole", "one"], ["label"]),
    ]
    weights = [zero, onnx.numpy_helper.from_array(cut, "cut"), onnx.numpy_helper.from_array(np.array([1]), "one")]
    out = [value("label", onnx.TensorProto.INT64, [None]), value("pair", onnx.TensorProto.FLOAT, [None, 2])]
    made_of = made(nodes, out, weights=weights)
    for classes in (None, ("no", "yes")):
        y = (X[:, 0] > 0).astype(int)
        subject = Subject.of(made_of, X, y if classes is None else np.array(classes)[y], classes=classes)
        assert subject.outputs == "labels"
        np.testing.assert_array_equal(subject.predict(X).argmax(axis=1), X[:, 0] > 0.3)


def test_weights_in_other_files_are_refused_before_anything_is_opened(tmp_path: Path) -> None:
    proto = onnx.load_from_string(converted(LinearRegression().fit(X, X[:, 0])).content)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(4000, np.float32), "w"))
    onnx.save_model(proto, tmp_path / "m.onnx", save_as_external_data=True, location="secret", size_threshold=10)
    with pytest.raises(ValueError, match="it keeps weights in other files"):
        OnnxModel((tmp_path / "m.onnx").read_bytes())


def test_it_travels_to_another_process_and_keeps_its_fingerprint() -> None:
    subject = Subject.of(converted(LogisticRegression().fit(X, TWO)), X, TWO)
    again = cloudpickle.loads(cloudpickle.dumps(subject))
    assert subject.state is not None
    assert again.fingerprint == subject.fingerprint


def test_it_uses_one_thread() -> None:
    options = converted(LogisticRegression().fit(X, TWO)).session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_without_onnx_runtime_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(converted(LogisticRegression().fit(X, TWO)).content)
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from xrai_widgets.io.model_files import read_model\n"
        "try: read_model('m.onnx')\n"
        "except ValueError as error: print(error)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=tmp_path)
    assert "it needs onnxruntime, pip install 'xrai-widgets[onnx]'" in said
