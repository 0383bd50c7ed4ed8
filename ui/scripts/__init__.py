"""The browser's side: plain JavaScript, handed to Streamlit as components without frames."""

from __future__ import annotations

from pathlib import Path


def script(*names: str) -> str:
    """The named scripts as one module; the last one has the default export."""
    folder = Path(__file__).parent
    return "\n".join((folder / f"{name}.js").read_text("utf-8") for name in names)
