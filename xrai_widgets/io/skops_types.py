"""Types beyond skops' own list that a stranger's model may hold, each with a reason."""

_TREES = "sklearn.tree._tree.Tree"
_SCORERS = "sklearn.metrics._scorer"
_KERNELS = (
    *("CompoundKernel", "ConstantKernel", "DotProduct", "Exponentiation", "ExpSineSquared", "Matern"),
    *("PairwiseKernel", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel"),
)
_SPLITS = (
    *("KFold", "StratifiedKFold", "GroupKFold", "StratifiedGroupKFold", "RepeatedKFold", "RepeatedStratifiedKFold"),
    *("ShuffleSplit", "StratifiedShuffleSplit", "GroupShuffleSplit", "TimeSeriesSplit", "LeaveOneOut"),
)
_OPTIMIZERS = "sklearn.neural_network._stochastic_optimizers"

# objects: what they hold is walked like an estimator; the compiled ones among them are checked or made anew
OBJECTS = frozenset(
    {
        _TREES,  # compiled: node by node
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",  # compiled: node by node
        "scipy.interpolate._bsplines.BSpline",  # compiled: made anew from its knots
        f"{_OPTIMIZERS}.AdamOptimizer",  # plain arrays that only further training would read
        f"{_OPTIMIZERS}.SGDOptimizer",
        "sklearn.compose._column_transformer.make_column_selector",  # a choice of columns by type or name
        "sklearn.calibration._CalibratedClassifier",  # an estimator and its calibrators
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.multiclass._ConstantPredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        *(f"sklearn.gaussian_process.kernels.{name}" for name in _KERNELS),  # formulas with numbers
        *(f"sklearn.model_selection._split.{name}" for name in _SPLITS),  # numbers and a seed
        *(f"{_SCORERS}.{name}" for name in ("_Scorer", "_CurveScorer", "_PassthroughScorer", "_MultimetricScorer")),
        "sklearn.utils._metadata_requests.MetadataRequest",  # names of arguments
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn._loss.loss.HalfTweedieLoss",
    }
)
DICTS = frozenset({"sklearn.utils._bunch.Bunch"})
_UNIVARIATE = "sklearn.feature_selection._univariate_selection"
_MUTUAL = "sklearn.feature_selection._mutual_info"
_METRICS = {
    "_classification": (
        *("accuracy_score", "balanced_accuracy_score", "f1_score", "fbeta_score", "jaccard_score", "log_loss"),
        *("matthews_corrcoef", "precision_score", "recall_score", "brier_score_loss", "cohen_kappa_score"),
    ),
    "_ranking": ("roc_auc_score", "average_precision_score", "top_k_accuracy_score"),
    "_regression": (
        *("r2_score", "mean_squared_error", "mean_absolute_error", "median_absolute_error", "max_error"),
        *("mean_absolute_percentage_error", "mean_squared_log_error", "root_mean_squared_error"),
        *("d2_absolute_error_score", "explained_variance_score", "mean_poisson_deviance", "mean_gamma_deviance"),
        "root_mean_squared_log_error",
    ),
}
# functions of arrays that return arrays; each stands only where a score is meant
FUNCTIONS = frozenset(
    {
        *(f"{_UNIVARIATE}.{name}" for name in ("f_classif", "f_regression", "chi2", "r_regression", "f_oneway")),
        *(f"{_MUTUAL}.{name}" for name in ("mutual_info_classif", "mutual_info_regression")),
        *(f"sklearn.metrics.{module}.{name}" for module, names in _METRICS.items() for name in names),
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "numpy.mean",
    }
)
# places of functions: a ufunc, or one of the list
CALLED = frozenset({"func", "inverse_func"})
SCORED = frozenset({"score_func", "_score_func", "pooling_func", "_asarray"})
# the check of arrays with which histogram gradient boosting prepares columns, and its arguments
CHECK = "sklearn.utils.validation.check_array"
TYPES = frozenset({"numpy.dtype", "functools.partial"})
# search trees of the neighbours: never read, made anew from the samples that the model keeps
REMADE = frozenset({"sklearn.neighbors._kd_tree.KDTree", "sklearn.neighbors._ball_tree.BallTree"})
REVIEWED = OBJECTS | DICTS | FUNCTIONS | TYPES | {CHECK}
LOADERS = {
    **dict.fromkeys(OBJECTS, "ObjectNode"),
    _TREES: "TreeNode",
    **dict.fromkeys(DICTS, "DictNode"),
    **dict.fromkeys(FUNCTIONS, "FunctionNode"),
    CHECK: "FunctionNode",
    "functools.partial": "PartialNode",
    "numpy.dtype": "DTypeNode",
}
NODES = frozenset(
    {
        *("DictNode", "DefaultDictNode", "ListNode", "SetNode", "TupleNode", "BytesNode", "BytearrayNode", "SliceNode"),
        *("FunctionNode", "TypeNode", "ObjectNode", "JsonNode", "NdArrayNode", "MaskedArrayNode", "DTypeNode"),
        *("RandomStateNode", "RandomGeneratorNode", "SparseMatrixNode", "LossNode", "TreeNode", "CachedNode"),
        "PartialNode",
    }
)
