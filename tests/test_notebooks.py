"""Every notebook runs from top to bottom, offline, and is committed without outputs.

One run of each is enough: where there is a Chromium it is as an app (``browser/test_gallery.py``), else here. Among the
slow tests JupyterLab runs all of them, too.
"""

import json
import os
from importlib.util import find_spec
from pathlib import Path

import nbclient
import pytest

from tests import notebook_claims
from tests.get_browser import find
from tests.notebook_runs import check, with_claims
from xrai_widgets.io.notebooks import notebook_folder, read_cards

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
IN_A_BROWSER = find_spec("playwright") is not None and bool(find() or os.environ.get("CI"))
NAMES = [path.name for path in NOTEBOOKS]


def test_the_notebooks_that_were_promised_are_there() -> None:
    promised = {"00_start_here", "01_privacy_of_a_credit_model", "02_evasion_of_a_tabular_model", "add_your_own_engine"}
    promised |= {"03_membership_of_a_regression_model", "04_compare_two_models", "05_why_was_this_credit_refused"}
    promised |= {"06_contrastive_digits", "07_attacks_on_an_image_model", "08_what_is_guaranteed"}
    promised |= {"09_confidence_and_the_chicken", "13_what_frequencies_does_it_read"}
    promised |= {"09_confidence_and_the_chicken", "11_natural_adversaries"}
    promised |= {"09_confidence_and_the_chicken", "10_foreign_inputs", "12_is_this_applicant_like_the_training"}
    assert promised <= {path.stem for path in NOTEBOOKS}
    assert notebook_folder() == FOLDER


@pytest.mark.skipif(IN_A_BROWSER, reason="they run as apps, where the same is looked at: tests/browser")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_runs_without_an_error_or_a_warning(path: Path) -> None:
    """What it says in words holds for what it shows: see `notebook_claims`."""
    notebook = with_claims(path)
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    check(notebook)


def test_every_claim_belongs_to_a_notebook() -> None:
    claimed = {name.removeprefix("of_") for name in vars(notebook_claims) if name.startswith("of_")}
    assert claimed
    assert claimed <= {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_opens_with_a_title_and_a_sentence(path: Path) -> None:
    card = next(card for card in read_cards(FOLDER) if card.path == path.name)
    assert card.title
    assert card.sentence.endswith((".", "?", "!"))
    assert len(card.sentence) < 200
