"""Train the networks that `two_cue_models` loads: ``python -m xrai_widgets.data.train_two_cue_models [folder]``.

On one processor the numbers are the same each time; another one, or another torch, may round differently.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.data.two_cue_models import SEEDS, TRAININGS, weights_of
from xrai_widgets.data.two_cues import CLASSES, SIDE, two_cues
from xrai_widgets.io.network_files import save_network
from xrai_widgets.models.networks import cnn

_IMAGES, _BATCH, _RATE = 1200, 64, 4e-3
_EPOCHS = {"plain": 12, "low-pass": 12, "high-pass": 12, "noise": 20, "adversarial": 20}
_SHAPE, _TEXTURE = 0.95, 0.75  # share of the images in which each cue is that of the label: either is worth reading
_CHANNELS = (8, 16, 16, 16)
_NOISE = 0.2
_EPSILON, _STEPS = 0.05, 3
_CLEAN, _WARM = 4, 8  # epochs before noise and attacks, and in which they grow: else so small a network learns nothing


def filtered(images: Array, low: bool) -> Array:
    """Return images with only the lower or the upper half of the frequencies; their mean grey stays."""
    periods = np.abs(np.fft.fftfreq(SIDE) * SIDE)
    radius = np.maximum(periods[:, None], np.fft.rfftfreq(SIDE) * SIDE)
    kept = radius < SIDE / 4 if low else (radius >= SIDE / 4) | (radius == 0)
    made: Array = np.fft.irfft2(np.fft.rfft2(images) * kept, s=(SIDE, SIDE)).astype(np.float32)
    return made


def trained(training: str, seed: int, epoch: Callable[[int, Any], None] = lambda *_: None) -> Any:
    """Return a network after its training.

    Parameters
    ----------
    training : str
        Of `TRAININGS`.
    seed : int
    epoch : callable
        Gets the number of epochs that are done, and the network, before the first one and after each.
    """
    import torch

    data = two_cues(_IMAGES, shape=_SHAPE, texture=_TEXTURE, seed=seed)
    X = filtered(data.X, training == "low-pass") if training.endswith("-pass") else data.X
    images, labels = torch.as_tensor(X), torch.as_tensor(data.y)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = cnn((1, SIDE, SIDE), _CHANNELS, len(CLASSES), classes=CLASSES)
        optimizer = torch.optim.Adam(network.parameters(), _RATE)
        epoch(0, network)
        for number in range(_EPOCHS[training]):
            for rows in torch.split(torch.randperm(len(images)), _BATCH):
                y, share = labels[rows], float(np.clip((number - _CLEAN) / _WARM, 0, 1))
                batch = _changed(training, network, images[rows], y, share)
                optimizer.zero_grad()
                torch.autograd.backward(torch.nn.functional.cross_entropy(network(batch), y))
                optimizer.step()
            epoch(number + 1, network)
    return network.eval()


def _changed(training: str, network: Any, images: Any, labels: Any, share: float) -> Any:
    """Return a batch as it is learnt from; changes have a share of their full size."""
    import torch

    epsilon = share * _EPSILON
    if training == "noise":
        sizes = share * _NOISE * torch.rand(len(images), 1, 1, 1)
        return (images + sizes * torch.randn_like(images)).clamp(0, 1)
    if training != "adversarial":
        return images
    change = epsilon * (2 * torch.rand_like(images) - 1)
    for _ in range(_STEPS):
        change = change.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(network((images + change).clamp(0, 1)), labels)
        (slope,) = torch.autograd.grad(loss, [change])
        change = (change + 2 * epsilon / _STEPS * slope.sign()).clamp(-epsilon, epsilon)
    return (images + change.detach()).clamp(0, 1)


def main(folder: Path) -> None:
    """Train all networks and write their weights to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for training in TRAININGS:
        for seed in SEEDS:
            save_network(trained(training, seed), folder / weights_of(training, seed).name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else weights_of(TRAININGS[0], SEEDS[0]).parent)
