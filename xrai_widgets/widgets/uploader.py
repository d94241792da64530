"""A file from the user's browser, in slices that are acknowledged one by one."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from xrai_widgets.io.uploads import LIMIT, SLICE, Upload

_HERE = Path(__file__).parent
_STALE = 15.0  # seconds without a slice, after which another file may take the place


class Uploader(anywidget.AnyWidget):
    """A field for one file.

    The browser sends slices of 1 MiB and waits for their acknowledgement, so that a large file neither breaks the
    connection nor blocks the page. The size is checked in the browser and here.

    Parameters
    ----------
    label : str
        What is asked for.
    endings : sequence of str
        Allowed endings of the file's name.
    check : callable, optional
        Gets the file's name before anything is sent, and raises ValueError if it will not do.
    limit : int
        Most bytes; 200 MB by default.

    Attributes
    ----------
    upload : Upload or None
        The file that arrived. It is removed once another one takes its place, or this widget is no longer used.
    error : str
        What is wrong with the file; shown beside it.
    note : str
        What the file turned out to be; shown beside it.
    """

    _esm = _HERE / "uploader.js"
    _css = _HERE / "uploader.css"
    label = traitlets.Unicode().tag(sync=True)
    endings = traitlets.List(traitlets.Unicode()).tag(sync=True)
    limit = traitlets.Int(LIMIT).tag(sync=True)
    slice_bytes = traitlets.Int(SLICE).tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    upload = traitlets.Instance(Upload, allow_none=True)

    def __init__(
        self,
        label: str,
        endings: Sequence[str],
        check: Callable[[str], None] | None = None,
        limit: int = LIMIT,
        **kwargs: Any,
    ) -> None:
        super().__init__(label=label, endings=list(endings), limit=limit, **kwargs)
        self._check = check
        self._coming: Upload | None = None
        self._key = ""
        self._heard = 0.0
        self.on_msg(self._hear)

    def remove(self) -> None:
        """Remove the file that arrived, and what is on its way."""
        self._drop()
        old, self.upload = self.upload, None
        self.name = self.note = self.error = ""
        if old is not None:
            old.close()

    def _hear(self, _: Any, content: Any, buffers: Sequence[Any] | None) -> None:
        key = content.get("id") if isinstance(content, dict) else None
        key = key if isinstance(key, str) else ""
        try:
            self._obey(content, key, list(buffers or []))
        except ValueError as error:
            if key and key == self._key:
                self._drop()
            self.send({"kind": "refused", "id": key, "message": str(error)})

    def _obey(self, content: Any, key: str, buffers: list[Any]) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "remove":
            self.remove()
        elif kind == "cancel" and key and key == self._key:
            self._drop()
        elif kind == "begin":
            self._begin(content, key)
        elif kind == "slice":
            self._add(content, key, buffers)
        elif kind != "cancel":
            raise ValueError(f"a message must be one of begin, slice, cancel, remove, got {kind!r}")

    def _begin(self, content: dict[str, Any], key: str) -> None:
        if not key:
            raise ValueError("an upload must have an id")
        if self._coming is not None and time.monotonic() - self._heard < _STALE:
            raise ValueError(f"{self._coming.name} is still being uploaded here: wait until it is done, or cancel it")
        coming = Upload(content.get("name"), content.get("size"), self.limit)  # type: ignore[arg-type]
        if self._check is not None:
            try:
                self._check(coming.name)
            except ValueError:
                coming.close()
                raise
        self._drop()
        self._coming, self._key, self._heard = coming, key, time.monotonic()
        self._acknowledge()

    def _add(self, content: dict[str, Any], key: str, buffers: list[Any]) -> None:
        if self._coming is None or key != self._key:
            raise ValueError("this upload was cancelled, or another file took its place: choose the file again")
        if len(buffers) != 1:
            raise ValueError(f"a slice must come as one buffer, got {len(buffers)}")
        self._coming.add(content.get("offset"), buffers[0])  # type: ignore[arg-type]
        self._heard = time.monotonic()
        self._acknowledge()

    def _acknowledge(self) -> None:
        coming = self._coming
        assert coming is not None
        self.send({"kind": "received", "id": self._key, "bytes": coming.received})
        if coming.complete:
            old = self.upload
            self._coming, self._key = None, ""
            self.error = self.note = ""
            self.name = coming.name
            self.upload = coming
            if old is not None:
                old.close()

    def _drop(self) -> None:
        if self._coming is not None:
            self._coming.close()
        self._coming, self._key = None, ""

    def __repr__(self) -> str:
        return f"Uploader({self.label!r}, {self.upload!r})"
