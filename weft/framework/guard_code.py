"""The guards of a recording as one Python function that compares identities: what a replay of it asks first.

Nearly always nothing has changed, and then the very objects are there that were there the last time. The function is
written as source, one comparison a value. Where it says no, the guards themselves are asked, and know more: an equal
number is as good as the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from typing import Any

from weft.framework.guards import MISSING, Guard


class _Names:
    """The objects that the function compares, each under a name of its own: its parameters and their defaults."""

    def __init__(self) -> None:
        self.objects: list[Any] = [is_]

    def __call__(self, value: Any) -> str:
        self.objects.append(value)
        return f"c{len(self.objects) - 1}"


Terms = Callable[[Any, Sequence[str], Sequence[Any], _Names], list[str]]


def _items(table: Any, keys: Sequence[str], values: Sequence[Any], name: _Names) -> list[str]:
    place = name(table)
    return [
        f"{key!r} not in {place}" if value is MISSING else f"{place}[{key!r}] is {name(value)}"
        for key, value in zip(keys, values, strict=True)
    ]


def _attributes(owner: Any, attributes: Sequence[str], values: Sequence[Any], name: _Names) -> list[str]:
    place = name(owner)
    return [f"{place}.{attribute} is {name(value)}" for attribute, value in zip(attributes, values, strict=True)]


def _cell(cell: Any, names: Sequence[str], values: Sequence[Any], name: _Names) -> list[str]:
    return [f"{name(cell)}.cell_contents is {name(values[0])}"]


def _all_of(each: str) -> Terms:
    def terms(container: Any, names: Sequence[str], values: Sequence[Any], name: _Names) -> list[str]:
        place = name(container)
        return [f"len({place}) == {len(values)}", f"all(map(c0, {each.format(place)}, {name(tuple(values))}))"]

    return terms


TERMS: dict[str, Terms] = {
    "items": _items,
    "attributes": _attributes,
    "cell": _cell,
    "elements": _all_of("{}"),
    "keys": _all_of("{}.keys()"),
    "values": _all_of("{}.values()"),
}
"""How values are read of a place → the comparisons, given the place, the values' names and what is there now."""

_ARMS = 6
"""So often a function is written anew for one recording; after that its guards are asked themselves."""


class GuardCheck:
    """Whether all is as it was when ``arm`` was last called, right after the guards themselves had held."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        self._guards, self._arms = guards, 0
        self._asked: set[int] = set()
        self._before: list[list[Any]] = []
        self.holds: Callable[[], bool] = self._ask

    def arm(self) -> None:
        """Take what is there now as what must be there. A guard whose values change though it holds is asked itself."""
        if self._arms >= _ARMS:
            self.holds = self._ask
            return
        now, self._arms = [_there(guard) for guard in self._guards], self._arms + 1
        for n, (old, new) in enumerate(zip(self._before, now, strict=False)):
            if len(old) != len(new) or not all(map(is_, old, new)):
                self._asked.add(n)
        self._before = now
        names, terms = _Names(), list[str]()
        for n, (guard, values) in enumerate(zip(self._guards, now, strict=True)):
            if guard.place is None or n in self._asked or (guard.place[0] != "items" and _lacks(values)):
                terms.append(f"{names(guard)}.holds()")
            else:
                how, owner = guard.place
                terms += TERMS[how](owner, guard.names, values, names)
        self.holds = _function(terms, names.objects)

    def _ask(self) -> bool:
        return all(guard.holds() for guard in self._guards)


def _lacks(values: Sequence[Any]) -> bool:
    return any(value is MISSING for value in values)


def _there(guard: Guard) -> list[Any]:
    """The values at the guard's place now."""
    how, owner = guard.place or ("", ())
    if how in ("keys", "values"):
        return list(getattr(owner, how)())
    return list(owner if how == "elements" else guard.current())


def _function(terms: Sequence[str], objects: Sequence[Any]) -> Callable[[], bool]:
    parameters = ", ".join(f"c{n}" for n in range(len(objects)))
    body = " and\n        ".join(terms) or "True"
    source = f"def holds({parameters}):\n  try:\n    return (\n        {body})\n  except GONE:\n    return False\n"
    made: dict[str, Any] = {"GONE": (LookupError, AttributeError, ValueError, RuntimeError)}
    exec(source, made)
    holds: Any = made["holds"]
    holds.__defaults__ = tuple(objects)
    return holds  # type: ignore[no-any-return]
