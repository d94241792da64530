"""Epochs: look for Cancel before each batch, keep the state after each epoch, go on from what was kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from xrai_widgets.core import Array, Finding, Step
from xrai_widgets.core.step import Arrays
from xrai_widgets.engines._threads import calm
from xrai_widgets.engines._training.checkpoint import State

if TYPE_CHECKING:
    import torch

    from xrai_widgets.engines._training.networks import Draws


class Diverged(RuntimeError):
    """The loss is no number any more."""


class Trainee(Protocol):
    """Networks that learn together from batches.

    Attributes
    ----------
    losses : tuple of str
        Names of what `learn` and `held_out` return, in this order.
    draws : Draws
        Where all that is drawn comes from.
    """

    losses: tuple[str, ...]
    draws: "Draws"

    @property
    def networks(self) -> "Mapping[str, torch.nn.Module]":
        """The networks by name."""

    @property
    def optimizers(self) -> "Mapping[str, torch.optim.Optimizer]":
        """Their optimizers by name."""

    def learn(self, rows: "torch.Tensor") -> "torch.Tensor":
        """Learn from the rows of a batch, and return the mean losses of a row."""

    def held_out(self) -> Array | None:
        """Return the losses on samples that are not learned from; None if there are none."""


@dataclass(frozen=True)
class Schedule:
    """How long is trained, and in what portions.

    Parameters
    ----------
    epochs, batch_size : int
    passes : int
        How often each row is seen in an epoch, at whose end the state is kept: more of few rows.
    """

    epochs: int
    batch_size: int
    passes: int = 1


@dataclass(frozen=True, eq=False)
class History:
    """The mean losses of each epoch: on what was learned from, and on held-out samples (NaN without them)."""

    losses: tuple[str, ...]
    train: Array
    held_out: Array


def train(
    trainee: Trainee,
    X: "torch.Tensor",
    schedule: Schedule,
    key: str,
    step: Step,
    live: Callable[[History], Finding] | None = None,
    note: str = "training",
) -> History:
    """Train, from where an earlier run with this key stood, and return the losses.

    Parameters
    ----------
    X : tensor (n, d)
        In the processor's memory.
    key : str
        Under which the state is kept after each epoch (`checkpoint.key_of`).
    live : callable, optional
        Makes the partial finding that is shown meanwhile.

    Raises
    ------
    Diverged
        when a loss is not finite.
    Cancelled
        when the user stops it; what the last finished epoch left is kept.
    """
    state = State(trainee.networks, trainee.optimizers, trainee.draws)
    history = _resumed(state, trainee, schedule, step.recall(key))
    seen = schedule.passes * len(X)
    size = min(schedule.batch_size, seen)
    starts = range(0, seen, size)
    for epoch in range(len(history.train), schedule.epochs):
        so_far = history
        partial = (lambda h=so_far: live(h)) if live else None
        order, total = trainee.draws.orders(len(X), schedule.passes), None
        with calm(sum(part.numel() for network in trainee.networks.values() for part in network.parameters())):
            for number, start in enumerate(starts):
                done = (epoch + number / len(starts)) / schedule.epochs
                step(done, f"{note}: epoch {epoch + 1} of {schedule.epochs}", partial)
                rows = X[order[start : start + size]]
                losses = trainee.learn(rows) * len(rows)
                total = losses if total is None else total + losses
        assert total is not None
        history = _longer(history, total.double().cpu().numpy() / seen, trainee.held_out(), epoch)
        step.keep(key, {**state.arrays(), "history/train": history.train, "history/held_out": history.held_out})
    step(1.0, note, (lambda: live(history)) if live else None)
    return history


def _resumed(state: State, trainee: Trainee, schedule: Schedule, kept: Arrays | None) -> History:
    """Return the losses of the epochs that are over, and put the trainee where they left it.

    What is kept lies in a file that anybody may have written: what does not fit is as good as nothing.
    """
    none = np.zeros((0, len(trainee.losses)))
    if kept is not None:
        before = state.arrays()
        try:
            history = _checked(History(trainee.losses, kept["history/train"], kept["history/held_out"]), schedule)
            state.load(kept)
        except (ValueError, KeyError, RuntimeError, TypeError):
            state.load(before)
        else:
            return history
    return History(trainee.losses, none, none)


def _checked(history: History, schedule: Schedule) -> History:
    for losses in (history.train, history.held_out):
        epochs = len(losses) if losses.ndim == 2 else 0
        if not 1 <= epochs <= schedule.epochs or losses.shape != (len(history.train), len(history.losses)):
            raise ValueError(f"losses of {schedule.epochs} epochs at the most, got an array of {losses.shape}")
    if not np.isfinite(history.train).all():
        raise ValueError("losses must be finite")
    return history


def _longer(history: History, train: Array, held_out: Array | None, epoch: int) -> History:
    if not np.isfinite(train).all():
        got = ", ".join(f"{name} {value:g}" for name, value in zip(history.losses, train, strict=True))
        raise Diverged(f"the training diverged in epoch {epoch + 1} ({got}): try a lower learning_rate")
    outside = np.full_like(train, np.nan) if held_out is None else held_out
    return History(history.losses, np.vstack([history.train, train]), np.vstack([history.held_out, outside]))
