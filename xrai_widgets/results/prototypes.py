"""The first n prototypes of a run, with the weights that they had when there were n: nothing is computed anew."""

import numpy as np
import pandas as pd

from xrai_widgets.core import Finding
from xrai_widgets.results import words


def most_prototypes(finding: Finding) -> int:
    """Return the largest number of prototypes that the finding can answer for.

    Raises
    ------
    ValueError
        if it holds no path of weights.
    """
    if "weights_path" not in finding.arrays or "samples" not in finding.tables:
        raise ValueError("the finding has no array weights_path: that of explanations.protodash has one")
    path = finding.arrays["weights_path"]
    if path.ndim < 2 or not path.size or np.isnan(path[..., 0, 0]).any():
        raise ValueError("the weights of fewer prototypes are not known: implementation='native' gives them")
    return int(path.shape[-1])


def first_prototypes(finding: Finding, n: int) -> pd.DataFrame:
    """Return the table ``samples`` of the first n prototypes (of each class), weights and shares those of n."""
    most = most_prototypes(finding)
    if not 1 <= n <= most:
        raise ValueError(f"n must lie in [1, {most}], got {n}")
    samples = finding.tables["samples"]
    squares = finding.arrays["weights_path"].reshape(-1, most, most)
    parts = []
    for square, (_, group) in zip(squares, samples.groupby("explains", sort=False), strict=True):
        found = group[group["order"] <= n].copy()
        weights = square[min(n, len(group)) - 1, : len(found)]
        found["weight"], found["share"] = weights, weights / weights.sum()
        parts.append(found)
    return pd.concat(parts, ignore_index=True)


def said_of_prototypes(finding: Finding, n: int) -> str:
    """Return one sentence per class: how far the first n prototypes are from the explained samples."""
    said = []
    for name, group in finding.tables["curve"].groupby("explains", sort=False):
        ours, random = (group[group["chosen by"] == by].set_index("n")["mmd2"] for by in ("ProtoDash", "random draws"))
        last = min(n, int(ours.index.max()))
        chance = words.number(float(random[last])) if last in random.index else ""
        drawn = f"; as many samples drawn at random: {chance}" if chance else ""
        whose = "" if name == "all" else f"{name}: "
        said.append(f"{whose}MMD² {words.number(float(ours[last]))} with {last} prototypes{drawn}.")
    return " ".join(said)
