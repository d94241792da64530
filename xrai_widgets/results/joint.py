"""Several methods on the same samples: who fares badly in more than one, beyond what the model itself doubts?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Outcome, Score, Subject, registered
from xrai_widgets.core.belonging import adopted
from xrai_widgets.core.holm import holm
from xrai_widgets.core.subject import Array
from xrai_widgets.results import html, words
from xrai_widgets.results.correlation import FEWEST, NOTHING, spearman
from xrai_widgets.results.exposed import places

_ALPHA = 0.05
_KEYS = ["part", "id"]
_OF_A_PAIR = [
    *("part", "first", "second", "n", "rho", "low", "high", "p"),
    *("partial", "partial_low", "partial_high", "partial_p"),
]


@dataclass(frozen=True)
class Column:
    """The scores of one run, by part and id.

    Parameters
    ----------
    name : str
        As it stands in the table.
    assessment, score : str
    worse : {"higher", "lower"}
    values : Series
        Indexed by part and id; infinite where a distance was searched and not found.
    """

    name: str
    assessment: str
    score: str
    worse: str
    values: "pd.Series[float]" = field(repr=False)


@dataclass(frozen=True)
class Joint:
    """Scores of several methods by sample, and how far they agree.

    Parameters
    ----------
    subject_name : str
    scores : DataFrame
        ``part``, ``id``, and one column per run; NaN where a run did not measure the sample, infinite where a distance
        was searched and not found.
    columns : tuple of Column
    pairs : DataFrame
        One row per part and pair of runs that share ten samples: ``part, first, second, n``; Spearman's ``rho`` with
        ``low, high`` and ``p``, counted so that positive means *the same samples fare badly*; ``partial`` with
        ``partial_low, partial_high, partial_p``, given the model's own confidence and correctness. Both p-values are
        corrected for all pairs shown (Holm 1979). ``reading`` says it in words.
    notes : tuple of str
    """

    subject_name: str
    scores: pd.DataFrame = field(repr=False)
    columns: tuple[Column, ...]
    pairs: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()

    def to_html(self) -> str:
        """Return the pairs as a table, with what they say in words."""
        return html.render("joint.html", joint=self, pairs=self.pairs.to_dict("records"))

    def _repr_html_(self) -> str:
        return f"<style>{html.style()}</style>{self.to_html()}"


def joint(outcomes: Iterable[Outcome], subject: Subject | None = None, *, seed: int = 0) -> Joint:
    """Join the scores of all methods by sample, and correlate them.

    Parameters
    ----------
    outcomes : iterable of Outcome
        Of one subject. Those without scores of single samples are left out and named in the notes.
    subject : Subject, optional
        What they were measured on: its confidence and correctness (in a regression: its error) are held fixed in the
        partial correlation, which is missing without it.
    seed : int
        Of the resamples and permutations.

    Returns
    -------
    Joint
        Ties share their middle rank; "not found" counts as farther than every distance found, and is never dropped.

    Raises
    ------
    ValueError
        for outcomes of several subjects, of another one than ``subject``, or fewer than two with scores.

    Examples
    --------
    >>> joined = xw.joint(outcomes, subject)  # doctest: +SKIP
    >>> joined.pairs  # doctest: +SKIP
    """
    given = [outcome if subject is None else adopted(outcome, subject) or outcome for outcome in outcomes]
    names = list(dict.fromkeys(outcome.subject_name for outcome in given))
    if len({outcome.subject for outcome in given}) > 1:
        raise ValueError(f"joint needs the outcomes of one subject, got those of {', '.join(names)}")
    if subject is not None and given and given[0].subject != subject.fingerprint:
        raise ValueError(f"the outcomes must be those of the subject given ({subject.name}), got some of {names[0]}")
    columns, notes = _columns(given)
    if len(columns) < 2:
        got = ", ".join(column.name for column in columns) or "none"
        raise ValueError(f"joint needs at least two outcomes with scores of samples, got {got}: {' '.join(notes)}")
    scores = pd.concat([column.values.rename(column.name) for column in columns], axis=1)
    held = _held(scores.index, subject)
    if held is None:
        notes.append("No partial correlations: pass the subject to hold its confidence and correctness fixed.")
    pairs, few = _pairs(scores, columns, held, seed)
    return Joint(names[0], scores.reset_index(), tuple(columns), pairs, (*notes, *few))


def _columns(outcomes: Sequence[Outcome]) -> tuple[list[Column], list[str]]:
    columns, notes = [], []
    for outcome in outcomes:
        entry = registered().get(outcome.assessment)
        score = entry.score if entry is not None else None
        table = outcome.finding.tables.get("samples") if outcome.finding is not None else None
        key = _chosen(outcome, score, table)
        if score is None or table is None or not key:
            why = outcome.reason or "it gives no score to single samples"
            notes.append(f"{outcome.assessment} is left out: {why}.")
            continue
        values = pd.Series(_values(table, score, key), index=pd.MultiIndex.from_frame(_names(table)), dtype=float)
        twice = values.index.duplicated()
        if twice.any():
            notes.append(f"{outcome.assessment} is left out: it has several scores for one sample.")
            continue
        columns.append(Column(outcome.assessment, outcome.assessment, key, score.worse, values))
    return _named(columns), notes


def _chosen(outcome: Outcome, score: Score | None, table: pd.DataFrame | None) -> str:
    if score is None or table is None:
        return ""
    asked = (str(outcome.params.get(score.chosen_by, "")),) if score.chosen_by else ()
    return next((key for key in (*asked, *score.columns) if key in table.columns), "")


def _values(table: pd.DataFrame, score: Score, key: str) -> Array:
    values = table[key].to_numpy(dtype=np.float64, copy=True)
    if score.status and score.status in table.columns:
        for word, instead in score.instead.items():
            values[(table[score.status] == word).to_numpy()] = instead
    return values


def _names(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"part": table["part"].astype(str), "id": table["id"].astype(str)})


def _named(columns: Sequence[Column]) -> list[Column]:
    """Name a column by its score; runs that would share a name are numbered."""
    named: list[Column] = []
    for column in columns:
        name = f"{column.assessment}: {words.label(column.score, column.assessment)}"
        same = sum(other.name.partition(" (run ")[0] == name for other in named)
        name = f"{name} (run {same + 1})" if same else name
        named.append(Column(name, column.assessment, column.score, column.worse, column.values))
    return named


def _held(index: pd.Index, subject: Subject | None) -> pd.DataFrame | None:
    """Return the model's confidence and correctness, or its error in a regression, by part and id."""
    if subject is None:
        return None
    frames = []
    for part in ("X", "X_train", "X_new"):
        X, y = getattr(subject, part), getattr(subject, part.replace("X", "y"))
        place = places(subject, part)
        if y is None or place is None:  # where two samples have one name, nobody knows whose confidence it would be
            continue
        wanted = [(name, place[name]) for of, name in index if of == part and name in place]
        if wanted:
            rows = np.array([row for _, row in wanted])
            frame = pd.DataFrame(_confidence_view(subject, X[rows], y[rows]))
            frame.index = pd.MultiIndex.from_tuples([(part, name) for name, _ in wanted], names=_KEYS)
            frames.append(frame)
    return pd.concat(frames).reindex(index) if frames else None


def _confidence_view(subject: Subject, X: Array, y: Array) -> dict[str, Array]:
    prediction = np.asarray(subject.predict(X), dtype=np.float64)
    if subject.task == "regression":
        return {"error": np.abs(prediction - y)}
    labels = prediction.argmax(axis=1) if subject.decide is None else np.asarray(subject.decide(X))
    return {"confidence": prediction.max(axis=1), "correct": (labels == y).astype(np.float64)}


def _pairs(
    scores: pd.DataFrame, columns: Sequence[Column], held: pd.DataFrame | None, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    rows, few = [], []
    for part in scores.index.get_level_values("part").unique():
        mine = scores[scores.index.get_level_values("part") == part]
        for first, second in combinations(columns, 2):
            both = mine[[first.name, second.name]].dropna()
            if len(both) < FEWEST:
                if len(both):
                    few.append(f"{first.name} and {second.name} share {len(both)} samples of {part}: too few.")
                continue
            a, b = (both[one.name].to_numpy() * (1 if one.worse == "higher" else -1) for one in (first, second))
            plain, partial = spearman(a, b, seed=seed), NOTHING
            if held is not None and not (held_rows := held.loc[both.index]).isna().any(axis=None):
                partial = spearman(a, b, held_rows.to_numpy().T, seed)
            rows.append((part, first.name, second.name, len(both), *astuple(plain), *astuple(partial)))
    pairs = pd.DataFrame(rows, columns=_OF_A_PAIR)
    for key in ("p", "partial_p"):
        pairs[key] = holm(pairs[key].to_numpy(dtype=np.float64))
    pairs["reading"] = [_reading(row) for row in pairs.to_dict("records")]
    if not rows:
        few.append(f"No two methods share {FEWEST} samples: choose the same part and samples for both.")
    return pairs, few


def _reading(row: Mapping[Any, Any]) -> str:
    if np.isnan(row["rho"]):
        return "nothing to compare: one of the scores is the same for all samples"
    if row["p"] > _ALPHA:
        return "no relation shown"
    text = "the same samples fare badly in both" if row["rho"] > 0 else "who fares badly in one fares well in the other"
    if np.isnan(row["partial"]):
        return text
    beyond = row["partial_p"] <= _ALPHA and (row["partial"] > 0) == (row["rho"] > 0)
    return f"{text}, {'also' if beyond else 'not shown'} beyond the model's own confidence and correctness"
