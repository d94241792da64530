"""Defences on the command line: read, applied in order, and given again by the command of an outcome."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import xrai_widgets as xw
from xrai_widgets.cli import app
from xrai_widgets.io.plans import read_defence
from xrai_widgets.models.defences import DEFENCES
from xrai_widgets.results.as_code import as_command
from xrai_widgets.runtime import assess

QUICK = [
    "--set",
    "n_samples=6",
    "--set",
    "max_iter=1",
    "--set",
    "steps=3",
    "--set",
    "restarts=1",
    "--set",
    "queries=100",
]


def invoked(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["assess", *arguments], env={"COLUMNS": "300"})


def test_a_defended_model_is_measured_against_what_it_was_before(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    line = [
        "breast_cancer_logistic",
        "--defend",
        "feature_squeezing = { bits = 3 }",
        "--run",
        "robustness.defence",
        *QUICK,
    ]
    done = invoked(*line, "--out", str(out))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    text = out.read_text(encoding="utf-8")
    assert re.search(
        r"Squeezed to 3 bits: \d+ (more|fewer) of 100 samples .* withstand the attack; it (costs|brings)", text
    )


def test_the_command_of_a_defended_outcome_gives_it_again(logistic: xw.Subject, tmp_path: Path) -> None:
    limited = xw.constrained(logistic, {"mean radius": {"immutable": True}})
    made = xw.defended(xw.defended(limited, "feature squeezing", bits=5), "class labels")
    params = {"n_samples": 6, "max_iter": 1, "steps": 3, "restarts": 1, "queries": 100}
    outcome = assess(made, "robustness.defence", **params)
    words = shlex.split(as_command(outcome))
    assert words[:2] == ["xrai-widgets", "assess"]
    assert words.count("--defend") == 2
    out = tmp_path / "report.json"
    done = invoked(*words[2:], "--out", str(out))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    assert outcome.subject in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rounding", ("rounding", {})),
        ("feature_squeezing = { bits = 3 }", ("feature_squeezing", {"bits": 3})),
        ('"feature squeezing" = { squeezer = "bit depth" }', ("feature squeezing", {"squeezer": "bit depth"})),
    ],
)
def test_a_defence_is_a_name_or_a_line(text: str, expected: tuple[str, dict[str, Any]]) -> None:
    assert read_defence(text) == expected


def test_what_is_no_defence_ends_in_one_line() -> None:
    for text, message in (
        ("feature squeezing = 3", "a defence must be a name such as rounding"),
        ("rounding = 3", "a defence must be a name such as rounding"),
        ("roundin", "did you mean 'rounding'"),
        ("rounding = { decimals = 0 }", r"decimals must lie in \[1, 9\], got 0"),
        ("adversarial_training", "adversarial training is for torch modules"),
    ):
        done = invoked("breast_cancer_logistic", "--defend", text, "--run", "privacy.shapr")
        assert isinstance(done.exception, ValueError)
        assert re.search(message, str(done.exception))


def test_the_list_names_every_defence_with_its_parameters() -> None:
    done = CliRunner().invoke(app, ["list"], env={"COLUMNS": "1000"})
    assert done.exit_code == 0
    for defence in DEFENCES.values():
        line = next(line for line in done.output.splitlines() if line.startswith(f"│ {defence.name} "))
        assert all(f"{parameter.name} (" in line for parameter in defence.parameters)
