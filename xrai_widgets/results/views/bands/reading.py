"""What a run kept of images with bands 1 to k: pictures, and what the model says of each."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xrai_widgets.core import Finding
from xrai_widgets.results.words import number

_COLUMNS = {"id", "label", "bands_kept", "predicted", "probability", "label_probability"}


@dataclass(frozen=True)
class Frames:
    """Pictures and sentences.

    Parameters
    ----------
    pictures : uint8 array (n, M, h, w) or (n, M, h, w, 3)
        Grey or coloured.
    ids : list of str
    captions : list of list of str
        For each image and number of bands what the model predicts.
    """

    pictures: npt.NDArray[np.uint8]
    ids: list[str]
    captions: list[list[str]]


def has_frames(finding: Finding) -> bool:
    """Return whether a finding holds pictures of images with their lowest bands, and what is said of them."""
    frames, table = finding.arrays.get("frames"), finding.tables.get("kept")
    if frames is None or table is None or "bands" not in finding.tables:
        return False
    return set(table) >= _COLUMNS and frames.ndim == 5 and len(table) == frames.shape[0] * frames.shape[1]


def frames_of(finding: Finding) -> Frames:
    """Return the pictures with their captions.

    Raises
    ------
    ValueError
        if the finding holds none.
    """
    if not has_frames(finding):
        raise ValueError("the finding has no pictures of bands: that of robustness.iaside has them")
    frames, table = finding.arrays["frames"], finding.tables["kept"]
    bands, channels = frames.shape[1:3]
    grey = channels != 3
    pictures = frames.mean(axis=2).round() if grey else frames.transpose(0, 1, 3, 4, 2)
    ends = finding.tables["bands"]["to_frequency"].astype(float).tolist()
    captions: list[list[str]] = []
    for place, row in enumerate(table.to_dict("records")):
        kept = int(row["bands_kept"])
        which = "All bands" if kept == bands else f"Band 1 of {bands}" if kept == 1 else f"Bands 1 to {kept} of {bands}"
        below = "" if kept == bands else f", below {number(ends[kept - 1])} cycles per pixel"
        if place % bands == 0:
            captions.append([])
        if row["predicted"] == "nothing":
            captions[-1].append(f"{which}{below}: the model gives nothing.")
            continue
        right = f"; the label {row['label']} has {number(row['label_probability'])}"
        captions[-1].append(
            f"{which}{below}: predicted {row['predicted']} with probability {number(row['probability'])}"
            f"{right if row['predicted'] != row['label'] else ', rightly'}."
        )
    ids = [str(name) for name in table["id"].tolist()[::bands]]
    return Frames(np.ascontiguousarray(pictures, dtype=np.uint8), ids, captions)
