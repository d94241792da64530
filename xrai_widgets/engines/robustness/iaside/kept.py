"""A few images with their lowest bands alone, and what the model says of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Names
from xrai_widgets.engines.robustness._bands import band_images
from xrai_widgets.engines.robustness.iaside.reader import Reader

MOST_SHOWN = 16
_BYTES = 130_000  # of all pictures together
_SIDE = 32  # pixels, to which the shorter side of a larger image is brought


@dataclass(frozen=True, eq=False)
class Kept:
    """Pictures and what is said of them.

    Parameters
    ----------
    frames : uint8 array (n, M, c, h, w)
        Bands 1 to k of each image, for each k.
    table : DataFrame
        ``id, label, bands_kept, predicted, probability, label_probability``; a row for each frame, in their order.
    """

    frames: Array
    table: pd.DataFrame


def kept_bands(images: Array, y: Array, ids: Array, reader: Reader, naming: Names) -> Kept:
    """Return images with bands 1 to k, the others removed, and what the model says of each."""
    low, high = float(images.min()), float(images.max())
    smaller = max(1, min(images.shape[2:]) // _SIDE)
    pixels = images.shape[1] * (images.shape[2] // smaller) * (images.shape[3] // smaller)
    n = max(1, min(MOST_SHOWN, len(images), _BYTES // (reader.bands * pixels)))
    frames, rows = [], []
    for place in range(n):
        grown = np.cumsum(band_images(images[place : place + 1], reader.place, reader.bands)[0], axis=0)
        reader.look()
        scores = reader.probabilities(grown)
        frames.append(_smaller(grown, smaller))
        names = naming.of_classes(scores.shape[1]) if scores.shape[1] > y[place] else ()
        for band, line in enumerate(scores):
            finite = bool(np.isfinite(line).all()) and len(names) > 0
            top = int(line.argmax()) if finite else 0
            row = {"id": str(ids[place]), "label": names[int(y[place])] if finite else "", "bands_kept": band + 1}
            row |= {"predicted": names[top] if finite else "nothing", "probability": line[top] if finite else np.nan}
            rows.append(row | {"label_probability": line[int(y[place])] if finite else np.nan})
    scaled = (np.stack(frames) - low) / (high - low or 1.0)
    return Kept(np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8), pd.DataFrame(rows))


def _smaller(images: Array, by: int) -> Array:
    """Return images each pixel of which is the mean of by × by."""
    height, width = (side // by for side in images.shape[2:])
    cut = images[:, :, : height * by, : width * by]
    mean: Array = cut.reshape(*images.shape[:2], height, by, width, by).mean(axis=(3, 5))
    return mean
