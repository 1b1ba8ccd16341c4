"""The tool that changes operators: what it changes, and that a change is seen or survives."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests import mutants

SOURCE = '''\
LIMIT = 3 + 4

def least(a: int | None, b: int) -> int | None:
    if a is not None and a < b:
        return a * 2
    return min(b, 5) if b else f"{b + 1}"
'''


def test_every_operator_is_changed_but_those_of_constants_types_and_texts() -> None:
    assert sorted(name.partition(" ")[2] for name, _ in mutants.mutants(SOURCE)) == sorted([
        "a is not None and a < b  ->  a is not None or a < b",
        "a is not None  ->  a is None",
        "a < b  ->  a <= b",
        "a < b  ->  a >= b",
        "a * 2  ->  a + 2",
        "2  ->  3",
        "min  ->  max",
        "5  ->  6",
        "b  ->  not b",
    ])  # fmt: skip
    for _, tree in mutants.mutants(SOURCE):
        assert ast.dump(tree) != ast.dump(ast.parse(SOURCE))
        compile(tree, "changed", "exec")


@pytest.mark.parametrize(("seen", "survives"), [("2", False), ("1", True)])
def test_a_change_survives_unless_a_test_fails(seen: str, survives: bool, tmp_path: Path) -> None:
    """In a process of its own, where the module has the changed code however it is imported."""
    test = tmp_path / "test_it.py"
    test.write_text(f"from tests.test_mutants_subject import f\ndef test_it():\n    assert f(1) != {seen}\n")
    words = f"""if True:
        import ast
        from tests import mutants
        tree = ast.parse("def f(a): return a + 1")
        print(mutants.survives("tests/test_mutants_subject.py", tree, ({str(test)!r},)))
    """
    command = [sys.executable, "-c", words]  # fork() is for processes of one thread
    assert subprocess.run(command, cwd=mutants.ROOT, capture_output=True, text=True).stdout == f"{survives}\n"
