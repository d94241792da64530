"""One row in service: what an alarm takes of one core, from a file, row by row."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from tests.benchmarks.test_vae import images
from xrai_widgets.core import Array

ROWS = 60


def milliseconds(alarm: xw.Alarm, rows: Array) -> float:
    """Return the median CPU time of the check of one row."""
    spent = []
    for place in range(ROWS):
        begun = time.process_time()
        alarm.check(rows[place : place + 1])
        spent.append(time.process_time() - begun)
    return 1e3 * float(np.median(spent[5:]))


@pytest.mark.benchmark
@pytest.mark.parametrize("example", ["german_credit_forest", "breast_cancer_forest"])
def test_a_row_of_a_table_takes_at_most_five_milliseconds(example: str, tmp_path: Path) -> None:
    """The second one is calibrated fold by fold: ten detectors are asked."""
    subject = xw.examples.load(example)
    for name in ("ensemble", "knn", "mahalanobis", "shuffle_forest", "isolation_forest", "local_outlier_factor", "vae"):
        params: dict[str, Any] = {"epochs": 2} if name == "vae" else {}
        file = xw.Alarm.of(subject, name, **params).save(tmp_path / "a.safetensors", include_rows=True)
        took = milliseconds(xw.Alarm.load(file), subject.X)
        print(example, name, round(took, 2), "ms", flush=True)
        assert took <= 5, name


@pytest.mark.benchmark
def test_a_picture_of_28_by_28_takes_at_most_fifty_milliseconds(shared_data: Path, tmp_path: Path) -> None:
    train = images(shared_data / "mnist/train-images-idx3-ubyte.gz")[:12_000].reshape(-1, 1, 28, 28)
    test = images(shared_data / "mnist/t10k-images-idx3-ubyte.gz")[:500].reshape(-1, 1, 28, 28)

    def model(pictures: Array) -> Array:
        share = np.asarray(pictures).reshape(len(pictures), -1).mean(axis=1)
        return np.column_stack([share, 1 - share])

    y = (test.mean(axis=(1, 2, 3)) < 0.1).astype(int)
    labels = (train.mean(axis=(1, 2, 3)) < 0.1).astype(int)
    subject = xw.Subject.of(model, test, y, X_train=train, y_train=labels)
    for name in ("vae", "ensemble", "knn", "mahalanobis"):
        params: dict[str, Any] = {"epochs": 1} if name == "vae" else {}
        file = xw.Alarm.of(subject, name, **params).save(tmp_path / "a.safetensors", include_rows=True)
        took = milliseconds(xw.Alarm.load(file, subject), test)
        print(name, round(took, 2), "ms", flush=True)
        assert took <= 50, name
