"""A visitor is not the owner, and what comes from outside is text."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from streamlit import config
from streamlit.testing.v1 import AppTest

import vae
from tests.conftest import small_config
from tests.pages.conftest import address, open_page, shown
from ui.shell import owner
from ui.shell.page_frame import PAGES
from ui.train import cache
from vae.runs.status import Status
from vae.training.report import Report

LOADS = "![x](//outside.invalid/p.png)"
TAGS = "<img src=//outside.invalid/q.png>"
MORE = f"{LOADS}{TAGS} $a$ :red[b] http://outside.invalid"
FOLDER = "![x](outside.invalid)<img src=q> :red[b]"
PARTS = ("outside.invalid", "<img src", "![x]", ":red[")


@pytest.fixture
def beyond() -> Iterator[None]:
    """A server that everybody reaches."""
    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    yield
    config.set_option("server.address", before)


# Visitors


def pressed(app: AppTest, *keys: str) -> dict[str, bool]:
    """Whether buttons of these keys can be pressed."""
    return {key: not app.button(key=key).disabled for key in keys}


def asleep(runs: Path, state: str = "running") -> vae.RunFolder:
    """A run that is being trained, as far as its folder says."""
    folder = vae.RunFolder.create(runs / "asleep", small_config())
    folder.write_status(Status(state, step=12, total_steps=24, host="another"))
    return folder


def test_a_visitor_sees_the_buttons_of_a_training_and_cannot_press_them(runs, beyond):
    folder = asleep(runs)
    app = open_page("pages/train.py", run="asleep")
    assert not app.exception
    assert pressed(app, "pause", "stop", "start") == {"pause": False, "stop": False, "start": False}
    assert app.select_slider(key="steer_beta_asleep_0").disabled and app.number_input(key="steer_epochs_asleep_0").disabled
    assert app.button(key="pause").help == owner.SENTENCE and owner.SENTENCE in shown(app)
    folder.write_status(Status("paused", step=12, total_steps=24, host="another"))
    folder.steer(pause_at=0)
    app = open_page("pages/train.py", run="asleep")
    assert not any(pressed(app, "go_on", "one_batch", "one_epoch", "stop").values())


def test_a_visitor_cannot_go_on_with_a_run_or_start_rename_delete_one(runs, beyond):
    app = open_page("pages/train.py", run="small")
    keys = ("lengthen", "start", "ask_rename", "ask_delete")
    assert pressed(app, *keys) == dict.fromkeys(keys, False)
    app = open_page("pages/diffusion.py", run="small")
    assert pressed(app, "diffuse") == {"diffuse": False} and owner.SENTENCE in [caption.value for caption in app.caption]


def test_no_processor_is_taken_by_what_a_visitor_fills_in(runs, beyond, monkeypatch):
    monkeypatch.setattr(cache, "estimate", lambda *anything: pytest.fail("an estimate was made"))
    app = open_page("pages/train.py", run="small")
    assert not app.exception and owner.SENTENCE in shown(app)


def test_the_owner_is_known_by_the_token_which_leaves_the_address(runs, beyond, capfd):
    app = open_page("pages/train.py", run="small", token=owner.TOKEN)
    assert not app.exception and pressed(app, "start", "lengthen") == {"start": True, "lengthen": True}
    assert "token" not in address(app)
    app.switch_page("app.py").run()
    app.switch_page("pages/train.py").run()
    assert pressed(app, "start") == {"start": True}
    told = [json.loads(part.proto.json) for part in app.get("bidi_component") if part.key == "bar_buttons"]
    assert owner.TOKEN in told[0]["cookie"]


@pytest.mark.parametrize("wrong", [lambda _: "", lambda t: t[:-1], lambda t: f"{t}x", lambda _: "ä", str.swapcase])
def test_another_token_is_none(runs, beyond, wrong):
    app = open_page("pages/train.py", run="small", token=wrong(owner.TOKEN))
    assert not app.exception and pressed(app, "start") == {"start": False}
    assert owner.TOKEN not in "".join(str(MessageToDict(node.proto)) for node in nodes(app))


def test_no_page_tells_a_visitor_the_token(runs, beyond):
    for page in PAGES.values():
        app = open_page(page, run="small")
        assert not app.exception and owner.TOKEN not in "".join(str(MessageToDict(node.proto)) for node in nodes(app)), page


def test_at_this_machine_there_is_no_token(runs):
    app = open_page("pages/train.py", run="small")
    assert pressed(app, "start") == {"start": True}


# Renaming and deleting


def test_a_run_is_renamed_and_the_view_follows_it(runs):
    app = open_page("pages/train.py", run="small", z="0.5000,-1.0000")
    app.button(key="ask_rename").click().run()
    app.text_input(key="new_name").set_value(" other ")
    app.button(key="rename").click().run()
    assert not app.exception and not app.error and not app.warning
    assert address(app) == {"run": "other", "z": "0.5000,-1.0000"}
    assert [folder.name for folder in vae.list_runs(runs)] == ["other"]


def test_a_name_that_cannot_be_is_told(runs):
    app = open_page("pages/train.py", run="small")
    app.button(key="ask_rename").click().run()
    app.text_input(key="new_name").set_value("../other")
    app.button(key="rename").click().run()
    assert "cannot be a run's folder" in app.error[0].value and (runs / "small").is_dir()


def test_a_run_is_deleted_after_it_was_asked_once_more(runs):
    shutil.copytree(runs / "small", runs / "other")
    app = open_page("pages/train.py", run="small")
    watcher, comparer = open_page("pages/replay.py", run="small"), open_page("pages/compare.py", runs="small,other")
    app.button(key="ask_delete").click().run()
    assert (runs / "small").is_dir() and "cannot be had back" in shown(app)
    app.button(key="delete").click().run()
    assert not app.exception and not app.error and not app.warning
    assert address(app) == {"run": "other"} and not (runs / "small").exists()
    for page in (watcher, comparer):
        page.run()
        assert not page.exception and not page.error and "small" in page.warning[0].value


def test_a_shipped_run_and_one_in_training_cannot_be_renamed(runs, monkeypatch):
    asleep(runs)
    app = open_page("pages/train.py", run="asleep")
    assert not [button for button in app.button if button.key == "ask_delete"]
    monkeypatch.delenv("VAE_RUNS")
    app = open_page("pages/train.py", run="digits")
    assert not [button for button in app.button if button.key == "ask_delete"]
    assert any("came with the explorer" in caption.value for caption in app.caption)


def test_a_queued_run_whose_process_is_gone_is_asked_for_again_on_the_page(runs):
    folder = vae.RunFolder.create(runs / "stale", small_config())
    fields = json.loads((folder.path / "status.json").read_text())
    (folder.path / "status.json").write_text(json.dumps(fields | {"heartbeat": 1.0, "asked": 1.0}))
    app = open_page("pages/train.py", run="stale")
    assert "stopped" in app.get("progress")[0].proto.text and pressed(app, "resume") == {"resume": True}


def test_the_page_says_behind_whom_a_run_waits(runs):
    asleep(runs)
    waiting = vae.RunFolder.create(runs / "waiting", small_config())
    app = open_page("pages/train.py", run="waiting")
    assert app.get("progress")[0].proto.text == "**queued** behind `asleep`, which trains"
    vae.RunFolder(runs / "asleep").write_status(Status("paused", host="another"))
    app.run()
    assert waiting.read_status().state == "queued" and app.get("progress")[0].proto.text == "**queued**: starting"


# Text


def nodes(app: AppTest) -> list:
    """All elements of a page."""
    found, left = [], [app._tree]
    while left:
        node = left.pop()
        left += getattr(node, "children", {}).values()
        if getattr(node, "proto", None) is not None:
            found.append(node)
    return found


class Tags(HTMLParser):
    """What a browser would be asked for."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.feed(body)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.asked += [value or "" for name, value in attributes if name in ("src", "href", "style", "srcset")]
        if tag in ("a", "script", "iframe", "link"):
            self.asked.append(f"<{tag}>")


PLAIN_TEXT = {
    "options", "rawValue", "rawValues", "placeholder", "default", "codeText", "alt", "json", "spec", "id", "elementId",
    "queryString",
}  # fmt: skip
"""Fields that Streamlit shows as they are, or not at all; charts and components are looked at by themselves."""


def faults(app: AppTest) -> list[str]:
    """Words from outside that a browser would take for markup."""
    found = []
    for node in nodes(app):
        if node.type == "html":
            found += [asked for asked in Tags(node.proto.body).asked if "invalid" in asked or asked.startswith("<")]
        elif node.type in ("plotly_chart", "bidi_component"):
            found += marked_up(node.proto.spec if node.type == "plotly_chart" else node.proto.json)
        elif node.type not in ("code", "imgs"):
            found += [words for words in strings(MessageToDict(node.proto)) if obeyed(words)]
    return found


def strings(value: object, name: str = "") -> list[str]:
    """All strings of a message that are Markdown."""
    if isinstance(value, str):
        return [] if name in PLAIN_TEXT else [value]
    if isinstance(value, dict):
        return [words for key, part in value.items() for words in strings(part, key)]
    return [words for part in value for words in strings(part, name)] if isinstance(value, list) else []


def obeyed(words: str) -> bool:
    """Whether Markdown would do something that the words from outside ask for."""
    ours = re.sub(r"!\[Image \d+\]\(data:image/png;base64,[\w+/=]+\)", "", words)
    rest = re.sub(r"\\.", "", re.sub(r"`[^`\n]*`", "", ours))
    return any(part in rest for part in ("![x]", "<img", "](", "$a", ":red[", "http://outside"))


def marked_up(sent: str) -> list[str]:
    """Words from outside with a tag in them, in a figure; components write names as text."""
    told = json.loads(sent or "{}")
    figure = json.loads(told["figure"]) if isinstance(told, dict) and "figure" in told else told
    texts = strings([figure.get("data"), figure.get("layout")]) if isinstance(figure, dict) else []
    notes = [str(note) for note in (told.get("notes") or [])] if isinstance(told, dict) else []
    return [text for text in texts + notes if "<img" in text and text not in (TAGS, LOADS, FOLDER)]


@pytest.fixture
def hostile(runs) -> Path:
    """Runs whose every word is somebody else's."""
    folder = vae.RunFolder(runs / "small")
    fields = json.loads((folder.path / "run.json").read_text())
    fields["class_names"] = [LOADS, TAGS, "$a$ :red[b]", "`x` http://outside", *map(str, range(4, 10))]
    (folder.path / "run.json").write_text(json.dumps(fields))
    reports = folder.read_metrics()
    folder.metrics_path.unlink()
    for report in reports:
        folder.append_metrics(Report.from_dict(report.to_dict() | {"steered": MORE[:60] if report.scope == "steps" else ""}))
    shutil.copytree(folder.path, runs / FOLDER)
    status = vae.RunFolder(runs / FOLDER).read_status()
    vae.RunFolder(runs / FOLDER).write_status(Status("failed", 1, 12, 24, message=MORE, device=MORE, notice=MORE))
    assert status.state == "finished"
    broken = shutil.copytree(folder.path, runs / f"{FOLDER}2")
    (broken / "run.json").write_text("{")
    return runs


@pytest.mark.parametrize("page", PAGES.values())
@pytest.mark.parametrize("name", [FOLDER, f"{FOLDER}2", f"{MORE}\n\n{MORE}"])
def test_no_word_of_a_run_or_an_address_is_taken_for_markup(hostile, page, name):
    app = open_page(page, run=name, z=f"\n\n{LOADS}", image=f"{TAGS}\n\n{LOADS}")
    assert not app.exception
    assert any(part in str([MessageToDict(node.proto) for node in nodes(app)]) for part in PARTS)
    assert faults(app) == []


def test_compared_runs_and_their_names_are_text(hostile):
    app = open_page("pages/compare.py", runs=f"small,{FOLDER},{FOLDER}2,none\n\n{LOADS}")
    assert not app.exception and "outside.invalid" in app.warning[0].value
    assert faults(app) == []


@pytest.mark.parametrize("state", ["queued", "running", "paused", "stopped", "failed"])
def test_what_a_training_says_is_text(hostile, state):
    folder = vae.RunFolder(hostile / FOLDER)
    folder.write_status(Status(state, 1, 12, 24, message=MORE, device=MORE, notice=MORE, host="another"))
    app = open_page("pages/train.py", run=FOLDER)
    assert not app.exception
    assert state in ("queued", "paused", "failed") or "outside" in app.get("progress")[0].proto.text
    assert faults(app) == []


def test_the_sweep_sees_what_it_looks_for():
    assert obeyed(f"There is no run called {LOADS}.") and obeyed("a $a$") and not obeyed(f"`{LOADS}`")
    assert Tags(f"<p>{TAGS}</p>").asked == ["//outside.invalid/q.png"]
    assert marked_up(json.dumps({"data": [{"name": f"<b>{TAGS}</b>"}]}))
