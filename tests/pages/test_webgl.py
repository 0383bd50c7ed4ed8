"""Pages for browsers without WebGL."""

from __future__ import annotations

import json

import pytest

from tests.pages.conftest import charts, open_page
from ui.charts import webgl


@pytest.mark.parametrize("page", ["app.py", "pages/train.py", "pages/compare.py", "pages/diffusion.py"])
def test_no_page_asks_for_webgl_when_the_browser_said_that_it_has_none(page):
    def kinds() -> set[str]:
        plain = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
        return {trace["type"] for figure in [*plain, *charts(app)] for trace in figure["data"]}

    app = open_page(page, **({"chapter": "field"} if "diffusion" in page else {}))
    assert "scattergl" in kinds()
    app.session_state[webgl.LACKING] = True
    app.run()
    assert not app.exception and "scatter" in kinds() and "scattergl" not in kinds()
