"""The ensemble on MNIST, with and without an autoencoder: Fashion-MNIST, Omniglot, two chickens."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Array
from xrai_widgets.data.public_pictures import public_pictures
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines.ood._alarm import calibrated
from xrai_widgets.engines.ood._watches import Seen, ensemble
from xrai_widgets.engines.ood.estimators.ensemble import EnsembleDetector
from xrai_widgets.engines.ood.estimators.vae import VAEDetector

ALPHA = 0.01
FITTED = 20_000


def network(X: Array, y: Array) -> tuple[Any, Any]:
    """Body and head of a small convolutional network after two passes."""
    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        second = [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        body = nn.Sequential(*first, *second, nn.Linear(1568, 64), nn.ReLU())
        head = nn.Linear(64, 10)
        adam = torch.optim.Adam([*body.parameters(), *head.parameters()], 2e-3)
        images, labels = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(y)
        for _ in range(2):
            for rows in torch.split(torch.randperm(len(images)), 128):
                adam.zero_grad()
                loss = nn.functional.cross_entropy(head(body(images[rows])), labels[rows])
                torch.autograd.backward(loss)
                adam.step()
    return body, head


def asked(layer: Any) -> Any:
    """A layer as a function of arrays."""
    import torch

    def ask(X: Array) -> Array:
        with torch.no_grad():
            parts = [
                layer(torch.as_tensor(part, dtype=torch.float32)) for part in np.array_split(X, len(X) // 2000 + 1)
            ]
        return torch.cat(parts).double().numpy()

    return ask


@pytest.mark.benchmark
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("learned", [False, True], ids=["as it is", "with an autoencoder"])
def test_what_the_ensemble_finds(learned: bool, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRAI_DATA", str(shared_data))
    train, test = (public_pictures("mnist", part) for part in ("train", "test"))
    images, others = train.X[:, None], test.X[:, None]
    body, head = network(images, train.y)
    import torch

    seen = Seen(None, (1, 28, 28), True, (), asked(body), asked(torch.nn.Sequential(body, head)))
    chosen, look = ensemble(seen), seen.look(ensemble(seen).parts)
    members = list(chosen.detector.members)
    if learned:
        pixels = next(member[2] for member in members if member[0] == "knn_samples")
        members.append(("vae", VAEDetector(image_shape=(1, 28, 28), epochs=25, device="cpu"), pixels))
    rng = np.random.default_rng(0)
    fitted, order = np.sort(rng.permutation(len(images))[:FITTED]), rng.permutation(len(others))
    inner, outer, normal = order[:3000], order[3000:6000], order[6000:]
    begun = time.process_time()
    detector = EnsembleDetector(members).fit(look(images[fitted]), train.y[fitted], calibration=look(others[inner]))
    alarm = calibrated(detector, look(others[outer]))
    score, p = alarm.ask(look(others[normal]))
    print(f"false alarms {np.mean(p <= ALPHA):.4f}, {time.process_time() - begun:.0f} s of one processor")
    assert np.mean(p <= ALPHA) <= 0.015
    found = {}
    for name in ("fashion_mnist", "omniglot", "chicken"):
        foreign, p = alarm.ask(look(public_pictures(name).X[:, None]))
        found[name] = statistics.auc(foreign, score), float(np.mean(p <= ALPHA)), p[:2]
        print(name, found[name])
    assert found["omniglot"][0].value >= 0.98
    assert found["omniglot"][1] >= 0.65
    assert found["fashion_mnist"][0].value >= (0.998 if learned else 0.99)
    if learned:
        assert (found["chicken"][2] <= 0.002).all()
