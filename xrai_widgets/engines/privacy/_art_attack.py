"""The black-box attack of the Adversarial Robustness Toolbox as an attack model among ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from xrai_widgets.core import Array

_KINDS = {"random forest": "rf", "gradient boosting": "gb", "logistic regression": "lr", "neural network": "nn"}


class ArtAttack:
    """ART's attack with the two methods of a classifier, for features made by `art_features`."""

    def __init__(self, learner: str, n_classes: int, seed: int) -> None:
        from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
        from art.estimators.regression import BlackBoxRegressor

        from xrai_widgets.models.art import black_box

        self._classes, self._seed, self._network = n_classes, seed, learner == "neural network"
        # the attack is given the outputs, so the model is never queried
        if n_classes:
            target, kind = black_box(_never, (1,), n_classes), "prediction"
        else:
            target, kind = BlackBoxRegressor(_never, (1,)), "loss"
        self._attack = MembershipInferenceBlackBox(target, kind, _KINDS[learner])
        if not self._network:
            self._attack.attack_model.set_params(random_state=seed)

    def fit(self, features: Array, is_member: Array) -> "ArtAttack":
        """Train the attack on members and non-members."""
        pred, y = self._split(features[is_member == 1])
        test_pred, test_y = self._split(features[is_member == 0])
        with self._seeded():
            self._attack.fit(y=y, test_y=test_y, pred=pred, test_pred=test_pred)
        return self

    def predict_proba(self, features: Array) -> Array:
        """Return the probabilities of being no member and of being one, (n, 2)."""
        pred, y = self._split(features)
        with self._seeded():
            probabilities = self._attack.infer(None, y, pred=pred, probabilities=True)
        chance = np.asarray(probabilities, dtype=float).reshape(-1)
        return np.column_stack([1 - chance, chance])

    def _split(self, features: Array) -> tuple[Array, Array]:
        outputs = features[:, :-1]
        return (outputs if self._classes else outputs[:, 0]), features[:, -1]

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Its network draws from torch's global generator: seed that for the call and put it back."""
        if not self._network:
            yield
            return
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            yield


def art_features(outputs: Array, y: Array) -> Array:
    """Return the outputs and, in the last column, the label or the true value."""
    return np.column_stack([outputs, y])


def _never(_: Array) -> Array:
    raise AssertionError("ART asked the model although it was given the outputs")
