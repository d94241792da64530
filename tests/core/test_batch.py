"""Batches of one model: one series, and the model judged on a batch alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import xrai_widgets as xw
from xrai_widgets.core import Array, Subject

N = 40
FRAME = pd.DataFrame({"a": np.arange(float(N)), "job": ["x", "y"] * (N // 2)})
Y = np.arange(N) % 2
BATCHES = {
    "plain": FRAME[20:30],
    "far away": FRAME[20:30].assign(a=1e6),
    "new words": FRAME[20:30].assign(job=["x", *["w"] * 9]),
    "missing": FRAME[20:30].assign(a=[np.nan, *range(9)]),
    "one row": FRAME[20:21],
}


def model(rows: pd.DataFrame) -> Array:
    score = 1 / (1 + np.exp(-(rows["a"].fillna(0).to_numpy(dtype=float) / 10 - 2)))
    return np.stack([1 - score, score], axis=1)


def subject(batch: pd.DataFrame | None = None, **given: object) -> Subject:
    options: dict[str, object] = {} if batch is None else {"X_new": batch, "y_new": Y[: len(batch)]}
    return Subject.of(model, FRAME[:20], Y[:20], X_train=FRAME[20:], y_train=Y[20:], **(options | given))  # type: ignore[arg-type]  # tried


def test_all_batches_of_one_model_are_one_series() -> None:
    made = {name: subject(batch) for name, batch in BATCHES.items()}
    assert {one.series for one in made.values()} == {subject().series} == {subject().fingerprint}
    assert len({one.fingerprint for one in made.values()}) == len({one.batch for one in made.values()}) == len(BATCHES)
    assert subject().batch == ""


def test_another_baseline_model_or_order_of_classes_is_another_series() -> None:
    first = subject(BATCHES["plain"])
    others = [
        replace(first, X=first.X + 1),
        replace(first, y=first.y[::-1]),
        replace(first, ids=first.ids[::-1]),
        replace(first, X_train=None, y_train=None),
        replace(first, predict=lambda X: first.predict(X)[:, ::-1]),
        replace(first, classes=("no", "yes")),
        replace(first, groups=np.arange(20) % 2),
    ]
    assert len({one.series for one in (first, *others)}) == 1 + len(others)
    later = replace(first, foreign=np.zeros(10, dtype=bool), new_groups=np.arange(10), y_new=None)
    assert later.series == first.series


def test_at_a_batch_the_samples_are_those_of_the_batch() -> None:
    sets = np.array(["A"] * 4 + ["B"] * 6)
    whole = subject(BATCHES["plain"], new_ids=[f"p{row}" for row in range(10)], new_groups=sets)
    here = whole.at()
    assert np.array_equal(here.X, whole.X_new)  # type: ignore[arg-type]  # given
    assert here.y.tolist() == Y[:10].tolist()
    assert here.ids.tolist() == [f"p{row}" for row in range(10)]
    assert here.groups is not None
    assert here.groups.tolist() == sets.tolist()
    assert here.X_new is here.y_new is here.new_ids is here.new_groups is None
    assert (here.series, here.batch) == (whole.series, whole.batch)
    assert here.fingerprint not in {whole.fingerprint, whole.series}
    first = whole.at("A")
    assert first.ids.tolist() == ["p0", "p1", "p2", "p3"]
    assert first.groups is None
    assert first.X_train is whole.X_train
    assert not first.X.flags.writeable


def test_a_batch_is_the_same_as_a_subject_that_was_made_of_it() -> None:
    batch = FRAME[20:30]
    made = Subject.of(model, batch, Y[:10], X_train=FRAME[20:], y_train=Y[20:])
    here = subject(batch).at()
    assert np.array_equal(here.X, made.X)
    assert np.array_equal(here.predict(here.X), made.predict(made.X))


def test_rows_of_unknown_words_are_left_out_and_said() -> None:
    here = subject(BATCHES["new words"].assign(job=["x", "w", "y", *["x"] * 7])).at()
    assert here.ids.tolist() == [20, 22, *range(23, 30)]
    assert "1 rows of the batch are left out: they hold words that are not among the categories" in here.notes
    with pytest.raises(ValueError, match="at needs a row of the batch whose words are all known, got none"):
        subject(FRAME[20:30].assign(job="w")).at()


def test_bounds_reach_as_far_as_the_batch() -> None:
    here = subject(FRAME[20:30].assign(a=1e6)).at()
    assert here.bounds is not None
    assert here.bounds[:, 0].tolist() == [0.0, 1e6]
    gone = subject(FRAME[20:30].assign(a=np.nan)).at()
    assert gone.bounds is not None
    assert gone.bounds[:, 0].tolist() == [0.0, 39.0]


def test_what_at_cannot_do_is_said() -> None:
    with pytest.raises(ValueError, match=r"at needs a batch and its labels: pass X_new= to Subject\.of"):
        subject().at()
    with pytest.raises(ValueError, match=r"pass y_new= to Subject\.of"):
        subject(BATCHES["plain"], y_new=None).at()
    with pytest.raises(ValueError, match=r"at\('A'\) needs the sets of the new samples: pass new_groups="):
        subject(BATCHES["plain"]).at("A")
    with pytest.raises(ValueError, match="at must name one of the sets 0, 1, 2, got 'A'"):
        subject(BATCHES["plain"], new_groups=np.arange(10) % 3).at("A")


def test_an_outcome_says_its_series_and_batch() -> None:
    whole = subject(BATCHES["plain"])
    for one in (whole, whole.at()):
        outcome = xw.assess(one, "robustness.loss_sensitivity")
        assert (outcome.series, outcome.batch) == (whole.series, whole.batch)
