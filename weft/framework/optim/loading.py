"""An optimiser's state as nested dictionaries in torch's form, and back: all of it or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weft.framework.checkpoint import fitted
from weft.framework.errors import CheckpointError
from weft.framework.optim.groups import PARAMS, OptimizerLayout, ParamGroup, scalar_state
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array
from weft.framework.tensor import Tensor

if TYPE_CHECKING:
    from weft.framework.optim.optimizer import Optimizer

STATE, GROUPS = "state", "param_groups"
_TORCHS = frozenset({"step"})
"""State that torch keeps for optimisers whose steps do not depend on it."""


def saved(optimizer: Optimizer) -> dict[str, Any]:
    """State and options by the numbers of the parameters."""
    state: dict[int, dict[str, Array]] = {}
    groups: list[dict[str, Any]] = []
    for group in optimizer.param_groups:
        names = [*optimizer.shared_slots(group), *optimizer.slots(group)]
        numbers = range(first := sum(len(one[PARAMS]) for one in groups), first + len(group.params))
        if names:
            for number, parameter in zip(numbers, group.params, strict=True):
                state[number] = {name: optimizer.state[parameter][name].numpy() for name in names}
        groups.append({**group, PARAMS: list(numbers)})
    return {STATE: state, GROUPS: groups}


def load(optimizer: Optimizer, given: Mapping[str, Any]) -> None:
    """Set state and options, or nothing. Raises CheckpointError."""
    if not isinstance(given, Mapping) or given.keys() != {STATE, GROUPS}:
        keys = f"one of {', '.join(map(str, given))}" if isinstance(given, Mapping) else f"a {type(given).__name__}"
        raise CheckpointError(
            f"{user_line()}: an optimiser's state is a dictionary of 'state' and 'param_groups', as state_dict() gives "
            f"it, not {keys}"
        )
    groups = optimizer.param_groups
    _check_sizes(groups, given[GROUPS])
    options = [{key: value for key, value in one.items() if key != PARAMS} for one in given[GROUPS]]
    new: list[tuple[Tensor, dict[str, Array]]] = []
    for group, changes, one in zip(groups, options, given[GROUPS], strict=True):
        changed = ParamGroup(OptimizerLayout(), {**group, **changes})
        optimizer.check(changed)
        for number, parameter in zip(one[PARAMS], group.params, strict=True):
            new.append((parameter, _arrays(optimizer, changed, number, parameter, given[STATE].get(number))))
    for group, changes in zip(groups, options, strict=True):
        group.update(changes)
    optimizer.complete()
    for group in groups:
        shared = optimizer.shared_slots(group)
        _set([(optimizer.state[p], arrays) for p, arrays in new if p in set(group.params)], shared, optimizer)


def _check_sizes(groups: Sequence[ParamGroup], given: Sequence[Mapping[str, Any]]) -> None:
    own = [len(group.params) for group in groups]
    there = [len(group[PARAMS]) for group in given]
    if own != there:
        raise CheckpointError(f"{user_line()}: the optimiser's groups have {own} parameters, but {there} in the state")


def _arrays(
    optimizer: Optimizer, group: ParamGroup, number: int, parameter: Tensor, entry: Mapping[str, Any] | None
) -> dict[str, Array]:
    """The arrays of one parameter, checked; those of a new one if it has had no step."""
    shared, slots = optimizer.shared_slots(group), optimizer.slots(group)
    like = {name: scalar_state(value, group.dtype) for name, value in shared.items()}
    like |= {name: optimizer.filled(parameter, value) for name, value in slots.items()}
    if entry is None:
        return {name: tensor.numpy() for name, tensor in like.items()}
    missing, unknown = sorted(like.keys() - entry.keys()), sorted(entry.keys() - like.keys() - _TORCHS)
    if missing or unknown:
        found = (("missing", missing), ("unknown", unknown))
        parts = [f"{word} {', '.join(names)}" for word, names in found if names]
        kind = type(optimizer).__name__
        raise CheckpointError(f"the state of parameter {number} does not belong to this {kind}: {'; '.join(parts)}")
    return {name: fitted(f"{name} of parameter {number}", entry[name], tensor) for name, tensor in like.items()}


def _set(
    group: Sequence[tuple[dict[str, Tensor], Mapping[str, Array]]], shared: Mapping[str, float], optimizer: Optimizer
) -> None:
    """Give one group's state its new values; parameters share scalars exactly where these are equal."""
    scalars: dict[tuple[bytes, ...], dict[str, Tensor]] = {}
    taken: set[int] = set()
    for state, arrays in group:
        key = tuple(arrays[name].tobytes() for name in shared)
        if key not in scalars:
            own = {name: state[name] for name in shared}
            if any(id(tensor) in taken for tensor in own.values()):
                own = {name: scalar_state(0, state[name].dtype) for name in shared}
            taken.update(map(id, own.values()))
            scalars[key] = {name: tensor.assign(arrays[name]) for name, tensor in own.items()}
        if any(state[name] is not tensor for name, tensor in scalars[key].items()):
            state.update(scalars[key])
            optimizer.rearranged()
        for name in arrays.keys() - shared.keys():
            state[name].assign(Tensor(arrays[name], dtype=state[name].dtype))
