"""In the kernel of a page: a cell that is run anew at a click, and what it showed before is closed."""

import ast
from typing import Any

import ipywidgets as w

BUTTON = "Make it anew"


def anew(source: str, names: dict[str, Any]) -> w.Widget:
    """Return what a cell shows, below a button that runs the cell anew."""
    *statements, shown = ast.parse(source).body
    assert isinstance(shown, ast.Expr)
    do, show = ast.Module(statements, []), ast.Expression(shown.value)
    stage, button, said, made = w.VBox(), w.Button(description=BUTTON), w.Label(), 0

    def make(_: object = None) -> None:
        nonlocal made
        _close(*stage.children)
        exec(compile(do, "<cell>", "exec"), names)
        stage.children = (eval(compile(show, "<cell>", "eval"), names),)
        made += 1
        said.value = f"made {made}"

    button.on_click(make)
    make()
    return w.VBox([w.HBox([button, said]), stage])


def _close(*widgets: w.Widget) -> None:
    for widget in widgets:
        _close(*getattr(widget, "children", ()))
        widget.close()
