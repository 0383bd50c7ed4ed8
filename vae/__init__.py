"""Variational autoencoders to train, load, encode with and decode from.

import vae

run = vae.load_run("checkpoints/mnist")
posterior = run.model.encode(images)  # images (N, C, H, W) in [0, 1]; .mean, .log_variance: (N, D)
means = run.model.decode(z)  # z (N, D); mean pixels in [0, 1]: (N, C, H, W)
terms = vae.elbo_terms(run.model, images)  # .reconstruction, .kl, .elbo: (N,), nats
evidence = vae.log_evidence(run.model, images)  # log p(x): (N,), nats, by quadrature over a latent plane

folder = vae.RunFolder.create("checkpoints/mine", vae.RunConfig(dataset="digits"))
vae.train_run(folder)
"""

from vae.config import ModelConfig, RunConfig, TrainingConfig
from vae.errors import ConfigError, DataError, ExplorerError, RunError, TrainingError
from vae.evidence.plane_quadrature import log_evidence
from vae.jobs.train_run import train_run
from vae.model.autoencoder import VAE, Posterior, build_model
from vae.model.elbo import Terms, elbo_terms, kl_to_prior
from vae.runs.folder import Run, RunFolder, list_runs, load_run
from vae.training.report import Report
from vae.training.trainer import Trainer

__all__ = [
    "VAE",
    "ConfigError",
    "DataError",
    "ExplorerError",
    "ModelConfig",
    "Posterior",
    "Report",
    "Run",
    "RunConfig",
    "RunError",
    "RunFolder",
    "Terms",
    "Trainer",
    "TrainingConfig",
    "TrainingError",
    "build_model",
    "elbo_terms",
    "kl_to_prior",
    "list_runs",
    "load_run",
    "log_evidence",
    "train_run",
]
