"""The game of the bands, sample by sample: first along a few orders, then all coalitions."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from xrai_widgets.core import Array, Finding, Step
from xrai_widgets.engines.robustness.iaside.reader import Reader
from xrai_widgets.engines.robustness.iaside.shares import (
    coalitions_of,
    drawn_orders,
    sampled_values,
    shapley_values,
)

_STREAM = 164  # of the seed
MOST_EXACT = 12  # bands whose coalitions are all asked for
_ARRAYS = 4  # of the size of all bands of an image, at the most


@dataclass(eq=False)
class Game:
    """What is known of each sample.

    Parameters
    ----------
    images, references : array (K, c, h, w)
    y, rows : int array (K,)
        Labels, and places of the samples by which orders are drawn.
    bands : int

    Attributes
    ----------
    values : array (K, M)
        Shapley values, NaN where they are not known; means over the orders so far where they are not exact.
    full, empty : array (K,)
        What the whole image and the whole reference are worth.
    exact : bool array (K,)
    orders : int array (K,)
        Orders that the values of a sample rest on, where they are not exact.
    gaps : bool array (K, M)
        Bands without which the model gave nothing for the sample, whatever else was there.
    """

    images: Array
    references: Array
    y: Array
    rows: Array
    bands: int
    values: Array = field(init=False)
    full: Array = field(init=False)
    empty: Array = field(init=False)
    exact: Array = field(init=False)
    orders: Array = field(init=False)
    gaps: Array = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.images)
        self.values = np.full((n, self.bands), np.nan)
        self.full, self.empty = np.full((2, n), np.nan)
        self.exact, self.orders = np.zeros(n, dtype=bool), np.zeros(n, dtype=np.intp)
        self.gaps = np.zeros((n, self.bands), dtype=bool)

    @property
    def solved(self) -> Array:
        """Places of the samples whose values are known."""
        return np.flatnonzero(np.isfinite(self.values).all(axis=1))

    def note(self, place: int, codes: Array, worth: Array) -> None:
        """Keep what the whole image and the reference are worth, and which bands are missing where nothing is."""
        self.full[place] = worth[codes == (1 << self.bands) - 1][0]
        self.empty[place] = worth[codes == 0][0]
        lost = codes[~np.isfinite(worth)]
        if len(lost):
            self.gaps[place] = (((lost[:, None] >> np.arange(self.bands)) & 1) == 0).all(axis=0)


@dataclass(frozen=True)
class Plan:
    """How far the game is played.

    Parameters
    ----------
    pairs : int
        Orders per sample, each with its reverse.
    exact : bool
        Whether all coalitions follow.
    seed : int
    memory : float
        In GB.
    """

    pairs: int
    exact: bool
    seed: int
    memory: float


def play(game: Game, reader: Reader, plan: Plan, step: Step, make: Callable[[], Finding]) -> None:
    """Fill the game, and offer what is known after every few samples."""
    n, every = len(game.images), 1 << game.bands
    first = 2 * plan.pairs * (game.bands - 1) + 2
    whole = n * (max(first, every) if plan.exact else first)
    heard: dict[int, tuple[Array, Array]] = {}

    def offer(note: str) -> None:
        step(min(reader.asked / whole, 1.0), note, make if len(game.solved) > 1 else None)

    for number in range(plan.pairs):
        for places in _parts(game, plan, reader, first // plan.pairs):
            offer("coalitions of bands along drawn orders")
            _along_orders(game, reader, plan, places, number, heard)
    if not plan.exact:
        return
    for places in _parts(game, plan, reader, every):
        offer("all coalitions of bands")
        _all_coalitions(game, reader, places, heard)


def _parts(game: Game, plan: Plan, reader: Reader, coalitions: int) -> list[Array]:
    """Return the places of the samples in parts that fit memory, each of about four batches."""
    fits = int(plan.memory * 1e9 / 4 / (_ARRAYS * game.bands * game.images[0].size))
    size = max(1, min(fits, 4 * reader.size // coalitions))
    return np.array_split(np.arange(len(game.images)), -(-len(game.images) // size))


def _along_orders(
    game: Game, reader: Reader, plan: Plan, places: Array, number: int, heard: dict[int, tuple[Array, Array]]
) -> None:
    rows = game.rows[places].tolist()
    orders = [drawn_orders(game.bands, 1, np.random.default_rng([plan.seed, row, _STREAM, number])) for row in rows]
    grown = [coalitions_of(pair) for pair in orders]
    codes = [np.unique(pair) for pair in grown]
    worths = reader.worths(game.images[places], game.references[places], game.y[places], codes)
    for place, pair, path, code, worth in zip(places.tolist(), orders, grown, codes, worths, strict=True):
        if plan.exact:
            heard[place] = code, worth
        game.note(place, code, worth)
        value = sampled_values(pair, worth[np.searchsorted(code, path)])
        before, times = game.values[place], int(game.orders[place])
        game.values[place] = value if not times else (times * before + 2 * value) / (times + 2)
        game.orders[place] += 2


def _all_coalitions(game: Game, reader: Reader, places: Array, heard: dict[int, tuple[Array, Array]]) -> None:
    every = np.arange(1 << game.bands)
    worth = np.full((len(every), len(places)), np.nan)
    left = []
    for column, place in enumerate(places.tolist()):
        code, before = heard.pop(place)
        worth[code, column] = before
        left.append(np.setdiff1d(every, code))
    new = reader.worths(game.images[places], game.references[places], game.y[places], left)
    for column, (code, values) in enumerate(zip(left, new, strict=True)):
        worth[code, column] = values
    game.values[places] = shapley_values(worth).T
    game.exact[places] = True
    for column, place in enumerate(places.tolist()):
        game.note(place, every, worth[:, column])
