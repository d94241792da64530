"""May a generator and its inverter be believed? What they make is held against training samples they were not shown."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.ood._latent.map import LatentMap

_NEIGHBOURS = 5
_MOST = 2000  # training samples, and of drawn ones half as many


class GateFailed(RuntimeError):
    """Generator and inverter are not good enough for a score."""


@dataclass(frozen=True)
class Gate:
    """How much of what generator and inverter make looks like the training samples, with Wilson intervals.

    Parameters
    ----------
    reconstructed : Estimate
        Share of the held-out samples x for which G(I(x)) is nearer to x than its fifth nearest training sample: what
        the generator covers and the inverter finds (the coverage of Naeem et al. 2020, arXiv:2002.09797).
    drawn : Estimate
        Share of generated samples that lie nearer to some training sample than its fifth nearest other one does (the
        precision of Kynkäänniemi et al. 2019, arXiv:1904.06991).
    real : Estimate
        The same share of the held-out samples: what can be reached.
    held_out : int
        Samples that were not learned from.
    """

    reconstructed: Estimate
    drawn: Estimate
    real: Estimate
    held_out: int
    generated: int

    def check(self, quality: float) -> None:
        """Raise `GateFailed` where a share is lower than ``quality``."""
        shares = {"reconstructed": self.reconstructed, "drawn": self.drawn}
        low = [f"{name} {share.value:.2f}" for name, share in shares.items() if share.value < quality]
        if low:
            raise GateFailed(
                f"generator and inverter did not reach the quality of {quality:g} ({', '.join(low)}: shares of samples "
                "that look like training samples), so that nothing is scored by them: train longer "
                "(generator_steps), or on more samples"
            )

    def table(self) -> pd.DataFrame:
        """Return the shares with their intervals."""
        parts = [
            ("held out, reconstructed", self.reconstructed, self.held_out),
            ("drawn", self.drawn, self.generated),
            ("held out, as they are", self.real, self.held_out),
        ]
        rows = [{"kind": name, "share": e.value, "low": e.low, "high": e.high, "n": n} for name, e, n in parts]
        return pd.DataFrame(rows)


def gate_of(model: LatentMap, learned: Array, held: Array, seed: int) -> Gate:
    """Measure the quality on samples in [0, 1]: those that were learned from (n, d), and held-out ones (m, d)."""
    rng = np.random.default_rng([seed, 2])
    some = learned[rng.permutation(len(learned))[:_MOST]]
    made = model.generate(rng.standard_normal((_MOST // 2, model.latent)))
    between = _distances(some, some)
    np.fill_diagonal(between, np.inf)
    neighbours = min(_NEIGHBOURS, len(some) - 1) - 1
    balls = np.partition(between, neighbours, axis=1)[:, neighbours]
    near = np.partition(_distances(held, some), neighbours, axis=1)[:, neighbours]
    apart = np.linalg.norm(model.generate(model.invert(held)) - held, axis=1)
    return Gate(
        statistics.wilson(int((apart <= near).sum()), len(held)),
        statistics.wilson(int((_distances(made, some) <= balls).any(axis=1).sum()), len(made)),
        statistics.wilson(int((_distances(held, some) <= balls).any(axis=1).sum()), len(held)),
        len(held),
        len(made),
    )


def _distances(a: Array, b: Array) -> Array:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * a @ b.T
    distances: Array = np.sqrt(np.maximum(squares, 0.0))
    return distances
