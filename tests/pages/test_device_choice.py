"""The pages offer the devices that compute, and name those that are here and do not."""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.broken_gpu import NO_KERNEL, break_gpu, give_gpus
from tests.pages.conftest import open_page, shown
from ui.shell import actions
from ui.train import cache
from vae.diffusion import job as prior_worker
from vae.jobs.duration_estimates import Estimate


@pytest.fixture(autouse=True)
def _nothing_known():
    st.cache_data.clear()
    yield
    st.cache_data.clear()


def commands(app: AppTest) -> str:
    return " ".join(code.value for code in app.code)


def test_the_form_offers_what_computes_and_starts_the_training_there(runs, monkeypatch):
    give_gpus(monkeypatch, 1)
    estimated, started = [], []
    monkeypatch.setattr(cache, "estimate", lambda config, device: estimated.append(device) or Estimate(60.0))
    monkeypatch.setattr(actions, "start_process", lambda folder, device: started.append(device))
    app = open_page("pages/train.py")
    assert app.selectbox(key="ask_device").options == ["auto", "cuda", "cpu"] and not app.warning
    assert "this machine's GPU" in shown(app) and "--device" not in commands(app)
    app.selectbox(key="ask_device").set_value("cpu").run()
    assert "this machine's processor" in shown(app) and "--device cpu" in commands(app)
    next(button for button in app.button if button.label == "Start training").click().run()
    assert not app.exception and started == ["cpu"] and estimated[:2] == ["auto", "cpu"]


def test_a_gpu_that_does_not_compute_is_named_and_the_estimate_is_the_processors(runs, monkeypatch):
    break_gpu(monkeypatch, RuntimeError(NO_KERNEL))
    monkeypatch.setattr(cache, "estimate", lambda config, device: Estimate(60.0))
    app = open_page("pages/train.py")
    assert not app.exception and not app.error
    assert app.selectbox(key="ask_device").options == ["auto", "cpu"]
    (warning,) = app.warning
    assert "cannot be computed on: CUDA error: no kernel image" in warning.value and "next best" in warning.value
    assert "About" in shown(app) and "this machine's processor" in shown(app)


def test_a_device_that_stopped_computing_is_no_longer_chosen(runs, monkeypatch):
    give_gpus(monkeypatch, 1)
    monkeypatch.setattr(cache, "estimate", lambda config, device: Estimate(60.0))
    app = open_page("pages/train.py")
    app.selectbox(key="ask_device").set_value("cuda").run()
    break_gpu(monkeypatch, RuntimeError(NO_KERNEL))
    st.cache_data.clear()
    app.run()
    assert not app.exception and app.selectbox(key="ask_device").value == "auto"


def test_a_prior_is_trained_where_it_is_asked_for(runs, monkeypatch):
    started = []
    monkeypatch.setattr(prior_worker, "start_process", lambda folder, device: started.append(device))
    app = open_page("pages/diffusion.py", run="small")
    app.selectbox(key="prior_device").set_value("cpu").run()
    app.button(key="diffuse").click().run()
    assert not app.exception and started == ["cpu"]
