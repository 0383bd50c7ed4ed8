"""Runs side by side as a visitor meets them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.screen import loaded, query, snapshot_of
from tests.conftest import wait_until
from ui.compare.compared_runs import TRIO
from vae.evaluation.comparison import figures_of
from vae.latent.plane import plane_of_axes
from vae.model.autoencoder import count_parameters

PLANES = "[class*=st-key-planes_]"
GRAPH = f"document.querySelector('{PLANES} .js-plotly-plot')"


@pytest.fixture
def comparison(page: Page, address: str) -> Page:
    page.goto(f"{address}/compare?runs={','.join(TRIO)}&picture=codes&scales=one")
    page.wait_for_function(f"() => {GRAPH}?._fullLayout?.xaxis3 && {GRAPH}.querySelector('.gl-canvas')")
    expect(page.locator("table.compared")).to_be_attached()
    return page


def ranges(page: Page) -> list[list[float]]:
    """Of all axes as Plotly draws them, to a thousandth."""
    return page.evaluate(
        f"""() => {{ const layout = {GRAPH}._fullLayout;
            return ['xaxis', 'xaxis2', 'xaxis3', 'yaxis', 'yaxis2', 'yaxis3'].map(
                (name) => layout[name].range.map((edge) => Math.round(edge * 1000) / 1000)); }}"""
    )


def test_three_planes_have_one_scale_and_the_wheel_zooms_them_together(comparison):
    before = ranges(comparison)
    assert before[:3] == [before[0]] * 3 and before[3:] == [before[3]] * 3
    assert before[0][1] - before[0][0] == pytest.approx(before[3][1] - before[3][0])
    box = comparison.locator(f"{PLANES} .nsewdrag").nth(1).bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=2)  # a unit is as long on both axes
    comparison.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    comparison.mouse.wheel(0, -300)
    wait_until(lambda: ranges(comparison)[0] != before[0] and len(set(map(str, ranges(comparison)[:3]))) == 1, "a zoom", 20)
    assert ranges(comparison)[0][1] < before[0][1]


def test_the_tables_figures_are_the_runs(comparison, runs):
    rows = [row.locator("td").all_inner_texts() for row in comparison.locator("table.compared tr").all()[1:]]
    cells = {name.split("  ")[0].strip(): values for name, *values in rows}
    for place, name in enumerate(TRIO):
        run = loaded(runs / name)
        figures = figures_of(snapshot_of(runs / name), plane_of_axes(2), count_parameters(run.model), 0.0)
        expected = {"reconstruction": figures.reconstruction, "KL": figures.kl, "ELBO": figures.elbo}
        for row, value in expected.items():
            written = next(values for start, values in cells.items() if start.startswith(row))[place]
            assert float(written.replace("−", "-").replace(",", "")) == pytest.approx(value, abs=0.006)
        written = next(values for start, values in cells.items() if start.startswith("five nearest"))[place]
        assert float(written.split()[0]) == pytest.approx(100 * figures.neighbour_accuracy, abs=0.06)
    assert query(comparison)["runs"] == ",".join(TRIO) and comparison.faults == []
