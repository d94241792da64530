"""Print how far the searches of evasion and CEM stay from the truth.

``python -m tests.benchmarks.search_against_exact``, with kinds of model by name; without any, all run (minutes). The
truth is by enumeration where the leaves of a tree or the weights of a linear model tell it, else the nearer of a fine
grid and of what the search found itself.
"""

import sys
import time
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier

import xrai_widgets as xw
from tests.benchmarks.table import show
from tests.engines import grid
from tests.engines.robustness.test_islands import attacked, leaves, nearest_rival, three_classes
from xrai_widgets.core import Array, Subject

SAMPLES = 60
KAPPA, BETA = 0.2, 0.1  # of CEM


def row(kind: str, question: str, found: Array, truth: Array, queries: int, seconds: float) -> dict[str, Any]:
    """One line: quantiles of found ÷ truth, and what it cost."""
    known = np.isfinite(np.minimum(found, truth))
    ratio = found[known] / np.maximum(np.minimum(found, truth)[known], 1e-12)
    told = {f"{share:g} %": float(np.quantile(ratio, share / 100)) for share in (50, 95, 99, 100)}
    each = max(1, len(found))
    return {"model": kind, "question": question, "n": len(ratio), **told, "queries": queries // each, "CPU s": seconds}


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
    found = table["pn_objective"].fillna(np.inf).to_numpy(float)
    return [*lines, row(kind, f"CEM, {d}-D", found, truth, outcome.queries, spent)]


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


def main(chosen: list[str]) -> None:
    """Print one table per kind as it is done."""
    unknown = set(chosen) - {*grid.MODELS, "exact"}
    if unknown:
        raise SystemExit(f"kinds of model are {[*grid.MODELS, 'exact']}, got {sorted(unknown)}")
    if not chosen or "exact" in chosen:
        show("found ÷ truth, by enumeration", by_enumeration())
    for kind in chosen or grid.MODELS:
        if kind != "exact":
            show(f"found ÷ truth, {kind}", [line for d in grid.PER_AXIS for line in on_a_grid(kind, d)])


if __name__ == "__main__":
    main(sys.argv[1:])
