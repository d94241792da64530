"""Print how far the searches of evasion and CEM stay from the truth.

``python -m tests.benchmarks.search_against_exact``, with kinds of model by name; without any, all run (minutes). The
truth is by enumeration where the leaves of a tree or the weights of a linear model tell it, else the nearer of a fine
grid and of what the search found itself. Of "regressions" evasion is asked how far predictions stay within a tolerance.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import xrai_widgets as xw
from tests.benchmarks.table import show
from tests.engines import grid, regressions
from tests.engines.robustness.test_islands import attacked, leaves, nearest_rival, three_classes
from xrai_widgets.core import Array, Subject

SAMPLES = 60
KAPPA, BETA = 0.2, 0.1  # of CEM
TOLERANCE = 2.0  # of regressions, whose values lie between 0 and 15
REGRESSIONS: dict[str, Callable[[], Any]] = {
    "tree": lambda: DecisionTreeRegressor(random_state=0),
    "linear": LinearRegression,
    "boosting": lambda: GradientBoostingRegressor(n_estimators=40, random_state=0),
    "forest": lambda: RandomForestRegressor(20, random_state=0),
    "histogram boosting": lambda: HistGradientBoostingRegressor(max_iter=30, random_state=0),
    "3 neighbours": lambda: KNeighborsRegressor(3),
    "network": lambda: MLPRegressor(hidden_layer_sizes=(32, 32), max_iter=3000, random_state=0),
}


def row(kind: str, search: str, distances: Array, truth: Array, queries: int, seconds: float) -> dict[str, Any]:
    """One line: quantiles of found ÷ truth, and what it cost."""
    finite = np.isfinite(np.minimum(distances, truth))
    ratio = distances[finite] / np.maximum(np.minimum(distances, truth)[finite], 1e-12)
    quantiles = {f"{share:g} %": float(np.quantile(ratio, share / 100)) for share in (50, 95, 99, 100)}
    each = max(1, len(distances))
    return {
        "model": kind,
        "question": search,
        "n": len(ratio),
        **quantiles,
        "queries": queries // each,
        "CPU s": seconds,
    }


def on_a_grid(kind: str, d: int) -> list[dict[str, Any]]:
    """Evasion in both norms and CEM against the grid."""
    subject, lines = grid.subject(kind, d), []
    for norm in ("l2", "linf"):
        began = time.process_time()
        outcome = xw.assess(subject, "robustness.evasion", norm=norm, n_samples=SAMPLES, strict=True)
        spent = time.process_time() - began
        rows, distance = attacked(outcome)
        truth = grid.nearest(kind, d, subject.X[rows], norm)
        lines.append(row(kind, f"evasion {norm}, {d}-D", distance, truth, outcome.queries, spent))
    began = time.process_time()
    outcome = xw.assess(subject, "explanations.cem", mode="PN", n_samples=SAMPLES, noise=0.0, strict=True)
    spent = time.process_time() - began
    assert outcome.finding is not None
    table = outcome.finding.tables["samples"]
    truth = grid.cheapest(kind, d, subject.X[table["id"].to_numpy(int)], KAPPA, BETA)
    objective = table["pn_objective"].fillna(np.inf).to_numpy(float)
    return [*lines, row(kind, f"CEM, {d}-D", objective, truth, outcome.queries, spent)]


def by_enumeration() -> list[dict[str, Any]]:
    """A single tree and a linear model of three classes, whose distances are known."""
    X, y = grid.subject("forest", 3).X, grid.subject("forest", 3).y
    tree = DecisionTreeClassifier(max_depth=8, random_state=0).fit(X[::2], y[::2])
    subjects = {"tree": Subject.of(tree, X[1::2], y[1::2], bounds=(0.0, 1.0)), "linear, 3 classes": three_classes()}
    lines = []
    for kind, subject in subjects.items():
        for norm in ("l2", "linf"):
            scale = {"scale": "raw"} if kind != "tree" else {}
            began = time.process_time()
            outcome = xw.assess(subject, "robustness.evasion", norm=norm, n_samples=SAMPLES, strict=True, **scale)
            spent = time.process_time() - began
            rows, distance = attacked(outcome)
            truth = (
                leaves(tree, subject, subject.X[rows], norm) if kind == "tree" else nearest_rival(subject, rows, norm)
            )
            lines.append(row(kind, f"evasion {norm}, exact", distance, truth, outcome.queries, spent))
    return lines


def within_a_tolerance(samples: int = SAMPLES) -> list[dict[str, Any]]:
    """Evasion of regressions on a fine grid, and of a tree on the corners of its cells."""
    lines = []
    for kind, make in REGRESSIONS.items():
        X, y = regressions.table(400, 2, 0.5)
        subject = regressions.subject_of(make(), X, y)
        points = _grid(subject)
        for norm in ("l2", "linf"):
            began = time.process_time()
            asked = {"norm": norm, "tolerance": TOLERANCE, "n_samples": samples}
            outcome = xw.assess(subject, "robustness.evasion", strict=True, **asked)
            spent = time.process_time() - began
            assert outcome.finding is not None
            rows = subject.X[outcome.finding.arrays["index"]]
            truth = _leaving(subject, points, rows, norm)
            distance = outcome.finding.tables["samples"]["distance"].fillna(np.inf).to_numpy(float)
            lines.append(row(kind, f"tolerance, {norm}", distance, truth, outcome.queries, spent))
    return lines


def _grid(subject: Subject) -> tuple[Array, Array]:
    """Return the points of a grid, of a tree also those just inside of its cells, and the predictions there."""
    axes = [np.linspace(0, 1, 401)] * 2
    if hasattr(subject.model, "tree_"):
        tree = subject.model.tree_
        cuts = [tree.threshold[tree.feature == column] for column in range(2)]
        axes = [np.unique(np.clip(np.r_[0, 1, cut - 1e-6, cut + 1e-6], 0, 1)) for cut in cuts]
    points = np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)
    return points, np.concatenate([subject.predict(part) for part in np.array_split(points, 20)])


def _leaving(subject: Subject, grid: tuple[Array, Array], rows: Array, norm: str) -> Array:
    """Return how far each row is from the nearest point whose prediction differs by more than the tolerance.

    Along each axis a tree's cell may be entered at the row's own value: that point is no point of a grid.
    """
    points, outputs = grid
    distances = []
    for x, prediction in zip(rows, subject.predict(rows), strict=True):
        away = points[np.abs(outputs - prediction) > TOLERANCE] - x
        size = np.abs(away).max(axis=1) if norm == "linf" else np.linalg.norm(away, axis=1)
        best = size.min(initial=np.inf)
        for column in range(2):
            moved = np.tile(x, (len(np.unique(points[:, column])), 1))
            moved[:, column] = np.unique(points[:, column])
            gone = np.abs(subject.predict(moved) - prediction) > TOLERANCE
            best = min(best, np.abs(moved[gone, column] - x[column]).min(initial=np.inf))
        distances.append(best)
    return np.array(distances)


def main(chosen: list[str]) -> None:
    """Print one table per kind as it is done."""
    more = ("exact", "regressions")
    unknown = set(chosen) - {*grid.MODELS, *more}
    if unknown:
        raise SystemExit(f"kinds of model are {[*grid.MODELS, *more]}, got {sorted(unknown)}")
    if not chosen or "exact" in chosen:
        show("found ÷ truth, by enumeration", by_enumeration())
    if not chosen or "regressions" in chosen:
        show("found ÷ truth, regressions", within_a_tolerance())
    for kind in chosen or grid.MODELS:
        if kind not in more:
            show(f"found ÷ truth, {kind}", [line for d in grid.PER_AXIS for line in on_a_grid(kind, d)])


if __name__ == "__main__":
    main(sys.argv[1:])
