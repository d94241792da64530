"""LiRA of sacroml, for comparison: runs in an environment that has sacroml, which this project does not need.

Called with a folder that holds ``data.npz`` (X_train, y_train, X, y), the number of reference models, the name of an
estimator of `ESTIMATORS` and a mode of sacroml's attack. Prints one line of JSON: seconds (wall, CPU), in all and by
part, and leaves ``scores.npz`` in the folder.
"""

import json
import logging
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sacroml.attacks import utils
from sacroml.attacks.likelihood_attack import LIRAAttack
from sacroml.attacks.target import Target
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

ESTIMATORS = {
    "forest": RandomForestClassifier(100, random_state=0),
    "tree": DecisionTreeClassifier(random_state=0),
    "logistic": LogisticRegression(max_iter=200),
}
PARTS = {"train": "train_shadow_models", "signals": "_get_shadow_signals", "scores": "_compute_scores"}


class Clock:
    """Adds up wall and CPU seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def timed(self, name, function):
        """Return the function, timed under the name."""

        def call(*args, **kwargs):
            wall, cpu = time.perf_counter(), time.process_time()
            result = function(*args, **kwargs)
            self.seconds[name] = [time.perf_counter() - wall, time.process_time() - cpu]
            return result

        return call


def main(folder: Path, references: int, estimator: str, mode: str) -> None:
    """Attack one model and print what it took."""
    logging.disable(logging.INFO)
    warnings.simplefilter("ignore")
    data = np.load(folder / "data.npz")
    model = ESTIMATORS[estimator].fit(data["X_train"], data["y_train"])
    target = Target(
        model=model,
        X_train=data["X_train"],
        y_train=data["y_train"],
        X_test=data["X"],
        y_test=data["y"],
    )
    os.chdir(folder)
    attack = LIRAAttack(
        output_dir=f"out-{estimator}-{mode}",
        write_report=False,
        n_shadow_models=references,
        mode=mode,
    )
    clock = Clock()
    utils.train_shadow_models = clock.timed("train", utils.train_shadow_models)
    attack._get_shadow_signals = clock.timed("signals", attack._get_shadow_signals)
    attack._compute_scores = clock.timed("scores", attack._compute_scores)
    clock.timed("all", attack.attack)(target)
    print(json.dumps(clock.seconds))


def fixture(file: Path) -> None:
    """Write confidences of eight reference models in twelve samples, and sacroml's scores of them."""
    rng = np.random.default_rng(0)
    references = rng.beta(4, 2, (8, 12)).round(4)
    target = rng.beta(6, 2, 12).round(4)
    inside = rng.permuted(np.repeat([[True], [False]], 4, axis=0).repeat(12, axis=1), axis=0)
    made = {"references": references.tolist(), "own": target.tolist(), "inside": inside.tolist()}
    held, left = (
        {i: [float(utils.logit(p)) for p in references[mask[:, i], i]] for i in range(12)} for mask in (inside, ~inside)
    )
    for mode in ("offline", "online-carlini"):
        with tempfile.TemporaryDirectory() as folder:
            attack = LIRAAttack(output_dir=folder, write_report=False, mode=mode)
            scores, _ = attack._compute_scores(np.zeros(12, dtype=int), target[:, None], left, held)
        made[mode] = [score[1] for score in scores]
    file.write_text(json.dumps(made, indent=1))


if __name__ == "__main__":
    if sys.argv[1] == "fixture":
        fixture(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
