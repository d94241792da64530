"""The tutorials as apps: a gallery of notebooks served by Voilà."""

import os
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from traitlets.config import Config

from xrai_widgets.io.notebooks import notebook_folder, read_cards
from xrai_widgets.io.store_place import NONE, SETTING, gallery_store
from xrai_widgets.runtime.store import Store


def configuration(folder: Path, port: int, host: str, base_url: str, browser: bool) -> Config:
    """Return Voilà's configuration: our template, no tracebacks or sources on the page, loopback by default."""
    cards = [asdict(card) for card in read_cards(folder)]

    def add_cards(page_config: dict[str, Any], **_: Any) -> dict[str, Any]:
        page_config["cards"] = cards
        return page_config

    settings = Config()
    settings.Voila.update(port=port, ip=host, base_url=base_url, open_browser=browser, root_dir=str(folder))
    # the page's farewell request carries no token; refused, it would leave one kernel behind per visit
    settings.Voila.tornado_settings = {"disable_check_xsrf": True}
    settings.VoilaConfiguration.update(
        template="xrai",
        classic_tree=True,
        strip_sources=True,
        show_tracebacks=False,
        allow_template_override="NO",
        allow_theme_override="NO",
        file_allowlist=[],
        extension_allowlist=["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8", "anywidget"],
        page_config_hook=add_cards,
    )
    settings.MappingKernelManager.update(cull_idle_timeout=600, cull_interval=60, cull_connected=False)
    return settings


def serve(
    port: int = 8866, host: str = "127.0.0.1", base_url: str = "/", browser: bool = True, store: str = ""
) -> None:
    """Serve the gallery until interrupted.

    Every visitor's outcomes are kept in ``store`` (a file, a database URL, or ``none``) and shown in that visitor's
    browser only. By default the setting ``XRAI_STORE`` names it; without it, a server that only this machine reaches
    uses the user's own store, and any other keeps nothing.
    """
    from voila.app import Voila

    os.environ[SETTING] = gallery_store(store or os.environ.get(SETTING, ""), host)
    if store and os.environ[SETTING] != NONE:
        Store(os.environ[SETTING]).close()  # a store that cannot be used is said here, not to the first visitor
    share = str(resources.files("xrai_widgets.apps").joinpath("share"))
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [share, os.environ.get("JUPYTER_PATH")]))
    Voila.launch_instance(argv=[], config=configuration(notebook_folder(), port, host, base_url, browser))
