"""Make ``cem_reference.npz``: what AIX360's CEM finds for a fixed network and fixed digits.

Not run by the tests. It needs an environment of its own with TensorFlow and AIX360's file ``CEM_aen.py`` (Apache 2.0),
which is executed as it is and of which nothing is kept; the numbers in the file are our own measurements. The network
is trained on the handwritten digits that ship with scikit-learn (CC BY 4.0), of which the instances are taken.

The file in the repository was made with AIX360 0.3.0 on TensorFlow 2.21 (CPU, one thread), NumPy 2.4 and Python 3.11.

    python make_cem_reference.py network.npz CEM_aen.py cem_reference.npz

``network.npz`` holds w0, b0, w1, b1, w2, b2 (ReLU between), X (n, 64) in [0, 1], and is copied into the result.
"""

import contextlib
import importlib.util
import io
import sys
import time
import types
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

SETTINGS = {"kappa": 0.0, "beta": 0.1, "gamma": 0.0, "max_iter": 1000, "binary_steps": 9, "c": 10.0}


def load_attack(path: str) -> type:
    """Import AIX360's class, written for TensorFlow 1 and Keras' session."""
    tf.disable_v2_behavior()
    session = tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1))
    backend = types.ModuleType("keras.backend")
    backend.get_session = lambda: session  # type: ignore[attr-defined]
    keras = types.ModuleType("keras")
    keras.backend = backend  # type: ignore[attr-defined]
    sys.modules.update({"tensorflow": tf, "keras": keras, "keras.backend": backend})
    spec = importlib.util.spec_from_file_location("CEM_aen", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.AEADEN  # type: ignore[no-any-return]


class Network:
    """The network as AIX360 wants it."""

    _nb_classes = 10

    def __init__(self, weights: list[np.ndarray]) -> None:
        self.weights = [tf.constant(part, dtype=tf.float32) for part in weights]

    def predictsym(self, X):  # type: ignore[no-untyped-def]
        """Return logits as a tensor."""
        w0, b0, w1, b1, w2, b2 = self.weights
        return tf.matmul(tf.nn.relu(tf.matmul(tf.nn.relu(tf.matmul(X, w0) + b0), w1) + b1), w2) + b2


def logits(weights: list[np.ndarray], X: np.ndarray) -> np.ndarray:
    """Return logits as an array."""
    w0, b0, w1, b1, w2, b2 = weights
    return np.maximum(np.maximum(X @ w0 + b0, 0) @ w1 + b1, 0) @ w2 + b2


def main(network: str, source: str, target: str) -> None:
    """Explain every instance, PN then PP, and save after each of them."""
    given = dict(np.load(network))
    weights = [given[name] for name in ("w0", "b0", "w1", "b1", "w2", "b2")]
    attack, X = load_attack(source), given["X"].astype(np.float64)
    labels = logits(weights, X).argmax(axis=1)
    results: dict[str, list[np.ndarray]] = {"pn": [], "pp": []}
    seconds = []
    for row, label in zip(X, labels, strict=True):
        for mode in ("PN", "PP"):
            begun = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()):
                search = attack(
                    Network(weights),
                    (1, 64),
                    mode=mode,
                    AE=None,
                    batch_size=1,
                    init_learning_rate=1e-2,
                    binary_search_steps=SETTINGS["binary_steps"],
                    max_iterations=SETTINGS["max_iter"],
                    initial_const=SETTINGS["c"],
                    kappa=SETTINGS["kappa"],
                    beta=SETTINGS["beta"],
                    gamma=SETTINGS["gamma"],
                )
                moved = search.attack(row[None], np.eye(10)[[label]])[0].astype(np.float64)
            seconds.append(time.process_time() - begun)
            results[mode.lower()].append(moved if mode == "PN" else row - moved)  # a PP is what is left of the sample
        done = {mode: np.array(rows) for mode, rows in results.items()}
        n = len(done["pn"])
        change = {"pn": done["pn"] - X[:n], "pp": done["pp"]}
        objective = {
            f"{mode}_objective": SETTINGS["beta"] * np.abs(delta).sum(axis=1) + (delta**2).sum(axis=1)
            for mode, delta in change.items()
        }
        settings = {name: np.float64(value) for name, value in SETTINGS.items()}
        shared = {**given, "X": X[:n], "labels": labels[:n]}
        np.savez_compressed(
            Path(target), **shared, **done, **objective, **settings, cpu_seconds=np.array(seconds).reshape(n, 2)
        )
        print(n, label, objective["pn_objective"][-1], objective["pp_objective"][-1], seconds[-2:], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
