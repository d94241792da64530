"""The bands of an image's spectrum, and images whose bands come from elsewhere."""

from typing import Literal

import numpy as np

from xrai_widgets.core import Array

Shells = Literal["linf", "l2"]
BANDS = 8  # where nobody says how many, and the image has room for them
_EDGE = 1e-9  # a frequency on the edge between two bands belongs to the higher one, whatever the rounding


def band_of(height: int, width: int, bands: int, shells: Shells) -> Array:
    """Return to which of the bands each frequency of a real transform belongs, as ints (height, width // 2 + 1).

    Bands are shells of equal width of the largest (linf) or the Euclidean (l2) frequency from 0 to half of the sampling
    rate; what lies beyond, in the corners of l2, belongs to the highest. They depend on the size of the frequency
    alone, so that a band of a real image is a real image.
    """
    down, across = np.abs(np.fft.fftfreq(height))[:, None], np.fft.rfftfreq(width)[None]
    radius = np.maximum(down, across) if shells == "linf" else np.hypot(down, across)
    made: Array = np.minimum((2 * radius * bands + _EDGE).astype(np.intp), bands - 1)
    return made


def most_bands(height: int, width: int) -> int:
    """Return how many bands an image has room for: each is two pixels wide in the spectrum, or more."""
    return min(height, width) // 2


def band_images(images: Array, place: Array, bands: int) -> Array:
    """Return the bands of images (n, c, h, w) as images (n, bands, c, h, w), in single precision; they add up to it.

    Parameters
    ----------
    place : int array (h, w // 2 + 1)
        Of `band_of`.
    """
    from scipy import fft

    spectrum = fft.rfft2(images.astype(np.float32))
    made = np.empty((len(images), bands, *images.shape[1:]), dtype=np.float32)
    for band in range(bands):
        made[:, band] = fft.irfft2(np.where(place == band, spectrum, 0), s=images.shape[2:])
    return made


def band_power(images: Array, place: Array, bands: int) -> Array:
    """Return the power of each band (bands,), summed over images (n, c, h, w): the sum over bands is that of squares.

    Parameters
    ----------
    place : int array (h, w // 2 + 1)
        Of `band_of`.
    """
    from scipy import fft

    height, width = images.shape[2:]
    power = np.square(np.abs(fft.rfft2(images))).sum(axis=(0, 1)) / (height * width)
    twice = np.full(power.shape[1], 2.0)  # a real transform leaves out what mirrors the columns between
    twice[0] = 1.0
    if width % 2 == 0:
        twice[-1] = 1.0
    made: Array = np.bincount(place.ravel(), (power * twice).ravel(), bands)
    return made
