"""Small models under attack, of which the nearest changes are known in closed form, or that are trained in a moment."""

from functools import cache
from typing import Any

import numpy as np

import xrai_widgets as xw
from xrai_widgets.core import Array, Cancelled, Constraint, Step, Subject
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._problem import Problem
from xrai_widgets.engines._space import Space
from xrai_widgets.models.adapted import softmax


class Stops(Step):
    """A step at which the user cancels after so many looks."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, done: float, note: str = "", partial: Partial = None) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled


class Linear:
    """A linear model whose samples stand in a wide box, and how often it was asked."""

    def __init__(self, k: int, width: int = 8, n: int = 24, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.weights = rng.standard_normal((k, width))
        self.bias = rng.standard_normal(k)
        self.X = rng.normal(0.0, 1.0, (n, width))
        self.k = k
        self.asked = 0

    def logits(self, X: Array) -> Array:
        self.asked += len(X)
        scores: Array = X @ self.weights.T + self.bias
        return scores

    def predict(self, X: Array) -> Array:
        return softmax(self.logits(X))

    def gradient(self, X: Array, y: Array) -> Array:
        self.asked += 2 * len(X)
        flow: Array = (softmax(X @ self.weights.T + self.bias) - np.eye(self.k)[y]) @ self.weights
        return flow

    def logit_gradient(self, X: Array, V: Array) -> Array:
        self.asked += 2 * len(X)
        flow: Array = V @ self.weights
        return flow

    def problem(self, norm: Any, constraints: tuple[Constraint, ...] = (), end: float = 50.0) -> Problem:
        """Every sample has the label that the model gives it; changes go from −end to end."""
        bounds = np.array([[-end], [end]]) * np.ones(self.X.shape[1])
        labels = (self.X @ self.weights.T + self.bias).argmax(axis=1)
        space = Space(bounds, constraints, "raw", None)
        return Problem(self.predict, space, self.X, labels, np.arange(len(labels)), self.X.shape[1:], norm, 10_000)

    def distances(self, norm: str) -> Array:
        """Return the closed form: margin over the dual norm of the difference of weights, least over the rivals."""
        scores = self.X @ self.weights.T + self.bias
        label = scores.argmax(axis=1)
        slope = self.weights[None] - self.weights[label][:, None]
        order = {"linf": 1, "l2": 2, "l1": np.inf}[norm]
        with np.errstate(divide="ignore", invalid="ignore"):
            far = (scores.max(axis=1)[:, None] - scores) / np.linalg.norm(slope, ord=order, axis=2)
        far[np.arange(len(far)), label] = np.inf
        nearest: Array = far.min(axis=1)
        return nearest


@cache
def digits_cnn(channels: int = 6, epochs: int = 6) -> Subject:
    """A small network on 8×8 images; the labels are its own, so that every sample is attacked."""
    import torch
    from sklearn.datasets import load_digits
    from torch import nn

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            *(nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(channels, 2 * channels, 3, padding=1), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(2 * channels * 16, 32), nn.ReLU(), nn.Linear(32, 10)),
        )
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        images, labels = torch.tensor(X[:1000]), torch.tensor(y[:1000])
        for _ in range(epochs):
            for batch in torch.randperm(1000).split(50):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
                optimizer.step()
        model.eval()
        held = X[1000:]
        own = model(torch.tensor(held)).argmax(1).numpy()
    return xw.Subject.of(model, held, own, bounds=(0.0, 1.0))


def problem_of(subject: Subject, norm: Any, n: int, first: int = 0) -> Problem:
    """Return the first samples of a subject on images, under attack."""
    assert subject.bounds is not None
    flat = subject.X[first : first + n].reshape(n, -1).astype(np.float64)
    space = Space(subject.bounds, subject.constraints, "range", None)
    labels = subject.predict(subject.X[first : first + n]).argmax(axis=1)
    return Problem(subject.predict, space, flat, labels, np.arange(first, first + n), subject.X.shape[1:], norm, 10_000)
