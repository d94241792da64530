"""Does the spectral score say how robust a model is? Over models: against errors under corruption and attack."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Outcome
from xrai_widgets.results import html
from xrai_widgets.results.correlation import spearman
from xrai_widgets.results.corruption_error import corruption_error
from xrai_widgets.results.crosses import Cross, crosses
from xrai_widgets.results.mechanism import Mechanism, mechanism

FEWEST = 15  # models
IASIDE, CORRUPTIONS, EVASION = "robustness.iaside", "robustness.corruptions", "robustness.evasion"
_ALPHA = 0.05
_OF_A_RELATION = ["against", "n", "rho", "low", "high", "p", "reading"]
_ALIKE = (
    "Intervals and p take models as drawn independently. Those of one training with several seeds are more alike than "
    "that, so both are too favourable."
)


@dataclass(frozen=True)
class Validation:
    """A score of several models against how robust they were measured to be.

    Parameters
    ----------
    models : DataFrame
        A row per model: ``subject``; ``score``, ``error`` and ``robust_accuracy``, each with ``…_low`` and ``…_high``.
        NaN where a model has no such number.
    relations : DataFrame
        A row for each of ``error`` and ``robust_accuracy``: ``against``, ``n`` models, Spearman's ``rho`` with
        ``low, high`` and ``p``, all of them NaN below 15 models, and a ``reading``.
    mechanism : Mechanism or None
        What importance and the spectrum of each corruption predict, against what was measured.
    reference : str
        Relative to whose errors ``error`` is; empty where it is the share of wrong predictions.
    notes : tuple of str
    """

    models: pd.DataFrame = field(repr=False)
    relations: pd.DataFrame = field(repr=False)
    mechanism: Mechanism | None = field(repr=False, default=None)
    reference: str = ""
    notes: tuple[str, ...] = ()

    def pictures(self) -> list[Cross]:
        """Return what is drawn: a cloud of crosses for each relation that has two models or more."""
        titles = {"error": self.of_error, "robust_accuracy": "accuracy under attack"}
        made = []
        for key in self.relations["against"]:
            rows = self.models.dropna(subset=["score", key])
            if len(rows) > 1:
                made.append(Cross(rows, ("score", "spectral score"), (key, titles[key]), "subject"))
        return made

    @property
    def of_error(self) -> str:
        """What the error is called."""
        return f"error under corruption relative to {self.reference}" if self.reference else "error under corruption"

    def to_html(self) -> str:
        """Return the relations as a table with pictures; one sentence where nothing is shown."""
        named = {"error": self.of_error, "robust_accuracy": "accuracy under attack"}
        pictures = [crosses(one) for one in self.pictures()]
        why = self.mechanism
        if why is not None and len(why.falls) > 1:
            pictures.append(crosses(why.picture()))
        relations = self.relations.dropna(subset=["rho"]).to_dict("records")
        return html.render("validation.html", view=self, relations=relations, named=named, pictures=pictures)

    def _repr_html_(self) -> str:
        return f"<style>{html.style()}</style>{self.to_html()}"


def validation(
    outcomes: Iterable[Outcome | Iterable[Outcome] | Mapping[str, Iterable[Outcome]]],
    *,
    reference: str | None = None,
    seed: int = 0,
) -> Validation:
    """Hold the spectral scores of several models against their errors under corruption and their accuracy under attack.

    Parameters
    ----------
    outcomes : iterable of Outcome
        Of ``robustness.iaside`` and, of the same models, ``robustness.corruptions`` and ``robustness.evasion``, in any
        order; lists of outcomes, and what `run_plan` returns for several subjects, may be among them. Others are left
        out.
    reference : str, optional
        Name of the model relative to whose errors those under corruption are taken, in pairs (see `corruption_error`).
        By default none: the share of wrong predictions, over all corruptions and severities.
    seed : int
        Of resamples and permutations.

    Returns
    -------
    Validation
        Relations are shown from 15 models on: Spearman's ρ over models with a bootstrap interval and a permutation p,
        both by resampling models. A model without a score (its image is worth no more than its reference) is named in
        the notes and left out; one that was not measured under all corruptions of the others, as it refuses some, has
        no error.

    Raises
    ------
    ValueError
        for no model with a score, two outcomes of one method on one model, models that were measured with other
        parameters or on other samples, or a reference that is none of the models.

    Notes
    -----
    The intervals of each model are over its samples; those of ρ over models. Neither holds the other.
    """
    given = [one for one in flat(outcomes) if one.assessment in (IASIDE, CORRUPTIONS, EVASION)]
    of = {name: measured_alike(given, name) for name in (IASIDE, CORRUPTIONS, EVASION)}
    if not of[IASIDE]:
        got = ", ".join(dict.fromkeys(one.assessment for one in given)) or "none"
        raise ValueError(f"validation needs outcomes of {IASIDE} that ended well, got {got}")
    names = _names([*of[IASIDE].values()])
    notes = [f"{name} is left out: it has no score." for key, name in names.items() if not _scored(of[IASIDE][key])]
    names = {key: name for key, name in names.items() if _scored(of[IASIDE][key])}
    measured, refused = _under_the_same(of[CORRUPTIONS], names)
    errors = _errors(measured, names, reference, seed)
    notes += refused
    rows = [
        {"subject": name, **_number(of[IASIDE][key], "score"), **errors.get(key, _none("error"))}
        | _number(of[EVASION].get(key), "robust_accuracy")
        for key, name in names.items()
    ]
    models = pd.DataFrame(rows, columns=["subject", *_none("score"), *_none("error"), *_none("robust_accuracy")])
    relations, more = _relations(models, seed)
    runs = {names[key]: (of[IASIDE][key], of[CORRUPTIONS][key]) for key in names if key in of[CORRUPTIONS]}
    why, unpredicted = mechanism(runs, seed)
    return Validation(models, relations, why, reference or "", (*notes, *more, *unpredicted))


def flat(given: Iterable[Any]) -> list[Outcome]:
    """Return the outcomes that may be nested in lists and mappings."""
    made: list[Outcome] = []
    for one in given:
        parts = one.values() if isinstance(one, Mapping) else one
        made += [one] if isinstance(one, Outcome) else flat(parts)
    return made


def measured_alike(outcomes: Sequence[Outcome], method: str) -> dict[str, Outcome]:
    """Return the outcomes of a method that ended well, by subject; raise ValueError if they were not measured alike."""
    made: dict[str, Outcome] = {}
    for one in outcomes:
        if one.assessment != method or one.status != "ok":
            continue
        if one.subject in made:
            raise ValueError(f"one outcome of {method} is needed for each model, got two of {one.subject_name}")
        made[one.subject] = one
    for one in made.values():
        first = next(iter(made.values()))
        other = [key for key in first.params if first.params[key] != one.params.get(key)]
        if other:
            raise ValueError(
                f"all models must be measured alike: {method} had {other[0]}={first.params[other[0]]!r} on "
                f"{first.subject_name} and {one.params.get(other[0])!r} on {one.subject_name}"
            )
        if one.parts.get("X") != first.parts.get("X"):
            raise ValueError(
                f"all models must be measured on the same samples: {method} had others on {first.subject_name} and on "
                f"{one.subject_name}"
            )
    return made


def _names(outcomes: Sequence[Outcome]) -> dict[str, str]:
    names = [one.subject_name for one in outcomes]
    return {
        one.subject: one.subject_name
        if names.count(one.subject_name) == 1
        else f"{one.subject_name} ({one.subject[:6]})"
        for one in outcomes
    }


def _scored(outcome: Outcome) -> bool:
    return outcome.finding is not None and "score" in outcome.finding.values


def _none(key: str) -> dict[str, float]:
    return dict.fromkeys((key, f"{key}_low", f"{key}_high"), np.nan)


def _number(outcome: Outcome | None, key: str) -> dict[str, float]:
    if outcome is None or outcome.finding is None or key not in outcome.finding.values:
        return _none(key)
    low, high = outcome.finding.intervals.get(key, (np.nan, np.nan))
    return {key: outcome.finding.values[key], f"{key}_low": low, f"{key}_high": high}


def _kinds(outcome: Outcome) -> set[str]:
    table = None if outcome.finding is None else outcome.finding.tables.get("errors")
    return set() if table is None else {*map(str, table.columns)} - {"part", "id"}


def _under_the_same(outcomes: Mapping[str, Outcome], names: Mapping[str, str]) -> tuple[dict[str, Outcome], list[str]]:
    """Return the outcomes under all corruptions, and who has refused some: a mean over fewer is that of other ones."""
    every = set().union(*map(_kinds, outcomes.values())) if outcomes else set()
    lacking = {key: sorted(every - _kinds(one)) for key, one in outcomes.items()}
    notes = [
        f"{names[key]} has no error under corruption: it was not measured under {', '.join(kinds)}, as others were."
        for key, kinds in lacking.items()
        if kinds and key in names
    ]
    return {key: one for key, one in outcomes.items() if not lacking[key]}, notes


def _errors(
    outcomes: Mapping[str, Outcome], names: Mapping[str, str], reference: str | None, seed: int
) -> dict[str, dict[str, float]]:
    chosen = next((one for one in outcomes.values() if one.subject_name == reference), None)
    if reference is not None and chosen is None:
        allowed = ", ".join(names[key] for key in outcomes if key in names) or "none: no outcome of " + CORRUPTIONS
        got = f"got {reference!r}; allowed: {allowed}, all measured under the same corruptions"
        raise ValueError(f"reference must name one of the models, {got}")
    made = {}
    for key, one in outcomes.items():
        if one.finding is not None and "errors" in one.finding.tables and key in names:
            mean = corruption_error(one, chosen, seed=seed).iloc[-1].to_dict()
            made[key] = {
                f"error{end}": float(mean[key]) for end, key in (("", "error"), ("_low", "low"), ("_high", "high"))
            }
    return made


def _relations(models: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, list[str]]:
    rows, notes, shown = [], [], False
    for key, words in (("error", "an error under corruption"), ("robust_accuracy", "an accuracy under attack")):
        both = models.dropna(subset=["score", key])
        if len(both) < FEWEST:
            if len(both):
                notes.append(
                    f"No relation is shown to {words}: {FEWEST} models that have both are needed, got {len(both)}."
                )
            rows.append((key, len(both), np.nan, np.nan, np.nan, np.nan, ""))
            continue
        made = spearman(both["score"].to_numpy(float), both[key].to_numpy(float), seed=seed)
        shown = True
        rows.append((key, len(both), made.rho, made.low, made.high, made.p, _reading(key, made.rho, made.p)))
    if not shown and not notes:
        notes.append(f"Nothing is shown: no model has a score and an outcome of {CORRUPTIONS} or {EVASION}.")
    return pd.DataFrame(rows, columns=_OF_A_RELATION), [*notes, *([_ALIKE] if shown else [])]


def _reading(key: str, rho: float, p: float) -> str:
    if rho != rho:
        return "nothing to compare: all models have the same"
    if p > _ALPHA:
        return "no relation shown"
    robust = (rho < 0) == (key == "error")
    return f"models that read lower frequencies are {'more' if robust else 'less'} robust"
