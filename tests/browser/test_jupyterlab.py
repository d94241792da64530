"""The same notebooks and components in a real JupyterLab."""

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import nbformat
import psutil
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.served import wait_until_served
from tests.browser.shared import COMPARISON, SharedPage
from tests.browser.test_contrast import OUTCOMES, VIEWS
from tests.notebook_runs import LOOKED_AT, check, with_claims
from tests.pace import slowness
from tests.ports import free_port
from xrai_widgets.io.notebooks import notebook_folder, read_cards

LONG = 120_000
OPEN = """async (path) => {
  const { commands, shell } = window.jupyterapp, before = shell.currentWidget;
  if (before?.context && before.context.path !== path) {
    await before.sessionContext.shutdown();
    before.dispose();
  }
  const panel = await commands.execute("docmanager:open", { path });
  await panel.context.ready;
  await panel.sessionContext.ready;
}"""
# a busy machine may not know more than that it takes longer than the pilot
FORECAST = re.compile(r"^(< 1 s|~\d+ (s|min)|> \d+\.\d s|time unknown)$")
# a kernel that JupyterLab has started by itself is "idle" before it listens; what it is asked until then is lost
ANSWERED = """async () => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const later = () => new Promise((resolve) => setTimeout(resolve, 1000));
  while (!(await Promise.race([kernel.requestKernelInfo().catch(later), later()])));
}"""
RUN = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
NOTEBOOKS = [card.path for card in read_cards(notebook_folder())]
ALWAYS = (NOTEBOOKS[0], COMPARISON)  # with the cells below, they show every kind of widget
CELLS = (
    """
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from xrai_widgets.widgets import MetricSelector, Runner, Scoreboard, SubjectPicker
import ipywidgets as w

data, target = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(data, target, random_state=0)
my_forest = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
""",
    "picker = SubjectPicker()\npicker",
    "selector = MetricSelector(selection=('privacy.membership_inference',))\n"
    "w.dlink((picker, 'subject'), (selector, 'subject'))\nselector",
    "runner = Runner(plan=(('privacy.membership_inference', {}),))\n"
    "w.dlink((picker, 'subject'), (runner, 'subject'))\nrunner",
    "board = Scoreboard()\nw.dlink((picker, 'subject'), (board, 'subject'))\n"
    "w.dlink((runner, 'outcomes'), (board, 'outcomes'))\nboard",
)
EXPLAINED = (
    OUTCOMES,
    VIEWS,
    "from xrai_widgets.widgets import ConstraintEditor\n\nConstraintEditor(table, opened=True)",
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab with the notebooks, each of which ends with a check of what it claims."""
    folder = tmp_path_factory.mktemp("lab")
    for path in notebook_folder().glob("*.ipynb"):
        nbformat.write(with_claims(path), folder / path.name)
    for name, cells in {"linked": CELLS, "views": EXPLAINED}.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    port, token, log = free_port(), secrets.token_hex(8), (folder / "log").open("wb")
    environment = os.environ | {
        name: str(folder / name.lower())
        for name in ("JUPYTERLAB_WORKSPACES_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTER_CONFIG_DIR")
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--expose-app-in-browser"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--allow-root"]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        wait_until_served(f"http://127.0.0.1:{port}/api?token={token}", process)
        yield f"http://127.0.0.1:{port}/lab?reset&token={token}"
    finally:
        process.terminate()
        process.wait(60)
        log.close()


@pytest.fixture(scope="module")
def loaded(browser: Browser, browser_context_args: dict[str, Any], address: str) -> Iterator[SharedPage]:
    """JupyterLab in one page, in which one notebook after the other is opened."""
    # JupyterLab renders only the cells in view
    options = {**browser_context_args, "viewport": {"width": 1500, "height": 4000}}

    def ready(page: Page) -> None:
        page.wait_for_function("() => window.jupyterapp?.restored")

    shared = SharedPage(browser, options, address, ready)
    yield shared
    shared.leave()


@pytest.fixture
def lab(loaded: SharedPage, request: pytest.FixtureRequest) -> Iterator[Page]:
    yield from loaded.for_one_test(request)


def open_and_run(page: Page, name: str) -> None:
    """Run a notebook from top to bottom: the one that is open again, or another, and the open one's kernel is ended."""
    page.evaluate(OPEN, name)
    expect(page.locator(".jp-NotebookPanel-toolbar").get_by_text("Python 3", exact=False)).to_be_visible(timeout=LONG)
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible(timeout=LONG)
    page.evaluate(RUN)


def outputs(page: Page) -> Locator:
    return page.locator(".jp-NotebookPanel .jp-OutputArea")


def of_the_page(page: Page) -> nbformat.NotebookNode:
    return nbformat.from_dict(page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.toJSON()"))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=() if one in ALWAYS else pytest.mark.slow) for one in NOTEBOOKS]
)
def test_every_notebook_runs_in_jupyterlab_without_an_error_or_a_warning(lab: Page, name: str) -> None:
    """What it says in words holds for what it shows: by default, this is looked at in the gallery (`test_gallery`)."""
    open_and_run(lab, name)
    expect(outputs(lab).get_by_role("button", name=re.compile("^Run")).first).to_be_visible(timeout=LONG)
    expect(outputs(lab).get_by_text(LOOKED_AT)).to_be_visible(timeout=5 * LONG)
    expect(lab.locator("[data-mime-type='application/vnd.jupyter.stderr']")).to_have_count(0)
    check(of_the_page(lab))


def test_explanations_and_limits_are_shown_in_jupyterlab(lab: Page) -> None:
    """What notebooks that do not always run here show, and the others do not."""
    open_and_run(lab, "views.ipynb")
    area = outputs(lab)
    expect(area.locator(".xrai-constraints")).to_be_visible(timeout=2 * LONG)
    expect(area.locator(".xrai-contrast")).to_have_count(2)
    expect(area.locator(".xrai-contrast .xrai-contrast-picture").first).to_be_visible()
    expect(area.get_by_role("slider", name="prototypes")).to_be_visible()
    check(of_the_page(lab))


def test_the_users_model_is_found_and_components_in_different_cells_are_linked(lab: Page) -> None:
    open_and_run(lab, "linked.ipynb")
    area = outputs(lab)
    expect(area.locator(".xrai-scoreboard")).to_be_visible(timeout=LONG)
    area.get_by_role("button", name="this notebook").click()
    expect(area.get_by_label("model", exact=True)).to_have_value("my_forest")
    for label, variable in {
        "held-out samples": "X_test",
        "their true labels": "y_test",
        "training samples": "X_train",
        "their labels": "y_train",
    }.items():
        expect(area.get_by_label(label, exact=True)).to_have_value(variable)
    area.get_by_role("button", name="Use this model").click()
    expect(area.locator(".xrai-scoreboard")).to_contain_text("AUROC", timeout=LONG)
    expect(area.get_by_role("checkbox", name="Membership inference", exact=True)).to_be_enabled()
    area.get_by_role("button", name=re.compile("^Run")).click()
    expect(area.locator(".xrai-scoreboard")).to_contain_text("membership advantage", timeout=LONG)


def test_run_slide_and_cancel_in_jupyterlab(lab: Page) -> None:
    open_and_run(lab, NOTEBOOKS[0])
    area = outputs(lab)
    run = area.get_by_role("button", name=re.compile("^Run|^Cancel"))
    expect(area.get_by_text(FORECAST).first).to_be_visible(timeout=LONG)
    run.click()
    row = area.locator(".xrai-scoreboard tr", has_text="membership advantage")
    expect(row).to_contain_text("fail", timeout=LONG)
    handle = area.locator(".widget-slider", has_text="membership advantage").locator(".noUi-handle")
    handle.focus()
    lab.keyboard.press("End")
    expect(row).to_contain_text("pass")
    area.get_by_role("checkbox", name="Evasion attack").check()
    area.get_by_text("Parameters: Evasion attack").click()
    area.get_by_text("Search", exact=True).first.click()
    form = area.locator(".xrai-form").filter(has=area.page.get_by_label("query budget"))
    form.get_by_label("attack", exact=True).select_option("hop_skip_jump")
    expect(form.get_by_label("query budget")).to_be_disabled()
    area.locator(".widget-hbox", has=area.page.get_by_label("iterations")).get_by_role("checkbox").last.uncheck()
    area.get_by_label("iterations").fill("1000")
    area.get_by_label("iterations").press("Enter")
    run.click()
    expect(area.get_by_text(re.compile(r"HopSkipJump iteration"))).to_be_visible(timeout=LONG)
    run.click()
    expect(run).to_have_text(re.compile("^Run"), timeout=2000 * slowness())
    expect(area.locator(".xrai-scoreboard")).to_contain_text("cancelled by the user")


def test_a_dead_kernel_is_said_until_the_cell_runs_again(lab: Page) -> None:
    open_and_run(lab, NOTEBOOKS[0])
    expect(outputs(lab).get_by_role("button", name=re.compile("^Run")).first).to_be_visible(timeout=LONG)
    kernel_id = lab.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id")
    (kernel,) = (
        child
        for child in psutil.Process().children(recursive=True)
        if any(kernel_id in part for part in child.cmdline())
    )
    lab.wait_for_timeout(3000)  # the watchdog has heard the kernel
    kernel.kill()
    banner = lab.get_by_role("alert").filter(has_text="The kernel of this workbench has ended. Run its cell again.")
    expect(banner).to_be_visible(timeout=120_000)
    lab.get_by_role("button", name="Ok", exact=True).click()  # JupyterLab says that it has started another one
    lab.evaluate(ANSWERED)
    lab.evaluate(RUN)
    expect(banner).to_have_count(0, timeout=LONG)
