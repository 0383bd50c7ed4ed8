"""A diffusion model on a run's codes: a prior that has learned where they are."""
