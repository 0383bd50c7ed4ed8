"""Below the equation: where the gap comes from, each term taken apart, and the derivation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st
import torch
from torch import Tensor

from ui.cache import memory
from ui.charts.markup import estimated, percent, signed
from ui.elbo import cache, derivation, estimator_figures
from ui.elbo.selected_image import SelectedImage
from ui.glossary import term
from ui.state import session
from vae.evidence.elbo_identity import IdentityTerms
from vae.evidence.monte_carlo import GradientComparison, compare_gradients, kl_pieces, quadrature_gradient, running_kl
from vae.model.elbo import expected_log_prior, kl_to_prior, negative_entropy
from vae.model.reconstruction import MOST_DIMENSIONS, SAMPLES, reconstruction_draws

NAMES = {
    "gap": "Where the gap comes from",
    "kl": "The KL term, piece by piece",
    "samples": "Why one sample is enough",
    "gradients": "Why reparameterise",
    "derivation": "The derivation",
}
KL_SAMPLES = 10_000
DRAWS = 20_000
COUNTS = (1, 10, 100, 10_000)
MOST_ESTIMATES = 200
GRADIENTS = 2_000
CHARTS = {"displayModeBar": False}


def show(selected: SelectedImage, numbers: IdentityTerms) -> None:
    """The section that is chosen; only this one is computed."""
    section = session.view().section
    st.session_state["section"] = section
    st.segmented_control(
        "Section",
        list(NAMES),
        format_func=NAMES.get,
        key="section",
        on_change=_choose,
        label_visibility="collapsed",
        required=True,
    )
    {
        "gap": _gap,
        "kl": _kl,
        "samples": _samples,
        "gradients": _gradients,
        "derivation": _derivation,
    }[section](selected, numbers)


def _choose() -> None:
    session.change(section=st.session_state["section"])


def _generator(selected: SelectedImage) -> torch.Generator:
    """Never of seed 0, from which the numbers are drawn where there is no plane: what checks them must not share its draws."""
    return torch.Generator(device=selected.run.model.device).manual_seed(session.view().epsilon + 1)


def _again() -> None:
    st.button("Draw again", key="draw_again", on_click=lambda: session.change(epsilon=session.view().epsilon + 1))


def _gap(selected: SelectedImage, numbers: IdentityTerms) -> None:
    """The gap of the encoder's q is what amortisation loses and what the Gaussian family loses."""
    best = cache.best_numbers_of(selected.version, selected.key)
    encoder = cache.encoder_numbers_of(selected.version, selected.key)
    lost = encoder.kl_to_posterior - best.kl_to_posterior, math.hypot(encoder.reconstruction_error, best.reconstruction_error)
    st.html(f"""<table class="numbers big">
    <tr><th></th><th>{term("nats")}</th><th></th></tr>
    <tr class="gap"><td>the encoder's gap: {term("KL", "KL(q ‖ p(z|x))")}</td>
    <td>{estimated(encoder.kl_to_posterior, encoder.kl_to_posterior_error, 3)}</td><td></td></tr>
    <tr><td>lost by {term("amortisation")}</td><td>{estimated(*lost, 3)}</td>
    <td class="words">one encoder serves all images; a Gaussian fitted to this one alone would get it back</td></tr>
    <tr><td>lost by the Gaussian family</td><td>{estimated(best.kl_to_posterior, best.kl_to_posterior_error, 3)}</td>
    <td class="words">the posterior is not an axis-aligned Gaussian</td></tr></table>
    <p class="small">The best Gaussian has an ELBO of {estimated(best.right, best.reconstruction_error, 3)} nats, the encoder's
    q {estimated(encoder.right, encoder.reconstruction_error, 3)} and log p(x) is
    {estimated(numbers.log_evidence, numbers.log_evidence_error, 3)}. (Cremer, Li and Duvenaud 2018.)</p>""")


def _kl(selected: SelectedImage, numbers: IdentityTerms) -> None:
    """The closed form in its pieces beside the Monte-Carlo estimate."""
    pieces = kl_pieces(selected.q)
    rows = ""
    columns = (pieces.variance, pieces.mean, pieces.log_determinant, pieces.constant, pieces.per_dimension)
    for index in range(selected.q.mean.shape[1]):
        cells = "".join(f"<td>{signed(column[index].item(), 3)}</td>" for column in columns)
        rows += f"<tr><td>z{index + 1}</td>{cells}</tr>"
    cells = "".join(f"<td>{signed(column.sum().item(), 3)}</td>" for column in columns)
    left, right = st.columns(2, gap="medium")
    with left:
        st.latex(r"\mathrm{KL}(q\,\|\,p(z)) = \sum_i \tfrac12\left(\sigma_i^2 + \mu_i^2 - \log\sigma_i^2 - 1\right)")
        st.html(
            '<table class="numbers big"><tr><th></th><th>σ²/2</th><th>μ²/2</th><th>−log σ²/2</th><th>−1/2</th><th>sum</th></tr>'
            f'{rows}<tr class="kl"><td>all</td>{cells}</tr></table><p class="small">In nats. A narrow q pays by its logarithm, '
            "a far one by the square of its mean.</p>"
        )
        derivation.show_code(kl_to_prior, "return")
        _again()
    with right:
        estimate = running_kl(selected.q, KL_SAMPLES, _generator(selected))
        figure = estimator_figures.settling(estimate, numbers.kl_to_prior, "KL")
        st.plotly_chart(figure, key="settling_chart", config=CHARTS, height=340, alt="The estimate settles on the exact KL")
        st.html(
            f'<p class="small">The same from samples: mean of log q(z) − log p(z). After {KL_SAMPLES:,}: '
            f"{estimate.mean[-1]:.4f} ± {estimate.standard_error[-1]:.4f}, exact {numbers.kl_to_prior:.4f} nats.</p>"
        )


def _samples(selected: SelectedImage, numbers: IdentityTerms) -> None:
    """The reconstruction term from few and from many samples."""
    with memory.LARGE_QUESTIONS:
        draws = reconstruction_draws(selected.run.model, selected.x, selected.q, DRAWS, _generator(selected)).double()
    parts = {count: draws[: len(draws) // count * count].view(-1, count).mean(1)[:MOST_ESTIMATES] for count in COUNTS}
    left, right = st.columns([1.4, 1], gap="medium")
    with left:
        figure = estimator_figures.scattering(parts)
        st.plotly_chart(
            figure, key="scattering_chart", config=CHARTS, height=380, alt="Estimates scatter less with more samples"
        )
    with right:
        rows = "".join(
            f"<tr><td>{count:,}</td><td>{signed(values.mean().item())}</td>"
            f"<td>{f'{values.std().item():.3f}' if len(values) > 2 else f'{draws.std().item() / count**0.5:.3f}'}</td></tr>"
            for count, values in parts.items()
        )
        st.html(
            '<table class="numbers big"><tr><th>samples</th><th>mean</th><th>spread (sd)</th></tr>'
            f"{rows}</table><p>Each dot is one estimate of E<sub>q</sub>[log p(x|z)]; ten times the samples scatter √10 times "
            "less. Training takes <b>one</b> sample for each image: it is right on average, and the noise of "
            "the hundred images of a batch, and of thousands of steps, averages out.</p>"
            f'<p class="small">{reference(selected.q.mean.shape[1])}: '
            f"{estimated(numbers.reconstruction, numbers.reconstruction_error, 3)} nats.</p>"
        )
        _again()


def reference(latent: int) -> str:
    """Where the equation's reconstruction term comes from."""
    return "By quadrature" if latent <= MOST_DIMENSIONS else f"From {SAMPLES:,} other samples"


def _gradients(selected: SelectedImage, numbers: IdentityTerms) -> None:
    """The gradient by q's mean, through the reparameterisation and by the score function, without and with a baseline."""
    model, x, q = selected.run.model, selected.x, selected.q
    with memory.LARGE_QUESTIONS:
        compared, drawn = compare_gradients(model, x, q, GRADIENTS, _generator(selected))
        exact = quadrature_gradient(model, x, q) if q.mean.shape[1] <= 2 else None
    shown = min(q.mean.shape[1], 2)
    names = tuple(f"z{index + 1}" for index in range(shown))
    left, right = st.columns([1.4, 1], gap="medium")
    with left:
        figure = estimator_figures.gradient_histograms(drawn, names)
        st.plotly_chart(figure, key="gradient_chart", config=CHARTS, height=540, alt="Histograms of the gradient estimators")
    with right:
        rows = ""
        for index, name in enumerate(names):
            for kind, summary in (
                ("z = μ + σε", compared.pathwise),
                ("score", compared.score_function),
                ("score, baseline", compared.with_baseline),
            ):
                rows += (
                    f"<tr><td>{name}</td><td>{kind}</td><td>{signed(summary.mean[index].item())} ± "
                    f"{summary.standard_error[index].item():.2f}</td><td>{_two_digits(summary.variance[index].item())}</td></tr>"
                )
            if exact is not None:
                value = f"{signed(exact.gradient[index].item())} ± {exact.change:.2f}"
                rows += f"<tr><td>{name}</td><td>quadrature</td><td>{value}</td><td>0</td></tr>"
        st.html(
            '<table class="numbers big"><tr><th></th><th></th><th>mean ± standard error</th><th>variance</th></tr>'
            f"{rows}</table><p>All are right on average. {comparison(compared, names)}</p>"
            f'<p class="small">{GRADIENTS:,} samples of each; nats per unit of the mean. Baseline: the mean of log p(x|z) over '
            "the other samples, subtracted."
            f"{'' if exact is None else ' ± of the quadrature: what its last refinement changed.'}</p>"
        )
        _again()


def comparison(compared: GradientComparison, names: Sequence[str]) -> str:
    """How many more samples the score function needs in the dimensions of `names`, by the ratio of the variances, and why."""
    count = len(names)
    constant = compared.constant_share[:count].min().clamp(min=0).item()
    return (
        f"The score function needs {_times(compared.variance_ratio, names)} (the ratio of the variances), but "
        f"{percent(constant)} of its variance is a constant's: the mean of log p(x|z), times ε/σ, which is zero on average and "
        f"tells nothing. With that mean subtracted, as a baseline, it needs {_times(compared.ratio_with_baseline, names)}: "
        f"{_why(compared.ratio_with_baseline[:count].tolist(), names)}"
    )


def _times(ratios: Tensor, names: Sequence[str]) -> str:
    each = zip(map(_two_digits, ratios.tolist()), names, strict=False)
    return " and ".join(f"<b>{times}</b> times as many samples for {name}" for times, name in each)


def _why(ratios: Sequence[float], names: Sequence[str]) -> str:
    """What is left to tell the estimators apart."""
    better = [name for name, ratio in zip(names, ratios, strict=True) if ratio < 0.995]  # shown as less than 1
    if not better:
        return "it knows only how good each image was, while z = μ + σε knows in which direction it gets better."
    return (
        f"for {' and '.join(better)} it does better, because q is so wide that the slope of log p(x|z), by which "
        "z = μ + σε goes, differs very much from sample to sample."
    )


def _two_digits(value: float) -> str:
    """A count, or a small number to two digits."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"


def _derivation(selected: SelectedImage, numbers: IdentityTerms) -> None:
    derivation.show(
        numbers,
        negative_entropy(selected.q).item(),
        expected_log_prior(selected.q).item(),
        selected.run.model.likelihood,
    )
