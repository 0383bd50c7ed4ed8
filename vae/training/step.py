"""One step of training: gradients of the objective, and Adam's update."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vae.config import TrainingConfig
from vae.data.binarisation import binarised_by
from vae.data.datasets import pixels
from vae.device import ask_no_other_device, uses_bf16
from vae.model.autoencoder import VAE
from vae.model.elbo import Terms, one_sample_terms
from vae.training.distributed import SOLO, Ranks


class OneSampleTerms(nn.Module):
    """The terms with one sample of z per image, as a module: what is spread over several processes has to be one."""

    def __init__(self, model: VAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction and KL, (N,) each, in nats, of images (N, C, H, W) in [0, 1] and epsilon (N, D)."""
        terms = one_sample_terms(self.model, images, epsilon)
        return terms.reconstruction, terms.kl


class Stepper:
    """Takes the steps of one training: AdamW (Adam where there is no weight decay) on -(reconstruction - beta * KL).

    `images` (N, 1, H, W) uint8 stay on the device, and every batch is an index into them. With several `ranks` each takes
    its share of every batch, and all end up with the same weights. `numbers` is how many standard normal numbers a step
    takes for each image: those that z is sampled with, then those that decide which pixels are white, if they are drawn anew.
    """

    def __init__(self, model: VAE, images: Tensor, config: TrainingConfig, ranks: Ranks = SOLO) -> None:
        self.model, self.images, self.config, self.ranks = model, images, config, ranks
        self.device = model.device
        self.bf16 = uses_bf16(config.precision, self.device)
        self._parts = (model.config.latent, images[0].numel() if self._draws_pixels else 0)
        self.numbers = sum(self._parts)
        self.terms = ranks.replicate(OneSampleTerms(model))
        self.optimiser = torch.optim.AdamW(
            model.parameters(),
            config.learning_rate,
            weight_decay=config.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )
        ask_no_other_device(self.optimiser, self.device)

    def take(self, index: Tensor, epsilon: Tensor, beta: float, learning_rate: float) -> Tensor:
        """One step on the images at `index` (B,) with `epsilon` (B, numbers); their mean reconstruction and KL, (2,), in nats.

        With several ranks the result is this rank's part of the mean: it has to be summed over them.
        """
        self.set_learning_rate(learning_rate)
        return self.compute(index, epsilon, beta)

    def set_learning_rate(self, learning_rate: float | Tensor) -> None:
        """Of the next update: a number, or a tensor whose value may change between recorded steps."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate

    def compute(self, index: Tensor, epsilon: Tensor, beta: float | Tensor) -> Tensor:
        """All that a step computes, with the learning rate that is set. Never waits for the device."""
        self.optimiser.zero_grad(set_to_none=True)
        if self.model.lookup is not None:
            self.model.lookup.set_beta(beta)
        images = pixels(self.images.index_select(0, self.ranks.share_of(index)))
        epsilon, coins = self.ranks.share_of(epsilon).split(self._parts, 1)
        if self._draws_pixels:
            images = binarised_by(images, coins.view_as(images))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            terms = Terms(*self.terms(images, epsilon))
        # A mean over the whole batch; gradients are averaged over the ranks, so each rank's part counts `size` times.
        (-terms.objective(beta).sum() / (len(index) / self.ranks.size)).backward()
        if self.config.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimiser.step()
        return torch.stack([terms.reconstruction.detach().sum(), terms.kl.detach().sum()]) / len(index)

    @property
    def _draws_pixels(self) -> bool:
        return self.config.binarise == "dynamic"

    def state(self) -> dict[int, dict[str, Tensor]]:
        """The optimiser's state, by parameter and name."""
        return self.optimiser.state_dict()["state"]

    def load_state(self, state: dict[int, dict[str, Tensor]]) -> None:
        """Go on with the optimiser's state that `state` gave.

        Each moment is laid out as its weights are, whatever way it came: the fused update goes through memory, not by index.
        """
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": state})
        for parameter, values in self.optimiser.state.items():
            moments = {name: value for name, value in values.items() if value.shape == parameter.shape}
            values |= {name: torch.empty_like(parameter).copy_(value) for name, value in moments.items()}
