"""Asks Keras models on torch in a process of its own, prints what it found: ``python -m tests.models.on_keras``.

As the torch modules that they are there (``module``), and (``batches``) as they are asked on every other library.
"""

import json
import sys
import warnings
from typing import Any

import numpy as np


def nets(keras: Any) -> dict[str, Any]:
    """Return one untrained network per kind of output, each with weights of its own."""
    made = {}
    for kind, width, end, shape in (
        ("softmax", 3, "softmax", (4,)),
        ("logits", 3, None, (4,)),
        ("sigmoid", 1, "sigmoid", (4,)),
        ("one logit", 1, None, (4,)),
        ("values", 1, None, (4,)),
        ("picture", 3, "softmax", (4, 4, 1)),
    ):
        layers = [keras.layers.Input(shape), keras.layers.Flatten(), keras.layers.Dense(8, activation="relu")]
        keras.utils.set_random_seed(len(made))
        last = keras.layers.Dense(width, activation=end, kernel_initializer=keras.initializers.RandomNormal(stddev=2.0))
        made[kind] = keras.Sequential([*layers, keras.layers.Dropout(0.5), last])
    return made


def by_hand(model: Any, X: Any, end: str | None) -> Any:
    """Return what the network answers, from its weights."""
    first, one, second, two = model.get_weights()
    out = np.maximum(X.reshape(len(X), -1) @ first + one, 0.0) @ second + two
    if end == "sigmoid":
        share = 1 / (1 + np.exp(-out))
        return np.hstack([1 - share, share])
    shifted = np.exp(out - out.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True) if end == "softmax" else out[:, 0]


def subjects(keras: Any) -> dict[str, tuple[Any, Any, Any]]:
    """Return (subject, its network, what it is to answer for X) by kind of output."""
    from xrai_widgets.core import Subject

    rng = np.random.default_rng(0)
    X, made = rng.normal(size=(150, 4)), {}
    labels = {"sigmoid": np.arange(150) % 2, "one logit": np.arange(150) % 2, "values": rng.normal(size=150)}
    for kind, model in nets(keras).items():
        rows = rng.uniform(size=(150, 4, 4, 1)) if kind == "picture" else X
        y = labels.get(kind, np.arange(150) % 3)
        end = {"values": None, "sigmoid": "sigmoid", "one logit": "sigmoid"}.get(kind, "softmax")
        made[kind] = Subject.of(model, rows, y), model, by_hand(model, rows, end)
    return made


def main() -> None:
    """Print JSON: what was found, by the way of asking."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras

    from xrai_widgets.models import adapt

    results = {"module": asked(keras)}
    adapt.is_torch_module = lambda _: False
    results["batches"] = asked(keras)
    print(json.dumps(results))


def asked(keras: Any) -> dict[str, Any]:
    """Return what the models answer, and what is known of them."""
    import cloudpickle
    import pandas as pd

    from xrai_widgets.core import Subject
    from xrai_widgets.runtime import run

    results: dict[str, Any] = {"far": {}, "task": {}}
    made = subjects(keras)
    for kind, (subject, _, right) in made.items():
        results["far"][kind] = float(np.abs(subject.predict(subject.X) - right).max())
        results["task"][kind] = subject.task
    subject, model, right = made["softmax"]
    results["logits"] = made["logits"][0].logits is not None
    results["gradient"], results["notes"] = subject.gradient is not None, list(subject.notes)
    results["sent"] = float(np.abs(cloudpickle.loads(cloudpickle.dumps(subject.predict))(subject.X) - right).max())
    frame = pd.DataFrame(np.asarray(subject.X), columns=list("abcd"))
    results["frame"] = float(np.abs(Subject.of(model, frame, subject.y).predict(subject.X) - right).max())
    again = nets(keras)["softmax"]  # its layers have other names
    again.set_weights(model.get_weights())
    results["same"] = Subject.of(again, subject.X, subject.y).fingerprint == subject.fingerprint
    model.set_weights([np.zeros_like(part) for part in model.get_weights()])
    results["kept"] = float(np.abs(subject.predict(subject.X) - right).max())
    results["other"] = Subject.of(model, subject.X, subject.y).fingerprint != subject.fingerprint
    outcome = run(subject, "robustness.evasion", {"n_samples": 30, "seed": 0})
    results["status"], results["found"] = outcome.status, outcome.finding and outcome.finding.values["found_share"]
    words = pd.DataFrame({"a": ["x", "y"] * 75, "b": np.arange(150.0)})
    one = keras.Input((4,))
    two = keras.Model(one, [keras.layers.Dense(3)(one), keras.layers.Dense(2)(one)])
    results["refused"] = [refusal(Subject, model, words, subject.y), refusal(Subject, two, subject.X, subject.y)]
    return results


def refusal(make: Any, *data: Any) -> str:
    """Return the message with which data are refused."""
    try:
        make.of(*data)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main())
