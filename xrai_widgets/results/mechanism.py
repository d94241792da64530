"""Why corruptions cost what they cost: the share of what a model reads that noise drowns, against the fall measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array, Outcome
from xrai_widgets.results.correlation import FEWEST, NOTHING, Correlation, of_counts
from xrai_widgets.results.crosses import Cross

_RESAMPLES = 2000
_LEVEL = 0.95
_AT_ONCE = 4_000_000  # numbers in one array of resamples


@dataclass(frozen=True)
class Mechanism:
    """What is predicted of each model and corruption, and what was measured.

    Parameters
    ----------
    falls : DataFrame
        ``subject``, ``corruption``; ``predicted``, the share of what the model reads that the corruption drowns, mean
        over severities; ``measured`` fall of accuracy with ``measured_low`` and ``measured_high`` (Student over
        samples, paired).
    relation : Correlation
        Spearman's ρ over all models and corruptions; NaN below ten corruptions.
    noise : DataFrame
        ``corruption``, ``band``, ``noise_share``: noise over noise and signal, mean over severities.
    """

    falls: pd.DataFrame = field(repr=False)
    relation: Correlation
    noise: pd.DataFrame = field(repr=False)

    @property
    def reading(self) -> str:
        """The relation in words."""
        if self.relation.low > 0:
            return "where more of what is read is drowned, more accuracy is lost"
        return "no relation shown" if self.relation.high >= 0 else "the prediction is turned round"

    def picture(self) -> Cross:
        """Return what is drawn."""
        drawn = self.falls.assign(predicted_low=np.nan, predicted_high=np.nan)
        return Cross(
            drawn,
            ("predicted", "predicted: share of what is read that is drowned"),
            ("measured", "fall of accuracy"),
            "",
        )


def mechanism(runs: Mapping[str, tuple[Outcome, Outcome]], seed: int) -> tuple[Mechanism | None, list[str]]:
    """Return the predictions of models, and notes; None where no model has a spectrum in the bands of its score.

    Parameters
    ----------
    runs : mapping of str to (Outcome, Outcome)
        By the model's name those of ``robustness.iaside`` and ``robustness.corruptions``.

    Notes
    -----
    With Ψ_k the share of band k in what a model reads, S_k the power of what tells images apart in it and N_k that of
    what a corruption changes, Σ_k Ψ_k N_k / (S_k + N_k) is predicted. The interval resamples models and corruptions,
    both with replacement (Owen 2007, The pigeonhole bootstrap): more corruptions of the same models, or more models
    under the same corruptions, are not as many new pairs.
    """
    notes, tables, noise = [], [], pd.DataFrame()
    for name, (read, corrupted) in runs.items():
        shares, spectrum = _shares(read), _noise_shares(corrupted)
        if spectrum is None:
            continue
        if read.params.get("shells") != "linf" or set(shares.index) != set(spectrum.columns):
            notes.append(f"No prediction for {name}: its score is of other bands than the spectrum of its corruptions.")
            continue
        predicted = (spectrum * shares).sum(axis=1)
        rows = _measured(corrupted)
        tables.append(rows.assign(subject=name, predicted=predicted.reindex(rows.index)))
        noise = spectrum
    if not tables:
        return None, notes
    falls = pd.concat([one.rename_axis("corruption").reset_index() for one in tables], ignore_index=True)
    order = ["subject", "corruption", "predicted", "measured", "measured_low", "measured_high"]
    long = noise.rename_axis("corruption").reset_index().melt("corruption", var_name="band", value_name="noise_share")
    return Mechanism(falls[order], _relation(falls, seed), long), notes


def _shares(outcome: Outcome) -> "pd.Series[float]":
    assert outcome.finding is not None
    table = outcome.finding.tables["bands"]
    return table.set_index("band")["share"].astype(float)


def _noise_shares(outcome: Outcome) -> pd.DataFrame | None:
    table = None if outcome.finding is None else outcome.finding.tables.get("spectrum")
    if table is None:
        return None
    both = table["noise"] + table["signal"]
    share = (table["noise"] / both.where(both > 0)).fillna(0.0)  # where nothing lies, nothing is drowned
    rows = table.assign(noise_share=share).groupby(["corruption", "band"], sort=False)["noise_share"].mean().unstack()
    return rows.reindex(columns=list(dict.fromkeys(table["band"])), index=list(dict.fromkeys(table["corruption"])))


def _measured(outcome: Outcome) -> pd.DataFrame:
    """Return the fall of accuracy for each corruption, mean over severities, with its paired interval."""
    assert outcome.finding is not None
    errors, samples = (outcome.finding.tables[key].sort_values("id", kind="stable") for key in ("errors", "samples"))
    severities = outcome.finding.tables["severities"]["severity"].nunique()
    clean = 1.0 - samples["right"].to_numpy(dtype=float)
    rows = {}
    for kind in errors.columns[2:]:
        fall = errors[kind].to_numpy(dtype=float) / severities - clean
        half = stats.t.ppf((1 + _LEVEL) / 2, len(fall) - 1) * fall.std(ddof=1) / np.sqrt(len(fall))
        rows[kind] = {"measured": fall.mean(), "measured_low": fall.mean() - half, "measured_high": fall.mean() + half}
    return pd.DataFrame.from_dict(rows, orient="index")


def _relation(falls: pd.DataFrame, seed: int) -> Correlation:
    models, kinds = (falls[key].unique() for key in ("subject", "corruption"))
    first, second = falls["predicted"].to_numpy(float), falls["measured"].to_numpy(float)
    if len(kinds) < FEWEST or np.ptp(first) == 0 or np.ptp(second) == 0:
        return NOTHING
    of_model, of_kind = (
        pd.Categorical(falls[key], cat).codes
        for key, cat in zip(("subject", "corruption"), (models, kinds), strict=True)
    )
    rng = np.random.default_rng(seed)

    def counts(size: int) -> Array:
        drawn = rng.multinomial(len(kinds), np.full(len(kinds), 1 / len(kinds)), size)[:, of_kind]
        if len(models) > 1:
            drawn = drawn * rng.multinomial(len(models), np.full(len(models), 1 / len(models)), size)[:, of_model]
        made: Array = drawn.astype(np.float64)
        return made

    return of_counts([first, second], counts, _RESAMPLES, max(1, _AT_ONCE // (2 * len(first))))
