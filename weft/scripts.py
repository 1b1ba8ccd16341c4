"""Steps of a user's script: ``train.py:step`` is the jitted function ``step`` of ``train.py``, as it is first called.

The script runs as ``python train.py`` would, up to the first call of that function; the call's arguments are the
example. A script that defines ``example_inputs`` before (a tuple of arguments, a dictionary of arguments by name, one
argument alone, or a function that gives one of these) is taken at that word instead, and need not call the function.
"""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from weft.base.errors import WeftError
from weft.framework.graph import Graph
from weft.framework.jit import JitFunction, calls_noted
from weft.framework.origin import shown_path, user_line
from weft.framework.primitives.base import Array
from weft.framework.recording import Recording
from weft.framework.usercode import is_library
from weft.isa.text import suggestion

EXAMPLE = "example_inputs"
__framework__ = True
"""A user's line is never in here (``framework.origin``)."""


@dataclass(frozen=True)
class Call:
    """One call of a jitted function: what it was traced to, the value of every input and state by name, and where it
    was called (``train.py:25``), or what gave its arguments."""

    recording: Recording
    values: Mapping[str, Array]
    where: str

    @property
    def arguments(self) -> str:
        """The tensors that it was given: ``images float32[64, 64], labels int32[64]``."""
        graph: Graph = self.recording.graph
        nodes = [graph.nodes[graph.input_names[name]] for name in self.recording.arguments]
        return ", ".join(f"{node.attr('name')} {node.type_text}" for node in nodes)


class _Found(BaseException):
    """Ends the script at the call that was looked for; no ``except Exception`` of the script's stops it."""


def split(target: str) -> tuple[Path, str] | None:
    """File and function of ``train.py:step``; None for any other text."""
    file, colon, name = target.rpartition(":")
    return (Path(file), name) if colon and file.endswith(".py") else None


def call(file: Path, name: str, arguments: Sequence[str] = ()) -> Call:
    """Run the script with ``arguments`` up to its first call of ``name``. What it prints goes to stderr.

    name: of the function, or ``Trainer.step`` where several classes have one. Raises WeftError naming the script's line
    for a script that is not there, that fails, or that has no such function, no jitted one, or no example for it.
    """
    try:
        code = compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    except OSError as problem:
        raise WeftError(f"{file}: {problem.strerror}; give a script and its function, such as train.py:step") from None
    except (SyntaxError, ValueError) as problem:  # ValueError: null bytes
        raise WeftError(_told(problem, file)) from None
    search = _Search(name, ModuleType("__main__"))
    with _as_main(search.module, file, arguments), calls_noted(search.called), redirect_stdout(sys.stderr):
        try:
            _run(code, search)
            if search.found is None:
                search.found = search.at_the_end(file)
        except _Found:
            pass
        except WeftError as problem:
            raise WeftError(_told(problem, file)) from problem
        except SystemExit as leaving:
            what = f"with {leaving.code}" if isinstance(leaving.code, int) else f"saying: {leaving.code}"
            raise WeftError(f"{_line(leaving, file)}: the script exits {what} before it calls {name}") from None
        except Exception as problem:
            raise WeftError(_told(problem, file)) from problem
    assert search.found is not None
    return search.found


@dataclass
class _Search:
    """What is looked for, and what was met on the way."""

    name: str
    module: ModuleType
    found: Call | None = None
    met: dict[str, None] = field(default_factory=dict)
    """The names of jitted functions that were called."""

    def called(self, function: JitFunction[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Before every call of a jitted function. Raises _Found at the one that is looked for, and whenever the script
        goes on after that."""
        if self.found is None and self._is(function):
            if EXAMPLE in vars(self.module):
                self.found = self._of_example(function)
            else:
                self.found = _traced(function, args, kwargs, user_line())
        if self.found is not None:
            raise _Found
        self.met[function.__name__] = None

    def _is(self, function: JitFunction[..., Any]) -> bool:
        return self.name in (function.__name__, _path_of(function)) or vars(self.module).get(self.name) is function

    def _of_example(self, function: JitFunction[..., Any]) -> Call:
        given = vars(self.module)[EXAMPLE]
        if callable(given):
            given = given()
        args = given if isinstance(given, tuple | list) else () if isinstance(given, dict) else (given,)
        kwargs = given if isinstance(given, dict) else {}
        signature = inspect.signature(function)
        try:
            signature.bind(*args, **kwargs)
        except TypeError as problem:
            raise WeftError(f"{EXAMPLE} do not fit {self.name}{signature}: {problem}") from None
        return _traced(function, tuple(args), kwargs, EXAMPLE)

    def at_the_end(self, file: Path) -> Call:
        """The call that ``example_inputs`` describes, of a script that has ended without one. Raises WeftError."""
        held, name = vars(self.module), self.name
        function = held.get(name)
        if isinstance(function, JitFunction):
            if EXAMPLE in held:
                return self._of_example(function)
            raise WeftError(
                f"{file}:{_first_line(function)}: the script defines {name}, but never calls it: call it once, or "
                f"define {EXAMPLE} = (...), its arguments"
            )
        if function is not None:
            line = _first_line(function)
            right = "write @weft.jit above it" if line else "give the name of a function under @weft.jit"
            raise WeftError(f"{file}{f':{line}' if line else ''}: {name} is not jitted; {right}")
        known = dict.fromkeys([*(key for key, one in held.items() if isinstance(one, JitFunction)), *self.met])
        there = f"there are: {', '.join(known)}" if known else "it has none: write @weft.jit above the step"
        raise WeftError(f"{file}: no jitted function '{name}'{suggestion(name, known)}; {there}")


def _run(code: CodeType, search: _Search) -> None:
    """Run the script. One that leaves with success, or that swallowed the end of it, has ended."""
    try:
        exec(code, vars(search.module))
    except SystemExit as leaving:
        if leaving.code not in (None, 0):
            raise


def _traced(function: JitFunction[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], where: str) -> Call:
    return Call(function.trace(*args, **kwargs), function.bind(*args, **kwargs), where)


def _path_of(function: JitFunction[..., Any]) -> str:
    """``Trainer.step`` of a method, whatever function its class is made in."""
    return str(getattr(function, "__qualname__", "")).rpartition("<locals>.")[2]


def _first_line(function: Any) -> int | None:
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return code.co_firstlineno if code else None


@contextmanager
def _as_main(module: ModuleType, file: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Inside, ``module`` is the program that Python runs, and the modules beside it can be imported."""
    module.__file__ = str(file.absolute())
    before, argv, path = sys.modules["__main__"], sys.argv, sys.path
    sys.modules["__main__"], sys.argv = module, [str(file), *arguments]
    sys.path = [str(file.absolute().parent), *path]
    try:
        yield
    finally:
        sys.modules["__main__"], sys.argv, sys.path = before, argv, path


def _told(problem: BaseException, file: Path) -> str:
    """A failure of the script in one line that begins with the script's: ``train.py:12: KeyError: 'x'``."""
    if isinstance(problem, SyntaxError):
        place = f"{problem.filename or file}{f':{problem.lineno}' if problem.lineno else ''}"
        return f"{place}: {type(problem).__name__}: {problem.msg}"
    text, line = " ".join(str(problem).split()), _line(problem, file)
    if isinstance(problem, WeftError):
        return text if re.match(r"\S+:\d+: ", text) or text.startswith(f"{file}: ") else f"{line}: {text}"
    return f"{line}: {type(problem).__name__}{f': {text}' if text else ''}"


def _line(problem: BaseException, file: Path) -> str:
    """``train.py:12`` of the innermost frame that is the user's own."""
    frames: list[traceback.FrameSummary] = list(traceback.extract_tb(problem.__traceback__))
    own = [frame for frame in frames if not is_library(frame.filename) and not frame.filename.startswith("<")]
    return f"{shown_path(own[-1].filename)}:{own[-1].lineno}" if own else str(file)
