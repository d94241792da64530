"""What the server sends: apps while there is a seat, and pages that say what went wrong without saying too much."""

import ipaddress
import secrets
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher
from tornado.web import HTTPError, RequestHandler, authenticated
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.treehandler import TornadoVoilaTreeHandler

SENTENCES = {
    403: ("This is not open to you", "Use the address with the token that the server printed when it started."),
    404: ("There is no such page", "The gallery lists all apps."),
    421: (
        "This address is not served here",
        "Open the gallery by the address that the server printed when it started.",
    ),
    503: (
        "All seats are taken",
        "Every visitor gets a process of their own. One is free again when another tab closes.",
    ),
}


class Friendly:
    """Errors as pages; what happened stands in the server's log, beside the id on the page."""

    def write_error(self: Any, status_code: int, **kwargs: Any) -> None:
        """Write the page of an error."""
        error_id = ""
        if status_code not in SENTENCES:
            error_id = secrets.token_hex(4)
            self.log.error(
                "error %s: %s %s", error_id, self.request.method, self.request.path, exc_info=kwargs.get("exc_info")
            )
        title, sentence = SENTENCES.get(status_code, ("Something went wrong here", "It is not your fault."))
        if status_code == 503:
            self.set_header("Retry-After", "30")
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        page = self.settings["voila_jinja2_env"].get_template("error.html")
        again = status_code >= 500
        self.finish(page.render(base_url=self.base_url, title=title, sentence=sentence, error_id=error_id, again=again))


class AppHandler(Friendly, TornadoVoilaHandler):  # type: ignore[misc]
    """A notebook as an app, if a seat is free."""

    @authenticated
    async def get(self, path: str = "") -> None:
        """Respond with the page, piece by piece."""
        if not path.endswith(".ipynb") or not await self._is_there(path):
            raise HTTPError(404)
        async with self.kernel_manager.seat():
            pieces = self.get_generator(path=path)
            first = await anext(pieces)
        self.write(first)
        async for piece in pieces:
            self.write(piece)
            self.flush()

    async def _is_there(self, path: str) -> bool:
        there: bool = self.contents_manager.file_exists(path) and not self.contents_manager.is_hidden(path)
        return there


class GalleryHandler(Friendly, TornadoVoilaTreeHandler):  # type: ignore[misc]
    """The page of cards; it needs no kernel."""


class NoPage(Friendly, JupyterHandler):
    """Everything else."""

    async def prepare(self, **_: Any) -> None:
        """Refuse before anything else is looked at."""
        raise HTTPError(404)


class StrangeName(RequestHandler):
    """Answers a request under a name that is not this server's, whatever it asks for."""

    def prepare(self) -> None:
        """Refuse: a page elsewhere may have pointed its own name at this machine."""
        title, sentence = SENTENCES[421]
        self.set_status(421)
        self.finish(f"{title}. {sentence}\n")


class OtherHost(Matcher):
    """Matches requests whose ``Host`` is none of the server's names.

    A page elsewhere can let its own name mean this machine, but not an address: where others may come in, any will do.
    """

    def __init__(self, names: frozenset[str], any_address: bool) -> None:
        self.names, self.any_address = names, any_address

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return something for a strange name, None for one of ours."""
        name = request.host_name.lower().strip("[]").removesuffix(".")
        return None if name in self.names or (self.any_address and _is_address(name)) else {}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
