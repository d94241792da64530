"""Images with their lowest bands of frequencies alone, and what the model says of them."""

from xrai_widgets.results.views.bands.html import reported
from xrai_widgets.results.views.bands.reading import has_frames
from xrai_widgets.results.views.view import View

VIEW = View("bands", has_frames, reported)
