"""What an address asks for that the run on the screen does not have."""

from __future__ import annotations

from ui.state.view import PRINCIPAL, Point, View
from vae.config import RunConfig


def sentence(view: View, config: RunConfig, classes: int) -> str | None:
    """About the first part of an address's view that a run of so many classes cannot show; None where all of it fits."""
    return next(filter(None, _sentences(view, config, classes)), None)


def about_image(number: int, count: int) -> str:
    """Where the held-out images are fewer."""
    return (
        f"The address asks for image={number}, and this run's {count:,} held-out images have the numbers 0 to {count - 1}; "
        "choose one of those."
    )


def _sentences(view: View, config: RunConfig, classes: int) -> list[str | None]:
    latent, epochs = config.model.latent, config.training.epochs
    own_z = view.z if view.probe is None and view.own is None else ()  # else z is where the encoder puts the image
    return [
        *(_about_numbers(name, point, latent, latent) for name, point in (("z", own_z), ("a", view.start), ("b", view.end))),
        _about_numbers("q", view.q, 2 * latent, latent),
        _about_axes(view.axes, latent),
        _about_count("class", view.guide, classes - 1, f"classes have the numbers 0 to {classes - 1}; choose one of those"),
        _about_count("epoch", view.epoch, epochs, f"training has {epochs:,} epochs; this is its end"),
    ]


def _about_numbers(name: str, given: Point | None, wanted: int, latent: int) -> str | None:
    """A decimal comma makes two numbers of one."""
    if not given or len(given) == wanted:
        return None
    numbers = [f"{0.5 - 0.75 * index:g}" for index in range(latent)] + ["0.1"] * (wanted - latent)
    example = f"{','.join(numbers)}." if wanted <= 6 else f"{','.join(numbers[:2])}, ..."
    count = f"{len(given)} number{'s' * (len(given) > 1)}"
    return (
        f"The address asks for {name} of {count}, and in this run's {_space(latent)} it has {wanted}; write decimals with a "
        f"point and a comma between numbers, like {name}={example}"
    )


def _about_count(name: str, given: int | None, most: int, instead: str) -> str | None:
    return f"The address asks for {name}={given}, and this run's {instead}." if given is not None and given > most else None


def _about_axes(axes: str, latent: int) -> str | None:
    if axes in (View.axes, PRINCIPAL) or (latent > 2 and max(map(int, axes.split(","))) <= latent):
        return None
    instead = "has no such pair; choose one under **Plane**" if latent > 2 else "is shown as it is"
    return f"The address asks for axes={axes}, and this run's {_space(latent)} {instead}."


def _space(latent: int) -> str:
    return f"latent space of {latent} dimension{'s' * (latent > 1)}"
