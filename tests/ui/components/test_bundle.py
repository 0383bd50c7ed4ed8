"""Browser code is bundled in the order of its imports, each module in a scope of its own."""

import pytest

from tests.conftest import ROOT
from ui.components.bundle import bundle


@pytest.fixture
def write(tmp_path):
    def write(**texts: str):
        for name, text in texts.items():
            (tmp_path / f"{name}.js").write_text(text, "utf-8")
        return tmp_path / f"{next(iter(texts))}.js"

    return write


def test_a_module_comes_once_and_after_those_that_it_imports(write):
    entry = write(
        entry="import { a } from './left.js';\nimport { b } from './right.js';\nexport default function () { return a + b; }\n",
        left="import { one } from './base.js';\nexport const a = one;\n",
        right="import { one } from './base.js';\nconst own = 2;\nexport const b = own * one;\n",
        base="export const one = 1;\n",
    )
    text = bundle(entry)
    assert text.count("const one = 1;") == 1
    assert text.index("const one = 1;") < text.index("const a = one;") < text.index("const b =") < text.index("export default")
    assert "import" not in text and text.count("export") == 1


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"entry": "import * as all from './other.js';\n", "other": ""}, "import"),
        ({"entry": "import { a } from './entry.js';\nexport const a = 1;\n"}, "imports itself"),
        ({"entry": "import { a } from './other.js';\n", "other": "const a = 1;\nexport { a };\n"}, "export"),
    ],
)
def test_what_the_bundler_does_not_know_is_refused(write, texts, words):
    with pytest.raises(ValueError, match=words):
        bundle(write(**texts))


@pytest.mark.parametrize("path", sorted((ROOT / "ui" / "components").glob("**/*.js")), ids=lambda path: path.stem)
def test_every_script_is_bundled(path):
    assert bundle(path)
