"""A process that reads the files it is told of, one per line, and says how each of them ended."""

import sys
import warnings
from pathlib import Path


def main() -> None:
    from xrai_widgets.io.csv_format import CsvFormat
    from xrai_widgets.io.summaries import look_at_model, look_at_table
    from xrai_widgets.io.table_files import TABLES

    warnings.simplefilter("ignore")
    for line in sys.stdin:
        path, *style = line.rstrip("\n").split("\x1f")
        try:
            if path.endswith(TABLES):
                look_at_table(Path(path), CsvFormat(*(part or None for part in style)))
            else:
                look_at_model(Path(path))
        except ValueError as error:
            verdict = "refused" if str(error) and "\n" not in str(error) else f"no clear message: {error!r}"
        except BaseException as error:  # noqa: BLE001 - anything else is what the test looks for
            verdict = f"raised {error!r}"
        else:
            verdict = "read"
        print("\x1e" + " ".join(verdict.split()), flush=True)


if __name__ == "__main__":
    main()
