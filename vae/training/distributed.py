"""One training in several processes that `torchrun` started: who they are, and the little they tell each other."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vae.errors import ConfigError, TrainingError

TIMEOUT = timedelta(minutes=10)
"""How long a process waits for one that hangs. One that died is noticed at once, by its connection or by torchrun."""

STEPS_BETWEEN_TALKS = 8
"""What is asked of a training reaches all ranks at every so many steps."""

SIGNS_OF_LOSS = ("closed by peer", "reset by peer", "Connection refused", "Broken pipe", "imed out", "NCCL", "Gloo", "gloo")


@dataclass(frozen=True)
class Ranks:
    """The processes of one training, seen from one of them. The first one, rank 0, is told apart: it alone writes and prints.

    Alone, as `SOLO` is, every method gives back what it was given. All ranks have to call the methods in the same order.
    """

    rank: int = 0
    size: int = 1
    first_here: bool = True

    @property
    def is_rank_zero(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    @property
    def steps_between_talks(self) -> int:
        """At which steps the ranks talk: at multiples of this."""
        return 1 if self.size == 1 else STEPS_BETWEEN_TALKS

    def where(self, device: torch.device) -> str:
        """What the training computes on, in words."""
        return str(device) if self.size == 1 else f"{self.size} x {device.type}"

    def share_of(self, batch: Tensor) -> Tensor:
        """This rank's rows of what all ranks know, (B, ...): every `size`-th. Shares may be unequal, and even empty."""
        return batch if self.size == 1 else batch[self.rank :: self.size]

    def replicate(self, module: nn.Module) -> nn.Module:
        """A module that begins with rank 0's weights and whose gradients are averaged over all ranks."""
        if self.size == 1:
            return module
        device = next(module.parameters()).device
        ids = [device] if device.type == "cuda" else None
        known = inspect.signature(DistributedDataParallel).parameters
        name = next(name for name in ("forward_sync_buffers", "broadcast_buffers") if name in known)  # by torch's version
        options: dict[str, Any] = {name: False}  # every rank computes its own
        return DistributedDataParallel(module, device_ids=ids, **options)

    def all_reduce_sum(self, part: Tensor) -> Tensor:
        """The sum of all ranks' parts, on the CPU."""
        if self.size > 1:
            dist.all_reduce(part)
        return part

    def any_rank(self, flag: bool) -> bool:
        """Whether it is true on any rank."""
        return flag if self.size == 1 else bool(self.all_reduce_sum(torch.tensor(int(flag))))

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value, as JSON can carry it, on every rank; what the others pass is passed over."""
        if self.size == 1:
            return value
        content = bytearray(json.dumps(value).encode()) if self.is_rank_zero else bytearray()
        length = torch.tensor(len(content))
        dist.broadcast(length, 0)
        letter = (
            torch.frombuffer(content, dtype=torch.uint8) if self.is_rank_zero else torch.empty(int(length), dtype=torch.uint8)
        )
        dist.broadcast(letter, 0)
        return json.loads(letter.numpy().tobytes())

    def run_on_rank_zero(self, ask: Callable[[], Any]) -> Any:
        """What `ask` gives on rank 0, and None elsewhere. Where it fails, rank 0 says why and the others just end."""
        if self.size == 1:
            return ask()
        try:
            answer = ask() if self.is_rank_zero else None
        except BaseException:
            self.broadcast(False)
            raise
        if not self.broadcast(True):
            raise SystemExit(2)
        return answer

    def broadcast_tensors(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rank 0's tensors by name, on every rank, on the CPU."""
        if self.size == 1:
            return tensors
        layout = self.broadcast({name: [list(value.shape), _name_of(value.dtype)] for name, value in (tensors or {}).items()})
        heard = {}
        for name, (shape, dtype) in layout.items():
            mine = torch.empty(shape, dtype=getattr(torch, dtype))
            heard[name] = tensors[name].cpu().contiguous() if self.is_rank_zero else mine
            dist.broadcast(heard[name], 0)
        return heard

    @contextlib.contextmanager
    def noticing_losses(self) -> Iterator[None]:
        """Turn a broken connection to another rank into a `TrainingError`."""
        try:
            yield
        except RuntimeError as error:
            if self.size > 1 and (isinstance(error, dist.DistError) or any(sign in str(error) for sign in SIGNS_OF_LOSS)):
                raise TrainingError(
                    f"Another of the {self.size} processes ended or no longer answers, so the training cannot go on; look "
                    "above for its reason and resume the run to go on from the last saved step."
                ) from error
            raise


SOLO = Ranks()


def _name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def under_torchrun() -> bool:
    """Whether `torchrun` started this process and looks after it."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def in_group() -> bool:
    """Whether `torchrun` started this process as one of several."""
    return under_torchrun() and int(os.environ["WORLD_SIZE"]) > 1


def device_of_rank(device: torch.device) -> torch.device:
    """The device of this process, where all were asked for one kind. Raises `ConfigError` where there are too few."""
    if not in_group() or device.type == "cpu":
        return device
    here, there = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count() if device.type == "cuda" else 0
    if device.index is not None or here > there:
        raise ConfigError(
            f"{here} processes here cannot train on {device}; start at most one for each of the {there} GPUs and leave "
            "their choice to torchrun, or choose --device cpu."
        )
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]))


@contextlib.contextmanager
def join_ranks(device: torch.device) -> Iterator[Ranks]:
    """The processes of this training, each on its `device`; `SOLO` unless `torchrun` started several.

    Raises `TrainingError` when one of the others is lost.
    """
    if not in_group():
        yield SOLO
        return
    _share_processor()
    ranks = Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), os.environ["LOCAL_RANK"] == "0")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with ranks.noticing_losses():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
        yield ranks
        ranks.any_rank(False)  # none hangs up while another still talks
        dist.destroy_process_group()


def leave(status: int) -> NoReturn:
    """End this process. One of several does not tidy up after itself: threads of its group may hang or abort in that."""
    if in_group():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _share_processor() -> None:
    """torchrun gives each process one thread unless told otherwise; give it its share of this machine's cores."""
    if os.environ.get("OMP_NUM_THREADS") == "1":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores // int(os.environ["LOCAL_WORLD_SIZE"])))
