"""Trees in the columns of X: splits are carried back through the scalers and encoders before them, to the last bit."""

from typing import Any

import numpy as np

from xrai_widgets.core.inside import Trees
from xrai_widgets.core.subject import Array
from xrai_widgets.models.ensembles import Ensemble, Tree, ensemble_of
from xrai_widgets.models.input_columns import drivers, entering, passed_on
from xrai_widgets.models.inputs import Inputs
from xrai_widgets.models.linear import probes

_LARGEST = 3_000_000  # nodes
_WIDE = 1e-5  # relative: where the last number that goes left is looked for around where the slope says
_OF_SHARES = 1e-9  # votes that are counted and divided by their number
_PROVED = 400  # points at splits


def trees_of(model: Any, X: Array, inputs: Inputs) -> Trees | None:
    """Return the trees of a classifier, or of a pipeline that ends in one, else None.

    Scores and labels are compared with the model's own, on samples, on random points of their range, and on both sides
    of its splits: what does not agree is not offered.
    """
    steps = list(model.steps) if hasattr(model, "steps") else [("model", model)]
    before, final = [step for _, step in steps[:-1]], steps[-1][1]
    if inputs.preprocess is not None or not (hasattr(final, "tree_") or _has_trees(final)):
        return None
    whole = np.array([kind.kind != "continuous" for kind in inputs.constraints]).reshape(X.shape[1:])
    X = np.where(whole, np.rint(X), X)  # what stands for a missing number may be a fraction
    try:
        read = ensemble_of(final, passed_on(before, X[:1], inputs))
        if read is None or not read.trees or sum(len(tree.left) for tree in read.trees) > _LARGEST:
            return None
        trees = _carried(read, before, X, inputs)
        return trees if trees is not None and _agrees(trees, read, (model, before), X, inputs) else None
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):  # a library whose insides are others
        return None


def _has_trees(model: Any) -> bool:
    module = type(model).__module__.split(".")[0]
    return module in ("xgboost", "lightgbm") or hasattr(model, "estimators_") or hasattr(model, "_predictors")


def _carried(read: Ensemble, before: list[Any], X: Array, inputs: Inputs) -> Trees | None:
    driven = drivers(before, X, inputs)
    if driven is None:
        return None
    flat = _joined(read.trees)
    feature, threshold, left, right, value, roots = flat
    inner = left >= 0
    place = np.where(inner, feature, 0)
    column = np.where(inner, driven.column[place], -1)
    words = inner & (driven.words[place])
    numbers = inner & ~words & (column >= 0)
    cut, swapped = np.zeros(len(left)), np.zeros(len(left), dtype=bool)
    key = np.flatnonzero(numbers)
    pairs, back = np.unique(np.column_stack([place[key], threshold[key]]), axis=0, return_inverse=True)
    cuts = _cuts(pairs, read, driven, (before, X, inputs))
    if cuts is None:
        return None
    cut[key], swapped[key] = cuts[back.ravel()], driven.slope[place[key]] < 0
    kinds = [len(kind.categories) for kind in inputs.constraints]
    sets = np.zeros((int(words.sum()), max([*kinds, 1])), dtype=bool)
    which = np.full(len(left), -1)
    which[words] = np.arange(len(sets))
    for number, node in enumerate(np.flatnonzero(words)):
        codes = driven.values[place[node]]
        sets[number, : len(codes)] = _goes_left(codes, threshold[node], read)
    fixed = inner & ~words & ~numbers  # an input that never changes: one way is taken, whatever comes
    cut[fixed] = np.where(_goes_left(driven.offset[place[fixed]], threshold[fixed], read), np.inf, -np.inf)
    column[fixed] = 0
    itself = np.arange(len(left))
    children = np.where(inner, left, itself), np.where(inner, right, itself)
    return Trees(
        roots=roots,
        feature=column,
        threshold=cut,
        left=np.where(swapped, children[1], children[0]),
        right=np.where(swapped, children[0], children[1]),
        value=value,
        base=read.base,
        word_set=which,
        words=sets,
        rounding=_rounding(read),
        summed=read.summed,
    )


def _rounding(read: Ensemble) -> float:
    """Return the largest error of the library's sums: none where only whole votes are counted."""
    if all(np.array_equal(part, np.rint(part)) for part in (read.base, *(tree.value for tree in read.trees))):
        return 0.0
    largest = np.abs(read.base).max() + sum(np.abs(tree.value).max() for tree in read.trees)
    return float(read.rounding * (1.0 + largest))


def _joined(trees: list[Tree]) -> tuple[Array, ...]:
    counts = [len(tree.left) for tree in trees]
    roots = np.cumsum([0, *counts])[:-1]
    shift = np.repeat(roots, counts)
    left, right = (np.concatenate([getattr(tree, side) for tree in trees]) for side in ("left", "right"))
    return (
        np.concatenate([tree.feature for tree in trees]).astype(np.intp),
        np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
        np.where(left < 0, -1, left + shift),
        np.where(right < 0, -1, right + shift),
        np.vstack([tree.value for tree in trees]).astype(np.float64),
        roots.astype(np.intp),
    )


def _goes_left(numbers: Array, threshold: Any, read: Ensemble) -> Array:
    compared = np.asarray(numbers, dtype=np.float64)
    compared = compared.astype(np.float32).astype(np.float64) if read.single else compared
    return np.asarray(compared < threshold if read.strict else compared <= threshold)


def _cuts(pairs: Array, read: Ensemble, driven: Any, seen: tuple[list[Any], Array, Inputs]) -> Array | None:
    """Return for pairs (input, threshold) the last float64 of the column on the side of its lower values.

    With a falling slope that is the side that goes right. The numbers between are halved until neighbours remain.
    """
    ends = np.isfinite(pairs[:, 1])
    if not ends.all():  # whether a number is missing: every number goes left
        rest = _cuts(pairs[ends], read, driven, seen)
        cuts = np.where(driven.slope[pairs[:, 0].astype(np.intp)] > 0, np.inf, -np.inf)
        if rest is not None:
            cuts[ends] = rest
        return None if rest is None else cuts
    if not len(pairs):
        return np.zeros(0)
    place, threshold = pairs[:, 0].astype(np.intp), pairs[:, 1]
    column, slope, offset = driven.column[place], driven.slope[place], driven.offset[place]
    plain = bool(((slope == 1) & (offset == 0)).all()) and not seen[0]
    centre = (threshold - offset) / slope
    size = np.maximum(np.abs(centre), np.abs(offset / slope))
    low, high = centre - _WIDE * size - 1e-30, centre + _WIDE * size + 1e-30
    before, X, inputs = seen
    here = np.repeat(X[:1].reshape(1, -1).astype(np.float64), len(pairs), axis=0)
    whole = np.array([kind.kind == "integer" for kind in inputs.constraints])[column]

    def below(numbers: Array) -> Array:
        if plain and inputs.dtype != np.float32:
            entered = numbers
        else:
            points = here.copy()
            points[np.arange(len(points)), column] = numbers
            rows = entering(before, points.reshape(-1, *X.shape[1:]), inputs)
            entered = rows[np.arange(len(points)), place]
        goes = _goes_left(entered, threshold, read)
        return np.where(slope > 0, goes, ~goes)

    if whole.any():  # only whole numbers may enter: between two of them every cut is the same
        low, high = np.where(whole, np.ceil(low) - 1, low), np.where(whole, np.floor(high) + 1, high)
    if not below(low).all() or below(high).any():
        return None
    a, b = _order(low), _order(high)
    for _ in range(66):
        wide = b - a > 1
        done = ~wide | (whole & (high - low <= 1))
        if done.all():
            break
        middle = a + (b - a) // 2
        number = _number(middle)
        number = np.where(whole, np.floor(low + (high - low) / 2), number)
        middle = np.where(whole, _order(number), middle)
        goes = below(np.where(done, low, number))
        up, down = ~done & goes, ~done & ~goes
        a, b = np.where(up, middle, a), np.where(down, middle, b)
        low, high = _number(a), _number(b)
    last: Array = low
    return last


def _order(numbers: Array) -> Array:
    """Return float64 numbers as integers in the same order, neighbours one apart."""
    bits = np.ascontiguousarray(numbers + 0.0, dtype=np.float64).view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def _number(order: Array) -> Array:
    bits = np.where(order < 0, np.int64(-(2**63)) - order, order)
    return np.ascontiguousarray(bits, dtype=np.int64).view(np.float64)


def _agrees(trees: Trees, read: Ensemble, asked: tuple[Any, list[Any]], X: Array, inputs: Inputs) -> bool:
    model, before = asked
    rows = probes(X, inputs).reshape(-1, int(np.prod(X.shape[1:])))
    rows = np.vstack([rows, at_splits(trees, rows, inputs)])
    shaped = rows.reshape(-1, *X.shape[1:])
    entered = passed_on(before, shaped, inputs)
    expected = np.asarray(read.scores(entered), dtype=np.float64).reshape(len(rows), -1)
    expected = np.hstack([np.zeros((len(rows), 1)), expected]) if expected.shape[1] == 1 else expected
    scores = trees.scores(rows)
    if scores.shape != expected.shape or not np.abs(scores - expected).max() <= max(trees.rounding, _OF_SHARES):
        return False
    best = np.sort(scores, axis=1)
    clear = (best[:, -1] - best[:, -2] > 2 * trees.rounding) | (trees.rounding == 0)  # votes: ties, too
    labels = np.asarray(model.classes_)[scores.argmax(axis=1)]
    return bool(np.array_equal(np.asarray(model.predict(inputs.to_user(shaped)))[clear], labels[clear]))


def at_splits(trees: Trees, rows: Array, inputs: Inputs, most: int = _PROVED) -> Array:
    """Return samples (m, d) that lie on the last number left of a split, and on the next one."""
    nodes = np.flatnonzero((trees.feature >= 0) & (trees.word_set < 0) & np.isfinite(trees.threshold))
    chosen = nodes[np.linspace(0, len(nodes) - 1, min(most, len(nodes))).astype(np.intp)] if len(nodes) else nodes
    points = []
    for side in (0, 1):
        part = rows[np.arange(len(chosen)) % len(rows)].copy()
        column, cut = trees.feature[chosen], trees.threshold[chosen]
        whole = np.array([kind.kind == "integer" for kind in inputs.constraints])[column]
        after = np.where(whole, np.floor(cut) + 1, np.nextafter(cut, np.inf))
        part[np.arange(len(chosen)), column] = np.where(whole, np.floor(cut), cut) if side == 0 else after
        points.append(part)
    return np.vstack(points)
