"""A contrastive explanation in readable form: what was changed or kept of one instance, and what that says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from xrai_widgets.core import Finding, Subject

Mode = Literal["PN", "PP"]
MODES: tuple[Mode, ...] = ("PN", "PP")
NAMES: dict[Mode, str] = {"PN": "pertinent negative", "PP": "pertinent positive"}


@dataclass(frozen=True, eq=False)
class Cell:
    """One feature of an instance.

    Parameters
    ----------
    feature : str
    before, after : str
        In the user's own units: of a PN the instance's value and the changed one, of a PP the baseline's and the kept.
    own : str
        The instance's value; empty where it is not known.
    size : float
        By how much ``after`` differs from ``before``; 0 where it does not.
    """

    feature: str
    before: str
    after: str
    value: str
    size: float


@dataclass(frozen=True, eq=False)
class Side:
    """The pertinent negative or positive of one instance, or the nearest attempt.

    Parameters
    ----------
    status : {"found", "not found", "not looked for"}
    prediction : str
        What the model predicts for it.
    cells : tuple of Cell
        Features in the order of the table; only those that differ, the largest first, where no more is known.
    known : bool
        Whether the cells are known at all.
    measures : mapping of str to float
        ``distance``, ``l1``, ``changed``, ``margin`` and, if there is an autoencoder, ``ae_error``.
    """

    mode: Mode
    status: str
    prediction: str
    cells: tuple[Cell, ...]
    has_cells: bool
    measures: dict[str, float]

    @property
    def is_explanation(self) -> bool:
        """Whether it is an explanation."""
        return self.status == "found"

    @property
    def different(self) -> list[Cell]:
        """The features that differ from the origin, the largest change first."""
        return sorted((cell for cell in self.cells if cell.size > 0), key=lambda cell: -cell.size)


@dataclass(frozen=True, eq=False)
class Instance:
    """One sample with its explanations.

    Parameters
    ----------
    place : int
        Row of the table ``samples``.
    part, name, truth, prediction : str
        ``truth`` is empty where it is not known.
    sides : tuple of Side
    stability : (str, float) or None
        Whether the features of its PN could be compared with those of a noisy copy, and their overlap.
    """

    place: int
    part: str
    name: str
    truth: str
    prediction: str
    sides: tuple[Side, ...]
    stability: tuple[str, float] | None


def is_contrastive(finding: Finding | None) -> bool:
    """Return whether a finding holds instances beside what was changed or kept of them."""
    if finding is None or not modes_of(finding):
        return False
    needed = ["original", *(f"{mode.lower()}{end}" for mode in modes_of(finding) for end in ("", "_change"))]
    needed += ["baseline"] * ("PP" in modes_of(finding))
    columns = ["answer", *(f"{mode.lower()}_{end}" for mode in modes_of(finding) for end in ("class", "changed"))]
    return set(needed) <= set(finding.arrays) and set(columns) <= set(finding.tables["samples"].columns)


def modes_of(finding: Finding) -> list[Mode]:
    """Return which kinds of explanations the finding holds, also where their contents are left out."""
    samples = finding.tables.get("samples", pd.DataFrame())
    return [mode for mode in MODES if f"{mode.lower()}_status" in samples.columns]


def pictured(finding: Finding) -> bool:
    """Return whether the instances are pictures."""
    return finding.arrays["original"].ndim == 4


def instance_of(finding: Finding, place: int, subject: Subject | None = None) -> Instance:
    """Return the instance of a row of ``samples``.

    Parameters
    ----------
    finding : Finding
    place : int
    subject : Subject, optional
        The one that was measured: then every feature is given in its own units, else those that differ.
    """
    row = finding.tables["samples"].iloc[place]
    sides = tuple(_side(finding, mode, place, row, subject) for mode in modes_of(finding))
    table = finding.tables.get("stability")
    stability = None if table is None else (str(table["status"].iloc[place]), float(table["overlap"].iloc[place]))
    truth = str(row["class"]) if "class" in row.index else ""
    return Instance(place, str(row["part"]), str(row["id"]), truth, str(row["answer"]), sides, stability)


def _side(finding: Finding, mode: Mode, place: int, row: "pd.Series[Any]", subject: Subject | None) -> Side:
    key = f"{mode.lower()}_"
    cells: Sequence[Cell] | None = None
    if f"{key}change" in finding.arrays and not pictured(finding):
        cells = _decoded_cells(finding, mode, place, subject) if subject else _table_cells(finding, mode, place)
    wanted = ("distance", "l1", "changed", "margin", "ae_error")
    measures = {name: float(row[key + name]) for name in wanted if key + name in row.index}
    status = str(row[key + "status"])
    return Side(mode, status, str(row[key + "class"]), tuple(cells or ()), cells is not None, measures)


def _decoded_cells(finding: Finding, mode: Mode, place: int, subject: Subject) -> list[Cell]:
    """Return every feature, decoded by the subject that was measured."""
    arrays = finding.arrays
    origin = arrays["original" if mode == "PN" else "baseline"][place]
    samples = np.stack([origin, arrays[mode.lower()][place], arrays["original"][place]])
    if subject.decode is not None:
        frame = subject.decode(samples)
    else:
        names = list(subject.feature_names) or [f"x{column}" for column in range(samples.shape[1])]
        frame = pd.DataFrame(samples, columns=names)
    sizes = arrays[f"{mode.lower()}_change"][place]
    rows = zip(frame.columns, (frame.iloc[:, column].tolist() for column in range(frame.shape[1])), sizes, strict=True)
    cells = []
    for name, values, size in rows:
        # what counts as unchanged may differ by rounding
        before, after, value = distinguishable(values if size > 0 else [values[0], values[0], *values[2:]])
        cells.append(Cell(str(name), before, after, value, float(size)))
    return cells


def _table_cells(finding: Finding, mode: Mode, place: int) -> list[Cell] | None:
    """Return the features that differ as the table ``rows`` gives them; None where it does not."""
    rows, ids = finding.tables.get("rows"), finding.tables["samples"]["id"].astype(str)
    if rows is None or (ids == ids.iloc[place]).sum() > 1:
        return None
    differing = rows[(rows["id"].astype(str) == ids.iloc[place]) & (rows["mode"] == mode)]
    if differing.empty and (finding.arrays[f"{mode.lower()}_change"][place] > 0).any():
        return None
    columns = zip(
        differing["feature"],
        differing["from"],
        differing["to"],
        differing["original"],
        differing["change"],
        strict=True,
    )
    return [Cell(str(name), str(a), str(b), str(c), float(size)) for name, a, b, c, size in columns]


def distinguishable(values: Sequence[Any]) -> list[str]:
    """Return values as text, numbers with four digits or as many as it takes to distinguish those that differ."""
    for digits in range(4, 18):
        texts = [_text(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def _text(value: Any, digits: int) -> str:
    if not isinstance(value, float) or not np.isfinite(value):
        return "missing" if isinstance(value, float) and np.isnan(value) else str(value)
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{digits}g}".replace("-", "−")
    whole = len(str(int(abs(value))))
    text = np.format_float_positional(value, precision=max(digits, whole), fractional=False, trim="-")
    return text.replace("-", "−")
