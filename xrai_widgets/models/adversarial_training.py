"""Adversarial training of networks: attacks in the loop (Madry et al. 2018, arXiv:1706.06083)."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from xrai_widgets.core import Advanced, Gap, Label, Predict, Range, Step, Subject
from xrai_widgets.core.subject import Array
from xrai_widgets.models.adversarial_mlp import MLPFit, mlp_gap, mlp_refit
from xrai_widgets.models.anew import training_gap
from xrai_widgets.models.attack_loop import AttackFit, Norm, Reach, batches
from xrai_widgets.models.torch_layers import layers_of_sequential
from xrai_widgets.models.torch_module import TorchModel
from xrai_widgets.models.torch_script import is_script


@dataclass(frozen=True, eq=False)
class AdversarialFit(AttackFit):
    """Train a module of the same form with fresh weights."""

    model: TorchModel

    def predicting(self, trained: TorchModel) -> Predict:
        """Return the predict function of the trained module."""
        return trained.predict

    def train(self, X: Array, y: Array, seed: int, step: Step) -> TorchModel:
        """Return the trained module; the global generators stay as they are."""
        import torch

        live = copy.copy(self.model)
        live.module = copy.deepcopy(self.model.module)
        device = torch.device(live._device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            for part in live.module.modules():
                if hasattr(part, "reset_parameters"):
                    part.reset_parameters()
            for parameter in live.module.parameters():
                parameter.requires_grad_(True)
            optimizer = torch.optim.Adam(live.module.parameters(), lr=self.params["learning_rate"])
            draws = np.random.default_rng(seed)
            steps = self.params["steps"]
            for batch in batches(len(X), self.params["batch_size"], self.params["epochs"], draws, step):
                live.module.eval()
                attacked = self.reach.attacked(live.gradient, X[batch], y[batch], steps, draws)
                _learn(live, optimizer, attacked, y[batch])
        trained = copy.copy(self.model)
        trained.module = live.module.eval()
        for parameter in trained.module.parameters():
            parameter.requires_grad_(False)
        return trained


def adversarial_training(
    subject: Subject,
    step: Step,
    *,
    epsilon: Annotated[
        float,
        Range(0.001, 100),
        Label("ε (size of the change)"),
        "size of the change, as a share of the features' ranges, in the norm",
    ] = 0.1,
    norm: Annotated[
        Norm, "linf: each feature changes by ε at most; l2: all together do; as in the attack that is to be withstood"
    ] = "linf",
    steps: Annotated[int, Range(1, 100), Label("gradient steps"), "of the attack on each batch"] = 5,
    epochs: Annotated[int, Range(1, 1000), "passes over the training samples"] = 20,
    learning_rate: Annotated[float, Range(1e-6, 1), Label("learning rate"), Advanced(), "of Adam"] = 0.003,
    batch_size: Annotated[
        int, Range(2, 4096), Label("batch size"), Advanced(), "samples per step of the training"
    ] = 64,
    seed: Annotated[int, Range(0, 2**31 - 1), Label("random seed"), Advanced(), "of weights, batches and attacks"] = 0,
) -> dict[str, Any]:
    """Train a network of the same form anew, with fresh weights, on what attacks make of the training samples."""
    assert subject.X_train is not None
    assert subject.y_train is not None
    words = {"steps": steps, "epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size, "seed": seed}
    reach = Reach.of(subject, epsilon, norm)
    if (refit := mlp_refit(subject.fit)) is not None:
        return MLPFit(reach, words, refit).fields(subject, step)
    model = _torch_model(subject)
    assert model is not None
    fit = AdversarialFit(reach, words, model)
    trained = fit.train(subject.X_train, subject.y_train, seed, step)
    return {
        "predict": trained.predict,
        "logits": trained.logits,
        "gradient": trained.gradient,
        "logit_gradient": trained.logit_gradient,
        "layers": layers_of_sequential(trained, subject.X[:64], trained._inputs),
        "embed": trained.embed if trained.has_linear else None,
        "model": trained.module,
        "fit": fit,
        "trained_with": (),
    }


def adversarial_gap(subject: Subject, _: Mapping[str, Any]) -> Gap | None:
    """Say why a subject cannot be trained on attacks; None if it can."""
    if mlp_refit(subject.fit) is not None:
        return mlp_gap(subject)
    model = _torch_model(subject)
    if model is None or subject.task != "classification":
        return Gap("adversarial training is for torch modules and MLPs that classify, in this process")
    if subject.gradient is None or is_script(model.module):
        return Gap("adversarial training needs a torch module that can be differentiated, and no TorchScript")
    if (lacking := training_gap(subject)) is not None:
        return lacking
    kept = [
        type(part).__name__
        for part in model.module.modules()
        if any(True for _ in part.parameters(recurse=False)) and not hasattr(part, "reset_parameters")
    ]
    if kept:
        return Gap(f"the weights of {kept[0]} cannot be drawn anew: it has no reset_parameters")
    return None


def _torch_model(subject: Subject) -> TorchModel | None:
    model = getattr(subject.predict, "__self__", None)
    return model if isinstance(model, TorchModel) else None


def _learn(live: TorchModel, optimizer: Any, X: Array, y: Array) -> None:
    import torch

    live.module.train()
    optimizer.zero_grad()
    target = torch.as_tensor(np.array(y), device=live._device)
    loss: Any = torch.nn.functional.cross_entropy(live._scores(live.module(live._tensor(X))), target)
    loss.backward()
    optimizer.step()
