"""Whose files the running ``weft/`` is made of, by the RECORD that pip keeps of every distribution it installs.

pip says nothing when two distributions install into one folder: the later one writes over the earlier, and either's
removal takes files of the other. Then weft runs, or half runs, as a mixture.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from weft.base.distribution import NAME, install
from weft.edition import is_course

PACKAGE = Path(__file__).resolve().parent
"""The ``weft/`` that runs."""


@dataclass(frozen=True)
class InstallationProblem:
    """What is wrong with an installation, and what to do. One that is not ``fatal`` leaves weft working."""

    what: str
    remedy: str
    fatal: bool = True


@dataclass(frozen=True)
class Installed:
    """A distribution that pip installed: ``site`` is the folder that its RECORD counts from."""

    distribution: metadata.Distribution

    @cached_property
    def name(self) -> str:
        """Its name, as pip compares names."""
        return re.sub(r"[-_.]+", "-", str(self.distribution.metadata["Name"])).lower()

    @cached_property
    def site(self) -> Path:
        """Where it lies."""
        return Path(str(self.distribution.locate_file(""))).resolve()

    @cached_property
    def folder(self) -> Path | None:
        """The source folder of an editable installation."""
        told = json.loads(self.distribution.read_text("direct_url.json") or "{}")
        editable = told.get("dir_info", {}).get("editable")
        return Path(url2pathname(urlsplit(told["url"]).path)).resolve() if editable else None

    @cached_property
    def files(self) -> dict[str, str]:
        """Its files in a folder ``weft/``, without compiled ones, each with its hash as RECORD gives it, or nothing."""
        lines = (self.distribution.read_text("RECORD") or "").splitlines()
        rows = csv.reader(line for line in lines if line.lstrip('"').startswith("weft/"))
        return {row[0]: row[1] for row in rows if len(row) > 1 and not row[0].endswith(".pyc")}

    def holds(self, package: Path) -> bool:
        """True if this is an editable installation of the folder that ``package`` lies in."""
        return package.parent == self.folder

    @cached_property
    def command(self) -> bool:
        """True if it installs a command ``weft``."""
        points = self.distribution.entry_points
        return any(point.group == "console_scripts" and point.name == "weft" for point in points)

    def __str__(self) -> str:
        return f"{self.distribution.metadata['Name']} {self.distribution.version}"


def claimants(path: list[str] | None = None) -> list[Installed]:
    """The distributions on Python's path that claim a folder or a command ``weft``, in its order."""
    found = metadata.distributions() if path is None else metadata.distributions(path=path)
    recorded = [Installed(one) for one in found if "Name" in one.metadata and one.read_text("RECORD") is not None]
    return [one for one in recorded if one.name == NAME or one.files or one.command]


def own(everyone: Iterable[Installed]) -> Installed | None:
    """The distribution of weft itself: the first on the path, as Python takes it."""
    return next((one for one in everyone if one.name == NAME), None)


def problems(everyone: list[Installed], package: Path = PACKAGE) -> list[InstallationProblem]:
    """What is wrong with the installation that ``package`` belongs to."""
    ours = own(everyone)
    former = [one for one in everyone if one.name != NAME and one.holds(package)]
    found = [_former(one) for one in former]
    if ours is None:
        return found or [_of_nobody(package)]
    others = [one for one in everyone if one.name != NAME and one not in former]
    beside = [one for one in others if one.site == ours.site]
    found += [_foreign(one, ours) for one in beside]
    found += [_elsewhere(one) for one in others if one not in beside and one.files]
    versions = [one for one in everyone if one.name == NAME and one.site == ours.site]
    if len(versions) > 1:
        found.append(_versions(versions))
    if ours.files and package == ours.site / "weft":
        found += _mixed(ours, beside)
    elif not ours.holds(package):
        found.append(_not_ours(ours, package))
    return found


def _mixed(ours: Installed, beside: list[Installed]) -> list[InstallationProblem]:
    """Files of ``weft/`` that are not as its distribution installed them."""
    theirs = {name for one in beside for name in one.files}
    named = {name: digest for name, digest in ours.files.items() if digest}
    there = {name for name in named if (ours.site / name).is_file()}
    modules = {path.relative_to(ours.site).as_posix() for path in (ours.site / "weft").rglob("*.py")}
    kinds = {
        f"missing of what {ours} installed": named.keys() - there,
        f"not as {ours} installed it": {name for name in there if not _has(ours.site / name, named[name])},
        "of no installed distribution, left by another version": modules - ours.files.keys() - theirs,
    }
    return [InstallationProblem(f"{told}: {_listed(names)}", _anew(ours)) for told, names in kinds.items() if names]


def _has(path: Path, digest: str) -> bool:
    """True if the file's contents have this hash, ``sha256=…``, or if it is of a kind that is not known."""
    kind, _, value = digest.partition("=")
    if kind not in hashlib.algorithms_guaranteed:
        return True
    right = hashlib.new(kind, path.read_bytes()).digest()
    return base64.urlsafe_b64encode(right).rstrip(b"=").decode() == value.rstrip("=")


def _listed(names: Iterable[str]) -> str:
    first, *more = sorted(names)
    return f"{first} and {len(more)} more" if more else first


def _anew(ours: Installed, *others: Installed) -> str:
    names = " ".join(dict.fromkeys(one.name for one in (ours, *others)))
    again = f"pip install -e {ours.folder}" if ours.folder else _again()
    return f"pip uninstall {names}; remove what is left in {ours.site / 'weft'}; {again}"


def _again() -> str:
    return "install the hand-out's wheel again" if is_course() else install()


def _foreign(other: Installed, ours: Installed) -> InstallationProblem:
    claims = ["the command weft"] if other.command else []
    if other.files:
        over = len(other.files.keys() & ours.files.keys())
        instead = f", {over} in the place of ours" if over else ""
        claims.append(f"files in weft/, such as {min(other.files)}{instead}")
    return InstallationProblem(
        f"{other} is another project and has installed {' and '.join(claims)}", _anew(ours, other)
    )


def _elsewhere(other: Installed) -> InstallationProblem:
    what = f"{other} is another project and has a weft too, in {other.site / 'weft'}; Python takes the first it finds"
    return InstallationProblem(
        what, f"pip uninstall {other.name}, or keep the two in environments of their own", fatal=False
    )


def _former(other: Installed) -> InstallationProblem:
    what = f"{other} is this folder too, installed under another name"
    return InstallationProblem(what, f"pip uninstall {other.name}; pip install -e {other.folder}", fatal=False)


def _versions(versions: list[Installed]) -> InstallationProblem:
    told = " and ".join(sorted(one.distribution.version for one in versions))
    return InstallationProblem(f"{versions[0].site} holds {len(versions)} records of {NAME}: {told}", _anew(*versions))


def _not_ours(ours: Installed, package: Path) -> InstallationProblem:
    what = f"weft is imported from {package}, while {ours} is installed in {ours.folder or ours.site}"
    return InstallationProblem(
        what, f"to use that, start elsewhere and take {package.parent} off PYTHONPATH", fatal=False
    )


def _of_nobody(package: Path) -> InstallationProblem:
    what = f"weft is imported from {package}, which is not installed: no device is found"
    checkout = (package.parent / "pyproject.toml").is_file()
    return InstallationProblem(what, f"pip install -e {package.parent}" if checkout else _again())
