"""The command line, as a user types it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.command import called, typed
from tests.contract.catalog import SMALL
from xrai_widgets.core import Subject, registered
from xrai_widgets.data import examples
from xrai_widgets.runtime import assess

# every assessment, on few samples
FEW_OF_EACH = [
    word
    for name, params in SMALL.items()
    for key, value in params.items()
    for word in ("--set", f"{name}.{key}={value}")
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and its tables, as a stranger would have them."""
    import skops.io
    from sklearn.model_selection import train_test_split
    from sklearn.tree import DecisionTreeClassifier

    folder = tmp_path_factory.mktemp("saved")
    X, y = examples.german_credit()
    numbers = X.select_dtypes("number")
    train, test = train_test_split(numbers.assign(risk=y), test_size=0.4, random_state=0)
    model = DecisionTreeClassifier(random_state=0).fit(train.drop(columns="risk"), train["risk"])
    skops.io.dump(model, folder / "tree.skops")
    train.to_csv(folder / "train.csv")
    test.to_parquet(folder / "test.parquet", index=False)
    test.reset_index().to_csv(folder / "test.csv", index=False)
    return folder


def test_list_shows_assessments_and_examples() -> None:
    said = called("list")
    assert said.returncode == 0
    for name in [*registered(), *examples.names()]:
        if not name.startswith("custom."):
            assert name in said.stdout


def test_list_with_a_name_shows_the_parameters_of_the_signature() -> None:
    said = called("list", "robustness.evasion").stdout
    for parameter in registered()["robustness.evasion"].parameters:
        assert parameter.name in said


def test_assess_prints_verdicts_writes_reports_with_the_numbers_of_python_and_exits_with_1_on_a_failure(
    tmp_path: Path, credit: Subject
) -> None:
    out = [option for kind in ("html", "json", "md") for option in ("--out", str(tmp_path / f"r.{kind}"))]
    runs = ("--run", "privacy.shapr", "--set", "privacy.shapr.n_neighbors=5", "--run", "privacy.membership_inference")
    said = typed("assess", "german_credit_forest", *runs, *out)
    assert said.returncode == 1, said.stderr
    assert "■ fail" in said.stdout
    assert {file.name for file in tmp_path.iterdir()} == {"r.html", "r.json", "r.md"}
    written = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["outcomes"][0]
    outcome = assess(credit, "privacy.shapr", n_neighbors=5)
    assert outcome.finding is not None
    assert written["assessment"] == "privacy.shapr"
    assert written["finding"]["values"] == outcome.finding.values
    assert written["subject"] == outcome.subject


def test_exit_code_0_when_nothing_fails() -> None:
    said = called("assess", "german_credit_pruned", "--run", "privacy.membership_inference")
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize("table", ["test.csv", "test.parquet"])
def test_a_model_from_a_file_is_assessed_on_its_tables(saved: Path, table: str) -> None:
    train = table.endswith("csv")
    # every assessment once is enough: beside no training samples, one that can be run and one that cannot
    attacked = ("--run", "robustness.evasion", "--run", "privacy.membership_inference")
    every = (*("--train", "train.csv", "--ids", "applicant"), *FEW_OF_EACH)
    few = (*attacked, "--set", "robustness.evasion.n_samples=4", "--set", "robustness.evasion.max_iter=1")
    said = called(
        *("assess", "tree.skops", "--data", table, "--target", "risk"),
        *(every if train else few),
        *("--out", "r.json"),
        cwd=saved,
    )
    assert said.returncode in (0, 1), said.stderr
    outcomes = {o["assessment"]: o for o in json.loads((saved / "r.json").read_text(encoding="utf-8"))["outcomes"]}
    assert outcomes["robustness.evasion"]["status"] == "ok"
    expected = "ok" if train else "not applicable"
    assert outcomes["privacy.membership_inference"]["status"] == expected


def test_a_plan_and_a_policy_are_read_from_toml(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('["privacy.shapr"]\nn_neighbors = 3\n')
    (tmp_path / "policy.toml").write_text('["privacy.membership_inference"]\nadvantage = {max = 0.9}\n')
    arguments = ("assess", "breast_cancer_forest", "--plan", "plan.toml", "--policy", "policy.toml")
    said = called(*arguments, cwd=tmp_path)
    assert said.returncode == 4, "nothing is judged"
    assert "nothing was judged" in said.stdout
    assert called(*arguments, "--allow-unjudged", cwd=tmp_path).returncode == 0
    assert "privacy.shapr" in said.stdout
    assert "membership_inference" not in said.stdout


def test_report_judges_saved_results_again(tmp_path: Path) -> None:
    called("assess", "breast_cancer_forest", "--run", "privacy.membership_inference", "--out", "r.json", cwd=tmp_path)
    (tmp_path / "strict.toml").write_text('["privacy.membership_inference"]\nadvantage = {max = 0.01}\n')
    said = called("report", "r.json", "--policy", "strict.toml", "--out", "r.md", cwd=tmp_path)
    assert said.returncode == 1
    assert "■ fail" in (tmp_path / "r.md").read_text(encoding="utf-8")


# one of each kind: an error of ours, one of an option that is checked later, and one that is never parsed
ENDINGS = (("assess", "breast_cancer_forst"), ("assess", "model.pkl.skops"), ("serve", "--port", "99999"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("assess", "breast_cancer_forst"), "did you mean 'breast_cancer_forest'"),
        (("assess", "breast_cancer_forest", "--run", "privacy.shap"), "did you mean 'privacy.shapr'"),
        (
            ("assess", "breast_cancer_forest", "--run", "privacy.shapr", "--set", "n_neighbors=0"),
            "n_neighbors (neighbours) must lie in [1, 50], got 0",
        ),
        (
            ("assess", "breast_cancer_forest", "--run", "privacy.shapr", "--set", "k=1"),
            "privacy.shapr has no parameter 'k'; allowed: n_neighbors",
        ),
        (("assess", "breast_cancer_forest", "--set", "n_neighbors=1"), "--set must be one of"),
        (("assess", "breast_cancer_forest", "--out", "r.pdf"), "must end in .html, .json or .md"),
        (("assess", "breast_cancer_forest", "--policy", "missing.toml"), "does not exist"),
        (("assess", "model.pkl.skops"), "needs --data and --target"),
        (("report", "missing.json", "--out", "r.md"), "does not exist"),
        (("list", "privacy.shap"), "did you mean 'privacy.shapr'"),
        (("serve", "--port", "99999"), "65535"),
        (("assess", "breast_cancer_forest", "--jobs", "0"), "--jobs"),
    ],
)
def test_bad_usage_exits_with_2_and_says_what_is_allowed(arguments: tuple[str, ...], message: str) -> None:
    said = (typed if arguments in ENDINGS else called)(*arguments)
    assert said.returncode == 2, said.stdout
    assert message in " ".join(said.stderr.replace("│", " ").split())
    assert "Traceback" not in said.stderr


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    import pickle

    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "sprung",))

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "t.csv").write_text("a,y\n1,0\n2,1\n")
    said = called("assess", "model.pkl", "--data", "t.csv", "--target", "y", cwd=tmp_path)
    assert said.returncode == 2
    assert "runs the code in it" in " ".join(said.stderr.split())
    assert not (tmp_path / "sprung").exists()


def test_a_missing_target_column_is_named(saved: Path) -> None:
    said = called("assess", "tree.skops", "--data", "test.csv", "--target", "rsik", cwd=saved)
    assert said.returncode == 2
    assert "must have the column 'rsik', got" in " ".join(said.stderr.split())


def test_an_assessment_that_breaks_exits_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from xrai_widgets.cli import app

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(sys.modules["xrai_widgets.runtime.run"], "call_engine", broken)
    result = CliRunner().invoke(app, ["assess", "breast_cancer_forest", "--run", "privacy.shapr"])
    assert result.exit_code == 3
    assert "RuntimeError: broken" in result.output


def test_doctor_finds_this_installation_well() -> None:
    said = typed("doctor")
    assert said.returncode == 0, said.stdout
    assert "ipykernel" in said.stdout


def test_doctor_finds_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    from xrai_widgets.runtime import doctor

    real = doctor.version

    def version(name: str) -> str:
        return {"ipykernel": "7.0.1", "voila-vuetify": "0.6.0"}.get(name) or real(name)

    monkeypatch.setattr(doctor, "version", version)
    bad = {finding.words[0] for finding in doctor.examine() if finding.status == "bad"}
    assert bad == {"ipykernel", "voila-vuetify"}
