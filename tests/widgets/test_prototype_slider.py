"""The slider of prototypes answers from one run."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.data import examples
from xrai_widgets.results.prototypes import first_prototypes
from xrai_widgets.runtime import assess
from xrai_widgets.widgets import PrototypeSlider

NAME = "explanations.protodash"


@pytest.fixture(scope="module")
def outcome(credit: Subject) -> Outcome:
    return assess(credit, NAME, n_prototypes=8)


def test_the_slider_shows_what_a_run_with_fewer_prototypes_gives(outcome: Outcome, credit: Subject) -> None:
    slider = PrototypeSlider(outcome)
    assert (slider.n, slider.slider.max) == (8, 8)
    for number in (3, 1, 8):
        slider.slider.value = number
        alone = assess(credit, NAME, n_prototypes=number).finding
        assert alone is not None
        assert slider.frame["id"].tolist() == alone.tables["samples"]["id"].tolist()
        assert np.allclose(slider.frame["weight"], alone.tables["samples"]["weight"], atol=1e-12)
        assert slider.frame["share"].sum() == pytest.approx(1.0)
        assert len(slider._table.children[0].rows) == number
        assert f"with {number} prototypes" in slider._said.value


def test_with_the_model_at_hand_prototypes_are_shown_in_their_own_columns(outcome: Outcome, credit: Subject) -> None:
    slider = PrototypeSlider(outcome, credit)
    slider.n = 3
    table = slider._table.children[0]
    inside = [place for place, column in enumerate(table.columns) if column.get("inside")]
    assert len(inside) == 20
    assert credit.decode is not None
    assert credit.X_train is not None
    assert outcome.finding is not None
    wanted = credit.decode(credit.X_train[outcome.finding.arrays["indices"][:3]])
    assert [[row[place] for place in inside] for row in table.rows] == wanted.to_numpy(dtype=object).tolist()
    assert table.note == ""
    other = PrototypeSlider(outcome, examples.load("german_credit_pruned"))._table.children[0]
    assert not any(column.get("inside") for column in other.columns)
    assert "by id only" in other.note


def test_prototypes_that_are_images_are_shown_as_pictures(digits: Subject) -> None:
    made = assess(digits, NAME, n_prototypes=3, per_class=True)
    table = PrototypeSlider(made, digits)._table.children[0]
    assert len(table.pictures) == len(table.rows) == 30
    assert made.finding is not None
    assert digits.X_train is not None
    for picture, row in zip(table.pictures, made.finding.arrays["indices"], strict=True):
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))), dtype=float)
        assert np.corrcoef(shown.ravel(), digits.X_train[row].ravel())[0, 1] > 0.999


def test_every_class_gets_its_first_prototypes(credit: Subject) -> None:
    slider = PrototypeSlider(assess(credit, NAME, n_prototypes=4, per_class=True))
    slider.n = 2
    assert slider.frame["explains"].tolist() == ["bad", "bad", "good", "good"]
    alone = assess(credit, NAME, n_prototypes=2, per_class=True).finding
    assert alone is not None
    assert np.allclose(slider.frame["weight"], alone.tables["samples"]["weight"], atol=1e-12)


def test_an_outcome_without_a_path_of_weights_is_refused(outcome: Outcome, credit: Subject) -> None:
    with pytest.raises(ValueError, match="no array weights_path: that of explanations"):
        PrototypeSlider(assess(credit, "privacy.membership_inference"))
    with pytest.raises(ValueError, match="has no finding: cancelled, stop"):
        PrototypeSlider(replace(outcome, finding=None, status="cancelled", reason="stop"))
    assert outcome.finding is not None
    unknown = {**outcome.finding.arrays, "weights_path": np.full((8, 8), np.nan)}
    with pytest.raises(ValueError, match="implementation='native' gives them"):
        PrototypeSlider(replace(outcome, finding=replace(outcome.finding, arrays=unknown)))
    with pytest.raises(ValueError, match=r"n must lie in \[1, 8\], got 9"):
        first_prototypes(outcome.finding, 9)
