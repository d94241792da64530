import json
from pathlib import Path
from typing import Any

import pytest

from xrai_widgets.io.notebooks import Card, notebook_folder, read_cards


def write(folder: Path, name: str, source: Any, **metadata: Any) -> None:
    cells = [{"cell_type": "markdown", "source": source}, {"cell_type": "code", "source": "1 + 1"}]
    (folder / name).write_text(json.dumps({"cells": cells, "metadata": metadata}), encoding="utf-8")


def test_a_card_has_the_title_and_the_first_sentence_of_the_first_cell(tmp_path: Path) -> None:
    text = [
        "# A *credit* model\n",
        "\n",
        "How much does **it** `leak`?\n",
        "More than you think. And so on.\n",
        "\n",
        "Later.",
    ]
    write(tmp_path, "01_privacy.ipynb", text, xrai={"picture": "histogram"})
    assert read_cards(tmp_path) == [Card("01_privacy.ipynb", "A *credit* model", "How much does it leak?", "histogram")]


def test_the_source_may_be_one_text_and_the_picture_is_optional(tmp_path: Path) -> None:
    write(tmp_path, "a.ipynb", "#  Título \n\nOne sentence\nover two lines")
    assert read_cards(tmp_path) == [Card("a.ipynb", "Título", "One sentence over two lines", "board")]


def test_cards_come_in_the_order_of_file_names_and_of_notebooks_only(tmp_path: Path) -> None:
    for name in ("02_b.ipynb", "00_a.ipynb", "10_c.ipynb"):
        write(tmp_path, name, f"# {name}\n\nText.")
    (tmp_path / "notes.md").write_text("# no notebook")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    write(tmp_path / ".ipynb_checkpoints", "00_a-checkpoint.ipynb", "# old")
    assert [card.path for card in read_cards(tmp_path)] == ["00_a.ipynb", "02_b.ipynb", "10_c.ipynb"]


def test_a_folder_without_notebooks_has_no_cards(tmp_path: Path) -> None:
    assert read_cards(tmp_path) == []
    assert read_cards(tmp_path / "none") == []


def test_a_title_alone_is_a_card_without_a_sentence(tmp_path: Path) -> None:
    write(tmp_path, "a.ipynb", "# Only a title")
    assert read_cards(tmp_path) == [Card("a.ipynb", "Only a title", "", "board")]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"cells": [], "metadata": {}}', '{"cells": [{}], "metadata": {}}']
)
def test_a_file_that_is_no_notebook_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "broken.ipynb").write_text(content)
    with pytest.raises(ValueError, match=r"^broken.ipynb must be a notebook with a first cell with '# title'"):
        read_cards(tmp_path)


def test_the_tutorials_have_cards_with_a_title_and_a_sentence() -> None:
    cards = read_cards(notebook_folder())
    assert {"00_start_here.ipynb", "add_your_own_engine.ipynb"} <= {card.path for card in cards}
    for card in cards:
        assert card.title
        assert card.sentence.endswith((".", "!", "?"))
