"""What does not exist or cannot be done, refused in words: unknown names, with the nearest that exist, and pickling."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Self

from weft.framework.errors import FrameworkError, OptionError
from weft.framework.origin import user_line


class UnknownNameError(FrameworkError, AttributeError):
    """An attribute that is not there. Its text names the nearest that are, and is made only when somebody reads it."""

    def __init__(self, owner: str, name: str, known: Iterable[str]) -> None:
        super().__init__(owner, name)
        self._where, self._owner, self._unknown, self._known = user_line(), owner, name, tuple(known)

    def __str__(self) -> str:
        public = sorted({name for name in self._known if not name.startswith("_")})
        near = difflib.get_close_matches(self._unknown, public, n=3, cutoff=0.6)
        if near:
            hint = f"did you mean {' or '.join(near)}?"
        elif len(public) <= 40:
            hint = f"there are: {', '.join(public) or 'none'}"
        else:
            hint = "dir() lists what there is"
        return f"{self._where}: {self._owner} has no {self._unknown}; {hint}"


def unknown_name(module: str, names: Mapping[str, object]) -> Callable[[str], NoReturn]:
    """A ``__getattr__`` for a module that names the nearest of its own public names (``names``: its globals)."""

    def missing(name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(f"module {names['__name__']!r} has no attribute {name!r}")
        listed = names.get("__all__")
        own = listed if isinstance(listed, list) else [
            n for n, x in names.items() if callable(x) and getattr(x, "__module__", None) == names["__name__"]
        ]
        raise UnknownNameError(module, name, own)

    return missing


def public_names(names: Mapping[str, object]) -> list[str]:
    """What ``__all__`` is of a module that only hands on what other files define (``names``: its globals)."""
    homes = {name: str(getattr(value, "__module__", "")) for name, value in names.items() if not name.startswith("_")}
    return sorted(name for name, home in homes.items() if home.startswith("weft.") and home != __name__)


class FrameworkObject:
    """What has attributes that a user may misspell, and can be copied but not pickled.

    ``STORED`` says how such an object is written and read instead.
    """

    STORED = ""

    if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise UnknownNameError(type(self).__name__, name, dir(self))

    def __copy__(self) -> Self:
        """An object of its own with the same attributes."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """An object of its own with copies of all attributes."""
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update({name: copy.deepcopy(value, memo) for name, value in self.__dict__.items()})
        return twin

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise OptionError(
            f"{user_line()}: a {type(self).__name__} is not pickled (reading a pickle runs whatever code is in it); "
            f"use {self.STORED}"
        )
