"""The store on the command line."""

import json
import sqlite3
import subprocess
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from tests.command import called, typed
from xrai_widgets.cli import app
from xrai_widgets.io.store_place import gallery_store, user_store
from xrai_widgets.reporting.formats.json import schema
from xrai_widgets.runtime.store import Store

ASSESS = ("assess", "breast_cancer_forest", "--run", "privacy.shapr", "--store", "s.sqlite")


def told(said: "subprocess.CompletedProcess[str]") -> str:
    return " ".join(said.stderr.split())


def test_a_second_call_is_answered_from_the_store_and_fresh_runs_again(tmp_path: Path) -> None:
    arguments = [*ASSESS[:-1], str(tmp_path / "s.sqlite")]
    call = CliRunner().invoke
    assert "from the store" not in call(app, arguments).output
    files = [tmp_path / "report.json", tmp_path / "report.html"]
    again = call(app, [*arguments, "--allow-unjudged", "--out", str(files[0]), "--out", str(files[1])])
    assert "from the store, computed 20" in again.output
    assert again.exit_code == 0
    assert "from the store" not in call(app, [*arguments, "--fresh"]).output
    assert len(Store(tmp_path / "s.sqlite")) == 2
    report = json.loads(files[0].read_text(encoding="utf-8"))
    jsonschema.validate(report, schema())
    assert [outcome["recalled"] for outcome in report["outcomes"]] == [True]
    assert "from the store, computed 20" in files[1].read_text(encoding="utf-8")


def test_a_store_of_a_newer_version_is_bad_usage_and_nothing_is_run(tmp_path: Path) -> None:
    Store(tmp_path / "s.sqlite").close()
    connection = sqlite3.connect(tmp_path / "s.sqlite")
    connection.execute("UPDATE xrai_store SET schema_version = 99, written_by = '9.1'")
    connection.commit()
    connection.close()
    # a server that started after all would not come back here
    for run, command in ((called, ASSESS), (typed, ("serve", "--no-browser", "--store", "s.sqlite"))):
        completed = run(*command, cwd=tmp_path)
        assert completed.returncode == 2
        assert "was written by a newer xrai-widgets (9.1, schema 99)" in told(completed)
        assert completed.stdout == ""


def test_an_outcome_that_could_not_be_saved_is_printed_and_exits_with_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store.__init__, "__kwdefaults__", {**(Store.__init__.__kwdefaults__ or {}), "patience": 0.2})
    Store(tmp_path / "s.sqlite").close()
    other = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    arguments = [*ASSESS[:-1], str(tmp_path / "s.sqlite"), "--out", str(tmp_path / "report.json")]
    result = CliRunner().invoke(app, arguments)
    other.close()
    assert result.exit_code == 3
    assert "SHAPr" in result.output
    assert "is locked by another program" in " ".join(result.output.split())
    assert (tmp_path / "report.json").is_file(), "the report holds what the store could not"


@pytest.mark.parametrize(
    ("setting", "host", "place"),
    [
        ("", "127.0.0.1", str(user_store())),
        ("", "localhost", str(user_store())),
        ("", "0.0.0.0", "none"),
        ("None", "127.0.0.1", "none"),
        ("postgresql://h/d", "0.0.0.0", "postgresql://h/d"),
        ("sqlite://", "0.0.0.0", "sqlite://"),
        ("s.sqlite", "0.0.0.0", "{here}/s.sqlite"),
        ("sqlite:///s.sqlite", "0.0.0.0", "sqlite:///{here}/s.sqlite"),
    ],
)
def test_where_a_gallery_keeps_its_visitors_outcomes(setting: str, host: str, place: str) -> None:
    assert gallery_store(setting, host) == place.replace("{here}", str(Path.cwd()))
