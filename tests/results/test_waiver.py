"""Waivers: who, why, until when; kept beside the true verdict."""

import json
from datetime import date, timedelta
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from xrai_widgets.cli import app
from xrai_widgets.core import Finding, Outcome
from xrai_widgets.reporting.compose import report
from xrai_widgets.reporting.formats.json import schema
from xrai_widgets.reporting.saved import read_policy, read_report
from xrai_widgets.results import html
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.tables import scoreboard_table
from xrai_widgets.results.waiver import Waiver

MIA = "privacy.membership_inference"
TODAY = date.today()
LATER = date.today() + timedelta(days=30)


def outcome(subject: str = "ab12" * 16, name: str = "forest", value: float = 0.5) -> Outcome:
    values = {"advantage": value, "tpr_at_fpr_1pct": 0.01}
    finding = Finding(values, {"advantage": (value - 0.1, value + 0.1), "tpr_at_fpr_1pct": (0.0, 0.02)})
    return Outcome(MIA, subject, name, {}, "ok", finding, started="2027-01-01T00:00:00+00:00")


def waived(until: date = LATER, subject: str = "", who: str = "A. Smith") -> Policy:
    return Policy.default().with_waiver(Waiver(MIA, "advantage", who, "retrained in March", until, subject))


def test_the_verdict_stays_and_is_marked_as_waived() -> None:
    verdict = judge(outcome(), waived(), TODAY)
    assert (verdict.status, verdict.waived, verdict.failed) == ("fail", True, False)
    check = next(check for check in verdict.checks if check.key == "advantage")
    assert (check.status, check.waived, check.failed) == ("fail", True, False)


def test_a_waiver_is_in_force_on_its_last_day_and_not_on_the_next() -> None:
    policy = waived(TODAY)
    assert judge(outcome(), policy, TODAY).waived
    verdict = judge(outcome(), policy, TODAY + timedelta(days=1))
    assert verdict.failed
    assert not verdict.waived
    check = next(check for check in verdict.checks if check.key == "advantage")
    assert html.waiver_sentence(check).startswith(
        f"No longer waived; the waiver has ended: A. Smith, until {TODAY.isoformat()}"
    )


def test_another_measure_that_fails_is_not_waived_along() -> None:
    both = outcome(value=0.5)
    assert both.finding is not None
    values, intervals = dict(both.finding.values), dict(both.finding.intervals)
    values["tpr_at_fpr_1pct"], intervals["tpr_at_fpr_1pct"] = 0.3, (0.2, 0.4)
    worse = Outcome(MIA, "f" * 64, "forest", {}, "ok", Finding(values, intervals))
    verdict = judge(worse, waived(), TODAY)
    assert verdict.failed
    assert not verdict.waived


@pytest.mark.parametrize(
    ("subject", "covered"),
    [("", True), ("forest", True), ("ab12" * 16, True), ("ab12ab12ab12", True), ("ab12ab1", False), ("other", False)],
)
def test_a_waiver_is_for_all_subjects_or_for_one_by_name_or_fingerprint(subject: str, covered: bool) -> None:
    assert judge(outcome(), waived(subject=subject), TODAY).waived is covered


def test_of_two_waivers_the_one_in_force_counts_then_the_one_for_this_subject() -> None:
    policy = waived(TODAY - timedelta(days=1), "forest", "old").with_waiver(
        Waiver(MIA, "advantage", "new", "because", TODAY)
    )
    found = policy.waiver(outcome(), "advantage", TODAY)
    assert found is not None
    assert found.who == "new"
    own = policy.with_waiver(Waiver(MIA, "advantage", "own", "because", TODAY, "forest"))
    found = own.waiver(outcome(), "advantage", TODAY)
    assert found is not None
    assert found.who == "own"


def test_nothing_to_waive_is_said() -> None:
    verdict = judge(outcome(value=-0.5), waived(), TODAY)
    check = next(check for check in verdict.checks if check.key == "advantage")
    assert verdict.status == "pass"
    assert not check.waived
    assert "nothing to waive" in html.waiver_sentence(check)


def test_a_policy_with_waivers_survives_its_text() -> None:
    odd = 'said "yes"\nand \\ left\t\x7f </script> ] # é'
    policy = waived().with_waiver(Waiver(MIA, "auc", odd, odd, LATER, "m" * 20))
    assert Policy.parse(policy.to_toml()) == policy
    assert policy.without_waiver(policy.waivers[0]).without_waiver(policy.waivers[1]) == Policy.default()


def test_moving_a_threshold_keeps_the_waivers() -> None:
    assert waived().with_threshold(MIA, "advantage", 0.2).waivers == waived().waivers


GOOD = f'assessment = "{MIA}"\nmeasure = "advantage"\nwho = "A"\nwhy = "b"\nuntil = 2027-03-31\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace('why = "b"\n', ""), r"policy, waiver 1 needs why: the reason"),
        (GOOD.replace('why = "b"', 'why = "  "'), r"why of a waiver must be given, got '  '"),
        (GOOD.replace('"b"', "3"), r"why of a waiver must be text, got 3"),
        (GOOD.replace("until", "untill"), r"'untill' is not known; allowed: assessment, .*did you mean 'until'"),
        (GOOD.replace("2027-03-31", '"2027-03-31"'), r"must be a date such as 2027-03-31, without quotes"),
        (GOOD.replace("2027-03-31", "2027-03-31T10:00:00"), r"must be a date such as 2027-03-31"),
        (GOOD.replace("2027-03-31", "2027-02-31"), r"policy must be TOML"),
        (GOOD.replace(MIA, "privacy.membership"), r"names the assessment 'privacy.membership'; allowed"),
        (GOOD.replace("advantage", "advantge"), r"measure 'advantge'.*did you mean 'advantage'"),
        (GOOD + "[[waiver]]\n" + GOOD, r"must waive a measure once, got two waivers for .* advantage"),
    ],
)
def test_a_waiver_with_a_mistake_is_refused_with_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Policy.parse("[[waiver]]\n" + text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[waiver]\n" + GOOD, r"must hold waivers as \[\[waiver\]\] with double brackets"),
        ("[[waivers]]\n" + GOOD, r"got the key 'waivers'; did you mean 'waiver'"),
        ("waiver = 3", r"double brackets, got 3"),
    ],
)
def test_a_list_of_waivers_with_a_mistake_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Policy.parse(text)


def test_every_form_of_the_report_shows_verdict_and_waiver(tmp_path: Path) -> None:
    made = report([outcome()], waived(who="<b>A. Smith</b>"))
    assert not made.failed
    page, card, data = made.to_html(), made.to_markdown(), json.loads(made.to_json())
    assert "&lt;b&gt;A. Smith&lt;/b&gt;" in page
    assert "<b>A. Smith" not in page
    for text in (page, card):
        assert "retrained in March" in text
        assert LATER.isoformat() in text
        assert "fail" in text
    assert "■ fail (waived)" in card
    jsonschema.validate(data, schema())
    verdict = data["verdicts"][0]
    assert (verdict["status"], verdict["waived"]) == ("fail", True)
    check = next(check for check in verdict["checks"] if check["measure"] == "advantage")
    until = LATER.isoformat()
    assert check["waiver"] == {
        "who": "<b>A. Smith</b>",
        "why": "retrained in March",
        "until": until,
        "subject": "",
        "holds": True,
    }
    assert made.families[0].waived


def test_the_scoreboard_table_has_the_waiver() -> None:
    table = scoreboard_table([outcome()], waived()).set_index("measure")
    assert table.loc["advantage", "verdict"] == "fail"
    assert table.loc["advantage", "waived"] == f"A. Smith, until {LATER.isoformat()}: retrained in March"
    assert table.loc["tpr_at_fpr_1pct", "waived"] == ""


@pytest.mark.parametrize(("until", "code"), [(LATER, 0), (date(2020, 1, 1), 1)])
def test_a_saved_report_keeps_its_waivers_and_the_exit_code_honours_them(
    tmp_path: Path, until: date, code: int
) -> None:
    file = report([outcome()], waived(until)).save(tmp_path / "r.json")
    assert read_policy(file) == waived(until)
    said = CliRunner().invoke(app, ["report", str(file), "--out", str(tmp_path / "again.json")])
    assert said.exit_code == code, said.output
    assert "A. Smith" in said.output
    assert ("No longer waived" in said.output) is bool(code)
    again = report(read_report(tmp_path / "again.json"), read_policy(tmp_path / "again.json"))
    assert again.policy.waivers == waived(until).waivers


def test_another_policy_brings_its_own_waivers(tmp_path: Path) -> None:
    file = report([outcome()], waived()).save(tmp_path / "r.json")
    (tmp_path / "bare.toml").write_text(Policy.default().to_toml())
    arguments = ["report", str(file), "--policy", str(tmp_path / "bare.toml"), "--out", str(tmp_path / "x.md")]
    assert CliRunner().invoke(app, arguments).exit_code == 1


def test_a_report_of_the_first_format_is_still_read(tmp_path: Path) -> None:
    data = json.loads(report([outcome()]).to_json())
    data["schema"] = "xrai-widgets/report/1"
    for verdict in data["verdicts"]:
        del verdict["waived"]
    (tmp_path / "old.json").write_text(json.dumps(data))
    assert read_report(tmp_path / "old.json")[0].key == outcome().key
    assert read_policy(tmp_path / "old.json") == Policy.default()


def test_a_report_without_its_policy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"schema": "xrai-widgets/report/2", "outcomes": []}')
    with pytest.raises(ValueError, match="must hold its policy as text, got None"):
        read_policy(tmp_path / "x.json")
