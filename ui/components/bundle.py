"""Components without frames, each from the files of its folder: Python, HTML, CSS and JavaScript.

JavaScript is written in modules. Streamlit takes one, so a component's script is bundled with what it imports: each module
keeps a scope of its own, and is run once, after those that it imports.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import streamlit as st

IMPORT = re.compile(r"^import \{ ([\w, ]+) \} from '(\.[\w./]+\.js)';$", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|class|function|async function) (\w+))", re.MULTILINE)
LEFT_OVER = re.compile(r"^(?:import\b|export (?!default )).*", re.MULTILINE)


def component(name: str, module: str, *sheets: str | Path, **options: object) -> Callable:
    """Streamlit's component of a Python `module` (its `__file__`): the .html, .css and .js beside it that are called as it is.

    `sheets` are style sheets of other components, which come before its own; `options` are Streamlit's.
    """
    beside = Path(module)
    styles = [Path(sheet) for sheet in sheets] + [beside.with_suffix(".css")]
    css = "\n".join(style.read_text("utf-8") for style in styles if style.exists())
    html = beside.with_suffix(".html").read_text("utf-8")
    return st.components.v2.component(name, html=html, css=css or None, js=bundle(beside.with_suffix(".js")), **options)


def bundle(script: Path) -> str:
    """A script that has the default export, as one module with all that it imports, directly or not.

    Raises `ValueError` on an import or export of another form than these modules have, and on one that imports itself.
    """
    order: dict[Path, str] = {}
    _bring(script.resolve(), order, ())
    names = {path: f"module_{place}" for place, path in enumerate(order)}
    *modules, (_, entry) = ((path, _with_imports(path, text, names)) for path, text in order.items())
    return "\n".join([*(_closed(names[path], text) for path, text in modules), entry])


def _bring(path: Path, order: dict[Path, str], importing: tuple[Path, ...]) -> None:
    """Put a module into `order`, after those that it imports."""
    if path in importing:
        raise ValueError(f"{path} imports itself, by way of {', '.join(other.name for other in importing)}")
    if path in order:
        return
    text = path.read_text("utf-8")
    for _, other in IMPORT.findall(text):
        _bring((path.parent / other).resolve(), order, (*importing, path))
    order[path] = text


def _with_imports(path: Path, text: str, names: dict[Path, str]) -> str:
    """A module's text, its imports taken from the modules that are there by then."""

    def taken(found: re.Match[str]) -> str:
        return f"const {{ {found[1]} }} = {names[(path.parent / found[2]).resolve()]};"

    text = IMPORT.sub(taken, text)
    left_over = LEFT_OVER.search(EXPORT.sub("", text))
    if left_over:
        raise ValueError(
            f"{path} has {left_over[0]!r}; write import {{ a, b }} from './file.js'; and export before a definition"
        )
    return text


def _closed(name: str, text: str) -> str:
    """A module in a scope of its own; what it exports are the properties of `name`."""
    exported = ", ".join(EXPORT.findall(text))
    return f"const {name} = (() => {{\n{EXPORT.sub('', text)}\nreturn {{ {exported} }};\n}})();"
