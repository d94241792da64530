"""What an alarm in service says of a batch: which rows are foreign, how many alarms, and what they prove."""

from typing import Any

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._statistics import Estimate, wilson
from xrai_widgets.engines.ood import _conformal as conformal


class Batches:
    """Of an alarm that has p-values for rows: its alarms among many."""

    alpha: float

    @property
    def n_calibration(self) -> int:
        """Rows that calibrate."""
        raise NotImplementedError

    def _p(self, X: Any) -> Array:
        """Return the p-values of rows (n,)."""
        raise NotImplementedError

    def rate(self, X: Any) -> Estimate:
        """Return the share of alarms among rows with its interval (Wilson): what can be watched in service.

        Above α, or `guarantee`, the rows are not like those that calibrate.
        """
        p = self._p(X)
        return wilson(int(conformal.rings(p, self.alpha).sum()), len(p))

    def in_population(self, X: Any) -> Array:
        """Return 1 for each row (n,) that belongs to the population of the training samples, and 0 for a foreign one.

        The *population check* of the Safety-in-AI project: it says nothing about the model's prediction. At most a
        share `guarantee` of rows of the population gets 0, on average.
        """
        return 1 - conformal.rings(self._p(X), self.alpha).astype(np.int64)

    def discoverable(self, rows: int, rate: float = 0.1) -> int | None:
        """Return how many of a batch of rows must be as foreign as can be before `discoveries` picks out any.

        None where even all of them would be too few. A single one takes rows / rate − 1 rows that calibrate.
        """
        need = conformal.fewest(rows, self.n_calibration, rate)
        return need if need <= rows else None

    def discoveries(self, X: Any, rate: float = 0.1) -> Array:
        """Return which rows of a batch are picked out, at most a share ``rate`` of them falsely on average.

        Benjamini and Hochberg on conformal p-values (Bates, Candès, Lei, Romano, Sesia 2023); not guaranteed where the
        alarm is calibrated fold by fold. Ask `discoverable` first: it may be that nothing can be picked out.

        Raises
        ------
        ValueError
            for a rate outside (0, 1), and as `check` does.
        """
        if not 0 < rate < 1:
            raise ValueError(f"rate must lie in (0, 1), got {rate!r}")
        return conformal.discoveries(self._p(X), rate)
