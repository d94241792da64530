"""What a contrastive explanation says, in sentences."""

from collections.abc import Sequence

from markupsafe import Markup

from xrai_widgets.results import words
from xrai_widgets.results.views.contrast.picture import Change
from xrai_widgets.results.views.contrast.reading import NAMES, Cell, Instance, Side

_MOST_LISTED = 6  # features that a sentence names


def sentence(instance: Instance, side: Side, typical: str = "a typical sample") -> Markup:
    """Return in one sentence what a PN or PP of a table says."""
    cells = side.different
    if not side.is_explanation:
        return _nothing(instance, side)
    prediction = Markup('the prediction <strong>"{}"</strong>').format(side.prediction)
    if not side.has_cells:
        return Markup("{} of its features {} for {}.").format(
            words.number(side.measures["changed"]), "change" if side.mode == "PN" else "suffice", prediction
        )
    if side.mode == "PN":
        parts = [Markup("<code>{}</code> were {} instead of {}").format(c.feature, c.after, c.before) for c in cells]
        return Markup("If {}, the model would give {}.").format(_listed(parts, len(cells)), prediction)
    if not cells:
        return Markup("Nothing is needed: to {} the model gives {}, too.").format(typical, prediction)
    parts = [_kept(cell) for cell in cells]
    return Markup("{} {} enough for {}, everything else being as in {}.").format(
        _listed(parts, len(cells)), "alone is" if len(cells) == 1 else "together are", prediction, typical
    )


def _kept(cell: Cell) -> Markup:
    text = Markup("<code>{}</code> = {}").format(cell.feature, cell.after)
    return text if cell.value == cell.after else text + Markup(" (of the instance's own {})").format(cell.value)


def _nothing(instance: Instance, side: Side) -> Markup:
    if side.status == "not looked for":
        return Markup("Not looked for: the run was stopped before.")
    if side.mode == "PN":
        reason = "Not found: no allowed change was found that makes the model predict something else."
    else:
        reason = "Not found: no part of it was found that suffices for the prediction."
    reached = (side.prediction != instance.prediction) == (side.mode == "PN")
    end = "by less than the lead that counts: it is no explanation." if reached else "and is no explanation."
    attempt = Markup('{} The nearest attempt is {}predicted <strong>"{}"</strong>{} {}')
    still = "still " if side.mode == "PN" and not reached else ""
    return attempt.format(reason, still, side.prediction, "," if reached else "", end)


def _listed(parts: Sequence[Markup], total: int) -> Markup:
    shown = list(parts[:_MOST_LISTED])
    if total > _MOST_LISTED:
        shown.append(Markup("{} more").format(total - _MOST_LISTED))
    return Markup(" and ").join([Markup(", ").join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def by_id(instance: Instance) -> str:
    """Return one sentence without any value of the sample: what a report says that names samples by id only."""
    parts = [f"{instance.name} is predicted {instance.prediction!r}"]
    for side in instance.sides:
        count = side.measures.get("changed", float("nan"))
        if not side.is_explanation:
            parts.append(f"{NAMES[side.mode]} {side.status}")
        elif side.mode == "PN":
            parts.append(f"{_counted(count)} changed {'gives' if count == 1 else 'give'} {side.prediction!r}")
        else:
            parts.append(f"{_counted(count)} {'suffices' if count == 1 else 'suffice'} to keep the prediction")
    return "; ".join(parts) + "."


def _counted(count: float) -> str:
    return f"{count:.0f} feature{'' if count == 1 else 's'}"


def picture_sentence(instance: Instance, side: Side, change: Change) -> Markup:
    """Return in one sentence what a PN or PP of a picture says."""
    if not side.is_explanation:
        return _nothing(instance, side)
    prediction = Markup('the prediction <strong>"{}"</strong>').format(side.prediction)
    if side.mode == "PN":
        done = [f"added to {change.added}"] * bool(change.added) + [f"taken from {change.removed}"] * bool(
            change.removed
        )
        template = Markup('If something were {} of the {} pixels{}, the model would give {} instead of "{}".')
        return template.format(" and ".join(done), change.by.size, change.where, prediction, instance.prediction)
    kept = change.added + change.removed
    if not kept:
        return Markup("Nothing is needed: to the empty picture the model gives {}, too.").format(prediction)
    template = Markup("{} of the {} pixels{}, as bright as shown and alone on the empty picture, {} enough for {}.")
    return template.format(kept, change.by.size, change.where, "is" if kept == 1 else "are", prediction)
