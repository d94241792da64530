"""How assessments are run: guarded, in the background, in parallel, in a process of their own."""

from xrai_widgets.runtime.forecast import Forecast, forecast
from xrai_widgets.runtime.guard import Meter
from xrai_widgets.runtime.job import Job
from xrai_widgets.runtime.plan import PlanProgress, assess, catalog, check_plan, run_plan
from xrai_widgets.runtime.quality import model_quality
from xrai_widgets.runtime.run import run
from xrai_widgets.runtime.run_step import Progress, RunStep

__all__ = [
    "Forecast",
    "Job",
    "Meter",
    "PlanProgress",
    "Progress",
    "RunStep",
    "assess",
    "catalog",
    "check_plan",
    "forecast",
    "model_quality",
    "run",
    "run_plan",
]
