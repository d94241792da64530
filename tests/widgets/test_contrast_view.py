"""The contrastive view: which instance is shown, what it says, and how it follows the marks."""

from dataclasses import replace

import numpy as np
import pytest

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.runtime import assess
from xrai_widgets.widgets import ContrastView, OutcomeView, PrototypeSlider

NAME = "explanations.cem"


@pytest.fixture(scope="module")
def tabular(credit: Subject) -> Outcome:
    return assess(credit, NAME, n_samples=6, max_iter=50)


@pytest.fixture(scope="module")
def images(digits: Subject) -> Outcome:
    return assess(digits, NAME, n_samples=4, max_iter=60, binary_steps=4)


def ids(outcome: Outcome) -> list[str]:
    assert outcome.finding is not None
    return [str(name) for name in outcome.finding.tables["samples"]["id"]]


def body(view: ContrastView) -> str:
    return str(view._body.value)


def test_choosing_an_instance_shows_it_and_marks_it_instead_of_the_one_before(tabular: Outcome) -> None:
    view, names = ContrastView(tabular), ids(tabular)
    assert view.selected == [], "looking marks nothing"
    assert f"Sample <strong>{names[0]}</strong>" in body(view)
    view.picker.value = 2
    assert f"Sample <strong>{names[2]}</strong>" in body(view)
    assert view.selected == [["X", names[2]]]
    view.next.click()
    assert (view.place, view.picker.value, view.selected) == (3, 3, [["X", names[3]]])
    view.previous.click()
    assert view.place == 2
    view.place = 0
    view.previous.click()
    assert view.place == 5, "before the first comes the last"


def test_marking_an_instance_shows_it_and_other_marks_stay(tabular: Outcome) -> None:
    view, names = ContrastView(tabular, selected=[["X_train", "somebody"]]), ids(tabular)
    assert view.place == 0
    view.selected = [["X_train", "somebody"], ["X", names[4]]]
    assert view.place == 4
    view.next.click()
    assert view.selected == [["X_train", "somebody"], ["X", names[5]]]
    view.selected = []
    assert view.place == 5, "what is no longer marked can still be looked at"
    assert ContrastView(tabular, selected=[("X", names[3])]).place == 3


def test_the_marks_of_a_result_and_its_instances_are_the_same(tabular: Outcome, credit: Subject) -> None:
    view = OutcomeView(tabular, subject=credit)
    (contrast,) = view._method_views
    assert isinstance(contrast, ContrastView)
    contrast.next.click()
    assert view.selected == ((credit.fingerprint, "X", ids(tabular)[1]),)
    view._tabs.selected_index = 1
    table = next(child for child in view._tables.children if child.samples)
    assert table.selected == [["X", ids(tabular)[1]]]
    table.selected = [["X", ids(tabular)[4]]]
    assert contrast.place == 4


def test_a_subject_that_comes_later_tells_every_feature(tabular: Outcome, credit: Subject) -> None:
    view = OutcomeView(tabular)
    (contrast,) = view._method_views
    assert isinstance(contrast, ContrastView)
    assert contrast.every.layout.display == "none"
    assert "give the model and its data to see them" in body(contrast)
    view.subject = credit
    assert contrast.every.layout.display == ""
    assert "neither changed nor needed" in body(contrast)
    rows = body(contrast).count('<th scope="row">')
    contrast.every.value = True
    assert body(contrast).count('<th scope="row">') > rows
    assert all(f'<th scope="row">{name}</th>' in body(contrast) for name in credit.feature_names)
    view.subject = None
    assert "give the model and its data to see them" in body(contrast)


def test_pictures_stand_side_by_side_with_what_they_show_in_words(images: Outcome, digits: Subject) -> None:
    view = ContrastView(images, digits)
    assert view.every.layout.display == "none", "pixels are not listed"
    own, _, everybody = body(view).partition("How often each pixel")
    assert own.count('<svg class="xrai-contrast-picture" role="img" aria-label="') == 3
    assert everybody.count('<svg class="xrai-contrast-picture" role="img" aria-label="') == 2
    assert "pertinent negative (PN)" in body(view)
    before = body(view)
    view.next.click()
    assert body(view) != before


def test_another_model_or_another_finding_is_refused(tabular: Outcome, credit: Subject, forest: Subject) -> None:
    with pytest.raises(ValueError, match=r"must be the one that was measured \(german_credit_forest\), got breast"):
        ContrastView(tabular, forest)
    with pytest.raises(ValueError, match="no array 'original' beside 'pn' or 'pp'"):
        ContrastView(assess(credit, "privacy.membership_inference"))
    with pytest.raises(ValueError, match="has no finding: cancelled, stop"):
        ContrastView(replace(tabular, finding=None, status="cancelled", reason="stop"))
    with pytest.raises(ValueError, match=r"place must lie in \[0, 5\], got 6"):
        ContrastView(tabular).place = 6


def test_a_view_offers_the_first_instances_and_a_mark_leads_to_any(
    tabular: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrai_widgets.widgets.views.contrast._MOST", 2)
    view = ContrastView(tabular)
    assert len(view.picker.options) == 2
    view.selected = [["X", ids(tabular)[4]]]
    assert (view.place, view.picker.value, len(view.picker.options)) == (4, 4, 3)
    view.place = 1
    assert len(view.picker.options) == 2


def test_a_result_with_prototypes_has_their_slider_and_any_other_has_neither(credit: Subject) -> None:
    view = OutcomeView(assess(credit, "explanations.protodash", n_prototypes=4), subject=credit)
    (slider,) = view._method_views
    assert isinstance(slider, PrototypeSlider)
    assert view._pages[0].children[0] is slider
    slider.table.selected = [slider.table.samples[1]]
    assert view.selected == ((credit.fingerprint, *slider.table.samples[1]),)
    view.outcomes = (assess(credit, "privacy.membership_inference"),)
    assert view._method_views == []
    assert np.all([child is not slider for child in view._pages[0].children])
