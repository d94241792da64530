from pathlib import Path

import pytest

from xrai_widgets.io.plans import read_plan, read_plan_file


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "plan.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_a_plan_is_read_in_the_order_of_its_tables(tmp_path: Path) -> None:
    file = written(tmp_path, '["robustness.evasion"]\nepsilons = [0.1, 0.2]\nnorm = "l2"\n["privacy.shapr"]\n')
    expected = [("robustness.evasion", {"epsilons": [0.1, 0.2], "norm": "l2"}), ("privacy.shapr", {})]
    assert read_plan(file) == read_plan(str(file)) == expected


def test_an_assessment_runs_several_times_with_double_brackets(tmp_path: Path) -> None:
    file = written(tmp_path, '[["privacy.shapr"]]\n[["privacy.shapr"]]\nn_neighbors = 5\n')
    assert read_plan(file) == [("privacy.shapr", {}), ("privacy.shapr", {"n_neighbors": 5})]


def test_a_plan_may_name_its_subject_and_its_policy(tmp_path: Path) -> None:
    text = '[subject]\nexample = "x"\n["privacy.shapr"]\n[policy."a.b"]\nc = {max = 1}\n'
    found = read_plan_file(written(tmp_path, text))
    assert (found.example, found.policy, found.entries) == ("x", {"a.b": {"c": {"max": 1}}}, [("privacy.shapr", {})])


def test_a_plan_may_say_what_the_columns_may_become(tmp_path: Path) -> None:
    text = '["privacy.shapr"]\n[subject.constraints]\nage = {immutable = true}\n"a.b" = {range = [0, 1]}\n'
    found = read_plan_file(written(tmp_path, text))
    assert (found.example, found.constraints) == ("", {"age": {"immutable": True}, "a.b": {"range": [0, 1]}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '["a.b"]\n[subject.constraints]\nage = 3',
            r"constraints\] of the plan plan.toml must hold lines such as age = ",
        ),
        ('["a.b"]\n[subject.constraints]\na.b = {}', r"names with a dot in quotes, got \{'a': \{'b': \{\}\}\}"),
        ('["a.b"]\n[subject]\nconstraints = 3', r"names with a dot in quotes, got 3"),
        ("", r'^the plan plan.toml must hold at least one table such as \["privacy.shapr"\], got none'),
        ("# nothing yet\n", "^the plan plan.toml must hold at least one table"),
        ("n_neighbors = 5", r'must hold tables such as \["privacy.shapr"\], got the key \'n_neighbors\''),
        ('"privacy.shapr" = []\n', "must hold tables .* got the key 'privacy.shapr'"),
        ('["privacy.shapr"]\n[subject]\nexamples = "x"', r"\[subject\] of the plan plan.toml must hold example = "),
        ('["privacy.shapr"]\n[subject]\nexample = 3', r"must say example = .*, text, got 3"),
        ('policy = 3\n["privacy.shapr"]', "the policy of the plan plan.toml must be tables such as .* got 3"),
        ('subject = "german_credit_forest"', r"must hold at least one table"),
        ("[privacy.shapr]\nn_neighbors = 5", r'must quote names with a dot, \["privacy.shapr"\], got \[privacy.…\]'),
        ("[privacy.shapr]", "must quote names with a dot"),
        ("garbage = = 1", r"^the plan plan.toml must be TOML: .*line 1"),
        ('["privacy.shapr"]\n["privacy.shapr"]', "^the plan plan.toml must be TOML: Cannot declare"),
        (b"\xff\xfe[", "^the plan plan.toml must be TOML: 'utf-8' codec"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused_with_what_is_allowed(
    text: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        read_plan(written(tmp_path, text))


def test_a_plan_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^the plan must be a TOML file, got '.*none.toml', which does not exist"):
        read_plan(tmp_path / "none.toml")
    with pytest.raises(ValueError, match=r"^the plan must be a TOML file, got '.*', which is a folder"):
        read_plan(tmp_path)
