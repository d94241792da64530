"""One plain sentence for each judged number: the template of its measure, filled in."""

import math

import numpy as np

from xrai_widgets.core import Measure, Outcome, registered
from xrai_widgets.results.policy import Check

_BEYOND = {True: "more than any found", False: "less than any found"}
_MOST_DIGITS = 15


class _Number:
    """A number with its interval, or a limit, as a template asks for it: as it is, in 100, or as a factor (exp)."""

    def __init__(self, numbers: tuple[float, ...], apart_from: tuple[float, ...]) -> None:
        self.numbers, self.apart_from = numbers, apart_from

    def __format__(self, scale: str) -> str:
        readings = (self._texts(scale, digits) for digits in range(3, _MOST_DIGITS + 1))
        texts = next(texts for texts in readings if texts)
        first, *ends = texts
        return f"{first} ({ends[0]} to {ends[1]})" if ends and set(ends) != {first} else first

    def _texts(self, scale: str, digits: int) -> list[str]:
        """Return the numbers; nothing where two that differ read alike, as a value and the limit that it exceeds."""
        texts = [_text(x, scale, digits) for x in self.numbers]
        alike = any(
            x != y and text == _text(y, scale, digits)
            for x, text in zip(self.numbers, texts, strict=True)
            for y in self.apart_from
        )
        return [] if alike and digits < _MOST_DIGITS else texts


def sentence_of(check: Check, measure: Measure | None) -> str:
    """Return what a judged number says in plain words; nothing where there is no number, limit or template."""
    if measure is None or not measure.sentence or check.threshold is None or check.value != check.value:
        return ""
    limit = check.threshold.value
    numbers = (check.value, check.low, check.high)
    return measure.sentence.format(value=_Number(numbers, (limit,)), limit=_Number((limit,), numbers))


def plain_sentence(outcome: Outcome, check: Check) -> str:
    """Return the sentence of an outcome's judged number, by the measure of its assessment."""
    entry = registered().get(outcome.assessment)
    measures = entry.measures if entry is not None else ()
    return sentence_of(check, next((measure for measure in measures if measure.key == check.key), None))


def _text(x: float, scale: str, digits: int) -> str:
    if scale == "100":
        x = 100 * x
    elif scale == "exp":
        x = math.exp(x) if x < math.log(1e300) else math.inf
    if math.isinf(x):
        return _BEYOND[x > 0]
    return np.format_float_positional(x, precision=digits, fractional=False, trim="-").replace("-", "−")
