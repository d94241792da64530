"""A copy that answers otherwise: nothing that sees inside the old model is left, unless it is passed."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier

import xrai_widgets as xw
from xrai_widgets.core import Origin, Subject
from xrai_widgets.core.control import Control
from xrai_widgets.runtime.control_subjects import control_subject

AS_IT_IS = ("regions", "undefended")  # a tree has the one, and the other is no text
INSIDE = [f.name for f in fields(Subject) if f.metadata.get("sees_inside")]


@pytest.fixture
def full() -> Subject:
    """A subject in which every field that sees inside the model holds something."""
    X, y = make_classification(300, 4, random_state=0)
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X[:200], y[:200])
    subject = Subject.of(model, X[200:], y[200:], X_train=X[:200], y_train=y[:200])
    others = [name for name in INSIDE if name not in AS_IT_IS]
    filled: dict[str, Any] = {name: getattr(subject, name) or f"inside: {name}" for name in others}
    return replace(subject, **filled)


def test_the_fields_that_see_inside_are_those_of_the_architecture() -> None:
    assert {"linear", "thresholds", "regions", "logits", "gradient", "embed", "state"} <= set(INSIDE)


def test_a_copy_sees_nothing_of_the_old_model_but_what_is_passed(full: Subject) -> None:
    copy = full.answering(lambda X: np.full((len(X), 2), 0.5), name="other", state="new")
    assert {name: getattr(copy, name) for name in INSIDE if getattr(copy, name) is not None} == {"state": "new"}
    assert (copy.name, copy.fit, copy.origin) == ("other", None, Origin())
    with pytest.raises(TypeError, match="has no fields"):
        full.answering(full.predict, leaves=3)


@pytest.mark.parametrize("defence", ["rounding", "gaussian noise", "class labels"])
def test_a_defended_tree_has_no_exact_leaves(full: Subject, defence: str) -> None:
    made = xw.defended(full, defence)
    kept = [] if defence == "class labels" else ["decide"]  # what stands before the outputs leaves the answer as it is
    assert [name for name in INSIDE if getattr(made, name) is not None] == [*kept, "undefended", "state"]
    assert made.state != full.state


@pytest.mark.parametrize("kind", ["constant", "memorising", "blind"])
def test_a_control_has_nothing_of_the_users_model(full: Subject, kind: Any) -> None:
    made = control_subject(full, Control(kind, "anything", "test"), 0)
    of_the_user = [name for name in INSIDE if getattr(made, name) is getattr(full, name) is not None]
    assert of_the_user == []
    if made.linear is not None:  # the constant model knows its own inside
        assert kind == "constant"
        assert not np.any(made.linear[0])
        assert not any(len(values) for values in made.thresholds or ())
