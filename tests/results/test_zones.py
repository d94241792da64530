"""The safe and the unsafe zone, and where an interval lies between them."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from xrai_widgets.core import Finding, Outcome
from xrai_widgets.reporting.compose import report
from xrai_widgets.results import html
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.zone_axis import Zone
from xrai_widgets.results.zones import zone, zones

MIA, EVASION = "privacy.membership_inference", "robustness.evasion"


def outcome(low: float, value: float, high: float, name: str = MIA, key: str = "advantage") -> Outcome:
    finding = Finding({key: value, "precision": 0.5}, {key: (low, high)}, {key: 200})
    return Outcome(name, "f" * 64, "model", {}, "ok", finding)


def made(given: Outcome, policy: Policy | None = None, within: tuple[float, float] | None = None) -> Zone:
    check = judge(given, policy or Policy.default()).checks[0]
    return zone(check, given, within)


def with_controls(given: Outcome, *rows: tuple[object, ...]) -> Outcome:
    assert given.finding is not None
    table = pd.DataFrame(rows, columns=["control", "measure", "value", "low", "high", "n", "note"])
    return replace(given, finding=replace(given.finding, tables={"controls": table}))


@pytest.mark.parametrize(
    ("low", "value", "high", "said"),
    [
        (
            -0.02,
            0.03,
            0.08,
            "a stronger one may get more. Guessing gives 0, which the interval contains.",
        ),
        (0.02, 0.09, 0.16, "The interval lies in both zones"),
        (0.12, 0.2, 0.28, "The whole interval lies in the unsafe zone. Guessing gives 0, which the interval excludes."),
    ],
)
def test_the_verdict_is_said_by_where_the_interval_lies(low: float, value: float, high: float, said: str) -> None:
    assert said in made(outcome(low, value, high)).says


def test_the_unsafe_zone_is_beyond_the_threshold_on_the_bad_side() -> None:
    lower = made(outcome(0.12, 0.2, 0.28))
    assert lower.safe == (0.0, lower.limit)
    assert lower.unsafe == (lower.limit, 100.0)
    assert lower.at(0.12) > lower.limit > lower.at(0.0) > 0
    higher = made(outcome(0.6, 0.7, 0.8, EVASION, "robust_accuracy"))
    assert higher.unsafe == (0.0, higher.limit)
    assert higher.at(0.6) > higher.limit


def test_no_zone_lies_at_a_fixed_half() -> None:
    auc = made(outcome(0.78, 0.81, 0.84, key="auc"))
    assert (auc.threshold, auc.chance) == (None, 0.5)
    drawn = html.render("zone.html", zone=auc)
    assert "#d55e00" not in drawn
    assert "guessing: 0.5" in drawn


def test_a_threshold_that_moves_moves_its_zone_while_the_axis_stays() -> None:
    given, policy = outcome(0.12, 0.2, 0.28), Policy.default()
    first = made(given, policy, (0.1, 0.1))
    second = made(given, policy.with_threshold(MIA, "advantage", 0.25), (0.1, 0.1))
    assert (first.low, first.high) == (second.low, second.high)
    assert second.limit > first.limit
    assert (first.status, second.status) == ("fail", "warn")
    assert html.check(given, judge(given, policy).checks[0], (0.1, 0.1)).count(f'x1="{first.limit}%"') == 2


def test_an_interval_without_end_reaches_the_end_of_the_axis() -> None:
    given = outcome(0.4, 0.5, float("inf"), "privacy.pdtp", "worst_excess")
    found = made(given)
    assert found.at(float("inf")) == 100.0
    assert found.high < 2
    assert "∞" in found.alt


def test_everything_is_said_in_the_text_alternative() -> None:
    given = with_controls(outcome(0.12, 0.2, 0.28), ("constant model", "advantage", 0.0, -0.05, 0.05, 200, "near 0"))
    alt = made(given).alt
    assert alt.startswith(
        "membership advantage (TPR − FPR): this model 0.2 [0.12, 0.28]; constant model 0 [−0.05, 0.05]."
    )
    assert "Safe zone: ≤ 0.1." in alt


def test_controls_stand_on_the_same_axis_and_the_models_own_row_only_once() -> None:
    given = with_controls(
        outcome(0.12, 0.2, 0.28),
        ("your model", "advantage", 0.2, 0.12, 0.28, 200, ""),
        ("constant model", "advantage", 0.0, -0.05, 0.05, 200, "should be near 0"),
        ("memorising model", "advantage", 1.0, 0.98, 1.0, 200, ""),
        ("no model", "advantage", float("nan"), float("nan"), float("nan"), None, "could not be measured"),
        ("constant model", "auc", 0.5, 0.4, 0.6, 200, ""),
    )
    found = made(given)
    assert [row.name for row in found.rows] == ["this model", "constant model", "memorising model", "no model"]
    assert found.at(1.0) < 100
    drawn = html.check(given, judge(given).checks[0])
    assert drawn.count("<circle") == 3, "what was not measured has no point"
    assert "no model: could not be measured" in drawn
    assert "not measured" in drawn


def test_without_controls_there_is_the_number_alone() -> None:
    given = outcome(0.12, 0.2, 0.28)
    assert [row.is_model for row in made(given).rows] == [True]
    assert html.controls(given, judge(given)) == ""


def test_a_number_that_is_not_judged_is_shown_among_its_controls() -> None:
    given = with_controls(
        outcome(0.7, 0.8, 0.9, "privacy.shapr", "knn_accuracy"),
        ("memorising model", "knn_accuracy", 0.6, 0.5, 0.7, 200, ""),
        ("memorising model", "precision", 0.6, 0.5, 0.7, 200, ""),
    )
    verdict = judge(given)
    judged, others = zones(given, verdict)
    assert judged == []
    assert [one.key for one in others] == ["knn_accuracy", "precision"]
    shown = html.controls(given, verdict)
    assert "K-neighbour accuracy in output space: this model among the controls" in shown
    assert "1 more number among the controls: precision" in shown


def test_names_of_controls_are_escaped() -> None:
    given = with_controls(outcome(0.12, 0.2, 0.28), ("<script>x", "advantage", 0.0, -0.05, 0.05, 200, "<img src=x>"))
    drawn = html.check(given, judge(given).checks[0])
    assert "<script" not in drawn
    assert "<img" not in drawn


def test_the_board_shows_the_zones_and_what_guessing_gives() -> None:
    board = html.scoreboard([outcome(0.12, 0.2, 0.28)], Policy.default())
    picture = next(part for part in re.findall(r"<svg.*?</svg>", board) if "#d55e00" in part)
    assert picture.count("<rect") == 2, "a safe and an unsafe side"
    assert 'stroke-dasharray="2 2"' in picture, "what guessing gives"


def test_a_report_shows_the_zones() -> None:
    text = report([outcome(0.12, 0.2, 0.28)]).to_html()
    assert 'class="xrai-zone"' in text
    assert "The whole interval lies in the unsafe zone." in text
