"""The slider of prototypes answers from one run."""

from dataclasses import replace

import numpy as np
import pytest

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.results.exposed import png
from xrai_widgets.results.views.prototypes.reading import first_prototypes, similarity_to
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
        assert len(slider.table.rows) == number
        assert f"with {number} prototypes" in slider._summary.value


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


def test_prototypes_are_shown_in_the_users_own_columns(outcome: Outcome, credit: Subject) -> None:
    slider = PrototypeSlider(outcome)
    slider.n = 3
    inside = [place for place, column in enumerate(slider.table.columns) if column.get("inside")]
    assert len(inside) == 20
    assert credit.X_train is not None
    assert credit.train_ids is not None
    assert credit.decode is not None
    for row in slider.table.rows:
        place = credit.train_ids.tolist().index(row[0])
        assert [row[column] for column in inside] == credit.decode(credit.X_train[[place]]).iloc[0].tolist()


def test_the_contents_of_two_classes_are_not_mixed_up(credit: Subject) -> None:
    slider = PrototypeSlider(assess(credit, NAME, n_prototypes=3, per_class=True))
    slider.n = 2
    assert credit.X_train is not None
    assert credit.train_ids is not None
    assert credit.decode is not None
    for row in slider.table.rows:
        own = credit.decode(credit.X_train[[credit.train_ids.tolist().index(row[0])]]).iloc[0].tolist()
        assert row[-20:] == own


def test_prototypes_of_pictures_are_pictures(digits: Subject) -> None:
    slider = PrototypeSlider(assess(digits, NAME, n_prototypes=5), digits)
    slider.n = 3
    assert digits.X_train is not None
    assert digits.train_ids is not None
    places = [digits.train_ids.tolist().index(row[0]) for row in slider.table.rows]
    assert slider.table.pictures == [png(image) for image in digits.X_train[places]]
    assert slider.criticisms is not None
    assert len(slider.criticisms.pictures) == len(slider.criticisms.rows) == 5


def test_the_similarity_of_a_feature_is_that_of_a_run_with_so_many_prototypes(
    outcome: Outcome, credit: Subject
) -> None:
    assert outcome.finding is not None
    for number in (2, 8):
        alone = assess(credit, NAME, n_prototypes=number).finding
        assert alone is not None
        shown = similarity_to(outcome.finding, first_prototypes(outcome.finding, number))
        assert np.allclose(shown["similarity"], alone.tables["features"]["similarity"])
        assert [*shown.columns] == ["feature", "similarity", *map(str, range(1, number + 1))]


def test_criticisms_have_contents_only_where_the_model_is_at_hand(outcome: Outcome, credit: Subject) -> None:
    slider = PrototypeSlider(outcome)
    assert slider.criticisms is not None
    assert not any(column.get("inside") for column in slider.criticisms.columns)
    assert slider.criticisms.note == "Named by id only: no model at hand."
    slider.subject = credit
    assert sum(bool(column.get("inside")) for column in slider.criticisms.columns) == 20
    assert slider.criticisms.note == ""


def test_a_mark_in_either_table_is_a_mark_of_the_view(outcome: Outcome, credit: Subject) -> None:
    slider = PrototypeSlider(outcome, credit, [("X", "somebody")])
    assert slider.criticisms is not None
    slider.table.selected = [*slider.table.selected, slider.table.samples[0]]
    assert slider.selected == [["X", "somebody"], slider.table.samples[0]] == slider.criticisms.selected
    slider.selected = []
    assert slider.table.selected == []
