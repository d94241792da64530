"""How foreign an input is, and the α at which the alarm rings."""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

_HERE = Path(__file__).parent


class AlarmGauge(anywidget.AnyWidget):
    """A p-value on a logarithmic axis, and α, which is dragged or moved by the keyboard.

    Attributes
    ----------
    alpha : float
        Share of false alarms allowed.
    p : float or None
        Of the input; at most α the alarm rings.
    least, most : float
        Ends of α: below 1 / (n + 1) an alarm that n samples calibrate never rings.
    label, message : str
        What the gauge is called, and a sentence under it that is announced.
    disabled : bool
    """

    _esm = _HERE / "alarm_gauge.js"
    _css = _HERE / "alarm_gauge.css"
    alpha = traitlets.Float(0.05).tag(sync=True)
    p = traitlets.Float(None, allow_none=True).tag(sync=True)
    least = traitlets.Float(0.001).tag(sync=True)
    most = traitlets.Float(0.5).tag(sync=True)
    label = traitlets.Unicode("How foreign").tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    @traitlets.validate("alpha")
    def _within(self, proposal: Any) -> float:
        """Keep what the browser or a parameter says between the ends."""
        return min(max(float(proposal["value"]), self.least), self.most)

    def __repr__(self) -> str:
        return f"AlarmGauge(p={self.p}, alpha={self.alpha:g})"
