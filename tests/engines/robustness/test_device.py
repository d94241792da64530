"""Models on an accelerator: every tensor is made where the model is, and comes back to be read.

On a machine without one the same is looked at call by call: whatever is made names its device, and nothing is read as
an array that was not fetched.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification

import xrai_widgets as xw
from xrai_widgets.core import Subject
from xrai_widgets.models.networks import mlp
from xrai_widgets.runtime import assess

FEW: dict[str, dict[str, Any]] = {
    "robustness.evasion": {"attack": "pgd", "n_samples": 10, "steps": 5, "norm": "linf"},
    "robustness.certified": {"n_samples": 10, "norm": "linf"},
    "robustness.clever": {"n_samples": 4, "n_blocks": 10, "block_size": 8},
    "robustness.loss_sensitivity": {"n_samples": 10},
    "robustness.empirical_robustness": {"n_samples": 10},
    "robustness.confidence_detection": {"n_samples": 10, "steps": 4, "rounds": 2, "epsilon": 0.3},
}
STRONGEST: dict[str, Any] = {"attack": "strongest", "n_samples": 10, "queries": 600, "norm": "linf"}


def net_on(device: str) -> Subject:
    """A small network, trained on the CPU whatever the device, so that both are the same model."""
    X, y = make_classification(300, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0)
    X = X.astype(np.float32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = mlp(6, [16], 3, standardize=False)
        optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
        for _ in range(60):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(torch.as_tensor(X[:150])), torch.as_tensor(y[:150])).backward()
            optimizer.step()
    words = {"X_train": X[:150], "y_train": y[:150], "name": "net"}
    return Subject.of(module.eval().to(device), X[150:], y[150:], **words)


@pytest.fixture(scope="module")
def net() -> Subject:
    return net_on("cpu")


@pytest.fixture(scope="module")
def cuda_net() -> Subject:
    """The same network on the first accelerator; without one the tests that need it are skipped."""
    if not torch.cuda.is_available():
        pytest.skip("torch.cuda.is_available() is False: no accelerator on this machine")
    return net_on("cuda")


class Watching(torch.overrides.TorchFunctionMode):
    """Fails where a tensor is made on whichever device is the default, or is read that was not fetched first."""

    makers = (
        *(torch.as_tensor, torch.tensor, torch.from_numpy, torch.zeros, torch.ones, torch.full, torch.empty, torch.eye),
        *(torch.arange, torch.linspace, torch.rand, torch.randn, torch.randint, torch.randperm),
    )

    def __init__(self) -> None:
        super().__init__()
        self.made, self.read = 0, 0
        self._fetched: list[Any] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        words = kwargs or {}
        if func in self.makers:
            assert words.get("device") is not None, f"{func.__name__} names no device"
            self.made += 1
        if func in (torch.Tensor.numpy, torch.Tensor.__array__):
            assert any(args[0] is one for one in self._fetched), "an array is made of what may not be on the CPU"
            self.read += 1
        made = func(*args, **words)
        # what follows from what was fetched is there, too
        if func is torch.Tensor.cpu or (args and any(args[0] is one for one in self._fetched)):
            self._fetched = [*self._fetched[-8:], made]
        return made


@pytest.fixture
def watching() -> Iterator[Watching]:
    with Watching() as mode:
        yield mode


@pytest.mark.parametrize("name", FEW)
def test_whatever_an_engine_makes_is_made_where_the_model_is(name: str, net: Subject, watching: Watching) -> None:
    outcome = assess(net, name, strict=True, **FEW[name])
    assert outcome.status == "ok"
    assert watching.made > 0
    assert watching.read > 0


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_training_on_attacks_stays_where_the_model_is(norm: str, net: Subject, watching: Watching) -> None:
    made = xw.defended(net, "adversarial training", epochs=1, steps=2, norm=norm)
    assert made.predict(made.X).shape == (150, 3)
    assert min(watching.made, watching.read) > 0


def test_what_is_made_elsewhere_is_seen(watching: Watching) -> None:
    with pytest.raises(AssertionError, match="as_tensor names no device"):
        torch.as_tensor(np.zeros(2))
    with pytest.raises(AssertionError, match="may not be on the CPU"):
        torch.nn.Parameter(torch.zeros(2, device="cpu")).detach().numpy()
    assert torch.zeros(2, device="cpu").cpu().double().numpy().shape == (2,)


def test_a_module_of_buffers_alone_is_asked_where_they_are() -> None:
    class Fixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", torch.eye(2, device="cpu"))

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = rows.double() @ self.weight.double()
            return made

    X = np.random.default_rng(0).normal(size=(20, 2))
    subject = Subject.of(Fixed(), X, (X[:, 1] > X[:, 0]).astype(int))
    device = subject.predict.__self__._device  # type: ignore[attr-defined]  # the network behind it
    assert device == torch.device("cpu"), "the device itself, not its name, which would be the default"
    assert isinstance(device, torch.device)


@pytest.mark.parametrize("name", FEW)
def test_an_accelerator_gives_what_the_cpu_gives(name: str, net: Subject, cuda_net: Subject) -> None:
    here, there = (assess(one, name, strict=True, **FEW[name]).finding for one in (net, cuda_net))
    assert here is not None
    assert there is not None
    assert here.values.keys() == there.values.keys()
    for key, value in here.values.items():  # float32 rounds differently there: a sample may turn
        assert there.values[key] == pytest.approx(value, rel=0.05, abs=0.11), key


def test_all_attacks_within_a_budget_run_on_an_accelerator(net: Subject, cuda_net: Subject) -> None:
    here, there = (assess(one, "robustness.evasion", strict=True, **STRONGEST).finding for one in (net, cuda_net))
    assert here is not None
    assert there is not None
    assert here.tables["attacks"]["attack"].tolist() == there.tables["attacks"]["attack"].tolist()
    assert there.values["robust_accuracy"] == pytest.approx(here.values["robust_accuracy"], abs=0.11)


def test_outputs_gradients_and_features_of_an_accelerator_are_those_of_the_cpu(net: Subject, cuda_net: Subject) -> None:
    V = np.random.default_rng(0).normal(size=(len(net.X), 3))
    asked: dict[str, tuple[Any, ...]] = {"predict": (), "logits": (), "embed": (), "gradient": (net.y,)}
    asked["logit_gradient"] = (V,)
    for name, more in asked.items():
        here, there = (getattr(one, name)(net.X, *more) for one in (net, cuda_net))
        assert np.allclose(here, there, atol=1e-4), name
    again = xw.defended(cuda_net, "adversarial training", epochs=1, steps=2, norm="l2")
    assert next(again.model.parameters()).is_cuda  # type: ignore[attr-defined]  # the network behind it
    assert next(cuda_net.model.parameters()).is_cuda, "the user's own stays where it is"  # type: ignore[attr-defined]  # the network behind it
