"""Imports run one way, pages -> ui -> vae, and importing vae has no effects."""

import ast
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

GROUND = {"vae": {"errors", "config", "device", "paths", "startup", "bounded_cache"}, "ui": {"text", "glossary"}}
"""Modules that all packages beside them may import."""

MAY_IMPORT = {
    "vae": {
        "data": set(),
        "model": {"data"},
        "latent": {"data", "model"},
        "evidence": {"data", "model"},
        "training": {"data", "model"},
        "runs": {"data", "model", "latent", "training"},
        "jobs": {"data", "model", "training", "runs"},
        "evaluation": {"data", "model", "latent", "evidence", "runs"},
        "diffusion": {"data", "model", "latent", "runs", "jobs"},
        "cli": {"data", "model", "latent", "evidence", "training", "runs", "jobs", "evaluation", "diffusion"},
    },
    "ui": {
        "state": set(),
        "charts": set(),
        "components": {"state", "charts"},
        "cache": {"state"},
        "shell": {"state", "charts", "components", "cache"},
    }
    | {
        page: {"state", "charts", "components", "cache", "shell"}
        for page in ("explore", "elbo", "train", "replay", "compare", "diffusion", "lessons")
    },
}
"""The house: packages, and which packages beside them each may import."""

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
import vae.cli.arguments, vae.diffusion.job, vae.evaluation.comparison, vae.evaluation.held_out
import vae.data.preprocessing, vae.latent.atlas, vae.latent.fields, vae.latent.interpolation, vae.latent.posterior_summary
print([path for path in opened if not path.endswith((".py", ".pyc", ".so"))])
print(sorted({"streamlit", "plotly", "torchvision", "sklearn"} & set(sys.modules)))
"""


def imports_of(text: str) -> set[tuple[str, ...]]:
    """What a file imports, also within functions: dotted names, taken apart."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {(*node.module.split("."), alias.name) for alias in node.names}
    return names


def beyond_the_house(room: str, package: str, text: str) -> set[tuple[str, ...]]:
    """What a file of a package imports and should not; the ground floor, `package` None, imports the ground floor alone."""
    allowed = GROUND[room] | (MAY_IMPORT[room][package] | {package} if package else set())
    return {name for name in imports_of(text) if name[0] == room and name[1:2] != () and name[1] not in allowed}


@pytest.mark.parametrize("room", FORBIDDEN)
def test_imports_run_one_way(room):
    files = list((ROOT / room).glob("**/*.py"))
    assert files
    for path in files:
        assert not {name[0] for name in imports_of(path.read_text("utf-8"))} & FORBIDDEN[room], path


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_each_package_imports_only_what_stands_in_its_row(room):
    packages = {path.parent.name for path in (ROOT / room).glob("*/__init__.py")}
    assert packages == set(MAY_IMPORT[room])
    for package in packages:
        for path in (ROOT / room / package).glob("**/*.py"):
            assert not beyond_the_house(room, package, path.read_text("utf-8")), path
    for module in GROUND[room]:
        assert not beyond_the_house(room, None, (ROOT / room / f"{module}.py").read_text("utf-8")), module


@pytest.mark.parametrize(("room", "package", "planted"), [
    ("vae", "training", "from vae.runs.folder import RunFolder"),
    ("vae", "model", "def decode():\n    from vae import training"),
    ("vae", "data", "import vae.model.autoencoder as model"),
    ("vae", None, "from vae.data import datasets"),
    ("ui", "cache", "from ui.charts import plane"),
    ("ui", "elbo", "from ui.explore.scene import Scene"),
    ("ui", "state", "import streamlit\nfrom ui.components.lens import lens"),
])  # fmt: skip
def test_a_planted_import_is_found(room, package, planted):
    assert beyond_the_house(room, package, planted)
    assert not beyond_the_house(
        room, package, "import streamlit, vae\nfrom vae.errors import RunError\nfrom ui.text import plain"
    )


def test_importing_vae_opens_no_file_and_loads_no_screen():
    result = subprocess.run([sys.executable, "-c", OPENED], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.splitlines() == ["[]", "[]"], result.stdout + result.stderr


EVERYTHING = """
import gc, importlib, pkgutil, signal, warnings
import torch
import ui, vae

def process():
    smallest = torch.tensor([1], dtype=torch.int32).view(torch.float32) * 1.0
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    precision = torch.get_float32_matmul_precision()
    return torch.get_num_threads(), gc.get_freeze_count(), smallest.view(torch.int32).item(), precision, handlers

before = process()
for package in (vae, ui):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
print(before == process(), before[2])
"""


def test_nothing_that_is_imported_changes_the_process():
    """Threads, garbage collection, the smallest numbers, precision, signals: `vae.startup` does, when it is asked."""
    result = subprocess.run([sys.executable, "-c", EVERYTHING], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.split() == ["True", "1"], result.stdout + result.stderr


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
