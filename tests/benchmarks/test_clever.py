"""Speed of CLEVER on a small convolutional network, against the Adversarial Robustness Toolbox in the same run."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import xrai_widgets as xw
from tests.benchmarks.table import show, timed
from xrai_widgets.models.networks import cnn

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]

N, RADIUS = 5, 2.0
ART_POOL = {"nb_batches": 20, "batch_size": 64, "pool_factor": 10}  # 640 points
OUR_POOL = {"n_blocks": 20, "block_size": 32}


def test_clever_on_a_digits_network_is_ten_times_cheaper_than_arts_at_its_own_pool_size() -> None:
    import torch
    from art import __version__ as version
    from art.estimators.classification import PyTorchClassifier
    from art.metrics import clever_u

    X, y = load_digits(return_X_y=True)
    images = (X / 16.0).reshape(-1, 1, 8, 8).astype(np.float32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = cnn((1, 8, 8), (16, 32), 10)
        loss, best = torch.nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), 3e-3)
        given, labels = torch.as_tensor(images[:1400]), torch.as_tensor(y[:1400])
        for _ in range(15):
            for part in torch.randperm(1400).split(64):
                best.zero_grad()
                loss(model(given[part]), labels[part]).backward()
                best.step()
    model.eval()
    subject = xw.Subject.of(model, images[1400:], y[1400:], bounds=(0.0, 1.0))
    right = subject.ids[subject.predict(subject.X).argmax(axis=1) == subject.y][:N]
    names, chosen = ",".join(map(str, right)), [int(name) for name in right]

    art = PyTorchClassifier(model, loss, (1, 8, 8), 10, clip_values=(0.0, 1.0), device_type="cpu")
    np.random.seed(0)  # noqa: NPY002 - ART draws from it

    def theirs() -> list[float]:
        return [
            float(clever_u(art, subject.X[i].astype(np.float32), radius=RADIUS, norm=2, verbose=False, **ART_POOL))
            for i in chosen
        ]

    def ours() -> xw.Outcome:
        return xw.assess(subject, "robustness.clever", samples=names, radius=RADIUS, **OUR_POOL)

    scores, their_time = timed(theirs)
    outcome, our_time = timed(ours, repeats=2)
    assert outcome.finding is not None
    table = outcome.finding.tables["samples"]
    ratio = their_time.cpu / our_time.cpu
    columns = ("", "wall s", "CPU s", "scores")
    lines = [
        (f"ART {version}", *their_time, " ".join(f"{score:.3f}" for score in scores)),
        ("xrai_widgets", *our_time, " ".join(f"{score:.3f}" for score in table["distance"])),
        ("ratio", their_time.wall / our_time.wall, ratio, ""),
    ]
    show(f"CLEVER, digits CNN, {N} samples, 640 points each", [dict(zip(columns, line, strict=True)) for line in lines])
    assert ratio >= 10
    assert (table["distance"].to_numpy() <= np.array(scores) * 1.05).all(), "ours find slopes as steep, or steeper"
