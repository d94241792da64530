"""What the scoreboard says of a measure: its meaning, and how to judge it where the policy does not."""

from dataclasses import replace

import numpy as np
import pytest

import xrai_widgets as xw
from xrai_widgets.core import Array, Finding, Measure, Outcome, Step, quiet
from xrai_widgets.core.assessment import _registry
from xrai_widgets.results import html
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.widgets import PolicyEditor, Scoreboard

CEM = "explanations.cem"
TABLE = '["explanations.cem"]'


def outcome(median: float = 0.4) -> Outcome:
    values = {"pn_share": 0.9, "median_pn_distance": median, "validity": 1.0}
    intervals = {"pn_share": (0.8, 0.95), "median_pn_distance": (0.3, 0.5), "validity": (0.9, 1.0)}
    return Outcome(CEM, "f" * 64, "model", {}, "ok", Finding(values, intervals, dict.fromkeys(values, 20)))


def test_distance_as_a_proxy_for_robustness_stands_on_the_board_with_its_meaning_and_a_way_to_judge_it() -> None:
    said = html.scoreboard([outcome()], Policy.default())
    assert "median distance to another prediction" in said
    assert "How far the typical sample is from another prediction" in said
    assert "attack with robustness.evasion" in said
    assert "Samples whose prediction some allowed change alters" in said
    assert said.count("no threshold: set one") == 2, "validity is no measure: nothing can be set for it"
    assert "median_pn_distance = { min = … }</code>" in said
    assert "pn_share = { max = … }</code>" in said
    assert html.values(outcome(), judge(outcome(), Policy.default())).count("no threshold: set one") == 2


def test_a_meaning_is_told_once_for_all_models() -> None:
    others = [replace(outcome(), subject=letter * 64, subject_name=letter) for letter in "ab"]
    said = html.scoreboard(others, Policy.default())
    assert said.count("How far the typical sample is from another prediction") == 1
    assert said.count("no threshold: set one") == 4


@pytest.mark.parametrize(("least", "status"), [(0.2, "not refuted"), (0.4, "warn"), (0.6, "fail")])
def test_what_the_board_says_to_write_judges_the_measure(least: float, status: str) -> None:
    editor = PolicyEditor()
    board = Scoreboard([outcome()], policy=editor.policy)
    editor.text.value += f"\n{TABLE}\nmedian_pn_distance = {{ min = {least} }}\n"
    editor.button.click()
    board.policy = editor.policy
    verdict = {check.key: check.status for check in judge(outcome(), editor.policy).checks}
    assert verdict == {"pn_share": "not judged", "median_pn_distance": status, "validity": "not judged"}
    assert f"≥ {least:g}" in board.view.value
    assert board.view.value.count("no threshold: set one") == 1
    assert "pn_share = { max" in board.view.value
    assert "median_pn_distance = { min" not in board.view.value


def test_the_wrong_side_is_refused_with_the_right_one() -> None:
    with pytest.raises(ValueError, match=r"median_pn_distance must have min \(higher is better\), got max"):
        Policy.parse(f"{TABLE}\nmedian_pn_distance = {{ max = 1.0 }}")


def test_a_measure_of_ones_own_says_what_it_means_escaped() -> None:
    @xw.assessment(title="odd", measures=[Measure("odd", "higher", meaning="<b>bold</b> & odd")])
    def says_odd(X: Array, *, step: Step = quiet) -> Finding:
        """Say something odd."""
        return Finding({"odd": 1.0})

    try:
        finding = says_odd(np.zeros((1, 1)))
        said = html.scoreboard([Outcome("custom.says_odd", "f", "m", {}, "ok", finding)], Policy())
    finally:
        _registry.pop("custom.says_odd")
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; odd" in said
    assert "<b>" not in said
