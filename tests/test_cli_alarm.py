"""The command line of an alarm in service: made, asked about tables and pictures, exit codes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import xrai_widgets as xw
from tests.command import called

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(700, 3)), columns=["a", "b", "c"])
X["c"] = X["a"] + 0.1 * X["c"]
FRAME = X.assign(y=np.where(X["a"] > 0, "yes", "no"), name=[f"r{place}" for place in range(700)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from skops.io import dump

    folder = tmp_path_factory.mktemp("alarm")
    dump(LogisticRegression().fit(X[:500], FRAME["y"][:500]), folder / "model.skops")
    FRAME[:500].to_csv(folder / "train.csv", index=False)
    FRAME[500:].to_csv(folder / "test.csv", index=False)
    FRAME[500:503].to_csv(folder / "normal.csv", index=False)
    FRAME[500:505].assign(c=-4.0).to_parquet(folder / "foreign.parquet")
    np.savez(folder / "foreign.npz", a=np.zeros(4), b=np.zeros(4), c=np.full(4, 3.0))
    return folder


FIT = ("fit", "breast_cancer_logistic", "--detector")
MODEL = ("model.skops", "--data", "test.csv", "--train", "train.csv", "--target", "y", "--ignore", "name")


@pytest.fixture(scope="module")
def alarm(folder: Path) -> Path:
    said = called("alarm", "fit", *MODEL, "--detector", "mahalanobis", "--out", "a.safetensors", cwd=folder)
    assert said.returncode == 0, said.stderr
    assert "100 rows calibrate it (smallest α 0.0099)" in said.stdout
    return folder / "a.safetensors"


def test_rows_of_a_table_are_checked_and_the_exit_code_says_whether_it_rings(folder: Path, alarm: Path) -> None:
    words = ("--ignore", "y", "--ids", "name", "--out", "checked.csv")
    said = called("alarm", "check", "a.safetensors", "normal.csv", *words, cwd=folder)
    assert said.returncode == 0, said.stderr
    assert "rings for 0 of 3 rows" in said.stdout
    table = pd.read_csv(folder / "checked.csv")
    assert table["id"].tolist() == ["r500", "r501", "r502"]
    wanted = xw.Alarm.load(alarm).check(X[500:503])
    np.testing.assert_array_equal(table["p_value"], wanted.p_values)
    said = called("alarm", "check", "a.safetensors", "foreign.parquet", "--ignore", "y", "--ids", "name", cwd=folder)
    assert said.returncode == 1, said.stderr
    assert "rings for 5 of 5 rows (100 %, 95 % interval 56.6 to 100 %" in said.stdout
    assert "it rings for r500" in said.stdout
    said = called("alarm", "check", "a.safetensors", "foreign.npz", "--out", "out.json", cwd=folder)
    assert said.returncode == 1
    assert all(line["abstain"] for line in json.loads((folder / "out.json").read_text()))


def test_few_alarms_may_be_allowed(folder: Path, alarm: Path) -> None:
    for most, code in (("0.4", 1), ("0.6", 0)):
        said = called("alarm", "check", "a.safetensors", "foreign.npz", "--most-alarms", most, cwd=folder)
        assert said.returncode == code, said.stderr  # the lower end of 4 of 4 is 0.51


def test_a_detector_that_asks_gets_its_model(folder: Path) -> None:
    example = xw.examples.load("breast_cancer_logistic")
    pd.DataFrame(example.X[:5], columns=example.feature_names).assign(y=0).to_csv(folder / "cells.csv", index=False)
    fit = ("alarm", "fit", "breast_cancer_logistic", "--detector", "max_softmax", "--out", "m.safetensors")
    assert called(*fit, cwd=folder).returncode == 0
    check = ("alarm", "check", "m.safetensors", "cells.csv", "--target", "y")
    said = called(*check, cwd=folder)
    assert said.returncode == 2
    assert "looks at what the model says" in said.stderr
    said = called(*check, "--model", "breast_cancer_logistic", "--out", "p.csv", cwd=folder)
    assert said.returncode in (0, 1), said.stderr
    wanted = xw.Alarm.load(folder / "m.safetensors", example).check(example.X[:5])
    table = pd.read_csv(folder / "p.csv")
    np.testing.assert_allclose(table["p_value"], wanted.p_values)
    assert table["prediction"].tolist() == list(wanted.predictions)  # type: ignore[arg-type]  # the model is there


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("check", "a.safetensors", "normal.csv"), "must have only the columns"),
        (("check", "a.safetensors", "normal.csv", "--ignore", "z"), "must have the column"),
        (("check", "a.safetensors", "nothing.csv"), "does not exist"),
        (("check", "nothing.safetensors", "normal.csv"), "the alarm must be a file"),
        (("check", "model.skops", "normal.csv"), "could not be read"),
        (
            ("check", "a.safetensors", "normal.csv", "--ignore", "y", "--ignore", "name", "--alpha", "0.001"),
            "takes 999",
        ),
        (("check", "a.safetensors", "normal.csv", "--out", "x.pkl"), "must end in"),
        ((*FIT, "knn", "--out", "k.safetensors"), "--include-rows"),
        ((*FIT, "knn", "--out", "k.pkl", "--include-rows"), "ends in"),
        ((*FIT, "nonsense", "--out", "k.safetensors"), "nonsense"),
        ((*FIT, "knn", "--set", "nonsense=1", "--out", "k.safetensors"), "--set must be one of"),
    ],
)
def test_what_does_not_go_is_said_in_one_line(folder: Path, alarm: Path, words: tuple[str, ...], message: str) -> None:
    said = called("alarm", *words, cwd=folder)
    assert said.returncode == 2, said.stdout
    assert message in said.stderr
    assert "Traceback" not in said.stderr


def test_a_picture_is_checked_on_the_scale_of_the_others(folder: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    fit = ("digits_network", "--detector", "mahalanobis", "--alpha", "0.01", "--out", "d.safetensors")
    said = called("alarm", "fit", *fit, cwd=folder)
    assert said.returncode == 0, said.stderr
    image.fromarray(RNG.integers(0, 255, (20, 20), dtype=np.uint8)).save(folder / "noise.png")
    said = called("alarm", "check", "d.safetensors", "noise.png", "--model", "digits_network", cwd=folder)
    assert said.returncode == 1, said.stderr
    assert "it rings for noise.png" in said.stdout
