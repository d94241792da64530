"""What no page may do, of any test: ask another machine for something, or end a script with an error."""

from playwright.sync_api import BrowserContext, Page

LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")
_seen: list[str] = []


def watched(context: BrowserContext) -> BrowserContext:
    """Return a browser context whose pages are watched as long as it lives."""
    context.set_default_timeout(120_000)  # of clicks, downloads and all that is no expectation
    context.on("request", lambda r: _seen.append(f"outside: {r.url}") if not r.url.startswith(LOCAL) else None)
    context.on("weberror", lambda error: _seen.append(f"error: {error.error}") if _ours(str(error.error)) else None)
    return context


def _ours(error: str) -> bool:
    """Whether an error is more than the end of a widget that was closed before it had loaded.

    anywidget says so two seconds later; pages of the gallery keep it from that, JupyterLab's cannot.
    """
    return "[anywidget] Failed to initialize model" not in error


def seen() -> list[str]:
    """Return what pages did that they may not, and forget it: the next test is not to blame."""
    events = [*_seen]
    _seen.clear()
    return events


def leave(page: Page) -> None:
    """Leave a page, so that it says farewell to its kernel.

    Closing a context says none: the seats of the gallery would fill up.
    """
    if not page.is_closed():
        page.goto("about:blank")
