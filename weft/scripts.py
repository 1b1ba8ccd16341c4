"""Steps of a user's script: ``train.py:step`` is the jitted function ``step`` of ``train.py``, as it is first called.

The script runs as ``python train.py`` would, up to the first call of that function; the call's arguments are the
example. A script that defines ``example_inputs`` before (a tuple of arguments, a dictionary of arguments by name, one
argument alone, or a function that gives one of these) is taken at that word instead, and need not call the function.
"""

from __future__ import annotations

import functools
import inspect
import re
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from weft.base.errors import WeftError
from weft.framework.graph import Graph
from weft.framework.jit import JitFunction, calls_noted
from weft.framework.origin import shown_path, user_line
from weft.framework.primitives.base import Array
from weft.framework.recording import Recording
from weft.framework.tensor import Tensor
from weft.framework.tracing import current_trace
from weft.framework.tree import leaves
from weft.framework.usercode import is_library
from weft.isa.text import unknown
from weft.running import as_main, end_script, stdout_to_stderr

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
    given: Mapping[str, Any]
    """Every argument by path, whether the graph has it as an input or is made for its value."""

    @property
    def arguments(self) -> str:
        """What it was given, tensors by their type: ``images float32[64, 64], labels int32[64], train=True``."""
        graph: Graph = self.recording.graph
        nodes = [graph.nodes[graph.input_names[name]] for name in self.recording.arguments]
        tensors = [f"{node.attr('name')} {node.type_text}" for node in nodes]
        others = {path: leaf for path, leaf in self.given.items() if path not in self.recording.arguments}
        values = [f"{path}={_shown(leaf)}" for path, leaf in others.items() if not isinstance(leaf, Tensor)]
        return ", ".join(tensors + values)


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
        raise WeftError(_told(problem, file, name)) from None
    if not name:
        raise WeftError(f"{file}: names no function; write it behind the colon, as in train.py:step")
    search = _Search(name, ModuleType("__main__"))
    try:
        with as_main(search.module, file, arguments), calls_noted(search.called), stdout_to_stderr():
            try:
                exec(code, vars(search.module))
            except SystemExit as leaving:
                if leaving.code not in (None, 0):
                    raise
                search.left = _line(leaving, file)
            if search.found is None:
                search.found = search.at_the_end(file)
    except (Exception, SystemExit) as problem:
        if search.found is None:  # else the script was at its end, and this is how it came out of there
            raise WeftError(_told(problem, file, name)) from problem
    assert search.found is not None
    return search.found


@dataclass
class _Search:
    """What is looked for, and what was met on the way."""

    name: str
    module: ModuleType
    found: Call | None = None
    met: dict[str, JitFunction[..., Any]] = field(default_factory=dict)
    """The jitted functions that were called, by name; the last is the one that is being traced."""
    within: str = ""
    """Where the function is part of another that was traced."""
    left: str = ""
    """The line at which the script left with success."""
    again: int = 0
    """Calls after the one that was found."""

    def called(self, function: JitFunction[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Before every call of a jitted function. Ends the script at the one that is looked for, and at those after."""
        if self.found is not None:
            self.again += 1
            end_script(self.again, user_line(), self.name)
        if current_trace() is not None:
            if self._is(function):
                self.within = f"{user_line()}: {self.name} is only called within {next(reversed(self.met), 'another')}"
            return
        if self._is(function):
            if EXAMPLE in vars(self.module):
                self.found = self._of_example(function)
            else:
                self.found = _traced(function, args, kwargs, user_line())
            end_script(0, "", self.name)
        name = _path_of(function) or function.__name__
        self.met.pop(name, None)
        self.met[name] = function

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
        function = _attribute(held, name)
        if isinstance(function, JitFunction) and EXAMPLE in held:
            return self._of_example(function)
        if self.within:
            raise WeftError(f"{self.within}, as part of that: name that function instead")
        known = self._known()
        if self.left and (function is None or isinstance(function, JitFunction)):
            what = "defines" if function is None else "calls"
            there = f"; until there it has: {', '.join(known)}" if known and function is None else ""
            raise WeftError(f"{self.left}: the script exits before it {what} {name}{there}")
        if isinstance(function, JitFunction):
            raise WeftError(
                f"{file}:{_first_line(function)}: the script defines {name}, but never calls it: call it once, or "
                f"define {EXAMPLE} = (...), its arguments"
            )
        if function is not None:
            line = _first_line(function)
            right = "write @weft.jit above it" if line else "give the name of a function under @weft.jit"
            raise WeftError(f"{file}{f':{line}' if line else ''}: {name} is not jitted; {right}")
        none = f"no jitted function '{name}'; it has none: write @weft.jit above the step"
        raise WeftError(f"{file}: {unknown('jitted function', name, known) if known else none}")

    def _known(self) -> list[str]:
        """The names that can be given, one for each function."""
        held = [(key, one) for key, one in vars(self.module).items() if isinstance(one, JitFunction)]
        classes = [one for one in vars(self.module).values() if isinstance(one, type) and one.__module__ == "__main__"]
        methods = [(_path_of(f), f) for one in classes for f in vars(one).values() if isinstance(f, JitFunction)]
        names = {id(one): key for key, one in reversed([*held, *methods, *self.met.items()])}
        return list(dict.fromkeys(reversed(names.values())))


def _attribute(held: Mapping[str, Any], name: str) -> Any:
    """What the script calls ``step`` or ``Trainer.step``; None if it has no such thing."""
    first, *rest = name.split(".")
    return functools.reduce(lambda one, part: getattr(one, part, None), rest, held.get(first))


def _shown(leaf: Any) -> str:
    """A value that a graph is made for: itself if it is short to write, else its class."""
    plain = leaf is None or isinstance(leaf, bool | int | str | bytes)
    return f"{leaf!r:.60}" if plain else getattr(leaf, "__name__", type(leaf).__name__)


def _traced(function: JitFunction[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], where: str) -> Call:
    recording, values = function.trace(*args, **kwargs), function.bind(*args, **kwargs)
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return Call(recording, values, where, dict(leaves(dict(bound.arguments))))


def _path_of(function: JitFunction[..., Any]) -> str:
    """``Trainer.step`` of a method, whatever function its class is made in."""
    return str(getattr(function, "__qualname__", "")).rpartition("<locals>.")[2]


def _first_line(function: Any) -> int | None:
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return code.co_firstlineno if code else None


def _told(problem: BaseException, file: Path, name: str) -> str:
    """A failure of the script in one line that begins with the script's: ``train.py:12: KeyError: 'x'``."""
    if isinstance(problem, SyntaxError):
        place = f"{problem.filename or file}{f':{problem.lineno}' if problem.lineno else ''}"
        return f"{place}: {type(problem).__name__}: {problem.msg}"
    text, line = " ".join(str(problem).split()), _line(problem, file)
    if isinstance(problem, SystemExit):
        code = problem.code
        how = f" with {code} before it calls {name}" if isinstance(code, int) else f" before it calls {name}, saying "
        return f"{line}: the script exits{how}{'' if isinstance(code, int) else repr(text)}"
    if isinstance(problem, WeftError):
        return text if re.match(r"\S+:\d+: ", text) or text.startswith(f"{file}: ") else f"{line}: {text}"
    return f"{line}: {type(problem).__name__}{f': {text}' if text else ''}"


def _line(problem: BaseException, file: Path) -> str:
    """``train.py:12`` of the innermost frame that is the user's own."""
    frames: list[traceback.FrameSummary] = list(traceback.extract_tb(problem.__traceback__))
    own = [frame for frame in frames if not is_library(frame.filename) and not frame.filename.startswith("<")]
    return f"{shown_path(own[-1].filename)}:{own[-1].lineno}" if own else str(file)
