"""The rooms, the direction of imports, and the size of things."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import xrai_widgets

PACKAGE = Path(xrai_widgets.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))
SERVER = PACKAGE / "apps" / "server"  # a process of its own, which is Voilà

ESTIMATORS = PACKAGE / "engines" / "ood" / "estimators"  # scikit-learn's own classes, imported inside functions

# what each module is called
NAMES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES}

# a room may import itself and these; `cli`, its `terminal` and `apps` see everything
MAY_IMPORT = {
    "core": set(),
    "models": {"core"},
    "io": {"core", "models"},
    "data": {"core", "models", "io"},
    "cells": {"core"},
    "engines": {"core", "models"},
    "results": {"core"},
    "reporting": {"core", "results", "io"},
    "runtime": {"core", "models", "io", "engines", "cells"},
    "watch": {"core", "io", "data", "results", "runtime"},
    "widgets": {"core", "models", "io", "data", "engines", "results", "reporting", "runtime"},
    "apps": {"core", "models", "io", "data", "engines", "results", "reporting", "runtime", "widgets"},
}
# the only places where a lower room reaches up, inside a function
REACHES_UP = {
    ("core/subject.py", "of", "models"),
    ("core/outcome.py", "table", "results"),
    ("core/outcome.py", "figure", "results"),
    ("core/outcome.py", "verdict", "results"),
}
HEAVY_HOMES = {
    "ipywidgets": {"widgets", "apps"},
    "traitlets": {"widgets", "apps"},
    "anywidget": {"widgets"},
    "IPython": {"widgets"},
    "matplotlib": {"results", "widgets"},
    "seaborn": {"results"},
    "joblib": {"runtime"},
    "cloudpickle": {"runtime", "cells"},
    "sqlalchemy": {"runtime", "watch"},
    "jinja2": {"results", "reporting"},
    "typer": {"cli", "arguments", "alarm_commands", "watch_commands"},
    "rich": {"cli", "terminal"},
    "voila": {"apps"},
}
ONLY_INSIDE_FUNCTIONS = {
    *("torch", "art", "aix360", "sklearn", "skops", "voila", "IPython", "rich"),
    *("onnxruntime", "safetensors", "pyarrow", "xgboost", "lightgbm", "catboost"),
}
# a private module of under 50 lines that one other imports belongs into that one, unless it is worth a file of its own
SMALL = {
    "core/capability.py": "what a field says when it is missing; the subject that has the fields is long enough",
    "core/segments.py": "weak segments as subgroups; the subject that has them is long enough",
    "data/splits.py": "which samples of all examples are held out; the examples themselves are long enough",
    "engines/explanations/cem/measures.py": "what the numbers are called and say; the function itself is long enough",
    "engines/robustness/iaside/measures.py": "what the numbers are called and say; the function itself is long enough",
    "engines/privacy/pdtp/art.py": "a second opinion, which imports ART",
    "io/skops_reader.py": "is skops, imported the one right way: cells import it by its name",
    "io/tried.py": "begins a process of its own and must import little",
    "models/carried.py": "columns that no kind of model is asked about",
    "models/derivatives.py": "any kind of network may try whether it can be differentiated",
    "reporting/formats/markdown.py": "one of the formats",
    "results/split_leak.py": "one rule of judging, read by itself",
    "widgets/csv_style.py": "a form of its own",
    "widgets/split_form.py": "a form of its own",
}
# a broad `except` stands only where a thread, a process, a callback or somebody else's code ends
BROAD_EXCEPT = {
    "cells/cell.py",
    "cells/inmate.py",
    "cells/remote.py",
    "cli.py",
    "engines/privacy/_lost.py",
    "engines/robustness/_refusals.py",
    "io/alarm_files.py",
    "io/model_files.py",
    "models/adapt.py",
    "models/asking.py",
    "models/state.py",
    "models/telling.py",
    "models/torch_module.py",
    "runtime/cluster.py",
    "runtime/ending.py",
    "runtime/isolated.py",
    "runtime/job.py",
    "runtime/parcel.py",
    "runtime/pool.py",
    "runtime/retraining.py",
    "runtime/run_step.py",
    "runtime/worker.py",
    "terminal.py",
    "widgets/download.py",
    "widgets/parts.py",
}


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def imported_names(tree: ast.AST) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield (imported module, name of the enclosing function or '', names that are imported from it)."""

    def walk(node: ast.AST, function: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        for child in ast.iter_child_nodes(node):
            inside = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            if isinstance(child, ast.Import):
                yield from ((alias.name, inside, ()) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                yield child.module or "", inside, tuple(alias.name for alias in child.names)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            yield from walk(child, inside)

    yield from walk(tree, "")


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (imported module, name of the enclosing function or '')."""
    return ((module, function) for module, function, _ in imported_names(tree))


def modules_used(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (module of the package, name of the enclosing function or ''), also of modules imported as names."""
    for module, function, words in imported_names(parsed(path)):
        for target in {name if (name := f"{module}.{word}") in NAMES else module for word in words} or {module}:
            if target in NAMES:
                yield target, function


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file, which is parsed once."""
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    here, relative = room(path), str(path.relative_to(PACKAGE))
    if here not in MAY_IMPORT:
        return
    for module, function in imports(parsed(path)):
        if module.startswith("xrai_widgets."):
            there = module.split(".")[1]
            allowed = there == here or there in MAY_IMPORT[here] or (relative, function, there) in REACHES_UP
            assert allowed, f"{relative} imports {module}"


def test_exactly_four_methods_reach_up() -> None:
    found = set()
    for path in (PACKAGE / "core").glob("*.py"):
        for module, function in imports(parsed(path)):
            if module.startswith("xrai_widgets.") and module.split(".")[1] != "core":
                found.add((str(path.relative_to(PACKAGE)), function, module.split(".")[1]))
    assert found == REACHES_UP


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    for module, function in imports(parsed(path)):
        library = module.partition(".")[0]
        assert room(path) in HEAVY_HOMES.get(library, {room(path)}), f"{module} does not belong here"
        at_top = (path.parent == SERVER and library == "voila") or (room(path) == "terminal" and library == "rich")
        at_top |= path.parent == ESTIMATORS and library == "sklearn"
        at_top |= path.name == "skops_reader.py"
        assert library not in ONLY_INSIDE_FUNCTIONS or function or at_top, (
            f"{module} must be imported inside a function"
        )


def test_engines_use_art_and_estimators_only_inside_functions() -> None:
    for path in (PACKAGE / "engines").rglob("*.py"):
        for module, function in imports(parsed(path)):
            assert module != "xrai_widgets.models.art" or function
            if path.parent != ESTIMATORS:
                assert not module.startswith("xrai_widgets.engines.ood.estimators") or function, path


def test_a_broad_except_stands_only_where_something_ends() -> None:
    found = set()
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if _handler(node) else set()
            if names & {"Exception", "BaseException"}:
                found.add(str(path.relative_to(PACKAGE)))
    assert found == BROAD_EXCEPT


def test_no_pyplot_no_output_widget_no_outside_address() -> None:
    for path in MODULES:
        assert not any("pyplot" in module for module, _ in imports(parsed(path))), path
    for path in [*MODULES, *PACKAGE.rglob("*.js"), *PACKAGE.rglob("*.css")]:
        text = path.read_text(encoding="utf-8")
        assert "Output(" not in text, path
        assert not any(word in text for word in ("unpkg.com", "//cdn.", "esm.sh")), path


def test_every_anywidget_is_a_pair_of_files() -> None:
    for path in (PACKAGE / "widgets").glob("*.js"):
        source = path.with_suffix(".py").read_text(encoding="utf-8")
        assert f'"{path.name}"' in source


def test_modules_and_functions_are_small() -> None:
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES]
    functions = [_length(node) for path in MODULES for node in ast.walk(parsed(path)) if _is_function(node)]
    assert max(lengths) <= 300
    assert sorted(functions)[int(0.9 * len(functions))] <= 40
    assert max(functions) <= 60


def test_no_module_imports_itself_round_a_corner() -> None:
    """But for the four methods of the core that reach up; what is imported for its types only makes no circle."""
    uses: dict[str, set[str]] = {}
    for name, path in NAMES.items():
        relative = str(path.relative_to(PACKAGE))
        uses[name] = {
            other
            for other, function in modules_used(path)
            if other != "xrai_widgets" and (relative, function, other.split(".")[1]) not in REACHES_UP
        }
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in sorted(uses[name]):
                walk(other, (*way, name))
            done.add(name)

    for name in sorted(uses):
        walk(name, ())


def test_a_small_module_with_one_user_has_a_reason() -> None:
    users: dict[str, set[str]] = {}
    for name, path in NAMES.items():
        for other, _ in modules_used(path):
            users.setdefault(other, set()).add(name)
    small = {
        str(path.relative_to(PACKAGE))
        for name, path in NAMES.items()
        if len(found := users.get(name, set())) == 1
        and "__init__.py" not in {path.name, *(NAMES[other].name for other in found)}
        and len(path.read_text(encoding="utf-8").splitlines()) < 50
    }
    assert small == set(SMALL)
    assert all(SMALL.values())


def test_apps_compose_in_sixty_lines() -> None:
    for path in (PACKAGE / "apps").glob("*.py"):
        classes_and_functions = [n for n in parsed(path).body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
        assert sum(_length(node) for node in classes_and_functions) <= 60, path.name


def test_a_subject_gets_another_predict_through_one_door_only() -> None:
    """`Subject.answering` drops what sees inside the old model; a copy by `replace` would keep it."""
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and "replace" in ast.unparse(node.func):
                words = {keyword.arg for keyword in node.keywords} | {
                    key.value
                    for keyword in node.keywords
                    if keyword.arg is None
                    for part in ast.walk(keyword.value)
                    for key in ([*part.keys] if isinstance(part, ast.Dict) else [])
                    if isinstance(key, ast.Constant)
                }
                assert "predict" not in words, f"{path.relative_to(PACKAGE)}:{node.lineno}"


def test_the_top_level_is_what_was_agreed() -> None:
    tracked = {".gitignore", ".github", ".ci"}
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    made = {"__pycache__", "build", "dist", "test-results"}
    agreed = {"pyproject.toml", "README.md", "LICENSE", "xrai_widgets", "notebooks", "tests", "binder"}
    assert names - made == agreed
    assert tracked <= {path.name for path in ROOT.iterdir()}


def test_every_public_name_can_be_called_after_every_submodule_is_imported() -> None:
    for module in pkgutil.walk_packages(xrai_widgets.__path__, "xrai_widgets."):
        if not module.name.endswith((".__main__", "runtime.worker", "cells.inmate")):
            importlib.import_module(module.name)
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    for name in xrai_widgets.__all__:
        assert name not in rooms
        value = getattr(xrai_widgets, name)
        assert callable(value) or name in {"examples", "quiet"}, name
        assert getattr(value, "__doc__", None), f"{name} has no docstring"
    engines = importlib.import_module("xrai_widgets.engines")
    for family in engines.__all__:
        for name in getattr(engines, family).__all__:
            assert callable(getattr(getattr(engines, family), name)), "the name must mean the function, not its module"


def test_the_newcomers_reading_is_short() -> None:
    reading = ("core/__init__.py", "engines/privacy/shapr/shapr.py", "runtime/run.py", "widgets/runner.py")
    lines = [line for name in reading for line in (PACKAGE / name).read_text(encoding="utf-8").splitlines()]
    assert sum(bool(line.strip()) for line in lines) < 400


def test_nothing_of_the_workplace_stands_in_the_project() -> None:
    for path in [*ROOT.glob("*.*"), *(ROOT / "binder").glob("*"), *(ROOT / "tests").rglob("*.py"), *MODULES]:
        if path.is_file() and path != Path(__file__) and path.name != ".git":  # which names a place in a worktree
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"/(?:home|mnt|opt|root|srv|work)/", text), path


def _handler(node: ast.AST) -> bool:
    return isinstance(node, ast.ExceptHandler) and node.type is not None


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _length(node: ast.AST) -> int:
    """Lines of code: without the docstring and, for functions, without the signature."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    if isinstance(node, ast.ClassDef):
        return sum(_length(child) for child in node.body if isinstance(child, ast.FunctionDef))
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
