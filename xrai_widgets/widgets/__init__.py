"""The interactive components. Each works alone in a notebook cell and talks through traits."""

import xrai_widgets.engines  # noqa: F401 - fills the catalog
from xrai_widgets.widgets.a11y import A11y
from xrai_widgets.widgets.alarm_panel import AlarmPanel
from xrai_widgets.widgets.arrival import Arrival
from xrai_widgets.widgets.comparison_board import ComparisonBoard
from xrai_widgets.widgets.constraint_editor import ConstraintEditor
from xrai_widgets.widgets.defence_form import DefenceForm
from xrai_widgets.widgets.download import Download
from xrai_widgets.widgets.history import History
from xrai_widgets.widgets.metric_selector import MetricSelector
from xrai_widgets.widgets.outcome_view import OutcomeView
from xrai_widgets.widgets.own_model import OwnModel
from xrai_widgets.widgets.parameter_form import ParameterForm
from xrai_widgets.widgets.parameter_forms import ParameterForms
from xrai_widgets.widgets.policy_editor import PolicyEditor
from xrai_widgets.widgets.report_buttons import ReportButtons
from xrai_widgets.widgets.run_code import RunCode
from xrai_widgets.widgets.runner import Runner
from xrai_widgets.widgets.sample_histogram import SampleHistogram
from xrai_widgets.widgets.sample_table import SampleTable
from xrai_widgets.widgets.scoreboard import Scoreboard
from xrai_widgets.widgets.session import Session
from xrai_widgets.widgets.subject_picker import SubjectPicker
from xrai_widgets.widgets.threshold_slider import ThresholdSlider
from xrai_widgets.widgets.uploader import Uploader
from xrai_widgets.widgets.views.bands import BandSlider
from xrai_widgets.widgets.views.contrast import ContrastView
from xrai_widgets.widgets.views.detector import DetectorSlider
from xrai_widgets.widgets.views.foreign import ForeignView
from xrai_widgets.widgets.views.prototypes import PrototypeSlider
from xrai_widgets.widgets.visitor import Visitor
from xrai_widgets.widgets.waiver_form import WaiverForm
from xrai_widgets.widgets.watchdog import Watchdog

__all__ = [
    "A11y",
    "AlarmPanel",
    "Arrival",
    "BandSlider",
    "ComparisonBoard",
    "ConstraintEditor",
    "ContrastView",
    "DefenceForm",
    "DetectorSlider",
    "Download",
    "ForeignView",
    "History",
    "MetricSelector",
    "OutcomeView",
    "OwnModel",
    "ParameterForm",
    "ParameterForms",
    "PolicyEditor",
    "PrototypeSlider",
    "ReportButtons",
    "RunCode",
    "Runner",
    "SampleHistogram",
    "SampleTable",
    "Scoreboard",
    "Session",
    "SubjectPicker",
    "ThresholdSlider",
    "Uploader",
    "Visitor",
    "WaiverForm",
    "Watchdog",
]
