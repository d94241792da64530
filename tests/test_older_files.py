"""What older versions wrote is read: `older/` holds files that the code of their time made."""

import json
import shutil
import sqlite3
import threading
import tomllib
import zlib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import xrai_widgets as xw
from xrai_widgets.core import Outcome
from xrai_widgets.io.migrations import REPORTS, migrated
from xrai_widgets.io.origins import origin_from_text
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict
from xrai_widgets.reporting.compose import report
from xrai_widgets.reporting.formats.json import SCHEMA, schema
from xrai_widgets.reporting.saved import read_named, read_policy, read_quality, read_report
from xrai_widgets.results import html
from xrai_widgets.results.as_code import as_command, as_python, expression
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.run_as_code import run_as_command, run_as_plan
from xrai_widgets.runtime.store import Store
from xrai_widgets.runtime.store_schema import MIGRATIONS
from xrai_widgets.runtime.store_tables import SCHEMA as STORE_SCHEMA
from xrai_widgets.widgets import History, OutcomeView

OLDER = Path(__file__).parent / "older"
HELD = {1: 3, 2: 10, 3: 6}  # outcomes in the store of each older schema
STORES = [begun for begun, _ in MIGRATIONS]
VERSIONS = [name.rpartition("/")[2] for name, _ in REPORTS]


def raw(version: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((OLDER / f"report_{version}.json").read_text(encoding="utf-8"))
    return found


def test_there_is_a_migration_from_every_version_to_the_next() -> None:
    assert [str(number) for number in range(1, int(SCHEMA.rpartition("/")[2]))] == VERSIONS
    assert [begun for begun, _ in MIGRATIONS] == list(range(1, STORE_SCHEMA))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_report_is_brought_to_the_schema_of_today(version: str) -> None:
    old = raw(version)
    assert old["schema"].endswith(f"/{version}")
    found = migrated(raw(version), SCHEMA, REPORTS, "the report")
    jsonschema.validate(found, schema())
    for before, after in zip(old["verdicts"], found["verdicts"], strict=True):
        assert {key: after[key] for key in before if key != "checks"} == {
            key: value for key, value in before.items() if key != "checks"
        }


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_report_gives_the_numbers_it_gave_and_todays_verdicts(version: str) -> None:
    file = OLDER / f"report_{version}.json"
    outcomes, old = read_report(file), raw(version)
    for outcome, entry in zip(outcomes, old["outcomes"], strict=True):
        given, found = entry["finding"], outcome_to_dict(outcome)["finding"]
        assert (found is None) == (given is None)
        for key in ("values", "intervals", "counts", "tables", "notes") if given else ():
            assert found[key] == given[key]
        assert outcome.finding is None or outcome.finding.bounds == given.get("bounds", {})
        assert outcome.finding is None or outcome.finding.unjudged == given.get("unjudged", {})
        assert outcome.status == entry["status"]
    assert read_named(file) == old.get("named", [])
    assert (read_quality(file) is None) == ("quality" not in old)
    made = report(outcomes, read_policy(file), quality=read_quality(file), named=read_named(file))
    assert outcomes[0].subject_name in made.to_html()
    assert json.loads(made.to_json())["schema"] == SCHEMA
    jsonschema.validate(json.loads(made.to_json()), schema())
    for outcome, verdict, before in zip(outcomes, made.verdicts, old["verdicts"], strict=True):
        expected = before["status"]
        if outcome.assessment == "robustness.evasion" and int(version) < 3 and expected == "pass":
            expected = "not refuted"  # the value was a bound then, too
        assert verdict.status == expected


def as_code(outcome: Outcome) -> dict[str, str]:
    policy = Policy.default()
    return {
        "python": as_python(outcome),
        "command": as_command(outcome),
        "plan": run_as_plan([outcome], policy),
        "run": run_as_command([outcome], policy),
        "verdict": judge(outcome, policy).status,
    }


@pytest.mark.parametrize("version", STORES)
def test_every_outcome_of_an_older_history_opens_with_its_verdict_and_code(version: int, tmp_path: Path) -> None:
    store = Store(old_store(tmp_path, version))
    history = store.history()
    outcomes = [store.load(kept.number) for kept in reversed(history)]
    assert len(outcomes) == len(store) == HELD[version]
    for kept, outcome in zip(reversed(history), outcomes, strict=True):
        assert as_code(kept.outcome) == as_code(outcome)
        verdict = judge(outcome, Policy.default())
        head = html.head(outcome, verdict)
        assert (verdict.status if outcome.status == "ok" else outcome.status) in head
        if version < 3:
            assert outcome.origin.is_unknown == (not written(store, kept.number)["subject_source"])
    made = report(outcomes)
    jsonschema.validate(json.loads(made.to_json()), schema())
    page = made.to_html()
    assert all(outcome.subject_name in page for outcome in outcomes)


@pytest.mark.parametrize("version", STORES)
def test_every_outcome_of_an_older_history_is_shown_by_the_page(version: int, tmp_path: Path) -> None:
    history = History(Store(old_store(tmp_path, version)))
    assert history.wait(20)
    assert len(history.table.runs) == HELD[version]
    view = OutcomeView()
    for run in history.table.runs:
        history.load(run["number"])
        assert history.wait(20)
        assert history.opened is not None
        view.outcomes = (history.opened,)
        for page in range(len(view._pages) if history.opened.finding is not None else 0):
            view._tabs.selected_index = page
            assert page in view._filled
        assert run["verdict"].partition(",")[0] in view._head.value


def written(store: Store, number: int) -> dict[str, Any]:
    content = store._database().content(number)
    assert content is not None
    found: dict[str, Any] = json.loads(zlib.decompress(content))
    return found


def without_attack(text: str) -> str:
    """Return code without the attack that was the default then, which it has to name now."""
    words = (
        "attack='hop_skip_jump', ",
        " --set attack=hop_skip_jump",
        " --set robustness.evasion.attack=hop_skip_jump",
    )
    for word in (*words, 'attack = "hop_skip_jump"\n'):
        text = text.replace(word, "")
    return text


def test_the_code_of_an_older_outcome_is_what_it_was_to_the_letter(tmp_path: Path) -> None:
    """`store_2_as_code.json` is what the version before `Origin` said of the outcomes of its own store."""
    store = Store(old_store(tmp_path, 2))
    before = json.loads((OLDER / "store_2_as_code.json").read_text(encoding="utf-8"))
    outcomes = [store.load(number) for number in range(1, len(store) + 1)]
    policies = [
        Policy.of(tomllib.loads(old["plan"])["policy"]) for old in before
    ]  # that of then: it grows with the methods
    plans = [run_as_plan([outcome], policy) for outcome, policy in zip(outcomes, policies, strict=True)]
    made = [
        {key: without_attack(text) for key, text in (as_code(outcome) | {"plan": plan}).items()}
        for outcome, plan in zip(outcomes, plans, strict=True)
    ]
    for new, old in zip(made, before, strict=True):
        for key in ("command", "run"):
            if old[key] == "# a defended model is made in Python: see there":  # --defend came later
                assert "--defend " in new[key] or new[key].startswith("# constraints of a defended model")
                old[key] = new[key]
    assert made == before
    for outcome, old in zip(read_report(OLDER / "report_3.json"), before, strict=True):
        assert tuple(map(without_attack, (as_python(outcome), as_command(outcome)))) == (old["python"], old["command"])
    sources = {written(store, number)["subject_source"] for number in range(1, len(store) + 1)}
    assert sum(source.startswith("xw.constrained(") for source in sources) == 3
    assert {expression(origin_from_text(source)) for source in sources - {""}} == sources - {""}


def everywhere_more(data: dict[str, Any]) -> dict[str, Any]:
    """Return a report in which a newer program wrote a field more at every level."""
    data = json.loads(json.dumps(data))
    for part in (
        data,
        *data["outcomes"],
        *(outcome["finding"] for outcome in data["outcomes"] if outcome["finding"]),
        *(chart for outcome in data["outcomes"] if outcome["finding"] for chart in outcome["finding"]["charts"]),
        *(table for outcome in data["outcomes"] for table in outcome["finding"]["tables"].values()),
        *data["verdicts"],
        *(check for verdict in data["verdicts"] for check in verdict["checks"]),
    ):
        part["of_tomorrow"] = {"x": 1}
    return data


def test_fields_that_are_not_known_are_left_out(tmp_path: Path) -> None:
    made = report(read_report(OLDER / "report_2.json"))
    data = everywhere_more(json.loads(made.to_json()))
    jsonschema.validate(data, schema())
    file = tmp_path / "r.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    again = report(read_report(file), read_policy(file))
    assert json.loads(again.to_json())["outcomes"] == json.loads(made.to_json())["outcomes"]


def test_a_row_of_a_newer_program_is_not_hidden(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    outcome = read_report(OLDER / "report_2.json")[0]
    store.save(outcome)
    newer = {**outcome_to_dict(outcome), "of_tomorrow": 1}
    with sqlite3.connect(tmp_path / "s.sqlite") as other:
        other.execute("UPDATE xrai_outcomes SET summary = ?", (json.dumps(newer),))
    other.close()
    assert [kept.outcome.assessment for kept in store.history()] == [outcome.assessment]
    assert outcome_from_dict(newer).key == outcome.key


def test_the_quality_and_what_was_asked_for_come_back(tmp_path: Path) -> None:
    outcomes = read_report(OLDER / "report_2.json")
    quality = xw.Finding({"accuracy": 0.5}, {"accuracy": (0.4, 0.6)}, {"accuracy": 30})
    made = report(outcomes, quality=quality, named=["privacy.shapr"])
    jsonschema.validate(json.loads(made.to_json()), schema())
    file = made.save(tmp_path / "r.json")
    found = read_quality(file)
    assert found is not None
    assert (found.values, found.intervals) == (quality.values, quality.intervals)
    assert read_named(file) == ["privacy.shapr"]


@pytest.mark.parametrize("written", ["xrai-widgets/report/5", "another/1", None])
def test_a_newer_or_another_schema_is_refused(written: str | None) -> None:
    with pytest.raises(ValueError, match="a newer one takes a newer xrai-widgets"):
        migrated({"schema": written}, SCHEMA, REPORTS, "the report r.json")


@pytest.mark.parametrize("broken", [{"outcomes": 3}, {"verdicts": [1]}, {"outcomes": [None]}])
def test_an_older_report_that_is_none_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no report of the schema"):
        migrated({"schema": REPORTS[0][0], **broken}, SCHEMA, REPORTS, "the report r.json")


def old_store(tmp_path: Path, version: int = 1) -> Path:
    return Path(shutil.copy(OLDER / f"store_{version}.sqlite", tmp_path / "old.sqlite"))


def columns(file: Path) -> tuple[set[str], int]:
    connection = sqlite3.connect(file)
    names = {row[1] for row in connection.execute("PRAGMA table_info(xrai_outcomes)")}
    version = connection.execute("SELECT max(schema_version) FROM xrai_store").fetchone()[0]
    connection.close()
    return names, version


ADDED = {2: {"code"}, 3: {"inputs"}, 4: {"series", "batch"}}  # columns, by the schema that has them first


@pytest.mark.parametrize("version", STORES)
def test_an_older_store_is_brought_to_the_schema_of_today_and_keeps_its_runs(version: int, tmp_path: Path) -> None:
    file = old_store(tmp_path, version)
    before = sqlite3.connect(file).execute("SELECT number, content FROM xrai_outcomes").fetchall()
    names, found = columns(file)
    missing = {name for schema, added in ADDED.items() if schema > version for name in added}
    assert (found, names & missing) == (version, set())
    store = Store(file)
    assert columns(file) == (names | missing, STORE_SCHEMA)
    fresh = tmp_path / "new.sqlite"
    Store(fresh).close()
    assert (columns(file), indexes(file)) == (columns(fresh), indexes(fresh))
    assert [kept.number for kept in store.history()] == [number for number, _ in reversed(before)]
    assert sqlite3.connect(file).execute("SELECT number, content FROM xrai_outcomes").fetchall() == before
    whole = [store.load(number) for number, _ in before]
    subject = whole[0].subject
    held = {outcome.assessment for outcome in whole if outcome.subject == subject}
    assert {outcome.assessment for outcome in store.outcomes(subject)} == held
    assert {outcome.assessment for outcome in store.outcomes(subject, dict.fromkeys(held, "f" * 64))} == held
    again = store.save(whole[0])
    assert again == len(before) + 1
    assert Store(file).load(again).finding is not None


def indexes(file: Path) -> set[str]:
    connection = sqlite3.connect(file)
    found = {row[1] for row in connection.execute("PRAGMA index_list(xrai_outcomes)")}
    connection.close()
    return found


@pytest.mark.parametrize("version", STORES)
def test_yesterdays_numbers_are_shown_and_answer_nothing(version: int, tmp_path: Path) -> None:
    store = Store(old_store(tmp_path, version))
    for kept in store.history():
        outcome: Outcome = store.load(kept.number)
        assert store.answer(outcome.subject, outcome.assessment, outcome.params) is None
        assert store.unfinished(outcome.subject, outcome.assessment, outcome.params) is None


@pytest.mark.parametrize("version", STORES)
def test_the_same_code_would_still_be_answered_by_the_whole_fingerprint(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(old_store(tmp_path, version))
    outcomes = [store.load(kept.number) for kept in store.history()]
    monkeypatch.setattr("xrai_widgets.runtime.store.versions", lambda: outcomes[0].versions)
    for outcome in outcomes:
        assert (outcome.inputs == "") == (version < 3)
        asked = outcome.assessment, outcome.params, outcome.inputs or "f" * 64
        if version == 1:  # its key held no digest of the code
            assert store.answer(outcome.subject, *asked) is None
        else:
            assert (store.answer(outcome.subject, *asked) is not None) == (outcome.status == "ok")
            assert (store.unfinished(outcome.subject, *asked) is not None) == (outcome.status == "cancelled")
        assert store.answer("f" * 64, *asked[:2], "f" * 64) is None


@pytest.mark.parametrize("version", STORES)
def test_an_older_store_that_nobody_may_write_to_is_still_read(version: int, tmp_path: Path) -> None:
    file = old_store(tmp_path, version)
    store = Store(f"sqlite:///file:{file}?mode=ro&uri=true")
    assert len(store.history()) == HELD[version]
    first = store.load(1)
    assert first.status == "ok"
    used = {first.assessment: "f" * 64}
    assert first.assessment in [outcome.assessment for outcome in store.outcomes(first.subject, used)]
    assert store.answer(first.subject, first.assessment, first.params, "f" * 64) is None
    assert columns(file)[1] == version


@pytest.mark.parametrize("version", STORES)
def test_several_programs_may_open_an_older_store_at_once(version: int, tmp_path: Path) -> None:
    file, wrong = old_store(tmp_path, version), list[BaseException]()

    def opened() -> None:
        try:
            assert len(Store(file, patience=20).history()) == HELD[version]
        except BaseException as error:  # noqa: BLE001 - of a thread
            wrong.append(error)

    threads = [threading.Thread(target=opened) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert columns(file)[1] == STORE_SCHEMA
