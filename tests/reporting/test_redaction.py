"""Nobody's data by accident: no cell of a subject's samples is in a default report, in any form, in any place."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.contract.catalog import SMALL as FEW
from xrai_widgets.core import Array, Outcome, Subject, registered
from xrai_widgets.core.undefended import Undefended
from xrai_widgets.io.outcomes import outcome_to_dict
from xrai_widgets.reporting.compose import Report, report
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime import assess
from xrai_widgets.widgets import ReportButtons

SMALL = FEW | {
    "robustness.evasion": {"n_samples": 20, "max_iter": 4},
    "privacy.pdtp": {"n_samples": 5, "null_draws": 10},
}
WORDS = [f"secret-{name}" for name in ("amber", "birch", "cedar", "dahlia")]
NAMES = [name for name in registered() if not name.startswith("custom.")]


@pytest.fixture(scope="module")
def subject() -> Subject:
    """Every number has its own digits, every word is a canary, ids are harmless."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    numbers = 71.0 + rng.permutation(120 * 2).reshape(120, 2) * 0.0131071 + 0.00071
    frame = pd.DataFrame({"dose": numbers[:, 0], "level": numbers[:, 1], "code": rng.choice(WORDS, 120)})
    frame.index = [f"person-{i}" for i in range(120)]
    y = np.where(frame["dose"] + frame["level"] > frame[["dose", "level"]].sum(axis=1).median(), "yes", "no")
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["code"]), remainder="passthrough")
    model = make_pipeline(encoder, RandomForestClassifier(10, random_state=0)).fit(frame[:60], y[:60])
    return Subject.of(model, frame[60:], y[60:], X_train=frame[:60], y_train=y[:60], name="clinic")


def with_gradients(subject: Subject) -> Subject:
    """Return a model of the same numbers, for engines that need gradients."""
    from sklearn.linear_model import LogisticRegression

    X, names = np.array(subject.X[:, :2]), subject.feature_names[:2]
    model = LogisticRegression().fit(X, subject.y)
    return Subject.of(model, X, subject.y, feature_names=names, ids=subject.ids, name=subject.name)


def with_pictures(subject: Subject) -> Subject:
    """Return a model of pictures whose pixels are the same numbers, for engines that take nothing else."""
    from sklearn.linear_model import LogisticRegression

    X = np.tile(np.array(subject.X[:, :2]), 8)
    model = LogisticRegression().fit(X - X.mean(), subject.y)
    return Subject.of(model, X, subject.y, image_shape=(4, 4), ids=subject.ids, name=subject.name)


def with_batch(subject: Subject) -> Subject:
    """Return the subject with a batch of its own rows, one of which holds a word that nobody has seen."""
    assert subject.decode is not None
    batch = subject.decode(np.array(subject.X[:40]))
    batch.loc[:, "code"] = ["secret-echo", *batch["code"][1:]]
    return Subject.of(
        subject.model,
        subject.decode(np.array(subject.X)),
        np.array(subject.classes)[subject.y],
        ids=subject.ids,
        X_new=batch,
        y_new=np.array(subject.classes)[subject.y[:40]],
        new_ids=[f"person-{row}" for row in range(60, 100)],
        name=subject.name,
    )


@pytest.fixture(scope="module")
def outcomes(subject: Subject) -> list[Outcome]:
    subject = replace(subject, undefended=Undefended.of(subject, "nothing"))
    fitting = {
        name: next(
            made
            for made in (subject, with_gradients(subject), with_pictures(subject), with_batch(subject))
            if entry.gap(made) is None
        )
        for name, entry in registered().items()
        if name in NAMES
    }
    results = [assess(made, name, **SMALL.get(name, {})) for name, made in fitting.items()]
    assert {outcome.status for outcome in results} == {"ok"}
    return results


def with_rows(outcomes: list[Outcome]) -> list[Outcome]:
    """Return those that have cells to hide."""
    results = [outcome for outcome in outcomes if outcome.finding is not None and "rows" in outcome.finding.tables]
    assert results, "there is something to hide"
    return results


def texts(made: Report) -> Iterator[tuple[str, str]]:
    yield "HTML", made.to_html()
    yield "JSON", made.to_json()
    yield "Markdown", made.to_markdown()


def cells(subject: Subject) -> list[str]:
    """Every number of the samples as it would be read: with five digits behind the point or more."""
    assert subject.X_train is not None
    both = np.concatenate([subject.X, subject.X_train])
    assert subject.decode is not None
    decoded = subject.decode(both)
    return [f"{value:.5f}" for value in decoded[["dose", "level"]].to_numpy(dtype=float).ravel()]


def test_no_cell_is_in_a_default_report(subject: Subject, outcomes: list[Outcome]) -> None:
    numbers = cells(subject)
    for form, text in texts(report(outcomes, Policy.default())):
        assert not [word for word in WORDS if word in text], form
        results = [number for number in numbers if number in text]
        assert results == [], form
        assert "person-" in text or form == "Markdown"


def test_the_canaries_are_found_where_rows_are_asked_for(subject: Subject, outcomes: list[Outcome]) -> None:
    """The test above can fail: with the rows, the same search finds cells."""
    made = report(with_rows(outcomes), include_rows=True)
    text = made.to_json()
    assert [number for number in cells(subject) if number in text]
    assert "named by id only" not in made.to_html() + made.to_markdown()


def test_what_a_report_holds_is_redacted_before_anything_is_written(subject: Subject, outcomes: list[Outcome]) -> None:
    """The first of two layers: the writers leave the contents out once more."""
    for given, held in zip(outcomes, report(outcomes).outcomes, strict=True):
        assert given.finding is not None
        assert held.finding is not None
        assert "rows" not in held.finding.tables
        assert all(chart.table != "rows" for chart in held.finding.charts)
        assert set(held.finding.arrays) == set(given.finding.shareable)
        assert held.finding.values == given.finding.values
        assert set(held.finding.tables) == set(given.finding.tables) - {"rows"}
    assert with_rows(outcomes)
    kept = report(outcomes, include_rows=True).outcomes
    assert all(one is other for one, other in zip(kept, outcomes, strict=True))


def test_the_writers_leave_the_contents_out_by_themselves(subject: Subject, outcomes: list[Outcome]) -> None:
    """The second layer, given what the first one would have kept back."""
    for outcome in outcomes:
        written = json.dumps(outcome_to_dict(outcome))
        assert not [word for word in WORDS if word in written]
        assert not [number for number in cells(subject) if number in written]


def test_the_weights_of_prototypes_are_kept_whatever_their_shape(outcomes: list[Outcome]) -> None:
    (made,) = (outcome for outcome in outcomes if outcome.assessment == "explanations.protodash")
    held = report([made]).outcomes[0].finding
    assert made.finding is not None
    assert held is not None
    path = held.arrays["weights_path"]
    assert path.ndim == 2
    assert np.array_equal(path, made.finding.arrays["weights_path"], equal_nan=True)
    back = json.loads(report([made]).to_json())["outcomes"][0]["finding"]["arrays"]
    assert back["weights_path"]["shape"] == list(path.shape)


def test_what_an_engine_does_not_declare_is_left_out_though_it_is_a_plain_list(outcomes: list[Outcome]) -> None:
    assert outcomes[0].finding is not None
    ages = replace(outcomes[0].finding, arrays={"ages": np.array([44.0, 51.0])}, shareable=())
    outcome = replace(outcomes[0], finding=ages)
    assert json.loads(report([outcome]).to_json())["outcomes"][0]["finding"]["arrays"] == {}
    assert json.loads(report([outcome], include_rows=True).to_json())["outcomes"][0]["finding"]["arrays"]


def test_arrays_hold_no_samples(subject: Subject, outcomes: list[Outcome]) -> None:
    assert subject.X_train is not None
    known = set(np.concatenate([subject.X, subject.X_train])[:, :2].round(9).ravel().tolist())
    for outcome in json.loads(report(outcomes).to_json())["outcomes"]:
        for array in outcome["finding"]["arrays"].values():
            values = np.frombuffer(base64.b64decode(array["data"]), dtype=array["dtype"])
            assert not known & set(np.asarray(values, dtype=float).round(9).tolist())


def test_pictures_of_samples_are_left_out(digits: Subject) -> None:
    made = report([assess(digits, "robustness.evasion", n_samples=6, max_iter=3)])
    assert json.loads(made.to_json())["outcomes"][0]["finding"]["arrays"] == {}
    assert "<image" not in made.to_html()
    assert "data:image" not in made.to_html()


def test_the_buttons_of_the_page_write_the_default_report(subject: Subject, outcomes: list[Outcome]) -> None:
    made = ReportButtons(tuple(with_rows(outcomes))).report()
    assert not made.include_rows
    for form, text in texts(made):
        assert not [word for word in WORDS if word in text], form


def test_an_engines_message_may_name_no_cell(subject: Subject) -> None:
    """A model that fails on a sample quotes it in its message: the report names the error by its number only."""

    def broken(rows: Array) -> Array:
        raise RuntimeError(f"cannot read {WORDS[0]} of dose {rows[0, 0]:.5f}")

    assert subject.fingerprint
    failing = replace(subject)
    for known in ("fingerprint", "_output_bytes"):  # the model fails later
        failing.__dict__[known] = getattr(subject, known)
    object.__setattr__(failing, "predict", broken)
    outcome = assess(failing, "privacy.membership_inference")
    assert outcome.status == "error"
    for form, text in texts(report([outcome])):
        assert WORDS[0] not in text, form
        assert re.search(r"failed \(error [0-9a-f]{8}; the log has the details\)", text), form
    assert WORDS[0] in report([outcome], include_rows=True).to_markdown()
    assert WORDS[0] in outcome.reason
