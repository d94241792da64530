"""Pictures of the lowest bands in a report."""

import base64
import io

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from xrai_widgets.core import Finding
from xrai_widgets.results import html
from xrai_widgets.results.views.bands.reading import frames_of, has_frames

_REPORTED = 3  # images


def reported(finding: Finding, include_rows: bool) -> Markup:
    """Return what a report shows: a few images with bands 1 to k, where the contents of samples may be shown."""
    if not include_rows or not has_frames(finding):
        return Markup("")
    frames = frames_of(finding)
    images = [
        {"id": name, "steps": [(_picture(one), text) for one, text in zip(pictures, captions, strict=True)]}
        for name, pictures, captions in zip(frames.ids, frames.pictures, frames.captions, strict=True)
    ]
    return Markup(html.render("bands/templates/kept.html", images=images[:_REPORTED]))


def _picture(pixels: npt.NDArray[np.uint8]) -> str:
    """Return a PNG as the address of an image."""
    from PIL import Image

    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "PNG")
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
