"""Changes one operator of a file at a time and runs the tests that have to see it: ``python -m tests.mutants``.

What was found is written down as it is found, so that a run that was stopped goes on where it was. A file that has
changed since is tried anew, and so is what survived tests that have changed. Statements at the top of a module (tables,
constants) and texts are left as they are.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import importlib
import importlib.abc
import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TESTS: Mapping[str, tuple[str, ...]] = {
    "weft/isa/rules.py": ("tests/isa/test_validator.py", "tests/isa/test_rules.py"),
    "weft/isa/validator.py": ("tests/isa/test_validator.py",),
    "weft/isa/races.py": (
        "tests/sim/test_races.py", "tests/isa/test_checker.py", "tests/isa/test_checker_oracle.py",
        "tests/isa/test_cost.py",
    ),
}  # fmt: skip
"""The files that are changed, and the tests that have to see it."""
SECONDS = 60
"""Processor time for the tests of a change; one that takes longer was seen."""

_SWAPS: Mapping[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.And: (ast.Or,), ast.Or: (ast.And,),
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Add,), ast.FloorDiv: (ast.Mult,), ast.Mod: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,), ast.LShift: (ast.RShift,), ast.RShift: (ast.LShift,),
    ast.USub: (ast.UAdd,),
}  # fmt: skip
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}

Change = Callable[[Any], None]
"""Makes another node of a node, in place."""


def _set(**values: Any) -> Change:
    return lambda node: node.__dict__.update(values)


def _negate(node: Any) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _changes(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from (_set(ops=[swap()]) for swap in _SWAPS[type(node.ops[0])])
    elif isinstance(node, ast.BoolOp | ast.BinOp | ast.UnaryOp | ast.AugAssign):
        yield from (_set(op=swap()) for swap in _SWAPS.get(type(node.op), ()))
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield _set(value=not node.value if isinstance(node.value, bool) else node.value + 1)
    elif isinstance(node, ast.Name) and node.id in _NAMES:
        yield _set(id=_NAMES[node.id])
    elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
        yield _set(attr=_NAMES[node.attr])
    if isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Compare | ast.BoolOp):
        yield _negate


def _left_alone(tree: ast.Module) -> set[int]:
    """Nodes, by place in the walk, that belong to texts, types, or statements at the top of the module."""
    tops = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    roots: list[ast.AST] = [*tops, *(node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr))]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            roots += node.decorator_list
        if isinstance(node, ast.FunctionDef) and node.returns:
            roots.append(node.returns)
        if isinstance(node, ast.keyword) and node.arg == "strict":  # a check of what is never so
            roots.append(node)
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            roots.append(node.annotation)
    inside = {id(part) for root in roots for part in ast.walk(root)}
    return {place for place, node in enumerate(ast.walk(tree)) if id(node) in inside}


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """Every change of one operator: its name (line, column, what, what instead), and the changed module."""
    tree = ast.parse(source)
    skipped = _left_alone(tree)
    for place, node in enumerate(ast.walk(tree)):
        for change in _changes(node) if place not in skipped else ():
            changed = copy.deepcopy(tree)
            target: Any = next(other for at, other in enumerate(ast.walk(changed)) if at == place)
            before = getattr(target, "test", target)
            was = ast.unparse(before)
            change(target)
            instead = ast.unparse(getattr(target, "test", target))
            yield f"{target.lineno}:{target.col_offset} {was}  ->  {instead}", ast.fix_missing_locations(changed)


class _Import(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module the code of a changed file."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path, self.tree = path, tree

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != self.path.removesuffix(".py").replace("/", "."):
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(ROOT / self.path))

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.tree, str(ROOT / self.path), "exec"), module.__dict__)


def survives(path: str, tree: ast.Module, tests: tuple[str, ...]) -> bool:
    """Whether the tests pass with ``tree`` in the place of the file, in a process of their own."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        sys.meta_path.insert(0, _Import(path, tree))
        try:
            without = (f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "hypothesispytest", "pytest_cov"))
            result = int(pytest.main(["-x", "-q", *without, *tests]))
        except BaseException:  # whatever it is, it was seen
            result = 1
        os._exit(min(result, 100))
    return os.waitpid(child, 0)[1] == 0


def _digest(*paths: str) -> str:
    return hashlib.sha256(b"".join((ROOT / path).read_bytes() for path in paths)).hexdigest()[:16]


def main() -> int:
    """Try what has not been tried, and name what survives; 1 if the time did not suffice."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--minutes", type=float, default=10, help="stop after this long (default 10)")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "mutants.jsonl", help="what was found so far")
    parser.add_argument("file", nargs="*", default=list(TESTS), help=f"of {', '.join(TESTS)} (default: all)")
    options = parser.parse_args()
    assert "weft.isa" not in sys.modules, "what is changed must not be there yet"
    importlib.import_module("numpy")  # once, for all the processes that are split off
    options.state.parent.mkdir(parents=True, exist_ok=True)
    lines = options.state.read_text(encoding="utf-8").splitlines() if options.state.exists() else []
    known = {(one["file"], one["digest"], one["change"]): one for one in map(json.loads, lines)}
    end, unfinished = time.monotonic() + 60 * options.minutes, False
    with options.state.open("a", encoding="utf-8") as state:
        for path in options.file:
            source, tests = (ROOT / path).read_text(encoding="utf-8"), _digest(*TESTS[path])
            tried, left = 0, []
            for change, tree in mutants(source):
                key = path, _digest(path), change
                if key not in known or known[key]["survives"] not in ("", tests):
                    if time.monotonic() > end:
                        unfinished = True
                        break
                    survived = tests if survives(path, tree, TESTS[path]) else ""
                    known[key] = dict(zip(("file", "digest", "change"), key, strict=True)) | {"survives": survived}
                    print(json.dumps(known[key]), file=state, flush=True)
                tried += 1
                left += [change] if known[key]["survives"] else []
            print(f"{path}: {tried} changes tried, {len(left)} survive")
            print("".join(f"  {path}:{change}\n" for change in left), end="")
    if unfinished:
        print("not finished; the same words go on")
    return int(unfinished)


if __name__ == "__main__":
    sys.exit(main())
