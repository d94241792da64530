"""Does the model notice foreign inputs?"""

from xrai_widgets.engines.ood.energy import energy
from xrai_widgets.engines.ood.ensemble import ensemble
from xrai_widgets.engines.ood.gen import gen
from xrai_widgets.engines.ood.isolation_forest import isolation_forest
from xrai_widgets.engines.ood.knn import knn
from xrai_widgets.engines.ood.local_outlier_factor import local_outlier_factor
from xrai_widgets.engines.ood.mahalanobis import mahalanobis
from xrai_widgets.engines.ood.max_softmax import max_softmax
from xrai_widgets.engines.ood.natural_adversaries import natural_adversaries
from xrai_widgets.engines.ood.shuffle_forest import shuffle_forest
from xrai_widgets.engines.ood.vae import vae
from xrai_widgets.engines.ood.wgan_inverter import wgan_inverter

__all__ = [
    "energy",
    "ensemble",
    "gen",
    "isolation_forest",
    "knn",
    "local_outlier_factor",
    "mahalanobis",
    "max_softmax",
    "natural_adversaries",
    "shuffle_forest",
    "vae",
    "wgan_inverter",
]
TITLE = "Foreign inputs"
