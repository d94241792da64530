"""Importing the package costs next to nothing."""

import subprocess
import sys

import pytest


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_import_loads_no_heavy_library() -> None:
    heavy = "('torch', 'art', 'sklearn', 'matplotlib', 'numpy', 'pandas', 'ipywidgets')"
    assert python(f"import sys, xrai_widgets; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_the_import_loads_nothing_but_the_standard_library_and_the_package_itself() -> None:
    code = (
        "import sys; before = {*sys.modules}; import xrai_widgets\n"
        "loaded = {*sys.modules} - before - {name for name in sys.modules if name.startswith('typing.')}\n"
        "print(sorted(name for name in loaded if name.partition('.')[0] not in sys.stdlib_module_names))"
    )
    assert python(code) == "['xrai_widgets']"


def test_the_import_takes_less_than_0_3_seconds() -> None:
    code = "import time; t = time.process_time(); import xrai_widgets; print(time.process_time() - t)"
    assert min(float(python(code)) for _ in range(3)) < 0.3


def test_an_audit_of_a_plain_model_loads_neither_torch_nor_art() -> None:
    code = (
        "import sys, xrai_widgets as xw\n"
        "xw.assess(xw.examples.load('breast_cancer_forest'), 'robustness.evasion', n_samples=3, max_iter=2)\n"
        "print([m for m in ('torch', 'art', 'matplotlib', 'ipywidgets') if m in sys.modules])"
    )
    assert python(code) == "[]"


def test_the_workbench_is_there_before_anything_is_drawn() -> None:
    code = (
        "import sys, xrai_widgets as xw\n"
        "xw.Workbench(xw.examples.load('breast_cancer_logistic'))\n"
        "print([m for m in ('torch', 'art', 'matplotlib', 'seaborn') if m in sys.modules])"
    )
    assert python(code) == "[]"


def test_an_unknown_name_is_an_attribute_error() -> None:
    import xrai_widgets

    with pytest.raises(AttributeError, match="no attribute 'asess'"):
        xrai_widgets.asess  # noqa: B018


def test_dir_lists_the_public_names() -> None:
    import xrai_widgets

    assert set(xrai_widgets.__all__) <= set(dir(xrai_widgets))
