"""How a run ends: no ending that is none reads as a pass."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import xrai_widgets as xw
from tests.readme import README
from xrai_widgets.cli import app
from xrai_widgets.core import Array, Finding, Measure, Outcome, Predict, Step, Subject, assessment, quiet
from xrai_widgets.core.assessment import _registry
from xrai_widgets.reporting import exit_codes
from xrai_widgets.reporting.compose import report
from xrai_widgets.reporting.exit_codes import exit_code, unjudged
from xrai_widgets.results.policy import Policy
from xrai_widgets.results.waiver import Waiver

EVASION, SHAPR = "robustness.evasion", "privacy.shapr"


def outcome(value: float = 0.9, name: str = EVASION, **changes: Any) -> Outcome:
    finding = Finding({"robust_accuracy": value}, {"robust_accuracy": (value - 0.01, value + 0.01)})
    made = Outcome(name, "f" * 64, "m", {}, "ok", finding)
    return replace(made, **changes) if changes.get("status", "ok") == "ok" else replace(made, finding=None, **changes)


FAIL, FINE = outcome(0.1), outcome()
ERROR = outcome(status="error", reason="broke (error 1; the log has the details)")
GAP, CUT = outcome(status="not applicable", reason="labels only"), outcome(status="cancelled", reason="by the user")
HELD = outcome(finding=replace(FINE.finding, unjudged={"robust_accuracy": "the control broke"}))  # type: ignore[type-var]
NOTHING = outcome(name=SHAPR)


@pytest.mark.parametrize(
    ("outcomes", "named", "code"),
    [
        ([FINE], [EVASION], 0),
        ([FINE, NOTHING], [], 0),
        ([outcome(0.5)], [], 0),
        ([FAIL, ERROR], [], 1),
        ([FAIL, HELD], [], 1),
        ([ERROR, FINE], [], 3),
        ([ERROR, HELD], [], 3),
        ([outcome(unsaved="the disk is full")], [], 3),
        ([NOTHING], [], 4),
        ([GAP], [], 4),
        ([FINE, replace(GAP, assessment=SHAPR)], [SHAPR], 4),
        ([FINE, replace(GAP, assessment=SHAPR)], [], 0),
        ([FINE, replace(CUT, assessment=SHAPR)], [SHAPR], 4),
        ([FINE, HELD], [], 4),
    ],
)
def test_the_first_code_that_holds(outcomes: list[Outcome], named: list[str], code: int) -> None:
    made = report(outcomes, named=named)
    assert exit_code(made) == code
    assert exit_code(made, allow_unjudged=True) == (0 if code == 4 else code)
    assert exit_code(made, interrupted=True) == 130
    assert bool(unjudged(made)) == (exit_code(made) == 4 or (code in (1, 3) and HELD in outcomes))


def test_a_waived_failure_is_none_and_a_limit_without_a_number_is_not_judged() -> None:
    import datetime

    waiver = Waiver(EVASION, "robust_accuracy", "me", "because", datetime.date(2999, 1, 1))
    assert exit_code(report([FAIL], Policy.default().with_waiver(waiver))) == 0
    missing = Policy.default().with_threshold(EVASION, "median_distance", 0.1)
    assert exit_code(report([FINE], missing)) == 4
    assert unjudged(report([FINE], missing)) == [
        f"{EVASION}: median distance is not judged, this run gives no such number"
    ]


def test_the_codes_stand_in_one_table_in_the_readme_and_the_help() -> None:
    assert exit_codes.table() in README.read_text(encoding="utf-8")
    for command in ([], ["assess"], ["report"]):
        text = " ".join(CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"}).output.split())
        for code, meaning in exit_codes.MEANINGS.items():
            assert f"{code} {meaning.split(',')[0]}" in text, command


def test_a_saved_report_ends_as_its_run_did(tmp_path: Path) -> None:
    file = report([FINE, replace(GAP, assessment=SHAPR)], named=[SHAPR]).save(tmp_path / "r.json")
    arguments = ["report", str(file), "--out", str(tmp_path / "r.md")]
    assert CliRunner().invoke(app, arguments).exit_code == 4
    assert CliRunner().invoke(app, [*arguments, "--allow-unjudged"]).exit_code == 0
    said = CliRunner().invoke(app, arguments).output
    assert f"{SHAPR} was asked for and ended not applicable" in said


@pytest.fixture
def ending() -> Iterator[dict[str, Any]]:
    """An engine that raises what the test puts into it."""
    box: dict[str, Any] = {}

    @assessment(title="Ends", measures=(Measure("share", "lower"),))
    def ends(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
        """End as the test wants it."""
        raise box["error"]

    yield box
    _registry.pop("custom.ends")


def test_a_model_that_ends_the_program_is_an_error(logistic: Subject, ending: dict[str, Any]) -> None:
    ending["error"] = SystemExit(0)
    made = xw.assess(logistic, "custom.ends")
    assert made.status == "error"
    assert "SystemExit: 0" in made.reason


def test_an_interrupt_is_the_users_in_the_main_thread_and_an_error_in_a_worker(
    logistic: Subject, ending: dict[str, Any]
) -> None:
    ending["error"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        xw.assess(logistic, "custom.ends")
    results: list[Outcome] = []
    thread = threading.Thread(target=lambda: results.append(xw.assess(logistic, "custom.ends")))
    thread.start()
    thread.join()
    assert results[0].status == "error"
    assert "KeyboardInterrupt" in results[0].reason


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt()])
def test_a_worker_that_ends_or_is_interrupted_does_not_end_the_program(logistic: Subject, error: BaseException) -> None:
    def worker(_: int) -> int:
        raise error

    @assessment(title="Maps", measures=(Measure("share", "lower"),))
    def maps(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
        """Map over workers."""
        return Finding({"share": float(sum(step.map(worker, range(2))))})

    try:
        made = xw.assess(logistic, "custom.maps")
    finally:
        _registry.pop("custom.maps")
    assert made.status == "error"
    assert f"a worker ended with {type(error).__name__}" in made.reason


def answers(bad: Any, later: list[bool]) -> Any:
    """A model that answers something else far out, but not before there is something in ``later``."""

    def predict(rows: Array) -> Array:
        p = 1 / (1 + np.exp(-rows[:, 0]))
        out = np.c_[1 - p, p]
        if later:
            out[rows[:, 1] > 5] = bad
        return out

    return predict


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ([np.nan, np.nan], r"must be ≥ 0 and sum to 1, got \[nan, nan\]"),
        ([1.2, -0.2], r"must be ≥ 0 and sum to 1, got \[1\.2, -0\.2\]"),
        ([0.7, 0.7], r"must be ≥ 0 and sum to 1, got \[0\.7, 0\.7\]"),
        ([np.inf, 0.0], r"must be ≥ 0 and sum to 1, got \[inf, 0\]"),
    ],
)
def test_an_answer_that_is_wrong_later_ends_the_run_and_names_the_row(bad: Any, said: str, rng: Any) -> None:
    X = rng.standard_normal((600, 2)).clip(-3, 3)
    y = (X[:, 0] > 0).astype(int)
    X[400, 1] = 9.0
    later: list[bool] = []  # all rows are looked at when the subject is made
    subject = Subject.of(answers(bad, later), X, y, X_train=X[:300], y_train=y[:300], classes=[0, 1])
    later.append(True)
    made = xw.assess(subject, "privacy.membership_inference")
    assert made.status == "error"
    assert made.finding is None
    import re

    assert re.search(rf"the model's outputs {said} for row 400 of the 600 asked at once", made.reason)
    fine = Subject.of(answers(bad, later), X[:400], y[:400], X_train=X[:300], y_train=y[:300], classes=[0, 1])
    assert xw.assess(fine, "privacy.membership_inference").status == "ok"


SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
import numpy as np
import xrai_widgets as xw
from xrai_widgets import cli
from xrai_widgets.core import Array, Finding, Predict, Step, assessment, quiet
from xrai_widgets.data import examples

how, hanging = sys.argv[1], []
X = np.random.default_rng(0).standard_normal((200, 2))
y = (X[:, 0] > 0).astype(int)

def predict(rows):
    if hanging and how == "sleep":
        print("asking", flush=True)
        time.sleep(120)
    if hanging and how == "exit":
        sys.exit(0)
    p = 1 / (1 + np.exp(-rows[:, 0]))
    return np.c_[1 - p, p]

@assessment(title="Hangs")
def hangs(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
    "Ask a model that does not come back."
    hanging.append(True)
    predict(X)
    return Finding({"x": 1.0})

examples.load = lambda name: xw.Subject.of(
    predict, X[100:], y[100:], X_train=X[:100], y_train=y[:100], classes=[0, 1]
)
sys.argv = ["xrai-widgets", "assess", "mine", "--out", "r.json"]
for name in ("privacy.membership_inference", "custom.hangs", "privacy.shapr"):
    sys.argv += ["--run", name]
cli.main()
"""


def started(how: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, how],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "COLUMNS": "200"},
    )


def endings(folder: Path) -> dict[str, str]:
    written = json.loads((folder / "r.json").read_text(encoding="utf-8"))["outcomes"]
    return {entry["assessment"]: entry["status"] for entry in written}


@pytest.fixture(scope="module")
def pressed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[int, str, Path]]:
    """Exit code, words and folder of programs that wait for a model, by how often Ctrl-C was pressed; side by side."""
    folders = {presses: tmp_path_factory.mktemp("pressed") for presses in (1, 2)}
    children = {presses: started("sleep", folder) for presses, folder in folders.items()}
    by_number: dict[int, str] = {}
    try:
        for child in children.values():
            assert child.stdout is not None
            for line in child.stdout:
                if "asking" in line:
                    break
        for number in (1, 2):
            for presses, child in children.items():
                if number <= presses:
                    child.send_signal(signal.SIGINT)
            time.sleep(1.0)
        for presses, child in children.items():
            by_number[presses], _ = child.communicate(timeout=60)
    finally:
        for child in children.values():
            child.kill()
            child.communicate()
    return {presses: (child.returncode, by_number[presses], folders[presses]) for presses, child in children.items()}


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_loses_nothing_while_the_model_does_not_come_back(
    pressed: dict[int, tuple[int, str, Path]], presses: int
) -> None:
    code, said, folder = pressed[presses]
    assert code == 130, said
    assert endings(folder) == {
        "privacy.membership_inference": "ok",
        "custom.hangs": "cancelled",
        "privacy.shapr": "cancelled",
    }
    assert "the model did not come back within 5 s, or it was not started" in said


def test_a_model_that_ends_the_program_ends_it_with_3_and_a_report(tmp_path: Path) -> None:
    child = started("exit", tmp_path)
    said, _ = child.communicate(timeout=120)
    assert child.returncode == 3, said
    assert "SystemExit: 0" in said
    found = endings(tmp_path)
    assert (found["privacy.membership_inference"], found["custom.hangs"]) == ("ok", "error")


def test_an_unexpected_error_of_the_program_is_no_failing_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    from xrai_widgets import cli

    def broken() -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3


def test_a_gradient_that_is_no_number_ends_the_run_and_names_the_row(rng: Any) -> None:
    X = rng.standard_normal((100, 2)).clip(-3, 3)
    y = (X[:, 0] > 0).astype(int)
    subject = Subject.of(answers([0.5, 0.5], []), X, y, classes=[0, 1])
    blind = replace(subject, gradient=lambda X, _: np.full(X.shape, np.nan))
    made = xw.assess(blind, EVASION, attack="pgd", n_samples=5)
    assert made.status == "error"
    assert "the model's gradient must be finite, got [nan, nan] for row 0" in made.reason
