"""A diffusion model on a run's codes: a prior that has learned where they are.

from vae.diffusion.folder import PriorFolder
from vae.diffusion.noise_schedule import reverse_levels
from vae.diffusion.samplers import sample
from vae.diffusion.job import train_prior

train_prior(vae.RunFolder("checkpoints/mine"))
prior = PriorFolder.of(run.folder).read()
ways = sample(prior.denoiser.guided(7, weight=3), torch.randn(100, 2), reverse_levels(50))
images = run.model.decode(prior.standard.to_latent(ways.codes))  # sevens
"""
