"""What a model's outputs are is decided on all of the data and on changed samples, or said by the user."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from xrai_widgets.core import Array, Subject
from xrai_widgets.models.adapted import softmax
from xrai_widgets.models.onnx_session import OnnxModel

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4000, 3)).astype(np.float32)
WEIGHT = np.array([1.0, -0.5, 0.3], dtype=np.float32)
LOGIT = X @ WEIGHT
NEAR = X[(LOGIT > 0.05) & (LOGIT < 0.95)][:30]
HALF = np.arange(30) % 2
SHARE = 1 / (1 + np.exp(-(NEAR @ WEIGHT).astype(float)))
FAR = {"X_train": X, "y_train": (LOGIT > 0).astype(int)}


def net(columns: int = 1, last: Any = None) -> Any:
    module = torch.nn.Linear(3, columns, bias=False)
    weight = torch.as_tensor(WEIGHT)[None] if columns == 1 else torch.stack([torch.zeros(3), torch.as_tensor(WEIGHT)])
    module.weight.data = weight[:columns]
    return torch.nn.Sequential(module, *([last] if last else [])).eval()


def onnx_of(rows: Array, target: Array, model: Any, **options: Any) -> OnnxModel:
    skl2onnx = pytest.importorskip("skl2onnx")
    fitted = model.fit(rows, target)
    return OnnxModel(skl2onnx.to_onnx(fitted, rows[:1], options={id(fitted): options}).SerializeToString())


@pytest.mark.parametrize("more", [FAR, {}, {"bounds": (-5, 5)}], ids=["X_train", "changed rows", "bounds"])
def test_a_logit_that_looks_like_a_share_on_a_few_rows_is_a_logit(more: dict[str, Any]) -> None:
    subject = Subject.of(net(), NEAR, HALF, **more)
    assert np.allclose(subject.predict(subject.X)[:, 1], SHARE, atol=1e-6)
    assert subject.logits is not None
    assert np.allclose(subject.logits(subject.X)[:, 1], NEAR @ WEIGHT, atol=1e-5)


def test_a_function_that_looks_like_shares_on_a_few_rows_is_not_taken_for_them() -> None:
    with pytest.raises(ValueError, match="pass outputs='logits' if they are logits of class 1"):
        Subject.of(lambda rows: rows @ WEIGHT, NEAR, HALF, **FAR)
    subject = Subject.of(lambda rows: rows @ WEIGHT, NEAR, HALF, outputs="logits")
    assert np.allclose(subject.predict(subject.X)[:, 1], SHARE, atol=1e-6)


def test_an_exported_logit_that_looks_like_a_share_is_not_taken_for_it() -> None:
    onnx = pytest.importorskip("onnx")
    node = onnx.helper.make_node("Gemm", ["x", "w"], ["out"])
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [onnx.helper.make_tensor_value_info("x", kind, [None, 3])],
        [onnx.helper.make_tensor_value_info("out", kind, [None, 1])],
        initializer=[onnx.numpy_helper.from_array(WEIGHT[:, None], "w")],
    )
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    file = OnnxModel(proto.SerializeToString())
    with pytest.raises(ValueError, match="pass outputs='logits' if it is the logit of class 1"):
        Subject.of(file, NEAR, HALF, **FAR)
    subject = Subject.of(file, NEAR, HALF, outputs="logits")
    assert np.allclose(subject.predict(subject.X)[:, 1], SHARE, atol=1e-6)


def test_a_share_stays_one() -> None:
    for model in (net(1, torch.nn.Sigmoid()), lambda rows: 1 / (1 + np.exp(-(rows @ WEIGHT)))):
        subject = Subject.of(model, NEAR, HALF, **FAR)
        assert np.allclose(subject.predict(subject.X)[:, 1], SHARE, atol=1e-6)


def test_an_answer_out_of_range_later_is_an_error_and_no_probability() -> None:
    def odd(rows: Array) -> Array:
        return np.where(rows[:, 0] > 50, 7.0, 1 / (1 + np.exp(-(rows @ WEIGHT))))

    subject = Subject.of(odd, NEAR, HALF)
    with pytest.raises(ValueError, match=r"for a changed sample it gives values in \[7, 7\]: pass outputs="):
        subject.predict(np.full((1, 3), 60.0))


def test_margins_of_an_exported_classifier_are_labels_and_no_logits() -> None:
    target = (LOGIT[:300] + 0.3 * RNG.normal(size=300) > 0).astype(int)
    svm = LinearSVC()
    file = onnx_of(X[:300], target, svm, raw_scores=True)
    subject = Subject.of(file, X[:300], target)
    assert (subject.outputs, subject.logits) == ("labels", None)
    assert np.array_equal(subject.predict(subject.X).argmax(axis=1), svm.predict(X[:300]))
    assert "a pair −s, s" in subject.notes[0]


def test_scores_whose_softmax_is_meant_become_probabilities_where_it_is_said() -> None:
    target = (LOGIT[:300] + 0.3 * RNG.normal(size=300) > 0).astype(int)
    model = LogisticRegression()
    file = onnx_of(X[:300], target, model, raw_scores=True, zipmap=False)
    assert Subject.of(file, X[:300], target).outputs == "labels"
    subject = Subject.of(file, X[:300], target, outputs="logits")
    assert np.allclose(subject.predict(subject.X), model.predict_proba(X[:300]), atol=1e-5)
    assert subject.logits is not None
    assert np.allclose(np.diff(subject.logits(subject.X))[:, 0], model.decision_function(X[:300]), atol=1e-4)


def test_margins_of_three_classes_beside_labels_are_no_logits_either() -> None:
    target = np.digitize(LOGIT[:300], [-0.5, 0.5]) + 5
    svm = LinearSVC()
    subject = Subject.of(onnx_of(X[:300], target, svm, raw_scores=True), X[:300], target)
    assert subject.outputs == "labels"
    assert subject.classes == (5, 6, 7)
    assert np.array_equal(
        subject.y[subject.predict(subject.X).argmax(1) == subject.y], (target - 5)[svm.predict(X[:300]) == target]
    )


def ovr(rows: Any) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.c_[rows[:, 0], rows[:, 1] - 1, -rows[:, 0]])))


def test_one_vs_rest_outputs_are_divided_by_their_sum_where_it_is_said() -> None:
    three = X[:90].argmax(axis=1)
    expected = ovr(X[:90]) / ovr(X[:90]).sum(axis=1, keepdims=True)
    with pytest.raises(ValueError, match="pass outputs='one-vs-rest'"):
        Subject.of(ovr, X[:90], three)
    assert np.allclose(Subject.of(ovr, X[:90], three, outputs="one-vs-rest").predict(X[:90]), expected)
    table = Subject.of(None, ovr(X[:90]), three, outputs="one-vs-rest")
    assert np.allclose(table.predict(table.X), expected)

    class Three(torch.nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, rows: Any) -> Any:
            return torch.sigmoid(torch.stack([rows[:, 0], rows[:, 1] - 1, -rows[:, 0]], 1))

    subject = Subject.of(Three(), X[:90], three, outputs="one-vs-rest")
    assert np.allclose(subject.predict(subject.X), expected, atol=1e-6)
    assert subject.gradient is not None
    step = np.array([1e-3, 0.0, 0.0])
    rows = subject.X[:20].astype(float)
    ends = [-np.log(subject.predict(rows + sign * step)[:, 2]) for sign in (1, -1)]
    assert np.allclose(subject.gradient(rows, np.full(20, 2))[:, 0], (ends[0] - ends[1]) / 2e-3, atol=1e-3)


def test_rows_without_any_positive_share_are_even() -> None:
    subject = Subject.of(lambda rows: np.zeros((len(rows), 3)), X[:9], np.arange(9) % 3, outputs="one-vs-rest")
    assert np.allclose(subject.predict(subject.X), 1 / 3)


@pytest.mark.parametrize(
    ("model", "said", "message"),
    [
        (lambda rows: rows @ WEIGHT, "scores", "^outputs must be one of probabilities, logits, one-vs-rest, labels"),
        (lambda rows: rows @ WEIGHT, "probabilities", r"probabilities must lie in \[0, 1\], got"),
        (lambda rows: rows @ WEIGHT, "one-vs-rest", r"one-vs-rest outputs must be \(n, k\)"),
        (net(), "probabilities", "outputs were said to be probabilities, but lie in"),
        (net(2), "one-vs-rest", "outputs were said to be one-vs-rest, but lie in"),
        (LogisticRegression().fit(X[:99], LOGIT[:99] > 0), "logits", "outputs must be 'probabilities' for a Logistic"),
    ],
)
def test_what_is_said_wrongly_is_refused(model: Any, said: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Subject.of(model, X[:99], LOGIT[:99] > 0, outputs=said)


def test_logits_of_several_classes_may_be_said_of_a_function() -> None:
    def three(rows: Any) -> Array:
        return np.asarray(rows) * 2.0

    subject = Subject.of(three, X[:90], X[:90].argmax(axis=1), outputs="logits")
    assert np.allclose(subject.predict(subject.X), softmax(X[:90].astype(float) * 2))
    assert subject.logits is not None


def test_the_labels_of_a_classifier_may_be_meant() -> None:
    model = LogisticRegression().fit(X[:99], LOGIT[:99] > 0)
    subject = Subject.of(model, X[:99], LOGIT[:99] > 0, outputs="labels")
    assert subject.outputs == "labels"
    assert np.array_equal(subject.predict(subject.X), np.eye(2)[model.predict(X[:99]).astype(int)])
