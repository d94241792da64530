"""What a contrastive explanation says, in sentences."""

from collections.abc import Sequence

from markupsafe import Markup

from xrai_widgets.results import words
from xrai_widgets.results.views.contrast.picture import Change
from xrai_widgets.results.views.contrast.reading import NAMES, Cell, Instance, Side

_TOLD = 6  # features that a sentence names


def sentence(instance: Instance, side: Side, typical: str = "a typical sample") -> Markup:
    """Return in one sentence what a PN or PP of a table says."""
    cells = side.different
    if not side.found:
        return _nothing(instance, side)
    answer = Markup('the answer <strong>"{}"</strong>').format(side.answer)
    if not side.known:
        return Markup("{} of its features {} for {}.").format(
            words.number(side.measures["changed"]), "change" if side.mode == "PN" else "suffice", answer
        )
    if side.mode == "PN":
        told = [Markup("<code>{}</code> were {} instead of {}").format(c.feature, c.after, c.before) for c in cells]
        return Markup("If {}, the model would give {}.").format(_listed(told, len(cells)), answer)
    if not cells:
        return Markup("Nothing is needed: to {} the model gives {}, too.").format(typical, answer)
    told = [_kept(cell) for cell in cells]
    return Markup("{} {} enough for {}, everything else being as in {}.").format(
        _listed(told, len(cells)), "alone is" if len(cells) == 1 else "together are", answer, typical
    )


def _kept(cell: Cell) -> Markup:
    said = Markup("<code>{}</code> = {}").format(cell.feature, cell.after)
    return said if cell.own == cell.after else said + Markup(" (of the instance's own {})").format(cell.own)


def _nothing(instance: Instance, side: Side) -> Markup:
    if side.status == "not looked for":
        return Markup("Not looked for: the run was stopped before.")
    if side.mode == "PN":
        said = "Not found: no allowed change was found that makes the model answer something else."
    else:
        said = "Not found: no part of it was found that suffices for the answer."
    reached = (side.answer != instance.answer) == (side.mode == "PN")
    end = "by less than the lead that counts: it is no explanation." if reached else "and is no explanation."
    attempt = Markup('{} The nearest attempt is {}answered <strong>"{}"</strong>{} {}')
    still = "still " if side.mode == "PN" and not reached else ""
    return attempt.format(said, still, side.answer, "," if reached else "", end)


def _listed(told: Sequence[Markup], total: int) -> Markup:
    shown = list(told[:_TOLD])
    if total > _TOLD:
        shown.append(Markup("{} more").format(total - _TOLD))
    return Markup(" and ").join([Markup(", ").join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def by_id(instance: Instance) -> str:
    """Return one sentence without any value of the sample: what a report says that names samples by id only."""
    said = [f"{instance.name} is answered {instance.answer!r}"]
    for side in instance.sides:
        count = side.measures.get("changed", float("nan"))
        if not side.found:
            said.append(f"{NAMES[side.mode]} {side.status}")
        elif side.mode == "PN":
            said.append(f"{_counted(count)} changed {'gives' if count == 1 else 'give'} {side.answer!r}")
        else:
            said.append(f"{_counted(count)} {'suffices' if count == 1 else 'suffice'} to keep the answer")
    return "; ".join(said) + "."


def _counted(count: float) -> str:
    return f"{count:.0f} feature{'' if count == 1 else 's'}"


def picture_sentence(instance: Instance, side: Side, change: Change) -> Markup:
    """Return in one sentence what a PN or PP of a picture says."""
    if not side.found:
        return _nothing(instance, side)
    answer = Markup('the answer <strong>"{}"</strong>').format(side.answer)
    if side.mode == "PN":
        done = [f"added to {change.added}"] * bool(change.added) + [f"taken from {change.removed}"] * bool(
            change.removed
        )
        told = Markup('If something were {} of the {} pixels{}, the model would give {} instead of "{}".')
        return told.format(" and ".join(done), change.by.size, change.where, answer, instance.answer)
    kept = change.added + change.removed
    if not kept:
        return Markup("Nothing is needed: to the empty picture the model gives {}, too.").format(answer)
    told = Markup("{} of the {} pixels{}, as bright as shown and alone on the empty picture, {} enough for {}.")
    return told.format(kept, change.by.size, change.where, "is" if kept == 1 else "are", answer)
