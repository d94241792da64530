"""A regression from a file: assessed, reported, opened and judged again, with the numbers of closed forms."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from tests.command import called
from xrai_widgets.reporting.saved import read_quality, read_report

WEIGHTS, TOLERANCE, N = np.array([3.0, -1.0, 0.5]), 0.6, 60
RNG = np.random.default_rng(0)
X = RNG.uniform(size=(2 * N, 3))
X[:2] = [[0.0], [1.0]]  # the ranges of the columns: the unit cube
X[N : N + 2] = [[0.0], [1.0]]
Y = X @ WEIGHTS + 2 + RNG.normal(0, 0.05, 2 * N)
SETS = ("--set", f"robustness.evasion.tolerance={TOLERANCE}", "--set", f"robustness.evasion.n_samples={N}")
LINE = ("assess", "model.skops", "--data", "test.csv", "--train", "train.csv", "--target", "price")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, its tables, and the reports of the command line."""
    import skops.io

    folder = tmp_path_factory.mktemp("regression")
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(price=Y)
    frame[:N].to_csv(folder / "train.csv", index=False)
    frame[N:].to_csv(folder / "test.csv", index=False)
    skops.io.dump(LinearRegression().fit(frame[["a", "b", "c"]][:N], Y[:N]), folder / "model.skops")
    policy = '["robustness.evasion"]\nmedian_distance = { min = 0.1 }\nstable_share = { min = 0.9 }\n'
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    words = ("--run", "robustness.evasion", *SETS, "--policy", "policy.toml")
    said = called(*LINE, *words, "--out", "r.json", "--out", "r.html", "--out", "r.md", cwd=folder)
    assert said.returncode in (0, 1), said.stdout + said.stderr
    return folder


def truth(model: LinearRegression) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How far each test sample must go in the unit cube until its prediction changes by the tolerance, up or down."""

    def one_way(x: Any, slope: Any) -> float:
        low, high = 0.0, 100.0

        def gain(far: float) -> float:
            return float((np.clip(x + far * slope, 0, 1) - x) @ slope)

        if gain(high) < TOLERANCE:
            return float("inf")
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if gain(middle) < TOLERANCE else (low, middle)
        return float(np.linalg.norm(np.clip(x + high * slope, 0, 1) - x))

    return np.array([min(one_way(x, model.coef_), one_way(x, -model.coef_)) for x in X[N:]])


def test_the_numbers_in_the_file_are_those_of_the_closed_form(folder: Path) -> None:
    model = LinearRegression().fit(X[:N], Y[:N])
    wanted = truth(model)
    (outcome,) = read_report(folder / "r.json")
    assert outcome.finding is not None
    found = outcome.finding.tables["samples"]["distance"].to_numpy(float)
    assert found == pytest.approx(wanted, rel=1e-6)
    assert outcome.finding.values["median_distance"] == pytest.approx(np.median(wanted), rel=1e-3)
    assert outcome.finding.values["stable_share"] == pytest.approx((wanted > 0.1).mean())
    assert outcome.finding.bounds == {"stable_share": "exact", "median_distance": "exact"}
    quality = read_quality(folder / "r.json")
    assert quality is not None
    assert not isinstance(quality, dict)
    off = model.predict(X[N:]) - Y[N:]
    assert quality.values["r2"] == pytest.approx(1 - (off**2).sum() / ((Y[N:] - Y[N:].mean()) ** 2).sum())
    data = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    checks = {check["measure"]: check["status"] for check in data["verdicts"][0]["checks"]}
    assert checks == {"median_distance": "pass", "stable_share": "pass"}


def test_page_and_card_say_so(folder: Path) -> None:
    page = (folder / "r.html").read_text(encoding="utf-8")
    for words in ("R²", "within 0.6", "by more than 0.6", "tolerance=0.6"):
        assert words in page, words
    assert "robust accuracy" not in page.split("<h2")[1]
    card = (folder / "r.md").read_text(encoding="utf-8")
    assert "stable share" in card
    assert "Asked with tolerance = 0.6, samples to attack = 60" in card
    assert "The model's own quality on its held-out samples: R² 0.9" in card


def test_the_file_opened_again_is_judged_anew_with_the_same_numbers(folder: Path) -> None:
    strict = '["robustness.evasion"]\nmedian_distance = { min = 0.5 }\n'
    (folder / "strict.toml").write_text(strict, encoding="utf-8")
    said = called(
        "report", "r.json", "--policy", "strict.toml", "--out", "again.json", "--out", "again.html", cwd=folder
    )
    assert said.returncode == 1, said.stdout + said.stderr
    first, again = (read_report(folder / name)[0] for name in ("r.json", "again.json"))
    assert first.finding is not None
    assert again.finding is not None
    assert again.finding.values == first.finding.values
    assert again.finding.intervals == first.finding.intervals
    assert again.finding.tables["samples"].equals(first.finding.tables["samples"])
    data = json.loads((folder / "again.json").read_text(encoding="utf-8"))
    assert [check["status"] for check in data["verdicts"][0]["checks"]] == ["fail"]
    assert "within 0.6" in (folder / "again.html").read_text(encoding="utf-8")
    assert read_quality(folder / "again.json") is not None


def test_without_a_tolerance_the_residuals_of_the_table_propose_one(folder: Path) -> None:
    said = called(*LINE, "--run", "robustness.evasion", "--out", "none.json", cwd=folder)
    assert said.returncode == 4
    (outcome,) = read_report(folder / "none.json")
    assert outcome.status == "not applicable"
    off = np.median(np.abs(LinearRegression().fit(X[:N], Y[:N]).predict(X[N:]) - Y[N:]))
    assert outcome.instead == f"tolerance={float(f'{off:.2g}'):g}"


def test_a_contrast_brings_a_prediction_to_the_limit_that_the_line_names(folder: Path) -> None:
    line = ("--run", "explanations.cem", "--set", "above=3.0", "--set", "mode=PN", "--set", "n_samples=10")
    said = called(
        *LINE, *line, "--set", "noise=0", "--set", "beta=0", "--out", "cem.json", "--include-rows", cwd=folder
    )
    assert said.returncode == 4, said.stdout + said.stderr
    (outcome,) = read_report(folder / "cem.json")
    assert outcome.finding is not None
    model = LinearRegression().fit(X[:N], Y[:N])
    table = outcome.finding.tables["samples"]
    rows = X[N:][table["id"].to_numpy(int)]
    lead = model.predict(rows) - 3.0
    free = np.abs(lead) / np.linalg.norm(model.coef_)
    found = table["pn_distance"].to_numpy(float)
    inside = rows - (lead / (model.coef_ @ model.coef_))[:, None] * model.coef_
    plain = ((inside >= 0) & (inside <= 1)).all(axis=1)  # the nearest point of the plane lies in the ranges
    assert plain.sum() >= 3
    assert found[plain] == pytest.approx(free[plain], rel=1e-3)
    assert (found >= free * (1 - 1e-6)).all()
