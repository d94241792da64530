"""``python -m tests.readme`` writes the generated part of the README."""

from pathlib import Path

import xrai_widgets.engines  # noqa: F401 - fills the catalog
from xrai_widgets.core import registered

README = Path(__file__).parent.parent / "README.md"
START, END = "<!-- assessments", "<!-- end of assessments -->"


def table() -> str:
    """Return the table of assessments, read from the signatures."""
    lines = ["| assessment | what it answers | needs | parameters | source |", "| --- | --- | --- | --- | --- |"]
    for entry in registered().values():
        if entry.family != "custom":
            needs = ", ".join(f"`{name}`" for name in entry.needs)
            parameters = ", ".join(f"`{p.name}`" for p in entry.parameters)
            lines.append(f"| `{entry.name}` | {entry.summary} | {needs} | {parameters} | {entry.reference} |")
    return "\n".join(lines)


def written() -> str:
    """Return the README with the generated part made anew."""
    text = README.read_text(encoding="utf-8")
    head, rest = text.split(START, 1)
    comment, rest = rest.split("-->", 1)
    return f"{head}{START}{comment}-->\n{table()}\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    README.write_text(written(), encoding="utf-8")
