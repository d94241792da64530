import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from xrai_widgets.core import Finding, Outcome, Subject
from xrai_widgets.io.store_place import StoreError
from xrai_widgets.io.watch_files import read_watch
from xrai_widgets.runtime.store import Store
from xrai_widgets.watch import watch as module
from xrai_widgets.watch.callers import callers
from xrai_widgets.watch.table import history
from xrai_widgets.watch.watch import BROKEN, FAILED, FINE, HELD, NOTHING_DUE, Watch
from xrai_widgets.watch_commands import forever

FIRST = datetime(2026, 11, 1, 9, tzinfo=UTC)
WATCH = """
[watch]
name = "credit"
store = "watch.sqlite"
tz = "Europe/Berlin"
cron = "0 6 * * *"
metrics = "credit.prom"
{more}

[subject]
model = "credit"
target = "y"
ids = "id"

[batch]
path = "{{date}}.csv"
labels = "labels-{{date}}.csv"

["robustness.corruptions"]

[policy."robustness.corruptions"]
accuracy_fall = {{ max = 0.1 }}

[policy.change]
default = 0.1

[[alerts]]
kind = "file"
path = "alerts.jsonl"
"""
_rng = np.random.default_rng(0)
X = _rng.normal(size=(600, 2))
Y = (X[:, 0] > 0).astype(int) ^ (_rng.random(600) < 0.1)
MODEL = LogisticRegression().fit(X[:200], Y[:200])


def _run(subject: Subject, plan: list[tuple[str, dict[str, Any]]], store: Store) -> list[Outcome]:
    """Stand in for the runtime: the fall is the share of wrong answers, so that a worse batch is a worse outcome."""
    ((name, params),) = plan
    wrong = float(np.mean(subject.predict(subject.X).argmax(axis=1) != subject.y))
    finding = Finding({"accuracy_fall": wrong}, {"accuracy_fall": (wrong - 0.01, wrong + 0.01)})
    outcome = Outcome(
        name, subject.fingerprint, subject.name, params, "ok", finding, series=subject.series, batch=subject.batch
    )
    store.save(outcome)
    return [outcome]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Watch]:
    models = {"credit": MODEL}

    def subject_of(table: dict[str, Any], new: Path | None) -> Subject:
        more: dict[str, Any] = {}
        if new is not None:
            frame = pd.read_csv(new)
            more = {"X_new": frame[["a", "b"]].to_numpy(), "new_ids": frame["id"].to_numpy()}
            if "y" in frame:
                more["y_new"] = frame["y"].to_numpy()
        return Subject.of(models[table["model"]], X[200:], Y[200:], **more)

    monkeypatch.setattr(module, "subject_of", subject_of)

    def watch(more: str = "", name: str = "credit.toml") -> Watch:
        (tmp_path / name).write_text(WATCH.format(more=more))
        opened = Watch(read_watch(tmp_path / name), run=_run)
        opened.models = models  # type: ignore[attr-defined]  # for the test that changes it
        return opened

    return watch


def _batch(folder: Path, day: int, wrong: float = 0.1, *, labels: bool = True, seed: int | None = None) -> None:
    rng = np.random.default_rng(day if seed is None else seed)
    rows = rng.normal(size=(150, 2))
    y = (rows[:, 0] > 0).astype(int) ^ (rng.random(150) < wrong)
    date = (FIRST + timedelta(days=day)).date()
    ids = [f"{seed}-{day}-{number}" for number in range(150)] if seed is None else list(range(150))
    pd.DataFrame({"id": ids, "a": rows[:, 0], "b": rows[:, 1]}).to_csv(folder / f"{date}.csv", index=False)
    if labels:
        pd.DataFrame({"id": ids, "y": y}).to_csv(folder / f"labels-{date}.csv", index=False)


def test_a_fortnight_with_a_fall_is_told_once_and_acknowledged(made: Callable[..., Watch], tmp_path: Path) -> None:
    watch = made()
    watch.approve("Ada", "first version")
    codes = []
    for day in range(10):
        _batch(tmp_path, day, 0.1 if day < 7 else 0.4)
        codes.append(watch.run(FIRST + timedelta(days=day), if_due=True).code)
    assert codes[7:] == [FAILED] * 3
    messages = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    slots = [message["slot"][8:10] for message in messages if message["status"] == "fail"]
    assert slots[-1] in ("08", "09")  # what lasts is not told again
    opened = [entry["key"] for message in messages for entry in message["problems"] if entry["state"] == "opened"]
    assert "robustness.corruptions accuracy_fall change fail" in opened
    assert "history accuracy alarm" in opened
    keys = watch.acknowledge("Ada", "a new scanner")
    assert "history accuracy alarm" in keys
    _batch(tmp_path, 10, 0.1)
    again = watch.run(FIRST + timedelta(days=10), if_due=True)
    assert "history accuracy alarm" not in [problem["key"] for problem in again.looks[-1].detail["problems"]]
    assert len(watch.tables.looks()) == 11
    table = history(watch.store, watch="credit")
    table = table[table["batch"] != ""]  # without the baseline's own
    assert table["slot"].str[8:10].tolist() == [f"{day:02}" for day in range(1, 12)]
    assert table["e_value"].iloc[9] > 1000 > table["e_value"].iloc[5]


def test_a_slot_is_looked_at_once_and_the_metrics_say_when(made: Callable[..., Watch], tmp_path: Path) -> None:
    watch = made()
    _batch(tmp_path, 0, 0.0)
    assert watch.run(FIRST, if_due=True).code == FINE
    ran = watch.run(FIRST + timedelta(hours=1), if_due=True)
    assert (ran.code, ran.looks) == (NOTHING_DUE, ())
    assert "2026-11-02T06:00" in ran.note
    assert watch.run(FIRST).looks[0].slot == "2026-11-01T06:00"  # asked for, it is looked at again
    assert len(watch.tables.looks()) == 1
    text = (tmp_path / "credit.prom").read_text()
    assert 'xrai_value{watch="credit",assessment="robustness.corruptions",measure="accuracy_fall"}' in text
    assert text.endswith("# EOF\n")
    succeeded = next(line for line in text.splitlines() if line.startswith("xrai_last_success"))
    assert abs(float(succeeded.split()[-1]) - datetime.now(UTC).timestamp()) < 600


def test_a_batch_that_is_not_there_is_a_kept_look_and_the_next_one_runs(
    made: Callable[..., Watch], tmp_path: Path
) -> None:
    watch = made()
    ran = watch.run(FIRST, if_due=True)
    assert ran.code == BROKEN
    assert ran.looks[0].status == "error"
    assert "2026-11-01.csv is not there" in ran.looks[0].detail["problems"][0]["text"]
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 1
    (tmp_path / "2026-11-02.csv").write_text("id,a,b\n")
    assert watch.run(FIRST + timedelta(days=1), if_due=True).looks[0].status == "error"
    _batch(tmp_path, 2, 0.0)
    assert watch.run(FIRST + timedelta(days=2), if_due=True).code == FINE
    assert [look.status for look in watch.tables.looks()] == ["error", "error", "pass"]


@pytest.mark.parametrize(
    ("missed", "kept"),
    [
        ("latest", ["pass", "missed", "missed", "pass"]),
        ("skip", ["pass", "pass"]),
        ("all", ["pass", "pass", "pass", "pass"]),
    ],
)
def test_slots_that_passed_while_nobody_looked(
    made: Callable[..., Watch], tmp_path: Path, missed: str, kept: list[str]
) -> None:
    watch = made(f'missed = "{missed}"')
    for day in range(4):
        _batch(tmp_path, day, 0.0)
    watch.run(FIRST, if_due=True)
    late = FIRST + timedelta(days=3)
    assert watch.overdue(FIRST + timedelta(hours=25)) is None
    assert watch.overdue(late) is not None
    ran = watch.run(late, if_due=True)
    assert watch.overdue(late) is None
    assert [look.status for look in watch.tables.looks()] == kept
    told = [problem["occasion"] for look in ran.looks for problem in look.detail.get("problems", ())]
    assert told == (["missed"] if missed == "latest" else [])


def test_labels_that_come_late_judge_their_own_slot_again(made: Callable[..., Watch], tmp_path: Path) -> None:
    watch = made()
    _batch(tmp_path, 0, 0.0, labels=False)
    first = watch.run(FIRST, if_due=True).looks[0]
    assert first.detail["outcomes"][0]["status"] == "not applicable"
    assert first.detail["labels"] == "awaited"
    _batch(tmp_path, 0, 0.0)
    _batch(tmp_path, 1, 0.0, labels=False)
    ran = watch.run(FIRST + timedelta(days=1), if_due=True)
    assert [look.slot[8:10] for look in ran.looks] == ["01", "02"]
    looks = watch.tables.looks()
    assert [bool(look.detail["counts"]) for look in looks] == [True, False]
    assert looks[0].detail["outcomes"][0]["status"] == "ok"


def test_a_batch_that_comes_twice_counts_once(made: Callable[..., Watch], tmp_path: Path) -> None:
    watch = made()
    for day in range(2):
        _batch(tmp_path, day, 0.0, seed=1)
        ran = watch.run(FIRST + timedelta(days=day), if_due=True)
    assert ran.code == BROKEN
    assert "is that of 2026-11-01T06:00" in ran.looks[0].detail["problems"][0]["text"]
    assert [bool(look.detail["counts"]) for look in watch.tables.looks()] == [True, False]


def test_another_model_is_told_and_judged_against_nothing_until_it_is_approved(
    made: Callable[..., Watch], tmp_path: Path
) -> None:
    watch = made()
    watch.approve("Ada", "first version")
    for day in range(3):
        _batch(tmp_path, day, 0.0)
    assert watch.run(FIRST, if_due=True).code == FINE
    watch.models["credit"] = LogisticRegression(C=1e-4).fit(X[:200], Y[:200])  # type: ignore[attr-defined]  # the fixture's
    changed = watch.run(FIRST + timedelta(days=1), if_due=True)
    assert changed.code == FAILED
    assert changed.looks[0].status == "model changed"
    assert changed.looks[0].detail["counts"] is None
    watch.approve("Ada", "second version")
    assert watch.run(FIRST + timedelta(days=2), if_due=True).looks[0].status != "model changed"
    series = [look.series for look in watch.tables.looks()]
    assert series[0] != series[1] == series[2]


def test_a_run_beside_another_does_nothing(made: Callable[..., Watch], tmp_path: Path) -> None:
    watch = made()
    _batch(tmp_path, 0, 0.0)
    with watch.tables.held():
        ran = made().run(FIRST, if_due=True)
    assert (ran.code, ran.looks) == (HELD, ())
    assert watch.tables.looks() == []
    assert watch.run(FIRST, if_due=True).code == FINE


def test_a_message_that_does_not_arrive_is_kept_and_ends_with_3(
    made: Callable[..., Watch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrai_widgets.io.alerts._WAITS", (0.0, 0.0))
    (tmp_path / "alerts.jsonl").mkdir()
    watch = made()
    ran = watch.run(FIRST, if_due=True)
    assert ran.code == BROKEN
    (delivery,) = watch.tables.looks()[0].detail["deliveries"]
    assert (delivery["arrived"], delivery["channel"]) == (False, "file")


def test_decisions_need_a_name_and_a_reason(made: Callable[..., Watch], tmp_path: Path) -> None:
    watch = made()
    with pytest.raises(ValueError, match="say why"):
        watch.approve("Ada", " ")
    with pytest.raises(ValueError, match="nothing to acknowledge"):
        watch.acknowledge("Ada", "why")


def test_what_calls_a_watch_is_printed(made: Callable[..., Watch], tmp_path: Path) -> None:
    text = callers(made().file)
    assert f"watch run {tmp_path / 'credit.toml'} --if-due --quiet" in text
    assert "Persistent=true" in text
    assert '- cron: "7 6 * * *"' in text


def test_labels_that_are_always_late_open_a_problem_and_do_not_end_it(
    made: Callable[..., Watch], tmp_path: Path
) -> None:
    watch = made()
    watch.approve("Ada", "first version")
    keys = {"history accuracy alarm", "robustness.corruptions accuracy_fall change fail"}
    states = []
    for day in range(9):
        if day:
            _batch(tmp_path, day - 1, 0.1 if day - 1 < 4 else 0.45)
        _batch(tmp_path, day, labels=False)
        ran = watch.run(FIRST + timedelta(days=day), if_due=True)
        states.append({one.state for one in ran.standings if one.key in keys})
    assert states == [set()] * 5 + [{"opened"}] + [{"still there"}] * 3
    (tmp_path / "2026-11-10.csv").write_text("nonsense")
    broken = watch.run(FIRST + timedelta(days=9), if_due=True)
    assert {one.key: one.state for one in broken.standings if one.key in keys} == dict.fromkeys(keys, "still there")


def test_an_acknowledged_alarm_begins_anew_although_the_newest_look_has_no_labels(
    made: Callable[..., Watch], tmp_path: Path
) -> None:
    watch = made()
    for day in range(8):
        _batch(tmp_path, day, 0.45, labels=day < 7)
        watch.run(FIRST + timedelta(days=day), if_due=True)
    assert "history accuracy alarm" in watch.acknowledge("Ada", "known")
    _batch(tmp_path, 8, 0.1)
    ran = watch.run(FIRST + timedelta(days=8), if_due=True)
    assert "history accuracy alarm" not in [problem["key"] for problem in ran.looks[-1].detail["problems"]]


def test_what_is_not_told_can_be_acknowledged(made: Callable[..., Watch], tmp_path: Path) -> None:
    made()
    file = tmp_path / "credit.toml"
    file.write_text(file.read_text() + '\n[policy.alert]\non = ["error"]\n')
    watch = Watch(read_watch(file), run=_run)
    for day in range(4):
        _batch(tmp_path, day, 0.45)
        watch.run(FIRST + timedelta(days=day), if_due=True)
    assert "history accuracy alarm" in watch.acknowledge("Ada", "known")


def test_whatever_a_look_raises_is_kept_and_the_next_batch_is_looked_at(
    made: Callable[..., Watch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = made('missed = "all"')
    _batch(tmp_path, 0)
    watch.run(FIRST, if_due=True)

    def broken_once(subject: Subject, plan: Any, store: Store) -> list[Outcome]:
        if subject.new_ids is None and str(subject.ids[0]) == "None-1-0":
            raise RuntimeError("the booster fell over")
        return _run(subject, plan, store)

    monkeypatch.setattr(watch, "_run_plan", broken_once)
    for day in (1, 2):
        _batch(tmp_path, day)
    ran = watch.run(FIRST + timedelta(days=2), if_due=True)
    assert [look.status == "error" for look in ran.looks] == [True, False]
    assert "RuntimeError: the booster fell over" in ran.looks[0].detail["problems"][0]["text"]


def test_late_labels_of_an_older_look_do_not_hide_the_newest_in_the_metrics(
    made: Callable[..., Watch], tmp_path: Path
) -> None:
    watch = made()
    _batch(tmp_path, 0, labels=False)
    watch.run(FIRST, if_due=True)
    (tmp_path / "2026-11-02.csv").write_text("nonsense")
    watch.run(FIRST + timedelta(days=1), if_due=True)
    _batch(tmp_path, 0)
    watch.run(FIRST + timedelta(days=1, hours=1), if_due=True)
    assert 'verdict="error"' in (tmp_path / "credit.prom").read_text()


def test_a_run_reads_the_looks_once(
    made: Callable[..., Watch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = made()
    for day in range(5):
        _batch(tmp_path, day, labels=False)
        watch.run(FIRST + timedelta(days=day), if_due=True)
    whole: list[None] = []
    real = watch.tables.looks

    def looks(newest: int | None = None) -> list[Any]:
        whole.extend([None] * (newest is None))
        return real(newest)

    monkeypatch.setattr(watch.tables, "looks", looks)
    for day in range(6):
        _batch(tmp_path, day)
    assert len(watch.run(FIRST + timedelta(days=5), if_due=True).looks) == 6
    assert len(whole) == 1


def test_late_labels_of_a_file_that_a_pattern_found_are_read(made: Callable[..., Watch], tmp_path: Path) -> None:
    made()
    file = tmp_path / "credit.toml"
    file.write_text(file.read_text().replace('path = "{date}.csv"', 'glob = "2026*.csv"'))
    watch = Watch(read_watch(file), run=_run)
    for day in range(2):
        _batch(tmp_path, day, labels=False)
        watch.run(FIRST + timedelta(days=day), if_due=True)
    before = [look.batch for look in watch.tables.looks()]
    labelled = pd.read_csv(tmp_path / "2026-11-01.csv")
    pd.DataFrame({"id": labelled["id"], "y": (labelled["a"] > 0).astype(int)}).to_csv(
        tmp_path / "labels-2026-11-01.csv", index=False
    )
    (again,) = watch.run(FIRST + timedelta(days=1, hours=1), if_due=True).looks
    assert (again.slot, again.detail["origin"].split()[0]) == ("2026-11-01T06:00", "2026-11-01.csv")
    assert again.detail["counts"]["wrong"] < 15
    assert watch.tables.looks()[1].batch == before[1]


def test_metrics_that_cannot_be_written_cost_no_look(made: Callable[..., Watch], tmp_path: Path) -> None:
    watch = made()
    watch.file = replace(watch.file, metrics=tmp_path / "none" / "credit.prom")
    _batch(tmp_path, 0, 0.0)
    ran = watch.run(FIRST, if_due=True)
    assert ran.code == BROKEN
    assert "credit.prom cannot be written" in ran.note
    assert [look.status for look in watch.tables.looks()] == ["pass"]


def test_a_loop_sleeps_at_most_a_minute_and_outlives_a_store_that_is_away(made: Callable[..., Watch]) -> None:
    watch, codes, naps = made(), list[int](), list[float]()
    watch.run = lambda **_: (_ for _ in ()).throw(StoreError("the store is locked"))  # type: ignore[method-assign]  # away

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        forever(watch, sleep, lambda ran: codes.append(ran.code))
    assert codes == [BROKEN] * 3
    assert all(0 < nap <= 60 for nap in naps)
