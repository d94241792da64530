"""Voilà with fewer doors."""

import asyncio
import secrets
import threading
import time
import webbrowser
from typing import Any

import voila.notebook_renderer
from jupyter_server.utils import url_path_join
from tornado.ioloop import IOLoop
from tornado.routing import Rule
from traitlets import Bool, Dict, List, Unicode
from voila.app import Voila
from voila.execute import VoilaExecutor
from voila.static_file_handler import TemplateStaticFileHandler

from xrai_widgets.apps.server.kernels import Kernels
from xrai_widgets.apps.server.pages import AppHandler, GalleryHandler, NoPage, OtherHost, StrangeName

# what a page needs: Voilà's and Lab's own scripts and styles stand inline, anywidget runs its modules from blobs
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-inline' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
_PATIENCE = 120  # seconds that visitors keep the spare kernels of another notebook from being made
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}


class Executor(VoilaExecutor):  # type: ignore[misc]
    """Hides what a cell raised behind an id, under which it stands in the server's log."""

    def strip_code_cell_errors(self, cell: Any) -> Any:
        """Replace the traceback in a cell's output."""
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error" and output["ename"] != "ExecutionError":
                error_id = secrets.token_hex(4)
                self.log.error("error %s in a cell:\n%s", error_id, "\n".join(output["traceback"]))
                message = f"This cell could not be run. The server's log has the details under error {error_id}."
                output.update(ename="ExecutionError", evalue=f"error {error_id}", traceback=[message])
        return cell


class Gallery(Voila):  # type: ignore[misc]
    """Serves our notebooks as apps, and nothing else of the machine."""

    names = List(Unicode(), config=True, help="names by which the server may be addressed")
    pool = Dict(config=True, help="how many spare kernels each notebook has")
    any_address = Bool(False, config=True, help="whether it may be addressed by any IP address, too")

    def init_settings(self) -> dict[str, Any]:
        """Return Tornado's settings."""
        self.voila_configuration.multi_kernel_manager_class = Kernels
        voila.notebook_renderer.VoilaExecutor = Executor  # Voilà has no option for it
        return {**super().init_settings(), "default_handler_class": NoPage}

    def init_handlers(self) -> list[Any]:
        """Return the rules of the server: the host's name first, then our pages, then Voilà's files and sockets."""
        options = {"voila_configuration": self.voila_configuration}
        app = {**options, "template_paths": self.template_paths, "config": self.config}
        ours = [
            (self.server_url, GalleryHandler, options),
            (url_path_join(self.server_url, r"/voila/render/(.*)"), AppHandler, app),
            (url_path_join(self.server_url, r"/voila/templates/(xrai/static/(?!.*\.\.).+)"), TemplateStaticFileHandler),
        ]
        closed = ("/files/", "/contents", "/tree", "/query/", "/render/", "/templates/")
        theirs = [rule for rule in super().init_handlers() if not any(word in rule[0] for word in closed)]
        strange = Rule(OtherHost(frozenset(self.names), self.any_address), StrangeName)
        return [strange, *ours, *(rule for rule in theirs if rule[0] != self.server_url)]

    def listen(self) -> None:
        """Serve until interrupted."""
        IOLoop.current().add_callback(self._heat)
        try:
            super().listen()
        except OSError as error:
            raise ValueError(f"--host must be an address of this machine, got {self.ip!r}: {error}") from None

    async def _heat(self) -> None:
        """Make the spare kernels one notebook after the other: all at once would take the processor from visitors."""
        manager = self.kernel_manager
        for notebook, size in self.pool.items():
            if size:
                await self._until_idle()
                manager.kernel_pools_config = {**manager.kernel_pools_config, notebook: {"pool_size": size}}
                manager.fill_if_needed(delay=0, notebook_name=notebook)
                made = await asyncio.gather(*manager._pools[notebook], return_exceptions=True)
                runs = [kernel["task"] for kernel in made if isinstance(kernel, dict)]
                await asyncio.gather(*runs, return_exceptions=True)

    async def _until_idle(self) -> None:
        """Wait for those who are there to go, but not for ever: others may come."""
        patience = time.monotonic() + _PATIENCE
        while self.kernel_manager.visitors and time.monotonic() < patience:
            await asyncio.sleep(1)

    def launch_browser(self) -> None:
        """Open the gallery in a browser, with the token."""
        token = self.identity_provider.token
        address = self.connection_url + (f"?token={token}" if token else "")
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
