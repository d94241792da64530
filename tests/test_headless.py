"""The engines run where there is no Jupyter and nothing to draw with; every room without the libraries of another."""

import subprocess
import sys

import pytest

HIDE = """
import importlib.machinery as machinery

found = machinery.PathFinder.find_spec
machinery.PathFinder.find_spec = staticmethod(
    lambda name, path=None, target=None: None if name.partition(".")[0] in {names!r} else found(name, path, target)
)
"""
INTERFACE = {"ipywidgets", "IPython", "ipykernel", "anywidget", "traitlets", "matplotlib", "seaborn", "voila"}


def run_without(names: set[str], code: str) -> str:
    script = HIDE.format(names=names) + code
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_audit_runs_and_is_judged_without_jupyter_and_matplotlib() -> None:
    code = """
import xrai_widgets as xw
subject = xw.examples.load("breast_cancer_forest")
plan = ["privacy.shapr", "privacy.membership_inference", ("robustness.evasion", {"n_samples": 4, "max_iter": 2})]
outcomes = xw.run_plan(subject, plan)
print([outcome.status for outcome in outcomes], outcomes[1].verdict().status)
"""
    assert run_without(INTERFACE, code) == "['ok', 'ok', 'ok'] warn"


@pytest.mark.parametrize(
    ("room", "foreign"),
    [
        ("core", INTERFACE | {"joblib", "sklearn", "scipy", "jinja2", "torch", "art"}),
        ("models.adapt", INTERFACE | {"joblib", "jinja2", "torch", "art"}),
        ("io.outcomes", INTERFACE | {"joblib", "sklearn", "jinja2", "torch"}),
        ("data.examples", INTERFACE | {"joblib", "jinja2", "torch"}),
        ("engines", INTERFACE | {"joblib", "sklearn", "jinja2", "torch", "art"}),
        ("results.html", {"ipywidgets", "traitlets", "anywidget", "joblib", "torch", "art", "sklearn"}),
        ("reporting.saved", {"ipywidgets", "traitlets", "anywidget", "joblib", "torch", "art", "sklearn"}),
        ("runtime", INTERFACE | {"sqlalchemy", "jinja2", "torch", "art", "sklearn"}),
        ("widgets", {"sqlalchemy", "voila", "torch", "art", "typer", "rich"}),
    ],
)
def test_a_room_is_importable_without_the_libraries_of_another(room: str, foreign: set[str]) -> None:
    assert run_without(foreign, f"import xrai_widgets.{room}\nprint('imported')") == "imported"


def test_a_missing_optional_library_is_not_applicable_and_names_the_extra_and_its_examples_are_not_listed() -> None:
    code = """
import xrai_widgets as xw

@xw.assessment(title="needs torch")
def needs_torch(predict, X, *, step=xw.quiet):
    "Import torch."
    import torch

outcome = xw.assess(xw.examples.load("breast_cancer_forest"), "custom.needs_torch")
print(outcome.status, "|", outcome.reason)
print('digits_convolution' in xw.examples.names())
"""
    said, listed = run_without({"torch"}, code).splitlines()
    assert said == "not applicable | needs the package torch: pip install 'xrai-widgets[torch]'"
    assert listed == "False"
