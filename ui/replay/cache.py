"""What is cached for the page Replay."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.replay import packed_frames
from vae.errors import RunError
from vae.latent.plane import Plane
from vae.runs.folder import RunFolder


@st.cache_resource(max_entries=256, show_spinner=False)
def packed_frame(path: Path, stamp: int, classes: int, plane_name: str, _plane: Plane) -> packed_frames.Packed | None:
    """One snapshot of a run, packed for the browser on the plane that `plane_name` names.

    None where it is damaged, or does not fit a run of so many `classes` and of the plane's latent dimensions, which its name
    tells. Raises `RunError` where it cannot be read, which may pass and is not remembered.
    """
    try:
        return packed_frames.pack(RunFolder(path.parents[1]).read_snapshot(path), _plane)
    except RunError as error:
        if isinstance(error.__cause__, OSError):
            raise
        return None
