"""Prototypes, criticisms and the curve as tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xrai_widgets.engines.explanations._prototype_explained import Explained
from xrai_widgets.engines.explanations._prototype_fit import Fit
from xrai_widgets.engines.explanations._prototype_measures import around
from xrai_widgets.engines.explanations._prototype_people import People, Said


def samples(done: Sequence[Explained], people: People, said: Said) -> pd.DataFrame:
    frames = []
    for one in done:
        head = {"part": "X_train", "id": people.train_ids[one.rows]}
        words = {key: column[one.rows] for key, column in said.train.items() if column.dtype.kind == "O"}
        numbers = {key: column[one.rows] for key, column in said.train.items() if column.dtype.kind != "O"}
        order = {"explains": one.group.name, "order": np.arange(1, len(one.rows) + 1)}
        weights = {"weight": one.chosen.weights, "share": one.shares}
        frames.append(pd.DataFrame(head | words | order | weights | numbers))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["part", "id"])


def curve(done: Sequence[Explained], fits: Sequence[Fit]) -> pd.DataFrame:
    rows = []
    for one, fit in zip(done, fits, strict=True):
        for number, (objective, weights) in enumerate(zip(one.chosen.objective, one.chosen.path, strict=True), 1):
            mmd2 = max(fit.own - 2 * objective, 0.0)
            apart = fit.distance(weights)
            band = around(mmd2, apart.unbiased, float(np.sqrt(apart.variance)), fit.n, 0.0, np.inf)
            rows.append((one.group.name, "ProtoDash", number, mmd2, band.low, band.high, objective))
        for number in range(1, one.random.shape[1] + 1):
            reached = one.random[:, number - 1]
            ends = [fit.own - 2 * float(value) for value in (reached.mean(), reached.max(), reached.min())]
            rows.append((one.group.name, "random draws", number, *(max(end, 0.0) for end in ends), reached.mean()))
    return pd.DataFrame(rows, columns=["explains", "chosen by", "n", "mmd2", "low", "high", "objective"])


def criticisms(done: Sequence[Explained], people: People, said: Said) -> pd.DataFrame:
    frames = []
    for one in done:
        rows = one.group.explained[one.criticisms]
        head = {"part": people.part, "id": people.ids[rows]}
        words = {key: column[rows] for key, column in said.explained.items() if column.dtype.kind == "O"}
        order = {"explains": one.group.name, "order": np.arange(1, len(rows) + 1)}
        frames.append(pd.DataFrame(head | words | order | {"witness": one.witness[one.criticisms]}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["part", "id"])
