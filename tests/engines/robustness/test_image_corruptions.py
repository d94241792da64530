"""Corruptions of images: as published, the same for every model, and what they cost is counted rightly."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

import xrai_widgets as xw
from tests.subjects import small_digits
from xrai_widgets.core import Array, NotApplicable, Outcome, Subject
from xrai_widgets.data.two_cues import two_cues
from xrai_widgets.engines.robustness import corruptions
from xrai_widgets.engines.robustness._bands import band_images, band_of, band_power
from xrai_widgets.engines.robustness.corruptions.pictures import (
    BRIGHTNESS,
    IMAGE_KINDS,
    IMPULSE,
    NOISE,
    OCCLUSION,
    corrupted_images,
)

NAME = "robustness.corruptions"
# mean absolute change of the formulas of CIFAR-10-C (Hendrycks and Dietterich 2019) with OpenCV 5.0, scikit-image 0.26,
# Pillow and imagecorruptions 1.1.2 (motion), over 200 patches of 32 × 32 and 5 draws
PUBLISHED = {
    "gaussian noise": [0.02978, 0.04392, 0.05761, 0.06426, 0.07083],
    "shot noise": [0.01996, 0.02789, 0.04319, 0.04946, 0.05975],
    "impulse noise": [0.00498, 0.01004, 0.01504, 0.02503, 0.03511],
    "gaussian blur": [0.00337, 0.01295, 0.01623, 0.01881, 0.02289],
    "motion blur": [0.0155, 0.02256, 0.02778, 0.02773, 0.03202],
    "defocus blur": [0.00351, 0.00885, 0.01325, 0.01788, 0.02369],
    "contrast": [0.02843, 0.05686, 0.06823, 0.0796, 0.09666],
    "brightness": [0.03486, 0.06662, 0.0954, 0.12173, 0.16892],
    "jpeg": [0.01704, 0.02094, 0.02221, 0.02357, 0.02533],
    "pixelate": [0.00422, 0.00786, 0.00986, 0.01486, 0.02025],
    "elastic": [0.04736, 0.04406, 0.0399, 0.03739, 0.03131],
}
LOOSE = {"elastic": 0.15, "motion blur": 0.15}
DRAWN = {"gaussian noise", "shot noise", "impulse noise", "motion blur", "elastic"}


@pytest.fixture(scope="module")
def patches() -> Array:
    """200 patches (n, 3, 32, 32) of two photographs, each pixel the mean of nine."""
    photographs, rng, made = load_sample_images().images, np.random.default_rng(0), []
    for number in range(200):
        whole = photographs[number % 2]
        top, left = (int(rng.integers(0, side - 96)) for side in whole.shape[:2])
        made.append(whole[top : top + 96, left : left + 96].reshape(32, 3, 32, 3, 3).mean((1, 3)).round() / 255)
    return np.stack(made).transpose(0, 3, 1, 2)


def changes(kind: str, images: Array, draws: int) -> list[float]:
    rows, times = np.arange(len(images)), range(draws if kind in DRAWN else 1)
    return [
        float(np.mean([np.abs(corrupted_images(kind, level, images, rows, seed) - images).mean() for seed in times]))
        for level in range(1, 6)
    ]


@pytest.mark.parametrize("draws", [1, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", PUBLISHED)
def test_images_change_by_as_much_as_published_and_in_the_same_order(kind: str, draws: int, patches: Array) -> None:
    made = changes(kind, patches, draws)
    np.testing.assert_allclose(made, PUBLISHED[kind], rtol=LOOSE.get(kind, 0.10))
    published = np.array(PUBLISHED[kind])
    apart = [(low, high) for low in range(5) for high in range(5) if published[high] > 1.02 * published[low]]
    assert len(apart) >= 9
    assert all(made[high] > made[low] for low, high in apart)


def test_occlusion_covers_its_share_of_the_area_inside_of_the_image_and_grows_over_the_same_place(
    patches: Array,
) -> None:
    bright = np.ones_like(patches[:50])
    for level, share in enumerate(OCCLUSION, 1):
        hidden = corrupted_images("occlusion", level, bright, np.arange(50), 0) == 0.5
        np.testing.assert_allclose(hidden.mean(axis=(1, 2, 3)), share, atol=0.02)
        assert (hidden.mean(axis=(1, 2, 3)) == hidden.mean()).all()  # none is cut off by the border


def test_impulses_are_as_many_as_said_black_and_white_and_grow_within_the_same_pixels(patches: Array) -> None:
    before = np.zeros(patches.shape, dtype=bool)
    grey = np.full_like(patches, 0.4)
    for level, share in enumerate(IMPULSE, 1):
        made = corrupted_images("impulse noise", level, grey, np.arange(len(grey)), 3)
        hit = made != 0.4
        assert hit.mean() == pytest.approx(share, rel=0.05)
        assert set(np.unique(made[hit])) == {0.0, 1.0}
        assert not (before & ~hit).any()
        before = hit


@pytest.mark.parametrize(
    "kind", ["gaussian blur", "motion blur", "defocus blur", "pixelate", "elastic", "contrast", "jpeg"]
)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_flat_image_is_left_as_it_is_by_what_only_moves_or_mixes_pixels(kind: str, channels: int) -> None:
    flat = np.full((3, channels, 40, 24), 102 / 255)
    tolerance = 1.01 / 255 if kind == "jpeg" else 1e-9  # the mean of a block is quantised
    for level in (1, 5):
        np.testing.assert_allclose(corrupted_images(kind, level, flat, np.arange(3), 0), flat, atol=tolerance)


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_what_is_drawn_for_an_image_depends_on_its_place_alone_and_nothing_leaves_the_range(
    kind: str, patches: Array
) -> None:
    rows = np.array([3, 9, 27])
    kept = patches[rows].copy()
    together = corrupted_images(kind, 5, patches[rows], rows, 1)
    alone = corrupted_images(kind, 5, patches[[27]], np.array([27]), 1)
    np.testing.assert_array_equal(together[2], alone[0])
    np.testing.assert_array_equal(patches[rows], kept)
    assert together.min() >= 0
    assert together.max() <= 1
    assert np.abs(together - kept).max() > 0.01
    other = corrupted_images(kind, 5, patches[rows], rows, 2)
    assert np.array_equal(other, together) is (kind not in DRAWN | {"occlusion"})


def by_brightness(X: Array) -> Array:
    """A model that reads the mean of the pixels."""
    up = 1 / (1 + np.exp(-40 * (X.mean(axis=(1, 2, 3)) - 0.5)))
    return np.column_stack([1 - up, up])


def of_brightness(predict: Any = by_brightness, name: str = "") -> Subject:
    rng = np.random.default_rng(0)
    level = np.r_[np.full(40, 0.38), np.full(40, 0.55)]
    X = np.clip(level[:, None, None, None] + 0.02 * rng.standard_normal((80, 1, 32, 32)), 0, 1)
    return Subject.of(predict, X, np.repeat([0, 1], 40), bounds=(0.0, 1.0), name=name or "brightness")


def assessed(subject: Subject, **params: Any) -> Outcome:
    return xw.assess(subject, NAME, strict=True, **params)


def test_a_model_of_the_mean_suffers_from_brightness_alone() -> None:
    made = assessed(of_brightness(), severity=3).finding
    assert made is not None
    falls = made.tables["corruptions"].set_index("corruption")["fall"]
    assert set(falls.index) == set(IMAGE_KINDS)
    assert falls["brightness"] == 0.5  # 0.38 + 0.15 is above the cut, 0.55 was there before
    assert (falls.drop("brightness") == 0).all()
    assert made.values["worst_fall"] == 0.5
    assert made.values["accuracy_fall"] == pytest.approx(0.5 / 12)
    low, high = made.intervals["accuracy_fall"]
    assert low < 0.5 / 12 < high
    errors = made.tables["errors"]
    assert errors["brightness"].tolist() == [3] * 40 + [0] * 40  # at 0.15, 0.2 and 0.3


@pytest.mark.parametrize("side", [(32, 32), (33, 21), (10, 7)])
def test_the_power_of_the_bands_is_that_of_their_images_and_adds_up(side: tuple[int, int]) -> None:
    images = np.random.default_rng(0).standard_normal((3, 2, *side))
    place = band_of(*side, 3, "linf")
    power = band_power(images, place, 3)
    assert power.sum() == pytest.approx(np.square(images).sum())
    apart = band_images(images, place, 3).astype(float)
    np.testing.assert_allclose(power, np.square(apart).sum(axis=(0, 2, 3, 4)), rtol=1e-5)


def test_noise_lies_in_all_bands_and_blur_where_the_fine_lines_are() -> None:
    """Gaussian noise has its variance, as much for each frequency; brightness lies at frequency 0 alone."""
    data = two_cues(40)
    subject = Subject.of(lambda X: np.tile([0.7, 0.1, 0.1, 0.1], (len(X), 1)), data.X, data.y, bounds=(0.0, 1.0))
    made = assessed(subject).finding
    assert made is not None
    table = made.tables["spectrum"].set_index(["corruption", "severity"])
    assert len(table) == 12 * 5 * 8
    gaussian = table.loc[("gaussian noise", 1), "noise"].to_numpy()
    assert gaussian.sum() == pytest.approx(NOISE[0] ** 2, rel=0.05)  # little is cut off at black and white
    widths = np.bincount(band_of(32, 32, 8, "linf").ravel(), np.r_[1, np.full(15, 2), 1][np.arange(544) % 17])
    np.testing.assert_allclose(gaussian / gaussian.sum(), widths / 1024, rtol=0.2)
    blur = table.loc[("gaussian blur", 5), "snr"].to_numpy()
    assert blur[:2].min() > blur[4:].max() + 10  # the shape is left, the texture is not
    brighter = table.loc[("brightness", 1), "noise"].to_numpy()
    assert brighter[0] == pytest.approx(brighter.sum(), rel=1e-6)
    assert brighter.sum() == pytest.approx(BRIGHTNESS[0] ** 2)
    halves = table.loc[("contrast", 2), "snr"].to_numpy()  # half of each difference is left
    np.testing.assert_allclose(halves[1:], 10 * np.log10(4), atol=0.3)
    assert [chart.only for chart in made.charts if chart.value == "snr"] == ["3"]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_the_corruption_error_is_relative_to_the_reference_in_pairs() -> None:
    def half_as_bad(X: Array) -> Array:
        """Errs as the other one does, on every other image."""
        made = by_brightness(X)
        made[1::2] = by_brightness(X[1::2] - 0.3)
        return made

    worse, better = assessed(of_brightness()), assessed(of_brightness(half_as_bad))
    table = xw.corruption_error(better, worse).set_index("corruption")
    assert np.isnan(table.loc["contrast", "error"])  # the reference never errs there: nothing is known
    assert np.isnan(table.loc["mean", "error"])
    itself = xw.corruption_error(worse, worse).set_index("corruption")
    assert itself.loc["brightness", ["error", "low", "high"]].tolist() == [1.0, 1.0, 1.0]
    noisy = assessed(small_digits(), n_samples=150)
    against = xw.corruption_error(noisy, noisy).set_index("corruption")
    assert against.loc["mean", "error"] == pytest.approx(1.0)
    first, second = (made.finding.tables["errors"] for made in (better, worse) if made.finding)
    expected = first["brightness"].sum() / second["brightness"].sum()
    assert table.loc["brightness", "error"] == pytest.approx(expected)
    assert table.loc["brightness", "low"] <= expected <= table.loc["brightness", "high"]


def test_outcomes_that_cannot_be_paired_are_refused() -> None:
    made = assessed(of_brightness(), n_samples=40)
    with pytest.raises(ValueError, match="same seed and n_samples"):
        xw.corruption_error(made, assessed(of_brightness(), n_samples=40, seed=1))
    with pytest.raises(ValueError, match="same corruptions"):
        xw.corruption_error(made, assessed(of_brightness(), n_samples=40, corruption="jpeg"))
    with pytest.raises(ValueError, match=r"must be one of robustness\.corruptions"):
        xw.corruption_error(made, xw.assess(of_brightness(), "robustness.certified"))


@pytest.mark.parametrize(
    ("X", "params", "match"),
    [
        (np.zeros((4, 1, 8, 8)) - 0.5, {}, r"pixels lie in \[0, 1\], got \[-0\.5, -0\.5\]"),
        (np.full((4, 1, 8, 8), 255.0), {}, r"\[0, 1\], got \[255, 255\]"),
        (np.zeros((4, 1, 8, 8)), {"corruption": "missing"}, "is one of tables; those of images are gaussian noise"),
        (np.zeros((4, 3)), {"corruption": "jpeg"}, "is one of images; those of tables are noise"),
    ],
)
def test_other_pixels_and_other_kinds_are_refused_with_the_way_out(X: Array, params: Any, match: str) -> None:
    with pytest.raises(NotApplicable, match=match) as refused:
        corruptions(lambda rows: np.full((len(rows), 2), 0.5), X, np.array([0, 1, 0, 1]), **params)
    assert refused.value.instead
