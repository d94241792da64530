"""Contrastive explanations as HTML: instance, pertinent negative and pertinent positive side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from xrai_widgets.core import Finding, Subject
from xrai_widgets.results import html, words
from xrai_widgets.results.views.contrast.picture import ADDED, REMOVED, Change, alt_of, drawn, shades
from xrai_widgets.results.views.contrast.reading import (
    NAMES,
    Cell,
    Instance,
    Mode,
    Side,
    instance_of,
    is_contrastive,
    modes_of,
    pictured,
)
from xrai_widgets.results.views.contrast.words import by_id, picture_sentence, sentence

_MOST_FEATURES = 300
_REPORTED = 3  # instances in a report


@dataclass(frozen=True)
class Row:
    """One feature in the table: the instance's own value and a cell for each kind of explanation."""

    feature: str
    value: str
    cells: tuple[Cell | None, ...]

    @property
    def differs(self) -> bool:
        """Whether any explanation changes or keeps it."""
        return any(cell is not None and cell.size > 0 for cell in self.cells)


def explained(finding: Finding, place: int, subject: Subject | None = None, *, every: bool = False) -> str:
    """Return an instance beside its explanations: sentences, a table or pictures, and measures.

    Parameters
    ----------
    finding : Finding
    place : int
        Row of the table ``samples``.
    subject : Subject, optional
        The one that was measured.
    every : bool
        Show also the features that no explanation changes or keeps.
    """
    instance = instance_of(finding, place, subject)
    images = pictured(finding)
    changes = {side.mode: Change.of(finding, side.mode, place) for side in instance.sides} if images else {}
    sentences = [
        (side, picture_sentence(instance, side, changes[side.mode]) if images else sentence(instance, side))
        for side in instance.sides
    ]
    rows = [] if images else _rows(instance.sides)
    shown = [row for row in rows if every or row.differs]
    return html.render(
        "contrast/templates/instance.html",
        instance=instance,
        sentences=sentences,
        names=NAMES,
        pictures=_pictures(finding, instance, changes),
        legend=_legend(changes),
        rows=shown[:_MOST_FEATURES],
        folded=len(rows) - len(shown),
        cut=max(0, len(shown) - _MOST_FEATURES),
        cells_known=all(side.has_cells for side in instance.sides) or images,
        complete=subject is not None,
        colours=(ADDED, REMOVED),
    )


def measures(finding: Finding, place: int) -> str:
    """Return the table of validity, sparsity, distance and stability: this instance, and all with intervals."""
    instance = instance_of(finding, place)
    total = int(np.prod(finding.arrays["original"].shape[1:]))
    rows = [(name, [_one(side, key, total) for side in instance.sides], _all(finding, key)) for key, name in _MEASURES]
    if instance.stability is not None:
        status, overlap = instance.stability
        overlap_text = words.number(overlap) if status == "compared" else status
        stable = [overlap_text if side.mode == "PN" else "–" for side in instance.sides]
        rows.append(("same features under a little noise (1: all)", stable, _all(finding, "stability")))
    shown = [row for row in rows if any(cell not in ("", "–") for cell in [*row[1], *row[2]])]
    return html.render("contrast/templates/measures.html", instance=instance, rows=shown, modes=modes_of(finding))


def frequent(finding: Finding) -> str:
    """Return how often each pixel is part of an explanation, as pictures; nothing for tables."""
    if not pictured(finding):
        return ""
    shown = []
    for mode in modes_of(finding):
        done = finding.arrays[f"{mode.lower()}_found"]
        if done.any():
            part = (finding.arrays[f"{mode.lower()}_change"][done] > 0).any(axis=1)
            share = part.mean(axis=0)
            alt = f"share of the {len(part)} {NAMES[mode]}s that hold a pixel: at most {share.max():.0%}"
            shown.append((mode, drawn(share[None], (0.0, 1.0), alt), len(part), f"{share.max():.0%}"))
    return html.render("contrast/templates/pixels.html", shown=shown, names=NAMES) if shown else ""


def reported(finding: Finding, include_rows: bool) -> Markup:
    """Return what a report shows: the first few instances, by id and without any of their values unless asked for."""
    if not modes_of(finding):
        return Markup("")
    places = range(min(_REPORTED, len(finding.tables["samples"])))
    if include_rows and is_contrastive(finding):
        return Markup("").join(Markup(explained(finding, place)) for place in places)
    sentences = [by_id(instance_of(finding, place)) for place in places]
    return Markup(html.render("contrast/templates/ids.html", sentences=sentences, total=len(finding.tables["samples"])))


_MEASURES = (
    ("share", "found"),
    ("prediction", "prediction"),
    ("margin", "lead of that prediction"),
    ("sparsity", "features changed (PN) or needed (PP); of all: their share"),
    ("distance", "distance (L2, shares of the ranges)"),
    ("l1", "distance (L1)"),
    ("ae_error", "unlikeness to known samples (autoencoder)"),
    ("validity", "hold when the model is asked again (PN and PP)"),
)


def _one(side: Side, key: str, total: int) -> str:
    if key == "share":
        return side.status
    if key == "prediction":
        return side.prediction
    if key == "sparsity":
        return f"{side.measures['changed']:.0f} of {total}" if side.is_explanation else "–"
    return words.number(side.measures[key]) if key in side.measures else "–"


def _all(finding: Finding, key: str) -> list[str]:
    """Return the values over all instances, of each kind of explanation."""
    texts: list[str] = []
    for mode in modes_of(finding):
        which = mode.lower()
        keys = {"share": f"{which}_share", "sparsity": f"{which}_sparsity", "distance": f"median_{which}_distance"}
        name = keys.get(key, key)
        once = (key == "stability" and mode == "PP") or (key == "validity" and texts)
        if once or name not in finding.values:
            texts.append("")
            continue
        value = words.number(finding.values[name])
        within = words.interval(*finding.intervals[name]) if name in finding.intervals else ""
        count = f", n = {finding.counts[name]}" if name in finding.counts else ""
        texts.append(f"{'median ' if key == 'distance' else ''}{value} {within}{count}".strip())
    return texts


def _rows(sides: Sequence[Side]) -> list[Row]:
    """Return the features in the order of the table; without the subject, those that differ."""
    order = dict.fromkeys(cell.feature for side in sides for cell in side.cells)
    by_feature = [{cell.feature: cell for cell in side.cells} for side in sides]
    rows = []
    for feature in order:
        cells = tuple(cells_of_side.get(feature) for cells_of_side in by_feature)
        value = next(cell.value for cell in cells if cell is not None)
        rows.append(Row(feature, value, cells))
    return rows


def _pictures(finding: Finding, instance: Instance, changes: dict[Mode, Change]) -> list[tuple[str, Markup]]:
    if not changes:
        return []
    ends, place = shades(finding, instance.place), instance.place
    caption = f"sample {instance.name}, predicted {instance.prediction}"
    pictures = [("instance", drawn(finding.arrays["original"][place], ends, caption))]
    for side in instance.sides:
        change = changes[side.mode]
        title = NAMES[side.mode] if side.is_explanation else f"{NAMES[side.mode]}: attempt"
        image = finding.arrays[side.mode.lower()][place]
        pictures.append((f"{title} ({side.mode})", drawn(image, ends, alt_of(instance, side, change), change)))
    return pictures


def _legend(changes: dict[Mode, Change]) -> list[tuple[str, str, str]]:
    """Return (colour, sign, words) of what the pictures show."""
    entries = []
    if any(change.added for change in changes.values()):
        words_ = "added (PN), needed (PP)" if "PP" in changes and "PN" in changes else "added"
        entries.append((ADDED, "+", words_ if list(changes) != ["PP"] else "needed"))
    if any(change.removed for change in changes.values()):
        entries.append((REMOVED, "−", "taken away"))
    return entries
