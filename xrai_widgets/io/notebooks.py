"""Notebooks as cards: their title and first sentence."""

import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path


@dataclass(frozen=True)
class Card:
    """What a gallery shows of a notebook."""

    path: str
    title: str
    sentence: str
    picture: str


def notebook_folder() -> Path:
    """Return the folder of the tutorials: inside an installed package, beside it in a checkout.

    Raises
    ------
    ValueError
        if neither is there.
    """
    package = Path(str(resources.files("xrai_widgets")))
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if folder.is_dir():
            return folder
    raise ValueError(f"the tutorial notebooks must lie in {package / 'notebooks'}, got no such folder")


def read_cards(folder: Path) -> list[Card]:
    """Read the first cell of every notebook: ``# title``, then a paragraph whose first sentence is taken."""
    return [_card(file) for file in sorted(folder.glob("*.ipynb"))]


def _card(file: Path) -> Card:
    try:
        notebook = json.loads(file.read_text(encoding="utf-8"))
        text = "".join(notebook["cells"][0]["source"])
        picture = notebook["metadata"].get("xrai", {}).get("picture", "board")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        start = "a first cell with '# title' and a paragraph"
        raise ValueError(f"{file.name} must be a notebook with {start}, got {type(error).__name__}: {error}") from None
    title, _, rest = text.partition("\n")
    paragraph = " ".join(rest.strip().split("\n\n")[0].split())
    sentence = re.sub(r"[*`_]", "", re.split(r"(?<=[.!?])\s", paragraph)[0])
    return Card(file.name, title.lstrip("# ").strip(), sentence, picture)
