"""A whole run as code: each form, executed, gives the numbers of the board."""

import json
import shlex
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.command import called, typed
from xrai_widgets.core import Assessment, Origin, Outcome, Subject
from xrai_widgets.io.plans import read_plan_file
from xrai_widgets.reporting.compose import report
from xrai_widgets.reporting.saved import read_policy, read_report
from xrai_widgets.results import html, run_as_code
from xrai_widgets.results.policy import Policy
from xrai_widgets.results.waiver import Waiver
from xrai_widgets.runtime import assess, run, run_plan
from xrai_widgets.widgets import RunCode

pytestmark = pytest.mark.usefixtures("without_controls")

MIA, LABELS = "privacy.membership_inference", "privacy.label_only"
ODD = 'it is "fine" \\ for now\n# not a comment'


@pytest.fixture(scope="module")
def outcomes(credit: Subject, assessments_alone: dict[str, Assessment]) -> list[Outcome]:
    few = {"n_samples": 20, "copies": 2, "noise": (0.1, 0.5), "attack_train_ratio": 0.4, "thresholds": "per class"}
    asked: list[tuple[str, dict[str, Any]]] = [(MIA, {"repeats": 3, "thresholds": "per class"}), (LABELS, few)]
    return [run(credit, assessments_alone[name], params) for name, params in asked]


@pytest.fixture(scope="module")
def policy() -> Policy:
    waiver = Waiver(MIA, "advantage", "O'Neill", ODD, date.today() + timedelta(days=5), "german_credit_forest")
    return Policy.default().with_threshold(MIA, "advantage", 0.2).with_waiver(waiver)


def numbers(outcomes: list[Outcome]) -> list[Any]:
    found = [outcome.finding for outcome in outcomes]
    return [(f.values, f.intervals, f.counts) for f in found if f is not None]


def executed(line: str, folder: Path, run: Callable[..., Any] = called) -> list[Outcome]:
    words = shlex.split(line)
    assert words[0] == "xrai-widgets"
    done = run(*words[1:], "--out", "again.json", cwd=folder)
    assert done.returncode in (0, 1, 4), done.stderr
    assert (folder / "report.html").exists()
    return read_report(folder / "again.json")


def test_the_notebook_cell_gives_the_same_numbers_and_verdicts(
    outcomes: list[Outcome], policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(run_as_code.run_as_python(outcomes, policy), names)
    assert numbers(names["outcomes"]) == numbers(outcomes)
    assert names["policy"] == policy
    assert (tmp_path / "report.html").exists()


def test_the_plan_gives_the_same_numbers_and_policy(
    outcomes: list[Outcome], policy: Policy, tmp_path: Path, credit: Subject
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(run_as_code.run_as_plan(outcomes, policy), encoding="utf-8")
    found = read_plan_file(file)
    assert found.example == "german_credit_forest"
    assert Policy.of(found.policy or {}) == policy
    assert numbers(run_plan(credit, file)) == numbers(outcomes)


def test_the_command_line_with_the_plan_gives_the_same_numbers_and_policy(
    outcomes: list[Outcome], policy: Policy, tmp_path: Path
) -> None:
    (tmp_path / "run.toml").write_text(run_as_code.run_as_plan(outcomes, policy), encoding="utf-8")
    line = run_as_code.run_as_command(outcomes, policy)
    assert "--plan run.toml" in line
    assert numbers(executed(line, tmp_path, typed)) == numbers(outcomes)
    assert read_policy(tmp_path / "again.json") == policy


def test_the_command_line_alone_gives_the_same_numbers_by_the_packaged_policy(
    outcomes: list[Outcome], tmp_path: Path
) -> None:
    line = run_as_code.run_as_command(outcomes, Policy.default())
    assert "--plan" not in line
    assert numbers(executed(line, tmp_path)) == numbers(outcomes)
    assert read_policy(tmp_path / "again.json") == Policy.default()


def test_the_same_assessment_twice_is_in_every_form(credit: Subject, tmp_path: Path) -> None:
    twice = [assess(credit, "privacy.shapr"), assess(credit, "privacy.shapr", n_neighbors=5)]
    file = tmp_path / "run.toml"
    file.write_text(run_as_code.run_as_plan(twice, Policy()), encoding="utf-8")
    assert numbers(run_plan(credit, file)) == numbers(twice)
    assert read_plan_file(file).policy == {}
    assert "--plan run.toml" in run_as_code.run_as_command(twice, Policy.default())


def test_a_model_of_ones_own_has_a_place_for_its_file(outcomes: list[Outcome]) -> None:
    from dataclasses import replace

    own = [replace(outcome, origin=Origin()) for outcome in outcomes]
    assert "MODEL.skops --data TABLE.csv --target COLUMN --run" in run_as_code.run_as_command(own, Policy.default())
    assert "[subject]" not in run_as_code.run_as_plan(own, Policy.default())
    assert "# subject = xw.Subject.of(" in run_as_code.run_as_python(own, Policy.default())


def test_a_command_without_a_model_or_a_plan_that_names_one_is_refused(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from xrai_widgets.cli import app

    (tmp_path / "plan.toml").write_text('["privacy.shapr"]\n')
    for arguments in ((), ("--plan", str(tmp_path / "plan.toml"))):
        done = CliRunner().invoke(app, ["assess", *arguments])
        assert done.exit_code == 2
        assert "name a model" in " ".join(done.output.replace("│", " ").split())


def test_the_widget_and_the_report_hold_the_code(outcomes: list[Outcome], policy: Policy) -> None:
    widget = RunCode(outcomes, policy)
    assert [title for title, _ in widget.blocks] == ["Python", "run.toml", "Command line"]
    widget.policy = Policy.default()
    assert "--set" in widget.blocks[2][1]
    assert "--plan run.toml" in report(outcomes, policy).to_html()
    assert json.loads(report(outcomes, policy).to_json())["policy"] == policy.to_toml()


def test_two_subjects_have_a_set_of_code_each(outcomes: list[Outcome], regression: Subject) -> None:
    blocks = html.run_blocks([*outcomes, assess(regression, MIA)], Policy.default())
    assert len(blocks) == 6
    assert blocks[3][0] == "Python on diabetes_tree"
