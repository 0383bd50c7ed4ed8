"""Below the particles: why bother, the score, the ledger, and the way from one latent to a chain of them."""

from __future__ import annotations

import streamlit as st
import torch

from ui.charts import webgl
from ui.charts.markup import percent, png_url, signed
from ui.diffusion import cache, figures, training_panel, trajectories
from ui.diffusion.cache import Balance, Fields, PriorVersion
from ui.shell.waiting import waiting
from ui.state import session
from vae.diffusion.evaluation import NEIGHBOURS, Figures
from vae.diffusion.folder import PriorFolder
from vae.diffusion.noise_schedule import diffuse
from vae.runs.folder import RunFolder

NAMES = {
    "why": "Why a learned prior",
    "field": "The score",
    "ledger": "The ledger, in nats",
    "story": "From one latent to a chain",
    "training": "Its training",
}
WAITING = {
    "why": "Drawing codes and decoding them ...",
    "field": "Computing both scores ...",
    "ledger": "Computing the terms of the chain ...",
    "story": "Computing the terms of the chain ...",
    "training": "Reading the prior's training ...",
}
LEVELS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0)
CHAINS = (10, 30, 100, 300, 1000)
AGREES_FROM = 0.2
ABOUT = {
    "mnist": "The codes of <b>mnist</b> are near N(0, I), so both grids are digits and there is little to gain. Choose "
    "<b>mnist-beta0</b>, an autoencoder, at the top: its codes lie anywhere.",
    "mnist-beta0": "With beta 0 nothing pulls the codes to N(0, I), and a decoder is only good where codes are. Latent "
    "diffusion trains its first stage nearly so, for sharper images, and learns the prior afterwards. Choose <b>mnist</b> at "
    "the top to see codes that are near N(0, I).",
}
"""What the two shipped runs with a prior are there to show."""


def show(folder: RunFolder, version: PriorVersion) -> None:
    """The chapter that is chosen; only this one is computed."""
    st.session_state["chapter"] = session.view().chapter
    st.segmented_control(
        "Chapter", list(NAMES), format_func=NAMES.get, key="chapter", label_visibility="collapsed", required=True,
        on_change=lambda: session.change(chapter=st.session_state["chapter"]),
    )  # fmt: skip
    chapters = {"why": _why, "field": _field, "ledger": _ledger, "story": _story, "training": _training}
    with waiting(WAITING[session.view().chapter], "chapter"):
        chapters[session.view().chapter](folder, version)


def _why(folder: RunFolder, version: PriorVersion) -> None:
    """What is decoded from N(0, I), and from the prior; and the figures that tell them apart."""
    normal, learned = cache.prior_grids(version)
    left, right, table = st.columns([1, 1, 1.25], gap="medium")
    left.html(_grid(normal, "z drawn from <b>N(0, I)</b>, decoded"))
    right.html(_grid(learned, "z drawn from the <b>diffusion prior</b>, decoded"))
    with table:
        measured = PriorFolder(version.path).read_figures()
        if measured is None:
            st.info("The figures that tell them apart are measured when a prior's training is finished; train it again.")
        else:
            st.html(figures_table(measured))
        if folder.name in ABOUT:
            st.html(f'<p class="small">{ABOUT[folder.name]}</p>')


def _grid(pixels: object, caption: str) -> str:
    return f'<figure class="picture mosaic"><img src="{png_url(pixels)}" alt=""><figcaption>{caption}</figcaption></figure>'


def figures_table(figures: Figures) -> str:
    """A row for each source of codes."""
    sure = figures.sure
    rows = [
        ("N(0, I)", "normal"), ("a mixture of 20 Gaussians", "mixture"), ("the diffusion prior", "diffusion"),
        ("the training codes themselves", "train"),
    ]  # fmt: skip
    body = "".join(
        f'<tr class="{name}"><td>{words}</td><td>{getattr(figures.wasserstein, name):.3f}</td>'
        f"<td>{percent(getattr(sure, name)) if sure else 'no images'}</td></tr>"
        for words, name in rows
    )
    gain = f"{round(figures.density, 2) - round(figures.normal_density, 2):+.2f}".replace("-", "−")
    head = "<tr><th>z drawn from</th><th>distance to held-out codes</th><th>sure digits</th></tr>"
    return f"""<table class="numbers big">{head}{body}</table>
    <p class="small"><b>Distance</b>: sliced Wasserstein, in units of z, {figures.codes:,} codes on either side.
    <b>Sure</b>: all {NEIGHBOURS} nearest training images of a decoded sample have one label. A held-out code has log p(z) =
    {signed(figures.density)} nats from the diffusion prior and {signed(figures.normal_density)} from N(0, I):
    <b>{gain} ± {figures.gain_error:.2f} nats</b>.</p>"""


def _field(folder: RunFolder, version: PriorVersion) -> None:
    """The learned score beside the exact one."""
    prior = cache.load_prior(version)
    if prior.description.latent != 2:
        st.info(f"The score of this run has {prior.description.latent} dimensions; arrows on a plane show it for runs with 2.")
        return
    words, slider = st.columns([1.6, 1], gap="large")
    level = slider.select_slider(
        "Noise level s = σ/α", LEVELS, value=0.5, key="field_level", format_func=lambda value: f"{value:g}"
    )
    extent = trajectories.extent_of(cache.scene(version))
    seen = cache.fields(version, level, extent)
    words.html(_field_words(level, seen))
    codes = cache.forward_codes(version).select(torch.arange(1500) % len(cache.forward_codes(version)))
    u = prior.standard.to_standard(codes.posterior.mean)
    dots = diffuse(u, torch.tensor(level), torch.randn(u.shape, generator=torch.Generator().manual_seed(2)))
    places = trajectories.field_places(cache.FIELD_CELLS, extent)
    with st.container(key="score_fields"):
        figure = figures.score_fields(seen.learned, seen.exact, places, extent, dots, codes.labels)
        st.plotly_chart(
            webgl.drawable(figure), key="score_chart", config=figures.CHARTS, height="stretch",
            alt="The learned score and the exact score as arrows",
        )  # fmt: skip


def _field_words(level: float, seen: Fields) -> str:
    agree = f"At {seen.codes:,} held-out codes with this much noise, the arrows' mean cosine is <b>{seen.cosine:.3f}</b>."
    if level >= AGREES_FROM:
        why = (
            "An arrow is the score: it points to the expected clean code, shrunk by α as in z_t, and is longer where "
            "more noise is expected."
        )
    else:
        why = (
            "Here the two <b>have to differ</b>: the exact score remembers every training code and pulls towards the nearest "
            "one; sampling by it would only give training codes back. The denoiser has learned what they have in common."
        )
    return f'<p class="lead">{agree}</p><p class="small">{why}</p>'


def _ledger(folder: RunFolder, version: PriorVersion) -> None:
    """The bound's terms for a chain of some length, beside the VAE's own KL term."""
    words, chooser = st.columns([1.6, 1], gap="large")
    steps = chooser.select_slider("Latents in the chain, T", CHAINS, value=1000, key="chain_length")
    books = cache.balance(version, steps)
    words.html(ledger_table(books, PriorFolder(version.path).read_figures(), steps))


def ledger_table(books: Balance, figures: Figures | None, steps: int) -> str:
    """What a code costs, in nats per image: with N(0, I), and with the chain."""
    terms = books.ledger
    rows = [
        ("KL(q(z | x) ‖ N(0, I)), the VAE's own", "kl", books.kl, ""),
        (
            "first step: log q(z | x) − log p(z | z₁)",
            "",
            terms.first_step,
            "the code, read from the chain's least noisy latent",
        ),
        (f"diffusion: {steps - 1:,} steps of KL", "", terms.diffusion, "each: the true step back, against the learned one"),
        ("prior: KL(q(z<sub>T</sub> | z) ‖ N(0, I))", "", terms.prior, "what is left of the code at the noisy end"),
        ("KL with the chain, their sum", "kl", terms.kl, f"standard error {terms.error:.2f}"),
    ]
    body = "".join(
        f'<tr class="{kind}"><td>{name}</td><td>{signed(value)}</td><td class="words">{why}</td></tr>'
        for name, kind, value, why in rows
    )
    change = round(books.kl, 2) - round(terms.kl, 2)
    better = f"The bound is <b>{'better' if change > 0 else 'worse'} by {abs(change):.2f} nats</b> than with N(0, I)"
    exact = f"; by the ODE's density, which is no bound, the gain is {figures.gain:+.2f} nats" if figures else ""
    return f"""<table class="numbers big"><tr><th>nats per image</th><th></th><th></th></tr>{body}</table>
    <p class="lead">{better}{exact}.</p>
    <p class="small">{books.codes:,} held-out images. The reconstruction term E[log p(x | z)] is the VAE's own in both cases, so
    what the KL term loses the ELBO gains. A chain's noise levels s = σ/α rise by one factor a step; a short chain pays
    for its coarse steps. What DDPM trains, the noise-prediction loss, here <b>{terms.noise_prediction:.3f}</b> per
    dimension, is the same sum with other weights (less on little noise), so it is no bound of log p(x). This prior was
    trained with weights close to those: see <b>Its training</b>.</p>"""


def _story(folder: RunFolder, version: PriorVersion) -> None:
    """Short steps from the ELBO with one latent to the ELBO with a chain."""
    books = cache.balance(version, 1000)
    for words, formula in story(books):
        left, right = st.columns([1, 1.3], gap="large", vertical_alignment="center")
        left.markdown(words)
        right.latex(formula)


def story(books: Balance) -> list[tuple[str, str]]:
    """Each step in words and as a formula, with this run's numbers in it."""
    terms = books.ledger
    sums = f"{signed(terms.first_step)} + {signed(terms.diffusion)} + {signed(terms.prior)} = {signed(terms.kl)} nats"
    return [
        (
            f"**1. One latent.** The VAE pays for a code by the KL of q from N(0, I): here {books.kl:.2f} nats an image.",
            r"\log p(x) \ge \mathbb{E}_q[\log p(x|z)] - \mathrm{KL}(q(z|x) \,\|\, p(z)),\quad p(z) = \mathcal{N}(0, I)",
        ),
        (
            "**2. Another prior.** Nothing in the bound needs N(0, I). Any p(z) will do; the best one is where the codes are.",
            r"\mathrm{KL}(q(z|x) \,\|\, p(z)) = \mathbb{E}_q[\log q(z|x)] - \mathbb{E}_q[\log p(z)]",
        ),
        (
            "**3. Make noise of codes.** Mix z with a little noise, and again, until only noise is left. Nothing is learned.",
            r"z_t = \alpha_t z + \sigma_t \varepsilon,\; \alpha_t^2 + \sigma_t^2 = 1,\; \varepsilon \sim \mathcal{N}(0, I)",
        ),
        (
            "**4. A chain of latents.** Read backwards it is a model: draw noise, and take it back step by step.",
            r"p(z, z_1, \dots, z_T) = \mathcal{N}(z_T; 0, I)\, \prod_{t=2}^{T} p(z_{t-1}|z_t)\; p(z|z_1)",
        ),
        (
            "**5. The same bound, longer.** z has latents of its own, and their terms take the KL's place: the first step, "
            f"all the middle ones, the noisy end. Here {sums}.",
            r"\mathbb{E}\Big[\log\tfrac{q(z|x)}{p(z|z_1)}\Big] + \sum_{t=2}^{T} \mathbb{E}\,\mathrm{KL}(q(z_{t-1}|z_t,z) \| "
            r"p(z_{t-1}|z_t)) + \mathrm{KL}(q(z_T|z) \,\|\, \mathcal{N}(0, I))",
        ),
        (
            "**6. Each step is denoising.** Both sides of a middle KL are Gaussians of one width: it is the squared distance "
            "between the code and D, the guess of it. s is the noise level, sigma over alpha; r that of the step below.",
            r"\mathrm{KL}_t = \tfrac12 \Big(\tfrac1{r^2} - \tfrac1{s^2}\Big) \| z - D \|^2,\quad s = \sigma_t/\alpha_t",
        ),
        (
            "**7. Denoising is the score.** The best guess says in which direction the noisy codes get denser: what the "
            "arrows show, and what both samplers follow.",
            r"\nabla_x \log p(x; s) = \frac{D(x; s) - x}{s^2},\quad x = z + s\,\varepsilon = z_t/\alpha_t",
        ),
        (
            "**8. What DDPM trains.** The same squares with kinder weights: predict the noise. Along this chain that is, for "
            f"each of z's d dimensions, {terms.noise_prediction:.3f}. This prior's own loss weighs the noise levels a little "
            "differently.",
            r"\tfrac1d L_{\text{simple}} = \tfrac1d\, \mathbb{E}\, \big\| \varepsilon - \hat\varepsilon \big\|^2,\quad "
            r"\hat\varepsilon = \frac{z_t - \alpha_t D}{\sigma_t}",
        ),
    ]


def _training(folder: RunFolder, version: PriorVersion) -> None:
    training_panel.show_past(folder, PriorFolder(version.path))
