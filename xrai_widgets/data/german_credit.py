"""The Statlog German credit data, in words (CC BY 4.0, H. Hofmann 1994, doi:10.24432/C5NC77; see README.md here)."""

import json
from importlib import resources

import pandas as pd

from xrai_widgets.core import Constraint
from xrai_widgets.io.table_files import read_table

# what no one can change about themselves to get another decision
FIXED = {name: Constraint(immutable=True) for name in ("age", "personal_status_sex", "foreign_worker")}


def german_credit() -> tuple[pd.DataFrame, pd.Series]:
    """Return 1000 applicants with 20 columns, and whether their credit turned out "good" or "bad"."""
    folder = resources.files("xrai_widgets.data")
    codes = json.loads(folder.joinpath("codebook.json").read_text(encoding="utf-8"))
    with resources.as_file(folder.joinpath("german_credit.csv.gz")) as path:
        frame = read_table(path)
    risk = frame.pop("credit_risk").astype(str).map(codes["credit_risk"])
    for column in frame.columns.intersection(list(codes)):
        frame[column] = frame[column].map(codes[column])
    frame.index = pd.Index([f"applicant-{number:04d}" for number in range(1, len(frame) + 1)], name="applicant")
    risk.index = frame.index
    return frame, risk
