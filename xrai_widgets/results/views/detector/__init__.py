"""What a threshold of a detector flags, and what passes it."""

from xrai_widgets.results.views.detector.html import reported
from xrai_widgets.results.views.detector.reading import has_detector
from xrai_widgets.results.views.view import View

VIEW = View("detector", has_detector, reported)
