"""Train, distribution, chicken, other set: four command lines."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import xrai_widgets as xw
from tests.command import called
from xrai_widgets.core import Array

RUN = "--run ood.vae --set epochs=20 --allow-unjudged"


def finding_of(file: Path) -> dict[str, Any]:
    """What a report says of its one outcome."""
    finding: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["outcomes"][0]["finding"]
    return finding


def column(finding: dict[str, Any], table: str, name: str) -> list[Any]:
    columns = finding["tables"][table]["columns"]
    values: list[Any] = next(one["values"] for one in columns if one["name"] == name)
    return values


def save(pictures: Array, folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures.reshape(-1, 8, 8)):
        Image.fromarray(np.rint(255 * picture).astype(np.uint8)).save(folder / f"{number}.png")


def test_four_lines_train_show_the_distribution_and_score_a_chicken_and_another_set(tmp_path: Path) -> None:
    digits = xw.examples.load("digits_network")
    sets = xw.examples.foreign_digits(digits.X, digits.y)
    shutil.copy(xw.examples.picture("chicken"), tmp_path / "chicken.png")
    for name, kind in (("near: letters", "near_letters"), ("far: noise", "far_noise")):
        save(sets[name][:20], tmp_path / "others" / kind)
    save(digits.X[:20], tmp_path / "others" / "shifted_none")
    lines = (
        f"assess digits_network {RUN} --out trained.json",
        "report trained.json --allow-unjudged --out distribution.html",
        f"assess digits_network {RUN} --new chicken.png --out chicken.json",
        f"assess digits_network {RUN} --new others --out others.json",
    )
    for line in lines:
        ended = called(*line.split(), cwd=tmp_path)
        assert ended.returncode in (0, 1), ended.stdout + ended.stderr
        assert "error" not in ended.stdout
    trained = finding_of(tmp_path / "trained.json")
    assert 0 < trained["values"]["false_alarms"] < 0.08
    assert "Foreignness by an autoencoder" in (tmp_path / "distribution.html").read_text(encoding="utf-8")

    chicken = finding_of(tmp_path / "chicken.json")
    assert chicken["counts"]["new_alarms"] == 1
    assert chicken["values"]["new_alarms"] == 1.0
    assert chicken["values"]["false_alarms"] == trained["values"]["false_alarms"], "the same autoencoder"

    others = finding_of(tmp_path / "others.json")
    names = column(others, "sets", "set")
    kinds, alarms = (dict(zip(names, column(others, "sets", key), strict=True)) for key in ("kind", "alarms"))
    assert [kinds[name] for name in ("near_letters", "far_noise", "shifted_none")] == ["near", "far", "shifted"]
    assert alarms["far_noise"] == 1.0
    assert alarms["near_letters"] > 0.7
    assert alarms["shifted_none"] < 0.3
    assert others["counts"]["detection"] == 40, "the names of the subfolders say what is foreign"
