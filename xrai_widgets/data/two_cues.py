"""Images of which it is known what there is to read: a shape in low frequencies, a fine texture in high ones."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SIDE = 32
CLASSES = ("across", "rising", "upright", "falling")  # direction of a bar, and of the lines of a texture
_LOWEST = 3  # periods per image of what a shape is made of, at the most: bands 1 and 2 of 8
_FINE = (9, 15)  # periods per image of a texture, the last one excluded: bands 5 to 8 of 8
_WAVES = 3
_SHAPE, _TEXTURE, _NOISE = 0.24, 0.18, 0.01
_AXES = (13.0, 4.0)  # half lengths of a bar


class TwoCues(NamedTuple):
    """Images (n, 1, 32, 32) in [0, 1], labels, and the class that shape and texture of each show."""

    X: npt.NDArray[np.float32]
    y: npt.NDArray[np.int64]
    shape: npt.NDArray[np.int64]
    texture: npt.NDArray[np.int64]


def two_cues(n: int, *, shape: float = 1.0, texture: float = 1.0, seed: int = 0) -> TwoCues:
    """Return images with two cues, either of which may give the label.

    Parameters
    ----------
    n : int
    shape, texture : float
        Share of the images whose shape, and whose texture, is that of the label; in the others it is of a class that
        is drawn. With ``shape=0`` only the texture tells the label.
    seed : int
        Of all that is drawn; for image i by ``default_rng([seed, i])``.

    Returns
    -------
    TwoCues
        A bar of low frequencies alone (up to 3 periods per image: bands 1 and 2 of 8 by the larger frequency), and
        lines of 9 to 14 periods (bands 5 to 8), each in one of four directions and at a random place, under faint
        noise. Classes are equally frequent.

    Raises
    ------
    ValueError
        for a share outside of [0, 1].
    """
    for name, share in (("shape", shape), ("texture", texture)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} must be a share in [0, 1], got {share}")
    bars = np.stack([_bar(np.pi * label / len(CLASSES)) for label in range(len(CLASSES))])
    X, shown = np.empty((n, 1, SIDE, SIDE), dtype=np.float32), np.empty((2, n), dtype=np.int64)
    y = np.arange(n) % len(CLASSES)
    for place in range(n):
        rng = np.random.default_rng([seed, place])
        for cue, share in enumerate((shape, texture)):
            shows, other = rng.random() < share, rng.integers(len(CLASSES))
            shown[cue, place] = y[place] if shows else other
        bar = np.roll(bars[shown[0, place]], rng.integers(0, SIDE, 2), axis=(0, 1))
        lines = _lines(np.pi * shown[1, place] / len(CLASSES), rng)
        noise = _NOISE * rng.standard_normal((SIDE, SIDE))
        X[place, 0] = np.clip(0.5 + _SHAPE * bar + _TEXTURE * lines + noise, 0, 1)
    return TwoCues(X, y, shown[0], shown[1])


def _bar(turn: float) -> npt.NDArray[np.float64]:
    """Return a bar that is turned, of low frequencies alone, without its mean, in [−1, 1]."""
    down, across = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    along, beside = across * np.cos(turn) - down * np.sin(turn), across * np.sin(turn) + down * np.cos(turn)
    flat = ((along / _AXES[0]) ** 2 + (beside / _AXES[1]) ** 2 <= 1).astype(float)
    periods = np.abs(np.fft.fftfreq(SIDE) * SIDE)
    low = np.maximum(periods[:, None], periods) <= _LOWEST
    low[0, 0] = False
    smooth = np.fft.ifft2(np.fft.fft2(flat) * low).real
    made: npt.NDArray[np.float64] = smooth / np.abs(smooth).max()
    return made


def _lines(turn: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return lines in a direction, of a few whole periods, in [−1, 1]."""
    down, across = np.mgrid[:SIDE, :SIDE] * (2 * np.pi / SIDE)
    made = np.zeros((SIDE, SIDE))
    for size in rng.choice(np.arange(*_FINE), _WAVES, replace=False):
        one = np.array([np.cos(turn), np.sin(turn)])  # across the lines: (down, across)
        v, u = np.rint(size * one / np.abs(one).max())  # the larger of both frequencies is the size
        made += np.cos(v * down + u * across + rng.uniform(0, 2 * np.pi)) / _WAVES
    return made
