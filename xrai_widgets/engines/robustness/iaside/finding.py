"""Spectral importance as numbers with intervals, tables and charts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import LEVEL, Estimate
from xrai_widgets.engines.robustness.iaside.game import MOST_EXACT, Game
from xrai_widgets.engines.robustness.iaside.kept import Kept
from xrai_widgets.engines.robustness.iaside.shares import lowest_score, shares_of, signed_scores, unsigned_scores

_REPEATS = 1000  # bootstrap draws
_TOP = (1 + LEVEL) / 2
_AT_ONCE = 4_000_000  # numbers in the weights of draws that are held at once


@dataclass(frozen=True, eq=False)
class Read:
    """A game, and what it was played with."""

    game: Game
    ids: Array
    beta: float
    seed: int
    asked: int
    shells: str


def iaside_finding(run: Read, kept: Kept | None = None) -> Finding:
    """Return the finding; a score that is not defined is left out, and a note says why."""
    game, places = run.game, run.game.solved
    values = game.values[places]
    gains = game.full[places] - game.empty[places]
    means, drawn = values.mean(axis=0), _draws(values, run.seed)
    gain = statistics.mean(gains)
    numbers: dict[str, Estimate] = {
        "gain": gain,
        "negative_share": _estimate(float(_negative(means)), _negative(drawn)),
    }
    why = "" if gain.low > 0 else _UNDEFINED
    if not why:
        shares, drawn_shares = shares_of(means), shares_of(drawn)
        for key, score in (("score", signed_scores), ("unsigned_score", unsigned_scores)):
            numbers[key] = _estimate(float(score(shares, run.beta)), score(drawn_shares, run.beta))
    error = float(np.abs(values.sum(axis=1) - gains).max())
    numbers["efficiency_error"] = Estimate(error, error, error)
    tables = {"bands": _bands(run, means, drawn), "samples": _samples(run, places, gains)}
    tables["contributions"] = pd.DataFrame({"part": "X", "id": run.ids[places], "gain": gains})
    if kept is not None:
        tables["kept"] = kept.table
    title = "Spectral importance: what each band adds"
    chart = Chart("bands", "points", "importance", y="band", low="importance_low", high="importance_high", title=title)
    return Finding(
        values={key: estimate.value for key, estimate in numbers.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in numbers.items()},
        counts=dict.fromkeys(numbers, len(places)),
        tables=tables,
        charts=(chart,),
        arrays={} if kept is None else {"frames": kept.frames},
        notes=tuple(filter(None, (why, *_notes(run, places)))),
    )


_UNDEFINED = (
    "No score: the interval of what the whole image is worth less the reference does not lie above 0, so that there is "
    "nothing to share out among the bands. That is not a score of 0."
)


def _draws(values: Array, seed: int) -> Array:
    """Return the means (R, M) of bootstrap draws of the samples; what was drawn within each sample varies with it.

    They are spread about their mean as Student's quantile is above the normal one: percentiles of plain draws are too
    narrow where samples are few (Hesterberg 2015, The American Statistician 69(4), sec. 3.3).
    """
    rng, n, parts = np.random.default_rng(seed), len(values), []
    size = max(1, min(_REPEATS, _AT_ONCE // n))
    for start in range(0, _REPEATS, size):
        weights = rng.multinomial(n, np.full(n, 1 / n), min(size, _REPEATS - start))
        parts.append(weights @ values / n)
    middle, wider = values.mean(axis=0), np.sqrt(n / (n - 1)) * stats.t.ppf(_TOP, n - 1) / stats.norm.ppf(_TOP)
    spread: Array = middle + wider * (np.concatenate(parts) - middle)
    return spread


def _estimate(value: float, draws: Array) -> Estimate:
    """Return a value with the percentile interval of its draws; those in which it is not defined are left out."""
    there = draws[np.isfinite(draws)]
    if not np.isfinite(value) or not len(there):
        return Estimate(value, float("-inf"), float("inf"))
    low, high = np.quantile(there, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(value), float(min(low, value)), float(max(high, value)))


def _negative(means: Array) -> Array:
    whole = np.abs(means).sum(axis=-1)
    share: Array = np.divide(np.maximum(-means, 0).sum(axis=-1), whole, out=np.zeros(np.shape(whole)), where=whole > 0)
    return share


def _bands(run: Read, means: Array, drawn: Array) -> pd.DataFrame:
    edges = np.linspace(0, 0.5, run.game.bands + 1)
    shares, drawn_shares = shares_of(means), shares_of(drawn)
    rows = []
    for band in range(run.game.bands):
        value, share = _estimate(means[band], drawn[:, band]), _estimate(shares[band], drawn_shares[:, band])
        row = {"band": str(band + 1), "from_frequency": edges[band], "to_frequency": edges[band + 1]}
        row |= {"importance": value.value, "importance_low": value.low, "importance_high": value.high}
        row |= {"share": share.value, "share_low": share.low, "share_high": share.high}
        rows.append(row)
    return pd.DataFrame(rows)


def _samples(run: Read, places: Array, gains: Array) -> pd.DataFrame:
    game = run.game
    scores = signed_scores(shares_of(game.values[places]), run.beta)
    scores = np.where(gains > 0, scores, np.nan)
    how = np.where(game.exact[places], "exact", "sampled")
    return pd.DataFrame({"part": "X", "id": run.ids[places], "gain": gains, "score": scores, "values": how})


def _notes(run: Read, places: Array) -> list[str]:
    game, n = run.game, len(run.game.images)
    done = int(game.exact[places].sum())
    lowest = lowest_score(game.bands, run.beta)
    notes = [
        f"A model of the lowest of {game.bands} bands alone scores 1, one of the highest alone {lowest:.3f}.",
    ]
    if done < len(places):
        orders = int(np.median(game.orders[places]))
        reach = f", as with more than {MOST_EXACT} bands" if game.bands > MOST_EXACT else ""
        notes.append(
            f"Exact for {done} of {len(places)} samples; for the others the mean over {orders} drawn orders of the "
            f"bands{reach}. The intervals hold what the draw adds."
        )
    lost = np.flatnonzero((game.orders > 0) & ~np.isfinite(game.values).all(axis=1))
    if len(lost):
        counts = game.gaps[lost].sum(axis=0)
        which = ", ".join(f"band {band + 1} ({count} samples)" for band, count in enumerate(counts.tolist()) if count)
        notes.append(
            f"The model gives nothing, or numbers that are not finite, for filtered images of {len(lost)} of {n} "
            f"samples, which are left out; what is always missing there: {which or 'no single band'}."
        )
    return notes
