"""``python -m tests.readme`` writes the generated parts of the README."""

from pathlib import Path

import xrai_widgets.engines  # noqa: F401 - fills the catalog
from xrai_widgets.core import registered
from xrai_widgets.core.assessment import family_title
from xrai_widgets.reporting import exit_codes

README = Path(__file__).parent.parent / "README.md"
PARTS = ("assessments", "exit codes")


def table() -> str:
    """Return the table of assessments, read from the signatures."""
    lines = ["| family | assessment | what it answers | needs | parameters | source |", "| --- " * 6 + "|"]
    for entry in registered().values():
        if entry.family != "custom":
            needs = ", ".join(f"`{name}`" for name in entry.needs)
            parameters = ", ".join(p.both.replace(p.name, f"`{p.name}`", 1) for p in entry.parameters)
            cells = (family_title(entry.family), f"`{entry.name}`", entry.summary, needs, parameters, entry.reference)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def written() -> str:
    """Return the README with the generated parts made anew."""
    text = README.read_text(encoding="utf-8")
    for part, made in zip(PARTS, (table(), exit_codes.table()), strict=True):
        start, end = f"<!-- {part}", f"<!-- end of {part} -->"
        head, rest = text.split(start, 1)
        comment, rest = rest.split("-->", 1)
        text = f"{head}{start}{comment}-->\n{made}\n{end}{rest.split(end, 1)[1]}"
    return text


if __name__ == "__main__":
    README.write_text(written(), encoding="utf-8")
