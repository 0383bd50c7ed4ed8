"""Words from outside, shown as the words they are.

Names of runs and classes, messages and paths in run folders, and what an address asks for may say anything. Markdown would
load the pictures that they name, follow links, set formulas; HTML and Plotly have markup of their own.
"""

from __future__ import annotations

import html
import re
import string

JOINER = "\u2060"
"""Takes no room and breaks no line, but parts what Streamlit would look up in finished text, which escapes do not hide from it:
icons, emoji, colours, addresses, arrows."""

_MARKS = re.compile(r"([\\`*_\[\]<$~&|])")
_LOOKED_UP = re.compile(r"(:(?=[\w/+-])|(?<=\w)@(?=\w)|www(?=\.)|(?<!\S)[<>~=-](?=[=>-]+(?!\S)))", re.IGNORECASE)
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_FIRST = re.compile(r"^([#>+=-]|\d+(?=[.)]))")


def plain(words: object) -> str:
    """Markdown that shows these words as they are, in one line."""
    line = _LOOKED_UP.sub(rf"\1{JOINER}", _one_line(words))
    line = _MARKS.sub(r"\\\1", line)
    return _FIRST.sub(lambda found: _escaped_first(found[0]), line)


def _escaped_first(start: str) -> str:
    """A heading's, quotation's or list's first mark; a number cannot be escaped, and is parted from its full stop."""
    return f"\\{start}" if start in string.punctuation else f"{start}{JOINER}"


def literally(words: object) -> str:
    """Markdown that shows words as code, which nothing is looked up in."""
    return f"`{_one_line(words).replace('`', ' ')}`"


def charted(words: object) -> str:
    """Words in a Plotly figure."""
    return html.escape(_one_line(words), quote=False)


def emphasised(words: object) -> str:
    """HTML that shows words from a file as they are, and in bold what stands between two pairs of stars."""
    return _BOLD.sub(r"<b>\1</b>", charted(words))


def _one_line(words: object) -> str:
    """Without line breaks, which end code and paragraphs, and characters that are not seen or turn others around."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(words)).split())
