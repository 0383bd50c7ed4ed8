"""Imports run one way, pages -> ui -> vae, and importing vae has no effects."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FORBIDDEN = {
    "vae": {"streamlit", "plotly", "ui", "pages", "app", "benchmarks", "tests"},
    "ui": {"pages", "app", "benchmarks", "tests"},
    "pages": {"app", "benchmarks", "tests"},
    "benchmarks": {"app", "pages"},
}

OPENED = """
import sys, torch, numpy, safetensors.torch, tqdm, filelock, PIL.Image, scipy.ndimage
opened = []
sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event in ("open", "socket.connect") else None)
import vae, vae.evaluation, vae.arguments, vae.atlas, vae.comparison, vae.convention, vae.fields, vae.plane, vae.road, vae.story
import vae.diffusion.worker
print([path for path in opened if not path.endswith((".py", ".pyc", ".so"))])
print(sorted({"streamlit", "plotly", "torchvision", "sklearn"} & set(sys.modules)))
"""


def imported_by(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room", FORBIDDEN)
def test_imports_run_one_way(room):
    files = list((ROOT / room).glob("**/*.py"))
    assert files
    for path in files:
        assert not imported_by(path) & FORBIDDEN[room], path


def test_importing_vae_opens_no_file_and_loads_no_screen():
    result = subprocess.run([sys.executable, "-c", OPENED], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.splitlines() == ["[]", "[]"], result.stdout + result.stderr


def test_nothing_is_unpickled_or_evaluated():
    for path in [*ROOT.glob("*.py"), *(file for room in FORBIDDEN for file in (ROOT / room).glob("**/*.py"))]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in {"eval", "exec", "pickle.load", "pickle.loads", "torch.load"}, path


def names_no_encoding(call: ast.Call) -> bool:
    """Whether a call reads or writes a file as words, and leaves it to the system how they are written."""
    name, words = ast.unparse(call.func), ast.unparse(call)
    if "utf-8" in words or name in ("Image.open", "os.open") or "opener=" in words:
        return False
    return name.endswith(("read_text", "write_text")) or (name.split(".")[-1] == "open" and not re.search(r"'[rwa]b'", words))


def test_words_are_read_and_written_in_utf_8_whatever_the_system_takes_for_usual():
    for path in [*ROOT.glob("*.py"), *(file for room in ("vae", "ui", "pages") for file in (ROOT / room).glob("**/*.py"))]:
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        assert not [ast.unparse(call) for call in calls if names_no_encoding(call)], path


def test_no_page_has_a_bare_string_which_streamlit_would_write_on_the_screen():
    for path in [ROOT / "app.py", *(ROOT / "pages").glob("*.py")]:
        bare = [node for node in ast.parse(path.read_text()).body[1:] if isinstance(node, ast.Expr)]
        assert not [node for node in bare if isinstance(node.value, ast.Constant)], path
