"""The first n prototypes of a run, with the weights that they had when there were n: nothing is computed anew."""

import numpy as np
import pandas as pd

from xrai_widgets.core import Finding
from xrai_widgets.results import words
from xrai_widgets.results.exposed import png


def most_prototypes(finding: Finding) -> int:
    """Return the largest number of prototypes that the finding has weights for.

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


def has_prototypes(finding: Finding) -> bool:
    """Return whether a finding has weights for fewer prototypes."""
    try:
        return most_prototypes(finding) > 0
    except ValueError:
        return False


def first_prototypes(finding: Finding, n: int) -> pd.DataFrame:
    """Return the table ``samples`` of the first n prototypes (of each class), weights and shares those of n.

    Its index is that of the table ``samples``.
    """
    most = most_prototypes(finding)
    if not 1 <= n <= most:
        raise ValueError(f"n must lie in [1, {most}], got {n}")
    samples = finding.tables["samples"].reset_index(drop=True)
    squares = finding.arrays["weights_path"].reshape(-1, most, most)
    parts = []
    for square, (_, group) in zip(squares, samples.groupby("explains", sort=False), strict=True):
        first = group[group["order"] <= n].copy()
        weights = square[min(n, len(group)) - 1, : len(first)]
        first["weight"], first["share"] = weights, weights / weights.sum()
        parts.append(first)
    return pd.concat(parts)


def contents_of_prototypes(finding: Finding, shown: pd.DataFrame) -> pd.DataFrame:
    """Return prototypes in the user's own columns, one row for each of ``shown``; without columns for pictures."""
    contents = finding.tables.get("rows")
    if contents is None or contents.empty:
        return shown[[]]
    parts = []
    for name, group in shown.groupby("explains", sort=False):
        of_group = contents[contents["explains"] == name] if "explains" in contents.columns else contents
        columns = of_group.set_index("feature").drop(columns=["explains", "explained"], errors="ignore")
        rows = columns.T.reindex(group["order"].astype(str)).fillna("not kept").set_index(group.index)
        parts.append(rows)
    frame = pd.concat(parts).rename_axis(columns=None)
    numbers = {name: pd.to_numeric(frame[name], errors="coerce") for name in frame.columns}
    return frame.assign(**{name: cells for name, cells in numbers.items() if cells.notna().all()})


def pictures_of_prototypes(finding: Finding, shown: pd.DataFrame) -> list[str]:
    """Return prototypes as data URIs, one for each of ``shown``; none for tables or where one is not kept."""
    images = finding.arrays.get("prototypes")
    if images is None or images.ndim != 4 or shown.index.max() >= len(images):
        return []
    return [png(images[place]) for place in shown.index]


def similarity_to(finding: Finding, shown: pd.DataFrame) -> pd.DataFrame:
    """Return how similar each feature is to the prototypes ``shown``: their mean by weight, then each of them."""
    features = finding.tables.get("features")
    if features is None or features.empty:
        return pd.DataFrame()
    parts = []
    for name, group in shown.groupby("explains", sort=False):
        of_group = features[features["explains"] == name] if "explains" in features.columns else features
        kept = [str(order) for order in group["order"] if str(order) in of_group.columns]
        weight = group["share"].to_numpy()[: len(kept)]
        head = of_group[[column for column in ("explains", "feature") if column in of_group.columns]]
        mean = of_group[kept].to_numpy() @ weight / max(float(weight.sum()), 1e-300)
        parts.append(head.assign(similarity=mean).join(of_group[kept]))
    return pd.concat(parts, ignore_index=True)


def distance_sentences(finding: Finding, n: int) -> str:
    """Return one sentence per class: how far the first n prototypes are from the explained samples."""
    sentences = []
    for name, group in finding.tables["curve"].groupby("explains", sort=False):
        ours, random = (group[group["chosen by"] == by].set_index("n")["mmd2"] for by in ("ProtoDash", "random draws"))
        last = min(n, int(ours.index.max()))
        chance = words.number(float(random[last])) if last in random.index else ""
        drawn = f"; as many samples drawn at random: {chance}" if chance else ""
        whose = "" if name == "all" else f"{name}: "
        sentences.append(f"{whose}MMD² {words.number(float(ours[last]))} with {last} prototypes{drawn}.")
    return " ".join(sentences)
