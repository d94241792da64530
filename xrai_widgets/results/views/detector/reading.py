"""What any threshold of a detector does, read off the scores of one run: no model is asked."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Finding

_COLUMNS = {"role", "right", "score", "plain_score", "adaptive_score"}
_GROUPS = {"plain_detection": "plain_score", "adaptive_detection": "adaptive_score"}


@dataclass(frozen=True)
class Share:
    """A share of n samples with its Wilson interval, and the name of what it is a share of."""

    key: str
    value: float
    low: float
    high: float
    n: int


def has_detector(finding: Finding) -> bool:
    """Return whether a finding holds the scores of a detector, and what its thresholds do."""
    return {"samples", "thresholds"} <= set(finding.tables) and set(finding.tables["samples"]) >= _COLUMNS


def at_threshold(finding: Finding, threshold: float) -> list[Share]:
    """Return what is flagged at a threshold, and the accuracy of what is not.

    Parameters
    ----------
    finding : Finding
        Of ``robustness.confidence_detection``.
    threshold : float
        Samples with a lower score are flagged.

    Returns
    -------
    list of Share
        ``false_alarms`` and ``accuracy`` of the clean samples that are measured, and the detection of each attack and
        of foreign inputs, where there are any.

    Raises
    ------
    ValueError
        if the finding holds no such scores.
    """
    if not has_detector(finding):
        raise ValueError("the finding has no scores of a detector: that of robustness.confidence_detection has them")
    samples = finding.tables["samples"]
    clean = samples[samples["role"] == "measured"]
    shares = [_share("false_alarms", (clean["score"] < threshold).to_numpy())]
    for key, column in _GROUPS.items():
        scores = samples[column].dropna()
        shares.append(_share(key, (scores < threshold).to_numpy()))
    foreign = samples.loc[samples["role"] == "foreign", "score"]
    shares.append(_share("foreign_detection", (foreign < threshold).to_numpy()))
    right = clean.loc[clean["score"] >= threshold, "right"].to_numpy(dtype=bool)
    shares.append(_share("accuracy", right))
    return [share for share in shares if share.n]


def _share(key: str, mask: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Share:
    count, n = int(mask.sum()), len(mask)
    if not n:
        return Share(key, float("nan"), 0.0, 1.0, 0)
    low, high = stats.binomtest(count, n).proportion_ci(method="wilson")
    return Share(key, count / n, float(low), float(high), n)


def named_thresholds(finding: Finding) -> dict[str, float]:
    """Return the fixed and the calibrated threshold, those that there are."""
    table = finding.tables["thresholds"]
    marked = table[table["which"] != ""]
    return dict(zip(marked["which"], marked["threshold"].astype(float), strict=True))


def span(finding: Finding) -> tuple[float, float]:
    """Return the lowest and the highest score, of clean, attacked and foreign samples."""
    samples = finding.tables["samples"]
    scores = np.concatenate([samples[name].dropna() for name in ("score", *_GROUPS.values())])
    ends = [*scores, *named_thresholds(finding).values()]
    return float(min(ends)), float(max(ends))


def rows_for_report(finding: Finding, most: int) -> pd.DataFrame:
    """Return the named thresholds and a few between, rising."""
    table = finding.tables["thresholds"]
    places = np.unique(np.linspace(0, len(table) - 1, min(most, len(table))).astype(int))
    return table[(table["which"] != "") | np.isin(np.arange(len(table)), places)]
