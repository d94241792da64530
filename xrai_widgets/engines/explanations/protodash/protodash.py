"""ProtoDash: which training samples stand for the samples that the model judges?"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, assessment
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Section, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines._threads import one_blas_thread
from xrai_widgets.engines.explanations.protodash.contents import Contents
from xrai_widgets.engines.explanations.protodash.explained import Explained, Task, explain_group
from xrai_widgets.engines.explanations.protodash.finding import finding_of
from xrai_widgets.engines.explanations.protodash.groups import describe_samples, groups, predictions_of
from xrai_widgets.engines.explanations.protodash.kernel import Kernel, make_kernel
from xrai_widgets.engines.explanations.protodash.random_prototypes import CONTROLS

_SIMILARITY = Section("similarity")


@assessment(
    title="ProtoDash prototypes and criticisms",
    tasks=("classification", "regression"),
    words={
        "mmd2": "distance to the prototypes (MMD²)",
        "explained": "similarity explained",
        "agreement": "predictions as for the nearest prototype",
    },
    reference="Gurumoorthy et al. 2019, arXiv:1707.01212; Kim, Khanna, Koyejo 2016 (criticisms)",
    labels_suffice=True,
    missing="own value",
    controls=CONTROLS,
)
def protodash(
    X: Array,
    X_train: Array,
    y: Array | None = None,
    y_train: Array | None = None,
    predict: Predict | None = None,
    task: str = "classification",
    naming: Annotated[Names, "ids", "train_ids", "feature_names", "classes", "decode"] = UNNAMED,
    constraints: tuple[Constraint, ...] = (),
    decide: Predict | None = None,
    *,
    n_prototypes: Annotated[
        int, Range(1, 1000), Label("prototypes"), "how many prototypes, for each class if per_class"
    ] = 10,
    kernel: Annotated[
        Literal["gaussian", "linear"], _SIMILARITY, "what makes two samples similar: nearness, or the product"
    ] = "gaussian",
    sigma: Annotated[
        float | None,
        Range(1e-6, 1e6),
        _SIMILARITY,
        Label("σ (width of the kernel)"),
        "width of the Gaussian; automatic: the median distance of training samples",
    ] = None,
    explain: Annotated[
        Literal["X", "X_train"], Label("samples explained"), "explain held-out samples, or the training samples"
    ] = "X",
    per_class: Annotated[bool, Label("for each class"), "prototypes of their own for every class"] = False,
    only_class: Annotated[str, Label("this class only"), "explain the samples of this class only"] = "",
    sample: Annotated[str, Label("this sample only"), "explain this sample only: its id"] = "",
    choose_from: Annotated[
        Literal["same class", "other classes", "all"],
        Label("chosen from"),
        "training samples to choose from, once a class or a sample is explained",
    ] = "same class",
    class_by: Annotated[
        Literal["answer", "label"], Label("class is"), "a sample's class: what the model predicts, or its label"
    ] = "answer",
    n_criticisms: Annotated[
        int, Range(0, 100), Label("criticisms"), "explained samples to name that the prototypes stand for badly"
    ] = 5,
    scale: Annotated[
        Literal["automatic", "columns", "none"],
        _SIMILARITY,
        Label("comparable units"),
        "bring columns to comparable units; automatic: tables, but not pictures, nor arrays without constraints=",
    ] = "automatic",
    implementation: Annotated[
        Literal["native", "aix360"], "whose code chooses; aix360 is a slow second opinion"
    ] = "native",
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Choose the few training samples, with weights, whose mixture is most like the explained samples.

    Parameters
    ----------
    X, X_train : array (n, …), array (m, …)
        Samples to explain, and samples to choose from.
    y, y_train : array, optional
        Labels; needed for classes by label.
    predict : callable, optional
        (n, …) → (n, k) class probabilities, or (n,) values; needed for classes by prediction.
    task : {"classification", "regression"}
    naming : Names, optional
    decide : callable, optional
        (n, …) → (n,) classes that the model decides for, where they are not the most probable ones.
    constraints : tuple of Constraint, optional
        What each column holds: numbers are scaled (to standard deviation 1 for the Gaussian kernel, to [0, 1] for the
        linear one); two different categories add 2 to the squared distance, as two draws of a scaled number do in the
        mean; an equal category adds 1 in the linear kernel.

    Returns
    -------
    Finding
        ``mmd2``: squared maximum mean discrepancy between the explained samples and the weighted prototypes, as the
        paper has it: comparing samples with themselves, too, it lies above the unbiased centre of its interval.
        ``explained`` = 1 − mmd2 / mmd2 without prototypes. Intervals over the explained samples, the prototypes taken
        as given: Student's, with the variance of a U-statistic. ``agreement`` (Wilson): explained samples to which the
        model predicts as for their nearest prototype. Tables: ``samples`` (prototypes in order, weights), ``curve``
        (MMD² by number of prototypes, beside the mean, best and worst of 20 random draws with equal weights),
        ``criticisms``, ``features`` (similarity of each feature, 1: alike), ``rows`` (prototypes in the user's own
        units). Arrays: ``indices`` (rows of X_train), ``weights``, ``weights_normalised``, ``weights_path`` (row t: the
        weights of the first t + 1 prototypes; of several classes one square after another); of several classes
        ``group`` (of each prototype) and ``sizes`` (explained samples of each group).

    Raises
    ------
    ValueError
        if there are fewer training samples to choose from than prototypes, if samples are not finite or do not have
        the same columns, for an unknown class or id, or if no training sample is similar to the explained ones.
    NotApplicable
        if ``implementation="aix360"`` cannot run here.

    Interpretation
    --------------
    A prototype's share says for how much of the explained samples it stands. For one sample, prototypes are the known
    cases that are most like it, and the features show in what. Criticisms are samples that the prototypes do not stand
    for: look at them before trusting a summary. Low agreement: the model tells samples apart that look alike.

    Limitations
    -----------
    Prototypes explain the data as the kernel sees it, and the model only through its predictions: features that the
    model does not use count as much as those it uses. MMD² has no scale of its own, so it is not judged by default; it
    is optimistic for samples that were not explained. The search is greedy: its objective is within a constant factor
    of the best, no more. A prototype is a real training sample: showing it discloses a person.

    Recommendations
    ---------------
    Raise the number of prototypes until the curve is flat. Show the prototypes of the model's predictions to someone
    who knows the field: do they look like the reason for the prediction? Compare ``class_by="label"``: prototypes that
    differ show where the model departs from the truth.
    """
    _check(X, X_train, constraints, n_prototypes)
    scaled = scale == "columns" or (scale == "automatic" and bool(constraints) and X_train.ndim == 2)
    similarity = make_kernel(kernel, sigma, scaled, X_train, constraints, seed, X)
    predictions, train_predictions = predictions_of(predict, decide, task, (X, X_train), explain, step.part(0.0, 0.1))
    info, columns = describe_samples(
        explain,
        class_by,
        task,
        (y, y_train),
        (predictions, train_predictions),
        (naming.ids, naming.train_ids),
        naming.classes,
        (X, X_train),
    )
    explained = X if explain == "X" else X_train
    to_explain, notes = groups(info, per_class, only_class, sample, choose_from)
    for group in to_explain:
        if n_prototypes > len(group.pool):
            raise ValueError(
                f"n_prototypes must be at most the {len(group.pool)} training samples to choose from "
                f"for {group.name!r}, got {n_prototypes}"
            )
    shown = Contents(explained, X_train, naming.feature_names, constraints, naming.decode, seed)
    compare = task == "classification" and not only_class.strip() and not sample.strip()
    done: list[Explained] = []
    notes = [*notes, *_notes(similarity, scaled, shown, sigma)]
    finish = partial(finding_of, done, info, columns, shown, compare, notes)
    task_ = Task(similarity, n_prototypes, n_criticisms, implementation, seed, memory_limit)
    with one_blas_thread():
        for number, group in enumerate(to_explain):
            share = [0.1 + 0.85 * place / len(to_explain) for place in (number, number + 1)]
            explain_group(task_, group, explained, X_train, done, finish, step.part(*share))
    notes += _warnings(done)
    return finish()


def _check(X: Array, X_train: Array, constraints: Sequence[Constraint], n_prototypes: int) -> None:
    if n_prototypes < 1:
        raise ValueError(f"n_prototypes must be at least 1, got {n_prototypes}")
    for name, samples in (("X", X), ("X_train", X_train)):
        if samples.ndim < 2 or not len(samples):
            raise ValueError(f"{name} must hold samples as rows, got shape {samples.shape}")
        if (bad := int(np.isinf(samples).sum())) or (samples.ndim > 2 and (bad := int(np.isnan(samples).sum()))):
            raise ValueError(f"{name} must hold finite numbers, or missing ones in a table, got {bad} other cells")
    if X.shape[1:] != X_train.shape[1:]:
        raise ValueError(f"X and X_train must have the same columns, got {X.shape[1:]} and {X_train.shape[1:]}")
    if constraints and X.ndim == 2 and len(constraints) != X.shape[1]:
        raise ValueError(f"constraints must be one per column of X ({X.shape[1]}), got {len(constraints)}")


def _notes(kernel: Kernel, scaled: bool, shown: Contents, sigma: float | None) -> list[str]:
    notes = []
    if kernel.kind == "gaussian":
        how = "given" if sigma is not None else "the median distance between training samples"
        notes.append(f"The Gaussian kernel has the width σ = {kernel.sigma:.4g} ({how}).")
    if len(kernel.holes):
        few = ", ".join(shown.columns[column] for column in kernel.numeric[kernel.holes][:5])
        more = f" and {len(kernel.holes) - 5} more" if len(kernel.holes) > 5 else ""
        how = (
            ", as far from a number as two numbers are from each other in the mean"
            if scaled and kernel.kind == "gaussian"
            else ""
        )
        notes.append(f"A missing number is a value of its own{how}: {few}{more}.")
    left = kernel.numeric[kernel.scale == 0]
    if scaled and len(left):
        few = ", ".join(shown.columns[column] for column in left[:5])
        more = f" and {len(left) - 5} more" if len(left) > 5 else ""
        notes.append(f"Left out, as they do not vary in the training samples: {few}{more}.")
    return notes


def _warnings(done: Sequence[Explained]) -> list[str]:
    """Say so where a linear kernel sees nothing: samples that are centred are similar to nothing in the mean."""
    for one in done:
        if one.to.kernel.kind == "linear" and len(one.to) > 1:
            length = float(one.to.diagonal().mean())
            if float(one.within.values.mean()) < 0.05 * length:
                return [
                    "The linear kernel says little here: the samples are centred, so that their mean similarity is "
                    "near 0 compared with their length. Use kernel='gaussian', or samples that are not standardised."
                ]
    return []
