"""Pictures beside their contrastive explanations: what was added is blue with a plus, what is removed orange."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from xrai_widgets.core import Array, Finding
from xrai_widgets.results.exposed import png
from xrai_widgets.results.views.contrast.reading import Instance, Mode, Side

ADDED, REMOVED = "#56b4e9", "#e69f00"
_SIGNED = 48  # pixels on a side up to which the changed ones carry a sign
_MOSTLY = 0.4  # share of the change that must lie in one ninth for it to be named
_THIRDS = (
    ("in the upper left", "at the top", "in the upper right"),
    ("on the left", "in the middle", "on the right"),
    ("in the lower left", "at the bottom", "in the lower right"),
)


@dataclass(frozen=True, eq=False)
class Change:
    """By how much each pixel of a picture differs: (height, width), positive where something was added."""

    by: Array

    @classmethod
    def of(cls, finding: Finding, mode: Mode, place: int) -> "Change":
        """Return the change of a PN from its instance, or of a PP from the empty picture."""
        arrays = finding.arrays
        origin = arrays["original" if mode == "PN" else "baseline"][place]
        real = arrays[f"{mode.lower()}_change"][place] > 0
        by = np.where(real, arrays[mode.lower()][place] - origin, 0.0)
        return cls(np.abs(by).mean(axis=0) * np.where(by.mean(axis=0) < 0, -1, 1))

    @property
    def added(self) -> int:
        """Number of pixels to which something was added."""
        return int((self.by > 0).sum())

    @property
    def removed(self) -> int:
        """Number of pixels from which something was removed."""
        return int((self.by < 0).sum())

    @property
    def where(self) -> str:
        """Where most of the change is, by ninths of the picture; empty where it is spread."""
        size = np.abs(self.by)
        ninths = [np.array_split(band, 3, axis=1) for band in np.array_split(size, 3, axis=0)]
        sums = np.array([[part.sum() for part in band] for band in ninths])
        if sums.max() < _MOSTLY * size.sum() or not size.any():
            return ""
        row, column = np.unravel_index(sums.argmax(), sums.shape)
        return f", mostly {_THIRDS[row][column]}"


def shades(finding: Finding, place: int) -> tuple[float, float]:
    """Return the values that are shown black and white, the same for an instance and its explanations."""
    names = [name for name in ("original", "pn", "pp", "baseline") if name in finding.arrays]
    values = [finding.arrays[name][place] for name in names]
    return float(min(value.min() for value in values)), float(max(value.max() for value in values))


def drawn(image: Array, ends: tuple[float, float], alt: str, change: Change | None = None) -> Markup:
    """Return a picture (channels, height, width) as inline SVG with crisp pixels, changed ones coloured and signed."""
    height, width = image.shape[1:]
    parts = [
        Markup('<svg class="xrai-contrast-picture" role="img" aria-label="{}" viewBox="0 0 {} {}">').format(
            alt, width, height
        ),
        Markup('<image href="{}" width="{}" height="{}" preserveAspectRatio="none"/>').format(
            png(image, ends), width, height
        ),
    ]
    if change is not None and change.by.any():
        parts += [_cells(change.by, ADDED), _cells(-change.by, REMOVED)]
        if max(height, width) <= _SIGNED:
            parts += [
                _signs(change.by > 0, "M{x}.25 {y}.5h.5M{x}.5 {y}.25v.5"),
                _signs(change.by < 0, "M{x}.25 {y}.5h.5"),
            ]
    return Markup("").join([*parts, Markup("</svg>")])


def alt_of(instance: Instance, side: Side, change: Change) -> str:
    """Return the text alternative of the picture of a PN or PP."""
    total = f"of {change.by.size} pixels"
    attempt = "" if side.is_explanation else "nearest attempt, no explanation: "
    if side.mode == "PN":
        what = f"{change.added} {total} added to and {change.removed} taken from"
        return f"{attempt}sample {instance.name} with {what}{change.where}; predicted {side.prediction}"
    kept = change.added + change.removed
    return f"{attempt}{kept} {total} of sample {instance.name}{change.where}; predicted {side.prediction}"


def _cells(by: Array, colour: str) -> Markup:
    """Return the pixels where ``by`` is positive as squares, the more opaque the larger it is."""
    most = float(np.abs(by).max())
    squares = [
        f'<path d="{_strokes(level, "M{x} {y}h1v1h-1z")}" opacity="{opacity}"/>'
        for level, opacity in (
            ((by > 0) & (by <= most / 3), 0.55),
            ((by > most / 3) & (by <= 2 * most / 3), 0.75),
            (by > 2 * most / 3, 0.95),
        )
        if level.any()
    ]
    return Markup(f'<g fill="{colour}">{"".join(squares)}</g>')


def _signs(mask: Array, sign: str) -> Markup:
    strokes = _strokes(mask, sign)
    return Markup(f'<path d="{strokes}" class="xrai-contrast-sign"/>') if strokes else Markup("")


def _strokes(mask: Array, shape: str) -> str:
    return "".join(shape.format(x=x, y=y) for y, x in zip(*np.nonzero(mask), strict=True))
