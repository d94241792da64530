from typing import Any

import numpy as np
import pandas as pd
import pytest

from xrai_widgets.core import Array, Subject
from xrai_widgets.models.adapted import softmax

torch = pytest.importorskip("torch")
nn = torch.nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 4))
TWO = (X[:, 0] > 0).astype(int)
THREE = np.digitize(X[:, 1], [-0.5, 0.5])


def body(outputs: int, activation: Any = None) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), activation or nn.Tanh(), nn.Linear(8, outputs)).double()


class SigmoidInForward(nn.Module):  # type: ignore[misc,name-defined]
    """Ends in a sigmoid that no layer shows."""

    def __init__(self) -> None:
        super().__init__()
        self.body = body(1)

    def forward(self, rows: Any) -> Any:
        return torch.sigmoid(self.body(rows))


class SigmoidInside(nn.Module):  # type: ignore[misc,name-defined]
    """Has a sigmoid as the last layer named, and gives logits."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 8).double(), nn.Linear(8, 1).double()
        self.squash = nn.Sigmoid()

    def forward(self, rows: Any) -> Any:
        return 20 * self.last(self.squash(self.first(rows))) - 4


class Flat(nn.Module):  # type: ignore[misc,name-defined]
    """Gives logits (n,) instead of (n, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = body(1)

    def forward(self, rows: Any) -> Any:
        return 5 * self.body(rows)[:, 0] - 1


def answers(module: Any, rows: Array) -> Array:
    with torch.no_grad():
        return np.asarray(module(torch.as_tensor(rows)).double().numpy())


def sigmoid(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-values)))


def check_gradient(subject: Subject) -> None:
    assert subject.gradient is not None
    rows = np.array(subject.X[:10], dtype=np.float64)
    for answer in range(len(subject.classes)):
        y = np.full(len(rows), answer)
        found = subject.gradient(rows, y)
        assert found.shape == rows.shape
        flat = rows.reshape(len(rows), -1)
        for column in range(flat.shape[1]):
            step = np.zeros(flat.shape[1])
            step[column] = 1e-5
            ends = [-np.log(subject.predict((flat + s * step).reshape(rows.shape))[:, answer]) for s in (1, -1)]
            slope = (ends[0] - ends[1]) / 2e-5
            assert np.allclose(found.reshape(len(rows), -1)[:, column], slope, atol=1e-6)
    check_logit_gradient(subject, rows)


def check_logit_gradient(subject: Subject, rows: Array) -> None:
    assert subject.logit_gradient is not None
    assert subject.logits is not None
    weights = np.random.default_rng(0).normal(size=(len(rows), len(subject.classes)))
    slopes, flat = subject.logit_gradient(rows, weights), rows.reshape(len(rows), -1)
    assert slopes.shape == rows.shape
    for column in range(flat.shape[1]):
        step = np.zeros(flat.shape[1])
        step[column] = 1e-5
        ends = [(weights * subject.logits((flat + s * step).reshape(rows.shape))).sum(axis=1) for s in (1, -1)]
        expected = (ends[0] - ends[1]) / 2e-5
        assert np.allclose(slopes.reshape(len(rows), -1)[:, column], expected, rtol=1e-5, atol=1e-6)


def test_logits_become_probabilities() -> None:
    module = body(3)
    subject = Subject.of(module, X, THREE)
    raw = answers(module, X)
    assert np.allclose(subject.predict(subject.X), softmax(raw))
    assert subject.logits is not None
    assert np.allclose(subject.logits(subject.X), raw)
    assert subject.predict(subject.X).dtype == np.float64
    check_gradient(subject)


def test_a_softmax_at_the_end_is_not_applied_twice() -> None:
    module = nn.Sequential(body(3), nn.Softmax(dim=1))
    subject = Subject.of(module, X, THREE)
    assert np.allclose(subject.predict(subject.X), answers(module, X))
    assert subject.logits is not None
    assert np.allclose(softmax(subject.logits(subject.X)), answers(module, X))
    check_gradient(subject)


def test_a_log_softmax_at_the_end_is_read_as_logits() -> None:
    module = nn.Sequential(body(3), nn.LogSoftmax(dim=1))
    subject = Subject.of(module, X, THREE)
    assert np.allclose(subject.predict(subject.X), np.exp(answers(module, X)))
    check_gradient(subject)


def test_the_gradients_of_one_score_that_is_written_twice_are_those_of_its_probabilities() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = body(1)

        def forward(self, rows: Any) -> Any:
            score = self.one(rows)
            return torch.hstack([-score, score])

    check_gradient(Subject.of(Pair().double(), X, TWO))


@pytest.mark.parametrize("module", [SigmoidInside(), Flat()], ids=["(n, 1)", "(n,)"])
def test_a_single_logit_becomes_two_probabilities(module: Any) -> None:
    subject = Subject.of(module, X, TWO)
    one = sigmoid(answers(module, X).reshape(-1))
    assert subject.classes == (0, 1)
    assert np.allclose(subject.predict(subject.X), np.column_stack([1 - one, one]))
    assert subject.logits is not None
    assert subject.logits(subject.X).shape == (600, 2)
    check_gradient(subject)


@pytest.mark.parametrize(
    "module", [nn.Sequential(body(1), nn.Sigmoid()), SigmoidInForward()], ids=["as a layer", "in forward"]
)
def test_a_sigmoid_at_the_end_is_not_applied_twice(module: Any) -> None:
    subject = Subject.of(module, X, TWO)
    one = answers(module, X).reshape(-1)
    assert np.allclose(subject.predict(subject.X), np.column_stack([1 - one, one]))
    check_gradient(subject)


def test_the_gradient_of_a_regression_is_that_of_its_prediction_whatever_y() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).double().eval()
    rows = np.random.default_rng(0).normal(size=(20, 4))
    subject = Subject.of(module, rows, np.linspace(0, 1, 20), task="regression")
    assert subject.gradient is not None
    step = 1e-6
    slopes = [(subject.predict(rows + step * e) - subject.predict(rows - step * e)) / (2 * step) for e in np.eye(4)]
    for y in (np.zeros(20), np.full(20, 2)):
        np.testing.assert_allclose(subject.gradient(rows, y), np.column_stack(slopes), rtol=1e-5, atol=1e-8)


def test_one_output_and_values_make_a_regression() -> None:
    module = body(1)
    for target in (X[:, 0], np.arange(600), np.arange(600.0)):
        subject = Subject.of(module, X, target)
        assert (subject.task, subject.outputs) == ("regression", "values")
        assert np.allclose(subject.predict(subject.X), answers(module, X)[:, 0])
        assert subject.gradient is not None, "that of the prediction"
    assert Subject.of(module, X, TWO.astype(float), task="regression").task == "regression"


def test_the_features_are_what_enters_the_last_linear_layer() -> None:
    module = body(3)
    subject = Subject.of(module, X, THREE)
    assert subject.embed is not None
    features = subject.embed(subject.X)
    assert features.shape == (600, 8)
    assert np.allclose(features, answers(module[:2], X))


def test_a_module_without_a_linear_layer_has_no_features() -> None:
    class Columns(nn.Module):  # type: ignore[misc,name-defined]
        def forward(self, rows: Any) -> Any:
            return rows[:, :2] * 3

    subject = Subject.of(Columns(), X, TWO)
    assert subject.embed is None
    assert np.allclose(subject.predict(subject.X), softmax(3 * X[:, :2]))


def test_the_users_module_is_neither_changed_nor_turned_to_evaluation() -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2)).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    subject = Subject.of(module, X, TWO)
    assert np.array_equal(subject.predict(subject.X), subject.predict(subject.X))
    assert subject.gradient is not None
    subject.gradient(subject.X, subject.y)
    assert module.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert subject.model is module


def test_later_training_does_not_change_the_subject() -> None:
    module = body(3)
    subject = Subject.of(module, X, THREE)
    before = subject.predict(subject.X)
    optimizer = torch.optim.SGD(module.parameters(), 1.0)
    loss = nn.functional.cross_entropy(module(torch.as_tensor(X)), torch.as_tensor(THREE))
    loss.backward()
    optimizer.step()
    assert not np.allclose(answers(module, X), answers(body(3), X))
    assert np.array_equal(subject.predict(subject.X), before)


def test_float64_samples_are_cast_to_the_modules_type() -> None:
    single = body(3).float()
    subject = Subject.of(single, X, THREE)
    assert subject.X.dtype == np.float64
    assert subject.predict(subject.X).dtype == np.float64
    with torch.no_grad():
        raw = single(torch.as_tensor(X, dtype=torch.float32)).double().numpy()
    assert np.allclose(subject.predict(subject.X), softmax(raw))
    half = Subject.of(body(3).bfloat16(), X, THREE)
    assert np.allclose(half.predict(half.X), subject.predict(subject.X), atol=0.05)
    assert half.state is None


def test_more_samples_than_one_batch_are_answered_as_one_by_one() -> None:
    subject = Subject.of(body(3), X, THREE)
    pieces = np.vstack([subject.predict(subject.X[i : i + 1]) for i in range(len(X))])
    assert np.allclose(subject.predict(subject.X), pieces)
    assert subject.gradient is not None
    slopes = np.vstack([subject.gradient(subject.X[i : i + 1], subject.y[i : i + 1]) for i in range(len(X))])
    assert np.allclose(subject.gradient(subject.X, subject.y), slopes)


def test_tensors_are_samples_and_labels_too() -> None:
    rows = torch.tensor(X, requires_grad=True)
    subject = Subject.of(body(3), rows, torch.tensor(THREE))
    assert np.array_equal(subject.X, X)
    assert subject.y.tolist() == THREE.tolist()


def test_classes_name_the_outputs_in_their_order() -> None:
    words = np.array(["low", "middle", "high"])
    subject = Subject.of(body(3), X, words[THREE], classes=words.tolist())
    assert subject.classes == ("low", "middle", "high")
    assert subject.y.tolist() == THREE.tolist()


def test_the_state_changes_with_a_weight_and_with_nothing_else() -> None:
    states = {Subject.of(body(3).eval(), X, THREE).state, Subject.of(body(3).train(), X[:99], THREE[:99]).state}
    assert len(states) == 1
    module = body(3)
    with torch.no_grad():
        module[0].weight[0, 0] += 1e-9
    assert Subject.of(module, X, THREE).state not in states


def test_images_go_through_a_convolution() -> None:
    images = RNG.random((30, 3, 6, 6))
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)).double()
    subject = Subject.of(module, images, [0, 1] * 15)
    assert (subject.inputs, subject.image_shape, subject.X.dtype) == ("image", (3, 6, 6), np.float32)
    assert np.allclose(subject.predict(subject.X), softmax(answers(module, images.astype("float32").astype(float))))
    assert subject.embed is not None
    assert subject.embed(subject.X[:5]).shape == (5, 64)
    assert subject.gradient is not None
    assert subject.gradient(subject.X[:5], subject.y[:5]).shape == (5, 3, 6, 6)


class Tuple(nn.Module):  # type: ignore[misc,name-defined]
    def forward(self, rows: Any) -> Any:
        return rows, rows


class Maps(nn.Module):  # type: ignore[misc,name-defined]
    def forward(self, rows: Any) -> Any:
        return rows[:, :, None, None].repeat(1, 1, 2, 2)


class Mean(nn.Module):  # type: ignore[misc,name-defined]
    def forward(self, rows: Any) -> Any:
        return rows.mean()


class Nothing(nn.Module):  # type: ignore[misc,name-defined]
    def forward(self, rows: Any) -> Any:
        return rows[:, :2] * float("nan")


@pytest.mark.parametrize(
    ("module", "y", "message"),
    [
        (
            Tuple(),
            TWO,
            r"^the module must return a tensor, got a tuple of 2 from Tuple: pass .*\n.*\n.*\n.*self.net\(rows\)\[0\]",
        ),
        (Maps(), TWO, r"^the module must return \(n, k\) logits .*, got shape \(600, 4, 2, 2\) for 600 samples"),
        (Mean(), TWO, "^the model cannot predict for X: RuntimeError: zero-dimensional"),
        (Nothing(), TWO, "^the model's outputs must be finite, got 1200 NaN or infinite in 600 rows"),
        (body(2), X[:, 0], "^multi-output models are not supported: the module gives 2 outputs; allowed: one"),
        (nn.Sequential(body(3), nn.Sigmoid()), THREE, "^multi-label and multi-output .* ends in 3 separate sigmoids"),
        (body(2), THREE, "^labels must be 0…1, the numbers of the model's 2 output columns, got"),
        (body(1), TWO + 1, r"^labels must be 0…1, .* got \[1, 2\]: pass classes="),
        (nn.Linear(3, 2), TWO, "^the model cannot predict for X: RuntimeError: .*shapes cannot be multiplied"),
        (nn.Linear, TWO, "^the model must be .* got the class Linear"),
    ],
    ids=["tuple", "maps", "mean", "NaN", "two values", "sigmoids", "classes", "labels 1 and 2", "width", "class"],
)
def test_a_module_that_does_not_fit_is_refused_with_what_is_allowed(module: Any, y: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        Subject.of(module, X, y)


def test_a_table_of_numbers_is_taken_and_one_with_text_refused_with_advice() -> None:
    module = body(3)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(b=np.arange(len(X)) % 5)
    bare, named = Subject.of(module, frame.to_numpy(), THREE), Subject.of(module, frame, THREE)
    assert named.feature_names == ("a", "b", "c", "d")
    assert np.abs(named.predict(named.X) - bare.predict(bare.X)).max() < 1e-6
    assert named.gradient is not None
    assert bare.gradient is not None
    assert np.abs(named.gradient(named.X, named.y) - bare.gradient(bare.X, bare.y)).max() < 1e-6
    with pytest.raises(ValueError, match=r"a torch module takes numbers, got the column 'b' of (object|str): encode"):
        Subject.of(module, frame.assign(b="x"), THREE)


def test_weights_of_logits_may_be_a_function_of_them_and_the_module_is_asked_once() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.asked = body(3), 0

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            self.asked += len(rows)
            out: torch.Tensor = self.body(rows)
            return out

    class Squares:
        """The weights that make the sum half the sum of squares: its derivative is that of Σ z²/2."""

        def __init__(self, seen: Array) -> None:
            self.seen = seen

        def __getitem__(self, part: slice) -> "Squares":
            return Squares(self.seen[part])

        def __call__(self, logits: Array) -> Array:
            self.seen[:] = logits
            return logits

    subject = Subject.of(Counts(), X, THREE)
    assert subject.logit_gradient is not None
    assert subject.logits is not None
    logits = subject.logits(subject.X)
    seen: Any = np.full(logits.shape, np.nan)
    module: Any = subject.logit_gradient.__self__.module  # type: ignore[attr-defined]  # a bound method
    module.asked = 0
    slope = subject.logit_gradient(subject.X, Squares(seen))  # type: ignore[arg-type]  # a function in place of an array
    assert module.asked == len(subject.X)
    assert np.allclose(seen, logits)
    assert np.allclose(slope, subject.logit_gradient(subject.X, logits))
