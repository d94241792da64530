"""Controls of prototypes: as many drawn at random, a constant model, and predictions shuffled."""

import numpy as np

from xrai_widgets.core import Control, Finding, Step

_WHOLE = {"only_class": "", "sample": "", "per_class": False, "choose_from": "all", "n_criticisms": 0}


def random_prototypes(finding: Finding, *, step: Step) -> Finding:
    """Return ``mmd2`` and ``explained`` of as many prototypes drawn at random, and what the chosen ones gain on them.

    The value is the mean of 20 draws with equal weights, the interval their best and worst. Of more prototypes than 100
    the first 100 are compared. ``gain``: how much farther the draws are from the explained samples than the prototypes.
    """
    step(0.0, "random prototypes")
    curve = finding.tables["curve"]
    names = list(dict.fromkeys(curve["explains"]))
    sizes = finding.arrays["sizes"] if len(names) > 1 else np.ones(1)
    drawn, chosen = np.zeros(3), 0.0
    for name, part in zip(names, sizes / sizes.sum(), strict=True):
        mine = curve[curve["explains"] == name]
        ours, theirs = (mine[mine["chosen by"] == who].set_index("n") for who in ("ProtoDash", "random draws"))
        n = min(ours.index.max(), theirs.index.max())
        drawn += part * theirs.loc[n, ["mmd2", "low", "high"]].to_numpy(dtype=np.float64)
        chosen += part * float(ours.loc[n, "mmd2"])
    values, mmd2 = {"mmd2": drawn, "gain": drawn - chosen}, finding.values["mmd2"]
    if finding.values["explained"] < 1:
        values["explained"] = 1 - drawn[[0, 2, 1]] * (1 - finding.values["explained"]) / mmd2
    return Finding(
        {key: value for key, (value, _, _) in values.items()},
        {key: (low, high) for key, (_, low, high) in values.items()},
        dict.fromkeys(values, finding.counts["mmd2"]),
    )


CONTROLS = (
    Control(
        "random prototypes",
        {"gain": (0.0, float("inf"))},
        "as many (at most 100) drawn at random, equal weights, best to worst of 20 draws: should be farther",
        about=("mmd2", "explained"),
        measured=random_prototypes,
        wrong="Every draw stands for the explained samples better than the prototypes: the search for them failed.",
    ),
    Control(
        "constant",
        {"agreement": (1.0, 1.0)},
        "it predicts the same for all samples, so its predictions agree with those for any prototype",
        params=_WHOLE,
        about=("agreement",),
        wrong="A constant model predicts the same for all samples, so the samples and their prototypes are mixed up.",
    ),
    Control(
        "dealt",
        "anything",
        "your model's predictions shuffled among the samples: what agreement by luck looks like",
        params={"n_criticisms": 0},
        about=("agreement",),
    ),
)
