"""What the browser computes is what Python computes: quantiles, coordinates, the atlas, noise levels; and when it cleans up."""

from __future__ import annotations

import base64
import math

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page
from scipy.stats import norm
from torch.distributions import Normal, kl_divergence

from tests.conftest import ROOT
from ui.components.bundle import bundle
from vae.data import datasets
from vae.data.datasets import pixels
from vae.diffusion.noise_schedule import GREATEST, noise_level
from vae.evidence.log_likelihood_grids import Grid, log_likelihood_grids
from vae.evidence.plane_quadrature import PlaneQuadrature
from vae.latent.atlas import PIXELS, lens
from vae.model.autoencoder import Posterior
from vae.model.reconstruction import reconstruction_term
from vae.runs.folder import load_run

COMPONENTS = ROOT / "ui" / "components"
IDENTITY, BALANCE = "elbo_identity/expected_log_likelihood.js", "elbo_identity/balance.js"


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Page:
    page = browser.new_page()
    yield page
    page.close()


def ask(page: Page, script: str, expression: str, given: object) -> object:
    """An expression of a script's exports, `exported`, and of what is `given`."""
    code = base64.b64encode(bundle(COMPONENTS / script).encode()).decode()
    return page.evaluate(
        f"async (given) => {{ const exported = await import('data:text/javascript;base64,{code}'); return {expression}; }}",
        given,
    )


def test_shares_and_quantiles_are_the_normal_distributions(blank):
    z = np.linspace(-5, 5, 201)
    assert ask(blank, "lens/quantiles.js", "given.map(exported.normalShare)", z.tolist()) == pytest.approx(
        norm.cdf(z), abs=2e-7
    )
    shares = norm.cdf(np.linspace(-4, 4, 81))
    found = ask(blank, "lens/quantiles.js", "given.map(exported.normalQuantile)", shares.tolist())
    assert norm.cdf(found) == pytest.approx(shares, abs=2e-7)


@pytest.mark.parametrize("scale", ["linear", "quantile"])
def test_pixels_and_places_are_each_others_by_the_charts_axes(blank, scale):
    """A plot of 400 x 300 pixels at (110, 70) of the window, which shows from -2 to 3 and from -1 to 1.5, or those shares."""
    across, up = np.array([-2.0, 3.0]), np.array([-1.0, 1.5])
    if scale == "quantile":
        across, up = norm.cdf(across), norm.cdf(up)
    view = f"""new exported.View({{
        getBoundingClientRect: () => ({{ left: 100, top: 50 }}), _fullLayout: {{
            xaxis: {{ _offset: 10, _length: 400, range: {across.tolist()} }},
            yaxis: {{ _offset: 20, _length: 300, range: {up.tolist()} }} }} }}, exported.SCALES.{scale}, false)"""
    pixels = np.random.default_rng(0).uniform((110, 70), (510, 370), (50, 2))
    shares = (pixels - (110, 70)) / (400, 300)
    expected = np.stack([across[0] + shares[:, 0] * np.ptp(across), up[1] - shares[:, 1] * np.ptp(up)], 1)
    if scale == "quantile":
        expected = norm.ppf(expected)
    places = ask(blank, "lens/chart_coordinates.js", f"given.map(([x, y]) => ({view}).placeAt(x, y))", pixels.tolist())
    assert np.array(places) == pytest.approx(expected, abs=1e-5)
    back = ask(blank, "lens/chart_coordinates.js", f"given.map((place) => ({view}).pixelOf(place))", places)
    assert np.array(back) == pytest.approx(pixels - (110, 70), abs=1e-2)


def test_the_atlas_is_sampled_as_the_server_samples_it(blank):
    """Anywhere on it, its corners and its borders included, but for rounding to whole grey levels."""
    random = np.random.default_rng(0)
    lattice, extent = random.integers(0, 256, (5, 5, PIXELS), np.uint8), 2.5
    places = np.concatenate(
        [random.uniform(-extent, extent, (20, 2)), [[-extent, -extent], [extent, extent], [0, extent], [-0.1, 0]]]
    )
    expression = """(() => {
        const lattice = Uint8Array.from(atob(given.lattice), (letter) => letter.charCodeAt(0));
        const atlas = new exported.Atlas(lattice, 5, given.extent, 0), grey = new Uint8ClampedArray(784);
        return given.places.map((place) => atlas.sample(place, grey) && Array.from(grey));
    })()"""
    given = {"lattice": base64.b64encode(lattice.tobytes()).decode(), "extent": extent, "places": places.tolist()}
    found = np.array(ask(blank, "lens/atlas.js", expression, given))
    assert np.abs(found - 255 * lens(lattice, extent, places)).max() < 1.5
    beyond = given | {"places": [[extent + 0.01, 0], [0, -extent - 0.01]]}
    assert ask(blank, "lens/atlas.js", expression, beyond) == [False, False]


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_noise_levels_are_those_of_the_chain(blank, schedule):
    times = torch.linspace(0, 1, 41, dtype=torch.float64)
    found = ask(
        blank,
        "particle_player/noise_levels.js",
        f"given.map((t) => exported.levelAt(t, '{schedule}', {GREATEST}))",
        times.tolist(),
    )
    assert found == pytest.approx(noise_level(times, schedule).tolist(), rel=1e-6, abs=1e-6)


def test_what_a_component_keeps_ends_when_its_host_has_left_the_page_and_no_earlier(blank):
    seen = ask(
        blank,
        "shared/lifecycle.js",
        """(() => {
            const host = document.body.appendChild(document.createElement('div')), seen = [];
            host.kept = 'kept';
            const cleanups = [1, 2].map(() => exported.endedWithHost(host, 'kept', (kept) => seen.push(kept)));
            cleanups[0]();
            seen.push(host.kept);
            host.remove();
            cleanups.forEach((cleanup) => cleanup());
            return [...seen, host.kept ?? null];
        })()""",
        None,
    )
    assert seen == ["kept", "kept", None]


def test_expectations_under_q_are_the_models(blank):
    """From the grids of an image, in the browser, for q's near its posterior and away from it."""
    run = load_run(ROOT / "checkpoints" / "digits")
    x = pixels(datasets.load("digits").held_out.images[5:6])
    q = run.model.encode(x)
    centre = tuple(q.mean[0].tolist())
    grids = log_likelihood_grids(PlaneQuadrature(run.model), x, centre, 8 * q.standard_deviation.max().item())
    dice = torch.Generator().manual_seed(0)
    shifts = 2 * torch.randn(8, 2, generator=dice)
    stretches = 2 * torch.randn(8, 2, generator=dice) * torch.tensor(1.5).log()
    qs = [Posterior(q.mean + s * q.standard_deviation, q.log_variance + t) for s, t in zip(shifts, stretches, strict=True)]
    qs.append(Posterior(q.mean, torch.full((1, 2), 2 * math.log(0.2))))
    given = {
        "extent": grids.extent, "qs": [[each.mean[0].tolist(), each.standard_deviation[0].tolist()] for each in qs],
        "coarse": plain(grids.coarse), "fine": plain(grids.fine),
    }  # fmt: skip
    found = ask(blank, IDENTITY, "given.qs.map((q) => new exported.ExpectedLogLikelihood(given).under(...q))", given)
    exact = [reconstruction_term(run.model, x, each) for each in qs]
    assert max(each.error for each in exact) < 0.01
    assert found == pytest.approx([each.value for each in exact], abs=0.02)


def plain(grid: Grid) -> dict:
    rows, columns = grid.values.shape
    numbers = grid.values.flatten().tolist()
    return {"first": grid.first, "spacing": grid.spacing, "rows": rows, "columns": columns, "values": numbers}


def test_the_kl_to_the_prior_is_torchs(blank):
    mean, sigma = torch.tensor([0.7, -1.9]), torch.tensor([0.03, 1.4])
    exact = kl_divergence(Normal(mean, sigma), Normal(0.0, 1.0)).sum().item()
    assert ask(blank, IDENTITY, "exported.klToPrior(...given)", [mean.tolist(), sigma.tolist()]) == pytest.approx(
        exact, abs=1e-5
    )


@pytest.mark.parametrize("gap", [0.0, 0.4, 3.0, 40.0, 5_000.0, 1e7])
@pytest.mark.parametrize("kl", [0.0, 8.0, 60.0])
def test_the_columns_axis_shows_all_there_is_and_stands_still_for_small_moves(blank, gap, kl):
    terms = {"evidence": -100.0, "gap": gap, "reconstruction": -100.0 - gap + kl, "kl": kl}
    low, high = ask(blank, BALANCE, "exported.axisRange(given)", terms)
    top = max(terms["evidence"], terms["reconstruction"])
    assert low < -100.0 - gap and high - top >= 0.04 * (high - low)  # the label above the higher column too
    near = terms | {"gap": gap * 1.001, "reconstruction": terms["reconstruction"] - gap * 0.001}
    assert ask(blank, BALANCE, "exported.axisRange(given)", near) == [low, high]


def test_ticks_are_round_numbers_and_read_as_what_they_are(blank):
    """Also where a plane is so small that its ticks have more than three digits."""
    ticks = "exported.ticksWithin(...given, exported.roundStep((given[1] - given[0]) / 4)).map(exported.number)"
    assert ask(blank, "shared/ticks.js", ticks, [1.4599, 1.5391]) == ["1.46", "1.48", "1.5", "1.52"]
    assert ask(blank, "shared/ticks.js", ticks, [-1.4801, -1.4709]) == ["−1.48", "−1.475"]
    assert ask(blank, "shared/ticks.js", ticks, [-140, -120]) == ["−140", "−135", "−130", "−125", "−120"]
