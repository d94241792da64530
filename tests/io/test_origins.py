"""How a subject was made, as JSON and as the text of older versions. What cannot be read is unknown, never an error."""

import json
from pathlib import Path
from typing import Any

import pytest

import xrai_widgets as xw
from xrai_widgets.core import Origin
from xrai_widgets.core.origin import ConstrainedBy, DefendedBy, Example, Files
from xrai_widgets.io.origins import origin_from_dict, origin_from_text, origin_to_dict
from xrai_widgets.results.as_code import example_of, expression, model_words

FILES = Files("m.skops", "t.csv", {"target": "y", "train": "a.csv", "ignore": ["a", "b c"], "split": 0.25, "seed": 7})
ODD = 'a "b" = 1.5\n# é\''
ORIGINS = {
    'xw.examples.load("digits_mlp")': Origin(Example("digits_mlp")),
    "xw.read_subject('m.skops', 't.csv', target='y', train='a.csv', ignore=['a', 'b c'], split=0.25, seed=7)": Origin(
        FILES
    ),
    "xw.read_subject('m.skops', 't.csv', target='y', stratify=True, delimiter='\\t')": Origin(
        Files("m.skops", "t.csv", {"target": "y", "stratify": True, "delimiter": "\t"})
    ),
    f"xw.constrained(subject, {{{ODD!r}: {{'range': [-1.5, 2], 'immutable': False}}}})": Origin(
        None, (ConstrainedBy({ODD: {"range": (-1.5, 2), "immutable": False}}),)
    ),
    "xw.constrained(xw.defended(xw.constrained(xw.examples.load(\"a\"), {'b': {'categories': [1, 2.5, 'x']}}), "
    "'gaussian noise', scale=0.1, seed=0), {'c': {}})": Origin(
        Example("a"),
        (
            ConstrainedBy({"b": {"categories": (1, 2.5, "x")}}),
            DefendedBy("gaussian noise", {"scale": 0.1, "seed": 0}),
            ConstrainedBy({"c": {}}),
        ),
    ),
    "xw.defended(xw.defended(subject, 'class labels'), 'rounding', decimals=2)": Origin(
        None, (DefendedBy("class labels"), DefendedBy("rounding", {"decimals": 2}))
    ),
}


@pytest.mark.parametrize(("text", "origin"), ORIGINS.items())
def test_text_and_json_give_the_same_origin(text: str, origin: Origin) -> None:
    assert expression(origin) == text
    assert origin_from_text(text) == origin
    written = json.dumps(origin_to_dict(origin), allow_nan=False)
    again = origin_from_dict(json.loads(written))
    assert again == origin
    assert expression(again) == text
    assert origin_from_dict(origin_to_dict(Origin())) == Origin()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "subject.model",
            "xw",
            f"xw.examples.load('{'x' * 1_000_000}')",
            "(" * 5000,
            "-" * 100_000 + "1",
            "a" + ".b" * 100_000,
            "\x00",
            "1e",
        ),
        *("xw.examples.load('a', 'b')", "xw.examples.load(name='a')", "xw.examples.load(3)", "yw.examples.load('a')"),
        *("xw.read_subject('a')", "xw.read_subject('a', 'b', **{'c': 1})", "xw.read_subject('a', 'b', target={'a'})"),
        "xw.read_subject('a', 'b', target=1e999)",
        "xw.constrained()",
        "xw.constrained(subject, 3)",
        "xw.constrained(subject, {'a': 3})",
        "xw.constrained(subject, {3: {}})",
        "xw.constrained(subject, {'a': {'b c': 1}})",
        "xw.constrained(other, {'a': {}})",
        "xw.constrained(subject, {'a': {}}, b=1)",
        "xw.defended(subject, 3)",
        "xw.defended(subject, 'rounding', *[1])",
    ],
    ids=lambda text: text[:40].replace("\x00", "nul"),
)
def test_text_that_no_version_wrote_is_unknown(text: str) -> None:
    assert origin_from_text(text) == Origin()


@pytest.mark.parametrize(
    "evil",
    [
        "xw.examples.load(__import__('pathlib').Path('evil').touch())",
        "xw.constrained(__import__('pathlib').Path('evil').touch(), {})",
        "xw.constrained(subject, {'a': {'range': __import__('pathlib').Path('evil').touch()}})",
        "xw.defended(subject, 'rounding', decimals=__import__('pathlib').Path('evil').touch())",
        "__import__('pathlib').Path('evil').touch()",
    ],
)
def test_nothing_is_evaluated(evil: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert origin_from_text(evil) == Origin()
    assert not list(tmp_path.iterdir())


GOOD: dict[str, Any] = {"made": {"example": "a"}, "changes": [{"defence": "rounding", "params": {"decimals": 1}}]}


@pytest.mark.parametrize(
    "data",
    [
        *(None, 3, "text", [], {}, {"made": None}, {"changes": []}, {**GOOD, "made": 3}, {**GOOD, "made": {}}),
        {**GOOD, "made": {"example": "a", "roles": {"x=1), evil(": 1}}},
        *({**GOOD, "made": {"example": 3}}, {**GOOD, "made": {"model": "a", "data": "b"}}, {**GOOD, "changes": 3}),
        {**GOOD, "made": {"model": "a", "data": "b", "roles": {"x=1), evil(": 1}}},
        {**GOOD, "changes": [{}]},
        {**GOOD, "changes": [None]},
        {**GOOD, "changes": [{"defence": "rounding"}]},
        {**GOOD, "changes": [{"defence": "rounding", "params": {"a": {"b": 1}}}]},
        {**GOOD, "changes": [{"defence": "rounding", "params": {"x=1), evil(y": 1}}]},
        {**GOOD, "changes": [{"defence": "rounding", "params": {"a": float("nan")}}]},
        {**GOOD, "changes": [{"constraints": {"a": None}}]},
    ],
    ids=str,
)
def test_json_that_no_version_wrote_is_unknown(data: object) -> None:
    assert origin_from_dict(GOOD) == Origin(Example("a"), (DefendedBy("rounding", {"decimals": 1}),))
    assert origin_from_dict(data) == Origin()


@pytest.mark.parametrize("name", ['a"); evil("', "a\n", "é", ""])
def test_an_odd_name_stays_a_string_of_the_code(name: str) -> None:
    import ast

    call = ast.parse(expression(Origin(Example(name))), mode="eval").body
    assert isinstance(call, ast.Call)
    assert [ast.literal_eval(argument) for argument in call.args] == [name]


def test_an_example_with_a_batch_is_kept_and_written_as_code_and_as_a_command() -> None:
    origin = Origin(Example("a", {"new": "b c.csv", "foreign": "odd", "ignore": ("c", "d")}))
    assert origin_from_dict(json.loads(json.dumps(origin_to_dict(origin)))) == origin
    assert origin_to_dict(Origin(Example("a"))) == {"made": {"example": "a"}, "changes": []}, "as before"
    assert expression(origin) == "xw.examples.load_with(\"a\", 'b c.csv', foreign='odd', ignore=['c', 'd'])"
    assert model_words(origin) == "a --new 'b c.csv' --foreign odd --ignore c --ignore d"
    assert not example_of(origin), "a plan that names the example alone would leave the batch out"


def test_origins_are_kept_as_they_are_written(credit: xw.Subject) -> None:
    import numpy as np

    made = xw.constrained(
        xw.defended(credit, "rounding"), {"age": {"range": np.array([18, 75]), "monotone": np.int64(1)}}
    )
    origin = Origin(Example("german_credit_forest"))
    origin = origin.then(DefendedBy("rounding", {"decimals": 1})).then(
        ConstrainedBy({"age": {"range": (18, 75), "monotone": 1}})
    )
    assert made.origin == origin
    assert origin_from_dict(json.loads(json.dumps(origin_to_dict(made.origin)))) == origin
