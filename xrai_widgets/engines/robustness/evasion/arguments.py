"""The parameters of evasion, as forms and the command line show them."""

from typing import Annotated, Literal

from xrai_widgets.core.marks import Label, Range, Requires, Section, When
from xrai_widgets.engines.robustness.evasion.native import AMONG_TREES, ITERATIONS, ON_TABLES

_HSJ, _PGD, _SEARCH = When("attack", "hop_skip_jump"), When("attack", "pgd"), Section("search")

AttackName = Annotated[
    Literal[
        "strongest",
        "hop_skip_jump",
        "fgsm",
        "bim",
        "pgd",
        "apgd_ce",
        "apgd_t",
        "fab_t",
        "fmn",
        "square",
        "tree",
        "deepfool",
        "carlini_wagner",
        "jsma",
        "boundary",
        "zoo",
        "sign_opt",
    ],
    Requires("fgsm", "gradient"),
    Requires("bim", "gradient"),
    Requires("pgd", "gradient"),
    Requires("apgd_ce", "gradient"),
    Requires("apgd_t", "gradient"),
    Requires("fab_t", "gradient"),
    Requires("fmn", "gradient"),
    Requires("tree", "trees"),
    Requires("deepfool", "gradient"),
    Requires("carlini_wagner", "gradient"),
    Requires("jsma", "gradient"),
    "strongest: all of this project's that fit, within the budget; hop_skip_jump asks for labels only and fits every "
    "model; from deepfool on they run through ART, slowly and alone",
]
Queries = Annotated[
    int,
    Range(1, 10_000_000),
    When("attack", "strongest"),
    Label("query budget"),
    "most queries per sample that all attacks together ask; a gradient step counts as three",
]
ChangeNorm = Annotated[
    Literal["l2", "linf", "l1", "l0"],
    "how the size of a change is measured: the length of all changes, the largest, their sum, or how many columns",
]
Epsilon = Annotated[
    float, Range(0, 1e6), Label("ε (size of the change)"), "size of change at which the headline accuracy is read"
]
Target = Annotated[
    str,
    _SEARCH,
    Label("aim at this class"),
    "what changed samples must be predicted as; empty: any class that is not their own",
]
Tolerance = Annotated[
    float | None,
    Range(1e-12, 1e12),
    "regressions need it: by how much, in the unit of y, the prediction must change for it to count",
]
SampleCount = Annotated[int, Range(2, 100_000), Label("samples to attack"), "how many of the samples are attacked"]
Iterations = Annotated[
    int | None,
    Range(1, 1000),
    _HSJ,
    _SEARCH,
    Label("iterations"),
    f"steps along the decision boundary; automatic: {ITERATIONS} for images, {ON_TABLES} for tables, "
    f"{AMONG_TREES} where the splits are known",
]
FirstQueries = Annotated[
    int,
    Range(1, 10_000),
    _HSJ,
    _SEARCH,
    Label("first queries"),
    "queries per sample in the first step; grows with its root",
]
MostQueries = Annotated[
    int, Range(1, 100_000), _HSJ, _SEARCH, Label("most queries"), "most queries per sample in one step"
]
RandomStarts = Annotated[
    int,
    Range(1, 10_000),
    _HSJ,
    _SEARCH,
    Label("random starts"),
    "random starts tried where no real sample of another class is known",
]
Sizes = Annotated[
    tuple[float, ...],
    Range(1e-6, 1000),
    _PGD,
    _SEARCH,
    Label("sizes to attack at"),
    "sizes at which the attack is run, until nothing stands",
]
GradientSteps = Annotated[int, Range(1, 10_000), _PGD, _SEARCH, Label("gradient steps"), "gradient steps per start"]
Restarts = Annotated[
    int, Range(1, 1000), _PGD, _SEARCH, Label("starts"), "starts per size: the sample itself, then random ones"
]
Implementation = Annotated[Literal["native", "art"], "whose code attacks; art is a slow second opinion"]
