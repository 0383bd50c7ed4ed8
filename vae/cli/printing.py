"""What the commands print: a training's progress, and figures."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import tqdm
from torch import Tensor

from vae.diffusion.evaluation import Figures
from vae.evaluation.held_out import EvidenceEvaluation, evaluate_evidence
from vae.runs.folder import Run
from vae.training.report import Report


class ProgressBar:
    """A bar for the steps of an epoch, where a terminal can show it, and one line for each epoch."""

    def __enter__(self) -> ProgressBar:
        self.bar = tqdm.tqdm(disable=None, leave=False, unit="step", file=sys.stderr)
        print(f"{'epoch':>5}  {'split':<9}{'reconstruction':>15}{'KL':>8}{'ELBO':>10}  nats per image", flush=True)
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()

    def show(self, report: Report) -> None:
        """One more report."""
        self.bar.set_postfix_str(f"epoch {report.epoch}, ELBO {report.elbo:.1f} nats")
        self.bar.update(report.step - self.bar.n)
        if report.scope == "epoch":
            tqdm.tqdm.write(
                f"{report.epoch:>5}  {report.split:<9}{report.reconstruction:>15.2f}{report.kl:>8.2f}{report.elbo:>10.2f}"
                f"  {report.seconds:.1f} s"
            )
            sys.stdout.flush()


def progress(parts: Iterable[Any]) -> Iterable[Any]:
    """The parts, with a bar where a terminal can show it."""
    return tqdm.tqdm(parts, disable=None, leave=False)


def print_evidence(run: Run, sets: list[Tensor], elbo: float) -> None:
    """Compute and print the evidence of a run's held-out images, and how far an `elbo` in nats is below it."""
    result = EvidenceEvaluation.over([evaluate_evidence(run, images, progress=progress) for images in sets])
    print(f"evidence       {result.log_evidence:10.3f} nats per image")
    print(f"gap            {result.log_evidence - elbo:10.3f} nats per image, evidence - ELBO")
    if result.largest_change is not None:
        print(
            f"By quadrature; the last halving of the spacing changed {result.unsettled:,} of {result.images:,} images by 0.001 "
            f"nats or more, and none by more than {result.largest_change:.4f}."
        )
    else:
        print(
            f"By importance sampling, because the run has {run.config.model.latent} latent dimensions; standard error "
            f"{result.standard_error:.3f} nats."
        )
    if result.pixel_error is not None:
        print(f"The draws of the pixels leave an error of {result.pixel_error:.3f} nats in the evidence.")


def print_figures(figures: Figures) -> None:
    """How good a diffusion prior is, beside what it is to be compared with."""
    print(f"{'':<28}{'training codes':>16}{'N(0, I)':>10}{'mixture':>10}{'diffusion':>11}")
    rows = [(f"distance to {figures.codes:,} held-out codes", figures.wasserstein, "10.4f")]
    rows += [("share of sure digits", figures.sure, "10.1%")] if figures.sure else []
    for name, row, form in rows:
        print(f"{name:<36}{row.train:{form}}{row.normal:{form}}{row.mixture:{form}}{row.diffusion:{form}}")
    print(
        f"log p(z) of held-out codes, nats: diffusion prior {figures.density:.3f}, N(0, I) {figures.normal_density:.3f}, gain "
        f"{figures.gain:+.3f} (standard error {figures.gain_error:.3f})"
    )
