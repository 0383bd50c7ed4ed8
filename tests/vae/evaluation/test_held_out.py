import pytest

from vae.evaluation.held_out import BATCH, DRAWS, evaluate_run, held_out_sets
from vae.model.autoencoder import VAE
from vae.runs.folder import RunFolder, load_run


def test_many_draws_are_decoded_a_part_at_a_time(small_run: RunFolder, monkeypatch):
    run, decoded, decode = load_run(small_run.path), [], VAE.decode_parameters
    monkeypatch.setattr(VAE, "decode_parameters", lambda model, z: decoded.append(len(z)) or decode(model, z))
    few, many = (evaluate_run(run, *held_out_sets(run), samples) for samples in (DRAWS, 5 * DRAWS + 4))
    assert sum(decoded) == few.images * (6 * DRAWS + 4)
    assert max(decoded) == BATCH * DRAWS
    assert many.kl == few.kl
    assert many.sampling_error == pytest.approx(few.sampling_error * (DRAWS / (5 * DRAWS + 4)) ** 0.5, rel=0.1)
    assert many.reconstruction == pytest.approx(few.reconstruction, abs=5 * few.sampling_error)
