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
EVIDENCE = "#0a8f4d"
GAP = "#c2185b"
"""KL(q to the true posterior), the gap between evidence and ELBO."""

RUNS = ("#547efc", "#fc547e", "#547e00", "#7e547e")
"""One colour for each of the runs that are compared, sought as the classes' were: 16 apart and more, with a contrast of 3."""

NEUTRAL = "#7d8794"
"""Axes, grid lines and words in a figure: legible on both backgrounds."""


def of_class(label: int) -> str:
    """The colour of the class of this number."""
    return CLASSES[label % len(CLASSES)]


def ink_on(colour: str) -> str:
    """Black or white, whichever has more contrast on a colour "#rrggbb" (WCAG 2.1, relative luminance)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.179 else "white"
