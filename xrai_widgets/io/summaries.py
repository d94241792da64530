"""What stands in a model file or a table, in a few words: enough to ask for the roles of the columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.io.model_files import read_model
from xrai_widgets.io.picture_files import as_seen, open_picture, resized
from xrai_widgets.io.pictures import batch_names
from xrai_widgets.io.table_files import read_table
from xrai_widgets.models.booster_files import BoosterFile
from xrai_widgets.models.networks import Network
from xrai_widgets.models.onnx_session import OnnxModel

_SIDE = 320  # pixels of a picture that is only looked at
_FEW = 100  # different values that a target of classes may have
_IDS = {"", "id", "ids", "index", "unnamed: 0", "row", "row_id", "uid", "uuid", "key"}
_TARGETS = ("target", "label", "y", "class", "outcome", "response")


@dataclass(frozen=True)
class ModelSummary:
    """What kind of model it is, and where it says so the columns it takes and the classes it distinguishes."""

    kind: str
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableColumn:
    """One column: its name, ``numbers`` or ``text``, how many different values and how many empty cells.

    Where they are few, ``values`` are those that are different.
    """

    name: str
    kind: str
    distinct: int
    empty: int
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableSummary:
    """Rows and columns of a table."""

    rows: int
    columns: tuple[TableColumn, ...]

    def guess(
        self, features: tuple[str, ...], classes: tuple[str, ...] = (), target: str = ""
    ) -> tuple[str, str, tuple[str, ...]]:
        """Return what the target, the ids and the ignored columns probably are.

        Parameters
        ----------
        features, classes : tuple of str
            What the model says of itself: a target holds its classes, and the model does not take it.
        target : str
            If it was computed already.
        """
        names = [column.name for column in self.columns]
        free = [name for name in names if name not in features and name != target]
        sure = bool(features) and set(features) <= set(names)
        ids = next((c.name for c in self.columns if c.name in free and self._names_rows(c, sure)), "")
        free = [name for name in free if name != ids]
        if not target:
            held = {c.name for c in self.columns if c.values and set(c.values) <= set(classes)}
            likely = [name for name in free if name in held] or free
            by_name = next((name for word in _TARGETS for name in likely if name.lower() == word), "")
            target = by_name or (likely[-1] if likely else "")
        return target, ids, tuple(name for name in free if name != target) if sure else ()

    def _names_rows(self, column: TableColumn, sure: bool) -> bool:
        named = column.name.lower().strip() in _IDS or (sure and column.kind == "text")
        return column.distinct == self.rows > 2 and named


@dataclass(frozen=True)
class PictureSummary:
    """How many pictures there are, and in which first folders."""

    count: int
    folders: tuple[str, ...]


def look_at_pictures(path: Path) -> PictureSummary:
    """Tell which pictures stand in a batch; none is opened."""
    names = batch_names(path)
    return PictureSummary(len(names), tuple(sorted({name.partition("/")[0] for name in names if "/" in name})))


@dataclass(frozen=True, eq=False)
class InputPicture:
    """One picture, and what a model would see of it.

    Parameters
    ----------
    size : (height, width)
    coloured : bool
    small : uint8 array (height, width) or (height, width, 3)
        For people, scaled down.
    seen : mapping of (cropped, inverted) to array (channels, height, width)
        Cropped to the middle, or all of it, squeezed.
    """

    size: tuple[int, int]
    coloured: bool
    small: Array
    seen: Mapping[tuple[bool, bool], Array]

    @property
    def inside(self) -> tuple[int, int]:
        """Height and width that the model sees."""
        height, width = next(iter(self.seen.values())).shape[1:]
        return int(height), int(width)

    @property
    def longer(self) -> bool:
        """Whether it has another form than what the model sees, so that cropping changes it."""
        (height, width), (rows, columns) = self.size, self.inside
        return middle(self.size, (rows, columns)) != (0, 0, width, height)


def look_at_picture(path: Path, shape: Sequence[int], scale: tuple[float, float]) -> InputPicture:
    """Open a picture and bring it to the shape (channels, height, width) and scale of a model.

    Raises
    ------
    ValueError
        naming a picture that is too large, broken or of another kind.
    """
    pixels = open_picture(path)
    height, width = pixels.shape[:2]
    box = middle((height, width), (shape[1], shape[2]))
    boxes = {True: box, False: (0, 0, width, height)}
    seen = {
        (crop, invert): as_seen(pixels, shape, scale, box=boxes[crop], invert=invert)
        for crop in (True, False)
        for invert in (True, False)
    }
    share = min(1.0, _SIDE / max(height, width))
    small = resized(pixels, (max(1, round(share * height)), max(1, round(share * width))))
    return InputPicture((height, width), pixels.ndim == 3, small, seen)


def middle(size: tuple[int, int], like: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the largest box (left, top, right, bottom) in the middle of a picture that has another one's form."""
    (height, width), (rows, columns) = size, like
    wide = min(width, max(1, round(height * columns / rows)))
    high = min(height, max(1, round(width * rows / columns)))
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high


def look_at_model(path: Path) -> ModelSummary:
    """Read a model and say what it is."""
    model = read_model(path)
    if isinstance(model, OnnxModel):
        inputs = tuple(model.inputs)
        return ModelSummary("ONNX model", inputs if len(inputs) > 1 else ())
    if isinstance(model, BoosterFile):
        return ModelSummary(f"booster of {model.library}", model.features)
    network = getattr(model, "network", None)
    if isinstance(network, Network):
        return ModelSummary(f"torch network ({network.kind})", network.features)
    features = getattr(model, "feature_names_in_", ())
    final = model.steps[-1][1] if hasattr(model, "steps") else model
    kind = f"{type(final).__name__}{' in a pipeline' if final is not model else ''}"
    classes = getattr(model, "classes_", ())
    one_output = isinstance(classes, np.ndarray) and classes.ndim == 1
    return ModelSummary(kind, tuple(map(str, features)), _words(classes) if one_output else ())


def look_at_table(path: Path, style: CsvFormat) -> TableSummary:
    """Read a table and say what its columns are."""
    frame = read_table(path, style)
    columns = tuple(
        TableColumn(
            str(name),
            "numbers" if frame[name].dtype.kind in "iufb" else "text",
            int(frame[name].nunique()),
            int(frame[name].isna().sum()),
            _words(frame[name].dropna().unique()[: _FEW + 1]),
        )
        for name in frame.columns
    )
    return TableSummary(len(frame), columns)


def _words(values: Any) -> tuple[str, ...]:
    """Return different values as text, 1.0 as 1; none where there are many."""
    texts = [str(int(v)) if isinstance(v, float | np.floating) and float(v).is_integer() else str(v) for v in values]
    return tuple(texts) if len(texts) <= _FEW else ()
