"""Who may do what: the owner's token, the settings of the server, its limits."""

from __future__ import annotations

import ast
import dataclasses
import shutil
from collections import namedtuple
from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit import config

import vae
from tests.conftest import ROOT, small_config
from ui.shell import actions, limits, owner, settings
from ui.shell.settings import Settings
from vae.errors import ConfigError
from vae.runs.disk_size import bytes_on_disk
from vae.runs.folder import RunFolder
from vae.training.recipes import RECIPES, recipe

CHANGES = {
    "start_process", "launch", "steer", "queue_again", "lengthen", "create", "ask_to_stop", "rename_run", "delete_run", "thin",
    "ensure", "rewrite_config", "write_status", "forget_requests", "train_run", "train_prior", "rmtree", "unlink", "rename",
}  # fmt: skip
"""What starts, asks or removes something, by its name."""


@pytest.fixture
def visitor(monkeypatch) -> Iterator[None]:
    """A session of a visitor to a server that everybody reaches."""
    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    monkeypatch.setattr(st, "session_state", {})
    yield
    config.set_option("server.address", before)


@pytest.fixture
def allowed(monkeypatch):
    """Sets what the server allows."""

    def allow(**changes: object) -> None:
        monkeypatch.setattr(settings, "of_server", lambda: dataclasses.replace(Settings(), **changes))

    return allow


@pytest.mark.parametrize("address", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1", "[::1]"])
def test_who_sits_at_the_machine_is_its_owner(address):
    assert owner.is_loopback(address)


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "[::]", "192.168.1.7", "example.org", "unix:///socket", "127"])
def test_a_server_that_others_reach_tells_visitors_apart(address):
    assert not owner.is_loopback(address)


def test_what_the_server_was_started_with_decides(visitor, allowed):
    assert owner.tells_visitors_apart() and not owner.may_act()
    allowed(visitors_may_train=True)
    assert not owner.tells_visitors_apart() and owner.may_act()
    config.set_option("server.address", "localhost")
    allowed()
    assert owner.may_act()
    allowed(behind_proxy=True)
    assert not owner.may_act()
    allowed(behind_proxy=True, visitors_may_train=True)
    assert owner.may_act()


def test_every_action_is_refused_to_a_visitor_wherever_its_button_is(visitor, small_run):
    before = {path: path.stat().st_mtime_ns for path in small_run.path.rglob("*")}
    attempts = {
        "start": ("new", small_config(), "cpu"), "resume": (small_run,), "lengthen": (small_run, 3), "steer": (small_run,),
        "start_prior": (small_run, "cpu"), "stop_prior": (small_run,), "rename": (small_run, "other"), "delete": (small_run,),
    }  # fmt: skip
    decorated = {name: action for name, action in vars(actions).items() if hasattr(action, "__wrapped__")}
    assert set(attempts) == {name for name, action in decorated.items() if action.__module__ == actions.__name__}
    for name, arguments in attempts.items():
        with pytest.raises(owner.NotTheOwner, match="Only the owner"):
            getattr(actions, name)(*arguments)
    assert before == {path: path.stat().st_mtime_ns for path in small_run.path.rglob("*")}


def test_only_the_one_place_that_asks_who_it_is_changes_anything():
    for path in [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "ui").rglob("*.py")]:
        calls = {node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
        own = {f"actions.{name}" for name in CHANGES} | {"packed_frames.thin"}
        changing = {ast.unparse(call) for call in calls if ast.unparse(call).split(".")[-1] in CHANGES} - own
        if path.name == "manage_runs.py":
            changing -= {"rename"}  # the dialog's own function of that name
        assert bool(changing) == (path.name == "actions.py"), (path, changing)


def test_in_that_place_each_function_that_changes_something_asks():
    tree = ast.parse((ROOT / "ui" / "shell" / "actions.py").read_text())
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        calls = {ast.unparse(node.func).split(".")[-1] for node in ast.walk(function) if isinstance(node, ast.Call)}
        asks = "for_the_owner" in map(ast.unparse, function.decorator_list)
        assert asks == bool(calls & CHANGES), function.name


def test_the_link_leads_to_where_the_server_is(visitor):
    port = config.get_option("server.port")
    assert owner.link() == f"http://localhost:{port}/?token={owner.TOKEN}"
    for address, host in (("192.168.1.7", "192.168.1.7"), ("fe80::1", "[fe80::1]"), ("example.org", "example.org")):
        config.set_option("server.address", address)
        assert owner.link() == f"http://{host}:{port}/?token={owner.TOKEN}"
    config.set_option("server.address", "")
    assert owner.link().startswith("http://localhost:")
    assert len(owner.TOKEN) >= 32


def test_a_visitor_is_given_no_cookie(visitor):
    assert owner.cookie() == ""
    st.session_state[owner.OWNER] = True
    assert owner.TOKEN in owner.cookie()


# Settings


def test_settings_have_defaults_and_are_read_from_words():
    assert settings.read([]) == Settings() == settings.of_server()
    assert not Settings().visitors_may_train
    asked = settings.read(["--visitors-may-train", "--most-epochs", "50", "--free-gigabytes", "0.5"])
    assert asked == Settings(visitors_may_train=True, most_epochs=50, free_gigabytes=0.5)


@pytest.mark.parametrize("words", ["--visitors-may", "--most-epochs x", "--most-epochs -1", "--free-gigabytes nan", "x"])
def test_words_that_are_not_understood_are_told(words):
    with pytest.raises(ConfigError, match="explorer"):
        settings.read(words.split())


# Limits


@pytest.mark.parametrize(
    ("allows", "asks", "words"),
    [
        ({"most_epochs": 5}, {"epochs": 6}, "6 epochs are more than the 5 .* --most-epochs"),
        ({"most_parameters": 1000}, {}, "A model of .* parameters are more than the 1,000"),
        ({"most_gigabytes": 0.001}, {"epochs": 200}, "on the disk are more than the 0.001 GB"),
    ],
)
def test_a_run_beyond_a_limit_is_refused_in_one_sentence(allowed, allows, asks, words):
    limits.check_run(small_config(**asks))
    allowed(**allows)
    with pytest.raises(limits.LimitError, match=words):
        limits.check_run(small_config(**asks))


def test_trainings_that_wait_or_work_are_counted(allowed, tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(tmp_path))
    allowed(most_trainings=2)
    for name in ("a", "b"):
        limits.check_room(tmp_path)
        RunFolder.create(tmp_path / name, small_config())
    with pytest.raises(limits.LimitError, match="2 trainings are at work or wait, and 2 are allowed"):
        limits.check_room(tmp_path)


def test_a_full_disk_is_told_before_a_run_is_made(allowed, tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_RUNS", str(tmp_path))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 7, 3_000_000_000))
    limits.check_room(tmp_path, 0.9e9)
    with pytest.raises(limits.LimitError, match=r"leave 1.9 GB free on the disk, and 2 GB are to stay free"):
        limits.check_room(tmp_path, 1.1e9)
    allowed(most_trainings=0)
    with pytest.raises(limits.LimitError):
        actions.start("new", small_config(), "cpu")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("changes", [{}, {"latent": 8}, {"held_out": "validation"}])
def test_the_size_of_a_run_is_known_before_it_is_trained(changes, tmp_path):

    config = small_config(epochs=12, encoder_widths=(300,), decoder_widths=(300,), **changes)
    folder = RunFolder.create(tmp_path / "run", config)
    vae.train_run(folder, device="cpu")
    size = sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file())
    assert bytes_on_disk(config) == pytest.approx(size, rel=0.1)


def test_all_recipes_and_shipped_runs_are_within_the_limits():

    for dataset in ("mnist", "digits"):
        for architecture in ("mlp", "conv"):
            for name in RECIPES:
                limits.check_run(recipe(name, dataset, architecture))
