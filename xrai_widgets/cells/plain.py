"""The plain parts of a subject, out of a cell: a pickle that can make arrays, columns and text, and nothing else."""

import io
import pickle
import sys
from typing import Any

# what the parts of a subject and the summaries of a file are made of; nothing here does anything when it is made
_MODULES = {
    "xrai_widgets.models.frame": None,
    "xrai_widgets.core.constraint": {"Constraint"},
    "xrai_widgets.core.inside": {"Layers", "Trees"},
    "xrai_widgets.cells.plain": {"remade_index", "remade_category"},
    "xrai_widgets.io.summaries": {"InputPicture", "ModelSummary", "PictureSummary", "TableColumn", "TableSummary"},
    "numpy": {"ndarray", "dtype"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "numpy.core.numeric": {"_frombuffer"},
    "datetime": {"datetime", "date", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "collections": {"OrderedDict"},
}
_PANDAS = {
    "_new_Index",
    "_unpickle_timestamp",
    "NAType",
    "NA",
    "NaT",
    "_C_NA",
    "_nat_unpickle",
    "Timestamp",
    "Timedelta",
}


def remade_index(values: list[Any], dtype: str) -> Any:
    """Return an index of these values."""
    import pandas as pd

    return pd.Index(values, dtype=dtype)


def remade_category(values: Any, ordered: bool) -> Any:
    """Return a type of categories."""
    import pandas as pd

    return pd.CategoricalDtype(values, ordered)


class _Plain(pickle.Pickler):
    """Writes an index as its values: what holds them may be memory of a library that no one should trust."""

    def reducer_override(self, value: Any) -> Any:
        import pandas as pd

        if isinstance(value, pd.CategoricalDtype):
            return remade_category, (value.categories, value.ordered)
        if isinstance(value, pd.Index) and not isinstance(value, pd.MultiIndex):
            return remade_index, (value.tolist(), str(value.dtype))
        return NotImplemented


def plainly(value: Any) -> bytes:
    """Pickle the parts of a subject, so that `careful` can read them."""
    made = io.BytesIO()
    _Plain(made, protocol=5).dump(value)
    return made.getvalue()


class _Careful(pickle.Unpickler):
    """Makes arrays and the plain parts of a subject, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        names = _MODULES.get(module, ())
        pandas = module.partition(".")[0] == "pandas" and module in sys.modules
        if "." not in name and (pandas or names is None or name in names):
            loaded = super().find_class(module, name)
            if (pandas and (name in _PANDAS or _is_plain(loaded))) or (names is None and isinstance(loaded, type)):
                return loaded
            if not pandas and names is not None:
                return loaded
        raise pickle.UnpicklingError(f"the cell may not send {module}.{name}")


def _is_plain(kind: Any) -> bool:
    """Whether it is a type of columns or of their names."""
    import pandas as pd

    return isinstance(kind, type) and issubclass(kind, pd.api.extensions.ExtensionDtype | pd.Index)


def careful(data: bytes | bytearray) -> Any:
    """Unpickle what came out of a cell: arrays, numbers, text, and the plain parts of a subject.

    Raises
    ------
    pickle.UnpicklingError
        for anything else.
    """
    return _Careful(io.BytesIO(data)).load()
