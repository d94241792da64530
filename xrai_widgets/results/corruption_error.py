"""The errors of a model under corruption, relative to those of another one."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Outcome

_KEYS = ["part", "id"]
_REPEATS = 2000
_ENDS = (2.5, 97.5)


def corruption_error(outcome: Outcome, reference: Outcome | None = None, *, seed: int = 0) -> pd.DataFrame:
    """Return the errors under each corruption, over all severities, relative to those of a reference model.

    Parameters
    ----------
    outcome, reference : Outcome
        Of ``robustness.corruptions``: two models on the same samples and the same draws. Without a reference the
        errors are those of the model alone: shares of wrong predictions.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        ``corruption``, ``error`` (below 1: fewer errors than the reference), ``low`` and ``high`` (95 %, percentile
        bootstrap over samples, in pairs), ``n``. The last row, ``mean``, is the mean corruption error (Hendrycks and
        Dietterich 2019, sec. 4). NaN where the reference never errs, and then in the mean, too.

    Raises
    ------
    ValueError
        if an outcome has no such errors, or the samples, kinds, severities or draws are not the same.
    """
    first = _errors(outcome)
    second = _all_wrong(outcome, first) if reference is None else _errors(reference)
    if reference is not None and any(
        outcome.params.get(name) != reference.params.get(name) for name in ("seed", "n_samples")
    ):
        raise ValueError("both outcomes must have the same seed and n_samples: only then are the draws the same")
    if list(first.columns) != list(second.columns):
        raise ValueError(
            f"both outcomes must have the same corruptions, got {_listed(first.columns)} and {_listed(second.columns)}"
        )
    if not first[_KEYS].equals(second[_KEYS]):
        raise ValueError("both outcomes must be of the same samples, got other ids")
    kinds = list(first.columns[2:])
    mine, theirs = (table[kinds].to_numpy(dtype=float) for table in (first, second))
    n, rng = len(mine), np.random.default_rng(seed)
    weights = rng.multinomial(n, np.full(n, 1 / n), _REPEATS).astype(float)
    value, drawn = _ratios(np.ones((1, n)), mine, theirs)[0], _ratios(weights, mine, theirs)
    rows = []
    for place, kind in enumerate([*kinds, "mean"]):
        draws = drawn[:, place]
        defined = bool(np.isfinite(value[place]))
        low, high = np.percentile(draws, _ENDS) if np.isfinite(draws).all() else (0.0, np.inf)
        error = float(value[place])
        low, high = (min(low, error), max(high, error)) if defined else (low, high)
        rows.append({"corruption": kind, "error": error, "low": float(low), "high": float(high), "n": n})
    return pd.DataFrame(rows)


def _ratios(weights: Array, mine: Array, theirs: Array) -> Array:
    """Return for each row of weights the ratio of the errors for each kind, and their mean."""
    below = weights @ theirs
    ratios = np.divide(weights @ mine, below, out=np.full(below.shape, np.nan), where=below > 0)
    return np.column_stack([ratios, ratios.mean(axis=1)])


def _errors(outcome: Outcome) -> pd.DataFrame:
    table = None if outcome.finding is None else outcome.finding.tables.get("errors")
    if table is None or list(table.columns[:2]) != _KEYS:
        raise ValueError(
            "the outcome must be one of robustness.corruptions that ended well, "
            f"got {outcome.assessment} ({outcome.status})"
        )
    return table.sort_values("id", kind="stable").reset_index(drop=True)


def _all_wrong(outcome: Outcome, errors: pd.DataFrame) -> pd.DataFrame:
    """Return the errors of a model that is always wrong: relative to them, errors are shares."""
    assert outcome.finding is not None
    made = errors.copy()
    made.loc[:, list(errors.columns[2:])] = outcome.finding.tables["severities"]["severity"].nunique()
    return made


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, list(names)[2:]))
