"""Colours that mean the same on every page, on white and on black."""

CLASSES = (
    "#b484a8",
    "#9c303c",
    "#605478",
    "#6000fc",
    "#00846c",
    "#e4300c",
    "#90b484",
    "#7878fc",
    "#3cc0f0",
    "#fc9000",
)
"""One colour a class.

Chosen by search: any two are at least 14 apart (CIEDE2000) for normal vision and for protanopia, deuteranopia and
tritanopia (simulated after Machado et al. 2009), with a contrast of 2 or more on white and on the dark background.
"""

RECONSTRUCTION = "#0b8fb3"
KL = "#d9730d"
ELBO = "#8a5cf0"
NEUTRAL = "#7d8794"
"""Axes, grid lines and words in a figure: legible on both backgrounds."""
