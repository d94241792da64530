"""A run that was cancelled goes on where it stopped: from the store, from the page, after a new start of the kernel."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from xrai_widgets.apps.workbench import Workbench
from xrai_widgets.core import Array, Finding, Measure, Outcome, Predict, Step, Subject, find, quiet
from xrai_widgets.core import assessment as register
from xrai_widgets.core.assessment import _registry
from xrai_widgets.io.outcomes import outcome_from_dict, outcome_to_dict
from xrai_widgets.runtime import Meter, RunStep, assess, run, run_plan
from xrai_widgets.runtime.store import Store

PDTP = "privacy.pdtp"
SMALL: dict[str, Any] = {"n_samples": 12, "repeats": 1, "null_draws": 5}
SCRIPT = """
import sys
from tests.runtime.test_resume import SMALL, refits, subject_of
from xrai_widgets.runtime import assess
from xrai_widgets.runtime.store import Store

counted, subject = refits(subject_of("forest"))
outcome = assess(counted, "privacy.pdtp", store=Store(sys.argv[1]), **SMALL)
print(outcome.status, len(subject), outcome.finding.values["worst_excess"], outcome.finding.notes[-1], sep="|")
"""


@pytest.fixture(autouse=True)
def every_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every note be shown, not ten a second."""
    monkeypatch.setattr("xrai_widgets.runtime.run_step._PERIOD", 0.0)


def subject_of(kind: str) -> Subject:
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X[:160, ::5], y[:160]
    model = {
        "forest": RandomForestClassifier(4, random_state=0),
        "tree": DecisionTreeClassifier(random_state=0),
        "closed form": GaussianNB(),
    }[kind]
    return Subject.of(model.fit(X[40:], y[40:]), X[:40], y[:40], X_train=X[40:], y_train=y[40:])


def refits(subject: Subject) -> tuple[Subject, list[int]]:
    """The same subject, which notes the number of rows of every refit."""
    seen: list[int] = []

    def fit(X: Any, y: Any, *, seed: int) -> Any:
        seen.append(len(X))
        assert subject.fit is not None
        return subject.fit(X, y, seed=seed)

    return replace(subject, fit=fit), seen


def cancelled(subject: Subject, after: int, earlier: Finding | None = None, **params: Any) -> Outcome:
    """Run until ``after`` samples are done, then cancel."""
    cancel = threading.Event()

    class Stop(RunStep):
        def __call__(self, done: float, note: str = "", partial: Any = None) -> None:
            if note.startswith(f"{after} of"):
                cancel.set()
            super().__call__(done, note, partial)

    return run(subject, find(PDTP), {**SMALL, **params}, step=Stop(Meter(cancel), earlier=earlier))


def same(one: Finding | None, other: Finding | None) -> bool:
    assert one is not None
    assert other is not None
    tables = all(one.tables[name].equals(other.tables[name]) for name in one.tables)
    return one.values == other.values and one.intervals == other.intervals and one.counts == other.counts and tables


@pytest.mark.parametrize("at", ["record", "all"])
@pytest.mark.parametrize("kind", ["forest", "tree"])
def test_a_run_in_two_pieces_is_a_run_in_one(kind: str, at: str) -> None:
    subject, seen = refits(subject_of(kind))
    run(subject, find(PDTP), {**SMALL, "samples": "50"})  # asks whether training gives this model, once for all
    seen.clear()
    whole = run(subject, find(PDTP), {**SMALL, "at": at})
    alone = len(seen)
    first = cancelled(subject, 5, at=at)
    assert first.status == "cancelled"
    assert first.finding is not None
    done = len(first.finding.tables["samples"])
    assert 5 <= done <= 7
    assert f"{done} of 12 samples are done" in first.finding.notes[-1]
    seen.clear()
    # through JSON, as the store keeps it
    kept = outcome_from_dict(outcome_to_dict(first, include_rows=True)).finding
    notes: list[str] = []
    step = RunStep(listen=lambda progress: notes.append(progress.note), earlier=kept)
    second = run(subject, find(PDTP), {**SMALL, "at": at}, step=step)
    assert same(second.finding, whole.finding)
    assert notes[0] == f"continues: {done} of 12 done"
    assert second.finding is not None
    assert not second.finding.arrays
    assert f"Continued: {done} of 12 samples" in second.finding.notes[-1]
    expected = 12 - done if kind == "forest" else alone - done  # noise of a forest is known, too
    assert len(seen) == expected
    assert sum(rows == 119 for rows in seen) == 12 - done


def test_a_run_in_three_pieces_is_a_run_in_one_although_the_second_was_stopped_at_once() -> None:
    subject = subject_of("forest")
    first = cancelled(subject, 3)
    step = RunStep(Meter(threading.Event()), earlier=first.finding)
    step.meter.cancel.set()
    nothing = run(subject, find(PDTP), SMALL, step=step)
    assert nothing.status == "cancelled"
    second = cancelled(subject, 8, earlier=first.finding)
    assert second.finding is not None
    assert len(second.finding.tables["samples"]) >= 8
    (third,) = run_plan(subject, [(PDTP, SMALL)], earlier=[first, second, replace(nothing, finding=None)])
    assert same(third.finding, run(subject, find(PDTP), SMALL).finding)
    assert third.finding is not None
    assert "Continued: " in third.finding.notes[-1]


def test_what_a_sample_lost_is_remembered() -> None:
    subject = subject_of("tree")

    def fit(X: Any, y: Any, *, seed: int) -> Any:
        assert subject.fit is not None
        gone = len(X) < 120 and not (subject.X_train[order[1]] == X).all(axis=1).any()  # type: ignore[index]
        return (lambda rows: np.full((len(rows), 2), np.nan)) if gone else subject.fit(X, y, seed=seed)

    order = np.random.default_rng((0, 0)).permutation(120)
    broken = replace(subject, fit=fit)
    first = cancelled(broken, 4)
    second = run(broken, find(PDTP), SMALL, step=RunStep(earlier=first.finding))
    whole = run(broken, find(PDTP), SMALL)
    assert same(second.finding, whole.finding)
    assert whole.finding is not None
    assert "Not measured: 1 of the samples, the refit gave NaN or infinite outputs." in whole.finding.notes
    table = whole.finding.tables["samples"]
    assert table["skipped"].tolist() == ["", "the refit gave NaN or infinite outputs", *[""] * 10]
    assert table["excess"].notna().sum() == whole.finding.counts["worst_excess"] == 11


def test_the_store_lets_a_run_go_on_after_the_kernel_was_started_anew(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    subject = subject_of("forest")
    first = cancelled(subject, 5)
    Store(file).save(first)
    assert first.finding is not None
    done = len(first.finding.tables["samples"])
    child = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(file)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    status, fits, worst, note = child.stdout.strip().split("|")
    whole = run(subject, find(PDTP), SMALL).finding
    assert whole is not None
    assert (status, int(fits)) == ("ok", 1 + 12 - done)  # whether training gives this model is asked in each process
    assert float(worst) == whole.values["worst_excess"]
    assert note.startswith(f"Continued: {done} of 12")
    # from now on the store answers
    assert assess(subject, PDTP, store=Store(file), **SMALL).recalled


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"seed": 1}, "another seed"),
        ({"n_samples": 11}, "fewer samples"),
        ({"fresh": True}, "asked for"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_question_starts_from_the_beginning(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    store = Store(tmp_path / "s.sqlite")
    subject, seen = refits(subject_of("tree"))
    store.save(cancelled(subject, 5))
    seen.clear()
    params = SMALL | change
    outcome = assess(subject, PDTP, store=store, **params)
    assert outcome.status == "ok"
    assert sum(rows == 119 for rows in seen) == params["n_samples"], why


def test_what_other_versions_computed_and_what_changed_in_a_custom_engine_is_not_continued(tmp_path: Path) -> None:
    from xrai_widgets.runtime.keep import unfinished

    store, subject = Store(tmp_path / "s.sqlite"), subject_of("tree")
    first = cancelled(subject, 5)
    params = find(PDTP).check(SMALL)
    assert unfinished(None, [first], subject, PDTP, params) is first.finding
    other = replace(first, versions={**first.versions, "numpy": "1.26.0"})
    assert unfinished(None, [other], subject, PDTP, params) is None
    assert unfinished(None, [first, run(subject, find(PDTP), SMALL)], subject, PDTP, params) is None
    custom = replace(first, assessment="custom.mine")
    store.save(custom)
    assert unfinished(store, [custom], subject, "custom.mine", params) is None


def test_a_partial_finding_of_other_samples_is_not_taken() -> None:
    subject = subject_of("tree")
    first = cancelled(subject, 5)
    outcome = run(subject, find(PDTP), {**SMALL, "seed": 3}, step=RunStep(earlier=first.finding))
    assert same(outcome.finding, run(subject, find(PDTP), {**SMALL, "seed": 3}).finding)
    assert outcome.finding is not None
    assert not any("Continued" in note for note in outcome.finding.notes)


def test_only_the_whole_goes_on_and_no_subgroup_and_no_part(forest: Subject) -> None:
    earlier = Finding({"score": 1.0})
    seen: list[bool] = []

    def engine(predict: Predict, X: Array, *, step: Step = quiet) -> Finding:
        """Note whether there was an earlier run."""
        seen.append(step.earlier is earlier)
        assert step.part(0.0, 0.5).earlier is None
        return Finding({"score": 0.0}, {"score": (0.0, 0.0)}, {"score": len(X)})

    register(title="noting", measures=(Measure("score", "lower"),))(engine)
    try:
        groups = np.where(np.arange(len(forest.X)) % 2, "odd", "even")
        run(replace(forest, groups=groups), "custom.engine", step=RunStep(earlier=earlier), strict=True)
    finally:
        _registry.pop("custom.engine")
    assert seen == [True, False, False]


@pytest.mark.parametrize("stored", [False, True], ids=["on the page", "in the store"])
def test_run_on_a_cancelled_outcome_goes_on_and_says_so(tmp_path: Path, stored: bool) -> None:
    slow, seen = refits(subject_of("forest"))
    bench = Workbench(slow, selection=(PDTP,), store=Store(tmp_path / "s.sqlite") if stored else None)
    bench.runner.plan = ((PDTP, SMALL),)
    assert bench.selector._job is not None
    assert bench.selector._job.wait(60)  # a forecast refits, too
    assert (bench.runner._fresh.layout.display == "none") is not stored
    messages: list[str] = []

    def watch(change: dict[str, Any]) -> None:
        messages.append(change["new"])
        if "5 of 12 left out" in change["new"]:
            bench.runner.cancel()

    bench.runner.status.observe(watch, "value")
    ended: list[Outcome] = []
    bench.runner.observe(lambda change: ended.append(change["new"]), "latest")
    bench.runner.run()
    assert bench.runner.wait(60)
    (first,) = ended
    assert first.status == "cancelled"
    assert first.finding is not None
    done = len(first.finding.tables["samples"])
    assert 5 <= done < 12
    assert bench.runner._fresh.layout.display == ""
    assert "samples are done: the same run, started again, goes on from here" in _text(bench)
    seen.clear()
    messages.clear()
    bench.runner.status.unobserve(watch, "value")
    bench.runner.status.observe(lambda change: messages.append(change["new"]), "value")
    bench.runner.run()
    assert bench.runner.wait(60)
    assert ended[-1].status == "ok"
    assert any(f"continues: {done} of 12 done" in text for text in messages)
    assert len(seen) == 12 - done
    assert same(ended[-1].finding, run(slow, find(PDTP), SMALL).finding)
    assert f"Continued: {done} of 12 samples" in _text(bench)
    bench.runner.fresh = True
    seen.clear()
    bench.runner.run()
    assert bench.runner.wait(60)
    assert sum(rows == 119 for rows in seen) == 12


def _text(bench: Workbench) -> str:
    """Everything the outcome view shows."""
    results: list[str] = []

    def walk(widget: Any) -> None:
        results.append(str(getattr(widget, "value", "")))
        for child in getattr(widget, "children", ()):
            walk(child)

    walk(bench.view)
    return " ".join(results)
