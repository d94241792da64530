"""What an alarm for foreign inputs does at any α: how much the model answers, how well, and what is let through."""

from xrai_widgets.results.views.foreign.html import reported
from xrai_widgets.results.views.foreign.reading import has_p_values
from xrai_widgets.results.views.view import View

VIEW = View("foreign", has_p_values, reported)
