"""Where a training stands, in words."""

from __future__ import annotations

from collections.abc import Sequence

from ui.text import literally, plain
from vae.jobs.queue import Ahead
from vae.runs.status import Status


def headline(status: Status, epochs: int, ahead: Sequence[Ahead] = ()) -> str:
    """One line of Markdown about a run of so many epochs, and while it is queued about the runs `ahead` of it."""
    if status.state == "queued":
        return f"**queued** {_behind(ahead)}" if ahead else "**queued**: starting"
    if status.state == "paused":
        return f"**paused** after step {status.step:,} of {status.total_steps:,}, {_place(status, epochs)}"
    if status.state == "running" and status.message:
        return f"**training**: {plain(status.message)}"
    if status.state == "running":
        parts = [_epoch(status.epoch + 1, epochs)]
        if status.images_per_second:  # known from the first report on
            parts += [f"{status.images_per_second:,.0f} images a second", f"{duration(status.seconds_left)} left"]
        return f"**training** on {plain(status.device)}: {', '.join(parts)}"
    if status.state != "stopped":
        return f"**{status.state}**: {_epoch(status.epoch, epochs)}."
    reason = plain(status.message.replace("; resume it to go on", ""))  # as a command line would; a page has a button
    return f"**stopped**, {_place(status, epochs)}. {reason}"


def _behind(ahead: Sequence[Ahead]) -> str:
    first, others = ahead[0], len(ahead) - 1
    words = f"behind {literally(first.run.name)}, which {'waits too' if first.status.state == 'queued' else 'trains'}"
    return f"{words}, and {others} other{'s' * (others > 1)}" if others else words


def brief(status: Status, epochs: int) -> str:
    """The same in a few words; empty where there is nothing to say of a run that is finished."""
    if status.state == "finished":
        return ""
    return status.state if status.state == "queued" else f"{status.state}, {_place(status, epochs)}"


def _place(status: Status, epochs: int) -> str:
    """In which epoch it is, or after which where none is begun."""
    begun = status.total_steps > 0 and status.step * epochs % status.total_steps
    if status.state == "running" or begun:
        return f"in {_epoch(status.epoch + 1, epochs)}"
    return f"after {_epoch(status.epoch, epochs)}"


def _epoch(number: int, epochs: int) -> str:
    return f"epoch {min(number, epochs):,} of {epochs:,}"


def duration(seconds: float) -> str:
    """Seconds as a lecturer would say them."""
    if seconds < 100:
        return f"{max(round(seconds), 1)} s"
    if seconds < 100 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} hours"
