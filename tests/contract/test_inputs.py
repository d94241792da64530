"""An outcome belongs to what its engine uses: what it does not use changes no number, and what it uses, its digest."""

import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tests.contract.catalog import every_engine, small
from xrai_widgets.core import Assessment, Constraint, Subject
from xrai_widgets.core.belonging import adopted, fields_used, inputs_of
from xrai_widgets.core.undefended import Undefended
from xrai_widgets.io.outcomes import outcome_to_dict
from xrai_widgets.runtime import run


@cache
def whole() -> Subject:
    """A subject that has everything that a table can have."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(240, 3)).round(3), columns=["a", "b", "c"])
    y = np.where(X["a"] + X["b"] + rng.normal(size=240) > 0, "yes", "no")
    sex = np.where(rng.random(240) > 0.5, "f", "m")
    model = LogisticRegression(C=10).fit(X[:100], y[:100])
    data = {"X_train": X[:100], "y_train": y[:100], "X_new": X[200:], "y_new": y[200:]}
    groups = {"groups": sex[100:200], "train_groups": sex[:100]}
    subject = Subject.of(model, X[100:200], y[100:200], **data, **groups, name="whole")
    return replace(subject, undefended=Undefended.of(subject, "nothing"))


@cache
def pictured() -> Subject:
    """A subject of pictures for engines that take nothing else."""
    rng = np.random.default_rng(3)
    X = rng.random((240, 16)).round(3)
    y = np.where(X[:, 0] + X[:, 5] + 0.3 * rng.normal(size=240) > 1, "yes", "no")
    model = LogisticRegression(C=10).fit(X[:100], y[:100])
    data = {"X_train": X[:100], "y_train": y[:100], "X_new": X[200:], "y_new": y[200:]}
    subject = Subject.of(model, X[100:200], y[100:200], **data, image_shape=(4, 4), name="whole")
    return replace(subject, undefended=Undefended.of(subject, "nothing"))


def otherwise(subject: Subject) -> dict[str, Any]:
    """Return every field that is no part of the model, with another value."""
    assert subject.X_new is not None
    assert subject.y_new is not None
    assert subject.X_train is not None
    assert subject.y_train is not None
    assert subject.bounds is not None
    few = np.arange(100) < 30
    turned = {name: getattr(subject, name)[::-1] for name in ("y", "X_new", "y_new")}
    turned |= {"X_train": subject.X_train * 1.5, "y_train": np.where(few, 0, subject.y_train)}
    kind = replace((*subject.constraints, Constraint())[0], immutable=True, monotone=0)
    names = tuple(f"A{place}" for place in range(subject.X[0].size))
    named = {name: np.array([f"p{row}" for row in range(100)], object) for name in ("ids", "train_ids")}
    return {
        **turned,
        **named,
        "new_ids": np.arange(40) + 7,
        "foreign": np.arange(40) < 5,
        "groups": np.arange(100) % 3,
        "train_groups": np.arange(100) % 3,
        "new_groups": np.arange(40) % 3,
        "constraints": (kind, *subject.constraints[1:]),
        "bounds": subject.bounds * 2,
        "feature_names": names,
        "classes": ("bad", "good"),
        "decode": lambda X: pd.DataFrame(X * 100, columns=list(names)),
        "name": "another",
        "notes": ("another",),
    }


def found(subject: Subject, entry: Assessment) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = run(subject, entry, small(entry), strict=True)
    assert outcome.status == "ok"
    return outcome


@every_engine
def test_what_an_engine_does_not_use_changes_no_number_of_its(entry: Assessment) -> None:
    subject = whole() if "tabular" in entry.inputs else pictured()
    unused = {key: value for key, value in otherwise(subject).items() if key not in fields_used(entry)}
    assert {"X_new", "name"} - {*entry.uses} <= set(unused)
    other = replace(subject, **unused)
    assert other.fingerprint != subject.fingerprint
    first, second = found(subject, entry), found(other, entry)
    told = [outcome_to_dict(outcome, include_rows=True) for outcome in (first, second)]
    assert told[0]["finding"] == told[1]["finding"]
    assert first.inputs == second.inputs == inputs_of(other, entry)
    mine = adopted(first, other)
    assert mine is not None
    now = outcome_to_dict(mine, include_rows=True)
    assert {key for key in now if now[key] != told[1][key]} <= {"seconds", "started", "queries"}
    assert adopted(mine, subject) is not None


@every_engine
def test_each_field_that_an_engine_uses_tells_its_outcomes_apart(entry: Assessment) -> None:
    subject, used = whole() if "tabular" in entry.inputs else pictured(), fields_used(entry)
    outcome = found(subject, entry) if entry.name == "privacy.shapr" else None
    for key, value in otherwise(subject).items():
        other = replace(subject, **{key: value})
        assert (inputs_of(other, entry) != inputs_of(subject, entry)) == (key in used), key
        if outcome is not None:
            assert (adopted(outcome, other) is None) == (key in used), key
    model = replace(subject, predict=lambda X: subject.predict(X)[:, ::-1])
    assert inputs_of(model, entry) != inputs_of(subject, entry)


def test_an_outcome_of_an_older_version_is_that_of_the_very_subject(whole_shapr: Any) -> None:
    subject = whole()
    older = replace(whole_shapr, inputs="")
    assert adopted(older, subject) is older
    assert adopted(older, replace(subject, name="another")) is older  # a name is no part of a fingerprint
    assert adopted(older, replace(subject, X_new=None)) is None
    assert adopted(whole_shapr, replace(subject, X_new=None)) is not None
    unknown = replace(whole_shapr, assessment="nobody.knows")
    assert adopted(unknown, subject) is unknown
    assert adopted(unknown, replace(subject, X_new=None)) is None


@pytest.fixture(scope="module")
def whole_shapr() -> Any:
    from xrai_widgets.core import find

    return found(whole(), find("privacy.shapr"))
