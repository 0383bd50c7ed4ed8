"""One step of training: gradients of the objective, and Adam's update."""

from __future__ import annotations

import torch
from torch import Tensor

from vae.config import TrainingConfig
from vae.data import pixels
from vae.device import uses_bf16
from vae.elbo import one_sample_terms
from vae.model import VAE


class Stepper:
    """Takes the steps of one training: AdamW (Adam where there is no weight decay) on -(reconstruction - beta * KL).

    `images` (N, 1, H, W) uint8 stay on the device, and every batch is an index into them.
    """

    def __init__(self, model: VAE, images: Tensor, config: TrainingConfig) -> None:
        self.model, self.images, self.config = model, images, config
        self.device = model.device
        self.bf16 = uses_bf16(config.precision, self.device)
        self.optimiser = torch.optim.AdamW(
            model.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )

    def take(self, index: Tensor, epsilon: Tensor, beta: float, learning_rate: float) -> Tensor:
        """One step on the images at `index` (B,) with `epsilon` (B, D); their mean reconstruction and KL, (2,), in nats."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        self.model.train()
        self.optimiser.zero_grad(set_to_none=True)
        images = pixels(self.images[index])
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            terms = one_sample_terms(self.model, images, epsilon)
        (-terms.objective(beta).mean()).backward()
        if self.config.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimiser.step()
        return torch.stack([terms.reconstruction.detach().mean(), terms.kl.detach().mean()])
