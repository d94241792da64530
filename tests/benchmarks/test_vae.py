"""The autoencoder on MNIST: against Fashion-MNIST and Omniglot, in seconds of one processor."""

import gzip
import time
from pathlib import Path

import numpy as np
import pytest

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines.ood.estimators.vae import VAEDetector

SEEDS = 3


def images(file: Path) -> Array:
    content = np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8, offset=16)
    return content.reshape(-1, 784) / 255


@pytest.mark.benchmark
@pytest.mark.timeout(1800)
def test_mnist_is_told_from_fashion_and_omniglot(shared_data: Path) -> None:
    train, test = (images(shared_data / f"mnist/{part}-images-idx3-ubyte.gz") for part in ("train", "t10k"))
    omniglot = np.load(shared_data / "omniglot/omniglot_small1.npz")["images28"].reshape(-1, 784) / 255
    sets = {"fashion": images(shared_data / "fashion_mnist/t10k-images-idx3-ubyte.gz"), "omniglot": omniglot}
    rows = []
    for seed in range(SEEDS):
        begun = time.process_time()
        detector = VAEDetector(image_shape=(28, 28), random_state=seed, device="cpu").fit(train)
        rows.append({"seconds": time.process_time() - begun})
        for name, foreign in sets.items():
            for score, ask in (("plain", detector.elbo), ("corrected", detector.score_samples)):
                rows[-1][f"{score} {name}"] = statistics.auc(-ask(foreign), -ask(test)).value
        print({key: round(float(value), 5) for key, value in rows[-1].items()}, flush=True)
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    assert mean["seconds"] <= 60
    assert mean["plain fashion"] >= 0.999
    assert mean["corrected fashion"] >= 0.999
    assert mean["corrected omniglot"] >= 0.96
