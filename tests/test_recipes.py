"""What the pages tell a contributor: each recipe of `engines/README.md` is followed on a copy of the package."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "xrai_widgets" / "engines" / "README.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
LINKED = ("xrai_widgets/README.md", "xrai_widgets/engines/README.md", ".github/CONTRIBUTING.md")
TRIED = """
import json
import sys
import numpy as np
import pandas as pd
import xrai_widgets as xw
from typer.testing import CliRunner
from tests.readme import table as readme
from xrai_widgets.cli import app
from xrai_widgets.core import registered
from xrai_widgets.results import html
from xrai_widgets.core.finding import CHART_KINDS
from xrai_widgets.results.charts import describe
from xrai_widgets.results.charts.figure import draw
from xrai_widgets.results.policy import Policy
from xrai_widgets.widgets import MetricSelector, OutcomeView, ParameterForm

subject = xw.examples.load("breast_cancer_logistic")
outcome = xw.assess(subject, "robustness.steadiness", digits=2)
view = OutcomeView(outcome, subject=subject)
table = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, -4.0]})
chart = xw.Chart("t", "stems", "x", "y", title="Stems")
finding = xw.Finding({}, tables={"t": table}, charts=(chart,))

policy = Policy.parse('["noise.rounding"]\\nkept = { min = 0.5 }\\n["noise.jitter"]\\nkept = { min = 0.5 }')
noisy = {name: xw.assess(subject, name) for name in ("noise.rounding", "noise.jitter")}
other = xw.assess(xw.examples.load("breast_cancer_forest"), "noise.rounding")
forms = {name: ParameterForm(name) for name in noisy}
forms["noise.rounding"].control("n_samples").value = 0
selector = MetricSelector(subject)
report = xw.report(list(noisy.values()), policy)
command = CliRunner()
family = {
    "statuses": [outcome.status for outcome in noisy.values()],
    "selector": " ".join(str(getattr(w, "value", "")) for w in selector._list.children),
    "boxes": [selector.box(name).description for name in noisy],
    "controls": {name: [form.control(p.name).description for p in registered()[name].parameters]
                 for name, form in forms.items()},
    "folded": {name: list(form.more.titles) for name, form in forms.items()},
    "error": forms["noise.rounding"].error,
    "cli": command.invoke(app, ["list", "noise.rounding"], env={"COLUMNS": "300"}).stdout,
    "catalog": command.invoke(app, ["list"], env={"COLUMNS": "300"}).stdout,
    "assessed": command.invoke(
        app, ["assess", "breast_cancer_logistic", "--run", "noise.rounding"], env={"COLUMNS": "300"}
    ).stdout,
    "mistaken": str(command.invoke(
        app, ["assess", "breast_cancer_logistic", "--run", "noise.rounding", "--set", "n_samples=0"]
    ).exception),
    "readme": readme(),
    "board": html.scoreboard(noisy.values(), policy),
    "html": report.to_html(),
    "markdown": report.to_markdown(),
    "compared": html.render("comparison.html", comparison=xw.compare([noisy["noise.rounding"]], [other])),
    "view": OutcomeView(noisy["noise.rounding"], policy)._thresholds.children[0].slider.description,
}
print(json.dumps({
    "status": outcome.status,
    "reason": outcome.reason,
    "listed": "robustness.steadiness" in set(xw.catalog().index) | set(xw.catalog().get("name", [])),
    "form": ParameterForm("robustness.steadiness").params,
    "report": "of the labels are steady" in xw.report([outcome]).to_html(),
    "views": [type(one).__name__ for one in view._method_views],
    "kinds": list(CHART_KINDS),
    "said": describe(chart, finding),
    "drawn": len(draw(chart, finding).axes[0].collections),
    "family": family,
}))
"""


def files_of(recipe: str) -> dict[str, str]:
    """The files that a recipe writes, by their places in the package."""
    found = re.findall(r"^`([\w/.]+)`:\n\n```(?:python|html)\n(.*?)```", recipe, re.MULTILINE | re.DOTALL)
    return dict(found)


def words_of(recipe: str) -> list[tuple[str, str, str]]:
    """The words that a recipe adds: (word, name of the list, file)."""
    return re.findall(r'add `"(\w+)"` to\s+`(\w+)` of `([\w/.]+)`', recipe)


def follow(recipe: str, package: Path) -> int:
    """Do what a recipe says, and return how many files that were there before it has touched."""
    for place, text in files_of(recipe).items():
        target = package / place
        assert not target.exists(), f"{place} is there already"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    touched = set()
    for word, name, place in words_of(recipe):
        file = package / place
        text = file.read_text(encoding="utf-8")
        changed = re.sub(rf"^({name}(?::[^=]+)? = (?:Literal)?[\[(])", rf'\g<1>"{word}", ', text, count=1, flags=re.M)
        assert changed != text, f"{place} has no list {name}"
        for line in re.findall(r"^```python\n(from [^\n]+)\n```", recipe, re.MULTILINE):
            changed = changed.replace("\n\n__all__", f"\n{line}\n\n__all__", 1)
        file.write_text(changed, encoding="utf-8")
        touched.add(place)
    return len(touched)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the copy says after all recipes were followed."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "xrai_widgets", folder / "xrai_widgets", ignore=shutil.ignore_patterns("__pycache__"))
    touched = {name: follow(recipe, folder / "xrai_widgets") for name, recipe in RECIPES.items()}
    code = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(ROOT)!r}]\n{TRIED}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**said, "touched": touched}


def test_each_recipe_touches_one_file_that_was_there(tried: dict[str, Any]) -> None:
    assert tried["touched"] == {
        "An engine": 1,
        "A family": 1,
        "A kind of chart": 1,
        "A view of its own": 1,
        "A kind of model": 0,
    }


def test_the_engine_is_in_the_catalog_runs_and_has_a_form(tried: dict[str, Any]) -> None:
    assert (tried["status"], tried["reason"]) == ("ok", "")
    assert tried["listed"]
    assert tried["form"] == {"digits": 3}


def test_the_kind_of_chart_is_drawn_and_described(tried: dict[str, Any]) -> None:
    assert "stems" in tried["kinds"]
    assert tried["said"] == "Stems. longest at x 2: −4."
    assert tried["drawn"] == 1


def test_the_view_is_in_the_report_and_on_the_page(tried: dict[str, Any]) -> None:
    assert tried["report"]
    assert tried["views"] == ["SteadyView"]


OWN = "predictions that rounding leaves"
SAID = re.compile(
    r"Of 100 samples \d+(\.\d+)? \([\d.]+ to [\d.]+\) keep their prediction when .* at least 50 are asked for"
)


def test_a_family_is_its_folder_and_one_word(tried: dict[str, Any]) -> None:
    family = tried["family"]
    assert family["statuses"] == ["ok", "ok"]
    assert "Noise in the inputs" in family["selector"]
    assert family["boxes"] == ["Rounded inputs", "Moved inputs"]
    assert family["controls"] == {
        "noise.rounding": ["digits after the point", "samples to round"],
        "noise.jitter": ["samples to move", "random seed"],
    }
    assert family["folded"] == {"noise.rounding": ["Draw"], "noise.jitter": ["Advanced"]}


def test_a_family_is_on_the_command_line_in_its_own_words(tried: dict[str, Any]) -> None:
    family = tried["family"]
    assert family["error"] == "samples to round must lie in [1, 100000], got 0"
    assert "digits after the point" in family["cli"]
    assert "Noise in the inputs" in family["catalog"]
    assert OWN in family["assessed"]
    assert family["mistaken"] == "n_samples (samples to round) must lie in [1, 100000], got 0"
    assert "| Noise in the inputs | `noise.rounding` |" in family["readme"]
    assert "`digits` (digits after the point), `n_samples` (samples to round)" in family["readme"]


def test_a_family_is_on_the_board_and_in_reports_in_its_own_words(tried: dict[str, Any]) -> None:
    family = tried["family"]
    for place in ("board", "html", "markdown", "compared"):
        assert OWN in family[place], place
    for place in ("board", "html", "markdown"):
        assert "predictions that jitter leaves" in family[place], place
    assert SAID.search(family["html"])
    assert SAID.search(family["markdown"])
    for word in ("Noise in the inputs", "share that stays", "classes under rounding"):
        assert word in family["html"], word
    assert family["view"] == f"{OWN}: at least"


@pytest.mark.parametrize("page", LINKED)
def test_what_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in link:
            assert ((ROOT / page).parent / link).resolve().exists(), link
    package = ROOT / "xrai_widgets"
    made = {place for recipe in RECIPES.values() for place in files_of(recipe)}
    for place in re.findall(r"`((?:core|models|engines|runtime|results|widgets)/[\w/]+\.py)`", text):
        assert place in made or (package / place).is_file(), place
    for place in re.findall(r"(?<![\w/])(tests/[\w/]+\.py)", text):
        assert (ROOT / place).is_file(), place
