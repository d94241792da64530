"""A batch as a file, without a model; what cannot be read is an outcome that can be kept."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import xrai_widgets as xw
from xrai_widgets.runtime.batch_check import check_batch, refused, schema_problems
from xrai_widgets.runtime.store import Store

N = 60
BASE = pd.DataFrame(
    {"id": [f"p{row}" for row in range(N)], "age": np.arange(N) * 1.5, "job": ["clerk", "baker", "nurse"] * (N // 3)}
)
NEW = BASE.head(30).assign(id=[f"n{row}" for row in range(30)], age=np.arange(30) * 1.5 + 0.25)


def test_files_are_checked_without_a_model(tmp_path: Path) -> None:
    BASE.to_csv(tmp_path / "base.csv", index=False)
    NEW[["job", "id", "age"]].to_csv(tmp_path / "new.csv", index=False)
    outcome = check_batch(tmp_path / "new.csv", tmp_path / "base.csv", ids="id", name="credit")
    assert outcome.status == "ok", outcome.reason
    assert outcome.finding is not None
    assert outcome.finding.values["seen_share"] == outcome.finding.values["broken_columns"] == 0.0
    again = check_batch(NEW.assign(id=BASE["id"].head(30)), BASE, ids="id", train=BASE.assign(age=BASE["age"] + 0.25))
    assert again.finding is not None
    assert again.finding.values["seen_share"] == 1.0
    assert again.finding.values["leak_excess"] > 0.9


BROKEN = {
    "a column gone": (NEW.drop(columns="age"), "the batch lacks the columns 'age'"),
    "one more": (NEW.assign(extra=1), "the batch has columns that the baseline lacks: 'extra'"),
    "no rows": (NEW.head(0), "the batch has no rows"),
    "text for numbers": (NEW.assign(age="old"), "column 'age' of the batch holds text, in the baseline numbers"),
    "numbers for text": (NEW.assign(job=1), "column 'job' of the batch holds numbers, in the baseline text"),
    "no ids": (NEW.drop(columns="id"), "the batch must have the column 'id' of the ids"),
    "an id twice": (NEW.assign(id="n"), "new_ids must differ from each other"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_batch_is_an_outcome_that_is_kept(kind: str, tmp_path: Path) -> None:
    batch, reason = BROKEN[kind]
    outcome = check_batch(batch, BASE, ids="id")
    assert outcome.status == "error"
    assert reason in outcome.reason
    store = Store(tmp_path / "store.sqlite")
    store.save(outcome)
    fine = check_batch(NEW, BASE, ids="id")
    store.save(fine)
    looks = store.looks(fine.series)
    assert [kept.outcome.status for kept in looks] == ["error", "ok"]
    assert looks[0].outcome.reason == outcome.reason
    assert xw.judge(looks[0].outcome).status == "not judged"


def test_all_that_is_wrong_is_said_at_once() -> None:
    batch = NEW.drop(columns="age").assign(job=1.0, a=1)
    assert len(schema_problems(BASE, batch)) == 3


def test_columns_without_any_cell_have_no_kind() -> None:
    assert schema_problems(BASE, NEW.assign(job=None)) == []
    outcome = check_batch(NEW.assign(job=None), BASE, ids="id")
    assert outcome.finding is not None, outcome.reason
    assert outcome.finding.values["broken_columns"] == pytest.approx(0.5)


def test_a_file_that_is_not_there_and_a_baseline_that_is_wrong() -> None:
    assert "does not exist" in check_batch("/nowhere/new.csv", BASE, ids="id").reason
    with pytest.raises(ValueError, match="the baseline must have the column 'name' of the ids"):
        check_batch(NEW, BASE, ids="name")


def test_a_look_that_was_refused_is_of_the_series_of_its_baseline() -> None:
    subject = xw.Subject.of(lambda rows: np.full((len(rows), 2), 0.5), np.zeros((9, 2)), np.arange(9) % 2)
    outcome = refused(subject, "monitoring.data_drift", {"bins": 5}, "no such file", "day 7")
    assert (outcome.series, outcome.batch, outcome.status) == (subject.series, "day 7", "error")
    assert outcome.params["bins"] == 5
    assert outcome.versions["xrai-widgets"] == xw.__version__
