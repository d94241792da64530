"""Prototypes with their weights, and the samples that they stand for badly."""

from xrai_widgets.results.views.prototypes.html import reported
from xrai_widgets.results.views.prototypes.reading import has_prototypes
from xrai_widgets.results.views.view import View

VIEW = View("prototypes", has_prototypes, reported)
