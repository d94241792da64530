"""What a model reads while it learns: the distribution over bands of frequencies, checkpoint by checkpoint."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from xrai_widgets.core import Chart, Finding, Outcome
from xrai_widgets.results import html
from xrai_widgets.results.validation import IASIDE, flat, measured_alike

_NUMBERS = ("score", "score_low", "score_high", "gain", "gain_low", "gain_high")


@dataclass(frozen=True)
class LearningDynamics:
    """Spectral importance over the checkpoints of one training.

    Parameters
    ----------
    bands : DataFrame
        A row per checkpoint and band: ``checkpoint``, ``band``, ``share`` of what is read with ``share_low`` and
        ``share_high``; NaN where the image is worth no more than its reference yet.
    scores : DataFrame
        A row per checkpoint: ``checkpoint``, ``score`` and ``gain``, each with ``…_low`` and ``…_high``.
    notes : tuple of str
    """

    bands: pd.DataFrame = field(repr=False)
    scores: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()

    def finding(self) -> Finding:
        """Return the tables with their charts: a heat map of the shares, and the score over the checkpoints."""
        charts: tuple[Chart, ...] = ()
        if self.bands["share"].notna().any():
            title = "What is read, by band of frequencies, as the model learns"
            charts = (Chart("bands", "heat", "checkpoint", y="band", value="share", title=title),)
            title, low, high = "Spectral score as the model learns", "score_low", "score_high"
            charts += (Chart("scores", "points", "score", y="checkpoint", low=low, high=high, title=title),)
        return Finding({}, tables={"bands": self.bands, "scores": self.scores}, charts=charts)

    def to_html(self) -> str:
        """Return the pictures; one sentence where nothing is shown."""
        pictures = html.figures(self.finding(), IASIDE)
        return html.render("learning_dynamics.html", view=self, pictures=pictures)

    def _repr_html_(self) -> str:
        return f"<style>{html.style()}</style>{self.to_html()}"


def learning_dynamics(outcomes: Iterable[Outcome]) -> LearningDynamics:
    """Put the spectral importance of several checkpoints of one training side by side.

    Parameters
    ----------
    outcomes : iterable of Outcome
        Of ``robustness.iaside``, one for each checkpoint (a subject of its own), in the order of the training and
        measured alike. The names of the subjects name the checkpoints. Outcomes of other methods are left out.

    Returns
    -------
    LearningDynamics
        A checkpoint whose importance is not defined (the image is worth no more than its reference) stays in its
        place, without shares.

    Raises
    ------
    ValueError
        for fewer than two checkpoints, one that was measured twice, or other parameters or samples.

    Notes
    -----
    Networks tend to learn low frequencies first (Rahaman et al. 2019, arXiv:1806.08734), where both tell the label.
    """
    given = measured_alike(flat(outcomes), IASIDE)
    if len(given) < 2:
        raise ValueError(f"learning_dynamics needs outcomes of {IASIDE} of two checkpoints or more, got {len(given)}")
    names = [one.subject_name for one in given.values()]
    parts, rows, late = [], [], []
    for place, one in enumerate(given.values()):
        name = names[place] if names.count(names[place]) == 1 else f"{names[place]} ({place + 1})"
        finding = one.finding
        assert finding is not None
        shares = finding.tables["bands"][["band", "share", "share_low", "share_high"]].copy()
        if "score" not in finding.values:
            shares[["share", "share_low", "share_high"]] = np.nan
            late.append(name)
        parts.append(shares.assign(checkpoint=name))
        values = {key: finding.values.get(key, np.nan) for key in ("score", "gain")}
        ends = {key: finding.intervals.get(key, (np.nan, np.nan)) for key in values}
        numbers = {f"{key}_{end}": ends[key][side] for key in values for side, end in enumerate(("low", "high"))}
        rows.append({"checkpoint": name, **values, **numbers})
    bands = pd.concat(parts, ignore_index=True)[["checkpoint", "band", "share", "share_low", "share_high"]]
    return LearningDynamics(bands, pd.DataFrame(rows)[["checkpoint", *_NUMBERS]], _notes(late, len(given)))


def _notes(late: list[str], n: int) -> tuple[str, ...]:
    if not late:
        return ()
    if len(late) == n:
        return ("Nothing is shown: at no checkpoint is the image worth more to the model than its reference.",)
    return (f"Not defined at {', '.join(late)}: the image is worth no more to the model than its reference there.",)
