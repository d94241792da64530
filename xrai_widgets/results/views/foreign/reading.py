"""What an alarm does at any α, read off the p-values of one run: no model is asked."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from xrai_widgets.core import Finding

_ROUNDING = 1e-12
_POINTS = 200
_NORMAL = "in distribution"
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """A share of n samples with its Wilson interval, and what it is a share of."""

    key: str
    name: str
    value: float
    low: float
    high: float
    n: int


def has_p_values(finding: Finding) -> bool:
    """Return whether a finding holds the p-values of an alarm for foreign inputs."""
    needed = {"part", "id", "foreignness", "p_value", "alarm", "group"}
    return {"samples", "sets"} <= set(finding.tables) and set(finding.tables["samples"]) >= needed


def at_alpha(finding: Finding, alpha: float) -> list[Share]:
    """Return what the alarm does at α.

    Parameters
    ----------
    finding : Finding
        Of an assessment of the family ``ood``.
    alpha : float
        The alarm rings for p-values of at most α.

    Returns
    -------
    list of Share
        ``answered``: normal samples for which it does not ring; ``accuracy`` of the model on those, where it is known
        which are right; ``alarms`` in each other set of samples whose p-values are known.

    Raises
    ------
    ValueError
        if the finding holds no such p-values.
    """
    if not has_p_values(finding):
        raise ValueError("the finding has no p-values of an alarm: those of the family ood have them")
    normal = _normal(finding)
    silent = ~rings(normal["p_value"], alpha)
    shares = [_share("answered", "", silent)]
    if _right(finding) is not None:
        shares.append(_share("accuracy", "", normal.loc[silent, "right"].to_numpy() > 0))
    shares += [_share("alarms", name, rings(p, alpha)) for name, p in _others(finding)]
    return [share for share in shares if share.n]


def curve(finding: Finding) -> pd.DataFrame:
    """Return the accuracy on normal samples that do not ring: ``alpha, covered, accuracy, low, high``, α falling.

    Empty where it is not known which samples are predicted rightly.
    """
    right = _right(finding)
    if right is None or not len(right):
        return pd.DataFrame(columns=["alpha", "covered", "accuracy", "low", "high"])
    p = _normal(finding)["p_value"].to_numpy()
    order = np.argsort(-p, kind="stable")
    ranked, hits = p[order], np.cumsum(right[order])
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    places = last[np.unique(np.linspace(0, len(last) - 1, min(_POINTS, len(last))).astype(int))]
    rows = [_share("", "", np.arange(place + 1) < hits[place]) for place in places]
    columns = {"alpha": ranked[places], "covered": (places + 1) / len(p), "accuracy": [row.value for row in rows]}
    return pd.DataFrame(columns | {"low": [row.low for row in rows], "high": [row.high for row in rows]})


def least_alpha(finding: Finding) -> float:
    """Return the smallest p-value of all samples: at a smaller α nothing here rings."""
    values = [_normal(finding)["p_value"], *(p for _, p in _others(finding))]
    return float(min(p.min() for p in values if len(p)))


def rings(p: "pd.Series[float] | npt.NDArray[np.float64]", alpha: float) -> Mask:
    """Return where p ≤ α, rounding apart."""
    return np.asarray(p, dtype=np.float64) <= alpha * (1 + _ROUNDING)


def _normal(finding: Finding) -> pd.DataFrame:
    samples = finding.tables["samples"]
    return samples[samples["part"] == "X"]


def _right(finding: Finding) -> npt.NDArray[np.float64] | None:
    normal = _normal(finding)
    if "right" not in normal.columns or normal["right"].isna().any():
        return None
    return normal["right"].to_numpy(dtype=np.float64)


def _others(finding: Finding) -> list[tuple[str, "pd.Series[float]"]]:
    """Return the p-values of new samples by group, and of synthetic ones."""
    samples = finding.tables["samples"]
    new = samples[samples["part"] == "X_new"]
    named = "set" if "set" in new.columns else "group"
    sets = [(f"new samples: {name}", part["p_value"]) for name, part in new.groupby(named, sort=False)]
    shown = finding.tables.get("shown_scores", pd.DataFrame())
    if "p_value" in shown.columns:
        made = shown[shown["group"] != _NORMAL]
        named = "set" if "set" in made.columns else "group"
        sets += [(f"synthetic: {name}", part["p_value"]) for name, part in made.groupby(named, sort=False)]
    return sets


def _share(key: str, name: str, mask: Mask) -> Share:
    count, n = int(mask.sum()), len(mask)
    if not n:
        return Share(key, name, float("nan"), 0.0, 1.0, 0)
    low, high = stats.binomtest(count, n).proportion_ci(method="wilson")
    return Share(key, name, count / n, float(low), float(high), n)
