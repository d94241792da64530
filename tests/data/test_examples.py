import socket
from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Origin, Subject
from xrai_widgets.core.origin import Example
from xrai_widgets.data import examples
from xrai_widgets.data.german_credit import german_credit

NAMES = examples.names()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("something asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_the_built_in_subjects_are_named() -> None:
    assert {"breast_cancer_forest", "german_credit_forest", "digits_network", "diabetes_tree"} <= set(NAMES)
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_subject_loads_offline_and_is_complete(name: str, offline: None) -> None:
    subject = examples.load(name)
    assert isinstance(subject, Subject)
    assert subject.name == name
    assert subject.origin == Origin(Example(name))
    assert subject.X_train is not None
    assert subject.y_train is not None
    assert min(len(subject.X), len(subject.X_train)) > 100
    assert subject.bounds is not None
    assert (subject.X.reshape(len(subject.X), -1) >= subject.bounds[0] - 1e-6).all()
    assert (subject.X.reshape(len(subject.X), -1) <= subject.bounds[1] + 1e-6).all()
    shared = set(map(bytes, subject.X)) & set(map(bytes, subject.X_train))
    assert len(shared) < 0.05 * len(subject.X), "training samples among the held-out ones"


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_model_has_learned_something(name: str) -> None:
    subject = examples.load(name)
    answers = subject.predict(subject.X)
    if subject.task == "regression":
        assert np.corrcoef(answers, subject.y)[0, 1] > 0.3
    else:
        accuracy = (answers.argmax(axis=1) == subject.y).mean()
        # on a table with a large class, half as far above its share as it could be is much: 3 % must do
        assert accuracy > np.bincount(subject.y).max() / len(subject.y) - 0.03


@pytest.mark.parametrize("name", NAMES)
def test_loading_again_from_scratch_gives_the_same_answers(name: str) -> None:
    first = examples.load(name)
    assert examples.load(name) is first
    again = examples.load.__wrapped__(name)
    assert again is not first
    assert np.array_equal(again.X, first.X)
    assert np.allclose(again.predict(again.X), first.predict(first.X), rtol=0, atol=1e-9)
    assert again.ids.tolist() == first.ids.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_every_built_in_subject_has_a_summary_of_one_sentence(name: str) -> None:
    summary = examples.summary(name)
    assert summary.endswith(".")
    assert "\n" not in summary


def test_an_unknown_name_is_refused_with_the_nearest_and_the_allowed() -> None:
    message = r"there is no example 'german_credit_forrest'; allowed: .*; did you mean 'german_credit_forest'\?"
    for ask in (examples.load, examples.summary):
        with pytest.raises(ValueError, match=message):
            ask("german_credit_forrest")


def test_an_example_that_needs_a_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "find_spec", lambda _: None)
    assert "digits_convolution" not in examples.names()
    assert "digits_network" in examples.names()
    with pytest.raises(ValueError, match=r"digits_convolution needs torch: pip install 'xrai-widgets\[torch\]'"):
        examples.load.__wrapped__("digits_convolution")


def test_german_credit_has_a_thousand_applicants_described_in_words() -> None:
    frame, risk = german_credit()
    assert frame.shape == (1000, 20)
    assert risk.value_counts().to_dict() == {"good": 700, "bad": 300}
    assert not frame.isna().any().any()
    words = frame.select_dtypes(exclude="number")
    assert words.shape[1] == 13
    assert not words.apply(lambda column: column.str.fullmatch(r"A\d+")).any().any(), "codes instead of words"
    assert frame.index.is_unique
    assert frame.index.equals(risk.index)
    assert frame.index[0] == "applicant-0001"
    assert "credit_risk" not in frame.columns


def test_german_credit_is_read_afresh_each_time() -> None:
    frame, risk = german_credit()
    frame.iloc[0, 0] = "changed"
    risk.iloc[0] = "changed"
    again, same = german_credit()
    assert again.iloc[0, 0] != "changed"
    assert same.iloc[0] != "changed"


def test_what_nobody_can_change_about_themselves_is_immutable(credit: Subject) -> None:
    fixed = {n for n, c in zip(credit.feature_names, credit.constraints, strict=True) if c.immutable}
    assert fixed == {"age", "personal_status_sex", "foreign_worker"}


def test_the_credit_subject_speaks_of_applicants_in_words(credit: Subject) -> None:
    assert str(credit.ids[0]).startswith("applicant-")
    assert set(credit.classes) == {"good", "bad"}
    assert credit.decode is not None
    assert credit.decode(credit.X[:1]).shape == (1, 20)
