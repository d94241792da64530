"""The nouns: Subject, Assessment, Finding, Outcome; and Step, the handle between engine and runtime."""

from xrai_widgets.core.assessment import Assessment, Gap, NotApplicable, assessment, find, registered
from xrai_widgets.core.constraint import Constraint
from xrai_widgets.core.control import Control
from xrai_widgets.core.finding import Bound, Chart, Finding
from xrai_widgets.core.marks import Advanced, Label, MemoryLimit, Range, Requires, Section, Seed, When
from xrai_widgets.core.measure import Measure
from xrai_widgets.core.names import UNNAMED, Names
from xrai_widgets.core.origin import Origin
from xrai_widgets.core.outcome import Outcome
from xrai_widgets.core.parameter import Parameter, closest
from xrai_widgets.core.score import Score
from xrai_widgets.core.step import Cancelled, Step, quiet
from xrai_widgets.core.subject import Array, Gradient, Predict, Subject

__all__ = [
    "UNNAMED",
    "Advanced",
    "Array",
    "Assessment",
    "Bound",
    "Cancelled",
    "Chart",
    "Constraint",
    "Control",
    "Finding",
    "Gap",
    "Gradient",
    "Label",
    "Measure",
    "MemoryLimit",
    "Names",
    "NotApplicable",
    "Origin",
    "Outcome",
    "Parameter",
    "Predict",
    "Range",
    "Requires",
    "Score",
    "Section",
    "Seed",
    "Step",
    "Subject",
    "When",
    "assessment",
    "closest",
    "find",
    "quiet",
    "registered",
]
