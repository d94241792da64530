from pathlib import Path

import pytest

from xrai_widgets.io.watch_files import read_watch

WATCH = """
[watch]
name = "credit"
store = "watch.sqlite"
tz = "Europe/Berlin"
cron = "0 6 * * *"

[subject]
model = "credit.skops"
data = "approved.csv"
target = "default"

[batch]
path = "batches/{date}.csv"

["robustness.corruptions"]
severity = 2

[policy.change]
default = 0.1

[[alerts]]
kind = "file"
path = "alerts.jsonl"
"""


def _read(tmp_path: Path, text: str) -> object:
    (tmp_path / "credit.toml").write_text(text)
    return read_watch(tmp_path / "credit.toml")


def test_a_watch_is_read_with_paths_beside_it(tmp_path: Path) -> None:
    (tmp_path / "credit.toml").write_text(WATCH)
    watch = read_watch(tmp_path / "credit.toml")
    assert watch.store == str(tmp_path / "watch.sqlite")
    assert watch.subject == {
        "model": tmp_path / "credit.skops",
        "data": tmp_path / "approved.csv",
        "target": "default",
    }
    assert watch.schedule == {"zone": "Europe/Berlin", "cron": "0 6 * * *"}
    assert watch.plan == [("robustness.corruptions", {"severity": 2})]
    assert watch.policy == {"change": {"default": 0.1}}
    assert [channel.name for channel in watch.channels] == ["file"]
    assert (watch.missed, watch.overdue, watch.reminder) == ("latest", 1.5, 7)


def test_the_url_of_a_store_stands_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE", "sqlite://")
    (tmp_path / "credit.toml").write_text(WATCH.replace('"watch.sqlite"', '"env:STORE"'))
    assert read_watch(tmp_path / "credit.toml").store == "sqlite://"
    with pytest.raises(ValueError, match="env:NAME or file:/path where the URL"):
        _read(tmp_path, WATCH.replace('"watch.sqlite"', '"postgresql://me:word@host/db"'))


def test_a_built_in_example_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "credit.toml").write_text(WATCH.replace("credit.skops", "digits"))
    assert read_watch(tmp_path / "credit.toml").subject["model"] == "digits"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('tz = "Europe/Berlin"\n', "", "watch.tz names the time zone"),
        ('name = "credit"', 'name = "a/b"', "watch.name has letters"),
        ('name = "credit"', "name = 3", "watch.name is text that is needed, got 3"),
        ('name = "credit"', 'name = "credit"\nretries = 3', "watch.retries is not known; allowed: name, store"),
        ('name = "credit"', 'name = "credit"\nmissed = "none"', "watch.missed is one of latest, all, skip"),
        ('name = "credit"', 'name = "credit"\noverdue = 0.5', "watch.overdue is a number from 1 on, got 0.5"),
        ('name = "credit"', 'name = "credit"\nreminder = true', "watch.reminder is a number from 1 on"),
        ('path = "batches/{date}.csv"', "", "batch has one of path, glob and sql, got none"),
        ('path = "batches/{date}.csv"', 'path = "a"\nglob = "b"', "got path, glob"),
        ('path = "batches/{date}.csv"', 'sql = "SELECT 1"', "batch.sql and batch.url belong together"),
        ('path = "batches/{date}.csv"', 'sql = "SELECT 1"\nurl = "sqlite://"', "write env:NAME"),
        ('[subject]\nmodel = "credit.skops"', "[subject]", "subject.model is text that is needed"),
        ('target = "default"', 'target = "default"\npickle = "a"', "subject.pickle is not known"),
        ('target = "default"', 'target = "default"\nids = 3', "subject.ids is text, got 3"),
        ('target = "default"', 'target = "default"\nseed = 1.5', "subject.seed is a whole number"),
        ('target = "default"', 'target = "default"\nignore = "a"', "subject.ignore is a list of texts"),
        ('["robustness.corruptions"]\nseverity = 2', "", "name at least one assessment"),
        ('["robustness.corruptions"]', "[corruptions]", "a watch holds assessments such as"),
        ('kind = "file"', 'kind = "pager"', "alerts, entry 1: kind is one of"),
        ("[watch]", "[watch", "must be TOML"),
        ("[batch]", "[bench]", r"the table \[batch\] is missing"),
    ],
)
def test_watches_that_cannot_be(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in WATCH
    with pytest.raises(ValueError, match=said) as caught:
        _read(tmp_path, WATCH.replace(old, new))
    assert "credit.toml" in str(caught.value)


def test_all_missed_slots_need_a_batch_for_each(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs batch\.path with"):
        _read(tmp_path, WATCH.replace("[subject]", 'missed = "all"\n[subject]').replace("{date}", "newest"))


def test_files_that_are_no_watch(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder"):
        read_watch(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        read_watch(tmp_path / "none.toml")
