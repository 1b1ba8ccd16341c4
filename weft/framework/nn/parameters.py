"""Parameters in a list or by key, as attributes of a module."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from weft.framework.errors import OptionError, PlaceError
from weft.framework.module import Module, Parameter
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

__all__ = ["ParameterDict", "ParameterList"]


def _as_parameter(owner: Module, value: Any) -> Parameter:
    """A parameter as it is, a tensor as one. Raises FrameworkError for anything else."""
    if not isinstance(value, Tensor):
        raise OptionError(f"{user_line()}: a {type(owner).__name__} holds parameters, not a {type(value).__name__}")
    return value if isinstance(value, Parameter) else Parameter(value)


class ParameterList(Module):
    """Parameters named "0", "1", …; a tensor that is put in becomes one."""

    def __init__(self, values: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.extend(values)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._parameters.values())

    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    @overload
    def __getitem__(self, index: slice) -> ParameterList: ...
    def __getitem__(self, index: int | slice) -> Parameter | ParameterList:
        """A parameter by its place; for a slice a ParameterList of the same parameters."""
        if isinstance(index, slice):
            return ParameterList(list(self)[index])
        return list(self)[self._index(index)]

    def __setitem__(self, index: int, value: Tensor) -> None:
        setattr(self, str(self._index(index)), _as_parameter(self, value))

    def _index(self, index: Any) -> int:
        try:
            place = operator.index(index)
        except TypeError:
            kind = type(index).__name__
            raise PlaceError(f"{user_line()}: ParameterList takes a number or a slice, not a {kind}") from None
        if not -len(self) <= place < len(self):
            raise PlaceError(f"{user_line()}: ParameterList has {len(self)} parameters, so there is no [{place}]")
        return place % len(self)

    def append(self, value: Tensor) -> Self:
        """One more at the end."""
        setattr(self, str(len(self)), _as_parameter(self, value))
        return self

    def extend(self, values: Iterable[Tensor]) -> Self:
        """More at the end."""
        if isinstance(values, Tensor) or not isinstance(values, Iterable):
            kind = type(values).__name__
            raise OptionError(f"{user_line()}: a ParameterList takes a list of parameters, not a {kind}")
        for value in values:
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """A line a parameter."""
        return "\n".join(f"({name}): {_shown(p)}" for name, p in self._parameters.items())


class ParameterDict(Module):
    """Parameters by key; a tensor that is put in becomes one."""

    def __init__(self, parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] = ()) -> None:
        super().__init__()
        self.update(parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: object) -> bool:
        return key in self._parameters

    def __getitem__(self, key: str) -> Parameter:
        """Raises PlaceError, an IndexError, for a key that is not there."""
        if key not in self._parameters:
            raise PlaceError(f"{user_line()}: ParameterDict has no {key!r}; it has {', '.join(self) or 'nothing'}")
        return self._parameters[key]

    def __setitem__(self, key: str, value: Tensor) -> None:
        self.register_parameter(key, _as_parameter(self, value))

    def __delitem__(self, key: str) -> None:
        self[key]
        delattr(self, key)

    def keys(self) -> Iterable[str]:
        """The keys."""
        return self._parameters.keys()

    def values(self) -> Iterable[Parameter]:
        """The parameters."""
        return self._parameters.values()

    def items(self) -> Iterable[tuple[str, Parameter]]:
        """Keys and parameters."""
        return self._parameters.items()

    def update(self, parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]) -> None:
        """Take in what a mapping, or pairs, have. Raises FrameworkError for anything else."""
        for key, value in _pairs(self, parameters):
            self[key] = value

    def extra_repr(self) -> str:
        """A line a parameter."""
        return "\n".join(f"({name}): {_shown(p)}" for name, p in self._parameters.items())


def _pairs(owner: Module, given: Any) -> list[tuple[str, Any]]:
    try:
        return [(key, value) for key, value in (given.items() if isinstance(given, Mapping) else given)]
    except (TypeError, ValueError):
        kind = type(owner).__name__
        raise OptionError(
            f"{user_line()}: a {kind} takes a dictionary or pairs of key and value, not a {type(given).__name__}"
        ) from None


def _shown(parameter: Parameter) -> str:
    extents = "x".join(map(str, parameter.shape))
    return f"Parameter containing: [{parameter.dtype} of size {extents}]"
