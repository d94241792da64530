"""How long will it take? A pilot run on the subject itself shows it."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from xrai_widgets.core import Assessment, Subject
from xrai_widgets.runtime.guard import Meter
from xrai_widgets.runtime.parallel import Parallel
from xrai_widgets.runtime.run import run
from xrai_widgets.runtime.run_step import RunStep


@dataclass(frozen=True)
class Forecast:
    """Seconds that an assessment is expected to take; None where the pilot could not show it.

    ``least`` is how long it takes at least, if only that is known.
    """

    seconds: float | None
    pilot: float
    least: float = 0.0

    def __str__(self) -> str:
        if self.seconds is None:
            return f"> {self.least:.1f} s" if self.least else "time unknown"
        return (
            "< 1 s"
            if self.seconds < 1
            else f"~{self.seconds:.0f} s"
            if self.seconds < 90
            else f"~{self.seconds / 60:.0f} min"
        )


def forecast(
    subject: Subject,
    assessment: Assessment,
    params: Mapping[str, Any],
    *,
    budget: float = 0.7,
    cancel: threading.Event | None = None,
) -> Forecast:
    """Run the assessment for at most ``budget`` seconds and extrapolate from the share that was done.

    Engines report progress in proportion to time, so a pilot of the real run on the real subject needs no model of the
    engine's cost. Isolated engines are not piloted: their start would be most of what is measured. Controls are of
    bounded size and left out: a page that opens forecasts while its browser needs the processor. The pilot starts no
    workers: where a run is worth some, it takes less than its forecast.
    """
    if assessment.isolated:
        return Forecast(None, 0.0)
    step = RunStep(Meter(cancel, max_seconds=budget), backend=Parallel())
    begun = time.perf_counter()
    outcome = run(subject, replace(assessment, controls=()), params, step=step)
    spent = time.perf_counter() - begun
    if outcome.status == "ok":
        return Forecast(spent, spent)
    if outcome.status == "cancelled" and step.done > 0.005:
        return Forecast(spent / step.done, spent)
    return Forecast(None, spent, spent if outcome.status == "cancelled" else 0.0)
