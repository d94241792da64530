"""The slider of prototypes answers from one run."""

from dataclasses import replace

import numpy as np
import pytest

from xrai_widgets.core import Outcome, Subject
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
