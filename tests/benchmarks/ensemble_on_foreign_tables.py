"""The ensemble on tables that nobody looked at when its rule was fixed.

``python -m tests.benchmarks.ensemble_on_foreign_tables`` prints, for three seeds, its AUROC and what its alarm does at
α = 1 % and 5 %: the share of false alarms among held-out rows, and of detections among rows whose columns are shuffled,
and among rows with one number at 1.5 times the largest. The columns of nursery are independent by design (all
combinations of its words): nothing can tell shuffled rows there.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from tests.engines.ood.test_tables import numbers
from xrai_widgets.core import Array, Constraint
from xrai_widgets.engines._statistics import auc, wilson
from xrai_widgets.engines.ood import _conformal as conformal
from xrai_widgets.engines.ood._alarm import ENOUGH, cross_calibrated, split_calibrated
from xrai_widgets.engines.ood._synthetic import synthetic
from xrai_widgets.engines.ood._watches import Seen, ensemble

DROPPED = {  # targets, names of rows
    "heart_cleveland": ["num"],
    "nhanes1": ["survival_years_signed"],
    "telco_churn": ["customerID", "Churn"],
    "nursery": ["class"],
}
SEEDS = 3
MOST_TRAINED, MOST_TESTED = 4000, 500


def tables() -> Iterator[tuple[str, Array, tuple[Constraint, ...]]]:
    """Yield each table that is there."""
    here = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("XRAI_DATA", here))
    for name, gone in DROPPED.items():
        for file in sorted((folder / name).glob("*.csv.gz")):
            table = pd.read_csv(file).drop(columns=gone)
            if name == "telco_churn":  # empty cells make it text
                table["TotalCharges"] = pd.to_numeric(table["TotalCharges"], errors="coerce")
            yield name, *numbers(table)


def measured(X: Array, constraints: tuple[Constraint, ...], seed: int) -> list[dict[str, object]]:
    """Return a line for each set of rows."""
    X = X[np.random.default_rng(seed).permutation(len(X))]
    train, test = X[: min(len(X) * 7 // 10, MOST_TRAINED)], X[-min(len(X) * 3 // 10, MOST_TESTED) :]
    detector = ensemble(Seen(None, train.shape[1:], False, constraints), seed=seed).detector
    many = len(train) >= ENOUGH
    alarm = (
        split_calibrated(detector, train, None, 0.2, seed) if many else cross_calibrated(detector, train, None, seed)
    )
    normal, p = alarm.ask(test)
    sets = [("held out", normal, p)]
    sets += [(made.name, *alarm.ask(made.samples)) for made in synthetic(test, train, constraints, seed + 1)]
    lines: list[dict[str, object]] = []
    for name, foreignness, values in sets:
        line: dict[str, object] = {"seed": seed, "n_cal": alarm.n, "set": name, "rows": len(values)}
        area = auc(foreignness, normal)
        line["AUROC"] = f"{area.value:.3f} [{area.low:.3f}, {area.high:.3f}]" if name != "held out" else ""
        for alpha in (0.01, 0.05):
            rung = wilson(int(conformal.rings(values, alpha).sum()), len(values))
            line[f"rings at {alpha:g}"] = f"{rung.value:.3f} [{rung.low:.3f}, {rung.high:.3f}]"
        lines.append(line)
    return lines


def main() -> None:
    """Print the table."""
    lines = [
        {"table": name, **line}
        for name, X, constraints in tables()
        for seed in range(SEEDS)
        for line in measured(X, constraints, seed)
    ]
    print(pd.DataFrame(lines).to_string(index=False))


if __name__ == "__main__":
    main()
