"""Pages without a browser."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT


@pytest.fixture
def runs(small_run, monkeypatch) -> Path:
    """A folder of runs with one small run in it, which the pages look at."""
    monkeypatch.setenv("VAE_RUNS", str(small_run.path.parent))
    return small_run.path.parent


def open_page(page: str = "app.py", **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if page != "app.py":
        app.switch_page(page)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def tell(app: AppTest, key: str, words: str) -> AppTest:
    """Run the page with what a browser says of a select box that it draws as it was a moment ago."""
    states = app._tree.get_widget_states()
    next(state for state in states.widgets if state.id == app.selectbox(key=key).id).string_value = words
    return app._run(states)


def shown(app: AppTest) -> str:
    """All words on the page, with plain minus signs."""
    words = [*(element.body for element in app.get("html")), *(e.value for e in [*app.markdown, *app.info])]
    return " ".join(words).replace("−", "-")


def address(app: AppTest) -> dict[str, str]:
    """The query in the address; AppTest keeps lists or plain strings."""
    query = dict(app.query_params)
    return {name: value if isinstance(value, str) else value[-1] for name, value in query.items()}


def told(app: AppTest, key: str = "lens") -> dict:
    """What a component of our own is told to draw."""
    return json.loads(next(part for part in app.get("bidi_component") if part.key == key).proto.json)


def send(app: AppTest, key: str, event: str, value: object) -> AppTest:
    """Run the page with what a component of our own tells of an event."""
    name = next(part for part in app.get("bidi_component") if part.key == key).proto.id
    states = app._tree.get_widget_states()
    events = json.dumps([{"event": event, "value": value}])
    states.widgets.add(id=f"$$STREAMLIT_INTERNAL_KEY_{name}__events", json_trigger_value=events)
    return app._run(states)


def charts(app: AppTest) -> list[dict]:
    """The charts that are redrawn in place, as Plotly is given them."""
    parts = [json.loads(part.proto.json) for part in app.get("bidi_component") if part.proto.component_name == "live_chart"]
    return [json.loads(part["figure"]) for part in parts]


def pixels(url: str) -> np.ndarray:
    """The grey pixels of a data URL."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))).astype(int)


def pictures(app: AppTest, block: str) -> list[np.ndarray]:
    """The pictures in the one block of HTML that begins with a tag of this class."""
    body = next(element.body for element in app.get("html") if re.match(rf'<\w+ class="{block}', element.body))
    return [pixels(url) for url in re.findall(r'src="(data:image/png[^"]+)"', body)]
