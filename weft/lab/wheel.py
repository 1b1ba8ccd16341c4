"""The course edition of weft as a wheel: the parts that hold no answers, packed from the weft that runs.

A wheel is a zip file of the packages and three files about them, so it is written directly, without network or build
tool, and byte for byte the same each time.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import zipfile
from collections.abc import Container, Iterable, Iterator
from importlib import metadata
from pathlib import Path

from weft.base.distribution import NAME, VERSION, install, installed
from weft.base.errors import MissingToolError
from weft.edition import LOCAL, VERBS, is_part
from weft.lab.needs import distribution, requirements
from weft.names import STUB, homes

ROOT = Path(__file__).parents[2]
"""Where the packages lie, in a checkout and installed alike."""
COMMANDS = ("__init__", "options", "printing", *VERBS)
"""Files of ``weft/cli`` that the edition has."""
DATA = (".toml", ".csv.gz", ".typed", "README.md")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LINE = "LEFT_OUT: tuple[str, ...] = ()"


EDITION = VERSION + LOCAL
"""The edition's version."""


def filename() -> str:
    """The wheel's file name, as pip wants it."""
    return f"{NAME}-{EDITION}-py3-none-any.whl"


def write_wheel(path: Path, needs: Iterable[str]) -> None:
    """Write the edition; ``needs`` are the packages that the labs need, the extra ``labs``."""
    contents = package_files()
    info = f"{NAME}-{EDITION}.dist-info"
    about = {
        "METADATA": _metadata(contents, needs),
        "WHEEL": "Wheel-Version: 1.0\nGenerator: weft\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": "[console_scripts]\nweft = weft.cli:main\n",
    }
    contents |= {f"{info}/{name}": text.encode() for name, text in about.items()}
    if (licence := _licence()) is not None:
        contents[f"{info}/licenses/LICENSE"] = licence
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in contents.items())
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)


def package_files() -> dict[str, bytes]:
    """Path in the wheel → contents: modules that lead to nothing left out, and the data beside them."""
    modules = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "weft").rglob("*.py"))}
    kept = _kept({name: path.read_text(encoding="utf-8") for name, path in modules.items()})
    found = {name: text.encode() for name, text in kept.items()}
    folders = {Path(name).parent for name in kept} | {Path("weft/isa/machines"), Path("weft/samples")}
    for folder in sorted(folders):
        for path in sorted((ROOT / folder).glob("*")):
            if path.name.endswith(DATA):
                found[str(folder / path.name)] = path.read_bytes()
    edition = kept["weft/edition.py"]
    assert edition.count(_LINE) == 1, "weft/edition.py says in one line what is left out"
    absent = left_out(kept)
    names = ", ".join(f'"{name}"' for name in absent)
    found["weft/edition.py"] = edition.replace(_LINE, _LINE.replace("()", f"({names},)")).encode()
    found[f"weft/{STUB}"] = _stub((ROOT / "weft" / STUB).read_text(encoding="utf-8"), absent).encode()
    return dict(sorted(found.items()))


def left_out(kept: Iterable[str]) -> list[str]:
    """Public names of ``weft`` whose modules are not among the ``kept`` files."""
    modules = {_module(name) for name in kept}
    return sorted(name for name, (module, _) in homes().items() if module not in modules)


def _stub(text: str, without: Container[str]) -> str:
    """The stub of ``weft`` without some of its names."""
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            node.names = [alias for alias in node.names if (alias.asname or alias.name) not in without]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.List):  # __all__
            node.value.elts = [name for name in node.value.elts if ast.literal_eval(name) not in without]
    tree.body = [node for node in tree.body if not isinstance(node, ast.ImportFrom) or node.names]
    return ast.unparse(tree) + "\n"


def _kept(sources: dict[str, str]) -> dict[str, str]:
    """Drop what cannot be loaded without the left-out parts, then what cannot without that, until nothing changes.

    An import inside a function drops nothing: it is asked for when it is used, and refused then.
    """
    names = {_module(name): name for name in sources}
    wanted = {name: list(_imported(_at_load(ast.parse(text)))) for name, text in sources.items()}
    verbs = Path("weft/cli")
    kept = {
        name
        for name in sources
        if not is_part(_module(name)) and (Path(name).parent != verbs or Path(name).stem in COMMANDS)
    }
    while True:
        dropped = {
            name
            for name in kept
            if any(is_part(module) or (module in names and names[module] not in kept) for module in wanted[name])
        }
        if not dropped:
            return {name: sources[name] for name in sources if name in kept}
        kept -= dropped


def _module(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _at_load(tree: ast.Module) -> Iterator[ast.AST]:
    """The statements that run when a module is loaded."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Every module that these import (and every name taken from one: it may be a module)."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _metadata(contents: dict[str, bytes], needs: Iterable[str]) -> str:
    """METADATA, asking only for those packages of the whole weft that some kept file imports."""
    modules = {
        module.partition(".")[0]
        for name, data in contents.items()
        if name.endswith(".py")
        for module in _imported(ast.walk(ast.parse(data)))
    }
    whole = _whole()
    required = [line for line in whole.requires or () if ";" not in line]
    used = [line for line in required if distribution(line) in modules]
    lines = ["Metadata-Version: 2.4", f"Name: {NAME}", f"Version: {EDITION}"]
    lines += ["Summary: The course edition of weft: instruction set, simulators, labs."]
    lines += ["License-Expression: Apache-2.0"]
    if _licence() is not None:
        lines.append("License-File: LICENSE")
    lines += [f"Requires-Python: {whole.metadata['Requires-Python']}"]
    lines += [f"Requires-Dist: {line}" for line in used] + ["Provides-Extra: labs"]
    lines += [f'Requires-Dist: {asked}; extra == "labs"' for asked in requirements(needs)]
    return "\n".join(lines) + "\n"


def _whole() -> metadata.Distribution:
    """The installed distribution of the whole weft, whose metadata the edition's is made of."""
    found = installed()
    if found is None:
        raise MissingToolError(f"the course edition is made of the installed weft, and {NAME} is not: {install()}")
    return found


def _licence() -> bytes | None:
    text = _whole().read_text("licenses/LICENSE")
    if text is not None:
        return text.encode()
    path = ROOT / "LICENSE"
    return path.read_bytes() if path.is_file() else None


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
