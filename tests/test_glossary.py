"""Names in the package are nouns of the field: what CONTRIBUTING rules out does not come back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import xrai_widgets

PACKAGE = Path(xrai_widgets.__file__).parent
ROOT = PACKAGE.parent
GLOSSARY = ROOT / ".github" / "CONTRIBUTING.md"
MODULES = sorted(PACKAGE.rglob("*.py"))

# why a name may hold such a word
ALLOWED = {
    "PackageNotFoundError": "importlib.metadata calls it so",
    "answer": "a public method of Store",
    "answering": "a public method of Subject",
    "OwnFiles": "the files of one's own, as the page calls them",
    "own_files": "the module of OwnFiles",
    "OwnModel": "exported by xrai_widgets.widgets",
    "own_model": "the module of OwnModel",
}


def ruled_out() -> frozenset[str]:
    """Return the words on the left of the table in CONTRIBUTING."""
    table = GLOSSARY.read_text(encoding="utf-8").partition("| no name holds |")[2]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return frozenset(word for row in rows for word in re.findall("`([a-z]+)`", row.split("|")[1]))


def bound(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every name that a module binds, and its line: variables, parameters, attributes, functions, classes."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, line
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, line
            case ast.alias(name=name, asname=other):
                yield other or name.rpartition(".")[2], line
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, line


def words_of(name: str) -> set[str]:
    """Return the words of a name in snake or camel case."""
    return {word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", name)}


def test_the_glossary_rules_words_out() -> None:
    assert {"answer", "said", "told", "known", "found", "own", "people", "question", "dealt"} <= ruled_out()
    assert not ruled_out() & {"prediction", "label", "query", "split", "native", "user", "message"}


@pytest.mark.parametrize(
    "path",
    MODULES,
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_names_are_those_of_the_glossary(path: Path) -> None:
    words = ruled_out()
    assert path.stem in ALLOWED or not words_of(path.stem) & words
    odd = [
        f"{name}, line {line}"
        for name, line in bound(ast.parse(path.read_text(encoding="utf-8")))
        if words_of(name) & words and name not in ALLOWED
    ]
    assert not odd, f"{GLOSSARY.name} rules these names out: {'; '.join(odd)}"


def test_exceptions_are_needed() -> None:
    names = {name for path in MODULES for name, _ in bound(ast.parse(path.read_text(encoding="utf-8")))}
    assert set(ALLOWED) <= names | {path.stem for path in MODULES}
