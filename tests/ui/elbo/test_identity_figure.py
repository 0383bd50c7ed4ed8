"""Both sides as columns, and the derivation with its numbers."""

import re

import numpy as np
import pytest
import torch

from ui.charts.markup import estimated, percent, signed
from ui.elbo import derivation
from ui.elbo.identity_figure import axis_range, balance, posterior_plane
from vae.evidence.elbo_identity import IdentityTerms
from vae.model import elbo
from vae.model.elbo import kl_to_prior
from vae.model.likelihood import Bernoulli, Gaussian

NUMBERS = IdentityTerms(-100.0, 2.5, -95.0, 7.5)


def columns(figure) -> dict[float, list[tuple[float, float]]]:
    """From where to where each bar reaches, by its place."""
    found: dict[float, list[tuple[float, float]]] = {}
    for bar in (trace for trace in figure.data if trace.type == "bar"):
        found.setdefault(bar.x[0], []).append((bar.base, bar.base + bar.y[0]))
    return found


def test_each_column_is_what_stays_below_what_is_taken_off():
    found = columns(balance(NUMBERS))
    (_, left_stays), (left_rest, left_whole) = found[0.0]
    (_, right_stays), (right_rest, right_whole) = found[1.0]
    assert (left_stays, left_rest, left_whole) == (-102.5, -102.5, -100)
    assert (right_stays, right_rest, right_whole) == (-102.5, -102.5, -95)


def test_sides_that_differ_are_drawn_at_different_heights():
    found = columns(balance(IdentityTerms(-100.0, 2.5, -95.0, 9.5)))
    assert found[0.0][0][1] != found[1.0][0][1]


@pytest.mark.parametrize("gap", [0.0, 0.4, 3.0, 40.0, 5_000.0, 1e7])
@pytest.mark.parametrize("kl", [0.0, 8.0, 60.0])
def test_the_axis_shows_all_there_is(gap, kl):
    numbers = IdentityTerms(-100.0, gap, -100.0 - gap + kl, kl)
    low, high = axis_range(numbers)
    top = max(numbers.log_evidence, numbers.reconstruction)
    assert low < numbers.left and high - top >= 0.04 * (high - low)  # the label above the higher column too


@pytest.mark.parametrize(("number", "words"), [(-1.25, "−1.2500"), (-0.00004, "0.0000"), (0.0, "0.0000"), (3.0, "3.0000")])
def test_a_minus_is_a_minus_and_zero_has_none(number, words):
    assert signed(number, 4) == words


@pytest.mark.parametrize(("number", "error", "digits", "words"), [
    (-80.7004, 0.0, 2, "−80.70"), (-80.7004, 0.0049, 2, "−80.70"), (-80.7004, 0.005, 2, "−80.70 ± 0.01"),
    (-80.7004, 0.31, 2, "−80.70 ± 0.31"), (-80.7004, 2.14, 2, "−80.7 ± 2.1"), (-80.7004, 31.0, 2, "−81 ± 31"),
    (5.12345, 0.0004, 3, "5.123"), (5.12345, 0.0121, 3, "5.123 ± 0.012"), (5.12345, 0.121, 3, "5.12 ± 0.12"),
    (1.0, float("inf"), 2, "1.00"), (1.0, float("nan"), 2, "1.00"),
])  # fmt: skip
def test_an_error_is_told_where_it_shows(number, error, digits, words):
    assert estimated(number, error, digits) == words


@pytest.mark.parametrize(("share", "words"), [
    (0.0, "none"), (1e-4, "less than 1 %"), (0.0099, "less than 1 %"), (0.01, "1 %"), (0.5, "50 %"), (0.99, "99 %"),
    (0.996, "more than 99 %"), (1.0, "all"),
])  # fmt: skip
def test_none_and_all_are_said_only_where_it_is_so(share, words):
    assert percent(share) == words


def test_the_axis_stands_still_for_small_moves_of_q():
    assert axis_range(NUMBERS) == axis_range(IdentityTerms(-100.0, 2.6, -95.2, 7.4))


def test_the_plane_near_the_posterior_is_at_true_scale_and_holds_q():
    density = torch.ones(8, 8).numpy()
    axis = np.linspace(0.1, 0.2, 8)
    figure = posterior_plane(
        (axis, axis), density, torch.tensor([1.0, 0.0]), torch.diag(torch.tensor([0.04, 0.01])), ("z1", "z2")
    )
    assert figure.layout.yaxis.scaleanchor == "x"
    (left, right), (low, high) = figure.layout.xaxis.range, figure.layout.yaxis.range
    assert right - left == pytest.approx(high - low)
    ellipse = next(trace for trace in figure.data if trace.line.width == 2.5 and trace.legendgroup == "q")
    assert max(ellipse.x) == pytest.approx(1.4, abs=1e-3) and max(ellipse.y) == pytest.approx(0.2, abs=1e-3)
    assert left < min(ellipse.x) and max(ellipse.x) < right


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.2)])
def test_every_step_holds_with_its_numbers_and_shows_a_line_of_our_code(likelihood):
    negative_entropy, expected_log_prior = 4.0, -3.5  # their difference is the KL to the prior
    steps = derivation.steps(NUMBERS, negative_entropy, expected_log_prior, likelihood)
    for step in steps:
        left, sign, right = re.split(r"(=|\\;\\ge\\;)", step.numbers.split(r"\quad")[0])
        assert total(left) >= total(right) if "ge" in sign else total(left) == pytest.approx(total(right), abs=0.011), step
    lines = [derivation.code_line(*step.code) for step in steps if step.code]
    assert len(lines) == 5 and all(path.startswith("vae/") and line for path, line in lines)


def total(text: str) -> float:
    """The value of sums and differences of numbers, some in brackets."""
    value, sign = 0.0, 1.0
    for word in text.replace("(", " ").replace(")", " ").split():
        if word in "+-":
            sign = 1.0 if word == "+" else -1.0
        else:
            value, sign = value + sign * float(word), 1.0
    return value


def test_a_line_that_is_not_there_is_an_error():
    assert derivation.code_line(kl_to_prior, "return")[1].startswith("0.5 *")
    with pytest.raises(LookupError):
        derivation.code_line(elbo.kl_to_prior, "no such text")
