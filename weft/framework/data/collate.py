"""From samples to a batch: every field of theirs stacked, whatever nest of fields they are."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from weft.framework.data.errors import CollateError
from weft.framework.dtypes import promote
from weft.framework.errors import DTypeError
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor

Number = bool | int | float | np.generic


def default_collate(batch: Sequence[Any]) -> Any:
    """A batch of samples that are alike: each field with a new first axis, one place for each sample.

    Tensors and arrays of equal shapes are stacked, numbers become a tensor (of float32, int32 or bool, as data without
    a type does), text and bytes stay as they are. Dictionaries, named tuples and lists stay such; a tuple becomes a
    list, as in torch. Raises CollateError, naming the field, for samples that differ and for what no batch can hold.
    """
    try:
        samples = list(batch)
    except TypeError:
        raise CollateError(
            f"{user_line()}: a batch is made of a list of samples, not of a {type(batch).__name__}"
        ) from None
    if not samples:
        raise CollateError(f"{user_line()}: a batch is made of one sample at least; there is none")
    return _collate(samples, "")


def default_convert(data: Any) -> Any:
    """A single sample as a batch gives it: arrays become tensors, tuples lists; all else stays as it is."""
    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return Tensor(data) if _is_numeric(data) else data
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if _is_named(data):
        return type(data)(*(default_convert(part) for part in data))
    if isinstance(data, Sequence):
        return _like_sequence(data, [default_convert(part) for part in data])
    return data


def _collate(samples: Sequence[Any], path: str) -> Any:
    first = samples[0]
    for kinds, rule in _RULES:
        if isinstance(first, kinds):
            odd = next((i for i, sample in enumerate(samples) if not isinstance(sample, kinds)), None)
            if odd is not None:
                raise _differ(path, samples, odd, lambda sample: f"a {type(sample).__name__}")
            return rule(samples, path)
    raise CollateError(
        f"{user_line()}: {_named(path)} of sample 0 is {_kind(first)}; a batch is made of tensors, arrays, numbers, "
        "texts, and dictionaries, tuples and lists of them; give a collate_fn for anything else"
    )


def _tensors(samples: Sequence[Any], path: str) -> Tensor:
    _check_shapes(samples, path)
    dtype = functools.reduce(promote, (sample.dtype for sample in samples))
    return Tensor(np.stack([sample.to(dtype).numpy() for sample in samples]), dtype=dtype)


def _arrays(samples: Sequence[Any], path: str) -> Tensor:
    odd = next((i for i, sample in enumerate(samples) if not _is_numeric(sample)), None)
    if odd is not None:
        raise CollateError(
            f"{user_line()}: {_named(path)} of sample {odd} is an array of {samples[odd].dtype}, which no tensor holds"
        )
    _check_shapes(samples, path)
    return _made(np.stack(samples), path)


def _numbers(samples: Sequence[Any], path: str) -> Tensor:
    return _made(np.asarray(samples), path)


def _texts(samples: Sequence[Any], path: str) -> Sequence[Any]:
    return samples


def _mappings(samples: Sequence[Any], path: str) -> Any:
    first = samples[0]
    made = {}
    for key in first:
        odd = next((i for i, sample in enumerate(samples) if key not in sample), None)
        if odd is not None:
            raise CollateError(f"{user_line()}: {_named(_below(path, key))} is in sample 0, but not in sample {odd}")
        made[key] = _collate([sample[key] for sample in samples], _below(path, key))
    return _like_mapping(first, made)


def _sequences(samples: Sequence[Any], path: str) -> Any:
    first = samples[0]
    odd = next((i for i, sample in enumerate(samples) if len(sample) != len(first)), None)
    if odd is not None:
        raise _differ(path, samples, odd, lambda sample: f"of {len(sample)} parts")
    names = first._fields if _is_named(first) else range(len(first))
    made = [_collate(part, _below(path, name)) for name, part in zip(names, zip(*samples, strict=True), strict=True)]
    return type(first)(*made) if _is_named(first) else _like_sequence(first, made)


_RULES: tuple[tuple[Any, Callable[[Sequence[Any], str], Any]], ...] = (
    (Tensor, _tensors),
    (np.ndarray, _arrays),
    (str | bytes, _texts),
    (Number, _numbers),
    (Mapping, _mappings),
    (Sequence, _sequences),
)
"""What the samples of a field are → how a batch is made of them; the first that fits."""


def _check_shapes(samples: Sequence[Any], path: str) -> None:
    odd = next((i for i, sample in enumerate(samples) if sample.shape != samples[0].shape), None)
    if odd is not None:
        error = _differ(path, samples, odd, lambda sample: f"of shape {list(sample.shape)}")
        raise CollateError(f"{error}; make them alike, or give a collate_fn that pads them")


def _differ(path: str, samples: Sequence[Any], odd: int, told: Callable[[Any], str]) -> CollateError:
    first, other = told(samples[0]), told(samples[odd])
    return CollateError(
        f"{user_line()}: {_named(path)} differs: it is {first} in sample 0, and {other} in sample {odd}"
    )


def _made(values: Any, path: str) -> Tensor:
    """A tensor of values. What no tensor can be made of is told with the field's name."""
    try:
        return Tensor(values)
    except DTypeError as problem:
        raise CollateError(f"{user_line()}: {_named(path)}: {str(problem).removeprefix(f'{user_line()}: ')}") from None


def _like_mapping(like: Any, parts: dict[Any, Any]) -> Any:
    """The parts as a mapping of the class of ``like``, as far as one can be made."""
    if type(like) is dict:
        return parts
    try:
        if isinstance(like, MutableMapping):
            twin = copy.copy(like)
            twin.update(parts)
            return twin
        return type(like)(parts)
    except TypeError:
        return parts


def _like_sequence(like: Any, parts: list[Any]) -> Any:
    """The parts as a sequence of the class of ``like``, as far as one can be made; a tuple's as a list."""
    if isinstance(like, tuple) or type(like) is list:
        return parts
    try:
        if isinstance(like, MutableSequence):
            twin = copy.copy(like)
            twin[:] = parts
            return twin
        return type(like)(parts)
    except TypeError:
        return parts


def _is_named(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _is_numeric(array: Any) -> bool:
    """Whether a tensor can hold it: ml_dtypes' types are of kind V."""
    return array.dtype.kind in "biufV" and array.dtype.names is None


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _below(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _named(path: str) -> str:
    return f"field {path!r}" if path else "the value"
