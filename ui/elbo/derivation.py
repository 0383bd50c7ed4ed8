"""From the definition of the KL divergence over Bayes' rule to the central equation, with one image's numbers in it."""

from __future__ import annotations

import html
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from vae.evidence.elbo_identity import IdentityTerms
from vae.model import elbo
from vae.paths import ROOT


@dataclass(frozen=True)
class Step:
    """One short step: what is done in words, the formula, the same with numbers, and the line of code that computes it."""

    words: str
    formula: str
    numbers: str
    code: tuple[Callable, str] | None = None


def steps(numbers: IdentityTerms, negative_entropy: float, expected_log_prior: float, likelihood: object) -> list[Step]:
    """The derivation; `negative_entropy` is E_q[log q(z)] and `expected_log_prior` E_q[log p(z)], in nats.

    `likelihood` is the run's, whose code is shown.
    """
    n = numbers
    posterior_term = negative_entropy - n.kl_to_posterior
    return [
        Step(
            "Begin with the KL divergence (no distance: it is not symmetric) from q to the true posterior p(z|x). It is zero "
            "where both are the same, and positive otherwise.",
            r"\mathrm{KL}(q \,\|\, p(z|x)) = \mathbb{E}_q[\log q(z)] - \mathbb{E}_q[\log p(z|x)]",
            f"{n.kl_to_posterior:.2f} = {_in(negative_entropy)} - {_in(posterior_term)}",
            (elbo.negative_entropy, "return"),
        ),
        Step(
            "Bayes' rule says what the posterior is; its logarithm has three terms.",
            r"\log p(z|x) = \log p(x|z) + \log p(z) - \log p(x)",
            rf"{posterior_term:.2f} = {_in(n.reconstruction)} + {_in(expected_log_prior)} - {_in(n.log_evidence)}"
            r"\quad\text{(each averaged over } q)",
            (type(likelihood).log_prob, "return"),
        ),
        Step(
            "Put it in. log p(x) does not depend on z, so its average over q is log p(x) itself.",
            r"\mathrm{KL}(q \,\|\, p(z|x)) = \mathbb{E}_q[\log q(z)] - \mathbb{E}_q[\log p(x|z)] - \mathbb{E}_q[\log p(z)]"
            r" + \log p(x)",
            f"{n.kl_to_posterior:.2f} = {_in(negative_entropy)} - {_in(n.reconstruction)} - {_in(expected_log_prior)}"
            f" + {_in(n.log_evidence)}",
            (elbo.expected_log_prior, "return"),
        ),
        Step(
            "Two of these are the KL divergence from q to the prior, which has a closed form.",
            r"\mathbb{E}_q[\log q(z)] - \mathbb{E}_q[\log p(z)] = \mathrm{KL}(q \,\|\, p(z))",
            f"{_in(negative_entropy)} - {_in(expected_log_prior)} = {n.kl_to_prior:.2f}",
            (elbo.kl_to_prior, "return"),
        ),
        Step(
            "Bring what cannot be computed in general to the left. This is the central equation.",
            r"\log p(x) - \mathrm{KL}(q \,\|\, p(z|x)) = \mathbb{E}_q[\log p(x|z)] - \mathrm{KL}(q \,\|\, p(z))",
            f"{_in(n.log_evidence)} - {n.kl_to_posterior:.2f} = {_in(n.reconstruction)} - {n.kl_to_prior:.2f}",
            (elbo.Terms.elbo.fget, "return"),
        ),
        Step(
            "A KL divergence is never negative. So the right side, which training can compute, never exceeds log p(x): "
            "it is the evidence lower bound.",
            r"\log p(x) \;\ge\; \mathbb{E}_q[\log p(x|z)] - \mathrm{KL}(q \,\|\, p(z)) = \mathrm{ELBO}",
            rf"{n.log_evidence:.2f} \;\ge\; {n.right:.2f}",
        ),
    ]


def show(numbers: IdentityTerms, negative_entropy: float, expected_log_prior: float, likelihood: object) -> None:
    """All steps, one below the other."""
    for number, step in enumerate(steps(numbers, negative_entropy, expected_log_prior, likelihood), start=1):
        st.markdown(f"**{number}.** {step.words}")
        formula, numbers_in_it = st.columns([1.2, 1], vertical_alignment="center")
        formula.latex(step.formula)
        numbers_in_it.latex(step.numbers)
        if step.code:
            show_code(*step.code)


def show_code(function: Callable, containing: str) -> None:
    """The line of our own code that computes a formula, and where it is."""
    path, line = code_line(function, containing)
    st.html(f'<p class="small code"><b>{path}</b><code>{html.escape(line)}</code></p>')


def code_line(function: Callable, containing: str) -> tuple[str, str]:
    """Where a function is and its line that contains some text. Raises `LookupError` when there is none."""
    lines = inspect.getsource(function).splitlines()
    found = next((line.strip() for line in lines if containing in line and '"""' not in line), None)
    if found is None:
        raise LookupError(f"{function.__qualname__} has no line with {containing!r}")
    path = Path(inspect.getsourcefile(function)).resolve().relative_to(ROOT)
    return str(path), found.removeprefix("return ")


def _in(number: float) -> str:
    """A number, in brackets where it is negative."""
    return f"({number:.2f})" if number < 0 else f"{number:.2f}"
