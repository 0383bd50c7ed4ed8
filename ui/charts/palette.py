"""Colours that mean the same on every page, each in two shades: one for the light theme and one for the dark one.

A figure has words for colours, and the browser puts in the shade of the theme on the screen: Streamlit (1.67) in its own
charts, by the lists of `.streamlit/config.toml`, once when it makes them, and `ui/components/shared/theme.js` in ours, whenever
the theme changes. The words are those that Streamlit keeps for the colours of these lists. HTML takes them by `css`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shades:
    """The colours of a theme: one a class, and those with a meaning, in the order of the words below."""

    background: str
    ink: str
    classes: tuple[str, ...]
    meanings: tuple[str, ...]

    @property
    def inks(self) -> tuple[str, ...]:
        """What each class's name is written in on its colour."""
        return tuple(ink_on(colour) for colour in self.classes)

    def of_word(self, word: str) -> str:
        """The colour of a word; any other colour stays what it is."""
        return dict(zip(WORDS, (*self.classes, *self.meanings, *self.inks), strict=True)).get(word, word)


WORDS = tuple(f"#{number:06}" for number in range(1, 31))
CLASSES, INKS = WORDS[:10], WORDS[20:]
RECONSTRUCTION, KL, ELBO, EVIDENCE, GAP = WORDS[10:15]
"""GAP is KL(q to the true posterior), the gap between evidence and ELBO."""

RUNS = WORDS[15:19]
"""One for each of the runs that are compared."""

NEUTRAL = "#7d8794"
"""Axes, grid lines and marks in a figure: seen on both backgrounds."""

NAMES = {"reconstruction": RECONSTRUCTION, "kl": KL, "elbo": ELBO, "evidence": EVIDENCE, "gap": GAP}
"""What style sheets call them: `var(--elbo)`."""

LIGHT = Shades(
    "#ffffff", "#14181d",
    ("#009ce4", "#e46c90", "#a89000", "#3c540c", "#30846c", "#2454fc", "#cc003c", "#786090", "#60189c", "#6c3048"),
    ("#007a9a", "#b55b00", "#7a45e6", "#0a7d43", "#c2185b", "#3060fc", "#e40054", "#3c5400", "#6c246c", NEUTRAL),
)  # fmt: skip
DARK = Shades(
    "#0e1117", "#f2f5f8",
    ("#e40c78", "#6c6c00", "#00b43c", "#60fcfc", "#00786c", "#9ca8fc", "#e49cb4", "#8430fc", "#d8fcc0", "#fce400"),
    ("#3bb4d8", "#f0913a", "#ab8bff", "#2fbf77", "#f0629a", "#00fcfc", "#c06c48", "#fcfc00", "#786cfc", NEUTRAL),
)  # fmt: skip
"""Found by search: any two classes are 13.9 apart or more on light and 16 on dark, any two runs 20 and 29 (CIEDE2000), for
normal vision and for protanopia, deuteranopia and tritanopia (simulated after Machado et al. 2009). On its background each
class has a contrast of 3 or more, and what is written in a colour, numbers and the names of runs, of 4.5 or more.
"""


def of_class(label: int) -> str:
    """The word for the colour of the class of this number."""
    return CLASSES[label % len(CLASSES)]


def ink_of_class(label: int) -> str:
    """The word for what is written on that colour."""
    return INKS[label % len(INKS)]


def css(word: str) -> str:
    """A word as style sheets have it."""
    return f"var(--paint-{WORDS.index(word) + 1})"


def variables() -> str:
    """What `css` and style sheets ask for, in both shades."""
    paints = {f"paint-{number}": word for number, word in enumerate(WORDS, start=1)} | NAMES
    shades = (f"--{name}: light-dark({LIGHT.of_word(word)}, {DARK.of_word(word)});" for name, word in paints.items())
    ink = f"--ink: light-dark({LIGHT.ink}, {DARK.ink});"
    return f":root {{ {' '.join(shades)} {ink} }}"


def ink_on(colour: str) -> str:
    """Black or white, whichever has more contrast on a colour "#rrggbb" (WCAG 2.1, relative luminance)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"
