"""A module called with other values for its parameters and buffers, which it has again when the call is over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from weft.framework.errors import OptionError, ShapeError
from weft.framework.module import Module
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

Named = Mapping[str, Tensor]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Named | Sequence[Named],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    strict: bool = False,
) -> Any:
    """What ``module(*args, **kwargs)`` gives with tensors by dotted path in the place of its parameters and buffers.

    parameter_and_buffer_dicts: one mapping or several, each of the shape of what it stands for; gradients go on to
    them. args: a tuple, or one argument that is none. What the call changes in place, it changes in the given tensors.
    A parameter that has several names follows any of them. strict: a tensor for every name and none for another, or
    FrameworkError is raised; without it, what the module has no place for is left out. Raises ShapeError.
    """
    given: dict[str, Tensor] = {}
    one = parameter_and_buffer_dicts
    for named in [one] if isinstance(one, Mapping) else one:
        twice = given.keys() & named.keys()
        if twice:
            raise OptionError(f"{user_line()}: functional_call has two tensors for {', '.join(sorted(twice))}")
        given |= named
    places: dict[str, Tensor] = {
        **dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers(remove_duplicate=False))
    }
    tied = {id(places[name]) for name in given.keys() & places.keys()}
    missing = [name for name, value in places.items() if strict and id(value) not in tied]
    unknown = [name for name in given if strict and name not in places]
    if missing or unknown:
        told = f"has no {', '.join(unknown)}" if unknown else f"needs {', '.join(missing)} too (strict=True)"
        raise OptionError(f"{user_line()}: functional_call: {type(module).__name__} {told}")
    known = {name: value for name, value in given.items() if name in places}
    for name, value in known.items():
        if value.shape != places[name].shape:
            raise ShapeError(
                f"{user_line()}: functional_call: {name} is {list(places[name].shape)}, not {list(value.shape)}"
            )
    arguments = args if isinstance(args, tuple) else () if args is None else (args,)
    with lent((places[name], value) for name, value in known.items()):
        return module(*arguments, **(kwargs or {}))


@contextmanager
def lent(pairs: Iterable[tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Inside, the first of each pair has the value, the history and the storage of the second.

    The first stay the same objects, so that what a trace notes of a module holds at the next call.
    """
    listed = [(tensor, value) for tensor, value in pairs if tensor is not value]
    own = [(tensor, tensor._storage, tensor._seen_as) for tensor, _ in listed]
    try:
        for tensor, value in listed:
            tensor._storage, tensor._seen_as = value._storage, value._seen_as
        yield
    finally:
        for tensor, storage, seen in own:
            tensor._storage, tensor._seen_as = storage, seen
