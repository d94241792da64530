"""Small pieces that every component is made of."""

import functools
import logging
import secrets
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import ipywidgets as w
from ipywidgets.widgets.widget_string import HTMLStyle
from markupsafe import escape

from xrai_widgets.results import html

logger = logging.getLogger("xrai_widgets")
Method = TypeVar("Method", bound=Callable[..., Any])
LABELS = {"description_width": "170px"}


class Html(w.HTML):  # type: ignore[misc]
    """HTML made by the package's own renderer, with its style sheet."""

    _plain: ClassVar[HTMLStyle | None] = None

    def __init__(self, **kwargs: Any) -> None:
        if Html._plain is None or Html._plain.comm is None:  # closed by someone who closed all widgets
            Html._plain = HTMLStyle()
        super().__init__(style=Html._plain, **kwargs)

    def show(self, text: str) -> None:
        """Replace what is shown; nothing is shown for an empty text."""
        self.value = f"<style>{html.style()}</style>{text}" if text else ""

    def say(self, text: str, kind: str = "error") -> None:
        """Show a message box; ``error`` is announced at once, ``status`` and ``info`` politely."""
        self.show(html.message(text, kind) if text else "")


def wide() -> w.Layout:
    """Return a layout of its own for a control that fills its column; a shared one would change everywhere at once."""
    return w.Layout(width="auto")


def heading(text: str, level: int = 2) -> Html:
    """Return a heading."""
    made = Html()
    made.show(f'<div class="xrai"><h{level} class="xrai-heading">{escape(text)}</h{level}></div>')
    return made


def guarded(method: Method) -> Method:
    """Show what a callback raises in the component's ``message`` instead of losing it.

    A widget's callback runs outside any cell: no one would see an exception there.
    """

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except (ValueError, TypeError) as error:
            self.message.say(str(error))
        except Exception as error:
            error_id = secrets.token_hex(4)
            logger.exception("error %s in a callback of %s", error_id, type(self).__name__)
            self.message.say(f"{type(error).__name__}: {error} (error {error_id} in the log)")
        return None

    return call  # type: ignore[return-value]
