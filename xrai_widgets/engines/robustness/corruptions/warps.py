"""Kernels and warps that corruptions of images are made of."""

import numpy as np
from scipy import ndimage

from xrai_widgets.core import Array

_TRIANGLE = ((1, 1), (1, -1), (-1, -1))  # corners, in thirds of the side from the middle: (x, y)


def disk(radius: float, edge: float, scale: float) -> Array:
    """Return the kernel (k, k) of a lens out of focus: a disk whose edge is smoothed.

    Parameters
    ----------
    radius, edge : float
        In pixels of a 32 × 32 image; the edge is a standard deviation.
    scale : float
        By which both grow.
    """
    reach, half = int(np.ceil(radius * scale)), max(1, round(scale))
    line = np.arange(-reach - half, reach + half + 1)
    flat = (line[:, None] ** 2 + line**2 <= (radius * scale) ** 2).astype(float)
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / (edge * scale)) ** 2)
    weights /= weights.sum()
    smooth = ndimage.convolve(flat / flat.sum(), weights[:, None] * weights, mode="constant")
    kernel: Array = smooth / smooth.sum()
    return kernel


def along(image: Array, length: float, spread: float, angle: float) -> Array:
    """Return an image (c, h, w) that was moved while it was taken: half of a normal distribution along one direction.

    Parameters
    ----------
    length : float
        Of half the kernel, in pixels.
    spread : float
        Standard deviation, in pixels.
    angle : float
        In degrees.
    """
    height, width = image.shape[1:]
    steps = np.arange(2 * int(np.ceil(length)) + 1)
    weights = np.exp(-0.5 * (steps / spread) ** 2)
    turn = np.deg2rad(angle)
    down, right = np.ceil(steps * np.sin(turn) - 0.5).astype(int), np.ceil(steps * np.cos(turn) - 0.5).astype(int)
    made = np.zeros(image.shape)
    for weight, dy, dx in zip(weights / weights.sum(), down.tolist(), right.tolist(), strict=True):
        rows, columns = np.clip(np.arange(height) + dy, 0, height - 1), np.clip(np.arange(width) + dx, 0, width - 1)
        made += weight * image[:, rows[:, None], columns]
    return made


def resized(old: int, new: int) -> Array:
    """Return the matrix (new, old) that resamples a line by a box filter, each pixel to the cell that holds its centre.

    A cell that holds none, and each of a finer grid, takes the pixel that holds its own centre.
    """
    ratio, support = old / new, max(0.5, 0.5 * old / new)
    matrix = np.zeros((new, old))
    for cell in range(new):
        centre = (cell + 0.5) * ratio
        places = np.arange(max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), old))
        away = (places - centre + 0.5) / max(ratio, 1.0)
        held = places[(away > -0.5) & (away <= 0.5)]
        matrix[cell, held if len(held) else min(int(centre), old - 1)] = 1.0 / max(len(held), 1)
    return matrix


def bent(image: Array, shift: float, smooth: float, corner: float, rng: np.random.Generator) -> Array:
    """Return an image (c, h, w) under a random affine map, and then under smooth random displacements.

    Parameters
    ----------
    shift : float
        Factor of the smoothed displacements, which are uniform in [−1, 1] before.
    smooth : float
        Standard deviation of the smoothing, in pixels; 0: none.
    corner : float
        How far each corner of a triangle in the middle moves, at most, in pixels.
    """
    shape = image.shape[1:]
    middle = np.array([shape[1] // 2, shape[0] // 2], dtype=float)
    before = middle + min(shape) // 3 * np.array(_TRIANGLE, dtype=float)
    after = before + rng.uniform(-corner, corner, (3, 2))
    back = np.linalg.solve(np.column_stack([after, np.ones(3)]), before)  # (3, 2): from where each pixel comes
    down, across = np.mgrid[: shape[0], : shape[1]].astype(float)
    x, y = (back[0, axis] * across + back[1, axis] * down + back[2, axis] for axis in (0, 1))
    turned = _sampled(image, y, x, "mirror")
    noise = rng.uniform(-1, 1, (2, *shape))
    if shift == 0:
        return turned
    dx, dy = (shift * ndimage.gaussian_filter(layer, smooth, mode="reflect", truncate=3) for layer in noise)
    return _sampled(turned, down + dy, across + dx, "reflect")


def _sampled(image: Array, y: Array, x: Array, mode: str) -> Array:
    return np.stack([ndimage.map_coordinates(layer, (y, x), order=1, mode=mode) for layer in image])
