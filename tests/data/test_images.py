"""Images of which it is known what there is to read."""

import numpy as np
import pytest

from xrai_widgets.core import Array
from xrai_widgets.data.examples import photograph_patches, two_cues
from xrai_widgets.engines.robustness._bands import band_images, band_of


def energy(images: Array) -> Array:
    """The share of the energy beside the mean in each of eight bands."""
    parts = band_images(images - images.mean(axis=(2, 3), keepdims=True), band_of(32, 32, 8, "linf"), 8)
    power = np.square(parts.astype(float)).sum(axis=(0, 2, 3, 4))
    shares: Array = power / power.sum()
    return shares


def test_the_shape_lies_in_the_lowest_bands_and_the_texture_in_the_upper_half() -> None:
    shares = energy(two_cues(80).X)
    assert shares[:2].sum() > 0.3
    assert shares[4:].sum() > 0.3
    assert shares[2:4].sum() < 0.01  # noise alone


def test_cues_tell_the_label_as_often_as_said_and_else_by_chance() -> None:
    for share in (0.0, 0.5, 1.0):
        data = two_cues(2000, shape=share, texture=1 - share, seed=3)
        for cue, told in ((data.shape, share), (data.texture, 1 - share)):
            expected = told + (1 - told) / 4
            assert np.mean(cue == data.y) == pytest.approx(
                expected, abs=4 * np.sqrt(expected * (1 - expected) / 2000) + 1e-9
            )
    assert np.bincount(data.y).tolist() == [500] * 4


def test_an_image_depends_on_the_seed_and_its_place_alone_and_is_never_cut_off() -> None:
    many, few = two_cues(60, seed=4), two_cues(10, seed=4)
    np.testing.assert_array_equal(many.X[:10], few.X)
    assert not np.array_equal(two_cues(10, seed=5).X, few.X)
    assert 0 < many.X.min() < many.X.max() < 1


def test_each_cue_alone_can_be_told_from_the_spectrum() -> None:
    """The direction in which the energy lies is that of the class, for the bar as for the lines."""
    data = two_cues(40, shape=0.0, texture=0.0, seed=6)
    spectrum = np.abs(np.fft.fft2(data.X[:, 0].astype(float))) ** 2
    v, u = np.meshgrid(*(np.fft.fftfreq(32) * 32,) * 2, indexing="ij")
    size = np.maximum(abs(u), abs(v))
    lines = [np.abs(u) < 0.5, np.abs(u - v) < 0.5, np.abs(v) < 0.5, np.abs(u + v) < 0.5]
    fine = np.stack([spectrum[:, line & (size > 8)].sum(axis=1) for line in lines])
    np.testing.assert_array_equal(fine.argmax(axis=0), data.texture)
    coarse = np.stack([spectrum[:, line & (size > 0) & (size < 4)].sum(axis=1) for line in lines])
    np.testing.assert_array_equal(coarse.argmax(axis=0), data.shape)


def test_patches_of_both_parts_come_from_other_regions() -> None:
    made = photograph_patches(per_block=2)
    assert made.X.shape[1:] == made.X_train.shape[1:] == (3, 32, 32)
    assert set(made.y) == set(made.y_train) == {0, 1}
    assert 0 <= made.X.min() <= made.X.max() <= 1
    assert len(made.blocks) == len(made.X)
    assert (np.unique(made.blocks, return_counts=True)[1] == 2).all()
    for block in np.unique(made.blocks):
        assert len(set(made.y[made.blocks == block])) == 1
    held_out = {patch.tobytes() for patch in made.X}
    assert not held_out & {patch.tobytes() for patch in made.X_train}
    np.testing.assert_array_equal(made.X, photograph_patches(per_block=2).X)


@pytest.mark.parametrize("wrong", [{"shape": 1.1}, {"texture": -0.1}])
def test_shares_are_shares(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be a share in \[0, 1\], got"):
        two_cues(4, **wrong)


def test_no_patch_is_too_few() -> None:
    with pytest.raises(ValueError, match="per_block must be 1 or more, got 0"):
        photograph_patches(per_block=0)
