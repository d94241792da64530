from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from xrai_widgets.core import (
    UNNAMED,
    Advanced,
    Array,
    Finding,
    Label,
    MemoryLimit,
    Names,
    Range,
    Section,
    Seed,
    Step,
    Subject,
    assessment,
    find,
    quiet,
)
from xrai_widgets.core.assessment import _registry
from xrai_widgets.core.belonging import fields_used
from xrai_widgets.core.names import NAMED
from xrai_widgets.core.parameter import parameters_of
from xrai_widgets.runtime import assess


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test registers is gone when it ends."""
    before = dict(_registry)
    yield
    _registry.clear()
    _registry.update(before)


def test_a_subject_gathers_its_names(credit: Subject) -> None:
    naming = credit.naming
    assert naming.ids is credit.ids
    assert naming.train_ids is credit.train_ids
    assert naming.new_ids is credit.new_ids
    assert (naming.feature_names, naming.classes, naming.decode) == (
        credit.feature_names,
        credit.classes,
        credit.decode,
    )


def test_what_has_no_name_has_its_number() -> None:
    assert UNNAMED.of("X", 3).tolist() == [0, 1, 2]
    assert UNNAMED.of_classes(2) == ("0", "1")
    assert Names(train_ids=np.array(["a", "b"])).of("X_train", 2).tolist() == ["a", "b"]
    assert Names(classes=(True, False)).of_classes(2) == ("True", "False")


def test_an_engine_gets_the_names_at_once_or_one_by_one(credit: Subject) -> None:
    given: dict[str, Any] = {}

    @assessment(title="names at once")
    def at_once(X: Array, naming: Names = UNNAMED, *, step: Step = quiet) -> Finding:
        """Take the names at once."""
        given["naming"] = naming
        return Finding(values={"n": len(naming.of("X", len(X)))})

    @assessment(title="some names")
    def some(X: Array, naming: Annotated[Names, "classes"] = UNNAMED, *, step: Step = quiet) -> Finding:
        """Take some names."""
        given["some"] = naming
        return Finding(values={"n": len(X)})

    @assessment(title="names one by one")
    def one_by_one(
        X: Array,
        ids: Array | None = None,
        classes: tuple[Any, ...] = (),
        feature_names: tuple[str, ...] = (),
        decode: Any = None,
        train_ids: Array | None = None,
        *,
        step: Step = quiet,
    ) -> Finding:
        """Take the names one by one, as engines of an earlier version do."""
        given.update(ids=ids, classes=classes, feature_names=feature_names, decode=decode, train_ids=train_ids)
        return Finding(values={"n": len(X)})

    assert [assess(credit, name).status for name in ("custom.at_once", "custom.some", "custom.one_by_one")] == [
        "ok"
    ] * 3
    assert given["some"].classes is credit.classes
    assert given["some"].ids is None  # it is handed what it lists
    assert given["naming"].train_ids is None  # nor the ids of a part that it does not ask for
    assert given["train_ids"] is credit.train_ids
    for name in ("ids", "classes", "feature_names", "decode"):
        assert given[name] is getattr(credit, name) is getattr(given["naming"], name)
    assert at_once(np.zeros((4, 2))).values == {"n": 4}


def test_an_outcome_depends_on_the_names_that_its_engine_lists() -> None:
    assert fields_used(find("privacy.shapr")) & {*NAMED} == {"train_ids", "classes"}

    @assessment(title="all names")
    def everything(X: Array, naming: Names = UNNAMED, *, step: Step = quiet) -> Finding:
        """Take all names."""
        return Finding({})

    assert fields_used(find("custom.everything")) == {"X", "ids", "feature_names", "classes", "decode"}
    with pytest.raises(TypeError, match=r"naming of custom\.wrong must list fields of Names"):

        @assessment(title="wrong names")
        def wrong(X: Array, naming: Annotated[Names, "klasses"] = UNNAMED, *, step: Step = quiet) -> Finding:
            """Take odd names."""
            return Finding({})


def test_an_alias_is_a_parameter_and_takes_more_marks() -> None:
    def engine(
        *,
        seed: Seed = 0,
        memory_limit: MemoryLimit = 1.0,
        draw: Annotated[Seed, Section("draws")] = 1,
        step: Step = quiet,
    ) -> Any: ...

    with pytest.raises(TypeError, match="'draw' must sit in one Section or under Advanced, got"):
        parameters_of(engine)
    del engine.__annotations__["draw"]
    engine.__annotations__["draw"] = Seed
    seed, memory, draw = parameters_of(engine)
    assert (seed.kind, seed.range, seed.label, seed.section) == ("int", Range(0, 2**31 - 1), "random seed", "advanced")
    assert (memory.kind, memory.label, memory.advanced) == ("float", "memory limit (GB)", True)
    assert draw.label == "random seed"


def test_marks_say_what_people_call_a_parameter_and_where_its_control_sits() -> None:
    def engine(
        *,
        n_steps: Annotated[int, Label("steps up the hill"), Section("search"), "how many steps"] = 3,
        which: Annotated[Literal["a", "b"], Advanced(), "whose"] = "a",
        some_size: Annotated[float, "how large"] = 0.5,
        step: Step = quiet,
    ) -> Any: ...

    first, second, third = parameters_of(engine)
    assert (first.label, first.section, first.advanced) == ("steps up the hill", "search", False)
    assert (second.label, second.section, second.advanced) == ("which", "advanced", True)
    assert (third.label, third.section) == ("some size", "")
    called = first.called(first.label)
    with pytest.raises(TypeError, match=r"^steps up the hill must be an integer, got 'x'$"):
        called.check("x")
    with pytest.raises(ValueError, match=r"^steps up the hill must be an integer, got 'x'$"):
        called.parse("x")
    assert called.section == "search"


@pytest.mark.parametrize("make", [lambda: Label(" "), lambda: Section("")])
def test_a_mark_without_words_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="must have"):
        make()


def test_no_parameter_of_the_catalog_is_asked_for_by_the_old_fields() -> None:
    for name in ("robustness.evasion", "privacy.lira", "explanations.cem", "explanations.protodash"):
        assert "naming" in find(name).uses
        assert not {"ids", "train_ids", "classes", "feature_names", "decode"} & set(find(name).uses)
