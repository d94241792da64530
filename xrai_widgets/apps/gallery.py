"""The tutorials as apps: a gallery of notebooks served by Voilà."""

import os
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from traitlets.config import Config

from xrai_widgets.apps.server.serving import Serving, pool_of
from xrai_widgets.io.notebooks import notebook_folder, read_cards
from xrai_widgets.io.store_place import NONE, SETTING, gallery_store
from xrai_widgets.runtime.parallel import JOBS, default_jobs
from xrai_widgets.runtime.store import Store

EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8", "anywidget"]
SHARE = str(resources.files("xrai_widgets.apps").joinpath("share"))


def presentation(folder: Path) -> dict[str, Any]:
    """Return how notebooks are shown: our template, no sources, no tracebacks; the same on a Jupyter server."""
    cards = [asdict(card) for card in read_cards(folder)]

    def add_cards(page_config: dict[str, Any], settings: dict[str, Any], **_: Any) -> dict[str, Any]:
        alone = "voila" in settings
        root = folder if alone else Path(settings["server_root_dir"]).expanduser()
        place = folder.resolve().relative_to(root.resolve()).as_posix()
        # both None: a Jupyter server would have MathJax loaded from elsewhere
        page_config.update(fullMathjaxUrl=None, mathjaxConfig=None, on_jupyter_server=not alone)
        page_config["cards"] = [{**card, "path": f"{place}/{card['path']}".removeprefix("./")} for card in cards]
        page_config["gallery"] = page_config["baseUrl"] + ("" if alone else "voila")
        return page_config

    return {
        "template": "xrai",
        "classic_tree": True,
        "strip_sources": True,
        "show_tracebacks": False,
        "allow_template_override": "NO",
        "allow_theme_override": "NO",
        "file_allowlist": [],
        "extension_allowlist": EXTENSIONS,
        "page_config_hook": add_cards,
    }


def configuration(folder: Path, serving: Serving) -> Config:
    """Return the configuration of the server."""
    from xrai_widgets.apps.server.application import HEADERS

    settings = Config()
    settings.Gallery.update(
        port=serving.port,
        ip=serving.host,
        base_url=serving.path,
        open_browser=serving.browser,
        root_dir=str(folder),
        token=serving.token or None,
        auto_token=serving.open_to_others,
        names=serving.hosts(),
        any_address=serving.open_to_others,
        # the page's farewell request carries no xsrf token; refused, it would leave one kernel behind per visit
        tornado_settings={"disable_check_xsrf": True, "headers": HEADERS, "compress_response": serving.open_to_others},
    )
    pool = pool_of([card.path for card in read_cards(folder)], serving.pool)
    settings.VoilaConfiguration.update(presentation(folder), preheat_kernel=any(pool.values()))
    settings.Gallery.pool = pool
    settings.VoilaKernelManager.update(kernel_pools_config={"default": {"pool_size": 0}}, fill_delay=2.5)
    cull = max(1, serving.idle // 10)
    settings.Kernels.update(
        seats=serving.seats, cull_idle_timeout=serving.idle, cull_interval=cull, cull_connected=True
    )
    return settings


def serve(serving: Serving, folder: Path | None = None) -> None:
    """Serve the notebooks of a folder, by default the tutorials, until interrupted.

    Every visitor's outcomes are kept in ``serving.store`` (a file, a database URL, or ``none``) and shown in that
    visitor's browser only. By default the setting ``XRAI_STORE`` names it; without it, a server that only this machine
    reaches uses the user's own store, and any other keeps nothing. The cores, or as many as ``XRAI_JOBS`` says, are
    shared among the seats.
    """
    from xrai_widgets.apps.server.application import Gallery

    os.environ[SETTING] = gallery_store(serving.store or os.environ.get(SETTING, ""), serving.host)
    if serving.store and os.environ[SETTING] != NONE:
        Store(os.environ[SETTING]).close()  # a store that cannot be used fails here, not for the first visitor
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [SHARE, os.environ.get("JUPYTER_PATH")]))
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # else every kernel warns of it in the log
    os.environ[JOBS] = str(max(1, default_jobs() // serving.seats))  # every visitor's share
    Gallery.launch_instance(argv=[], config=configuration(folder or notebook_folder(), serving))
