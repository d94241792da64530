"""What the README says is so."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from tests.readme import README, written

ROOT = README.parent
TEXT = README.read_text(encoding="utf-8")


def test_the_table_of_assessments_is_the_generated_one() -> None:
    assert written() == TEXT, "run: python -m tests.readme"


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    commands = re.findall(r"^python3 .*$", TEXT, flags=re.MULTILINE)
    assert len(commands) == 2, "exactly two set-up commands"
    serve, check = commands
    assert serve.endswith("xrai-widgets serve")
    assert check.endswith("-m tests")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in script
    assert "'^python3 .*-m tests$'" in script


def test_both_commands_use_the_lock_as_constraints() -> None:
    assert TEXT.count("pip install -c binder/lock.txt") == 2


def test_the_lock_holds_every_dependency_at_a_version_that_fits() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked, wanted = {"all", "test"}, [*project["dependencies"]]
    while asked:
        named = [Requirement(text) for text in extras[asked.pop()]]
        asked |= set().union(*(need.extras for need in named if need.name == "xrai-widgets"))
        wanted += map(str, named)
    lock = dict(line.split("==") for line in _lines(ROOT / "binder" / "lock.txt"))
    for text in wanted:
        need = Requirement(text)
        if need.name != "xrai-widgets":
            version = lock[need.name.lower().replace("_", "-")]
            assert need.specifier.contains(version), f"{text} against {version}"


def test_files_that_the_readme_links_to_exist() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (ROOT / target).is_file(), target


def test_the_five_lines_run(forest: object, tmp_path: Path, monkeypatch: object) -> None:
    import os

    from xrai_widgets.core import Subject

    assert isinstance(forest, Subject)
    block = re.search(r"## Five lines\n\n```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert block is not None
    assert forest.decode is not None
    assert forest.X_train is not None
    names = {
        "model": forest.model,
        "X_test": forest.decode(forest.X),
        "y_test": [forest.classes[code] for code in forest.y],
        "X_train": forest.decode(forest.X_train),
        "y_train": [forest.classes[code] for code in forest.y_train],  # type: ignore[union-attr]
    }
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        exec(block.group(1), names)
    finally:
        os.chdir(before)
    assert (tmp_path / "report.html").stat().st_size > 10_000


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.lower().replace("_", "-") for line in lines if line and not line.startswith("#")]
