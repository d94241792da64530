"""Verdicts: intervals against thresholds."""

from pathlib import Path

import pytest

from xrai_widgets.core import Finding, Outcome, registered
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.threshold import Threshold

MIA = "privacy.membership_inference"


def outcome(value: float, low: float, high: float, status: str = "ok") -> Outcome:
    finding = Finding({"advantage": value, "other": 3.0}, {"advantage": (low, high), "other": (2, 4)}, {"advantage": 9})
    return Outcome(MIA, "f" * 64, "model", {}, status, finding, reason="because" if status != "ok" else "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "bound", "expected"),
    [
        (0.0, 0.1, "max", "pass"),
        (0.05, 0.15, "max", "warn"),
        (0.11, 0.2, "max", "fail"),
        (0.1, 0.2, "min", "pass"),
        (0.05, 0.15, "min", "warn"),
        (0.0, 0.09, "min", "fail"),
        (0.2, float("inf"), "min", "pass"),
        (float("-inf"), float("inf"), "max", "warn"),
    ],
)
def test_the_interval_decides_and_not_the_value(low: float, high: float, bound: str, expected: str) -> None:
    assert Threshold(bound, 0.1).judge(low, high) == expected  # type: ignore[arg-type]


def test_only_measures_with_a_threshold_are_judged() -> None:
    verdict = judge(outcome(0.2, 0.15, 0.25), Policy.default())
    assert verdict.status == "fail"
    assert {check.key: check.status for check in verdict.checks} == {"advantage": "fail", "other": "not judged"}


@pytest.mark.parametrize("status", ["not applicable", "cancelled", "error"])
def test_an_outcome_that_did_not_end_well_is_not_judged_even_with_a_finding(status: str) -> None:
    verdict = judge(outcome(0.9, 0.8, 1.0, status), Policy.default())
    assert verdict.status == "not judged"
    assert "because" in verdict.reason


def test_without_an_entry_nothing_is_judged() -> None:
    assert judge(outcome(0.9, 0.8, 1.0), Policy()).status == "not judged"


def test_a_value_that_is_not_a_number_is_not_judged() -> None:
    finding = Finding({"advantage": float("nan")}, {"advantage": (float("nan"), float("nan"))})
    assert judge(Outcome(MIA, "f", "m", {}, "ok", finding)).status == "not judged"


def test_moving_a_threshold_makes_a_new_policy_and_another_verdict() -> None:
    policy = Policy.default()
    moved = policy.with_threshold(MIA, "advantage", 0.5)
    assert judge(outcome(0.2, 0.15, 0.25), moved).status == "pass"
    assert judge(outcome(0.2, 0.15, 0.25), policy).status == "fail"


def test_a_new_threshold_takes_the_measures_good_side() -> None:
    policy = Policy().with_threshold("robustness.evasion", "median_distance", 0.2)
    assert policy.threshold("robustness.evasion", "median_distance") == Threshold("min", 0.2)


def test_the_packaged_policy_is_right_about_every_name() -> None:
    assert Policy.parse(Policy.default().to_toml()) == Policy.default()


def test_a_policy_survives_its_file(tmp_path: Path) -> None:
    policy = Policy.default().with_threshold(MIA, "advantage", 0.123456789)
    file = tmp_path / "policy.toml"
    file.write_text(policy.to_toml())
    assert Policy.load(file) == policy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('["privacy.membership_infrence"]\nadvantage = {max = 0.1}', r"did you mean 'privacy.membership_inference'"),
        (f'["{MIA}"]\nadvantge = {{max = 0.1}}', r"measure 'advantge'.*did you mean 'advantage'"),
        (f'["{MIA}"]\nadvantage = {{maximum = 0.1}}', r"must have max or min, got 'maximum'; did you mean 'max'"),
        (f'["{MIA}"]\nadvantage = {{min = 0.1}}', r"must have max \(lower is better\), got min"),
        (f'["{MIA}"]\nadvantage = {{max = "0.1"}}', r"must be a number, got '0.1'"),
        (f'["{MIA}"]\nadvantage = {{max = true}}', r"must be a number, got True"),
        (f'["{MIA}"]\nadvantage = 0.1', r"must be \{ max = … \} or \{ min = … \}, got 0.1"),
        ('["privacy.shapr"]\nshapr_p95 = {max = 1}', r"allowed: none: it is not judged"),
        ("advantage = 3", r"must hold tables"),
        ("not toml at all =", r"policy must be TOML"),
    ],
)
def test_a_policy_with_a_typo_is_refused_with_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Policy.parse(text)


def test_a_policy_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        Policy.load(tmp_path / "missing.toml")


def test_thresholds_of_custom_engines_need_no_registration() -> None:
    policy = Policy.parse('["custom.mine"]\nscore = {max = 1.0}')
    assert policy.threshold("custom.mine", "score") == Threshold("max", 1.0)
    assert "custom.mine" not in registered()
