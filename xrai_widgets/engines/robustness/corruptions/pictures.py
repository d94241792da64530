"""The corruptions of images: what happens to the pixels, at five severities of fixed meaning."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from xrai_widgets.core import Array
from xrai_widgets.engines.robustness.corruptions.warps import along, bent, disk, resized

_STREAM = 163  # of the seed
SIDE = 32  # of the images that the sizes are made for; on larger ones those in pixels grow with the shorter side
NOISE = (0.04, 0.06, 0.08, 0.09, 0.10)  # standard deviation
SHOT = (500, 250, 100, 75, 50)  # photons of a white pixel
IMPULSE = (0.01, 0.02, 0.03, 0.05, 0.07)  # share of the values
BLUR = (0.4, 0.6, 0.7, 0.8, 1.0)  # standard deviation in pixels
MOTION = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))  # length of the half kernel, standard deviation
DEFOCUS = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))  # radius, standard deviation of its edge
CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)  # share that is left
BRIGHTNESS = (0.05, 0.1, 0.15, 0.2, 0.3)  # added to the value
JPEG = (80, 65, 58, 50, 40)  # quality
PIXELATE = (0.95, 0.9, 0.85, 0.75, 0.65)  # side of the coarser grid
ELASTIC = ((0.0, 0.0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03))
OCCLUSION = (0.02, 0.05, 0.1, 0.2, 0.35)  # share of the area
_GREY = 0.5


@dataclass(frozen=True, eq=False)
class Draws:
    """A stream for each image, begun anew for each severity: what is drawn grows with the severity."""

    kind: int
    rows: Array
    seed: int

    def __iter__(self) -> Iterator[np.random.Generator]:
        for row in self.rows.tolist():
            yield np.random.default_rng([self.seed, row, _STREAM, self.kind])

    def each(self, draw: Callable[[np.random.Generator], Array]) -> Array:
        """Return what is drawn for each image, stacked."""
        return np.stack([draw(rng) for rng in self])


def scale_of(images: Array) -> float:
    """Return by what sizes in pixels are multiplied: the shorter side in units of 32 pixels, 1 or more."""
    return max(1.0, float(min(images.shape[2:])) / SIDE)


def _noise(images: Array, draws: Draws, level: int) -> Array:
    return images + NOISE[level] * draws.each(lambda rng: rng.standard_normal(images.shape[1:]))


def _shot(images: Array, draws: Draws, level: int) -> Array:
    photons = SHOT[level]
    return np.stack([rng.poisson(image * photons) / photons for rng, image in zip(draws, images, strict=True)])


def _impulse(images: Array, draws: Draws, level: int) -> Array:
    drawn = draws.each(lambda rng: rng.random((2, *images.shape[1:])))
    return np.where(drawn[:, 0] < IMPULSE[level], np.where(drawn[:, 1] < 0.5, 0.0, 1.0), images)


def _blur(images: Array, _draws: Draws, level: int) -> Array:
    size = BLUR[level] * scale_of(images)
    made: Array = ndimage.gaussian_filter(images, (0, 0, size, size), mode="nearest")
    return made


def _motion(images: Array, draws: Draws, level: int) -> Array:
    length, spread = (scale_of(images) * size for size in MOTION[level])
    angles = draws.each(lambda rng: rng.uniform(-45, 45, 1))[:, 0]
    return np.stack([along(image, length, spread, angle) for image, angle in zip(images, angles, strict=True)])


def _defocus(images: Array, _draws: Draws, level: int) -> Array:
    radius, edge = DEFOCUS[level]
    kernel = disk(radius, edge, scale_of(images))
    made: Array = ndimage.convolve(images, kernel[None, None], mode="mirror")
    return made


def _contrast(images: Array, _draws: Draws, level: int) -> Array:
    middle = images.mean(axis=(2, 3), keepdims=True)
    changed: Array = (images - middle) * CONTRAST[level] + middle
    return changed


def _brightness(images: Array, _draws: Draws, level: int) -> Array:
    """Add to the value of HSV (the largest channel); hue and saturation stay."""
    value = images.max(axis=1, keepdims=True)
    brighter = np.minimum(value + BRIGHTNESS[level], 1.0)
    return np.where(value > 0, images * (brighter / np.where(value > 0, value, 1.0)), brighter)


def _jpeg(images: Array, _draws: Draws, level: int) -> Array:
    """Compress as a colour picture where there are three channels, else each channel as a grey one."""
    from PIL import Image

    whole = np.rint(images * 255).astype(np.uint8)
    layers = whole.transpose(0, 2, 3, 1)[:, None] if whole.shape[1] == 3 else whole
    made = np.empty_like(layers)
    for place in np.ndindex(layers.shape[:2]):
        with io.BytesIO() as file:
            Image.fromarray(layers[place]).save(file, "JPEG", quality=JPEG[level])
            made[place] = np.asarray(Image.open(file))
    back: Array = (made[:, 0].transpose(0, 3, 1, 2) if whole.shape[1] == 3 else made) / 255.0
    return back


def _pixelate(images: Array, _draws: Draws, level: int) -> Array:
    share = PIXELATE[level] / np.sqrt(scale_of(images))
    down, across = (resized(side, max(1, int(side * share))) for side in images.shape[2:])
    up, back = (resized(max(1, int(side * share)), side) for side in images.shape[2:])
    made: Array = (up @ down) @ images @ (back @ across).T
    return made


def _elastic(images: Array, draws: Draws, level: int) -> Array:
    side = float(min(images.shape[2:]))
    shift, smooth, corner = (side * part for part in ELASTIC[level])
    return np.stack([bent(image, shift, smooth, corner, rng) for image, rng in zip(images, draws, strict=True)])


def _occlusion(images: Array, draws: Draws, level: int) -> Array:
    """Cover a grey rectangle of the image's own proportions, anywhere inside."""
    height, width = images.shape[2:]
    tall, wide = (max(1, round(side * OCCLUSION[level] ** 0.5)) for side in (height, width))
    place = draws.each(lambda rng: rng.random(2))
    top = (place[:, 0] * (height - tall + 1)).astype(np.intp)[:, None, None]
    left = (place[:, 1] * (width - wide + 1)).astype(np.intp)[:, None, None]
    down, across = np.arange(height)[None, :, None], np.arange(width)[None, None, :]
    hidden = (down >= top) & (down < top + tall) & (across >= left) & (across < left + wide)
    return np.where(hidden[:, None], _GREY, images)


IMAGE_KINDS: dict[str, Callable[[Array, Draws, int], Array]] = {
    "gaussian noise": _noise,
    "shot noise": _shot,
    "impulse noise": _impulse,
    "gaussian blur": _blur,
    "motion blur": _motion,
    "defocus blur": _defocus,
    "contrast": _contrast,
    "brightness": _brightness,
    "jpeg": _jpeg,
    "pixelate": _pixelate,
    "elastic": _elastic,
    "occlusion": _occlusion,
}


def corrupted_images(kind: str, severity: int, images: Array, rows: Array, seed: int) -> Array:
    """Return images with a corruption, in [0, 1].

    Parameters
    ----------
    severity : int
        From 1 to 5.
    images : array (n, c, h, w)
        In [0, 1].
    rows : int array (n,)
        Places of the images, by which draws are made: the same for every model, and for every severity.
    """
    draws = Draws(list(IMAGE_KINDS).index(kind), rows, seed)
    made: Array = np.clip(IMAGE_KINDS[kind](images, draws, severity - 1), 0.0, 1.0)
    return made
