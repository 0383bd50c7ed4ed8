"""How the environment is made: which Python it needs, said in one place, and what becomes of one that does not serve."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tests.conftest import ROOT, skip_or_fail

pytestmark = pytest.mark.slow

OLD, NEW, OTHER = "3.10.13", "{}.{}.{}".format(*sys.version_info), "3.99.0"

PROGRAM = """#!{python}
# Stands for a Python of another version, whose environments hold a copy of it and whose pip has nothing to install.
import pathlib, shutil, sys
words, sys.version_info = sys.argv[1:], ({version}, "final", 0)
if words[0] == "-c":
    exec(words[1])
elif words == ["--version"]:
    print("Python", ".".join(map(str, sys.version_info[:3])))
elif words == ["-m", "venv", ".venv"]:
    pathlib.Path(".venv/bin").mkdir(parents=True)
    shutil.copy(__file__, ".venv/bin/python")
elif words[:3] != ["-m", "pip", "install"]:
    sys.exit("What is asked of it? " + str(words))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Makefile and settings as they are."""
    if not shutil.which("make"):
        skip_or_fail("make is not installed.")
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)
    return path


def python(path: Path, version: str) -> Path:
    return program(path, PROGRAM.format(python=sys.executable, version=version.replace(".", ", ")))


def make(project: Path, *words: str, **variables: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", ".venv/installed", *words], cwd=project, env=kept | variables, capture_output=True, text=True, timeout=300
    )


def is_whole(project: Path) -> bool:
    asked = [project / ".venv" / "bin" / "python", "--version"]
    runs = subprocess.run(asked, capture_output=True, text=True)
    return runs.stdout == f"Python {NEW}\n" and (project / ".venv" / "installed").exists()


def test_the_python_that_is_needed_is_said_once_and_is_right():
    least = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert f"Python {least} or newer" in (ROOT / "README.md").read_text()
    for name in ("Makefile", "pyproject.toml"):
        assert not re.search(r"py3\d+|\(3, \d+\)|python3\.(?!12)", (ROOT / name).read_text()), name
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        package = re.match(r"[a-z-]+", line)
        if package and package[0] == "streamlit":  # its release is fixed; of the others an older one may do for an older Python
            needed = re.search(r">=3\.(\d+)", metadata.metadata("streamlit")["Requires-Python"])
            assert int(needed[1]) <= int(least.split(".")[1])
    assert sys.version_info >= tuple(map(int, least.split(".")))


def test_a_python_that_is_too_old_is_told_before_anything_is_made(project):
    result = make(project, f"PYTHON={python(project / 'old', OLD)}")
    assert result.returncode == 2 and "Python 3.11 or newer is needed" in result.stderr and OLD in result.stderr
    missing = make(project, "PYTHON=python9.9")
    assert missing.returncode == 2 and "Python 3.11 or newer is needed, and python9.9 is" in missing.stderr
    assert not (project / ".venv").exists()


def half_made(environment: Path) -> None:
    """As an installation leaves it that failed, or that was ended."""
    python(environment / "bin" / "python", OLD)


def of_a_python_that_is_too_old(environment: Path) -> None:
    python(environment / "bin" / "python", OLD)
    (environment / "installed").touch()


def of_a_python_that_is_gone(environment: Path) -> None:
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(environment / "gone")
    (environment / "installed").touch()


def of_another_than_is_asked_for(environment: Path) -> None:
    python(environment / "bin" / "python", OTHER)
    (environment / "installed").touch()


@pytest.mark.parametrize(
    "leave", [half_made, of_a_python_that_is_too_old, of_a_python_that_is_gone, of_another_than_is_asked_for]
)
def test_an_environment_that_does_not_serve_is_made_anew(project, leave):
    leave(project / ".venv")
    (project / ".venv" / "left").touch()
    result = make(project, f"PYTHON={python(project / 'new', NEW)}")
    assert result.returncode == 0, result.stderr
    assert is_whole(project) and not (project / ".venv" / "left").exists()


def test_one_that_serves_is_kept_whatever_python3_is_now(project):
    make(project, f"PYTHON={python(project / 'new', NEW)}")
    (project / ".venv" / "kept").touch()
    path = f"{python(project / 'first' / 'python3', OLD).parent}:{os.environ['PATH']}"
    again = make(project, PATH=path)
    assert again.returncode == 0 and "pip install" not in again.stdout, again.stderr
    os.utime(project / "requirements.txt", (2**31, 2**31))  # as if something were to be installed besides
    more = make(project, PATH=path)
    assert more.returncode == 0 and "pip install" in more.stdout, more.stderr
    assert is_whole(project) and (project / ".venv" / "kept").exists()


def test_where_it_is_a_link_what_it_leads_to_is_left_alone(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "precious").touch()
    (project / ".venv").symlink_to(elsewhere)
    assert make(project, f"PYTHON={python(project / 'new', NEW)}").returncode == 0
    assert is_whole(project) and (elsewhere / "precious").exists() and not (project / ".venv").is_symlink()
