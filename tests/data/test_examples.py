import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from xrai_widgets.core import Origin, Subject
from xrai_widgets.core.origin import Example
from xrai_widgets.data import examples
from xrai_widgets.data.german_credit import german_credit
from xrai_widgets.io.origins import origin_from_dict, origin_to_dict
from xrai_widgets.results.as_code import expression, model_words

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


def test_letters_and_mirrored_digits_are_foreign_and_the_network_is_the_same() -> None:
    subject, network = examples.load("digits_with_letters"), examples.load("digits_network")
    assert subject.X_new is not None
    assert subject.foreign is not None
    assert subject.new_ids is not None
    kinds = [str(name).partition("-")[0] for name in subject.new_ids]
    assert subject.foreign.tolist() == [kind in ("mirrored", "letter") for kind in kinds]
    assert {kind: kinds.count(kind) for kind in kinds} == {"digit": 119, "mirrored": 60, "letter": 60}
    assert subject.state == network.state
    assert subject.parts["X_train"] == network.parts["X_train"]
    assert np.array_equal(np.concatenate([subject.X, subject.X_new[:119]]), network.X)
    mirrored = subject.new_ids.tolist().index("mirrored-5-003") if "mirrored-5-003" in subject.new_ids else 119
    own = int(str(subject.new_ids[mirrored]).rsplit("-", 1)[1])
    assert np.array_equal(subject.X_new[mirrored], subject.X_new[own][:, :, ::-1])
    sure = subject.predict(subject.X_new).max(axis=1)
    assert sure[~subject.foreign].mean() > sure[subject.foreign].mean() + 0.1


def test_later_applicants_differ_as_it_is_written_and_keep_their_labels() -> None:
    subject, forest = examples.load("german_credit_shifted"), examples.load("german_credit_forest")
    assert subject.X_new is not None
    assert subject.y_new is not None
    assert subject.decode is not None
    assert forest.decode is not None
    assert subject.parts["X_train"] == forest.parts["X_train"]
    later, before = subject.decode(subject.X_new), forest.decode(forest.X[250:])
    assert subject.new_ids is not None
    assert subject.new_ids.tolist() == forest.ids[250:].tolist()
    assert np.array_equal(subject.y_new, forest.y[250:])
    assert np.array_equal(later["credit_amount"], np.rint(before["credit_amount"] * 1.4))
    assert np.array_equal(later["age"], (before["age"] - 8).clip(lower=19))
    assert (later["duration_months"] - before["duration_months"] == 6).all()
    moved = later["purpose"] != before["purpose"]
    assert set(later["purpose"][moved]) == {"car (electric)"}
    assert moved.sum() == 11
    assert subject.constraints == forest.constraints, "what only the batch holds is no category"


def test_an_example_takes_a_batch_from_a_file(tmp_path: Path) -> None:
    applicants, risk = german_credit()
    table = applicants[:3].assign(credit_risk=risk[:3], odd=[True, False, False])
    table.to_csv(tmp_path / "new.csv")
    said = {"foreign": "odd", "target": "credit_risk", "ids": "applicant"}
    subject = examples.load_with("german_credit_forest", tmp_path / "new.csv", **said)  # type: ignore[arg-type]  # words by name
    assert subject.foreign is not None
    assert subject.foreign.tolist() == [True, False, False]
    assert subject.new_ids is not None
    assert subject.new_ids.tolist() == table.index.tolist()
    assert subject.parts["X"] == examples.load("german_credit_forest").parts["X"]
    assert expression(subject.origin) == (
        "xw.examples.load_with(\"german_credit_forest\", 'new.csv', foreign='odd', target='credit_risk', "
        "ids='applicant')"
    )
    assert model_words(subject.origin) == (
        "german_credit_forest --new new.csv --foreign odd --target credit_risk --ids applicant"
    )
    assert origin_from_dict(origin_to_dict(subject.origin)) == subject.origin
    Image.new("L", (30, 30), 255).save(tmp_path / "white.png")
    for name in [name for name in NAMES if name.startswith("digits")]:
        drawn = examples.load_with(name, tmp_path / "white.png").X_new
        assert drawn is not None
        assert drawn.shape == (1, 1, 8, 8)
        assert (drawn == 1).all()
    with pytest.raises(ValueError, match=r"the table must be a file, got .*none.csv', which does not exist"):
        examples.load_with("diabetes_ridge", tmp_path / "none.csv")
