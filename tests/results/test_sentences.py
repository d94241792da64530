"""What a judged number says to somebody who knows none of the words."""

import math
import re
from typing import Any

import pytest

from xrai_widgets.core import Finding, Measure, Outcome, registered
from xrai_widgets.reporting.compose import report
from xrai_widgets.results import html
from xrai_widgets.results.policy import Check, Policy, judge
from xrai_widgets.results.sentences import plain_sentence, sentence_of
from xrai_widgets.results.threshold import Threshold
from xrai_widgets.widgets.threshold_slider import ThresholdSlider

JUDGED = [
    pytest.param(entry.name, measure, id=f"{entry.name}-{measure.key}")
    for entry in registered().values()
    for measure in entry.measures
    if entry.family != "custom"
]
NUMBERS = [
    (0.04, 0.01, 0.09),
    (0.1004, 0.1001, 0.2),
    (0.3, 0.3, 0.3),
    (-0.05, -0.2, 0.1),
    (0.7, 0.2, math.inf),
    (math.inf, 0.4, math.inf),
    (1e-6, 0.0, 1.0),
]


def check(measure: Measure, value: float, low: float, high: float, limit: float = 0.1) -> Check:
    threshold = Threshold("max" if measure.better == "lower" else "min", limit)
    return Check(measure.key, value, low, high, 100, threshold, "fail")


def outcome(assessment: str, **values: float) -> Outcome:
    intervals = {key: (value - 0.02, value + 0.02) for key, value in values.items()}
    finding = Finding(values, intervals, dict.fromkeys(values, 500))
    return Outcome(assessment, "f" * 64, "model", {}, "ok", finding)


@pytest.mark.parametrize(("name", "measure"), JUDGED)
@pytest.mark.parametrize("numbers", NUMBERS, ids=str)
def test_every_judged_measure_says_its_number_in_a_plain_sentence(
    name: str, measure: Measure, numbers: tuple[float, float, float]
) -> None:
    said = sentence_of(check(measure, *numbers), measure)
    assert re.fullmatch(r"[A-Z][^{}]*\.", said), said
    assert not re.search(r"[^A-Za-z0-9 .,;:()'−-]", said), said  # no sign that is no word
    assert not re.search(r"\b(AUC|TPR|FPR|PN|PP|inf|nan|e-\d+)\b", said), said
    assert said.count(";") == 1, said
    side = "at most" if measure.better == "lower" else "at least"
    assert re.search(rf"{side} [\d.−]+ (in 100 )?(times )?(are|is) (allowed|asked for)\.$", said), said


@pytest.mark.parametrize(("name", "measure"), JUDGED)
def test_a_value_beyond_its_limit_does_not_read_as_the_limit(name: str, measure: Measure) -> None:
    for value in (0.10004, 0.09996):
        said = sentence_of(check(measure, value, 0.05, 0.15), measure)
        before, after = said.split(";")
        number = re.search(r"([\d.]+) \(", before)
        limit = re.search(r"(?:most|least) ([\d.]+)", after)
        assert number is not None
        assert limit is not None
        assert (float(number[1]) > float(limit[1])) is (value > 0.1), said


def test_shares_are_told_in_100_and_logarithms_as_factors() -> None:
    measures = {m.key: m for entry in registered().values() for m in entry.measures}
    assert sentence_of(check(measures["advantage"], 0.12, 0.08, 0.16), measures["advantage"]) == (
        "An outsider takes 12 (8 to 16) more in 100 members for members than in 100 others; at most 10 are allowed."
    )
    worst = measures["worst_excess"]
    assert "2 (1 to 4) times as likely or unlikely" in sentence_of(
        check(worst, math.log(2), 0.0, math.log(4), math.log(3)), worst
    )
    assert "at most 3 times are allowed" in sentence_of(check(worst, 0.1, 0.0, 0.2, math.log(3)), worst)


def test_what_has_no_number_no_limit_or_no_template_says_nothing() -> None:
    measure = Measure("auc", "lower", sentence="It is {value}; at most {limit} is allowed.")
    assert sentence_of(check(measure, 0.5, 0.4, 0.6), measure) == "It is 0.5 (0.4 to 0.6); at most 0.1 is allowed."
    assert sentence_of(check(measure, math.nan, math.nan, math.nan), measure) == ""
    assert sentence_of(Check("auc", 0.5, 0.4, 0.6, 10, None, "not judged"), measure) == ""
    assert sentence_of(check(measure, 0.5, 0.4, 0.6), Measure("auc", "lower")) == ""
    assert plain_sentence(outcome("custom.unknown", auc=0.5), check(measure, 0.5, 0.4, 0.6)) == ""


@pytest.mark.parametrize("wrong", ["{value}", "{value} {limit} {mean}", "{value:.2f} {limit}", "nothing", "{} {limit}"])
def test_a_template_that_could_not_be_filled_in_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="sentence of the measure 'auc' must hold"):
        Measure("auc", "lower", sentence=wrong)


def everywhere(made: Outcome, policy: Policy) -> dict[str, Any]:
    written = report([made], policy)
    key = next(c.key for c in judge(made, policy).checks if c.threshold)
    return {
        "slider": ThresholdSlider(made, key, policy).verdict.value,
        "check": html.check(made, judge(made, policy).checks[0]),
        "html": written.to_html().split("At a glance")[1].split("Scoreboard")[0],
        "markdown": written.to_markdown().split("At a glance")[1].split("## Results")[0],
    }


def test_the_sentence_stands_at_the_verdict_and_at_a_glance() -> None:
    made = outcome("privacy.membership_inference", advantage=0.2)
    for where, text in everywhere(made, Policy.default()).items():
        assert "An outsider takes 20 (18 to 22) more in 100 members" in text, where


def test_a_moved_limit_is_the_limit_of_the_sentence() -> None:
    made = outcome("privacy.membership_inference", advantage=0.2)
    slider = ThresholdSlider(made, "advantage")
    slider.slider.value = 0.25
    assert "at most 25 are allowed" in slider.verdict.value
