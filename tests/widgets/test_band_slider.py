"""The slider over bands: what it shows was there before, in few bytes, and says what the model said."""

from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from xrai_widgets.core import Array, Outcome, Subject
from xrai_widgets.data.examples import two_cues
from xrai_widgets.results.views import views_of
from xrai_widgets.results.views.bands.html import reported
from xrai_widgets.results.views.bands.reading import frames_of
from xrai_widgets.widgets import BandSlider, OutcomeView

NAME = "robustness.iaside"


def by_mean(rows: Array) -> Array:
    """A model of two classes that reads the left half."""
    z = 40 * (rows[..., :16].mean(axis=(1, 2, 3)) - rows[..., 16:].mean(axis=(1, 2, 3)))
    up = 1 / (1 + np.exp(-z))
    return np.column_stack([1 - up, up])


def outcome(channels: int = 1, side: int = 1, **params: Any) -> Outcome:
    X = np.repeat(two_cues(24).X, channels, axis=1).repeat(side, axis=2).repeat(side, axis=3)
    wide = 16 * side

    def predict(rows: Array) -> Array:
        return by_mean(np.concatenate([rows[..., :wide:side], rows[..., wide::side]], axis=3))

    return xw.assess(Subject.of(predict, X, predict(X).argmax(axis=1)), NAME, strict=True, exact=False, **params)


@pytest.fixture(scope="module")
def grey() -> Outcome:
    return outcome()


def test_it_holds_sixteen_images_in_few_bytes_and_the_last_frame_is_the_image(grey: Outcome) -> None:
    slider = BandSlider(grey)
    assert slider.shape == [15, 8, 32, 32]
    assert len(slider.pixels) <= 130_000
    assert slider.kept == 8
    frames = np.frombuffer(slider.pixels, np.uint8).reshape(slider.shape).astype(float)
    X = two_cues(24).X
    rows = [int(name) for name in slider.ids]
    drawn = X[np.random.default_rng(0).permutation(24)]
    shown = np.rint(255 * (X[rows, 0] - drawn.min()) / (drawn.max() - drawn.min()))
    np.testing.assert_allclose(frames[:, -1], shown, atol=1)
    rough = np.abs(np.diff(frames, axis=3)).mean(axis=(0, 2, 3))
    assert rough[0] < rough[1] < rough[-1]  # details come with the bands


def test_captions_say_what_the_model_says_of_the_picture(grey: Outcome) -> None:
    slider = BandSlider(grey, image=2)
    X = two_cues(24).X[[int(slider.ids[2])]]
    said = slider.captions[2][-1]
    top = by_mean(X).argmax()
    assert said.startswith(f"All bands: predicted {top} with probability")
    assert said.endswith(", rightly.")
    assert slider.captions[2][2].startswith("Bands 1 to 3 of 8, below 0.188 cycles per pixel: predicted")


@pytest.mark.parametrize(("channels", "side"), [(3, 1), (2, 1), (3, 4)])
def test_coloured_and_large_images_fit_too(channels: int, side: int) -> None:
    slider = BandSlider(outcome(channels, side, n_samples=4))
    assert len(slider.pixels) <= 130_000
    assert slider.shape[4:] == ([3] if channels == 3 else [])
    assert int(np.prod(slider.shape)) == len(slider.pixels)
    assert len(slider.ids) == slider.shape[0] >= 1


def test_it_is_a_view_of_the_outcome_and_a_report_shows_pictures_only_if_asked(grey: Outcome) -> None:
    assert grey.finding is not None
    assert [view.name for view in views_of(grey.finding)] == ["bands"]
    assert "BandSlider" in repr(OutcomeView(grey).children) or any(
        isinstance(part, BandSlider) for part in _inside(OutcomeView(grey))
    )
    assert reported(grey.finding, False) == ""
    shown = reported(grey.finding, True)
    assert shown.count("<img") == 3 * 8
    assert 'alt="Bands 1 to 2 of 8' in shown
    assert not views_of(grey.finding.without_contents())


def _inside(widget: Any) -> list[Any]:
    parts = list(getattr(widget, "children", ()))
    return parts + [deeper for part in parts for deeper in _inside(part)]


def test_what_is_not_there_is_refused(grey: Outcome) -> None:
    slider = BandSlider(grey)
    for name, value, allowed in (("kept", 9, r"\[1, 8\]"), ("kept", 0, r"\[1, 8\]"), ("image", 15, r"\[0, 14\]")):
        with pytest.raises(ValueError, match=f"{name} must lie in {allowed}, got {value}"):
            setattr(slider, name, value)
    assert grey.finding is not None
    with pytest.raises(ValueError, match="has no pictures of bands"):
        frames_of(grey.finding.without_contents())
    tabular = Subject.of(lambda rows: np.full((len(rows), 2), 0.5), np.zeros((4, 2)), np.array([0, 1, 0, 1]))
    with pytest.raises(ValueError, match="has no finding"):
        BandSlider(xw.assess(tabular, NAME))
