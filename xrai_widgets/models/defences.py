"""Defences: of the output, of the input, and of the training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import getdoc
from typing import Any

from xrai_widgets.core import Gap, Parameter, Step, Subject, closest, quiet
from xrai_widgets.core.decision import labels
from xrai_widgets.core.origin import DefendedBy
from xrai_widgets.core.parameter import check_parameters, parameters_of
from xrai_widgets.core.undefended import Undefended
from xrai_widgets.models.adversarial_training import adversarial_gap, adversarial_training
from xrai_widgets.models.input_changes import feature_squeezing, smoothing
from xrai_widgets.models.input_defences import smoothed_fields, smoothing_gap, squeezed_fields, squeezing_gap
from xrai_widgets.models.monotone import monotone_constraints, monotone_gap
from xrai_widgets.models.output_defences import OUTPUT_CHANGES, output_fields, output_gap
from xrai_widgets.models.state import digest

Params = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Defence:
    """A way to defend a model; its parameters are read from the signature of ``change``, like an engine's.

    Parameters
    ----------
    name : str
    change : callable
        What it does; the first line of its docstring is the summary.
    phrase : callable
        Its parameters → what was done, in a few words.
    fields : callable
        A subject, the parameters and a step to report progress → the fields of the defended one.
    refusal : callable
        A subject and the parameters → why it cannot be defended so; None if it can.
    """

    name: str
    change: Callable[..., Any]
    phrase: Callable[[Params], str]
    fields: Callable[[Subject, Params, Step], dict[str, Any]]
    refusal: Callable[[Subject, Params], Gap | None]

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The keyword-only arguments."""
        return parameters_of(self.change)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (getdoc(self.change) or "").partition("\n")[0]

    def check(self, params: Mapping[str, object]) -> dict[str, Any]:
        """Return all parameters, defaults filled in and values checked."""
        return check_parameters(f"the defence {self.name!r}", self.parameters, params)

    def gap(  # an assessment's is called alike
        self,
        subject: Subject,
        params: Mapping[str, object] | None = None,
        *,
        labels: bool = False,  # noqa: ARG002 - those of an assessment
    ) -> Gap | None:
        """Say why a subject cannot be defended; None if it can."""
        return self.refusal(subject, self.check(params or {}))


def _of_outputs(name: str, phrase: Callable[[Params], str]) -> Defence:
    return Defence(name, OUTPUT_CHANGES[name], phrase, lambda s, p, _: output_fields(name, s, p), output_gap)


def _squeezing_phrase(params: Params) -> str:
    if params["squeezer"] == "median filter":
        return f"squeezed by a median filter of {params['size']} pixels"
    return f"squeezed to {params['bits']} bit{'s' * (params['bits'] > 1)}"


def _training_phrase(params: Params) -> str:
    epochs = f"{params['epochs']} epoch{'s' * (params['epochs'] > 1)}"
    norm = "" if params["norm"] == "linf" else f" ({params['norm']})"
    return f"adversarially trained, ε {params['epsilon']:g}{norm}, {epochs}, seed {params['seed']}"


DEFENCES = {
    defence.name: defence
    for defence in (
        _of_outputs("rounding", lambda p: f"rounded to {p['decimals']} decimal{'s' * (p['decimals'] > 1)}"),
        _of_outputs("reverse sigmoid", lambda p: f"reverse sigmoid, β {p['beta']:g}, γ {p['gamma']:g}"),
        _of_outputs("high confidence", lambda p: f"probabilities from {p['cutoff']:g}"),
        _of_outputs("gaussian noise", lambda p: f"Gaussian noise, σ {p['scale']:g}, seed {p['seed']}"),
        _of_outputs("class labels", lambda _: "labels only"),
        Defence(
            "feature squeezing",
            feature_squeezing,
            _squeezing_phrase,
            lambda s, p, _: squeezed_fields(s, p),
            squeezing_gap,
        ),
        Defence(
            "smoothing",
            smoothing,
            lambda p: f"smoothed, {p['combine']} of {p['draws']} draws, σ {p['sigma']:g}, seed {p['seed']}",
            lambda s, p, _: smoothed_fields(s, p),
            smoothing_gap,
        ),
        Defence(
            "adversarial training",
            adversarial_training,
            _training_phrase,
            lambda s, p, step: adversarial_training(s, step, **p),
            adversarial_gap,
        ),
        Defence(
            "monotone constraints",
            monotone_constraints,
            lambda p: "monotone in " + ", ".join(text for text in (p["rising"], p["falling"]) if text.strip()),
            lambda s, p, step: monotone_constraints(s, step, **p),
            monotone_gap,
        ),
    )
}


def defended(subject: Subject, defence: str, *, step: Step = quiet, **params: Any) -> Subject:
    """Return a defended copy of a subject.

    Parameters
    ----------
    subject : Subject
    defence : str
        Of the output, what an outsider sees: ``rounding`` (decimals), ``reverse sigmoid`` (beta, gamma), ``high
        confidence`` (cutoff), ``gaussian noise`` (scale, seed) or ``class labels``. Of the input: ``feature squeezing``
        (squeezer, bits, size) or ``smoothing`` (sigma, draws, combine, seed). Of the training: ``adversarial training``
        of a torch module or MLP (epsilon, norm, steps, epochs, learning_rate, batch_size, seed) or ``monotone
        constraints`` of trees (rising, falling).
    step : Step, optional
        Gets the progress of a training.
    **params
        Its parameters.

    Returns
    -------
    Subject
        Its ``undefended`` is the model before, so that robustness.defence measures what the defence is worth. Its
        refits are defended, too, so that attacks that train models of their own attack the whole pipeline.

        Where outputs are defended there are no logits and gradients, which an outsider no longer sees; after ``class
        labels`` it is a label-only model, and a model's own rule, by which it decides, goes on as it is. Where inputs
        are defended the gradient is one that an attacker who knows the defence would use, and ``notes`` say which:
        straight through squeezing (BPDA; Athalye, Carlini and Wagner 2018, arXiv:1802.00420), over all draws of noise.

    Raises
    ------
    ValueError, TypeError
        for an unknown defence, a parameter out of its range, or a subject that cannot be defended so.
    """
    name = str(defence).replace("_", " ").lower()
    if name not in DEFENCES:
        raise ValueError(f"the defence must be one of {', '.join(DEFENCES)}, got {defence!r}{closest(name, DEFENCES)}")
    chosen = DEFENCES[name]
    checked = chosen.check(params)
    gap = chosen.gap(subject, checked)
    if gap is not None:
        way_out = f"; use {gap.instead}" if gap.instead else ""
        raise ValueError(f"{subject.name} cannot be defended by {name}: {gap.reason}{way_out}")
    phrase = chosen.phrase(checked)
    made = {
        "name": f"{subject.name} · {phrase}",
        "state": digest((subject.digest(()) if subject.state is None else subject.state, name, checked)),
        "origin": subject.origin.then(DefendedBy(name, checked)),
        "undefended": Undefended.of(subject, phrase),
    }
    return subject.answering(**made | chosen.fields(subject, checked, step))


def changed_predictions(before: Subject, after: Subject) -> int:
    """Return for how many of the held-out samples a defence changes the label itself."""
    was, now = (labels(one.predict, one.decide, before.X) for one in (before, after))
    return int((was != now).sum())
