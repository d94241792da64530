"""A picture for a model: uploaded, cropped, inverted, as the model sees it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as w
import numpy as np
import traitlets

from xrai_widgets.core import Array, Subject
from xrai_widgets.io.picture_files import MOST_FILE, scale_of
from xrai_widgets.io.pictures import BATCH_ENDINGS
from xrai_widgets.io.summaries import InputPicture
from xrai_widgets.results.exposed import png
from xrai_widgets.results.views.foreign import html
from xrai_widgets.results.words import number
from xrai_widgets.runtime import Job, trial
from xrai_widgets.widgets.parts import Html, wide
from xrai_widgets.widgets.session import Change
from xrai_widgets.widgets.uploader import Uploader


class PictureInput(w.VBox):  # type: ignore[misc]
    """Bring a picture to the size, channels and scale of a model's.

    The file is opened in a process of its own. Light and dark change places by themselves where the picture is lighter
    or darker than all of the model's own, and would not be the other way round.

    Parameters
    ----------
    subject : Subject
        Of pictures.

    Attributes
    ----------
    sample : array (channels, height, width) or None
        What the model sees.
    """

    sample: Any = traitlets.Any(None)

    def __init__(self, subject: Subject, **kwargs: Any) -> None:
        assert subject.image_shape is not None
        self._shape = subject.image_shape
        like = subject.X if subject.X_train is None else subject.X_train
        self._scale = scale_of(like)
        means = like.reshape(len(like), -1).mean(axis=1, dtype=np.float64)
        self._means = float(means.min()), float(means.max())
        self._picture: InputPicture | None = None
        self._sample: Array | None = None  # a sample of the model's, shown in place of a file
        self._job: Job[InputPicture] | None = None
        self._setting = False
        self.field = Uploader("picture", list(BATCH_ENDINGS), _check_name, MOST_FILE)
        self.crop = w.Checkbox(description="crop to the middle", value=True, indent=False, layout=wide())
        self.invert = w.Checkbox(description="invert", indent=False, layout=wide())
        self.crop.tooltip, self.invert.tooltip = "else all of it is squeezed", "light for dark"
        self.why, self.shown = Html(), Html()
        self._how = w.VBox([self.crop, self.invert, self.why])
        super().__init__([self.field, self._how, self.shown], **kwargs)
        self._how.layout.display = "none"
        if self._shape[0] not in (1, 3, 4):
            self.field.layout.display = "none"
            self.shown.say(
                f"The model takes pictures of {self._shape[0]} channels, which a file does not have: choose one of its "
                "own samples.",
                "info",
            )
        self.field.observe(self._came, "upload")
        self.crop.observe(self._cropped, "value")
        self.invert.observe(self._show, "value")

    def start(self, sample: Array) -> None:
        """Take one of the model's own samples (channels, height, width) in place of a file."""
        self._sample = np.asarray(sample)
        self._how.layout.display = "none"
        self._draw(self._sample, [])

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the file is read, in scripts and tests; return whether it is."""
        return self._job is None or self._job.wait(timeout)

    @property
    def size(self) -> str:
        """What the model takes, in words."""
        channels, height, width = self._shape
        return f"{height} × {width} pixels, {'grey' if channels == 1 else 'in colour'}"

    def _came(self, _: Change) -> None:
        if self._job is not None:
            self._job.cancel()
        self._clear()
        upload = self.field.upload
        if upload is None:
            self._job = None
            return
        self.field.note = "reading …"

        def hear(job: Job[InputPicture]) -> None:
            if job is self._job:  # else another file took its place
                self._read(job)

        # the job holds the upload: its file stays while it is read
        self._job = Job(self._opening(upload.path), hear)
        self._job.start()

    def _clear(self) -> None:
        """Show nothing: what was there belongs to another file."""
        self._picture = self._sample = self.sample = None
        self._how.layout.display = "none"
        self.shown.show("")

    def _opening(self, path: Path) -> Callable[[Job[InputPicture]], InputPicture]:
        upload = self.field.upload

        def work(job: Job[InputPicture]) -> InputPicture:
            assert upload is not None
            return trial.try_picture(path, self._shape, self._scale, job.cancel_event)

        return work

    def _read(self, job: Job[InputPicture]) -> None:
        self.field.note = ""
        if job.error is not None or job.result is None:
            self.field.error = str(job.error)
            return
        self._picture, self._sample = job.result, None
        height, width = self._picture.size
        colour = "in colour" if self._picture.coloured else "grey"
        self.field.note = f"{height} × {width} pixels, {colour}"
        self._how.layout.display = ""
        self.crop.layout.display = "" if self._picture.longer else "none"
        self._offer()

    def _cropped(self, _: Change) -> None:
        if self._picture is not None and self._sample is None:
            self._offer()

    def _offer(self) -> None:
        """Turn light and dark round where that is asked for by the picture itself, and say why."""
        assert self._picture is not None
        plain, turned = (float(self._picture.seen[self.crop.value, side].mean()) for side in (False, True))
        (low, high), usual = self._means, f"{number(self._means[0])} to {number(self._means[1])}"
        strange = not low <= plain <= high
        offered = strange and low <= turned <= high
        if not strange:
            reason = ""
        else:
            word = "lighter" if plain > high else "darker"
            reason = f"The picture is {word} than all training pictures (mean {number(plain)}; theirs {usual})"
            reason += ": it is inverted, which can be undone." if offered else ", and would be outside inverted, too."
        self.why.say(reason, "status")
        self._setting = True
        self.invert.value = offered
        self._setting = False
        self._show()

    def _show(self, _: Change | None = None) -> None:
        if self._setting or self._picture is None or self._sample is not None:
            return
        picture = self._picture
        sample = np.asarray(picture.seen[self.crop.value, self.invert.value])
        small = picture.small if picture.small.ndim == 3 else picture.small[:, :, None]
        height, width = picture.size
        original = png(np.moveaxis(small, -1, 0), (0.0, 255.0)), f"Original, {height} × {width}", "the uploaded picture"
        self._draw(sample, [original])

    def _draw(self, sample: Array, before: list[tuple[str, str, str]]) -> None:
        done = ["cropped"] * (self.crop.value and bool(before) and self._longer()) + ["inverted"] * (
            self.invert.value and bool(before)
        )
        channels, height, width = self._shape
        caption = f"As the model sees it, {height} × {width}{' ' + 'grey' if channels == 1 else ''}"
        how = f"; {', '.join(done)}" if done else ""
        seen = png(sample, self._scale), caption + how, "the picture as the model sees it"
        self.shown.show(html.pictures([*before, seen]))
        self.sample = sample

    def _longer(self) -> bool:
        return self._picture is not None and self._picture.longer

    def __repr__(self) -> str:
        return f"PictureInput({self.size})"


def _check_name(name: str) -> None:
    if not name.lower().endswith(BATCH_ENDINGS):
        raise ValueError(f"{name} must be a picture ({', '.join(BATCH_ENDINGS)})")
