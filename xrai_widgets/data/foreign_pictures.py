"""Sets of pictures that no digit model was made for, and of digits that are merely changed: offline, for every size."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.data.drawn_pictures import drawn

UNTURNED, UNMIRRORED = (0, 1), (0, 1, 8)  # digits that stay one when they stand on their head; in the mirror
_FACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Bold")
_LETTERS = "ACEFHKLMNPRTUVWXYaefhkmnrtuvwxy"  # none that is drawn like a digit
_FINE = 4  # dots of a drawing on each side of a pixel
_FAINT = 0.7
_PATCHES = 200


def foreign_digits(X: Array, y: Array, *, seed: int = 0) -> dict[str, Array]:
    """Return sets of pictures made of digits, or beside them; each name begins with the kind of its set.

    ``near`` and ``far`` are foreign: digits upside down and mirrored, only those that are no digit then (all but 0 and
    1; all but 0, 1 and 8), transposed (all but 0), letters in the faces of DejaVu; inverted digits, patches of
    photographs, noise, a drawn chicken and a falafel. ``shifted`` are digits still, and an alarm for one is an error:
    lighter ink, and moved by one pixel to the side on which least ink is lost. (A 3 and an 8 upside down are nearly
    what they were; they stay in the set all the same.)

    Parameters
    ----------
    X : array (n, height, width) or (n, 1, height, width)
        Digits, light on dark, in [0, 1], the height as large as the width.
    y : int array (n,)
        Which digits they are.
    seed : int
        Of the letters, patches and noise.

    Returns
    -------
    dict of name to array (m, …)
        Shaped as the digits.

    Raises
    ------
    ValueError
        for pictures of another shape or range.
    """
    rows = np.asarray(X, dtype=np.float64)
    rows = rows[:, 0] if rows.ndim == 4 and rows.shape[1] == 1 else rows
    if rows.ndim != 3 or rows.shape[1] != rows.shape[2] or len(rows) != len(y):
        raise ValueError(
            "X must be grey pictures (n, side, side) or (n, 1, side, side) with one digit each in y, got shapes "
            f"{np.shape(X)} and {np.shape(y)}"
        )
    if len(rows) == 0 or rows.min() < 0 or rows.max() > 1:
        raise ValueError("X must hold pictures with pixels in [0, 1]" + (f", got {rows.max():g}" if len(rows) else ""))
    side, digits = rows.shape[1], np.asarray(y)
    sets = {
        "near: upside down": rows[~np.isin(digits, UNTURNED), ::-1],
        "near: mirrored": rows[~np.isin(digits, UNMIRRORED)][:, :, ::-1],
        "near: transposed": rows[digits != 0].swapaxes(1, 2),
        "near: letters": letters(side, height=_height(rows), seed=seed),
        "far: inverted": 1.0 - rows,
        "far: photographs": photographs(side, seed=seed),
        "far: noise": np.random.default_rng([seed, 2]).uniform(size=(_PATCHES, side, side)),
        "far: chicken": drawn("chicken", side)[None],
        "far: falafel": drawn("falafel", side)[None],
        "shifted: lighter ink": _FAINT * rows,
        "shifted: one pixel": np.stack([_moved(picture, row) for row, picture in enumerate(rows)]),
    }
    return {name: made.reshape(-1, *np.shape(X)[1:]) for name, made in sets.items()}


def as_batch(sets: Mapping[str, Array]) -> dict[str, Any]:
    """Return the arguments ``X_new, foreign, new_groups, new_ids`` of `Subject.of` for sets that their names describe.

    Raises
    ------
    ValueError
        for no set, or a name that does not begin with ``near:``, ``far:`` or ``shifted:``.
    """
    kinds = {name: name.partition(":")[0] for name in sets}
    wrong = [name for name, kind in kinds.items() if kind not in ("near", "far", "shifted") or kind == name]
    if wrong or not sets:
        raise ValueError(f"each set must be called near: …, far: … or shifted: …, got {wrong or 'no set'}")
    counts = [len(made) for made in sets.values()]
    return {
        "X_new": np.concatenate(list(sets.values())),
        "foreign": np.repeat([kind != "shifted" for kind in kinds.values()], counts),
        "new_groups": np.repeat(list(sets), counts),
        "new_ids": np.array([f"{name}-{row:03d}" for name, made in sets.items() for row in range(len(made))]),
    }


def letters(side: int, *, height: float = 0.9, seed: int = 0) -> Array:
    """Return letters (186, side, side) in [0, 1], light on dark, in six faces of DejaVu, of changing size and place.

    Parameters
    ----------
    side : int
    height : float
        Share of the picture's height that they fill, give or take a tenth of it.
    seed : int
    """
    from PIL import Image, ImageDraw, ImageFont

    made, fine = [], _FINE * side
    for number, (face, letter) in enumerate((face, letter) for face in _FACES for letter in _LETTERS):
        rng = np.random.default_rng([seed, 0, number])
        file = str(fonts() / f"{face}.ttf")
        _, top, _, bottom = ImageFont.truetype(file, fine).getbbox(letter)
        wanted = min(height * rng.uniform(0.9, 1.1), 1.0) * fine
        font = ImageFont.truetype(file, max(1, round(fine * wanted / (bottom - top))))
        left, top, right, bottom = font.getbbox(letter)
        corner = [(fine - left - right) / 2, (fine - top - bottom) / 2] + rng.uniform(-1, 1, 2) * _FINE / 2
        picture = Image.new("L", (fine, fine))
        ImageDraw.Draw(picture).text(tuple(corner.tolist()), letter, fill=255, font=font)
        made.append(np.asarray(picture, dtype=np.float64) / 255)
    return _coarse(np.stack(made), side)


def fonts() -> Path:
    """Return the folder of the DejaVu fonts that come with matplotlib."""
    package = find_spec("matplotlib")  # not imported: that takes a second
    assert package is not None
    assert package.submodule_search_locations is not None
    return Path(next(iter(package.submodule_search_locations))) / "mpl-data" / "fonts" / "ttf"


def photographs(side: int, *, seed: int = 0) -> Array:
    """Return grey patches (200, side, side) of scikit-learn's two photographs, each shrunk to a quarter of its side."""
    from sklearn.datasets import load_sample_images

    grey = [picture.mean(axis=2) / 255 for picture in load_sample_images().images]
    made, fine = [], _FINE * side
    for number in range(_PATCHES):
        picture, rng = grey[number % 2], np.random.default_rng([seed, 1, number])
        if fine > min(picture.shape):
            raise ValueError(f"patches of photographs have at most {min(picture.shape) // _FINE} pixels, got {side}")
        top, left = (int(rng.integers(0, length - fine + 1)) for length in picture.shape)
        made.append(picture[top : top + fine, left : left + fine])
    return _coarse(np.stack(made), side)


def _height(rows: Array) -> float:
    """Return the median share of the height that the ink of pictures fills."""
    inked = rows.max(axis=2) > rows.max() / 4
    share: float = max(float(np.median(inked.sum(axis=1))), 1.0) / rows.shape[1]
    return share


def _coarse(fine: Array, side: int) -> Array:
    coarse: Array = fine.reshape(len(fine), side, _FINE, side, _FINE).mean(axis=(2, 4))
    return coarse


def _moved(picture: Array, row: int) -> Array:
    """Return a picture moved by one pixel, to the side on which least ink is lost; of equal ones by its row in turn."""
    lost = [picture[0].sum(), picture[-1].sum(), picture[:, 0].sum(), picture[:, -1].sum()]
    axis, ahead = divmod(min(range(4), key=lambda side: (lost[side], (side - row) % 4)), 2)
    moved = np.roll(picture, 1 if ahead else -1, axis=axis)
    edge = 0 if ahead else -1
    if axis == 0:
        moved[edge] = 0.0
    else:
        moved[:, edge] = 0.0
    return moved
