"""Spectral importance over the checkpoints of one training."""

from dataclasses import replace

import numpy as np
import pytest

import xrai_widgets as xw
from tests.results.test_validation import attacked, read
from xrai_widgets.core import Outcome

TABLES = [np.eye(4)[0] * 0.6 + 0.1, np.full(4, 0.25), np.eye(4)[3] * 0.6 + 0.1]


def checkpoints() -> list[Outcome]:
    names = ["after 1", "after 2", "after 3"]
    return [read(name, 0.5 - place, shares) for place, (name, shares) in enumerate(zip(names, TABLES, strict=True))]


def test_shares_stand_in_the_order_of_the_training_with_a_heat_map() -> None:
    made = xw.learning_dynamics([*checkpoints(), attacked("after 1", 0.5)])
    assert list(dict.fromkeys(made.bands["checkpoint"])) == ["after 1", "after 2", "after 3"]
    np.testing.assert_allclose(made.bands["share"].to_numpy().reshape(3, 4), TABLES)
    assert made.scores["score"].tolist() == [0.5, -0.5, -1.5]
    assert (made.scores["score_low"] < made.scores["score"]).all()
    assert [chart.kind for chart in made.finding().charts] == ["heat", "points"]
    shown = made.to_html()
    assert shown.count("<svg") == 2
    assert "largest share of what is read 0.7 at band 1, checkpoint after 1" in shown


def test_a_checkpoint_that_reads_nothing_yet_keeps_its_place_without_shares() -> None:
    _, *others = checkpoints()
    made = xw.learning_dynamics([read("after 1", None), *others])
    assert made.bands["share"].isna().tolist() == [True] * 4 + [False] * 8
    assert np.isnan(made.scores.loc[0, "score"])
    assert made.scores.loc[0, "gain"] == 1.0
    assert "Not defined at after 1" in made.notes[0]
    assert made.to_html().count("<svg") == 2
    nothing = xw.learning_dynamics([read("a", None), read("b", None)])
    assert nothing.notes == (
        "Nothing is shown: at no checkpoint is the image worth more to the model than its reference.",
    )
    assert "<svg" not in nothing.to_html()


def test_two_checkpoints_of_one_name_are_told_apart() -> None:
    first, second, _ = checkpoints()
    made = xw.learning_dynamics([first, replace(second, subject_name="after 1")])
    assert made.scores["checkpoint"].tolist() == ["after 1 (1)", "after 1 (2)"]


def test_what_cannot_be_put_side_by_side_is_refused() -> None:
    first, second, _ = checkpoints()
    with pytest.raises(ValueError, match="two checkpoints or more, got 1"):
        xw.learning_dynamics([first])
    with pytest.raises(ValueError, match="got two of after 1"):
        xw.learning_dynamics([first, second, first])
    with pytest.raises(ValueError, match="had bands=None on after 1 and 8 on after 9"):
        xw.learning_dynamics([first, read("after 9", 0.1, bands=8)])
