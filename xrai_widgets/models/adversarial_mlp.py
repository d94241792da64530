"""Adversarial training of scikit-learn's MLPs, alone or at the end of a pipeline, by their partial_fit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Gap, Predict, Step, Subject
from xrai_widgets.core.subject import Array
from xrai_widgets.models.anew import training_gap
from xrai_widgets.models.attack_loop import AttackFit, batches
from xrai_widgets.models.differentiable import Differentiable, layers_of
from xrai_widgets.models.estimator import Refit, aligned

_LOOKED = 8  # rows on which the form of the layers is checked


@dataclass(frozen=True, eq=False)
class MLPFit(AttackFit):
    """Train a clone; steps before it see the samples as they are."""

    refit: Refit

    def predicting(self, trained: Any) -> Predict:
        """Return the predict function of the trained clone."""
        return aligned(trained, self.refit.inputs, self._classes)

    @property
    def _classes(self) -> tuple[Any, ...]:
        return self.refit.classes or ()

    def train(self, X: Array, y: Array, seed: int, step: Step) -> Any:
        """Return the trained clone."""
        from sklearn.base import clone

        inputs, classes = self.refit.inputs, np.array(self._classes)
        model = clone(self.refit.estimator)
        before, network = (model[:-1], model.steps[-1][1]) if hasattr(model, "steps") else (None, model)
        network.set_params(random_state=seed, early_stopping=False, learning_rate_init=self.params["learning_rate"])
        if before is not None and len(before):
            before.fit(inputs.to_user(X), classes[y])
        draws, started = np.random.default_rng(seed), False
        for batch in batches(len(X), self.params["batch_size"], self.params["epochs"], draws, step):
            rows = X[batch]
            if started:
                layers = self._layers(model, rows)
                rows = self.reach.attacked(layers.gradient, rows, y[batch], self.params["steps"], draws)
            given = inputs.to_user(rows)
            entering = before.transform(given) if before is not None and len(before) else given
            network.partial_fit(entering, classes[y[batch]], classes=classes)
            started = True
        return model

    def _layers(self, model: Any, rows: Array) -> Differentiable:
        layers = layers_of(model, rows[:_LOOKED], self.refit.inputs.to_user)
        assert layers is not None  # those of the model itself were
        return layers

    def fields(self, subject: Subject, step: Step) -> dict[str, Any]:
        """Return the fields of the subject that is trained on attacks."""
        assert subject.X_train is not None
        assert subject.y_train is not None
        model = self.train(subject.X_train, subject.y_train, self.params["seed"], step)
        layers = self._layers(model, subject.X)
        return {
            "predict": self.predicting(model),
            "model": model,
            "fit": self,
            "logits": layers.logits,
            "gradient": layers.gradient,
            "logit_gradient": layers.logit_gradient,
            "embed": layers.embed,
            "layers": layers.plain,
            "trained_with": (),
        }


def mlp_refit(fit: Callable[..., Predict] | None) -> Refit | None:
    """Return what clones an MLP of scikit-learn; None for other models, and where weights or fit parameters follow."""
    if not isinstance(fit, Refit):
        return None
    final = fit.estimator.steps[-1][1] if hasattr(fit.estimator, "steps") else fit.estimator
    return fit if type(final).__name__ == "MLPClassifier" and fit.classes is not None else None


def mlp_gap(subject: Subject) -> Gap | None:
    """Say why an MLP cannot be trained on attacks; None if it can."""
    refit = mlp_refit(subject.fit)
    assert refit is not None
    final = refit.estimator.steps[-1][1] if hasattr(refit.estimator, "steps") else refit.estimator
    if final.solver == "lbfgs":
        return Gap("solver='lbfgs' learns from all samples at once: adversarial training needs 'adam' or 'sgd'")
    if subject.gradient is None:
        return Gap("adversarial training needs gradients: an MLP on numbers, after steps that scale them at most")
    if subject.decide is not None:
        return Gap("the model decides by a rule of its own, which was made for it as it is")
    return training_gap(subject)
