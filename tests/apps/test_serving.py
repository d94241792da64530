"""Options of the server, before it runs."""

import os
from pathlib import Path

import pytest

from xrai_widgets.apps.gallery import SHARE, configuration, presentation
from xrai_widgets.apps.server.kernels import PONG
from xrai_widgets.apps.server.serving import Serving, pool_of
from xrai_widgets.io.notebooks import notebook_folder, read_cards
from xrai_widgets.widgets import watchdog

NAMES = ["a.ipynb", "b.ipynb", "c.ipynb"]


@pytest.mark.parametrize(("size", "dealt"), [(0, [0, 0, 0]), (1, [1, 0, 0]), (3, [1, 1, 1]), (5, [2, 2, 1])])
def test_spare_kernels_are_dealt_to_the_notebooks_in_turn(size: int, dealt: list[int]) -> None:
    assert pool_of(NAMES, size) == dict(zip(NAMES, dealt, strict=True))


@pytest.mark.parametrize(("free", "total"), [(0.5, 1), (2, 1), (4, 2), (64, 3)])
def test_by_default_an_eighth_of_the_free_memory_is_spent(
    free: float, total: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=int(free * 2**30)))
    assert sum(pool_of(NAMES, None).values()) == total


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_a_loopback_address_is_closed_to_others(host: str) -> None:
    serving = Serving(host=host)
    assert not serving.open_to_others
    assert set(serving.hosts()) == {"127.0.0.1", "::1", "localhost"} | {host}
    settings = configuration(notebook_folder(), serving).Gallery
    assert not settings.auto_token
    assert not settings.any_address


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gallery.example"])
def test_any_other_address_gets_a_token(host: str) -> None:
    settings = configuration(notebook_folder(), Serving(host=host, names=("other.example",))).Gallery
    assert settings.auto_token
    assert "other.example" in settings.names
    assert "0.0.0.0" not in settings.names


@pytest.mark.parametrize(("given", "path"), [("/", "/"), ("", "/"), ("x", "/x/"), ("/x/y", "/x/y/"), ("/x/", "/x/")])
def test_the_base_url_has_a_slash_at_both_ends(given: str, path: str) -> None:
    assert Serving(base_url=given).path == path


@pytest.mark.parametrize(("cores", "seats", "share"), [(64, 10, 6), (2, 10, 1), (8, 1, 8)])
def test_the_cores_are_shared_among_the_seats(
    cores: int, seats: int, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xrai_widgets.apps import gallery
    from xrai_widgets.apps.server.application import Gallery

    for setting in ("XRAI_STORE", "JUPYTER_PATH", "PYDEVD_DISABLE_FILE_VALIDATION"):
        monkeypatch.setenv(setting, "none" if setting == "XRAI_STORE" else "1")
    monkeypatch.setenv("XRAI_JOBS", str(cores))
    monkeypatch.setattr(Gallery, "launch_instance", lambda **_: None)
    gallery.serve(Serving(seats=seats))
    assert os.environ["XRAI_JOBS"] == str(share)


def test_the_server_and_the_watchdog_mean_the_same_message() -> None:
    assert PONG == watchdog.PONG
    script = Path(watchdog.__file__).with_name("watchdog.js").read_text(encoding="utf-8")
    assert f'"{watchdog.PONG}" in message' in script
    assert f'"{watchdog.BEAT}" in message' in script


def test_a_jupyter_server_shows_the_same_pages_under_its_own_root() -> None:
    folder = notebook_folder()
    hook = presentation(folder)["page_config_hook"]
    config = hook({"baseUrl": "/user/x/"}, settings={"server_root_dir": str(folder.parent)})
    assert config["cards"][0]["path"] == "notebooks/00_start_here.ipynb"
    assert config["gallery"] == "/user/x/voila"
    assert hook({"baseUrl": "/"}, settings={"voila": None})["cards"][0]["path"] == "00_start_here.ipynb"


def test_every_picture_that_a_notebook_names_is_one_that_the_gallery_draws() -> None:
    drawn = {file.stem for file in (Path(SHARE) / "voila/templates/xrai/pictures").glob("*.html")}
    named = {card.picture for card in read_cards(notebook_folder())}
    assert len(named) > 3
    assert named <= drawn
    assert "board" in drawn, "what is drawn where another name is misspelt"
