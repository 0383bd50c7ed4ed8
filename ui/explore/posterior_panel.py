"""The left of the plane: the original, the encoder's posterior, the terms, and samples."""

from __future__ import annotations

import html
from collections.abc import Callable

import streamlit as st
import torch

from ui.cache import runs
from ui.charts import markup
from ui.components.sketchpad import sketchpad
from ui.components.uploaded_picture import uploaded_picture
from ui.components.uploaded_picture.uploaded_picture import Uploaded
from ui.explore import cache
from ui.explore.posterior_closeup import closeup
from ui.explore.scene import Scene
from ui.glossary import term
from ui.shell import dataset_download, image_choice
from ui.state import session
from ui.text import plain
from vae.data.picture_files import MOST_MEGABYTES, PictureError, read_picture
from vae.data.preprocessing import to_convention
from vae.latent.posterior_summary import PosteriorSummary, Samples, draw_samples
from vae.model.autoencoder import Posterior

SAMPLES = 4
SOURCES = {"test": "Test", "draw": "Draw", "upload": "Upload", "prior": "Prior"}
OWN_PROBLEM = "own_problem"
FEW_DIMENSIONS = 3


def choose_source(scene: Scene) -> None:
    """Where z comes from: an image, by the encoder, or the prior."""
    st.session_state["source"] = scene.view.source
    st.segmented_control(
        "Where z comes from", list(SOURCES), key="source", format_func=SOURCES.get, on_change=_choose_source,
        label_visibility="collapsed", width="stretch", required=True,
    )  # fmt: skip


def choose_image(scene: Scene) -> None:
    """Choose an image of the run, or draw or upload one."""
    source = scene.view.source
    if source == "test" and scene.snapshot is not None and len(scene.snapshot.labels):
        with st.container(horizontal=True, key="choose_image"):
            image_choice.choose_image(scene.snapshot.labels, scene.run.class_names, scene.view.probe, "Random")
    if source == "draw":
        sketchpad.canvas("own_canvas", lambda content: _take_drawing(scene, content), _forget)
    elif source == "upload":
        _show_upload(scene)
    if message := st.session_state.get(OWN_PROBLEM):
        st.warning(plain(message))


def _choose_source() -> None:
    st.session_state[OWN_PROBLEM] = None
    session.change(source=st.session_state["source"])


def _show_upload(scene: Scene) -> None:
    """A place for a file, and the picture that was in it with what was found there."""
    st.file_uploader(
        "A picture or a photograph", key="own_file", max_upload_size=MOST_MEGABYTES,
        on_change=_take_file, args=(scene,),
    )  # fmt: skip
    picture = uploaded_picture.kept(scene.run.config.dataset)
    if picture is not None:
        uploaded_picture.show(
            "own_picture", picture, lambda corrected: _take(scene, lambda: uploaded_picture.look(corrected).image)
        )


def _take_file(scene: Scene) -> None:
    file = st.session_state["own_file"]
    if file is not None:
        _take(scene, lambda: uploaded_picture.look(Uploaded(read_picture(file.getvalue()), scene.run.config.dataset)).image)


def _take_drawing(scene: Scene, content: bytes) -> None:
    """What was drawn is ink as it is: white on black."""
    _take(scene, lambda: to_convention(read_picture(content)[..., 0], scene.run.config.dataset))


def _take(scene: Scene, image: Callable[[], torch.Tensor]) -> None:
    """Encode an image of the visitor's and pin its code; of what cannot be used the reason is told, and no number shown."""
    try:
        own = image().numpy().tobytes()
    except PictureError as error:
        _forget(str(error))
        return
    st.session_state[OWN_PROBLEM] = None
    session.pin(scene.view.z, own=own)


def _forget(problem: str | None = None) -> None:
    """Show no image and none of its numbers any more; z stays pinned."""
    st.session_state[OWN_PROBLEM] = problem
    session.pin(session.view().z)


def _original(scene: Scene) -> str:
    view, image = scene.view, scene.image()
    if view.own is not None:
        return markup.figure(image[0, 0].numpy(), "as the encoder sees it", "Your own image, 28 by 28 pixels")
    if view.probe is None:
        words = {"test": "Click a coloured point", "draw": "Draw above", "upload": "Choose a file above"}[view.source]
        return markup.placeholder(words, "No original: this z is not an image's code")
    name = html.escape(scene.run.class_names[int(scene.snapshot.labels[view.probe])])
    caption = f"original: {name} (image {view.probe:,})"
    if image is None:
        return markup.placeholder("Not on this machine", caption)
    return markup.figure(image[0, 0].numpy(), caption, "The image whose code was clicked")


def samples_of(scene: Scene, summary: PosteriorSummary) -> Samples:
    """The samples on the screen: those of this image and this count of new epsilons."""
    return draw_samples(scene.run.model, summary.posterior, SAMPLES, seed=scene.view.epsilon)


def show_posterior(scene: Scene, summary: PosteriorSummary | None, samples: Samples | None) -> None:
    """The original and beside it its posterior from close by; the terms, and samples with their epsilons."""
    with st.container(horizontal=True, key="encoded"):
        st.html(f'<div class="original-image {scene.view.source}">{_original(scene)}</div>')
        if summary is not None and summary.is_finite:
            st.html(_closeup(scene, summary, samples))
    if scene.view.source == "test" and runs.held_out(scene.run.config) is None:
        st.html(f'<p class="small">{html.escape(runs.why_absent(scene.run))}</p>')
        dataset_download.offer(scene.run.config.dataset)
    if summary is None:
        st.html(
            f'<p class="small">The encoder turns an image into an <b>{term("approximate posterior")}</b> q(z|x): not one '
            "point, but a small Gaussian on the plane. Click a coloured point to see one, with samples of it.</p>"
        )
        return
    if not summary.is_finite:
        st.warning("This run gives no finite numbers for this image; choose another image, or train the run anew.")
        return
    st.html(_moments(summary.posterior))
    st.html(_terms(scene, summary))
    with st.container(horizontal=True, vertical_alignment="center", key="epsilon"):
        st.html('<p class="formula">z = mean + sigma · ε</p>', width="content")
        st.button("New ε", key="new_epsilon", on_click=_new_epsilon, help="Draw new epsilons")
    st.html(_samples_table(samples))


def _closeup(scene: Scene, summary: PosteriorSummary, samples: Samples) -> str:
    plane, posterior = scene.plane, summary.posterior
    mean, covariance = plane.project(posterior.mean)[0], plane.project_covariance(posterior.log_variance.exp())[0]
    picture = closeup(mean, covariance, plane.project(samples.z), plane.names)
    image = f'<img class="closeup" src="{picture}" alt="Ellipses of 1 and 2 sigma, and the samples">'
    return (
        f'<figure class="picture posterior">{image}<figcaption>{term("approximate posterior", "q(z|x)")}</figcaption></figure>'
    )


def _new_epsilon() -> None:
    session.change(epsilon=session.view().epsilon + 1)


def _moments(posterior: Posterior) -> str:
    """Mean and standard deviation of each latent dimension."""
    mean, deviation = posterior.mean[0], posterior.standard_deviation[0]
    wide = " wide" if len(mean) > FEW_DIMENSIONS else ""
    digits = 2 if wide else 3
    return f'<p class="moments{wide}">mean {_vector(mean, digits)}<br>sigma {_vector(deviation, digits)}</p>'


def _samples_table(samples: Samples) -> str:
    """z = mean + sigma * epsilon: each sample's number, image, epsilon and z in one row."""
    rows = []
    for number, (epsilon, z, image) in enumerate(zip(samples.epsilon, samples.z, samples.images, strict=True), start=1):
        picture = f'<img src="{markup.png_url(image[0].numpy())}" alt="Sample {number}, decoded">'
        beside = f"<span>z {_vector(z)}</span>" if len(z) <= FEW_DIMENSIONS else ""
        rows.append(f"<li><b>{number}</b>{picture}<p><span>ε {_vector(epsilon)}</span>{beside}</p></li>")
    wide = " wide" if samples.z.shape[1] > FEW_DIMENSIONS else ""
    return f'<ol class="samples{wide}">{"".join(rows)}</ol>'


def _vector(values: torch.Tensor, digits: int = 2) -> str:
    return "(" + ", ".join(markup.signed(value, digits) for value in values.tolist()) + ")"


def _terms(scene: Scene, summary: PosteriorSummary) -> str:
    """The terms as the equation they stand in."""
    names = term("reconstruction term", "reconstruction"), term("KL term", "KL"), term("ELBO")
    found = f"{_unusual(scene, summary)}In {term('nats')}; reconstruction: {how_found(summary.samples)}; the KL is exact."
    return f"""<table class="terms">
    <tr class="reconstruction"><th>{names[0]}</th><td>{markup.estimated(summary.reconstruction, summary.error)}</td></tr>
    <tr class="kl"><th>− {names[1]}</th><td>{markup.signed(summary.kl)}</td></tr>
    <tr class="elbo"><th>= {names[2]}</th><td>{markup.estimated(summary.elbo, summary.error)}</td></tr></table>
    <p class="small">{found}</p>"""


def how_found(samples: int) -> str:
    """Where a reconstruction term comes from, of so many samples of z or of none."""
    if samples == 1:
        return "estimated with one sample of z, ± about what another would change"
    return f"mean of {samples:,} samples of z ± standard error" if samples else "the integral over q"


def _unusual(scene: Scene, summary: PosteriorSummary) -> str:
    """How an own image's ELBO stands among the held-out images'."""
    if scene.view.own is None:
        return ""
    share = cache.share_below(scene.version, summary.elbo)
    if share is None:
        return ""
    judgement = "An unusual image" if share < 0.05 else "A usual image"
    images = f"{term('held out', 'held-out')} images"
    return f"<b>{judgement}</b>: its ELBO is higher than that of {markup.percent(share)} of the {images}. "
