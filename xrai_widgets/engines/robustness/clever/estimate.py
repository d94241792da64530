"""The estimate itself: margins over the steepest slopes, sample by sample and rival by rival."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.robustness.clever.ball import Room
from xrai_widgets.engines.robustness.clever.endpoint import Endpoints, endpoints
from xrai_widgets.engines.robustness.clever.margins import Margins

PILOT = 5  # one block in five says which rivals may be the nearest
BEYOND = 2.0  # how many times farther than the nearest a rival must be by then to be left out
_DOWNHILL = 10  # steps of the way to the boundary on which slopes are met, too
_TIED = 0.2  # share of the blocks that may have the same largest slope: beyond it the maxima have no density to fit
_EQUAL = 1e-5  # relative difference of slopes up to which they are one: rounding in 32 bits
ESTIMATED, CONSTANT, CENSORED = "estimated", "one slope everywhere", "at least the radius"
NO_FIT, NOT_FINITE, NO_ROOM = "equal maxima", "not finite", "nothing may change"


@dataclass(frozen=True)
class Draws:
    """How many points are drawn in each ball, and which.

    Parameters
    ----------
    radius : float, optional
        None: as far as the nearest boundary is by the tangents at the sample. A slope in the ball is at least that at
        the sample, so the estimate never reaches farther.
    rows : int
        How many samples may be held at once.
    """

    n_blocks: int
    block_size: int
    radius: float | None
    seed: int
    rows: int


@dataclass(frozen=True, eq=False)
class Scores:
    """CLEVER scores (n,), NaN where there is no number, with intervals and what became of each sample.

    Parameters
    ----------
    value, low, high : array (n,)
        Where there is no number, the interval still holds what is known.
    rival : int array (n,)
        Class of the nearest boundary by the estimate, or by the steepest slopes that were met.
    radius : array (n,)
        Of the balls.
    status : object array (n,)
    """

    value: Array
    low: Array
    high: Array
    rival: Array
    radius: Array
    status: Array


@dataclass(eq=False)
class Balls:
    """Samples, the balls around them, and the slopes that were met there.

    Parameters
    ----------
    samples, labels, numbers : array (n, d), int array (n,), int array (n,)
        ``numbers``: of the samples' random streams.
    gap : array (n, k)
        How far the label leads before each class that counts; infinite elsewhere.
    radius : array (n,)
    centre, way, met : array (n, k), (n, k), (n, k, blocks, points)
        Slopes: at the samples, the steepest on the way downhill, and at the points of each block; NaN: not looked at.
    """

    margins: Margins
    room: Room
    samples: Array
    labels: Array
    numbers: Array
    gap: Array
    radius: Array
    centre: Array
    way: Array
    met: Array

    @property
    def steepest(self) -> Array:
        """The steepest slopes that were met (n, k), anywhere."""
        return np.asarray(np.fmax(np.fmax.reduce(self.met, axis=(2, 3)), np.fmax(self.centre, self.way)))

    def near(self) -> Array:
        """Return which rivals (n, k) may be the nearest, by the steepest slopes met so far."""
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.where(np.isfinite(self.gap) & (self.steepest > 0), self.gap / self.steepest, np.inf)
        nearest = away.min(axis=1, keepdims=True)
        return np.asarray((away <= BEYOND * nearest) & np.isfinite(self.gap))

    def descend(self, rivals: Array) -> None:
        """Meet the slopes of rivals (n, k) on the way downhill from the sample to the surface of its ball.

        Random points of a ball of many dimensions are all far from that way, on which an attack would go.
        """
        for rival in np.flatnonzero(rivals.any(axis=0)):
            some = np.flatnonzero(rivals[:, rival])
            points, samples = self.samples[some], self.samples[some]
            only = np.arange(rivals.shape[1]) == np.full((len(some), 1), rival)
            free = self.room.free(samples)
            for last in [False] * _DOWNHILL + [True]:
                ((_, _, change),) = self.margins.slopes(points, self.labels[some], only)
                self.way[some, rival] = np.fmax(self.way[some, rival], self.room.steepness(change, free))
                if not last:
                    points = self.room.downhill(points, samples, change, self.radius[some] / _DOWNHILL)

    def draw(self, rivals: Array, blocks: range, draws: Draws) -> None:
        """Meet the slopes of rivals (n, k) in some of the blocks."""
        pairs = [(row, block) for row in np.flatnonzero(rivals.any(axis=1)).tolist() for block in blocks]
        at_once = max(1, draws.rows // draws.block_size)
        for start in range(0, len(pairs), at_once):
            part = pairs[start : start + at_once]
            row, block = np.array([row for row, _ in part]), np.array([block for _, block in part])
            points = np.concatenate(
                [
                    self.room.points(
                        self.samples[i],
                        float(self.radius[i]),
                        draws.block_size,
                        np.random.default_rng([draws.seed, int(self.numbers[i]), b]),
                    )
                    for i, b in part
                ]
            )
            owner = np.repeat(row, draws.block_size)
            steep = slopes(self.margins, self.room, points, self.labels[owner], rivals[owner])
            steep = steep.reshape(len(part), draws.block_size, -1)
            self.met[row, :, block] = steep.transpose(0, 2, 1)


def slopes(margins: Margins, room: Room, points: Array, labels: Array, rivals: Array) -> Array:
    """Return how steep the lead before each rival is at points (r, k); NaN where it is not asked for."""
    steep = np.full(rivals.shape, np.nan)
    free = room.free(points)
    for some, rival, change in margins.slopes(points, labels, rivals):
        steep[some, rival] = room.steepness(change, free[some])
    return steep


def clever_scores(
    margins: Margins, room: Room, samples: Array, labels: Array, rivals: Array, numbers: Array, draws: Draws
) -> Scores:
    """Estimate how far each sample (n, d) is from the nearest boundary to one of its rivals, a mask (n, k)."""
    scores = margins.scores(samples)
    gap = np.where(rivals, scores[np.arange(len(samples)), labels][:, None] - scores, np.inf)
    centre = slopes(margins, room, samples, labels, rivals)
    with np.errstate(divide="ignore", invalid="ignore"):
        tangent = np.where(np.isfinite(gap) & (centre > 0), gap / centre, np.inf).min(axis=1)
    radius = np.fmin(tangent, room.widest()) if draws.radius is None else np.full(len(samples), draws.radius)
    met = np.full((*rivals.shape, draws.n_blocks, draws.block_size), np.nan)
    balls = Balls(margins, room, samples, labels, numbers, gap, radius, centre, centre.copy(), met)
    finite = np.isfinite(gap).any(axis=1) & np.isfinite(np.where(rivals, centre, 0.0)).all(axis=1)
    movable = finite & room.free(samples).any(axis=1) & (radius > 0)
    pilot = max(draws.n_blocks // PILOT, 1)
    balls.descend(np.isfinite(gap) & movable[:, None])
    balls.draw(np.isfinite(gap) & movable[:, None], range(pilot), draws)
    near = balls.near() & movable[:, None]
    balls.draw(near, range(pilot, draws.n_blocks), draws)
    return _scores(balls, near, finite)


def _scores(balls: Balls, near: Array, finite: Array) -> Scores:
    """Return the least of the rivals' estimates, and what became of each sample."""
    n, index = len(near), np.arange(len(near))
    value, low, high = np.full(near.shape, np.inf), np.full(near.shape, np.inf), np.full(near.shape, np.inf)
    one, tied = np.zeros(near.shape, dtype=bool), np.zeros(near.shape, dtype=bool)
    pairs = np.nonzero(near)
    ends, one[pairs], tied[pairs] = _ends(balls, pairs)
    gap = np.maximum(balls.gap[pairs], np.finfo(np.float64).tiny)  # a tie without a slope stays one
    with np.errstate(divide="ignore"):
        value[pairs], low[pairs], high[pairs] = (gap / end for end in (ends.value, ends.high, ends.low))
    rival = value.argmin(axis=1)
    distance, least, most = value[index, rival], np.minimum(low.min(axis=1), balls.radius), high.min(axis=1)
    status = np.full(n, ESTIMATED, dtype=object)
    status[one[index, rival]] = CONSTANT
    beyond = distance > balls.radius * (1 + _EQUAL)
    most[most > balls.radius * (1 + _EQUAL)] = np.inf
    on_the_boundary = finite & ((balls.gap <= 0) & (balls.centre > 0)).any(axis=1)
    for mask, word, number, bottom in (
        (beyond, CENSORED, np.inf, least),
        (tied[index, rival], NO_FIT, np.nan, 0.0),
        (~balls.room.free(balls.samples).any(axis=1), NO_ROOM, np.inf, np.inf),
        (on_the_boundary, ESTIMATED, 0.0, 0.0),
        (~finite, NOT_FINITE, np.nan, 0.0),
    ):
        status[mask], distance[mask], least = word, number, np.where(mask, bottom, least)
    most = np.where(on_the_boundary, 0.0, np.where(finite, most, np.inf))
    return Scores(
        distance, least, most, np.where(on_the_boundary, balls.gap.argmin(axis=1), rival), balls.radius, status
    )


def _ends(balls: Balls, pairs: tuple[Array, ...]) -> tuple[Endpoints, Array, Array]:
    """Return the largest slopes of pairs of sample and rival (m,), where all slopes are one, and where nothing fits.

    A network of linear pieces is often steepest, of those points that are drawn, on a piece that most blocks meet. Then
    the largest slopes say nothing of a steeper piece elsewhere: no distribution has such an end.
    """
    met, steepest = balls.met[pairs], balls.steepest[pairs]
    one = steepest - np.fmin(met.min(axis=(1, 2)), balls.centre[pairs]) <= _EQUAL * steepest
    maxima = met.max(axis=2)
    top = maxima.max(axis=1, keepdims=True)
    tied = ((maxima >= top * (1 - _EQUAL)).mean(axis=1) > _TIED) & ~one
    value, low, high = steepest.copy(), steepest.copy(), np.where(tied, np.inf, steepest)
    some = ~(one | tied)
    if some.any():
        most = int(balls.room.free(balls.samples).sum(axis=1).max())
        fitted = endpoints(maxima[some], most)
        value[some], low[some], high[some] = (np.maximum(end, steepest[some]) for end in fitted)
    return Endpoints(value, low, high), one, tied
