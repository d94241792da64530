"""What derivatives of a torch module are taken of."""

from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Gradient
from xrai_widgets.models.adapted import are_opposites

_TINY = 1e-12


def gradient_if_any(possible: bool, gradient: Gradient, rows: Array) -> Gradient | None:
    """Return the gradient if it can be had at some rows: quantised layers and embeddings have none."""
    if not possible:
        return None
    try:
        gradient(rows, np.zeros(len(rows), dtype=np.int64))
    except RuntimeError:
        return None
    return gradient


def scores(out: Any, form: str, single: bool) -> Any:
    """Return the logits (n, k) of a module's outputs as `TorchModel.logits` gives them, to be differentiated."""
    import torch

    out = out.reshape(len(out), -1)
    if form == "logits":
        if single:
            return torch.hstack([torch.zeros_like(out), out])
        opposite = out.shape[1] == 2 and are_opposites(out.detach().cpu().double().numpy())
        return out / 2 if opposite else out
    if form == "one-vs-rest":
        out = out / out.sum(1, keepdim=True)
    shares = torch.hstack([1 - out, out]) if single else out
    return torch.log(shares.clamp_min(_TINY))


def weighted(logits: Any, weights: Any) -> Any:
    """Return the sum of logits (r, k), weighted with an array or with what a function makes of them as an array."""
    import torch

    if callable(weights):
        weights = weights(logits.detach().cpu().double().numpy())
    return (logits * torch.as_tensor(np.array(weights), device=logits.device)).sum()
