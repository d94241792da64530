"""What a cell does with files of strangers; in a module that imports little, for its process starts anew."""

from collections.abc import Sequence
from pathlib import Path

from xrai_widgets.core import Step, Subject
from xrai_widgets.io import summaries
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.io.own_files import OwnFiles


def make(files: OwnFiles, _: Step) -> Subject:
    """Make the subject and ask its model."""
    subject = files.subject()
    assert subject.fingerprint  # asks the model
    return subject


def ask(files: OwnFiles, _: Step) -> None:
    """Make the subject, ask its model, and leave it."""
    assert files.subject().fingerprint


def look_at_model(path: Path, _: Step) -> summaries.ModelSummary:
    """Read a model and say what it is."""
    return summaries.look_at_model(path)


def look_at_table(path: Path, style: CsvFormat, _: Step) -> summaries.TableSummary:
    """Read a table and say what its columns are."""
    return summaries.look_at_table(path, style)


def look_at_pictures(path: Path, _: Step) -> summaries.PictureSummary:
    """Tell which pictures stand in a file."""
    return summaries.look_at_pictures(path)


def look_at_picture(path: Path, shape: Sequence[int], scale: tuple[float, float], _: Step) -> summaries.InputPicture:
    """Open a picture and bring it to the shape and scale of a model."""
    return summaries.look_at_picture(path, shape, scale)
