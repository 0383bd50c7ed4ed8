"""How numbers are written, and the derivation with its numbers."""

import re

import pytest

from ui.charts.markup import estimated, percent, signed
from ui.elbo import derivation
from vae.evidence.elbo_identity import IdentityTerms
from vae.model import elbo
from vae.model.elbo import kl_to_prior
from vae.model.likelihood import Bernoulli, Gaussian

NUMBERS = IdentityTerms(-100.0, 2.5, -95.0, 7.5)


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
