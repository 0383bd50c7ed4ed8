"""The commands: train, steer, evaluate, diffuse, list, download, thin."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import tqdm

from vae.cli.arguments import add_config_arguments, add_prior_arguments, config_from, given_options, prior_config_from
from vae.cli.printing import ProgressBar, print_evidence, print_figures, progress
from vae.cli.signals import stop_signals
from vae.config import BINARISE, DATASETS
from vae.data import datasets
from vae.device import choose_device
from vae.diffusion.job import train_prior
from vae.diffusion.trainer import PriorReport
from vae.errors import ConfigError, ExplorerError, RunError, describe, telling_of_memory
from vae.evaluation.held_out import Evaluation, evaluate_run, held_out_sets
from vae.jobs.train_run import train_run
from vae.runs.folder import RunFolder, list_runs, load_run, runs_folder
from vae.runs.lifecycle import lengthen, thin
from vae.startup import give_way, prepare_training, tune_log1p
from vae.training.distributed import device_of_rank, join_ranks, under_torchrun


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0, or 2 after one sentence on stderr."""
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(words, argparse.Namespace(words=words))
    try:
        with telling_of_memory():
            options.command(options)
    except (ExplorerError, OSError) as error:
        print(f"vae: {describe(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("vae: ended at once.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vae", description="Train and inspect variational autoencoders.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train a run, or go on with one")
    add_config_arguments(train)
    # The second name is for torchrun, which takes the first for an abbreviation of its own --run-path.
    train.add_argument("--run", "--folder", type=Path, required=True, metavar="FOLDER", help="where the run is written")
    train.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (default: auto)")
    train.add_argument("--resume", action="store_true", help="go on with the run in FOLDER; its own settings hold")
    train.add_argument("--lengthen", type=int, metavar="EPOCHS", help="with --resume: train for so many epochs in all")
    train.add_argument("--queue", action="store_true", help="wait until no run beside it is being trained")
    train.set_defaults(command=_train)

    _add_steer(commands)

    evaluate = commands.add_parser("evaluate", help="print the held-out terms of a run")
    evaluate.add_argument("run", type=Path)
    evaluate.add_argument("--samples", type=int, default=16, help="draws of z per image (default: 16)")
    evaluate.add_argument("--evidence", action="store_true", help="log p(x) too, and its gap to the ELBO")
    evaluate.add_argument("--binarise", choices=BINARISE, help="of black and white pixels: several draws of them, or one")
    evaluate.add_argument("--device", default="auto")
    evaluate.set_defaults(command=_evaluate)

    diffuse = commands.add_parser("diffuse", help="train a diffusion prior on a run's codes")
    add_prior_arguments(diffuse)
    diffuse.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="the run whose codes it learns")
    diffuse.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (default: auto)")
    diffuse.add_argument("--queued", action="store_true", help=argparse.SUPPRESS)
    diffuse.set_defaults(command=_diffuse)

    runs = commands.add_parser("list", help="list the runs")
    runs.add_argument("folder", type=Path, nargs="?", default=runs_folder())
    runs.set_defaults(command=_list)

    download = commands.add_parser("download", help="fetch a data set, once")
    download.add_argument("dataset", choices=DATASETS)
    download.set_defaults(command=_download)

    thin = commands.add_parser("thin", help="make an ended run small enough to share")
    thin.add_argument("run", type=Path)
    thin.add_argument("--frames", type=int, default=12, help="how many frames to keep, evenly spread (default: 12)")
    thin.set_defaults(command=_thin)
    return parser


def _add_steer(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    steer = commands.add_parser("steer", help="change a training while it runs; from its next step on")
    steer.add_argument("run", type=Path)
    steer.add_argument("--beta", type=float, help="weight of the KL term, in place of its schedule")
    steer.add_argument("--learning-rate", type=float, help="in place of its schedule")
    steer.add_argument("--as-scheduled", action="store_true", help="take beta and learning rate from their schedules again")
    steer.add_argument("--epochs", type=int, help="make the run longer: so many epochs in all")
    wish = steer.add_mutually_exclusive_group()
    wish.add_argument("--pause", action="store_true")
    wish.add_argument("--steps", type=int, metavar="N", help="of a paused training: take N steps and pause again")
    wish.add_argument("--go-on", action="store_true")
    wish.add_argument("--stop", action="store_true")
    steer.set_defaults(command=_steer)


def _train(options: argparse.Namespace) -> None:
    if options.queue:
        give_way()
    device = device_of_rank(choose_device(options.device))
    with stop_signals(insist=not under_torchrun()) as asked, join_ranks(device) as ranks:
        folder = RunFolder(options.run)
        precision = ranks.broadcast(ranks.run_on_rank_zero(lambda: _begin(folder, options, ranks.where(device))))
        prepare_training(precision, device)
        with ProgressBar() if ranks.is_rank_zero else contextlib.nullcontext() as bar:
            report = bar.show if bar else lambda report: None
            more = {"queue": options.queue, "on_report": report, "should_stop": asked, "ranks": ranks}
            status = train_run(folder, device=options.device, **more)
        if ranks.is_rank_zero:
            print(f"{folder.path}: {status.state}. {status.message}".rstrip())


def _begin(folder: RunFolder, options: argparse.Namespace, where: str) -> str:
    """Make the run or take it up, and return the precision that it is asked to be trained in."""
    if options.lengthen is not None and not options.resume:
        raise ConfigError("--lengthen goes with --resume; a new run takes its length from --epochs.")
    if not options.resume:
        RunFolder.create(folder.path, config_from(options))
    elif ignored := given_options(options.words):
        print(f"vae: {_about_ignored(ignored)}", file=sys.stderr, flush=True)
    if options.lengthen is not None:
        lengthen(folder, options.lengthen)
    config, _ = folder.read_config()
    print(f"{folder.path}: {config.model.architecture} on {config.dataset}, on {where}", flush=True)
    return config.training.precision


def _about_ignored(names: list[str]) -> str:
    """That a run which is resumed keeps its settings, and how else they are changed."""
    are = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {are} ignored, because a run that is resumed keeps its own settings; "
        "make it longer by --lengthen, and change beta or the learning rate while it runs by python -m vae steer."
    )


def _steer(options: argparse.Namespace) -> None:
    folder = RunFolder(options.run)
    status = folder.read_status()
    if not status.active:
        raise RunError(f"{folder.path} is {status.state}, so nothing steers it; train it on: python -m vae train --resume")
    epochs = folder.read_config()[0].training.epochs
    if options.epochs is not None and options.epochs <= epochs:
        raise ConfigError(f"{folder.path} has {epochs} epochs already and is never made shorter; ask for more than that.")
    changes: dict[str, object] = dict.fromkeys(("beta", "learning_rate")) if options.as_scheduled else {}
    given = {name: getattr(options, name) for name in ("beta", "learning_rate", "epochs")}
    changes |= {name: value for name, value in given.items() if value is not None}
    if options.pause:
        changes["pause_at"] = 0
    elif options.steps is not None:
        changes["pause_at"] = status.step + options.steps
    elif options.go_on:
        changes["pause_at"] = None
    elif options.stop:
        changes["stop"] = True
    if not changes:
        raise ConfigError("Nothing was asked for; see: python -m vae steer --help")
    folder.steer(**changes)
    print(f"{folder.path}: " + ", ".join(f"{name} = {value}" for name, value in changes.items()))


def _evaluate(options: argparse.Namespace) -> None:
    if not 1 <= options.samples <= 10_000:
        raise ConfigError(f"The number of samples is {options.samples}; it has to be from 1 to 10,000.")
    tune_log1p()
    run = load_run(options.run, choose_device(options.device))
    sets = held_out_sets(run, options.binarise)
    result = Evaluation.over([evaluate_run(run, images, options.samples, progress=progress) for images in sets])
    pixels = f", {options.binarise} binarisation, {len(sets)} draws of their pixels" if options.binarise else ""
    print(f"{run.folder.path}: {result.images:,} held-out images of {run.config.dataset}{pixels}, step {run.step:,}")
    print(f"reconstruction {result.reconstruction:10.3f} nats per image")
    print(f"KL             {result.kl:10.3f} nats per image")
    print(f"ELBO           {result.elbo:10.3f} nats per image")
    if options.samples > 1:
        print(f"Sampling error of the ELBO with {options.samples} draws of z per image: {result.sampling_error:.3f} nats.")
    else:
        print("One draw of z per image does not tell its own sampling error; ask for more by --samples.")
    if result.pixel_error is not None:
        print(f"The draws of the pixels leave an error of {result.pixel_error:.3f} nats in the ELBO.")
    if options.evidence:
        print_evidence(run, sets, result.elbo)


def _diffuse(options: argparse.Namespace) -> None:
    if options.queued:
        give_way()
    config = prior_config_from(options)
    with contextlib.suppress(ConfigError):  # of a device that is not there the training tells, which notes it in its folder
        prepare_training("fp32", choose_device(options.device))
    with stop_signals() as asked, tqdm.tqdm(total=config.steps, disable=None, leave=False, unit="step") as bar:

        def show(report: PriorReport) -> None:
            bar.update(report.step - bar.n)
            bar.set_postfix_str(f"loss {report.train:.4f}, held out {report.held_out:.4f}")

        folder, status = train_prior(
            RunFolder(options.run), config, device=options.device, queued=options.queued, on_report=show, should_stop=asked
        )
    last = folder.read_metrics()[-1] if status.state == "finished" else None
    if last is not None:
        print(f"trained {last.step:,} steps in {last.seconds:.1f} s; loss {last.train:.4f}, held out {last.held_out:.4f}")
        figures = folder.read_figures()
        assert figures is not None  # a finished prior has some
        print_figures(figures)
    print(f"{folder.path}: {status.state}. {status.message}".rstrip())


def _list(options: argparse.Namespace) -> None:
    runs = list_runs(options.folder)
    if not runs:
        raise RunError(f"There are no runs in {options.folder}; train one: python -m vae train --run {options.folder}/NAME")
    width = max(len(folder.name) for folder in runs)
    for folder in runs:
        try:
            config, _ = folder.read_config()
            status = folder.read_status()
            held_out = [report for report in folder.read_metrics() if report.split == "held_out"]
        except RunError as error:
            print(f"{folder.name:<{width}}  {error}")
            continue
        elbo = f"held-out ELBO {held_out[-1].elbo:8.2f} nats" if held_out else "no epoch finished yet"
        model = config.model
        print(f"{folder.name:<{width}}  {status.state:<9}{config.dataset:<14}{model.architecture:<5} {model.latent}-D  {elbo}")


def _download(options: argparse.Namespace) -> None:
    datasets.ensure(options.dataset)
    dataset = datasets.load(options.dataset)
    print(f"{options.dataset}: {len(dataset.train):,} training images and {len(dataset.held_out):,} held-out images.")


def _thin(options: argparse.Namespace) -> None:
    if not 1 <= options.frames <= 100_000:
        raise ConfigError(f"The number of frames is {options.frames}; it has to be from 1 to 100,000.")
    folder = RunFolder(options.run)
    folder.read_config()
    thin(folder, options.frames)
    size = sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file())
    print(f"{folder.path}: {len(folder.snapshot_paths())} frames, {size / 1e6:.1f} MB")
