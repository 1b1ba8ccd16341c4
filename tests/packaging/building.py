"""Archives of this tree and environments that hold one of them, made as pip makes them, without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.tree import ROOT

MADE = (".git", "venv", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "sim_build")
"""What is made in a checkout and is no part of it."""
QUIET = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation")
SDIST = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
VARIABLES = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "WEFT_LABS")}


def run(*command: str | Path, folder: Path) -> str:
    """What a command prints; fails with all that it said if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=VARIABLES, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Archives:
    """The source distribution, what it holds, and the wheel that is built of it, not of the checkout."""

    sdist: Path
    unpacked: Path
    wheel: Path


def build(folder: Path) -> Archives:
    """Build both in ``folder``, from a copy of the tree: a build writes beside what it builds."""
    copy = folder / "checkout"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*MADE))
    (copy / "docs/__pycache__").mkdir()
    (copy / "docs/__pycache__/made.cpython-311.pyc").touch()
    name = run(sys.executable, "-c", SDIST, folder, folder=copy).splitlines()[-1]
    with tarfile.open(folder / name) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    run(sys.executable, "-m", "pip", "wheel", *QUIET, "-w", folder / "wheels", folder / name, folder=folder)
    (wheel,) = (folder / "wheels").iterdir()
    return Archives(folder / name, unpacked, wheel)


@dataclass(frozen=True)
class Environment:
    """A Python of its own: what is installed in it comes first, then all that the running Python finds.

    ``source`` is the folder that weft must be imported from.
    """

    folder: Path
    source: Path

    @property
    def programs(self) -> Path:
        """Where its ``python`` and ``weft`` are."""
        return self.folder / "bin"


def install(folder: Path, what: Path, editable: bool = False) -> Environment:
    """Make an environment that holds an archive, or a folder as it is, and sees the packages weft needs."""
    venv.create(folder, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    there = [place for place in sys.path if Path(place).name in ("site-packages", "dist-packages")]
    (site / "there.pth").write_text("".join(f"{place}\n" for place in there), encoding="utf-8")
    python = folder / "bin" / "python"
    words = ("--editable", what) if editable else (what,)
    run(sys.executable, "-m", "pip", "--python", python, "install", *QUIET, *words, folder=folder)
    return Environment(folder, what if editable else folder)
