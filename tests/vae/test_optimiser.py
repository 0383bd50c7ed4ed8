"""A step taken directly is torch's step."""

import copy

import pytest
import torch
from torch import nn

from vae.optimiser import AdamW

CPU = torch.device("cpu")


def layers() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def take_steps(model: nn.Module, optimiser: torch.optim.Optimizer, step, first: int, last: int) -> None:
    for number in range(first, last):
        generator = torch.Generator().manual_seed(number)
        optimiser.zero_grad(set_to_none=True)
        model(torch.randn(11, 5, generator=generator)).square().sum().backward()
        optimiser.param_groups[0]["lr"] = 0.01 * (1 + number)
        step()


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_an_update_is_torchs_step_to_the_last_bit(weight_decay, frozen):
    ours, theirs = layers(), layers()
    for model in (ours, theirs):
        model[0].requires_grad_(not frozen)
    optimiser = AdamW(ours.parameters(), CPU, 1e-3, weight_decay)
    expected = torch.optim.AdamW(theirs.parameters(), lr=1e-3, weight_decay=weight_decay, fused=True)
    begun = copy.deepcopy(list(ours.parameters()))
    take_steps(ours, optimiser, optimiser.update, 0, 6)
    take_steps(theirs, expected, expected.step, 0, 6)
    changed = [not torch.equal(one, other) for one, other in zip(begun, ours.parameters(), strict=True)]
    assert changed == [not frozen] * 2 + [True] * 2
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)
    states = optimiser.state_dict()["state"], expected.state_dict()["state"]
    assert states[0].keys() == states[1].keys() == ({2, 3} if frozen else {0, 1, 2, 3})
    for index, state in states[1].items():
        assert all(torch.equal(states[0][index][name], value) for name, value in state.items())


def test_updates_go_on_from_a_state_that_was_saved():
    straight, resumed = layers(), layers()
    optimiser = AdamW(straight.parameters(), CPU, 1e-3, 0.1)
    take_steps(straight, optimiser, optimiser.update, 0, 3)
    resumed.load_state_dict(straight.state_dict())
    again = AdamW(resumed.parameters(), CPU, 1e-3, 0.1)
    again.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    take_steps(straight, optimiser, optimiser.update, 3, 6)
    take_steps(resumed, again, again.update, 3, 6)
    for one, other in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
