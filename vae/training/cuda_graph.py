"""Steps recorded once as a CUDA graph and replayed: a small model's step is then not held up by Python launching kernels.

Written by https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs; not measured, for want of a GPU.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.config import TrainingConfig
from vae.model.autoencoder import VAE
from vae.training.distributed import SOLO, Ranks
from vae.training.step import Stepper

WARM_UP_STEPS = 3
"""Before recording: libraries choose their algorithms and take their workspaces in the first steps."""


@dataclass(frozen=True)
class Recording:
    """A step on B images: fill `index` (B,) and `epsilon` (B, numbers), replay, and find the mean `terms` (2,), in nats."""

    index: Tensor
    epsilon: Tensor
    terms: Tensor
    replay: Callable[[], None]


class GraphStepper(Stepper):
    """Takes the same steps as `Stepper`, one recording for each size of batch.

    A recording knows addresses, not values: whatever differs from step to step is copied into tensors that stay, beta and
    the learning rate among them. `epsilon` is drawn by the caller, so both steppers take the same numbers. Where a step
    cannot be recorded it is taken as `Stepper` takes it.
    """

    def __init__(self, model: VAE, images: Tensor, config: TrainingConfig) -> None:
        super().__init__(model, images, config)
        self.beta, self.learning_rate = torch.zeros(2, device=self.device).unbind()
        self.recordings: dict[int, Recording] = {}
        self.can_record = True

    def take(self, index: Tensor, epsilon: Tensor, beta: float, learning_rate: float) -> Tensor:
        """As `Stepper.take`; the result is overwritten by the next step on as many images."""
        recording = self._recording_of(len(index))
        if recording is None:
            return super().take(index, epsilon, beta, learning_rate)
        recording.index.copy_(index)
        recording.epsilon.copy_(epsilon)
        self.beta.fill_(beta)
        self.learning_rate.fill_(learning_rate)
        recording.replay()
        return recording.terms

    def load_state(self, state: dict[int, dict[str, Tensor]]) -> None:
        """Go on with the optimiser's state that `state` gave. Its tensors are new, so no recording knows them."""
        self.recordings.clear()
        super().load_state(state)

    def _recording_of(self, size: int) -> Recording | None:
        if self.can_record and size not in self.recordings:
            try:
                self.recordings[size] = self.record(size)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._give_up(error)
        return self.recordings.get(size) if self.can_record else None

    def _give_up(self, error: RuntimeError) -> None:
        self.can_record = False
        self.recordings.clear()
        self._expect_recording(False)
        reason = str(error).partition("\n")[0]
        warnings.warn(f"Steps cannot be recorded as a CUDA graph and are taken one by one: {reason}", stacklevel=4)

    def record(self, size: int) -> Recording:
        """A recording of the step on `size` images. Weights, optimiser and random numbers are left as they are."""
        index = torch.zeros(size, dtype=torch.int64, device=self.device)
        epsilon = torch.zeros(size, self.numbers, device=self.device)
        self.set_learning_rate(self.learning_rate)
        self._expect_recording(False)
        terms, replay = self.capture(lambda: self.compute(index, epsilon, self.beta))
        return Recording(index, epsilon, terms, replay)

    def capture(self, compute: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        """What `compute()` gives, in a tensor that stays, and a function that computes it anew.

        Warming up and recording share one stream that is not the default one: autograd accumulates a gradient on the
        stream that its parameter was first used on, and only one's own stream can be recorded.
        """
        default, stream = torch.cuda.current_stream(self.device), torch.cuda.Stream(self.device)
        stream.wait_stream(default)
        with torch.cuda.stream(stream), leaving_no_trace(self.optimiser):
            for _ in range(WARM_UP_STEPS):
                compute()
        self._expect_recording(True)
        self.optimiser.zero_grad(set_to_none=True)  # gradients have to lie in the recording's own memory
        graph = torch.cuda.CUDAGraph()
        # Two contexts: a recording that fails does not leave its stream by itself.
        with torch.cuda.stream(stream), torch.cuda.graph(graph, stream=stream):
            terms = compute()
        default.wait_stream(stream)
        return terms, graph.replay

    def _expect_recording(self, expected: bool) -> None:
        """Tell the optimiser, which refuses to be recorded unless told, and warns when told and not recorded."""
        for group in self.optimiser.param_groups:
            group["capturable"] = expected


@contextlib.contextmanager
def leaving_no_trace(optimiser: torch.optim.Optimizer) -> Iterator[None]:
    """Take back in place what steps inside do to weights and optimiser; a state that they begin with is zero, as Adam's is.

    In place because recordings know addresses. Making the state before recording matters as well: a recorded zeroing
    would be replayed at every step.
    """
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    weights = [parameter.detach().clone() for parameter in parameters]
    states = [{name: value.clone() for name, value in optimiser.state.get(parameter, {}).items()} for parameter in parameters]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, weight, state in zip(parameters, weights, states, strict=True):
                parameter.copy_(weight)
                for name, value in optimiser.state[parameter].items():
                    value.copy_(state[name]) if name in state else value.zero_()


def stepper_for(model: VAE, images: Tensor, config: TrainingConfig, ranks: Ranks = SOLO) -> Stepper:
    """The stepper that suits a model's device: recorded steps on one GPU, else step by step."""
    if model.device.type == "cuda" and ranks.size == 1:
        return GraphStepper(model, images, config)
    return Stepper(model, images, config, ranks)
