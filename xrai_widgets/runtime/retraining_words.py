"""What a comparison of the model with models trained anew adds to a finding."""

from collections.abc import Mapping
from typing import NamedTuple

from xrai_widgets.core import Assessment, Subject
from xrai_widgets.runtime.likeness import Likeness


class RetrainingNotes(NamedTuple):
    """What a comparison adds to a finding: notes, and for each measure why it must not be judged."""

    notes: tuple[str, ...]
    unjudged: Mapping[str, str]


def retraining_notes(subject: Subject, entry: Assessment, like: Likeness) -> RetrainingNotes:
    """Return the notes, and the reason not to judge where there is one."""
    reasons = []
    if like.differs:
        reasons.append(
            f"a model trained anew on the same samples differs from this one {_size(subject, like)}{_chance(like)}: "
            "pass what it was trained with (sample_weight=, fit_params=), the X_train that it was trained on, or fit= "
            "to Subject.of in a notebook; a model from a file may have a column of weights (--weights)"
        )
    if subject.frozen:
        reasons.append(
            f"{', '.join(subject.frozen)} in it is frozen: training anew leaves it as it is, with all that it has "
            "learnt of a sample: pass fit=, which trains all of it, to Subject.of in a notebook"
        )
    reason = "; and ".join(reasons)
    notes = _notes(subject, like)
    if reason and not entry.measures:  # nothing that would be judged
        notes = (*notes, f"{reason[0].upper()}{reason[1:]}.")
    return RetrainingNotes(notes, dict.fromkeys((measure.key for measure in entry.measures), reason) if reason else {})


def _notes(subject: Subject, like: Likeness) -> tuple[str, ...]:
    times = "once" if like.trainings == 1 else f"{like.trainings} times"
    given = f" (with {', '.join(subject.trained_with)})" if subject.trained_with else ""
    opening = f"Trained anew {times}{given}: "
    if like.differs:
        opening += f"not this model, which differs {_size(subject, like)}{_chance(like)}."
    elif like.noise:
        opening += (
            f"the model differs {_size(subject, like)} from the first of these, and that is no more than chance in "
            f"training explains{_chance(like)}."
        )
    else:
        opening += "the same model."
    weighted = any(name.endswith("sample_weight") for name in subject.trained_with)
    return opening, *(("Samples that are none of X_train are trained on with the mean weight.",) if weighted else ())


def _size(subject: Subject, like: Likeness) -> str:
    at_members = like.size >= 1e-3 * like.elsewhere
    where = "" if at_members else ", at held-out samples"
    unit = "in a class probability" if subject.task == "classification" else "in a prediction"
    return f"by up to {like.size if at_members else like.elsewhere:.3g} {unit}{where}"


def _chance(like: Likeness) -> str:
    return f" ({like.trainings} of them by up to {like.noise:.3g} from each other)" if like.noise else ""
