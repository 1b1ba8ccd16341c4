"""The container of the hand-out: its file is whole, its user has no rights, and what its line promises holds.

The same walls are put up here with ``unshare`` and ``setpriv``, where the system lets us; docker itself is not run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.labs.tiny import TOTAL, Weft, write_hole
from weft.lab import container
from weft.lab.export import export
from weft.lab.tree import Lab
from weft.lab.wheel import filename

ROOT = Path(__file__).parents[2]
KNOWN = {"FROM", "COPY", "RUN", "ENV", "USER", "WORKDIR", "ENTRYPOINT"}


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a container file, comments left out and continued lines joined."""
    lines = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines.splitlines() if line)]


def test_the_containers_file_is_whole(lab: Lab, tmp_path: Path) -> None:
    handout = tmp_path / "out"
    export(lab.folder.parent, [lab], handout)
    found = instructions((handout / container.FILE).read_text(encoding="utf-8"))
    assert {word for word, _ in found} == KNOWN
    assert found[0] == ("FROM", "docker.io/library/python:3.11-slim-bookworm")
    copied = {}
    for word, rest in found:
        if word == "COPY":
            source, target = rest.split()
            assert (handout / source).exists()
            copied[target] = source
    assert copied == {"/class/": filename(), "/class/labs": "labs"}
    assert ("RUN", f"pip install --no-cache-dir '/class/{filename()}'") in found
    variables = dict(pair.split("=", 1) for word, rest in found if word == "ENV" for pair in rest.split())
    assert variables["WEFT_LABS"] == "/class/labs"
    words = [word for word, _ in found]
    assert words.index("USER") > max(at for at, word in enumerate(words) if word in ("RUN", "COPY")), "root installs"
    assert dict(found)["USER"] == f"{container.USER}:{container.USER}"
    assert json.loads(dict(found)["ENTRYPOINT"]) == ["weft", "lab", "check"]


def test_the_line_in_the_readme_shuts_all_doors(lab: Lab, tmp_path: Path) -> None:
    export(lab.folder.parent, [lab], tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^ {4}(docker run (?:.*\\\n)*.*)$", text, re.MULTILINE)
    words = shlex.split(line)
    assert words[:3] == ["docker", "run", "--rm"]
    assert set(container.ISOLATION) <= set(words)
    assert words[-4:] == ["--volume=$PWD/hand-ins/ada:/hand-in:ro", "weft-labs", "1", "--json"]
    for option in ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"):
        assert option in words
    assert [word for word in words if word.startswith("-") and "=" not in word] == ["--rm", "--read-only", "--json"]


INSIDE = r"""
set -e
mount --make-rprivate /
if [ -n "$CLOSED" ]; then  # Python lies in a folder that others may not enter: show them Python and nothing else of it
    mount --bind "$PREFIX" "$TMPDIR"
    mount -t tmpfs -o mode=755 tmpfs "$CLOSED"
    mkdir -p "$PREFIX"
    mount --move "$TMPDIR" "$PREFIX"
fi
mount --bind / /
mount -o remount,bind,ro /
mount -t tmpfs -o nosuid,nodev,noexec,size=512m tmpfs "$TMPDIR"
cd "$HAND_IN"
exec setpriv --reuid $USER_ID --regid $USER_ID --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    "$PYTHON" -m weft lab check 1 --json
"""
ATTEMPTS = """\
import os, socket
found = []
def tried(what, act):
    try:
        act()
        found.append(what)
    except OSError:
        pass
tried("wrote into the hand-in", lambda: open(os.path.join({hand_in!r}, "mark"), "w"))
tried("wrote into the labs", lambda: open(os.path.join({labs!r}, "1-sums", "grade.py"), "a"))
tried("wrote outside", lambda: open({outside!r}, "w"))
tried("reached the network", lambda: socket.create_connection(("127.0.0.1", {port}), 2))
tried("became root", lambda: os.setuid(0))
tried("signalled a stranger", lambda: os.kill({stranger}, 0))
if found:
    raise RuntimeError("got out: " + ", ".join(found))
"""


def _closed(place: Path) -> str:
    """The outermost folder on the way to ``place`` that others may not enter; empty if there is none."""
    folders = [folder for folder in reversed(place.parents) if not folder.stat().st_mode & 0o001]
    return str(folders[0]) if folders else ""


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root to put up walls without docker")
def test_the_same_walls_hold(lab: Lab, weft: Weft, tmp_path: Path) -> None:
    if not shutil.which("unshare") or not shutil.which("setpriv"):
        pytest.skip("there is no unshare or setpriv")
    if subprocess.run(["unshare", "-mnpf", "--mount-proc", "true"], capture_output=True).returncode != 0:
        pytest.skip("this system lets nobody unshare")
    toml = lab.folder / "lab.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('"os", ', '"os", "socket", '), encoding="utf-8")
    weft("init", "1", "mine")
    folder, labs = tmp_path / "home" / "mine", tmp_path / "labs"
    inside = tmp_path / "inside"
    inside.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        attempts = ATTEMPTS.format(
            hand_in=str(folder), labs=str(labs), outside=str(tmp_path / "outside"), port=server.getsockname()[1],
            stranger=os.getpid(),
        )  # fmt: skip
        write_hole(folder, "total", attempts + TOTAL)
        write_hole(folder, "mean-value", "return total(values) / len(values)\n")
        for path in (tmp_path, *tmp_path.parents, *tmp_path.rglob("*")):  # students' user may read what it must
            if str(path).startswith("/tmp/"):
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        open_ = json.loads(weft("check", "1", "--json", "--tree", str(labs)).out)
        (tmp_path / "outside").unlink()
        environment = os.environ | {
            "HAND_IN": str(folder), "USER_ID": str(container.USER), "PYTHON": sys.executable, "WEFT_LABS": str(labs),
            "HOME": str(inside), "TMPDIR": str(inside), "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": f"{inside}/numba",
            "PREFIX": sys.base_prefix, "CLOSED": _closed(Path(sys.base_prefix)),
        }  # fmt: skip
        command = ["unshare", "-mnpf", "--mount-proc", "sh", "-c", INSIDE]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "got out: " in open_["holes"][0]["failure"]["what"], "without walls the code gets out"
    assert done.returncode == 0, done.stderr + done.stdout
    assert [hole["status"] for hole in json.loads(done.stdout)["holes"]] == ["pass", "pass"]
    assert not (tmp_path / "outside").exists()
