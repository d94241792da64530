"""Several subjects side by side: every value with its verdict, and its difference from the first subject's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from xrai_widgets.core import Outcome, registered
from xrai_widgets.results import html, words
from xrai_widgets.results.differences import Difference, difference
from xrai_widgets.results.policy import Check, Policy, judge


@dataclass(frozen=True)
class Row:
    """One value of one assessment, in every subject.

    Parameters
    ----------
    checks : tuple of Check or None
        One per subject.
    differences : tuple of Difference or None
        One per subject; the first subject is the reference and has none.
    readings : tuple of str
        What each difference says, in words.
    """

    assessment: str
    key: str
    checks: tuple[Check | None, ...]
    differences: tuple[Difference | None, ...]
    readings: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Subjects side by side.

    Parameters
    ----------
    names : tuple of str
        Of the subjects; the first is the reference.
    rows : tuple of Row
    notes : tuple of str
        What could not be compared, and why.
    """

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def table(self) -> pd.DataFrame:
        """Return one row per value and subject."""
        rows = []
        for row in self.rows:
            for place, (name, check, apart) in enumerate(zip(self.names, row.checks, row.differences, strict=True)):
                rows.append(
                    {
                        "assessment": row.assessment,
                        "measure": row.key,
                        "subject": name,
                        **_checked(check),
                        **_columns(apart),
                        "reading": row.readings[place],
                    }
                )
        columns = ["assessment", "measure", "subject", "value", "low", "high", "n", "verdict"]
        return pd.DataFrame(rows, columns=[*columns, *_DIFFERENCE, "reading"])

    def to_html(self) -> str:
        """Return the board."""
        return html.render("comparison.html", comparison=self)

    def _repr_html_(self) -> str:
        return f"<style>{html.style()}</style>{self.to_html()}"


def compare(
    *runs: Outcome | Iterable[Outcome] | Mapping[str, Iterable[Outcome]],
    policy: Policy | None = None,
    paired: bool | None = None,
) -> Comparison:
    """Put outcomes of several subjects side by side; differences are taken from the first one.

    Parameters
    ----------
    *runs : Outcome, iterable of Outcome, or mapping of str to those
        What was measured on each subject, as `run_plan` returns it for one subject or for several: two or more.
    policy : Policy, optional
        By default the packaged one.
    paired : bool, optional
        By default differences are paired where both models were measured on the same samples. True: equal ids name
        the same samples although their contents differ (models with different columns). False: never.

    Returns
    -------
    Comparison
        In pairs, only what changes from model to model counts, so the intervals are much shorter than a look at the
        two separate ones suggests. Where the samples differ the interval is unpaired, and a note says so.

    Raises
    ------
    ValueError
        for fewer than two runs, or a run with the outcomes of several subjects.
    """
    flat = [one for run in runs for one in (run.values() if isinstance(run, Mapping) else [run])]
    given = [[run] if isinstance(run, Outcome) else list(run) for run in flat]
    if len(given) < 2:
        raise ValueError(f"a comparison needs the outcomes of at least two subjects, got {len(given)}")
    for number, run in enumerate(given, 1):
        subjects = list(dict.fromkeys(outcome.subject_name for outcome in run))
        if len({outcome.subject for outcome in run}) != 1:
            raise ValueError(f"run {number} must hold the outcomes of one subject, got {', '.join(subjects) or 'none'}")
    rows: list[Row] = []
    notes: list[str] = []
    for run_key in dict.fromkeys(_run_key(outcome) for run in given for outcome in run):
        matched = [next((o for o in run if _run_key(o) == run_key), None) for run in given]
        compared = _rows(matched, policy or Policy.default(), paired)
        rows += compared
        notes += [*_notes(given, matched), *_bounds(compared)]
    return Comparison(_names(given), tuple(rows), tuple(dict.fromkeys(notes)))


def _run_key(outcome: Outcome) -> tuple[str, str]:
    return outcome.assessment, repr(sorted(outcome.params.items()))


def _names(runs: list[list[Outcome]]) -> tuple[str, ...]:
    names = [run[0].subject_name for run in runs]
    return tuple(f"{n} ({runs[i][0].subject[:6]})" if names.count(n) > 1 else n for i, n in enumerate(names))


def _rows(matched: Sequence[Outcome | None], policy: Policy, paired: bool | None) -> list[Row]:
    present = [outcome for outcome in matched if outcome is not None]
    entry = registered().get(present[0].assessment)
    better = {measure.key: measure.better for measure in entry.measures} if entry is not None else {}
    verdicts = [judge(outcome, policy) if outcome is not None else None for outcome in matched]
    keys = dict.fromkeys(check.key for verdict in verdicts if verdict is not None for check in verdict.checks)
    rows = []
    for key in [key for key in keys if key in better] or list(keys):
        checks = [next((c for c in v.checks if c.key == key), None) if v is not None else None for v in verdicts]
        apart: list[Difference | None] = [None]
        for other, check in zip(matched[1:], checks[1:], strict=True):
            both = matched[0] is not None and other is not None and checks[0] is not None and check is not None
            apart.append(difference(matched[0], other, key, paired) if both else None)  # type: ignore[arg-type]
        readings = ["", *(_reading(gap, better.get(key, "")) for gap in apart[1:])]
        rows.append(Row(present[0].assessment, key, tuple(checks), tuple(apart), tuple(readings)))
    return rows


def _reading(apart: Difference | None, better: str) -> str:
    if apart is None:
        return "not compared"
    if not apart.shown:
        return "no difference shown"
    side = "higher" if apart.low > 0 else "lower"
    return side if not better else f"{side}, {'better' if side == better else 'worse'}"


def _notes(runs: list[list[Outcome]], matched: Sequence[Outcome | None]) -> list[str]:
    first = next(outcome for outcome in matched if outcome is not None)
    notes = []
    for run, outcome in zip(runs, matched, strict=True):
        name = run[0].subject_name
        if outcome is not None and outcome.status != "ok":
            notes.append(f"{first.assessment} on {name}: {outcome.status}, {outcome.reason}")
        elif outcome is None:
            other = next((o for o in run if o.assessment == first.assessment), None)
            state = "was not run" if other is None else f"was run with other parameters: {_changes(first, other)}"
            notes.append(f"{first.assessment} on {name} {state}")
    return notes


def _bounds(rows: Sequence[Row]) -> list[str]:
    """Say which differences are those of bounds: how good a search is may differ from model to model."""
    notes = []
    for row in rows:
        kinds = {check.bound for check in row.checks if check is not None} - {None, "exact"}
        if kinds and any(apart is not None for apart in row.differences):
            kind = " or ".join(sorted(str(kind) for kind in kinds))
            name = words.label(row.key, row.assessment)
            notes.append(
                f"{name} of {row.assessment} is an {kind} bound: the difference is that "
                "of what was found, and the search may be better on one model than on the other".replace(
                    "an lower", "a lower"
                )
            )
    return notes


def _changes(first: Outcome, second: Outcome) -> str:
    keys = [key for key in first.params if first.params[key] != second.params.get(key)]
    labels = {key: words.asked(key, first.assessment) for key in keys}
    return ", ".join(f"{labels[key]} {second.params.get(key)} instead of {first.params[key]}" for key in keys)


def _checked(check: Check | None) -> dict[str, object]:
    if check is None:
        return {}
    numbers = {"value": check.value, "low": check.low, "high": check.high, "n": check.count}
    return {**numbers, "verdict": check.status}


_DIFFERENCE = ("difference", "difference_low", "difference_high", "pairs", "unpaired_because")


def _columns(apart: Difference | None) -> dict[str, object]:
    if apart is None:
        return {}
    return dict(zip(_DIFFERENCE, (apart.value, apart.low, apart.high, apart.pairs, apart.why), strict=True))
