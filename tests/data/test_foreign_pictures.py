"""Sets of pictures that are foreign to a model of digits, or digits still; and the two drawings that ship."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from xrai_widgets.core import Array
from xrai_widgets.data.drawn_pictures import NAMES, draw, drawn, picture
from xrai_widgets.data.foreign_pictures import as_batch, foreign_digits, letters, photographs
from xrai_widgets.io.picture_files import open_picture

X, Y = load_digits(return_X_y=True)
X, Y = X[:100].reshape(-1, 8, 8) / 16, Y[:100]


@pytest.fixture(scope="module")
def sets() -> dict[str, Array]:
    return foreign_digits(X, Y)


def test_flips_hold_only_digits_that_are_no_digit_then(sets: dict[str, Array]) -> None:
    np.testing.assert_array_equal(sets["near: upside down"][:, ::-1], X[~np.isin(Y, [0, 1])])
    np.testing.assert_array_equal(sets["near: mirrored"][..., ::-1], X[~np.isin(Y, [0, 1, 8])])
    np.testing.assert_array_equal(sets["near: transposed"].transpose(0, 2, 1), X[Y != 0])
    np.testing.assert_array_equal(1 - sets["far: inverted"], X)
    np.testing.assert_allclose(sets["shifted: lighter ink"], 0.7 * X)


def test_a_digit_moves_by_one_pixel_and_loses_as_little_ink_as_can_be(sets: dict[str, Array]) -> None:
    one = np.zeros((1, 5, 5))
    one[0, 1:] = 1.0
    one[0, 4, 3] = 0.5
    for turns, wanted in ((0, (-1, 0)), (1, (0, -1)), (2, (1, 0)), (3, (0, 1))):
        turned = np.rot90(one, turns, axes=(1, 2))
        moved = foreign_digits(turned, np.array([2]))["shifted: one pixel"]
        np.testing.assert_array_equal(moved, np.roll(turned, wanted, axis=(1, 2)))
    dot = np.zeros((4, 5, 5))
    dot[:, 2, 2] = 1.0
    places = foreign_digits(dot, np.full(4, 2))["shifted: one pixel"].reshape(4, 25).argmax(axis=1)
    assert sorted(places.tolist()) == [7, 11, 13, 17], "where all sides are alike, each in turn"
    left = sets["shifted: one pixel"].sum(axis=(1, 2)) / X.sum(axis=(1, 2))
    assert left.min() > 0.8
    assert np.median(left) == 1.0
    assert not (sets["shifted: one pixel"] == X).all(axis=(1, 2)).any()


def test_all_sets_have_the_shape_and_range_of_the_digits_and_depend_on_the_seed_alone(sets: dict[str, Array]) -> None:
    flat = foreign_digits(X[:, None], Y)
    for name, made in sets.items():
        assert made.shape[1:] == (8, 8), name
        assert 0 <= made.min() < made.max() <= 1, name
        np.testing.assert_array_equal(flat[name][:, 0], made)
    other = foreign_digits(X, Y, seed=1)
    changed = {name for name in sets if not np.array_equal(sets[name], other[name])}
    assert changed == {"near: letters", "far: photographs", "far: noise"}


def test_letters_are_as_tall_as_asked_and_all_different() -> None:
    for side in (8, 28):
        made = letters(side, height=0.7)
        tall = (made.max(axis=2) > 0.1).sum(axis=1) / side
        assert abs(np.median(tall) - 0.7) < 1.5 / side
        assert len(np.unique(made.reshape(len(made), -1), axis=0)) == len(made) == 186
        assert (made.max(axis=(1, 2)) > 0.4).all(), "none is empty"


def test_patches_too_large_for_the_photographs_are_refused() -> None:
    assert photographs(28).shape == (200, 28, 28)
    with pytest.raises(ValueError, match="patches of photographs have at most 106 pixels, got 107"):
        photographs(107)


def test_a_batch_says_of_each_picture_which_set_it_is_of(sets: dict[str, Array]) -> None:
    batch = as_batch(sets)
    assert len({len(column) for column in batch.values()}) == 1
    assert len(set(batch["new_ids"].tolist())) == len(batch["new_ids"])
    for name, made in sets.items():
        rows = batch["new_groups"] == name
        np.testing.assert_array_equal(batch["X_new"][rows], made)
        assert (batch["foreign"][rows] == (not name.startswith("shifted"))).all()
    for wrong in ({"letters": X}, {"near": X}, {}):
        with pytest.raises(ValueError, match=r"each set must be called near: …, far: … or shifted: …, got"):
            as_batch(wrong)


@pytest.mark.parametrize(
    ("given", "digits", "message"),
    [
        (X[:, :4], Y, r"X must be grey pictures \(n, side, side\).* got shapes \(100, 4, 8\) and \(100,\)"),
        (X, Y[:3], r"one digit each in y, got shapes"),
        (X * 16, Y, r"pixels in \[0, 1\], got 16"),
        (X[:0], Y[:0], r"pixels in \[0, 1\]"),
    ],
)
def test_pictures_of_another_shape_or_range_are_refused(given: Array, digits: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        foreign_digits(given, digits)


@pytest.mark.parametrize("name", NAMES)
def test_the_drawings_that_ship_are_those_that_the_script_draws(name: str) -> None:
    shipped, anew = open_picture(picture(name)).astype(float), draw(name).astype(float)
    assert np.abs(shipped - anew).mean() < 2, "but for the few colours of the file"
    ink = drawn(name, 28)
    assert ink[0, 0] == ink[-1, -1] == 0, "paper is black to a model of light ink"
    assert ink.mean() == pytest.approx(1 - (shipped @ [0.299, 0.587, 0.114]).mean() / 255, abs=0.005)


def test_the_drawings_are_small_and_one_is_plainer_than_the_other() -> None:
    assert sum(picture(name).stat().st_size for name in NAMES) < 20_000
    unevenness = [np.abs(np.diff(drawn(name, 28))).sum() / drawn(name, 28).sum() for name in NAMES]
    assert unevenness[1] < unevenness[0], "the falafel has less of edges for its ink"
    with pytest.raises(ValueError, match="there is no drawing 'cow'; allowed: chicken, falafel"):
        picture("cow")
