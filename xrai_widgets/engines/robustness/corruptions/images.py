"""Ask the model about corrupted images."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding, NotApplicable, Predict, Step
from xrai_widgets.core.step import quiet
from xrai_widgets.engines.robustness._bands import BANDS, band_of, band_power, most_bands
from xrai_widgets.engines.robustness._refusals import Outputs, Refusal, outputs_or_refusal
from xrai_widgets.engines.robustness.corruptions.finding import Corrupted, corruptions_finding
from xrai_widgets.engines.robustness.corruptions.kinds import KINDS, SEVERITIES
from xrai_widgets.engines.robustness.corruptions.measured import all_changes, changed_of
from xrai_widgets.engines.robustness.corruptions.pictures import IMAGE_KINDS, SIDE, corrupted_images

_ARRAYS = 8  # of an image's size, at the most, while it is corrupted
_AT_ONCE = 100_000  # numbers in the images between two looks at Cancel: the slowest kinds take a microsecond each


@dataclass(eq=False)
class CorruptingImages:
    """The model, and the images that are corrupted.

    Parameters
    ----------
    X, y : array (n, c, h, w), int array (n,)
    rows : int array (n,)
        Places of the images, by which draws are made.
    memory_limit : float
        In GB.
    """

    predict: Predict
    decide: Predict | None
    X: Array
    y: Array
    rows: Array
    seed: int
    memory_limit: float
    step: Step = quiet
    refused: dict[str, str] = field(default_factory=dict)
    noise: dict[tuple[str, int], Array] = field(default_factory=dict)

    @property
    def bands(self) -> int:
        """Bands of frequencies, as `iaside` has them where nobody says how many; 0 where there is no room for two."""
        most = min(BANDS, most_bands(*self.X.shape[2:]))
        return most if most > 1 else 0

    def ask(self, X: Array) -> Outputs | Refusal:
        """Return what the model gives, or why it gives nothing."""
        return outputs_or_refusal(self.predict, self.decide, X)

    def version(self, kind: str, severity: int) -> Array:
        """Return the images with a corruption."""
        size = max(1, min(_AT_ONCE, int(self.memory_limit * 1e9 / 8 / _ARRAYS)) // self.X[0].size)
        made, (height, width) = np.empty_like(self.X), self.X.shape[2:]
        place = band_of(height, width, max(self.bands, 1), "linf")
        noise = np.zeros(max(self.bands, 1))
        for start in range(0, len(self.X), size):
            self.step(0.0, "corrupted samples")
            part = slice(start, start + size)
            made[part] = corrupted_images(kind, severity, self.X[part], self.rows[part], self.seed)
            noise += band_power(made[part] - self.X[part], place, len(noise))
        self.noise[kind, severity] = noise
        return made

    def spectrum(self) -> pd.DataFrame | None:
        """Return for each corruption, severity and band the power of what tells images apart and of what is changed."""
        if not self.bands:
            return None
        height, width = self.X.shape[2:]
        place = band_of(height, width, self.bands, "linf")
        signal = band_power(self.X - self.X.mean(axis=0), place, self.bands) / self.X.size
        edges, n, kinds = np.linspace(0, 0.5, self.bands + 1), self.bands, [*self.noise]
        noise = np.concatenate([*self.noise.values()]) / self.X.size
        columns = {
            "corruption": np.repeat([kind for kind, _ in kinds], n),
            "severity": np.repeat([severity for _, severity in kinds], n),
            "band": np.tile([str(number + 1) for number in range(n)], len(kinds)),
            "from_frequency": np.tile(edges[:-1], len(kinds)),
            "to_frequency": np.tile(edges[1:], len(kinds)),
            "signal": np.tile(signal, len(kinds)),
            "noise": noise,
        }
        with np.errstate(divide="ignore", invalid="ignore"):
            return pd.DataFrame(columns | {"snr": 10 * np.log10(columns["signal"] / noise)})


def check_kind(kind: str, X: Array) -> None:
    """Raise `NotApplicable` for a kind of corruption of other data, and for pixels outside of [0, 1]."""
    of_images = X.ndim == 4
    if kind != "all" and (kind in IMAGE_KINDS) is not of_images:
        made, here = ("tables", "images") if of_images else ("images", "tables")
        allowed = ", ".join(IMAGE_KINDS if of_images else KINDS)
        raise NotApplicable(f"corruption={kind!r} is one of {made}; those of {here} are {allowed}", "corruption='all'")
    if of_images and not (np.nanmin(X) >= 0 and np.nanmax(X) <= 1):
        low, high = float(np.nanmin(X)), float(np.nanmax(X))
        raise NotApplicable(
            f"corruptions are made of images whose pixels lie in [0, 1], got [{low:g}, {high:g}]",
            "images in [0, 1], and what scales them for the model in Subject.of(…, preprocess=)",
        )


def corrupted_pictures(
    work: CorruptingImages, corruption: str, severity: int, ids: Array, scored: bool, step: Step
) -> Finding:
    """Return what corruptions of images cost."""
    clean = work.ask(work.X)
    if isinstance(clean, Refusal):
        raise NotApplicable(f"{clean.reason} for the images as they are: {clean.message}")
    kinds = list(IMAGE_KINDS) if corruption == "all" else [corruption]
    work.step = step.part(0.02, 0.9)
    runs = all_changes(work, kinds, SEVERITIES, work.step)
    if not runs:
        raise NotApplicable("; ".join(f"{kind}: {why}" for kind, why in work.refused.items()), "another corruption")
    notes = [f"No {kind}: {why}." for kind, why in work.refused.items()]
    side = min(work.X.shape[2:])
    if side < SIDE:
        notes.append(
            f"Blur, defocus and motion are as many pixels as on images of {SIDE} × {SIDE}; here the shorter side has "
            f"{side}, so that they take more of the image than the constants were made for."
        )
    run = Corrupted(ids, work.y, changed_of(clean), runs, severity, scored, work.seed)
    finding = corruptions_finding(run, None, notes, step.part(0.9, 1.0), bool(work.refused))
    spectrum = work.spectrum()
    if spectrum is None:
        return finding
    spectrum = spectrum[~spectrum["corruption"].isin([*work.refused])].reset_index(drop=True)
    title = f"Signal over noise in each band at severity {severity}, in decibels"
    chart = Chart(
        "spectrum", "heat", "band", y="corruption", by="severity", only=str(severity), value="snr", title=title
    )
    return replace(finding, tables={**finding.tables, "spectrum": spectrum}, charts=(*finding.charts, chart))
