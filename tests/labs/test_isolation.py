"""The container of the hand-out: its file is whole, its user has no rights, and its line shuts all doors."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from weft.lab import container
from weft.lab.export import export
from weft.lab.tree import Lab
from weft.lab.wheel import filename

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
