"""What an alarm in service says of rows."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from xrai_widgets.core import Array
from xrai_widgets.engines._statistics import Estimate, wilson


@dataclass(frozen=True, eq=False)
class Checked:
    """What an alarm says of rows; row by row, whatever other rows were asked about.

    Parameters
    ----------
    foreignness : array (m,)
        Higher is more foreign; the alarm rings above `Alarm.threshold`.
    p_values : array (m,)
        Share of normal rows that are as foreign.
    abstain : bool array (m,)
        Where the alarm rings: the p-value is at most α.
    votes : DataFrame (m, detectors)
        p-values of each detector: of an ensemble those of its members.
    nearest : array (m, k) of str, optional
        Names of the nearest training samples, the nearest first; None where the alarm holds none.
    distances : array (m, k), optional
        To them.
    positions : array (m, 2), optional
        On the map of `Alarm.map`.
    outside : int array (m,)
        Numbers of each row outside of the range of those that the alarm was fitted on.
    predictions : array (m,), optional
        What the model says, in the user's own labels, also where the alarm rings; masked for a row with a word that
        the model cannot be given, since it would answer for another one; None where no model is there.
    """

    foreignness: Array
    p_values: Array
    abstain: Array
    votes: pd.DataFrame
    nearest: Array | None
    distances: Array | None
    positions: Array | None
    outside: Array
    predictions: Array | None

    @property
    def rate(self) -> Estimate:
        """Share of alarms with its interval (Wilson)."""
        return wilson(int(self.abstain.sum()), len(self.abstain))

    def table(self) -> pd.DataFrame:
        """Return one line per row: prediction, p-value, whether to abstain, votes and the nearest training sample."""
        columns: dict[str, Any] = {} if self.predictions is None else {"prediction": self.predictions}
        columns |= {"p_value": self.p_values, "abstain": self.abstain, "foreignness": self.foreignness}
        columns |= {"outside": self.outside}
        if len(self.votes.columns) > 1:
            columns |= {f"p_value {name}": self.votes[name].to_numpy() for name in self.votes}
        if self.nearest is not None and self.distances is not None:
            columns |= {"nearest": self.nearest[:, 0], "distance": self.distances[:, 0]}
        return pd.DataFrame(columns)
