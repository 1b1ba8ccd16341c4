"""What a trace read of the Python around it: guards that tell, before a compiled step runs again, whether that changed.

While a function is traced, its modules, optimisers and other objects of the user's own classes note which of their
attributes are read; globals and closures are those that the code of the functions called names. A guard holds the
values that were found, and compares them by identity first, so that checking costs well under a microsecond an object.
"""

from __future__ import annotations

import argparse
import functools
import math
import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from types import CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from weft.framework.lazy import ACTIVE
from weft.framework.primitives.base import Array
from weft.framework.refusals import FrameworkObject
from weft.framework.usercode import globals_named, imported, is_library, is_library_module, is_own

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()
"""Stands for an attribute or a variable that is not there."""
PLAIN = (bool, int, float, complex, str, bytes, type(None))
MOST_ELEMENTS = 10_000
"""Of a longer list, tuple, set or dictionary only its length and whether it is the same object are compared."""
MOST_BYTES = 1 << 16
"""Of a larger NumPy array only whether it is the same object is compared; give such an array as an argument."""

_SHOWING = frozenset({"__repr__", "__str__", "__del__", "__reduce__", "__getstate__", "__setstate__"})
_MAKING = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__"})
_PARTS = ("__code__", "__defaults__", "__kwdefaults__")
_CACHED = type(functools.lru_cache(lambda: None))


class Guard:
    """Values of one place (the attributes of an object, the variables of a module) as a trace found them.

    names: those of the values; without them their number may change as well. place: what the values are read of, and
    how (a key of ``guard_code.TERMS``), for a faster check that the same objects are there; None if there is none.
    """

    __slots__ = ("_values", "current", "names", "place", "shown")

    def __init__(
        self, shown: str, current: Callable[[], Iterable[Any]], names: tuple[str, ...], values: Any,
        place: tuple[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.shown, self.current, self.names, self._values, self.place = shown, current, names, tuple(values), place

    def holds(self) -> bool:
        """Whether all is as it was."""
        if all(map(operator.is_, self.current(), self._values)) and self.names:
            return True
        found = tuple(self.current())
        return len(found) == len(self._values) and all(map(_same, found, self._values))

    def change(self) -> str:
        """What changed, for a message."""
        found = tuple(self.current())
        names = self.names or tuple(f"[{i}]" for i in range(max(len(found), len(self._values))))
        if len(found) != len(self._values):
            return f"{self.shown} has {len(found)} elements, not {len(self._values)}"
        for name, now, before in zip(names, found, self._values, strict=False):
            if not _same(now, before):
                place = f"{self.shown}{name}" if name.startswith("[") else f"{self.shown}.{name}".lstrip(".")
                if type(now) is type(before) and not isinstance(now, PLAIN):
                    return f"{place} is another {type(now).__name__}"
                return f"{place} changed from {_shown(before)} to {_shown(now)}"
        return f"{self.shown} changed"


def _same(now: Any, before: Any) -> bool:
    if now is before:
        return True
    if type(now) is not type(before):
        return False
    if isinstance(now, float) and now == before:
        return math.copysign(1, now) == math.copysign(1, before)
    if isinstance(now, tuple):
        return len(now) == len(before) and all(map(_same, now, before))
    if isinstance(now, (*PLAIN, np.generic)):
        return bool(now == before) or bool(now != now and before != before)
    if isinstance(now, MethodType):
        return now.__self__ is before.__self__ and now.__func__ is before.__func__
    return False


def _shown(value: Any) -> str:
    if isinstance(value, PLAIN) or value is MISSING:
        return repr(value)
    return f"a {type(value).__name__}"


@dataclass
class _Noted:
    """Names of one place and what they stood for when they were first read."""

    shown: str
    table: Any
    values: dict[str, Any]

    def guard(self) -> Guard:
        names, table = tuple(self.values), self.table
        if isinstance(table, CellType):
            return Guard("", lambda: (_content(table),), names, self.values.values(), ("cell", table))
        if not hasattr(table, "get"):  # an object with slots
            current: Callable[[], Iterable[Any]] = lambda: (getattr(table, n, MISSING) for n in names)  # noqa: E731
            return Guard(self.shown, current, names, self.values.values(), ("attributes", table))
        place = ("items", table)
        return Guard(self.shown, lambda: map(table.get, names, repeat(MISSING)), names, self.values.values(), place)


class TracedReads:
    """The notes of one trace, and in the end its guards."""

    def __init__(self) -> None:
        self._noted: dict[int, _Noted] = {}
        self._contents: list[Guard] = []
        self._written: set[tuple[int, str]] = set()
        self._made: set[int] = set()
        self._seen: dict[int, tuple[Any, str]] = {}
        self._entered: set[tuple[ModuleType, CodeType]] = set()
        self._watched: list[tuple[Any, dict[str, Any]]] = []

    def guards(self) -> tuple[Guard, ...]:
        """What must hold for the trace to be right another time."""
        return (*(noted.guard() for noted in self._noted.values()), *self._contents)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside, reads and writes of attributes are noted; afterwards every class is as it was."""
        try:
            yield
        finally:
            for kind, own in reversed(self._watched):
                for name, value in own.items():
                    if value is MISSING:
                        delattr(kind, name)
                    else:
                        setattr(kind, name, value)
            self._watched.clear()

    def number(self, shown: str, current: Callable[[], int]) -> None:
        """A number that must stay what it is now."""
        self._contents.append(Guard(shown, lambda: (current(),), (), (current(),)))

    def function(self, function: Any) -> None:
        """The variables that a function names outside itself, and what can be reached through them."""
        while isinstance(function, functools.partial):
            for part in (*function.args, *function.keywords.values()):
                self.value(part, "self")
            function = function.func
        if isinstance(function, MethodType):
            self.value(function.__self__, "self")
            function = function.__func__
        if not isinstance(function, FunctionType) or not self._is_new(function, function.__name__):
            return
        code = function.__code__
        if is_library(code.co_filename):
            return
        own = functools.partial(_made_of, function)
        self._contents.append(Guard(function.__name__, own, _PARTS, own(), ("attributes", function)))
        self.value(function.__defaults__, f"{function.__name__}.__defaults__")
        self.value(function.__kwdefaults__, f"{function.__name__}.__kwdefaults__")
        for name, value in list(vars(function).items()):
            self._note(vars(function), vars(function), function.__name__, name, value)
            self.value(value, f"{function.__name__}.{name}")
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self._note(cell, cell, "", name, _content(cell))
            self.value(_content(cell), name)
        for name in sorted(set(globals_named(code)) & function.__globals__.keys()):
            self._variable(function.__globals__, name, "", code)
        for name in sorted(imported(code) & sys.modules.keys()):
            self._module(sys.modules[name], name, code)

    def value(self, value: Any, name: str) -> None:
        """A value that the function can reach under ``name``: what is in it counts as well."""
        if isinstance(value, PLAIN):
            return
        if isinstance(value, FunctionType | MethodType | functools.partial):
            self.function(value)
        elif not self._is_new(value, name):
            return
        elif isinstance(value, list | tuple | dict | set | frozenset) or _is_library_container(value):
            self._container(value, name)
        elif isinstance(value, SimpleNamespace | argparse.Namespace):
            self._container(vars(value), name)
        elif isinstance(value, np.ndarray):
            if value.nbytes <= MOST_BYTES and value.dtype != object:
                same = functools.partial(_unchanged, value, value.copy())
                self._contents.append(Guard(f"the array {name}", same, (), (True,)))
        elif isinstance(value, type):
            for kind in filter(is_own, value.__mro__):
                for attribute, part in list(vars(kind).items()):
                    if isinstance(part, PLAIN) and not attribute.startswith("__"):
                        self._inherited(value, kind, attribute)
            if is_own(value):
                self._special(value, _SHOWING)
                self._watch(value)
        elif "_recordings" in _attributes(value):
            self.function(_attributes(value)["_function"])  # of a jitted function
        elif isinstance(value, _CACHED):
            self.function(value.__wrapped__)
        else:
            self._special(type(value), _SHOWING | _MAKING)
            self._watch(type(value))

    def _is_new(self, value: Any, name: str) -> bool:
        if id(value) in self._seen:
            return False
        self._seen[id(value)] = (value, name)
        return True

    def _note(self, owner: Any, table: Any, shown: str, name: str, value: Any) -> None:
        self._noted.setdefault(id(owner), _Noted(shown, table, {})).values.setdefault(name, value)

    def _variable(self, table: dict[str, Any], name: str, of: str, code: CodeType) -> None:
        value = table[name]
        self._note(table, table, of, name, value)
        if isinstance(value, type):
            for kind in filter(is_own, value.__mro__):
                for attribute in set(code.co_names) & vars(kind).keys():
                    self._inherited(value, kind, attribute)
        if isinstance(value, ModuleType):
            self._module(value, name, code)
        else:
            self.value(value, name)

    def _module(self, module: ModuleType, name: str, code: CodeType) -> None:
        if not is_library_module(module) and (module, code) not in self._entered:  # modules may import one another
            self._entered.add((module, code))
            for attribute in sorted(set(code.co_names) & vars(module).keys()):
                self._variable(vars(module), attribute, name, code)

    def _inherited(self, kind: type, last: type, name: str) -> None:
        """``name`` was read of ``kind`` or of an instance, and is in its base ``last``: no class before it may get one.

        Those behind are noted as well where they have the name, since ``super()`` reads them and tells nobody.
        """
        before = True
        for k in kind.__mro__:
            found = vars(k).get(name, MISSING)
            if before or found is not MISSING:
                self._note(k, vars(k), k.__name__, name, found)
                self._reached(found, f"{k.__name__}.{name}")
            before = before and k is not last

    def _reached(self, found: Any, name: str) -> None:
        """What a class has under a name: a function, however it is wrapped, or a value."""
        if isinstance(found, property | functools.cached_property):
            self.function(found.fget if isinstance(found, property) else found.func)
        else:
            self.value(getattr(found, "__func__", found), name)

    def _special(self, kind: type, without: frozenset[str]) -> None:
        """The methods that Python calls without reading an attribute, those of the user's classes."""
        for k in filter(is_own, kind.__mro__):
            for name, found in list(vars(k).items()):
                if name.startswith("__") and name not in without and isinstance(found, FunctionType):
                    self.function(found)

    def _container(self, value: Any, name: str) -> None:
        if len(value) > MOST_ELEMENTS:
            self._contents.append(Guard(f"the length of {name}", lambda: (len(value),), (), (len(value),)))
            return
        elements, places = list(value.items() if isinstance(value, Mapping) else enumerate(value)), tuple[str, ...]()
        if isinstance(value, Mapping):
            places = tuple(f"[{key!r}]" for key in value)
            self._contents.append(Guard(f"the keys of {name}", value.keys, (), value.keys(), ("keys", value)))
            self._contents.append(Guard(name, value.values, places, value.values(), ("values", value)))
        elif not isinstance(value, tuple | frozenset):
            self._contents.append(Guard(name, lambda: value, (), value, ("elements", value)))
        for key, element in elements:
            self.value(element, f"{name}[{key!r}]")

    def _watch(self, kind: type) -> None:
        """Note from here on what is read of the instances of ``kind``, if it is a class whose objects hold settings."""
        base = next((k for k in kind.__mro__ if "READ_BY_TRACES" in vars(k)), kind)
        if any(base is k for k, _ in self._watched) or (base is kind and not is_own(kind) and not _is_marked(kind)):
            return
        read: Any = base.__getattribute__
        write: Any = base.__setattr__
        reads = self

        def noted_read(instance: Any, name: str) -> Any:
            try:
                value = read(instance, name)
            except AttributeError:
                value = MISSING
                raise
            finally:
                if getattr(ACTIVE.get(), "reads", None) is reads:  # also in the body of a loop
                    reads.attribute(instance, name, value, is_library(sys._getframe(1).f_code.co_filename))
            return value

        def noted_write(instance: Any, name: str, value: Any) -> None:
            write(instance, name, value)
            if getattr(ACTIVE.get(), "reads", None) is reads:  # also in the body of a loop
                reads._written.add((id(instance), name))

        own = {name: vars(base).get(name, MISSING) for name in ("__getattribute__", "__setattr__")}
        try:
            for name, noted in (("__getattribute__", noted_read), ("__setattr__", noted_write)):
                setattr(base, name, noted)
        except (TypeError, AttributeError):  # a class that cannot be changed
            return
        self._watched.append((base, own))

    def attribute(self, instance: Any, name: str, value: Any, by_library: bool) -> None:
        """``instance.name`` was read and is ``value``; by_library: not by the user's own code."""
        if (id(instance), name) in self._written or (name.startswith("__") and name != "__dict__"):
            return
        if id(instance) in self._made:
            return
        shown = self._seen.get(id(instance), (None, type(instance).__name__))[1]
        self._is_new(instance, shown)
        table = _attributes(instance)
        if name == "__dict__" and not table and isinstance(instance, FrameworkObject):  # each trace makes it anew
            self._made.add(id(instance))
            return
        if name == "__dict__":  # somebody goes through all that it holds
            if not by_library:
                self._container(table, shown)
                return
            held, whole = _held(table), tuple(table.values())
            what, place = f"what {shown} holds", ("values", table)
            self._contents.append(Guard(what, lambda: _held(table, whole, held), (), held, place))
            return
        inherited = next((k for k in type(instance).__mro__ if name in vars(k)), None)
        if name in table or (inherited is None and value is MISSING):
            self._note(instance, table, shown, name, value)
        elif isinstance(vars(inherited).get(name) if inherited else None, MemberDescriptorType):
            self._note(instance, instance, shown, name, value)
        elif inherited is not None and hasattr(vars(inherited)[name], "__set__"):
            self._reached(vars(inherited)[name], name)
            return  # a property: what it reads is noted
        elif inherited is not None:
            self._note(instance, table, shown, name, MISSING)
            self._inherited(type(instance), inherited, name)
        if value is not MISSING:
            self.value(value, f"{shown}.{name}")


def _made_of(function: FunctionType) -> tuple[Any, ...]:
    """What calling a function runs, as ``_PARTS`` names it."""
    return function.__code__, function.__defaults__, function.__kwdefaults__


def _attributes(instance: Any) -> dict[str, Any]:
    try:
        table: dict[str, Any] = object.__getattribute__(instance, "__dict__")
    except AttributeError:
        return {}
    return table


def _held(table: dict[str, Any], whole: tuple[Any, ...] = (), held: Sequence[Any] = ()) -> Sequence[Any]:
    """The values of attributes that are neither numbers and texts nor compiled methods; ``held`` if it is ``whole``."""
    if whole and len(table) == len(whole) and all(map(operator.is_, table.values(), whole)):
        return held
    return [value for name, value in table.items() if not isinstance(value, PLAIN) and not name.startswith("jit ")]


def _unchanged(array: Array, before: Array) -> tuple[bool]:
    return (array.shape == before.shape and array.dtype == before.dtype and array.tobytes() == before.tobytes(),)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that is assigned only later
        return MISSING


def _is_library_container(value: Any) -> bool:
    """Whether ``value`` is a container of the standard library, such as a deque, that is safe to look into."""
    is_container = isinstance(value, Mapping | Sequence | Set) and not isinstance(value, range)
    return is_container and type(value).__module__ in ("builtins", "collections", "array")


def _is_marked(kind: type) -> bool:
    return "READ_BY_TRACES" in vars(kind)
