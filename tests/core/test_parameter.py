import math
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from xrai_widgets.core import Parameter, Range, Requires, When
from xrai_widgets.core.parameter import check_parameters, closest, parameters_of


def parameter(kind: str = "int", **fields: Any) -> Parameter:
    return Parameter(name="n_neighbors", kind=kind, default=None, help="neighbours that vote", **fields)


KINDS = {
    "bool": parameter("bool"),
    "int": parameter("int"),
    "int in a range": parameter("int", range=Range(1, 50)),
    "float": parameter("float"),
    "float in a range": parameter("float", range=Range(0.0, 0.5)),
    "str": parameter("str"),
    "choice": parameter("choice", choices=("loss", "margin")),
    "floats": parameter("floats"),
    "floats in a range": parameter("floats", range=Range(0.0, 1.0)),
}
KINDS |= {f"{name} or None": Parameter(**{**vars(kind), "optional": True}) for name, kind in list(KINDS.items())}


def test_every_kind_is_read_from_a_signature() -> None:
    def engine(
        X: Any,
        *,
        flag: Annotated[bool, "a switch"] = True,
        count: Annotated[int, Range(1, 50), "a number of things"] = 3,
        share: Annotated[float, Range(0, 1), "a share"] = 0.5,
        word: Annotated[str, "any text"] = "x",
        attack: Annotated[Literal["a", "b"], Requires("b", "gradient"), "which attack"] = "a",
        depth: Annotated[int | None, Range(1, 9), When("attack", "b"), "how deep"] = None,
        sizes: Annotated[tuple[float, ...], Range(0, 1), "several sizes"] = (0.1, 0.2),
        seed: Annotated[int, Range(0, 10), "of everything"] = 0,
        step: Any = None,
    ) -> Any: ...

    by_name = {p.name: p for p in parameters_of(engine)}
    assert list(by_name) == ["flag", "count", "share", "word", "attack", "depth", "sizes", "seed"]
    assert [p.kind for p in by_name.values()] == ["bool", "int", "float", "str", "choice", "int", "floats", "int"]
    assert [p.default for p in by_name.values()] == [True, 3, 0.5, "x", "a", None, (0.1, 0.2), 0]
    assert by_name["count"].range == Range(1, 50)
    assert by_name["attack"].choices == ("a", "b")
    assert by_name["attack"].requires == (Requires("b", "gradient"),)
    assert by_name["depth"].when == When("attack", "b")
    assert [name for name, p in by_name.items() if p.optional] == ["depth"]
    assert [name for name, p in by_name.items() if p.advanced] == ["seed"]
    assert by_name["share"].help == "a share"


def no_annotation(*, n=1) -> None: ...  # type: ignore[no-untyped-def]
def no_help(*, n: Annotated[int, Range(0, 1)] = 1) -> None: ...
def two_helps(*, n: Annotated[int, "a", "b"] = 1) -> None: ...
def no_default(*, n: Annotated[int, "a"]) -> None: ...
def bare_type(*, n: int = 1) -> None: ...
def nested(*, n: Annotated[dict[str, int], "a"] = {}) -> None: ...  # noqa: B006
def ints(*, n: Annotated[tuple[int, ...], "a"] = (1,)) -> None: ...
def pair(*, n: Annotated[tuple[float, float], "a"] = (1, 2)) -> None: ...
def either(*, n: Annotated[int | str, "a"] = 1) -> None: ...
def whole_choices(*, n: Annotated[Literal[1, 2], "a"] = 1) -> None: ...
def ranged_text(*, n: Annotated[str, Range(0, 1), "a"] = "x") -> None: ...
def ranged_switch(*, n: Annotated[bool, Range(0, 1), "a"] = True) -> None: ...


@pytest.mark.parametrize(
    "engine",
    [
        no_annotation,
        no_help,
        two_helps,
        no_default,
        bare_type,
        nested,
        ints,
        pair,
        either,
        whole_choices,
        ranged_text,
        ranged_switch,
    ],
    ids=lambda f: f.__name__,
)
def test_a_signature_that_says_too_little_or_too_much_is_refused(engine: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"parameter 'n' (must be|needs)"):
        parameters_of(engine)


def test_a_range_upside_down_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a Range must have low ≤ high, got \[5, 1\]"):
        Range(5, 1)


@pytest.mark.parametrize("name", KINDS)
def test_everything_that_a_parameter_calls_invalid_is_refused(name: str) -> None:
    wrong = KINDS[name].invalid()
    assert len(wrong) >= 1
    for value in wrong:
        with pytest.raises((TypeError, ValueError), match="n_neighbors must"):
            KINDS[name].check(value)


def test_the_invalid_values_leave_a_range_on_both_sides() -> None:
    assert {0, 51} <= {v for v in KINDS["int in a range"].invalid() if isinstance(v, int)}
    assert (2.0,) in KINDS["floats in a range"].invalid()
    assert None in KINDS["int"].invalid()
    assert None not in KINDS["int or None"].invalid()


def test_a_number_out_of_range_is_answered_with_the_thing_the_allowed_and_the_got() -> None:
    with pytest.raises(ValueError, match=r"^n_neighbors must lie in \[1, 50\], got 0$"):
        KINDS["int in a range"].check(0)
    with pytest.raises(ValueError, match=r"^n_neighbors must lie in \[0, 0.5\], got 0.75$"):
        KINDS["float in a range"].check(0.75)
    with pytest.raises(ValueError, match=r"^n_neighbors must lie in \[0, 1\], got 7.0$"):
        KINDS["floats in a range"].check((0.5, 7.0))


def test_large_limits_are_written_in_full() -> None:
    assert str(Range(0, 2**31 - 1)) == "[0, 2147483647]"
    assert str(Range(1e-6, 0.5)) == "[1e-06, 0.5]"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("int in a range", 2.5, r"n_neighbors must be an integer in \[1, 50\], got 2.5"),
        ("int in a range", "3", r"n_neighbors must be an integer in \[1, 50\], got '3'"),
        ("int or None", "three", "n_neighbors must be an integer or None, got 'three'"),
        ("bool", 1, "n_neighbors must be True or False, got 1"),
        ("str", 1, "n_neighbors must be text, got 1"),
        ("choice", "los", "n_neighbors must be one of 'loss', 'margin', got 'los'; did you mean 'loss'?"),
        ("choice", 1, "n_neighbors must be one of 'loss', 'margin', got 1"),
        ("floats", (), r"n_neighbors must be numbers, got \(\)"),
        ("floats", "0.1", "n_neighbors must be numbers, got '0.1'"),
        ("floats", {0.1, 0.2}, "n_neighbors must be numbers, got {0"),
        ("floats", {0.1: 1}, "n_neighbors must be numbers, got {0.1: 1}"),
        ("floats", np.array(0.5), r"n_neighbors must be numbers, got array\(0.5\)"),
        ("floats", np.ones((2, 2)), r"n_neighbors must be numbers, got array\(\[\[1., 1.\], \[1., 1.\]\]\)"),
        ("floats", (0.1, "x"), r"n_neighbors must be numbers, got \(0.1, 'x'\)"),
        ("float", math.inf, "n_neighbors must lie in the finite numbers, got inf"),
        ("float", math.nan, "n_neighbors must lie in the finite numbers, got nan"),
        ("float", 1j, "n_neighbors must be a number, got 1j"),
        ("int", math.inf, "n_neighbors must be an integer, got inf"),
    ],
)
def test_a_value_of_the_wrong_type_is_answered_with_the_allowed_and_the_got(
    name: str, value: object, message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        KINDS[name].check(value)


def test_a_long_value_is_cut_short_in_the_message() -> None:
    with pytest.raises(TypeError) as caught:
        KINDS["int"].check("x" * 5000)
    assert len(str(caught.value)) < 150


def test_truth_values_are_no_numbers() -> None:
    for name in ("int", "float", "int in a range"):
        with pytest.raises(TypeError, match="got True"):
            KINDS[name].check(True)
    with pytest.raises(TypeError, match="n_neighbors must be numbers"):
        KINDS["floats"].check((True, 0.5))


@pytest.mark.parametrize("value", [np.int64(3), np.uint8(3), np.float32(3.0), 3.0, Fraction(3)])
def test_numbers_of_other_libraries_are_accepted_in_the_declared_type(value: Any) -> None:
    whole, real = KINDS["int in a range"].check(value), KINDS["float"].check(value)
    assert (type(whole), whole) == (int, 3)
    assert (type(real), real) == (float, 3.0)


def test_numpy_switches_and_arrays_are_accepted_in_the_declared_type() -> None:
    assert KINDS["bool"].check(np.False_) is False
    assert KINDS["floats"].check(np.array([0, 1])) == (0.0, 1.0)
    assert KINDS["floats"].check([np.float32(0.5)]) == (0.5,)


def test_a_numpy_number_is_shown_as_a_plain_one() -> None:
    with pytest.raises(ValueError, match=r"got 99$"):
        KINDS["int in a range"].check(np.int64(99))


def test_a_number_beyond_floating_point_is_refused_and_named() -> None:
    for name in ("int in a range", "float", "float in a range"):
        with pytest.raises(ValueError, match="n_neighbors must lie in"):
            KINDS[name].check(10**400)


@pytest.mark.parametrize("name", [name for name in KINDS if name.endswith("or None")])
def test_none_is_allowed_where_the_parameter_says_so(name: str) -> None:
    assert KINDS[name].check(None) is None
    assert "or None" in KINDS[name].allowed
    for text in ("", "none", "Auto", " automatic ", "not set"):
        assert KINDS[name].parse(text) is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("bool", "yes", True),
        ("bool", "FALSE", False),
        ("bool", "0", False),
        ("int", " 7 ", 7),
        ("int", "7.0", 7),
        ("int", "1e3", 1000),
        ("int", "9007199254740993", 9007199254740993),
        ("float", "1e-3", 0.001),
        ("float", "2", 2.0),
        ("str", " word ", "word"),
        ("choice", "margin", "margin"),
        ("floats", "0.1, 0.2 0.3", (0.1, 0.2, 0.3)),
        ("floats", "1", (1.0,)),
    ],
)
def test_text_from_a_command_line_becomes_the_declared_type(name: str, text: str, value: object) -> None:
    found = KINDS[name].parse(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bool", "maybe"),
        ("int", "3.5"),
        ("int", "three"),
        ("int", "nan"),
        ("int", "inf"),
        ("int", ""),
        ("int in a range", "51"),
        ("float", "1,5"),
        ("float", "1e999"),
        ("float in a range", "-1"),
        ("choice", "Loss"),
        ("floats", ""),
        ("floats", "0.1; 0.2"),
        ("floats in a range", "0.1 2"),
    ],
)
def test_text_that_is_no_such_value_is_answered_with_the_allowed(name: str, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^n_neighbors must (be|lie in) "):
        KINDS[name].parse(text)


def test_parameters_that_are_not_given_take_their_defaults() -> None:
    known = (parameter("int", range=Range(1, 50)), Parameter("seed", "int", 0, "of everything"))
    assert check_parameters("privacy.shapr", known, {"n_neighbors": 5}) == {"n_neighbors": 5, "seed": 0}


def test_an_unknown_parameter_is_refused_with_the_nearest_name() -> None:
    known = (parameter("int"), Parameter("seed", "int", 0, "of everything"))
    message = r"privacy.shapr has no parameter 'sed'; allowed: n_neighbors, seed; did you mean 'seed'\?"
    with pytest.raises(ValueError, match=message):
        check_parameters("privacy.shapr", known, {"sed": 1})
    with pytest.raises(ValueError, match=r"has no parameter 'seed'; allowed: none$"):
        check_parameters("privacy.shapr", (), {"seed": 1})


def test_only_a_near_word_is_proposed() -> None:
    assert closest("n_neighbours", ["n_neighbors", "seed"]) == "; did you mean 'n_neighbors'?"
    assert closest("zzz", ["n_neighbors", "seed"]) == ""
