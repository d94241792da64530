"""What may be judged of spectral importance, and what people call the numbers."""

from xrai_widgets.core import Measure

MEASURES = (
    Measure(
        "score",
        "higher",
        label="spectral score",
        meaning="1: all that the model reads lies in the lowest band of frequencies; 0: all bands count alike; below "
        "0: it reads fine texture. High frequencies are what noise, compression and blur change.",
        sentence="The score of the frequencies that the model reads is {value}, which is 1 where it reads the coarsest "
        "alone and 0 where it reads all alike; at least {limit} is asked for.",
    ),
)
WORDS = {
    "unsigned_score": "unsigned score (authors')",
    "gain": "worth of the image less the reference",
    "negative_share": "negative share of the importance",
    "efficiency_error": "largest error of the sum",
    "bands": "importance of the bands",
    "importance": "spectral importance",
    "importance_low": "importance, from",
    "importance_high": "importance, to",
    "share": "share of what is read",
    "share_low": "share, from",
    "share_high": "share, to",
    "from_frequency": "from (cycles per pixel)",
    "to_frequency": "to (cycles per pixel)",
    "kept": "what the model says of bands 1 to k",
    "bands_kept": "bands kept",
    "label_probability": "probability of the label",
}
NO_CONTROLS = "the scale holds them: 1 is a model of the lowest band alone, 0 one that reads all bands alike"
