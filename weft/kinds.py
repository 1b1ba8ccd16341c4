"""What a file is, by its content, and which verb takes it: the answer where a file of another kind is given."""

from __future__ import annotations

import json
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LOOKED_AT = 1 << 20
"""Bytes at the beginning of a file that are looked at (and a safetensors header, whatever its length)."""
_MOST_HEADER = 1 << 27
_BAD = (ValueError, RecursionError, TypeError, AttributeError, LookupError)


@dataclass(frozen=True)
class FileKind:
    """A kind of file: what it is called, and what to do with a file of it, ``{}`` being its name."""

    name: str
    use: str


PROGRAM = FileKind("a program", "`weft sim {}`, `weft verify {}`, `weft report {}` and `weft disasm {}` take it")
TRAINING = FileKind("a checkpoint of a training", "`weft train MODEL --checkpoint {} --resume` and `weft run` take it")
WEIGHTS = FileKind("a checkpoint of weights", "`weft run MODEL --checkpoint {}` takes it")
RESULT = FileKind("a report's result", "`weft compare {} OTHER.json` takes it")
MACHINE = FileKind("a machine's description", "--machine {} takes it")
LAB = FileKind("a lab's description", "`weft lab` takes the folder that it is in")
ASSEMBLY = FileKind("assembly text", "`weft asm {} -o FILE.weft` makes a program of it")
TORCH = FileKind("a file of torch.save", "weft reads safetensors: save it with safetensors.torch.save_file")
PYTHON = FileKind("a Python script", "`python {}` runs it, `weft report {}:step` explains its jitted function step")
PAGE = FileKind("a web page", "a browser shows it")
WAVEFORM = FileKind("a waveform", "GTKWave or Surfer shows it")
VERILOG = FileKind("Verilog", "it is an export, which weft does not read")
FOLDER = FileKind("a report's directory", "give the file result.json in it")

_STARTS: dict[bytes, FileKind] = {
    b"PK\x03\x04": TORCH,
    b"\x80\x02": TORCH,
    b"<!doctype html": PAGE,
    b"<html": PAGE,
    b"$date": WAVEFORM,
    b"$version": WAVEFORM,
    b"$timescale": WAVEFORM,
    b"$comment": WAVEFORM,
}
_LINES: tuple[tuple[str, FileKind], ...] = (
    (r"\s*\.(machine|entry|buffer|data|meta)\b", ASSEMBLY),
    (r"\s*(import|from) \w+|\s*(def|class) \w+.*:$", PYTHON),
    (r"\s*module \w+", VERILOG),
)
"""What some line of a text looks like → its kind; the first that fits."""
_FORMATS = {"weft program": PROGRAM, "weft training": TRAINING}


def kind_of(path: Path) -> FileKind | None:
    """What the file at ``path`` is; None for what is not there, or not known. A device or a pipe is not read."""
    with suppress(OSError):
        if path.is_dir():
            return FOLDER if (path / "result.json").is_file() else None
        if not path.is_file():
            return None
        with path.open("rb") as file:
            content = file.read(_LOOKED_AT)
            length = int.from_bytes(content[:8], "little")
            if content[8:9] == b"{" and len(content) <= 8 + length <= 8 + _MOST_HEADER:
                content += file.read(8 + length - len(content))
        return _safetensors(content, length) or _text(content)
    return None


def refusal(path: str | Path, wanted: tuple[FileKind, ...]) -> str | None:
    """Why the file at ``path`` is none of the ``wanted`` kinds, and what takes it; None where nothing is known."""
    found = kind_of(Path(path))
    if found is None or found in wanted:
        return None
    names, use = " or ".join(kind.name for kind in wanted), found.use.replace("{}", str(path))
    return f"{path} is {found.name}, not {names}; {use}"


def _safetensors(content: bytes, length: int) -> FileKind | None:
    if content[8:9] != b"{" or len(content) < 8 + length:
        return None
    with suppress(*_BAD):
        header = json.loads(content[8 : 8 + length])
        about = json.loads(header.get("__metadata__", {}).get("weft", "{}"))
        return _FORMATS.get(about.get("format"), WEIGHTS)
    return None


def _text(content: bytes) -> FileKind | None:
    for start, kind in _STARTS.items():
        if content.lstrip()[: len(start)].lower() == start.lower():
            return kind
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if text.lstrip().startswith("{"):
        return RESULT if re.search(r'"workload"\s*:', text) else None
    with suppress(*_BAD):
        values = tomllib.loads(text)
        return LAB if "hole" in values else MACHINE if {"dim", "scratchpad", "dram"} & values.keys() else None
    return next((kind for line, kind in _LINES if re.search(line, text, re.MULTILINE)), None)
