"""What the players share, in the browser alone; `PLAYBACK` is their style sheet."""

from pathlib import Path

PLAYBACK = Path(__file__).with_name("playback.css")
