"""Contrastive explanations: an instance beside what would change the model's prediction, and what suffices for it."""

from xrai_widgets.results.views.contrast.html import reported
from xrai_widgets.results.views.contrast.reading import is_contrastive
from xrai_widgets.results.views.view import View

VIEW = View("contrast", is_contrastive, reported)
