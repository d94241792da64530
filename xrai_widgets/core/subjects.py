"""One subject or several, as users hold them."""

from collections.abc import Iterable, Mapping
from typing import Any

from xrai_widgets.core.subject import Subject


def several(given: object) -> dict[str, Subject]:
    """Return subjects by name.

    Parameters
    ----------
    given : Subject, mapping of str to Subject, or iterable of Subject
        Of a mapping the keys are the names, else the subjects' own.

    Raises
    ------
    TypeError
        for anything else than subjects, as models without data.
    ValueError
        for no subject at all, or two of the same name.
    """
    if isinstance(given, Subject):
        return {given.name: given}
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise TypeError(f"what is audited must be a Subject, or a dict or list of them, got {type(given).__name__}")
    pairs: list[tuple[Any, Any]]
    pairs = [*given.items()] if isinstance(given, Mapping) else [(getattr(one, "name", ""), one) for one in given]
    for key, one in pairs:
        if not isinstance(one, Subject):
            hint = "make subjects of models first: Subject.of(models, X_test, y_test) takes a dict of them, too"
            raise TypeError(f"{key or 'an entry'!r} must be a Subject, got {type(one).__name__}; {hint}")
    if not pairs:
        raise ValueError("at least one subject is needed, got none")
    names = [str(key) for key, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two subjects are called {twice[0]!r}: pass a dict with a name for each")
    return dict(zip(names, (one for _, one in pairs), strict=True))
