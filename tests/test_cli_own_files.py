"""Files of one's own on the command line: the reader, the messages and the numbers of the app and of Python."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import xrai_widgets as xw
from tests.command import called, typed
from xrai_widgets.results.as_code import as_command

MIA = "privacy.membership_inference"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)).astype(np.float32)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)], junk="?")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    FRAME.to_csv(folder / "all.csv", sep=";", decimal=",", index=False, encoding="utf-16")
    return folder


def values(file: Path) -> dict[str, Any]:
    outcome = json.loads(file.read_text(encoding="utf-8"))["outcomes"][0]
    assert outcome["status"] == "ok", outcome["reason"]
    return {"values": outcome["finding"]["values"], "subject": outcome["subject"]}


def test_an_onnx_model_with_a_split_gives_the_numbers_of_python_and_its_line_gives_them_again(folder: Path) -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    model = LogisticRegression().fit(X, FRAME["y"])
    (folder / "model.onnx").write_bytes(skl2onnx.to_onnx(model, X[:1]).SerializeToString())
    subject = xw.read_subject(
        folder / "model.onnx", folder / "all.csv", target="y", ignore=["junk"], immutable=["b"], split=0.5, seed=3
    )
    outcome = xw.assess(subject, MIA)
    assert outcome.finding is not None
    line = as_command(outcome).removeprefix("xrai-widgets ")
    assert "--split 0.5 --seed 3" in line
    said = typed(*shlex.split(line), "--out", "r.json", cwd=folder)
    assert said.returncode in (0, 1), said.stderr
    found = values(folder / "r.json")
    assert found["subject"] == outcome.subject
    assert found["values"] == outcome.finding.values


def test_a_network_is_assessed(folder: Path) -> None:
    pytest.importorskip("safetensors")
    from xrai_widgets.io.network_files import save_network
    from xrai_widgets.models.networks import mlp

    save_network(mlp(3, [4], 2, classes=["no", "yes"]), folder / "net.safetensors")
    line = (
        "assess net.safetensors --data all.csv --target y --ignore junk --run robustness.evasion "
        "--set attack=pgd --set n_samples=5 --out net.json"
    )
    said = called(*shlex.split(line), cwd=folder)
    assert said.returncode in (0, 1), said.stderr
    assert values(folder / "net.json")["values"]


def test_empty_cells_of_numbers_are_taken_as_in_python(folder: Path) -> None:
    import skops.io

    gaps = FRAME.assign(a=FRAME["a"].where(FRAME["b"] > -0.5)).drop(columns="junk")
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(gaps[["a", "b", "c"]], gaps["y"])
    skops.io.dump(model, folder / "gaps.skops")
    gaps.to_csv(folder / "gaps.csv", index=False)
    subject = xw.read_subject(folder / "gaps.skops", folder / "gaps.csv", target="y", split=0.5)
    outcome = xw.assess(subject, "robustness.evasion", n_samples=4, max_iter=2)
    assert outcome.finding is not None, outcome.reason
    line = as_command(outcome).removeprefix("xrai-widgets ")
    said = called(*shlex.split(line), "--out", "gaps.json", cwd=folder)
    assert said.returncode in (0, 1), said.stderr
    found = values(folder / "gaps.json")
    assert found["subject"] == outcome.subject
    assert found["values"] == outcome.finding.values
    filling = ["--constraint", "a = { fillable = true }"]
    said = called(*shlex.split(line), *filling, "--out", "filled.json", cwd=folder)
    assert said.returncode in (0, 1), said.stderr
    made = xw.constrained(subject, {"a": {"fillable": True}})
    again = xw.assess(made, "robustness.evasion", n_samples=4, max_iter=2)
    assert again.finding is not None
    assert any("may be filled" in note for note in again.finding.notes)
    assert values(folder / "filled.json") == {"values": again.finding.values, "subject": again.subject}


WRONG = {
    "model.pt --data all.csv --target y": "model.pt is a pickle, and reading a pickle runs the code in it",
    "net.onnx --data all.csv --target y --split 2": "split must be the share of rows held out, between 0 and 1, got 2",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_said_in_one_line(line: str, folder: Path) -> None:
    for name in ("model.pt", "net.onnx"):
        (folder / name).write_bytes(b"x")
    said = called(*shlex.split(f"assess {line}"), cwd=folder)
    assert said.returncode == 2
    assert WRONG[line] in " ".join(said.stderr.split())
    assert "Traceback" not in said.stderr


def test_a_batch_of_new_samples_comes_by_option_or_plan_and_its_line_gives_it_again(folder: Path) -> None:
    import skops.io

    table = FRAME.drop(columns="junk")
    skops.io.dump(LogisticRegression().fit(table[["a", "b", "c"]], table["y"]), folder / "plain.skops")
    table.to_csv(folder / "plain.csv", index=False)
    table[:5].assign(odd=[True, False] * 2 + [True]).to_csv(folder / "new.csv", index=False)
    asked = {"target": "y", "new": folder / "new.csv", "foreign": "odd"}
    subject = xw.read_subject(folder / "plain.skops", folder / "plain.csv", **asked)  # type: ignore[arg-type]  # words by name
    assert subject.foreign is not None
    outcome = xw.assess(subject, "robustness.evasion", n_samples=4, max_iter=2)
    line = as_command(outcome).removeprefix("xrai-widgets ")
    assert "--new new.csv --foreign odd" in line
    said = typed(*shlex.split(line), "--out", "new.json", cwd=folder)
    assert said.returncode in (0, 1), said.stderr
    assert values(folder / "new.json")["subject"] == outcome.subject
    (folder / "plan.toml").write_text(
        '[subject]\nnew = "new.csv"\nforeign = "odd"\n["robustness.evasion"]\nn_samples = 4\nmax_iter = 2\n'
    )
    words = "assess plain.skops --data plain.csv --target y --plan plan.toml --out plan.json"
    said = called(*words.split(), cwd=folder)
    assert said.returncode in (0, 1), said.stderr
    assert values(folder / "plan.json") == values(folder / "new.json")


def test_a_built_in_example_takes_a_batch_and_what_is_wrong_with_it_is_said_in_one_line(folder: Path) -> None:
    xw.examples.german_credit()[0][:4].to_csv(folder / "applicants.csv", sep="|", encoding="utf-16")
    words = "assess german_credit_pruned --new applicants.csv --ids applicant --delimiter | --run robustness.evasion"
    said = called(*words.split(), "--set", "n_samples=2", "--set", "max_iter=1", "--out", "e.json", cwd=folder)
    assert said.returncode in (0, 1), said.stderr
    said_of_it = {"ids": "applicant", "delimiter": "|"}
    subject = xw.examples.load_with("german_credit_pruned", folder / "applicants.csv", **said_of_it)  # type: ignore[arg-type]  # words by name
    assert values(folder / "e.json")["subject"] == subject.fingerprint
    written = json.loads((folder / "e.json").read_text(encoding="utf-8"))["outcomes"][0]["origin"]["made"]
    assert written == {"example": "german_credit_pruned", "roles": {"new": "applicants.csv", **said_of_it}}
    for options, message in (
        ("--foreign odd", "--foreign is a column of a batch of new samples"),
        ("--new nowhere.csv", "which does not exist"),
        ("--new applicants.csv --foreign odd --ids applicant", "must have the column 'odd'"),
    ):
        said = called(*f"assess german_credit_pruned --run robustness.evasion {options}".split(), cwd=folder)
        assert said.returncode == 2
        assert message in " ".join((said.stderr + said.stdout).split()), said.stderr
