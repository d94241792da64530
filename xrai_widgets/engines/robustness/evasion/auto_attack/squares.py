"""The changes that Square tries: stripes at first, then squares of one value, or bumps that keep to a length."""

import functools

import numpy as np

from xrai_widgets.core import Array

_AHEAD = 256  # steps for which a stream is asked at once
_NUMBERS = 5  # per step, beside one for each channel
_TINY = 1e-12


class Draws:
    """Uniform numbers for each image's steps, from a stream of its own, drawn ahead.

    Parameters
    ----------
    streams : list of Generator
        One per image.
    shape : tuple of int
        (channels, height, width)
    """

    def __init__(self, streams: list[np.random.Generator], shape: tuple[int, ...]) -> None:
        self.streams, self.shape = streams, shape
        self._at, self._block = _AHEAD, np.empty((len(streams), 0, 0))

    def keep(self, mask: Array) -> None:
        """Forget the other images."""
        self.streams = [stream for stream, kept in zip(self.streams, mask, strict=True) if kept]
        self._block = self._block[mask]

    def next(self) -> Array:
        """Return the numbers (r, 5 + channels) of the next step."""
        if self._at == _AHEAD:
            self._at = 0
            self._block = np.stack([stream.random((_AHEAD, _NUMBERS + self.shape[0])) for stream in self.streams])
        self._at += 1
        numbers: Array = self._block[:, self._at - 1]
        return numbers

    def corners(self, numbers: Array, side: int) -> tuple[Array, Array]:
        """Return rows and columns (r,) at which squares of this side begin, from two numbers each."""
        _, height, width = self.shape
        return (numbers[:, 0] * (height - side + 1)).astype(int), (numbers[:, 1] * (width - side + 1)).astype(int)


def _places(top: Array, left: Array, side: int, shape: tuple[int, ...]) -> Array:
    """Return the flat places (r, channels, side, side) of squares."""
    channels, height, width = shape
    rows, columns = top[:, None] + np.arange(side), left[:, None] + np.arange(side)
    plane = rows[:, :, None] * width + columns[:, None, :]
    places: Array = plane[:, None] + np.arange(channels)[None, :, None, None] * height * width
    return places


def stripes(draws: Draws, radius: float) -> Array:
    """Return vertical stripes (r, D) of ±radius, for each channel."""
    channels, height, width = draws.shape
    signs = np.stack([np.sign(stream.random((channels, 1, width)) - 0.5) for stream in draws.streams])
    whole: Array = np.broadcast_to(radius * signs, (len(signs), channels, height, width)).reshape(len(signs), -1)
    return whole


def with_square(points: Array, draws: Draws, side: int, radius: float) -> Array:
    """Return the points (r, D) with 2 · radius added to, or taken from, a square of each, channel by channel."""
    numbers = draws.next()
    places = _places(*draws.corners(numbers, side), side, draws.shape)
    signs = np.where(numbers[:, _NUMBERS:] < 0.5, -1.0, 1.0)
    moved, row = points.copy(), np.arange(len(points))[:, None, None, None]
    moved[row, places] += 2 * radius * signs[:, :, None, None]
    return moved


@functools.cache
def bump(side: int) -> Array:
    """Return a bump (side, side) of length 1: two heaps of opposite sign, one in each half."""
    half = side // 2
    heaps = np.zeros((side, side))
    heaps[:half] = _heap(half, side)
    heaps[half:] = -_heap(side - half, side)
    heaps = heaps / np.linalg.norm(heaps)
    heaps.setflags(write=False)
    return heaps


def _heap(height: int, width: int) -> Array:
    """Return a heap that rises towards its middle: each ring further in adds 1 / (rings from the middle)²."""
    heap = np.zeros((height, width))
    rings = (max(height, width) + 1) // 2
    y, x = (height - 1) // 2, (width - 1) // 2
    for ring in range(rings):
        reach = (slice(max(y - ring, 0), y + ring + 1), slice(max(x - ring, 0), x + ring + 1))
        heap[reach] += 1.0 / (ring + 1) ** 2
    return heap


def _turned(side: int, turn: Array) -> Array:
    """Return bumps (r, side, side), lying or standing."""
    return np.where((turn < 0.5)[:, None, None], bump(side), bump(side).T)


def bumps(draws: Draws, shape: tuple[int, ...], radius: float) -> Array:
    """Return tiles of bumps (r, D) of this length, with a sign of its own for each tile and channel."""
    channels, height, width = shape
    side = max(3, min(height, width) // 5)
    change = np.zeros((len(draws.streams), channels, height, width))
    for number, stream in enumerate(draws.streams):
        turn = bump(side) if stream.random() < 0.5 else bump(side).T
        for top in range(0, height - side + 1, side):
            for left in range(0, width - side + 1, side):
                signs = np.sign(stream.random((channels, 1, 1)) - 0.5)
                change[number, :, top : top + side, left : left + side] += turn * signs
    flat = change.reshape(len(change), -1)
    scaled: Array = radius * flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), _TINY)
    return scaled


def with_bumps(points: Array, origins: Array, draws: Draws, side: int, radius: float) -> Array:
    """Return the points with the change in one square taken away, and a bump added to what it is in another.

    The latter gets all that is free of the radius, so that the whole change has that length again.
    """
    numbers = draws.next()
    side = min(side, *draws.shape[1:])
    row, change = np.arange(len(points))[:, None, None, None], points - origins
    here = _places(*draws.corners(numbers[:, 0:2], side), side, draws.shape)
    there = _places(*draws.corners(numbers[:, 2:4], side), side, draws.shape)
    old, channels = change[row, here], draws.shape[0]
    emptied = change.copy()
    emptied[row, here] = 0.0
    emptied[row, there] = 0.0
    spare = np.sqrt(np.maximum(radius**2 - (emptied**2).sum(axis=1), 0.0) / channels)
    signs = np.where(numbers[:, _NUMBERS:] < 0.5, -1.0, 1.0)[:, :, None, None]
    added = _turned(side, numbers[:, 4])[:, None] * signs
    size = np.sqrt((old**2).sum(axis=(2, 3), keepdims=True))
    added = added + old / np.maximum(size, _TINY)
    added *= spare[:, None, None, None] / np.maximum(np.sqrt((added**2).sum(axis=(2, 3), keepdims=True)), _TINY)
    emptied[row, here] = added
    moved: Array = origins + emptied
    return moved
