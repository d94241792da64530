"""A chicken and a falafel, drawn here: what no model of digits was made for.

``python -m xrai_widgets.data.drawn_pictures FOLDER`` draws the files anew.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.io.picture_files import as_seen, open_picture

NAMES = ("chicken", "falafel")
_FOLDER = Path(__file__).parent / "pictures"
_SIDE, _FINE = 128, 4  # pixels, and dots on each side of one
_COLOURS = 32  # of a file
_WHITE, _BROWN, _DARK, _RED = (255, 255, 255), (196, 132, 64), (120, 72, 32), (210, 40, 40)
_ORANGE, _BLACK, _CRUST = (240, 160, 30), (20, 20, 20), (50, 30, 15)
_SEED = 7  # of the falafel's crust


def picture(name: str) -> Path:
    """Return the file of a drawing, a PNG on white paper: "chicken" or "falafel".

    Raises
    ------
    ValueError
        for another name.
    """
    if name not in NAMES:
        raise ValueError(f"there is no drawing {name!r}; allowed: {', '.join(NAMES)}")
    return _FOLDER / f"{name}.png"


def drawn(name: str, side: int) -> Array:
    """Return a drawing as a model of light ink sees it: grey, inverted, (side, side) in [0, 1]."""
    seen: Array = as_seen(open_picture(picture(name)), (1, side, side), (0.0, 1.0), invert=True)[0]
    return seen


def draw(name: str) -> Array:
    """Return the drawing anew, uint8 (128, 128, 3): what its file shows but for a rounding to few colours."""
    canvas = np.full((_SIDE * _FINE, _SIDE * _FINE, 3), 255.0)
    _DRAWINGS[name](canvas)
    small = canvas.reshape(_SIDE, _FINE, _SIDE, _FINE, 3).mean(axis=(1, 3))
    pixels: Array = np.rint(small).astype(np.uint8)
    return pixels


def save(folder: Path) -> None:
    """Write both drawings as PNG files of few colours."""
    from PIL import Image

    for name in NAMES:
        few = Image.fromarray(draw(name)).quantize(_COLOURS, dither=Image.Dither.NONE)
        few.save(folder / f"{name}.png", optimize=True)


def _chicken(canvas: Array) -> None:
    for corners in (
        [(0.44, 0.76), (0.41, 0.93), (0.33, 0.96), (0.50, 0.96), (0.45, 0.93), (0.48, 0.76)],
        [(0.56, 0.76), (0.55, 0.93), (0.47, 0.96), (0.64, 0.96), (0.59, 0.93), (0.60, 0.76)],
    ):
        _fill(canvas, _polygon(corners), _ORANGE)
    for tip in ((0.90, 0.18), (0.97, 0.28), (0.98, 0.40)):
        _fill(canvas, _polygon([(0.62, 0.66), (0.70, 0.40), tip, (0.82, 0.62)]), _DARK)
    for centre in ((0.19, 0.13), (0.26, 0.09), (0.33, 0.13)):
        _fill(canvas, _ellipse(centre, (0.05, 0.07)), _RED)
    _fill(canvas, _ellipse((0.15, 0.37), (0.035, 0.06)), _RED)
    _fill(canvas, _polygon([(0.17, 0.22), (0.03, 0.28), (0.17, 0.32)]), _ORANGE)
    _fill(canvas, _polygon([(0.18, 0.30), (0.38, 0.20), (0.62, 0.46), (0.30, 0.62)]), _BROWN)
    _fill(canvas, _ellipse((0.26, 0.25), (0.12, 0.12)), _BROWN)
    _fill(canvas, _ellipse((0.52, 0.60), (0.28, 0.21)), _BROWN)
    _fill(canvas, _ellipse((0.58, 0.59), (0.16, 0.10)), _DARK)
    _fill(canvas, _ellipse((0.22, 0.23), (0.022, 0.022)), _BLACK)


def _falafel(canvas: Array) -> None:
    """A dark disc with a crust: waves of its edge and of its shade."""
    rng = np.random.default_rng(_SEED)
    x, y = _grid()
    angle, away = np.arctan2(y - 0.5, x - 0.5), np.hypot(x - 0.5, y - 0.5)
    edge = 0.28 + sum(rng.normal(0, 0.004) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(2, 14))
    shade = np.zeros_like(x)
    for _ in range(40):
        across, turn, start = rng.uniform(6, 60), rng.uniform(0, 6.3), rng.uniform(0, 6.3)
        shade += np.cos(across * (x * np.cos(turn) + y * np.sin(turn)) + start) / 40**0.5
    colour = np.array(_CRUST) * (0.85 + 0.06 * shade)[..., None]
    inside = away < edge
    canvas[inside] = np.clip(colour[inside], 0, 255)


_DRAWINGS: dict[str, Callable[[Array], None]] = {"chicken": _chicken, "falafel": _falafel}


def _grid() -> tuple[Array, Array]:
    """Return the places of the dots, from 0 to 1: x, y (downwards)."""
    dots = (np.arange(_SIDE * _FINE) + 0.5) / (_SIDE * _FINE)
    x, y = np.meshgrid(dots, dots)
    return x, y


def _ellipse(centre: tuple[float, float], radii: tuple[float, float]) -> Array:
    x, y = _grid()
    inside: Array = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 < 1
    return inside


def _polygon(corners: Sequence[tuple[float, float]]) -> Array:
    """Return which dots lie inside: a ray to the right crosses its edges an odd number of times."""
    x, y = _grid()
    inside = np.zeros(x.shape, dtype=bool)
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if y1 != y2:
            inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def _fill(canvas: Array, inside: Array, colour: tuple[int, int, int]) -> None:
    canvas[inside] = colour


if __name__ == "__main__":
    save(Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER)
