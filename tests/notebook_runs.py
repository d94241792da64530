"""What a run of a notebook from top to bottom must show, wherever it ran."""

from inspect import getsource
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests import notebook_claims

WIDGET = "application/vnd.jupyter.widget-view+json"
LOOKED_AT = "What this page says in words was looked at."  # said by a last cell, after every other one has run


def with_claims(path: Path) -> NotebookNode:
    """Return a notebook with a last cell that checks what it says in words: see `notebook_claims`."""
    notebook = nbformat.read(path, as_version=4)
    claims = getattr(notebook_claims, f"of_{path.stem}", None)
    code = f"print({LOOKED_AT!r})"
    if claims is not None:
        code = f"from typing import Any\n\n{getsource(claims)}\n\n{claims.__name__}(globals())\n{code}"
    notebook.cells.append(nbformat.v4.new_code_cell(code))
    return notebook


def check(notebook: NotebookNode) -> None:
    """Look at the outputs of a notebook that was run: no error, no warning, and a widget."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert all(cell.execution_count for cell in cells), "every cell has run"
    warned = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert warned == []
    assert any(WIDGET in output.get("data", {}) for output in outputs), "a notebook must show a widget"
