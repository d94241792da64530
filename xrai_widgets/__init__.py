"""Audit one fitted model in Jupyter: robustness, privacy leakage, explanations.

The public names are loaded when they are first used, so that ``import xrai_widgets`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xrai_widgets.apps.compare import Compare
    from xrai_widgets.apps.workbench import Workbench
    from xrai_widgets.core import (
        Assessment,
        Chart,
        Constraint,
        Control,
        Finding,
        Measure,
        NotApplicable,
        Outcome,
        Range,
        Requires,
        Score,
        Step,
        Subject,
        When,
        assessment,
        quiet,
    )
    from xrai_widgets.data import examples
    from xrai_widgets.data.prepare import Prepared, prepare
    from xrai_widgets.engines.ood.estimators.reliable_classifier import ReliableClassifier
    from xrai_widgets.io.pictures import Pictures, read_pictures
    from xrai_widgets.models.constrained import constrained
    from xrai_widgets.models.defences import defended
    from xrai_widgets.reporting.compose import Report, report
    from xrai_widgets.results.compare import Comparison, compare
    from xrai_widgets.results.corruption_error import corruption_error
    from xrai_widgets.results.joint import Joint, joint
    from xrai_widgets.results.learning_dynamics import LearningDynamics, learning_dynamics
    from xrai_widgets.results.policy import Policy, Verdict, judge
    from xrai_widgets.results.validation import Validation, validation
    from xrai_widgets.results.waiver import Waiver
    from xrai_widgets.runtime import assess, catalog, run_plan
    from xrai_widgets.runtime.alarm import Alarm
    from xrai_widgets.runtime.batch_check import check_batch
    from xrai_widgets.runtime.parallel import parallel
    from xrai_widgets.runtime.store import Store
    from xrai_widgets.runtime.trial import read_subject
    from xrai_widgets.watch.monitor import ModelMonitor, scheduled_evaluation
    from xrai_widgets.watch.table import history

__version__ = "0.2.0"

_CORE = "xrai_widgets.core"
_HOMES = {
    **dict.fromkeys(
        (
            "Assessment",
            "Chart",
            "Constraint",
            "Control",
            "Finding",
            "Measure",
            "NotApplicable",
            "Outcome",
            "Range",
            "Requires",
            "Score",
            "Step",
            "Subject",
            "When",
            "assessment",
            "quiet",
        ),
        _CORE,
    ),
    **dict.fromkeys(("assess", "catalog", "run_plan"), "xrai_widgets.runtime"),
    "check_batch": "xrai_widgets.runtime.batch_check",
    **dict.fromkeys(("Policy", "Verdict", "judge"), "xrai_widgets.results.policy"),
    **dict.fromkeys(("Comparison", "compare"), "xrai_widgets.results.compare"),
    "corruption_error": "xrai_widgets.results.corruption_error",
    **dict.fromkeys(("Joint", "joint"), "xrai_widgets.results.joint"),
    **dict.fromkeys(("LearningDynamics", "learning_dynamics"), "xrai_widgets.results.learning_dynamics"),
    **dict.fromkeys(("Validation", "validation"), "xrai_widgets.results.validation"),
    "Waiver": "xrai_widgets.results.waiver",
    **dict.fromkeys(("Report", "report"), "xrai_widgets.reporting.compose"),
    "Alarm": "xrai_widgets.runtime.alarm",
    "parallel": "xrai_widgets.runtime.parallel",
    "read_subject": "xrai_widgets.runtime.trial",
    **dict.fromkeys(("Pictures", "read_pictures"), "xrai_widgets.io.pictures"),
    **dict.fromkeys(("Prepared", "prepare"), "xrai_widgets.data.prepare"),
    "constrained": "xrai_widgets.models.constrained",
    "defended": "xrai_widgets.models.defences",
    "ReliableClassifier": "xrai_widgets.engines.ood.estimators.reliable_classifier",
    "Store": "xrai_widgets.runtime.store",
    "Compare": "xrai_widgets.apps.compare",
    "Workbench": "xrai_widgets.apps.workbench",
    "examples": "xrai_widgets.data",
    **dict.fromkeys(("ModelMonitor", "scheduled_evaluation"), "xrai_widgets.watch.monitor"),
    "history": "xrai_widgets.watch.table",
}

__all__ = [
    "Alarm",
    "Assessment",
    "Chart",
    "Compare",
    "Comparison",
    "Constraint",
    "Control",
    "Finding",
    "Joint",
    "LearningDynamics",
    "Measure",
    "ModelMonitor",
    "NotApplicable",
    "Outcome",
    "Pictures",
    "Policy",
    "Prepared",
    "Range",
    "ReliableClassifier",
    "Report",
    "Requires",
    "Score",
    "Step",
    "Store",
    "Subject",
    "Validation",
    "Verdict",
    "Waiver",
    "When",
    "Workbench",
    "assess",
    "assessment",
    "catalog",
    "check_batch",
    "compare",
    "constrained",
    "corruption_error",
    "defended",
    "examples",
    "history",
    "joint",
    "judge",
    "learning_dynamics",
    "parallel",
    "prepare",
    "quiet",
    "read_pictures",
    "read_subject",
    "report",
    "run_plan",
    "scheduled_evaluation",
    "validation",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "examples":
        value: Any = import_module("xrai_widgets.data.examples")
    else:
        if _HOMES[name] != _CORE:
            import_module("xrai_widgets.engines")  # fills the catalog, which policies and plans are checked against
        value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
