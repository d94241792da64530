"""Data checks: is the batch what it claims to be, before anything is read out of it?"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from xrai_widgets.core import UNNAMED, Array, Chart, Constraint, Finding, Measure, Names, Score, assessment
from xrai_widgets.core.marks import Seed
from xrai_widgets.core.names import id_as_text
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines._statistics import Estimate, newcombe, wilson

MEASURES = (
    Measure(
        "broken_columns",
        "lower",
        chance=0.0,
        label="broken columns",
        sentence="Of 100 columns {value:100} are empty or hold one value alone although the baseline's do not; at most "
        "{limit:100} are allowed.",
    ),
    Measure(
        "leak_excess",
        "lower",
        chance=0.0,
        label="training rows in batch",
        sentence="Of 100 rows of the batch {value:100} more than in the baseline are training samples; at most "
        "{limit:100} are allowed.",
    ),
    Measure(
        "seen_share",
        "lower",
        chance=0.0,
        label="ids seen before",
        sentence="Of 100 rows of the batch {value:100} bear the name of an earlier sample; at most "
        "{limit:100} are allowed.",
    ),
    Measure(
        "duplicate_excess",
        "lower",
        chance=0.0,
        label="rows there twice",
        sentence="Of 100 rows of the batch {value:100} more than in the baseline repeat an earlier row; at most "
        "{limit:100} are allowed.",
    ),
)
WORDS = {
    "columns": "columns of the batch",
    "missing_before": "missing, baseline",
    "missing_now": "missing, batch",
    "values_before": "values, baseline",
    "values_now": "values, batch",
    "outside": "outside of the range",
    "new_words": "new categories",
    "problem": "problem",
    "rows": "rows",
    "duplicate": "is there twice",
    "leaked": "is a training sample",
    "seen": "id seen before",
    "flags": "checks that name it",
}
_BY_CHANCE = 0.001  # a column that is empty or constant by chance with at least this probability is not broken


@dataclass(frozen=True)
class Excess:
    """Which rows of the batch it is about, and how much larger their share is than in the baseline."""

    rows: Array
    share: Estimate


@assessment(
    title="Checks of a batch",
    measures=MEASURES,
    words=WORDS,
    tasks=("classification", "regression"),
    reference="Breck et al. 2019, Data validation for machine learning (MLSys)",
    labels_suffice=True,
    missing="kept",
    controls="the baseline is checked in the same way, and stands beside",
    score=Score(("flags",), worse="higher"),
)
def data_checks(
    X: Array,
    X_new: Array,
    X_train: Array | None = None,
    constraints: tuple[Constraint, ...] = (),
    naming: Annotated[Names, "ids", "train_ids", "new_ids", "feature_names"] = UNNAMED,
    *,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure what is wrong with a batch as data: broken columns, rows that are there twice or were there before.

    Parameters
    ----------
    X, X_new, X_train : array
        Baseline, batch and training samples.
    constraints : tuple of Constraint
        Which columns are categories.

    Returns
    -------
    Finding
        Values ``broken_columns``, ``leak_excess``, ``seen_share``, ``duplicate_excess`` and ``rows``; tables
        ``columns`` and ``samples`` (which rows).

    Notes
    -----
    Rows are equal where all cells are. The shares of training samples and of repeated rows are less those of the
    baseline (for the latter of as many rows), with the interval of Newcombe and Wilson: in a table of few categories
    equal rows are no fault. A column is broken where it is empty or constant and rows like the baseline's would be so
    with a probability below 0.001.

    Interpretation
    --------------
    A batch with training samples in it is judged too kindly; one with rows of yesterday was sent twice. A broken column
    is mostly a broken feed.

    Limitations
    -----------
    Rows that were changed a little are not seen as equal. Ids that are plain row numbers say nothing and are
    not compared.

    Recommendations
    ---------------
    Repair the feed first: every other number about this batch rests on it.
    """
    step(0.1, "comparing rows")
    before, now = marks_of(X), marks_of(X_new)
    checks: dict[str, Excess] = {"duplicate": duplicates(before, now, seed)}
    if X_train is not None:
        checks["leaked"] = leaked(before, now, marks_of(X_train))
    step(0.5, "comparing columns")
    flat = (X.reshape(len(X), -1), X_new.reshape(len(X_new), -1))
    table = _columns(*flat, constraints, naming.feature_names)
    step(0.9, "comparing names")
    seen, notes = _seen(naming, len(X), len(X_new))
    broken = float((table["problem"] != "").mean())
    estimates = {"broken_columns": Estimate(broken, broken, broken), "rows": Estimate(*(float(len(X_new)),) * 3)}
    estimates["duplicate_excess"] = checks["duplicate"].share
    if "leaked" in checks:
        estimates["leak_excess"] = checks["leaked"].share
    else:
        notes.append("Training samples in the batch are not looked for: pass X_train= to Subject.of.")
    samples = pd.DataFrame({"part": "X_new", "id": naming.of("X_new", len(X_new))})
    samples = samples.assign(**{name: one.rows for name, one in checks.items()})
    if seen is not None:
        estimates["seen_share"] = wilson(int(seen.sum()), len(seen))
        samples["seen"] = seen
    samples["flags"] = samples.iloc[:, 2:].sum(axis=1).astype(float)
    named = table.loc[table["problem"] != "", ["column", "problem"]].to_numpy().tolist()
    notes += [f"{column}: {problem}." for column, problem in named[:8]]
    return Finding(
        values={key: one.value for key, one in estimates.items()},
        intervals={key: (one.low, one.high) for key, one in estimates.items()},
        counts={key: len(table) if key == "broken_columns" else len(X_new) for key in estimates},
        tables={"columns": table, "samples": samples},
        charts=(Chart("columns", "points", "missing_now", y="column", title="Missing cells of the batch"),),
        notes=tuple(notes),
    )


def _seen(naming: Names, n: int, m: int) -> tuple[Array | None, list[str]]:
    """Return whether each name of the batch is that of an earlier sample; None where names are row numbers."""
    new = _names(naming.new_ids, m)
    earlier = {*_names(naming.ids, n), *_names(naming.train_ids, None)}
    if not new or not earlier:
        return None, ["Ids are not compared: they are row numbers; pass ids= and new_ids= to Subject.of."]
    return np.array([name in earlier for name in new]), []


def _names(ids: Array | None, count: int | None) -> list[str]:
    """Return ids as text, 7 and 7.0 and "7" being one; nothing where they are the numbers of the rows."""
    if ids is None or ids.tolist() == list(range(len(ids) if count is None else count)):
        return []
    return [id_as_text(one) for one in ids.tolist()]


def _columns(before: Array, now: Array, constraints: tuple[Constraint, ...], names: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    for column in range(before.shape[1]):
        a, b = before[:, column], now[:, column]
        kind = constraints[column] if constraints else Constraint()
        present = [part[~np.isnan(part)] for part in (a, b)]
        category = kind.kind == "category"
        low, high = (present[0].min(), present[0].max()) if len(present[0]) else (-np.inf, np.inf)
        rows.append(
            {
                "column": names[column] if names else f"x{column}",
                "kind": kind.kind,
                "missing_before": float(np.isnan(a).mean()),
                "missing_now": float(np.isnan(b).mean()),
                "values_before": len(np.unique(present[0])),
                "values_now": len(np.unique(present[1])),
                "outside": 0 if category else int(((present[1] < low) | (present[1] > high)).sum()),
                "new_words": int((present[1] >= len(kind.categories)).sum()) if category else 0,
                "problem": _problem(a, present[0], b, present[1]),
            }
        )
    return pd.DataFrame(rows)


def _problem(before: Array, present: Array, now: Array, left: Array) -> str:
    """Return what is broken in a column; empty where rows of the baseline would look so by chance."""
    m = len(now)
    empty = 1 - len(present) / len(before)
    if not len(left):
        return "empty" if empty**m < _BY_CHANCE else ""
    values, counts = np.unique(left, return_counts=True)
    if len(values) > 1:
        return ""
    shares = np.unique(present, return_counts=True)[1] / max(len(present), 1)
    by_chance = float((shares ** int(counts[0])).sum()) if len(present) else 1.0
    return "one value alone" if by_chance < _BY_CHANCE else ""


def marks_of(X: Array) -> Array:
    """Return a 64-bit mark of each row (n,): equal for equal rows, missing numbers being equal."""
    flat = pd.DataFrame(np.asarray(X, dtype=np.float64).reshape(len(X), -1) + 0.0)  # −0 becomes 0
    marks: Array = pd.util.hash_pandas_object(flat, index=False).to_numpy()
    return marks


def repeated(marks: Array) -> Array:
    """Return whether each row equals an earlier one."""
    again = np.ones(len(marks), dtype=bool)
    again[np.unique(marks, return_index=True)[1]] = False
    return again


def duplicates(before: Array, now: Array, seed: int) -> Excess:
    """Return the rows of the batch that equal an earlier row of it; in as many rows of the baseline some do, too."""
    few = np.random.default_rng([seed, 1]).permutation(before)[: len(now)]
    again = repeated(now)
    return Excess(again, newcombe(_share(again), _share(repeated(few))))


def leaked(before: Array, now: Array, training: Array) -> Excess:
    """Return the rows of the batch that equal a training sample; some rows of the baseline do, too."""
    seen = np.isin(now, training)
    return Excess(seen, newcombe(_share(seen), _share(np.isin(before, training))))


def _share(rows: Array) -> Estimate:
    return wilson(int(rows.sum()), len(rows))
