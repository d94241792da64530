"""Digits upside down and in the mirror, the hard case: only classes that are no digit then."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import xrai_widgets as xw
from xrai_widgets.core import Array, Subject
from xrai_widgets.data import examples
from xrai_widgets.data.foreign_pictures import as_batch, foreign_digits
from xrai_widgets.engines import _statistics as statistics

KEPT = 360


def digits(name: str) -> Subject:
    """A model of digits, half of its held-out samples, and sets made of the other half."""
    whole = examples.load(name)
    batch = as_batch(foreign_digits(whole.X[KEPT:], whole.y[KEPT:]))
    return replace(whole, X=whole.X[:KEPT], y=whole.y[:KEPT], ids=whole.ids[:KEPT], **batch)


def by_class(samples: pd.DataFrame, name: str, y: Array) -> pd.DataFrame:
    """The AUROC (DeLong) of a set, digit by digit; y are those that it was made of."""
    normal = samples.loc[samples["part"] == "X", "foreignness"].to_numpy()
    score = samples.loc[samples["set"] == name, "foreignness"].to_numpy()
    rows = []
    for digit in np.unique(y):
        area = statistics.auc(score[y == digit], normal)
        rows.append({"digit": digit, "n": int((y == digit).sum()), **area._asdict()})
    return pd.DataFrame(rows).set_index("digit")


@pytest.mark.parametrize(
    ("detector", "params"), [("knn", {"features": "samples"}), ("ensemble", {})], ids=["knn", "ensemble"]
)
def test_turned_and_mirrored_digits_are_told_from_digits(
    detector: str, params: dict[str, str], record_property: Callable[[str, object], None]
) -> None:
    """Neither was chosen by the letters and photographs, which confirm it."""
    whole, subject = examples.load("digits_network"), digits("digits_network")
    outcome = xw.assess(subject, f"ood.{detector}", strict=True, **params)
    assert outcome.finding is not None
    sets, samples = outcome.finding.tables["sets"].set_index("set"), outcome.finding.tables["samples"]
    assert sets["auroc"]["near: upside down"] >= 0.95
    assert sets["auroc"]["near: mirrored"] >= 0.98
    for name in ("near: letters", "near: transposed", "far: photographs", "far: inverted", "far: noise"):
        assert sets["auroc_low"][name] >= 0.97, name
    assert sets["alarms"]["shifted: one pixel"] > 0.5, "the price: digits still, and an alarm for each is an error"
    of_others = whole.y[KEPT:]
    for name, same in (("near: upside down", (0, 1)), ("near: mirrored", (0, 1, 8))):
        table = by_class(samples, name, of_others[~np.isin(of_others, same)])
        record_property(name, table.round(3).to_dict("index"))
        print(f"{detector}, {name}\n{table.round(3)}")
        symmetric = [digit for digit in (3, 8) if digit in table.index and name == "near: upside down"]
        assert table["value"].drop(symmetric).min() >= 0.9, "3 and 8 stay nearly what they are upside down"
