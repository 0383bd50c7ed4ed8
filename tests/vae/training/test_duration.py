import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import vae.training.duration
from tests.conftest import small_config
from vae.model.inference import Codes
from vae.training.duration import MOST_IMAGES, estimate_seconds
from vae.training.step import Stepper


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_the_estimate_is_a_time_and_grows_with_the_epochs(architecture):
    one, many = (estimate_seconds(small_config(architecture=architecture, epochs=n), "cpu", 0.1) for n in (1, 50))
    assert 0 < one < many < math.inf


def test_the_estimate_knows_what_looking_up_takes():
    plain, looking_up = (estimate_seconds(small_config(**model), "cpu", 0.1) for model in ({}, {"encoder_lattice": 84}))
    assert looking_up > plain


def test_a_large_batch_is_not_computed_at_once(monkeypatch):
    sizes, take = [], Stepper.take
    monkeypatch.setattr(Stepper, "take", lambda stepper, index, *more: sizes.append(len(index)) or take(stepper, index, *more))
    config = small_config(dataset="mnist", batch_size=60_000, epochs=1)
    assert 0 < estimate_seconds(config, "cpu", 0.01) < math.inf
    assert set(sizes) == {MOST_IMAGES}


@pytest.mark.parametrize(("held_out", "steps"), [("test", 600), ("validation", 500)])
def test_every_step_is_counted(held_out, steps, monkeypatch):
    """As if a step took 1 second, encoding as many images 10, and looking at the decoder anew 100; 10,000 are held out."""
    monkeypatch.setattr(vae.training.duration, "_measure", lambda *asked: (1.0, 10.0, 100.0))
    config = small_config(dataset="mnist", held_out=held_out, batch_size=100, epochs=3)
    assert estimate_seconds(config, "cpu") == pytest.approx(
        3 * (steps + 10 * 100) + (3 + 100 + (3 * steps - 500) / 50) * 100, rel=1e-3
    )


def test_estimates_are_made_one_at_a_time(monkeypatch):
    """Recording on a GPU is for one at a time, and others would be measured too slow."""
    measuring, together, encode = threading.Semaphore(1), [], vae.training.duration.encode_images

    def alone(*asked: object) -> Codes:
        together.append(not measuring.acquire(blocking=False))
        time.sleep(0.01)
        codes = encode(*asked)
        if not together[-1]:
            measuring.release()
        return codes

    monkeypatch.setattr(vae.training.duration, "encode_images", alone)
    with ThreadPoolExecutor(4) as visitors:
        list(visitors.map(lambda _: estimate_seconds(small_config(), "cpu", 0.01), range(4)))
    assert together and not any(together)
