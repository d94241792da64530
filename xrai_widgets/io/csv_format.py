"""How a CSV file is written: detected from its text where that is sure, asked for where it is not."""

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|")
DECIMALS = (".", ",")
ENCODINGS = ("utf-8", "cp1252", "latin-1", "iso8859-15", "cp1250", "cp1251", "utf-16", "shift_jis", "gb18030")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_LOOK = 2000  # records
_WORDS = {"\t": "tab"}
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:(?:\.\d{3})+,\d+|(?:,\d{3})+\.\d+|(?:\.\d{3}){2,}|(?:,\d{3}){2,})")
_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")
_POINT = re.compile(r"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?")
_WHOLE = re.compile(r"[-+]?\d+(?:[eE][-+]?\d+)?")
_EMPTY = {"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A"}
_SEP = re.compile(r'\ufeff?"?sep=([,;\t|])"?[ \t]*(?:\r\n|\n|\r)', re.IGNORECASE)
_EITHER = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class CsvFormat:
    """How a CSV file is written; None stands for what is to be detected from the file.

    Parameters
    ----------
    delimiter : {",", ";", tab, "|"}, optional
    decimal : {".", ","}, optional
    encoding : str, optional
        Any name that Python knows.
    """

    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("delimiter", self.delimiter, DELIMITERS),
            ("decimal", self.decimal, DECIMALS),
        ):
            if value is not None and value not in allowed:
                raise ValueError(f"{name} must be one of {' '.join(map(repr, allowed))}, got {value!r}")
        if self.encoding is not None:
            try:
                codec = codecs.lookup(self.encoding)
            except (LookupError, ValueError):
                codec = None
            if codec is None or not getattr(codec, "_is_text_encoding", True):
                raise ValueError(
                    f"encoding must be one that Python knows ({', '.join(ENCODINGS)}, …), got {self.encoding!r}"
                )


def detect(raw: bytes, wanted: CsvFormat) -> tuple[str, CsvFormat]:
    """Return the text of a CSV file and how it is written.

    The delimiter is the one that splits the header and every record looked at into the same number of fields. Cells
    such as ``1,5`` in a whole column are decimal commas; ``1,500`` could be one and a half or one thousand five
    hundred, and is asked for.

    Raises
    ------
    ValueError
        naming the option to set where the file can be read in more than one way.
    """
    text, encoding = _text(raw, wanted.encoding)
    text, separator = _without_sep(text)
    delimiter = wanted.delimiter or separator or _delimiter(text)
    records = list(itertools.islice(_records(text, delimiter), _LOOK))
    if not records:
        raise ValueError("it is empty")
    doubled = next((name for name, times in Counter(records[0]).items() if times > 1), None)
    if doubled is not None:
        raise ValueError(f"its header must name every column differently, got {doubled!r} more than once")
    for number, record in enumerate(records, start=1):
        if len(record) != len(records[0]):
            raise ValueError(
                f"record {number} has {len(record)} fields and the header has {len(records[0])}, separated by "
                f"{_named(delimiter)}: if that is not the delimiter, set the option delimiter"
            )
    decimal = wanted.decimal or _decimal(records)
    return text, CsvFormat(delimiter, decimal, encoding)


def _text(raw: bytes, encoding: str | None) -> tuple[str, str]:
    if encoding is None:
        encoding = next((name for mark, name in _BOMS if raw.startswith(mark)), "utf-8")
        advice = f": it is not UTF-8, so set the option encoding to what it is, such as {', '.join(ENCODINGS[1:4])}"
    else:
        advice = ": set the option encoding to another one"
    try:
        text = raw.decode(encoding)
    except (UnicodeError, ValueError) as error:
        where = getattr(error, "start", 0)
        raise ValueError(f"its text is not {encoding} (byte {where}){advice}") from None
    if "\0" in text:
        raise ValueError(
            "it holds zero bytes, so it is no text: is it another kind of file, or UTF-16 (option encoding)?"
        )
    return text, encoding


def _without_sep(text: str) -> tuple[str, str | None]:
    """Return the text without the line ``sep=;`` with which Excel says the delimiter, and the delimiter."""
    match = _SEP.match(text)
    return (text[match.end() :], match[1]) if match else (text, None)


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        try:
            record = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"line {rows.line_num}: {error}") from None
        if record:
            yield record


def _delimiter(text: str) -> str:
    fits, tried = [], []
    for candidate in DELIMITERS:
        records = list(itertools.islice(_records(text, candidate), _LOOK))
        widths = {len(record) for record in records}
        if records and len(records[0]) > 1:
            tried.append(candidate)
            if len(widths) == 1:
                fits.append(candidate)
    if len(fits) > 1:
        raise ValueError(
            f"its columns could be separated by {' or '.join(map(_named, fits))}: set the option delimiter"
        )
    return (fits or tried or [","])[0]


def _decimal(records: list[list[str]]) -> str:
    commas, points = [], []
    for name, *cells in zip(*records, strict=True):
        filled = [cell.strip() for cell in cells if cell.strip() not in _EMPTY]
        odd = next((cell for cell in filled if _THOUSANDS.fullmatch(cell)), None)
        if odd is not None and all(re.fullmatch(r"[-+]?[\d.,]+", cell) for cell in filled):
            raise ValueError(f"the column {name!r} has separators of thousands, such as {odd}: write numbers without")
        some = [cell for cell in filled if _COMMA.fullmatch(cell)]
        if some and len(some) + sum(bool(_WHOLE.fullmatch(cell)) for cell in filled) == len(filled):
            commas.append((name, some))
        elif any(_POINT.fullmatch(cell) for cell in filled):
            points.append(name)
    if not commas:
        return "."
    if points:
        raise ValueError(
            f"the column {commas[0][0]!r} has decimal commas, such as {commas[0][1][0]}, and {points[0]!r} has decimal "
            "points: set the option decimal to the one that is meant"
        )
    if all(_EITHER.fullmatch(cell) for _, some in commas for cell in some):
        name, some = commas[0]
        raise ValueError(
            f"{some[0]} in the column {name!r} could have a decimal comma or a separator of thousands: set the option "
            "decimal to ',' if it is a decimal comma; if not, write numbers without separators"
        )
    return ","


def _named(delimiter: str) -> str:
    return _WORDS.get(delimiter, repr(delimiter))
