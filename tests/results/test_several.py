"""Several models on the same tables, from Python, on a page and on the command line."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import skops.io
from sklearn.tree import DecisionTreeClassifier

import xrai_widgets as xw
from xrai_widgets.cli import app
from xrai_widgets.core import Subject
from xrai_widgets.core.subjects import several
from xrai_widgets.reporting.formats.json import schema
from xrai_widgets.reporting.saved import read_quality
from xrai_widgets.runtime import model_quality

PLAN = ["privacy.membership_inference"]


@pytest.fixture(scope="module")
def models() -> dict[str, DecisionTreeClassifier]:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 4)), rng.integers(0, 2, 200)
    return {name: DecisionTreeClassifier(max_depth=depth, random_state=0).fit(X, y) for name, depth in TREES.items()}


TREES = {"deep": None, "stump": 1}


@pytest.fixture(scope="module")
def subjects(models: dict[str, DecisionTreeClassifier]) -> dict[str, Subject]:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 4)), rng.integers(0, 2, 200)
    return Subject.of(models, rng.normal(size=(100, 4)), rng.integers(0, 2, 100), X_train=X, y_train=y)  # type: ignore[return-value]  # of a dict


def test_a_plan_is_run_on_each_and_gives_what_a_comparison_takes(subjects: dict[str, Subject]) -> None:
    outcomes = xw.run_plan(subjects, PLAN)
    assert list(outcomes) == ["deep", "stump"]
    for name, (outcome,) in outcomes.items():
        alone = xw.assess(subjects[name], PLAN[0])
        assert outcome.finding is not None
        assert alone.finding is not None
        assert outcome.finding.values == alone.finding.values
    board = xw.compare(outcomes)
    assert board.names == ("deep", "stump")
    assert board.table().equals(xw.compare(*outcomes.values()).table())


def test_progress_and_time_left_count_the_runs_of_all_models(subjects: dict[str, Subject]) -> None:
    heard = []
    xw.run_plan(subjects, PLAN * 2, each=heard.append, seconds=[1.0, 1.0])
    places = [(news.index, news.total) for news in heard if isinstance(news, xw.runtime.PlanProgress)]
    assert {place for place, _ in places} == {0, 1, 2, 3}
    assert {total for _, total in places} == {4}
    assert [type(news).__name__ for news in heard].count("Outcome") == 4


def test_a_list_goes_by_the_subjects_own_names(subjects: dict[str, Subject]) -> None:
    assert list(several(list(subjects.values()))) == ["deep", "stump"]
    assert several(subjects["deep"]) == {"deep": subjects["deep"]}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"deep": DecisionTreeClassifier()}, "'deep' must be a Subject, got DecisionTreeClassifier; make subjects"),
        ([], "at least one subject is needed, got none"),
        (3, "must be a Subject, or a dict or list of them, got int"),
        ("deep", "must be a Subject, or a dict or list of them, got str"),
    ],
)
def test_what_is_no_subject_is_named(given: object, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        xw.run_plan(given, PLAN)  # type: ignore[call-overload]  # refused


def test_two_of_one_name_and_a_dict_where_one_is_asked_say_the_way_out(subjects: dict[str, Subject]) -> None:
    with pytest.raises(ValueError, match="two subjects are called 'deep': pass a dict"):
        xw.run_plan([subjects["deep"]] * 2, PLAN)
    with pytest.raises(TypeError, match="assess takes one Subject, got dict: run_plan takes several"):
        xw.assess(subjects, PLAN[0])  # type: ignore[arg-type]  # refused


def test_the_workbench_begins_with_the_first_and_turns_to_another(subjects: dict[str, Subject]) -> None:
    bench = xw.Workbench(subjects, store=None)
    assert bench.session.subject is subjects["deep"]
    assert bench.picker._source.value == "these models"
    (choice,) = bench.picker._page.children
    assert choice.options == ("deep", "stump")
    choice.value = "stump"
    assert bench.session.subject is subjects["stump"]
    assert bench.runner.subject is subjects["stump"]
    alone = xw.Workbench(subjects["deep"], store=None)
    assert "these models" not in alone.picker._source.options


def test_compare_takes_them_as_they_are(subjects: dict[str, Subject]) -> None:
    page = xw.Compare(subjects)
    assert list(page.runners) == [subject.fingerprint for subject in subjects.values()]


def test_the_command_line_puts_two_files_side_by_side(
    tmp_path: Path, models: dict[str, DecisionTreeClassifier], capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 4)), rng.integers(0, 2, 200)
    (tmp_path / "other").mkdir()
    files = [tmp_path / "tree.skops", tmp_path / "other" / "tree.skops"]
    for file, model in zip(files, models.values(), strict=True):
        skops.io.dump(model, file)
    for name, rows, labels in (("train", X, y), ("test", rng.normal(size=(100, 4)), rng.integers(0, 2, 100))):
        table = np.column_stack([rows, labels])
        np.savetxt(tmp_path / f"{name}.csv", table, delimiter=",", header="a,b,c,d,y", comments="")
    tables = ["--data", f"{tmp_path}/test.csv", "--train", f"{tmp_path}/train.csv", "--target", "y"]
    wanted = ["--run", PLAN[0], "--out", f"{tmp_path}/r.json"]
    with pytest.raises(SystemExit) as ended:
        app(["assess", *map(str, files), *tables, *wanted])
    assert ended.value.code == 1, "the deep tree fails, whatever the stump does"
    data = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, schema())
    assert data["quality"] is None
    kept = read_quality(tmp_path / "r.json")
    assert isinstance(kept, dict)
    test = np.loadtxt(tmp_path / "test.csv", delimiter=",", skiprows=1)
    for name, model in zip((f"tree in {tmp_path.name}", "tree in other"), models.values(), strict=True):
        assert kept[name].values["accuracy"] == pytest.approx(model.score(test[:, :4], test[:, 4]))
    with pytest.raises(SystemExit):
        app(["report", f"{tmp_path}/r.json", "--out", f"{tmp_path}/r.html", "--out", f"{tmp_path}/again.json"])
    again = read_quality(tmp_path / "again.json")
    assert isinstance(again, dict)
    assert {name: found.intervals for name, found in again.items()} == {n: one.intervals for n, one in kept.items()}
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    for name in kept:
        assert f'aria-label="The model&#39;s own quality on its held-out samples: {name}"' in page or (
            f'aria-label="The model\'s own quality on its held-out samples: {name}"' in page
        )
    outcomes = data["outcomes"]
    assert [outcome["subject_name"] for outcome in outcomes] == [f"tree in {tmp_path.name}", "tree in other"]
    assert [outcome["status"] for outcome in outcomes] == ["ok", "ok"]
    assert "lower, better (300 pairs)" in " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_a_report_takes_what_a_plan_of_several_gives(subjects: dict[str, Subject]) -> None:
    outcomes = xw.run_plan(subjects, PLAN[:1])
    quality = {name: model_quality(subject) for name, subject in subjects.items()}
    made = xw.report(outcomes, quality=quality)
    assert [outcome.subject_name for outcome in made.outcomes] == list(subjects)
    data = json.loads(made.to_json())
    jsonschema.validate(data, schema())
    assert set(data["qualities"]) == set(subjects)
